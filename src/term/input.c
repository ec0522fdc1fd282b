/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder: a state for each kind of sequence, one byte at a time. */
#include <signalbox/term/cells.h>
#include <signalbox/term/keys.h>

#include <string.h>

enum {
    GROUND,
    UTF8,      /* held: the bytes of one character so far */
    ESC,       /* held: ESC */
    CSI,       /* held: ESC [ parameters */
    LINUX,     /* held: ESC [ [ - the Linux console's F1 to F5: a letter follows, from A on */
    SS3,       /* held: ESC O */
    STRING,    /* an OSC, DCS or APC is running; held: its introducer, and an ESC that may end it */
    MOUSE,     /* an X10 mouse report: three more bytes */
    PASTE,
    DISCARD,   /* a CSI longer than any we know: up to its final byte */
    LATE_OPEN, /* "[" or "O" right after an Escape was given out: its sequence, or a key of its own */
    SETTLE,    /* behind a paste: what comes without a pause belongs to it, whatever closing sequence it smuggled in */
};

static const char paste_close[] = "\x1B[201~";

void sb_input_init(struct sb_input *in, sb_key_fn fn, void *ctx)
{
    memset(in, 0, sizeof *in);
    sb_str_init(&in->paste);
    in->fn = fn;
    in->ctx = ctx;
}

void sb_input_release(struct sb_input *in)
{
    sb_str_release(&in->paste);
}

static void reset(struct sb_input *in)
{
    in->state = GROUND;
    in->n = 0;
}

static void give(struct sb_input *in, int code, unsigned mods, uint32_t point)
{
    struct sb_key key = {.code = code, .mods = mods, .point = point};
    reset(in);
    in->fn(in->ctx, &key);
}

static void hold(struct sb_input *in, char c)
{
    if (in->n < sizeof in->held)
        in->held[in->n++] = c;
}

static void begin(struct sb_input *in, int state, char c)
{
    in->state = state;
    in->n = 0;
    hold(in, c);
}

/* One byte that is a key by itself, with Alt where an ESC came first. */
static void plain_key(struct sb_input *in, unsigned char c, unsigned alt)
{
    if (c == '\r')
        give(in, SB_KEY_ENTER, alt, 0);
    else if (c == '\t')
        give(in, SB_KEY_TAB, alt, 0);
    else if (c == 0x7F || c == 0x08)
        give(in, SB_KEY_BACKSPACE, alt, 0);
    else if (c == 0)
        give(in, SB_KEY_CHAR, alt | SB_MOD_CTRL, ' ');
    else if (c < 0x1B)
        give(in, SB_KEY_CHAR, alt | SB_MOD_CTRL, (uint32_t)c + 'a' - 1);
    else if (c < 0x20)
        give(in, SB_KEY_CHAR, alt | SB_MOD_CTRL, (uint32_t)c + '@');
    else
        give(in, SB_KEY_CHAR, alt, c);
}

static void ground(struct sb_input *in, unsigned char c)
{
    bool late = in->late;
    in->late = false;
    if (late && (c == '[' || c == 'O'))
        begin(in, LATE_OPEN, (char)c);
    else if (c == 0x1B)
        begin(in, ESC, (char)c);
    else if (c >= 0x80)
        begin(in, UTF8, (char)c);
    else
        plain_key(in, c, 0);
}

static void utf8(struct sb_input *in, unsigned char c)
{
    uint32_t point;
    if ((c & 0xC0) != 0x80) { /* the character was cut off: what follows stands for itself */
        reset(in);
        ground(in, c);
        return;
    }
    hold(in, (char)c);
    if (sb_utf8_decode(in->held, in->n, &point) == in->n)
        give(in, SB_KEY_CHAR, 0, point);
    else if (in->n >= 4)
        reset(in);
}

