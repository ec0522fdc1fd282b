/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/vitals.h>

#include <math.h>

static const struct {
    const char *path, *other;
} vitals[SB_VITALS_N] = {
#define SB_VITAL_ROW(id, path, other) {path, other},
    SB_VITALS(SB_VITAL_ROW)
#undef SB_VITAL_ROW
    {"serverStatus.locks.*.timeAcquiringMicros", NULL},
};

static const char *const readings[SB_READINGS_N] = {
#define SB_READING_ROW(id, name) name,
    SB_READINGS(SB_READING_ROW)
#undef SB_READING_ROW
};

const char *sb_vital_path(enum sb_vital v)
{
    return vitals[v].path;
}

const char *sb_vital_other_path(enum sb_vital v)
{
    return vitals[v].other;
}

const char *sb_reading_name(enum sb_reading r)
{
    return readings[r];
}

/* ---- where they are ---- */

/* "replSetGetStatus.members.2.state": the place, and what follows it; -1 something else. */
static int member_of(const char *path, const char **field)
{
    static const char head[] = "replSetGetStatus.members.";
    if (strncmp(path, head, sizeof head - 1) != 0)
        return -1;
    char *end;
    long i = strtol(path + sizeof head - 1, &end, 10);
    if (*end != '.' || i < 0 || i >= SB_VITAL_MEMBERS)
        return -1;
    *field = end + 1;
    return (int)i;
}

static void map_peer(struct sb_vitals_map *map, const char *path, uint32_t column)
{
    const char *field;
    int i = member_of(path, &field);
    if (i < 0)
        return;
    if ((size_t)i >= map->peers_n)
        map->peers_n = (size_t)i + 1;
    if (strcmp(field, "state") == 0)
        map->peer[i].state = column;
    else if (strcmp(field, "health") == 0)
        map->peer[i].health = column;
    else if (strcmp(field, "self") == 0)
        map->peer[i].self = column;
    else if (strcmp(field, "optimeDate") == 0)
        map->peer[i].applied = column;
    else if (strcmp(field, "syncSourceId") == 0)
        map->peer[i].sync_source = column;
}

static void map_sums(struct sb_vitals_map *map, const char *path, uint32_t column)
{
    size_t n = strlen(path);
    if (strncmp(path, "serverStatus.locks.", 19) == 0 && strstr(path, ".timeAcquiringMicros.") && map->lock_waits_n < 256)
        map->lock_waits[map->lock_waits_n++] = column;
    else if (strncmp(path, "systemMetrics.disks.", 20) == 0 && n > 11 && strcmp(path + n - 11, ".io_time_ms") == 0 && map->disks_n < SB_VITAL_DISKS)
        map->disk[map->disks_n++] = column;
}

/* Members of a sharded cluster have had their sections one level deeper since 8.0. */
static const char *plain(const char *path)
{
    static const char *const groups[] = {"common.", "shard.", "router."};
    for (size_t i = 0; i < SB_COUNT(groups); i++)
        if (strncmp(path, groups[i], strlen(groups[i])) == 0)
            return path + strlen(groups[i]);
    return path;
}

bool sb_vitals_map(struct sb_vitals_map *map, const struct sb_ftdc_chunk *chunk)
{
    memset(map, 0, sizeof *map);
    for (size_t m = 0; m < chunk->metrics_n; m++) {
        const char *path = plain(chunk->metrics[m].path);
        uint32_t column = (uint32_t)m + 1;
        if (!map->start && strcmp(path, "start") == 0)
            map->start = column;
        for (size_t v = 0; v < SB_VITAL_LOCK_WAIT_US; v++)
            if (!map->at[v] && (strcmp(path, vitals[v].path) == 0 || (vitals[v].other && strcmp(path, vitals[v].other) == 0)))
                map->at[v] = column;
        if (path[0] == 'r')
            map_peer(map, path, column);
        else
            map_sums(map, path, column);
    }
    return map->start != 0;
}

static int64_t at(const struct sb_ftdc_chunk *chunk, uint32_t column, size_t sample, int64_t absent)
{
    return column ? chunk->values[(column - 1) * chunk->samples + sample] : absent;
}

void sb_vitals_read(const struct sb_vitals_map *map, const struct sb_ftdc_chunk *chunk, size_t sample, struct sb_vitals *out)
{
    memset(out, 0, sizeof *out);
    out->at_ms = at(chunk, map->start, sample, 0);
    for (size_t v = 0; v < SB_VITAL_LOCK_WAIT_US; v++)
        out->value[v] = at(chunk, map->at[v], sample, SB_VITAL_ABSENT);
    uint64_t waits = 0;
    for (size_t i = 0; i < map->lock_waits_n; i++)
        waits += (uint64_t)at(chunk, map->lock_waits[i], sample, 0);
    out->value[SB_VITAL_LOCK_WAIT_US] = map->lock_waits_n ? (int64_t)(waits & INT64_MAX) : SB_VITAL_ABSENT;
    out->disks_n = map->disks_n;
    for (size_t i = 0; i < map->disks_n; i++)
        out->disk_busy_ms[i] = at(chunk, map->disk[i], sample, 0);
    out->peers_n = map->peers_n;
    for (size_t i = 0; i < map->peers_n; i++) {
        struct sb_peer *p = &out->peer[i];
        int64_t state = at(chunk, map->peer[i].state, sample, 0), source = at(chunk, map->peer[i].sync_source, sample, -1);
        p->state = state > 0 && state < 100 ? (int)state : 0;
        p->healthy = at(chunk, map->peer[i].health, sample, 1) != 0;
        p->self = at(chunk, map->peer[i].self, sample, 0) != 0;
        p->applied_ms = at(chunk, map->peer[i].applied, sample, SB_VITAL_ABSENT);
        p->sync_source = source >= 0 && source < SB_VITAL_MEMBERS ? (int)source : -1;
    }
}

