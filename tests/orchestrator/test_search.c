/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of a real ledger as a screen gets them: searched bit by bit, and refused where they cannot be read. */
#include "test.h"

#include "../../src/orchestrator/private.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 400

struct fixture {
    struct sb_origin origin;
    struct sb_orchestrator o;
    struct seat seat, *seats[1];
};

static void set_up(struct fixture *f)
{
    struct sb_err err = SB_ERR_INIT;
    memset(f, 0, sizeof *f);
    sb_origin_seeded(&f->origin, 3);
    f->o.ledger = sb_ledger_open(sb_test_dir(), SB_LEDGER_OWN, &f->origin, &err);
    if (!f->o.ledger)
        fail_msg("%s", err.msg);
    f->seat.id = 1;
    f->seat.news = sb_queue_new(8, &err);
    assert_non_null(f->seat.news);
    f->seats[0] = &f->seat;
    f->o.seats = f->seats;
    f->o.seats_n = 1;
    for (int i = 1; i <= ENTRIES; i++) {
        struct sb_entry e = {.kind = SB_ENTRY_ACK, .actor = {.principal = (char *)(uintptr_t)"alice"}, .body = json_pack("{s:s}", "by", i % 100 ? "bob" : "carol")};
        assert_non_null(e.body);
        sb_assert_ok(sb_ledger_append(f->o.ledger, &e, &err), err);
        json_decref(e.body);
    }
}

static void tear_down(struct fixture *f)
{
    sb_o_free_search(&f->o);
    sb_ledger_close(f->o.ledger);
    sb_queue_free(f->seat.news);
}

/* Asks; the one answer that comes. */
static struct sb_message *ask(struct fixture *f, struct sb_audit_ask with, const char *match)
{
    struct sb_message *m = sb_message_new(SB_ASK_AUDIT, 7);
    struct sb_mail mail, more;
    assert_non_null(m);
    assert_int_equal(sb_str_set(&with.match, match), 0);
    *(struct sb_audit_ask *)m->body = with;
    sb_o_ask_audit(&f->o, 1, m);
    sb_message_free(m);
    assert_true(sb_queue_take(f->seat.news, &mail));
    assert_false(sb_queue_take(f->seat.news, &more));
    struct sb_message *answer = mail.payload;
    assert_int_equal(answer->seq, 7);
    return answer;
}

static void a_search_is_answered_bit_by_bit_until_all_was_gone_through(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (int upward = 0; upward < 2; upward++) {
        int64_t at = 0, found = 0, gone_through = 0;
        for (bool end = false; !end;) {
            struct sb_message *m = ask(&f, (struct sb_audit_ask){.before = at, .limit = 1, .caseless = true, .upward = upward}, "BY CAROL$");
            const struct sb_audit_page *page = m->body;
            assert_int_equal(m->type, SB_NEWS_AUDIT);
            assert_int_equal(page->head, ENTRIES);
            assert_int_equal(page->searched_from, upward ? at + 1 : at ? at - 1 : ENTRIES); /* nothing is left out */
            if (page->rows_n) {
                found++;
                assert_int_equal(page->rows[0].seq, page->searched_to);
                assert_int_equal(page->rows[0].seq, upward ? found * 100 : ENTRIES + 100 - found * 100);
            }
            gone_through += llabs((long long)(page->searched_from - page->searched_to)) + 1;
            at = page->searched_to;
            end = page->at_start;
            sb_message_free(m);
        }
        assert_int_equal(found, 4);
        assert_int_equal(gone_through, ENTRIES);
    }
    tear_down(&f);
}

static void another_expression_is_another_search(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        struct sb_audit_ask how;
        size_t rows;
    } cases[] = {{"carol", {.limit = 4}, 4}, {"CAROL", {.limit = 4, .caseless = true}, 4}, {"b.b", {.limit = 5}, 5}, {"carol", {.limit = 5, .without = true}, 5}, {NULL, {.limit = 9}, 9}};
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        size_t rows = 0;
        for (int64_t at = 0; rows < cases[i].rows;) {
            struct sb_audit_ask how = cases[i].how;
            how.before = at;
            struct sb_message *m = ask(&f, how, cases[i].match);
            const struct sb_audit_page *page = m->body;
            assert_int_equal(m->type, SB_NEWS_AUDIT);
            for (size_t k = 0; k < page->rows_n && cases[i].match; k++)
                assert_int_equal(strstr(page->rows[k].text, "carol") != NULL, sb_streq(cases[i].match, "b.b") || cases[i].how.without ? 0 : 1);
            rows += page->rows_n;
            at = page->searched_to;
            assert_true(rows >= cases[i].rows || !page->at_start);
            sb_message_free(m);
        }
    }
    tear_down(&f);
}

static void what_cannot_be_searched_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct sb_message *m = ask(&f, (struct sb_audit_ask){.limit = 5}, "carol(");
    const struct sb_answer *a = m->body;
    assert_int_equal(m->type, SB_NEWS_ANSWER);
    assert_false(a->ok);
    assert_non_null(strstr(a->text, "missing closing parenthesis"));
    sb_message_free(m);
    m = ask(&f, (struct sb_audit_ask){.limit = 5, .plain = true}, "carol("); /* as a text there is nothing wrong with it */
    assert_int_equal(m->type, SB_NEWS_AUDIT);
    assert_int_equal(((const struct sb_audit_page *)m->body)->rows_n, 0);
    sb_message_free(m);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_is_answered_bit_by_bit_until_all_was_gone_through),
        cmocka_unit_test(another_expression_is_another_search),
        cmocka_unit_test(what_cannot_be_searched_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
