/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/plan.h>

static const struct sb_member fact_members[] = {
    SB_MEMBER(struct sb_gate_fact, card, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_gate_fact, check, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_gate_fact, result, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_gate_fact, text, SB_STR, SB_ALWAYS, NULL),
};
const struct sb_schema sb_gate_fact_schema = SB_SCHEMA("gate_fact", struct sb_gate_fact, fact_members);

static const struct sb_member gates_members[] = {
    SB_MEMBER_AS("case", struct sb_plan_gates, case_id, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_plan_gates, at, SB_TIME, 0, NULL),
    SB_LIST(struct sb_plan_gates, facts, SB_RECS, SB_ALWAYS, &sb_gate_fact_schema),
};
const struct sb_schema sb_plan_gates_schema = SB_SCHEMA("plan_gates", struct sb_plan_gates, gates_members);
