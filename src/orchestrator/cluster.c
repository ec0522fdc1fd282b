/* SPDX-License-Identifier: Apache-2.0
 *
 * What is true of a sharded cluster as a whole: which mongos answers, what its balancer does, and which chunks it moved. A move
 * is on the record as a change: it is what a shard that has suddenly more to do is asked about first. */
#include "private.h"

#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define EVERY_MS 5000
#define MOVES_MOST 50 /* told at once; of more only how many there were */

struct move {
    int64_t at;
    char *ns, *from, *to;
    char *range;
};

struct look {
    struct sb_orchestrator *o;
    struct errand way;
    int64_t since;
    size_t at, silent; /* the mongos that is asked, by its number in the connection string; another one that does not answer */
    bool ok, known, in_round;
    char mode[32];
    int64_t rounds;
    struct move *moves;
    size_t moves_n;
    int64_t newest;
    bool failed;
    struct sb_err err;
};

static void free_look(void *p)
{
    struct look *l = p;
    for (size_t i = 0; i < l->moves_n; i++) {
        free(l->moves[i].ns);
        free(l->moves[i].from);
        free(l->moves[i].to);
        free(l->moves[i].range);
    }
    free(l->moves);
    free(l);
}

static const char *text_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : "?";
}

/* {customer_id: 1000} as it stands there, cut. */
static char *bound_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    bson_t one;
    uint32_t len;
    const uint8_t *data;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_DOCUMENT(&at))
        return sb_format("?");
    bson_iter_document(&at, &len, &data);
    char *json = bson_init_static(&one, data, len) ? bson_as_relaxed_extended_json(&one, NULL) : NULL;
    char *cut = json ? sb_strdup_n(json, strlen(json) > 120 ? sb_utf8_whole(json, 120) : strlen(json)) : sb_format("?");
    bson_free(json);
    return cut;
}

static bool take_move(void *ctx, const bson_t *doc)
{
    struct look *l = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "time") || !BSON_ITER_HOLDS_DATE_TIME(&it))
        return true;
    int64_t at = bson_iter_date_time(&it);
    l->newest = at > l->newest ? at : l->newest;
    if (!l->since) /* what was moved before we looked is no news */
        return true;
    char *min = bound_at(doc, "details.min"), *max = bound_at(doc, "details.max");
    struct move *m = min && max ? SB_PUSH(l->moves) : NULL;
    if (m) {
        m->at = at;
        m->range = sb_format("%s to %s", min, max);
    }
    if (!m || !m->range || sb_str_set(&m->ns, text_at(doc, "ns")) || sb_str_set(&m->from, text_at(doc, "details.from")) || sb_str_set(&m->to, text_at(doc, "details.to")))
        l->failed = true;
    free(min);
    free(max);
    return !l->failed;
}

static void read_moves(struct look *l, struct sb_conn *conn)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t *find = BCON_NEW("find", "changelog", "filter", "{", "what", "moveChunk.commit", "time", "{", "$gt", BCON_DATE_TIME(l->since), "}", "}", "sort", "{", "time",
                            BCON_INT32(l->since ? 1 : -1), "}", "limit", BCON_INT64(l->since ? MOVES_MOST : 1));
    sb_read_cursor(conn, "config", find, MOVES_MOST, take_move, l, &err); /* who may not read it sees no moves: said with the privileges (doctor) */
    bson_destroy(find);
}

static void read_balancer(struct look *l, struct sb_conn *conn)
{
    bson_t reply;
    bson_iter_t it;
    struct sb_err why = SB_ERR_INIT;
    if (sb_read_json(conn, "admin", "{\"balancerStatus\": 1}", &reply, &why)) {
        l->ok = why.code == SB_ECOMMAND; /* it answers, and does not tell */
        l->err = why;
        return;
    }
    l->ok = l->known = true;
    snprintf(l->mode, sizeof l->mode, "%s", text_at(&reply, "mode"));
    l->in_round = bson_iter_init_find(&it, &reply, "inBalancerRound") && bson_iter_as_bool(&it);
    if (bson_iter_init_find(&it, &reply, "numBalancerRounds") && BSON_ITER_HOLDS_NUMBER(&it))
        l->rounds = bson_iter_as_int64(&it);
    bson_destroy(&reply);
}

