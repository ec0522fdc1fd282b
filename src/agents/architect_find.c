/* SPDX-License-Identifier: Apache-2.0
 *
 * What is worth a word about a schema: each with the figures that it rests on, and nothing where these are thin. */
#include "architect.h"

#include <signalbox/base/array.h>

#include <inttypes.h>

#define LONG_ARRAY 1000
#define LARGE_DOCUMENT (UINT64_C(4) << 20)
#define BLOATED_DOCUMENT (UINT64_C(256) << 10)
#define DEEP 20
#define MANY_FIELDS 500
#define REPEATED_OBJECTS 200 /* at least, */
#define REPEATED_FIELDS 3    /* with so many fields */
#define REPEATED_TIMES 20    /* each of whose values stands in so many of them, in the mean */

struct search {
    const struct sb_infer *in;
    struct sb_schema_findings *out;
    struct sb_str path;
    int level; /* objects around the field; 0: it is one of the document itself */
    bool failed;
};

/* A field under the objects that could have it. */
struct place {
    struct sb_seen_field *field;
    uint64_t parents;
};

static void find(struct search *s, struct sb_seen_field *field, const char *code, const char *personal, const char *fmt, ...) SB_PRINTF(5, 6);

static void find(struct search *s, struct sb_seen_field *field, const char *code, const char *personal, const char *fmt, ...)
{
    struct sb_schema_findings *out = s->out;
    struct sb_str text;
    va_list ap;
    if (s->failed)
        return;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    char *sentence = sb_str_take(&text), *path = sb_strdup_n(field ? s->path.p : "", field ? s->path.len : 0);
    if (!sentence || !path || SB_GROW(out->item, out->cap, out->n + 1)) {
        free(sentence);
        free(path);
        s->failed = true;
        return;
    }
    out->item[out->n++] = (struct sb_schema_finding){field, code, personal, path, sentence, 0};
    size_t *link = field ? &field->found : &out->found;
    while (*link)
        link = &out->item[*link - 1].next;
    *link = out->n;
}

static uint64_t count_of(const struct sb_seen_types *types, uint8_t type)
{
    const struct sb_seen_type *t = sb_seen_type_in(types, type);
    return t ? t->count : 0;
}

/* ---- types ---- */

static void list_types(struct sb_str *out, const struct sb_seen_types *types, uint64_t all)
{
    char percent[16];
    bool first = true;
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_NULL || t->type == SB_BSON_UNDEFINED)
            continue;
        sb_str_addf(out, "%s%s in %s (%" PRIu64 ")", first ? "" : ", ", sb_bson_type_name(t->type), sb_schema_share(percent, t->count, all), t->count);
        first = false;
    }
}

static void look_at_types(struct search *s, const struct place *at)
{
    const struct sb_seen_types *types = &at->field->types;
    size_t real = 0, numbers = 0;
    for (size_t i = 0; i < types->n; i++) {
        uint8_t type = types->item[i]->type;
        real += type != SB_BSON_NULL && type != SB_BSON_UNDEFINED;
        numbers += sb_bson_is_number(type);
    }
    if (real < 2)
        return;
    struct sb_str list;
    sb_str_init(&list);
    list_types(&list, types, at->field->count);
    if (real == numbers)
        find(s, at->field, "mixed_numbers", NULL, "numbers of several types: %s", list.p);
    else if (real == 2 && sb_seen_type_in(types, SB_BSON_ARRAY))
        find(s, at->field, "array_or_single", NULL, "now an array, now a single value: %s", list.p);
    else
        find(s, at->field, "mixed_types", NULL, "several types: %s", list.p);
    s->failed = s->failed || !sb_str_ok(&list);
    sb_str_release(&list);
}

static void look_at_absence(struct search *s, const struct place *at)
{
    char a[16], b[16];
    uint64_t nulls = count_of(&at->field->types, SB_BSON_NULL), missing = at->parents - at->field->count;
    if (at->parents > at->field->count && nulls)
        find(s, at->field, "null_and_missing", NULL, "null in %s and missing in %s: {$eq: null} finds both", sb_schema_share(a, nulls, at->parents),
             sb_schema_share(b, missing, at->parents));
    uint64_t old = count_of(&at->field->types, SB_BSON_UNDEFINED) + count_of(&at->field->types, SB_BSON_SYMBOL) + count_of(&at->field->types, SB_BSON_DB_POINTER) +
                   count_of(&at->field->types, SB_BSON_CODE_SCOPE);
    if (old)
        find(s, at->field, "deprecated_type", NULL, "%" PRIu64 " values of a type that is deprecated (undefined, symbol, dbPointer or javascriptWithScope)", old);
}

/* ---- what texts are ---- */

