/* SPDX-License-Identifier: Apache-2.0
 *
 * loader.h - reading a bundle: where one is, how a mistake is told, and the parts: loader.c has the places, load.c reads rules
 * and tests, compile.c their expressions, sections.c, windows.c, autonomy.c and batch.c what is named beside them. */
#ifndef SIGNALBOX_SRC_POLICY_LOADER_H
#define SIGNALBOX_SRC_POLICY_LOADER_H

#include "program.h"

struct sb_loader {
    struct sb_policy *p;
    const char *path;
    const char *text; /* the file's bytes */
    size_t len;
    struct sb_str at; /* JSON pointer (RFC 6901) of what is being read */
    struct sb_err *err;
    const struct sb_zone_source *zones; /* NULL: no window is computed */
};

/* Steps into a member or an item; leave with what was returned. After an error nobody leaves. */
size_t sb_loader_enter(struct sb_loader *l, const char *key);
size_t sb_loader_enter_item(struct sb_loader *l, size_t i);
void sb_loader_leave(struct sb_loader *l, size_t mark);

/* Line and column, from 1, of what a pointer leads to: a member's key, an item; of what is around it when it is not there.
 * False when the text is empty. */
bool sb_policy_place(const char *text, size_t len, const char *pointer, int64_t *line, int64_t *column);

/* "path:12:7: /rules/3/when: what". Return -1. */
int sb_loader_refuse(struct sb_loader *l, const char *what);
int sb_loader_refuse_name(struct sb_loader *l, const char *what, const char *name);

/* An object with no other keys than these. */
int sb_loader_keys(struct sb_loader *l, const json_t *object, const char *const *keys, size_t n);

/* A string member; *out is NULL when it is absent and not needed. */
int sb_loader_text(struct sb_loader *l, const json_t *object, const char *key, bool needed, const char **out);

/* A member that is a list of at most 100 texts; *out is NULL when it is absent. */
int sb_loader_words(struct sb_loader *l, const json_t *object, const char *key, const json_t **out);

/* A member that is true or false; absent is false. */
int sb_loader_flag(struct sb_loader *l, const json_t *object, const char *key, bool *out);

/* A member that is an integer from low to high; absent is 0. */
int sb_loader_int(struct sb_loader *l, const json_t *object, const char *key, int64_t low, int64_t high, int64_t *out);

/* Walks a section that is a list of at most `most` items; absent is empty. `refusal`: what is said when it is not one. */
int sb_loader_list(struct sb_loader *l, const json_t *list, const char *section, size_t most, const char *refusal,
                   int (*one)(struct sb_loader *l, const json_t *v));

/* Walks a section of the bundle that is an object of at most `most` named members; absent is empty. */
int sb_loader_named(struct sb_loader *l, const char *section, size_t most, const char *refusal,
                    int (*one)(struct sb_loader *l, const char *name, const json_t *v));

/* windows, groups, checks, tags, holds, waivers, autonomy and batch. */
int sb_loader_sections(struct sb_loader *l);
int sb_loader_windows(struct sb_loader *l);
int sb_loader_autonomy(struct sb_loader *l);
int sb_loader_batch(struct sb_loader *l);

/* What a rule names is there, and its groups are large enough. */
int sb_loader_check_groups(struct sb_loader *l, const struct sb_rule *rule);

bool sb_policy_name_ok(const char *name);

/* Index of the fact in *out, made when it is new. */
int sb_compile_fact(struct sb_loader *l, const char *path, int *out);

/* An EXPRESSION (policy.h) as nodes: the index of its root, or -1. */
int sb_compile_expression(struct sb_loader *l, const json_t *v);

#endif