static void escape(struct sb_input *in, unsigned char c)
{
    switch (c) {
    case '[':
        hold(in, '[');
        in->state = CSI;
        break;
    case 'O':
        hold(in, 'O');
        in->state = SS3;
        break;
    case ']': case 'P': case '_': /* no terminal answers with PM or SOS: those are Alt keys */
        hold(in, (char)c);
        in->state = STRING;
        break;
    case 0x1B: /* Alt with a special key, as rxvt sends it; or Escape twice: the first one is sure */
        give(in, SB_KEY_ESCAPE, 0, 0);
        begin(in, ESC, (char)c);
        break;
    default:
        if (c >= 0x80)
            reset(in);
        else
            plain_key(in, c, SB_MOD_ALT);
    }
}

static int cursor_key(char final)
{
    switch (final) {
    case 'A': return SB_KEY_UP;
    case 'B': return SB_KEY_DOWN;
    case 'C': return SB_KEY_RIGHT;
    case 'D': return SB_KEY_LEFT;
    case 'H': return SB_KEY_HOME;
    case 'F': return SB_KEY_END;
    case 'P': return SB_KEY_F1;
    case 'Q': return SB_KEY_F2;
    case 'R': return SB_KEY_F3;
    case 'S': return SB_KEY_F4;
    case 'M': return SB_KEY_ENTER; /* of the keypad, after SS3 only */
    default: return SB_KEY_NONE;
    }
}

static int tilde_key(long number)
{
    static const unsigned char codes[35] = {
        [1] = SB_KEY_HOME, [2] = SB_KEY_INSERT, [3] = SB_KEY_DELETE, [4] = SB_KEY_END, [5] = SB_KEY_PAGE_UP, [6] = SB_KEY_PAGE_DOWN,
        [7] = SB_KEY_HOME, [8] = SB_KEY_END, [11] = SB_KEY_F1, [12] = SB_KEY_F2, [13] = SB_KEY_F3, [14] = SB_KEY_F4,
        [15] = SB_KEY_F5, [17] = SB_KEY_F6, [18] = SB_KEY_F7, [19] = SB_KEY_F8, [20] = SB_KEY_F9, [21] = SB_KEY_F10,
        [23] = SB_KEY_F11, [24] = SB_KEY_F12,
    };
    return number > 0 && number < (long)SB_COUNT(codes) ? codes[number] : SB_KEY_NONE;
}

/* xterm's modifier parameter is 1 + (1 Shift, 2 Alt, 4 Ctrl); higher bits are keys we do not know. */
static unsigned modifiers(long parameter)
{
    return parameter > 1 && parameter <= 8 ? (unsigned)(parameter - 1) : 0;
}

/* "CSI point ; modifiers u": a key that older terminals cannot send. */
static void csi_u(struct sb_input *in, long point, unsigned mods)
{
    if (point == 13 || point == 9 || point == 27 || point == 127) {
        int code = point == 13 ? SB_KEY_ENTER : point == 9 ? SB_KEY_TAB : point == 27 ? SB_KEY_ESCAPE : SB_KEY_BACKSPACE;
        give(in, code, mods, 0);
    } else if (point >= 32 && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF)) {
        give(in, SB_KEY_CHAR, mods & ~(unsigned)SB_MOD_SHIFT, (uint32_t)point);
    } else {
        reset(in);
    }
}

/* "CSI < button ; x ; y M": the button's bits beyond its number are modifiers and motion. */
static void mouse_report(struct sb_input *in, char final)
{
    long v[3] = {0, 0, 0};
    int n = 0;
    bool whole = final == 'M';
    for (size_t i = 3; i + 1 < in->n; i++) {
        char c = in->held[i];
        if (c == ';' && n < 2)
            n++;
        else if (c >= '0' && c <= '9' && v[n] <= SB_CELLS_MAX_SIDE)
            v[n] = v[n] * 10 + (c - '0');
        else
            whole = false;
    }
    int button = v[0] == 0 ? SB_BUTTON_LEFT : v[0] == 64 ? SB_WHEEL_UP : SB_WHEEL_DOWN;
    bool known = v[0] == 0 || v[0] == 64 || v[0] == 65;
    bool inside = v[1] >= 1 && v[1] <= SB_CELLS_MAX_SIDE && v[2] >= 1 && v[2] <= SB_CELLS_MAX_SIDE;
    reset(in);
    if (!whole || n != 2 || !known || !inside)
        return;
    struct sb_key key = {.code = SB_KEY_MOUSE, .button = button, .x = (int)v[1] - 1, .y = (int)v[2] - 1};
    in->fn(in->ctx, &key);
}

