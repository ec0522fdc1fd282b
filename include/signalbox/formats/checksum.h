/* SPDX-License-Identifier: Apache-2.0
 *
 * checksum.h - the two checksums of backups: CRC-64 of ECMA-182 (reflected, as in XZ), which mongodump's archives carry for
 * each namespace, and CRC-32C, which the snappy and S2 framings carry for each chunk.
 *
 * Both begin and end inverted; an update continues from what the last one gave, starting at 0. Thread: any.
 */
#ifndef SIGNALBOX_FORMATS_CHECKSUM_H
#define SIGNALBOX_FORMATS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t sb_crc64(uint64_t crc, const void *p, size_t n);
uint32_t sb_crc32c(uint32_t crc, const void *p, size_t n);

#endif
