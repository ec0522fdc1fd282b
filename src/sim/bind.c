/* SPDX-License-Identifier: Apache-2.0 */
#include "bind.h"
#include "expr_private.h"

#include <string.h>

static const struct sim_binding *binding_of(const char *text, const struct sim_binding *b, size_t n)
{
    size_t len = strcspn(text, ".");
    for (size_t i = 0; i < n; i++)
        if (strlen(b[i].name) == len && memcmp(b[i].name, text, len) == 0)
            return &b[i];
    return NULL;
}

static void put_bound(struct sim_val v, const char *path, struct sim_w *w, const char *key)
{
    struct sim_w at;
    sim_w_init(&at);
    sim_put_path(v, path, &at, "v");
    const uint8_t *done = sim_w_done(&at);
    struct sim_val found = done ? sim_find(done, "v") : sim_missing;
    if (found.type) {
        sim_w_doc(w, key);
        sim_w_val(w, "$literal", found);
        sim_w_end(w);
    } else {
        sim_w_text(w, key, "$$REMOVE");
    }
    sim_w_release(&at);
}

/* An inner form that gives the name another meaning. */
static bool shadows(const struct sim_elem *op, const char *name)
{
    if (op->v.type != BSON_TYPE_DOCUMENT)
        return false;
    if (strcmp(op->key, "$let") == 0) {
        struct sim_val vars = sim_find(op->v.p, "vars");
        return vars.type == BSON_TYPE_DOCUMENT && sim_find(vars.p, name).type;
    }
    if (strcmp(op->key, "$map") == 0 || strcmp(op->key, "$filter") == 0) {
        struct sim_val as = sim_find(op->v.p, "as");
        return as.type ? sim_text_is(as, name) : strcmp(name, "this") == 0;
    }
    return strcmp(op->key, "$reduce") == 0 && (strcmp(name, "this") == 0 || strcmp(name, "value") == 0);
}

static bool binds_anew(const struct sim_elem *op)
{
    return op->v.type == BSON_TYPE_DOCUMENT && (strcmp(op->key, "$let") == 0 || strcmp(op->key, "$map") == 0 || strcmp(op->key, "$filter") == 0 ||
                                                strcmp(op->key, "$reduce") == 0);
}

static void bind(struct sim_val e, const struct sim_binding *b, size_t n, struct sim_w *w, const char *key, size_t key_n, unsigned depth);

/* Only what it does with each element, or behind its own variables, sees the new meaning. */
static void bind_form(const struct sim_elem *op, const struct sim_binding *b, size_t n, struct sim_w *w, unsigned depth)
{
    struct sim_binding inner[SIM_BINDINGS];
    struct sim_elem x;
    size_t kept = 0;
    for (size_t i = 0; i < n && i < SIM_BINDINGS; i++)
        if (!shadows(op, b[i].name))
            inner[kept++] = b[i];
    sim_w_doc_n(w, op->key, op->key_n);
    for (struct sim_iter it = sim_iter_of(op->v.p); sim_next(&it, &x);) {
        bool inside = strcmp(x.key, "in") == 0 || strcmp(x.key, "cond") == 0;
        bind(x.v, inside ? inner : b, inside ? kept : n, w, x.key, x.key_n, depth + 1);
    }
    sim_w_end(w);
}

static void bind(struct sim_val e, const struct sim_binding *b, size_t n, struct sim_w *w, const char *key, size_t key_n, unsigned depth)
{
    struct sim_elem x;
    if (sim_is_text(e.type) && strncmp(sim_text(e), "$$", 2) == 0) {
        const char *name = sim_text(e) + 2;
        const struct sim_binding *found = binding_of(name, b, n);
        if (found) {
            name += strcspn(name, ".");
            put_bound(found->v, *name ? name + 1 : name, w, key);
            return;
        }
    }
    if (!sim_is_doc(e.type) || depth > SIM_MAX_DEPTH) {
        sim_w_val_n(w, key, key_n, e);
        return;
    }
    if (e.type == BSON_TYPE_ARRAY)
        sim_w_array_n(w, key, key_n);
    else
        sim_w_doc_n(w, key, key_n);
    for (struct sim_iter it = sim_iter_of(e.p); sim_next(&it, &x);) {
        bool literal = strcmp(x.key, "$literal") == 0 || strcmp(x.key, "$const") == 0;
        if (binds_anew(&x))
            bind_form(&x, b, n, w, depth + 1);
        else
            bind(x.v, b, literal ? 0 : n, w, e.type == BSON_TYPE_ARRAY ? NULL : x.key, x.key_n, depth + 1);
    }
    sim_w_end(w);
}

void sim_bind(struct sim_val e, const struct sim_binding *b, size_t n, struct sim_w *w, const char *key)
{
    bind(e, b, n, w, key, key ? strlen(key) : 0, 0);
}

int sim_bind_let(struct sim_val let, const uint8_t *doc, struct sim_w *w, struct sim_binding out[SIM_BINDINGS], size_t *n, struct sim_fail *f)
{
    struct sim_elem e;
    *n = 0;
    if (!let.type)
        return 0;
    if (let.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_TYPE_MISMATCH, "let must be an object, but found %s", sim_type_name(let.type));
    for (struct sim_iter it = sim_iter_of(let.p); sim_next(&it, &e);) {
        if (*n == SIM_BINDINGS)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "more than %d variables are not simulated", SIM_BINDINGS);
        if (!(e.key[0] >= 'a' && e.key[0] <= 'z'))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "'%.60s' starts with an invalid character for a user variable name", e.key);
        if (sim_expr_check(e.v, f) || sim_eval(e.v, doc, w, e.key, f))
            return -1;
        out[(*n)++].name = e.key;
    }
    const uint8_t *done = sim_w_done(w);
    if (!done)
        return sim_fail_nomem(f);
    for (size_t i = 0; i < *n; i++)
        out[i].v = sim_find(done, out[i].name);
    return 0;
}
