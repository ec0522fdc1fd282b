/* SPDX-License-Identifier: Apache-2.0
 *
 * The Data Architect's inference where the package that is its oracle has nothing to say: kinds of text, intervals, folding,
 * twins, bounds of what is kept. */
#include "test.h"

#include <bson/bson.h>
#include <signalbox/agents/data_architect.h>
#include <signalbox/agents/schema_crowd.h>
#include <signalbox/agents/schema_look.h>
#include <signalbox/base/str.h>

#include <math.h>
#include <string.h>

#define BIT(kind) (1u << SB_TEXT_##kind)

static void tells_texts_by_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned kinds;
    } table[] = {
        {"2026-11-23", BIT(DATE)}, {"2026-11-23T09:05:10.707Z", BIT(DATE)}, {"2026/11/23 09:05", BIT(DATE)}, {"23.11.2026", BIT(DATE)}, {"11/23/2026", BIT(DATE)},
        {"2026-13-23", 0}, {"2026-11-32", 0}, {"2026-11-23x", 0}, {"45.11.2026", 0},
        {"0", BIT(NUMBER)}, {"-12.50", BIT(NUMBER)}, {"1e9", BIT(NUMBER)}, {"+7", BIT(NUMBER)}, {"007", 0}, {"1.", 0}, {".5", 0}, {"12a", 0}, {"1,000", 0}, {"-", 0},
        {"ann@example.org", BIT(EMAIL)}, {"o'hara+tag@mail.example.co.uk", BIT(EMAIL)}, {"ann@example", 0}, {"@example.org", 0}, {"a b@example.org", 0}, {"a@b@example.org", 0},
        {"ann@example.o", 0}, {"j\xc3\xbcrgen@example.org", BIT(EMAIL)},
        {"4111111111111111", BIT(CARD) | BIT(NUMBER)}, {"4111 1111 1111 1111", BIT(CARD)}, {"5500-0000-0000-0004", BIT(CARD)}, {"4111111111111112", BIT(NUMBER)},
        {"0000000000000000", 0},
        {"DE89370400440532013000", BIT(IBAN)}, {"GB82 WEST 1234 5698 7654 32", BIT(IBAN)}, {"DE89370400440532013001", 0},
        {"192.168.0.1", BIT(IP)}, {"2001:db8::1", BIT(IP)}, {"256.1.1.1", 0}, {"1.2.3", 0},
        {"123-45-6789", BIT(NATIONAL_ID)}, {"900-45-6789", 0},
        {"0b9c23a8-9b52-46dd-8e7b-cb70f478b505", BIT(UUID)}, {"https://example.org/x", BIT(URL)}, {"0123456789abcdef01234567", BIT(OBJECT_ID)},
        {"+49 30 1234567", BIT(PHONE)}, {"(030) 123-4567", BIT(PHONE)}, {"+491701234567", BIT(PHONE)}, {"030 1234567", BIT(PHONE)}, {"555-123-4567", BIT(PHONE)}, {"12-345-678", 0}, {"1234 5678 9", 0}, {"12 34", 0}, {"", 0}, {"hello", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        unsigned got = sb_text_kinds(table[i].text, strlen(table[i].text));
        if (got != table[i].kinds)
            fail_msg("\"%s\": kinds %#x, not %#x", table[i].text, got, table[i].kinds);
    }
    char prose[400];
    memset(prose, '4', sizeof prose);
    assert_int_equal(sb_text_kinds(prose, sizeof prose), 0);
}

static void gives_wilsons_interval(void **state)
{
    (void)state;
    double low, high;
    sb_share_interval(10, 100, &low, &high); /* 0.0552 to 0.1744: the figures of E. B. Wilson's formula, as everybody gives them */
    assert_true(fabs(low - 0.0552) < 0.0002 && fabs(high - 0.1744) < 0.0002);
    sb_share_interval(0, 20, &low, &high);
    assert_true(low == 0 && fabs(high - 0.1611) < 0.0002);
    sb_share_interval(20, 20, &low, &high);
    assert_true(high == 1 && fabs(low - 0.8389) < 0.0002);
    sb_share_interval(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

/* ---- trees ---- */

static void add(struct sb_infer *in, const char *json)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    assert_non_null(doc);
    sb_assert_ok(sb_infer_document(in, bson_get_data(doc), doc->len, &err), err);
    bson_destroy(doc);
}

static const struct sb_seen_field *field(const struct sb_seen_object *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->field[i]->name, name) == 0)
            return o->field[i];
    return NULL;
}

