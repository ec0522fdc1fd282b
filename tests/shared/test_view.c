/* SPDX-License-Identifier: Apache-2.0
 *
 * What others have put into the store, on three simulated members over real sockets: documents of every wrong kind are left out and named in
 * UTF-8, and none of them hides those that are good. */
#include "members.h"

#include <signalbox/mongo/store_door.h>
#include <signalbox/shared/view_read.h>

#include <string.h>

#define LOG "0123456789abcdef0123456789abcdef"
#define HASH LOG LOG

static struct {
    struct members of;
    struct sb_store *store;
} lab;

static void put(const char *coll, bson_t *doc)
{
    bson_error_t e = {0};
    mongoc_collection_t *c = mongoc_client_get_collection(lab.of.client, SB_STORE_DATABASE, coll);
    if (!mongoc_collection_insert_one(c, doc, NULL, NULL, &e))
        fail_msg("%s: %s", coll, e.message);
    mongoc_collection_destroy(c);
    bson_destroy(doc);
}

static int start(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    const char *why;
    int rc = members_start(&lab.of);
    if (rc || !lab.of.client)
        return rc;
    put("meta", BCON_NEW("_id", "store", "version", BCON_INT32(SB_STORE_VERSION), "id", LOG));
    lab.store = sb_store_open(&(struct sb_store_options){.uri = lab.of.uri, .look = true}, &err);
    if (!lab.store || sb_store_check(lab.store, NULL, &why) != SB_STORE_WELL)
        fail_msg("%s", lab.store ? why : err.msg);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sb_store_close(lab.store);
    return members_end(&lab.of);
}

static void need_lab(void)
{
    if (!lab.of.client)
        sb_test_skip("SIGNALBOX does not name the program, whose simulator is wanted");
}

static bool utf8(const char *text)
{
    return bson_utf8_validate(text, strlen(text), false);
}

/* ---- hosts ---- */

static bool count_host(void *ctx, const struct sb_store_host_row *row)
{
    assert_string_equal(row->log, LOG);
    assert_string_equal(row->host, "alpha.example");
    assert_null(row->team);        /* too long */
    assert_null(row->environment); /* a number */
    assert_null(row->program);     /* a NUL within */
    assert_true(row->beat == 0 && row->head == 0 && !row->draining);
    ++*(int *)ctx;
    return true;
}

static void hosts_of_every_kind(void **state)
{
    (void)state;
    need_lab();
    struct sb_err err = SB_ERR_INIT;
    struct sb_store_odd odd = {.n = 0};
    int seen = 0;
    char name[600], accents[241];
    for (size_t i = 0; i < sizeof accents - 1; i++)
        accents[i] = i % 2 ? '\xA9' : '\xC3';
    accents[sizeof accents - 1] = '\0';
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    bson_t *deployment = BCON_NEW("team", name, "environment", BCON_INT32(4)), *row = BCON_NEW("_id", LOG, "host", "alpha.example", "deployment", BCON_DOCUMENT(deployment), "beat", "now", "head",
                                                                                              BCON_INT64(-7), "draining", BCON_INT32(1));
    bson_append_utf8(row, "program", -1, "0.1\0.0", 6);
    bson_destroy(deployment);
    put("hosts", row);
    put("hosts", BCON_NEW("_id", accents)); /* the first in their order is named, and cut within a character if nobody looks */
    put("hosts", BCON_NEW("_id", BCON_INT64(INT64_MIN)));
    put("hosts", BCON_NEW("_id", "\x1b[2J\nalpha"));
    for (size_t i = 0; i < 6; i++) { /* whichever is named, at whatever place it is cut */
        char shifted[260];
        snprintf(shifted, sizeof shifted, "%.*s%s", (int)i, "zzzzzz", accents);
        bson_t *doc = BCON_NEW("_id", shifted);
        struct sb_store_odd alone = {.n = 0};
        sb_store_odd_add(&alone, "hosts", doc, "its _id is no ledger's");
        bson_destroy(doc);
        assert_true(alone.n == 1 && utf8(alone.what) && strstr(alone.what, "no ledger"));
    }
    assert_int_equal(sb_store_hosts(lab.store, count_host, &seen, &odd, &err), 1);
    assert_int_equal(seen, 1);
    assert_int_equal(odd.n, 3);
    assert_true(utf8(odd.what));
    assert_int_equal(sb_store_hosts(lab.store, count_host, &seen, NULL, &err), 1);
}

