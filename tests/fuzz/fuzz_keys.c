/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the key decoder. The first byte says how the rest is cut into reads; 0xFE inside the input lets the timers run
 * out. Whatever came before, a decoder whose timers ran out is ready for the next key, and no key is malformed. */
#include <signalbox/term/cells.h>
#include <signalbox/term/keys.h>

#include <stdlib.h>
#include <string.h>

static void check(void *ctx, const struct sb_key *key)
{
    *(size_t *)ctx += 1;
    char name[SB_KEY_NAME_MAX];
    sb_key_name(name, key);
    struct sb_key back;
    bool fine = key->code > SB_KEY_NONE && key->code < SB_KEY_CODES && name[0] != '\0';
    if (key->code == SB_KEY_CHAR)
        fine = fine && key->point <= 0x10FFFF && key->point >= 0x20 && !(key->mods & SB_MOD_SHIFT);
    if (key->code == SB_KEY_MOUSE)
        fine = fine && key->button >= SB_BUTTON_LEFT && key->button <= SB_WHEEL_DOWN && key->x >= 0 && key->y >= 0 && key->x < SB_CELLS_MAX_SIDE && key->y < SB_CELLS_MAX_SIDE;
    if (key->code == SB_KEY_PASTE)
        fine = fine && key->n <= SB_PASTE_MAX && (key->n == 0 || key->text);
    else if (sb_key_parse(name, &back) == 0) /* what has a name has one meaning */
        fine = fine && sb_key_same(&back, key);
    if (!fine)
        abort();
}

static void drain(struct sb_input *in)
{
    for (int i = 0; i < 6 && sb_input_wait_ms(in) >= 0; i++)
        sb_input_timeout(in);
    if (sb_input_wait_ms(in) >= 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t keys = 0;
    struct sb_input in;
    sb_input_init(&in, check, &keys);
    size_t piece = size ? 1 + data[0] % 16 : 1;
    for (size_t at = 1; at < size;) {
        size_t n = size - at < piece ? size - at : piece;
        const uint8_t *pause = memchr(data + at, 0xFE, n);
        if (pause)
            n = (size_t)(pause - (data + at));
        sb_input_feed(&in, (const char *)data + at, n);
        at += n;
        if (pause) {
            sb_input_timeout(&in);
            at++;
        }
    }
    drain(&in);
    keys = 0;
    uint64_t answers = in.answers;
    sb_input_feed(&in, "\x1B[?62;22ck\x1B[?1;2", 16);
    sb_input_feed(&in, "c", 1);
    if (keys != 1 || in.answers != answers + 2) /* the terminal's answers are no keys */
        abort();
    sb_input_release(&in);
    return 0;
}
