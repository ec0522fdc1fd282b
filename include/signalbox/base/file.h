/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - whole files, and where the program keeps its own.
 *
 * State lives in $XDG_STATE_HOME/signalbox (else ~/.local/state/signalbox), mode 0700; config in
 * $XDG_CONFIG_HOME/signalbox (else ~/.config/signalbox). Every descriptor is opened close-on-exec. Thread: any.
 */
#ifndef SIGNALBOX_BASE_FILE_H
#define SIGNALBOX_BASE_FILE_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <sys/types.h>

/* Appends the whole file to out. A file larger than max is an error, not a prefix. */
int sb_file_read(const char *path, size_t max, struct sb_str *out, struct sb_err *err);

/* The same for a file that a person named: whatever is wrong with it is SB_EINPUT. */
int sb_file_read_named(const char *path, size_t max, struct sb_str *out, struct sb_err *err);

/* Writes path through a temporary file in the same folder: after a crash either the old or the new content is there. */
int sb_file_write(const char *path, mode_t mode, const void *bytes, size_t n, struct sb_err *err);

/* write(2) until all n bytes are out, through EINTR and short writes: 0 or -1 with errno. */
int sb_write_all(int fd, const void *bytes, size_t n);

/* Makes a folder and its missing parents with this mode. An existing folder is left as it is. */
int sb_dir_make(const char *path, mode_t mode, struct sb_err *err);

/* The state folder, made with mode 0700 when missing; refuses one that others may write. Where it cannot be used no ledger
 * can be written: SB_ELEDGER. Appends to an empty out. */
int sb_path_state(struct sb_str *out, struct sb_err *err);

/* The same for who only reads: nothing is made, and one that is not there is no error. Something else in its place is
 * SB_EINPUT; one that may not be read, or may be written by others, is SB_ENO. */
int sb_path_state_seen(struct sb_str *out, struct sb_err *err);

/* The config folder; nothing is made. */
int sb_path_config(struct sb_str *out, struct sb_err *err);

#endif
