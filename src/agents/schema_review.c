/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"

#include <signalbox/agents/schema_crowd.h>
#include <signalbox/agents/schema_index.h>
#include <signalbox/agents/schema_look.h>
#include <signalbox/agents/schema_review.h>

#include <inttypes.h>
#include <string.h>

#define FIELDS_TOLD 25
#define FINDINGS_TOLD 8
#define SENSITIVE_TOLD 20

struct telling {
    struct sb_str out, path;
    size_t told, fields; /* that were told, and met */
    size_t depth;
};

/* ---- fields ---- */

static void add_types(struct sb_str *out, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++)
        sb_str_addf(out, "%s%s", i ? " or " : "", sb_bson_type_name(types->item[i]->type));
}

static void tell_object(struct telling *t, const struct sb_seen_object *o);

static void tell_inside(struct telling *t, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *type = types->item[i];
        if (type->type == SB_BSON_OBJECT && type->of.object)
            tell_object(t, type->of.object);
        else if (type->type == SB_BSON_ARRAY && type->of.array)
            tell_inside(t, &type->of.array->types);
    }
}

/* "status (string, in 98 %)": of a field that all could have and have, no share. */
static void tell_field(struct telling *t, const struct sb_seen_field *f, uint64_t parents)
{
    char share[16];
    size_t before = t->path.len;
    sb_seen_path_add(&t->path, f, t->depth == 0);
    if (++t->fields <= FIELDS_TOLD) {
        sb_str_addf(&t->out, "%s%s (", t->told++ ? ", " : "", t->path.p);
        add_types(&t->out, &f->types);
        if (f->count < parents)
            sb_str_addf(&t->out, ", in %s", sb_schema_share(share, f->count, parents));
        sb_str_addc(&t->out, ')');
    }
    t->depth++;
    tell_inside(t, &f->types);
    t->depth--;
    sb_str_truncate(&t->path, before);
}

static void tell_object(struct telling *t, const struct sb_seen_object *o)
{
    for (size_t i = 0; i < o->n; i++)
        tell_field(t, o->field[i], o->count);
    if (o->rest)
        tell_field(t, o->rest, o->rest->count);
}

/* ---- how much was seen ---- */

static void add_source(struct sb_str *out, const struct sb_schema_coverage *c)
{
    static const char *const how[] = {"a walk through all of it", "$sample", "ranges of _id", "both ends of _id", "the first documents"};
    sb_str_addf(out, "%s on %s", how[c->how], c->member);
}

static void add_coverage(struct sb_str *out, const struct sb_schema_coverage *c)
{
    char share[16];
    bool by_lot = c->how == SB_COVERAGE_SAMPLE || c->how == SB_COVERAGE_RANGES;
    if (c->how == SB_COVERAGE_ALL)
        sb_str_adds(out, "measured");
    else if (by_lot && c->documents > 0)
        sb_str_addf(out, "sampled %s", sb_schema_share(share, (uint64_t)(c->sampled < c->documents ? c->sampled : c->documents), (uint64_t)c->documents));
    else
        sb_str_adds(out, "estimated");
}

static void tell_coverage(struct sb_str *out, const struct sb_schema_coverage *c)
{
    char share[16];
    if (c->how == SB_COVERAGE_ALL)
        sb_str_addf(out, "all %" PRId64 " documents were looked at", c->sampled);
    else if (c->documents > 0)
        sb_str_addf(out, "%" PRId64 " of %" PRId64 " documents were looked at (%s)", c->sampled, c->documents, sb_schema_share(share, (uint64_t)c->sampled, (uint64_t)c->documents));
    else
        sb_str_addf(out, "%" PRId64 " documents were looked at, of how many is not known", c->sampled);
    sb_str_adds(out, ", by ");
    add_source(out, c);
    if (c->how >= SB_COVERAGE_ENDS)
        sb_str_adds(out, ", which is no random sample");
    else if (c->how != SB_COVERAGE_ALL && c->sampled > 3) /* the rule of three: 95 % confidence */
        sb_str_addf(out, "; what fewer than %s have may not have been seen", sb_schema_share(share, 3, (uint64_t)c->sampled));
}

/* ---- findings ---- */

static void tell_findings(struct sb_str *out, const struct sb_schema_findings *f)
{
    size_t worth = 0, sensitive = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct sb_schema_finding *x = &f->item[i];
        if (!x->personal && ++worth <= FINDINGS_TOLD)
            sb_str_addf(out, "%s%s%s%s", worth == 1 ? " Worth a word: " : "; ", x->path, x->path[0] ? ": " : "", x->text);
    }
    if (worth > FINDINGS_TOLD)
        sb_str_addf(out, "; and %zu more", worth - FINDINGS_TOLD);
    sb_str_adds(out, worth ? "." : " Nothing about them is worth a word.");
    for (size_t i = 0; i < f->n; i++)
        if (f->item[i].personal && ++sensitive <= SENSITIVE_TOLD)
            sb_str_addf(out, "%s%s (%s)", sensitive == 1 ? " Personal data, suggested as sensitive to policy: " : ", ", f->item[i].path, f->item[i].personal);
    if (sensitive > SENSITIVE_TOLD)
        sb_str_addf(out, " and %zu more", sensitive - SENSITIVE_TOLD);
    sb_str_adds(out, sensitive ? "." : " No field looks like personal data.");
}

