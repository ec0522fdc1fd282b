/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread: mail in, one thing after another; and the clock's work once a second. */
#include "private.h"

#include <signalbox/shared/tenure.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS (SB_TURN_BATCHES + 4) /* so many batches may be away, and the rest of the house goes on */
#define TICK_MS 1000
#define SETTLE_MS 5000
#define SAMPLER_ENTRY_MS (10 * 60 * 1000)
#define APPROVE_WITHIN_S (4 * 3600)
#define EXECUTE_WITHIN_S (8 * 3600)
#define MAX_STRIP_AGE_MS 5000

/* ---- mail from other threads ---- */

static void free_ask(void *p)
{
    struct ask *a = p;
    sb_message_free(a->m);
    free(a);
}

static void drop_errand(void *p)
{
    struct errand *way = p;
    way->drop(way->payload);
}

void sb_o_post_done(struct sb_orchestrator *o, struct errand *way, void (*back)(struct sb_orchestrator *, void *), void *payload, void (*drop)(void *))
{
    way->back = back;
    way->drop = drop;
    way->payload = payload;
    sb_queue_post_letter(o->mail, &way->letter, MAIL_DONE, way, drop_errand);
}

bool sb_o_work(struct sb_orchestrator *o, struct errand *way, void (*fn)(void *), void *payload, void (*drop)(void *))
{
    return sb_pool_submit_job(o->pool, &way->job, fn, payload, drop);
}

void sb_o_view(struct sb_orchestrator *o, struct errand *way, sb_view_fn fn, void *payload, void (*drop)(void *))
{
    sb_telemetry_call(o->telemetry, &way->call, fn, payload, drop);
}

bool sb_orchestrator_ask(struct sb_orchestrator *o, int64_t seat, struct sb_message *m)
{
    struct ask *a = m ? malloc(sizeof *a) : NULL;
    if (!a) {
        sb_message_free(m);
        return false;
    }
    *a = (struct ask){seat, m};
    return sb_queue_post(o->mail, MAIL_ASK, a, free_ask);
}

/* ---- the clock's work ---- */

/* As sb_o_overdue, for thousands of cards by one look at the clocks. */
static bool past(int64_t by, int64_t by_mono, int64_t wall, int64_t mono)
{
    return by && (wall > by || (by_mono && mono > by_mono));
}

/* A card that rests and whose time is over is taken in hand for that. */
static void wake_overdue(struct sb_orchestrator *o, int64_t wall, int64_t mono)
{
    for (size_t i = 0; i < o->resting_n;) {
        struct resting *r = &o->resting[i];
        if (!r->approve_by_mono) {
            r->approve_by_mono = mono + r->row.approve_by - wall;
            r->execute_by_mono = mono + r->row.execute_by - wall;
        }
        if (!past(r->row.approve_by, r->approve_by_mono, wall, mono) || !sb_o_wake_card(o, r->row.id))
            i++;
    }
}

static void not_started(struct sb_orchestrator *o, struct held_card *c)
{
    char note[360];
    bool why = c->card.state == SB_SCHEDULED && c->card.note && c->card.note[0];
    snprintf(note, sizeof note, "it was not started in time%s%.300s", why ? ": " : "", why ? c->card.note : "");
    sb_o_move(o, c, SB_EV_EXPIRE, NULL, note, NULL);
}

static void expire(struct sb_orchestrator *o)
{
    int64_t wall = sb_origin_wall_ms(o->opt.origin), mono = sb_mono_ms();
    wake_overdue(o, wall, mono);
    for (size_t i = 0; i < o->cards_n; i++) {
        struct held_card *c = o->cards[i];
        int s = c->card.state;
        if (!c->approve_by_mono) { /* from now on nobody can prolong it by setting the clock back */
            c->approve_by_mono = mono + c->card.approve_by - wall;
            c->execute_by_mono = mono + c->card.execute_by - wall;
        }
        bool undecided = s == SB_AWAITING_APPROVAL || s == SB_PROPOSED || s == SB_STALE;
        bool unstarted = (s == SB_APPROVED || s == SB_SCHEDULED) && c->run.phase == PHASE_NONE;
        if (undecided && past(c->card.approve_by, c->approve_by_mono, wall, mono))
            sb_o_move(o, c, SB_EV_EXPIRE, NULL, "nobody decided in time", NULL);
        else if (unstarted && past(c->card.execute_by, c->execute_by_mono, wall, mono))
            not_started(o, c);
    }
}

