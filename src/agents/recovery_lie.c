/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of the backups as they lie there: sizes, how far back they reach, encryption and its key, versions, room, and where. */
#include "recoverability.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DAY_MS INT64_C(86400000)
#define FAR_MS (3650 * (double)DAY_MS) /* what lies further off is no date */

/* A limit in a number of things. */
static void set_count(struct goals *g, struct sb_recovery_goal *to, const char *words, int64_t limit, const char *things)
{
    char *text = sb_format("%s %" PRId64 " %s", words, limit, things);
    free(to->limit);
    to->limit = text;
    if (!text)
        g->rc = -1;
}

/* ---- the backups as such ---- */

/* "5.2 MB"; heap. */
static char *size_text(int64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    int64_t unit = 1000;
    size_t u = 0;
    if (llabs(bytes) < unit)
        return sb_format("%" PRId64 " bytes", bytes);
    while (u + 1 < SB_COUNT(units) && llabs(bytes) >= unit * 1000) {
        unit *= 1000;
        u++;
    }
    return sb_format("%" PRId64 ".%d %s", bytes / unit, (int)(llabs(bytes) % unit * 10 / unit), units[u]);
}

void sb_recovery_sizes(struct goals *g, const int64_t *bytes, size_t n, double per_day)
{
    int64_t middle;
    if (!n)
        return;
    bool far = sb_far_out(bytes, n - 1, bytes[n - 1], &middle);
    char *value = size_text(bytes[n - 1]), *usual = size_text(middle), *daily = size_text((int64_t)per_day);
    if (!value || !usual || !daily)
        g->rc = -1;
    else if (middle)
        sb_goal_add(g, "backup size", value, far ? SB_GOAL_MISSED : SB_GOAL_MET, "the usual is %s; it grows by %s a day%s", usual, daily, far ? "; this one is far from it" : "");
    else
        sb_goal_add(g, "backup size", value, SB_GOAL_SEEN, "too few backups to tell what is usual");
    free(value);
    free(usual);
    free(daily);
}

static void kept(struct goals *g)
{
    int64_t limit = g->in->limits.kept_s, have = g->out->kept_s;
    char age[64];
    if (!have)
        return;
    sb_duration_format(age, sizeof age, have * 1000);
    struct sb_recovery_goal *to = sb_goal_add(g, "kept", age, limit < 0 ? SB_GOAL_SEEN : have >= limit ? SB_GOAL_MET : SB_GOAL_MISSED, "so far back the oldest of %" PRId64 " usable backups reaches", g->out->usable);
    if (limit >= 0)
        sb_goal_limit(g, to, "at least", limit);
}

static void encryption(struct goals *g)
{
    size_t yes = 0, no = 0, unknown = 0;
    int64_t limit = g->in->limits.plain;
    for (size_t i = 0; i < g->in->backups->n; i++)
        if (sb_backup_usable(&g->in->backups->items[i])) {
            int e = g->in->backups->items[i].encrypted;
            yes += e == 1;
            no += e == 0;
            unknown += e < 0;
        }
    if (!(yes + no + unknown))
        return;
    struct sb_recovery_goal *to = sb_goal_add(g, "encryption", no ? "NOT all" : unknown ? "not known of all" : "all", limit < 0 ? SB_GOAL_SEEN : g->out->plain <= limit ? SB_GOAL_MET : SB_GOAL_MISSED,
                                      "by what the files hold: %zu encrypted, %zu plain, %zu not known", yes, no, unknown);
    if (limit >= 0)
        set_count(g, to, "at most", limit, "not encrypted");
}

