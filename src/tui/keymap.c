/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/tui/keymap.h>

#include <stdlib.h>
#include <string.h>

struct binding {
    enum sb_context context;
    struct sb_key key[SB_KEYS_MAX];
    size_t n;
    enum sb_action action;
    char *keys; /* as written */
    char *path; /* of its file */
    unsigned file, line;
};

struct sb_keymap {
    char name[32];
    struct binding *binding;
    size_t n, cap;
    unsigned files, last_line;
};

struct sb_keymap *sb_keymap_new(void)
{
    return calloc(1, sizeof(struct sb_keymap));
}

static void remove_binding(struct sb_keymap *k, size_t i)
{
    free(k->binding[i].keys);
    free(k->binding[i].path);
    memmove(&k->binding[i], &k->binding[i + 1], (--k->n - i) * sizeof k->binding[0]);
}

void sb_keymap_free(struct sb_keymap *k)
{
    if (!k)
        return;
    while (k->n)
        remove_binding(k, k->n - 1);
    free(k->binding);
    free(k);
}

const char *sb_keymap_name(const struct sb_keymap *k)
{
    return k->name;
}

/* True when the first n keys of both are the same. */
static bool same_start(const struct binding *a, const struct sb_key *keys, size_t n)
{
    if (a->n < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!sb_key_same(&a->key[i], &keys[i]))
            return false;
    return true;
}

/* ---- reading ---- */

struct reading {
    struct sb_keymap *map;
    bool named, failed;
};

#define BAD(...) sb_problems_add(problems, row->path, row->line, __VA_ARGS__)

/* Ctrl and Shift are lost on some keys: most terminals send them as others. They are bound all the same, for those that do
 * not. */
static void tell_unsendable(const struct sb_conf_row *row, const struct sb_key *key, struct sb_problems *problems)
{
    char name[SB_KEY_NAME_MAX], as[SB_KEY_NAME_MAX];
    struct sb_key sent = *key;
    bool ctrl = (key->mods & SB_MOD_CTRL) != 0;
    if (key->code == SB_KEY_CHAR && ctrl && key->point == '@') {
        sent.point = ' ';
    } else if (key->code == SB_KEY_CHAR && ctrl) {
        sent.code = key->point == 'i' ? SB_KEY_TAB : key->point == 'm' ? SB_KEY_ENTER : key->point == 'h' ? SB_KEY_BACKSPACE : key->point == '[' ? SB_KEY_ESCAPE : SB_KEY_CHAR;
        sent.mods = sent.code != SB_KEY_CHAR ? key->mods & ~(unsigned)SB_MOD_CTRL : key->mods;
    } else if (key->code == SB_KEY_ENTER || key->code == SB_KEY_TAB || key->code == SB_KEY_ESCAPE || key->code == SB_KEY_BACKSPACE) {
        sent.mods &= key->code == SB_KEY_TAB && key->mods == SB_MOD_SHIFT ? SB_MOD_SHIFT : key->code == SB_KEY_ESCAPE ? 0 : SB_MOD_ALT;
    }
    if (sb_key_same(&sent, key))
        return;
    sb_key_name(name, key);
    sb_key_name(as, &sent);
    BAD("most terminals send %s as %s", name, as);
}

static bool read_keys(const struct sb_conf_row *row, struct binding *b, struct sb_problems *problems)
{
    char text[SB_KEYS_MAX * SB_KEY_NAME_MAX];
    if (strlen(row->word[2]) >= sizeof text) {
        BAD("more than %d keys in a row", SB_KEYS_MAX);
        return false;
    }
    snprintf(text, sizeof text, "%s", row->word[2]);
    char *rest = text;
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        if (!*word)
            continue;
        if (b->n == SB_KEYS_MAX) {
            BAD("more than %d keys in a row", SB_KEYS_MAX);
            return false;
        }
        if (sb_key_parse(word, &b->key[b->n])) {
            BAD("\"%s\" is not a key (examples: a, A, C-a, M-x, S-Tab, Space, Enter, F5, PageUp)", word);
            return false;
        }
        tell_unsendable(row, &b->key[b->n], problems);
        b->n++;
    }
    if (b->n == 0)
        BAD("no key is given");
    return b->n > 0;
}

