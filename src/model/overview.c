/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/overview.h>

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <stdlib.h>
#include <string.h>

static const char *const mays[] = {"no", "perhaps", "yes"};
const struct sb_names sb_mays = {"may", mays, SB_MAYS};
static const char *const groups[] = {"none", "deployment", "environment", "team", "class"};
const struct sb_names sb_overview_groups = {"group", groups, SB_OVERVIEW_GROUPS};

_Static_assert(SB_COUNT(mays) == SB_MAYS, "a name for each answer");
_Static_assert(SB_COUNT(groups) == SB_OVERVIEW_GROUPS, "a name for each way to group");

void sb_overview_release(struct sb_overview *o)
{
    for (size_t i = 0; i < o->owners_n; i++) {
        struct sb_overview_owner *w = &o->owners[i];
        char *const all[] = {w->log, w->host, w->program, w->deployment, w->deployment_id, w->team, w->class_};
        for (size_t k = 0; k < SB_COUNT(all); k++)
            free(all[k]);
    }
    for (size_t i = 0; i < o->rows_n; i++) {
        struct sb_overview_row *r = &o->rows[i];
        char *const all[] = {r->id, r->title, r->target, r->taken_by, r->may_why};
        for (size_t k = 0; k < SB_COUNT(all); k++)
            free(all[k]);
    }
    free(o->owners);
    free(o->rows);
    memset(o, 0, sizeof *o);
}

/* ---- who may approve ---- */

/* Of one of a verdict's groups: "2 of dba", or "dba" for one. */
static const char *group_name(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && strncmp(text + digits, " of ", 4) == 0 ? text + digits + 4 : text;
}

static bool in_one_of(const struct sb_viewer *v, const struct sb_requires *r)
{
    for (size_t i = 0; i < r->groups_n; i++)
        for (size_t k = 0; k < v->groups_n; k++)
            if (r->groups[i] && sb_streq(group_name(r->groups[i]), v->groups[k]))
                return true;
    return false;
}

/* Its bytes, at most so many, that end with a character. */
static int whole(const char *text, size_t most)
{
    return (int)sb_utf8_whole(text, strnlen(text, most));
}

/* Every approval that is wanted is one of a group. */
static bool only_of_groups(const struct sb_card *c)
{
    struct sb_card of_groups = *c;
    of_groups.policy.requires.approvals = 0;
    return c->policy.requires.groups_n && c->policy.requires.approvals <= sb_card_approvals_wanted(&of_groups);
}

enum sb_may sb_overview_may(const struct sb_card *c, const struct sb_viewer *v, char *why, size_t cap)
{
    const struct sb_requires *r = &c->policy.requires;
    bool same = v->policy && sb_streq(v->policy, c->policy.policy.sha256);
    why[0] = '\0';
    if (c->state != SB_AWAITING_APPROVAL) {
        snprintf(why, cap, "it awaits no approval");
        return SB_MAY_NOT;
    }
    if (v->cannot) {
        snprintf(why, cap, "%s", v->cannot);
        return SB_MAY_NOT;
    }
    if (r->not_author && sb_streq(c->author, v->who)) {
        snprintf(why, cap, "you wrote this revision: somebody else has to approve it");
        return SB_MAY_NOT;
    }
    for (size_t i = 0; i < c->approvals_n; i++)
        if (!c->approvals[i].voided && c->approvals[i].revision == c->revision && sb_streq(c->approvals[i].by, v->who)) {
            snprintf(why, cap, "you have approved it already: another person is needed");
            return SB_MAY_NOT;
        }
    if (same && only_of_groups(c) && !in_one_of(v, r)) {
        const char *group = group_name(r->groups[0] ? r->groups[0] : "?"), *who = v->who ? v->who : "?";
        snprintf(why, cap, "policy wants an approval of %.*s, and %.*s is not in it", whole(group, 100), group, whole(who, 100), who);
        return SB_MAY_NOT;
    }
    if (same)
        return SB_MAY;
    snprintf(why, cap, "its owner has another policy than is here: the owner decides whether yours counts");
    return SB_MAY_PERHAPS;
}

/* ---- rows ---- */

static int set_all(struct sb_overview *o, struct sb_overview_row *r, const char *id, const char *title, const char *target, const char *taken, const char *why)
{
    if (sb_str_set(&r->id, id ? id : "") == 0 && sb_str_set(&r->title, title ? title : "") == 0 && sb_str_set(&r->target, target) == 0 && sb_str_set(&r->taken_by, taken) == 0 &&
        sb_str_set(&r->may_why, why && why[0] ? why : NULL) == 0)
        return 0;
    (void)o; /* what was set of the row is freed with the list */
    return -1;
}

int sb_overview_card(struct sb_overview *o, size_t owner, const struct sb_card *c, int64_t n, const struct sb_viewer *v)
{
    char why[300];
    struct sb_overview_row *r = SB_PUSH(o->rows);
    if (!r)
        return -1;
    *r = (struct sb_overview_row){.owner = owner, .state = c->state, .level = c->risk, .expires = c->state == SB_AWAITING_APPROVAL ? c->approve_by : 0, .since = c->changed_at, .n = n,
                                  .has = (int64_t)sb_card_approvals(c), .wants = sb_card_approvals_wanted(c), .may = (int)sb_overview_may(c, v, why, sizeof why)};
    return set_all(o, r, c->id, c->title, c->target, NULL, why);
}

int sb_overview_incident(struct sb_overview *o, size_t owner, const struct sb_anomaly *a, int64_t n)
{
    struct sb_overview_row *r = SB_PUSH(o->rows);
    if (!r)
        return -1;
    *r = (struct sb_overview_row){.owner = owner, .incident = true, .level = a->severity, .since = a->from, .n = n};
    return set_all(o, r, a->id, a->title, a->namespaces_n ? a->namespaces[0] : NULL, a->acked_by, NULL);
}

