/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that only look: at backups, and at what documents look like. No card comes of them that asks for anything, a seat that decides nothing may
 * ask, and what was read and found is on the record. */
#include "lab.h"

#include <sys/stat.h>

static void says(struct lab *l, const char *words)
{
    if (!strstr(l->answer, words))
        fail_msg("\"%s\" does not say \"%s\"", l->answer, words);
}

static int ask(struct lab *l, const char *request)
{
    return lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request));
}

/* Until it is connected. */
static int ask_connected(struct lab *l, const char *request)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    int status;
    while ((status = ask(l, request)) == 3) {
        lab_take(l, &l->alice, 0, 100);
        assert_true(sb_mono_ms() < until);
    }
    return status;
}

static char *write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
    char *path = sb_format("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* ---- the record ---- */

struct seen {
    const char *case_id;
    int64_t commands, cards, real; /* real: not marked as simulated */
    int64_t back;                  /* hand-offs with facts, by the specialist itself */
    const char *specialist, *fact, *coverage;
    bool have_fact, on_secondary, walked;
    char outcome[2048];
};

static int look_at_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct seen *s = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    s->cards += e->kind == SB_ENTRY_RECOMMENDATION;
    if (e->kind == SB_ENTRY_COMMAND && strstr(sb_json_str(e->body, "command"), "\"people\"")) {
        s->walked |= strstr(sb_json_str(e->body, "command"), "{ \"_id\" : { \"$gte\" : \"<string>\", \"$lte\" : \"<string>\" } }") != NULL;
        assert_null(strstr(sb_json_str(e->body, "command"), "example.org"));
    }
    if (!sb_streq(e->plan.case_id, s->case_id))
        return 0;
    s->real += !e->plan.simulated;
    if (e->kind == SB_ENTRY_COMMAND) {
        s->commands++;
        s->on_secondary |= strstr(sb_json_str(e->body, "command"), "$sample") && strncmp(sb_json_str(e->body, "member"), "127.0.0.1:", 10) == 0;
    }
    if (e->kind == SB_ENTRY_CASE_CLOSE)
        snprintf(s->outcome, sizeof s->outcome, "%s", sb_json_str(e->body, "outcome"));
    if (e->kind != SB_ENTRY_HANDOFF || !sb_streq(e->actor.principal, s->specialist))
        return 0;
    const json_t *list = json_object_get(json_object_get(e->body, "handoff"), "evidence"), *fact;
    size_t i;
    s->back++;
    json_array_foreach(list, i, fact)
        s->have_fact |= strstr(sb_json_str(fact, "what"), s->fact) && strstr(sb_json_str(fact, "coverage"), s->coverage);
    return 0;
}

static struct seen look_at_case(struct lab *l, const char *id, const char *specialist, const char *fact, const char *coverage)
{
    struct seen s = {.case_id = id, .specialist = specialist, .fact = fact, .coverage = coverage};
    lab_each_entry(l, look_at_entry, &s);
    return s;
}

/* ---- backups ---- */

