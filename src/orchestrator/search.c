/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of the ledger for the screens, and searching it. A search is answered after some milliseconds with what was found so
 * far and where it stands: so nothing else waits for it, and who has changed his mind just does not ask on. The first answer
 * is the soonest: somebody has just pressed a key. */
#include "private.h"

#include <string.h>

#define FIRST_MS 5
#define SLICE_MS 20
#define STEP 128 /* entries that are read in one transaction */
#define PAGE_MOST 500

static unsigned flags_of(const struct sb_audit_ask *ask)
{
    return (ask->caseless ? SB_REGEX_CASELESS : 0u) | (ask->plain ? SB_REGEX_PLAIN : 0u);
}

void sb_o_free_search(struct sb_orchestrator *o)
{
    sb_matcher_free(o->search.matcher);
    sb_matcher_free(o->search.hint);
    free(o->search.match);
    memset(&o->search, 0, sizeof o->search);
}

/* The matcher of the last ask is kept: the next one is mostly about the same. */
static struct sb_matcher *matcher_for(struct sb_orchestrator *o, const struct sb_audit_ask *ask, struct sb_err *err)
{
    if (o->search.matcher && o->search.flags == flags_of(ask) && sb_streq(o->search.match, ask->match))
        return o->search.matcher;
    sb_o_free_search(o);
    o->search.flags = flags_of(ask);
    o->search.matcher = sb_matcher_new(ask->match, o->search.flags, err);
    if (o->search.matcher && sb_str_set(&o->search.match, ask->match)) {
        sb_o_free_search(o);
        sb_fail_nomem(err);
    }
    if (o->search.matcher)
        o->search.hint = sb_ledger_hint(ask->match, o->search.flags);
    return o->search.matcher;
}

static int search(struct sb_orchestrator *o, const struct sb_audit_ask *ask, int64_t limit, struct sb_audit_page *page, struct sb_err *err)
{
    struct sb_ledger_search s = {.matcher = matcher_for(o, ask, err), .without = ask->without, .upward = ask->upward, .from = ask->before, .limit = (size_t)limit};
    s.hint = o->search.hint;
    int64_t until = sb_mono_ms() + (ask->before ? SLICE_MS : FIRST_MS);
    if (!s.matcher)
        return -1;
    do {
        if (sb_ledger_search(o->ledger, &s, STEP, page, err))
            return -1;
    } while (!page->at_start && page->rows_n < s.limit && sb_mono_ms() < until);
    return 0;
}

void sb_o_ask_audit(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct sb_audit_ask *ask = m->body;
    struct sb_message *reply = sb_message_new(SB_NEWS_AUDIT, m->seq);
    struct sb_err err = SB_ERR_INIT;
    int64_t limit = ask->limit < 1 ? 100 : ask->limit > PAGE_MOST ? PAGE_MOST : ask->limit;
    if (!reply)
        return;
    int rc = ask->match ? search(o, ask, limit, reply->body, &err) : sb_ledger_page(o->ledger, ask->before, limit, reply->body, &err);
    if (rc == 0) {
        sb_o_tell(o, seat, reply);
        return;
    }
    sb_message_free(reply);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, " ");
}
