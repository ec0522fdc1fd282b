/* SPDX-License-Identifier: Apache-2.0
 *
 * mongolog.h - one line of mongod's or mongos's structured log (JSON since 4.4) at a time, in place.
 *
 *   {"t":{"$date":"..."},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query","attr":{...},...}
 *
 * A line is good (all of it was understood), cut (it begins like a log line and ends too early, as the server's getLog
 * does at 1024 characters: what stands before the cut is filled in, nothing is invented) or bad (anything else: text of
 * before 4.4, other JSON, garbage, a NUL byte). Slow operations are told by their id, 51803, and where there is no id by
 * their message. The spans of a line point into it or, where JSON escapes had to be undone, into the reader, until the
 * reader's next line. Memory does not grow with the input beyond its longest line. Thread: one owner a reader.
 */
#ifndef SIGNALBOX_FORMATS_MONGOLOG_H
#define SIGNALBOX_FORMATS_MONGOLOG_H

#include <signalbox/formats/jsontext.h>
#include <signalbox/formats/slowop.h>

#define SB_MONGOLOG_SLOW 51803

enum sb_log_status { SB_LOG_GOOD, SB_LOG_CUT, SB_LOG_BAD, SB_LOG_NOMEM };

struct sb_log_line {
    int64_t at_ms;           /* SB_NO_TIME only on a bad line */
    int64_t id;              /* SB_ABSENT where there is none */
    struct sb_span severity; /* "F" "E" "W" "I" "D1".. */
    struct sb_span component, ctx, msg, service;
    struct sb_span attr;     /* the object's text, for sb_jt_find; absent when a cut took its end */
    bool slow;               /* `op` was filled in */
};

/* Strings whose escapes were undone, of one line or document of `room` bytes: they cannot become longer together. */
struct sb_scratch {
    char *p;
    size_t n, cap, room;
};

struct sb_mongolog {
    struct sb_scratch scratch;
    char minute[16];   /* the last line's date up to its minute, */
    char offset[8];    /* and its zone offset: most lines share them, */
    size_t offset_n;
    int64_t minute_ms; /* so that they are read once */
};

void sb_mongolog_init(struct sb_mongolog *m);
void sb_mongolog_release(struct sb_mongolog *m);

/* Reads one line of n bytes (without its newline; a CR before that is fine). `op` is filled in when line->slow. NOMEM: an
 * escaped string could not be undone, and nothing of the line is to be used. */
enum sb_log_status sb_mongolog_line(struct sb_mongolog *m, const char *p, size_t n, struct sb_log_line *line,
                                    struct sb_slow_op *op);

/* Reads a slow operation from the object at the cursor: `attr` of a log line, or a document of system.profile as JSON
 * (where duration, size, yields, time and client have names of their own). False where the object ends early or is wrong
 * (j->state), with what was seen until then filled in; *nomem is set when memory ran out. */
bool sb_slow_op_read_json(struct sb_jt *j, struct sb_scratch *scratch, struct sb_slow_op *op, bool *nomem);

/* Begins a line of `room` bytes: what was undone before is no longer valid. */
void sb_scratch_begin(struct sb_scratch *scratch, size_t room);
void sb_scratch_release(struct sb_scratch *scratch);

/* Undoes the escapes of raw: false out of memory. */
bool sb_scratch_unescape(struct sb_scratch *scratch, struct sb_span raw, struct sb_span *out);

#endif
