/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts read from the deployment, before a step and after it. The reading happens on a worker; nothing here decides. */
#include "private.h"

#include <signalbox/agents/kill_card.h>
#include <signalbox/base/hook.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

int sb_o_nodes(const struct sb_orchestrator *o, char ***members, size_t *n)
{
    const struct sb_deployment_facts *f = &o->facts;
    if (!f->hello.is_mongos)
        return sb_o_members(o, members, n, NULL);
    *members = NULL;
    *n = 0;
    for (size_t i = 0; i < f->shards_n; i++)
        for (size_t k = 0; k < f->shards[i].hosts_n; k++)
            if (sb_strs_push(members, n, f->shards[i].hosts[k]))
                return -1;
    return 0;
}

int64_t sb_o_node_count(const struct sb_orchestrator *o)
{
    const struct sb_deployment_facts *f = &o->facts;
    size_t n = f->hello.members_n;
    for (size_t i = 0; i < f->shards_n; i++)
        n += f->shards[i].hosts_n;
    return n ? (int64_t)n : 1;
}

/* One mongos knows all that the others do: the one that answered last (cluster.c). */
static int only_mongos(const struct sb_orchestrator *o, char ***members, size_t *n, char **primary)
{
    const char *mongos = sb_server_seeds(o->opt.server) ? sb_server_seed(o->opt.server, o->cluster.at) : "";
    return sb_strs_push(members, n, mongos) || (primary && sb_str_set(primary, mongos)) ? -1 : 0;
}

int sb_o_members(const struct sb_orchestrator *o, char ***members, size_t *n, char **primary)
{
    const struct sb_hello *h = &o->facts.hello;
    *members = NULL;
    *n = 0;
    if (primary)
        *primary = NULL;
    if (h->is_mongos)
        return only_mongos(o, members, n, primary);
    for (size_t i = 0; i < h->members_n; i++)
        if (!sb_strs_has(h->arbiters, h->arbiters_n, h->members[i]) && sb_strs_push(members, n, h->members[i]))
            return -1;
    for (size_t i = 0; h->members_n == 0 && i < sb_server_seeds(o->opt.server); i++)
        if (sb_strs_push(members, n, sb_server_seed(o->opt.server, i)))
            return -1;
    if (!primary)
        return 0;
    const char *now = h->primary[0] ? h->primary : NULL;
    for (size_t i = 0; o->have_strip && i < o->strip.members_n; i++)
        if (sb_streq(o->strip.members[i].state, "PRIMARY"))
            now = o->strip.members[i].name; /* elections happen: telemetry knows the latest */
    return sb_str_set(primary, now);
}

void sb_o_checking_free(void *p)
{
    struct checking *c = p;
    for (size_t i = 0; i < c->members_n; i++)
        free(c->members[i]);
    free(c->members);
    for (size_t i = 0; i < c->nodes_n; i++)
        free(c->nodes[i]);
    free(c->nodes);
    for (size_t i = 0; i < c->checks_n; i++)
        sb_record_release(&sb_check_schema, &c->checks[i]);
    free(c->checks);
    free(c->results);
    free(c->card_id);
    free(c->deployment_id);
    free(c->primary);
    if (c->have_catalogue)
        sb_catalogue_release(&c->catalogue);
    free(c);
}

/* ---- each check ---- */

void sb_o_check_result(struct check_result *r, enum truth truth, const char *fmt, ...)
{
    va_list ap;
    r->truth = truth;
    va_start(ap, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
}

static void check_primary(struct checking *c, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_deployment_facts f;
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err);
    if (!conn || sb_deployment_identify(conn, &f, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "the primary does not answer: %.180s", err.msg);
    } else {
        if (strcmp(f.id, c->deployment_id) != 0)
            sb_o_check_result(r, CHECK_FALSE, "this is %.100s, not %.100s", f.id, c->deployment_id);
        else if (!f.hello.is_primary)
            sb_o_check_result(r, CHECK_FALSE, "%.100s does not take writes", f.hello.me);
        else
            sb_o_check_result(r, CHECK_TRUE, f.hello.is_mongos ? "%.100s is a mongos of the bound cluster" : "%.100s is the primary of the bound set",
                              f.hello.me[0] ? f.hello.me : f.hello.is_mongos ? sb_conn_name(conn) : "the server");
        sb_deployment_facts_release(&f);
    }
    sb_conn_close(conn);
}

