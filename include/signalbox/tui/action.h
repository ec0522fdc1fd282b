/* SPDX-License-Identifier: Apache-2.0
 *
 * action.h - everything a person can do at the console, once.
 *
 * The table feeds the keymap parser, the dispatcher, the footer, the help, the palette and the key table of the README.
 * ACTION(id, name, label, contexts, flags, help): `name` is what keymap files use, `label` what the footer says (empty: not
 * in the footer), `contexts` where the action means something. The order is that of footer and help.
 */
#ifndef SIGNALBOX_TUI_ACTION_H
#define SIGNALBOX_TUI_ACTION_H

#include <signalbox/base/compiler.h>
#include <stdbool.h>

/* Where keys go. Each context but the last three falls back on its parent when a key is not bound. */
#define SB_CONTEXT_TABLE(CONTEXT)                                              \
    CONTEXT(GLOBAL, "global", NONE, "everywhere but where text is typed")      \
    CONTEXT(MAIN, "main", GLOBAL, "any of the four panes")                     \
    CONTEXT(ANOMALIES, "anomalies", MAIN, "the pane Anomalies")                \
    CONTEXT(PLANS, "plans", MAIN, "the pane Plans")                            \
    CONTEXT(APPROVALS, "approvals", MAIN, "the pane Approvals")                \
    CONTEXT(AUDIT, "audit", MAIN, "the pane Audit")                            \
    CONTEXT(PAGE, "page", GLOBAL, "any opened page")                           \
    CONTEXT(CARD, "card", PAGE, "an opened card")                              \
    CONTEXT(CASE, "case", PAGE, "an opened case")                              \
    CONTEXT(ANOMALY, "anomaly", PAGE, "an opened anomaly")                     \
    CONTEXT(RECOVERY, "recovery", PAGE, "what could be brought back, or one backup") \
    CONTEXT(RUNNING, "running", PAGE, "what runs now")                         \
    CONTEXT(EDIT, "edit", PAGE, "a card being edited")                         \
    CONTEXT(TEXT, "text", PAGE, "help and messages")                           \
    CONTEXT(MEETING, "meeting", PAGE, "the meeting")                           \
    CONTEXT(REPORT, "report", PAGE, "the report")                              \
    CONTEXT(FLEET, "fleet", GLOBAL, "the page of a fleet")                     \
    CONTEXT(OVERVIEW, "overview", GLOBAL, "the page of every deployment (console --fleet)") \
    CONTEXT(CONFIRM, "confirm", NONE, "a question that wants a deliberate yes") \
    CONTEXT(LINE, "line", NONE, "a line of text being typed")                  \
    CONTEXT(PALETTE, "palette", LINE, "the palette")

enum sb_context {
    SB_IN_NONE = -1,
#define SB_CONTEXT_ID(id, name, parent, help) SB_IN_##id,
    SB_CONTEXT_TABLE(SB_CONTEXT_ID)
#undef SB_CONTEXT_ID
    SB_CONTEXTS
};

#define SB_AT(context) (1u << SB_IN_##context)
#define SB_AT_CARDS (SB_AT(PLANS) | SB_AT(APPROVALS) | SB_AT(CARD))
#define SB_AT_MOVING (SB_AT(MAIN) | SB_AT(PAGE) | SB_AT(FLEET) | SB_AT(OVERVIEW) | SB_AT(CONFIRM) | SB_AT(PALETTE))

enum sb_action_flags {
    SB_DANGEROUS = 1, /* changes the deployment or what will be done to it: not there in a read-only console */
    SB_DELIBERATE = 2, /* never on Enter or Space, never from the palette, never by a paste */
};