static void backups_are_looked_at(void **state)
{
    (void)state;
    static const char metadata[] = "{\"options\": {}, \"indexes\": [{\"v\": 2, \"key\": {\"_id\": 1}, \"name\": \"_id_\"}]}";
    char *dir = sb_format("%s", sb_test_dir()), *root = sb_format("%s/d\xff", dir), *db = sb_format("%s/shop", root); /* a name that is no UTF-8 */
    assert_int_equal(mkdir(root, 0700) || mkdir(db, 0700), 0);
    free(write_file(db, "orders.bson", "\5\0\0\0", 5));
    free(write_file(db, "orders.metadata.json", metadata, strlen(metadata)));
    char *paths[] = {root, sb_format("%s/nothing", dir)};
    struct lab l;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_PROD, .read_only = true, .backups = paths, .backups_n = 2});
    while (l.samples == 0)
        lab_take(&l, &l.alice, 0, 200);
    assert_int_equal(ask(&l, "are our backups good?"), 0);
    says(&l, "The newest usable backup of lab is ");
    says(&l, "/d\xEF\xBF\xBD (mongodump-directory), shown to L1");
    says(&l, "Not looked at: ");
    assert_int_equal(ask(&l, "is there a backup of shop.orders from this week?"), 0);
    says(&l, "shop.orders is in it");
    assert_int_equal(ask(&l, "is there a backup of shop.gone from this week?"), 1); /* no such collection now: it may be in a backup all the same */
    says(&l, "No: the one usable backup of lab does not hold shop.gone.");
    assert_int_equal(ask(&l, "run a restore drill"), 4);
    says(&l, "This console is read-only, and a drill writes");
    assert_int_equal(ask(&l, "restore plan for the cluster"), 0);
    says(&l, "C-000001: Restore plan for lab");
    lab_until_state(&l, SB_ADVISORY);
    assert_true(l.card.kind == SB_KIND_ADVISORY && l.card.steps_n == 0 && l.card.notes_n == 8 && !l.card.approve_by && !l.card.execute_by);
    assert_string_equal(l.card.notes[0].title, "1. Stop every writer");
    assert_non_null(strstr(l.card.title, "/d\xEF\xBF\xBD"));
    assert_non_null(strstr(l.card.why, "minutes of it by now"));
    assert_string_equal(l.card.evidence[l.card.evidence_n - 1].value, "none: no restore drill is on the record"); /* it is risky */
    lab_close(&l);
    struct seen s = look_at_case(&l, "K-000001", "backup_guardian", "backup, mongodump-directory", "estimated");
    assert_true(s.back == 1 && s.have_fact && s.commands == 0 && s.cards == 1 && s.real == 0); /* the card is the plan */
    assert_non_null(strstr(s.outcome, "The newest usable backup of lab is "));
    s = look_at_case(&l, "K-000001", "backup_guardian", "place of backups", "blind");
    assert_true(s.have_fact);
    s = look_at_case(&l, "K-000003", "backup_guardian", "backup", "estimated");
    assert_true(s.back == 1 && strstr(s.outcome, "No: the one usable backup of lab does not hold "));
    free(paths[1]);
    free(db);
    free(root);
    free(dir);
}

static void put_manifest(const char *dir, const char *name, const char *status, int64_t at)
{
    char when[SB_TIME_LEN + 1];
    sb_time_format(when, at);
    char *text = sb_format("{\"signalbox_snapshot\": 1, \"provider\": \"zfs\", \"created_at\": \"%s\", \"completed_at\": \"%s\", \"status\": \"%s\", "
                           "\"volumes\": [{\"id\": \"v\", \"member\": \"db1\", \"holds\": [\"data\"], \"size_bytes\": 1024, \"status\": \"%s\"}]}", when, when, status, status);
    free(write_file(dir, name, text, strlen(text)));
    free(text);
}

/* One look of its own after a start; how many completed backups are on the record then. */
static int64_t completed_after_a_look(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    bool looked = false;
    while (!looked) {
        struct sb_mail mail;
        if (sb_queue_wait(l->alice.news, &mail, 200)) {
            looked = ((struct sb_message *)mail.payload)->type == SB_NEWS_RECOVERY;
            sb_message_free(mail.payload);
        }
        assert_true(sb_mono_ms() < until);
    }
    lab_stop(l);
    return lab_entries(l, SB_ENTRY_BACKUP, "completed");
}

