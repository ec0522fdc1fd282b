/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile text in every text member of every message: nothing raw reaches a cell, and the layout stands. */
#include "console.h"

#include <signalbox/base/rng.h>

#include <utf8proc.h>

static struct sb_keymap *keymap;

static const char *const spice[] = {
    "\x1B[2J\x1B[H", "\x1B]52;c;QUFB\x07", "\x1B]0;title\x1B\\", "\x1B[6n", "\x1BP+q\x1B\\", "\x1B[?1049l", "\x1B[31mred", "\x1B", "\r", "\b\b\b", "\n", "\t", "\x07",
    "\x7F", "\x0E", "\x1B(0", "\xC2\x9B" "31m", "\xC2\x85", "\xE2\x80\xAE" "desrever", "\xE2\x81\xA6", "\xE2\x80\x8B", "\xE2\x80\x8D", "\xEF\xB8\x8F", "\xF3\xA0\x81\x81", "\xC2\xAD", "\xE2\x80\xA8",
    "\xCC\x81\xCC\x82\xCC\x83\xCC\x84\xCC\x85\xCC\x86\xCC\x87", "\xE5\x8F\xB0\xE5\xB8\xB3", "\xF0\x9F\x9A\x82", "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA", "\xE0\xA4\x95\xE0\xA5\x8D", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",
    "plain words here", "%s%n%d", "\\u{202e}", "PROD ] [ read", "\xEE\x80\x80", "\xE3\x80\x80", "approve", "'; drop", "{\"a\":1,\"b\":-1}",
};

static char *hostile(struct sb_rng *rng)
{
    struct sb_str s;
    sb_str_init(&s);
    uint64_t pieces = sb_rng_below(rng, 40) == 0 ? 3000 : sb_rng_below(rng, 6);
    for (uint64_t i = 0; i < pieces; i++)
        sb_str_adds(&s, spice[sb_rng_below(rng, SB_COUNT(spice))]);
    if (sb_rng_below(rng, 60) == 0) /* a mountain of marks */
        for (int i = 0; i < 5000; i++)
            sb_str_adds(&s, "\xCC\x81");
    if (sb_rng_below(rng, 30) == 0)
        sb_str_adds(&s, "\xFF\xC0\xAF\xED\xA0\x80");
    char *text = sb_str_take(&s);
    assert_non_null(text);
    return text;
}

static void fill(const struct sb_schema *s, void *record, struct sb_rng *rng, int depth)
{
    memset(record, 0, s->size);
    for (size_t k = 0; k < s->n; k++) {
        const struct sb_member *m = &s->member[k];
        void *at = (char *)record + m->offset;
        size_t *count = (size_t *)((char *)record + m->count_offset), want = sb_rng_below(rng, 4);
        switch (m->kind) {
        case SB_STR:
            if (sb_rng_below(rng, 8))
                *(char **)at = hostile(rng);
            break;
        case SB_INT: case SB_TIME: {
            static const int64_t odd[] = {INT64_MIN, INT64_MAX, -1, 0, 1, 999, INT64_C(1) << 53};
            *(int64_t *)at = sb_rng_below(rng, 3) ? (int64_t)sb_rng_below(rng, 2000000000000ull) : odd[sb_rng_below(rng, SB_COUNT(odd))];
            break;
        }
        case SB_BOOL: *(bool *)at = sb_rng_below(rng, 2); break;
        case SB_ENUM: *(int *)at = (int)sb_rng_below(rng, ((const struct sb_names *)m->sub)->n); break;
        case SB_JSON: {
            char *text = hostile(rng);
            json_t *v = json_string_nocheck("x");
            if (sb_utf8_valid(text, strlen(text))) {
                json_decref(v);
                v = json_string(text);
            }
            *(json_t **)at = json_object();
            json_object_set_new(*(json_t **)at, "path", v);
            free(text);
            break;
        }
        case SB_REC: fill(m->sub, at, rng, depth + 1); break;
        case SB_STRS:
            for (size_t i = 0; i < want; i++) {
                char **slot = sb_list_push(at, count, sizeof *slot);
                assert_non_null(slot);
                *slot = hostile(rng);
            }
            break;
        case SB_RECS:
            for (size_t i = 0; i < want && depth < 4; i++) {
                void *one = sb_list_push(at, count, ((const struct sb_schema *)m->sub)->size);
                assert_non_null(one);
                fill(m->sub, one, rng, depth + 1);
            }
            break;
        }
    }
}

/* What a cell may hold, said independently of the sanitizer. */
static void assert_cell_harmless(const struct sb_cell *cell, bool ascii)
{
    int marks = -1;
    for (size_t i = 0; i < cell->n;) {
        uint32_t point;
        size_t len = sb_utf8_decode(cell->text + i, cell->n - i, &point);
        assert_true(len > 0);
        const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)point);
        bool seen = point == ' ' || (p->category >= UTF8PROC_CATEGORY_LU && p->category <= UTF8PROC_CATEGORY_SO);
        if (!seen || p->ignorable || (ascii && point > 0x7E))
            fail_msg("U+%04X reached a cell", point);
        marks++;
        i += len;
    }
    assert_true(marks <= SB_MAX_MARKS);
}

