/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <signalbox/base/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 44
#define MAX_OFFSET (26 * 3600)
#define MAX_YEARS_S INT64_C(400000000000) /* about the year 14000: sums stay far from overflow */

struct sb_zone {
    size_t changes;
    int64_t *at;      /* rising */
    int32_t *to;      /* the offset from then on */
    int32_t first;    /* the offset before all of them */
    bool has_rule;
    struct sb_zone_rule rule; /* after the last of them */
};

/* ---- the file ---- */

struct block {
    uint64_t ut, standard, leaps, changes, types, letters;
    const unsigned char *body;
    uint64_t size;
};

static uint64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* A header with its data, whose times have `width` bytes. */
static bool read_block(const unsigned char *p, size_t n, unsigned width, struct block *b)
{
    if (n < HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    uint64_t *count[] = {&b->ut, &b->standard, &b->leaps, &b->changes, &b->types, &b->letters};
    for (size_t i = 0; i < SB_COUNT(count); i++)
        *count[i] = big_endian(p + 20 + 4 * i, 4); /* 32 bits each: the sum cannot overflow 64 */
    b->body = p + HEADER;
    b->size = b->changes * (width + 1) + b->types * 6 + b->letters + b->leaps * (width + 4) + b->standard + b->ut;
    return b->size <= n - HEADER;
}

static const char *read_table(struct sb_zone *z, const struct block *b)
{
    const unsigned char *index = b->body + b->changes * 8, *type = index + b->changes;
    if (b->leaps)
        return "it counts leap seconds";
    if (b->types == 0 || b->types > 256)
        return "it has no local time type, or too many";
    for (uint64_t i = 0; i < b->types; i++) {
        int32_t offset = (int32_t)(uint32_t)big_endian(type + i * 6, 4);
        if (offset < -MAX_OFFSET || offset > MAX_OFFSET)
            return "an offset is over 26 hours";
    }
    z->first = (int32_t)(uint32_t)big_endian(type, 4);
    z->at = calloc(b->changes + 1, sizeof *z->at);
    z->to = calloc(b->changes + 1, sizeof *z->to);
    if (!z->at || !z->to)
        return "memory ran out";
    z->changes = (size_t)b->changes;
    for (size_t i = 0; i < z->changes; i++) {
        z->at[i] = (int64_t)big_endian(b->body + i * 8, 8);
        if (index[i] >= b->types)
            return "a change leads to a type that is not there";
        if (i && z->at[i] <= z->at[i - 1])
            return "its changes are not in order";
        z->to[i] = (int32_t)(uint32_t)big_endian(type + index[i] * 6, 4);
    }
    return NULL;
}

static const char *read_footer(struct sb_zone *z, const char *p, size_t n)
{
    const char *end = n > 1 && *p == '\n' ? memchr(p + 1, '\n', n - 1) : NULL;
    if (!end)
        return "it ends before its footer";
    if (end == p + 1)
        return NULL; /* no rule: the last offset stays */
    z->has_rule = true;
    return sb_zone_rule_parse(&z->rule, p + 1, (size_t)(end - p - 1)) ? "its footer is no rule" : NULL;
}

static const char *read_file(struct sb_zone *z, const unsigned char *p, size_t n)
{
    struct block old, b;
    if (n > SB_ZONE_MAX_BYTES)
        return "it is larger than 128 KiB";
    if (!read_block(p, n, 4, &old))
        return "it is no TZif file, or cut short";
    if (p[4] < '2')
        return "it is a TZif file of version 1, which ends in 2038";
    size_t second = HEADER + (size_t)old.size;
    if (!read_block(p + second, n - second, 8, &b))
        return "it is cut short";
    const char *why = read_table(z, &b);
    size_t footer = second + HEADER + (size_t)b.size;
    return why ? why : read_footer(z, (const char *)p + footer, n - footer);
}

struct sb_zone *sb_zone_parse(const char *name, const void *bytes, size_t n, struct sb_err *err)
{
    struct sb_zone *z = calloc(1, sizeof *z);
    if (!z) {
        sb_fail_nomem(err);
        return NULL;
    }
    const char *why = read_file(z, bytes, n);
    if (!why)
        return z;
    sb_fail(err, SB_EINPUT, "the data of the time zone %.64s cannot be used: %s", name, why);
    sb_zone_free(z);
    return NULL;
}

void sb_zone_free(struct sb_zone *z)
{
    if (!z)
        return;
    free(z->at);
    free(z->to);
    free(z);
}

/* ---- asking ---- */

static int64_t clamp(int64_t t)
{
    return t < -MAX_YEARS_S ? -MAX_YEARS_S : t > MAX_YEARS_S ? MAX_YEARS_S : t;
}

/* How many changes are at or before an instant. */
static size_t passed(const struct sb_zone *z, int64_t utc)
{
    size_t low = 0, high = z->changes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at[middle] <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t sb_zone_offset(const struct sb_zone *z, int64_t utc)
{
    utc = clamp(utc);
    size_t n = passed(z, utc);
    if (n == z->changes && z->has_rule)
        return sb_zone_rule_offset(&z->rule, utc);
    return n ? z->to[n - 1] : z->first;
}

int64_t sb_zone_next(const struct sb_zone *z, int64_t utc)
{
    utc = clamp(utc);
    size_t n = passed(z, utc);
    if (n < z->changes)
        return z->at[n];
    return z->has_rule ? sb_zone_rule_next(&z->rule, utc) : SB_ZONE_NEVER;
}

int64_t sb_zone_utc(const struct sb_zone *z, int64_t local)
{
    local = clamp(local);
    int64_t from = local - 2 * MAX_OFFSET;
    int32_t offset = sb_zone_offset(z, from);
    /* piece by piece from well before: the first piece that shows this time has it; where the clock jumps over it, it is
     * read by the offset before the jump. A zone changes far less often than 64 times in four days. */
    for (int i = 0; i < 64; i++) {
        int64_t change = sb_zone_next(z, from);
        if (change == SB_ZONE_NEVER || local - offset < change)
            break;
        int32_t then = sb_zone_offset(z, change);
        if (change + then > local)
            break;
        from = change;
        offset = then;
    }
    return local - offset;
}

/* ---- the system's files ---- */

/* What a zone of a fixed offset looks like: version 2, one type, an empty name, no changes. */
static const unsigned char utc_file[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0"
                                        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\nUTC0\n";

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");
    return n > 0 && n <= 64 && !name[n] && name[0] != '/' && !strstr(name, "//"); /* no dots, so no way up either */
}

static int read_system(void *ctx, const char *name, struct sb_str *out, struct sb_err *err)
{
    (void)ctx;
    if (strcmp(name, "UTC") == 0) {
        sb_str_add(out, utc_file, sizeof utc_file - 1);
        return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
    }
    if (!name_ok(name))
        return sb_fail(err, SB_EINPUT, "\"%.64s\" is no name of a time zone, such as Europe/Amsterdam", name);
    char path[128];
    struct sb_err why = SB_ERR_INIT;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    if (sb_file_read(path, SB_ZONE_MAX_BYTES, out, &why) == 0)
        return 0;
    return why.code == SB_ENOMEM ? sb_fail_nomem(err)
                                 : sb_fail(err, SB_EINPUT, "this machine has no data of the time zone %s (%.200s); the Debian package tzdata has it", name, why.msg);
}

const struct sb_zone_source sb_zones_of_system = {read_system, NULL};
