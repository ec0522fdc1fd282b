/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

#include <signalbox/base/clock.h>
#include <signalbox/mongo/write_door.h>

#define MAX_REPLY 4096

/* What this program can change, and nothing else. `waits`: the command may run for hours. */
static const struct {
    const char *name;
    bool waits;
} writes[] = {
    {"createIndexes", true},
    {"dropIndexes", false},
    {"collMod", false},
    {"profile", false},
    {"update", false},
    {"aggregate", false},
    {"drop", false},
    {"killOp", false},
    {"delete", false},
    {"renameCollection", false},
    {"create", false},
};

static bool listed(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, list[i]) == 0)
            return true;
    return false;
}

/* A collMod hides or shows an index, or says when its documents expire; or it sets a validator. One of them at a time, a validator
 * with all that belongs to it: what is not said would stay as somebody else has set it. */
static int look_at_collmod(const bson_t *command, struct sb_err *err)
{
    static const char *const known[] = {"collMod", "index", "validator", "validationLevel", "validationAction", "comment", "$db", "maxTimeMS", "writeConcern"};
    static const char *const of_index[] = {"name", "hidden", "expireAfterSeconds"};
    bson_iter_t it, field;
    bool index = false;
    int validator = 0;
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (!listed(key, known, SB_COUNT(known)))
            return sb_fail(err, SB_EPOLICY, "collMod with %s is not on the list of writes", key);
        index |= strcmp(key, "index") == 0;
        validator += (strcmp(key, "validator") == 0 && BSON_ITER_HOLDS_DOCUMENT(&it)) || (strncmp(key, "validation", 10) == 0 && BSON_ITER_HOLDS_UTF8(&it));
        if (strcmp(key, "index") != 0)
            continue;
        if (!BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &field))
            return sb_fail(err, SB_EPOLICY, "collMod of an index that is no document");
        while (bson_iter_next(&field))
            if (!listed(bson_iter_key(&field), of_index, SB_COUNT(of_index)))
                return sb_fail(err, SB_EPOLICY, "collMod of an index with %s is not on the list of writes", bson_iter_key(&field));
    }
    if (index ? validator == 0 : validator == 3)
        return 0;
    return sb_fail(err, SB_EPOLICY, "a collMod is about one index, or sets a validator with its level and its action");
}

/* Level 2 writes down everything: it is never set from here. */
static int look_at_profile(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it;
    if (bson_iter_init_find(&it, command, "profile") && BSON_ITER_HOLDS_INT(&it) && (bson_iter_as_int64(&it) == 0 || bson_iter_as_int64(&it) == 1))
        return 0;
    return sb_fail(err, SB_EPOLICY, "the profiler may only be set to level 0 or 1");
}

/* One statement that changes documents by a pipeline of $set and $unset, within a range of _id: a batch. It inserts nothing. */
static int look_at_update(const bson_t *command, struct sb_err *err)
{
    static const char *const members[] = {"q", "u", "multi", "hint"};
    bson_iter_t it, list, field, at;
    int n = 0;
    if (!bson_iter_init_find(&it, command, "updates") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &list))
        return sb_fail(err, SB_EPOLICY, "an update without its statement");
    for (; bson_iter_next(&list); n++) {
        bool known = true, range, pipeline;
        if (!BSON_ITER_HOLDS_DOCUMENT(&list) || !bson_iter_recurse(&list, &field))
            return sb_fail(err, SB_EPOLICY, "an update whose statement is no document");
        while (bson_iter_next(&field))
            known &= listed(bson_iter_key(&field), members, SB_COUNT(members));
        range = bson_iter_recurse(&list, &field) && bson_iter_find_descendant(&field, "q._id", &at) && BSON_ITER_HOLDS_DOCUMENT(&at);
        pipeline = bson_iter_recurse(&list, &field) && bson_iter_find_descendant(&field, "u", &at) && BSON_ITER_HOLDS_ARRAY(&at);
        if (!known || !range || !pipeline || n)
            return sb_fail(err, SB_EPOLICY, "an update may hold one statement: a filter with a range of _id, and a pipeline");
        bson_iter_t stages, stage;
        bson_iter_recurse(&at, &stages);
        while (bson_iter_next(&stages)) {
            bool fits = BSON_ITER_HOLDS_DOCUMENT(&stages) && bson_iter_recurse(&stages, &stage) && bson_iter_next(&stage) &&
                        (strcmp(bson_iter_key(&stage), "$set") == 0 || strcmp(bson_iter_key(&stage), "$unset") == 0);
            if (!fits || bson_iter_next(&stage))
                return sb_fail(err, SB_EPOLICY, "an update's pipeline may hold $set and $unset, one a stage");
        }
    }
    if (n == 0)
        return sb_fail(err, SB_EPOLICY, "an update without its statement");
    return bson_has_field(command, SB_KEEP_IN) ? sb_keep_look(command, err) : 0;
}

