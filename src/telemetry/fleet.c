/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.c - who asks which member when: lanes, what is due, and who is set apart. */
#include "fleet_private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>
#include <signalbox/bus/pool.h>
#include <signalbox/mongo/read_door.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 50        /* between two looks of the judge */
#define LATE_MS 100       /* one that waited so long for a lane makes more of them */
#define COUNT_MS 10000    /* between two looks at how many lanes are needed */
#define SOON_MS 2         /* what is due so soon is asked now: fewer times to wake */
#define AGAIN_MS 6000     /* the driver itself does not ask a server anew within 5 s */
#define AGAIN_MOST_MS 30000

static const char status_command[] = "{\"serverStatus\": 1, \"catalogStats\": 0, \"tcmalloc\": 0, \"wiredTiger\": 0, \"metrics\": 0, \"locks\": 0, \"sharding\": 0, \"security\": 0,"
                                     " \"transactions\": 0, \"twoPhaseCommitCoordinator\": 0, \"tenantMigrations\": 0, \"readConcernCounters\": 0, \"electionMetrics\": 0}";

/* Waits on a condition of the monotonic clock. */
static void wait_until(struct sb_fleet *f, pthread_cond_t *c, int64_t ms)
{
    struct timespec now, ts;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = ms - sb_mono_ms(), ns = now.tv_nsec + (left > 0 ? left : 0) % 1000 * 1000000;
    ts = (struct timespec){now.tv_sec + (left > 0 ? left : 0) / 1000 + ns / 1000000000, ns % 1000000000};
    pthread_cond_timedwait(c, &f->lock, &ts);
}

/* ---- members ---- */

static bool known(const struct sb_fleet *f, size_t target, const char *name)
{
    for (size_t i = 0; i < f->members; i++)
        if (f->member[i]->target == target && strcmp(f->member[i]->row.name, name) == 0)
            return true;
    return false;
}

/* The lock is held, or nobody else is there yet. Beyond the most there can be, and out of memory, a member is not watched: -1. */
static int add_member(struct sb_fleet *f, size_t target, const char *name, int64_t due_ms)
{
    struct fleet_member *m = f->members < SB_FLEET_MEMBERS_MOST ? calloc(1, sizeof *m) : NULL;
    if (!m)
        return -1;
    const struct sb_fleet_target *t = &f->target[target].o;
    m->target = target;
    sb_fleet_read(&m->reading, &(bson_t)BSON_INITIALIZER);
    m->row = (struct sb_fleet_row){.deployment = t->name, .deployment_i = target, .environment = t->environment, .health = SB_FLEET_UNASKED, .since_ms = sb_wall_ms(),
                                   .ops_per_s = NAN, .read_ms = NAN, .write_ms = NAN, .connections = NAN, .queued = NAN, .lag_s = NAN};
    for (int k = 0; k < SB_FLEET_SERIES; k++)
        m->row.out[k].value = m->row.out[k].usual = NAN;
    snprintf(m->row.name, sizeof m->row.name, "%s", name);
    f->due_ms[f->members] = due_ms;
    f->member[f->members++] = m;
    f->figures.members++;
    return 0;
}

/* FNV-1a: it only has to notice a change, and who tells the hosts may as well tell wrong ones. */
static uint64_t sum_of_hosts(const struct sb_fleet_reading *r)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t k = 0; k < r->hosts_n; k++)
        for (const char *p = r->hosts[k]; p == r->hosts[k] || p[-1]; p++)
            sum = (sum ^ (unsigned char)*p) * 0x100000001b3;
    return sum;
}

static void learn_hosts(struct sb_fleet *f, struct fleet_member *m, const struct sb_fleet_reading *r)
{
    size_t of_it = 0, target = m->target;
    uint64_t sum = sum_of_hosts(r);
    if (sum == m->hosts_sum)
        return;
    m->hosts_sum = sum;
    for (size_t i = 0; i < f->members; i++)
        of_it += f->member[i]->target == target;
    for (size_t k = 0; k < r->hosts_n && of_it < SB_FLEET_HOSTS_MOST; k++)
        if (!known(f, target, r->hosts[k]) && add_member(f, target, r->hosts[k], sb_mono_ms()) == 0)
            of_it++;
}