/* "CSI ? 62 ; 22 c": the terminal says who it is. What it says is of no interest, that it answers is. */
static bool is_identity(const struct sb_input *in)
{
    bool is = in->n > 4 && in->held[2] == '?' && in->held[in->n - 1] == 'c';
    for (size_t i = 3; i + 1 < in->n; i++)
        is = is && ((in->held[i] >= '0' && in->held[i] <= '9') || in->held[i] == ';');
    return is;
}

/* A whole CSI is held, from ESC to the final byte. */
static void csi_done(struct sb_input *in, char final)
{
    long parameter[2] = {0, 0};
    int n = 0;
    bool plain = true;
    if (in->n > 3 && in->held[2] == '<') {
        mouse_report(in, final);
        return;
    }
    if (is_identity(in)) {
        in->answers++;
        reset(in);
        return;
    }
    for (size_t i = 2; i + 1 < in->n; i++) {
        char c = in->held[i];
        if (c >= '0' && c <= '9' && n < 2) {
            if (parameter[n] < 0x110000)
                parameter[n] = parameter[n] * 10 + (c - '0');
        } else if (c == ';') {
            n++;
        } else {
            plain = false; /* private marks, intermediates: a report, not a key */
        }
    }
    unsigned mods = modifiers(parameter[1]);
    bool modified = n == 1 && parameter[0] == 1 && mods;
    int code = SB_KEY_NONE;
    if (plain && final == '~' && parameter[0] == 200 && n == 0) {
        reset(in);
        in->state = PASTE;
        in->paste_end = 0;
        in->paste_cut = false;
        sb_str_clear(&in->paste);
        return;
    }
    if (plain && final == 'u') {
        csi_u(in, parameter[0], mods);
        return;
    }
    if (plain && final == 'M' && in->n == 3) { /* X10 mouse */
        in->state = MOUSE;
        in->n = 0;
        return;
    }
    if (plain && final == '~' && n <= 1)
        code = tilde_key(parameter[0]);
    else if (plain && (modified || (n == 0 && parameter[0] <= 1 && final < 'P'))) /* "CSI 24;80R" is a report, not F3 */
        code = final != 'M' ? cursor_key(final) : SB_KEY_NONE;
    if (plain && final == 'Z' && n == 0) {
        code = SB_KEY_TAB;
        mods = SB_MOD_SHIFT;
    }
    if (code != SB_KEY_NONE)
        give(in, code, mods, 0);
    else
        reset(in);
}

static void csi(struct sb_input *in, unsigned char c)
{
    if (c == 0x1B) { /* the sequence broke off and another begins */
        begin(in, ESC, (char)c);
    } else if (c < 0x20 || c > 0x7E) { /* no byte of a sequence: it broke off; the byte goes with it */
        reset(in);
    } else if (in->n + 1 >= sizeof in->held) {
        in->state = DISCARD;
    } else if (c == '[' && in->n == 2) {
        hold(in, '[');
        in->state = LINUX;
    } else {
        hold(in, (char)c);
        if (c >= 0x40)
            csi_done(in, (char)c);
    }
}

/* The letter is swallowed with the rest where it is none of the five: it was never typed. */
static void linux_key(struct sb_input *in, unsigned char c)
{
    if (c == 0x1B)
        begin(in, ESC, (char)c);
    else if (c >= 'A' && c <= 'E')
        give(in, SB_KEY_F1 + (c - 'A'), 0, 0);
    else
        reset(in);
}

