/* SPDX-License-Identifier: Apache-2.0
 *
 * The room of the shared store on three simulated members, over real sockets: opening and what it refuses, the copy of a ledger through
 * kill -9, a store that was put back, a fork, approvals and starts of two hosts. */
#include "members.h"

#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/mongo/store_door.h>
#include <signalbox/shared/store.h>

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    struct members of;
    int db;
    char name[32];
} lab;

static const char *die_at; /* the point at which this process is killed */

void sb_hook(const char *point)
{
    if (die_at && strcmp(point, die_at) == 0)
        kill(getpid(), SIGKILL);
}

static int start(void **state)
{
    (void)state;
    return members_start(&lab.of);
}

static int end(void **state)
{
    (void)state;
    return members_end(&lab.of);
}

/* A store of its own for each test: another database. */
static int fresh(void **state)
{
    (void)state;
    die_at = NULL;
    snprintf(lab.name, sizeof lab.name, "store%d", ++lab.db);
    return 0;
}

static void by_hand(const char *json)
{
    bson_error_t e = {0};
    bson_t reply, *command = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!command || !mongoc_client_command_simple(lab.of.client, lab.name, command, NULL, &reply, &e))
        fail_msg("%s: %s", json, e.message);
    bson_destroy(command);
    bson_destroy(&reply);
}

/* ---- hosts ---- */

struct host {
    char dir[300];
    struct sb_origin origin;
    struct sb_ledger *ledger, *reader;
    struct sb_store *store;
    const char *why;
};

static struct sb_store *open_store(struct host *h, const char *watched)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_store_options o = {.uri = lab.of.uri, .database = lab.name, .state_dir = h->dir, .log = sb_ledger_id(h->ledger), .watched_id = watched};
    struct sb_store *s = sb_store_open(&o, &err);
    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

static struct sb_ledger *reader_of(struct host *h)
{
    struct sb_err err = SB_ERR_INIT;
    sb_ledger_close(h->reader);
    h->reader = sb_ledger_open(h->dir, SB_LEDGER_READ, NULL, &err);
    if (!h->reader)
        fail_msg("%s", err.msg);
    return h->reader;
}

static void open_host(struct host *h, int seed)
{
    struct sb_err err = SB_ERR_INIT;
    if (!lab.of.client)
        sb_test_skip("SIGNALBOX does not name the program, whose simulator is wanted");
    memset(h, 0, sizeof *h);
    snprintf(h->dir, sizeof h->dir, "%s/host%d-%d", sb_test_dir(), lab.db, seed);
    mkdir(h->dir, 0700);
    sb_origin_seeded(&h->origin, (uint64_t)seed + 100 * (uint64_t)lab.db);
    h->ledger = sb_ledger_open(h->dir, SB_LEDGER_OWN, &h->origin, &err);
    if (!h->ledger)
        fail_msg("%s", err.msg);
    h->store = open_store(h, NULL);
}

static void close_host(struct host *h)
{
    sb_store_close(h->store);
    sb_ledger_close(h->reader);
    sb_ledger_close(h->ledger);
}

static void reopen(struct host *h)
{
    sb_store_close(h->store);
    h->store = open_store(h, NULL);
}

static enum sb_store_state look(struct host *h)
{
    return sb_store_check(h->store, reader_of(h), &h->why);
}

static void wants(struct host *h, enum sb_store_state state, const char *words)
{
    enum sb_store_state is = look(h);
    if (is != state || !strstr(h->why, words))
        fail_msg("%s, not %s: %s", sb_name(&sb_store_states, (int)is), sb_name(&sb_store_states, (int)state), h->why);
}

static void append(struct host *h, int count)
{
    for (int i = 0; i < count; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_entry e = {.kind = SB_ENTRY_MARK, .body = json_pack("{s:s}", "text", "a release")};
        assert_int_equal(sb_str_set(&e.actor.principal, "alice"), 0);
        sb_assert_ok(sb_ledger_append(h->ledger, &e, &err), err);
        sb_entry_release(&e);
    }
}

