/* SPDX-License-Identifier: Apache-2.0
 *
 * From cumulative counters to rates. A member that restarted, a clock that went back, a collection that was dropped and
 * made anew give no rate, never a wrong one. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/record.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_ns(const void *a, const void *b)
{
    return strcmp(((const struct sb_ns_totals *)a)->ns, ((const struct sb_ns_totals *)b)->ns);
}

static const struct sb_ns_totals *find_ns(const struct sb_ns_totals *list, size_t n, const char *ns)
{
    struct sb_ns_totals key = {.ns = (char *)(uintptr_t)ns};
    return n ? bsearch(&key, list, n, sizeof *list, compare_ns) : NULL;
}

static double rate_of(const struct member_state *m, const struct sb_sample *s, int i, double dt_s)
{
    int64_t now = s->value[i], before = m->last_value[i];
    if (now == SB_NO_VALUE)
        return NAN;
    if (sb_metric_kind((enum sb_metric)i) == SB_GAUGE)
        return (double)now;
    if (!m->have || before == SB_NO_VALUE || now < before || dt_s <= 0)
        return NAN;
    return (double)(now - before) / dt_s;
}

static void remember_namespace(struct sb_telemetry *t, const char *ns)
{
    if (t->namespaces_n < SB_HISTORY_MAX_NS && !sb_strs_has(t->namespaces, t->namespaces_n, ns)) {
        int ignored = sb_strs_push(&t->namespaces, &t->namespaces_n, ns); /* out of memory: tried again next time */
        (void)ignored;
    }
}

static int64_t at_least_zero(int64_t n)
{
    return n > 0 ? n : 0;
}

/* Documents that all inserts of the interval brought beyond one each; 0 where it is not told, or is not the primary's. */
static int64_t inserted_beyond(const struct member_state *m, const struct sb_sample *s, bool is_primary, int64_t *inserts)
{
    int64_t now = s->value[SB_METRIC_DOCS_INSERTED], before = m->last_top_inserted;
    *inserts = 0;
    for (size_t i = 0; i < s->ns_n; i++) {
        const struct sb_ns_totals *last = find_ns(m->last_ns, m->last_ns_n, s->ns[i].ns);
        *inserts += last ? at_least_zero(s->ns[i].inserts - last->inserts) : 0;
    }
    return !is_primary || now == SB_NO_VALUE || before == SB_NO_VALUE ? 0 : at_least_zero(now - before - *inserts);
}

/* The rates by collection since the member's last `top`. Fills t->rates. */
static size_t namespace_rates(struct sb_telemetry *t, struct member_state *m, struct sb_sample *s, bool is_primary)
{
    size_t n = 0;
    if (!s->has_top)
        return 0;
    if (s->ns_n)
        qsort(s->ns, s->ns_n, sizeof *s->ns, compare_ns);
    int64_t span_ms = s->at - m->last_top_at;
    bool usable = m->have && m->last_top_at > 0 && span_ms > 0;
    if (usable && SB_GROW(t->rates, t->rates_cap, s->ns_n))
        usable = false;
    int64_t inserts = 0, beyond = usable ? inserted_beyond(m, s, is_primary, &inserts) : 0;
    for (size_t i = 0; i < s->ns_n; i++) {
        const struct sb_ns_totals *now = &s->ns[i], *before = usable ? find_ns(m->last_ns, m->last_ns_n, now->ns) : NULL;
        remember_namespace(t, now->ns);
        if (!before || now->reads < before->reads || now->writes < before->writes || now->read_us < before->read_us ||
            now->write_us < before->write_us)
            continue;
        struct sb_ns_work w = {.reads = now->reads - before->reads, .read_us = now->read_us - before->read_us, .writes = now->writes - before->writes,
                               .write_us = now->write_us - before->write_us, .covered_ms = is_primary ? span_ms : 0};
        if (is_primary) {
            w.inserts = at_least_zero(now->inserts - before->inserts);
            w.updates = at_least_zero(now->updates - before->updates);
            w.removes = at_least_zero(now->removes - before->removes);
            w.inserted_most = w.inserts ? w.inserts + beyond : 0;
            w.inserted_least = w.inserts == inserts ? w.inserted_most : w.inserts; /* nobody else has inserted: all are its own */
        }
        int ignored = sb_history_add(t->history, now->ns, s->at - span_ms, s->at, &w);
        (void)ignored;
        double seconds = (double)span_ms / 1000;
        t->rates[n++] = (struct sb_ns_rate){
            .ns = now->ns,
            .reads = w.reads,
            .writes = w.writes,
            .reads_per_s = (double)w.reads / seconds,
            .writes_per_s = (double)w.writes / seconds,
            .read_us = w.reads ? (double)w.read_us / (double)w.reads : NAN,
            .write_us = w.writes ? (double)w.write_us / (double)w.writes : NAN,
        };
    }
    if (usable && is_primary)
        sb_history_observed(t->history, s->at - span_ms, s->at);
    return n;
}

