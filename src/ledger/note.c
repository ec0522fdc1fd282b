/* SPDX-License-Identifier: Apache-2.0 */
#include "note_line.h"

#include <signalbox/base/array.h>
#include <signalbox/base/base64.h>
#include <signalbox/base/rng.h>
#include <signalbox/ledger/note.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define TYPE_OTHER 0xff
#define SSH_IDENTIFIER "sshsig"
#define SECRET_PREFIX "PRIVATE+KEY+"
#define DASH "\xE2\x80\x94 "

/* ---- keys ---- */

static int key_id(uint8_t out[4], struct sb_slice name, const void *type, size_t type_n, struct sb_slice key, struct sb_err *err)
{
    struct sb_hash hash;
    struct sb_slice parts[] = {name, {"\n", 1}, {type, type_n}, key};
    if (sb_hash_slices(&hash, parts, SB_COUNT(parts), err))
        return -1;
    memcpy(out, hash.bytes, 4);
    return 0;
}

static int set_id(struct sb_log_key *k, struct sb_err *err)
{
    return key_id(k->id, (struct sb_slice){k->name, strlen(k->name)}, &k->type, 1, (struct sb_slice){k->public_key, sizeof k->public_key}, err);
}

static int set_public(struct sb_log_key *k, struct sb_err *err)
{
    size_t n = sizeof k->public_key;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof k->seed);
    bool good = key && EVP_PKEY_get_raw_public_key(key, k->public_key, &n) == 1;
    EVP_PKEY_free(key);
    return good ? set_id(k, err) : sb_fail(err, SB_EINTERNAL, "libcrypto could not make an Ed25519 key");
}

/* No blanks and no plus: the names we give are ASCII, those of others are compared and never taken apart. */
static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == '+' || name[i] == 0x7f)
            return false;
    return n > 0 && n <= SB_NOTE_NAME_MAX;
}

static int make_key(struct sb_log_key *k, uint8_t type, const char *name, struct sb_err *err)
{
    memset(k, 0, sizeof *k);
    k->type = type;
    if (!name_ok(name))
        return sb_fail(err, SB_EINPUT, "a key's name has 1 to %d characters, no blank and no plus", SB_NOTE_NAME_MAX);
    snprintf(k->name, sizeof k->name, "%s", name);
    k->secret = true;
    return sb_random_bytes(k->seed, sizeof k->seed, err) || set_public(k, err) ? -1 : 0;
}

int sb_log_key_make(struct sb_log_key *k, const char *name, struct sb_err *err)
{
    return make_key(k, SB_KEY_LOG, name, err);
}

int sb_cosigner_key_make(struct sb_log_key *k, const char *name, struct sb_err *err)
{
    return make_key(k, SB_KEY_COSIGNER, name, err);
}

void sb_log_key_format(struct sb_str *out, const struct sb_log_key *k, bool secret)
{
    uint8_t raw[33] = {k->type};
    char id[9];
    memcpy(raw + 1, secret ? k->seed : k->public_key, 32);
    sb_hex_encode(id, k->id, 4);
    sb_str_addf(out, "%s%s+%s+", secret ? SECRET_PREFIX : "", k->name, id);
    sb_base64_encode(out, raw, sizeof raw);
    OPENSSL_cleanse(raw, sizeof raw);
}

static int parse_key(struct sb_log_key *k, uint8_t type, const char *text, size_t n, const char *path, struct sb_err *err)
{
    const char *of = type == SB_KEY_LOG ? "log" : "witness";
    struct sb_str raw;
    sb_str_init(&raw);
    memset(k, 0, sizeof *k);
    k->type = type;
    n -= n && text[n - 1] == '\n';
    k->secret = n > strlen(SECRET_PREFIX) && memcmp(text, SECRET_PREFIX, strlen(SECRET_PREFIX)) == 0;
    const char *p = text + (k->secret ? strlen(SECRET_PREFIX) : 0), *end = text + n;
    const char *plus = p < end ? memchr(p, '+', (size_t)(end - p)) : NULL;
    const char *second = plus ? memchr(plus + 1, '+', (size_t)(end - plus - 1)) : NULL;
    uint8_t said[4] = {0};
    char id[9] = "";
    bool good = second && second - plus == 9 && (size_t)(plus - p) <= SB_NOTE_NAME_MAX && !memchr(p, '\0', (size_t)(plus - p));
    if (good) {
        memcpy(k->name, p, (size_t)(plus - p));
        memcpy(id, plus + 1, 8);
        good = name_ok(k->name) && sb_hex_decode(said, 4, id) == 0 && sb_base64_decode(&raw, second + 1, (size_t)(end - second - 1)) == 0 && raw.len == 33 &&
               (uint8_t)raw.p[0] == type;
    }
    int rc = 0;
    if (!good) {
        rc = sb_fail(err, SB_EINPUT, "%s is no key of a %s: it must be one line, NAME+ID+BASE64", path, of);
    } else {
        memcpy(k->secret ? k->seed : k->public_key, raw.p + 1, 32);
        rc = k->secret ? set_public(k, err) : set_id(k, err);
        if (rc == 0 && memcmp(said, k->id, 4) != 0)
            rc = sb_fail(err, SB_EINPUT, "%s is no key of a %s: its id does not belong to its key", path, of);
    }
    if (raw.len)
        OPENSSL_cleanse(raw.p, raw.len);
    sb_str_release(&raw);
    return rc;
}

