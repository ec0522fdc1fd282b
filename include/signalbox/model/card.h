/* SPDX-License-Identifier: Apache-2.0
 *
 * card.h - one recommendation as a person reviews it.
 *
 * A card has a contract (what is approved) and a life (what has become of it). The contract's canonical bytes are
 * sb_card_canonical; their SHA-256 is the card's hash, and an approval binds exactly that. Every edit makes a new revision.
 *
 * Commands keep their order: `action` (JSON key "do") and `undo` of a step are each one string of canonical Extended JSON
 * in sending order, with "$db" last. Screen, hash and wire bytes are made from that string and from nothing else. There
 * are no reals: probabilities are parts per million, durations and sizes integers with the unit in the name.
 */
#ifndef SIGNALBOX_MODEL_CARD_H
#define SIGNALBOX_MODEL_CARD_H

#include <signalbox/base/hash.h>
#include <signalbox/model/claim.h>
#include <signalbox/model/evidence.h>
#include <signalbox/model/lifecycle.h>
#include <signalbox/model/policy.h>

/* A fact to be read from the deployment before or after a step. The check's name is its meaning:
 *   primary                       the command goes to the primary of the bound replica set
 *   members_up                    every voting, data-bearing member answers and is PRIMARY or SECONDARY
 *   index_absent   ns name        no index of this name, and none of the same key
 *   index_built    ns name value  built on every data-bearing member; value is the key pattern
 *   index_gone     ns name
 *   index_hidden   ns name value  finished and hidden, with this key pattern (value may be left out: any)
 *   index_unused   ns name value  no member has counted a use of it, nor have counts been lost: "uses/since" as they stood, the uses
 *                                 of all members together and the oldest time from which one has counted
 *   index_shown    ns name value  there, with this key pattern, finished and not hidden
 *   no_build       ns             nobody builds an index on the collection
 *   disk           value          so many bytes are free on every member
 *   quiet          ns value       no operation or transaction has been open on the collection for more than so many seconds, on
 *                                 any member; of a transaction that is idle a server tells no collection: it counts for each
 *   collection     ns value       the collection exists and has this UUID (value may be empty: it exists)
 *   collection_absent ns          no such collection
 *   named          ns value       the collection of this UUID is called ns
 *   name_free      ns             neither a collection nor a view is called so
 *   capped         ns value       the collection is capped and has so many indexes: "bytes/indexes"
 *   held           ns name        each document of the collection, from the oldest on that the collection `name` holds, is in that one
 *   no_writes      ns value       the oplog holds no write to the collection of the last so many seconds
 *   profile        ns value       the database's profiling level and slowms, as "level/slowms/sample_ppm"
 *   none_match     ns value       no document of the collection fits this query (Extended JSON)
 *   op_running     ns name value  the member `name` still runs the operation of this number, by the connection and in the session
 *                                 that the value says (Extended JSON: op, connection, session), and it may be ended
 *   op_gone        ns name value  it does not run it any more
 *   validator      ns value       the collection's validator, level and action are these (agents/schema_validator.h)
 *   index_expires  ns name value  there, and lets documents expire after so many seconds
 *   expiring       ns name value  of the dates at the path `name`, at most so many are older than so many seconds: "seconds/most"
 */
struct sb_check {
    char *check;
    char *ns;
    char *name;
    char *value;
};
extern const struct sb_schema sb_check_schema;

/* Adds one to a step's check_before or check_after, all copied; NULL where it has none. -1 out of memory. */
int sb_check_add(struct sb_check **list, size_t *n, const char *check, const char *ns, const char *name, const char *value);

/* How a step is carried out that is more than one command: by the step iterator of this name (agents/step_iterator.h), which
 * derives each command from the step's own. */