static bool is_scratch(const bson_iter_t *it)
{
    return BSON_ITER_HOLDS_UTF8(it) && strncmp(bson_iter_utf8(it, NULL), SB_SCRATCH_PREFIX, sizeof SB_SCRATCH_PREFIX - 1) == 0;
}

static bool is_before(const bson_iter_t *it)
{
    return BSON_ITER_HOLDS_UTF8(it) && strncmp(bson_iter_utf8(it, NULL), SB_BEFORE_PREFIX, sizeof SB_BEFORE_PREFIX - 1) == 0;
}

static bool is_made(const bson_iter_t *it)
{
    return BSON_ITER_HOLDS_UTF8(it) && strncmp(bson_iter_utf8(it, NULL), SB_MADE_PREFIX, sizeof SB_MADE_PREFIX - 1) == 0;
}

/* A capped collection, under a name that nobody else has. */
static int look_at_create(const bson_t *command, struct sb_err *err)
{
    static const char *const known[] = {"create", "capped", "size", "validator", "validationLevel", "validationAction", "collation", "writeConcern", "comment", "$db"};
    bson_iter_t it;
    bool made = false, capped = false, size = false;
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (!listed(key, known, SB_COUNT(known)))
            return sb_fail(err, SB_EPOLICY, "create with %s is not on the list of writes", key);
        made |= strcmp(key, "create") == 0 && is_made(&it);
        capped |= strcmp(key, "capped") == 0 && BSON_ITER_HOLDS_BOOL(&it) && bson_iter_bool(&it);
        size |= strcmp(key, "size") == 0 && BSON_ITER_HOLDS_INT(&it) && bson_iter_as_int64(&it) > 0;
    }
    return made && capped && size ? 0 : sb_fail(err, SB_EPOLICY, "only a capped collection whose name begins with %s is ever created", SB_MADE_PREFIX);
}

/* Nothing is dropped but what was made here: to try something out on, to keep what fields said before, or to take another's place. */
static int look_at_drop(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it;
    if (bson_iter_init_find(&it, command, "drop") && (is_scratch(&it) || is_before(&it) || is_made(&it)))
        return 0;
    return sb_fail(err, SB_EPOLICY, "only a collection whose name begins with %s, %s or %s is ever dropped", SB_SCRATCH_PREFIX, SB_BEFORE_PREFIX, SB_MADE_PREFIX);
}

/* Exactly these stages in this order, each a document of the one name, and the first of them a range of _id. */
static bool has_stages(const bson_t *command, const char *const *stages, size_t count)
{
    bson_iter_t it, at, list, stage;
    size_t n = 0;
    if (!bson_iter_init_find(&it, command, "pipeline") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &list))
        return false;
    for (; bson_iter_next(&list); n++)
        if (n == count || !BSON_ITER_HOLDS_DOCUMENT(&list) || !bson_iter_recurse(&list, &stage) || !bson_iter_next(&stage) || strcmp(bson_iter_key(&stage), stages[n]) != 0 || bson_iter_next(&stage))
            return false;
    return n == count && bson_iter_init(&it, command) && bson_iter_find_descendant(&it, "pipeline.0.$match._id", &at) && BSON_ITER_HOLDS_DOCUMENT(&at);
}

