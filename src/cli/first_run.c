/* SPDX-License-Identifier: Apache-2.0
 *
 * The first start of a console, as lines on a terminal: it has no config, and nobody to join. What is typed is bounded, the connection
 * string is typed unseen, and nothing is written before it was tried out and agreed to. Control-C and the end of input leave
 * everything as it is. */
#include "doctor.h"
#include "first_run.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/embed.h>
#include <signalbox/mongo/server.h>
#include <signalbox/tui/keymap.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MOST 4096
#define NAME_MOST 40
#define CONTROL(letter) ((letter) - '@')
#define LEFT 1 /* the person left; nothing was written */

struct first {
    struct sb_str folder;  /* of the config */
    struct sb_str config;  /* the file */
    struct sb_str uri;     /* secret */
    char name[NAME_MOST + 1];
    char *uri_file;        /* where it is, or will be */
    bool typed;            /* it is still to be written */
    const char *environment;
};

static void release(struct first *f)
{
    explicit_bzero(f->uri.p, f->uri.len);
    sb_str_release(&f->uri);
    sb_str_release(&f->folder);
    sb_str_release(&f->config);
    free(f->uri_file);
}

/* ---- is it one? ---- */

static bool somebody_is_there(void)
{
    struct sb_str dir;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    sb_str_init(&dir);
    bool seen = sb_path_state_seen(&dir, NULL) == 0 && dir.len + sizeof "/socket" <= sizeof at.sun_path;
    int fd = seen ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0)
        snprintf(at.sun_path, sizeof at.sun_path, "%.90s/socket", dir.p);
    bool there = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        close(fd);
    sb_str_release(&dir);
    return there;
}

static bool is_first(struct first *f, struct sb_err *err)
{
    const char *env = getenv("SIGNALBOX_URI");
    if ((env && *env) || sb_path_config(&f->folder, err))
        return false;
    sb_str_addf(&f->config, "%s/config", f->folder.p);
    return sb_str_ok(&f->config) && access(f->config.p, F_OK) && errno == ENOENT && !somebody_is_there();
}

/* ---- lines ---- */

/* The terminal echoes nothing from here on, and Control-C cannot leave it so; false: it is none. */
static bool unseen(struct termios *was)
{
    if (tcgetattr(STDIN_FILENO, was))
        return false;
    struct termios now = *was;
    now.c_lflag &= ~(tcflag_t)(ECHO | ISIG | ICANON);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &now) == 0;
}

/* One line without its end; raw: the terminal edits none. LEFT: Control-C, or the input has ended. */
static int read_line(struct sb_str *out, bool raw)
{
    int rc = LEFT;
    sb_str_clear(out);
    for (char c; out->len < LINE_MOST;) {
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (raw && (c == CONTROL('C') || c == CONTROL('D'))))
            break;
        if (c == '\n' || c == '\r') {
            rc = 0;
            break;
        }
        if (raw && (c == 0x7f || c == '\b'))
            sb_str_truncate(out, out->len ? out->len - 1 : 0);
        else if (raw && c == CONTROL('U'))
            sb_str_clear(out);
        else
            sb_str_addc(out, c);
    }
    return rc || !sb_str_ok(out) ? LEFT : 0;
}

/* A question with what Enter means. What is secret is not shown from before the question on: whoever pastes at once is not seen either. */
static int ask(const char *question, const char *otherwise, bool secret, struct sb_str *out)
{
    struct termios was;
    bool raw = secret && unseen(&was);
    sb_print("%s%s%s%s: ", question, otherwise ? " [" : "", otherwise ? otherwise : "", otherwise ? "]" : "");
    fflush(stdout);
    int rc = read_line(out, raw);
    if (raw) {
        tcsetattr(STDIN_FILENO, TCSANOW, &was);
        sb_print("\n");
    }
    if (rc)
        return LEFT;
    size_t from = strspn(out->p, " \t"), n = out->len;
    while (n > from && strchr(" \t", out->p[n - 1]))
        n--;
    memmove(out->p, out->p + from, n - from);
    sb_str_truncate(out, n - from);
    if (!out->len && otherwise)
        sb_str_adds(out, otherwise);
    return 0;
}

static void complain(const char *why)
{
    struct doctor one = {.told = NULL};
    sb_found(&one, SB_FOUND_WRONG, "answer", "", "%s", why);
    sb_doctor_print(&one.found);
    sb_doctor_release(&one);
}

static bool is_yes(const struct sb_str *line)
{
    return line->p[0] == 'y' || line->p[0] == 'Y';
}

/* ---- the steps ---- */

