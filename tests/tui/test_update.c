/* SPDX-License-Identifier: Apache-2.0
 *
 * What events do: every action everywhere, and that nothing moves under the reader. */
#include "console.h"

#include <signalbox/base/rng.h>

static struct sb_keymap *keymap;

/* ---- every action in every context ---- */

/* A keymap in which every action has keys of its own wherever it means something: F9 and two letters. */
static struct sb_keymap *keymap_of_everything(void)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_adds(&text, "keymap everything\n");
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++)
        for (int c = 0; c < SB_CONTEXTS; c++)
            if (sb_actions[a].contexts & 1u << c)
                sb_str_addf(&text, "bind %s \"F9 %c %c\" %s\n", sb_contexts[c].name, 'a' + a / 26, 'a' + a % 26, sb_actions[a].name);
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = sb_keymap_new();
    sb_assert_ok(sb_keymap_read(k, text.p, text.len, "everything", &problems, &err), err);
    assert_string_equal(problems.text.p, "");
    sb_problems_release(&problems);
    sb_str_release(&text);
    return k;
}

static void fire(struct console *c, int action)
{
    char keys[16];
    snprintf(keys, sizeof keys, "F9 %c %c", 'a' + action / 26, 'a' + action % 26);
    press(c, keys);
}

/* Brings a console into each context by actions alone. */
static void go_to(struct console *c, enum sb_context context)
{
    static const int ways[SB_CONTEXTS][6] = {
        [SB_IN_ANOMALIES] = {SB_ACT_TO_ANOMALIES}, [SB_IN_PLANS] = {SB_ACT_TO_PLANS}, [SB_IN_APPROVALS] = {SB_ACT_TO_APPROVALS},
        [SB_IN_AUDIT] = {SB_ACT_TO_AUDIT}, [SB_IN_CARD] = {SB_ACT_TO_APPROVALS, SB_ACT_OPEN}, [SB_IN_CASE] = {SB_ACT_TO_APPROVALS, SB_ACT_BOTTOM, SB_ACT_CASE},
        [SB_IN_ANOMALY] = {SB_ACT_TO_ANOMALIES, SB_ACT_OPEN}, [SB_IN_EDIT] = {SB_ACT_TO_APPROVALS, SB_ACT_EDIT}, [SB_IN_TEXT] = {SB_ACT_HELP},
        [SB_IN_MEETING] = {SB_ACT_MEETING}, [SB_IN_RUNNING] = {SB_ACT_RUNNING}, [SB_IN_CONFIRM] = {SB_ACT_TO_PLANS, SB_ACT_TOP, SB_ACT_STOP}, [SB_IN_LINE] = {SB_ACT_REQUEST}, [SB_IN_PALETTE] = {SB_ACT_PALETTE},
    };
    for (size_t i = 0; i < SB_COUNT(ways[0]) && ways[context][i]; i++)
        fire(c, ways[context][i]);
}

static bool dangerous_ask(int type)
{
    return type == SB_ASK_APPROVE || type == SB_ASK_EDIT || type == SB_ASK_REJECT || type == SB_ASK_PAUSE || type == SB_ASK_RESUME || type == SB_ASK_STOP ||
           type == SB_ASK_ROLLBACK || type == SB_ASK_REFRESH || type == SB_ASK_CLOSE || type == SB_ASK_WHAT_IF;
}

static void open_full(struct console *c, struct sb_keymap *everything, int w, int h)
{
    console_on_card(c, everything, w, h);
    console_play(c, "11-more");
    console_json(c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-000009\",\"state\":\"executing\"}}");
}

static void every_action_in_every_context_is_safe(void **state)
{
    (void)state;
    struct sb_keymap *everything = keymap_of_everything();
    size_t dangerous = 0;
    for (int read_only = 0; read_only < 2; read_only++)
        for (int context = 0; context < SB_CONTEXTS; context++)
            for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
                struct console c;
                open_full(&c, everything, 80, 24);
                if (read_only)
                    console_play(&c, "read-only");
                go_to(&c, (enum sb_context)context);
                fire(&c, a);
                type_text(&c, "x y");
                fire(&c, SB_ACT_SUBMIT);
                fire(&c, SB_ACT_CONFIRM);
                fire(&c, a);
                for (size_t i = 0; i < c.asks; i++) {
                    dangerous += dangerous_ask(c.ask[i]->type);
                    if (read_only && dangerous_ask(c.ask[i]->type))
                        fail_msg("read-only, and %s in %s asked for %s", sb_actions[a].name, sb_contexts[context].name, sb_message_name(c.ask[i]->type));
                }
                console_close(&c);
            }
    assert_true(dangerous > 20); /* without read-only they do ask */
    sb_keymap_free(everything);
}

