/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents.c - taking samples and lines, opening and closing incidents. */
#include "incidents_private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <math.h>

#define QUIET_MS 20000      /* without impact for so long: it is over */
#define USUAL_MS 1800000    /* with impact for so long: it is usual now */
/* A killed server leaves no samples of its last ten seconds (they were in metrics.interim), and two more pass until the others
 * know: what lasts longer is not that. */
#define STILL_MS 15000
#define MISSING_MS 3600000  /* without a sample for so long: there is a file missing */
#define LOOK_BACK_MS 30000  /* what began earlier did not begin this */
#define FRESH_MS 10000      /* a reading that old says nothing of now */
#define LEAST_WAITED_MS 50  /* what a worse latency must cost in a second: a twentieth of one client's time */
#define SLOW_MS 100         /* or each operation is slow by the server's own measure */
#define MOVED_MS 3000       /* a change of primary is an impact of its own for so long */
#define MAX_NOTES 64

struct sb_incidents *sb_incidents_new(struct sb_err *err)
{
    struct sb_incidents *in = calloc(1, sizeof *in);
    if (!in) {
        sb_fail_nomem(err);
        return NULL;
    }
    in->primary = in->former_primary = -1;
    in->closer = (struct sb_closer){.latency = 1, .rate = 1, .examined = NAN};
    for (size_t i = 0; i < SB_VITAL_MEMBERS; i++) {
        in->lag[i] = NAN;
        in->sync_source[i] = -1;
    }
    return in;
}

void sb_incidents_free(struct sb_incidents *in)
{
    if (!in)
        return;
    for (size_t i = 0; i < in->members_n; i++) {
        free(in->members[i]->name);
        free(in->members[i]);
    }
    free(in->members);
    for (size_t i = 0; i < SB_VITAL_MEMBERS; i++)
        free(in->host[i]);
    for (size_t i = in->done_at; i < in->done_n; i++)
        sb_incident_release(&in->done[i]);
    free(in->done);
    for (size_t i = 0; i < in->notes_n; i++)
        free(in->notes[i]);
    free(in->notes);
    sb_chronicle_release(&in->log);
    free(in);
}

int sb_incidents_member(struct sb_incidents *in, const char *name, struct sb_err *err)
{
    struct member *m = calloc(1, sizeof *m);
    struct member **more = realloc(in->members, (in->members_n + 1) * sizeof *more);
    if (more)
        in->members = more;
    if (!m || !more || !(m->name = sb_format("%s", name))) {
        free(m);
        return sb_fail_nomem(err);
    }
    m->place = -1;
    for (size_t i = 0; i < SB_COUNT(m->constant); i++)
        m->constant[i] = SB_VITAL_ABSENT;
    in->members[in->members_n] = m;
    return (int)in->members_n++;
}

int sb_incidents_peer(struct sb_incidents *in, size_t place, const char *host, struct sb_err *err)
{
    if (place >= SB_VITAL_MEMBERS)
        return 0;
    return sb_str_set(&in->host[place], host) ? sb_fail_nomem(err) : 0;
}

void sb_incidents_say(struct sb_incidents *in, const char *fmt, ...)
{
    struct sb_str s;
    va_list ap;
    if (in->notes_n == MAX_NOTES)
        return;
    char **more = realloc(in->notes, (in->notes_n + 1) * sizeof *more);
    if (!more)
        return;
    in->notes = more;
    sb_str_init(&s);
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    char *text = sb_str_take(&s);
    if (text)
        in->notes[in->notes_n++] = text;
}

const char *sb_incidents_note(const struct sb_incidents *in, size_t i)
{
    return i < in->notes_n ? in->notes[i] : NULL;
}

const struct watch *sb_incidents_watch(const struct member *m, enum sb_reading r)
{
    return &m->watch[m->role][r];
}

void sb_incidents_hole(struct sb_incidents *in, int member)
{
    in->members[member]->hole = true;
}

/* ---- is anybody hurt ---- */

struct impact {
    bool is;
    int64_t onset_ms;
};