static int name_it(struct first *f, struct sb_str *line)
{
    for (;;) {
        if (ask("1. A short name for the deployment", "main", false, line))
            return LEFT;
        if (line->len <= NAME_MOST && strspn(line->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == line->len)
            break;
        complain("letters, digits, - and _, at most 40 of them");
    }
    snprintf(f->name, sizeof f->name, "%s", line->p);
    return 0;
}

/* 0: there is one in f->uri; -1 with err: it is none. */
static int take_file(struct first *f, const char *path, struct sb_err *err)
{
    sb_str_clear(&f->uri);
    char *whole = path[0] == '/' ? NULL : realpath(path, NULL);
    int rc = sb_str_set(&f->uri_file, whole ? whole : path) ? sb_fail_nomem(err) : 0;
    free(whole);
    f->typed = false;
    return rc ? rc : sb_uri_from_file(f->uri_file, &f->uri, err);
}

static int take_typed(struct first *f, struct sb_str *line, struct sb_err *err)
{
    if (ask("   mongodb://USER:PASSWORD@HOST:PORT/?replicaSet=NAME, typed unseen", NULL, true, line))
        return LEFT;
    sb_str_clear(&f->uri);
    sb_str_add(&f->uri, line->p, line->len);
    explicit_bzero(line->p, line->len);
    free(f->uri_file);
    f->uri_file = sb_format("%s/%s.uri", f->folder.p, f->name);
    f->typed = true;
    if (!f->uri_file || !sb_str_ok(&f->uri))
        return sb_fail_nomem(err);
    return access(f->uri_file, F_OK) == 0 ? sb_fail(err, SB_EUSAGE, "there is a file %s already: name it, or give the deployment another name", f->uri_file) : 0;
}

/* Can it be reached, and what may this login read? What the doctor says, it says here. */
static bool try_out(const struct first *f)
{
    struct doctor d = {.told = NULL};
    struct sb_target t;
    sb_target_init(&t);
    sb_str_add(&t.uri, f->uri.p, f->uri.len);
    if (sb_str_set(&t.name, f->name) == 0 && sb_str_ok(&t.uri)) {
        t.uri_from = f->uri_file;
        sb_print("   Trying it out ...\n");
        fflush(stdout);
        sb_doctor_server(&d, &t);
    }
    sb_doctor_print(&d.found);
    bool good = d.found.findings_n > 0 && sb_doctor_count(&d.found, SB_FOUND_WRONG) == 0;
    sb_doctor_release(&d);
    sb_target_release(&t);
    return good;
}

static int connect_it(struct first *f, struct sb_str *line)
{
    for (;;) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_server *server = NULL;
        sb_print("2. A file whose first line is the connection string, for you alone (mode 600).\n");
        if (ask("   Its path, or Enter to type the string", NULL, false, line))
            return LEFT;
        int rc = line->len ? take_file(f, line->p, &err) : take_typed(f, line, &err);
        if (rc == LEFT)
            return LEFT;
        if (rc == 0)
            rc = (server = sb_server_new(f->uri.p, true, &err)) ? 0 : -1;
        sb_server_free(server);
        if (rc) {
            complain(err.msg);
            continue;
        }
        if (try_out(f))
            return 0;
        if (ask("   Keep it all the same? What is out of reach is tried again every 2 s", "n", false, line))
            return LEFT;
        if (is_yes(line))
            return 0;
    }
}

static int environment(struct first *f, struct sb_str *line)
{
    static const char *const names[] = {"prod", "staging", "dev"};
    for (;;) {
        if (ask("3. Is it prod, staging or dev? Policy is strictest in prod", "prod", false, line))
            return LEFT;
        for (size_t i = 0; i < SB_COUNT(names); i++)
            if (strcmp(line->p, names[i]) == 0) {
                f->environment = names[i];
                return 0;
            }
        complain("one of the three words");
    }
}

static int write_it(struct first *f, struct sb_str *line, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_addf(&text, "# written by the first start of signalbox console; `signalbox doctor` says what is wrong in it\ndeployment %s\nset uri_file \"%s\"\nset environment %s\n", f->name, f->uri_file,
                f->environment);
    sb_print("4. This is written to %s:\n\n", f->config.p);
    sb_print("     deployment %s\n     set uri_file \"%s\"\n     set environment %s\n\n", f->name, f->uri_file, f->environment);
    if (f->typed)
        sb_print("\n   and the connection string, for you alone, to %s\n", f->uri_file);
    sb_print("\n   This login only needs to read; one that may change things is\n   `set executor_uri_file` in the same place.\n");
    int rc = ask("   Write it?", "y", false, line);
    if (rc == 0 && !is_yes(line))
        rc = LEFT;
    if (rc == 0 && strpbrk(f->uri_file, "\"\\\n"))
        rc = sb_fail(err, SB_EINPUT, "the path of the file with the connection string holds a quotation mark or a backslash: it cannot be written into the config");
    if (rc == 0 && (!sb_str_ok(&text) || !sb_str_ok(&f->uri)))
        rc = sb_fail_nomem(err);
    if (rc == 0 && f->typed) {
        sb_str_addc(&f->uri, '\n');
        rc = sb_str_ok(&f->uri) ? sb_dir_make(f->folder.p, 0700, err) || sb_file_write(f->uri_file, 0600, f->uri.p, f->uri.len, err) : sb_fail_nomem(err);
    }
    if (rc == 0)
        rc = sb_dir_make(f->folder.p, 0700, err) || sb_file_write(f->config.p, 0600, text.p, text.len, err) ? -1 : 0;
    sb_str_release(&text);
    return rc;
}