/* Random walks through everything: no sequence of actions, sizes and news breaks it. */
static void random_walks_do_no_harm(void **state)
{
    (void)state;
    struct sb_keymap *everything = keymap_of_everything();
    struct sb_rng rng;
    sb_rng_seed(&rng, 99);
    static const char *const news[] = {"02-warmup", "03-calm", "04-anomaly", "05-card", "06-approved", "07-executing", "08-watching", "09-pass", "10-fail", "11-more", "ill", "refusing", "staging", "14-ops", "15-replay", "16-looks"};
    for (int walk = 0; walk < 12; walk++) {
        struct console c;
        open_full(&c, everything, 80, 24);
        for (int i = 0; i < 1500; i++) {
            uint64_t what = sb_rng_below(&rng, 12);
            if (what == 0) {
                c.w = (int)sb_rng_below(&rng, 220);
                c.h = (int)sb_rng_below(&rng, 70);
                console_frame(&c);
            } else if (what == 1) {
                console_play(&c, news[sb_rng_below(&rng, SB_COUNT(news))]);
            } else if (what == 2) {
                type_text(&c, "shop.orders");
            } else {
                int a = 1 + (int)sb_rng_below(&rng, SB_ACTIONS - 1);
                if (a != SB_ACT_QUIT)
                    fire(&c, a);
            }
        }
        console_close(&c);
    }
    sb_keymap_free(everything);
}

/* ---- nothing moves under the reader ---- */

static void add_card(struct console *c, int number, const char *state)
{
    char line[256];
    snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-1%05d\",\"state\":\"%s\",\"title\":\"card number %d\"}}", number, state, number);
    console_json(c, line);
}

/* The screen row on which the cursor of a pane stands, and what is written there. */
static int cursor_row(struct console *c, char *text, size_t cap)
{
    const char *p = screen(c);
    for (int y = 0; *p; y++) {
        size_t n = strcspn(p, "\n");
        if (n > 2 && p[0] == '>' && p[1] == ' ') {
            snprintf(text, cap, "%.*s", (int)n, p);
            return y;
        }
        p += n + (p[n] == '\n');
    }
    text[0] = '\0';
    return -1;
}

static void new_rows_do_not_move_the_selection(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    for (int i = 0; i < 20; i++)
        add_card(&c, i, "awaiting_approval");
    press(&c, "3 Down Down Down");
    char before[256], after[256];
    int row = cursor_row(&c, before, sizeof before);
    assert_non_null(strstr(before, "C-100016"));
    for (int i = 20; i < 30; i++) {
        add_card(&c, i, "awaiting_approval");
        assert_int_equal(cursor_row(&c, after, sizeof after), row);
        assert_string_equal(after, before);
    }
    assert_shows(&c, "+10 new");
    press(&c, "Home");
    assert_not_shown(&c, "new ");
    assert_shows(&c, "C-100029");
    console_close(&c);
}

static void a_pane_nobody_reads_shows_what_is_new(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    for (int i = 0; i < 20; i++)
        add_card(&c, i, "awaiting_approval");
    assert_shows(&c, "C-100019");
    press(&c, "2");
    add_card(&c, 20, "awaiting_approval");
    assert_shows(&c, "C-100020");
    console_close(&c);
}

static void a_row_that_leaves_hands_the_cursor_on_and_drops_typeahead(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    for (int i = 0; i < 4; i++)
        add_card(&c, i, "awaiting_approval");
    press(&c, "3 Home Down");
    int flushes = c.flushes;
    add_card(&c, 3, "approved"); /* above the cursor: the cursor stays on its card */
    char text[256];
    cursor_row(&c, text, sizeof text);
    assert_non_null(strstr(text, "C-100002"));
    assert_int_equal(c.flushes, flushes);
    add_card(&c, 2, "approved"); /* the card under the cursor */
    assert_int_equal(c.flushes, flushes + 1);
    assert_shows(&c, "C-100002 has left Approvals; the cursor is now on C-100001.");
    console_close(&c);
}

