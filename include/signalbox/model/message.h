/* SPDX-License-Identifier: Apache-2.0
 *
 * message.h - every message between a screen and the orchestrator, as a value with a JSON form.
 *
 * Asks go from a screen (console, `cards`, `ask`, the tour) to the orchestrator; news go back. A message owns its body,
 * a record of the schema its type names; the JSON form is {"type":"approve","seq":12,"body":{...}}, one line on a socket.
 * `seq` is the asker's number; an answer repeats it, news that nobody asked for have 0. The orchestrator answers every
 * ask with exactly one `answer`, whatever other news it causes. Thread: a message has one owner at a time.
 */
#ifndef SIGNALBOX_MODEL_MESSAGE_H
#define SIGNALBOX_MODEL_MESSAGE_H

#include <signalbox/model/anomaly.h>
#include <signalbox/model/card.h>
#include <signalbox/model/case.h>
#include <signalbox/model/doctor.h>
#include <signalbox/model/hush.h>
#include <signalbox/model/ops.h>
#include <signalbox/model/recovery.h>
#include <signalbox/model/plan.h>
#include <signalbox/model/schema_look.h>
#include <signalbox/model/report.h>

enum sb_message_type {
    /* asks */
    SB_ASK_HELLO,    /* struct sb_seat: who sits here; answered by welcome and the present state */
    SB_ASK_REQUEST,  /* struct sb_text: a request in plain language */
    SB_ASK_APPROVE,  /* struct sb_decision_on */
    SB_ASK_EDIT,     /* struct sb_edit */
    SB_ASK_REJECT,   /* struct sb_decision_on */
    SB_ASK_PAUSE,    /* struct sb_decision_on, as all down to REVIEW */
    SB_ASK_RESUME,
    SB_ASK_STOP,
    SB_ASK_ROLLBACK,
    SB_ASK_REFRESH,  /* measure a stale card anew */
    SB_ASK_CLOSE,    /* a failed card was seen and is left as it is */
    SB_ASK_BREAKGLASS, /* lifts soft rules from the card for a while */
    SB_ASK_REVIEW,   /* looks at that afterwards */
    SB_ASK_WHAT_IF,  /* struct sb_decision_on: the card's index is tried out on a sample */
    SB_ASK_RESTORE,  /* struct sb_signed: a kind of action, or a rule, that was lowered comes back; the statement says which */
    SB_ASK_STORE,    /* struct sb_remark_on: id: what is said about the shared store ("accept-restored"), text: why */
    SB_ASK_CARD,     /* struct sb_text: the id; answered by card */
    SB_ASK_CASE,     /* struct sb_text: the id; answered by case */
    SB_ASK_AUDIT,    /* struct sb_audit_ask; answered by audit */
    SB_ASK_ACK,      /* struct sb_text: id of an anomaly taken by this seat */
    SB_ASK_MARK,     /* struct sb_marker: a change that somebody makes, for the detector to know of */
    SB_ASK_FEEDBACK, /* struct sb_feedback: what somebody thinks of an anomaly */
    SB_ASK_REMARK,   /* struct sb_remark_on: a note into the record of an anomaly, or of a card */
    SB_ASK_BLACKOUT, /* struct sb_hush: its scope, reason and until; the rest is ignored */
    SB_ASK_LIFT,     /* struct sb_remark_on: ends a blackout, or forgets what was said of an anomaly; id: the hush's, or the anomaly's */
    SB_ASK_DRILL,    /* struct sb_text: the id of a drill that has ended, to be taken over from the drills' ledger */
    SB_ASK_RECOVERY, /* struct sb_text, ignored: what could be brought back; answered by recovery, once it has been looked at */
    SB_ASK_OPS,      /* struct sb_text, ignored: what runs now; answered by ops. It is read at most every other second, whoever asks */
    SB_ASK_REPLAY,   /* struct sb_replay_ask; answered by replay */
    SB_ASK_LOOK,     /* struct sb_text: the card that this seat has open; empty: none */
    SB_ASK_STAKE,    /* struct sb_text: a place, "db.coll" or "db"; answered by stake: what a request about it would touch */
    SB_ASK_PLAN,     /* struct sb_text: the id of a case; answered by plan: what has to be true before its phases, measured now */
    SB_ASK_REPORT,   /* struct sb_text: the moment that divides it (sb_time_when: "30d", "2026-11-23"), or nothing; answered by report, once the record has been gone through */
    SB_ASK_OWNER,    /* struct sb_text, ignored: what is watched here; answered by owner, and no login */
    SB_ASK_BYE,      /* struct sb_text: the seat leaves */
    /* news */
    SB_NEWS_WELCOME, /* struct sb_welcome */
    SB_NEWS_OWNER,   /* struct sb_watched */
    SB_NEWS_STRIP,   /* struct sb_strip: the cluster as it is now (coalesced) */
    SB_NEWS_ANOMALY, /* struct sb_anomaly: new or changed */
    SB_NEWS_HUSHES,  /* struct sb_hushes: all that are in force */
    SB_NEWS_RECOVERY, /* struct sb_recovery */
    SB_NEWS_OPS,     /* struct sb_ops */
    SB_NEWS_REPLAY,  /* struct sb_replay */
    SB_NEWS_LOOKS,   /* struct sb_looks: which cards are open where, whenever that changes */
    SB_NEWS_SCHEMA,  /* struct sb_schema_look: a collection was looked at, for whomever */
    SB_NEWS_STAKE,   /* struct sb_stake_told */
    SB_NEWS_PLAN,    /* struct sb_plan_gates */
    SB_NEWS_REPORT,  /* struct sb_report_page */
    SB_NEWS_DOCTOR,  /* struct sb_doctor: so far; of the console's own process, which looks at its own terminal and files */
    SB_NEWS_CARD,    /* struct sb_card: new or changed, whole */
    SB_NEWS_CARDS,   /* struct sb_card_rows: cards as lists show them, of which there are too many to tell each whole */
    SB_NEWS_CASE,    /* struct sb_case: new or changed, whole */
    SB_NEWS_AUDIT,   /* struct sb_audit_page */
    SB_NEWS_ENTRY,   /* struct sb_audit_row: one appended to the ledger */
    SB_NEWS_NOTICE,  /* struct sb_notice */
    SB_NEWS_ANSWER,  /* struct sb_answer */
    SB_NEWS_BYE,     /* struct sb_text: the orchestrator has ended, and why */
    SB_MESSAGE_TYPES
};

