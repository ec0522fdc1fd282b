/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.h (private) - what the files of `signalbox digest` share.
 *
 * One part per file, scanned by a worker that owns it; the parts are merged in the order of the command line, so that the
 * answer does not depend on which worker was faster. Advice is made from the merged workload alone.
 */
#ifndef SB_CLI_DIGEST_H
#define SB_CLI_DIGEST_H

#include <signalbox/agents/log_advice.h>
#include <signalbox/base/json.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/infile.h>
#include <signalbox/formats/logevent.h>
#include <signalbox/telemetry/workload.h>

#include <stdatomic.h>

#define SB_DIGEST_MAX_EVENTS 2000 /* of each rank: what the catalogue knows, other errors, other warnings */
#define SB_DIGEST_RANKS 3
#define SB_DIGEST_MAX_CLIENTS 1024
#define SB_DIGEST_MAX_STORMS 256

/* Equal events are one, with a count. */
struct sb_digest_event {
    int64_t at_ms, until_ms; /* the first and the last one */
    enum sb_log_event_kind kind;
    int64_t id;
    char severity[4];
    char *message;
    uint64_t count;
    uint64_t hash;
};

struct sb_digest_events {
    struct sb_digest_event *items;
    size_t n, cap, of_rank[SB_DIGEST_RANKS];
    uint32_t index[2 * SB_DIGEST_RANKS * SB_DIGEST_MAX_EVENTS]; /* 0: free; else index + 1 */
    uint64_t left_out;
};

#define SB_DIGEST_BURST_S 10

/* A stretch of time in each ten seconds of which many connections were opened. */
struct sb_digest_burst {
    int64_t from_s, until_s; /* seconds since 1970, the last one not in it */
    uint64_t opened, most;   /* in all, and in any ten seconds */
};

struct sb_digest_connections {
    uint64_t opened, closed;
    int64_t peak; /* SB_ABSENT: never said */
    struct sb_shares clients;
    int64_t second;                     /* the newest one in which a connection was opened */
    uint64_t recent[SB_DIGEST_BURST_S]; /* opened in this and the seconds before it, by second modulo ten */
    struct sb_digest_burst now;         /* opened 0: there is none */
    struct sb_digest_burst bursts[SB_DIGEST_MAX_STORMS];
    size_t bursts_n;
};

struct sb_digest_range {
    int64_t since_ms, until_ms; /* [since, until) */
};

/* What one file gave. */
struct sb_digest_part {
    char *path;
    struct sb_digest_range range;
    enum sb_infile_kind kind;
    bool opened;
    uint64_t lines, bytes, bad_lines, first_bad; /* first_bad: number of the line, from 1 */
    const char *first_bad_what;
    char *damage; /* of diagnostic data: the first place that is damaged or torn off, as a sentence */
    int64_t from_ms, to_ms; /* SB_NO_TIME: no line had a time */
    char version[32];
    uint64_t samples, metrics; /* of diagnostic data; metrics at the widest */
    struct sb_workload *work;
    struct sb_digest_events events;
    struct sb_digest_connections connections;
    struct sb_err error; /* why it could not be read to its end */
    _Atomic int permille; /* for the progress bar */
    _Atomic bool scanned; /* the worker is done with it */
};

struct sb_digest {
    struct sb_digest_part **parts; /* their workload and events are gone: merged into these */
    size_t parts_n;
    struct sb_workload *work;
    struct sb_digest_events events;
    struct sb_digest_connections connections;
    int64_t span_ms; /* of time that was looked at; 0 not known */
    bool advised;    /* advice was asked for */
    struct sb_log_advice *advice;
    size_t advice_n;
};

/* ---- scanning: digest_scan.c ---- */

struct sb_digest_part *sb_digest_part_new(const char *path, struct sb_digest_range range, struct sb_err *err);
void sb_digest_part_free(struct sb_digest_part *part);

/* Reads the whole file. What stops it is in part->error. */
void sb_digest_scan(struct sb_digest_part *part);

/* ---- events and connections: digest_events.c ---- */

int sb_digest_event_add(struct sb_digest_events *events, const struct sb_log_line *line, const struct sb_log_event *event);
int sb_digest_events_merge(struct sb_digest_events *into, const struct sb_digest_events *from);
void sb_digest_events_release(struct sb_digest_events *events);
int sb_digest_connection_add(struct sb_digest_connections *c, const struct sb_log_line *line);
int sb_digest_connections_merge(struct sb_digest_connections *into, struct sb_digest_connections *from);
void sb_digest_connections_release(struct sb_digest_connections *c);

/* Turns the bursts that stand out into events; span_ms is the time that was looked at. Sorts the events by time. */
int sb_digest_events_finish(struct sb_digest *d, int64_t span_ms);

/* ---- reporting: digest_json.c, digest_table.c ---- */

int sb_digest_json(const struct sb_digest *d, struct sb_err *err);
int sb_digest_table(const struct sb_digest *d, struct sb_err *err);

/* digest_advice.c. NULL, or -1: out of memory. */
json_t *sb_digest_advice_json(const struct sb_digest *d);
int sb_digest_advice_text(const struct sb_digest *d, struct sb_str *out);

/* The plan that most operations had; "" where none is known. */
const char *sb_digest_plan(const struct sb_work *work);

#endif
