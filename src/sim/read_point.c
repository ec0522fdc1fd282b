/* SPDX-License-Identifier: Apache-2.0 */
#include "read_point.h"

#include <signalbox/sim/cursor.h>

#include "commands.h"
#include "txn_private.h"

#include <stdlib.h>
#include <string.h>

/* $out and $merge write the present data; what they read is that too. */
static bool writes(const struct sim_call *c)
{
    struct sim_val stages = sim_arg(c, "pipeline");
    struct sim_elem e, last = {0};
    if (stages.type != BSON_TYPE_ARRAY)
        return false;
    for (struct sim_iter it = sim_iter_of(stages.p); sim_next(&it, &e);)
        last = e;
    return last.v.type == BSON_TYPE_DOCUMENT && (sim_find(last.v.p, "$out").type || sim_find(last.v.p, "$merge").type);
}

bool sim_reads_committed(const struct sim_call *c)
{
    if (c->in_txn || !(c->cmd->flags & SIM_COUNTS_READ))
        return false;
    if (strcmp(c->cmd->name, "getMore") == 0) {
        struct sim_val id = sim_arg(c, "getMore");
        const struct sim_open_cursor *cursor = id.type == BSON_TYPE_INT64 ? sim_cursor_get(c->s, c->m, sim_i64(id.p)) : NULL;
        return cursor && cursor->committed;
    }
    return c->op.read_concern && sim_text_is(sim_find(c->op.read_concern, "level"), "majority") && !writes(c);
}

int sim_run_committed(struct sim_call *c)
{
    struct sim_txn view = {.m = c->m};
    if (sim_txn_view_committed(c->s, &view, sim_committed(c->m).ts, &c->fail)) {
        free(view.swap);
        return -1;
    }
    int rc = c->cmd->run(c);
    sim_txn_leave(&view);
    free(view.swap);
    return rc;
}