static void check_collection(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    if (!c->catalogue.exists)
        sb_o_check_result(r, CHECK_FALSE, "there is no %.100s", k->ns);
    else if (k->value && k->value[0] && c->catalogue.uuid && !sb_streq(k->value, c->catalogue.uuid))
        sb_o_check_result(r, CHECK_FALSE, "%.100s was dropped and made anew since", k->ns);
    else
        sb_o_check_result(r, CHECK_TRUE, "%.100s is the collection it was", k->ns);
}

static void check_no_collection(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    if (c->catalogue.exists)
        sb_o_check_result(r, CHECK_FALSE, "%.150s is there", k->ns);
    else
        sb_o_check_result(r, CHECK_TRUE, "there is no %.150s", k->ns);
}

static void check_absent(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *same = sb_catalogue_index_by_key(&c->catalogue, k->value);
    const struct sb_index_info *there = sb_catalogue_index(&c->catalogue, k->name);
    if (there && c->catalogue.sharded && there->members < c->catalogue.members)
        sb_o_check_result(r, CHECK_FALSE, "%.80s has an index named %.100s now on %" PRId64 " of its %" PRId64 " shards", k->ns, k->name, there->members, c->catalogue.members);
    else if (there)
        sb_o_check_result(r, CHECK_FALSE, "%.80s has an index named %.100s now", k->ns, k->name);
    else if (same)
        sb_o_check_result(r, CHECK_FALSE, "%.80s has an index on this key now: %.100s", k->ns, same->name);
    else
        sb_o_check_result(r, CHECK_TRUE, "no index of this name or key");
}

static void check_built(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    char why[200];
    enum sb_built built = sb_catalogue_built(&c->catalogue, k->name, k->value, why, sizeof why);
    bool blind = !c->catalogue.knows_index_stats || !c->catalogue.knows_builds;
    r->unproven = built == SB_BUILT_UNPROVEN && blind;
    sb_o_check_result(r, built == SB_BUILT || r->unproven ? CHECK_TRUE : built == SB_BUILT_UNPROVEN ? CHECK_UNKNOWN : CHECK_FALSE, "%s", why);
}

static void check_gone(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    bool building = false;
    for (size_t i = 0; i < c->catalogue.builds_n; i++)
        building |= sb_streq(c->catalogue.builds[i].name, k->name);
    if (sb_catalogue_index(&c->catalogue, k->name) || building)
        sb_o_check_result(r, CHECK_FALSE, "%.100s is still %s", k->name, building ? "being built" : "there");
    else
        sb_o_check_result(r, CHECK_TRUE, "%.80s has no index named %.100s", k->ns, k->name);
}