/* Can whoever restores open what this program sealed? */
static void key(struct goals *g)
{
    size_t opened = 0, locked = 0;
    for (size_t i = 0; i < g->in->backups->n; i++) {
        const struct sb_backup *b = &g->in->backups->items[i];
        bool shut = b->problems.n && sb_starts_with(b->problems.items[0].code, "key_");
        locked += shut;
        opened += !shut && b->kind == SB_BACKUP_DUMP_ARCHIVE && b->encrypted == 1;
    }
    if (g->in->key_fault)
        sb_goal_add(g, "key", "not readable", SB_GOAL_MISSED, "%s", g->in->key_fault);
    else if (locked)
        sb_goal_add(g, "key", "missing", SB_GOAL_MISSED, "%zu sealed backup%s not open with %s: nobody can restore %s from here", locked, locked == 1 ? " does" : "s do",
            g->in->key_file ? "the key of the config" : "no key, and the config names none", locked == 1 ? "it" : "them");
    else if (opened)
        sb_goal_add(g, "key", "there", SB_GOAL_MET, "%zu sealed backup%s with the key of the config", opened, opened == 1 ? " opens" : "s open");
    else
        sb_goal_add(g, "key", "not needed", SB_GOAL_SEEN, "no backup here is sealed by this program; of keys that other tools and volumes want nothing is known");
}

/* "7.0" of "7.0.14-8"; how long. */
static size_t series_of(const char *version)
{
    size_t n = strcspn(version, ".");
    return n + (version[n] ? 1 + strcspn(version + n + 1, ".") : 0);
}

static void version(struct goals *g)
{
    const char *of = g->newest ? g->newest->server_version : NULL, *now = g->in->live->version;
    size_t n = of ? series_of(of) : 0;
    if (!of || !now[0])
        sb_goal_add(g, "version", NULL, SB_GOAL_BLIND, "%s", !g->newest ? "no backup can be used" : of ? "the deployment did not say its version" : "the backup does not say of which version it is");
    else if (strncmp(of, now, n) == 0 && (now[n] == '.' || now[n] == '\0'))
        sb_goal_add(g, "version", of, SB_GOAL_MET, "the deployment is of %s", now);
    else
        sb_goal_add(g, "version", of, SB_GOAL_MISSED, "the deployment is of %s: a restore wants a server of the backup's version first", now);
}

static void fcv(struct goals *g)
{
    const char *of = g->newest ? g->newest->fcv : NULL, *now = g->in->live->fcv;
    if (!g->newest)
        return; /* told of the version */
    if (!of || !now[0])
        sb_goal_add(g, "FCV", NULL, SB_GOAL_BLIND, "%s", of ? "the deployment does not tell its featureCompatibilityVersion" : "the backup does not say its featureCompatibilityVersion (a dump does where all of it was dumped and read)");
    else if (strcmp(of, now) == 0)
        sb_goal_add(g, "FCV", of, SB_GOAL_MET, "the deployment is held to the same");
    else
        sb_goal_add(g, "FCV", of, SB_GOAL_MISSED, "the deployment is held to %s: files of the backup want a server that knows %s, and documents and indexes made since may not fit it", now, of);
}

/* ---- where they lie ---- */

static bool is_remote(const char *path)
{
    static const unsigned long kinds[] = {0x6969, 0xff534d42, 0xfe534d42, 0x517b, 0x65735546, 0x00c36400, 0x01021997}; /* nfs, cifs, smb2, smb, fuse, ceph, 9p */
    struct statfs fs;
    if (statfs(path, &fs))
        return false;
    for (size_t i = 0; i < SB_COUNT(kinds); i++)
        if ((unsigned long)(uint32_t)fs.f_type == kinds[i])
            return true;
    return false;
}

