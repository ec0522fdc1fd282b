/* SPDX-License-Identifier: Apache-2.0
 *
 * Screens as files. Every tests/screen/NAME.t is a script; what it calls a screen is compared with files of that name under
 * tests/screen/golden: .screen (the text), .roles (the meaning of each cell) and .asks (what was posted). One row a line:
 *
 *   sizes 80x24 120x40      the script is run once for each; the size becomes part of the file's name
 *   keymap default          ascii           connecting TEXT          clock 2026-11-24T14:05:12.000Z
 *   news NAME...            recordings of tests/screen/fixture, message by message
 *   keys KEY...             type TEXT       paste TEXT               tick MILLISECONDS
 *   screen NAME             asks NAME
 *
 * With SIGNALBOX_ACCEPT=1 the files are written instead (make accept). */
#include "test.h"

#include "../screen/fixture.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/conf.h>
#include <signalbox/term/text.h>
#include <signalbox/tui/tui.h>

#include <glob.h>
#include <unistd.h>

struct run {
    const char *script;
    char size[16];
    int w, h;
    int64_t clock;
    bool ascii;
    const char *connecting;
    struct sb_keymap *keymap;
    struct sb_tui *tui;
    struct sb_effects fx;
    struct sb_str asks;
    struct sb_cells cells;
    size_t wrong, compared;
    bool accept;
};

static void load_keymap(struct run *r, const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    char path[64];
    snprintf(path, sizeof path, "keymaps/%s.keys", name);
    struct sb_str text;
    sb_str_init(&text);
    struct sb_problems problems;
    sb_problems_init(&problems);
    sb_assert_ok(sb_file_read(path, SB_CONF_MAX_BYTES, &text, &err), err);
    sb_keymap_free(r->keymap);
    r->keymap = sb_keymap_new();
    sb_assert_ok(sb_keymap_read(r->keymap, text.p, text.len, path, &problems, &err), err);
    sb_str_release(&text);
    sb_problems_release(&problems);
}

static void take_effects(struct run *r)
{
    static const char *const names[] = {"ask", "quit", "bell", "notice", "flush", "copy", "export-text", "export-svg", "export-json", "export-md", "export-plots", "editor", "remember", "mouse-on", "mouse-off", "line-on", "line-off", "redraw", "suspend", "doctor"};
    for (size_t i = 0; i < r->fx.n; i++) {
        const struct sb_fx *fx = &r->fx.fx[i];
        if (fx->kind == SB_FX_ASK) {
            json_t *json = sb_message_to_json(fx->ask);
            char *line = json_dumps(json, JSON_COMPACT);
            sb_str_addf(&r->asks, "%s\n", line);
            free(line);
            json_decref(json);
        } else {
            sb_str_addf(&r->asks, "%s%s%s\n", names[fx->kind], fx->text ? " " : "", fx->text ? fx->text : "");
        }
    }
    sb_effects_clear(&r->fx);
}

static void recalc(struct run *r)
{
    struct sb_err err = SB_ERR_INIT;
    int x, y;
    sb_tui_recalc(r->tui, r->w, r->h, &r->fx);
    if (r->cells.w != r->w || r->cells.h != r->h)
        sb_assert_ok(sb_cells_resize(&r->cells, r->w, r->h, &err), err);
    sb_tui_paint(r->tui, &r->cells, &x, &y);
    take_effects(r);
}

static void begin(struct run *r)
{
    if (r->tui)
        return;
    struct sb_err err = SB_ERR_INIT;
    if (!r->keymap)
        load_keymap(r, "default");
    struct sb_tui_setup setup = {.keymap = r->keymap, .seat = {.who = (char *)"alice", .how = (char *)"console", .tty = (char *)"/dev/pts/7"}, .connecting = r->connecting, .ascii = r->ascii, .wall_ms = r->clock};
    r->tui = sb_tui_new(&setup, &err);
    assert_non_null(r->tui);
    sb_tui_start(r->tui, &r->fx);
    recalc(r);
}

static void give_news(void *ctx, struct sb_message *m)
{
    struct run *r = ctx;
    struct sb_tui_event event = {.kind = SB_TUI_NEWS, .wall_ms = r->clock, .news = m};
    sb_tui_update(r->tui, &event, &r->fx);
    recalc(r);
}

