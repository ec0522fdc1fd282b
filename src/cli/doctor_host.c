/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <signalbox/base/zone.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/mongo/server.h>
#include <signalbox/term/backend.h>
#include <signalbox/tui/tui.h>

#include <bson/bson.h>
#include <dlfcn.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

static void look_at_terminal(struct doctor *d, const struct sb_screen_size *known)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_screen_size t = {0, 0, 0};
    if (known)
        t = *known;
    else if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        sb_found(d, SB_FOUND_NOTE, "terminal", "run it on the terminal on which the console is to be used", "standard input or output is no terminal");
        return;
    } else if (sb_backend_look(&t.colors, &t.w, &t.h, &err)) {
        sb_found(d, SB_FOUND_WRONG, "terminal", "", "%s", err.msg);
        return;
    }
    const char *term = getenv("TERM");
    if (t.w < SB_TUI_LEAST_W || t.h < SB_TUI_LEAST_H)
        sb_found(d, SB_FOUND_WRONG, "terminal", "make it larger; 80x24 shows all", "%s of %dx%d: the console needs %dx%d", term, t.w, t.h, SB_TUI_LEAST_W, SB_TUI_LEAST_H);
    else if (t.colors)
        sb_found(d, SB_FOUND_GOOD, "terminal", "", "%s, %dx%d, %d colours", term, t.w, t.h, t.colors);
    else
        sb_found(d, SB_FOUND_GOOD, "terminal", "", "%s, %dx%d, no colours: nothing is told by colour alone", term, t.w, t.h);
}

/* Without setting it: other threads may be at work. */
static void look_at_locale(struct doctor *d)
{
    locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (!l) {
        sb_found(d, SB_FOUND_WRONG, "locale", "set LC_ALL=C.UTF-8, which every Debian has", "the locale that LC_ALL, LC_CTYPE or LANG name is not installed here");
        return;
    }
    const char *name = nl_langinfo_l(NL_LOCALE_NAME(LC_CTYPE), l), *code = nl_langinfo_l(CODESET, l);
    if (strcmp(code, "UTF-8") != 0)
        sb_found(d, SB_FOUND_NOTE, "locale", "set LC_ALL=C.UTF-8", "%s is not UTF-8 but %s: screens are drawn in ASCII", name, code);
    else
        sb_found(d, SB_FOUND_GOOD, "locale", "", "%s, UTF-8", name);
    freelocale(l);
}

static void look_at_libraries(struct doctor *d)
{
    void *zstd = dlopen("libzstd.so.1", RTLD_LAZY | RTLD_LOCAL);
    sb_found(d, SB_FOUND_GOOD, "libraries", "", "libmongoc %s, libbson %s, SQLite %s, ncurses %s", sb_mongo_library(), bson_get_version(), sb_ledger_library(), sb_term_library());
    if (!zstd)
        sb_found(d, SB_FOUND_NOTE, "libraries", "apt-get install libzstd1", "libzstd is not here: digest cannot unpack logs that end in .zst");
    else
        dlclose(zstd);
}

/* Approvals, windows and leases go by this clock. */
static void look_at_clock(struct doctor *d)
{
    struct timex t = {0};
    struct sb_err err = SB_ERR_INIT;
    struct sb_str zone;
    int state = adjtimex(&t);
    if (state == TIME_ERROR)
        sb_found(d, SB_FOUND_NOTE, "clock", "run chrony or systemd-timesyncd on this host (in a container: on its host)",
                 "nothing keeps this clock in step; approvals, windows and the record go by it");
    else if (state >= 0)
        sb_found(d, SB_FOUND_GOOD, "clock", "", "kept in step, within %ld ms", t.maxerror / 1000);
    sb_str_init(&zone);
    if (sb_zones_of_system.read(sb_zones_of_system.ctx, "Europe/Berlin", &zone, &err))
        sb_found(d, SB_FOUND_WRONG, "clock", "apt-get install tzdata", "the system's time zones are not here: a policy or a schedule that names one is refused (%s)", err.msg);
    sb_str_release(&zone);
}

void sb_doctor_host(struct doctor *d, const struct sb_screen_size *terminal)
{
    look_at_terminal(d, terminal);
    look_at_locale(d);
    look_at_libraries(d);
    look_at_clock(d);
}
