/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/lock.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sb_origin origin;

static int set_up(void **state)
{
    (void)state;
    sb_origin_seeded(&origin, 7);
    return 0;
}

static struct sb_ledger *own(const char *dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = sb_ledger_open(dir, SB_LEDGER_OWN, &origin, &err);
    if (!l)
        fail_msg("%s", err.msg);
    return l;
}

static struct sb_entry entry(int kind, const char *case_id, const char *card, json_t *body)
{
    struct sb_entry e = {.kind = kind, .body = body};
    assert_non_null(body);
    assert_int_equal(sb_str_set(&e.actor.principal, "alice") | sb_str_set(&e.plan.case_id, case_id) | sb_str_set(&e.plan.card, card), 0);
    return e;
}

static int64_t add(struct sb_ledger *l, int kind, const char *case_id, const char *card, json_t *body)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_entry e = entry(kind, case_id, card, body);
    sb_assert_ok(sb_ledger_append(l, &e, &err), err);
    int64_t seq = e.seq;
    assert_true(e.ts > 0);
    sb_entry_release(&e);
    return seq;
}

static json_t *card_body(const char *id, const char *title)
{
    struct sb_card c = {.revision = 1};
    assert_int_equal(sb_str_set(&c.id, id) | sb_str_set(&c.title, title), 0);
    json_t *json = json_pack("{s:o}", "card", sb_record_to_json(&sb_card_schema, &c));
    sb_card_release(&c);
    return json;
}

static json_t *case_body(const char *id, const char *text)
{
    struct sb_case c = {.opened_at = 1};
    assert_int_equal(sb_str_set(&c.id, id) | sb_str_set(&c.text, text), 0);
    json_t *json = json_pack("{s:o}", "case", sb_record_to_json(&sb_case_schema, &c));
    sb_case_release(&c);
    return json;
}

static json_t *state_body(const char *event, const char *from, const char *to)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "event", event, "from", from, "to", to, "note", "because");
}

static void what_is_appended_is_read_back(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(dir);
    assert_int_equal(sb_ledger_head(l), 0);
    assert_int_equal(strlen(sb_ledger_id(l)), 32);
    char id[33];
    memcpy(id, sb_ledger_id(l), sizeof id);
    assert_int_equal(add(l, SB_ENTRY_REQUEST, "K-000001", NULL, case_body("K-000001", "orders is \"slow\"\n")), 1);
    assert_int_equal(add(l, SB_ENTRY_RECOMMENDATION, "K-000001", "C-000004", card_body("C-000004", "Create an index")), 2);
    assert_int_equal(add(l, SB_ENTRY_STATE, "K-000001", "C-000004", state_body("require", "proposed", "awaiting_approval")), 3);
    sb_ledger_close(l);

    l = own(dir);
    assert_string_equal(sb_ledger_id(l), id);
    assert_int_equal(sb_ledger_head(l), 3);
    assert_true(sb_ledger_writable(l, NULL));
    struct sb_card card;
    sb_assert_ok(sb_ledger_card(l, "C-000004", &card, &err), err);
    assert_string_equal(card.title, "Create an index");
    assert_int_equal(card.state, SB_AWAITING_APPROVAL);
    sb_card_release(&card);
    struct sb_case c;
    sb_assert_ok(sb_ledger_case(l, "K-000001", &c, &err), err);
    assert_string_equal(c.text, "orders is \"slow\"\n");
    assert_int_equal(c.cards_n, 1);
    sb_case_release(&c);
    assert_int_equal(sb_ledger_case(l, "K-000009", &c, &err), -1);
    assert_int_equal(err.code, SB_EINPUT);
    struct sb_entry e;
    sb_assert_ok(sb_ledger_entry(l, 2, &e, &err), err);
    assert_int_equal(e.kind, SB_ENTRY_RECOMMENDATION);
    assert_int_equal(e.seq, 2);
    assert_string_equal(e.actor.principal, "alice");
    sb_entry_release(&e);
    assert_int_equal(sb_ledger_entry(l, 4, &e, &err), -1);
    sb_ledger_close(l);
}

