/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_heard.c - a member of which only its log comes: readings made of each second of it.
 *
 * A log holds what was slow, who connected and what members were said to be; what did not take long is not in it. So an impact
 * is more time in slow operations, more connections, or a member that is gone, and neither a lag nor quick failures are seen.
 * As soon as samples of the member come this is silent. */
#include "incidents_private.h"

#include <signalbox/formats/logevent.h>

#include <math.h>

#define WINDOW 5        /* seconds that a reading is over, as those of samples */
#define SILENT_S 120    /* a log that says nothing for so long begins anew */
#define FEW 3           /* operations, of which a mean is none */

static double sum_of(const struct heard *h, size_t of)
{
    double sum = 0;
    for (size_t i = 0; i < WINDOW; i++)
        sum += h->ring[i][of];
    return sum;
}

static void close_second(struct sb_incidents *in, struct member *m, int64_t second)
{
    struct heard *h = &m->heard;
    double reading[SB_READINGS_N], ops;
    memcpy(h->ring[h->seconds++ % WINDOW], h->now, sizeof h->now);
    memset(h->now, 0, sizeof h->now);
    if (h->seconds < WINDOW)
        return;
    for (size_t r = 0; r < SB_READINGS_N; r++)
        reading[r] = NAN;
    ops = sum_of(h, HEARD_OPS);
    reading[SB_READING_LOGGED] = sum_of(h, HEARD_MS) / WINDOW;
    reading[SB_READING_EXAMINED] = sum_of(h, HEARD_EXAMINED) / WINDOW;
    reading[SB_READING_EXAMINED_PER_OP] = ops >= FEW ? sum_of(h, HEARD_EXAMINED) / ops : NAN;
    reading[SB_READING_DOCS_WRITTEN] = sum_of(h, HEARD_WRITTEN) / WINDOW;
    reading[SB_READING_DOCS_RETURNED] = sum_of(h, HEARD_RETURNED) / WINDOW;
    reading[SB_READING_COLLECTION_SCANS] = sum_of(h, HEARD_SCANS) / WINDOW;
    reading[SB_READING_SORTS] = sum_of(h, HEARD_SORTS) / WINDOW;
    reading[SB_READING_CONFLICTS] = sum_of(h, HEARD_CONFLICTS) / WINDOW;
    reading[SB_READING_ERRORS] = sum_of(h, HEARD_FAILED) / WINDOW;
    reading[SB_READING_CONNECTING] = sum_of(h, HEARD_CONNECTED) / WINDOW;
    reading[SB_READING_CONNECTIONS] = h->connections > 0 ? (double)h->connections : NAN;
    for (size_t r = 0; r < SB_READINGS_N; r++)
        sb_watch_take(&m->watch[m->role][r], (enum sb_reading)r, reading[r], second * 1000, !in->open.is);
}

static bool any_sampled(const struct sb_incidents *in)
{
    for (size_t i = 0; i < in->members_n; i++)
        if (in->members[i]->sampled)
            return true;
    return false;
}

/* Seconds end with the first line of a later one. Where samples of others come, theirs is the time. */
static int come_to(struct sb_incidents *in, struct member *m, int64_t second, struct sb_err *err)
{
    struct heard *h = &m->heard;
    bool alone = !any_sampled(in);
    if (h->second && (second - h->second > SILENT_S || h->second - second > SILENT_S)) {
        *h = (struct heard){.second = second};
        for (int r = 0; r < SB_READINGS_N; r++)
            m->watch[m->role][r].run = m->watch[m->role][r].deviating = 0;
    }
    h->second = h->second ? h->second : second;
    for (; h->second < second; h->second++) {
        close_second(in, m, h->second);
        if (!alone)
            continue;
        int64_t now_ms = h->second * 1000 + 999;
        in->now_ms = now_ms > in->now_ms ? now_ms : in->now_ms;
        in->first_ms = in->first_ms ? in->first_ms : in->now_ms;
        if (sb_incidents_decide(in, err))
            return -1;
    }
    return 0;
}

