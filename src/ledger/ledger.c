/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, settling, closing. */
#include "private.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sb_ledger_sicken(struct sb_ledger *l, enum sb_health health, struct sb_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
    l->health = health;
    return sb_fail(err, SB_ELEDGER, "%s", l->why);
}

bool sb_ledger_writable(const struct sb_ledger *l, const char **why)
{
    bool good = l->mode == SB_LEDGER_OWN && l->health == SB_HEALTH_GOOD;
    if (why)
        *why = good ? "" : l->mode == SB_LEDGER_OWN ? l->why : "the ledger is open for reading only";
    return good;
}

int sb_ledger_readable(const struct sb_ledger *l, struct sb_err *err)
{
    return l->store_open ? 0 : sb_fail(err, SB_ELEDGER, "the ledger cannot be read: %s", l->why);
}

int64_t sb_ledger_head(const struct sb_ledger *l)
{
    return l->head;
}

const char *sb_ledger_id(const struct sb_ledger *l)
{
    return l->log;
}

int sb_ledger_keys(struct sb_ledger *l, struct sb_log_keys *out, struct sb_err *err)
{
    if (sb_ledger_readable(l, err) || sb_anchors_read_keys(&l->anchors, &l->store, err))
        return -1;
    *out = l->anchors.keys;
    return 0;
}

/* ---- the tail ---- */

struct tail {
    struct sb_hasher *hasher;
    int64_t seq;
    struct sb_hash leaf;
};

static int note_tail(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct tail *t = ctx;
    t->seq = row->seq;
    if (sb_merkle_leaf(t->hasher, &t->leaf, row->json, (size_t)row->json_n))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    return 0;
}

/* The entry that failed to commit may be there after all; more than it may not. */
static int compare_tail(struct sb_ledger *l, struct sb_err *err)
{
    struct tail at_head = {.hasher = l->hasher}, after = {.hasher = l->hasher}, beyond = {.hasher = l->hasher};
    if ((l->head && sb_store_up(&l->store, l->head, l->head, 1, note_tail, &at_head, err) < 0) ||
        sb_store_up(&l->store, l->head + 1, l->head + 1, 1, note_tail, &after, err) < 0 || sb_store_last(&l->store, note_tail, &beyond, err) < 0)
        return -1;
    if (at_head.seq != l->head || (l->head && memcmp(&at_head.leaf, &l->leaf, sizeof l->leaf) != 0) || beyond.seq > l->head + 1)
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err,
                                "the end of %s is not what was written there (it was at entry %" PRId64 "); run: signalbox audit verify",
                                l->db_path, l->head);
    if (after.seq) {
        l->head = after.seq;
        l->leaf = after.leaf;
    }
    return 0;
}

int sb_ledger_reopen(struct sb_ledger *l, struct sb_err *err)
{
    if (l->store_open)
        sb_store_close_file(&l->store);
    l->store_open = false;
    sb_hook("ledger.reopen.closed");
    if (sb_store_open_file(&l->store, l->db_path, true, NULL, 0, err))
        return -1;
    l->store_open = true;
    if (strcmp(l->store.log, l->log) != 0)
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s is another ledger than before", l->db_path);
    if (compare_tail(l, err))
        return -1;
    l->data_version = sb_store_data_version(&l->store, err);
    return l->data_version < 0 ? -1 : 0;
}

/* ---- opening ---- */

static int make_paths(struct sb_ledger *l, const char *dir)
{
    l->dir = sb_format("%s", dir);
    l->db_path = sb_format("%s/ledger.db", dir);
    l->derived_path = sb_format("%s/derived.db", dir);
    l->lock_path = sb_format("%s/lock", dir);
    return l->dir && l->db_path && l->derived_path && l->lock_path ? 0 : -1;
}

/* The newest entry must be whole: all that is appended hangs on it. */
static int read_head(struct sb_ledger *l, struct sb_err *err)
{
    struct tail t = {.hasher = l->hasher};
    if (sb_store_last(&l->store, note_tail, &t, err) < 0)
        return -1;
    l->head = t.seq;
    l->leaf = t.leaf;
    return 0;
}

int sb_ledger_refresh(struct sb_ledger *l, struct sb_err *err)
{
    return read_head(l, err);
}

