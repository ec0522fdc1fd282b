/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_S INT64_C(86400)

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t sb_mono_ns(void)
{
    return read_clock_ns(CLOCK_BOOTTIME);
}

int64_t sb_wall_ms(void)
{
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t sb_mono_ms(void)
{
    return sb_mono_ns() / 1000000;
}

static void read_boot_id(char out[40])
{
    snprintf(out, 40, "unknown");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char buf[40];
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    if (n >= 36)
        snprintf(out, 40, "%.36s", buf);
}

void sb_origin_system(struct sb_origin *o)
{
    memset(o, 0, sizeof *o);
    o->pid = getpid();
    read_boot_id(o->boot);
    if (gethostname(o->host, sizeof o->host - 1) || !sb_utf8_valid(o->host, strlen(o->host)))
        snprintf(o->host, sizeof o->host, "unknown");
}

void sb_origin_seeded(struct sb_origin *o, uint64_t seed)
{
    memset(o, 0, sizeof *o);
    o->seeded = true;
    o->start_mono_ms = sb_mono_ms();
    o->start_wall_ms = INT64_C(1767603600000);
    struct sb_rng root;
    sb_rng_seed(&root, seed);
    sb_rng_fork(&o->rng, &root, "origin");
    uint64_t a = sb_rng_u64(&o->rng), b = sb_rng_u64(&o->rng);
    snprintf(o->boot, sizeof o->boot, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
             (unsigned)(a & 0xffff), (unsigned)(b >> 48), b & UINT64_C(0xffffffffffff));
    o->pid = 1000 + (int64_t)sb_rng_below(&o->rng, 30000);
    snprintf(o->host, sizeof o->host, "seed-%" PRIu64, seed);
}

void sb_origin_set_run(struct sb_origin *o, uint64_t run)
{
    if (!o->seeded || run == 0)
        return;
    char use[40];
    struct sb_rng rng = o->rng;
    snprintf(use, sizeof use, "run %" PRIu64, run);
    sb_rng_fork(&o->rng, &rng, use);
}

int64_t sb_origin_mono_ms(const struct sb_origin *o)
{
    return sb_mono_ms() - o->start_mono_ms;
}

int64_t sb_origin_wall_ms(const struct sb_origin *o)
{
    if (o->seeded)
        return o->start_wall_ms + sb_origin_mono_ms(o);
    return sb_wall_ms();
}

int sb_origin_nonce(struct sb_origin *o, char out[33], struct sb_err *err)
{
    uint8_t bytes[16];
    if (o->seeded) {
        uint64_t pair[2] = {sb_rng_u64(&o->rng), sb_rng_u64(&o->rng)};
        memcpy(bytes, pair, sizeof bytes);
    } else if (sb_random_bytes(bytes, sizeof bytes, err)) {
        return -1;
    }
    sb_hex_encode(out, bytes, sizeof bytes);
    return 0;
}

/* Civil calendar from days since 1970-01-01 and back: H. Hinnant, "chrono-compatible low-level date algorithms". */
static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void sb_time_format(char out[SB_TIME_LEN + 1], int64_t wall_ms)
{
    const int64_t least = INT64_C(-62135596800000), most = INT64_C(253402300799999);
    if (wall_ms < least)
        wall_ms = least;
    if (wall_ms > most)
        wall_ms = most;
    int64_t ms = wall_ms % 1000, s = wall_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    int64_t day_s = s % DAY_S, days = s / DAY_S;
    if (day_s < 0) {
        day_s += DAY_S;
        days--;
    }
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    snprintf(out, SB_TIME_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)day % 100, (unsigned)(day_s / 3600) % 100, (unsigned)(day_s / 60 % 60), (unsigned)(day_s % 60),
             (unsigned)ms % 1000);
}

/* Reads exactly n digits at *p, advancing it; -1 when there are fewer. */
static int digits(const char **p, const char *end, int n)
{
    int v = 0;
    if (end - *p < n)
        return -1;
    for (int i = 0; i < n; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return -1;
        v = v * 10 + (c - '0');
    }
    *p += n;
    return v;
}

static bool literal(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    ++*p;
    return true;
}

int sb_time_parse(const char *text, size_t n, int64_t *wall_ms)
{
    const char *p = text, *end = text + n;
    int year = digits(&p, end, 4);
    if (year < 1 || !literal(&p, end, '-'))
        return -1;
    int month = digits(&p, end, 2);
    if (month < 1 || month > 12 || !literal(&p, end, '-'))
        return -1;
    int day = digits(&p, end, 2);
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > month_days[month - 1] + (month == 2 && leap))
        return -1;
    if (p == end || (*p != 'T' && *p != 't' && *p != ' '))
        return -1;
    p++;
    int hour = digits(&p, end, 2);
    if (hour < 0 || hour > 23 || !literal(&p, end, ':'))
        return -1;
    int minute = digits(&p, end, 2);
    if (minute < 0 || minute > 59 || !literal(&p, end, ':'))
        return -1;
    int second = digits(&p, end, 2);
    if (second < 0 || second > 60)
        return -1;
    int ms = 0;
    if (literal(&p, end, '.')) {
        int scale = 100, count = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++, count++) {
            ms += (*p - '0') * scale;
            scale /= 10;
        }
        if (count == 0)
            return -1;
    }
    int offset_min = 0;
    if (!literal(&p, end, 'Z') && !literal(&p, end, 'z')) {
        if (p == end || (*p != '+' && *p != '-'))
            return -1;
        int sign = *p++ == '-' ? -1 : 1;
        int oh = digits(&p, end, 2);
        literal(&p, end, ':');
        int om = digits(&p, end, 2);
        if (oh < 0 || oh > 23 || om < 0 || om > 59)
            return -1;
        offset_min = sign * (oh * 60 + om);
    }
    if (p != end)
        return -1;
    int64_t s = days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_min * 60;
    *wall_ms = s * 1000 + ms;
    return 0;
}

#define MOST_AGO 36500

int sb_time_when(const char *word, int64_t now, int64_t *wall_ms)
{
    static const char rest[] = "0000-00-00T00:00:00Z";
    char text[64], *end;
    size_t n = strlen(word);
    if (sb_time_parse(word, n, wall_ms) == 0)
        return 0;
    if (n == 10 || n == 16 || n == 19) {
        snprintf(text, sizeof text, "%s%s", word, rest + n);
        if (sb_time_parse(text, strlen(text), wall_ms) == 0)
            return 0;
    }
    long amount = strtol(word, &end, 10);
    if (end == word || amount < 0 || amount > MOST_AGO || (strcmp(end, "d") != 0 && strcmp(end, "h") != 0))
        return -1;
    *wall_ms = now - (int64_t)amount * (*end == 'd' ? INT64_C(86400000) : INT64_C(3600000));
    return 0;
}

void sb_duration_format(char *out, size_t cap, int64_t ms)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (v < 1000)
        snprintf(out, cap, "%s%" PRIu64 " ms", sign, v);
    else if (v < 60000)
        snprintf(out, cap, "%s%" PRIu64 " s", sign, v / 1000);
    else if (v < 3600000)
        snprintf(out, cap, "%s%" PRIu64 " min %02" PRIu64 " s", sign, v / 60000, v / 1000 % 60);
    else if (v < 86400000)
        snprintf(out, cap, "%s%" PRIu64 " h %02" PRIu64 " min", sign, v / 3600000, v / 60000 % 60);
    else
        snprintf(out, cap, "%s%" PRIu64 " d %02" PRIu64 " h", sign, v / 86400000, v / 3600000 % 24);
}
