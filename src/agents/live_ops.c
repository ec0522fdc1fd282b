/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/live_ops.h>
#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#include "bson_get.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OWN_APP "signalbox"
#define MOST_ROWS 1000 /* of one member */
#define TEXT_MOST 200

/* ---- one document ---- */

static bool among(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; word && i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static char mode_of(const bson_iter_t *it)
{
    const char *mode = BSON_ITER_HOLDS_UTF8(it) ? bson_iter_utf8(it, NULL) : "";
    return mode[0] && !mode[1] && strchr("rwRW", mode[0]) ? mode[0] : 0;
}

static void take_locks(const bson_iter_t *at, struct sb_op_locks *locks)
{
    bson_iter_t it;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &it))
        return;
    while (bson_iter_next(&it)) {
        char *to = strcmp(bson_iter_key(&it), "Global") == 0       ? &locks->global
                   : strcmp(bson_iter_key(&it), "Database") == 0   ? &locks->database
                   : strcmp(bson_iter_key(&it), "Collection") == 0 ? &locks->collection
                                                                   : NULL;
        if (to)
            *to = mode_of(&it);
    }
}

/* What the document says, before it is judged. Texts point into it. */
struct told {
    const char *type, *op, *ns, *app, *client, *desc, *plan, *msg;
    const char *command;        /* the name of the command */
    const char *target;         /* its first value, where that is a name */
    const char *driver;
    char opid[64], session[33];
    int64_t connection;         /* 0: none */
    int64_t running_us, open_us, conflicts;
    bool active, lock, flow, latch, killed, prepared, transaction;
};

static int64_t number(const bson_iter_t *it)
{
    return BSON_ITER_HOLDS_INT(it) || BSON_ITER_HOLDS_DOUBLE(it) ? bson_iter_as_int64(it) : 0;
}

static const char *text(const bson_iter_t *it)
{
    uint32_t n;
    const char *p = BSON_ITER_HOLDS_UTF8(it) ? bson_iter_utf8(it, &n) : NULL;
    return p && p[0] && strlen(p) == n && bson_utf8_validate(p, n, false) ? p : NULL;
}

static void take_session(const bson_iter_t *at, struct told *t)
{
    bson_iter_t it;
    bson_subtype_t subtype;
    uint32_t n;
    const uint8_t *p;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &it) || !bson_iter_find(&it, "id") || !BSON_ITER_HOLDS_BINARY(&it))
        return;
    bson_iter_binary(&it, &subtype, &n, &p);
    for (uint32_t i = 0; n == 16 && i < n; i++)
        snprintf(t->session + 2 * i, 3, "%02x", p[i]);
}

static void take_command(const bson_iter_t *at, struct told *t)
{
    bson_iter_t it;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &it) || !bson_iter_next(&it))
        return;
    const char *name = bson_iter_key(&it);
    t->command = name[0] && bson_utf8_validate(name, strlen(name), false) ? name : NULL;
    t->target = text(&it);
}

static void take_transaction(const bson_iter_t *at, struct told *t)
{
    bson_iter_t it;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &it))
        return;
    t->transaction = true;
    while (bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), "timeOpenMicros") == 0)
            t->open_us = number(&it);
        else if (strcmp(bson_iter_key(&it), "timePreparedMicros") == 0)
            t->prepared = true;
    }
}

static void take_driver(const bson_iter_t *at, struct told *t)
{
    bson_iter_t it, name;
    if (BSON_ITER_HOLDS_DOCUMENT(at) && bson_iter_recurse(at, &it) && bson_iter_find_descendant(&it, "driver.name", &name))
        t->driver = text(&name);
}

static void take_opid(const bson_iter_t *it, struct told *t)
{
    if (BSON_ITER_HOLDS_INT(it))
        snprintf(t->opid, sizeof t->opid, "%" PRId64, bson_iter_as_int64(it));
    else if (text(it))
        snprintf(t->opid, sizeof t->opid, "%s", text(it));
}

