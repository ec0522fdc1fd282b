/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over the entries does almost all of it. What is stored in another order (references, used nonces) is compared by a
 * sum of keyed hashes, whose key is new in each run, and only where the sums differ is the culprit searched. */
#include "anchor.h"
#include "derived.h"
#include "witness.h"

#include <signalbox/base/rng.h>
#include <signalbox/ledger/verify.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PIECE 2000 /* rows between two words about how far it is */
#define PIECE_BYTES (4 << 20) /* a piece ends early when its entries are this large */
#define NEVER INT64_MAX

struct verifier {
    struct sb_verify *out;
    struct sb_store store;
    struct sb_hasher *hasher;
    struct sb_merkle full; /* over whole tiles */
    struct sb_merkle tile; /* over the one that is being filled */
    struct sb_expect expect;
    struct sb_anchors anchors;
    int64_t next_anchor; /* the smallest size of one that is still to be compared */
    int64_t fits;        /* entries up to here are those that an anchor signed */
    struct sb_witness *witness; /* what derived.db says; NULL: there is none */
    struct sb_items items;
    bool thorough; /* SB_VERIFY_FULL */
    uint64_t key[2];
    uint64_t refs, starts; /* sums over the entries */
    size_t piece_bytes;    /* read in this piece */
    int64_t suspect;       /* first entry whose leaf is not the one that was noted; 0: none */
};

static void blame(struct verifier *v, int64_t index, const char *fmt, ...) SB_PRINTF(3, 4);

/* The first entry that is bad is told; what is wrong with the ledger as a whole only where no entry is. */
static void blame(struct verifier *v, int64_t index, const char *fmt, ...)
{
    if (!v->out->ok && (v->out->bad || !index))
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->out->what, sizeof v->out->what, fmt, ap);
    va_end(ap);
    v->out->ok = false;
    v->out->bad = index;
}

/* ---- one entry ---- */

/* Keyed so that nobody can choose a pair that falls out of the sum. Eight bytes of the id at a time. */
static uint64_t pair_hash(const struct verifier *v, const char *id, size_t n, int64_t seq)
{
    uint64_t h = v->key[0] + (uint64_t)seq * UINT64_C(0x9e3779b97f4a7c15), word;
    for (h ^= n; n >= sizeof word; id += sizeof word, n -= sizeof word) {
        memcpy(&word, id, sizeof word);
        h = (h ^ word) * (v->key[1] | 1);
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, id, n);
    h = (h ^ word) * (v->key[1] | 1);
    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 32;
}

static void sum_pairs(struct verifier *v, const struct sb_entry_view *view)
{
    struct sb_span refs[SB_ENTRY_REFS];
    size_t n = sb_entry_refs(view, refs);
    for (size_t i = 0; i < n; i++)
        v->refs += pair_hash(v, refs[i].p, refs[i].n, view->seq);
    if (sb_span_is(view->kind, "step.intent")) {
        struct sb_span nonce = sb_span_plain(view->body_part[SB_BODY_NONCE]);
        if (nonce.p)
            v->starts += pair_hash(v, nonce.p, nonce.n, view->seq);
    }
}

/* The range over everything: whole tiles, then what the last one has. */
static int root_so_far(const struct verifier *v, struct sb_hash *out)
{
    struct sb_merkle m = v->full;
    memcpy(m.node + m.n, v->tile.node, v->tile.n * sizeof *m.node);
    m.n += v->tile.n;
    m.size += v->tile.size;
    return sb_merkle_root(&m, v->hasher, out);
}

/* Notes the first entry up to seq whose leaf is not the noted one. */
static void look_for_suspect(struct verifier *v, int64_t seq)
{
    int64_t exchanged = v->witness && !v->suspect ? sb_witness_peek(v->witness, seq) : 0;
    if (exchanged)
        v->suspect = exchanged;
}