/* The sample's totals become the member's last ones. */
static void keep(struct member_state *m, struct sb_sample *s)
{
    m->have = true;
    m->last_at = s->at;
    m->last_pid = s->pid;
    m->last_uptime_ms = s->uptime_ms;
    memcpy(m->last_value, s->value, sizeof m->last_value);
    if (!s->has_top)
        return;
    struct sb_ns_totals *old = m->last_ns;
    size_t old_n = m->last_ns_n;
    m->last_ns = s->ns;
    m->last_ns_n = s->ns_n;
    m->last_top_at = s->at;
    m->last_top_inserted = s->value[SB_METRIC_DOCS_INSERTED];
    s->ns = NULL; /* moved; the names in this frame's rates stay valid until the member's next sample */
    s->ns_n = 0;
    for (size_t i = 0; i < old_n; i++)
        free(old[i].ns);
    free(old);
}

static double lag_of(const struct sb_sample *s, const char *member)
{
    int64_t primary = 0, own = 0;
    for (size_t i = 0; i < s->peers_n; i++) {
        if (strcmp(s->peers[i].state, "PRIMARY") == 0)
            primary = s->peers[i].optime_s;
        if (strcmp(s->peers[i].name, member) == 0)
            own = s->peers[i].optime_s;
    }
    if (!primary || !own)
        return NAN;
    return primary > own ? (double)(primary - own) : 0;
}

static int64_t milli(double v)
{
    return isfinite(v) && v < 1e15 ? (int64_t)(v * 1000 + 0.5) : -1;
}

static int64_t whole(double v)
{
    return isfinite(v) && v < 1e18 ? (int64_t)(v + 0.5) : -1;
}

static void update_line(struct member_state *m, const struct sb_sample *s, const struct sb_frame *f)
{
    struct sb_member_line *l = &m->line;
    double reads = f->rate[SB_METRIC_READ_OPS], writes = f->rate[SB_METRIC_WRITE_OPS];
    l->healthy = true;
    l->reads_per_s_milli = milli(reads);
    l->writes_per_s_milli = milli(writes);
    l->read_latency_us = reads > 0 ? whole(f->rate[SB_METRIC_READ_US] / reads) : -1;
    l->write_latency_us = writes > 0 ? whole(f->rate[SB_METRIC_WRITE_US] / writes) : -1;
    l->connections = whole(f->rate[SB_METRIC_CONNECTIONS]);
    l->queued = whole(f->rate[SB_METRIC_QUEUED]);
    double max = f->rate[SB_METRIC_CACHE_MAX];
    l->cache_ppm = max > 0 ? whole(f->rate[SB_METRIC_CACHE_BYTES] / max * 1e6) : -1;
    const struct {
        int64_t *to;
        enum sb_metric of;
    } rates[] = {{&l->inserts, SB_METRIC_OP_INSERT}, {&l->queries, SB_METRIC_OP_QUERY}, {&l->updates, SB_METRIC_OP_UPDATE}, {&l->deletes, SB_METRIC_OP_DELETE},
                 {&l->getmores, SB_METRIC_OP_GETMORE}, {&l->commands, SB_METRIC_OP_COMMAND}};
    for (size_t i = 0; i < SB_COUNT(rates); i++)
        *rates[i].to = milli(f->rate[rates[i].of]);
    l->dirty_ppm = max > 0 ? whole(f->rate[SB_METRIC_CACHE_DIRTY] / max * 1e6) : -1;
    l->resident_mib = whole(f->rate[SB_METRIC_RESIDENT_MIB]);
    l->reading = whole(f->rate[SB_METRIC_READ_TICKETS_OUT]);
    l->writing = whole(f->rate[SB_METRIC_WRITE_TICKETS_OUT]);
    l->bytes_in = whole(f->rate[SB_METRIC_BYTES_IN]);
    l->bytes_out = whole(f->rate[SB_METRIC_BYTES_OUT]);
    if (isfinite(f->lag_s))
        l->lag_s = whole(f->lag_s);
    if (s->state[0]) {
        int ignored = sb_str_set(&l->state, s->state);
        (void)ignored;
    }
}