static void string(struct sb_input *in, unsigned char c)
{
    bool after_escape = in->held[in->n - 1] == 0x1B && in->n > 2;
    if (c == 0x07 || c == 0x18 || c == 0x1A || (after_escape && c == '\\'))
        reset(in);
    else if (c == 0x1B)
        in->n = 2, hold(in, 0x1B);
    else if (after_escape) { /* ESC and no backslash: the string broke off, a sequence begins */
        begin(in, ESC, 0x1B);
        escape(in, c);
    } else
        in->n = 2, hold(in, '.'); /* its content is not kept, only that there is some */
}

static void end_paste(struct sb_input *in)
{
    struct sb_key key = {.code = SB_KEY_PASTE, .text = in->paste.p, .n = in->paste.len, .cut = in->paste_cut || !sb_str_ok(&in->paste)};
    reset(in);
    in->state = SETTLE;
    in->fn(in->ctx, &key);
    sb_str_release(&in->paste);
}

static void keep_pasted(struct sb_input *in, const char *bytes, size_t n)
{
    if (in->paste.len + n > SB_PASTE_MAX)
        in->paste_cut = true;
    else
        sb_str_add(&in->paste, bytes, n);
}

static void paste(struct sb_input *in, char c)
{
    if (c == paste_close[in->paste_end]) {
        if (++in->paste_end == sizeof paste_close - 1)
            end_paste(in);
        return;
    }
    keep_pasted(in, paste_close, in->paste_end);
    in->paste_end = c == paste_close[0];
    if (!in->paste_end)
        keep_pasted(in, &c, 1);
}

static void one(struct sb_input *in, unsigned char c)
{
    switch (in->state) {
    case GROUND: ground(in, c); break;
    case UTF8: utf8(in, c); break;
    case ESC: escape(in, c); break;
    case CSI: csi(in, c); break;
    case LINUX: linux_key(in, c); break;
    case SS3: {
        int code = c < 0x80 ? cursor_key((char)c) : SB_KEY_NONE;
        if (code != SB_KEY_NONE)
            give(in, code, 0, 0);
        else
            reset(in);
        break;
    }
    case STRING: string(in, c); break;
    case MOUSE:
        if (++in->n == 3)
            reset(in);
        break;
    case PASTE: paste(in, (char)c); break;
    case SETTLE: break;
    case DISCARD:
        if (c >= 0x40 && c <= 0x7E)
            reset(in);
        break;
    case LATE_OPEN: { /* two bytes at once after an Escape: nobody types that; it is the rest of a sequence */
        char open = in->held[0];
        begin(in, open == '[' ? CSI : SS3, 0x1B);
        hold(in, open);
        one(in, c);
        break;
    }
    default: reset(in);
    }
}

void sb_input_feed(struct sb_input *in, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        one(in, (unsigned char)bytes[i]);
}

int sb_input_wait_ms(const struct sb_input *in)
{
    bool report = in->state == CSI && in->n > 2 && in->held[2] == '?'; /* no key begins so: an answer that comes in pieces */
    if (in->state == PASTE || (in->state == STRING && in->n > 2) || report)
        return 1000;
    if (in->state != GROUND)
        return 25;
    return in->late ? 400 : -1;
}

void sb_input_timeout(struct sb_input *in)
{
    int state = in->state;
    char last = in->n ? in->held[in->n - 1] : 0;
    bool bare = in->n == 2; /* an introducer and nothing behind it: Alt with that key */
    if (state == GROUND) {
        in->late = false;
    } else if (state == ESC) {
        give(in, SB_KEY_ESCAPE, 0, 0);
        in->late = true;
    } else if (state == LATE_OPEN) {
        give(in, SB_KEY_CHAR, 0, (unsigned char)last);
    } else if ((state == CSI || state == SS3 || state == STRING) && bare) {
        give(in, SB_KEY_CHAR, SB_MOD_ALT, (unsigned char)last);
    } else if (state == PASTE) { /* its end got lost */
        keep_pasted(in, paste_close, in->paste_end);
        end_paste(in);
    } else {
        reset(in);
    }
}
