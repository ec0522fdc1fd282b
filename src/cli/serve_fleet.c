/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor itself watches nothing and owns nothing: it takes a lease in the name of the ledger that the child will own, and
 * starts the child, which renews it. Where it dies its children end as well (SIGTERM by the kernel) and give their leases back; where
 * all is killed the leases end by themselves. */
#include "serve_fleet.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/process.h>
#include <signalbox/bus/pool.h>
#include <signalbox/bus/queue.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/signers.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/mongo/server.h>
#include <signalbox/shared/crew.h>
#include <signalbox/shared/lease.h>
#include <signalbox/shared/store.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASKERS 4
#define ASK_AGAIN_MS 5000
#define START_AGAIN_MS 2000      /* after a child that ended by itself, then twice that, at most */
#define START_AGAIN_MOST_MS 60000
#define DRAIN_MS 20000           /* that all children together are given to end */

/* One deployment of the config. */
struct ward {
    const struct sb_config_deployment *d;
    char id[128];    /* of the deployment; "": not known yet */
    char log[80];    /* of the ledger that its child owns; "": not opened yet */
    char *home;      /* XDG_STATE_HOME of the child */
    bool asking;     /* a worker finds out who is there */
    int64_t ask_ms, start_ms, pause_ms;
    struct sb_process child;
    bool leaving;    /* it was asked to end */
    bool told_other, told_open;
    int64_t lying_since; /* mono: since when nobody has it, as seen from here; 0: somebody has */
    struct sb_lease lease; /* as it was seen last */
    bool leased;         /* there is one */
};

struct supervisor {
    struct sb_config config;
    struct sb_origin origin;
    struct sb_str uri;
    const char *database, *policy;
    int64_t lease_ms;
    struct sb_policy_signers approvers;
    bool signed_approvals;
    char *state_dir;
    struct sb_lock lock;
    struct sb_store_door *door;
    struct sb_queue *found; /* struct asked */
    struct sb_pool *askers;
    struct ward *wards;
    size_t wards_n;
    struct sb_crew_member me;
    int64_t gave_ms;
    char told[512]; /* of the store, last */
    bool draining;
};

/* ---- who is there ---- */

struct asked {
    struct supervisor *s;
    size_t ward;
    char *uri_file;
    char id[128];
    struct sb_err err;
};

static void free_asked(void *p)
{
    struct asked *a = p;
    free(a->uri_file);
    free(a);
}

static void ask_work(void *p)
{
    struct asked *a = p;
    struct sb_str uri;
    struct sb_deployment_facts facts;
    sb_str_init(&uri);
    struct sb_server *server = sb_uri_from_file(a->uri_file, &uri, &a->err) == 0 ? sb_server_new(uri.p, true, &a->err) : NULL;
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, &a->err) : NULL;
    if (c && sb_deployment_identify(c, &facts, &a->err) == 0) {
        snprintf(a->id, sizeof a->id, "%s", facts.id);
        sb_deployment_facts_release(&facts);
    }
    sb_conn_close(c);
    sb_server_free(server);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    sb_queue_post(a->s->found, 0, a, free_asked);
}

static void ask_ids(struct supervisor *s)
{
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        if (w->id[0] || w->asking || sb_mono_ms() < w->ask_ms)
            continue;
        struct asked *a = calloc(1, sizeof *a);
        if (!a || sb_str_set(&a->uri_file, w->d->uri_file)) {
            free(a);
            return;
        }
        a->s = s;
        a->ward = i;
        w->asking = sb_pool_submit(s->askers, ask_work, a, free_asked);
    }
}

static void take_ids(struct supervisor *s)
{
    struct sb_mail mail;
    while (sb_queue_take(s->found, &mail)) {
        struct asked *a = mail.payload;
        struct ward *w = &s->wards[a->ward];
        w->asking = false;
        w->ask_ms = sb_mono_ms() + ASK_AGAIN_MS;
        if (a->id[0])
            memcpy(w->id, a->id, sizeof w->id);
        else if (!w->told_other)
            sb_usage_error("%s: not known yet what it is: %s; asked again", w->d->name, a->err.msg);
        w->told_other = !a->id[0];
        free_asked(a);
    }
}

