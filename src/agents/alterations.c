/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/alterations.h>

#include <stdlib.h>
#include <string.h>

#define VALUE_MOST 200

int sb_setup_add(struct sb_setup *l, enum sb_fact_kind kind, const char *scope, const char *name, const char *value)
{
    if (l->n >= SB_FACTS_MOST) {
        l->full = true;
        return -1;
    }
    if (SB_GROW(l->fact, l->cap, l->n + 1))
        return -1;
    size_t n = strlen(value);
    struct sb_seen_fact f = {kind, sb_format("%s", scope), sb_format("%s", name), sb_strdup_n(value, n > VALUE_MOST ? sb_utf8_whole(value, VALUE_MOST) : n)};
    if (!f.scope || !f.name || !f.value) {
        free(f.scope);
        free(f.name);
        free(f.value);
        return -1;
    }
    l->fact[l->n++] = f;
    return 0;
}

int sb_setup_mark(struct sb_setup *l, enum sb_fact_kind kind, const char *scope)
{
    return sb_setup_add(l, kind, scope, "", "");
}

void sb_setup_release(struct sb_setup *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->fact[i].scope);
        free(l->fact[i].name);
        free(l->fact[i].value);
    }
    free(l->fact);
    *l = (struct sb_setup){0};
}

/* By kind, scope and name; of one application its drivers too. */
static int order(const void *x, const void *y)
{
    const struct sb_seen_fact *a = x, *b = y;
    int c = (int)a->kind - (int)b->kind;
    c = c ? c : strcmp(a->scope, b->scope);
    c = c ? c : strcmp(a->name, b->name);
    return c || a->kind != SB_FACT_CLIENT ? c : strcmp(a->value, b->value);
}

static const struct sb_seen_fact *find(const struct sb_setup *l, const struct sb_seen_fact *f)
{
    return l->n ? bsearch(f, l->fact, l->n, sizeof *l->fact, order) : NULL;
}

static bool was_read(const struct sb_setup *l, const struct sb_seen_fact *f)
{
    return find(l, &(struct sb_seen_fact){f->kind, f->scope, (char *)(uintptr_t)"", (char *)(uintptr_t)""}) != NULL;
}

static const struct sb_seen_fact *any_driver(const struct sb_setup *l, const char *app)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->fact[i].kind == SB_FACT_CLIENT && strcmp(l->fact[i].name, app) == 0)
            return &l->fact[i];
    return NULL;
}

struct telling {
    sb_alteration_fn fn;
    void *ctx;
};

static int tell(const struct telling *t, const struct sb_seen_fact *f, bool alters, char *what)
{
    if (!what)
        return -1;
    bool of_ns = f->kind == SB_FACT_INDEX || f->kind == SB_FACT_VALIDATOR, named = f->kind == SB_FACT_COLLECTION;
    t->fn(t->ctx, &(struct sb_alteration){f->kind, what, of_ns ? f->scope : named ? f->name : NULL, f->kind == SB_FACT_CLIENT ? f->name : NULL, alters});
    free(what);
    return 0;
}

static int tell_new(const struct telling *t, const struct sb_setup *before, const struct sb_seen_fact *f)
{
    const struct sb_seen_fact *other;
    switch (f->kind) {
    case SB_FACT_COLLECTION: return tell(t, f, false, sb_format("collection %s was made", f->name));
    case SB_FACT_INDEX: return tell(t, f, false, sb_format("index %s of %s was made: %s", f->name, f->scope, f->value));
    case SB_FACT_PARAMETER: return tell(t, f, true, sb_format("parameter %s of %s is %s", f->name, f->scope, f->value));
    case SB_FACT_TOPOLOGY: return tell(t, f, true, sb_format("%s joined the set (%s)", f->name, f->value));
    case SB_FACT_CLIENT:
        other = any_driver(before, f->name);
        return tell(t, f, false, other ? sb_format("application %s comes with %s, was %s", f->name, f->value, other->value) : sb_format("application %s is new (%s)", f->name, f->value));
    default: return 0; /* the others are there always */
    }
}

static int tell_gone(const struct telling *t, const struct sb_seen_fact *f)
{
    switch (f->kind) {
    case SB_FACT_COLLECTION: return tell(t, f, true, sb_format("collection %s is gone", f->name));
    case SB_FACT_INDEX: return tell(t, f, true, sb_format("index %s of %s is gone: %s", f->name, f->scope, f->value));
    case SB_FACT_TOPOLOGY: return tell(t, f, true, sb_format("%s left the set", f->name));
    default: return 0;
    }
}

