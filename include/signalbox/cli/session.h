/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h - what every command needs that talks to the orchestrator: an own one, or a link to the one that owns the
 * ledger already.
 *
 * A session has one seat: asks go through sb_session_ask from the main thread, news come in `news` as mail whose kind is
 * the message's type and whose payload is a struct sb_message. Thread: the main thread's.
 */
#ifndef SIGNALBOX_CLI_SESSION_H
#define SIGNALBOX_CLI_SESSION_H

#include <signalbox/base/clock.h>
#include <signalbox/bus/queue.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/screen.h>
#include <signalbox/model/message.h>

struct sb_session;

/* A simulator to be started for the session. */
struct sb_simulation {
    const char *scenario; /* built-in name or path; NULL: slow-orders */
    const char *version;  /* of the simulated server; NULL: 5.0 */
    int64_t seed;
    int64_t speed;
    bool seeded;          /* clock, ids and nonces of this program come from the seed as well */
};

struct sb_session_options {
    const char *deployment;   /* name in the config; NULL: the only one, or SIGNALBOX_URI */
    const char *uri_file;
    bool read_only;
    const char *policy;       /* a bundle's name or path; NULL: the config's, else default */
    const struct sb_simulation *simulation; /* NULL: a real deployment */
    bool attach;              /* join the owner of the ledger when there is one */
    int64_t sample_ms;
    bool of_fleet;            /* where another ledger owns the deployment by the shared store, the process asks itself to end */
    bool recurring;           /* as the owner, run the schedules of the deployment: one that stays, not one that asks and goes */
};

/* Starts or joins, and waits until it is there. The config's problems are written to stderr. NULL with err. */
struct sb_session *sb_session_open(const struct sb_session_options *o, struct sb_err *err);

/* The same without waiting: what is quick is done, the rest goes on in the background, so that a screen can be shown at once.
 * Asks are kept until somebody can take them. When it fails later the process gets SIGTERM and sb_session_failure is true.
 * What `o` points at must outlive the session. */
struct sb_session *sb_session_begin(const struct sb_session_options *o, struct sb_err *err);
bool sb_session_failure(struct sb_session *s, struct sb_err *err);

/* The state folder. */
const char *sb_session_state_dir(const struct sb_session *s);

struct sb_queue *sb_session_news(struct sb_session *s);

/* Takes m. */
void sb_session_ask(void *session, struct sb_message *m);

/* Looks for what is wrong here, as `signalbox doctor` does, beside the screen; SB_NEWS_DOCTOR tells it. One at a time. */
void sb_session_doctor(void *session, const struct sb_screen_size *terminal);

/* "demo (simulated)", "shop (127.0.0.1:27017)": what is being connected to. */
const char *sb_session_target(const struct sb_session *s);
bool sb_session_owns(const struct sb_session *s);

/* True while a card is being carried out or taken back by this process. */
bool sb_session_busy(struct sb_session *s);

/* Whose clock is shown: the machine's, or a seeded one. */
const struct sb_origin *sb_session_origin(const struct sb_session *s);

/* The config as it was read. */
const struct sb_config *sb_session_config(const struct sb_session *s);

/* What was passed over in it, a line each, for a screen to show: standard error is behind it. NULL: nothing. */
const char *sb_session_config_problems(const struct sb_session *s);

/* What is left to be said when the ledger is closed: called once by sb_session_close, also where that does not come back. It is given
 * the status and answers with the one that the process is to end with. */
void sb_session_last_word(struct sb_session *s, int (*word)(void *ctx, int status), void *ctx);

/* Ends the session. Does not come back when something hangs in the driver: the ledger is closed then, and the process ends
 * with this status. */
void sb_session_close(struct sb_session *s, const char *reason, int status);

/* For an owner: waits until the deployment has answered once, at most timeout_ms. What else comes meanwhile is dropped. */
void sb_session_connected(struct sb_session *s, int timeout_ms);

/* Waits for the next news of this kind (-1: any), at most timeout_ms. The caller frees it. Everything else is dropped. NULL:
 * nothing came, or the other side has gone. */
struct sb_message *sb_session_wait(struct sb_session *s, int type, int64_t seq, int timeout_ms);

/* sb_session_wait gave NULL: says whether the time was over or the owner has gone. -1. */
int sb_session_unanswered(const struct sb_session *s, int timeout_ms, struct sb_err *err);

/* Waits for the answer to what was asked with this number, SB_ANSWER_MS at most, and prints it, or complains of it. Returns the exit
 * status that it has; -1 when none came. */
#define SB_ANSWER_MS 30000
int sb_session_told(struct sb_session *s, int64_t seq, bool json, struct sb_err *err);

/* A bundle by name ("default") or path. Appends its text; *path names it in messages. */
int sb_policy_text_of(const char *name, struct sb_str *text, const char **path, struct sb_err *err);

#endif
