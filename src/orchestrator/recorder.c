/* SPDX-License-Identifier: Apache-2.0
 *
 * The flight recorder: the strip as it stood at the end of each minute, for 24 hours, in memory. At most MINUTES strips, and fewer
 * where a set has many members, so that all of them stay below about BYTES_MOST; the oldest go first. A restart forgets them. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000
#define MINUTES (24 * 60)
#define BYTES_MOST (8 << 20)
#define BYTES_OF_TEXT 160 /* of a member's names and notes, generously */

struct recorder {
    struct sb_strip *minute; /* a ring */
    size_t cap, first, n;
};

static size_t room(const struct sb_strip *s)
{
    size_t each = sizeof *s + s->members_n * (sizeof *s->members + BYTES_OF_TEXT), most = BYTES_MOST / each;
    return most < 2 ? 2 : most < MINUTES ? most : MINUTES;
}

static struct sb_strip *at(const struct recorder *r, size_t i)
{
    return &r->minute[(r->first + i) % r->cap];
}

static void drop_oldest(struct recorder *r)
{
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), at(r, 0));
    r->first = (r->first + 1) % r->cap;
    r->n--;
}

/* A strip replaces the one of its own minute; a clock that was set back begins anew, as nobody could tell the minutes apart. */
void sb_o_keep_minute(struct sb_orchestrator *o)
{
    const struct sb_schema *schema = sb_message_schema(SB_NEWS_STRIP);
    struct recorder *r = o->recorder;
    struct sb_strip copy;
    if (o->strip.wall <= 0)
        return;
    bool seeded = o->opt.origin && o->opt.origin->seeded; /* then the clock that is shown, and asked by, is another than that of the samples */
    int64_t shown = seeded ? sb_origin_wall_ms(o->opt.origin) : o->strip.wall;
    int64_t minute = shown / MINUTE_MS;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (r && !(r->minute = calloc(MINUTES, sizeof *r->minute))) {
            free(r);
            r = NULL;
        }
        if (!r)
            return; /* out of memory: it is tried with the next strip */
        r->cap = MINUTES;
        o->recorder = r;
    }
    if (sb_record_copy(schema, &copy, &o->strip))
        return;
    copy.wall = shown;
    while (r->n && minute < at(r, r->n - 1)->wall / MINUTE_MS)
        drop_oldest(r);
    if (r->n && at(r, r->n - 1)->wall / MINUTE_MS == minute) {
        sb_record_release(schema, at(r, r->n - 1));
        *at(r, r->n - 1) = copy;
        return;
    }
    while (r->n >= room(&copy) || (r->n && at(r, 0)->wall / MINUTE_MS <= minute - MINUTES))
        drop_oldest(r);
    *at(r, r->n++) = copy;
}

void sb_o_ask_replay(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct sb_replay_ask *ask = m->body;
    const struct recorder *r = o->recorder;
    struct sb_replay replay = {.at = 0};
    if (r && r->n) {
        size_t i = r->n - 1;
        while (i && at(r, i)->wall > ask->at)
            i--;
        replay = (struct sb_replay){.at = at(r, i)->wall, .oldest = at(r, 0)->wall, .newest = at(r, r->n - 1)->wall, .strip = *at(r, i)};
    }
    sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_REPLAY, m->seq, &replay)); /* a copy: what it borrows stays ours */
}

void sb_o_free_recorder(struct sb_orchestrator *o)
{
    struct recorder *r = o->recorder;
    while (r && r->n)
        drop_oldest(r);
    if (r)
        free(r->minute);
    free(r);
    o->recorder = NULL;
}