/* ---- what they say ---- */

struct pair {
    const struct sb_vitals *now, *then;
    double s; /* between them */
};

/* How much a counter grew; NAN absent, or it went back. */
static double grown(const struct pair *p, enum sb_vital v)
{
    int64_t a = p->then->value[v], b = p->now->value[v];
    return a == SB_VITAL_ABSENT || b == SB_VITAL_ABSENT || b < a ? NAN : (double)b - (double)a;
}

static double gauge(const struct sb_vitals *now, enum sb_vital v)
{
    return now->value[v] == SB_VITAL_ABSENT ? NAN : (double)now->value[v];
}

/* The mean rests on five operations at least. */
static double mean_ms(const struct pair *p, enum sb_vital ops, enum sb_vital us)
{
    double n = grown(p, ops);
    return n >= 5 ? grown(p, us) / n / 1000 : NAN;
}

static double percent(double part, double whole)
{
    return whole > 0 ? fmin(fmax(part / whole * 100, 0), 100) : NAN;
}

static double plus(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : a + b;
}

/* The busiest disk's. */
static double disk_busy(const struct pair *p)
{
    double most = NAN;
    for (size_t i = 0; i < p->now->disks_n && i < p->then->disks_n; i++) {
        double grew = (double)p->now->disk_busy_ms[i] - (double)p->then->disk_busy_ms[i];
        if (grew >= 0)
            most = fmax(most, fmin(grew / p->s / 10, 100));
    }
    return most;
}

static void read_host(const struct pair *p, double ops, double out[SB_READINGS_N])
{
    double cpus = gauge(p->now, SB_VITAL_CPUS), idle = grown(p, SB_VITAL_CPU_IDLE_MS), wait = grown(p, SB_VITAL_CPU_IOWAIT_MS);
    double own = (grown(p, SB_VITAL_OWN_USER_US) + grown(p, SB_VITAL_OWN_SYSTEM_US)) / 1000, all = cpus * p->s * 1000;
    out[SB_READING_CPU] = percent(all - plus(idle, wait), all);
    out[SB_READING_OTHER_CPU] = percent(all - plus(idle, wait) - own, all);
    out[SB_READING_OWN_CPU] = percent(own, all);
    out[SB_READING_IOWAIT] = percent(wait, all);
    out[SB_READING_CPU_PER_OP] = ops >= 5 ? own / ops : NAN;
    out[SB_READING_DISK] = disk_busy(p);
}

static void read_work(const struct pair *p, double out[SB_READINGS_N])
{
    double reads = grown(p, SB_VITAL_READ_OPS), writes = grown(p, SB_VITAL_WRITE_OPS), commands = grown(p, SB_VITAL_COMMAND_OPS);
    double getmores = grown(p, SB_VITAL_GETMORES); /* mostly those of the members that replicate */
    double finds = isnan(reads) || isnan(getmores) ? reads : fmax(reads - getmores, 0), ops = plus(finds, writes);
    out[SB_READING_READ_MS] = mean_ms(p, SB_VITAL_READ_OPS, SB_VITAL_READ_US);
    out[SB_READING_WRITE_MS] = mean_ms(p, SB_VITAL_WRITE_OPS, SB_VITAL_WRITE_US);
    out[SB_READING_COMMAND_MS] = mean_ms(p, SB_VITAL_COMMAND_OPS, SB_VITAL_COMMAND_US);
    out[SB_READING_READS] = finds / p->s;
    out[SB_READING_WRITES] = writes / p->s;
    out[SB_READING_COMMANDS] = commands / p->s;
    out[SB_READING_OPS] = ops / p->s;
    out[SB_READING_DOCS_WRITTEN] = plus(plus(grown(p, SB_VITAL_INSERTS), grown(p, SB_VITAL_UPDATES)), grown(p, SB_VITAL_DELETES)) / p->s;
    out[SB_READING_DOCS_RETURNED] = grown(p, SB_VITAL_RETURNED) / p->s;
    out[SB_READING_EXAMINED] = grown(p, SB_VITAL_EXAMINED) / p->s;
    out[SB_READING_EXAMINED_PER_OP] = ops >= 5 ? grown(p, SB_VITAL_EXAMINED) / ops : NAN;
    out[SB_READING_COLLECTION_SCANS] = grown(p, SB_VITAL_COLLECTION_SCANS) / p->s;
    out[SB_READING_SORTS] = grown(p, SB_VITAL_SORTS) / p->s;
    out[SB_READING_CONFLICTS] = grown(p, SB_VITAL_CONFLICTS) / p->s;
    out[SB_READING_LOCK_WAIT] = grown(p, SB_VITAL_LOCK_WAIT_US) / p->s / 1000;
    out[SB_READING_CONNECTING] = grown(p, SB_VITAL_CONNECTIONS_MADE) / p->s;
    out[SB_READING_PAGES_READ] = grown(p, SB_VITAL_PAGES_READ) / p->s;
    out[SB_READING_APP_EVICTIONS] = grown(p, SB_VITAL_PAGES_EVICTED_BY_APPS) / p->s;
    out[SB_READING_BYTES_OUT] = grown(p, SB_VITAL_BYTES_OUT) / p->s;
    out[SB_READING_TTL_DELETES] = grown(p, SB_VITAL_TTL_DELETES) / p->s;
    double waits = grown(p, SB_VITAL_MAJORITY_WAITS), syncs = grown(p, SB_VITAL_JOURNAL_SYNCS);
    out[SB_READING_MAJORITY_MS] = waits >= 5 ? grown(p, SB_VITAL_MAJORITY_WAIT_MS) / waits : NAN;
    out[SB_READING_JOURNAL_MS] = syncs >= 3 ? grown(p, SB_VITAL_JOURNAL_SYNC_US) / syncs / 1000 : NAN;
    read_host(p, ops, out);
}

