/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>

#include "reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DOCUMENTS 2000000
#define MAX_CLIENTS 2000

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
    free(d->index_line);
    free(d->index_shard);
    sim_template_free(d->shard_key);
    sim_template_free(d->splits);
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
        sim_template_free(sc->events[i].index);
    }
    free(sc->data);
    free(sc->apps);
    free(sc->events);
    free(sc->name);
    free(sc->title);
    free(sc->path);
    free(sc);
}

/* ---- reading ---- */

void sim_read_problem(struct sim_reading *r, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sb_problems_add(r->problems, r->row->path, r->row->line, "%s", text);
}

char *sim_read_copy(struct sim_reading *r, const char *text)
{
    char *p = sb_strdup_n(text, strlen(text));
    r->nomem = r->nomem || !p;
    return p;
}

struct sim_template *sim_read_template(struct sim_reading *r, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_template *t = sim_template_new(text, &err);
    if (!t)
        sim_read_problem(r, "%s", err.msg);
    return t;
}

bool sim_read_number(struct sim_reading *r, const char *word, double least, double most, double *out)
{
    char *end;
    *out = strtod(word, &end);
    if (end != word && *end == '\0' && isfinite(*out) && *out >= least && *out <= most)
        return true;
    sim_read_problem(r, "\"%.60s\" is no number from %g to %g", word, least, most);
    return false;
}

bool sim_read_duration(struct sim_reading *r, const char *word, int64_t *us)
{
    char *end;
    double d = strtod(word, &end), unit = strcmp(end, "s") == 0 ? 1e6 : strcmp(end, "m") == 0 ? 60e6 : strcmp(end, "h") == 0 ? 3600e6 : 0;
    if (end == word || unit == 0 || !isfinite(d) || d < 0 || d > 1e6) {
        sim_read_problem(r, "\"%.60s\" is no duration (240s, 4m, 1h)", word);
        return false;
    }
    *us = (int64_t)(d * unit);
    return true;
}

bool sim_is_namespace(const char *word)
{
    const char *dot = strchr(word, '.');
    return dot && dot != word && dot[1] && strlen(word) < 200 && !strpbrk(word, " $\"\\/");
}

static void read_collection(struct sim_reading *r)
{
    const struct sb_conf_row *row = r->row;
    double n;
    r->data = NULL;
    r->app = NULL;
    if (row->n != 3 || !sim_is_namespace(row->word[1])) {
        sim_read_problem(r, "collection wants DB.NAME and how many documents");
        return;
    }
    for (size_t i = 0; i < r->sc->data_n; i++)
        if (strcmp(r->sc->data[i].ns, row->word[1]) == 0) {
            sim_read_problem(r, "the collection %s is described twice", row->word[1]);
            return;
        }
    if (!sim_read_number(r, row->word[2], 0, MAX_DOCUMENTS, &n))
        return;
    if (SB_GROW(r->sc->data, r->sc->data_cap, r->sc->data_n + 1)) {
        r->nomem = true;
        return;
    }
    r->data = &r->sc->data[r->sc->data_n];
    if (!(r->data->ns = sim_read_copy(r, row->word[1]))) {
        r->data = NULL;
        return;
    }
    r->data->documents = (uint64_t)n;
    r->data->path = r->sc->path;
    r->data->line = row->line;
    r->sc->data_n++;
}

static void read_field(struct sim_reading *r)
{
    struct sim_data *d = r->data;
    if (!d || r->row->n != 3) {
        sim_read_problem(r, d ? "field wants a name and a template" : "field belongs under a collection");
        return;
    }
    struct sim_template *t = sim_read_template(r, r->row->word[2]);
    if (!t)
        return;
    char *name = sim_read_copy(r, r->row->word[1]);
    if (!name || SB_GROW(d->field, d->field_cap, d->fields + 1) || SB_GROW(d->made, d->made_cap, d->fields + 1)) {
        r->nomem = true;
        free(name);
        sim_template_free(t);
        return;
    }
    d->field[d->fields] = name;
    d->made[d->fields++] = t;
}

