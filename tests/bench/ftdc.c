/* SPDX-License-Identifier: Apache-2.0
 *
 * ftdc decode|inflate FILE: every value of a file of diagnostic data decoded, or its chunks only unpacked with zlib (into one
 * buffer, from memory), ten times over: "SECONDS VALUES", seconds of processor time and values of one pass. */
#include <signalbox/base/str.h>
#include <signalbox/base/file.h>
#include <signalbox/formats/ftdc.h>

#include <bson/bson.h>
#include <inttypes.h>
#include <time.h>
#include <zlib.h>

#define PASSES 10

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "ftdc: %s\n", what);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t decode(const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ftdc_doc doc;
    struct sb_ftdc *f = sb_ftdc_open(path, &err);
    uint64_t values = 0;
    if (!f)
        die(err.msg);
    while (sb_ftdc_next(f, &doc, &err) > 0)
        if (doc.kind == SB_FTDC_METRICS)
            values += doc.chunk.metrics_n * doc.chunk.samples;
    if (err.code)
        die(err.msg);
    sb_ftdc_close(f);
    return values;
}

static uint64_t unpack(const struct sb_str *file, uint8_t *to)
{
    uint64_t bytes = 0;
    uint32_t n = 0;
    for (size_t at = 0; at + 4 <= file->len; at += n) {
        bson_t doc;
        bson_iter_t it;
        const uint8_t *data;
        uint32_t data_n;
        bson_subtype_t subtype;
        memcpy(&n, file->p + at, sizeof n);
        if (!bson_init_static(&doc, (const uint8_t *)file->p + at, n))
            die("the file is damaged");
        if (!bson_iter_init_find(&it, &doc, "data"))
            continue;
        bson_iter_binary(&it, &subtype, &data_n, &data);
        uLongf length = SB_FTDC_MAX_INFLATED;
        if (uncompress(to, &length, data + 4, data_n - 4) != Z_OK)
            die("a chunk is damaged");
        bytes += length;
    }
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("decode|inflate FILE");
    struct sb_err err = SB_ERR_INIT;
    struct sb_str file;
    bool ours = strcmp(argv[1], "decode") == 0;
    uint8_t *to = malloc(SB_FTDC_MAX_INFLATED);
    uint64_t n = 0;
    sb_str_init(&file);
    if (!to || sb_file_read(argv[2], SIZE_MAX / 2, &file, &err))
        die(err.msg);
    double start = cpu_s();
    for (int i = 0; i < PASSES; i++)
        n = ours ? decode(argv[2]) : unpack(&file, to);
    printf("%.4f %" PRIu64 "\n", cpu_s() - start, n);
    sb_str_release(&file);
    free(to);
    return 0;
}
