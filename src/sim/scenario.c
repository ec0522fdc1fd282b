/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/scenario.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DOCUMENTS 2000000
#define MAX_CLIENTS 500

/* ---- freeing ---- */

static void task_release(struct sim_task *t)
{
    free(t->db);
    free(t->coll);
    free(t->hint);
    sim_template_free(t->filter);
    sim_template_free(t->sort);
    sim_template_free(t->projection);
    sim_template_free(t->update);
    sim_template_free(t->document);
    sim_template_free(t->pipeline);
}

static void data_release(struct sim_data *d)
{
    free(d->ns);
    for (size_t i = 0; i < d->fields; i++) {
        free(d->field[i]);
        sim_template_free(d->made[i]);
    }
    for (size_t i = 0; i < d->indexes; i++)
        sim_template_free(d->index[i]);
    free(d->field);
    free(d->made);
    free(d->index);
}

void sim_scenario_free(struct sim_scenario *sc)
{
    if (!sc)
        return;
    for (size_t i = 0; i < sc->data_n; i++)
        data_release(&sc->data[i]);
    for (size_t i = 0; i < sc->apps_n; i++) {
        for (size_t k = 0; k < sc->apps[i].tasks_n; k++)
            task_release(&sc->apps[i].tasks[k]);
        free(sc->apps[i].tasks);
        free(sc->apps[i].name);
    }
    for (size_t i = 0; i < sc->events_n; i++) {
        free(sc->events[i].target);
        free(sc->events[i].ns);
        free(sc->events[i].field);
    }
    free(sc->data);
    free(sc->apps);
    free(sc->events);
    free(sc->name);
    free(sc->title);
    free(sc);
}

/* ---- reading ---- */

struct reading {
    struct sim_scenario *sc;
    struct sim_data *data; /* the collection whose rows follow */
    struct sim_app *app;
    const struct sb_conf_row *row;
    struct sb_problems *problems;
    bool nomem;
};

static void problem(struct reading *r, const char *fmt, ...) SB_PRINTF(2, 3);

static void problem(struct reading *r, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sb_problems_add(r->problems, r->row->path, r->row->line, "%s", text);
}

static char *copy(struct reading *r, const char *text)
{
    char *p = sb_strdup_n(text, strlen(text));
    r->nomem = r->nomem || !p;
    return p;
}

static struct sim_template *compile(struct reading *r, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_template *t = sim_template_new(text, &err);
    if (!t)
        problem(r, "%s", err.msg);
    return t;
}

static bool number(struct reading *r, const char *word, double least, double most, double *out)
{
    char *end;
    *out = strtod(word, &end);
    if (end != word && *end == '\0' && isfinite(*out) && *out >= least && *out <= most)
        return true;
    problem(r, "\"%.60s\" is no number from %g to %g", word, least, most);
    return false;
}

static bool duration(struct reading *r, const char *word, int64_t *us)
{
    char *end;
    double d = strtod(word, &end), unit = strcmp(end, "s") == 0 ? 1e6 : strcmp(end, "m") == 0 ? 60e6 : strcmp(end, "h") == 0 ? 3600e6 : 0;
    if (end == word || unit == 0 || !isfinite(d) || d < 0 || d > 1e6) {
        problem(r, "\"%.60s\" is no duration (240s, 4m, 1h)", word);
        return false;
    }
    *us = (int64_t)(d * unit);
    return true;
}

static bool is_namespace(const char *word)
{
    const char *dot = strchr(word, '.');
    return dot && dot != word && dot[1] && strlen(word) < 200 && !strpbrk(word, " $\"\\/");
}

