/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Index Optimizer look at all that a collection, or a database, asks for. A worker reads what the servers have counted,
 * where they do; the telemetry thread says which collections and fields matter, a worker reads catalogues and samples, the telemetry thread gives the advice beside its workload, and the
 * orchestrator proposes a card for each index, what gains most first, and says what became of each shape. */
#include "private.h"

#include <signalbox/agents/counted.h>
#include <signalbox/agents/running.h>

#include <inttypes.h>
#include <string.h>

#define EVIDENCE_MS 300000 /* how far back the operations count */
#define MOST_COLLECTIONS 50 /* that are read for one request */
#define MOST_CARDS 20       /* of one request */
#define MOST_FINDINGS 60    /* that are told in words */

struct place {
    char *ns;
    char **paths;
    size_t paths_n;
    int64_t void_from, void_to, weight;
    struct sb_catalogue catalogue;
    bool busy, read; /* busy: its operations were slow enough to be written down */
    struct sb_err err;
    struct sb_index_review review;
};

struct reviewing {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *about, *deployment, *deployment_id, *requested_by;
    int environment;
    bool simulated, replicated;
    char **members;
    size_t members_n;
    char *primary;
    struct place *places;
    size_t places_n;
    struct sb_running *running;  /* operations that are in no log yet */
    size_t running_n;
    char *blind;                 /* why they cannot be seen, where they cannot */
    struct sb_workload *counted; /* shapes as the servers have counted them; NULL: they are of no version that does */
    char *not_counted;           /* why they cannot be asked for, where a server of this version has them */
    struct sb_err err;
};

static void free_texts(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static void free_reviewing(void *p)
{
    struct reviewing *r = p;
    free(r->case_id);
    free(r->about);
    free(r->deployment);
    free(r->deployment_id);
    free(r->requested_by);
    free_texts(r->members, r->members_n);
    free(r->primary);
    for (size_t i = 0; i < r->places_n; i++) {
        free(r->places[i].ns);
        free_texts(r->places[i].paths, r->places[i].paths_n);
        sb_catalogue_release(&r->places[i].catalogue);
        sb_index_review_release(&r->places[i].review);
    }
    free(r->places);
    sb_running_free(r->running, r->running_n);
    free(r->blind);
    sb_workload_free(r->counted);
    free(r->not_counted);
    free(r);
}

/* ---- 5. back on the orchestrator's thread ---- */

static void record_reads(struct sb_orchestrator *o, struct held_case *held, const struct place *p)
{
    for (size_t k = 0; k < p->catalogue.commands_n; k++) {
        const char *line = p->catalogue.commands[k], *colon = strstr(line, ": ");
        char *member = sb_format("%.*s", colon ? (int)(colon - line) : 0, line);
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = held}, json_pack("{s:s?,s:s}", "member", member, "command", colon ? colon + 2 : line), NULL);
        free(member);
    }
}

/* One card of one collection. */
struct choice {
    const struct place *place;
    struct sb_card *card;
};

static int by_gain(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    int64_t of_x = x->card->impact.time_ms * x->place->weight, of_y = y->card->impact.time_ms * y->place->weight;
    if (of_x != of_y)
        return of_x > of_y ? -1 : 1;
    return x->card < y->card ? -1 : x->card > y->card;
}

static size_t sort_cards(struct reviewing *r, struct choice **out)
{
    size_t n = 0, all = 0;
    for (size_t i = 0; i < r->places_n; i++)
        all += r->places[i].review.cards_n;
    *out = calloc(all + 1, sizeof **out);
    for (size_t i = 0; *out && i < r->places_n; i++)
        for (size_t k = 0; k < r->places[i].review.cards_n; k++)
            (*out)[n++] = (struct choice){&r->places[i], &r->places[i].review.cards[k]};
    if (n)
        qsort(*out, n, sizeof **out, by_gain);
    return n;
}

/* The card with a number of its own. */
static int number(struct sb_orchestrator *o, struct sb_card *card, bool replicated, struct sb_err *err)
{
    char *id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!id)
        return sb_fail_nomem(err);
    free(card->id);
    card->id = id;
    if (sb_index_card_rebuild(card, replicated, "votingMembers", err))
        return -1;
    o->last_card++;
    return 0;
}

