/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the unpacking of what is given as snappy, S2 or gzip. It ends, gives out nothing after an error but the same error
 * again, and what was unpacked from snappy is at most its blocks. */
#include "fuzz.h"

#include <signalbox/formats/source.h>

#include <sys/mman.h>
#include <unistd.h>

#define ENOUGH (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[70001];
    struct sb_err err = SB_ERR_INIT;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    struct sb_source *s = sb_source_open_fd(fd, "fuzz", SB_SOURCE_UNPACK, NULL, &err);
    if (s) {
        uint64_t all = 0;
        int64_t n;
        while ((n = sb_source_read(s, out, sizeof out, &err)) > 0 && all < ENOUGH) {
            check(n <= (int64_t)sizeof out);
            all += (uint64_t)n;
        }
        if (n < 0)
            check(err.msg[0] && sb_source_read(s, out, sizeof out, &err) <= 0);
        if (sb_source_packing(s) == SB_PACKING_NONE)
            check(all == size && n == 0);
        check(sb_source_taken(s) <= size);
    }
    check(s || err.msg[0]);
    sb_source_close(s);
    return 0;
}
