/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what is open in every deployment, and prints it. */
#include "overview.h"

#include "overview_screen.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/zone.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>
#include <signalbox/policy/policy.h>

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- who sits here ---- */

int sb_sitting_find(struct sb_sitting *s, const struct sb_config *c, bool read_only, struct sb_err *err)
{
    const struct passwd *pw = getpwuid(getuid());
    const char *who = c->signing_name ? c->signing_name : pw ? pw->pw_name : NULL, *path;
    struct sb_str text;
    memset(s, 0, sizeof *s);
    sb_str_init(&text);
    if (read_only)
        snprintf(s->cannot, sizeof s->cannot, "this console is read-only");
    else if (!who)
        snprintf(s->cannot, sizeof s->cannot, "this user has no name (set signing_name NAME)");
    else if (!c->signing_key)
        snprintf(s->cannot, sizeof s->cannot, "no signing_key in the config");
    int rc = sb_policy_text_of(c->policy ? c->policy : "default", &text, &path, err);
    struct sb_policy *p = rc ? NULL : sb_policy_load(text.p, text.len, path, &sb_zones_of_system, err);
    if (!p || sb_str_set(&s->who, who) || sb_str_set(&s->policy, sb_policy_id(p)->sha256) || (who && sb_policy_groups_of(p, who, &s->groups, &s->viewer.groups_n)))
        rc = err->code == SB_OK ? sb_fail_nomem(err) : -1;
    sb_policy_free(p);
    sb_str_release(&text);
    s->viewer.who = s->who;
    s->viewer.cannot = s->cannot[0] ? s->cannot : NULL;
    s->viewer.groups = s->groups;
    s->viewer.policy = s->policy;
    return rc;
}

void sb_sitting_release(struct sb_sitting *s)
{
    for (size_t i = 0; i < s->viewer.groups_n; i++)
        free(s->groups[i]);
    free(s->groups);
    free(s->who);
    free(s->policy);
    memset(s, 0, sizeof *s);
}

/* ---- reading ---- */

struct reading {
    struct sb_overview *o;
    const struct sb_viewer *v;
    size_t last; /* the owner of the row before */
    bool nomem;
};

/* Goes on, but where it is memory that is short. */
static bool pass_over(struct reading *r, const char *what, const struct sb_store_item_row *row, const struct sb_err *why)
{
    struct sb_overview *o = r->o;
    r->nomem |= why->code == SB_ENOMEM;
    if (o->odd++ == 0) {
        snprintf(o->odd_what, sizeof o->odd_what, "%s %.*s of %.12s: %s", what, (int)sb_utf8_whole(row->id, strnlen(row->id, 40)), row->id, row->log, why->msg);
        o->odd_what[sb_utf8_whole(o->odd_what, strlen(o->odd_what))] = '\0';
    }
    return !r->nomem;
}

static bool on_host(void *ctx, const struct sb_store_host_row *h)
{
    struct reading *r = ctx;
    int environment = h->environment ? sb_name_find(&sb_environments, h->environment) : -1;
    struct sb_overview_owner *w = SB_PUSH(r->o->owners);
    r->nomem |= !w;
    if (!w)
        return false;
    *w = (struct sb_overview_owner){.environment = environment < 0 ? SB_ENV_PROD : environment, .pid = h->pid, .beat = h->beat, .head = h->head, .draining = h->draining};
    r->nomem |= sb_str_set(&w->log, h->log) || sb_str_set(&w->host, h->host) || sb_str_set(&w->program, h->program) || sb_str_set(&w->deployment, h->deployment) ||
                sb_str_set(&w->deployment_id, h->deployment_id) || sb_str_set(&w->team, h->team) || sb_str_set(&w->class_, h->class_);
    return !r->nomem;
}

/* Its place among the owners. One whose row is missing is told by the copy alone. */
static size_t owner_of(struct reading *r, const struct sb_store_item_row *row)
{
    struct sb_overview *o = r->o;
    if (r->last < o->owners_n && sb_streq(o->owners[r->last].log, row->log))
        return r->last;
    for (size_t i = 0; i < o->owners_n; i++)
        if (sb_streq(o->owners[i].log, row->log))
            return r->last = i;
    struct sb_store_host_row alone = {.log = row->log, .environment = row->environment, .deployment = row->deployment, .team = row->team, .class_ = row->class_};
    on_host(r, &alone);
    return r->last = o->owners_n - 1;
}

