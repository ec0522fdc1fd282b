/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything the program says about itself comes from its tables: commands, actions, keymaps, states. The manual page is
 * the same text with troff around it, so that neither can be wrong alone. */
#include <signalbox/cli/command.h>
#include <signalbox/cli/embed.h>
#include <signalbox/model/card.h>
#include <signalbox/model/entry.h>
#include <signalbox/tui/keymap.h>

#include <string.h>

static const char statuses[] = "Exit status: 0 done; 1 the answer is no; 2 bad usage or input; 3 a server is out of reach or refuses;\n"
                               "4 policy refused; 5 the ledger cannot be written.\n";

int sb_help_list(void)
{
    sb_print("signalbox: a terminal operations console for MongoDB\n\n");
    for (size_t i = 0; i < sb_commands_n; i++)
        sb_print("  %-9s %s\n", sb_commands[i].name, sb_commands[i].summary);
    return sb_print("\nsignalbox help COMMAND tells more; so do help keys, help states and help hooks. First look: signalbox demo\n%s", statuses);
}

static void states_text(struct sb_str *out)
{
    for (int i = 0; i < SB_STATES; i++)
        sb_str_addf(out, "  %-18s %s%s\n", sb_name(&sb_states, i), sb_state_help((enum sb_state)i), sb_state_open((enum sb_state)i) ? "" : " (an end)");
    sb_str_adds(out, "\n");
    for (size_t i = 0; i < sb_lifecycle_rows_n; i++) {
        const struct sb_transition *t = &sb_lifecycle_rows[i];
        sb_str_addf(out, "  %-18s --%s--> %s\n", sb_name(&sb_states, (int)t->from), sb_name(&sb_events, (int)t->event), sb_name(&sb_states, (int)t->to));
    }
}

static void hooks_text(struct sb_str *out)
{
    sb_str_adds(out, "In the config, in the section of a deployment: hook EVENT [within DURATION] COMMAND [ARGUMENT...], or shell \"LINE\" in place of\n"
                     "the command. COMMAND is an absolute path. It gets one JSON object on its standard input, and none of the environment's secrets.\n\n"
                     "  before.step           asked before a step of a plan is sent; until it ends with 0 the step waits, and is asked for again\n"
                     "  rephrase              asked when a request was not understood, or is not clear: {\"ask\":\"rephrase\",\"request\",\"intents\"}; it\n"
                     "                        answers {\"request\":\"...\"} in other words, which are marked as not the asker's and may name nothing\n"
                     "                        that the request does not\n"
                     "  summarise             gets the evidence of a card that was proposed or edited, without what policy calls sensitive:\n"
                     "                        {\"ask\":\"summarise\",\"card\",\"evidence\":[]}; it answers {\"summary\":\"...\"}, which is shown beside the\n"
                     "                        evidence as not the specialist's, if every number and name in it stands there;\n"
                     "                        two run at a time, 16 cards wait, and the record of one beyond says that none was made\n"
                     "  anomaly.began         the first entry about an anomaly\n"
                     "  anomaly.over          its last\n"
                     "  state.STATE           a card has come into this state (help states)\n");
    for (int i = 0; i < SB_ENTRY_KINDS; i++)
        if (i != SB_ENTRY_HOOK)
            sb_str_addf(out, "  %-21s an entry of this kind%s\n", sb_name(&sb_entry_kinds, i), i == SB_ENTRY_REPORT ? "; \"report\" holds its text, file and hash" : "");
}

static void edit_text(struct sb_str *out)
{
    for (size_t i = 0; i < sb_edit_keys_n; i++)
        sb_str_addf(out, "  %-16s %s\n", sb_edit_keys[i].key, sb_edit_keys[i].help);
}

static void keys_text(struct sb_str *out)
{
    static const char *const names[] = {"keymaps/default.keys", "keymaps/vi.keys", "keymaps/emacs.keys"};
    struct sb_keymap *maps[SB_COUNT(names)] = {NULL};
    struct sb_problems problems;
    size_t n = 0;
    sb_problems_init(&problems);
    for (; n < SB_COUNT(names); n++) {
        size_t base_len, len;
        const char *base = sb_embedded(names[0], &base_len), *text = sb_embedded(names[n], &len);
        maps[n] = sb_keymap_new();
        if (!maps[n] || !base || !text || sb_keymap_read(maps[n], base, base_len, names[0], &problems, NULL) ||
            (n && sb_keymap_read(maps[n], text, len, names[n], &problems, NULL)))
            break;
    }
    if (n == SB_COUNT(names))
        sb_keymap_table((const struct sb_keymap *const *)maps, n, out);
    for (size_t i = 0; i < SB_COUNT(names); i++)
        sb_keymap_free(maps[i]);
    sb_problems_release(&problems);
}

