/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a scenario's file says of it as an exercise. */
#include "exercise.h"
#include "simulator.h"

#include <signalbox/base/array.h>
#include <signalbox/base/conf.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/model/names.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1 << 20)
#define MOST_LEVEL 5
#define MOST_ROWS 64 /* aims, and hints */
#define MOST_MS (7 * 24 * 3600000LL)

struct reading {
    struct exercise *x;
    const struct sb_conf_row *row;
    struct sb_problems *problems;
    bool any, has_begin, nomem;
    unsigned first_line;
};

#define problem(r, ...) sb_problems_add((r)->problems, (r)->row->path, (r)->row->line, __VA_ARGS__)

static void copy(struct reading *r, char **to, const char *text)
{
    r->nomem |= sb_str_set(to, text) != 0;
}

static bool duration(struct reading *r, const char *word, int64_t *ms)
{
    char *end;
    double d = strtod(word, &end), unit = sb_streq(end, "s") ? 1e3 : sb_streq(end, "m") ? 60e3 : sb_streq(end, "h") ? 3600e3 : 0;
    if (end == word || unit == 0 || !(d >= 0) || d * unit > (double)MOST_MS) {
        problem(r, "a duration is a number with s, m or h, not \"%.40s\"", word);
        return false;
    }
    *ms = (int64_t)(d * unit + 0.5);
    return true;
}

static int deed_of(const char *word)
{
    static const char *const deeds[EXERCISE_DEEDS] = {"approve", "reject", "name", "change"};
    for (int i = 0; i < EXERCISE_DEEDS; i++)
        if (sb_streq(word, deeds[i]))
            return i;
    return -1;
}

/* KIND TARGET [key FIELDS], from word 3 on: where what follows begins, 0 when it is wrong. */
static size_t read_card(struct reading *r, struct exercise_aim *aim)
{
    const struct sb_conf_row *row = r->row;
    if (row->n < 5) {
        problem(r, "%s wants a kind of card and its target", row->word[2]);
        return 0;
    }
    aim->kind = sb_streq(row->word[3], "*") ? -1 : sb_name_find(&sb_card_kinds, row->word[3]);
    if (aim->kind < 0 && !sb_streq(row->word[3], "*")) {
        problem(r, "there is no kind of card \"%.40s\"", row->word[3]);
        return 0;
    }
    copy(r, &aim->target, row->word[4]);
    if (row->n < 7 || !sb_streq(row->word[5], "key"))
        return 5;
    copy(r, &aim->word, row->word[6]);
    return 7;
}

static void read_aim(struct reading *r)
{
    const struct sb_conf_row *row = r->row;
    struct exercise_aim aim = {.kind = -1};
    int deed = row->n > 2 ? deed_of(row->word[2]) : -1;
    size_t at = 0;
    if (deed < 0) {
        problem(r, "after %s comes approve, reject, name or change", row->word[1]);
        return;
    }
    aim.deed = (enum exercise_deed)deed;
    aim.wrong = sb_streq(row->word[1], "wrong");
    if (aim.deed == EXERCISE_CHANGE) {
        at = 3;
    } else if (aim.deed != EXERCISE_NAME) {
        at = read_card(r, &aim);
    } else if (row->n > 3 && row->word[3][0]) {
        copy(r, &aim.word, row->word[3]);
        at = 4;
    } else {
        problem(r, "name wants a word");
    }
    if (at && row->n != at + 1)
        problem(r, "an aim ends with the reason, in double quotes");
    else if (at && r->x->aims_n >= MOST_ROWS)
        problem(r, "more than %d aims", MOST_ROWS);
    else if (at) {
        copy(r, &aim.why, row->word[at]);
        struct exercise_aim *a = SB_PUSH(r->x->aims);
        r->nomem |= !a;
        if (a) {
            *a = aim;
            return;
        }
    }
    free(aim.target);
    free(aim.word);
    free(aim.why);
}

static void read_hint(struct reading *r)
{
    int64_t after;
    if (r->row->n != 4) {
        problem(r, "a hint is a duration and a sentence");
    } else if (r->x->hints_n >= MOST_ROWS) {
        problem(r, "more than %d hints", MOST_ROWS);
    } else if (duration(r, r->row->word[2], &after)) {
        struct exercise_hint *h = SB_PUSH(r->x->hints);
        r->nomem |= !h;
        if (h) {
            h->after_ms = after;
            copy(r, &h->text, r->row->word[3]);
        }
    }
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *r = ctx;
    struct exercise *x = r->x;
    r->row = row;
    r->problems = problems;
    if (sb_streq(row->word[0], "title") && row->n == 2)
        copy(r, &x->title, row->word[1]);
    if (!sb_streq(row->word[0], "exercise"))
        return;
    r->first_line = r->any ? r->first_line : row->line;
    r->any = true;
    const char *word = row->n > 1 ? row->word[1] : "";
    if (sb_streq(word, "level") && row->n == 3) {
        char *end;
        x->level = strtol(row->word[2], &end, 10);
        if (*end || x->level < 1 || x->level > MOST_LEVEL)
            problem(r, "a level is 1 to %d", MOST_LEVEL);
    } else if (sb_streq(word, "brief") && row->n == 3) {
        copy(r, &x->brief, row->word[2]);
    } else if (sb_streq(word, "story") && row->n == 3) {
        copy(r, &x->story, row->word[2]);
    } else if (sb_streq(word, "begins") && row->n == 3) {
        r->has_begin = duration(r, row->word[2], &x->begins_ms);
    } else if (sb_streq(word, "hint")) {
        read_hint(r);
    } else if (sb_streq(word, "right") || sb_streq(word, "wrong")) {
        read_aim(r);
    } else {
        problem(r, "an exercise has level N, brief TEXT, begins DURATION, hint DURATION TEXT, right AIM WHY, wrong AIM WHY and story TEXT");
    }
}

