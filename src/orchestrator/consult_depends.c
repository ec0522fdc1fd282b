/* SPDX-License-Identifier: Apache-2.0
 *
 * "What depends on shop.orders.customer_name?": the telemetry thread says what was heard of the operations, a worker what the
 * servers hold, and all of it is the answer and goes on the record as evidence. */
#include "private.h"

#include <signalbox/agents/schema_depends.h>
#include <signalbox/base/regex.h>

#include <string.h>

struct asking {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *ns, *field; /* field NULL: the collection */
    int64_t now;                /* deployment time */
    struct sb_depends found;
    struct sb_err err;
};

static void free_asking(void *p)
{
    struct asking *a = p;
    free(a->case_id);
    free(a->ns);
    free(a->field);
    sb_depends_release(&a->found);
    free(a);
}

bool sb_o_asks_what_depends(const struct held_case *held)
{
    struct sb_err err = SB_ERR_INIT;
    const char *text = held->case_.text;
    struct sb_regex *re = sb_regex_new("\\bdepend(?:s|ent|ents|ency|encies|ing)?\\b", SB_REGEX_CASELESS, &err);
    struct sb_match m[1];
    bool asks = re && sb_regex_match(re, text, strlen(text), m, 1, &err) == 1;
    sb_regex_free(re);
    return asks;
}

/* ---- 3. back on our thread ---- */

static void back(struct sb_orchestrator *o, void *p)
{
    struct asking *a = p;
    struct held_case *held = sb_o_case(o, a->case_id);
    o->reviewing = false;
    if (held)
        sb_o_record_reads(o, held, &a->found.reads);
    char *text = a->err.code == SB_OK ? sb_depends_tell(&a->found, a->ns, a->field) : NULL;
    if (a->err.code == SB_OK && !text)
        sb_fail_nomem(&a->err);
    if (held && (a->err.code != SB_OK ||
                 sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_DATA_ARCHITECT, .to = SB_BY_ORCHESTRATOR, .back = true, .why = "what depends on it was looked for; what was found is the answer",
                                                           .risk = "none: nothing is proposed", .evidence = a->found.item, .n = a->found.n}, &a->err)))
        sb_o_finish_consult(o, held, NULL, &a->err, "");
    else if (held)
        sb_o_finish_look(o, held, true, text);
    free(text);
    free_asking(a);
}

/* ---- 2. on a worker ---- */

static void look(void *p)
{
    struct asking *a = p;
    if (a->err.code == SB_OK)
        sb_depends_read(a->o->opt.server, a->ns, a->field, a->now, &a->found, &a->err);
    sb_o_post_done(a->o, &a->way, back, a, free_asking);
}

/* ---- 1. on the telemetry thread ---- */

static void listen(void *p, const struct sb_view *view)
{
    struct asking *a = p;
    a->now = sb_view_now(view);
    sb_depends_heard(sb_view_workload(view), a->ns, a->field, a->now, &a->found, &a->err);
    sb_o_work(a->o, &a->way, look, a, free_asking);
}

int sb_o_consult_depends(struct sb_orchestrator *o, struct held_case *held, const char *ns, struct sb_err *err)
{
    struct asking *a = calloc(1, sizeof *a);
    if (!a)
        return sb_fail_nomem(err);
    a->o = o;
    if (sb_str_set(&a->case_id, held->case_.id) || sb_str_set(&a->ns, ns) || sb_str_set(&a->field, held->case_.reading.slots.field)) {
        free_asking(a);
        return sb_fail_nomem(err);
    }
    held->consulting = o->reviewing = true;
    sb_o_view(o, &a->way, listen, a, free_asking);
    return 0;
}
