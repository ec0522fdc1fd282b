/* SPDX-License-Identifier: Apache-2.0
 *
 * Each of these is one conditional write. What comes from a config or a person goes in as a literal: in a pipeline a text that
 * begins with $ would be a path. */
#include <signalbox/shared/lease.h>

#include <signalbox/model/names.h>

#include <string.h>

#define LIT(text) "{", "$literal", BCON_UTF8(text), "}"
#define NOTHING_IN(path) "{", "$eq", "[", "{", "$ifNull", "[", path, BCON_NULL, "]", "}", BCON_NULL, "]", "}"
#define OVER "{", "$lt", "[", "$until", "$$NOW", "]", "}"

/* Asked again where the answer was lost: the condition makes the second the same as the first. */
static enum sb_leased ask(struct sb_store_door *d, const char *deployment, bson_t *query, bson_t *update, struct sb_lease *out, struct sb_err *err)
{
    enum sb_store_wrote wrote = SB_STORE_LOST;
    enum sb_leased answer = SB_LEASE_ERROR;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < 2 && wrote == SB_STORE_LOST; i++) {
        bson_t after;
        wrote = sb_store_door_modify(d, SB_LEASES, query, update, true, false, &after, err);
        if (wrote == SB_STORE_WROTE) {
            answer = sb_lease_decode(&after, out) ? SB_LEASE_ERROR : SB_LEASE_MINE;
            if (answer == SB_LEASE_ERROR)
                sb_fail(err, SB_EINPUT, "what the store keeps as the lease of %s is none", deployment);
            bson_destroy(&after);
        }
    }
    if (wrote == SB_STORE_NOT)
        answer = sb_lease_read(d, deployment, out, err) < 0 ? SB_LEASE_ERROR : SB_LEASE_NOT;
    bson_destroy(query);
    bson_destroy(update);
    return answer;
}

int sb_lease_read(struct sb_store_door *d, const char *deployment, struct sb_lease *out, struct sb_err *err)
{
    bson_t doc, *filter = BCON_NEW("_id", BCON_UTF8(deployment));
    memset(out, 0, sizeof *out);
    int found = sb_store_door_one(d, SB_LEASES, filter, &doc, err);
    bson_destroy(filter);
    if (found != 1)
        return found;
    if (sb_lease_decode(&doc, out))
        found = sb_fail(err, SB_EINPUT, "what the store keeps as the lease of %s is none", deployment);
    bson_destroy(&doc);
    return found;
}

/* The row that the conditions are about, where there is none yet. That somebody else has just made it is as good. */
static int make_row(struct sb_store_door *d, const char *deployment, struct sb_err *err)
{
    bson_t *doc = BCON_NEW("_id", BCON_UTF8(deployment), "owner", BCON_UTF8(""), "epoch", BCON_INT64(0), "until", BCON_DATE_TIME(0), "open", BCON_NULL, "hold", BCON_NULL);
    const bson_t *list[] = {doc};
    enum sb_store_wrote wrote = sb_store_door_insert(d, SB_LEASES, list, 1, NULL, err);
    bson_destroy(doc);
    return wrote == SB_STORE_FAILED ? -1 : 0;
}

static enum sb_leased take_once(struct sb_store_door *d, const char *deployment, const char *name, const struct sb_lease_self *self, int64_t lease_ms, const char *accepted, struct sb_lease *out,
                                struct sb_err *err)
{
    /* "": no statement is empty */
    const char *word = accepted ? accepted : "";
    bson_t *query = BCON_NEW("_id", BCON_UTF8(deployment), "$or", "[", "{", "owner", BCON_UTF8(self->owner), "}", "{", "owner", BCON_UTF8(""), "}",
                             "{", "$expr", "{", "$and", "[", OVER, "{", "$or", "[", NOTHING_IN("$open"), "{", "$eq", "[", "$open.class", LIT("I"), "]", "}",
                             "{", "$and", "[", "{", "$eq", "[", "$forced.epoch", "$epoch", "]", "}", "{", "$eq", "[", "$forced.owner", "$owner", "]", "}",
                             "{", "$eq", "[", "$forced.statement", LIT(word), "]", "}", "]", "}", "]", "}", "]", "}", "}", "]");
    bson_t *update = BCON_NEW("0", "{", "$set", "{",
                              "epoch", "{", "$cond", "[", "{", "$eq", "[", "$owner", LIT(self->owner), "]", "}", "$epoch", "{", "$add", "[", "{", "$ifNull", "[", "$epoch", BCON_INT64(0), "]", "}", BCON_INT64(1), "]", "}", "]", "}",
                              "open", "{", "$cond", "[", "{", "$and", "[", "{", "$ne", "[", "$owner", LIT(self->owner), "]", "}", "{", "$eq", "[", "$forced.epoch", "$epoch", "]", "}",
                              "{", "$eq", "[", "$forced.statement", LIT(word), "]", "}", "]", "}", BCON_NULL, "$open", "]", "}",
                              "owner", LIT(self->owner), "name", LIT(name), "host", LIT(self->host), "boot", LIT(self->boot), "program", LIT(self->program), "pid", BCON_INT64(self->pid),
                              "until", "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "beat", "$$NOW", "}", "}");
    return ask(d, deployment, query, update, out, err);
}

enum sb_leased sb_lease_take(struct sb_store_door *d, const char *deployment, const char *name, const struct sb_lease_self *self, int64_t lease_ms, const char *accepted, struct sb_lease *out,
                             struct sb_err *err)
{
    enum sb_leased answer = take_once(d, deployment, name, self, lease_ms, accepted, out, err);
    if (answer == SB_LEASE_NOT && !out->deployment[0]) /* a condition on the clock cannot make what is not there */
        answer = make_row(d, deployment, err) ? SB_LEASE_ERROR : take_once(d, deployment, name, self, lease_ms, accepted, out, err);
    return answer;
}