static const struct sb_seen_object *object_in(const struct sb_seen_field *f)
{
    for (size_t i = 0; f && i < f->types.n; i++)
        if (f->types.item[i]->type == SB_BSON_OBJECT)
            return f->types.item[i]->of.object;
    return NULL;
}

/* What is folded at the end is what it would be had there been one field from the beginning. */
static void folds_without_losing(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_infer *names = sb_infer_new(&err), *list = sb_infer_new(&err);
    char text[256];
    for (int i = 0; i < 400; i++) {
        snprintf(text, sizeof text, "{\"m\": {\"total\": 1, \"d%d\": {\"n\": %d, \"s\": \"%d\", \"a\": [%d, null]}}}", i % 40, i, i % 3, i % 5);
        add(names, text);
        snprintf(text, sizeof text, "{\"m\": {\"total\": 1, \"x\": {\"n\": %d, \"s\": \"%d\", \"a\": [%d, null]}}}", i, i % 3, i % 5);
        add(list, text);
    }
    sb_infer_finish(names);
    sb_infer_finish(list);
    const struct sb_seen_object *folded = object_in(field(sb_infer_root(names), "m")), *plain = object_in(field(sb_infer_root(list), "m"));
    assert_int_equal(folded->n, 1);
    assert_non_null(field(folded, "total"));
    assert_non_null(folded->rest);
    assert_int_equal(folded->rest_names, 40);
    const struct sb_seen_object *a = object_in(folded->rest), *b = object_in(field(plain, "x"));
    assert_int_equal(folded->rest->count, 400);
    assert_int_equal(a->count, 400);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < b->n; i++) {
        const struct sb_seen_field *f = field(a, b->field[i]->name), *g = b->field[i];
        assert_non_null(f);
        assert_int_equal(f->count, g->count);
        assert_int_equal(f->types.n, g->types.n);
        for (size_t k = 0; k < g->types.n; k++) {
            const struct sb_seen_type *t = f->types.item[k], *u = g->types.item[k];
            assert_int_equal(t->type, u->type);
            assert_int_equal(t->count, u->count);
            assert_int_equal(t->duplicates, u->duplicates);
            assert_int_equal(t->values ? t->values->n : 0, u->values ? u->values->n : 0);
            if (t->type == SB_BSON_INT)
                assert_memory_equal(t->of.range, u->of.range, sizeof *t->of.range);
            if (t->type == SB_BSON_STRING)
                assert_memory_equal(t->of.text, u->of.text, sizeof *t->of.text);
            if (t->type == SB_BSON_ARRAY)
                assert_int_equal(t->of.array->elements, u->of.array->elements);
        }
    }
    assert_int_equal(sb_infer_totals(names)->paths, sb_infer_totals(list)->paths);
    sb_infer_free(names);
    sb_infer_free(list);
}

/* Words stay words, however many there are; so do a few numbered ones. */
static void folds_no_words(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_infer *in = sb_infer_new(&err);
    for (int i = 0; i < 100; i++)
        add(in, i % 2 ? "{\"line1\": \"a\", \"line2\": \"b\", \"q1\": 1, \"q2\": 2, \"q3\": 3, \"q4\": 4, \"alpha\": 1, \"beta\": 2}"
                      : "{\"alpha\": 1, \"gamma\": 1, \"delta\": 1, \"epsilon\": 1, \"zeta\": 1, \"eta\": 1, \"theta\": 1, \"iota\": 1}");
    sb_infer_finish(in);
    assert_null(sb_infer_root(in)->rest);
    assert_int_equal(sb_infer_root(in)->n, 15);
    sb_infer_free(in);
}

static const struct sb_schema_finding *finding(const struct sb_schema_findings *f, const char *path, const char *code)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->item[i].path, path) == 0 && strcmp(f->item[i].code, code) == 0)
            return &f->item[i];
    return NULL;
}

