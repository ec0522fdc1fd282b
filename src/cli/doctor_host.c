/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <signalbox/base/zone.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/mongo/server.h>
#include <signalbox/term/backend.h>

#include <bson/bson.h>
#include <dlfcn.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#define LEAST_W 20
#define LEAST_H 5

static void look_at_terminal(struct findings *f)
{
    struct sb_err err = SB_ERR_INIT;
    int colors, w, h;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        sb_found(f, FOUND_NOTE, "terminal", "run it on the terminal on which the console is to be used", "standard input or output is no terminal");
    else if (sb_backend_look(&colors, &w, &h, &err))
        sb_found(f, FOUND_WRONG, "terminal", "", "%s", err.msg);
    else if (w < LEAST_W || h < LEAST_H)
        sb_found(f, FOUND_WRONG, "terminal", "make it larger; 80x24 shows all", "%s of %dx%d: the console needs %dx%d", getenv("TERM"), w, h, LEAST_W, LEAST_H);
    else if (colors)
        sb_found(f, FOUND_GOOD, "terminal", "", "%s, %dx%d, %d colours", getenv("TERM"), w, h, colors);
    else
        sb_found(f, FOUND_GOOD, "terminal", "", "%s, %dx%d, no colours: nothing is told by colour alone", getenv("TERM"), w, h);
}

static void look_at_locale(struct findings *f)
{
    const char *set = setlocale(LC_CTYPE, ""), *code = nl_langinfo(CODESET);
    if (!set)
        sb_found(f, FOUND_WRONG, "locale", "set LC_ALL=C.UTF-8, which every Debian has", "the locale that LC_ALL, LC_CTYPE or LANG name is not installed here");
    else if (strcmp(code, "UTF-8") != 0)
        sb_found(f, FOUND_NOTE, "locale", "set LC_ALL=C.UTF-8", "%s is not UTF-8 but %s: screens are drawn in ASCII", set, code);
    else
        sb_found(f, FOUND_GOOD, "locale", "", "%s, UTF-8", set);
}

static void look_at_libraries(struct findings *f)
{
    void *zstd = dlopen("libzstd.so.1", RTLD_LAZY | RTLD_LOCAL);
    sb_found(f, FOUND_GOOD, "libraries", "", "libmongoc %s, libbson %s, SQLite %s, ncurses %s", sb_mongo_library(), bson_get_version(), sb_ledger_library(), sb_term_library());
    if (!zstd)
        sb_found(f, FOUND_NOTE, "libraries", "apt-get install libzstd1", "libzstd is not here: digest cannot unpack logs that end in .zst");
    else
        dlclose(zstd);
}

/* Approvals, windows and leases go by this clock. */
static void look_at_clock(struct findings *f)
{
    struct timex t = {0};
    struct sb_err err = SB_ERR_INIT;
    struct sb_str zone;
    int state = adjtimex(&t);
    if (state == TIME_ERROR)
        sb_found(f, FOUND_NOTE, "clock", "run chrony or systemd-timesyncd on this host (in a container: on its host)",
                 "nothing keeps this clock in step; approvals, windows and the record go by it");
    else if (state >= 0)
        sb_found(f, FOUND_GOOD, "clock", "", "kept in step, within %ld ms", t.maxerror / 1000);
    sb_str_init(&zone);
    if (sb_zones_of_system.read(sb_zones_of_system.ctx, "Europe/Berlin", &zone, &err))
        sb_found(f, FOUND_WRONG, "clock", "apt-get install tzdata", "the system's time zones are not here: a policy or a schedule that names one is refused (%s)", err.msg);
    sb_str_release(&zone);
}

void sb_doctor_host(struct findings *f)
{
    look_at_terminal(f);
    look_at_locale(f);
    look_at_libraries(f);
    look_at_clock(f);
}
