/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the opening of what is given as sealed: the first bytes choose the chunk's size, the rest are its chunks. It ends, and
 * nothing that our key did not seal is given out. */
#include "fuzz.h"

#include <signalbox/base/seal.h>
#include <signalbox/formats/source.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sb_seal_key key = {"0123456789abcdef0123456789abcdef"};
    static uint8_t out[5000];
    struct sb_err err = SB_ERR_INIT;
    unsigned char header[SB_SEAL_HEADER];
    char path[40];
    struct sb_seal *s = sb_seal_new(&key, header, &err);
    check(s != NULL);
    sb_seal_free(s);
    if (size >= 4)
        memcpy(header + 8, data, 4);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, header, sizeof header) == (ssize_t)sizeof header);
    if (size > 4)
        check(write(fd, data + 4, size - 4) == (ssize_t)(size - 4));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct sb_source *source = sb_source_open_sealed(path, &key, &err);
    check(!source || sb_source_read(source, out, sizeof out, &err) < 0);
    check(err.msg[0]);
    sb_source_close(source);
    close(fd);
    return 0;
}
