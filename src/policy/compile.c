/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions of the policy language as nodes of a program. The depth of the file bounds every recursion. */
#include "loader.h"

#include <signalbox/base/array.h>

#include <stdlib.h>

#define MAX_CHOICES 1000

static const char *const op_text[] = {
    [SB_OP_EQ] = "eq", [SB_OP_NE] = "ne", [SB_OP_LT] = "lt", [SB_OP_LE] = "le", [SB_OP_GT] = "gt", [SB_OP_GE] = "ge",
    [SB_OP_IN] = "in", [SB_OP_NIN] = "nin", [SB_OP_GLOB] = "glob", [SB_OP_REGEX] = "regex", [SB_OP_EXISTS] = "exists",
    [SB_OP_WITHIN] = "within",
};
const struct sb_names sb_ops = {"operator", op_text, SB_COUNT(op_text)};

/* ---- facts and nodes ---- */

int sb_compile_fact(struct sb_loader *l, const char *path, int *out)
{
    struct sb_policy *p = l->p;
    for (size_t i = 0; i < p->facts_n; i++)
        if (strcmp(p->facts[i].path, path) == 0) {
            *out = (int)i;
            return 0;
        }
    if (strlen(path) > 200)
        return sb_loader_refuse(l, "the path of a fact has at most 200 characters");
    if (SB_GROW(p->facts, p->facts_cap, p->facts_n + 1))
        return sb_fail_nomem(l->err);
    struct sb_fact_path f = {.path = sb_strdup_n(path, strlen(path)), .copy = sb_strdup_n(path, strlen(path))};
    p->facts[p->facts_n++] = f; /* owned from here on */
    if (!f.path || !f.copy)
        return sb_fail_nomem(l->err);
    struct sb_fact_path *kept = &p->facts[p->facts_n - 1];
    for (char *s = kept->copy; s;) {
        char *dot = strchr(s, '.');
        if (dot)
            *dot = '\0';
        if (!*s || kept->segments == SB_COUNT(kept->segment))
            return sb_loader_refuse_name(l, "not the path of a fact:", path);
        kept->segment[kept->segments++] = s;
        s = dot ? dot + 1 : NULL;
    }
    *out = (int)p->facts_n - 1;
    return 0;
}

/* The nodes move when they grow: hold indices, not pointers. */
static int add_node(struct sb_loader *l, enum sb_node_kind kind, int fact)
{
    struct sb_policy *p = l->p;
    if (p->nodes_n == SB_POLICY_MAX_NODES)
        return sb_loader_refuse(l, "more than 20000 conditions");
    if (SB_GROW(p->nodes, p->nodes_cap, p->nodes_n + 1))
        return sb_fail_nomem(l->err);
    p->nodes[p->nodes_n] = (struct sb_node){.kind = kind, .fact = fact, .other = SB_NO_FACT, .first = SB_NO_NODE, .next = SB_NO_NODE, .test = -1};
    return (int)p->nodes_n++;
}

static void link_child(struct sb_policy *p, int parent, int *last, int child)
{
    if (*last == SB_NO_NODE)
        p->nodes[parent].first = child;
    else
        p->nodes[*last].next = child;
    *last = child;
}

static int compile_condition(struct sb_loader *l, const json_t *v, int fact);

/* ---- constants ---- */

static bool scalar(const struct sb_value *v)
{
    return v->type == SB_VALUE_INT || v->type == SB_VALUE_STR || v->type == SB_VALUE_BOOL;
}

static int set_values(struct sb_loader *l, int node, const json_t *list, size_t n)
{
    struct sb_value *values = calloc(n ? n : 1, sizeof *values);
    if (!values)
        return sb_fail_nomem(l->err);
    for (size_t i = 0; i < n; i++)
        values[i] = sb_value_of(json_is_array(list) ? json_array_get(list, i) : list);
    l->p->nodes[node].value = values;
    l->p->nodes[node].values = n;
    return 0;
}

/* {"fact": "path"} in place of a constant. 1 it is one, 0 not, -1 wrong. */
static int set_other(struct sb_loader *l, int node, const json_t *v)
{
    if (!json_is_object(v))
        return 0;
    static const char *const keys[] = {"fact"};
    const char *path;
    int fact;
    if (sb_loader_keys(l, v, keys, 1) || sb_loader_text(l, v, "fact", true, &path) || sb_compile_fact(l, path, &fact))
        return -1;
    l->p->nodes[node].other = fact;
    return 1;
}

