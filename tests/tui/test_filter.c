/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows are listed and in which order: filters, sorting, marks, counts, and finding back. */
#include "console.h"

#include <signalbox/base/regex.h>

static struct sb_keymap *keymap;

static void add_card(struct console *c, int number, const char *risk, const char *title)
{
    char line[320];
    snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-1%05d\",\"risk\":\"%s\",\"title\":\"%s\"}}", number, risk, title);
    console_json(c, line);
}

static void open_cards(struct console *c)
{
    console_open(c, keymap, 120, 40);
    console_play(c, "01-connect");
    add_card(c, 1, "low", "alpha");
    add_card(c, 2, "high", "Beta");
    add_card(c, 3, "medium", "gamma beta");
    press(c, "3");
}

static void a_filter_lists_the_rows_that_fit_while_it_is_typed(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    press(&c, "&");
    type_text(&c, "bet");
    assert_shows(&c, "C-100002");
    assert_shows(&c, "C-100003");
    assert_not_shown(&c, "C-100001");
    assert_shows(&c, "Approvals 2 /bet/ of 3");
    type_text(&c, "a$"); /* behind the title stand the author and the case */
    assert_shows(&c, "no row fits the filter");
    press(&c, "Escape");
    assert_shows(&c, "C-100001"); /* as it was before */
    press(&c, "&");
    type_text(&c, "Beta"); /* an upper-case letter: exactly so */
    press(&c, "Enter");
    assert_shows(&c, "C-100002");
    assert_not_shown(&c, "C-100003");
    press(&c, "& C-u");
    type_text(&c, "!beta");
    press(&c, "Enter");
    assert_shows(&c, "C-100001");
    assert_not_shown(&c, "C-100002");
    press(&c, "U"); /* back to Beta, then to none, then there is nothing more */
    assert_shows(&c, "Approvals is filtered by Beta again.");
    assert_not_shown(&c, "C-100001");
    press(&c, "U");
    assert_shows(&c, "C-100001");
    press(&c, "U");
    assert_shows(&c, "there is nothing to take back");
    console_close(&c);
}

static void a_wrong_expression_is_told_as_it_is_typed(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    press(&c, "&");
    type_text(&c, "beta(");
    assert_shows(&c, "the regular expression is wrong at character 6: missing closing parenthesis");
    assert_not_shown(&c, "C-100001"); /* the last good one stays */
    press(&c, "Enter");
    assert_shows(&c, "Filter Approvals: beta(");
    type_text(&c, ")");
    assert_not_shown(&c, "regular expression is wrong");
    press(&c, "Enter");
    assert_not_shown(&c, "Filter Approvals:");
    press(&c, "Escape"); /* lists all again */
    assert_shows(&c, "C-100001");
    console_close(&c);
}

static void a_filter_holds_for_what_comes_and_changes(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    press(&c, "&");
    type_text(&c, "beta");
    press(&c, "Enter");
    add_card(&c, 4, "low", "delta");
    assert_not_shown(&c, "C-100004");
    add_card(&c, 4, "low", "delta and beta");
    assert_shows(&c, "C-100004");
    console_close(&c);
}

