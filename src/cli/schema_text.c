/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_text.c - a schema for people: the tree of fields, how many of the documents have each, and of which types. */
#include "schema.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/term/page.h>

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>

#define WIDTH 80
#define BAR 10
#define NAME_WIDTH 30
#define BAR_AT (NAME_WIDTH + 1)
#define TYPES_AT (BAR_AT + BAR + 8)
#define MAX_LINES 4000
#define MAX_INDENT 16
#define MAX_SENSITIVE 100

struct drawing {
    const struct sb_schema_report *r;
    struct sb_page page;
    uint64_t left_out; /* fields beyond MAX_LINES */
};

/* ---- figures ---- */

static const char *grouped(char out[32], uint64_t v)
{
    char digits[24], *to = out;
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

static const char *size(char out[32], double bytes)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t i = 0;
    while (bytes >= 1023.5 && i + 1 < SB_COUNT(unit)) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, 32, i ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
    return out;
}

/* A share in at most 7 cells, which never looks like all or none when it is neither. `gap` stands before the sign: none in a
 * list, so that it is not broken there. */
static const char *share_of(char out[16], double share, const char *gap)
{
    double v = share * 100;
    if (share >= 1)
        snprintf(out, 16, "100%s%%", gap);
    else if (v > 99.9)
        snprintf(out, 16, ">99.9%s%%", gap);
    else if (share > 0 && v < 0.1)
        snprintf(out, 16, "<0.1%s%%", gap);
    else
        snprintf(out, 16, v < 10 || v > 99 ? "%.1f%s%%" : "%.0f%s%%", v, gap);
    return out;
}

const char *sb_schema_percent(char out[16], double share)
{
    return share_of(out, share, " ");
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* ---- types ---- */

static void add_types(struct sb_str *out, const struct sb_seen_types *types, uint64_t all, int depth)
{
    char text[16];
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        sb_str_addf(out, "%s%s", i ? ", " : "", sb_bson_type_name(t->type));
        if (t->type == SB_BSON_ARRAY && t->of.array && t->of.array->types.n && depth < 3) {
            const struct sb_seen_array *a = t->of.array;
            bool several = a->types.n > 1;
            sb_str_adds(out, several ? " of (" : " of ");
            add_types(out, &a->types, a->elements, depth + 1);
            sb_str_adds(out, several ? ")" : "");
        }
        if (types->n > 1)
            sb_str_addf(out, " %s", share_of(text, ratio(t->count, all), ""));
    }
}

static void add_detail(struct sb_str *out, const char *fmt, ...) SB_PRINTF(2, 3);

static void add_detail(struct sb_str *out, const char *fmt, ...)
{
    va_list ap;
    sb_str_adds(out, !out->len || (out->len > 1 && out->p[out->len - 2] == ':') ? "" : "; ");
    va_start(ap, fmt);
    sb_str_vaddf(out, fmt, ap);
    va_end(ap);
}

static void add_sizes(struct sb_str *out, const struct sb_seen_sizes *s, const char *what)
{
    char a[32], b[32];
    if (s->least == s->most)
        add_detail(out, "%s %s%s", grouped(a, s->least), what, s->least == 1 ? "" : "s");
    else
        add_detail(out, "%s to %s %ss, mean %.1f", grouped(a, s->least), grouped(b, s->most), what, (double)s->sum / (double)s->count);
}

static void add_range(struct sb_str *out, const struct sb_seen_type *t)
{
    char a[SB_TIME_LEN + 1], b[SB_TIME_LEN + 1];
    const struct sb_seen_range *r = t->of.range;
    if (t->type == SB_BSON_DATE) {
        sb_time_format(a, r->least);
        sb_time_format(b, r->most);
        bool days = r->least % 86400000 == 0 && r->most % 86400000 == 0;
        add_detail(out, "%.*s to %.*s", days ? 10 : 16, a, days ? 10 : 16, b);
    } else if (t->type == SB_BSON_INT || t->type == SB_BSON_LONG) {
        if (r->least == r->most)
            add_detail(out, "always %" PRId64, r->least);
        else
            add_detail(out, "%" PRId64 " to %" PRId64, r->least, r->most);
    } else if (r->least_real == r->most_real) {
        add_detail(out, "always %.6g", r->least_real);
    } else {
        add_detail(out, "%.6g to %.6g", r->least_real, r->most_real);
    }
}