/* Ten minutes of polls are one entry. */
static void record_sampler(struct sb_orchestrator *o, bool last)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    if (o->sampler_since == 0)
        o->sampler_since = now;
    if (now - o->sampler_since < SAMPLER_ENTRY_MS && !last)
        return;
    if (!o->have_strip)
        return;
    char from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1];
    sb_time_format(from, o->sampler_since);
    sb_time_format(to, now);
    sb_o_record(o, SB_ENTRY_SAMPLER, NULL, NULL,
                json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "from", from, "to", to, "commands", (json_int_t)(o->strip.commands - o->sampler_commands),
                          "errors", (json_int_t)(o->strip.errors - o->sampler_errors), "log_gaps", (json_int_t)(o->strip.log_gaps - o->sampler_gaps),
                          "samples", (json_int_t)o->strip.samples), NULL);
    o->sampler_since = now;
    o->sampler_commands = o->strip.commands;
    o->sampler_errors = o->strip.errors;
    o->sampler_gaps = o->strip.log_gaps;
}

/* Time does not go back while nobody runs: what is open has as long as it had when the record was last written, at most. */
static void begin_clock(struct sb_orchestrator *o)
{
    struct sb_entry last;
    int64_t head = sb_ledger_head(o->ledger), wall = sb_origin_wall_ms(o->opt.origin), mono = sb_mono_ms();
    if (head && !o->opt.origin->seeded && sb_ledger_entry(o->ledger, head, &last, NULL) == 0) {
        o->clock_floor = last.ts;
        sb_entry_release(&last);
    }
    for (size_t i = 0; i < o->cards_n && o->clock_floor > wall; i++) {
        o->cards[i]->approve_by_mono = mono + o->cards[i]->card.approve_by - o->clock_floor;
        o->cards[i]->execute_by_mono = mono + o->cards[i]->card.execute_by - o->clock_floor;
    }
    for (size_t i = 0; i < o->resting_n && o->clock_floor > wall; i++) {
        o->resting[i].approve_by_mono = mono + o->resting[i].row.approve_by - o->clock_floor;
        o->resting[i].execute_by_mono = mono + o->resting[i].row.execute_by - o->clock_floor;
    }
}

/* In a seeded run the first seat's login is on the record before the deployment is, however busy the machine. */
static bool may_connect(const struct sb_orchestrator *o)
{
    return o->greeted || !o->opt.origin->seeded;
}

static void tick(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    if (!o->connected && !o->connecting && !o->telemetry && now >= o->connect_again_ms && may_connect(o))
        sb_o_start_connecting(o);
    sb_o_tick_due(o);
    expire(o);
    sb_o_tick_hushes(o);
    sb_o_tick_anomalies(o);
    sb_o_tick_owning(o);
    sb_o_tick_runs(o);
    sb_o_tick_store(o);
    sb_o_tick_hooks(o);
    sb_o_tick_watches(o);
    sb_o_tick_drops(o);
    sb_o_tick_survey(o);
    sb_o_tick_altered(o);
    sb_o_tick_cluster(o);
    sb_o_tick_recovery(o);
    sb_o_tick_rest(o);
    record_sampler(o, false);
    if (now >= o->next_settle_ms) {
        o->next_settle_ms = now + SETTLE_MS;
        sb_ledger_settle(o->ledger, NULL);
        if (!o->ledger_was_ok && sb_ledger_retry(o->ledger, NULL) == 0) {
            o->ledger_was_ok = true;
            sb_o_notice(o, SB_MEDIUM, "The ledger can be written again.");
            sb_o_tell_strip(o);
        }
    }
    if (!o->have_strip)
        sb_o_tell_strip(o); /* before the first sample the screens still want to know what is being waited for */
}

/* ---- asks ---- */

