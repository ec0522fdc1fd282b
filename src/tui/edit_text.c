/* SPDX-License-Identifier: Apache-2.0
 *
 * A card's values as text for the person's own editor, and back. The text says what may be changed and how; what comes back
 * is data like any other: every line is checked, and one wrong line is told and changes nothing. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* True when the value is one that could also be typed. */
static bool visible(const char *value)
{
    struct line l;
    line_init(&l);
    bool whole = line_paste(&l, value, strlen(value)) && sb_streq(l.text.p, value);
    line_release(&l);
    return whole;
}

void edit_as_text(const struct sb_tui *t, struct sb_str *out)
{
    const struct edit *e = &t->edit;
    sb_str_addf(out, "# %s, revision %lld. One value a line, behind its name. A line that is taken away leaves its value as\n"
                     "# it is; a name with nothing behind it takes the value away. Lines with # in front are passed over.\n"
                     "# Nothing is sent when you leave the editor: you see the difference first.\n",
                e->card ? e->card : "?", (long long)e->revision);
    for (size_t i = 0; i < edit_keys(); i++) {
        const char *value = e->changed[i] ? e->changed[i] : e->now[i] ? e->now[i] : "";
        if (!sb_edit_key_is_for(&sb_edit_keys[i], e->kind))
            continue;
        sb_str_addf(out, "\n# %s\n", sb_edit_keys[i].help);
        if (visible(value))
            sb_str_addf(out, "%s: %s\n", sb_edit_keys[i].key, value);
        else
            sb_str_addf(out, "# %s holds characters that cannot be edited as text\n", sb_edit_keys[i].key);
    }
}

/* The key that a line begins with, and its value; edit_keys(): it is none. */
static size_t read_line(const char *line, const char **value)
{
    for (size_t i = 0; i < edit_keys(); i++) {
        size_t n = strlen(sb_edit_keys[i].key);
        if (strncmp(line, sb_edit_keys[i].key, n) == 0 && line[n] == ':') {
            *value = line + n + 1;
            *value += strspn(*value, " \t");
            return i;
        }
    }
    return edit_keys();
}

static void trim(char *line)
{
    size_t n = strlen(line);
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
        line[--n] = '\0';
}

void edit_from_text(struct sb_tui *t, const char *text)
{
    struct edit *e = &t->edit;
    char *fresh[EDIT_MAX] = {NULL}, *copy = sb_strdup_n(text, strlen(text)), *rest = copy;
    bool given[EDIT_MAX] = {false}, wrong = !copy;
    unsigned number = 0;
    for (char *line = copy ? strsep(&rest, "\n") : NULL; line && !wrong; line = strsep(&rest, "\n")) {
        const char *value = NULL;
        number++;
        trim(line);
        if (!line[0] || line[0] == '#')
            continue;
        size_t i = read_line(line, &value);
        if (i == edit_keys() || given[i] || !visible(value)) {
            say(t, true, "Line %u: %s. Nothing was taken over.", number,
                i == edit_keys() ? "it does not begin with the name of a value and a colon" : given[i] ? "this value is given twice" : "it holds characters that cannot be shown, or is too long");
            wrong = true;
        } else {
            given[i] = true;
            set_text(&fresh[i], value);
        }
    }
    for (size_t i = 0; i < edit_keys(); i++) {
        if (!wrong && given[i])
            set_text(&e->changed[i], sb_streq(fresh[i], e->now[i] ? e->now[i] : "") ? NULL : fresh[i]);
        free(fresh[i]);
    }
    free(copy);
    if (!wrong)
        say(t, false, "%zu value%s changed; nothing is sent yet.", edit_changes(e), edit_changes(e) == 1 ? " is" : "s are");
}
