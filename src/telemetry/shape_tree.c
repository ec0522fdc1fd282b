/* SPDX-License-Identifier: Apache-2.0 */
#include "shape_tree.h"

#include <signalbox/formats/jsontext.h>

/* Deeper than the reducer goes, so that nothing is lost; a bound all the same. */
#define MAX_DEPTH 128

int sb_tokens_init(struct sb_tokens *t, const char *skeleton, size_t n, struct sb_err *err)
{
    /* a node takes at least a byte of the skeleton; normalising adds at most one for each */
    *t = (struct sb_tokens){skeleton, skeleton + n, calloc(2 * n + 4, sizeof(struct sb_node)), 0};
    return t->pool ? 0 : sb_fail_nomem(err);
}

void sb_tokens_release(struct sb_tokens *t)
{
    free(t->pool);
    t->pool = NULL;
}

struct sb_node *sb_tokens_node(struct sb_tokens *t, char token)
{
    struct sb_node *node = &t->pool[t->used++];
    node->token = token;
    return node;
}

struct sb_span sb_tokens_text(struct sb_tokens *t)
{
    size_t n = 0;
    for (unsigned shift = 0; t->p < t->end && shift < 35; shift += 7) {
        unsigned char c = (unsigned char)*t->p++;
        n |= (size_t)(c & 127) << shift;
        if (c < 128) {
            if (n > (size_t)(t->end - t->p))
                break;
            t->p += n;
            return (struct sb_span){t->p - n, n};
        }
    }
    t->p = t->end;
    return (struct sb_span){NULL, 0};
}

static struct sb_node *value(struct sb_tokens *t, unsigned depth);

static void members(struct sb_tokens *t, struct sb_node *node, unsigned depth)
{
    struct sb_node **tail = &node->child;
    while (t->p < t->end && *t->p != T_END) {
        struct sb_span key = {NULL, 0};
        if (node->token == T_OBJECT) {
            if (*t->p++ != T_KEY || !(key = sb_tokens_text(t)).p) {
                t->p = t->end;
                return;
            }
        }
        struct sb_node *child = value(t, depth + 1);
        if (!child)
            return;
        child->key = key;
        *tail = child;
        tail = &child->next;
        node->children++;
    }
    if (t->p < t->end)
        t->p++;
}

static struct sb_node *value(struct sb_tokens *t, unsigned depth)
{
    if (t->p >= t->end || depth > MAX_DEPTH) {
        t->p = t->end;
        return NULL;
    }
    struct sb_node *node = sb_tokens_node(t, *t->p++);
    if (node->token == T_OBJECT || node->token == T_ARRAY || node->token == T_TUPLE) {
        members(t, node, depth);
    } else if (node->token == T_PATH || node->token == T_STRING || node->token == T_NUMBER) {
        node->text = sb_tokens_text(t);
        if (!node->text.p)
            return NULL;
    }
    return node;
}

struct sb_node *sb_tokens_value(struct sb_tokens *t)
{
    return value(t, 0);
}

/* ---- one form ---- */

static int compare_keys(struct sb_span a, struct sb_span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

/* Merges two sorted lists; of equal keys the first list's comes first. */
static struct sb_node *merge(struct sb_node *a, struct sb_node *b)
{
    struct sb_node *head = NULL, **tail = &head;
    while (a && b) {
        struct sb_node **from = compare_keys(b->key, a->key) < 0 ? &b : &a;
        *tail = *from;
        tail = &(*tail)->next;
        *from = *tail;
    }
    *tail = a ? a : b;
    return head;
}

static struct sb_node *sort_list(struct sb_node *list, size_t n)
{
    if (n < 2)
        return list;
    struct sb_node *half = list;
    for (size_t i = 1; i < n / 2; i++)
        half = half->next;
    struct sb_node *second = half->next;
    half->next = NULL;
    return merge(sort_list(list, n / 2), sort_list(second, n - n / 2));
}

void sb_node_sort(struct sb_node *node)
{
    node->child = sort_list(node->child, node->children);
}

static bool same(const struct sb_node *a, const struct sb_node *b)
{
    if (a->token != b->token || a->children != b->children || !sb_span_equal(a->key, b->key) || !sb_span_equal(a->text, b->text))
        return false;
    const struct sb_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!same(x, y))
            return false;
    return !x && !y;
}

/* Lists say which kinds of elements there are, not how often. At most this many different ones are compared. */
#define MAX_DISTINCT 64

static void drop_repeated(struct sb_node *list)
{
    size_t kept = 0;
    for (struct sb_node **at = &list->child; *at;) {
        bool seen = false;
        const struct sb_node *other = list->child;
        for (size_t i = 0; i < MAX_DISTINCT && other != *at && !seen; i++, other = other->next)
            seen = same(other, *at);
        if (seen) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
            kept++;
        }
    }
    list->children = kept;
}

