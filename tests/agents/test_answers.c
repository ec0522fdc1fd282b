/* SPDX-License-Identifier: Apache-2.0
 *
 * What the Backup Guardian and the Data Architect answer to a question: of backups that the test writes, and of documents that it
 * makes. */
#include "test.h"

#include <bson/bson.h>
#include <signalbox/agents/backup_answer.h>
#include <signalbox/agents/schema_review.h>
#include <signalbox/base/str.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOW INT64_C(1795651200000) /* 2026-11-26T00:00:00Z */

static char *write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
    char *path = sb_format("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static char *write_manifest(const char *dir, const char *name, const char *at, const char *status)
{
    char *text = sb_format("{\"signalbox_snapshot\": 1, \"provider\": \"ebs\", \"deployment\": \"shop\", \"created_at\": \"%s\", \"completed_at\": \"%s\", \"status\": \"%s\", "
                           "\"atomic\": true, \"fsync_locked\": false, \"encrypted\": true, \"mongodb_version\": \"7.0.14\", \"fcv\": \"7.0\", \"volumes\": [{\"id\": \"snap-0a1b\", "
                           "\"member\": \"db1:27017\", \"holds\": [\"data\", \"journal\"], \"size_bytes\": 107374182400, \"status\": \"%s\", \"encrypted\": true}]}", at, at, status, status);
    char *path = write_file(dir, name, text, strlen(text));
    free(text);
    return path;
}

/* mongodump's folder of one database with one collection of one empty document. */
static char *write_dump(const char *dir)
{
    static const char metadata[] = "{\"options\": {}, \"indexes\": [{\"v\": 2, \"key\": {\"_id\": 1}, \"name\": \"_id_\"}]}";
    char *root = sb_format("%s/dump", dir), *db = sb_format("%s/dump/shop", dir);
    assert_int_equal(mkdir(root, 0700) || mkdir(db, 0700), 0);
    free(write_file(db, "orders.bson", "\5\0\0\0", 5));
    free(write_file(db, "orders.metadata.json", metadata, strlen(metadata)));
    free(db);
    return root;
}

static void says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static struct sb_backup_said ask(char *const *paths, size_t n, const char *place)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_backup_said said;
    struct sb_backup_question q = {.deployment = "shop", .place = place, .paths = paths, .paths_n = n, .now = NOW, .taken_at = NOW + 1};
    sb_assert_ok(sb_backup_answer(&q, &said, &err), err);
    return said;
}

/* Of a cluster a backup of one set is none, however whole it is; the plan tells the order of its parts without an "if". */
static void one_backup_of_a_set_is_none_of_a_cluster(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_backup_said said;
    char *dir = sb_format("%s", sb_test_dir());
    char *paths[] = {write_manifest(dir, "new.json", "2026-11-24T22:00:00Z", "completed")};
    struct sb_backup_question q = {.deployment = "shop", .paths = paths, .paths_n = 1, .shards = 2, .now = NOW, .taken_at = NOW + 1};
    sb_assert_ok(sb_backup_answer(&q, &said, &err), err);
    assert_false(said.good);
    says(said.text, "No backup of the cluster of 2 shards");
    says(said.text, "A backup of one shard is none of the cluster");
    sb_backup_said_release(&said);
    q = (struct sb_backup_question){.deployment = "shop", .paths = paths, .paths_n = 1, .shards = 2, .now = NOW, .taken_at = NOW + 1, .plan = true, .card_id = "C-1", .case_id = "K-1",
                                    .deployment_id = "cluster:1", .requested_by = "alice"};
    sb_assert_ok(sb_backup_answer(&q, &said, &err), err);
    json_t *card = sb_record_to_json(&sb_card_schema, &said.card);
    char *text = json_dumps(card, 0);
    says(text, "the balancer first, then every mongos; write down the time");
    says(text, "with all shards of the same names, the config server's set first, then each shard");
    assert_null(strstr(text, "where it is sharded"));
    free(text);
    json_decref(card);
    sb_backup_said_release(&said);
    free(paths[0]);
    free(dir);
}

