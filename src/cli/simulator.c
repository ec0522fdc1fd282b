/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MAX_READY_LINE 8192
#define SIM_START_MS 20000

/* Reads its one line, which says where it listens, within a time limit. */
static int read_ready(int fd, char *line, size_t cap, struct sb_err *err)
{
    size_t n = 0;
    int64_t until = sb_mono_ms() + SIM_START_MS;
    while (n + 1 < cap) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = until - sb_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return sb_fail(err, SB_EIO, "the simulator did not start within %d s", SIM_START_MS / 1000);
        ssize_t got = read(fd, line + n, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sb_fail(err, SB_EUSAGE, "the simulator did not start; try: signalbox sim");
        if (line[n] == '\n')
            break;
        n++;
    }
    line[n] = '\0';
    return 0;
}

int sb_simulator_spawn(struct sb_process *process, struct sb_origin *origin, const struct sb_simulation *o, struct sb_err *err)
{
    char self[4096], seed[32], speed[32], start[SB_TIME_LEN + 1], incarnation[33];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return sb_fail_errno(err, errno, "cannot find the program itself");
    self[n] = '\0';
    snprintf(seed, sizeof seed, "%" PRId64, o->seed);
    snprintf(speed, sizeof speed, "%" PRId64, o->speed);
    sb_time_format(start, o->seeded ? origin->start_wall_ms : sb_wall_ms());
    if (sb_origin_nonce(origin, incarnation, err))
        return -1;
    const char *const argv[] = {self, "sim", "--scenario", o->scenario ? o->scenario : "slow-orders", "--seed", seed, "--speed", speed, "--server-version", o->version ? o->version : "5.0",
                                "--start", start, "--incarnation", incarnation, NULL};
    return sb_process_spawn(process, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, err);
}

int sb_simulator_await(const struct sb_process *process, struct sb_str *uri, struct sb_err *err)
{
    char line[MAX_READY_LINE];
    if (read_ready(process->out, line, sizeof line, err))
        return -1;
    json_t *ready = sb_json_parse(line, strlen(line), "the simulator's first line", SB_JSON_ALLOW_REAL, err);
    const char *where = ready ? sb_json_str(ready, "uri") : NULL;
    if (where)
        sb_str_adds(uri, where);
    else if (ready)
        sb_fail(err, SB_EINTERNAL, "the simulator did not say where it listens");
    json_decref(ready);
    return where ? 0 : -1;
}
