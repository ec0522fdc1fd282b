/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <signalbox/base/clock.h>
#include <signalbox/model/lifecycle.h>
#include <signalbox/model/names.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_OPEN 100000 /* cards, and anomalies, that are counted */

struct open_card {
    char *id;
    int state;
    int64_t since; /* wall */
};

struct open_anomaly {
    char *id;
    int severity, class_;
};

struct metrics {
    struct sb_welcome welcome;
    struct sb_strip strip;
    bool welcomed, told;
    int64_t samples, sampled_at; /* monotonic, of the newest sample; 0: none yet */
    struct open_card *cards;
    size_t cards_n;
    struct open_anomaly *anomalies;
    size_t anomalies_n;
    int64_t uncounted;
};

struct metrics *sb_metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void sb_metrics_free(struct metrics *m)
{
    if (!m)
        return;
    sb_record_release(sb_message_schema(SB_NEWS_WELCOME), &m->welcome);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &m->strip);
    for (size_t i = 0; i < m->cards_n; i++)
        free(m->cards[i].id);
    for (size_t i = 0; i < m->anomalies_n; i++)
        free(m->anomalies[i].id);
    free(m->cards);
    free(m->anomalies);
    free(m);
}

/* ---- what is known ---- */

static void take_card(struct metrics *m, const char *id, int state, bool open, int64_t since)
{
    size_t at = 0;
    while (at < m->cards_n && !sb_streq(m->cards[at].id, id))
        at++;
    if (!open) {
        if (at < m->cards_n) {
            free(m->cards[at].id);
            m->cards[at] = m->cards[--m->cards_n];
        }
        return;
    }
    if (at == m->cards_n) {
        struct open_card *c = at < MOST_OPEN ? SB_PUSH(m->cards) : NULL;
        if (!c || sb_str_set(&c->id, id)) {
            m->cards_n = at;
            m->uncounted++;
            return;
        }
        c->state = -1;
    }
    if (m->cards[at].state != state)
        m->cards[at].since = since;
    m->cards[at].state = state;
}

static void take_anomaly(struct metrics *m, const struct sb_anomaly *a)
{
    size_t at = 0;
    while (at < m->anomalies_n && !sb_streq(m->anomalies[at].id, a->id))
        at++;
    if (a->to) {
        if (at < m->anomalies_n) {
            free(m->anomalies[at].id);
            m->anomalies[at] = m->anomalies[--m->anomalies_n];
        }
        return;
    }
    if (at == m->anomalies_n) {
        struct open_anomaly *o = at < MOST_OPEN ? SB_PUSH(m->anomalies) : NULL;
        if (!o || sb_str_set(&o->id, a->id)) {
            m->anomalies_n = at;
            m->uncounted++;
            return;
        }
    }
    m->anomalies[at].severity = a->severity;
    m->anomalies[at].class_ = a->class_;
}

static void take_strip(struct metrics *m, const struct sb_strip *s)
{
    struct sb_strip copy = {0};
    if (sb_record_copy(sb_message_schema(SB_NEWS_STRIP), &copy, s)) {
        m->uncounted++;
        return;
    }
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &m->strip);
    m->strip = copy;
    m->told = true;
    if (s->samples != m->samples)
        m->sampled_at = sb_mono_ms();
    m->samples = s->samples;
}

void sb_metrics_take(struct metrics *m, const struct sb_message *news)
{
    int64_t now = sb_wall_ms();
    switch (news->type) {
    case SB_NEWS_WELCOME:
        sb_record_release(sb_message_schema(SB_NEWS_WELCOME), &m->welcome);
        m->welcomed = sb_record_copy(sb_message_schema(SB_NEWS_WELCOME), &m->welcome, news->body) == 0;
        break;
    case SB_NEWS_STRIP: take_strip(m, news->body); break;
    case SB_NEWS_ANOMALY: take_anomaly(m, news->body); break;
    case SB_NEWS_CARD: {
        const struct sb_card *c = news->body;
        take_card(m, c->id, c->state, sb_card_open(c), c->changed_at ? c->changed_at : now);
        break;
    }
    case SB_NEWS_CARDS: {
        const struct sb_card_rows *rows = news->body;
        for (size_t i = 0; i < rows->rows_n; i++)
            take_card(m, rows->rows[i].id, rows->rows[i].state, sb_card_row_open(&rows->rows[i]), rows->rows[i].changed_at ? rows->rows[i].changed_at : now);
        break;
    }
    default: break;
    }
}