/* Runs of literals that stand apart in a list of mixed elements are one run. */
static void join_runs(struct sb_node *list)
{
    bool many = false;
    for (const struct sb_node *n = list->child; n; n = n->next)
        many = many || n->token == T_MANY;
    for (struct sb_node *n = list->child; many && n; n = n->next)
        if (n->token == T_FEW)
            n->token = T_MANY;
}

/* {"$regex": class, "$options": class} is one class; "$options" goes. */
static void fold_regex(struct sb_node *operators)
{
    struct sb_node *regex = NULL;
    bool plain = false;
    for (struct sb_node *n = operators->child; n; n = n->next) {
        if (SB_SPAN_IS(n->key, "$regex"))
            regex = n;
        plain = plain || (SB_SPAN_IS(n->key, "$options") && n->token == T_REGEX);
    }
    if (!regex)
        return;
    if (plain && regex->token == T_REGEX_PREFIX)
        regex->token = T_REGEX;
    for (struct sb_node **at = &operators->child; *at;) {
        if (SB_SPAN_IS((*at)->key, "$options")) {
            *at = (*at)->next;
            operators->children--;
        } else {
            at = &(*at)->next;
        }
    }
}

/* A regular expression as a value becomes {"$regex": class}. */
static void wrap_regex(struct sb_tokens *t, struct sb_node *node)
{
    struct sb_node *inner = sb_tokens_node(t, node->token);
    inner->key = SB_SPAN("$regex");
    node->token = T_OBJECT;
    node->child = inner;
    node->children = 1;
}

static void normalise(struct sb_tokens *t, struct sb_node *node, unsigned depth)
{
    if (depth > MAX_DEPTH)
        return;
    if ((node->token == T_REGEX || node->token == T_REGEX_PREFIX) && !(node->key.p && SB_SPAN_IS(node->key, "$regex")) &&
        !(node->key.p && SB_SPAN_IS(node->key, "$options"))) {
        wrap_regex(t, node);
        return;
    }
    for (struct sb_node *n = node->child; n; n = n->next)
        normalise(t, n, depth + 1);
    if (node->token == T_OBJECT) {
        fold_regex(node);
        bool under_operator = node->key.n && node->key.p[0] == '$';
        if (!under_operator && node->children == 1 && SB_SPAN_IS(node->child->key, "$eq") && node->child->token == T_LITERAL) {
            node->token = T_LITERAL;
            node->child = NULL;
            node->children = 0;
            return;
        }
        sb_node_sort(node);
    } else if (node->token == T_ARRAY) {
        join_runs(node);
        drop_repeated(node);
    }
}

void sb_node_normalise(struct sb_tokens *t, struct sb_node *node)
{
    normalise(t, node, 0);
}

/* ---- writing ---- */

static void canonical_text(struct sb_str *out, struct sb_span text)
{
    sb_str_addf(out, "%zu:", text.n);
    sb_str_add(out, text.p, text.n);
}

void sb_node_canonical(struct sb_str *out, const struct sb_node *node)
{
    sb_str_addc(out, node->token);
    if (node->text.p)
        canonical_text(out, node->text);
    if (node->token != T_OBJECT && node->token != T_ARRAY && node->token != T_TUPLE)
        return;
    for (const struct sb_node *n = node->child; n; n = n->next) {
        if (node->token == T_OBJECT)
            canonical_text(out, n->key);
        sb_node_canonical(out, n);
    }
    sb_str_addc(out, T_END);
}

void sb_json_text(struct sb_str *out, struct sb_span text)
{
    sb_str_addc(out, '"');
    for (size_t i = 0; i < text.n;) {
        uint32_t point;
        size_t n = sb_utf8_decode(text.p + i, text.n - i, &point);
        if (n == 0) {
            sb_str_adds(out, "\xEF\xBF\xBD");
            i++;
            continue;
        }
        if (point == '"' || point == '\\')
            sb_str_addf(out, "\\%c", (char)point);
        else if (point < 0x20)
            sb_str_addf(out, "\\u%04x", (unsigned)point);
        else
            sb_str_add(out, text.p + i, n);
        i += n;
    }
    sb_str_addc(out, '"');
}

void sb_node_json(struct sb_str *out, const struct sb_node *node)
{
    switch (node->token) {
    case T_OBJECT:
        sb_str_addc(out, '{');
        for (const struct sb_node *n = node->child; n; n = n->next) {
            sb_json_text(out, n->key);
            sb_str_addc(out, ':');
            sb_node_json(out, n);
            if (n->next)
                sb_str_addc(out, ',');
        }
        sb_str_addc(out, '}');
        break;
    case T_ARRAY:
    case T_TUPLE:
        sb_str_addc(out, '[');
        for (const struct sb_node *n = node->child; n; n = n->next) {
            sb_node_json(out, n);
            if (n->next)
                sb_str_addc(out, ',');
        }
        sb_str_addc(out, ']');
        break;
    case T_PATH:
    case T_STRING:
        sb_json_text(out, node->text);
        break;
    case T_NUMBER:
        sb_str_add(out, node->text.p, node->text.n);
        break;
    default:
        sb_str_addc(out, '1');
        break;
    }
}
