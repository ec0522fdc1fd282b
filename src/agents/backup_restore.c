/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include <signalbox/base/array.h>
#include <signalbox/base/json.h>
#include <signalbox/base/record.h>

#include <string.h>

#define AT_ONCE 20000 /* documents */
#define NAMESPACE_NOT_FOUND 26

struct sb_restore *sb_restore_new(const struct sb_backup *plan, sb_restore_fn fn, void *ctx, struct sb_err *err)
{
    struct sb_restore *r = calloc(1, sizeof *r);
    if (!r) {
        sb_fail_nomem(err);
        return NULL;
    }
    *r = (struct sb_restore){.plan = plan, .fn = fn, .ctx = ctx};
    return r;
}

void sb_restore_free(struct sb_restore *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->altered_n; i++)
        free(r->altered[i]);
    free(r->altered);
    free(r->docs);
    free(r->ns);
    free(r);
}

const char *sb_restore_skips(const char *ns)
{
    static const char *const own[] = {"admin.", "local.", "config."};
    for (size_t i = 0; i < SB_COUNT(own); i++)
        if (sb_starts_with(ns, own[i]))
            return "admin, local and config are a server's own: users and settings are not restored by a drill";
    const char *coll = strchr(ns, '.');
    if (!coll || sb_starts_with(coll + 1, "system.") || coll[1] == '$')
        return "a system collection: the server makes it itself";
    return NULL;
}

struct sb_restore_counts sb_restore_counts(const struct sb_restore *r)
{
    return r->counts;
}

bool sb_restore_altered(const struct sb_restore *r, const char *ns)
{
    return sb_strs_has(r->altered, r->altered_n, ns);
}

/* ---- commands ---- */

int sb_restore_begin(struct sb_str *out, const char *command, const char *ns, struct sb_err *err)
{
    const char *coll = strchr(ns, '.');
    if (!sb_utf8_valid(ns, strlen(ns)))
        return sb_fail(err, SB_EINPUT, "a collection whose name is not UTF-8: no server takes it");
    sb_str_addf(out, "{\"%s\":", command);
    if (sb_json_string(out, coll + 1, strlen(coll + 1), err))
        return -1;
    sb_str_adds(out, ",\"$db\":");
    return sb_json_string(out, ns, (size_t)(coll - ns), err);
}

int sb_restore_hand(struct sb_restore *r, struct sb_str *text, int64_t forgive, struct sb_err *err)
{
    sb_str_addc(text, '}');
    if (!sb_str_ok(text))
        return sb_fail_nomem(err);
    return r->fn(r->ctx, &(struct sb_restore_step){.command = text->p, .forgive = forgive}, err);
}

/* A command that is a name and members of an object of JSON (NULL: none), but for those that no server takes any more. */
static int hand_members(struct sb_restore *r, const char *command, const char *ns, const char *members, int64_t forgive, struct sb_err *err)
{
    struct sb_str text;
    json_error_t e;
    json_t *object = members ? json_loads(members, JSON_ALLOW_NUL, &e) : NULL;
    sb_str_init(&text);
    int rc = members && !object ? sb_fail(err, SB_EINPUT, "the options of %s are no JSON", ns) : sb_restore_begin(&text, command, ns, err);
    if (object) {
        json_object_del(object, "autoIndexId");
        json_object_del(object, command); /* options are of outside: they do not say what is done, and where */
        json_object_del(object, "$db");
        char *rest = json_object_size(object) ? json_dumps(object, JSON_COMPACT) : NULL;
        if (rest) {
            sb_str_addc(&text, ',');
            sb_str_add(&text, rest + 1, strlen(rest) - 2);
        } else if (json_object_size(object)) {
            rc = sb_fail_nomem(err);
        }
        free(rest);
        json_decref(object);
    }
    if (rc == 0)
        rc = sb_restore_hand(r, &text, forgive, err);
    sb_str_release(&text);
    return rc;
}

int sb_restore_drop(struct sb_restore *r, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->plan->collections_n; i++)
        if (!sb_restore_skips(r->plan->collections[i].ns))
            rc = hand_members(r, "drop", r->plan->collections[i].ns, NULL, NAMESPACE_NOT_FOUND, err);
    return rc;
}

int sb_restore_create(struct sb_restore *r, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->plan->collections_n; i++) {
        const struct sb_backup_collection *c = &r->plan->collections[i];
        if (sb_restore_skips(c->ns)) {
            r->counts.skipped++;
        } else if (c->series) {
            rc = sb_fail(err, SB_ESTATE, "%s is a time series, whose buckets this program cannot restore", c->ns);
        } else if (!c->view) {
            rc = hand_members(r, "create", c->ns, c->raw, 0, err);
            r->counts.collections += rc == 0;
        }
    }
    return rc;
}