/* Some bindings would take away what the console promises. */
static bool permitted(const struct sb_conf_row *row, const struct binding *b, struct sb_problems *problems)
{
    const struct sb_key *first = &b->key[0], *last = &b->key[b->n - 1];
    bool enter_or_space = last->code == SB_KEY_ENTER || (last->code == SB_KEY_CHAR && last->point == ' ');
    if ((sb_actions[b->action].flags & SB_DELIBERATE) && enter_or_space) {
        BAD("%s may not be bound to Enter or Space", sb_actions[b->action].name);
        return false;
    }
    bool typing = b->context == SB_IN_LINE || b->context == SB_IN_PALETTE;
    if (typing && first->code == SB_KEY_CHAR && !(first->mods & (SB_MOD_CTRL | SB_MOD_ALT))) {
        BAD("%s cannot be bound in %s: there it is typed", row->word[2], sb_contexts[b->context].name);
        return false;
    }
    return true;
}

static bool keep(struct reading *r, const struct sb_conf_row *row, const struct binding *b, struct sb_problems *problems)
{
    struct sb_keymap *k = r->map;
    for (size_t i = 0; i < k->n; i++) {
        struct binding *other = &k->binding[i];
        if (other->context != b->context)
            continue;
        if (!same_start(other, b->key, b->n) && !same_start(b, other->key, other->n))
            continue;
        if (other->file != b->file) {
            remove_binding(k, i--); /* the same keys, or such as could not be reached any more */
        } else if (other->n == b->n) {
            BAD("%s is bound twice in %s (first on line %u)", row->word[2], sb_contexts[b->context].name, other->line);
            return true;
        } else {
            const struct binding *longer = other->n > b->n ? other : b, *shorter = longer == b ? other : b;
            BAD("%s can never be reached in %s: its beginning is bound on line %u", longer->keys, sb_contexts[b->context].name, shorter == b ? row->line : shorter->line);
            return true;
        }
    }
    if (SB_GROW(k->binding, k->cap, k->n + 1))
        return false;
    k->binding[k->n] = *b;
    struct binding *kept = &k->binding[k->n++];
    kept->keys = sb_strdup_n(b->keys, strlen(b->keys));
    kept->path = sb_strdup_n(row->path, strlen(row->path));
    return kept->keys && kept->path;
}

/* Calls for each context of "a,b,c"; false when one is unknown. */
static bool each_context(struct reading *r, const struct sb_conf_row *row, struct binding *b, struct sb_problems *problems)
{
    char text[256];
    snprintf(text, sizeof text, "%s", row->word[1]);
    char *rest = text;
    for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
        b->context = sb_context_find(word);
        if (b->context == SB_IN_NONE) {
            BAD("there is no context \"%s\"", word);
            return false;
        }
        if (b->action == SB_ACT_NONE) { /* unbind */
            bool found = false;
            for (size_t i = r->map->n; i-- > 0;)
                if (r->map->binding[i].context == b->context && r->map->binding[i].n == b->n && same_start(&r->map->binding[i], b->key, b->n)) {
                    remove_binding(r->map, i);
                    found = true;
                }
            if (!found)
                BAD("%s is not bound in %s", row->word[2], word);
            continue;
        }
        bool applies = sb_action_applies(b->action, b->context);
        for (int c = 0; c < SB_CONTEXTS && !applies; c++) /* bound in a parent, it works in the children that know it */
            for (enum sb_context up = sb_contexts[c].parent; up != SB_IN_NONE; up = sb_contexts[up].parent)
                applies |= up == b->context && sb_action_applies(b->action, (enum sb_context)c);
        if (!applies)
            BAD("%s means nothing in %s", sb_actions[b->action].name, word);
        else if (permitted(row, b, problems) && !keep(r, row, b, problems))
            r->failed = true;
    }
    return true;
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *r = ctx;
    struct binding b = {.file = r->map->files, .line = row->line};
    r->map->last_line = row->line;
    bool bind = strcmp(row->word[0], "bind") == 0;
    if (strcmp(row->word[0], "keymap") == 0) {
        if (row->n < 2 || row->n > 3 || r->named)
            BAD("a keymap is named once: keymap NAME [\"what it is for\"]");
        else
            snprintf(r->map->name, sizeof r->map->name, "%s", row->word[1]);
        r->named = true;
        return;
    }
    if (!bind && strcmp(row->word[0], "unbind") != 0) {
        BAD("\"%s\" is not one of keymap, bind, unbind", row->word[0]);
        return;
    }
    if (row->n != (bind ? 4 : 3)) {
        BAD(bind ? "a binding is written: bind CONTEXT KEYS ACTION" : "it is written: unbind CONTEXT KEYS");
        return;
    }
    if (bind && (b.action = sb_action_find(row->word[3])) == SB_ACT_NONE) {
        BAD("there is no action \"%s\"", row->word[3]);
        return;
    }
    char keys[SB_KEYS_MAX * SB_KEY_NAME_MAX];
    snprintf(keys, sizeof keys, "%s", row->word[2]);
    b.keys = keys;
    if (read_keys(row, &b, problems))
        each_context(r, row, &b, problems);
}

