/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the order in which a newcomer needs them. */
const struct sb_command sb_commands[] = {
    {"demo", "[--scenario NAME|PATH] [--seed N] [--speed N] [--tour] [--policy NAME|PATH]", "the console on a simulated replica set",
     "Starts the simulated replica set (a process of its own) and opens the console on it. Without a terminal, or with --tour,\n"
     "runs one whole case as text: anomaly, evidence, card, policy, approval, execution, verification, audit.\n\n"
     "  --scenario NAME|PATH  what happens (see: signalbox sim --list). Default slow-orders\n"
     "  --seed N              the same seed, the same history; clock and identities of this program come from it too\n"
     "  --speed N             simulated seconds in a real one, 1 to 100. Default 20\n"
     "  --server-version V    of the simulated server: 5.0, 6.0, 7.0 or 8.0. Default 5.0\n"
     "  --tour                as text\n"
     "  --policy NAME|PATH    default, strict-prod, training, or a file\n"
     "  --theme, --keymap NAME|PATH   as in the console\n\n"
     "Exit status: 0 the case came to its end; 1 it failed; 2 bad input; 5 the ledger cannot be written.\n",
     sb_cmd_demo},
    {"console", "[--deployment NAME | --uri-file FILE] [--read-only]", "the console on a real deployment",
     "Joins the signalbox of this user that owns the ledger, or becomes it; one that watches another deployment, or\n"
     "goes by another policy, than is named here is not joined; a policy that the config sets is named, too. ? is help, q leaves,\n"
     ": is the palette, F2 the mouse.\n\n"
     "  --deployment NAME     a deployment of the config\n"
     "  --uri-file FILE       a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --read-only           nothing is decided or executed from here, also when it joins another one; what is asked for from\n"
     "                        here is looked into, and a card that comes of it waits for a person elsewhere; schedules do not run\n"
     "  --policy NAME|PATH    default, strict-prod, training, or a file\n"
     "  --theme, --keymap NAME|PATH   a built-in name (dark, light, high-contrast, colour-blind-safe, mono; default, vi,\n"
     "                        emacs) or a file\n\n"
     "A server that is out of reach, or refuses the login, is said on the screen and tried again every 2 s.\n\n"
     "Exit status: 0 left; 2 bad input, or no terminal; 5 the ledger cannot be written.\n",
     sb_cmd_console},
    {"help", "[COMMAND | keys | states | edit]", "what there is, or all about one command",
     "  help COMMAND   one command: its options, what it prints, its exit statuses\n"
     "  help keys      every key of the console, in the three keymaps\n"
     "  help states    the life of a card: what may follow what\n"
     "  help edit      what can be edited on a card, and how it is written\n"
     "  help --man     the manual page, as troff source\n",
     sb_cmd_help},
    {"ask", "[--json] [--read-only] [--deployment NAME | --uri-file FILE] \"TEXT\" | --dry-run \"TEXT\" | --classify", "one request in plain language, through the whole chain",
     "Joins the signalbox that owns the ledger; without one, connects by itself for as long as it takes. One that\n"
     "watches another deployment than is named here, or goes by another policy than the config sets, is not joined. Prints the\n"
     "answer and the cards it led to. A card waits for its approval, unless policy lets such a one go by itself.\n\n"
     "  --json             {\"ok\",\"answer\",\"case\",\"cards\":[CARD]}\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --read-only        only looks: a card that comes of it waits for a person, whatever policy lets go by itself\n"
     "  --dry-run          asks nobody: how it is read, what it is about, and which specialists it would go to, with the reasons\n"
     "  --classify         read one request a line on stdin, print only how each is understood, as JSON, a line for each line:\n"
     "                     {\"intent\",\"confidence\",\"runner_up\",\"slots\":{},\"reason\"}, and \"unclear\", \"warning\", \"then\":[] where there is\n"
     "                     something to say\n"
     "  --intents FILE     with one of these two: how requests are understood, in place of what is built in or set in the config\n"
     "                     (set intents FILE). What is wrong in it is told by file and line\n"
     "  --print-intents    the built-in file, to begin one's own with\n\n"
     "A request that asks for several things (\"check the backups and then drop the unused indexes\") becomes a case for each, one after\n"
     "the other; what follows one that could not be done is not begun. What can be read in two ways, or contradicts itself, is asked\n"
     "back. What is not ours (a question for the documentation, an error of an application, the set-up of a driver, work on code,\n"
     "another database, conversation) is called by its name; what was not understood is told so. No wording lifts an approval or a\n"
     "rule; what is written in quotation marks is read as a report.\n"
     "Exit status: 0 answered; 1 understood, and the answer is no (\"ok\" is false then and below); 2 not understood, not ours, no\n"
     "such collection, or none named; 3 the server is out of reach; 4 policy refused.\n",
     sb_cmd_ask},
    {"cards", "[--json] [list | VERB ID]", "the queue of recommendations from a shell",
     "  list                       the open cards; show tells those that have come to an end as well\n"
     "  show ID [--canonical]      one card; --canonical: exactly the bytes whose SHA-256 is its hash\n"
     "  approve ID --hash H [--target NAME]   approves what was shown under this hash; prod wants the target's name\n"
     "          --sign KEY [--as NAME]   signed with an SSH key: its file, or the .pub of one in the agent; needed where the config\n"
     "                             names approval_signers. NAME is who in that file; without it the user's own name\n"
     "  breakglass ID --hash H --reason TEXT --ticket T [--minutes N] [--target NAME] [--sign KEY [--as NAME]]\n"
     "                             lifts every soft rule of the policy from this plan, for at most an hour; hard rules stay. Only\n"
     "                             where the policy says who may, and seen by all. Afterwards somebody else says\n"
     "  review ID --reason TEXT    what came of it; until then the same person breaks no other glass\n"
     "  edit ID --set KEY=VALUE    a new revision; approvals become void\n"
     "  reject ID --reason TEXT\n"
     "  pause, resume, stop, refresh ID; rollback ID [--target NAME]; close ID --reason TEXT\n\n"
     "Everything but list and show needs a signalbox that owns the ledger: a console, or serve.\n"
     "Exit status: 0 done; 1 not possible in this state, or the record cannot be read; 2 bad input, no such card, no ledger; 4 policy\n"
     "refused; 5 the ledger cannot be written.\n",
     sb_cmd_cards},
    {"serve", "[--deployment NAME | --uri-file FILE] [--policy NAME|PATH]", "the orchestrator without a screen",
     "Watches, proposes and executes what is approved, until a signal ends it; consoles, cards and ask of the same user\n"
     "join it through a socket in the state folder; those of other users in a group where the config says: set group NAME.\n"
     "Needs a config, a file with a connection string, or SIGNALBOX_URI. A server that does not answer is tried again every\n"
     "2 s; standard error says so, and when it is connected.\n\n"
     "As the owner of the ledger it runs the schedules in the deployment's section of the config, and so does a console:\n"
     "  schedule NAME every DURATION run \"TEXT\"                        15m, 6h, 1d: at the multiples of it, in UTC\n"
     "  schedule NAME at HH:MM [mon tue ...] [zone Z] run \"TEXT\"       Z as in Europe/Berlin; UTC when not said\n"
     "Each run is a request by schedule:NAME, recorded with its planned time and never run twice. Of those missed while nobody\n"
     "ran, the newest is caught up once; what a failed one asked for is asked again at its next time. `ask status` lists them.\n\n"
     "  --deployment NAME   a deployment of the config\n"
     "  --uri-file FILE     a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --policy NAME|PATH  default, strict-prod, training, or a file\n\n"
     "Exit status: 0 ended by a signal; 2 bad usage, config or connection string; 5 the ledger cannot be written, or another\n"
     "process owns it.\n",
     sb_cmd_serve},
    {"digest", "[--json] [--since T] [--until T] [--advice] [--quiet] PATH...", "slow operations by shape, from logs and profiles",
     "PATH is a structured mongod or mongos log (MongoDB 4.4 to 8.0), documents of system.profile as BSON or as JSON lines,\n"
     "a folder of these, or - for standard input; gzip is unpacked, and zstd where libzstd is installed. The kind is told\n"
     "by the content.\n\n"
     "  --json     one JSON document\n"
     "  --since T  only what ended at T or later: 2026-11-23, 2026-11-23T09:05, or with seconds and a zone\n"
     "  --until T  only what ended before T\n"
     "  --advice   and the indexes that these shapes ask for, by the rule that the Index Optimizer has for a deployment. A log\n"
     "             tells no index but those that plans name, no sizes and no values: each is to be made only if it does not\n"
     "             exist, what it costs is not said, and the advice names what it could not know\n"
     "  --quiet    no progress bar, no word about bad lines\n\n"
     "A write that the log has twice (the write, and the command around it on db.$cmd) counts once. Where only the command\n"
     "was logged its filter is not known: the shape is then \"?\". In a shape literals are 1, sort and direction are kept.\n"
     "Memory is bounded. Kept apart are 4,096 shapes, those that took most time (the rest is the row *), 32 plans and 64\n"
     "applications of each, 1,024 clients, and lines of up to 1 MiB; where that was not enough the digest says so. p50 and p95\n"
     "are at most 1/64 off.\n"
     "Exit status: 0 done; 2 a file cannot be read or is of another kind (what could be read is reported all the same).\n",
     sb_cmd_digest},
    {"sim", "[--server-version V] [--scenario NAME|PATH] [--seed N] [--speed N] [--members N] [--port P]", "the simulated replica set alone, for any MongoDB client",
     "Three members on three loopback ports that speak the MongoDB wire protocol, with a shop's clients at work. The first line\n"
     "on stdout is JSON: {\"uri\",\"set\",\"members\":[],\"scenario\",\"seed\",\"speed\",\"pid\"}. Runs until a signal ends it.\n\n"
     "  --scenario NAME|PATH  what happens; a name of --list, or a file (its format: tests/scenarios). Default slow-orders\n"
     "  --list                the built-in scenarios\n"
     "  --seed N              the same seed, the same history. Default 1\n"
     "  --speed N             simulated seconds in a real one, 1 to 1000. Default 1\n"
     "  --server-version V    5.0, 6.0, 7.0 or 8.0: whose fields, log lines and wire version it has. Default 5.0\n"
     "  --members N           1 to 3. Default 3\n"
     "  --port P              the first member's port; the others follow. Default: any free ones\n"
     "  --start TIME          where simulated time begins. Default: now\n"
     "  --incarnation HEX     32 digits: which deployment this is. Default: another one at each start\n\n"
     "Exit status: 0 ended by a signal; 2 a wrong option, a broken scenario (file:line), a port that is taken.\n",
     sb_cmd_sim},
    {"audit", "[--json] (verify [--full] | show ID | tail [-n N] [--follow] | export | checkpoint | prove N [M] | rebuild)", "the record: is it whole, and what does it tell",
     "  verify      computes everything anew from the entries and names the first one that is not what was recorded; also\n"
     "              compares references, checkpoints, witness and derived tables. --full looks at the file's structure too.\n"
     "              JSON: {\"ok\",\"entries\",\"root\",\"head\",\"first_bad\":{\"index\",\"what\"}}\n"
     "  show ID     a case (K-), a card (C-) or an anomaly (A-) from its beginning to its outcome\n"
     "  tail        the newest entries, 20 or N of them; --follow: and those that come\n"
     "  export      every entry, one a line, as the bytes that were hashed: leaf = SHA-256(0x00 || line without its newline),\n"
     "              prev = leaf of the line before, root = RFC 6962 over the leaves. --format cloudevents (1.0, JSON) or syslog\n"
     "              (RFC 5424) wraps each entry, with its number and leaf hash; --since T, --until T, --case K leave out others\n"
     "  checkpoint  signs how many entries there are and their root with the ledger's key (a C2SP signed note), prints it and\n"
     "              keeps it beside the ledger; --key FILE: with your SSH key too (or the .pub of one in the agent)\n"
     "  prove N     that entry N is in the record, as JSON; prove N M: that the record of M entries was only appended to since\n"
     "              it had N; prove --check FILE: does such a proof hold (needs no ledger)\n"
     "  rebuild     makes the derived tables anew; not while a signalbox owns the ledger, nor where an entry is bad\n\n"
     "  --ledger DIR    the folder with the ledger, such as a copy; without it the one in the state folder\n"
     "  --witness FILE  a copy of the newest checkpoint that is kept elsewhere: compared, and brought up by checkpoint.\n"
     "                  Without it the config's (set witness FILE), for the ledger in the state folder\n"
     "  --signers FILE  (verify) an allowed_signers file: approvals are signed by these, judged at the time of each. Without\n"
     "                  it the config's (set approval_signers FILE), else signatures are not judged; JSON: \"signatures\":\n"
     "                  {\"signed\",\"unsigned\",\"first_bad\"}\n"
     "  --quiet         no progress bar\n\n"
     "All but rebuild leave the ledger as it is, take no lock, and may be used while a signalbox goes on writing.\n"
     "Exit status: 0 done, and whole; 1 the record is broken or cannot be read, or a proof does not hold; 2 bad usage, no ledger,\n"
     "no such ID; 5 (rebuild) the ledger cannot be written.\n",
     sb_cmd_audit},
    {"policy", "[--json] [--policy NAME|PATH] (lint | test | eval INPUT | explain DECISION | levels | replay --candidate F)", "policy as code: checked, tested, asked, explained",
     "  lint              what is probably a mistake: facts that do not exist, conditions that are never true, rules that\n"
     "                    never decide, overdue reviews; one a line, with file:line:column\n"
     "  test              the bundle's own tests, what they cover, and whether they notice a rule left out or a condition\n"
     "                    turned round\n"
     "  eval INPUT        decides about a decision input (a JSON file, - for standard input) and prints the verdict as JSON\n"
     "  explain DECISION  a decision of the ledger (d-000812): its rules with the values they saw, what would have changed it,\n"
     "                    and whether it comes out the same again\n"
     "  levels            how much is done without being asked, for each kind of action and environment: what the bundle grants,\n"
     "                    and what the program has taken back from itself because of what came of its proposals\n"
     "  replay            every recorded decision under another bundle: what it would newly deny and newly permit, where it\n"
     "                    would ask for more, and what it could not decide\n\n"
     "  --policy    default, strict-prod, training, or a file; without it the config's, else default\n"
     "  --ledger    (explain, levels, replay) the folder with the ledger\n"
     "  --candidate (replay) that other bundle: a name or a file    --since T  decisions since 90d, 12h, 2026-11-23 or a time\n\n"
     "Exit status: 0 allowed, or allowed once what \"requires\" lists is there; 1 findings, a failed test, a mutant that no test\n"
     "notices, another verdict than the recorded one, a difference in replay, a record that cannot be read; 2 a bundle or an input\n"
     "is wrong (file:line:column), no ledger; 4 denied.\n",
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

/* Who starts us with a standard descriptor closed would have the ledger opened in its place, and results written into it. */
static void fill_standard_descriptors(void)
{
    static const int how[] = {O_WRONLY, O_RDONLY, O_WRONLY}; /* so that to read or write what was closed fails, and only complaints vanish */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", how[fd]) != fd)
            _exit(1); /* there is nobody to tell */
}

static int no_command(void)
{
    struct sb_str names;
    sb_str_init(&names);
    for (size_t i = 0; i < sb_commands_n; i++)
        sb_str_addf(&names, "%s%s", i ? ", " : "", sb_commands[i].name);
    int status = sb_usage_error("which command? There are %s (see: signalbox help; for a first look: signalbox demo)", names.p);
    sb_str_release(&names);
    return status;
}

static const char *program = "signalbox";

const char *sb_program(void)
{
    return program;
}

int sb_cli_main(int argc, char **argv)
{
    fill_standard_descriptors();
    if (argc > 0 && argv[0][0])
        program = argv[0];
    if (argc < 2)
        return no_command();
    const char *name = argv[1];
    if (sb_streq(name, "--help") || sb_streq(name, "-h"))
        name = "help";
    if (sb_streq(name, "--version"))
        name = "version";
    const struct sb_command *c = sb_command_find(name);
    if (!c)
        return sb_usage_error("there is no command \"%s\" (see: signalbox help)", name);
    bool asks_help = argc > 2 && (sb_streq(argv[2], "--help") || sb_streq(argv[2], "-h"));
    char *help[] = {(char *)(uintptr_t)"help", (char *)(uintptr_t)c->name, NULL};
    int status = asks_help ? sb_cmd_help(2, help) : c->run(argc - 1, argv + 1);
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (!sb_complained())
        sb_usage_error("cannot write all of the results to standard output%s%s", errno ? ": " : "", errno ? strerrordesc_np(errno) : "");
    return status ? status : 1;
}