/* What an undo takes away by its name is the index that the plan made, on every member and shard; or there is none. */
static void check_ours(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *i = sb_catalogue_index(&c->catalogue, k->name);
    const char *other = i ? sb_catalogue_other_key(&c->catalogue, k->name) : NULL;
    if (other)
        sb_o_check_result(r, CHECK_FALSE, "%.200s: to take it away by its name would take away what the plan did not make", other);
    else if (i && !i->building && !sb_catalogue_index_has_key(i, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%.80s is another index now, on %.120s: to take it away by its name would take away what the plan did not make", k->name, i->key);
    else
        sb_o_check_result(r, CHECK_TRUE, i ? "%.100s is the index that the plan made" : "there is no %.100s", k->name);
}

static void check_hidden(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *i = sb_catalogue_index(&c->catalogue, k->name);
    if (!i || !i->hidden || i->building)
        sb_o_check_result(r, CHECK_FALSE, "%.100s is %s", k->name, !i ? "not there" : i->hidden ? "being built" : "not hidden");
    else if (k->value && k->value[0] && !sb_streq(i->key, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%.100s has another key now", k->name);
    else
        sb_o_check_result(r, CHECK_TRUE, "%.100s is hidden: no plan uses it, writes still keep it up", k->name);
}

/* Uses and the time from which some member has counted without a break, as they stood: "uses/since". Hiding and showing an index sets
 * its counters back on every member, a restart on one. */
static void check_unused(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *i = sb_catalogue_index(&c->catalogue, k->name);
    const char *slash = k->value ? strchr(k->value, '/') : NULL;
    char *first = slash ? sb_strdup_n(k->value, (size_t)(slash - k->value)) : NULL;
    int64_t uses, since;
    if (!first || sb_parse_i64(first, &uses) || sb_parse_i64(slash + 1, &since))
        sb_o_check_result(r, CHECK_FALSE, "the card does not say how often %.100s had been used", k->name);
    else if (!i)
        sb_o_check_result(r, CHECK_FALSE, "%.100s is not there", k->name);
    else if (!c->catalogue.knows_index_stats || c->catalogue.members_answered < c->catalogue.members)
        sb_o_check_result(r, CHECK_UNKNOWN, "only %" PRId64 " of %" PRId64 " members say whether %.100s was used", c->catalogue.knows_index_stats ? c->catalogue.members_answered : 0, c->catalogue.members, k->name);
    else if (i->uses > uses)
        sb_o_check_result(r, CHECK_FALSE, "%.100s was used %" PRId64 " times since the card was written", k->name, i->uses - uses);
    else if (i->uses < uses || i->since > since)
        sb_o_check_result(r, CHECK_FALSE, "the counters of %.100s were set back since the card was written, by a restart or by showing it: whether it was used cannot be told", k->name);
    else
        sb_o_check_result(r, CHECK_TRUE, "no member has counted a use of %.100s since the card was written", k->name);
    free(first);
}

static void check_shown(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    const struct sb_index_info *i = sb_catalogue_index(&c->catalogue, k->name);
    if (!i || !sb_streq(i->key, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%.100s %s", k->name, i ? "has another key now" : "is not there");
    else if (i->hidden || i->building)
        sb_o_check_result(r, CHECK_FALSE, "%.100s is %s", k->name, i->hidden ? "hidden" : "being built");
    else
        sb_o_check_result(r, CHECK_TRUE, "%.100s is there, and plans may use it", k->name);
}

static void check_builds(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    if (!c->catalogue.knows_builds)
        sb_o_check_result(r, CHECK_UNKNOWN, "the server cannot tell whether an index is being built on %.100s", k->ns);
    else if (c->catalogue.builds_n)
        sb_o_check_result(r, CHECK_FALSE, "%.80s is being built on %.80s", c->catalogue.builds[0].name, k->ns);
    else
        sb_o_check_result(r, CHECK_TRUE, "nobody builds an index on %.100s", k->ns);
}

/* Room on every member; the value says how many bytes. */
static void check_disk(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    int64_t need;
    if (!k->value || sb_parse_i64(k->value, &need)) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say how much room is needed");
        return;
    }
    sb_o_check_result(r, c->nodes_n && c->nodes_n <= SURVEY_MEMBERS ? CHECK_TRUE : CHECK_UNKNOWN, "%" PRId64 " bytes are free on each of %zu members", need, c->nodes_n);
    for (size_t i = 0; i < c->nodes_n && i < SURVEY_MEMBERS; i++) {
        if (c->survey.free_bytes[i] >= 0 && c->survey.free_bytes[i] < need) {
            sb_o_check_result(r, CHECK_FALSE, "%.80s has %" PRId64 " bytes free on its disk; twice the index is %" PRId64, c->nodes[i], c->survey.free_bytes[i], need);
            return;
        }
        if (c->survey.free_bytes[i] < 0)
            sb_o_check_result(r, CHECK_UNKNOWN, "%.200s", c->survey.note);
    }
}

/* Nothing has been running on the collection for longer than the value says: a build waits for it, and all others wait
 * behind the build. */
static void check_quiet(struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t most;
    if (!k->value || sb_parse_i64(k->value, &most)) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say how long an operation may have been running");
    } else if (sb_o_oldest_operation(c->o->opt.server, c->nodes, c->nodes_n, k->ns, &c->oldest, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "what runs on %.60s cannot be seen: %.150s", k->ns, err.msg);
    } else {
        c->knows_oldest = true;
        r->passes = c->oldest.seconds > most;
        if (r->passes)
            sb_o_check_result(r, CHECK_FALSE, "a %.80s has been open on %.60s for %" PRId64 " s on %.60s", c->oldest.what, k->ns, c->oldest.seconds, c->oldest.member);
        else
            sb_o_check_result(r, CHECK_TRUE, "nothing has been running on %.80s for more than %" PRId64 " s", k->ns, most);
    }
}

/* The profiler's settings on the primary, as "level/slowms/sample_ppm". */
static void check_profile(struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_profile_settings now;
    struct sb_conn *conn = c->primary ? sb_conn_to_member(c->o->opt.server, c->primary, SB_LANE_CONTROL, &err)
                                      : sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err);
    char text[64];
    if (!conn || sb_profile_read(conn, k->ns, &now, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "the profiler's settings cannot be read: %.150s", err.msg);
    } else {
        sb_profile_text(&now, text, sizeof text);
        sb_o_check_result(r, sb_streq(text, k->value) ? CHECK_TRUE : CHECK_FALSE, "the profiler of %.80s stands at %s", k->ns, text);
    }
    sb_conn_close(conn);
}

static bool take_offender(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

#define QUERY_SHOWN 120 /* bytes */

/* No document fits the query; looked for on the primary, up to the first one. What it says is not shown: it may be anybody's. */
static void check_none_match(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    char db[64], coll[192];
    bool found = false;
    bson_t *query = k->value ? bson_new_from_json((const uint8_t *)k->value, -1, NULL) : NULL;
    struct sb_conn *conn = query && sb_ns_split(k->ns, db, coll) ? sb_conn_to_primary(c->o->opt.server, SB_LANE_BULK, &err) : NULL;
    int64_t n = -1;
    int shown = 0;
    bool cut = k->value && strlen(k->value) > QUERY_SHOWN;
    if (k->value)
        shown = (int)(cut ? sb_utf8_whole(k->value, QUERY_SHOWN) : strlen(k->value));
    if (conn) {
        bson_t *find = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(query), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
        n = sb_read_cursor(conn, db, find, 1, take_offender, &found, &err);
        bson_destroy(find);
    }
    if (n < 0)
        sb_o_check_result(r, CHECK_UNKNOWN, "whether a document of %.80s stands in the way cannot be seen: %.120s", k->ns, err.msg);
    else
        sb_o_check_result(r, found ? CHECK_FALSE : CHECK_TRUE, "%s document of %.80s fits %.*s%s", found ? "a" : "no", k->ns, shown, k->value, cut ? "..." : "");
    sb_conn_close(conn);
    if (query)
        bson_destroy(query);
}

/* The member is asked for the number anew: whose it is, and whether that may be ended. What has ended by itself is gone too. */
static void check_op(const struct checking *c, const struct sb_check *k, bool running, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_deployment_facts f = {.id = ""};
    struct sb_kill_of of;
    struct sb_op op = {.member = NULL};
    if (!k->name || sb_kill_of(k->value, &of)) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say which operation it is about");
        return;
    }
    struct sb_conn *conn = sb_conn_to_member(c->o->opt.server, k->name, SB_LANE_CONTROL, &err);
    int found = conn && sb_deployment_identify(conn, &f, &err) == 0 ? sb_live_op_find(conn, k->name, of.opid, &op, &err) : -1;
    bool ours = found == 1 && sb_kill_is(&of, &op);
    if (found < 0)
        sb_o_check_result(r, CHECK_UNKNOWN, "%.80s does not tell what it runs: %.150s", k->name, err.msg);
    else if (!sb_streq(f.id, c->deployment_id))
        sb_o_check_result(r, CHECK_FALSE, "%.80s is a member of %.100s, not of %.60s", k->name, f.id, c->deployment_id);
    else if (!running)
        sb_o_check_result(r, ours ? CHECK_FALSE : CHECK_TRUE, ours ? "operation %.40s still runs on %.100s" : "operation %.40s is gone from %.100s", of.opid, k->name);
    else if (!found)
        sb_o_check_result(r, CHECK_FALSE, "operation %.40s does not run on %.100s any more", of.opid, k->name);
    else if (!ours)
        sb_o_check_result(r, CHECK_FALSE, "operation %.40s on %.80s is %.30s's by now, not %.30s's", of.opid, k->name, op.connection ? op.connection : "nobody", of.connection);
    else if (op.barred)
        sb_o_check_result(r, CHECK_FALSE, "operation %.40s on %.80s is not ended from here: %.100s", of.opid, k->name, op.barred);
    else
        sb_o_check_result(r, CHECK_TRUE, "operation %.40s on %.80s is the one that was looked at, and still runs", of.opid, k->name);
    sb_record_release(&sb_op_schema, &op);
    if (f.id[0])
        sb_deployment_facts_release(&f);
    sb_conn_close(conn);
}

static bool about_catalogue(const char *check)
{
    return sb_streq(check, "collection") || sb_streq(check, "collection_absent") || sb_starts_with(check, "index_") || sb_streq(check, "no_build");
}

static void run_check(struct checking *c, const struct sb_check *k, struct check_result *r)
{
    if (about_catalogue(k->check) && !c->have_catalogue)
        sb_o_check_result(r, CHECK_UNKNOWN, "the collection could not be read: %.200s", c->err.msg);
    else if (sb_streq(k->check, "primary"))
        check_primary(c, r);
    else if (sb_streq(k->check, "members_up"))
        sb_o_check_members(c, r);
    else if (sb_streq(k->check, "collection"))
        check_collection(c, k, r);
    else if (sb_streq(k->check, "collection_absent"))
        check_no_collection(c, k, r);
    else if (sb_streq(k->check, "index_absent"))
        check_absent(c, k, r);
    else if (sb_streq(k->check, "index_built"))
        check_built(c, k, r);
    else if (sb_streq(k->check, "index_gone"))
        check_gone(c, k, r);
    else if (sb_streq(k->check, "index_ours"))
        check_ours(c, k, r);
    else if (sb_streq(k->check, "index_hidden"))
        check_hidden(c, k, r);
    else if (sb_streq(k->check, "index_unused"))
        check_unused(c, k, r);
    else if (sb_streq(k->check, "index_shown"))
        check_shown(c, k, r);
    else if (sb_streq(k->check, "no_build"))
        check_builds(c, k, r);
    else if (sb_streq(k->check, "disk"))
        check_disk(c, k, r);
    else if (sb_streq(k->check, "quiet"))
        check_quiet(c, k, r);
    else if (sb_streq(k->check, "profile"))
        check_profile(c, k, r);
    else if (sb_streq(k->check, "none_match"))
        check_none_match(c, k, r);
    else if (sb_streq(k->check, "op_running") || sb_streq(k->check, "op_gone"))
        check_op(c, k, sb_streq(k->check, "op_running"), r);
    else if (sb_streq(k->check, "named"))
        sb_o_check_named(c, k, r);
    else if (sb_streq(k->check, "name_free"))
        sb_o_check_name_free(c, k, r);
    else if (sb_streq(k->check, "no_writes"))
        sb_o_check_no_writes(c, k, r);
    else if (sb_streq(k->check, "validator"))
        sb_o_check_validator(c, k, r);
    else if (sb_streq(k->check, "index_expires"))
        sb_o_check_expires(c, k, r);
    else if (sb_streq(k->check, "expiring"))
        sb_o_check_expiring(c, k, r);
    else
        sb_o_check_result(r, CHECK_FALSE, "the check %.100s is not known to this version", k->check);
}

/* ---- there and back ---- */

static void come_back(struct sb_orchestrator *o, void *p)
{
    struct checking *c = p;
    if (c->survey.taken_mono)
        o->survey = c->survey;
    c->back(o, c);
}

/* What another deployment behind the same addresses says is no fact about this one. */
static int same_deployment(struct checking *c)
{
    struct sb_deployment_facts f;
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &c->err);
    int rc = conn && sb_deployment_identify(conn, &f, &c->err) == 0 ? 0 : -1;
    if (rc == 0) {
        if (!sb_streq(f.id, c->deployment_id))
            rc = sb_fail(&c->err, SB_ESERVER, "this is %.100s, not %.100s", f.id, c->deployment_id);
        sb_deployment_facts_release(&f);
    }
    sb_conn_close(conn);
    return rc;
}

void sb_o_read_checks(struct checking *c)
{
    struct sb_members m = {(const char *const *)c->members, c->members_n, c->primary};
    const char *ns = NULL;
    for (size_t i = 0; i < c->checks_n; i++)
        if (about_catalogue(c->checks[i].check) && c->checks[i].ns)
            ns = c->checks[i].ns;
    if (ns && same_deployment(c) == 0 && sb_catalogue_read(c->o->opt.server, &m, ns, &c->catalogue, &c->err) == 0)
        c->have_catalogue = true;
    for (size_t i = 0; i < c->checks_n; i++)
        if (sb_streq(c->checks[i].check, "disk") && !c->survey.taken_mono)
            sb_o_survey_read(c->o->opt.server, c->nodes, c->nodes_n, c->replicated, &c->survey);
    for (size_t i = 0; i < c->checks_n; i++)
        run_check(c, &c->checks[i], &c->results[i]);
}

static void work(void *p)
{
    struct checking *c = p;
    sb_o_read_checks(c);
    sb_hook("check.read");
    sb_o_post_done(c->o, &c->way, come_back, c, sb_o_checking_free);
}

struct held_card *sb_o_checking_card(struct sb_orchestrator *o, const struct checking *c)
{
    struct held_card *card = sb_o_card(o, c->card_id);
    return card && card->run.turn == c->turn ? card : NULL;
}

struct checking *sb_o_checking_new(struct sb_orchestrator *o, const struct sb_card *card, const struct sb_check *checks, size_t n)
{
    struct checking *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->o = o;
    c->replicated = sb_hello_replicated(&o->facts.hello);
    c->sharded = o->facts.hello.is_mongos;
    c->results = calloc(n ? n : 1, sizeof *c->results);
    int rc = !c->results || sb_str_set(&c->card_id, card->id) || sb_str_set(&c->deployment_id, o->facts.id) ||
             sb_o_members(o, &c->members, &c->members_n, &c->primary) || sb_o_nodes(o, &c->nodes, &c->nodes_n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sb_check *copy = SB_PUSH(c->checks);
        rc = !copy || sb_record_copy(&sb_check_schema, copy, &checks[i]);
    }
    if (rc == 0)
        return c;
    sb_o_checking_free(c);
    return NULL;
}

bool sb_o_check(struct sb_orchestrator *o, struct held_card *card, const struct sb_check *checks, size_t n,
                void (*back)(struct sb_orchestrator *o, struct checking *c))
{
    struct checking *c = sb_o_checking_new(o, &card->card, checks, n);
    if (!c)
        return false;
    c->back = back;
    c->turn = ++card->run.turn;
    return sb_o_work(o, &c->way, work, c, sb_o_checking_free);
}

/* What passes by itself comes last: it is waited for only where nothing else stands in the way. */
const struct check_result *sb_o_first_failure(const struct checking *c, bool unknown_fails)
{
    const struct check_result *passing = NULL;
    for (size_t i = 0; i < c->checks_n; i++) {
        const struct check_result *r = &c->results[i];
        if (r->truth == CHECK_FALSE && r->passes)
            passing = passing ? passing : r;
        else if (r->truth == CHECK_FALSE || (r->truth == CHECK_UNKNOWN && unknown_fails))
            return r;
    }
    return passing;
}

const char *sb_o_truth_name(enum truth truth)
{
    static const char *const truths[] = {"false", "true", "unknown"};
    return truths[truth];
}

json_t *sb_o_checks_json(const struct checking *c)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->checks_n; i++)
        if (json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "check", c->checks[i].check, "result", sb_o_truth_name(c->results[i].truth), "text",
                                                  sb_o_words(c->results[i].text)))) {
            json_decref(list);
            return NULL;
        }
    return list;
}