/* The values, when they are few and each is there several times. */
static bool add_values(struct sb_str *out, const struct sb_seen_type *t)
{
    const struct sb_seen_values *v = t->values;
    char text[16];
    if (!v || v->n < 1 || t->type == SB_BSON_BOOL || t->count < 3 * v->n)
        return false;
    struct sb_str list;
    sb_str_init(&list);
    for (size_t i = 0; i < v->n; i++) {
        const char *quote = t->type == SB_BSON_STRING ? "\"" : "";
        sb_str_addf(&list, "%s%s", i ? ", " : "", quote);
        sb_str_add(&list, v->item[i].text, v->item[i].n);
        sb_str_adds(&list, quote);
        if (v->n > 1)
            sb_str_addf(&list, " %s", share_of(text, ratio(v->item[i].count, t->count), ""));
    }
    add_detail(out, v->n == 1 ? "always %s" : "one of %s", list.p);
    if (list.failed)
        out->failed = true;
    sb_str_release(&list);
    return true;
}

static void add_type_details(struct sb_str *out, const struct sb_seen_types *types, bool personal)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        bool told = t->type != SB_BSON_OBJECT && (t->type == SB_BSON_STRING || t->type == SB_BSON_ARRAY || !personal) && t->of.range;
        if (told && types->n > 1)
            sb_str_addf(out, "%s%s: ", out->len ? "; " : "", sb_bson_type_name(t->type));
        if (t->type == SB_BSON_ARRAY && t->of.array) {
            add_sizes(out, &t->of.array->length, "element");
            add_type_details(out, &t->of.array->types, personal);
        } else if (t->type == SB_BSON_OBJECT || t->type == SB_BSON_ARRAY || (!personal && add_values(out, t))) {
            continue;
        } else if (t->type == SB_BSON_STRING && t->of.text) {
            add_sizes(out, &t->of.text->length, "character");
        } else if (t->of.range && !personal) {
            add_range(out, t);
        }
    }
}

/* ---- fields ---- */

static void wrapped(struct drawing *d, int indent, enum sb_role role, const char *mark, const char *text)
{
    sb_page_line(&d->page);
    sb_page_tab(&d->page, indent);
    sb_page_text(&d->page, role, mark);
    sb_page_wrap(&d->page, role, indent + (int)strlen(mark), text);
}

static bool is_personal(const struct drawing *d, const struct sb_seen_field *f)
{
    for (size_t i = f->found; i; i = d->r->findings.item[i - 1].next)
        if (d->r->findings.item[i - 1].personal)
            return true;
    return false;
}

static void draw_object(struct drawing *d, const struct sb_seen_object *o, int level);

static void draw_inside(struct drawing *d, const struct sb_seen_types *types, int level)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object)
            draw_object(d, t->of.object, level);
        else if (t->type == SB_BSON_ARRAY && t->of.array)
            draw_inside(d, &t->of.array->types, level);
    }
}

static bool holds_objects(const struct sb_seen_types *types, bool in_array)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if ((t->type == SB_BSON_OBJECT && in_array) || (t->type == SB_BSON_ARRAY && t->of.array && holds_objects(&t->of.array->types, true)))
            return true;
    }
    return false;
}

static void draw_details(struct drawing *d, const struct sb_seen_field *f, uint64_t parents, bool is_rest, int indent)
{
    struct sb_str text;
    char a[16], b[16];
    double low, high;
    sb_str_init(&text);
    add_type_details(&text, &f->types, is_personal(d, f));
    if (!d->r->complete && !is_rest && f->count < parents && f->count * 20 < parents) {
        sb_share_interval(f->count, parents, &low, &high);
        add_detail(&text, "rare: %s to %s have it, with 95 %% confidence", sb_schema_percent(a, low), sb_schema_percent(b, high));
    }
    if (text.len)
        wrapped(d, indent, SB_ROLE_DIM, "", text.p);
    for (size_t i = f->found; i; i = d->r->findings.item[i - 1].next)
        wrapped(d, indent, SB_ROLE_MEDIUM, "! ", d->r->findings.item[i - 1].text);
    d->page.failed = d->page.failed || text.failed;
    sb_str_release(&text);
}