/* The three stages by which fields are kept or copied beside, and put back: a range of _id, a projection, and a $merge into another
 * collection that keeps what is there, or that changes documents that are there by a $set. */
static bool keeps_or_puts_back(const bson_t *command)
{
    bson_iter_t it, at, list, stage;
    static const char *const stages[] = {"$match", "$project", "$merge"};
    const char *from = bson_iter_init_find(&it, command, "aggregate") && BSON_ITER_HOLDS_UTF8(&it) && !is_scratch(&it) ? bson_iter_utf8(&it, NULL) : NULL;
    bool from_before = from && is_before(&it);
    if (!from || !has_stages(command, stages, SB_COUNT(stages)))
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.2.$merge.into", &at) || !BSON_ITER_HOLDS_UTF8(&at) || is_scratch(&at) ||
        strncmp(bson_iter_utf8(&at, NULL), "system.", 7) == 0 || strcmp(bson_iter_utf8(&at, NULL), from) == 0 || (from_before && is_before(&at)))
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.2.$merge.whenNotMatched", &at) || !BSON_ITER_HOLDS_UTF8(&at))
        return false;
    bool inserts = strcmp(bson_iter_utf8(&at, NULL), "insert") == 0;
    if (inserts ? from_before : strcmp(bson_iter_utf8(&at, NULL), "discard") != 0)
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.2.$merge.whenMatched", &at))
        return false;
    if (inserts)
        return BSON_ITER_HOLDS_UTF8(&at) && strcmp(bson_iter_utf8(&at, NULL), "keepExisting") == 0;
    for (bool more = BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &list) && bson_iter_next(&list); more; more = bson_iter_next(&list))
        if (!BSON_ITER_HOLDS_DOCUMENT(&list) || !bson_iter_recurse(&list, &stage) || !bson_iter_next(&stage) || strcmp(bson_iter_key(&stage), "$set") != 0 || bson_iter_next(&stage))
            return false;
    return BSON_ITER_HOLDS_ARRAY(&at);
}

/* The four stages by which what a field refers to is taken in: a range of _id, a join with one other collection, a projection, and a
 * $merge back into the same collection that changes documents that are there by a $set. */
static bool embeds(const bson_t *command)
{
    static const char *const stages[] = {"$match", "$lookup", "$project", "$merge"}, *const joins[] = {"from", "localField", "foreignField", "as"};
    bson_iter_t it, at, list, stage;
    const char *coll = bson_iter_init_find(&it, command, "aggregate") && BSON_ITER_HOLDS_UTF8(&it) && !is_scratch(&it) && !is_before(&it) ? bson_iter_utf8(&it, NULL) : NULL;
    if (!coll || !has_stages(command, stages, SB_COUNT(stages)))
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.1.$lookup", &at) || !BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &stage))
        return false;
    while (bson_iter_next(&stage))
        if (!listed(bson_iter_key(&stage), joins, SB_COUNT(joins)) || !BSON_ITER_HOLDS_UTF8(&stage))
            return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.3.$merge.into", &at) || !BSON_ITER_HOLDS_UTF8(&at) || strcmp(bson_iter_utf8(&at, NULL), coll) != 0)
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.3.$merge.whenNotMatched", &at) || !BSON_ITER_HOLDS_UTF8(&at) || strcmp(bson_iter_utf8(&at, NULL), "discard") != 0)
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.3.$merge.whenMatched", &at) || !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &list))
        return false;
    while (bson_iter_next(&list))
        if (!BSON_ITER_HOLDS_DOCUMENT(&list) || !bson_iter_recurse(&list, &stage) || !bson_iter_next(&stage) || strcmp(bson_iter_key(&stage), "$set") != 0 || bson_iter_next(&stage))
            return false;
    return true;
}

