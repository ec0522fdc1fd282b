/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents.h - from the samples and log lines of the members of one replica set to incidents.
 *
 * Streaming and without look-ahead: samples and lines come in the order of their times, from files or from live servers, and
 * what is said at a moment rests on what came before. Every reading of every member (telemetry/vitals.h) has its usual level
 * and spread (telemetry/baseline.h, the last two minutes of undisturbed values, kept apart for a member as primary and as
 * secondary). A reading deviates when it is far outside both for several seconds in a row; the limits and why they are what
 * they are stand in incidents_watch.c.
 *
 * Two steps: only an impact opens an incident (latency, errors, lag, operations that do not finish, connections, a member
 * that is gone); everything else that deviates joins it as a signal. One incident is open at a time: it takes in what
 * happens on all members, and closes 20 s after the last impact. While it is open nothing is learned, so that it does not
 * become usual; after half an hour it does. A reading says nothing before its 20th value.
 *
 * The class is decided by the evidence up to the end of the incident (incidents_cause.c). Memory: about 160 KB a member,
 * 50 KB of who sits at which connection, 1,024 kinds of logged operations, 256 applications, 512 calls of services, 256 events, SB_INCIDENTS_MAX incidents. Thread: one owner; no I/O.
 */
#ifndef SIGNALBOX_AGENTS_INCIDENTS_H
#define SIGNALBOX_AGENTS_INCIDENTS_H

#include <signalbox/agents/incident.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/formats/otlp.h>
#include <signalbox/telemetry/vitals.h>

#define SB_INCIDENTS_MAX 10000

struct sb_incidents;

struct sb_incidents *sb_incidents_new(struct sb_err *err);
void sb_incidents_free(struct sb_incidents *in);

/* It watches day and night: a worse latency opens nothing while all that is asked for waits but little longer for it, as when a
 * nightly job adds a few slow reads to many quick ones. Of a recording that is looked at once everything is told. */
void sb_incidents_watch_live(struct sb_incidents *in);

/* A member that samples and lines will be of, by the name it is reported with: its number, or -1 out of memory. */
int sb_incidents_member(struct sb_incidents *in, const char *name, struct sb_err *err);

/* What the set calls the member at a place of its status ("host:port"): for members that no data came of. */
int sb_incidents_peer(struct sb_incidents *in, size_t place, const char *host, struct sb_err *err);

/* All: 0, or -1 out of memory. */
int sb_incidents_sample(struct sb_incidents *in, int member, const struct sb_vitals *v, struct sb_err *err);

/* op is NULL unless the line is of a slow operation. */
int sb_incidents_log(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op, struct sb_err *err);

/* A transaction that is open and idle, as a look at the server's sessions told it at a moment. Nothing is said of it by itself: it is
 * whose name is told when the metrics show that transactions are left open. Strings are copied. */
struct sb_open_transaction {
    const char *app, *client; /* "" not known */
    int64_t open_ms, idle_ms;
};
void sb_incidents_transaction(struct sb_incidents *in, int member, const struct sb_open_transaction *t, int64_t at_ms);

/* A span of a client: what is no call to MongoDB is passed over. It counts from its end on. */
int sb_incidents_span(struct sb_incidents *in, const struct sb_otlp_span *span, struct sb_err *err);

/* Samples are missing from here on because their bytes are damaged, or no more of them are kept: that nothing comes for a
 * while says nothing of the member. A member of which nothing comes otherwise, while samples of others do, stands still. */
void sb_incidents_hole(struct sb_incidents *in, int member);

/* Nothing came until then, for members that are known by their logs alone; and where there are none, what is seen more closely is looked at. */
int sb_incidents_pass(struct sb_incidents *in, int64_t now_ms, struct sb_err *err);

/* The incident that goes on, as far as it is known now, once when it opened: 1, and the caller releases it; 0 there is none
 * that was not told; -1 out of memory. */
int sb_incidents_opened(struct sb_incidents *in, struct sb_incident *out, struct sb_err *err);
/* What somebody sees of the same thing who looks more closely: at single collections, at who answers, at what was altered. It counts
 * in the verdict beside the readings of whole members. Zeroed, with latency and rate 1 and examined NAN, it says nothing. */
struct sb_closer {
    int64_t since_ms;        /* an impact is seen since then: it opens an incident, and holds it open as the readings' own do; 0 none (any more) */
    double latency, rate;    /* the largest growth of a collection's mean latency, and of its operations; 1 none */
    double examined;         /* growth of the documents examined per read; NAN not known */
    bool lag;                /* a member does not keep up */
    size_t slow, known;      /* collections that slowed, of those with a usual level */
    char altered[200];       /* what was altered in the database just before; "" nothing that is known */
    char rollback[128], silent[128]; /* the member that takes back writes, that does not answer; "" none */
    double silent_s, headless_s;     /* for how long; headless_s 0: some member is primary */
    bool moved;              /* another member became primary */
    char idle[128];          /* the member that answers and serves nobody; "" none */
    char alone[128];         /* the member whose operations take longer while those of all others of its set, which are known, do not; "" none */
};

/* While an incident is open the largest of what was told counts. */
void sb_incidents_closer(struct sb_incidents *in, const struct sb_closer *seen);

/* The class by that alone, where no readings of the members come: enum sb_anomaly_class. 0, or -1 out of memory. */
int sb_incidents_judge_closer(const struct sb_closer *seen, int *class_, double *confidence, char **reason) SB_MUST_USE;

struct sb_incidents_now {
    bool open;
    bool hurt; /* by an impact among its own readings, at the last sample */
    int64_t from_ms, detected_ms;
};
struct sb_incidents_now sb_incidents_now(const struct sb_incidents *in);

/* The open one as far as it is known, without an end; the caller releases it. 0, or -1 out of memory. There must be an open one. */
int sb_incidents_peek(struct sb_incidents *in, struct sb_incident *out) SB_MUST_USE;

/* No more comes: what is open is given without an end. */
int sb_incidents_finish(struct sb_incidents *in, struct sb_err *err);

/* The next incident that ended, in order of their beginnings; the caller releases it. False: none yet. */
bool sb_incidents_take(struct sb_incidents *in, struct sb_incident *out);

/* What is worth a word and no incident ("member-1: its clock went back by 3600 s at ..."): NULL when there is no more. */
const char *sb_incidents_note(const struct sb_incidents *in, size_t i);

#endif
