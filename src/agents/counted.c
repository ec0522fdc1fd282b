/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/counted.h>
#include <signalbox/formats/querystats.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/shape.h>

#include <string.h>

#define MOST_ROWS 5000

struct looking {
    const char *about;
    struct sb_counted **list;
    size_t *n;
    size_t read, told; /* entries; those that tell what was examined */
    bool failed;
};

static bool is_about(const char *about, const char *ns)
{
    size_t n = strlen(about);
    return strncmp(ns, about, n) == 0 && (ns[n] == '\0' ? strchr(about, '.') != NULL : ns[n] == '.' && !strchr(about, '.'));
}

static bool in_vain(const struct sb_query_stat *q)
{
    int64_t used = q->op.returned > q->executions ? q->op.returned : q->executions;
    return q->executions >= SB_COUNTED_LEAST && !q->op.on_view && q->op.docs_examined / SB_COUNTED_RATIO > used;
}

static int keep(struct looking *k, const struct sb_query_stat *q)
{
    struct sb_shape *s = sb_shape_new(&q->op, NULL);
    struct sb_counted *c = s ? sb_list_push((void **)k->list, k->n, sizeof **k->list) : NULL;
    if (c) {
        c->ns = sb_format("%s", q->ns);
        c->shape = sb_format("%s %s%s%s", s->op, s->text, s->sort[0] ? " sort " : "", s->sort);
        c->fingerprint = sb_format("%s", s->fingerprint);
        c->executions = q->executions;
        c->docs_examined = q->op.docs_examined;
        c->returned = q->op.returned;
        c->total_ms = q->op.duration_ms;
    }
    sb_shape_free(s);
    return c && c->ns && c->shape && c->fingerprint ? 0 : -1;
}

static bool take(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    struct sb_query_stat q;
    if (!sb_query_stat_read(doc, SB_NO_TIME, &q))
        return true;
    k->read++;
    k->told += q.op.docs_examined >= 0;
    if (*k->n < SB_COUNTED_MOST && is_about(k->about, q.ns) && in_vain(&q) && keep(k, &q))
        k->failed = true;
    sb_query_stat_release(&q);
    return !k->failed;
}

int sb_counted_read(const struct sb_server *server, const struct sb_members *members, const char *about, struct sb_counted **list, size_t *n, char **blind, struct sb_err *err)
{
    struct looking k = {about, list, n, 0, 0, false};
    const char *member = members->primary ? members->primary : members->data_n ? members->data[0] : NULL;
    struct sb_err why = SB_ERR_INIT;
    struct sb_conn *conn = member ? sb_conn_to_member(server, member, SB_LANE_CONTROL, &why) : NULL;
    bson_t *command = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$queryStats", "{", "}", "}", "]", "cursor", "{", "}");
    if (member && (!conn || sb_read_cursor(conn, "admin", command, MOST_ROWS, take, &k, &why) < 0))
        *blind = sb_format("what is too fast to be written down is not seen: $queryStats cannot be asked on %s: %s", member, why.msg);
    else if (k.read && !k.told)
        *blind = sb_format("what is too fast to be written down is not judged: $queryStats on %s does not tell the documents that were examined (8.0 does)", member);
    bson_destroy(command);
    sb_conn_close(conn);
    return k.failed ? sb_fail_nomem(err) : 0;
}

void sb_counted_free(struct sb_counted *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].ns);
        free(list[i].shape);
        free(list[i].fingerprint);
    }
    free(list);
}
