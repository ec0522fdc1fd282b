/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>

#include <stdio.h>

/* In the order in which a newcomer needs them. */
const struct sb_command sb_commands[] = {
    {"help", "[COMMAND | keys | states | edit]", "what there is, or all about one command",
     "  help COMMAND   one command: its options, what it prints, its exit statuses\n"
     "  help keys      every key of the console, in the three keymaps\n"
     "  help states    the life of a card: what may follow what\n"
     "  help edit      what can be edited on a card, and how it is written\n"
     "  help --man     the manual page, as troff source\n",
     sb_cmd_help},
    {"ask", "[--json] [--deployment NAME | --uri-file FILE] \"TEXT\" | --classify", "one request in plain language, through the whole chain",
     "Joins the signalbox that owns the ledger; without one, connects by itself for as long as it takes. Prints the answer\n"
     "and the cards it led to. Nothing is executed: a card waits for its approval.\n\n"
     "  --json             {\"ok\",\"answer\",\"case\",\"cards\":[CARD]}\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --classify         read one request a line on stdin, print only how each is understood, as JSON\n\n"
     "Exit status: 0 answered; 1 no; 2 not understood or bad input; 3 the server is out of reach; 4 policy refused.\n",
     sb_cmd_ask},
    {"cards", "[--json] [list | VERB ID]", "the queue of recommendations from a shell",
     "  list                       the open cards\n"
     "  show ID [--canonical]      one card; --canonical: exactly the bytes whose SHA-256 is its hash\n"
     "  approve ID --hash H [--target NAME]   approves what was shown under this hash; prod wants the target's name\n"
     "  edit ID --set KEY=VALUE    a new revision; approvals become void\n"
     "  reject ID --reason TEXT\n"
     "  pause, resume, stop, refresh ID; rollback ID [--target NAME]; close ID --reason TEXT\n\n"
     "Everything but list and show needs a signalbox that owns the ledger: a console, or serve.\n"
     "Exit status: 0 done; 1 not possible in this state; 2 bad input; 4 policy refused; 5 the ledger cannot be written.\n",
     sb_cmd_cards},
    {"serve", "[--deployment NAME | --uri-file FILE] [--policy NAME|PATH]", "the orchestrator without a screen",
     "Watches, proposes and executes what is approved, until a signal ends it; consoles, cards and ask of the same user\n"
     "join it through a socket in the state folder. Needs a config, a file with a connection string, or SIGNALBOX_URI.\n",
     sb_cmd_serve},
    {"digest", "[--json] [--since T] [--until T] [--quiet] PATH...", "slow operations by shape, from logs and profiles",
     "PATH is a structured mongod or mongos log (MongoDB 4.4 to 8.0), documents of system.profile as BSON or as JSON lines,\n"
     "a folder of these, or - for standard input; gzip is unpacked, and zstd where libzstd is installed. The kind is told\n"
     "by the content.\n\n"
     "  --json     one JSON document\n"
     "  --since T  only what ended at T or later: 2026-11-23, 2026-11-23T09:05, or with seconds and a zone\n"
     "  --until T  only what ended before T\n"
     "  --quiet    no progress bar, no word about bad lines\n\n"
     "A write that the log has twice (the write, and the command around it on db.$cmd) counts once. Where only the command\n"
     "was logged its filter is not known: the shape is then \"?\". In a shape literals are 1, sort and direction are kept.\n"
     "Exit status: 0 done; 2 a file cannot be read or is of another kind (what could be read is reported all the same).\n",
     sb_cmd_digest},
    {"audit", "[--json] (verify [--full] | show ID | tail [-n N] [--follow] | export | rebuild)", "the record: is it whole, and what does it tell",
     "  verify      computes everything anew from the entries and names the first one that is not what was recorded; also\n"
     "              compares checkpoint and derived tables. --full looks at each reference and at the files' structure too;\n"
     "              not while a signalbox owns the ledger. JSON: {\"ok\",\"entries\",\"root\",\"head\",\"first_bad\":{\"index\",\"what\"}}\n"
     "  show ID     a case (K-), a card (C-) or an anomaly (A-) from its beginning to its outcome\n"
     "  tail        the newest entries, 20 or N of them; --follow: and those that come\n"
     "  export      every entry, one a line, as the bytes that were hashed: leaf = SHA-256(0x00 || line without its newline),\n"
     "              prev = leaf of the line before, root = RFC 6962 over the leaves\n"
     "  rebuild     makes the derived tables anew; not while a signalbox owns the ledger, nor where an entry is bad\n\n"
     "  --ledger DIR  the folder with the ledger, such as a copy; without it the one in the state folder\n"
     "  --quiet       no progress bar\n\n"
     "All but rebuild only read, in short pieces, and may be used while a signalbox goes on writing.\n"
     "Exit status: 0 done, and whole; 1 the record is broken or cannot be read; 2 bad usage, no ledger, no such ID; 5 (rebuild)\n"
     "the ledger cannot be written.\n",
     sb_cmd_audit},
    {"policy", "[--json] [--policy NAME|PATH] (lint | test | eval INPUT | explain DECISION)", "policy as code: checked, tested, asked, explained",
     "  lint              what is probably a mistake: facts that do not exist, conditions that are never true, rules that\n"
     "                    never decide, overdue reviews; one a line, with file:line:column\n"
     "  test              the bundle's own tests, what they cover, and whether they notice a rule left out or a condition\n"
     "                    turned round\n"
     "  eval INPUT        decides about a decision input (a JSON file, - for standard input) and prints the verdict as JSON\n"
     "  explain DECISION  a decision of the ledger (d-000812): its rules with the values they saw, what would have changed it,\n"
     "                    and whether it comes out the same again\n\n"
     "  --policy    default, training, or a file; without it the config's, else default\n"
     "  --ledger    (explain) the folder with the ledger\n\n"
     "Exit status: 0 allowed, or allowed once what \"requires\" lists is there; 1 findings, a failed test, a mutant that no test\n"
     "notices, another verdict than the recorded one; 2 a bundle or an input is wrong (file:line:column); 4 denied.\n",
     sb_cmd_policy},
    {"version", "", "the program's version", "", sb_cmd_version},
};
const size_t sb_commands_n = SB_COUNT(sb_commands);

const struct sb_command *sb_command_find(const char *name)
{
    for (size_t i = 0; i < sb_commands_n; i++)
        if (sb_streq(sb_commands[i].name, name))
            return &sb_commands[i];
    return NULL;
}

int sb_cli_main(int argc, char **argv)
{
    if (argc < 2) {
        sb_help_list();
        return 2;
    }
    const char *name = argv[1];
    if (sb_streq(name, "--help") || sb_streq(name, "-h"))
        name = "help";
    if (sb_streq(name, "--version"))
        name = "version";
    const struct sb_command *c = sb_command_find(name);
    if (!c)
        return sb_usage_error("there is no command \"%s\" (see: signalbox help)", name);
    int status = c->run(argc - 1, argv + 1);
    if (fflush(stdout) || ferror(stdout))
        return status ? status : 1; /* whoever read our results has gone */
    return status;
}
