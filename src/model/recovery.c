/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/recovery.h>

static const char *const state_text[SB_GOAL_STATES] = {[SB_GOAL_BLIND] = "blind", [SB_GOAL_SEEN] = "seen", [SB_GOAL_MET] = "met", [SB_GOAL_MISSED] = "missed"};
const struct sb_names sb_goal_states = {"state of a goal", state_text, SB_GOAL_STATES};

static const struct sb_member backup_members[] = {
    SB_MEMBER(struct sb_recovery_backup, path, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_backup, kind, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, usable, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, level, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, counts, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_recovery_backup, to, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_recovery_backup, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_backup, drilled_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_recovery_backup, fault, SB_STR, 0, NULL),
};
const struct sb_schema sb_recovery_backup_schema = SB_SCHEMA("backup", struct sb_recovery_backup, backup_members);

static const struct sb_member gap_members[] = {
    SB_MEMBER(struct sb_recovery_gap, from, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_gap, to, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_gap, cause, SB_STR, 0, NULL),
};
const struct sb_schema sb_recovery_gap_schema = SB_SCHEMA("gap", struct sb_recovery_gap, gap_members);

static const struct sb_member drill_members[] = {
    SB_MEMBER(struct sb_recovery_drill, id, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, ok, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, level, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, counts, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, path, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_drill, target, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_drill, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, restore_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, compare_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, differences, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_drill, cause, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_drill, target_room, SB_INT, 0, NULL),
};
const struct sb_schema sb_recovery_drill_schema = SB_SCHEMA("drill", struct sb_recovery_drill, drill_members);

static const struct sb_member goal_members[] = {
    SB_MEMBER(struct sb_recovery_goal, name, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_goal, state, SB_ENUM, SB_ALWAYS, &sb_goal_states),
    SB_MEMBER(struct sb_recovery_goal, value, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_goal, limit, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_goal, crosses, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_recovery_goal, note, SB_STR, 0, NULL),
};
const struct sb_schema sb_recovery_goal_schema = SB_SCHEMA("goal", struct sb_recovery_goal, goal_members);

static const struct sb_member place_members[] = {
    SB_MEMBER(struct sb_recovery_place, target, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, drills, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, passed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, level, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, counts, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, last_at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, best_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, worst_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, differences, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery_place, last_path, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_recovery_place, cause, SB_STR, 0, NULL),
};
const struct sb_schema sb_recovery_place_schema = SB_SCHEMA("place", struct sb_recovery_place, place_members);

static const struct sb_member members[] = {
    SB_MEMBER(struct sb_recovery, deployment, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery, backups_all, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery, usable, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery, drills_all, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_recovery, kept_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_recovery, plain, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_recovery, places_of_files, SB_INT, 0, NULL),
    SB_LIST(struct sb_recovery, backups, SB_RECS, SB_ALWAYS, &sb_recovery_backup_schema),
    SB_LIST(struct sb_recovery, gaps, SB_RECS, SB_ALWAYS, &sb_recovery_gap_schema),
    SB_LIST(struct sb_recovery, drills, SB_RECS, SB_ALWAYS, &sb_recovery_drill_schema),
    SB_LIST(struct sb_recovery, goals, SB_RECS, SB_ALWAYS, &sb_recovery_goal_schema),
    SB_LIST(struct sb_recovery, places, SB_RECS, SB_ALWAYS, &sb_recovery_place_schema),
    SB_LIST(struct sb_recovery, unreadable, SB_STRS, 0, NULL),
    SB_MEMBER(struct sb_recovery, why, SB_STR, 0, NULL),
};
const struct sb_schema sb_recovery_schema = SB_SCHEMA("recovery", struct sb_recovery, members);
