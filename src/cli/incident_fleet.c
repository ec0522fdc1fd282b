/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_fleet.c - the incidents on the record of a fleet, read beside whoever writes it. */
#include "incident.h"

#include "fleet_record.h"
#include "json_put.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/ledger.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct listed {
    struct sb_anomaly anomaly;
    char *deployment;
    bool simulated;
    int64_t entry; /* its first */
};

struct list {
    struct listed *item;
    size_t item_n;
};

static int take(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct list *l = ctx;
    struct listed *of = NULL;
    if (!e->plan.anomaly || (e->kind != SB_ENTRY_ANOMALY && e->kind != SB_ENTRY_ACK && e->kind != SB_ENTRY_REMARK))
        return 0;
    for (size_t i = l->item_n; i-- > 0 && !of;) /* mostly one of the last */
        if (sb_streq(l->item[i].anomaly.id, e->plan.anomaly))
            of = &l->item[i];
    if (!of && e->kind != SB_ENTRY_ANOMALY)
        return 0;
    if (!of && !(of = SB_PUSH(l->item)))
        return sb_fail_nomem(err);
    if (!of->entry) {
        of->entry = e->seq;
        of->simulated = e->plan.simulated;
        if (sb_str_set(&of->deployment, e->plan.deployment ? e->plan.deployment : ""))
            return sb_fail_nomem(err);
    }
    return sb_anomaly_fold(&of->anomaly, e, err);
}

static int print_json(const struct list *l, struct sb_err *err)
{
    bool ok = true;
    json_t *all = json_array();
    for (size_t i = 0; i < l->item_n; i++) {
        const struct listed *x = &l->item[i];
        json_t *o = sb_record_to_json(&sb_anomaly_schema, &x->anomaly);
        ok &= o != NULL;
        sb_put(o, "deployment", sb_json_of(x->deployment), &ok);
        sb_put(o, "simulated", json_boolean(x->simulated), &ok);
        sb_put(o, "entry", json_integer(x->entry), &ok);
        sb_put_last(all, o, &ok);
    }
    if (!ok) {
        json_decref(all);
        return sb_fail_nomem(err);
    }
    return sb_print_json(all) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}

static int print_text(const struct list *l, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < l->item_n && rc == 0; i++) {
        const struct sb_anomaly *a = &l->item[i].anomaly;
        char from[SB_TIME_LEN + 1], length[64] = "goes on";
        sb_time_format(from, a->from);
        if (a->to)
            sb_duration_format(length, sizeof length, a->to - a->from);
        rc = sb_print("%s %s %s%s: %s, %s, %s%s%s\n  %s\n  %s\n", a->id, from, l->item[i].deployment, l->item[i].simulated ? " (simulated)" : "", length, sb_name(&sb_levels, a->severity),
                      sb_name(&sb_anomaly_classes, a->class_), a->acked_by ? ", taken by " : "", a->acked_by ? a->acked_by : "", a->title, a->class_reason);
    }
    if (rc == 0)
        rc = sb_print("%zu incidents\n", l->item_n);
    return rc ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}

int sb_incident_fleet(bool json, struct sb_err *err)
{
    struct sb_str state;
    struct list l = {NULL, 0};
    sb_str_init(&state);
    char *dir = sb_path_state_seen(&state, err) == 0 ? sb_fleet_folder(state.p) : NULL;
    if (!dir && err->code == SB_OK)
        sb_fail_nomem(err);
    struct sb_ledger *ledger = dir && sb_ledger_find(dir, err) == 0 ? sb_ledger_open(dir, SB_LEDGER_READ, NULL, err) : NULL;
    int rc = ledger ? sb_ledger_range(ledger, 1, 0, take, &l, err) : -1;
    if (rc == 0)
        rc = json ? print_json(&l, err) : print_text(&l, err);
    sb_ledger_close(ledger);
    for (size_t i = 0; i < l.item_n; i++) {
        sb_anomaly_release(&l.item[i].anomaly);
        free(l.item[i].deployment);
    }
    free(l.item);
    free(dir);
    sb_str_release(&state);
    return rc;
}
