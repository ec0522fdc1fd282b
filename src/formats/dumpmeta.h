/* SPDX-License-Identifier: Apache-2.0
 *
 * dumpmeta.h (private) - what mongodump writes beside a collection's documents: its options and indexes, as Extended JSON.
 */
#ifndef SIGNALBOX_SRC_FORMATS_DUMPMETA_H
#define SIGNALBOX_SRC_FORMATS_DUMPMETA_H

#include <jansson.h>
#include <signalbox/formats/mongodump.h>

#define SB_DUMP_METADATA_MAX ((size_t)1 << 20) /* of a collection: as trees in memory it takes up to forty times as much */
#define SB_STORE_METADATA_MAX ((size_t)16 << 20) /* of a backup in a store, which lists its files */

/* JSON text from outside, of any depth: NULL after a problem of this code was told. New reference. */
json_t *sb_dump_json(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *text, size_t n);

/* The collection's name as the metadata have it; NULL: they do not say. Borrowed. */
const char *sb_dump_metadata_name(const json_t *metadata);

#endif
