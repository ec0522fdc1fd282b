/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/seal.h>

#include <signalbox/base/file.h>
#include <signalbox/base/str.h>

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_LEAST 4096
#define KEY_FILE_MOST 128
#define NAME 8
#define SALT 32
#define NUMBERS (UINT64_C(1) << 40) /* chunks of one file: no nonce comes twice */

static const char magic[] = "SBSEAL1\n";

struct sb_seal {
    EVP_CIPHER_CTX *cipher;
    unsigned char key[SB_SEAL_KEY], header[SB_SEAL_HEADER];
    uint64_t number;
    size_t chunk;
};

/* ---- keys ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(struct sb_seal_key *key, const char *p, size_t n)
{
    while (n && isspace((unsigned char)p[n - 1]))
        n--;
    bool ok = n == 2 * SB_SEAL_KEY;
    for (size_t i = 0; ok && i < SB_SEAL_KEY; i++) {
        int high = hex_digit(p[2 * i]), low = hex_digit(p[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        key->bytes[i] = ok ? (unsigned char)(high << 4 | low) : 0;
    }
    return ok;
}

int sb_seal_key_read(struct sb_seal_key *key, const char *path, struct sb_err *err)
{
    struct sb_str text;
    struct stat st;
    sb_str_init(&text);
    memset(key, 0, sizeof *key);
    int rc = sb_file_read_named(path, KEY_FILE_MOST, &text, err);
    if (rc == 0 && stat(path, &st) == 0 && (st.st_mode & 077))
        rc = sb_fail(err, SB_EINPUT, "%s may be read by others than its owner: chmod 600 it, and think about who has read it", path);
    if (rc == 0 && text.len == SB_SEAL_KEY)
        memcpy(key->bytes, text.p, SB_SEAL_KEY);
    else if (rc == 0 && !read_hex(key, text.p, text.len))
        rc = sb_fail(err, SB_EINPUT, "%s holds no key: 32 bytes, or 64 hexadecimal digits (openssl rand -hex 32)", path);
    if (text.p)
        explicit_bzero(text.p, text.len);
    sb_str_release(&text);
    return rc;
}

void sb_seal_key_forget(struct sb_seal_key *key)
{
    explicit_bzero(key, sizeof *key);
}

static int name_of(const struct sb_seal_key *key, unsigned char name[NAME])
{
    static const char label[] = "signalbox key id";
    unsigned char text[sizeof label - 1 + SB_SEAL_KEY], digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    memcpy(text, label, sizeof label - 1);
    memcpy(text + sizeof label - 1, key->bytes, SB_SEAL_KEY);
    int ok = EVP_Digest(text, sizeof text, digest, &n, EVP_sha256(), NULL);
    explicit_bzero(text, sizeof text);
    memcpy(name, digest, NAME);
    return ok == 1 ? 0 : -1;
}

/* ---- the stream ---- */

bool sb_seal_begins(const unsigned char *p, size_t n)
{
    return n >= sizeof magic - 1 && memcmp(p, magic, sizeof magic - 1) == 0;
}

static int broken(struct sb_err *err)
{
    return sb_fail(err, SB_EINTERNAL, "libcrypto could not do AES-256-GCM");
}

static struct sb_seal *make(const struct sb_seal_key *key, const unsigned char header[SB_SEAL_HEADER], size_t chunk, struct sb_err *err)
{
    static const char label[] = "signalbox seal 1";
    unsigned char text[sizeof label - 1 + SALT];
    unsigned n = 0;
    struct sb_seal *s = calloc(1, sizeof *s);
    if (!s || !(s->cipher = EVP_CIPHER_CTX_new())) {
        free(s);
        sb_fail_nomem(err);
        return NULL;
    }
    memcpy(s->header, header, SB_SEAL_HEADER);
    memcpy(text, label, sizeof label - 1);
    memcpy(text + sizeof label - 1, header + SB_SEAL_HEADER - SALT, SALT);
    s->chunk = chunk;
    if (!HMAC(EVP_sha256(), key->bytes, SB_SEAL_KEY, text, sizeof text, s->key, &n) || n != SB_SEAL_KEY) {
        sb_seal_free(s);
        broken(err);
        return NULL;
    }
    return s;
}

