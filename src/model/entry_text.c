/* SPDX-License-Identifier: Apache-2.0
 *
 * One line for people out of an entry: the audit pane, `audit tail`, the tour. */
#include <signalbox/base/clock.h>
#include <signalbox/model/entry.h>

#include <stdlib.h>
#include <string.h>

/* ---- the fields of a tree ---- */

static json_t *at(void *body, const char *path)
{
    return sb_json_path(body, path);
}

static bool tree_text(void *body, const char *path, struct sb_str *out)
{
    const char *text = json_string_value(at(body, path));
    sb_str_adds(out, text);
    return text != NULL;
}

static int64_t tree_number(void *body, const char *path)
{
    return (int64_t)json_integer_value(at(body, path));
}

static bool tree_yes(void *body, const char *path)
{
    return json_is_true(at(body, path));
}

/* ---- the lines ---- */

#define STEP "step {#step}{+undo| (undo)|}: "
#define WATCHING "watching: {#report.observed_s} s observed, {#report.operations} operations"
#define PLANNED ", planned for {planned}"
#define MISSED_ONE "; {#missed} before it was missed"
#define MISSED_SOME "; {#missed} before it were missed"
#define SET_FORWARD "the clock was set forward by {~jump_ms}"
#define SET_BACK "the clock was set back by {~jump_ms}"
#define RAN_ONE "; {#already_run} planned run still to come by it has run already and will not run again"
#define RAN_SOME "; {#already_run} planned runs still to come by it have run already and will not run again"

#define CAME_BACK "{kind} in {environment} back at L{#level}, signed by {by}: {reason}"

/* {path} is a string ("?" where there is none), {path:n} its first n bytes, {#path} a number, {~path} a number as a duration
 * without its sign, {+path|a|b} is a where the member is true and else b, {=path|a} is a where the member is a string. */
static const char *const templates[SB_ENTRY_KINDS] = {
    [SB_ENTRY_START] = "signalbox {version} started",
    [SB_ENTRY_STOP] = "stopped: {reason}",
    [SB_ENTRY_LOGIN] = "{seat.who} sat down ({seat.how})",
    [SB_ENTRY_POLICY_LOAD] = "policy {policy.bundle} {policy.version} in force",
    [SB_ENTRY_BOUND] = "{deployment} ({environment}) is {id}",
    [SB_ENTRY_REQUEST] = "\"{case.text}\"",
    [SB_ENTRY_INTENT] = "read as {reading.intent}: {reading.reason}",
    [SB_ENTRY_VERDICT] = "policy at {stage}: {verdict.decision}",
    [SB_ENTRY_HANDOFF] = "{handoff.from} -> {handoff.to}: {handoff.why}",
    [SB_ENTRY_COMMAND] = "read on {member}: {command}",
    [SB_ENTRY_RECOMMENDATION] = "proposed: {card.title}",
    [SB_ENTRY_EDIT] = "edited: {diff}",
    [SB_ENTRY_APPROVAL] = "approved {approval.hash:12}",
    [SB_ENTRY_APPROVAL_VOID] = "approvals void: {reason}",
    [SB_ENTRY_STATE] = "{from} -> {to}: {note}",
    [SB_ENTRY_STEP_INTENT] = STEP "intent: {command}",
    [SB_ENTRY_STEP_RESULT] = STEP "result {outcome}",
    [SB_ENTRY_STEP_VERIFIED] = STEP "{+ok|verified by reading back|reading back found it not done}",
    [SB_ENTRY_STEP_PROBE] = STEP "probe: {found}",
    [SB_ENTRY_WATCH] = "verdict {report.verdict}: {report.reason}",
    [SB_ENTRY_CASE_CLOSE] = "case closed: {outcome}",
    [SB_ENTRY_ANOMALY] = "{anomaly.title}{=anomaly.to| (over)}",
    [SB_ENTRY_ACK] = "taken by {by}",
    [SB_ENTRY_SAMPLER] = "sampler: {#commands} commands, {#errors} errors",
    [SB_ENTRY_REFUSED] = "refused {ask}: {why}",
    [SB_ENTRY_BREAKGLASS] = "BREAK-GLASS by {breakglass.by} until {breakglass.until}, {breakglass.ticket}: {breakglass.reason}",
    [SB_ENTRY_REVIEW] = "break-glass reviewed by {by}: {reason}",
    [SB_ENTRY_AUTONOMY] = "{kind} in {environment} lowered from L{#level} to L{#lowered_to}: {reason}",
    [SB_ENTRY_SCHEDULE] = "schedule {name} {event}: {when} run \"{request}\"",
    [SB_ENTRY_CLOCK] = SET_FORWARD,
    [SB_ENTRY_MARK] = "marked, {about}: {text}",
    [SB_ENTRY_HUSH] = "{said}",
    [SB_ENTRY_HUSH_END] = "{id} ended: {reason}",
    [SB_ENTRY_REMARK] = "noted: {remark.text}",
    [SB_ENTRY_HOOK] = "hook {event}, try {#try}: {command} {outcome}",
    [SB_ENTRY_KNOBS] = "batches of {#docs} documents from here on, {#delay_ms} ms apart, at once: {#at_once}",
    [SB_ENTRY_PROOF] = "tried out by {by}",
    [SB_ENTRY_DRILL] = "drill {drill} {event}: {about}",
    [SB_ENTRY_EXERCISE] = "exercise {result.exercise} by {result.who}: {+result.right|right|not right}",
    [SB_ENTRY_HELD] = STEP "{event}: {why}",
    [SB_ENTRY_BACKUP] = "backup {event}: {about}",
    [SB_ENTRY_REPORT] = "report: {said}",
    [SB_ENTRY_SUMMARY] = "the evidence of revision {#of} in other words, by an outside program",
    [SB_ENTRY_LEASE] = "lease {event}, epoch {#epoch}: {about}",
};