static void a_frozen_pane_keeps_its_rows(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    for (int i = 0; i < 3; i++)
        add_card(&c, i, "awaiting_approval");
    press(&c, "3 f");
    add_card(&c, 0, "rejected");
    add_card(&c, 7, "awaiting_approval");
    assert_shows(&c, "C-100000 rejected"); /* still listed, with what has become of it */
    assert_not_shown(&c, "C-100007");
    assert_shows(&c, "frozen +1 new");
    press(&c, "f");
    assert_not_shown(&c, "C-100000");
    assert_shows(&c, "C-100007");
    console_close(&c);
}

/* ---- the ledger, a page at a time ---- */

static void serve_audit(struct console *c, size_t *served, int64_t head)
{
    for (; *served < c->asks; (*served)++) {
        const struct sb_message *ask = c->ask[*served];
        if (ask->type != SB_ASK_AUDIT)
            continue;
        const struct sb_audit_ask *a = ask->body;
        assert_true(a->limit >= 1 && a->limit <= 500);
        struct sb_message *m = sb_message_new(SB_NEWS_AUDIT, ask->seq);
        struct sb_audit_page *page = m->body;
        page->before = a->before;
        page->head = head;
        int64_t seq = a->before && a->before <= head ? a->before - 1 : head;
        for (int64_t i = 0; i < a->limit && seq > 0; i++, seq--) {
            struct sb_audit_row *row = SB_PUSH(page->rows);
            row->seq = seq;
            row->ts = INT64_C(1767225600000) + seq;
            assert_int_equal(sb_str_set(&row->kind, "sampler") | sb_str_set(&row->text, "row"), 0);
        }
        page->at_start = seq <= 0;
        console_news(c, m);
        console_frame(c);
    }
}

/* The sequence numbers on the screen are without gaps, newest first. */
static void assert_contiguous(struct console *c, int64_t *first)
{
    int64_t last = 0;
    int rows = 0;
    const char *p = strstr(screen(c), " Audit ");
    assert_non_null(p);
    for (p = strchr(p, '\n'); p && *p; p = strchr(p + 1, '\n')) {
        long long seq;
        if (sscanf(p + 1, "%*[> ]%lld 20", &seq) != 1 && sscanf(p + 1, "%*[> ]%lld 0", &seq) != 1)
            continue;
        if (last && seq != last - 1)
            fail_msg("%lld stands behind %lld", (long long)last, seq);
        if (!last)
            *first = seq;
        last = seq;
        rows++;
    }
    assert_true(rows >= 3);
}

static void a_million_entries_are_read_page_by_page(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    int64_t head = 1000000, first = 0;
    console_open(&c, keymap, 120, 40);
    console_json(&c, "{\"type\":\"welcome\",\"seq\":0,\"body\":{\"version\":\"1\",\"deployment\":\"d\",\"simulated\":false,\"read_only\":false,\"speed\":1}}");
    serve_audit(&c, &served, head);
    press(&c, "4 z");
    serve_audit(&c, &served, head);
    assert_contiguous(&c, &first);
    assert_int_equal(first, head);
    for (int i = 0; i < 600; i++) { /* far enough that rows had to be dropped */
        press(&c, "PageDown");
        serve_audit(&c, &served, head);
        assert_contiguous(&c, &first);
    }
    assert_true(first < head - 18000 && first > head - 24000);
    for (int i = 0; i < 300; i++) {
        press(&c, "PageUp");
        serve_audit(&c, &served, head);
        assert_contiguous(&c, &first);
    }
    assert_true(first > head - 13000);
    press(&c, "End");
    serve_audit(&c, &served, head);
    assert_shows(&c, "at #1 ");
    press(&c, "Home");
    serve_audit(&c, &served, head);
    assert_shows(&c, "at #1000000 ");
    assert_contiguous(&c, &first);
    console_close(&c);
}

