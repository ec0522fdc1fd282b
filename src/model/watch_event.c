/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/watch_event.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECT_MAX 80

static const char schedule[] = "schedule:", backup[] = "backup", within[] = " within ";

static const struct {
    char letter;
    int64_t s;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool sb_criterion_is_event(const struct sb_criterion *c)
{
    return sb_streq(c->metric, "event");
}

bool sb_criterion_is_backup(const struct sb_criterion *c)
{
    return sb_criterion_is_event(c) && sb_streq(c->subject, backup);
}

/* ---- as text ---- */

/* "24h" as seconds; 0: it is none. */
static int64_t read_duration(const char *p, size_t n)
{
    char digits[9];
    int64_t count;
    if (n < 2 || n >= sizeof digits)
        return 0;
    memcpy(digits, p, n - 1);
    digits[n - 1] = '\0';
    if (strspn(digits, "0123456789") != n - 1 || sb_parse_i64(digits, &count))
        return 0;
    for (size_t i = 0; i < SB_COUNT(units); i++)
        if (units[i].letter == p[n - 1])
            return count * units[i].s;
    return 0;
}

static bool is_subject(const char *text)
{
    if (!sb_starts_with(text, schedule))
        return sb_streq(text, backup) || sb_name_find(&sb_entry_kinds, text) >= 0;
    const char *name = text + sizeof schedule - 1;
    return name[0] && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
}

static char *label_of(const char *subject)
{
    return sb_streq(subject, backup)           ? sb_format("the next backup lies there, and is usable")
           : sb_starts_with(subject, schedule) ? sb_format("the next run of the schedule %s is completed", subject + sizeof schedule - 1)
                                               : sb_format("the next %s comes, and is good", subject);
}

static int read_event(const char *p, size_t n, struct sb_criterion *out, struct sb_err *err)
{
    const char *middle = memmem(p, n, within, sizeof within - 1);
    char subject[SUBJECT_MAX + 1] = "";
    if (middle && (size_t)(middle - p) <= SUBJECT_MAX)
        memcpy(subject, p, (size_t)(middle - p));
    const char *time = middle ? middle + sizeof within - 1 : p;
    int64_t limit = middle ? read_duration(time, (size_t)(p + n - time)) : 0;
    if (!middle || !is_subject(subject))
        return sb_fail(err, SB_EINPUT, "\"%.*s\" is no event: schedule:NAME, backup, or a kind of entry of the ledger, then \" within \" and a time (schedule:backup within 24h)",
                       (int)(n < 120 ? n : 120), p);
    if (limit < SB_EVENT_LEAST_S || limit > SB_EVENT_MOST_S)
        return sb_fail(err, SB_EINPUT, "an event is waited for for 1m to 90d, not for \"%.*s\"", (int)(p + n - time < 40 ? p + n - time : 40), time);
    out->limit = limit;
    out->decisive = true;
    char *label = label_of(subject);
    int rc = !label || sb_str_set(&out->metric, "event") || sb_str_set(&out->subject, subject) || sb_str_set(&out->label, label) || sb_str_set(&out->unit, "s") ||
             sb_str_set(&out->on_breach, "drop");
    free(label);
    return rc ? sb_fail_nomem(err) : 0;
}

static void remove_events(struct sb_watch *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->criteria_n; i++) {
        if (sb_criterion_is_event(&w->criteria[i]))
            sb_record_release(&sb_criterion_schema, &w->criteria[i]);
        else
            w->criteria[kept++] = w->criteria[i];
    }
    w->criteria_n = kept;
}

int sb_watch_events_set(struct sb_watch *w, const char *text, struct sb_err *err)
{
    remove_events(w);
    const char *p = text + strspn(text, " ");
    for (size_t count = 0; *p; count++) {
        size_t n = strcspn(p, ","), bare = n;
        while (bare && p[bare - 1] == ' ')
            bare--;
        if (count == SB_EVENTS_MAX)
            return sb_fail(err, SB_EINPUT, "a watch window waits for at most %d events", SB_EVENTS_MAX);
        struct sb_criterion *c = SB_PUSH(w->criteria);
        if (!c)
            return sb_fail_nomem(err);
        if (read_event(p, bare, c, err))
            return -1;
        p += n;
        if (*p == ',' && !*(p += 1 + strspn(p + 1, " ")))
            return sb_fail(err, SB_EINPUT, "behind a comma the next event is missing");
    }
    return 0;
}

void sb_watch_events_text(const struct sb_watch *w, struct sb_str *out)
{
    bool any = false;
    for (size_t i = 0; i < w->criteria_n; i++) {
        const struct sb_criterion *c = &w->criteria[i];
        if (!sb_criterion_is_event(c))
            continue;
        size_t u = 0;
        while (units[u].s > 1 && c->limit % units[u].s)
            u++;
        sb_str_addf(out, "%s%s%s%" PRId64 "%c", any ? ", " : "", c->subject, within, c->limit / units[u].s, units[u].letter);
        any = true;
    }
}

/* ---- in the ledger ---- */

enum sb_event_seen sb_event_look(const struct sb_criterion *c, const struct sb_entry *e, const char *case_id)
{
    if (sb_starts_with(c->subject, schedule)) {
        if (case_id && e->kind == SB_ENTRY_CASE_CLOSE && sb_streq(e->plan.case_id, case_id))
            return json_is_true(json_object_get(e->body, "unfinished")) ? SB_EVENT_NOT : SB_EVENT_PASSED;
        return e->kind == SB_ENTRY_REQUEST && sb_streq(sb_json_str(e->body, "event"), c->subject) ? SB_EVENT_BEGAN : SB_EVENT_NOT;
    }
    if (!sb_streq(sb_name(&sb_entry_kinds, e->kind), c->subject))
        return SB_EVENT_NOT;
    if (e->kind == SB_ENTRY_DRILL) {
        int level = sb_drill_level(e);
        return level >= SB_DRILL_COUNTS ? SB_EVENT_PASSED : level == 0 ? SB_EVENT_FAILED : SB_EVENT_NOT;
    }
    return json_is_false(json_object_get(e->body, "ok")) ? SB_EVENT_FAILED : SB_EVENT_PASSED;
}
