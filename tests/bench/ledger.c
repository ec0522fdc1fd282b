/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ledger is measured with, and what it is measured against.
 *
 *   fill DIR N [OPEN]   makes a ledger of N entries in the proportions of real cases (in one transaction: only its size counts);
 *                       the last OPEN of them have a card that awaits approval
 *   verify DIR          sb_ledger_verify; prints nanoseconds of CPU time an entry
 *   peer-verify DIR     the peer: SELECTs the same rows in order and hashes each with EVP; the same
 *   append DIR N        N durable appends, and by turns the peer's: the same bytes into a bare table with the same journal and
 *                       sync settings; prints the microseconds of one append of either
 *   open DIR            opens as owner and lists what is open; prints microseconds
 *   search DIR [WHAT]   goes through all entries with an expression that fits none; prints nanoseconds of CPU time an entry
 *   page DIR            worst of 200 pages of 50 rows at random places; prints microseconds
 */
#include <signalbox/base/file.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/ledger/verify.h>

#include <inttypes.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "bench ledger: %s\n", what);
    exit(1);
}

/* CPU time of the process: what is compared is work, and the machine may be busy with other things. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- entries as they come ---- */

struct kind_of {
    int kind;
    const char *body;
    json_t *json;
};

#define STATE(event, from, to) {SB_ENTRY_STATE, "{\"event\":\"" event "\",\"from\":\"" from "\",\"to\":\"" to "\",\"note\":\"policy wants it approved\"}", NULL}
#define INPUT \
    "{\"v\":1,\"stage\":\"gate\",\"action\":{\"kind\":\"index.create\",\"class\":\"costly\",\"ns\":[\"shop.orders\"],\"commands\":[\"createIndexes\"],\"risk\":\"low\"," \
    "\"reversible\":true,\"has_undo\":true,\"est_docs\":1200000,\"est_bytes\":48000000,\"est_duration_s\":40,\"index\":{\"name\":\"status_1\",\"unique\":false,\"options\":0}}," \
    "\"plan\":{\"case\":\"K-000001\",\"card\":\"C-000001\",\"revision\":1,\"sha256\":\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\",\"steps\":1}," \
    "\"actor\":{\"principal\":\"index_optimizer\",\"kind\":\"rule\",\"groups\":[]},\"author\":{\"principal\":\"index_optimizer\",\"kind\":\"rule\"},\"editors\":[],\"approvals\":[]," \
    "\"target\":{\"deployment\":\"shop\",\"id\":\"657e1f77bcf86cd799439011\",\"env\":\"prod\",\"version\":\"7.0.14\",\"topology\":\"replica_set\",\"simulated\":false}," \
    "\"health\":{\"members\":3,\"members_up\":3,\"lag_s\":0,\"primary\":true,\"builds\":0,\"queued\":0,\"cache_ppm\":410000}}"
#define VERDICT(stage, decision) {SB_ENTRY_VERDICT, "{\"stage\":\"" stage "\",\"verdict\":{\"decision\":\"" decision "\",\"rules\":[{\"id\":\"APP-01\",\"level\":\"hard\"," \
    "\"effect\":\"require\",\"result\":\"true\",\"decides\":true,\"title\":\"In prod somebody other than the author approves\",\"values\":{\"action.kind\":\"index.create\",\"target.env\":\"prod\"}}]," \
    "\"requires\":{\"approvals\":1,\"groups\":[],\"windows\":[],\"checks\":[],\"not_author\":true,\"typed_target\":true},\"would_flip\":[\"one approval by somebody other than index_optimizer\"]," \
    "\"policy\":{\"bundle\":\"default\",\"version\":\"2026.11.1\",\"sha256\":\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\"}},\"input\":" INPUT "}", NULL}
#define COMMAND(text) {SB_ENTRY_COMMAND, "{\"member\":\"db1.example.net:27017\",\"command\":\"" text "\",\"millis\":3,\"error\":null}", NULL}

