/* SPDX-License-Identifier: Apache-2.0
 *
 * What the applications do with a field, by the operations that were heard of; and the telling of all that depends on it. */
#include "schema_depends_private.h"

#include <signalbox/base/str.h>

#include <inttypes.h>
#include <string.h>

#define APPS 5 /* of a shape */

bool sb_depends_on_path(const char *path, const char *field)
{
    size_t n = field ? strlen(field) : 0, m = strlen(path);
    if (!field)
        return true;
    return (strncmp(path, field, n) == 0 && (!path[n] || path[n] == '.')) || (m && strncmp(field, path, m) == 0 && field[m] == '.');
}

int sb_depends_add(struct sb_depends *d, const char *source, const char *ns, const char *what, const char *value, const char *coverage, int64_t now)
{
    return sb_evidence_add(&d->item, &d->n, source, ns, what, value, coverage, now);
}

/* Does the operation ask for the field? As the filter, the sort, the projection, ... of it. NULL: no. */
static const char *asks(const struct sb_shape *s, const char *field)
{
    for (size_t i = 0; i < s->predicates_n; i++)
        if (s->predicates[i].path[0] && sb_depends_on_path(s->predicates[i].path, field))
            return "filters by it";
    for (size_t i = 0; i < s->sorts_n; i++)
        if (sb_depends_on_path(s->sorts[i].path, field))
            return "sorts by it";
    for (size_t i = 0; i < s->lookups_n; i++)
        if (s->lookups[i].local_field && sb_depends_on_path(s->lookups[i].local_field, field))
            return "joins by it";
    if (s->distinct[0] && sb_depends_on_path(s->distinct, field))
        return "counts its values";
    for (size_t i = 0; i < s->projected_n; i++)
        if (sb_depends_on_path(s->projected[i], field))
            return "returns it";
    return NULL;
}

/* Is the name written in the command, as a key? Of JSON that was logged; the last part of a path is enough. */
static bool named_in(const struct sb_work *w, const char *field)
{
    const char *text = (const char *)w->example.p;
    char key[256];
    snprintf(key, sizeof key, "\"%.200s\":", field);
    return text && w->example.n && w->example.form == SB_DOC_JSON && memmem(text, w->example.n, key, strlen(key)) != NULL;
}

static const char *uses(const struct sb_work *w, const char *field)
{
    const struct sb_shape *s = w->shape;
    bool writes = s->kind == SB_OP_UPDATE || s->kind == SB_OP_INSERT || s->kind == SB_OP_FIND_AND_MODIFY;
    if (!field)
        return writes || s->kind == SB_OP_REMOVE ? "writes" : "reads";
    const char *how = asks(s, field);
    return how ? how : writes && named_in(w, field) ? "writes it" : NULL;
}

static void add_age(struct sb_str *s, int64_t ms)
{
    if (ms < 120000)
        sb_str_addf(s, "%" PRId64 " s ago", ms > 0 ? ms / 1000 : 0);
    else if (ms < 7200000)
        sb_str_addf(s, "%" PRId64 " min ago", ms / 60000);
    else
        sb_str_addf(s, "%" PRId64 " h ago", ms / 3600000);
}

static int add_shape(struct sb_depends *out, const struct sb_work *w, const char *ns, const char *how, int64_t now)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_addf(&s, "%s%s%.200s%s%.100s %s: ", w->shape->op, w->shape->text[0] ? " " : "", w->shape->text, w->shape->sort[0] ? " sort " : "", w->shape->sort, how);
    for (size_t i = 0; i < w->apps.n && i < APPS; i++)
        sb_str_addf(&s, "%s%.*s", i ? ", " : "by ", (int)(w->apps.item[i].name_n < 80 ? w->apps.item[i].name_n : 80), w->apps.item[i].name);
    if (w->apps.n > APPS || w->apps.other)
        sb_str_adds(&s, " and others");
    sb_str_addf(&s, "%s%" PRIu64 " operations written down", w->apps.n ? ", " : "", w->sums.count);
    if (w->last_ms != SB_NO_TIME) {
        sb_str_adds(&s, ", last seen ");
        add_age(&s, now - w->last_ms);
    }
    int rc = sb_str_ok(&s) ? sb_depends_add(out, "what was heard of the operations", ns, w->shape->kind == SB_OP_UPDATE || w->shape->kind == SB_OP_INSERT ? "write" : "read", s.p, "measured", now) : -1;
    sb_str_release(&s);
    return rc;
}

int sb_depends_heard(const struct sb_workload *w, const char *ns, const char *field, int64_t now, struct sb_depends *out, struct sb_err *err)
{
    size_t n = w ? sb_workload_size(w) : 0, told = 0, more = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct sb_work *x = sb_workload_at(w, i);
        const char *how = sb_streq(x->ns, ns) && !x->shape->unknown ? uses(x, field) : NULL;
        if (how && ++told <= SB_DEPENDS_SHAPES)
            rc = add_shape(out, x, ns, how, now);
        more += how && told > SB_DEPENDS_SHAPES;
    }
    if (rc == 0 && (more || !told)) {
        char *text = more ? sb_format("%zu more kinds of operations", more) : sb_format("no operation that was written down uses it");
        rc = text ? sb_depends_add(out, "what was heard of the operations", ns, "operations", text, "measured", now) : -1;
        free(text);
    }
    return rc ? sb_fail_nomem(err) : 0;
}

char *sb_depends_tell(const struct sb_depends *d, const char *ns, const char *field)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_addf(&s, "On %s%s%s depend:", ns, field ? "." : "", field ? field : "");
    for (size_t i = 0; i < d->n; i++)
        sb_str_addf(&s, "\n  %s: %s%s", d->item[i].what, d->item[i].value, sb_streq(d->item[i].coverage, "blind") ? " (not told)" : "");
    sb_str_adds(&s, "\nOnly operations that were written down are known here: slow ones, profiled ones, those that ran when it was looked at. Who uses it otherwise the code has to say.");
    return sb_str_take(&s);
}

void sb_depends_release(struct sb_depends *d)
{
    for (size_t i = 0; i < d->n; i++)
        sb_record_release(&sb_evidence_schema, &d->item[i]);
    free(d->item);
    sb_reads_release(&d->reads);
    memset(d, 0, sizeof *d);
}