static bson_t *mine(const char *deployment, const struct sb_lease_self *self, int64_t epoch)
{
    return BCON_NEW("_id", BCON_UTF8(deployment), "owner", BCON_UTF8(self->owner), "epoch", BCON_INT64(epoch));
}

enum sb_leased sb_lease_renew(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, struct sb_lease *out, struct sb_err *err)
{
    bson_t *update = BCON_NEW("0", "{", "$set", "{", "until", "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "beat", "$$NOW", "pid", BCON_INT64(self->pid), "}", "}");
    return ask(d, deployment, mine(deployment, self, epoch), update, out, err);
}

/* {$set: {open: the step or null, until, beat}}; nothing in it is read as a path. */
static bson_t *set_open(const struct sb_lease_step *step, int64_t epoch, int64_t lease_ms)
{
    if (!step->card[0])
        return BCON_NEW("0", "{", "$set", "{", "open", BCON_NULL, "until", "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "beat", "$$NOW", "}", "}");
    return BCON_NEW("0", "{", "$set", "{", "open", "{", "$literal", "{", "card", BCON_UTF8(step->card), "step", BCON_INT64(step->step), "class", BCON_UTF8(sb_name(&sb_step_classes, step->class_)), "epoch",
                    BCON_INT64(epoch), "}", "}", "until", "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "beat", "$$NOW", "}", "}");
}

enum sb_leased sb_lease_open_step(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, const struct sb_lease_step *step,
                                  struct sb_lease *out, struct sb_err *err)
{
    bson_t *query = mine(deployment, self, epoch);
    BCON_APPEND(query, "$expr", "{", "$and", "[", "{", "$or", "[", NOTHING_IN("$open"), "{", "$eq", "[", "$open.epoch", BCON_INT64(epoch), "]", "}", "]", "}",
                "{", "$or", "[", "{", "$literal", BCON_BOOL(step->back), "}", NOTHING_IN("$hold"), "{", "$lte", "[", "$hold.until", "$$NOW", "]", "}", "]", "}", "]", "}");
    return ask(d, deployment, query, set_open(step, epoch, lease_ms), out, err);
}

enum sb_leased sb_lease_close_step(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, const struct sb_lease_step *rest,
                                   struct sb_lease *out, struct sb_err *err)
{
    return ask(d, deployment, mine(deployment, self, epoch), set_open(rest, epoch, lease_ms), out, err);
}

enum sb_leased sb_lease_release(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, struct sb_lease *out, struct sb_err *err)
{
    bson_t *query = mine(deployment, self, epoch);
    BCON_APPEND(query, "$expr", NOTHING_IN("$open"));
    bson_t *update = BCON_NEW("0", "{", "$set", "{", "owner", BCON_UTF8(""), "until", "$$NOW", "beat", "$$NOW", "}", "}");
    enum sb_leased answer = ask(d, deployment, query, update, out, err);
    bool free_now = answer == SB_LEASE_NOT && out->deployment[0] && !out->owner[0] && out->epoch == epoch; /* the first answer was lost */
    return free_now ? SB_LEASE_MINE : answer;
}

enum sb_leased sb_lease_force(struct sb_store_door *d, const struct sb_lease *seen, const struct sb_lease_word *word, struct sb_lease *out, struct sb_err *err)
{
    bson_t *query = BCON_NEW("_id", BCON_UTF8(seen->deployment), "owner", BCON_UTF8(seen->owner), "epoch", BCON_INT64(seen->epoch), "open.card", BCON_UTF8(seen->open.card), "open.step",
                             BCON_INT64(seen->open.step), "$expr", OVER);
    bson_t *update = BCON_NEW("0", "{", "$set", "{", "forced", "{", "by", LIT(word->by), "reason", LIT(word->reason), "statement", LIT(word->statement), "signature", LIT(word->signature ? word->signature : ""),
                              "owner", "$owner", "epoch", "$epoch", "step", "$open", "at", "$$NOW", "}", "}", "}");
    return ask(d, seen->deployment, query, update, out, err);
}

enum sb_leased sb_lease_hold(struct sb_store_door *d, const char *deployment, const char *by, const char *reason, int64_t until, struct sb_lease *out, struct sb_err *err)
{
    if (make_row(d, deployment, err))
        return SB_LEASE_ERROR;
    bson_t *query = BCON_NEW("_id", BCON_UTF8(deployment));
    bson_t *update = until ? BCON_NEW("0", "{", "$set", "{", "hold", "{", "by", LIT(by), "reason", LIT(reason), "until", BCON_DATE_TIME(until), "}", "}", "}")
                           : BCON_NEW("0", "{", "$set", "{", "hold", BCON_NULL, "}", "}");
    return ask(d, deployment, query, update, out, err);
}

int sb_lease_statement(const struct sb_lease *seen, const char *by, const char *reason, struct sb_str *out, struct sb_err *err)
{
    json_t *j = json_pack("{s:i,s:s,s:s,s:s,s:I,s:s,s:I,s:s,s:s,s:s}", "v", 1, "what", "signalbox.take-over", "deployment", seen->deployment, "owner", seen->owner, "epoch", (json_int_t)seen->epoch, "card",
                          seen->open.card, "step", (json_int_t)seen->open.step, "class", sb_name(&sb_step_classes, seen->open.class_), "by", by, "reason", reason);
    int rc = j ? sb_json_canonical(out, j, err) : sb_fail(err, SB_EINPUT, "a name or a reason that is no UTF-8 cannot be stated");
    json_decref(j);
    return rc;
}
