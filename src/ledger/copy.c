/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of a ledger, looked through once from its first entry to its last. */
#include <signalbox/ledger/copy.h>

#include <signalbox/base/file.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/merkle.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (1 << 16)

static const char *const states[] = {"none", "agrees", "ahead", "short", "forked", "unreadable"};
const struct sb_names sb_copy_states = {"state", states, SB_COUNT(states)};

/* ---- what was signed ---- */

static void unreadable(struct sb_copy_signed *s, const char *why)
{
    s->state = SB_COPY_UNREADABLE;
    snprintf(s->what, sizeof s->what, "%s", why);
}

/* A note that is there is an answer whatever it holds; only memory is an error. witness NULL: the ledger's own. */
static int read_signed(struct sb_copy_signed *s, const char *path, const char *log, const struct sb_log_keys *keys, const struct sb_log_key *witness, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_note note = {.n = 0};
    struct sb_str text;
    int found = 1;
    sb_str_init(&text);
    snprintf(s->by, sizeof s->by, "%s", witness ? witness->name : "");
    if (access(path, F_OK)) {
        s->state = SB_COPY_NONE;
        goto out;
    }
    int rc = sb_file_read(path, SB_NOTE_MAX, &text, &why);
    if (rc == 0)
        rc = sb_checkpoint_parse(&s->c, text.p, text.len, keys, path, &why);
    if (rc == 0 && !keys->n)
        rc = sb_fail(&why, SB_ENO, "no key is known that %s could be signed with", path);
    if (rc == 0 && strcmp(s->c.log, log) != 0)
        rc = sb_fail(&why, SB_ENO, "%s is of another ledger (%s)", path, s->c.log);
    if (rc == 0 && witness)
        rc = sb_note_parse(&note, text.p, text.len, path, &why);
    if (rc == 0 && witness && (found = sb_cosigned(&note, witness, &s->at_s, &why)) == 0)
        rc = sb_fail(&why, SB_ENO, "%s is not cosigned by %s", path, witness->name);
    if (rc || found < 0)
        unreadable(s, why.msg);
    else
        s->state = SB_COPY_AGREES; /* until it is held against the entries */
out:
    sb_note_release(&note);
    sb_str_release(&text);
    return why.code == SB_ENOMEM ? sb_fail_nomem(err) : 0;
}

static int read_all_signed(struct sb_copy *out, const char *dir, const char *log, const struct sb_log_keys *keys, const struct sb_key_list *witnesses, struct sb_err *err)
{
    size_t n = witnesses ? witnesses->n : 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i <= n && out->by_n < SB_COPY_SIGNED_MOST; i++) {
        const struct sb_log_key *w = i ? &witnesses->item[i - 1] : NULL;
        char *path = w ? sb_format("%s/" SB_COPY_COSIGNED "/%s", dir, w->name) : sb_format("%s/" SB_COPY_CHECKPOINT, dir);
        rc = path ? read_signed(&out->by[out->by_n++], path, log, keys, w, err) : sb_fail_nomem(err);
        free(path);
    }
    return rc;
}

/* ---- the entries ---- */

struct reader {
    FILE *f;
    char block[BLOCK];
    size_t n, at;
    struct sb_str line;
};

/* 1 a line without its end, 0 the end, -1 it cannot be read, 2 longer than an entry may be, 3 the last one has no end. */
static int next_line(struct reader *r)
{
    sb_str_clear(&r->line);
    for (;;) {
        if (r->at == r->n) {
            r->n = fread(r->block, 1, sizeof r->block, r->f);
            r->at = 0;
            if (r->n == 0)
                return ferror(r->f) ? -1 : r->line.len ? 3 : 0;
        }
        const char *from = r->block + r->at, *end = memchr(from, '\n', r->n - r->at);
        size_t n = end ? (size_t)(end - from) : r->n - r->at;
        if (r->line.len + n > SB_ENTRY_MAX_BYTES)
            return 2;
        sb_str_add(&r->line, from, n);
        if (!sb_str_ok(&r->line))
            return -1;
        r->at += n + (end != NULL);
        if (end)
            return 1;
    }
}

struct copying {
    struct sb_copy *out;
    const char *log;
    struct sb_hasher *hasher;
    struct sb_merkle tree;
    struct sb_entry_memory memory;
    char prev[SB_HEX_LEN + 1];
};

static int lost_digest(struct sb_err *err)
{
    return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
}

/* Everything that was signed at exactly this size. */
static int compare(struct copying *c, int64_t size, struct sb_err *err)
{
    struct sb_hash root;
    bool computed = false;
    for (size_t i = 0; i < c->out->by_n; i++) {
        struct sb_copy_signed *s = &c->out->by[i];
        char was[SB_CHECKPOINT_TEXT], now[SB_HEX_LEN + 1];
        if (s->state != SB_COPY_AGREES || s->c.size != size)
            continue;
        if (!computed && sb_merkle_root(&c->tree, c->hasher, &root))
            return lost_digest(err);
        computed = true;
        if (sb_hash_same(&root, &s->c.root))
            continue;
        sb_hex_encode(now, root.bytes, SB_HASH_LEN);
        s->state = SB_COPY_FORKED;
        snprintf(s->what, sizeof s->what, "%s signed %s, and in the copy they have the root %s", s->by[0] ? s->by : "the ledger", sb_checkpoint_text(&s->c, was), now);
    }
    return 0;
}

