/* SPDX-License-Identifier: Apache-2.0 */
#include "checkup.h"
#include "simulator.h"

#include <signalbox/base/file.h>
#include <signalbox/base/process.h>
#include <signalbox/bus/pool.h>
#include <signalbox/cli/classify.h>
#include <signalbox/cli/routes.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/embed.h>
#include <signalbox/cli/join.h>
#include <signalbox/cli/link.h>
#include <signalbox/cli/session.h>
#include <signalbox/cli/signers.h>
#include <signalbox/cli/target.h>
#include <signalbox/orchestrator/drill.h>
#include <signalbox/orchestrator/orchestrator.h>
#include <signalbox/shared/lease.h>
#include <signalbox/shared/store.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STOP_GRACE_MS 2500
#define CHECKUP_GRACE_MS 300
#define MAX_POLICY (1 << 20)

/* Asks that were made before there was anybody to take them. */
struct early {
    struct early *next;
    struct sb_message *m;
};

struct sb_session {
    struct sb_config config;
    char *config_problems; /* what was passed over in it; NULL: nothing */
    struct sb_session_options o;
    struct sb_origin origin;
    struct sb_queue *news;
    struct sb_process sim;
    struct sb_target to;
    struct sb_drill_known known; /* the config's deployments */
    char *state_dir, *target;
    struct sb_str policy, policy_signature, shadow, intents, routes, store_uri;
    const char *policy_path, *shadow_path;
    bool policy_built_in, signed_policy;
    struct sb_policy_signers signers; /* when signed_policy */
    struct sb_policy_signers approvers; /* when signed_approvals */
    bool signed_approvals;
    struct checkup *checkup; /* NULL: nobody has asked for one */
    pthread_t opener;
    bool opening; /* there is a thread to join */
    /* the opener's until it has been joined, except that `lock` guards ready, failed and early */
    struct sb_err failure;
    struct sb_server *server;
    struct sb_orchestrator *orchestrator; /* NULL: we joined another's */
    struct sb_link *link;
    int64_t seat;
    bool mongo;
    bool left; /* the owner that was joined has gone */
    int (*last_word)(void *ctx, int status);
    void *last_word_ctx;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool ready, failed;
    struct early *early, **early_tail;
};

/* ---- what to connect to ---- */

static int find_target(struct sb_session *s, struct sb_err *err)
{
    const struct sb_session_options *o = &s->o;
    if (!o->simulation)
        return sb_target_find(&s->to, &s->config, o->deployment, o->uri_file, err);
    if (sb_str_set(&s->to.name, "demo"))
        return sb_fail_nomem(err);
    return sb_simulator_spawn(&s->sim, &s->origin, o->simulation, err);
}

static int no_policy(const char *name, struct sb_err *err)
{
    struct sb_str known;
    sb_str_init(&known);
    for (size_t i = 0; sb_embedded_name(i); i++) {
        const char *path = sb_embedded_name(i);
        if (sb_starts_with(path, "policy/"))
            sb_str_addf(&known, "%s%.*s", known.len ? ", " : "", (int)strcspn(path + 7, "."), path + 7);
    }
    sb_fail(err, SB_EUSAGE, "there is no policy named %s (built in: %s), nor a file of that name here", name, known.p);
    sb_str_release(&known);
    return -1;
}

static bool is_built_in(const char *name)
{
    char path[128];
    size_t len;
    snprintf(path, sizeof path, "policy/%s.json", name);
    return !strchr(name, '/') && sb_embedded(path, &len);
}

/* The bundle, its signature, the shadow, and who may sign. */
static int load_policy(struct sb_session *s, const char *wanted, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (sb_policy_text_of(wanted, &s->policy, &s->policy_path, err))
        return -1;
    s->policy_built_in = is_built_in(wanted);
    if (s->config.policy_signers) {
        s->signed_policy = true;
        if (sb_policy_signers_load(&s->signers, s->config.policy_signers, err))
            return -1;
    }
    if (s->config.approval_signers && !s->o.simulation) { /* nobody has a key for a simulated deployment */
        s->signed_approvals = true;
        if (sb_policy_signers_load(&s->approvers, s->config.approval_signers, err))
            return -1;
    }
    if (!s->policy_built_in) {
        char *path = sb_format("%s.sig", wanted);
        int rc = path ? sb_file_read(path, SB_SSHSIG_MAX, &s->policy_signature, &why) : sb_fail_nomem(&why);
        free(path);
        if (rc && why.detail != ENOENT) { /* none beside it: whether it needs one is decided where its past is known */
            *err = why;
            return -1;
        }
    }
    return s->config.shadow_policy ? sb_policy_text_of(s->config.shadow_policy, &s->shadow, &s->shadow_path, err) : 0;
}

