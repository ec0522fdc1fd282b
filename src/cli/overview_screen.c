/* SPDX-License-Identifier: Apache-2.0
 *
 * One poll over keys, signals and what the worker has read. An opened deployment is the console itself, over the same terminal, with the
 * worker in the orchestrator's place. */
#include "overview_screen.h"
#include "loaded.h"
#include "overview_worker.h"
#include "tty.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/screen.h>
#include <signalbox/term/backend.h>
#include <signalbox/tui/overview.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 1000
#define GRACE_MS 3000

struct overview_screen {
    struct sb_overview_worker *worker;
    const struct sb_config *config;
    const struct sb_sitting *who;
    struct sb_overview_sieve *sieve;
    struct sb_overview_page page;
    struct sb_overview_view view;
    struct sb_overview_list list;
    struct sb_overview_snapshot *shown, *late; /* late: of a look that failed, beside the one that is shown */
    struct sb_backend *backend;
    struct sb_cells cells;
    struct sb_input input;
    struct sb_theme theme;
    struct sb_keymap *keymap;
    struct sb_loaded files[4]; /* theme, mono, keys of the default, keys of the config */
    struct sb_str state_dir, store;
    int signals;
    bool dirty, relist, opens, leaves;
};

/* ---- the list ---- */

static bool wanted(void *ctx, const struct sb_overview *o, const struct sb_overview_row *row)
{
    struct overview_screen *s = ctx;
    return (!s->page.mine || row->may != SB_MAY_NOT) && sb_overview_sieve(s->sieve, o, row);
}

static int relist(struct overview_screen *s, struct sb_err *err)
{
    struct sb_err wrong = SB_ERR_INIT;
    struct sb_matcher *fresh = s->page.filter[0] ? sb_matcher_new(s->page.filter, SB_REGEX_CASELESS, &wrong) : NULL;
    s->page.problem[0] = '\0';
    if (s->page.filter[0] && !fresh) { /* half typed, mostly: the old one stays */
        snprintf(s->page.problem, sizeof s->page.problem, "%s", wrong.msg);
    } else {
        sb_matcher_free(s->sieve->filter);
        s->sieve->filter = fresh;
    }
    if (s->shown && sb_overview_list_make(&s->list, &s->shown->overview, (enum sb_overview_group)s->page.group, wanted, s))
        return sb_fail_nomem(err);
    s->view.overview = s->shown ? &s->shown->overview : NULL;
    s->view.list = &s->list;
    s->view.wrong = s->late ? s->late->wrong : s->shown && s->shown->wrong[0] ? s->shown->wrong : NULL;
    s->view.read_ms = s->shown ? s->shown->read_ms : 0;
    sb_overview_page_settle(&s->page, &s->view);
    s->relist = false;
    s->dirty = true;
    return 0;
}

static void take_snapshots(struct overview_screen *s)
{
    struct sb_mail mail;
    while (sb_queue_take(sb_overview_worker_snapshots(s->worker), &mail)) {
        struct sb_overview_snapshot *fresh = mail.payload;
        if (fresh->note[0]) {
            snprintf(s->page.note, sizeof s->page.note, "%s", fresh->note);
            s->page.note_bad = fresh->note_bad;
        }
        if (s->late)
            sb_overview_snapshot_free(s->late);
        s->late = NULL;
        if (!fresh->read) {
            s->late = fresh;
        } else {
            if (s->shown)
                sb_overview_snapshot_free(s->shown);
            s->shown = fresh;
        }
        s->relist = true;
    }
}

/* ---- one deployment ---- */

/* The console's doctor looks at this host; the page of all deployments has its own. */
static void no_doctor(void *ctx, const struct sb_screen_size *terminal)
{
    struct sb_message *m = sb_message_new(SB_NEWS_DOCTOR, 0);
    struct sb_doctor *d = m ? m->body : NULL;
    (void)terminal;
    if (d && sb_str_set(&d->failed, "this is a copy; signalbox doctor --fleet tells of every host") == 0) {
        d->done = true;
        sb_overview_worker_ask(ctx, m);
    } else {
        sb_message_free(m);
    }
}

static struct sb_screen_file file_of(const struct sb_loaded *l)
{
    return l->file;
}

