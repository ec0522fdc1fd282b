/* SPDX-License-Identifier: Apache-2.0
 *
 * A console without a terminal for unit tests: feeds it events as the main loop would, keeps what it asked for. */
#ifndef SIGNALBOX_TEST_CONSOLE_H
#define SIGNALBOX_TEST_CONSOLE_H

#include "test.h"

#include "../screen/fixture.h"

#include <signalbox/term/text.h>
#include <signalbox/tui/tui.h>

struct console {
    struct sb_keymap *keymap;
    struct sb_tui *tui;
    struct sb_effects fx;
    struct sb_cells cells;
    int w, h, cursor_x, cursor_y;
    int64_t clock;
    struct sb_message **ask; /* in order */
    size_t asks, asks_cap;
    int quits, notices, bells, flushes, redraws, suspends, doctors;
    int exports;
    bool mouse; /* as the terminal was asked for */
    bool line;
    char *notice, *copied, *written; /* written: for a file or an editor */
    bool dropping; /* the rest of a batch of keys was flushed */
    struct sb_str shot;
};

static inline void console_take(struct console *c)
{
    for (size_t i = 0; i < c->fx.n; i++) {
        struct sb_fx *fx = &c->fx.fx[i];
        switch (fx->kind) {
        case SB_FX_ASK:
            c->ask = realloc(c->ask, (c->asks + 1) * sizeof *c->ask);
            assert_non_null(c->ask);
            c->ask[c->asks++] = fx->ask;
            fx->ask = NULL;
            break;
        case SB_FX_QUIT: c->quits++; break;
        case SB_FX_BELL: c->bells++; break;
        case SB_FX_NOTICE:
            c->notices++;
            free(c->notice);
            c->notice = fx->text;
            fx->text = NULL;
            break;
        case SB_FX_FLUSH:
            c->flushes++;
            c->dropping = true;
            break;
        case SB_FX_COPY:
            free(c->copied);
            c->copied = fx->text;
            fx->text = NULL;
            break;
        case SB_FX_EXPORT_JSON: case SB_FX_EXPORT_MD: case SB_FX_EXPORT_PLOTS: case SB_FX_EDITOR: case SB_FX_REMEMBER:
            free(c->written);
            c->written = fx->text;
            fx->text = NULL;
            break;
        case SB_FX_EXPORT_TEXT: case SB_FX_EXPORT_SVG: c->exports++; break;
        case SB_FX_MOUSE_ON: case SB_FX_MOUSE_OFF: c->mouse = fx->kind == SB_FX_MOUSE_ON; break;
        case SB_FX_LINE_ON: case SB_FX_LINE_OFF: c->line = fx->kind == SB_FX_LINE_ON; break;
        case SB_FX_REDRAW: c->redraws++; break;
        case SB_FX_SUSPEND: c->suspends++; break;
        case SB_FX_DOCTOR: c->doctors++; break;
        }
    }
    sb_effects_clear(&c->fx);
}

/* What the loop does before it sleeps: one frame. */
static inline void console_frame(struct console *c)
{
    struct sb_err err = SB_ERR_INIT;
    sb_tui_recalc(c->tui, c->w, c->h, &c->fx);
    console_take(c);
    if (c->cells.w != c->w || c->cells.h != c->h)
        sb_assert_ok(sb_cells_resize(&c->cells, c->w, c->h, &err), err);
    sb_tui_paint(c->tui, &c->cells, &c->cursor_x, &c->cursor_y);
}

static inline void console_open(struct console *c, struct sb_keymap *keymap, int w, int h)
{
    struct sb_err err = SB_ERR_INIT;
    memset(c, 0, sizeof *c);
    c->keymap = keymap;
    c->w = w;
    c->h = h;
    c->clock = INT64_C(1795529112000); /* 2026-11-24T14:05:12Z */
    sb_cells_init(&c->cells);
    sb_effects_init(&c->fx);
    sb_str_init(&c->shot);
    struct sb_tui_setup setup = {.keymap = keymap, .seat = {.who = (char *)"alice", .how = (char *)"console"}, .connecting = "shop", .wall_ms = c->clock};
    c->tui = sb_tui_new(&setup, &err);
    assert_non_null(c->tui);
    sb_tui_start(c->tui, &c->fx);
    console_take(c);
    console_frame(c);
}

static inline void console_close(struct console *c)
{
    sb_tui_free(c->tui);
    for (size_t i = 0; i < c->asks; i++)
        sb_message_free(c->ask[i]);
    free(c->ask);
    free(c->notice);
    free(c->copied);
    free(c->written);
    sb_effects_release(&c->fx);
    sb_cells_release(&c->cells);
    sb_str_release(&c->shot);
}