static void count_op(struct heard *h, const struct sb_slow_op *op)
{
    const int64_t counts[][2] = {{HEARD_MS, op->duration_ms},       {HEARD_EXAMINED, op->docs_examined}, {HEARD_RETURNED, op->returned},
                                 {HEARD_WRITTEN, op->inserted},     {HEARD_WRITTEN, op->modified},       {HEARD_WRITTEN, op->deleted},
                                 {HEARD_CONFLICTS, op->write_conflicts}};
    if (op->kind == SB_OP_INTERNAL)
        return;
    for (size_t i = 0; i < SB_COUNT(counts); i++)
        if (counts[i][1] > 0)
            h->now[counts[i][0]] += (double)counts[i][1];
    h->now[HEARD_OPS]++;
    h->now[HEARD_SORTS] += op->has_sort_stage;
    h->now[HEARD_SCANS] += op->plan.n >= 8 && memcmp(op->plan.p, "COLLSCAN", 8) == 0;
    h->now[HEARD_FAILED] += op->error_code > 0;
}

static void count_line(struct heard *h, const struct sb_log_line *line)
{
    int64_t open;
    struct sb_span remote, app;
    struct sb_log_event event;
    enum sb_connection_note note = sb_log_connection(line, &open, &remote, &app);
    if (note == SB_CONNECTION_OPENED || note == SB_CONNECTION_CLOSED) {
        h->connections = open;
        h->now[HEARD_CONNECTED] += note == SB_CONNECTION_OPENED;
    } else if (sb_log_event(line, &event)) {
        h->now[HEARD_FAILED] += event.kind == SB_EVENT_AUTH_FAILED;
    }
}

/* ---- what it says of others ---- */

#define IS_DOWN 21216
#define IS_IN_STATE 21215
#define TRANSITION 21358

static struct member *member_called(struct sb_incidents *in, const char *host, struct sb_err *err)
{
    for (size_t i = 0; i < in->members_n; i++)
        if (strcmp(in->members[i]->name, host) == 0)
            return in->members[i];
    int i = sb_incidents_member(in, host, err);
    return i < 0 ? NULL : in->members[i];
}

static int take_state(struct sb_incidents *in, int member, const struct sb_log_line *line, struct sb_err *err)
{
    struct sb_span host, state;
    char name[256];
    if (line->id == TRANSITION && line->attr.p && sb_jt_find_string(line->attr, "newState", &state)) {
        if (SB_SPAN_IS(state, "PRIMARY") && in->primary != member)
            sb_incidents_lead(in, member);
        return 0;
    }
    bool down = line->id == IS_DOWN;
    if ((!down && line->id != IS_IN_STATE) || !line->attr.p || !sb_jt_find_string(line->attr, "hostAndPort", &host) || !host.n)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)(host.n < sizeof name ? host.n : sizeof name - 1), host.p);
    struct member *m = member_called(in, name, err);
    if (!m)
        return -1;
    if (down && !m->down)
        m->down_ms = line->at_ms;
    if (!down && m->down)
        m->up_ms = line->at_ms;
    m->down = down;
    return 0;
}

int sb_incidents_hear(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op, struct sb_err *err)
{
    struct member *m = in->members[member];
    if (m->sampled)
        return 0;
    if (come_to(in, m, line->at_ms / 1000, err))
        return -1;
    if (op)
        count_op(&m->heard, op);
    else
        count_line(&m->heard, line);
    return any_sampled(in) ? 0 : take_state(in, member, line, err);
}

int sb_incidents_pass(struct sb_incidents *in, int64_t now_ms, struct sb_err *err)
{
    for (size_t i = 0; i < in->members_n; i++) {
        struct member *m = in->members[i];
        if (!m->sampled && m->heard.second && now_ms / 1000 > m->heard.second && come_to(in, m, now_ms / 1000, err))
            return -1;
    }
    if (in->members_n)
        return 0;
    in->now_ms = now_ms > in->now_ms ? now_ms : in->now_ms;
    return sb_incidents_decide(in, err);
}