static void pages_go_back_by_key(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(sb_test_dir());
    for (int i = 0; i < 25; i++)
        add(l, SB_ENTRY_ACK, NULL, NULL, json_pack("{s:s}", "by", "bob"));
    struct sb_audit_page page;
    int64_t before = 0, expected = 25;
    for (;;) {
        sb_assert_ok(sb_ledger_page(l, before, 10, &page, &err), err);
        assert_int_equal(page.head, 25);
        for (size_t i = 0; i < page.rows_n; i++)
            assert_int_equal(page.rows[i].seq, expected--);
        assert_string_equal(page.rows[0].text, "taken by bob");
        before = page.rows[page.rows_n - 1].seq;
        bool end = page.at_start;
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
        if (end)
            break;
    }
    assert_int_equal(expected, 0);
    sb_ledger_close(l);
}

/* What a search finds, in either direction and in pieces, is what comparing the words of all rows finds. */
static void a_search_finds_what_comparing_every_row_finds(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        unsigned flags;
        bool without;
    } cases[] = {{"", 0, false}, {"", 0, true}, {"BOB", SB_REGEX_CASELESS, false}, {"BOB", 0, false}, {"alice.*ack", 0, true}, {"C-00000[13]", 0, false},
                 {"caf\xC3\xA9 \"\\(", SB_REGEX_PLAIN, false}, {"sampler: 1[0-9] ", 0, false}, {"K-000002$", 0, false}, {"#1[0-9]  ", 0, false},
                 {"policy at gate: allow$", 0, false}, {"approved 0123456789ab$", 0, false}, {"step 3 \\(undo\\): result ok$", 0, false}, {"step 4: result \\?$", 0, false},
                 {"step 3: verified by reading back$", 0, false}, {"reading back found it not done$", 0, true}, {"watching: 7 s observed, -9 operations$", 0, false},
                 {"verdict PASS: good$", 0, false}, {"slow \\(over\\)$", 0, false}, {"quick$", 0, false}, {"stopped: of many$", 0, false}, {"gate: ALLOW", SB_REGEX_CASELESS, false},
                 {"draft -> proposed: a\ttab", SB_REGEX_PLAIN, false}, {"policy at [^:]*: allow", 0, false}, {"TAKEN by bob", SB_REGEX_CASELESS, false},
                 {"of MANY$", SB_REGEX_CASELESS, false}, {"c-000002 .*DRAFT", SB_REGEX_CASELESS, false}, {"bo\xC5\xBF", SB_REGEX_CASELESS, true},
                 {"planned for P; 2 before it were missed$", 0, false}, {"set back by 400 d 00 h; 1 planned run ", 0, false}, {"400", SB_REGEX_PLAIN, false}};
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(sb_test_dir());
    for (int i = 0; i < 12; i++) {
        add(l, SB_ENTRY_ACK, NULL, NULL, json_pack("{s:s}", "by", i % 3 ? "bob" : "caf\xC3\xA9 \"\\("));
        add(l, SB_ENTRY_STATE, "K-000002", i % 2 ? "C-000001" : "C-000002", json_pack("{s:s,s:s,s:s,s:s}", "event", "propose", "from", "draft", "to", "proposed", "note", "a\ttab"));
        add(l, SB_ENTRY_SAMPLER, NULL, NULL, json_pack("{s:i,s:i}", "commands", i, "errors", 0));
    }
    add(l, SB_ENTRY_VERDICT, "K-000002", "C-000001", json_pack("{s:{s:[i,{s:s}]},s:s,s:{s:s}}", "input", "list", 1, "}]", "\"]}", "stage", "gate", "verdict", "decision", "allow"));
    add(l, SB_ENTRY_APPROVAL, NULL, "C-000001", json_pack("{s:{s:s}}", "approval", "hash", "0123456789abcdef"));
    add(l, SB_ENTRY_STEP_RESULT, NULL, "C-000001", json_pack("{s:i,s:b,s:s}", "step", 3, "undo", 1, "outcome", "ok"));
    add(l, SB_ENTRY_STEP_RESULT, NULL, "C-000001", json_pack("{s:i,s:n}", "step", 4, "outcome"));
    add(l, SB_ENTRY_STEP_VERIFIED, NULL, "C-000001", json_pack("{s:i,s:b}", "step", 3, "ok", 1));
    add(l, SB_ENTRY_STEP_VERIFIED, NULL, "C-000001", json_pack("{s:i,s:b,s:b}", "step", 3, "undo", 1, "ok", 0));
    add(l, SB_ENTRY_WATCH, NULL, "C-000001", json_pack("{s:{s:s,s:i,s:i}}", "report", "verdict", sb_name(&sb_verdicts, SB_VERDICT_NONE), "observed_s", 7, "operations", -9));
    add(l, SB_ENTRY_WATCH, NULL, "C-000001", json_pack("{s:{s:s,s:s}}", "report", "verdict", "PASS", "reason", "good"));
    add(l, SB_ENTRY_ANOMALY, NULL, NULL, json_pack("{s:{s:s,s:s}}", "anomaly", "title", "slow", "to", "2026-01-05T09:00:00.000Z"));
    add(l, SB_ENTRY_ANOMALY, NULL, NULL, json_pack("{s:{s:s,s:n}}", "anomaly", "title", "quick", "to"));
    json_t *many = json_pack("{s:s}", "reason", "of many");
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof key, "a%02d", i);
        json_object_set_new(many, key, json_integer(i));
    }
    add(l, SB_ENTRY_STOP, NULL, NULL, many);
    add(l, SB_ENTRY_REQUEST, "K-000004", NULL, json_pack("{s:{s:s,s:s},s:s,s:i}", "case", "id", "K-000004", "text", "faster", "planned", "P", "missed", 2));
    add(l, SB_ENTRY_CLOCK, NULL, NULL, json_pack("{s:I,s:i}", "jump_ms", (json_int_t)INT64_C(-34560000000), "already_run", 1));
    struct sb_audit_page all;
    size_t hints = 0;
    sb_assert_ok(sb_ledger_page(l, 0, 500, &all, &err), err);
    assert_int_equal(all.rows_n, 49);
    for (size_t c = 0; c < SB_COUNT(cases) * 2; c++) {
        bool upward = c % 2;
        struct sb_matcher *hint = sb_ledger_hint(cases[c / 2].match, cases[c / 2].flags);
        hints += hint != NULL;
        struct sb_matcher *m = sb_matcher_new(cases[c / 2].match, cases[c / 2].flags, &err);
        assert_non_null(m);
        struct sb_ledger_search s = {.matcher = m, .hint = hint, .without = cases[c / 2].without, .upward = upward, .limit = 500};
        struct sb_audit_page page = {.before = 0};
        for (int guard = 0; !page.at_start && guard < 100; guard++)
            sb_assert_ok(sb_ledger_search(l, &s, 7, &page, &err), err);
        assert_true(page.at_start);
        assert_int_equal(page.searched_from, upward ? 1 : 49);
        assert_int_equal(page.searched_to, upward ? 49 : 1);
        size_t n = 0;
        for (size_t i = 0; i < all.rows_n; i++) {
            const struct sb_audit_row *row = &all.rows[upward ? all.rows_n - 1 - i : i];
            struct sb_str words;
            sb_str_init(&words);
            sb_audit_row_words(row, &words);
            if ((sb_matcher_match(m, words.p, words.len) == 1) != cases[c / 2].without) {
                assert_true(n < page.rows_n);
                assert_true(sb_record_equal(&sb_audit_row_schema, &page.rows[n], row));
                n++;
            }
            sb_str_release(&words);
        }
        assert_int_equal(n, page.rows_n);
        assert_true(n > 0 || c / 2 == 1 || c / 2 == 3 || c / 2 == 8); /* each finds something, but where nothing can */
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
        sb_matcher_free(m);
        sb_matcher_free(hint);
    }
    assert_true(hints >= 8); /* with and without one, the same is found */
    sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &all);
    sb_ledger_close(l);
}

