/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading entries: a piece is copied under one short lock, then handed out, so that a callback may take its time and may
 * append. */
#include "private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (4 << 20) /* a piece ends early when its entries are this large */
#define PAGE_MAX 500

/* What is handed out is what was recorded: its hash is the one beside it. That this one, too, is as it was is for verify to say. */
static int check_row(struct sb_hasher *hasher, const struct sb_store_row *row, struct sb_err *err)
{
    struct sb_hash leaf;
    int same = sb_row_leaf(hasher, row, &leaf);
    if (same < 0)
        return sb_fail(err, SB_EIO, "libcrypto could not compute the hash of entry %" PRId64, row->seq);
    if (!same)
        return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is not what was recorded: its bytes do not give its hash; run: signalbox audit verify", row->seq);
    return 0;
}

struct piece {
    struct sb_hasher *hasher; /* the ledger's */
    struct sb_err bad; /* what stands behind its last entry; SB_OK: nothing */
    struct sb_str bytes;
    size_t n;
    struct {
        int64_t seq;
        size_t at, len;
    } row[SB_STORE_PIECE];
};

static struct piece *piece_new(struct sb_ledger *l, struct sb_err *err)
{
    struct piece *p = malloc(sizeof *p);
    if (!p) {
        sb_fail_nomem(err);
        return NULL;
    }
    p->hasher = l->hasher;
    p->bad = (struct sb_err)SB_ERR_INIT;
    sb_str_init(&p->bytes);
    p->n = 0;
    return p;
}

static void piece_free(struct piece *p)
{
    sb_str_release(&p->bytes);
    free(p);
}

static int take(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct piece *p = ctx;
    if (check_row(p->hasher, row, &p->bad))
        return 1; /* those before it are given first */
    p->row[p->n].seq = row->seq;
    p->row[p->n].at = p->bytes.len;
    p->row[p->n].len = (size_t)row->json_n;
    sb_str_add(&p->bytes, row->json, (size_t)row->json_n);
    if (!sb_str_ok(&p->bytes))
        return sb_fail_nomem(err);
    p->n++;
    return p->n == SB_STORE_PIECE || p->bytes.len > PIECE_BYTES;
}

/* -1 when the piece ends at an entry that cannot be handed out. */
static int whole(const struct piece *p, struct sb_err *err)
{
    if (p->bad.code != SB_OK && err)
        *err = p->bad;
    return p->bad.code == SB_OK ? 0 : -1;
}

/* Gives the entries of a piece to fn. 0 all given, 1 fn wanted no more, -1 error. */
static int give(const struct piece *p, sb_ledger_fn fn, void *ctx, struct sb_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct sb_entry e;
        const char *bytes = p->bytes.p + p->row[i].at;
        if (sb_entry_decode(bytes, p->row[i].len, 0, &e, err))
            return -1;
        int said = fn(ctx, &e, bytes, p->row[i].len, err);
        sb_entry_release(&e);
        if (said)
            return said < 0 ? -1 : 1;
    }
    return 0;
}

/* The entries of a piece as bytes, to a struct bytes_to. */
struct bytes_to {
    sb_ledger_bytes_fn fn;
    void *ctx;
};

static int give_bytes(const struct piece *p, const struct bytes_to *to, struct sb_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct sb_entry_view view;
        struct sb_flaw flaw;
        const char *bytes = p->bytes.p + p->row[i].at;
        if (!sb_entry_view(bytes, p->row[i].len, NULL, &view, &flaw))
            return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is not in canonical form at byte %zu: %s; run: signalbox audit verify", p->row[i].seq,
                           flaw.at, flaw.what);
        int said = to->fn(to->ctx, p->row[i].seq, bytes, p->row[i].len, err);
        if (said)
            return said < 0 ? -1 : 1;
    }
    return 0;
}