static void publish(struct host *h)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t acked = 0;
    if (sb_store_publish(h->store, reader_of(h), 0, &acked, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(acked, sb_ledger_head(h->ledger));
}

/* All entries of a ledger as the store has them: one behind the other from 1, each with the hash and the bytes of the ledger. */
struct holding {
    struct host *h;
    int64_t n;
};

static int hold(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct holding *x = ctx;
    bson_error_t e;
    const bson_t *doc;
    struct sb_entry entry;
    mongoc_collection_t *c = mongoc_client_get_collection(lab.of.client, lab.name, "entries");
    bson_t *filter = BCON_NEW("_id", "{", "l", BCON_UTF8(sb_ledger_id(x->h->ledger)), "n", BCON_INT64(seq), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(c, filter, NULL, NULL);
    if (!mongoc_cursor_next(cursor, &doc))
        fail_msg("entry %lld is not there: %s", (long long)seq, mongoc_cursor_error(cursor, &e) ? e.message : "a gap");
    bson_iter_t it;
    assert_true(bson_iter_init_find(&it, doc, "b"));
    uint32_t len;
    const char *there = bson_iter_utf8(&it, &len);
    assert_int_equal(len, n);
    assert_memory_equal(there, bytes, n);
    assert_int_equal(sb_ledger_entry(x->h->reader, seq, &entry, err), 0);
    assert_true(bson_iter_init_find(&it, doc, "h"));
    assert_string_equal(bson_iter_utf8(&it, NULL), entry.hash);
    sb_entry_release(&entry);
    x->n++;
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(c);
    bson_destroy(filter);
    return 0;
}

static int64_t entries_there(struct host *h)
{
    bson_error_t e;
    mongoc_collection_t *c = mongoc_client_get_collection(lab.of.client, lab.name, "entries");
    bson_t *filter = BCON_NEW("_id.l", BCON_UTF8(sb_ledger_id(h->ledger)));
    int64_t n = mongoc_collection_count_documents(c, filter, NULL, NULL, NULL, &e);
    bson_destroy(filter);
    mongoc_collection_destroy(c);
    return n;
}

static void copy_is_whole(struct host *h)
{
    struct sb_err err = SB_ERR_INIT;
    struct holding x = {h, 0};
    sb_assert_ok(sb_ledger_bytes(reader_of(h), 1, 0, hold, &x, &err), err);
    assert_int_equal(x.n, sb_ledger_head(h->ledger));
    assert_int_equal(entries_there(h), x.n);
}

/* How many documents of a collection fit. */
static int64_t fitting(const char *coll, const char *json)
{
    bson_error_t e;
    bson_t *q = bson_new_from_json((const uint8_t *)json, -1, &e);
    assert_non_null(q);
    mongoc_collection_t *c = mongoc_client_get_collection(lab.of.client, lab.name, coll);
    int64_t n = mongoc_collection_count_documents(c, q, NULL, NULL, NULL, &e);
    mongoc_collection_destroy(c);
    bson_destroy(q);
    return n;
}

/* ---- tests ---- */

static void a_store_is_made_once(void **state)
{
    (void)state;
    struct host a, b;
    open_host(&a, 1);
    open_host(&b, 2);
    wants(&a, SB_STORE_WELL, "");
    wants(&b, SB_STORE_WELL, "");
    assert_string_equal(sb_store_id(a.store), sb_store_id(b.store));
    assert_int_equal(strlen(sb_store_id(a.store)), SB_STORE_ID_LEN);
    int64_t now = 0;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_store_now(a.store, &now, &err), err);
    assert_true(now > 1500000000000);
    close_host(&a);
    close_host(&b);
}

static void refusals(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    open_host(&a, 1);
    wants(&a, SB_STORE_WELL, "");
    struct sb_store_door *door = sb_store_door_open(lab.of.uri, "x", &err);
    struct sb_store_door_facts facts;
    sb_assert_ok(sb_store_door_ask(door, &facts, &err), err);
    sb_store_door_close(door);
    sb_store_close(a.store);
    a.store = open_store(&a, facts.id);
    wants(&a, SB_STORE_REFUSED, "is the deployment that is watched");
    by_hand("{\"update\": \"meta\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"version\": 2}}}]}");
    reopen(&a);
    wants(&a, SB_STORE_REFUSED, "version 2");
    by_hand("{\"update\": \"meta\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"min_version\": 1}}}]}");
    wants(&a, SB_STORE_WELL, ""); /* a newer one that says that we may */
    by_hand("{\"update\": \"meta\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"id\": \"00112233445566778899aabbccddeeff\"}}}]}");
    reopen(&a);
    wants(&a, SB_STORE_REFUSED, "is bound to the store");
    by_hand("{\"update\": \"meta\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"id\": \"../..\"}}}]}");
    wants(&a, SB_STORE_REFUSED, "something else than a store");
    by_hand("{\"delete\": \"meta\", \"deletes\": [{\"q\": {}, \"limit\": 0}]}");
    wants(&a, SB_STORE_HELD, "has lost all that it had");
    static const char *const names[] = {"admin", "local", "a.b", "", "a/b"};
    for (size_t i = 0; i < SB_COUNT(names); i++)
        assert_null(sb_store_door_open(lab.of.uri, names[i], &err));
    const struct sb_store_options nobody = {.uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500", .state_dir = a.dir, .log = sb_ledger_id(a.ledger)};
    sb_store_close(a.store);
    a.store = sb_store_open(&nobody, &err);
    wants(&a, SB_STORE_AWAY, "the store is away");
    close_host(&a);
}

static void a_copy_has_no_gaps(void **state)
{
    (void)state;
    static const char *const points[] = {"store.publish.before", "store.publish.sent", "store.publish.done"};
    struct host a;
    open_host(&a, 1);
    wants(&a, SB_STORE_WELL, "");
    append(&a, 450); /* more than a batch */
    for (size_t i = 0; i < SB_COUNT(points); i++) {
        append(&a, 3);
        pid_t child = fork();
        if (child == 0) { /* a handle is never carried across a fork: it opens its own */
            struct host h = a;
            struct sb_err err = SB_ERR_INIT;
            int64_t acked;
            h.reader = NULL;
            h.store = open_store(&h, NULL);
            if (look(&h) != SB_STORE_WELL)
                _exit(3);
            die_at = points[i];
            sb_store_publish(h.store, h.reader, 0, &acked, &err);
            _exit(4);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    reopen(&a);
    wants(&a, SB_STORE_WELL, "");
    publish(&a);
    copy_is_whole(&a);
    append(&a, 2);
    publish(&a);
    publish(&a); /* the same again is no second one */
    copy_is_whole(&a);
    close_host(&a);
}

/* The longest that a ledger takes. */
static void the_longest_entry_is_copied(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    open_host(&a, 1);
    wants(&a, SB_STORE_WELL, "");
    size_t n = SB_ENTRY_MAX_BODY - strlen("{\"text\":\"\"}");
    char *text = malloc(n + 2);
    assert_non_null(text);
    memset(text, 'x', n + 1);
    for (int more = 1; more >= 0; more--) {
        text[n + (size_t)more] = '\0';
        struct sb_entry e = {.kind = SB_ENTRY_MARK, .body = json_pack("{s:s}", "text", text)};
        assert_int_equal(sb_str_set(&e.actor.principal, "alice"), 0);
        assert_int_equal(sb_ledger_append(a.ledger, &e, &err), more ? -1 : 0); /* one byte more is no entry: nothing to be copied */
        sb_entry_release(&e);
    }
    free(text);
    append(&a, 2);
    publish(&a);
    copy_is_whole(&a);
    close_host(&a);
}

static void a_memory_that_was_deleted_is_missed(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    char path[400];
    open_host(&a, 1);
    snprintf(path, sizeof path, "%s/%s", a.dir, SB_STORE_ACK);
    wants(&a, SB_STORE_WELL, "");
    assert_int_equal(unlink(path), 0);
    reopen(&a);
    wants(&a, SB_STORE_WELL, ""); /* nothing was acknowledged yet */
    append(&a, 7);
    publish(&a);
    assert_int_equal(unlink(path), 0);
    reopen(&a);
    wants(&a, SB_STORE_HELD, "the store has 7 entries of this ledger, but what it acknowledged is not remembered here any more");
    wants(&a, SB_STORE_HELD, "is gone"); /* asking again is no remedy */
    sb_assert_ok(sb_store_accept(a.store, reader_of(&a), &err), err);
    wants(&a, SB_STORE_WELL, "");
    reopen(&a);
    wants(&a, SB_STORE_WELL, "");
    append(&a, 1);
    publish(&a);
    copy_is_whole(&a);
    close_host(&a);
}

static void a_store_that_was_put_back_is_held(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    int64_t acked;
    open_host(&a, 1);
    append(&a, 20);
    wants(&a, SB_STORE_WELL, "");
    publish(&a);
    assert_int_equal(sb_store_accept(a.store, reader_of(&a), &err), -1); /* there is nothing to accept */
    by_hand("{\"delete\": \"entries\", \"deletes\": [{\"q\": {\"_id.n\": {\"$gt\": 12}}, \"limit\": 0}]}");
    append(&a, 1);
    assert_int_equal(sb_store_publish(a.store, reader_of(&a), 0, &acked, &err), -1); /* found without a reconnect */
    wants(&a, SB_STORE_HELD, "has acknowledged 20 entries of this ledger and has 12");
    reopen(&a);
    wants(&a, SB_STORE_HELD, "has acknowledged 20 entries");
    err = (struct sb_err)SB_ERR_INIT;
    sb_assert_ok(sb_store_accept(a.store, reader_of(&a), &err), err);
    publish(&a);
    copy_is_whole(&a);
    reopen(&a);
    wants(&a, SB_STORE_WELL, "");
    close_host(&a);
}

static void another_ledgers_checkpoint_may_not_go_back(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a, b;
    open_host(&a, 1);
    open_host(&b, 2);
    append(&b, 5);
    sb_ledger_close(b.ledger); /* which signs a checkpoint */
    b.ledger = sb_ledger_open(b.dir, SB_LEDGER_OWN, &b.origin, &err);
    assert_non_null(b.ledger);
    wants(&b, SB_STORE_WELL, "");
    publish(&b);
    wants(&a, SB_STORE_WELL, "");
    by_hand("{\"update\": \"checkpoints\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"n\": 2}}}]}");
    reopen(&a);
    wants(&a, SB_STORE_HELD, "has gone back");
    by_hand("{\"delete\": \"checkpoints\", \"deletes\": [{\"q\": {}, \"limit\": 0}]}");
    wants(&a, SB_STORE_HELD, "has lost the checkpoints of 1 ledgers");
    close_host(&a);
    close_host(&b);
}

static void a_fork_is_never_accepted(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    open_host(&a, 1);
    append(&a, 4);
    wants(&a, SB_STORE_WELL, "");
    publish(&a);
    by_hand("{\"update\": \"entries\", \"updates\": [{\"q\": {\"_id.n\": 4}, \"u\": {\"$set\": {\"h\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}}]}");
    reopen(&a);
    wants(&a, SB_STORE_HELD, "is another one in the store");
    assert_int_equal(sb_store_accept(a.store, reader_of(&a), &err), -1);
    assert_non_null(strstr(err.msg, "cannot be accepted"));
    close_host(&a);
}

static void a_memory_that_was_changed_is_none(void **state)
{
    (void)state;
    struct host a;
    open_host(&a, 1);
    append(&a, 4);
    wants(&a, SB_STORE_WELL, "");
    publish(&a);
    char path[400];
    snprintf(path, sizeof path, "%s/%s", a.dir, SB_STORE_ACK);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, 3, SEEK_SET);
    fputc('X', f);
    fclose(f);
    reopen(&a);
    wants(&a, SB_STORE_HELD, "was changed");
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_store_accept(a.store, reader_of(&a), &err), err);
    wants(&a, SB_STORE_WELL, "");
    close_host(&a);
}

static struct sb_store_approval approval(struct host *owner, const char *nonce, const char *statement)
{
    char *log = (char *)(uintptr_t)sb_ledger_id(owner->ledger);
    return (struct sb_store_approval){.nonce = (char *)(uintptr_t)nonce, .log = log, .card = (char *)"C-000001", .sha256 = (char *)"00", .revision = 1, .what = (char *)"approve",
                                      .statement = (char *)(uintptr_t)statement, .signature = (char *)"sig", .by = (char *)"bob"};
}

static void approvals_are_answered_once(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a, b;
    struct sb_store_approval *list, seen;
    size_t n;
    open_host(&a, 1);
    open_host(&b, 2);
    wants(&a, SB_STORE_WELL, "");
    wants(&b, SB_STORE_WELL, "");
    struct sb_store_approval mine = approval(&a, "n1", "{\"a\":1}"), other = approval(&a, "n1", "{\"a\":2}");
    sb_assert_ok(sb_store_approve(b.store, &mine, &err), err);
    sb_assert_ok(sb_store_approve(b.store, &mine, &err), err); /* its answer had got lost */
    assert_int_equal(sb_store_approve(b.store, &other, &err), -1);
    assert_non_null(strstr(err.msg, "another approval has this nonce"));
    by_hand("{\"insert\": \"approvals\", \"documents\": [{\"_id\": \"junk\", \"l\": 5, \"answer\": null}]}");
    char json[300];
    snprintf(json, sizeof json, "{\"insert\": \"approvals\", \"documents\": [{\"_id\": \"half\", \"l\": \"%s\", \"answer\": null, \"what\": \"approve\"}]}", sb_ledger_id(a.ledger));
    by_hand(json);
    assert_int_equal(sb_store_approval_read(b.store, "n1", &seen, &err), 0);
    sb_store_approval_release(&seen);
    err = (struct sb_err)SB_ERR_INIT;
    sb_assert_ok(sb_store_approvals_wanted(a.store, 100, &list, &n, &err), err);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].statement, "{\"a\":1}");
    assert_true(list[0].at > 1500000000000);
    sb_store_approval_release(&list[0]);
    free(list);
    assert_int_equal(sb_store_approval_read(b.store, "half", &seen, &err), 1); /* what is no approval was answered as such */
    assert_false(seen.ok);
    sb_store_approval_release(&seen);
    sb_assert_ok(sb_store_answer(a.store, "n1", true, 7, "approved", &err), err);
    sb_assert_ok(sb_store_answer(a.store, "n1", false, 8, "the opposite", &err), err);
    assert_int_equal(sb_store_approval_read(b.store, "n1", &seen, &err), 1);
    assert_true(seen.ok && seen.n == 7);
    assert_string_equal(seen.why, "approved");
    sb_store_approval_release(&seen);
    sb_assert_ok(sb_store_approvals_wanted(b.store, 100, &list, &n, &err), err); /* not its ledger */
    assert_int_equal(n, 0);
    free(list);
    close_host(&a);
    close_host(&b);
}