static struct kind_of kinds[] = {
    {SB_ENTRY_ANOMALY, "{\"anomaly\":{\"id\":\"A-000001\",\"title\":\"Reads of shop.orders take 38 times as long\",\"from\":\"2026-01-05T09:00:00.000Z\",\"detected_at\":\"2026-01-05T09:01:00.000Z\","
                       "\"to\":null,\"severity\":\"high\",\"class\":\"code\",\"confidence_ppm\":870000,\"namespaces\":[\"shop.orders\"],\"apps\":[\"checkout\"],\"members\":[],\"shapes\":[],"
                       "\"signals\":[{\"metric\":\"ns.read_latency_us\",\"subject\":\"shop.orders\",\"unit\":\"us\",\"baseline\":410,\"value\":15600,\"score_ppm\":990000}],\"causes\":[],\"unexplained_ppm\":130000,\"evidence\":[]}}", NULL},
    {SB_ENTRY_REQUEST, "{\"case\":{\"id\":\"K-000001\",\"text\":\"orders is slow since 14:05, what happened?\",\"requested_by\":\"alice\",\"opened_at\":\"2026-01-05T09:00:00.000Z\"}}", NULL},
    {SB_ENTRY_INTENT, "{\"reading\":{\"intent\":\"index.review\",\"confidence_ppm\":910000,\"runner_up_ppm\":40000,\"slots\":{\"ns\":\"shop.orders\"},\"reason\":\"slow, a namespace\"}}", NULL},
    COMMAND("{\\\"aggregate\\\":\\\"orders\\\",\\\"pipeline\\\":[{\\\"$indexStats\\\":{}}],\\\"$db\\\":\\\"shop\\\"}"),
    COMMAND("{\\\"listIndexes\\\":\\\"orders\\\",\\\"$db\\\":\\\"shop\\\"}"),
    COMMAND("{\\\"collStats\\\":\\\"orders\\\",\\\"$db\\\":\\\"shop\\\"}"),
    {SB_ENTRY_HANDOFF, "{\"handoff\":{\"from\":\"anomaly_detector\",\"to\":\"index_optimizer\",\"at\":\"2026-01-05T09:00:00.000Z\",\"why\":\"reads examine 20000 documents for one returned\",\"risk\":\"a build on the primary\","
                       "\"evidence\":[{\"source\":\"slow query log of db1\",\"ns\":\"shop.orders\",\"what\":\"documents examined per returned\",\"value\":\"20000 to 1\",\"coverage\":\"measured\",\"taken_at\":\"2026-01-05T09:00:00.000Z\"}]}}", NULL},
    {SB_ENTRY_RECOMMENDATION, "{\"card\":{\"id\":\"C-000001\",\"revision\":1,\"case\":\"K-000001\",\"deployment\":\"shop\",\"environment\":\"prod\",\"simulated\":false,\"kind\":\"create_index\",\"title\":\"Create index status_1 on shop.orders\","
                              "\"why\":\"Every read of open orders examines the whole collection.\",\"target\":\"shop.orders\",\"index_name\":\"status_1\",\"confidence_ppm\":870000,\"author\":\"index_optimizer\",\"requested_by\":\"alice\","
                              "\"created_at\":\"2026-01-05T09:00:00.000Z\",\"steps\":[{\"n\":1,\"class\":\"I\",\"do\":\"{\\\"createIndexes\\\":\\\"orders\\\",\\\"indexes\\\":[{\\\"key\\\":{\\\"status\\\":{\\\"$numberInt\\\":\\\"1\\\"}},\\\"name\\\":\\\"status_1\\\"}],\\\"$db\\\":\\\"shop\\\"}\","
                              "\"undo\":\"{\\\"dropIndexes\\\":\\\"orders\\\",\\\"index\\\":\\\"status_1\\\",\\\"$db\\\":\\\"shop\\\"}\",\"undo_label\":\"lossless\",\"control\":\"abortable\",\"check_before\":[{\"check\":\"primary\"},{\"check\":\"members_up\"}],\"check_after\":[{\"check\":\"index_built\",\"ns\":\"shop.orders\",\"name\":\"status_1\"}]}],"
                              "\"blast_radius\":{\"namespaces\":[\"shop.orders\"],\"apps\":[\"checkout\",\"reports\"],\"documents\":1200000,\"bytes\":480000000,\"members\":3,\"writes_per_s_milli\":120000,\"reads_per_s_milli\":900000,\"est_duration_ms\":40000,\"est_bytes\":48000000},"
                              "\"impact\":{\"score_ppm\":620000,\"time_ms\":840000,\"docs_saved\":12000000,\"bytes\":48000000,\"writes_per_s_milli\":120000},\"rejected\":[{\"key\":\"{ created_at: 1 }\",\"reason\":\"the equality comes first\"}],"
                              "\"evidence\":[{\"source\":\"slow query log of db1\",\"ns\":\"shop.orders\",\"what\":\"documents examined per returned\",\"value\":\"20000 to 1\",\"coverage\":\"measured\",\"taken_at\":\"2026-01-05T09:00:00.000Z\"}],"
                              "\"watch\":{\"window_s\":300,\"min_operations\":100,\"criteria\":[]},\"approve_by\":\"2026-01-06T09:00:00.000Z\",\"execute_by\":\"2026-01-07T09:00:00.000Z\"}}", NULL},
    STATE("propose", "draft", "proposed"),
    VERDICT("gate", "require"),
    STATE("require", "proposed", "awaiting_approval"),
    {SB_ENTRY_APPROVAL, "{\"approval\":{\"by\":\"alice\",\"how\":\"console\",\"hash\":\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\",\"revision\":1,\"at\":\"2026-01-05T09:01:00.000Z\",\"nonce\":\"0f1e2d3c4b5a69788796a5b4c3d2e1f0\"}}", NULL},
    VERDICT("approve", "allow"),
    STATE("approved", "awaiting_approval", "approved"),
    VERDICT("execute", "allow"),
    STATE("start", "approved", "executing"),
    {SB_ENTRY_STEP_RESULT, "{\"step\":1,\"try\":1,\"undo\":false,\"outcome\":\"ok\",\"reply\":\"{ \\\"numIndexesBefore\\\": 1, \\\"numIndexesAfter\\\": 2, \\\"commitQuorum\\\": \\\"votingMembers\\\", \\\"ok\\\": 1 }\",\"millis\":41230}", NULL},
    {SB_ENTRY_STEP_VERIFIED, "{\"step\":1,\"undo\":false,\"ok\":true,\"checks\":[{\"check\":\"index_built\",\"ok\":true}]}", NULL},
    STATE("steps_done", "executing", "watching"),
    {SB_ENTRY_WATCH, "{\"report\":{\"observed_s\":300,\"missing_s\":0,\"operations\":5000,\"verdict\":\"PASS\",\"reason\":\"every criterion held\"}}", NULL},
    STATE("watch_pass", "watching", "done"),
    {SB_ENTRY_CASE_CLOSE, "{\"outcome\":\"the index helped: reads are 36 times as fast\"}", NULL},
    {SB_ENTRY_ANOMALY, "{\"anomaly\":{\"id\":\"A-000001\",\"title\":\"Reads of shop.orders take 38 times as long\",\"from\":\"2026-01-05T09:00:00.000Z\",\"detected_at\":\"2026-01-05T09:01:00.000Z\",\"to\":\"2026-01-05T09:20:00.000Z\",\"confidence_ppm\":870000,\"namespaces\":[\"shop.orders\"],\"apps\":[],\"members\":[],\"shapes\":[],\"signals\":[],\"causes\":[],\"unexplained_ppm\":0,\"evidence\":[]}}", NULL},
    {SB_ENTRY_SAMPLER, "{\"from\":\"2026-01-05T09:00:00.000Z\",\"to\":\"2026-01-05T09:10:00.000Z\",\"commands\":5400,\"errors\":0,\"log_gaps\":0}", NULL},
};

