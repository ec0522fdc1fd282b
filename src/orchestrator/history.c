/* SPDX-License-Identifier: Apache-2.0
 *
 * What was carried out, finished and taken back in the last thirty days, from the record: budgets and repetitions have to
 * outlive a restart. Read once, then only what has been added. */
#include "private.h"

#include <signalbox/base/hash.h>

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define REACH_DAYS 30
#define MAX_CARDS 10000000 /* a number above that is no card of ours */

enum happening { IT_STARTED, IT_WAS_DONE, IT_WAS_ROLLED_BACK, GLASS_BROKEN, GLASS_REVIEWED, IT_WAS_ACCEPTED, IT_WAS_DECLINED, IT_FAILED_ITS_WATCH, IT_WAS_SIGNED };

struct happened {
    enum happening what;
    int64_t at, number;    /* number: of the card, 123 of C-000123 */
    char *card, *deployment, *by, *account; /* by: whose decision it was, and from which account it came */
    char fingerprint[SB_HEX_LEN + 1];
    char *ns, *key, *words; /* of a card about an index; words: of the verdict, behind a FAIL. key: of a decision, what signed it */
    int environment, kind; /* enum sb_card_kind */
    bool edited;           /* accepted otherwise than it was proposed */
};

struct sb_history {
    int64_t next_seq; /* of the ledger: what has not been looked at */
    struct happened *items;
    size_t items_n;
};

/* A step's command without what is of this card alone: its comment, and where it keeps what fields said before. */
static int add_command(const struct sb_step *s, struct sb_str *out)
{
    bson_t *doc = s->action ? bson_new_from_json((const uint8_t *)s->action, -1, NULL) : NULL, rest = BSON_INITIALIZER;
    int rc = 0;
    if (doc) {
        bson_copy_to_excluding_noinit(doc, &rest, "comment", bson_has_field(doc, "pipeline") ? "pipeline" : NULL, NULL);
        char *json = bson_as_canonical_extended_json(&rest, NULL);
        rc = json ? 0 : -1;
        sb_str_adds(out, json ? json : "");
        bson_free(json);
        bson_destroy(doc);
    }
    bson_destroy(&rest);
    sb_str_addf(out, "\n%s\n%s\n%s\n", s->work.how ? s->work.how : "", s->work.field ? s->work.field : "", s->work.new_field ? s->work.new_field : "");
    return rc;
}

int sb_o_fingerprint(const struct sb_card *c, char out[SB_HEX_LEN + 1])
{
    const char *const parts[] = {sb_name(&sb_card_kinds, c->kind), c->target, c->index_name, c->index_key, c->index_options};
    bool of_documents = c->kind == SB_KIND_OBSERVE || c->kind == SB_KIND_BACKFILL || c->kind == SB_KIND_CONTRACT || c->kind == SB_KIND_VALIDATOR || c->kind == SB_KIND_RENAME; /* what these do only their steps say */
    struct sb_str text;
    struct sb_hash hash;
    sb_str_init(&text);
    for (size_t i = 0; i < SB_COUNT(parts); i++)
        sb_str_addf(&text, "%s\n", parts[i] ? parts[i] : "");
    int rc = 0;
    for (size_t i = 0; of_documents && i < c->steps_n && rc == 0; i++)
        rc = add_command(&c->steps[i], &text);
    rc = rc || !sb_str_ok(&text) || sb_hash_bytes(&hash, text.p, text.len, NULL) ? -1 : 0;
    sb_str_release(&text);
    if (rc == 0)
        sb_hex_encode(out, hash.bytes, SB_HASH_LEN);
    return rc;
}

/* ---- reading the record ---- */

