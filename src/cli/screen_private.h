/* SPDX-License-Identifier: Apache-2.0
 *
 * screen_private.h - what the console's loop (screen.c) and the effects it carries out (screen_effects.c) share. */
#ifndef SIGNALBOX_CLI_SCREEN_PRIVATE_H
#define SIGNALBOX_CLI_SCREEN_PRIVATE_H

#include <signalbox/cli/screen.h>
#include <signalbox/term/keys.h>
#include <signalbox/term/roundtrip.h>
#include <signalbox/tui/tui.h>

struct screen {
    const struct sb_screen_options *o;
    struct sb_backend *backend;
    struct sb_keymap *keymap;
    struct sb_tui *tui;
    struct sb_input input;
    struct sb_effects fx;
    struct sb_cells cells;
    struct sb_theme theme;
    int export;      /* enum sb_effect_kind: the next frame is to be written down; 0: not */
    int signals;
    bool drop_input; /* the rest of what was read: it was typed for something else */
    bool dirty;      /* the picture may have changed since it was made */
    struct sb_roundtrip trip; /* how late the terminal answers */
    uint64_t answers;         /* of its answers, those that were seen */
    int end;         /* enum sb_screen_end; -1: goes on */
};

/* Milliseconds of the clock that is shown. */
int64_t screen_now(const struct screen *s);

/* Hands an event to the console and carries out what comes of it. */
void screen_give(struct screen *s, struct sb_tui_event *event);

/* Dresses the screen for a slow line, or as usual. 0 or -1. */
int screen_dress(struct screen *s, bool line, struct sb_problems *problems, struct sb_err *err);

/* Before somebody else reads from the terminal: takes the answer that may be under way, so that it does not become that reader's
 * input. Waits no longer than an answer may take; what is typed meanwhile is dropped. */
void screen_settle(struct screen *s);

/* Carries out what is in s->fx, and what that leads to. */
void screen_run_effects(struct screen *s);

/* Writes the picture down as text or SVG, as s->export asks. */
void screen_export(struct screen *s);

#endif