static void entries_that_are_appended_appear_or_are_counted(void **state)
{
    (void)state;
    struct console c;
    size_t served = 0;
    console_open(&c, keymap, 80, 24);
    serve_audit(&c, &served, 5000);
    assert_shows(&c, "5000");
    console_json(&c, "{\"type\":\"entry\",\"seq\":0,\"body\":{\"seq\":5001,\"ts\":\"2026-11-24T14:05:00.000Z\",\"kind\":\"ack\",\"text\":\"fresh\"}}");
    assert_shows(&c, "5001");
    press(&c, "4 PageDown PageDown");
    char before[256], after[256];
    int row = cursor_row(&c, before, sizeof before);
    console_json(&c, "{\"type\":\"entry\",\"seq\":0,\"body\":{\"seq\":5002,\"ts\":\"2026-11-24T14:05:00.000Z\",\"kind\":\"ack\",\"text\":\"fresh\"}}");
    assert_int_equal(cursor_row(&c, after, sizeof after), row);
    assert_string_equal(before, after);
    assert_shows(&c, "+1 new");
    console_close(&c);
}

/* ---- lines, messages, leaving ---- */

static void a_request_is_typed_and_a_paste_only_fills_it(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "n");
    type_text(&c, "orders is ");
    paste_text(&c, "slow\r\n\x1B[31m now\r");
    assert_int_equal(asked(&c, SB_ASK_REQUEST, NULL), 0);
    press(&c, "Home Delete");
    type_text(&c, "O");
    press(&c, "Enter");
    const struct sb_text *text = NULL;
    assert_int_equal(asked(&c, SB_ASK_REQUEST, (const void **)&text), 1);
    assert_string_equal(text->text, "Orders is slow [31m now ");
    press(&c, "n Up");
    assert_shows(&c, "Request: Orders is slow");
    press(&c, "C-u Enter");
    assert_int_equal(asked(&c, SB_ASK_REQUEST, NULL), 1); /* an empty one is none */
    console_close(&c);
}

static void answers_stay_until_they_are_replaced_or_dismissed(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_json(&c, "{\"type\":\"answer\",\"seq\":9,\"body\":{\"ok\":false,\"status\":4,\"text\":\"Policy refused: outside the change window eu-night.\"}}");
    press(&c, "Down Tab Tab");
    assert_shows(&c, "! Policy refused: outside the change window eu-night.");
    press(&c, "Escape");
    assert_not_shown(&c, "Policy refused");
    press(&c, "m");
    assert_shows(&c, "Policy refused: outside the change window eu-night.");
    console_close(&c);
}

static void leaving_asks_only_while_something_executes(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "q");
    assert_int_equal(c.quits, 1);
    console_close(&c);
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "08-watching");
    press(&c, "q");
    assert_int_equal(c.quits, 0);
    assert_shows(&c, "Leave while a plan is watched?");
    assert_shows(&c, "signalbox serve");
    press(&c, "Escape q y");
    assert_int_equal(c.quits, 1);
    console_close(&c);
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "07-executing");
    press(&c, "q");
    assert_int_equal(c.quits, 0);
    assert_shows(&c, "Leave while a plan is carried out?");
    press(&c, "Enter Space Escape");
    assert_int_equal(c.quits, 0);
    press(&c, "C-z");
    assert_int_equal(c.suspends, 0);
    assert_shows(&c, "Not suspended: a plan is being carried out");
    press(&c, "q y");
    assert_int_equal(c.quits, 1);
    assert_int_equal(asked(&c, SB_ASK_BYE, NULL), 1);
    console_close(&c);
}

static void too_small_says_so_and_recovers(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    c.w = 39;
    console_frame(&c);
    assert_shows(&c, "39x24 is too small: 40x10 is needed");
    press(&c, "3 Enter s y A");
    assert_int_equal(c.asks, 2); /* hello and the ledger, from the beginning */
    c.w = 80;
    console_frame(&c);
    assert_shows(&c, "Anomalies");
    c.w = 5;
    c.h = 2;
    console_frame(&c);
    press(&c, "q");
    assert_int_equal(c.quits, 1);
    console_close(&c);
}

static void a_search_finds_and_says_where_it_did_not(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "4 /");
    type_text(&c, "HANDOFF");
    press(&c, "Enter");
    char text[256];
    cursor_row(&c, text, sizeof text);
    assert_non_null(strstr(text, "anomaly_detector"));
    press(&c, "/");
    type_text(&c, "nowhere to be found");
    press(&c, "Enter");
    assert_shows(&c, "\"nowhere to be found\" is not in Audit."); /* all of the ledger is loaded */
    console_close(&c);
}