static int load_anchors(struct sb_ledger *l, struct sb_err *err)
{
    if (sb_anchors_read_keys(&l->anchors, &l->store, err))
        return -1;
    for (int i = 0; i < SB_ANCHORS; i++)
        if (sb_anchor_load(&l->anchors, i, err))
            return -1;
    return 0;
}

/* Entries between the checkpoint and where the derived tables stand: their leaves must be the ones that were noted. */
static int recheck(struct sb_ledger *l, int64_t from, int64_t to, struct sb_err *err)
{
    for (int64_t seq = from; seq <= to; seq++) {
        struct tail t = {.hasher = l->hasher};
        struct sb_hash noted;
        if (sb_store_up(&l->store, seq, seq, 1, note_tail, &t, err) < 0)
            return -1;
        int known = sb_derived_leaf_at(l->derived, seq, &noted, err);
        if (known < 0)
            return -1;
        if (t.seq != seq || known == 0 || memcmp(&noted, &t.leaf, sizeof noted) != 0)
            return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "entry %" PRId64 " of %s is not the one that was written; run: signalbox audit verify", seq, l->db_path);
    }
    return 0;
}

static int open_derived(struct sb_ledger *l, struct sb_err *err)
{
    if (!l->derived)
        l->derived = sb_derived_open(l->derived_path, l->log, err);
    return l->derived ? 0 : -1;
}

/* Derived tables of another past than the file's are worth nothing as tables, but they are a witness. */
static int compare_derived(struct sb_ledger *l, struct sb_err *err)
{
    int64_t stands = sb_derived_seq(l->derived);
    if (stands > l->head)
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s ends at entry %" PRId64 ", but %" PRId64 " had been read from it: its tail was cut off",
                                l->db_path, l->head, stands);
    const struct sb_anchor *own = &l->anchors.a[SB_ANCHOR_OWN];
    int64_t from = own->there ? own->c.size + 1 : 1;
    if (from > stands)
        from = stands; /* the last one is always looked at */
    return stands ? recheck(l, from, stands, err) : 0;
}

/* Brings the derived tables up to the head. Where their file cannot be written (a full disk) they go on in memory: numbers
 * that are in use must be known. */
static int catch_up(struct sb_ledger *l, struct sb_err *err)
{
    int64_t bad;
    if (open_derived(l, err))
        return -1;
    int rc = sb_derived_catch_up(l->derived, &l->store, l->head, &bad, err);
    if (rc && !bad) {
        sb_derived_close(l->derived);
        l->derived = sb_derived_open(NULL, l->log, err);
        rc = l->derived ? sb_derived_catch_up(l->derived, &l->store, l->head, &bad, err) : -1;
    }
    if (rc && bad)
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s: entry %" PRId64 " is damaged; run: signalbox audit verify", l->db_path, bad);
    if (rc) {
        sb_derived_close(l->derived); /* opened anew next time */
        l->derived = NULL;
    }
    return rc;
}

static int discard_derived(struct sb_ledger *l, struct sb_err *err)
{
    sb_derived_close(l->derived);
    l->derived = NULL;
    char *journal = sb_format("%s-journal", l->derived_path);
    if (!journal)
        return sb_fail_nomem(err);
    bool gone = (unlink(l->derived_path) == 0 || errno == ENOENT) && (unlink(journal) == 0 || errno == ENOENT);
    int why = errno;
    free(journal);
    return gone ? 0 : sb_fail(err, SB_ELEDGER, "cannot remove %s: %s", l->derived_path, strerrordesc_np(why));
}

/* What SQLite refuses for us (a changed entry, a second start) it refuses by its schema. */
static int check_schema(struct sb_ledger *l, struct sb_err *err)
{
    char what[200];
    int good = sb_store_schema_ok(&l->store, what, sizeof what, err);
    return good > 0 ? 0 : good < 0 ? -1 : sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s: %s; run: signalbox audit verify", l->db_path, what);
}

/* From the last checkpoint on, everything is verified. Where the derived tables are damaged, or have a root that is not the
 * checkpoint's, they are made anew from the entries before the entries are blamed. */