/* The primary's view of the others fills in for members that do not answer us. */
static void update_peers(struct sb_telemetry *t, const struct sb_sample *s)
{
    for (size_t i = 0; i < s->peers_n; i++)
        for (size_t k = 0; k < t->members_n; k++) {
            struct member_state *m = &t->members[k];
            if (strcmp(m->name, s->peers[i].name) != 0 || (!s->is_primary && m->line.healthy))
                continue;
            double lag = lag_of(s, m->name);
            m->line.lag_s = isfinite(lag) ? whole(lag) : -1;
            if (!s->peers[i].healthy || !m->line.state) {
                int ignored = sb_str_set(&m->line.state, s->peers[i].healthy ? s->peers[i].state : "DOWN");
                (void)ignored;
            }
        }
}

static void note_failure(struct sb_telemetry *t, struct member_state *m, const struct sb_sample *s)
{
    snprintf(m->error, sizeof m->error, "%s", s->error);
    m->away = s->away;
    m->have = false; /* the next interval would span the silence */
    struct sb_member_line *l = &m->line;
    l->healthy = false;
    l->reads_per_s_milli = l->writes_per_s_milli = l->read_latency_us = l->write_latency_us = -1;
    l->connections = l->queued = l->cache_ppm = l->lag_s = -1;
    sb_member_line_unknown(l);
    int ignored = sb_str_set(&l->state, "DOWN");
    (void)ignored;
    (void)t;
}

bool sb_telemetry_frame(struct sb_telemetry *t, struct member_state *m, struct sb_sample *s, struct sb_frame *f)
{
    m->commands += s->commands;
    m->errors += s->errors;
    m->last_wall = s->wall;
    if (!s->ok) {
        note_failure(t, m, s);
        return false;
    }
    m->error[0] = '\0';
    if (m->first_at == 0)
        m->first_at = s->at;
    bool restarted = m->have && (s->pid != m->last_pid || s->uptime_ms < m->last_uptime_ms || s->at <= m->last_at);
    if (restarted)
        m->have = false;
    bool standalone = t->set_name[0] == '\0';
    bool is_primary = standalone || s->is_primary || (!s->peers_n && sb_streq(m->line.state, "PRIMARY"));
    if (standalone) {
        int ignored = sb_str_set(&m->line.state, "STANDALONE");
        (void)ignored;
    }
    if (s->vitals.value[SB_VITAL_STATE] == SB_VITAL_ABSENT && m->last_state)
        s->vitals.value[SB_VITAL_STATE] = m->last_state;
    else if (s->vitals.value[SB_VITAL_STATE] != SB_VITAL_ABSENT)
        m->last_state = s->vitals.value[SB_VITAL_STATE];
    *f = (struct sb_frame){.at = s->at, .wall = s->wall, .member = m->name, .is_primary = is_primary, .vitals = &s->vitals, .peers = s->peers, .peers_n = s->peers_n,
                           .idle = s->idle, .idle_n = s->idle_n};
    f->dt_s = m->have ? (double)(s->at - m->last_at) / 1000 : 0;
    for (int i = 0; i < SB_METRIC_N; i++)
        f->rate[i] = rate_of(m, s, i, f->dt_s);
    f->lag_s = lag_of(s, m->name);
    f->ns_n = namespace_rates(t, m, s, is_primary);
    f->ns = t->rates;
    f->log_fresh = s->has_log || s->profile.len;
    update_line(m, s, f);
    update_peers(t, s);
    bool had = m->have;
    keep(m, s);
    if (s->at > t->now)
        t->now = s->at;
    if (had && is_primary)
        t->samples++;
    return had;
}
