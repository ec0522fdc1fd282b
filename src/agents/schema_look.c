/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"

#include <signalbox/agents/schema_look.h>
#include <signalbox/base/array.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PPM 1000000
#define STEP_PPM 50000 /* presence has to have moved by more than this, and by more than sampling explains */

struct making {
    struct sb_schema_look *out;
    const struct sb_schema_findings *findings;
    struct sb_str path;
    int64_t depth;
    bool failed;
};

static int64_t share(uint64_t part, uint64_t whole)
{
    return whole ? (int64_t)((double)part / (double)whole * PPM + 0.5) : 0;
}

/* What was found about a field, in one text; NULL: nothing. */
static char *notes(struct making *m, size_t first)
{
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = first; i; i = m->findings->item[i - 1].next) {
        const struct sb_schema_finding *x = &m->findings->item[i - 1];
        if (x->personal)
            sb_str_addf(&s, "%spersonal data (%s)", s.len ? "; " : "", x->personal);
        else
            sb_str_addf(&s, "%s%s", s.len ? "; " : "", x->text);
    }
    m->failed = m->failed || !sb_str_ok(&s);
    if (s.len)
        return sb_str_take(&s);
    sb_str_release(&s);
    return NULL;
}

static void take_object(struct making *m, const struct sb_seen_object *o);

static void take_inside(struct making *m, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object) {
            m->depth++;
            take_object(m, t->of.object);
            m->depth--;
        } else if (t->type == SB_BSON_ARRAY && t->of.array) {
            take_inside(m, &t->of.array->types);
        }
    }
}

static void take_types(struct making *m, struct sb_look_field *f, const struct sb_seen_types *types, uint64_t parents)
{
    for (size_t i = 0; i < types->n; i++) {
        struct sb_look_type *t = SB_PUSH(f->types);
        if (!t || sb_str_set(&t->type, sb_bson_type_name(types->item[i]->type))) {
            m->failed = true;
            return;
        }
        t->ppm = share(types->item[i]->count, parents);
    }
}

static void take_field(struct making *m, const struct sb_seen_field *f, uint64_t parents)
{
    size_t before = m->path.len;
    sb_seen_path_add(&m->path, f, m->depth == 0);
    struct sb_look_field *x = m->out->fields_n < SB_LOOK_FIELDS_MOST ? SB_PUSH(m->out->fields) : NULL;
    if (x) {
        x->field = m->path.p ? sb_strdup_n(m->path.p, m->path.len) : NULL;
        x->name = sb_strdup_n(f->name, f->name_n);
        x->depth = m->depth;
        x->ppm = share(f->count, parents);
        x->note = notes(m, f->found);
        m->failed = m->failed || !x->field || !x->name;
        take_types(m, x, &f->types, parents);
    } else if (m->out->fields_n < SB_LOOK_FIELDS_MOST) {
        m->failed = true;
    } else {
        m->out->left_out++;
    }
    take_inside(m, &f->types);
    sb_str_truncate(&m->path, before);
}

static void take_object(struct making *m, const struct sb_seen_object *o)
{
    for (size_t i = 0; i < o->n && !m->failed; i++)
        take_field(m, o->field[i], o->count);
    if (o->rest && !m->failed)
        take_field(m, o->rest, o->rest->count);
}

int sb_schema_look_make(const struct sb_infer *in, const struct sb_schema_findings *findings, const char *ns, int64_t at, int64_t documents, const char *coverage, struct sb_schema_look *out,
                        struct sb_err *err)
{
    struct making m = {.out = out, .findings = findings};
    *out = (struct sb_schema_look){.at = at, .documents = documents, .sampled = (int64_t)sb_infer_root(in)->count};
    sb_str_init(&m.path);
    m.failed = sb_str_set(&out->ns, ns) || sb_str_set(&out->coverage, coverage);
    out->note = notes(&m, findings->found);
    take_object(&m, sb_infer_root(in));
    m.failed = m.failed || !sb_str_ok(&m.path);
    sb_str_release(&m.path);
    return m.failed ? sb_fail_nomem(err) : 0;
}

/* ---- what is different ---- */