/* The anchors that cover exactly the entries so far; then looks for the next size. */
static void compare_anchors(struct verifier *v, int64_t seq)
{
    struct sb_hash root;
    bool have = root_so_far(v, &root) == 0;
    v->next_anchor = NEVER;
    for (int i = 0; i < SB_ANCHORS; i++) {
        const struct sb_anchor *a = &v->anchors.a[i];
        if (a->there && a->c.size > seq && a->c.size < v->next_anchor)
            v->next_anchor = a->c.size;
        if (!a->there || a->c.size != seq || seq < 0)
            continue;
        struct sb_err why = SB_ERR_INIT;
        look_for_suspect(v, seq);
        if (have && sb_anchor_compare(&v->anchors, i, v->store.log, seq, &root, &why) == 0)
            v->fits = seq;
        else if (v->suspect)
            blame(v, v->suspect, "it is not the entry that was recorded: its leaf is not the one that was noted, and the root of %s agrees with the note",
                  i == SB_ANCHOR_WITNESS ? "the witness" : "the checkpoint");
        else
            blame(v, 1, "entries 1 to %" PRId64 " are not the ones that were recorded: %s", seq, why.msg);
    }
}

static int take_row(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct verifier *v = ctx;
    struct sb_entry_view view;
    struct sb_hash leaf;
    char what[200];
    int64_t seq = v->expect.seq;
    const struct sb_hash *tile_root = NULL;
    if (sb_expect_row(&v->expect, row, &view, &leaf, what, sizeof what)) {
        look_for_suspect(v, seq - 1);
        if (v->suspect) /* the break shows one later than the forgery */
            blame(v, v->suspect, "it is not the entry that was recorded: its leaf is not the one that was noted (and entry %" PRId64 ": %s)", seq, what);
        blame(v, seq, "%s", what);
        return 1;
    }
    if (sb_merkle_push(&v->tile, v->hasher, &leaf))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    if (v->tile.size == SB_TILE_LEAVES) {
        tile_root = &v->tile.node[0];
        if (sb_merkle_push_subtree(&v->full, v->hasher, SB_TILE_LEVEL, tile_root))
            return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
        v->tile.size = v->tile.n = 0;
    }
    sum_pairs(v, &view);
    if (v->witness) {
        int64_t exchanged = sb_witness_leaf(v->witness, seq, &leaf, tile_root);
        if (exchanged && !v->suspect)
            v->suspect = exchanged;
        if (seq <= sb_witness_seq(v->witness) && sb_items_apply(&v->items, &view, err))
            return -1;
    }
    v->out->entries = seq;
    v->out->head = leaf;
    if (seq == v->next_anchor)
        compare_anchors(v, seq);
    v->piece_bytes += (size_t)row->json_n;
    return v->piece_bytes > PIECE_BYTES;
}

/* ---- what is stored in another order ---- */

/* A page of stored pairs behind one of them: how many, the last, and the sum of those of entries up to `to` (an owner goes on
 * appending). */
struct pair_page {
    struct verifier *v;
    enum sb_store_pairs which;
    int64_t to;
    int limit, seen;
    uint64_t sum;
    struct sb_span after_id;
    int64_t after_seq, seq;
    struct sb_str id;
};

static bool take_pair(void *ctx, const char *id, size_t n, int64_t seq)
{
    struct pair_page *p = ctx;
    if (seq <= p->to)
        p->sum += pair_hash(p->v, id, n, seq);
    if (++p->seen < p->limit)
        return false;
    p->seq = seq; /* nothing goes on behind a short page */
    sb_str_add(&p->id, id, n);
    return true;
}

static int take_pairs(void *ctx, struct sb_err *err)
{
    struct pair_page *p = ctx;
    sb_str_clear(&p->id);
    p->sum = 0;
    p->seen = 0;
    return sb_store_pairs(&p->v->store, p->which, p->after_id, p->after_seq, take_pair, p, err);
}

/* Reads the next page into p: 1 it ends with p->id and p->seq, and there may be more; 0 there is no more; -1 error. A damaged
 * file may lead around in a circle. */
