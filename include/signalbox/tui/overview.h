/* SPDX-License-Identifier: Apache-2.0
 *
 * overview.h - the page of what is open in every deployment: which line the cursor is on, what a key does, and the picture.
 *
 * Pure: no I/O, no clock. The list is made by whoever has the rows; the page only asks for it to be made anew. Its keys are those of the
 * context fleet. Thread: one owner.
 */
#ifndef SIGNALBOX_TUI_OVERVIEW_H
#define SIGNALBOX_TUI_OVERVIEW_H

#include <signalbox/model/overview.h>
#include <signalbox/term/page.h>
#include <signalbox/tui/keymap.h>

#define SB_OVERVIEW_FILTER_MAX 200

struct sb_overview_page {
    int group;          /* enum sb_overview_group */
    bool mine, typing;  /* mine: only cards that the viewer may approve */
    char filter[SB_OVERVIEW_FILTER_MAX], before[SB_OVERVIEW_FILTER_MAX]; /* as it is applied, or being typed; and before that */
    char problem[160];  /* of the filter; "" none */
    char note[400];     /* what is to be said at the bottom; "" nothing */
    bool note_bad;
    size_t at, top;     /* lines of the list */
    char log[40], id[64]; /* of the row the cursor is on; "" a heading, or nothing yet */
    struct sb_key pending[SB_KEYS_MAX];
    size_t pending_n;
    struct sb_page page; /* scratch */
};

/* What the picture is of. */
struct sb_overview_view {
    const struct sb_overview *overview; /* NULL: nothing was read yet */
    const struct sb_overview_list *list;
    const struct sb_keymap *keymap;
    const char *store; /* its name, without secrets */
    const char *wrong; /* why nothing newer has come; NULL: all is well */
    int64_t read_ms, now_ms; /* when the overview was read, by this machine's clock, and now */
    bool ascii;
};

enum sb_overview_act {
    SB_OVERVIEW_NOTHING,
    SB_OVERVIEW_PAINT,
    SB_OVERVIEW_RELIST, /* filter, mine or group are others: make the list anew, then paint */
    SB_OVERVIEW_OPEN,   /* the row with this log and id */
    SB_OVERVIEW_REDRAW,
    SB_OVERVIEW_LEAVE,
};

void sb_overview_page_init(struct sb_overview_page *p, const char *filter, int group);
void sb_overview_page_release(struct sb_overview_page *p);
enum sb_overview_act sb_overview_page_key(struct sb_overview_page *p, const struct sb_key *key, const struct sb_overview_view *v, int h);

/* The list was made anew: the cursor stays with its row, as far as that is still shown. */
void sb_overview_page_settle(struct sb_overview_page *p, const struct sb_overview_view *v);

/* Paints all of the cells. *cursor_x, *cursor_y: where text is typed, else the cursor's line. */
void sb_overview_page_paint(struct sb_overview_page *p, const struct sb_overview_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y);

#endif