static void read_collection(struct reading *r)
{
    const struct sb_conf_row *row = r->row;
    double n;
    r->data = NULL;
    r->app = NULL;
    if (row->n != 3 || !is_namespace(row->word[1])) {
        problem(r, "collection wants DB.NAME and how many documents");
        return;
    }
    for (size_t i = 0; i < r->sc->data_n; i++)
        if (strcmp(r->sc->data[i].ns, row->word[1]) == 0) {
            problem(r, "the collection %s is described twice", row->word[1]);
            return;
        }
    if (!number(r, row->word[2], 0, MAX_DOCUMENTS, &n))
        return;
    if (SB_GROW(r->sc->data, r->sc->data_cap, r->sc->data_n + 1)) {
        r->nomem = true;
        return;
    }
    r->data = &r->sc->data[r->sc->data_n];
    if (!(r->data->ns = copy(r, row->word[1]))) {
        r->data = NULL;
        return;
    }
    r->data->documents = (uint64_t)n;
    r->sc->data_n++;
}

static void read_field(struct reading *r)
{
    struct sim_data *d = r->data;
    if (!d || r->row->n != 3) {
        problem(r, d ? "field wants a name and a template" : "field belongs under a collection");
        return;
    }
    struct sim_template *t = compile(r, r->row->word[2]);
    if (!t)
        return;
    char *name = copy(r, r->row->word[1]);
    if (!name || SB_GROW(d->field, d->field_cap, d->fields + 1) || SB_GROW(d->made, d->made_cap, d->fields + 1)) {
        r->nomem = true;
        free(name);
        sim_template_free(t);
        return;
    }
    d->field[d->fields] = name;
    d->made[d->fields++] = t;
}

/* The words of an index row as one template: {key: .., name: '..', unique: true}. */
static void read_index(struct reading *r)
{
    struct sim_data *d = r->data;
    const struct sb_conf_row *row = r->row;
    struct sb_str text;
    if (!d || row->n < 3) {
        problem(r, d ? "index wants a name and a key" : "index belongs under a collection");
        return;
    }
    sb_str_init(&text);
    sb_str_addf(&text, "{key: %s, name: '%s'", row->word[2], row->word[1]);
    for (size_t i = 3; i < row->n; i++) {
        if (strcmp(row->word[i], "unique") == 0 || strcmp(row->word[i], "sparse") == 0 || strcmp(row->word[i], "hidden") == 0)
            sb_str_addf(&text, ", %s: true", row->word[i]);
        else if (strcmp(row->word[i], "partial") == 0 && i + 1 < row->n)
            sb_str_addf(&text, ", partialFilterExpression: %s", row->word[++i]);
        else
            problem(r, "an index is unique, sparse, hidden or partial \"FILTER\", not %.60s", row->word[i]);
    }
    sb_str_addc(&text, '}');
    struct sim_template *t = sb_str_ok(&text) ? compile(r, text.p) : NULL;
    sb_str_release(&text);
    if (!t)
        return;
    if (SB_GROW(d->index, d->index_cap, d->indexes + 1)) {
        r->nomem = true;
        sim_template_free(t);
        return;
    }
    d->index[d->indexes++] = t;
}

static struct sim_app *find_app(const struct sim_scenario *sc, const char *name)
{
    for (size_t i = 0; i < sc->apps_n; i++)
        if (strcmp(sc->apps[i].name, name) == 0)
            return &sc->apps[i];
    return NULL;
}

static void read_app(struct reading *r)
{
    const struct sb_conf_row *row = r->row;
    double n;
    r->data = NULL;
    r->app = NULL;
    if (row->n < 4 || strcmp(row->word[2], "clients") != 0 || strlen(row->word[1]) > 120) {
        problem(r, "app wants NAME clients N");
        return;
    }
    if (find_app(r->sc, row->word[1])) {
        problem(r, "the app %s is described twice", row->word[1]);
        return;
    }
    if (!number(r, row->word[3], 1, MAX_CLIENTS, &n))
        return;
    if (SB_GROW(r->sc->apps, r->sc->apps_cap, r->sc->apps_n + 1)) {
        r->nomem = true;
        return;
    }
    struct sim_app *a = &r->sc->apps[r->sc->apps_n];
    if (!(a->name = copy(r, row->word[1])))
        return;
    a->clients = (unsigned)n;
    for (size_t i = 4; i < row->n; i++) {
        if (strcmp(row->word[i], "stopped") == 0)
            a->stopped = true;
        else if (strcmp(row->word[i], "secondary") == 0)
            a->secondary = true;
        else
            problem(r, "an app is stopped or secondary, not %.60s", row->word[i]);
    }
    r->app = a;
    r->sc->apps_n++;
}

