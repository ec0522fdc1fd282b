/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator against what a real three-member mongod 5.0.7 answered: every recorded command is sent to a simulated set
 * that was brought to the same state, and the two replies are compared path by path - the same keys, nesting and BSON types,
 * and for refusals the same code, name and words. Every recorded path is told as the same, absent or different. What is not
 * the same has a reason in differences.table, or the test fails; so does a reason that nothing needs any more, and an absent
 * path whose name the program reads. Long because it is one comparison: the state, the topics that need more than sending, the
 * table and its reasons are of no use apart. */
#include "rig.h"

#include <ctype.h>
#include <glob.h>
#include <zlib.h>

/* ---- the table of paths ---- */

struct entry {
    char *label, *path;
    uint32_t recorded, simulated; /* sets of types */
    unsigned seen, same, absent;
};

static struct entry *entries;
static size_t entries_n, slots_n;
static uint32_t *slots; /* index + 1 */

static uint64_t hash_of(const char *a, const char *b)
{
    uint64_t h = 1469598103934665603u;
    for (; *a; a++)
        h = (h ^ (unsigned char)*a) * 1099511628211u;
    h = (h ^ ' ') * 1099511628211u;
    for (; *b; b++)
        h = (h ^ (unsigned char)*b) * 1099511628211u;
    return h;
}

static struct entry *entry_of(const char *label, const char *path)
{
    if (!slots) {
        slots_n = 1 << 17;
        slots = calloc(slots_n, sizeof *slots);
        entries = calloc(slots_n / 2, sizeof *entries);
    }
    for (size_t i = hash_of(label, path) % slots_n;; i = (i + 1) % slots_n) {
        if (!slots[i]) {
            assert_true(entries_n < slots_n / 2);
            struct entry *e = &entries[entries_n++];
            e->label = strdup(label);
            e->path = strdup(path);
            slots[i] = (uint32_t)entries_n;
            return e;
        }
        struct entry *e = &entries[slots[i] - 1];
        if (strcmp(e->label, label) == 0 && strcmp(e->path, path) == 0)
            return e;
    }
}

/* ---- the paths of one document ---- */

struct shape {
    struct {
        char *path;
        uint32_t types;
    } *item;
    size_t n, cap;
};

static void shape_add(struct shape *s, const char *path, uint8_t type)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->item[i].path, path) == 0) {
            s->item[i].types |= UINT32_C(1) << (type & 31);
            return;
        }
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->item = realloc(s->item, s->cap * sizeof *s->item);
    }
    s->item[s->n].path = strdup(path);
    s->item[s->n++].types = UINT32_C(1) << (type & 31);
}

static void shape_release(struct shape *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->item[i].path);
    free(s->item);
    memset(s, 0, sizeof *s);
}

static uint32_t shape_types(const struct shape *s, const char *path)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->item[i].path, path) == 0)
            return s->item[i].types;
    return 0;
}

/* Below these, names are data: of collections, indexes, hosts. */
static const char *const named[] = {"totals", "indexSizes", "indexDetails", "keysPerIndex", "collections", "uuids", "commands", "hosts",
                                    "pools.NetworkInterfaceTL-ReplNetwork", "storageStats.indexSizes", "storageStats.indexDetails"};
/* What stands here is data of users or copies of what was sent. */
static const char *const opaque[] = {"$clusterTime.signature", "command.lsid", "lsid"};

static bool ends_with(const char *path, const char *tail)
{
    size_t n = strlen(path), m = strlen(tail);
    return n >= m && strcmp(path + n - m, tail) == 0 && (n == m || path[n - m - 1] == '.');
}

static void flatten(struct shape *s, const uint8_t *doc, const char *prefix, bool array)
{
    struct sim_elem e;
    bool wild = false;
    for (size_t i = 0; i < SB_COUNT(named); i++)
        wild = wild || ends_with(prefix, named[i]);
    for (size_t i = 0; i < SB_COUNT(opaque); i++)
        if (ends_with(prefix, opaque[i]))
            return;
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);) {
        char path[700];
        const char *key = array ? "[]" : wild ? "*" : e.key;
        if (wild && strcmp(e.key, "note") == 0)
            key = e.key;
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (e.v.type == BSON_TYPE_REGEX) { /* the recording's {"$regex": ".."} may be either */
            shape_add(s, path, BSON_TYPE_DOCUMENT);
            snprintf(path + strlen(path), sizeof path - strlen(path), ".$regex");
            shape_add(s, path, BSON_TYPE_UTF8);
            continue;
        }
        shape_add(s, path, e.v.type);
        if (sim_is_doc(e.v.type))
            flatten(s, e.v.p, path, e.v.type == BSON_TYPE_ARRAY);
    }
}

/* ---- one comparison ---- */