static void ask_one(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const char *id = ((const struct sb_text *)m->body)->text;
    struct sb_err err = SB_ERR_INIT;
    int type = m->type == SB_ASK_CARD ? SB_NEWS_CARD : SB_NEWS_CASE;
    struct sb_message *reply = NULL;
    const struct held_card *card = type == SB_NEWS_CARD ? sb_o_card_in_hand(o, id) : NULL;
    const struct held_case *c = type == SB_NEWS_CASE ? sb_o_case_in_hand(o, id) : NULL;
    if (card) {
        reply = sb_message_copy_of(type, m->seq, &card->card);
    } else if (c) {
        reply = sb_message_copy_of(type, m->seq, &c->case_);
    } else if ((reply = sb_message_new(type, m->seq))) {
        int rc = type == SB_NEWS_CARD ? sb_ledger_card(o->ledger, id ? id : "", reply->body, &err) : sb_ledger_case(o->ledger, id ? id : "", reply->body, &err);
        if (rc) {
            sb_message_free(reply);
            sb_o_answer(o, seat, m->seq, &err, NULL, NULL, " ");
            return;
        }
    }
    sb_o_tell(o, seat, reply);
}

static void ask_ack(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    struct seat *s = sb_o_seat(o, seat);
    struct held_anomaly *a = sb_o_anomaly(o, ((const struct sb_text *)m->body)->text);
    struct sb_err err = SB_ERR_INIT;
    if (!s || !a)
        sb_fail(&err, SB_EINPUT, "there is no anomaly of this number");
    else
        sb_o_record(o, SB_ENTRY_ACK, &s->actor, &(struct refs){.anomaly = a},
                    json_pack("{s:s,s:s}", "anomaly", a->anomaly.id, "by", s->actor.principal), &err);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "%s is yours.", a ? a->anomaly.id : "");
}

/* More than a look at what there is, a coming or a going. */
static bool is_act(int type)
{
    return type != SB_ASK_HELLO && type != SB_ASK_CARD && type != SB_ASK_CASE && type != SB_ASK_AUDIT && type != SB_ASK_OPS && type != SB_ASK_REPLAY && type != SB_ASK_LOOK && type != SB_ASK_OWNER && type < SB_ASK_BYE;
}

static void take_ask(struct sb_orchestrator *o, struct ask *a)
{
    struct sb_message *m = a->m;
    if (!sb_o_seat(o, a->seat))
        return;
    if (is_act(m->type))
        sb_o_seat_acts(o, a->seat);
    switch (m->type) {
    case SB_ASK_HELLO:
        sb_o_hello(o, a->seat, m);
        break;
    case SB_ASK_REQUEST:
        sb_o_request(o, a->seat, m->seq, ((const struct sb_text *)m->body)->text);
        break;
    case SB_ASK_CARD:
    case SB_ASK_CASE:
        ask_one(o, a->seat, m);
        break;
    case SB_ASK_AUDIT:
        sb_o_ask_audit(o, a->seat, m);
        break;
    case SB_ASK_ACK:
        ask_ack(o, a->seat, m);
        break;
    case SB_ASK_MARK:
        sb_o_mark(o, a->seat, m);
        break;
    case SB_ASK_RESTORE:
        sb_o_restore(o, a->seat, m);
        break;
    case SB_ASK_STORE:
        sb_o_ask_store_of(o, a->seat, m);
        break;
    case SB_ASK_FEEDBACK:
        sb_o_feedback(o, a->seat, m);
        break;
    case SB_ASK_REMARK:
        sb_o_remark(o, a->seat, m);
        break;
    case SB_ASK_BLACKOUT:
        sb_o_blackout(o, a->seat, m);
        break;
    case SB_ASK_LIFT:
        sb_o_lift(o, a->seat, m);
        break;
    case SB_ASK_DRILL:
        sb_o_take_drill(o, a->seat, m);
        break;
    case SB_ASK_RECOVERY:
        sb_o_ask_recovery(o, a->seat, m->seq);
        break;
    case SB_ASK_OPS:
        sb_o_ask_ops(o, a->seat, m->seq);
        break;
    case SB_ASK_REPLAY:
        sb_o_ask_replay(o, a->seat, m);
        break;
    case SB_ASK_LOOK:
        sb_o_look(o, a->seat, m);
        break;
    case SB_ASK_STAKE:
        sb_o_ask_stake(o, a->seat, m->seq, ((const struct sb_text *)m->body)->text);
        break;
    case SB_ASK_PLAN:
        sb_o_ask_plan(o, a->seat, m->seq, ((const struct sb_text *)m->body)->text);
        break;
    case SB_ASK_REPORT:
        sb_o_ask_report(o, a->seat, m->seq, ((const struct sb_text *)m->body)->text);
        break;
    case SB_ASK_OWNER:
        sb_o_tell_owner(o, a->seat, m->seq);
        break;
    case SB_ASK_BYE:
        sb_o_tell(o, a->seat, sb_message_text(SB_NEWS_BYE, m->seq, "you have left"));
        sb_o_remove_seat(o, a->seat);
        break;
    default:
        if (m->type < SB_ASK_BYE)
            sb_o_decide(o, a->seat, m);
    }
}

