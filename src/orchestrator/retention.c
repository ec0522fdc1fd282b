/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/retention.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MOST 200

int sb_retention_read(struct sb_retention *r, const char *place, const char *length, const char *why, struct sb_err *err)
{
    const char *dot = strchr(place, '.');
    size_t n = strlen(length);
    char digits[12];
    *r = (struct sb_retention){.place = NULL};
    if (!place[0] || dot == place || (dot && !dot[1]))
        return sb_fail(err, SB_EINPUT, "retention is of database.collection or of a database, not of \"%s\"", place);
    snprintf(digits, sizeof digits, "%.*s", n ? (int)(n - 1 < sizeof digits ? n - 1 : sizeof digits - 1) : 0, length);
    if (n < 2 || n > sizeof digits || length[n - 1] != 'd' || sb_parse_i64(digits, &r->days) || r->days < 1 || r->days > SB_RETENTION_DAYS_MOST)
        return sb_fail(err, SB_EINPUT, "retention is a number of days from 1d to %dd, not \"%s\"", SB_RETENTION_DAYS_MOST, length);
    if (!why[0] || strlen(why) > WHY_MOST)
        return sb_fail(err, SB_EINPUT, "retention names what demands it, in at most %d bytes", WHY_MOST);
    if (sb_str_set(&r->place, place) || sb_str_set(&r->why, why)) {
        sb_retention_release(r);
        return sb_fail_nomem(err);
    }
    return 0;
}

void sb_retention_release(struct sb_retention *r)
{
    free(r->place);
    free(r->why);
    *r = (struct sb_retention){.place = NULL};
}

const struct sb_retention *sb_retention_of(const struct sb_retention *list, size_t n, const char *place)
{
    const struct sb_retention *of_database = NULL;
    size_t db = strcspn(place, ".");
    for (size_t i = 0; i < n; i++) {
        const struct sb_retention *r = &list[i];
        bool here = strncmp(r->place, place, db) == 0 && (r->place[db] == '\0' || r->place[db] == '.');
        if (place[db] && strcmp(r->place, place) == 0)
            return r;
        if (here && (!place[db] || r->place[db] == '\0') && (!of_database || r->days > of_database->days))
            of_database = r;
    }
    return of_database;
}
