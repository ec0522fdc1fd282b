/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.h - what is written on the record, and how cards, cases and anomalies follow from it.
 *
 * The orchestrator changes a card, a case or an anomaly in one way only: it appends an entry, and when that is durable it
 * folds the entry into the value. Whoever folds the same entries in the same order has the same values: the orchestrator
 * after a restart, the derived tables, `audit show`. The fold is pure and total: an entry it cannot use is an error and
 * changes nothing.
 */
#ifndef SIGNALBOX_MODEL_ENTRY_H
#define SIGNALBOX_MODEL_ENTRY_H

#include <signalbox/model/message.h>

#define SB_DRILL_COUNTS 3 /* from this level on a restore was made */

enum sb_entry_kind {
    SB_ENTRY_START,           /* {"version","pid","read_only","members"} an owner began */
    SB_ENTRY_STOP,            /* {"reason"} */
    SB_ENTRY_LOGIN,           /* {"seat"} somebody sat down at a screen */
    SB_ENTRY_POLICY_LOAD,     /* {"policy","text","versions","in_force","signer"} a bundle came into force, whole */
    SB_ENTRY_BOUND,           /* {"deployment","id","environment","servers"} a name was bound to what it means */
    SB_ENTRY_REQUEST,         /* {"case"}; of a schedule also {"event":"schedule:NAME","planned","missed"}: this entry is the run */
    SB_ENTRY_INTENT,          /* {"reading"} how the request was understood */
    SB_ENTRY_VERDICT,         /* {"stage","verdict","input","shadow"} policy was asked; stage intake, gate, approve or execute */
    SB_ENTRY_HANDOFF,         /* {"handoff"} */
    SB_ENTRY_COMMAND,         /* {"member","command","millis","error"} a read that was made for a case */
    SB_ENTRY_RECOMMENDATION,  /* {"card"} */
    SB_ENTRY_EDIT,            /* {"card","sets","diff"} a new revision */
    SB_ENTRY_APPROVAL,        /* {"approval","statement"} */
    SB_ENTRY_APPROVAL_VOID,   /* {"reason"} */
    SB_ENTRY_STATE,           /* {"event","from","to","note"} */
    SB_ENTRY_STEP_INTENT,     /* {"step","try","undo","command","sha256","nonce"} durable before anything is sent; of a batch also {"batch","pass","to","done","total"} */
    SB_ENTRY_STEP_RESULT,     /* {"step","try","undo","outcome","reply","millis"} outcome ok, failed or unknown; of a batch also {"batch","changed","done","total","eta_ms"} */
    SB_ENTRY_STEP_VERIFIED,   /* {"step","undo","ok","checks"} what a read-back found */
    SB_ENTRY_STEP_PROBE,      /* {"step","undo","found","detail"} found done, not_done, running or unknown */
    SB_ENTRY_WATCH,           /* {"report"} watch opened, a sample summary, or its verdict */
    SB_ENTRY_CASE_CLOSE,      /* {"outcome","unfinished"}; unfinished: nobody has answered it */
    SB_ENTRY_ANOMALY,         /* {"anomaly"} opened, changed or closed */
    SB_ENTRY_ACK,             /* {"anomaly","by"} somebody took it */
    SB_ENTRY_SAMPLER,         /* {"from","to","commands","errors","log_gaps"} ten minutes of polls in one entry */
    SB_ENTRY_REFUSED,         /* {"ask","why"} an ask that was not followed */
    SB_ENTRY_BREAKGLASS,      /* {"breakglass","statement","signature"} soft rules are lifted from one plan for a while */
    SB_ENTRY_REVIEW,          /* {"id","by","reason"} somebody else has looked at it afterwards */
    SB_ENTRY_AUTONOMY,        /* {"kind","environment","level","lowered_to","reason","record"} the program lowered a level by itself; with {"by","entry","statement","signature"} in place of "record": it came back */
    SB_ENTRY_SCHEDULE,        /* {"event","name","when","request"} recurring work came into being, changed or ended; event began or ended */
    SB_ENTRY_CLOCK,           /* {"jump_ms","mono_ms","already_run"} somebody set the wall clock; its runs ahead of now that will not be repeated */
    SB_ENTRY_MARK,            /* {"text","ns","app","about"} somebody says that something was changed: a release, a setting */
    SB_ENTRY_HUSH,            /* {"hush","said"} a blackout begins, or somebody judged an anomaly */
    SB_ENTRY_HUSH_END,        /* {"id","reason"} it ends before its time, or what was said is taken back */
    SB_ENTRY_REMARK,          /* {"remark"} a note about an anomaly or a card */
    SB_ENTRY_HOOK,            /* {"event","command","try","outcome","status","millis","output"} a command of the operator's was told of something */
    SB_ENTRY_KNOBS,           /* {"docs","delay_ms","at_once"} of the batches of a running step, from here on */
    SB_ENTRY_PROOF,           /* {"by","evidence"} what the what-if `by` found out about the card: beside it, no part of what is approved */
    SB_ENTRY_DRILL,           /* {"event","drill",...} a restore into a throw-away deployment; event began or ended (orchestrator/drill.h) */
    SB_ENTRY_EXERCISE,        /* {"result"} what became of an exercise on a simulated deployment (cli/exercise.h) */
    SB_ENTRY_HELD,            /* {"event","step","undo","by","why","since","for_ms"} a running step sends nothing more for now, or again; event "held back" or "goes on" */
    SB_ENTRY_BACKUP,          /* {"event":"completed","path","name","type","taken_at","taken_from","bytes","about"} a usable backup has come where the config says they lie, made by whichever tool */
    SB_ENTRY_REPORT,          /* {"days","path","sha256","said","text"} a report was written into a file */
    SB_ENTRY_SUMMARY,         /* {"of","evidence"} the evidence of that revision in other words, by an outside program: beside it, as under proof */
    SB_ENTRY_LEASE,           /* {"event","epoch","about","owner","before","forced":{...}} of the shared store's lease of this deployment; event taken, lost, fenced, not fenced, maintenance or gone */
    SB_ENTRY_KINDS
};
extern const struct sb_names sb_entry_kinds;

