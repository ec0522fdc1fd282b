/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.h - commands of the operator's that are told what happens: a pager, a chat, a ticket system.
 *
 * A line of the config names an event and a command:
 *
 *   hook EVENT [within DURATION] COMMAND [ARGUMENT...]
 *   hook EVENT [within DURATION] shell "LINE"
 *
 * EVENT is `before.step`, or a kind of entry of the ledger (`request`, `approval`, `watch`, ...), or what a card has become
 * (`state.failed`), or `anomaly.began` and `anomaly.over`. The command gets one JSON object on its standard input, runs in a
 * process group of its own without the environment's credentials, and is killed when its time is over (10 s, or `within`, at
 * most 5 min). No shell is in between unless the line says so. One that fails is tried twice more, later each time; each try
 * is on the record. `before.step` is asked before a step of a plan is sent, and what does not end with 0 keeps the step from being
 * sent: it is asked again, later each time. `rephrase` is asked to put a request in other words that was not understood: one line
 * of JSON is its answer, held to much (rephrase.h), and it is tried once; so is `summarise` with the evidence of a card (summarise.h). Stopping, aborting and rolling back are never held up. What waited to be told when
 * the program ended is not told later. Thread: constant once read.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_HOOKS_H
#define SIGNALBOX_ORCHESTRATOR_HOOKS_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_HOOKS_MAX 40
#define SB_HOOK_BEFORE_STEP "before.step"

struct sb_event_hook {
    char *event;
    char **argv; /* NULL behind the last */
    size_t argv_n;
    bool shell; /* the last one is a line for the shell */
    int64_t within_ms;
};

/* Reads the words behind "hook". -1 with err in words, and nothing to release. */
int sb_event_hook_read(struct sb_event_hook *h, const char *const *word, size_t n, struct sb_err *err);
void sb_event_hook_release(struct sb_event_hook *h);

/* Whether this holds up steps: such a line guards safety. */
bool sb_event_hook_guards(const char *event);

#endif