/* The keys one needs first, as the keymap has them. */
static void tour(void)
{
    static const struct {
        enum sb_context at;
        enum sb_action action;
    } first[] = {{SB_IN_MAIN, SB_ACT_NEXT_PANE}, {SB_IN_APPROVALS, SB_ACT_OPEN}, {SB_IN_CARD, SB_ACT_NEXT_TAB}, {SB_IN_CARD, SB_ACT_APPROVE}, {SB_IN_CARD, SB_ACT_REJECT},
                 {SB_IN_MAIN, SB_ACT_REQUEST}, {SB_IN_MAIN, SB_ACT_RUNNING}, {SB_IN_MAIN, SB_ACT_PALETTE}, {SB_IN_MAIN, SB_ACT_HELP}, {SB_IN_MAIN, SB_ACT_BACK}, {SB_IN_MAIN, SB_ACT_QUIT}};
    struct sb_problems problems;
    size_t len = 0;
    const char *text = sb_embedded("keymaps/default.keys", &len);
    struct sb_keymap *k = sb_keymap_new();
    sb_problems_init(&problems);
    if (k && text && sb_keymap_read(k, text, len, "default", &problems, NULL) == 0) {
        sb_print("\nThe keys to begin with (? in the console shows those of the place you are in):\n\n");
        for (size_t i = 0; i < SB_COUNT(first); i++) {
            const char *keys = sb_keymap_keys(k, first[i].at, first[i].action);
            if (keys)
                sb_print("  %-8s %s\n", keys, sb_actions[first[i].action].help);
        }
    }
    sb_problems_release(&problems);
    sb_keymap_free(k);
}

/* The driver cannot be begun twice in one process, and it was begun to try the connection out: the program starts anew. */
static void go_on(char **argv, struct sb_str *line)
{
    char program[4096];
    static char name[] = "signalbox", demo[] = "demo", console[] = "console", *exercise[] = {name, demo, NULL};
    sb_print("\nExercises on a simulated set: signalbox demo --list\n");
    if (ask("Enter opens the console, d the simulated set first, q leaves", NULL, false, line) || line->p[0] == 'q')
        return;
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    size_t words = 0;
    while (argv[words])
        words++;
    char **again = calloc(words + 3, sizeof *again);
    if (n <= 0 || !again) {
        free(again);
        sb_print("Everything is written: signalbox console opens it.\n");
        return;
    }
    program[n] = '\0';
    again[0] = name;
    again[1] = console;
    bool named = words && strcmp(argv[0], console) == 0;
    for (size_t i = named; i < words; i++)
        again[2 + i - named] = argv[i];
    fflush(stdout);
    execv(program, line->p[0] == 'd' ? exercise : again);
    free(again);
    sb_print("Everything is written: signalbox console opens it.\n");
}

int sb_first_run(char **argv)
{
    struct first f = {.environment = "prod"};
    struct sb_str line;
    struct sb_err err = SB_ERR_INIT;
    int rc = -1;
    sb_str_init(&f.folder);
    sb_str_init(&f.config);
    sb_str_init(&f.uri);
    sb_str_init(&line);
    if (!is_first(&f, &err))
        goto out;
    sb_print("Signalbox has no config here yet. Four questions, and it is written;\nControl-C leaves everything as it is. On a simulated set first: signalbox demo\n\n");
    sb_mongo_init();
    rc = name_it(&f, &line) || connect_it(&f, &line) || environment(&f, &line) ? LEFT : write_it(&f, &line, &err);
    sb_mongo_cleanup();
    if (rc == 0) {
        tour();
        go_on(argv, &line);
    } else if (rc == LEFT) {
        sb_print("\nNothing was written.\n");
        rc = 0;
    }
out:
    explicit_bzero(line.p, line.len);
    sb_str_release(&line);
    release(&f);
    return err.code != SB_OK ? sb_complain(&err) : rc;
}
