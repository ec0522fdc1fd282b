/* SPDX-License-Identifier: Apache-2.0
 *
 * An anomaly that goes on is looked into again: when its case led to no index and operations have been written down since that had
 * not been then, or when what it is has turned out to be what an index may help. What a look costs is bounded: a pause between two,
 * and a few for one anomaly. Whether there is more to see is asked of the workload here, and costs no server anything. */
#include "private.h"

#include <inttypes.h>

#define PAUSE_MS 60000 /* deployment time */
#define MOST_TIMES 5
#define MUCH_MORE 4    /* times the time of then: the same shapes may be worth an index by now */

void sb_o_written_down(const struct sb_workload *w, const char *ns, int64_t from, int64_t to, int64_t *shapes, int64_t *spent_ms)
{
    *shapes = *spent_ms = 0;
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        struct sb_work_sums sums;
        if (!sb_streq(work->ns, ns) || work->last_ms < from)
            continue;
        sums = sb_work_window(w, work, from, to, NULL);
        *shapes += sums.count > 0;
        *spent_ms += (int64_t)sums.total_ms;
    }
}

void sb_o_found_nothing(struct sb_orchestrator *o, const struct held_case *c, int64_t shapes, int64_t spent_ms)
{
    struct held_anomaly *a = c->case_.anomaly ? sb_o_anomaly(o, c->case_.anomaly) : NULL;
    if (!a || !sb_streq(a->anomaly.case_id, c->case_.id))
        return;
    a->looked.at = sb_o_deployment_now(o);
    a->looked.shapes = shapes;
    a->looked.spent_ms = spent_ms;
}

/* ---- whether there is more to see ---- */

struct asking {
    struct sb_orchestrator *o;
    struct errand way;
    char *anomaly, *case_id, *ns;
    int64_t from, shapes, spent_ms;
};

static void free_asking(void *p)
{
    struct asking *q = p;
    free(q->anomaly);
    free(q->case_id);
    free(q->ns);
    free(q);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct asking *q = p;
    struct held_anomaly *a = sb_o_anomaly(o, q->anomaly);
    if (a && sb_streq(a->anomaly.case_id, q->case_id)) {
        struct looked *was = &a->looked;
        bool more = q->shapes > was->shapes, longer = q->spent_ms / MUCH_MORE > was->spent_ms;
        char *why = sb_format("%" PRId64 " %s of %s %s been written down since it began, %" PRId64 " when %s led to nothing; they took %" PRId64 " ms, and then %" PRId64 " ms", q->shapes,
                              q->shapes == 1 ? "shape" : "shapes", q->ns, q->shapes == 1 ? "has" : "have", was->shapes, q->case_id, q->spent_ms, was->spent_ms);
        was->asking = false;
        was->at = sb_o_deployment_now(o);
        if (why && (more || longer) && !a->anomaly.to) {
            was->times++;
            sb_o_route_anomaly(o, a, why);
        }
        free(why);
    }
    free_asking(q);
}

static void count(void *p, const struct sb_view *view)
{
    struct asking *q = p;
    sb_o_written_down(sb_view_workload(view), q->ns, q->from, sb_view_now(view) + 1, &q->shapes, &q->spent_ms);
    sb_o_post_done(q->o, &q->way, back, q, free_asking);
}

static void ask(struct sb_orchestrator *o, struct held_anomaly *a)
{
    struct asking *q = calloc(1, sizeof *q);
    if (!q || sb_str_set(&q->anomaly, a->anomaly.id) || sb_str_set(&q->case_id, a->anomaly.case_id) || sb_str_set(&q->ns, a->anomaly.namespaces[0])) {
        if (q)
            free_asking(q);
        return; /* for want of memory: the next tick tries again */
    }
    q->o = o;
    q->from = a->anomaly.from - SB_O_LOOK_BACK_MS;
    a->looked.asking = true;
    sb_o_view(o, &q->way, count, q, free_asking);
}

/* What it was taken for led nowhere, and what it is taken for now leads to the Index Optimizer. */
static bool is_another_matter(struct sb_orchestrator *o, const struct held_anomaly *a)
{
    const struct looked *was = &a->looked;
    if (was->task != SB_TASK_ANSWER || was->class_ == a->anomaly.class_ || !a->anomaly.shapes_n)
        return false;
    struct sb_slots slots = {.ns = a->anomaly.namespaces[0]};
    const struct sb_route *now = sb_routes_first(o->routes, SB_INTENT_ANOMALY_INVESTIGATE, sb_o_route_facts(o, &slots, a));
    return now && now->task == SB_TASK_INDEX_ADVISE;
}

void sb_o_tick_again(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->anomalies_n; i++) {
        struct held_anomaly *a = o->anomalies[i];
        const struct looked *was = &a->looked;
        if (!a->detector_id || a->anomaly.to || a->anomaly.trend || a->anomaly.hushed || !a->anomaly.namespaces_n || !a->anomaly.case_id || was->times >= MOST_TIMES || was->asking || !o->telemetry)
            continue;
        if (is_another_matter(o, a)) {
            char *why = sb_format("%s took it for %s, and it is %s", a->anomaly.case_id, sb_name(&sb_anomaly_classes, was->class_), sb_name(&sb_anomaly_classes, a->anomaly.class_));
            a->looked.times++;
            sb_o_route_anomaly(o, a, why ? why : "it is another matter than it was");
            free(why);
        } else if (was->task == SB_TASK_INDEX_ADVISE && was->at && sb_o_deployment_now(o) - was->at >= PAUSE_MS) {
            ask(o, a);
        }
    }
}