static void a_decision_needs_its_reason(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 r Enter");
    assert_shows(&c, "A reason is needed: nothing was sent.");
    press(&c, "r");
    type_text(&c, "not this week");
    press(&c, "Enter");
    const struct sb_decision_on *d = NULL;
    assert_int_equal(asked(&c, SB_ASK_REJECT, (const void **)&d), 1);
    assert_string_equal(d->reason, "not this week");
    assert_string_equal(d->card, "C-000001");
    console_close(&c);
}

static void answers_after(struct console *c, int64_t ms)
{
    struct sb_tui_event event = {.kind = SB_TUI_LINE, .wall_ms = c->clock, .ms = ms};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

/* Measured, the face is taken and told; who has chosen for himself is not overruled. */
static void a_slow_line_is_told_and_can_be_refused(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    answers_after(&c, 320);
    assert_true(c.line);
    assert_shows(&c, "The terminal takes 320 ms to answer: this is the face for a slow line. F8 takes it back.");
    press(&c, "Escape");
    assert_shows(&c, "slow line: 320 ms");
    assert_not_shown(&c, "Approvals");
    press(&c, "F8");
    assert_false(c.line);
    assert_shows(&c, "Approvals");
    assert_not_shown(&c, "slow line");
    answers_after(&c, 900);
    assert_false(c.line);
    assert_shows(&c, "Approvals");
    press(&c, "F8");
    assert_true(c.line);
    assert_not_shown(&c, "slow line: 320");
    press(&c, "m");
    assert_shows(&c, "The terminal takes 320 ms to answer");
    console_close(&c);
}

static void an_edit_sends_only_what_was_changed(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 e S");
    assert_shows(&c, "Nothing is changed yet");
    press(&c, "Enter C-u");
    type_text(&c, "by_customer");
    press(&c, "Enter Down Enter Enter"); /* the key is taken as it is: no change */
    press(&c, "S");
    assert_shows(&c, "- customer_id_1_status_1_created_at_-1 + by_customer");
    press(&c, "y");
    const struct sb_edit *e = NULL;
    assert_int_equal(asked(&c, SB_ASK_EDIT, (const void **)&e), 1);
    assert_int_equal(e->sets_n, 1);
    assert_string_equal(e->sets[0].key, "name");
    assert_string_equal(e->sets[0].value, "by_customer");
    console_close(&c);
}

static void copying_gives_the_exact_commands(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 Enter 2 y");
    assert_non_null(c.copied);
    assert_true(sb_starts_with(c.copied, "{\"createIndexes\":\"orders\",\"indexes\":[{\"key\":{\"customer_id\""));
    assert_non_null(strstr(c.copied, "\"comment\":\"signalbox C-000001/1/1\",\"$db\":\"shop\"}\n"));
    assert_null(strchr(strchr(c.copied, '\n') + 1, '\n')); /* one command, one line, however it was wrapped */
    press(&c, "Escape y");
    assert_non_null(strstr(c.copied, "C-000001"));
    console_close(&c);
}

/* Keys that come in one read, before a frame is made of what they lead to. */
static void what_is_copied_is_what_was_meant(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    for (int i = 0; i < 20; i++)
        add_card(&c, i, "awaiting_approval");
    press(&c, "3 Home");
    console_keys(&c, "Down Down Down Down Down Down Down y", true); /* beyond the last row in sight */
    assert_non_null(strstr(c.copied, "C-100012"));
    press(&c, "Enter 4");
    console_keys(&c, "5 y", true);
    assert_shows(&c, "Not copied: this page has not been on the screen yet.");
    assert_non_null(strstr(c.copied, "C-100012"));
    press(&c, "y");
    assert_non_null(strstr(c.copied, "Undo of step 1"));
    console_keys(&c, "Escape Escape c y", true);
    assert_non_null(strstr(c.copied, "Undo of step 1"));
    press(&c, "y");
    assert_true(sb_starts_with(c.copied, "The case was asked for"));
    console_close(&c);
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"title\":\"one\\nrm -r x\\u001b[2J\"}}");
    press(&c, "3 y");
    assert_non_null(strstr(c.copied, "one\\nrm -r x^[[2J")); /* as it is shown: nothing that is pasted presses Enter */
    console_close(&c);
    console_on_card(&c, keymap, 200, 60); /* two pages: the one of the tab is copied */
    press(&c, "3 Enter y");
    assert_true(sb_starts_with(c.copied, "What "));
    press(&c, "3 y");
    assert_non_null(strstr(c.copied, "[sampled 0.4 %]"));
    console_close(&c);
}