#define OPEN_FIRST 1  /* of the kinds above: from the request */
#define OPEN_KINDS 10 /* to the state in which a card awaits approval */

struct ids {
    char case_id[24], card[24], anomaly[24], decision[24];
    json_t *own; /* a body of its own; NULL: it has none */
};

/* A body that is about this very card or case, and still lies ahead. The caller frees it. */
static json_t *open_body(const json_t *of_all, const char *what, const char *id, const char *case_id)
{
    json_t *body = json_deep_copy(of_all), *record = json_object_get(body, what);
    if (!record || json_object_set_new(record, "id", json_string(id)) ||
        (case_id && (json_object_set_new(record, "case", json_string(case_id)) || json_object_set_new(record, "approve_by", json_string("2126-01-06T09:00:00.000Z")) ||
                     json_object_set_new(record, "execute_by", json_string("2126-01-07T09:00:00.000Z")))))
        die("out of memory");
    return body;
}

/* The i-th entry, from number `open` on one of a card that awaits approval; its texts live in ids and in constants, its body
 * in ids where it is its own. */
static struct sb_entry make_entry(int64_t i, int64_t open, struct ids *ids)
{
    int64_t all = (int64_t)SB_COUNT(kinds), n = i < open ? i / all + 1 : open / all + 2 + (i - open) / OPEN_KINDS;
    struct kind_of *k = &kinds[i < open ? i % all : OPEN_FIRST + (i - open) % OPEN_KINDS];
    if (!k->json)
        k->json = json_loads(k->body, 0, NULL);
    if (!k->json)
        die(k->body);
    snprintf(ids->case_id, sizeof ids->case_id, "K-%06" PRId64, n);
    snprintf(ids->card, sizeof ids->card, "C-%06" PRId64, n);
    snprintf(ids->anomaly, sizeof ids->anomaly, "A-%06" PRId64, n);
    snprintf(ids->decision, sizeof ids->decision, "d-%06" PRId64, i);
    json_decref(ids->own);
    ids->own = i < open ? NULL
               : k->kind == SB_ENTRY_REQUEST ? open_body(k->json, "case", ids->case_id, NULL)
               : k->kind == SB_ENTRY_RECOMMENDATION ? open_body(k->json, "card", ids->card, ids->case_id)
                                                     : NULL;
    bool of_card = k->kind != SB_ENTRY_ANOMALY && k->kind != SB_ENTRY_REQUEST && k->kind != SB_ENTRY_INTENT && k->kind != SB_ENTRY_SAMPLER;
    static char who[] = "alice", uid[] = "1000", session[] = "4", tty[] = "/dev/pts/3", deployment[] = "shop";
    static char policy[] = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    return (struct sb_entry){
        .kind = k->kind, .actor = {.principal = who, .loginuid = uid, .session = session, .tty = tty},
        .plan = {.case_id = k->kind == SB_ENTRY_SAMPLER || k->kind == SB_ENTRY_ANOMALY ? NULL : ids->case_id, .card = of_card ? ids->card : NULL,
                 .anomaly = k->kind == SB_ENTRY_ANOMALY ? ids->anomaly : NULL, .deployment = deployment},
        .decision = k->kind == SB_ENTRY_VERDICT ? ids->decision : NULL, .policy = policy, .body = ids->own ? ids->own : k->json,
    };
}

