/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/message.h>

#include <stdlib.h>

static const struct sb_member text_members[] = {SB_MEMBER(struct sb_text, text, SB_STR, SB_ALWAYS, NULL)};
static const struct sb_schema text_schema = SB_SCHEMA("text", struct sb_text, text_members);

static const struct sb_member signed_members[] = {
    SB_MEMBER(struct sb_signed, statement, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_signed, signature, SB_STR, SB_NEEDED, NULL),
};
static const struct sb_schema signed_schema = SB_SCHEMA("signed", struct sb_signed, signed_members);

static const struct sb_member mark_members[] = {
    SB_MEMBER(struct sb_marker, text, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_marker, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_marker, app, SB_STR, 0, NULL),
};
static const struct sb_schema mark_schema = SB_SCHEMA("mark", struct sb_marker, mark_members);

static const struct sb_member feedback_members[] = {
    SB_MEMBER(struct sb_feedback, anomaly, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_feedback, mark, SB_ENUM, SB_NEEDED, &sb_hush_kinds),
    SB_MEMBER(struct sb_feedback, reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_feedback, minutes, SB_INT, 0, NULL),
};
static const struct sb_schema feedback_schema = SB_SCHEMA("feedback", struct sb_feedback, feedback_members);

static const struct sb_member remark_on_members[] = {
    SB_MEMBER(struct sb_remark_on, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_remark_on, text, SB_STR, 0, NULL),
};
static const struct sb_schema remark_on_schema = SB_SCHEMA("remark", struct sb_remark_on, remark_on_members);

static const struct sb_member seat_members[] = {
    SB_MEMBER(struct sb_seat, who, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_seat, how, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_seat, tty, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_seat, read_only, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_seat, protocol, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_seat, signs_as, SB_STR, 0, NULL),
};
static const struct sb_schema seat_schema = SB_SCHEMA("seat", struct sb_seat, seat_members);

static const struct sb_member decision_members[] = {
    SB_MEMBER(struct sb_decision_on, card, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_decision_on, revision, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_decision_on, hash, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_decision_on, target, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_decision_on, reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_decision_on, ticket, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_decision_on, batch, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_decision_on, minutes, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_decision_on, statement, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_decision_on, signature, SB_STR, 0, NULL),
};
static const struct sb_schema decision_schema = SB_SCHEMA("decision", struct sb_decision_on, decision_members);

static const struct sb_member set_members[] = {
    SB_MEMBER(struct sb_set, key, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_set, value, SB_STR, SB_NEEDED, NULL),
};
static const struct sb_schema set_schema = SB_SCHEMA("set", struct sb_set, set_members);

static const struct sb_member edit_members[] = {
    SB_MEMBER(struct sb_edit, card, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_edit, revision, SB_INT, 0, NULL),
    SB_LIST(struct sb_edit, sets, SB_RECS, SB_ALWAYS, &set_schema),
};
const struct sb_schema sb_edit_schema = SB_SCHEMA("edit", struct sb_edit, edit_members);

static const struct sb_member audit_ask_members[] = {
    SB_MEMBER(struct sb_audit_ask, before, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, limit, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, match, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, plain, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, caseless, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, without, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_audit_ask, upward, SB_BOOL, 0, NULL),
};
static const struct sb_schema audit_ask_schema = SB_SCHEMA("audit_ask", struct sb_audit_ask, audit_ask_members);

static const struct sb_member row_members[] = {
    SB_MEMBER(struct sb_audit_row, seq, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_audit_row, ts, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_audit_row, kind, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_audit_row, actor, SB_STR, 0, NULL),
    SB_MEMBER_AS("case", struct sb_audit_row, case_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_audit_row, card, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_audit_row, text, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_audit_row, hash, SB_STR, 0, NULL),
};
const struct sb_schema sb_audit_row_schema = SB_SCHEMA("audit_row", struct sb_audit_row, row_members);

static const struct sb_member page_members[] = {
    SB_MEMBER(struct sb_audit_page, before, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_audit_page, head, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_audit_page, at_start, SB_BOOL, 0, NULL),
    SB_LIST(struct sb_audit_page, rows, SB_RECS, SB_ALWAYS, &sb_audit_row_schema),
    SB_MEMBER(struct sb_audit_page, searched_from, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_audit_page, searched_to, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_audit_page, undecided, SB_INT, 0, NULL),
};
static const struct sb_schema page_schema = SB_SCHEMA("audit_page", struct sb_audit_page, page_members);