static void tell_move(struct sb_orchestrator *o, const struct move *m)
{
    struct sb_actor detector = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)};
    char *text = sb_format("the balancer moved a chunk of %s from %s to %s: %s", m->ns, m->from, m->to, m->range);
    if (text && sb_o_record(o, SB_ENTRY_MARK, &detector, NULL,
                            json_pack("{s:o,s:o,s:n,s:o}", "text", sb_o_words(text), "ns", sb_o_words(m->ns), "app", "about", sb_o_words(m->ns)), NULL) == 0) {
        sb_o_changed(o, &(struct sb_change){.at = m->at, .what = text, .ns = m->ns, .seen_at = sb_o_deployment_now(o)});
        sb_o_notice(o, SB_LOW, "%s", text);
    }
    free(text);
}

/* Of several: how many there are, and one that does not answer. */
static char *beside(const struct sb_orchestrator *o, const struct look *l)
{
    size_t n = sb_server_seeds(o->opt.server);
    if (n < 2)
        return sb_format("%s", "");
    return l->silent == l->at ? sb_format(" of %zu", n) : sb_format(" of %zu, of which %s does not answer", n, sb_server_seed(o->opt.server, l->silent));
}

/* The strip's line. */
static int say(struct sb_orchestrator *o, const struct look *l)
{
    const char *mongos = sb_server_seeds(o->opt.server) ? sb_server_seed(o->opt.server, l->at) : "mongos";
    char *text, *more = beside(o, l);
    if (!more)
        return -1;
    if (!l->ok)
        text = sb_server_seeds(o->opt.server) > 1 ? sb_format("none of %zu mongos answers", sb_server_seeds(o->opt.server)) : sb_format("mongos %s does not answer", mongos);
    else if (!l->known)
        text = sb_format("mongos %s%s, %zu shards; whether the balancer runs is not told to this login", mongos, more, o->facts.shards_n);
    else
        text = sb_format("mongos %s%s, %zu shards; balancer %s%s, %" PRId64 " rounds", mongos, more, o->facts.shards_n, strcmp(l->mode, "full") == 0 ? "on" : l->mode,
                         l->in_round ? ", in a round" : "", l->rounds);
    free(more);
    free(o->cluster.said);
    o->cluster.said = text;
    o->cluster.ill = !l->ok;
    return text ? 0 : -1;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct look *l = p;
    o->cluster.looking = false;
    if (l->ok)
        o->cluster.at = l->at;
    for (size_t i = 0; i < l->moves_n && !l->failed; i++)
        tell_move(o, &l->moves[i]);
    if (l->ok && !l->failed)
        o->cluster.since = l->newest > l->since ? l->newest : l->since ? l->since : 1;
    if (l->failed || say(o, l))
        sb_o_notice(o, SB_LOW, "Out of memory: not all of what the mongos tells is shown.");
    sb_o_tell_strip(o);
    free_look(l);
}

/* Whether that mongos answers at all, soon. */
static bool answers(const struct look *l, size_t at)
{
    struct sb_err why = SB_ERR_INIT;
    bson_t reply;
    struct sb_conn *conn = sb_conn_to_member(l->o->opt.server, sb_server_seed(l->o->opt.server, at), SB_LANE_SAMPLER, &why);
    bool yes = conn && sb_read_json(conn, "admin", "{\"ping\": 1}", &reply, &why) == 0;
    if (yes)
        bson_destroy(&reply);
    sb_conn_close(conn);
    return yes;
}

/* The one that answered last, as long as it does; else the next one that does. */
static void look_at(struct look *l, size_t seeds)
{
    size_t first = l->at;
    for (size_t k = 0; k < seeds && !l->ok; k++) {
        l->at = (first + k) % seeds;
        struct sb_conn *conn = sb_conn_to_member(l->o->opt.server, sb_server_seed(l->o->opt.server, l->at), SB_LANE_CONTROL, &l->err);
        if (conn)
            read_balancer(l, conn);
        if (l->ok)
            read_moves(l, conn);
        sb_conn_close(conn);
    }
    l->silent = l->at;
    for (size_t k = 0; k < seeds && l->ok && l->silent == l->at; k++)
        if (k != l->at && !answers(l, k))
            l->silent = k;
}

static void work(void *p)
{
    struct look *l = p;
    look_at(l, sb_server_seeds(l->o->opt.server));
    sb_o_post_done(l->o, &l->way, back, l, free_look);
}

void sb_o_tick_cluster(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    if (!o->connected || !o->facts.hello.is_mongos || o->cluster.looking || now < o->cluster.next_ms)
        return;
    o->cluster.next_ms = now + EVERY_MS;
    struct look *l = calloc(1, sizeof *l);
    if (!l)
        return;
    l->o = o;
    l->since = o->cluster.since;
    l->at = o->cluster.at;
    o->cluster.looking = sb_o_work(o, &l->way, work, l, free_look);
}