static bool wants(const char *bytes, size_t n)
{
    static const char *const moves[] = {"\"event\":\"start\"", "\"to\":\"done\"", "\"to\":\"rolled_back\"", "\"event\":\"watch_fail\"", "\"to\":\"approved\"",
                                        "\"to\":\"rejected\"", "\"to\":\"expired\""};
    bool person = sb_o_says(bytes, n, "\"kind\":\"breakglass\"") || sb_o_says(bytes, n, "\"kind\":\"review\"") ||
                  (sb_o_says(bytes, n, "\"kind\":\"approval\"") && sb_o_says(bytes, n, "\"signature\":"));
    bool moved = false, state = !person && sb_o_says(bytes, n, "\"kind\":\"state\"");
    for (size_t i = 0; state && !moved && i < SB_COUNT(moves); i++)
        moved = sb_o_says(bytes, n, moves[i]);
    return person || moved;
}

static enum happening what_became(const char *event, const char *to)
{
    if (sb_streq(event, "start"))
        return IT_STARTED;
    if (sb_streq(event, "watch_fail"))
        return IT_FAILED_ITS_WATCH;
    if (sb_streq(to, "done"))
        return IT_WAS_DONE;
    if (sb_streq(to, "approved"))
        return IT_WAS_ACCEPTED;
    return sb_streq(to, "rolled_back") ? IT_WAS_ROLLED_BACK : IT_WAS_DECLINED;
}

static int64_t card_number(const char *id)
{
    int64_t n;
    return sb_starts_with(id, "C-") && sb_parse_i64(id + 2, &n) == 0 && n > 0 && n < MAX_CARDS ? n : 0;
}

static int remember_index(struct happened *h, const struct sb_card *c, const char *words, struct sb_err *err)
{
    return sb_str_set(&h->ns, c->target) || sb_str_set(&h->key, c->index_key) || sb_str_set(&h->words, words) ? sb_fail_nomem(err) : 0;
}

/* Whose decision it was, with which key and from which account. */
static int remember_person(struct happened *h, const struct sb_entry *e, struct sb_err *err)
{
    const json_t *said = e->kind == SB_ENTRY_REVIEW ? e->body : json_object_get(e->body, e->kind == SB_ENTRY_BREAKGLASS ? "breakglass" : "approval");
    h->what = e->kind == SB_ENTRY_REVIEW ? GLASS_REVIEWED : e->kind == SB_ENTRY_BREAKGLASS ? GLASS_BROKEN : IT_WAS_SIGNED;
    return sb_str_set(&h->by, sb_json_str(said, "by")) || sb_str_set(&h->key, sb_json_str(said, "key")) || sb_str_set(&h->account, e->actor.principal) ? sb_fail_nomem(err) : 0;
}

static int take(struct sb_orchestrator *o, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    struct sb_card card;
    if (sb_ledger_entry(o->ledger, seq, &e, err))
        return -1;
    const char *event = sb_json_str(e.body, "event"), *to = sb_json_str(e.body, "to");
    int rc = 0;
    /* what was simulated counts among its own kind only */
    bool person = e.kind == SB_ENTRY_BREAKGLASS || e.kind == SB_ENTRY_REVIEW || e.kind == SB_ENTRY_APPROVAL;
    if ((e.kind == SB_ENTRY_STATE || person) && e.plan.card && e.plan.simulated == o->facts.simulated && sb_ledger_card(o->ledger, e.plan.card, &card, NULL) == 0) {
        struct happened *h = SB_PUSH(o->history->items);
        if (!h || sb_str_set(&h->card, card.id) || sb_str_set(&h->deployment, card.deployment_id) || sb_o_fingerprint(&card, h->fingerprint)) {
            rc = sb_fail_nomem(err);
        } else {
            rc = person ? remember_person(h, &e, err) : card.index_key && card.index_key[0] ? remember_index(h, &card, sb_json_str(e.body, "note"), err) : 0;
            if (!person)
                h->what = what_became(event, to);
            h->kind = card.kind;
            h->number = card_number(card.id);
            h->edited = e.plan.revision > 1;
            h->at = e.ts;
            h->environment = card.environment;
        }
        sb_card_release(&card);
    }
    sb_entry_release(&e);
    return rc;
}