/* The list of a collection's indexes, without the one on _id, which comes with the collection. 1: there are none. */
static int list_indexes(const struct sb_backup_collection *c, json_t **list, uint64_t *n)
{
    *list = json_array();
    *n = 0;
    for (size_t k = 0; *list && k < c->indexes_n; k++) {
        json_t *index = json_loads(c->indexes[k].raw, JSON_ALLOW_NUL, NULL);
        if (strcmp(c->indexes[k].name, "_id_") == 0) {
            json_decref(index);
            continue;
        }
        json_object_del(index, "v"); /* the format in which the server keeps it is the server's to choose, as with mongorestore */
        if (json_array_append_new(*list, index))
            return -1;
        ++*n;
    }
    return !*list ? -1 : *n ? 0 : 1;
}

int sb_restore_indexes(struct sb_restore *r, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->plan->collections_n; i++) {
        const struct sb_backup_collection *c = &r->plan->collections[i];
        json_t *list;
        uint64_t n;
        if (c->view || sb_restore_skips(c->ns) || sb_restore_altered(r, c->ns))
            continue;
        int has = list_indexes(c, &list, &n);
        char *members = has == 0 ? json_dumps(list, JSON_COMPACT) : NULL;
        char *object = members ? sb_format("{\"indexes\":%s}", members) : NULL;
        if (has < 0 || (has == 0 && !object))
            rc = sb_fail_nomem(err);
        else if (has == 0)
            rc = hand_members(r, "createIndexes", c->ns, object, 0, err);
        r->counts.indexes += rc == 0 ? n : 0;
        json_decref(list);
        free(members);
        free(object);
    }
    return rc;
}

int sb_restore_views(struct sb_restore *r, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->plan->collections_n; i++) {
        const struct sb_backup_collection *c = &r->plan->collections[i];
        if (!c->view || sb_restore_skips(c->ns))
            continue;
        rc = hand_members(r, "create", c->ns, c->raw, 0, err);
        r->counts.views += rc == 0;
    }
    return rc;
}

/* ---- documents ---- */

static const struct {
    const char *command, *key;
} stretches[] = {
    [SB_STRETCH_INSERT] = {"insert", "documents"}, [SB_STRETCH_UPDATE] = {"update", "updates"}, [SB_STRETCH_DELETE] = {"delete", "deletes"},
};

int sb_restore_flush(struct sb_restore *r, struct sb_err *err)
{
    struct sb_str text;
    if (r->n == 0)
        return 0;
    sb_str_init(&text);
    int rc = sb_restore_begin(&text, stretches[r->what].command, r->ns, err);
    sb_str_adds(&text, ",\"ordered\":true");
    if (r->bypass && r->what != SB_STRETCH_DELETE)
        sb_str_adds(&text, ",\"bypassDocumentValidation\":true");
    if (rc == 0 && !sb_str_ok(&text))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = r->fn(r->ctx, &(struct sb_restore_step){text.p, stretches[r->what].key, r->docs, r->len, r->n, 0}, err);
    if (rc == 0 && r->what == SB_STRETCH_INSERT) {
        r->counts.documents += r->n;
        r->counts.bytes += r->len;
    }
    r->len = 0;
    r->n = 0;
    sb_str_release(&text);
    return rc;
}

int sb_restore_add(struct sb_restore *r, enum sb_stretch what, const char *ns, const unsigned char *p, size_t n, struct sb_err *err)
{
    bool other = r->n && (what != r->what || strcmp(ns, r->ns) != 0);
    if ((other || r->len + n > SB_RESTORE_STRETCH || r->n == AT_ONCE) && sb_restore_flush(r, err))
        return -1;
    if (!sb_streq(r->ns, ns)) {
        const struct sb_backup_collection *c = sb_backup_collection_find(r->plan, ns);
        if (sb_str_set(&r->ns, ns))
            return sb_fail_nomem(err);
        r->bypass = c && c->raw && strstr(c->raw, "\"validator\"");
    }
    r->what = what;
    size_t want = r->len + n > SB_RESTORE_STRETCH ? r->len + n : SB_RESTORE_STRETCH;
    if (want > r->cap) {
        unsigned char *grown = realloc(r->docs, want);
        if (!grown)
            return sb_fail_nomem(err);
        r->docs = grown;
        r->cap = want;
    }
    memcpy(r->docs + r->len, p, n);
    r->len += n;
    r->n++;
    return 0;
}

int sb_restore_document(struct sb_restore *r, const char *ns, const unsigned char *p, size_t n, struct sb_err *err)
{
    return sb_restore_skips(ns) ? 0 : sb_restore_add(r, SB_STRETCH_INSERT, ns, p, n, err);
}
