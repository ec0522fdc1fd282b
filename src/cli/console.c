/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/rng.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/console.h>
#include <signalbox/cli/screen.h>
#include <signalbox/tui/tui.h>

#include "first_run.h"
#include "loaded.h"
#include "overview.h"

#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How the panes stood the last time; NULL: nobody knows. */
static const char *recall(const char *state_dir, struct sb_str *text)
{
    char *path = state_dir ? sb_format("%s/%s", state_dir, SB_SCREEN_PANES) : NULL;
    bool known = path && sb_file_read(path, 256, text, NULL) == 0;
    free(path);
    return known ? text->p : NULL;
}

/* The terminal has gone. What is being carried out goes on to its safe point; then the console ends. */
static void detach(struct sb_session *s)
{
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    while (sb_session_busy(s) && sigtimedwait(&term, NULL, &(struct timespec){0, 0}) < 0)
        sb_message_free(sb_session_wait(s, -1, -1, 200)); /* the news are for nobody now */
}

int sb_console_run(const struct sb_console_options *o)
{
    struct sb_err err = SB_ERR_INIT;
    sigset_t wanted, old;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM); /* before any thread: the screen reads it, and nobody else is killed by it */
    pthread_sigmask(SIG_BLOCK, &wanted, &old);
    struct sb_session *s = sb_session_begin(&o->session, &err);
    if (!s)
        return sb_complain(&err);
    if (o->begun)
        o->begun(o->ctx, s);
    const struct sb_config *config = sb_session_config(s);
    struct sb_loaded theme = {.name = NULL}, mono = {.name = NULL}, keys = {.name = NULL}, base = {.name = NULL};
    const char *theme_name = o->theme ? o->theme : config->theme ? config->theme : "dark";
    const char *keymap = o->keymap ? o->keymap : config->keymap ? config->keymap : "default";
    sb_str_init(&theme.text);
    sb_str_init(&mono.text);
    sb_str_init(&keys.text);
    sb_str_init(&base.text);
    int rc = sb_loaded_read(&base, "keymaps", "keys", "default", &err) || sb_loaded_read(&mono, "themes", "theme", "mono", &err) ||
             sb_loaded_read(&theme, "themes", "theme", theme_name, &err) || (!sb_streq(keymap, "default") && sb_loaded_read(&keys, "keymaps", "keys", keymap, &err));
    unsigned char veil[SB_TUI_VEIL];
    if (rc == 0 && o->presenter)
        rc = sb_random_bytes(veil, sizeof veil, &err);
    int end = -1;
    struct sb_str panes;
    sb_str_init(&panes);
    if (rc == 0) {
        struct sb_screen_options screen = {.news = sb_session_news(s), .ask = sb_session_ask, .doctor = sb_session_doctor, .ctx = s, .connecting = sb_session_target(s),
                                           .theme = theme.file, .mono = mono.file, .keymap = {base.file, keys.file},
                                           .state_dir = sb_session_state_dir(s), .origin = sb_session_origin(s)};
        screen.osc52 = config->clipboard;
        screen.notice = config->notice;
        screen.problems = sb_session_config_problems(s);
        screen.mouse = config->mouse;
        screen.veil = o->presenter ? veil : NULL;
        screen.minutes = o->minutes;
        screen.line = o->line;
        screen.signing_key = config->approval_signers ? config->signing_key : NULL;
        screen.signing_name = config->signing_name;
        screen.remembered = recall(sb_session_state_dir(s), &panes);
        struct passwd *pw = getpwuid(getuid());
        screen.seat = (struct sb_seat){.who = pw ? pw->pw_name : NULL, .how = (char *)(uintptr_t)"console", .tty = ttyname(STDIN_FILENO), .read_only = o->session.read_only,
                                       .signs_as = screen.signing_key ? (char *)(uintptr_t)config->signing_name : NULL};
        end = sb_screen_run(&screen, &err);
    }
    if (end == SB_SCREEN_GONE)
        detach(s);
    struct sb_err failure = SB_ERR_INIT;
    if (sb_session_failure(s, &failure))
        err = failure;
    int status = err.code == SB_OK ? 0 : sb_complain(&err);
    sb_loaded_release(&theme);
    sb_loaded_release(&mono);
    sb_loaded_release(&keys);
    sb_loaded_release(&base);
    sb_str_release(&panes);
    sb_session_close(s, end == SB_SCREEN_GONE ? "its terminal has gone" : "the person left", status);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return status;
}

int sb_cmd_console(int argc, char **argv)
{
    struct sb_console_options o = {.session = {.attach = true, .recurring = true}};
    bool read_only = false, aloud = false, fleet = false;
    struct sb_overview_asked asked = {.json = false};
    const char *minutes = NULL;
    const struct sb_option options[] = {
        {"--deployment", NULL, &o.session.deployment}, {"--uri-file", NULL, &o.session.uri_file}, {"--read-only", &read_only, NULL},
        {"--policy", NULL, &o.session.policy},         {"--theme", NULL, &o.theme},               {"--keymap", NULL, &o.keymap},
        {"--presenter", &o.presenter, NULL},           {"--minutes", NULL, &minutes},                     {"--line", &o.line, NULL},
        {"--aloud", &aloud, NULL},                     {"--fleet", &fleet, NULL},                         {"--json", &asked.json, NULL},
        {"--environment", NULL, &asked.environment},   {"--team", NULL, &asked.team},                     {"--class", NULL, &asked.class_},
        {"--filter", NULL, &asked.filter},             {"--group", NULL, &asked.group},
    };
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("console takes no other words (see: signalbox help console)");
    if (sb_option_number("console", "--minutes", minutes, 1, 240, &o.minutes))
        return 2;
    o.session.read_only = asked.read_only = read_only;
    if (fleet)
        return o.session.deployment || o.session.uri_file || o.presenter || o.line || aloud || minutes
                   ? sb_usage_error("console: --fleet is about every deployment: it goes with --json, --environment, --team, --class, --filter, --group and --read-only only")
                   : sb_console_fleet(&asked);
    if (asked.json || asked.environment || asked.team || asked.class_ || asked.filter || asked.group)
        return sb_usage_error("console: --json, --environment, --team, --class, --filter and --group go with --fleet");
    if (aloud)
        return o.presenter || o.line ? sb_usage_error("console: --aloud has no screen, so --line and --presenter are not for it") : sb_console_aloud(&o.session);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return sb_usage_error("console needs a terminal; without one use: signalbox serve, ask and cards");
    bool named = o.session.deployment || o.session.uri_file;
    int first = named ? -1 : sb_first_run(argv);
    return first >= 0 ? first : sb_console_run(&o);
}