static void tells_the_newest_usable_backup(void **state)
{
    (void)state;
    char *dir = sb_format("%s", sb_test_dir());
    char *paths[] = {write_manifest(dir, "old.json", "2026-11-23T02:00:00Z", "completed"), write_manifest(dir, "new.json", "2026-11-24T22:00:00Z", "completed"),
                     write_manifest(dir, "broken.json", "2026-11-25T22:00:00Z", "error"), sb_format("%s/nothing", dir), write_dump(dir)};
    struct sb_backup_said said = ask(paths, 4, NULL);
    assert_true(said.good);
    says(said.text, "new.json shop (snapshot), shown to L1: its metadata are whole and agree with the files, and its data were not read. It brings back 2026-11-24 22:00:00 UTC, 1 d 02 h ago");
    says(said.text, "Of 3 backups 1 cannot be used: ");
    says(said.text, "broken.json shop (not_done)");
    says(said.text, "Not looked at: cannot look at ");
    assert_int_equal(said.evidence_n, 4);
    assert_string_equal(said.evidence[0].coverage, "blind"); /* the places come before what was found in the others */
    assert_string_equal(said.evidence[2].coverage, "measured");
    says(said.evidence[2].value, "L1 (its metadata are whole");
    says(said.evidence[3].value, "not usable");
    assert_int_equal(said.evidence[3].taken_at, NOW + 1);
    sb_backup_said_release(&said);

    said = ask(paths, 1, "shop"); /* a snapshot says nothing of collections */
    assert_true(said.good);
    says(said.text, "it does not list what it holds, so that shop is in it is not shown");
    sb_backup_said_release(&said);

    said = ask(&paths[4], 1, "shop");
    assert_true(said.good);
    says(said.text, "1 collection of shop is in it");
    says(said.text, "(only the time of its files says so)");
    assert_string_equal(said.evidence[0].coverage, "estimated");
    sb_backup_said_release(&said);

    said = ask(&paths[4], 1, "shop.orders");
    says(said.text, "shop.orders is in it");
    sb_backup_said_release(&said);

    char *twice[] = {paths[4], paths[4]};
    said = ask(twice, 2, "crm");
    assert_false(said.good);
    assert_string_equal(said.text, "No: none of the 2 usable backups of shop holds crm.");
    sb_backup_said_release(&said);

    static const char *const others[] = {"crm", "sho", "shop.order", "shop.ord.ers"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        said = ask(&paths[4], 1, others[i]);
        assert_false(said.good);
        says(said.text, "No: the one usable backup of shop does not hold ");
        sb_backup_said_release(&said);
    }
    for (size_t i = 0; i < 5; i++)
        free(paths[i]);
    free(dir);
}

static void says_no(void **state)
{
    (void)state;
    char *dir = sb_format("%s", sb_test_dir());
    struct sb_backup_said said = ask(NULL, 0, NULL);
    assert_false(said.good);
    says(said.text, "Write \"backup PATH\" below \"deployment shop\" there");
    assert_int_equal(said.evidence_n, 1);
    assert_string_equal(said.evidence[0].coverage, "blind");
    sb_backup_said_release(&said);

    char *paths[30], name[300];
    for (int i = 0; i < 30; i++) {
        memset(name, 'n', 200); /* together far more than an error's message takes */
        snprintf(name + 200, sizeof name - 200, "%02d.json", i);
        paths[i] = write_manifest(dir, name, "2026-11-25T22:00:00Z", "error");
    }
    said = ask(paths, 30, NULL);
    assert_false(said.good);
    says(said.text, "No: shop has no usable backup; 30 were found, and none can be used: ");
    assert_true(strlen(said.text) <= 480);
    assert_int_equal(said.evidence_n, SB_BACKUP_EVIDENCE + 1);
    says(said.evidence[SB_BACKUP_EVIDENCE].value, "10 more were looked at");
    sb_backup_said_release(&said);
    for (int i = 0; i < 30; i++)
        free(paths[i]);
    free(dir);
}

/* ---- documents ---- */

static void take(struct sb_infer *in, const char *json)
{
    struct sb_err err = SB_ERR_INIT;
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!doc)
        fail_msg("%s", e.message);
    sb_assert_ok(sb_infer_document(in, bson_get_data(doc), doc->len, &err), err);
    bson_destroy(doc);
}

static const struct sb_evidence *fact(const struct sb_schema_said *said, const char *what)
{
    for (size_t i = 0; i < said->evidence_n; i++)
        if (strcmp(said->evidence[i].what, what) == 0)
            return &said->evidence[i];
    fail_msg("no evidence \"%s\"", what);
    return NULL;
}