/* ---- the list ---- */

/* More is worse. What may have half happened comes first, then what goes wrong, then what waits for a person, then what runs. */
static int weight(const struct sb_overview *o, const struct sb_overview_row *r)
{
    int prod = o->owners[r->owner].environment == SB_ENV_PROD ? 5 : 0, level = r->level < SB_LOW || r->level > SB_HIGH ? 0 : r->level;
    if (r->incident)
        return (r->taken_by ? 300 : 500) + 20 * level + prod;
    switch (r->state) {
    case SB_IN_DOUBT: return 700 + prod;
    case SB_FAILED: return 600 + 20 * level + prod;
    case SB_ROLLING_BACK: case SB_PAUSED: return 450 + 20 * level + prod;
    case SB_AWAITING_APPROVAL: return 400 + 20 * level + prod;
    case SB_STALE: return 350 + prod;
    case SB_EXECUTING: case SB_WATCHING: return 250 + prod;
    default: return 200 + prod;
    }
}

const char *sb_overview_heading(const struct sb_overview *o, const struct sb_overview_row *row, enum sb_overview_group by)
{
    const struct sb_overview_owner *w = &o->owners[row->owner];
    switch (by) {
    case SB_OVERVIEW_BY_DEPLOYMENT: return w->deployment ? w->deployment : "(no name)";
    case SB_OVERVIEW_BY_ENVIRONMENT: return sb_name(&sb_environments, w->environment);
    case SB_OVERVIEW_BY_TEAM: return w->team ? w->team : "(no team)";
    case SB_OVERVIEW_BY_CLASS: return w->class_ ? w->class_ : "(no class)";
    default: return "all deployments";
    }
}

struct placed {
    const struct sb_overview_row *row;
    const char *heading;
    int weight, rank;
};

static int worst_first(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    int64_t ex = x->row->expires ? x->row->expires : INT64_MAX, ey = y->row->expires ? y->row->expires : INT64_MAX;
    if (ex != ey)
        return ex < ey ? -1 : 1;
    if (x->row->since != y->row->since)
        return x->row->since < y->row->since ? -1 : 1;
    if (x->row->owner != y->row->owner)
        return x->row->owner < y->row->owner ? -1 : 1;
    return strcmp(x->row->id, y->row->id);
}

static int by_heading(const void *a, const void *b)
{
    const struct placed *x = *(struct placed *const *)a, *y = *(struct placed *const *)b;
    int c = strcmp(x->heading, y->heading);
    return c ? c : worst_first(x, y);
}

static int by_rank(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : worst_first(x, y);
}

/* The rank of each group: that of its worst row among all. */
static int rank(struct placed *p, size_t n)
{
    struct placed **order = calloc(n + 1, sizeof *order);
    if (!order)
        return -1;
    for (size_t i = 0; i < n; i++)
        order[i] = &p[i]; /* p is sorted: within a heading the first is the worst */
    qsort(order, n, sizeof(struct placed *), by_heading);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (i && strcmp(order[i]->heading, order[i - 1]->heading) != 0)
            first = i;
        order[i]->rank = (int)(order[first] - p);
    }
    free(order);
    qsort(p, n, sizeof *p, by_rank);
    return 0;
}

int sb_overview_list_make(struct sb_overview_list *l, const struct sb_overview *o, enum sb_overview_group by, sb_overview_wanted wanted, void *ctx)
{
    struct placed *p = calloc(o->rows_n + 1, sizeof *p);
    size_t n = 0;
    l->n = 0;
    for (size_t i = 0; p && i < o->rows_n; i++)
        if (!wanted || wanted(ctx, o, &o->rows[i]))
            p[n++] = (struct placed){.row = &o->rows[i], .heading = sb_overview_heading(o, &o->rows[i], by), .weight = weight(o, &o->rows[i])};
    if (p)
        qsort(p, n, sizeof *p, worst_first);
    int rc = p && rank(p, n) == 0 && SB_GROW(l->line, l->cap, 2 * n + 1) == 0 ? 0 : -1;
    size_t heading = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t row = (size_t)(p[i].row - o->rows);
        if (by != SB_OVERVIEW_BY_NOTHING && (i == 0 || p[i].rank != p[i - 1].rank)) {
            heading = l->n;
            l->line[l->n++] = (struct sb_overview_line){.row = SIZE_MAX, .first = row};
        }
        if (by != SB_OVERVIEW_BY_NOTHING)
            l->line[heading].shown++;
        l->line[l->n++] = (struct sb_overview_line){.row = row};
    }
    free(p);
    return rc;
}

void sb_overview_list_release(struct sb_overview_list *l)
{
    free(l->line);
    memset(l, 0, sizeof *l);
}

const char *sb_overview_state(const struct sb_overview_row *row)
{
    return row->incident ? (row->taken_by ? "acknowledged" : "incident") : sb_name(&sb_states, row->state);
}

void sb_overview_words(const struct sb_overview *o, const struct sb_overview_row *row, struct sb_str *out)
{
    const struct sb_overview_owner *w = &o->owners[row->owner];
    const char *const all[] = {w->deployment, sb_name(&sb_environments, w->environment), w->team, w->class_, w->host, row->id, sb_overview_state(row), sb_name(&sb_levels, row->level), row->target,
                               row->title, row->taken_by};
    for (size_t i = 0; i < SB_COUNT(all); i++)
        if (all[i] && all[i][0])
            sb_str_addf(out, "%s%s", out->len ? " " : "", all[i]);
}
