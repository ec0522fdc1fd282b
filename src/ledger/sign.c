/* SPDX-License-Identifier: Apache-2.0
 *
 * What is signed, when, and against what it is held before: a checkpoint that disagrees with an earlier one is never signed. */
#include "private.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int no_digest(struct sb_err *err)
{
    return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
}

/* ---- the key ---- */

int sb_ledger_ready_key(struct sb_ledger *l, struct sb_err *err)
{
    if (l->key.secret)
        return 0;
    struct sb_log_key key;
    struct sb_anchor *own = &l->anchors.a[SB_ANCHOR_OWN];
    if (sb_signing_key(&key, l->dir, l->log, true, err))
        return -1;
    /* A ledger of before there were keys has a checkpoint that is not signed: it is signed first, for from the moment on that
     * the ledger names a key, a checkpoint without it is one that somebody put there. */
    int rc = l->anchors.keys.n == 0 && own->there ? sb_checkpoint_save(&own->c, &key, own->path, err) : 0;
    if (rc == 0)
        rc = sb_anchors_adopt(&l->anchors, &l->store, l->dir, &key, err);
    if (rc == 0)
        l->key = key;
    explicit_bzero(&key, sizeof key);
    return rc;
}

/* ---- anchors ---- */

static int root_at(struct sb_ledger *l, int64_t n, struct sb_hash *out, struct sb_err *err)
{
    struct sb_merkle range;
    if (sb_derived_range(l->derived, n, &range, l->hasher, err))
        return -1;
    return sb_merkle_root(&range, l->hasher, out) ? no_digest(err) : 0;
}

/* One that was there and is not any more. */
static int check_there(struct sb_ledger *l, int kind, struct sb_err *err)
{
    const struct sb_anchor *a = &l->anchors.a[kind];
    char name[300];
    int64_t knew = sb_derived_anchor(l->derived, kind);
    if (!a->path || a->there || knew <= 0)
        return 0;
    return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s is gone; it covered %" PRId64 " entries. Put it back; or, when you know why it is gone, run: signalbox audit rebuild",
                            sb_anchor_name(&l->anchors, kind, name, sizeof name), knew);
}

/* 1 agrees, 0 another root (why), -1 error. */
static int check_anchor(struct sb_ledger *l, int kind, struct sb_err *why, struct sb_err *err)
{
    const struct sb_anchor *a = &l->anchors.a[kind];
    struct sb_hash root;
    if (!a->there)
        return 1;
    if (sb_anchor_compare(&l->anchors, kind, l->log, l->head, NULL, why))
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s: %s", l->db_path, why->msg);
    if (root_at(l, a->c.size, &root, err))
        return -1;
    return sb_anchor_compare(&l->anchors, kind, l->log, l->head, &root, why) == 0;
}

int sb_ledger_check_anchors(struct sb_ledger *l, struct sb_err *why, struct sb_err *err)
{
    int good = 1;
    for (int i = 0; good == 1 && i < SB_ANCHORS; i++)
        good = check_there(l, i, err) ? -1 : check_anchor(l, i, why, err);
    return good;
}

int sb_ledger_note_anchors(struct sb_ledger *l, struct sb_err *err)
{
    for (int i = 0; i < SB_ANCHORS; i++)
        if (l->anchors.a[i].there && sb_derived_note_anchor(l->derived, i, l->anchors.a[i].c.size, err))
            return -1;
    return 0;
}

/* Reads the files again, for somebody may have put others there since. A witness that is out of reach for a while stops
 * nothing: what was compared with it when the ledger was opened stays compared. */
static int look_again(struct sb_ledger *l, struct sb_err *err)
{
    for (int i = 0; i < SB_ANCHORS; i++) {
        struct sb_err why = SB_ERR_INIT;
        struct sb_anchor *a = &l->anchors.a[i], before = *a;
        if (sb_anchor_load(&l->anchors, i, &why) || (before.there && !a->there)) {
            bool away = i == SB_ANCHOR_WITNESS && (why.code == SB_OK || why.code == SB_EIO);
            if (!away && why.code != SB_OK)
                return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s; run: signalbox audit verify", why.msg);
            if (!away && check_there(l, i, err))
                return -1;
            if (away) {
                *a = before;
                snprintf(l->witness_why, sizeof l->witness_why, "%s", why.code ? why.msg : "it is gone");
                l->witness_away = true;
            }
            continue;
        }
        int good = check_anchor(l, i, &why, err);
        if (good < 0)
            return -1;
        if (good == 0)
            return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "%s; run: signalbox audit verify", why.msg);
    }
    return 0;
}

static void save_witness(struct sb_ledger *l, const struct sb_checkpoint *next)
{
    struct sb_anchor *a = &l->anchors.a[SB_ANCHOR_WITNESS];
    struct sb_err why = SB_ERR_INIT;
    if (!a->path || l->witness_away)
        return;
    sb_hook("ledger.witness.begin");
    if (sb_checkpoint_save(next, &l->key, a->path, &why)) {
        snprintf(l->witness_why, sizeof l->witness_why, "%s", why.msg);
        return;
    }
    sb_hook("ledger.witness.written");
    l->witness_why[0] = '\0';
    a->c = *next;
    a->there = true;
}