static int verify_start(struct sb_ledger *l, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (check_schema(l, err) || open_derived(l, err))
        return -1;
    bool fresh = sb_derived_seq(l->derived) == 0;
    int good = compare_derived(l, err) || catch_up(l, err) ? -1 : sb_ledger_check_anchors(l, &why, err);
    if (good == 1)
        return 0;
    if (l->health == SB_HEALTH_STUCK)
        return -1;
    if (!fresh)
        good = discard_derived(l, err) || catch_up(l, err) ? -1 : sb_ledger_check_anchors(l, &why, err);
    return good == 1 ? 0 : good < 0 ? -1 : sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s; run: signalbox audit verify", why.msg);
}

/* Before the ledger is there to say which keys it signs with: how much is known of it. */
static int look_at_anchors(struct sb_ledger *l, struct sb_err *err)
{
    int rc = 0;
    for (int i = 0; i < SB_ANCHORS; i++)
        rc |= sb_anchor_load(&l->anchors, i, err);
    return rc;
}

/* A ledger that is gone is not begun anew where something remembers it. */
static int refuse_anew(struct sb_ledger *l, struct sb_err *err)
{
    char name[300];
    for (int i = 0; i < SB_ANCHORS; i++)
        if (l->anchors.a[i].there && l->anchors.a[i].c.size > 0)
            return sb_fail(err, SB_ELEDGER, "%s is gone, but %s knows %" PRId64 " entries: put the file back, or move the checkpoint away to begin a new ledger", l->db_path,
                           sb_anchor_name(&l->anchors, i, name, sizeof name), l->anchors.a[i].c.size);
    return 0;
}

static int open_owner(struct sb_ledger *l, const char *dir, struct sb_err *err)
{
    if (sb_dir_make(dir, 0700, err) || sb_lock_take(&l->lock, l->lock_path, err))
        return -1;
    struct sb_err cp_err = SB_ERR_INIT;
    int cp_rc = look_at_anchors(l, &cp_err);
    bool gone = access(l->db_path, F_OK) && errno == ENOENT;
    if (gone && cp_rc) {
        if (err)
            *err = cp_err;
        return -1;
    }
    if (gone && refuse_anew(l, err))
        return -1;
    char fresh[33];
    if (sb_origin_nonce(l->origin, fresh, err))
        return -1;
    bool may_create = cp_rc == 0 && sb_anchors_size(&l->anchors) <= 0;
    if (sb_store_open_file(&l->store, l->db_path, true, may_create ? fresh : NULL, sb_origin_wall_ms(l->origin), err))
        return -1;
    l->store_open = true;
    memcpy(l->log, l->store.log, sizeof l->log);
    for (int i = 0; gone && i < SB_ANCHORS; i++)
        if (l->anchors.a[i].there) { /* an empty ledger's checkpoint is no loss */
            l->anchors.a[i].there = false;
            unlink(l->anchors.a[i].path);
        }
    if (read_head(l, err))
        return -1;
    if (load_anchors(l, &cp_err))
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s; run: signalbox audit verify", cp_err.msg);
    if (verify_start(l, err))
        return -1;
    struct sb_err key_err = SB_ERR_INIT;
    if (sb_ledger_ready_key(l, &key_err) && key_err.code != SB_EIO && key_err.detail == 0) /* a full disk passes; a wrong key does not */
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s", key_err.msg);
    l->data_version = sb_store_data_version(&l->store, err);
    return l->data_version < 0 ? -1 : 0;
}

static int open_reader(struct sb_ledger *l, const char *dir, struct sb_err *err)
{
    if (sb_ledger_find(dir, err) || sb_store_open_file(&l->store, l->db_path, false, NULL, 0, err))
        return -1;
    l->store_open = true;
    memcpy(l->log, l->store.log, sizeof l->log);
    return read_head(l, err);
}

static int settle(struct sb_ledger *l, bool now, struct sb_err *err)
{
    if (l->mode != SB_LEDGER_OWN)
        return 0;
    if (l->health == SB_HEALTH_STUCK)
        return sb_fail(err, SB_ELEDGER, "%s", l->why);
    if (sb_ledger_readable(l, err) || catch_up(l, err))
        return -1;
    l->unsettled = 0;
    const struct sb_anchor *own = &l->anchors.a[SB_ANCHOR_OWN], *elsewhere = &l->anchors.a[SB_ANCHOR_WITNESS];
    bool due = !own->there || l->head - own->c.size >= (now ? 1 : SB_CHECKPOINT_EVERY) || (now && elsewhere->path && (!elsewhere->there || elsewhere->c.size < l->head));
    return due ? sb_ledger_save_checkpoint(l, err) : 0;
}

