/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h - keys as values, their names, and the decoder from the terminal's bytes to keys.
 *
 * The decoder is pure: bytes and time-outs in, keys out. It holds back what may be the beginning of a longer sequence;
 * the poll loop waits sb_input_wait_ms and then calls sb_input_timeout. A sequence that was cut off is swallowed, never
 * given out as its letters: on a slow line the tail of an arrow key must not become the key "A". What is pasted (bracketed
 * paste) is one event and never keys. Answers of the terminal (OSC, DCS, reports) are swallowed; those to DA1 are counted. Of the mouse's reports (SGR form,
 * which comes only where term/backend.h has asked for it) the plain left button and the wheel are events, all else is
 * swallowed.
 *
 * Sequences as in ECMA-48 and xterm's ctlseqs: CSI with modifiers, SS3, "CSI u"; and "CSI [ A" to "CSI [ E", the Linux
 * console's F1 to F5. Thread: one owner.
 */
#ifndef SIGNALBOX_TERM_KEYS_H
#define SIGNALBOX_TERM_KEYS_H

#include <signalbox/base/str.h>

enum sb_key_code {
    SB_KEY_NONE,
    SB_KEY_CHAR,  /* point is the character; Ctrl and Alt as modifiers */
    SB_KEY_ENTER, SB_KEY_TAB, SB_KEY_ESCAPE, SB_KEY_BACKSPACE, SB_KEY_DELETE, SB_KEY_INSERT,
    SB_KEY_UP, SB_KEY_DOWN, SB_KEY_LEFT, SB_KEY_RIGHT, SB_KEY_HOME, SB_KEY_END, SB_KEY_PAGE_UP, SB_KEY_PAGE_DOWN,
    SB_KEY_F1, SB_KEY_F2, SB_KEY_F3, SB_KEY_F4, SB_KEY_F5, SB_KEY_F6,
    SB_KEY_F7, SB_KEY_F8, SB_KEY_F9, SB_KEY_F10, SB_KEY_F11, SB_KEY_F12,
    SB_KEY_PASTE, /* text, n: what was pasted */
    SB_KEY_MOUSE, /* button, x, y */
    SB_KEY_CODES
};

enum sb_button { SB_BUTTON_LEFT, SB_WHEEL_UP, SB_WHEEL_DOWN };

enum sb_key_mods { SB_MOD_SHIFT = 1, SB_MOD_ALT = 2, SB_MOD_CTRL = 4 };

struct sb_key {
    int code;       /* enum sb_key_code */
    unsigned mods;  /* SHIFT never with a CHAR: 'A' is its own point */
    uint32_t point;
    const char *text; /* PASTE: raw bytes, valid during the call */
    size_t n;
    bool cut;         /* PASTE: more was pasted than is kept */
    int button;       /* MOUSE: enum sb_button, pressed or turned */
    int x, y;         /* MOUSE: the cell, from 0 */
};

#define SB_KEY_NAME_MAX 24

/* "a", "A", "Space", "C-a", "M-x", "S-Tab", "F5", "PageUp", "<": 0 or -1. */
int sb_key_parse(const char *name, struct sb_key *key);
void sb_key_name(char out[SB_KEY_NAME_MAX], const struct sb_key *key);
bool sb_key_same(const struct sb_key *a, const struct sb_key *b);

#define SB_PASTE_MAX (64u << 10)
#define SB_SEQUENCE_MAX 64

typedef void (*sb_key_fn)(void *ctx, const struct sb_key *key);

struct sb_input {
    char held[SB_SEQUENCE_MAX];
    size_t n;
    int state;        /* enum in input.c */
    bool late;        /* an Escape was given out a moment ago: "[" may be the rest of its sequence */
    struct sb_str paste;
    size_t paste_end; /* bytes of the closing sequence seen so far */
    bool paste_cut;
    uint64_t answers; /* to "who are you" (DA1, CSI ? numbers c) that came in; they are no keys */
    sb_key_fn fn;
    void *ctx;
};

void sb_input_init(struct sb_input *in, sb_key_fn fn, void *ctx);
void sb_input_release(struct sb_input *in);

/* Takes bytes as they were read; calls fn for each key that is complete. */
void sb_input_feed(struct sb_input *in, const char *bytes, size_t n);

/* How long to wait for more before sb_input_timeout; -1: nothing is held. */
int sb_input_wait_ms(const struct sb_input *in);
void sb_input_timeout(struct sb_input *in);

#endif