int sb_keymap_read(struct sb_keymap *k, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    struct reading r = {.map = k};
    k->files++;
    if (sb_conf_parse(text, len, path, read_row, &r, problems, err))
        return -1;
    return r.failed ? sb_fail_nomem(err) : 0;
}

/* What a context takes from its parents, it can only reach if no other keys stand in the way there: their beginning, or a
 * sequence that they begin. (The same keys with another meaning are meant.) */
static void check_shadows(const struct sb_keymap *k, struct sb_problems *problems)
{
    for (size_t i = 0; i < k->n; i++)
        for (size_t j = 0; j < k->n; j++) {
            const struct binding *outer = &k->binding[i], *inner = &k->binding[j];
            enum sb_context up = sb_contexts[inner->context].parent;
            while (up != SB_IN_NONE && up != outer->context)
                up = sb_contexts[up].parent;
            if (up == SB_IN_NONE || outer->n == inner->n || !sb_action_applies(outer->action, inner->context))
                continue;
            const struct binding *later = inner->file > outer->file || (inner->file == outer->file && inner->line > outer->line) ? inner : outer;
            const char *in = sb_contexts[inner->context].name, *from = sb_contexts[outer->context].name;
            if (outer->n > inner->n && same_start(outer, inner->key, inner->n))
                sb_problems_add(problems, later->path, later->line, "%s of %s can never be reached in %s: its beginning is bound there (%s:%u)", outer->keys, from, in,
                                (later == inner ? outer : inner)->path, (later == inner ? outer : inner)->line);
            else if (outer->n < inner->n && same_start(inner, outer->key, outer->n))
                sb_problems_add(problems, later->path, later->line, "%s of %s can never be reached in %s: it begins %s there (%s:%u)", outer->keys, from, in, inner->keys,
                                (later == inner ? outer : inner)->path, (later == inner ? outer : inner)->line);
        }
}

