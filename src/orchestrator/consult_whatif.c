/* SPDX-License-Identifier: Apache-2.0
 *
 * A person wants to know what a card's index would bring: a worker reads the collection's catalogue, and a card of its own, in the same
 * case, proposes to try the index out on a sample. Whether that may be done here is policy's to say. Where it denies it, and the
 * config names another deployment for it (staging, or a drill's copy), policy is asked about that one as it is, and the trial is made
 * there with a ledger of its own. A change of documents is rehearsed only there. */
#include "trial.h"

#include <signalbox/agents/whatif_card.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

struct trial {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_card card; /* a copy of the one that is tried out */
    char *card_id, *requested_by;
    char **members;
    size_t members_n;
    char *primary;
    json_t *sensitive;
    struct sb_catalogue catalogue;
    bool have, replicated;
    struct sb_card draft;
    char **explains, **notes; /* elsewhere: one a criterion of the card */
    char *dir, *where, *reader;
    struct trial_there there; /* as it was right before */
    struct sb_evidence *found;
    size_t found_n;
    int64_t seat, seq, at;
    struct sb_err err;
};

static void free_trial(void *p)
{
    struct trial *t = p;
    for (size_t i = 0; i < t->members_n; i++)
        free(t->members[i]);
    free(t->members);
    free(t->primary);
    free(t->card_id);
    free(t->requested_by);
    json_decref(t->sensitive);
    for (size_t i = 0; i < t->card.watch.criteria_n; i++) {
        free(t->explains ? t->explains[i] : NULL);
        free(t->notes ? t->notes[i] : NULL);
    }
    free(t->explains);
    free(t->notes);
    free(t->dir);
    free(t->where);
    free(t->reader);
    sb_o_release_there(&t->there);
    for (size_t i = 0; i < t->found_n; i++)
        sb_record_release(&sb_evidence_schema, &t->found[i]);
    free(t->found);
    if (t->have)
        sb_catalogue_release(&t->catalogue);
    sb_card_release(&t->draft);
    sb_card_release(&t->card);
    free(t);
}

/* ---- elsewhere ---- */

/* What was found out goes beside the card: nothing of it is voided. */
static int keep(struct sb_orchestrator *o, struct trial *t, struct held_card *card)
{
    json_t *facts = json_array();
    int rc = facts ? 0 : -1;
    for (size_t i = 0; i < t->found_n && rc == 0; i++)
        rc = json_array_append_new(facts, sb_record_to_json(&sb_evidence_schema, &t->found[i]));
    struct sb_actor author = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_INDEX_OPTIMIZER)};
    if (rc == 0)
        rc = sb_o_record(o, SB_ENTRY_PROOF, &author, &(struct refs){.card = card}, json_pack("{s:s,s:O}", "by", t->where, "evidence", facts), &t->err);
    json_decref(facts);
    return rc;
}

static void back_from_elsewhere(struct sb_orchestrator *o, void *p)
{
    struct trial *t = p;
    struct held_card *card = sb_o_card(o, t->card.id);
    if (!card && sb_o_rests(o, t->card.id))
        card = sb_o_wake_card(o, t->card.id);
    if (t->err.code != SB_OK) {
        sb_o_notice(o, SB_MEDIUM, "%s could not be tried out elsewhere: %s", t->card.id, t->err.msg);
        json_t *words = sb_o_words(t->err.msg); /* it stands in the case, too */
        char *value = words ? sb_format("not tried out: %s", json_string_value(words)) : NULL;
        t->err = (struct sb_err)SB_ERR_INIT;
        if (!value || sb_str_set(&t->where, "the deployment for trials") || sb_evidence_add(&t->found, &t->found_n, t->where, t->card.target, "tried out elsewhere", value, "blind", t->at))
            sb_fail_nomem(&t->err);
        free(value);
        json_decref(words);
    }
    if (t->err.code == SB_OK && card && keep(o, t, card) == 0)
        sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
    else
        sb_o_notice(o, SB_MEDIUM, "what came of trying out %s elsewhere could not be put beside it", t->card.id);
    free_trial(t);
}

