/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asked about what, and who next: read from data, looked through in order. */
#include <signalbox/base/array.h>
#include <signalbox/orchestrator/routes.h>

#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 300 /* bytes of a reason, a risk and a way */

static const char *const task_list[SB_TASKS] = {
    [SB_TASK_NONE] = "none", [SB_TASK_INDEX_KEY] = "index.key", [SB_TASK_INDEX_ADVISE] = "index.advise", [SB_TASK_INDEX_REVIEW] = "index.review",
    [SB_TASK_INDEX_RETIRE] = "index.retire", [SB_TASK_SCHEMA_REVIEW] = "schema.review", [SB_TASK_SCHEMA_CHANGE] = "schema.change", [SB_TASK_SCHEMA_VALIDATE] = "schema.validate",
    [SB_TASK_BACKUP_CHECK] = "backup.check", [SB_TASK_BACKUP_DRILL] = "backup.drill", [SB_TASK_BACKUP_PLAN] = "backup.plan",
    [SB_TASK_WATCH_PROFILE] = "watch.profile", [SB_TASK_WATCH_WINDOWS] = "watch.windows", [SB_TASK_TREND] = "trend", [SB_TASK_SUSPECT] = "suspect",
    [SB_TASK_OPS_CURRENT] = "ops.current", [SB_TASK_OPS_KILL] = "ops.kill", [SB_TASK_STATUS] = "status", [SB_TASK_ANSWER] = "answer",
    [SB_TASK_REPORT] = "report", [SB_TASK_POLICY_REVIEW] = "policy.review"};
const struct sb_names sb_tasks = {"task", task_list, SB_TASKS};

/* Whose task it is, what it cannot do without, and the one intent that it is for (SB_INTENT_NONE: any). */
static const struct {
    int to;
    unsigned needs;
    int only;
} doers[SB_TASKS] = {
    [SB_TASK_INDEX_KEY] = {SB_BY_INDEX_OPTIMIZER, SB_FACT_NAMESPACE, SB_INTENT_INDEX_CREATE},
    [SB_TASK_INDEX_ADVISE] = {SB_BY_INDEX_OPTIMIZER, SB_FACT_ANOMALY, SB_INTENT_NONE},
    [SB_TASK_INDEX_REVIEW] = {SB_BY_INDEX_OPTIMIZER, SB_FACT_PLACE, SB_INTENT_NONE},
    [SB_TASK_INDEX_RETIRE] = {SB_BY_INDEX_OPTIMIZER, SB_FACT_PLACE, SB_INTENT_NONE},
    [SB_TASK_SCHEMA_REVIEW] = {SB_BY_DATA_ARCHITECT, SB_FACT_NAMESPACE, SB_INTENT_NONE},
    [SB_TASK_SCHEMA_CHANGE] = {SB_BY_DATA_ARCHITECT, SB_FACT_NAMESPACE, SB_INTENT_SCHEMA_CHANGE},
    [SB_TASK_SCHEMA_VALIDATE] = {SB_BY_DATA_ARCHITECT, SB_FACT_NAMESPACE, SB_INTENT_SCHEMA_VALIDATE},
    [SB_TASK_BACKUP_CHECK] = {SB_BY_BACKUP_GUARDIAN, 0, SB_INTENT_NONE},
    [SB_TASK_BACKUP_DRILL] = {SB_BY_BACKUP_GUARDIAN, 0, SB_INTENT_NONE},
    [SB_TASK_BACKUP_PLAN] = {SB_BY_BACKUP_GUARDIAN, 0, SB_INTENT_NONE},
    [SB_TASK_WATCH_PROFILE] = {SB_BY_ANOMALY_DETECTOR, SB_FACT_NAMESPACE, SB_INTENT_NONE},
    [SB_TASK_WATCH_WINDOWS] = {SB_BY_ANOMALY_DETECTOR, 0, SB_INTENT_NONE},
    [SB_TASK_TREND] = {SB_BY_ANOMALY_DETECTOR, 0, SB_INTENT_NONE},
    [SB_TASK_OPS_CURRENT] = {SB_BY_ANOMALY_DETECTOR, 0, SB_INTENT_NONE},
    [SB_TASK_OPS_KILL] = {SB_BY_ANOMALY_DETECTOR, 0, SB_INTENT_OPS_KILL},
    [SB_TASK_SUSPECT] = {SB_BY_ORCHESTRATOR, SB_FACT_PLAN, SB_INTENT_NONE},
    [SB_TASK_STATUS] = {SB_BY_ORCHESTRATOR, 0, SB_INTENT_NONE},
    [SB_TASK_ANSWER] = {SB_BY_ORCHESTRATOR, SB_FACT_ANOMALY, SB_INTENT_NONE},
    [SB_TASK_REPORT] = {SB_BY_ORCHESTRATOR, 0, SB_INTENT_NONE},
    [SB_TASK_POLICY_REVIEW] = {SB_BY_ORCHESTRATOR, 0, SB_INTENT_NONE},
};

