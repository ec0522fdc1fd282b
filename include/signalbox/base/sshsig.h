/* SPDX-License-Identifier: Apache-2.0
 *
 * sshsig.h - signatures that people make with their SSH keys: PROTOCOL.sshsig of OpenSSH, and who may sign.
 *
 * A signature names a namespace, so that one made for an approval is none for a login or a file. Keys: Ed25519, ECDSA on
 * NIST P-256, RSA of 2048 to 16384 bits with SHA-2; others, SHA-1 and certificates are refused in words. Verified with
 * libcrypto; made by ssh-keygen, which finds the private key in its file or in the agent.
 *
 * An allowed_signers file has a line for each key: "PRINCIPALS [OPTIONS] KEYTYPE BASE64 [COMMENT]", principals a list of
 * patterns (* ? and ! as in OpenSSH), options namespaces="..." valid-after="..." valid-before="..."; a line with
 * cert-authority is a problem, never a permission. Times are YYYYMMDD[HHMM[SS]], of the machine's zone or, with a Z, UTC.
 * A list of revoked keys has a public key a line. Everything read here is from outside: bounded and checked.
 *
 * Errors: SB_EINPUT for what cannot be read, SB_ENO for a signature or signer that is refused; the message says why.
 * Thread: any; what was parsed is constant.
 */
#ifndef SIGNALBOX_BASE_SSHSIG_H
#define SIGNALBOX_BASE_SSHSIG_H

#include <signalbox/base/conf.h>
#include <signalbox/base/hash.h>
#include <stdbool.h>

#define SB_SSHSIG_MAX (64 << 10)   /* bytes of an armoured signature */
#define SB_SIGNERS_MAX (1 << 20)   /* bytes of a file of keys */
#define SB_SSHKEY_PRINT 64         /* room for a fingerprint and its NUL */

struct sb_sshsig {
    struct sb_str blob; /* the decoded signature; the rest points into it */
    struct sb_slice key, ns, hash, algorithm, signature;
};

/* Reads an armoured signature. Release also after a failure. */
int sb_sshsig_parse(struct sb_sshsig *sig, const char *text, size_t n, struct sb_err *err);
void sb_sshsig_release(struct sb_sshsig *sig);

/* 0 when sig->key made this signature over the message in this namespace. Whether that key may is for sb_signers_allow. */
int sb_sshsig_verify(const struct sb_sshsig *sig, const char *ns, const void *message, size_t n, struct sb_err *err) SB_MUST_USE;

/* Appends the armoured form of a decoded signature. */
void sb_sshsig_armour(struct sb_str *out, const void *blob, size_t n);

/* Has ssh-keygen sign the message and appends the armoured signature. key: a private key's file, or the public one of a key
 * in the agent. ssh-keygen may ask the person at the terminal for a passphrase. */
int sb_sshsig_sign(const char *key, const char *ns, const void *message, size_t n, struct sb_str *out, struct sb_err *err) SB_MUST_USE;

/* "SHA256:" and 43 characters, as ssh-keygen -l shows it. */
int sb_sshkey_print(struct sb_slice key, char out[SB_SSHKEY_PRINT], struct sb_err *err);

/* ---- who may sign ---- */

struct sb_signer {
    char *principals, *namespaces; /* lists of patterns; namespaces NULL: any */
    int64_t after, before;         /* milliseconds; 0: no limit. Both still count, as in OpenSSH */
    struct sb_str key;
    unsigned line;
};

struct sb_signers {
    struct sb_signer *items;
    size_t n, cap;
};

/* Lines that cannot be used are problems with file and line; the caller decides whether it goes on with the rest. */
int sb_signers_parse(struct sb_signers *s, const char *text, size_t n, const char *path, struct sb_problems *problems, struct sb_err *err);
int sb_signers_load(struct sb_signers *s, const char *path, struct sb_problems *problems, struct sb_err *err);
void sb_signers_release(struct sb_signers *s);

/* 0 when a line allows this key for the principal, the namespace and the time of signing. */
int sb_signers_allow(const struct sb_signers *s, const char *principal, struct sb_slice key, const char *ns, int64_t at_ms, struct sb_err *err) SB_MUST_USE;

/* The principals of the first line that allows the key; NULL: none does. Borrowed. */
const char *sb_signers_find(const struct sb_signers *s, struct sb_slice key, const char *ns, int64_t at_ms);

/* A list of revoked keys, as signers without principals. A binary KRL is refused: it cannot be read here, and to take it for
 * an empty list would allow what it revokes. Any line that is no key is an error, for the same reason. */
int sb_revoked_load(struct sb_signers *s, const char *path, struct sb_err *err);
int sb_revoked_parse(struct sb_signers *s, const char *text, size_t n, const char *path, struct sb_err *err);
bool sb_revoked_has(const struct sb_signers *s, struct sb_slice key);

#endif
