/* SPDX-License-Identifier: Apache-2.0
 *
 * rephrase.h - a request that was not understood, put in other words by a command of the operator's (a language model, say).
 *
 * The config's line `hook rephrase [within DURATION] COMMAND ...` names it. It gets one line of JSON on its standard input,
 * {"ask":"rephrase","request","unclear","intents":[]}, and says one line, {"request":"..."}, within its time; nothing of the
 * database is sent to it, and no credentials are in its environment. What it says is a request like one typed by whoever asked,
 * held to more: it must be read with confidence as something that has a route, must wish for nothing that words do not grant, and may name no
 * collection, field, key, index or number that the request itself does not name. Else the request is refused as it would have
 * been. The answer and the record say that the words are not the asker's. Thread: the orchestrator's; the command runs on a worker.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_REPHRASE_H
#define SIGNALBOX_ORCHESTRATOR_REPHRASE_H

#include "private.h"

#define SB_HOOK_REPHRASE "rephrase"
#define SB_REPHRASED_MAX 400 /* bytes of the words that are taken */

/* Reads what the command said, for a request; out is overwritten, and its `warning` says whose words they are. -1 with err: it is
 * not used, and why. Any thread. */
int sb_rephrased_read(const struct sb_intake *in, const char *request, const char *said, size_t len, char *const *namespaces, size_t namespaces_n, struct sb_reading_of *out, struct sb_err *err) SB_MUST_USE;

/* Whether the case's request may be put in other words: it was not understood, or is not clear, and there is a command for it. */
bool sb_o_may_rephrase(const struct sb_orchestrator *o, const struct held_case *c);
/* Has it done: sb_o_rephrased comes by mail. */
int sb_o_rephrase(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err);
/* request.c's: goes on with the case. fresh: the new reading; NULL: there is none, and the first one stands. */
void sb_o_rephrased(struct sb_orchestrator *o, struct held_case *c, const struct sb_reading_of *fresh);

#endif