static void a_search_ends_where_it_has_enough_and_goes_on_from_there(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(sb_test_dir());
    for (int i = 0; i < 30; i++)
        add(l, SB_ENTRY_ACK, NULL, NULL, json_pack("{s:s}", "by", i % 10 ? "bob" : "carol"));
    struct sb_matcher *m = sb_matcher_new("carol", 0, &err);
    int64_t from = 0;
    for (int64_t expected = 21; expected > 0; expected -= 10) {
        struct sb_ledger_search s = {.matcher = m, .from = from, .limit = 1};
        struct sb_audit_page page = {.before = 0};
        sb_assert_ok(sb_ledger_search(l, &s, 100, &page, &err), err);
        assert_int_equal(page.rows_n, 1);
        assert_int_equal(page.rows[0].seq, expected);
        assert_int_equal(page.searched_to, expected);
        assert_int_equal(page.at_start, expected == 1);
        from = page.searched_to;
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
    }
    sb_matcher_free(m);
    sb_ledger_close(l);
}

static void what_is_open_and_which_numbers_are_used_follows_from_the_entries(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(dir);
    for (int i = 1; i <= 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "C-%06d", i * 10);
        add(l, SB_ENTRY_RECOMMENDATION, "K-000007", id, card_body(id, "x"));
    }
    add(l, SB_ENTRY_STATE, "K-000007", "C-000020", state_body("reject", "awaiting_approval", "rejected"));
    for (int again = 0; again < 2; again++) {
        char **ids;
        size_t n;
        int64_t number;
        sb_assert_ok(sb_ledger_open_ids(l, SB_ITEM_CARD, &ids, &n, &err), err);
        assert_int_equal(n, 2);
        assert_string_equal(ids[0], "C-000010");
        assert_string_equal(ids[1], "C-000030");
        free(ids[0]);
        free(ids[1]);
        free(ids);
        sb_assert_ok(sb_ledger_last_number(l, 'C', &number, &err), err);
        assert_int_equal(number, 30);
        sb_assert_ok(sb_ledger_last_number(l, 'K', &number, &err), err);
        assert_int_equal(number, 7);
        sb_assert_ok(sb_ledger_last_number(l, 'd', &number, &err), err);
        assert_int_equal(number, 0);
        sb_ledger_close(l);
        l = own(dir);
    }
    sb_ledger_close(l);
}

