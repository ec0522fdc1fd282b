/* SPDX-License-Identifier: Apache-2.0
 *
 * note_line.h - the parts of a signature line that cosignatures are made of, too. */
#ifndef SIGNALBOX_SRC_LEDGER_NOTE_LINE_H
#define SIGNALBOX_SRC_LEDGER_NOTE_LINE_H

#include <signalbox/ledger/note.h>

#define SB_NOTE_ED25519_LEN 64

int sb_note_ed25519(uint8_t signature[SB_NOTE_ED25519_LEN], const void *text, size_t n, const struct sb_log_key *k, struct sb_err *err);
bool sb_note_ed25519_good(const void *signature, const void *text, size_t n, const struct sb_log_key *k);

/* By its name and id; whether it is good is another question. */
bool sb_note_is_by(const struct sb_note_signature *s, const struct sb_log_key *k);

int sb_note_add_line(struct sb_str *out, struct sb_slice name, const uint8_t id[4], const void *signature, size_t n, struct sb_err *err);

#endif