/* Takes the JSON apart, and holds the record's own id against the document's. */
static int record_of(const struct sb_schema *schema, void *out, const struct sb_store_item_row *row, struct sb_err *err)
{
    json_t *j = sb_json_parse(row->bytes, strlen(row->bytes), "its copy in the store", SB_JSON_STRICT, err);
    int rc = j ? sb_record_from_json(schema, out, j, err) : -1;
    json_decref(j);
    return rc;
}

int sb_overview_card_of(const struct sb_store_item_row *row, struct sb_card *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    if (record_of(&sb_card_schema, out, row, err))
        return -1;
    char *said = out->hash; /* the hash is computed anew: what is shown is what would be approved */
    out->hash = NULL;
    int rc = sb_card_seal(out, err);
    if (rc == 0 && !sb_streq(said, out->hash))
        rc = sb_fail(err, SB_EINPUT, "its bytes do not have the hash that it says");
    if (rc == 0 && !sb_streq(out->id, row->id))
        rc = sb_fail(err, SB_EINPUT, "it says that it is another card");
    free(said);
    if (rc)
        sb_card_release(out);
    return rc;
}

int sb_overview_incident_of(const struct sb_store_item_row *row, struct sb_anomaly *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = record_of(&sb_anomaly_schema, out, row, err);
    if (rc == 0 && !sb_streq(out->id, row->id)) {
        sb_anomaly_release(out);
        rc = sb_fail(err, SB_EINPUT, "it says that it is another incident");
    }
    return rc;
}

static bool on_card(void *ctx, const struct sb_store_item_row *row)
{
    struct reading *r = ctx;
    struct sb_card c;
    struct sb_err why = SB_ERR_INIT;
    if (sb_overview_card_of(row, &c, &why))
        return pass_over(r, "the card", row, &why);
    size_t owner = owner_of(r, row);
    r->nomem |= r->nomem || (sb_card_open(&c) && sb_overview_card(r->o, owner, &c, row->n, r->v));
    sb_card_release(&c);
    return !r->nomem;
}

static bool on_incident(void *ctx, const struct sb_store_item_row *row)
{
    struct reading *r = ctx;
    struct sb_anomaly a;
    struct sb_err why = SB_ERR_INIT;
    if (sb_overview_incident_of(row, &a, &why))
        return pass_over(r, "the incident", row, &why);
    size_t owner = owner_of(r, row);
    r->nomem |= r->nomem || (!a.to && sb_overview_incident(r->o, owner, &a, row->n));
    sb_anomaly_release(&a);
    return !r->nomem;
}

int sb_overview_read(struct sb_store *s, const struct sb_viewer *v, struct sb_overview *o, struct sb_err *err)
{
    struct sb_store_odd odd = {.n = 0};
    struct reading r = {.o = o, .v = v, .last = SIZE_MAX};
    memset(o, 0, sizeof *o);
    if (sb_store_now(s, &o->now, err) || sb_store_hosts(s, on_host, &r, &odd, err) < 0 || sb_store_cards(s, NULL, true, on_card, &r, &odd, err) < 0 ||
        sb_store_incidents(s, NULL, true, on_incident, &r, &odd, err) < 0)
        return -1;
    if (odd.n && !o->odd)
        snprintf(o->odd_what, sizeof o->odd_what, "%s", odd.what);
    o->odd += odd.n;
    return r.nomem ? sb_fail_nomem(err) : 0;
}

/* ---- what is shown ---- */

bool sb_overview_sieve(void *sieve, const struct sb_overview *o, const struct sb_overview_row *row)
{
    struct sb_overview_sieve *s = sieve;
    const struct sb_overview_owner *w = &o->owners[row->owner];
    if ((s->environment && !sb_streq(s->environment, sb_name(&sb_environments, w->environment))) || (s->team && !sb_streq(s->team, w->team)) || (s->class_ && !sb_streq(s->class_, w->class_)))
        return false;
    if (!s->filter)
        return true;
    sb_str_clear(&s->words);
    sb_overview_words(o, row, &s->words);
    return sb_matcher_match(s->filter, s->words.p ? s->words.p : "", s->words.len) != 0; /* one on which it gives up is shown */
}