int sb_policy_text_of(const char *name, struct sb_str *text, const char **path, struct sb_err *err)
{
    char built_in[128];
    size_t len;
    snprintf(built_in, sizeof built_in, "policy/%s.json", name);
    const char *bytes = strchr(name, '/') ? NULL : sb_embedded(built_in, &len);
    *path = name;
    if (!bytes && !strchr(name, '/') && access(name, F_OK))
        return no_policy(name, err);
    if (!bytes)
        return sb_file_read_named(name, MAX_POLICY, text, err);
    sb_str_add(text, bytes, len);
    return sb_str_ok(text) ? 0 : sb_fail_nomem(err);
}

/* ---- opening ---- */

/* The second login is used when something is executed; that it is no connection string has to be known before. */
static int check_executor(struct sb_session *s, struct sb_err *err)
{
    struct sb_server *executor = s->to.executor.len ? sb_server_new(s->to.executor.p, false, err) : NULL;
    if (s->to.executor.len && !executor)
        s->to.uri_from = s->to.executor_from;
    sb_server_free(executor);
    return s->to.executor.len && !executor ? -1 : 0;
}

/* All that may take a while: on the opener's thread. */
static int start(struct sb_session *s, struct sb_err *err)
{
    const char *intents_path, *own = s->config.routes;
    size_t routes_len;
    const char *routes = sb_routes_built_in(&routes_len);
    if (sb_intents_text(s->config.intents, &s->intents, &intents_path, err) || (own && sb_file_read_named(own, SB_CONF_MAX_BYTES, &s->routes, err)))
        return -1;
    if (s->o.simulation && sb_simulator_await(&s->sim, &s->to.uri, err))
        return -1;
    sb_mongo_init();
    s->mongo = true;
    s->server = sb_server_new(s->to.uri.p, s->o.read_only, err);
    if (!s->server || check_executor(s, err)) {
        if (s->to.uri_from)
            sb_err_prefix(err, "%s", s->to.uri_from);
        return -1;
    }
    if (s->config.store && !s->o.simulation && sb_uri_from_file(s->config.store_uri_file, &s->store_uri, err)) {
        sb_err_prefix(err, "the store");
        return -1;
    }
    const struct sb_config *c = &s->config;
    struct sb_owning_options owning = {.uri = s->store_uri.p, .database = c->store_database ? c->store_database : SB_STORE_DATABASE,
                                       .lease_ms = c->store_lease_ms ? c->store_lease_ms : SB_LEASE_MS, .leaves = s->o.of_fleet};
    struct sb_orchestrator_options o = {
        .owning = s->store_uri.len ? &owning : NULL,
        .state_dir = s->state_dir, .witness = s->config.witness, .origin = &s->origin, .server = s->server, .executor_uri = s->to.executor.len ? s->to.executor.p : NULL,
        .deployment = s->to.name, .environment = s->to.environment, .policy_text = s->policy.p, .policy_len = s->policy.len, .policy_path = s->policy_path,
        .policy_signature = s->policy_signature.len ? s->policy_signature.p : NULL, .policy_signature_len = s->policy_signature.len,
        .policy_built_in = s->policy_built_in, .verifier = s->signed_policy ? &s->signers.verifier : NULL,
        .approvers = s->signed_approvals ? &s->approvers.verifier : NULL,
        .shadow_text = s->shadow_path ? s->shadow.p : NULL, .shadow_len = s->shadow.len, .shadow_path = s->shadow_path, .waivers_path = s->config.waivers,
        .intents_text = s->intents.p, .intents_len = s->intents.len, .intents_path = intents_path, .routes_text = routes, .routes_len = routes_len,
        .own_routes_text = own ? s->routes.p ? s->routes.p : "" : NULL, .own_routes_len = s->routes.len, .own_routes_path = own, .sample_ms = s->o.sample_ms, .socket = true, .group = s->config.group,
        .recurring = s->o.recurring, .schedules = s->to.described ? s->to.described->schedules : NULL, .schedules_n = s->to.described ? s->to.described->schedules_n : 0,
        .criticality = s->to.described ? s->to.described->criticality : NULL, .criticality_n = s->to.described ? s->to.described->criticality_n : 0,
        .retentions = s->to.described ? s->to.described->retentions : NULL, .retentions_n = s->to.described ? s->to.described->retentions_n : 0,
        .backup_key_file = s->to.described ? s->to.described->backup_key_file : NULL,
        .drill_uri_file = s->to.described ? s->to.described->drill_uri_file : NULL,
        .drill_start = s->to.described ? s->to.described->drill_start : NULL,
        .drill_restorer = s->to.described ? s->to.described->drill_restorer : NULL,
        .what_if_uri_file = s->to.described ? s->to.described->what_if_uri_file : NULL,
        .what_if_environment = s->to.described ? s->to.described->what_if_environment : SB_ENV_PROD, .known = &s->known,
        .backups = s->to.described ? s->to.described->backups : NULL, .backups_n = s->to.described ? s->to.described->backups_n : 0,
        .store_uri = s->store_uri.len ? s->store_uri.p : NULL, .store_database = s->config.store_database, .store_on_watched = s->config.store_on_watched,
        .team = s->to.described ? s->to.described->team : NULL, .class_ = s->to.described ? s->to.described->class_ : NULL,
        .hooks = s->to.described ? s->to.described->hooks : NULL, .hooks_n = s->to.described ? s->to.described->hooks_n : 0,
    };
    s->orchestrator = sb_orchestrator_start(&o, err);
    if (s->orchestrator && !(s->seat = sb_orchestrator_sit(s->orchestrator, s->news)))
        sb_fail_nomem(err);
    return s->seat ? 0 : -1;
}

