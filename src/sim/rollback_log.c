/* SPDX-License-Identifier: Apache-2.0 */
#include "rollback_log.h"

#include "role_log.h"

#include <signalbox/base/clock.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/text.h>
#include <signalbox/sim/write.h>

#include <stdio.h>
#include <string.h>

#define PLACES 32 /* collections; of more than these only the summary's counts tell */
#define COMMANDS 16

struct place {
    char ns[256];
    const uint8_t *uuid;
    bool removed; /* documents that were inserted or changed: these are written to a file */
};

struct count {
    char name[40];
    int64_t n;
};

struct summary {
    const struct sim_member *m;
    struct place place[PLACES];
    size_t places;
    struct count count[COMMANDS];
    size_t counts;
    int64_t entries;
};

static void add_count(struct summary *x, const char *name)
{
    size_t i = 0;
    while (i < x->counts && strcmp(x->count[i].name, name) != 0)
        i++;
    if (i == COMMANDS)
        return;
    if (i == x->counts)
        snprintf(x->count[x->counts++].name, sizeof x->count[0].name, "%s", name);
    x->count[i].n++;
}

static void add_place(struct summary *x, const struct sim_change *c)
{
    const struct sim_coll *coll = sim_coll_by_uuid(&x->m->cat, c->uuid);
    size_t i = 0;
    if (!coll)
        return; /* it has been dropped; what was in it is nobody's any more */
    while (i < x->places && strcmp(x->place[i].ns, coll->ns) != 0)
        i++;
    if (i == PLACES)
        return;
    if (i == x->places) {
        snprintf(x->place[i].ns, sizeof x->place[i].ns, "%s", coll->ns);
        x->place[i].uuid = coll->uuid;
        x->places++;
    }
    x->place[i].removed |= c->kind == SIM_CHANGE_INSERT || c->kind == SIM_CHANGE_UPDATE;
}

static void add_change(struct summary *x, const struct sim_change *c)
{
    static const char *const names[] = {[SIM_CHANGE_INSERT] = "insert", [SIM_CHANGE_UPDATE] = "update", [SIM_CHANGE_DELETE] = "delete"};
    struct sim_elem first;
    if (c->kind == SIM_CHANGE_TXN) {
        for (size_t i = 0; i < c->parts->n; i++)
            add_change(x, &c->parts->part[i]);
    } else if (c->kind == SIM_CHANGE_COMMAND) {
        struct sim_val o = sim_find(c->entry->bson, "o");
        struct sim_iter it = o.type == BSON_TYPE_DOCUMENT ? sim_iter_of(o.p) : (struct sim_iter){NULL};
        add_count(x, it.at && sim_next(&it, &first) ? first.key : "command");
        add_place(x, c);
    } else if (c->kind != SIM_CHANGE_NOOP) {
        add_count(x, names[c->kind]);
        add_place(x, c);
    }
}

static void log_attr(const struct summary *x, int id, const char *msg, struct sim_w *w)
{
    const uint8_t *attr = sim_w_done(w);
    struct sim_member *m = &x->m->sim->member[x->m->id];
    if (attr)
        sim_log(m, m->sim->now, 'I', "ROLLBACK", id, "BackgroundSync", msg, attr);
    sim_w_release(w);
}

static void tell_file(const struct summary *x, const struct place *p)
{
    struct sim_w w;
    char uuid[37], at[SB_TIME_LEN + 1];
    sim_uuid_text(uuid, p->uuid);
    sb_time_format(at, x->m->sim->now / 1000);
    for (char *c = at; *c; c++)
        *c = *c == ':' ? '-' : *c;
    sim_w_init(&w);
    sim_w_text(&w, "namespace", p->ns);
    sim_w_uuid(&w, "uuid", p->uuid);
    sim_w_textf(&w, "file", "/simulated/%d/rollback/%s/removed.%s.bson", x->m->id, uuid, at);
    log_attr(x, 21609, "Preparing to write deleted documents to a rollback file", &w);
}

static void tell_summary(const struct summary *x)
{
    const struct sim_member *m = x->m;
    bool files = false;
    struct sim_w w;
    for (size_t i = 0; i < x->places; i++)
        files |= x->place[i].removed;
    sim_w_init(&w);
    sim_w_text(&w, "syncSource", m->role.sync >= 0 ? m->sim->member[m->role.sync].name : "");
    if (files)
        sim_w_textf(&w, "rollbackDataFileDirectory", "/simulated/%d/rollback", m->id);
    sim_put_optime(&w, "lastOptimeRolledBack", sim_applied(m));
    sim_put_optime(&w, "commonPoint", (struct sim_optime){m->fork_ts, m->fork_term});
    sim_w_date(&w, "lastWallClockTimeRolledBack", m->applied_wall_ms);
    sim_w_array(&w, "affectedNamespaces");
    for (size_t i = 0; i < x->places; i++)
        sim_w_text(&w, NULL, x->place[i].ns);
    sim_w_end(&w);
    sim_w_doc(&w, "rollbackCommandCounts");
    for (size_t i = 0; i < x->counts; i++)
        sim_w_i64(&w, x->count[i].name, x->count[i].n);
    sim_w_end(&w);
    sim_w_i64(&w, "totalEntriesRolledBackIncludingNoops", x->entries);
    log_attr(x, 21612, "Rollback summary", &w);
}

void sim_rollback_tell(struct sim_member *m)
{
    struct summary x = {.m = m, .entries = (int64_t)m->branch_n};
    for (size_t i = 0; i < m->branch_n; i++)
        add_change(&x, &m->branch[i]);
    for (size_t i = 0; i < x.places; i++)
        if (x.place[i].removed)
            tell_file(&x, &x.place[i]);
    tell_summary(&x);
}
