/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may act on the deployment, by the shared store: what the tenure tells comes as mail and goes on the record; only an epoch
 * whose beginning stands there counts. Watching, cards and decisions do not ask. */
#include "private.h"

#include <signalbox/shared/tenure.h>

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct telling_owner {
    struct errand way;
    struct sb_tenure_news news;
};

static json_t *forced_json(const struct sb_lease *l)
{
    if (!l->forced.at || l->forced.epoch != l->epoch - 1)
        return NULL;
    return json_pack("{s:o,s:o,s:o,s:o,s:s,s:I,s:o,s:I}", "by", sb_o_words(l->forced.by), "reason", sb_o_words(l->forced.reason), "statement", sb_o_words(l->forced.statement), "signature",
                     sb_o_words(l->forced.signature), "owner", l->forced.owner, "epoch", (json_int_t)l->forced.epoch, "card", sb_o_words(l->forced.step.card), "step", (json_int_t)l->forced.step.step);
}

static int record(struct sb_orchestrator *o, const char *event, const struct sb_tenure_news *n, const char *about)
{
    json_t *forced = n->event == SB_TENURE_TAKEN ? forced_json(&n->lease) : NULL;
    json_t *body = json_pack("{s:s,s:I,s:o,s:s,s:s,s:o*}", "event", event, "epoch", (json_int_t)n->lease.epoch, "about", sb_o_words(about), "owner", n->lease.owner, "before", n->before, "forced", forced);
    return sb_o_record(o, SB_ENTRY_LEASE, NULL, NULL, body, NULL);
}

static void tell_taken(struct sb_orchestrator *o, const struct sb_tenure_news *n)
{
    const struct sb_lease *l = &n->lease;
    char about[700];
    bool forced = l->forced.at && l->forced.epoch == l->epoch - 1;
    if (forced)
        snprintf(about, sizeof about, "taken over from ledger %.40s by the word of %.80s that it is dead (%.200s); %.60s step %" PRId64 " was left open there: look what became of it", l->forced.owner,
                 l->forced.by, l->forced.reason, l->forced.step.card, l->forced.step.step);
    else if (l->open.card[0] && l->open.epoch != l->epoch)
        snprintf(about, sizeof about, "taken over from ledger %.40s; its %.60s step %" PRId64 " (idempotent) was left open: the fence is raised before anything else", n->before[0] ? n->before : "?", l->open.card,
                 l->open.step);
    else
        snprintf(about, sizeof about, "this ledger owns the deployment from here on%s%.40s", n->before[0] && strcmp(n->before, l->owner) != 0 ? ", before it ledger " : "",
                 n->before[0] && strcmp(n->before, l->owner) != 0 ? n->before : "");
    if (record(o, "taken", n, about)) { /* tried again by the clock: until then nothing is sent */
        struct sb_tenure_news *keep = o->unrecorded ? o->unrecorded : malloc(sizeof *keep);
        if (keep)
            *keep = *n;
        o->unrecorded = keep;
        return;
    }
    free(o->unrecorded);
    o->unrecorded = NULL;
    sb_tenure_recorded(o->tenure, l->epoch);
    if (l->epoch > 1)
        sb_o_altered_own(o, NULL); /* the fence makes a collection */
    sb_o_notice(o, forced ? SB_HIGH : SB_LOW, "%s, epoch %" PRId64 ": %s", o->deployment, l->epoch, about);
}

static void tell_lost(struct sb_orchestrator *o, const struct sb_tenure_news *n)
{
    const struct sb_lease *l = &n->lease;
    char about[400];
    snprintf(about, sizeof about, "ledger %.40s on %.80s (pid %" PRId64 ") owns the deployment: nothing is executed from here", l->owner[0] ? l->owner : "?", l->host, l->pid);
    if (n->before[0])
        record(o, "lost", n, about);
    sb_o_notice(o, n->before[0] ? SB_HIGH : SB_MEDIUM, "%s, epoch %" PRId64 ": %s", o->deployment, l->epoch, about);
    if (o->leaves)
        kill(getpid(), SIGTERM); /* whoever started us looks for another deployment */
}