static void take_member(const bson_iter_t *it, struct told *t, struct sb_op_locks *locks)
{
    static const struct {
        const char *key;
        size_t at;
    } texts[] = {{"type", offsetof(struct told, type)}, {"op", offsetof(struct told, op)}, {"ns", offsetof(struct told, ns)}, {"appName", offsetof(struct told, app)},
                 {"client", offsetof(struct told, client)}, {"desc", offsetof(struct told, desc)}, {"planSummary", offsetof(struct told, plan)}, {"msg", offsetof(struct told, msg)}};
    static const struct {
        const char *key;
        size_t at;
    } flags[] = {{"active", offsetof(struct told, active)}, {"waitingForLock", offsetof(struct told, lock)}, {"waitingForFlowControl", offsetof(struct told, flow)},
                 {"killPending", offsetof(struct told, killed)}};
    const char *key = bson_iter_key(it);
    for (size_t i = 0; i < SB_COUNT(texts); i++)
        if (strcmp(key, texts[i].key) == 0)
            *(const char **)((char *)t + texts[i].at) = text(it);
    for (size_t i = 0; i < SB_COUNT(flags); i++)
        if (strcmp(key, flags[i].key) == 0)
            *(bool *)((char *)t + flags[i].at) = BSON_ITER_HOLDS_BOOL(it) && bson_iter_bool(it);
    if (strcmp(key, "opid") == 0)
        take_opid(it, t);
    else if (strcmp(key, "connectionId") == 0)
        t->connection = number(it);
    else if (strcmp(key, "microsecs_running") == 0)
        t->running_us = number(it);
    else if (strcmp(key, "writeConflicts") == 0 || strcmp(key, "prepareReadConflicts") == 0)
        t->conflicts += number(it) > 0;
    else if (strcmp(key, "waitingForLatch") == 0)
        t->latch = BSON_ITER_HOLDS_DOCUMENT(it);
    else if (strcmp(key, "lsid") == 0)
        take_session(it, t);
    else if (strcmp(key, "command") == 0)
        take_command(it, t);
    else if (strcmp(key, "transaction") == 0)
        take_transaction(it, t);
    else if (strcmp(key, "clientMetadata") == 0)
        take_driver(it, t);
    else if (strcmp(key, "locks") == 0)
        take_locks(it, locks);
}

/* ---- what it is ---- */

/* As people call it. */
static const char *name_of(const struct told *t)
{
    bool idle = t->transaction && !t->active;
    if (idle || !t->op)
        return idle ? "transaction" : "none";
    if (strcmp(t->op, "command") == 0)
        return t->command ? t->command : "command";
    return strcmp(t->op, "query") == 0 ? "find" : strcmp(t->op, "getmore") == 0 ? "getMore" : strcmp(t->op, "remove") == 0 ? "delete" : t->op;
}

/* A write that waits is told on "db.$cmd", with the collection in its command. */
static char *place_of(const struct told *t)
{
    const char *ns = t->ns ? t->ns : "", *end = strstr(ns, ".$cmd");
    return end && t->target ? sb_format("%.*s.%s", (int)(end - ns), ns, t->target) : sb_format("%s", ns);
}

static bool is_servers_place(const char *ns)
{
    static const char *const databases[] = {"admin", "local", "config"};
    const char *dot = strchr(ns, '.');
    for (size_t i = 0; i < SB_COUNT(databases); i++)
        if (strncmp(ns, databases[i], strlen(databases[i])) == 0 && (ns[strlen(databases[i])] == '\0' || ns[strlen(databases[i])] == '.'))
            return true;
    return dot && strncmp(dot, ".system.", 8) == 0;
}

static bool is_build(const struct told *t, const char *name)
{
    return strcmp(name, "createIndexes") == 0 || (t->msg && strncmp(t->msg, "Index Build", 11) == 0) || (t->desc && strncmp(t->desc, "IndexBuild", 10) == 0);
}

