/* SPDX-License-Identifier: Apache-2.0
 *
 * ftdc_dump PATH: what the decoder made of a file or folder, for comparison with an independent one. A line a chunk,
 * "chunk METRICS SAMPLES", then a line a metric, its path and the CRC-32 of its values as little-endian int64; with
 * --values the values themselves. Notes of damage follow on stderr. */
#include <signalbox/base/compiler.h>
#include <signalbox/formats/ftdc.h>

#include <inttypes.h>
#include <zlib.h>

static void dump(const struct sb_ftdc_chunk *c, int values)
{
    printf("chunk %zu %zu\n", c->metrics_n, c->samples - c->skip);
    for (size_t m = 0; m < c->metrics_n; m++) {
        const int64_t *v = c->values + m * c->samples;
        if (!values) {
            printf("%s %08lx\n", c->metrics[m].path, crc32(0, (const unsigned char *)(v + c->skip), (uInt)((c->samples - c->skip) * 8)));
            continue;
        }
        printf("%s", c->metrics[m].path);
        for (size_t s = c->skip; s < c->samples; s++)
            printf(" %" PRId64, v[s]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    struct sb_err err = SB_ERR_INIT;
    int values = argc == 3 && strcmp(argv[1], "--values") == 0;
    if (argc != 2 + values)
        return 2;
    struct sb_ftdc *f = sb_ftdc_open(argv[argc - 1], &err);
    struct sb_ftdc_doc doc;
    int rc = f ? 1 : -1;
    while (f && (rc = sb_ftdc_next(f, &doc, &err)) > 0)
        if (doc.kind == SB_FTDC_METRICS)
            dump(&doc.chunk, values);
        else
            printf("%s\n", doc.kind == SB_FTDC_METADATA ? "metadata" : "other");
    for (size_t i = 0; f && sb_ftdc_note(f, i); i++)
        fprintf(stderr, "%s\n", sb_ftdc_note(f, i));
    if (rc < 0)
        fprintf(stderr, "%s\n", err.msg);
    sb_ftdc_close(f);
    return rc < 0;
}
