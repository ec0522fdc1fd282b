/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/model/entry.h>

#include <string.h>

static struct sb_entry entry(int kind, json_t *body)
{
    assert_non_null(body);
    static int64_t seq;
    seq++;
    return (struct sb_entry){.kind = kind, .body = body, .seq = seq, .ts = INT64_C(1767603600000) + seq};
}

static void apply(struct sb_card *card, int kind, json_t *body)
{
    struct sb_entry e = entry(kind, body);
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_card_fold(card, &e, &err), err);
    assert_true(card->changed_at == e.ts);
    sb_entry_release(&e);
}

static json_t *card_json(int64_t revision, const char *title)
{
    struct sb_card c = {.revision = revision};
    assert_int_equal(sb_str_set(&c.id, "C-000001"), 0);
    assert_int_equal(sb_str_set(&c.title, title), 0);
    json_t *json = sb_record_to_json(&sb_card_schema, &c);
    sb_card_release(&c);
    return json;
}

/* A server's word in another encoding must not keep an entry from being written. */
static void a_text_that_is_none_is_written_all_the_same(void **state)
{
    (void)state;
    struct sb_card c = {.revision = 1}, again;
    struct sb_err err = SB_ERR_INIT;
    assert_int_equal(sb_str_set(&c.id, "C-000001") || sb_str_set(&c.title, "caf\xe9 \xf0\x9f") || sb_strs_push(&c.blast_radius.namespaces, &c.blast_radius.namespaces_n, "shop.\xff"), 0);
    json_t *json = sb_record_to_json(&sb_card_schema, &c);
    assert_non_null(json);
    sb_assert_ok(sb_record_from_json(&sb_card_schema, &again, json, &err), err);
    assert_string_equal(again.title, "caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(again.blast_radius.namespaces[0], "shop.\xef\xbf\xbd");
    sb_assert_ok(sb_card_seal(&c, &err), err); /* what is hashed is what is stored */
    sb_assert_ok(sb_card_seal(&again, &err), err);
    assert_string_equal(c.hash, again.hash);
    json_decref(json);
    sb_card_release(&c);
    sb_card_release(&again);
}

static void a_card_is_the_fold_of_its_entries(void **state)
{
    (void)state;
    struct sb_card card = {0};
    apply(&card, SB_ENTRY_RECOMMENDATION, json_pack("{s:o}", "card", card_json(1, "first")));
    assert_string_equal(card.title, "first");
    assert_int_equal(strlen(card.hash), SB_HEX_LEN);
    apply(&card, SB_ENTRY_STATE, json_pack("{s:s,s:s,s:s,s:s}", "event", "require", "from", "proposed", "to", "awaiting_approval", "note", "one approval"));
    assert_int_equal(card.state, SB_AWAITING_APPROVAL);
    apply(&card, SB_ENTRY_APPROVAL, json_pack("{s:{s:s,s:s,s:i,s:s}}", "approval", "by", "alice", "hash", card.hash, "revision", 1, "at", "2026-11-23T09:00:00.000Z"));
    assert_int_equal(sb_card_approvals(&card), 1);
    apply(&card, SB_ENTRY_EDIT, json_pack("{s:o,s:s}", "card", card_json(2, "second"), "diff", "title"));
    assert_string_equal(card.title, "second");
    assert_int_equal(card.approvals_n, 1);          /* kept in the history */
    assert_int_equal(sb_card_approvals(&card), 0);  /* counts no more */
    apply(&card, SB_ENTRY_APPROVAL_VOID, json_pack("{s:s}", "reason", "edited by bob"));
    assert_true(card.approvals[0].voided);
    apply(&card, SB_ENTRY_STEP_INTENT, json_pack("{s:i,s:b,s:s}", "step", 1, "undo", 0, "command", "{}"));
    assert_int_equal(card.progress.step, 1);
    apply(&card, SB_ENTRY_HELD, json_pack("{s:s,s:i,s:b,s:s,s:s,s:s}", "event", "held back", "step", 1, "undo", 0, "by", "lag", "why", "b is 30 s behind", "since", "2026-11-23T09:05:06.789Z"));
    assert_string_equal(card.progress.phase, "held back since 2026-11-23T09:05:06Z: b is 30 s behind");
    apply(&card, SB_ENTRY_HELD, json_pack("{s:s,s:i,s:b,s:s,s:s,s:i}", "event", "goes on", "step", 1, "undo", 0, "by", "lag", "why", "over", "for_ms", 5));
    assert_string_equal(card.progress.phase, "goes on: over");
    apply(&card, SB_ENTRY_STATE, json_pack("{s:s,s:s,s:s}", "event", "close", "from", "failed", "to", "failed"));
    assert_true(card.closed);
    assert_null(card.progress.phase);
    sb_card_release(&card);
}

static json_t *index_json(int64_t revision, const char *key, int64_t window_s, const char *quorum)
{
    struct sb_card c = {.revision = revision, .watch.window_s = window_s};
    struct sb_step *step = SB_PUSH(c.steps);
    assert_non_null(step);
    step->n = 1;
    step->action = sb_format("{\"createIndexes\":\"orders\",\"commitQuorum\":%s}", quorum);
    assert_non_null(step->action);
    /* what an entry says of edits is never believed */
    struct sb_card_edit *claimed = SB_PUSH(c.edits);
    assert_non_null(claimed);
    assert_int_equal(sb_str_set(&claimed->what, "nothing"), 0);
    assert_int_equal(sb_str_set(&c.id, "C-000001") || sb_str_set(&c.index_key, key) || sb_str_set(&c.index_options, "{}"), 0);
    json_t *json = sb_record_to_json(&sb_card_schema, &c);
    sb_card_release(&c);
    return json;
}

static void edit_by(struct sb_card *card, const char *who, json_t *to)
{
    struct sb_entry e = entry(SB_ENTRY_EDIT, json_pack("{s:o,s:s}", "card", to, "diff", "key: {} -> {\"z\":1}"));
    struct sb_err err = SB_ERR_INIT;
    assert_int_equal(sb_str_set(&e.actor.principal, who), 0);
    sb_assert_ok(sb_card_fold(card, &e, &err), err);
    sb_entry_release(&e);
}

static void assert_edit(const struct sb_card *card, size_t i, const char *what, const char *was, const char *now, int64_t revision, const char *by)
{
    assert_true(i < card->edits_n);
    const struct sb_card_edit *e = &card->edits[i];
    assert_string_equal(e->what, what);
    assert_string_equal(e->was, was);
    assert_string_equal(e->now, now);
    assert_int_equal(e->revision, revision);
    assert_string_equal(e->by, by);
    assert_true(e->at > 0);
}

/* Against the first proposal, however many edits lie between; no longer where it is again as it was. The hash knows nothing of it. */
static void what_people_changed_stands_on_the_card(void **state)
{
    (void)state;
    struct sb_card card = {0};
    apply(&card, SB_ENTRY_RECOMMENDATION, json_pack("{s:o}", "card", index_json(1, "{\"a\":1}", 300, "\"votingMembers\"")));
    assert_int_equal(card.edits_n, 0);
    edit_by(&card, "bob", index_json(2, "{\"a\":1,\"b\":1}", 300, "{\"$numberInt\":\"2\"}"));
    assert_int_equal(card.edits_n, 2);
    assert_edit(&card, 0, "key", "{\"a\":1}", "{\"a\":1,\"b\":1}", 2, "bob");
    assert_edit(&card, 1, "commit quorum", "votingMembers", "2", 2, "bob");
    edit_by(&card, "carol", index_json(3, "{\"b\":1,\"a\":1}", 600, "2"));
    assert_int_equal(card.edits_n, 3);
    assert_edit(&card, 0, "commit quorum", "votingMembers", "2", 2, "bob");
    assert_edit(&card, 1, "key", "{\"a\":1}", "{\"b\":1,\"a\":1}", 3, "carol");
    assert_edit(&card, 2, "watch window", "300 s", "600 s", 3, "carol");
    struct sb_err err = SB_ERR_INIT;
    char sealed[SB_HEX_LEN + 1];
    snprintf(sealed, sizeof sealed, "%s", card.hash);
    card.edits[0].revision = 9;
    sb_assert_ok(sb_card_seal(&card, &err), err);
    assert_string_equal(card.hash, sealed);
    edit_by(&card, "carol", index_json(4, "{\"a\":1}", 300, "\"votingMembers\""));
    assert_int_equal(card.edits_n, 0);
    sb_card_release(&card);
}

/* What a schedule and a clock put on the record, in words. */
static void recurring_work_is_told_in_words(void **state)
{
    (void)state;
    struct {
        int kind;
        json_t *body;
        const char *line;
    } said[] = {
        {SB_ENTRY_REQUEST, json_pack("{s:{s:s}}", "case", "text", "faster"), "\"faster\""},
        {SB_ENTRY_REQUEST, json_pack("{s:{s:s},s:s,s:i}", "case", "text", "faster", "planned", "2026-11-26T02:00:00.000Z", "missed", 0), "\"faster\", planned for 2026-11-26T02:00:00.000Z"},
        {SB_ENTRY_REQUEST, json_pack("{s:{s:s},s:s,s:i}", "case", "text", "a", "planned", "P", "missed", 1), "\"a\", planned for P; 1 before it was missed"},
        {SB_ENTRY_REQUEST, json_pack("{s:{s:s},s:s,s:i}", "case", "text", "a", "planned", "P", "missed", 3), "\"a\", planned for P; 3 before it were missed"},
        {SB_ENTRY_SCHEDULE, json_pack("{s:s,s:s,s:s,s:s}", "event", "began", "name", "nightly", "when", "every 6h", "request", "faster"), "schedule nightly began: every 6h run \"faster\""},
        {SB_ENTRY_MARK, json_pack("{s:s,s:s,s:s}", "text", "release 4.2", "ns", "shop", "about", "shop"), "marked, shop: release 4.2"},
        {SB_ENTRY_HOOK, json_pack("{s:s,s:s,s:i,s:s}", "event", "state.failed", "command", "/bin/page", "try", 2, "outcome", "ended with 1"),
         "hook state.failed, try 2: /bin/page ended with 1"},
        {SB_ENTRY_PROOF, json_pack("{s:s,s:[]}", "by", "C-000002", "evidence"), "tried out by C-000002"},
        {SB_ENTRY_EXERCISE, json_pack("{s:{s:s,s:s,s:b}}", "result", "exercise", "surge", "who", "alice", "right", 0), "exercise surge by alice: not right"},
        {SB_ENTRY_DRILL, json_pack("{s:s,s:s,s:s}", "drill", "D-1", "event", "ended", "about", "/b failed: cut"), "drill D-1 ended: /b failed: cut"},
        {SB_ENTRY_HELD, json_pack("{s:s,s:i,s:b,s:s,s:s}", "event", "held back", "step", 1, "undo", 0, "by", "lag", "why", "b is 30 s behind"), "step 1: held back: b is 30 s behind"},
        {SB_ENTRY_HELD, json_pack("{s:s,s:i,s:b,s:s}", "event", "goes on", "step", 2, "undo", 1, "why", "over"), "step 2 (undo): goes on: over"},
        {SB_ENTRY_LEASE, json_pack("{s:s,s:i,s:s}", "event", "taken", "epoch", 7, "about", "this ledger owns the deployment"), "lease taken, epoch 7: this ledger owns the deployment"},
        {SB_ENTRY_BACKUP, json_pack("{s:s,s:s}", "event", "completed", "about", "/b/monday"), "backup completed: /b/monday"},
        {SB_ENTRY_CLOCK, json_pack("{s:I,s:i,s:i}", "jump_ms", (json_int_t)7200000, "mono_ms", 5, "already_run", 0), "the clock was set forward by 2 h 00 min"},
        {SB_ENTRY_CLOCK, json_pack("{s:I,s:i}", "jump_ms", (json_int_t)-5000, "already_run", 1),
         "the clock was set back by 5 s; 1 planned run still to come by it has run already and will not run again"},
        {SB_ENTRY_CLOCK, json_pack("{s:I,s:i}", "jump_ms", (json_int_t)INT64_MIN, "already_run", 2),
         "the clock was set back by 106751991167 d 07 h; 2 planned runs still to come by it have run already and will not run again"},
    };
    for (size_t i = 0; i < SB_COUNT(said); i++) {
        struct sb_entry e = entry(said[i].kind, said[i].body);
        struct sb_str line;
        sb_str_init(&line);
        sb_entry_text(&e, &line);
        assert_true(sb_str_ok(&line));
        assert_string_equal(line.p, said[i].line);
        sb_str_release(&line);
        sb_entry_release(&e);
    }
}

/* What is passed over unread must be in no line: the program's own words, and figures that it works out, are in some. */
static void words_of_the_program_are_looked_for_in_lines(void **state)
{
    (void)state;
    const char *own[] = {"planned", "missed", "schedule", "clock", "BACK", "have", "min", "400", "L2", "watching"};
    for (size_t i = 0; i < SB_COUNT(own); i++)
        assert_false(sb_entry_text_is_of_members(own[i]));
    assert_true(sb_entry_text_is_of_members("orders"));
    assert_true(sb_entry_text_is_of_members("C-000001"));
}

static void a_bad_entry_changes_nothing(void **state)
{
    (void)state;
    struct sb_card card = {0}, before;
    apply(&card, SB_ENTRY_RECOMMENDATION, json_pack("{s:o}", "card", card_json(1, "first")));
    assert_int_equal(sb_record_copy(&sb_card_schema, &before, &card), 0);
    struct {
        int kind;
        json_t *body;
    } bad[] = {
        {SB_ENTRY_STATE, json_pack("{s:s,s:s}", "event", "start", "to", "nowhere")},
        {SB_ENTRY_EDIT, json_pack("{s:{s:i}}", "card", "revision", 2)},
        {SB_ENTRY_VERDICT, json_object()},
        {SB_ENTRY_APPROVAL, json_pack("{s:{}}", "approval")},
        {SB_ENTRY_WATCH, json_pack("{s:i}", "report", 7)},
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_entry e = entry(bad[i].kind, bad[i].body);
        struct sb_err err = SB_ERR_INIT;
        assert_int_equal(sb_card_fold(&card, &e, &err), -1);
        assert_true(err.msg[0]);
        assert_true(sb_record_equal(&sb_card_schema, &card, &before));
        sb_entry_release(&e);
    }
    sb_card_release(&before);
    sb_card_release(&card);
}

static void every_kind_has_a_name_and_a_line(void **state)
{
    (void)state;
    for (int k = 0; k < SB_ENTRY_KINDS; k++) {
        struct sb_entry e = entry(k, json_object());
        struct sb_audit_row row;
        assert_string_not_equal(sb_name(&sb_entry_kinds, k), "?");
        assert_int_equal(sb_entry_row(&e, &row), 0);
        assert_true(strlen(row.text) > 0);
        sb_record_release(&sb_audit_row_schema, &row);
        sb_entry_release(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_is_the_fold_of_its_entries),
        cmocka_unit_test(what_people_changed_stands_on_the_card),
        cmocka_unit_test(a_text_that_is_none_is_written_all_the_same),
        cmocka_unit_test(a_bad_entry_changes_nothing),
        cmocka_unit_test(recurring_work_is_told_in_words), cmocka_unit_test(words_of_the_program_are_looked_for_in_lines),
        cmocka_unit_test(every_kind_has_a_name_and_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