/* ---- a lane ---- */

/* The member that is due next; SIZE_MAX: none, all are in hand. */
static size_t next_due(const struct sb_fleet *f, int64_t *due_ms)
{
    size_t found = SIZE_MAX;
    bool room = f->apart_busy < SB_FLEET_APART;
    *due_ms = INT64_MAX;
    for (size_t i = 0; i < f->members; i++)
        if (f->due_ms[i] < *due_ms && (room || !f->apart[i])) {
            *due_ms = f->due_ms[i];
            found = i;
        }
    return found;
}

static int ask(struct sb_fleet *f, struct fleet_member *m, struct sb_fleet_reading *r, struct sb_err *err)
{
    bson_t reply;
    if (!m->conn && !(m->conn = sb_conn_to_any(f->target[m->target].o.server, m->row.name, SB_LANE_SAMPLER, err)))
        return -1;
    if (sb_read_json(m->conn, "admin", status_command, &reply, err)) {
        sb_conn_close(m->conn); /* what it holds is of no use any more, and a silent member is to cost nothing */
        m->conn = NULL;
        return -1;
    }
    sb_fleet_read(r, &reply);
    bson_destroy(&reply);
    return 0;
}

/* What is known now, and when the member is asked again. The lock is held. */
static void take(struct sb_fleet *f, size_t i, int64_t due_ms, const struct sb_fleet_reading *r, const struct sb_err *err)
{
    struct fleet_member *m = f->member[i];
    struct fleet_target *t = &f->target[m->target];
    int64_t now = sb_mono_ms(), next = due_ms + f->period_ms;
    f->figures.polls++;
    f->figures.asked += m->row.health == SB_FLEET_UNASKED && !m->fresh;
    m->fresh = true;
    m->failed = err->code != SB_OK;
    if (m->failed) {
        int64_t wait = AGAIN_MS << (m->failures < 3 ? m->failures : 3);
        f->figures.failed++;
        m->failures++;
        snprintf(m->error, sizeof m->error, "%s", err->msg);
        f->apart[i] = true;
        f->due_ms[i] = now + (wait < AGAIN_MOST_MS ? wait : AGAIN_MOST_MS);
        return;
    }
    m->failures = 0;
    m->reading = *r;
    m->reading.hosts = NULL;
    if (!t->set[0])
        snprintf(t->set, sizeof t->set, "%s", r->set);
    bool stranger = strcmp(t->set, r->set) != 0;
    f->apart[i] = false;
    f->due_ms[i] = stranger ? now + AGAIN_MS : next > now ? next : now; /* a slow answer is not made up for by a burst */
    if (!stranger)
        learn_hosts(f, m, r);
}

/* Asks the member; comes with the lock and goes with it. */
static void serve(struct sb_fleet *f, size_t i, int64_t due_ms, char (*hosts)[256])
{
    struct fleet_member *m = f->member[i];
    struct sb_fleet_reading r = {.hosts = hosts};
    struct sb_err err = SB_ERR_INIT;
    bool apart = f->apart[i];
    int64_t late = sb_mono_ms() - due_ms;
    if (!apart && late > f->late_now_ms)
        f->late_now_ms = late;
    f->due_ms[i] = INT64_MAX;
    f->apart_busy += apart;
    f->busy++;
    f->busy_high = f->busy > f->busy_high ? f->busy : f->busy_high;
    pthread_mutex_unlock(&f->lock);
    int rc = ask(f, m, &r, &err);
    if (rc && err.code == SB_OK)
        sb_fail(&err, SB_EINTERNAL, "it could not be asked");
    pthread_mutex_lock(&f->lock);
    f->busy--;
    f->apart_busy -= apart;
    take(f, i, due_ms, &r, &err);
}