static void draw_field(struct drawing *d, const struct sb_seen_field *f, uint64_t parents, bool is_rest, int level)
{
    struct sb_page *p = &d->page;
    struct sb_str text;
    char share[16], values[32];
    int indent = level * 2 < MAX_INDENT ? level * 2 : MAX_INDENT;
    if (p->row_n >= MAX_LINES) {
        d->left_out++;
        draw_inside(d, &f->types, level + 1);
        return;
    }
    sb_str_init(&text);
    sb_str_add(&text, f->name, f->name_n < 200 ? f->name_n : 200);
    if (f->name_n == 0)
        sb_str_adds(&text, "\"\"");
    if (holds_objects(&f->types, false))
        sb_str_adds(&text, "[]");
    sb_page_line(p);
    sb_page_tab(p, indent);
    sb_page_field(p, SB_ROLE_TEXT, NAME_WIDTH - indent, text.p);
    sb_page_tab(p, BAR_AT);
    if (is_rest) {
        sb_page_fieldf(p, SB_ROLE_DIM, BAR + 7, "%s values", grouped(values, f->count));
    } else {
        sb_page_bar(p, BAR, (int64_t)(ratio(f->count, parents) * 1000 + 0.5), 1000);
        sb_page_fieldf(p, SB_ROLE_TEXT, -7, "%s", sb_schema_percent(share, ratio(f->count, parents)));
    }
    sb_str_clear(&text);
    add_types(&text, &f->types, is_rest ? f->count : parents, 0);
    sb_page_tab(p, TYPES_AT);
    sb_page_wrap(p, SB_ROLE_TEXT, TYPES_AT, text.p);
    p->failed = p->failed || text.failed;
    sb_str_release(&text);
    draw_details(d, f, parents, is_rest, indent + 2);
    draw_inside(d, &f->types, level + 1);
}

static void draw_object(struct drawing *d, const struct sb_seen_object *o, int level)
{
    for (size_t i = 0; i < o->n; i++)
        draw_field(d, o->field[i], o->count, false, level);
    if (o->rest)
        draw_field(d, o->rest, o->count, true, level);
}

/* ---- around them ---- */

static void draw_coverage(struct drawing *d)
{
    const struct sb_schema_report *r = d->r;
    char a[32], b[32], share[16];
    sb_page_line(&d->page);
    if (r->complete && r->cut)
        sb_page_wrapf(&d->page, SB_ROLE_MEDIUM, 2, "  the first %s documents, behind which it cannot be read,", grouped(a, (uint64_t)r->sampled));
    else if (r->complete)
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, r->sampled == 1 ? "  the one document" : "  all %s documents", grouped(a, (uint64_t)r->sampled));
    else if (r->documents > 0)
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, "  %s of %s documents (%s)", grouped(a, (uint64_t)r->sampled), grouped(b, (uint64_t)r->documents),
                      sb_schema_percent(share, ratio((uint64_t)r->sampled, (uint64_t)r->documents)));
    else
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, "  %s documents, of how many is not known", grouped(a, (uint64_t)r->sampled));
    if (r->file) {
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, " of %s%s", strcmp(r->file, "-") == 0 ? "standard input" : r->file, r->complete ? "" : ", drawn by lot");
    } else {
        static const char *const how[] = {"every one", "by $sample", "by ranges of _id", "from both ends of _id", "the first ones: NOT a random sample"};
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, ", %s, on %s", how[r->cover.how], r->cover.member);
        if (r->cover.note[0])
            wrapped(d, 2, SB_ROLE_DIM, "", r->cover.note);
    }
    if (r->damaged) {
        sb_page_line(&d->page);
        sb_page_textf(&d->page, SB_ROLE_MEDIUM, "  %s damaged documents were left out", grouped(a, (uint64_t)r->damaged));
    }
}

static void draw_head(struct drawing *d)
{
    const struct sb_schema_report *r = d->r;
    const struct sb_infer_totals *t = sb_infer_totals(r->in);
    char a[32], b[32], c[32], share[16];
    sb_page_line(&d->page);
    sb_page_text(&d->page, SB_ROLE_TITLE, strcmp(r->ns, "-") == 0 ? "standard input" : r->ns);
    draw_coverage(d);
    if (t->size.count == 0)
        return;
    sb_page_line(&d->page);
    sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, "  %s field%s; documents of %s", grouped(a, t->paths), t->paths == 1 ? "" : "s", size(b, (double)t->size.least));
    if (t->size.least == t->size.most)
        sb_page_wrap(&d->page, SB_ROLE_TEXT, 2, " each");
    else
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, " to %s, mean %s", size(b, (double)t->size.most), size(c, (double)t->size.sum / (double)t->size.count));
    if (!r->complete && r->sampled) {
        sb_page_line(&d->page);
        sb_page_wrapf(&d->page, SB_ROLE_TEXT, 2, "  what fewer than %s of the documents have may not have been seen", sb_schema_percent(share, fmin(1, 3.0 / (double)r->sampled)));
    }
    sb_page_line(&d->page);
    sb_page_line(&d->page);
    sb_page_field(&d->page, SB_ROLE_DIM, BAR_AT, "FIELD");
    sb_page_field(&d->page, SB_ROLE_DIM, TYPES_AT - BAR_AT, "PRESENT");
    sb_page_text(&d->page, SB_ROLE_DIM, "TYPES");
}

