/* SPDX-License-Identifier: Apache-2.0
 *
 * The note for the next shift from a shell: joins the owner as a console does, is told how everything stands, and writes what
 * the console writes. */
#include "report.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>
#include <signalbox/tui/tui.h>

#include <stdlib.h>

#define TOLD_MS 30000

/* Until the strip, which comes last of what a seat is told first. */
static int listen(struct sb_session *s, struct sb_tui *t, struct sb_effects *fx, struct sb_err *err)
{
    bool all = false;
    for (int64_t until = sb_mono_ms() + TOLD_MS, left; !all && (left = until - sb_mono_ms()) > 0;) {
        struct sb_message *m = sb_session_wait(s, -1, -1, (int)left);
        if (!m)
            break;
        all = m->type == SB_NEWS_STRIP;
        sb_tui_update(t, &(struct sb_tui_event){.kind = SB_TUI_NEWS, .wall_ms = sb_wall_ms(), .news = m}, fx);
        sb_effects_clear(fx);
    }
    return all ? 0 : sb_fail(err, SB_EIO, "was not told how things stand within %d s", TOLD_MS / 1000);
}

int sb_report_hand_over(const char *deployment, const char *uri_file)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_effects fx;
    char *text = NULL;
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.deployment = deployment, .uri_file = uri_file, .attach = true}, &err);
    if (!s)
        return sb_complain(&err);
    struct sb_keymap *keys = sb_keymap_new(); /* no key is pressed */
    struct sb_tui *t = keys ? sb_tui_new(&(struct sb_tui_setup){.keymap = keys, .connecting = sb_session_target(s), .wall_ms = sb_wall_ms()}, &err) : NULL;
    sb_effects_init(&fx);
    sb_session_ask(s, sb_message_hello(1, "cli", true));
    if (!keys)
        sb_fail_nomem(&err);
    if (t && listen(s, t, &fx, &err) == 0 && !(text = sb_tui_hand_over(t)))
        sb_fail_nomem(&err);
    if (text)
        sb_print("%s", text);
    int status = text ? 0 : sb_complain(&err);
    sb_tui_free(t);
    sb_keymap_free(keys);
    sb_effects_release(&fx);
    free(text);
    sb_session_close(s, "the hand-over was told", status);
    return status;
}
