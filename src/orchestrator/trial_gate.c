/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether an index may be tried out on the deployment that the config names for it, now: how that one is, measured right before, is
 * what policy is asked about, by the same rules as for a card here. To policy it is of the environment that the config says, which is
 * prod where it says none. */
#include "trial.h"

#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/sample.h>

#include <string.h>

void sb_o_release_there(struct trial_there *h)
{
    sb_deployment_facts_release(&h->facts);
    memset(h, 0, sizeof *h);
}

/* The newest operation that a member has, against the primary's. -1: some member's is not known. */
static int64_t furthest_behind(const struct sb_sample *s, struct trial_there *h)
{
    int64_t newest = 0, lag = 0;
    for (size_t i = 0; i < s->peers_n; i++)
        newest = s->peers[i].optime_s > newest ? s->peers[i].optime_s : newest;
    for (size_t i = 0; i < s->peers_n; i++) {
        const struct sb_set_member *m = &s->peers[i];
        bool arbiter = strcmp(m->state, "ARBITER") == 0, data = strcmp(m->state, "PRIMARY") == 0 || strcmp(m->state, "SECONDARY") == 0;
        h->members++;
        h->members_up += m->healthy && (data || arbiter);
        if (arbiter || lag < 0)
            continue;
        lag = !m->optime_s ? -1 : newest - m->optime_s > lag ? newest - m->optime_s : lag;
    }
    return lag;
}

static int measure(struct sb_conn *conn, struct trial_there *h, struct sb_err *err)
{
    struct sb_sample *s = sb_sample_new(sb_conn_name(conn), 0);
    bson_t reply;
    if (!s)
        return sb_fail_nomem(err);
    int rc = sb_read_json(conn, "admin", "{\"serverStatus\": 1}", &reply, err);
    if (rc == 0) {
        sb_sample_server_status(s, &reply);
        bson_destroy(&reply);
        int64_t held = s->value[SB_METRIC_CACHE_BYTES], most = s->value[SB_METRIC_CACHE_MAX];
        h->queued = s->value[SB_METRIC_QUEUED] == SB_NO_VALUE ? -1 : s->value[SB_METRIC_QUEUED];
        h->cache_ppm = held == SB_NO_VALUE || most == SB_NO_VALUE || most <= 0 ? -1 : (int64_t)((double)held / (double)most * 1e6);
    }
    h->lag_s = -1;
    h->members = h->members_up = 1;
    if (rc == 0 && h->facts.hello.set_name[0] && (rc = sb_read_json(conn, "admin", "{\"replSetGetStatus\": 1}", &reply, err)) == 0) {
        sb_sample_repl_status(s, &reply);
        bson_destroy(&reply);
        h->members = h->members_up = 0;
        h->lag_s = furthest_behind(s, h);
    }
    sb_sample_free(s);
    return rc;
}

static int count_builds(const struct sb_server *server, const char *ns, struct trial_there *h, struct sb_err *err)
{
    const char *member = h->facts.hello.primary[0] ? h->facts.hello.primary : sb_server_seed(server, 0);
    struct sb_members m = {&member, 1, member};
    struct sb_catalogue c;
    if (!member)
        return sb_fail(err, SB_ESERVER, "no primary is known there");
    if (sb_catalogue_read_builds(server, &m, ns, &c, err))
        return -1;
    h->builds = c.knows_builds ? (int64_t)c.builds_n : -1;
    sb_catalogue_release(&c);
    return 0;
}

static int is_no_cluster(const struct trial_there *h, struct sb_err *err)
{
    return h->facts.hello.is_mongos ? sb_fail(err, SB_EPOLICY, "it is a sharded cluster: trials are made on a replica set or a single server") : 0;
}

int sb_o_look_there(const char *uri_file, const char *ns, struct trial_there *h, struct sb_err *err)
{
    struct sb_server *server = sb_o_trial_server(uri_file, err);
    struct sb_conn *conn = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, err) : NULL;
    memset(h, 0, sizeof *h);
    int rc = conn && sb_deployment_ask(conn, &h->facts, err) == 0 && is_no_cluster(h, err) == 0 && measure(conn, h, err) == 0 && count_builds(server, ns, h, err) == 0 ? 0 : -1;
    sb_conn_close(conn);
    sb_server_free(server);
    if (rc)
        sb_o_release_there(h);
    return rc;
}