static void give_key(struct run *r, const struct sb_key *key)
{
    struct sb_tui_event event = {.kind = SB_TUI_KEY, .wall_ms = r->clock, .key = key};
    sb_tui_update(r->tui, &event, &r->fx);
    recalc(r);
}

static void type(struct run *r, const char *text)
{
    size_t n = strlen(text);
    for (size_t at = 0; at < n;) {
        struct sb_key key = {.code = SB_KEY_CHAR};
        size_t len = sb_utf8_decode(text + at, n - at, &key.point);
        assert_true(len > 0);
        give_key(r, &key);
        at += len;
    }
}

/* Shows the first line that differs. */
static void tell(const char *path, const char *is, const char *should)
{
    size_t line = 1;
    while (*is && *should) {
        size_t a = strcspn(is, "\n"), b = strcspn(should, "\n");
        if (a != b || memcmp(is, should, a) != 0) {
            print_error("%s:%zu\n  should be |%.*s|\n  is        |%.*s|\n", path, line, (int)b, should, (int)a, is);
            return;
        }
        is += a + (is[a] == '\n');
        should += b + (should[b] == '\n');
        line++;
    }
    print_error("%s:%zu: the one is longer than the other\n", path, line);
}

static void compare(struct run *r, const char *name, const char *kind, const struct sb_str *is)
{
    struct sb_err err = SB_ERR_INIT;
    char path[256];
    snprintf(path, sizeof path, "tests/screen/golden/%s%s%s.%s", name, r->size[0] ? "-" : "", r->size, kind);
    struct sb_str should;
    sb_str_init(&should);
    bool there = sb_file_read(path, 1 << 20, &should, &err) == 0;
    r->compared++;
    bool same = there && should.len == is->len && memcmp(should.p, is->p, is->len) == 0;
    if (!same && r->accept) {
        sb_assert_ok(sb_file_write(path, 0644, is->p, is->len, &err), err);
    } else if (!same) {
        r->wrong++;
        if (there)
            tell(path, is->p, should.p);
        else
            print_error("%s: is missing\n", path);
    }
    sb_str_release(&should);
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct run *r = ctx;
    const char *word = row->word[0];
    struct sb_str text;
    sb_str_init(&text);
    if (sb_streq(word, "sizes")) {
        /* read beforehand */
    } else if (sb_streq(word, "keymap") && row->n == 2) {
        load_keymap(r, row->word[1]);
    } else if (sb_streq(word, "ascii")) {
        r->ascii = true;
    } else if (sb_streq(word, "connecting") && row->n == 2) {
        char *copy = sb_strdup_n(row->word[1], strlen(row->word[1]));
        r->connecting = copy;
    } else if (sb_streq(word, "clock") && row->n == 2) {
        assert_int_equal(sb_time_parse(row->word[1], strlen(row->word[1]), &r->clock), 0);
    } else if (begin(r), sb_streq(word, "news")) {
        for (size_t i = 1; i < row->n; i++) {
            struct sb_err err = SB_ERR_INIT;
            sb_assert_ok(fixture_read(row->word[i], give_news, r, &err), err);
        }
    } else if (sb_streq(word, "keys")) {
        for (size_t i = 1; i < row->n; i++) {
            struct sb_key key;
            if (sb_key_parse(row->word[i], &key))
                sb_problems_add(problems, row->path, row->line, "\"%s\" is not a key", row->word[i]);
            else
                give_key(r, &key);
        }
    } else if (sb_streq(word, "type") && row->n == 2) {
        type(r, row->word[1]);
    } else if (sb_streq(word, "paste") && row->n == 2) {
        struct sb_key key = {.code = SB_KEY_PASTE, .text = row->word[1], .n = strlen(row->word[1])};
        give_key(r, &key);
    } else if (sb_streq(word, "size") && row->n == 3) {
        int64_t w, h;
        assert_int_equal(sb_parse_i64(row->word[1], &w) | sb_parse_i64(row->word[2], &h), 0);
        r->w = (int)w;
        r->h = (int)h;
        recalc(r);
    } else if (sb_streq(word, "tick") && row->n == 2) {
        int64_t ms;
        assert_int_equal(sb_parse_i64(row->word[1], &ms), 0);
        r->clock += ms;
        struct sb_tui_event event = {.kind = SB_TUI_TICK, .wall_ms = r->clock};
        sb_tui_update(r->tui, &event, &r->fx);
        recalc(r);
    } else if (sb_streq(word, "screen") && row->n == 2) {
        sb_cells_text(&r->cells, &text);
        compare(r, row->word[1], "screen", &text);
        sb_str_clear(&text);
        sb_cells_roles(&r->cells, &text);
        compare(r, row->word[1], "roles", &text);
    } else if (sb_streq(word, "asks") && row->n == 2) {
        compare(r, row->word[1], "asks", &r->asks);
        sb_str_clear(&r->asks);
    } else {
        sb_problems_add(problems, row->path, row->line, "this line is not understood");
    }
    sb_str_release(&text);
}

