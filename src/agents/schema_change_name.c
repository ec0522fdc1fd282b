/* SPDX-License-Identifier: Apache-2.0
 *
 * A collection that gets another name: one command of the server, under a lock of a moment. What it breaks is whoever has the old name:
 * so it waits until nobody writes, and afterwards looks whether somebody still does. */
#include "schema_change_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/model/permit.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_MS 5000 /* for its lock too: all others wait behind it meanwhile */
#define MAJORITY_MAX_MS 10000
#define LONGEST_NAME 235 /* of a collection that may be sharded one day */

/* ---- looking ---- */

static int check_name(const char *ns, const char *coll, struct sb_err *err)
{
    if (sb_starts_with(coll, "system.") || sb_starts_with(coll, SB_BEFORE_PREFIX) || sb_starts_with(coll, SB_SCRATCH_PREFIX) || strchr(coll, '$') || strstr(coll, "..") || coll[strlen(coll) - 1] == '.')
        return sb_fail(err, SB_EINPUT, "%.150s is a name that nothing is renamed from or to", ns);
    return 0;
}

static int check_names(const struct sb_change_question *q, struct change_facts *f, struct sb_err *err)
{
    char db[64];
    if (!sb_ns_split(q->ns, f->db, f->coll))
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->ns);
    if (!q->into || !sb_ns_split(q->into, db, f->into) || strlen(q->into) > LONGEST_NAME)
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection's name: write it as database.collection, %d bytes at most", q->into ? q->into : "", LONGEST_NAME);
    if (strcmp(db, f->db) != 0)
        return sb_fail(err, SB_EINPUT, "%.120s is in another database than %.120s: that is no renaming, the server would copy each document", q->into, q->ns);
    if (strcmp(f->into, f->coll) == 0)
        return sb_fail(err, SB_EINPUT, "it is called %.150s already", q->ns);
    return check_name(q->ns, f->coll, err) || check_name(q->into, f->into, err) ? -1 : 0;
}

