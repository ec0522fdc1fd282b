/* SPDX-License-Identifier: Apache-2.0
 *
 * Are documents of a collection updated or deleted, as far back as the oplog goes? */
#include "schema_change_private.h"

#include "bson_get.h"

#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

#define LOOK 1000 /* entries */

struct counting {
    const char *ns;
    struct change_writes *out;
};

static void count_one(void *ctx, const bson_t *entry)
{
    struct counting *c = ctx;
    const char *op = sb_text_at(entry, "op");
    if (!op || !sb_streq(sb_text_at(entry, "ns"), c->ns))
        return;
    c->out->deletes += op[0] == 'd';
    c->out->updates += op[0] == 'u';
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    sb_each_operation(doc, count_one, ctx);
    return true;
}

int sb_change_count_writes(struct sb_conn *conn, const char *ns, struct change_writes *out, struct sb_err *err)
{
    struct counting c = {ns, out};
    memset(out, 0, sizeof *out);
    bson_t *kinds = BCON_NEW("$in", "[", "u", "d", "]");
    bson_t *find = BCON_NEW("find", "oplog.rs", "filter", "{", "$or", "[", "{", "ns", BCON_UTF8(ns), "op", BCON_DOCUMENT(kinds), "}", "{", "op", "c", "o.applyOps", "{", "$elemMatch", "{", "ns", BCON_UTF8(ns), "op", BCON_DOCUMENT(kinds), "}",
                            "}", "}", "]", "}", "limit", BCON_INT64(LOOK));
    int64_t n = sb_read_cursor(conn, "local", find, LOOK, take_entry, &c, err);
    bson_destroy(kinds);
    bson_destroy(find);
    out->more = n >= LOOK;
    return n < 0 ? -1 : 0;
}
