/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request would touch, found out before anybody is asked about it: how big the place is, what goes on there and by whom,
 * which fields policy calls sensitive, which other plans are open on it, whether a change window is open, and what could be
 * brought back. The telemetry thread says what goes on, a worker asks the primary, and the rest is known here. The facts go with
 * the hand-off, on the record; what could not be had is among them, as blind. */
#include "private.h"

#include <signalbox/mongo/read_door.h>

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TRAFFIC_MS 300000 /* that the operations are counted over */
#define APPS_MOST 5
#define LOOKED_AT 20      /* documents whose fields' names are held against policy's list */
#define FIELDS_MOST 8
#define DEPTH_MOST 20

struct impact {
    struct sb_orchestrator *o;
    struct errand way;
    int64_t seat, seq;      /* who asked, where it is for no case */
    char *case_id, *ns, *database, *collection, *member; /* collection NULL: a whole database; member: who was asked */
    int64_t now;            /* deployment time */
    char **patterns;        /* of fields that policy calls sensitive */
    size_t patterns_n;
    bool traffic;           /* something is known of it */
    double reads_per_s, writes_per_s;
    struct sb_str apps, fields;
    size_t apps_n, fields_n;
    int64_t documents, bytes, collections; /* -1: not told */
    int64_t looked_at;
    char **commands;
    size_t commands_n;
    struct sb_err err;      /* why the server did not tell */
};

static void free_impact(void *p)
{
    struct impact *i = p;
    free(i->case_id);
    free(i->ns);
    free(i->database);
    free(i->collection);
    free(i->member);
    for (size_t k = 0; k < i->patterns_n; k++)
        free(i->patterns[k]);
    free(i->patterns);
    for (size_t k = 0; k < i->commands_n; k++)
        free(i->commands[k]);
    free(i->commands);
    sb_str_release(&i->apps);
    sb_str_release(&i->fields);
    free(i);
}

static void back(struct sb_orchestrator *o, void *p);

/* ---- 2. on a worker ---- */

static int64_t number_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
}

static bool listed(const struct sb_str *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list->p; at && (at = strstr(at, word)); at += n)
        if ((at == list->p || at[-1] == ' ') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

static void look_at_names(struct impact *i, bson_iter_t *it, int depth)
{
    while (depth < DEPTH_MOST && bson_iter_next(it)) {
        const char *name = bson_iter_key(it);
        bson_iter_t in;
        for (size_t k = 0; k < i->patterns_n; k++)
            if (i->fields_n < FIELDS_MOST && fnmatch(i->patterns[k], name, FNM_CASEFOLD) == 0 && !listed(&i->fields, name))
                sb_str_addf(&i->fields, "%s%s", i->fields_n++ ? ", " : "", name);
        if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && bson_iter_recurse(it, &in))
            look_at_names(i, &in, depth + 1);
    }
}

static bool look_at(void *p, const bson_t *doc)
{
    struct impact *i = p;
    bson_iter_t it;
    i->looked_at++;
    if (bson_iter_init(&it, doc))
        look_at_names(i, &it, 0);
    return true;
}

/* What is sent has to be on the record: -1 when it could not be. */
static int note(struct impact *i, const bson_t *command)
{
    char *text = bson_as_canonical_extended_json(command, NULL);
    int rc = text ? sb_strs_push(&i->commands, &i->commands_n, text) : -1;
    bson_free(text);
    return rc ? sb_fail_nomem(&i->err) : 0;
}

static void measure(void *p)
{
    struct impact *i = p;
    struct sb_conn *conn = sb_conn_to_primary(i->o->opt.server, SB_LANE_CONTROL, &i->err);
    bson_t *command = i->collection ? BCON_NEW("collStats", BCON_UTF8(i->collection)) : BCON_NEW("dbStats", BCON_INT32(1)), reply;
    int rc = conn ? 0 : -1;
    if (rc == 0)
        rc = sb_str_set(&i->member, sb_conn_name(conn)) ? sb_fail_nomem(&i->err) : note(i, command);
    if (rc == 0)
        rc = sb_read(conn, i->database, command, &reply, &i->err);
    if (rc == 0) {
        i->documents = number_of(&reply, i->collection ? "count" : "objects");
        i->bytes = number_of(&reply, i->collection ? "size" : "dataSize");
        i->collections = i->collection ? 1 : number_of(&reply, "collections");
        bson_destroy(&reply);
    }
    bson_destroy(command);
    if (rc == 0 && i->collection && i->patterns_n) {
        command = BCON_NEW("find", BCON_UTF8(i->collection), "limit", BCON_INT32(LOOKED_AT));
        if (note(i, command) || sb_read_cursor(conn, i->database, command, LOOKED_AT, look_at, i, &i->err) < 0)
            i->looked_at = 0;
        bson_destroy(command);
    }
    sb_conn_close(conn);
    sb_o_post_done(i->o, &i->way, back, i, free_impact);
}