struct listing {
    struct change_facts *f;
    char kind[32];
    bool found, taken, sharded;
};

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct listing *l = ctx;
    bson_iter_t it, at;
    const char *name = sb_text_at(doc, "name"), *type = sb_text_at(doc, "type");
    bson_subtype_t subtype;
    uint32_t n;
    const uint8_t *bytes;
    l->taken |= sb_streq(name, l->f->into);
    if (!sb_streq(name, l->f->coll))
        return true;
    l->found = true;
    snprintf(l->kind, sizeof l->kind, "%s", type ? type : "collection");
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &at) && BSON_ITER_HOLDS_BINARY(&at)) {
        bson_iter_binary(&at, &subtype, &n, &bytes);
        for (uint32_t i = 0; n == 16 && i < n; i++)
            snprintf(l->f->uuid + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

static bool take_sharded(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

static int read_place(struct sb_conn *conn, const struct sb_change_question *q, struct change_facts *f, struct sb_err *err)
{
    struct listing l = {.f = f};
    struct sb_err none = SB_ERR_INIT; /* where there is no sharding there is no such collection, or nobody may read it */
    bson_t reply;
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", "{", "$in", "[", BCON_UTF8(f->coll), BCON_UTF8(f->into), "]", "}", "}");
    bson_t *config = BCON_NEW("find", "collections", "filter", "{", "_id", BCON_UTF8(q->ns), "}", "limit", BCON_INT64(1)), *stats = BCON_NEW("collStats", BCON_UTF8(f->coll));
    int rc = -1;
    if (sb_read_cursor(conn, f->db, list, INT64_MAX, take_collection, &l, err) < 0)
        goto out;
    sb_read_cursor(conn, "config", config, 1, take_sharded, &l.sharded, &none);
    if (!l.found)
        sb_fail(err, SB_EINPUT, "there is no collection %.200s", q->ns);
    else if (!sb_streq(l.kind, "collection"))
        sb_fail(err, SB_EINPUT, "%.150s is a %.20s: a server renames neither a view nor a time series", q->ns, l.kind);
    else if (l.taken)
        sb_fail(err, SB_EINPUT, "%.150s is there already: nothing is dropped to make room for a name. Take another one", q->into);
    else if (l.sharded)
        sb_fail(err, SB_EINPUT, "%.150s is sharded: its name is kept on every shard and in the routers, and it is not renamed from here", q->ns);
    else if (!f->uuid[0])
        sb_fail(err, SB_ENO, "the server does not tell the UUID of %.150s: whether it is the same under its new name could not be read back, so nothing is proposed", q->ns);
    else if (sb_read(conn, f->db, stats, &reply, err) == 0) {
        f->documents = sb_number_of(&reply, "count");
        f->bytes = sb_number_of(&reply, "size");
        bson_destroy(&reply);
        rc = 0;
    }
out:
    bson_destroy(list);
    bson_destroy(config);
    bson_destroy(stats);
    return rc;
}

static int add_facts(struct sb_conn *conn, const struct sb_change_question *q, struct change_facts *f)
{
    char size[80];
    snprintf(size, sizeof size, "%" PRId64 " documents, %" PRId64 " bytes", f->documents, f->bytes);
    return sb_evidence_add(&f->evidence, &f->evidence_n, sb_conn_name(conn), q->ns, "the collection", size, "measured", q->now) ||
                   sb_evidence_add(&f->evidence, &f->evidence_n, sb_conn_name(conn), q->into, "the new name", "nothing is called that", "measured", q->now)
               ? -1
               : 0;
}

/* ---- the cards ---- */

/* What has the old name on the server is told with what mends it; the applications are told apart. */
static int add_notes(const struct sb_change_question *q, const struct change_facts *f, struct sb_card *c)
{
    struct sb_str views;
    size_t n = 0;
    sb_str_init(&views);
    for (size_t i = 0; q->uses && i < q->uses->n; i++)
        if (sb_streq(q->uses->item[i].what, "view"))
            sb_str_addf(&views, "%s%s", n++ ? "\n" : "", q->uses->item[i].value);
    sb_str_addf(&views, "%sA view reads by name: from then on it finds nothing, and says so to nobody. By hand, for each: db.getSiblingDB(\"%s\").runCommand({collMod: \"VIEW\", viewOn: \"%s\", pipeline: [as it is]}), or "
                        "another \"from\" where it joins. Nothing is changed about views from here.",
                n ? "\n" : "", f->db, f->into);
    int rc = !sb_str_ok(&views) || (n && sb_side_note_add(c, n == 1 ? "One view has the old name" : "Views that have the old name", views.p));
    sb_str_release(&views);
    char *apps = sb_format("All of them at that moment, for both names never exist side by side: who reads %s afterwards finds nothing and gets no error, and who writes to it makes a new, empty collection of that name. Stop them, "
                           "approve, and start them with %s. Grants of roles, schedules and backups that name it have to follow too.",
                           q->ns, q->into);
    rc = rc || !apps || sb_side_note_add(c, "The applications have to change with it", apps);
    free(apps);
    return rc ? -1 : 0;
}

/* The command, from a name to another. */
static char *renaming(const struct sb_card *c, const char *what, const char *from, const char *to)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox %s/1%s", c->id, what);
    return sb_change_json(BCON_NEW("renameCollection", BCON_UTF8(from), "to", BCON_UTF8(to), "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(MAX_TIME_MS), "comment",
                                   BCON_UTF8(comment), "$db", "admin"));
}

static int rename_card(const struct change_maker *m, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char quiet[24], waits[200];
    snprintf(quiet, sizeof quiet, "%d", SB_RENAME_QUIET_S);
    snprintf(waits, sizeof waits, q->written ? "It was asked for while it is written: it waits for nobody, and what is written by the old name from then on goes into a new collection."
                                             : "It waits until nobody has written to it for %d s, as the oplog says.",
             SB_RENAME_QUIET_S);
    if (sb_change_open_card(m, 0, c, SB_KIND_RENAME, "rename", sb_format("Rename the collection %s to %s", q->ns, q->into),
                            sb_format("One command, under an exclusive lock of a moment; documents and indexes stay where they are, and so does the collection's UUID. %s The way back gives it its old name, as long as "
                                      "nobody has made that anew: the server refuses to overwrite one, and nothing is dropped for it.",
                                      waits)))
        return -1;
    struct sb_step *s = SB_PUSH(c->steps);
    if (!s)
        return -1;
    s->n = (int64_t)c->steps_n;
    s->class_ = SB_STEP_CHECKED;
    s->control = SB_CONTROL_NEITHER;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->action = renaming(c, "", q->ns, q->into);
    s->undo = renaming(c, " undo", q->into, q->ns);
    c->risk = q->written ? SB_HIGH : SB_MEDIUM;
    c->needs_person = true;
    c->blast_radius.documents = m->f->documents;
    c->blast_radius.bytes = m->f->bytes;
    c->blast_radius.lock = sb_format("exclusive on %s and %s for a moment; it is waited for %d s at most, and all others wait behind it", q->ns, q->into, MAX_TIME_MS / 1000);
    int rc = !s->action || !s->undo || !c->blast_radius.lock || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, q->into) || sb_change_check_place(m, s) ||
             sb_check_add(&s->check_before, &s->check_before_n, "no_build", q->ns, NULL, NULL);
    rc = rc || (!q->written && sb_check_add(&s->check_before, &s->check_before_n, "no_writes", q->ns, NULL, quiet));
    rc = rc || sb_check_add(&s->check_before, &s->check_before_n, "name_free", q->into, NULL, NULL) || sb_check_add(&s->check_before, &s->check_before_n, "named", q->ns, NULL, m->f->uuid);
    return rc || sb_check_add(&s->check_after, &s->check_after_n, "named", q->into, NULL, m->f->uuid) ||
                   add_notes(q, m->f, c)
               ? -1
               : 0;
}

/* The new name is the collection of this card. */
static int look_card(const struct change_maker *m, struct sb_card *c)
{
    struct sb_change_question q = *m->q;
    struct change_maker under = {.q = &q, .f = m->f, .phases = m->phases};
    q.ns = m->q->into;
    q.into = m->q->ns; /* the writes of both are read */
    if (sb_change_look_card(&under, 1, c, "by its new name", "renamed", sb_format("Nobody writes by the old name: %s is %s", m->q->ns, m->q->into),
                            sb_format("The oplog shows whether somebody still writes to %s, which would be a new collection, until none has for a while and enough writes came to %s. Who only reads by the old name a "
                                      "server does not tell.",
                                      m->q->ns, m->q->into)))
        return -1;
    return sb_str_set(&c->steps[0].work.field, m->q->ns);
}

int sb_change_name(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err)
{
    struct change_facts f = {.documents = 0};
    struct change_maker m = {.q = q, .f = &f, .phases = 2};
    struct sb_conn *conn = NULL;
    int rc = -1;
    if (check_names(q, &f, err) || !(conn = sb_architect_connect(server, &out->reads, err)) || read_place(conn, q, &f, err))
        goto out;
    out->n = m.phases;
    rc = add_facts(conn, q, &f) || rename_card(&m, &out->card[0]) || look_card(&m, &out->card[1]) ? sb_fail_nomem(err) : 0;
out:
    sb_conn_close(conn);
    sb_change_facts_release(&f);
    return rc;
}
