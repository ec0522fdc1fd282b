/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of files of any kind, packed or not: lines and documents as they are given out. Every byte of a plain
 * text comes out once and in order; a document has the length it says; what goes wrong is said with the file's name. */
#include "fuzz.h"

#include <signalbox/formats/infile.h>

#include <sys/mman.h>
#include <unistd.h>

/* Stops early: a packed file may unpack to more than is worth reading. */
#define ENOUGH (4u << 20)

static void lines(struct sb_infile *in, const uint8_t *data, size_t size, struct sb_err *err)
{
    struct sb_span line;
    enum sb_line_end end = SB_LINE_WHOLE;
    uint64_t n = 0;
    size_t at = 0;
    int rc;
    bool packed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    while (sb_infile_bytes(in) < ENOUGH && (rc = sb_infile_line(in, &line, &end, err)) == 1) {
        check(sb_infile_number(in) == ++n);
        if (packed)
            continue;
        check(at + line.n <= size && memcmp(data + at, line.p, line.n) == 0);
        at += line.n + (end != SB_LINE_UNENDED);
        check(end == SB_LINE_UNENDED ? at == size : data[at - 1] == '\n');
    }
    if (!packed && sb_infile_bytes(in) < ENOUGH)
        check(at == size);
}

static void documents(struct sb_infile *in, struct sb_err *err)
{
    struct sb_span d;
    while (sb_infile_bytes(in) < ENOUGH && sb_infile_document(in, &d, err) == 1) {
        const uint8_t *p = (const uint8_t *)d.p;
        check(d.n >= 5 && d.n <= SB_INFILE_MAX_DOCUMENT);
        check((p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24) == d.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct sb_err err = SB_ERR_INIT;
    struct sb_infile *in = sb_infile_open(path, &err);
    if (in) {
        check(sb_infile_kind_name(sb_infile_kind(in)) && sb_infile_what(in));
        if (sb_infile_kind(in) == SB_INFILE_PROFILE_BSON)
            documents(in, &err);
        else
            lines(in, data, size, &err);
        check(sb_infile_permille(in) <= 1000);
    }
    check(in || err.msg[0]);
    sb_infile_close(in);
    close(fd);
    return 0;
}
