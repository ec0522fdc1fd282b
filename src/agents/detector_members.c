/* SPDX-License-Identifier: Apache-2.0
 *
 * The members' lives and the set's leadership, from the strip: what needs no level to be learned, since a member that does
 * not answer is never usual. The times are those after which the set's own members give each other up (ten seconds of
 * missed heartbeats, settings.electionTimeoutMillis); several strips in a row, so that one slow answer is not a death. */
#include "detector.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <math.h>
#include <string.h>

#define GIVEN_UP_MS 10000 /* deployment time */
#define STRIPS_IN_A_ROW 3
#define MOVE_TOLD_MS 60000 /* how long a change of primary counts as going on */

const char *sb_detector_shard(const struct sb_detector *d, const char *member)
{
    for (size_t i = 0; i < d->lives_n; i++)
        if (strcmp(d->lives[i].name, member) == 0)
            return d->lives[i].shard;
    return NULL;
}

void sb_detector_free_lives(struct sb_detector *d)
{
    for (size_t i = 0; i < d->lives_n; i++) {
        free(d->lives[i].name);
        free(d->lives[i].shard);
    }
    free(d->lives);
    for (size_t i = 0; i < d->sets_n; i++)
        free(d->sets[i].shard);
    free(d->sets);
}

static struct member_life *life_of(struct sb_detector *d, const char *name)
{
    for (size_t i = 0; i < d->lives_n; i++)
        if (strcmp(d->lives[i].name, name) == 0)
            return &d->lives[i];
    char *copy = sb_strdup_n(name, strlen(name));
    struct member_life *slot = copy ? SB_PUSH(d->lives) : NULL;
    if (!slot) {
        free(copy);
        return NULL;
    }
    slot->name = copy;
    return slot;
}

/* Brings a series to deviating or back; value: how long or how often, in the unit of its kind. */
static void set_deviating(struct sb_detector *d, enum series_kind kind, const char *subject, bool out, double value, int64_t onset, int64_t at)
{
    const struct series *known = sb_detector_find(d, kind, subject, "");
    if (!out && (!known || !known->deviating))
        return;
    struct series *s = sb_detector_series(d, kind, subject, "");
    if (!s)
        return; /* no room: tried again with the next strip */
    bool began = out && !s->deviating;
    s->deviating = out;
    s->last_at = at;
    if (out)
        s->value = value;
    if (began) {
        s->onset = onset;
        sb_detector_begin(d, s, at);
    }
}

static void take_member(struct sb_detector *d, const struct sb_member_line *m, int64_t at)
{
    struct member_life *l = life_of(d, m->name);
    if (!l)
        return;
    if (m->healthy) {
        l->answered_at = at;
        l->silent = 0;
    } else if (l->answered_at) {
        l->silent++; /* one that never answered is what the console says while it connects */
    }
    bool silent = l->silent >= STRIPS_IN_A_ROW && at - l->answered_at >= GIVEN_UP_MS;
    bool back = m->healthy && sb_streq(m->state, "ROLLBACK");
    set_deviating(d, MEMBER_ROLLBACK, m->name, back, 1, at, at);
    set_deviating(d, MEMBER_SILENT, m->name, silent, (double)(at - l->answered_at) / 1000, l->answered_at, at);
}

