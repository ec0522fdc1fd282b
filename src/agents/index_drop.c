/* SPDX-License-Identifier: Apache-2.0
 *
 * The card that drops an index which another card has hidden. */
#include "optimizer_retire.h"

#include <signalbox/agents/index_drop.h>
#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_MS 30000

/* What an earlier card says of the uses until then: "USES/SINCE", the value of its check. */
static bool told_then(const struct sb_card *before, int64_t *uses, int64_t *since)
{
    for (size_t i = 0; before && before->steps_n && i < before->steps[0].check_before_n; i++) {
        const struct sb_check *k = &before->steps[0].check_before[i];
        if (sb_streq(k->check, "index_unused") && k->value && sscanf(k->value, "%" SCNd64 "/%" SCNd64, uses, since) == 2)
            return true;
    }
    return false;
}

/* Somebody has shown it, used it and hidden it again since the last card was written. */
static bool used_since(const struct sb_drop_question *q, const struct sb_index_info *x)
{
    int64_t uses, since;
    return told_then(q->before, &uses, &since) && x->uses > (x->since == since ? uses : 0);
}

/* Why it will not be proposed; false: nothing stands against it for good. */
static bool never(const struct sb_drop_question *q, const struct sb_index_info *x, char *why, size_t cap)
{
    if (!x)
        snprintf(why, cap, "it is not there any more");
    else if (!sb_streq(x->key, q->hidden->index_key))
        snprintf(why, cap, "it has another key now");
    else if (!x->hidden)
        snprintf(why, cap, "it is not hidden any more");
    else if (used_since(q, x))
        snprintf(why, cap, "it was used since %.40s was written", q->before->id);
    else if (sb_catalogue_on_shard_key(q->catalogue, x))
        snprintf(why, cap, "the shard key rests on it, or may");
    else
        return false;
    return true;
}

/* Why it is not proposed now; false: it is. */
static bool not_now(const struct sb_drop_question *q, const struct sb_index_info *x, char *why, size_t cap)
{
    const struct sb_catalogue *c = q->catalogue;
    if (x->building)
        snprintf(why, cap, "it is being built");
    else if (!x->spec)
        snprintf(why, cap, "the server does not tell how it would be made anew");
    else if (!c->knows_index_stats || c->members_answered < c->members)
        snprintf(why, cap, "only %" PRId64 " of %" PRId64 " members say whether it was used ($indexStats)", c->knows_index_stats ? c->members_answered : 0, c->members);
    else
        return false;
    return true;
}

/* ---- commands ---- */

static char *finish(bson_t *c, const struct sb_card *card, const char *db, const char *comment_end)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox %s/1%s", card->id, comment_end);
    BSON_APPEND_UTF8(c, "comment", comment);
    BSON_APPEND_UTF8(c, "$db", db);
    char *text = bson_as_canonical_extended_json(c, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(c);
    return copy;
}

static char *drop_command(const struct sb_card *card, const char *db, const char *coll)
{
    bson_t c;
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "dropIndexes", coll);
    BSON_APPEND_UTF8(&c, "index", card->index_name);
    BSON_APPEND_INT32(&c, "maxTimeMS", MAX_TIME_MS);
    return finish(&c, card, db, "");
}

/* As the server said that it is: hidden, too. */
static char *create_command(const struct sb_card *card, const char *db, const char *coll, const char *spec, bool replicated)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)spec, -1, NULL), c, specs;
    if (!doc)
        return NULL;
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "createIndexes", coll);
    BSON_APPEND_ARRAY_BEGIN(&c, "indexes", &specs);
    BSON_APPEND_DOCUMENT(&specs, "0", doc);
    bson_append_array_end(&c, &specs);
    bson_destroy(doc);
    if (replicated)
        BSON_APPEND_UTF8(&c, "commitQuorum", "votingMembers");
    return finish(&c, card, db, " undo");
}

/* ---- the card ---- */

static int add_step(struct sb_card *card, const struct sb_drop_question *q, const struct sb_index_info *x)
{
    char db[64], coll[192], counted[64];
    struct sb_step *s = sb_ns_split(card->target, db, coll) ? SB_PUSH(card->steps) : NULL;
    if (!s)
        return -1;
    s->n = 1;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->undo_label = SB_UNDO_LOSSLESS; /* it is made anew from the documents */
    s->control = SB_CONTROL_NEITHER;
    s->action = drop_command(card, db, coll);
    s->undo = create_command(card, db, coll, x->spec, q->replicated);
    snprintf(counted, sizeof counted, "%" PRId64 "/%" PRId64, x->uses, x->since);
    const char *ns = card->target;
    return !s->action || !s->undo || sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "collection", ns, NULL, q->catalogue->uuid) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "index_unused", ns, card->index_name, counted) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "index_hidden", ns, card->index_name, card->index_key) || /* last: what the undo puts back */
                   sb_check_add(&s->check_after, &s->check_after_n, "index_gone", ns, card->index_name, NULL)
               ? -1
               : 0;
}

