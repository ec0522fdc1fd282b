/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/backup.h>

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <endian.h>
#include <stdarg.h>

int sb_backup_init(struct sb_backup *b, const char *path, const struct sb_backup_options *options, struct sb_err *err)
{
    memset(b, 0, sizeof *b);
    b->encrypted = -1;
    b->options = *options;
    b->path = sb_format("%s", path);
    b->hasher = options->sums ? sb_hasher_new() : NULL;
    return b->path && (b->hasher || !options->sums) ? 0 : sb_fail_nomem(err);
}

static void release_findings(struct sb_backup_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].file);
        free(f->items[i].ns);
        free(f->items[i].what);
    }
    free(f->items);
}

static void release_ranges(struct sb_backup_ranges *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->items[i].set);
        free(r->items[i].cause);
    }
    free(r->items);
}

static void release_collection(struct sb_backup_collection *c)
{
    for (size_t i = 0; i < c->indexes_n; i++) {
        free(c->indexes[i].name);
        free(c->indexes[i].spec);
        free(c->indexes[i].raw);
    }
    free(c->indexes);
    free(c->options);
    free(c->raw);
    free(c->ns);
}

void sb_backup_release(struct sb_backup *b)
{
    for (size_t i = 0; i < b->collections_n; i++)
        release_collection(&b->collections[i]);
    free(b->collections);
    free(b->slots);
    release_findings(&b->problems);
    release_findings(&b->notes);
    release_ranges(&b->pitr);
    release_ranges(&b->gaps);
    free(b->path);
    free(b->name);
    free(b->set);
    free(b->type);
    free(b->packing);
    free(b->server_version);
    free(b->tool_version);
    free(b->fcv);
    sb_hasher_free(b->hasher);
    memset(b, 0, sizeof *b);
}

bool sb_backup_usable(const struct sb_backup *b)
{
    return b->level >= 1 && b->problems.all == 0 && !b->nomem;
}

const char *sb_backup_kind_name(enum sb_backup_kind kind)
{
    static const char *const names[] = {
        [SB_BACKUP_UNKNOWN] = "unknown",
        [SB_BACKUP_DUMP_FOLDER] = "mongodump-directory",
        [SB_BACKUP_DUMP_ARCHIVE] = "mongodump-archive",
        [SB_BACKUP_PBM] = "pbm",
        [SB_BACKUP_SNAPSHOT] = "snapshot",
    };
    return names[kind];
}

static SB_PRINTF(7, 0) void add(struct sb_backup *b, struct sb_backup_findings *to, const char *code, const char *file, const char *ns, int64_t at,
                const char *fmt, va_list ap)
{
    to->all++;
    if (to->n == SB_BACKUP_FINDINGS)
        return;
    struct sb_str what;
    sb_str_init(&what);
    sb_str_vaddf(&what, fmt, ap);
    struct sb_backup_finding f = {.code = code, .at = at, .what = sb_str_take(&what)};
    if (!f.what || sb_str_set(&f.file, file) || sb_str_set(&f.ns, ns) || SB_GROW(to->items, to->cap, to->n + 1)) {
        free(f.what);
        free(f.file);
        free(f.ns);
        b->nomem = true;
        return;
    }
    to->items[to->n++] = f;
}

void sb_backup_problem(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(b, &b->problems, code, file, ns, at, fmt, ap);
    va_end(ap);
}

void sb_backup_note(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(b, &b->notes, code, file, ns, at, fmt, ap);
    va_end(ap);
}

/* The slot where a name is, or would be: an index + 1 into the collections, 0 where it is free. */
static uint32_t *slot_of(const struct sb_backup *b, const char *ns)
{
    size_t at = sb_fnv1a(SB_FNV_START, ns, strlen(ns)) & (b->slots_n - 1);
    while (b->slots[at] && strcmp(b->collections[b->slots[at] - 1].ns, ns) != 0)
        at = (at + 1) & (b->slots_n - 1);
    return &b->slots[at];
}

static bool index_again(struct sb_backup *b, size_t slots)
{
    uint32_t *fresh = calloc(slots, sizeof *fresh);
    if (!fresh)
        return false;
    free(b->slots);
    b->slots = fresh;
    b->slots_n = slots;
    for (size_t i = 0; i < b->collections_n; i++)
        *slot_of(b, b->collections[i].ns) = (uint32_t)(i + 1);
    return true;
}