/* The two stages by which whole documents go between a collection that was made here and another one: a range of _id, and a $merge that
 * keeps what is there. */
static bool copies(const bson_t *command)
{
    static const char *const stages[] = {"$match", "$merge"}, *const merges[] = {"into", "on", "whenMatched", "whenNotMatched"};
    bson_iter_t it, at, stage;
    bool from_made, known = true;
    if (!bson_iter_init_find(&it, command, "aggregate") || !BSON_ITER_HOLDS_UTF8(&it) || is_scratch(&it) || is_before(&it) || strncmp(bson_iter_utf8(&it, NULL), "system.", 7) == 0)
        return false;
    from_made = is_made(&it);
    if (!has_stages(command, stages, SB_COUNT(stages)))
        return false;
    if (!bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.1.$merge", &at) || !BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &stage))
        return false;
    while (bson_iter_next(&stage))
        known &= listed(bson_iter_key(&stage), merges, SB_COUNT(merges)) && BSON_ITER_HOLDS_UTF8(&stage);
    if (!known || !bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "pipeline.1.$merge.into", &at) || is_scratch(&at) || is_before(&at) || strncmp(bson_iter_utf8(&at, NULL), "system.", 7) == 0 ||
        is_made(&at) == from_made)
        return false;
    bool keeps = bson_iter_init(&it, command) && bson_iter_find_descendant(&it, "pipeline.1.$merge.whenMatched", &at) && strcmp(bson_iter_utf8(&at, NULL), "keepExisting") == 0;
    return keeps && bson_iter_init(&it, command) && bson_iter_find_descendant(&it, "pipeline.1.$merge.whenNotMatched", &at) && strcmp(bson_iter_utf8(&at, NULL), "insert") == 0;
}

/* An aggregation writes only by a last $out, into such a collection, and reads no such one; or it is about what fields said. */
static int look_at_aggregate(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it, stages, stage;
    if (keeps_or_puts_back(command) || embeds(command) || copies(command))
        return 0;
    bool out = false, bad = !bson_iter_init_find(&it, command, "aggregate") || !BSON_ITER_HOLDS_UTF8(&it) || is_scratch(&it);
    bad = bad || !bson_iter_init_find(&it, command, "pipeline") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &stages);
    while (!bad && bson_iter_next(&stages)) {
        bad = out || !BSON_ITER_HOLDS_DOCUMENT(&stages) || !bson_iter_recurse(&stages, &stage);
        while (!bad && bson_iter_next(&stage)) {
            const char *key = bson_iter_key(&stage);
            out = strcmp(key, "$out") == 0;
            bad = (out && !is_scratch(&stage)) || (!out && strcmp(key, "$sample") != 0 && strcmp(key, "$unset") != 0);
        }
    }
    return bad || !out ? sb_fail(err, SB_EPOLICY, "an aggregation may only put a sample into a collection whose name begins with %s, or keep what fields say in one that begins with %s", SB_SCRATCH_PREFIX,
                               SB_BEFORE_PREFIX) : 0;
}

/* One operation of one member, by its number: whose it is was looked at before, and a number is never left open. */
static int look_at_kill(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it;
    bool one = bson_iter_init_find(&it, command, "killOp") && bson_iter_as_int64(&it) == 1;
    bool op = bson_iter_init_find(&it, command, "op") && BSON_ITER_HOLDS_INT(&it) && bson_iter_as_int64(&it) > 0 && bson_iter_as_int64(&it) <= INT32_MAX;
    bool member = bson_iter_init_find(&it, command, "$member") && BSON_ITER_HOLDS_UTF8(&it) && *bson_iter_utf8(&it, NULL);
    bool comment = bson_iter_init_find(&it, command, "comment");
    bool admin = bson_iter_init_find(&it, command, "$db") && BSON_ITER_HOLDS_UTF8(&it) && strcmp(bson_iter_utf8(&it, NULL), "admin") == 0;
    if (one && op && member && admin && bson_count_keys(command) == 4u + comment)
        return 0;
    return sb_fail(err, SB_EPOLICY, "killOp may name one operation by its number and the one member that runs it, and nothing else");
}

