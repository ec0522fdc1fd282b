/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/ledger/cosigner.h>

#include "note_line.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES 10 /* of half a second each */

/* ---- the key ---- */

static int read_key(struct sb_log_key *k, const char *dir, struct sb_err *err)
{
    struct sb_str text;
    struct stat st;
    char *path = sb_format("%s/key", dir);
    sb_str_init(&text);
    int rc = path ? 0 : sb_fail_nomem(err);
    if (rc == 0 && stat(path, &st))
        rc = errno == ENOENT || errno == ENOTDIR ? sb_fail(err, SB_EINPUT, "there is no witness in %s; make one: signalbox audit witness key", dir) : sb_fail_errno(err, errno, "cannot look at %s", path);
    if (rc == 0 && st.st_mode & (S_IRWXG | S_IRWXO))
        rc = sb_fail(err, SB_ELEDGER, "%s may be read by others; run: chmod 600 %s", path, path);
    if (rc == 0)
        rc = sb_file_read(path, 1024, &text, err);
    if (rc == 0)
        rc = sb_cosigner_key_parse(k, text.p, text.len, path, err);
    if (rc == 0 && (!k->secret || !sb_cosigner_name_ok(k->name)))
        rc = sb_fail(err, SB_ELEDGER, "%s is not the secret key of a witness", path);
    if (text.len)
        OPENSSL_cleanse(text.p, text.len);
    sb_str_release(&text);
    free(path);
    return rc;
}

static int save_key(const struct sb_log_key *k, bool secret, const char *dir, struct sb_err *err)
{
    struct sb_str text;
    char *path = sb_format("%s/%s", dir, secret ? "key" : "key.pub");
    sb_str_init(&text);
    sb_log_key_format(&text, k, secret);
    sb_str_addc(&text, '\n');
    int rc = path && sb_str_ok(&text) ? sb_file_write(path, secret ? 0600 : 0644, text.p, text.len, err) : sb_fail_nomem(err);
    if (text.len)
        OPENSSL_cleanse(text.p, text.len);
    sb_str_release(&text);
    free(path);
    return rc;
}

static int take_lock(struct sb_lock *lock, const char *dir, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_owner owner;
    char *path = sb_format("%s/lock", dir);
    int rc = path ? sb_lock_take(lock, path, &why) : sb_fail_nomem(&why);
    for (int tries = 1; rc && path && tries < LOCK_TRIES && sb_lock_owner(path, &owner, NULL) == 0 && owner.held; tries++)
        rc = sb_lock_take(lock, path, &why);
    if (rc && path && sb_lock_owner(path, &owner, NULL) == 0 && owner.held)
        sb_fail(&why, SB_ESTATE, "the witness in %s is busy with another answer (process %" PRId64 "); ask again", dir, owner.pid);
    if (rc && err)
        *err = why;
    free(path);
    return rc;
}

