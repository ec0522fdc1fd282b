/* SPDX-License-Identifier: Apache-2.0
 *
 * What the console wants done outside itself: asks, files, the clipboard, the editor, the signature under an approval. */
#include "screen_private.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/approval.h>
#include <signalbox/cli/editor.h>
#include <signalbox/term/svg.h>
#include <signalbox/term/text.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static void say(struct screen *s, bool bad, const char *text)
{
    struct sb_tui_event event = {.kind = SB_TUI_SAY, .text = text, .bad = bad};
    screen_give(s, &event);
}

/* Copied text goes into a file of the person's own, and to the terminal's clipboard only where that was asked for. */
static void copy(struct screen *s, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str what;
    sb_str_init(&what);
    if (s->o->state_dir) {
        char *path = sb_format("%s/copy", s->o->state_dir);
        int rc = path ? sb_file_write(path, 0600, text, strlen(text), &err) : sb_fail_nomem(&err);
        sb_str_addf(&what, rc ? "Not copied: %s." : "Copied to %s", rc ? err.msg : path);
        free(path);
    }
    bool sent = s->o->osc52 && sb_backend_copy(s->backend, text, strlen(text));
    if (sent)
        sb_str_adds(&what, what.len ? ", and sent to the terminal's clipboard" : "Sent to the terminal's clipboard");
    if (what.len == 0)
        sb_str_adds(&what, "Not copied: there is no state folder, and the clipboard is not switched on");
    if (err.code == SB_OK)
        sb_str_addc(&what, '.');
    say(s, err.code != SB_OK, what.p);
    sb_str_release(&what);
}

/* Writes into a file of the person's own, and says where it is. */
static void write_down(struct screen *s, const char *ending, const char *text, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str what;
    char when[SB_TIME_LEN + 1];
    sb_str_init(&what);
    sb_time_format(when, screen_now(s));
    for (char *p = when; *p; p++)
        if (*p == ':')
            *p = '-'; /* some file systems know no colons */
    char *path = s->o->state_dir ? sb_format("%s/screen-%s.%s", s->o->state_dir, when, ending) : NULL;
    int rc = path ? sb_file_write(path, 0600, text, n, &err) : sb_fail(&err, SB_EUSAGE, "there is no state folder to write into");
    sb_str_addf(&what, rc ? "Nothing was exported: %s." : "Written to %s.", rc ? err.msg : path);
    say(s, rc != 0, what.p);
    free(path);
    sb_str_release(&what);
}

void screen_export(struct screen *s)
{
    bool svg = s->export == SB_FX_EXPORT_SVG;
    struct sb_str out;
    s->export = 0;
    sb_str_init(&out);
    if (svg)
        sb_cells_svg(&s->cells, &s->theme, &out);
    else
        sb_cells_text(&s->cells, &out);
    if (sb_str_ok(&out))
        write_down(s, svg ? "svg" : "txt", out.p, out.len);
    else
        say(s, true, "Nothing was exported: out of memory.");
    sb_str_release(&out);
}

/* How the panes stand, for the next time. That it could not be kept is worth no message. */
static void remember(const struct screen *s, const char *text)
{
    char *path = s->o->state_dir ? sb_format("%s/%s", s->o->state_dir, SB_SCREEN_PANES) : NULL;
    if (path)
        (void)sb_file_write(path, 0600, text, strlen(text), NULL);
    free(path);
}

/* True when the terminal or the process has to go while the editor has it; what else a signal wants waits for its end. */
static bool must_end(void *ctx)
{
    struct screen *s = ctx;
    struct signalfd_siginfo info;
    while (s->end < 0 && read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGTERM)
            s->end = info.ssi_signo == SIGHUP ? SB_SCREEN_GONE : SB_SCREEN_STOPPED;
    return s->end >= 0;
}

/* The terminal is somebody else's for a while. */
static void leave(struct screen *s)
{
    screen_settle(s);
    sb_backend_leave(s->backend);
}

static void edit(struct screen *s, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str out;
    sb_str_init(&out);
    char *path = s->o->state_dir ? sb_format("%s/edit-%d.txt", s->o->state_dir, (int)getpid()) : NULL;
    if (!path) {
        say(s, true, "There is no state folder to edit in.");
        return;
    }
    leave(s);
    int rc = sb_editor_run(path, text, must_end, s, &out, &err);
    sb_backend_enter(s->backend);
    tcflush(sb_backend_fd(s->backend), TCIFLUSH);
    if (rc == 0) {
        struct sb_tui_event event = {.kind = SB_TUI_EDITED, .text = out.p};
        screen_give(s, &event);
    } else if (rc < 0) {
        say(s, true, err.msg);
    }
    s->dirty = true;
    free(path);
    sb_str_release(&out);
}

/* What is decided is signed with the person's key before it is asked. ssh-keygen has the terminal meanwhile: it may want a
 * passphrase, or a key to be touched. False: it was not signed, and that was said. */