/* Why it is not ended from here; NULL: it may be. */
static const char *bar(const struct told *t, const char *name, const char *ns)
{
    static const char *const commits[] = {"abortTransaction", "commitIndexBuild", "commitTransaction", "coordinateCommitTransaction", "prepareTransaction", "voteCommitIndexBuild"};
    static const char *const mine[] = {"aggregate", "count", "delete", "distinct", "explain", "find", "findAndModify", "findandmodify", "getMore", "insert", "mapReduce", "update"};
    bool client = t->client && t->connection > 0;
    if (is_build(t, name))
        return "an index build is ended by dropIndexes, never by killOp";
    if (among(name, commits, SB_COUNT(commits)) || t->prepared)
        return "it is a commit or an abort: cut off, its outcome would be in doubt";
    if (t->app && strcmp(t->app, OWN_APP) == 0)
        return "it is this program's own";
    if (!client || (t->driver && strcmp(t->driver, "NetworkInterfaceTL") == 0))
        return "it is the server's own, not a client's";
    if (t->transaction && !t->active)
        return "it is an open transaction in which nothing runs: only its application or the server's limit ends it";
    if (!t->opid[0])
        return "the server tells no number for it";
    if (t->opid[0] < '0' || t->opid[0] > '9' || strspn(t->opid, "0123456789") != strlen(t->opid))
        return "its number is one that killOp of a member does not take";
    if (!among(name, mine, SB_COUNT(mine)))
        return "it is neither a read nor a write of a client";
    if (is_servers_place(ns))
        return "it is on the server's own collections";
    return t->killed ? "it was told to end already" : NULL;
}

static enum sb_live_kind kind_of(const struct told *t, const char *name, const char *ns, const struct sb_op *op)
{
    static const char *const always[] = {"hello", "isMaster", "ismaster", "none", "replSetHeartbeat", "replSetUpdatePosition"};
    bool idle = t->transaction && !t->active;
    if (!t->type && !t->op)
        return SB_LIVE_UNKNOWN;
    if ((t->type && strcmp(t->type, "op") != 0 && !idle) || (!t->active && !idle))
        return SB_LIVE_BEHIND; /* an idle connection, session or cursor */
    if (among(name, always, SB_COUNT(always)) || strncmp(ns, "local.", 6) == 0 || (t->app && strcmp(t->app, OWN_APP) == 0))
        return SB_LIVE_BEHIND;
    return !t->connection && !is_build(t, name) && op->barred && !idle ? SB_LIVE_BEHIND : SB_LIVE_LISTED;
}

static int64_t ms_of(const struct told *t)
{
    int64_t us = t->transaction && !t->active ? t->open_us : t->running_us;
    return us > 0 ? us / 1000 : 0;
}

int sb_live_op(const bson_t *doc, const char *member, struct sb_op *out, struct sb_op_locks *locks, enum sb_live_kind *kind)
{
    struct told t = {.type = NULL};
    bson_iter_t it;
    memset(out, 0, sizeof *out);
    memset(locks, 0, sizeof *locks);
    *kind = SB_LIVE_UNKNOWN;
    if (!bson_iter_init(&it, doc))
        return 0;
    while (bson_iter_next(&it))
        take_member(&it, &t, locks);
    if (it.err_off)
        return 0;
    const char *name = name_of(&t);
    char *ns = place_of(&t), connection[32], msg[TEXT_MOST + 1];
    locks->waits_lock = t.lock;
    locks->waits_write = t.active && t.conflicts > 0;
    locks->transaction = t.transaction;
    snprintf(connection, sizeof connection, "conn%" PRId64, t.connection);
    snprintf(msg, sizeof msg, "%.*s", (int)(t.msg ? sb_utf8_whole(t.msg, strnlen(t.msg, TEXT_MOST)) : 0), t.msg ? t.msg : "");
    out->ns = ns;
    out->running_ms = ms_of(&t);
    int rc = !ns || sb_str_set(&out->member, member) || sb_str_set(&out->opid, t.opid[0] ? t.opid : NULL) || sb_str_set(&out->op, name) || sb_str_set(&out->app, t.app) ||
             sb_str_set(&out->client, t.client) || sb_str_set(&out->connection, t.connection > 0 ? connection : NULL) || sb_str_set(&out->session, t.session[0] ? t.session : NULL) ||
             sb_str_set(&out->plan, t.plan) || sb_str_set(&out->text, msg[0] ? msg : NULL) ||
             sb_str_set(&out->waits, t.lock ? "for a lock" : locks->waits_write ? "for another's write" : t.flow ? "for flow control" : t.latch ? "for a latch" : NULL) ||
             sb_str_set(&out->barred, bar(&t, name, ns));
    if (rc) {
        sb_record_release(&sb_op_schema, out);
        return -1;
    }
    *kind = kind_of(&t, name, ns, out);
    return 0;
}

