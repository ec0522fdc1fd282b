/* SPDX-License-Identifier: Apache-2.0 */
#include "recoverability.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>

#include <stdlib.h>
#include <string.h>

/* ---- drills ---- */

static int64_t digit(const char *level)
{
    return level && level[0] == 'L' && level[1] >= '0' && level[1] <= '5' ? level[1] - '0' : 0;
}

/* "db1:27017, version 7.0.14". */
static char *target_of(const json_t *target)
{
    const char *server = sb_json_str(target, "server"), *version = sb_json_str(target, "version");
    return sb_format("%s%s%s%s", server && server[0] ? server : "a target that did not answer", version && version[0] ? ", version " : "", version ? version : "",
                     json_is_true(json_object_get(target, "simulated")) ? ", simulated" : "");
}

int sb_recovery_take_drill(struct sb_recovery_drill **drills, size_t *n, const struct sb_entry *e, const char *deployment)
{
    int counts = sb_streq(e->plan.deployment, deployment) ? sb_drill_level(e) : -1;
    if (counts < 0)
        return 0;
    struct sb_recovery_drill *d = sb_list_push((void **)drills, n, sizeof **drills);
    if (!d)
        return -1;
    const json_t *backup = json_object_get(e->body, "backup");
    const char *ended = sb_json_str(e->body, "ended_at");
    if (!ended || sb_time_parse(ended, strlen(ended), &d->at))
        d->at = e->ts;
    d->ok = json_is_true(json_object_get(e->body, "ok"));
    d->level = digit(sb_json_str(e->body, "level"));
    d->counts = counts;
    d->bytes = sb_json_int(backup, "files_bytes");
    d->restore_ms = sb_json_int(e->body, "restore_ms");
    d->compare_ms = sb_json_int(e->body, "compare_ms");
    d->differences = sb_json_int(e->body, "differences_found");
    d->target_room = sb_json_int(json_object_get(e->body, "target"), "room_bytes");
    d->target = target_of(json_object_get(e->body, "target"));
    return !d->target || sb_str_set(&d->id, sb_json_str(e->body, "drill")) || sb_str_set(&d->path, sb_json_str(backup, "path")) ||
                   (!d->ok && sb_str_set(&d->cause, sb_json_str(e->body, "cause")))
               ? -1
               : 0;
}

static int add_drills(const struct sb_recovery_input *in, struct sb_recovery *out)
{
    out->drills_all = (int64_t)in->drills_n;
    for (size_t i = in->drills_n; i > 0 && out->drills_n < SB_RECOVERY_DRILLS; i--) {
        struct sb_recovery_drill *d = SB_PUSH(out->drills);
        if (!d || sb_record_copy(&sb_recovery_drill_schema, d, &in->drills[i - 1]))
            return -1;
    }
    return 0;
}

static struct sb_recovery_place *place_of(struct sb_recovery *out, const char *target)
{
    for (size_t i = 0; i < out->places_n; i++)
        if (sb_streq(out->places[i].target, target))
            return &out->places[i];
    struct sb_recovery_place *p = SB_PUSH(out->places);
    return p && sb_str_set(&p->target, target) == 0 ? p : NULL;
}

/* Newest first, so that a target stands where its newest drill does. */
static int add_places(const struct sb_recovery_input *in, struct sb_recovery *out)
{
    for (size_t i = in->drills_n; i > 0; i--) {
        const struct sb_recovery_drill *d = &in->drills[i - 1];
        struct sb_recovery_place *p = place_of(out, d->target);
        if (!p)
            return -1;
        if (p->drills++ == 0) {
            p->last_at = d->at;
            p->differences = d->differences;
            if (sb_str_set(&p->last_path, d->path) || sb_str_set(&p->cause, d->cause))
                return -1;
        }
        if (!d->ok)
            continue;
        p->best_ms = p->passed == 0 || d->restore_ms < p->best_ms ? d->restore_ms : p->best_ms;
        p->worst_ms = d->restore_ms > p->worst_ms ? d->restore_ms : p->worst_ms;
        p->level = d->level > p->level ? d->level : p->level;
        p->counts = d->counts > p->counts ? d->counts : p->counts;
        p->passed++;
    }
    return 0;
}

/* ---- backups ---- */

