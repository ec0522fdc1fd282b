/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/habit.h>
#include <signalbox/model/hush.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define ASIDE_MS (INT64_C(20) * 60 * 1000) /* from the time of the day */
#define LONGEST_MS (INT64_C(2) * 3600 * 1000)
#define DAYS 7
#define OF_THEM 3
#define NAMED 3

static bool as_jobs_do(int class_)
{
    return class_ == SB_CLASS_MAINTENANCE || class_ == SB_CLASS_LOAD;
}

static void forget(struct sb_habit *p)
{
    free(p->id);
    free(p->like);
}

int sb_habits_learn(struct sb_habits *h, const struct sb_anomaly *ended)
{
    struct sb_str like;
    if (ended->trend || !ended->to || ended->to < ended->from || ended->to - ended->from > LONGEST_MS || !as_jobs_do(ended->class_))
        return 0;
    sb_str_init(&like);
    sb_anomaly_likeness(ended, &like);
    struct sb_habit p = {.like = sb_str_take(&like), .from = ended->from, .to = ended->to, .severity = ended->severity};
    bool full = h->past_n == SB_HABITS_MOST;
    struct sb_habit *slot = !p.like || sb_str_set(&p.id, ended->id) ? NULL : full ? &h->past[h->next] : SB_PUSH(h->past);
    if (!slot) {
        forget(&p);
        return -1;
    }
    if (full) {
        forget(slot);
        h->next = (h->next + 1) % SB_HABITS_MOST;
    }
    *slot = p;
    return 0;
}

/* How many days before, 0: at another time of the day, or longer ago than a week. */
static int64_t days_before(const struct sb_habit *p, const struct sb_anomaly *a)
{
    int64_t apart = a->from - p->from, days = (apart + DAY_MS / 2) / DAY_MS;
    return days >= 1 && days <= DAYS && llabs(apart - days * DAY_MS) <= ASIDE_MS ? days : 0;
}

char *sb_habits_hush(const struct sb_habits *h, const struct sb_anomaly *a, int64_t now, int64_t oplog_window_s)
{
    const struct sb_habit *on[DAYS + 1] = {NULL};
    struct sb_str like, said;
    int64_t longest = 0, days = 0;
    if (a->trend || sb_anomaly_must_speak(a, oplog_window_s) || (a->class_ != SB_CLASS_UNKNOWN && !as_jobs_do(a->class_)))
        return NULL;
    sb_str_init(&like);
    sb_anomaly_likeness(a, &like);
    for (size_t i = 0; i < h->past_n && sb_str_ok(&like); i++) {
        const struct sb_habit *p = &h->past[i];
        int64_t day = sb_streq(p->like, like.p) && p->severity >= a->severity ? days_before(p, a) : 0;
        if (!day)
            continue;
        days += on[day] == NULL;
        on[day] = p;
        longest = p->to - p->from > longest ? p->to - p->from : longest;
    }
    sb_str_release(&like);
    int64_t lasts = (a->to ? a->to : now) - a->from;
    if (days < OF_THEM || lasts > longest + longest / 2)
        return NULL;
    sb_str_init(&said);
    sb_str_addf(&said, "usual at this hour, on %" PRId64 " of the last %d days:", days, DAYS);
    for (int64_t day = 1, named = 0; day <= DAYS && named < NAMED; day++)
        if (on[day])
            sb_str_addf(&said, "%s %s", named++ ? "," : "", on[day]->id);
    sb_str_addf(&said, "; over by itself within %" PRId64 " min", longest / 60000 + 1);
    return sb_str_take(&said);
}

void sb_habits_release(struct sb_habits *h)
{
    for (size_t i = 0; i < h->past_n; i++)
        forget(&h->past[i]);
    free(h->past);
    *h = (struct sb_habits){0};
}