static const struct {
    const char *name, *words;
    unsigned bit, also; /* also: what holds wherever it does */
} facts_known[] = {
    {"namespace", "it names a collection", SB_FACT_NAMESPACE, SB_FACT_PLACE},
    {"place", "it names a collection or a database", SB_FACT_PLACE, 0},
    {"key", "it names a key", SB_FACT_KEY, 0},
    {"anomaly", "an anomaly is going on about it", SB_FACT_ANOMALY, 0},
    {"code", "the anomaly that is going on is one of code, or of a change", SB_FACT_CODE, SB_FACT_ANOMALY},
    {"load", "the anomaly that is going on is one of load", SB_FACT_LOAD, SB_FACT_ANOMALY},
    {"plan", "the first suspect is a card of ours", SB_FACT_PLAN, SB_FACT_ANOMALY},
    {"proposed", "cards came of it", SB_FACT_PROPOSED, 0},
    {"nothing", "no card came of it", SB_FACT_NOTHING, 0},
    {"documents", "no index helps what is slow", SB_FACT_DOCUMENTS, SB_FACT_NOTHING},
    {"unproven", "no restore drill passed in the last 7 days", SB_FACT_UNPROVEN, 0},
    {"throwaway", "the config names a throw-away deployment", SB_FACT_THROWAWAY, 0},
    {"backups", "the config names where backups lie", SB_FACT_BACKUPS, 0},
};

struct sb_routes {
    struct sb_route *list;
    size_t list_n;
    struct way {
        int intent;
        char *text;
    } *ways;
    size_t ways_n;
    unsigned forgotten; /* intents, as bits */
    bool built_in;      /* which of the files is read now */
    bool short_of_memory;
};

void sb_routes_free(struct sb_routes *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->list_n; i++) {
        free(r->list[i].why);
        free(r->list[i].risk);
    }
    for (size_t i = 0; i < r->ways_n; i++)
        free(r->ways[i].text);
    free(r->list);
    free(r->ways);
    free(r);
}

size_t sb_routes_count(const struct sb_routes *r)
{
    return r->list_n;
}

/* ---- reading ---- */

/* The words of a row, one after another. */
struct cursor {
    const struct sb_conf_row *row;
    size_t at;
    struct sb_problems *problems;
    bool wrong;
};

static const char *next_word(struct cursor *c, const char *what)
{
    if (c->wrong)
        return NULL;
    if (c->at < c->row->n)
        return c->row->word[c->at++];
    sb_problems_add(c->problems, c->row->path, c->row->line, "the line ends where %s has to follow", what);
    c->wrong = true;
    return NULL;
}

static void expect(struct cursor *c, const char *keyword)
{
    const char *w = next_word(c, keyword);
    if (w && strcmp(w, keyword) != 0) {
        sb_problems_add(c->problems, c->row->path, c->row->line, "\"%s\" where \"%s\" has to stand", w, keyword);
        c->wrong = true;
    }
}

