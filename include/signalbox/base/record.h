/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - one table per struct, from which its JSON form, copy, comparison and release come.
 *
 * A record is a plain struct of owned values. Its schema lists the members in reading order; nothing else has to know
 * them. A zeroed struct is an empty record. In C a list is two members, `T *xs; size_t xs_n;` (SB_LIST fills both
 * offsets). Strings are owned heap text, UTF-8, NULL meaning "not said".
 *
 * JSON: keys in snake_case as in the table. SB_TIME writes RFC 3339 and 0 means "not said". A member that is "not said"
 * is left out, unless it is marked SB_ALWAYS. Reading is strict: an unknown key, a wrong type, a missing SB_NEEDED member,
 * an unknown enum name or a list longer than SB_RECORD_MAX_LIST are errors that name the path. Thread: none of its own.
 */
#ifndef SIGNALBOX_BASE_RECORD_H
#define SIGNALBOX_BASE_RECORD_H

#include <signalbox/base/json.h>
#include <stdbool.h>
#include <stddef.h>

#define SB_RECORD_MAX_LIST 100000

enum sb_kind {
    SB_STR,   /* char * */
    SB_INT,   /* int64_t */
    SB_BOOL,  /* bool */
    SB_TIME,  /* int64_t milliseconds, RFC 3339 in JSON */
    SB_ENUM,  /* int; sub = const struct sb_names */
    SB_JSON,  /* json_t *: any JSON value, an own reference */
    SB_REC,   /* an embedded struct; sub = const struct sb_schema */
    SB_STRS,  /* char **, with a count */
    SB_RECS,  /* T *, with a count; sub = const struct sb_schema */
};

enum sb_member_flags {
    SB_ALWAYS = 1, /* written even when it is zero, false or an empty list */
    SB_NEEDED = 2, /* reading without it is an error */
};

/* The names of an enum 0..n-1. A hole is NULL. */
struct sb_names {
    const char *what; /* for messages: "state" */
    const char *const *name;
    size_t n;
};

struct sb_member {
    const char *key;
    enum sb_kind kind;
    unsigned flags;
    size_t offset, count_offset;
    const void *sub;
};

struct sb_schema {
    const char *what; /* for messages: "card" */
    size_t size;
    const struct sb_member *member;
    size_t n;
};

#define SB_MEMBER(type, field, kind, flags, sub) {#field, kind, flags, offsetof(type, field), 0, sub}
#define SB_MEMBER_AS(key, type, field, kind, flags, sub) {key, kind, flags, offsetof(type, field), 0, sub}
#define SB_LIST(type, field, kind, flags, sub) {#field, kind, flags, offsetof(type, field), offsetof(type, field##_n), sub}
#define SB_SCHEMA(what, type, members) {what, sizeof(type), members, SB_COUNT(members)}

/* Frees everything the record owns and zeroes it. */
void sb_record_release(const struct sb_schema *s, void *record);

/* dst is overwritten (it need not be initialised): a deep copy, or a zeroed record and -1. */
int sb_record_copy(const struct sb_schema *s, void *dst, const void *src) SB_MUST_USE;

bool sb_record_equal(const struct sb_schema *s, const void *a, const void *b);

/* New reference, or NULL out of memory. Where a string is no UTF-8 stands U+FFFD: what is stored, hashed and shown says so. */
json_t *sb_record_to_json(const struct sb_schema *s, const void *record);

/* dst is overwritten: the record, or a zeroed one and -1. */
int sb_record_from_json(const struct sb_schema *s, void *dst, const json_t *json, struct sb_err *err);

/* Appends the canonical bytes of the record. */
int sb_record_canonical(const struct sb_schema *s, const void *record, struct sb_str *out, struct sb_err *err);

/* Appends an item to a list member (items, count) and returns it zeroed; NULL out of memory. */
void *sb_list_push(void **items, size_t *count, size_t size);
#define SB_PUSH(items) sb_list_push((void **)&(items), &(items##_n), sizeof *(items))

/* Appends a copy of text to a list of strings: 0 or -1. */
int sb_strs_push(char ***items, size_t *count, const char *text) SB_MUST_USE;
bool sb_strs_has(char *const *items, size_t count, const char *text);

/* The name of an enum value, "?" outside; and back: the value or -1. */
const char *sb_name(const struct sb_names *names, int value);
int sb_name_find(const struct sb_names *names, const char *text);

#endif
