/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include <signalbox/base/str.h>

#include <openssl/evp.h>
#include <string.h>

#define NOTICE_MOST 120
#define COPY_MAX 74994 /* what common terminals take in one OSC 52, as k9s found */
#define SCREEN_PIECE 240 /* screen cuts strings off at 768 bytes, older ones at 256 */

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

bool sb_backend_ask(struct sb_backend *b)
{
    if (b->answers)
        b->kind->send(b, SB_WHO_ARE_YOU, strlen(SB_WHO_ARE_YOU));
    return b->answers;
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

/* OSC 52 as it is, and once more for what may stand between us and the terminal: tmux takes the first where set-clipboard is
 * on, and hands the second on where allow-passthrough is; the same text twice is the same clipboard. GNU screen takes only
 * strings of its own, no longer than SCREEN_PIECE: of any other it shows as text what goes beyond. Where STY says that it is
 * screen, it gets nothing else; where TERM alone does (it may be a tmux on the other side of ssh) it gets both. True: a
 * screen may have shown some of it. */
static bool copy_sequences(struct sb_str *out, const char *coded)
{
    bool sty = inside("STY", NULL), tmux = inside("TMUX", NULL), screen = !tmux && (sty || inside("TERM", "screen"));
    bool plain = !screen || !sty;
    if (plain)
        sb_str_addf(out, "\x1B]52;c;%s\a", coded);
    if (tmux)
        sb_str_addf(out, "\x1BPtmux;\x1B\x1B]52;c;%s\a\x1B\\", coded);
    if (!screen)
        return sty;
    sb_str_adds(out, "\x1BP\x1B]52;c;\x1B\\");
    for (size_t n = strlen(coded), at = 0; at < n; at += SCREEN_PIECE)
        sb_str_addf(out, "\x1BP%.*s\x1B\\", SCREEN_PIECE, coded + at);
    sb_str_adds(out, "\x1BP\a\x1B\\");
    return plain;
}

bool sb_backend_copy(struct sb_backend *b, const void *text, size_t n)
{
    if (n > COPY_MAX / 4 * 3)
        return false;
    unsigned char *coded = malloc(n / 3 * 4 + 8);
    if (!coded)
        return false;
    EVP_EncodeBlock(coded, text, (int)n);
    struct sb_str out;
    sb_str_init(&out);
    bool shown = copy_sequences(&out, (const char *)coded), ok = sb_str_ok(&out);
    if (ok)
        b->kind->send(b, out.p, out.len);
    if (ok && shown)
        sb_backend_forget(b);
    sb_str_release(&out);
    free(coded);
    return ok;
}

void sb_notice_bytes(enum sb_notice_by by, const char *text, char out[SB_NOTICE_BYTES])
{
    char plain[NOTICE_MOST + 1];
    size_t n = 0;
    for (const char *p = text; *p && n < NOTICE_MOST; p++) {
        bool fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr(" .-:", *p);
        plain[n++] = fine ? *p : '?';
    }
    plain[n] = '\0';
    out[0] = '\0';
    if (by == SB_NOTICE_OSC9)
        snprintf(out, SB_NOTICE_BYTES, "\x1B]9;Signalbox: %s\a", plain);
    else if (by == SB_NOTICE_OSC777)
        snprintf(out, SB_NOTICE_BYTES, "\x1B]777;notify;Signalbox;%s\a", plain);
    else if (by == SB_NOTICE_BELL)
        snprintf(out, SB_NOTICE_BYTES, "\a");
}

void sb_backend_notice(struct sb_backend *b, enum sb_notice_by by, const char *text)
{
    char all[SB_NOTICE_BYTES];
    sb_notice_bytes(by, text, all);
    b->kind->send(b, all, strlen(all));
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
