/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/term/keys.h>

#include <string.h>

/* Keys as their names with a blank between them; a paste as paste(text). */
static struct sb_str got;

static void note(void *ctx, const struct sb_key *key)
{
    (void)ctx;
    char name[SB_KEY_NAME_MAX];
    sb_key_name(name, key);
    if (got.len)
        sb_str_addc(&got, ' ');
    sb_str_adds(&got, name);
    if (key->code == SB_KEY_PASTE) {
        sb_str_addc(&got, '(');
        sb_str_add(&got, key->text, key->n);
        sb_str_adds(&got, key->cut ? "...)" : ")");
    }
}

/* Feeds bytes in one piece, lets every timer run out, and says what came of it. */
static const char *decode_n(const char *bytes, size_t n)
{
    struct sb_input in;
    sb_input_init(&in, note, NULL);
    sb_str_clear(&got);
    sb_input_feed(&in, bytes, n);
    for (int i = 0; i < 4 && sb_input_wait_ms(&in) >= 0; i++)
        sb_input_timeout(&in);
    assert_int_equal(sb_input_wait_ms(&in), -1);
    sb_input_release(&in);
    return got.p;
}

static const char *decode(const char *bytes)
{
    return decode_n(bytes, strlen(bytes));
}

static void single_bytes_are_keys(void **state)
{
    (void)state;
    assert_string_equal(decode("aA1 ?"), "a A 1 Space ?");
    assert_string_equal(decode("\r\t\x7F\x08"), "Enter Tab Backspace Backspace");
    assert_string_equal(decode("\x01\x0C\x1A\n"), "C-a C-l C-z C-j");
    assert_string_equal(decode_n("\0", 1), "C-Space");
    assert_string_equal(decode("\x1C\x1D"), "C-\\ C-]");
    assert_string_equal(decode("\xC3\xA9\xE5\x8F\xB0\xF0\x9F\x9A\x82"), "\xC3\xA9 \xE5\x8F\xB0 \xF0\x9F\x9A\x82");
}

static void sequences_are_keys(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *keys;
    } known[] = {
        {"\x1B[A\x1B[B\x1B[C\x1B[D", "Up Down Right Left"}, {"\x1BOA\x1BOB", "Up Down"}, {"\x1B[H\x1B[F\x1BOH\x1BOF", "Home End Home End"},
        {"\x1B[1~\x1B[4~\x1B[7~\x1B[8~", "Home End Home End"}, {"\x1B[2~\x1B[3~\x1B[5~\x1B[6~", "Insert Delete PageUp PageDown"},
        {"\x1BOP\x1BOQ\x1BOR\x1BOS", "F1 F2 F3 F4"}, {"\x1B[15~\x1B[17~\x1B[24~", "F5 F6 F12"},
        {"\x1B[[A\x1B[[B\x1B[[C\x1B[[D\x1B[[E", "F1 F2 F3 F4 F5"}, {"\x1B[[\x1B[[A", "F1"}, {"\x1B[[FA\x1B[[\x01" "b", "A b"}, {"\x1B[Z", "S-Tab"},
        {"\x1B[1;5A\x1B[1;2B\x1B[1;3C\x1B[1;6D", "C-Up S-Down M-Right C-S-Left"}, {"\x1B[5;5~", "C-PageUp"}, {"\x1B[1;2P", "S-F1"},
        {"\x1B" "a\x1B" "X\x1B\x7F\x1B\r", "M-a M-X M-Backspace M-Enter"}, {"\x1B\x1B[A", "Escape Up"}, {"\x1B\x1B", "Escape Escape"},
        {"\x1B[97;5u\x1B[13;2u\x1B[27u", "C-a S-Enter Escape"}, {"\x1B", "Escape"}, {"\x1B[", "M-["}, {"\x1BO", "M-O"}, {"\x1B]", "M-]"},
    };
    for (size_t i = 0; i < SB_COUNT(known); i++)
        assert_string_equal(decode(known[i].bytes), known[i].keys);
}

