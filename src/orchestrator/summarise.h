/* SPDX-License-Identifier: Apache-2.0
 *
 * summarise.h - the evidence of a card in other words, by a command of the operator's (a language model, say).
 *
 * The config's line `hook summarise [within DURATION] COMMAND ...` names it. When a card was proposed or edited it gets one line of
 * JSON on its standard input, {"ask":"summarise","card","evidence":[{"source","ns","what","value","coverage"}]}, and says one line,
 * {"summary":"..."}, within its time. What policy calls sensitive is masked in what is sent, and no credentials are in its
 * environment. What it says is shown beside the evidence, as not the specialist's, and is no part of what is approved: only when
 * every number and every name in it stands in what it was sent, and it asks nobody to do anything. Else it is not used, and the record
 * says why; the card waits for nothing of it. Two run at a time; the evidence of 16 cards waits for its turn, and the record says of a card
 * beyond those that none was made. Thread: the orchestrator's; the command runs on a worker.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_SUMMARISE_H
#define SIGNALBOX_ORCHESTRATOR_SUMMARISE_H

#include "private.h"

#define SB_HOOK_SUMMARISE "summarise"
#define SB_SUMMARY_MAX 600 /* bytes of the words that are taken */

/* Reads what the command said of the line that it was sent. *out: the words, a new string. -1 with err: they are not used, and why.
 * Any thread. */
int sb_summary_read(const struct sb_intake *in, const char *sent, const char *said, size_t len, char *const *namespaces, size_t namespaces_n, char **out, struct sb_err *err) SB_MUST_USE;

/* Has the evidence of the card summed up, where the config names a command for it. */
void sb_o_summarise(struct sb_orchestrator *o, const char *card_id);

#endif
