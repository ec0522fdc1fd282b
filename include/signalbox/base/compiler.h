/* SPDX-License-Identifier: Apache-2.0
 *
 * compiler.h - the few compiler attributes the house uses, and the functions it bans.
 *
 * The banned names are the C library calls that write without a bound, keep hidden state between calls or depend on
 * the host's zone or locale; each has a replacement in base/ (sb_str, sb_time_format, sb_parse_i64). Include this
 * header through any other header of base/; no file includes it last to escape it.
 */
#ifndef SIGNALBOX_BASE_COMPILER_H
#define SIGNALBOX_BASE_COMPILER_H

#define SB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SB_MUST_USE __attribute__((warn_unused_result))
#define SB_WEAK __attribute__((weak))
#define SB_UNUSED __attribute__((unused))
#define SB_NORETURN __attribute__((noreturn))

#define SB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SB_BANNED(name) sb_##name##_is_banned_see_compiler_h
#undef strcpy
#define strcpy(a, b) SB_BANNED(strcpy)
#undef strcat
#define strcat(a, b) SB_BANNED(strcat)
#undef strtok
#define strtok(a, b) SB_BANNED(strtok)
#undef sprintf
#define sprintf(...) SB_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) SB_BANNED(vsprintf)
#undef localtime
#define localtime(a) SB_BANNED(localtime)
#undef gmtime
#define gmtime(a) SB_BANNED(gmtime)
#undef ctime
#define ctime(a) SB_BANNED(ctime)
#undef asctime
#define asctime(a) SB_BANNED(asctime)
#undef atoi
#define atoi(a) SB_BANNED(atoi)
#undef atol
#define atol(a) SB_BANNED(atol)
#undef atof
#define atof(a) SB_BANNED(atof)

#endif