static void reports_and_unknown_sequences_are_swallowed(void **state)
{
    (void)state;
    static const char *const silent[] = {
        "\x1B[24;80R", "\x1B[?62;c", "\x1B[>0;95;0c", "\x1B[M !!", "\x1B[<0;10;10m", "\x1B[<32;10;10M", "\x1B[<16;10;10M", "\x1B[<1;10;10M", "\x1B[<66;1;1M",
        "\x1B[<0;0;10M", "\x1B[<0;10;99999999999999999999M", "\x1B[<0;10M", "\x1B[<0;10;10;10M", "\x1B[<0;?;10M", "\x1B[<M", "\x1B[<0;10;10u", "\x1B]11;rgb:0/0/0\x07", "\x1B]11;rgb:0/0/0\x1B\\",
        "\x1BP1+r52\x1B\\", "\x1B_G\x1B\\", "\x1B[I", "\x1B[O", "\x1B[99~", "\x1B[1;99A", "\x1B[1;2;3A", "\x1B[200;1~", "\x1B[55296u", "\xFF", "\xC3", "\x1B[[F", "\x1B[[a", "\x1B[[[", "\x1B[[", "\x1B[[\xC3",
    };
    for (size_t i = 0; i < SB_COUNT(silent); i++)
        assert_string_equal(decode(silent[i]), "");
    char endless[300] = "\x1B[";
    memset(endless + 2, '1', 200);
    endless[202] = 'A';
    assert_string_equal(decode(endless), "");
    memcpy(endless + 202, "Ax", 3);
    assert_string_equal(decode(endless), "x");
}

static struct sb_key last_key;

static void keep_key(void *ctx, const struct sb_key *key)
{
    (void)ctx;
    last_key = *key;
}

static void clicks_and_the_wheel_tell_their_cell(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int button, x, y;
    } known[] = {{"\x1B[<0;1;1M", SB_BUTTON_LEFT, 0, 0}, {"\x1B[<64;80;24M", SB_WHEEL_UP, 79, 23}, {"\x1B[<65;200;60M", SB_WHEEL_DOWN, 199, 59}};
    for (size_t i = 0; i < SB_COUNT(known); i++) {
        struct sb_input in;
        sb_input_init(&in, keep_key, NULL);
        last_key = (struct sb_key){0};
        sb_input_feed(&in, known[i].bytes, strlen(known[i].bytes));
        assert_int_equal(last_key.code, SB_KEY_MOUSE);
        assert_int_equal(last_key.button, known[i].button);
        assert_int_equal(last_key.x, known[i].x);
        assert_int_equal(last_key.y, known[i].y);
        sb_input_release(&in);
    }
}

static void a_cut_off_sequence_never_becomes_its_letters(void **state)
{
    (void)state;
    static const char *const whole[] = {"\x1B[<0;10;10M", "\x1B[A", "\x1B[[A", "\x1B[1;5A", "\x1B[15~", "\x1BOA", "\x1B[97;5u", "\xE5\x8F\xB0", "\x1B]0;AAAA\x07"};
    for (size_t i = 0; i < SB_COUNT(whole); i++)
        for (size_t cut = 1; cut < strlen(whole[i]); cut++) {
            const char *out = decode_n(whole[i], cut);
            static const char *const fine[] = {"", "Escape", "M-[", "M-O", "M-]"};
            bool ok = false;
            for (size_t f = 0; f < SB_COUNT(fine); f++)
                ok |= strcmp(out, fine[f]) == 0;
            if (!ok)
                fail_msg("%s", out);
        }
    /* the first byte came, the Escape timer ran out, then the rest came: not "[" and "A" */
    struct sb_input in;
    sb_input_init(&in, note, NULL);
    sb_str_clear(&got);
    sb_input_feed(&in, "\x1B", 1);
    assert_int_equal(sb_input_wait_ms(&in), 25);
    sb_input_timeout(&in);
    sb_input_feed(&in, "[A", 2);
    assert_string_equal(got.p, "Escape Up");
    sb_str_clear(&got);
    sb_input_feed(&in, "\x1B", 1);
    sb_input_timeout(&in);
    sb_input_feed(&in, "[", 1);
    sb_input_feed(&in, "A", 1);
    assert_string_equal(got.p, "Escape Up");
    /* but a "[" that is typed stays one */
    sb_str_clear(&got);
    sb_input_feed(&in, "\x1B", 1);
    sb_input_timeout(&in);
    sb_input_feed(&in, "[", 1);
    sb_input_timeout(&in);
    sb_input_feed(&in, "A", 1);
    assert_string_equal(got.p, "Escape [ A");
    sb_input_release(&in);
}

static void the_split_of_reads_does_not_matter(void **state)
{
    (void)state;
    static const char bytes[] = "a\x1B[A\xE5\x8F\xB0\x1B[1;5B\x1BOP\x1B[[B\x1B]0;t\x07q\x1B[200~one\rtwo\x1B[201~";
    char *want = sb_format("%s", decode(bytes));
    assert_string_equal(want, "a Up \xE5\x8F\xB0 C-Down F1 F2 q paste(one\rtwo)");
    for (size_t cut = 0; cut <= strlen(bytes); cut++) {
        struct sb_input in;
        sb_input_init(&in, note, NULL);
        sb_str_clear(&got);
        sb_input_feed(&in, bytes, cut);
        sb_input_feed(&in, bytes + cut, strlen(bytes) - cut);
        assert_string_equal(got.p, want);
        sb_input_release(&in);
    }
    free(want);
}