static void hurt(const struct sb_incidents *in, struct impact *i, int64_t onset_ms)
{
    if (onset_ms < in->now_ms - LOOK_BACK_MS) /* it was out long before anybody was hurt */
        onset_ms = in->now_ms - LOOK_BACK_MS;
    i->onset_ms = i->is && i->onset_ms < onset_ms ? i->onset_ms : onset_ms;
    i->is = true;
}

/* As many samples of all came since its own as come in two rounds: whatever its clock says, it is not silent. */
static bool speaks(const struct sb_incidents *in, const struct member *m)
{
    return in->samples - m->last_seq <= 2 * in->members_n;
}

static bool fresh(const struct sb_incidents *in, const struct member *m)
{
    return in->now_ms - m->last_ms < FRESH_MS || speaks(in, m);
}

static bool out(const struct member *m, enum sb_reading r)
{
    return m->watch[m->role][r].deviating;
}

/* No samples come of it, though nothing says why. One that shuts down in order has a minute to come back. */
bool sb_incidents_stands_still(const struct sb_incidents *in, const struct member *m)
{
    bool stopping = m->stopped_ms && m->stopped_ms >= m->last_ms - 60000;
    int64_t silent = in->now_ms - m->last_ms;
    return m->sampled && !m->hole && !speaks(in, m) && silent >= (stopping ? 60000 : STILL_MS) && silent < MISSING_MS;
}

/* Something beside a latency that is only somewhat high, that would make it so. */
static bool cause_beside(const struct sb_incidents *in, const struct member *m)
{
    bool full = out(m, SB_READING_CPU) && m->watch[m->role][SB_READING_CPU].now >= 90;
    return full || out(m, SB_READING_OPS) || out(m, SB_READING_EXAMINED_PER_OP) || out(m, SB_READING_DOCS_WRITTEN) || out(m, SB_READING_DISK) ||
           out(m, SB_READING_IOWAIT) || out(m, SB_READING_APP_EVICTIONS) || out(m, SB_READING_BACKUP_CURSOR) || in->log.builds_n > 0 || in->log.locked;
}

/* A few operations of a new kind among many quick ones, a nightly job's, raise the mean by any factor and cost nobody anything:
 * what counts is how much longer all that was asked for took. */
static bool costs_nothing(const struct sb_incidents *in, const struct watch w[SB_READINGS_N], enum sb_reading r)
{
    if (!in->live || in->open.is || (r != SB_READING_READ_MS && r != SB_READING_WRITE_MS))
        return false;
    double rate = w[r == SB_READING_READ_MS ? SB_READING_READS : SB_READING_WRITES].now;
    return w[r].now < SLOW_MS && (w[r].now - w[r].before) * rate < LEAST_WAITED_MS;
}

static void look_at(const struct sb_incidents *in, const struct member *m, struct impact *impact)
{
    static const enum sb_reading latencies[] = {SB_READING_READ_MS, SB_READING_WRITE_MS, SB_READING_COMMAND_MS};
    const struct watch *w = m->watch[m->role];
    if (m->down)
        hurt(in, impact, m->down_ms);
    if (sb_incidents_stands_still(in, m))
        hurt(in, impact, m->last_ms);
    if (m->back_ms && in->now_ms - m->back_ms < MOVED_MS)
        hurt(in, impact, m->silent_ms);
    bool in_order = m->stopped_ms && m->stopped_ms >= m->ended_ms - 120000;
    if (m->restarted_ms && in->now_ms - m->restarted_ms < MOVED_MS && !in_order)
        hurt(in, impact, m->ended_ms);
    const struct watch *lag = &m->watch[AS_SECONDARY][SB_READING_LAG];
    if (lag->deviating && in->now_ms - lag->last_ms < FRESH_MS)
        hurt(in, impact, lag->onset_ms);
    if (m->sampled ? !fresh(in, m) : !m->heard.second)
        return;
    for (int r = 0; r < SB_READINGS_N; r++)
        if (r != SB_READING_LAG && sb_reading_is_impact((enum sb_reading)r) && w[r].deviating && !costs_nothing(in, w, (enum sb_reading)r))
            hurt(in, impact, w[r].onset_ms);
    for (size_t i = 0; i < SB_COUNT(latencies); i++)
        if (w[latencies[i]].soft && !costs_nothing(in, w, latencies[i]) && cause_beside(in, m))
            hurt(in, impact, w[latencies[i]].soft_onset_ms);
    if (m->role == AS_PRIMARY && w[SB_READING_OPS].deviating && w[SB_READING_CPU].deviating && w[SB_READING_CPU].now >= 90) /* twice the work, and no room left */
        hurt(in, impact, w[SB_READING_OPS].onset_ms);
}

