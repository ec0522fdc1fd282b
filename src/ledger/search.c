/* SPDX-License-Identifier: Apache-2.0
 *
 * Which entries a regular expression fits. What a row says is put together from the stored text, without making a value of
 * the whole entry; only what fits becomes a row. */
#include "private.h"

#include <string.h>

#define PARTS 16
#define LITERAL_LEAST 3 /* a shorter one is nearly everywhere */

/* The body of an entry, and those of its members that were come by so far: a line takes several. */
struct body {
    struct sb_span whole;
    const char *at;
    struct {
        struct sb_span key, value;
    } part[PARTS];
    size_t parts;
};

struct looking {
    struct sb_ledger *l;
    const struct sb_ledger_search *s;
    struct sb_audit_page *page;
    struct sb_entry_memory memory;
    struct body body;
    struct sb_str actor, principal; /* the actor's text as it was last, and who that is */
    struct sb_str card, case_id;
    struct sb_str line, words;
};

static void init(struct looking *k)
{
    struct sb_str *texts[] = {&k->actor, &k->principal, &k->card, &k->case_id, &k->line, &k->words};
    for (size_t i = 0; i < SB_COUNT(texts); i++)
        sb_str_init(texts[i]);
}

static void release(struct looking *k)
{
    struct sb_str *texts[] = {&k->actor, &k->principal, &k->card, &k->case_id, &k->line, &k->words};
    for (size_t i = 0; i < SB_COUNT(texts); i++)
        sb_str_release(texts[i]);
}

/* ---- what a row says ---- */

static struct sb_span find(struct body *b, const char *path)
{
    size_t n = strcspn(path, ".");
    const char *rest = path + n + (path[n] == '.');
    for (size_t i = 0; i < b->parts; i++)
        if (b->part[i].key.n == n && memcmp(b->part[i].key.p, path, n) == 0)
            return sb_span_find(b->part[i].value, rest);
    while (b->parts < PARTS && sb_span_next(b->whole, &b->at, &b->part[b->parts].key, &b->part[b->parts].value)) {
        size_t i = b->parts++;
        if (b->part[i].key.n == n && memcmp(b->part[i].key.p, path, n) == 0)
            return sb_span_find(b->part[i].value, rest);
    }
    return b->parts < PARTS ? (struct sb_span){NULL, 0} : sb_span_find(b->whole, path);
}

static bool field_text(void *body, const char *path, struct sb_str *out)
{
    return sb_span_text(find(body, path), out);
}

static int64_t field_number(void *body, const char *path)
{
    return sb_span_int(find(body, path));
}

static bool field_yes(void *body, const char *path)
{
    struct sb_span v = find(body, path);
    return v.p && *v.p == 't';
}

/* Entries of one actor come in a row. */
static void take_actor(struct looking *k, struct sb_span actor)
{
    if (k->actor.len == actor.n && memcmp(k->actor.p, actor.p, actor.n) == 0)
        return;
    sb_str_clear(&k->actor);
    sb_str_clear(&k->principal);
    sb_str_add(&k->actor, actor.p, actor.n);
    sb_span_text(sb_span_find(actor, "principal"), &k->principal);
}

static const char *take_id(struct sb_str *slot, struct sb_span value)
{
    sb_str_clear(slot);
    return sb_span_text(value, slot) ? slot->p : NULL;
}

static int say_all(struct looking *k, const struct sb_store_row *row, struct sb_err *err)
{
    struct sb_entry_view v;
    struct sb_flaw flaw;
    if (!sb_entry_view(row->json, (size_t)row->json_n, &k->memory, &v, &flaw))
        return sb_fail(err, SB_ELEDGER, "entry %lld of the ledger is damaged at byte %zu: %s; run: signalbox audit verify", (long long)row->seq, flaw.at, flaw.what);
    int kind = sb_entry_kind_of(&v);
    if (kind < 0)
        return sb_fail(err, SB_ELEDGER, "entry %lld is of a kind this program does not know: a newer signalbox wrote it", (long long)row->seq);
    k->body.whole = v.body;
    k->body.at = NULL;
    k->body.parts = 0;
    sb_str_clear(&k->line);
    sb_str_clear(&k->words);
    take_actor(k, v.actor);
    sb_entry_text_from(kind, &(struct sb_entry_fields){&k->body, field_text, field_number, field_yes}, &k->line);
    struct sb_audit_row said = {.seq = v.seq, .kind = (char *)(intptr_t)sb_name(&sb_entry_kinds, kind), .actor = k->principal.p,
                                .case_id = (char *)(intptr_t)take_id(&k->case_id, v.case_id), .card = (char *)(intptr_t)take_id(&k->card, v.card), .text = k->line.p};
    sb_audit_row_words(&said, &k->words);
    bool ok = sb_str_ok(&k->line) && sb_str_ok(&k->words) && sb_str_ok(&k->actor) && sb_str_ok(&k->principal) && sb_str_ok(&k->case_id) && sb_str_ok(&k->card);
    return ok ? 0 : sb_fail_nomem(err);
}

static int look(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct looking *k = ctx;
    bool cannot = k->s->hint && sb_matcher_match(k->s->hint, row->json, (size_t)row->json_n) == 0;
    if (!cannot && say_all(k, row, err))
        return -1;
    int found = cannot ? 0 : sb_matcher_match(k->s->matcher, k->words.p, k->words.len);
    k->page->undecided += found < 0;
    if ((found < 0 || (found == 1) != k->s->without) && sb_ledger_add_row(k->l, k->page, row, err)) /* nobody knows: it is listed */
        return -1;
    if (!k->page->searched_from)
        k->page->searched_from = row->seq;
    k->page->searched_to = row->seq;
    return k->page->rows_n >= k->s->limit;
}

struct sb_matcher *sb_ledger_hint(const char *match, unsigned flags)
{
    char literal[128];
    if (!sb_regex_literal(match, flags, LITERAL_LEAST, literal, sizeof literal) || !sb_entry_text_is_of_members(literal))
        return NULL;
    return sb_matcher_literal(literal, flags & SB_REGEX_CASELESS);
}

int sb_ledger_search(struct sb_ledger *l, const struct sb_ledger_search *s, int rows, struct sb_audit_page *page, struct sb_err *err)
{
    if (sb_ledger_readable(l, err))
        return -1;
    struct looking k = {.l = l, .s = s, .page = page};
    init(&k);
    int64_t at = page->searched_to ? page->searched_to : s->from;
    int seen;
    if (s->upward)
        seen = at < INT64_MAX ? sb_store_up(&l->store, at + 1, INT64_MAX, rows, look, &k, err) : 0;
    else
        seen = sb_store_down(&l->store, at > 0 ? at : INT64_MAX, rows, look, &k, err);
    release(&k);
    if (seen < 0)
        return -1;
    page->before = s->from;
    page->head = l->head;
    bool end = seen < rows && page->rows_n < s->limit;
    page->at_start = end || (page->searched_to && page->searched_to == (s->upward ? l->head : 1));
    return 0;
}