static void look_at_texts(struct search *s, const struct place *at, const struct sb_seen_types *types)
{
    char percent[16], sentence[160];
    const char *kind = sb_schema_personal(at->field, types, sentence, sizeof sentence);
    if (kind) {
        find(s, at->field, "personal_data", kind, "%s", sentence);
        return;
    }
    const struct sb_seen_type *texts = sb_seen_type_in(types, SB_BSON_STRING);
    if (!texts || !texts->of.text || texts->count < SB_SCHEMA_MIN_TEXTS)
        return;
    uint64_t dates = texts->of.text->kinds[SB_TEXT_DATE], numbers = texts->of.text->kinds[SB_TEXT_NUMBER], ids = texts->of.text->kinds[SB_TEXT_OBJECT_ID];
    if (dates * 10 >= texts->count * 9)
        find(s, at->field, "dates_in_strings", NULL, "dates kept as strings (%s of them): they take more room, and sort and compare as texts",
             sb_schema_share(percent, dates, texts->count));
    else if (numbers * 10 >= texts->count * 9)
        find(s, at->field, "numbers_in_strings", NULL, "numbers kept as strings (%s of them): \"10\" sorts before \"9\"", sb_schema_share(percent, numbers, texts->count));
    else if (ids * 10 >= texts->count * 9)
        find(s, at->field, "ids_in_strings", NULL, "ObjectIds kept as strings (%s of them): a $lookup to an _id finds none", sb_schema_share(percent, ids, texts->count));
}

/* ---- sizes and names ---- */

static void look_at_arrays(struct search *s, const struct place *at)
{
    const struct sb_seen_type *t = sb_seen_type_in(&at->field->types, SB_BSON_ARRAY);
    if (!t || !t->of.array || t->of.array->length.most < LONG_ARRAY)
        return;
    const struct sb_seen_sizes *n = &t->of.array->length;
    find(s, at->field, "unbounded_array", NULL,
         "an array of up to %" PRIu64 " elements (mean %.1f, 99 %% have at most %" PRIu64 "): give it an end ($push with $slice), or a collection of its own (outlier or bucket pattern)",
         n->most, (double)n->sum / (double)n->count, sb_sizes_below(n, 0.99));
}

/* An object whose fields have the same few values over and over: the same data in many documents. */
static void look_at_repeats(struct search *s, const struct place *at)
{
    const struct sb_seen_type *t = sb_seen_type_in(&at->field->types, SB_BSON_OBJECT);
    const struct sb_seen_object *o = t ? t->of.object : NULL;
    size_t few = 0, most = 0;
    if (!o || o->count < REPEATED_OBJECTS || o->rest || o->unlisted || o->n < REPEATED_FIELDS)
        return;
    for (size_t i = 0; i < o->n; i++) {
        const struct sb_seen_types *types = &o->field[i]->types;
        const struct sb_seen_values *v = types->n == 1 ? types->item[0]->values : NULL;
        if (!v || v->n < 2 || o->field[i]->count < v->n * REPEATED_TIMES)
            return;
        few++;
        most = v->n > most ? v->n : most;
    }
    find(s, at->field, "repeated_objects", NULL,
         "%" PRIu64 " objects of %zu fields, none of which has more than %zu different values: the same data stands in many documents. Where it changes it has to change in all of them: keep it once, in a collection of its own, and the "
         "reference here",
         o->count, few, most);
}

static void look_at_name(struct search *s, const struct place *at)
{
    struct sb_seen_field *f = at->field;
    const char *what = f->name_n == 0                        ? "an empty name"
                       : f->name[0] == '$'                   ? "a name that begins with a dollar"
                       : memchr(f->name, '.', f->name_n)     ? "a name with a dot"
                       : f->full_n > f->name_n               ? "a name that is longer than what is shown of it"
                       : !sb_utf8_valid(f->name, f->name_n)  ? "a name that is not UTF-8"
                                                             : NULL;
    if (what && f->full_n > f->name_n)
        find(s, f, "odd_name", NULL, "%s (%zu bytes)", what, f->full_n);
    else if (what)
        find(s, f, "odd_name", NULL, "%s: queries and updates reach it by $getField and $setField only", what);
}

static void plain_name(const struct sb_seen_field *f, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < f->name_n && n < 63; i++) {
        char c = f->name[i];
        if (c == '_' || c == '-' || c == ' ')
            continue;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
}

struct plain {
    char name[64];
    struct sb_seen_field *field;
};

static int by_plain(const void *a, const void *b)
{
    const struct plain *x = a, *y = b;
    int diff = strcmp(x->name, y->name);
    return diff ? diff : x->field->count < y->field->count ? 1 : x->field->count > y->field->count ? -1 : strcmp(x->field->name, y->field->name);
}