struct sb_step_work {
    char *how;         /* "batches", "both_written", "unwritten", "retyped", "validated", "pair_written", "extracted", "set_with", "embedded", "renamed", "series_written", "series_held"; NULL: the step is one command */
    char *field, *new_field; /* what is looked for in the writes; may be NULL. Of "retyped" the second is the type that goes, of
                              * "pair_written" and "extracted" it is a collection, of "series_..." a time series */
    int64_t docs;      /* batches: documents in one */
    int64_t delay_ms;  /* between two of them, at least */
    int64_t max_lag_s, max_queued, max_cache_ppm, min_oplog_s; /* it waits while one of them is broken; 0: not looked at */
    int64_t writes;    /* looking at writes: so many at least */
    int64_t quiet_s;   /* for so long none of them may break the rule; of batches that append: until nothing is left */
};
extern const struct sb_schema sb_step_work_schema;

struct sb_step {
    int64_t n;        /* from 1 */
    int class_;       /* enum sb_step_class */
    char *action;     /* "do" */
    char *undo;       /* NULL: there is none */
    char *hide;       /* the gentler undo of an index: hide it, where a plan got worse; NULL: there is none */
    int undo_label;   /* enum sb_undo_label */
    int control;      /* enum sb_control */
    struct sb_check *check_before;
    size_t check_before_n;
    struct sb_check *check_after;
    size_t check_after_n;
    struct sb_step_work work;
};
extern const struct sb_schema sb_step_schema;
bool sb_step_only_looks(const struct sb_step *s); /* it reads until something is so, and changes nothing */

struct sb_blast_radius {
    char **namespaces;
    size_t namespaces_n;
    char **apps;
    size_t apps_n;
    int64_t documents;      /* in the collection */
    int64_t bytes;          /* of the collection */
    int64_t members;        /* that do the work */
    int64_t writes_per_s_milli;
    int64_t reads_per_s_milli;
    int64_t est_duration_ms;
    int64_t est_bytes;      /* that it adds */
    char *lock;             /* "exclusive on shop.orders at the start and the end of the build" */
};
extern const struct sb_schema sb_blast_radius_schema;

/* What a watch window measures: metric of subject, against a limit. Metrics:
 *   shape_latency_us  shape_docs_per_returned  (subject: fingerprint)    ns_read_latency_us  ns_write_latency_us
 *   (subject: namespace)    index_uses  index_bytes  index_keys_per_s_milli (entered or taken out; subject: index name)
 *   member_lag_s (subject: member)
 *   what_if_docs  what_if_docs_without  (subject: fingerprint)  what_if_bytes (subject: index name): on a sample
 *   event (watch_event.h): that something happens; limit: so many seconds after the window was opened */
struct sb_criterion {
    char *metric;
    char *subject;
    char *label;       /* as people read it */
    char *unit;        /* us, docs, s, bytes, "" */
    bool at_least;     /* the value must be >= limit; else <= limit */
    int64_t limit;
    int64_t baseline;  /* measured before */
    bool has_baseline;
    int64_t predicted; /* what the card says it will be */
    bool has_predicted;
    char *badge;       /* how well that is founded, as coverage of evidence; NULL where nothing is predicted */
    bool decisive;     /* it must have been measured for a PASS */
    char *on_breach;   /* "hide": a plan got worse; "drop": writes or size did */
};
extern const struct sb_schema sb_criterion_schema;

struct sb_watch {
    int64_t window_s;
    int64_t min_operations; /* fewer observed operations on the collection: INCONCLUSIVE */
    struct sb_criterion *criteria;
    size_t criteria_n;
};
extern const struct sb_schema sb_watch_schema;

/* What the watch has measured so far; readings[i] belongs to criteria[i]. */
struct sb_watch_reading {
    bool measured;
    bool breached;
    int64_t value;
    int64_t samples;
    char *note; /* why it could not be measured */
};

struct sb_watch_report {
    int64_t opened_at, ends_at; /* deployment time */
    int64_t observed_s, missing_s; /* what counted; what should have and was not seen */
    int64_t settling_s;            /* at the beginning, in which plans and caches settle: not counted. The three add up to the time gone by */
    int64_t operations;
    bool measured; /* what is measured stands; the verdict waits for events only */
    struct sb_watch_reading *readings;
    size_t readings_n;
    struct sb_claim *claims; /* what was predicted against what was read */
    size_t claims_n;
    int verdict; /* enum sb_verdict */
    char *reason;
    char *remedy; /* "hide", "drop", "unhide" or "create" behind a FAIL */
};
extern const struct sb_schema sb_watch_report_schema;

