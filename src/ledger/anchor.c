/* SPDX-License-Identifier: Apache-2.0 */
#include "anchor.h"

#include <signalbox/base/file.h>

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sb_anchors_init(struct sb_anchors *a, const char *dir, const char *witness, struct sb_err *err)
{
    memset(a, 0, sizeof *a);
    a->a[SB_ANCHOR_OWN].path = sb_format("%s/checkpoint", dir);
    a->a[SB_ANCHOR_OPERATOR].path = sb_format("%s/checkpoint.signed", dir);
    if (witness)
        a->a[SB_ANCHOR_WITNESS].path = sb_format("%s", witness);
    bool good = a->a[SB_ANCHOR_OWN].path && a->a[SB_ANCHOR_OPERATOR].path && (!witness || a->a[SB_ANCHOR_WITNESS].path);
    return good ? 0 : sb_fail_nomem(err);
}

void sb_anchors_release(struct sb_anchors *a)
{
    for (size_t i = 0; i < SB_ANCHORS; i++)
        free(a->a[i].path);
    memset(a, 0, sizeof *a);
}

const char *sb_anchor_name(const struct sb_anchors *a, int kind, char *buf, size_t cap)
{
    snprintf(buf, cap, "%s %s", kind == SB_ANCHOR_WITNESS ? "the witness" : "the checkpoint", a->a[kind].path);
    return buf;
}

static int take_key(void *ctx, const char *text, size_t n, struct sb_err *err)
{
    struct sb_log_keys *keys = ctx;
    if (keys->n == SB_LOG_KEYS_MAX)
        return sb_fail(err, SB_ELEDGER, "the ledger names more than %d keys that it signs with", SB_LOG_KEYS_MAX);
    if (sb_log_key_parse(&keys->item[keys->n], text, n, "what the ledger names as its key", err) || keys->item[keys->n].secret) {
        if (err)
            err->code = SB_ELEDGER;
        return -1;
    }
    keys->n++;
    return 0;
}

int sb_anchors_read_keys(struct sb_anchors *a, struct sb_store *s, struct sb_err *err)
{
    a->keys.n = 0;
    return sb_store_keys(s, take_key, &a->keys, err);
}

int sb_anchor_load(struct sb_anchors *a, int kind, struct sb_err *err)
{
    struct sb_anchor *anchor = &a->a[kind];
    anchor->there = false;
    if (!anchor->path)
        return 0;
    int found = sb_checkpoint_load(&anchor->c, &a->keys, anchor->path, err);
    anchor->there = found == 1;
    return found < 0 ? -1 : 0;
}

int64_t sb_anchors_size(const struct sb_anchors *a)
{
    int64_t most = -1;
    for (size_t i = 0; i < SB_ANCHORS; i++)
        if (a->a[i].there && a->a[i].c.size > most)
            most = a->a[i].c.size;
    return most;
}

int sb_anchor_compare(const struct sb_anchors *a, int kind, const char *log, int64_t entries, const struct sb_hash *root, struct sb_err *err)
{
    const struct sb_checkpoint *c = &a->a[kind].c;
    char name[300], said[SB_CHECKPOINT_TEXT];
    sb_anchor_name(a, kind, name, sizeof name);
    if (strcmp(c->log, log) != 0)
        return sb_fail(err, SB_ELEDGER, "%s is of another ledger (%s)", name, c->log);
    if (c->size > entries)
        return sb_fail(err, SB_ELEDGER, "the tail was cut off: the ledger has %" PRId64 " entries, but %s knew %s", entries, name, sb_checkpoint_text(c, said));
    if (!root || memcmp(root, &c->root, sizeof *root) == 0)
        return 0;
    struct sb_checkpoint is = {.size = c->size, .root = *root};
    char now[SB_CHECKPOINT_TEXT];
    return sb_fail(err, SB_ELEDGER, "the ledger was rewritten: it has %s, but %s says %s", sb_checkpoint_text(&is, now), name, sb_checkpoint_text(c, said));
}

