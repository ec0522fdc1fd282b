/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/criticality.h>

#include <stdlib.h>
#include <string.h>

int sb_criticality_read(struct sb_criticality *c, const char *place, const char *weight, struct sb_err *err)
{
    const char *dot = strchr(place, '.');
    *c = (struct sb_criticality){.place = NULL};
    if (!place[0] || dot == place || (dot && !dot[1]))
        return sb_fail(err, SB_EINPUT, "criticality is of database.collection or of a database, not of \"%s\"", place);
    if (sb_parse_i64(weight, &c->weight) || c->weight < 1 || c->weight > SB_CRITICALITY_MOST)
        return sb_fail(err, SB_EINPUT, "criticality is a whole number from 1 to %d, not \"%s\"", SB_CRITICALITY_MOST, weight);
    c->place = sb_strdup_n(place, strlen(place));
    return c->place ? 0 : sb_fail_nomem(err);
}

void sb_criticality_release(struct sb_criticality *c)
{
    free(c->place);
    c->place = NULL;
}

int64_t sb_criticality_of(const struct sb_criticality *list, size_t n, const char *ns)
{
    int64_t of_database = 1;
    size_t db = strcspn(ns, ".");
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].place, ns) == 0)
            return list[i].weight;
        if (strlen(list[i].place) == db && strncmp(list[i].place, ns, db) == 0)
            of_database = list[i].weight;
    }
    return of_database;
}