/* ---- children ---- */

static int64_t watched(const struct supervisor *s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s->wards_n; i++)
        n += s->wards[i].child.pid > 0;
    return n;
}

/* The id of the ledger that the child will own: it is made where there is none yet. */
static int open_log(struct supervisor *s, struct ward *w, struct sb_err *err)
{
    char *dir = sb_format("%s/signalbox", w->home);
    int rc = !dir ? sb_fail_nomem(err) : sb_dir_make(dir, 0700, err);
    struct sb_ledger *l = rc == 0 ? sb_ledger_open(dir, SB_LEDGER_OWN, &s->origin, err) : NULL;
    if (l)
        snprintf(w->log, sizeof w->log, "%s", sb_ledger_id(l));
    sb_ledger_close(l);
    free(dir);
    return l && w->log[0] ? 0 : -1;
}

static int start_child(struct supervisor *s, struct ward *w, struct sb_err *err)
{
    char *state = sb_format("XDG_STATE_HOME=%s", w->home), self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *argv[] = {"env", state, self, "serve", "--deployment", w->d->name, "--of-fleet", s->policy ? "--policy" : NULL, s->policy, NULL};
    int rc = n <= 0 ? sb_fail_errno(err, errno, "the program does not find itself") : !state ? sb_fail_nomem(err) : 0;
    self[n > 0 ? n : 0] = '\0';
    if (rc == 0)
        rc = sb_process_spawn(&w->child, argv, SB_PROCESS_DIE_WITH_US, err);
    free(state);
    w->leaving = false;
    return rc;
}

static void reap(struct supervisor *s)
{
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        siginfo_t info = {.si_pid = 0};
        if (w->child.pid <= 0 || waitid(P_PID, (id_t)w->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
            continue;
        int status = sb_process_wait(&w->child);
        bool asked = w->leaving;
        w->pause_ms = asked || status == 0 ? START_AGAIN_MS : w->pause_ms ? w->pause_ms * 2 : START_AGAIN_MS;
        w->pause_ms = w->pause_ms > START_AGAIN_MOST_MS ? START_AGAIN_MOST_MS : w->pause_ms;
        w->start_ms = sb_mono_ms() + w->pause_ms;
        sb_usage_error("%s: no longer watched from here (%s, status %d)", w->d->name, asked ? "it was asked to end" : "it ended", status);
        w->leaving = false;
    }
}

static void ask_to_end(struct ward *w)
{
    if (w->child.pid > 0 && !w->leaving)
        kill(w->child.pid, SIGTERM);
    w->leaving = w->child.pid > 0;
}

/* ---- leases ---- */

static int accept_word(void *ctx, const struct sb_lease *l, const char *statement, struct sb_err *err)
{
    struct supervisor *s = ctx;
    char *principal = NULL;
    if (!s->signed_approvals)
        return 0;
    if (!l->forced.signature[0])
        return sb_fail(err, SB_EPOLICY, "it is not signed, and approvals have to be");
    const struct sb_policy_verifier *v = &s->approvers.verifier;
    int rc = v->verify(v->ctx, SB_TAKEOVER_NAMESPACE, statement, strlen(statement), l->forced.signature, strlen(l->forced.signature), l->forced.by, &principal, err);
    free(principal);
    return rc;
}

static void take(struct supervisor *s, struct ward *w)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_self me = {.owner = w->log, .host = s->origin.host, .boot = s->origin.boot, .program = SIGNALBOX_VERSION, .pid = s->origin.pid};
    struct sb_lease_belief belief = {.accept = accept_word, .ctx = s};
    if (!w->log[0] && open_log(s, w, &err)) {
        w->start_ms = sb_mono_ms() + START_AGAIN_MOST_MS;
        sb_usage_error("%s: %s", w->d->name, err.msg);
        return;
    }
    me.owner = w->log;
    enum sb_leased answer = sb_lease_take_believing(s->door, w->id, w->d->name, &me, s->lease_ms, &belief, &w->lease, &err);
    if (answer != SB_LEASE_MINE) {
        if (answer == SB_LEASE_NOT && w->lease.open.card[0] && !w->told_open)
            sb_usage_error("%s: ledger %s on %s left %s step %" PRId64 " (class %s) open; it is not taken over without a person's word: signalbox store take-over %s --proven-dead REASON%s", w->d->name,
                           w->lease.owner, w->lease.host, w->lease.open.card, w->lease.open.step, sb_name(&sb_step_classes, w->lease.open.class_), w->d->name, belief.doubt);
        w->told_open = answer == SB_LEASE_NOT && w->lease.open.card[0];
        return;
    }
    w->told_open = false;
    if (start_child(s, w, &err)) {
        sb_lease_release(s->door, w->id, &me, w->lease.epoch, &w->lease, NULL);
        w->start_ms = sb_mono_ms() + START_AGAIN_MOST_MS;
        sb_usage_error("%s: %s", w->d->name, err.msg);
        return;
    }
    sb_usage_error("%s: watched from here, epoch %" PRId64 " (%s), pid %d", w->d->name, w->lease.epoch, w->id, (int)w->child.pid);
}

