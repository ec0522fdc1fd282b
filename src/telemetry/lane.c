/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/bus/pool.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/lane.h>
#include <signalbox/telemetry/sample.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_EVERY_MS 5000
#define LOG_LEAST_GAP_MS 1000
#define SECONDARY_EVERY 5     /* polls between two looks at what the primary tells every time */
#define TOP_CHEAP_BYTES 65536 /* a larger reply is asked for as much more rarely */
#define PROFILE_BATCH 1000
#define PROFILE_MAX_BYTES (8 << 20)

struct tailed {
    char *db;
    int64_t last_ts; /* deployment time of the newest document taken */
};

struct sb_sampling_lane {
    const struct sb_server *server;
    char member[256];
    int64_t period_ms;
    struct sb_queue *out;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the four below */
    pthread_cond_t wake;
    bool stopping, ended, want_log;
    char **dbs;
    size_t dbs_n;
    /* the lane thread's own */
    struct sb_conn *conn;
    bool is_primary;
    uint64_t polls;
    int64_t top_every, log_seen, log_next_ms;
    bool no_sessions; /* the server does not let us see them */
    struct tailed *tailed;
    size_t tailed_n;
    uint64_t commands_before, errors_before;
};

static void sleep_until(struct sb_sampling_lane *l, int64_t until_ms)
{
    struct timespec ts = {until_ms / 1000, until_ms % 1000 * 1000000};
    pthread_mutex_lock(&l->lock);
    while (!l->stopping)
        if (pthread_cond_timedwait(&l->wake, &l->lock, &ts))
            break;
    pthread_mutex_unlock(&l->lock);
}

static bool stopping(struct sb_sampling_lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool v = l->stopping;
    pthread_mutex_unlock(&l->lock);
    return v;
}

static bool take_want_log(struct sb_sampling_lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool v = l->want_log;
    l->want_log = false;
    pthread_mutex_unlock(&l->lock);
    return v;
}

/* Milliseconds of the clock that pthread_cond_timedwait runs on here. */
static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void poll_status(struct sb_sampling_lane *l, struct sb_sample *s)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t reply;
    /* sections that we do not read are left out: they are most of the reply */
    static const char command[] = "{\"serverStatus\": 1, \"catalogStats\": 0, \"tcmalloc\": 0, \"repl\": 0, \"sharding\": 0, \"security\": 0, \"tenantMigrations\": 0,"
                                  " \"twoPhaseCommitCoordinator\": 0, \"readConcernCounters\": 0, \"electionMetrics\": 0}";
    if (sb_read_json(l->conn, "admin", command, &reply, &err)) {
        snprintf(s->error, sizeof s->error, "%s", err.msg);
        s->away = err.code == SB_ESERVER && err.detail == EHOSTUNREACH;
        return;
    }
    sb_sample_server_status(s, &reply);
    bson_destroy(&reply);
}

static void poll_replication(struct sb_sampling_lane *l, struct sb_sample *s)
{
    bson_t reply;
    if (sb_read_json(l->conn, "admin", "{\"replSetGetStatus\": 1}", &reply, NULL))
        return;
    sb_sample_repl_status(s, &reply);
    l->is_primary = s->is_primary;
    bson_destroy(&reply);
}

static void poll_top(struct sb_sampling_lane *l, struct sb_sample *s)
{
    bson_t reply;
    struct sb_err err = SB_ERR_INIT;
    if (sb_read_json(l->conn, "admin", "{\"top\": 1}", &reply, &err)) {
        if (err.code == SB_ECOMMAND)
            l->top_every = INT64_MAX; /* the server does not know it: said once, with the deployment's abilities */
        return;
    }
    l->top_every = 1 + (int64_t)reply.len / TOP_CHEAP_BYTES;
    int ignored = sb_sample_top(s, &reply); /* out of memory: this time without */
    (void)ignored;
    bson_destroy(&reply);
}

static void poll_log(struct sb_sampling_lane *l, struct sb_sample *s)
{
    bson_t reply;
    if (sb_read_json(l->conn, "admin", "{\"getLog\": \"global\"}", &reply, NULL))
        return;
    int ignored = sb_sample_log(s, &reply, &l->log_seen);
    (void)ignored;
    bson_destroy(&reply);
}

static bool take_transaction(void *ctx, const bson_t *doc)
{
    return sb_sample_transaction(ctx, doc);
}

static void poll_transactions(struct sb_sampling_lane *l, struct sb_sample *s)
{
    struct sb_err err = SB_ERR_INIT;
    if (sb_read_cursor_json(l->conn, "admin", SB_SAMPLE_TRANSACTIONS, SB_IDLE_TRANSACTIONS, take_transaction, s, &err) < 0 && err.code == SB_ECOMMAND)
        l->no_sessions = true;
}

struct profile_take {
    struct sb_sample *sample;
    struct tailed *tailed;
};

static bool take_profile(void *ctx, const bson_t *doc)
{
    struct profile_take *t = ctx;
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "ts") && BSON_ITER_HOLDS_DATE_TIME(&it) && bson_iter_date_time(&it) > t->tailed->last_ts)
        t->tailed->last_ts = bson_iter_date_time(&it);
    sb_str_add(&t->sample->profile, bson_get_data(doc), doc->len);
    return t->sample->profile.len < PROFILE_MAX_BYTES;
}

static void poll_profile(struct sb_sampling_lane *l, struct sb_sample *s, struct tailed *t)
{
    if (t->last_ts == 0)
        t->last_ts = s->at; /* from now on */
    bson_t *find = BCON_NEW("find", "system.profile", "filter", "{", "ts", "{", "$gt", BCON_DATE_TIME(t->last_ts), "}", "}", "sort",
                            "{", "$natural", BCON_INT32(1), "}", "batchSize", BCON_INT32(PROFILE_BATCH));
    struct profile_take take = {s, t};
    sb_read_cursor(l->conn, t->db, find, PROFILE_BATCH, take_profile, &take, NULL);
    bson_destroy(find);
}

