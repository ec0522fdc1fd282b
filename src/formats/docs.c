/* SPDX-License-Identifier: Apache-2.0 */
#include "docs.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsoncheck.h>
#include <signalbox/formats/checksum.h>

#include <bson/bson.h>
#include <inttypes.h>

/* So many times of entries are kept to look an earlier one up: 8 MiB. */
#define SEEN_MAX ((size_t)1 << 20)

/* An idle primary writes an entry every 10 s; so much time without any is told. */
#define QUIET_S 60

bool sb_docs_init(struct sb_docs *d, struct sb_backup *b, const char *file, const char *ns)
{
    memset(d, 0, sizeof *d);
    d->b = b;
    d->oplog = ns == NULL;
    d->file = sb_format("%s", file);
    d->ns = ns ? sb_format("%s", ns) : NULL;
    if (d->file && (d->ns || !ns))
        return true;
    b->nomem = true;
    sb_docs_release(d);
    return false;
}

void sb_docs_release(struct sb_docs *d)
{
    free(d->file);
    free(d->ns);
    free(d->seen);
    memset(d, 0, sizeof *d);
}

/* ---- oplog entries ---- */

static bool was_seen(const struct sb_docs *d, uint64_t ts)
{
    size_t lo = 0, hi = d->seen_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->seen[mid] == ts)
            return true;
        if (d->seen[mid] < ts)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void remember(struct sb_docs *d, uint64_t ts)
{
    if (d->seen_n == 2 * SEEN_MAX) { /* the older half goes */
        memmove(d->seen, d->seen + SEEN_MAX, SEEN_MAX * sizeof *d->seen);
        d->seen_n = SEEN_MAX;
    }
    if (SB_GROW(d->seen, d->seen_cap, d->seen_n + 1)) {
        d->b->nomem = true;
        return;
    }
    d->seen[d->seen_n++] = ts;
}

/* An entry of a transaction or of a session names the one before it: was that here? */
static void look_back(struct sb_docs *d, bson_iter_t *prev, uint64_t at)
{
    bson_iter_t in;
    uint32_t t, i;
    if (!BSON_ITER_HOLDS_DOCUMENT(prev) || !bson_iter_recurse(prev, &in) || !bson_iter_find(&in, "ts") || !BSON_ITER_HOLDS_TIMESTAMP(&in))
        return;
    bson_iter_timestamp(&in, &t, &i);
    uint64_t ts = (uint64_t)t << 32 | i;
    if (ts && d->seen_n && ts >= d->seen[0] && !was_seen(d, ts))
        sb_backup_problem(d->b, "oplog_hole", d->file, NULL, (int64_t)at, "the entry before this one in its session, at %u:%u, is missing from the oplog", t, i);
}

static void take_entry(struct sb_docs *d, const unsigned char *p, size_t n, uint64_t at)
{
    bson_t doc;
    bson_iter_t it, prev;
    uint64_t ts = 0;
    uint32_t t, i;
    bool op = false, ns = false, has_prev = false;
    if (!bson_init_static(&doc, p, n) || !bson_iter_init(&it, &doc))
        return;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "ts") == 0 && BSON_ITER_HOLDS_TIMESTAMP(&it)) {
            bson_iter_timestamp(&it, &t, &i);
            ts = (uint64_t)t << 32 | i;
        } else if (strcmp(key, "op") == 0) {
            op = BSON_ITER_HOLDS_UTF8(&it);
        } else if (strcmp(key, "ns") == 0) {
            ns = BSON_ITER_HOLDS_UTF8(&it);
        } else if (strcmp(key, "prevOpTime") == 0) {
            prev = it;
            has_prev = true;
        }
    }
    if (!ts || !op || !ns) {
        if (d->shapeless++ == 0)
            sb_backup_problem(d->b, "oplog_entry", d->file, NULL, (int64_t)at, "an oplog entry without its time (ts), kind (op) or namespace (ns)");
        return;
    }
    if (d->last && ts <= d->last) {
        if (d->unordered++ == 0)
            sb_backup_problem(d->b, "oplog_order", d->file, NULL, (int64_t)at, "an oplog entry of %u:%u stands behind a later one of %u:%u", (unsigned)(ts >> 32),
                              (unsigned)ts, (unsigned)(d->last >> 32), (unsigned)d->last);
        return;
    }
    if (d->every_entry && d->last && (ts >> 32) - (d->last >> 32) > QUIET_S) {
        char cause[128];
        snprintf(cause, sizeof cause, "no entry for %" PRIu64 " s, where an idle primary writes one every 10 s", (ts >> 32) - (d->last >> 32));
        sb_backup_range(d->b, &d->b->gaps, d->last, ts, NULL, cause);
        sb_backup_note(d->b, "oplog_quiet", d->file, NULL, (int64_t)at, "%s: entries may be missing, or there was no primary", cause);
    }
    if (d->every_entry) {
        if (has_prev)
            look_back(d, &prev, at);
        remember(d, ts);
    }
    if (!d->first)
        d->first = ts;
    d->last = ts;
}

/* ---- documents ---- */

