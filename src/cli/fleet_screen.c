/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_screen.c - a fleet on a terminal: one poll over keys and signals, and a look at the rows once a second. */
#include "fleet.h"
#include "loaded.h"
#include "tty.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/backend.h>
#include <signalbox/tui/fleet.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_MS 1000

struct fleet_screen {
    struct sb_fleet_look *look;
    struct sb_fleet_page *page;
    struct sb_fleet_view view;
    struct sb_backend *backend;
    struct sb_keymap *keymap;
    struct sb_cells cells;
    struct sb_input input;
    struct sb_theme theme, mono;
    int signals;
    int64_t looked_ms; /* when the rows were copied */
    bool dirty, relist, leaves;
};

/* Copies the rows, and makes the list of them. */
static int relist(struct fleet_screen *s, struct sb_err *err)
{
    struct sb_fleet_look *l = s->look;
    struct sb_err wrong = SB_ERR_INIT;
    struct sb_fleet_figures g;
    struct sb_fleet_wants wants = sb_fleet_page_wants(s->page);
    /* half typed, mostly: the old one stays */
    sb_fleet_page_problem(s->page, sb_fleet_look_filter(l, wants.filter, &wrong) ? wrong.msg : "");
    l->only_wrong = wants.only_wrong;
    l->group = wants.group;
    if (sb_fleet_look_refresh(l, err))
        return -1;
    for (struct sb_fleet_news news; sb_fleet_next_news(l->fleet, &news);) /* the rows say it all: changes are for who reads no page */
        continue;
    sb_fleet_figures(l->fleet, &g);
    s->view = (struct sb_fleet_view){.rows = l->rows, .rows_n = l->rows_n, .list = &l->list, .deployments = l->targets_n, .asked = g.asked, .watched = g.watched,
                                     .lanes = g.lanes, .late_ms = g.late_ms, .wall_ms = sb_wall_ms(), .incidents = l->incidents, .incidents_n = l->incidents_n};
    sb_fleet_page_settle(s->page, &s->view);
    s->relist = false;
    s->dirty = true;
    return 0;
}

/* The shell gets the terminal; when it continues us we take it again. */
static void suspend(struct fleet_screen *s)
{
    sb_backend_leave(s->backend);
    kill(getpid(), SIGSTOP);
    sb_backend_enter(s->backend);
}

static void on_key(void *ctx, const struct sb_key *key)
{
    struct fleet_screen *s = ctx;
    enum sb_fleet_act what = sb_fleet_page_key(s->page, key, &s->view, s->cells.h);
    struct sb_fleet_wants wants = sb_fleet_page_wants(s->page);
    s->dirty |= what != SB_FLEET_NOTHING;
    switch (what) {
    case SB_FLEET_NOTHING: case SB_FLEET_PAINT: break;
    case SB_FLEET_TAKE: sb_fleet_record_take(s->look->record, sb_fleet_page_taken(s->page)); break;
    case SB_FLEET_RELIST: s->relist = true; break;
    case SB_FLEET_MOUSE: sb_backend_mouse(s->backend, wants.mouse); break;
    case SB_FLEET_LINE: sb_backend_dress(s->backend, wants.line ? &s->mono : &s->theme); break;
    case SB_FLEET_REDRAW: sb_backend_forget(s->backend); break;
    case SB_FLEET_SUSPEND: suspend(s); break;
    case SB_FLEET_LEAVE: s->leaves = true; break;
    }
}

/* An incident opened, changed or is over, or there is something to be said of the record. */
static void read_record(struct fleet_screen *s)
{
    eventfd_t rung;
    struct sb_fleet_told told;
    if (eventfd_read(sb_fleet_record_fd(s->look->record), &rung))
        return;
    s->relist = true;
    while (sb_fleet_record_next(s->look->record, &told)) {
        const struct sb_anomaly *a = &told.incident.anomaly;
        if (told.what == SB_FLEET_SAID)
            sb_fleet_page_say(s->page, told.at_ms, true, "%s", told.text);
        else if (told.what != SB_FLEET_CHANGED)
            sb_fleet_page_say(s->page, told.at_ms, false, "%s of %s is %s%s%s", a->id, told.incident.deployment, sb_name(&sb_fleet_whats, (int)told.what),
                              told.what == SB_FLEET_TAKEN ? " by " : ": ", told.what == SB_FLEET_TAKEN ? a->acked_by : a->title);
        sb_anomaly_release(&told.incident.anomaly);
    }
}

