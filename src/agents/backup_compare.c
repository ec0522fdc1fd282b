/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/backup_guardian.h>

#include <signalbox/base/str.h>

#include <inttypes.h>

struct telling {
    sb_backup_difference_fn fn;
    void *ctx;
    size_t n;
};

const char *sb_backup_difference_name(enum sb_backup_difference d)
{
    static const char *const names[] = {
        [SB_DIFFERENT_MISSING] = "missing", [SB_DIFFERENT_EXTRA] = "extra",     [SB_DIFFERENT_DOCUMENTS] = "documents", [SB_DIFFERENT_BYTES] = "bytes",
        [SB_DIFFERENT_CONTENT] = "content", [SB_DIFFERENT_INDEXES] = "indexes", [SB_DIFFERENT_OPTIONS] = "options",
    };
    return names[d];
}

static void tell(struct telling *t, const char *ns, enum sb_backup_difference d, const char *index, const char *a, const char *b)
{
    t->n++;
    t->fn(t->ctx, ns, d, index, a, b);
}

static void tell_counts(struct telling *t, const char *ns, enum sb_backup_difference d, uint64_t a, uint64_t b)
{
    char one[32], other[32];
    snprintf(one, sizeof one, "%" PRIu64, a);
    snprintf(other, sizeof other, "%" PRIu64, b);
    tell(t, ns, d, NULL, one, other);
}

static const struct sb_backup_index *index_named(const struct sb_backup_collection *c, const char *name)
{
    for (size_t i = 0; i < c->indexes_n; i++)
        if (strcmp(c->indexes[i].name, name) == 0)
            return &c->indexes[i];
    return NULL;
}

static void compare_indexes(struct telling *t, const struct sb_backup_collection *a, const struct sb_backup_collection *b)
{
    for (size_t i = 0; i < a->indexes_n; i++) {
        const struct sb_backup_index *other = index_named(b, a->indexes[i].name);
        if (!other || strcmp(other->spec, a->indexes[i].spec) != 0)
            tell(t, a->ns, SB_DIFFERENT_INDEXES, a->indexes[i].name, a->indexes[i].spec, other ? other->spec : NULL);
    }
    for (size_t i = 0; i < b->indexes_n; i++)
        if (!index_named(a, b->indexes[i].name))
            tell(t, a->ns, SB_DIFFERENT_INDEXES, b->indexes[i].name, NULL, b->indexes[i].spec);
}

static void compare_one(struct telling *t, const struct sb_backup_collection *a, const struct sb_backup_collection *b)
{
    if (a->documents != b->documents)
        tell_counts(t, a->ns, SB_DIFFERENT_DOCUMENTS, a->documents, b->documents);
    if (a->bytes != b->bytes)
        tell_counts(t, a->ns, SB_DIFFERENT_BYTES, a->bytes, b->bytes);
    if (a->documents == b->documents && memcmp(a->sum, b->sum, sizeof a->sum) != 0) {
        char one[65], other[65];
        for (size_t i = 0; i < 4; i++) {
            snprintf(one + 16 * i, 17, "%016" PRIx64, a->sum[3 - i]);
            snprintf(other + 16 * i, 17, "%016" PRIx64, b->sum[3 - i]);
        }
        tell(t, a->ns, SB_DIFFERENT_CONTENT, NULL, one, other);
    }
    compare_indexes(t, a, b);
    if (!sb_streq(a->options, b->options))
        tell(t, a->ns, SB_DIFFERENT_OPTIONS, NULL, a->options, b->options);
}

size_t sb_backups_compare(struct sb_backup *a, struct sb_backup *b, sb_backup_difference_fn fn, void *ctx)
{
    struct telling t = {fn, ctx, 0};
    size_t i = 0, k = 0;
    sb_backup_sort(a);
    sb_backup_sort(b);
    while (i < a->collections_n || k < b->collections_n) {
        const struct sb_backup_collection *x = i < a->collections_n ? &a->collections[i] : NULL, *y = k < b->collections_n ? &b->collections[k] : NULL;
        int order = !x ? 1 : !y ? -1 : strcmp(x->ns, y->ns);
        char count[32];
        snprintf(count, sizeof count, "%" PRIu64, order < 0 ? x->documents : y ? y->documents : 0);
        if (order < 0)
            tell(&t, x->ns, SB_DIFFERENT_MISSING, NULL, count, NULL);
        else if (order > 0)
            tell(&t, y->ns, SB_DIFFERENT_EXTRA, NULL, NULL, count);
        else
            compare_one(&t, x, y);
        i += order <= 0;
        k += order >= 0;
    }
    return t.n;
}