static int say_card(const struct choice *c, struct sb_str *out)
{
    char *key = sb_index_key_shown(c->card->index_key);
    if (!key)
        return -1;
    sb_str_addf(out, "%s: an index on %s of %s would serve %s", c->card->id, key, c->card->target, c->card->shapes_n ? c->card->shapes[0] : "its shapes");
    if (c->card->shapes_n > 1)
        sb_str_addf(out, " and %zu more", c->card->shapes_n - 1);
    if (c->place->weight != 1)
        sb_str_addf(out, " (criticality %" PRId64 ")", c->place->weight);
    free(key);
    return sb_str_ok(out) ? 0 : -1;
}

/* What stands against proposing it now, in words; 0: nothing does. */
static int held_back(struct sb_orchestrator *o, struct choice *c, struct sb_str *out, struct sb_err *err)
{
    const struct held_card *same = sb_o_twin(o, c->card);
    char *key = sb_index_key_shown(c->card->index_key);
    int rc = key ? 0 : sb_fail_nomem(err);
    struct sb_str why;
    sb_str_init(&why);
    if (rc == 0 && same) {
        sb_str_addf(out, "%s proposes the index on %s of %s already (%s)", same->card.id, key, c->card->target, sb_name(&sb_states, same->card.state));
        rc = 1;
    } else if (rc == 0 && (rc = sb_o_declined_before(o, c->card, &why, err)) > 0) {
        sb_str_addf(out, "the index on %s of %s stays declined: %s", key, c->card->target, why.p);
    } else if (rc == 0 && (rc = sb_o_heed_failure(o, c->card, &why, err)) > 0) {
        sb_str_adds(out, why.p);
    }
    sb_str_release(&why);
    free(key);
    return rc;
}

static int propose_all(struct sb_orchestrator *o, struct reviewing *r, struct sb_str *out, struct sb_err *err)
{
    struct choice *list;
    size_t n = sort_cards(r, &list);
    int rc = list ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (i >= MOST_CARDS) {
            sb_str_addf(out, "; %zu more indexes would each serve less: ask again when these are decided on", n - i);
            break;
        }
        if (out->len)
            sb_str_adds(out, "; ");
        rc = held_back(o, &list[i], out, err);
        if (rc == 0)
            rc = number(o, list[i].card, r->replicated, err) || say_card(&list[i], out) || sb_o_propose(o, list[i].card, "proposed by the Index Optimizer", err) ? -1 : 0;
        rc = rc > 0 ? 0 : rc;
    }
    free(list);
    if (rc && err->code == SB_OK)
        sb_fail_nomem(err);
    return rc;
}

static void say_rest(const struct reviewing *r, struct sb_str *out)
{
    size_t said = 0, left = 0;
    for (size_t i = 0; i < r->places_n; i++) {
        const struct place *p = &r->places[i];
        if (p->err.code != SB_OK)
            sb_str_addf(out, "%s%s was not looked at: %s", out->len ? "; " : "", p->ns, p->err.msg);
        else if (p->review.summary && !p->review.cards_n)
            sb_str_addf(out, "%s%s", out->len ? "; " : "", p->review.summary);
        for (size_t k = 0; k < p->review.findings_n; k++) {
            if (said < MOST_FINDINGS)
                sb_str_addf(out, "; %s%s%s: %s", r->places_n > 1 ? p->ns : "", r->places_n > 1 ? " " : "", p->review.findings[k].subject, p->review.findings[k].text);
            said < MOST_FINDINGS ? said++ : left++;
        }
    }
    for (size_t i = 0; i < r->running_n; i++)
        if (r->running[i].fingerprint)
            sb_str_addf(out, "%srunning on %s for %" PRId64 " s: %s %s, plan %s; no log or profile has it yet, and what it reads is not known before it ends", out->len ? "; " : "",
                        r->running[i].member, r->running[i].running_ms / 1000, r->running[i].ns, r->running[i].shape, r->running[i].plan ? r->running[i].plan : "not told");
    if (r->not_counted)
        sb_str_addf(out, "%s%s", out->len ? "; " : "", r->not_counted);
    if (r->blind)
        sb_str_addf(out, "%s%s", out->len ? "; " : "", r->blind);
    if (left)
        sb_str_addf(out, "; and %zu more shapes: ask about one collection to hear of each", left);
    if (!out->len)
        sb_str_addf(out, "no index is proposed for %s: none of its operations was slow enough to be written down", r->about);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct reviewing *r = p;
    struct held_case *held = sb_o_case(o, r->case_id);
    struct sb_err err = r->err;
    struct sb_str text;
    if (!held) {
        free_reviewing(r);
        return;
    }
    sb_str_init(&text);
    for (size_t i = 0; i < r->places_n; i++)
        record_reads(o, held, &r->places[i]);
    if (err.code == SB_OK && propose_all(o, r, &text, &err) == 0)
        say_rest(r, &text);
    for (size_t i = 0, cards = 0; i < r->places_n; i++) {
        cards += r->places[i].review.cards_n;
        held->chain.documents = cards == 0 && (held->chain.documents || r->places[i].review.findings_n > 0);
    }
    json_t *words = sb_o_words(text.len && sb_str_ok(&text) ? text.p : "out of memory");
    sb_o_finish_consult(o, held, NULL, &err, words ? json_string_value(words) : "out of memory");
    json_decref(words);
    sb_str_release(&text);
    free_reviewing(r);
}

