/* SPDX-License-Identifier: Apache-2.0
 *
 * write_door.h - the one way to change something on a server: it wants a permit.
 *
 * The door refuses a command whose SHA-256 is not the permit's, a permit that was used, one of another deployment, a
 * read-only server, and a command that is not on its short list. killOp goes to the member that its "$member" names, which
 * is not sent; all others go to the primary. The door opens a connection of its own (the executor's login)
 * and closes it before it returns: nothing can write between RESULT and the next INTENT. createIndexes gets no socket
 * time-out, because a client's time-out says nothing about the build; for the others it is 15 s, and their maxTimeMS is
 * part of the card's command: the door sends what was approved and adds nothing. One command is no server's: a delete with "$copyTo"
 * or "$sameIn" is carried out as one transaction (find, insert, find, delete), in which only what another collection holds, the same,
 * is deleted; its reply tells how many went and were left, and the SHA-256 of those that went. Thread: any worker; blocks as long as
 * the command takes.
 */
#ifndef SIGNALBOX_MONGO_WRITE_DOOR_H
#define SIGNALBOX_MONGO_WRITE_DOOR_H

#include <signalbox/model/permit.h>
#include <signalbox/mongo/server.h>

enum sb_outcome {
    SB_OUTCOME_OK,      /* the server said so */
    SB_OUTCOME_FAILED,  /* the server refused, or nothing was ever sent: it did not happen */
    SB_OUTCOME_UNKNOWN, /* sent, and no answer: probe before anything else */
};

struct sb_write_result {
    enum sb_outcome outcome;
    int64_t code;       /* server error code; 0 none; -1: not the server's, and it is not worth trying again */
    char *reply;        /* relaxed Extended JSON, at most 4 KiB; NULL when there was none */
    char message[512];  /* why, where it is not ok */
    int64_t millis;
};

/* command: canonical Extended JSON in sending order, with "$db". deployment_id: what the connection really is. */
void sb_write(const struct sb_server *s, const char *executor_uri, const char *deployment_id, struct sb_permit *permit,
              const char *command, struct sb_write_result *out);
void sb_write_result_release(struct sb_write_result *r);

/* 0 when the door would let this command through with a fitting permit. */
int sb_write_allowed(const char *command, struct sb_err *err);

#endif
