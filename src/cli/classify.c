/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/cli/classify.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/embed.h>
#include <signalbox/cli/routes.h>
#include <signalbox/cli/stake.h>
#include <signalbox/mongo/server.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUTES_MAX 40

int sb_intents_text(const char *name, struct sb_str *text, const char **path, struct sb_err *err)
{
    size_t len;
    *path = name ? name : "intents.data";
    if (name)
        return sb_file_read_named(name, SB_CONF_MAX_BYTES, text, err);
    const char *bytes = sb_embedded("src/orchestrator/intents.data", &len);
    sb_str_add(text, bytes, len);
    return sb_str_ok(text) ? 0 : sb_fail_nomem(err);
}

int sb_print_intents(void)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    const char *path;
    sb_str_init(&text);
    int rc = sb_intents_text(NULL, &text, &path, &err) ? sb_complain(&err) : fwrite(text.p, 1, text.len, stdout) < text.len; /* the end says that stdout is gone */
    sb_str_release(&text);
    return rc;
}

struct sb_intake *sb_intake_load(const char *name, int *status)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    struct sb_config config = {0};
    struct sb_str text;
    const char *path;
    struct sb_intake *in = NULL;
    sb_problems_init(&problems);
    sb_str_init(&text);
    if ((name || sb_config_use(&config, NULL, &err) == 0) && sb_intents_text(name ? name : config.intents, &text, &path, &err) == 0)
        in = sb_intake_new(text.p, text.len, path, &problems, &err);
    if (!in)
        *status = sb_complain(&err);
    if (in && problems.count) {
        *status = sb_usage_error("%s", problems.text.p);
        sb_intake_free(in);
        in = NULL;
    }
    sb_config_release(&config);
    sb_problems_release(&problems);
    sb_str_release(&text);
    return in;
}

/* ---- readings as JSON ---- */

static json_t *reading_json(const struct sb_reading_of *r)
{
    json_t *slots = sb_record_to_json(&sb_slots_schema, &r->slots);
    json_t *json = json_pack("{s:s,s:f,s:s,s:o,s:s}", "intent", sb_name(&sb_intents, r->intent), "confidence", (double)r->confidence_ppm / 1e6, "runner_up",
                             sb_name(&sb_intents, r->runner_up), "slots", slots, "reason", r->reason);
    if (json && ((r->unclear && json_object_set_new(json, "unclear", json_string(r->unclear))) || (r->warning && json_object_set_new(json, "warning", json_string(r->warning))))) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* What is no text that can be read is none of the intents. */
static json_t *unread_json(const struct sb_err *bad)
{
    return json_pack("{s:s,s:f,s:s,s:{},s:s}", "intent", "none", "confidence", 1.0, "runner_up", "none", "slots", "reason", bad->msg);
}

/* One that asks for several things in turn is read as the first, and what follows stands under "then". NULL with err: it
 * cannot be read. */
static json_t *whole_json(const struct sb_intake *in, const char *text, struct sb_err *err)
{
    struct sb_reading_of r[SB_INTAKE_PARTS_MAX];
    size_t n = sb_intake_read_all(in, text, NULL, 0, r, err);
    json_t *first = NULL, *then = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *json = reading_json(&r[i]);
        sb_record_release(&sb_reading_of_schema, &r[i]);
        if (i == 0)
            first = json;
        else
            json_array_append_new(then, json);
    }
    if (first && n > 1)
        json_object_set(first, "then", then);
    json_decref(then);
    if (n && !first)
        sb_fail_nomem(err);
    return first;
}

/* ---- lines ---- */

/* A line without its end into `line`, of which no more is kept than a request may be long (and one byte, that says it was too
 * long). False: there is none. */
static bool next_line(struct sb_str *line, bool *nul)
{
    int c;
    bool any = false;
    sb_str_clear(line);
    *nul = false;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        any = true;
        *nul = *nul || c == '\0';
        if (line->len <= SB_REQUEST_MAX + 1)
            sb_str_addc(line, (char)c);
    }
    if (line->len && line->p[line->len - 1] == '\r')
        sb_str_truncate(line, line->len - 1);
    return any || c == '\n';
}

int sb_classify(const char *intents)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str line;
    int status = 0, rc = 0;
    bool nul;
    struct sb_intake *in = sb_intake_load(intents, &rc);
    sb_str_init(&line);
    for (uint64_t number = 1; in && rc == 0 && next_line(&line, &nul); number++) {
        struct sb_err bad = SB_ERR_INIT;
        json_t *json = NULL;
        if (!sb_str_ok(&line))
            sb_fail_nomem(&bad);
        else if (nul)
            sb_fail(&bad, SB_EINPUT, "a line with a NUL byte is not a request");
        else
            json = whole_json(in, line.p, &bad);
        if (!json) { /* it has its line of output all the same: line by line they belong together */
            char where[48];
            json = unread_json(&bad);
            snprintf(where, sizeof where, "standard input:%" PRIu64, number);
            sb_err_prefix(&bad, "%s", where);
            status = sb_complain(&bad);
        }
        rc = sb_print_json(json) || fflush(stdout) ? 1 : 0; /* the end of the program says that standard output is gone */
    }
    if (rc == 0 && ferror(stdin)) {
        sb_fail_errno(&err, errno, "cannot read standard input");
        rc = sb_complain(&err);
    }
    sb_str_release(&line);
    sb_intake_free(in);
    return rc ? rc : status;
}

/* ---- the route ---- */

/* Who hands the case on at first: where an anomaly is behind it, its detector, with what it has seen. */
static int handed_by(const struct sb_route *r)
{
    return r->needs & (SB_FACT_ANOMALY | SB_FACT_CODE | SB_FACT_LOAD | SB_FACT_PLAN) ? SB_BY_ANOMALY_DETECTOR : SB_BY_ORCHESTRATOR;
}

