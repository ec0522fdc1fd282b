/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what could be brought back, one backup of it, and asking for a drill. */
#include "state.h"

#include <stdlib.h>

/* What a backup's page is known by: heap; NULL out of memory. */
static char *id_of(const struct sb_recovery_backup *b)
{
    return sb_format("%s%s%s", b->path ? b->path : "?", b->name ? " " : "", b->name ? b->name : "");
}

const struct sb_recovery_backup *find_backup(const struct sb_tui *t, const char *id)
{
    const struct sb_recovery_backup *found = NULL;
    for (size_t i = 0; i < t->recovery.backups_n && !found; i++) {
        char *of = id_of(&t->recovery.backups[i]);
        if (sb_streq(of, id))
            found = &t->recovery.backups[i];
        free(of);
    }
    return found;
}

void open_backup(struct sb_tui *t, int link, struct sb_effects *fx)
{
    if (link < 1 || (size_t)link > t->recovery.backups_n) {
        say(t, false, "No backup is selected.");
        return;
    }
    char *id = id_of(&t->recovery.backups[link - 1]);
    if (id)
        view_open(t, VIEW_BACKUP, id, fx);
    free(id);
}

bool act_on_recovery(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    switch (action) {
    case SB_ACT_RECOVERY:
        view_open(t, VIEW_RECOVERY, NULL, fx);
        t->page_asked = fx_ask_text(t, fx, SB_ASK_RECOVERY, "");
        return true;
    case SB_ACT_DRILL:
        fx_ask_text(t, fx, SB_ASK_REQUEST, "run a restore drill");
        return true;
    default: return false;
    }
}
