/* SPDX-License-Identifier: Apache-2.0
 *
 * series screen|copy: 300,000 series with a value a second each, half a minute after each has been seen for 210 s: processor
 * time of one second of theirs, "SECONDS MEGABYTES WATCHED", megabytes as the most that was resident. copy makes the same
 * values and does nothing but keep the last 200 of each, which is the least a detector could do. A quarter each is flat noise,
 * small moves of large numbers, counters and heavy tails; every second another 40 step up, so that detectors are never idle. */
#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/telemetry/screen.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define SERIES 300000
#define LEARNED 210
#define MEASURED 30
#define STEP_UP 40

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "series: %s\n", what);
    exit(1);
}

/* Of the series at that second; sum: a counter's, so far. */
static double value_of(struct sb_rng *rng, size_t series, int second, double *sum)
{
    double noise = sb_rng_unit(rng) + sb_rng_unit(rng) + sb_rng_unit(rng) - 1.5;
    int since = second - LEARNED;
    if (since >= 0 && series % (SERIES / STEP_UP) <= (size_t)since) /* another 40 each second */
        noise += 8;
    switch (series % 4) {
    case 0: return 50 + 3 * noise;
    case 1: return 1e9 + 50 * noise;
    case 2: return *sum += 1000 + 100 * noise;
    default: return exp(3 * noise);
    }
}

int main(int argc, char **argv)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_rng rng;
    struct rusage used;
    bool ours = argc == 2 && sb_streq(argv[1], "screen");
    if (!ours && !(argc == 2 && sb_streq(argv[1], "copy")))
        die("screen|copy");
    struct sb_screen *screen = ours ? sb_screen_new(SERIES, SB_SCREEN_DETECTORS, &err) : NULL;
    float *kept = ours ? NULL : calloc((size_t)SERIES * SB_SCREEN_KEPT, sizeof *kept);
    double *sum = calloc(SERIES, sizeof *sum), from = 0;
    if (!sum || (ours ? !screen : !kept))
        die("out of memory");
    sb_rng_seed(&rng, 5);
    for (int t = 0; t < LEARNED + MEASURED; t++) {
        if (t == LEARNED)
            from = cpu_s();
        for (size_t i = 0; i < SERIES; i++) {
            double value = value_of(&rng, i, t, &sum[i]);
            int rc = 0;
            if (ours)
                sb_screen_take(screen, i, INT64_C(1795424400000) + t * INT64_C(1000), value, false, &rc);
            else
                kept[i * SB_SCREEN_KEPT + (size_t)t % SB_SCREEN_KEPT] = (float)value;
            if (rc)
                die("out of memory");
        }
    }
    double spent = (cpu_s() - from) / MEASURED;
    getrusage(RUSAGE_SELF, &used);
    printf("%.4f %.0f %zu\n", spent, (double)used.ru_maxrss * 1024 / 1e6, ours ? sb_screen_watched(screen) : 0);
    sb_screen_free(screen);
    free(kept);
    free(sum);
    return 0;
}