struct sb_backup_collection *sb_backup_collection_find(const struct sb_backup *b, const char *ns)
{
    uint32_t *slot = b->slots_n ? slot_of(b, ns) : NULL;
    return slot && *slot ? &b->collections[*slot - 1] : NULL;
}

struct sb_backup_collection *sb_backup_collection(struct sb_backup *b, const char *ns)
{
    struct sb_backup_collection *c = sb_backup_collection_find(b, ns);
    if (c)
        return c;
    if (b->collections_n == SB_BACKUP_COLLECTIONS) {
        if (!b->nomem)
            sb_backup_problem(b, "too_many_collections", NULL, NULL, -1, "there are more than %d collections: the others were not looked at", SB_BACKUP_COLLECTIONS);
        b->nomem = true;
        return NULL;
    }
    if (SB_GROW(b->collections, b->collections_cap, b->collections_n + 1) ||
        (b->slots_n < 2 * (b->collections_n + 1) && !index_again(b, b->slots_n ? b->slots_n * 2 : 64))) {
        b->nomem = true;
        return NULL;
    }
    c = &b->collections[b->collections_n];
    memset(c, 0, sizeof *c);
    c->ns = sb_format("%s", ns);
    if (!c->ns) {
        b->nomem = true;
        return NULL;
    }
    uint32_t *slot = slot_of(b, ns);
    *slot = (uint32_t)++b->collections_n;
    return c;
}

void sb_backup_range(struct sb_backup *b, struct sb_backup_ranges *to, uint64_t from, uint64_t until, const char *set, const char *cause)
{
    struct sb_backup_range r = {from, until, NULL, NULL};
    if (sb_str_set(&r.set, set) || sb_str_set(&r.cause, cause) || SB_GROW(to->items, to->cap, to->n + 1)) {
        free(r.set);
        free(r.cause);
        b->nomem = true;
        return;
    }
    to->items[to->n++] = r;
}

void sb_backup_say(struct sb_backup *b, char **slot, const char *text)
{
    if (!*slot && text && text[0] && sb_str_set(slot, text))
        b->nomem = true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sb_backup_collection *)a)->ns, ((const struct sb_backup_collection *)b)->ns);
}

void sb_backup_sort(struct sb_backup *b)
{
    if (b->collections_n < 2)
        return;
    qsort(b->collections, b->collections_n, sizeof *b->collections, by_name);
    if (!index_again(b, b->slots_n))
        b->nomem = true;
}

void sb_backup_add_up(struct sb_backup *b, uint64_t sum[4], const unsigned char *p, size_t n)
{
    struct sb_hash hash;
    struct sb_slice all = {p, n};
    if (!b->hasher)
        return;
    if (sb_hasher_slices(b->hasher, &hash, &all, 1)) {
        b->nomem = true;
        return;
    }
    unsigned carry = 0;
    for (size_t i = 0; i < 4; i++) {
        uint64_t word;
        memcpy(&word, hash.bytes + 8 * i, sizeof word);
        unsigned __int128 all_of = (unsigned __int128)sum[i] + le64toh(word) + carry;
        sum[i] = (uint64_t)all_of;
        carry = (unsigned)(all_of >> 64);
    }
}

/* Does some part of a path-like name lead upwards? */
static bool leads_up(const char *name)
{
    for (const char *p = name; *p; p += strcspn(p, "/\\"), p += *p != '\0')
        if (p[0] == '.' && p[1] == '.' && (p[2] == '\0' || p[2] == '/' || p[2] == '\\'))
            return true;
    return false;
}

const char *sb_backup_name_fault(const char *db, const char *collection)
{
    if (!collection[0])
        return "is empty";
    if (!db[0])
        return strcmp(collection, "oplog") == 0 ? NULL : "has no database";
    if (leads_up(db) || leads_up(collection))
        return "leads out of the backup (..)";
    if (strlen(db) > 63)
        return "has a database of more than 63 bytes";
    if (strpbrk(db, "/\\. \"$"))
        return "has a database with a character that no database may have";
    if (collection[0] == '.')
        return "begins with a dot";
    return NULL;
}