static void places(struct goals *g, const int64_t *at, const int64_t *bytes, size_t n)
{
    dev_t seen[64];
    size_t devices = 0, remote = 0;
    int64_t least = -1;
    const char *where = NULL;
    for (size_t i = 0; i < g->in->paths_n; i++) {
        struct stat st;
        struct statvfs fs;
        if (stat(g->in->paths[i], &st) || statvfs(g->in->paths[i], &fs))
            continue;
        size_t k = 0;
        while (k < devices && seen[k] != st.st_dev)
            k++;
        if (k == devices && devices < SB_COUNT(seen)) {
            seen[devices++] = st.st_dev;
            remote += is_remote(g->in->paths[i]);
        }
        unsigned __int128 all = (unsigned __int128)fs.f_bavail * fs.f_frsize;
        int64_t free_ = all > INT64_MAX ? INT64_MAX : (int64_t)all;
        if (least < 0 || free_ < least) {
            least = free_;
            where = g->in->paths[i];
        }
    }
    if (!devices)
        return;
    char *value = sb_format("%zu file system%s", devices, devices == 1 ? "" : "s");
    int64_t limit = g->in->limits.places;
    g->out->places_of_files = (int64_t)devices;
    struct sb_recovery_goal *domain = sb_goal_add(g, "failure domain", value, limit < 0 ? SB_GOAL_SEEN : (int64_t)devices >= limit ? SB_GOAL_MET : SB_GOAL_MISSED, "%s%s", remote == devices ? "remote" : remote ? "some of them remote" : "of this host", devices == 1 ? "; what destroys it destroys every backup" : "");
    free(value);
    if (limit >= 0)
        set_count(g, domain, "at least", limit, limit == 1 ? "file system" : "file systems");
    int64_t need = g->newest ? (int64_t)g->newest->bytes : 0, span = n > 1 ? at[n - 1] - at[0] : 0;
    double daily = 0;
    for (size_t i = 1; i < n; i++)
        daily += (double)bytes[i];
    daily = span > 0 ? daily / ((double)span / (double)DAY_MS) : 0;
    value = size_text(least);
    if (!value)
        g->rc = -1;
    struct sb_recovery_goal *to = sb_goal_add(g, "free space", value, least < need ? SB_GOAL_MISSED : SB_GOAL_MET, "at %s; %s", where, least < need ? "the next backup does not fit" : "the next backup fits");
    free(value);
    double days = daily > 0 ? (double)least / daily : 0;
    to->crosses = days > 0 && days * (double)DAY_MS < FAR_MS ? g->in->now + (int64_t)(days * (double)DAY_MS) : 0;
}

/* Does the newest fit where it was last restored? By its files: what they hold may be larger. */
static void target_room(struct goals *g)
{
    const struct sb_recovery_drill *d = NULL;
    for (size_t i = g->in->drills_n; i > 0 && !d; i--)
        d = g->in->drills[i - 1].target_room > 0 ? &g->in->drills[i - 1] : NULL;
    if (!g->newest)
        return;
    if (!d) {
        sb_goal_add(g, "target room", NULL, SB_GOAL_BLIND, "%s", g->in->drills_n ? "no target of a drill has told how much room its disk has" : "no drill was made that would tell where to restore");
        return;
    }
    char at[SB_TIME_LEN + 1], *value = size_text(d->target_room);
    bool fits = (uint64_t)d->target_room >= g->newest->bytes;
    sb_time_format(at, d->at);
    if (!value)
        g->rc = -1;
    sb_goal_add(g, "target room", value, fits ? SB_GOAL_MET : SB_GOAL_MISSED, "on %s at the drill of %.10s; the newest backup's files %s", d->target, at, fits ? "fit" : "do NOT fit");
    free(value);
}

static void gone(struct goals *g)
{
    size_t n = 0;
    const char *one = NULL;
    for (size_t i = g->in->drills_n; i > 0; i--) {
        const char *path = g->in->drills[i - 1].path;
        bool before = false;
        for (size_t k = i; k < g->in->drills_n && !before; k++)
            before = sb_streq(g->in->drills[k].path, path);
        if (!path || before || access(path, F_OK) == 0)
            continue;
        n++;
        one = path;
    }
    for (size_t i = 0; i < g->in->came_n; i++) {
        const char *path = g->in->came[i];
        bool before = false;
        for (size_t k = 0; k < g->in->drills_n && !before; k++)
            before = sb_streq(g->in->drills[k].path, path);
        if (before || access(path, F_OK) == 0)
            continue;
        n++;
        one = path;
    }
    char *value = sb_format("%zu", n);
    if (g->in->drills_n || g->in->came_n)
        sb_goal_add(g, "gone", value, n ? SB_GOAL_SEEN : SB_GOAL_MET, "%s%s", n ? "once on the record and not there any more: " : "every backup on the record is still there", n ? one : "");
    free(value);
}

void sb_recovery_lie(struct goals *g, const int64_t *at, const int64_t *bytes, size_t n)
{
    kept(g);
    encryption(g);
    key(g);
    version(g);
    fcv(g);
    target_room(g);
    places(g, at, bytes, n);
    gone(g);
}
