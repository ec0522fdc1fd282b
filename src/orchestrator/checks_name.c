/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about which collection has which name, and whether somebody writes to it. On a worker. */
#include "private.h"

#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

/* ---- names ---- */

struct naming {
    char uuid[33];
    bool found;
};

static bool take_name(void *ctx, const bson_t *doc)
{
    struct naming *n = ctx;
    bson_iter_t it, at;
    bson_subtype_t subtype;
    uint32_t len = 0;
    const uint8_t *bytes;
    n->found = true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &at) && BSON_ITER_HOLDS_BINARY(&at))
        bson_iter_binary(&at, &subtype, &len, &bytes);
    for (uint32_t i = 0; len == 16 && i < len; i++)
        snprintf(n->uuid + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

/* What has the name, on the primary. -1 with err. */
static int read_name(const struct checking *c, const char *ns, struct naming *n, struct sb_err *err)
{
    char db[64], coll[192];
    if (!ns || !sb_ns_split(ns, db, coll))
        return sb_fail(err, SB_EINPUT, "it is no collection's name");
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, err);
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}");
    int64_t got = conn ? sb_read_cursor(conn, db, list, 1, take_name, n, err) : -1;
    bson_destroy(list);
    sb_conn_close(conn);
    return got < 0 ? -1 : 0;
}

void sb_o_check_named(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct naming n = {.found = false};
    if (read_name(c, k->ns, &n, &err))
        sb_o_check_result(r, CHECK_UNKNOWN, "what is called %.100s cannot be read: %.120s", k->ns ? k->ns : "?", err.msg);
    else if (!n.found || !sb_streq(n.uuid, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%s is called %.150s", n.found ? "another collection" : "nothing", k->ns);
    else
        sb_o_check_result(r, CHECK_TRUE, "the collection is called %.150s", k->ns);
}

void sb_o_check_name_free(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct naming n = {.found = false};
    if (read_name(c, k->ns, &n, &err))
        sb_o_check_result(r, CHECK_UNKNOWN, "whether something is called %.100s cannot be read: %.120s", k->ns ? k->ns : "?", err.msg);
    else
        sb_o_check_result(r, n.found ? CHECK_FALSE : CHECK_TRUE, "%s is called %.150s", n.found ? "something" : "nothing", k->ns);
}

/* ---- writes ---- */

static bool take_write(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

/* Was there a write in the last so many seconds, by the clock of the server? Read forward, as an oplog can be sought into. */
static int find_write(struct sb_conn *conn, const char *ns, int64_t now_ms, int64_t seconds, bool *found, struct sb_err *err)
{
    int64_t from = now_ms / 1000 - seconds;
    bson_t *find = BCON_NEW("find", "oplog.rs", "filter", "{", "ts", "{", "$gte", BCON_TIMESTAMP((uint32_t)(from > 0 ? from : 0), 0), "}", "$or", "[", "{", "ns", BCON_UTF8(ns), "op", "{", "$in", "[", "i", "u", "d", "]",
                            "}", "}", "{", "op", "c", "o.applyOps.ns", BCON_UTF8(ns), "}", "]", "}", "projection", "{", "ts", BCON_INT32(1), "}", "limit", BCON_INT64(1),
                            "singleBatch", BCON_BOOL(true));
    int rc = sb_read_cursor(conn, "local", find, 1, take_write, found, err) < 0 ? -1 : 0;
    bson_destroy(find);
    return rc;
}

void sb_o_check_no_writes(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t seconds;
    bool found = false;
    if (!k->ns || !k->value || sb_parse_i64(k->value, &seconds) || seconds < 1) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say for how long nobody may have written");
        return;
    }
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_BULK, &err);
    int64_t now = conn ? sb_o_clock_of(conn, &err) : -1;
    if (now < 0 || find_write(conn, k->ns, now, seconds, &found, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "whether somebody writes to %.80s cannot be seen: %.120s", k->ns, err.msg);
    } else if (found) {
        r->passes = true; /* whoever writes may be stopped yet */
        sb_o_check_result(r, CHECK_FALSE, "somebody has written to %.80s in the last %" PRId64 " s", k->ns, seconds);
    } else {
        sb_o_check_result(r, CHECK_TRUE, "nobody has written to %.80s for %" PRId64 " s", k->ns, seconds);
    }
    sb_conn_close(conn);
}