/* ---- who holds what ---- */

static bool in_conflict(char held, char wanted)
{
    if (!held)
        return false;
    if (held == 'W' || wanted == 'W')
        return true;
    return (held == 'R' && wanted != 'R' && wanted != 'r') || (held == 'w' && wanted == 'R');
}

static bool same_database(const char *a, const char *b)
{
    size_t n = strcspn(a, ".");
    return n && n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

/* How likely it is that `a` holds what `b` waits for: 0 not at all. A transaction in which nothing runs is told without a place. */
static int blame(const struct sb_op *a, const struct sb_op_locks *has, const struct sb_op *b, const struct sb_op_locks *wants)
{
    bool placeless = !a->ns[0], same = !placeless && strcmp(a->ns, b->ns) == 0;
    if (!sb_streq(a->member, b->member) || has->waits_lock || (a->session && sb_streq(a->session, b->session)))
        return 0;
    if (wants->waits_write)
        return has->transaction && (same || placeless) && has->collection == 'w' ? (same ? 4 : 2) : 0;
    char wanted = wants->collection ? wants->collection : wants->database ? wants->database : 'w';
    if ((same || placeless) && in_conflict(has->collection, wanted))
        return same ? 4 : 2;
    if (same_database(a->ns, b->ns) && in_conflict(has->database, wants->database ? wants->database : wanted) && (has->database == 'R' || has->database == 'W'))
        return 3;
    return has->global == 'W' || (has->global == 'R' && (wanted == 'w' || wanted == 'W')) ? 1 : 0;
}

void sb_live_holders(struct sb_op *list, const struct sb_op_locks *locks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int best = 0;
        list[i].holder = 0;
        for (size_t j = 0; j < n && (locks[i].waits_lock || locks[i].waits_write); j++) {
            int b = j == i ? 0 : blame(&list[j], &locks[j], &list[i], &locks[i]);
            if (b > best || (b && b == best && list[j].running_ms > list[list[i].holder - 1].running_ms)) {
                best = b;
                list[i].holder = (int64_t)j + 1;
            }
        }
    }
}

/* ---- reading ---- */

struct row {
    struct sb_op op;
    struct sb_op_locks locks;
};

struct rows {
    const char *member;
    struct row *row;
    size_t row_n;
    bool failed;
};

static bool take(void *ctx, const bson_t *doc)
{
    struct rows *r = ctx;
    struct row row;
    enum sb_live_kind kind;
    if (sb_live_op(doc, r->member, &row.op, &row.locks, &kind)) {
        r->failed = true;
        return false;
    }
    struct row *to = kind == SB_LIVE_LISTED ? SB_PUSH(r->row) : NULL;
    if (to)
        *to = row;
    else
        sb_record_release(&sb_op_schema, &row.op);
    r->failed |= kind == SB_LIVE_LISTED && !to;
    return !r->failed;
}

static bson_t *question(const char *opid)
{
    int64_t n = 0;
    bson_t *match = !opid ? BCON_NEW("$or", "[", "{", "active", BCON_BOOL(true), "}", "{", "type", "idleSession", "transaction", "{", "$exists", BCON_BOOL(true), "}", "}", "]")
                    : sb_parse_i64(opid, &n) == 0 ? BCON_NEW("opid", BCON_INT64(n))
                                                  : BCON_NEW("opid", BCON_UTF8(opid));
    bson_t *command = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{", "allUsers", BCON_BOOL(true), "idleSessions", BCON_BOOL(true), "}", "}", "{", "$match",
                               BCON_DOCUMENT(match), "}", "]", "cursor", "{", "}");
    bson_destroy(match);
    return command;
}