static int set_choices(struct sb_loader *l, int node, const json_t *v)
{
    if (!json_is_array(v) || !json_array_size(v) || json_array_size(v) > MAX_CHOICES)
        return sb_loader_refuse(l, "must be a list of 1 to 1000 values");
    if (set_values(l, node, v, json_array_size(v)))
        return -1;
    const struct sb_node *n = &l->p->nodes[node];
    for (size_t i = 0; i < n->values; i++)
        if (!scalar(&n->value[i]) || n->value[i].type != n->value[0].type)
            return sb_loader_refuse(l, "must be a list of texts, or of integers");
    return 0;
}

static int set_patterns(struct sb_loader *l, int node, const json_t *v)
{
    if (json_is_string(v) ? set_values(l, node, v, 1) : set_choices(l, node, v))
        return -1;
    const struct sb_node *n = &l->p->nodes[node];
    for (size_t i = 0; i < n->values; i++)
        if (n->value[i].type != SB_VALUE_STR || n->value[i].n > SB_POLICY_MAX_TEXT)
            return sb_loader_refuse(l, "must be a pattern, or a list of patterns, of at most 4096 characters");
    return 0;
}

static int set_regex(struct sb_loader *l, int node, const json_t *v)
{
    if (!json_is_string(v))
        return sb_loader_refuse(l, "must be a regular expression");
    struct sb_err why = SB_ERR_INIT;
    struct sb_regex *re = strlen(json_string_value(v)) == json_string_length(v) ? sb_regex_new(json_string_value(v), 0, &why) : NULL;
    if (!re)
        return sb_loader_refuse(l, why.msg);
    l->p->nodes[node].regex = re;
    return set_values(l, node, v, 1);
}

static int set_constant(struct sb_loader *l, int node, enum sb_op op, const json_t *v)
{
    switch (op) {
    case SB_OP_EQ:
    case SB_OP_NE:
    case SB_OP_LT:
    case SB_OP_LE:
    case SB_OP_GT:
    case SB_OP_GE: {
        int other = set_other(l, node, v);
        if (other)
            return other < 0 ? -1 : 0;
        struct sb_value value = sb_value_of(v);
        bool order = op != SB_OP_EQ && op != SB_OP_NE;
        if (order ? value.type != SB_VALUE_INT : !scalar(&value))
            return sb_loader_refuse(l, order ? "must be an integer" : "must be a text, an integer, true or false");
        return set_values(l, node, v, 1);
    }
    case SB_OP_IN:
    case SB_OP_NIN:
        return set_choices(l, node, v);
    case SB_OP_GLOB:
        return set_patterns(l, node, v);
    case SB_OP_REGEX:
        return set_regex(l, node, v);
    case SB_OP_EXISTS:
        return json_is_boolean(v) ? set_values(l, node, v, 1) : sb_loader_refuse(l, "must be true or false");
    case SB_OP_WITHIN:
        if (!json_is_array(v) || json_array_size(v) != 2 || !json_is_integer(json_array_get(v, 0)) || !json_is_integer(json_array_get(v, 1)) ||
            json_integer_value(json_array_get(v, 0)) > json_integer_value(json_array_get(v, 1)))
            return sb_loader_refuse(l, "must be a list of two integers, the smaller first");
        return set_values(l, node, v, 2);
    }
    return sb_loader_refuse(l, "unknown operator");
}

/* ---- conditions and expressions ---- */

static int compile_test(struct sb_loader *l, const char *name, const json_t *v, int fact)
{
    int op = sb_name_find(&sb_ops, name);
    if (op < 0)
        return sb_loader_refuse_name(l, "unknown operator", name);
    int node = add_node(l, SB_NODE_TEST, fact);
    if (node < 0)
        return -1;
    l->p->nodes[node].op = (enum sb_op)op;
    l->p->nodes[node].test = (int)l->p->tests++;
    return set_constant(l, node, (enum sb_op)op, v) ? -1 : node;
}

/* any, all, count and not behind a fact's path. */
static int compile_quantifier(struct sb_loader *l, enum sb_node_kind kind, const json_t *v, int fact)
{
    int node = add_node(l, kind, kind == SB_NODE_NOT ? SB_NO_FACT : fact);
    if (node < 0)
        return -1;
    int child = compile_condition(l, v, kind == SB_NODE_NOT ? fact : SB_NO_FACT);
    if (child < 0)
        return -1;
    l->p->nodes[node].first = child;
    return node;
}

static int compile_operator(struct sb_loader *l, const char *name, const json_t *v, int fact)
{
    static const struct {
        const char *name;
        enum sb_node_kind kind;
    } quantifiers[] = {{"any", SB_NODE_SOME}, {"all", SB_NODE_EACH}, {"count", SB_NODE_LENGTH}, {"not", SB_NODE_NOT}};
    for (size_t i = 0; i < SB_COUNT(quantifiers); i++)
        if (strcmp(name, quantifiers[i].name) == 0)
            return compile_quantifier(l, quantifiers[i].kind, v, fact);
    return compile_test(l, name, v, fact);
}

