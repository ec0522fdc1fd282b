/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/index.h>
#include <signalbox/sim/text.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the specification ---- */

static int bad_spec(struct sim_fail *f, const uint8_t *spec, int32_t code, const char *fmt, ...) SB_PRINTF(4, 5);

/* "Error in specification { key: ..., name: ... } :: caused by :: why" */
static int bad_spec(struct sim_fail *f, const uint8_t *spec, int32_t code, const char *fmt, ...)
{
    char why[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    struct sb_str text;
    sb_str_init(&text);
    sim_shell_doc(&text, spec);
    sim_fail(f, code, "Error in specification %.500s :: caused by :: %s", text.p, why);
    sb_str_release(&text);
    return -1;
}

static int check_field(const uint8_t *spec, const struct sim_elem *e, struct sim_fail *f)
{
    if (e->key_n == 0)
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Index keys cannot be an empty field.");
    if (sim_is_text(e->v.type)) {
        if (sim_text_is(e->v, "hashed"))
            return strstr(e->key, "$**") ? bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Index type 'hashed' does not support wildcard indexes") : 0;
        static const char *const special[] = {"2d", "2dsphere", "text", "geoHaystack"};
        for (size_t i = 0; i < SB_COUNT(special); i++)
            if (sim_text_is(e->v, special[i]))
                return sim_fail(f, SIM_NOT_IMPLEMENTED, "indexes of type %s are not simulated", special[i]);
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Unknown index plugin '%.60s'", sim_text(e->v));
    }
    if (!sim_is_number(e->v.type))
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX,
                        "Values in v:2 index key pattern cannot be of type %s. Only numbers > 0, numbers < 0, and strings are allowed.",
                        sim_type_name(e->v.type));
    long double d = sim_number(e->v);
    if (d == 0 || isnan(d))
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Values in the index key pattern cannot be 0.");
    if (strstr(e->key, "$**"))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "wildcard indexes are not simulated");
    if (e->key[0] == '.' || e->key[e->key_n - 1] == '.' || strstr(e->key, ".."))
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Index keys cannot contain an empty field.");
    if (e->key[0] == '$')
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Index key contains an illegal field name: field name starts with '$'.");
    return 0;
}

static int check_key(const uint8_t *spec, struct sim_val key, struct sim_fail *f)
{
    if (!key.type)
        return bad_spec(f, spec, SIM_FAILED_TO_PARSE, "The 'key' field is a required property of an index specification");
    if (key.type != BSON_TYPE_DOCUMENT)
        return bad_spec(f, spec, SIM_TYPE_MISMATCH, "The field 'key' must be an object, but got %s", sim_type_name(key.type));
    if (sim_is_empty(key.p))
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Index keys cannot be empty.");
    struct sim_iter it = sim_iter_of(key.p), other;
    struct sim_elem e, o;
    unsigned n = 0, hashed = 0;
    while (sim_next(&it, &e)) {
        if (check_field(spec, &e, f))
            return -1;
        hashed += sim_is_text(e.v.type);
        if (hashed > 1)
            return sim_fail(f, 31303, "A maximum of one index field is allowed to be hashed but found %u for 'key' {...}", hashed);
        other = sim_iter_of(key.p);
        for (unsigned i = 0; i < n && sim_next(&other, &o); i++)
            if (o.key_n == e.key_n && memcmp(o.key, e.key, o.key_n) == 0)
                return bad_spec(f, spec, SIM_BAD_VALUE, "The field '%.100s' appears multiple times in the index key pattern", e.key);
        if (++n > SIM_MAX_FIELDS)
            return sim_fail(f, 13103, "too many compound keys");
    }
    return 0;
}

enum { WANT_BOOL = 1, WANT_TEXT, WANT_NUMBER, WANT_DOC, WANT_ANY };