static const struct sb_member cards_members[] = {SB_LIST(struct sb_card_rows, rows, SB_RECS, SB_ALWAYS, &sb_card_row_schema)};
static const struct sb_schema cards_schema = SB_SCHEMA("cards", struct sb_card_rows, cards_members);

static const struct sb_member line_members[] = {
    SB_MEMBER(struct sb_member_line, name, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, shard, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_member_line, state, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, healthy, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, lag_s, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, reads_per_s_milli, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, writes_per_s_milli, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, read_latency_us, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, write_latency_us, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, connections, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, queued, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, cache_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_member_line, inserts, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, queries, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, updates, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, deletes, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, getmores, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, commands, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, dirty_ppm, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, resident_mib, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, reading, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, writing, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, bytes_in, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, bytes_out, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_member_line, blind, SB_STR, 0, NULL),
};
const struct sb_schema sb_member_line_schema = SB_SCHEMA("member", struct sb_member_line, line_members);

static const char *const obstacle_text[] = {[SB_OBSTACLE_NONE] = "none", [SB_OBSTACLE_CONNECTING] = "connecting", [SB_OBSTACLE_AWAY] = "away",
                                            [SB_OBSTACLE_REFUSES] = "refuses", [SB_OBSTACLE_BOUND] = "bound", [SB_OBSTACLE_STORE] = "store"};
const struct sb_names sb_obstacles = {"obstacle", obstacle_text, SB_OBSTACLES};

static const struct sb_member strip_members[] = {
    SB_MEMBER(struct sb_strip, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, wall, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, set_name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_strip, cluster, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_strip, cluster_ill, SB_BOOL, 0, NULL),
    SB_LIST(struct sb_strip, members, SB_RECS, SB_ALWAYS, &sb_member_line_schema),
    SB_MEMBER(struct sb_strip, samples, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, warmup_done, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, warmup_need, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, commands_per_s_milli, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, commands, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, errors, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, log_gaps, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, ledger_head, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, ledger_ok, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, ledger_note, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_strip, dropped, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_strip, obstacle, SB_ENUM, 0, &sb_obstacles),
    SB_MEMBER(struct sb_strip, note, SB_STR, 0, NULL),
};
static const struct sb_schema strip_schema = SB_SCHEMA("strip", struct sb_strip, strip_members);

static const struct sb_member replay_ask_members[] = {
    SB_MEMBER(struct sb_replay_ask, at, SB_TIME, 0, NULL),
};
static const struct sb_schema replay_ask_schema = SB_SCHEMA("moment", struct sb_replay_ask, replay_ask_members);

static const struct sb_member replay_members[] = {
    SB_MEMBER(struct sb_replay, at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_replay, oldest, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_replay, newest, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_replay, strip, SB_REC, SB_ALWAYS, &strip_schema),
};
static const struct sb_schema replay_schema = SB_SCHEMA("replay", struct sb_replay, replay_members);

static const struct sb_member look_members[] = {
    SB_MEMBER(struct sb_look, who, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_look, how, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_look, card, SB_STR, SB_ALWAYS, NULL),
};
static const struct sb_schema look_schema = SB_SCHEMA("look", struct sb_look, look_members);

static const struct sb_member looks_members[] = {
    SB_LIST(struct sb_looks, list, SB_RECS, SB_ALWAYS, &look_schema),
};
static const struct sb_schema looks_schema = SB_SCHEMA("looks", struct sb_looks, looks_members);

static const struct sb_member welcome_members[] = {
    SB_MEMBER(struct sb_welcome, version, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_welcome, deployment, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_welcome, deployment_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_welcome, environment, SB_ENUM, 0, &sb_environments),
    SB_MEMBER(struct sb_welcome, simulated, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_welcome, read_only, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_welcome, set_name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_welcome, server_version, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_welcome, actor, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_welcome, policy, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_welcome, speed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_welcome, groups_known, SB_BOOL, 0, NULL),
    SB_LIST(struct sb_welcome, groups, SB_STRS, 0, NULL),
};
static const struct sb_schema welcome_schema = SB_SCHEMA("welcome", struct sb_welcome, welcome_members);

static const struct sb_member watched_members[] = {
    SB_MEMBER(struct sb_watched, deployment, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watched, environment, SB_ENUM, 0, &sb_environments),
    SB_LIST(struct sb_watched, hosts, SB_STRS, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watched, policy, SB_REC, SB_ALWAYS, &sb_bundle_id_schema),
};
static const struct sb_schema watched_schema = SB_SCHEMA("watched", struct sb_watched, watched_members);

