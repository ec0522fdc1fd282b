/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_record.c - the thread that finds the incidents of a fleet and writes them down. */
#include "fleet_record.h"

#include <signalbox/agents/fleet_watch.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/bus/pool.h>
#include <signalbox/ledger/ledger.h>

#include <inttypes.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 200
#define RETRY_MS 5000   /* between two tries to write what could not be written */
#define TOLD_MOST 2000  /* kept for who reads them; the oldest give way */
#define TAKES_MOST 32

static const char *const whats[] = {"open", "changed", "taken", "over", "said"};
const struct sb_names sb_fleet_whats = {"what", whats, SB_FLEET_SAID + 1};

struct held {
    struct sb_fleet_incident o;
    size_t deployment_i;
    bool simulated, unwritten; /* unwritten: the anomaly as it is now is on no record */
};

struct sb_fleet_record {
    struct sb_fleet *fleet;
    const struct sb_fleet_target *targets;
    size_t targets_n;
    char who[64];
    int fd;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, up to the thread's own */
    pthread_cond_t wake;
    bool stopping;
    struct held *held;
    size_t held_n;
    struct sb_fleet_told *told; /* a ring */
    size_t told_from, told_n;
    char takes[TAKES_MOST][32];
    size_t takes_n;
    /* the thread's own */
    struct sb_origin origin;
    struct sb_ledger *ledger; /* NULL: there is no record */
    struct sb_fleet_watch *watch;
    struct sb_fleet_row *rows;
    size_t rows_cap;
    int64_t last_number, retry_ms;
    bool said_unwritten;
};

char *sb_fleet_folder(const char *state_dir)
{
    return sb_format("%s/fleet", state_dir);
}

/* ---- what is told; the lock is held ---- */

static struct sb_fleet_told *next_told(struct sb_fleet_record *r)
{
    if (r->told_n == TOLD_MOST) {
        sb_anomaly_release(&r->told[r->told_from].incident.anomaly);
        r->told_from = (r->told_from + 1) % TOLD_MOST;
        r->told_n--;
    }
    struct sb_fleet_told *t = &r->told[(r->told_from + r->told_n++) % TOLD_MOST];
    *t = (struct sb_fleet_told){.at_ms = sb_wall_ms()};
    eventfd_write(r->fd, 1);
    return t;
}

static void say(struct sb_fleet_record *r, const char *fmt, ...) SB_PRINTF(2, 3);
static void say(struct sb_fleet_record *r, const char *fmt, ...)
{
    struct sb_fleet_told *t = next_told(r);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->text, sizeof t->text, fmt, ap);
    va_end(ap);
    t->what = SB_FLEET_SAID;
}

static void tell(struct sb_fleet_record *r, enum sb_fleet_what what, const struct held *h)
{
    struct sb_fleet_told *t = next_told(r);
    t->what = what;
    t->incident = h->o;
    if (sb_record_copy(&sb_anomaly_schema, &t->incident.anomaly, &h->o.anomaly))
        r->told_n--; /* for want of memory: the page shows it all the same */
}

/* ---- writing: the thread alone, without the lock ---- */

static int append(struct sb_fleet_record *r, enum sb_entry_kind kind, const char *who, const struct held *h, json_t *body, int64_t *seq, struct sb_err *err)
{
    struct sb_entry e = {.kind = kind, .body = body};
    int rc = body && sb_str_set(&e.actor.principal, who) == 0 ? 0 : sb_fail_nomem(err);
    if (rc == 0 && h) {
        e.plan.simulated = h->simulated;
        rc = sb_str_set(&e.plan.anomaly, h->o.anomaly.id) || sb_str_set(&e.plan.deployment, h->o.deployment) ? sb_fail_nomem(err) : 0;
    }
    rc = rc ? -1 : sb_ledger_append(r->ledger, &e, err);
    if (rc == 0 && seq)
        *seq = e.seq;
    sb_entry_release(&e);
    return rc;
}

static int append_anomaly(struct sb_fleet_record *r, const struct held *h, int64_t *seq, struct sb_err *err)
{
    json_t *json = sb_record_to_json(&sb_anomaly_schema, &h->o.anomaly);
    return append(r, SB_ENTRY_ANOMALY, sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR), h, json ? json_pack("{s:o}", "anomaly", json) : NULL, seq, err);
}