/* ---- 1. on the telemetry thread ---- */

static bool of_place(const struct impact *i, const char *ns)
{
    size_t n = strlen(i->database);
    return i->collection ? sb_streq(ns, i->ns) : strncmp(ns, i->database, n) == 0 && ns[n] == '.';
}

static void add_rate(struct impact *i, const struct sb_history *h, const char *ns)
{
    struct sb_ns_work w;
    if (!sb_history_window(h, ns, i->now - TRAFFIC_MS, i->now, &w) || w.covered_ms <= 0)
        return;
    i->traffic = true;
    i->reads_per_s += (double)w.reads * 1000 / (double)w.covered_ms;
    i->writes_per_s += (double)w.writes * 1000 / (double)w.covered_ms;
}

static void look_around(void *p, const struct sb_view *view)
{
    struct impact *i = p;
    const struct sb_workload *w = sb_view_workload(view);
    char *const *names;
    size_t n = sb_view_namespaces(view, &names);
    i->now = sb_view_now(view);
    if (i->collection)
        add_rate(i, sb_view_history(view), i->ns);
    for (size_t k = 0; !i->collection && k < n; k++)
        if (of_place(i, names[k]))
            add_rate(i, sb_view_history(view), names[k]);
    for (size_t k = 0; k < sb_workload_size(w); k++) {
        const struct sb_work *x = sb_workload_at(w, k);
        for (size_t a = 0; of_place(i, x->ns) && a < x->apps.n && i->apps_n < APPS_MOST; a++) {
            char name[128];
            snprintf(name, sizeof name, "%.*s", (int)x->apps.item[a].name_n, x->apps.item[a].name);
            if (name[0] && !listed(&i->apps, name))
                sb_str_addf(&i->apps, "%s%s", i->apps_n++ ? ", " : "", name);
        }
    }
    sb_o_work(i->o, &i->way, measure, i, free_impact);
}

/* ---- 3. back on our thread ---- */

struct facts {
    struct sb_evidence **list;
    size_t *n;
    struct sb_orchestrator *o;
    const struct impact *i;
    int rc;
};

static void fact(struct facts *f, const char *source, const char *what, const char *coverage, char *value)
{
    f->rc = f->rc || !value || sb_evidence_add(f->list, f->n, source, f->i->ns, what, value, coverage, f->i->now);
    free(value);
}

static void add_size(struct facts *f)
{
    const struct impact *i = f->i;
    const char *source = i->collection ? "collStats of the primary" : "dbStats of the primary";
    if (i->documents < 0 || i->bytes < 0)
        fact(f, source, "size", "blind", sb_format("not told%s%s", i->err.code != SB_OK ? ": " : "", i->err.code != SB_OK ? i->err.msg : ""));
    else if (i->collection)
        fact(f, source, "size", "measured", sb_format("%" PRId64 " documents, %" PRId64 " bytes", i->documents, i->bytes));
    else
        fact(f, source, "size", "measured", sb_format("%" PRId64 " collections, %" PRId64 " documents, %" PRId64 " bytes", i->collections, i->documents, i->bytes));
}

static void add_traffic(struct facts *f)
{
    const struct impact *i = f->i;
    if (i->traffic)
        fact(f, "top of all members, the last 5 minutes", "traffic", "measured", sb_format("%.1f reads and %.1f writes a second", i->reads_per_s, i->writes_per_s));
    else
        fact(f, "top of all members, the last 5 minutes", "traffic", "blind", sb_format("none was seen: it is idle, or was not watched yet"));
    if (i->apps_n)
        fact(f, "slow operations", "applications", "estimated", sb_format("%s", i->apps.p));
    else
        fact(f, "slow operations", "applications", "blind", sb_format("none of its operations were slow enough to be logged"));
}

