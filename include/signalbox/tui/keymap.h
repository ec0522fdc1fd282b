/* SPDX-License-Identifier: Apache-2.0
 *
 * keymap.h - which keys mean which action, read from keymap files.
 *
 * The file has the line format of base/conf.h:
 *   keymap NAME ["what it is for"]
 *   bind CONTEXT[,CONTEXT...] KEYS ACTION     KEYS is one key or a sequence in quotes: "g g"
 *   unbind CONTEXT[,CONTEXT...] KEYS          takes away what an earlier file bound
 * A later file overrides an earlier one: the same keys, keys behind them, and their beginning. Within one file, binding the
 * same keys twice in a context is a conflict, and keys behind a bound beginning can never be reached, there or in a context
 * that has the beginning; these are told with file and line, as are keys that most terminals send as others (C-i is Tab) and
 * an action that has no key left anywhere. `?`, `q`, Escape, `:` and `/` mean the same in every keymap. An action marked deliberate is never on Enter or
 * Space. Thread: a read keymap is constant.
 */
#ifndef SIGNALBOX_TUI_KEYMAP_H
#define SIGNALBOX_TUI_KEYMAP_H

#include <signalbox/base/conf.h>
#include <signalbox/term/keys.h>
#include <signalbox/tui/action.h>

#define SB_KEYS_MAX 4 /* keys of the longest sequence */

struct sb_keymap;

struct sb_keymap *sb_keymap_new(void); /* NULL: out of memory */
void sb_keymap_free(struct sb_keymap *k);

/* Reads a file over what is there. 0, or -1 only when memory runs out. */
int sb_keymap_read(struct sb_keymap *k, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err);

/* What is wrong with the whole: keys that are in one another's way from context to context, actions without a key, and keys
 * that every keymap must have. `path` is the file named where no line is to blame. */
void sb_keymap_check(const struct sb_keymap *k, const char *path, struct sb_problems *problems);

const char *sb_keymap_name(const struct sb_keymap *k);

enum sb_lookup { SB_UNBOUND, SB_PARTIAL, SB_BOUND };

/* What n keys mean in a context: bound to *action, the beginning of a sequence, or nothing. */
enum sb_lookup sb_keymap_find(const struct sb_keymap *k, enum sb_context context, const struct sb_key *keys, size_t n, enum sb_action *action);

/* The keys that lead to an action from a context, as in the file ("A", "g g"); NULL: none. Borrowed. */
const char *sb_keymap_keys(const struct sb_keymap *k, enum sb_context context, enum sb_action action);

/* Appends the table of keys of the README: one row an action, one column a keymap (n of them). */
void sb_keymap_table(const struct sb_keymap *const *maps, size_t n, struct sb_str *out);

#endif