/* customer_name beside customerName: the rarer one is told of the more frequent one. */
static void look_for_twins(struct search *s, const struct sb_seen_object *o)
{
    char a[16], b[16];
    struct plain *all = o->n > 1 ? calloc(o->n, sizeof *all) : NULL;
    if (!all) {
        s->failed = s->failed || o->n > 1;
        return;
    }
    for (size_t i = 0; i < o->n; i++) {
        plain_name(o->field[i], all[i].name);
        all[i].field = o->field[i];
    }
    qsort(all, o->n, sizeof *all, by_plain);
    for (size_t i = 1, first = 0; i < o->n; i++) {
        if (strcmp(all[i].name, all[first].name) != 0 || !all[i].name[0] || all[i].field->full_n >= 64 || all[first].field->full_n >= 64) {
            first = i;
            continue;
        }
        size_t before = s->path.len;
        sb_seen_path_add(&s->path, all[i].field, s->level == 0);
        find(s, all[i].field, "naming_twins", NULL, "a twin of %s: that one is in %s, this one in %s", all[first].field->name,
             sb_schema_share(a, all[first].field->count, o->count), sb_schema_share(b, all[i].field->count, o->count));
        sb_str_truncate(&s->path, before);
    }
    free(all);
}

/* ---- the tree ---- */

static void look_at_object(struct search *s, const struct sb_seen_object *o);

static void look_inside(struct search *s, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object)
            look_at_object(s, t->of.object);
        else if (t->type == SB_BSON_ARRAY && t->of.array)
            look_inside(s, &t->of.array->types);
    }
}

static void look_at_field(struct search *s, const struct place *at, bool is_rest)
{
    size_t before = s->path.len;
    sb_seen_path_add(&s->path, at->field, s->level == 0);
    const struct sb_seen_type *array = sb_seen_type_in(&at->field->types, SB_BSON_ARRAY);
    look_at_types(s, at);
    if (!is_rest) {
        look_at_absence(s, at);
        look_at_name(s, at);
    }
    look_at_texts(s, at, array && array->of.array && !sb_seen_type_in(&at->field->types, SB_BSON_STRING) ? &array->of.array->types : &at->field->types);
    look_at_arrays(s, at);
    look_at_repeats(s, at);
    s->level++;
    look_inside(s, &at->field->types);
    s->level--;
    s->failed = s->failed || !sb_str_ok(&s->path);
    sb_str_truncate(&s->path, before);
}

static void look_at_object(struct search *s, const struct sb_seen_object *o)
{
    look_for_twins(s, o);
    for (size_t i = 0; i < o->n; i++)
        look_at_field(s, &(struct place){o->field[i], o->count}, false);
    if (!o->rest)
        return;
    size_t before = s->path.len;
    sb_seen_path_add(&s->path, o->rest, s->level == 0);
    find(s, o->rest, "keys_as_data", NULL,
         "names that are data (%s%" PRIu64 " of them) are folded into this one: an array of {k, v} could be indexed (attribute pattern)",
         o->rest_names < o->rest->count ? "at least " : "", o->rest_names);
    sb_str_truncate(&s->path, before);
    look_at_field(s, &(struct place){o->rest, o->rest->count}, true);
}

static void look_at_whole(struct search *s)
{
    const struct sb_infer_totals *t = sb_infer_totals(s->in);
    if (t->size.most >= LARGE_DOCUMENT)
        find(s, NULL, "large_documents", NULL, "the largest document has %.1f MiB of the 16 MiB that a server takes (mean %.1f KiB)",
             (double)t->size.most / 1048576, (double)t->size.sum / (double)t->size.count / 1024);
    else if (t->size.count && t->size.sum / t->size.count >= BLOATED_DOCUMENT)
        find(s, NULL, "bloated_documents", NULL, "documents are large, with a mean of %.1f KiB: what is read seldom is read along (subset pattern)",
             (double)t->size.sum / (double)t->size.count / 1024);
    if (t->depth > DEEP)
        find(s, NULL, "deep_nesting", NULL, "values are nested up to %d levels deep%s", t->depth,
             t->depth >= SB_BSON_MAX_DEPTH ? "; deeper ones were not looked into" : "; servers refuse more than 100");
    if (t->paths > MANY_FIELDS)
        find(s, NULL, "many_fields", NULL, "%" PRIu64 " different fields", t->paths);
    if (t->full)
        find(s, NULL, "too_many_fields", NULL, "more different fields than are kept apart (%d): %" PRIu64 " values under other names are not in this schema",
             SB_INFER_MAX_PATHS, t->unlisted);
    if (t->repeated)
        find(s, NULL, "repeated_names", NULL, "%" PRIu64 " times an object has a name twice: only the first was counted, and drivers do not agree which one counts",
             t->repeated);
}

int sb_schema_find(const struct sb_infer *in, struct sb_schema_findings *out, struct sb_err *err)
{
    struct search s = {.in = in, .out = out};
    *out = (struct sb_schema_findings){.n = 0};
    sb_str_init(&s.path);
    look_at_whole(&s);
    look_at_object(&s, sb_infer_root(in));
    sb_str_release(&s.path);
    if (!s.failed)
        return 0;
    sb_schema_findings_release(out);
    return sb_fail_nomem(err);
}

void sb_schema_findings_release(struct sb_schema_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->item[i].path);
        free(f->item[i].text);
    }
    free(f->item);
    *f = (struct sb_schema_findings){.n = 0};
}