/* What else is put into lines, the words of a duration among it. */
static const char *const others[] = {CAME_BACK, WATCHING, PLANNED, MISSED_ONE, MISSED_SOME, SET_BACK, RAN_ONE, RAN_SOME, "ms", "min"};

static void add_number(struct sb_str *out, int64_t v)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (v < 0)
        *--p = '-';
    sb_str_add(out, p, (size_t)(digits + sizeof digits - p));
}

static void add_duration(struct sb_str *out, int64_t ms)
{
    char text[64];
    sb_duration_format(text, sizeof text, ms == INT64_MIN ? INT64_MAX : ms < 0 ? -ms : ms);
    sb_str_adds(out, text);
}

static bool has_text(const struct sb_entry_fields *f, const char *path, struct sb_str *out)
{
    size_t before = out->len;
    bool there = f->text(f->of, path, out);
    sb_str_truncate(out, before);
    return there;
}

/* What stands between braces, n bytes of one of the templates. */
static void add_field(const char *field, size_t n, const struct sb_entry_fields *f, struct sb_str *out)
{
    bool sign = strchr("#~+=", *field) != NULL;
    const char *name = field + sign, *end = field + n, *bar = memchr(field, '|', n), *colon = memchr(field, ':', bar ? 0 : n);
    char path[64];
    size_t length = (size_t)((bar ? bar : colon ? colon : end) - name);
    length = length < sizeof path ? length : sizeof path - 1;
    memcpy(path, name, length);
    path[length] = '\0';
    if (*field == '#') {
        add_number(out, f->number(f->of, path));
    } else if (*field == '~') {
        add_duration(out, f->number(f->of, path));
    } else if (bar) {
        const char *other = memchr(bar + 1, '|', (size_t)(end - bar - 1));
        bool first = *field == '+' ? f->yes(f->of, path) : has_text(f, path, out);
        if (first)
            sb_str_add(out, bar + 1, (size_t)((other ? other : end) - bar - 1));
        else if (other)
            sb_str_add(out, other + 1, (size_t)(end - other - 1));
    } else {
        size_t before = out->len, most = colon ? (size_t)strtoul(colon + 1, NULL, 10) : SIZE_MAX;
        if (!f->text(f->of, path, out))
            sb_str_addc(out, '?');
        if (out->len - before > most)
            sb_str_truncate(out, before + most);
    }
}

/* A window that is open has no verdict yet. */
static bool no_verdict(const struct sb_entry_fields *f, struct sb_str *out)
{
    size_t before = out->len;
    bool none = f->text(f->of, "report.verdict", out) && sb_streq(out->p + before, sb_name(&sb_verdicts, SB_VERDICT_NONE));
    sb_str_truncate(out, before);
    return none;
}

