/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/catalogue.h>

#include <string.h>

static const struct sb_member field_members[] = {
    SB_MEMBER(struct sb_index_field, path, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_field, direction, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_field, kind, SB_STR, 0, NULL),
};
static const struct sb_schema field_schema = SB_SCHEMA("index_field", struct sb_index_field, field_members);

static const struct sb_member index_members[] = {
    SB_MEMBER(struct sb_index_info, name, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_info, key, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_info, spec, SB_STR, 0, NULL),
    SB_LIST(struct sb_index_info, fields, SB_RECS, SB_ALWAYS, &field_schema),
    SB_MEMBER(struct sb_index_info, unique, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, sparse, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, hidden, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, partial, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, ttl, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, collation, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, building, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, members, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_info, uses, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_info, since, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_index_info, since_all, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_index_info, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_index_info, knows_written, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_index_info, written, SB_INT, 0, NULL),
};
const struct sb_schema sb_index_info_schema = SB_SCHEMA("index", struct sb_index_info, index_members);

static const struct sb_member fact_members[] = {
    SB_MEMBER(struct sb_field_fact, path, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_field_fact, present_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_field_fact, distinct_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_field_fact, array, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_field_fact, array_mean_milli, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_field_fact, value_bytes, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_field_fact, key_bytes, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_field_fact, aside, SB_BOOL, 0, NULL),
};
static const struct sb_schema fact_schema = SB_SCHEMA("field", struct sb_field_fact, fact_members);

static const struct sb_member build_members[] = {
    SB_MEMBER(struct sb_build_info, name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_build_info, member, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_build_info, msg, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_build_info, done, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_build_info, total, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_build_info, running_ms, SB_INT, SB_ALWAYS, NULL),
};
static const struct sb_schema build_schema = SB_SCHEMA("build", struct sb_build_info, build_members);

static const struct sb_member catalogue_members[] = {
    SB_MEMBER(struct sb_catalogue, ns, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, exists, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, type, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_catalogue, uuid, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_catalogue, documents, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, average_bytes, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_catalogue, indexes, SB_RECS, SB_ALWAYS, &sb_index_info_schema),
    SB_LIST(struct sb_catalogue, builds, SB_RECS, SB_ALWAYS, &build_schema),
    SB_MEMBER(struct sb_catalogue, sharded, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_catalogue, shard_key, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_catalogue, knows_builds, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, members, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, members_answered, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_catalogue, knows_index_stats, SB_BOOL, SB_ALWAYS, NULL),
    SB_LIST(struct sb_catalogue, fields, SB_RECS, SB_ALWAYS, &fact_schema),
    SB_MEMBER(struct sb_catalogue, sampled, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_catalogue, uneven, SB_STRS, 0, NULL),
    SB_LIST(struct sb_catalogue, blind, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_catalogue, commands, SB_STRS, SB_ALWAYS, NULL),
};
const struct sb_schema sb_catalogue_schema = SB_SCHEMA("catalogue", struct sb_catalogue, catalogue_members);

void sb_catalogue_release(struct sb_catalogue *c)
{
    sb_record_release(&sb_catalogue_schema, c);
}

const struct sb_index_info *sb_catalogue_index(const struct sb_catalogue *c, const char *name)
{
    for (size_t i = 0; i < c->indexes_n; i++)
        if (sb_streq(c->indexes[i].name, name))
            return &c->indexes[i];
    return NULL;
}

/* The field of a key at it is this one: 1, 1.0 and NumberLong(1) are one direction. */
static bool same_field(const struct sb_index_field *f, const bson_iter_t *it)
{
    return sb_streq(f->path, bson_iter_key(it)) &&
           (BSON_ITER_HOLDS_NUMBER(it) ? f->direction == (bson_iter_as_int64(it) < 0 ? -1 : 1) : BSON_ITER_HOLDS_UTF8(it) && sb_streq(f->kind, bson_iter_utf8(it, NULL)));
}

bool sb_catalogue_on_shard_key(const struct sb_catalogue *c, const struct sb_index_info *index)
{
    bson_t *key = c->shard_key ? bson_new_from_json((const uint8_t *)c->shard_key, -1, NULL) : NULL;
    bson_iter_t it;
    size_t i = 0;
    bool begins = c->sharded;
    for (bool more = key && bson_iter_init(&it, key); more && begins && bson_iter_next(&it); i++)
        begins = i < index->fields_n && same_field(&index->fields[i], &it);
    if (key)
        bson_destroy(key);
    return begins;
}