static void an_expression_that_takes_too_much_work_is_given_up(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    for (int i = 0; i < 30; i++)
        add_card(&c, i, "low", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    press(&c, "3 &");
    type_text(&c, "(a+)+zzz");
    press(&c, "Enter");
    assert_shows(&c, "takes too much work: it was given up after 8 rows");
    assert_shows(&c, "C-100029"); /* not decided is not left out */
    console_close(&c);
}

/* ---- the ledger ---- */

/* Answers the asks that came since, and a search as if only so many entries could be gone through in time: every thousandth
 * entry holds the word. At most `most` of them. */
#define STRETCH 500
static size_t serve(struct console *c, size_t *served, int64_t head, size_t most)
{
    size_t pages = 0;
    for (; *served < c->asks && pages < most; (*served)++) {
        const struct sb_message *ask = c->ask[*served];
        if (ask->type != SB_ASK_AUDIT)
            continue;
        const struct sb_audit_ask *a = ask->body;
        struct sb_message *m = sb_message_new(SB_NEWS_AUDIT, ask->seq);
        struct sb_audit_page *page = m->body;
        page->before = a->before;
        page->head = head;
        struct sb_matcher *matcher = a->match ? sb_matcher_new(a->match, (a->plain ? SB_REGEX_PLAIN : 0u) | (a->caseless ? SB_REGEX_CASELESS : 0u), NULL) : NULL;
        assert_true(!a->match || matcher);
        int64_t step = a->upward ? 1 : -1, seq = a->before && a->before <= head ? a->before + step : a->upward ? 1 : head;
        for (int64_t i = 0; i < (matcher ? STRETCH : a->limit) && (int64_t)page->rows_n < a->limit && seq > 0 && seq <= head; i++, seq += step) {
            struct sb_audit_row *row = SB_PUSH(page->rows);
            row->seq = seq;
            row->ts = INT64_C(1767225600000) + seq;
            assert_int_equal(sb_str_set(&row->kind, "sampler") | sb_str_set(&row->text, seq % 1000 == 0 ? "needle" : "hay"), 0);
            if (!matcher)
                continue;
            page->searched_from = page->searched_from ? page->searched_from : seq;
            page->searched_to = seq;
            if ((sb_matcher_match(matcher, row->text, strlen(row->text)) == 1) == a->without) {
                sb_record_release(&sb_audit_row_schema, row);
                page->rows_n--;
            }
        }
        sb_matcher_free(matcher);
        page->at_start = seq <= 0 || seq > head;
        console_news(c, m);
        console_frame(c);
        pages++;
    }
    return pages;
}

static void the_ledger_is_searched_page_by_page_and_says_how_far(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    const int64_t head = 100000;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, head, 10);
    press(&c, "4 z &");
    type_text(&c, "needle");
    serve(&c, &served, head, 40); /* the first one may be of a filter that was typed over: "n" */
    press(&c, "Enter");
    assert_shows(&c, "/needle/");
    assert_shows(&c, "found; searched 10,000 of 100,000"); /* in steps of ten thousand */
    assert_shows(&c, "#100000");
    assert_shows(&c, "99000");
    assert_not_shown(&c, "hay");
    press(&c, "Down"); /* a key is answered in between */
    assert_shows(&c, "at #99000");
    while (serve(&c, &served, head, 50))
        continue;
    assert_shows(&c, "100 found; searched 100,000 of 100,000");
    console_json(&c, "{\"type\":\"entry\",\"seq\":0,\"body\":{\"seq\":100001,\"ts\":\"2026-11-24T14:05:00.000Z\",\"kind\":\"ack\",\"text\":\"hay\"}}");
    assert_shows(&c, "100 found; searched 100,001 of 100,001");
    console_json(&c, "{\"type\":\"entry\",\"seq\":0,\"body\":{\"seq\":100002,\"ts\":\"2026-11-24T14:05:00.000Z\",\"kind\":\"ack\",\"text\":\"needle\"}}");
    assert_shows(&c, "101 found");
    press(&c, "End");
    assert_shows(&c, "at #1000 ");
    console_close(&c);
}

static void another_filter_lets_the_late_page_pass(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, 5000, 10);
    press(&c, "4 z &");
    type_text(&c, "h");
    size_t asks = c.asks;
    type_text(&c, "ay"); /* the page for "h" is on its way */
    assert_int_equal(c.asks, asks);
    press(&c, "C-u");
    type_text(&c, "needle");
    serve(&c, &served, 5000, 1); /* that page: it passes, and the search begins anew */
    assert_shows(&c, "0 found; searched 0 of 5,000");
    while (serve(&c, &served, 5000, 50))
        continue;
    assert_shows(&c, "5 found; searched 5,000 of 5,000");
    asks = c.asks;
    press(&c, "Escape");
    assert_shows(&c, "hay"); /* the rows as they were are still there */
    assert_int_equal(c.asks, asks);
    console_close(&c);
}

