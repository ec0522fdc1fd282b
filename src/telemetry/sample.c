/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/record.h>
#include <signalbox/telemetry/sample.h>

#include <stdlib.h>
#include <string.h>

#define MAX_NAMESPACES 5000
#define MAX_LOG_LINES (INT64_C(1) << 48) /* more than a server can have written: sums of what it claims stay in range */

static const struct {
    enum sb_metric_kind kind;
    const char *path, *other;
} metrics[SB_METRIC_N] = {
#define SB_METRIC_ROW(id, kind, path, other) {SB_##kind, path, other},
    SB_METRICS(SB_METRIC_ROW)
#undef SB_METRIC_ROW
};

enum sb_metric_kind sb_metric_kind(enum sb_metric m)
{
    return metrics[m].kind;
}

const char *sb_metric_path(enum sb_metric m)
{
    return metrics[m].path;
}

struct sb_sample *sb_sample_new(const char *member, int64_t wall)
{
    struct sb_sample *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    snprintf(s->member, sizeof s->member, "%s", member);
    s->at = s->wall = wall;
    for (int i = 0; i < SB_METRIC_N; i++)
        s->value[i] = SB_NO_VALUE;
    sb_vitals_clear(&s->vitals);
    sb_str_init(&s->log);
    sb_str_init(&s->profile);
    return s;
}

void sb_sample_free(void *sample)
{
    struct sb_sample *s = sample;
    if (!s)
        return;
    for (size_t i = 0; i < s->ns_n; i++)
        free(s->ns[i].ns);
    free(s->ns);
    sb_str_release(&s->log);
    sb_str_release(&s->profile);
    free(s);
}

/* Follows a dotted path whose keys may hold blanks (never dots in the metrics we read). */
static bool find(const bson_iter_t *parent, const char *path, bson_iter_t *out)
{
    bson_iter_t at = *parent;
    for (;;) {
        size_t n = strcspn(path, ".");
        if (!bson_iter_find_w_len(&at, path, (int)n))
            return false;
        path += n;
        if (*path == '\0') {
            *out = at;
            return true;
        }
        path++;
        bson_iter_t child;
        if (!BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &child))
            return false;
        at = child;
    }
}

static int64_t number(const bson_t *doc, const char *path)
{
    bson_iter_t root, at;
    if (!path || !bson_iter_init(&root, doc) || !find(&root, path, &at) || !BSON_ITER_HOLDS_NUMBER(&at))
        return SB_NO_VALUE;
    if (BSON_ITER_HOLDS_DOUBLE(&at)) {
        double d = bson_iter_double(&at);
        return d >= -9e18 && d <= 9e18 ? (int64_t)d : SB_NO_VALUE;
    }
    return bson_iter_as_int64(&at);
}

void sb_sample_server_status(struct sb_sample *s, const bson_t *reply)
{
    bson_iter_t it;
    s->ok = true;
    if (bson_iter_init_find(&it, reply, "localTime") && BSON_ITER_HOLDS_DATE_TIME(&it))
        s->at = bson_iter_date_time(&it);
    s->pid = number(reply, "pid");
    s->uptime_ms = number(reply, "uptimeMillis");
    for (int i = 0; i < SB_METRIC_N; i++) {
        s->value[i] = number(reply, metrics[i].path);
        if (s->value[i] == SB_NO_VALUE)
            s->value[i] = number(reply, metrics[i].other);
    }
    sb_vitals_status(&s->vitals, reply);
    s->vitals.at_ms = s->at;
}

static void copy_utf8(char *out, size_t cap, const bson_iter_t *it)
{
    if (BSON_ITER_HOLDS_UTF8(it))
        snprintf(out, cap, "%s", bson_iter_utf8(it, NULL));
}

static void take_peer(struct sb_sample *s, const bson_iter_t *member)
{
    if (s->peers_n == SB_COUNT(s->peers))
        return;
    struct sb_set_member *p = &s->peers[s->peers_n];
    memset(p, 0, sizeof *p);
    bool self = false;
    bson_iter_t it, optime;
    if (!bson_iter_recurse(member, &it))
        return;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "name") == 0)
            copy_utf8(p->name, sizeof p->name, &it);
        else if (strcmp(key, "stateStr") == 0)
            copy_utf8(p->state, sizeof p->state, &it);
        else if (strcmp(key, "health") == 0)
            p->healthy = bson_iter_as_bool(&it);
        else if (strcmp(key, "self") == 0)
            self = bson_iter_as_bool(&it);
        else if (strcmp(key, "optime") == 0 && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &optime) &&
                 bson_iter_find(&optime, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&optime)) {
            uint32_t t, i;
            bson_iter_timestamp(&optime, &t, &i);
            p->optime_s = t;
        }
    }
    if (!p->name[0])
        return;
    if (self) {
        snprintf(s->state, sizeof s->state, "%s", p->state);
        s->is_primary = strcmp(p->state, "PRIMARY") == 0;
    }
    s->peers_n++;
}

bool sb_sample_wants_transactions(const struct sb_sample *s)
{
    return s->vitals.value[SB_VITAL_TRANSACTIONS_IDLE] != SB_VITAL_ABSENT && s->vitals.value[SB_VITAL_TRANSACTIONS_IDLE] > 0;
}

