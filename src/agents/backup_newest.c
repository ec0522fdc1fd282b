/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of several backups one would restore. */
#include <signalbox/agents/backup_guardian.h>
#include <signalbox/base/str.h>

#include <string.h>

int64_t sb_backup_reach(const struct sb_backup *b, int64_t until)
{
    int64_t at = b->taken_at_ms;
    if (until && at > until)
        return 0;
    for (size_t i = 0; i < b->pitr.n; i++) {
        int64_t from = (int64_t)(b->pitr.items[i].from >> 32) * 1000, to = (int64_t)(b->pitr.items[i].to >> 32) * 1000;
        to = until && to > until ? until : to;
        at = from <= to && to > at ? to : at;
    }
    return at;
}

int64_t sb_backup_point(const struct sb_backup *b)
{
    return sb_backup_reach(b, 0);
}

int64_t sb_backup_holds(const struct sb_backup *b, const char *place)
{
    size_t n = strlen(place);
    int64_t held = 0;
    if (b->collections_n == 0)
        return -1;
    for (size_t i = 0; i < b->collections_n; i++) {
        const char *ns = b->collections[i].ns;
        held += strncmp(ns, place, n) == 0 && (ns[n] == '\0' || (ns[n] == '.' && !strchr(place, '.')));
    }
    return held;
}

const struct sb_seal_key *sb_backups_key(struct sb_seal_key *to, const char *file, struct sb_err *err)
{
    return file && sb_seal_key_read(to, file, err) == 0 ? to : NULL;
}

static bool by_file_time(const struct sb_backup *b)
{
    return sb_streq(b->taken_from, "file time");
}

/* Its data were not read to their end, and could have been: of a snapshot nobody reads them. */
static bool unread(const struct sb_backup *b)
{
    return b->level < 2 && b->kind != SB_BACKUP_SNAPSHOT;
}

static bool better(const struct sb_backup *a, const struct sb_backup *b, int64_t until)
{
    if (by_file_time(a) != by_file_time(b))
        return by_file_time(b);
    return unread(a) != unread(b) ? unread(b) : sb_backup_reach(a, until) > sb_backup_reach(b, until);
}

const struct sb_backup *sb_backups_best(const struct sb_backups *list, const char *place, int64_t until)
{
    const struct sb_backup *newest = NULL;
    for (size_t i = 0; i < list->n; i++) {
        const struct sb_backup *b = &list->items[i];
        if (!sb_backup_usable(b) || (place && sb_backup_holds(b, place) == 0) || (until && sb_backup_reach(b, until) <= 0))
            continue;
        if (!newest || better(b, newest, until))
            newest = b;
    }
    return newest;
}

const struct sb_backup *sb_backups_newest(const struct sb_backups *list, const char *place)
{
    return sb_backups_best(list, place, 0);
}