/* ---- how it is written ---- */

static void family(struct sb_str *out, const char *name, const char *type, const char *help)
{
    sb_str_addf(out, "# HELP signalbox_%s %s\n# TYPE signalbox_%s %s\n", name, help, name, type);
}

/* A label's value: what the format escapes is escaped, and no byte of it can end the line. */
static void label(struct sb_str *out, const char *key, const char *value)
{
    sb_str_addf(out, "%s=\"", key);
    for (const char *p = value ? value : ""; *p; p++) {
        if (*p == '\\' || *p == '"')
            sb_str_addc(out, '\\');
        if (*p == '\n')
            sb_str_adds(out, "\\n");
        else if ((unsigned char)*p >= ' ' && *p != 0x7f)
            sb_str_addc(out, *p);
    }
    sb_str_addc(out, '"');
}

static void one(struct sb_str *out, const char *name, const char *type, const char *help, double value)
{
    family(out, name, type, help);
    sb_str_addf(out, "signalbox_%s %.10g\n", name, value);
}

static void write_members(const struct metrics *m, struct sb_str *out)
{
    static const struct {
        const char *name, *help;
    } of[] = {{"member_healthy", "1: the member answers and is in a state to serve."},
              {"member_lag_seconds", "How far it is behind the primary."},
              {"member_connections", "Open connections."},
              {"member_queued", "Operations that wait for a lock or a ticket."},
              {"member_reads_per_second", "Reads that it serves."},
              {"member_writes_per_second", "Writes that it serves."},
              {"member_read_latency_seconds", "Mean of the last sample."},
              {"member_write_latency_seconds", "Mean of the last sample."}};
    for (size_t k = 0; k < SB_COUNT(of); k++) {
        family(out, of[k].name, "gauge", of[k].help);
        for (size_t i = 0; i < m->strip.members_n; i++) {
            const struct sb_member_line *l = &m->strip.members[i];
            const int64_t values[] = {l->healthy, l->lag_s, l->connections, l->queued, l->reads_per_s_milli, l->writes_per_s_milli, l->read_latency_us, l->write_latency_us};
            static const double units[] = {1, 1, 1, 1, 1000, 1000, 1000000, 1000000};
            if (values[k] < 0)
                continue; /* not known: no sample, rather than one that lies */
            sb_str_addf(out, "signalbox_%s{", of[k].name);
            label(out, "member", l->name);
            if (k == 0) {
                sb_str_addc(out, ',');
                label(out, "state", l->state);
            }
            sb_str_addf(out, "} %.10g\n", (double)values[k] / units[k]);
        }
    }
}