static void *lane_main(void *arg)
{
    struct sb_fleet *f = arg;
    char (*hosts)[256] = calloc(SB_FLEET_HOSTS_MOST, sizeof *hosts); /* NULL: then no new members are learnt here */
    pthread_mutex_lock(&f->lock);
    while (!f->stopping && !f->leaving) {
        int64_t due_ms, now = sb_mono_ms();
        size_t i = next_due(f, &due_ms);
        if (i != SIZE_MAX && due_ms <= now + SOON_MS) {
            if (!f->led)
                pthread_cond_signal(&f->due_wake);
            serve(f, i, due_ms, hosts);
        } else if (f->led) {
            pthread_cond_wait(&f->due_wake, &f->lock);
        } else {
            f->led = true;
            wait_until(f, &f->due_wake, i != SIZE_MAX && due_ms < now + 1000 ? due_ms : now + 1000);
            f->led = false;
        }
    }
    if (f->leaving)
        f->leaving--;
    f->lanes--;
    pthread_cond_signal(&f->due_wake); /* it may have been the one that the others wait for */
    pthread_cond_signal(&f->all_ended);
    pthread_mutex_unlock(&f->lock);
    free(hosts);
    return NULL;
}

/* The lock is held. */
static int add_lane(struct sb_fleet *f, struct sb_err *err)
{
    pthread_t thread;
    if (sb_thread_start(&thread, lane_main, f, "sb-fleet", err))
        return -1;
    pthread_detach(thread);
    f->lanes++;
    if (f->lanes > f->figures.lanes_high)
        f->figures.lanes_high = f->lanes;
    return 0;
}

/* As many again where one waited; fewer where for some time not half of them had anything to do. The lock is held. */
static void mind_lanes(struct sb_fleet *f)
{
    int64_t now = sb_mono_ms(), due_ms;
    if (next_due(f, &due_ms) != SIZE_MAX && now - due_ms > LATE_MS) {
        f->leaving = 0;
        for (size_t more = f->lanes; more && f->lanes < SB_FLEET_LANES_MOST; more--)
            if (add_lane(f, NULL))
                break; /* the machine gives no more threads: those there are go on */
    }
    if (now - f->looked_ms < COUNT_MS)
        return;
    size_t wanted = f->busy_high * 2 > SB_FLEET_LANES_LEAST ? f->busy_high * 2 : SB_FLEET_LANES_LEAST;
    f->leaving = f->lanes > wanted ? f->lanes - wanted : 0;
    if (f->leaving)
        pthread_cond_broadcast(&f->due_wake);
    f->busy_high = f->busy;
    f->figures.late_ms = f->late_now_ms;
    f->late_now_ms = 0;
    f->looked_ms = now;
}

/* ---- the judge's thread ---- */