static int blame(struct sb_copy *out, int64_t seq, const char *what)
{
    out->bad = seq;
    snprintf(out->what, sizeof out->what, "%s", what);
    return 1;
}

/* 0 good, 1 bad, -1. */
static int take_entry(struct copying *c, const struct sb_str *line, struct sb_err *err)
{
    int64_t seq = c->out->entries + 1;
    struct sb_entry_view view;
    struct sb_flaw flaw;
    struct sb_hash leaf;
    char what[300];
    if (!sb_entry_view(line->p ? line->p : "", line->len, &c->memory, &view, &flaw)) {
        snprintf(what, sizeof what, "it is no entry: byte %zu: %s", flaw.at, flaw.what);
        return blame(c->out, seq, what);
    }
    if (view.seq != seq) {
        snprintf(what, sizeof what, "it says that it is entry %" PRId64, view.seq);
        return blame(c->out, seq, what);
    }
    if (!sb_span_is(view.log, c->log))
        return blame(c->out, seq, "it is of another ledger");
    if (!sb_span_is(view.prev, c->prev))
        return blame(c->out, seq, "it does not follow the entry before it: that one has another hash");
    if (sb_merkle_leaf(c->hasher, &leaf, line->p, line->len) || sb_merkle_push(&c->tree, c->hasher, &leaf))
        return lost_digest(err);
    sb_hex_encode(c->prev, leaf.bytes, SB_HASH_LEN);
    c->out->entries = seq;
    return compare(c, seq, err);
}

static int take_all(struct copying *c, struct reader *r, struct sb_err *err)
{
    int rc = compare(c, 0, err), got;
    while (rc == 0 && (got = next_line(r)) != 0) {
        if (got < 0)
            return sb_str_ok(&r->line) ? sb_fail_errno(err, errno, "cannot read the entries") : sb_fail_nomem(err);
        rc = got == 1 ? take_entry(c, &r->line, err) : blame(c->out, c->out->entries + 1, got == 2 ? "it is longer than an entry may be" : "the file ends within it");
    }
    return rc < 0 ? -1 : sb_merkle_root(&c->tree, c->hasher, &c->out->root) ? lost_digest(err) : 0;
}

/* ---- the answer ---- */

static void judge(struct sb_copy *out, int64_t now_s)
{
    const struct sb_copy_signed *worst = NULL;
    for (size_t i = 0; i < out->by_n; i++) {
        struct sb_copy_signed *s = &out->by[i];
        char was[SB_CHECKPOINT_TEXT];
        if (s->state == SB_COPY_AGREES && s->c.size > out->entries) {
            s->state = SB_COPY_SHORT;
            snprintf(s->what, sizeof s->what, "%s signed %s, and in the copy are %" PRId64 " good ones", s->by[0] ? s->by : "the ledger", sb_checkpoint_text(&s->c, was), out->entries);
        } else if (s->state == SB_COPY_AGREES && s->by[0] && s->at_s > now_s + SB_COSIGN_AHEAD_S) {
            s->state = SB_COPY_AHEAD;
            snprintf(s->what, sizeof s->what, "%s vouched at a time that is still to come by this machine's clock: not counted", s->by);
        } else if (s->state == SB_COPY_AGREES && s->c.size > out->sure) {
            out->sure = s->c.size;
        }
        if (s->state >= SB_COPY_SHORT && (!worst || (worst->state != SB_COPY_FORKED && s->state == SB_COPY_FORKED)))
            worst = s;
    }
    if (!out->what[0] && worst)
        snprintf(out->what, sizeof out->what, "%s", worst->what);
    out->ok = !out->what[0];
}

int sb_copy_verify(const char *dir, const char *log, const struct sb_log_keys *keys, const struct sb_key_list *witnesses, int64_t now_s, struct sb_copy *out, struct sb_err *err)
{
    struct copying c = {.out = out, .log = log, .hasher = sb_hasher_new()};
    struct reader *r = calloc(1, sizeof *r);
    char *path = sb_format("%s/" SB_COPY_ENTRIES, dir);
    int rc = -1;
    memset(out, 0, sizeof *out);
    memset(c.prev, '0', SB_HEX_LEN);
    if (!c.hasher || !r || !path) {
        sb_fail_nomem(err);
        goto out;
    }
    sb_str_init(&r->line);
    if (read_all_signed(out, dir, log, keys, witnesses, err))
        goto out;
    r->f = fopen(path, "re");
    if (!r->f) {
        sb_fail(err, SB_EINPUT, "cannot read %s: %s", path, strerrordesc_np(errno));
        goto out;
    }
    if ((rc = take_all(&c, r, err)) == 0)
        judge(out, now_s);
out:
    if (r && r->f)
        fclose(r->f);
    if (r)
        sb_str_release(&r->line);
    free(r);
    free(path);
    sb_hasher_free(c.hasher);
    return rc;
}
