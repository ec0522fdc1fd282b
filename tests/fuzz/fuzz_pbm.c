/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the metadata of a backup in a store of Percona's, in a folder that has nothing else than the files that they may name:
 * whatever they say, nothing outside the folder is opened, and without its files no backup is whole. */
#include "fuzz.h"

#include <signalbox/formats/pbm.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void remove_folder(void)
{
    static const char *const files[] = {"A.pbm.json", "data", ""};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        if (files[i][0])
            unlink(path);
        else
            rmdir(path);
    }
}

static void put(const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_backup_options options = {0};
    struct sb_backup b;
    struct sb_err err = SB_ERR_INIT;
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/signalbox-fuzz-XXXXXX");
        check(mkdtemp(folder) && atexit(remove_folder) == 0);
        put("data", "\5\0\0\0\0", 5);
    }
    put("A.pbm.json", data, size);
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(dir >= 0 && sb_pbm_folder_look(dir));
    struct sb_pbm *store = sb_pbm_open(dir, &err);
    check(store && sb_pbm_backups(store) == 1 && sb_pbm_find(store, "A.pbm.json") == 0);
    check(sb_backup_init(&b, folder, &options, &err) == 0);
    sb_pbm_check(store, 0, &b);
    check(b.kind == SB_BACKUP_PBM && b.level <= 2 && b.name && (b.level == 0 || b.taken_at_ms > 0));
    check(sb_backup_usable(&b) == (b.level >= 1 && b.problems.all == 0));
    for (size_t i = 0; i < b.pitr.n; i++)
        check(b.pitr.items[i].from < b.pitr.items[i].to);
    sb_backup_release(&b);
    sb_pbm_close(store);
    return 0;
}