static struct impact look(const struct sb_incidents *in)
{
    struct impact impact = {false, 0};
    for (size_t i = 0; i < in->members_n; i++)
        look_at(in, in->members[i], &impact);
    if (in->moved_ms && in->now_ms - in->moved_ms < MOVED_MS)
        hurt(in, &impact, in->moved_ms);
    return impact;
}

/* ---- opening and closing ---- */

/* The earliest that belongs to it: a cause is out before the harm is. */
static int64_t begin_of(const struct sb_incidents *in, int64_t onset_ms)
{
    int64_t from = onset_ms;
    for (size_t i = 0; i < in->members_n; i++)
        for (int r = 0; r < SB_READINGS_N; r++) {
            const struct watch *w = &in->members[i]->watch[in->members[i]->role][r];
            if (w->deviating && w->onset_ms < from && w->onset_ms > onset_ms - LOOK_BACK_MS / 2)
                from = w->onset_ms;
        }
    return from > in->now_ms - LOOK_BACK_MS ? from : onset_ms;
}

static void open_incident(struct sb_incidents *in, int64_t onset_ms)
{
    in->open = (struct open_incident){.is = true, .from_ms = begin_of(in, onset_ms), .detected_ms = in->now_ms, .last_ms = in->now_ms};
    for (size_t i = 0; i < in->members_n; i++)
        for (int role = 0; role < ROLES; role++)
            for (int r = 0; r < SB_READINGS_N; r++) {
                struct watch *w = &in->members[i]->watch[role][r];
                w->sum = 0;
                w->sum_n = 0;
                w->told = w->deviating && w->last_ms >= in->open.from_ms;
            }
    sb_chronicle_open(in, in->open.from_ms);
}

static int close_incident(struct sb_incidents *in, bool ended, struct sb_err *err)
{
    if (in->done_n < SB_INCIDENTS_MAX) {
        struct sb_incident *more = realloc(in->done, (in->done_n + 1) * sizeof *more);
        if (!more)
            return sb_fail_nomem(err);
        in->done = more;
        if (sb_incidents_describe(in, ended, &in->done[in->done_n]))
            return sb_fail_nomem(err);
        in->done_n++;
    }
    in->open.is = false;
    return 0;
}

/* It has lasted so long that it is how things are. */
static void become_usual(struct sb_incidents *in)
{
    for (size_t i = 0; i < in->members_n; i++) {
        in->members[i]->down = false;
        in->members[i]->hole |= sb_incidents_stands_still(in, in->members[i]);
        memset(in->members[i]->bad, 0, sizeof in->members[i]->bad);
        memset(in->members[i]->saw_well, 0, sizeof in->members[i]->saw_well);
        for (int role = 0; role < ROLES; role++)
            for (int r = 0; r < SB_READINGS_N; r++)
                if (in->members[i]->watch[role][r].deviating)
                    in->members[i]->watch[role][r] = (struct watch){.now = NAN};
    }
}

int sb_incidents_decide(struct sb_incidents *in, struct sb_err *err)
{
    struct impact impact = look(in);
    sb_chronicle_tick(in);
    in->hurt = impact.is;
    if (in->closer.since_ms)
        hurt(in, &impact, in->closer.since_ms);
    if (!in->open.is && impact.is)
        open_incident(in, impact.onset_ms);
    if (!in->open.is)
        return 0;
    if (impact.is)
        in->open.last_ms = in->now_ms;
    if (in->now_ms - in->open.last_ms >= QUIET_MS)
        return close_incident(in, true, err);
    if (in->now_ms - in->open.from_ms >= USUAL_MS) {
        int rc = close_incident(in, true, err);
        become_usual(in);
        return rc;
    }
    return 0;
}