static const char *const dos[SIM_DOS] = {"find", "count", "aggregate", "insert", "update", "delete", "modify"};

static int do_of(const char *word)
{
    for (int i = 0; i < SIM_DOS; i++)
        if (strcmp(word, dos[i]) == 0)
            return i;
    return -1;
}

/* One option of a task; returns how many words it took, 0 for an error. */
static size_t read_option(struct reading *r, struct sim_task *t, size_t i)
{
    const struct sb_conf_row *row = r->row;
    const char *word = row->word[i], *value = i + 1 < row->n ? row->word[i + 1] : NULL;
    const struct {
        const char *name;
        struct sim_template **slot;
    } templates[] = {{"filter", &t->filter},     {"sort", &t->sort},         {"projection", &t->projection},
                     {"update", &t->update},     {"document", &t->document}, {"pipeline", &t->pipeline}};
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"multi", &t->multi}, {"upsert", &t->upsert}, {"remove", &t->remove}};
    for (size_t k = 0; k < SB_COUNT(flags); k++)
        if (strcmp(word, flags[k].name) == 0) {
            *flags[k].flag = true;
            return 1;
        }
    if (!value) {
        problem(r, "%.60s wants a value", word);
        return 0;
    }
    double n;
    if (strcmp(word, "rate") == 0) {
        if (!number(r, value, 0.0001, 1e6, &t->rate))
            return 0;
    } else if (strcmp(word, "limit") == 0 || strcmp(word, "skip") == 0) {
        if (!number(r, value, 0, 1e9, &n))
            return 0;
        *(word[0] == 'l' ? &t->limit : &t->skip) = (int64_t)n;
    } else if (strcmp(word, "hint") == 0) {
        free(t->hint);
        t->hint = copy(r, value);
    } else {
        size_t k = 0;
        while (k < SB_COUNT(templates) && strcmp(word, templates[k].name) != 0)
            k++;
        if (k == SB_COUNT(templates)) {
            problem(r, "\"%.60s\" is no option of an operation", word);
            return 0;
        }
        sim_template_free(*templates[k].slot);
        if (!(*templates[k].slot = compile(r, value)))
            return 0;
    }
    return 2;
}

static const char *lacking(const struct sim_task *t)
{
    if (t->rate == 0)
        return "a rate";
    if (t->what == SIM_DO_INSERT && !t->document)
        return "a document";
    if (t->what == SIM_DO_AGGREGATE && !t->pipeline)
        return "a pipeline";
    if ((t->what == SIM_DO_UPDATE || (t->what == SIM_DO_MODIFY && !t->remove)) && !t->update)
        return "an update";
    return NULL;
}

static void read_task(struct reading *r, int what)
{
    const struct sb_conf_row *row = r->row;
    struct sim_task t = {.what = (enum sim_do)what};
    if (!r->app || row->n < 2 || !is_namespace(row->word[1])) {
        problem(r, r->app ? "%s wants DB.NAME" : "%s belongs under an app", row->word[0]);
        return;
    }
    size_t before = r->problems->count;
    const char *dot = strchr(row->word[1], '.');
    t.db = sb_strdup_n(row->word[1], (size_t)(dot - row->word[1]));
    t.coll = copy(r, dot + 1);
    r->nomem = r->nomem || !t.db;
    for (size_t i = 2; i < row->n;) {
        size_t took = read_option(r, &t, i);
        if (!took)
            break;
        i += took;
    }
    if (r->problems->count == before && lacking(&t))
        problem(r, "%s wants %s", row->word[0], lacking(&t));
    if (r->nomem || r->problems->count != before || SB_GROW(r->app->tasks, r->app->tasks_cap, r->app->tasks_n + 1)) {
        task_release(&t);
        return;
    }
    r->app->tasks[r->app->tasks_n++] = t;
}

