/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions on facts, in Kleene's strong three-valued logic: an error is "not known", and it matters only where the known
 * parts leave the answer open. Every loop is bounded by the bundle or by MAX_ITEMS. */
#include "program.h"

#define MAX_ITEMS 10000 /* of a list that a condition looks at; a longer one is an error */

struct sb_value sb_value_of(const json_t *json)
{
    if (!json || json_is_null(json))
        return (struct sb_value){.type = SB_VALUE_NONE};
    struct sb_value v = {.type = SB_VALUE_OTHER, .json = json};
    if (json_is_integer(json)) {
        v.type = SB_VALUE_INT;
        v.i = json_integer_value(json);
    } else if (json_is_string(json)) {
        v.type = SB_VALUE_STR;
        v.s = json_string_value(json);
        v.n = json_string_length(json);
    } else if (json_is_boolean(json)) {
        v.type = SB_VALUE_BOOL;
        v.i = json_is_true(json);
    } else if (json_is_array(json)) {
        v.type = SB_VALUE_LIST;
    }
    return v;
}

void sb_policy_resolve(const struct sb_policy *p, const json_t *input, struct sb_value *values)
{
    for (size_t i = 0; i < p->facts_n; i++) {
        const struct sb_fact_path *f = &p->facts[i];
        const json_t *at = input;
        for (size_t k = 0; k < f->segments && at; k++)
            at = json_object_get(at, f->segment[k]);
        values[i] = sb_value_of(at);
    }
}

/* Iterative, with one point to come back to: at most pattern x text steps. */
bool sb_glob(const char *pattern, size_t pattern_n, const char *text, size_t n)
{
    size_t p = 0, t = 0, star = (size_t)-1, resume = 0;
    while (t < n) {
        if (p < pattern_n && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern_n && pattern[p] == '?') {
            p++;
            do
                t++;
            while (t < n && ((unsigned char)text[t] & 0xC0) == 0x80); /* one character, however many bytes */
        } else if (p < pattern_n && pattern[p] == text[t]) {
            p++;
            t++;
        } else if (star != (size_t)-1) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern_n && pattern[p] == '*')
        p++;
    return p == pattern_n;
}

static enum sb_truth truth_of(bool yes)
{
    return yes ? SB_TRUE : SB_FALSE;
}

static bool equal(const struct sb_value *a, const struct sb_value *b)
{
    return a->type == SB_VALUE_STR ? a->n == b->n && memcmp(a->s, b->s, a->n) == 0 : a->i == b->i;
}

static bool in_order(enum sb_op op, int64_t a, int64_t b)
{
    switch (op) {
    case SB_OP_LT: return a < b;
    case SB_OP_LE: return a <= b;
    case SB_OP_GT: return a > b;
    case SB_OP_GE: return a >= b;
    case SB_OP_NE: return a != b;
    default: return a == b;
    }
}

static bool is_scalar(const struct sb_value *v)
{
    return v->type == SB_VALUE_INT || v->type == SB_VALUE_STR || v->type == SB_VALUE_BOOL;
}

static bool one_of(const struct sb_node *n, const struct sb_value *subject)
{
    for (size_t i = 0; i < n->values; i++)
        if (equal(&n->value[i], subject))
            return true;
    return false;
}

static bool globs(const struct sb_node *n, const struct sb_value *subject)
{
    for (size_t i = 0; i < n->values; i++)
        if (sb_glob(n->value[i].s, n->value[i].n, subject->s, subject->n))
            return true;
    return false;
}

static enum sb_truth test(const struct sb_node *n, const struct sb_value *subject, const struct sb_value *facts)
{
    if (n->op == SB_OP_EXISTS)
        return truth_of((subject->type != SB_VALUE_NONE) == (n->value[0].i != 0));
    if (!is_scalar(subject))
        return SB_ERROR;
    const struct sb_value *other = n->other != SB_NO_FACT ? &facts[n->other] : n->value;
    switch (n->op) {
    case SB_OP_EQ:
    case SB_OP_NE:
        if (other->type != subject->type)
            return SB_ERROR;
        return truth_of(equal(subject, other) == (n->op == SB_OP_EQ));
    case SB_OP_LT:
    case SB_OP_LE:
    case SB_OP_GT:
    case SB_OP_GE:
        if (subject->type != SB_VALUE_INT || other->type != SB_VALUE_INT)
            return SB_ERROR;
        return truth_of(in_order(n->op, subject->i, other->i));
    case SB_OP_IN:
    case SB_OP_NIN:
        if (n->value[0].type != subject->type)
            return SB_ERROR;
        return truth_of(one_of(n, subject) == (n->op == SB_OP_IN));
    case SB_OP_GLOB:
        return subject->type == SB_VALUE_STR && subject->n <= SB_POLICY_MAX_TEXT ? truth_of(globs(n, subject)) : SB_ERROR;
    case SB_OP_REGEX: {
        if (subject->type != SB_VALUE_STR || subject->n > SB_POLICY_MAX_TEXT)
            return SB_ERROR;
        int found = sb_regex_match(n->regex, subject->s, subject->n, NULL, 0, NULL);
        return found < 0 ? SB_ERROR : truth_of(found > 0);
    }
    case SB_OP_WITHIN:
        return subject->type == SB_VALUE_INT ? truth_of(n->value[0].i <= subject->i && subject->i <= n->value[1].i) : SB_ERROR;
    case SB_OP_EXISTS:
        break;
    }
    return SB_ERROR;
}

