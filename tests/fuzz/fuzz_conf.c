/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what people write: the line format, and the theme, keymap, config, exercise and intents read from it. The first byte says
 * which. Words survive being written out and read again; a problem is one line with its place; a theme is usable whatever
 * was wrong with it; no keymap puts a deliberate action on Enter or Space or takes `q` away; a connection string in the
 * config stops the program, and a schedule that was taken has its planned times. */
#include "fuzz.h"

#include "../../src/cli/exercise.h"

#include <signalbox/cli/config.h>
#include <signalbox/orchestrator/intake.h>
#include <signalbox/term/theme.h>
#include <signalbox/tui/keymap.h>

static void check_problems(const struct sb_problems *p)
{
    size_t lines = 0;
    const char *line = p->text.p, *eol;
    for (; (eol = strchr(line, '\n')) != NULL; line = eol + 1, lines++)
        check(strncmp(line, "fuzz:", 5) == 0 || memchr(line, ':', (size_t)(eol - line)) == NULL || lines > 0);
    check(*line == '\0' && lines >= p->count);
}

/* ---- the line format ---- */

struct rows {
    struct sb_str text; /* the rows, every word in quotes */
    size_t n;
};

static void write_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct rows *r = ctx;
    (void)problems;
    check(row->n >= 1 && row->n <= SB_CONF_MAX_WORDS && row->line >= 1);
    r->n++;
    for (size_t i = 0; i < row->n; i++) {
        sb_str_addc(&r->text, '"');
        for (const char *p = row->word[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                sb_str_addc(&r->text, '\\');
            if (*p == '\n')
                sb_str_adds(&r->text, "\\n");
            else
                sb_str_addc(&r->text, *p);
        }
        sb_str_adds(&r->text, i + 1 < row->n ? "\" " : "\"\n");
    }
}

static void fuzz_rows(const char *p, size_t n, struct sb_problems *problems)
{
    struct rows first = {.n = 0}, second = {.n = 0};
    struct sb_problems none;
    sb_problems_init(&none);
    sb_str_init(&first.text);
    sb_str_init(&second.text);
    check(sb_conf_parse(p, n, "fuzz", write_row, &first, problems, NULL) == 0);
    check(sb_conf_parse(first.text.p, first.text.len, "again", write_row, &second, &none, NULL) == 0);
    check(none.count == 0 && first.n == second.n && strcmp(first.text.p, second.text.p) == 0);
    sb_str_release(&first.text);
    sb_str_release(&second.text);
    sb_problems_release(&none);
}

/* ---- its readers ---- */

static void fuzz_theme(const char *p, size_t n, struct sb_problems *problems)
{
    struct sb_theme theme;
    check(sb_theme_parse(&theme, p, n, "fuzz", problems, NULL) == 0);
    check(memchr(theme.name, '\0', sizeof theme.name) != NULL);
    for (size_t i = 0; i < SB_ROLES; i++) {
        const struct sb_color *color[] = {&theme.style[i].fg, &theme.style[i].bg};
        for (size_t k = 0; k < SB_COUNT(color); k++)
            check(color[k]->own || (color[k]->rgb <= 0xFFFFFF && color[k]->ansi >= 0 && color[k]->ansi <= 15 && sb_color_256(color[k]->rgb) >= 16));
        check(theme.style[i].attrs < 32);
    }
}

static bool bound(const struct sb_keymap *k, enum sb_context context, const char *name, enum sb_action *action)
{
    struct sb_key key;
    check(sb_key_parse(name, &key) == 0);
    return sb_keymap_find(k, context, &key, 1, action) == SB_BOUND;
}

static void fuzz_keymap(const char *p, size_t n, struct sb_problems *problems)
{
    struct sb_keymap *k = sb_keymap_new();
    check(k != NULL);
    check(sb_keymap_read(k, p, n, "fuzz", problems, NULL) == 0);
    sb_keymap_check(k, "fuzz", problems);
    for (int c = 0; c < SB_CONTEXTS; c++) {
        enum sb_action action;
        static const char *const careless[] = {"Enter", "Space"};
        for (size_t i = 0; i < SB_COUNT(careless); i++)
            if (bound(k, (enum sb_context)c, careless[i], &action))
                check(!(sb_actions[action].flags & SB_DELIBERATE));
        for (int a = 1; a < SB_ACTIONS; a++)
            sb_keymap_keys(k, (enum sb_context)c, (enum sb_action)a);
    }
    struct sb_str table;
    sb_str_init(&table);
    const struct sb_keymap *maps[] = {k, k};
    sb_keymap_table(maps, SB_COUNT(maps), &table);
    sb_str_release(&table);
    sb_keymap_free(k);
}

static void fuzz_config(const char *p, size_t n, struct sb_problems *problems)
{
    struct sb_config c;
    check(sb_config_parse(&c, p, n, "fuzz", problems, NULL) == 0);
    check(!c.unsafe || problems->count);
    for (size_t i = 0; i < c.deployments_n; i++) {
        check(c.deployments[i].environment >= 0);
        check(sb_config_deployment(&c, c.deployments[i].name) == &c.deployments[i]); /* each name once */
        for (size_t k = 0; k < c.deployments[i].schedules_n; k++) { /* what was taken can be planned */
            const struct sb_schedule *x = &c.deployments[i].schedules[k];
            int64_t missed, next = sb_schedule_next(x, 0);
            check(x->request[0] && next > 0 && next < SB_SCHEDULE_NEVER && sb_schedule_newest(x, 0, next, &missed) == next && missed == 0);
            check(sb_schedule_find(c.deployments[i].schedules, c.deployments[i].schedules_n, x->name) == x);
        }
    }
    sb_config_release(&c);
}

static void fuzz_intents(const char *p, size_t n, struct sb_problems *problems)
{
    struct sb_reading_of reading;
    struct sb_err err = SB_ERR_INIT;
    struct sb_intake *in = sb_intake_new(p, n, "fuzz", problems, &err);
    if (in && problems->count == 0 && sb_intake_read(in, "please drop the index called status_1 of shop.orders", NULL, 0, &reading, &err) == 0)
        sb_record_release(&sb_reading_of_schema, &reading);
    sb_intake_free(in);
}

/* ---- what a team writes for its rota ---- */

static void fuzz_exercise(const char *p, size_t n)
{
    struct exercise x;
    struct sb_err err = SB_ERR_INIT;
    struct sb_str line;
    if (sb_exercise_parse(p, n, "fuzz", "fuzz", &x, &err)) {
        check(err.code != SB_OK && strncmp(err.msg, "fuzz:", 5) == 0);
        return;
    }
    bool right = false;
    sb_str_init(&line);
    for (size_t i = 0; i < x.aims_n; i++) {
        right |= !x.aims[i].wrong;
        check(x.aims[i].why && sb_exercise_aim_say(&x.aims[i], &line) == 0);
    }
    check(x.level == 0 || (right && x.brief && x.story));
    sb_str_release(&line);
    sb_exercise_release(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct sb_problems problems;
    sb_problems_init(&problems);
    const char *p = (const char *)data + 1;
    switch (data[0]) {
    case 'T': fuzz_theme(p, size - 1, &problems); break;
    case 'K': fuzz_keymap(p, size - 1, &problems); break;
    case 'C': fuzz_config(p, size - 1, &problems); break;
    case 'X': fuzz_exercise(p, size - 1); break;
    case 'I': fuzz_intents(p, size - 1, &problems); break;
    default: fuzz_rows(p, size - 1, &problems);
    }
    check_problems(&problems);
    sb_problems_release(&problems);
    return 0;
}