static void add_fields(struct facts *f)
{
    const struct impact *i = f->i;
    if (i->patterns_n == 0 || !i->collection)
        fact(f, "policy", "sensitive fields", "blind", sb_format(i->patterns_n ? "a whole database is not looked through" : "policy calls none sensitive"));
    else if (i->looked_at == 0)
        fact(f, "find on the primary", "sensitive fields", "blind", sb_format("no document could be looked at"));
    else
        fact(f, "find on the primary", "sensitive fields", "estimated", sb_format("%s in %" PRId64 " documents", i->fields_n ? i->fields.p : "none", i->looked_at));
}

static void add_retention(struct facts *f)
{
    const struct sb_retention *r = sb_retention_of(f->o->opt.retentions, f->o->opt.retentions_n, f->i->ns);
    if (r)
        fact(f, "the config", "regulated retention", "measured", sb_format("%s is kept for %" PRId64 " days: %s; what removes anything of it before that breaks it", r->place, r->days, r->why));
    else
        fact(f, "the config", "regulated retention", "blind", sb_format("the config names none for it"));
}

/* Other plans on the same place: what they mean for one that may come of this. */
static void add_plans(struct facts *f)
{
    struct sb_str said;
    size_t n = 0;
    sb_str_init(&said);
    for (size_t k = 0; k < f->o->cards_n; k++) {
        const struct sb_card *c = &f->o->cards[k]->card;
        if (sb_card_open(c) && c->target && of_place(f->i, c->target) && n++ < APPS_MOST)
            sb_str_addf(&said, "%s%s (%s)", said.len ? ", " : "", c->id, sb_name(&sb_states, c->state));
    }
    for (size_t k = 0; k < f->o->resting_n; k++) {
        const struct sb_card_row *r = &f->o->resting[k].row;
        if (r->target && of_place(f->i, r->target) && n++ < APPS_MOST)
            sb_str_addf(&said, "%s%s (%s)", said.len ? ", " : "", r->id, sb_name(&sb_states, r->state));
    }
    if (n == 0)
        fact(f, "the ledger", "other plans here", "measured", sb_format("none is open"));
    else
        fact(f, "the ledger", "other plans here", "measured", sb_format("%zu open: %s%s; one moves at a time, a new one is queued behind it, and one that asks for the same is refused", n, said.p, n > APPS_MOST ? ", ..." : ""));
    sb_str_release(&said);
}

static void add_windows(struct facts *f)
{
    json_t *calendar = sb_o_calendar(f->o), *state;
    const char *name;
    struct sb_str said;
    sb_str_init(&said);
    json_object_foreach(calendar, name, state) {
        bool active = json_is_true(json_object_get(state, "active")), freeze = sb_streq(sb_json_str(state, "kind"), "deny");
        const char *next = sb_json_str(state, "next_local"), *tz = sb_json_str(state, "tz");
        sb_str_addf(&said, "%s%s %.60s is %s%s%.40s%s%.40s", said.len ? "; " : "", freeze ? "freeze" : "window", name, active ? freeze ? "in force" : "open" : freeze ? "not in force" : "shut",
                    next ? active ? ", until " : ", from " : "", next ? next : "", next ? " " : "", next ? tz ? tz : "UTC" : "");
    }
    json_decref(calendar);
    fact(f, "policy", "change windows", calendar ? "measured" : "blind", sb_format("%s", said.len ? said.p : calendar ? "policy has none" : "they could not be worked out"));
    sb_str_release(&said);
}

static void add_recoverability(struct facts *f)
{
    const struct sb_orchestrator *o = f->o;
    char at[SB_TIME_LEN + 1];
    if (!o->backups_said) {
        fact(f, "the Backup Guardian", "what could be brought back", "blind",
             sb_format(o->opt.backups_n ? "the backups were not looked at yet: ask \"are our backups good?\"" : "the config names no place where backups lie"));
        return;
    }
    sb_time_format(at, o->backups_said_at);
    fact(f, "the Backup Guardian", "what could be brought back", "stale", sb_format("looked at %.16sZ: %s", at, o->backups_said));
}

