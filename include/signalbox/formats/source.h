/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - the bytes of a file, unpacked: plain, gzip (several members too), snappy or S2 in their framing, or zstd, told by
 * their first bytes.
 *
 * zlib is linked; snappy and S2 are unpacked here; libzstd is looked for when a zstd file is opened. What cannot be unpacked
 * (zstd without that library, lz4) is an error that says so, with ENOTSUP as its detail. What was sealed
 * (base/seal.h) is opened with its key, and is packed inside like any other; without the key it is an error with EACCES as its
 * detail. "-" is standard input. Reading is
 * sequential; memory is constant: 64 KiB, and up to 9 MiB for snappy and S2. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_SOURCE_H
#define SIGNALBOX_FORMATS_SOURCE_H

#include <signalbox/base/error.h>
#include <signalbox/base/seal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sb_packing { SB_PACKING_NONE, SB_PACKING_GZIP, SB_PACKING_ZSTD, SB_PACKING_FRAMED, SB_PACKING_LZ4 };

struct sb_source;

/* Errors: SB_EINPUT (it cannot be opened, is a folder, or is packed in a way that cannot be undone here). */
struct sb_source *sb_source_open(const char *path, struct sb_err *err);

/* The same with a key for what is sealed; it must outlive the source. NULL: there is none. */
struct sb_source *sb_source_open_sealed(const char *path, const struct sb_seal_key *key, struct sb_err *err);
bool sb_source_sealed(const struct sb_source *s);

enum sb_source_how {
    SB_SOURCE_UNPACK, /* by its first bytes */
    SB_SOURCE_PLAIN,  /* opened where it is sealed; what is inside is what it is, whatever it looks like */
    SB_SOURCE_RAW,    /* as it lies there */
};

/* The same for a descriptor, which is taken over (and closed when this fails); name is for messages. */
struct sb_source *sb_source_open_fd(int fd, const char *name, enum sb_source_how how, const struct sb_seal_key *key, struct sb_err *err);
void sb_source_close(struct sb_source *s);

/* Up to cap unpacked bytes into p: how many, 0 at the end, -1 on damage or a failing disk. */
int64_t sb_source_read(struct sb_source *s, void *p, size_t cap, struct sb_err *err);

enum sb_packing sb_source_packing(const struct sb_source *s);

/* After the end of gzip data: bytes stand behind it that are none. */
bool sb_source_trailing(const struct sb_source *s);

/* For a progress bar: bytes taken from the file so far, and how many it has (0: not known). */
uint64_t sb_source_taken(const struct sb_source *s);
uint64_t sb_source_size(const struct sb_source *s);

#endif
