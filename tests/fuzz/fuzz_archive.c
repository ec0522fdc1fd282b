/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of mongodump's archives, packed or not. What it finds has a code, a sentence and a place within what was
 * read; what it counts was there; a backup with a problem is not usable. */
#include "fuzz.h"

#include <signalbox/formats/mongodump.h>

#include <sys/mman.h>
#include <unistd.h>

static void check_findings(const struct sb_backup_findings *list)
{
    check(list->n <= SB_BACKUP_FINDINGS && list->all >= list->n);
    for (size_t i = 0; i < list->n; i++)
        check(list->items[i].code[0] && list->items[i].what[0] && list->items[i].at >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_backup_options options = {.sums = true};
    struct sb_backup b;
    struct sb_err err = SB_ERR_INIT;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    check(sb_backup_init(&b, "fuzz", &options, &err) == 0);
    struct sb_source *source = sb_source_open_fd(fd, "fuzz", SB_SOURCE_UNPACK, NULL, &err);
    if (source) {
        bool plain = sb_source_packing(source) == SB_PACKING_NONE;
        bool prelude = sb_dump_archive(&b, source, "fuzz", true);
        check(prelude || b.problems.all || b.nomem);
        uint64_t bytes = 0;
        for (size_t i = 0; i < b.collections_n; i++) {
            check(sb_backup_collection_find(&b, b.collections[i].ns) == &b.collections[i]);
            check(b.collections[i].bytes >= 5 * b.collections[i].documents);
            bytes += b.collections[i].bytes;
        }
        check(!plain || bytes <= size);
        check(b.oplog_from <= b.oplog_to);
        check_findings(&b.problems);
        check_findings(&b.notes);
        check(!sb_backup_usable(&b)); /* nobody has given it a level */
    }
    check(source || err.msg[0]);
    sb_backup_sort(&b);
    sb_backup_release(&b);
    return 0;
}
