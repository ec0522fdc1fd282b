/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about what a server does with documents by itself: which it refuses, which it deletes. On a worker. */
#include "private.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

void sb_o_check_validator(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_validator_live live = {.validator = NULL};
    char db[64], coll[192], *now = NULL;
    struct sb_conn *conn = sb_ns_split(k->ns, db, coll) ? sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err) : NULL;
    int rc = conn ? sb_validator_read(conn, db, coll, &live, &err) : -1;
    if (rc == 0 && !live.exists)
        sb_o_check_result(r, CHECK_FALSE, "%.150s does not exist any more", k->ns);
    else if (rc || !(now = sb_validator_state(live.validator, live.level, live.action)))
        sb_o_check_result(r, CHECK_UNKNOWN, "the validator of %.80s cannot be read: %.120s", k->ns, rc ? err.msg : "out of memory");
    else if (!sb_streq(now, k->value))
        sb_o_check_result(r, CHECK_FALSE, "the validator of %.80s is not the one that is expected: it has %s%.16s%s%.16s", k->ns, live.validator ? "one of level " : "none", live.validator ? live.level : "",
                          live.validator ? ", action " : "", live.validator ? live.action : "");
    else
        sb_o_check_result(r, CHECK_TRUE, "%.80s has %s%.16s%s%.16s", k->ns, live.validator ? "this validator, level " : "no validator", live.validator ? live.level : "", live.validator ? ", action " : "",
                          live.validator ? live.action : "");
    free(now);
    sb_validator_live_release(&live);
    sb_conn_close(conn);
}

void sb_o_check_expires(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *i = sb_catalogue_index(&c->catalogue, k->name);
    bson_t *spec = i && i->spec ? bson_new_from_json((const uint8_t *)i->spec, -1, NULL) : NULL;
    bson_iter_t it;
    int64_t seconds = spec && bson_iter_init_find(&it, spec, "expireAfterSeconds") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1, wanted;
    if (spec)
        bson_destroy(spec);
    if (!i)
        sb_o_check_result(r, CHECK_FALSE, "%.80s has no index named %.100s", k->ns, k->name);
    else if (seconds < 0 || !k->value || sb_parse_i64(k->value, &wanted) || wanted != seconds)
        sb_o_check_result(r, CHECK_FALSE, "by %.100s documents expire %s%" PRId64 " s", k->name, seconds < 0 ? "never; told was " : "after ", seconds);
    else
        sb_o_check_result(r, CHECK_TRUE, "by %.100s documents expire after %" PRId64 " s", k->name, seconds);
}

/* The server's own clock decides what is old. */
int64_t sb_o_clock_of(struct sb_conn *conn, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it;
    if (sb_read_json(conn, "admin", "{\"hello\":1}", &reply, err))
        return -1;
    int64_t now = bson_iter_init_find(&it, &reply, "localTime") && BSON_ITER_HOLDS_DATE_TIME(&it) ? bson_iter_date_time(&it) : -1;
    bson_destroy(&reply);
    return now < 0 ? sb_fail(err, SB_ESERVER, "it does not tell its time") : now;
}

/* How many dates at the path are older than so many seconds, counted up to one more than `most`. */
static int64_t older(const struct checking *c, const struct sb_check *k, int64_t seconds, int64_t most, struct sb_err *err)
{
    char db[64], coll[192];
    bson_t reply;
    bson_iter_t it;
    struct sb_conn *conn = sb_ns_split(k->ns, db, coll) ? sb_conn_to_primary(c->o->opt.server, SB_LANE_BULK, err) : NULL;
    int64_t now = conn ? sb_o_clock_of(conn, err) : -1, n = -1;
    if (now >= 0) {
        bson_t *command = BCON_NEW("count", BCON_UTF8(coll), "query", "{", k->name, "{", "$lt", BCON_DATE_TIME(now - seconds * 1000), "}", "}", "limit", BCON_INT64(most + 1));
        if (sb_read(conn, db, command, &reply, err) == 0) {
            n = bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
            bson_destroy(&reply);
        }
        bson_destroy(command);
    }
    sb_conn_close(conn);
    return n;
}

void sb_o_check_expiring(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t seconds, most, n;
    const char *slash = k->value ? strchr(k->value, '/') : NULL;
    char *first = slash ? sb_format("%.*s", (int)(slash - k->value), k->value) : NULL;
    bool said = first && k->name && sb_parse_i64(first, &seconds) == 0 && sb_parse_i64(slash + 1, &most) == 0 && seconds >= 0 && most >= 0;
    free(first);
    if (!said) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say how many documents may go");
    } else if ((n = older(c, k, seconds, most, &err)) < 0) {
        sb_o_check_result(r, CHECK_UNKNOWN, "how many documents of %.80s would go cannot be counted: %.120s", k->ns, err.msg);
    } else if (n > most) {
        r->passes = true; /* the pass before may still be going on */
        sb_o_check_result(r, CHECK_FALSE, "more than %" PRId64 " documents of %.80s would go at once, more than the card was made for: either the pass before is not over, or they have aged and it has to be asked for anew", most, k->ns);
    } else {
        sb_o_check_result(r, CHECK_TRUE, "%" PRId64 " documents of %.80s are older than %" PRId64 " s", n, k->ns, seconds);
    }
}