static void write_queue(const struct metrics *m, struct sb_str *out)
{
    int64_t by_state[64] = {0}, oldest[64] = {0}, now = sb_wall_ms();
    for (size_t i = 0; i < m->cards_n; i++) {
        size_t s = (size_t)m->cards[i].state;
        if (s >= sb_states.n || s >= SB_COUNT(by_state))
            continue;
        by_state[s]++;
        if (now - m->cards[i].since > oldest[s])
            oldest[s] = now - m->cards[i].since;
    }
    family(out, "cards", "gauge", "Open cards by state.");
    for (size_t s = 0; s < sb_states.n && s < SB_COUNT(by_state); s++)
        if (sb_name(&sb_states, (int)s))
            sb_str_addf(out, "signalbox_cards{state=\"%s\"} %" PRId64 "\n", sb_name(&sb_states, (int)s), by_state[s]);
    family(out, "card_oldest_seconds", "gauge", "How long the oldest open card has been in its state.");
    for (size_t s = 0; s < sb_states.n && s < SB_COUNT(by_state); s++)
        if (by_state[s])
            sb_str_addf(out, "signalbox_card_oldest_seconds{state=\"%s\"} %.3f\n", sb_name(&sb_states, (int)s), (double)oldest[s] / 1000);
    family(out, "anomalies", "gauge", "Anomalies that go on, by severity and class.");
    for (size_t s = 0; s < sb_levels.n; s++)
        for (size_t c = 0; c < sb_anomaly_classes.n; c++) {
            int64_t n = 0;
            for (size_t i = 0; i < m->anomalies_n; i++)
                n += m->anomalies[i].severity == (int)s && m->anomalies[i].class_ == (int)c;
            if (n)
                sb_str_addf(out, "signalbox_anomalies{severity=\"%s\",class=\"%s\"} %" PRId64 "\n", sb_name(&sb_levels, (int)s), sb_name(&sb_anomaly_classes, (int)c), n);
        }
    one(out, "news_uncounted_total", "counter", "Cards, anomalies and frames that could not be counted for want of memory.", (double)m->uncounted);
}

/* The names that every client library of Prometheus uses for these. */
static void write_process(struct sb_str *out)
{
    struct timespec cpu;
    long pages = 0;
    int fds = -1; /* . and .. and the folder itself are not ours */
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));)
        fds += e->d_name[0] != '.';
    if (d)
        closedir(d);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    sb_str_addf(out, "# HELP process_cpu_seconds_total Processor time of this process.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n",
                (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    if (pages)
        sb_str_addf(out, "# HELP process_resident_memory_bytes Resident memory of this process.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %ld\n",
                    pages * sysconf(_SC_PAGESIZE));
    if (d)
        sb_str_addf(out, "# HELP process_open_fds Open descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds %d\n", fds);
}

void sb_metrics_write(const struct metrics *m, struct sb_str *out)
{
    const struct sb_strip *s = &m->strip;
    if (m->welcomed) {
        const struct sb_welcome *w = &m->welcome;
        family(out, "info", "gauge", "What is watched, by which version and under which policy; always 1.");
        sb_str_adds(out, "signalbox_info{");
        label(out, "version", w->version);
        const char *const more[][2] = {{"deployment", w->deployment}, {"set", w->set_name}, {"server_version", w->server_version}, {"policy", w->policy},
                                       {"environment", sb_name(&sb_environments, w->environment)}, {"simulated", w->simulated ? "true" : "false"}};
        for (size_t i = 0; i < SB_COUNT(more); i++) {
            sb_str_addc(out, ',');
            label(out, more[i][0], more[i][1]);
        }
        sb_str_adds(out, "} 1\n");
    }
    if (m->told) {
        one(out, "connected", "gauge", "1: nothing stands between this program and the deployment.", s->obstacle == SB_OBSTACLE_NONE && s->samples > 0);
        one(out, "samples_total", "counter", "Samples that were taken of the deployment.", (double)s->samples);
        if (m->sampled_at)
            one(out, "sample_age_seconds", "gauge", "Since the newest sample came.", (double)(sb_mono_ms() - m->sampled_at) / 1000);
        one(out, "commands_total", "counter", "Commands that the sampler has sent to the deployment.", (double)s->commands);
        one(out, "command_errors_total", "counter", "How many of them failed.", (double)s->errors);
        one(out, "commands_per_second", "gauge", "This program's own load on the busiest member.", (double)s->commands_per_s_milli / 1000);
        one(out, "log_gaps_total", "counter", "Lines of the servers' logs that passed unseen.", (double)s->log_gaps);
        one(out, "frames_coalesced_total", "counter", "Frames of telemetry that a slow reader did not get one by one.", (double)s->dropped);
        one(out, "ledger_entries", "gauge", "Entries of the ledger.", (double)s->ledger_head);
        one(out, "ledger_writable", "gauge", "0: nothing executes, because nothing can be recorded.", s->ledger_ok);
        write_members(m, out);
    }
    write_queue(m, out);
    write_process(out);
}