static json_t *route_json(const struct sb_route_told *t)
{
    const struct sb_route *r = t->route;
    return json_pack("{s:s?,s:s,s:s,s:s?,s:b,s:s,s:s,s:s}", "from", r->after ? NULL : sb_name(&sb_specialists, handed_by(r)), "to", sb_name(&sb_specialists, r->to), "task", sb_name(&sb_tasks, r->task), "after", r->after ? sb_name(&sb_tasks, r->after) : NULL, "taken", t->taken, "when",
                     t->when.len ? t->when.p : "", "why", r->why, "risk", r->risk);
}

static void print_slots(const struct sb_slots *slots)
{
    json_t *json = sb_record_to_json(&sb_slots_schema, slots), *value;
    const char *key, *between = "  ";
    json_object_foreach(json, key, value) {
        sb_print("%s%s %s", between, key, json_string_value(value));
        between = ", ";
    }
    if (json_object_size(json))
        sb_print("\n");
    json_decref(json);
}

/* Who may be asked first, and below it who comes after whom. */
static void print_routes(const struct sb_route_told *told, size_t n)
{
    size_t step = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sb_route *r = told[i].route;
        if (r->after)
            sb_print("     then, after %s: %s (%s)", sb_name(&sb_tasks, r->after), sb_name(&sb_specialists, r->to), sb_name(&sb_tasks, r->task));
        else
            sb_print("  %zu. %s", ++step, sb_name(&sb_specialists, r->to));
        sb_print("%s%s%s: %s%s; risk: %s\n", told[i].when.len ? ", if " : "", told[i].when.len ? told[i].when.p : "", told[i].taken ? " (so it is)" : "", r->why,
                 !r->after && handed_by(r) == SB_BY_ANOMALY_DETECTOR ? "; from the anomaly_detector, with what it has seen" : "", r->risk);
    }
}

/* Returns the exit status for this part. */
static int tell_route(const struct sb_routes *routes, const struct sb_config *config, const struct sb_config_deployment *d, const struct sb_reading_of *r, json_t *out)
{
    struct sb_route_told told[ROUTES_MAX];
    bool readable = r->intent != SB_INTENT_NONE && !r->unclear;
    size_t n = readable ? sb_routes_of(routes, r, told, SB_COUNT(told)) : 0;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, route_json(&told[i]));
    struct sb_err unread = SB_ERR_INIT;
    json_t *stake = d && readable ? sb_stake(d, &r->slots) : json_array();
    if (stake && d && readable && r->intent != SB_INTENT_NONE && sb_stake_live(stake, config, d, &r->slots, &unread))
        sb_complain(&unread);
    if (out) {
        json_array_append_new(out, json_pack("{s:o,s:o,s:O}", "reading", reading_json(r), "route", list, "impact", stake));
    } else {
        json_decref(list);
        sb_print("read as %s (%" PRId64 " %%): %s\n", sb_name(&sb_intents, r->intent), r->confidence_ppm / 10000, r->reason);
        print_slots(&r->slots);
        if (r->unclear)
            sb_print("  not clear: %s\n", r->unclear);
        else if (readable && !n)
            sb_print("  no hand-off: %s\n", sb_routes_instead(routes, r->intent));
        print_routes(told, n);
        sb_stake_print(stake);
    }
    json_decref(stake);
    for (size_t i = 0; i < n; i++)
        sb_str_release(&told[i].when);
    return !readable ? 2 : n ? 0 : 1;
}

int sb_dry_run(const char *intents, const char *own_routes, const char *deployment, const char *text, bool json)
{
    struct sb_err err = SB_ERR_INIT;
    char *card = sb_intake_card_to_try(text);
    if (card && json)
        sb_print_json(json_pack("[{s:s,s:s}]", "request", text, "try_out", card));
    else if (card)
        sb_print("%s is tried out: an index on a sample, a change of documents on the deployment for trials, if policy allows it and there is such a\ncard. No case begins; `cards what-if %s` does the same.\n", card, card);
    bool taken = card != NULL;
    free(card);
    if (taken)
        return 0;
    struct sb_reading_of r[SB_INTAKE_PARTS_MAX];
    int status = 0;
    struct sb_intake *in = sb_intake_load(intents, &status);
    struct sb_routes *routes = in ? sb_routes_load(own_routes, &status) : NULL;
    struct sb_problems told_already; /* by who loaded the others */
    struct sb_config config = {0};
    sb_problems_init(&told_already);
    if (routes && sb_config_load(&config, &told_already, &err))
        status = sb_complain(&err);
    const struct sb_config_deployment *d = deployment ? sb_config_deployment(&config, deployment) : config.deployments_n == 1 ? &config.deployments[0] : NULL;
    if (routes && deployment && !d) {
        status = sb_usage_error("the config has no deployment %s", deployment);
        sb_routes_free(routes);
        routes = NULL;
    }
    json_t *out = json ? json_array() : NULL;
    sb_mongo_init(); /* a short connection may be made */
    size_t n = routes ? sb_intake_read_all(in, text, NULL, 0, r, &err) : 0;
    if (routes && n == 0)
        status = sb_complain(&err);
    for (size_t i = 0; i < n; i++) {
        int rc = tell_route(routes, &config, d, &r[i], out);
        status = rc > status ? rc : status;
        sb_record_release(&sb_reading_of_schema, &r[i]);
    }
    if (out && err.code == SB_OK && routes)
        sb_print_json(out);
    else
        json_decref(out);
    sb_mongo_cleanup();
    sb_config_release(&config);
    sb_problems_release(&told_already);
    sb_routes_free(routes);
    sb_intake_free(in);
    return status;
}