static bool same_set(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *only_primary(const struct sb_strip *strip, const char *shard)
{
    const char *found = NULL;
    for (size_t i = 0; i < strip->members_n; i++)
        if (same_set(strip->members[i].shard, shard) && strip->members[i].healthy && sb_streq(strip->members[i].state, "PRIMARY")) {
            if (found)
                return NULL; /* two that both think so: an election is not over */
            found = strip->members[i].name;
        }
    return found;
}

/* NULL out of memory. */
static struct set_life *set_of(struct sb_detector *d, const char *shard)
{
    for (size_t i = 0; i < d->sets_n; i++)
        if (same_set(d->sets[i].shard, shard))
            return &d->sets[i];
    char *copy = NULL;
    struct set_life *slot = sb_str_set(&copy, shard) == 0 ? SB_PUSH(d->sets) : NULL;
    if (slot)
        slot->shard = copy;
    else
        free(copy);
    return slot;
}

static void take_leadership(struct sb_detector *d, const struct sb_strip *strip, const char *shard)
{
    struct set_life *s = set_of(d, shard);
    if (!s)
        return;
    const char *primary = only_primary(strip, shard);
    if (!primary && s->primary[0])
        s->headless++;
    if (primary) {
        s->headless = 0;
        s->led_at = strip->at;
        s->next_seen = strcmp(s->next, primary) == 0 ? s->next_seen + 1 : 1;
        snprintf(s->next, sizeof s->next, "%s", primary);
        if (!s->primary[0]) {
            snprintf(s->primary, sizeof s->primary, "%s", primary);
        } else if (strcmp(s->primary, primary) != 0 && s->next_seen >= 2) {
            set_deviating(d, SET_MOVED, s->primary, false, 0, 0, strip->at); /* it had taken over itself a moment ago */
            memcpy(s->former, s->primary, sizeof s->former);
            snprintf(s->primary, sizeof s->primary, "%s", primary);
            s->moved_at = strip->at;
        }
    }
    bool headless = s->headless >= STRIPS_IN_A_ROW && strip->at - s->led_at >= GIVEN_UP_MS;
    const char *set = shard ? shard : strip->set_name && strip->set_name[0] ? strip->set_name : "the set";
    set_deviating(d, SET_HEADLESS, set, headless, (double)(strip->at - s->led_at) / 1000, s->led_at, strip->at);
    if (s->former[0])
        set_deviating(d, SET_MOVED, s->primary, strip->at - s->moved_at < MOVE_TOLD_MS, 1, s->moved_at, strip->at);
}

void sb_detector_strip(struct sb_detector *d, const struct sb_strip *strip)
{
    for (size_t i = 0; i < strip->members_n; i++) { /* also before the first sample: the log that comes with it is of a shard's */
        struct member_life *l = strip->members[i].shard ? life_of(d, strip->members[i].name) : NULL;
        if (l && !l->shard && sb_str_set(&l->shard, strip->members[i].shard))
            return;
    }
    if (!strip->at)
        return;
    if (strip->at > d->now)
        d->now = strip->at;
    for (size_t i = 0; i < strip->members_n; i++)
        take_member(d, &strip->members[i], strip->at);
    for (size_t i = 0; i < strip->members_n && strip->members_n > 1; i++) {
        const char *shard = strip->members[i].shard;
        bool first = true; /* of its set */
        for (size_t k = 0; k < i; k++)
            first = first && !same_set(strip->members[k].shard, shard);
        if (first)
            take_leadership(d, strip, shard);
    }
}

void sb_detector_life(const struct sb_detector *d, const struct open_anomaly *o, struct life_story *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        if (s->kind == MEMBER_SILENT && (!out->silent || s->value > out->silent->value))
            out->silent = s;
        if (s->kind == MEMBER_ROLLBACK)
            out->rollback = s;
        if (s->kind == SET_HEADLESS)
            out->headless = s;
        if (s->kind == SET_MOVED && (!out->moved || s->onset > out->moved->onset))
            out->moved = s;
    }
    out->former = "";
    for (size_t i = 0; i < d->sets_n; i++) {
        const struct set_life *s = &d->sets[i];
        if (out->moved && strcmp(out->moved->subject, s->primary) == 0)
            out->former = s->former;
        out->was_primary = out->was_primary || (out->silent && (strcmp(out->silent->subject, s->former) == 0 || strcmp(out->silent->subject, s->primary) == 0));
    }
}

char *sb_detector_life_title(const struct life_story *l)
{
    if (l->rollback)
        return sb_format("%s takes back writes that it had taken and the set has not (ROLLBACK)", l->rollback->subject);
    if (l->silent && l->moved && strcmp(l->silent->subject, l->moved->subject) == 0)
        return sb_format("%s, the primary, did not answer, and is primary again", l->silent->subject);
    if (l->silent && l->moved && l->was_primary)
        return sb_format("%s, the primary, does not answer; %s took over", l->silent->subject, l->moved->subject);
    if (l->silent && l->headless)
        return sb_format("%s does not answer, and no member is primary", l->silent->subject);
    if (l->silent)
        return sb_format("%s%s does not answer", l->silent->subject, l->was_primary ? ", the primary," : "");
    if (l->headless)
        return sb_format("no member of %s is primary: it takes no writes", l->headless->subject);
    return sb_format("%s took over as primary from %s", l->moved->subject, l->former);
}