static void not_written(struct sb_fleet_record *r, const struct sb_err *err)
{
    r->retry_ms = sb_mono_ms() + RETRY_MS;
    if (r->said_unwritten)
        return;
    r->said_unwritten = true;
    pthread_mutex_lock(&r->lock);
    say(r, "Incidents are on no record for now: %s", err->msg);
    pthread_mutex_unlock(&r->lock);
}

/* Writes what is unwritten. Only this thread adds to the held ones or takes from them, so it may read them without the lock. */
static void write_down(struct sb_fleet_record *r)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t until = sb_mono_ms() + LOOK_MS; /* where hundreds happen at once, the next look does not wait for all of them */
    if (r->retry_ms && sb_mono_ms() < r->retry_ms)
        return;
    for (size_t i = 0; r->ledger && i < r->held_n && sb_mono_ms() < until; i++) {
        struct held *h = &r->held[i];
        int64_t seq = 0;
        if (!h->unwritten)
            continue;
        if (append_anomaly(r, h, &seq, &err)) {
            not_written(r, &err);
            return;
        }
        pthread_mutex_lock(&r->lock);
        h->unwritten = false;
        h->o.entry = seq;
        if (r->said_unwritten)
            say(r, "Incidents are on record again.");
        eventfd_write(r->fd, 1);
        pthread_mutex_unlock(&r->lock);
        r->said_unwritten = false;
    }
    r->retry_ms = 0;
}

/* ---- what happens ---- */

static struct held *held_of(struct sb_fleet_record *r, size_t deployment_i)
{
    for (size_t i = 0; i < r->held_n; i++)
        if (r->held[i].deployment_i == deployment_i && !r->held[i].o.anomaly.to)
            return &r->held[i];
    return NULL;
}

/* The lock is held. Takes the event's anomaly. */
static void happens(struct sb_fleet_record *r, struct sb_fleet_event *e)
{
    struct held *h = e->is_new ? NULL : held_of(r, e->deployment_i);
    bool fresh = !h;
    if (fresh && (h = SB_PUSH(r->held))) {
        const struct sb_fleet_target *t = &r->targets[e->deployment_i];
        *h = (struct held){.deployment_i = e->deployment_i, .o = {.deployment = t->name, .environment = t->environment}};
        h->o.anomaly.id = sb_format("A-%06" PRId64, ++r->last_number);
    }
    if (!h || !h->o.anomaly.id) {
        sb_anomaly_release(&e->anomaly);
        r->held_n -= h != NULL;
        say(r, "Out of memory: an incident of %s is not kept.", r->targets[e->deployment_i].name);
        return;
    }
    e->anomaly.id = h->o.anomaly.id;
    e->anomaly.acked_by = h->o.anomaly.acked_by;
    h->o.anomaly.id = h->o.anomaly.acked_by = NULL;
    sb_anomaly_release(&h->o.anomaly);
    h->o.anomaly = e->anomaly;
    h->simulated = e->simulated;
    h->unwritten = true;
    tell(r, h->o.anomaly.to ? SB_FLEET_OVER : fresh ? SB_FLEET_OPENED : SB_FLEET_CHANGED, h);
}

/* Somebody takes it: on the record first, where there is one. */
static void take_one(struct sb_fleet_record *r, const char *id)
{
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < r->held_n; i++) {
        struct held *h = &r->held[i];
        if (!sb_streq(h->o.anomaly.id, id) || h->o.anomaly.acked_by)
            continue;
        int rc = 0;
        if (r->ledger && !h->o.entry)
            rc = sb_fail(&err, SB_ELEDGER, "it is on no record yet");
        else if (r->ledger)
            rc = append(r, SB_ENTRY_ACK, r->who, h, json_pack("{s:s,s:s}", "anomaly", id, "by", r->who), NULL, &err);
        pthread_mutex_lock(&r->lock);
        if (rc == 0 && sb_str_set(&h->o.anomaly.acked_by, r->who) == 0)
            tell(r, SB_FLEET_TAKEN, h);
        else
            say(r, "%s was not taken: %s", id, rc ? err.msg : "out of memory");
        pthread_mutex_unlock(&r->lock);
    }
}