/* Two key patterns are the same when their fields are, in order. */
static bool same_key(const struct sb_index_info *index, const bson_t *key)
{
    bson_iter_t it;
    size_t i = 0;
    if (!bson_iter_init(&it, key))
        return false;
    while (bson_iter_next(&it)) {
        if (i == index->fields_n)
            return false;
        if (!same_field(&index->fields[i++], &it))
            return false;
    }
    return i == index->fields_n;
}

const struct sb_index_info *sb_catalogue_index_by_key(const struct sb_catalogue *c, const char *key)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    const struct sb_index_info *found = NULL;
    for (size_t i = 0; doc && i < c->indexes_n && !found; i++)
        if (same_key(&c->indexes[i], doc))
            found = &c->indexes[i];
    if (doc)
        bson_destroy(doc);
    return found;
}

/* Not the first index with this key: others may have it too, with other options. */
bool sb_catalogue_index_has_key(const struct sb_index_info *index, const char *key)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    bool same = doc && same_key(index, doc);
    if (doc)
        bson_destroy(doc);
    return same;
}

/* What was found uneven of that index and goes on so; NULL nothing. */
static const char *said_of(const struct sb_catalogue *c, const char *name, const char *rest)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < c->uneven_n; i++)
        if (strncmp(c->uneven[i], name, n) == 0 && strncmp(c->uneven[i] + n, rest, strlen(rest)) == 0)
            return c->uneven[i];
    return NULL;
}

const char *sb_catalogue_other_key(const struct sb_catalogue *c, const char *name)
{
    return said_of(c, name, " has another key on ");
}

enum sb_built sb_catalogue_built(const struct sb_catalogue *c, const char *name, const char *key, char *why, size_t cap)
{
    for (size_t i = 0; i < c->builds_n; i++)
        if (sb_streq(c->builds[i].name, name)) {
            snprintf(why, cap, "%s builds it: %lld of %lld", c->builds[i].member, (long long)c->builds[i].done, (long long)c->builds[i].total);
            return SB_BUILDING;
        }
    const struct sb_index_info *index = sb_catalogue_index(c, name);
    if (!index) {
        snprintf(why, cap, "%s has no index named %s", c->ns, name);
        return SB_NOT_THERE;
    }
    if (key && !sb_catalogue_index_has_key(index, key)) {
        snprintf(why, cap, "an index named %s is there, but its key is %s", name, index->key);
        return SB_NOT_THERE;
    }
    if (index->building) {
        snprintf(why, cap, "listed, but still being built");
        return SB_BUILDING;
    }
    if (!c->knows_index_stats || !c->knows_builds || c->members_answered < c->members) {
        if (!c->knows_index_stats)
            snprintf(why, cap, "listed; the server has no $indexStats to show that every member has finished it");
        else if (!c->knows_builds)
            snprintf(why, cap, "listed; the server does not answer $currentOp, so a running build cannot be ruled out");
        else
            snprintf(why, cap, "listed; %lld of %lld members answered $indexStats", (long long)c->members_answered, (long long)c->members);
        return SB_BUILT_UNPROVEN;
    }
    if (index->members < c->members) {
        int n = snprintf(why, cap, "%lld of %lld %s have it", (long long)index->members, (long long)c->members, c->sharded ? "shards" : "members");
        if (!c->sharded)
            return SB_BUILDING;
        const char *lack = said_of(c, name, " is on other shards"); /* each shard builds by itself, and none does */
        if (lack && n > 0 && (size_t)n < cap)
            snprintf(why + n, cap - (size_t)n, ": %s", lack);
        return SB_NOT_THERE;
    }
    snprintf(why, cap, "all %lld %s have it, none is building", (long long)c->members, c->sharded ? "shards" : "members");
    return SB_BUILT;
}

bool sb_ns_split(const char *ns, char db[64], char coll[192])
{
    const char *dot = ns ? strchr(ns, '.') : NULL;
    if (!dot || dot == ns || dot - ns >= 64 || dot[1] == '\0' || strlen(dot + 1) >= 192)
        return false;
    snprintf(db, 64, "%.*s", (int)(dot - ns), ns);
    snprintf(coll, 192, "%s", dot + 1);
    return true;
}
