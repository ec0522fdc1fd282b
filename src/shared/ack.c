/* SPDX-License-Identifier: Apache-2.0
 *
 * STATE/store.ack: what the store has acknowledged, and how far the ledgers of others were. Canonical JSON in one line, and behind it
 * the SHA-256 of that line, so that a file that was cut or changed by accident is no memory. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/file.h>
#include <signalbox/base/json.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ACK_MAX (4 << 20)

void sb_store_ack_release(struct sb_store_ack *a)
{
    free(a->others);
    memset(a, 0, sizeof *a);
}

static bool is_hex(const char *text, size_t n)
{
    return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

/* Where this log stands in the list, or would; *found says which. */
static size_t place_of(const struct sb_store_ack *a, const char *log, bool *found)
{
    size_t from = 0, to = a->others_n;
    *found = false;
    while (from < to) {
        size_t at = from + (to - from) / 2;
        int order = strcmp(a->others[at].log, log);
        if (order == 0) {
            *found = true;
            return at;
        }
        if (order < 0)
            from = at + 1;
        else
            to = at;
    }
    return from;
}

int sb_store_ack_see(struct sb_store_ack *a, const char *log, int64_t n, const char *root)
{
    bool found;
    size_t at = place_of(a, log, &found);
    if (found && (n < a->others[at].n || (n == a->others[at].n && strcmp(a->others[at].root, root) != 0)))
        return 1;
    if (!found && a->others_n >= SB_STORE_OTHERS_MOST)
        return 0; /* those that are remembered go on being so */
    if (!found) {
        if (!SB_PUSH(a->others))
            return -1;
        memmove(&a->others[at + 1], &a->others[at], (a->others_n - 1 - at) * sizeof a->others[0]);
        memset(&a->others[at], 0, sizeof a->others[at]);
        snprintf(a->others[at].log, sizeof a->others[at].log, "%s", log);
    }
    a->others[at].n = n;
    snprintf(a->others[at].root, sizeof a->others[at].root, "%s", root);
    return 0;
}

static int take_others(struct sb_store_ack *a, const json_t *list)
{
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        const char *log = sb_json_str(row, "log"), *root = sb_json_str(row, "root");
        if (!is_hex(log, SB_LOG_ID_LEN) || !is_hex(root, SB_HEX_LEN) || sb_json_int(row, "n") <= 0)
            return 1;
        if (sb_store_ack_see(a, log, sb_json_int(row, "n"), root) < 0)
            return -1;
    }
    return 0;
}

static int read_text(struct sb_store_ack *a, const struct sb_str *text, const char *path, struct sb_err *err)
{
    struct sb_hash sum;
    char hex[SB_HEX_LEN + 1];
    const char *end = memchr(text->p, '\n', text->len);
    size_t n = end ? (size_t)(end - text->p) : 0;
    if (!end || text->len != n + 1 + SB_HEX_LEN + 1)
        return sb_fail(err, SB_EINPUT, "%s is cut off, or is something else", path);
    if (sb_hash_bytes(&sum, text->p, n, err))
        return -1;
    sb_hex_encode(hex, sum.bytes, SB_HASH_LEN);
    if (memcmp(hex, end + 1, SB_HEX_LEN) != 0)
        return sb_fail(err, SB_EINPUT, "%s was changed: its sum is not that of its line", path);
    json_t *j = sb_json_parse(text->p, n, path, SB_JSON_STRICT, err);
    if (!j)
        return -1;
    const char *store = sb_json_str(j, "store"), *hash = sb_json_str(j, "hash");
    int rc = -1;
    a->n = sb_json_int(j, "n");
    a->copied = sb_json_int(j, "copied");
    if (sb_json_int(j, "version") != 1 || !is_hex(store, SB_STORE_ID_LEN) || a->n < 0 || a->copied < 0 || a->copied > a->n || (a->n && !is_hex(hash, SB_HEX_LEN))) {
        sb_fail(err, SB_EINPUT, "%s is of another version of this program, or is something else", path);
    } else {
        snprintf(a->store, sizeof a->store, "%s", store);
        snprintf(a->hash, sizeof a->hash, "%s", a->n ? hash : "");
        rc = take_others(a, json_object_get(j, "others"));
        if (rc > 0)
            rc = sb_fail(err, SB_EINPUT, "%s names a ledger in a way that is none", path);
        else if (rc < 0)
            sb_fail_nomem(err);
    }
    json_decref(j);
    return rc;
}

static char *path_of(const struct sb_store *s)
{
    return sb_format("%s/%s", s->state_dir, SB_STORE_ACK);
}

int sb_store_ack_load(struct sb_store *s, struct sb_err *err)
{
    struct sb_str text;
    char *path = s->state_dir ? path_of(s) : NULL;
    int rc = 0;
    if (s->state_dir && !path)
        return sb_fail_nomem(err);
    sb_str_init(&text);
    if (path && access(path, F_OK) == 0) {
        rc = sb_file_read(path, ACK_MAX, &text, err) || read_text(&s->ack, &text, path, err) ? -1 : 0;
        if (rc)
            sb_store_ack_release(&s->ack);
    } else if (path && errno != ENOENT) {
        rc = sb_fail_errno(err, errno, "cannot look for %s", path);
    } else {
        s->forgot = path != NULL;
    }
    sb_str_release(&text);
    free(path);
    return rc;
}

int sb_store_ack_save(struct sb_store *s, struct sb_err *err)
{
    struct sb_str text;
    struct sb_hash sum;
    char hex[SB_HEX_LEN + 2];
    json_t *others = json_array(), *j = NULL;
    int rc = -1;
    if (!s->state_dir) {
        json_decref(others);
        return 0;
    }
    char *path = path_of(s);
    sb_str_init(&text);
    bool ok = path && others;
    for (size_t i = 0; ok && i < s->ack.others_n; i++)
        ok = json_array_append_new(others, json_pack("{s:s,s:I,s:s}", "log", s->ack.others[i].log, "n", (json_int_t)s->ack.others[i].n, "root", s->ack.others[i].root)) == 0;
    j = ok ? json_pack("{s:i,s:s,s:I,s:s,s:I,s:O}", "version", 1, "store", s->ack.store, "n", (json_int_t)s->ack.n, "hash", s->ack.hash, "copied", (json_int_t)s->ack.copied, "others", others) : NULL;
    if (!j) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_json_canonical(&text, j, err) || sb_hash_bytes(&sum, text.p, text.len, err))
        goto out;
    sb_hex_encode(hex, sum.bytes, SB_HASH_LEN);
    sb_str_addf(&text, "\n%s\n", hex);
    rc = sb_str_ok(&text) ? sb_file_write(path, 0600, text.p, text.len, err) : sb_fail_nomem(err);
    s->forgot = s->forgot && rc;
out:
    json_decref(j);
    json_decref(others);
    sb_str_release(&text);
    free(path);
    return rc;
}
