/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/records.h>

#include <stdlib.h>
#include <string.h>

struct sim_chunk {
    uint32_t used;
    struct sim_doc *doc[SIM_CHUNK];
};

struct sim_doc *sim_doc_new(const uint8_t *bson)
{
    size_t n = sim_doc_len(bson);
    struct sim_doc *d = malloc(sizeof *d + n);
    if (!d)
        return NULL;
    d->refs = 1;
    memcpy(d->bson, bson, n);
    return d;
}

void sim_doc_unref(struct sim_doc *d)
{
    if (d && --d->refs == 0)
        free(d);
}

void sim_records_init(struct sim_records *r)
{
    memset(r, 0, sizeof *r);
    r->next = r->first = 1;
}

void sim_records_release(struct sim_records *r)
{
    for (size_t c = 0; c < r->chunks_cap; c++) {
        if (!r->chunks[c])
            continue;
        for (size_t i = 0; i < SIM_CHUNK; i++)
            sim_doc_unref(r->chunks[c]->doc[i]);
        free(r->chunks[c]);
    }
    free(r->chunks);
    sim_records_init(r);
}

uint64_t sim_records_add(struct sim_records *r, struct sim_doc *d)
{
    size_t c = r->next / SIM_CHUNK;
    if (SB_GROW(r->chunks, r->chunks_cap, c + 1))
        return 0;
    if (!r->chunks[c] && !(r->chunks[c] = calloc(1, sizeof *r->chunks[c])))
        return 0;
    r->chunks[c]->doc[r->next % SIM_CHUNK] = d;
    r->chunks[c]->used++;
    r->count++;
    r->bytes += sim_doc_len(d->bson);
    return r->next++;
}

int sim_records_put(struct sim_records *r, uint64_t id, struct sim_doc *d)
{
    size_t c = id / SIM_CHUNK;
    if (SB_GROW(r->chunks, r->chunks_cap, c + 1))
        return -1;
    if (!r->chunks[c] && !(r->chunks[c] = calloc(1, sizeof *r->chunks[c])))
        return -1;
    r->chunks[c]->doc[id % SIM_CHUNK] = d;
    r->chunks[c]->used++;
    r->count++;
    r->bytes += sim_doc_len(d->bson);
    if (id < r->first)
        r->first = id;
    if (id >= r->next)
        r->next = id + 1;
    return 0;
}

struct sim_doc *sim_records_get(const struct sim_records *r, uint64_t id)
{
    if (id < r->first || id >= r->next || !r->chunks[id / SIM_CHUNK])
        return NULL;
    return r->chunks[id / SIM_CHUNK]->doc[id % SIM_CHUNK];
}

void sim_records_ask(const struct sim_records *r, uint64_t id, bool whole)
{
    if (id < r->first || id >= r->next || !r->chunks[id / SIM_CHUNK])
        return;
    struct sim_doc *const *slot = &r->chunks[id / SIM_CHUNK]->doc[id % SIM_CHUNK];
    if (!whole) {
        __builtin_prefetch(slot);
    } else if (*slot) {
        __builtin_prefetch(*slot, 1); /* it will be counted */
        __builtin_prefetch((const char *)*slot + 64);
    }
}

void sim_records_set(struct sim_records *r, uint64_t id, struct sim_doc *d)
{
    struct sim_doc **slot = &r->chunks[id / SIM_CHUNK]->doc[id % SIM_CHUNK];
    r->bytes += sim_doc_len(d->bson);
    r->bytes -= sim_doc_len((*slot)->bson);
    sim_doc_unref(*slot);
    *slot = d;
}

void sim_records_remove(struct sim_records *r, uint64_t id)
{
    struct sim_chunk **chunk = &r->chunks[id / SIM_CHUNK];
    struct sim_doc **slot = &(*chunk)->doc[id % SIM_CHUNK];
    r->bytes -= sim_doc_len((*slot)->bson);
    r->count--;
    sim_doc_unref(*slot);
    *slot = NULL;
    if (--(*chunk)->used == 0 && id / SIM_CHUNK != r->next / SIM_CHUNK) {
        free(*chunk);
        *chunk = NULL;
    }
    if (id == r->first) {
        uint64_t next = sim_records_from(r, id + 1);
        r->first = next ? next : r->next;
    }
}

uint64_t sim_records_from(const struct sim_records *r, uint64_t at)
{
    if (at < r->first)
        at = r->first;
    while (at < r->next) {
        const struct sim_chunk *chunk = r->chunks[at / SIM_CHUNK];
        if (!chunk) {
            at = (at / SIM_CHUNK + 1) * SIM_CHUNK;
            continue;
        }
        if (chunk->doc[at % SIM_CHUNK])
            return at;
        at++;
    }
    return 0;
}

uint64_t sim_records_back_from(const struct sim_records *r, uint64_t at)
{
    if (at >= r->next)
        at = r->next - 1;
    while (at >= r->first && at > 0) {
        const struct sim_chunk *chunk = r->chunks[at / SIM_CHUNK];
        if (!chunk) {
            at = at / SIM_CHUNK * SIM_CHUNK - 1;
            if (at == UINT64_MAX)
                break;
            continue;
        }
        if (chunk->doc[at % SIM_CHUNK])
            return at;
        at--;
    }
    return 0;
}
