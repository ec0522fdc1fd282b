/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions in plain words: what they say, and what would have to be different. */
#include "program.h"

#include <inttypes.h>

#define MAX_SHOWN 160 /* bytes of one value */
#define MAX_LISTED 8

static void add_cut(struct sb_str *out, const char *text, size_t n)
{
    size_t cut = n < MAX_SHOWN ? n : sb_utf8_whole(text, MAX_SHOWN);
    sb_str_add(out, text, cut);
    if (cut < n)
        sb_str_adds(out, "...");
}

static void add_json(struct sb_str *out, const json_t *v)
{
    size_t n = json_array_size(v);
    if (json_is_string(v))
        add_cut(out, json_string_value(v), json_string_length(v));
    else if (json_is_integer(v))
        sb_str_addf(out, "%" PRId64, (int64_t)json_integer_value(v));
    else if (json_is_boolean(v))
        sb_str_adds(out, json_is_true(v) ? "true" : "false");
    else if (json_is_array(v) && n == 0)
        sb_str_adds(out, "empty");
    else if (json_is_array(v))
        for (size_t i = 0; i < n && i <= MAX_LISTED; i++) {
            sb_str_adds(out, i ? ", " : "");
            if (i == MAX_LISTED)
                sb_str_adds(out, "...");
            else
                add_json(out, json_array_get(v, i)); /* nesting is bounded by the reader of the input */
        }
    else
        sb_str_adds(out, json_is_object(v) ? "an object" : "unknown");
}

void sb_policy_fill(const char *message, const json_t *input, struct sb_str *out)
{
    while (*message) {
        size_t plain = strcspn(message, "{");
        sb_str_add(out, message, plain);
        message += plain;
        size_t n = strcspn(message, "}");
        if (!*message || message[n] != '}' || n > 200) {
            sb_str_adds(out, message);
            return;
        }
        char path[201];
        memcpy(path, message + 1, n - 1);
        path[n - 1] = '\0';
        add_json(out, sb_json_path((json_t *)(uintptr_t)input, path));
        message += n + 1;
    }
}

/* ---- a condition on one subject ---- */

static void add_value(struct sb_str *out, const struct sb_value *v)
{
    if (v->type == SB_VALUE_STR)
        add_cut(out, v->s, v->n);
    else if (v->type == SB_VALUE_BOOL)
        sb_str_adds(out, v->i ? "true" : "false");
    else if (v->type == SB_VALUE_INT)
        sb_str_addf(out, "%" PRId64, v->i);
    else
        sb_str_adds(out, "?");
}

static void add_choices(struct sb_str *out, const struct sb_node *n, const char *last)
{
    for (size_t i = 0; i < n->values && i <= MAX_LISTED; i++) {
        sb_str_adds(out, i == 0 ? "" : i + 1 == n->values ? last : ", ");
        if (i == MAX_LISTED)
            sb_str_adds(out, "...");
        else
            add_value(out, &n->value[i]);
    }
}

/* "is below 10": want false turns the condition round. */
static void predicate(const struct sb_policy *p, const struct sb_node *n, bool want, struct sb_str *out)
{
    static const char *const phrase[][2] = {
        [SB_OP_EQ] = {"is not ", "is "}, [SB_OP_NE] = {"is ", "is not "}, [SB_OP_LT] = {"is at least ", "is below "},
        [SB_OP_LE] = {"is above ", "is at most "}, [SB_OP_GT] = {"is at most ", "is above "}, [SB_OP_GE] = {"is below ", "is at least "},
        [SB_OP_IN] = {"is not ", "is "}, [SB_OP_NIN] = {"is ", "is not "}, [SB_OP_GLOB] = {"does not match ", "matches "},
        [SB_OP_REGEX] = {"does not match ", "matches "}, [SB_OP_EXISTS] = {"", ""}, [SB_OP_WITHIN] = {"is outside ", "is within "},
    };
    sb_str_adds(out, phrase[n->op][want]);
    if (n->op == SB_OP_EXISTS)
        sb_str_adds(out, (n->value[0].i != 0) == want ? "is known" : "is not given");
    else if (n->other != SB_NO_FACT)
        sb_str_adds(out, p->facts[n->other].path);
    else if (n->op == SB_OP_WITHIN)
        sb_str_addf(out, "%" PRId64 " to %" PRId64, n->value[0].i, n->value[1].i);
    else
        add_choices(out, n, (n->op == SB_OP_IN) == want || n->op == SB_OP_GLOB ? " or " : " nor ");
}

