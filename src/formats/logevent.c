/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/logevent.h>

#define DETAILS 3

struct known {
    int64_t id;
    const char *msg; /* for lines without an id; NULL: the message changes from release to release */
    enum sb_log_event_kind kind;
    const char *detail[DETAILS]; /* paths in attr */
};

/* Sorted by id. */
static const struct known catalogue[] = {
    {20249, "Authentication failed", SB_EVENT_AUTH_FAILED, {"principalName", "authenticationDatabase", NULL}},
    {20384, "Index build: starting", SB_EVENT_INDEX_BUILD, {"namespace", "properties.name", NULL}},
    {20443, NULL, SB_EVENT_INDEX_BUILD, {"error.errmsg", NULL, NULL}},
    {20449, "Index build: failed", SB_EVENT_INDEX_BUILD, {"error.codeName", "error.errmsg", NULL}},
    {20499, "serverStatus was very slow", SB_EVENT_SLOW_STATUS, {NULL, NULL, NULL}},
    {20529, "Cursor timed out", SB_EVENT_CURSOR_TIMEOUT, {NULL, NULL, NULL}},
    {20631, NULL, SB_EVENT_UNCLEAN, {NULL, NULL, NULL}},
    {20663, "Index build: completed successfully", SB_EVENT_INDEX_BUILD, {"namespace", "indexesBuilt", NULL}},
    {20698, "***** SERVER RESTARTED *****", SB_EVENT_START, {NULL, NULL, NULL}},
    {20883, "Interrupted operation as its client disconnected", SB_EVENT_DISCONNECT, {NULL, NULL, NULL}},
    {21215, "Member is in new state", SB_EVENT_STATE, {"hostAndPort", "newState", NULL}},
    {21358, "Replica set state transition", SB_EVENT_STATE, {"oldState", "newState", NULL}},
    {21392, "New replica set config in use", SB_EVENT_STATE, {NULL, NULL, NULL}},
    {21450, "Election succeeded, assuming primary role", SB_EVENT_ELECTION, {NULL, NULL, NULL}},
    {21609, NULL, SB_EVENT_ROLLBACK, {NULL, NULL, NULL}},
    {21612, "Rollback summary", SB_EVENT_ROLLBACK, {NULL, NULL, NULL}},
    {22225, NULL, SB_EVENT_FLOW_CONTROL, {NULL, NULL, NULL}},
    {22271, NULL, SB_EVENT_UNCLEAN, {NULL, NULL, NULL}},
    {22942, "Connection refused because there are too many open connections", SB_EVENT_REFUSED, {NULL, NULL, NULL}},
    {23138, "Shutting down", SB_EVENT_STOP, {NULL, NULL, NULL}},
    {24200, NULL, SB_EVENT_BACKUP, {NULL, NULL, NULL}},
    {24203, NULL, SB_EVENT_BACKUP, {NULL, NULL, NULL}},
    {48742, "Profiler settings changed", SB_EVENT_PROFILER, {"db", "to.level", NULL}},
    {51806, "CMD: dropIndexes", SB_EVENT_INDEX_DROP, {"namespace", "indexes", NULL}},
    {465611, NULL, SB_EVENT_INDEX_BUILD, {NULL, NULL, NULL}},
    {501401, NULL, SB_EVENT_UNCLEAN, {NULL, NULL, NULL}},
    {518070, "CMD: drop", SB_EVENT_SCHEMA, {"namespace", NULL, NULL}},
    {4615611, "MongoDB starting", SB_EVENT_START, {NULL, NULL, NULL}},
    {5286307, "Failed to authenticate", SB_EVENT_AUTH_FAILED, {"user", "db", NULL}},
    {5324200, "CMD: collMod", SB_EVENT_SCHEMA, {"cmdObj.collMod", NULL, NULL}},
};

