/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.c - the parser: a skeleton in, a shape out.
 */
#include "shape_builder.h"

#include <signalbox/base/hash.h>
#include <signalbox/formats/jsontext.h>

#define MAX_SORTS 32 /* fields of one sort: an index holds no more */
#define MAX_PROJECTED 256
#define MAX_LOOKUPS 16

/* ---- sections ---- */

static bool read_sections(struct sb_shape_parts *parts)
{
    struct sb_tokens *t = &parts->tokens;
    while (t->p < t->end) {
        struct sb_node **slot = NULL, *node;
        switch (*t->p++) {
        case S_FILTER: slot = &parts->filter; break;
        case S_SORT: slot = &parts->sort; break;
        case S_PROJECTION: slot = &parts->projection; break;
        case S_COLLATION: slot = &parts->collation; break;
        case S_HINT: slot = &parts->hint; break;
        case S_PIPELINE: slot = &parts->pipeline; break;
        case S_DISTINCT: slot = &parts->distinct; break;
        case S_LIMIT: parts->limited = true; continue;
        case S_MULTI: parts->multi = true; continue;
        case S_UNKNOWN: parts->unknown = true; continue;
        default: return false;
        }
        node = sb_tokens_value(t);
        if (!node)
            return false; /* the end of what fitted */
        if (!*slot)
            *slot = node; /* a second one means nothing to the server either */
    }
    return true;
}

/* The flags, kinds and label before the sections. */
static void read_head(struct sb_shape_parts *parts, const char *skeleton, size_t n)
{
    struct sb_tokens *t = &parts->tokens;
    unsigned flags = n ? (unsigned)(skeleton[0] - '0') : 0;
    t->p++;
    parts->partial = flags & FLAG_PARTIAL;
    if ((flags & FLAG_SPILLED) && n > 8) {
        t->end -= 8;
        parts->spilled = (struct sb_span){t->end, 8};
    }
    if (t->p < t->end)
        parts->kind = (enum sb_op_kind)((unsigned char)*t->p++ - T_KIND) % SB_OP_KINDS;
    parts->origin = parts->kind;
    if (parts->kind == SB_OP_GETMORE && t->p < t->end)
        parts->origin = (enum sb_op_kind)((unsigned char)*t->p++ - T_KIND) % SB_OP_KINDS;
    if ((parts->kind == SB_OP_COMMAND || parts->kind == SB_OP_INTERNAL) && t->p < t->end && *t->p == T_STRING) {
        t->p++;
        parts->label = sb_tokens_text(t);
    }
}

/* The leading $match stages become the filter, a leading $sort the sort. */
static void read_pipeline(struct sb_shape_parts *parts)
{
    struct sb_node *matches = NULL, **tail = &matches;
    size_t n = 0;
    bool prefix = true;
    if (!parts->pipeline || parts->pipeline->token != T_OBJECT)
        return;
    for (struct sb_node *stage = parts->pipeline->child; stage && prefix; stage = stage->next) {
        if (SB_SPAN_IS(stage->key, "$match") && stage->token == T_OBJECT) {
            struct sb_node *copy_of = sb_tokens_node(&parts->tokens, T_OBJECT);
            copy_of->child = stage->child;
            copy_of->children = stage->children;
            stage->token = T_LITERAL; /* the filter speaks for it */
            stage->child = NULL;
            stage->children = 0;
            *tail = copy_of;
            tail = &copy_of->next;
            n++;
        } else if (SB_SPAN_IS(stage->key, "$sort") && stage->token == T_OBJECT) {
            parts->sort = stage;
        } else {
            parts->limited = SB_SPAN_IS(stage->key, "$limit");
            prefix = SB_SPAN_IS(stage->key, "$skip");
        }
    }
    if (n == 1) {
        parts->filter = matches;
    } else if (n > 1) {
        struct sb_node *list = sb_tokens_node(&parts->tokens, T_ARRAY);
        list->key = SB_SPAN("$and");
        list->child = matches;
        list->children = n;
        parts->filter = sb_tokens_node(&parts->tokens, T_OBJECT);
        parts->filter->child = list;
        parts->filter->children = 1;
    }
}

/* ---- filling in ---- */

