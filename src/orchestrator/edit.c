/* SPDX-License-Identifier: Apache-2.0
 *
 * A person changes a card: its commands are made anew, it is a new revision with a new author, and its approvals are void.
 * What the card says was said about its key and options. With others nothing of it holds, so the Index Optimizer looks first. */
#include "private.h"

#include <signalbox/agents/index_drop.h>
#include <signalbox/agents/index_retire.h>
#include <signalbox/model/card_edit.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_WINDOW_S 60
#define MOST_WINDOW_S 86400 /* what is remembered of a collection's operations goes back no further */

/* Sets one member of the options document; an empty value removes it. */
static int set_option(struct sb_card *card, const char *name, const char *type, const char *value, struct sb_err *err)
{
    bson_t *old = bson_new_from_json((const uint8_t *)(card->index_options ? card->index_options : "{}"), -1, NULL), fresh;
    bson_init(&fresh);
    int rc = -1;
    if (old)
        bson_copy_to_excluding_noinit(old, &fresh, name, NULL);
    if (!old) {
        sb_fail(err, SB_EINTERNAL, "the card's options cannot be read");
    } else if (value[0] == '\0') {
        rc = 0;
    } else if (sb_streq(type, "bool")) {
        rc = sb_streq(value, "true") || sb_streq(value, "false") ? 0 : sb_fail(err, SB_EINPUT, "%s must be true or false", name);
        if (rc == 0 && sb_streq(value, "true"))
            BSON_APPEND_BOOL(&fresh, name, true);
    } else if (sb_streq(type, "int")) {
        int64_t v;
        rc = sb_parse_i64(value, &v) || v < 0 || v > INT32_MAX ? sb_fail(err, SB_EINPUT, "%s must be a number of seconds, 0 to 2147483647", name) : 0;
        if (rc == 0)
            BSON_APPEND_INT32(&fresh, name, (int32_t)v);
    } else {
        bson_t *doc = bson_new_from_json((const uint8_t *)value, -1, NULL);
        rc = doc && !bson_empty(doc) ? 0 : sb_fail(err, SB_EINPUT, "%s must be a document in Extended JSON, with its names in quotes", name);
        if (rc == 0)
            BSON_APPEND_DOCUMENT(&fresh, name, doc);
        if (doc)
            bson_destroy(doc);
    }
    if (rc == 0) {
        char *json = bson_as_canonical_extended_json(&fresh, NULL);
        if (!json || sb_str_set(&card->index_options, json))
            rc = sb_fail_nomem(err);
        bson_free(json);
    }
    bson_destroy(&fresh);
    if (old)
        bson_destroy(old);
    return rc;
}

static int set_name(struct sb_card *card, const char *value, struct sb_err *err)
{
    size_t n = strlen(value);
    if (n == 0 || n > 120 || strchr(value, '$') || sb_streq(value, "_id_") || sb_streq(value, "*"))
        return sb_fail(err, SB_EINPUT, "an index's name has 1 to 120 bytes, no $, and is neither _id_ nor *");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
            return sb_fail(err, SB_EINPUT, "an index's name holds no control characters");
    return sb_str_set(&card->index_name, value) ? sb_fail_nomem(err) : 0;
}

static int set_events(struct sb_card *card, const char *value, struct sb_err *err)
{
    const char *remedy = card->kind == SB_KIND_HIDE_INDEX ? "unhide" : card->kind == SB_KIND_DROP_INDEX ? "create" : NULL;
    if (sb_watch_events_set(&card->watch, value, err))
        return -1;
    for (size_t i = 0; remedy && i < card->watch.criteria_n; i++)
        if (sb_str_set(&card->watch.criteria[i].on_breach, remedy))
            return sb_fail_nomem(err);
    return 0;
}

static int least_window(int kind)
{
    return kind == SB_KIND_HIDE_INDEX ? SB_HIDE_WINDOW_S : kind == SB_KIND_DROP_INDEX ? SB_DROP_WINDOW_S : LEAST_WINDOW_S;
}