static void try_there(void *p)
{
    struct trial *t = p;
    struct trial_elsewhere e = {.dir = t->dir, .by = t->requested_by, .deployment = t->o->deployment, .uri_file = t->o->opt.what_if_uri_file, .source = t->o->opt.server,
                                .source_id = t->card.deployment_id, .source_member = t->reader, .card = &t->card, .today = &t->catalogue, .sensitive = t->sensitive, .explains = t->explains,
                                .notes = t->notes, .at = t->at};
    int ignored = sb_o_try_elsewhere(&e, &t->found, &t->found_n, &t->where, &t->err); /* the error says it */
    (void)ignored;
    sb_o_post_done(t->o, &t->way, back_from_elsewhere, t, free_trial);
}

static void begin_there(struct sb_orchestrator *o, void *p)
{
    struct trial *t = p;
    bool changes = t->card.kind != SB_KIND_CREATE_INDEX;
    struct held_card *card = sb_o_card(o, t->card.id), *tried = changes ? card : sb_o_card(o, t->card_id);
    struct held_case *c = sb_o_case(o, t->card.case_id);
    struct held_card rehearsal = {.card = t->draft, .run = {.builds = -1, .oldest_op_s = -1}};
    if (t->err.code == SB_OK && (!tried || !card || !c || !sb_card_open(&card->card)))
        sb_fail(&t->err, SB_ESTATE, "the card is past that by now");
    if (t->err.code == SB_OK && sb_o_gate_there(o, changes ? &rehearsal : tried, c, &t->there, &t->err) == SB_ALLOW)
        sb_o_work(o, &t->way, try_there, t, free_trial);
    else
        back_from_elsewhere(o, t);
}

static void look_there(void *p)
{
    struct trial *t = p;
    int ignored = sb_o_look_there(t->o->opt.what_if_uri_file, t->card.target, &t->there, &t->err); /* the error says it */
    (void)ignored;
    sb_o_post_done(t->o, &t->way, begin_there, t, free_trial);
}

/* On the telemetry thread: the operations that are kept as examples. */
static void find_examples(void *p, const struct sb_view *view)
{
    struct trial *t = p;
    for (size_t i = 0; i < t->card.watch.criteria_n; i++) {
        const struct sb_criterion *c = &t->card.watch.criteria[i];
        if (!sb_streq(c->metric, "shape_docs_per_returned"))
            continue;
        const struct sb_work *w = sb_workload_find(sb_view_workload(view), t->card.target, c->subject);
        if (w && sb_what_if_leaves_out(t->sensitive, w->shape))
            t->notes[i] = sb_format("it asks for a sensitive field, which is not copied");
        else
            t->explains[i] = sb_index_explain_command(sb_view_workload(view), t->card.target, c->subject);
    }
    sb_o_work(t->o, &t->way, look_there, t, free_trial);
}

/* True: t is on its way. */
static bool go_elsewhere(struct sb_orchestrator *o, struct trial *t)
{
    size_t n = t->card.watch.criteria_n ? t->card.watch.criteria_n : 1;
    const char *reader = t->primary ? t->primary : t->members_n ? t->members[0] : NULL;
    for (size_t i = 0; t->primary && i < t->members_n; i++) /* it only plans, but on a secondary where there is one */
        if (strcmp(t->members[i], t->primary) != 0)
            reader = t->members[i];
    t->explains = calloc(n, sizeof *t->explains);
    t->notes = calloc(n, sizeof *t->notes);
    t->dir = sb_format("%s/trials", o->opt.state_dir);
    if (!t->explains || !t->notes || !t->dir || !t->have || sb_str_set(&t->reader, reader))
        return false;
    t->err = (struct sb_err)SB_ERR_INIT;
    sb_o_view(o, &t->way, find_examples, t, free_trial);
    return true;
}