static bool read_member(struct reading *r, const char *word, bool or_primary, int *out)
{
    if (or_primary && strcmp(word, "primary") == 0) {
        *out = SIM_THE_PRIMARY;
        return true;
    }
    if (word[0] >= '0' && word[0] < '0' + SIM_SCENARIO_MEMBERS && !word[1]) {
        *out = word[0] - '0';
        return true;
    }
    problem(r, "\"%.60s\" is no member (0 to %d%s)", word, SIM_SCENARIO_MEMBERS - 1, or_primary ? ", or primary" : "");
    return false;
}

static void add_event(struct reading *r, struct sim_happening *h, const char *target)
{
    if (SB_GROW(r->sc->events, r->sc->events_cap, r->sc->events_n + 1) || !(h->target = copy(r, target))) {
        r->nomem = true;
        return;
    }
    r->sc->events[r->sc->events_n++] = *h;
    h->ns = h->field = NULL;
}

/* kill, restart, hang, lag, stepdown: what happens to a member. False: the word is none of these. */
static bool read_fault(struct reading *r, size_t i, struct sim_happening *h)
{
    static const struct {
        const char *name;
        enum sim_event_kind kind;
        bool or_primary;
    } faults[] = {{"kill", SIM_EVENT_KILL, true}, {"restart", SIM_EVENT_RESTART, false}, {"hang", SIM_EVENT_HANG, true}, {"lag", SIM_EVENT_LAG, false},
                  {"stepdown", SIM_EVENT_STEPDOWN, true}};
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
        problem(r, "a fault is kill N, restart N, hang N [for DURATION], lag N DURATION or stepdown");
    else if ((want == 1 || read_member(r, row->word[i + 1], faults[k].or_primary, &h->member)) &&
             (want < 3 || duration(r, row->word[i + want - 1], &h->length_us)))
        add_event(r, h, "");
    return true;
}

static void read_seat(struct reading *r)
{
    const struct sb_conf_row *row = r->row;
    int member;
    double n;
    if (row->n < 2 || !read_member(r, row->word[1], false, &member)) {
        if (row->n < 2)
            problem(r, "member wants a number and what it is");
        return;
    }
    struct sim_seat_row *seat = &r->sc->seat[member];
    seat->given = true;
    for (size_t i = 2; i < row->n; i++) {
        const char *word = row->word[i], *value = i + 1 < row->n ? row->word[i + 1] : "";
        int64_t us = 0;
        if (strcmp(word, "hidden") == 0) {
            seat->hidden = true;
            continue;
        }
        i++;
        if (strcmp(word, "priority") == 0 && number(r, value, 0, 1000, &seat->priority))
            seat->has_priority = true;
        else if (strcmp(word, "votes") == 0 && number(r, value, 0, 1, &n))
            seat->no_vote = n < 1;
        else if (strcmp(word, "delay") == 0 && duration(r, value, &us))
            seat->delay_s = us / 1000000;
        else if (strcmp(word, "priority") != 0 && strcmp(word, "votes") != 0 && strcmp(word, "delay") != 0)
            problem(r, "a member has priority P, hidden, votes 0 or delay DURATION, not %.60s", word);
    }
    if (seat->has_priority && seat->priority > 0 && (seat->hidden || seat->no_vote || seat->delay_s))
        problem(r, "a member that is hidden, delayed or without a vote has priority 0");
}

