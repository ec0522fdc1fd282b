/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/ops.h>

static const struct sb_member op_members[] = {
    SB_MEMBER(struct sb_op, member, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_op, opid, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, op, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_op, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, app, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, client, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, connection, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, session, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, plan, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, text, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, running_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_op, waits, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_op, holder, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_op, barred, SB_STR, 0, NULL),
};
const struct sb_schema sb_op_schema = SB_SCHEMA("operation", struct sb_op, op_members);

static const struct sb_member ops_members[] = {
    SB_MEMBER(struct sb_ops, at, SB_TIME, SB_ALWAYS, NULL),
    SB_LIST(struct sb_ops, list, SB_RECS, SB_ALWAYS, &sb_op_schema),
    SB_MEMBER(struct sb_ops, more, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_ops, blind, SB_STR, 0, NULL),
};
const struct sb_schema sb_ops_schema = SB_SCHEMA("operations", struct sb_ops, ops_members);