static void a_search_goes_beyond_what_is_loaded_and_once_around(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, 99990, 10);
    press(&c, "4 z /");
    type_text(&c, "NEEDLE");
    press(&c, "Enter");
    assert_shows(&c, "looking for \"NEEDLE\"; searched 0 of 99,990");
    assert_int_equal(serve(&c, &served, 99990, 1), 1);
    assert_shows(&c, "looking for \"NEEDLE\"; searched 500 of 99,990");
    while (serve(&c, &served, 99990, 50))
        continue;
    assert_shows(&c, "at #99000 ");
    assert_not_shown(&c, "looking for");
    press(&c, "C-n");
    while (serve(&c, &served, 99990, 50))
        continue;
    assert_shows(&c, "at #98000 ");
    press(&c, "C-p"); /* to newer ones */
    while (serve(&c, &served, 99990, 50))
        continue;
    assert_shows(&c, "at #99000 ");
    press(&c, "C-p"); /* there is none: on from the oldest */
    while (serve(&c, &served, 99990, 50))
        continue;
    assert_shows(&c, "at #1000 ");
    assert_shows(&c, "Search went on from the other end.");
    press(&c, "/");
    type_text(&c, "nowhere");
    press(&c, "Enter");
    while (serve(&c, &served, 99990, 500))
        continue;
    assert_shows(&c, "\"nowhere\" is not in the ledger.");
    assert_shows(&c, "at #1000 ");
    console_close(&c);
}

static void a_number_goes_to_an_entry_that_is_not_loaded(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, 99990, 10);
    press(&c, "4 z");
    press(&c, "M-5 M-0 M-0 M-0 G");
    serve(&c, &served, 99990, 1);
    assert_shows(&c, "at #5000 ");
    serve(&c, &served, 99990, 10);
    press(&c, "M-9 M-9 M-9 M-9 M-1 G");
    assert_shows(&c, "Entry #99991 is not among those that are listed.");
    assert_shows(&c, "at #5000 ");
    console_close(&c);
}

static void what_is_looked_for_no_more_is_not_asked_for(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, 99990, 10);
    press(&c, "4 z /");
    type_text(&c, "nowhere");
    press(&c, "Enter");
    serve(&c, &served, 99990, 3);
    assert_shows(&c, "looking for");
    press(&c, "Escape");
    serve(&c, &served, 99990, 1); /* the late one */
    size_t asks = c.asks;
    assert_int_equal(serve(&c, &served, 99990, 1), 0);
    assert_int_equal(c.asks, asks);
    assert_not_shown(&c, "looking for");
    console_close(&c);
}

/* Refuses the ask that is on its way. */
static void refuse(struct console *c, size_t *served)
{
    char line[200];
    while (*served < c->asks && c->ask[*served]->type != SB_ASK_AUDIT)
        ++*served;
    assert_true(*served < c->asks);
    snprintf(line, sizeof line, "{\"type\":\"answer\",\"seq\":%lld,\"body\":{\"ok\":false,\"status\":5,\"text\":\"the ledger cannot be read\"}}",
             (long long)c->ask[(*served)++]->seq);
    console_json(c, line);
    console_frame(c);
}

static void a_page_that_could_not_be_read_is_asked_for_again_at_the_next_key(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    serve(&c, &served, 5000, 10);
    press(&c, "4 z &");
    type_text(&c, "needle");
    serve(&c, &served, 5000, 3);
    size_t asks = c.asks;
    refuse(&c, &served);
    assert_shows(&c, "the ledger cannot be read");
    console_frame(&c);
    assert_int_equal(c.asks, asks); /* not again and again by itself */
    press(&c, "Enter");
    assert_int_equal(c.asks, asks + 1);
    while (serve(&c, &served, 5000, 50))
        continue;
    assert_shows(&c, "5 found; searched 5,000 of 5,000");
    console_close(&c);
}

/* ---- order ---- */