/* Piece by piece, to fn or, when that is NULL, to bytes. */
static int range(struct sb_ledger *l, int64_t from, int64_t to, sb_ledger_fn fn, void *ctx, const struct bytes_to *bytes, struct sb_err *err)
{
    if (sb_ledger_readable(l, err))
        return -1;
    struct piece *p = piece_new(l, err);
    int rc = p ? 0 : -1;
    int64_t end = to > 0 ? to : INT64_MAX, next = from > 1 ? from : 1;
    while (rc == 0 && next <= end) {
        sb_str_clear(&p->bytes);
        p->n = 0;
        if (sb_store_up(&l->store, next, end, SB_STORE_PIECE, take, p, err) < 0)
            rc = -1;
        else if (p->n) {
            next = p->row[p->n - 1].seq + 1;
            rc = fn ? give(p, fn, ctx, err) : give_bytes(p, bytes, err);
        } else if (p->bad.code == SB_OK)
            break;
        rc = rc == 0 ? whole(p, err) : rc;
    }
    if (p)
        piece_free(p);
    return rc < 0 ? -1 : 0;
}

int sb_ledger_range(struct sb_ledger *l, int64_t from, int64_t to, sb_ledger_fn fn, void *ctx, struct sb_err *err)
{
    return range(l, from, to, fn, ctx, NULL, err);
}

int sb_ledger_bytes(struct sb_ledger *l, int64_t from, int64_t to, sb_ledger_bytes_fn fn, void *ctx, struct sb_err *err)
{
    return range(l, from, to, NULL, NULL, &(struct bytes_to){fn, ctx}, err);
}

struct naming {
    char text[64];
    int64_t *seqs;
    size_t seqs_n;
};

static int note_named(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct naming *k = ctx;
    if (!memmem(bytes, n, k->text, strlen(k->text)))
        return 0;
    int64_t *slot = SB_PUSH(k->seqs);
    if (!slot)
        return sb_fail_nomem(err);
    *slot = seq;
    return 0;
}

int sb_ledger_seqs_of(struct sb_ledger *l, int64_t from, int64_t to, enum sb_entry_kind kind, int64_t **seqs, size_t *n, struct sb_err *err)
{
    struct naming k = {.seqs = *seqs, .seqs_n = *n};
    snprintf(k.text, sizeof k.text, "\"kind\":\"%s\"", sb_name(&sb_entry_kinds, (int)kind));
    int rc = sb_ledger_bytes(l, from, to, note_named, &k, err);
    *seqs = k.seqs;
    *n = k.seqs_n;
    return rc;
}

int sb_ledger_by_ref(struct sb_ledger *l, const char *id, sb_ledger_fn fn, void *ctx, struct sb_err *err)
{
    if (sb_ledger_readable(l, err))
        return -1;
    struct piece *p = piece_new(l, err);
    int rc = p ? 0 : -1;
    int64_t after = 0;
    while (rc == 0) {
        sb_str_clear(&p->bytes);
        p->n = 0;
        if (sb_store_by_ref(&l->store, id, after, SB_STORE_PIECE, take, p, err) < 0)
            rc = -1;
        else if (p->n) {
            after = p->row[p->n - 1].seq;
            rc = give(p, fn, ctx, err);
        } else if (p->bad.code == SB_OK)
            break;
        rc = rc == 0 ? whole(p, err) : rc;
    }
    if (p)
        piece_free(p);
    return rc < 0 ? -1 : 0;
}

/* The entry of a row, once its bytes give the hash beside it. */
static int decode_checked(struct sb_hasher *hasher, const struct sb_store_row *row, int slack, struct sb_entry *out, struct sb_err *err)
{
    if (check_row(hasher, row, err) || sb_entry_decode(row->json, (size_t)row->json_n, slack, out, err))
        return -1;
    sb_hex_encode(out->hash, row->leaf, SB_HASH_LEN);
    return 0;
}

struct one {
    struct sb_hasher *hasher;
    struct sb_entry *out;
};

static int keep(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    const struct one *k = ctx;
    return decode_checked(k->hasher, row, 0, k->out, err) ? -1 : 1;
}