/* What is known of each lease by now. A deployment that has not answered yet is found by its name, where that is one deployment's only. */
static void match(struct supervisor *s, const struct sb_lease *list, size_t n)
{
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        const struct sb_lease *by_name = NULL;
        size_t names = 0;
        w->leased = false;
        for (size_t k = 0; k < n; k++) {
            if (w->id[0] && strcmp(list[k].deployment, w->id) == 0) {
                w->lease = list[k];
                w->leased = true;
            }
            if (strcmp(list[k].name, w->d->name) == 0) {
                by_name = &list[k];
                names++;
            }
        }
        if (!w->id[0] && names == 1) {
            memcpy(w->id, by_name->deployment, sizeof w->id);
            w->lease = *by_name;
            w->leased = true;
        }
    }
}

static bool ours(const struct ward *w)
{
    return w->leased && w->log[0] && strcmp(w->lease.owner, w->log) == 0;
}

static bool is_free(const struct ward *w, int64_t now)
{
    const struct sb_lease *l = &w->lease;
    if (!w->leased || !l->owner[0])
        return true;
    return l->until < now && (!l->open.card[0] || l->open.class_ == SB_STEP_IDEMPOTENT || (l->forced.epoch == l->epoch && l->forced.at) || !w->told_open);
}

/* Takes what is free: ours first, then in fair shares; what nobody has taken for two leases is taken in any case. */
static void take_free(struct supervisor *s, const struct sb_crew *others, int64_t now)
{
    int64_t free_n = 0, mono = sb_mono_ms();
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        bool lies = w->child.pid <= 0 && w->id[0] && is_free(w, now);
        free_n += lies;
        w->lying_since = !lies ? 0 : w->lying_since ? w->lying_since : mono;
    }
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        if (w->child.pid > 0 || !w->id[0] || mono < w->start_ms)
            continue;
        bool long_free = w->lying_since && mono - w->lying_since > 2 * s->lease_ms;
        if (ours(w) || (is_free(w, now) && (long_free || sb_crew_may_take(others, w->d->name, watched(s), free_n))))
            take(s, w);
    }
}