static void a_permit_comes_only_from_a_durable_intent_and_a_nonce_starts_once(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(sb_test_dir());
    const char *command = "{\"createIndexes\":\"orders\",\"$db\":\"shop\"}";
    struct sb_permit permit;
    struct sb_entry e = entry(SB_ENTRY_STEP_INTENT, "K-000001", "C-000001", json_pack("{s:i,s:i,s:b}", "step", 1, "try", 1, "undo", 0));
    sb_assert_ok(sb_ledger_intent(l, &e, command, "rs-1", "nonce-1", &permit, &err), err);
    assert_int_equal(permit.seq, 1);
    assert_string_equal(permit.deployment_id, "rs-1");
    struct sb_hash hash;
    sb_assert_ok(sb_hash_bytes(&hash, command, strlen(command), &err), err);
    assert_memory_equal(hash.bytes, permit.command.bytes, SB_HASH_LEN);
    assert_int_equal(sb_ledger_intent(l, &e, command, "rs-1", "nonce-1", &permit, &err), -1);
    assert_int_equal(err.code, SB_ESTATE);
    assert_string_equal(err.msg, "already started by entry 1");
    assert_int_equal(permit.seq, 0);
    assert_int_equal(sb_ledger_head(l), 1);
    sb_assert_ok(sb_ledger_intent(l, &e, command, "rs-1", NULL, &permit, &err), err);
    assert_int_equal(permit.seq, 2);
    assert_int_equal(sb_ledger_started(l, "nonce-1", &err), 1);
    assert_int_equal(sb_ledger_append(l, &e, &err), -1); /* never without a permit's way */
    sb_entry_release(&e);
    sb_ledger_close(l);
}