/* A backup that was there before the record began is no news; one that has come since is, once, also after a restart. */
static void what_has_come_is_on_the_record(void **state)
{
    (void)state;
    char *dir = sb_format("%s/snapshots", sb_test_dir()), *paths[] = {dir};
    assert_int_equal(mkdir(dir, 0700), 0);
    put_manifest(dir, "old.json", "completed", sb_wall_ms() - 86400000);
    struct lab l;
    const struct lab_options options = {.environment = SB_ENV_DEV, .backups = paths, .backups_n = 1};
    lab_open(&l, &options);
    assert_int_equal(completed_after_a_look(&l), 0);
    put_manifest(dir, "new.json", "completed", sb_wall_ms());
    put_manifest(dir, "going-on.json", "pending", sb_wall_ms());
    for (int again = 0; again < 2; again++) {
        lab_start(&l, &options);
        assert_int_equal(completed_after_a_look(&l), 1);
    }
    lab_end(&l);
    free(dir);
}

static void no_place_is_named(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_DEV});
    assert_int_equal(ask(&l, "are our backups good?"), 1); /* also before there is a connection */
    says(&l, "Write \"backup PATH\" below \"deployment lab\" there");
    l.o->looking_at_backups = true; /* as if a disk did not answer; nobody else is at it now */
    assert_int_equal(ask(&l, "are our backups good?"), 1);
    says(&l, "are being looked at for another request");
    l.o->looking_at_backups = false;
    assert_int_equal(ask(&l, "are our backups good?"), 1);
    says(&l, "Write \"backup PATH\"");
    lab_close(&l);
}

/* ---- schemas ---- */

static void a_schema_is_reviewed(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_PROD, .read_only = true});
    assert_int_equal(ask_connected(&l, "review the schema of shop.orders"), 0);
    says(&l, "documents were looked at");
    says(&l, "customer_id (int)");
    assert_int_equal(ask(&l, "review the schema"), 2);
    says(&l, "Which collection?");
    lab_command(&l, "shop", "{\"insert\": \"people\", \"documents\": [{\"_id\": \"ann@example.org\", \"email\": \"ann@example.org\"}, {\"_id\": \"bob@example.org\", \"email\": \"bob@example.org\"}]}");
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (ask(&l, "find personal data in shop.people") != 0 || !strstr(l.answer, "all 2 documents")) { /* a secondary may be behind */
        lab_take(&l, &l.alice, 0, 100);
        if (sb_mono_ms() > until)
            fail_msg("%s", l.answer);
    }
    says(&l, "Personal data, suggested as sensitive to policy: _id (email), email (email).");
    assert_null(strstr(l.answer, "example.org"));
    assert_int_equal(ask(&l, "rename a to b in shop.orders"), 2);
    says(&l, "no document of shop.orders holds a");
    ask(&l, "move a.b to b in shop.orders"); /* a field that moves within its document gets another name */
    says(&l, "no document of shop.orders holds a.b");
    ask(&l, "archive shop.orders older than 2 years");
    says(&l, "archive documents of shop.orders older than 730 days by FIELD");
    ask(&l, "choose a shard key for shop.orders");
    says(&l, "Which key?");
    ask(&l, "is shop.orders ready for a shard key?");
    says(&l, "Nothing is sharded from here");
    l.o->reviewing = true;
    assert_int_equal(ask(&l, "review the schema of shop.orders"), 1);
    says(&l, "one is read at a time");
    l.o->reviewing = false;
    char answer[2048];
    assert_int_equal(ask(&l, "what fields does shop.orders have?"), 0);
    snprintf(answer, sizeof answer, "%s", l.answer);
    int64_t last = l.o->last_case;
    lab_close(&l);
    char id[32];
    snprintf(id, sizeof id, "K-%06d", (int)last);
    struct seen s = look_at_case(&l, id, "data_architect", "fields", strstr(answer, "all ") ? "measured" : "sampled");
    assert_true(s.back == 1 && s.have_fact && s.cards == 0 && s.real == 0 && s.on_secondary);
    assert_true(s.walked);
    assert_true(s.commands > 5); /* whom it asked for a secondary, the count, the documents, the indexes */
    assert_string_equal(s.outcome, answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backups_are_looked_at),
        cmocka_unit_test(what_has_come_is_on_the_record),
        cmocka_unit_test(no_place_is_named),
        cmocka_unit_test(a_schema_is_reviewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