static int read_pairs(struct pair_page *p, struct sb_str *after, struct sb_err *err)
{
    p->after_id = (struct sb_span){after->p, after->len};
    if (sb_store_read(&p->v->store, take_pairs, p, err))
        return -1;
    if (!sb_str_ok(&p->id))
        return sb_fail_nomem(err);
    if (p->seen < p->limit)
        return 0;
    int order = memcmp(after->p, p->id.p, after->len < p->id.len ? after->len : p->id.len);
    if (order > 0 || (order == 0 && (after->len > p->id.len || (after->len == p->id.len && p->after_seq >= p->seq)))) {
        sb_fail(err, SB_ELEDGER, "the lines of a table are not in their order");
        return -1;
    }
    sb_str_clear(after);
    sb_str_add(after, p->id.p, p->id.len);
    p->after_seq = p->seq;
    return sb_str_ok(after) ? 1 : sb_fail_nomem(err);
}

static int sum_stored(struct verifier *v, enum sb_store_pairs which, int64_t to, uint64_t *sum, struct sb_err *err)
{
    struct pair_page p = {.v = v, .which = which, .to = to, .limit = PIECE};
    struct sb_str after;
    int more;
    sb_str_init(&p.id);
    sb_str_init(&after);
    *sum = 0;
    do {
        more = read_pairs(&p, &after, err);
        *sum += p.sum;
    } while (more > 0);
    sb_str_release(&after);
    sb_str_release(&p.id);
    return more;
}

struct search {
    struct verifier *v;
    enum sb_store_pairs which;
    int64_t found;
    char id[SB_ITEM_ID_MAX + 1];
};

static void name_pair(struct search *s, const char *id, size_t n)
{
    snprintf(s->id, sizeof s->id, "%.*s", (int)(n < sizeof s->id ? n : sizeof s->id - 1), id);
}

struct sought {
    struct verifier *v;
    struct sb_span id;
    int64_t seq;
    bool there;
};

static bool is_sought(void *ctx, const char *id, size_t n, int64_t seq)
{
    struct sought *w = ctx;
    w->there = seq == w->seq && n == w->id.n && memcmp(id, w->id.p, n) == 0;
    return true;
}

static int look_up_ref(void *ctx, struct sb_err *err)
{
    struct sought *w = ctx;
    w->there = false;
    return sb_store_pairs(&w->v->store, SB_PAIRS_REFS, w->id, w->seq - 1, is_sought, w, err);
}

static bool pair_is_stored(struct search *s, struct sb_span id, int64_t seq)
{
    name_pair(s, id.p, id.n);
    if (s->which == SB_PAIRS_STARTED)
        return sb_store_started(&s->v->store, s->id, NULL) == seq;
    struct sought w = {s->v, id, seq, false};
    return sb_store_read(&s->v->store, look_up_ref, &w, NULL) == 0 && w.there;
}

/* What an entry must have in the table. */
static size_t claims(enum sb_store_pairs which, const struct sb_store_row *row, struct sb_span refs[SB_ENTRY_REFS])
{
    struct sb_entry_view view;
    struct sb_flaw flaw;
    if (!sb_entry_view(row->json, (size_t)row->json_n, NULL, &view, &flaw))
        return 0;
    if (which == SB_PAIRS_REFS)
        return sb_entry_refs(&view, refs);
    refs[0] = sb_span_is(view.kind, "step.intent") ? sb_span_plain(view.body_part[SB_BODY_NONCE]) : (struct sb_span){NULL, 0};
    return refs[0].p != NULL;
}

/* Stops at the first entry one of whose pairs is not in the table. */
static int look_for_missing(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    (void)err;
    struct search *s = ctx;
    struct sb_span refs[SB_ENTRY_REFS];
    size_t n = claims(s->which, row, refs);
    for (size_t i = 0; i < n; i++)
        if (!pair_is_stored(s, refs[i], row->seq)) {
            s->found = row->seq;
            return 1;
        }
    return 0;
}

