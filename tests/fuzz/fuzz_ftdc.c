/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostic data: a file of any bytes, the inner bytes of a chunk, and a chunk packed as the server would from those. */
#include "fuzz.h"

#include <signalbox/formats/ftdc.h>

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static volatile int64_t sink;

static void look_at(const struct sb_ftdc_chunk *c)
{
    check(c->samples >= 1 && c->skip <= c->samples);
    check(c->metrics_n * c->samples <= SB_FTDC_MAX_VALUES);
    check(c->reference_n >= 5 && c->reference_n <= SB_FTDC_MAX_INFLATED);
    for (size_t m = 0; m < c->metrics_n; m++) {
        check(c->metrics[m].path != NULL);
        sink += c->values[m * c->samples] + c->values[m * c->samples + c->samples - 1] + (int64_t)strlen(c->metrics[m].path);
    }
    if (c->metrics_n)
        check(sb_ftdc_column(c, c->metrics[c->metrics_n - 1].path) != NULL);
    check(sb_ftdc_column(c, "\x01 no such metric") == NULL);
}

static void as_file(const uint8_t *data, size_t size)
{
    char path[64];
    struct sb_err err = SB_ERR_INIT;
    struct sb_ftdc_doc doc;
    int fd = memfd_create("fuzz", MFD_CLOEXEC), rc, n = 0;
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct sb_ftdc *f = sb_ftdc_open(path, &err);
    while (f && n++ < 64 && (rc = sb_ftdc_next(f, &doc, &err)) > 0)
        if (doc.kind == SB_FTDC_METRICS)
            look_at(&doc.chunk);
    check(f || err.msg[0]);
    if (f)
        check(sb_ftdc_permille(f) <= 1000 && (sb_ftdc_damaged(f) == 0 || sb_ftdc_note(f, 0)));
    sb_ftdc_close(f);
    close(fd);
}

static void as_chunk(const uint8_t *inner, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ftdc_chunk chunk;
    struct sb_ftdc_decoder *d = sb_ftdc_decoder_new(&err);
    uLongf packed = compressBound(size);
    uint8_t *data = malloc(packed + 4);
    check(d && data && compress2(data + 4, &packed, inner, size, 1) == Z_OK);
    for (int i = 0; i < 4; i++)
        data[i] = (uint8_t)(size >> 8 * i);
    for (int twice = 0; twice < 2; twice++) { /* what the first one left behind does not matter */
        err = (struct sb_err)SB_ERR_INIT;
        if (sb_ftdc_decode(d, data, packed + 4, &chunk, &err) == 0)
            look_at(&chunk);
        else
            check(err.msg[0] != '\0');
        if (sb_ftdc_decode(d, inner, size, &chunk, &err) == 0)
            look_at(&chunk);
    }
    free(data);
    sb_ftdc_decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_file(data, size);
    as_chunk(data, size);
    return 0;
}