static bool is_ours_or_the_servers(const char *ns)
{
    static const char *const begins[] = {"system.", SB_SCRATCH_PREFIX, SB_BEFORE_PREFIX};
    const char *dot = strchr(ns, '.');
    bool is = !dot || dot == ns || !dot[1] || strncmp(ns, "admin.", 6) == 0 || strncmp(ns, "local.", 6) == 0 || strncmp(ns, "config.", 7) == 0;
    for (size_t i = 0; !is && i < SB_COUNT(begins); i++)
        is = strncmp(dot + 1, begins[i], strlen(begins[i])) == 0;
    return is;
}

/* Another name within the database. What has that name is never dropped for it. */
static int look_at_rename(const bson_t *command, struct sb_err *err)
{
    static const char *const known[] = {"renameCollection", "to", "writeConcern", "maxTimeMS", "comment", "$db"};
    const char *from = NULL, *to = NULL, *db = NULL;
    bson_iter_t it;
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it), *text = BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : NULL;
        if (!listed(key, known, SB_COUNT(known)))
            return sb_fail(err, SB_EPOLICY, "renameCollection with %s is not on the list of writes", key);
        from = strcmp(key, "renameCollection") == 0 ? text : from;
        to = strcmp(key, "to") == 0 ? text : to;
        db = strcmp(key, "$db") == 0 ? text : db;
    }
    if (from && to && db && strcmp(db, "admin") == 0 && !is_ours_or_the_servers(from) && !is_ours_or_the_servers(to) && strncmp(from, to, strcspn(from, ".") + 1) == 0 && strcmp(from, to) != 0)
        return 0;
    return sb_fail(err, SB_EPOLICY, "a collection may be renamed within its database only, and none that is the server's or was made from here");
}

/* Parses and checks; returns the command without "$db" and "$member" (the caller destroys it), its database, its row and the member
 * that it goes to (empty: to the primary). */
static bson_t *prepare(const char *text, char *db, size_t db_cap, char *member, size_t member_cap, size_t *row, struct sb_err *err)
{
    bson_error_t e;
    bson_t *all = bson_new_from_json((const uint8_t *)text, -1, &e);
    if (!all) {
        sb_fail(err, SB_EINTERNAL, "a command that is not Extended JSON: %s", e.message);
        return NULL;
    }
    bson_t *command = NULL;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, all, "$db") || !BSON_ITER_HOLDS_UTF8(&it) || !*bson_iter_utf8(&it, NULL) ||
        strlen(bson_iter_utf8(&it, NULL)) >= db_cap) {
        sb_fail(err, SB_EINTERNAL, "a command without its database ($db)");
        goto out;
    }
    snprintf(db, db_cap, "%s", bson_iter_utf8(&it, NULL));
    static const char *const never[] = {"admin", "local", "config"};
    static const char *const by_admin[] = {"killOp", "renameCollection"}; /* what they may name is looked at below */
    bool named = bson_iter_init(&it, all) && bson_iter_next(&it), apart = named && listed(bson_iter_key(&it), by_admin, SB_COUNT(by_admin)), kill = named && strcmp(bson_iter_key(&it), "killOp") == 0;
    member[0] = '\0';
    for (size_t i = 0; i < SB_COUNT(never); i++)
        if (strcmp(db, never[i]) == 0 && !apart) {
            sb_fail(err, SB_EPOLICY, "nothing is ever written to the database %s", db);
            goto out;
        }
    bson_iter_init(&it, all);
    if (!bson_iter_next(&it)) {
        sb_fail(err, SB_EINTERNAL, "an empty command");
        goto out;
    }
    for (*row = 0; *row < SB_COUNT(writes); ++*row)
        if (strcmp(bson_iter_key(&it), writes[*row].name) == 0)
            break;
    if (*row == SB_COUNT(writes)) {
        sb_fail(err, SB_EPOLICY, "the command %s is not on the list of writes", bson_iter_key(&it));
        goto out;
    }
    if (strcmp(writes[*row].name, "collMod") == 0 && look_at_collmod(all, err))
        goto out;
    if (strcmp(writes[*row].name, "renameCollection") == 0 && look_at_rename(all, err))
        goto out;
    if (strcmp(writes[*row].name, "create") == 0 && look_at_create(all, err))
        goto out;
    if (strcmp(writes[*row].name, "profile") == 0 && look_at_profile(all, err))
        goto out;
    if (strcmp(writes[*row].name, "update") == 0 && look_at_update(all, err))
        goto out;
    if (strcmp(writes[*row].name, "drop") == 0 && look_at_drop(all, err))
        goto out;
    if (strcmp(writes[*row].name, "aggregate") == 0 && look_at_aggregate(all, err))
        goto out;
    if (strcmp(writes[*row].name, "delete") == 0 && sb_move_look(all, err))
        goto out;
    if (kill && look_at_kill(all, err))
        goto out;
    if (bson_iter_init_find(&it, all, "$member")) {
        if (!kill || strlen(bson_iter_utf8(&it, NULL)) >= member_cap) {
            sb_fail(err, SB_EPOLICY, "only killOp goes to a member that is named");
            goto out;
        }
        snprintf(member, member_cap, "%s", bson_iter_utf8(&it, NULL));
    }
    command = bson_new();
    bson_copy_to_excluding_noinit(all, command, "$db", "$member", NULL);