static void add_found(struct sb_str *out, const struct sb_value *v)
{
    if (v->type == SB_VALUE_NONE) {
        sb_str_adds(out, " (it is unknown)");
        return;
    }
    sb_str_adds(out, " (it is ");
    add_json(out, v->json);
    sb_str_addc(out, ')');
}

struct wording {
    const struct sb_policy *p;
    const struct sb_value *facts; /* NULL: only say, do not compare */
    struct sb_str *out;
};

static void make(const struct wording *w, int node, bool want, const char *subject, const struct sb_value *item);

static bool is_so(const struct wording *w, int node, bool want, const struct sb_value *item)
{
    enum sb_truth t = sb_policy_truth(w->p, node, w->facts, item, NULL);
    return t != SB_ERROR && (t == SB_TRUE) == want;
}

/* Inside a list an item is not one fact, so every child is worded there. */
static void join(const struct wording *w, const struct sb_node *n, bool want, const char *glue, const char *subject, const struct sb_value *item)
{
    bool first = true;
    for (int child = n->first; child != SB_NO_NODE; child = w->p->nodes[child].next) {
        if (w->facts && !subject && is_so(w, child, want, item))
            continue;
        if (!first)
            sb_str_adds(w->out, glue);
        make(w, child, want, subject, item);
        first = false;
    }
}

static void make_list(const struct wording *w, const struct sb_node *n, bool want)
{
    const char *path = w->p->facts[n->fact].path;
    struct sb_value nothing = {.type = SB_VALUE_NONE};
    char subject[300];
    if (n->kind == SB_NODE_LENGTH)
        snprintf(subject, sizeof subject, "the number of %.200s", path);
    else
        snprintf(subject, sizeof subject, "%s item of %.200s", n->kind == SB_NODE_EACH && want ? "every" : n->kind == SB_NODE_SOME && !want ? "no" : "some", path);
    make(w, n->first, want || n->kind == SB_NODE_SOME, subject, &nothing);
    if (w->facts)
        add_found(w->out, &w->facts[n->fact]);
}

/* The bundle's depth bounds the recursion. */
static void make(const struct wording *w, int node, bool want, const char *subject, const struct sb_value *item)
{
    const struct sb_node *n = &w->p->nodes[node];
    switch (n->kind) {
    case SB_NODE_ALL:
        join(w, n, want, want ? " and " : " or ", subject, item);
        return;
    case SB_NODE_ANY:
        join(w, n, want, want ? " or " : " and ", subject, item);
        return;
    case SB_NODE_NOT:
        make(w, n->first, !want, subject, item);
        return;
    case SB_NODE_COUNT:
        sb_str_addf(w->out, "%sthe number of true ones among [", want ? "" : "not: ");
        join(&(struct wording){w->p, NULL, w->out}, n, true, "; ", subject, item);
        sb_str_adds(w->out, "] ");
        predicate(w->p, n, true, w->out);
        return;
    case SB_NODE_EACH:
    case SB_NODE_SOME:
    case SB_NODE_LENGTH:
        make_list(w, n, want);
        return;
    case SB_NODE_TEST:
        break;
    }
    sb_str_addf(w->out, "%s ", subject ? subject : w->p->facts[n->fact].path);
    predicate(w->p, n, want, w->out);
    if (w->facts && !subject)
        add_found(w->out, &w->facts[n->fact]);
}

void sb_policy_make(const struct sb_policy *p, int node, bool want, const struct sb_value *facts, struct sb_str *out)
{
    make(&(struct wording){p, facts, out}, node, want, NULL, NULL);
}

void sb_policy_say(const struct sb_policy *p, int node, struct sb_str *out)
{
    make(&(struct wording){p, NULL, out}, node, true, NULL, NULL);
}
