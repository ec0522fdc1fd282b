/* SPDX-License-Identifier: Apache-2.0
 *
 * One case from request to outcome: its own entries, those of its cards, and those of the anomaly that led to it. */
#include "audit.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/term/vis.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct told {
    struct sb_entry e;
    char *bytes;
    size_t n;
};

struct story {
    const char *id;
    char *case_id;
    const char *only; /* a card, when only one is asked for */
    struct told *entries;
    size_t entries_n;
    struct sb_card *cards;
    size_t cards_n;
    struct sb_case of;
    struct sb_anomaly anomaly;
    bool simulated;
};

static void release(struct story *s)
{
    for (size_t i = 0; i < s->entries_n; i++) {
        sb_entry_release(&s->entries[i].e);
        free(s->entries[i].bytes);
    }
    for (size_t i = 0; i < s->cards_n; i++)
        sb_card_release(&s->cards[i]);
    free(s->entries);
    free(s->cards);
    free(s->case_id);
    sb_case_release(&s->of);
    sb_anomaly_release(&s->anomaly);
}

/* ---- gathering ---- */

static int keep(struct story *s, const char *bytes, size_t n, struct sb_err *err)
{
    struct told *slot = SB_PUSH(s->entries);
    if (!slot || !(slot->bytes = sb_strdup_n(bytes, n)))
        return sb_fail_nomem(err);
    slot->n = n;
    return sb_entry_decode(bytes, n, 0, &slot->e, err);
}

static int take(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct story *s = ctx;
    sb_audit_may_stop();
    return s->only && e->plan.card && !sb_streq(e->plan.card, s->only) ? 0 : keep(s, bytes, n, err);
}

static int find_case(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct story *s = ctx;
    if (!e->plan.case_id)
        return 0;
    return sb_str_set(&s->case_id, e->plan.case_id) ? sb_fail_nomem(err) : 1;
}

/* Of an anomaly: what was known of it when the case began, who took it, and its end. */
struct about {
    struct story *s;
    int64_t began; /* the case */
    char *bytes;   /* the newest version before that */
    size_t n;
};

static int take_anomaly(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct about *a = ctx;
    bool over = json_is_string(sb_json_path(e->body, "anomaly.to"));
    if (e->kind == SB_ENTRY_ACK || (e->kind == SB_ENTRY_ANOMALY && over))
        return keep(a->s, bytes, n, err);
    if (e->kind != SB_ENTRY_ANOMALY || (a->bytes && e->seq > a->began))
        return 0;
    char *copy = sb_strdup_n(bytes, n);
    if (!copy)
        return sb_fail_nomem(err);
    free(a->bytes);
    a->bytes = copy;
    a->n = n;
    return 0;
}

static int by_seq(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return x->e.seq < y->e.seq ? -1 : x->e.seq > y->e.seq;
}

static int add_anomaly(struct story *s, struct sb_ledger *l, struct sb_err *err)
{
    const char *id = NULL;
    for (size_t i = 0; i < s->entries_n && !id; i++)
        id = s->entries[i].e.plan.anomaly;
    if (!id)
        return 0;
    struct about a = {.s = s, .began = s->entries[0].e.seq};
    int rc = sb_ledger_by_ref(l, id, take_anomaly, &a, err);
    if (rc == 0 && a.bytes)
        rc = keep(s, a.bytes, a.n, err);
    free(a.bytes);
    if (rc == 0)
        qsort(s->entries, s->entries_n, sizeof *s->entries, by_seq);
    return rc;
}

static int gather(struct story *s, struct sb_ledger *l, const char *id, struct sb_err *err)
{
    if (sb_starts_with(id, "d-"))
        return sb_fail(err, SB_EINPUT, "%s is a decision of policy (see: signalbox policy explain %s)", id, id);
    if (sb_starts_with(id, "C-"))
        s->only = id;
    if (!sb_starts_with(id, "K-") && sb_ledger_by_ref(l, id, find_case, s, err))
        return -1;
    if (sb_ledger_by_ref(l, s->case_id ? s->case_id : id, take, s, err))
        return -1;
    if (s->entries_n == 0)
        return sb_fail(err, SB_EINPUT, "the ledger has no case, card or anomaly %s", id);
    return s->case_id || !sb_starts_with(id, "A-") ? add_anomaly(s, l, err) : 0;
}

/* ---- what has become of it ---- */

static struct sb_card *card_of(struct story *s, const struct sb_entry *e)
{
    if (!e->plan.card)
        return NULL;
    for (size_t i = 0; i < s->cards_n; i++)
        if (sb_streq(s->cards[i].id, e->plan.card))
            return &s->cards[i];
    return e->kind == SB_ENTRY_RECOMMENDATION ? SB_PUSH(s->cards) : NULL;
}

/* Folds the entry into what it belongs to; the card it leaves is returned. An entry that cannot be folded is told all the
 * same, and said to be so. */