static json_t *time_json(int64_t ms)
{
    char at[SB_TIME_LEN + 1];
    if (!ms)
        return json_null();
    sb_time_format(at, ms);
    return json_string(at);
}

static json_t *row_json(const struct sb_overview *o, const struct sb_overview_row *r)
{
    const struct sb_overview_owner *w = &o->owners[r->owner];
    json_t *owner = json_pack("{s:s?,s:s?,s:I,s:b,s:o,s:o}", "host", w->host, "program", w->program, "pid", (json_int_t)w->pid, "draining", w->draining, "beat", time_json(w->beat), "copy_age_ms",
                              w->beat ? json_integer(o->now > w->beat ? o->now - w->beat : 0) : json_null());
    json_t *out = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:s?,s:s?,s:s,s:s,s:s?,s:s?,s:o,s:I,s:o}", "kind", r->incident ? "incident" : "card", "log", w->log, "id", r->id, "deployment", w->deployment,
                            "environment", sb_name(&sb_environments, w->environment), "team", w->team, "class", w->class_, "state", sb_overview_state(r),
                            r->incident ? "severity" : "risk", sb_name(&sb_levels, r->level), "title", r->title, "target", r->target, "since", time_json(r->since), "entry", (json_int_t)r->n,
                            "owner", owner);
    int rc = out ? 0 : -1;
    if (rc == 0 && r->incident)
        rc = json_object_set_new(out, "taken_by", r->taken_by ? json_string(r->taken_by) : json_null());
    else if (rc == 0)
        rc = json_object_set_new(out, "approve_by", time_json(r->expires)) ||
             json_object_set_new(out, "approvals", json_pack("{s:I,s:I}", "has", (json_int_t)r->has, "wanted", (json_int_t)r->wants)) ||
             json_object_set_new(out, "you", json_pack("{s:s,s:s?}", "may_approve", sb_name(&sb_mays, r->may), "why", r->may_why));
    if (rc) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static int print_json(const struct sb_overview *o, const struct sb_overview_list *l)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < l->n; i++)
        if (l->line[i].row != SIZE_MAX && json_array_append_new(rows, row_json(o, &o->rows[l->line[i].row]))) {
            json_decref(rows);
            rows = NULL;
        }
    return sb_print_json(rows ? json_pack("{s:o,s:I,s:I,s:o,s:o}", "at", time_json(o->now), "ledgers", (json_int_t)o->owners_n, "open", (json_int_t)o->rows_n, "odd",
                                          o->odd ? json_pack("{s:I,s:s}", "documents", (json_int_t)o->odd, "first", o->odd_what) : json_null(), "rows", rows)
                              : NULL);
}

static void print_row(const struct sb_overview *o, const struct sb_overview_row *r)
{
    const struct sb_overview_owner *w = &o->owners[r->owner];
    char by[SB_TIME_LEN + 1];
    struct sb_str more;
    sb_str_init(&more);
    sb_print_line("  %-18s %-7s %-8s %-14s %-9s %s", sb_overview_state(r), sb_name(&sb_levels, r->level), sb_name(&sb_environments, w->environment), w->deployment ? w->deployment : "-", r->id, r->title);
    sb_str_addf(&more, "  %18s on %s, entry %" PRId64, "", w->host ? w->host : "a host that has no row", r->n);
    if (w->beat)
        sb_str_addf(&more, ", its last beat %" PRId64 " s ago", (o->now > w->beat ? o->now - w->beat : 0) / 1000);
    if (r->taken_by)
        sb_str_addf(&more, "; taken by %s", r->taken_by);
    if (r->wants)
        sb_str_addf(&more, "; %" PRId64 " of %" PRId64 " approvals", r->has, r->wants);
    if (r->expires) {
        sb_time_format(by, r->expires);
        sb_str_addf(&more, ", by %s", by);
    }
    if (!r->incident && r->state == SB_AWAITING_APPROVAL)
        sb_str_addf(&more, "; you %s%s%s", r->may == SB_MAY ? "may approve it" : r->may == SB_MAY_PERHAPS ? "may perhaps approve it" : "may not approve it", r->may_why ? ": " : "",
                 r->may_why ? r->may_why : "");
    sb_print_line("%s", more.p ? more.p : "");
    sb_str_release(&more);
}