static int named(struct cursor *c, const struct sb_names *names, const char *what)
{
    const char *w = next_word(c, what);
    int value = w ? sb_name_find(names, w) : -1;
    if (w && value <= 0) { /* 0 is "none" */
        sb_problems_add(c->problems, c->row->path, c->row->line, "there is no %s \"%s\"", names->what, w);
        c->wrong = true;
    }
    return value;
}

static const char *sentence(struct cursor *c, const char *what)
{
    const char *w = next_word(c, what);
    if (w && (w[0] == '\0' || strlen(w) > WORDS_MOST)) {
        sb_problems_add(c->problems, c->row->path, c->row->line, w[0] ? "%s has more than %d bytes" : "%s is empty", what, WORDS_MOST);
        c->wrong = true;
    }
    return w;
}

static unsigned one_fact(struct cursor *c, bool later)
{
    const char *w = next_word(c, "a fact");
    for (size_t i = 0; w && i < SB_COUNT(facts_known); i++)
        if (strcmp(w, facts_known[i].name) == 0) {
            if (facts_known[i].bit < SB_FACT_PROPOSED || later)
                return facts_known[i].bit;
            sb_problems_add(c->problems, c->row->path, c->row->line, "\"%s\" is known only after a task: it belongs in a line \"then\"", w);
            c->wrong = true;
            return 0;
        }
    if (w)
        sb_problems_add(c->problems, c->row->path, c->row->line, "there is no fact \"%s\"", w);
    c->wrong = true;
    return 0;
}

/* "if A and B"; what follows is left where it is. */
static unsigned read_facts(struct cursor *c, bool later)
{
    unsigned out = 0;
    if (c->wrong || c->at >= c->row->n || strcmp(c->row->word[c->at], "if") != 0)
        return 0;
    do {
        c->at++;
        out |= one_fact(c, later);
    } while (!c->wrong && c->at < c->row->n && strcmp(c->row->word[c->at], "and") == 0);
    return out;
}

/* With all that holds wherever these do. */
static unsigned implied(unsigned needs)
{
    for (size_t i = 0; i < SB_COUNT(facts_known); i++)
        if (needs & facts_known[i].bit)
            needs |= facts_known[i].also;
    return needs;
}

static void check_line(struct cursor *c, const struct sb_route *x)
{
    unsigned lacks = doers[x->task].needs & ~implied(x->needs);
    for (size_t i = 0; i < SB_COUNT(facts_known); i++)
        if (lacks & facts_known[i].bit) {
            sb_problems_add(c->problems, c->row->path, c->row->line, "%s cannot be done unless %s: write \"if %s\"", sb_name(&sb_tasks, x->task), facts_known[i].words, facts_known[i].name);
            c->wrong = true;
            return;
        }
    if (doers[x->task].only != SB_INTENT_NONE && doers[x->task].only != x->intent) {
        sb_problems_add(c->problems, c->row->path, c->row->line, "%s is done for %s only", sb_name(&sb_tasks, x->task), sb_name(&sb_intents, doers[x->task].only));
        c->wrong = true;
    } else if (x->after == x->task) {
        sb_problems_add(c->problems, c->row->path, c->row->line, "%s after itself: a task is done once a case", sb_name(&sb_tasks, x->task));
        c->wrong = true;
    }
}