static void command_text(struct sb_str *out, const struct sb_command *c)
{
    sb_str_addf(out, "signalbox %s%s%s\n\n%s.\n%s%s", c->name, c->args[0] ? " " : "", c->args, c->summary, c->help[0] ? "\n" : "", c->help);
}

/* Text as troff takes it: backslashes doubled, no line that begins with a control character. */
static void troff(struct sb_str *out, const char *text)
{
    bool start = true;
    for (const char *p = text; *p; p++) {
        if (start && (*p == '.' || *p == '\''))
            sb_str_adds(out, "\\&");
        sb_str_adds(out, *p == '\\' ? "\\e" : *p == '-' ? "\\-" : (char[]){*p, 0});
        start = *p == '\n';
    }
}

static void literal_section(struct sb_str *out, const char *title, const char *text)
{
    sb_str_addf(out, ".SH %s\n.nf\n", title);
    troff(out, text);
    sb_str_adds(out, "\n.fi\n");
}

static void man_text(struct sb_str *out)
{
    struct sb_str part;
    sb_str_init(&part);
    sb_str_addf(out, ".TH SIGNALBOX 1 \"\" \"signalbox %s\" \"User Commands\"\n.SH NAME\nsignalbox \\- a terminal operations console for MongoDB\n", SIGNALBOX_VERSION);
    sb_str_adds(out, ".SH SYNOPSIS\n.B signalbox\n.I COMMAND\n[\n.I ARGUMENTS\n]\n.SH DESCRIPTION\n"
                     "Specialists watch, diagnose and propose; policy written as code gates every proposal; a person approves, edits or rejects each card with a "
                     "keystroke; every step stands on a record that cannot be changed unnoticed, is verified after execution and can be rolled back.\n");
    sb_str_adds(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < sb_commands_n; i++) {
        sb_str_addf(out, ".SS %s\n.nf\n", sb_commands[i].name);
        sb_str_clear(&part);
        command_text(&part, &sb_commands[i]);
        troff(out, part.p);
        sb_str_adds(out, "\n.fi\n");
    }
    sb_str_clear(&part);
    keys_text(&part);
    literal_section(out, "KEYS", part.p);
    sb_str_clear(&part);
    states_text(&part);
    literal_section(out, "STATES OF A CARD", part.p);
    sb_str_clear(&part);
    edit_text(&part);
    literal_section(out, "EDITING A CARD", part.p);
    sb_str_clear(&part);
    hooks_text(&part);
    literal_section(out, "HOOKS", part.p);
    literal_section(out, "EXIT STATUS", statuses);
    literal_section(out, "FILES",
                    "$XDG_CONFIG_HOME/signalbox/config   deployments, theme, keymap, policy\n"
                    "$XDG_STATE_HOME/signalbox/          ledger.db, checkpoint, derived.db (may be deleted), lock, socket\n");
    literal_section(out, "ENVIRONMENT", "SIGNALBOX_URI, NO_COLOR, TERM, LINES, COLUMNS, XDG_CONFIG_HOME, XDG_STATE_HOME\n");
    sb_str_release(&part);
}

int sb_cmd_help(int argc, char **argv)
{
    bool man = false;
    const struct sb_option options[] = {{"--man", &man, NULL}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 1)
        return sb_usage_error("help takes one word (see: signalbox help)");
    if (words == 0 && !man)
        return sb_help_list() ? 1 : 0;
    struct sb_str text;
    sb_str_init(&text);
    const struct sb_command *c = words ? sb_command_find(argv[1]) : NULL;
    if (man)
        man_text(&text);
    else if (c)
        command_text(&text, c);
    else if (sb_streq(argv[1], "keys"))
        keys_text(&text);
    else if (sb_streq(argv[1], "states"))
        states_text(&text);
    else if (sb_streq(argv[1], "hooks"))
        hooks_text(&text);
    else if (sb_streq(argv[1], "edit"))
        edit_text(&text);
    int status = text.len ? (sb_print("%s", text.p) ? 1 : 0) : sb_usage_error("there is no command \"%s\" (see: signalbox help)", argv[1]);
    sb_str_release(&text);
    return status;
}
