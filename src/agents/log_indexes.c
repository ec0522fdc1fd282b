/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/index_optimizer.h>
#include <signalbox/agents/log_indexes.h>

#include <string.h>

#define ID_BUILD_BEGUN 20384
#define ID_BUILD_DONE 20345
#define ID_BUILD_SCANNED 20391
#define ID_DROP_INDEXES 51806
#define ID_DROP_COLLECTION 518070
#define SAME_MS 60000 /* the members of a set write the same within so much time */
#define MAX_SPEC 16384

void sb_log_indexes_release(struct sb_log_indexes *x)
{
    for (size_t i = 0; i < x->items_n; i++) {
        free(x->items[i].ns);
        free(x->items[i].name);
        free(x->items[i].spec);
    }
    free(x->items);
    memset(x, 0, sizeof *x);
}

int sb_log_indexes_merge(struct sb_log_indexes *into, struct sb_log_indexes *from)
{
    for (size_t i = 0; i < from->items_n; i++) {
        struct sb_log_index *to = into->items_n < SB_LOG_INDEXES_MAX ? SB_PUSH(into->items) : NULL;
        if (!to && into->items_n < SB_LOG_INDEXES_MAX)
            return -1;
        if (!to) {
            into->left_out++;
            continue;
        }
        *to = from->items[i];
        from->items[i] = (struct sb_log_index){.what = to->what};
    }
    into->left_out += from->left_out;
    return 0;
}

/* ---- one line ---- */

/* A new note about the line's collection; NULL: the line names none (*rc is 0), or no memory. */
static struct sb_log_index *note(struct sb_log_indexes *x, const struct sb_log_line *line, enum sb_log_index_what what, int *rc)
{
    struct sb_span ns;
    *rc = 0;
    if (!sb_jt_find_string(line->attr, "namespace", &ns) || ns.n == 0 || !bson_utf8_validate(ns.p, ns.n, false))
        return NULL;
    if (x->items_n >= SB_LOG_INDEXES_MAX) {
        x->left_out++;
        return NULL;
    }
    struct sb_log_index *i = SB_PUSH(x->items);
    *rc = i && (i->ns = sb_strdup_n(ns.p, ns.n)) ? 0 : -1;
    if (i) {
        i->what = what;
        i->at_ms = line->at_ms;
    }
    return *rc ? NULL : i;
}

/* The document in the line as canonical Extended JSON; NULL when it is none, or no memory: it is then not known. */
static char *document(struct sb_span text)
{
    bson_t *doc = text.n <= MAX_SPEC ? bson_new_from_json((const uint8_t *)text.p, (ssize_t)text.n, NULL) : NULL;
    char *json = doc ? bson_as_canonical_extended_json(doc, NULL) : NULL, *copy = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
    if (doc)
        bson_destroy(doc);
    return copy;
}

static int take_begun(struct sb_log_indexes *x, const struct sb_log_line *line)
{
    struct sb_span spec;
    int rc = 0;
    if (!sb_jt_find(line->attr, "properties", &spec))
        return 0;
    struct sb_log_index *i = note(x, line, SB_LOG_INDEX_BEGUN, &rc);
    if (i)
        i->spec = document(spec);
    return rc;
}

static int take_named(struct sb_log_indexes *x, const struct sb_log_line *line, enum sb_log_index_what what, struct sb_span name)
{
    int rc = 0;
    struct sb_log_index *i = bson_utf8_validate(name.p, name.n, false) ? note(x, line, what, &rc) : NULL;
    return i && !(i->name = sb_strdup_n(name.p, name.n)) ? -1 : rc;
}

static int take_done(struct sb_log_indexes *x, const struct sb_log_line *line)
{
    struct sb_span name;
    return sb_jt_find_string(line->attr, "index", &name) ? take_named(x, line, SB_LOG_INDEX_BUILT, name) : 0;
}

