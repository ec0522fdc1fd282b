/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/names.h>

#define NAMES(symbol, what, ...)                                   \
    static const char *const symbol##_text[] = {__VA_ARGS__};      \
    const struct sb_names symbol = {what, symbol##_text, SB_COUNT(symbol##_text)}

NAMES(sb_environments, "environment",
      [SB_ENV_PROD] = "prod", [SB_ENV_STAGING] = "staging", [SB_ENV_DEV] = "dev");

NAMES(sb_specialists, "specialist",
      [SB_BY_OPERATOR] = "operator", [SB_BY_ORCHESTRATOR] = "orchestrator",
      [SB_BY_ANOMALY_DETECTOR] = "anomaly_detector", [SB_BY_INDEX_OPTIMIZER] = "index_optimizer",
      [SB_BY_DATA_ARCHITECT] = "data_architect", [SB_BY_BACKUP_GUARDIAN] = "backup_guardian",
      [SB_BY_EXTERNAL] = "external");

NAMES(sb_intents, "intent",
      [SB_INTENT_NONE] = "none", [SB_INTENT_INDEX_REVIEW] = "index.review", [SB_INTENT_INDEX_CREATE] = "index.create",
      [SB_INTENT_INDEX_RETIRE] = "index.retire", [SB_INTENT_SCHEMA_REVIEW] = "schema.review",
      [SB_INTENT_SCHEMA_CHANGE] = "schema.change", [SB_INTENT_SCHEMA_VALIDATE] = "schema.validate",
      [SB_INTENT_ANOMALY_INVESTIGATE] = "anomaly.investigate", [SB_INTENT_ANOMALY_WATCH] = "anomaly.watch",
      [SB_INTENT_OPS_CURRENT] = "ops.current", [SB_INTENT_OPS_KILL] = "ops.kill",
      [SB_INTENT_BACKUP_CHECK] = "backup.check", [SB_INTENT_BACKUP_DRILL] = "backup.drill",
      [SB_INTENT_BACKUP_RESTORE] = "backup.restore", [SB_INTENT_CAPACITY_PREPARE] = "capacity.prepare",
      [SB_INTENT_POLICY_CHECK] = "policy.check", [SB_INTENT_REPORT] = "report", [SB_INTENT_STATUS] = "status");

NAMES(sb_card_kinds, "kind of card",
      [SB_KIND_ADVISORY] = "advisory", [SB_KIND_CREATE_INDEX] = "create_index", [SB_KIND_DROP_INDEX] = "drop_index",
      [SB_KIND_HIDE_INDEX] = "hide_index", [SB_KIND_PROFILE] = "profile",
      [SB_KIND_OBSERVE] = "observe", [SB_KIND_BACKFILL] = "backfill", [SB_KIND_CONTRACT] = "contract", [SB_KIND_WHAT_IF] = "what_if",
      [SB_KIND_KILL_OP] = "kill_op",
      [SB_KIND_VALIDATOR] = "validator", [SB_KIND_EXPIRE] = "expire", [SB_KIND_RENAME] = "rename");

NAMES(sb_step_classes, "step class",
      [SB_STEP_IDEMPOTENT] = "I", [SB_STEP_CHECKED] = "C", [SB_STEP_IRREVERSIBLE] = "X");

NAMES(sb_undo_labels, "undo label",
      [SB_UNDO_LOSSLESS] = "lossless", [SB_UNDO_LOSSY] = "lossy", [SB_UNDO_IMPOSSIBLE] = "impossible");

NAMES(sb_controls, "control",
      [SB_CONTROL_PAUSABLE] = "pausable", [SB_CONTROL_ABORTABLE] = "abortable", [SB_CONTROL_NEITHER] = "neither");

NAMES(sb_levels, "level", [SB_LOW] = "low", [SB_MEDIUM] = "medium", [SB_HIGH] = "high");

NAMES(sb_anomaly_classes, "class of anomaly",
      [SB_CLASS_UNKNOWN] = "unknown", [SB_CLASS_LOAD] = "load", [SB_CLASS_CODE] = "code",
      [SB_CLASS_INFRASTRUCTURE] = "infrastructure", [SB_CLASS_DEPENDENCY] = "dependency",
      [SB_CLASS_MAINTENANCE] = "maintenance", [SB_CLASS_CHANGE] = "change");

NAMES(sb_decisions, "decision", [SB_DENY] = "deny", [SB_REQUIRE] = "require", [SB_ALLOW] = "allow");

NAMES(sb_verdicts, "verdict",
      [SB_VERDICT_NONE] = "none", [SB_VERDICT_PASS] = "PASS", [SB_VERDICT_FAIL] = "FAIL",
      [SB_VERDICT_INCONCLUSIVE] = "INCONCLUSIVE");
