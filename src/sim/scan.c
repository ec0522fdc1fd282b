/* SPDX-License-Identifier: Apache-2.0
 *
 * Index scans: bounds as ranges of key bytes, and the walk that leaps over what is out of bounds. */
#include "scan.h"

#include "ridset.h"

#include <string.h>

static bool encode(struct sim_arena *a, struct sb_str *room, struct sim_val v, bool descending, const uint8_t **p, uint32_t *n)
{
    sb_str_clear(room);
    sim_key_field(room, v, descending);
    *n = (uint32_t)room->len;
    *p = sb_str_ok(room) ? sim_arena_copy(a, room->p, room->len) : NULL;
    return *p != NULL;
}

/* The intervals of field i in the order of the tree: a descending field turns them about. */
static bool prepare_field(struct sim_arena *a, struct sim_scan *s, unsigned i, struct sb_str *room)
{
    const struct sim_intervals *v = &s->values[i];
    bool down = s->index->field[i].descending;
    s->field[i].n = v->n;
    s->field[i].all = sim_bounds_is_all(v);
    if (!(s->field[i].r = sim_arena_room(a, (v->n ? v->n : 1) * sizeof *s->field[i].r)))
        return false;
    for (size_t k = 0; k < v->n; k++) {
        const struct sim_interval *iv = &v->iv[down ? v->n - 1 - k : k];
        struct sim_range *r = &s->field[i].r[k];
        r->from_in = down ? iv->hi_in : iv->lo_in;
        r->to_in = down ? iv->lo_in : iv->hi_in;
        if (!encode(a, room, down ? iv->hi : iv->lo, down, &r->from, &r->from_n))
            return false;
        if (iv->lo.p == iv->hi.p && iv->lo.type == iv->hi.type) { /* a point: most of what is asked for */
            r->to = r->from;
            r->to_n = r->from_n;
        } else if (!encode(a, room, down ? iv->lo : iv->hi, down, &r->to, &r->to_n)) {
            return false;
        }
    }
    return true;
}

bool sim_scan_prepare(struct sim_arena *a, struct sim_scan *s, struct sb_str *room)
{
    unsigned i = 0;
    if (!(s->field = sim_arena_room(a, s->index->fields * sizeof *s->field)))
        return false;
    for (unsigned k = 0; k < s->index->fields; k++)
        if (!prepare_field(a, s, k, room))
            return false;
    while (i < s->index->fields && s->values[i].n == 1 && sim_interval_is_point(&s->values[i].iv[0]))
        i++;
    if (i < s->index->fields && s->values[i].n == 1)
        i++;
    while (i < s->index->fields && s->field[i].all)
        i++;
    s->simple = i == s->index->fields;
    return true;
}

static int compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : (an > bn) - (an < bn);
}

enum verdict { INSIDE, LEAP, PAST };

/* Appends the least (greatest) places of the fields from i on. */
static void add_rest(const struct sim_scan *s, unsigned i, struct sb_str *seek)
{
    for (; i < s->index->fields && s->field[i].n; i++) {
        const struct sim_range *r = s->backward ? &s->field[i].r[s->field[i].n - 1] : &s->field[i].r[0];
        sb_str_add(seek, s->backward ? r->to : r->from, s->backward ? r->to_n : r->from_n);
        if (!(s->backward ? r->to_in : r->from_in)) {
            if (!s->backward)
                sb_str_addc(seek, (char)SIM_KEY_AFTER); /* behind everything that begins so; backward: before it */
            return;
        }
    }
    if (s->backward)
        sb_str_addc(seek, (char)SIM_KEY_AFTER);
}

static enum verdict leap_forward(const struct sim_scan *s, const uint8_t *key, size_t before, size_t n, unsigned i, struct sb_str *seek)
{
    for (size_t k = 0; k < s->field[i].n; k++) {
        const struct sim_range *r = &s->field[i].r[k];
        int to = compare(key + before, n, r->to, r->to_n);
        if (to > 0 || (to == 0 && !r->to_in))
            continue;
        int from = compare(key + before, n, r->from, r->from_n);
        if (from > 0 || (from == 0 && r->from_in))
            return INSIDE;
        sb_str_clear(seek);
        sb_str_add(seek, key, before);
        sb_str_add(seek, r->from, r->from_n);
        if (r->from_in)
            add_rest(s, i + 1, seek);
        else
            sb_str_addc(seek, (char)SIM_KEY_AFTER);
        return LEAP;
    }
    if (i == 0)
        return PAST;
    sb_str_clear(seek);
    sb_str_add(seek, key, before);
    sb_str_addc(seek, (char)SIM_KEY_AFTER);
    return LEAP;
}