static int ask(struct sb_conn *conn, const char *opid, struct rows *r, sb_doc_fn fn, void *ctx, struct sb_err *err)
{
    bson_t *command = question(opid);
    int64_t n = sb_read_cursor(conn, "admin", command, MOST_ROWS, fn, ctx, err);
    bson_destroy(command);
    return n < 0 || r->failed ? -1 : 0;
}

static int by_age(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->op.running_ms != y->op.running_ms ? (x->op.running_ms < y->op.running_ms ? 1 : -1) : strcmp(x->op.member, y->op.member);
}

static int note_blind(struct sb_ops *out, const char *member, const char *why)
{
    char *text = out->blind ? sb_format("%s; %s: %s", out->blind, member, why) : sb_format("what runs cannot be seen on %s: %s", member, why);
    if (!text)
        return -1;
    free(out->blind);
    out->blind = text;
    return 0;
}

int sb_live_ops_read(const struct sb_server *server, char *const *members, size_t n, struct sb_ops *out, struct sb_err *err)
{
    struct rows r = {.member = NULL};
    struct sb_op_locks *locks = NULL;
    int rc = 0;
    memset(out, 0, sizeof *out);
    out->at = sb_wall_ms();
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_err why = SB_ERR_INIT;
        struct sb_conn *conn = sb_conn_to_member(server, members[i], SB_LANE_CONTROL, &why);
        r.member = members[i];
        if ((!conn || ask(conn, NULL, &r, take, &r, &why)) && (r.failed || note_blind(out, members[i], why.msg)))
            rc = -1;
        sb_conn_close(conn);
    }
    if (r.row_n)
        qsort(r.row, r.row_n, sizeof *r.row, by_age);
    size_t kept = r.row_n < SB_OPS_MOST ? r.row_n : SB_OPS_MOST;
    out->more = (int64_t)(r.row_n - kept);
    if (rc == 0 && kept && (!(out->list = calloc(kept, sizeof *out->list)) || !(locks = calloc(kept, sizeof *locks))))
        rc = -1;
    for (size_t i = 0; i < r.row_n; i++)
        if (rc == 0 && i < kept) {
            out->list[out->list_n++] = r.row[i].op;
            locks[i] = r.row[i].locks;
        } else {
            sb_record_release(&sb_op_schema, &r.row[i].op);
        }
    free(r.row);
    if (rc == 0)
        sb_live_holders(out->list, locks, out->list_n);
    free(locks);
    if (rc) {
        sb_record_release(&sb_ops_schema, out);
        return sb_fail_nomem(err);
    }
    return 0;
}

struct one {
    struct rows rows;
    struct sb_op *out;
    bool found;
};

static bool take_one(void *ctx, const bson_t *doc)
{
    struct one *o = ctx;
    struct sb_op_locks locks;
    enum sb_live_kind kind;
    sb_record_release(&sb_op_schema, o->out);
    o->found = false;
    if (sb_live_op(doc, o->rows.member, o->out, &locks, &kind))
        o->rows.failed = true;
    else
        o->found = kind != SB_LIVE_UNKNOWN;
    return false;
}

int sb_live_op_find(struct sb_conn *conn, const char *member, const char *opid, struct sb_op *out, struct sb_err *err)
{
    struct one o = {.rows = {.member = member}, .out = out};
    memset(out, 0, sizeof *out);
    if (ask(conn, opid, &o.rows, take_one, &o, err)) {
        sb_record_release(&sb_op_schema, out);
        return o.rows.failed ? sb_fail_nomem(err) : -1;
    }
    if (!o.found)
        sb_record_release(&sb_op_schema, out);
    return o.found ? 1 : 0;
}