static void a_paste_is_one_event_and_nothing_more(void **state)
{
    (void)state;
    assert_string_equal(decode("\x1B[200~A\r\x1B[A y\x1B[201~"), "paste(A\r\x1B[A y)");
    /* a closing sequence smuggled into the text: what follows without a pause is not typed */
    assert_string_equal(decode("\x1B[200~x\x1B[201~A\ry"), "paste(x)");
    assert_string_equal(decode("\x1B[200~never closed"), "paste(never closed)");
    assert_string_equal(decode("\x1B[200~half\x1B[20"), "paste(half\x1B[20)");
    struct sb_input in;
    sb_input_init(&in, note, NULL);
    sb_str_clear(&got);
    sb_input_feed(&in, "\x1B[200~a\x1B[201~", 13);
    sb_input_timeout(&in);
    sb_input_feed(&in, "k", 1);
    assert_string_equal(got.p, "paste(a) k");
    sb_input_release(&in);
}

static void ten_megabytes_of_paste_are_kept_short(void **state)
{
    (void)state;
    struct sb_input in;
    sb_input_init(&in, note, NULL);
    sb_str_clear(&got);
    sb_input_feed(&in, "\x1B[200~", 6);
    char block[4096];
    memset(block, 'A', sizeof block);
    for (int i = 0; i < 2560; i++)
        sb_input_feed(&in, block, sizeof block);
    assert_true(in.paste.len <= SB_PASTE_MAX);
    sb_input_feed(&in, "\x1B[201~", 6);
    assert_true(got.len <= SB_PASTE_MAX + 16);
    assert_string_equal(got.p + got.len - 4, "...)");
    sb_input_release(&in);
}

static void names_round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "A", "Space", "C-a", "C-Space", "M-x", "M-X", "S-Tab", "Enter", "F12", "PageUp", "C-S-Left", "?", "<", "-", "C-\\", "\xC3\xA9"};
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        struct sb_key key;
        assert_int_equal(sb_key_parse(names[i], &key), 0);
        char back[SB_KEY_NAME_MAX];
        sb_key_name(back, &key);
        assert_string_equal(back, names[i]);
    }
    static const char *const bad[] = {"", "ab", "C-", "C-A", "S-a", "X-a", "C-C-a", "Entr", "F13", "C-1", "\x01", " "};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_key key;
        if (sb_key_parse(bad[i], &key) == 0)
            fail_msg("\"%s\" is taken for a key", bad[i]);
    }
}

static void any_bytes_leave_the_decoder_usable(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 25);
    struct sb_input in;
    sb_input_init(&in, note, NULL);
    static const char spice[] = "\x1B\x1B\x1B[[[OPM;12~]\x07\\<AzZ\xC3";
    for (int round = 0; round < 20000; round++) {
        char bytes[32];
        size_t n = sb_rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = sb_rng_below(&rng, 4) ? spice[sb_rng_below(&rng, sizeof spice - 1)] : (char)sb_rng_below(&rng, 256);
        sb_str_clear(&got);
        sb_input_feed(&in, bytes, n);
        for (int i = 0; i < 6 && sb_input_wait_ms(&in) >= 0; i++)
            sb_input_timeout(&in);
        assert_int_equal(sb_input_wait_ms(&in), -1);
        sb_str_clear(&got);
        sb_input_feed(&in, "k", 1);
        assert_string_equal(got.p, "k");
    }
    sb_input_release(&in);
}

int main(void)
{
    sb_str_init(&got);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_bytes_are_keys),
        cmocka_unit_test(sequences_are_keys),
        cmocka_unit_test(reports_and_unknown_sequences_are_swallowed),
        cmocka_unit_test(clicks_and_the_wheel_tell_their_cell),
        cmocka_unit_test(a_cut_off_sequence_never_becomes_its_letters),
        cmocka_unit_test(the_split_of_reads_does_not_matter),
        cmocka_unit_test(a_paste_is_one_event_and_nothing_more),
        cmocka_unit_test(ten_megabytes_of_paste_are_kept_short),
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(any_bytes_leave_the_decoder_usable),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_str_release(&got);
    return rc;
}