/* Takes over the list of databases when it was changed. */
static void update_tailed(struct sb_sampling_lane *l)
{
    pthread_mutex_lock(&l->lock);
    struct tailed *fresh = NULL;
    size_t n = 0;
    for (size_t i = 0; i < l->dbs_n; i++) {
        struct tailed *t = sb_list_push((void **)&fresh, &n, sizeof *fresh);
        if (!t)
            break;
        t->db = sb_strdup_n(l->dbs[i], strlen(l->dbs[i]));
        if (!t->db) {
            n--;
            break;
        }
        for (size_t k = 0; k < l->tailed_n; k++)
            if (strcmp(l->tailed[k].db, t->db) == 0)
                t->last_ts = l->tailed[k].last_ts;
    }
    pthread_mutex_unlock(&l->lock);
    for (size_t k = 0; k < l->tailed_n; k++)
        free(l->tailed[k].db);
    free(l->tailed);
    l->tailed = fresh;
    l->tailed_n = n;
}

static void poll_member(struct sb_sampling_lane *l)
{
    struct sb_sample *s = sb_sample_new(l->member, sb_wall_ms());
    if (!s)
        return;
    poll_status(l, s);
    if (s->ok) {
        bool rare = l->polls % SECONDARY_EVERY == 0;
        if (l->is_primary || rare)
            poll_replication(l, s);
        if (l->top_every != INT64_MAX && l->polls % (uint64_t)(l->top_every * (l->is_primary ? 1 : SECONDARY_EVERY)) == 0)
            poll_top(l, s);
        if (rare && !l->no_sessions && sb_sample_wants_transactions(s))
            poll_transactions(l, s);
        bool wanted = take_want_log(l);
        if (now_ms() >= l->log_next_ms - (wanted ? LOG_EVERY_MS - LOG_LEAST_GAP_MS : 0)) {
            poll_log(l, s);
            l->log_next_ms = now_ms() + LOG_EVERY_MS;
        }
        update_tailed(l);
        for (size_t i = 0; i < l->tailed_n; i++)
            poll_profile(l, s, &l->tailed[i]);
    }
    l->polls++;
    uint64_t commands = sb_conn_commands(l->conn), errors = sb_conn_errors(l->conn);
    s->commands = (int64_t)(commands - l->commands_before);
    s->errors = (int64_t)(errors - l->errors_before);
    l->commands_before = commands;
    l->errors_before = errors;
    sb_queue_post_telemetry(l->out, 0, SB_LANE_SAMPLE, s, sb_sample_free);
}

static void *lane_main(void *arg)
{
    struct sb_sampling_lane *l = arg;
    int64_t next = now_ms();
    while (!stopping(l)) {
        poll_member(l);
        next += l->period_ms;
        if (next < now_ms())
            next = now_ms(); /* a slow answer is not made up for by a burst */
        sleep_until(l, next);
    }
    sb_conn_close(l->conn);
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void free_lane(struct sb_sampling_lane *l)
{
    for (size_t i = 0; i < l->dbs_n; i++)
        free(l->dbs[i]);
    free(l->dbs);
    for (size_t i = 0; i < l->tailed_n; i++)
        free(l->tailed[i].db);
    free(l->tailed);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    free(l);
}

struct sb_sampling_lane *sb_lane_start(const struct sb_server *server, const char *member, int64_t period_ms,
                                       struct sb_queue *out, struct sb_err *err)
{
    struct sb_sampling_lane *l = calloc(1, sizeof *l);
    if (!l) {
        sb_fail_nomem(err);
        return NULL;
    }
    l->server = server;
    l->period_ms = period_ms;
    l->out = out;
    l->top_every = 1;
    l->log_seen = -1;
    snprintf(l->member, sizeof l->member, "%s", member);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &attr);
    pthread_condattr_destroy(&attr);
    l->conn = sb_conn_to_member(server, member, SB_LANE_SAMPLER, err);
    if (!l->conn || sb_thread_start(&l->thread, lane_main, l, "sb-lane", err)) {
        sb_conn_close(l->conn);
        free_lane(l);
        return NULL;
    }
    return l;
}

void sb_lane_want_log(struct sb_sampling_lane *l)
{
    pthread_mutex_lock(&l->lock);
    l->want_log = true;
    pthread_mutex_unlock(&l->lock);
}

int sb_lane_tail_profiles(struct sb_sampling_lane *l, char *const *dbs, size_t n)
{
    char **copy = NULL;
    size_t copied = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = sb_strs_push(&copy, &copied, dbs[i]);
    pthread_mutex_lock(&l->lock);
    char **old = rc ? copy : l->dbs;
    size_t old_n = rc ? copied : l->dbs_n;
    if (rc == 0) {
        l->dbs = copy;
        l->dbs_n = copied;
    }
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < old_n; i++)
        free(old[i]);
    free(old);
    return rc;
}

void sb_lane_stop(struct sb_sampling_lane *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

bool sb_lane_join(struct sb_sampling_lane *l, int grace_ms)
{
    int64_t until = now_ms() + grace_ms;
    struct timespec ts = {until / 1000, until % 1000 * 1000000};
    pthread_mutex_lock(&l->lock);
    while (!l->ended)
        if (pthread_cond_timedwait(&l->wake, &l->lock, &ts))
            break;
    bool ended = l->ended;
    pthread_mutex_unlock(&l->lock);
    if (!ended) {
        pthread_detach(l->thread);
        return false;
    }
    pthread_join(l->thread, NULL);
    free_lane(l);
    return true;
}