static void an_approval_starts_once(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a, b;
    open_host(&a, 1);
    open_host(&b, 2);
    append(&a, 3);
    append(&b, 3);
    wants(&a, SB_STORE_WELL, "");
    wants(&b, SB_STORE_WELL, "");
    assert_int_equal(sb_store_start(a.store, "x1", "C-000001", 3, 0, &err), SB_STORE_STARTED);
    assert_int_equal(sb_store_start(a.store, "x1", "C-000001", 3, 0, &err), SB_STORE_OURS);
    assert_int_equal(sb_store_start(a.store, "x1", "C-000002", 3, 0, &err), SB_STORE_ALREADY);
    assert_int_equal(sb_store_start(b.store, "x1", "C-000001", 3, 0, &err), SB_STORE_ALREADY);
    struct sb_store_step step = {.card = "C-000001", .step = 1, .upto = 3, .nonce = "x2", .epoch = 5};
    sb_assert_ok(sb_store_gate(a.store, reader_of(&a), &step, &err), err);
    assert_int_equal(fitting("starts", "{\"_id\": \"x2\", \"card\": \"C-000001\", \"n\": 3, \"epoch\": 5}"), 1);
    step.nonce = "x1";
    assert_int_equal(sb_store_gate(b.store, reader_of(&b), &step, &err), -1);
    assert_non_null(strstr(err.msg, "was started already"));
    err = (struct sb_err)SB_ERR_INIT;
    sb_assert_ok(sb_store_gate(a.store, reader_of(&a), &step, &err), err);
    copy_is_whole(&a); /* the record was there first */
    step.upto = 4;     /* more than there is: it has to wait */
    assert_int_equal(sb_store_gate(a.store, reader_of(&a), &step, &err), -1);
    close_host(&a);
    close_host(&b);
}