/* ---- 4. on the telemetry thread ---- */

/* Of what is running, a shape that the workload has is no news, and one that runs twice is said once. */
static void forget_known(struct reviewing *r, const struct sb_workload *w)
{
    for (size_t i = 0; i < r->running_n; i++) {
        struct sb_running *x = &r->running[i];
        bool known = sb_workload_find(w, x->ns, x->fingerprint) != NULL;
        for (size_t k = 0; k < i && !known; k++)
            known = sb_streq(r->running[k].ns, x->ns) && sb_streq(r->running[k].fingerprint, x->fingerprint);
        if (known) {
            free(x->fingerprint);
            x->fingerprint = NULL;
        }
    }
}

static void advise(void *p, const struct sb_view *view)
{
    struct reviewing *r = p;
    int64_t now = sb_view_now(view);
    for (size_t i = 0; i < r->places_n && r->err.code == SB_OK; i++) {
        struct place *at = &r->places[i];
        struct sb_index_question q = {.ns = at->ns, .from = now - EVIDENCE_MS, .to = now, .now = now, .void_from = at->void_from, .void_to = at->void_to, .workload = sb_view_workload(view), .counted = r->counted,
                                      .history = sb_view_history(view), .catalogue = &at->catalogue, .replicated = r->replicated, .card_id = "C-000000", .case_id = r->case_id,
                                      .deployment = r->deployment, .deployment_id = r->deployment_id, .requested_by = r->requested_by, .environment = r->environment, .simulated = r->simulated};
        if (at->read)
            sb_index_review(&q, &at->review, &r->err);
    }
    forget_known(r, sb_view_workload(view));
    sb_o_post_done(r->o, &r->way, back, r, free_reviewing);
}

/* ---- 3. on a worker ---- */

/* A collection that cannot be read, or has vanished, is said to be so; the others are looked at all the same. */
static void read_catalogues(void *p)
{
    struct reviewing *r = p;
    struct sb_members m = {(const char *const *)r->members, r->members_n, r->primary};
    for (size_t i = 0; i < r->places_n; i++) {
        struct place *at = &r->places[i];
        if (!at->busy)
            continue;
        at->read = sb_catalogue_read(r->o->opt.server, &m, at->ns, &at->catalogue, &at->err) == 0 &&
                   (!at->catalogue.exists || sb_catalogue_sample(r->o->opt.server, &m, &at->catalogue, (const char *const *)at->paths, at->paths_n, SB_INDEX_SAMPLE, &at->err) == 0);
    }
    sb_running_read(r->o->opt.server, &m, r->about, &r->running, &r->running_n, &r->blind, &r->err);
    sb_o_view(r->o, &r->way, advise, r, free_reviewing);
}

/* ---- 2. on the telemetry thread ---- */

