/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/kill_card.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>

#include <inttypes.h>
#include <string.h>

#define WAITING_TOLD 5

static char *command(const struct sb_kill_question *q)
{
    bson_t c;
    char comment[96];
    int64_t opid;
    if (sb_parse_i64(q->op->opid, &opid))
        return NULL;
    bson_init(&c);
    snprintf(comment, sizeof comment, "signalbox %s/1", q->card_id);
    BSON_APPEND_INT32(&c, "killOp", 1);
    BSON_APPEND_INT64(&c, "op", opid);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$member", q->op->member);
    BSON_APPEND_UTF8(&c, "$db", "admin");
    char *text = bson_as_canonical_extended_json(&c, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&c);
    return copy;
}

static char *value_of(const struct sb_op *op)
{
    json_t *json = json_pack("{s:s,s:s,s:s}", "op", op->opid, "connection", op->connection ? op->connection : "", "session", op->session ? op->session : "");
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(json);
    return text;
}

static int add_step(struct sb_card *card, const struct sb_kill_question *q)
{
    struct sb_step *s = SB_PUSH(card->steps);
    char *value = value_of(q->op);
    int rc = -1;
    if (s && value) {
        s->n = 1;
        s->class_ = SB_STEP_IRREVERSIBLE;
        s->undo_label = SB_UNDO_IMPOSSIBLE;
        s->control = SB_CONTROL_NEITHER;
        s->action = command(q);
        rc = !s->action || sb_check_add(&s->check_before, &s->check_before_n, "op_running", q->op->ns, q->op->member, value) ||
                     sb_check_add(&s->check_after, &s->check_after_n, "op_gone", q->op->ns, q->op->member, value)
                 ? -1
                 : 0;
    }
    free(value);
    return rc;
}

static bool reads(const struct sb_op *op)
{
    static const char *const reading[] = {"count", "distinct", "explain", "find", "getMore"};
    for (size_t i = 0; i < SB_COUNT(reading); i++)
        if (strcmp(op->op, reading[i]) == 0)
            return true;
    return false;
}

static int fact(struct sb_card *card, const struct sb_kill_question *q, const char *what, const char *value)
{
    return value ? sb_evidence_add(&card->evidence, &card->evidence_n, "$currentOp", q->op->ns, what, value, "measured", q->at) : 0;
}

static int add_evidence(struct sb_card *card, const struct sb_kill_question *q)
{
    char took[64];
    int rc = 0;
    sb_duration_format(took, sizeof took, q->op->running_ms);
    rc = fact(card, q, "has been running for", took) || fact(card, q, "number", q->op->opid) || fact(card, q, "connection", q->op->connection) || fact(card, q, "session", q->op->session) ||
         fact(card, q, "application", q->op->app) || fact(card, q, "client", q->op->client) || fact(card, q, "plan", q->op->plan) || fact(card, q, "it waits", q->op->waits);
    for (size_t i = 0; rc == 0 && i < q->waiting_n && i < WAITING_TOLD; i++) {
        char *text = sb_format("%s of %s on %s, %" PRId64 " ms", q->waiting[i].op, q->waiting[i].connection ? q->waiting[i].connection : "?", q->waiting[i].ns, q->waiting[i].running_ms);
        rc = text ? fact(card, q, "most likely waits for it", text) : -1;
        free(text);
    }
    return rc;
}

static int describe(struct sb_card *card, const struct sb_kill_question *q)
{
    const struct sb_op *op = q->op;
    char took[64];
    sb_duration_format(took, sizeof took, op->running_ms);
    card->revision = 1;
    card->kind = SB_KIND_KILL_OP;
    card->environment = q->environment;
    card->simulated = q->simulated;
    card->risk = reads(op) ? SB_LOW : SB_MEDIUM;
    card->confidence_ppm = 1000000;
    card->blast_radius.members = 1;
    card->title = sb_format("End operation %s on %s (%s on %s)", op->opid, op->member, op->op, op->ns);
    card->why = sb_format("The %s of %s%s%s has been running for %s%s%s. Its client gets an error; %s.", op->op, op->connection ? op->connection : "?", op->app ? ", application " : "",
                          op->app ? op->app : "", took, op->waits ? " and waits " : "", op->waits ? op->waits : "",
                          reads(op) ? "nothing is changed by that" : "what it has written outside a transaction stays, and a client may send it again");
    card->blast_radius.lock = sb_format("none");
    return !card->title || !card->why || !card->blast_radius.lock || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, q->case_id) ||
                   sb_str_set(&card->deployment, q->deployment) || sb_str_set(&card->deployment_id, q->deployment_id) || sb_str_set(&card->target, op->ns) ||
                   sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)) || sb_str_set(&card->requested_by, q->requested_by) ||
                   sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, op->ns) ||
                   (op->app && sb_strs_push(&card->blast_radius.apps, &card->blast_radius.apps_n, op->app))
               ? -1
               : 0;
}

int sb_kill_card(const struct sb_kill_question *q, struct sb_card *card, struct sb_err *err)
{
    memset(card, 0, sizeof *card);
    if (q->op->barred)
        return sb_fail(err, SB_ENO, "operation %s on %s (%s) is not ended from here: %s", q->op->opid ? q->op->opid : "?", q->op->member, q->op->op, q->op->barred);
    if (!strchr(q->op->ns, '.'))
        return sb_fail(err, SB_ENO, "operation %s on %s is not ended from here: the server tells no collection that it is about", q->op->opid, q->op->member);
    if (describe(card, q) || add_step(card, q) || add_evidence(card, q)) {
        sb_card_release(card);
        return sb_fail_nomem(err);
    }
    return 0;
}

int sb_kill_of(const char *value, struct sb_kill_of *out)
{
    json_t *json = value ? json_loads(value, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *op = sb_json_str(json, "op"), *connection = sb_json_str(json, "connection"), *session = sb_json_str(json, "session");
    bool whole = op && connection && session && strlen(op) < sizeof out->opid && strlen(connection) < sizeof out->connection && strlen(session) < sizeof out->session;
    if (whole) {
        snprintf(out->opid, sizeof out->opid, "%s", op);
        snprintf(out->connection, sizeof out->connection, "%s", connection);
        snprintf(out->session, sizeof out->session, "%s", session);
    }
    json_decref(json);
    return whole ? 0 : -1;
}

bool sb_kill_is(const struct sb_kill_of *of, const struct sb_op *op)
{
    return sb_streq(of->opid, op->opid) && sb_streq(of->connection, op->connection) && sb_streq(of->session, op->session);
}