/* Where a whole deployment was dumped, a document of its own says which version's features it was held to. */
static void take_fcv(struct sb_docs *d, const unsigned char *p, size_t n)
{
    bson_t doc;
    bson_iter_t it;
    if (!sb_streq(d->ns, "admin.system.version") || !bson_init_static(&doc, p, n) || !bson_iter_init_find(&it, &doc, "_id") || !BSON_ITER_HOLDS_UTF8(&it) ||
        strcmp(bson_iter_utf8(&it, NULL), "featureCompatibilityVersion") != 0)
        return;
    if (bson_iter_init_find(&it, &doc, "version") && BSON_ITER_HOLDS_UTF8(&it))
        sb_backup_say(d->b, &d->b->fcv, bson_iter_utf8(&it, NULL));
}

void sb_docs_take(struct sb_docs *d, const unsigned char *p, size_t n, uint64_t at)
{
    struct sb_bson_look look;
    d->documents++;
    d->bytes += n;
    if (d->with_crc)
        d->crc = sb_crc64(d->crc, p, n);
    if (!sb_bson_whole(p, n, &look)) {
        if (d->bad++ == 0)
            sb_backup_problem(d->b, "bson_invalid", d->file, d->ns, (int64_t)(at + look.at), "a document %s (it begins at byte %" PRIu64 ")", look.fault, at);
        return;
    }
    if (look.not_utf8 && d->not_utf8++ == 0)
        sb_backup_note(d->b, "text_not_utf8", d->file, d->ns, (int64_t)at, "a document with text that is not UTF-8: written so by an old driver, or damaged");
    if (d->oplog)
        take_entry(d, p, n, at);
    else if (!look.has_id && d->no_id++ == 0)
        sb_backup_note(d->b, "no_id", d->file, d->ns, (int64_t)at, "a document without an _id: of a view or a special collection, or damaged");
    if (!look.not_utf8)
        take_fcv(d, p, n);
    sb_backup_add_up(d->b, d->sum, p, n);
    if (d->b->options.document && !d->b->stopped)
        d->b->stopped = !d->b->options.document(d->b->options.ctx, d->ns, p, n);
}

/* Reading failed: gzip or snappy data that are damaged, or the disk. */
static bool unreadable(struct sb_docs *d, struct sb_window *w, const struct sb_err *err)
{
    sb_backup_problem(d->b, err->code == SB_EINPUT ? "packing_damaged" : "unreadable", d->file, d->ns, (int64_t)sb_window_at(w), "%s", err->msg);
    return false;
}

bool sb_docs_read(struct sb_docs *d, struct sb_window *w)
{
    struct sb_err err = SB_ERR_INIT;
    const unsigned char *p;
    int64_t have = 0;
    while (!d->b->stopped && (have = sb_window_want(w, 4, &p, &err)) > 0) {
        uint64_t at = sb_window_at(w);
        if (have < 4) {
            sb_backup_problem(d->b, "truncated", d->file, d->ns, (int64_t)at, "the file ends within the length of a document");
            return false;
        }
        int32_t n = sb_bson_length(p);
        if (n < SB_BSON_MIN || (size_t)n > SB_BSON_MAX) {
            sb_backup_problem(d->b, "bson_length", d->file, d->ns, (int64_t)at, "a document's length is given as %d bytes, which cannot be: what follows cannot be read", n);
            return false;
        }
        have = sb_window_want(w, (size_t)n, &p, &err);
        if (have < 0)
            return unreadable(d, w, &err);
        if (have < n) {
            sb_backup_problem(d->b, "truncated", d->file, d->ns, (int64_t)at, "the file ends after %" PRId64 " of a document's %d bytes", have, n);
            return false;
        }
        sb_docs_take(d, p, (size_t)n, at);
        sb_window_take(w, (size_t)n);
    }
    if (have < 0)
        return unreadable(d, w, &err);
    if (!d->b->stopped && sb_source_trailing(w->source)) {
        sb_backup_problem(d->b, "trailing_bytes", d->file, d->ns, -1, "bytes that are not gzip data stand behind it: mongorestore refuses such a file");
        return false;
    }
    return true;
}

static void count_more(struct sb_docs *d, const char *code, uint64_t n, const char *what)
{
    if (n > 1)
        sb_backup_problem(d->b, code, d->file, d->ns, -1, "%" PRIu64 " more of them: %s", n - 1, what);
}

void sb_docs_end(struct sb_docs *d)
{
    struct sb_backup *b = d->b;
    count_more(d, "bson_invalid", d->bad, "documents that are not built as BSON is");
    count_more(d, "oplog_entry", d->shapeless, "oplog entries without time, kind or namespace");
    count_more(d, "oplog_order", d->unordered, "oplog entries out of order");
    if (d->oplog) {
        if (d->first && (!b->oplog_from || d->first < b->oplog_from))
            b->oplog_from = d->first;
        if (d->last > b->oplog_to)
            b->oplog_to = d->last;
        b->oplog_entries += d->documents;
        return;
    }
    struct sb_backup_collection *c = sb_backup_collection(b, d->ns);
    if (!c)
        return;
    c->data = true;
    c->documents += d->documents;
    c->bytes += d->bytes;
    unsigned carry = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned __int128 sum = (unsigned __int128)c->sum[i] + d->sum[i] + carry;
        c->sum[i] = (uint64_t)sum;
        carry = (unsigned)(sum >> 64);
    }
}