static sqlite3 *open_db(const char *path, const char *pragmas)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    return q;
}

static void run(sqlite3_stmt *q)
{
    if (sqlite3_step(q) != SQLITE_DONE)
        die(sqlite3_errmsg(sqlite3_db_handle(q)));
    sqlite3_reset(q);
}

static struct sb_ledger *own(const char *dir, struct sb_origin *origin)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = sb_ledger_open(dir, SB_LEDGER_OWN, origin, &err);
    if (!l)
        die(err.msg);
    return l;
}

/* ---- modes ---- */

static void fill(const char *dir, int64_t n, int64_t cards)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    char path[4096], log[33];
    sb_origin_seeded(&origin, 1);
    struct sb_ledger *l = own(dir, &origin);
    snprintf(log, sizeof log, "%s", sb_ledger_id(l));
    sb_ledger_close(l);
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    sqlite3 *db = open_db(path, "PRAGMA synchronous=OFF; PRAGMA cache_size=-200000; BEGIN");
    sqlite3_stmt *entry = prepare(db, "INSERT INTO entry VALUES(?1, ?2, ?3)"), *ref = prepare(db, "INSERT INTO ref VALUES(?1, ?2)");
    struct sb_hasher *hasher = sb_hasher_new();
    struct sb_hash leaf;
    struct sb_str json;
    sb_str_init(&json);
    struct ids ids = {.own = NULL};
    for (int64_t i = 0; i < n; i++) {
        struct sb_entry e = make_entry(i, n - cards * OPEN_KINDS, &ids);
        struct sb_entry_place where = {log, i ? &leaf : NULL, i + 1, INT64_C(1767603600000) + i * 1000, i * 1000, &origin};
        sb_str_clear(&json);
        if (sb_entry_encode(&e, &where, &json, &err) || sb_merkle_leaf(hasher, &leaf, json.p, json.len))
            die(err.msg);
        sqlite3_bind_int64(entry, 1, i + 1);
        sqlite3_bind_blob(entry, 2, leaf.bytes, SB_HASH_LEN, SQLITE_STATIC);
        sqlite3_bind_text(entry, 3, json.p, (int)json.len, SQLITE_STATIC);
        run(entry);
        const char *refs[] = {e.plan.case_id, e.plan.card, e.plan.anomaly, e.decision};
        for (size_t k = 0; k < SB_COUNT(refs); k++)
            if (refs[k]) {
                sqlite3_bind_text(ref, 1, refs[k], -1, SQLITE_STATIC);
                sqlite3_bind_int64(ref, 2, i + 1);
                run(ref);
            }
    }
    sqlite3_finalize(entry);
    sqlite3_finalize(ref);
    json_decref(ids.own);
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    sqlite3_close(db);
    sb_hasher_free(hasher);
    sb_str_release(&json);
    l = own(dir, &origin); /* derived tables and checkpoint follow */
    if (sb_ledger_head(l) != n || !sb_ledger_writable(l, NULL))
        die("the ledger was not made");
    sb_ledger_close(l);
}