/* "indexes": a name, "*", a list of names, or a key. */
static int take_drop(struct sb_log_indexes *x, const struct sb_log_line *line)
{
    struct sb_span raw, name;
    int rc = 0;
    if (!sb_jt_find(line->attr, "indexes", &raw) || raw.n == 0)
        return 0;
    struct sb_jt j = sb_jt_make(raw.p, raw.n);
    bool escaped, first = true;
    if (raw.p[0] == '{') {
        struct sb_log_index *i = note(x, line, SB_LOG_INDEX_DROPPED, &rc);
        char *key = i ? document(raw) : NULL;
        if (key)
            i->spec = sb_format("{ \"key\" : %s }", key);
        free(key);
    } else if (sb_jt_find_string(line->attr, "indexes", &name)) {
        if (!SB_SPAN_IS(name, "*"))
            return take_named(x, line, SB_LOG_INDEX_DROPPED, name);
        note(x, line, SB_LOG_INDEX_DROPPED, &rc);
    } else if (raw.p[0] == '[' && sb_jt_open(&j, '[')) {
        while (rc == 0 && sb_jt_element(&j, &first)) {
            if (*j.p != '"' || !sb_jt_string(&j, &name, &escaped))
                break;
            if (!escaped)
                rc = take_named(x, line, SB_LOG_INDEX_DROPPED, name);
        }
    }
    return rc;
}

static int take_size(struct sb_log_indexes *x, const struct sb_log_line *line)
{
    int64_t records;
    int rc = 0;
    if (!sb_jt_find_integer(line->attr, "totalRecords", &records) || records < 0)
        return 0;
    struct sb_log_index *i = note(x, line, SB_LOG_INDEX_SIZE, &rc);
    if (i)
        i->documents = records;
    return rc;
}

int sb_log_indexes_line(struct sb_log_indexes *x, const struct sb_log_line *line)
{
    int rc = 0;
    if (!line->attr.p)
        return 0;
    switch (line->id) {
    case ID_BUILD_BEGUN:
        return take_begun(x, line);
    case ID_BUILD_DONE:
        return take_done(x, line);
    case ID_BUILD_SCANNED:
        return take_size(x, line);
    case ID_DROP_INDEXES:
        return take_drop(x, line);
    case ID_DROP_COLLECTION:
        note(x, line, SB_LOG_INDEX_EMPTIED, &rc);
        return rc;
    default:
        return 0;
    }
}

/* ---- one collection ---- */

struct dating {
    struct sb_dated_index *list;
    size_t list_n;
    const struct sb_log_index **note; /* of this collection, by time */
    size_t notes;
};

void sb_dated_indexes_free(struct sb_dated_index *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_index_info_schema, &list[i].info);
    free(list);
}

static bool is_there(const struct sb_dated_index *d)
{
    return d->to_ms == INT64_MAX;
}

static struct sb_dated_index *add(struct dating *d, int64_t from, int64_t to)
{
    struct sb_dated_index *i = sb_list_push((void **)&d->list, &d->list_n, sizeof *d->list);
    if (i) {
        i->from_ms = from;
        i->to_ms = to;
    }
    return i;
}

/* An index that a plan named: only its key is known, and that it was there at some time. */
static int add_used(struct dating *d, const char *text)
{
    char *key = sb_index_key_read(text, NULL), *name = key ? sb_index_default_name(key) : NULL, *spec = name ? sb_format("{ \"key\" : %s }", key) : NULL;
    bson_t *doc = spec ? bson_new_from_json((const uint8_t *)spec, -1, NULL) : NULL;
    int rc = 0;
    if (doc) {
        struct sb_dated_index *i = add(d, INT64_MIN, INT64_MAX);
        rc = !i || sb_index_info_take(&i->info, doc) || sb_str_set(&i->info.name, name) ? -1 : 0;
        if (i) {
            free(i->info.spec);
            i->info.spec = NULL;
        }
        bson_destroy(doc);
    }
    free(spec);
    free(name);
    free(key);
    return rc;
}

static const struct sb_log_index *begun(const struct dating *d, size_t before, const char *name)
{
    for (size_t i = before; i-- > 0;) {
        char quoted[300];
        if (d->note[i]->what != SB_LOG_INDEX_BEGUN || !d->note[i]->spec)
            continue;
        snprintf(quoted, sizeof quoted, "\"name\" : \"%s\"", name);
        if (strstr(d->note[i]->spec, quoted))
            return d->note[i];
    }
    return NULL;
}

