/* SPDX-License-Identifier: Apache-2.0
 *
 * join.h - may the owner of the ledger be joined, by who asked for a certain deployment or policy?
 *
 * Whoever names a deployment and gets another one acts on the wrong cluster; so what was said is compared with what the owner
 * watches before anything is asked of it. Thread: the main thread's.
 */
#ifndef SIGNALBOX_CLI_JOIN_H
#define SIGNALBOX_CLI_JOIN_H

#include <signalbox/bus/queue.h>
#include <signalbox/cli/link.h>

/* What was asked for; NULL (environment: below 0): not said. */
struct sb_join_wish {
    const char *deployment;
    const char *uri, *uri_from; /* the connection string, and where it comes from */
    int environment;            /* enum sb_environment */
    const char *policy_text, *policy_path;
    size_t policy_len;
};

/* Asks the owner behind the link. 0: it is what was asked for. SB_EUSAGE: it watches something else, and what. The same
 * deployment is one that has a host in common with ours (both of us are on this machine, so that a host is the same to both),
 * and, where it was asked for by its name, that name. sb_mongo_init must have been called. */
int sb_join_check(struct sb_link *l, struct sb_queue *news, const struct sb_join_wish *wish, struct sb_err *err);

#endif
