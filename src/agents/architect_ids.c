/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom to ask about a collection, how to divide it by _id, and how long to rest in between. */
#include "architect_read.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/formats/bsonscan.h>
#include <signalbox/mongo/read_door.h>

#include <unistd.h>

#define MAX_PAUSE_MS 1000

/* ---- _id as something that can be divided ---- */

static bool is_number(const bson_value_t *v)
{
    return v->value_type == BSON_TYPE_INT32 || v->value_type == BSON_TYPE_INT64 || v->value_type == BSON_TYPE_DOUBLE;
}

static double number_of(const bson_value_t *v)
{
    return v->value_type == BSON_TYPE_INT32   ? v->value.v_int32
           : v->value_type == BSON_TYPE_INT64 ? (double)v->value.v_int64
                                              : v->value.v_double;
}

static uint64_t oid_head(const bson_value_t *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n = n << 8 | v->value.v_oid.bytes[i];
    return n;
}

bool sb_id_same_order(const struct sb_id_edges *e)
{
    return e->low.value_type == e->high.value_type || (is_number(&e->low) && is_number(&e->high));
}

bool sb_id_divisible(const struct sb_id_edges *e)
{
    const bson_value_t *low = &e->low;
    if (!sb_id_same_order(e))
        return false;
    return is_number(low) || low->value_type == BSON_TYPE_OID || low->value_type == BSON_TYPE_DATE_TIME;
}

bson_value_t sb_id_between(const struct sb_id_edges *e, int64_t i, int64_t n)
{
    const bson_value_t *low = &e->low, *high = &e->high;
    bson_value_t v = {.value_type = low->value_type};
    double share = (double)i / (double)n;
    if (low->value_type == BSON_TYPE_OID) {
        uint64_t a = oid_head(low), at = a + (uint64_t)((double)(oid_head(high) - a) * share);
        memset(&v.value.v_oid, 0, sizeof v.value.v_oid);
        for (size_t k = 0; k < 8; k++)
            v.value.v_oid.bytes[k] = (uint8_t)(at >> (56 - 8 * k));
    } else if (low->value_type == BSON_TYPE_DATE_TIME) {
        v.value.v_datetime = low->value.v_datetime + (int64_t)(((double)high->value.v_datetime - (double)low->value.v_datetime) * share);
    } else {
        v.value_type = BSON_TYPE_DOUBLE;
        v.value.v_double = number_of(low) + (number_of(high) - number_of(low)) * share;
    }
    return v;
}

struct edge {
    bson_value_t *id;
    bool found;
};

static bool take_edge(void *ctx, const bson_t *doc)
{
    struct edge *e = ctx;
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "_id")) {
        bson_value_copy(bson_iter_value(&it), e->id);
        e->found = true;
    }
    return false;
}

static int find_edge(struct sb_conn *c, const char *db, const char *coll, int order, struct edge *e, struct sb_err *err)
{
    bson_t *command = BCON_NEW("find", BCON_UTF8(coll), "sort", "{", "_id", BCON_INT32(order), "}", "limit", BCON_INT64(1), "batchSize", BCON_INT64(1), "singleBatch",
                               BCON_BOOL(true), "projection", "{", "_id", BCON_INT32(1), "}");
    int64_t n = sb_read_cursor(c, db, command, 1, take_edge, e, err);
    bson_destroy(command);
    return n < 0 ? -1 : 0;
}

int sb_id_edges_find(struct sb_conn *c, const char *db, const char *coll, struct sb_id_edges *out, struct sb_err *err)
{
    struct edge low = {&out->low, false}, high = {&out->high, false};
    int rc = find_edge(c, db, coll, 1, &low, err) || find_edge(c, db, coll, -1, &high, err) ? -1 : 0;
    out->found = low.found && high.found;
    if (low.found && !high.found)
        bson_value_destroy(&out->low);
    return rc;
}

void sb_id_edges_release(struct sb_id_edges *e)
{
    if (e->found) {
        bson_value_destroy(&e->low);
        bson_value_destroy(&e->high);
    }
    e->found = false;
}

/* ---- what was sent ---- */

/* Appends a filter and what it asks of a field to `out`, and of values that may say something about somebody (an _id can be an
 * address, or a document of any size) the type. */