static int build(struct dating *d, size_t at)
{
    const struct sb_log_index *done = d->note[at], *spec = begun(d, at, done->name);
    for (size_t i = 0; i < d->list_n; i++) {
        struct sb_dated_index *x = &d->list[i];
        if (!is_there(x) || !sb_streq(x->info.name, done->name))
            continue;
        if (x->from_ms == INT64_MIN && !x->info.spec)
            x->from_ms = done->at_ms; /* plans named it: not before it was made */
        return 0;
    }
    bson_t *doc = spec ? bson_new_from_json((const uint8_t *)spec->spec, -1, NULL) : NULL;
    struct sb_dated_index *x = doc ? add(d, done->at_ms, INT64_MAX) : NULL;
    int rc = doc && (!x || sb_index_info_take(&x->info, doc)) ? -1 : 0;
    if (doc)
        bson_destroy(doc);
    return rc;
}

static bool fits(const struct sb_dated_index *x, const struct sb_log_index *drop)
{
    if (!drop->name && !drop->spec)
        return !sb_streq(x->info.name, "_id_");
    if (drop->name)
        return sb_streq(x->info.name, drop->name);
    return x->info.key && strstr(drop->spec, x->info.key);
}

static int drop(struct dating *d, const struct sb_log_index *note, size_t *unknown)
{
    bool known = false;
    for (size_t i = 0; i < d->list_n; i++) {
        struct sb_dated_index *x = &d->list[i];
        if (!fits(x, note))
            continue;
        if (is_there(x) && x->from_ms < note->at_ms)
            x->to_ms = note->at_ms;
        known = known || (!is_there(x) && note->at_ms - x->to_ms < SAME_MS);
    }
    if (known || !note->name)
        return 0;
    struct sb_dated_index *x = add(d, INT64_MIN, note->at_ms);
    ++*unknown;
    return !x || sb_str_set(&x->info.name, note->name) ? -1 : 0;
}

static int by_time(const void *a, const void *b)
{
    const struct sb_log_index *x = *(const struct sb_log_index *const *)a, *y = *(const struct sb_log_index *const *)b;
    return x->at_ms != y->at_ms ? (x->at_ms < y->at_ms ? -1 : 1) : (int)x->what - (int)y->what;
}

static int play(struct dating *d, int64_t *documents, size_t *unknown)
{
    int rc = 0;
    qsort(d->note, d->notes, sizeof *d->note, by_time);
    for (size_t i = 0; i < d->notes && rc == 0; i++) {
        const struct sb_log_index *note = d->note[i];
        switch (note->what) {
        case SB_LOG_INDEX_BEGUN:
            break;
        case SB_LOG_INDEX_BUILT:
            rc = build(d, i);
            break;
        case SB_LOG_INDEX_DROPPED:
            rc = drop(d, note, unknown);
            break;
        case SB_LOG_INDEX_EMPTIED:
            for (size_t k = 0; k < d->list_n; k++)
                if (is_there(&d->list[k]) && d->list[k].from_ms < note->at_ms)
                    d->list[k].to_ms = note->at_ms;
            *documents = 0;
            break;
        case SB_LOG_INDEX_SIZE:
            *documents = note->documents;
            break;
        }
    }
    return rc;
}

int sb_log_indexes_of(const struct sb_log_indexes *x, const char *ns, char *const *used, size_t used_n, struct sb_dated_index **out, size_t *n,
                      int64_t *documents, size_t *unknown_drops)
{
    size_t all = x ? x->items_n : 0;
    struct dating d = {.note = calloc(all + 1, sizeof *d.note)};
    int rc = d.note ? 0 : -1;
    *documents = 0;
    *unknown_drops = 0;
    for (size_t i = 0; i < used_n && rc == 0; i++)
        rc = add_used(&d, used[i]);
    for (size_t i = 0; i < all && rc == 0; i++)
        if (sb_streq(x->items[i].ns, ns))
            d.note[d.notes++] = &x->items[i];
    if (rc == 0)
        rc = play(&d, documents, unknown_drops);
    free(d.note);
    if (rc) {
        sb_dated_indexes_free(d.list, d.list_n);
        d.list = NULL;
        d.list_n = 0;
    }
    *out = d.list;
    *n = d.list_n;
    return rc;
}
