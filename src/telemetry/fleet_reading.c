/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_reading.c - what of a serverStatus a fleet is watched by: one way through the reply, which is most of what a poll costs. */
#include <signalbox/telemetry/fleet.h>

#include <math.h>
#include <string.h>

static double number(const bson_iter_t *it)
{
    double d = BSON_ITER_HOLDS_DOUBLE(it) ? bson_iter_double(it) : BSON_ITER_HOLDS_NUMBER(it) ? (double)bson_iter_as_int64(it) : NAN;
    return isfinite(d) && d >= 0 ? d : NAN;
}

static bool into(const bson_iter_t *it, bson_iter_t *child)
{
    return BSON_ITER_HOLDS_DOCUMENT(it) && bson_iter_recurse(it, child);
}

static void text(char *out, size_t cap, const bson_iter_t *it)
{
    if (BSON_ITER_HOLDS_UTF8(it))
        snprintf(out, cap, "%s", bson_iter_utf8(it, NULL));
}

static void read_latency(const bson_iter_t *of, double *us, double *ops)
{
    bson_iter_t it;
    if (!into(of, &it))
        return;
    while (bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), "latency") == 0)
            *us = number(&it);
        else if (strcmp(bson_iter_key(&it), "ops") == 0)
            *ops = number(&it);
    }
}

static void read_hosts(struct sb_fleet_reading *r, const bson_iter_t *of)
{
    bson_iter_t it;
    if (!r->hosts || !BSON_ITER_HOLDS_ARRAY(of) || !bson_iter_recurse(of, &it))
        return;
    while (r->hosts_n < SB_FLEET_HOSTS_MOST && bson_iter_next(&it))
        if (BSON_ITER_HOLDS_UTF8(&it) && strlen(bson_iter_utf8(&it, NULL)) < sizeof r->hosts[0])
            text(r->hosts[r->hosts_n++], sizeof r->hosts[0], &it);
}

static void read_set(struct sb_fleet_reading *r, const bson_iter_t *of)
{
    bson_iter_t it, write;
    bool primary = false, secondary = false, arbiter = false;
    if (!into(of, &it))
        return;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "setName") == 0)
            text(r->set, sizeof r->set, &it);
        else if (strcmp(key, "isWritablePrimary") == 0 || strcmp(key, "ismaster") == 0)
            primary |= bson_iter_as_bool(&it);
        else if (strcmp(key, "secondary") == 0)
            secondary = bson_iter_as_bool(&it);
        else if (strcmp(key, "arbiterOnly") == 0)
            arbiter = bson_iter_as_bool(&it);
        else if (strcmp(key, "hosts") == 0 || strcmp(key, "passives") == 0)
            read_hosts(r, &it);
        else if (strcmp(key, "lastWrite") == 0 && into(&it, &write) && bson_iter_find(&write, "lastWriteDate") && BSON_ITER_HOLDS_DATE_TIME(&write))
            r->last_write_ms = bson_iter_date_time(&write);
    }
    if (r->set[0])
        snprintf(r->role, sizeof r->role, "%s", primary ? "PRIMARY" : secondary ? "SECONDARY" : arbiter ? "ARBITER" : "OTHER");
}

/* Every operation that clients asked for. */
static double read_operations(const bson_iter_t *of)
{
    bson_iter_t it;
    double sum = NAN;
    if (!into(of, &it))
        return sum;
    while (bson_iter_next(&it)) {
        double n = number(&it);
        if (!isnan(n))
            sum = isnan(sum) ? n : sum + n;
    }
    return sum;
}

void sb_fleet_read(struct sb_fleet_reading *r, const bson_t *status)
{
    bson_iter_t it, child, total;
    char (*hosts)[256] = r->hosts;
    *r = (struct sb_fleet_reading){.hosts = hosts, .ops = NAN, .reads = NAN, .reads_us = NAN, .writes = NAN, .writes_us = NAN, .connections = NAN, .queued = NAN};
    snprintf(r->role, sizeof r->role, "STANDALONE");
    if (!bson_iter_init(&it, status))
        return;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "localTime") == 0 && BSON_ITER_HOLDS_DATE_TIME(&it))
            r->at_ms = bson_iter_date_time(&it);
        else if (strcmp(key, "uptimeMillis") == 0 && BSON_ITER_HOLDS_NUMBER(&it))
            r->up_ms = bson_iter_as_int64(&it);
        else if (strcmp(key, "pid") == 0 && BSON_ITER_HOLDS_NUMBER(&it))
            r->pid = bson_iter_as_int64(&it);
        else if (strcmp(key, "process") == 0 && BSON_ITER_HOLDS_UTF8(&it) && strstr(bson_iter_utf8(&it, NULL), "mongos"))
            snprintf(r->role, sizeof r->role, "MONGOS");
        else if (strcmp(key, "connections") == 0 && into(&it, &child) && bson_iter_find(&child, "current"))
            r->connections = number(&child);
        else if (strcmp(key, "globalLock") == 0 && into(&it, &child) && bson_iter_find_descendant(&child, "currentQueue.total", &total))
            r->queued = number(&total);
        else if (strcmp(key, "opcounters") == 0)
            r->ops = read_operations(&it);
        else if (strcmp(key, "opLatencies") == 0 && into(&it, &child)) {
            while (bson_iter_next(&child)) {
                if (strcmp(bson_iter_key(&child), "reads") == 0)
                    read_latency(&child, &r->reads_us, &r->reads);
                else if (strcmp(bson_iter_key(&child), "writes") == 0)
                    read_latency(&child, &r->writes_us, &r->writes);
            }
        } else if (strcmp(key, "repl") == 0)
            read_set(r, &it);
        else if (strcmp(key, "signalbox") == 0 && into(&it, &child) && bson_iter_find(&child, "simulated"))
            r->simulated = bson_iter_as_bool(&child);
    }
}
