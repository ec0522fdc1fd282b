/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/ledger/cosign.h>

#include "note_line.h"

#include <signalbox/base/array.h>
#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>

#include <inttypes.h>
#include <string.h>

#define TIME_LEN 8
#define KEY_LIST_MAX (1 << 20)
#define YEAR_9999 INT64_C(253402300799) /* the last second of it: beyond, no time can be written down */

/* ---- cosignatures ---- */

bool sb_cosigner_name_ok(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n <= SB_COSIGNER_NAME_MAX && name[n] == '\0' && name[0] != '.';
}

static void add_message(struct sb_str *out, struct sb_slice text, int64_t at_s)
{
    sb_str_addf(out, "cosignature/v1\ntime %" PRId64 "\n", at_s);
    sb_str_add(out, text.p, text.n);
}

int sb_cosign(struct sb_str *out, struct sb_slice text, int64_t at_s, const struct sb_log_key *witness, struct sb_err *err)
{
    uint8_t stamped[TIME_LEN + SB_NOTE_ED25519_LEN];
    struct sb_str message;
    if (at_s < 0 || at_s > YEAR_9999)
        return sb_fail(err, SB_ESTATE, "this machine's clock is not at a time that a witness could sign");
    for (size_t i = 0; i < TIME_LEN; i++)
        stamped[i] = (uint8_t)((uint64_t)at_s >> (8 * (TIME_LEN - 1 - i)));
    sb_str_init(&message);
    add_message(&message, text, at_s);
    int rc = sb_str_ok(&message) ? sb_note_ed25519(stamped + TIME_LEN, message.p, message.len, witness, err) : sb_fail_nomem(err);
    sb_str_release(&message);
    return rc ? -1 : sb_note_add_line(out, (struct sb_slice){witness->name, strlen(witness->name)}, witness->id, stamped, sizeof stamped, err);
}

/* 1 good, 0 not, -1 no memory. */
static int line_good(const struct sb_note *note, const struct sb_note_signature *s, const struct sb_log_key *witness, int64_t *at_s, struct sb_err *err)
{
    if (s->bytes.len != 4 + TIME_LEN + SB_NOTE_ED25519_LEN)
        return 0;
    uint64_t at = 0;
    for (size_t i = 0; i < TIME_LEN; i++)
        at = at << 8 | (uint8_t)s->bytes.p[4 + i];
    if (at > (uint64_t)YEAR_9999)
        return 0;
    *at_s = (int64_t)at;
    struct sb_str message;
    sb_str_init(&message);
    add_message(&message, note->text, *at_s);
    int rc = sb_str_ok(&message) ? sb_note_ed25519_good(s->bytes.p + 4 + TIME_LEN, message.p, message.len, witness) : sb_fail_nomem(err);
    sb_str_release(&message);
    return rc;
}

int sb_cosigned(const struct sb_note *note, const struct sb_log_key *witness, int64_t *at_s, struct sb_err *err)
{
    int found = 0;
    for (size_t i = 0; i < note->n; i++) {
        int64_t at = 0;
        if (!sb_note_is_by(&note->signatures[i], witness))
            continue;
        int good = line_good(note, &note->signatures[i], witness, &at, err);
        if (good <= 0)
            return good < 0 ? -1 : sb_fail(err, SB_ENO, "the cosignature of %s does not belong to this checkpoint", witness->name);
        if (!found || at > *at_s)
            *at_s = at;
        found = 1;
    }
    return found;
}

/* ---- lists of keys ---- */

static int take_key(struct sb_key_list *keys, uint8_t type, const char *p, size_t n, const char *at, struct sb_err *err)
{
    struct sb_log_key k;
    if (type == SB_KEY_LOG ? sb_log_key_parse(&k, p, n, at, err) : sb_cosigner_key_parse(&k, p, n, at, err))
        return -1;
    if (k.secret)
        return sb_fail(err, SB_EINPUT, "%s is a secret key: only its public half belongs here", at);
    if (type == SB_KEY_COSIGNER && !sb_cosigner_name_ok(k.name))
        return sb_fail(err, SB_EINPUT, "%s: a witness's name is letters, digits, dots, dashes and underscores, at most %d", at, SB_COSIGNER_NAME_MAX);
    size_t origin = strlen(SB_CHECKPOINT_ORIGIN), name_n = strlen(k.name);
    if (type == SB_KEY_LOG && (!sb_starts_with(k.name, SB_CHECKPOINT_ORIGIN) || name_n != origin + SB_LOG_ID_LEN || strspn(k.name + origin, "0123456789abcdef") != SB_LOG_ID_LEN))
        return sb_fail(err, SB_EINPUT, "%s: the name of a ledger's key is %s and the log's id", at, SB_CHECKPOINT_ORIGIN);
    size_t same = 0;
    for (size_t i = 0; i < keys->n; i++) {
        bool named = sb_streq(keys->item[i].name, k.name);
        if (named && memcmp(keys->item[i].public_key, k.public_key, sizeof k.public_key) == 0)
            return 0;
        same += named;
    }
    if (same == (type == SB_KEY_LOG ? SB_LOG_KEYS_MAX : 1))
        return sb_fail(err, SB_EINPUT, "%s: %s has more keys than %s may have", at, k.name, type == SB_KEY_LOG ? "a ledger" : "a witness");
    if (SB_GROW(keys->item, keys->cap, keys->n + 1))
        return sb_fail_nomem(err);
    keys->item[keys->n++] = k;
    return 0;
}

