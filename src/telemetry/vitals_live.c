/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals_live.c - the row of vitals from the replies of a live server, which are the documents that diagnostic data is made of. */
#include <signalbox/telemetry/vitals.h>

#include <string.h>

#define STATUS "serverStatus."
#define LOCK_MODES 8

void sb_vitals_clear(struct sb_vitals *v)
{
    memset(v, 0, sizeof *v);
    for (size_t i = 0; i < SB_VITALS_N; i++)
        v->value[i] = SB_VITAL_ABSENT;
}

/* The value at a dotted path below the place of `at`; names hold blanks and no dots. */
static bool descend(const bson_t *doc, const char *path, bson_iter_t *at)
{
    bson_iter_t child;
    if (!bson_iter_init(at, doc))
        return false;
    for (;;) {
        size_t n = strcspn(path, ".");
        if (!bson_iter_find_w_len(at, path, (int)n))
            return false;
        if (path[n] == '\0')
            return true;
        path += n + 1;
        if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &child))
            return false;
        *at = child;
    }
}

static int64_t value_of(const bson_iter_t *at)
{
    if (BSON_ITER_HOLDS_DOUBLE(at)) {
        double d = bson_iter_double(at);
        return d >= -9e18 && d <= 9e18 ? (int64_t)d : SB_VITAL_ABSENT;
    }
    if (BSON_ITER_HOLDS_BOOL(at))
        return bson_iter_bool(at);
    if (BSON_ITER_HOLDS_DATE_TIME(at))
        return bson_iter_date_time(at);
    return BSON_ITER_HOLDS_INT32(at) || BSON_ITER_HOLDS_INT64(at) ? bson_iter_as_int64(at) : SB_VITAL_ABSENT;
}

static int64_t number_at(const bson_t *doc, const char *path)
{
    bson_iter_t at;
    return path && descend(doc, path, &at) ? value_of(&at) : SB_VITAL_ABSENT;
}

/* locks: {Collection: {timeAcquiringMicros: {w: 12, ...}, ...}, ...}; all kinds and modes together. */
static int64_t lock_waits(const bson_t *doc)
{
    bson_iter_t locks, kind, mode;
    uint64_t sum = 0;
    bool any = false;
    if (!bson_iter_init_find(&locks, doc, "locks") || !BSON_ITER_HOLDS_DOCUMENT(&locks) || !bson_iter_recurse(&locks, &kind))
        return SB_VITAL_ABSENT;
    while (bson_iter_next(&kind)) {
        bson_iter_t of;
        any = true;
        if (!BSON_ITER_HOLDS_DOCUMENT(&kind) || !bson_iter_recurse(&kind, &of) || !bson_iter_find(&of, "timeAcquiringMicros") || !BSON_ITER_HOLDS_DOCUMENT(&of) ||
            !bson_iter_recurse(&of, &mode))
            continue;
        for (int i = 0; i < LOCK_MODES && bson_iter_next(&mode); i++) {
            int64_t us = value_of(&mode);
            sum += us > 0 ? (uint64_t)us : 0;
        }
    }
    return any ? (int64_t)(sum & INT64_MAX) : SB_VITAL_ABSENT;
}

void sb_vitals_status(struct sb_vitals *v, const bson_t *server_status)
{
    for (enum sb_vital i = 0; i < SB_VITAL_LOCK_WAIT_US; i++) {
        const char *path = sb_vital_path(i), *other = sb_vital_other_path(i);
        if (strncmp(path, STATUS, sizeof STATUS - 1) != 0)
            continue;
        v->value[i] = number_at(server_status, path + sizeof STATUS - 1);
        if (v->value[i] == SB_VITAL_ABSENT && other)
            v->value[i] = number_at(server_status, other + sizeof STATUS - 1);
    }
    v->value[SB_VITAL_LOCK_WAIT_US] = lock_waits(server_status);
}

static void take_peer(struct sb_peer *p, const bson_iter_t *member)
{
    bson_iter_t it;
    *p = (struct sb_peer){.healthy = true, .applied_ms = SB_VITAL_ABSENT, .sync_source = -1};
    if (!BSON_ITER_HOLDS_DOCUMENT(member) || !bson_iter_recurse(member, &it))
        return;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        int64_t n = value_of(&it);
        if (n == SB_VITAL_ABSENT)
            continue;
        if (strcmp(key, "state") == 0)
            p->state = n > 0 && n < 100 ? (int)n : 0;
        else if (strcmp(key, "health") == 0)
            p->healthy = n != 0;
        else if (strcmp(key, "self") == 0)
            p->self = n != 0;
        else if (strcmp(key, "optimeDate") == 0)
            p->applied_ms = n;
        else if (strcmp(key, "syncSourceId") == 0)
            p->sync_source = n >= 0 && n < SB_VITAL_MEMBERS ? (int)n : -1;
    }
}

void sb_vitals_set(struct sb_vitals *v, const bson_t *repl_set_status)
{
    bson_iter_t it, one;
    v->value[SB_VITAL_STATE] = number_at(repl_set_status, "myState");
    if (!bson_iter_init_find(&it, repl_set_status, "members") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &one))
        return;
    for (v->peers_n = 0; v->peers_n < SB_VITAL_MEMBERS && bson_iter_next(&one); v->peers_n++)
        take_peer(&v->peer[v->peers_n], &one);
}
