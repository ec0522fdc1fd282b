/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what comes through the socket between a screen and the orchestrator, and the screen that shows it: each line is
 * a message as JSON, or, where it begins with '>', keys that are typed. A message that is read is written and read again
 * the same. Whatever the news and keys are, the screen can be drawn at every size, and every cell is harmless. */
#include "fuzz.h"

#include <signalbox/base/file.h>
#include <signalbox/tui/tui.h>

#define START_MS INT64_C(1795529112000)

struct fuzzed {
    struct sb_tui *tui;
    struct sb_effects fx;
    struct sb_cells cells;
    int w, h;
    unsigned keys;
};

static const struct sb_keymap *keymap(void)
{
    static struct sb_keymap *k;
    if (k)
        return k;
    struct sb_str text;
    struct sb_problems problems;
    sb_str_init(&text);
    sb_problems_init(&problems);
    k = sb_keymap_new();
    check(k && sb_file_read("keymaps/default.keys", SB_CONF_MAX_BYTES, &text, NULL) == 0);
    check(sb_keymap_read(k, text.p, text.len, "default", &problems, NULL) == 0 && problems.count == 0);
    sb_str_release(&text);
    sb_problems_release(&problems);
    return k;
}

static struct sb_message *message(const char *p, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *json = sb_json_parse(p, n, "fuzz", SB_JSON_STRICT, &err);
    struct sb_message *m = json ? sb_message_from_json(json, &err) : NULL;
    check(m || err.code != SB_OK);
    json_decref(json);
    if (!m)
        return NULL;
    json_t *out = sb_message_to_json(m);
    struct sb_message *again = out ? sb_message_from_json(out, &err) : NULL;
    check(again && again->type == m->type && again->seq == m->seq);
    check(sb_record_equal(sb_message_schema(m->type), m->body, again->body));
    json_decref(out);
    sb_message_free(again);
    return m;
}

static void draw(struct fuzzed *f)
{
    int x, y;
    sb_tui_recalc(f->tui, f->w, f->h, &f->fx);
    check(sb_cells_resize(&f->cells, f->w, f->h, NULL) == 0);
    sb_tui_paint(f->tui, &f->cells, &x, &y);
    check(x == -1 || (x >= 0 && x < f->w && y >= 0 && y < f->h));
    for (int i = 0; i < f->w * f->h; i++) {
        const struct sb_cell *c = &f->cells.cell[i];
        check(c->role < SB_ROLES && c->width <= 2 && c->n <= sizeof c->text);
        if (c->n == 1 && c->text[0] >= ' ' && c->text[0] < 0x7F)
            continue; /* most are: the fuzzer is ten times as fast for it */
        for (size_t k = 0; k < c->n;) {
            uint32_t point;
            int width;
            size_t len = sb_utf8_decode(c->text + k, c->n - k, &point);
            check(len > 0);
            enum sb_glyph glyph = sb_glyph_of(point, &width);
            check(glyph == SB_GLYPH_BASE || (glyph == SB_GLYPH_MARK && k > 0));
            k += len;
        }
    }
    sb_effects_clear(&f->fx);
}

static void give_key(void *ctx, const struct sb_key *key)
{
    struct fuzzed *f = ctx;
    struct sb_tui_event event = {.kind = SB_TUI_KEY, .wall_ms = START_MS, .key = key};
    sb_tui_update(f->tui, &event, &f->fx);
    if (++f->keys % 16 == 0) /* typed ahead: several keys between two frames */
        draw(f);
}

static void type(struct fuzzed *f, const char *p, size_t n)
{
    struct sb_input in;
    sb_input_init(&in, give_key, f);
    sb_input_feed(&in, p, n);
    for (int i = 0; i < 6 && sb_input_wait_ms(&in) >= 0; i++)
        sb_input_timeout(&in);
    sb_input_release(&in);
    draw(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int sizes[][2] = {{80, 24}, {200, 60}, {40, 10}, {20, 5}, {0, 0}, {120, 40}, {41, 200}};
    if (size == 0)
        return 0;
    struct fuzzed f = {.w = sizes[data[0] % SB_COUNT(sizes)][0], .h = sizes[data[0] % SB_COUNT(sizes)][1]};
    struct sb_tui_setup setup = {.keymap = keymap(), .seat = {.who = (char *)"alice", .how = (char *)"console"},
                                   .connecting = "shop", .ascii = data[0] & 64, .wall_ms = START_MS};
    sb_effects_init(&f.fx);
    sb_cells_init(&f.cells);
    f.tui = sb_tui_new(&setup, NULL);
    check(f.tui != NULL);
    sb_tui_start(f.tui, &f.fx);
    draw(&f);
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        if (*p == '>') {
            type(&f, p + 1, n - 1);
        } else {
            struct sb_tui_event event = {.kind = SB_TUI_NEWS, .wall_ms = START_MS, .news = message(p, n)};
            if (event.news && event.news->type >= SB_NEWS_WELCOME) {
                sb_tui_update(f.tui, &event, &f.fx);
                draw(&f);
            } else {
                sb_message_free(event.news);
            }
        }
        p += n + 1;
    }
    sb_tui_free(f.tui);
    sb_effects_release(&f.fx);
    sb_cells_release(&f.cells);
    return 0;
}