static unsigned char seen_bit(enum sb_truth t)
{
    return t == SB_TRUE ? SB_SEEN_TRUE : t == SB_FALSE ? SB_SEEN_FALSE : SB_SEEN_ERROR;
}

/* all: the first false ends it, unless coverage wants every condition looked at. any: the first true. */
static enum sb_truth join(const struct sb_policy *p, const struct sb_node *n, enum sb_truth ends, const struct sb_value *facts,
                          const struct sb_value *item, const struct sb_probe *probe)
{
    enum sb_truth result = ends == SB_FALSE ? SB_TRUE : SB_FALSE;
    for (int child = n->first; child != SB_NO_NODE; child = p->nodes[child].next) {
        if (result == ends && !(probe && probe->test))
            break;
        enum sb_truth t = sb_policy_truth(p, child, facts, item, probe);
        if (result != ends && (t == ends || t == SB_ERROR))
            result = t;
    }
    return result;
}

static enum sb_truth over_items(const struct sb_policy *p, const struct sb_node *n, enum sb_truth ends, const struct sb_value *list,
                                const struct sb_value *facts, const struct sb_probe *probe)
{
    if (list->type != SB_VALUE_LIST || json_array_size(list->json) > MAX_ITEMS)
        return SB_ERROR;
    enum sb_truth result = ends == SB_FALSE ? SB_TRUE : SB_FALSE;
    for (size_t i = 0; i < json_array_size(list->json) && result != ends; i++) {
        struct sb_value item = sb_value_of(json_array_get(list->json, i));
        enum sb_truth t = sb_policy_truth(p, n->first, facts, &item, probe);
        if (t == ends || t == SB_ERROR)
            result = t;
    }
    return result;
}

/* How many are true is known up to the errors among them. */
static enum sb_truth count(const struct sb_policy *p, const struct sb_node *n, const struct sb_value *facts, const struct sb_value *item,
                           const struct sb_probe *probe)
{
    int64_t least = 0, open = 0;
    for (int child = n->first; child != SB_NO_NODE; child = p->nodes[child].next) {
        enum sb_truth t = sb_policy_truth(p, child, facts, item, probe);
        least += t == SB_TRUE;
        open += t == SB_ERROR;
    }
    bool first = in_order(n->op, least, n->value[0].i);
    for (int64_t i = 1; i <= open; i++)
        if (in_order(n->op, least + i, n->value[0].i) != first)
            return SB_ERROR;
    return truth_of(first);
}

static enum sb_truth turned(enum sb_truth t)
{
    return t == SB_ERROR ? t : t == SB_TRUE ? SB_FALSE : SB_TRUE;
}

enum sb_truth sb_policy_truth(const struct sb_policy *p, int node, const struct sb_value *facts, const struct sb_value *item,
                              const struct sb_probe *probe)
{
    const struct sb_node *n = &p->nodes[node];
    const struct sb_value *subject = n->fact != SB_NO_FACT ? &facts[n->fact] : item;
    switch (n->kind) {
    case SB_NODE_ALL:
        return join(p, n, SB_FALSE, facts, item, probe);
    case SB_NODE_ANY:
        return join(p, n, SB_TRUE, facts, item, probe);
    case SB_NODE_NOT:
        return turned(sb_policy_truth(p, n->first, facts, item, probe));
    case SB_NODE_COUNT:
        return count(p, n, facts, item, probe);
    case SB_NODE_EACH:
        return over_items(p, n, SB_FALSE, subject, facts, probe);
    case SB_NODE_SOME:
        return over_items(p, n, SB_TRUE, subject, facts, probe);
    case SB_NODE_LENGTH: {
        if (subject->type != SB_VALUE_LIST)
            return SB_ERROR;
        struct sb_value length = {.type = SB_VALUE_INT, .i = (int64_t)json_array_size(subject->json)};
        return sb_policy_truth(p, n->first, facts, &length, probe);
    }
    case SB_NODE_TEST:
        break;
    }
    enum sb_truth t = test(n, subject, facts);
    if (probe && probe->negate == n->test)
        t = turned(t);
    if (probe && probe->test)
        probe->test[n->test] |= seen_bit(t);
    return t;
}
