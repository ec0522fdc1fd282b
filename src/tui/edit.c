/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing a card: the present values are read out of the first step's command, so that what is shown is what would run. */
#include "state.h"

#include <signalbox/model/watch_event.h>

#include <stdlib.h>
#include <string.h>

void edit_release(struct edit *e)
{
    set_text(&e->card, NULL);
    for (size_t i = 0; i < EDIT_MAX; i++) {
        set_text(&e->now[i], NULL);
        set_text(&e->changed[i], NULL);
    }
}

#define RELAX_DEPTH 16

/* Extended JSON as a person writes it: {"$numberInt": "5"} is 5. New reference or NULL. */
static json_t *relaxed(const json_t *v, int depth)
{
    static const char *const whole[] = {"$numberInt", "$numberLong"};
    int64_t n;
    for (size_t i = 0; i < SB_COUNT(whole); i++)
        if (json_is_object(v) && json_object_size(v) == 1 && sb_json_str(v, whole[i]) && sb_parse_i64(sb_json_str(v, whole[i]), &n) == 0)
            return json_integer(n);
    if (depth == 0 || (!json_is_object(v) && !json_is_array(v)))
        return json_deep_copy(v);
    json_t *out = json_is_object(v) ? json_object() : json_array();
    bool failed = !out;
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v) && !failed; i++)
        failed = json_array_append_new(out, relaxed(json_array_get(v, i), depth - 1)) != 0;
    for (void *at = json_is_object(v) ? json_object_iter((json_t *)(uintptr_t)v) : NULL; at && !failed; at = json_object_iter_next((json_t *)(uintptr_t)v, at))
        failed = json_object_set_new(out, json_object_iter_key(at), relaxed(json_object_iter_value(at), depth - 1)) != 0;
    if (failed) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* As it stands in the line that is edited. New string, or NULL where there is no value. */
static char *plain(const json_t *v)
{
    if (!v)
        return NULL;
    if (json_is_string(v))
        return sb_strdup_n(json_string_value(v), json_string_length(v));
    json_t *out = relaxed(v, RELAX_DEPTH);
    char *text = out ? json_dumps(out, JSON_ENCODE_ANY) : NULL;
    json_decref(out);
    return text;
}

char *edit_plain(const char *text)
{
    json_t *v = json_loads(text ? text : "", 0, NULL);
    char *out = v ? plain(v) : sb_strdup_n(text ? text : "", text ? strlen(text) : 0);
    json_decref(v);
    return out;
}

/* The index document of a createIndexes command. Borrowed; NULL: it is no such command. */
static const json_t *index_of(const json_t *command)
{
    const json_t *list = json_object_get(command, "indexes");
    return json_is_array(list) ? json_array_get(list, 0) : NULL;
}

static char *value_now(const struct sb_card *c, const json_t *command, const char *key)
{
    static const char *const names[][2] = {
        {"key", "key"}, {"unique", "unique"}, {"sparse", "sparse"}, {"expire_after_s", "expireAfterSeconds"}, {"partial_filter", "partialFilterExpression"},
    };
    if (strcmp(key, "name") == 0)
        return c->index_name ? sb_strdup_n(c->index_name, strlen(c->index_name)) : NULL;
    if (strcmp(key, "watch_window_s") == 0)
        return sb_format("%lld", (long long)c->watch.window_s);
    if (strcmp(key, "watch_events") == 0) {
        struct sb_str text;
        sb_str_init(&text);
        sb_watch_events_text(&c->watch, &text);
        return sb_str_take(&text);
    }
    if (strcmp(key, "commit_quorum") == 0)
        return plain(json_object_get(command, "commitQuorum"));
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (strcmp(key, names[i][0]) == 0) {
            char *found = plain(json_object_get(index_of(command), names[i][1]));
            bool flag = i == 1 || i == 2;
            return found || !flag ? found : sb_strdup_n("false", 5);
        }
    return NULL;
}

void edit_open(struct sb_tui *t, const struct sb_card *card, struct sb_effects *fx)
{
    struct edit *e = &t->edit;
    edit_release(e);
    json_t *command = card->steps_n && card->steps[0].action ? json_loads(card->steps[0].action, 0, NULL) : NULL;
    for (size_t i = 0; i < edit_keys(); i++)
        e->now[i] = value_now(card, command, sb_edit_keys[i].key);
    json_decref(command);
    set_text(&e->card, card->id);
    e->revision = card->revision;
    e->kind = card->kind;
    view_open(t, VIEW_EDIT, card->id, fx);
    size_t first = 0;
    while (first < edit_keys() && !sb_edit_key_is_for(&sb_edit_keys[first], e->kind))
        first++;
    if (first < edit_keys())
        top_view(t)->link = (int)first + 1;
}

void edit_change(struct sb_tui *t, const char *value)
{
    for (size_t i = 0; i < edit_keys(); i++)
        if (sb_streq(sb_edit_keys[i].key, t->line_card))
            set_text(&t->edit.changed[i], sb_streq(value, t->edit.now[i]) ? NULL : value);
    t->edit.typed = true;
}

size_t edit_changes(const struct edit *e)
{
    size_t n = 0;
    for (size_t i = 0; i < EDIT_MAX; i++)
        n += e->changed[i] != NULL;
    return n;
}

struct sb_message *edit_message(const struct sb_tui *t)
{
    const struct edit *e = &t->edit;
    struct sb_message *m = sb_message_new(SB_ASK_EDIT, 0);
    struct sb_edit *body = m ? m->body : NULL;
    bool failed = !body || sb_str_set(&body->card, e->card);
    if (body)
        body->revision = e->revision;
    for (size_t i = 0; i < edit_keys() && !failed; i++) {
        if (!e->changed[i])
            continue;
        struct sb_set *set = SB_PUSH(body->sets);
        failed = !set || sb_str_set(&set->key, sb_edit_keys[i].key) || sb_str_set(&set->value, e->changed[i]);
    }
    if (failed) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}