static bool sign(struct screen *s, struct sb_message *m)
{
    bool approves = m->type == SB_ASK_APPROVE;
    const char *not_done = approves ? "Not approved" : "Not rejected";
    struct sb_decision_on *d = m->body;
    const struct sb_card *card = sb_tui_card(s->tui, d->card);
    struct sb_err err = SB_ERR_INIT;
    struct sb_str what;
    if (!card) {
        say(s, true, approves ? "Not approved: the card is not here any more." : "Not rejected: the card is not here any more.");
        return false;
    }
    if (!d->hash && sb_str_set(&d->hash, card->hash)) { /* a rejection is about the card as it is shown */
        say(s, true, "Out of memory: nothing was sent.");
        return false;
    }
    leave(s);
    dprintf(sb_backend_fd(s->backend), "signalbox: signing the %s of %s with your SSH key ...\n", approves ? "approval" : "rejection", card->id);
    int rc = s->o->elsewhere ? sb_approval_sign_at(approves ? "approve" : "reject", card, NULL, s->o->signing_key, s->o->signing_name, sb_wall_ms() + s->o->ahead_ms, d, &err)
                             : sb_approval_sign("approve", card, s->o->state_dir, s->o->signing_key, s->o->signing_name, d, &err);
    sb_backend_enter(s->backend);
    tcflush(sb_backend_fd(s->backend), TCIFLUSH);
    s->drop_input = s->dirty = true;
    if (rc == 0)
        return true;
    sb_str_init(&what);
    sb_str_addf(&what, "%s: %s.", not_done, err.msg);
    if (s->o->state_dir)
        sb_str_addf(&what, " What ssh-keygen said is in %s/%s.", s->o->state_dir, SB_SCREEN_STDERR);
    say(s, true, sb_str_ok(&what) ? what.p : not_done);
    sb_str_release(&what);
    return false;
}

/* What is wrong in the theme was said when the console was opened. */
static void face(struct screen *s, bool line)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    sb_problems_init(&problems);
    if (screen_dress(s, line, &problems, &err))
        say(s, true, err.msg);
    sb_problems_release(&problems);
}

/* The shell gets the terminal; when it continues us we take it again. */
static void suspend(struct screen *s)
{
    leave(s);
    kill(getpid(), SIGSTOP);
    sb_backend_enter(s->backend);
    s->dirty = true;
}

/* The terminal is ours, so what is to be known of it is told from here. */
static void doctor(struct screen *s)
{
    struct sb_screen_size size = {.colors = sb_backend_colors(s->backend)};
    sb_backend_size(s->backend, &size.w, &size.h);
    s->o->doctor(s->o->ctx, &size);
}

void screen_run_effects(struct screen *s)
{
    struct sb_effects fx = s->fx; /* an effect may lead to others: they come into a list of their own */
    sb_effects_init(&s->fx);
    for (size_t i = 0; i < fx.n; i++) {
        struct sb_fx *one = &fx.fx[i];
        switch (one->kind) {
        case SB_FX_ASK:
            if ((one->ask->type == SB_ASK_APPROVE || (one->ask->type == SB_ASK_REJECT && s->o->elsewhere)) && s->o->signing_key && !sign(s, one->ask))
                break; /* the list frees what was not taken */
            s->o->ask(s->o->ctx, one->ask);
            one->ask = NULL;
            break;
        case SB_FX_QUIT: s->end = SB_SCREEN_LEFT; break;
        case SB_FX_BELL: sb_backend_bell(s->backend); break;
        case SB_FX_NOTICE: sb_backend_notice(s->backend, s->o->notice, one->text ? one->text : ""); break;
        case SB_FX_FLUSH:
            tcflush(sb_backend_fd(s->backend), TCIFLUSH);
            s->drop_input = true;
            break;
        case SB_FX_EXPORT_TEXT: case SB_FX_EXPORT_SVG: s->export = (int)one->kind; break;
        case SB_FX_EXPORT_JSON: write_down(s, "json", one->text, strlen(one->text)); break;
        case SB_FX_EXPORT_MD: write_down(s, "md", one->text, strlen(one->text)); break;
        case SB_FX_EXPORT_PLOTS: write_down(s, "svg", one->text, strlen(one->text)); break;
        case SB_FX_EDITOR:
            if (one->text)
                edit(s, one->text);
            break;
        case SB_FX_REMEMBER: remember(s, one->text); break;
        case SB_FX_COPY: copy(s, one->text); break;
        case SB_FX_MOUSE_ON: case SB_FX_MOUSE_OFF: sb_backend_mouse(s->backend, one->kind == SB_FX_MOUSE_ON); break;
        case SB_FX_LINE_ON: case SB_FX_LINE_OFF: face(s, one->kind == SB_FX_LINE_ON); break;
        case SB_FX_REDRAW: sb_backend_forget(s->backend); break;
        case SB_FX_SUSPEND: suspend(s); break;
        case SB_FX_DOCTOR: doctor(s); break;
        }
    }
    sb_effects_release(&fx);
}
