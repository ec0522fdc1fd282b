/* SPDX-License-Identifier: Apache-2.0
 *
 * input.h - the decision input: every fact a policy may look at, frozen into one document.
 *
 * The orchestrator builds it, evaluation reads nothing else (no clock, no file, no environment), and the ledger keeps it
 * whole in the VERDICT entry: the same input under the same bundle gives the same verdict anywhere and at any time. A fact
 * that was not measured is left out (or null); it is never guessed. Integers only; parts per million for shares.
 *
 *   v           1
 *   stage       intake (a request came in), gate (a card was proposed), approve (somebody is about to approve it),
 *               execute (right before a step; everything measured anew)
 *   action      kind: request, index.create, index.drop, index.hide, index.unhide, profile.set, rollback, stop, abort, ...
 *               class: read, reversible, costly, forbidden      intent: as in INTERFACE ("index.review")
 *               ns: ["shop.orders"]    commands: ["createIndexes"]    risk: low, medium, high
 *               reversible, has_undo: true or false    est_docs, est_bytes, est_duration_s
 *               index: {name, unique, options: how many are set, ttl_s: it deletes after so long, ops_24h: uses of it in a day}
 *               tags, holds: what the bundle says of its collections
 *               level: the profiling level that profile.set asks for
 *               own: true when it takes back or ends what this very card did (its prepared undo, a drop of the index it
 *               built, an abort of its own build)
 *               retired: of index.drop: true when the card that it comes after hid this index, and its watch window passed
 *   plan        case, card, revision, sha256, steps; fingerprint: SHA-256 of what it does, the same on any deployment
 *               started: a step of it was sent before; in_step: asked between two batches of one step
 *   actor       who asks now: principal, kind: human, rule, agent; groups
 *   author      who wrote the commands: principal, kind
 *   editors     principals who changed the card, in order; the last one counts as an author
 *   approvals   [{by, groups, at}] that count: not voided, of exactly this revision
 *   checks      names of prerequisites that were found true: what `require.checks` is compared with
 *   target      deployment, id, env: prod, staging, dev (anything else, or nothing, is prod), version,
 *               topology: replica_set, standalone, sharded; simulated
 *   health      members, members_up, lag_s, primary: true when it is known, builds: on the collection, queued, cache_ppm,
 *               oldest_op_s: the oldest operation on the collection (like builds it is read right before a step), oplog_window_s:
 *               of the shortest oplog, as long as it will be when it is full, disk_free_ppm: of the fullest member
 *   recovery    backup_age_s: of the newest usable backup, and loss_s: since the first write that is in none of them, both as the
 *               backups were looked at last (signalbox looks every quarter of an hour, and for the page that shows them), and aged
 *               since; kept_s: how far back the oldest usable one reached then, plain: how many of them are not known to be
 *               encrypted, places: on how many file systems they lie;
 *               restore_s: how long a restore of the newest takes by the slowest drill; drill_age_s: of the last drill that
 *               passed, by level 3 at least. A rule that needs one which is not there cannot be decided, which denies in prod and
 *               asks elsewhere
 *   clock       utc: RFC 3339
 *   calendar    NAME: {active, next, next_local, kind, tz, tzdata, definition, overrun}: each window of the bundle
 *   model       confidence_ppm; brier_ppm and samples: how well its confidences were borne out
 *   history     executed_today: changes on this deployment in the last 24 hours; rolled_back_30d: of this very change;
 *               unreviewed: other plans for which somebody broke the glass here in 30 days, and nobody has reviewed it since
 *               staging_age_s: since the same commands were carried out and watched on staging
 *   autonomy    level: 0 to 4, of this kind of action in this environment; lowered_to: what its record has brought it down to
 *   handling    redaction: profiles that are in force; none can be put in force yet, so what requires one waits
 *   waivers     as in waiver.h
 *   breakglass  {id, plan: SHA-256 of the card, by, reason, ticket, from, until}: the glass that was broken for this plan
 *
 * Thread: constant data.
 */
#ifndef SIGNALBOX_POLICY_INPUT_H
#define SIGNALBOX_POLICY_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define SB_INPUT_VERSION 1

enum sb_fact_type { SB_FACT_INT, SB_FACT_STR, SB_FACT_BOOL, SB_FACT_LIST };

struct sb_fact {
    const char *path;
    enum sb_fact_type type;
    const char *domain; /* the values it may have, separated by blanks; NULL: any */
};

extern const struct sb_fact sb_facts[];
extern const size_t sb_facts_n;

/* The fact of this path, or NULL. */
const struct sb_fact *sb_fact_find(const char *path);

/* True when `word` is in a domain. */
bool sb_fact_allows(const struct sb_fact *fact, const char *word);

#endif
