/* SPDX-License-Identifier: Apache-2.0
 *
 * approval.h - an approval as a statement that a person signs with their SSH key.
 *
 * Canonical JSON: {"t":"approve","plan":"sha256:...","rev","policy","decision","target","by","nonce","iat","approve_by",
 * "execute_by","cp":{"n","root"}}, in the namespace signalbox-approve; cp is the newest checkpoint beside the ledger, so that
 * whoever keeps the signed statement is a witness of the record. Thread: any; ssh-keygen may ask at the terminal.
 */
#ifndef SIGNALBOX_CLI_APPROVAL_H
#define SIGNALBOX_CLI_APPROVAL_H

#include <signalbox/model/message.h>

/* Signs what is decided ("approve", "breakglass" with its reason, ticket and minutes, "review" or "reject" with its reason) about this
 * card, whose bytes must have the hash that d names; fills in statement and signature. by NULL: the operating system's name of
 * this user. key: a private key's file, or the public one of a key in the agent. */
int sb_approval_sign(const char *what, const struct sb_card *card, const char *state_dir, const char *key, const char *by, struct sb_decision_on *d, struct sb_err *err);

/* The same with the time at which it is signed, by the clock that it will be held against: the shared store's. state_dir NULL: the
 * statement names no checkpoint. */
int sb_approval_sign_at(const char *what, const struct sb_card *card, const char *state_dir, const char *key, const char *by, int64_t now, struct sb_decision_on *d, struct sb_err *err);

/* 0 when this armoured signature is a good one over the canonical bytes of the statement in
 * this namespace; sig->key made it. Release sig also after a failure. */
struct sb_sshsig;
int sb_approval_verify(const json_t *statement, const char *ns, const char *signature, struct sb_sshsig *sig, struct sb_err *err);

#endif