void sb_keymap_check(const struct sb_keymap *k, const char *path, struct sb_problems *problems)
{
    static const struct {
        const char *key;
        enum sb_action action;
        enum sb_context context;
    } must[] = {
        {"?", SB_ACT_HELP, SB_IN_MAIN}, {"q", SB_ACT_QUIT, SB_IN_MAIN}, {"Escape", SB_ACT_BACK, SB_IN_MAIN}, {":", SB_ACT_PALETTE, SB_IN_MAIN},
        {"/", SB_ACT_SEARCH, SB_IN_MAIN}, {"?", SB_ACT_HELP, SB_IN_CARD}, {"q", SB_ACT_QUIT, SB_IN_CARD}, {"Escape", SB_ACT_BACK, SB_IN_CARD},
        {":", SB_ACT_PALETTE, SB_IN_CARD}, {"/", SB_ACT_SEARCH, SB_IN_CARD}, {"/", SB_ACT_SEARCH, SB_IN_FLEET}, {"Escape", SB_ACT_BACK, SB_IN_CONFIRM}, {"Escape", SB_ACT_BACK, SB_IN_LINE},
    };
    for (size_t i = 0; i < SB_COUNT(must); i++) {
        struct sb_key key;
        enum sb_action action = SB_ACT_NONE;
        if (sb_key_parse(must[i].key, &key) == 0 && (sb_keymap_find(k, must[i].context, &key, 1, &action) != SB_BOUND || action != must[i].action))
            sb_problems_add(problems, path, k->last_line, "%s must be bound to %s in %s", must[i].key, sb_actions[must[i].action].name, sb_contexts[must[i].context].name);
    }
    check_shadows(k, problems);
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        bool reached = false;
        for (int c = 0; c < SB_CONTEXTS && !reached; c++)
            reached = sb_action_applies((enum sb_action)a, (enum sb_context)c) && sb_keymap_keys(k, (enum sb_context)c, (enum sb_action)a);
        if (!reached)
            sb_problems_add(problems, path, k->last_line, "no key leads to %s", sb_actions[a].name);
    }
}

/* ---- asking ---- */

enum sb_lookup sb_keymap_find(const struct sb_keymap *k, enum sb_context context, const struct sb_key *keys, size_t n, enum sb_action *action)
{
    for (; context != SB_IN_NONE; context = sb_contexts[context].parent) {
        bool partial = false;
        for (size_t i = 0; i < k->n; i++) {
            const struct binding *b = &k->binding[i];
            if (b->context != context || !same_start(b, keys, n))
                continue;
            if (b->n == n) {
                *action = b->action;
                return SB_BOUND;
            }
            partial = true;
        }
        if (partial)
            return SB_PARTIAL;
    }
    return SB_UNBOUND;
}

/* True when the keys come to this action in a context, one after the other. */
static bool leads_to(const struct sb_keymap *k, enum sb_context context, const struct binding *b)
{
    enum sb_action found = SB_ACT_NONE; /* what the keys mean here: a child may have bound them to something else */
    for (size_t n = 1; n < b->n; n++)
        if (sb_keymap_find(k, context, b->key, n, &found) == SB_BOUND)
            return false;
    return sb_keymap_find(k, context, b->key, b->n, &found) == SB_BOUND && found == b->action;
}

const char *sb_keymap_keys(const struct sb_keymap *k, enum sb_context context, enum sb_action action)
{
    for (enum sb_context c = context; c != SB_IN_NONE; c = sb_contexts[c].parent)
        for (size_t i = 0; i < k->n; i++) {
            const struct binding *b = &k->binding[i];
            if (b->context == c && b->action == action && leads_to(k, context, b))
                return b->keys;
        }
    return NULL;
}

void sb_keymap_table(const struct sb_keymap *const *maps, size_t n, struct sb_str *out)
{
    sb_str_adds(out, "| what it does |");
    for (size_t m = 0; m < n; m++)
        sb_str_addf(out, " %s |", maps[m]->name);
    sb_str_adds(out, "\n|---|");
    for (size_t m = 0; m < n; m++)
        sb_str_adds(out, "---|");
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        sb_str_addf(out, "\n| %s |", sb_actions[a].help);
        for (size_t m = 0; m < n; m++) {
            for (size_t i = 0; i < maps[m]->n; i++) {
                const struct binding *b = &maps[m]->binding[i];
                bool again = b->action != (enum sb_action)a; /* the same keys in several contexts are written once */
                for (size_t w = 0; w < i && !again; w++)
                    again = maps[m]->binding[w].action == b->action && strcmp(maps[m]->binding[w].keys, b->keys) == 0;
                if (!again)
                    sb_str_addf(out, " `%s`", strcmp(b->keys, "|") == 0 ? "\\|" : b->keys);
            }
            sb_str_adds(out, " |");
        }
    }
    sb_str_addc(out, '\n');
}