/* What a card of this kind lets be changed is said where a key is none of it. */
static int may_set(const struct sb_card *card, const char *key, struct sb_err *err)
{
    struct sb_str known;
    sb_str_init(&known);
    for (size_t i = 0; i < sb_edit_keys_n; i++) {
        if (!sb_edit_key_is_for(&sb_edit_keys[i], card->kind))
            continue;
        if (sb_streq(sb_edit_keys[i].key, key)) {
            sb_str_release(&known);
            return 0;
        }
        sb_str_addf(&known, "%s%s", known.len ? ", " : "", sb_edit_keys[i].key);
    }
    if (card->kind == SB_KIND_CREATE_INDEX)
        sb_fail(err, SB_EINPUT, "\"%.60s\" cannot be edited on a card; these can: %s", key, known.p);
    else if (known.len)
        sb_fail(err, SB_ESTATE, "%s %s an index as it is: of such a card only how it is watched can be edited (%s)", card->id, card->kind == SB_KIND_HIDE_INDEX ? "hides" : "drops", known.p);
    else
        sb_fail(err, SB_ESTATE, "only cards that create, hide or drop an index can be edited");
    sb_str_release(&known);
    return -1;
}

static int apply_set(struct sb_card *card, const struct sb_set *set, char *quorum, size_t cap, struct sb_err *err)
{
    const char *key = set->key, *value = set->value;
    int64_t n;
    if (may_set(card, key, err))
        return -1;
    if (sb_streq(key, "name"))
        return set_name(card, value, err);
    if (sb_streq(key, "key")) {
        char *read = sb_index_key_read(value, err);
        if (!read)
            return -1;
        free(card->index_key);
        card->index_key = read;
        return 0;
    }
    if (sb_streq(key, "unique"))
        return set_option(card, "unique", "bool", value, err);
    if (sb_streq(key, "sparse"))
        return set_option(card, "sparse", "bool", value, err);
    if (sb_streq(key, "expire_after_s"))
        return set_option(card, "expireAfterSeconds", "int", value, err);
    if (sb_streq(key, "partial_filter"))
        return set_option(card, "partialFilterExpression", "document", value, err);
    if (sb_streq(key, "commit_quorum")) {
        if (!sb_streq(value, "votingMembers") && !sb_streq(value, "majority") && (sb_parse_i64(value, &n) || n < 0 || n > 50))
            return sb_fail(err, SB_EINPUT, "commit_quorum must be votingMembers, majority, or a number of members");
        snprintf(quorum, cap, "%s", value);
        return 0;
    }
    if (sb_streq(key, "watch_window_s")) {
        if (sb_parse_i64(value, &n) || n < least_window(card->kind) || n > MOST_WINDOW_S)
            return sb_fail(err, SB_EINPUT, "watch_window_s must be between %d and %d%s", least_window(card->kind), MOST_WINDOW_S,
                           card->kind == SB_KIND_CREATE_INDEX ? "" : ": what runs less often than that is not seen, and that nobody misses the index is all that the card shows");
        card->watch.window_s = n;
        return 0;
    }
    return set_events(card, value, err);
}

/* In one line, for the entry and the note. */
static int describe_diff(struct sb_str *out, const struct sb_card *a, const struct sb_card *b)
{
    struct sb_card_edit *list = NULL;
    size_t n = 0;
    int rc = sb_card_differences(a, b, &list, &n);
    for (size_t i = 0; i < n; i++) {
        sb_str_addf(out, "%s%s: %s -> %s", out->len ? "; " : "", list[i].what, list[i].was, list[i].now);
        sb_record_release(&sb_card_edit_schema, &list[i]);
    }
    free(list);
    return rc || !sb_str_ok(out) ? -1 : 0;
}