/* Who did it. The ledger takes it as it is; the orchestrator fills it in once a seat. */
struct sb_actor {
    char *principal; /* operating-system user, or a specialist's name */
    char *loginuid;  /* what the kernel says, "unset" where it says nothing */
    char *session;
    char *tty;
    char *ssh_fp;    /* fingerprint of the key that signed; NULL: none did */
};
extern const struct sb_schema sb_actor_schema;

/* What the entry belongs to. */
struct sb_plan_ref {
    char *case_id;   /* JSON key "case" */
    char *card;
    int64_t revision;
    char *hash;
    char *anomaly;
    char *deployment;
    bool simulated;
};
extern const struct sb_schema sb_plan_ref_schema;

struct sb_entry {
    int kind; /* enum sb_entry_kind */
    struct sb_actor actor;
    struct sb_plan_ref plan;
    char *decision; /* id of the policy decision it rests on */
    char *policy;   /* SHA-256 of the bundle in force */
    json_t *body;   /* an object; canonical profile: no reals */
    /* filled in by the ledger */
    int64_t seq;
    int64_t ts;     /* wall */
    char hash[65];  /* leaf hash of its bytes, hexadecimal; "" where only the bytes were asked for */
};

void sb_entry_release(struct sb_entry *e);

/* Folds an entry that belongs to this card (plan.card is its id). RECOMMENDATION and EDIT replace the contract. */
int sb_card_fold(struct sb_card *card, const struct sb_entry *e, struct sb_err *err);

/* Folds an entry that belongs to this case. REQUEST begins it. */
int sb_case_fold(struct sb_case *c, const struct sb_entry *e, struct sb_err *err);

/* Folds ANOMALY, ACK and REMARK. */
int sb_anomaly_fold(struct sb_anomaly *a, const struct sb_entry *e, struct sb_err *err);

/* What an entry says of whether the deployment's backups can be restored: -1 nothing (it is no end of a drill, or its target was
 * refused), 0 it failed, else the level that counts. A simulated target counts where what is watched is simulated. */
int sb_drill_level(const struct sb_entry *e);

/* Appends one line for people: "approved by alice", "step 1: createIndexes sent". Holds text from outside. */
void sb_entry_text(const struct sb_entry *e, struct sb_str *out);

/* Where such a line takes what it says from, so that a million of them need no tree each: a member of the body along a
 * dotted path. */
struct sb_entry_fields {
    void *of;
    bool (*text)(void *of, const char *path, struct sb_str *out); /* appends a string; false: there is none, nothing was appended */
    int64_t (*number)(void *of, const char *path);                /* 0: there is none */
    bool (*yes)(void *of, const char *path);                      /* it is true */
};
/* False: what the program itself puts into such lines, or what stands beside it, may make up this text. True: where a line or
 * the words of a row hold it, so does a member of the entry. text: of letters, digits, '_', '.' and '-'. */
bool sb_entry_text_is_of_members(const char *text);
void sb_entry_text_from(int kind, const struct sb_entry_fields *f, struct sb_str *out);

/* The row of the audit pane. row is overwritten. */
int sb_entry_row(const struct sb_entry *e, struct sb_audit_row *row) SB_MUST_USE;

#endif
