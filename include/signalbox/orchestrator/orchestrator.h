/* SPDX-License-Identifier: Apache-2.0
 *
 * orchestrator.h - the super-agent: one thread that owns the ledger, the policy and every card's state.
 *
 * Screens talk to it in messages (model/message.h): sb_orchestrator_ask from any thread, news through the queue that the
 * seat was opened with. It takes requests and anomalies, asks policy, hands over to specialists, records, executes and
 * watches; what may block runs on workers and comes back as mail. It never waits: not for a server, not for a screen.
 * Nothing is done before its entry is durable; when the ledger cannot be written nothing is done, and the screens say so.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_ORCHESTRATOR_H
#define SIGNALBOX_ORCHESTRATOR_ORCHESTRATOR_H

#include <signalbox/base/clock.h>
#include <signalbox/bus/queue.h>
#include <signalbox/model/message.h>
#include <signalbox/mongo/server.h>
#include <signalbox/orchestrator/criticality.h>
#include <signalbox/orchestrator/hooks.h>
#include <signalbox/orchestrator/retention.h>
#include <signalbox/orchestrator/schedule.h>
#include <signalbox/policy/verifier.h>

struct sb_orchestrator;
struct sb_drill_known;

/* Where the ownership of the deployment is decided: the operators' shared store (shared/tenure.h). */
struct sb_owning_options {
    const char *uri, *database;
    int64_t lease_ms;
    bool leaves; /* where somebody else owns the deployment this process asks itself to end (SIGTERM): one of a fleet */
};

struct sb_orchestrator_options {
    const char *state_dir;        /* the ledger's folder; copied, as are all texts */
    const char *witness;          /* where a copy of the ledger's newest checkpoint is kept; NULL: nowhere */
    struct sb_origin *origin;     /* must outlive the orchestrator, whose thread it belongs to from the start */
    const struct sb_server *server; /* must outlive it */
    const char *executor_uri;     /* NULL: the server's own connection string */
    const char *deployment;       /* its name */
    int environment;
    const char *policy_text;      /* a bundle */
    size_t policy_len;
    const char *policy_path;      /* its name in messages */
    const char *policy_signature; /* of the file beside it; NULL: none */
    size_t policy_signature_len;
    bool policy_built_in;         /* came with the program */
    const struct sb_policy_verifier *verifier; /* must outlive it; NULL: no signature is asked for */
    const struct sb_policy_verifier *approvers; /* must outlive it; with it every approval has to be signed; NULL: none is */
    const char *shadow_text;      /* a bundle that is asked too and never decides; NULL: none */
    size_t shadow_len;
    const char *shadow_path;
    const char *waivers_path;     /* a file that is read each time a card is asked about; NULL: none */
    const char *intents_text;
    const char *intents_path; /* what messages call it; NULL: intents.data */
    size_t intents_len;
    const char *routes_text;      /* the built-in ones (routes.data) */
    size_t routes_len;
    const char *own_routes_text, *own_routes_path; /* that come before them; NULL: none */
    size_t own_routes_len;
    int64_t sample_ms;            /* 0: one second, less on a fast simulator */
    int64_t approve_within_s, execute_within_s; /* 0: four and eight hours */
    int64_t altered_every_ms;     /* between two looks at what others altered; 0: a minute */
    bool recurring;               /* this owner runs what recurs; not when the server is read-only */
    const struct sb_schedule *schedules; /* must outlive it; names differ */
    size_t schedules_n;
    char *const *backups;         /* paths where the deployment's backups lie; must outlive it */
    size_t backups_n;
    const char *backup_key_file;  /* the key of those that are sealed; NULL: none is named */
    const struct sb_criticality *criticality; /* of collections; must outlive it */
    size_t criticality_n;
    const struct sb_retention *retentions; /* the same */
    size_t retentions_n;
    const struct sb_event_hook *hooks; /* must outlive it */
    size_t hooks_n;
    const char *drill_uri_file;   /* of the throw-away deployment that drills restore into; NULL: none is named */
    const char *what_if_uri_file; /* of the deployment on which indexes are tried out where policy denies it here; NULL: none is named */
    int what_if_environment;      /* enum sb_environment: what that one is to policy */
    const char *drill_start;      /* a program that starts one for each drill (drill_target.h); NULL: none. It comes first */
    const char *drill_restorer;   /* a program that restores in drills, in our place (drill.h); NULL: none */
    const struct sb_drill_known *known; /* every deployment of the config; must outlive it; NULL: none */
    bool socket;                  /* listen on state_dir/socket for other consoles */
    const struct sb_owning_options *owning; /* its texts are copied; NULL: there is no store, and whoever has the ledger owns */
    const char *group;            /* of the system: its members may join as well as this user; NULL: nobody else */
};

/* Opens the ledger and starts the thread. -1 when the ledger is owned by another (SB_ELEDGER, the message names its pid),
 * or policy or intents are wrong (with a policy that was in force before, that one goes on, and the screens say so). An unreachable server is not an error: it is tried again, and the screens say so. */
struct sb_orchestrator *sb_orchestrator_start(const struct sb_orchestrator_options *o, struct sb_err *err);

/* A seat: where one screen's news go, as mail whose kind is the message's type. `news` must outlive the orchestrator; a
 * screen that has gone closes its queue, and what is posted later is freed. Returns the seat's number, 0 out of memory. */
int64_t sb_orchestrator_sit(struct sb_orchestrator *o, struct sb_queue *news);

/* Any thread: asks something from a seat. Takes the message. The first ask is HELLO, the last BYE. False: it did not get there
 * (no memory, or the orchestrator has ended), and nobody will answer it. */
bool sb_orchestrator_ask(struct sb_orchestrator *o, int64_t seat, struct sb_message *m);

/* Any thread: a card is being carried out, or taken back, right now. */
bool sb_orchestrator_busy(struct sb_orchestrator *o);

/* Ends at the next safe point: a running command is left to the server and found again at the next start. Waits at most
 * grace_ms for what hangs in the driver. False: something does; the process may not free the server, and ends by _exit. */
bool sb_orchestrator_stop(struct sb_orchestrator *o, const char *reason, int grace_ms);

#endif