/* ---- the log's own key ---- */

/* Nobody but the owner of the file may have read it. */
static int check_private(const char *path, struct sb_err *err)
{
    struct stat st;
    if (stat(path, &st))
        return sb_fail_errno(err, errno, "cannot look at %s", path);
    return st.st_mode & (S_IRWXG | S_IRWXO) ? sb_fail(err, SB_ELEDGER, "%s may be read by others; run: chmod 600 %s", path, path) : 0;
}

static int make_key(struct sb_log_key *k, const char *path, const char *name, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_log_key_make(k, name, err);
    if (rc == 0) {
        sb_log_key_format(&text, k, true);
        sb_str_addc(&text, '\n');
        rc = sb_str_ok(&text) ? sb_file_write(path, 0600, text.p, text.len, err) : sb_fail_nomem(err);
    }
    if (text.len)
        OPENSSL_cleanse(text.p, text.len);
    sb_str_release(&text);
    return rc;
}

static int read_key(struct sb_log_key *k, const char *path, const char *name, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    int rc = check_private(path, err);
    if (rc == 0)
        rc = sb_file_read(path, 1024, &text, err);
    if (rc == 0)
        rc = sb_log_key_parse(k, text.p, text.len, path, err);
    if (rc == 0 && (!k->secret || strcmp(k->name, name) != 0))
        rc = sb_fail(err, SB_ELEDGER, "%s is not the secret key of this ledger (%s)", path, name);
    if (text.len)
        OPENSSL_cleanse(text.p, text.len);
    sb_str_release(&text);
    return rc;
}

int sb_signing_key(struct sb_log_key *k, const char *dir, const char *log, bool make, struct sb_err *err)
{
    char name[SB_NOTE_NAME_MAX + 1];
    char *path = sb_format("%s/checkpoint-key", dir);
    if (!path)
        return sb_fail_nomem(err);
    snprintf(name, sizeof name, "%s%s", SB_CHECKPOINT_ORIGIN, log);
    int rc = access(path, F_OK) && errno == ENOENT && make ? make_key(k, path, name, err) : read_key(k, path, name, err);
    free(path);
    if (rc) {
        OPENSSL_cleanse(k->seed, sizeof k->seed);
        k->secret = false;
    }
    return rc;
}

bool sb_anchors_know(const struct sb_anchors *a, const struct sb_log_key *k)
{
    for (size_t i = 0; i < a->keys.n; i++)
        if (strcmp(a->keys.item[i].name, k->name) == 0 && memcmp(a->keys.item[i].public_key, k->public_key, sizeof k->public_key) == 0)
            return true;
    return false;
}

int sb_anchors_adopt(struct sb_anchors *a, struct sb_store *s, const char *dir, const struct sb_log_key *k, struct sb_err *err)
{
    struct sb_str line;
    sb_str_init(&line);
    sb_log_key_format(&line, k, false);
    char *path = sb_format("%s/checkpoint-key.pub", dir);
    int rc = 0;
    bool fresh = !sb_anchors_know(a, k);
    if (!path || !sb_str_ok(&line)) {
        rc = sb_fail_nomem(err);
    } else if (fresh) {
        if (a->keys.n == SB_LOG_KEYS_MAX)
            rc = sb_fail(err, SB_ELEDGER, "the ledger has signed with %d keys; it takes no further one", SB_LOG_KEYS_MAX);
        else
            rc = sb_store_add_key(s, a->keys.n, line.p, err);
        if (rc == 0)
            rc = sb_anchors_read_keys(a, s, err);
    }
    if (rc == 0 && (fresh || access(path, F_OK))) {
        sb_str_addc(&line, '\n');
        rc = sb_file_write(path, 0644, line.p, line.len, err);
    }
    free(path);
    sb_str_release(&line);
    return rc;
}
