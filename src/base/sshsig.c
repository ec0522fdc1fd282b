/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>
#include <signalbox/base/process.h>
#include <signalbox/base/sshsig.h>

#include "sshwire.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN "-----BEGIN SSH SIGNATURE-----"
#define END "-----END SSH SIGNATURE-----"
#define MAGIC "SSHSIG"
#define ARMOUR_LINE 70
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 16384

/* ---- reading ---- */

/* The text between the two marker lines, without line ends; false when the markers are not there. */
static bool unwrap(const char *text, size_t n, struct sb_str *out)
{
    const char *end = text + n, *p = text + strlen(BEGIN);
    if (n < strlen(BEGIN) || memcmp(text, BEGIN, strlen(BEGIN)) != 0)
        return false;
    const char *tail = memmem(p, (size_t)(end - p), END, strlen(END));
    if (!tail)
        return false;
    for (const char *q = tail + strlen(END); q < end; q++)
        if (*q != '\n' && *q != '\r')
            return false;
    for (; p < tail; p++)
        if (*p != '\n' && *p != '\r')
            sb_str_addc(out, *p);
    return true;
}

static int take_blob(struct sb_sshsig *sig, struct sb_err *err)
{
    struct sb_slice whole = {sig->blob.p, sig->blob.len}, reserved, inner;
    uint32_t version;
    if (whole.n < strlen(MAGIC) || memcmp(whole.p, MAGIC, strlen(MAGIC)) != 0)
        return sb_fail(err, SB_EINPUT, "not an SSH signature: it does not begin with " MAGIC);
    whole = (struct sb_slice){(const char *)whole.p + strlen(MAGIC), whole.n - strlen(MAGIC)};
    if (sb_wire_u32(&whole, &version) || version != 1)
        return sb_fail(err, SB_EINPUT, "an SSH signature of a version that is not known here");
    if (sb_wire_string(&whole, &sig->key) || sb_wire_string(&whole, &sig->ns) || sb_wire_string(&whole, &reserved) ||
        sb_wire_string(&whole, &sig->hash) || sb_wire_string(&whole, &inner) || whole.n)
        return sb_fail(err, SB_EINPUT, "an SSH signature that is cut short, or has bytes behind its end");
    if (reserved.n)
        return sb_fail(err, SB_EINPUT, "an SSH signature with something in its reserved field");
    if (sb_wire_string(&inner, &sig->algorithm) || sb_wire_string(&inner, &sig->signature) || inner.n)
        return sb_fail(err, SB_EINPUT, "an SSH signature whose inner part is cut short, or of a security key (which is not supported)");
    return 0;
}

int sb_sshsig_parse(struct sb_sshsig *sig, const char *text, size_t n, struct sb_err *err)
{
    memset(sig, 0, sizeof *sig);
    sb_str_init(&sig->blob);
    if (n > SB_SSHSIG_MAX)
        return sb_fail(err, SB_EINPUT, "an SSH signature of more than %d bytes", SB_SSHSIG_MAX);
    struct sb_str body;
    sb_str_init(&body);
    int rc = 0;
    if (!unwrap(text, n, &body))
        rc = sb_fail(err, SB_EINPUT, "not an SSH signature: it must stand between " BEGIN " and " END);
    else if (!sb_str_ok(&body))
        rc = sb_fail_nomem(err);
    else if (sb_base64_decode(&sig->blob, body.p, body.len))
        rc = sb_fail(err, SB_EINPUT, "an SSH signature that is not base64 between its markers");
    else
        rc = take_blob(sig, err);
    sb_str_release(&body);
    return rc;
}

void sb_sshsig_release(struct sb_sshsig *sig)
{
    sb_str_release(&sig->blob);
    memset(sig, 0, sizeof *sig);
    sb_str_init(&sig->blob);
}

void sb_sshsig_armour(struct sb_str *out, const void *blob, size_t n)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_base64_encode(&text, blob, n);
    sb_str_adds(out, BEGIN "\n");
    for (size_t i = 0; i < text.len; i += ARMOUR_LINE) {
        sb_str_add(out, text.p + i, text.len - i < ARMOUR_LINE ? text.len - i : ARMOUR_LINE);
        sb_str_addc(out, '\n');
    }
    sb_str_adds(out, END "\n");
    out->failed |= text.failed;
    sb_str_release(&text);
}

