/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/report.h>

static const struct sb_member row_members[] = {
    SB_MEMBER(struct sb_report_row, what, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, after, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, incident, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, n, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, median, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, low, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, high, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, p90, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_row, bounded, SB_BOOL, SB_ALWAYS, NULL),
};
const struct sb_schema sb_report_row_schema = SB_SCHEMA("row", struct sb_report_row, row_members);

static const struct sb_member side_members[] = {
    SB_MEMBER(struct sb_report_side, after, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_report_side, to, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_report_side, entries, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, incidents, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, executed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, gone_wrong, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, low_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, high_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, queued_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, drills, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, drills_passed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, drills_low_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_side, drills_high_ppm, SB_INT, SB_ALWAYS, NULL),
};
const struct sb_schema sb_report_side_schema = SB_SCHEMA("side", struct sb_report_side, side_members);

static const struct sb_member card_members[] = {
    SB_MEMBER(struct sb_report_card, author, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, kind, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, after, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, proposed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, accepted, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, edited, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, rejected, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, expired, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, reversed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, passed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, failed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, said_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, low_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_card, high_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_report_card, notes, SB_STRS, 0, NULL),
};
const struct sb_schema sb_report_card_schema = SB_SCHEMA("card", struct sb_report_card, card_members);

static const struct sb_member alarm_members[] = {
    SB_MEMBER(struct sb_report_alarm, rule, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, after, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, told, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, quiet, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, useful, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, known, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, noise, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, low_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_alarm, high_ppm, SB_INT, SB_ALWAYS, NULL),
};
const struct sb_schema sb_report_alarm_schema = SB_SCHEMA("alarm", struct sb_report_alarm, alarm_members);

static const struct sb_member page_members[] = {
    SB_MEMBER(struct sb_report_page, at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_report_page, split, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_report_page, left_out, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_report_page, simulated, SB_BOOL, SB_ALWAYS, NULL),
    SB_LIST(struct sb_report_page, sides, SB_RECS, SB_ALWAYS, &sb_report_side_schema),
    SB_LIST(struct sb_report_page, rows, SB_RECS, SB_ALWAYS, &sb_report_row_schema),
    SB_LIST(struct sb_report_page, cards, SB_RECS, SB_ALWAYS, &sb_report_card_schema),
    SB_LIST(struct sb_report_page, alarms, SB_RECS, SB_ALWAYS, &sb_report_alarm_schema),
    SB_LIST(struct sb_report_page, lowered, SB_STRS, 0, NULL),
};
const struct sb_schema sb_report_page_schema = SB_SCHEMA("report", struct sb_report_page, page_members);