static void one_process_owns_and_the_second_learns_its_pid(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_ledger *l = own(dir);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_origin mine;
        sb_origin_system(&mine);
        char expected[64];
        snprintf(expected, sizeof expected, "process %d owns this ledger", (int)getppid());
        struct sb_ledger *second = sb_ledger_open(dir, SB_LEDGER_OWN, &mine, &err);
        _exit(!second && err.code == SB_ELEDGER && strstr(err.msg, expected) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char path[128];
    snprintf(path, sizeof path, "%s/lock", dir);
    struct sb_owner owner;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_lock_owner(path, &owner, &err), err);
    assert_true(owner.held);
    assert_int_equal(owner.pid, getpid());
    sb_ledger_close(l);
    sb_assert_ok(sb_lock_owner(path, &owner, &err), err);
    assert_false(owner.held);
    l = own(dir);
    sb_ledger_close(l);
}

static void a_reader_works_beside_the_owner(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(dir);
    add(l, SB_ENTRY_STOP, NULL, NULL, json_pack("{s:s}", "reason", "one"));
    struct sb_ledger *r = sb_ledger_open(dir, SB_LEDGER_READ, NULL, &err);
    assert_non_null(r);
    assert_int_equal(sb_ledger_head(r), 1);
    add(l, SB_ENTRY_STOP, NULL, NULL, json_pack("{s:s}", "reason", "two"));
    struct sb_audit_page page;
    sb_assert_ok(sb_ledger_page(r, 0, 10, &page, &err), err);
    assert_int_equal(page.rows_n, 2);
    sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
    struct sb_entry e = {.kind = SB_ENTRY_STOP};
    assert_int_equal(sb_ledger_append(r, &e, &err), -1);
    assert_int_equal(err.code, SB_ELEDGER);
    sb_ledger_close(r);
    sb_ledger_close(l);
}

static void files_are_private(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_ledger *l = own(dir);
    sb_ledger_close(l);
    static const char *const names[] = {"ledger.db", "derived.db", "checkpoint", "lock"};
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void what_cannot_be_an_entry_is_refused_and_leaves_no_gap(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = own(sb_test_dir());
    char *big = malloc(SB_ENTRY_KINDS + (1 << 20));
    assert_non_null(big);
    memset(big, 'x', 1 << 20);
    big[1 << 20] = '\0';
    struct {
        const char *card;
        json_t *body;
    } bad[] = {
        {NULL, json_pack("{s:s}", "reason", big)}, {NULL, json_pack("{s:f}", "reason", 0.5)}, {NULL, json_array()},
        {"C-\"1", json_object()}, {"", json_object()}, {NULL, json_pack("{s:I}", "n", (json_int_t)INT64_C(9007199254740992))},
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_entry e = entry(SB_ENTRY_STOP, NULL, bad[i].card, bad[i].body);
        assert_int_equal(sb_ledger_append(l, &e, &err), -1);
        assert_int_equal(e.seq, 0);
        sb_entry_release(&e);
    }
    free(big);
    assert_true(sb_ledger_writable(l, NULL));
    assert_int_equal(add(l, SB_ENTRY_STOP, NULL, NULL, json_pack("{s:s}", "reason", "good")), 1);
    sb_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_appended_is_read_back, set_up),
        cmocka_unit_test_setup(pages_go_back_by_key, set_up),
        cmocka_unit_test_setup(a_search_finds_what_comparing_every_row_finds, set_up),
        cmocka_unit_test_setup(a_search_ends_where_it_has_enough_and_goes_on_from_there, set_up),
        cmocka_unit_test_setup(what_is_open_and_which_numbers_are_used_follows_from_the_entries, set_up),
        cmocka_unit_test_setup(a_permit_comes_only_from_a_durable_intent_and_a_nonce_starts_once, set_up),
        cmocka_unit_test_setup(one_process_owns_and_the_second_learns_its_pid, set_up),
        cmocka_unit_test_setup(a_reader_works_beside_the_owner, set_up),
        cmocka_unit_test_setup(files_are_private, set_up),
        cmocka_unit_test_setup(what_cannot_be_an_entry_is_refused_and_leaves_no_gap, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