static void told(struct sb_orchestrator *o, void *p)
{
    struct telling_owner *t = p;
    const struct sb_tenure_news *n = &t->news;
    char about[600], until[SB_TIME_LEN + 1];
    switch (n->event) {
    case SB_TENURE_TAKEN:
        tell_taken(o, n);
        break;
    case SB_TENURE_LOST:
        tell_lost(o, n);
        break;
    case SB_TENURE_FENCE:
        snprintf(about, sizeof about, "%s", n->why[0] ? n->why : "the fence in the deployment stands at this epoch");
        record(o, n->why[0] ? "not fenced" : "fenced", n, about);
        if (n->why[0])
            sb_o_notice(o, SB_HIGH, "The fence of epoch %" PRId64 " is not raised, so nothing is executed: %s", n->lease.epoch, n->why);
        break;
    default:
        sb_time_format(until, n->lease.hold.until);
        if (sb_lease_held(&n->lease))
            snprintf(about, sizeof about, "maintenance until %.16sZ by %.80s: %.300s", until, n->lease.hold.by, n->lease.hold.reason);
        else
            snprintf(about, sizeof about, "maintenance is over");
        record(o, "maintenance", n, about);
        sb_o_notice(o, SB_MEDIUM, "%s", about);
    }
    free(t);
}

/* On the tenure's thread. */
static void tell(void *ctx, const struct sb_tenure_news *news)
{
    struct telling_owner *t = calloc(1, sizeof *t);
    if (!t)
        return; /* an epoch that is not told is never on the record, and nothing is sent in it */
    t->news = *news;
    sb_o_post_done(ctx, &t->way, told, t, free);
}

/* On the tenure's thread; the verifier is constant. */
static int accept_word(void *ctx, const struct sb_lease *l, const char *statement, struct sb_err *err)
{
    const struct sb_orchestrator *o = ctx;
    const struct sb_policy_verifier *v = o->opt.approvers;
    char *principal = NULL;
    if (!v)
        return 0;
    if (!l->forced.signature[0])
        return sb_fail(err, SB_EPOLICY, "it is not signed, and approvals have to be");
    int rc = v->verify(v->ctx, SB_TAKEOVER_NAMESPACE, statement, strlen(statement), l->forced.signature, strlen(l->forced.signature), l->forced.by, &principal, err);
    free(principal);
    return rc;
}

int sb_o_owning_start(struct sb_orchestrator *o, const struct sb_owning_options *opt, struct sb_err *err)
{
    if (sb_server_read_only(o->opt.server)) /* what decides nothing owns nothing */
        return 0;
    o->leaves = opt->leaves;
    const struct sb_origin *origin = o->opt.origin;
    struct sb_tenure_options t = {
        .uri = opt->uri, .database = opt->database, .name = o->deployment, .owner = sb_ledger_id(o->ledger), .host = origin->host, .boot = origin->boot, .program = SIGNALBOX_VERSION, .pid = origin->pid,
        .lease_ms = opt->lease_ms, .server = o->opt.server, .executor_uri = o->executor_uri, .tell = tell, .accept = accept_word, .ctx = o,
    };
    o->tenure = sb_tenure_start(&t, err);
    return o->tenure ? 0 : -1;
}

void sb_o_owning_connected(struct sb_orchestrator *o)
{
    if (o->tenure && !o->target_error)
        sb_tenure_watch(o->tenure, o->facts.id);
}

/* A step of which the record says nothing more keeps the lease from being taken: it is closed where nothing is under way or in doubt. */
static bool at_rest(const struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct held_card *c = o->cards[i];
        int s = c->card.state;
        if (s == SB_EXECUTING || s == SB_ROLLING_BACK || s == SB_PAUSED || s == SB_IN_DOUBT || c->run.away || c->run.forward_away || c->run.unrecorded || c->run.unanswered || c->run.stopping)
            return false;
    }
    return o->connected;
}

void sb_o_tick_owning(struct sb_orchestrator *o)
{
    if (!o->tenure)
        return;
    if (o->unrecorded && sb_ledger_writable(o->ledger, NULL)) {
        struct sb_tenure_news n = *o->unrecorded;
        tell_taken(o, &n);
    }
    if (at_rest(o))
        sb_tenure_idle(o->tenure);
}

int64_t sb_o_epoch(const struct sb_orchestrator *o)
{
    struct sb_lease lease;
    return o->tenure && sb_tenure_state(o->tenure, &lease) == SB_TENURE_MINE ? lease.epoch : 0;
}

bool sb_o_not_ours(struct sb_orchestrator *o, bool back, char *why, size_t cap)
{
    return o->tenure && !sb_tenure_may(o->tenure, back, why, cap);
}

void sb_o_lease_step(const struct held_card *card, int64_t step, bool back, struct sb_lease_step *out)
{
    const struct sb_card *c = &card->card;
    *out = (struct sb_lease_step){.step = step, .back = back};
    snprintf(out->card, sizeof out->card, "%s", c->id);
    out->class_ = step >= 1 && (size_t)step <= c->steps_n ? c->steps[step - 1].class_ : SB_STEP_IRREVERSIBLE;
}
