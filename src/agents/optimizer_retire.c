/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer_retire.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/zone.h>

#include <inttypes.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* ---- one index covers another ---- */

static char *option(const struct sb_index_info *x, const char *name)
{
    bson_t *spec = x->spec ? bson_new_from_json((const uint8_t *)x->spec, -1, NULL) : NULL, one;
    bson_iter_t it;
    char *copy = NULL;
    bson_init(&one);
    if (spec && bson_iter_init_find(&it, spec, name) && bson_append_iter(&one, NULL, 0, &it)) {
        char *text = bson_as_canonical_extended_json(&one, NULL);
        copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
        bson_free(text);
    }
    bson_destroy(&one);
    if (spec)
        bson_destroy(spec);
    return copy;
}

static bool same_collation(const struct sb_index_info *a, const struct sb_index_info *b)
{
    if (!a->collation && !b->collation)
        return true;
    char *x = option(a, "collation"), *y = option(b, "collation");
    bool same = x && y && strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

static bool ordered(const struct sb_index_info *x)
{
    for (size_t i = 0; i < x->fields_n; i++)
        if (x->fields[i].direction == 0 || strstr(x->fields[i].path, "$**"))
            return false;
    return x->fields_n > 0;
}

/* b's key begins with a's, as it stands or turned round. */
static bool begins(const struct sb_index_info *b, const struct sb_index_info *a)
{
    int64_t turn = 0;
    if (b->fields_n < a->fields_n)
        return false;
    for (size_t i = 0; i < a->fields_n; i++) {
        int64_t this_turn = a->fields[i].direction * b->fields[i].direction;
        if (!sb_streq(a->fields[i].path, b->fields[i].path) || (turn && turn != this_turn))
            return false;
        turn = this_turn;
    }
    return true;
}

/* Of two equal ones the one that is less used goes. */
static bool stays(const struct sb_index_info *b, const struct sb_index_info *a)
{
    if (b->fields_n != a->fields_n || b->unique != a->unique)
        return b->fields_n > a->fields_n || b->unique;
    return b->uses != a->uses ? b->uses > a->uses : strcmp(b->name, a->name) < 0;
}

static bool covers(const struct sb_index_info *b, const struct sb_index_info *a)
{
    bool whole = !b->partial && !b->sparse && !b->hidden && !b->building;
    return b != a && whole && ordered(a) && ordered(b) && begins(b, a) && same_collation(a, b) && stays(b, a);
}

static const struct sb_index_info *covered_by(const struct sb_catalogue *c, const struct sb_index_info *a)
{
    for (size_t i = 0; i < c->indexes_n; i++)
        if (covers(&c->indexes[i], a))
            return &c->indexes[i];
    return NULL;
}

/* ---- who uses it all the same ---- */

static bool hinted(const struct sb_workload *w, const char *ns, const struct sb_index_info *x)
{
    for (size_t i = 0; w && i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        const char *hint = work->shape->hint;
        if (!sb_streq(work->ns, ns) || !hint[0])
            continue;
        bson_t *key = hint[0] == '{' ? bson_new_from_json((const uint8_t *)hint, -1, NULL) : NULL;
        bool it = sb_streq(hint, x->name);
        if (key) {
            char *text = bson_as_canonical_extended_json(key, NULL);
            it = it || (text && sb_streq(text, x->key));
            bson_free(text);
            bson_destroy(key);
        }
        if (it)
            return true;
    }
    return false;
}

/* Some operation's plan in the log has this key. */
static bool in_a_plan(const struct sb_workload *w, const char *ns, const struct sb_index_info *x)
{
    struct sb_str plan;
    bool found = false;
    sb_str_init(&plan);
    sb_str_adds(&plan, "{ ");
    for (size_t i = 0; i < x->fields_n; i++)
        sb_str_addf(&plan, x->fields[i].kind ? "%s%s: \"%s\"" : "%s%s: %s", i ? ", " : "", x->fields[i].path,
                    x->fields[i].kind ? x->fields[i].kind : x->fields[i].direction < 0 ? "-1" : "1");
    sb_str_adds(&plan, " }");
    for (size_t i = 0; w && sb_str_ok(&plan) && i < sb_workload_size(w) && !found; i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        for (size_t k = 0; sb_streq(work->ns, ns) && k < work->plans.n && !found; k++)
            found = strstr(work->plans.item[k].name, plan.p) != NULL;
    }
    sb_str_release(&plan);
    return found;
}

/* What it is for beside finding documents; NULL: nothing. */
static const char *other_purpose(const struct sb_catalogue *c, const struct sb_index_info *x)
{
    if (sb_catalogue_on_shard_key(c, x))
        return c->shard_key ? "the shard key rests on it: without it no chunk is split, moved or found" : "the collection is sharded and its shard key could not be read: it may rest on this one";
    if (x->unique)
        return "it is unique: it keeps values from being there twice, whether it is read or not";
    if (x->ttl)
        return "it expires documents, which no counter of uses counts";
    if (x->partial)
        return "it is partial: it costs only the documents within its filter, and may be there for few operations";
    for (size_t i = 0; i < x->fields_n; i++) {
        const char *kind = x->fields[i].kind;
        if (kind && sb_streq(kind, "hashed"))
            return "it is hashed: a shard key may rest on it";
        if (kind)
            return "its kind of search fails altogether without such an index";
    }
    return NULL;
}

/* ---- the verdict ---- */

static bool verdict(struct retire *r, enum retire_verdict v, const char *fmt, ...) SB_PRINTF(3, 4);
static bool verdict(struct retire *r, enum retire_verdict v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    r->verdict = v;
    return true;
}

static bool look_redundant(struct retire *r, const struct sb_catalogue *c, const struct sb_workload *w)
{
    const struct sb_index_info *x = r->index;
    r->by = covered_by(c, x);
    if (!r->by)
        return false;
    bool same = r->by->fields_n == x->fields_n;
    const char *other = x->unique && r->by->unique && same && !sb_catalogue_on_shard_key(c, x) ? NULL : other_purpose(c, x);
    if (other)
        return verdict(r, RETIRE_KEEP, "%s begins with its key, but %s", r->by->name, other);
    if (x->sparse)
        return verdict(r, RETIRE_KEEP, "%s begins with its key, but it is sparse and holds fewer documents", r->by->name);
    if (hinted(w, c->ns, x))
        return verdict(r, RETIRE_KEEP, "%s begins with its key, but an operation names it (hint) and would fail without it", r->by->name);
    if (x->hidden)
        return verdict(r, RETIRE_KEEP, "%s begins with its key, but it is hidden already: drop it when all is well without it (the card that hid it leads to one that drops it, when its watch window has passed)",
                       r->by->name);
    return verdict(r, RETIRE_REDUNDANT, "%s %s: it serves whatever this one serves, and every write pays for both", r->by->name,
                   same ? "has the same key, as it stands or turned round" : "begins with its key");
}

/* True when the last day of a month and the first two of the next lie in this time (UTC): *year and *month of the latest such. */
static bool saw_months_end(int64_t from_ms, int64_t to_ms, int64_t *year, int *month)
{
    int64_t to = to_ms / DAY_MS; /* days since 1970, and the first of this month or the one before */
    int day;
    sb_date_of_days(to - 2, year, month, &day);
    int64_t first = to - 2 - (day - 1), last = first - 1;
    sb_date_of_days(last, year, month, &day);
    return from_ms <= last * DAY_MS;
}

static bool look_dead(struct retire *r, const struct sb_catalogue *c, const struct sb_workload *w, int64_t now_ms)
{
    const struct sb_index_info *x = r->index;
    int64_t counted = x->since_all ? now_ms - x->since_all : 0;
    if (x->uses > 0 || !c->knows_index_stats || x->members == 0)
        return false;
    const char *other = other_purpose(c, x);
    if (in_a_plan(w, c->ns, x))
        return verdict(r, RETIRE_KEEP, "its counters stand at 0, but a logged operation used it");
    if (other)
        return verdict(r, RETIRE_KEEP, "not used, but %s", other);
    if (hinted(w, c->ns, x))
        return verdict(r, RETIRE_KEEP, "not used, but an operation names it (hint) and would fail without it");
    if (x->hidden)
        return verdict(r, RETIRE_KEEP, "it is hidden: nobody can use it, so that its counters tell nothing; drop it when all is well without it (the card that hid it leads to one that drops it, when its watch window has passed)");
    if (c->members_answered < c->members)
        return verdict(r, RETIRE_KEEP, "not used, but only %" PRId64 " of %" PRId64 " members were asked", c->members_answered, c->members);
    if (counted < SB_RETIRE_AFTER_MS)
        return verdict(r, RETIRE_KEEP, "not used, but its counters were set back %" PRId64 " h ago, by a restart or by itself: a week is needed", counted > 0 ? counted / 3600000 : 0);
    int64_t year;
    int month;
    r->months_end = saw_months_end(now_ms - counted, now_ms, &year, &month);
    if (r->months_end)
        return verdict(r, RETIRE_DEAD, "no operation used it on any of %" PRId64 " members in %" PRId64 " days, in which the end of %04" PRId64 "-%02d lay; what runs once a quarter may not have come up", x->members,
                       counted / DAY_MS, year, month);
    return verdict(r, RETIRE_DEAD, "no operation used it on any of %" PRId64 " members in %" PRId64 " days; no month's end lay in them, so what runs then has not come up: watch it over one", x->members,
                   counted / DAY_MS);
}

int sb_retire_look(const struct sb_catalogue *c, const struct sb_workload *w, int64_t now_ms, struct retire **out, size_t *n)
{
    *n = 0;
    *out = calloc(c->indexes_n + 1, sizeof **out);
    if (!*out)
        return -1;
    for (size_t i = 0; i < c->indexes_n; i++) {
        struct retire *r = &(*out)[*n];
        memset(r, 0, sizeof *r);
        r->index = &c->indexes[i];
        if (sb_streq(r->index->name, "_id_") || r->index->building)
            continue;
        if (look_redundant(r, c, w) || look_dead(r, c, w, now_ms))
            ++*n;
    }
    return 0;
}

/* ---- commands ---- */

static char *json_of(bson_t *doc)
{
    char *text = doc ? bson_as_canonical_extended_json(doc, NULL) : NULL, *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    if (doc)
        bson_destroy(doc);
    return copy;
}

char *sb_retire_uses_told(const struct sb_index_info *x, int64_t members)
{
    char first[SB_TIME_LEN + 1], all[SB_TIME_LEN + 1];
    if (!x->since_all)
        return sb_format("%" PRId64 " on %" PRId64 " of %" PRId64 " members; since when they count is not told", x->uses, x->members, members);
    sb_time_format(first, x->since);
    sb_time_format(all, x->since_all);
    return sb_format("%" PRId64 " on %" PRId64 " of %" PRId64 " members: the first of them counts since %.16sZ, every one since %.16sZ (its last restart, or when the index was made, hidden or shown)", x->uses,
                     x->members, members, first, all);
}

char *sb_retire_hide_command(const char *coll, const char *name, bool hidden)
{
    return json_of(BCON_NEW("collMod", BCON_UTF8(coll), "index", "{", "name", BCON_UTF8(name), "hidden", BCON_BOOL(hidden), "}"));
}

char *sb_retire_drop_command(const char *coll, const char *name)
{
    return json_of(BCON_NEW("dropIndexes", BCON_UTF8(coll), "index", BCON_UTF8(name)));
}

char *sb_retire_create_command(const char *coll, const char *spec)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)spec, -1, NULL);
    char *text = doc ? json_of(BCON_NEW("createIndexes", BCON_UTF8(coll), "indexes", "[", BCON_DOCUMENT(doc), "]")) : NULL;
    if (doc)
        bson_destroy(doc);
    return text;
}