/* An object of operators on one subject. */
static int compile_condition(struct sb_loader *l, const json_t *v, int fact)
{
    size_t n = json_object_size(v);
    if (!json_is_object(v) || n == 0)
        return sb_loader_refuse(l, "must be an object of operators, such as {\"eq\": 1}");
    int all = n > 1 ? add_node(l, SB_NODE_ALL, SB_NO_FACT) : SB_NO_NODE, last = SB_NO_NODE, node = SB_NO_NODE;
    if (n > 1 && all < 0)
        return -1;
    const char *name;
    json_t *arg;
    json_object_foreach((json_t *)(uintptr_t)v, name, arg) {
        size_t mark = sb_loader_enter(l, name);
        node = compile_operator(l, name, arg, fact);
        if (node < 0)
            return -1;
        sb_loader_leave(l, mark);
        if (n > 1)
            link_child(l->p, all, &last, node);
    }
    return n > 1 ? all : node;
}

static int compile_list(struct sb_loader *l, int parent, const json_t *v)
{
    if (!json_is_array(v) || json_array_size(v) == 0)
        return sb_loader_refuse(l, "must be a list of expressions");
    int last = SB_NO_NODE;
    for (size_t i = 0; i < json_array_size(v); i++) {
        size_t mark = sb_loader_enter_item(l, i);
        int child = sb_compile_expression(l, json_array_get(v, i));
        if (child < 0)
            return -1;
        sb_loader_leave(l, mark);
        link_child(l->p, parent, &last, child);
    }
    return parent;
}

/* {"of": [...], "ge": 2} */
static int compile_count(struct sb_loader *l, const json_t *v)
{
    static const char *const keys[] = {"of", "eq", "ne", "lt", "le", "gt", "ge"};
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)))
        return -1;
    int node = add_node(l, SB_NODE_COUNT, SB_NO_FACT), op = -1;
    if (node < 0)
        return -1;
    const char *name;
    json_t *arg;
    json_object_foreach((json_t *)(uintptr_t)v, name, arg)
        if (strcmp(name, "of") != 0) {
            if (op >= 0 || !json_is_integer(arg))
                return sb_loader_refuse(l, "count takes one comparison with an integer");
            op = sb_name_find(&sb_ops, name);
            if (set_values(l, node, arg, 1))
                return -1;
        }
    if (op < 0)
        return sb_loader_refuse(l, "count takes one comparison with an integer");
    l->p->nodes[node].op = (enum sb_op)op;
    size_t mark = sb_loader_enter(l, "of");
    if (compile_list(l, node, json_object_get(v, "of")) < 0)
        return -1;
    sb_loader_leave(l, mark);
    return node;
}

static int compile_member(struct sb_loader *l, const char *key, const json_t *v)
{
    if (strcmp(key, "all") == 0 || strcmp(key, "any") == 0) {
        int node = add_node(l, strcmp(key, "all") == 0 ? SB_NODE_ALL : SB_NODE_ANY, SB_NO_FACT);
        return node < 0 ? -1 : compile_list(l, node, v);
    }
    if (strcmp(key, "count") == 0)
        return compile_count(l, v);
    if (strcmp(key, "not") == 0) {
        int node = add_node(l, SB_NODE_NOT, SB_NO_FACT), child = node < 0 ? -1 : sb_compile_expression(l, v);
        if (child < 0)
            return -1;
        l->p->nodes[node].first = child;
        return node;
    }
    int fact;
    return sb_compile_fact(l, key, &fact) ? -1 : compile_condition(l, v, fact);
}

int sb_compile_expression(struct sb_loader *l, const json_t *v)
{
    size_t n = json_object_size(v);
    if (!json_is_object(v) || n == 0)
        return sb_loader_refuse(l, "must be an object: all, any, not, count, or paths of facts with their conditions");
    int all = n > 1 ? add_node(l, SB_NODE_ALL, SB_NO_FACT) : SB_NO_NODE, last = SB_NO_NODE, node = SB_NO_NODE;
    if (n > 1 && all < 0)
        return -1;
    const char *key;
    json_t *child;
    json_object_foreach((json_t *)(uintptr_t)v, key, child) {
        size_t mark = sb_loader_enter(l, key);
        node = compile_member(l, key, child);
        if (node < 0)
            return -1;
        sb_loader_leave(l, mark);
        if (n > 1)
            link_child(l->p, all, &last, node);
    }
    return n > 1 ? all : node;
}
