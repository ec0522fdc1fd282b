/* SPDX-License-Identifier: Apache-2.0
 *
 * screen watch|mean SERIES SECONDS: values of so many series at 1 Hz through the screen, or through a mean and a spread of each
 * and nothing more: "SECONDS PEAK WATCHED FOUND OTHERS", seconds of processor time, peak bytes, series with a full detector
 * at the end, of the thousand that step up a minute before the end those that were alarmed, and of all others. All kinds: noise, levels of their own, counters, series
 * that stand still, heavy tails. The values come from a table, so that making them costs next to nothing. */
#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/telemetry/screen.h>

#include <math.h>
#include <sys/resource.h>
#include <time.h>

#define TABLE (1 << 16)
#define ODD 1000

static float table[TABLE];

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "screen: %s\n", what);
    exit(1);
}

static void fill_table(void)
{
    struct sb_rng rng;
    sb_rng_seed(&rng, 20261126);
    for (size_t i = 0; i < TABLE; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += (double)sb_rng_below(&rng, 1000000) / 1e6;
        table[i] = (float)sum;
    }
}

static double value_of(size_t series, int second, int seconds, size_t all)
{
    float noise = table[(series * 7919 + (size_t)second * 104729) % TABLE], step = 0;
    if (series % (all / ODD) == 0 && second >= seconds - 60)
        step = 6;
    switch (series % 8) {
    case 1:
        return 1e6 + 1e3 * (double)(noise + step);
    case 2:
        return second * (100. + 20. * (double)step) + (double)noise * 10;
    case 3:
        return 7 + (double)step;
    case 4:
        return (double)expf(noise) + 10 * (double)step;
    default:
        return 50 + 3 * (double)(noise + step);
    }
}

static void print(double cpu, size_t watched, size_t found, size_t others)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%.3f %ld %zu %zu %zu\n", cpu, use.ru_maxrss * 1024L, watched, found, others);
}

static void watch(size_t n, int seconds)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_screen *s = sb_screen_new(n, SB_SCREEN_DETECTORS, &err);
    bool *alarmed = calloc(n, sizeof *alarmed);
    size_t found = 0, others = 0;
    int rc;
    if (!s || !alarmed)
        die("out of memory");
    double began = cpu_s();
    for (int t = 0; t < seconds; t++)
        for (size_t i = 0; i < n; i++) {
            struct sb_oddity o = sb_screen_take(s, i, 1795424400000 + t * INT64_C(1000), value_of(i, t, seconds, n), false, &rc);
            alarmed[i] |= t >= seconds - 60 && o.score >= SB_STREAMING_ALARM;
            if (rc)
                die("out of memory");
        }
    double took = cpu_s() - began;
    for (size_t i = 0; i < n; i++)
        *(i % (n / ODD) ? &others : &found) += alarmed[i];
    print(took, sb_screen_watched(s), found, others);
    free(alarmed);
    sb_screen_free(s);
}

static void mean(size_t n, int seconds)
{
    float (*m)[2] = calloc(n, sizeof *m);
    size_t far = 0;
    if (!m)
        die("out of memory");
    double began = cpu_s();
    for (int t = 0; t < seconds; t++)
        for (size_t i = 0; i < n; i++) {
            float x = (float)value_of(i, t, seconds, n), off = x - m[i][0];
            far += fabsf(off) > 6 * m[i][1];
            m[i][0] += off / 256;
            m[i][1] += (fabsf(off) - m[i][1]) / 256;
        }
    print(cpu_s() - began, 0, 0, far);
    free(m);
}

int main(int argc, char **argv)
{
    long n = argc == 4 ? strtol(argv[2], NULL, 10) : 0, seconds = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (n < ODD || seconds < 61 || seconds > 100000)
        die("usage: screen watch|mean SERIES SECONDS");
    fill_table();
    if (strcmp(argv[1], "watch") == 0)
        watch((size_t)n, (int)seconds);
    else
        mean((size_t)n, (int)seconds);
    return 0;
}