/* Under the lock. */
static void pass_on(struct sb_session *s, struct sb_message *m)
{
    if (s->failed)
        sb_message_free(m);
    else
        sb_orchestrator_ask(s->orchestrator, s->seat, m);
}

static void *opener_main(void *arg)
{
    struct sb_session *s = arg;
    int rc = start(s, &s->failure);
    pthread_mutex_lock(&s->lock);
    s->failed = rc != 0;
    s->ready = true;
    pthread_cond_broadcast(&s->opened);
    while (s->early) {
        struct early *e = s->early;
        s->early = e->next;
        pass_on(s, e->m);
        free(e);
    }
    pthread_mutex_unlock(&s->lock);
    if (rc)
        kill(getpid(), SIGTERM); /* whoever has put up a screen meanwhile takes it down; see sb_session_failure */
    return NULL;
}

/* The same seed on a ledger that has grown meanwhile is another run, of another simulated deployment: what the record holds
 * already is not taken for this one's. */
static void seeded_origin(struct sb_session *s, uint64_t seed)
{
    struct stat st;
    char path[4200];
    sb_origin_seeded(&s->origin, seed);
    snprintf(path, sizeof path, "%s/ledger.db", s->state_dir);
    if (stat(path, &st) == 0)
        sb_origin_set_run(&s->origin, (uint64_t)st.st_size);
}

/* The owner of the ledger may be joined when it watches what was asked for; what was not said, it may choose. */
static int join_owner(struct sb_session *s, bool target_said, struct sb_err *err)
{
    struct sb_join_wish wish = {
        .deployment = s->o.deployment, .uri = target_said ? s->to.uri.p : NULL, .uri_from = s->to.uri_from, .environment = target_said && s->to.environment_said ? s->to.environment : -1,
        .policy_text = s->policy_path ? s->policy.p : NULL, .policy_len = s->policy.len, .policy_path = s->policy_path,
    };
    if (target_said || s->policy_path) {
        sb_mongo_init();
        s->mongo = true;
        if (sb_join_check(s->link, s->news, &wish, err))
            return -1;
    }
    return sb_str_set(&s->target, "the deployment of the signalbox that owns the ledger") ? sb_fail_nomem(err) : 0;
}

/* All that is quick, and everything that can be wrong on the command line or in the config. */
static int prepare(struct sb_session *s, struct sb_err *err)
{
    struct sb_str state;
    sb_str_init(&state);
    const struct sb_session_options *o = &s->o;
    int rc = sb_config_use(&s->config, &s->config_problems, err) || sb_path_state(&state, err) || !(s->state_dir = sb_str_take(&state)) ? -1 : 0;
    sb_str_release(&state);
    for (size_t i = 0; rc == 0 && i < s->config.deployments_n; i++)
        rc = sb_drill_know(&s->known, s->config.deployments[i].name, s->config.deployments[i].uri_file, err);
    if (rc)
        return -1;
    const char *env = getenv("SIGNALBOX_URI");
    bool may_join = o->attach && !o->simulation, target_said = may_join && (o->deployment || o->uri_file || (env && *env));
    const char *policy_said = o->policy ? o->policy : s->config.policy; /* in the config it was said as well */
    if ((target_said && find_target(s, err)) || (may_join && policy_said && load_policy(s, policy_said, err)))
        return -1;
    if (may_join && (s->link = sb_link_open(s->state_dir, s->news, NULL)))
        return join_owner(s, target_said, err);
    if (o->simulation && o->simulation->seeded)
        seeded_origin(s, (uint64_t)o->simulation->seed);
    else
        sb_origin_system(&s->origin);
    if ((!target_said && find_target(s, err)) || (!(may_join && policy_said) && load_policy(s, policy_said ? policy_said : "default", err)))
        return -1;
    s->target = sb_format("%s%s", s->to.name, o->simulation ? " (SIMULATED)" : "");
    return s->target ? 0 : sb_fail_nomem(err);
}

