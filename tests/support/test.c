/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *sb_test_data(void)
{
    const char *said = getenv("SIGNALBOX_TEST_DATA");
    const char *path = said ? said : "../shared/data";
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

static char dirs[16][64];
static size_t dirs_n;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_dirs(void)
{
    for (size_t i = 0; i < dirs_n; i++)
        nftw(dirs[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *sb_test_dir(void)
{
    assert_true(dirs_n < 16);
    char *dir = dirs[dirs_n];
    const char *base = getenv("TMPDIR"); /* a memory file system makes tests that sync a lot quick */
    snprintf(dir, sizeof dirs[0], "%s/signalbox-test.XXXXXX", base && base[0] == '/' && strlen(base) < 24 ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    if (dirs_n++ == 0)
        atexit(remove_dirs);
    return dir;
}