static int tell_other(const struct telling *t, const struct sb_seen_fact *was, const struct sb_seen_fact *is)
{
    switch (is->kind) {
    case SB_FACT_INDEX: return tell(t, is, true, sb_format("index %s of %s is another one: %s, was %s", is->name, is->scope, is->value, was->value));
    case SB_FACT_VALIDATOR:
        return tell(t, is, true, !is->value[0] ? sb_format("the validator of %s was taken away", is->scope) : sb_format("the validator of %s was %s: %s", is->scope, was->value[0] ? "changed" : "set", is->value));
    case SB_FACT_PARAMETER: return tell(t, is, true, sb_format("parameter %s of %s is %s, was %s", is->name, is->scope, is->value, was->value));
    case SB_FACT_FCV: return tell(t, is, true, sb_format("the feature compatibility version is %s, was %s", is->value, was->value));
    case SB_FACT_TOPOLOGY: return tell(t, is, true, sb_format("%s is %s, was %s", is->name, is->value, was->value));
    case SB_FACT_VERSION: return tell(t, is, true, sb_format("%s runs version %s, was %s", is->scope, is->value, was->value));
    case SB_FACT_PROCESS: return tell(t, is, false, sb_format("%s was started again", is->scope));
    default: return 0;
    }
}

/* Whether there is still what a scope is about, as far as is known: a collection, or a member of the set. */
static bool is_there(const struct sb_setup *now, const struct sb_seen_fact *f)
{
    enum sb_fact_kind of = f->kind == SB_FACT_INDEX || f->kind == SB_FACT_VALIDATOR ? SB_FACT_COLLECTION : SB_FACT_TOPOLOGY;
    const struct sb_seen_fact mark = {of, (char *)(uintptr_t)"", (char *)(uintptr_t)"", (char *)(uintptr_t)""}, self = {of, mark.scope, f->scope, mark.value};
    return !f->scope[0] || !was_read(now, &mark) || find(now, &self);
}

/* What was not read this time stays as it was seen last: a member that is down at one look was started again at the next. Applications
 * stay known; of those that come no more the place is limited as all places are. */
static int keep(const struct sb_setup *before, struct sb_setup *now)
{
    size_t n = now->n;
    for (size_t i = 0; i < before->n; i++) {
        const struct sb_seen_fact *f = &before->fact[i];
        struct sb_setup sorted = {.fact = now->fact, .n = n};
        bool unread = !was_read(&sorted, f) && is_there(&sorted, f), client = f->kind == SB_FACT_CLIENT && f->name[0];
        if ((unread || client) && !find(&sorted, f) && sb_setup_add(now, f->kind, f->scope, f->name, f->value) && !now->full)
            return -1;
    }
    if (now->n)
        qsort(now->fact, now->n, sizeof *now->fact, order);
    return 0;
}

int sb_setup_compare(struct sb_setup *before, struct sb_setup *now, sb_alteration_fn fn, void *ctx)
{
    const struct telling t = {fn, ctx};
    int rc = 0;
    if (before->n)
        qsort(before->fact, before->n, sizeof *before->fact, order);
    if (now->n)
        qsort(now->fact, now->n, sizeof *now->fact, order);
    bool cut = before->full || now->full; /* what is missing may only have had no room */
    for (size_t i = 0; i < now->n && rc == 0; i++) {
        const struct sb_seen_fact *f = &now->fact[i], *was = f->name[0] ? find(before, f) : NULL;
        if (!f->name[0] || !was_read(before, f) || !was_read(now, f))
            continue;
        if (!was)
            rc = cut ? 0 : tell_new(&t, before, f);
        else if (strcmp(was->value, f->value) != 0)
            rc = tell_other(&t, was, f);
    }
    for (size_t i = 0; i < before->n && rc == 0 && !cut; i++) {
        const struct sb_seen_fact *f = &before->fact[i];
        if (f->name[0] && was_read(before, f) && was_read(now, f) && !find(now, f))
            rc = tell_gone(&t, f);
    }
    return keep(before, now) || rc ? -1 : 0;
}