/* ---- one sample ---- */

static const enum sb_vital constants[] = {SB_VITAL_CACHE_MAX, SB_VITAL_FLOW_ENABLED, SB_VITAL_SET_VERSION, SB_VITAL_CPUS};

/* A number that does not move in ordinary life and moves is an alteration (tickets are none: since 7.0 the server moves them). */
static void look_at_constants(struct sb_incidents *in, int member, const struct sb_vitals *v)
{
    struct member *m = in->members[member];
    for (size_t i = 0; i < SB_COUNT(constants); i++) {
        int64_t was = m->constant[i], is = v->value[constants[i]];
        char what[160];
        snprintf(what, sizeof what, "%s %" PRId64 " -> %" PRId64, sb_vital_path(constants[i]), was, is);
        if (was != SB_VITAL_ABSENT && is != SB_VITAL_ABSENT && was != is)
            sb_chronicle_event(in, EVENT_CONSTANT, member, v->at_ms, "", what);
        m->constant[i] = is;
    }
}

/* The server counts the commands it is sent: where its log is not at hand, that tells what operators did, though not where. */
static const struct {
    enum sb_vital vital;
    enum event_kind kind;
    const char *what;
} counted[] = {
    {SB_VITAL_DROP_INDEXES, EVENT_INDEX_DROP, "dropIndexes"},
    {SB_VITAL_COLL_MOD, EVENT_COLLMOD, "collMod"},
    {SB_VITAL_SET_PARAMETER, EVENT_PARAMETER, "setParameter"},
    {SB_VITAL_SET_FILTER, EVENT_PLAN_FILTER, "planCacheSetFilter"},
    {SB_VITAL_RECONFIG, EVENT_RECONFIG, "replSetReconfig"},
    {SB_VITAL_BUILD_VOTES, EVENT_BUILD_END, "voteCommitIndexBuild"},
    {SB_VITAL_CREATE_INDEXES, EVENT_BUILD_BEGIN, "createIndexes"},
    {SB_VITAL_COMPACT, EVENT_OPERATOR, "compact"},
    {SB_VITAL_VALIDATE, EVENT_OPERATOR, "validate"},
    {SB_VITAL_STEP_DOWN, EVENT_STEPDOWN, "replSetStepDown"},
    {SB_VITAL_STEP_UP, EVENT_STEPDOWN, "replSetStepUp"},
};

#define HEARD_MS 120000 /* a server says something in its log once a minute at least */

static void look_at_commands(struct sb_incidents *in, int member, const struct sb_vitals *before, const struct sb_vitals *v)
{
    const struct member *m = in->members[member];
    if (!before || (m->heard_ms && v->at_ms - m->heard_ms < HEARD_MS))
        return;
    for (size_t i = 0; i < SB_COUNT(counted); i++) {
        int64_t was = before->value[counted[i].vital], is = v->value[counted[i].vital];
        if (was == SB_VITAL_ABSENT || is == SB_VITAL_ABSENT || is <= was)
            continue;
        char what[160];
        snprintf(what, sizeof what, "%s was sent %" PRId64 " time%s", counted[i].what, is - was, is - was == 1 ? "" : "s");
        sb_chronicle_counted(in, counted[i].kind, member, v->at_ms, what);
    }
}

/* Fewer writes or reads end than usually, by four in five, while as many clients are there and more of them wait. */
static double stalled(const struct member *m, const double reading[SB_READINGS_N])
{
    const struct watch *w = m->watch[m->role];
    const struct sb_pulse *p = &m->pulse;
    double active = 0, n = 0;
    for (uint64_t i = 0; i < 5 && i < p->n; i++) {
        int64_t a = p->last[(p->n - 1 - i) % SB_VITALS_KEPT].value[SB_VITAL_CONNECTIONS_ACTIVE];
        active += a == SB_VITAL_ABSENT ? NAN : (double)a;
        n++;
    }
    active /= n;
    static const enum sb_reading kinds[] = {SB_READING_READS, SB_READING_WRITES};
    bool fewer = false;
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        double usual = sb_baseline_median(&w[kinds[i]].usual);
        fewer |= sb_baseline_warm(&w[kinds[i]].usual) && usual >= 3 && reading[kinds[i]] <= usual / 5;
    }
    bool there = reading[SB_READING_CONNECTIONS] >= 0.85 * sb_baseline_median(&w[SB_READING_CONNECTIONS].usual);
    bool waiting = active >= sb_baseline_median(&w[SB_READING_ACTIVE].usual) + 1.5 ||
                   reading[SB_READING_QUEUE] >= sb_baseline_median(&w[SB_READING_QUEUE].usual) + 3;
    return fewer && there && waiting;
}

