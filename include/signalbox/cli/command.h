/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - the commands of INTERFACE, one file each, in one table.
 *
 * A command gets its own words (argv[0] is its name), returns the exit status, writes results to stdout and complaints to
 * stderr. The table feeds the dispatcher, `signalbox help` and the manual page.
 */
#ifndef SIGNALBOX_CLI_COMMAND_H
#define SIGNALBOX_CLI_COMMAND_H

#include <jansson.h>
#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>

struct sb_command {
    const char *name;
    const char *args;    /* "[--json] PATH..." */
    const char *summary; /* one sentence */
    const char *help;    /* the options and what the exit statuses mean; lines end with \n */
    int (*run)(int argc, char **argv);
};

extern const struct sb_command sb_commands[];
extern const size_t sb_commands_n;

const struct sb_command *sb_command_find(const char *name); /* NULL: there is none */

/* The list of commands, to stdout. -1 when it cannot be written. */
int sb_help_list(void);

/* What main does: picks the command. */
int sb_cli_main(int argc, char **argv);

int sb_cmd_ask(int argc, char **argv);
int sb_cmd_mark(int argc, char **argv);
int sb_cmd_report(int argc, char **argv);
int sb_cmd_mcp(int argc, char **argv);
int sb_cmd_doctor(int argc, char **argv);
int sb_cmd_audit(int argc, char **argv);
int sb_cmd_backup(int argc, char **argv);
int sb_cmd_cards(int argc, char **argv);
int sb_cmd_console(int argc, char **argv);
int sb_cmd_demo(int argc, char **argv);
int sb_cmd_digest(int argc, char **argv);
int sb_cmd_detect(int argc, char **argv);
int sb_cmd_fleet(int argc, char **argv);
int sb_cmd_help(int argc, char **argv);
int sb_cmd_incident(int argc, char **argv);
int sb_cmd_policy(int argc, char **argv);
int sb_cmd_schema(int argc, char **argv);
int sb_cmd_serve(int argc, char **argv);
int sb_cmd_sim(int argc, char **argv);
int sb_cmd_store(int argc, char **argv);
int sb_cmd_version(int argc, char **argv);

enum { SB_OPTION_TIMES = 16 };

/* One option of a command. */
struct sb_option {
    const char *name;   /* "--json"; "--set+" may be given several times */
    bool *flag;         /* set to true when given; or */
    const char **value; /* set to the word behind it (or behind "="), the last one; with + an array of SB_OPTION_TIMES + 1 words,
                           all NULL, that takes them in their order */
};

/* Reads options anywhere before "--", leaving the other words in argv[1..] in order; returns how many they are, or -1
 * after saying what is wrong. `-` is a word, not an option. */
int sb_options_read(int argc, char **argv, const struct sb_option *options, size_t n);

/* Reads a whole number between least and most out of the word behind an option; -1 after saying what is wrong with it. A word
 * that is NULL (the option was not given) leaves *out as it is. */
int sb_option_number(const char *command, const char *option, const char *word, int64_t least, int64_t most, int64_t *out);

/* "signalbox: message" on stderr, sanitized; returns the exit status of err->code. */
int sb_complain(const struct sb_err *err);

/* The same for a sentence of our own that may hold words from outside; returns 2. */
int sb_usage_error(const char *fmt, ...) SB_PRINTF(1, 2);

/* How this program was started, for what a person is told to type. */
const char *sb_program(void);

/* True when one of these two was called after standard output had failed: then it was about that. Thread: the main one. */
bool sb_told_unwritten(void);

/* Writes sanitized text to stdout (newlines stay). Returns 0, or -1 when stdout is gone. */
int sb_print(const char *fmt, ...) SB_PRINTF(1, 2);

/* The same, and a newline: one line, whatever is in the texts. For what others have written, lest a name make a line of its own. */
int sb_print_line(const char *fmt, ...) SB_PRINTF(1, 2);

/* Writes a JSON value to stdout, one line, keys in the order they were set, and a newline. Takes the reference. */
int sb_print_json(json_t *value);

#endif