int sb_ledger_entry(struct sb_ledger *l, int64_t seq, struct sb_entry *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    if (sb_ledger_readable(l, err))
        return -1;
    int seen = sb_store_up(&l->store, seq, seq, 1, keep, &(struct one){l->hasher, out}, err);
    return seen == 0 ? sb_fail(err, SB_EINPUT, "the ledger has no entry %" PRId64, seq) : seen < 0 ? -1 : 0;
}

int64_t sb_ledger_started(struct sb_ledger *l, const char *nonce, struct sb_err *err)
{
    return sb_ledger_readable(l, err) ? -1 : sb_store_started(&l->store, nonce, err);
}

/* ---- pages ---- */

int sb_ledger_add_row(struct sb_ledger *l, struct sb_audit_page *page, const struct sb_store_row *row, struct sb_err *err)
{
    struct sb_entry e;
    if (decode_checked(l->hasher, row, 2, &e, err))
        return -1;
    struct sb_audit_row *slot = SB_PUSH(page->rows);
    int rc = slot ? sb_entry_row(&e, slot) : -1;
    sb_entry_release(&e);
    return rc ? sb_fail_nomem(err) : 0;
}

struct paging {
    struct sb_ledger *l;
    struct sb_audit_page *page;
};

static int add_to_page(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    const struct paging *k = ctx;
    return sb_ledger_add_row(k->l, k->page, row, err);
}

int sb_ledger_page(struct sb_ledger *l, int64_t before, int64_t limit, struct sb_audit_page *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    if (sb_ledger_readable(l, err))
        return -1;
    int n = (int)(limit < 1 ? 1 : limit > PAGE_MAX ? PAGE_MAX : limit);
    out->before = before;
    if (sb_store_down(&l->store, before > 0 ? before : INT64_MAX, n, add_to_page, &(struct paging){l, out}, err) < 0) {
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), out);
        return -1;
    }
    out->head = l->head;
    if (out->rows_n && out->rows[0].seq > out->head)
        out->head = out->rows[0].seq; /* a reader sees what its owner appended meanwhile */
    out->at_start = out->rows_n == 0 || out->rows[out->rows_n - 1].seq == 1;
    return 0;
}

/* ---- folds ---- */

struct folding {
    int (*fold)(void *value, const struct sb_entry *e, struct sb_err *err);
    void *value;
    int64_t since; /* entries from here on are counted */
    int64_t n;
};

static int fold_one(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct folding *f = ctx;
    f->n += e->seq >= f->since;
    return f->fold(f->value, e, err);
}

static int fold_card(void *value, const struct sb_entry *e, struct sb_err *err) { return sb_card_fold(value, e, err); }
static int fold_case(void *value, const struct sb_entry *e, struct sb_err *err) { return sb_case_fold(value, e, err); }
static int fold_anomaly(void *value, const struct sb_entry *e, struct sb_err *err) { return sb_anomaly_fold(value, e, err); }

/* Decisions rest on this, so a reference that was lost must not go unnoticed: an open item's entries were counted. */
static int fold_by_ref(struct sb_ledger *l, const char *id, const struct sb_schema *schema, const char *what, struct folding *f, char *const *got_id,
                       struct sb_err *err)
{
    memset(f->value, 0, schema->size);
    if (l->mode == SB_LEDGER_OWN && l->health != SB_HEALTH_STUCK && sb_ledger_settle(l, err))
        return -1;
    const struct sb_item_state *item = l->derived ? sb_derived_item(l->derived, id) : NULL;
    f->since = item ? item->first : INT64_MAX;
    int64_t expected = item ? item->entries : 0;
    int rc = sb_ledger_by_ref(l, id, fold_one, f, err);
    if (rc == 0 && f->n != expected)
        rc = sb_fail(err, SB_ELEDGER, "%s has %" PRId64 " entries, but only %" PRId64 " of them can be found; run: signalbox audit verify --full", id, expected, f->n);
    if (rc == 0 && !*got_id)
        rc = sb_fail(err, SB_EINPUT, "the ledger has no %s %s", what, id);
    if (rc)
        sb_record_release(schema, f->value);
    return rc;
}

