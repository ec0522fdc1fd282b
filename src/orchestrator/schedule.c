/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/orchestrator/schedule.h>

#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/intake.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define LEAST_S 60
#define MOST_S (366 * DAY_S)
#define EACH_DAY 0x7fu
#define MOST_COUNTED 100000 /* missed ones: a day each, so centuries */
#define STEERED_MS 2000     /* a clock that is slewed moves by less between two looks a second apart */

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* ---- reading a line ---- */

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= SB_SCHEDULE_NAME_MAX && !name[n];
}

/* "15m", "6h", "1d" as seconds; 0: it is none. */
static int64_t duration_of(const char *text)
{
    static const struct {
        char letter;
        int64_t s;
    } units[] = {{'m', 60}, {'h', 3600}, {'d', DAY_S}};
    size_t n = strspn(text, "0123456789");
    int64_t count;
    if (n == 0 || n > 6 || !text[n] || text[n + 1])
        return 0;
    char digits[8];
    snprintf(digits, sizeof digits, "%.*s", (int)n, text);
    if (sb_parse_i64(digits, &count))
        return 0;
    for (size_t i = 0; i < SB_COUNT(units); i++)
        if (units[i].letter == text[n])
            return count * units[i].s;
    return 0;
}

/* "02:30" as seconds; -1: it is none. */
static int64_t time_of_day(const char *t)
{
    for (size_t i = 0; i < 5; i++)
        if (i == 2 ? t[i] != ':' : t[i] < '0' || t[i] > '9')
            return -1;
    int h = (t[0] - '0') * 10 + t[1] - '0', m = (t[3] - '0') * 10 + t[4] - '0';
    return t[5] || h > 23 || m > 59 ? -1 : h * 3600 + m * 60;
}

static int day_of(const char *word)
{
    for (int i = 0; i < 7; i++)
        if (strcmp(day_names[i], word) == 0)
            return i;
    return -1;
}

static int read_zone(struct sb_schedule *s, const char *name, const struct sb_zone_source *zones, struct sb_err *err)
{
    struct sb_str bytes;
    sb_str_init(&bytes);
    int rc = sb_str_set(&s->tz, name) ? sb_fail_nomem(err) : zones->read(zones->ctx, name, &bytes, err);
    if (rc == 0 && !(s->zone = sb_zone_parse(name, bytes.p, bytes.len, err)))
        rc = -1;
    sb_str_release(&bytes);
    return rc;
}

/* What follows "run": the rest of the line. */
static int read_request(struct sb_schedule *s, const char *const *words, size_t n, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    for (size_t i = 0; i < n; i++)
        sb_str_addf(&text, "%s%s", i ? " " : "", words[i]);
    int rc = 0;
    if (!sb_str_ok(&text))
        rc = sb_fail_nomem(err);
    else if (!text.len || text.p[strspn(text.p, " \t\r\n")] == '\0')
        rc = sb_fail(err, SB_EINPUT, "behind run stands what is asked for, such as \"shop.orders is slow\"");
    else if (text.len > SB_REQUEST_MAX)
        rc = sb_fail(err, SB_EINPUT, "the request is longer than %d bytes", SB_REQUEST_MAX);
    if (rc == 0 && !(s->request = sb_str_take(&text)))
        rc = sb_fail_nomem(err);
    sb_str_release(&text);
    return rc;
}

static int read_every(struct sb_schedule *s, const char *word, struct sb_err *err)
{
    s->every_s = duration_of(word);
    if (s->every_s < LEAST_S || s->every_s > MOST_S)
        return sb_fail(err, SB_EINPUT, "every is followed by a duration from 1m to 366d, such as 15m, 6h or 1d");
    return (s->when = sb_format("every %s", word)) ? 0 : sb_fail_nomem(err);
}

/* at HH:MM [days] [zone Z]; returns how many words of it were taken, or -1. */
static int read_at(struct sb_schedule *s, const char *const *words, size_t n, const struct sb_zone_source *zones, struct sb_err *err)
{
    size_t i = 1;
    s->at_s = time_of_day(words[0]);
    if (s->at_s < 0)
        return sb_fail(err, SB_EINPUT, "at is followed by a time of day from 00:00 to 23:59");
    for (; i < n && day_of(words[i]) >= 0; i++)
        s->days |= 1u << day_of(words[i]);
    if (i + 1 < n && strcmp(words[i], "zone") == 0) {
        if (read_zone(s, words[i + 1], zones, err))
            return -1;
        i += 2;
    }
    struct sb_str when;
    sb_str_init(&when);
    sb_str_addf(&when, "at %s", words[0]);
    for (int k = 1; k <= 7; k++) /* in the week's order, however they were written */
        if (s->days & 1u << k % 7)
            sb_str_addf(&when, " %s", day_names[k % 7]);
    sb_str_addf(&when, " zone %s", s->tz ? s->tz : "UTC");
    if (!s->days)
        s->days = EACH_DAY;
    return (s->when = sb_str_take(&when)) ? (int)i : sb_fail_nomem(err);
}

