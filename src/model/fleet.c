/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/fleet.h>

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

static const char *const healths[] = {"well", "unasked", "lagging", "odd", "not serving", "stranger", "silent"};
const struct sb_names sb_fleet_healths = {"health", healths, SB_FLEET_HEALTHS};

static const char *const groupings[] = {"deployment", "environment", "health", "none"};
const struct sb_names sb_fleet_groups = {"group", groupings, SB_FLEET_GROUPS};

static const char *const series[] = {"ops_per_s", "read_ms", "write_ms", "connections", "queued"};
const struct sb_names sb_fleet_series_names = {"series", series, SB_FLEET_SERIES};

_Static_assert(SB_COUNT(series) == SB_FLEET_SERIES, "a name for each series");
_Static_assert(SB_COUNT(healths) == SB_FLEET_HEALTHS, "a name for each health");
_Static_assert(SB_COUNT(groupings) == SB_FLEET_GROUPS, "a name for each way to group");

/* A row on its way into the list. */
struct placed {
    const struct sb_fleet_row *row;
    size_t group, rank;
};

struct group {
    const struct sb_fleet_row *worst; /* of those that are shown; NULL: none is */
    size_t id, shown, wrong;
    bool replicated, primary; /* of all its members, whether they are shown or not */
};

static int compare_rows(const struct sb_fleet_row *a, const struct sb_fleet_row *b)
{
    if (a->health != b->health)
        return a->health > b->health ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    int c = strverscmp(a->deployment, b->deployment);
    return c ? c : strverscmp(a->name, b->name);
}

static size_t group_of(const struct sb_fleet_row *row, enum sb_fleet_group by)
{
    switch (by) {
    case SB_FLEET_BY_DEPLOYMENT: return row->deployment_i;
    case SB_FLEET_BY_ENVIRONMENT: return (size_t)row->environment;
    case SB_FLEET_BY_HEALTH: return (size_t)row->health;
    default: return 0;
    }
}

const char *sb_fleet_heading(const struct sb_fleet_row *row, enum sb_fleet_group by)
{
    switch (by) {
    case SB_FLEET_BY_DEPLOYMENT: return row->deployment;
    case SB_FLEET_BY_ENVIRONMENT: return sb_name(&sb_environments, row->environment);
    case SB_FLEET_BY_HEALTH: return sb_name(&sb_fleet_healths, (int)row->health);
    default: return "all members";
    }
}

static bool headless(const struct group *g)
{
    return g->replicated && !g->primary;
}

static int by_worst(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (!x->worst || !y->worst)
        return (x->worst == NULL) - (y->worst == NULL);
    return headless(x) != headless(y) ? headless(y) - headless(x) : compare_rows(x->worst, y->worst);
}

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : compare_rows(x->row, y->row);
}

static void look_at(struct group *g, const struct sb_fleet_row *row, enum sb_fleet_group by, bool shown)
{
    if (by == SB_FLEET_BY_DEPLOYMENT) { /* elsewhere sets are mixed: one without a primary is not seen */
        g->replicated |= strcmp(row->role, "SECONDARY") == 0 || strcmp(row->role, "OTHER") == 0;
        g->primary |= strcmp(row->role, "PRIMARY") == 0 || row->health == SB_FLEET_UNASKED;
    }
    if (!shown)
        return;
    g->shown++;
    g->wrong += row->health != SB_FLEET_WELL && row->health != SB_FLEET_UNASKED;
    if (!g->worst || compare_rows(row, g->worst) < 0)
        g->worst = row;
}

static int put_lines(struct sb_fleet_list *l, const struct sb_fleet_row *rows, const struct placed *placed, size_t n, const struct group *groups, bool headings)
{
    if (SB_GROW(l->line, l->cap, n + (headings && n ? placed[n - 1].rank + 1 : 0)))
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct group *g = &groups[placed[i].rank];
        size_t row = (size_t)(placed[i].row - rows);
        if (headings && (i == 0 || placed[i].rank != placed[i - 1].rank))
            l->line[l->n++] = (struct sb_fleet_line){.row = SIZE_MAX, .shown = g->shown, .wrong = g->wrong, .headless = headless(g), .first = row};
        l->line[l->n++] = (struct sb_fleet_line){.row = row};
    }
    return 0;
}

int sb_fleet_list_make(struct sb_fleet_list *l, const struct sb_fleet_row *rows, size_t n, enum sb_fleet_group by, sb_fleet_wanted wanted, void *ctx)
{
    size_t groups_n = 1, shown = 0;
    int rc = -1;
    l->n = 0;
    for (size_t i = 0; i < n; i++)
        if (group_of(&rows[i], by) >= groups_n)
            groups_n = group_of(&rows[i], by) + 1;
    struct group *groups = calloc(groups_n, sizeof *groups);
    struct placed *placed = calloc(n + 1, sizeof *placed);
    size_t *rank = calloc(groups_n, sizeof *rank);
    if (!groups || !placed || !rank)
        goto out;
    for (size_t i = 0; i < groups_n; i++)
        groups[i].id = i;
    for (size_t i = 0; i < n; i++) {
        bool show = !wanted || wanted(ctx, &rows[i]);
        look_at(&groups[group_of(&rows[i], by)], &rows[i], by, show);
        if (show)
            placed[shown++] = (struct placed){.row = &rows[i], .group = group_of(&rows[i], by)};
    }
    qsort(groups, groups_n, sizeof *groups, by_worst);
    for (size_t i = 0; i < groups_n; i++)
        rank[groups[i].id] = i;
    for (size_t i = 0; i < shown; i++)
        placed[i].rank = rank[placed[i].group];
    qsort(placed, shown, sizeof *placed, by_place);
    rc = put_lines(l, rows, placed, shown, groups, by != SB_FLEET_BY_NOTHING);
out:
    free(groups);
    free(placed);
    free(rank);
    return rc;
}

void sb_fleet_list_release(struct sb_fleet_list *l)
{
    free(l->line);
    *l = (struct sb_fleet_list){0};
}

void sb_fleet_count(const struct sb_fleet_row *rows, size_t n, size_t of[SB_FLEET_HEALTHS])
{
    memset(of, 0, SB_FLEET_HEALTHS * sizeof *of);
    for (size_t i = 0; i < n; i++)
        of[rows[i].health]++;
}