/* Those that are over, and on the record or never to be. */
static void forget(struct sb_fleet_record *r)
{
    size_t kept = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->held_n; i++) {
        struct held *h = &r->held[i];
        if (h->o.anomaly.to && (!h->unwritten || !r->ledger))
            sb_anomaly_release(&h->o.anomaly);
        else
            r->held[kept++] = *h;
    }
    if (kept != r->held_n)
        eventfd_write(r->fd, 1);
    r->held_n = kept;
    pthread_mutex_unlock(&r->lock);
}

static void look(struct sb_fleet_record *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_fleet_event e;
    char takes[TAKES_MOST][32];
    int64_t n = sb_fleet_rows(r->fleet, &r->rows, &r->rows_cap);
    bool lost = n < 0 || sb_fleet_watch_look(r->watch, r->rows, (size_t)n, sb_wall_ms(), &err);
    pthread_mutex_lock(&r->lock);
    if (lost)
        say(r, "Out of memory: incidents may be missed.");
    while (sb_fleet_watch_take(r->watch, &e))
        happens(r, &e);
    size_t takes_n = r->takes_n;
    memcpy(takes, r->takes, sizeof takes);
    r->takes_n = 0;
    pthread_mutex_unlock(&r->lock);
    write_down(r);
    for (size_t i = 0; i < takes_n; i++)
        take_one(r, takes[i]);
    forget(r);
}

/* ---- the ledger ---- */

/* The entry tells what the anomaly itself does not: of which deployment it is. */
static int of_which(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct held *h = ctx;
    h->simulated = e->plan.simulated;
    char *copy = sb_format("%s", e->plan.deployment ? e->plan.deployment : "");
    h->o.deployment = copy;
    return copy ? 1 : sb_fail_nomem(err);
}

static int close_old(struct sb_fleet_record *r, struct sb_err *err)
{
    char **ids = NULL;
    size_t n = 0;
    int rc = sb_ledger_open_ids(r->ledger, SB_ITEM_ANOMALY, &ids, &n, err);
    for (size_t i = 0; i < n; i++) {
        struct held h = {.o = {.deployment = NULL}};
        struct sb_err why = SB_ERR_INIT;
        if (rc == 0 && sb_ledger_anomaly(r->ledger, ids[i], &h.o.anomaly, &why) == 0) {
            h.o.anomaly.to = h.o.anomaly.detected_at;
            rc = sb_ledger_by_ref(r->ledger, ids[i], of_which, &h, err) || append_anomaly(r, &h, NULL, err) ? -1 : 0;
        }
        sb_anomaly_release(&h.o.anomaly);
        free((char *)(uintptr_t)h.o.deployment);
        free(ids[i]);
    }
    free(ids);
    return rc;
}

static int open_ledger(struct sb_fleet_record *r, struct sb_err *err)
{
    struct sb_str state;
    sb_str_init(&state);
    char *dir = sb_path_state(&state, err) == 0 ? sb_fleet_folder(state.p) : NULL;
    if (!dir && err->code == SB_OK)
        sb_fail_nomem(err);
    sb_origin_system(&r->origin);
    if (dir && sb_dir_make(dir, 0700, err) == 0)
        r->ledger = sb_ledger_open(dir, SB_LEDGER_OWN, &r->origin, err);
    free(dir);
    sb_str_release(&state);
    if (!r->ledger)
        return -1;
    const char *why;
    if (!sb_ledger_writable(r->ledger, &why))
        return sb_fail(err, SB_ELEDGER, "%s", why);
    return sb_ledger_last_number(r->ledger, 'A', &r->last_number, err) ||
                   append(r, SB_ENTRY_START, r->who, NULL, json_pack("{s:s,s:I,s:b}", "version", SIGNALBOX_VERSION, "pid", (json_int_t)getpid(), "read_only", 1), NULL, err) || close_old(r, err)
               ? -1
               : 0;
}

static void close_ledger(struct sb_fleet_record *r, const char *reason)
{
    struct sb_err err = SB_ERR_INIT;
    if (r->ledger && reason && append(r, SB_ENTRY_STOP, r->who, NULL, json_pack("{s:s}", "reason", reason), NULL, &err))
        err.code = SB_OK; /* the next run closes what is open; nothing else hangs on it */
    sb_ledger_close(r->ledger);
    r->ledger = NULL;
}

/* ---- the thread ---- */