/* ---- keys ---- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *ecdsa_key(struct sb_slice rest)
{
    struct sb_slice curve, point;
    if (sb_wire_string(&rest, &curve) || sb_wire_string(&rest, &point) || rest.n || !sb_wire_is(curve, "nistp256") || point.n != 65)
        return NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"prime256v1"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.p, point.n),
        OSSL_PARAM_construct_end(),
    };
    return from_params("EC", params);
}

static EVP_PKEY *rsa_key(struct sb_slice rest)
{
    struct sb_slice e, n;
    if (sb_wire_string(&rest, &e) || sb_wire_string(&rest, &n) || rest.n || e.n > 8 || n.n > RSA_MAX_BITS / 8 + 1)
        return NULL;
    EVP_PKEY *key = NULL;
    BIGNUM *be = BN_bin2bn(e.p, (int)e.n, NULL), *bn = BN_bin2bn(n.p, (int)n.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (be && bn && build && BN_num_bits(bn) >= RSA_MIN_BITS && BN_num_bits(bn) <= RSA_MAX_BITS &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    key = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(be);
    BN_free(bn);
    return key;
}

/* What a key's algorithm is called in a signature, and how it is checked. */
struct scheme {
    const char *key_type, *algorithm, *digest; /* digest NULL: the scheme has its own */
};

static const struct scheme schemes[] = {
    {"ssh-ed25519", "ssh-ed25519", NULL},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256"},
    {"ssh-rsa", "rsa-sha2-256", "SHA256"},
    {"ssh-rsa", "rsa-sha2-512", "SHA512"},
};

static EVP_PKEY *load_key(struct sb_slice blob)
{
    struct sb_slice type, raw;
    if (sb_wire_string(&blob, &type))
        return NULL;
    if (sb_wire_is(type, "ssh-ed25519"))
        return sb_wire_string(&blob, &raw) || blob.n || raw.n != 32 ? NULL : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.p, raw.n);
    return sb_wire_is(type, "ecdsa-sha2-nistp256") ? ecdsa_key(blob) : sb_wire_is(type, "ssh-rsa") ? rsa_key(blob) : NULL;
}

static const struct scheme *find_scheme(const struct sb_sshsig *sig)
{
    struct sb_slice key = sig->key, type;
    if (sb_wire_string(&key, &type))
        return NULL;
    for (size_t i = 0; i < SB_COUNT(schemes); i++)
        if (sb_wire_is(type, schemes[i].key_type) && sb_wire_is(sig->algorithm, schemes[i].algorithm))
            return &schemes[i];
    return NULL;
}

int sb_sshkey_print(struct sb_slice key, char out[SB_SSHKEY_PRINT], struct sb_err *err)
{
    struct sb_hash hash;
    struct sb_str text;
    if (sb_hash_bytes(&hash, key.p, key.n, err))
        return -1;
    sb_str_init(&text);
    sb_base64_encode(&text, hash.bytes, sizeof hash.bytes);
    int rc = sb_str_ok(&text) ? 0 : sb_fail_nomem(err);
    snprintf(out, SB_SSHKEY_PRINT, "SHA256:%.43s", text.p); /* ssh-keygen leaves the padding out */
    sb_str_release(&text);
    return rc;
}

/* ---- verifying ---- */