int sb_log_key_parse(struct sb_log_key *k, const char *text, size_t n, const char *path, struct sb_err *err)
{
    return parse_key(k, SB_KEY_LOG, text, n, path, err);
}

int sb_cosigner_key_parse(struct sb_log_key *k, const char *text, size_t n, const char *path, struct sb_err *err)
{
    return parse_key(k, SB_KEY_COSIGNER, text, n, path, err);
}

/* ---- reading notes ---- */

static int bad(const char *path, unsigned line, const char *what, struct sb_err *err)
{
    return sb_fail(err, SB_EINPUT, "%s:%u: not a signed note: %s", path, line, what);
}

static bool plain_text(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < ' ' && p[i] != '\n')
            return false;
    return sb_utf8_valid(p, n);
}

/* One signature line, without its newline. */
static int take_signature(struct sb_note *note, const char *p, size_t n, const char *path, unsigned line, struct sb_err *err)
{
    size_t dash = strlen(DASH);
    const char *name = p + dash, *blank = n > dash && memcmp(p, DASH, dash) == 0 ? memchr(name, ' ', n - dash) : NULL;
    if (!blank || blank == name)
        return bad(path, line, "a signature is a dash, the key's name and base64", err);
    if (memchr(name, '+', (size_t)(blank - name)))
        return bad(path, line, "a key's name holds no plus", err);
    if (note->n == SB_NOTE_SIGNATURES)
        return bad(path, line, "more signatures than are read here", err);
    if (SB_GROW(note->signatures, note->cap, note->n + 1))
        return sb_fail_nomem(err);
    struct sb_note_signature *s = &note->signatures[note->n++];
    s->name = (struct sb_slice){name, (size_t)(blank - name)};
    sb_str_init(&s->bytes);
    if (sb_base64_decode(&s->bytes, blank + 1, (size_t)(p + n - blank - 1)) || s->bytes.len < 5)
        return bad(path, line, "a signature is not base64 of a key's id and a signature", err);
    memcpy(s->id, s->bytes.p, 4);
    return 0;
}

int sb_note_parse(struct sb_note *note, const char *bytes, size_t n, const char *path, struct sb_err *err)
{
    memset(note, 0, sizeof *note);
    if (n > SB_NOTE_MAX)
        return sb_fail(err, SB_EINPUT, "%s is larger than %d bytes", path, SB_NOTE_MAX);
    if (!plain_text(bytes, n))
        return bad(path, 1, "it holds control characters, or bytes that are not UTF-8", err);
    if (n < 3 || bytes[n - 1] != '\n')
        return bad(path, 1, "it does not end with a newline", err);
    size_t cut = 0; /* behind the text: the last blank line */
    unsigned line = 1;
    for (size_t i = 1; i < n; i++)
        if (bytes[i] == '\n' && bytes[i - 1] == '\n')
            cut = i;
    if (cut == 0 || cut + 1 == n)
        return bad(path, 1, "no signatures behind a blank line", err);
    note->text = (struct sb_slice){bytes, cut};
    for (size_t i = 0; i <= cut; i++)
        line += bytes[i] == '\n';
    for (const char *p = bytes + cut + 1, *end = bytes + n; p < end; line++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (take_signature(note, p, (size_t)(eol - p), path, line, err))
            return -1;
        p = eol + 1;
    }
    return 0;
}

void sb_note_release(struct sb_note *note)
{
    for (size_t i = 0; i < note->n; i++)
        sb_str_release(&note->signatures[i].bytes);
    free(note->signatures);
    memset(note, 0, sizeof *note);
}

/* ---- signing ---- */

