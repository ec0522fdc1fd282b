/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/theme.h>

#include <string.h>

#define MAX_COLORS 64

static const char *const ansi_names[16] = {
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "bright-black", "bright-red", "bright-green",
    "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white",
};

static const struct {
    const char *name;
    enum sb_attr attr;
} attr_names[] = {
    {"bold", SB_ATTR_BOLD}, {"dim", SB_ATTR_DIM}, {"underline", SB_ATTR_UNDERLINE}, {"reverse", SB_ATTR_REVERSE}, {"italic", SB_ATTR_ITALIC},
};

struct reading {
    struct sb_theme *theme;
    struct {
        char name[32];
        struct sb_color color;
        bool used;
    } color[MAX_COLORS];
    size_t colors;
    bool named;
    unsigned given[SB_ROLES]; /* line on which the role was given, 0 not yet */
    unsigned color_line[MAX_COLORS];
};

/* ---- the fixed part of the 256: a 6x6x6 cube and 24 greys ---- */

static int cube_level(int i)
{
    return i ? 55 + 40 * i : 0;
}

uint32_t sb_color_256_rgb(int index)
{
    if (index >= 232) {
        uint32_t grey = (uint32_t)(8 + 10 * (index - 232));
        return grey << 16 | grey << 8 | grey;
    }
    int i = index - 16;
    return (uint32_t)cube_level(i / 36) << 16 | (uint32_t)cube_level(i / 6 % 6) << 8 | (uint32_t)cube_level(i % 6);
}

static int64_t distance(uint32_t a, uint32_t b)
{
    int64_t r = (int64_t)(a >> 16) - (int64_t)(b >> 16), g = (int64_t)(a >> 8 & 255) - (int64_t)(b >> 8 & 255);
    int64_t bl = (int64_t)(a & 255) - (int64_t)(b & 255);
    return 2 * r * r + 4 * g * g + 3 * bl * bl; /* the eye's weights, roughly */
}

int sb_color_256(uint32_t rgb)
{
    int best = 16;
    for (int i = 17; i < 256; i++)
        if (distance(rgb, sb_color_256_rgb(i)) < distance(rgb, sb_color_256_rgb(best)))
            best = i;
    return best;
}

/* ---- the file ---- */

static bool hex_color(const char *text, uint32_t *rgb)
{
    if (strlen(text) != 6)
        return false;
    *rgb = 0;
    for (const char *p = text; *p; p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10 : -1;
        if (digit < 0)
            return false;
        *rgb = *rgb << 4 | (uint32_t)digit;
    }
    return true;
}

static int ansi_find(const char *name)
{
    for (int i = 0; i < 16; i++)
        if (strcmp(ansi_names[i], name) == 0)
            return i;
    return -1;
}

static int color_find(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->colors; i++)
        if (strcmp(r->color[i].name, name) == 0)
            return (int)i;
    return -1;
}

#define BAD(...) sb_problems_add(problems, row->path, row->line, __VA_ARGS__)

static void read_color(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_color color = {.own = false};
    if (row->n != 4)
        BAD("a colour is written: color NAME rrggbb ANSI");
    else if (!hex_color(row->word[2], &color.rgb))
        BAD("\"%s\" is not a colour: six hexadecimal digits rrggbb", row->word[2]);
    else if ((color.ansi = ansi_find(row->word[3])) < 0)
        BAD("\"%s\" is not one of the 16 colours black ... white, bright-black ... bright-white", row->word[3]);
    else if (strlen(row->word[1]) >= sizeof r->color[0].name || strcmp(row->word[1], "-") == 0)
        BAD("\"%s\" cannot be a colour's name", row->word[1]);
    else if (color_find(r, row->word[1]) >= 0)
        BAD("the colour %s is given twice (first on line %u)", row->word[1], r->color_line[color_find(r, row->word[1])]);
    else if (r->colors == MAX_COLORS)
        BAD("more than %d colours", MAX_COLORS);
    else {
        snprintf(r->color[r->colors].name, sizeof r->color[0].name, "%s", row->word[1]);
        r->color_line[r->colors] = row->line;
        r->color[r->colors++].color = color;
    }
}

static bool read_side(struct reading *r, const struct sb_conf_row *row, const char *word, struct sb_color *side, struct sb_problems *problems)
{
    *side = (struct sb_color){.own = true};
    if (strcmp(word, "-") == 0)
        return true;
    int found = color_find(r, word);
    if (found < 0) {
        BAD("there is no colour \"%s\" above this line", word);
        return false;
    }
    r->color[found].used = true;
    *side = r->color[found].color;
    return true;
}

static void read_role(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    if (row->n < 4) {
        BAD("a role is written: role ROLE FG BG [bold dim underline reverse italic]");
        return;
    }
    int role = sb_role_find(row->word[1]);
    if (role < 0) {
        BAD("there is no role \"%s\"", row->word[1]);
        return;
    }
    if (r->given[role]) {
        BAD("the role %s is given twice (first on line %u)", row->word[1], r->given[role]);
        return;
    }
    r->given[role] = row->line;
    struct sb_style style = {.attrs = 0};
    if (!read_side(r, row, row->word[2], &style.fg, problems) || !read_side(r, row, row->word[3], &style.bg, problems))
        return;
    for (size_t i = 4; i < row->n; i++) {
        size_t a = 0;
        while (a < SB_COUNT(attr_names) && strcmp(attr_names[a].name, row->word[i]) != 0)
            a++;
        if (a == SB_COUNT(attr_names))
            BAD("\"%s\" is not an attribute (bold dim underline reverse italic)", row->word[i]);
        else
            style.attrs |= attr_names[a].attr;
    }
    r->theme->style[role] = style;
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *r = ctx;
    if (strcmp(row->word[0], "theme") == 0) {
        if (row->n < 2 || row->n > 3 || r->named)
            BAD("a theme is named once: theme NAME [\"what it is for\"]");
        else
            snprintf(r->theme->name, sizeof r->theme->name, "%s", row->word[1]);
        r->named = true;
    } else if (strcmp(row->word[0], "color") == 0) {
        read_color(r, row, problems);
    } else if (strcmp(row->word[0], "role") == 0) {
        read_role(r, row, problems);
    } else {
        BAD("\"%s\" is not one of theme, color, role", row->word[0]);
    }
}

int sb_theme_parse(struct sb_theme *theme, const char *text, size_t len, const char *path, struct sb_problems *problems,
                   struct sb_err *err)
{
    memset(theme, 0, sizeof *theme);
    for (int i = 0; i < SB_ROLES; i++)
        theme->style[i] = (struct sb_style){.fg = {.own = true}, .bg = {.own = true}};
    struct reading r = {.theme = theme};
    if (sb_conf_parse(text, len, path, read_row, &r, problems, err))
        return -1;
    unsigned last = 1;
    for (size_t i = 0; i < len; i++)
        last += text[i] == '\n' && i + 1 < len;
    if (!r.named)
        sb_problems_add(problems, path, last, "the theme has no name: theme NAME");
    for (int i = 0; i < SB_ROLES; i++)
        if (!r.given[i]) {
            sb_problems_add(problems, path, last, "the role %s is missing; it looks like plain text", sb_roles[i].name);
            theme->style[i] = theme->style[SB_ROLE_TEXT];
        }
    for (size_t i = 0; i < r.colors; i++)
        if (!r.color[i].used)
            sb_problems_add(problems, path, r.color_line[i], "the colour %s is used by no role", r.color[i].name);
    return sb_str_ok(&problems->text) ? 0 : sb_fail_nomem(err);
}