static int catch_up(struct sb_orchestrator *o, struct sb_err *err)
{
    if (!o->history && !(o->history = calloc(1, sizeof *o->history)))
        return sb_fail_nomem(err);
    return sb_o_follow(o, &o->history->next_seq, REACH_DAYS * DAY_MS, wants, take, err);
}

/* ---- what it comes to ---- */

static bool taken_back(const struct sb_history *h, const char *card)
{
    for (size_t i = 0; i < h->items_n; i++)
        if (h->items[i].what == IT_WAS_ROLLED_BACK && sb_streq(h->items[i].card, card))
            return true;
    return false;
}

/* What became of one card. */
struct outcome {
    bool decided, accepted, done, back, reversed;
};

static void add_outcome(struct outcome *out, const struct happened *x)
{
    out->decided |= x->what == IT_WAS_ACCEPTED || x->what == IT_WAS_DECLINED;
    if (x->what == IT_WAS_ACCEPTED) /* its last acceptance counts */
        out->accepted = !x->edited;
    out->done |= x->what == IT_WAS_DONE;
    out->back |= x->what == IT_FAILED_ITS_WATCH || (x->what == IT_WAS_ROLLED_BACK && !out->done);
    out->reversed |= x->what == IT_WAS_ROLLED_BACK && out->done;
}

int sb_o_record_of(struct sb_orchestrator *o, int kind, int environment, int64_t since, struct sb_autonomy_record *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    if (catch_up(o, err))
        return -1;
    const struct sb_history *h = o->history;
    int64_t first = INT64_MAX, last = 0;
    for (size_t i = 0; i < h->items_n; i++) {
        first = h->items[i].number < first ? h->items[i].number : first;
        last = h->items[i].number > last ? h->items[i].number : last;
    }
    size_t n = h->items_n ? (size_t)(last - first + 1) : 0;
    struct outcome *cards = calloc(n ? n : 1, sizeof *cards); /* by number: cards are numbered one after the other */
    if (!cards)
        return sb_fail_nomem(err);
    for (size_t i = 0; i < h->items_n; i++) {
        const struct happened *x = &h->items[i];
        if (x->at >= since && x->kind == kind && x->environment == environment)
            add_outcome(&cards[x->number - first], x);
    }
    for (size_t i = 0; i < n; i++) {
        out->decisions += cards[i].decided;
        out->accepted += cards[i].accepted;
        out->rolled_back += cards[i].accepted && cards[i].back;
        out->reversed += cards[i].accepted && cards[i].reversed;
    }
    free(cards);
    return 0;
}

/* No review of the same card's glass came after item i. */
static bool is_unreviewed(const struct sb_history *h, size_t i)
{
    if (h->items[i].what != GLASS_BROKEN)
        return false;
    for (size_t k = i + 1; k < h->items_n; k++)
        if (h->items[k].what == GLASS_REVIEWED && sb_streq(h->items[k].card, h->items[i].card))
            return false;
    return true;
}

static bool is_person(const struct happened *h, const char *who, const char *key)
{
    return sb_streq(h->by, who) || (key && sb_streq(h->key, key));
}

const char *sb_o_unreviewed_by(struct sb_orchestrator *o, const char *who, const char *key, struct sb_err *err)
{
    if (catch_up(o, err))
        return NULL;
    for (size_t i = 0; i < o->history->items_n; i++)
        if (is_unreviewed(o->history, i) && is_person(&o->history->items[i], who, key))
            return o->history->items[i].card;
    return NULL;
}

int sb_o_has_signed_from(struct sb_orchestrator *o, const char *who, const char *key, const char *account, struct sb_err *err)
{
    if (catch_up(o, err))
        return -1;
    for (size_t i = 0; i < o->history->items_n; i++) {
        const struct happened *h = &o->history->items[i];
        if (h->account && h->key && is_person(h, who, key) && sb_streq(h->account, account))
            return 1;
    }
    return 0;
}