/* A file that was put in another's place is another backup: what was drilled must not be older than it. */
static const struct sb_recovery_drill *last_drill_of(const struct sb_recovery_input *in, const struct sb_backup *b)
{
    for (size_t i = in->drills_n; i > 0 && !b->name; i--)
        if (sb_streq(in->drills[i - 1].path, b->path) && in->drills[i - 1].at >= b->taken_at_ms)
            return &in->drills[i - 1];
    return NULL;
}

static int add_backup(const struct sb_recovery_input *in, const struct sb_backup *b, struct sb_recovery *out)
{
    const struct sb_recovery_drill *d = last_drill_of(in, b);
    struct sb_recovery_backup *to = SB_PUSH(out->backups);
    if (!to || sb_str_set(&to->path, b->path) || sb_str_set(&to->name, b->name) || sb_str_set(&to->kind, sb_backup_kind_name(b->kind)))
        return -1;
    to->usable = sb_backup_usable(b);
    to->level = to->counts = b->level;
    to->from = b->taken_at_ms;
    to->to = sb_backup_point(b);
    to->bytes = (int64_t)b->bytes;
    if (d) {
        to->drilled_at = d->at;
        to->level = d->ok && d->level > to->level ? d->level : to->level;
        to->counts = d->ok && d->counts > to->counts ? d->counts : to->counts;
    }
    if (b->problems.n)
        return sb_str_set(&to->fault, b->problems.items[0].what);
    return d && !d->ok ? sb_str_set(&to->fault, d->cause) : 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct sb_backup *const *x = a, *const *y = b;
    int64_t p = sb_backup_point(*x), q = sb_backup_point(*y);
    return p != q ? (p < q) - (p > q) : strcmp((*x)->path, (*y)->path);
}

static int add_backups(const struct sb_recovery_input *in, struct sb_recovery *out)
{
    const struct sb_backup **order = calloc(in->backups->n + 1, sizeof *order);
    int rc = order ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < in->backups->n; i++) {
        order[i] = &in->backups->items[i];
        if (!sb_backup_usable(order[i]))
            continue;
        int64_t kept = order[i]->taken_at_ms > 0 && order[i]->taken_at_ms < in->now ? (in->now - order[i]->taken_at_ms) / 1000 : 0;
        out->kept_s = kept > out->kept_s ? kept : out->kept_s;
        out->plain += order[i]->encrypted != 1;
        out->usable++;
    }
    out->backups_all = (int64_t)in->backups->n;
    if (rc == 0)
        qsort(order, in->backups->n, sizeof *order, newest_first);
    for (size_t i = 0; rc == 0 && i < in->backups->n && i < SB_RECOVERY_BACKUPS; i++)
        rc = add_backup(in, order[i], out);
    free(order);
    return rc;
}

static bool has_gap(const struct sb_recovery *out, int64_t from, int64_t to)
{
    for (size_t i = 0; i < out->gaps_n; i++)
        if (out->gaps[i].from == from && out->gaps[i].to == to)
            return true;
    return false;
}

static int oldest_first(const void *a, const void *b)
{
    const struct sb_recovery_gap *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static int add_gaps(const struct sb_recovery_input *in, struct sb_recovery *out)
{
    for (size_t i = 0; i < in->backups->n; i++)
        for (size_t k = 0; k < in->backups->items[i].gaps.n; k++) {
            const struct sb_backup_range *r = &in->backups->items[i].gaps.items[k];
            int64_t from = (int64_t)(r->from >> 32) * 1000, to = (int64_t)(r->to >> 32) * 1000;
            struct sb_recovery_gap *g = has_gap(out, from, to) || out->gaps_n >= SB_RECOVERY_BACKUPS ? NULL : SB_PUSH(out->gaps);
            if (!g)
                continue;
            *g = (struct sb_recovery_gap){.from = from, .to = to};
            if (sb_str_set(&g->cause, r->cause))
                return -1;
        }
    if (out->gaps_n)
        qsort(out->gaps, out->gaps_n, sizeof *out->gaps, oldest_first);
    return 0;
}

int sb_recoverability(const struct sb_recovery_input *in, struct sb_recovery *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    out->at = in->now;
    if (sb_str_set(&out->deployment, in->deployment) || add_backups(in, out) || add_gaps(in, out) || add_drills(in, out) || add_places(in, out) || sb_recovery_goals(in, out)) {
        sb_record_release(&sb_recovery_schema, out);
        return sb_fail_nomem(err);
    }
    return 0;
}