static void read_gauges(const struct sb_vitals *now, double out[SB_READINGS_N])
{
    double max = gauge(now, SB_VITAL_CACHE_MAX);
    out[SB_READING_CONNECTIONS] = gauge(now, SB_VITAL_CONNECTIONS);
    out[SB_READING_ACTIVE] = gauge(now, SB_VITAL_CONNECTIONS_ACTIVE);
    out[SB_READING_QUEUE] = gauge(now, SB_VITAL_QUEUED);
    out[SB_READING_FLOW] = gauge(now, SB_VITAL_FLOW_LAGGED);
    out[SB_READING_TRANSACTIONS] = gauge(now, SB_VITAL_TRANSACTIONS_OPEN);
    out[SB_READING_TRANSACTIONS_IDLE] = gauge(now, SB_VITAL_TRANSACTIONS_IDLE);
    out[SB_READING_CURSORS] = gauge(now, SB_VITAL_CURSORS);
    out[SB_READING_BACKUP_CURSOR] = gauge(now, SB_VITAL_BACKUP_CURSOR);
    out[SB_READING_CACHE_FILL] = percent(gauge(now, SB_VITAL_CACHE_BYTES), max);
    out[SB_READING_CACHE_DIRTY] = percent(gauge(now, SB_VITAL_CACHE_DIRTY), max);
}

static const struct sb_vitals *back(const struct sb_pulse *p, uint64_t steps)
{
    return &p->last[(p->n - 1 - steps) % SB_VITALS_KEPT];
}

enum sb_pulse_news sb_pulse_take(struct sb_pulse *p, const struct sb_vitals *v, double out[SB_READINGS_N])
{
    enum sb_pulse_news news = SB_PULSE_ON;
    for (size_t i = 0; i < SB_READINGS_N; i++)
        out[i] = NAN;
    if (p->n) {
        const struct sb_vitals *before = back(p, 0);
        int64_t was = before->value[SB_VITAL_UPTIME_MS], is = v->value[SB_VITAL_UPTIME_MS];
        int64_t pid_was = before->value[SB_VITAL_PID], pid_is = v->value[SB_VITAL_PID];
        bool younger = is != SB_VITAL_ABSENT && is < was, other = pid_is != SB_VITAL_ABSENT && pid_was != SB_VITAL_ABSENT && pid_is != pid_was;
        if (younger || other) /* a sample without the section, as while it shuts down, says nothing */
            news = SB_PULSE_RESTARTED;
        else if (v->at_ms <= before->at_ms)
            news = SB_PULSE_BACK;
    }
    if (news != SB_PULSE_ON)
        p->n = 0;
    p->last[p->n % SB_VITALS_KEPT] = *v;
    p->n++;
    read_gauges(v, out);
    struct pair five = {v, NULL, 0}, one = {v, NULL, 0};
    for (uint64_t i = 1; i < p->n && i < SB_VITALS_KEPT; i++) {
        const struct sb_vitals *then = back(p, i);
        double s = (double)(v->at_ms - then->at_ms) / 1000;
        if (i == 1)
            one = (struct pair){v, then, s};
        five = (struct pair){v, then, s};
        if (s >= 4.5)
            break;
    }
    if (!five.then || five.s < 0.2 || five.s > 60) /* what lies far apart is no rate of now */
        return news;
    read_work(&five, out);
    out[SB_READING_ERRORS] = one.s > 0 ? grown(&one, SB_VITAL_ASSERTS) / one.s : NAN; /* a burst of one second is to be seen as one */
    return news;
}

const struct sb_vitals *sb_pulse_before(const struct sb_pulse *p)
{
    return p->n >= 2 ? back(p, 1) : NULL;
}
