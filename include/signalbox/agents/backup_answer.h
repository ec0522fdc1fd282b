/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_answer.h - "are our backups good?": what lies at the places where a deployment's backups are kept, in a sentence or two.
 *
 * Looked at is level 1 only (metadata, and whether the files agree with them): reading every byte of every backup is for who
 * asks for it in so many words. Thread: one owner; blocks for as long as the files' system does.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_ANSWER_H
#define SIGNALBOX_AGENTS_BACKUP_ANSWER_H

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/agents/backup_rto.h>
#include <signalbox/model/card.h>

#define SB_BACKUP_EVIDENCE 20 /* backups that become a fact each; the others are counted in one */

struct sb_backup_question {
    const char *deployment;
    const char *place;    /* "shop", "shop.orders": what has to be in it; NULL: anything */
    char *const *paths;   /* may be none */
    size_t paths_n;
    const char *key_file; /* of what is sealed; NULL: none is named */
    size_t shards;        /* of the deployment; 0: it is no cluster */
    int64_t now;          /* wall */
    int64_t taken_at;     /* deployment time, of the evidence */
    bool plan;            /* asked for are the steps of a recovery, as a card that asks for nothing too */
    int64_t until;        /* to this moment (wall); 0: as late as can be */
    const char *card_id, *case_id, *deployment_id, *requested_by; /* of that card */
    int environment;
    bool simulated;
    const struct sb_rto_drill *drills; /* whose time these tell */
    size_t drills_n;
};

struct sb_backup_said {
    bool good;  /* there is one that can be used, and nothing is known to speak against its holding the place */
    char *text; /* at most 480 bytes when it is not good */
    struct sb_evidence *evidence; /* a fact a backup, and one a path that could not be looked at (blind) */
    size_t evidence_n;
    struct sb_card card; /* the plan, by hand; id NULL: none was asked for, or there is nothing to restore */
};

/* Reads and answers. -1 only when memory ran out: what cannot be read is said in the answer. */
int sb_backup_answer(const struct sb_backup_question *q, struct sb_backup_said *out, struct sb_err *err);
void sb_backup_said_release(struct sb_backup_said *said);

#endif
