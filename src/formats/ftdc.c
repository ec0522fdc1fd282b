/* SPDX-License-Identifier: Apache-2.0
 *
 * ftdc.c - one chunk: unpacked, its metrics named, its deltas added up. */
#include "ftdc_private.h"

#include <zlib.h>

struct sb_ftdc_decoder {
    uint8_t *inflated;
    size_t inflated_cap;
    int64_t *values;
    size_t values_cap;
    struct sb_ftdc_table table;
};

struct sb_ftdc_decoder *sb_ftdc_decoder_new(struct sb_err *err)
{
    struct sb_ftdc_decoder *d = calloc(1, sizeof *d);
    if (!d) {
        sb_fail_nomem(err);
        return NULL;
    }
    sb_str_init(&d->table.names);
    return d;
}

void sb_ftdc_decoder_free(struct sb_ftdc_decoder *d)
{
    if (!d)
        return;
    sb_ftdc_table_release(&d->table);
    free(d->inflated);
    free(d->values);
    free(d);
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Room for n bytes, the old content not kept: what was declared too small costs nothing. */
static void *room(void *p, size_t *cap, size_t n)
{
    if (n <= *cap)
        return p;
    free(p);
    *cap = 0;
    p = malloc(n);
    if (p)
        *cap = n;
    return p;
}

static int inflate_chunk(struct sb_ftdc_decoder *d, const uint8_t *data, size_t n, size_t *out_n, struct sb_err *err)
{
    if (n < 4)
        return sb_fail(err, SB_EINPUT, "it is too short to hold anything");
    size_t declared = le32(data);
    if (declared < 13 || declared > SB_FTDC_MAX_INFLATED)
        return sb_fail(err, SB_EINPUT, "it claims to unpack to %zu bytes", declared);
    d->inflated = room(d->inflated, &d->inflated_cap, declared);
    if (!d->inflated)
        return sb_fail_nomem(err);
    uLongf length = declared; /* zlib stops there, however much more there is */
    int z = uncompress(d->inflated, &length, data + 4, n - 4);
    if (z == Z_MEM_ERROR)
        return sb_fail_nomem(err);
    if (z != Z_OK || length != declared)
        return sb_fail(err, SB_EINPUT, z == Z_BUF_ERROR ? "its data is cut off or unpacks to more than it claims" : "its packed data is damaged");
    *out_n = declared;
    return 0;
}

/* LEB128: the value, or false where it is cut off or longer than ten bytes. */
static inline bool varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*p == end)
            return false;
        uint8_t c = *(*p)++;
        v |= shift < 64 ? (uint64_t)(c & 127) << shift : 0;
        if (c < 128) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* A run of zeros goes on from one metric to the next. False where the deltas end early. */
static bool add_up(const uint8_t *p, const uint8_t *end, const int64_t *first, size_t metrics, size_t samples, int64_t *out)
{
    uint64_t zeros = 0, delta;
    for (size_t m = 0; m < metrics; m++) {
        int64_t *to = out + m * samples, *stop = to + samples;
        uint64_t v = (uint64_t)first[m];
        *to++ = (int64_t)v;
        while (to < stop) {
            if (zeros) {
                size_t n = (size_t)(stop - to);
                n = zeros < n ? (size_t)zeros : n;
                for (size_t i = 0; i < n; i++)
                    to[i] = (int64_t)v;
                to += n;
                zeros -= n;
                continue;
            }
            if (p < end && *p - 1u < 127u) { /* one byte and not zero: most deltas */
                v += *p++;
                *to++ = (int64_t)v;
                continue;
            }
            if (!varint(&p, end, &delta) || (delta == 0 && !varint(&p, end, &zeros)))
                return false;
            v += delta;
            *to++ = (int64_t)v;
        }
    }
    return p == end && zeros == 0;
}

int sb_ftdc_decode(struct sb_ftdc_decoder *d, const uint8_t *data, size_t n, struct sb_ftdc_chunk *out, struct sb_err *err)
{
    size_t length = 0;
    if (inflate_chunk(d, data, n, &length, err))
        return -1;
    size_t doc_n = le32(d->inflated);
    if (doc_n < 5 || doc_n > length - 8)
        return sb_fail(err, SB_EINPUT, "its reference document claims to be %zu bytes long", doc_n);
    if (sb_ftdc_table_read(&d->table, d->inflated, doc_n, err))
        return -1;
    size_t metrics = le32(d->inflated + doc_n), deltas = le32(d->inflated + doc_n + 4);
    if (metrics != d->table.n)
        return sb_fail(err, SB_EINPUT, "it claims %zu metrics, and its reference document has %zu", metrics, d->table.n);
    if (deltas >= SB_FTDC_MAX_VALUES || metrics * (deltas + 1) > SB_FTDC_MAX_VALUES)
        return sb_fail(err, SB_EINPUT, "it claims %zu samples of %zu metrics", deltas + 1, metrics);
    d->values = room(d->values, &d->values_cap, (metrics * (deltas + 1) + 1) * sizeof *d->values);
    if (!d->values)
        return sb_fail_nomem(err);
    if (!add_up(d->inflated + doc_n + 8, d->inflated + length, d->table.first, metrics, deltas + 1, d->values))
        return sb_fail(err, SB_EINPUT, "its samples do not fill what it claims");
    *out = (struct sb_ftdc_chunk){d->table.metrics, metrics, deltas + 1, d->values, d->inflated, doc_n, 0};
    return 0;
}

int sb_ftdc_flatten(struct sb_ftdc_decoder *d, const uint8_t *doc, size_t n, struct sb_ftdc_chunk *out, struct sb_err *err)
{
    if (sb_ftdc_table_read(&d->table, doc, n, err))
        return -1;
    *out = (struct sb_ftdc_chunk){d->table.metrics, d->table.n, 1, d->table.first, doc, n, 0};
    return 0;
}

const int64_t *sb_ftdc_column(const struct sb_ftdc_chunk *chunk, const char *path)
{
    for (size_t i = 0; i < chunk->metrics_n; i++)
        if (strcmp(chunk->metrics[i].path, path) == 0)
            return chunk->values + i * chunk->samples;
    return NULL;
}