/* Runs a script once; returns how many files differ, and adds how many were compared. */
static size_t run(const char *script, const struct sb_str *text, const char *size, size_t *compared)
{
    struct sb_err err = SB_ERR_INIT;
    struct run r = {.script = script, .w = 80, .h = 24, .accept = getenv("SIGNALBOX_ACCEPT") != NULL};
    r.clock = INT64_C(1795529100000); /* 2026-11-24T14:05:00Z */
    if (size) {
        snprintf(r.size, sizeof r.size, "%s", size);
        assert_int_equal(sscanf(size, "%dx%d", &r.w, &r.h), 2);
    }
    sb_cells_init(&r.cells);
    sb_effects_init(&r.fx);
    sb_str_init(&r.asks);
    struct sb_problems problems;
    sb_problems_init(&problems);
    sb_assert_ok(sb_conf_parse(text->p, text->len, script, read_row, &r, &problems, &err), err);
    if (problems.count)
        fail_msg("%s", problems.text.p);
    assert_non_null(r.tui);
    sb_tui_free(r.tui);
    sb_keymap_free(r.keymap);
    sb_effects_release(&r.fx);
    sb_str_release(&r.asks);
    sb_cells_release(&r.cells);
    sb_problems_release(&problems);
    free((char *)(uintptr_t)r.connecting);
    *compared += r.compared;
    return r.wrong;
}

struct sizes {
    char size[8][16];
    size_t n;
};

static void find_sizes(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sizes *s = ctx;
    (void)problems;
    for (size_t i = 1; sb_streq(row->word[0], "sizes") && i < row->n && s->n < SB_COUNT(s->size); i++)
        snprintf(s->size[s->n++], sizeof s->size[0], "%s", row->word[i]);
}

static void every_screen_is_as_it_was_accepted(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    glob_t found;
    size_t wrong = 0, compared = 0;
    assert_int_equal(glob("tests/screen/*.t", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct sb_str text;
        sb_str_init(&text);
        sb_assert_ok(sb_file_read(found.gl_pathv[i], 1 << 20, &text, &err), err);
        struct sizes sizes = {.n = 0};
        struct sb_problems problems;
        sb_problems_init(&problems);
        sb_assert_ok(sb_conf_parse(text.p, text.len, found.gl_pathv[i], find_sizes, &sizes, &problems, &err), err);
        if (sizes.n == 0)
            wrong += run(found.gl_pathv[i], &text, NULL, &compared);
        for (size_t s = 0; s < sizes.n; s++)
            wrong += run(found.gl_pathv[i], &text, sizes.size[s], &compared);
        sb_problems_release(&problems);
        sb_str_release(&text);
    }
    globfree(&found);
    assert_int_equal(glob("tests/screen/golden/*", 0, NULL, &found), 0);
    if (found.gl_pathc != compared)
        fail_msg("%zu files are kept and %zu screens were drawn: some belong to no script. make accept removes them", found.gl_pathc, compared);
    globfree(&found);
    if (wrong)
        fail_msg("%zu files differ. If the new screens are right: make accept", wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_screen_is_as_it_was_accepted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