static void *judge_main(void *arg)
{
    struct sb_fleet *f = arg;
    pthread_mutex_lock(&f->lock);
    while (!f->stopping) {
        mind_lanes(f);
        size_t n = f->members;
        if (n != f->screened) {
            pthread_mutex_unlock(&f->lock);
            sb_fleet_begin_screen(f, n);
            pthread_mutex_lock(&f->lock);
        }
        for (size_t i = 0; i < n; i++)
            if (f->member[i]->fresh) {
                pthread_mutex_unlock(&f->lock);
                sb_fleet_judge(f, i);
                pthread_mutex_lock(&f->lock);
            }
        f->figures.lanes = f->lanes;
        if (f->screen) {
            f->figures.series = f->screened * SB_FLEET_SERIES;
            f->figures.watched = sb_screen_watched(f->screen);
            f->figures.passed_over = sb_screen_passed_over(f->screen);
        }
        wait_until(f, &f->judge_wake, sb_mono_ms() + TICK_MS);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- from outside ---- */

static void free_fleet(struct sb_fleet *f)
{
    for (size_t i = 0; i < f->members; i++) {
        sb_conn_close(f->member[i]->conn);
        free(f->member[i]);
    }
    sb_screen_free(f->screen);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->due_wake);
    pthread_cond_destroy(&f->judge_wake);
    pthread_cond_destroy(&f->all_ended);
    free(f->news);
    free(f->target);
    free(f);
}

static bool end_lanes(struct sb_fleet *f, int grace_ms)
{
    int64_t until = sb_mono_ms() + grace_ms;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_broadcast(&f->due_wake);
    pthread_cond_signal(&f->judge_wake);
    while (f->lanes && sb_mono_ms() < until)
        wait_until(f, &f->all_ended, until);
    bool all = f->lanes == 0;
    pthread_mutex_unlock(&f->lock);
    return all;
}

static int add_seeds(struct sb_fleet *f, struct sb_err *err)
{
    size_t seeds = 0, k = 0;
    int64_t now = sb_mono_ms();
    for (size_t i = 0; i < f->targets; i++)
        seeds += sb_server_seeds(f->target[i].o.server);
    if (seeds > SB_FLEET_MEMBERS_MOST)
        return sb_fail(err, SB_EUSAGE, "the connection strings name %zu members, and at most %d are watched by one program", seeds, SB_FLEET_MEMBERS_MOST);
    for (size_t i = 0; i < f->targets; i++)
        for (size_t s = 0; s < sb_server_seeds(f->target[i].o.server); s++, k++) /* spread over the period */
            if (!known(f, i, sb_server_seed(f->target[i].o.server, s)) &&
                add_member(f, i, sb_server_seed(f->target[i].o.server, s), now + (int64_t)k * f->period_ms / (int64_t)seeds))
                return sb_fail_nomem(err);
    return 0;
}

struct sb_fleet *sb_fleet_start(const struct sb_fleet_target *targets, size_t n, int64_t period_ms, struct sb_err *err)
{
    struct sb_fleet *f = calloc(1, sizeof *f);
    pthread_condattr_t attr;
    if (!f) {
        sb_fail_nomem(err);
        return NULL;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->due_wake, &attr);
    pthread_cond_init(&f->judge_wake, &attr);
    pthread_cond_init(&f->all_ended, &attr);
    pthread_condattr_destroy(&attr);
    f->period_ms = period_ms;
    f->looked_ms = sb_mono_ms();
    f->target = calloc(n + 1, sizeof *f->target);
    f->news = calloc(SB_FLEET_NEWS_KEPT, sizeof *f->news);
    int rc = f->target && f->news ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        f->target[i].o = targets[i];
        snprintf(f->target[i].set, sizeof f->target[i].set, "%s", sb_server_set(targets[i].server));
        f->targets++;
    }
    rc = rc || add_seeds(f, err) ? -1 : 0;
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < SB_FLEET_LANES_LEAST && rc == 0; i++)
        rc = add_lane(f, err);
    pthread_mutex_unlock(&f->lock);
    if (rc == 0)
        rc = sb_thread_start(&f->judge, judge_main, f, "sb-fleet-judge", err);
    if (rc == 0)
        return f;
    if (end_lanes(f, 3000))
        free_fleet(f);
    return NULL;
}

int64_t sb_fleet_rows(struct sb_fleet *f, struct sb_fleet_row **rows, size_t *cap)
{
    pthread_mutex_lock(&f->lock);
    int64_t n = (int64_t)f->members;
    if (SB_GROW(*rows, *cap, f->members))
        n = -1;
    for (int64_t i = 0; i < n; i++)
        (*rows)[i] = f->member[i]->row;
    pthread_mutex_unlock(&f->lock);
    return n;
}

bool sb_fleet_next_news(struct sb_fleet *f, struct sb_fleet_news *out)
{
    pthread_mutex_lock(&f->lock);
    bool any = f->news_n > 0;
    if (any) {
        *out = f->news[f->news_from];
        f->news_from = (f->news_from + 1) % SB_FLEET_NEWS_KEPT;
        f->news_n--;
    }
    pthread_mutex_unlock(&f->lock);
    return any;
}

void sb_fleet_figures(struct sb_fleet *f, struct sb_fleet_figures *out)
{
    pthread_mutex_lock(&f->lock);
    *out = f->figures;
    if (f->late_now_ms > out->late_ms)
        out->late_ms = f->late_now_ms;
    pthread_mutex_unlock(&f->lock);
}

bool sb_fleet_stop(struct sb_fleet *f, int grace_ms)
{
    if (!f)
        return true;
    bool all = end_lanes(f, grace_ms);
    pthread_join(f->judge, NULL);
    if (all)
        free_fleet(f); /* a lane that hangs still has its member in hand */
    return all;
}