int sb_overview_print(const struct sb_overview *o, const struct sb_overview_list *l, enum sb_overview_group by, bool json, struct sb_err *err)
{
    size_t rows = 0;
    if (json)
        return print_json(o, l) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct sb_overview_line *line = &l->line[i];
        if (line->row == SIZE_MAX)
            sb_print_line("%s: %zu", sb_overview_heading(o, &o->rows[line->first], by), line->shown);
        else
            print_row(o, &o->rows[line->row]);
        rows += line->row != SIZE_MAX;
    }
    if (o->odd)
        sb_print_line("%" PRId64 " documents of the store are not what may stand there, and are left out; the first: %s", o->odd, o->odd_what);
    return sb_print("%zu of %zu that are open, of %zu ledgers\n", rows, o->rows_n, o->owners_n) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

/* ---- the command, without a screen ---- */

static int print_once(struct sb_store *s, const struct sb_overview_asked *a, const struct sb_sitting *who, struct sb_overview_sieve *sieve, enum sb_overview_group by, struct sb_err *err)
{
    struct sb_overview o;
    struct sb_overview_list l = {.n = 0};
    const char *why;
    int rc = sb_overview_read(s, &who->viewer, &o, err);
    if (rc == 0 && sb_overview_list_make(&l, &o, by, sb_overview_sieve, sieve))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_overview_print(&o, &l, by, a->json, err);
    bool odd = o.odd > 0;
    if (rc == 0 && sb_store_find_fault(s, &why) == SB_STORE_HELD) {
        sb_complain(&(struct sb_err){.code = SB_ESTATE, .msg = "the store is held: see signalbox doctor --fleet"});
        odd = true;
    }
    sb_overview_list_release(&l);
    sb_overview_release(&o);
    return rc ? -1 : odd;
}

int sb_console_fleet(const struct sb_overview_asked *a)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_config config = {0};
    struct sb_sitting *who = NULL; /* not of this call's own: where a thread stays, it goes on using it behind the end */
    struct sb_overview_sieve sieve = {.environment = a->environment, .team = a->team, .class_ = a->class_};
    struct sb_store *s = NULL;
    bool stays = false, screen = !a->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int rc = -1, by = a->group ? sb_name_find(&sb_overview_groups, a->group) : SB_OVERVIEW_BY_NOTHING;
    if (by < 0)
        return sb_usage_error("console: --group is none, deployment, environment, team or class, not \"%s\"", a->group);
    if (a->environment && sb_name_find(&sb_environments, a->environment) < 0)
        return sb_usage_error("console: --environment is prod, staging or dev, not \"%s\"", a->environment);
    if (!(who = calloc(1, sizeof *who)))
        return sb_complain(&(struct sb_err){.code = SB_ENOMEM, .msg = "out of memory"});
    sb_str_init(&sieve.words);
    sb_mongo_init();
    if (a->filter && a->filter[0] && !(sieve.filter = sb_matcher_new(a->filter, SB_REGEX_CASELESS, &err)))
        goto out;
    if (sb_config_use(&config, NULL, &err) || sb_sitting_find(who, &config, a->read_only, &err) || !(s = sb_store_at_hand(&config, &err)))
        goto out;
    if (screen) {
        rc = sb_overview_screen(s, &config, who, &sieve, a->filter, by, &stays, &err);
        s = NULL;
    } else {
        rc = print_once(s, a, who, &sieve, (enum sb_overview_group)by, &err);
    }
out:
    sb_store_close(s);
    if (stays) /* a thread waits for the store, and uses what is here */
        return rc < 0 ? sb_complain(&err) : rc;
    sb_mongo_cleanup();
    sb_matcher_free(sieve.filter);
    sb_str_release(&sieve.words);
    sb_sitting_release(who);
    free(who);
    sb_config_release(&config);
    return rc < 0 ? sb_complain(&err) : rc;
}