/* Does the entry say so? */
static int look_for_claim(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    (void)err;
    struct search *s = ctx;
    struct sb_span refs[SB_ENTRY_REFS];
    size_t n = claims(s->which, row, refs);
    for (size_t i = 0; i < n; i++)
        if (refs[i].n == strlen(s->id) && memcmp(refs[i].p, s->id, refs[i].n) == 0)
            s->found = row->seq;
    return 1;
}

/* The first line of the table that no entry made: its entry in s->found, or 0 when every line has one. */
static int look_for_extra(struct search *s, int64_t to, struct sb_err *err)
{
    struct pair_page p = {.v = s->v, .which = s->which, .to = to, .limit = 1};
    struct sb_str after;
    int more;
    sb_str_init(&p.id);
    sb_str_init(&after);
    s->found = 0;
    while ((more = read_pairs(&p, &after, err)) > 0) {
        if (p.seq > to)
            continue;
        name_pair(s, after.p, after.len);
        s->found = 0;
        if (sb_store_up(&s->v->store, p.seq, p.seq, 1, look_for_claim, s, err) < 0) {
            more = -1;
            break;
        }
        if (!s->found) {
            s->found = p.seq;
            more = 0;
            break;
        }
        s->found = 0;
    }
    sb_str_release(&after);
    sb_str_release(&p.id);
    return more;
}

static int compare_pairs(struct verifier *v, enum sb_store_pairs which, uint64_t expected, struct sb_err *err)
{
    uint64_t sum = 0;
    if (sum_stored(v, which, v->out->entries, &sum, err))
        return -1;
    if (sum == expected)
        return 0;
    struct search s = {v, which, 0, ""};
    const char *table = which == SB_PAIRS_REFS ? "the table of references" : "the table of used nonces";
    for (int64_t next = 1; next <= v->out->entries && !s.found; next += PIECE)
        if (sb_store_up(&v->store, next, next + PIECE - 1, PIECE, look_for_missing, &s, err) < 0)
            return -1;
    if (s.found) {
        blame(v, s.found, "%s has lost its line for %s", table, s.id);
        return 0;
    }
    if (look_for_extra(&s, v->out->entries, err))
        return -1;
    blame(v, s.found, "%s holds a line for %s that this entry did not make", table, s.id);
    return 0;
}

struct structure {
    struct verifier *v;
    char what[200];
    int good;
};

static int ask_structure(void *ctx, struct sb_err *err)
{
    struct structure *a = ctx;
    a->good = sb_store_structure_ok(&a->v->store, a->what, sizeof a->what, err);
    return a->good < 0 ? -1 : 0;
}

static int check_structure(struct verifier *v, struct sb_err *err)
{
    struct structure a = {.v = v};
    int rc = sb_store_read(&v->store, ask_structure, &a, err);
    if (rc == 0 && !a.good)
        blame(v, 0, "the structure of ledger.db is damaged: %s", a.what);
    return rc;
}

/* ---- the whole ---- */

static int verify_schema(struct verifier *v, struct sb_err *err)
{
    char what[200];
    int good = sb_store_schema_ok(&v->store, what, sizeof what, err);
    if (good == 0)
        blame(v, 0, "%s", what);
    return good < 0 ? -1 : 0;
}

/* What SQLite finds wrong with the file is a finding; what stops us from looking is an error. */
static int finding(struct verifier *v, int64_t index, const struct sb_err *why, struct sb_err *err)
{
    int sqlite = (int)(why->detail & 0xff);
    bool barred = sqlite == SQLITE_BUSY || sqlite == SQLITE_NOMEM || sqlite == SQLITE_CANTOPEN || sqlite == SQLITE_PERM || sqlite == SQLITE_READONLY;
    if (why->code == SB_ELEDGER && !barred) {
        blame(v, index, "%s", why->msg);
        return 0;
    }
    if (err)
        *err = *why;
    return -1;
}