static int say(struct sb_card *card, const char *source, const char *what, char *value, int64_t at)
{
    int rc = value ? sb_evidence_add(&card->evidence, &card->evidence_n, source, card->target, what, value, "measured", at) : -1;
    free(value);
    return rc;
}

static int64_t undo_s(const struct sb_drop_question *q)
{
    return (sb_index_build_ms(q->catalogue->documents, 1000) + 999) / 1000;
}

/* It is the build of an index, with what that takes. */
static int undo_evidence(struct sb_card *card, const struct sb_drop_question *q)
{
    char *text = sb_format("a build over %" PRId64 " documents, about %" PRId64 " s, on every member; until it is there, and shown, no operation can use it", q->catalogue->documents, undo_s(q));
    int rc = text ? sb_evidence_add(&card->evidence, &card->evidence_n, "collStats", card->target, "what the undo takes", text, "estimated", q->now) : -1;
    free(text);
    return rc;
}

static int add_evidence(struct sb_card *card, const struct sb_drop_question *q, const struct sb_index_info *x)
{
    return say(card, "the watch window", "hidden and watched", sb_format("%s passed: %s", q->hidden->id, q->hidden->report.reason ? q->hidden->report.reason : "no reason was given"), q->now) ||
                   say(card, "$indexStats", "uses", sb_retire_uses_told(x, q->catalogue->members), q->now) ||
                   say(card, "listIndexes", "what goes", sb_format("%s on %s, which each insert and each remove writes a key to", x->name, x->key), q->now) ||
                   (x->bytes > 0 && say(card, "collStats", "size", sb_format("%" PRId64 " bytes, on each of %" PRId64 " members", x->bytes, q->catalogue->members), q->now)) ||
                   undo_evidence(card, q)
               ? -1
               : 0;
}

/* What is on the summary: whoever approves has read it. */
static char *why_of(const struct sb_drop_question *q, const struct sb_index_info *x)
{
    char since[SB_TIME_LEN + 1], uses[96] = "";
    sb_time_format(since, x->since_all);
    if (x->since_all && x->uses == 0)
        snprintf(uses, sizeof uses, " No member has counted a use of it since %.16sZ.", since);
    return sb_format("%s hid it, and its watch window of %" PRId64 " s passed.%s What runs less often than that was not seen: wait with the approval for as long as that takes. "
                     "Taking it back is a build over %" PRId64 " documents, about %" PRId64 " s; it is then hidden as it was.",
                     q->hidden->id, q->hidden->watch.window_s, uses, q->catalogue->documents, undo_s(q));
}

static int make(const struct sb_drop_question *q, const struct sb_index_info *x, struct sb_card *card)
{
    const struct sb_card *h = q->hidden;
    card->revision = 1;
    card->kind = SB_KIND_DROP_INDEX;
    card->state = SB_DRAFT;
    card->environment = h->environment;
    card->simulated = h->simulated;
    card->risk = h->risk;
    card->confidence_ppm = h->confidence_ppm;
    card->title = sb_format("Drop index %s of %s", h->index_name, h->target);
    card->why = why_of(q, x);
    card->blast_radius.documents = q->catalogue->documents;
    card->blast_radius.members = q->catalogue->members;
    card->blast_radius.lock = sb_format("exclusive on %s for an instant", h->target);
    card->impact.bytes = x->bytes;
    return !card->title || !card->why || !card->blast_radius.lock || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, h->case_id) || sb_str_set(&card->deployment, h->deployment) ||
                   sb_str_set(&card->deployment_id, h->deployment_id) || sb_str_set(&card->target, h->target) || sb_str_set(&card->index_name, h->index_name) || sb_str_set(&card->index_key, h->index_key) ||
                   sb_str_set(&card->index_options, "{ }") || sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_INDEX_OPTIMIZER)) || sb_str_set(&card->requested_by, h->requested_by) ||
                   sb_str_set(&card->phase, "2 of 2: drop what was hidden") || sb_str_set(&card->after, h->id) ||
                   sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, h->target) || add_step(card, q, x) ||
                   sb_retire_watch(card, &(struct sb_index_question){.ns = h->target, .workload = q->workload, .from = q->from, .to = q->now}, q->history, SB_DROP_WINDOW_S, "create") ||
                   add_evidence(card, q, x)
               ? -1
               : 0;
}

int sb_index_drop(const struct sb_drop_question *q, struct sb_card *out, char *why, size_t cap, struct sb_err *err)
{
    const struct sb_index_info *x = sb_catalogue_index(q->catalogue, q->hidden->index_name);
    memset(out, 0, sizeof *out);
    if (never(q, x, why, cap))
        return SB_DROP_NEVER;
    if (not_now(q, x, why, cap))
        return SB_DROP_NOT_NOW;
    if (make(q, x, out)) {
        sb_card_release(out);
        memset(out, 0, sizeof *out);
        return sb_fail_nomem(err);
    }
    return SB_DROP_YES;
}