static char *take_text(struct sb_shape_builder *b, struct sb_str *text)
{
    if (text->len > SB_SHAPE_MAX_TEXT) {
        b->shape->partial = true;
        sb_str_truncate(text, sb_utf8_whole(text->p, SB_SHAPE_MAX_TEXT));
        sb_str_adds(text, "...");
    }
    char *p = sb_str_take(text);
    if (!p)
        b->nomem = true;
    return p;
}

static void fill_sort(struct sb_shape_builder *b, struct sb_str *text)
{
    const struct sb_node *sort = b->parts->sort;
    if (!sort || sort->token != T_OBJECT || !sort->child)
        return;
    sb_str_addc(text, '{');
    for (const struct sb_node *n = sort->child; n && !b->nomem; n = n->next) {
        int direction = n->token == T_UP ? 1 : n->token == T_DOWN ? -1 : 0;
        sb_json_text(text, n->key);
        sb_str_adds(text, direction ? (direction > 0 ? ":1" : ":-1") : ":\"*\"");
        if (n->next)
            sb_str_addc(text, ',');
        char *path = b->shape->sorts_n < MAX_SORTS ? sb_shape_path(b, "", n->key) : NULL;
        struct sb_sort_field *field = path ? GROW(b, sorts) : NULL;
        if (field)
            *field = (struct sb_sort_field){path, direction};
        else
            free(path);
        b->shape->partial = b->shape->partial || !field;
    }
    sb_str_addc(text, '}');
}

static void fill_projection(struct sb_shape_builder *b, struct sb_str *text)
{
    struct sb_node *projection = b->parts->projection;
    b->shape->projects_id = true;
    if (!projection || projection->token != T_OBJECT || !projection->child)
        return;
    sb_node_sort(projection);
    bool in = false, out = false, computed = false, only_id = projection->children == 1;
    sb_str_addc(text, '{');
    for (const struct sb_node *n = projection->child; n && !b->nomem; n = n->next) {
        bool id = SB_SPAN_IS(n->key, "_id");
        sb_json_text(text, n->key);
        sb_str_adds(text, n->token == T_TRUE ? ":1" : n->token == T_FALSE ? ":0" : ":\"*\"");
        if (n->next)
            sb_str_addc(text, ',');
        if (n->token == T_TRUE) {
            in = in || !id || only_id;
            char *path = b->shape->projected_n < MAX_PROJECTED ? sb_shape_path(b, "", n->key) : NULL;
            char **slot = path ? GROW(b, projected) : NULL;
            if (slot)
                *slot = path;
            else
                free(path);
            b->shape->partial = b->shape->partial || !slot;
        } else if (id && n->token == T_FALSE) {
            b->shape->projects_id = false;
        } else {
            out = out || n->token == T_FALSE;
            computed = computed || n->token == T_OTHER;
        }
    }
    sb_str_addc(text, '}');
    b->shape->inclusive = in && !out && !computed;
}

static void fill_hint(struct sb_shape_builder *b, struct sb_str *text)
{
    const struct sb_node *hint = b->parts->hint;
    if (!hint)
        return;
    if (hint->token == T_STRING) {
        sb_str_add(text, hint->text.p, hint->text.n);
        return;
    }
    sb_str_addc(text, '{');
    for (const struct sb_node *n = hint->child; n && !b->nomem; n = n->next) {
        sb_json_text(text, n->key);
        sb_str_adds(text, n->token == T_UP ? ":1" : n->token == T_DOWN ? ":-1" : ":\"*\"");
        if (n->next)
            sb_str_addc(text, ',');
    }
    sb_str_addc(text, '}');
}

static void fill_lookup(struct sb_shape_builder *b, const struct sb_node *stage)
{
    if (stage->token != T_OBJECT || b->shape->lookups_n >= MAX_LOOKUPS)
        return;
    struct sb_lookup *lookup = GROW(b, lookups);
    for (const struct sb_node *n = stage->child; lookup && n && !b->nomem; n = n->next) {
        if (SB_SPAN_IS(n->key, "pipeline"))
            lookup->pipeline = true;
        if (n->token != T_STRING || n->text.n > MAX_PATH)
            continue;
        char **slot = SB_SPAN_IS(n->key, "from")                                                           ? &lookup->from
                      : SB_SPAN_IS(n->key, "localField") || SB_SPAN_IS(n->key, "connectFromField") ? &lookup->local_field
                      : SB_SPAN_IS(n->key, "foreignField") || SB_SPAN_IS(n->key, "connectToField") ? &lookup->foreign_field
                                                                                                   : NULL;
        if (slot && !*slot)
            *slot = sb_shape_text(b, n->text);
    }
}

