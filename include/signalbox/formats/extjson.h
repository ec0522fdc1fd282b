/* SPDX-License-Identifier: Apache-2.0
 *
 * extjson.h - JSON and Extended JSON (v2 canonical and relaxed, and the v1 forms of old exports) read into BSON.
 *
 * The text is strict JSON in UTF-8. A whole number becomes an int where it fits, else a long, else a double; one with a point
 * or an exponent is a double. An object whose first name is one of Extended JSON ("$oid", "$date", ...) has to be that, or the
 * text is wrong; other names with a dollar are names. Bounds: SB_BSON_MAX_DEPTH levels, SB_EXTJSON_MAX bytes of BSON. A name
 * cannot hold a NUL. Memory: the document's. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_EXTJSON_H
#define SIGNALBOX_FORMATS_EXTJSON_H

#include <signalbox/formats/bsonscan.h>

/* A document of 16 MiB and what a server may add to one. */
#define SB_EXTJSON_MAX ((size_t)17 << 20)

enum sb_extjson_status { SB_EXTJSON_OK, SB_EXTJSON_CUT /* the text ends too early */, SB_EXTJSON_BAD, SB_EXTJSON_NOMEM };

struct sb_extjson {
    uint8_t *p; /* the document: n bytes of BSON, valid until the next call */
    size_t n, cap;
    const char *what; /* BAD: what is wrong, in words */
    size_t at;        /* and at which byte of the text; OK: how many bytes of it the document took */
};

#define SB_EXTJSON_INIT {NULL, 0, 0, NULL, 0}

/* Reads the one object that begins at text[0], which must be a '{'. What follows it is not looked at. */
enum sb_extjson_status sb_extjson_read(struct sb_extjson *x, const char *text, size_t len);

void sb_extjson_release(struct sb_extjson *x);

#endif