static void tells_a_schema(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_findings findings;
    struct sb_schema_said said = {.evidence_n = 0};
    struct sb_schema_coverage cover = {.how = SB_COVERAGE_SAMPLE, .documents = 1000, .sampled = 40, .member = "db2:27017"};
    struct sb_infer *in = sb_infer_new(&err);
    for (int i = 0; i < 40; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"_id\": %d, \"total\": %s, \"when\": \"2026-11-%02d\", \"contact\": {\"address\": \"ann%d@example.org\"}%s}", i, i % 2 ? "1" : "\"one\"", i % 28 + 1, i,
                 i < 10 ? ", \"custName\": true, \"cust_name\": true" : "");
        take(in, json);
    }
    sb_infer_finish(in);
    sb_assert_ok(sb_schema_find(in, &findings, &err), err);
    sb_assert_ok(sb_schema_tell(in, &findings, "crm.users", &cover, NOW, &said, &err), err);
    says(said.text, "crm.users: 40 of 1000 documents were looked at (4.0 %), by $sample on db2:27017; what fewer than 7.5 % have may not have been seen. 7 fields: _id (int), ");
    says(said.text, "contact (object), contact.address (string), ");
    says(said.text, "custName (bool, in 25 %)");
    says(said.text, "total: several types: ");
    says(said.text, "when: dates kept as strings");
    says(said.text, "a twin of ");
    says(said.text, "Personal data, suggested as sensitive to policy: contact.address (email).");
    assert_null(strstr(said.text, "example.org")); /* no value */
    assert_string_equal(fact(&said, "fields")->coverage, "sampled 4.0 %");
    assert_string_equal(fact(&said, "mixed_types, total")->source, "$sample on db2:27017");
    assert_null(strstr(fact(&said, "personal_data, contact.address")->value, "example.org"));
    assert_int_equal(fact(&said, "dates_in_strings, when")->taken_at, NOW);
    sb_schema_said_release(&said);

    cover = (struct sb_schema_coverage){.how = SB_COVERAGE_FIRST, .documents = -1, .sampled = 40, .member = "db2:27017"};
    sb_assert_ok(sb_schema_tell(in, &findings, "crm.users", &cover, NOW, &said, &err), err);
    says(said.text, "40 documents were looked at, of how many is not known, by the first documents on db2:27017, which is no random sample");
    assert_string_equal(fact(&said, "fields")->coverage, "estimated");
    sb_schema_said_release(&said);
    cover = (struct sb_schema_coverage){.how = SB_COVERAGE_ALL, .documents = 40, .sampled = 40, .member = "db2:27017"};
    sb_assert_ok(sb_schema_tell(in, &findings, "crm.users", &cover, NOW, &said, &err), err);
    says(said.text, "all 40 documents were looked at");
    assert_string_equal(fact(&said, "fields")->coverage, "measured");
    sb_schema_said_release(&said);
    sb_schema_findings_release(&findings);
    sb_infer_free(in);
}

/* What is long is cut and counted. */
static void tells_a_wide_schema_in_short(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_findings findings;
    struct sb_schema_said said = {.evidence_n = 0};
    struct sb_schema_coverage cover = {.how = SB_COVERAGE_ALL, .documents = 30, .sampled = 30, .member = "db2:27017"};
    struct sb_infer *in = sb_infer_new(&err);
    for (int i = 0; i < 30; i++) {
        struct sb_str json;
        sb_str_init(&json);
        sb_str_adds(&json, "{\"_id\": 1");
        for (int k = 0; k < 70; k++) /* letters only: names that are numbers would be folded */
            sb_str_addf(&json, ", \"%c%c field\": %s", 'a' + k / 26, 'a' + k % 26, i % 2 ? "1" : "\"x\"");
        sb_str_addc(&json, '}');
        take(in, json.p);
        sb_str_release(&json);
    }
    sb_infer_finish(in);
    sb_assert_ok(sb_schema_find(in, &findings, &err), err);
    sb_assert_ok(sb_schema_tell(in, &findings, "crm.users", &cover, NOW, &said, &err), err);
    says(said.text, "71 fields: _id (int), ");
    says(said.text, " and 46 more.");
    says(said.text, "; and 62 more.");
    says(said.text, "No field looks like personal data.");
    assert_int_equal(said.evidence_n, SB_REVIEW_FINDINGS + 2);
    says(fact(&said, "findings")->value, "20 more");
    sb_schema_said_release(&said);
    sb_schema_findings_release(&findings);
    sb_infer_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_backup_of_a_set_is_none_of_a_cluster), cmocka_unit_test(tells_the_newest_usable_backup),
        cmocka_unit_test(says_no),
        cmocka_unit_test(tells_a_schema),
        cmocka_unit_test(tells_a_wide_schema_in_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