static const struct sb_look_field *field_of(const struct sb_schema_look *l, const char *path)
{
    for (size_t i = 0; i < l->fields_n; i++)
        if (sb_streq(l->fields[i].field, path))
            return &l->fields[i];
    return NULL;
}

static const struct sb_look_type *type_of(const struct sb_look_field *f, const char *type)
{
    for (size_t i = 0; i < f->types_n; i++)
        if (sb_streq(f->types[i].type, type))
            return &f->types[i];
    return NULL;
}

static bool saw_all(const struct sb_schema_look *l)
{
    return l->documents >= 0 && l->sampled >= l->documents;
}

/* Could a share of this much have been missed by chance? Where all was seen nothing was; else what is below the rule of three may. */
static bool can_hide(const struct sb_schema_look *l, int64_t ppm)
{
    return !saw_all(l) && (l->sampled <= 3 || ppm < 3 * INT64_C(1000000) / l->sampled);
}

static bool moved(const struct sb_schema_look *before, const struct sb_look_field *was, const struct sb_schema_look *now, const struct sb_look_field *is)
{
    int64_t by = was->ppm > is->ppm ? was->ppm - is->ppm : is->ppm - was->ppm;
    double low_was, high_was, low_is, high_is;
    if (by <= STEP_PPM)
        return false;
    if (saw_all(before) && saw_all(now))
        return true;
    sb_share_interval((uint64_t)(was->ppm / 1e6 * (double)before->sampled), (uint64_t)before->sampled, &low_was, &high_was);
    sb_share_interval((uint64_t)(is->ppm / 1e6 * (double)now->sampled), (uint64_t)now->sampled, &low_is, &high_is);
    return high_was < low_is || high_is < low_was;
}

static int compare_field(const struct sb_schema_look *before, const struct sb_look_field *was, const struct sb_schema_look *now, struct sb_look_field *is)
{
    struct sb_str s;
    sb_str_init(&s);
    if (!was)
        sb_str_addf(&s, "new%s", can_hide(before, is->ppm) ? " (or not seen before)" : "");
    for (size_t i = 0; was && i < is->types_n; i++)
        if (!type_of(was, is->types[i].type))
            sb_str_addf(&s, "%snow also %s%s", s.len ? "; " : "", is->types[i].type, can_hide(before, is->types[i].ppm) ? " (or not seen before)" : "");
    for (size_t i = 0; was && i < was->types_n; i++)
        if (!type_of(is, was->types[i].type))
            sb_str_addf(&s, "%sno %s any more%s", s.len ? "; " : "", was->types[i].type, can_hide(now, was->types[i].ppm) ? " (or not seen)" : "");
    if (was && moved(before, was, now, is))
        sb_str_addf(&s, "%sin %" PRId64 " %%, was %" PRId64 " %%", s.len ? "; " : "", (is->ppm + 5000) / 10000, (was->ppm + 5000) / 10000);
    if (!sb_str_ok(&s)) {
        sb_str_release(&s);
        return -1;
    }
    free(is->drift);
    is->drift = s.len ? sb_str_take(&s) : NULL;
    sb_str_release(&s);
    return 0;
}

int sb_schema_look_compare(const struct sb_schema_look *before, struct sb_schema_look *now, struct sb_err *err)
{
    int rc = 0;
    now->before_at = before->at;
    for (size_t i = 0; i < now->fields_n && rc == 0; i++) {
        const struct sb_look_field *was = field_of(before, now->fields[i].field);
        if (was || before->left_out == 0) /* else it may be one of those that were not kept */
            rc = compare_field(before, was, now, &now->fields[i]);
    }
    for (size_t i = 0; i < before->fields_n && rc == 0 && now->left_out == 0; i++)
        if (!field_of(now, before->fields[i].field)) {
            char *text = can_hide(now, before->fields[i].ppm) ? sb_format("%s (or not seen)", before->fields[i].field) : sb_format("%s", before->fields[i].field);
            rc = !text || sb_strs_push(&now->gone, &now->gone_n, text);
            free(text);
        }
    return rc ? sb_fail_nomem(err) : 0;
}
