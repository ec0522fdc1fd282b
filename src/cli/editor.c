/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/process.h>
#include <signalbox/cli/editor.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MOST 16
#define TEXT_MOST (64u << 10)

/* The words of the variable and the file behind them; `copy` holds them. */
static void words(char *copy, const char *path, const char *argv[WORDS_MOST + 2])
{
    size_t n = 0;
    for (char *word = strsep(&copy, " "); word && n < WORDS_MOST; word = strsep(&copy, " "))
        if (*word)
            argv[n++] = word;
    if (n == 0)
        argv[n++] = "vi";
    argv[n++] = path;
    argv[n] = NULL;
}

/* An editor that stops itself would leave a terminal to nobody: it is let go on. */
static int wait_for(struct sb_process *p, bool (*ended)(void *ctx), void *ctx, struct sb_err *err)
{
    for (;;) {
        int status;
        pid_t got = waitpid(p->pid, &status, WNOHANG | WUNTRACED);
        if (got < 0 && errno != EINTR)
            return sb_fail_errno(err, errno, "cannot wait for the editor");
        if (got > 0 && WIFSTOPPED(status)) {
            kill(p->pid, SIGCONT);
        } else if (got > 0) {
            p->pid = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
            return sb_fail(err, SB_EINPUT, "the editor ended with %s %d: nothing was taken over", WIFEXITED(status) ? "status" : "signal",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        }
        if (ended(ctx)) {
            sb_process_stop(p, 1000);
            return 1;
        }
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
}

int sb_editor_run(const char *path, const char *text, bool (*ended)(void *ctx), void *ctx, struct sb_str *out, struct sb_err *err)
{
    const char *name = getenv("VISUAL");
    if (!name || !name[0])
        name = getenv("EDITOR");
    char *copy = sb_strdup_n(name ? name : "", name ? strlen(name) : 0);
    const char *argv[WORDS_MOST + 2];
    struct sb_process p;
    int rc = -1;
    if (!copy)
        return sb_fail_nomem(err);
    words(copy, path, argv);
    if (sb_file_write(path, 0600, text, strlen(text), err))
        goto out;
    if (sb_process_spawn(&p, argv, SB_PROCESS_OUR_IN | SB_PROCESS_DIE_WITH_US, err)) {
        if (!copy[0])
            sb_err_prefix(err, "neither VISUAL nor EDITOR names an editor");
        goto out;
    }
    rc = wait_for(&p, ended, ctx, err);
    if (rc == 0)
        rc = sb_file_read(path, TEXT_MOST, out, err);
out:
    unlink(path);
    free(copy);
    return rc;
}