static void fill_stages(struct sb_shape_builder *b, struct sb_str *text)
{
    if (!b->parts->pipeline)
        return;
    for (const struct sb_node *n = b->parts->pipeline->child; n && !b->nomem; n = n->next) {
        sb_str_add(text, n->key.p, n->key.n);
        if (n->next)
            sb_str_addc(text, ',');
        if (SB_SPAN_IS(n->key, "$lookup") || SB_SPAN_IS(n->key, "$graphLookup"))
            fill_lookup(b, n);
    }
}

/* A text of the shape, written by one of the above. */
static char *text_by(struct sb_shape_builder *b, void (*write)(struct sb_shape_builder *b, struct sb_str *text))
{
    struct sb_str text;
    sb_str_init(&text);
    write(b, &text);
    return take_text(b, &text);
}

static bool has_filter(enum sb_op_kind kind)
{
    return kind != SB_OP_INSERT && kind != SB_OP_COMMAND && kind != SB_OP_INTERNAL;
}

static void write_filter(struct sb_shape_builder *b, struct sb_str *text)
{
    struct sb_shape *shape = b->shape;
    if (!has_filter(shape->kind))
        return;
    /* a command that was cut before its filter: that there is none is not known */
    shape->unknown = b->parts->unknown || (shape->partial && !b->parts->filter);
    if (shape->unknown)
        sb_str_adds(text, SB_SHAPE_UNKNOWN);
    else if (b->parts->filter)
        sb_node_json(text, b->parts->filter);
    else
        sb_str_adds(text, "{}");
}

static void write_collation(struct sb_shape_builder *b, struct sb_str *text)
{
    if (b->parts->collation)
        sb_node_json(text, b->parts->collation);
}

static void write_distinct(struct sb_shape_builder *b, struct sb_str *text)
{
    if (b->parts->distinct && b->parts->distinct->token == T_STRING)
        sb_str_add(text, b->parts->distinct->text.p, b->parts->distinct->text.n);
}

static void write_label(struct sb_shape_builder *b, struct sb_str *text)
{
    if (b->parts->label.n)
        sb_str_add(text, b->parts->label.p, b->parts->label.n);
    else
        sb_str_adds(text, sb_op_kind_name(b->parts->kind));
}

/* A filter may be left out: that is an empty one. */
static bool is_without(const struct sb_shape_builder *b)
{
    enum sb_op_kind kind = b->parts->origin;
    return !b->parts->filter && !b->shape->unknown && (kind == SB_OP_FIND || kind == SB_OP_COUNT || kind == SB_OP_DISTINCT);
}

/* Hashes everything that makes the shape, each part behind a letter of its own. */
static int fingerprint(struct sb_shape_builder *b, struct sb_err *err)
{
    static const struct sb_node nothing = {.token = T_OBJECT};
    const struct sb_shape_parts *p = b->parts;
    const struct {
        char letter;
        const struct sb_node *node;
    } sections[] = {{S_FILTER, is_without(b) ? &nothing : p->filter}, {S_SORT, p->sort}, {S_PROJECTION, p->projection}, {S_COLLATION, p->collation},
                    {S_HINT, p->hint},         {S_DISTINCT, p->distinct}, {S_PIPELINE, p->pipeline}};
    struct sb_str bytes;
    struct sb_hash hash;
    sb_str_init(&bytes);
    sb_str_addf(&bytes, "%s/%s/%zu:", sb_op_kind_name(p->kind), sb_op_kind_name(p->origin), p->label.n);
    sb_str_add(&bytes, p->label.p, p->label.n);
    for (size_t i = 0; i < SB_COUNT(sections); i++) {
        if (!sections[i].node)
            continue;
        sb_str_addc(&bytes, sections[i].letter);
        sb_node_canonical(&bytes, sections[i].node);
    }
    sb_str_addf(&bytes, "|%d%d%d%d", p->limited, p->multi, b->shape->unknown, p->partial);
    sb_str_add(&bytes, p->spilled.p, p->spilled.n);
    int rc = sb_str_ok(&bytes) ? sb_hash_bytes(&hash, bytes.p, bytes.len, err) : sb_fail_nomem(err);
    sb_str_release(&bytes);
    if (rc)
        return -1;
    sb_hex_encode(b->shape->fingerprint, hash.bytes, SB_FINGERPRINT_LEN / 2);
    return 0;
}