static void read_route(struct sb_routes *r, struct cursor *c, bool later)
{
    struct sb_route x = {.built_in = r->built_in, .line = c->row->line};
    x.intent = named(c, &sb_intents, "an intent");
    if (later) {
        expect(c, "after");
        x.after = named(c, &sb_tasks, "a task");
    }
    expect(c, "to");
    x.task = named(c, &sb_tasks, "a task");
    x.needs = read_facts(c, later);
    expect(c, "because");
    const char *why = sentence(c, "the reason");
    expect(c, "risk");
    const char *risk = sentence(c, "the risk");
    if (!c->wrong && c->at < c->row->n) {
        sb_problems_add(c->problems, c->row->path, c->row->line, "\"%s\" behind the end of the line", c->row->word[c->at]);
        c->wrong = true;
    }
    if (!c->wrong)
        check_line(c, &x);
    if (c->wrong || (x.built_in && r->forgotten >> x.intent & 1))
        return;
    if (r->list_n >= SB_ROUTES_MAX) {
        sb_problems_add(c->problems, c->row->path, c->row->line, "more than %d routes", SB_ROUTES_MAX);
        return;
    }
    x.to = doers[x.task].to;
    struct sb_route *slot = sb_str_set(&x.why, why) || sb_str_set(&x.risk, risk) ? NULL : SB_PUSH(r->list);
    if (slot) {
        *slot = x;
    } else {
        free(x.why);
        free(x.risk);
        r->short_of_memory = true;
    }
}

static void read_way(struct sb_routes *r, struct cursor *c)
{
    int intent = named(c, &sb_intents, "an intent");
    const char *text = sentence(c, "the way");
    if (c->wrong || (r->built_in && r->forgotten >> intent & 1))
        return;
    struct way *w = SB_PUSH(r->ways);
    if (w)
        w->intent = intent;
    if (!w || sb_str_set(&w->text, text))
        r->short_of_memory = true;
}

static void take_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_routes *r = ctx;
    struct cursor c = {.row = row, .at = 1, .problems = problems};
    const char *kind = row->word[0];
    if (strcmp(kind, "route") == 0 || strcmp(kind, "then") == 0) {
        read_route(r, &c, kind[0] == 't');
    } else if (strcmp(kind, "instead") == 0) {
        read_way(r, &c);
    } else if (strcmp(kind, "forget") == 0 && !r->built_in) {
        int intent = named(&c, &sb_intents, "an intent");
        if (!c.wrong)
            r->forgotten |= 1u << intent;
    } else {
        sb_problems_add(problems, row->path, row->line, "\"%s\" begins no line: route, then, instead and forget do", kind);
    }
}

/* ---- what no single line tells ---- */

static bool leads_to(const struct sb_routes *r, int intent, int task)
{
    for (size_t i = 0; i < r->list_n; i++)
        if (r->list[i].intent == intent && r->list[i].task == task)
            return true;
    return false;
}

/* Of the file that is the operator's; the built-in one is held to the same when there is none. */
static void check_all(const struct sb_routes *r, const char *path, bool built_in, struct sb_problems *problems)
{
    for (size_t i = 0; i < r->list_n; i++) {
        const struct sb_route *x = &r->list[i];
        if (x->built_in != built_in)
            continue;
        for (size_t k = 0; k < i; k++) {
            const struct sb_route *y = &r->list[k];
            if (y->built_in == built_in && y->intent == x->intent && y->after == x->after && (implied(y->needs) & ~implied(x->needs)) == 0) {
                /* a chain goes past a task that was done already, so there the later line has its use */
                if (x->after == SB_TASK_NONE || y->task == x->task)
                    sb_problems_add(problems, path, x->line, "is never reached: line %u takes all that it would", y->line);
                break;
            }
        }
        if (x->after != SB_TASK_NONE && !leads_to(r, x->intent, x->after))
            sb_problems_add(problems, path, x->line, "nothing of %s leads to %s", sb_name(&sb_intents, x->intent), sb_name(&sb_tasks, x->after));
    }
}