static bool is_asked(const struct sb_workload *w, const char *ns)
{
    size_t n = strcspn(ns, ".");
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        if (sb_streq(work->ns, ns))
            return true;
        for (size_t k = 0; k < work->shape->lookups_n && strncmp(work->ns, ns, n + 1) == 0; k++)
            if (sb_streq(work->shape->lookups[k].from, ns + n + 1))
                return true;
    }
    return false;
}

static void find_paths(void *p, const struct sb_view *view)
{
    struct reviewing *r = p;
    const struct sb_workload *w = sb_view_workload(view);
    size_t busy = 0;
    for (size_t i = 0; i < r->places_n && r->err.code == SB_OK; i++) {
        struct place *at = &r->places[i];
        at->busy = (r->places_n == 1 || is_asked(w, at->ns) || (r->counted && is_asked(r->counted, at->ns))) && busy < MOST_COLLECTIONS;
        busy += at->busy;
        if (at->busy && (sb_index_paths(w, at->ns, NULL, &at->paths, &at->paths_n) || (r->counted && sb_index_paths(r->counted, at->ns, NULL, &at->paths, &at->paths_n))))
            sb_fail_nomem(&r->err);
    }
    if (r->err.code != SB_OK)
        sb_o_post_done(r->o, &r->way, back, r, free_reviewing);
    else
        sb_o_work(r->o, &r->way, read_catalogues, r, free_reviewing);
}

/* ---- 1. on a worker, where the servers are of a version that counts ---- */

static void read_counted(void *p)
{
    struct reviewing *r = p;
    struct sb_members m = {(const char *const *)r->members, r->members_n, r->primary};
    r->counted = sb_counted_read(r->o->opt.server, &m, r->about, &r->not_counted, &r->err);
    if (r->err.code != SB_OK)
        sb_o_post_done(r->o, &r->way, back, r, free_reviewing);
    else
        sb_o_view(r->o, &r->way, find_paths, r, free_reviewing);
}

/* ---- the request ---- */

static int add_place(struct sb_orchestrator *o, struct reviewing *r, const char *ns)
{
    int64_t from, to, wall = sb_origin_wall_ms(o->opt.origin), there = sb_o_deployment_now(o);
    struct place *p = SB_PUSH(r->places);
    if (!p || sb_str_set(&p->ns, ns))
        return -1;
    p->weight = sb_criticality_of(o->opt.criticality, o->opt.criticality_n, ns);
    if (sb_o_taken_back(o, ns, &from, &to)) {
        p->void_from = there - (wall - from) * o->facts.speed;
        p->void_to = there - (wall - to) * o->facts.speed;
    }
    return 0;
}

static int add_places(struct sb_orchestrator *o, struct reviewing *r)
{
    size_t n = strlen(r->about);
    if (strchr(r->about, '.'))
        return add_place(o, r, r->about);
    for (size_t i = 0; i < o->namespaces_n; i++)
        if (strncmp(o->namespaces[i], r->about, n) == 0 && o->namespaces[i][n] == '.' && add_place(o, r, o->namespaces[i]))
            return -1;
    return 0;
}

int sb_o_consult_review(struct sb_orchestrator *o, struct held_case *held, const char *about, struct sb_err *err)
{
    if (!o->telemetry)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    struct reviewing *r = calloc(1, sizeof *r);
    if (!r)
        return sb_fail_nomem(err);
    r->o = o;
    r->environment = o->opt.environment;
    r->simulated = o->facts.simulated;
    r->replicated = sb_hello_replicated(&o->facts.hello);
    if (sb_str_set(&r->case_id, held->case_.id) || sb_str_set(&r->about, about) || sb_str_set(&r->deployment, o->deployment) || sb_str_set(&r->deployment_id, o->facts.id) ||
        sb_str_set(&r->requested_by, held->case_.requested_by) || sb_o_members(o, &r->members, &r->members_n, &r->primary) || add_places(o, r)) {
        free_reviewing(r);
        return sb_fail_nomem(err);
    }
    held->consulting = true;
    if (o->facts.version_number < 70000) {
        sb_o_view(o, &r->way, find_paths, r, free_reviewing);
    } else if (!sb_o_work(o, &r->way, read_counted, r, free_reviewing)) {
        held->consulting = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