/* What was measured is drawn reading by reading, once each, and a new window begins anew. */
static void the_watch_tab_draws_what_was_measured(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 60);
    console_play(&c, "06-approved");
    console_play(&c, "07-executing");
    console_play(&c, "08-watching");
    press(&c, "2 Enter 6");
    assert_shows(&c, "since \xE2\x96\x82 limit \xE2\x96\x85"); /* 1.3 ms; the limit is 4.6 ms */
    console_play(&c, "08-watching"); /* the same reading again is none */
    assert_shows(&c, "since \xE2\x96\x82 limit");
    console_play(&c, "09-pass");
    console_close(&c);
}

static void why_not_tells_what_stands_in_the_way_of_each_decision(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 60);
    press(&c, "3 w");
    assert_shows(&c, "[4 policy]");
    assert_shows(&c, "What would change the answer");
    assert_shows(&c, "A approve Not yet: the summary (tab 1) and the commands (tab 2) have not been on the screen to the end.");
    assert_shows(&c, "r reject yes");
    press(&c, "Escape :");
    type_text(&c, "roll-back"); /* the palette says it too */
    assert_shows(&c, "> roll-back u ");
    assert_not_shown(&c, "take back what the card did");
    console_close(&c);
}

static void the_palette_finds_actions_and_leaves_dangerous_ones_to_their_key(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 Enter PageDown PageDown 2 :");
    type_text(&c, "appr");
    assert_shows(&c, "> approve");
    press(&c, "Enter");
    assert_not_shown(&c, "What is signed");
    assert_shows(&c, "approve is done by its own key only: A.");
    press(&c, ":");
    type_text(&c, "tab hist");
    press(&c, "Enter");
    assert_shows(&c, "[7 history]");
    console_close(&c);
}

static void other_keymaps_work_the_same(void **state)
{
    (void)state;
    struct sb_keymap *vi = keymap_of("vi"), *emacs = keymap_of("emacs");
    struct console c;
    console_on_card(&c, vi, 80, 24);
    press(&c, "g 3 Enter C-f C-f g 2 C-f A");
    assert_shows(&c, "What is signed");
    press(&c, "Escape Escape i");
    type_text(&c, "orders is slow");
    press(&c, "Enter Z Z");
    assert_int_equal(asked(&c, SB_ASK_REQUEST, NULL), 1);
    assert_int_equal(c.quits, 1);
    console_close(&c);
    console_on_card(&c, emacs, 80, 24);
    press(&c, "3 Enter C-v C-v 2 A");
    assert_shows(&c, "What is signed");
    press(&c, "C-g C-x C-c");
    assert_int_equal(c.quits, 1);
    console_close(&c);
    sb_keymap_free(vi);
    sb_keymap_free(emacs);
}

static void nothing_can_be_decided_before_the_connection_or_after_the_end(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "ended");
    press(&c, "3 r");
    assert_shows(&c, "nothing can be decided any more");
    press(&c, "n");
    type_text(&c, "x");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_REQUEST, NULL), 0);
    console_close(&c);
}

/* What is asked for takes a while; that it does is no longer said when it is there. */
static void what_is_under_way_is_said_until_it_has_come(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    press(&c, "%");
    char line[160];
    snprintf(line, sizeof line, "{\"type\":\"answer\",\"seq\":%lld,\"body\":{\"ok\":true,\"status\":0,\"text\":\"It is being gone through\"}}", (long long)c.ask[c.asks - 1]->seq);
    console_json(&c, line);
    assert_shows(&c, "It is being gone through");
    console_play(&c, "14-report");
    assert_not_shown(&c, "It is being gone through");
    console_json(&c, "{\"type\":\"notice\",\"seq\":0,\"body\":{\"severity\":\"high\",\"text\":\"Something else\"}}");
    console_play(&c, "14-report"); /* which somebody else asked for */
    assert_shows(&c, "Something else");
    console_json(&c, "{\"type\":\"report\",\"seq\":0,\"body\":{\"at\":\"2026-11-24T14:05:12.000Z\",\"sides\":[],\"rows\":[{\"what\":\"request to card\",\"after\":false,\"incident\":false,\"n\":9,"
                     "\"median\":400,\"low\":300,\"high\":700,\"p90\":800,\"bounded\":true}]}}");
    assert_shows(&c, "|0 800 ms|"); /* the end of an axis on which all is shorter than a second */
    console_close(&c);
}