/* {key: .., name: '..', unique: true} */
struct sim_template *sim_read_index(struct sim_reading *r, size_t from, int *shard)
{
    const struct sb_conf_row *row = r->row;
    struct sb_str text;
    double n;
    if (row->word[from + 1][strspn(row->word[from + 1], " ")] != '{') {
        sim_read_problem(r, "an index has a key as \"{field: 1}\", not %.60s", row->word[from + 1]);
        return NULL;
    }
    sb_str_init(&text);
    sb_str_addf(&text, "{key: %s, name: '%s'", row->word[from + 1], row->word[from]);
    for (size_t i = from + 2; i < row->n; i++) {
        if (strcmp(row->word[i], "unique") == 0 || strcmp(row->word[i], "sparse") == 0 || strcmp(row->word[i], "hidden") == 0)
            sb_str_addf(&text, ", %s: true", row->word[i]);
        else if (strcmp(row->word[i], "partial") == 0 && i + 1 < row->n)
            sb_str_addf(&text, ", partialFilterExpression: %s", row->word[++i]);
        else if (shard && strcmp(row->word[i], "shard") == 0 && i + 1 < row->n && sim_read_number(r, row->word[i + 1], 0, SIM_SHARDS_MAX - 1, &n))
            *shard = (int)n, i++;
        else
            sim_read_problem(r, "an index is unique, sparse, hidden or partial \"FILTER\"%s, not %.60s", shard ? ", or of one shard N" : "", row->word[i]);
    }
    sb_str_addc(&text, '}');
    struct sim_template *t = sb_str_ok(&text) ? sim_read_template(r, text.p) : NULL;
    sb_str_release(&text);
    return t;
}

static void read_index(struct sim_reading *r)
{
    struct sim_data *d = r->data;
    if (!d || r->row->n < 3) {
        sim_read_problem(r, d ? "index wants a name and a key" : "index belongs under a collection");
        return;
    }
    int shard = -1;
    struct sim_template *t = sim_read_index(r, 1, &shard);
    if (!t)
        return;
    if (SB_GROW(d->index, d->index_cap, d->indexes + 1) || SB_GROW(d->index_line, d->index_line_cap, d->indexes + 1) ||
        SB_GROW(d->index_shard, d->index_shard_cap, d->indexes + 1)) {
        r->nomem = true;
        sim_template_free(t);
        return;
    }
    d->index_line[d->indexes] = r->row->line;
    d->index_shard[d->indexes] = shard;
    d->index[d->indexes++] = t;
}

static void read_sharded(struct sim_reading *r)
{
    struct sim_data *d = r->data;
    if (!d || r->row->n != 3 || d->shard_key) {
        sim_read_problem(r, d ? "sharded wants a key and a list of values where it is split, once" : "sharded belongs under a collection");
        return;
    }
    d->shard_key = sim_read_template(r, r->row->word[1]);
    d->splits = sim_read_template(r, r->row->word[2]);
    if (d->shard_key && d->splits && (!sim_template_is_document(d->shard_key) || !sim_template_is_list(d->splits)))
        sim_read_problem(r, "sharded wants a key as \"{field: 1}\" and a list of values, \"[10, 20]\"");
}

struct sim_app *sim_find_app(const struct sim_scenario *sc, const char *name)
{
    for (size_t i = 0; i < sc->apps_n; i++)
        if (strcmp(sc->apps[i].name, name) == 0)
            return &sc->apps[i];
    return NULL;
}

