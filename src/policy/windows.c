/* SPDX-License-Identifier: Apache-2.0
 *
 * The "windows" of a bundle, read. */
#include "loader.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <stdlib.h>

#define MAX_WINDOWS 100
#define MAX_EXCEPT 1000
#define MAX_DURATION_MIN (7 * 24 * 60)

static bool digits(const char *p, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *out = *out * 10 + (p[i] - '0');
    }
    return true;
}

/* "22:00" as seconds. */
static bool clock_of(const char *text, int64_t *out)
{
    int h, m;
    if (!text || strlen(text) != 5 || text[2] != ':' || !digits(text, 2, &h) || !digits(text + 3, 2, &m) || h > 23 || m > 59)
        return false;
    *out = h * 3600 + m * 60;
    return true;
}

bool sb_policy_date(const char *text, int64_t *days)
{
    int y, m, d, month, day;
    int64_t year;
    if (!text || strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &y) || !digits(text + 5, 2, &m) || !digits(text + 8, 2, &d) || m < 1 ||
        m > 12 || d < 1 || y < 1970)
        return false;
    *days = sb_days_of_date(y, m, d);
    sb_date_of_days(*days, &year, &month, &day);
    return year == y && month == m && day == d; /* else there is no such day in that month */
}

/* "2026-12-18T00:00", or a day, as local seconds. */
static bool moment_of(const char *text, int64_t *out)
{
    char day[11];
    int64_t days, s = 0;
    if (!text || (strlen(text) != 10 && (strlen(text) != 16 || text[10] != 'T' || !clock_of(text + 11, &s))))
        return false;
    snprintf(day, sizeof day, "%s", text);
    if (!sb_policy_date(day, &days))
        return false;
    *out = days * 86400 + s;
    return true;
}

static int read_days(struct sb_loader *l, const json_t *v, struct sb_window *w)
{
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    if (!json_is_array(v) || !json_array_size(v))
        return sb_loader_refuse(l, "days must be a list of mon, tue, wed, thu, fri, sat, sun");
    for (size_t i = 0; i < json_array_size(v); i++) {
        size_t k = 0;
        while (k < 7 && !sb_streq(names[k], json_string_value(json_array_get(v, i))))
            k++;
        if (k == 7)
            return sb_loader_refuse(l, "days must be a list of mon, tue, wed, thu, fri, sat, sun");
        w->days |= 1u << k;
    }
    return 0;
}

static int read_except(struct sb_loader *l, const json_t *v, struct sb_window *w)
{
    size_t n = json_array_size(v);
    if (v && (!json_is_array(v) || n > MAX_EXCEPT))
        return sb_loader_refuse(l, "except must be a list of at most 1000 days, such as 2026-12-24");
    w->except = calloc(n + 1, sizeof *w->except);
    if (!w->except)
        return sb_fail_nomem(l->err);
    for (w->except_n = 0; w->except_n < n; w->except_n++)
        if (!sb_policy_date(json_string_value(json_array_get(v, w->except_n)), &w->except[w->except_n]))
            return sb_loader_refuse(l, "except must be a list of days, such as 2026-12-24");
    return 0;
}

static int read_when(struct sb_loader *l, const json_t *v, struct sb_window *w)
{
    const json_t *days = json_object_get(v, "days"), *minutes = json_object_get(v, "duration_min"), *except = json_object_get(v, "except");
    const char *from, *to, *start;
    if (sb_loader_text(l, v, "from", false, &from) || sb_loader_text(l, v, "to", false, &to) || sb_loader_text(l, v, "start", false, &start))
        return -1;
    w->has_from = from != NULL;
    w->has_to = to != NULL;
    w->recurs = days != NULL;
    if ((from && !moment_of(from, &w->from)) || (to && !moment_of(to, &w->to)))
        return sb_loader_refuse(l, "from and to are local times, such as 2026-12-18T00:00");
    if (from && to && w->from >= w->to)
        return sb_loader_refuse(l, "it ends before it begins");
    if (!w->recurs)
        return from && to && !start && !minutes && !except ? 0 : sb_loader_refuse(l, "a window has days, start and duration_min, or else from and to");
    int64_t m = json_is_integer(minutes) ? json_integer_value(minutes) : 0;
    if (!clock_of(start, &w->start_s))
        return sb_loader_refuse(l, "start is a local time, such as 22:00");
    if (m < 1 || m > MAX_DURATION_MIN)
        return sb_loader_refuse(l, "duration_min must be an integer from 1 to 10080");
    w->duration_s = m * 60;
    return read_days(l, days, w) || read_except(l, except, w) ? -1 : 0;
}

static int hash_hex(struct sb_loader *l, const void *p, size_t n, char out[65])
{
    struct sb_hash hash;
    if (sb_hash_bytes(&hash, p, n, l->err))
        return -1;
    sb_hex_encode(out, hash.bytes, SB_HASH_LEN);
    return 0;
}

static int read_zone(struct sb_loader *l, struct sb_window *w)
{
    struct sb_str bytes;
    struct sb_err why = SB_ERR_INIT;
    int rc = -1;
    if (!l->zones)
        return 0;
    sb_str_init(&bytes);
    if (l->zones->read(l->zones->ctx, w->tz, &bytes, &why) == 0 && (w->zone = sb_zone_parse(w->tz, bytes.p, bytes.len, &why)))
        rc = hash_hex(l, bytes.p, bytes.len, w->tzdata);
    else if (why.code == SB_ENOMEM)
        sb_fail_nomem(l->err);
    else
        sb_loader_refuse(l, why.msg);
    sb_str_release(&bytes);
    return rc;
}

static int define(struct sb_loader *l, const json_t *v, struct sb_window *w)
{
    struct sb_str text;
    char fact[120];
    sb_str_init(&text);
    snprintf(fact, sizeof fact, "calendar.%s.active", w->name);
    int rc = sb_json_canonical(&text, v, l->err) || hash_hex(l, text.p, text.len, w->definition) || sb_compile_fact(l, fact, &w->active) ? -1 : 0;
    sb_str_release(&text);
    return rc;
}

static int read_window(struct sb_loader *l, const char *name, const json_t *v)
{
    static const char *const keys[] = {"title", "kind", "tz", "days", "start", "duration_min", "from", "to", "except", "overrun"};
    const char *kind, *overrun, *title;
    if (SB_GROW(l->p->windows, l->p->windows_cap, l->p->windows_n + 1))
        return sb_fail_nomem(l->err);
    struct sb_window *w = &l->p->windows[l->p->windows_n++];
    memset(w, 0, sizeof *w);
    w->name = name;
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "kind", true, &kind) || sb_loader_text(l, v, "tz", true, &w->tz) ||
        sb_loader_text(l, v, "overrun", false, &overrun) || sb_loader_text(l, v, "title", false, &title))
        return -1;
    if (strcmp(kind, "allow") != 0 && strcmp(kind, "deny") != 0)
        return sb_loader_refuse_name(l, "kind must be allow or deny, not", kind);
    w->freeze = strcmp(kind, "deny") == 0;
    int found = overrun ? sb_name_find(&sb_overruns, overrun) : SB_OVERRUN_FINISH_STEP;
    if (found < 0)
        return sb_loader_refuse_name(l, "overrun must be finish_step, finish_plan or pause, not", overrun);
    w->overrun = (enum sb_overrun)found;
    return read_when(l, v, w) || read_zone(l, w) || define(l, v, w) ? -1 : 0;
}

int sb_loader_windows(struct sb_loader *l)
{
    return sb_loader_named(l, "windows", MAX_WINDOWS, "must be an object of at most 100 windows", read_window);
}