static const struct {
    const char *name;
    int want;
    int simulated;
} options[] = {
    {"key", WANT_DOC, 1},       {"name", WANT_TEXT, 1},     {"v", WANT_NUMBER, 1},       {"unique", WANT_BOOL, 1},
    {"sparse", WANT_BOOL, 1},   {"hidden", WANT_BOOL, 1},   {"background", WANT_ANY, 1}, {"partialFilterExpression", WANT_DOC, 1},
    {"ns", WANT_TEXT, 1},       {"collation", WANT_DOC, 0}, {"weights", WANT_ANY, 0},    {"expireAfterSeconds", WANT_NUMBER, 1},
    {"storageEngine", WANT_DOC, 0}, {"wildcardProjection", WANT_DOC, 0}, {"bits", WANT_ANY, 0}, {"min", WANT_ANY, 0}, {"max", WANT_ANY, 0},
    {"default_language", WANT_ANY, 0}, {"language_override", WANT_ANY, 0}, {"textIndexVersion", WANT_ANY, 0}, {"2dsphereIndexVersion", WANT_ANY, 0},
};

static int check_option(const uint8_t *spec, const struct sim_elem *e, struct sim_fail *f)
{
    size_t i = 0;
    while (i < SB_COUNT(options) && strcmp(options[i].name, e->key) != 0)
        i++;
    if (i == SB_COUNT(options))
        return bad_spec(f, spec, SIM_INVALID_INDEX_SPEC, "The field '%.100s' is not valid for an index specification. Specification: see the documentation",
                        e->key);
    if (!options[i].simulated)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "the index option %s is not simulated", e->key);
    /* the server names the wrong field in this message; clients see it so */
    if (options[i].want == WANT_BOOL && e->v.type != BSON_TYPE_BOOL && !sim_is_number(e->v.type))
        return bad_spec(f, spec, SIM_TYPE_MISMATCH, "The field 'name' must be a bool, but got %s", sim_type_name(e->v.type));
    if (options[i].want == WANT_TEXT && !sim_is_text(e->v.type))
        return bad_spec(f, spec, SIM_TYPE_MISMATCH, "The field '%s' must be a string, but got %s", e->key, sim_type_name(e->v.type));
    if (options[i].want == WANT_DOC && e->v.type != BSON_TYPE_DOCUMENT)
        return bad_spec(f, spec, SIM_TYPE_MISMATCH, "The field '%s' must be an object, but got %s", e->key, sim_type_name(e->v.type));
    if (options[i].want == WANT_NUMBER && !sim_is_number(e->v.type))
        return bad_spec(f, spec, SIM_TYPE_MISMATCH, "The field '%s' must be a number, but got %s", e->key, sim_type_name(e->v.type));
    return 0;
}

static int check_spec(const uint8_t *spec, struct sim_fail *f)
{
    struct sim_iter it = sim_iter_of(spec);
    struct sim_elem e;
    while (sim_next(&it, &e))
        if (check_option(spec, &e, f))
            return -1;
    if (check_key(spec, sim_find(spec, "key"), f))
        return -1;
    struct sim_val name = sim_find(spec, "name"), v = sim_find(spec, "v"), expire = sim_find(spec, "expireAfterSeconds");
    bool is_id = sim_count(sim_find(spec, "key").p) == 1 && sim_find(sim_find(spec, "key").p, "_id").type;
    bool hashed = false;
    for (it = sim_iter_of(sim_find(spec, "key").p); sim_next(&it, &e);)
        hashed = hashed || sim_is_text(e.v.type);
    if (hashed && sim_truth(sim_find(spec, "unique")))
        return sim_fail(f, 16764, "Currently hashed indexes cannot guarantee uniqueness. Use a regular index.");
    if (!name.type)
        return bad_spec(f, spec, SIM_FAILED_TO_PARSE, "The 'name' field is a required property of an index specification");
    if (sim_text_n(name) == 0)
        return bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "index name cannot be empty");
    if (v.type && sim_int(v, 2) != 2)
        return sim_int(v, 2) == 1 ? sim_fail(f, SIM_NOT_IMPLEMENTED, "v:1 indexes are not simulated")
                                  : bad_spec(f, spec, SIM_CANNOT_CREATE_INDEX, "Invalid index specification; cannot create an index with v=%lld",
                                             (long long)sim_int(v, 2));
    if (expire.type && sim_count(sim_find(spec, "key").p) != 1)
        return sim_fail(f, SIM_CANNOT_CREATE_INDEX, "TTL indexes are single-field indexes, compound indexes do not support TTL.");
    if (expire.type && (sim_int(expire, 0) < 0 || sim_int(expire, 0) > INT32_MAX))
        return sim_fail(f, SIM_CANNOT_CREATE_INDEX, "TTL index 'expireAfterSeconds' option must be within an acceptable range");
    if (is_id && (sim_find(spec, "partialFilterExpression").type || sim_truth(sim_find(spec, "sparse"))))
        return sim_fail(f, SIM_CANNOT_CREATE_INDEX, "_id index cannot be a partial or sparse index");
    if (is_id && sim_truth(sim_find(spec, "hidden")))
        return sim_fail(f, SIM_BAD_VALUE, "can't hide _id index");
    if (sim_truth(sim_find(spec, "sparse")) && sim_find(spec, "partialFilterExpression").type)
        return sim_fail(f, SIM_CANNOT_CREATE_INDEX, "cannot mix \"partialFilterExpression\" and \"sparse\" options");
    return 0;
}

