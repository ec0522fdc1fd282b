/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to term/: the two kinds of backend behind the functions of term/backend.h. */
#ifndef SIGNALBOX_SRC_TERM_BACKEND_H
#define SIGNALBOX_SRC_TERM_BACKEND_H

#include <signalbox/term/backend.h>

/* Presses and the wheel, as SGR; both modes by number, as in xterm's ctlseqs. */
#define SB_MOUSE_ON "\x1B[?1000h\x1B[?1006h"
#define SB_MOUSE_OFF "\x1B[?1006l\x1B[?1000l"

#define SB_WHO_ARE_YOU "\x1B[c" /* DA1 */

struct sb_backend_kind {
    void (*close)(struct sb_backend *b);
    void (*size)(struct sb_backend *b, int *w, int *h);
    void (*dress)(struct sb_backend *b, const struct sb_theme *theme);
    int (*blit)(struct sb_backend *b, const struct sb_cells *frame, int cursor_x, int cursor_y, struct sb_err *err);
    int (*flush)(struct sb_backend *b);
    void (*send)(struct sb_backend *b, const char *bytes, size_t n); /* our own sequences only */
    void (*leave)(struct sb_backend *b);
    void (*enter)(struct sb_backend *b);
};

struct sb_backend {
    const struct sb_backend_kind *kind;
    int fd;
    int colors;
    bool ascii;
    bool answers; /* its description names the question of sb_backend_ask */
    bool mouse; /* its reports were asked for */
    struct sb_cells front; /* what the terminal shows, when `known` */
    bool known;
    uint64_t bytes;
};

#endif