/* One at a time, and while nothing lies free: what was given is taken first. */
static void give(struct supervisor *s, const struct sb_crew *others, int64_t now)
{
    int64_t mine = watched(s), mono = sb_mono_ms();
    if (mono - s->gave_ms < s->lease_ms / 2)
        return;
    for (size_t i = 0; i < s->wards_n; i++)
        if (s->wards[i].leaving || (s->wards[i].child.pid <= 0 && s->wards[i].id[0] && is_free(&s->wards[i], now)))
            return;
    for (size_t i = 0; i < s->wards_n; i++) {
        struct ward *w = &s->wards[i];
        if (w->child.pid <= 0 || !ours(w) || w->lease.open.card[0] || !sb_crew_should_give(others, w->d->name, mine))
            continue;
        sb_usage_error("%s: given to another supervisor, which has fewer", w->d->name);
        ask_to_end(w);
        w->start_ms = mono + 2 * s->lease_ms; /* the other one takes it */
        s->gave_ms = mono;
        return;
    }
}

static void tell_store(struct supervisor *s, const char *what)
{
    if (strcmp(s->told, what) != 0)
        sb_usage_error("%s", what);
    snprintf(s->told, sizeof s->told, "%s", what);
}

static int look(struct supervisor *s, struct sb_crew *others, int64_t *now, struct sb_err *err)
{
    struct sb_lease *list = NULL;
    size_t n = 0;
    s->me.watches = watched(s);
    s->me.draining = s->draining;
    if (!s->door && !(s->door = sb_store_door_open(s->uri.p, s->database, err)))
        return -1;
    if (sb_store_door_now(s->door, now, err) || sb_crew_beat(s->door, &s->me, err) || sb_crew_read(s->door, s->me.id, *now, s->lease_ms, others, err) ||
        sb_lease_list(s->door, SB_CREW_NAMES, &list, &n, err))
        return -1;
    match(s, list, n);
    free(list);
    return 0;
}

static void beat(struct supervisor *s)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_crew others = {.list = NULL};
    int64_t now = 0;
    char text[512];
    if (look(s, &others, &now, &err)) {
        snprintf(text, sizeof text, "store away: nothing is taken or given; what is watched from here goes on being watched (%.380s)", err.msg);
        tell_store(s, text);
        sb_store_door_close(s->door);
        s->door = NULL;
    } else {
        snprintf(text, sizeof text, "the store answers; supervisors beside this one: %zu", others.list_n);
        tell_store(s, text);
        if (!s->draining) {
            take_free(s, &others, now);
            give(s, &others, now);
        }
    }
    sb_crew_release(&others);
}

/* ---- beginning and end ---- */

static int make_wards(struct supervisor *s, struct sb_err *err)
{
    for (size_t i = 0; i < s->config.deployments_n; i++) {
        const struct sb_config_deployment *d = &s->config.deployments[i];
        if (!d->uri_file)
            return sb_fail(err, SB_EUSAGE, "the deployment %s has no uri_file in the config", d->name);
        if (strchr(d->name, '/') || d->name[0] == '.')
            return sb_fail(err, SB_EUSAGE, "the deployment %s cannot have a folder of that name: of a fleet each has one", d->name);
        struct ward *w = SB_PUSH(s->wards);
        if (!w || !(w->home = sb_format("%s/fleet/%s", s->state_dir, d->name)) || sb_strs_push(&s->me.names, &s->me.names_n, d->name))
            return sb_fail_nomem(err);
        w->d = d;
    }
    return s->wards_n ? 0 : sb_fail(err, SB_EUSAGE, "the config describes no deployments");
}

static int open_state(struct supervisor *s, struct sb_err *err)
{
    struct sb_str state;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    sb_str_init(&state);
    int rc = sb_path_state(&state, err);
    if (rc == 0 && !(s->state_dir = sb_format("%s", state.p)))
        rc = sb_fail_nomem(err);
    sb_str_adds(&state, "/fleet");
    if (rc == 0)
        rc = sb_str_ok(&state) ? sb_dir_make(state.p, 0700, err) : sb_fail_nomem(err);
    sb_str_adds(&state, "/lock");
    if (rc == 0)
        rc = sb_str_ok(&state) ? sb_lock_take(&s->lock, state.p, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_hash_bytes(&hash, s->state_dir, strlen(s->state_dir), err);
    if (rc == 0) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        snprintf(s->me.id, sizeof s->me.id, "%.100s:%.12s", s->origin.host, hex);
        snprintf(s->me.host, sizeof s->me.host, "%s", s->origin.host);
        snprintf(s->me.program, sizeof s->me.program, "%s", SIGNALBOX_VERSION);
        s->me.pid = s->origin.pid;
    }
    sb_str_release(&state);
    return rc;
}

