/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_vouch.h"

#include "audit.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/merkle.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

static int unreadable(struct sb_vouch *v, const char *why)
{
    v->state = SB_VOUCH_UNREADABLE;
    snprintf(v->what, sizeof v->what, "%s", why);
    return 0;
}

/* A file that is there is an answer whatever it holds; only memory is an error. */
static int take_note(struct sb_vouch *v, const char *path, const char *log, const struct sb_log_keys *keys, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_note note = {.n = 0};
    struct stat st;
    int found = 0;
    int rc = lstat(path, &st) || !S_ISREG(st.st_mode) ? sb_fail(&why, SB_ENO, "%s is no file", path) : 0; /* nor a pipe that is waited for */
    if (rc == 0)
        rc = sb_file_read(path, SB_NOTE_MAX, &v->note, &why);
    if (rc == 0)
        rc = sb_checkpoint_parse(&v->c, v->note.p, v->note.len, keys, path, &why);
    if (rc == 0 && !keys->n)
        rc = sb_fail(&why, SB_ENO, "the ledger names no key that %s could be signed with", path);
    if (rc == 0 && strcmp(v->c.log, log) != 0)
        rc = sb_fail(&why, SB_ENO, "%s is of another ledger (%s)", path, v->c.log);
    if (rc == 0)
        rc = sb_note_parse(&note, v->note.p, v->note.len, path, &why);
    if (rc == 0 && (found = sb_cosigned(&note, v->witness, &v->at_s, &why)) < 0) {
        sb_err_prefix(&why, "%s", path);
        rc = -1;
    }
    if (rc == 0 && found == 0)
        rc = sb_fail(&why, SB_ENO, "%s is not cosigned by %s", path, v->witness->name);
    sb_note_release(&note);
    if (why.code == SB_ENOMEM)
        return sb_fail_nomem(err);
    if (rc)
        return unreadable(v, why.msg);
    v->state = SB_VOUCH_AGREES; /* until it is held against the entries */
    return 0;
}

/* path is freed here. 1 there is such a file, 0 there is none. */
static int read_one(struct sb_vouches *v, const struct sb_log_key *witness, char *path, const char *log, const struct sb_log_keys *keys, struct sb_err *err)
{
    int rc = path ? 0 : sb_fail_nomem(err);
    if (rc == 0 && (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))) {
        if (SB_GROW(v->item, v->cap, v->n + 1)) {
            rc = sb_fail_nomem(err);
        } else {
            struct sb_vouch *one = &v->item[v->n++];
            memset(one, 0, sizeof *one);
            one->witness = witness;
            sb_str_init(&one->note);
            rc = take_note(one, path, log, keys, err) ? -1 : 1;
        }
    }
    free(path);
    return rc;
}

static int read_witness(struct sb_vouches *v, const struct sb_audit_vouching *a, const struct sb_log_key *w, const char *log, const struct sb_log_keys *keys, struct sb_err *err)
{
    int own = read_one(v, w, sb_format("%s/cosigned/%s", a->dir, w->name), log, keys, err);
    int shared = own < 0 || !a->folder ? 0 : read_one(v, w, sb_format("%s/%s.%s.cosigned", a->folder, log, w->name), log, keys, err);
    if (own < 0 || shared < 0)
        return -1;
    if (own || shared)
        return 0;
    if (SB_GROW(v->item, v->cap, v->n + 1))
        return sb_fail_nomem(err);
    struct sb_vouch *none = &v->item[v->n++];
    memset(none, 0, sizeof *none);
    none->witness = w;
    sb_str_init(&none->note);
    return 0;
}

int sb_vouches_read(struct sb_vouches *v, const struct sb_audit_vouching *a, struct sb_ledger *l, struct sb_err *err)
{
    struct sb_log_keys keys;
    memset(v, 0, sizeof *v);
    char *own = sb_format("%s/cosigners", a->dir);
    if (!own)
        return sb_fail_nomem(err);
    int rc = 0;
    v->known = a->cosigners || access(own, F_OK) == 0;
    if (v->known)
        rc = sb_key_list_load(&v->keys, SB_KEY_COSIGNER, a->cosigners ? a->cosigners : own, err);
    else if (a->folder)
        rc = sb_fail(err, SB_EINPUT, "whose word counts? There is no %s with the witnesses' keys, and no --cosigners FILE", own);
    if (rc == 0 && a->folder && access(a->folder, R_OK | X_OK))
        rc = sb_fail(err, SB_EINPUT, "cannot read the folder %s: %s", a->folder, strerrordesc_np(errno));
    if (rc == 0 && v->keys.n)
        rc = sb_ledger_keys(l, &keys, err);
    for (size_t i = 0; rc == 0 && i < v->keys.n; i++)
        rc = read_witness(v, a, &v->keys.item[i], sb_ledger_id(l), &keys, err);
    free(own);
    return rc;
}