int sb_ledger_card(struct sb_ledger *l, const char *id, struct sb_card *out, struct sb_err *err)
{
    return fold_by_ref(l, id, &sb_card_schema, "card", &(struct folding){.fold = fold_card, .value = out}, &out->id, err);
}

int sb_ledger_case(struct sb_ledger *l, const char *id, struct sb_case *out, struct sb_err *err)
{
    return fold_by_ref(l, id, &sb_case_schema, "case", &(struct folding){.fold = fold_case, .value = out}, &out->id, err);
}

int sb_ledger_anomaly(struct sb_ledger *l, const char *id, struct sb_anomaly *out, struct sb_err *err)
{
    return fold_by_ref(l, id, &sb_anomaly_schema, "anomaly", &(struct folding){.fold = fold_anomaly, .value = out}, &out->id, err);
}

/* ---- roots and derived ---- */

struct growing {
    struct sb_merkle m;
    struct sb_hasher *hasher;
};

static int grow(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct growing *g = ctx;
    struct sb_hash leaf;
    if (sb_merkle_leaf(g->hasher, &leaf, row->json, (size_t)row->json_n) || sb_merkle_push(&g->m, g->hasher, &leaf))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    return 0;
}

int sb_ledger_root(struct sb_ledger *l, int64_t n, struct sb_hash *out, struct sb_err *err)
{
    struct growing g = {.hasher = l->hasher};
    if (n < 0 || n > l->head)
        return sb_fail(err, SB_EINPUT, "the ledger has %" PRId64 " entries, not %" PRId64, l->head, n);
    if (sb_ledger_readable(l, err))
        return -1;
    if (l->mode == SB_LEDGER_OWN) {
        if (sb_ledger_settle(l, err) || sb_derived_range(l->derived, n, &g.m, l->hasher, err))
            return -1;
    }
    while ((int64_t)g.m.size < n) {
        int seen = sb_store_up(&l->store, (int64_t)g.m.size + 1, n, SB_STORE_PIECE, grow, &g, err);
        if (seen <= 0)
            return seen < 0 ? -1 : sb_fail(err, SB_ELEDGER, "entry %" PRIu64 " of the ledger is missing", g.m.size + 1);
    }
    return sb_merkle_root(&g.m, l->hasher, out) ? sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest") : 0;
}

int sb_ledger_open_ids(struct sb_ledger *l, enum sb_item item, char ***ids, size_t *n, struct sb_err *err)
{
    *ids = NULL;
    *n = 0;
    if (l->mode != SB_LEDGER_OWN)
        return sb_fail(err, SB_ESTATE, "only the owner of a ledger keeps derived tables");
    if (l->health != SB_HEALTH_STUCK && sb_ledger_settle(l, err))
        return -1;
    return l->derived ? sb_derived_open_ids(l->derived, item, ids, n, err) : sb_fail(err, SB_ELEDGER, "%s", l->why);
}

int sb_ledger_last_number(struct sb_ledger *l, char prefix, int64_t *out, struct sb_err *err)
{
    static const char prefixes[] = "CKAd";
    const char *found = prefix ? strchr(prefixes, prefix) : NULL;
    *out = 0;
    if (!found)
        return sb_fail(err, SB_EINTERNAL, "there are no ids that begin with %c", prefix);
    if (l->mode != SB_LEDGER_OWN)
        return sb_fail(err, SB_ESTATE, "only the owner of a ledger keeps derived tables");
    if (l->health != SB_HEALTH_STUCK && sb_ledger_settle(l, err))
        return -1;
    if (!l->derived)
        return sb_fail(err, SB_ELEDGER, "%s", l->why);
    *out = sb_derived_number(l->derived, (int)(found - prefixes));
    return 0;
}
