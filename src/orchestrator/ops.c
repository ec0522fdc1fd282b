/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs now, for the screens that look: read by a worker when one asks, and at most every other second however many ask. Nobody
 * looks, nothing is read. */
#include "private.h"

#include <signalbox/agents/live_ops.h>

#include <stdlib.h>
#include <string.h>

#define EVERY_MS 2000
#define WAITING_MOST 64 /* asks that one reading answers */

struct asker {
    int64_t seat, seq;
};

struct watching_ops {
    struct sb_ops last;
    int64_t read_ms; /* mono; 0: never */
    bool away;
    struct asker waiting[WAITING_MOST];
    size_t waiting_n;
};

struct reading {
    struct sb_orchestrator *o;
    struct errand way;
    char **members;
    size_t members_n;
    struct sb_ops ops;
    struct sb_err err;
};

static void free_reading(void *p)
{
    struct reading *r = p;
    for (size_t i = 0; i < r->members_n; i++)
        free(r->members[i]);
    free(r->members);
    sb_record_release(&sb_ops_schema, &r->ops);
    free(r);
}

static void tell(struct sb_orchestrator *o, const struct asker *a, const struct sb_err *err)
{
    if (err->code == SB_OK) {
        sb_o_tell(o, a->seat, sb_message_copy_of(SB_NEWS_OPS, a->seq, &o->ops->last));
    } else {
        struct sb_err copy = *err;
        sb_o_answer(o, a->seat, a->seq, &copy, NULL, NULL, " ");
    }
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct reading *r = p;
    struct watching_ops *w = o->ops;
    w->away = false;
    w->read_ms = sb_mono_ms();
    if (r->err.code == SB_OK) {
        sb_record_release(&sb_ops_schema, &w->last);
        w->last = r->ops;
        w->last.at = sb_origin_wall_ms(o->opt.origin); /* by the clock that is shown */
        memset(&r->ops, 0, sizeof r->ops);
    }
    for (size_t i = 0; i < w->waiting_n; i++)
        tell(o, &w->waiting[i], &r->err);
    w->waiting_n = 0;
    free_reading(r);
}

static void look(void *p)
{
    struct reading *r = p;
    if (sb_live_ops_read(r->o->opt.server, r->members, r->members_n, &r->ops, &r->err) && r->err.code == SB_OK)
        sb_fail_nomem(&r->err);
    sb_o_post_done(r->o, &r->way, back, r, free_reading);
}

static int begin(struct sb_orchestrator *o, struct sb_err *err)
{
    struct reading *r = calloc(1, sizeof *r);
    if (!r || sb_o_nodes(o, &r->members, &r->members_n)) {
        if (r)
            free_reading(r);
        return sb_fail_nomem(err);
    }
    r->o = o;
    o->ops->away = true;
    if (!sb_o_work(o, &r->way, look, r, free_reading)) {
        o->ops->away = false;
        return sb_fail_nomem(err);
    }
    return 0;
}

void sb_o_ask_ops(struct sb_orchestrator *o, int64_t seat, int64_t seq)
{
    struct sb_err err = SB_ERR_INIT;
    struct asker a = {seat, seq};
    if (!o->connected)
        sb_fail(&err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    else if (!o->ops && !(o->ops = calloc(1, sizeof *o->ops)))
        sb_fail_nomem(&err);
    else if (o->ops->read_ms && sb_mono_ms() - o->ops->read_ms < EVERY_MS && !o->ops->away)
        ; /* that is new enough */
    else if (o->ops->waiting_n == WAITING_MOST)
        sb_fail(&err, SB_ESTATE, "too many ask at once what runs now");
    else if (o->ops->away || begin(o, &err) == 0) {
        o->ops->waiting[o->ops->waiting_n++] = a;
        return;
    }
    tell(o, &a, &err);
}

void sb_o_free_ops(struct sb_orchestrator *o)
{
    if (o->ops)
        sb_record_release(&sb_ops_schema, &o->ops->last);
    free(o->ops);
    o->ops = NULL;
}