/* How long a window had been open at its last reading, as its parts add up. */
int64_t sb_watch_elapsed_s(const struct sb_watch_report *r);

struct sb_rejected {
    char *key; /* as people read it */
    char *reason;
};

/* What the card hands to people to do outside the database: a piece of code, a manual step. */
struct sb_side_note {
    char *title; /* "Node.js: write both fields" */
    char **lines;
    size_t lines_n;
};
/* Appends one, its text split at line ends; -1 out of memory. */
struct sb_card;
int sb_side_note_add(struct sb_card *c, const char *title, const char *text) SB_MUST_USE;

/* What the advice expects to change; INTERFACE's ADVICE takes its impact and cost from here. */
struct sb_impact {
    int64_t score_ppm;      /* share of the namespace's total operation time it would save */
    int64_t time_ms;        /* spent by the shapes in the evidence window */
    int64_t docs_saved;     /* documents no longer examined, per second in milli */
    int64_t bytes;          /* the index would take */
    int64_t writes_per_s_milli; /* index keys written per second */
};

struct sb_approval {
    char *by;
    char *how; /* console, cli */
    char *hash;
    int64_t revision;
    int64_t at; /* wall */
    char *nonce;
    char *key; /* fingerprint of the SSH key that signed it; NULL: nobody signed */
    bool own;   /* by the author of this revision, under whatever name */
    bool voided;
    char *void_reason;
};
extern const struct sb_schema sb_approval_schema;

/* One thing that people changed since the specialist proposed the card, however often. */
struct sb_card_edit {
    char *what;       /* "key", "watch window" */
    char *was, *now;  /* as first proposed, and as it stands; "": none */
    int64_t revision; /* the last that changed it */
    char *by;
    int64_t at;       /* wall */
};
extern const struct sb_schema sb_card_edit_schema;

/* Somebody lifted every soft rule from this plan for a while; somebody else reviews it afterwards. */
struct sb_breakglass {
    char *id;
    char *by, *reason, *ticket;
    char *hash;        /* of the card: an edit ends it */
    int64_t from, until; /* wall */
    char *key;         /* fingerprint of the SSH key that signed it; NULL: nobody signed */
    char *reviewed_by; /* NULL: not yet */
    char *review;
};
extern const struct sb_schema sb_breakglass_schema;

struct sb_progress {
    int64_t step;      /* 1.. ; 0 none */
    char *phase;       /* "scanning collection on 3 members" */
    int64_t done, total;
    int64_t eta_ms;    /* of deployment time; 0 unknown */
    bool undoing;
    char *quorum;      /* of a build: who must have finished before it is committed; NULL: the server has no such thing */
    int64_t batch_docs, batch_delay_ms, batches_at_once; /* of a step in batches, as its knobs stand; all 0: it is none */
    char *alarm;       /* what has passed its limit since the step began, and how to end it; NULL: nothing */
};