static void take_strip(struct sb_orchestrator *o, struct sb_strip *s)
{
    const struct sb_schema *schema = sb_message_schema(SB_NEWS_STRIP);
    int64_t age = sb_wall_ms() - s->wall; /* of its newest sample; nonsense when somebody has just set the clock */
    if (!o->have_strip || s->at != o->strip.at)
        o->strip_mono_ms = sb_mono_ms() - (age > 0 && age < MAX_STRIP_AGE_MS ? age : 0);
    sb_record_release(schema, &o->strip);
    o->strip = *s;
    free(s);
    o->have_strip = true;
    sb_o_keep_minute(o);
    sb_o_tell_strip(o);
}

static void free_seat(void *p)
{
    struct seat *s = p;
    sb_record_release(&sb_actor_schema, &s->actor);
    free(s->how);
    free(s);
}

static void take_mail(struct sb_orchestrator *o, struct sb_mail *mail)
{
    switch (mail->kind) {
    case MAIL_SIT: {
        struct seat **slot = SB_PUSH(o->seats);
        if (slot)
            *slot = mail->payload;
        else
            free_seat(mail->payload);
        break;
    }
    case MAIL_ASK:
        take_ask(o, mail->payload);
        free_ask(mail->payload);
        break;
    case MAIL_STRIP:
        take_strip(o, mail->payload);
        break;
    case MAIL_NAMES:
        sb_o_add_names(o, mail->payload);
        sb_o_free_names(mail->payload);
        break;
    case MAIL_ANOMALY:
        sb_o_take_anomaly(o, &((struct found *)mail->payload)->anomaly);
        sb_o_free_found(mail->payload);
        break;
    case MAIL_DONE: {
        struct errand *way = mail->payload;
        way->back(o, way->payload);
        break;
    }
    case MAIL_STOP:
        o->stopping = true;
        o->stop_reason = mail->payload;
        break;
    default:
        break;
    }
}

static void note_busy(struct sb_orchestrator *o)
{
    bool busy = false;
    for (size_t i = 0; i < o->cards_n; i++)
        busy |= o->cards[i]->card.state == SB_EXECUTING || o->cards[i]->card.state == SB_ROLLING_BACK || o->cards[i]->run.forward_away;
    atomic_store(&o->busy, busy);
}

static void *orchestrator_main(void *arg)
{
    struct sb_orchestrator *o = arg;
    if (may_connect(o))
        sb_o_start_connecting(o);
    while (!o->stopping) {
        struct sb_mail mail;
        int64_t left = o->next_tick_ms - sb_mono_ms(), due = sb_o_until_due(o);
        int64_t turn = sb_o_until_turn(o);
        left = due < left ? due : left;
        left = turn < left ? turn : left;
        if (sb_queue_wait(o->mail, &mail, left > 0 ? (int)left : 0))
            take_mail(o, &mail);
        if (sb_mono_ms() >= o->next_tick_ms || sb_o_until_due(o) == 0) {
            o->next_tick_ms = sb_mono_ms() + TICK_MS;
            tick(o);
        }
        if (sb_o_until_turn(o) == 0)
            sb_o_tick_turns(o);
        note_busy(o);
    }
    record_sampler(o, true);
    sb_o_record(o, SB_ENTRY_STOP, NULL, NULL, json_pack("{s:s}", "reason", o->stop_reason ? o->stop_reason : "asked to"), NULL);
    struct sb_text bye = {o->stop_reason};
    sb_o_tell_all(o, SB_NEWS_BYE, &bye);
    return NULL;
}