struct sb_routes *sb_routes_new(const char *own, size_t own_len, const char *own_path, const char *text, size_t len, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_routes *r = calloc(1, sizeof *r);
    int rc = r ? 0 : sb_fail_nomem(err);
    if (rc == 0 && own)
        rc = sb_conf_parse(own, own_len, own_path, take_row, r, problems, err);
    if (rc == 0) {
        r->built_in = true;
        rc = sb_conf_parse(text, len, "routes.data", take_row, r, problems, err);
    }
    if (rc == 0 && r->short_of_memory)
        rc = sb_fail_nomem(err);
    if (rc) {
        sb_routes_free(r);
        return NULL;
    }
    if (problems->count == 0)
        check_all(r, own ? own_path : "routes.data", !own, problems);
    return r;
}

/* ---- looking through ---- */

unsigned sb_route_facts(const struct sb_slots *slots)
{
    return (slots->ns ? SB_FACT_NAMESPACE : 0) | (slots->ns || slots->database ? SB_FACT_PLACE : 0) | (slots->key ? SB_FACT_KEY : 0);
}

const struct sb_route *sb_routes_first(const struct sb_routes *r, int intent, unsigned facts)
{
    return sb_routes_next(r, intent, SB_TASK_NONE, facts, 0);
}

const struct sb_route *sb_routes_next(const struct sb_routes *r, int intent, int after, unsigned facts, unsigned done)
{
    for (size_t i = 0; i < r->list_n; i++) {
        const struct sb_route *x = &r->list[i];
        if (x->intent == intent && x->after == after && (x->needs & ~facts) == 0 && !(done >> x->task & 1))
            return x;
    }
    return NULL;
}

static void say_needs(unsigned needs, struct sb_str *out)
{
    const char *between = "";
    unsigned said = 0; /* by another that holds only where this one does */
    for (size_t i = 0; i < SB_COUNT(facts_known); i++)
        if (needs & facts_known[i].bit)
            said |= facts_known[i].also;
    for (size_t i = 0; i < SB_COUNT(facts_known); i++) {
        if (!(needs & ~said & facts_known[i].bit))
            continue;
        sb_str_addf(out, "%s%s", between, facts_known[i].words);
        between = " and ";
    }
}

void sb_routes_otherwise(const struct sb_routes *r, const struct sb_route *taken, struct sb_str *out)
{
    for (size_t i = 0; i < r->list_n; i++) {
        const struct sb_route *x = &r->list[i];
        if (x->intent != taken->intent || x->after != taken->after || x == taken || x->needs == 0)
            continue;
        sb_str_addf(out, "%sto %s (%s), if ", out->len ? "; " : "", sb_name(&sb_specialists, x->to), sb_name(&sb_tasks, x->task));
        say_needs(x->needs, out);
    }
}

const char *sb_routes_instead(const struct sb_routes *r, int intent)
{
    for (size_t i = 0; i < r->ways_n; i++)
        if (r->ways[i].intent == intent)
            return r->ways[i].text;
    return "no specialist of this version takes it";
}

void sb_routes_known(const struct sb_routes *r, struct sb_str *out)
{
    const char *between = "";
    for (int intent = SB_INTENT_NONE + 1; intent <= SB_INTENT_STATUS; intent++)
        for (size_t i = 0; i < r->list_n; i++)
            if (r->list[i].intent == intent && r->list[i].after == SB_TASK_NONE) {
                sb_str_addf(out, "%s%s", between, sb_name(&sb_intents, intent));
                between = ", ";
                break;
            }
}

size_t sb_routes_of(const struct sb_routes *r, const struct sb_reading_of *reading, struct sb_route_told *out, size_t max)
{
    size_t n = 0;
    const struct sb_route *taken = sb_routes_first(r, reading->intent, sb_route_facts(&reading->slots));
    for (int later = 0; later < 2; later++)
        for (size_t i = 0; i < r->list_n && n < max; i++) {
            const struct sb_route *x = &r->list[i];
            if (x->intent != reading->intent || (x->after != SB_TASK_NONE) != later)
                continue;
            out[n] = (struct sb_route_told){.route = x, .taken = x == taken};
            sb_str_init(&out[n].when);
            say_needs(x->needs, &out[n++].when);
        }
    return n;
}