static const struct sb_member stake_members[] = {
    SB_MEMBER(struct sb_stake_told, place, SB_STR, SB_ALWAYS, NULL),
    SB_LIST(struct sb_stake_told, facts, SB_RECS, SB_ALWAYS, &sb_evidence_schema),
};
const struct sb_schema sb_stake_schema = SB_SCHEMA("stake", struct sb_stake_told, stake_members);

static const struct sb_member notice_members[] = {
    SB_MEMBER(struct sb_notice, severity, SB_ENUM, 0, &sb_levels),
    SB_MEMBER(struct sb_notice, text, SB_STR, SB_ALWAYS, NULL),
};
static const struct sb_schema notice_schema = SB_SCHEMA("notice", struct sb_notice, notice_members);

static const struct sb_member answer_members[] = {
    SB_MEMBER(struct sb_answer, ok, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_answer, status, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_answer, text, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_answer, card, SB_STR, 0, NULL),
    SB_MEMBER_AS("case", struct sb_answer, case_id, SB_STR, 0, NULL),
    SB_LIST(struct sb_answer, cards, SB_STRS, 0, NULL),
};
static const struct sb_schema answer_schema = SB_SCHEMA("answer", struct sb_answer, answer_members);

static const struct {
    const char *name;
    const struct sb_schema *schema;
} types[SB_MESSAGE_TYPES] = {
    [SB_ASK_HELLO] = {"hello", &seat_schema},
    [SB_ASK_REQUEST] = {"request", &text_schema},
    [SB_ASK_APPROVE] = {"approve", &decision_schema},
    [SB_ASK_EDIT] = {"edit", &sb_edit_schema},
    [SB_ASK_REJECT] = {"reject", &decision_schema},
    [SB_ASK_PAUSE] = {"pause", &decision_schema},
    [SB_ASK_RESUME] = {"resume", &decision_schema},
    [SB_ASK_STOP] = {"stop", &decision_schema},
    [SB_ASK_ROLLBACK] = {"rollback", &decision_schema},
    [SB_ASK_REFRESH] = {"refresh", &decision_schema},
    [SB_ASK_CLOSE] = {"close", &decision_schema},
    [SB_ASK_BREAKGLASS] = {"breakglass", &decision_schema},
    [SB_ASK_REVIEW] = {"review", &decision_schema},
    [SB_ASK_WHAT_IF] = {"what_if", &decision_schema},
    [SB_ASK_RESTORE] = {"restore", &signed_schema},
    [SB_ASK_STORE] = {"store", &remark_on_schema},
    [SB_ASK_CARD] = {"get_card", &text_schema},
    [SB_ASK_CASE] = {"get_case", &text_schema},
    [SB_ASK_AUDIT] = {"get_audit", &audit_ask_schema},
    [SB_ASK_ACK] = {"ack", &text_schema},
    [SB_ASK_MARK] = {"mark", &mark_schema},
    [SB_ASK_FEEDBACK] = {"feedback", &feedback_schema},
    [SB_ASK_REMARK] = {"remark", &remark_on_schema},
    [SB_ASK_BLACKOUT] = {"blackout", &sb_hush_schema},
    [SB_ASK_LIFT] = {"lift", &remark_on_schema},
    [SB_ASK_DRILL] = {"drill", &text_schema},
    [SB_ASK_RECOVERY] = {"get_recovery", &text_schema},
    [SB_ASK_OPS] = {"get_ops", &text_schema},
    [SB_ASK_REPLAY] = {"get_replay", &replay_ask_schema},
    [SB_ASK_LOOK] = {"look", &text_schema},
    [SB_ASK_STAKE] = {"get_stake", &text_schema},
    [SB_ASK_PLAN] = {"get_plan", &text_schema},
    [SB_ASK_REPORT] = {"get_report", &text_schema},
    [SB_ASK_OWNER] = {"get_owner", &text_schema},
    [SB_ASK_BYE] = {"leave", &text_schema},
    [SB_NEWS_WELCOME] = {"welcome", &welcome_schema},
    [SB_NEWS_OWNER] = {"owner", &watched_schema},
    [SB_NEWS_STRIP] = {"strip", &strip_schema},
    [SB_NEWS_ANOMALY] = {"anomaly", &sb_anomaly_schema},
    [SB_NEWS_HUSHES] = {"hushes", &sb_hushes_schema},
    [SB_NEWS_RECOVERY] = {"recovery", &sb_recovery_schema},
    [SB_NEWS_OPS] = {"ops", &sb_ops_schema},
    [SB_NEWS_REPLAY] = {"replay", &replay_schema},
    [SB_NEWS_LOOKS] = {"looks", &looks_schema},
    [SB_NEWS_SCHEMA] = {"schema", &sb_schema_look_schema},
    [SB_NEWS_STAKE] = {"stake", &sb_stake_schema},
    [SB_NEWS_PLAN] = {"plan", &sb_plan_gates_schema},
    [SB_NEWS_REPORT] = {"report", &sb_report_page_schema},
    [SB_NEWS_DOCTOR] = {"doctor", &sb_doctor_schema},
    [SB_NEWS_CARD] = {"card", &sb_card_schema},
    [SB_NEWS_CARDS] = {"cards", &cards_schema},
    [SB_NEWS_CASE] = {"case", &sb_case_schema},
    [SB_NEWS_AUDIT] = {"audit", &page_schema},
    [SB_NEWS_ENTRY] = {"entry", &sb_audit_row_schema},
    [SB_NEWS_NOTICE] = {"notice", &notice_schema},
    [SB_NEWS_ANSWER] = {"answer", &answer_schema},
    [SB_NEWS_BYE] = {"bye", &text_schema},
};