bool sb_orchestrator_busy(struct sb_orchestrator *o)
{
    return atomic_load(&o->busy);
}

/* ---- start and stop ---- */

static void free_orchestrator(struct sb_orchestrator *o)
{
    sb_porter_free(o->porter);
    sb_tenure_free(o->tenure);
    free(o->unrecorded);
    sb_o_free_book(o);
    while (o->seats_n)
        sb_o_remove_seat(o, o->seats[0]->id);
    free(o->seats);
    sb_detector_free(o->detector);
    sb_deployment_facts_release(&o->facts);
    if (o->have_strip)
        sb_record_release(sb_message_schema(SB_NEWS_STRIP), &o->strip);
    sb_record_release(&sb_actor_schema, &o->self);
    sb_intake_free(o->intake);
    sb_routes_free(o->routes);
    sb_o_free_policy(o);
    sb_o_free_declined(o);
    sb_o_free_history(o);
    sb_o_free_levels(o);
    sb_o_free_alarms(o);
    sb_o_free_due(o);
    sb_o_free_hooks(o);
    sb_o_free_store_side(o);
    free(o->backups_said);
    free(o->cluster.said);
    sb_record_release(&sb_recovery_schema, &o->recovery);
    for (size_t i = 0; i < o->looks_n; i++)
        sb_record_release(&sb_schema_look_schema, &o->looks[i]);
    sb_o_forget_lookers(o);
    sb_o_free_ops(o);
    sb_o_free_recorder(o);
    sb_mask_close(o->mask);
    sb_o_free_search(o);
    sb_ledger_close(o->ledger);
    sb_queue_free(o->mail);
    for (size_t i = 0; i < o->namespaces_n; i++)
        free(o->namespaces[i]);
    free(o->namespaces);
    for (size_t i = 0; i < o->to_sum_n; i++)
        free(o->to_sum[i]);
    free(o->to_sum);
    free(o->connect_note);
    free(o->target_error);
    free(o->stop_reason);
    free(o->state_dir);
    free(o->deployment);
    free(o->executor_uri);
    free(o);
}

static int load_rules(struct sb_orchestrator *o, const struct sb_orchestrator_options *opt, struct sb_err *err)
{
    struct sb_problems problems;
    sb_problems_init(&problems);
    o->intake = sb_intake_new(opt->intents_text, opt->intents_len, opt->intents_path ? opt->intents_path : "intents.data", &problems, err);
    if (o->intake)
        o->routes = sb_routes_new(opt->own_routes_text, opt->own_routes_len, opt->own_routes_path, opt->routes_text, opt->routes_len, &problems, err);
    int rc = o->intake && o->routes ? 0 : -1;
    if (rc == 0 && problems.count)
        rc = sb_fail(err, SB_EINPUT, "%s", problems.text.p);
    sb_problems_release(&problems);
    return rc;
}

/* The first entries of every run: who began, under which policy, whole. */
static void record_start(struct sb_orchestrator *o, const struct sb_orchestrator_options *opt)
{
    sb_o_record(o, SB_ENTRY_START, NULL, NULL,
                json_pack("{s:s,s:I,s:b,s:s}", "version", SIGNALBOX_VERSION, "pid", (json_int_t)o->opt.origin->pid, "read_only",
                          sb_server_read_only(opt->server), "servers", sb_server_shown(opt->server)), NULL);
    sb_o_record_policy(o);
}