static enum verdict leap_backward(const struct sim_scan *s, const uint8_t *key, size_t before, size_t n, unsigned i, struct sb_str *seek)
{
    for (size_t k = s->field[i].n; k-- > 0;) {
        const struct sim_range *r = &s->field[i].r[k];
        int from = compare(key + before, n, r->from, r->from_n);
        if (from < 0 || (from == 0 && !r->from_in))
            continue;
        int to = compare(key + before, n, r->to, r->to_n);
        if (to < 0 || (to == 0 && r->to_in))
            return INSIDE;
        sb_str_clear(seek);
        sb_str_add(seek, key, before);
        sb_str_add(seek, r->to, r->to_n);
        if (r->to_in)
            add_rest(s, i + 1, seek);
        return LEAP;
    }
    if (i == 0)
        return PAST;
    sb_str_clear(seek);
    sb_str_add(seek, key, before);
    return LEAP;
}

/* Looks at a key field by field; for LEAP, seek says where to go on. */
static enum verdict examine(const struct sim_scan *s, const uint8_t *key, struct sb_str *seek)
{
    size_t before = 0;
    for (unsigned i = 0; i < s->index->fields; i++) {
        size_t n = sim_key_field_size(key + before, s->index->field[i].descending);
        if (!s->field[i].all) {
            enum verdict v = s->backward ? leap_backward(s, key, before, n, i, seek) : leap_forward(s, key, before, n, i, seek);
            if (v != INSIDE)
                return v;
        }
        before += n;
    }
    return INSIDE;
}

static bool go(struct sim_stage *s)
{
    const struct sim_scan *scan = s->scan;
    if (!s->positioned) {
        for (unsigned i = 0; i < scan->index->fields; i++)
            if (scan->field[i].n == 0)
                return false; /* nothing can match */
        s->positioned = true;
        sim_cursor_init(&s->cursor, scan->index->tree);
        sb_str_clear(&s->seek);
        add_rest(scan, 0, &s->seek);
        s->must_seek = true;
    }
    if (!s->must_seek)
        return scan->backward ? sim_cursor_prev(&s->cursor) : sim_cursor_next(&s->cursor);
    s->must_seek = false;
    s->seeks++;
    const uint8_t *to = (const uint8_t *)s->seek.p;
    return scan->backward ? sim_cursor_seek_back(&s->cursor, to, s->seek.len) : sim_cursor_seek(&s->cursor, to, s->seek.len);
}

/* The next key that is looked at: INSIDE gives its record. */
static enum sim_state step(struct sim_stage *s, struct sim_row *row)
{
    if (s->eof || !go(s)) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    size_t n;
    const uint8_t *key = sim_cursor_key(&s->cursor, &n);
    enum verdict v = examine(s->scan, key, &s->seek);
    if (v != INSIDE && s->scan->simple) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    s->keys_examined++;
    if (v == PAST) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    if (v == LEAP) {
        s->must_seek = true;
        return sb_str_ok(&s->seek) ? SIM_NEED_TIME : SIM_FAILED;
    }
    *row = (struct sim_row){sim_key_rid_of(key, n), NULL};
    if (s->kind == SIM_DISTINCT_SCAN) { /* behind (before) every key with this first field */
        size_t first = sim_key_field_size(key, s->scan->index->field[0].descending);
        sb_str_clear(&s->seek);
        sb_str_add(&s->seek, key, first);
        if (!s->scan->backward)
            sb_str_addc(&s->seek, (char)SIM_KEY_AFTER);
        s->must_seek = true;
    }
    return SIM_ADVANCED;
}

void sim_scan_ask(const struct sim_stage *s, bool whole)
{
    size_t n;
    const uint8_t *next = s->positioned && !s->must_seek && !s->scan->backward ? sim_cursor_peek(&s->cursor, &n) : NULL;
    if (next)
        sim_records_ask(&s->coll->records, sim_key_rid_of(next, n), whole);
}

enum sim_state sim_work_scan(struct sim_stage *s, struct sim_row *row)
{
    enum sim_state state = step(s, row);
    if (state == SIM_IS_EOF && s->kind == SIM_COUNT_SCAN && !s->started) {
        s->started = true;
        s->keys_examined++; /* counting looks at the key behind the last */
    }
    if (state != SIM_ADVANCED || s->kind == SIM_DISTINCT_SCAN)
        return state;
    if (s->scan->index->multikey) {
        if (!s->seen && !(s->seen = sim_ridset_new()))
            return SIM_FAILED;
        s->dups_tested++;
        int fresh = sim_ridset_add(s->seen, row->rid);
        if (fresh <= 0) {
            s->dups_dropped += fresh == 0;
            return fresh < 0 ? SIM_FAILED : SIM_NEED_TIME;
        }
    }
    if (s->filter) {
        struct sim_doc *d = sim_records_get(&s->coll->records, row->rid);
        if (!d || !sim_match(s->filter, d->bson))
            return SIM_NEED_TIME;
    }
    return SIM_ADVANCED;
}