/* A change is rehearsed there; what it comes to is drafted by the collection of here, for policy. */
static void back_to_rehearse(struct sb_orchestrator *o, void *p)
{
    struct trial *t = p;
    if (t->err.code != SB_OK) {
        sb_o_answer(o, t->seat, t->seq, &t->err, t->card.id, t->card.case_id, " ");
        free_trial(t);
        return;
    }
    sb_o_answer(o, t->seat, t->seq, &t->err, t->card.id, t->card.case_id, "%s is rehearsed on a sample, on the deployment that the config names for it; what is found out will stand beside it.", t->card.id);
    if (!go_elsewhere(o, t)) {
        sb_o_notice(o, SB_MEDIUM, "%s could not be tried out elsewhere: out of memory", t->card.id);
        free_trial(t);
    }
}

static void read_to_rehearse(void *p)
{
    struct trial *t = p;
    struct sb_members m = {(const char *const *)t->members, t->members_n, t->primary};
    struct sb_what_if_question q = {.card = &t->card, .catalogue = &t->catalogue, .sensitive = t->sensitive, .card_id = t->card.id, .requested_by = t->requested_by, .replicated = t->replicated, .at = t->at};
    t->have = sb_catalogue_read(t->o->opt.server, &m, t->card.target, &t->catalogue, &t->err) == 0;
    if (t->have) {
        int ignored = sb_rehearsal_card(&q, &t->draft, &t->err); /* the error says it */
        (void)ignored;
    }
    sb_o_post_done(t->o, &t->way, back_to_rehearse, t, free_trial);
}

/* ---- here ---- */

static void back(struct sb_orchestrator *o, void *p)
{
    struct trial *t = p;
    struct held_card *card = sb_o_card(o, t->card.id);
    for (size_t i = 0; card && t->have && i < t->catalogue.commands_n; i++)
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.card = card}, json_pack("{s:s?,s:o}", "member", t->primary, "command", sb_o_words(t->catalogue.commands[i])), NULL);
    if (t->err.code == SB_OK)
        sb_o_propose(o, &t->draft, "proposed by the Index Optimizer", &t->err);
    const struct held_card *made = t->err.code == SB_OK ? sb_o_card(o, t->card_id) : NULL;
    if (made && made->card.state == SB_DENIED)
        sb_fail(&t->err, SB_EPOLICY, "%s was denied: %s", t->card_id, made->card.policy.would_flip_n ? made->card.policy.would_flip[0] : "policy does not allow to try it out here");
    for (size_t i = 0; made && made->card.state == SB_DENIED && i < made->card.policy.rules_n; i++)
        if (made->card.policy.rules[i].decides && made->card.policy.rules[i].message)
            sb_fail(&t->err, SB_EPOLICY, "%s was denied: %s", t->card_id, made->card.policy.rules[i].message);
    if (made && made->card.state == SB_DENIED && o->opt.what_if_uri_file) {
        struct sb_err none = SB_ERR_INIT;
        sb_o_answer(o, t->seat, t->seq, &none, t->card.id, t->card.case_id, "%s. It is tried out on the deployment that the config names for it; what is found out will stand beside %s.", t->err.msg, t->card.id);
        if (!go_elsewhere(o, t)) {
            sb_o_notice(o, SB_MEDIUM, "%s could not be tried out elsewhere: out of memory", t->card.id);
            free_trial(t);
        }
        return;
    }
    sb_o_answer(o, t->seat, t->seq, &t->err, t->card_id, t->card.case_id, "%s: %s; what is found out will stand beside %s.", t->card_id, made ? made->card.title : "", t->card.id);
    free_trial(t);
}

static bool pass_over(void *ctx, const bson_t *doc)
{
    (void)ctx;
    (void)doc;
    return false;
}