/* Rows that nobody who counts from 1 comes by. */
static int verify_start(struct verifier *v, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    int64_t lowest;
    if (sb_store_lowest(&v->store, &lowest, &why))
        return finding(v, 0, &why, err);
    if (lowest < 1)
        blame(v, 0, "the table of entries holds a row of the number %" PRId64 ", before the first entry", lowest);
    return 0;
}

static int verify_entries(struct verifier *v, sb_verify_fn progress, void *ctx, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    for (;;) {
        int64_t next = v->expect.seq, known = sb_anchors_size(&v->anchors);
        v->piece_bytes = 0;
        int seen = sb_store_up(&v->store, next, INT64_MAX, PIECE, take_row, v, &why);
        if (seen < 0)
            return finding(v, v->expect.seq, &why, err);
        bool cut_short = v->piece_bytes > PIECE_BYTES;
        if ((seen < PIECE && !cut_short) || v->expect.seq != next + seen) /* the end, or a bad entry */
            return 0;
        if (v->items.gone > 100 && sb_items_purge(&v->items)) /* small tables stay near */
            return sb_fail_nomem(err);
        if (progress)
            progress(ctx, v->out->entries, v->out->entries > known ? v->out->entries : known);
    }
}

static void verify_end(struct verifier *v)
{
    for (int i = 0; i < SB_ANCHORS; i++) {
        struct sb_err why = SB_ERR_INIT;
        if (v->anchors.a[i].there && v->anchors.a[i].c.size > v->out->entries && sb_anchor_compare(&v->anchors, i, v->store.log, v->out->entries, NULL, &why))
            blame(v, v->out->entries + 1, "it is missing, with all that came after it: %s", why.msg);
    }
    if (!v->witness)
        return;
    int64_t noted = sb_witness_seq(v->witness);
    if (noted > v->out->entries)
        blame(v, v->out->entries + 1, "it is missing, with all that came after it: the derived tables knew %" PRId64 " entries", noted);
    look_for_suspect(v, v->out->entries);
    if (v->suspect && v->suspect <= v->fits)
        blame(v, 0, "the derived tables note another leaf for entry %" PRId64 " (the checkpoint agrees with the entry); run: signalbox audit rebuild", v->suspect);
    else if (v->suspect)
        blame(v, v->suspect, "it is not the entry that was recorded: its leaf is not the one that was noted in the derived tables");
    char what[200];
    if (!sb_witness_items(v->witness, &v->items, what, sizeof what))
        blame(v, 0, "derived tables: %s; run: signalbox audit rebuild", what);
}

/* A checkpoint that cannot be read, is not signed, is gone or is of another log is a finding about the whole. */
static int open_anchors(struct verifier *v, const char *db, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (v->store.db && sb_anchors_read_keys(&v->anchors, &v->store, &why) && finding(v, 0, &why, err))
        return -1;
    for (int i = 0; i < SB_ANCHORS; i++) {
        if (sb_anchor_load(&v->anchors, i, &why))
            blame(v, 0, "%s", why.msg);
        struct sb_anchor *a = &v->anchors.a[i];
        if (a->there && v->store.db && sb_anchor_compare(&v->anchors, i, v->store.log, NEVER, NULL, &why)) {
            blame(v, 0, "%s", why.msg);
            a->there = false;
        }
    }
    const struct sb_anchor *own = &v->anchors.a[SB_ANCHOR_OWN], *witness = &v->anchors.a[SB_ANCHOR_WITNESS];
    v->out->checkpoint = own->there ? own->c.size : -1;
    v->out->witness = witness->there ? witness->c.size : -1;
    if (!v->store.db)
        blame(v, 1, "%s is gone, and all entries with it: a checkpoint knew %" PRId64, db, sb_anchors_size(&v->anchors));
    return 0;
}

