/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a scenario that tell what happens, and when. */
#include <signalbox/base/array.h>
#include <signalbox/sim/fault.h>

#include "reading.h"

#include <stdlib.h>
#include <string.h>

/* name, words it needs behind its own, words that may follow (a for, an over, a member) */
static const struct {
    const char *name, *form;
    size_t words;
    bool may_last, must_last, may_step, may_member;
} kinds[SIM_EVENT_KILL] = {
    [SIM_EVENT_START] = {"start", "start APP", 1, false, false, false, false},
    [SIM_EVENT_STOP] = {"stop", "stop APP", 1, false, false, false, false},
    [SIM_EVENT_STOP_ALL] = {"stop-all", "stop-all DB.NAME", 1, false, false, false, false},
    [SIM_EVENT_RATE] = {"rate", "rate APP FACTOR [over D | for D]", 2, true, false, true, false},
    [SIM_EVENT_COST] = {"cost", "cost NAME NUMBER [over D | for D]", 2, true, false, true, false},
    [SIM_EVENT_CREATE_INDEX] = {"create-index", "create-index DB.NAME NAME KEY", 3, false, false, false, false},
    [SIM_EVENT_DROP_INDEX] = {"drop-index", "drop-index DB.NAME NAME", 2, false, false, false, false},
    [SIM_EVENT_LOCK] = {"lock", "lock DB.NAME for D", 1, true, true, false, false},
    [SIM_EVENT_SNAPSHOT] = {"snapshot", "snapshot APP DB.NAME for D", 2, true, true, false, false},
    [SIM_EVENT_MOVE_CHUNK] = {"move-chunk", "move-chunk DB.NAME N VALUE", 3, false, false, false, false},
    [SIM_EVENT_WIRE] = {"wire", "wire FAULT [for D] [member N]", 1, true, false, false, true},
};