static void verify(const char *dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_verify v;
    int64_t start = cpu_ns();
    if (sb_ledger_verify(dir, 0, NULL, NULL, &v, &err))
        die(err.msg);
    if (!v.ok)
        die(v.what);
    printf("%" PRId64 "\n", (cpu_ns() - start) / v.entries);
}

static void peer_verify(const char *dir)
{
    char path[4096];
    int64_t n = 0, start = cpu_ns();
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    sqlite3 *db = open_db(path, "PRAGMA query_only=ON");
    sqlite3_stmt *q = prepare(db, "SELECT seq, leaf, json FROM entry ORDER BY seq");
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char hash[32], sum = 0;
    for (; sqlite3_step(q) == SQLITE_ROW; n++) {
        const void *json = sqlite3_column_blob(q, 2);
        if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 || EVP_DigestUpdate(ctx, json, (size_t)sqlite3_column_bytes(q, 2)) != 1 || EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
            die("EVP");
        sum ^= hash[0];
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    if (n == 0)
        die("no entries");
    fprintf(stderr, "%c", sum == 1 ? ' ' : '\0'); /* the sum is used */
    printf("%" PRId64 "\n", (cpu_ns() - start) / n);
}

/* ---- durable appends: ours, and the same bytes into a bare table ---- */

/* The i-th append of one side; microseconds are of the whole of it. */
struct appending {
    struct sb_ledger *ledger; /* ours */
    sqlite3 *db;              /* the peer's */
    sqlite3_stmt *insert;
    struct sb_str *json; /* of the peer; made beforehand: only the writing is timed */
    int64_t n, ns;
};

static void begin_ours(struct appending *a, const char *dir, struct sb_origin *origin, int64_t n)
{
    *a = (struct appending){.ledger = own(dir, origin), .n = n};
}

static void begin_peer(struct appending *a, const char *dir, struct sb_origin *origin, int64_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_hash leaf = {{0}};
    char path[4096];
    snprintf(path, sizeof path, "%s/peer.db", dir);
    *a = (struct appending){.json = calloc((size_t)n, sizeof *a->json), .n = n};
    a->db = open_db(path, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; CREATE TABLE IF NOT EXISTS entry(seq INTEGER PRIMARY KEY, leaf BLOB, json TEXT)");
    a->insert = prepare(a->db, "INSERT INTO entry(leaf, json) VALUES(zeroblob(32), ?1)");
    if (!a->json)
        die("out of memory");
    for (int64_t i = 0; i < n; i++) {
        struct ids ids = {.own = NULL};
        struct sb_entry e = make_entry(i, INT64_MAX, &ids);
        struct sb_entry_place where = {"0123456789abcdef0123456789abcdef", &leaf, i + 1, 1, 1, origin};
        sb_str_init(&a->json[i]);
        if (sb_entry_encode(&e, &where, &a->json[i], &err))
            die(err.msg);
    }
}

static void append_one(struct appending *a, int64_t i)
{
    struct sb_err err = SB_ERR_INIT;
    struct ids ids = {.own = NULL};
    int64_t start = sb_mono_ns();
    if (a->ledger) {
        struct sb_entry e = make_entry(i, INT64_MAX, &ids);
        if (sb_ledger_append(a->ledger, &e, &err))
            die(err.msg);
    } else {
        sqlite3_bind_text(a->insert, 1, a->json[i].p, (int)a->json[i].len, SQLITE_STATIC);
        run(a->insert);
    }
    a->ns += sb_mono_ns() - start;
}

static void end_appending(struct appending *a)
{
    sb_ledger_close(a->ledger);
    sqlite3_finalize(a->insert);
    sqlite3_close(a->db);
    for (int64_t i = 0; a->json && i < a->n; i++)
        sb_str_release(&a->json[i]);
    free(a->json);
}

/* One append of ours and one of the peer by turns, so that whatever else the machine does meets both. */
static void append(const char *dir, int64_t n)
{
    struct sb_origin origin;
    struct appending ours, peer;
    sb_origin_system(&origin);
    begin_ours(&ours, dir, &origin, n);
    begin_peer(&peer, dir, &origin, n);
    for (int64_t i = 0; i < n; i++) {
        append_one(i % 2 ? &ours : &peer, i);
        append_one(i % 2 ? &peer : &ours, i);
    }
    printf("%" PRId64 " %" PRId64 "\n", ours.ns / n / 1000, peer.ns / n / 1000);
    end_appending(&ours);
    end_appending(&peer);
}

static void open_owner(const char *dir)
{
    static const enum sb_item items[] = {SB_ITEM_CARD, SB_ITEM_CASE, SB_ITEM_ANOMALY};
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_audit_page page;
    sb_origin_system(&origin);
    int64_t start = sb_mono_ns();
    struct sb_ledger *l = own(dir, &origin);
    for (size_t i = 0; i < SB_COUNT(items); i++) {
        char **ids;
        size_t n;
        if (sb_ledger_open_ids(l, items[i], &ids, &n, &err))
            die(err.msg);
        while (n)
            free(ids[--n]);
        free(ids);
    }
    if (sb_ledger_page(l, 0, 50, &page, &err))
        die(err.msg);
    printf("%" PRId64 "\n", (sb_mono_ns() - start) / 1000);
    sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
    sb_ledger_close(l);
}

static void pages(const char *dir)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_rng rng;
    int64_t worst = 0;
    sb_origin_system(&origin);
    sb_rng_seed(&rng, 1);
    struct sb_ledger *l = own(dir, &origin);
    if (sb_ledger_head(l) < 1)
        die("the ledger holds no entry: there is no page to measure");
    for (int i = 0; i < 200; i++) {
        struct sb_audit_page page;
        int64_t before = 1 + (int64_t)sb_rng_below(&rng, (uint64_t)sb_ledger_head(l)), start = sb_mono_ns();
        if (sb_ledger_page(l, before, 50, &page, &err))
            die(err.msg);
        int64_t took = sb_mono_ns() - start;
        worst = took > worst ? took : worst;
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
    }
    printf("%" PRId64 "\n", worst / 1000);
    sb_ledger_close(l);
}

static void search(const char *dir, const char *what)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger_search s = {.matcher = sb_matcher_new(what, SB_REGEX_CASELESS, &err), .hint = sb_ledger_hint(what, SB_REGEX_CASELESS), .limit = 1};
    struct sb_audit_page page = {.before = 0};
    struct sb_ledger *l = s.matcher ? sb_ledger_open(dir, SB_LEDGER_READ, NULL, &err) : NULL;
    int64_t start = cpu_ns();
    if (!l)
        die(err.msg);
    while (!page.at_start)
        if (sb_ledger_search(l, &s, 256, &page, &err))
            die(err.msg);
    if (page.rows_n)
        die("an entry fits");
    printf("%" PRId64 "\n", (cpu_ns() - start) / page.searched_from);
    sb_ledger_close(l);
    sb_matcher_free(s.matcher);
    sb_matcher_free(s.hint);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    int64_t n = 0, cards = 0;
    if (argc > 3 && !sb_streq(mode, "search") && (sb_parse_i64(argv[3], &n) || n < 1))
        die("a number of entries is at least 1");
    if (argc > 4 && (sb_parse_i64(argv[4], &cards) || cards < 0 || cards > n / OPEN_KINDS))
        die("there are not as many entries for the cards");
    if (sb_streq(mode, "fill") && n)
        fill(argv[2], n, cards);
    else if (sb_streq(mode, "verify"))
        verify(argv[2]);
    else if (sb_streq(mode, "peer-verify"))
        peer_verify(argv[2]);
    else if (sb_streq(mode, "append") && n)
        append(argv[2], n);
    else if (sb_streq(mode, "open"))
        open_owner(argv[2]);
    else if (sb_streq(mode, "search"))
        search(argv[2], argc > 3 ? argv[3] : "q[0-9]+[^ -~]q");
    else if (sb_streq(mode, "page"))
        pages(argv[2]);
    else
        die("usage: (fill|verify|peer-verify|append|open|search|page) DIR [N [OPEN]]");
    for (size_t i = 0; i < SB_COUNT(kinds); i++)
        json_decref(kinds[i].json);
    return 0;
}
