/* SPDX-License-Identifier: Apache-2.0
 *
 * timed wall|cpu COMMAND...: runs the command with its output thrown away and prints how long it took: seconds of the
 * wall's clock, or of processor time, user and system, of the command and all that it started. Processor time is what to
 * compare where one core does the work: the machine may be busy with other things. The command's failure is ours. */
#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    bool cpu = argc > 2 && sb_streq(argv[1], "cpu");
    if (!cpu && !(argc > 2 && sb_streq(argv[1], "wall"))) {
        fprintf(stderr, "usage: timed wall|cpu COMMAND...\n");
        return 2;
    }
    int64_t start = sb_mono_ns();
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
            execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "timed: it failed: %s\n", argv[2]);
        return 1;
    }
    double wall = (double)(sb_mono_ns() - start) / 1e9;
    printf("%.4f\n", cpu ? seconds(used.ru_utime) + seconds(used.ru_stime) : wall);
    return 0;
}
