/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.h - the parts of `signalbox audit`: what tells one case, and what it shares with the rest.
 */
#ifndef SIGNALBOX_SRC_CLI_AUDIT_H
#define SIGNALBOX_SRC_CLI_AUDIT_H

#include <signalbox/ledger/ledger.h>

/* One case, card or anomaly from its first entry to its last, on stdout, as text or as one JSON document. */
int sb_audit_show(struct sb_ledger *l, const char *id, bool json, struct sb_err *err);

/* What belongs below an entry's line: the exact commands, the rules with their values, what was read back, what was
 * measured. card is the card as it stands after this entry; NULL when the entry belongs to none. */
void sb_audit_details(const struct sb_entry *e, const struct sb_card *card);

/* The line itself: time, number, who, what. */
void sb_audit_line(const struct sb_entry *e);

/* A reader that is stopped while it holds SQLite's lock would stop the owner's commits: Ctrl-Z is held back, and let through
 * by sb_audit_may_stop, which is called where no lock is held. */
void sb_audit_hold_stops(void);
void sb_audit_may_stop(void);

#endif