static const struct sb_card *follow(struct story *s, const struct sb_entry *e, bool say)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_card *card = card_of(s, e);
    int rc = card ? sb_card_fold(card, e, &err) : 0;
    if (rc && card && !card->id) {
        s->cards_n--; /* a recommendation that is none */
        card = NULL;
    }
    if (e->plan.case_id)
        rc |= sb_case_fold(&s->of, e, &err);
    if (e->plan.anomaly)
        rc |= sb_anomaly_fold(&s->anomaly, e, &err);
    s->simulated |= e->plan.simulated;
    if (rc && say)
        sb_print("  (this entry changes nothing that can be read: %s)\n", err.msg);
    return card;
}

static void outcome(const struct story *s, struct sb_str *out)
{
    for (size_t i = 0; i < s->cards_n; i++)
        sb_str_addf(out, "%s%s %s%s%s", i ? "; " : "", s->cards[i].id, sb_name(&sb_states, s->cards[i].state), s->cards[i].note ? ": " : "",
                    s->cards[i].note ? s->cards[i].note : "");
    const char *glue = s->cards_n ? "; " : "";
    if (s->of.id && s->of.closed_at)
        sb_str_addf(out, "%scase closed: %s", glue, s->of.outcome ? s->of.outcome : "");
    else if (s->of.id)
        sb_str_addf(out, "%sthe case is open", glue);
    else if (s->anomaly.id)
        sb_str_addf(out, "%sthe anomaly %s", glue, s->anomaly.to ? "is over" : "goes on");
    if (s->simulated)
        sb_str_adds(out, " (SIMULATED)");
}

/* ---- as text ---- */

static int tell(struct story *s, struct sb_err *err)
{
    sb_print("%s%s\n", s->case_id ? s->case_id : s->id, s->entries[0].e.plan.simulated ? "  SIMULATED: nothing of this happened on a real deployment" : "");
    for (size_t i = 0; i < s->entries_n; i++) {
        const struct sb_entry *e = &s->entries[i].e;
        sb_print("\n");
        sb_audit_line(e);
        const struct sb_card *card = follow(s, e, true);
        sb_audit_details(e, card);
    }
    struct sb_str end, line;
    sb_str_init(&end);
    sb_str_init(&line);
    outcome(s, &end);
    sb_vis(&line, end.p, end.len, 0); /* one line, whatever a note holds */
    int rc = !sb_str_ok(&end) || !sb_str_ok(&line) ? sb_fail_nomem(err) : sb_print("\noutcome: %s\n", line.p) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    sb_str_release(&end);
    sb_str_release(&line);
    return rc;
}

/* ---- as JSON ---- */

static json_t *entry_json(const struct told *t, struct sb_hasher *h)
{
    char at[SB_TIME_LEN + 1], hex[SB_HEX_LEN + 1];
    struct sb_hash leaf;
    struct sb_str line;
    if (sb_merkle_leaf(h, &leaf, t->bytes, t->n))
        return NULL;
    sb_str_init(&line);
    sb_entry_text(&t->e, &line);
    sb_time_format(at, t->e.ts);
    sb_hex_encode(hex, leaf.bytes, SB_HASH_LEN);
    json_t *out = json_pack("{s:I,s:s,s:s,s:s?,s:b,s:s,s:s,s:o}", "seq", (json_int_t)t->e.seq, "at", at, "kind", sb_name(&sb_entry_kinds, t->e.kind), "actor",
                            t->e.actor.principal, "simulated", t->e.plan.simulated, "text", line.p, "leaf", hex, "entry", json_loadb(t->bytes, t->n, 0, NULL));
    sb_str_release(&line);
    return out;
}

static json_t *record_or_null(const struct sb_schema *schema, const void *record, const char *id)
{
    return id ? sb_record_to_json(schema, record) : json_null();
}

static int give(struct story *s, struct sb_err *err)
{
    json_t *entries = json_array(), *cards = json_array(), *out = NULL;
    struct sb_hasher *h = sb_hasher_new();
    struct sb_str end;
    sb_str_init(&end);
    bool good = entries && cards && h;
    for (size_t i = 0; good && i < s->entries_n; i++) {
        follow(s, &s->entries[i].e, false);
        good = json_array_append_new(entries, entry_json(&s->entries[i], h)) == 0;
    }
    for (size_t i = 0; good && i < s->cards_n; i++)
        good = json_array_append_new(cards, sb_record_to_json(&sb_card_schema, &s->cards[i])) == 0;
    outcome(s, &end);
    if (good && sb_str_ok(&end))
        out = json_pack("{s:s,s:b,s:o,s:o,s:O,s:O,s:s}", "id", s->id, "simulated", s->simulated, "case", record_or_null(&sb_case_schema, &s->of, s->of.id), "anomaly",
                        record_or_null(&sb_anomaly_schema, &s->anomaly, s->anomaly.id), "cards", cards, "entries", entries, "outcome", end.p);
    json_decref(entries);
    json_decref(cards);
    sb_hasher_free(h);
    sb_str_release(&end);
    if (!out)
        return sb_fail_nomem(err);
    return sb_print_json(out) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

int sb_audit_show(struct sb_ledger *l, const char *id, bool json, struct sb_err *err)
{
    struct story s = {.id = id};
    int rc = gather(&s, l, id, err);
    if (rc == 0)
        rc = json ? give(&s, err) : tell(&s, err);
    release(&s);
    return rc;
}