static void fill(const char *t, const struct sb_entry_fields *f, struct sb_str *out)
{
    while (*t) {
        size_t plain = strcspn(t, "{");
        sb_str_add(out, t, plain);
        t += plain;
        if (*t) {
            size_t n = strcspn(t, "}");
            add_field(t + 1, n - 1, f, out);
            t += n + 1;
        }
    }
}

/* Of a run that a schedule asked for, and of a clock that was set: what not every such entry has to say. */
static void fill_rest(int kind, const struct sb_entry_fields *f, struct sb_str *out)
{
    int64_t n = f->number(f->of, kind == SB_ENTRY_REQUEST ? "missed" : "already_run");
    if (kind == SB_ENTRY_REQUEST && has_text(f, "planned", out))
        fill(PLANNED, f, out);
    if (n > 0 && kind == SB_ENTRY_REQUEST)
        fill(n == 1 ? MISSED_ONE : MISSED_SOME, f, out);
    else if (n > 0)
        fill(n == 1 ? RAN_ONE : RAN_SOME, f, out);
}

void sb_entry_text_from(int kind, const struct sb_entry_fields *f, struct sb_str *out)
{
    const char *t = kind >= 0 && kind < SB_ENTRY_KINDS && templates[kind] ? templates[kind] : "?";
    if (kind == SB_ENTRY_WATCH && no_verdict(f, out))
        t = WATCHING;
    else if (kind == SB_ENTRY_CLOCK && f->number(f->of, "jump_ms") < 0)
        t = SET_BACK;
    else if (kind == SB_ENTRY_AUTONOMY && has_text(f, "by", out))
        t = CAME_BACK;
    fill(t, f, out);
    if (kind == SB_ENTRY_REQUEST || kind == SB_ENTRY_CLOCK)
        fill_rest(kind, f, out);
}

/* Members stand beside blanks, quotes and the like, which are no such characters, but for the L of a level. Figures alone may
 * be the days of a duration. */
bool sb_entry_text_is_of_members(const char *text)
{
    for (int kind = 0; kind < SB_ENTRY_KINDS; kind++)
        if (templates[kind] && strcasestr(templates[kind], text))
            return false;
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (strcasestr(others[i], text))
            return false;
    for (const char *p = text; *p; p++)
        if ((*p == 'L' || *p == 'l') && ((p[1] >= '0' && p[1] <= '9') || p[1] == '-'))
            return false;
    return text[strspn(text, "0123456789")] != '\0';
}

void sb_entry_text(const struct sb_entry *e, struct sb_str *out)
{
    sb_entry_text_from(e->kind, &(struct sb_entry_fields){e->body, tree_text, tree_number, tree_yes}, out);
}

/* ---- rows ---- */

static void add_word(struct sb_str *out, const char *text)
{
    if (!text || !text[0])
        return;
    if (out->len)
        sb_str_add(out, "  ", 2);
    sb_str_adds(out, text);
}

void sb_audit_row_words(const struct sb_audit_row *row, struct sb_str *out)
{
    sb_str_adds(out, out->len ? "  #" : "#");
    add_number(out, row->seq);
    add_word(out, row->actor);
    add_word(out, row->kind);
    add_word(out, row->card);
    add_word(out, row->case_id);
    add_word(out, row->text);
}

int sb_entry_row(const struct sb_entry *e, struct sb_audit_row *row)
{
    *row = (struct sb_audit_row){.seq = e->seq, .ts = e->ts};
    struct sb_str line;
    sb_str_init(&line);
    sb_entry_text(e, &line);
    row->text = sb_str_take(&line);
    if (!row->text || sb_str_set(&row->kind, sb_name(&sb_entry_kinds, e->kind)) || sb_str_set(&row->actor, e->actor.principal) ||
        sb_str_set(&row->case_id, e->plan.case_id) || sb_str_set(&row->card, e->plan.card) || (e->hash[0] && sb_str_set(&row->hash, e->hash))) {
        sb_record_release(&sb_audit_row_schema, row);
        return -1;
    }
    return 0;
}
