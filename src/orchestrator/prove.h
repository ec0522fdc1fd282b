/* SPDX-License-Identifier: Apache-2.0
 *
 * prove.h (private) - a request in plain language that is about a card: "prove C-000012", "rehearse C-000013". */
#ifndef SIGNALBOX_SRC_ORCHESTRATOR_PROVE_H
#define SIGNALBOX_SRC_ORCHESTRATOR_PROVE_H

#include "private.h"

/* True: the text asks to try a card's index or change out, which is done as from a key or `cards what-if`, and answered. */
bool sb_o_prove(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *text);

#endif
