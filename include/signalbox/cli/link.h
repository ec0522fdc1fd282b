/* SPDX-License-Identifier: Apache-2.0
 *
 * link.h - the client's end of the socket on which the owner of a ledger listens: messages as lines of JSON.
 */
#ifndef SIGNALBOX_CLI_LINK_H
#define SIGNALBOX_CLI_LINK_H

#include <signalbox/bus/queue.h>
#include <signalbox/model/message.h>

struct sb_link;

/* Connects to state_dir/socket; news are posted to `news` by a thread of the link's own. NULL: nobody listens there. */
struct sb_link *sb_link_open(const char *state_dir, struct sb_queue *news, struct sb_err *err);

/* No ledger, or nobody who owns it, was found in state_dir, as err says: where a supervisor keeps ledgers below it, adds where they are. */
void sb_link_elsewhere(const char *state_dir, struct sb_err *err);

/* Any thread. Takes m. False: the other side has gone. */
bool sb_link_ask(struct sb_link *l, struct sb_message *m);

/* Whose process listens there, by what the kernel says; 0: that cannot be told. */
pid_t sb_link_owner(const struct sb_link *l);

void sb_link_close(struct sb_link *l); /* NULL is fine */

#endif
