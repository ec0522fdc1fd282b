/* SPDX-License-Identifier: Apache-2.0
 *
 * Now and then a worker looks at what lies where the deployment's backups are kept (metadata only, no server is asked), and the
 * detector is told: it misses one that does not come, and says when one cannot be used. */
#include "private.h"

#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/agents/backup_guardian.h>

#include <string.h>

#define AGAIN_MS (15 * 60 * 1000)
#define FIRST_MS 3000  /* after the connection: first the deployment */
#define MOST 1000      /* the newest; a folder that holds more is said by its count elsewhere */

struct look_at_backups {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_view_call call;
    int64_t wall;
    struct sb_backup_seen *seen;
    size_t n;
    bool blind; /* a place could not be read: nothing is said of what may lie there */
};

static void free_look(void *p)
{
    struct look_at_backups *w = p;
    for (size_t i = 0; i < w->n; i++)
        free((void *)(uintptr_t)w->seen[i].what);
    free(w->seen);
    free(w);
}

static void tell(void *p, const struct sb_view *view)
{
    struct look_at_backups *w = p;
    sb_detector_backups(w->o->detector, sb_view_now(view), w->wall, w->seen, w->n);
    free_look(w);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct look_at_backups *w = p;
    o->watching_backups = false;
    if (w->blind || !o->telemetry)
        free_look(w);
    else
        sb_telemetry_call(o->telemetry, &w->call, tell, w, free_look);
}

static int add(struct look_at_backups *w, const struct sb_backup *b)
{
    const struct sb_backup_finding *first = b->problems.n ? &b->problems.items[0] : NULL;
    int64_t point = sb_backup_point(b);
    const char *where = first ? (first->file ? first->file : first->ns) : NULL;
    char *raw = sb_format("%s%s%s%s%s%s%s", b->path ? b->path : "", b->name ? " " : "", b->name ? b->name : "", where ? ": " : "", where ? where : "", first ? ": " : "",
                          first && first->what ? first->what : "");
    json_t *words = raw ? sb_json_of_bytes(raw, strlen(raw)) : NULL; /* a file's name need not be text */
    char *what = words ? sb_format("%s", json_string_value(words)) : NULL;
    json_decref(words);
    free(raw);
    struct sb_backup_seen *s = what ? sb_list_push((void **)&w->seen, &w->n, sizeof *w->seen) : NULL;
    if (!s) {
        free(what);
        return -1;
    }
    *s = (struct sb_backup_seen){.taken_at = point > 0 ? point : b->taken_at_ms, .usable = sb_backup_usable(b), .what = what};
    return 0;
}

static void work(void *p)
{
    struct look_at_backups *w = p;
    const struct sb_backup_options quick = {.quick = true};
    struct sb_backups list = {0};
    for (size_t i = 0; i < w->o->opt.backups_n && !w->blind; i++)
        w->blind = sb_backups_check(&list, w->o->opt.backups[i], &quick, NULL) != 0;
    for (size_t i = list.n > MOST ? list.n - MOST : 0; i < list.n && !w->blind; i++)
        w->blind = list.items[i].nomem || (list.items[i].kind != SB_BACKUP_UNKNOWN && add(w, &list.items[i]));
    sb_backups_release(&list);
    sb_o_post_done(w->o, &w->way, back, w, free_look);
}

void sb_o_tick_backups(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    if (!o->opt.backups_n || !o->connected || o->watching_backups || now < o->next_backups_ms)
        return;
    bool first = o->next_backups_ms == 0;
    o->next_backups_ms = now + (first ? FIRST_MS : AGAIN_MS);
    struct look_at_backups *w = first ? NULL : calloc(1, sizeof *w);
    if (!w)
        return;
    w->o = o;
    w->wall = sb_origin_wall_ms(o->opt.origin);
    o->watching_backups = sb_o_work(o, &w->way, work, w, free_look);
}