static int read_line(struct sb_schedule *s, const char *const *words, size_t n, const struct sb_zone_source *zones, struct sb_err *err)
{
    int taken = -1;
    if (n < 3 || (strcmp(words[1], "every") != 0 && strcmp(words[1], "at") != 0))
        return sb_fail(err, SB_EINPUT, "must be: schedule NAME every DURATION run TEXT, or: schedule NAME at HH:MM [mon tue ...] [zone Z] run TEXT");
    if (!name_ok(words[0]))
        return sb_fail(err, SB_EINPUT, "a schedule's name has 1 to %d characters of a-z, 0-9, _ and -", SB_SCHEDULE_NAME_MAX);
    if (sb_str_set(&s->name, words[0]))
        return sb_fail_nomem(err);
    if (strcmp(words[1], "at") == 0)
        taken = read_at(s, words + 2, n - 2, zones, err);
    else if (read_every(s, words[2], err) == 0)
        taken = 1;
    if (taken < 0)
        return -1;
    size_t at = 2 + (size_t)taken;
    if (at >= n || strcmp(words[at], "run") != 0)
        return sb_fail(err, SB_EINPUT, at < n ? "\"%.40s\" is not understood here: days are mon to sun, then zone and its name, then run and the request"
                                              : "run and the request are missing", at < n ? words[at] : "");
    return read_request(s, words + at + 1, n - at - 1, err);
}

int sb_schedule_read(struct sb_schedule *out, const char *const *words, size_t n, const struct sb_zone_source *zones, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    if (read_line(out, words, n, zones, err) == 0)
        return 0;
    sb_schedule_release(out);
    return -1;
}

void sb_schedule_release(struct sb_schedule *s)
{
    free(s->name);
    free(s->when);
    free(s->request);
    free(s->tz);
    sb_zone_free(s->zone);
    memset(s, 0, sizeof *s);
}

const struct sb_schedule *sb_schedule_find(const struct sb_schedule *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (sb_streq(list[i].name, name))
            return &list[i];
    return NULL;
}

/* ---- planned times ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t local_day(const struct sb_schedule *s, int64_t utc)
{
    return floor_div(utc + (s->zone ? sb_zone_offset(s->zone, utc) : 0), DAY_S);
}

/* The planned time of a local day, in seconds; false when the day has none. */
static bool on_day(const struct sb_schedule *s, int64_t day, int64_t *utc)
{
    int64_t local = day * DAY_S + s->at_s;
    *utc = s->zone ? sb_zone_utc(s->zone, local) : local;
    return s->days & 1u << sb_weekday(day);
}

int64_t sb_schedule_next(const struct sb_schedule *s, int64_t after_ms)
{
    int64_t after = floor_div(after_ms, 1000), at;
    if (s->every_s)
        return (floor_div(after, s->every_s) + 1) * s->every_s * 1000;
    int64_t day = local_day(s, after) - 1;
    for (int i = 0; i < 16; i++, day++)
        if (on_day(s, day, &at) && at > after)
            return at * 1000;
    return SB_SCHEDULE_NEVER;
}

int64_t sb_schedule_newest(const struct sb_schedule *s, int64_t after_ms, int64_t until_ms, int64_t *others)
{
    int64_t after = floor_div(after_ms, 1000), until = floor_div(until_ms, 1000), at, newest = 0;
    *others = 0;
    if (s->every_s) {
        int64_t last = floor_div(until, s->every_s), before = floor_div(after, s->every_s);
        if (last <= before)
            return 0;
        *others = last - before - 1;
        return last * s->every_s * 1000;
    }
    int64_t day = local_day(s, until) + 1;
    for (int i = 0; i < 16 && !newest; i++, day--)
        if (on_day(s, day, &at) && at <= until)
            newest = at;
    if (!newest || newest <= after)
        return 0;
    for (int i = 0; i < MOST_COUNTED; i++, day--) {
        bool planned = on_day(s, day, &at);
        if (at <= after)
            break;
        *others += planned;
    }
    return newest * 1000;
}

void sb_schedule_local(const struct sb_schedule *s, int64_t ms, char *out, size_t cap)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t utc = floor_div(ms, 1000), local = utc + (s->zone ? sb_zone_offset(s->zone, utc) : 0), day = floor_div(local, DAY_S), of_day = local - day * DAY_S, year;
    int month, mday;
    sb_date_of_days(day, &year, &month, &mday);
    snprintf(out, cap, "%s %04d-%02d-%02d %02d:%02d (%s)", days[sb_weekday(day)], (int)year, month, mday, (int)(of_day / 3600), (int)(of_day / 60 % 60),
             s->tz ? s->tz : "UTC");
}

