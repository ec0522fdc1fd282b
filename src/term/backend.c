/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include <signalbox/base/str.h>

#include <openssl/evp.h>
#include <string.h>

#define COPY_MAX 74994 /* what common terminals take in one OSC 52, as k9s found */

void sb_backend_close(struct sb_backend *b)
{
    if (b)
        b->kind->close(b);
}

int sb_backend_fd(const struct sb_backend *b)
{
    return b->fd;
}

void sb_backend_size(struct sb_backend *b, int *w, int *h)
{
    b->kind->size(b, w, h);
}

int sb_backend_colors(const struct sb_backend *b)
{
    return b->colors;
}

bool sb_backend_ascii(const struct sb_backend *b)
{
    return b->ascii;
}

void sb_backend_dress(struct sb_backend *b, const struct sb_theme *theme)
{
    b->kind->dress(b, theme);
    b->known = false;
}

int sb_backend_blit(struct sb_backend *b, const struct sb_cells *frame, int cursor_x, int cursor_y, struct sb_err *err)
{
    return b->kind->blit(b, frame, cursor_x, cursor_y, err);
}

int sb_backend_flush(struct sb_backend *b)
{
    return b->kind->flush(b);
}

void sb_backend_bell(struct sb_backend *b)
{
    b->kind->send(b, "\a", 1);
}

void sb_backend_mouse(struct sb_backend *b, bool on)
{
    if (b->mouse == on)
        return;
    b->mouse = on;
    const char *bytes = on ? SB_MOUSE_ON : SB_MOUSE_OFF;
    b->kind->send(b, bytes, strlen(bytes));
}

static bool inside(const char *variable, const char *value)
{
    const char *v = getenv(variable);
    return v && v[0] && (!value || sb_starts_with(v, value));
}

bool sb_backend_copy(struct sb_backend *b, const void *text, size_t n)
{
    if (n > COPY_MAX / 4 * 3)
        return false;
    unsigned char *coded = malloc(n / 3 * 4 + 8);
    if (!coded)
        return false;
    int len = EVP_EncodeBlock(coded, text, (int)n);
    struct sb_str out;
    sb_str_init(&out);
    bool tmux = inside("TMUX", NULL), screen = !tmux && inside("TERM", "screen");
    sb_str_adds(&out, tmux ? "\x1BPtmux;\x1B" : screen ? "\x1BP" : "");
    sb_str_adds(&out, "\x1B]52;c;");
    sb_str_add(&out, coded, (size_t)len);
    sb_str_adds(&out, "\a");
    sb_str_adds(&out, tmux || screen ? "\x1B\\" : "");
    bool ok = sb_str_ok(&out);
    if (ok)
        b->kind->send(b, out.p, out.len);
    sb_str_release(&out);
    free(coded);
    return ok;
}

void sb_backend_forget(struct sb_backend *b)
{
    b->known = false;
}

void sb_backend_leave(struct sb_backend *b)
{
    b->kind->leave(b);
    b->known = false;
}

void sb_backend_enter(struct sb_backend *b)
{
    b->kind->enter(b);
    b->known = false;
}

uint64_t sb_backend_bytes(const struct sb_backend *b)
{
    return b->bytes;
}
