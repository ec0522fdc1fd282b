/* SPDX-License-Identifier: Apache-2.0
 *
 * What a look at the backups that lie there says to others than the page of it: to the detector, which misses one that does not
 * come and says when one cannot be used, and to the record, which holds each that has come. */
#include "private.h"

#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/agents/backup_guardian.h>
#include <signalbox/base/json.h>

#include <stdlib.h>
#include <string.h>

#define MOST 1000       /* the newest; a folder that holds more is said by its count elsewhere */
#define NEWS_MOST 20    /* completed backups that one look puts on the record: the newest */
#define SETTLED_MS 300000 /* a dump whose time only its files tell may be in the making until then */

struct completed {
    int64_t taken_at;
    json_t *body;
};

struct sb_o_backups_seen {
    struct sb_orchestrator *o;
    struct sb_view_call call;
    int64_t wall;
    struct sb_backup_seen *seen;
    size_t n;
    struct completed *completed; /* oldest first */
    size_t completed_n;
};

void sb_o_backups_drop(struct sb_o_backups_seen *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        free((void *)(uintptr_t)w->seen[i].what);
    for (size_t i = 0; i < w->completed_n; i++)
        json_decref(w->completed[i].body);
    free(w->completed);
    free(w->seen);
    free(w);
}

/* ---- gathered by a worker ---- */

static int add_seen(struct sb_o_backups_seen *w, const struct sb_backup *b)
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

static json_t *text_of(const char *text)
{
    return text ? sb_json_of_bytes(text, strlen(text)) : json_null();
}

static int add_completed(struct sb_o_backups_seen *w, const struct sb_backup *b)
{
    char taken[SB_TIME_LEN + 1];
    bool by_files = sb_streq(b->taken_from, "file time");
    if (!sb_backup_usable(b) || b->taken_at_ms <= 0 || b->taken_at_ms > w->wall || (by_files && w->wall - b->taken_at_ms < SETTLED_MS))
        return 0;
    struct completed *c = sb_list_push((void **)&w->completed, &w->completed_n, sizeof *w->completed);
    if (!c)
        return -1;
    sb_time_format(taken, b->taken_at_ms);
    char *raw = sb_format("%s%s%s", b->path ? b->path : "", b->name ? " " : "", b->name ? b->name : "");
    c->taken_at = b->taken_at_ms;
    c->body = raw ? json_pack("{s:s,s:o,s:o,s:s,s:s,s:s,s:I,s:o}", "event", "completed", "path", text_of(b->path), "name", text_of(b->name), "type", sb_backup_kind_name(b->kind), "taken_at",
                              taken, "taken_from", b->taken_from ? b->taken_from : "metadata", "bytes", (json_int_t)b->bytes, "about", text_of(raw))
                  : NULL;
    free(raw);
    return c->body ? 0 : -1;
}

static int oldest_first(const void *a, const void *b)
{
    const struct completed *x = a, *y = b;
    return (x->taken_at > y->taken_at) - (x->taken_at < y->taken_at);
}

struct sb_o_backups_seen *sb_o_backups_gather(struct sb_orchestrator *o, const struct sb_backups *list)
{
    struct sb_o_backups_seen *w = calloc(1, sizeof *w);
    bool failed = !w;
    if (w) {
        w->o = o;
        w->wall = sb_origin_wall_ms(o->opt.origin);
    }
    for (size_t i = list->n > MOST ? list->n - MOST : 0; i < list->n && !failed; i++)
        failed = list->items[i].nomem || (list->items[i].kind != SB_BACKUP_UNKNOWN && (add_seen(w, &list->items[i]) || add_completed(w, &list->items[i])));
    if (failed) {
        sb_o_backups_drop(w);
        return NULL;
    }
    if (w->completed_n)
        qsort(w->completed, w->completed_n, sizeof *w->completed, oldest_first);
    return w;
}

/* ---- told ---- */

/* Of which moment the newest backup on the record is; of none what came before the record began is no news. */
static int newest_recorded(struct sb_orchestrator *o, int64_t *at, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    bool found = false;
    struct sb_entry e;
    int rc = sb_ledger_seqs_of(o->ledger, 1, sb_ledger_head(o->ledger), SB_ENTRY_BACKUP, &seqs, &n, err);
    for (size_t i = n; rc == 0 && i > 0 && !found; i--) {
        rc = sb_ledger_entry(o->ledger, seqs[i - 1], &e, err);
        if (rc)
            break;
        const char *taken = sb_json_str(e.body, "taken_at");
        found = sb_streq(e.plan.deployment, o->deployment) && taken && sb_time_parse(taken, strlen(taken), at) == 0;
        sb_entry_release(&e);
    }
    free(seqs);
    if (rc == 0 && !found && (rc = sb_ledger_entry(o->ledger, 1, &e, err)) == 0) {
        *at = e.ts;
        sb_entry_release(&e);
    }
    return rc;
}

static void record_completed(struct sb_orchestrator *o, const struct sb_o_backups_seen *w)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t known;
    int rc = w->completed_n ? newest_recorded(o, &known, &err) : 0;
    for (size_t i = w->completed_n > NEWS_MOST ? w->completed_n - NEWS_MOST : 0; i < w->completed_n && rc == 0; i++)
        if (w->completed[i].taken_at > known)
            rc = sb_o_record(o, SB_ENTRY_BACKUP, NULL, NULL, json_incref(w->completed[i].body), &err);
    if (rc)
        sb_o_notice(o, SB_MEDIUM, "The backups that have come are not on the record: %s", err.msg);
}

static void tell_detector(void *p, const struct sb_view *view)
{
    struct sb_o_backups_seen *w = p;
    sb_detector_backups(w->o->detector, sb_view_now(view), w->wall, w->seen, w->n);
    sb_o_backups_drop(w);
}

static void drop(void *p)
{
    sb_o_backups_drop(p);
}

void sb_o_backups_tell(struct sb_orchestrator *o, struct sb_o_backups_seen *w)
{
    record_completed(o, w);
    if (o->telemetry)
        sb_telemetry_call(o->telemetry, &w->call, tell_detector, w, drop);
    else
        sb_o_backups_drop(w);
}