/* Far fewer operations come than usually, from as many connections, and none of them waits here: the clients wait elsewhere. */
static double idle(const struct member *m, const double reading[SB_READINGS_N])
{
    const struct watch *w = m->watch[m->role];
    double usual = sb_baseline_median(&w[SB_READING_OPS].usual), there = sb_baseline_median(&w[SB_READING_CONNECTIONS].usual);
    return sb_baseline_warm(&w[SB_READING_OPS].usual) && usual >= 10 && reading[SB_READING_OPS] <= 0.4 * usual &&
           reading[SB_READING_CONNECTIONS] >= 0.97 * there && reading[SB_READING_STALL] < 1;
}

/* A set that has nothing to do has no usual level of what its work is like: what was learned then would make an incident of
 * the first client. Only what does not hang on work is left. */
static void forget_work(double reading[SB_READINGS_N])
{
    static const enum sb_reading apart_from_work[] = {SB_READING_ERRORS, SB_READING_CONNECTIONS, SB_READING_CONNECTING, SB_READING_QUEUE, SB_READING_FLOW,
                                                      SB_READING_TRANSACTIONS, SB_READING_TRANSACTIONS_IDLE, SB_READING_CURSORS, SB_READING_TTL_DELETES,
                                                      SB_READING_BACKUP_CURSOR, SB_READING_STALL, SB_READING_IDLE};
    double kept[SB_COUNT(apart_from_work)];
    for (size_t i = 0; i < SB_COUNT(kept); i++)
        kept[i] = reading[apart_from_work[i]];
    for (size_t r = 0; r < SB_READINGS_N; r++)
        reading[r] = NAN;
    for (size_t i = 0; i < SB_COUNT(kept); i++)
        reading[apart_from_work[i]] = kept[i];
}

/* As primary it is judged by what is usual for the primary, whoever that was before. */
static void set_role(struct member *m, enum role role, const struct member *before)
{
    if (m->role == role && m->sampled)
        return;
    m->role = role;
    for (int r = 0; r < SB_READINGS_N; r++) {
        struct watch *w = &m->watch[role][r];
        bool cold = !sb_baseline_warm(&w->usual);
        if (role == AS_PRIMARY && cold && before && before != m && before->sampled)
            w->usual = before->watch[AS_PRIMARY][r].usual;
        w->run = w->soft_run = 0;
        w->deviating = w->soft = false;
    }
}

static void restart(struct member *m, int64_t at_ms)
{
    m->restarted_ms = at_ms;
    m->ended_ms = m->last_ms;
    for (int role = 0; role < ROLES; role++)
        for (int r = 0; r < SB_READINGS_N; r++)
            m->watch[role][r] = (struct watch){.now = NAN, .told = m->watch[role][r].told, .before = m->watch[role][r].before,
                                               .peak = m->watch[role][r].peak, .onset_ms = m->watch[role][r].onset_ms};
}

/* It is far ahead of its own last sample and of the others, and was not silent: its clock was set. */
static bool leaps(const struct sb_incidents *in, const struct member *m, const struct sb_vitals *v, int64_t now_before)
{
    bool others = false;
    for (size_t i = 0; i < in->members_n; i++)
        others |= in->members[i] != m && in->members[i]->sampled && speaks(in, in->members[i]);
    int64_t gap = v->at_ms - m->last_ms;
    return m->sampled && others && speaks(in, m) && v->at_ms - now_before >= GAP_MS && gap >= GAP_MS && gap < MISSING_MS;
}

