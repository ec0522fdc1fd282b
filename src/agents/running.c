/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/running.h>
#include <signalbox/base/clock.h>
#include <signalbox/formats/currentop.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/shape.h>

#include <string.h>

#define MOST_ROWS 1000 /* of one member */

struct looking {
    const char *about, *member;
    struct sb_running **list;
    size_t *n;
    bool failed;
};

/* An update or delete that waits is told as the command around its writes: on "db.$cmd", with the collection in it. */
static char *place_of(const struct sb_slow_op *op)
{
    struct sb_span db = {op->ns.p, 0};
    while (db.n < op->ns.n && db.p[db.n] != '.')
        db.n++;
    return op->envelope && op->target.n ? sb_format("%.*s.%.*s", (int)db.n, db.p, (int)op->target.n, op->target.p) : sb_strdup_n(op->ns.p, op->ns.n);
}

static bool is_about(const char *about, const char *ns)
{
    size_t n = strlen(about);
    return strncmp(ns, about, n) == 0 && (ns[n] == '\0' ? strchr(about, '.') != NULL : ns[n] == '.' && !strchr(about, '.'));
}

static char *text_of(struct sb_span s)
{
    return s.p ? sb_strdup_n(s.p, s.n) : NULL;
}

/* Takes the name. */
static int keep(struct looking *k, const struct sb_slow_op *op, char *ns)
{
    struct sb_shape *s = sb_shape_new(op, NULL);
    struct sb_running *r = s ? sb_list_push((void **)k->list, k->n, sizeof **k->list) : NULL;
    if (r) {
        r->ns = ns;
        r->plan = text_of(op->plan);
        r->app = text_of(op->app);
        r->member = sb_format("%s", k->member);
        r->shape = sb_format("%s %s%s%s", s->op, s->unknown ? "(its filter is not told)" : s->text, s->sort[0] ? " sort " : "", s->sort);
        r->fingerprint = sb_format("%s", s->fingerprint);
        r->running_ms = op->duration_ms;
    } else {
        free(ns);
    }
    sb_shape_free(s);
    return r && r->ns && r->member && r->shape && r->fingerprint ? 0 : -1;
}

static bool take(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    struct sb_slow_op op;
    if (!sb_current_op(doc, SB_NO_TIME, &op) || op.duration_ms < SB_RUNNING_LEAST_MS || sb_span_equal(op.app, SB_SPAN("signalbox")) || op.kind == SB_OP_COMMAND || op.kind == SB_OP_INSERT ||
        *k->n >= SB_RUNNING_MOST)
        return true;
    char *ns = place_of(&op);
    if (!ns)
        k->failed = true;
    else if (!is_about(k->about, ns))
        free(ns);
    else if (keep(k, &op, ns))
        k->failed = true;
    return !k->failed;
}

static void note(char **blind, const char *member, const char *why)
{
    char *text = *blind ? sb_format("%s; %s: %s", *blind, member, why) : sb_format("running operations cannot be seen on %s: %s", member, why);
    if (text) {
        free(*blind);
        *blind = text;
    }
}

int sb_running_read(const struct sb_server *server, const struct sb_members *members, const char *about, struct sb_running **list, size_t *n, char **blind, struct sb_err *err)
{
    struct looking k = {about, NULL, list, n, false};
    for (size_t i = 0; i < members->data_n && !k.failed; i++) {
        struct sb_err why = SB_ERR_INIT;
        struct sb_conn *conn = sb_conn_to_member(server, members->data[i], SB_LANE_CONTROL, &why);
        bson_t *command = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{", "allUsers", BCON_BOOL(true), "}", "}", "{", "$match", "{", "active", BCON_BOOL(true),
                                   "secs_running", "{", "$gte", BCON_INT32(SB_RUNNING_LEAST_MS / 1000), "}", "}", "}", "]", "cursor", "{", "}");
        k.member = members->data[i];
        if (!conn || sb_read_cursor(conn, "admin", command, MOST_ROWS, take, &k, &why) < 0)
            note(blind, members->data[i], why.msg);
        bson_destroy(command);
        sb_conn_close(conn);
    }
    return k.failed ? sb_fail_nomem(err) : 0;
}

void sb_running_free(struct sb_running *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].ns);
        free(list[i].shape);
        free(list[i].plan);
        free(list[i].member);
        free(list[i].app);
        free(list[i].fingerprint);
    }
    free(list);
}