static int show(struct fleet_screen *s, struct sb_err *err)
{
    int x, y;
    if (sb_tty_fit(s->backend, &s->cells, err))
        return -1;
    sb_fleet_page_paint(s->page, &s->view, &s->cells, &x, &y);
    s->dirty = false;
    return sb_backend_blit(s->backend, &s->cells, x, y, err);
}

static int turn(struct fleet_screen *s, struct sb_err *err)
{
    int64_t now = sb_mono_ms();
    if (now - s->looked_ms >= LOOK_MS) {
        s->looked_ms = now;
        s->relist = true;
    }
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
    int64_t wait = s->looked_ms + LOOK_MS - now, key = sb_input_wait_ms(&s->input);
    struct pollfd fds[3] = {{sb_backend_fd(s->backend), (short)(POLLIN | (waiting ? POLLOUT : 0)), 0}, {s->signals, POLLIN, 0}, {sb_fleet_record_fd(s->look->record), POLLIN, 0}};
    int ready = poll(fds, 3, (int)(key >= 0 && key < wait ? key : wait > 0 ? wait : 0));
    if (ready < 0 && errno != EINTR)
        return sb_fail_errno(err, errno, "cannot wait for the terminal");
    if (ready > 0 && fds[1].revents)
        s->dirty = sb_tty_read_signals(s->backend, s->signals, &s->leaves) || s->dirty;
    if (ready > 0 && fds[2].revents)
        read_record(s);
    if (ready > 0 && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
        s->leaves = !sb_tty_read_keys(s->backend, &s->input) || s->leaves; /* a key may ask for it, too */
    else if (ready == 0 && key >= 0)
        sb_input_timeout(&s->input);
    return 0;
}

/* Theme and keymap as in the console; what is wrong in a file of one's own is told on the page. */
static int load_theme(const char *name, struct sb_theme *theme, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_loaded file = {.name = NULL};
    int rc = sb_loaded_read(&file, "themes", "theme", name, err);
    if (rc == 0)
        rc = sb_theme_parse(theme, file.file.text, file.file.len, file.file.path, problems, err);
    sb_loaded_release(&file);
    return rc;
}

static int load_keys(struct fleet_screen *s, const char *name, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_loaded file = {.name = NULL};
    int rc = sb_loaded_read(&file, "keymaps", "keys", name, err);
    if (rc == 0 && (rc = sb_keymap_read(s->keymap, file.file.text, file.file.len, file.file.path, problems, err)) == 0)
        sb_keymap_check(s->keymap, file.file.path, problems);
    sb_loaded_release(&file);
    return rc;
}

static int load(struct fleet_screen *s, const char *filter, struct sb_err *err)
{
    const struct sb_config *config = &s->look->config;
    const char *keymap = config->keymap ? config->keymap : "default", *theme = sb_backend_colors(s->backend) == 0 ? "mono" : config->theme ? config->theme : "dark";
    struct sb_problems problems;
    sb_problems_init(&problems);
    s->keymap = sb_keymap_new();
    s->page = s->keymap ? sb_fleet_page_new(s->keymap, filter, s->look->group, sb_backend_ascii(s->backend)) : NULL;
    int rc = s->page ? 0 : sb_fail_nomem(err);
    if (rc == 0 && (load_theme("mono", &s->mono, &problems, err) || load_theme(theme, &s->theme, &problems, err) || load_keys(s, "default", &problems, err) ||
                    (!sb_streq(keymap, "default") && load_keys(s, keymap, &problems, err))))
        rc = -1;
    if (rc == 0)
        sb_backend_dress(s->backend, &s->theme);
    for (char *rest = problems.text.p, *line; rc == 0 && rest && (line = strsep(&rest, "\n"));)
        if (*line)
            sb_fleet_page_say(s->page, sb_wall_ms(), true, "%s", line);
    sb_problems_release(&problems);
    return rc;
}

int sb_fleet_screen(struct sb_fleet_look *l, const char *filter, struct sb_err *err)
{
    struct fleet_screen s = {.look = l, .signals = -1, .relist = true};
    sigset_t before;
    int rc = -1;
    sb_cells_init(&s.cells);
    sb_input_init(&s.input, on_key, &s);
    s.signals = sb_tty_signals(&before, err);
    if (s.signals >= 0 && (s.backend = sb_backend_open(NULL, err)) && load(&s, filter, err) == 0)
        rc = 0;
    while (rc == 0 && !s.leaves)
        rc = turn(&s, err);
    sb_backend_close(s.backend);
    if (s.signals >= 0)
        close(s.signals);
    sb_fleet_page_free(s.page);
    sb_keymap_free(s.keymap);
    sb_input_release(&s.input);
    sb_cells_release(&s.cells);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
