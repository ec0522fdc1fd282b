/* SPDX-License-Identifier: Apache-2.0
 *
 * logevent.h - which log lines are events that an operator wants to know of.
 *
 * Told by their id, which stays the same across releases; where a line has none, by its message. Lines that are known by
 * neither are events only for their severity: F and E are errors, W is a warning. The catalogue is in logevent.c. Slow
 * operations are not events, and connections coming and going are counted, not listed. Thread: any; pure.
 */
#ifndef SIGNALBOX_FORMATS_LOGEVENT_H
#define SIGNALBOX_FORMATS_LOGEVENT_H

#include <signalbox/formats/mongolog.h>

enum sb_log_event_kind {
    SB_EVENT_NONE,
    SB_EVENT_INDEX_BUILD,   /* begun, done, failed, aborted */
    SB_EVENT_INDEX_DROP,
    SB_EVENT_SCHEMA,        /* a collection dropped or changed */
    SB_EVENT_ELECTION,
    SB_EVENT_STATE,         /* this member or another one in a new state */
    SB_EVENT_ROLLBACK,
    SB_EVENT_START,
    SB_EVENT_STOP,
    SB_EVENT_UNCLEAN,       /* it had not been shut down in order */
    SB_EVENT_SLOW_STATUS,   /* serverStatus itself was slow */
    SB_EVENT_FLOW_CONTROL,
    SB_EVENT_REFUSED,       /* connections refused: too many */
    SB_EVENT_AUTH_FAILED,
    SB_EVENT_DISCONNECT,    /* operations whose client went away */
    SB_EVENT_CURSOR_TIMEOUT,
    SB_EVENT_PROFILER,
    SB_EVENT_BACKUP,
    SB_EVENT_WARNING,
    SB_EVENT_ERROR,
    SB_EVENT_STORM,         /* never of one line: made by who counts connections */
    SB_EVENT_KINDS
};

struct sb_log_event {
    enum sb_log_event_kind kind;
    struct sb_span text;    /* the server's message */
    struct sb_span detail[3]; /* what it is about (namespace, index, state, ...); absent where there is less */
};

/* False when the line is no event. The spans point where the line's do. */
bool sb_log_event(const struct sb_log_line *line, struct sb_log_event *event);

/* "index_build", "election", ... */
const char *sb_log_event_name(enum sb_log_event_kind kind);

/* Connections: what a line says about them. */
enum sb_connection_note { SB_CONNECTION_NONE, SB_CONNECTION_OPENED, SB_CONNECTION_CLOSED, SB_CONNECTION_CLIENT };

/* What the line says; *open is the number of connections it gives (SB_ABSENT: none), *remote the address with its port,
 * *app the application of a client's metadata. */
enum sb_connection_note sb_log_connection(const struct sb_log_line *line, int64_t *open, struct sb_span *remote,
                                          struct sb_span *app);

#endif