static void tells_twins_of_the_rarer(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_infer *in = sb_infer_new(&err);
    struct sb_schema_findings f;
    for (int i = 0; i < 10; i++)
        add(in, i < 7 ? "{\"in\": {\"customer_name\": \"a\", \"id\": 1, \"ID\": 2}}" : "{\"in\": {\"CustomerName\": \"b\", \"id\": 1}}");
    sb_infer_finish(in);
    sb_assert_ok(sb_schema_find(in, &f, &err), err);
    assert_non_null(finding(&f, "in.CustomerName", "naming_twins"));
    assert_string_equal(finding(&f, "in.CustomerName", "naming_twins")->text, "a twin of customer_name: that one is in 70 %, this one in 30 %");
    assert_non_null(finding(&f, "in.ID", "naming_twins"));
    assert_null(finding(&f, "in.customer_name", "naming_twins"));
    sb_schema_findings_release(&f);
    sb_infer_free(in);
}

static void tells_persons_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kind, *value; /* kind NULL: not about a person */
    } table[] = {
        {"lastName", "name", "\"x\""}, {"customer_ssn", "national id", "\"x\""}, {"customerSSN", "national id", "5"}, {"ssn2", "national id", "\"x\""}, {"className", NULL, "\"x\""},
        {"emailCount", NULL, "5"}, {"email_sent_at", NULL, "{\"$date\": {\"$numberLong\": \"5\"}}"}, {"dob", "date of birth", "{\"$date\": {\"$numberLong\": \"5\"}}"},
        {"userDob", "date of birth", "\"x\""}, {"dobro", NULL, "\"x\""}, {"work_phone", "phone", "5"}, {"home-Street", "address", "\"x\""}, {"passwordHash", "secret", "\"x\""},
        {"password", NULL, "true"}, {"SSN", "national id", "5"}, {"name", NULL, "\"x\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_infer *in = sb_infer_new(&err);
        struct sb_schema_findings f;
        char text[128];
        snprintf(text, sizeof text, "{\"%s\": %s}", table[i].name, table[i].value);
        add(in, text);
        sb_infer_finish(in);
        sb_assert_ok(sb_schema_find(in, &f, &err), err);
        const struct sb_schema_finding *found = finding(&f, table[i].name, "personal_data");
        if (!found != !table[i].kind || (found && strcmp(found->personal, table[i].kind) != 0))
            fail_msg("%s is %s", table[i].name, found ? found->personal : "nothing");
        sb_schema_findings_release(&f);
        sb_infer_free(in);
    }
}

/* 200 different values are seen to be different; one more that is not, is found among them. */
static void finds_the_one_duplicate(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_infer *in = sb_infer_new(&err);
    char text[64];
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "{\"s\": \"v%d\", \"d\": %d.5, \"n\": null}", i, i);
        add(in, text);
        assert_false(sb_infer_root(in)->field[0]->types.item[0]->duplicates);
        assert_false(sb_infer_root(in)->field[1]->types.item[0]->duplicates);
        assert_true(sb_infer_root(in)->field[2]->types.item[0]->duplicates);
    }
    add(in, "{\"s\": \"v77\", \"d\": 77.5}");
    assert_true(sb_infer_root(in)->field[0]->types.item[0]->duplicates);
    assert_true(sb_infer_root(in)->field[1]->types.item[0]->duplicates);
    assert_false(sb_seen_duplicates(&(struct sb_seen_types){NULL, 0}, 1));
    assert_true(sb_seen_duplicates(&(struct sb_seen_types){NULL, 0}, 2));
    sb_infer_free(in);
}

/* A look at documents of which every tenth has a field "b", in a collection of so many. */
static void look_at(struct sb_schema_look *out, const char *tenth, const char *others, int64_t documents)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_findings findings;
    struct sb_infer *in = sb_infer_new(&err);
    for (int i = 0; i < 1000; i++)
        add(in, i % 10 == 0 ? tenth : others);
    sb_infer_finish(in);
    sb_assert_ok(sb_schema_find(in, &findings, &err), err);
    sb_assert_ok(sb_schema_look_make(in, &findings, "shop.orders", 1, documents, "some", out, &err), err);
    sb_schema_findings_release(&findings);
    sb_infer_free(in);
}

static const struct sb_look_field *looked(const struct sb_schema_look *l, const char *path)
{
    for (size_t i = 0; i < l->fields_n; i++)
        if (sb_streq(l->fields[i].field, path))
            return &l->fields[i];
    fail_msg("no field %s", path);
    return NULL;
}

