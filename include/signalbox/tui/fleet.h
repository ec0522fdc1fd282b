/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - the page of a fleet: which line the cursor is on, what a key does, and the picture.
 *
 * No I/O and no clock: time comes with what the picture is of. The list is made by whoever has the rows; the page only asks for it to be
 * made anew. Its keys are those of the keymap in the context `fleet`. Thread: one owner.
 */
#ifndef SIGNALBOX_TUI_FLEET_H
#define SIGNALBOX_TUI_FLEET_H

#include <signalbox/model/anomaly.h>
#include <signalbox/model/fleet.h>
#include <signalbox/term/keys.h>
#include <signalbox/term/page.h>
#include <signalbox/tui/keymap.h>

#define SB_FLEET_FILTER_MAX 200

struct sb_fleet_page;

/* An incident that goes on. */
struct sb_fleet_incident {
    struct sb_anomaly anomaly;
    const char *deployment; /* borrowed */
    int environment;        /* enum sb_environment */
    int64_t entry;          /* of the record; 0: it is on none */
};

/* What the picture is of. */
struct sb_fleet_view {
    const struct sb_fleet_row *rows;
    size_t rows_n;
    const struct sb_fleet_list *list;
    const struct sb_fleet_incident *incidents;
    size_t incidents_n;
    size_t deployments, asked, watched, lanes;
    int64_t late_ms, wall_ms;
};

enum sb_fleet_act {
    SB_FLEET_NOTHING,
    SB_FLEET_PAINT,  /* the picture is another one */
    SB_FLEET_RELIST, /* filter, only_wrong or group are others: make the list anew, then paint */
    SB_FLEET_TAKE,   /* the incident of sb_fleet_page_taken is to be acknowledged */
    SB_FLEET_MOUSE,  /* on or off, */
    SB_FLEET_LINE,   /* the face for a slow line or the usual one, as sb_fleet_page_wants says; then paint */
    SB_FLEET_REDRAW,
    SB_FLEET_SUSPEND,
    SB_FLEET_LEAVE,
};

struct sb_fleet_wants {
    const char *filter; /* "" none; until the next key */
    int group;          /* enum sb_fleet_group */
    bool only_wrong, mouse, line;
};

/* The keymap is borrowed. NULL out of memory. */
struct sb_fleet_page *sb_fleet_page_new(const struct sb_keymap *keymap, const char *filter, int group, bool ascii);
void sb_fleet_page_free(struct sb_fleet_page *p);

/* h: the height of the picture. */
enum sb_fleet_act sb_fleet_page_key(struct sb_fleet_page *p, const struct sb_key *key, const struct sb_fleet_view *v, int h);
struct sb_fleet_wants sb_fleet_page_wants(const struct sb_fleet_page *p);
const char *sb_fleet_page_taken(const struct sb_fleet_page *p); /* its id */

/* What is wrong with the filter as it is typed; "" nothing. */
void sb_fleet_page_problem(struct sb_fleet_page *p, const char *text);

/* Something to be told: until the next key, and then under messages. */
void sb_fleet_page_say(struct sb_fleet_page *p, int64_t wall_ms, bool bad, const char *fmt, ...) SB_PRINTF(4, 5);

/* The list was made anew: the cursor stays with its member or incident, as far as that is still shown. */
void sb_fleet_page_settle(struct sb_fleet_page *p, const struct sb_fleet_view *v);

/* Paints all of the cells. *cursor_x, *cursor_y: where text is typed, else the cursor's line; *cursor_x -1: nowhere. */
void sb_fleet_page_paint(struct sb_fleet_page *p, const struct sb_fleet_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y);

#endif
