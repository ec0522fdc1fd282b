/* SPDX-License-Identifier: Apache-2.0
 *
 * Are all there that a build waits for? Its default commit quorum is every voting, data-bearing member: one that is down or
 * still in its initial sync would make it wait without end, and hidden members count too. */
#include "private.h"

#include <signalbox/mongo/read_door.h>

#include <string.h>

#define STATE_PRIMARY 1
#define STATE_SECONDARY 2

struct voters {
    char **hosts;
    size_t n;
    bool known; /* from the set's configuration; else those that hello names */
};

static void voters_release(struct voters *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->hosts[i]);
    free(v->hosts);
}

/* Goes through the documents of an array. False when there are no more. */
static bool next_document(bson_iter_t *list, bson_t *out)
{
    uint32_t len;
    const uint8_t *data;
    while (bson_iter_next(list)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(list))
            continue;
        bson_iter_document(list, &len, &data);
        if (bson_init_static(out, data, len))
            return true;
    }
    return false;
}

static bool array_at(const bson_t *doc, const char *path, bson_iter_t *list)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, list);
}

static const char *text_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
}

static int64_t number_of(const bson_t *doc, const char *key, int64_t otherwise)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && (BSON_ITER_HOLDS_NUMBER(&it) || BSON_ITER_HOLDS_BOOL(&it)) ? bson_iter_as_int64(&it) : otherwise;
}

static int read_voters(struct sb_conn *conn, struct voters *v)
{
    bson_t reply, one;
    bson_iter_t list;
    int rc = 0;
    if (sb_read_json(conn, "admin", "{\"replSetGetConfig\": 1}", &reply, NULL))
        return 0; /* not allowed to: hello's members will have to do */
    if (array_at(&reply, "config.members", &list))
        while (rc == 0 && next_document(&list, &one))
            if (number_of(&one, "votes", 1) > 0 && !number_of(&one, "arbiterOnly", 0) && text_of(&one, "host")[0])
                rc = sb_strs_push(&v->hosts, &v->n, text_of(&one, "host"));
    v->known = v->n > 0;
    bson_destroy(&reply);
    return rc;
}

/* The state the set gives this member; 0 when it tells none. name gets it in words. */
static int64_t state_of(const bson_t *status, const char *host, char *name, size_t cap)
{
    bson_t one;
    bson_iter_t list;
    snprintf(name, cap, "not a member any more");
    if (!array_at(status, "members", &list))
        return 0;
    while (next_document(&list, &one))
        if (strcmp(text_of(&one, "name"), host) == 0) {
            bool up = number_of(&one, "health", 1) > 0;
            int64_t state = number_of(&one, "state", 0);
            snprintf(name, cap, "%.40s%s", text_of(&one, "stateStr"), state == 5 ? ", in its initial sync" : "");
            return up ? state : 0;
        }
    return 0;
}

static void judge(const struct voters *v, const bson_t *status, struct check_result *r)
{
    for (size_t i = 0; i < v->n; i++) {
        char name[80];
        int64_t state = state_of(status, v->hosts[i], name, sizeof name);
        if (state != STATE_PRIMARY && state != STATE_SECONDARY) {
            sb_o_check_result(r, CHECK_FALSE, "%.100s is neither primary nor secondary: %.80s", v->hosts[i], name);
            return;
        }
    }
    sb_o_check_result(r, CHECK_TRUE, "%zu of %zu voting members that bear data are up", v->n, v->n);
}

/* The member's own word, asked directly: the set's status may be seconds old, or not be told to us. */
static bool up_by_hello(const struct sb_server *server, const char *member, struct sb_err *err)
{
    bson_t reply;
    struct sb_conn *conn = sb_conn_to_member(server, member, SB_LANE_CONTROL, err);
    bool up = false;
    if (conn && sb_read_json(conn, "admin", "{\"hello\": 1}", &reply, err) == 0) {
        up = number_of(&reply, "isWritablePrimary", 0) || number_of(&reply, "secondary", 0);
        bson_destroy(&reply);
    }
    sb_conn_close(conn);
    return up;
}

/* Each shard has its own configuration and its own status, which any of its members tells. */
static void check_shards(struct checking *c, struct check_result *r)
{
    struct voters seen = {NULL, 0, false}; /* voters of the shards that were judged */
    for (size_t i = 0; i < c->nodes_n && r->truth == CHECK_TRUE; i++) {
        struct voters v = {NULL, 0, false};
        struct sb_err err = SB_ERR_INIT;
        bson_t status;
        if (sb_strs_has(seen.hosts, seen.n, c->nodes[i]))
            continue;
        struct sb_conn *conn = sb_conn_to_member(c->o->opt.server, c->nodes[i], SB_LANE_CONTROL, &err);
        if (!conn || read_voters(conn, &v) || !v.known || sb_read_json(conn, "admin", "{\"replSetGetStatus\": 1}", &status, &err)) {
            sb_o_check_result(r, CHECK_UNKNOWN, "the voting members of the shard of %.100s cannot be told: %.120s", c->nodes[i], err.msg[0] ? err.msg : "its configuration may not be read");
        } else {
            judge(&v, &status, r);
            bson_destroy(&status);
        }
        for (size_t k = 0; k < v.n; k++)
            if (sb_strs_push(&seen.hosts, &seen.n, v.hosts[k]))
                sb_o_check_result(r, CHECK_UNKNOWN, "out of memory");
        voters_release(&v);
        sb_conn_close(conn);
    }
    voters_release(&seen);
    if (r->truth == CHECK_TRUE)
        sb_o_check_result(r, CHECK_TRUE, "all voting members of every shard that bear data are up");
}

void sb_o_check_members(struct checking *c, struct check_result *r)
{
    struct voters v = {NULL, 0, false};
    struct sb_err err = SB_ERR_INIT;
    bson_t status;
    for (size_t i = 0; i < c->nodes_n; i++) {
        if (!up_by_hello(c->o->opt.server, c->nodes[i], &err)) {
            sb_o_check_result(r, CHECK_FALSE, "%.100s is neither primary nor secondary%s%.100s", c->nodes[i], err.msg[0] ? ": " : "", err.msg);
            return;
        }
    }
    sb_o_check_result(r, c->nodes_n ? CHECK_TRUE : CHECK_UNKNOWN, "%zu of %zu members are up", c->nodes_n, c->nodes_n);
    if (c->sharded)
        check_shards(c, r);
    if (!c->replicated || c->sharded)
        return;
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err);
    if (!conn || read_voters(conn, &v) || !v.known || sb_read_json(conn, "admin", "{\"replSetGetStatus\": 1}", &status, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "the voting members cannot be told: %.150s", err.msg[0] ? err.msg : "the set's configuration may not be read");
    } else {
        judge(&v, &status, r);
        bson_destroy(&status);
    }
    voters_release(&v);
    sb_conn_close(conn);
}