/* start|stop|stop-all|rate ... from word i on, or a fault. */
static void read_action(struct reading *r, size_t i, struct sim_happening *h)
{
    const struct sb_conf_row *row = r->row;
    static const char *const kinds[] = {"start", "stop", "stop-all", "rate"};
    size_t k = 0;
    if (read_fault(r, i, h))
        return;
    while (i < row->n && k < SB_COUNT(kinds) && strcmp(row->word[i], kinds[k]) != 0)
        k++;
    if (i >= row->n || k == SB_COUNT(kinds) || row->n != i + (k == SIM_EVENT_RATE ? 3 : 2)) {
        problem(r, "what happens is start APP, stop APP, stop-all DB.NAME, rate APP FACTOR or a fault of a member");
        return;
    }
    h->kind = (enum sim_event_kind)k;
    const char *target = row->word[i + 1];
    if (h->kind == SIM_EVENT_RATE && !number(r, row->word[i + 2], 0, 1000, &h->factor))
        return;
    bool any = h->kind == SIM_EVENT_RATE && strcmp(target, "*") == 0;
    if (h->kind == SIM_EVENT_STOP_ALL ? !is_namespace(target) : !any && !find_app(r->sc, target)) {
        problem(r, "there is no %s %.60s in front of this line", h->kind == SIM_EVENT_STOP_ALL ? "collection" : "app", target);
        return;
    }
    add_event(r, h, target);
}

static void read_at(struct reading *r)
{
    struct sim_happening h = {0};
    if (r->row->n < 2 || !duration(r, r->row->word[1], &h.at_us))
        return;
    read_action(r, 2, &h);
}

static void read_when(struct reading *r)
{
    const struct sb_conf_row *row = r->row;
    struct sim_happening h = {.at_us = -1};
    if (row->n < 5 || strcmp(row->word[1], "index") != 0 || !is_namespace(row->word[2])) {
        problem(r, "when wants index DB.NAME FIELD and what happens then");
        return;
    }
    h.ns = copy(r, row->word[2]);
    h.field = copy(r, row->word[3]);
    if (h.ns && h.field)
        read_action(r, 4, &h);
    free(h.ns);
    free(h.field);
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *r = ctx;
    const char *word = row->word[0];
    double value;
    r->row = row;
    r->problems = problems;
    if (strcmp(word, "title") == 0 && row->n == 2) {
        free(r->sc->title);
        r->sc->title = copy(r, row->word[1]);
    } else if (strcmp(word, "cost") == 0 && row->n == 3) {
        if (number(r, row->word[2], 0, 1e15, &value) && !sim_costs_set(&r->sc->costs, row->word[1], value))
            problem(r, "there is no cost %.60s", row->word[1]);
    } else if (strcmp(word, "collection") == 0) {
        read_collection(r);
    } else if (strcmp(word, "field") == 0) {
        read_field(r);
    } else if (strcmp(word, "index") == 0) {
        read_index(r);
    } else if (strcmp(word, "app") == 0) {
        read_app(r);
    } else if (strcmp(word, "member") == 0) {
        read_seat(r);
    } else if (strcmp(word, "at") == 0) {
        read_at(r);
    } else if (strcmp(word, "when") == 0) {
        read_when(r);
    } else if (do_of(word) >= 0) {
        read_task(r, do_of(word));
    } else {
        problem(r, "a line cannot begin with \"%.60s\"", word);
    }
}

struct sim_scenario *sim_scenario_parse(const char *text, size_t len, const char *path, const char *name, struct sb_err *err)
{
    struct sim_scenario *sc = calloc(1, sizeof *sc);
    struct reading r = {.sc = sc};
    struct sb_problems problems;
    sb_problems_init(&problems);
    if (!sc || !(sc->name = sb_strdup_n(name, strlen(name)))) {
        sb_fail_nomem(err);
        goto fail;
    }
    sim_costs_default(&sc->costs);
    if (sb_conf_parse(text, len, path, read_row, &r, &problems, err))
        goto fail;
    if (r.nomem) {
        sb_fail_nomem(err);
        goto fail;
    }
    if (sc->costs.cores < 1 || sc->costs.tickets < 1) {
        sb_fail(err, SB_EINPUT, "%s: cores and tickets must be at least 1", path);
        goto fail;
    }
    if (problems.count) {
        size_t n = problems.text.len;
        sb_fail(err, SB_EINPUT, "%.*s", (int)(n && problems.text.p[n - 1] == '\n' ? n - 1 : n), problems.text.p);
        goto fail;
    }
    sb_problems_release(&problems);
    return sc;
fail:
    sb_problems_release(&problems);
    sim_scenario_free(sc);
    return NULL;
}
