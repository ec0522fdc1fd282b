/* SPDX-License-Identifier: Apache-2.0
 *
 * tui.h - the console as a value: events in, effects out, and a frame to look at.
 *
 * Nothing here touches a terminal, a clock, a thread or a file: time comes with the events, and what has to be done is
 * returned as data. One turn of the caller's loop is: drain all events into sb_tui_update, carry out the effects,
 * sb_tui_recalc (layout, and all text, sanitized), sb_tui_paint (copies text into cells), show the cells.
 *
 * What a person may approve depends on what has been on the screen: sb_tui_recalc notes which lines of a card a frame
 * shows, so it must be called once for each frame that is shown, and before the events that follow it.
 *
 * Where there is room a page beside the panes shows the selected row. It follows the cursor 150 ms after its last move, and
 * until then its heading says that it is of the row before; any key that is no move, and every decision, acts on the
 * selected row, and brings its page at once.
 *
 * Thread: one owner.
 */
#ifndef SIGNALBOX_TUI_TUI_H
#define SIGNALBOX_TUI_TUI_H

#include <signalbox/model/message.h>
#include <signalbox/term/cells.h>
#include <signalbox/tui/keymap.h>

struct sb_tui;

#define SB_TUI_VEIL 16
#define SB_TUI_LEAST_W 40 /* on a smaller terminal only that is said */
#define SB_TUI_LEAST_H 10

struct sb_tui_setup {
    const struct sb_keymap *keymap; /* borrowed */
    struct sb_seat seat;            /* who sits here; copied */
    const char *connecting;         /* "shop (127.0.0.1:27017)": what is being connected to; copied */
    const char *problems;           /* what was wrong in theme and keymap files, a line each; shown as messages; may be NULL */
    const char *remembered;         /* of an SB_FX_REMEMBER, may be NULL or wrong: then it is passed over */
    bool line;                      /* a slow line: one pane at a time, no seconds, figures of members every half minute or
                                       when a member's state changes */
    bool mouse;                     /* it is on from the beginning */
    bool notices;                   /* SB_FX_NOTICE is wanted: at most one in ten seconds, and none of what was there at the beginning */
    const unsigned char *veil;      /* SB_TUI_VEIL random bytes: this screen is shown to others. All names and values that come
                                       in are replaced by pseudonyms before they are kept, nothing is approved or edited from
                                       here, and the meeting is opened at once; NULL: everything is shown as it is */
    int64_t minutes;                /* of a meeting, for each card; 0: five */
    bool ascii;                     /* the terminal shows nothing else */
    bool copy;                      /* what is shown is a copy, and its owner elsewhere: leaving ends nothing, and is not asked about */
    const char *open;               /* the card or anomaly that is opened as soon as it has come; copied; NULL: none */
    int64_t wall_ms;
};

struct sb_tui *sb_tui_new(const struct sb_tui_setup *setup, struct sb_err *err);
void sb_tui_free(struct sb_tui *t);

enum sb_tui_event_kind {
    SB_TUI_KEY,     /* key; a paste and a click are one too */
    SB_TUI_NEWS,    /* news: taken */
    SB_TUI_TICK,    /* time has passed */
    SB_TUI_SAY,     /* text: something the caller has to tell the person; bad says how */
    SB_TUI_EDITED,  /* text: as the editor left it */
    SB_TUI_LINE,    /* ms: the terminal answers as late as on a slow line */
    SB_TUI_SUSPEND, /* somebody wants to stop the process (SIGTSTP) */
};

struct sb_tui_event {
    enum sb_tui_event_kind kind;
    int64_t wall_ms;
    const struct sb_key *key;
    struct sb_message *news;
    const char *text;
    bool bad;
    int64_t ms;
};

enum sb_effect_kind {
    SB_FX_ASK,     /* ask: post it; the receiver takes it */
    SB_FX_QUIT,    /* leave; the orchestrator is told by an ASK before it */
    SB_FX_BELL,
    SB_FX_NOTICE,  /* text: something wants this person, who may be looking elsewhere; words of ours and ids only */
    SB_FX_FLUSH,   /* throw away what was typed ahead: what it was meant for has changed */
    SB_FX_COPY,    /* text: for the clipboard or a file */
    SB_FX_EXPORT_TEXT, /* what the next frame shows, into a file: as text, */
    SB_FX_EXPORT_SVG,  /* or as a picture */
    SB_FX_EXPORT_JSON, /* text: the document, into a file */
    SB_FX_EXPORT_MD,   /* text: the same as Markdown */
    SB_FX_EXPORT_PLOTS, /* text: an SVG picture of its own, into a file */
    SB_FX_EDITOR,  /* text: into the person's editor; SB_TUI_EDITED brings it back */
    SB_FX_REMEMBER, /* text: how the panes stand, for sb_tui_setup.remembered of the next time; that one stands alone is not in it */
    SB_FX_MOUSE_ON,  /* ask the terminal for the mouse's reports, */
    SB_FX_MOUSE_OFF, /* or for none */
    SB_FX_LINE_ON,  /* dress in the mono theme, as for a slow line, */
    SB_FX_LINE_OFF, /* or in the usual one */
    SB_FX_REDRAW,  /* paint the whole screen again */
    SB_FX_SUSPEND, /* stop the process; it was allowed */
    SB_FX_DOCTOR,  /* look for what is wrong here; SB_NEWS_DOCTOR tells what was found so far, and at last that it is done */
};

struct sb_fx {
    enum sb_effect_kind kind;
    struct sb_message *ask;
    char *text;
};

struct sb_effects {
    struct sb_fx *fx;
    size_t n, cap;
};

void sb_effects_init(struct sb_effects *e);
void sb_effects_clear(struct sb_effects *e);   /* frees what was not taken */
void sb_effects_release(struct sb_effects *e);

/* The first asks: who sits here, and the newest entries of the ledger. */
void sb_tui_start(struct sb_tui *t, struct sb_effects *fx);

void sb_tui_update(struct sb_tui *t, const struct sb_tui_event *event, struct sb_effects *fx);

/* Lays out a frame of this size and prepares its text. May ask for ledger entries that came into view. */
void sb_tui_recalc(struct sb_tui *t, int w, int h, struct sb_effects *fx);

/* Paints what was prepared. `cells` has the size of the last sb_tui_recalc. cursor_x is -1 where there is none. */
void sb_tui_paint(const struct sb_tui *t, struct sb_cells *cells, int *cursor_x, int *cursor_y);

/* Milliseconds until the screen wants a tick; -1: nothing on it depends on time. */
int64_t sb_tui_tick_in(const struct sb_tui *t);

/* The card, whole, for who signs it; NULL: there is none, or only its row is held. Until the next event. */
const struct sb_card *sb_tui_card(const struct sb_tui *t, const char *id);

/* The note for the next shift, as Markdown: what goes on, what is coming, open plans, what is silenced. NULL out of memory. */
char *sb_tui_hand_over(const struct sb_tui *t);

/* True while a card is being carried out, taken back or in doubt. */
bool sb_tui_executing(const struct sb_tui *t);

#endif
