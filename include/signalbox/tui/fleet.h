/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - the page of a fleet: which line the cursor is on, what a key does, and the picture.
 *
 * Pure: no I/O, no clock. The list is made by whoever has the rows; the page only asks for it to be made anew. Its keys are its own, the same in
 * every keymap. Thread: one owner.
 */
#ifndef SIGNALBOX_TUI_FLEET_H
#define SIGNALBOX_TUI_FLEET_H

#include <signalbox/model/fleet.h>
#include <signalbox/term/keys.h>
#include <signalbox/term/page.h>

#define SB_FLEET_FILTER_MAX 200

struct sb_fleet_page {
    int group;              /* enum sb_fleet_group */
    bool only_wrong, typing;
    char filter[SB_FLEET_FILTER_MAX]; /* as it is applied, or being typed */
    char problem[160];      /* of the filter; "" none */
    size_t at, top;         /* lines of the list */
    char member[256];       /* on the line of the cursor; "" a heading, or nothing yet */
    size_t deployment_i;
    struct sb_page page;    /* scratch */
};

/* What the picture is of. */
struct sb_fleet_view {
    const struct sb_fleet_row *rows;
    size_t rows_n;
    const struct sb_fleet_list *list;
    size_t deployments, asked, watched, lanes;
    int64_t late_ms, wall_ms;
    bool ascii;
};

enum sb_fleet_act {
    SB_FLEET_NOTHING,
    SB_FLEET_PAINT,  /* the picture is another one */
    SB_FLEET_RELIST, /* filter, only_wrong or group are others: make the list anew, then paint */
    SB_FLEET_LEAVE,
};

void sb_fleet_page_init(struct sb_fleet_page *p, const char *filter, int group);
void sb_fleet_page_release(struct sb_fleet_page *p);

enum sb_fleet_act sb_fleet_page_key(struct sb_fleet_page *p, const struct sb_key *key, const struct sb_fleet_view *v, int h);

/* The list was made anew: the cursor stays with its member, as far as that is still shown. */
void sb_fleet_page_settle(struct sb_fleet_page *p, const struct sb_fleet_view *v);

/* Paints all of the cells. *cursor_x, *cursor_y: where text is typed, else the cursor's line. */
void sb_fleet_page_paint(struct sb_fleet_page *p, const struct sb_fleet_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y);

#endif