int sb_ledger_save_checkpoint(struct sb_ledger *l, struct sb_err *err)
{
    struct sb_checkpoint next = {.size = l->head};
    struct sb_anchor *own = &l->anchors.a[SB_ANCHOR_OWN];
    memcpy(next.log, l->log, sizeof next.log);
    l->witness_away = false;
    if (look_again(l, err) || sb_ledger_ready_key(l, err) || root_at(l, l->head, &next.root, err))
        return -1;
    sb_hook("ledger.checkpoint.begin");
    if (sb_checkpoint_save(&next, &l->key, own->path, err))
        return -1;
    sb_hook("ledger.checkpoint.written");
    own->c = next;
    own->there = true;
    save_witness(l, &next);
    return sb_ledger_note_anchors(l, err);
}

int64_t sb_ledger_witnessed(const struct sb_ledger *l, const char **why)
{
    const struct sb_anchor *a = &l->anchors.a[SB_ANCHOR_WITNESS];
    if (why)
        *why = l->witness_why;
    return a->path && a->there ? a->c.size : -1;
}

/* ---- at an operator's word ---- */

/* Holds the entries against every checkpoint there is; the root over all of them. Computed from the entries themselves. */
static int compute(struct sb_ledger *l, struct sb_checkpoint *next, struct sb_err *err)
{
    if (sb_anchors_read_keys(&l->anchors, &l->store, err))
        return -1;
    memcpy(next->log, l->log, sizeof next->log);
    next->size = l->head;
    for (int i = 0; i < SB_ANCHORS; i++) {
        struct sb_hash root;
        const struct sb_anchor *a = &l->anchors.a[i];
        if (sb_anchor_load(&l->anchors, i, err))
            return -1;
        if (!a->there)
            continue;
        if (l->head < a->c.size && l->mode != SB_LEDGER_OWN && sb_ledger_refresh(l, err)) /* its owner went on */
            return -1;
        next->size = l->head;
        if (sb_anchor_compare(&l->anchors, i, l->log, l->head, NULL, err) || sb_ledger_root(l, a->c.size, &root, err) ||
            sb_anchor_compare(&l->anchors, i, l->log, l->head, &root, err))
            return -1;
    }
    return sb_ledger_root(l, next->size, &next->root, err);
}

/* The person's line: named after the key, for its comment is anybody's words. */
static int add_person(struct sb_str *note, const char *ssh_key, const struct sb_str *text, struct sb_err *err)
{
    struct sb_str armoured;
    struct sb_sshsig sig;
    struct sb_hash print;
    char name[40] = "ssh/";
    sb_str_init(&armoured);
    int rc = sb_sshsig_sign(ssh_key, SB_NOTE_SSH_NAMESPACE, text->p, text->len, &armoured, err);
    if (rc == 0) {
        rc = sb_sshsig_parse(&sig, armoured.p, armoured.len, err);
        if (rc == 0)
            rc = sb_hash_bytes(&print, sig.key.p, sig.key.n, err);
        if (rc == 0) {
            sb_hex_encode(name + 4, print.bytes, 8);
            rc = sb_note_add_ssh(note, name, &sig, err);
        }
        sb_sshsig_release(&sig);
    }
    sb_str_release(&armoured);
    return rc;
}

int sb_ledger_sign(struct sb_ledger *l, const char *ssh_key, struct sb_str *out, struct sb_err *err)
{
    struct sb_checkpoint next = {.size = 0};
    struct sb_log_key key;
    struct sb_str note, text;
    if (sb_ledger_readable(l, err) || compute(l, &next, err))
        return -1;
    if (sb_signing_key(&key, l->dir, l->log, false, err))
        return -1;
    sb_str_init(&note);
    sb_str_init(&text);
    sb_checkpoint_format(&text, &next);
    int rc = sb_anchors_know(&l->anchors, &key) ? 0 : sb_fail(err, SB_ELEDGER, "the ledger does not know the key beside it; open it once with its signalbox");
    if (rc == 0)
        rc = sb_checkpoint_sign(&note, &next, &key, err);
    if (rc == 0 && ssh_key)
        rc = add_person(&note, ssh_key, &text, err);
    if (rc == 0 && !sb_str_ok(&note))
        rc = sb_fail_nomem(err);
    for (int i = SB_ANCHOR_OPERATOR; rc == 0 && i < SB_ANCHORS; i++)
        if (l->anchors.a[i].path)
            rc = sb_file_write(l->anchors.a[i].path, 0600, note.p, note.len, err);
    if (rc == 0)
        sb_str_add(out, note.p, note.len);
    explicit_bzero(&key, sizeof key);
    sb_str_release(&note);
    sb_str_release(&text);
    return rc == 0 && !sb_str_ok(out) ? sb_fail_nomem(err) : rc;
}
