/* SPDX-License-Identifier: Apache-2.0
 *
 * roles.h - what a cell means. A theme says how each meaning looks; nothing else knows a colour.
 *
 * ROLE(id, name, letter, help): `name` is what theme files use, `letter` what the role is called in the roles half of a
 * golden screen (one of its own each), `help` is for the person who writes a theme.
 */
#ifndef SIGNALBOX_TERM_ROLES_H
#define SIGNALBOX_TERM_ROLES_H

#define SB_ROLE_TABLE(ROLE)                                                                \
    ROLE(TEXT, "text", '.', "ordinary text")                                               \
    ROLE(DIM, "dim", ',', "labels and what can be skipped")                                \
    ROLE(STRONG, "strong", 's', "what the eye should find first")                          \
    ROLE(ID, "id", 'i', "names of cards, cases, anomalies and ledger entries")             \
    ROLE(RULE, "rule", '-', "lines between things")                                        \
    ROLE(TITLE, "title", 't', "title of a pane")                                           \
    ROLE(TITLE_FOCUS, "title_focus", 'T', "title of the pane that has the keys")           \
    ROLE(COUNT, "count", 'n', "what arrived while nobody looked")                          \
    ROLE(CURSOR, "cursor", '>', "the gutter mark of the selected row")                     \
    ROLE(MATCH, "match", 'm', "what a search found")                                       \
    ROLE(TAB, "tab", 'b', "a tab")                                                         \
    ROLE(TAB_ON, "tab_on", 'B', "the tab that is open")                                    \
    ROLE(HEADER, "header", 'h', "the top line")                                            \
    ROLE(ENV_PROD, "env_prod", 'P', "the environment, when it is prod")                    \
    ROLE(ENV_OTHER, "env_other", 'e', "the environment, when it is not prod")              \
    ROLE(SIMULATED, "simulated", 'S', "the mark of a simulated deployment")                \
    ROLE(READ_ONLY, "read_only", 'R', "the mark of a console that may only look")          \
    ROLE(STATUS, "status", 'u', "the status line")                                         \
    ROLE(NOTICE, "notice", 'N', "a message: what was asked for happened")                  \
    ROLE(NOTICE_BAD, "notice_bad", 'E', "a message: it did not, or needs attention")       \
    ROLE(REQUEST, "request", 'q', "the request line")                                      \
    ROLE(INPUT, "input", 'I', "text that is being typed")                                  \
    ROLE(FOOTER, "footer", 'f', "what the keys do")                                        \
    ROLE(KEY, "key", 'k', "a key")                                                         \
    ROLE(DIALOG, "dialog", 'd', "text of a dialog")                                        \
    ROLE(DIALOG_TITLE, "dialog_title", 'D', "title of a dialog")                           \
    ROLE(DIALOG_FRAME, "dialog_frame", '=', "the frame around a dialog")                   \
    ROLE(DANGER, "danger", '!', "what is about to be done for real")                       \
    ROLE(LOW, "low", 'l', "low risk or severity")                                          \
    ROLE(MEDIUM, "medium", 'M', "medium risk or severity")                                 \
    ROLE(HIGH, "high", 'H', "high risk or severity")                                       \
    ROLE(GOOD, "good", 'g', "as it should be: PASS, healthy, allowed")                     \
    ROLE(DOUBT, "doubt", '?', "not known well enough: INCONCLUSIVE, warm-up, waiting")     \
    ROLE(BAD, "bad", 'x', "not as it should be: FAIL, down, denied")                       \
    ROLE(BADGE, "badge", 'a', "coverage of evidence that was measured")                    \
    ROLE(BADGE_WEAK, "badge_weak", 'w', "coverage that was sampled or estimated")          \
    ROLE(BADGE_STALE, "badge_stale", 'z', "coverage that is stale or missing")             \
    ROLE(COMMAND, "command", 'c', "a command exactly as it will be sent")                  \
    ROLE(UNDO, "undo", 'U', "a command that takes another one back")                       \
    ROLE(ESCAPE, "escape", '\\', "what stands for a character that may not be shown")      \
    ROLE(ADDED, "added", '+', "a value an edit puts in")                                   \
    ROLE(REMOVED, "removed", '~', "a value an edit takes out")                             \
    ROLE(BAR, "bar", '#', "the filled part of a bar")                                      \
    ROLE(BAR_REST, "bar_rest", '_', "the rest of a bar")

enum sb_role {
#define SB_ROLE_ID(id, name, letter, help) SB_ROLE_##id,
    SB_ROLE_TABLE(SB_ROLE_ID)
#undef SB_ROLE_ID
    SB_ROLES
};

struct sb_role_info {
    const char *name;
    char letter;
    const char *help;
};

extern const struct sb_role_info sb_roles[SB_ROLES];

/* The role of this name, or -1. */
int sb_role_find(const char *name);

#endif
