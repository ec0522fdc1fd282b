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
    {"demo", "[--scenario NAME|PATH [--debrief FILE | --check]] [--seed N] [--speed N] [--tour] [--line] [--presenter] [--policy NAME|PATH] | --list", "the console on a simulated replica set",
     "Starts the simulated replica set (a process of its own) and opens the console on it. Without a terminal, or with --tour,\n"
     "runs one whole case as text: anomaly, evidence, card, policy, approval, execution, verification, audit.\n\n"
     "  --scenario NAME|PATH  what happens (see: signalbox sim --list). Default slow-orders\n"
     "  --seed N              the same seed, the same history; clock and identities of this program come from it too\n"
     "  --speed N             simulated seconds in a real one, 1 to 100. Default 20\n"
     "  --server-version V    of the simulated server: 5.0, 6.0, 7.0 or 8.0. Default 5.0\n"
     "  --tour                as text\n"
     "  --list                the exercises: scenarios that say what is to be done in them. Asked for by name in a terminal, one is an\n"
     "                        exercise: what is on call is told, then hints; on leaving, the times to notice, decide and recover,\n"
     "                        what was right and what was missed, also on the record, marked as simulated\n"
     "  --debrief FILE        that debrief as Markdown, too\n"
     "  --check               only reads the exercise and says what counts, or what is wrong with its file, by line\n"
     "  --policy NAME|PATH    default, strict-prod, training, or a file\n"
     "  --theme, --keymap NAME|PATH, --line, --presenter   as in the console\n\n"
     "Exit status: 0 the case came to its end; 1 it failed; 2 bad input; 5 the ledger cannot be written.\n",
     sb_cmd_demo},
    {"console", "[--deployment NAME | --uri-file FILE] [--read-only] [--aloud | --line] [--presenter [--minutes N]] | --fleet [...]", "the console on a real deployment",
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
     "  --aloud               as lines of text, for a screen reader or a braille line, and for a terminal that cannot place text:\n"
     "                        what happens is announced, a line each; a word and Enter asks (help tells them). Nothing is\n"
     "                        approved from it: signalbox cards does that as text, too\n"
     "  --line                for a slow line: no colours, one pane at a time (Tab goes to the next), no seconds on the clock, and\n"
     "                        the members' figures only every half minute, or when a member's state changes. Taken by itself where the\n"
     "                        terminal needs over 200 ms to answer (the median of three); F8 gives it and takes it back\n"
     "  --presenter           for a screen that others see: names and values of the deployment come as pseudonyms, the same one for\n"
     "                        the same word, and of figures the first two digits; nothing is approved or edited from here. Opens\n"
     "                        the meeting (F6): the cards that await approval, one a screen, with a clock; what is decided is\n"
     "                        written down with names and reason, into the record too, and exported as minutes with hashes\n"
     "  --minutes N           of the meeting, for each card, 1 to 240. Default 5\n"
     "  --fleet               the open cards and incidents of every deployment whose owner writes to the shared store (set store),\n"
     "                        the worst first, each with its owner's host, the age of the copy, and whether you may approve it.\n"
     "                        Enter opens one: the console on the copy. What is approved or rejected there is signed (signing_key)\n"
     "                        and goes into the store; its owner's answer is shown when it comes. Without a terminal: once, as text.\n"
     "                        --environment E, --team T, --class C, --filter REGEX leave out others; --group none, deployment,\n"
     "                        environment, team or class; --json: {\"at\",\"ledgers\",\"open\",\"odd\",\"rows\":[...]}\n\n"
     "Without a config, with nothing named and nobody to join, it first asks for a name, the connection string and the\n"
     "environment, tries them out, says what stays blind, and writes the config when you agree (nothing before that).\n\n"
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
    {"ask", "[--json] [--read-only] [--deployment NAME | --uri-file FILE] \"TEXT\" | --dry-run \"TEXT\" | --classify | --lint", "one request in plain language, through the whole chain",
     "Joins the signalbox that owns the ledger; without one, connects by itself for as long as it takes. One that\n"
     "watches another deployment than is named here, or goes by another policy than the config sets, is not joined. Prints the\n"
     "answer and the cards it led to. A card waits for its approval, unless policy lets such a one go by itself.\n\n"
     "  --json             {\"ok\",\"answer\",\"case\",\"cards\":[CARD]}\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --read-only        only looks: a card that comes of it waits for a person, whatever policy lets go by itself\n"
     "  --dry-run          opens no case: how it is read, what it is about, and which specialists it would go to, first and one after\n"
     "                     another, with the reasons and the facts that decide; and what it would touch, by the config, by the owner\n"
     "                     of the ledger that watches the deployment, or by a short connection where nobody does (its size, no more)\n"
     "  --classify         read one request a line on stdin, print only how each is understood, as JSON, a line for each line:\n"
     "                     {\"intent\",\"confidence\",\"runner_up\",\"slots\":{},\"reason\"}, and \"unclear\", \"warning\", \"then\":[] where there is\n"
     "                     something to say\n"
     "  --intents FILE     with one of these two: how requests are understood, in place of what is built in or set in the config\n"
     "                     (set intents FILE). What is wrong in it is told by file and line\n"
     "  --print-intents    the built-in file, to begin one's own with\n"
     "  --routes FILE      with --dry-run or --lint: who is asked about what and who next, before what is built in (set routes FILE)\n"
     "  --print-routes     the built-in file, whose head explains its lines\n"
     "  --lint             say what is wrong in these two files, by file and line, or in those of the config: exit 2\n\n"
     "\"are our backups good?\" looks at the paths of the config's lines \"backup PATH\", by level 1 (help backup); \"review the schema of\n"
     "shop.orders\" reads a sample of at most 1,000 documents. Neither leads to a card; what was found is evidence of the case\n"
     "(audit show CASE). \"what depends on shop.orders.customer_name\" names indexes, validator, views, what applications were heard to\n"
     "ask and write, and the drivers that are connected. \"rename A to B in NS\" (\"move A.B to B in NS\"), \"add field A with default\n"
     "VALUE to NS\" (or \"computed as {EXPRESSION}\" of other fields), \"remove field A from NS\" and \"convert A from string to date in NS\"\n"
     "(string, int, long, double, decimal, date, objectId; \"replacing what does not parse with null\") lead to the cards\n"
     "of a plan in phases, or to the reason why not; so do \"split A into B and C in NS\", \"merge A and B into C in NS\", \"expire documents\n"
     "in NS 30 days after A\", \"propose a validator for NS\", \"rename collection NS to NS2\" (\"while it is written\"), \"extract A of NS into\n"
     "NS2\", by which a field becomes a document of its own, its way back \"embed NS2 into NS by A as B\", and \"archive documents of NS older\n"
     "than 730 days by A\" (\"into NS2\"), which moves them.\n"
     "\"make NS capped at 1 GB\" puts a capped collection in its place, once nobody writes.\n"
     "What a conversion or a removal loses is kept beside, in a collection that the card names, for the way back. \"is {A: 1} a good\n"
     "shard key for NS?\" leads to a card of advice, by what the documents, the indexes and the operations say; nothing is sharded\n"
     "from here, and \"turn NS into a time series on A, meta B\" to another one. One look of each kind at a time: another one is refused\n"
     "until it is answered.\n\n"
     "\"create an index on shop.orders {status: 1, created_at: -1}\" leads to the card of that very index, with what else is said of it:\n"
     "unique, sparse, hidden, \"expire after 30 days\", \"where {status: 'open'}\" (a partial index); also as the shell has it,\n"
     "createIndex({email: 1}, {unique: true}). What its build would fail on is a warning on the card, or the reason for none: of a\n"
     "unique one the keys that are there more than once are counted before, for five seconds at most. \"prove\n"
     "C-000012\" tries the index of a card out, \"rehearse C-000012\" its change of documents (help cards: what-if).\n\n"
     "\"retire unused indexes on shop.orders\" leads to a card that hides one that nobody needs. When its watch window has passed,\n"
     "a card of its own proposes to drop it; taken back, that one builds it anew, hidden. When it cannot be made yet, goes stale or\n"
     "runs out of time, it is proposed again later; a rejection ends it.\n\n"
     "\"review the indexes of shop\" looks at every collection of a database (\"speed up shop.orders\": at one) and leads to a card for each\n"
     "index that the slow operations want, at most 20, in order of their time times the collection's weight (the config's line\n"
     "\"criticality shop.orders 5\", or of a database), and to a word for each of their shapes: what serves it, or why nothing is\n"
     "proposed. What only $queryStats has counted counts like what was slow, its share of the last five minutes, where the servers\n"
     "let it be asked (MongoDB documents it for Atlas) and tell what was examined (8.0 on); else the reason is said. What has been\n"
     "running for a second or more and is in no log yet is told, and nothing is proposed for it. What\n"
     "somebody rejected is not proposed again: it is named with the reason, by whom and when, until it would save twice the documents\n"
     "and time, or serves another shape, or somebody asks for its key. Rejections of the last year count.\n\n"
     "\"report for last week\" and \"report since 2026-11-01\" write a report of that time into the state folder's reports/.\n\n"
     "A request that asks for several things (\"check the backups and then drop the unused indexes\") becomes a case for each, one after\n"
     "the other; what follows one that could not be done is not begun. What can be read in two ways, or contradicts itself, is asked\n"
     "back. What is not ours (a question for the documentation, an error of an application, the set-up of a driver, work on code,\n"
     "another database, conversation) is called by its name; what was not understood is told so. No wording lifts an approval or a\n"
     "rule; what is written in quotation marks is read as a report.\n"
     "Exit status: 0 answered; 1 understood, and the answer is no (\"ok\" is false then and below); 2 not understood, not ours, no\n"
     "such collection, or none named; 3 the server is out of reach; 4 policy refused.\n",
     sb_cmd_ask},
    {"mark", "[--json] [--ns NS] [--app APP] [--blackout D [--member HOST]] [--deployment NAME | --uri-file FILE] \"TEXT\"", "a release, a setting: what the detector should suspect; a blackout",
     "Writes on the record that something was changed, by whom and when; the detector of the signalbox that owns the ledger names it\n"
     "among the suspects of an anomaly in the ten minutes after it. What this program itself executes is among them anyhow, and what it\n"
     "sees others alter, by looking once a minute: collections, indexes, validators, parameters, the feature compatibility version, members,\n"
     "versions, processes started again, applications and their drivers. Those marks are the Anomaly Detector's. Without an\n"
     "owner the mark is recorded all the same. For the end of a release script: signalbox mark \"shop 4.2\" --ns shop --app checkout\n\n"
     "  --ns NS            the database or the collection it is about. Default: any\n"
     "  --app APP          the application, as it calls itself in its connection string\n"
     "  --blackout D       for so long (30m, 2h, 1d; a week at most) anomalies of NS, or of the member HOST, are recorded and not\n"
     "                     announced; TEXT is the reason. Data that may be lost, a member further behind than the oplog reaches back,\n"
     "                     and failed backups are announced all the same\n"
     "  --lift ID          ends the blackout ID (H-12), or takes back what was said of the anomaly ID (A-000003); TEXT says why\n"
     "  --silenced         tells what is in force, with TEXT left out; --json: {\"silenced\":[{\"id\",\"kind\",\"by\",\"reason\",\"from\",\"until\",...}]}\n"
     "  --json             {\"ok\",\"answer\"}\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n\n"
     "Exit status: 0 recorded; 2 bad input; 5 the ledger cannot be written.\n",
     sb_cmd_mark},
    {"cards", "[--json] [list | VERB ID]", "the queue of recommendations from a shell",
     "  list                       the open cards; show tells those that have come to an end as well\n"
     "  show ID [--canonical]      one card; --canonical: exactly the bytes whose SHA-256 is its hash\n"
     "  approve ID --hash H [--target NAME]   approves what was shown under this hash; prod wants the target's name\n"
     "          --sign KEY [--as NAME]   signed with an SSH key: its file, or the .pub of one in the agent; needed where the config\n"
     "                             names approval_signers. NAME is who in that file; without it the user's own name\n"
     "  breakglass ID --hash H --reason TEXT --ticket T [--minutes N] [--target NAME] [--sign KEY [--as NAME]]\n"
     "                             lifts every soft rule of the policy from this plan, for at most an hour, whether it waits or\n"
     "                             was denied by soft rules alone; hard rules stay. Only where the policy says who may, and seen\n"
     "                             by all. Afterwards somebody else says\n"
     "  review ID --reason TEXT [--hash H --sign KEY [--as NAME]]\n"
     "                             what came of it; until then the same person breaks no other glass\n"
     "  edit ID --set KEY=VALUE... [--as NAME]   a new revision; approvals become void, and where the policy wants somebody other than\n"
     "                             the author, whoever edited it cannot approve it: known by account, by NAME (the config's\n"
     "                             signing_name) and by key. Of a card whose batches run, batch_docs=N, batch_delay_ms=N and\n"
     "                             batches_at_once=N (1 to 8) set how they go on; what was approved stays as it is\n"
     "  reject ID --reason TEXT\n"
     "  what-if ID                 tries the card's index or change out. An index by a card of its own, whether and where policy\n"
     "                             allows it (the shipped ones never in prod): at most 1000 sampled documents are copied within\n"
     "                             the server ($sample, $out) without the policy's sensitive fields, today's indexes (at most 8)\n"
     "                             and then this one are built on them, the shapes are explained with it and by the plan that they\n"
     "                             have today, and all is dropped. What came of it stands beside the card and voids nothing. The\n"
     "                             same as ask \"prove ID\". Where policy denies it here, and the deployment's section of the\n"
     "                             config says \"set what_if_uri_file FILE\" (staging, or a drill's copy), it is done there: with\n"
     "                             its documents, and today's indexes and plans of here, after policy was asked about that one's\n"
     "                             health. To policy it is what \"set what_if_environment staging\" (or dev, prod) says: prod\n"
     "                             where nothing does, which the shipped ones deny. Nothing is written here then; the trials'\n"
     "                             ledger is STATE/trials. A change of documents in batches is rehearsed only there (ask \"rehearse ID\"):\n"
     "                             its own updates on such a copy. Beside the card stand the time a document took, what follows\n"
     "                             for all of here (estimated, with bounds) and the documents that it does not come to. A\n"
     "                             rehearsal is no run of the plan on staging\n"
     "  pause, resume, stop, refresh ID; rollback ID [--target NAME]; close ID --reason TEXT\n\n"
     "Everything but list and show needs a signalbox that owns the ledger: a console, or serve.\n"
     "Exit status: 0 done; 1 not possible in this state, or the record cannot be read; 2 bad input, no such card, no ledger; 4 policy\n"
     "refused; 5 the ledger cannot be written.\n",
     sb_cmd_cards},
    {"serve", "[--deployment NAME [--of-fleet] | --uri-file FILE] [--policy NAME|PATH] [--metrics ADDRESS] | --fleet [--policy NAME|PATH]", "the orchestrator without a screen",
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
     "  --policy NAME|PATH  default, strict-prod, training, or a file\n"
     "  --metrics ADDRESS   for Prometheus, GET /metrics on 127.0.0.1:PORT, [::1]:PORT or unix:/PATH (mode 0600): the program's own\n"
     "                      health and load on the members, the ledger, ages of the queue, anomalies that go on\n\n"
     "With a shared store (set store mongodb) one ledger owns a deployment at a time, by a lease of 30 s that it renews (set\n"
     "store_lease 30s); nothing is executed without it. Before each command the fence in the deployment is confirmed, the document\n"
     "signalbox_fence.epoch, which the executor's login has to be allowed to write.\n"
     "  --fleet             a supervisor: takes leases of the config's deployments, starts a serve for each, with a state folder of its own\n"
     "                      (XDG_STATE_HOME=STATE/fleet/NAME), and shares them evenly with the supervisors on other hosts. What an\n"
     "                      owner that has gone leaves is taken over when its lease is over; not with a step of class C or X left open\n"
     "                      (help store). SIGTERM ends the children, which give their leases back\n"
     "  --of-fleet          what it starts: ends where another ledger owns the deployment\n\n"
     "Exit status: 0 ended by a signal; 2 bad usage, config or connection string; 5 the ledger cannot be written, or another\n"
     "process owns it.\n",
     sb_cmd_serve},
    {"digest", "[--json] [--since T] [--until T] [--advice [--catalogue FILE]] [--quiet] PATH...", "slow operations by shape, from logs and profiles",
     "PATH is a structured mongod or mongos log (MongoDB 4.4 to 8.0), documents of system.profile as BSON or as JSON lines,\n"
     "diagnostic data (FTDC: it adds how many samples it has, from when to when; see signalbox help incident), a folder of\n"
     "these and of such folders (three deep), or - for standard input; gzip is unpacked, and zstd where libzstd is installed.\n"
     "The kind is told by the content.\n\n"
     "  --json     one JSON document\n"
     "  --since T  only what ended at T or later: 2026-11-23, 2026-11-23T09:05, or with seconds and a zone\n"
     "  --until T  only what ended before T\n"
     "  --advice   and the fewest indexes that serve these shapes, by the rules that the Index Optimizer has for a\n"
     "             deployment; for every other shape the reason why there is none. Of indexes a log tells those that plans\n"
     "             name and those that were built or dropped meanwhile, and of values nothing: each is to be made only if it\n"
     "             does not exist, and the advice names what it could not know\n"
     "  --catalogue FILE\n"
     "             the replies of listIndexes, $indexStats (one of each member), collStats and listCollections, recorded as\n"
     "             JSON, one a line: then the advice knows which indexes exist, says which a longer one replaces and which\n"
     "             nobody needs, and why the others that look like it stay\n"
     "  --quiet    no progress bar, no word about bad lines\n\n"
     "A write that the log has twice (the write, and the command around it on db.$cmd) counts once. Where only the command\n"
     "was logged its filter is not known: the shape is then \"?\". In a shape literals are 1, sort and direction are kept.\n"
     "Memory is bounded. Kept apart are 4,096 shapes, those that took most time (the rest is the row *), 32 plans and 64\n"
     "applications of each, 1,024 clients, and lines of up to 1 MiB; where that was not enough the digest says so. p50 and p95\n"
     "are at most 1/64 off.\n"
     "Exit status: 0 done; 2 a file cannot be read or is of another kind (what could be read is reported all the same).\n",
     sb_cmd_digest},
    {"report", "[--json | --csv] [--since T] [--until T] [--split T] [--simulated] | --handover", "what the work came to, and each specialist's report card",
     "From the record alone: how long it took from a request to its card, its approval, its start, its read-back and its verdict; how soon\n"
     "incidents were found and a suspect named, and how long they lasted; how many changes went wrong (a step failed, a verdict FAIL, or\n"
     "rolled back); how many restore drills passed; how long cards waited; and of each specialist what was proposed, accepted, edited and\n"
     "what, rejected and why, rolled\n"
     "back; of each rule of alarms how many were told and what people called them; what was lowered and what brought it back; and\n"
     "what the watch windows said; how sure it was of what then passed or failed; and what it predicted, number by number: kept, missed\n"
     "(it was called an estimate), broken (it was not), and the median factor between measured and predicted. A median has the bounds\n"
     "that hold it with 95 %, from its order statistics; of fewer than six values it has none. A share has its Wilson interval.\n"
     "Each is drawn beside the others on one axis. Simulated deployments are left out.\n\n"
     "  --since T, --until T  what began in between: 2026-11-23, 2026-11-23T09:05, or 30d (ago), 12h\n"
     "  --split T             what began before T and after it, beside each other: shorter, longer, or no difference shown;\n"
     "                        T is over, as it is of --since\n"
     "  --simulated           of simulated deployments, and nothing else\n"
     "  --csv                 side,measure,n,median,low,high,p90: durations in milliseconds, shares (_ppm) in parts per million of n\n"
     "  --ledger DIR          the folder with the ledger, such as a copy\n"
     "  --handover            instead: a note for the next shift as Markdown, from whoever owns the ledger: what goes on and who has\n"
     "                        it, trends and their dates, open plans, what is silenced; with --deployment NAME or --uri-file FILE\n"
     "                        where nobody does. The console writes the same (H)\n\n"
     "Exit status: 0 told; 1 the record cannot be read; 2 bad usage, or no ledger there.\n",
     sb_cmd_report},
    {"mcp", "", "an MCP server on standard input and output: read and propose, never approve",
     "For an assistant program that speaks the Model Context Protocol, revisions 2026-07-28 and 2025-11-25. Joins the signalbox of this\n"
     "user that owns the ledger, from a seat that decides nothing; without one it ends. Its tools: status, list_anomalies, get_anomaly,\n"
     "list_cards, get_card, get_case, audit_tail, and propose, which asks in plain English. What is proposed becomes a card like any\n"
     "other: asked for by \"agent of USER\", and waiting for a person whatever the policy lets go by itself. There is no tool that\n"
     "approves, edits, executes, rolls back or changes policy, and this process has no login to the deployment.\n"
     "60 calls a minute, 256 KiB a message.\n\n"
     "Exit status: 0 its standard input ended; 1 the owner of the ledger has left; 2 nobody owns it.\n",
     sb_cmd_mcp},
    {"doctor", "[--json] [--fleet | --deployment NAME | --uri-file FILE]", "what is wrong here, and the mend for each",
     "Looks once at the terminal, the locale, the libraries, the clock, the config and the files it names, the state folder, the\n"
     "ledger, which witnesses vouched for it and when, the policy, the places where backups lie, and the deployment: whether it can be\n"
     "reached, which reads each member answers to this login, what stays blind where one does not, when the members' certificates end, how much room their disks have, and what\n"
     "the login that executes may do. Changes nothing, and joins nobody. The console has the same as a page (!), the worst first.\n\n"
     "  --json             {\"ok\",\"findings\":[{\"found\":\"ok|note|wrong\",\"area\",\"what\",\"mend\"}]}\n"
     "  --fleet            instead of all that, what the shared store (set store) tells of every host: beats, programs, draining,\n"
     "                     leases that are over or held, copies that are behind, checkpoints that went back, and for whose record no\n"
     "                     witness vouched\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n\n"
     "Exit status: 0 nothing is wrong (there may be things to know); 1 something is; 2 bad usage.\n",
     sb_cmd_doctor},
    {"schema", "[--json] [--sample N] [--against FILE] [--validator] [--quiet] (NS --deployment NAME | FILE...)", "what the documents of a collection or a file look like",
     "FILE is what mongodump or mongoexport wrote, or other documents: BSON, JSON lines, JSON arrays, JSON in any layout, Extended\n"
     "JSON; plain, gzip, or zstd where libzstd is installed; - for standard input. The kind is told by the content. Each file is\n"
     "a collection of its own. NS is database.collection of a live deployment (of --deployment, --uri-file, the only one of the\n"
     "config, or SIGNALBOX_URI), read from a secondary where there is one, in batches with pauses: by\n"
     "$sample; where the server has none, or the sample is a large part of a large collection, by ranges of _id.\n\n"
     "  --sample N         so many documents, drawn by lot; 0 is all. Default: 1,000 of a collection, all of a file\n"
     "  --against FILE     and what is different from FILE, an earlier answer of --json: fields that appeared or vanished, other\n"
     "                     types, another presence (by more than 5 points, and more than sampling explains)\n"
     "  --validator        and the validator that 99 % of the documents keep to, with a dry run: how many documents do not, and\n"
     "                     which. Nothing is written: a file is read a second time, a collection is counted by its server ($nor),\n"
     "                     by ranges of _id; so is the validator that it has\n"
     "  --deployment NAME  a deployment of the config\n"
     "  --uri-file FILE    a file (mode 600) whose first line is a mongodb:// connection string; SIGNALBOX_URI works too\n"
     "  --json             one JSON document a line for each file or collection\n"
     "  --quiet            no progress bar, no word about damaged documents\n\n"
     "Probabilities are those of the npm package mongodb-schema: of a field, the share of the objects it could be in; of a type, the\n"
     "share of those objects; of a type in an array, the share of the elements; \"undefined\" is the share without the field. path has\n"
     "no mark for arrays, as in a query; \"arrays\" says how many are on the way. has_duplicates is true where a value, a null, or the\n"
     "lack of the field is there twice. Names that are data (dates, ids, numbers) are folded into one field, *. What looks\n"
     "personal is told by form (checksums are checked) and by name, its values are not shown, and \"sensitive\" lists it for the\n"
     "policy. Of a sample, intervals are of 95 % confidence. The indexes of a collection, or those in NAME.metadata.json beside a\n"
     "dump, are held against the fields: on one that no document has, over a long array, of a time to live on what is no date.\n"
     "Memory is bounded: 40,000 fields are kept apart, documents of up to 17 MiB are read, 255 levels deep; the answer says where\n"
     "that was not enough. Damaged documents are left out and counted where the next one can be found.\n"
     "Exit status: 0 done; 1 (--against) there is a difference; 2 a file cannot be read, or not to its end (what was read is told all\n"
     "the same), or there is no such collection; 3 the server is out of reach.\n",
     sb_cmd_schema},
    {"backup", "[--json] [--quiet] (check [--quick] PATH... | compare A B | status [--full] [--deployment NAME] | drill PATH (--into FILE | --start PROGRAM) | make PATH [NS...] [--archive])", "what backups there are, how far they are shown to be whole, and real restores of them",
     "  check PATH    what lies there, problem by problem with its place: a folder of mongodump's (plain or --gzip), an archive,\n"
     "                one .bson, a store of Percona Backup for MongoDB or one NAME.pbm.json in it, a snapshot manifest, or a\n"
     "                folder of such things. Nothing is written, no link in a backup is followed, nothing outside it is opened\n"
     "  compare A B   namespace by namespace: what is missing or extra, documents, bytes, content (the sum of the SHA-256 of each\n"
     "                document, so that their order does not count), indexes, options\n"
     "  status        for each deployment of the config with lines \"backup PATH\": the newest usable backup, how old what it\n"
     "                brings back is (RPO), and what cannot be used. A backup whose time only its files\' time tells (a copy has a\n"
     "                new one) counts where no other is. `ask \"are our backups good?\"` answers with the same one. What\n"
     "                once was there and is gone is told of what was drilled or came while a signalbox watched. The deployment is asked for its\n"
     "                oplog: how far it reaches back, and the oldest write that is in no backup. How long a restore takes is told by\n"
     "                the rates of the drills on the record, from the best to the worst, of those only that count for a policy; which\n"
     "                schedules never came to their end. Then everything that is asked of backups (loss, age, oplog window, restore\n"
     "                time, drill age and speed, interval, size, schedules, how far back they reach, encryption and its key, version, FCV,\n"
     "                room on the target of the last drill, failure domain, free space, gone), against the limits that the checks of\n"
     "                the config's policy set (recovery.loss_s, recovery.backup_age_s, recovery.restore_s, recovery.drill_age_s,\n"
     "                recovery.kept_s, recovery.plain, recovery.places, health.oplog_window_s), with the date at which each is crossed if\n"
     "                it goes on as it does; and where restores were made: how many passed, how long, what differed. The console's\n"
     "                page of this (V) has the time that the backups cover, their ladders and the drills\n"
     "  drill PATH --into FILE   restores a folder or archive of mongodump's, for real, into the throw-away deployment whose\n"
     "                connection string is in FILE: options, validators, documents, the oplog, indexes, views. Compares what is there\n"
     "                then with what the backup holds, measures, clears it away, and writes it down\n"
     "  make PATH [NS...]        dumps databases and collections (NS: shop, shop.orders; none: all) of a deployment (--deployment NAME,\n"
     "                --uri-file FILE or SIGNALBOX_URI) into the new folder PATH, in mongodump's format, from a secondary where there\n"
     "                is one. With the member's oplog it is of one moment; without one it says that it is not. A manifest of the\n"
     "                SHA-256 of each file is in it, which `check` compares. PATH is there when the dump is whole, and not before\n"
     "                With --archive PATH is one file, an archive as of mongodump --archive, with a CRC-64 of each collection, which\n"
     "                --gzip packs. --key-file KEY seals it, or each file of a folder and its manifest: their names stay as they are, and\n"
     "                one that was taken away, put in another's place, added or left unsealed is found. mongorestore reads no sealed one\n\n"
     "  --key-file KEY           (make, check, drill) a file of mode 600 with 32 bytes or 64 hexadecimal digits: `openssl rand\n"
     "                           -hex 32`. In the config of a deployment, for status, requests and their drills: set backup_key_file\n"
     "                           KEY. AES-256-GCM in chunks of 64 KiB, each with its number and the last one marked, so that what\n"
     "                           was altered, moved, doubled, cut off or added is found, and another key is said to be another:\n"
     "                           header \"SBSEAL1\\n\", chunk size (4 bytes, little endian), key id (8 bytes: of SHA-256(\"signalbox key\n"
     "                           id\" key)), salt (32 bytes); the file's key is HMAC-SHA-256(KEY, \"signalbox seal 1\" salt); a chunk's\n"
     "                           nonce 4 bytes of 0, its number in 7 (big endian), 1 in the last chunk and else 0; the header is\n"
     "                           authenticated with each. Without its key nothing of it can be restored by anybody\n"
     "  --start PROGRAM          (drill, instead of --into) what starts the throw-away deployment, a container or a mongod, and ends it\n"
     "                           afterwards: `PROGRAM start DIR` ends with 0 once it answers, and the first line that it says is the\n"
     "                           connection string (what it leaves running must not hold on to its output); `PROGRAM stop DIR` ends it,\n"
     "                           as often as asked. DIR is a fresh folder. After a kill -9 the next drill has it stopped. An absolute\n"
     "                           path that only its owner may write; run without a shell, with PATH, HOME and the locale alone. What it\n"
     "                           leaves running and does not stop is ended. In the config of a deployment: set drill_start PROGRAM\n"
     "  --restorer PROGRAM       (drill) your own mongorestore restores, in this program's place: it is run as PROGRAM --config=FILE\n"
     "                           --stopOnError --nsExclude=admin.* ... --archive=FILE or --dir=DIR, with --gzip where that is so, and for\n"
     "                           an oplog again with --oplogReplay and a folder of that alone; FILE (mode 600) holds {\"uri\"}. It is told\n"
     "                           of the same target under the same guard: identity and marks are read again before it and every second\n"
     "                           while it runs, and it is ended where they are not as they were. How it ended and what it said (without\n"
     "                           the password) is in the report with its SHA-256, and what it restored is compared as ever. Not for sealed\n"
     "                           backups. An absolute path as above. For requests and schedules: set drill_restorer PROGRAM\n"
     "  --pbm PROGRAM            (drill, with --into) your own pbm restores a logical backup of its store: PATH is the store's NAME.pbm.json,\n"
     "                           or a store with one backup. The target is a replica set of the kind below, with pbm-agents that are\n"
     "                           set up for this store. Run, each time with the connection string in $PBM_MONGODB_URI: `PROGRAM\n"
     "                           version`, `status --out=json` (agents well, nothing running, no point-in-time recovery), `list\n"
     "                           --out=json`, `restore NAME --out=json` (with --replset-remapping=TARGET=BACKUP where the sets have\n"
     "                           different names), then `describe-restore NAME --out=json` every second until it is done, with\n"
     "                           identity and marks read again each time. pbm cannot be told to end a restore: one that is not seen\n"
     "                           to its end leaves the target as it is. Physical, incremental and external backups and those of\n"
     "                           several sets are refused. pbm applies the backup's own oplog: of the collections that it changes the\n"
     "                           documents are not compared, the report names them, and the level stays L3\n"
     "  --limit SECONDS          (drill) how long --restorer may take each time (14400), --pbm (14400), and --start (180); then it is\n"
     "                           ended, or with --pbm given up\n"
     "  --deployment NAME        (drill) whose backup it is; not needed where the backup lies in a place that the config names\n"
     "  --until TIME             of the oplog only what is not later\n"
     "  --source FILE            also say in what the deployment of this connection string differs by now; only reads\n"
     "  --checks FILE            the operator's own, for L5: {\"sentinels\": [{\"ns\", \"filter\"}], \"queries\": [{\"name\", \"ns\", \"filter\",\n"
     "                           \"at_least\", \"at_most\"}], \"health\": [\"program\", \"argument\"], \"health_within_s\": 300}; the\n"
     "                           program finds the name of FILE in $SIGNALBOX_DRILL_URI_FILE, beside PATH, HOME, TZ and the locale\n"
     "                           alone; when its time is over, it is killed with all that it started in its process group\n"
     "  --keep                   leave what was restored; the next drill into this target clears it away\n"
     "A target holds nothing, or an operator has written {_id: \"scratch\"} into its collection signalbox.scratch, which says that all\n"
     "in it may go. Who it is and its marks are read again before each write; one that the config names, or that was ever watched\n"
     "from here, is refused by the set's own id, as is one that cannot be told from them. Each write has its intent in the drills'\n"
     "ledger (drills/ in the state folder; XDG_STATE_HOME=...state/signalbox/drills signalbox audit verify), and only that lets it\n"
     "out. The end of a drill is also on the record of the deployment, where policy finds it (recovery.drill_age_s). A target that\n"
     "is no mongod of the backup's version counts for a policy as L2 and says so; a simulated one counts for a simulated deployment.\n"
     "After a kill -9 the next drill into the target clears away what is left. Not restored: users, roles and whatever else is in\n"
     "admin, local and config; a time series, a transaction in several entries and a rename in the oplog end the drill as failed.\n\n"
     "  --quick       level 1 only      --full   (status) level 2 instead of 1      --quiet   no progress bar\n\n"
     "Levels, told as shown and never more: L0 it exists. L1 metadata are whole and agree with the files and their sizes. L2 every\n"
     "byte was read, and every checksum, every BSON document and the oplog's order are right. A drill shows L3 it was restored with its\n"
     "indexes; L4 and what is there is what the backup holds; L5 and the operator's checks passed.\n"
     "Usable: L1 at least, and no problem found as far as was read: at L1 the data were not read, and of a bare .bson only that a\n"
     "document ends where the file ends. One that was read to its end goes before one that was not. A problem would stop or\n"
     "falsify a restore or lose a part of it; what only should be known stands apart (JSON: notes). An oplog slice that is missing\n"
     "is a gap, not a problem: the backup itself can be restored.\n"
     "What the format does not protect cannot be seen at L2: a value changed in a bare .bson, one cut between two documents or put\n"
     "in another's place, a collection deleted with its metadata. Archives and Percona's logical backups (2.0 and later) have a CRC-64 of each collection.\n"
     "lz4 is not unpacked here, nor zstd in a window of more than 32 MiB (\"zstd --long\"): such a store stops at L1, such an archive at\n"
     "L0, and says so. Physical backups are unpacked and\n"
     "measured; WiredTiger's own checksums are not read. A gap of a minute in an oplog.bson is told, and proves nothing.\n\n"
     "A snapshot manifest is JSON that whoever takes the snapshot writes beside it (L1 is the highest it can reach):\n"
     "  {\"signalbox_snapshot\": 1, \"provider\": \"ebs\", \"deployment\": \"shop\", \"created_at\": \"2026-11-23T02:00:00Z\",\n"
     "   \"completed_at\": TIME, \"status\": \"completed\", \"atomic\": true, \"fsync_locked\": false, \"encrypted\": true,\n"
     "   \"mongodb_version\": \"7.0.14\", \"fcv\": \"7.0\", \"volumes\": [{\"id\": \"snap-0a1b\", \"member\": \"db1:27017\",\n"
     "   \"holds\": [\"data\", \"journal\"], \"size_bytes\": 107374182400, \"status\": \"completed\", \"encrypted\": true}]}\n"
     "Several volumes of one member need atomic or fsync_locked: else they are of different moments.\n\n"
     "Memory stays under 100 MB whatever the size of the data; metadata of a store (16 MiB of JSON at most) may take more.\n"
     "Exit status: 0 usable (compare: the same); 1 a problem in one of them (compare: different, or not wholly read); 2 bad usage, or\n"
     "a path that is not there. drill: 0 passed; 1 failed, and why; 2; 3 the target does not answer; 4 it is not written to; 5 the\n"
     "drills' ledger cannot be.\n",
     sb_cmd_backup},
    {"detect", "[--train N] [--json] <FILE", "anomaly scores for a CSV stream, each row answered at once",
     "Reads CSV on standard input. Two columns, a time and a value: each row is answered as soon as it is read by\n"
     "timestamp,value,anomaly_score; the score is 0 to 1, and 0.5 or more is an alarm. Nothing looks ahead. One episode makes one\n"
     "alarm; another within 100 rows only if it is clearly worse. More columns, named by a header: incidents at the end, as from\n"
     "incident; columns that go out of the usual together are one.\n\n"
     "  --train N  the first N rows are only learned from: their score is 0\n"
     "  --json     one JSON document a line: {\"line\",\"timestamp\",\"value\",\"anomaly_score\"}; of more columns, one JSON array\n\n"
     "A first row without any number or time is a header; a column called timestamp, time, date or ts is the time, else the first\n"
     "is. Times: 2026-11-23 09:05:10 (T, fractions and zones as well; UTC where none is given), or seconds, milli-, micro- or\n"
     "nanoseconds since 1970. No alarm comes in the first 200 rows; the time of the day counts from the fourth day on. Memory is\n"
     "constant: 128 KiB a column; of more than 2,000 columns those are judged in full that a cheap look at all finds suspect.\n\n"
     "What cannot be read is said with its line and column (the first 20 places one by one), and its row is answered all the same:\n"
     "a missing or unreadable value by 0, and nothing is learned from it; a row whose time is unreadable, the same as that before it,\n"
     "or earlier, by its value.\n"
     "Exit status: 0 done, whether there are alarms or not; 2 something could not be read, or there were no rows.\n",
     sb_cmd_detect},
    {"incident", "[--json] [--quiet] DIR... | --follow [--json] (LOG... | --deployment NAME | --uri-file FILE) | --fleet [--json]", "what went wrong, when and why, from diagnostic data and logs",
     "DIR is a member's folder with its diagnostic.data and its logs (plain or packed, rotated ones too), that diagnostic.data\n"
     "itself, or a folder of such. Give all members of a set at once: a member that is gone is seen by the others. Members are\n"
     "called by their folders. A file of spans (OpenTelemetry, OTLP as JSON lines) among them names the services whose calls it\n"
     "was: by the traceparent in a command's comment, else by namespace and time.\n\n"
     "One incident is what began together on all members: when, which class with the deciding evidence, which members,\n"
     "namespaces and applications, the metrics that were out, ranked causes, and how much stays unexplained. A cause that came\n"
     "at the same time and is another one (twice the traffic beside a bad query) is named beside the first. Classes: load,\n"
     "code, infrastructure, dependency, maintenance, change. Nothing looks ahead: \"detected_at\" is when it would have been\n"
     "told live.\n"
     "The first 20 samples of a process are needed to know what is usual. An incident is over 20 s after its last effect.\n\n"
     "  --json   one JSON array: [{\"from\",\"to\",\"detected_at\",\"severity\",\"class\",\"confidence\",\"namespaces\",\"apps\",\"members\",\n"
     "           \"signals\",\"causes\",\"unexplained\", and \"title\", \"reason\"}]; \"to\" is null where it was not over\n"
     "  --quiet  no progress bar, no word about what is damaged\n"
     "  --follow LOG is a member's log that still grows: it is read and then followed, through rotations too, until the program is\n"
     "           ended. An incident is told when it begins, with what is known then, and again when it is over; with --json as\n"
     "           one line each, with \"event\" (open or over) before the keys above. Of a deployment every member is asked once a\n"
     "           second for its diagnostic data (or what it is made of) and the new lines of its log; lines that were overwritten\n"
     "           before they were read are counted; while transactions are left open its sessions are asked whose they are\n"
     "  --fleet  what `signalbox fleet` has on its record (STATE/fleet): id, beginning, deployment, length, class, who took it; with\n"
     "           --json an array of anomalies as they are recorded, each with its deployment, simulated and its first entry\n\n"
     "Of a member of which there is a log and no diagnostic data, only what shows in slow operations, connections and states is seen.\n"
     "Damaged chunks are passed over and said with file and offset; lines that cannot be read are counted.\n"
     "Exit status: 0 done, whether there are incidents or not; 2 a folder has neither, or a file cannot be read (what could be\n"
     "read is reported all the same).\n",
     sb_cmd_incident},
    {"fleet", "[--filter REGEX] [--group deployment|environment|health|none] [--every MS] [--once [--all] | --follow [--for SECONDS]] [--json]", "every member of every deployment in the config on one page, the worst first",
     "Asks each member once a second, through a direct connection of its own, for its serverStatus, and changes nothing anywhere. What\n"
     "to watch are the config's deployments (at least one, with uri_file; at most 5,000 members together); members that a set\n"
     "names besides are taken up. It stands beside a console or serve, whose ledger it leaves alone.\n\n"
     "A member is silent (out of reach, or it refuses), a stranger (it says that it is of another set), not serving (neither\n"
     "primary nor secondary), odd (operations, latencies, connections or queue are out of what is usual for it), lagging (over\n"
     "10 s), or well. What is usual takes 200 readings to learn. Who fails is set apart: asked again after 6 s, then up\n"
     "to 30 s, so that it holds nobody else up.\n\n"
     "A member that is silent, not serving, odd or lagging opens an incident of its deployment (as a set does that has no primary for\n"
     "10 s): one at a time, with whatever else happens there, over when nothing has been wrong for 20 s. Its class is decided by the rules\n"
     "of `signalbox incident`, as far as this much shows; else it is unknown. Incidents go on record, in a ledger of the fleet's own, with\n"
     "who took them: signalbox incident --fleet lists them, and signalbox audit show A-000001 --ledger STATE/fleet tells one (STATE:\n"
     "$XDG_STATE_HOME/signalbox). A second fleet beside it shows them on no record, and says so.\n\n"
     "On a terminal: a page, in the config's theme and keymap (help keys, context fleet; ? on the page): Tab groups otherwise, w shows\n"
     "only what is not well, & filters, / searches; of an incident Enter shows all there is, and a takes it.\n\n"
     "  --filter REGEX   only members that match it with deployment, environment, name, health, role or reason (! in front: that do not)\n"
     "  --group G        headings. Default deployment\n"
     "  --every MS       the time between two looks at a member, 100 to 60000. Default 1000\n"
     "  --once           asks each member once, prints those that are not well (--all: all) and ends\n"
     "  --follow         one line for each change of a member's health and each incident, until a signal or for so many seconds (--for)\n"
     "  --json           with --once one document: {\"members\",\"deployments\",\"health\":{},\"rows\":[{\"member\",\"deployment\",\n"
     "                   \"environment\",\"health\",\"role\",\"why\",\"since\",\"ops_per_s\",\"read_ms\",\"write_ms\",\"connections\",\"queued\",\"lag_s\"}]};\n"
     "                   with --follow one a line: {\"event\":\"change\",\"at\",\"was\", and the keys of a row}, {\"event\":\"incident\",\n"
     "                   \"what\":\"open|changed|taken|over\",\"at\",\"deployment\",\"environment\",\"anomaly\":{}}, at the end {\"event\":\"end\",\n"
     "                   \"members\",\"asked\",\"polls\",\"failed\",\"lanes\",\"lanes_high\",\"late_ms\",\"series\",\"watched\",\"passed_over\",\"news_lost\"}\n\n"
     "Exit status: 0 done (--once: and all are well); 1 (--once) some are not; 2 bad usage, nothing to watch; 3 (--once) nobody answers.\n",
     sb_cmd_fleet},
    {"store", "[--json] [status | accept-restored --reason TEXT | approve ID | reject ID | leases | take-over DEPLOYMENT --proven-dead REASON | maintenance DEPLOYMENT (on --until T --reason TEXT | off)]", "the operators' own shared store: how it stands, cards of other hosts, and who owns which deployment",
     "The config names it: set store mongodb, set store_uri_file PATH (mode 600; a replica set that is not the one that is watched;\n"
     "set store_database NAME, signalbox when not said). Every host copies its ledger there, entry by entry; approvals for its cards\n"
     "come from there, signed; and before a step of a plan is sent the record up to it is with a majority there, and its approval is\n"
     "used up for every host. While the store is away, held or refused nothing is executed; watching, rejecting, stopping, aborting\n"
     "and rolling back go on.\n\n"
     "  status             well, away, held (it has less, or other, than it once acknowledged) or refused, and why; how much of\n"
     "                     this host's ledger is there; whether the store tells of changes (change streams) or is looked at every\n"
     "                     second. --json: {\"state\",\"why\",\"servers\",\"store\",\"live\",\"ledger\",\"entries\",\"there\"}\n"
     "  accept-restored    the store was restored from an old copy, and a person says so: it goes on the record, and the copy is\n"
     "                     filled up again. On each host; a fork of a ledger is never accepted\n"
     "  approve ID --hash H --sign KEY [--as NAME] [--target NAME] [--log DIGITS] [--wait SECONDS]\n"
     "                     approves a card of another host by a statement that an SSH key signs; its owner checks it against its own\n"
     "                     approval_signers and policy. DIGITS: how the name of its ledger begins, where several have such a card.\n"
     "                     Waits for the owner's answer (30 s). The time in the statement is the store's. --json: {\"answered\",\"ok\",\n"
     "                     \"card\",\"ledger\",\"nonce\",\"entry\",\"answer\"}\n"
     "  reject ID --hash H --reason TEXT --sign KEY ...   the same for a rejection\n"
     "  leases             who owns which deployment, for how long yet, which step is under way, and maintenance. --json: {\"leases\":[\n"
     "                     {\"deployment\",\"id\",\"owner\",\"host\",\"pid\",\"epoch\",\"until\",\"over\",\"program\",\"open\",\"maintenance\"}]}\n"
     "  take-over DEPLOYMENT --proven-dead REASON [--sign KEY] [--as NAME]\n"
     "                     a person's word that an owner is dead which left a step of class C or X open; without it such a deployment\n"
     "                     is never taken over. It is about that very owner, epoch and step, goes on the record of whoever takes over,\n"
     "                     and is signed where approvals are (--sign KEY, else the config's signing_key). Be sure: MongoDB checks\n"
     "                     no epochs, and a command that was on its way may still arrive\n"
     "  maintenance DEPLOYMENT (on --until T --reason TEXT | off) [--as NAME]\n"
     "                     until T (30m, 2h, 1d from now, or a moment; 30 days at most) it is watched and nothing is executed, but\n"
     "                     what takes something back is\n\n"
     "Exit status: 0 done, all is well, or it waits for its owner; 1 held or refused, an owner that lives, no step left open; 2 bad usage;\n"
     "3 the store is away, or no host has made it yet; 4 the owner refused it; 5 the ledger cannot be written.\n",
     sb_cmd_store},
    {"sim", "[--server-version V] [--scenario NAME|PATH] [--seed N] [--speed N] [--members N] [--shards N] [--port P] [--tls-certificate FILE [--tls-ca FILE]] [--auth-file FILE] [--fleet N [--refuse N] [--hang N] [--lie N] [--slow N] [--faults-after SECONDS] [--write-config DIR]]", "the simulated replica set (or sharded cluster) alone, for any MongoDB client",
     "Three members, or as many as are asked for, on loopback ports that speak the MongoDB wire protocol, with a shop's clients\n"
     "at work. The first line "
     "on stdout is JSON: {\"uri\",\"set\",\"members\":[],\"scenario\",\"seed\",\"speed\",\"pid\"}; of a cluster \"members\" is its mongos and\n"
     "\"shards\" has each shard's members. Runs until a signal ends it.\n\n"
     "  --scenario NAME|PATH  what happens; a name of --list, or a file (its format: tests/scenarios). Default slow-orders\n"
     "  --list                the built-in scenarios\n"
     "  --seed N              the same seed, the same history. Default 1\n"
     "  --speed N             simulated seconds in a real one, 1 to 1000. Default 1\n"
     "  --server-version V    5.0, 6.0, 7.0 or 8.0: whose fields, log lines and wire version it has. Default 5.0\n"
     "  --members N           1 to 5. Default: what the scenario says, or 3\n"
     "  --shards N            a cluster: a mongos and 1 to 4 shards with so many members each. Default: what the scenario says (two-shards\n"
     "                        has two); of a scenario without sharded collections all lie on the first shard\n"
     "  --port P              the first member's (or the mongos') port; the others follow. Default: any free ones\n"
     "  --start TIME          where simulated time begins. Default: now\n"
     "  --incarnation HEX     32 digits: which deployment this is. Default: another one at each start\n"
     "  --tls-certificate FILE  clients must speak TLS; a PEM file with the certificate of 127.0.0.1 and its key\n"
     "  --tls-ca FILE         and must show a certificate that this CA (a PEM file) has signed\n"
     "  --auth-file FILE      not with --shards: clients must log in by SCRAM-SHA-256. A file (mode 600) of accounts, in lines: account NAME [DATABASE],\n"
     "                        set password PASSWORD, set roles ROLE... of clusterMonitor, readAnyDatabase, readWriteAnyDatabase,\n"
     "                        dbAdminAnyDatabase and root\n"
     "  --fleet N             in place of a set: N sets (1 to 1,000) of --members (1 to 7; default 5) that answer only what a monitor\n"
     "                        asks (hello, serverStatus, replSetGetStatus, buildInfo, ping), and hold no data. The first line is then\n"
     "                        {\"members\",\"sets\":[{\"set\",\"uri\"}],\"faults\":{\"refuses\":[],\"hangs\":[],\"lies\":[],\"slow\":[]},\"seed\",\"pid\"}\n"
     "    --refuse N, --hang N, --lie N, --slow N  how many of its members take no connection; take them and never answer; say\n"
     "                        that they are of another set; answer with reads that take twenty times as long. The seed says which\n"
     "    --faults-after SECONDS  until then all are well. Default 0\n"
     "    --write-config DIR  makes DIR/signalbox/config and its files of connection strings, for XDG_CONFIG_HOME=DIR signalbox fleet\n\n"
     "Exit status: 0 ended by a signal; 2 a wrong option, a broken scenario or file of accounts (file:line), a certificate that cannot\n"
     "be read, a port that is taken.\n",
     sb_cmd_sim},
    {"audit", "[--json] (verify [--full] | show ID | tail [-n N] [--follow] | export | checkpoint | prove N [M] | witness VERB | rebuild)", "the record: is it whole, and what does it tell",
     "  verify      computes everything anew from the entries and names the first one that is not what was recorded; also\n"
     "              compares references, checkpoints, witness and derived tables. --full looks at the file's structure too.\n"
     "              JSON: {\"ok\",\"entries\",\"root\",\"head\",\"first_bad\":{\"index\",\"what\"}}\n"
     "  show ID     a case (K-), a card (C-) or an anomaly (A-) from its beginning to its outcome\n"
     "  tail        the newest entries, 20 or N of them; --follow: and those that come\n"
     "  export      every entry, one a line, as the bytes that were hashed: leaf = SHA-256(0x00 || line without its newline),\n"
     "              prev = leaf of the line before, root = RFC 6962 over the leaves. --format cloudevents (1.0, JSON) or syslog\n"
     "              (RFC 5424) wraps each entry, with its number and leaf hash; --since T, --until T, --case K leave out others.\n"
     "              --format evidence [DIR...]: for an auditor, of each ledger a checkpoint signed now, what witnesses vouched\n"
     "              for with the proof that the checkpoint continues it, and each entry with the proof that it is in there;\n"
     "              checked from the keys alone, and what several hosts export may be put one behind the other.\n"
     "              --fleet DIR: every ledger of the shared store (set store) into an empty folder: the entries, the newest\n"
     "              checkpoint and what witnesses vouched for of each, and a report of what is whole; verify --fleet DIR looks\n"
     "              through such a folder anew, off line, with the keys that it holds, or those that you know (--logs,\n"
     "              --cosigners)\n"
     "  checkpoint  signs how many entries there are and their root with the ledger's key (a C2SP signed note), prints it and\n"
     "              keeps it beside the ledger; --key FILE: with your SSH key too (or the .pub of one in the agent)\n"
     "  prove N     that entry N is in the record, as JSON; prove N M: that the record of M entries was only appended to since\n"
     "              it had N; prove --check FILE: does such a proof hold (needs no ledger)\n"
     "  witness     hosts vouch for each other's records (C2SP tlog-witness, cosignature/v1). As a witness: \"key [--name NAME]\"\n"
     "              makes its key, or finds it, and prints the line for the others' file cosigners; \"answer\" reads one request\n"
     "              and prints its cosignature, or refuses: rolled back, forked, not proven, not signed, unknown; it knows the\n"
     "              ledgers whose checkpoint-key.pub stand in witness/logs beside its own ledger. As a ledger: \"request [NAME]\n"
     "              [--old N]\" signs a checkpoint and asks the witness to vouch for it, \"take [NAME]\" reads the answer and keeps\n"
     "              it; \"sync [FOLDER]\" does all of both over a folder that the hosts share, such as by rsync; without the\n"
     "              word it is the config's (set cosigned FOLDER)\n"
     "  rebuild     makes the derived tables anew; not while a signalbox owns the ledger, nor where an entry is bad\n\n"
     "  --ledger DIR    the folder with the ledger, such as a copy; without it the one in the state folder\n"
     "  --witness FILE  a copy of the newest checkpoint that is kept elsewhere: compared, and brought up by checkpoint.\n"
     "                  Without it the config's (set witness FILE), for the ledger in the state folder\n"
     "  --signers FILE  (verify) an allowed_signers file: approvals are signed by these, judged at the time of each. Without\n"
     "                  it the config's (set approval_signers FILE), else signatures are not judged; JSON: \"signatures\":\n"
     "                  {\"signed\",\"unsigned\",\"first_bad\"}\n"
     "  --cosigners FILE  (verify, witness, export) the keys of the witnesses whose word counts, one a line; without it the file\n"
     "                  cosigners beside the ledger, where there is one. Then verify says who vouched, until which size and when;\n"
     "                  JSON: \"cosigned\": [{\"witness\",\"state\",\"size\",\"at\",\"root\",\"what\"}], null without witnesses; state is none,\n"
     "                  agrees, ahead (of this clock: not counted), rolled_back, forked or unreadable\n"
     "  --cosigned FOLDER (verify, export) the folder the hosts share: a ledger put back from an old copy, or gone on from one,\n"
     "                  is found by what the witnesses say there. By itself an old copy with all that was beside it looks whole.\n"
     "                  Without it the config's (set cosigned FOLDER), for the ledger in the state folder\n"
     "  --logs FILE     (witness) keys of ledgers instead of witness/logs; (verify --fleet) those that count\n"
     "  --quiet         no progress bar\n\n"
     "All but rebuild leave the ledger as it is, take no lock, and may be used while a signalbox goes on writing.\n"
     "Exit status: 0 done, and whole; 1 the record is broken, not what was witnessed, or cannot be read, a proof does not hold, or a\n"
     "witness refuses; 2 bad usage, no ledger, no such ID, a malformed request; 5 (rebuild) the ledger cannot be written.\n",
     sb_cmd_audit},
    {"policy", "[--json] [--policy NAME|PATH] (lint | test | eval INPUT | explain DECISION | levels | restore KIND | replay --candidate F)", "policy as code: checked, tested, asked, explained",
     "  lint              what is probably a mistake: facts that do not exist, conditions that are never true, rules that\n"
     "                    never decide, overdue reviews; one a line, with file:line:column\n"
     "  test              the bundle's own tests, what they cover, and whether they notice a rule left out or a condition\n"
     "                    turned round\n"
     "  eval INPUT        decides about a decision input (a JSON file, - for standard input) and prints the verdict as JSON\n"
     "  explain DECISION  a decision of the ledger (d-000812): its rules with the values they saw, what would have changed it,\n"
     "                    and whether it comes out the same again\n"
     "  levels            how much is done without being asked, for each kind of action and environment: what the bundle grants,\n"
     "                    and what the program has taken back from itself because of what came of its proposals, or because\n"
     "                    too many alarms of one rule were noise; at L0 what is proposed is advice that nobody can approve\n"
     "  restore KIND      a signed decision that one kind of action (index.create), or one rule of alarms (alarm.ns.read_latency_us),\n"
     "                    that stands lowered comes back as granted; what came of it before counts no more. Signed by a key that\n"
     "                    may sign bundles (set policy_signers), checked and recorded by the owner of the ledger\n"
     "  replay            every recorded decision under another bundle: what it would newly deny and newly permit, where it\n"
     "                    would ask for more, and what it could not decide\n\n"
     "  --policy    default, strict-prod, training, or a file; without it the config's, else default\n"
     "              (levels: what the ledger says is in force)\n"
     "  --ledger    (explain, levels, replay) the folder with the ledger\n"
     "  --candidate (replay) that other bundle: a name or a file    --since T  decisions since 90d, 12h, 2026-11-23 or a time\n"
     "  --reason TEXT, --sign KEY  (restore) why, and the private key's file, or the .pub of one in the agent; both are needed\n"
     "  --as NAME   (restore) who signs, as the file of signers has it; without it this user\n"
     "  --environment E, --deployment N  (restore) where it stands lowered in more than one place\n\n"
     "Exit status: 0 allowed, or allowed once what \"requires\" lists is there; 1 findings, a failed test, a mutant that no test\n"
     "notices, another verdict than the recorded one, a difference in replay, a record that cannot be read, nothing of this kind that stands lowered; 2 a\n"
     "bundle or an input is wrong (file:line:column), no ledger; 4 denied, or a signature that does not count.\n",
     sb_cmd_policy},
    {"version", "[--json]", "the program's version",
     "  --json    {\"version\"}\n",
     sb_cmd_version},
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
    if (!sb_told_unwritten())
        sb_usage_error("cannot write all of the results to standard output%s%s", errno ? ": " : "", errno ? strerrordesc_np(errno) : "");
    return status ? status : 1;
}