const char *sb_message_name(int type);

struct sb_text {
    char *text;
};

/* A statement in canonical JSON, and the armoured signature of its bytes. */
struct sb_signed {
    char *statement, *signature;
};

/* A change from outside: a release, a setting. */
struct sb_marker {
    char *text; /* one line, SB_MARK_MOST bytes at most */
    char *ns;   /* "db" or "db.coll" it is about; NULL: any */
    char *app;  /* whose; NULL: not said */
};
#define SB_MARK_MOST 400

struct sb_feedback {
    char *anomaly;
    int mark;        /* enum sb_hush_kind: noise, known or useful */
    char *reason;    /* may be NULL */
    int64_t minutes; /* for so long; 0: a week */
};

struct sb_remark_on {
    char *id;
    char *text;
};
#define SB_REMARK_MOST 1000

#define SB_PROTOCOL 1 /* grows when a console of before could not read what is told */

struct sb_seat {
    char *who;    /* operating-system user; over a socket the orchestrator replaces it by what SO_PEERCRED says */
    char *how;    /* console, cli, tour */
    char *tty;
    bool read_only; /* it decides nothing, whatever the owner may do */
    int64_t protocol; /* SB_PROTOCOL of its program; 0: from before there was one */
    char *signs_as; /* as whom it signs what is decided; NULL: it signs nothing. It proves nothing, and is held against nobody but its sayer */
};

struct sb_decision_on {
    char *card;
    int64_t revision; /* 0: whatever it is now (not for approve) */
    char *hash;       /* approve, breakglass, a signed review: the hash that was shown */
    char *target;     /* approve: what was typed where policy wants it */
    char *reason;     /* reject, close, breakglass, review: needed */
    char *ticket;     /* breakglass: needed */
    int64_t batch;    /* approve: so many cards are approved with one sequence, this among them; 0: it alone */
    int64_t minutes;  /* breakglass: for so long; 0: as long as policy lets */
    char *statement;  /* approve, breakglass and review, where they are signed: canonical JSON, and */
    char *signature;  /* the armoured SSH signature of exactly these bytes */
};