#define SB_ACTION_TABLE(ACTION)                                                                                                   \
    ACTION(OPEN, "open", "open", SB_AT(MAIN) | SB_AT(CASE) | SB_AT(ANOMALY) | SB_AT(RECOVERY) | SB_AT(EDIT) | SB_AT(MEETING) | SB_AT(FLEET) | SB_AT(OVERVIEW), 0, "open what is selected") \
    ACTION(CONFIRM, "confirm", "yes", SB_AT(CONFIRM), SB_DELIBERATE, "yes: do what is asked here")                                \
    ACTION(APPROVE, "approve", "approve", SB_AT_CARDS, SB_DANGEROUS | SB_DELIBERATE, "approve the card or the marked ones, if read")                 \
    ACTION(REJECT, "reject", "reject", SB_AT_CARDS, SB_DANGEROUS, "reject the card, with a reason")                               \
    ACTION(EDIT, "edit", "edit", SB_AT_CARDS, SB_DANGEROUS, "change what the card will do; approvals become void")                \
    ACTION(ROLLBACK, "roll-back", "undo", SB_AT_CARDS, SB_DANGEROUS, "take back what the card did")                               \
    ACTION(PAUSE, "pause", "pause", SB_AT_CARDS, SB_DANGEROUS, "pause an execution between two steps, or resume it")              \
    ACTION(STOP, "stop", "stop", SB_AT_CARDS, SB_DANGEROUS, "end an execution where it stands")                                   \
    ACTION(REFRESH, "measure-anew", "measure", SB_AT_CARDS, SB_DANGEROUS, "measure a stale card anew")                            \
    ACTION(PROVE, "prove", "", SB_AT_CARDS, SB_DANGEROUS, "try the card's index or change out on a sample first")                 \
    ACTION(CLOSE, "close-failed", "close", SB_AT_CARDS, SB_DANGEROUS, "leave a failed card as it is, with a reason")              \
    ACTION(EDIT_TEXT, "edit-as-text", "as text", SB_AT_CARDS | SB_AT(EDIT), SB_DANGEROUS, "edit the values as text, in $VISUAL or $EDITOR")  \
    ACTION(SEND_EDIT, "send-edit", "send", SB_AT(EDIT), SB_DANGEROUS | SB_DELIBERATE, "show the difference and send the edit")    \
    ACTION(UNDO_CHANGE, "undo-change", "undo", SB_AT(EDIT), 0, "take back the change of this value")                              \
    ACTION(ACKNOWLEDGE, "acknowledge", "take", SB_AT(ANOMALIES) | SB_AT(ANOMALY) | SB_AT(FLEET), 0, "take the anomaly: others see who has it")   \
    ACTION(CASE, "case", "case", SB_AT(ANOMALIES) | SB_AT(AUDIT) | SB_AT_CARDS | SB_AT(ANOMALY), 0, "open the case this belongs to") \
    ACTION(WHY, "why-not", "why not", SB_AT_CARDS, 0, "why a decision cannot be made, and what policy would have to see")         \
    ACTION(SUMMARY, "tab-summary", "", SB_AT(CARD), 0, "card: what, where, why, risk, undo, who approves, expires")               \
    ACTION(COMMANDS, "tab-commands", "", SB_AT(CARD), 0, "card: the exact commands")                                              \
    ACTION(EVIDENCE, "tab-evidence", "", SB_AT(CARD), 0, "card: the evidence, with its coverage and age")                         \
    ACTION(POLICY, "tab-policy", "", SB_AT(CARD), 0, "card: what policy says, and what would change that")                        \
    ACTION(UNDOING, "tab-rollback", "", SB_AT(CARD), 0, "card: how it is taken back")                                             \
    ACTION(WATCH, "tab-watch", "", SB_AT(CARD), 0, "card: what is measured afterwards: before, now, limit")                       \
    ACTION(HISTORY, "tab-history", "", SB_AT(CARD), 0, "card: what the ledger says of it and of its case")                        \
    ACTION(HANDOFFS, "tab-handoffs", "", SB_AT(CARD), 0, "card: hand-offs: why each specialist was called, with which facts and risk") \
    ACTION(NEXT_TAB, "next-tab", "tabs", SB_AT(CARD), 0, "next tab of the card")                                                  \
    ACTION(PREVIOUS_TAB, "previous-tab", "", SB_AT(CARD), 0, "previous tab of the card")                                          \
    ACTION(DECIDE, "record-decision", "decision", SB_AT(MEETING), 0, "write down what the meeting decided of the card, who and why") \
    ACTION(NEXT_CARD, "next-card", "next", SB_AT(MEETING), 0, "the next card of the agenda")                                      \
    ACTION(PREVIOUS_CARD, "previous-card", "", SB_AT(MEETING), 0, "the card of the agenda before")                                \
    ACTION(MINUTES, "minutes", "minutes", SB_AT(MEETING), 0, "write the minutes into a file, as Markdown with hashes")            \
    ACTION(MORE_TIME, "more-time", "", SB_AT(MEETING), 0, "a minute more for this card")                                          \
    ACTION(GROUP, "group", "group", SB_AT(FLEET) | SB_AT(OVERVIEW), 0, "the rows under other headings, or none")                  \
    ACTION(ONLY_WRONG, "only-wrong", "not well", SB_AT(FLEET), 0, "only the members that are not well, or all again")               \
    ACTION(MINE, "only-mine", "mine", SB_AT(OVERVIEW), 0, "only the cards that you may approve, or all again")                    \
    ACTION(REQUEST, "request", "request", SB_AT(MAIN) | SB_AT(PAGE), 0, "ask for something in plain language")                    \
    ACTION(UP, "up", "", SB_AT_MOVING | SB_AT(LINE), 0, "one row up; in a line: the request before")                              \
    ACTION(DOWN, "down", "", SB_AT_MOVING | SB_AT(LINE), 0, "one row down; in a line: the request after")                         \
    ACTION(PAGE_UP, "page-up", "", SB_AT_MOVING, 0, "one screenful up")                                                           \
    ACTION(PAGE_DOWN, "page-down", "", SB_AT_MOVING, 0, "one screenful down")                                                     \
    ACTION(TOP, "top", "", SB_AT_MOVING, 0, "to the first row")                                                                   \
    ACTION(BOTTOM, "bottom", "", SB_AT_MOVING, 0, "to the last row")                                                              \
    ACTION(NEXT_PANE, "next-pane", "panes", SB_AT(MAIN), 0, "give the keys to the next pane")                                     \
    ACTION(PREVIOUS_PANE, "previous-pane", "", SB_AT(MAIN), 0, "give the keys to the previous pane")                              \
    ACTION(LEFT_PANE, "left-pane", "", SB_AT(MAIN), 0, "give the keys to the pane on the left")                                   \
    ACTION(RIGHT_PANE, "right-pane", "", SB_AT(MAIN), 0, "give the keys to the pane on the right")                                \
    ACTION(TO_ANOMALIES, "to-anomalies", "", SB_AT(MAIN), 0, "give the keys to Anomalies")                                        \
    ACTION(TO_PLANS, "to-plans", "", SB_AT(MAIN), 0, "give the keys to Plans")                                                    \
    ACTION(TO_APPROVALS, "to-approvals", "", SB_AT(MAIN), 0, "give the keys to Approvals")                                        \
    ACTION(TO_AUDIT, "to-audit", "", SB_AT(MAIN), 0, "give the keys to Audit")                                                    \
    ACTION(ZOOM, "zoom", "zoom", SB_AT(MAIN), 0, "this pane alone, or all four again")                                            \
    ACTION(FOLLOW, "follow", "freeze", SB_AT(MAIN), 0, "freeze the rows of this pane, or follow what is new again")               \
    ACTION(LAYOUT, "layout", "", SB_AT(MAIN), 0, "panes as fits, side by side, or below one another")                             \
    ACTION(GROW, "grow", "", SB_AT(MAIN), 0, "more room for this pane, less for the others")                                       \
    ACTION(SHRINK, "shrink", "", SB_AT(MAIN), 0, "less room for this pane")                                                        \
    ACTION(SEARCH, "search", "search", SB_AT(MAIN) | SB_AT(PAGE) | SB_AT(FLEET), 0, "search here")                                               \
    ACTION(SEARCH_NEXT, "search-next", "", SB_AT(MAIN) | SB_AT(PAGE) | SB_AT(FLEET), 0, "the next place where it was found")                     \
    ACTION(SEARCH_PREVIOUS, "search-previous", "", SB_AT(MAIN) | SB_AT(PAGE) | SB_AT(FLEET), 0, "the place before")                              \
    ACTION(FILTER, "filter", "filter", SB_AT(MAIN) | SB_AT(RUNNING) | SB_AT(FLEET) | SB_AT(OVERVIEW), 0, "show only the rows that fit a regular expression (! in front: that do not)")     \
    ACTION(UNDO_FILTER, "undo-filter", "", SB_AT(MAIN), 0, "take back the last change of a filter")                               \
    ACTION(SORT, "sort", "", SB_AT(MAIN) | SB_AT(RUNNING), 0, "sort this pane by the next of its columns")                                         \
    ACTION(REVERSE, "reverse", "", SB_AT(MAIN) | SB_AT(RUNNING), 0, "turn the order of this pane round")                                           \
    ACTION(COLUMNS, "columns", "", SB_AT(MAIN), 0, "fewer columns in this pane, all of them, or as many as fit")                  \
    ACTION(MARK, "mark", "", SB_AT(MAIN), 0, "mark the selected row, or take its mark away")                                      \
    ACTION(NEXT_MARK, "next-mark", "", SB_AT(MAIN), 0, "to the next marked row")                                                  \
    ACTION(CLEAR_MARKS, "clear-marks", "", SB_AT(MAIN), 0, "take all marks of this pane away")                                    \
    ACTION(JUMP_BACK, "jump-back", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "to the place before the last jump")                         \
    ACTION(JUMP_FORWARD, "jump-forward", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "to the place that was left by jumping back")          \
    ACTION(COUNT, "count", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "do the next movement that many times: a digit of the number, or four times with another key") \
    ACTION(COPY, "copy", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "copy the marked rows, the selected one, or the page")                                  \
    ACTION(EXPORT, "export", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "write what is seen into a file: text, json, svg; of an anomaly: plots")               \
    ACTION(USEFUL, "useful", "useful", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "it was useful: others like it are announced, whatever is said of them")   \
    ACTION(NOISE, "noise", "noise", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "it is noise: others like it stay quiet for a week, unless they are worse")   \
    ACTION(KNOWN, "known", "known", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "it is known: others like it stay quiet for a week, unless they are worse")   \
    ACTION(TAKE_BACK, "take-back", "", SB_AT(ANOMALIES) | SB_AT(ANOMALY) | SB_AT(TEXT), 0, "take back what was said of the anomaly, or end the selected blackout") \
    ACTION(REMARK, "remark", "note", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "note something about the anomaly into the record")    \
    ACTION(BLACKOUT, "blackout", "", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "announce nothing about its collection or member for a while, with a reason") \
    ACTION(POST_MORTEM, "post-mortem", "", SB_AT(ANOMALIES) | SB_AT(ANOMALY), 0, "write the anomaly into a file as Markdown, with its evidence") \
    ACTION(HAND_OVER, "hand-over", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "write a note for the next shift into a file, as Markdown")   \
    ACTION(HUSHES, "silenced", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what is recorded and not announced, and why")                   \
    ACTION(PAUSE_ALL, "pause-all", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "pause every execution at once, each between two of its steps") \
    ACTION(MEETING, "meeting", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "the meeting: the cards that await approval, one a screen, with a clock") \
    ACTION(RECOVERY, "recovery", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what could be brought back: backups, gaps, drills, and what is asked of them") \
    ACTION(REPORT, "report", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what the work came to: durations, incidents, the report card of each specialist and rule") \
    ACTION(DOCTOR, "doctor", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what is wrong here, with the mend; once more: look anew") \
    ACTION(DIVIDE, "divide-report", "divide", SB_AT(REPORT), 0, "before and after 1, 7, 30 or 90 days ago, or the whole record") \
    ACTION(DIVIDE_AT, "divide-report-at", "at", SB_AT(REPORT), 0, "before and after a moment that is typed: 2026-11-23, 2026-11-23T09:05, 30d") \
    ACTION(DRILL, "drill", "", SB_AT_CARDS | SB_AT(RECOVERY), 0, "ask for a restore drill: the newest backup into the throw-away deployment") \
    ACTION(RUNNING, "running", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what runs now: the members as mongostat shows them, operations by age, who waits for whom") \
    ACTION(END_OPERATION, "end-operation", "end it", SB_AT(RUNNING), 0, "propose a card that ends the selected operation")  \
    ACTION(REPLAY_BACK, "replay-back", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "the members as they were a minute before, through the last 24 hours") \
    ACTION(REPLAY_ON, "replay-on", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "a minute on, and at last to the present")                    \
    ACTION(REPLAY_END, "replay-end", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "the members as they are now")                              \
    ACTION(PLAN, "plan", "", SB_AT_CARDS | SB_AT(CASE), 0, "the plan of its case: phases, gates measured now, undo, progress, knobs") \
    ACTION(SCHEMA, "schema", "", SB_AT(MAIN) | SB_AT(PAGE), 0, "what the documents of the selected collection look like, looked at anew") \
    ACTION(LARGER_BATCHES, "batches-up", "bigger", SB_AT_CARDS, SB_DANGEROUS, "twice as many documents in a batch, while it runs") \
    ACTION(SMALLER_BATCHES, "batches-down", "smaller", SB_AT_CARDS, SB_DANGEROUS, "half as many documents in a batch, while it runs") \
    ACTION(LONGER_PAUSES, "pauses-up", "slower", SB_AT_CARDS, SB_DANGEROUS, "twice the pause between two batches, while it runs") \
    ACTION(SHORTER_PAUSES, "pauses-down", "faster", SB_AT_CARDS, SB_DANGEROUS, "half the pause between two batches, while it runs") \
    ACTION(MORE_AT_ONCE, "at-once-up", "wider", SB_AT_CARDS, SB_DANGEROUS, "twice as many batches away at once, while it runs") \
    ACTION(FEWER_AT_ONCE, "at-once-down", "narrower", SB_AT_CARDS, SB_DANGEROUS, "half as many batches away at once, while it runs") \
    ACTION(MESSAGES, "messages", "", SB_AT(GLOBAL), 0, "the messages of this session")                                            \
    ACTION(MOUSE, "mouse", "", SB_AT(GLOBAL), 0, "the mouse on or off: a click selects, the wheel scrolls, neither decides")       \
    ACTION(LINE_FACE, "line-face", "", SB_AT(GLOBAL), 0, "the face for a slow line, or the usual one")                             \
    ACTION(REDRAW, "redraw", "", SB_AT(GLOBAL), 0, "paint the whole screen again")                                                \
    ACTION(SUSPEND, "suspend", "", SB_AT(GLOBAL), 0, "give the terminal back to the shell for a while")                           \
    ACTION(SUBMIT, "submit", "", SB_AT(LINE), 0, "take the line as it stands")                                                    \
    ACTION(LINE_LEFT, "line-left", "", SB_AT(LINE), 0, "one character to the left")                                               \
    ACTION(LINE_RIGHT, "line-right", "", SB_AT(LINE), 0, "one character to the right")                                            \
    ACTION(LINE_HOME, "line-home", "", SB_AT(LINE), 0, "to the beginning of the line")                                            \
    ACTION(LINE_END, "line-end", "", SB_AT(LINE), 0, "to the end of the line")                                                    \
    ACTION(LINE_ERASE, "line-erase", "", SB_AT(LINE), 0, "erase the character before the cursor")                                 \
    ACTION(LINE_DELETE, "line-delete", "", SB_AT(LINE), 0, "erase the character under the cursor")                                \
    ACTION(LINE_ERASE_WORD, "line-erase-word", "", SB_AT(LINE), 0, "erase the word before the cursor")                            \
    ACTION(LINE_CLEAR, "line-clear", "", SB_AT(LINE), 0, "erase the whole line")                                                  \
    ACTION(BACK, "back", "back", SB_AT(GLOBAL) | SB_AT(CONFIRM) | SB_AT(LINE), 0, "close what is open; dismiss the message")      \
    ACTION(PALETTE, "palette", "", SB_AT(GLOBAL), 0, "find an action by its name")                                                \
    ACTION(HELP, "help", "help", SB_AT(GLOBAL), 0, "the keys of this place, and the words of the house")                          \
    ACTION(QUIT, "quit", "quit", SB_AT(GLOBAL), 0, "leave the console; asks only while something executes")

enum sb_action {
    SB_ACT_NONE,
#define SB_ACTION_ID(id, name, label, contexts, flags, help) SB_ACT_##id,
    SB_ACTION_TABLE(SB_ACTION_ID)
#undef SB_ACTION_ID
    SB_ACTIONS
};

struct sb_action_info {
    const char *name, *label, *help;
    unsigned contexts, flags;
};

struct sb_context_info {
    const char *name, *help;
    enum sb_context parent;
};

extern const struct sb_action_info sb_actions[SB_ACTIONS]; /* [SB_ACT_NONE] is empty */
extern const struct sb_context_info sb_contexts[SB_CONTEXTS];

/* The action or context of this name; SB_ACT_NONE, SB_IN_NONE. */
enum sb_action sb_action_find(const char *name);
enum sb_context sb_context_find(const char *name);

/* True where the action means something: in the context itself or in one it falls back on. */
bool sb_action_applies(enum sb_action action, enum sb_context context);

#endif
