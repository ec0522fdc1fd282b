/* SPDX-License-Identifier: Apache-2.0
 *
 * "What is running?" and "kill operation 4711 on db1:27017": a worker looks at every member; what was asked is answered, or a card
 * proposes to end the one operation that was named. */
#include "private.h"

#include <signalbox/agents/kill_card.h>
#include <signalbox/base/regex.h>

#include <inttypes.h>
#include <string.h>

#define TOLD 5 /* operations in an answer */

struct looking {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *card_id, *deployment, *deployment_id, *requested_by;
    char *opid, *connection, *member; /* that were named; the last two may be NULL */
    bool kill;
    char **members;
    size_t members_n;
    int environment;
    bool simulated;
    int64_t at;
    struct sb_ops ops;
    struct sb_card card;
    char *answer;
    struct sb_err err;
};

static void free_looking(void *p)
{
    struct looking *l = p;
    for (size_t i = 0; i < l->members_n; i++)
        free(l->members[i]);
    free(l->members);
    free(l->case_id);
    free(l->card_id);
    free(l->deployment);
    free(l->deployment_id);
    free(l->requested_by);
    free(l->opid);
    free(l->connection);
    free(l->member);
    free(l->answer);
    sb_record_release(&sb_ops_schema, &l->ops);
    sb_card_release(&l->card);
    free(l);
}

/* ---- back on our thread ---- */

static void back(struct sb_orchestrator *o, void *p)
{
    struct looking *l = p;
    struct held_case *held = sb_o_case(o, l->case_id);
    if (held && l->kill) {
        char *text = NULL;
        if (l->err.code == SB_OK && sb_o_propose(o, &l->card, "proposed by the Anomaly Detector", &l->err) == 0)
            text = sb_format("%s: %s", l->card_id, l->card.title);
        sb_o_finish_consult(o, held, NULL, &l->err, text ? text : "nothing was proposed");
        free(text);
    } else if (held && l->err.code == SB_OK) {
        sb_o_finish_look(o, held, true, l->answer);
    } else if (held) {
        sb_o_finish_consult(o, held, NULL, &l->err, "");
    }
    free_looking(l);
}

/* ---- on a worker ---- */

static char *tell(const struct sb_ops *ops)
{
    struct sb_str s;
    size_t waiting = 0;
    sb_str_init(&s);
    for (size_t i = 0; i < ops->list_n; i++)
        waiting += ops->list[i].waits != NULL;
    sb_str_addf(&s, "%" PRId64 " operations of clients are under way, %zu of them waiting", (int64_t)ops->list_n + ops->more, waiting);
    for (size_t i = 0; i < ops->list_n && i < TOLD; i++) {
        const struct sb_op *op = &ops->list[i];
        sb_str_addf(&s, "; %s %s on %s for %" PRId64 " ms, %s on %s%s%s", op->op, op->opid ? op->opid : "(no number)", op->ns[0] ? op->ns : "?", op->running_ms,
                    op->connection ? op->connection : "?", op->member, op->waits ? ", waits " : "", op->waits ? op->waits : "");
    }
    if (ops->blind)
        sb_str_addf(&s, "; %s", ops->blind);
    return sb_str_take(&s);
}

/* The one operation that was named, on the one member that runs it. Found anew by its number, as the list leaves out what is never
 * ended: why it is not has to be said. */
static int find(struct looking *l, struct sb_op *out)
{
    char where[200] = "";
    int found = 0;
    for (size_t i = 0; i < l->members_n; i++) {
        struct sb_op op;
        struct sb_err why = SB_ERR_INIT;
        if (l->member && !sb_streq(l->member, l->members[i]))
            continue;
        struct sb_conn *conn = sb_conn_to_member(l->o->opt.server, l->members[i], SB_LANE_CONTROL, &why);
        int rc = conn ? sb_live_op_find(conn, l->members[i], l->opid, &op, &why) : -1;
        sb_conn_close(conn);
        if (rc < 0)
            return sb_fail(&l->err, why.code, "operation %.60s cannot be looked for on %.100s: %.200s", l->opid, l->members[i], why.msg);
        if (rc == 0)
            continue;
        snprintf(where + strlen(where), sizeof where - strlen(where), "%s%.80s", where[0] ? " and on " : "", l->members[i]);
        if (found++)
            sb_record_release(&sb_op_schema, out);
        *out = op;
    }
    if (!found)
        return sb_fail(&l->err, SB_ESTATE, "no operation %.60s runs on %.100s: it has ended, or never was", l->opid, l->member ? l->member : "any member");
    if (found > 1)
        sb_fail(&l->err, SB_EINPUT, "Which one? An operation %.60s runs on %.200s: name the member too.", l->opid, where);
    else if (l->connection && !sb_streq(l->connection, out->connection))
        sb_fail(&l->err, SB_ESTATE, "operation %.60s on %.100s is %.40s's by now, not %.40s's", l->opid, where, out->connection ? out->connection : "nobody", l->connection);
    else
        return 0;
    sb_record_release(&sb_op_schema, out);
    return -1;
}