/* What is signed: a hash of the message among the fields that say what it is for. */
static int signed_data(const struct sb_sshsig *sig, const void *message, size_t n, struct sb_str *out, struct sb_err *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_n = 0;
    const EVP_MD *md = sb_wire_is(sig->hash, "sha512") ? EVP_sha512() : sb_wire_is(sig->hash, "sha256") ? EVP_sha256() : NULL;
    if (!md)
        return sb_fail(err, SB_ENO, "the signature rests on a hash that is not SHA-256 or SHA-512");
    if (EVP_Digest(message, n, digest, &digest_n, md, NULL) != 1)
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a digest");
    sb_str_adds(out, MAGIC);
    sb_wire_add(out, sig->ns.p, sig->ns.n);
    sb_wire_add(out, "", 0);
    sb_wire_add(out, sig->hash.p, sig->hash.n);
    sb_wire_add(out, digest, digest_n);
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

/* SSH writes r and s one after the other; libcrypto wants DER. NULL when they are not two numbers. Free with OPENSSL_free. */
static unsigned char *ecdsa_der(struct sb_slice raw, size_t *n)
{
    struct sb_slice r, s;
    unsigned char *der = NULL;
    if (sb_wire_string(&raw, &r) || sb_wire_string(&raw, &s) || raw.n || r.n > 33 || s.n > 33)
        return NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *br = BN_bin2bn(r.p, (int)r.n, NULL), *bs = BN_bin2bn(s.p, (int)s.n, NULL);
    if (sig && br && bs && ECDSA_SIG_set0(sig, br, bs) == 1) {
        br = bs = NULL;
        int len = i2d_ECDSA_SIG(sig, &der);
        *n = len > 0 ? (size_t)len : 0;
    }
    BN_free(br);
    BN_free(bs);
    ECDSA_SIG_free(sig);
    return der;
}

static bool good(const struct sb_sshsig *sig, const struct scheme *scheme, EVP_PKEY *key, const struct sb_str *data)
{
    bool ecdsa = strncmp(scheme->key_type, "ecdsa", 5) == 0;
    size_t der_n = 0;
    unsigned char *der = ecdsa ? ecdsa_der(sig->signature, &der_n) : NULL;
    const unsigned char *p = ecdsa ? der : sig->signature.p;
    size_t n = ecdsa ? der_n : sig->signature.n;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool yes = ctx && p && EVP_DigestVerifyInit_ex(ctx, NULL, scheme->digest, NULL, NULL, key, NULL) == 1 &&
               EVP_DigestVerify(ctx, p, n, (const unsigned char *)data->p, data->len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return yes;
}

int sb_sshsig_verify(const struct sb_sshsig *sig, const char *ns, const void *message, size_t n, struct sb_err *err)
{
    if (!ns[0] || !sb_wire_is(sig->ns, ns))
        return sb_fail(err, SB_ENO, "the signature was made for another purpose than %s", ns);
    const struct scheme *scheme = find_scheme(sig);
    if (!scheme)
        return sb_fail(err, SB_ENO, "the signature is of a kind that is not accepted: Ed25519, ECDSA P-256 and RSA with SHA-2 are");
    EVP_PKEY *key = load_key(sig->key);
    if (!key)
        return sb_fail(err, SB_ENO, "the key in the signature is no usable %s key", scheme->key_type);
    struct sb_str data;
    sb_str_init(&data);
    int rc = signed_data(sig, message, n, &data, err);
    if (rc == 0 && !good(sig, scheme, key, &data))
        rc = sb_fail(err, SB_ENO, "the signature does not belong to this text");
    sb_str_release(&data);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- signing ---- */

/* A child that ends early must not end us with it. */
static int write_quietly(int fd, const void *bytes, size_t n)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    int rc = sb_write_all(fd, bytes, n);
    if (rc && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_only, NULL, &(struct timespec){0, 0});
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

static void read_rest(int fd, struct sb_str *out, size_t max)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && out->len + (size_t)n <= max)
            sb_str_add(out, chunk, (size_t)n);
}

/* By its absolute path and with an environment of its own: nothing but where the agent is, and a home for its defaults. */
int sb_sshsig_sign(const char *key, const char *ns, const void *message, size_t n, struct sb_str *out, struct sb_err *err)
{
    const char *agent = getenv("SSH_AUTH_SOCK"), *home = getenv("HOME"), *term = getenv("TERM");
    char *of_agent = sb_format("SSH_AUTH_SOCK=%s", agent ? agent : ""), *of_home = sb_format("HOME=%s", home ? home : "/"),
         *of_term = sb_format("TERM=%s", term ? term : "dumb");
    const char *const argv[] = {"/usr/bin/env", "-i", of_agent, of_home, of_term, "/usr/bin/ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", ns, NULL};
    struct sb_process child = {.pid = 0};
    struct sb_str said;
    sb_str_init(&said);
    int rc = -1;
    if (!of_agent || !of_home || !of_term) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_process_spawn(&child, argv, SB_PROCESS_IN | SB_PROCESS_OUT, err))
        goto out;
    int wrote = write_quietly(child.in, message, n);
    close(child.in);
    child.in = -1;
    read_rest(child.out, &said, SB_SSHSIG_MAX);
    int status = sb_process_wait(&child);
    if (wrote || status)
        sb_fail(err, SB_EIO, "ssh-keygen could not sign with %s", key);
    else if (!sb_str_ok(&said))
        sb_fail_nomem(err);
    else {
        struct sb_sshsig made; /* what is handed on is looked at first */
        rc = sb_sshsig_parse(&made, said.p, said.len, err);
        if (rc == 0)
            rc = sb_sshsig_verify(&made, ns, message, n, err);
        sb_sshsig_release(&made);
        if (rc == 0)
            sb_str_add(out, said.p, said.len);
        if (rc == 0 && !sb_str_ok(out))
            rc = sb_fail_nomem(err);
    }
out:
    free(of_agent);
    free(of_home);
    free(of_term);
    sb_str_release(&said);
    return rc;
}