static int gather(struct sb_orchestrator *o, struct sb_evidence **list, size_t *n, const struct impact *i)
{
    struct facts f = {.list = list, .n = n, .o = o, .i = i};
    fact(&f, "the config", "environment", "measured", sb_format("%s%s", sb_name(&sb_environments, o->opt.environment), o->facts.simulated ? ", simulated" : ""));
    add_size(&f);
    add_traffic(&f);
    add_fields(&f);
    add_retention(&f);
    add_plans(&f);
    add_windows(&f);
    add_recoverability(&f);
    return f.rc;
}

static void tell_screen(struct sb_orchestrator *o, const struct impact *i)
{
    struct sb_stake_told told = {.place = i->ns};
    struct sb_err err = SB_ERR_INIT;
    o->staking = false;
    if (gather(o, &told.facts, &told.facts_n, i))
        sb_fail_nomem(&err);
    else
        sb_o_tell(o, i->seat, sb_message_copy_of(SB_NEWS_STAKE, i->seq, &told));
    sb_o_answer(o, i->seat, i->seq, &err, NULL, NULL, "What a request about %s would touch was found out", i->ns);
    for (size_t k = 0; k < told.facts_n; k++)
        sb_record_release(&sb_evidence_schema, &told.facts[k]);
    free(told.facts);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct impact *i = p;
    struct held_case *c = i->case_id ? sb_o_case(o, i->case_id) : NULL;
    struct sb_err err = SB_ERR_INIT;
    for (size_t k = 0; !i->case_id && k < i->commands_n; k++)
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, NULL, json_pack("{s:s?,s:o}", "member", i->member, "command", sb_o_words(i->commands[k])), NULL);
    if (!i->case_id)
        tell_screen(o, i);
    for (size_t k = 0; c && k < i->commands_n; k++)
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = c}, json_pack("{s:s?,s:o}", "member", i->member, "command", sb_o_words(i->commands[k])), NULL);
    if (c && gather(o, &c->impact, &c->impact_n, i))
        sb_fail_nomem(&err);
    if (c)
        sb_o_assessed(o, c, &err);
    free_impact(i);
}

/* NULL with err. */
static struct impact *new_impact(struct sb_orchestrator *o, const char *case_id, const char *place, struct sb_err *err)
{
    const char *dot = strchr(place, '.');
    const json_t *sensitive = sb_policy_sensitive(o->policy);
    struct impact *i = calloc(1, sizeof *i);
    if (!i) {
        sb_fail_nomem(err);
        return NULL;
    }
    i->o = o;
    i->documents = i->bytes = i->collections = -1;
    sb_str_init(&i->apps);
    sb_str_init(&i->fields);
    i->database = sb_strdup_n(place, dot ? (size_t)(dot - place) : strlen(place));
    int rc = !i->database || sb_str_set(&i->case_id, case_id) || sb_str_set(&i->ns, place) || (dot && sb_str_set(&i->collection, dot + 1));
    for (size_t k = 0; rc == 0 && k < json_array_size(sensitive); k++)
        rc = sb_strs_push(&i->patterns, &i->patterns_n, json_string_value(json_array_get(sensitive, k)));
    if (rc) {
        free_impact(i);
        sb_fail_nomem(err);
        return NULL;
    }
    return i;
}

int sb_o_assess(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err)
{
    const struct sb_slots *s = &c->case_.reading.slots;
    struct impact *i = new_impact(o, c->case_.id, s->ns ? s->ns : s->database, err);
    if (!i)
        return -1;
    c->consulting = true;
    sb_o_view(o, &i->way, look_around, i, free_impact);
    return 0;
}

void sb_o_ask_stake(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *place)
{
    struct sb_err err = SB_ERR_INIT;
    struct impact *i = NULL;
    if (!place || !place[0] || strlen(place) > 255 || place[0] == '.' || place[strlen(place) - 1] == '.')
        sb_fail(&err, SB_EINPUT, "a place is a database, or a collection as database.collection");
    else if (!o->connected || !o->telemetry)
        sb_fail(&err, SB_ESERVER, "there is no connection yet: %s", o->connect_note ? o->connect_note : "connecting");
    else if (o->staking)
        sb_fail(&err, SB_ESTATE, "another place is being looked at; ask again in a moment");
    else
        i = new_impact(o, NULL, place, &err);
    if (!i) {
        sb_o_answer(o, seat, seq, &err, NULL, NULL, "%s", place ? place : "");
        return;
    }
    i->seat = seat;
    i->seq = seq;
    o->staking = true;
    sb_o_view(o, &i->way, look_around, i, free_impact);
}