void sb_vouches_release(struct sb_vouches *v)
{
    for (size_t i = 0; i < v->n; i++)
        sb_str_release(&v->item[i].note);
    free(v->item);
    sb_key_list_release(&v->keys);
    memset(v, 0, sizeof *v);
}

/* ---- judging ---- */

static const char *when(const struct sb_vouch *v, char at[SB_TIME_LEN + 1])
{
    sb_time_format(at, v->at_s * 1000);
    return at;
}

static void against_root(struct sb_vouch *v, const struct sb_hash *root)
{
    char at[SB_TIME_LEN + 1], was[SB_CHECKPOINT_TEXT], now[SB_HEX_LEN + 1];
    if (memcmp(root, &v->c.root, sizeof *root) == 0)
        return;
    sb_hex_encode(now, root->bytes, SB_HASH_LEN);
    v->state = SB_VOUCH_FORKED;
    snprintf(v->what, sizeof v->what, "%s vouched at %s for %s, and here they have the root %s", v->witness->name, when(v, at), sb_checkpoint_text(&v->c, was), now);
}

static int roots(struct sb_vouches *v, const struct sb_audit_leaves *l, struct sb_err *err)
{
    struct sb_merkle m = {.size = 0};
    struct sb_hash root;
    for (int64_t size = 0; size <= l->n; size++) {
        bool computed = false;
        for (size_t i = 0; i < v->n; i++) {
            if (v->item[i].state != SB_VOUCH_AGREES || v->item[i].c.size != size)
                continue;
            if (!computed && sb_merkle_root(&m, l->hasher, &root))
                return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
            computed = true;
            against_root(&v->item[i], &root);
        }
        if (size < l->n && sb_merkle_push(&m, l->hasher, &l->item[size]))
            return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    }
    return 0;
}

static void against_size(struct sb_vouch *v, int64_t head)
{
    char at[SB_TIME_LEN + 1], was[SB_CHECKPOINT_TEXT];
    if (v->state != SB_VOUCH_AGREES || v->c.size <= head)
        return;
    v->state = SB_VOUCH_ROLLED_BACK;
    snprintf(v->what, sizeof v->what, "it was rolled back: %s vouched at %s for %s, and here are %" PRId64 "; %" PRId64 " to %" PRId64 " are missing", v->witness->name, when(v, at),
             sb_checkpoint_text(&v->c, was), head, head + 1, v->c.size);
}

/* The first entry that cannot be what was witnessed lies behind the largest size that agrees and within the smallest that does not. */
static void locate(struct sb_vouches *v, int64_t head)
{
    const struct sb_vouch *fork = NULL;
    for (size_t i = 0; i < v->n; i++) {
        struct sb_vouch *one = &v->item[i];
        if (one->state == SB_VOUCH_AGREES && one->c.size > v->agreed)
            v->agreed = one->c.size;
        if (one->state == SB_VOUCH_FORKED && (!fork || one->c.size < fork->c.size))
            fork = one;
        if (one->state >= SB_VOUCH_ROLLED_BACK && (!v->bad || (v->bad->state != SB_VOUCH_FORKED && one->state != SB_VOUCH_UNREADABLE)))
            v->bad = one;
    }
    if (fork) {
        struct sb_vouch *said = &v->item[fork - v->item];
        size_t len = strlen(said->what);
        v->bad = fork;
        v->bad_index = fork->c.size == v->agreed + 1 ? fork->c.size : 0;
        snprintf(said->what + len, sizeof said->what - len, ": it was forked, in one of the entries %" PRId64 " to %" PRId64, v->agreed + 1, fork->c.size);
    } else if (v->bad && v->bad->state == SB_VOUCH_ROLLED_BACK) {
        v->bad_index = head + 1;
    }
}