static size_t bytes_of(const struct sb_shape *s)
{
    size_t n = sizeof *s + strlen(s->text) + strlen(s->sort) + strlen(s->projection) + strlen(s->stages) + strlen(s->hint) +
               strlen(s->collation) + s->predicates_n * 2 * sizeof *s->predicates + s->arms_n * 2 * sizeof *s->arms;
    for (size_t i = 0; i < s->predicates_n; i++)
        n += strlen(s->predicates[i].path) + 64;
    for (size_t i = 0; i < s->sorts_n; i++)
        n += strlen(s->sorts[i].path) + 32;
    for (size_t i = 0; i < s->projected_n; i++)
        n += strlen(s->projected[i]) + 32;
    return n;
}

static int fill(struct sb_shape_builder *b, struct sb_err *err)
{
    struct sb_shape *s = b->shape;
    struct sb_shape_parts *p = b->parts;
    s->kind = p->kind;
    s->partial = p->partial;
    s->multi = p->multi;
    read_pipeline(p);
    s->limited = p->limited;
    if (p->filter)
        sb_node_normalise(&p->tokens, p->filter);
    if (p->collation)
        sb_node_sort(p->collation);
    struct sb_arm *root = GROW(b, arms);
    if (root)
        sb_shape_predicates(b);
    s->op = text_by(b, write_label);
    s->text = text_by(b, write_filter);
    s->sort = text_by(b, fill_sort);
    s->projection = text_by(b, fill_projection);
    s->collation = text_by(b, write_collation);
    s->hint = text_by(b, fill_hint);
    s->stages = text_by(b, fill_stages);
    s->distinct = text_by(b, write_distinct);
    if (b->nomem)
        return sb_fail_nomem(err);
    s->bytes = bytes_of(s);
    return fingerprint(b, err);
}

struct sb_shape *sb_shape_parse(const char *skeleton, size_t n, struct sb_err *err)
{
    struct sb_shape_parts parts;
    memset(&parts, 0, sizeof parts);
    struct sb_shape_builder b = {calloc(1, sizeof(struct sb_shape)), &parts, 0, false};
    if (!b.shape || sb_tokens_init(&parts.tokens, skeleton, n, err)) {
        free(b.shape);
        sb_fail_nomem(err);
        return NULL;
    }
    read_head(&parts, skeleton, n);
    if (!read_sections(&parts))
        parts.partial = true;
    int rc = fill(&b, err);
    sb_tokens_release(&parts.tokens);
    if (rc) {
        sb_shape_free(b.shape);
        return NULL;
    }
    return b.shape;
}

struct sb_shape *sb_shape_new(const struct sb_slow_op *op, struct sb_err *err)
{
    char *skeleton = malloc(SB_SHAPE_MAX_SKELETON);
    if (!skeleton) {
        sb_fail_nomem(err);
        return NULL;
    }
    struct sb_shape *shape = sb_shape_parse(skeleton, sb_shape_reduce(op, skeleton, SB_SHAPE_MAX_SKELETON), err);
    free(skeleton);
    return shape;
}

void sb_shape_free(struct sb_shape *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->predicates_n; i++) {
        free(s->predicates[i].path);
        free(s->predicates[i].op);
        free(s->predicates[i].elem_path);
    }
    for (size_t i = 0; i < s->sorts_n; i++)
        free(s->sorts[i].path);
    for (size_t i = 0; i < s->projected_n; i++)
        free(s->projected[i]);
    for (size_t i = 0; i < s->lookups_n; i++) {
        free(s->lookups[i].from);
        free(s->lookups[i].local_field);
        free(s->lookups[i].foreign_field);
    }
    free(s->predicates);
    free(s->arms);
    free(s->sorts);
    free(s->projected);
    free(s->lookups);
    free(s->op);
    free(s->text);
    free(s->sort);
    free(s->projection);
    free(s->collation);
    free(s->hint);
    free(s->stages);
    free(s->distinct);
    free(s);
}