static void take_news(struct sb_incidents *in, struct member *m, enum sb_pulse_news news, const struct sb_vitals *v, int64_t now_before)
{
    int64_t gap = v->at_ms - m->last_ms;
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, v->at_ms);
    if (news == SB_PULSE_RESTARTED) {
        restart(m, v->at_ms);
        sb_chronicle_restarted(in, m);
    }
    if (news == SB_PULSE_BACK && gap < -1500)
        sb_incidents_say(in, "%s: its clock went back by %" PRId64 " s to %s", m->name, -gap / 1000, at);
    if (news == SB_PULSE_ON && leaps(in, m, v, now_before))
        sb_incidents_say(in, "%s: its clock went forward by %" PRId64 " s to %s", m->name, gap / 1000, at);
    else if (news == SB_PULSE_ON && m->sampled && gap >= MISSING_MS && !m->hole)
        sb_incidents_say(in, "%s: there are no samples for %" PRId64 " s before %s", m->name, gap / 1000, at);
    else if (news == SB_PULSE_ON && m->sampled && gap >= GAP_MS && !m->hole) {
        m->silent_ms = m->last_ms;
        m->back_ms = v->at_ms;
    }
    m->hole = v->at_ms < in->now_ms - GAP_MS; /* whose clock is behind the others' is not silent */
}

/* When the clocks of all that still sample went back, that is the time; what was under way by the old one is over. */
static int go_back(struct sb_incidents *in, struct sb_err *err)
{
    int64_t newest = INT64_MIN;
    int rc = 0;
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        if (m->sampled && in->samples - m->last_seq < 4 * in->members_n + 8)
            newest = m->last_ms > newest ? m->last_ms : newest;
    }
    if (newest >= in->now_ms - GAP_MS)
        return 0;
    if (in->open.is)
        rc = close_incident(in, true, err);
    in->now_ms = newest;
    in->moved_ms = in->returned_ms = 0;
    for (size_t i = 0; i < in->members_n; i++) {
        struct member *m = in->members[i];
        m->hole |= m->last_ms > newest;
        m->back_ms = m->restarted_ms = m->down_ms = m->up_ms = m->stopped_ms = 0;
        for (int role = 0; role < ROLES; role++)
            for (int r = 0; r < SB_READINGS_N; r++) {
                struct watch *w = &m->watch[role][r];
                w->deviating = w->soft = false;
                w->run = w->soft_run = 0;
            }
    }
    return rc;
}

#define NAMED_MS 30000 /* whose samples have not begun by then has none */

/* A member that no samples come of may lag like any other. */
static int take_lag(struct sb_incidents *in, int64_t at_ms, struct sb_err *err)
{
    for (int place = 0; place < SB_VITAL_MEMBERS; place++) {
        if (isnan(in->lag[place]))
            continue;
        struct member *m = sb_incidents_at_place(in, place);
        if (!m && at_ms - in->first_ms < NAMED_MS)
            continue;
        if (!m && !(m = sb_incidents_member_at(in, place, err)))
            return -1;
        sb_watch_take(&m->watch[AS_SECONDARY][SB_READING_LAG], SB_READING_LAG, in->lag[place], at_ms, !in->open.is);
    }
    return 0;
}