/* The form listIndexes shows: v, then the options in the order given, without what says nothing. */
static struct sim_doc *normal_spec(const uint8_t *spec)
{
    struct sim_w w;
    struct sim_iter it = sim_iter_of(spec);
    struct sim_elem e;
    sim_w_init(&w);
    sim_w_i32(&w, "v", 2);
    if (sim_truth(sim_find(spec, "unique")) && strcmp(sim_text(sim_find(spec, "name")), "_id_") != 0)
        sim_w_bool(&w, "unique", true);
    sim_w_val(&w, "key", sim_find(spec, "key"));
    sim_w_val(&w, "name", sim_find(spec, "name"));
    while (sim_next(&it, &e)) {
        if (strcmp(e.key, "v") == 0 || strcmp(e.key, "key") == 0 || strcmp(e.key, "name") == 0 || strcmp(e.key, "unique") == 0 ||
            strcmp(e.key, "ns") == 0)
            continue;
        if (strcmp(e.key, "sparse") == 0 || strcmp(e.key, "hidden") == 0) {
            if (sim_truth(e.v))
                sim_w_bool(&w, e.key, true);
        } else if (strcmp(e.key, "expireAfterSeconds") == 0) {
            sim_w_i32(&w, e.key, sim_int(e.v, 0));
        } else {
            sim_w_val(&w, e.key, e.v);
        }
    }
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

/* What 5.0 lets into a partialFilterExpression. */
static int check_partial(const struct sim_expr *e, unsigned depth, struct sim_fail *f)
{
    switch (e->kind) {
    case SIM_AND:
        if (depth)
            return sim_fail(f, SIM_CANNOT_CREATE_INDEX, "$and only supported in partialFilterExpression at top level");
        for (size_t i = 0; i < e->sub_n; i++)
            if (check_partial(e->sub[i], depth + 1, f))
                return -1;
        return 0;
    case SIM_EQ:
    case SIM_LT:
    case SIM_LTE:
    case SIM_GT:
    case SIM_GTE:
    case SIM_EXISTS:
    case SIM_TYPE:
        return 0;
    default: {
        struct sim_w w;
        struct sb_str text;
        sim_w_init(&w);
        sb_str_init(&text);
        sim_expr_write(&w, e);
        const uint8_t *done = sim_w_done(&w);
        if (done)
            sim_shell_doc(&text, done);
        sim_fail(f, SIM_CANNOT_CREATE_INDEX, "Expression not supported in partial index: %.300s", text.p);
        sb_str_release(&text);
        sim_w_release(&w);
        return -1;
    }
    }
}

static void read_spec(struct sim_index *x)
{
    const uint8_t *spec = x->spec->bson;
    struct sim_iter it = sim_iter_of(sim_index_key(x).p);
    struct sim_elem e;
    x->name = sim_text(sim_find(spec, "name"));
    x->fields = 0;
    while (sim_next(&it, &e)) {
        x->field[x->fields].path = e.key;
        x->field[x->fields].hashed = sim_is_text(e.v.type);
        x->field[x->fields++].descending = sim_number(e.v) < 0;
    }
    x->is_id = x->fields == 1 && strcmp(x->field[0].path, "_id") == 0;
    x->unique = x->is_id || sim_truth(sim_find(spec, "unique"));
    x->sparse = sim_truth(sim_find(spec, "sparse"));
    x->hidden = sim_truth(sim_find(spec, "hidden"));
    x->ttl = sim_find(spec, "expireAfterSeconds").type != 0;
    x->expire_after = sim_int(sim_find(spec, "expireAfterSeconds"), 0);
}

struct sim_val sim_index_key(const struct sim_index *x)
{
    return sim_find(x->spec->bson, "key");
}

struct sim_index *sim_index_new(const uint8_t *spec, struct sim_fail *f)
{
    if (check_spec(spec, f))
        return NULL;
    struct sim_index *x = calloc(1, sizeof *x);
    struct sim_val partial = sim_find(spec, "partialFilterExpression");
    if (!x || !(x->spec = normal_spec(spec)) || !(x->tree = sim_btree_new())) {
        sim_fail_nomem(f);
        sim_index_free(x);
        return NULL;
    }
    read_spec(x);
    sb_str_init(&x->shell);
    sim_shell_val(&x->shell, sim_index_key(x));
    if (!sb_str_ok(&x->shell)) {
        sim_fail_nomem(f);
        sim_index_free(x);
        return NULL;
    }
    if (partial.type && (!(x->partial = sim_filter_new(partial.p, f)) || check_partial(x->partial->root, 0, f))) {
        sim_index_free(x);
        return NULL;
    }
    return x;
}

void sim_index_free(struct sim_index *x)
{
    if (!x)
        return;
    if (x->failed)
        sim_fail_release(x->failed);
    free(x->failed);
    sim_btree_free(x->tree);
    sb_str_release(&x->shell);
    sim_filter_free(x->partial);
    sim_doc_unref(x->spec);
    free(x);
}

struct sim_index *sim_index_copy(const struct sim_index *x, struct sim_fail *f)
{
    struct sim_index *y = sim_index_new(x->spec->bson, f);
    struct sim_btree *tree = y ? sim_btree_copy(x->tree) : NULL;
    if (!tree) {
        sim_index_free(y);
        if (!f->code)
            sim_fail_nomem(f);
        return NULL;
    }
    sim_btree_free(y->tree);
    y->tree = tree;
    for (unsigned i = 0; i < y->fields; i++)
        y->field[i].multikey = x->field[i].multikey;
    y->multikey = x->multikey;
    y->key_bytes = x->key_bytes;
    y->scanned = x->scanned;
    return y;
}

/* spec with `key` replaced by v, or taken away when v is missing. */
static int set_option(struct sim_index *x, const char *key, struct sim_val v)
{
    struct sim_w w;
    struct sim_iter it = sim_iter_of(x->spec->bson);
    struct sim_elem e;
    bool was = false;
    sim_w_init(&w);
    while (sim_next(&it, &e)) {
        bool this = strcmp(e.key, key) == 0;
        sim_w_val(&w, e.key, this ? v : e.v);
        was = was || this;
    }
    if (!was)
        sim_w_val(&w, key, v);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    if (!d)
        return -1;
    sim_doc_unref(x->spec);
    x->spec = d;
    uint32_t multikey[SIM_MAX_FIELDS];
    for (unsigned i = 0; i < x->fields; i++)
        multikey[i] = x->field[i].multikey;
    read_spec(x);
    for (unsigned i = 0; i < x->fields; i++)
        x->field[i].multikey = multikey[i];
    return 0;
}

int sim_index_set_hidden(struct sim_index *x, bool hidden)
{
    return set_option(x, "hidden", hidden ? sim_true : sim_missing);
}

int sim_index_set_expire(struct sim_index *x, int64_t seconds)
{
    uint8_t b[4];
    return set_option(x, "expireAfterSeconds", sim_val_i32(b, (int32_t)seconds));
}

void sim_index_shell(struct sb_str *out, const struct sim_index *x)
{
    sb_str_add(out, x->shell.p, x->shell.len);
}

/* ---- keys of a document ---- */

void sim_keys_init(struct sim_keys *k)
{
    memset(k, 0, sizeof *k);
    sb_str_init(&k->bytes);
}

void sim_keys_release(struct sim_keys *k)
{
    sb_str_release(&k->bytes);
    free(k->end);
    memset(k, 0, sizeof *k);
}

void sim_keys_clear(struct sim_keys *k)
{
    sb_str_clear(&k->bytes);
    k->n = 0;
    k->is_multikey = false;
    memset(k->multikey, 0, sizeof k->multikey);
}

/* How far a field has been followed: its value so far, the path that remains (NULL: none), the component it is at. */
struct trail {
    struct sim_val v;
    const char *rest;
    unsigned component;
};

static int emit(const struct sim_index *x, const struct trail *t, struct sim_keys *k, struct sim_fail *f)
{
    bool any = false;
    for (unsigned i = 0; i < x->fields; i++)
        any = any || t[i].v.type;
    if (x->sparse && !any)
        return 0;
    if (SB_GROW(k->end, k->cap, k->n + 1))
        return sim_fail_nomem(f);
    for (unsigned i = 0; i < x->fields; i++) {
        uint8_t b[8];
        sim_key_field(&k->bytes, x->field[i].hashed ? sim_val_i64(b, sim_hash_val(t[i].v)) : t[i].v, x->field[i].descending);
    }
    if (!sb_str_ok(&k->bytes))
        return sim_fail_nomem(f);
    k->end[k->n++] = k->bytes.len;
    return 0;
}

/* Follows the path until it ends or meets an array, which stays in t->v with the path behind it in t->rest. */
static void follow(struct trail *t)
{
    while (t->rest && t->v.type == BSON_TYPE_DOCUMENT) {
        size_t n = strcspn(t->rest, ".");
        t->v = sim_find_n(t->v.p, t->rest, n);
        t->rest = t->rest[n] ? t->rest + n + 1 : NULL;
        t->component++;
    }
    if (t->rest && t->v.type != BSON_TYPE_ARRAY) { /* the path leads through what is no document */
        t->v = sim_missing;
        t->rest = NULL;
    }
}

static int expand(const struct sim_index *x, struct trail *t, struct sim_keys *k, unsigned depth, struct sim_fail *f);

/* Every field whose trail stands at this array goes on with one of its elements. */
static int expand_element(const struct sim_index *x, const struct trail *t, const bool *at, struct sim_val element, struct sim_keys *k,
                          unsigned depth, struct sim_fail *f)
{
    struct trail next[SIM_MAX_FIELDS];
    for (unsigned i = 0; i < x->fields; i++) {
        next[i] = t[i];
        if (!at[i])
            continue;
        next[i].v = element;
        if (next[i].rest && element.type != BSON_TYPE_DOCUMENT) { /* a.b of {a: [1]}: nothing there */
            next[i].v = sim_missing;
            next[i].rest = NULL;
        } else if (!next[i].rest && element.type == BSON_TYPE_ARRAY) {
            next[i].component = UINT32_MAX; /* an array inside an array is a value as it stands */
        }
        if (next[i].rest)
            follow(&next[i]);
    }
    return expand(x, next, k, depth + 1, f);
}

static bool numbered(const struct trail *t)
{
    return t->rest && t->rest[0] >= '0' && t->rest[0] <= '9';
}

static int expand(const struct sim_index *x, struct trail *t, struct sim_keys *k, unsigned depth, struct sim_fail *f)
{
    const uint8_t *array = NULL;
    int first = -1;
    bool at[SIM_MAX_FIELDS] = {false};
    for (unsigned i = 0; i < x->fields; i++) {
        while (t[i].v.type == BSON_TYPE_ARRAY && t[i].component != UINT32_MAX && numbered(&t[i])) { /* a.0.b names an element */
            size_t n = strcspn(t[i].rest, ".");
            t[i].v = sim_find_n(t[i].v.p, t[i].rest, n);
            t[i].rest = t[i].rest[n] ? t[i].rest + n + 1 : NULL;
            t[i].component++;
            follow(&t[i]);
        }
        if (t[i].v.type != BSON_TYPE_ARRAY || t[i].component == UINT32_MAX)
            continue;
        if (x->field[i].hashed)
            return sim_fail(f, 16766, "Error: hashed indexes do not currently support array values");
        if (array && array != t[i].v.p)
            return sim_fail(f, SIM_CANNOT_INDEX_PARALLEL, "cannot index parallel arrays [%s] [%s]",
                            x->field[i].path + (strrchr(x->field[i].path, '.') ? strrchr(x->field[i].path, '.') + 1 - x->field[i].path : 0),
                            x->field[first].path + (strrchr(x->field[first].path, '.') ? strrchr(x->field[first].path, '.') + 1 - x->field[first].path : 0));
        array = t[i].v.p;
        first = first < 0 ? (int)i : first;
        at[i] = true;
        k->multikey[i] |= UINT32_C(1) << (t[i].component - 1) % 32;
        k->is_multikey = true;
    }
    if (!array || depth > SIM_MAX_DEPTH)
        return emit(x, t, k, f);
    if (sim_is_empty(array)) {
        for (unsigned i = 0; i < x->fields; i++)
            if (at[i]) {
                t[i].v = t[i].rest ? sim_missing : sim_undefined;
                t[i].rest = NULL;
            }
        return emit(x, t, k, f);
    }
    struct sim_iter it = sim_iter_of(array);
    struct sim_elem e;
    while (sim_next(&it, &e))
        if (expand_element(x, t, at, e.v, k, depth, f))
            return -1;
    return 0;
}

struct key_ref {
    const uint8_t *p;
    size_t n;
};

static int compare_refs(const void *a, const void *b)
{
    const struct key_ref *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static struct key_ref key_at(const struct sim_keys *k, size_t i)
{
    size_t from = i ? k->end[i - 1] : 0;
    return (struct key_ref){(const uint8_t *)k->bytes.p + from, k->end[i] - from};
}

/* Sorted and without doubles: [1, 1] is one key. */
static int normalise(struct sim_keys *k, struct sim_fail *f)
{
    if (k->n < 2)
        return 0;
    struct key_ref *ref = malloc(k->n * sizeof *ref);
    struct sb_str bytes;
    sb_str_init(&bytes);
    if (!ref)
        return sim_fail_nomem(f);
    for (size_t i = 0; i < k->n; i++)
        ref[i] = key_at(k, i);
    qsort(ref, k->n, sizeof *ref, compare_refs);
    size_t kept = 0;
    for (size_t i = 0; i < k->n; i++)
        if (i == 0 || compare_refs(&ref[i - 1], &ref[i]) != 0) {
            sb_str_add(&bytes, ref[i].p, ref[i].n);
            k->end[kept++] = bytes.len;
        }
    free(ref);
    if (!sb_str_ok(&bytes)) {
        sb_str_release(&bytes);
        return sim_fail_nomem(f);
    }
    k->n = kept;
    sb_str_release(&k->bytes);
    k->bytes = bytes;
    return 0;
}

int sim_index_keys(const struct sim_index *x, const uint8_t *doc, struct sim_keys *k, struct sim_fail *f)
{
    if (x->partial && !sim_match(x->partial->root, doc))
        return 0;
    struct trail t[SIM_MAX_FIELDS];
    for (unsigned i = 0; i < x->fields; i++) {
        t[i] = (struct trail){sim_val_doc(doc), x->field[i].path, 0};
        follow(&t[i]);
    }
    if (expand(x, t, k, 0, f))
        return -1;
    return normalise(k, f);
}

/* ---- the tree ---- */

static void duplicate(const struct sim_index *x, const struct key_ref *key, const char *ns, const uint8_t *doc, struct sim_fail *f)
{
    /* the values come from the document; of an array the element that has this key is told */
    struct sim_w w;
    struct sb_str shell, one;
    sb_str_init(&shell);
    sb_str_init(&one);
    sim_w_init(&w);
    sim_w_val(&w, "keyPattern", sim_index_key(x));
    sim_w_doc(&w, "keyValue");
    sb_str_adds(&shell, "{");
    const uint8_t *at = key->p;
    for (unsigned i = 0; i < x->fields; i++) {
        size_t n = sim_key_field_size(at, x->field[i].descending);
        struct sim_val v = sim_path(doc, x->field[i].path);
        if (v.type == BSON_TYPE_ARRAY) {
            struct sim_iter it = sim_iter_of(v.p);
            struct sim_elem e;
            while (sim_next(&it, &e)) {
                sb_str_clear(&one);
                sim_key_field(&one, e.v, x->field[i].descending);
                if (one.len == n && memcmp(one.p, at, n) == 0)
                    v = e.v;
            }
        }
        if (!v.type)
            v = sim_null;
        sim_w_val(&w, x->field[i].path, v);
        sb_str_addf(&shell, "%s %s: ", i ? "," : "", x->field[i].path);
        sim_shell_val(&shell, v);
        at += n;
    }
    sim_fail(f, SIM_DUPLICATE_KEY, "E11000 duplicate key error collection: %s index: %s dup key: %s }", ns, x->name, shell.p);
    const uint8_t *done = sim_w_done(&w);
    free(f->extra);
    f->extra = done ? malloc(sim_doc_len(done)) : NULL;
    if (f->extra)
        memcpy(f->extra, done, sim_doc_len(done));
    sim_w_release(&w);
    sb_str_release(&shell);
    sb_str_release(&one);
}

/* True when the tree holds the key under another record. */
static bool taken(const struct sim_index *x, const struct key_ref *key, uint64_t rid)
{
    struct sim_cursor c;
    sim_cursor_init(&c, x->tree);
    bool found = false;
    for (bool more = sim_cursor_seek(&c, key->p, key->n); more && !found; more = sim_cursor_next(&c)) {
        size_t n;
        const uint8_t *p = sim_cursor_key(&c, &n);
        if (n < key->n || memcmp(p, key->p, key->n) != 0)
            break;
        found = sim_key_rid_of(p, n) != rid;
    }
    sim_cursor_release(&c);
    return found;
}

static int put(struct sim_index *x, const struct key_ref *key, uint64_t rid, bool insert)
{
    uint8_t small[256], *full = small;
    size_t n = key->n + 1 + SIM_RID_BYTES;
    if (n > sizeof small && !(full = malloc(n)))
        return -1;
    memcpy(full, key->p, key->n);
    sim_key_put_rid(full + key->n, rid);
    int rc = insert ? sim_btree_insert(x->tree, full, n) : sim_btree_remove(x->tree, full, n);
    if (rc > 0)
        x->key_bytes += insert ? n : -n;
    if (rc > 0 && !x->building)
        *(insert ? &x->entered : &x->removed) += 1;
    if (full != small)
        free(full);
    return rc;
}

int sim_index_insert(struct sim_index *x, const struct sim_keys *k, uint64_t rid, const char *ns, const uint8_t *doc, struct sim_fail *f)
{
    if (x->unique)
        for (size_t i = 0; i < k->n; i++) {
            struct key_ref key = key_at(k, i);
            if (taken(x, &key, rid)) {
                duplicate(x, &key, ns, doc, f);
                return -1;
            }
        }
    for (size_t i = 0; i < k->n; i++) {
        struct key_ref key = key_at(k, i);
        if (put(x, &key, rid, true) < 0) {
            while (i--) {
                key = key_at(k, i);
                put(x, &key, rid, false);
            }
            return sim_fail_nomem(f);
        }
    }
    if (k->is_multikey) {
        x->multikey = true;
        for (unsigned i = 0; i < x->fields; i++)
            x->field[i].multikey |= k->multikey[i];
    }
    return 0;
}

void sim_index_remove(struct sim_index *x, const struct sim_keys *k, uint64_t rid)
{
    for (size_t i = 0; i < k->n; i++) {
        struct key_ref key = key_at(k, i);
        put(x, &key, rid, false);
    }
}

void sim_keys_minus(const struct sim_keys *a, const struct sim_keys *b, void (*fn)(void *ctx, const uint8_t *key, size_t n), void *ctx)
{
    size_t j = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct key_ref x = key_at(a, i), y;
        int c = 1;
        while (j < b->n && (y = key_at(b, j), (c = compare_refs(&y, &x)) < 0))
            j++;
        if (j == b->n || c != 0)
            fn(ctx, x.p, x.n);
    }
}
