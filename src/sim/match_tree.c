/* SPDX-License-Identifier: Apache-2.0
 *
 * A question as the server's error messages tell it: one expression a line, branches further to the right. */
#include <signalbox/sim/exec.h>
#include <signalbox/sim/text.h>

#include <string.h>

static void add_regex(struct sb_str *out, const struct sim_expr *e)
{
    const char *pattern = "", *options = "";
    if (e->v.type == BSON_TYPE_REGEX) {
        pattern = (const char *)e->v.p;
        options = pattern + strlen(pattern) + 1;
    } else if (sim_is_text(e->v.type)) {
        pattern = sim_text(e->v);
    }
    sb_str_addf(out, " regex /%s/%s", pattern, options);
}

static void add_types(struct sb_str *out, const struct sim_expr *e)
{
    const char *sep = " ";
    sb_str_adds(out, " type: [");
    if (e->b) {
        sb_str_adds(out, " \"number\"");
        sep = ", ";
    }
    for (int type = 0; type < 64; type++)
        if (e->a >> type & 1) {
            sb_str_addf(out, "%s%d", sep, type);
            sep = ", ";
        }
    sb_str_adds(out, " ]");
}

/* What stands behind the path. */
static void add_operator(struct sb_str *out, const struct sim_expr *e)
{
    static const char *const comparison[SIM_KINDS] = {[SIM_EQ] = " $eq ", [SIM_LTE] = " $lte ", [SIM_LT] = " $lt ", [SIM_GT] = " $gt ", [SIM_GTE] = " $gte "};
    switch (e->kind) {
    case SIM_IN:
        sb_str_adds(out, " $in [ ");
        for (size_t i = 0; i < e->in_n; i++) {
            sim_shell_val(out, e->in[i]);
            sb_str_addc(out, ' ');
        }
        sb_str_addc(out, ']');
        break;
    case SIM_REGEX:
        add_regex(out, e);
        break;
    case SIM_EXISTS:
        sb_str_adds(out, " exists");
        break;
    case SIM_SIZE:
        sb_str_addf(out, " $size : %lld", (long long)e->a);
        break;
    case SIM_MOD:
        sb_str_addf(out, " mod %lld %% x == %lld", (long long)e->a, (long long)e->b);
        break;
    case SIM_TYPE:
        add_types(out, e);
        break;
    case SIM_ELEM_OBJECT:
        sb_str_adds(out, " $elemMatch (obj)");
        break;
    case SIM_ELEM_VALUE:
        sb_str_adds(out, " $elemMatch (value)");
        break;
    default:
        if (comparison[e->kind]) {
            sb_str_adds(out, comparison[e->kind]);
            sim_shell_val(out, e->v);
        }
    }
}

static void add_tree(struct sb_str *out, const struct sim_expr *e, int level)
{
    static const char *const name[SIM_KINDS] = {[SIM_AND] = "$and", [SIM_OR] = "$or", [SIM_NOR] = "$nor", [SIM_NOT] = "$not",
                                                [SIM_SCHEMA] = "$jsonSchema ", [SIM_EVAL] = "$expr ", [SIM_FALSE] = "$alwaysFalse"};
    for (int i = 0; i < level; i++)
        sb_str_adds(out, "    ");
    if (name[e->kind]) {
        sb_str_adds(out, name[e->kind]);
        if (e->kind == SIM_SCHEMA || e->kind == SIM_EVAL)
            sim_shell_val(out, e->v);
    } else {
        sb_str_add(out, e->path, e->path_n);
        add_operator(out, e);
    }
    sb_str_addc(out, '\n');
    for (size_t i = 0; i < e->sub_n; i++)
        add_tree(out, e->sub[i], level + 1);
}

static void add_doc(struct sb_str *out, const char *name, const uint8_t *doc)
{
    sb_str_adds(out, name);
    if (doc)
        sim_shell_doc(out, doc);
    else
        sb_str_adds(out, "{}");
    sb_str_addc(out, '\n');
}

void sim_query_tell(struct sb_str *out, const struct sim_query *q)
{
    sb_str_addf(out, "ns=%s", q->ns);
    if (q->has_batch)
        sb_str_addf(out, " batchSize=%lld", (long long)q->batch);
    if (q->limit)
        sb_str_addf(out, " limit=%lld", (long long)q->limit);
    if (q->skip)
        sb_str_addf(out, " skip=%lld", (long long)q->skip);
    sb_str_adds(out, "Tree: "); /* as it is: without a blank */
    add_tree(out, q->filter, 0);
    add_doc(out, "Sort: ", q->sort);
    add_doc(out, "Proj: ", q->projection ? sim_projection_spec(q->projection) : NULL);
}
