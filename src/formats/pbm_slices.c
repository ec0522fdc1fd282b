/* SPDX-License-Identifier: Apache-2.0
 *
 * Oplog slices of Percona's stores: which stretch of time is whole, and what is missing. */
#include "pbm.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>
#include <signalbox/base/str.h>

#include <ctype.h>
#include <inttypes.h>
#include <unistd.h>

#define DAYS_MAX 4 /* folders within folders */

/* "20220207140605-18": the time, and how much of the text it is. */
static bool slice_time(const char **p, uint64_t *ts)
{
    char text[SB_TIME_LEN + 1];
    int64_t ms;
    const char *s = *p;
    uint64_t ordinal = 0;
    for (int i = 0; i < 14; i++)
        if (!isdigit((unsigned char)s[i]))
            return false;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s, s + 4, s + 6, s + 8, s + 10, s + 12);
    if (sb_time_parse(text, strlen(text), &ms) || ms <= 0 || ms / 1000 > UINT32_MAX)
        return false;
    s += 14;
    if (*s == '-')
        for (s++; isdigit((unsigned char)*s); s++)
            if ((ordinal = ordinal * 10 + (uint64_t)(*s - '0')) > UINT32_MAX)
                return false;
    *ts = (uint64_t)(ms / 1000) << 32 | ordinal;
    *p = s;
    return true;
}

bool sb_slice_name(const char *name, uint64_t *from, uint64_t *to)
{
    const char *p = name;
    return slice_time(&p, from) && *p++ == '.' && slice_time(&p, to) && (*p == '\0' || *p == '.') && *from <= *to;
}

static bool add_slice(struct sb_slices *list, const char *set, char *path, uint64_t from, uint64_t to, uint64_t size)
{
    struct sb_slice_file f = {.set = sb_format("%s", set), .path = path, .from = from, .to = to, .size = size};
    if (!f.set || !path || SB_GROW(list->items, list->cap, list->n + 1)) {
        free(f.set);
        free(path);
        return false;
    }
    list->items[list->n++] = f;
    return true;
}

static void read_level(struct sb_slices *list, int dir, const char *folder, const char *set, bool *foreign, int depth)
{
    struct sb_entries in;
    if (sb_entries_read(&in, dir, NULL))
        *foreign = true;
    for (size_t i = 0; i < in.n; i++) {
        const struct sb_entry *e = &in.items[i];
        uint64_t from, to;
        char *path = sb_format("%s/%s", folder, e->name);
        if (path && S_ISDIR(e->mode) && depth < DAYS_MAX) {
            int fd = sb_folder_open(dir, e->name, NULL);
            if (fd >= 0) {
                read_level(list, fd, path, set, foreign, depth + 1);
                close(fd);
            }
            free(path);
        } else if (path && S_ISREG(e->mode) && sb_slice_name(e->name, &from, &to)) {
            *foreign |= !add_slice(list, set, path, from, to, e->size);
        } else {
            *foreign = true;
            free(path);
        }
    }
    sb_entries_release(&in);
}

void sb_slices_read(struct sb_slices *list, int dir, const char *folder, const char *set, bool *foreign)
{
    read_level(list, dir, folder, set, foreign, 0);
}

static int in_order(const void *x, const void *y)
{
    const struct sb_slice_file *a = x, *b = y;
    int c = strcmp(a->set, b->set);
    return c ? c : a->from != b->from ? (a->from < b->from ? -1 : 1) : a->to != b->to ? (a->to < b->to ? -1 : 1) : strcmp(a->path, b->path);
}

void sb_slices_sort(struct sb_slices *list)
{
    if (list->n > 1)
        qsort(list->items, list->n, sizeof *list->items, in_order);
}

void sb_slices_release(struct sb_slices *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].set);
        free(list->items[i].path);
        free(list->items[i].what);
    }
    free(list->items);
    memset(list, 0, sizeof *list);
}

/* The packing that the ending of a slice's name says. */
static enum sb_packing packing_of(const char *path)
{
    static const struct {
        const char *ending;
        enum sb_packing packing;
    } known[] = {{".gz", SB_PACKING_GZIP}, {".lz4", SB_PACKING_LZ4}, {".snappy", SB_PACKING_FRAMED}, {".s2", SB_PACKING_FRAMED}, {".zst", SB_PACKING_ZSTD}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < SB_COUNT(known); i++)
        if (strcmp(dot, known[i].ending) == 0)
            return known[i].packing;
    return SB_PACKING_NONE;
}