/* On a narrow screen a column is there whole, or not at all: 40 cut after its first digits reads as another number. */
static void a_number_is_never_cut(void **state)
{
    (void)state;
    struct console c;
    for (int w = 40; w <= 170; w += w < 90 ? 1 : 3) {
        console_open(&c, keymap, w, 24);
        console_json(&c, "{\"type\":\"welcome\",\"seq\":1,\"body\":{\"deployment\":\"shop\"}}");
        console_json(&c, "{\"type\":\"strip\",\"seq\":0,\"body\":{\"at\":\"2026-11-24T14:05:12.000Z\",\"wall\":\"2026-11-24T14:05:12.000Z\",\"samples\":5,\"ledger_ok\":true,\"members\":["
                         "{\"name\":\"db1\",\"state\":\"PRIMARY\",\"healthy\":true,\"lag_s\":0,\"reads_per_s_milli\":777000,\"writes_per_s_milli\":777000,\"read_latency_us\":777,"
                         "\"write_latency_us\":777,\"connections\":777,\"queued\":777,\"cache_ppm\":777000,\"inserts\":777000,\"queries\":777000,\"updates\":777000,\"deletes\":777000,"
                         "\"getmores\":777000,\"commands\":777000,\"dirty_ppm\":777000,\"resident_mib\":777,\"reading\":777,\"writing\":777,\"bytes_in\":777,\"bytes_out\":777}]}}");
        for (int page = 0; page < 2; page++) {
            const char *text = screen(&c);
            for (const char *p = strchr(text, '7'); p; p = strchr(p, '7')) {
                size_t n = strspn(p, "7");
                if (n != 3 && strncmp(p, "77 %", 4) != 0) /* 777 of anything, or the share of it */
                    fail_msg("cut at %d columns:\n%s", w, text);
                p += n;
            }
            press(&c, "F5");
        }
        console_close(&c);
    }
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_in_every_context_is_safe),
        cmocka_unit_test(random_walks_do_no_harm),
        cmocka_unit_test(new_rows_do_not_move_the_selection),
        cmocka_unit_test(a_pane_nobody_reads_shows_what_is_new),
        cmocka_unit_test(a_row_that_leaves_hands_the_cursor_on_and_drops_typeahead),
        cmocka_unit_test(a_frozen_pane_keeps_its_rows),
        cmocka_unit_test(a_million_entries_are_read_page_by_page),
        cmocka_unit_test(entries_that_are_appended_appear_or_are_counted),
        cmocka_unit_test(a_request_is_typed_and_a_paste_only_fills_it),
        cmocka_unit_test(answers_stay_until_they_are_replaced_or_dismissed),
        cmocka_unit_test(leaving_asks_only_while_something_executes),
        cmocka_unit_test(too_small_says_so_and_recovers),
        cmocka_unit_test(a_search_finds_and_says_where_it_did_not),
        cmocka_unit_test(a_decision_needs_its_reason),
        cmocka_unit_test(a_slow_line_is_told_and_can_be_refused),
        cmocka_unit_test(an_edit_sends_only_what_was_changed),
        cmocka_unit_test(copying_gives_the_exact_commands),
        cmocka_unit_test(what_is_copied_is_what_was_meant),
        cmocka_unit_test(the_watch_tab_draws_what_was_measured),
        cmocka_unit_test(why_not_tells_what_stands_in_the_way_of_each_decision),
        cmocka_unit_test(the_palette_finds_actions_and_leaves_dangerous_ones_to_their_key),
        cmocka_unit_test(other_keymaps_work_the_same),
        cmocka_unit_test(what_is_under_way_is_said_until_it_has_come),
        cmocka_unit_test(a_number_is_never_cut),
        cmocka_unit_test(nothing_can_be_decided_before_the_connection_or_after_the_end),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