static void tells_what_has_changed_since_the_last_look(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_look before, now, same;
    look_at(&before, "{\"a\": 1, \"b\": [{\"c\": \"x\"}], \"gone\": 1}", "{\"a\": 1, \"often\": 1}", 50000);
    look_at(&now, "{\"a\": \"s\", \"b\": [{\"c\": \"x\"}], \"fresh\": 1}", "{\"a\": 1}", 50000);
    look_at(&same, "{\"a\": \"s\", \"b\": [{\"c\": \"x\"}], \"fresh\": 1}", "{\"a\": 1}", 50000);
    assert_int_equal(looked(&now, "b")->ppm, 100000);
    assert_int_equal(looked(&now, "b")->depth, 0);
    assert_int_equal(looked(&now, "b.c")->depth, 1);
    assert_int_equal(looked(&now, "a")->types_n, 2);
    assert_int_equal(looked(&now, "a")->types[0].ppm + looked(&now, "a")->types[1].ppm, 1000000);
    assert_non_null(strstr(looked(&now, "a")->note, "several types"));
    sb_assert_ok(sb_schema_look_compare(&before, &now, &err), err);
    assert_string_equal(looked(&now, "a")->drift, "now also string");
    assert_string_equal(looked(&now, "fresh")->drift, "new");
    assert_null(looked(&now, "b")->drift);
    assert_int_equal(now.gone_n, 2);
    assert_string_equal(now.gone[0], "gone");
    assert_string_equal(now.gone[1], "often");
    sb_assert_ok(sb_schema_look_compare(&now, &same, &err), err);
    for (size_t i = 0; i < same.fields_n; i++)
        assert_null(same.fields[i].drift);
    assert_int_equal(same.gone_n, 0);
    sb_record_release(&sb_schema_look_schema, &before);
    sb_record_release(&sb_schema_look_schema, &now);
    sb_record_release(&sb_schema_look_schema, &same);
}

/* What is said of databases of so many collections, of which the largest has names of two forms; NULL: nothing. The caller frees it. */
static char *crowd(int64_t shop, int64_t crm, int alike, int others)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_findings f = {.n = 0};
    struct sb_crowd *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->n = 2;
    c->database[0] = (struct sb_crowd_database){"crm", crm, crm, 4096 * crm};
    c->database[1] = (struct sb_crowd_database){"shop", shop, 2 * shop, 8192 * shop};
    assert_string_equal(sb_crowd_largest(c)->name, shop >= crm ? "shop" : "crm");
    for (int i = 0; i < alike + others; i++) {
        char name[40];
        snprintf(name, sizeof name, i < alike ? "day_%d_part_7" : "c%c%c", i < alike ? i : 'a' + i % 26, 'a' + i / 26 % 26);
        assert_int_equal(sb_crowd_add_name(c, name), 0);
    }
    sb_assert_ok(sb_schema_find_crowd(c, &f, &err), err);
    char *text = f.n ? sb_format("%s: %s", f.item[0].code, f.item[0].text) : NULL;
    assert_true(f.n <= 1);
    sb_schema_findings_release(&f);
    sb_crowd_release(c);
    free(c);
    return text;
}

static void tells_a_crowd_of_collections(void **state)
{
    (void)state;
    char *text;
    assert_null(crowd(999, 5, 999, 0));
    assert_null(crowd(9994, 5, 400, 600));
    assert_null(crowd(2500, 5, 1200, 1300)); /* fewer than half */
    text = crowd(1200, 5, 1000, 200);
    assert_string_equal(text, "many_collections: 1205 collections (shop 1200, crm 5), with 2405 indexes of 9850880 bytes; MongoDB advises at most 10000 in a replica set, for each is opened and kept up, however "
                              "little it holds. 1000 of shop differ in the digits of their names only (day_#_part_#): one collection with these as a field, first in its index, holds the same");
    free(text);
    text = crowd(9995, 5, 0, 900);
    assert_non_null(strstr(text, "10000 collections (shop 9995, crm 5)"));
    assert_null(strstr(text, "differ"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_texts_by_form), cmocka_unit_test(gives_wilsons_interval),   cmocka_unit_test(folds_without_losing),
        cmocka_unit_test(folds_no_words),      cmocka_unit_test(tells_twins_of_the_rarer), cmocka_unit_test(finds_the_one_duplicate),
        cmocka_unit_test(tells_persons_by_name), cmocka_unit_test(tells_what_has_changed_since_the_last_look),
        cmocka_unit_test(tells_a_crowd_of_collections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