static json_t *sets_json(const struct sb_edit *e)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < e->sets_n; i++)
        if (json_array_append_new(list, json_pack("{s:s,s:s}", "key", e->sets[i].key, "value", e->sets[i].value))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* What is said anew about the key knows nothing of the events that the window waits for. */
static int adopt(struct sb_card *fresh, struct sb_card *said, const char *old_key, struct sb_err *err)
{
    struct sb_str events;
    sb_str_init(&events);
    sb_watch_events_text(&fresh->watch, &events);
    int rc = !sb_str_ok(&events) || sb_index_card_adopt(fresh, said, old_key) ? sb_fail_nomem(err) : sb_watch_events_set(&fresh->watch, events.p, err);
    sb_str_release(&events);
    return rc;
}

/* A new revision: the editor becomes its author, approvals are void, policy is asked again. said: about the new key or options, NULL
 * before that is known. 1: it has to be found out first, and that has begun. */
/* Nobody would see it. */
static bool waits_in_vain(const struct sb_orchestrator *o, const struct sb_watch *w)
{
    for (size_t i = 0; i < w->criteria_n; i++)
        if (sb_criterion_is_backup(&w->criteria[i]) && !o->opt.backups_n)
            return true;
    return false;
}

static int make_edit(struct sb_orchestrator *o, const struct seat *s, int64_t seq, struct held_card *c, const struct sb_edit *e, struct sb_card *said, struct sb_err *err)
{
    if (sb_o_may_act(o, c, err))
        return -1;
    if (e->revision && e->revision != c->card.revision)
        return sb_fail(err, SB_ESTATE, "%s has changed since it was shown: look at it again", c->card.id);
    if (!sb_lifecycle_next((enum sb_state)c->card.state, SB_EV_EDIT) || c->run.away) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)c->card.state, SB_EV_EDIT);
        return sb_fail(err, SB_ESTATE, "%s: %s", c->card.id, c->run.away ? "its facts are being read right now; try again in a moment" : why);
    }
    struct sb_card fresh;
    struct sb_str diff;
    char quorum[SB_QUORUM_MAX];
    int rc = -1;
    if (sb_record_copy(&sb_card_schema, &fresh, &c->card))
        return sb_fail_nomem(err);
    sb_str_init(&diff);
    sb_card_quorum(&fresh, quorum);
    for (size_t i = 0; i < e->sets_n; i++)
        if (apply_set(&fresh, &e->sets[i], quorum, sizeof quorum, err))
            goto out;
    if (waits_in_vain(o, &fresh.watch)) {
        sb_fail(err, SB_EINPUT, "the next backup cannot be waited for: the config names no place where backups lie (\"backup PATH\" below the deployment)");
        goto out;
    }
    if (!said && (!sb_streq(fresh.index_key, c->card.index_key) || !sb_streq(fresh.index_options, c->card.index_options))) {
        rc = sb_o_consult_edit(o, s, seq, c, e, &fresh, err) ? -1 : 1;
        goto out;
    }
    if (said && adopt(&fresh, said, c->card.index_key, err))
        goto out;
    if (fresh.kind == SB_KIND_CREATE_INDEX && sb_index_card_rebuild(&fresh, sb_hello_replicated(&o->facts.hello), quorum, err))
        goto out;
    if (describe_diff(&diff, &c->card, &fresh)) {
        sb_fail_nomem(err);
        goto out;
    }
    if (diff.len == 0) {
        sb_fail(err, SB_EINPUT, "nothing was changed on %s", c->card.id);
        goto out;
    }
    fresh.revision++;
    if (sb_str_set(&fresh.author, s->actor.principal) || sb_str_set(&fresh.author_signs, s->signs_as)) {
        sb_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < fresh.approvals_n; i++) /* the fold keeps the card's own; the copy must not hold them twice */
        sb_record_release(&sb_approval_schema, &fresh.approvals[i]);
    fresh.approvals_n = 0;
    sb_card_forget_edits(&fresh); /* and these are made anew by it */
    rc = sb_o_record(o, SB_ENTRY_EDIT, &s->actor, &(struct refs){.card = c},
                     json_pack("{s:o,s:o,s:s}", "card", sb_record_to_json(&sb_card_schema, &fresh), "sets", sets_json(e), "diff", diff.p), err);
    if (rc == 0)
        rc = sb_o_move(o, c, SB_EV_EDIT, &s->actor, diff.p, err);
out:
    sb_str_release(&diff);
    sb_card_release(&fresh);
    return rc;
}

int sb_o_edit(struct sb_orchestrator *o, const struct seat *s, int64_t seq, struct held_card *c, const struct sb_edit *e, struct sb_err *err)
{
    if (sb_o_has_knobs(c, e))
        return sb_o_turn_knobs(o, s, c, e, err);
    return make_edit(o, s, seq, c, e, NULL, err);
}

void sb_o_edit_advised(struct sb_orchestrator *o, int64_t seat, int64_t seq, const struct sb_edit *e, struct sb_card *said, struct sb_err *err)
{
    struct seat *s = sb_o_seat(o, seat);
    struct held_card *c = sb_o_card(o, e->card);
    if (!s) /* who asked has gone: nobody would learn that the card is another one */
        return;
    if (err->code == SB_OK && !c)
        sb_fail(err, SB_ESTATE, "%s has ended meanwhile", e->card);
    if (err->code == SB_OK && make_edit(o, s, seq, c, e, said, err) && err->code == SB_OK)
        sb_fail_nomem(err);
    sb_o_answer_decision(o, s, SB_ASK_EDIT, seq, e->card, c, "", err);
}
