/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_owner: the program itself, which ends (or stops) its own process at a named point. A test program, no part of the product.
 *
 *   crash_owner COMMAND...        as signalbox COMMAND...
 *   crash_owner --verify FOLDER   whether the ledger there is whole; exit 0 or 1
 *
 * SIGNALBOX_CRASH_AT=POINT:N    SIGKILL at the N-th visit of the point, or of any point when POINT is *
 * SIGNALBOX_CRASH_STOP=1        SIGSTOP instead: it stands still there, and can be continued
 * SIGNALBOX_CRASH_ARM=FILE      visits are counted from the moment on at which this file exists
 * SIGNALBOX_CRASH_TRACE=FILE    a line for each visit that is counted */
#include <signalbox/base/hook.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/verify.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char point_wanted[64];
static long visit_wanted;
static const char *arm;
static bool stop;
static int trace = -1;
static atomic_long visits;
static atomic_bool armed;

/* Ours takes the place of the library's weak one. */
void sb_hook(const char *point)
{
    if (!visit_wanted && trace < 0)
        return;
    if (!atomic_load(&armed)) {
        if (access(arm, F_OK))
            return;
        atomic_store(&armed, true);
    }
    if (trace >= 0) {
        char line[128];
        int n = snprintf(line, sizeof line, "%s\n", point);
        if (write(trace, line, (size_t)n) != n)
            abort();
    }
    if (visit_wanted && (strcmp(point_wanted, "*") == 0 || strcmp(point_wanted, point) == 0) && atomic_fetch_add(&visits, 1) + 1 == visit_wanted)
        kill(getpid(), stop ? SIGSTOP : SIGKILL);
}

static int verify(const char *dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_verify v;
    if (sb_ledger_verify(dir, SB_VERIFY_FULL, NULL, NULL, &v, &err)) {
        printf("%s\n", err.msg);
        return 1;
    }
    printf("%s, %" PRId64 " entries%s%s\n", v.ok ? "whole" : "broken", v.entries, v.ok ? "" : ": ", v.what);
    return v.ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--verify") == 0)
        return verify(argv[2]);
    const char *at = getenv("SIGNALBOX_CRASH_AT"), *out = getenv("SIGNALBOX_CRASH_TRACE");
    arm = getenv("SIGNALBOX_CRASH_ARM");
    stop = getenv("SIGNALBOX_CRASH_STOP") != NULL;
    armed = arm == NULL;
    if (out && (trace = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) {
        perror(out);
        return 2;
    }
    if (at && (sscanf(at, "%63[^:]:%ld", point_wanted, &visit_wanted) != 2 || visit_wanted < 1)) {
        fprintf(stderr, "SIGNALBOX_CRASH_AT is POINT:N\n");
        return 2;
    }
    return sb_cli_main(argc, argv);
}