json_t *sb_o_history(struct sb_orchestrator *o, const struct sb_card *c)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin), today = 0, back = 0, unreviewed = 0, staging = -1;
    char mine[SB_HEX_LEN + 1];
    struct sb_err err = SB_ERR_INIT;
    if (sb_o_fingerprint(c, mine))
        return NULL;
    if (catch_up(o, &err)) { /* what cannot be counted is not known: policy calls that an error */
        sb_o_notice(o, SB_MEDIUM, "What was carried out before cannot be counted: %s", err.msg);
        return json_object();
    }
    for (size_t i = 0; i < o->history->items_n; i++) {
        const struct happened *h = &o->history->items[i];
        bool same = strcmp(h->fingerprint, mine) == 0, here = sb_streq(h->deployment, c->deployment_id), other = !sb_streq(h->card, c->id);
        int64_t age = now - h->at;
        today += h->what == IT_STARTED && here && other && age < DAY_MS;
        unreviewed += here && other && is_unreviewed(o->history, i);
        back += h->what == IT_WAS_ROLLED_BACK && here && same && other && age < REACH_DAYS * DAY_MS;
        if (h->what == IT_WAS_DONE && same && h->environment == SB_ENV_STAGING && age / 1000 > staging && !taken_back(o->history, h->card))
            staging = age / 1000;
    }
    json_t *out = json_pack("{s:I,s:I,s:I}", "executed_today", (json_int_t)today, "rolled_back_30d", (json_int_t)back, "unreviewed", (json_int_t)unreviewed);
    if (out && staging >= 0 && json_object_set_new(out, "staging_age_s", json_integer(staging))) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static int64_t when_of(const struct sb_history *h, const char *card, enum happening what)
{
    for (size_t i = h->items_n; i-- > 0;)
        if (h->items[i].what == what && sb_streq(h->items[i].card, card))
            return h->items[i].at;
    return 0;
}

bool sb_o_taken_back(struct sb_orchestrator *o, const char *ns, int64_t *from, int64_t *to)
{
    if (catch_up(o, NULL))
        return false;
    const struct sb_history *h = o->history;
    for (size_t i = h->items_n; i-- > 0;)
        if (h->items[i].what == IT_WAS_ROLLED_BACK && sb_streq(h->items[i].ns, ns) && sb_streq(h->items[i].deployment, o->facts.id)) {
            *to = h->items[i].at;
            *from = when_of(h, h->items[i].card, IT_STARTED);
            return *from > 0;
        }
    return false;
}

int sb_o_failed_before(struct sb_orchestrator *o, const struct sb_card *c, struct sb_str *out, struct sb_err *err)
{
    static const char verdict[] = "verdict FAIL: ";
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    if (catch_up(o, err))
        return -1;
    for (size_t i = o->history->items_n; i-- > 0;) {
        const struct happened *h = &o->history->items[i];
        if (h->what != IT_FAILED_ITS_WATCH || h->kind != c->kind || now - h->at > SB_O_FAILED_DAYS * DAY_MS || !sb_streq(h->deployment, c->deployment_id) ||
            !sb_streq(h->ns, c->target) || !sb_streq(h->key, c->index_key))
            continue;
        char at[SB_TIME_LEN + 1];
        sb_time_format(at, h->at);
        const char *words = sb_starts_with(h->words, verdict) ? h->words + sizeof verdict - 1 : h->words;
        sb_str_addf(out, "the same index failed on %.10s at %.5sZ (%s): %s", at, at + 11, h->card, words ? words : "");
        return sb_str_ok(out) ? 1 : sb_fail_nomem(err);
    }
    return 0;
}

void sb_o_free_history(struct sb_orchestrator *o)
{
    for (size_t i = 0; o->history && i < o->history->items_n; i++) {
        free(o->history->items[i].card);
        free(o->history->items[i].deployment);
        free(o->history->items[i].by);
        free(o->history->items[i].account);
        free(o->history->items[i].ns);
        free(o->history->items[i].key);
        free(o->history->items[i].words);
    }
    if (o->history)
        free(o->history->items);
    free(o->history);
    o->history = NULL;
}
