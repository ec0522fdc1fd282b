/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/case.h>

static const struct sb_member slots_members[] = {
    SB_MEMBER(struct sb_slots, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, database, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, field, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, new_field, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, type, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, key, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, index, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, time, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, target, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, deployment, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, app, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, duration, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, number, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_slots, opid, SB_STR, 0, NULL),
};
const struct sb_schema sb_slots_schema = SB_SCHEMA("slots", struct sb_slots, slots_members);

static const struct sb_member reading_members[] = {
    SB_MEMBER(struct sb_reading_of, intent, SB_ENUM, 0, &sb_intents),
    SB_MEMBER(struct sb_reading_of, confidence_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_reading_of, runner_up, SB_ENUM, 0, &sb_intents),
    SB_MEMBER(struct sb_reading_of, runner_up_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_reading_of, slots, SB_REC, SB_ALWAYS, &sb_slots_schema),
    SB_MEMBER(struct sb_reading_of, reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_reading_of, foreign, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_reading_of, unclear, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_reading_of, warning, SB_STR, 0, NULL),
};
const struct sb_schema sb_reading_of_schema = SB_SCHEMA("reading", struct sb_reading_of, reading_members);

static const struct sb_member handoff_members[] = {
    SB_MEMBER(struct sb_handoff, from, SB_ENUM, 0, &sb_specialists),
    SB_MEMBER(struct sb_handoff, to, SB_ENUM, 0, &sb_specialists),
    SB_MEMBER(struct sb_handoff, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_handoff, why, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_handoff, risk, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_handoff, otherwise, SB_STR, 0, NULL),
    SB_LIST(struct sb_handoff, evidence, SB_RECS, SB_ALWAYS, &sb_evidence_schema),
};
const struct sb_schema sb_handoff_schema = SB_SCHEMA("handoff", struct sb_handoff, handoff_members);

static const struct sb_member case_members[] = {
    SB_MEMBER(struct sb_case, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_case, text, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_case, requested_by, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_case, opened_at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_case, reading, SB_REC, SB_ALWAYS, &sb_reading_of_schema),
    SB_LIST(struct sb_case, handoffs, SB_RECS, SB_ALWAYS, &sb_handoff_schema),
    SB_LIST(struct sb_case, cards, SB_STRS, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_case, outcome, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_case, closed_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_case, anomaly, SB_STR, 0, NULL),
};
const struct sb_schema sb_case_schema = SB_SCHEMA("case", struct sb_case, case_members);

void sb_case_release(struct sb_case *c)
{
    sb_record_release(&sb_case_schema, c);
}