static void section(struct drawing *d, const char *title)
{
    sb_page_line(&d->page);
    sb_page_line(&d->page);
    sb_page_text(&d->page, SB_ROLE_TITLE, title);
}

/* The names, each once, as a bundle has them. */
static void draw_for_policy(struct drawing *d)
{
    const struct sb_schema_findings *f = &d->r->findings;
    const char *names[MAX_SENSITIVE];
    struct sb_str line;
    size_t n = 0;
    sb_str_init(&line);
    for (size_t i = 0; i < f->n && n < MAX_SENSITIVE; i++) {
        bool again = !f->item[i].personal;
        for (size_t k = 0; k < n && !again; k++)
            again = strcmp(names[k], f->item[i].field->name) == 0;
        if (again)
            continue;
        names[n++] = f->item[i].field->name;
        sb_str_addf(&line, "%s\"%s\"", n > 1 ? ", " : "In a policy bundle: \"sensitive\": [", names[n - 1]);
    }
    sb_str_addc(&line, ']');
    wrapped(d, 2, SB_ROLE_DIM, "", line.p);
    d->page.failed = d->page.failed || line.failed;
    sb_str_release(&line);
}

static void draw_review(struct drawing *d)
{
    const struct sb_schema_findings *f = &d->r->findings;
    size_t told = 0, all = 0;
    char a[32];
    if (f->found)
        section(d, "THE COLLECTION");
    for (size_t i = f->found; i; i = f->item[i - 1].next)
        wrapped(d, 2, SB_ROLE_TEXT, "! ", f->item[i - 1].text);
    for (size_t i = 0; i < f->n; i++) {
        if (!f->item[i].personal || ++all > MAX_SENSITIVE)
            continue;
        if (told++ == 0)
            section(d, "SUGGESTED SENSITIVE FIELDS");
        sb_page_line(&d->page);
        sb_page_tab(&d->page, 2);
        sb_page_field(&d->page, SB_ROLE_TEXT, TYPES_AT - 3, f->item[i].path);
        sb_page_tab(&d->page, TYPES_AT);
        sb_page_text(&d->page, SB_ROLE_TEXT, f->item[i].personal);
    }
    if (all > told) {
        sb_page_line(&d->page);
        sb_page_textf(&d->page, SB_ROLE_TEXT, "  and %s more: --json has them all", grouped(a, all - told));
    }
    if (told)
        draw_for_policy(d);
}

/* Whether the terminal, or whatever reads this, takes more than ASCII. */
static bool ascii_only(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

int sb_schema_text(const struct sb_schema_report *r, struct sb_err *err)
{
    struct drawing d = {.r = r};
    struct sb_str out;
    char a[32];
    sb_str_init(&out);
    sb_page_init(&d.page);
    sb_page_start(&d.page, WIDTH, ascii_only());
    draw_head(&d);
    draw_object(&d, sb_infer_root(r->in), 0);
    if (d.left_out) {
        sb_page_line(&d.page);
        sb_page_textf(&d.page, SB_ROLE_TEXT, "%s more fields: --json has them all", grouped(a, d.left_out));
    }
    draw_review(&d);
    bool failed = r->validated && sb_schema_validator_draw(r, &d.page);
    if (r->drift)
        sb_schema_drift_draw(r->drift, &d.page);
    for (size_t i = 0; i < d.page.row_n; i++) {
        size_t from = out.len;
        sb_page_row_text(&d.page, i, &out);
        while (out.len > from && out.p[out.len - 1] == ' ')
            sb_str_truncate(&out, out.len - 1);
        sb_str_addc(&out, '\n');
    }
    int rc = failed || d.page.failed || !sb_str_ok(&out) ? sb_fail_nomem(err) : sb_print("%s", out.p) ? sb_fail(err, SB_EIO, "the schema could not be written to standard output") : 0;
    sb_page_release(&d.page);
    sb_str_release(&out);
    return rc;
}