/* Those of the list that wait for it go to the front. */
static size_t waiting_for(struct sb_ops *ops, const struct sb_op *op)
{
    int64_t place = 0;
    size_t n = 0;
    for (size_t i = 0; i < ops->list_n; i++)
        if (sb_streq(ops->list[i].member, op->member) && sb_streq(ops->list[i].opid, op->opid))
            place = (int64_t)i + 1;
    for (size_t i = 0; place && i < ops->list_n; i++)
        if (ops->list[i].holder == place) {
            struct sb_op front = ops->list[n];
            ops->list[n++] = ops->list[i];
            ops->list[i] = front;
        }
    return n;
}

static void look(void *p)
{
    struct looking *l = p;
    struct sb_op op;
    if (sb_live_ops_read(l->o->opt.server, l->members, l->members_n, &l->ops, &l->err) == 0 && !l->kill) {
        l->answer = tell(&l->ops);
        if (!l->answer)
            sb_fail_nomem(&l->err);
    } else if (l->err.code == SB_OK && find(l, &op) == 0) {
        size_t n = waiting_for(&l->ops, &op);
        sb_kill_card(&(struct sb_kill_question){.op = &op, .waiting = l->ops.list, .waiting_n = n, .card_id = l->card_id, .case_id = l->case_id, .deployment = l->deployment,
                                                .deployment_id = l->deployment_id, .requested_by = l->requested_by, .environment = l->environment, .simulated = l->simulated, .at = l->at},
                     &l->card, &l->err);
        sb_record_release(&sb_op_schema, &op);
    }
    sb_o_post_done(l->o, &l->way, back, l, free_looking);
}

/* ---- what was named ---- */

/* What the expression's first group finds in the request; NULL: nothing, or out of memory. */
static char *named(const char *text, const char *expression)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_regex *re = sb_regex_new(expression, SB_REGEX_CASELESS, &err);
    struct sb_match m[2];
    char *found = re && sb_regex_match(re, text, strlen(text), m, 2, &err) == 1 ? sb_strdup_n(text + m[1].from, m[1].to - m[1].from) : NULL;
    sb_regex_free(re);
    return found;
}

int sb_o_consult_ops(struct sb_orchestrator *o, struct held_case *c, bool kill, struct sb_err *err)
{
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    if (kill && !c->case_.reading.slots.opid)
        return sb_fail(err, SB_EINPUT, "Which operation? Name its number, as in \"kill operation 4711 on db1:27017\"; \"what is running?\" lists them.");
    struct looking *l = calloc(1, sizeof *l);
    if (!l)
        return sb_fail_nomem(err);
    l->o = o;
    l->kill = kill;
    l->environment = o->opt.environment;
    l->simulated = o->facts.simulated;
    l->at = o->have_strip ? o->strip.at : 0;
    l->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    l->connection = named(c->case_.text, "\\b(conn\\d{1,18})\\b");
    l->member = named(c->case_.text, "\\bon\\s+([A-Za-z0-9._\\-]+:\\d{1,5})\\b");
    if (!l->card_id || sb_str_set(&l->case_id, c->case_.id) || sb_str_set(&l->deployment, o->deployment) || sb_str_set(&l->deployment_id, o->facts.id) ||
        sb_str_set(&l->requested_by, c->case_.requested_by) || sb_str_set(&l->opid, c->case_.reading.slots.opid) || sb_o_nodes(o, &l->members, &l->members_n)) {
        free_looking(l);
        return sb_fail_nomem(err);
    }
    if (l->member && !sb_strs_has(l->members, l->members_n, l->member)) {
        sb_fail(err, SB_EINPUT, "%.100s is no member of this deployment", l->member);
        free_looking(l);
        return -1;
    }
    o->last_card += kill;
    c->consulting = true;
    if (!sb_o_work(o, &l->way, look, l, free_looking)) {
        c->consulting = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
