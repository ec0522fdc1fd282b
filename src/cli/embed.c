/* SPDX-License-Identifier: Apache-2.0
 *
 * embedded.inc is made by the Makefile: one EMBED(number, "path") a file. */
#include <signalbox/base/compiler.h>
#include <signalbox/cli/embed.h>

#define EMBED(n, path)                                                                                                   \
    __asm__(".section .rodata\n.balign 16\nsb_embedded_" #n "_start:\n.incbin \"" path "\"\nsb_embedded_" #n "_end:\n.byte 0\n.previous\n"); \
    extern const char sb_embedded_##n##_start[], sb_embedded_##n##_end[];
#include "embedded.inc"
#undef EMBED

static const struct {
    const char *name, *start, *end;
} files[] = {
#define EMBED(n, path) {path, sb_embedded_##n##_start, sb_embedded_##n##_end},
#include "embedded.inc"
#undef EMBED
};

const char *sb_embedded(const char *name, size_t *len)
{
    for (size_t i = 0; i < SB_COUNT(files); i++)
        if (strcmp(files[i].name, name) == 0) {
            *len = (size_t)(files[i].end - files[i].start);
            return files[i].start;
        }
    return NULL;
}

const char *sb_embedded_name(size_t i)
{
    return i < SB_COUNT(files) ? files[i].name : NULL;
}
