/* SPDX-License-Identifier: Apache-2.0
 *
 * entry_code.h - the stored form of an entry: one canonical JSON object of exactly these members.
 *
 *   actor     {principal, loginuid, session, tty, ssh_fp}; what is not known is left out
 *   body      an object; what it holds depends on the kind (model/entry.h)
 *   boot      the kernel's boot id      host, pid   of the process that wrote it      mono   ms since boot
 *   decision  id of the policy decision it rests on, or null      policy   SHA-256 of the bundle in force, or null
 *   kind      model/entry.h      plan   {anomaly, card, case, deployment, hash, revision, simulated}; left out as above
 *   log       the log's id       prev   leaf hash of the entry before, hexadecimal; 64 zeros in the first
 *   seq       from 1, without a gap      ts   UTC milliseconds      v   1
 *
 * The bytes are what is hashed (merkle.h), exported and verified. Thread: any; pure.
 */
#ifndef SIGNALBOX_LEDGER_ENTRY_CODE_H
#define SIGNALBOX_LEDGER_ENTRY_CODE_H

#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/ledger/canonical.h>
#include <signalbox/model/entry.h>

#define SB_ENTRY_VERSION 1
#define SB_ENTRY_MAX_BODY (1 << 20)
/* a body of the largest size and an envelope around it */
#define SB_ENTRY_MAX_BYTES (SB_ENTRY_MAX_BODY + (1 << 16))

/* Where an entry stands. */
struct sb_entry_place {
    const char *log;
    const struct sb_hash *prev; /* NULL: it is the first */
    int64_t seq, ts, mono;
    const struct sb_origin *origin;
};

/* Appends the stored form. Refuses a body that is no object or larger than SB_ENTRY_MAX_BODY (SB_EINPUT), and text that
 * is not UTF-8. e->seq and e->ts are not looked at. */
int sb_entry_encode(const struct sb_entry *e, const struct sb_entry_place *where, struct sb_str *out, struct sb_err *err);

/* What the derived tables look at in a body. */
enum sb_body_part { SB_BODY_ANOMALY_TO, SB_BODY_CARD_CLOSED, SB_BODY_CARD_STATE, SB_BODY_EVENT, SB_BODY_NONCE, SB_BODY_TO, SB_BODY_PARTS };

/* The members as they stand in the text; what is absent is {NULL, 0}. */
struct sb_entry_view {
    struct sb_span actor, body, boot, decision, host, kind, log, plan, policy, prev;
    struct sb_span case_id, card, anomaly;        /* of plan, with their quotes */
    struct sb_span body_part[SB_BODY_PARTS];
    struct sb_span mono, pid, ts;
    int64_t seq;
};

/* Members that seldom change from one entry to the next, as they stood in the last one that passed: what is the same, byte
 * for byte, passes again without being read twice. Zeroed is empty; entries are checked one after the other. */
struct sb_entry_memory {
    struct {
        char bytes[250];
        uint16_t n;
    } actor, boot, host, log, pid, plan, policy;
    struct sb_entry_plan {
        uint16_t case_at, case_n, card_at, card_n, anomaly_at, anomaly_n; /* within plan; n 0: absent */
    } at;
    char prev[SB_HEX_LEN + 3]; /* what prev is expected to be, quotes included; empty: nothing is */
};

/* False when the bytes are not the stored form of an entry: flaw says where and why. log and prev are known to be strings of
 * the right length; whoever follows the chain compares them. memory may be NULL. */
bool sb_entry_view(const char *bytes, size_t n, struct sb_entry_memory *memory, struct sb_entry_view *out, struct sb_flaw *flaw);

/* Text to value. levels as in sb_span_json: 2 is enough for sb_entry_row and sb_entry_text, 0 for folding. e is
 * overwritten. An unknown kind is an error: the text is of a newer program. */
int sb_entry_decode(const char *bytes, size_t n, unsigned levels, struct sb_entry *e, struct sb_err *err);

/* Which of sb_entry_kinds an entry is of; -1: of none that this program knows. */
int sb_entry_kind_of(const struct sb_entry_view *view);

/* What an entry is found by: case, card, anomaly, the decision a verdict made, the bundle a policy.load brought, the
 * schedule a request is a run of ("schedule:nightly"), and "schedule" for what came into being or ended. */
#define SB_ENTRY_REFS 5
size_t sb_entry_refs(const struct sb_entry_view *view, struct sb_span refs[SB_ENTRY_REFS]);

#endif