static void *record_main(void *arg)
{
    struct sb_fleet_record *r = arg;
    struct sb_err why = SB_ERR_INIT;
    if (open_ledger(r, &why))
        close_ledger(r, NULL);
    pthread_mutex_lock(&r->lock);
    if (!r->ledger)
        say(r, "Incidents are on no record: %s", why.msg);
    while (!r->stopping) {
        struct timespec until;
        pthread_mutex_unlock(&r->lock);
        look(r);
        pthread_mutex_lock(&r->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!r->stopping)
            pthread_cond_timedwait(&r->wake, &r->lock, &until);
    }
    pthread_mutex_unlock(&r->lock);
    close_ledger(r, "the fleet is watched no more");
    return NULL;
}

/* ---- from outside ---- */

static void release(struct sb_fleet_record *r)
{
    for (size_t i = 0; i < r->held_n; i++)
        sb_anomaly_release(&r->held[i].o.anomaly);
    for (; r->told_n; r->told_n--, r->told_from = (r->told_from + 1) % TOLD_MOST)
        sb_anomaly_release(&r->told[r->told_from].incident.anomaly);
    free(r->held);
    free(r->told);
    free(r->rows);
    sb_fleet_watch_free(r->watch);
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->wake);
    free(r);
}

struct sb_fleet_record *sb_fleet_record_begin(struct sb_fleet *fleet, const struct sb_fleet_target *targets, size_t n, struct sb_err *err)
{
    struct sb_fleet_record *r = calloc(1, sizeof *r);
    const struct passwd *user = getpwuid(getuid());
    pthread_condattr_t attr;
    if (!r) {
        sb_fail_nomem(err);
        return NULL;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, &attr);
    pthread_condattr_destroy(&attr);
    r->fleet = fleet;
    r->targets = targets;
    r->targets_n = n;
    r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    r->told = calloc(TOLD_MOST, sizeof *r->told);
    snprintf(r->who, sizeof r->who, "%s", user ? user->pw_name : "?");
    int rc = r->fd < 0 ? sb_fail(err, SB_EINTERNAL, "cannot make a doorbell") : !r->told ? sb_fail_nomem(err) : 0;
    if (rc == 0 && !(r->watch = sb_fleet_watch_new(n, err)))
        rc = -1;
    if (rc == 0)
        rc = sb_thread_start(&r->thread, record_main, r, "sb-fleet-record", err);
    if (rc == 0)
        return r;
    release(r);
    return NULL;
}

void sb_fleet_record_end(struct sb_fleet_record *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    release(r);
}

void sb_fleet_incidents_release(struct sb_fleet_incident **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_anomaly_release(&(*list)[i].anomaly);
    free(*list);
    *list = NULL;
}

int64_t sb_fleet_record_copy(struct sb_fleet_record *r, struct sb_fleet_incident **list, size_t n)
{
    size_t copied = 0;
    bool lost = false;
    sb_fleet_incidents_release(list, n);
    pthread_mutex_lock(&r->lock);
    struct sb_fleet_incident *all = calloc(r->held_n + 1, sizeof *all);
    for (size_t i = r->held_n; all && i-- > 0 && !lost;) {
        if (r->held[i].o.anomaly.to)
            continue;
        all[copied] = r->held[i].o;
        lost = sb_record_copy(&sb_anomaly_schema, &all[copied].anomaly, &r->held[i].o.anomaly) != 0;
        copied += !lost;
    }
    pthread_mutex_unlock(&r->lock);
    if (lost)
        sb_fleet_incidents_release(&all, copied);
    *list = all;
    return all ? (int64_t)copied : -1;
}

void sb_fleet_record_take(struct sb_fleet_record *r, const char *id)
{
    pthread_mutex_lock(&r->lock);
    if (r->takes_n < TAKES_MOST)
        snprintf(r->takes[r->takes_n++], sizeof r->takes[0], "%s", id);
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

int sb_fleet_record_fd(const struct sb_fleet_record *r)
{
    return r->fd;
}

bool sb_fleet_record_next(struct sb_fleet_record *r, struct sb_fleet_told *out)
{
    pthread_mutex_lock(&r->lock);
    bool any = r->told_n > 0;
    if (any) {
        *out = r->told[r->told_from];
        r->told_from = (r->told_from + 1) % TOLD_MOST;
        r->told_n--;
    }
    pthread_mutex_unlock(&r->lock);
    return any;
}
