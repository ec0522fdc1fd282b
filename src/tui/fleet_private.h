/* SPDX-License-Identifier: Apache-2.0
 *
 * What the page of a fleet knows (fleet.c), for who paints it (fleet_paint.c). */
#ifndef SIGNALBOX_SRC_TUI_FLEET_PRIVATE_H
#define SIGNALBOX_SRC_TUI_FLEET_PRIVATE_H

#include "state.h"

#include <signalbox/tui/fleet.h>

#define FLEET_ABOVE 3 /* lines: header, counts, heads */
#define FLEET_BELOW 2 /* the cursor's line, a message or what is typed; keys */
#define FLEET_NOTES 50

/* What lies over the list, or has its place. */
enum fleet_over { FLEET_LIST, FLEET_FILTER, FLEET_SEARCH, FLEET_PALETTE, FLEET_HELP, FLEET_MESSAGES, FLEET_INCIDENT };

struct fleet_note {
    int64_t wall_ms;
    bool bad;
    char text[240];
};

struct sb_fleet_page {
    const struct sb_keymap *keymap;
    struct sb_fleet_wants wants; /* but for its filter */
    char filter[SB_FLEET_FILTER_MAX], was[SB_FLEET_FILTER_MAX]; /* as it is applied; as it was before it was typed at */
    char search[SB_FLEET_FILTER_MAX];
    char problem[160];
    enum fleet_over over;
    struct line line;
    struct sb_key pending[SB_KEYS_MAX];
    size_t pending_n;
    int palette_at;
    size_t at, top;        /* lines: incidents first, then those of the list */
    char member[256];      /* on the line of the cursor; "" a heading, an incident, or nothing yet */
    size_t deployment_i;
    char incident[32];     /* the same; "" none. In FLEET_INCIDENT the one that is opened */
    char taken[32];
    size_t text_top;       /* of help, messages, an incident */
    size_t rows;           /* lines of the last picture */
    struct fleet_note note[FLEET_NOTES]; /* a ring */
    size_t notes;          /* ever */
    bool note_shown, ascii;
    struct sb_page page, text, box; /* scratch */
};

enum sb_context fleet_context(const struct sb_fleet_page *p);
bool fleet_shows_text(const struct sb_fleet_page *p);
const struct sb_fleet_incident *fleet_incident(const struct sb_fleet_view *v, const char *id); /* NULL: it is over */
const struct sb_fleet_row *fleet_row(const struct sb_fleet_view *v, size_t line); /* NULL: it is none */
size_t fleet_lines(const struct sb_fleet_view *v);
size_t fleet_matches(const struct sb_fleet_page *p, enum sb_action out[SB_ACTIONS]); /* of the palette */

#endif
