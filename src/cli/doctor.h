/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor.h - looking for what is wrong here, for the command and for the console's page. Private to its files.
 *
 * Thread: any, one at a time for a struct doctor; nothing here touches the terminal, which belongs to whoever owns it. It waits for the
 * ledger's disk and for servers, so a console has it done by a worker. */
#ifndef SIGNALBOX_CLI_DOCTOR_H
#define SIGNALBOX_CLI_DOCTOR_H

#include <signalbox/base/error.h>
#include <signalbox/cli/screen.h>
#include <signalbox/cli/target.h>
#include <signalbox/model/doctor.h>

struct doctor {
    struct sb_doctor found;
    bool nomem, stopped;
    bool (*told)(void *ctx, const struct sb_doctor *so_far); /* of each step; false: nobody waits for the rest. NULL: nobody is told */
    void *ctx;
};

/* mend: "" nothing. */
void sb_found(struct doctor *d, enum sb_found found, const char *area, const char *mend, const char *fmt, ...) SB_PRINTF(5, 6);
void sb_doctor_release(struct doctor *d);
void sb_doctor_print(const struct sb_doctor *found); /* on standard output, a line each and its mend */

/* The next step, and what it is about; within a step only what it is about. False: the rest is not to be done. */
bool sb_doctor_step(struct doctor *d, const char *doing);
bool sb_doctor_doing(struct doctor *d, const char *fmt, ...) SB_PRINTF(2, 3);

struct doctor_asked {
    const char *deployment, *uri_file; /* as said on the command line; NULL: not said */
    const struct sb_target *target;    /* what is connected to, where that is settled already; NULL: it is found by the config */
    const char *unknown;               /* why that cannot be found by it; NULL: it can */
    const struct sb_screen_size *terminal; /* of the one that a console has; NULL: it is nobody's, and looked at */
};

/* Looks at everything. The driver has begun. What is wrong is what was asked for: -1 only when it cannot be told at all, or when the
 * deployment that was named is none. */
int sb_doctor_look(struct doctor *d, const struct doctor_asked *asked, struct sb_err *err);

/* doctor_host.c: terminal, locale, libraries, clock. */
void sb_doctor_host(struct doctor *d, const struct sb_screen_size *terminal);

/* doctor_state.c: the config and the files it names, the state folder, the ledger, the policy. */
void sb_doctor_config(struct doctor *d, const struct sb_config *c, const char *problems);
void sb_doctor_state(struct doctor *d, const struct sb_config *c);
void sb_doctor_policy(struct doctor *d, const struct sb_config *c);

/* doctor_store.c: the shared store, and this ledger's copy in it. */
void sb_doctor_store(struct doctor *d, const struct sb_config *c, const char *state_dir);

/* doctor_backup.c: the places where backups lie, and what a drill needs. */
void sb_doctor_backups(struct doctor *d, const struct sb_config *c);

/* doctor_server.c: can it be reached, what does it let this login read, and which checks stay blind. */
void sb_doctor_server(struct doctor *d, const struct sb_target *t);

#endif