static unsigned lines_compared;
static const char *only; /* SIGNALBOX_CONFORMANCE_SHOW: labels that contain it are printed */

static void compare(const char *label, const uint8_t *recorded, const uint8_t *simulated)
{
    struct shape a = {0}, b = {0};
    flatten(&a, recorded, "", false);
    flatten(&b, simulated, "", false);
    for (size_t i = 0; i < a.n; i++) {
        struct entry *e = entry_of(label, a.item[i].path);
        uint32_t types = shape_types(&b, a.item[i].path);
        e->recorded |= a.item[i].types;
        e->simulated |= types;
        e->seen++;
        e->absent += types == 0;
        e->same += types != 0 && (types & ~a.item[i].types) == 0;
    }
    for (size_t i = 0; i < b.n; i++)
        if (!shape_types(&a, b.item[i].path)) /* more than the server says */
            entry_of(label, b.item[i].path)->simulated |= b.item[i].types;
    lines_compared++;
    shape_release(&a);
    shape_release(&b);
}

/* Numbers and identifiers of one run out of a sentence. */
static char *plain_words(const char *text)
{
    char *out = malloc(strlen(text) + 1), *o = out;
    while (*text) {
        size_t hex = strspn(text, "0123456789abcdef");
        if (hex == 8 && text[8] == '-' && strlen(text) >= 36) {
            *o++ = 'U';
            text += 36;
        } else if (*text == '"' && strchr(text + 1, '"')) {
            *o++ = 'Q'; /* a value of somebody's document */
            text = strchr(text + 1, '"') + 1;
        } else if (isdigit((unsigned char)*text)) {
            *o++ = '0';
            text += strspn(text, "0123456789");
        } else {
            *o++ = *text++;
        }
    }
    *o = '\0';
    return out;
}

/* A refusal: the same code, name and words. */
static void compare_errors(const char *label, const uint8_t *recorded, const uint8_t *simulated)
{
    static const char *const parts[] = {"ok", "code", "codeName", "errmsg", "writeErrors.0.code", "writeErrors.0.errmsg", "writeConcernError.code"};
    for (size_t i = 0; i < SB_COUNT(parts); i++) {
        struct sim_val a = sim_path(recorded, parts[i]), b = sim_path(simulated, parts[i]);
        bool same;
        if (sim_is_text(a.type) && sim_is_text(b.type)) {
            char *x = plain_words(sim_text(a)), *y = plain_words(sim_text(b));
            same = strcmp(x, y) == 0;
            free(x);
            free(y);
        } else {
            same = a.type == b.type && sim_compare(a, b) == 0;
        }
        if (same)
            continue;
        char path[80];
        snprintf(path, sizeof path, "=%s", parts[i]);
        struct entry *e = entry_of(label, path);
        e->seen++;
        e->recorded = e->simulated = 1; /* told as different */
        if (only && strstr(label, only))
            print_message("%s %s\n  recorded  %s\n  simulated %s\n", label, path, rig_text(recorded), rig_text(simulated));
    }
}

/* ---- the same state ---- */

static const char *const collections[] = {
    "{'create':'orders'}", "{'create':'products'}", "{'create':'carts'}",
    "{'createIndexes':'orders','indexes':[{'key':{'user_id':1},'name':'user_id_1'},{'key':{'user_id':1,'created':-1},'name':'user_id_1_created_-1'},"
    "{'key':{'status':1,'created':-1,'total':1},'name':'status_1_created_-1_total_1'},{'key':{'items.sku':1},'name':'items.sku_1'},"
    "{'key':{'coupon':1},'name':'coupon_1','sparse':true},{'key':{'address.city':'hashed'},'name':'address.city_hashed'},"
    "{'key':{'total':1},'name':'total_1','partialFilterExpression':{'status':'paid'}},{'key':{'created':1},'name':'created_1','hidden':true}]}",
    "{'createIndexes':'carts','indexes':[{'key':{'ttl':1},'name':'ttl_1','expireAfterSeconds':86400}]}"};

static void insert_many(struct rig *r, const char *db, const char *coll, int from, int to, void (*put)(struct sim_w *w, int i, struct sb_rng *rng))
{
    struct sb_rng rng;
    sb_rng_seed(&rng, 5);
    for (int i = from; i < to;) {
        struct sim_w w;
        sim_w_init(&w);
        sim_w_text(&w, "insert", coll);
        sim_w_array(&w, "documents");
        for (int k = 0; k < 500 && i < to; k++, i++) {
            sim_w_doc(&w, NULL);
            sim_w_i32(&w, "_id", i);
            put(&w, i, &rng);
            sim_w_end(&w);
        }
        sim_w_end(&w);
        const uint8_t *reply = rig_send(r, 0, db, sim_w_done(&w));
        if (sim_find(reply, "writeErrors").type)
            fail_msg("%s", rig_text(reply));
        sim_w_release(&w);
    }
    rig_pass(r, 1);
}