static void add_without_values(bson_t *out, bson_iter_t *it, int depth)
{
    while (bson_iter_next(it)) {
        bson_type_t type = bson_iter_type(it);
        bson_iter_t inner;
        bson_t sub;
        if (type == BSON_TYPE_DOCUMENT && depth == 0 && bson_iter_recurse(it, &inner)) {
            BSON_APPEND_DOCUMENT_BEGIN(out, bson_iter_key(it), &sub);
            add_without_values(&sub, &inner, depth + 1);
            bson_append_document_end(out, &sub);
        } else if (type == BSON_TYPE_OID || type == BSON_TYPE_DATE_TIME || BSON_ITER_HOLDS_NUMBER(it)) {
            BSON_APPEND_VALUE(out, bson_iter_key(it), bson_iter_value(it));
        } else {
            char shown[64];
            snprintf(shown, sizeof shown, "<%s>", sb_bson_type_name((uint8_t)type));
            BSON_APPEND_UTF8(out, bson_iter_key(it), shown);
        }
    }
}

/* The command as it is recorded. */
static void without_values(const bson_t *command, bson_t *out)
{
    bson_iter_t it;
    bson_init(out);
    for (bool more = bson_iter_init(&it, command) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        bson_iter_t inner;
        bson_t sub;
        bool filter = strcmp(bson_iter_key(&it), "filter") == 0 && bson_has_field(command, "find");
        if (filter && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &inner)) {
            BSON_APPEND_DOCUMENT_BEGIN(out, "filter", &sub);
            add_without_values(&sub, &inner, 0);
            bson_append_document_end(out, &sub);
        } else {
            BSON_APPEND_VALUE(out, bson_iter_key(&it), bson_iter_value(&it));
        }
    }
}

static void note_read(void *ctx, const char *member, const char *db, const bson_t *command)
{
    struct sb_reads *r = ctx;
    bson_t whole;
    if (r->line_n >= SB_READS_MAX) {
        r->left_out++;
        return;
    }
    without_values(command, &whole);
    BSON_APPEND_UTF8(&whole, "$db", db);
    char *json = bson_as_relaxed_extended_json(&whole, NULL), *line = json ? sb_format("%s: %s", member, json) : NULL;
    r->failed = !line || sb_strs_push(&r->line, &r->line_n, line) || r->failed;
    free(line);
    bson_free(json);
    bson_destroy(&whole);
}

void sb_reads_release(struct sb_reads *r)
{
    for (size_t i = 0; i < r->line_n; i++)
        free(r->line[i]);
    free(r->line);
    *r = (struct sb_reads){.left_out = 0};
}

static void listen_to(struct sb_conn *c, struct sb_reads *reads)
{
    if (c && reads)
        sb_read_tell(c, note_read, reads);
}

/* ---- whom to ask ---- */

static bool is_arbiter(const struct sb_hello *h, const char *member)
{
    for (size_t i = 0; i < h->arbiters_n; i++)
        if (strcmp(h->arbiters[i], member) == 0)
            return true;
    return false;
}

static bool answers_as_secondary(struct sb_conn *c)
{
    bson_t reply;
    bson_iter_t it;
    if (sb_read_json(c, "admin", "{\"hello\": 1}", &reply, NULL))
        return false;
    bool yes = bson_iter_init_find(&it, &reply, "secondary") && BSON_ITER_HOLDS_BOOL(&it) && bson_iter_bool(&it);
    bson_destroy(&reply);
    return yes;
}

/* A heavy read belongs on a secondary; without one it is the primary's. Takes `primary`. */
static struct sb_conn *choose(const struct sb_server *server, struct sb_conn *primary, const struct sb_hello *h, struct sb_reads *reads)
{
    for (size_t i = 0; i < h->members_n && !h->is_mongos; i++) {
        if (is_arbiter(h, h->members[i]) || strcmp(h->members[i], h->primary) == 0)
            continue;
        struct sb_conn *c = sb_conn_to_member(server, h->members[i], SB_LANE_BULK, NULL);
        listen_to(c, reads);
        if (c && answers_as_secondary(c)) {
            sb_conn_close(primary);
            return c;
        }
        sb_conn_close(c);
    }
    return primary;
}

struct sb_conn *sb_architect_connect(const struct sb_server *server, struct sb_reads *reads, struct sb_err *err)
{
    struct sb_deployment_facts facts = {.blind_n = 0};
    struct sb_conn *c = sb_conn_to_primary(server, SB_LANE_BULK, err);
    listen_to(c, reads);
    if (c && sb_deployment_identify(c, &facts, err)) {
        sb_conn_close(c);
        return NULL;
    }
    if (c)
        c = choose(server, c, &facts.hello, reads);
    sb_deployment_facts_release(&facts);
    return c;
}

void sb_architect_rest(int64_t began_ms)
{
    int64_t took = sb_mono_ms() - began_ms;
    if (took > 0)
        usleep((useconds_t)(took < MAX_PAUSE_MS ? took : MAX_PAUSE_MS) * 1000);
}