/* A server that takes no sample is asked for one before anything is written: what only looks like a mongod may not know $sample. */
static int look_for_sample(const struct trial *t, struct sb_err *err)
{
    char db[64], coll[192];
    struct sb_err why = SB_ERR_INIT;
    const char *member = t->primary ? t->primary : t->members_n ? t->members[0] : NULL;
    if (!sb_ns_split(t->card.target, db, coll) || !member)
        return sb_fail(err, SB_ESERVER, "no primary is known, so %s cannot be tried out", t->card.id);
    struct sb_conn *conn = sb_conn_to_member(t->o->opt.server, member, SB_LANE_CONTROL, err);
    bson_t *command = BCON_NEW("aggregate", BCON_UTF8(coll), "pipeline", "[", "{", "$sample", "{", "size", BCON_INT32(1), "}", "}", "]", "cursor", "{", "}");
    int rc = conn && sb_read_cursor(conn, db, command, 1, pass_over, NULL, &why) < 0 ? -1 : 0;
    bson_destroy(command);
    sb_conn_close(conn);
    if (!conn)
        return -1;
    return rc ? sb_fail(err, why.code == SB_ECOMMAND ? SB_ESTATE : why.code, "%s cannot be tried out on this server, which gives no sample of its documents ($sample: %s); its numbers stay estimates", t->card.id, why.msg) : 0;
}

static void read_collection(void *p)
{
    struct trial *t = p;
    struct sb_members m = {(const char *const *)t->members, t->members_n, t->primary};
    t->have = sb_catalogue_read(t->o->opt.server, &m, t->card.target, &t->catalogue, &t->err) == 0;
    if (t->have && look_for_sample(t, &t->err) == 0) {
        struct sb_what_if_question q = {.card = &t->card, .catalogue = &t->catalogue, .sensitive = t->sensitive, .card_id = t->card_id, .requested_by = t->requested_by,
                                        .replicated = t->replicated, .at = t->at};
        int ignored = sb_what_if_card(&q, &t->draft, &t->err); /* the error says it */
        (void)ignored;
    }
    sb_o_post_done(t->o, &t->way, back, t, free_trial);
}

/* 1: the answer comes when the catalogue has been read; -1 with the reason. */
int sb_o_consult_what_if(struct sb_orchestrator *o, const struct seat *s, int64_t seq, const struct held_card *card, struct sb_err *err)
{
    const struct sb_card *k = &card->card;
    if (sb_o_may_act(o, card, err))
        return -1;
    bool changes = sb_rehearsable(k);
    if ((k->kind != SB_KIND_CREATE_INDEX && !changes) || !sb_card_open(k) || card->run.started)
        return sb_fail(err, SB_ESTATE, "%s %s: only an index that is still to be built is tried out, and only documents that are still to be changed are a rehearsal's", k->id,
                       k->kind == SB_KIND_CREATE_INDEX || changes ? "is past that" : "does neither");
    if (changes && !o->opt.what_if_uri_file)
        return sb_fail(err, SB_ESTATE, "%s is rehearsed on another deployment, staging or a drill's copy, and the config names none: set what_if_uri_file FILE", k->id);
    for (size_t i = 0; i < o->cards_n; i++)
        if (sb_streq(o->cards[i]->card.proves, k->id) && sb_card_open(&o->cards[i]->card))
            return sb_fail(err, SB_ESTATE, "%s is tried out already by %s", k->id, o->cards[i]->card.id);
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        return sb_fail_nomem(err);
    t->o = o;
    t->seat = s->id;
    t->seq = seq;
    t->at = sb_o_deployment_now(o);
    t->replicated = sb_hello_replicated(&o->facts.hello);
    const json_t *names = sb_policy_sensitive(o->policy);
    t->sensitive = names ? json_deep_copy(names) : NULL;
    t->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!t->card_id || (names && !t->sensitive) || sb_str_set(&t->requested_by, s->actor.principal) || sb_record_copy(&sb_card_schema, &t->card, k) ||
        sb_o_members(o, &t->members, &t->members_n, &t->primary)) {
        free_trial(t);
        return sb_fail_nomem(err);
    }
    if (changes)
        return sb_o_work(o, &t->way, read_to_rehearse, t, free_trial) ? 1 : sb_fail_nomem(err);
    o->last_card++; /* a number that leads to no card is left out, never given twice */
    return sb_o_work(o, &t->way, read_collection, t, free_trial) ? 1 : sb_fail_nomem(err);
}