struct sb_seal *sb_seal_new(const struct sb_seal_key *key, unsigned char header[SB_SEAL_HEADER], struct sb_err *err)
{
    memcpy(header, magic, sizeof magic - 1);
    for (int i = 0; i < 4; i++)
        header[8 + i] = (unsigned char)(SB_SEAL_CHUNK >> 8 * i);
    if (name_of(key, header + 12) || RAND_bytes(header + 12 + NAME, SALT) != 1) {
        broken(err);
        return NULL;
    }
    return make(key, header, SB_SEAL_CHUNK, err);
}

struct sb_seal *sb_seal_of(const struct sb_seal_key *key, const unsigned char header[SB_SEAL_HEADER], struct sb_err *err)
{
    unsigned char name[NAME];
    size_t chunk = (size_t)header[8] | (size_t)header[9] << 8 | (size_t)header[10] << 16 | (size_t)header[11] << 24;
    if (!sb_seal_begins(header, SB_SEAL_HEADER) || chunk < CHUNK_LEAST || chunk > SB_SEAL_CHUNK_MOST) {
        sb_fail(err, SB_EINPUT, "its header is none of a sealed file");
    } else if (name_of(key, name)) {
        broken(err);
    } else if (CRYPTO_memcmp(name, header + 12, NAME) != 0) {
        sb_fail(err, SB_EINPUT, "it was sealed with another key (%02x%02x%02x%02x, and this one is %02x%02x%02x%02x)", header[12], header[13], header[14], header[15], name[0], name[1], name[2],
                name[3]);
        if (err)
            err->detail = EKEYREJECTED;
    } else {
        return make(key, header, chunk, err);
    }
    return NULL;
}

void sb_seal_free(struct sb_seal *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->cipher);
    explicit_bzero(s->key, sizeof s->key);
    free(s);
}

size_t sb_seal_chunk(const struct sb_seal *s)
{
    return s->chunk;
}

/* Sets up the cipher for the next chunk. */
static bool begin(struct sb_seal *s, bool last, bool seals)
{
    unsigned char nonce[12] = {0};
    int n;
    for (int i = 0; i < 7; i++)
        nonce[4 + i] = (unsigned char)(s->number >> 8 * (6 - i));
    nonce[11] = last;
    return s->number < NUMBERS && EVP_CipherInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, s->key, nonce, seals) == 1 &&
           EVP_CipherUpdate(s->cipher, NULL, &n, s->header, SB_SEAL_HEADER) == 1;
}

int sb_seal_add(struct sb_seal *s, const unsigned char *p, size_t n, bool last, unsigned char *out, struct sb_err *err)
{
    int got = 0, end = 0;
    if (!begin(s, last, true) || (n && EVP_CipherUpdate(s->cipher, out, &got, p, (int)n) != 1) || EVP_CipherFinal_ex(s->cipher, out + got, &end) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, SB_SEAL_TAG, out + n) != 1)
        return broken(err);
    s->number++;
    return 0;
}

int sb_seal_open(struct sb_seal *s, const unsigned char *p, size_t n, bool last, unsigned char *out, struct sb_err *err)
{
    unsigned char tag[SB_SEAL_TAG];
    int got = 0, end = 0;
    if (n < SB_SEAL_TAG || n > s->chunk + SB_SEAL_TAG)
        return sb_fail(err, SB_EINPUT, "sealed chunk %llu is cut off", (unsigned long long)s->number);
    n -= SB_SEAL_TAG;
    memcpy(tag, p + n, SB_SEAL_TAG);
    if (!begin(s, last, false) || EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_SET_TAG, SB_SEAL_TAG, tag) != 1 || (n && EVP_CipherUpdate(s->cipher, out, &got, p, (int)n) != 1))
        return broken(err);
    if (EVP_CipherFinal_ex(s->cipher, out + got, &end) != 1)
        return sb_fail(err, SB_EINPUT, "sealed chunk %llu was altered, or stands where it does not belong, or the file ends early", (unsigned long long)s->number);
    s->number++;
    return 0;
}
