/* SPDX-License-Identifier: Apache-2.0
 *
 * Which entries a regular expression fits. What a row says is put together from the stored text, without making a value of
 * the whole entry; only what fits becomes a row. */
#include "private.h"

#include <string.h>

struct looking {
    const struct sb_ledger_search *s;
    struct sb_audit_page *page;
    struct sb_entry_memory memory;
    struct sb_str actor, principal; /* the actor's text as it was last, and who that is */
    char *card, *case_id;
    struct sb_str line, words;
};

static void release(struct looking *k)
{
    sb_str_release(&k->actor);
    sb_str_release(&k->principal);
    sb_str_release(&k->line);
    sb_str_release(&k->words);
    free(k->card);
    free(k->case_id);
}

/* The string a span holds; none (NULL) for null. */
static int take_text(char **slot, struct sb_span value)
{
    struct sb_span plain = value.p ? sb_span_plain(value) : (struct sb_span){NULL, 0};
    free(*slot);
    *slot = NULL;
    if (plain.p)
        return (*slot = sb_strdup_n(plain.p, plain.n)) ? 0 : -1;
    json_t *json = value.p && *value.p == '"' ? sb_span_json(value, 1) : NULL;
    int rc = json ? sb_str_set(slot, json_string_value(json)) : 0;
    json_decref(json);
    return rc;
}

/* Entries of one actor come in a row. */
static int take_actor(struct looking *k, struct sb_span actor)
{
    if (k->actor.len == actor.n && memcmp(k->actor.p, actor.p, actor.n) == 0)
        return 0;
    char *who = NULL;
    int rc = take_text(&who, sb_span_find(actor, "principal"));
    sb_str_clear(&k->actor);
    sb_str_clear(&k->principal);
    sb_str_add(&k->actor, actor.p, actor.n);
    sb_str_adds(&k->principal, who);
    free(who);
    return rc || !sb_str_ok(&k->actor) || !sb_str_ok(&k->principal) ? -1 : 0;
}

static int say_all(struct looking *k, const struct sb_store_row *row, struct sb_err *err)
{
    struct sb_entry_view v;
    struct sb_flaw flaw;
    struct sb_entry e = {.kind = 0};
    if (!sb_entry_view(row->json, (size_t)row->json_n, &k->memory, &v, &flaw))
        return sb_fail(err, SB_ELEDGER, "entry %lld of the ledger is damaged at byte %zu: %s; run: signalbox audit verify", (long long)row->seq, flaw.at, flaw.what);
    e.kind = sb_entry_kind_of(&v);
    if (e.kind < 0)
        return sb_fail(err, SB_ELEDGER, "entry %lld is of a kind this program does not know: a newer signalbox wrote it", (long long)row->seq);
    e.body = sb_span_json(v.body, 2);
    sb_str_clear(&k->line);
    sb_str_clear(&k->words);
    if (!e.body || take_actor(k, v.actor) || take_text(&k->card, v.card) || take_text(&k->case_id, v.case_id)) {
        json_decref(e.body);
        return sb_fail_nomem(err);
    }
    sb_entry_text(&e, &k->line);
    json_decref(e.body);
    struct sb_audit_row said = {.seq = v.seq, .kind = (char *)(intptr_t)sb_name(&sb_entry_kinds, e.kind), .actor = k->principal.p,
                                .case_id = k->case_id, .card = k->card, .text = k->line.p};
    sb_audit_row_words(&said, &k->words);
    return sb_str_ok(&k->line) && sb_str_ok(&k->words) ? 0 : sb_fail_nomem(err);
}

static int look(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct looking *k = ctx;
    if (say_all(k, row, err))
        return -1;
    int found = sb_matcher_match(k->s->matcher, k->words.p, k->words.len);
    k->page->undecided += found < 0;
    if ((found < 0 || (found == 1) != k->s->without) && sb_ledger_add_row(k->page, row, err)) /* nobody knows: it is listed */
        return -1;
    if (!k->page->searched_from)
        k->page->searched_from = row->seq;
    k->page->searched_to = row->seq;
    return k->page->rows_n >= k->s->limit;
}

int sb_ledger_search(struct sb_ledger *l, const struct sb_ledger_search *s, int rows, struct sb_audit_page *page, struct sb_err *err)
{
    if (sb_ledger_readable(l, err))
        return -1;
    struct looking k = {.s = s, .page = page};
    sb_str_init(&k.actor);
    sb_str_init(&k.principal);
    sb_str_init(&k.line);
    sb_str_init(&k.words);
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