int sb_ledger_find(const char *dir, struct sb_err *err)
{
    char *path = sb_format("%s/ledger.db", dir);
    if (!path)
        return sb_fail_nomem(err);
    int rc = access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR) ? sb_fail(err, SB_EINPUT, "there is no ledger in %s", dir) : 0;
    free(path);
    return rc;
}

struct sb_ledger *sb_ledger_open(const char *dir, enum sb_ledger_mode mode, struct sb_origin *origin, struct sb_err *err)
{
    return sb_ledger_open_witnessed(dir, NULL, mode, origin, err);
}

struct sb_ledger *sb_ledger_open_witnessed(const char *dir, const char *witness, enum sb_ledger_mode mode, struct sb_origin *origin, struct sb_err *err)
{
    struct sb_ledger *l = calloc(1, sizeof *l);
    if (!l) {
        sb_fail_nomem(err);
        return NULL;
    }
    l->mode = mode;
    l->origin = origin;
    l->lock.fd = -1;
    l->hasher = sb_hasher_new();
    struct sb_err why = SB_ERR_INIT;
    int rc = l->hasher && make_paths(l, dir) == 0 ? sb_anchors_init(&l->anchors, dir, witness, &why) : sb_fail_nomem(&why);
    if (rc == 0)
        rc = mode == SB_LEDGER_OWN ? open_owner(l, dir, &why) : open_reader(l, dir, &why);
    if (rc && l->health != SB_HEALTH_STUCK) {
        if (err)
            *err = why;
        l->mode = SB_LEDGER_READ; /* nothing to settle */
        sb_ledger_close(l);
        return NULL;
    }
    const struct sb_anchor *own = &l->anchors.a[SB_ANCHOR_OWN], *elsewhere = &l->anchors.a[SB_ANCHOR_WITNESS];
    if (rc == 0 && mode == SB_LEDGER_OWN && l->health == SB_HEALTH_GOOD && (!own->there || (elsewhere->path && !elsewhere->there)))
        settle(l, true, NULL);
    return l;
}

/* ---- settling ---- */

int sb_ledger_settle(struct sb_ledger *l, struct sb_err *err)
{
    return settle(l, false, err);
}

const char *sb_ledger_library(void)
{
    return sb_store_library();
}

void sb_ledger_close(struct sb_ledger *l)
{
    if (!l)
        return;
    if (l->mode == SB_LEDGER_OWN && l->health != SB_HEALTH_STUCK && l->store_open) {
        sb_hook("ledger.close.begin");
        settle(l, true, NULL);
    }
    sb_derived_close(l->derived);
    if (l->store_open)
        sb_store_close_file(&l->store);
    sb_lock_release(&l->lock);
    sb_hasher_free(l->hasher);
    sb_anchors_release(&l->anchors);
    explicit_bzero(&l->key, sizeof l->key);
    free(l->dir);
    free(l->db_path);
    free(l->derived_path);
    free(l->lock_path);
    free(l);
}

int sb_ledger_rebuild(struct sb_ledger *l, struct sb_err *err)
{
    if (l->mode != SB_LEDGER_OWN)
        return sb_fail(err, SB_ESTATE, "only the owner of a ledger can make its derived tables anew");
    if (discard_derived(l, err))
        return -1;
    /* whatever made it stuck is looked at again, from the first entry on */
    l->health = SB_HEALTH_GOOD;
    struct sb_err cp_err = SB_ERR_INIT;
    if (sb_ledger_readable(l, err) || read_head(l, err))
        return -1;
    if (load_anchors(l, &cp_err))
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s", cp_err.msg);
    if (verify_start(l, err))
        return -1;
    l->data_version = sb_store_data_version(&l->store, err);
    if (l->data_version < 0 || settle(l, true, err))
        return -1;
    if (!l->derived || !sb_derived_on_disk(l->derived))
        return sb_fail(err, SB_ELEDGER, "%s cannot be written; is the disk full? Nothing is lost: the tables are made from the entries, whenever there is room", l->derived_path);
    return sb_ledger_note_anchors(l, err) ? -1 : 0;
}