int sb_key_list_parse(struct sb_key_list *keys, uint8_t type, const char *text, size_t n, const char *path, struct sb_err *err)
{
    unsigned line = 1;
    memset(keys, 0, sizeof *keys);
    for (const char *p = text, *end = text + n; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *eol = newline ? newline : end;
        char at[300];
        snprintf(at, sizeof at, "%.280s:%u", path, line);
        if (eol > p && *p != '#' && take_key(keys, type, p, (size_t)(eol - p), at, err))
            return -1;
        p = newline ? newline + 1 : end;
    }
    return 0;
}

int sb_key_list_load(struct sb_key_list *keys, uint8_t type, const char *path, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    memset(keys, 0, sizeof *keys);
    int rc = sb_file_read_named(path, KEY_LIST_MAX, &text, err);
    if (rc == 0)
        rc = sb_key_list_parse(keys, type, text.p, text.len, path, err);
    sb_str_release(&text);
    return rc;
}

void sb_key_list_release(struct sb_key_list *keys)
{
    free(keys->item);
    memset(keys, 0, sizeof *keys);
}

void sb_key_list_of(const struct sb_key_list *keys, const char *log, struct sb_log_keys *out)
{
    out->n = 0;
    for (size_t i = 0; i < keys->n; i++)
        if (out->n < SB_LOG_KEYS_MAX && sb_streq(keys->item[i].name + strlen(SB_CHECKPOINT_ORIGIN), log))
            out->item[out->n++] = keys->item[i];
}

/* ---- requests ---- */

static int bad(const char *path, unsigned line, const char *what, struct sb_err *err)
{
    return sb_fail(err, SB_EINPUT, "%s:%u: no request to a witness: %s", path, line, what);
}

static bool take_hash(struct sb_hash *out, const char *p, size_t n)
{
    struct sb_str raw;
    sb_str_init(&raw);
    bool good = n < 64 && sb_base64_decode(&raw, p, n) == 0 && raw.len == SB_HASH_LEN;
    if (good)
        memcpy(out->bytes, raw.p, SB_HASH_LEN);
    sb_str_release(&raw);
    return good;
}

static bool take_old(int64_t *old, const char *p, size_t n)
{
    char word[24];
    if (n < 5 || n - 4 >= sizeof word || memcmp(p, "old ", 4) != 0)
        return false;
    memcpy(word, p + 4, n - 4);
    word[n - 4] = '\0';
    return strspn(word, "0123456789") == n - 4 && (word[0] != '0' || n == 5) && sb_parse_i64(word, old) == 0;
}

int sb_cosign_request_parse(struct sb_cosign_request *r, const char *bytes, size_t n, const char *path, struct sb_err *err)
{
    memset(r, 0, sizeof *r);
    if (n > SB_COSIGN_REQUEST_MAX)
        return sb_fail(err, SB_EINPUT, "%s is larger than %d bytes", path, SB_COSIGN_REQUEST_MAX);
    const char *p = bytes, *end = bytes + n;
    for (unsigned line = 1;; line++) {
        const char *eol = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        if (!eol)
            return bad(path, line, "it ends before its checkpoint", err);
        size_t len = (size_t)(eol - p);
        if (line == 1 && !take_old(&r->old, p, len))
            return bad(path, line, "the first line must be \"old\" and a size", err);
        if (line > 1 && len == 0) {
            r->note = (struct sb_slice){eol + 1, (size_t)(end - eol - 1)};
            return r->note.n ? 0 : bad(path, line, "it ends before its checkpoint", err);
        }
        if (line > 1 && r->proof.n == SB_COSIGN_PROOF_MAX)
            return bad(path, line, "the proof has more than 63 hashes", err);
        if (line > 1 && !take_hash(&r->proof.path[r->proof.n++], p, len))
            return bad(path, line, "a line of the proof is no hash, base64", err);
        p = eol + 1;
    }
}

void sb_cosign_request_format(struct sb_str *out, int64_t old, const struct sb_proof *proof, struct sb_slice note)
{
    sb_str_addf(out, "old %" PRId64 "\n", old);
    for (size_t i = 0; i < proof->n; i++) {
        sb_base64_encode(out, proof->path[i].bytes, SB_HASH_LEN);
        sb_str_addc(out, '\n');
    }
    sb_str_addc(out, '\n');
    sb_str_add(out, note.p, note.n);
}