/* What the derived tables remember of the anchors: a file of them that is not there any more was taken away. */
static void miss_anchors(struct verifier *v)
{
    for (int i = 0; i < SB_ANCHORS; i++) {
        char name[300];
        int64_t knew = v->witness ? sb_witness_anchor(v->witness, i) : 0;
        if (knew > 0 && v->anchors.a[i].path && !v->anchors.a[i].there && access(v->anchors.a[i].path, F_OK))
            blame(v, 0, "%s is gone; it covered %" PRId64 " entries", sb_anchor_name(&v->anchors, i, name, sizeof name), knew);
    }
}

static int open_files(struct verifier *v, const char *dir, const char *witness, struct sb_err *err)
{
    int rc = -1;
    char *db = sb_format("%s/ledger.db", dir), *derived = sb_format("%s/derived.db", dir);
    struct sb_err why = SB_ERR_INIT;
    if (!db || !derived) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_anchors_init(&v->anchors, dir, witness, err))
        goto out;
    bool gone = access(db, F_OK) && errno == ENOENT;
    if (gone && access(v->anchors.a[SB_ANCHOR_OWN].path, F_OK)) {
        sb_fail(err, SB_EINPUT, "there is no ledger in %s", dir);
        goto out;
    }
    if (!gone && sb_store_open_file(&v->store, db, false, NULL, 0, &why)) {
        rc = finding(v, 0, &why, err);
        goto out;
    }
    rc = open_anchors(v, db, err);
    if (rc == 0 && v->store.db) {
        memcpy(v->out->log, v->store.log, sizeof v->out->log);
        rc = sb_witness_open(&v->witness, derived, v->store.log, err);
        if (rc > 0) {
            blame(v, 0, "derived.db is damaged, or of another ledger; run: signalbox audit rebuild");
            rc = 0;
        }
        v->out->derived = v->witness ? sb_witness_seq(v->witness) : -1;
        miss_anchors(v);
    }
out:
    free(db);
    free(derived);
    return rc;
}

/* What is not in the entries themselves; only worth a look when those are good. */
static int verify_beside(struct verifier *v, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (compare_pairs(v, SB_PAIRS_REFS, v->refs, &why) || compare_pairs(v, SB_PAIRS_STARTED, v->starts, &why) || verify_schema(v, &why) || (v->thorough && check_structure(v, &why)))
        return finding(v, 0, &why, err);
    return 0;
}

static int verify(struct verifier *v, sb_verify_fn progress, void *ctx, struct sb_err *err)
{
    v->expect = sb_expect_from(v->store.log, 1, &(struct sb_hash){{0}}, v->hasher);
    compare_anchors(v, -1);
    if (v->next_anchor == 0)
        compare_anchors(v, 0);
    if (verify_start(v, err) || verify_entries(v, progress, ctx, err))
        return -1;
    if (root_so_far(v, &v->out->root))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    if (v->out->bad)
        return 0;
    verify_end(v);
    return v->out->bad ? 0 : verify_beside(v, err);
}

int sb_ledger_verify(const char *dir, unsigned flags, sb_verify_fn progress, void *ctx, struct sb_verify *out, struct sb_err *err)
{
    return sb_ledger_verify_against(dir, NULL, flags, progress, ctx, out, err);
}

int sb_ledger_verify_against(const char *dir, const char *witness, unsigned flags, sb_verify_fn progress, void *ctx, struct sb_verify *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    out->ok = true;
    out->checkpoint = out->derived = out->witness = -1;
    struct verifier v = {.out = out, .hasher = sb_hasher_new(), .thorough = flags & SB_VERIFY_FULL};
    int rc = v.hasher ? sb_random_bytes(v.key, sizeof v.key, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = open_files(&v, dir, witness, err);
    if (rc == 0 && v.store.db)
        rc = verify(&v, progress, ctx, err);
    sb_witness_close(v.witness);
    sb_store_close_file(&v.store);
    sb_anchors_release(&v.anchors);
    sb_items_release(&v.items);
    sb_hasher_free(v.hasher);
    return rc;
}
