/* SPDX-License-Identifier: Apache-2.0
 *
 * theme.h - how each role looks, read from a theme file.
 *
 * The file has the line format of base/conf.h:
 *   theme NAME ["what it is for"]
 *   color NAME rrggbb ANSI        ANSI is one of the 16 names (black ... white, bright-black ... bright-white)
 *   role ROLE FG BG [ATTRIBUTE...] FG and BG are color names, or - for the terminal's own; attributes: bold dim underline
 *                                  reverse italic
 * Every role must be given. What is wrong is noted with file and line, and the role keeps the look of plain text. A terminal
 * with 16 million colours gets rrggbb, one with 256 the nearest of the fixed 240, one with 8 or 16 the ANSI name, one
 * without colours (or NO_COLOR) the attributes alone. Thread: a parsed theme is constant.
 */
#ifndef SIGNALBOX_TERM_THEME_H
#define SIGNALBOX_TERM_THEME_H

#include <signalbox/base/conf.h>
#include <signalbox/term/roles.h>

enum sb_attr { SB_ATTR_BOLD = 1, SB_ATTR_DIM = 2, SB_ATTR_UNDERLINE = 4, SB_ATTR_REVERSE = 8, SB_ATTR_ITALIC = 16 };

struct sb_color {
    bool own;     /* the terminal's own colour: the rest means nothing */
    uint32_t rgb; /* 0xrrggbb */
    int ansi;     /* 0..15 */
};

struct sb_style {
    struct sb_color fg, bg;
    unsigned attrs; /* enum sb_attr */
};

struct sb_theme {
    char name[32];
    struct sb_style style[SB_ROLES];
};

/* Reads a theme; `theme` is overwritten and usable whatever was wrong. 0, or -1 only when memory runs out. */
int sb_theme_parse(struct sb_theme *theme, const char *text, size_t len, const char *path, struct sb_problems *problems,
                   struct sb_err *err);

/* Index 16..255 of the fixed colour that is nearest. */
int sb_color_256(uint32_t rgb);

/* What that colour is: 0xrrggbb. */
uint32_t sb_color_256_rgb(int index);

#endif