int64_t sb_clock_jump(int64_t wall_before, int64_t mono_before, int64_t wall, int64_t mono)
{
    int64_t jump = (wall - wall_before) - (mono - mono_before);
    return jump > -STEERED_MS && jump < STEERED_MS ? 0 : jump;
}

/* ---- what has been run ---- */

/* How many of the times are at or before an instant. */
static size_t passed(const struct sb_ran *r, int64_t now)
{
    size_t n = r->at_n;
    while (n && r->at[n - 1] > now) /* nearly always it is the last one */
        n--;
    return n;
}

bool sb_ran_has(const struct sb_ran *r, int64_t planned)
{
    size_t n = passed(r, planned);
    return n && r->at[n - 1] == planned;
}

int sb_ran_add(struct sb_ran *r, int64_t planned, struct sb_err *err)
{
    if (planned <= r->since || sb_ran_has(r, planned))
        return 0;
    if (r->at_n == SB_RAN_MAX) {
        r->since = r->at[0] > r->since ? r->at[0] : r->since;
        memmove(r->at, r->at + 1, --r->at_n * sizeof *r->at);
    }
    size_t place = passed(r, planned);
    if (!SB_PUSH(r->at))
        return sb_fail_nomem(err);
    memmove(r->at + place + 1, r->at + place, (r->at_n - 1 - place) * sizeof *r->at);
    r->at[place] = planned;
    return 0;
}

void sb_ran_drop(struct sb_ran *r, int64_t planned)
{
    size_t n = passed(r, planned);
    if (!n || r->at[n - 1] != planned)
        return;
    memmove(r->at + n - 1, r->at + n, (r->at_n - n) * sizeof *r->at);
    r->at_n--;
}

void sb_ran_release(struct sb_ran *r)
{
    free(r->at);
    memset(r, 0, sizeof *r);
}

void sb_ran_set_back(struct sb_ran *r, int64_t now)
{
    r->since = now < r->since ? now : r->since;
}

int64_t sb_schedule_due(const struct sb_schedule *s, const struct sb_ran *r, int64_t now, int64_t *missed)
{
    size_t n = passed(r, now);
    int64_t after = n && r->at[n - 1] > r->since ? r->at[n - 1] : r->since;
    return sb_schedule_newest(s, after, now, missed);
}

int64_t sb_schedule_wake(const struct sb_schedule *s, const struct sb_ran *r, int64_t now)
{
    int64_t missed, due = sb_schedule_due(s, r, now, &missed), next = due ? due : sb_schedule_next(s, now > r->since ? now : r->since);
    while (next != SB_SCHEDULE_NEVER && sb_ran_has(r, next))
        next = sb_schedule_next(s, next);
    return next;
}

/* ---- a list of due times ---- */

void sb_due_drop(struct sb_due_list *l, const char *id)
{
    for (size_t i = 0; i < l->item_n; i++)
        if (strcmp(l->item[i].id, id) == 0) {
            free(l->item[i].id);
            memmove(l->item + i, l->item + i + 1, (l->item_n - i - 1) * sizeof *l->item);
            l->item_n--;
            return;
        }
}

int sb_due_set(struct sb_due_list *l, const char *id, int64_t at, struct sb_err *err)
{
    char *copy = sb_format("%s", id);
    if (!copy || !SB_PUSH(l->item)) {
        free(copy);
        return sb_fail_nomem(err);
    }
    l->item_n--; /* the room is there: from here on nothing can fail */
    sb_due_drop(l, id);
    size_t place = l->item_n;
    while (place && l->item[place - 1].at > at)
        place--;
    memmove(l->item + place + 1, l->item + place, (l->item_n - place) * sizeof *l->item);
    l->item[place] = (struct sb_due){at, copy};
    l->item_n++;
    return 0;
}

int64_t sb_due_next(const struct sb_due_list *l)
{
    return l->item_n ? l->item[0].at : SB_SCHEDULE_NEVER;
}

char *sb_due_take(struct sb_due_list *l, int64_t now)
{
    if (!l->item_n || l->item[0].at > now)
        return NULL;
    char *id = l->item[0].id;
    memmove(l->item, l->item + 1, --l->item_n * sizeof *l->item);
    return id;
}

void sb_due_release(struct sb_due_list *l)
{
    for (size_t i = 0; i < l->item_n; i++)
        free(l->item[i].id);
    free(l->item);
    memset(l, 0, sizeof *l);
}