int sb_cosigner_make(const char *dir, const char *name, struct sb_str *line, struct sb_err *err)
{
    struct sb_log_key k;
    struct sb_lock lock = {.fd = -1};
    memset(&k, 0, sizeof k);
    if (name && !sb_cosigner_name_ok(name))
        return sb_fail(err, SB_EUSAGE, "a witness's name is letters, digits, dots, dashes and underscores, at most %d: not \"%s\"; give it one with --name", SB_COSIGNER_NAME_MAX, name);
    char *path = sb_format("%s/key", dir);
    int rc = path ? sb_dir_make(dir, 0700, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = take_lock(&lock, dir, err);
    if (rc == 0 && access(path, F_OK) && errno == ENOENT)
        rc = !name ? sb_fail(err, SB_EUSAGE, "a witness needs a name: give it one with --name") : sb_cosigner_key_make(&k, name, err) || save_key(&k, true, dir, err) ? -1 : 0;
    else if (rc == 0)
        rc = read_key(&k, dir, err);
    if (rc == 0 && name && !sb_streq(k.name, name))
        rc = sb_fail(err, SB_ESTATE, "this witness has its name already: %s", k.name);
    if (rc == 0)
        rc = save_key(&k, false, dir, err);
    if (rc == 0) {
        sb_log_key_format(line, &k, false);
        rc = sb_str_ok(line) ? 0 : sb_fail_nomem(err);
    }
    sb_lock_release(&lock);
    OPENSSL_cleanse(&k, sizeof k);
    free(path);
    return rc;
}

/* ---- the state ---- */

int sb_cosigner_open(struct sb_cosigner *w, const char *dir, const char *logs, struct sb_err *err)
{
    memset(w, 0, sizeof *w);
    w->lock.fd = -1;
    w->dir = sb_format("%s", dir);
    char *own = sb_format("%s/logs", dir);
    int rc = w->dir && own ? read_key(&w->key, dir, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = take_lock(&w->lock, dir, err);
    if (rc == 0 && !logs && access(own, F_OK) && errno == ENOENT)
        rc = sb_fail(err, SB_EINPUT, "the witness knows no ledger yet: put the checkpoint-key.pub of each into %s", own);
    if (rc == 0)
        rc = sb_key_list_load(&w->logs, SB_KEY_LOG, logs ? logs : own, err);
    free(own);
    return rc;
}

void sb_cosigner_release(struct sb_cosigner *w)
{
    sb_lock_release(&w->lock);
    sb_key_list_release(&w->logs);
    OPENSSL_cleanse(&w->key, sizeof w->key);
    free(w->dir);
    w->dir = NULL;
}

int sb_cosigner_seen(const struct sb_cosigner *w, const char *log, struct sb_str *note, struct sb_err *err)
{
    char *path = sb_format("%s/seen.%s", w->dir, log);
    int rc = path ? 0 : sb_fail_nomem(err);
    if (rc == 0 && (access(path, F_OK) == 0 || errno != ENOENT))
        rc = sb_file_read(path, SB_NOTE_MAX, note, err);
    free(path);
    return rc;
}

/* What was vouched for last: 1, 0 nothing was. The file proves itself by the witness's own line. */
static int read_seen(const struct sb_cosigner *w, const char *log, struct sb_checkpoint *c, struct sb_err *err)
{
    struct sb_str text;
    struct sb_note note = {.n = 0};
    struct sb_err why = SB_ERR_INIT;
    int64_t at;
    sb_str_init(&text);
    int rc = sb_cosigner_seen(w, log, &text, err);
    if (rc == 0 && text.len) {
        bool good = sb_checkpoint_parse(c, text.p, text.len, NULL, "it", &why) == 0 && strcmp(c->log, log) == 0 && sb_note_parse(&note, text.p, text.len, "it", &why) == 0 &&
                    sb_cosigned(&note, &w->key, &at, &why) == 1;
        rc = good ? 1 : sb_fail(err, SB_ELEDGER, "%s/seen.%s is not what this witness wrote%s%s; it vouches for nothing of this ledger until that is put right", w->dir, log, why.msg[0] ? ": " : "", why.msg);
    }
    sb_note_release(&note);
    sb_str_release(&text);
    return rc;
}

static int save(const struct sb_cosigner *w, const char *what, const char *log, const struct sb_str *note, struct sb_err *err)
{
    char *path = sb_format("%s/%s.%s", w->dir, what, log);
    int rc = path && sb_str_ok(note) ? sb_file_write(path, 0600, note->p, note->len, err) : sb_fail_nomem(err);
    free(path);
    return rc;
}

/* The note with the lines of its log alone: whoever else signed it is nothing to this witness. */
static int add_signed(struct sb_str *out, const struct sb_note *note, const struct sb_log_keys *keys, struct sb_err *err)
{
    sb_str_add(out, note->text.p, note->text.n);
    sb_str_addc(out, '\n');
    bool done[SB_LOG_KEYS_MAX] = {false};
    for (size_t i = 0; i < note->n; i++)
        for (size_t k = 0; k < keys->n; k++) {
            const struct sb_note_signature *s = &note->signatures[i];
            if (done[k] || !sb_note_is_by(s, &keys->item[k]))
                continue;
            done[k] = true;
            if (sb_note_add_line(out, s->name, s->id, s->bytes.p + 4, s->bytes.len - 4, err))
                return -1;
        }
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

static int keep_fork(const struct sb_cosigner *w, const char *log, const struct sb_str *note, struct sb_err *err)
{
    char *path = sb_format("%s/fork.%s", w->dir, log);
    int rc = path ? 0 : sb_fail_nomem(err);
    if (rc == 0 && access(path, F_OK) && errno == ENOENT)
        rc = save(w, "fork", log, note, err);
    free(path);
    return rc;
}

/* ---- answers ---- */

static void refuse(struct sb_cosign_answer *a, enum sb_cosign_answer_kind kind, const struct sb_checkpoint *asked, const struct sb_checkpoint *seen)
{
    char is[SB_CHECKPOINT_TEXT], was[SB_CHECKPOINT_TEXT];
    sb_checkpoint_text(asked, is);
    sb_checkpoint_text(seen, was);
    a->kind = kind;
    if (kind == SB_COSIGN_OLDER)
        snprintf(a->why, sizeof a->why, "rolled back, or an old request: it is about %s, and %s have been seen", is, was);
    else if (kind == SB_COSIGN_FORKED)
        snprintf(a->why, sizeof a->why, "forked: it is about %s, and %s have been seen", is, was);
    else if (kind == SB_COSIGN_UNPROVEN)
        snprintf(a->why, sizeof a->why, "forked, or a wrong proof: it does not lead from the %s that have been seen to %s", was, is);
    else
        snprintf(a->why, sizeof a->why, "it must prove that it continues the %s that have been seen: ask again from %" PRId64, was, seen->size);
}

/* Is the checkpoint the last one seen, or does it continue it? */
static int judge(struct sb_cosign_answer *a, const struct sb_cosign_request *r, const struct sb_checkpoint *c, const struct sb_checkpoint *seen, bool known, struct sb_err *err)
{
    bool same = memcmp(&c->root, &seen->root, sizeof c->root) == 0;
    struct sb_hasher *h = sb_hasher_new();
    if (!h)
        return sb_fail_nomem(err);
    a->size = known ? seen->size : 0;
    if (known && c->size < seen->size)
        refuse(a, SB_COSIGN_OLDER, c, seen);
    else if (known && c->size == seen->size && !same)
        refuse(a, SB_COSIGN_FORKED, c, seen);
    else if (r->old != a->size)
        refuse(a, SB_COSIGN_KNOWN, c, seen);
    else if (a->size == 0 ? r->proof.n > 0 : !sb_proof_consistent(h, (uint64_t)a->size, (uint64_t)c->size, &r->proof, &seen->root, &c->root))
        refuse(a, SB_COSIGN_UNPROVEN, c, seen);
    else
        a->kind = SB_COSIGN_COSIGNED;
    sb_hasher_free(h);
    return 0;
}

static int vouch(struct sb_cosigner *w, const struct sb_note *note, const struct sb_log_keys *keys, int64_t now_s, struct sb_cosign_answer *a, struct sb_err *err)
{
    struct sb_str kept;
    sb_str_init(&kept);
    int rc = add_signed(&kept, note, keys, err);
    if (rc == 0 && a->kind == SB_COSIGN_COSIGNED) {
        rc = sb_cosign(&a->line, note->text, now_s, &w->key, err);
        sb_str_add(&kept, a->line.p, a->line.len);
        sb_hook("ledger.cosigner.begin");
        if (rc == 0)
            rc = save(w, "seen", a->log, &kept, err);
        sb_hook("ledger.cosigner.written");
        if (rc == 0)
            a->size = a->asked;
    } else if (rc == 0 && (a->kind == SB_COSIGN_FORKED || a->kind == SB_COSIGN_UNPROVEN)) {
        rc = keep_fork(w, a->log, &kept, err);
    }
    if (rc)
        sb_str_clear(&a->line);
    sb_str_release(&kept);
    return rc;
}

int sb_cosigner_answer(struct sb_cosigner *w, const char *request, size_t n, const char *path, int64_t now_s, struct sb_cosign_answer *out, struct sb_err *err)
{
    struct sb_cosign_request r;
    struct sb_checkpoint c, seen = {.size = 0};
    struct sb_log_keys keys;
    struct sb_note note = {.n = 0};
    struct sb_err why = SB_ERR_INIT;
    memset(out, 0, sizeof *out);
    sb_str_init(&out->line);
    if (sb_cosign_request_parse(&r, request, n, path, err) || sb_checkpoint_parse(&c, r.note.p, r.note.n, NULL, "its checkpoint", err))
        return -1;
    if (r.old > c.size)
        return sb_fail(err, SB_EINPUT, "%s asks from %" PRId64 " on for a checkpoint of %" PRId64 " entries", path, r.old, c.size);
    memcpy(out->log, c.log, sizeof out->log);
    out->asked = c.size;
    sb_key_list_of(&w->logs, c.log, &keys);
    int rc = sb_note_parse(&note, r.note.p, r.note.n, "its checkpoint", err);
    int found = rc ? -1 : sb_note_verify(&note, keys.item, keys.n, &why);
    if (rc == 0 && keys.n == 0) {
        out->kind = SB_COSIGN_UNKNOWN;
        snprintf(out->why, sizeof out->why, "this witness does not know the ledger %s: put its checkpoint-key.pub into %s/logs", c.log, w->dir);
    } else if (rc == 0 && found <= 0) {
        out->kind = SB_COSIGN_UNSIGNED;
        snprintf(out->why, sizeof out->why, "the checkpoint is not signed with a key of the ledger %s%s%s", c.log, found < 0 ? ": " : "", found < 0 ? why.msg : "");
    } else if (rc == 0) {
        int known = read_seen(w, c.log, &seen, err);
        rc = known < 0 || judge(out, &r, &c, &seen, known == 1, err) || vouch(w, &note, &keys, now_s, out, err) ? -1 : 0;
    }
    sb_note_release(&note);
    return rc;
}

void sb_cosign_answer_release(struct sb_cosign_answer *a)
{
    sb_str_release(&a->line);
}
