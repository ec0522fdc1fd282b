/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/card_edit.h>

#include <signalbox/model/watch_event.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void sb_card_quorum(const struct sb_card *c, char out[SB_QUORUM_MAX])
{
    json_t *command = c->steps_n && c->steps[0].action ? json_loads(c->steps[0].action, 0, NULL) : NULL;
    const json_t *quorum = json_object_get(command, "commitQuorum"), *number = json_object_get(quorum, "$numberInt");
    const char *text = json_string_value(json_is_object(quorum) ? number ? number : json_object_get(quorum, "$numberLong") : quorum);
    snprintf(out, SB_QUORUM_MAX, "%s", text ? text : "votingMembers");
    if (json_is_integer(quorum))
        snprintf(out, SB_QUORUM_MAX, "%" PRId64, (int64_t)json_integer_value(quorum));
    json_decref(command);
}

/* ---- two revisions ---- */

static int add(struct sb_card_edit **list, size_t *n, const struct sb_card_edit *e)
{
    struct sb_card_edit *slot = sb_list_push((void **)list, n, sizeof **list);
    if (!slot)
        return -1;
    if (sb_record_copy(&sb_card_edit_schema, slot, e) == 0)
        return 0;
    (*n)--;
    return -1;
}

static int differ(struct sb_card_edit **out, size_t *n, const char *what, const char *was, const char *now)
{
    if (sb_streq(was ? was : "", now ? now : ""))
        return 0;
    return add(out, n, &(struct sb_card_edit){.what = (char *)(uintptr_t)what, .was = (char *)(uintptr_t)(was ? was : ""), .now = (char *)(uintptr_t)(now ? now : "")});
}

static int differ_watch(struct sb_card_edit **out, size_t *n, const struct sb_watch *before, const struct sb_watch *after)
{
    char was[SB_QUORUM_MAX], now[SB_QUORUM_MAX];
    struct sb_str was_events, now_events;
    sb_str_init(&was_events);
    sb_str_init(&now_events);
    sb_watch_events_text(before, &was_events);
    sb_watch_events_text(after, &now_events);
    snprintf(was, sizeof was, "%" PRId64 " s", before->window_s);
    snprintf(now, sizeof now, "%" PRId64 " s", after->window_s);
    int rc = !sb_str_ok(&was_events) || !sb_str_ok(&now_events) || differ(out, n, "watch window", was, now) ||
             differ(out, n, "watch events", was_events.p, now_events.p) ? -1 : 0;
    sb_str_release(&was_events);
    sb_str_release(&now_events);
    return rc;
}

int sb_card_differences(const struct sb_card *before, const struct sb_card *after, struct sb_card_edit **out, size_t *n)
{
    char was[SB_QUORUM_MAX], now[SB_QUORUM_MAX];
    sb_card_quorum(before, was);
    sb_card_quorum(after, now);
    return differ(out, n, "name", before->index_name, after->index_name) || differ(out, n, "key", before->index_key, after->index_key) ||
           differ(out, n, "options", before->index_options, after->index_options) || differ_watch(out, n, &before->watch, &after->watch) ||
           differ(out, n, "commit quorum", was, now) ? -1 : 0;
}

/* ---- all revisions ---- */

void sb_card_forget_edits(struct sb_card *c)
{
    for (size_t i = 0; i < c->edits_n; i++)
        sb_record_release(&sb_card_edit_schema, &c->edits[i]);
    free(c->edits);
    c->edits = NULL;
    c->edits_n = 0;
}

static struct sb_card_edit *find(struct sb_card_edit *list, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (sb_streq(list[i].what, what))
            return &list[i];
    return NULL;
}

/* A change since the first proposal: what it was then is what an earlier edit of the same thing found. */
static int carry(struct sb_card *fresh, const struct sb_card *old, const struct sb_card_edit *step, const char *by, int64_t at)
{
    const struct sb_card_edit *earlier = find(old->edits, old->edits_n, step->what);
    struct sb_card_edit e = *step;
    if (earlier)
        e.was = earlier->was;
    if (sb_streq(e.was, e.now))
        return 0;
    e.revision = fresh->revision;
    e.by = (char *)(uintptr_t)by;
    e.at = at;
    return add(&fresh->edits, &fresh->edits_n, &e);
}

int sb_card_carry_edits(struct sb_card *fresh, const struct sb_card *old, const char *by, int64_t at)
{
    struct sb_card_edit *step = NULL;
    size_t n = 0;
    int rc = sb_card_differences(old, fresh, &step, &n);
    for (size_t i = 0; i < old->edits_n && rc == 0; i++) /* what this revision leaves as it was */
        if (!find(step, n, old->edits[i].what))
            rc = add(&fresh->edits, &fresh->edits_n, &old->edits[i]);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = carry(fresh, old, &step[i], by, at);
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_card_edit_schema, &step[i]);
    free(step);
    return rc;
}