/* What can only be said when all of it was read. */
static void look_at_whole(struct reading *r, const char *path, struct sb_problems *problems)
{
    const struct exercise *x = r->x;
    bool right = false;
    if (!r->any)
        return;
    for (size_t i = 0; i < x->aims_n; i++)
        right |= !x->aims[i].wrong;
    if (!x->level)
        sb_problems_add(problems, path, r->first_line, "the exercise has no level");
    if (!x->brief || !x->story)
        sb_problems_add(problems, path, r->first_line, "the exercise has no %s", x->brief ? "story" : "brief");
    if (!r->has_begin)
        sb_problems_add(problems, path, r->first_line, "the exercise does not say when it begins");
    if (!right)
        sb_problems_add(problems, path, r->first_line, "nothing counts as right: the exercise can be neither passed nor failed");
}

static int hint_order(const void *a, const void *b)
{
    const struct exercise_hint *x = a, *y = b;
    return (x->after_ms > y->after_ms) - (x->after_ms < y->after_ms);
}

int sb_exercise_parse(const char *text, size_t len, const char *path, const char *name, struct exercise *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reading r = {.x = out};
    struct sb_problems problems;
    sb_problems_init(&problems);
    copy(&r, &out->name, name);
    int rc = sb_conf_parse(text, len, path, read_row, &r, &problems, err);
    if (rc == 0) {
        look_at_whole(&r, path, &problems);
        if (r.nomem)
            rc = sb_fail_nomem(err);
        else if (r.any && problems.count)
            rc = sb_fail(err, SB_EINPUT, "%.*s", (int)(problems.text.len && problems.text.len < 800 ? problems.text.len - 1 : strcspn(problems.text.p, "\n")), problems.text.p);
    }
    if (rc == 0 && out->hints_n)
        qsort(out->hints, out->hints_n, sizeof *out->hints, hint_order);
    sb_problems_release(&problems);
    if (rc)
        sb_exercise_release(out);
    return rc;
}

int sb_exercise_load(const char *scenario, struct exercise *out, struct sb_err *err)
{
    struct sb_str text;
    char built_in[256];
    size_t len;
    sb_str_init(&text);
    const char *bytes = sb_scenario_built_in(scenario, built_in, &len);
    int rc = bytes ? sb_exercise_parse(bytes, len, built_in, scenario, out, err)
                   : sb_file_read_named(scenario, MAX_FILE, &text, err) || sb_exercise_parse(text.p, text.len, scenario, scenario, out, err) ? -1 : 0;
    sb_str_release(&text);
    return rc;
}

void sb_exercise_release(struct exercise *x)
{
    for (size_t i = 0; i < x->hints_n; i++)
        free(x->hints[i].text);
    for (size_t i = 0; i < x->aims_n; i++) {
        free(x->aims[i].target);
        free(x->aims[i].word);
        free(x->aims[i].why);
    }
    free(x->hints);
    free(x->aims);
    free(x->name);
    free(x->title);
    free(x->brief);
    free(x->story);
    memset(x, 0, sizeof *x);
}

int sb_exercise_aim_say(const struct exercise_aim *a, struct sb_str *out)
{
    const char *kind = a->kind < 0 ? "any" : sb_name(&sb_card_kinds, a->kind);
    switch (a->deed) {
    case EXERCISE_CHANGE: sb_str_adds(out, "change the server by a card"); break;
    case EXERCISE_NAME: sb_str_addf(out, "name \"%s\" in a note, a mark or a request", a->word); break;
    default:
        sb_str_addf(out, "%s %s card for %s", a->deed == EXERCISE_APPROVE ? "approve the" : "reject the", kind, a->target);
        if (a->word)
            sb_str_addf(out, " with an index on %s first", a->word);
    }
    return sb_str_ok(out) ? 0 : -1;
}

/* The built-in exercises of a level. */
static int list_level(int64_t level, struct sb_err *err)
{
    char name[128];
    for (size_t i = 0; sb_scenario_next(&i, name);) {
        struct exercise x;
        if (sb_exercise_load(name, &x, err))
            return -1;
        if (x.level == level)
            sb_print("  %" PRId64 "  %-20s %s\n", level, name, x.brief);
        sb_exercise_release(&x);
    }
    return 0;
}

int sb_exercise_list(struct sb_err *err)
{
    sb_print("Exercises, the easiest first (%s demo --scenario NAME):\n", sb_program());
    for (int64_t level = 1; level <= MOST_LEVEL; level++)
        if (list_level(level, err))
            return -1;
    return 0;
}

int sb_exercise_print(const struct exercise *x)
{
    struct sb_str line;
    sb_str_init(&line);
    sb_print("%s, level %" PRId64 ": %s\nIt begins %" PRId64 " s in, on the simulated clock; %zu hints.\n", x->name, x->level, x->brief, x->begins_ms / 1000, x->hints_n);
    int rc = 0;
    for (size_t i = 0; i < x->aims_n && rc == 0; i++) {
        sb_str_clear(&line);
        rc = sb_exercise_aim_say(&x->aims[i], &line);
        sb_print("  %s: %s\n         %s\n", x->aims[i].wrong ? "wrong" : "right", line.p ? line.p : "", x->aims[i].why);
    }
    sb_print("%s\n", x->story);
    sb_str_release(&line);
    return rc;
}
