/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_set.c - what one member's sample says of the others: who is unwell, who lags, who leads. */
#include "incidents_private.h"

#include <math.h>

#define UNWELL_SAMPLES 2      /* in a row, of one that sees it: what others see rests on several heartbeats already */
#define STOPPING_SAMPLES 15   /* when it said that it stops: a restart for maintenance is shorter */
#define VIEW_FRESH_MS 5000
#define STATE_DOWN 8

struct member *sb_incidents_at_place(struct sb_incidents *in, int place)
{
    for (size_t i = 0; i < in->members_n; i++)
        if (in->members[i]->place == place)
            return in->members[i];
    return NULL;
}

/* A member that no data came of gets a name once its set tells of it. */
struct member *sb_incidents_member_at(struct sb_incidents *in, int place, struct sb_err *err)
{
    struct member *m = sb_incidents_at_place(in, place);
    if (m)
        return m;
    char name[32];
    snprintf(name, sizeof name, "member at place %d", place);
    int i = sb_incidents_member(in, in->host[place] ? in->host[place] : name, err);
    if (i < 0)
        return NULL;
    in->members[i]->place = place;
    return in->members[i];
}

/* Serving, or an arbiter. */
static bool well(const struct sb_peer *p)
{
    return p->healthy && (p->state == 1 || p->state == 2 || p->state == 7);
}

static bool seen_unwell(const struct sb_incidents *in, int place, int samples)
{
    for (size_t i = 0; i < in->members_n; i++)
        if (in->members[i]->bad[place] >= samples && in->now_ms - in->members[i]->last_ms < VIEW_FRESH_MS)
            return true;
    return false;
}

static int judge_peer(struct sb_incidents *in, int place, struct sb_err *err)
{
    struct member *m = sb_incidents_at_place(in, place);
    bool stopping = m && m->stopped_ms && in->now_ms - m->stopped_ms < 120000;
    bool unwell = seen_unwell(in, place, stopping ? STOPPING_SAMPLES : UNWELL_SAMPLES);
    if (!unwell) {
        if (m && m->down) {
            m->down = false;
            m->up_ms = in->now_ms;
        }
        return 0;
    }
    m = sb_incidents_member_at(in, place, err);
    if (!m)
        return -1;
    if (!m->down) {
        m->down = true;
        m->down_ms = in->now_ms;
        m->up_ms = 0;
    }
    return 0;
}

static void take_lags(struct sb_incidents *in, const struct sb_vitals *v)
{
    int64_t newest = SB_VITAL_ABSENT;
    for (size_t i = 0; i < v->peers_n; i++)
        if (v->peer[i].applied_ms != SB_VITAL_ABSENT && v->peer[i].healthy && v->peer[i].applied_ms > newest)
            newest = v->peer[i].applied_ms;
    for (size_t i = 0; i < v->peers_n; i++) {
        const struct sb_peer *p = &v->peer[i];
        bool known = newest != SB_VITAL_ABSENT && p->applied_ms > 0 && p->healthy && p->state == 2;
        in->lag[i] = known ? (double)(newest - p->applied_ms) / 1000 : NAN;
        in->sync_source[i] = p->sync_source;
    }
}

#define FLAPPING_MS 600000 /* two returns within so long are no order that comes back */

/* Another member leads. Where it led before the last change, the set returns to the order that priorities give it: that is
 * the end of something, not its beginning. */
void sb_incidents_lead(struct sb_incidents *in, int i)
{
    bool returns = i == in->former_primary && (!in->returned_ms || in->now_ms - in->returned_ms > FLAPPING_MS);
    in->moved_ms = in->primary >= 0 && !returns ? in->now_ms : 0;
    in->returned_ms = returns ? in->now_ms : in->returned_ms;
    in->former_primary = in->primary;
    in->primary = i;
}

/* Samples begin of a member that was known by what others say of it: from here on it speaks for itself. */
static void take_place(struct sb_incidents *in, struct member *o, int place)
{
    for (size_t i = 0; i < in->members_n; i++) {
        struct member *m = in->members[i];
        if (m == o || m->place != place || m->sampled)
            continue;
        o->down_ms = m->down_ms;
        m->place = -1;
        m->down = false;
        m->watch[AS_SECONDARY][SB_READING_LAG].deviating = false;
    }
    o->place = place;
}

/* Silence is worse than a state in which it serves nobody: it stays so until the member is well again or it is over. */
static void note_state(struct sb_incidents *in, int place, const struct sb_peer *p)
{
    struct member *m = sb_incidents_at_place(in, place);
    if (!m)
        return;
    if (well(p))
        m->unwell_state = m->down || in->open.is ? m->unwell_state : 0;
    else if (!p->healthy)
        m->unwell_state = STATE_DOWN;
    else if (m->unwell_state != STATE_DOWN)
        m->unwell_state = p->state;
}

int sb_incidents_peers(struct sb_incidents *in, int observer, const struct sb_vitals *v, struct sb_err *err)
{
    struct member *o = in->members[observer];
    int leader = -1;
    for (size_t i = 0; i < v->peers_n; i++) {
        const struct sb_peer *p = &v->peer[i];
        if (p->self && o->place < 0)
            take_place(in, o, (int)i);
        if (p->state == 1 && p->healthy)
            leader = (int)i;
        if (p->self || p->state == 0)
            continue;
        note_state(in, (int)i, p);
        if (well(p)) {
            o->saw_well[i] = true;
            o->bad[i] = 0;
        } else if (o->saw_well[i]) { /* one that was never well is no news */
            o->bad[i]++;
        }
    }
    for (size_t i = 0; i < v->peers_n; i++)
        if (judge_peer(in, (int)i, err))
            return -1;
    const struct member *lead = sb_incidents_leader(in);
    bool fresh = lead && lead != o && in->now_ms - lead->last_ms < VIEW_FRESH_MS;
    if (!fresh || lead == o)
        take_lags(in, v);
    if (leader >= 0 && o->place == leader && v->value[SB_VITAL_STATE] == 1 && in->primary != observer)
        sb_incidents_lead(in, observer); /* by its own word: the others learn of it later */
    return 0;
}

/* Of several that never said who leads, the one with samples. */
struct member *sb_incidents_leader(struct sb_incidents *in)
{
    if (in->primary >= 0)
        return in->members[in->primary];
    for (size_t i = 0; i < in->members_n; i++)
        if (in->members[i]->sampled)
            return in->members[i];
    return NULL;
}
