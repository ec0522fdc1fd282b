/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/counted.h>
#include <signalbox/formats/querystats.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

#define MOST_ROWS 5000 /* of one member */

struct looking {
    const char *about;
    struct sb_workload *into;
    size_t read, told; /* entries; those that tell what was examined */
    bool failed;
};

static bool is_about(const char *about, const char *ns)
{
    size_t n = strcspn(about, ".");
    return strncmp(ns, about, n) == 0 && ns[n] == '.';
}

static bool in_vain(const struct sb_query_stat *q)
{
    int64_t used = q->op.returned > q->executions ? q->op.returned : q->executions;
    return q->executions >= SB_COUNTED_LEAST && !q->op.on_view && q->op.docs_examined / SB_COUNTED_RATIO > used;
}

static bool take(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    struct sb_query_stat q;
    if (!sb_query_stat_read(doc, &q))
        return true;
    k->read++;
    k->told += q.op.docs_examined >= 0;
    bool wanted = is_about(k->about, q.ns) && in_vain(&q) && !sb_span_equal(q.op.app, SB_SPAN("signalbox"));
    k->failed = wanted && sb_workload_add_sum(k->into, &q.op, (uint64_t)q.executions, q.first_ms, NULL);
    sb_query_stat_release(&q);
    return !k->failed;
}

static int ask(struct looking *k, const struct sb_server *server, const char *member, struct sb_err *why)
{
    struct sb_conn *conn = sb_conn_to_member(server, member, SB_LANE_CONTROL, why);
    bson_t *command = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$queryStats", "{", "}", "}", "]", "cursor", "{", "}");
    int rc = conn && sb_read_cursor(conn, "admin", command, MOST_ROWS, take, k, why) >= 0 ? 0 : -1;
    bson_destroy(command);
    sb_conn_close(conn);
    return rc;
}

struct sb_workload *sb_counted_read(const struct sb_server *server, const struct sb_members *members, const char *about, char **blind, struct sb_err *err)
{
    static const struct sb_workload_options options = {.max_shapes = SB_COUNTED_MOST};
    struct looking k = {.about = about, .into = sb_workload_new(&options, err)};
    const char *mute = NULL; /* the first that cannot be asked */
    struct sb_err because = SB_ERR_INIT;
    size_t mute_n = 0;
    for (size_t i = 0; k.into && i < members->data_n && !k.failed; i++) {
        struct sb_err why = SB_ERR_INIT;
        if (ask(&k, server, members->data[i], &why) == 0 || mute_n++)
            continue;
        mute = members->data[i];
        because = why;
    }
    if (mute)
        *blind = sb_format("what is too fast to be written down is not seen: $queryStats cannot be asked on %s%s: %s", mute, mute_n > 1 ? " and others" : "", because.msg);
    else if (k.read && !k.told)
        *blind = sb_format("what is too fast to be written down is not judged: $queryStats on %s does not tell the documents that were examined (8.0 does)", members->data[0]);
    if (!k.failed)
        return k.into;
    sb_workload_free(k.into);
    sb_fail_nomem(err);
    return NULL;
}
