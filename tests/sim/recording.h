/* SPDX-License-Identifier: Apache-2.0
 *
 * recording.h - for tests: diagnostic.data of a real mongod, read by a small decoder that shares nothing with the program's.
 * Included by one file a program, so everything is static.
 *
 * A file is BSON documents one after the other; {type: 1, data: BinData} is a chunk: length, zlib stream; inflated: a
 * reference document, the number of metrics, the number of further samples, and for each metric its differences as
 * variable-length integers, a zero followed by how many more of them there are. */
#ifndef SIGNALBOX_TEST_SIM_RECORDING_H
#define SIGNALBOX_TEST_SIM_RECORDING_H

#include "rig.h"

#include <signalbox/base/array.h>

#include <zlib.h>

struct rec_series {
    char *path;
    double *at_ms, *value;
    size_t n, cap, cap_value;
};

struct recording {
    struct rec_series *series;
    size_t n, cap;
};

static RIG_UNUSED struct rec_series *rec_find(struct recording *r, const char *path, size_t hint)
{
    if (hint < r->n && strcmp(r->series[hint].path, path) == 0)
        return &r->series[hint];
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->series[i].path, path) == 0)
            return &r->series[i];
    return NULL;
}

static struct rec_series *rec_need(struct recording *r, const char *path, size_t hint)
{
    struct rec_series *s = rec_find(r, path, hint);
    if (s)
        return s;
    assert_int_equal(SB_GROW(r->series, r->cap, r->n + 1), 0);
    s = &r->series[r->n++];
    memset(s, 0, sizeof *s);
    s->path = strdup(path);
    return s;
}

struct rec_metric {
    char path[300];
    uint64_t value;
};

struct rec_metrics {
    struct rec_metric *item;
    size_t n, cap;
};

static void rec_add(struct rec_metrics *m, const char *path, const char *part, uint64_t value)
{
    assert_int_equal(SB_GROW(m->item, m->cap, m->n + 1), 0);
    snprintf(m->item[m->n].path, sizeof m->item[m->n].path, "%s%s", path, part);
    m->item[m->n++].value = value;
}

/* Every number of a document, in order. */
static void rec_walk(struct rec_metrics *m, const uint8_t *doc, const char *prefix)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);) {
        char path[300];
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", e.key);
        if (e.v.type == BSON_TYPE_DOUBLE) {
            double d = (double)sim_number(e.v);
            rec_add(m, path, "", d == d ? (uint64_t)(int64_t)d : 0);
        } else if (e.v.type == BSON_TYPE_TIMESTAMP) {
            uint64_t ts = (uint64_t)sim_i64(e.v.p);
            rec_add(m, path, ".t", ts >> 32);
            rec_add(m, path, ".i", ts & 0xffffffff);
        } else if (e.v.type == BSON_TYPE_BOOL) {
            rec_add(m, path, "", sim_truth(e.v));
        } else if (e.v.type == BSON_TYPE_INT32 || e.v.type == BSON_TYPE_INT64) {
            rec_add(m, path, "", (uint64_t)sim_int(e.v, 0));
        } else if (e.v.type == BSON_TYPE_DATE_TIME) {
            rec_add(m, path, "", (uint64_t)sim_i64(e.v.p));
        } else if (sim_is_doc(e.v.type)) {
            rec_walk(m, e.v.p, path);
        }
    }
}

static uint64_t rec_varint(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 70; shift += 7) {
        uint8_t c = *(*p)++;
        v |= (uint64_t)(c & 0x7f) << (shift < 64 ? shift : 63);
        if (c < 0x80)
            break;
    }
    return v;
}

static void rec_chunk(struct recording *r, const uint8_t *data, size_t n)
{
    uLongf size = sim_u32(data);
    assert_true(size < 10000000);
    uint8_t *raw = malloc(size);
    assert_non_null(raw);
    assert_int_equal(uncompress(raw, &size, data + 4, n - 4), Z_OK);
    struct rec_metrics m = {0};
    rec_walk(&m, raw, "");
    const uint8_t *p = raw + sim_doc_len(raw), *end = raw + size;
    size_t metrics = sim_u32(p), samples = sim_u32(p + 4) + 1;
    p += 8;
    assert_int_equal(m.n, metrics);
    double *value = malloc(metrics * samples * sizeof *value);
    assert_non_null(value);
    uint64_t zeros = 0;
    for (size_t i = 0; i < metrics; i++) {
        uint64_t v = m.item[i].value;
        value[i * samples] = (double)(int64_t)v;
        for (size_t k = 1; k < samples; k++) {
            uint64_t d = 0;
            if (zeros)
                zeros--;
            else if ((d = rec_varint(&p, end)) == 0)
                zeros = rec_varint(&p, end);
            v += d;
            value[i * samples + k] = (double)(int64_t)v;
        }
    }
    size_t clock = 0; /* "start" of the whole sample comes first */
    while (clock < metrics && strcmp(m.item[clock].path, "start") != 0)
        clock++;
    assert_true(clock < metrics);
    for (size_t i = 0; i < metrics; i++) {
        if (strncmp(m.item[i].path, "serverStatus.", 13) != 0)
            continue;
        struct rec_series *s = rec_need(r, m.item[i].path + 13, i);
        assert_int_equal(SB_GROW(s->at_ms, s->cap, s->n + samples), 0);
        assert_int_equal(SB_GROW(s->value, s->cap_value, s->n + samples), 0);
        memcpy(s->value + s->n, value + i * samples, samples * sizeof *value);
        memcpy(s->at_ms + s->n, value + clock * samples, samples * sizeof *value);
        s->n += samples;
    }
    free(value);
    free(m.item);
    free(raw);
}

static RIG_UNUSED void rec_file(struct recording *r, const uint8_t *p, size_t n)
{
    while (n >= 5 && sim_doc_len(p) <= n) { /* the last document may be torn */
        if (sim_int(sim_find(p, "type"), -1) == 1) {
            struct sim_val data = sim_find(p, "data");
            assert_int_equal(data.type, BSON_TYPE_BINARY);
            rec_chunk(r, data.p + 5, sim_u32(data.p));
        }
        n -= sim_doc_len(p);
        p += sim_doc_len(p);
    }
}

static RIG_UNUSED void rec_release(struct recording *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->series[i].path);
        free(r->series[i].at_ms);
        free(r->series[i].value);
    }
    free(r->series);
}

#endif
