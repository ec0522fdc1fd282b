/* SPDX-License-Identifier: Apache-2.0
 *
 * conf.h - the one line format of config, themes, keymaps and scenarios.
 *
 * A line is a row of words separated by blanks; a word in double quotes may hold blanks and the escapes \" \\ \n \t
 * (any other backslash stands for itself);
 * `#` at the start of a word begins a comment. The reader of a file decides what a row means. Every problem is kept with
 * file and line, reading goes on, and the caller decides whether it can start with the rest. Behind a NUL byte nothing is
 * read: that is no text file. Thread: any.
 */
#ifndef SIGNALBOX_BASE_CONF_H
#define SIGNALBOX_BASE_CONF_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <stddef.h>

#define SB_CONF_MAX_WORDS 64
#define SB_CONF_MAX_BYTES (1 << 20)

#define SB_PROBLEMS_MAX 200

/* What was wrong, one "file:line: sentence" a line, in the order found. Beyond SB_PROBLEMS_MAX they are only counted. */
struct sb_problems {
    struct sb_str text;
    size_t count;
};

void sb_problems_init(struct sb_problems *p);
void sb_problems_release(struct sb_problems *p);
void sb_problems_add(struct sb_problems *p, const char *path, unsigned line, const char *fmt, ...) SB_PRINTF(4, 5);

struct sb_conf_row {
    const char *path;
    unsigned line;
    size_t n;
    const char *word[SB_CONF_MAX_WORDS]; /* valid during the callback */
};

/* Called once a row with at least one word; it reports what it does not like through `problems`. */
typedef void (*sb_conf_fn)(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems);

/* Reads text (len bytes, named path in messages). 0, or -1 only when memory runs out. */
int sb_conf_parse(const char *text, size_t len, const char *path, sb_conf_fn fn, void *ctx, struct sb_problems *problems,
                  struct sb_err *err);

/* The same for a file; -1 when it cannot be read. */
int sb_conf_load(const char *path, sb_conf_fn fn, void *ctx, struct sb_problems *problems, struct sb_err *err);

#endif
