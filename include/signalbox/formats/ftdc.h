/* SPDX-License-Identifier: Apache-2.0
 *
 * ftdc.h - full-time diagnostic data capture, as mongod and mongos write it to diagnostic.data.
 *
 * A file is a sequence of BSON documents {_id: date, type: 0 metadata | 1 metrics | 2 periodic metadata, ...}. A metrics
 * document holds a reference document and, column by column, what every number in it did in the samples that followed,
 * packed with zlib. A folder is read in the order of its file names, metrics.interim last; samples of the interim file that
 * are already in an archive are marked as such (`skip`).
 *
 * Metrics are told apart by their place, not by their name: a name that the document has twice is there twice. Numbers of
 * every BSON type become int64 as the server makes them (double and decimal cut to whole numbers and clamped, NaN 0, bool 0
 * or 1, date in ms, timestamp two metrics, path.t in s and path.i).
 *
 * Damage never ends the reading: it is noted with its offset, and the next document that looks like one is looked for. A
 * file that ends within a document is normal while the server writes it and is noted as such. Bounds, on what was
 * declared before anything is allocated: SB_FTDC_MAX_DOCUMENT bytes a document, SB_FTDC_MAX_INFLATED bytes unpacked,
 * SB_FTDC_MAX_VALUES values a chunk; memory is these three at most, whatever the input. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_FTDC_H
#define SIGNALBOX_FORMATS_FTDC_H

#include <signalbox/base/error.h>
#include <signalbox/formats/slowop.h>

#define SB_FTDC_MAX_DOCUMENT ((size_t)17 << 20)
#define SB_FTDC_MAX_INFLATED ((size_t)10000000) /* the server's own bound */
#define SB_FTDC_MAX_VALUES ((size_t)4000000)    /* four times what the server lets through */
#define SB_FTDC_MAX_DEPTH 20
#define SB_FTDC_NOTES 32 /* of damage; what goes beyond is counted */

struct sb_ftdc_metric {
    const char *path; /* names joined by "."; names may hold dots themselves */
    uint8_t type;     /* BSON type */
};

/* One chunk: `samples` values of each metric. Valid until the decoder's next chunk. */
struct sb_ftdc_chunk {
    const struct sb_ftdc_metric *metrics;
    size_t metrics_n, samples;
    const int64_t *values;       /* metric m at sample s: values[m * samples + s] */
    const uint8_t *reference;    /* the reference document, whose strings are not among the metrics, */
    size_t reference_n;          /* as BSON */
    size_t skip;                 /* samples at the beginning that another file had */
};

struct sb_ftdc_decoder;

struct sb_ftdc_decoder *sb_ftdc_decoder_new(struct sb_err *err);
void sb_ftdc_decoder_free(struct sb_ftdc_decoder *d);

/* Decodes what a metrics document has as `data`. -1: SB_EINPUT and what is wrong with it, or SB_ENOMEM. */
int sb_ftdc_decode(struct sb_ftdc_decoder *d, const uint8_t *data, size_t n, struct sb_ftdc_chunk *out, struct sb_err *err);

/* A document of the same kind as it stands, as getDiagnosticData answers it: a chunk of one sample. */
int sb_ftdc_flatten(struct sb_ftdc_decoder *d, const uint8_t *doc, size_t n, struct sb_ftdc_chunk *out, struct sb_err *err);

/* The first metric of exactly this path: its values, or NULL. */
const int64_t *sb_ftdc_column(const struct sb_ftdc_chunk *chunk, const char *path);

enum sb_ftdc_kind { SB_FTDC_METADATA, SB_FTDC_METRICS, SB_FTDC_OTHER };

struct sb_ftdc_doc {
    enum sb_ftdc_kind kind;
    int64_t at_ms;              /* _id */
    struct sb_span doc;         /* METADATA: the document in it, as BSON; absent where there is none */
    struct sb_ftdc_chunk chunk; /* METRICS */
};

struct sb_ftdc;

/* A file, or a folder with files whose names begin with "metrics.". SB_EINPUT: it cannot be opened, or no such file is in
 * it. Whether a file is FTDC at all is for the caller to know (infile.h): other bytes are damage. */
struct sb_ftdc *sb_ftdc_open(const char *path, struct sb_err *err);
void sb_ftdc_close(struct sb_ftdc *f);

/* The next document that could be read: 1, 0 at the end, -1 when memory or the disk fails. Valid until the next call. */
int sb_ftdc_next(struct sb_ftdc *f, struct sb_ftdc_doc *doc, struct sb_err *err);

/* What was damaged so far: number of places, and a sentence for each of the first SB_FTDC_NOTES ("FILE: byte N: what").
 * A torn last document is a note of its own kind: it is no damage. */
size_t sb_ftdc_damaged(const struct sb_ftdc *f);
const char *sb_ftdc_note(const struct sb_ftdc *f, size_t i); /* NULL: there is none */

uint64_t sb_ftdc_bytes(const struct sb_ftdc *f); /* read so far, unpacked */
int sb_ftdc_permille(const struct sb_ftdc *f);   /* of the bytes on disk; -1 not known */

#endif