const struct sb_schema *sb_message_schema(int type)
{
    return type >= 0 && type < SB_MESSAGE_TYPES ? types[type].schema : NULL;
}

const char *sb_message_name(int type)
{
    return type >= 0 && type < SB_MESSAGE_TYPES ? types[type].name : "?";
}

struct sb_message *sb_message_new(int type, int64_t seq)
{
    const struct sb_schema *schema = sb_message_schema(type);
    if (!schema)
        return NULL;
    struct sb_message *m = calloc(1, sizeof *m);
    void *body = calloc(1, schema->size);
    if (!m || !body) {
        free(m);
        free(body);
        return NULL;
    }
    m->type = type;
    m->seq = seq;
    m->body = body;
    return m;
}

void sb_message_free(struct sb_message *m)
{
    if (!m)
        return;
    sb_record_release(sb_message_schema(m->type), m->body);
    free(m->body);
    free(m);
}

struct sb_message *sb_message_copy_of(int type, int64_t seq, const void *body)
{
    struct sb_message *m = sb_message_new(type, seq);
    if (m && sb_record_copy(sb_message_schema(type), m->body, body)) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}

struct sb_message *sb_message_text(int type, int64_t seq, const char *text)
{
    if (sb_message_schema(type) != &text_schema)
        return NULL;
    struct sb_message *m = sb_message_new(type, seq);
    if (m && sb_str_set(&((struct sb_text *)m->body)->text, text)) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}

struct sb_message *sb_message_hello(int64_t seq, const char *how, bool read_only)
{
    struct sb_message *m = sb_message_new(SB_ASK_HELLO, seq);
    struct sb_seat *seat = m ? m->body : NULL;
    if (!m || sb_str_set(&seat->how, how)) {
        sb_message_free(m);
        return NULL;
    }
    seat->read_only = read_only;
    seat->protocol = SB_PROTOCOL;
    return m;
}

json_t *sb_message_to_json(const struct sb_message *m)
{
    json_t *body = sb_record_to_json(sb_message_schema(m->type), m->body);
    if (!body)
        return NULL;
    return json_pack("{s:s, s:I, s:o}", "type", sb_message_name(m->type), "seq", (json_int_t)m->seq, "body", body);
}

static int find_type(const char *name)
{
    for (int i = 0; name && i < SB_MESSAGE_TYPES; i++)
        if (sb_streq(types[i].name, name))
            return i;
    return -1;
}

struct sb_message *sb_message_from_json(const json_t *json, struct sb_err *err)
{
    int type = find_type(sb_json_str(json, "type"));
    const json_t *seq = json_object_get(json, "seq");
    if (type < 0 || !json_is_integer(seq) || json_object_size(json) != 3) {
        sb_fail(err, SB_EINPUT, "a message must be {\"type\", \"seq\", \"body\"} with a known type");
        return NULL;
    }
    struct sb_message *m = sb_message_new(type, json_integer_value(seq));
    if (!m) {
        sb_fail_nomem(err);
        return NULL;
    }
    if (sb_record_from_json(types[type].schema, m->body, json_object_get(json, "body"), err)) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}