int sb_note_add_line(struct sb_str *out, struct sb_slice name, const uint8_t id[4], const void *signature, size_t n, struct sb_err *err)
{
    struct sb_str raw;
    sb_str_init(&raw);
    sb_str_add(&raw, id, 4);
    sb_str_add(&raw, signature, n);
    sb_str_adds(out, DASH);
    sb_str_add(out, name.p, name.n);
    sb_str_addc(out, ' ');
    sb_base64_encode(out, raw.p, raw.len);
    sb_str_addc(out, '\n');
    bool good = sb_str_ok(&raw) && sb_str_ok(out);
    sb_str_release(&raw);
    return good ? 0 : sb_fail_nomem(err);
}

int sb_note_ed25519(uint8_t signature[SB_NOTE_ED25519_LEN], const void *text, size_t n, const struct sb_log_key *k, struct sb_err *err)
{
    size_t signature_n = SB_NOTE_ED25519_LEN;
    EVP_PKEY *key = k->secret ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof k->seed) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(ctx, signature, &signature_n, text, n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good ? 0 : sb_fail(err, SB_EINTERNAL, "libcrypto could not sign with the key of %s", k->name);
}

int sb_note_sign(struct sb_str *out, const void *text, size_t n, const struct sb_log_key *k, struct sb_err *err)
{
    uint8_t signature[SB_NOTE_ED25519_LEN];
    if (sb_note_ed25519(signature, text, n, k, err))
        return -1;
    return sb_note_add_line(out, (struct sb_slice){k->name, strlen(k->name)}, k->id, signature, sizeof signature, err);
}

static int ssh_id(uint8_t id[4], struct sb_slice name, const struct sb_sshsig *sig, struct sb_err *err)
{
    static const char type[] = "\xff" SSH_IDENTIFIER;
    return key_id(id, name, type, sizeof type - 1, sig->key, err);
}

int sb_note_add_ssh(struct sb_str *out, const char *name, const struct sb_sshsig *sig, struct sb_err *err)
{
    uint8_t id[4];
    struct sb_slice of = {name, strlen(name)};
    if (!name_ok(name))
        return sb_fail(err, SB_EINPUT, "a key's name has 1 to %d characters, no blank and no plus", SB_NOTE_NAME_MAX);
    return ssh_id(id, of, sig, err) ? -1 : sb_note_add_line(out, of, id, sig->blob.p, sig->blob.len, err);
}

/* ---- verifying ---- */

bool sb_note_is_by(const struct sb_note_signature *s, const struct sb_log_key *k)
{
    return s->name.n == strlen(k->name) && memcmp(s->name.p, k->name, s->name.n) == 0 && memcmp(s->id, k->id, 4) == 0;
}

bool sb_note_ed25519_good(const void *signature, const void *text, size_t n, const struct sb_log_key *k)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->public_key, sizeof k->public_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 && EVP_DigestVerify(ctx, signature, SB_NOTE_ED25519_LEN, text, n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

static bool signature_good(const struct sb_note *note, const struct sb_note_signature *s, const struct sb_log_key *k)
{
    return s->bytes.len == 4 + SB_NOTE_ED25519_LEN && sb_note_ed25519_good(s->bytes.p + 4, note->text.p, note->text.n, k);
}

int sb_note_verify(const struct sb_note *note, const struct sb_log_key *keys, size_t keys_n, struct sb_err *err)
{
    int found = 0;
    for (size_t i = 0; i < note->n; i++)
        for (size_t k = 0; k < keys_n; k++) {
            if (!sb_note_is_by(&note->signatures[i], &keys[k]))
                continue;
            if (!signature_good(note, &note->signatures[i], &keys[k]))
                return sb_fail(err, SB_ENO, "the signature of %s does not belong to this text", keys[k].name);
            found++;
        }
    return found;
}

int sb_note_ssh(const struct sb_note *note, size_t i, struct sb_sshsig *sig, struct sb_err *err)
{
    const struct sb_note_signature *s = &note->signatures[i];
    struct sb_str armoured;
    uint8_t id[4];
    int rc = 0;
    sb_str_init(&armoured);
    sb_sshsig_armour(&armoured, s->bytes.p + 4, s->bytes.len - 4);
    if (!sb_str_ok(&armoured)) {
        memset(sig, 0, sizeof *sig);
        rc = sb_fail_nomem(err);
    } else if (sb_sshsig_parse(sig, armoured.p, armoured.len, NULL) == 0 && ssh_id(id, s->name, sig, NULL) == 0 && memcmp(id, s->id, 4) == 0) {
        rc = sb_sshsig_verify(sig, SB_NOTE_SSH_NAMESPACE, note->text.p, note->text.n, err) ? -1 : 1;
    }
    if (rc <= 0)
        sb_sshsig_release(sig);
    sb_str_release(&armoured);
    return rc;
}