bool sb_sample_transaction(struct sb_sample *s, const bson_t *doc)
{
    bson_iter_t it;
    int64_t open_us = number(doc, "transaction.timeOpenMicros"), idle_us = number(doc, "transaction.timeInactiveMicros");
    if (open_us < 0 || idle_us < 0)
        return true;
    if (s->idle_n == SB_COUNT(s->idle))
        return false;
    struct sb_idle_transaction *t = &s->idle[s->idle_n++];
    memset(t, 0, sizeof *t);
    t->open_ms = open_us / 1000;
    t->idle_ms = idle_us / 1000;
    if (bson_iter_init_find(&it, doc, "appName"))
        copy_utf8(t->app, sizeof t->app, &it);
    if (bson_iter_init_find(&it, doc, "client"))
        copy_utf8(t->client, sizeof t->client, &it);
    return true;
}

void sb_sample_repl_status(struct sb_sample *s, const bson_t *reply)
{
    bson_iter_t it, one;
    sb_vitals_set(&s->vitals, reply);
    if (!bson_iter_init_find(&it, reply, "members") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &one))
        return;
    while (bson_iter_next(&one))
        if (BSON_ITER_HOLDS_DOCUMENT(&one))
            take_peer(s, &one);
}

static void take_lock(const bson_iter_t *lock, int64_t *count, int64_t *us)
{
    bson_iter_t it;
    if (!BSON_ITER_HOLDS_DOCUMENT(lock) || !bson_iter_recurse(lock, &it))
        return;
    while (bson_iter_next(&it)) {
        if (!BSON_ITER_HOLDS_NUMBER(&it))
            continue;
        if (strcmp(bson_iter_key(&it), "time") == 0)
            *us = bson_iter_as_int64(&it);
        else if (strcmp(bson_iter_key(&it), "count") == 0)
            *count = bson_iter_as_int64(&it);
    }
}

/* Namespaces that are the server's own business are not sampled: their load is shown in the member's totals. */
static bool internal(const char *ns)
{
    return sb_starts_with(ns, "local.") || sb_starts_with(ns, "admin.") || sb_starts_with(ns, "config.") || strstr(ns, ".system.") ||
           strstr(ns, ".$cmd");
}

int sb_sample_top(struct sb_sample *s, const bson_t *reply)
{
    bson_iter_t it, ns, lock;
    int64_t ignored_us = 0;
    if (!bson_iter_init_find(&it, reply, "totals") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &ns))
        return 0;
    s->has_top = true;
    while (bson_iter_next(&ns) && s->ns_n < MAX_NAMESPACES) {
        const char *name = bson_iter_key(&ns);
        if (!BSON_ITER_HOLDS_DOCUMENT(&ns) || internal(name) || !bson_iter_recurse(&ns, &lock))
            continue;
        struct sb_ns_totals *t = SB_PUSH(s->ns);
        if (!t)
            return -1;
        t->ns = sb_strdup_n(name, strlen(name));
        if (!t->ns) {
            s->ns_n--;
            return -1;
        }
        while (bson_iter_next(&lock)) {
            if (strcmp(bson_iter_key(&lock), "readLock") == 0)
                take_lock(&lock, &t->reads, &t->read_us);
            else if (strcmp(bson_iter_key(&lock), "writeLock") == 0)
                take_lock(&lock, &t->writes, &t->write_us);
            else if (strcmp(bson_iter_key(&lock), "insert") == 0)
                take_lock(&lock, &t->inserts, &ignored_us);
            else if (strcmp(bson_iter_key(&lock), "update") == 0)
                take_lock(&lock, &t->updates, &ignored_us);
            else if (strcmp(bson_iter_key(&lock), "remove") == 0)
                take_lock(&lock, &t->removes, &ignored_us);
        }
    }
    return 0;
}

int sb_sample_log(struct sb_sample *s, const bson_t *reply, int64_t *seen)
{
    int64_t total = number(reply, "totalLinesWritten");
    bson_iter_t it, line;
    if (total < 0 || total > MAX_LOG_LINES || !bson_iter_init_find(&it, reply, "log") || !BSON_ITER_HOLDS_ARRAY(&it))
        return 0;
    s->has_log = true;
    int64_t held = 0;
    bson_iter_recurse(&it, &line);
    while (bson_iter_next(&line))
        held++;
    bool first = *seen < 0 || total < *seen; /* a smaller total: the server was restarted */
    int64_t fresh = first ? held : total - *seen;
    *seen = total;
    if (fresh > held) {
        s->log_gap = fresh - held;
        fresh = held;
    }
    int64_t skip = held - fresh;
    bson_iter_recurse(&it, &line);
    while (bson_iter_next(&line)) {
        if (skip-- > 0 || !BSON_ITER_HOLDS_UTF8(&line))
            continue;
        uint32_t n;
        const char *text = bson_iter_utf8(&line, &n);
        while (n && text[n - 1] == '\n')
            n--;
        size_t from = s->log.len;
        sb_str_add(&s->log, text, n);
        for (char *c = s->log.p + from; c < s->log.p + s->log.len; c++) /* one line of the reply is one line here */
            if (*c == '\n')
                *c = ' ';
        sb_str_addc(&s->log, '\n');
        s->log_lines++;
    }
    return sb_str_ok(&s->log) ? 0 : -1;
}