void sb_slice_check(struct sb_pbm *s, struct sb_backup *b, struct sb_slice_file *f)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_backup own; /* a bad slice is told to each backup that would need it */
    struct sb_backup_options options = b->options;
    struct sb_docs docs;
    options.sums = false;
    if (f->state != SLICE_UNREAD)
        return;
    if (sb_backup_init(&own, f->path, &options, &err)) {
        b->nomem = true;
        return;
    }
    if (sb_pbm_documents(s, &own, f->path, packing_of(f->path), NULL, &docs)) {
        if (docs.first && (docs.first < f->from || docs.last > f->to))
            sb_backup_problem(&own, "slice_range", f->path, NULL, -1, "its entries reach from %u:%u to %u:%u, beyond what its name says", (unsigned)(docs.first >> 32),
                              (unsigned)docs.first, (unsigned)(docs.last >> 32), (unsigned)docs.last);
        if (!docs.documents)
            sb_backup_problem(&own, "oplog_empty", f->path, NULL, -1, "the slice holds no entry, where pbm writes one at least");
        else if (docs.last < f->to && !own.problems.all)
            sb_backup_note(b, "slice_ends_early", f->path, NULL, -1, "its last entry is of %u:%u, before the end that its name says", (unsigned)(docs.last >> 32), (unsigned)docs.last);
        sb_docs_release(&docs);
    }
    f->state = own.problems.all ? SLICE_BAD : own.no_codec ? SLICE_NO_CODEC : SLICE_FINE;
    if (own.problems.n)
        f->what = sb_format("%s", own.problems.items[0].what);
    b->nomem |= own.nomem;
    sb_backup_release(&own);
}

/* From the slice that holds `since` on, how far the slices of a set follow one another; 0: no slice holds it. Holes and bad
 * slices are told. */
static uint64_t follow(struct sb_pbm *s, struct sb_backup *b, const char *set, uint64_t since, bool second_look)
{
    uint64_t end = 0, reached = since;
    bool broken = false, any = false;
    for (size_t i = 0; i < s->slices.n; i++) {
        struct sb_slice_file *f = &s->slices.items[i];
        if (strcmp(f->set, set) != 0 || f->to < since)
            continue;
        if (f->to == since && f->from < since)
            continue; /* what the backup has already */
        any = true;
        if (f->from > reached && !second_look)
            sb_backup_range(b, &b->gaps, reached, f->from, set, "no oplog slice covers it: it was deleted, or slicing was off");
        broken |= f->from > reached;
        if (second_look)
            sb_slice_check(s, b, f);
        if (f->size == 0 || f->state == SLICE_BAD) {
            if (second_look == (f->size != 0)) {
                sb_backup_problem(b, "slice_bad", f->path, NULL, -1, "%s", f->size ? (f->what ? f->what : "it is damaged") : "the slice is empty");
                sb_backup_range(b, &b->gaps, f->from, f->to, set, "its oplog slice is damaged");
            }
            broken = true;
        }
        if (f->state == SLICE_NO_CODEC && !b->no_codec) {
            b->no_codec = true;
            sb_backup_note(b, "codec_missing", f->path, NULL, -1, "oplog slices are packed in a way that cannot be unpacked here: they were not read");
        }
        if (!broken)
            end = f->to;
        reached = f->to > reached ? f->to : reached;
    }
    if (!any && !second_look && s->slices.n)
        sb_backup_note(b, "no_slices", NULL, NULL, -1, "there are no oplog slices of %s after this backup: it can be restored to its own time only", set);
    return end;
}

void sb_slices_follow(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, bool second_look)
{
    const json_t *sets = json_object_get(meta, "replsets"), *set;
    uint64_t since = sb_pbm_time(meta, "last_write_ts"), end = UINT64_MAX;
    size_t i;
    if (!since || !json_array_size(sets))
        return;
    json_array_foreach(sets, i, set) {
        const char *name = sb_json_str(set, "name");
        uint64_t to = name ? follow(s, b, name, since, second_look) : 0;
        end = to < end ? to : end;
    }
    bool last_look = second_look || b->options.quick; /* before that, damage may still make it shorter */
    if (last_look && end > since && end != UINT64_MAX)
        sb_backup_range(b, &b->pitr, since, end, NULL, NULL);
}
