/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - the bytes of a file, unpacked: plain, gzip (several members too) or zstd, told by their first bytes.
 *
 * zlib is linked; libzstd is looked for when a zstd file is opened, and its absence is an error that says so. "-" is
 * standard input. Reading is sequential; memory is constant. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_SOURCE_H
#define SIGNALBOX_FORMATS_SOURCE_H

#include <signalbox/base/error.h>
#include <stddef.h>
#include <stdint.h>

enum sb_packing { SB_PACKING_NONE, SB_PACKING_GZIP, SB_PACKING_ZSTD };

struct sb_source;

/* Errors: SB_EINPUT (it cannot be opened, is a folder, or is packed in a way that cannot be undone here). */
struct sb_source *sb_source_open(const char *path, struct sb_err *err);
void sb_source_close(struct sb_source *s);

/* Up to cap unpacked bytes into p: how many, 0 at the end, -1 on damage or a failing disk. */
int64_t sb_source_read(struct sb_source *s, void *p, size_t cap, struct sb_err *err);

enum sb_packing sb_source_packing(const struct sb_source *s);

/* For a progress bar: bytes taken from the file so far, and how many it has (0: not known). */
uint64_t sb_source_taken(const struct sb_source *s);
uint64_t sb_source_size(const struct sb_source *s);

#endif
