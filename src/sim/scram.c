/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/scram.h>

#include <signalbox/base/base64.h>
#include <signalbox/base/compiler.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static int hmac(uint8_t out[SIM_SCRAM_KEY], const uint8_t key[SIM_SCRAM_KEY], const void *bytes, size_t n)
{
    unsigned len = SIM_SCRAM_KEY;
    return HMAC(EVP_sha256(), key, SIM_SCRAM_KEY, bytes, n, out, &len) ? 0 : -1;
}

static int digest(uint8_t out[SIM_SCRAM_KEY], const uint8_t key[SIM_SCRAM_KEY])
{
    return EVP_Digest(key, SIM_SCRAM_KEY, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

int sim_scram_keys_make(struct sim_scram_keys *keys, const char *password, const uint8_t salt[SIM_SCRAM_SALT])
{
    uint8_t salted[SIM_SCRAM_KEY], client[SIM_SCRAM_KEY];
    memcpy(keys->salt, salt, SIM_SCRAM_SALT);
    int rc = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SIM_SCRAM_SALT, SIM_SCRAM_ITERATIONS, EVP_sha256(), SIM_SCRAM_KEY, salted) == 1 &&
                     hmac(client, salted, "Client Key", 10) == 0 && digest(keys->stored, client) == 0 && hmac(keys->server, salted, "Server Key", 10) == 0
                 ? 0
                 : -1;
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client, sizeof client);
    return rc;
}

/* A client's message as text; -1 when it is too long or holds what no such text holds. */
static int text_of(char out[SIM_SCRAM_MESSAGE], const void *message, size_t n)
{
    if (n >= SIM_SCRAM_MESSAGE || memchr(message, 0, n))
        return -1;
    memcpy(out, message, n);
    out[n] = '\0';
    return 0;
}

/* The value of "name=value" at *at, ended by a comma or the text's end; *at goes behind it. NULL: another attribute stands there. */
static char *attribute(char **at, char name)
{
    char *value = *at + 2;
    if ((*at)[0] != name || (*at)[1] != '=')
        return NULL;
    char *comma = strchr(value, ',');
    *at = comma ? comma + 1 : value + strlen(value);
    if (comma)
        *comma = '\0';
    return value;
}

/* "=2C" is a comma and "=3D" an equals sign; no other stands in a name. */
static int decode_user(char out[SIM_SCRAM_USER], const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        if (n + 1 == SIM_SCRAM_USER)
            return -1;
        if (*p != '=') {
            out[n++] = *p;
            continue;
        }
        bool comma = strncmp(p, "=2C", 3) == 0;
        if (!comma && strncmp(p, "=3D", 3) != 0)
            return -1;
        out[n++] = comma ? ',' : '=';
        p += 2;
    }
    out[n] = '\0';
    return n ? 0 : -1;
}

static bool is_nonce(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    return n > 0 && n < SIM_SCRAM_NONCE;
}

int sim_scram_begin(struct sim_scram *x, const void *message, size_t n)
{
    char text[SIM_SCRAM_MESSAGE], *bare, *at;
    memset(x, 0, sizeof *x);
    if (text_of(text, message, n) || (text[0] != 'n' && text[0] != 'y') || text[1] != ',' || !(bare = strchr(text + 2, ',')))
        return -1;
    bare++;
    size_t header = (size_t)(bare - text);
    bool acts_for_another = header > 3;
    if (acts_for_another || strlen(bare) >= sizeof x->bare)
        return -1;
    memcpy(x->header, text, header);
    memcpy(x->bare, bare, strlen(bare) + 1);
    at = bare;
    const char *user = attribute(&at, 'n'), *nonce = user ? attribute(&at, 'r') : NULL;
    if (!nonce || !is_nonce(nonce) || decode_user(x->user, user))
        return -1;
    memcpy(x->nonce, nonce, strlen(nonce) + 1);
    return 0;
}

int sim_scram_challenge(struct sim_scram *x, const struct sim_scram_keys *keys, const char *nonce, struct sb_str *out)
{
    struct sb_str first;
    if (!is_nonce(nonce))
        return -1;
    x->keys = *keys;
    size_t had = strlen(x->nonce); /* each is shorter than half of it */
    memcpy(x->nonce + had, nonce, strlen(nonce) + 1);
    sb_str_init(&first);
    sb_str_addf(&first, "r=%s,s=", x->nonce);
    sb_base64_encode(&first, keys->salt, SIM_SCRAM_SALT);
    sb_str_addf(&first, ",i=%d", SIM_SCRAM_ITERATIONS);
    int rc = sb_str_ok(&first) && first.len < sizeof x->first ? 0 : -1;
    if (rc == 0) {
        memcpy(x->first, first.p, first.len + 1);
        sb_str_add(out, first.p, first.len);
    }
    sb_str_release(&first);
    return rc;
}

/* Does the proof, in base64, show that the client has the key whose digest is kept? */
static int prove(const struct sim_scram *x, const char *proof, const struct sb_str *auth)
{
    struct sb_str bytes;
    uint8_t signature[SIM_SCRAM_KEY], shown[SIM_SCRAM_KEY];
    sb_str_init(&bytes);
    int rc = -1;
    if (sb_base64_decode(&bytes, proof, strlen(proof)) || bytes.len != SIM_SCRAM_KEY || hmac(signature, x->keys.stored, auth->p, auth->len))
        goto out;
    for (size_t i = 0; i < SIM_SCRAM_KEY; i++)
        signature[i] ^= (uint8_t)bytes.p[i];
    if (digest(shown, signature) == 0 && CRYPTO_memcmp(shown, x->keys.stored, SIM_SCRAM_KEY) == 0)
        rc = 0;
out:
    OPENSSL_cleanse(signature, sizeof signature);
    sb_str_release(&bytes);
    return rc;
}

int sim_scram_finish(struct sim_scram *x, const void *message, size_t n, struct sb_str *out)
{
    char text[SIM_SCRAM_MESSAGE], *proof, *at = text;
    uint8_t signature[SIM_SCRAM_KEY];
    struct sb_str auth, bound;
    if (text_of(text, message, n) || !(proof = strstr(text, ",p=")))
        return -1;
    *proof = '\0';
    proof += 3;
    sb_str_init(&auth);
    sb_str_init(&bound);
    sb_str_addf(&auth, "%s,%s,%s", x->bare, x->first, text);
    sb_base64_encode(&bound, x->header, strlen(x->header));
    const char *binding = attribute(&at, 'c'), *nonce = binding ? attribute(&at, 'r') : NULL;
    int rc = nonce && !*at && sb_str_ok(&auth) && sb_str_ok(&bound) && strcmp(binding, bound.p) == 0 && strcmp(nonce, x->nonce) == 0 && prove(x, proof, &auth) == 0 &&
                     hmac(signature, x->keys.server, auth.p, auth.len) == 0
                 ? 0
                 : -1;
    if (rc == 0) {
        sb_str_adds(out, "v=");
        sb_base64_encode(out, signature, sizeof signature);
        rc = sb_str_ok(out) ? 0 : -1;
    }
    sb_str_release(&bound);
    sb_str_release(&auth);
    return rc;
}