static inline void console_news(void *ctx, struct sb_message *m)
{
    struct console *c = ctx;
    struct sb_tui_event event = {.kind = SB_TUI_NEWS, .wall_ms = c->clock, .news = m};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
}

static inline void console_play(struct console *c, const char *recording)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(fixture_read(recording, console_news, c, &err), err);
    console_frame(c);
}

/* A message given as JSON, with the base of the recordings. */
static inline void console_json(struct console *c, const char *line)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_message *m = fixture_message(line, strlen(line), "test", &err);
    if (!m)
        fail_msg("%s", err.msg);
    console_news(c, m);
    console_frame(c);
}

static inline void console_one_key(struct console *c, const struct sb_key *key)
{
    if (c->dropping)
        return;
    struct sb_tui_event event = {.kind = SB_TUI_KEY, .wall_ms = c->clock, .key = key};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
}

/* Keys by name with blanks between them. With `at_once` they come in one read, before a frame could be shown. */
static inline void console_keys(struct console *c, const char *names, bool at_once)
{
    char text[512];
    snprintf(text, sizeof text, "%s", names);
    char *rest = text;
    c->dropping = false;
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        struct sb_key key;
        if (!*word)
            continue;
        if (sb_key_parse(word, &key))
            fail_msg("%s is not a key", word);
        console_one_key(c, &key);
        if (!at_once) {
            console_frame(c);
            c->dropping = false;
        }
    }
    console_frame(c);
    c->dropping = false;
}

static inline void press(struct console *c, const char *names)
{
    console_keys(c, names, false);
}

static inline void type_text(struct console *c, const char *text)
{
    size_t n = strlen(text);
    for (size_t at = 0; at < n;) {
        struct sb_key key = {.code = SB_KEY_CHAR};
        at += sb_utf8_decode(text + at, n - at, &key.point);
        console_one_key(c, &key);
        console_frame(c);
    }
}

static inline void paste_text(struct console *c, const char *text)
{
    struct sb_key key = {.code = SB_KEY_PASTE, .text = text, .n = strlen(text)};
    console_one_key(c, &key);
    console_frame(c);
}

static inline const char *screen(struct console *c)
{
    sb_str_clear(&c->shot);
    sb_cells_text(&c->cells, &c->shot);
    return c->shot.p;
}

/* The screen as one line: line ends, frames and runs of blanks are one blank, so that wrapped text is found. */
static inline const char *flat(struct console *c)
{
    screen(c);
    char *to = c->shot.p;
    for (const char *from = c->shot.p; *from;) {
        bool bar = strncmp(from, "\xE2\x94\x82", 3) == 0;
        if (!bar && *from != ' ' && *from != '\n') {
            *to++ = *from++;
            continue;
        }
        if (to > c->shot.p && to[-1] != ' ')
            *to++ = ' ';
        from += bar ? 3 : 1;
    }
    *to = '\0';
    return c->shot.p;
}

static inline bool shows(struct console *c, const char *text)
{
    return strstr(flat(c), text) != NULL;
}

static inline void assert_shows(struct console *c, const char *text)
{
    if (!shows(c, text))
        fail_msg("\"%s\" is not on the screen:\n%s", text, screen(c));
}

static inline void assert_not_shown(struct console *c, const char *text)
{
    if (shows(c, text))
        fail_msg("\"%s\" is on the screen:\n%s", text, screen(c));
}

/* The asks of a type; the last of them through *last. */
static inline size_t asked(const struct console *c, int type, const void **last)
{
    size_t n = 0;
    for (size_t i = 0; i < c->asks; i++)
        if (c->ask[i]->type == type) {
            n++;
            if (last)
                *last = c->ask[i]->body;
        }
    return n;
}

static inline struct sb_keymap *keymap_of(const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    char path[64];
    snprintf(path, sizeof path, "keymaps/%s.keys", name);
    struct sb_str text;
    struct sb_problems problems;
    sb_str_init(&text);
    sb_problems_init(&problems);
    struct sb_keymap *k = sb_keymap_new();
    sb_assert_ok(sb_file_read(path, SB_CONF_MAX_BYTES, &text, &err), err);
    sb_assert_ok(sb_keymap_read(k, text.p, text.len, path, &problems, &err), err);
    sb_str_release(&text);
    sb_problems_release(&problems);
    return k;
}

/* Opened on the recorded case, up to the card that awaits approval. */
static inline void console_on_card(struct console *c, struct sb_keymap *keymap, int w, int h)
{
    console_open(c, keymap, w, h);
    static const char *const recordings[] = {"01-connect", "03-calm", "04-anomaly", "05-card"};
    for (size_t i = 0; i < SB_COUNT(recordings); i++)
        console_play(c, recordings[i]);
}

#endif