static int begin(struct supervisor *s, const char *policy, struct sb_err *err)
{
    s->policy = policy;
    s->lock.fd = -1;
    sb_str_init(&s->uri);
    sb_origin_system(&s->origin);
    if (sb_config_use(&s->config, NULL, err))
        return -1;
    if (!s->config.store)
        return sb_fail(err, SB_EUSAGE, "serve --fleet wants a shared store in the config: set store mongodb, set store_uri_file PATH (see: signalbox help store)");
    s->database = s->config.store_database ? s->config.store_database : SB_STORE_DATABASE;
    s->lease_ms = s->config.store_lease_ms ? s->config.store_lease_ms : SB_LEASE_MS;
    if (s->config.approval_signers) {
        s->signed_approvals = true;
        if (sb_policy_signers_load(&s->approvers, s->config.approval_signers, err))
            return -1;
    }
    if (sb_uri_from_file(s->config.store_uri_file, &s->uri, err) || open_state(s, err) || make_wards(s, err))
        return -1;
    sb_mongo_init();
    s->found = sb_queue_new(16, err);
    s->askers = s->found ? sb_pool_new(ASKERS, err) : NULL;
    return s->askers ? 0 : -1;
}

static void drain(struct supervisor *s)
{
    int64_t until = sb_mono_ms() + DRAIN_MS;
    s->draining = true;
    for (size_t i = 0; i < s->wards_n; i++)
        ask_to_end(&s->wards[i]);
    beat(s); /* the others know that nothing more is taken here; a store that is away may take its time, while the children end */
    for (size_t i = 0; i < s->wards_n; i++) {
        int64_t left = until - sb_mono_ms();
        if (s->wards[i].child.pid > 0)
            sb_process_stop(&s->wards[i].child, left > 0 ? (int)left : 0);
    }
    beat(s);
}

int sb_serve_fleet(int signals, const char *policy)
{
    struct supervisor s = {.draining = false};
    struct sb_err err = SB_ERR_INIT;
    bool ended = true;
    int rc = begin(&s, policy, &err);
    while (rc == 0) {
        reap(&s);
        take_ids(&s);
        ask_ids(&s);
        beat(&s);
        struct pollfd fds[2] = {{signals, POLLIN, 0}, {sb_queue_fd(s.found), POLLIN, 0}};
        int64_t wait = s.lease_ms / 4 < 1000 ? s.lease_ms / 4 : 1000;
        if (poll(fds, 2, (int)wait) > 0 && fds[0].revents)
            break;
    }
    int status = rc ? sb_complain(&err) : 0;
    if (rc == 0)
        drain(&s);
    if (s.askers)
        ended = sb_pool_free(s.askers, 1000);
    sb_store_door_close(s.door);
    sb_lock_release(&s.lock);
    explicit_bzero(s.uri.p, s.uri.len);
    if (!ended)
        _exit(status); /* something hangs in the driver, and goes with the process */
    if (s.found)
        sb_queue_free(s.found);
    for (size_t i = 0; i < s.wards_n; i++)
        free(s.wards[i].home);
    free(s.wards);
    for (size_t i = 0; i < s.me.names_n; i++)
        free(s.me.names[i]);
    free(s.me.names);
    free(s.state_dir);
    sb_str_release(&s.uri);
    if (s.signed_approvals)
        sb_policy_signers_release(&s.approvers);
    sb_config_release(&s.config);
    sb_mongo_cleanup();
    return status;
}