static const struct known *find_known(const struct sb_log_line *line)
{
    if (line->id == SB_ABSENT) {
        for (size_t i = 0; i < SB_COUNT(catalogue); i++)
            if (catalogue[i].msg && line->msg.p && sb_span_is(line->msg, catalogue[i].msg, strlen(catalogue[i].msg)))
                return &catalogue[i];
        return NULL;
    }
    size_t from = 0, to = SB_COUNT(catalogue);
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (catalogue[mid].id == line->id)
            return &catalogue[mid];
        if (catalogue[mid].id < line->id)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

/* A value of attr as text: a string without its quotes, anything else as it stands. */
static struct sb_span detail_of(struct sb_span attr, const char *path)
{
    struct sb_span raw;
    if (!path || !attr.p || !sb_jt_find(attr, path, &raw))
        return (struct sb_span){NULL, 0};
    if (raw.n >= 2 && raw.p[0] == '"')
        return (struct sb_span){raw.p + 1, raw.n - 2};
    return raw;
}

bool sb_log_event(const struct sb_log_line *line, struct sb_log_event *event)
{
    const struct known *known = find_known(line);
    char severity = line->severity.n ? line->severity.p[0] : 'I';
    if (line->slow || (!known && severity != 'F' && severity != 'E' && severity != 'W'))
        return false;
    memset(event, 0, sizeof *event);
    event->text = line->msg;
    if (!known) {
        event->kind = severity == 'W' ? SB_EVENT_WARNING : SB_EVENT_ERROR;
        event->detail[0] = detail_of(line->attr, "namespace");
        if (!event->detail[0].p)
            event->detail[0] = detail_of(line->attr, "error.codeName");
        return true;
    }
    struct sb_span speculative;
    if (known->kind == SB_EVENT_AUTH_FAILED && line->attr.p &&
        (sb_jt_find(line->attr, "isSpeculative", &speculative) || sb_jt_find(line->attr, "speculative", &speculative)) && SB_SPAN_IS(speculative, "true"))
        return false; /* a first try by a driver, which goes on to the real one */
    event->kind = known->kind;
    for (size_t i = 0; i < DETAILS; i++)
        event->detail[i] = detail_of(line->attr, known->detail[i]);
    return true;
}

const char *sb_log_event_name(enum sb_log_event_kind kind)
{
    static const char *const names[SB_EVENT_KINDS] = {
        [SB_EVENT_NONE] = "none",
        [SB_EVENT_INDEX_BUILD] = "index_build",
        [SB_EVENT_INDEX_DROP] = "index_drop",
        [SB_EVENT_SCHEMA] = "schema_change",
        [SB_EVENT_ELECTION] = "election",
        [SB_EVENT_STATE] = "state_change",
        [SB_EVENT_ROLLBACK] = "rollback",
        [SB_EVENT_START] = "start",
        [SB_EVENT_STOP] = "stop",
        [SB_EVENT_UNCLEAN] = "unclean_shutdown",
        [SB_EVENT_SLOW_STATUS] = "slow_server_status",
        [SB_EVENT_FLOW_CONTROL] = "flow_control",
        [SB_EVENT_REFUSED] = "connection_refused",
        [SB_EVENT_AUTH_FAILED] = "authentication_failed",
        [SB_EVENT_DISCONNECT] = "client_disconnected",
        [SB_EVENT_CURSOR_TIMEOUT] = "cursor_timeout",
        [SB_EVENT_PROFILER] = "profiler",
        [SB_EVENT_BACKUP] = "backup_cursor",
        [SB_EVENT_WARNING] = "warning",
        [SB_EVENT_ERROR] = "error",
        [SB_EVENT_STORM] = "connection_storm",
    };
    return (unsigned)kind < SB_EVENT_KINDS ? names[kind] : "none";
}

enum sb_connection_note sb_log_connection(const struct sb_log_line *line, int64_t *open, struct sb_span *remote,
                                          struct sb_span *app)
{
    enum sb_connection_note note = SB_CONNECTION_NONE;
    bool by_text = line->id == SB_ABSENT && line->msg.p;
    *open = SB_ABSENT;
    *remote = *app = (struct sb_span){NULL, 0};
    if (line->id == 22943 || (by_text && SB_SPAN_IS(line->msg, "Connection accepted")))
        note = SB_CONNECTION_OPENED;
    else if (line->id == 22944 || (by_text && SB_SPAN_IS(line->msg, "Connection ended")))
        note = SB_CONNECTION_CLOSED;
    else if (line->id == 51800 || (by_text && SB_SPAN_IS(line->msg, "client metadata")))
        note = SB_CONNECTION_CLIENT;
    if (note == SB_CONNECTION_NONE || !line->attr.p)
        return note;
    *remote = detail_of(line->attr, "remote");
    if (note == SB_CONNECTION_CLIENT)
        *app = detail_of(line->attr, "doc.application.name");
    else
        sb_jt_find_integer(line->attr, "connectionCount", open);
    return note;
}