static void open_row(struct overview_screen *s)
{
    const struct sb_overview_row *row = NULL;
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; s->shown && i < s->shown->overview.rows_n && !row; i++) {
        const struct sb_overview_row *r = &s->shown->overview.rows[i];
        row = strcmp(r->id, s->page.id) == 0 && sb_streq(s->shown->overview.owners[r->owner].log, s->page.log) ? r : NULL;
    }
    s->opens = false;
    struct sb_queue *news = row ? sb_queue_new(16, &err) : NULL;
    if (!news) {
        snprintf(s->page.note, sizeof s->page.note, "%s", row ? err.msg : "It is not open any more.");
        s->page.note_bad = true;
        return;
    }
    const struct sb_overview_owner *owner = &s->shown->overview.owners[row->owner];
    char *connecting = sb_format("the copy of %s in the store", owner->deployment ? owner->deployment : owner->log);
    struct sb_screen_options o = {.news = news, .ask = sb_overview_worker_ask, .doctor = no_doctor, .ctx = s->worker, .connecting = connecting, .theme = file_of(&s->files[0]),
                                  .mono = file_of(&s->files[1]), .keymap = {file_of(&s->files[2]), file_of(&s->files[3])}, .state_dir = s->state_dir.len ? s->state_dir.p : NULL,
                                  .osc52 = s->config->clipboard, .mouse = s->config->mouse, .elsewhere = true, .ahead_ms = s->shown->overview.now - s->shown->read_ms, .opens = row->id,
                                  .signing_key = s->who->viewer.cannot ? NULL : s->config->signing_key, .signing_name = s->config->signing_name, .backend = s->backend};
    o.seat = (struct sb_seat){.who = s->who->who, .how = (char *)(uintptr_t)"console", .read_only = s->who->viewer.cannot != NULL, .signs_as = s->who->who};
    sb_overview_worker_open(s->worker, owner, news);
    int end = sb_screen_run(&o, &err);
    sb_overview_worker_close(s->worker);
    free(connecting);
    sb_backend_dress(s->backend, &s->theme);
    sb_backend_mouse(s->backend, false);
    sb_backend_forget(s->backend);
    s->leaves = end == SB_SCREEN_GONE || end == SB_SCREEN_STOPPED;
    if (end < 0) {
        snprintf(s->page.note, sizeof s->page.note, "%s", err.msg);
        s->page.note_bad = true;
    }
    s->dirty = true;
}

/* ---- the loop ---- */

static void on_key(void *ctx, const struct sb_key *key)
{
    struct overview_screen *s = ctx;
    if (s->opens || s->leaves)
        return; /* what was typed behind that was for another page */
    switch (sb_overview_page_key(&s->page, key, &s->view, s->cells.h)) {
    case SB_OVERVIEW_NOTHING: break;
    case SB_OVERVIEW_PAINT: s->dirty = true; break;
    case SB_OVERVIEW_RELIST: s->relist = true; break;
    case SB_OVERVIEW_OPEN: s->opens = true; break;
    case SB_OVERVIEW_REDRAW:
        sb_backend_forget(s->backend);
        s->dirty = true;
        break;
    case SB_OVERVIEW_LEAVE: s->leaves = true; break;
    }
}

static int show(struct overview_screen *s, struct sb_err *err)
{
    int x, y;
    if (sb_tty_fit(s->backend, &s->cells, err))
        return -1;
    s->view.now_ms = sb_wall_ms();
    sb_overview_page_paint(&s->page, &s->view, &s->cells, &x, &y);
    s->dirty = false;
    return sb_backend_blit(s->backend, &s->cells, x, y, err);
}

