/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/keys.h>

#include <string.h>

static const char *const names[SB_KEY_CODES] = {
    [SB_KEY_ENTER] = "Enter", [SB_KEY_TAB] = "Tab", [SB_KEY_ESCAPE] = "Escape", [SB_KEY_BACKSPACE] = "Backspace",
    [SB_KEY_DELETE] = "Delete", [SB_KEY_INSERT] = "Insert", [SB_KEY_UP] = "Up", [SB_KEY_DOWN] = "Down",
    [SB_KEY_LEFT] = "Left", [SB_KEY_RIGHT] = "Right", [SB_KEY_HOME] = "Home", [SB_KEY_END] = "End",
    [SB_KEY_PAGE_UP] = "PageUp", [SB_KEY_PAGE_DOWN] = "PageDown",
    [SB_KEY_F1] = "F1", [SB_KEY_F2] = "F2", [SB_KEY_F3] = "F3", [SB_KEY_F4] = "F4", [SB_KEY_F5] = "F5", [SB_KEY_F6] = "F6",
    [SB_KEY_F7] = "F7", [SB_KEY_F8] = "F8", [SB_KEY_F9] = "F9", [SB_KEY_F10] = "F10", [SB_KEY_F11] = "F11", [SB_KEY_F12] = "F12",
};

static int code_of(const char *name)
{
    for (int code = 0; code < SB_KEY_CODES; code++)
        if (names[code] && strcmp(names[code], name) == 0)
            return code;
    return SB_KEY_NONE;
}

int sb_key_parse(const char *name, struct sb_key *key)
{
    *key = (struct sb_key){0};
    while (name[0] && name[1] == '-' && name[2]) {
        unsigned mod = name[0] == 'C' ? SB_MOD_CTRL : name[0] == 'M' ? SB_MOD_ALT : name[0] == 'S' ? SB_MOD_SHIFT : 0;
        if (!mod || (key->mods & mod))
            return -1;
        key->mods |= mod;
        name += 2;
    }
    key->code = code_of(name);
    if (key->code != SB_KEY_NONE)
        return 0;
    key->code = SB_KEY_CHAR;
    size_t len = strlen(name);
    if (strcmp(name, "Space") == 0)
        key->point = ' ';
    else if (len == 0 || sb_utf8_decode(name, len, &key->point) != len || key->point <= ' ' || key->point == 0x7F)
        return -1;
    if (key->mods & SB_MOD_SHIFT) /* a shifted letter is another character */
        return -1;
    if ((key->mods & SB_MOD_CTRL) && !(key->point == ' ' || (key->point >= 'a' && key->point <= 'z') || strchr("@[\\]^_", (int)key->point)))
        return -1; /* no terminal sends it */
    return 0;
}

void sb_key_name(char out[SB_KEY_NAME_MAX], const struct sb_key *key)
{
    char point[5] = "";
    const char *name = key->code < SB_KEY_CODES && names[key->code] ? names[key->code] : "?";
    if (key->code == SB_KEY_PASTE) {
        name = "paste";
    } else if (key->code == SB_KEY_MOUSE) {
        name = "mouse";
    } else if (key->code == SB_KEY_CHAR) {
        point[sb_utf8_encode(key->point, point)] = '\0';
        name = key->point == ' ' ? "Space" : point;
    }
    snprintf(out, SB_KEY_NAME_MAX, "%s%s%s%s", key->mods & SB_MOD_CTRL ? "C-" : "", key->mods & SB_MOD_ALT ? "M-" : "",
             key->mods & SB_MOD_SHIFT ? "S-" : "", name);
}

bool sb_key_same(const struct sb_key *a, const struct sb_key *b)
{
    return a->code == b->code && a->mods == b->mods && (a->code != SB_KEY_CHAR || a->point == b->point);
}