static bool before(struct console *c, const char *first, const char *second)
{
    const char *text = flat(c), *a = strstr(text, first), *b = strstr(text, second);
    assert_non_null(a);
    assert_non_null(b);
    return a < b;
}

static void panes_are_sorted_and_turned_round(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    assert_true(before(&c, "C-100003", "C-100002"));
    press(&c, "o"); /* by risk: the highest first */
    assert_shows(&c, "by risk");
    assert_true(before(&c, "C-100002", "C-100003") && before(&c, "C-100003", "C-100001"));
    press(&c, "O");
    assert_true(before(&c, "C-100001", "C-100003") && before(&c, "C-100003", "C-100002"));
    press(&c, "O o o");
    assert_shows(&c, "by title");
    assert_true(before(&c, "C-100002", "C-100001") && before(&c, "C-100001", "C-100003"));
    press(&c, "4 o");
    assert_shows(&c, "The ledger is listed as it was written");
    console_close(&c);
}

/* ---- marks, counts, places ---- */

static void marked_rows_are_copied_together(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    press(&c, "Home Space Down Down Space");
    assert_shows(&c, "2 marked");
    press(&c, "y");
    assert_non_null(c.copied);
    assert_non_null(strstr(c.copied, "C-100003"));
    assert_non_null(strstr(c.copied, "C-100001"));
    assert_null(strstr(c.copied, "C-100002"));
    press(&c, "Home ' Enter"); /* to the next mark: the last row */
    assert_shows(&c, "C-100001 rev");
    press(&c, "Escape \\");
    assert_not_shown(&c, "marked");
    console_close(&c);
}

static void a_number_repeats_the_next_movement_only(void **state)
{
    (void)state;
    struct console c;
    struct sb_keymap *vi = keymap_of("vi");
    console_open(&c, vi, 120, 40);
    console_play(&c, "01-connect");
    for (int i = 0; i < 30; i++)
        add_card(&c, i, "low", "x");
    press(&c, "g 3 z g g 1 2 j");
    assert_shows(&c, "> C-100017");
    press(&c, "j");
    assert_shows(&c, "> C-100016");
    press(&c, "5");
    assert_shows(&c, "5 times");
    press(&c, "k g g 3 G"); /* to the third row */
    assert_shows(&c, "> C-100027");
    press(&c, "9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 j"); /* bounded */
    assert_shows(&c, "> C-100000");
    console_close(&c);
    sb_keymap_free(vi);
}

static void jumps_are_found_back(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c);
    press(&c, "Home Down Enter"); /* from C-100002 */
    assert_shows(&c, "C-100002 rev");
    press(&c, "Escape 1");
    press(&c, "[");
    assert_shows(&c, "> C-100002");
    press(&c, "]");
    assert_shows(&c, "Anomalies");
    press(&c, "]");
    assert_shows(&c, "There is no place after this one.");
    press(&c, "[ [ [ [ [ [");
    assert_shows(&c, "There is no place before this one.");
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_lists_the_rows_that_fit_while_it_is_typed),
        cmocka_unit_test(a_wrong_expression_is_told_as_it_is_typed),
        cmocka_unit_test(a_filter_holds_for_what_comes_and_changes),
        cmocka_unit_test(an_expression_that_takes_too_much_work_is_given_up),
        cmocka_unit_test(the_ledger_is_searched_page_by_page_and_says_how_far),
        cmocka_unit_test(another_filter_lets_the_late_page_pass),
        cmocka_unit_test(a_search_goes_beyond_what_is_loaded_and_once_around),
        cmocka_unit_test(a_number_goes_to_an_entry_that_is_not_loaded),
        cmocka_unit_test(what_is_looked_for_no_more_is_not_asked_for),
        cmocka_unit_test(a_page_that_could_not_be_read_is_asked_for_again_at_the_next_key),
        cmocka_unit_test(panes_are_sorted_and_turned_round),
        cmocka_unit_test(marked_rows_are_copied_together),
        cmocka_unit_test(a_number_repeats_the_next_movement_only),
        cmocka_unit_test(jumps_are_found_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return failed;
}