struct sb_session *sb_session_begin(const struct sb_session_options *o, struct sb_err *err)
{
    struct sb_session *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->o = *o;
    s->early_tail = &s->early;
    sb_target_init(&s->to);
    sb_str_init(&s->policy);
    sb_str_init(&s->intents);
    sb_str_init(&s->routes);
    sb_str_init(&s->store_uri);
    sb_str_init(&s->policy_signature);
    sb_str_init(&s->shadow);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->opened, NULL);
    struct sb_err why = SB_ERR_INIT;
    if (!(s->news = sb_queue_new(64, &why)) || prepare(s, &why))
        goto fail;
    if (!s->link) {
        if (sb_thread_start(&s->opener, opener_main, s, "sb-opener", &why))
            goto fail;
        s->opening = true;
    }
    return s;
fail:
    if (why.code == SB_OK)
        sb_fail_nomem(&why);
    if (err)
        *err = why;
    sb_session_close(s, "it could not be started", sb_exit_status(why.code));
    return NULL;
}

struct sb_session *sb_session_open(const struct sb_session_options *o, struct sb_err *err)
{
    sigset_t term, old; /* the opener's word of its failure is not for us: we wait for it */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, &old);
    struct sb_session *s = sb_session_begin(o, err);
    if (s && s->opening) {
        pthread_join(s->opener, NULL);
        s->opening = false;
        if (s->failed) {
            if (err)
                *err = s->failure;
            sigtimedwait(&term, NULL, &(struct timespec){0, 0});
            sb_session_close(s, "it could not be started", sb_exit_status(s->failure.code));
            s = NULL;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return s;
}

bool sb_session_failure(struct sb_session *s, struct sb_err *err)
{
    pthread_mutex_lock(&s->lock);
    bool failed = s->failed;
    if (failed)
        *err = s->failure;
    pthread_mutex_unlock(&s->lock);
    return failed;
}

/* ---- use ---- */

struct sb_queue *sb_session_news(struct sb_session *s)
{
    return s->news;
}

void sb_session_ask(void *session, struct sb_message *m)
{
    struct sb_session *s = session;
    if (s->link) {
        sb_link_ask(s->link, m);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct early *e = s->ready ? NULL : malloc(sizeof *e);
    if (s->ready) {
        pass_on(s, m);
    } else if (e) {
        *e = (struct early){NULL, m};
        *s->early_tail = e;
        s->early_tail = &e->next;
    } else {
        sb_message_free(m);
    }
    pthread_mutex_unlock(&s->lock);
}

/* On the doctor's thread. The opener ends before the doctor does, whatever comes. */
static void settle_target(void *session, struct doctor_asked *asked)
{
    struct sb_session *s = session;
    pthread_mutex_lock(&s->lock);
    while (!s->link && !s->ready)
        pthread_cond_wait(&s->opened, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (s->to.uri.len)
        asked->target = &s->to; /* nobody changes it any more */
    else if (s->config.deployments_n != 1)
        asked->unknown = "another signalbox owns the ledger and watches it, and how it is reached is not known here: signalbox doctor --deployment NAME";
}

void sb_session_doctor(void *session, const struct sb_screen_size *terminal)
{
    struct sb_session *s = session;
    struct doctor_asked asked = {.deployment = s->o.deployment, .uri_file = s->o.uri_file, .terminal = terminal};
    if (s->link && !s->mongo) {
        sb_mongo_init();
        s->mongo = true;
    }
    sb_checkup_begin(&s->checkup, s->news, &asked, settle_target, s);
}

const char *sb_session_target(const struct sb_session *s)
{
    return s->target;
}

bool sb_session_busy(struct sb_session *s)
{
    pthread_mutex_lock(&s->lock);
    bool busy = s->orchestrator && sb_orchestrator_busy(s->orchestrator);
    pthread_mutex_unlock(&s->lock);
    return busy;
}

const struct sb_origin *sb_session_origin(const struct sb_session *s)
{
    return s->link ? NULL : &s->origin;
}

const char *sb_session_state_dir(const struct sb_session *s)
{
    return s->state_dir;
}

bool sb_session_owns(const struct sb_session *s)
{
    return s->link == NULL;
}

const struct sb_config *sb_session_config(const struct sb_session *s)
{
    return &s->config;
}

const char *sb_session_config_problems(const struct sb_session *s)
{
    return s->config_problems;
}

struct sb_message *sb_session_wait(struct sb_session *s, int type, int64_t seq, int timeout_ms)
{
    int64_t until = sb_mono_ms() + timeout_ms;
    for (;;) {
        struct sb_mail mail;
        int64_t left = until - sb_mono_ms();
        if (left < 0 || !sb_queue_wait(s->news, &mail, (int)left))
            return NULL;
        struct sb_message *m = mail.payload;
        if ((type < 0 || m->type == type) && (seq < 0 || m->seq == seq))
            return m;
        bool bye = m->type == SB_NEWS_BYE;
        sb_message_free(m);
        if (bye) {
            s->left = true;
            return NULL;
        }
    }
}

int sb_session_unanswered(const struct sb_session *s, int timeout_ms, struct sb_err *err)
{
    if (s->left)
        return sb_fail(err, SB_EIO, "the signalbox that owns the ledger ended before it answered; what it had begun is on the record (signalbox audit tail)");
    return sb_fail(err, SB_EIO, "no answer came within %d s", timeout_ms / 1000);
}

int sb_session_told(struct sb_session *s, int64_t seq, bool json, struct sb_err *err)
{
    struct sb_message *m = sb_session_wait(s, SB_NEWS_ANSWER, seq, SB_ANSWER_MS);
    if (!m)
        return sb_session_unanswered(s, SB_ANSWER_MS, err);
    const struct sb_answer *answer = m->body;
    int status = answer->ok ? 0 : (int)answer->status;
    if (json)
        sb_print_json(json_pack("{s:b,s:s}", "ok", answer->ok, "answer", answer->text));
    else if (answer->ok)
        sb_print("%s\n", answer->text);
    else
        sb_usage_error("%s", answer->text);
    sb_message_free(m);
    return status;
}

void sb_session_connected(struct sb_session *s, int timeout_ms)
{
    bool there = false;
    for (int64_t until = sb_mono_ms() + timeout_ms, left; !there && (left = until - sb_mono_ms()) > 0;) {
        struct sb_message *m = sb_session_wait(s, SB_NEWS_STRIP, -1, (int)left);
        if (!m)
            return;
        there = ((const struct sb_strip *)m->body)->samples > 0;
        sb_message_free(m);
    }
}

void sb_session_last_word(struct sb_session *s, int (*word)(void *ctx, int status), void *ctx)
{
    s->last_word = word;
    s->last_word_ctx = ctx;
}

void sb_session_close(struct sb_session *s, const char *reason, int status)
{
    if (!s)
        return;
    if (s->opening)
        pthread_join(s->opener, NULL);
    bool ended = sb_orchestrator_stop(s->orchestrator, reason, STOP_GRACE_MS);
    sb_link_close(s->link);
    sb_process_stop(&s->sim, 2000);
    if (s->last_word)
        status = s->last_word(s->last_word_ctx, status);
    ended &= sb_checkup_end(s->checkup, CHECKUP_GRACE_MS);
    if (!ended) {
        fflush(NULL);
        _exit(status); /* the ledger is closed; what hangs in the driver or on a disk goes with the process */
    }
    sb_server_free(s->server);
    if (s->mongo)
        sb_mongo_cleanup();
    if (s->news)
        sb_queue_free(s->news);
    sb_target_release(&s->to);
    sb_drill_known_release(&s->known);
    sb_str_release(&s->policy);
    sb_str_release(&s->policy_signature);
    sb_str_release(&s->shadow);
    sb_str_release(&s->intents);
    sb_str_release(&s->routes);
    if (s->store_uri.p)
        explicit_bzero(s->store_uri.p, s->store_uri.len);
    sb_str_release(&s->store_uri);
    if (s->signed_policy)
        sb_policy_signers_release(&s->signers);
    if (s->signed_approvals)
        sb_policy_signers_release(&s->approvers);
    sb_config_release(&s->config);
    free(s->config_problems);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->opened);
    free(s->state_dir);
    free(s->target);
    free(s);
}