static int turn(struct overview_screen *s, struct sb_err *err)
{
    if (s->opens)
        open_row(s);
    take_snapshots(s);
    if (s->relist && relist(s, err))
        return -1;
    int waiting = sb_backend_flush(s->backend);
    if (s->dirty && waiting == 0) { /* on a slow line frames replace each other */
        if (show(s, err))
            return -1;
        waiting = sb_backend_flush(s->backend);
    }
    if (waiting < 0) {
        s->leaves = true;
        return 0;
    }
    int64_t key = sb_input_wait_ms(&s->input);
    struct pollfd fds[3] = {{sb_backend_fd(s->backend), (short)(POLLIN | (waiting ? POLLOUT : 0)), 0}, {s->signals, POLLIN, 0}, {sb_queue_fd(sb_overview_worker_snapshots(s->worker)), POLLIN, 0}};
    int ready = s->leaves ? 0 : poll(fds, 3, (int)(key >= 0 && key < TICK_MS ? key : TICK_MS));
    if (ready < 0 && errno != EINTR)
        return sb_fail_errno(err, errno, "cannot wait for the terminal");
    if (ready > 0 && fds[1].revents)
        s->dirty = sb_tty_read_signals(s->backend, s->signals, &s->leaves) || s->dirty;
    if (ready > 0 && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
        s->leaves = !sb_tty_read_keys(s->backend, &s->input) || s->leaves; /* a key may ask for it, too */
    else if (ready == 0 && key >= 0)
        sb_input_timeout(&s->input);
    if (ready == 0)
        s->dirty = true; /* the clock */
    return 0;
}

/* ---- beginning ---- */

static int dress(struct overview_screen *s, struct sb_err *err)
{
    const struct sb_config *c = s->config;
    const char *keymap = c->keymap ? c->keymap : "default";
    struct sb_problems problems;
    if (sb_loaded_read(&s->files[0], "themes", "theme", c->theme ? c->theme : "dark", err) || sb_loaded_read(&s->files[1], "themes", "theme", "mono", err) ||
        sb_loaded_read(&s->files[2], "keymaps", "keys", "default", err) || (strcmp(keymap, "default") != 0 && sb_loaded_read(&s->files[3], "keymaps", "keys", keymap, err)))
        return -1;
    const struct sb_screen_file *face = sb_backend_colors(s->backend) ? &s->files[0].file : &s->files[1].file;
    sb_problems_init(&problems);
    s->keymap = sb_keymap_new();
    int rc = s->keymap ? sb_theme_parse(&s->theme, face->text, face->len, face->path, &problems, err) : sb_fail_nomem(err);
    for (size_t i = 2; rc == 0 && i < 4; i++)
        if (s->files[i].file.len)
            rc = sb_keymap_read(s->keymap, s->files[i].file.text, s->files[i].file.len, s->files[i].file.path, &problems, err);
    if (rc == 0)
        sb_backend_dress(s->backend, &s->theme);
    sb_problems_release(&problems);
    return rc;
}

int sb_overview_screen(struct sb_store *store, const struct sb_config *config, const struct sb_sitting *who, struct sb_overview_sieve *sieve, const char *filter, int group, bool *stays,
                       struct sb_err *err)
{
    struct overview_screen s = {.config = config, .who = who, .sieve = sieve, .signals = -1, .relist = true};
    sigset_t before;
    struct sb_err ignored = SB_ERR_INIT;
    int rc = -1;
    *stays = false;
    sb_str_init(&s.state_dir);
    sb_str_init(&s.store);
    sb_str_adds(&s.store, sb_store_shown(store));
    sb_cells_init(&s.cells);
    sb_input_init(&s.input, on_key, &s);
    sb_overview_page_init(&s.page, filter, group);
    for (size_t i = 0; i < SB_COUNT(s.files); i++)
        sb_str_init(&s.files[i].text);
    if (sb_path_state(&s.state_dir, &ignored))
        sb_str_clear(&s.state_dir); /* then nothing is exported */
    s.signals = sb_tty_signals(&before, err);
    char *log = s.state_dir.len ? sb_format("%s/%s", s.state_dir.p, SB_SCREEN_STDERR) : NULL;
    s.worker = s.signals < 0 ? NULL : sb_overview_worker_start(store, &who->viewer, config, err);
    if (!s.worker)
        goto out;
    if ((s.backend = sb_backend_open(log, err)) && dress(&s, err) == 0)
        rc = 0;
    s.view = (struct sb_overview_view){.keymap = s.keymap, .store = s.store.p, .ascii = s.backend && sb_backend_ascii(s.backend)};
    while (rc == 0 && !s.leaves)
        rc = turn(&s, err);
    sb_backend_close(s.backend);
    *stays = !sb_overview_worker_stop(s.worker, GRACE_MS);
out:
    free(log);
    if (s.signals >= 0)
        close(s.signals);
    if (s.shown)
        sb_overview_snapshot_free(s.shown);
    if (s.late)
        sb_overview_snapshot_free(s.late);
    sb_overview_list_release(&s.list);
    sb_overview_page_release(&s.page);
    sb_input_release(&s.input);
    sb_cells_release(&s.cells);
    sb_keymap_free(s.keymap);
    for (size_t i = 0; i < SB_COUNT(s.files); i++)
        sb_loaded_release(&s.files[i]);
    sb_str_release(&s.state_dir);
    sb_str_release(&s.store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