struct sb_set {
    char *key;   /* one of sb_edit_keys */
    char *value;
};

struct sb_edit {
    char *card;
    int64_t revision;
    struct sb_set *sets;
    size_t sets_n;
};
extern const struct sb_schema sb_edit_schema;

/* Without `match` a page of rows. With it the rows that fit it, of as many as can be gone through in some milliseconds: the
 * answer says how far that was, and whoever wants more asks on from there. */
struct sb_audit_ask {
    int64_t before; /* rows with a smaller sequence number; 0: from the newest. upward: rows with a larger one */
    int64_t limit;  /* 1..500 */
    char *match;    /* a regular expression, compared with sb_audit_row_words */
    bool plain;     /* it is no expression but the text itself */
    bool caseless;
    bool without;   /* the rows that do not fit it */
    bool upward;    /* towards the newest; only with match */
};

struct sb_audit_row {
    int64_t seq;
    int64_t ts;    /* wall */
    char *kind;
    char *actor;
    char *case_id; /* JSON key "case" */
    char *card;
    char *text;    /* one line for people */
    char *hash;    /* leaf hash, hexadecimal; NULL not told */
};
extern const struct sb_schema sb_audit_row_schema;

/* Appends all that a row says, as one line: what filters and searches are about. */
void sb_audit_row_words(const struct sb_audit_row *row, struct sb_str *out);

struct sb_audit_page {
    int64_t before;
    int64_t head;  /* the newest sequence number */
    bool at_start; /* nothing older follows; upward: nothing newer */
    struct sb_audit_row *rows; /* newest first; upward: oldest first */
    size_t rows_n;
    int64_t searched_from, searched_to; /* the first and the last entry that was compared with `match`; 0: none was */
    int64_t undecided; /* rows that are here because the expression ran into its limits on them */
};

struct sb_card_rows {
    struct sb_card_row *rows;
    size_t rows_n;
};

struct sb_member_line {
    char *name;    /* host:port */
    char *shard;   /* that it is a member of; NULL: of none */
    char *state;   /* PRIMARY, SECONDARY, ... or DOWN, UNKNOWN */
    bool healthy;
    int64_t lag_s; /* -1 unknown */
    int64_t reads_per_s_milli, writes_per_s_milli; /* -1 unknown */
    int64_t read_latency_us, write_latency_us;     /* -1 unknown */
    int64_t connections, queued;                   /* -1 unknown */
    int64_t cache_ppm;                             /* -1 unknown */
    /* what mongostat shows; each -1 where it is unknown, or what went in was older */
    int64_t inserts, queries, updates, deletes, getmores, commands; /* a second, in milli */
    int64_t dirty_ppm, resident_mib;
    int64_t reading, writing;                      /* tickets that are out */
    int64_t bytes_in, bytes_out;                   /* a second */
    char *blind;   /* which checks cannot be made here, and why; NULL: none */
};
extern const struct sb_schema sb_member_line_schema;

/* What mongostat shows is not known of it. */
static inline void sb_member_line_unknown(struct sb_member_line *l)
{
    l->inserts = l->queries = l->updates = l->deletes = l->getmores = l->commands = -1;
    l->dirty_ppm = l->resident_mib = l->reading = l->writing = l->bytes_in = l->bytes_out = -1;
}

/* What stands between this program and the deployment. */
enum sb_obstacle {
    SB_OBSTACLE_NONE,
    SB_OBSTACLE_CONNECTING, /* nothing is known yet */
    SB_OBSTACLE_AWAY,       /* out of reach, or no MongoDB server */
    SB_OBSTACLE_REFUSES,    /* it is there, and does not let us in */
    SB_OBSTACLE_BOUND,      /* it is not the one that the name is bound to: it is looked at, and nothing is executed */
    SB_OBSTACLE_STORE,      /* all is well with it, but the operators' store is not there: nothing is executed */
    SB_OBSTACLES
};
extern const struct sb_names sb_obstacles;

