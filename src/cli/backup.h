/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.h (private) - what the files of `signalbox backup` share.
 */
#ifndef SB_CLI_BACKUP_H
#define SB_CLI_BACKUP_H

#include <jansson.h>
#include <signalbox/agents/backup_guardian.h>
#include <signalbox/base/str.h>
#include <signalbox/cli/bar.h>

struct sb_backup_words {
    bool json, quiet, quick, full, keep, archive, gzip;
    const char *deployment, *uri_file, *into, *source, *until, *checks, *key_file, *start, *restorer, *pbm, *limit;
    int limit_s; /* of that; 0: not said */
    const struct sb_seal_key *key; /* of that file; NULL: none was named */
};

/* The bar on standard error: begun with the bytes that there are to read, told of those that were read, ended. */
struct sb_backup_bar {
    uint64_t all, read;
    struct sb_bar bar;
};
void sb_backup_bar_begin(struct sb_backup_bar *bar, uint64_t all, bool wanted);
void sb_backup_bar_read(void *bar, uint64_t bytes);
void sb_backup_bar_end(struct sb_backup_bar *bar);

/* One backup as INTERFACE has it; NULL: out of memory. */
json_t *sb_backup_json(const struct sb_backup *b);

/* Text from outside as a JSON string: what is not UTF-8 is escaped. */
json_t *sb_backup_text_json(const char *text);

/* A time of the oplog, and a time in milliseconds, as JSON; 0 is null. */
json_t *sb_backup_ts_json(uint64_t ts);
json_t *sb_backup_ms_json(int64_t ms);

/* One backup for people, within 80 columns. */
void sb_backup_tell(struct sb_str *out, const struct sb_backup *b, bool everything);

/* "2026-11-23 02:00:00 UTC", "1.4 MiB". */
void sb_backup_moment(struct sb_str *out, int64_t ms);
void sb_backup_size(struct sb_str *out, uint64_t bytes);

/* Appends text, flat, in lines of at most 80 columns that begin with so many blanks; the first one stands where out ends, in
 * column `at`. */
void sb_backup_wrap(struct sb_str *out, const char *text, int indent, int at);

/* The other subcommands: exit status. */
int sb_backup_differ(const struct sb_backup_words *words, const char *a, const char *b);
int sb_backup_status(const struct sb_backup_words *words);
int sb_backup_making(const struct sb_backup_words *words, const char *path, char *const *places, size_t n);
int sb_backup_drill(const struct sb_backup_words *words, const char *path);

#endif