static void a_newer_programs_fields_stay(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct host a;
    open_host(&a, 1);
    wants(&a, SB_STORE_WELL, "");
    struct sb_store_host row = {.host = "h1", .boot = "b", .program = "0.1.0", .pid = 5, .deployment = "shop", .deployment_id = "rs:1", .environment = "prod", .team = "payments", .head = 3};
    sb_assert_ok(sb_store_host_beat(a.store, &row, &err), err);
    by_hand("{\"update\": \"hosts\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"shine\": 9}}}]}");
    row.head = 4;
    sb_assert_ok(sb_store_host_beat(a.store, &row, &err), err);
    assert_int_equal(fitting("hosts", "{\"shine\": 9, \"head\": 4, \"deployment.team\": \"payments\"}"), 1);
    close_host(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_store_is_made_once, fresh), cmocka_unit_test_setup(refusals, fresh), cmocka_unit_test_setup(a_copy_has_no_gaps, fresh),
        cmocka_unit_test_setup(a_store_that_was_put_back_is_held, fresh), cmocka_unit_test_setup(another_ledgers_checkpoint_may_not_go_back, fresh),
        cmocka_unit_test_setup(a_fork_is_never_accepted, fresh), cmocka_unit_test_setup(a_memory_that_was_changed_is_none, fresh),
        cmocka_unit_test_setup(approvals_are_answered_once, fresh), cmocka_unit_test_setup(an_approval_starts_once, fresh),
        cmocka_unit_test_setup(a_newer_programs_fields_stay, fresh), cmocka_unit_test_setup(the_longest_entry_is_copied, fresh),
        cmocka_unit_test_setup(a_memory_that_was_deleted_is_missed, fresh),
    };
    return cmocka_run_group_tests_name("store", tests, start, end);
}