static void read_app(struct sim_reading *r)
{
    const struct sb_conf_row *row = r->row;
    double n;
    r->data = NULL;
    r->app = NULL;
    if (row->n < 4 || strcmp(row->word[2], "clients") != 0 || strlen(row->word[1]) > 120) {
        sim_read_problem(r, "app wants NAME clients N");
        return;
    }
    if (sim_find_app(r->sc, row->word[1])) {
        sim_read_problem(r, "the app %s is described twice", row->word[1]);
        return;
    }
    if (!sim_read_number(r, row->word[3], 1, MAX_CLIENTS, &n))
        return;
    if (SB_GROW(r->sc->apps, r->sc->apps_cap, r->sc->apps_n + 1)) {
        r->nomem = true;
        return;
    }
    struct sim_app *a = &r->sc->apps[r->sc->apps_n];
    if (!(a->name = sim_read_copy(r, row->word[1])))
        return;
    a->clients = (unsigned)n;
    for (size_t i = 4; i < row->n; i++) {
        if (strcmp(row->word[i], "stopped") == 0)
            a->stopped = true;
        else if (strcmp(row->word[i], "secondary") == 0)
            a->secondary = true;
        else if (strcmp(row->word[i], "unpooled") == 0)
            a->unpooled = true;
        else if (strcmp(row->word[i], "alone") == 0)
            a->alone = true;
        else
            sim_read_problem(r, "an app is stopped, secondary, unpooled or alone, not %.60s", row->word[i]);
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
static size_t read_option(struct sim_reading *r, struct sim_task *t, size_t i)
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
        sim_read_problem(r, "%.60s wants a value", word);
        return 0;
    }
    double n;
    if (strcmp(word, "rate") == 0) {
        if (!sim_read_number(r, value, 0.0001, 1e6, &t->rate))
            return 0;
    } else if (strcmp(word, "batch") == 0) {
        if (!sim_read_number(r, value, 1, 10000, &n))
            return 0;
        t->batch = (int64_t)n;
    } else if (strcmp(word, "limit") == 0 || strcmp(word, "skip") == 0) {
        if (!sim_read_number(r, value, 0, 1e9, &n))
            return 0;
        *(word[0] == 'l' ? &t->limit : &t->skip) = (int64_t)n;
    } else if (strcmp(word, "hint") == 0) {
        free(t->hint);
        t->hint = sim_read_copy(r, value);
    } else {
        size_t k = 0;
        while (k < SB_COUNT(templates) && strcmp(word, templates[k].name) != 0)
            k++;
        if (k == SB_COUNT(templates)) {
            sim_read_problem(r, "\"%.60s\" is no option of an operation", word);
            return 0;
        }
        struct sim_template *made = sim_read_template(r, value);
        if (!made)
            return 0;
        bool is_list = sim_template_is_list(made), list = strcmp(word, "pipeline") == 0 || (strcmp(word, "update") == 0 && is_list);
        sim_template_free(*templates[k].slot);
        *templates[k].slot = made;
        if (list ? !is_list : !sim_template_is_document(made)) {
            sim_read_problem(r, "%s wants %s", word, list ? "a list of stages, \"[{..}]\"" : "a document, \"{..}\"");
            return 0;
        }
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

static void read_task(struct sim_reading *r, int what)
{
    const struct sb_conf_row *row = r->row;
    struct sim_task t = {.what = (enum sim_do)what};
    if (!r->app || row->n < 2 || !sim_is_namespace(row->word[1])) {
        sim_read_problem(r, r->app ? "%s wants DB.NAME" : "%s belongs under an app", row->word[0]);
        return;
    }
    size_t before = r->problems->count;
    const char *dot = strchr(row->word[1], '.');
    t.db = sb_strdup_n(row->word[1], (size_t)(dot - row->word[1]));
    t.coll = sim_read_copy(r, dot + 1);
    r->nomem = r->nomem || !t.db;
    for (size_t i = 2; i < row->n;) {
        size_t took = read_option(r, &t, i);
        if (!took)
            break;
        i += took;
    }
    if (r->problems->count == before && lacking(&t))
        sim_read_problem(r, "%s wants %s", row->word[0], lacking(&t));
    if (r->nomem || r->problems->count != before || SB_GROW(r->app->tasks, r->app->tasks_cap, r->app->tasks_n + 1)) {
        task_release(&t);
        return;
    }
    r->app->tasks[r->app->tasks_n++] = t;
}

static void read_seat(struct sim_reading *r)
{
    const struct sb_conf_row *row = r->row;
    int member;
    double n;
    if (row->n < 3 || !sim_read_member(r, row->word[1], false, &member)) {
        if (row->n < 3)
            sim_read_problem(r, "member wants a number and what it is");
        return;
    }
    struct sim_seat_row *seat = &r->sc->seat[member];
    seat->given = true;
    for (size_t i = 2; i < row->n; i++) {
        const char *word = row->word[i], *value = i + 1 < row->n ? row->word[i + 1] : "";
        int64_t us = 0;
        if (strcmp(word, "hidden") == 0 || strcmp(word, "arbiter") == 0) {
            *(word[0] == 'h' ? &seat->hidden : &seat->arbiter) = true;
            continue;
        }
        i++;
        if (strcmp(word, "priority") == 0 && sim_read_number(r, value, 0, 1000, &seat->priority))
            seat->has_priority = true;
        else if (strcmp(word, "votes") == 0 && sim_read_number(r, value, 0, 1, &n))
            seat->no_vote = n < 1;
        else if (strcmp(word, "delay") == 0 && sim_read_duration(r, value, &us))
            seat->delay_s = us / 1000000;
        else if (strcmp(word, "priority") != 0 && strcmp(word, "votes") != 0 && strcmp(word, "delay") != 0)
            sim_read_problem(r, "a member has priority P, hidden, arbiter, votes 0 or delay DURATION, not %.60s", word);
    }
    if (seat->has_priority && seat->priority > 0 && (seat->hidden || seat->no_vote || seat->delay_s))
        sim_read_problem(r, "a member that is hidden, delayed or without a vote has priority 0");
    if (seat->arbiter && (member == 0 || seat->hidden || seat->no_vote || seat->delay_s || seat->priority > 0))
        sim_read_problem(r, "an arbiter is only that, and member 0, which begins as the primary, is none");
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sim_reading *r = ctx;
    const char *word = row->word[0];
    double value;
    r->row = row;
    r->problems = problems;
    if (strcmp(word, "exercise") == 0)
        return; /* for who trains on it: nothing of it happens to the servers */
    if (strcmp(word, "title") == 0 && row->n == 2) {
        free(r->sc->title);
        r->sc->title = sim_read_copy(r, row->word[1]);
    } else if (strcmp(word, "cost") == 0 && row->n == 3) {
        if (sim_read_number(r, row->word[2], 0, 1e15, &value) && !sim_costs_set(&r->sc->costs, row->word[1], value))
            sim_read_problem(r, "there is no cost %.60s", row->word[1]);
    } else if (strcmp(word, "collection") == 0) {
        read_collection(r);
    } else if (strcmp(word, "field") == 0) {
        read_field(r);
    } else if (strcmp(word, "index") == 0) {
        read_index(r);
    } else if (strcmp(word, "sharded") == 0) {
        read_sharded(r);
    } else if (strcmp(word, "app") == 0) {
        read_app(r);
    } else if (strcmp(word, "oplog") == 0 && row->n == 2) {
        if (sim_read_number(r, row->word[1], 65536, 1e12, &value))
            r->sc->oplog_bytes = (int64_t)value;
    } else if (strcmp(word, "query-stats") == 0 && row->n == 1) {
        r->sc->query_stats = true;
    } else if (strcmp(word, "members") == 0 && row->n == 2) {
        if (sim_read_number(r, row->word[1], 1, SIM_SCENARIO_MEMBERS, &value))
            r->sc->members = (int)value;
    } else if (strcmp(word, "shards") == 0 && row->n == 2) {
        if (sim_read_number(r, row->word[1], 1, SIM_SHARDS_MAX, &value))
            r->sc->shards = (int)value;
    } else if (strcmp(word, "member") == 0) {
        read_seat(r);
    } else if (strcmp(word, "at") == 0) {
        sim_read_at(r);
    } else if (strcmp(word, "every") == 0) {
        sim_read_every(r);
    } else if (strcmp(word, "when") == 0) {
        sim_read_when(r);
    } else if (do_of(word) >= 0) {
        read_task(r, do_of(word));
    } else {
        sim_read_problem(r, "a line cannot begin with \"%.60s\"", word);
    }
}

/* All of them, or as many whole lines as an error holds and how many there are more. */
static void tell_problems(const struct sb_problems *problems, struct sb_err *err)
{
    const char *text = problems->text.p;
    size_t n = problems->text.len, room = sizeof err->msg - 40, lines = 0;
    while (n && text[n - 1] == '\n')
        n--;
    if (n < room) {
        sb_fail(err, SB_EINPUT, "%.*s", (int)n, text);
        return;
    }
    for (n = room; n && text[n] != '\n';)
        n--;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    sb_fail(err, SB_EINPUT, "%.*s\n... and %zu more", (int)n, text, (size_t)problems->count - lines - 1);
}

struct sim_scenario *sim_scenario_parse(const char *text, size_t len, const char *path, const char *name, struct sb_err *err)
{
    struct sim_scenario *sc = calloc(1, sizeof *sc);
    struct sim_reading r = {.sc = sc};
    struct sb_problems problems;
    sb_problems_init(&problems);
    if (!sc || !(sc->name = sb_strdup_n(name, strlen(name))) || !(sc->path = sb_strdup_n(path, strlen(path)))) {
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
        tell_problems(&problems, err);
        goto fail;
    }
    sb_problems_release(&problems);
    return sc;
fail:
    sb_problems_release(&problems);
    sim_scenario_free(sc);
    return NULL;
}