int sb_incidents_sample(struct sb_incidents *in, int member, const struct sb_vitals *v, struct sb_err *err)
{
    struct member *m = in->members[member];
    double reading[SB_READINGS_N];
    int former = in->primary;
    enum sb_pulse_news news = sb_pulse_take(&m->pulse, v, reading);
    int64_t now_before = in->now_ms;
    in->now_ms = v->at_ms > in->now_ms ? v->at_ms : in->now_ms;
    in->first_ms = in->first_ms ? in->first_ms : v->at_ms;
    take_news(in, m, news, v, now_before);
    int64_t state = v->value[SB_VITAL_STATE];
    set_role(m, state == 1 || state == SB_VITAL_ABSENT ? AS_PRIMARY : AS_SECONDARY, former >= 0 ? in->members[former] : NULL);
    if (!m->sampled) /* what its log alone told is told better now */
        memset(m->watch, 0, sizeof m->watch);
    m->sampled = true;
    m->last_ms = v->at_ms;
    m->last_seq = ++in->samples;
    if (m->hole && go_back(in, err))
        return -1;
    look_at_constants(in, member, v);
    look_at_commands(in, member, sb_pulse_before(&m->pulse), v);
    if (sb_incidents_peers(in, member, v, err))
        return -1;
    if (m == sb_incidents_leader(in) && take_lag(in, v->at_ms, err))
        return -1;
    reading[SB_READING_STALL] = m->role == AS_PRIMARY ? stalled(m, reading) : NAN;
    reading[SB_READING_IDLE] = m->role == AS_PRIMARY ? idle(m, reading) : NAN;
    if (m == sb_incidents_leader(in) && m->role == AS_PRIMARY && !isnan(reading[SB_READING_OPS]))
        in->rests = reading[SB_READING_OPS] < 1;
    if (in->rests && !(reading[SB_READING_OPS] >= 1))
        forget_work(reading);
    for (int r = 0; r < SB_READINGS_N; r++)
        if (r != SB_READING_LAG)
            sb_watch_take(&m->watch[m->role][r], (enum sb_reading)r, reading[r], v->at_ms, !in->open.is);
    return sb_incidents_decide(in, err);
}

int sb_incidents_log(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op, struct sb_err *err)
{
    if (line->at_ms == SB_NO_TIME)
        return 0;
    in->members[member]->heard_ms = line->at_ms;
    if (sb_incidents_hear(in, member, line, op, err)) /* first: what it says of this second is of the one that begins */
        return -1;
    return sb_chronicle_line(in, member, line, op) ? sb_fail_nomem(err) : 0;
}

int sb_incidents_opened(struct sb_incidents *in, struct sb_incident *out_, struct sb_err *err)
{
    if (!in->open.is || in->open.told)
        return 0;
    in->open.told = true;
    return sb_incidents_describe(in, false, out_) ? sb_fail_nomem(err) : 1;
}

void sb_incidents_watch_live(struct sb_incidents *in)
{
    in->live = true;
}

void sb_incidents_closer(struct sb_incidents *in, const struct sb_closer *seen)
{
    struct sb_closer was = in->closer, *b = &in->closer;
    *b = *seen;
    if (!in->open.is)
        return;
    b->latency = fmax(b->latency, was.latency);
    b->rate = fmax(b->rate, was.rate);
    b->examined = fmax(b->examined, was.examined); /* of NAN and a number, the number */
    b->silent_s = fmax(b->silent_s, was.silent_s);
    b->headless_s = fmax(b->headless_s, was.headless_s);
    b->lag |= was.lag;
    b->moved |= was.moved;
    if (was.slow * b->known > b->slow * was.known) {
        b->slow = was.slow;
        b->known = was.known;
    }
    if (!b->altered[0])
        memcpy(b->altered, was.altered, sizeof b->altered);
    if (!b->rollback[0])
        memcpy(b->rollback, was.rollback, sizeof b->rollback);
    if (!b->silent[0])
        memcpy(b->silent, was.silent, sizeof b->silent);
    if (!b->idle[0])
        memcpy(b->idle, was.idle, sizeof b->idle);
}

struct sb_incidents_now sb_incidents_now(const struct sb_incidents *in)
{
    return (struct sb_incidents_now){in->open.is, in->hurt, in->open.from_ms, in->open.detected_ms};
}

int sb_incidents_peek(struct sb_incidents *in, struct sb_incident *out)
{
    return sb_incidents_describe(in, false, out);
}

int sb_incidents_finish(struct sb_incidents *in, struct sb_err *err)
{
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        char at[SB_TIME_LEN + 1];
        sb_time_format(at, m->last_ms);
        if (m->sampled && in->now_ms - m->last_ms > 60000 && !m->down)
            sb_incidents_say(in, "%s: its samples end at %s, before the others' do", m->name, at);
    }
    if (!in->open.is)
        return 0;
    return close_incident(in, in->now_ms - in->open.last_ms >= QUIET_MS / 2, err);
}

bool sb_incidents_take(struct sb_incidents *in, struct sb_incident *out_)
{
    if (in->done_at == in->done_n) {
        in->done_at = in->done_n = 0;
        return false;
    }
    *out_ = in->done[in->done_at++];
    return true;
}