out:
    bson_destroy(all);
    return command;
}

int sb_write_allowed(const char *text, struct sb_err *err)
{
    char db[128], member[256];
    size_t row;
    bson_t *command = prepare(text, db, sizeof db, member, sizeof member, &row, err);
    if (!command)
        return -1;
    bson_destroy(command);
    return 0;
}

int sb_permit_check(const struct sb_server *s, const char *deployment_id, const struct sb_permit *permit, const char *command, struct sb_err *err)
{
    if (s->read_only)
        return sb_fail(err, SB_EPOLICY, "this console is read-only");
    if (permit->seq <= 0 || permit->used)
        return sb_fail(err, SB_EPOLICY, "the permit is missing or was used");
    if (strcmp(permit->deployment_id, deployment_id) != 0)
        return sb_fail(err, SB_EPOLICY, "the permit is for the deployment %s, not for %s", permit->deployment_id, deployment_id);
    struct sb_hash hash;
    if (sb_hash_bytes(&hash, command, strlen(command), err))
        return -1;
    if (memcmp(hash.bytes, permit->command.bytes, SB_HASH_LEN) != 0)
        return sb_fail(err, SB_EPOLICY, "the permit (entry %lld) is for other bytes than this command", (long long)permit->seq);
    return 0;
}

static void keep_reply(struct sb_write_result *out, const bson_t *reply)
{
    char *json = bson_as_relaxed_extended_json(reply, NULL);
    if (!json)
        return;
    size_t n = strlen(json);
    out->reply = sb_strdup_n(json, n > MAX_REPLY ? sb_utf8_whole(json, MAX_REPLY) : n);
    bson_free(json);
}

/* A reply may say ok and still hold the failure of the write or of its concern. */
static bool hidden_failure(const bson_t *reply, struct sb_write_result *out)
{
    static const char *const places[] = {"writeConcernError", "writeErrors.0"};
    for (size_t i = 0; i < SB_COUNT(places); i++) {
        bson_iter_t it, at, field;
        if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, places[i], &at) || !BSON_ITER_HOLDS_DOCUMENT(&at))
            continue;
        bson_iter_recurse(&at, &field);
        while (bson_iter_next(&field)) {
            if (strcmp(bson_iter_key(&field), "code") == 0 && BSON_ITER_HOLDS_INT(&field))
                out->code = bson_iter_as_int64(&field);
            if (strcmp(bson_iter_key(&field), "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&field))
                snprintf(out->message, sizeof out->message, "%s", bson_iter_utf8(&field, NULL));
        }
        /* it was applied, but not where it had to be: only reading back can tell */
        out->outcome = SB_OUTCOME_UNKNOWN;
        return true;
    }
    return false;
}

