/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/slowop.h>

#include <signalbox/formats/jsontext.h>

bool sb_span_equal(struct sb_span a, struct sb_span b)
{
    return a.n == b.n && !a.p == !b.p && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

void sb_slow_op_clear(struct sb_slow_op *op)
{
    static const struct sb_slow_op absent = {
        .at_ms = SB_NO_TIME,
        .kind = SB_OP_COMMAND,
        .duration_ms = SB_ABSENT,
        .working_ms = SB_ABSENT,
        .keys_examined = SB_ABSENT,
        .docs_examined = SB_ABSENT,
        .returned = SB_ABSENT,
        .matched = SB_ABSENT,
        .modified = SB_ABSENT,
        .deleted = SB_ABSENT,
        .inserted = SB_ABSENT,
        .yields = SB_ABSENT,
        .response_bytes = SB_ABSENT,
        .write_conflicts = SB_ABSENT,
        .error_code = SB_ABSENT,
    };
    *op = absent;
}

static const char *const kind_names[SB_OP_KINDS] = {
    [SB_OP_FIND] = "find",         [SB_OP_AGGREGATE] = "aggregate", [SB_OP_COUNT] = "count",
    [SB_OP_DISTINCT] = "distinct", [SB_OP_UPDATE] = "update",       [SB_OP_REMOVE] = "remove",
    [SB_OP_INSERT] = "insert",     [SB_OP_GETMORE] = "getmore",     [SB_OP_FIND_AND_MODIFY] = "findAndModify",
    [SB_OP_COMMAND] = "command",   [SB_OP_INTERNAL] = "internal",
};

const char *sb_op_kind_name(enum sb_op_kind kind)
{
    return (unsigned)kind < SB_OP_KINDS ? kind_names[kind] : "?";
}

bool sb_slow_op_type_is_view(struct sb_span t)
{
    return t.p && (SB_SPAN_IS(t, "view") || SB_SPAN_IS(t, "timeseries") || SB_SPAN_IS(t, "timeseriesBuckets"));
}

struct sb_span sb_slow_op_label(const struct sb_slow_op *op)
{
    if (op->kind == SB_OP_INTERNAL && op->name.p && SB_SPAN_IS(op->name, "createIndexes"))
        return SB_SPAN("indexBuild");
    if (op->kind == SB_OP_COMMAND && op->name.n)
        return op->name;
    const char *name = sb_op_kind_name(op->kind);
    return (struct sb_span){name, strlen(name)};
}

/* The name of a command that makes a kind of its own. */
static bool kind_of_command(struct sb_span name, enum sb_op_kind *kind, bool *envelope)
{
    static const struct {
        struct sb_span name;
        enum sb_op_kind kind;
        bool envelope;
    } known[] = {
        {SB_SPAN("find"), SB_OP_FIND, false},
        {SB_SPAN("insert"), SB_OP_INSERT, false},
        {SB_SPAN("update"), SB_OP_UPDATE, true},
        {SB_SPAN("delete"), SB_OP_REMOVE, true},
        {SB_SPAN("getMore"), SB_OP_GETMORE, false},
        {SB_SPAN("aggregate"), SB_OP_AGGREGATE, false},
        {SB_SPAN("count"), SB_OP_COUNT, false},
        {SB_SPAN("distinct"), SB_OP_DISTINCT, false},
        {SB_SPAN("findAndModify"), SB_OP_FIND_AND_MODIFY, false},
        {SB_SPAN("findandmodify"), SB_OP_FIND_AND_MODIFY, false},
    };
    for (size_t i = 0; i < SB_COUNT(known); i++) {
        if (sb_span_equal(known[i].name, name)) {
            *kind = known[i].kind;
            *envelope = known[i].envelope;
            return true;
        }
    }
    return false;
}

/* The profiler writes a command that is too long as {"$truncated": "{ find: \"orders\", filter: ..."}: its first word. */
static struct sb_span first_word(struct sb_span text)
{
    size_t from = 0, to;
    while (from < text.n && (text.p[from] == '{' || text.p[from] == ' '))
        from++;
    for (to = from; to < text.n && text.p[to] != ':' && text.p[to] != ' '; to++)
        ;
    return (struct sb_span){text.p + from, to < text.n ? to - from : 0};
}

void sb_slow_op_classify(struct sb_slow_op *op, struct sb_span type, struct sb_span first_key, struct sb_span first_value)
{
    struct sb_span name = first_key;
    op->target = first_value;
    if (name.p && SB_SPAN_IS(name, "$truncated")) {
        op->command_truncated = true;
        op->target = (struct sb_span){NULL, 0};
        name = first_value.p ? first_word(first_value) : (struct sb_span){NULL, 0};
    }
    op->name = name;
    op->envelope = false;
    if (type.p && SB_SPAN_IS(type, "update")) {
        op->kind = SB_OP_UPDATE;
        op->name = SB_SPAN("update");
    } else if (type.p && SB_SPAN_IS(type, "remove")) {
        op->kind = SB_OP_REMOVE;
        op->name = SB_SPAN("remove");
    } else if (type.p && SB_SPAN_IS(type, "none")) {
        op->kind = SB_OP_INTERNAL;
    } else if (!name.p || !kind_of_command(name, &op->kind, &op->envelope)) {
        op->kind = SB_OP_COMMAND;
        if (type.p && SB_SPAN_IS(type, "insert"))
            op->kind = SB_OP_INSERT;
        else if (type.p && SB_SPAN_IS(type, "query"))
            op->kind = SB_OP_FIND;
        else if (type.p && SB_SPAN_IS(type, "getmore"))
            op->kind = SB_OP_GETMORE;
    }
    if (op->kind == SB_OP_UPDATE || op->kind == SB_OP_REMOVE) {
        if (!op->envelope)
            op->target = (struct sb_span){NULL, 0}; /* the first value of {q: ...} is no collection */
    }
}