struct sb_strip {
    int64_t at;        /* deployment time of the newest sample; 0: none yet */
    int64_t wall;
    char *set_name;
    char *cluster;     /* one line about a cluster as a whole: its mongos, its balancer; NULL: it is none */
    bool cluster_ill;  /* its mongos does not answer */
    struct sb_member_line *members;
    size_t members_n;
    int64_t samples;   /* taken so far */
    int64_t warmup_done, warmup_need; /* samples the detector has, and needs */
    int64_t commands_per_s_milli;     /* the program's own load on the busiest member */
    int64_t commands, errors;         /* that its polls have sent so far, and how many of them failed */
    int64_t log_gaps;  /* log lines that passed unseen */
    int64_t ledger_head;
    bool ledger_ok;
    char *ledger_note;
    int64_t dropped;   /* telemetry frames coalesced away */
    int obstacle;      /* enum sb_obstacle: what the note is about */
    char *note;        /* one line: "waiting for 127.0.0.1:27017: connection refused"; NULL: all well */
};

/* A minute of the last 24 hours: as the strip stood at its end. */
struct sb_replay_ask {
    int64_t at; /* wall; the newest kept minute that is not after it is answered, or the oldest */
};

struct sb_replay {
    int64_t at;             /* wall: of the minute; 0: none is kept yet */
    int64_t oldest, newest; /* kept */
    struct sb_strip strip;
};

/* A card that somebody has open. */
struct sb_look {
    char *who, *how;
    char *card;
};

struct sb_looks {
    struct sb_look *list;
    size_t list_n;
};

struct sb_welcome {
    char *version;     /* of the program */
    char *deployment;
    char *deployment_id;
    int environment;   /* enum sb_environment */
    bool simulated;
    bool read_only;
    char *set_name;
    char *server_version;
    char *actor;       /* who the orchestrator takes this seat for */
    char *policy;      /* "default 2026.11.1 (b91c..)" */
    int64_t speed;     /* simulated time runs this many times as fast; 1 elsewhere */
    bool groups_known; /* the owner says in which groups of the policy `actor` is: */
    char **groups;
    size_t groups_n;
};

/* What the owner of a ledger watches, and under which policy: for a program that is about to join it. */
struct sb_watched {
    char *deployment;
    int environment;   /* enum sb_environment */
    char **hosts;      /* "host:port": those of its connection string, and the members as they were told */
    size_t hosts_n;
    struct sb_bundle_id policy;
};

/* What a request about a place would touch; what could not be had is among the facts, as blind. */
struct sb_stake_told {
    char *place;
    struct sb_evidence *facts;
    size_t facts_n;
};
extern const struct sb_schema sb_stake_schema;

struct sb_notice {
    int severity; /* enum sb_level */
    char *text;
};

struct sb_answer {
    bool ok;
    int64_t status; /* INTERFACE's exit status */
    char *text;     /* one sentence */
    char *card;     /* the card it is about */
    char *case_id;  /* JSON key "case" */
    char **cards;   /* the cards a request led to */
    size_t cards_n;
};

struct sb_message {
    int type;    /* enum sb_message_type */
    int64_t seq;
    void *body;  /* owned */
};

const struct sb_schema *sb_message_schema(int type);

/* A message with a zeroed body; NULL out of memory. */
struct sb_message *sb_message_new(int type, int64_t seq);
void sb_message_free(struct sb_message *m); /* NULL is fine */

/* A message whose body is a copy of `body` (of the type's schema). */
struct sb_message *sb_message_copy_of(int type, int64_t seq, const void *body);

/* A message whose body is one text. */
struct sb_message *sb_message_text(int type, int64_t seq, const char *text);

/* "console", "cli", ... sits down. NULL out of memory. */
struct sb_message *sb_message_hello(int64_t seq, const char *how, bool read_only);

json_t *sb_message_to_json(const struct sb_message *m);
struct sb_message *sb_message_from_json(const json_t *json, struct sb_err *err);

#endif