static void look_at_clock(struct sb_vouch *v, int64_t now_s)
{
    char at[SB_TIME_LEN + 1];
    if (v->state != SB_VOUCH_AGREES || v->at_s <= now_s + SB_COSIGN_AHEAD_S)
        return;
    v->state = SB_VOUCH_AHEAD;
    snprintf(v->what, sizeof v->what, "not counted: it vouched at %s, which is still to come by this machine's clock", when(v, at));
}

int sb_vouches_judge(struct sb_vouches *v, struct sb_ledger *l, struct sb_err *err)
{
    struct sb_audit_leaves leaves = {.want = 0};
    int64_t head = sb_ledger_head(l), now_s = sb_wall_ms() / 1000;
    for (size_t i = 0; i < v->n; i++) {
        against_size(&v->item[i], head);
        if (v->item[i].state == SB_VOUCH_AGREES && v->item[i].c.size > leaves.want)
            leaves.want = v->item[i].c.size;
    }
    int rc = sb_audit_leaves_read(&leaves, l, err);
    if (rc == 0)
        rc = roots(v, &leaves, err);
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        look_at_clock(&v->item[i], now_s);
    if (rc == 0)
        locate(v, head);
    sb_audit_leaves_release(&leaves);
    return rc;
}

int sb_vouches_of(struct sb_vouches *v, const struct sb_audit_vouching *a, struct sb_err *err)
{
    memset(v, 0, sizeof *v);
    struct sb_ledger *l = sb_ledger_open(a->dir, SB_LEDGER_READ, NULL, err);
    int rc = l ? sb_vouches_read(v, a, l, err) : -1;
    if (rc == 0 && v->n)
        rc = sb_vouches_judge(v, l, err);
    sb_ledger_close(l);
    return rc;
}

const struct sb_vouch *sb_vouches_best(const struct sb_vouches *v, const struct sb_log_key *witness)
{
    const struct sb_vouch *best = NULL;
    for (size_t i = 0; i < v->n; i++)
        if (v->item[i].witness == witness && v->item[i].state == SB_VOUCH_AGREES && (!best || v->item[i].c.size > best->c.size))
            best = &v->item[i];
    return best;
}

/* ---- telling ---- */

/* One that agrees and is not the largest of its witness says nothing more. */
static bool told_by_another(const struct sb_vouches *v, const struct sb_vouch *one)
{
    return one->state == SB_VOUCH_AGREES && sb_vouches_best(v, one->witness) != one;
}

void sb_vouches_print(const struct sb_vouches *v)
{
    char at[SB_TIME_LEN + 1];
    if (v->known && v->keys.n == 0)
        sb_print("  %-11s by nobody: the file of witnesses names none\n", "cosigned");
    for (size_t i = 0; i < v->n; i++) {
        const struct sb_vouch *one = &v->item[i];
        if (told_by_another(v, one))
            continue;
        if (one->state == SB_VOUCH_NONE)
            sb_print("  %-11s by %s: not yet\n", "cosigned", one->witness->name);
        else if (one->state == SB_VOUCH_AGREES)
            sb_print("  %-11s up to entry %" PRId64 " by %s at %s\n", "cosigned", one->c.size, one->witness->name, when(one, at));
        else
            sb_print("  %-11s by %s: %s\n", "cosigned", one->witness->name, one->what);
    }
}

static json_t *one_json(const struct sb_vouch *one)
{
    static const char *const states[] = {"none", "agrees", "ahead", "rolled_back", "forked", "unreadable"};
    char at[SB_TIME_LEN + 1];
    bool said = one->state != SB_VOUCH_NONE && one->state != SB_VOUCH_UNREADABLE;
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:s%}", "witness", one->witness->name, "state", states[one->state], "size", said ? json_integer(one->c.size) : json_null(), "at",
                     said ? json_string(when(one, at)) : json_null(), "root", said ? sb_audit_hash_json(&one->c.root) : json_null(), "what", one->what, strlen(one->what));
}

json_t *sb_vouches_json(const struct sb_vouches *v)
{
    if (!v->known)
        return json_null();
    json_t *list = json_array();
    for (size_t i = 0; list && i < v->n; i++)
        if (!told_by_another(v, &v->item[i]) && json_array_append_new(list, one_json(&v->item[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}