/* ---- checkpoints, cards and incidents ---- */

static bool count_checkpoint(void *ctx, const struct sb_store_checkpoint_row *row)
{
    assert_true(row->n == 4 && strcmp(row->root, HASH) == 0);
    ++*(int *)ctx;
    return true;
}

static bool count_item(void *ctx, const struct sb_store_item_row *row)
{
    assert_true(strlen(row->id) <= SB_STORE_ITEM_ID && row->n > 0);
    ++*(int *)ctx;
    return *(int *)ctx < 2;
}

static bson_t *item(const char *key, const char *id, int64_t n, const char *state)
{
    return BCON_NEW("_id", "{", "l", LOG, key, BCON_UTF8(id), "}", "n", BCON_INT64(n), "state", BCON_UTF8(state), "bytes", BCON_UTF8("{}"));
}

static void copies_of_every_kind(void **state)
{
    (void)state;
    need_lab();
    struct sb_err err = SB_ERR_INIT;
    struct sb_store_odd odd = {.n = 0};
    char id[SB_STORE_ITEM_ID + 2];
    int seen = 0;
    memset(id, 'C', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    put("cards", item("card", id, 1, "failed")); /* a byte too long */
    put("cards", item("card", id + 1, 1, "failed"));
    put("cards", item("card", "C-2", 0, "failed"));
    put("cards", item("card", "C-3", 5, "done"));
    put("cards", item("incident", "C-4", 5, "failed"));
    put("cards", BCON_NEW("_id", "{", "l", LOG, "card", "C-5", "}", "n", BCON_INT64(3), "bytes", "{", "}"));
    assert_int_equal(sb_store_cards(lab.store, LOG, true, count_item, &seen, &odd, &err), 1);
    assert_int_equal(odd.n, 4);
    assert_int_equal(sb_store_cards(lab.store, NULL, false, count_item, &seen, NULL, &err), 1); /* it stops where it is told to */
    seen = 0;
    put("incidents", item("incident", "A-1", 1, "open"));
    put("incidents", item("incident", "A-2", 1, "closed"));
    put("incidents", item("card", "A-3", 1, "open"));
    odd.n = 0;
    assert_int_equal(sb_store_incidents(lab.store, NULL, true, count_item, &seen, &odd, &err), 1);
    assert_true(odd.n == 1 && strstr(odd.what, "A-3"));
    seen = 0;
    put("checkpoints", BCON_NEW("_id", LOG, "n", BCON_INT64(4), "root", HASH, "note", "signed"));
    put("checkpoints", BCON_NEW("_id", "0" LOG, "n", BCON_INT64(4), "root", HASH, "note", "signed"));
    put("checkpoints", BCON_NEW("_id", BCON_OID(&(bson_oid_t){{0}}), "n", BCON_INT64(4), "root", HASH, "note", "signed"));
    odd.n = 0;
    assert_int_equal(sb_store_checkpoints(lab.store, count_checkpoint, &seen, &odd, &err), 1);
    assert_int_equal(odd.n, 2);
}

/* ---- entries ---- */

static bool count_entry(void *ctx, const struct sb_store_entry_row *row)
{
    int64_t *next = ctx;
    assert_true(row->n >= *next && row->len == strlen(row->bytes));
    *next = row->n + 1; /* as an export counts */
    return true;
}

static bson_t *entry(const bson_value_t *n, const char *hash)
{
    bson_t *doc = bson_new(), id;
    BSON_APPEND_DOCUMENT_BEGIN(doc, "_id", &id);
    BSON_APPEND_UTF8(&id, "l", LOG);
    bson_append_value(&id, "n", 1, n);
    bson_append_document_end(doc, &id);
    BSON_APPEND_UTF8(doc, "h", hash);
    BSON_APPEND_UTF8(doc, "b", "{}");
    return doc;
}

static bson_value_t number(int64_t n)
{
    return (bson_value_t){.value_type = BSON_TYPE_INT64, .value.v_int64 = n};
}

static void entries_of_every_kind(void **state)
{
    (void)state;
    need_lab();
    struct sb_err err = SB_ERR_INIT;
    struct sb_store_odd odd = {.n = 0};
    bson_value_t first = number(1), fourth = number(4), last = number(INT64_MAX), half = {.value_type = BSON_TYPE_DOUBLE, .value.v_double = 2.5};
    int64_t next = 1, head = 0;
    put("entries", entry(&first, HASH));
    put("entries", entry(&fourth, HASH));
    put("entries", entry(&half, HASH));
    assert_int_equal(sb_store_entries(lab.store, LOG, 1, 0, count_entry, &next, &odd, &err), 2);
    assert_true(next == 5 && odd.n == 1);
    sb_assert_ok(sb_store_head(lab.store, LOG, &head, &err), err);
    assert_int_equal(head, 4);
    /* the largest number there is has none behind it */
    put("entries", entry(&last, HASH));
    next = 1;
    odd.n = 0;
    assert_int_equal(sb_store_entries(lab.store, LOG, 1, 0, count_entry, &next, &odd, &err), 2);
    assert_true(next == 5 && odd.n == 2);
}

/* ---- leases ---- */

static void leases_of_every_kind(void **state)
{
    (void)state;
    need_lab();
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease *list = NULL;
    size_t n = 0;
    int64_t now;
    put("leases", BCON_NEW("_id", "rs:1", "owner", LOG, "epoch", BCON_INT64(7), "pid", BCON_INT64(INT64_MAX), "until", BCON_INT64(INT64_MIN), "beat", BCON_DATE_TIME(INT64_MAX), "open", "{", "card", BCON_INT32(3), "}", "hold", "{",
                           "until", BCON_INT64(INT64_MAX), "by", BCON_INT32(1), "}"));
    put("leases", BCON_NEW("_id", BCON_INT32(2), "owner", LOG, "epoch", BCON_INT64(1)));
    put("leases", BCON_NEW("_id", "rs:3", "owner", LOG, "epoch", BCON_INT64(-1)));
    put("leases", BCON_NEW("_id", "rs:4", "owner", LOG, "epoch", BCON_INT64(INT64_MAX))); /* no record and no statement can hold it */
    sb_assert_ok(sb_store_now(lab.store, &now, &err), err);
    sb_assert_ok(sb_store_lease_rows(lab.store, &list, &n, &err), err);
    assert_int_equal(n, 1);
    assert_true(list[0].until == 0 && list[0].beat == SB_STORE_LAST_MS && list[0].hold.until == SB_STORE_LAST_MS); /* moments, of which one may be taken from another */
    assert_true(now - list[0].until > 0 && list[0].hold.until - now > 0);
    assert_true(strcmp(list[0].open.card, "?") == 0 && list[0].open.class_ == SB_STEP_IRREVERSIBLE);
    free(list);
}

/* ---- one that is too long ---- */

static void one_too_long_is_said(void **state)
{
    (void)state;
    need_lab();
    struct sb_err err = SB_ERR_INIT;
    const char *why;
    int seen = 0;
    char *text = malloc(SB_STORE_DOCUMENT_BYTES + 1);
    memset(text, 'a', SB_STORE_DOCUMENT_BYTES);
    text[SB_STORE_DOCUMENT_BYTES] = '\0';
    put("hosts", BCON_NEW("_id", "long", "host", BCON_UTF8(text)));
    free(text);
    assert_int_equal(sb_store_hosts(lab.store, count_host, &seen, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "longer than"));
    assert_int_equal(sb_store_check(lab.store, NULL, &why), SB_STORE_WELL); /* the rest of it can be asked again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_of_every_kind),   cmocka_unit_test(copies_of_every_kind), cmocka_unit_test(entries_of_every_kind),
        cmocka_unit_test(leases_of_every_kind), cmocka_unit_test(one_too_long_is_said),
    };
    return cmocka_run_group_tests(tests, start, end);
}