static void put_decimal(struct sim_w *w, const char *key, const char *text)
{
    bson_decimal128_t d;
    uint8_t b[16];
    assert_true(bson_decimal128_from_string(text, &d));
    memcpy(b, &d.low, 8);
    memcpy(b + 8, &d.high, 8);
    sim_w_val(w, key, (struct sim_val){BSON_TYPE_DECIMAL128, 16, b});
}

static void put_order(struct sim_w *w, int i, struct sb_rng *rng)
{
    static const char *const states[] = {"new", "paid", "sent", "done", "void"}, *const cities[] = {"Turin", "Oslo", "Lyon", "Graz"};
    char total[16];
    sim_w_i32(w, "user_id", (int)rig_below(rng, 200));
    sim_w_text(w, "status", states[rig_below(rng, 5)]);
    snprintf(total, sizeof total, "%u.%02u", rig_below(rng, 900), rig_below(rng, 100));
    put_decimal(w, "total", total);
    sim_w_date(w, "created", 1770000000000 + (int64_t)rig_below(rng, 10000000) * 1000);
    sim_w_array(w, "items");
    for (unsigned k = 1 + rig_below(rng, 4); k; k--) {
        sim_w_doc(w, NULL);
        sim_w_textf(w, "sku", "S%u", rig_below(rng, 900));
        sim_w_i32(w, "qty", 1 + (int)rig_below(rng, 4));
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_doc(w, "address");
    sim_w_text(w, "city", cities[rig_below(rng, 4)]);
    sim_w_textf(w, "zip", "%u", 1000 + rig_below(rng, 9000));
    sim_w_end(w);
    sim_w_textf(w, "customer_name", "n%d", i);
    if (rig_below(rng, 10) == 0)
        sim_w_textf(w, "coupon", "C%u", rig_below(rng, 50));
}

static void put_cart(struct sim_w *w, int i, struct sb_rng *rng)
{
    sim_w_i32(w, "owner", i % 200);
    sim_w_date(w, "ttl", 1900000000000 + (int64_t)rig_below(rng, 1000));
}

static void put_product(struct sim_w *w, int i, struct sb_rng *rng)
{
    sim_w_textf(w, "name", "thing %d", i);
    sim_w_doc(w, "attrs");
    sim_w_i32(w, "c1", (int)rig_below(rng, 20));
    sim_w_end(w);
}

static void put_big(struct sim_w *w, int i, struct sb_rng *rng)
{
    sim_w_i32(w, "p", (int)rig_below(rng, 100));
    sim_w_i32(w, "k", i);
    sim_w_i32(w, "i", (int)rig_below(rng, 1000));
}

static void put_user(struct sim_w *w, int i, struct sb_rng *rng)
{
    sim_w_textf(w, "email", "u%d@example.org", i);
    sim_w_i32(w, "age", (int)rig_below(rng, 80));
}

/* ---- recorded lines ---- */

struct line {
    int member;
    char db[64], note[120];
    bson_t *command, *reply;
};

static bson_t *take(const bson_iter_t *it)
{
    const uint8_t *p;
    uint32_t n;
    bson_iter_document(it, &n, &p);
    return bson_new_from_data(p, n);
}

static void line_of(const char *text, struct line *x)
{
    bson_error_t err;
    bson_t *b = bson_new_from_json((const uint8_t *)text, -1, &err);
    bson_iter_t it;
    if (!b)
        fail_msg("%s in %.200s", err.message, text);
    memset(x, 0, sizeof *x);
    assert_true(bson_iter_init_find(&it, b, "member"));
    x->member = bson_iter_int32(&it);
    assert_true(bson_iter_init_find(&it, b, "db"));
    snprintf(x->db, sizeof x->db, "%s", bson_iter_utf8(&it, NULL));
    if (bson_iter_init_find(&it, b, "note"))
        snprintf(x->note, sizeof x->note, "%s", bson_iter_utf8(&it, NULL));
    assert_true(bson_iter_init_find(&it, b, "command"));
    x->command = take(&it);
    assert_true(bson_iter_init_find(&it, b, "reply"));
    x->reply = take(&it);
    bson_destroy(b);
}

static void line_release(struct line *x)
{
    bson_destroy(x->command);
    bson_destroy(x->reply);
}

/* "aggregate $indexStats", "explain find", "serverStatus@secondary" */
static void label_of(const struct line *x, char out[120])
{
    const uint8_t *c = bson_get_data(x->command);
    struct sim_iter it = sim_iter_of(c);
    struct sim_elem first, inner = {"", 0, {0, 0, NULL}};
    assert_true(sim_next(&it, &first));
    const char *more = "";
    if (strcmp(first.key, "aggregate") == 0) {
        struct sim_val stage = sim_path(c, "pipeline.0");
        struct sim_iter s = sim_iter_of(stage.p);
        sim_next(&s, &inner);
        more = inner.key;
    } else if (strcmp(first.key, "explain") == 0) {
        struct sim_iter s = sim_iter_of(first.v.p);
        sim_next(&s, &inner);
        more = inner.key;
    } else if ((strcmp(first.key, "find") == 0 || strcmp(first.key, "collStats") == 0) && sim_is_text(first.v.type)) {
        more = sim_text(first.v);
    } else if (strcmp(first.key, "listCollections") == 0) {
        more = x->db;
    }
    snprintf(out, 120, "%s%s%s%s", first.key, *more ? " " : "", more, x->member ? "@secondary" : "");
}

/* Answered by a server and refused here: told once, by what is not simulated. */
static bool refused(const char *label, const uint8_t *recorded, const uint8_t *simulated)
{
    if (!sim_truth(sim_find(recorded, "ok")) || sim_int(sim_find(simulated, "code"), 0) != SIM_NOT_IMPLEMENTED)
        return false;
    char path[200];
    snprintf(path, sizeof path, "=refused:%s", sim_text(sim_find(simulated, "errmsg")));
    for (char *p = path; *p; p++)
        *p = *p == ' ' ? '_' : *p;
    struct entry *e = entry_of(label, path);
    e->seen++;
    e->recorded = 1;
    lines_compared++;
    return true;
}

/* Stages, indexes, directions, bounds and filters of a plan. */
static void plan_text(struct sb_str *out, const uint8_t *p)
{
    static const char *const parts[] = {"stage", "indexName", "direction", "indexBounds", "filter", "sortPattern", "limitAmount", "type", "transformBy"};
    for (size_t i = 0; i < SB_COUNT(parts); i++) {
        struct sim_val v = sim_find(p, parts[i]);
        if (!v.type)
            continue;
        sb_str_addf(out, "%s=", parts[i]);
        sim_json_val(out, v);
        sb_str_addc(out, ' ');
    }
    struct sim_val one = sim_find(p, "inputStage"), many = sim_find(p, "inputStages");
    struct sim_elem e;
    if (one.type) {
        sb_str_adds(out, "<- ");
        plan_text(out, one.p);
    }
    for (struct sim_iter it = sim_iter_of(many.p); many.type && sim_next(&it, &e);) {
        sb_str_adds(out, "| ");
        plan_text(out, e.v.p);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The winning plan, then the others in any order. */
static char *plans_text(const uint8_t *reply)
{
    struct sim_val planner = sim_find(reply, "queryPlanner");
    struct sb_str out;
    char *rejected[64];
    size_t n = 0;
    struct sim_elem e;
    if (!planner.type)
        planner = sim_path(reply, "stages.0.$cursor.queryPlanner");
    sb_str_init(&out);
    plan_text(&out, sim_find(planner.p, "winningPlan").p);
    for (struct sim_iter it = sim_iter_of(sim_find(planner.p, "rejectedPlans").p); n < 64 && sim_next(&it, &e);) {
        struct sb_str one;
        sb_str_init(&one);
        plan_text(&one, e.v.p);
        rejected[n++] = one.p;
    }
    qsort(rejected, n, sizeof *rejected, by_text);
    for (size_t i = 0; i < n; i++) {
        sb_str_addf(&out, "\n   not %s", rejected[i]);
        free(rejected[i]);
    }
    return out.p;
}

static void compare_plans(const char *label, const uint8_t *recorded, const uint8_t *simulated)
{
    char *a = plans_text(recorded), *b = plans_text(simulated);
    /* no counterpart: a regex, which the recording writes like the simulator's {"$regex": ..}; a wildcard index */
    bool other = strstr(a, "$regularExpression") || strstr(a, "attrs.$**");
    if (strcmp(a, b) != 0 && !other)
        fail_msg("%s\nrecorded  %s\nsimulated %s", label, a, b);
    free(a);
    free(b);
}

static void send_and_compare(struct rig *r, const struct line *x)
{
    char label[120];
    label_of(x, label);
    const uint8_t *reply = rig_send(r, x->member, x->db, bson_get_data(x->command));
    if (refused(label, bson_get_data(x->reply), reply))
        return;
    compare(label, bson_get_data(x->reply), reply);
    compare_errors(label, bson_get_data(x->reply), reply);
    if (strncmp(label, "explain ", 8) == 0 && sim_truth(sim_find(reply, "ok")))
        compare_plans(label, bson_get_data(x->reply), reply);
}

static void each_line(const char *data, const char *topic, void (*fn)(struct rig *r, const struct line *x, void *ctx), struct rig *r, void *ctx)
{
    char path[600];
    static char text[1 << 21];
    snprintf(path, sizeof path, "%s/replies-5.0.7/%s.jsonl.gz", data, topic);
    gzFile in = gzopen(path, "rb");
    if (!in)
        fail_msg("cannot open %s", path);
    while (gzgets(in, text, sizeof text)) {
        struct line x;
        line_of(text, &x);
        fn(r, &x, ctx);
        line_release(&x);
    }
    gzclose(in);
}

static void plain(struct rig *r, const struct line *x, void *ctx)
{
    (void)ctx;
    send_and_compare(r, x);
}

/* ---- topics that need more than sending ---- */

/* The documents of an insert in a section of their own, as drivers send them. */
static const uint8_t *send_insert(struct rig *r, const uint8_t *body)
{
    static const uint8_t document[] = {16, 0, 0, 0, 16, 'f', 'r', 'e', 's', 'h', 0, 1, 0, 0, 0, 0};
    const uint8_t *reply = NULL;
    uint8_t d[17];
    memcpy(d, document, 16);
    d[0] = 17;
    d[16] = 0;
    struct sim_request rq = {.body = body, .seq = {{"documents", d, sizeof d}}, .seq_n = 1, .bytes = 200};
    assert_int_equal(sim_dispatch(r->conn[0], &rq, &r->w, &reply), SIM_ANSWERED);
    return reply;
}

/* Around the recorded operation of a transaction, which was neither its first nor its last. */
static void transaction(struct rig *r, const uint8_t *command, bool begin)
{
    struct sim_w w;
    sim_w_init(&w);
    if (begin)
        sim_w_text(&w, "find", "carts");
    else
        sim_w_i32(&w, "commitTransaction", 1);
    if (begin)
        sim_w_bool(&w, "startTransaction", true);
    sim_w_val(&w, "lsid", sim_find(command, "lsid"));
    sim_w_val(&w, "txnNumber", sim_find(command, "txnNumber"));
    sim_w_bool(&w, "autocommit", false);
    assert_true(sim_number(sim_find(rig_send(r, 0, begin ? "shop" : "admin", sim_w_done(&w)), "ok")) == 1);
    sim_w_release(&w);
}

/* Operations as the profiler saw them, done again one by one under the profiler; each must leave a document of its shape. */
static void redo_operation(struct rig *r, const uint8_t *doc)
{
    struct sim_w w;
    struct sim_elem e;
    struct sim_val command = sim_find(doc, "command"), op = sim_find(doc, "op");
    const char *ns = sim_text(sim_find(doc, "ns")), *coll = strchr(ns, '.') + 1;
    char label[80];
    static int64_t cursor;
    bool update = sim_text_is(op, "update"), remove = sim_text_is(op, "remove");
    sim_w_init(&w);
    if (update || remove) {
        sim_w_text(&w, update ? "update" : "delete", coll);
        sim_w_array(&w, update ? "updates" : "deletes");
        sim_w_copy(&w, NULL, command.p);
        sim_w_end(&w);
    } else {
        for (struct sim_iter it = sim_iter_of(command.p); sim_next(&it, &e);) {
            if (strcmp(e.key, "getMore") == 0)
                sim_w_i64(&w, e.key, cursor);
            else
                sim_w_val_n(&w, e.key, e.key_n, e.v);
        }
    }
    if (sim_find(command.p, "autocommit").type)
        transaction(r, command.p, true);
    snprintf(label, sizeof label, "profiled %s", sim_text(op));
    const uint8_t *reply = sim_text_is(op, "insert") ? send_insert(r, sim_w_done(&w)) : rig_send(r, 0, "shop", sim_w_done(&w));
    static const uint8_t went[] = {17, 0, 0, 0, 1, 'o', 'k', 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0};
    if (refused(label, went, reply)) {
        sim_w_release(&w);
        return;
    }
    if (sim_path(reply, "cursor.id").type)
        cursor = sim_int(sim_path(reply, "cursor.id"), 0);
    sim_w_release(&w);
    char query[300];
    snprintf(query, sizeof query, "{'find':'system.profile','filter':{'ns':'%s','op':'%s'},'sort':{'$natural':-1},'limit':1}", ns, sim_text(op));
    struct sim_val made = sim_path(rig_ok(r, "shop", query), "cursor.firstBatch.0");
    if (made.type)
        compare(label, doc, made.p);
    if (sim_find(command.p, "autocommit").type)
        transaction(r, command.p, false);
}

static void profile_line(struct rig *r, const struct line *x, void *ctx)
{
    (void)ctx;
    if (!sim_find(bson_get_data(x->command), "find").type) {
        send_and_compare(r, x);
        return;
    }
    struct sim_elem e;
    rig_ok(r, "shop", "{'profile':2,'slowms':0,'sampleRate':1.0}");
    for (struct sim_iter it = sim_iter_of(sim_path(bson_get_data(x->reply), "cursor.firstBatch").p); sim_next(&it, &e);)
        redo_operation(r, e.v.p);
    rig_ok(r, "shop", "{'profile':0,'slowms':100}");
}

/* Builds are begun when the recording first looks at them and looked at when it does. */
struct building {
    struct sim_conn *conn;
    struct sim_w w;
    char phase[16];
    uint8_t *answer, *dropped;
};

static void built(struct sim_conn *c, const uint8_t *reply)
{
    struct building *b = c->owner;
    b->answer = malloc(sim_doc_len(reply));
    memcpy(b->answer, reply, sim_doc_len(reply));
}

static void begin_building(struct rig *r, struct building *b, const char *phase)
{
    const char *keys = strcmp(phase, "watch") == 0 ? "{'p':1,'k':1}" : strcmp(phase, "abort") == 0 ? "{'p':1,'i':-1}" : "{'k':1,'p':1}";
    char text[300];
    snprintf(b->phase, sizeof b->phase, "%s", phase);
    free(b->answer);
    free(b->dropped);
    b->answer = b->dropped = NULL;
    if (!b->conn) {
        b->conn = sim_conn_open(&r->s->member[0], "127.0.0.1:50009", false);
        b->conn->answer = built;
        b->conn->owner = b;
        sim_w_init(&b->w);
        bson_t *client = rig_json("{'driver':{'name':'PyMongo|c','version':'4.20.0|'},'os':{'type':'Linux','name':'Linux','architecture':'x86_64','version':'6.1'},"
                                  "'platform':'CPython 3.11','env':{'container':{'runtime':'docker'}}}");
        sim_conn_metadata(b->conn, bson_get_data(client));
        bson_destroy(client);
    }
    snprintf(text, sizeof text, "{'createIndexes':'big','indexes':[{'key':%s,'name':'build_%s'}],'commitQuorum':'votingMembers','$readPreference':{'mode':'primaryPreferred'},'lsid':{'id':"
                                "{'$binary':{'base64':'AAAAAAAAQACAAAAAAAAAAA==','subType':'04'}}},'$db':'shop'}", keys, phase);
    bson_t *c = rig_json(text);
    struct sim_request rq = {.body = bson_get_data(c), .bytes = c->len};
    const uint8_t *reply;
    assert_int_equal(sim_dispatch(b->conn, &rq, &b->w, &reply), SIM_LATER);
    bson_destroy(c);
    rig_pass(r, 0.35);
}

static void building_line(struct rig *r, const struct line *x, void *ctx)
{
    struct building *b = ctx;
    const char *colon = strchr(x->note, ':');
    char phase[16] = "";
    if (colon)
        snprintf(phase, sizeof phase, "%.*s", (int)(colon - x->note), x->note);
    const uint8_t *command = bson_get_data(x->command), *recorded = bson_get_data(x->reply);
    bool looks = colon && strstr(x->note, ": while building");
    if (looks && strcmp(phase, b->phase) != 0)
        begin_building(r, b, phase);
    if (looks) {
        struct sim_val batch = sim_path(recorded, "cursor.firstBatch");
        if (sim_is_empty(batch.p))
            return;
        if (b->answer)
            fail_msg("the build %s ended before it was looked at", phase);
        rig_pass(r, 0.02);
        char label[60];
        snprintf(label, sizeof label, "currentOp of a build%s", x->member ? "@secondary" : "");
        compare(label, recorded, rig_send(r, x->member, x->db, command));
    } else if (colon && strstr(x->note, "own reply")) {
        char label[60];
        snprintf(label, sizeof label, "createIndexes that %s", strcmp(phase, "watch") == 0 ? "ends" : strcmp(phase, "abort") == 0 ? "is aborted" : "is killed");
        if (strcmp(phase, "abort") == 0) {
            const uint8_t *reply = rig_run(r, "shop", "{'dropIndexes':'big','index':'build_abort'}");
            b->dropped = malloc(sim_doc_len(reply));
            memcpy(b->dropped, reply, sim_doc_len(reply));
        }
        for (int i = 0; i < 600 && !b->answer; i++)
            rig_pass(r, 0.1);
        assert_non_null(b->answer);
        compare(label, recorded, b->answer);
        compare_errors(label, recorded, b->answer);
    } else if (sim_find(command, "dropIndexes").type && b->dropped) {
        compare("dropIndexes of a build", recorded, b->dropped);
        compare_errors("dropIndexes of a build", recorded, b->dropped);
    } else if (sim_find(command, "killOp").type) {
        struct sim_elem e;
        char text[80];
        int64_t opid = -1;
        const uint8_t *ops = rig_ok(r, "admin", "{'currentOp':1}");
        for (struct sim_iter it = sim_iter_of(sim_find(ops, "inprog").p); sim_next(&it, &e);)
            if (sim_path(e.v.p, "command.createIndexes").type)
                opid = sim_int(sim_find(e.v.p, "opid"), -1);
        snprintf(text, sizeof text, "{'killOp':1,'op':%lld}", (long long)(opid < 0 ? 7386 : opid));
        compare("killOp of a build", recorded, rig_run(r, "admin", text));
    } else {
        send_and_compare(r, x);
    }
}

/* What was recorded before the step-down is compared here; how the members go through it, test_repl.c compares. */
static void election_line(struct rig *r, const struct line *x, void *ctx)
{
    unsigned *passed_over = ctx;
    if (strcmp(x->note, "before step down") == 0)
        send_and_compare(r, x);
    else
        ++*passed_over;
}

/* ---- reasons ---- */

struct reason {
    char *label, *path, *why;
    unsigned used;
};

static struct reason reasons[400];
static size_t reasons_n;

static void read_reasons(void)
{
    FILE *f = fopen("tests/sim/differences.table", "r");
    char line[500];
    if (!f)
        fail_msg("run from the top of the project: tests/sim/differences.table is not here");
    while (fgets(line, sizeof line, f)) {
        char label[120], path[200];
        int at = 0;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%119[^|]| %199s %n", label, path, &at) != 2 || !line[at])
            fail_msg("differences.table: LABEL | PATH REASON, not: %s", line);
        for (size_t n = strlen(label); n && label[n - 1] == ' ';)
            label[--n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        assert_true(reasons_n < SB_COUNT(reasons));
        reasons[reasons_n++] = (struct reason){strdup(label), strdup(path), strdup(line + at), 0};
    }
    fclose(f);
}

/* `*` stands for any characters. */
static bool fits(const char *pattern, const char *text)
{
    if (*pattern == '*')
        return fits(pattern + 1, text) || (*text && fits(pattern, text + 1));
    return *pattern == *text && (!*pattern || fits(pattern + 1, text + 1));
}

static const char *reason_of(const struct entry *e)
{
    for (size_t i = 0; i < reasons_n; i++)
        if (fits(reasons[i].label, e->label) && fits(reasons[i].path, e->path)) {
            reasons[i].used++;
            return reasons[i].why;
        }
    return NULL;
}

/* ---- names that the program reads ---- */

static char *sources; /* the text of the rooms that read replies */

static void read_sources(void)
{
    static const char *const rooms[] = {"src/mongo/*.c", "src/telemetry/*.c", "src/agents/*.c", "src/agents/*/*.c", "src/orchestrator/*.c", "src/cli/*.c"};
    size_t n = 0;
    sources = calloc(1, 1);
    for (size_t i = 0; i < SB_COUNT(rooms); i++) {
        glob_t g;
        if (glob(rooms[i], 0, NULL, &g))
            continue;
        for (size_t k = 0; k < g.gl_pathc; k++) {
            FILE *f = fopen(g.gl_pathv[k], "r");
            static char text[1 << 19];
            size_t got = f ? fread(text, 1, sizeof text, f) : 0;
            if (f)
                fclose(f);
            sources = realloc(sources, n + got + 1);
            memcpy(sources + n, text, got);
            n += got;
            sources[n] = '\0';
        }
        globfree(&g);
    }
    assert_true(n > 100000);
}

/* A word that can only mean one thing: `buildUUID`, not `count`, `name` or the mode `W`. */
static bool telling(const char *name)
{
    size_t capitals = 0;
    for (const char *p = name; *p; p++)
        capitals += isupper((unsigned char)*p) || *p == ' ' || *p == '_';
    return capitals > 0 && name[1];
}

/* Some text of the program ends with this path ("connections.current") or is its last name. */
static bool is_read(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL) {
        char quoted[300];
        if (!strchr(at, '.') && at != path && !telling(at))
            break;
        snprintf(quoted, sizeof quoted, "%s\"", at);
        for (const char *p = strstr(sources, quoted); p; p = strstr(p + 1, quoted))
            if (p > sources && (p[-1] == '"' || p[-1] == '.'))
                return true;
    }
    return false;
}

/* ---- the test ---- */

static const char *kind_of(const struct entry *e)
{
    if (!e->seen)
        return "extra";
    if (e->path[0] == '=')
        return "different";
    if (e->same == e->seen)
        return "same";
    if (e->absent == e->seen)
        return "absent";
    return e->absent ? "sometimes" : "different";
}

static int by_label(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->label, y->label);
    return c ? c : strcmp(x->path, y->path);
}

static void report(void)
{
    static const char *const kinds[] = {"same", "absent", "different", "sometimes", "extra"};
    unsigned total[SB_COUNT(kinds)] = {0}, of[SB_COUNT(kinds)], unexplained = 0, unread = 0;
    const char *label = NULL;
    qsort(entries, entries_n, sizeof *entries, by_label);
    memset(of, 0, sizeof of);
    print_message("%-44s %7s %7s %9s %9s %6s\n", "command", "same", "absent", "different", "sometimes", "extra");
    for (size_t i = 0; i <= entries_n; i++) {
        if (label && (i == entries_n || strcmp(entries[i].label, label) != 0)) {
            print_message("%-44s %7u %7u %9u %9u %6u\n", label, of[0], of[1], of[2], of[3], of[4]);
            memset(of, 0, sizeof of);
        }
        if (i == entries_n)
            break;
        label = entries[i].label;
        for (size_t k = 0; k < SB_COUNT(kinds); k++)
            if (strcmp(kind_of(&entries[i]), kinds[k]) == 0) {
                of[k]++;
                total[k]++;
            }
    }
    print_message("%-44s %7u %7u %9u %9u %6u of %u commands\n", "all", total[0], total[1], total[2], total[3], total[4], lines_compared);
    for (size_t i = 0; i < entries_n; i++) {
        const struct entry *e = &entries[i];
        const char *kind = kind_of(e);
        if (strcmp(kind, "same") == 0)
            continue;
        const char *why = reason_of(e);
        bool read = strcmp(kind, "absent") == 0 && is_read(e->path) && !(why && strncmp(why, "Not read here:", 14) == 0);
        if (why && only && strcmp(only, "reasons") == 0)
            print_message("%-9s %s | %s: %s\n", kind, e->label, e->path, why);
        if (!why) {
            print_message("%-9s %s | %s (types %x, recorded %x; %u of %u)\n", kind, e->label, e->path, e->simulated, e->recorded, e->same, e->seen);
            unexplained++;
        }
        if (read) {
            print_message("absent but read by the program: %s | %s\n", e->label, e->path);
            unread++;
        }
    }
    for (size_t i = 0; i < reasons_n; i++)
        print_message("%5u %s | %s: %s\n", reasons[i].used, reasons[i].label, reasons[i].path, reasons[i].why);
    for (size_t i = 0; i < reasons_n; i++)
        if (!reasons[i].used) {
            print_message("a reason that nothing needs: %s | %s\n", reasons[i].label, reasons[i].path);
            unexplained++;
        }
    if (unexplained || unread)
        fail_msg("%u differences without a reason (or reasons without a difference), %u absent paths that the program reads", unexplained, unread);
}

static void test_replies_have_the_recorded_shape(void **state)
{
    (void)state;
    const char *data = sb_test_data();
    if (!data)
        sb_test_skip("no recordings of a real server here");
    struct rig r;
    struct building b = {0};
    unsigned passed_over = 0;
    only = getenv("SIGNALBOX_CONFORMANCE_SHOW");
    read_reasons();
    read_sources();
    rig_init(&r);
    for (int i = 0; i < SIM_MEMBERS; i++) /* the driver of the recording introduced itself so */
        rig_on(&r, i, "admin", "{'hello':1,'client':{'application':{'name':'checkout'},'driver':{'name':'PyMongo|c','version':'4.20.0|'},'os':{'type':'Linux',"
                               "'name':'Linux','architecture':'x86_64','version':'6.1'},'platform':'CPython 3.11','env':{'container':{'runtime':'docker'}}}}");
    for (size_t i = 0; i < SB_COUNT(collections); i++)
        rig_ok(&r, "shop", collections[i]);
    insert_many(&r, "shop", "orders", 0, 6000, put_order);
    insert_many(&r, "shop", "carts", 0, 300, put_cart);
    insert_many(&r, "shop", "products", 0, 90, put_product);
    insert_many(&r, "crm", "users", 0, 200, put_user);
    each_line(data, "catalogue", plain, &r, NULL);
    each_line(data, "explain", plain, &r, NULL);
    each_line(data, "profile", profile_line, &r, NULL);
    each_line(data, "errors", plain, &r, NULL);
    insert_many(&r, "shop", "big", 0, 3000, put_big);
    r.s->costs.build_doc_us = 3000;
    each_line(data, "index-build", building_line, &r, &b);
    rig_pass(&r, 5); /* the others hear of the end of the last build */
    each_line(data, "server", plain, &r, NULL);
    each_line(data, "election", election_line, &r, &passed_over);
    print_message("recorded while the primary stepped down and compared by test_repl: %u\n", passed_over);
    report();
    sim_conn_close(b.conn);
    sim_w_release(&b.w);
    free(b.answer);
    free(b.dropped);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_have_the_recorded_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