static int add_facts(struct sb_schema_said *out, const struct sb_schema_findings *f, const char *fields, const char *source, const char *ns, const char *coverage, int64_t at)
{
    int rc = sb_evidence_add(&out->evidence, &out->evidence_n, source, ns, "fields", fields, coverage, at);
    for (size_t i = 0; rc == 0 && i < f->n && i < SB_REVIEW_FINDINGS; i++) {
        const struct sb_schema_finding *x = &f->item[i];
        char *what = sb_format("%s%s%s", x->code, x->path[0] ? ", " : "", x->path);
        bool blind = strcmp(x->code, "blind") == 0;
        rc = what ? sb_evidence_add(&out->evidence, &out->evidence_n, blind ? "listIndexes" : source, ns, what, x->text, blind ? "blind" : coverage, at) : -1;
        free(what);
    }
    if (rc == 0 && f->n > SB_REVIEW_FINDINGS) {
        char *more = sb_format("%zu more", f->n - SB_REVIEW_FINDINGS);
        rc = more ? sb_evidence_add(&out->evidence, &out->evidence_n, source, ns, "findings", more, coverage, at) : -1;
        free(more);
    }
    return rc;
}

int sb_schema_tell(const struct sb_infer *in, const struct sb_schema_findings *findings, const char *ns, const struct sb_schema_coverage *cover, int64_t taken_at,
                   struct sb_schema_said *out, struct sb_err *err)
{
    struct telling t = {.told = 0};
    struct sb_str text, source, coverage;
    sb_str_init(&t.out);
    sb_str_init(&t.path);
    sb_str_init(&text);
    sb_str_init(&source);
    sb_str_init(&coverage);
    tell_object(&t, sb_infer_root(in));
    if (t.fields > t.told)
        sb_str_addf(&t.out, " and %zu more", t.fields - t.told);
    add_source(&source, cover);
    add_coverage(&coverage, cover);
    sb_str_addf(&text, "%s: ", ns);
    tell_coverage(&text, cover);
    if (cover->sampled) {
        sb_str_addf(&text, ". %zu field%s: %s.", t.fields, t.fields == 1 ? "" : "s", t.out.p);
        tell_findings(&text, findings);
        sb_str_addf(&text, " `signalbox schema %s` shows the whole tree.", ns);
    } else {
        sb_str_adds(&text, ": there is nothing to tell a schema from.");
    }
    int rc = sb_str_ok(&t.out) && sb_str_ok(&t.path) && sb_str_ok(&source) && sb_str_ok(&coverage)
                 ? add_facts(out, findings, t.fields ? t.out.p : "none", source.p, ns, coverage.p, taken_at)
                 : -1;
    if (rc || !(out->text = sb_str_take(&text)))
        rc = sb_fail_nomem(err);
    sb_str_release(&t.out);
    sb_str_release(&t.path);
    sb_str_release(&text);
    sb_str_release(&source);
    sb_str_release(&coverage);
    return rc;
}

static int look(const struct sb_infer *in, const struct sb_schema_findings *findings, const char *ns, const struct sb_schema_coverage *cover, int64_t taken_at, struct sb_schema_said *out,
                struct sb_err *err)
{
    struct sb_str coverage;
    sb_str_init(&coverage);
    tell_coverage(&coverage, cover);
    int rc = sb_str_ok(&coverage) ? sb_schema_look_make(in, findings, ns, taken_at, cover->how == SB_COVERAGE_ALL ? cover->sampled : cover->documents, coverage.p, &out->look, err) : sb_fail_nomem(err);
    sb_str_release(&coverage);
    return rc;
}

int sb_schema_review(const struct sb_server *server, const char *ns, int64_t taken_at, struct sb_schema_said *out, struct sb_err *err)
{
    struct sb_schema_findings findings = {.n = 0};
    struct sb_schema_coverage cover;
    *out = (struct sb_schema_said){.evidence_n = 0};
    struct sb_infer *in = sb_infer_new(err);
    int rc = in ? sb_schema_read(server, ns, SB_REVIEW_SAMPLE, in, &cover, NULL, NULL, &out->reads, err) : -1;
    if (rc == 0) {
        sb_infer_finish(in);
        rc = sb_schema_find(in, &findings, err) || sb_schema_find_live_indexes(server, ns, in, cover.how == SB_COVERAGE_ALL, &findings, &out->reads, err) ||
                     sb_schema_find_live_crowd(server, &findings, &out->reads, err) || sb_schema_tell(in, &findings, ns, &cover, taken_at, out, err) || look(in, &findings, ns, &cover, taken_at, out, err)
                 ? -1
                 : 0;
    }
    if (rc == 0 && out->reads.failed)
        rc = sb_fail_nomem(err);
    sb_schema_findings_release(&findings);
    sb_infer_free(in);
    return rc;
}

void sb_schema_said_release(struct sb_schema_said *said)
{
    free(said->text);
    for (size_t i = 0; i < said->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &said->evidence[i]);
    free(said->evidence);
    sb_reads_release(&said->reads);
    sb_record_release(&sb_schema_look_schema, &said->look);
    *said = (struct sb_schema_said){.evidence_n = 0};
}