static void tell_names(struct sim_reading *r)
{
    char all[200] = "";
    for (size_t i = 0, n = 0; i < SB_COUNT(kinds); i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s, ", kinds[i].name);
    sim_read_problem(r, "what happens is %sor a fault of a member", all);
}

static bool read_options(struct sim_reading *r, size_t i, struct sim_happening *h)
{
    const struct sb_conf_row *row = r->row;
    for (; i + 1 < row->n; i += 2) {
        const char *word = row->word[i], *value = row->word[i + 1];
        double n;
        if (strcmp(word, "for") == 0 && kinds[h->kind].may_last) {
            if (!sim_read_duration(r, value, &h->for_us))
                return false;
        } else if (strcmp(word, "over") == 0 && kinds[h->kind].may_step) {
            if (!sim_read_duration(r, value, &h->over_us))
                return false;
        } else if (strcmp(word, "member") == 0 && kinds[h->kind].may_member) {
            if (!sim_read_number(r, value, 0, SIM_SCENARIO_MEMBERS - 1, &n))
                return false;
            h->member = (int)n;
        } else {
            break;
        }
    }
    if (i < row->n || (kinds[h->kind].must_last && !h->for_us) || (h->for_us && h->over_us)) {
        sim_read_problem(r, "%s is written: %s", kinds[h->kind].name, kinds[h->kind].form);
        return false;
    }
    return true;
}

/* What the words name must be there. */
static bool check_names(struct sim_reading *r, size_t i, const struct sim_happening *h)
{
    const char *first = r->row->word[i + 1], *second = i + 2 < r->row->n ? r->row->word[i + 2] : "";
    struct sim_costs costs = r->sc->costs;
    bool app = h->kind == SIM_EVENT_START || h->kind == SIM_EVENT_STOP || h->kind == SIM_EVENT_RATE || h->kind == SIM_EVENT_SNAPSHOT;
    bool any = h->kind == SIM_EVENT_RATE && strcmp(first, "*") == 0;
    bool coll = h->kind == SIM_EVENT_MOVE_CHUNK || h->kind == SIM_EVENT_STOP_ALL || h->kind == SIM_EVENT_CREATE_INDEX || h->kind == SIM_EVENT_DROP_INDEX || h->kind == SIM_EVENT_LOCK;
    if (app && !any && !sim_find_app(r->sc, first))
        sim_read_problem(r, "there is no app %.60s in front of this line", first);
    else if (coll && !sim_is_namespace(first))
        sim_read_problem(r, "there is no collection %.60s in front of this line", first);
    else if (h->kind == SIM_EVENT_SNAPSHOT && !sim_is_namespace(second))
        sim_read_problem(r, "there is no collection %.60s in front of this line", second);
    else if (h->kind == SIM_EVENT_COST && !sim_costs_set(&costs, first, h->value))
        sim_read_problem(r, "there is no cost %.60s", first);
    else if (h->kind == SIM_EVENT_WIRE && sim_fault_of(first) < 0)
        sim_read_problem(r, "there is no fault %.60s: it is one of %s", first, sim_fault_names());
    else
        return true;
    return false;
}

bool sim_read_member(struct sim_reading *r, const char *word, bool or_primary, int *out)
{
    if (or_primary && strcmp(word, "primary") == 0) {
        *out = SIM_THE_PRIMARY;
        return true;
    }
    if (word[0] >= '0' && word[0] < '0' + SIM_SCENARIO_MEMBERS && !word[1]) {
        *out = word[0] - '0';
        return true;
    }
    sim_read_problem(r, "\"%.60s\" is no member (0 to %d%s)", word, SIM_SCENARIO_MEMBERS - 1, or_primary ? ", or primary" : "");
    return false;
}

static void add_event(struct sim_reading *r, struct sim_happening *h, const char *target)
{
    if (SB_GROW(r->sc->events, r->sc->events_cap, r->sc->events_n + 1) || !(h->target = sim_read_copy(r, target))) {
        r->nomem = true;
        return;
    }
    r->sc->events[r->sc->events_n++] = *h;
    memset(h, 0, sizeof *h);
}

/* kill, restart, resync, hang, lag, stepdown: what happens to a member. False: the word is none of these. */
static bool read_fault(struct sim_reading *r, size_t i, struct sim_happening *h)
{
    static const struct {
        const char *name;
        enum sim_event_kind kind;
        bool or_primary;
    } faults[] = {{"kill", SIM_EVENT_KILL, true}, {"restart", SIM_EVENT_RESTART, false}, {"hang", SIM_EVENT_HANG, true}, {"lag", SIM_EVENT_LAG, false},
                  {"stepdown", SIM_EVENT_STEPDOWN, true}, {"resync", SIM_EVENT_RESYNC, false}};
    const struct sb_conf_row *row = r->row;
    size_t k = 0, left = row->n - i;
    while (i < row->n && k < SB_COUNT(faults) && strcmp(row->word[i], faults[k].name) != 0)
        k++;
    if (i >= row->n || k == SB_COUNT(faults))
        return false;
    h->kind = faults[k].kind;
    h->member = SIM_THE_PRIMARY;
    bool lasts = h->kind == SIM_EVENT_HANG && left == 4 && strcmp(row->word[i + 2], "for") == 0;
    size_t want = h->kind == SIM_EVENT_STEPDOWN ? 1 : h->kind == SIM_EVENT_LAG ? 3 : lasts ? 4 : 2;
    if (left != want)
        sim_read_problem(r, "a fault is kill N, restart N, resync N, hang N [for DURATION], lag N DURATION or stepdown");
    else if ((want == 1 || sim_read_member(r, row->word[i + 1], faults[k].or_primary, &h->member)) &&
             (want < 3 || sim_read_duration(r, row->word[i + want - 1], &h->length_us)))
        add_event(r, h, "");
    return true;
}

/* The shard that a chunk goes to, and a value that lies in it. */
static bool read_chunk(struct sim_reading *r, size_t i, struct sim_happening *h)
{
    struct sb_str text;
    double n;
    if (!sim_read_number(r, r->row->word[i + 2], 0, SIM_SHARDS_MAX - 1, &n))
        return false;
    h->member = (int)n;
    sb_str_init(&text);
    sb_str_addf(&text, "{v: %s}", r->row->word[i + 3]);
    h->index = sb_str_ok(&text) ? sim_read_template(r, text.p) : NULL;
    sb_str_release(&text);
    return h->index != NULL;
}

/* The words from i on. h owns what it has got, whatever happens. */
static void read_action(struct sim_reading *r, size_t i, struct sim_happening *h)
{
    const struct sb_conf_row *row = r->row;
    size_t k = 0;
    if (read_fault(r, i, h))
        return;
    while (i < row->n && k < SB_COUNT(kinds) && strcmp(row->word[i], kinds[k].name) != 0)
        k++;
    if (i >= row->n || k == SB_COUNT(kinds)) {
        tell_names(r);
        return;
    }
    if (row->n < i + 1 + kinds[k].words) {
        sim_read_problem(r, "%s is written: %s", kinds[k].name, kinds[k].form);
        return;
    }
    h->kind = (enum sim_event_kind)k;
    h->member = -1;
    bool valued = h->kind == SIM_EVENT_RATE || h->kind == SIM_EVENT_COST;
    if (valued && !sim_read_number(r, row->word[i + 2], 0, h->kind == SIM_EVENT_RATE ? 1000 : 1e15, &h->value))
        return;
    if (!check_names(r, i, h))
        return;
    if (r->sc->shards && (h->kind == SIM_EVENT_LOCK || h->kind == SIM_EVENT_SNAPSHOT || h->kind == SIM_EVENT_WIRE)) {
        sim_read_problem(r, "%s does not happen in a cluster", kinds[h->kind].name);
        return;
    }
    if (h->kind == SIM_EVENT_CREATE_INDEX) {
        if (!(h->index = sim_read_index(r, i + 2, NULL)))
            return;
    } else if (h->kind == SIM_EVENT_MOVE_CHUNK) {
        if (!read_chunk(r, i, h))
            return;
    } else if (!read_options(r, i + 1 + kinds[k].words, h)) {
        return;
    }
    bool second = h->kind == SIM_EVENT_DROP_INDEX || h->kind == SIM_EVENT_SNAPSHOT;
    if (!second || h->ns || (h->ns = sim_read_copy(r, row->word[i + 2])))
        add_event(r, h, row->word[i + 1]);
}

static void release(struct sim_happening *h)
{
    free(h->target);
    free(h->ns);
    free(h->field);
    sim_template_free(h->index);
}

void sim_read_at(struct sim_reading *r)
{
    struct sim_happening h = {0};
    if (r->row->n < 2 || !sim_read_duration(r, r->row->word[1], &h.at_us)) {
        if (r->row->n < 2)
            tell_names(r);
        return;
    }
    read_action(r, 2, &h);
    release(&h);
}

void sim_read_every(struct sim_reading *r)
{
    const struct sb_conf_row *row = r->row;
    struct sim_happening h = {0};
    size_t i = 2;
    if (row->n < 3 || !sim_read_duration(r, row->word[1], &h.every_us)) {
        if (row->n < 3)
            tell_names(r);
        return;
    }
    if (h.every_us < 1000000) {
        sim_read_problem(r, "every wants at least a second");
        return;
    }
    h.at_us = h.every_us;
    if (row->n > 3 && strcmp(row->word[2], "from") == 0) {
        if (!sim_read_duration(r, row->word[3], &h.at_us))
            return;
        i = 4;
    }
    read_action(r, i, &h);
    release(&h);
}

void sim_read_when(struct sim_reading *r)
{
    const struct sb_conf_row *row = r->row;
    struct sim_happening h = {.at_us = -1};
    if (row->n < 5 || strcmp(row->word[1], "index") != 0 || !sim_is_namespace(row->word[2])) {
        sim_read_problem(r, "when wants index DB.NAME FIELD and what happens then");
        return;
    }
    h.ns = sim_read_copy(r, row->word[2]);
    h.field = sim_read_copy(r, row->word[3]);
    if (h.ns && h.field && (strcmp(row->word[4], "snapshot") == 0 || strcmp(row->word[4], "drop-index") == 0))
        sim_read_problem(r, "%s cannot wait for an index", row->word[4]);
    else if (h.ns && h.field)
        read_action(r, 4, &h);
    release(&h);
}
