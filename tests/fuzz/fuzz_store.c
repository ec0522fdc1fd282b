/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what is decoded from the shared store, as BSON bytes that anybody may have put there: a lease, a host's row, a checkpoint, a card's or
 * an incident's copy, an entry, an approval. What is taken has the form that its header promises, whatever else there is has a reason. */
#include "fuzz.h"

#include <signalbox/base/str.h>
#include <signalbox/shared/view_read.h>

static bool ends(const char *text, size_t most)
{
    size_t n = strnlen(text, most);
    return n < most && bson_utf8_validate(text, n, false);
}

static bool moment(int64_t ms)
{
    return ms >= 0 && ms <= SB_STORE_LAST_MS;
}

static bool text(const char *s, size_t most)
{
    return !s || (strlen(s) <= most && bson_utf8_validate(s, strlen(s), false));
}

static bool hex(const char *s, size_t n)
{
    return s && strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static void step(const struct sb_lease_step *s)
{
    check(ends(s->card, sizeof s->card) && s->class_ >= SB_STEP_IDEMPOTENT && s->class_ <= SB_STEP_IRREVERSIBLE);
}

static void lease(const bson_t *doc)
{
    struct sb_lease l;
    struct sb_err err = SB_ERR_INIT;
    struct sb_str statement;
    bool taken = sb_lease_decode(doc, &l) == 0;
    check(ends(l.deployment, sizeof l.deployment) && ends(l.name, sizeof l.name) && ends(l.owner, sizeof l.owner) && ends(l.host, sizeof l.host) && ends(l.boot, sizeof l.boot) &&
          ends(l.program, sizeof l.program) && ends(l.hold.by, sizeof l.hold.by) && ends(l.hold.reason, sizeof l.hold.reason) && ends(l.forced.by, sizeof l.forced.by) &&
          ends(l.forced.reason, sizeof l.forced.reason) && ends(l.forced.statement, sizeof l.forced.statement) && ends(l.forced.signature, sizeof l.forced.signature) &&
          ends(l.forced.owner, sizeof l.forced.owner));
    check(moment(l.until) && moment(l.beat) && moment(l.hold.until) && moment(l.forced.at));
    step(&l.open);
    step(&l.forced.step);
    if (!taken)
        return;
    check(l.deployment[0] && l.epoch >= 0 && (!l.owner[0] || l.epoch > 0));
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "open") && !BSON_ITER_HOLDS_NULL(&it))
        check(l.open.card[0]); /* nothing that stands there is no step */
    sb_str_init(&statement);
    check(sb_lease_statement(&l, "alice", "it is dead", &statement, &err) == 0 && statement.len);
    sb_str_release(&statement);
}

static void rows(const bson_t *doc)
{
    struct sb_store_host_row h;
    struct sb_store_checkpoint_row c;
    struct sb_store_item_row i;
    struct sb_store_entry_row e;
    const char *wrong = sb_store_host_read(doc, &h);
    check(wrong || (hex(h.log, SB_LOG_ID_LEN) && text(h.host, 512) && text(h.deployment, 512) && text(h.key, 256) && h.pid >= 0 && h.beat >= 0 && h.head >= 0 && h.published >= 0 && h.version >= 0));
    wrong = sb_store_checkpoint_read(doc, &c);
    check(wrong || (hex(c.log, SB_LOG_ID_LEN) && hex(c.root, SB_HEX_LEN) && c.note && text(c.note, SB_NOTE_MAX) && c.n >= 0));
    for (int card = 0; card < 2; card++) {
        wrong = sb_store_item_read(doc, card, &i);
        check(wrong || (hex(i.log, SB_LOG_ID_LEN) && i.id && text(i.id, SB_STORE_ITEM_ID) && i.bytes && text(i.bytes, SB_STORE_DOCUMENT_BYTES) && i.n >= 1));
    }
    wrong = sb_store_entry_read(doc, &e);
    check(wrong || (e.n >= 1 && e.n < INT64_MAX && hex(e.hash, SB_HEX_LEN) && e.len == strlen(e.bytes)));
}

static void approval(const bson_t *doc)
{
    struct sb_store_approval a = {.nonce = NULL};
    int taken = sb_store_approval_take(doc, &a);
    check(taken >= 0);
    check(taken == 0 || (a.nonce && a.log && a.card && a.sha256 && a.what && a.statement && a.signature && a.by && a.revision > 0 && strlen(a.statement) <= SB_STORE_STATEMENT_MOST));
    check(a.answered || (!a.ok && a.n == 0));
    sb_store_approval_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bson_t doc;
    struct sb_store_odd odd = {.n = 0};
    if (!bson_init_static(&doc, data, size))
        return 0;
    lease(&doc);
    rows(&doc);
    approval(&doc);
    sb_store_odd_add(&odd, "leases", &doc, "it is none");
    check(odd.n == 1 && ends(odd.what, sizeof odd.what));
    return 0;
}
