/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/snapshot.h>

#include "dumpmeta.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>
#include <signalbox/base/str.h>

#define MARK "\"signalbox_snapshot\""

struct manifest {
    struct sb_backup *b;
    const char *file;
    const json_t *json;
};

bool sb_snapshot_look(const char *text, size_t n)
{
    return memmem(text, n < 4096 ? n : 4096, MARK, sizeof MARK - 1) != NULL;
}

static void wrong(const struct manifest *m, const char *where, const char *what)
{
    sb_backup_problem(m->b, "manifest_invalid", m->file, NULL, -1, "%s %s", where, what);
}

/* A key that nobody reads is mostly one that was written wrong. */
static void known_only(const struct manifest *m, const json_t *object, const char *const *known, size_t n, const char *where)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < n && strcmp(known[i], key) != 0)
            i++;
        if (i == n)
            sb_backup_note(m->b, "manifest_key", m->file, NULL, -1, "%s has a key %s, which means nothing here", where, key);
    }
}

static bool needed_text(const struct manifest *m, const json_t *object, const char *key, const char *where)
{
    const char *text = sb_json_str(object, key);
    if (!text || !text[0])
        sb_backup_problem(m->b, "manifest_invalid", m->file, NULL, -1, "%s has no %s", where, key);
    return text && text[0];
}

static void check_done(const struct manifest *m, const json_t *object, const char *where)
{
    if (needed_text(m, object, "status", where) && !sb_streq(sb_json_str(object, "status"), "completed"))
        sb_backup_problem(m->b, "not_done", m->file, NULL, -1, "%s is in the state %s, not completed", where, sb_json_str(object, "status"));
}

static bool time_of(const struct manifest *m, const char *key, int64_t *ms)
{
    const char *text = sb_json_str(m->json, key);
    if (text && sb_time_parse(text, strlen(text), ms) == 0)
        return true;
    if (json_object_get(m->json, key))
        wrong(m, key, "is no time: it is written like 2026-11-23T02:00:00Z");
    return false;
}

static void check_volume(const struct manifest *m, const json_t *volumes, size_t i, int64_t *bytes)
{
    static const char *const known[] = {"id", "member", "holds", "size_bytes", "status", "encrypted"};
    const json_t *v = json_array_get(volumes, i);
    const char *id = sb_json_str(v, "id"), *member = sb_json_str(v, "member");
    char where[160];
    snprintf(where, sizeof where, "volume %zu (%s)", i + 1, id ? id : "?");
    known_only(m, v, known, SB_COUNT(known), where);
    needed_text(m, v, "id", where);
    needed_text(m, v, "member", where);
    check_done(m, v, where);
    if (sb_json_int(v, "size_bytes") <= 0)
        wrong(m, where, "has no size_bytes above 0");
    else if (*bytes <= INT64_MAX - sb_json_int(v, "size_bytes"))
        *bytes += sb_json_int(v, "size_bytes");
    if (json_is_false(json_object_get(v, "encrypted")) && m->b->encrypted == 1)
        wrong(m, where, "is not encrypted, and the snapshot says it is");
    bool one_moment = json_is_true(json_object_get(m->json, "atomic")) || json_is_true(json_object_get(m->json, "fsync_locked"));
    for (size_t k = 0; k < i; k++) {
        const json_t *other = json_array_get(volumes, k);
        if (id && sb_streq(id, sb_json_str(other, "id")))
            wrong(m, where, "has the id of another one");
        if (member && !one_moment && sb_streq(member, sb_json_str(other, "member")))
            sb_backup_problem(m->b, "not_consistent", m->file, NULL, -1, "%s is one of several of %s, and they were neither taken at one moment (atomic) nor with writes locked (fsync_locked)", where, member);
    }
}

static void check_all(struct manifest *m)
{
    static const char *const known[] = {"signalbox_snapshot", "provider", "deployment", "created_at",      "completed_at", "status",
                                        "atomic",             "fsync_locked", "encrypted", "mongodb_version", "fcv",          "volumes"};
    struct sb_backup *b = m->b;
    const json_t *encrypted = json_object_get(m->json, "encrypted"), *volumes = json_object_get(m->json, "volumes");
    int64_t from = 0, to = 0, bytes = 0;
    known_only(m, m->json, known, SB_COUNT(known), "the manifest");
    if (sb_json_int(m->json, "signalbox_snapshot") != 1)
        wrong(m, "signalbox_snapshot", "is not 1, the only version there is");
    needed_text(m, m->json, "provider", "the manifest");
    check_done(m, m->json, "the snapshot");
    bool begun = time_of(m, "created_at", &from), ended = time_of(m, "completed_at", &to);
    if (!json_object_get(m->json, "created_at"))
        wrong(m, "the manifest", "has no created_at");
    if (begun && ended && to < from)
        wrong(m, "completed_at", "is before created_at");
    sb_backup_say(b, &b->type, sb_json_str(m->json, "provider"));
    sb_backup_say(b, &b->name, sb_json_str(m->json, "deployment"));
    sb_backup_say(b, &b->server_version, sb_json_str(m->json, "mongodb_version"));
    sb_backup_say(b, &b->fcv, sb_json_str(m->json, "fcv"));
    if (begun) { /* what was written later is not in it */
        b->taken_at_ms = from;
        b->taken_from = "metadata";
    }
    b->encrypted = json_is_boolean(encrypted) ? json_is_true(encrypted) : -1;
    if (!json_array_size(volumes))
        wrong(m, "the manifest", "lists no volumes");
    if (json_array_size(volumes) > 1000)
        wrong(m, "the manifest", "lists more than 1000 volumes");
    for (size_t i = 0; i < json_array_size(volumes) && i < 1000; i++)
        check_volume(m, volumes, i, &bytes);
    b->bytes = (uint64_t)bytes;
}

void sb_snapshot_check(struct sb_backup *b, const char *file, const char *text, size_t n)
{
    b->kind = SB_BACKUP_SNAPSHOT;
    b->files = 1;
    json_t *json = sb_dump_json(b, "manifest_invalid", file, NULL, -1, text, n);
    if (!json)
        return;
    struct manifest m = {b, file, json};
    check_all(&m);
    json_decref(json);
    if (b->problems.all == 0)
        b->level = 1;
}
