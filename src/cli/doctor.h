/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor.h - what the doctor found: one line each, with the mend. Private to its files. */
#ifndef SIGNALBOX_CLI_DOCTOR_H
#define SIGNALBOX_CLI_DOCTOR_H

#include <signalbox/base/error.h>
#include <signalbox/cli/target.h>

enum found {
    FOUND_GOOD,
    FOUND_NOTE,  /* as it is, something is not known or not used; nothing is wrong */
    FOUND_WRONG,
};

struct finding {
    int found;        /* enum found */
    const char *area; /* "terminal" */
    char *what;       /* one sentence; holds text from outside */
    char *mend;       /* what to do about it; NULL: nothing */
};

struct findings {
    struct finding *list;
    size_t list_n;
    bool nomem;
};

/* mend: "" nothing. */
void sb_found(struct findings *f, enum found found, const char *area, const char *mend, const char *fmt, ...) SB_PRINTF(5, 6);
void sb_findings_release(struct findings *f);
void sb_findings_tell(const struct findings *f); /* on standard output, a line each and its mend */

/* doctor_host.c: terminal, locale, libraries, clock. */
void sb_doctor_host(struct findings *f);

/* doctor_state.c: the config and the files it names, the state folder, the ledger, the policy. */
void sb_doctor_config(struct findings *f, const struct sb_config *c, const char *problems);
void sb_doctor_state(struct findings *f, const struct sb_config *c);

/* doctor_server.c: can it be reached, what does it let this login read, and which checks stay blind. The driver has begun
 * and is ended by the caller, once in a process: it cannot begin twice. */
void sb_doctor_server(struct findings *f, const struct sb_target *t);

#endif