struct sb_card {
    /* the contract */
    char *id;          /* "C-000012" */
    int64_t revision;  /* from 1 */
    char *case_id;     /* JSON key "case" */
    char *deployment;
    char *deployment_id; /* what the name is bound to */
    int environment;   /* enum sb_environment */
    bool simulated;
    int kind;          /* enum sb_card_kind */
    char *title;       /* "Create index status_1_created_at_-1 on shop.orders" */
    char *why;         /* one or two sentences */
    char *target;      /* what prod asks to be typed: the namespace */
    char *index_name;  /* "" unless the card is about an index */
    char *index_key;   /* canonical Extended JSON, in order */
    char *index_options; /* canonical Extended JSON: unique, sparse, ... */
    char **shapes;     /* shape texts it serves */
    size_t shapes_n;
    int risk;          /* enum sb_level */
    int64_t confidence_ppm;
    char *author;      /* who wrote the commands */
    char *requested_by;
    int64_t created_at; /* wall */
    struct sb_step *steps;
    size_t steps_n;
    struct sb_blast_radius blast_radius;
    struct sb_impact impact;
    struct sb_rejected *rejected; /* candidates that were not proposed, and why */
    size_t rejected_n;
    struct sb_evidence *evidence;
    size_t evidence_n;
    struct sb_watch watch;
    int64_t approve_by, execute_by; /* wall */
    char *author_signs; /* as whom the author says to sign approvals; NULL: not said, or no person */
    char *phase;       /* "2 of 4: backfill"; NULL: the card is no part of a longer plan */
    char *after;       /* the card that has to be done before this one starts; NULL: none */
    struct sb_side_note *notes;
    size_t notes_n;
    char *proves; /* of a what-if: the card whose index it tries out; NULL: it is none */
    bool needs_person; /* whatever policy lets go by itself: it was asked for from a read-only seat, which decides nothing */
    /* the life */
    char *hash;
    int state;         /* enum sb_state */
    struct sb_policy_verdict policy;
    struct sb_approval *approvals;
    size_t approvals_n;
    struct sb_progress progress;
    struct sb_watch_report report;
    char *note;        /* the last thing that happened to it, for people */
    int64_t changed_at; /* wall */
    bool closed;       /* a failed card somebody has seen and left */
    char *anomaly;     /* the anomaly that led to it */
    struct sb_breakglass breakglass; /* id NULL: nobody broke the glass for it */
    struct sb_evidence *beside; /* what was found out since, by trying it out; it voids nothing and is not approved */
    size_t beside_n;
    struct sb_card_edit *edits; /* what differs from the first proposal; the commands hold it already */
    size_t edits_n;
};
extern const struct sb_schema sb_card_schema;

void sb_card_release(struct sb_card *c);

/* What a list shows of a card: what is held of the thousands that nobody has opened. Nothing is decided from it. */
struct sb_card_row {
    char *id;
    int64_t revision;
    char *case_id;     /* JSON key "case" */
    char *title;
    char *target;
    char *author;
    int environment;   /* enum sb_environment */
    int kind;          /* enum sb_card_kind */
    int risk;          /* enum sb_level */
    int state;         /* enum sb_state */
    bool closed;
    int64_t approve_by, execute_by;   /* wall */
    int64_t approvals, wanted;        /* that count; how many it takes */
    int64_t glass_from, glass_until;  /* wall: the glass is broken for it as it is; 0 and 0: it is not */
    int64_t changed_at;               /* wall; 0: not told */
};
extern const struct sb_schema sb_card_row_schema;

/* The row of a card, all copied: 0, or -1 and a zeroed row. */
int sb_card_row_of(const struct sb_card *c, struct sb_card_row *out) SB_MUST_USE;

/* Appends the bytes that are hashed and approved. */
int sb_card_canonical(const struct sb_card *c, struct sb_str *out, struct sb_err *err);

/* Computes the hash over the contract and stores it in c->hash. */
int sb_card_seal(struct sb_card *c, struct sb_err *err);

/* Approvals that count: not voided, and of exactly this revision and hash. */
size_t sb_card_approvals(const struct sb_card *c);

/* How many approvals it takes, groups included: "2 of dba" are two whatever else is said. One that needs a person takes one
 * where policy wants none. */
int64_t sb_card_approvals_wanted(const struct sb_card *c);

/* True while the glass is broken for exactly these bytes. wall: now. */
bool sb_card_glass_broken(const struct sb_card *c, int64_t wall);

/* True while somebody or something has to act on it. */
bool sb_card_open(const struct sb_card *c);
bool sb_card_row_open(const struct sb_card_row *r);

/* What an operator may change on a card, and how it is written in `edit`. */
struct sb_edit_key {
    const char *key;
    const char *help;
};
extern const struct sb_edit_key sb_edit_keys[];
extern const size_t sb_edit_keys_n;

/* True for what a card of this kind lets be changed: of one that makes an index all, of one that hides or drops one how it is watched,
 * of any other nothing. */
bool sb_edit_key_is_for(const struct sb_edit_key *key, int kind);

#endif
