/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/shared/crew.h>

#include <signalbox/base/record.h>
#include <signalbox/shared/store.h>

#include <stdlib.h>
#include <string.h>

#define LIT(text) "{", "$literal", BCON_UTF8(text), "}"

int sb_crew_beat(struct sb_store_door *d, const struct sb_crew_member *me, struct sb_err *err)
{
    bson_t names, *query = BCON_NEW("_id", BCON_UTF8(me->id));
    char key[24];
    bson_init(&names);
    for (size_t i = 0; i < me->names_n && i < SB_CREW_NAMES; i++) {
        snprintf(key, sizeof key, "%zu", i);
        BSON_APPEND_UTF8(&names, key, me->names[i]);
    }
    bson_t *update = BCON_NEW("0", "{", "$set", "{", "host", LIT(me->host), "pid", BCON_INT64(me->pid), "program", LIT(me->program), "version", BCON_INT32(SB_STORE_VERSION), "beat", "$$NOW", "draining",
                              "{", "$literal", BCON_BOOL(me->draining), "}", "watches", BCON_INT64(me->watches), "names", "{", "$literal", BCON_ARRAY(&names), "}", "}", "}");
    enum sb_store_wrote wrote = sb_store_door_update(d, SB_SUPERVISORS, query, update, true, true, err);
    bson_destroy(query);
    bson_destroy(update);
    bson_destroy(&names);
    return wrote == SB_STORE_WROTE ? 0 : wrote == SB_STORE_NOT ? sb_fail(err, SB_ESERVER, "the row of this supervisor was made by somebody else at the same moment") : -1;
}

struct reading {
    struct sb_crew *out;
    const char *me;
    int64_t since;
    bool nomem;
};

static void text(const bson_t *doc, const char *key, char *out, size_t cap)
{
    bson_iter_t it;
    uint32_t n = 0;
    const char *s = bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, &n) : "";
    bool fits = strlen(s) == n && n < cap;
    snprintf(out, cap, "%s", fits ? s : "");
}

static int64_t whole(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, key))
        return 0;
    return BSON_ITER_HOLDS_DATE_TIME(&it) ? bson_iter_date_time(&it) : BSON_ITER_HOLDS_INT(&it) ? bson_iter_as_int64(&it) : 0;
}

static bool take(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    struct sb_crew_member m = {.pid = whole(doc, "pid"), .beat = whole(doc, "beat"), .watches = whole(doc, "watches")};
    bson_iter_t it, at;
    text(doc, "_id", m.id, sizeof m.id);
    text(doc, "host", m.host, sizeof m.host);
    text(doc, "program", m.program, sizeof m.program);
    m.draining = bson_iter_init_find(&it, doc, "draining") && bson_iter_as_bool(&it);
    if (!m.id[0] || strcmp(m.id, r->me) == 0 || m.beat < r->since)
        return true;
    if (bson_iter_init_find(&it, doc, "names") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &at))
        while (m.names_n < SB_CREW_NAMES && bson_iter_next(&at))
            if (BSON_ITER_HOLDS_UTF8(&at) && sb_strs_push(&m.names, &m.names_n, bson_iter_utf8(&at, NULL)))
                r->nomem = true;
    struct sb_crew_member *slot = SB_PUSH(r->out->list);
    if (slot)
        *slot = m;
    r->nomem |= slot == NULL;
    return !r->nomem;
}

int sb_crew_read(struct sb_store_door *d, const char *me, int64_t now, int64_t alive_ms, struct sb_crew *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reading r = {.out = out, .me = me, .since = now - alive_ms};
    bson_t *filter = BCON_NEW("beat", "{", "$gte", BCON_DATE_TIME(r.since), "}");
    int64_t n = sb_store_door_find(d, SB_SUPERVISORS, filter, NULL, SB_CREW_MOST, take, &r, err);
    bson_destroy(filter);
    return n < 0 ? -1 : r.nomem ? sb_fail_nomem(err) : 0;
}

void sb_crew_release(struct sb_crew *c)
{
    for (size_t i = 0; i < c->list_n; i++) {
        for (size_t k = 0; k < c->list[i].names_n; k++)
            free(c->list[i].names[k]);
        free(c->list[i].names);
    }
    free(c->list);
    memset(c, 0, sizeof *c);
}

/* The fewest that another one watches who could take it; -1: nobody could. */
static int64_t fewest(const struct sb_crew *others, const char *name)
{
    int64_t least = -1;
    for (size_t i = 0; i < others->list_n; i++) {
        const struct sb_crew_member *m = &others->list[i];
        if (!m->draining && sb_strs_has(m->names, m->names_n, name) && (least < 0 || m->watches < least))
            least = m->watches < 0 ? 0 : m->watches;
    }
    return least;
}

bool sb_crew_may_take(const struct sb_crew *others, const char *name, int64_t mine, int64_t free_n)
{
    int64_t least = fewest(others, name), ahead = free_n / (int64_t)(others->list_n + 1) / 2;
    return least < 0 || mine <= least + ahead;
}

bool sb_crew_should_give(const struct sb_crew *others, const char *name, int64_t mine)
{
    int64_t least = fewest(others, name);
    return least >= 0 && least + 2 <= mine;
}