struct sb_orchestrator *sb_orchestrator_start(const struct sb_orchestrator_options *opt, struct sb_err *err)
{
    struct sb_orchestrator *o = calloc(1, sizeof *o);
    if (!o) {
        sb_fail_nomem(err);
        return NULL;
    }
    o->opt = *opt;
    o->ledger_was_ok = true;
    if (o->opt.approve_within_s == 0)
        o->opt.approve_within_s = APPROVE_WITHIN_S;
    if (o->opt.execute_within_s == 0)
        o->opt.execute_within_s = EXECUTE_WITHIN_S;
    if (!(o->mail = sb_queue_new(64, err)))
        goto fail;
    o->obstacle = SB_OBSTACLE_CONNECTING;
    if (sb_str_set(&o->state_dir, opt->state_dir) || sb_str_set(&o->deployment, opt->deployment) ||
        sb_str_set(&o->executor_uri, opt->executor_uri) || sb_str_set(&o->connect_note, "connecting") ||
        sb_str_set(&o->self.principal, sb_name(&sb_specialists, SB_BY_ORCHESTRATOR))) {
        sb_fail_nomem(err);
        goto fail;
    }
    if (load_rules(o, opt, err) || !(o->detector = sb_detector_new(err)) ||
        !(o->ledger = sb_ledger_open_witnessed(opt->state_dir, opt->witness, SB_LEDGER_OWN, opt->origin, err)) || sb_o_load_policy(o, opt, err) ||
        !(o->mask = sb_o_open_mask(o, err)) || sb_o_open_store_side(o, err) || sb_o_load_book(o, err) ||
        !(o->pool = sb_pool_new(WORKERS, err)))
        goto fail;
    begin_clock(o);
    record_start(o, opt);
    if (opt->owning && sb_o_owning_start(o, opt->owning, err))
        goto fail;
    if (opt->socket && !(o->porter = sb_porter_start(o, opt->state_dir, opt->group, err)))
        goto fail;
    if (sb_thread_start(&o->thread, orchestrator_main, o, "sb-orchestrator", err)) {
        goto fail;
    }
    return o;
fail:
    sb_porter_stop(o->porter);
    sb_pool_free(o->pool, 1000);
    sb_tenure_halt(o->tenure, 1000); /* it was told of no deployment yet: there is nothing to hang in */
    free_orchestrator(o);
    return NULL;
}

int64_t sb_orchestrator_sit_as(struct sb_orchestrator *o, struct sb_queue *news, uid_t uid, pid_t pid)
{
    struct seat *s = calloc(1, sizeof *s);
    if (!s)
        return 0;
    s->news = news;
    int64_t id = s->id = atomic_fetch_add(&o->next_seat, 1) + 1;
    if (sb_actor_of_process(&s->actor, uid, pid, NULL)) {
        free(s);
        return 0;
    }
    return sb_queue_post(o->mail, MAIL_SIT, s, free_seat) ? id : 0; /* mail keeps its order: the seat is there before its asks */
}

int64_t sb_orchestrator_sit(struct sb_orchestrator *o, struct sb_queue *news)
{
    return sb_orchestrator_sit_as(o, news, getuid(), 0);
}

#define LEASE_BACK_MS 2000 /* that the store is given to take the lease back */
#define LISTENER_MS 1000 /* that the store's listener is given: twice what it waits at once */
#define LANES_MS 200 /* that the sampler's lanes are given in any case: they have only to hear of it */

bool sb_orchestrator_stop(struct sb_orchestrator *o, const char *reason, int grace_ms)
{
    if (!o)
        return true;
    int64_t until = sb_mono_ms() + grace_ms;
    atomic_store(&o->hooks_give_up, true);
    char *text = sb_format("%s", reason);
    sb_queue_post_letter(o->mail, &o->stop, MAIL_STOP, text, free);
    pthread_join(o->thread, NULL);
    sb_porter_stop(o->porter);
    /* telemetry's thread gives the workers work, and they call it: first neither is given any more, then each can go */
    sb_telemetry_halt(o->telemetry);
    int64_t left = until - sb_mono_ms();
    bool ended = sb_pool_free(o->pool, left > 0 ? (int)left : 0);
    left = until - sb_mono_ms();
    ended = ended && sb_telemetry_stop(o->telemetry, left > LANES_MS ? (int)left : LANES_MS);
    left = until - sb_mono_ms();
    ended = sb_tenure_halt(o->tenure, left > LEASE_BACK_MS ? (int)left : LEASE_BACK_MS) && ended; /* after the workers: what they have under way keeps it */
    ended = sb_o_halt_store_side(o, LISTENER_MS) && ended;
    if (!ended) {
        sb_ledger_close(o->ledger); /* what hangs in the driver never touches the ledger */
        return false;
    }
    free_orchestrator(o);
    return true;
}
