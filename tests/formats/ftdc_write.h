/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostic data as a server would write it, for tests: documents appended to a growing string. Written from the format's
 * description, with nothing of the reader's. */
#ifndef SIGNALBOX_TEST_FTDC_WRITE_H
#define SIGNALBOX_TEST_FTDC_WRITE_H

#include <signalbox/base/str.h>

#include <bson/bson.h>
#include <zlib.h>

static inline void put_le32(struct sb_str *out, uint32_t v)
{
    unsigned char b[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16), (unsigned char)(v >> 24)};
    sb_str_add(out, b, sizeof b);
}

static inline void put_varint(struct sb_str *out, uint64_t v)
{
    for (; v > 127; v >>= 7)
        sb_str_addc(out, (char)(v | 128));
    sb_str_addc(out, (char)v);
}

/* The inner bytes: reference, counts, deltas of values[metric][sample] after the first sample. */
static inline void put_chunk(struct sb_str *out, const bson_t *reference, const int64_t *values, uint32_t metrics, uint32_t samples)
{
    uint64_t zeros = 0;
    sb_str_add(out, bson_get_data(reference), reference->len);
    put_le32(out, metrics);
    put_le32(out, samples - 1);
    for (uint32_t m = 0; m < metrics; m++)
        for (uint32_t s = 1; s < samples; s++) {
            uint64_t delta = (uint64_t)values[m * samples + s] - (uint64_t)values[m * samples + s - 1];
            if (delta == 0) {
                zeros++;
                continue;
            }
            if (zeros) {
                put_varint(out, 0);
                put_varint(out, zeros - 1);
                zeros = 0;
            }
            put_varint(out, delta);
        }
    if (zeros) {
        put_varint(out, 0);
        put_varint(out, zeros - 1);
    }
}

/* Packs inner bytes, claiming `declared` of them (0: as many as there are), into a document of type 1. */
static inline void put_document(struct sb_str *file, int64_t id_ms, const struct sb_str *inner, uint32_t declared)
{
    struct sb_str data;
    uLongf n = compressBound(inner->len);
    unsigned char *packed = malloc(n);
    bson_t doc = BSON_INITIALIZER;
    if (!packed || compress2(packed, &n, (const unsigned char *)inner->p, inner->len, 6) != Z_OK)
        abort();
    sb_str_init(&data);
    put_le32(&data, declared ? declared : (uint32_t)inner->len);
    sb_str_add(&data, packed, n);
    BSON_APPEND_DATE_TIME(&doc, "_id", id_ms);
    BSON_APPEND_INT32(&doc, "type", 1);
    BSON_APPEND_BINARY(&doc, "data", BSON_SUBTYPE_BINARY, (const uint8_t *)data.p, (uint32_t)data.len);
    sb_str_add(file, bson_get_data(&doc), doc.len);
    bson_destroy(&doc);
    sb_str_release(&data);
    free(packed);
}

#endif