/* The server itself lost the thread: interrupted, stepping down, an exceeded time limit. */
static bool is_unsure(int64_t code)
{
    static const int64_t unsure[] = {50, 64, 89, 91, 189, 262, 279, 317, 9001, 10107, 11600, 11601, 11602, 13435, 13436};
    for (size_t i = 0; i < SB_COUNT(unsure); i++)
        if (code == unsure[i])
            return true;
    return false;
}

/* What each shard said of the command, where a mongos tells. */
struct shards_said {
    struct sb_str done, failed; /* their names; the failed ones with the reason */
    int64_t code;               /* of the first that failed */
    bool unsure;
};

/* That a shard has no such index or collection is no failure of a command that takes it away, as the mongos sees it. */
static bool forgivable(const char *command, int64_t code)
{
    return strcmp(command, "dropIndexes") == 0 && (code == 26 || code == 27);
}

static void take_shard(struct shards_said *s, const char *command, const char *host, const bson_iter_t *at)
{
    bson_iter_t field;
    bool ok = false;
    int64_t code = 0;
    const char *msg = "it gave no reason";
    int name = (int)strcspn(host, "/");
    name = name > 60 ? 60 : name;
    bson_iter_recurse(at, &field);
    while (bson_iter_next(&field)) {
        if (strcmp(bson_iter_key(&field), "ok") == 0)
            ok = bson_iter_as_bool(&field);
        if (strcmp(bson_iter_key(&field), "code") == 0 && BSON_ITER_HOLDS_INT(&field))
            code = bson_iter_as_int64(&field);
        if (strcmp(bson_iter_key(&field), "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&field))
            msg = bson_iter_utf8(&field, NULL);
    }
    if (ok) {
        sb_str_addf(&s->done, "%s%.*s", s->done.len ? ", " : "", name, host);
        return;
    }
    if (forgivable(command, code))
        return;
    sb_str_addf(&s->failed, "%s%.*s: %.160s", s->failed.len ? "; " : "", name, host, msg);
    s->code = s->code ? s->code : code;
    s->unsure = s->unsure || is_unsure(code);
}

/* A mongos asks every shard; one that failed leaves what the others did. The reply of a set has no such part. */
static void look_at_shards(const char *command, const bson_t *reply, struct sb_write_result *out)
{
    struct shards_said s = {.code = 0};
    bson_iter_t raw, at;
    if (!bson_iter_init_find(&raw, reply, "raw") || !BSON_ITER_HOLDS_DOCUMENT(&raw) || !bson_iter_recurse(&raw, &at))
        return;
    sb_str_init(&s.done);
    sb_str_init(&s.failed);
    while (bson_iter_next(&at))
        if (BSON_ITER_HOLDS_DOCUMENT(&at))
            take_shard(&s, command, bson_iter_key(&at), &at);
    if (s.failed.len && sb_str_ok(&s.done) && sb_str_ok(&s.failed)) {
        out->outcome = s.unsure ? SB_OUTCOME_UNKNOWN : SB_OUTCOME_FAILED;
        out->code = s.code;
        if (s.done.len)
            snprintf(out->message, sizeof out->message, "it was done on shard %.120s and failed on shard %.320s", s.done.p, s.failed.p);
        else
            snprintf(out->message, sizeof out->message, "it failed on every shard: %.400s", s.failed.p);
    }
    sb_str_release(&s.done);
    sb_str_release(&s.failed);
}

void sb_write_failed(struct sb_conn *c, const bson_error_t *e, const char *name, struct sb_write_result *out)
{
    struct sb_err err = SB_ERR_INIT;
    sb_mongo_error(c, e, name, &err);
    out->code = err.detail;
    snprintf(out->message, sizeof out->message, "%s", err.msg);
    /* no server found, or the login refused: nothing was sent. A server's answer: it did not happen, except where the server itself lost
     * the thread. Anything else: nobody knows. */
    out->outcome = SB_OUTCOME_UNKNOWN;
    if (e->domain == MONGOC_ERROR_SERVER_SELECTION || (e->domain == MONGOC_ERROR_CLIENT && e->code == MONGOC_ERROR_CLIENT_AUTHENTICATE))
        out->outcome = SB_OUTCOME_FAILED;
    if (err.code == SB_ECOMMAND)
        out->outcome = is_unsure(out->code) ? SB_OUTCOME_UNKNOWN : SB_OUTCOME_FAILED;
}

void sb_write_send(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out)
{
    bson_error_t e = {0};
    bson_t reply;
    c->refused[0] = '\0';
    bool ok = mongoc_client_command_with_opts(c->client, db, command, NULL, NULL, &reply, &e);
    bson_iter_t it;
    const char *name = bson_iter_init(&it, command) && bson_iter_next(&it) ? bson_iter_key(&it) : "command";
    if (ok && !hidden_failure(&reply, out))
        out->outcome = SB_OUTCOME_OK;
    if (!ok)
        sb_write_failed(c, &e, name, out);
    if (ok || e.domain == MONGOC_ERROR_SERVER)
        look_at_shards(name, &reply, out);
    if (!bson_empty(&reply))
        keep_reply(out, &reply);
    bson_destroy(&reply);
}

void sb_write(const struct sb_server *s, const char *executor_uri, const char *deployment_id, struct sb_permit *permit,
              const char *text, struct sb_write_result *out)
{
    memset(out, 0, sizeof *out);
    out->outcome = SB_OUTCOME_FAILED;
    struct sb_err err = SB_ERR_INIT;
    char db[128], member[256];
    size_t row = 0;
    struct sb_conn *c = NULL;
    mongoc_uri_t *uri = NULL;
    struct sb_server *executor = NULL;
    int64_t start = sb_mono_ms();
    bson_t *command = prepare(text, db, sizeof db, member, sizeof member, &row, &err);
    if (!command || sb_permit_check(s, deployment_id, permit, text, &err))
        goto out;
    permit->used = true;
    if (member[0]) {
        executor = executor_uri ? sb_server_new(executor_uri, false, &err) : NULL;
        if (executor || !executor_uri)
            c = sb_conn_to_member(executor ? executor : s, member, SB_LANE_BULK, &err);
        if (c)
            sb_write_send(c, db, command, out);
        goto out;
    }
    uri = executor_uri ? mongoc_uri_new(executor_uri) : mongoc_uri_copy(s->uri);
    if (!uri) {
        sb_fail(&err, SB_EUSAGE, "the executor's connection string is not a valid mongodb:// URI");
        goto out;
    }
    /* one attempt exactly: doubling is ours to prevent, not the driver's to try */
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
    c = sb_conn_found(uri, 3000, 5000, writes[row].waits ? INT32_MAX : 15000, &err);
    if (!c)
        goto out;
    if (strcmp(writes[row].name, "delete") == 0)
        sb_write_move(c, db, command, out);
    else if (bson_has_field(command, SB_KEEP_IN))
        sb_write_keep(c, db, command, out);
    else
        sb_write_send(c, db, command, out);
out:
    if (err.code != SB_OK)
        snprintf(out->message, sizeof out->message, "%s", err.msg);
    out->millis = sb_mono_ms() - start;
    sb_conn_close(c);
    sb_server_free(executor);
    if (uri)
        mongoc_uri_destroy(uri);
    if (command)
        bson_destroy(command);
}

void sb_write_result_release(struct sb_write_result *r)
{
    free(r->reply);
    memset(r, 0, sizeof *r);
}