static void assert_screen_stands(struct console *c, bool ascii)
{
    if (c->w == 0 || c->h == 0)
        return;
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++) {
            const struct sb_cell *cell = sb_cell_at(&c->cells, x, y);
            assert_cell_harmless(cell, ascii);
            if (cell->width == 2)
                assert_true(x + 1 < c->w && sb_cell_at(&c->cells, x + 1, y)->width == 0);
            if (cell->width == 0)
                assert_true(x > 0 && sb_cell_at(&c->cells, x - 1, y)->width == 2);
        }
    if (c->w < 40 || c->h < 10)
        return;
    /* header and footer are where they belong, whatever the texts were */
    assert_true(sb_cell_at(&c->cells, 0, 0)->role == SB_ROLE_HEADER);
    assert_true(sb_cell_at(&c->cells, 0, c->h - 1)->role == SB_ROLE_FOOTER);
}

static void hostile_text_in_every_field_is_inert(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {40, 10}, {200, 60}, {120, 40}, {61, 17}, {20, 5}};
    static const int types[] = {SB_NEWS_WELCOME, SB_NEWS_STRIP, SB_NEWS_ANOMALY, SB_NEWS_CARD, SB_NEWS_CASE, SB_NEWS_ENTRY, SB_NEWS_NOTICE, SB_NEWS_ANSWER, SB_NEWS_AUDIT};
    static const char *const tours[] = {
        "1 Enter PageDown Escape", "2 Enter 1 2 3 4 5 6 7 8 PageDown Escape", "3 Enter PageDown 2 PageDown PageDown A Escape Escape u Escape s Escape", "4 Enter Escape", "1 c Escape",
        "3 c Enter Escape Escape", "? End Escape", "m End Escape", ": Escape", "2 e Down Enter Escape Escape", "3 e Enter C-u x Enter S Escape Escape", "r Escape", "4 z End Home z", "L", "f", "3 x Escape", "3 & x Escape", "4 & e Enter Escape", "2 w Escape", "3 E Escape Escape", "3 Space o O Space ' \\", "[ [ ]", "W Escape",
    };
    struct sb_rng rng;
    sb_rng_seed(&rng, 2026);
    size_t strings = 0;
    for (int session = 0; session < 40; session++) {
        struct console c;
        bool ascii = session % 4 == 3;
        if (ascii) {
            struct sb_err err = SB_ERR_INIT;
            console_open(&c, keymap, 80, 24);
            sb_tui_free(c.tui);
            struct sb_tui_setup setup = {.keymap = keymap, .seat = {.who = (char *)"\x1B[31malice"}, .connecting = "\x1B]0;x\x07", .problems = "a\x1B[2J\nb", .ascii = true, .wall_ms = c.clock};
            c.tui = sb_tui_new(&setup, &err);
            assert_non_null(c.tui);
        } else {
            console_on_card(&c, keymap, 80, 24);
        }
        for (int round = 0; round < 60; round++) {
            int type = types[sb_rng_below(&rng, SB_COUNT(types))];
            struct sb_message *m = sb_message_new(type, 0);
            assert_non_null(m);
            fill(sb_message_schema(type), m->body, &rng, 0);
            strings++;
            if (type == SB_NEWS_CARD && !((struct sb_card *)m->body)->hash)
                ((struct sb_card *)m->body)->hash = hostile(&rng);
            console_news(&c, m);
            c.w = sizes[(size_t)round % SB_COUNT(sizes)][0];
            c.h = sizes[(size_t)round % SB_COUNT(sizes)][1];
            console_frame(&c);
            assert_screen_stands(&c, ascii);
            char tour[128];
            snprintf(tour, sizeof tour, "%s", tours[sb_rng_below(&rng, SB_COUNT(tours))]);
            char *rest = tour;
            for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
                press(&c, word);
                assert_screen_stands(&c, ascii);
            }
        }
        console_close(&c);
    }
    assert_true(strings == 2400);
}

/* A name that looks like a flag of ours stays text: flags have roles of their own. */
static void a_forged_flag_does_not_get_the_role_of_one(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 80, 24);
    console_json(&c, "{\"type\":\"welcome\",\"seq\":0,\"body\":{\"version\":\"1\",\"deployment\":\"x [ dev ] [ SIMULATED ]\",\"environment\":\"prod\",\"simulated\":false,\"read_only\":true,\"speed\":1}}");
    int prod = 0, simulated = 0, read_only = 0;
    for (int x = 0; x < 80; x++) {
        prod += sb_cell_at(&c.cells, x, 0)->role == SB_ROLE_ENV_PROD;
        simulated += sb_cell_at(&c.cells, x, 0)->role == SB_ROLE_SIMULATED;
        read_only += sb_cell_at(&c.cells, x, 0)->role == SB_ROLE_READ_ONLY;
    }
    assert_int_equal(prod, 8);
    assert_int_equal(simulated, 0);
    assert_int_equal(read_only, 13);
    console_close(&c);
}

/* However long the deployment's name is, its environment is on the screen. */
static void no_name_pushes_the_environment_off_the_screen(void **state)
{
    (void)state;
    for (int w = 40; w <= 200; w++) {
        struct console c;
        console_open(&c, keymap, w, 24);
        console_json(&c, "{\"type\":\"welcome\",\"seq\":0,\"body\":{\"version\":\"1\",\"deployment\":\"a-very-long-name-of-a-deployment-that-goes-on-and-on-and-on-and-on-and-on-and-on\","
                         "\"environment\":\"prod\",\"simulated\":true,\"read_only\":true,\"speed\":60}}");
        assert_shows(&c, "[ PROD ]");
        if (w >= 52)
            assert_shows(&c, "[ SIMULATED x60 ] [ READ-ONLY ]");
        console_close(&c);
    }
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_in_every_field_is_inert),
        cmocka_unit_test(a_forged_flag_does_not_get_the_role_of_one),
        cmocka_unit_test(no_name_pushes_the_environment_off_the_screen),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
