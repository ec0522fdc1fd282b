/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - the closed vocabularies of the house, each an enum with its table of names.
 *
 * The names are what screen, JSON, ledger and policy use; they are never translated or abbreviated elsewhere. New values
 * are added at the end. Thread: constant data.
 */
#ifndef SIGNALBOX_MODEL_NAMES_H
#define SIGNALBOX_MODEL_NAMES_H

#include <signalbox/base/record.h>

enum sb_environment { SB_ENV_PROD, SB_ENV_STAGING, SB_ENV_DEV }; /* 0 is prod: not said means prod */
extern const struct sb_names sb_environments;

enum sb_specialist {
    SB_BY_OPERATOR, /* a person */
    SB_BY_ORCHESTRATOR,
    SB_BY_ANOMALY_DETECTOR,
    SB_BY_INDEX_OPTIMIZER,
    SB_BY_DATA_ARCHITECT,
    SB_BY_BACKUP_GUARDIAN,
    SB_BY_EXTERNAL,
};
extern const struct sb_names sb_specialists;

enum sb_intent {
    SB_INTENT_NONE, /* not ours: refused in words */
    SB_INTENT_INDEX_REVIEW,
    SB_INTENT_INDEX_CREATE,
    SB_INTENT_INDEX_RETIRE,
    SB_INTENT_SCHEMA_REVIEW,
    SB_INTENT_SCHEMA_CHANGE,
    SB_INTENT_SCHEMA_VALIDATE,
    SB_INTENT_ANOMALY_INVESTIGATE,
    SB_INTENT_ANOMALY_WATCH,
    SB_INTENT_OPS_CURRENT,
    SB_INTENT_OPS_KILL,
    SB_INTENT_BACKUP_CHECK,
    SB_INTENT_BACKUP_DRILL,
    SB_INTENT_BACKUP_RESTORE,
    SB_INTENT_CAPACITY_PREPARE,
    SB_INTENT_POLICY_CHECK,
    SB_INTENT_REPORT,
    SB_INTENT_STATUS,
};
extern const struct sb_names sb_intents;

enum sb_card_kind {
    SB_KIND_ADVISORY, /* says something, changes nothing */
    SB_KIND_CREATE_INDEX,
    SB_KIND_DROP_INDEX,
    SB_KIND_HIDE_INDEX,
    SB_KIND_PROFILE, /* switch the profiler on for a while, then restore what was set */
    SB_KIND_OBSERVE,  /* look at the writes until they all keep to a rule; changes nothing */
    SB_KIND_BACKFILL, /* change documents to what they will be, in batches; nothing is lost by it */
    SB_KIND_CONTRACT, /* take from the documents what is no longer needed, in batches */
    SB_KIND_WHAT_IF, /* try an index out on a sample, then take both away */
    SB_KIND_KILL_OP, /* end one operation of a client */
    SB_KIND_VALIDATOR, /* set what the server holds new documents against, and what it does about them */
    SB_KIND_EXPIRE,    /* let the server delete documents after a time */
    SB_KIND_RENAME,    /* give a collection another name */
};
extern const struct sb_names sb_card_kinds;

enum sb_step_class { SB_STEP_IDEMPOTENT, SB_STEP_CHECKED, SB_STEP_IRREVERSIBLE }; /* I, C, X */
extern const struct sb_names sb_step_classes;

enum sb_undo_label { SB_UNDO_LOSSLESS, SB_UNDO_LOSSY, SB_UNDO_IMPOSSIBLE };
extern const struct sb_names sb_undo_labels;

enum sb_control { SB_CONTROL_PAUSABLE, SB_CONTROL_ABORTABLE, SB_CONTROL_NEITHER };
extern const struct sb_names sb_controls;

enum sb_level { SB_LOW, SB_MEDIUM, SB_HIGH }; /* of risk, of severity */
extern const struct sb_names sb_levels;

enum sb_anomaly_class {
    SB_CLASS_UNKNOWN,
    SB_CLASS_LOAD,
    SB_CLASS_CODE,
    SB_CLASS_INFRASTRUCTURE,
    SB_CLASS_DEPENDENCY,
    SB_CLASS_MAINTENANCE,
    SB_CLASS_CHANGE,
};
extern const struct sb_names sb_anomaly_classes;

enum sb_decision { SB_DENY, SB_REQUIRE, SB_ALLOW }; /* 0 is deny: not said means deny */
extern const struct sb_names sb_decisions;

enum sb_verdict { SB_VERDICT_NONE, SB_VERDICT_PASS, SB_VERDICT_FAIL, SB_VERDICT_INCONCLUSIVE };
extern const struct sb_names sb_verdicts;

#endif
