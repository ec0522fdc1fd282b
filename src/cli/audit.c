/* SPDX-License-Identifier: Apache-2.0
 *
 * The record from a shell. Everything but rebuild leaves the ledger as it is, without a lock, beside a signalbox that goes on writing. */
#include "audit.h"
#include "audit_fleet.h"
#include "audit_vouch.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/when.h>
#include <signalbox/cli/config.h>
#include <signalbox/ledger/verify.h>
#include <signalbox/mongo/server.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL_DEFAULT 20
#define FOLLOW_MS 500
#define LEDGERS_MAX 64 /* in one export */

struct args {
    bool json, full, follow, quiet;
    const char *fleet; /* the folder of an export of all ledgers */
    const char *count, *ledger, *format, *since, *until, *case_id, *key, *check, *signers, *logs, *cosigners, *cosigned, *old, *name;
    const char *dir;     /* of the ledger */
    const char *witness; /* a copy of the newest checkpoint, elsewhere; NULL: there is none */
    char **more;         /* the words behind the verb */
    int more_n;
};

json_t *sb_audit_hash_json(const struct sb_hash *hash)
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, hash->bytes, SB_HASH_LEN);
    return json_string(hex);
}

/* ---- stopping ---- */

static void mask_stop(int how)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(how, &stop, NULL);
}

void sb_audit_hold_stops(void)
{
    mask_stop(SIG_BLOCK);
}

void sb_audit_may_stop(void)
{
    mask_stop(SIG_UNBLOCK); /* one that waits is delivered here */
    mask_stop(SIG_BLOCK);
}

/* ---- tail ---- */

struct tail {
    bool json;
    int64_t next;
};

static int tail_json(const struct sb_entry *e)
{
    char at[SB_TIME_LEN + 1];
    struct sb_audit_row row;
    if (sb_entry_row(e, &row))
        return -1;
    sb_time_format(at, e->ts);
    json_t *line = json_pack("{s:I,s:s,s:s,s:s?,s:s?,s:s?,s:s?,s:b,s:s}", "seq", (json_int_t)e->seq, "at", at, "kind", row.kind, "actor", row.actor, "case", row.case_id,
                             "card", row.card, "deployment", e->plan.deployment, "simulated", e->plan.simulated, "text", row.text);
    sb_record_release(&sb_audit_row_schema, &row);
    return sb_print_json(line);
}

static int tail_one(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct tail *t = ctx;
    sb_audit_may_stop();
    t->next = e->seq + 1;
    if (!t->json)
        sb_audit_line(e);
    else if (tail_json(e))
        return sb_fail(err, SB_EIO, "cannot write");
    return ferror(stdout) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

static int tail(struct sb_ledger *l, const struct args *a, struct sb_err *err)
{
    int64_t n = TAIL_DEFAULT;
    if (a->count && (sb_parse_i64(a->count, &n) || n < 0))
        return sb_fail(err, SB_EUSAGE, "-n takes a number of entries, not \"%s\"", a->count);
    int64_t head = sb_ledger_head(l), from = n < head ? head - n + 1 : 1;
    struct tail t = {a->json, from};
    int rc = n ? sb_ledger_range(l, from, head, tail_one, &t, err) : 0;
    t.next = head + 1;
    while (rc == 0 && a->follow) {
        if (fflush(stdout))
            return sb_fail(err, SB_EIO, "cannot write");
        sb_audit_may_stop();
        nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
        rc = sb_ledger_range(l, t.next, 0, tail_one, &t, err);
    }
    return rc;
}

/* ---- export ---- */

static int read_export(const struct args *a, struct sb_audit_export *o, struct sb_err *err)
{
    static const char *const formats[] = {"jsonl", "cloudevents", "syslog", "evidence"};
    size_t format = 0;
    memset(o, 0, sizeof *o);
    o->case_id = a->case_id;
    while (a->format && format < SB_COUNT(formats) && !sb_streq(a->format, formats[format]))
        format++;
    if (format == SB_COUNT(formats))
        return sb_fail(err, SB_EUSAGE, "--format is jsonl, cloudevents, syslog or evidence, not \"%s\"", a->format);
    o->format = (enum sb_export_format)format;
    if ((a->since && sb_when(a->since, &o->since)) || (a->until && sb_when(a->until, &o->until)))
        return sb_fail(err, SB_EUSAGE, "--since and --until take a time: write 2026-11-23, 2026-11-23T09:05:10Z or 30d");
    if (a->since && a->until && o->since > o->until)
        return sb_fail(err, SB_EUSAGE, "--since %s is later than --until %s", a->since, a->until);
    return 0;
}

static int export_entries(struct sb_ledger *l, const struct args *a, struct sb_err *err)
{
    struct sb_audit_export o;
    return read_export(a, &o, err) ? -1 : sb_audit_export(l, &o, err);
}

/* The ledgers that are named, or the usual one. */
static int export_evidence(const struct args *a, struct sb_err *err)
{
    struct sb_audit_export o;
    int rc = read_export(a, &o, err);
    if (rc == 0 && a->more_n == 0)
        rc = sb_audit_evidence(&(struct sb_audit_vouching){a->dir, a->cosigners, a->cosigned}, a->witness, &o, err);
    for (int i = 0; rc == 0 && i < a->more_n; i++)
        rc = sb_audit_evidence(&(struct sb_audit_vouching){a->more[i], a->cosigners, a->cosigned}, NULL, &o, err);
    if (rc && err->code == SB_ELEDGER)
        err->code = SB_ENO;
    return rc;
}

/* ---- all ledgers of the shared store ---- */

static int export_fleet(const struct args *a, const struct sb_config *config, struct sb_err *err)
{
    char *own = sb_format("%s/cosigners", a->dir);
    const char *known = a->cosigners ? a->cosigners : own && access(own, F_OK) == 0 ? own : NULL;
    struct sb_audit_fleet f = {a->fleet, known, a->cosigned, NULL, a->json};
    sb_mongo_init();
    struct sb_store *s = own ? sb_store_at_hand(config, err) : NULL;
    int rc = s ? sb_audit_fleet_export(s, &f, err) : own ? -1 : sb_fail_nomem(err);
    sb_store_close(s);
    sb_mongo_cleanup();
    free(own);
    return rc;
}

static int fleet(const struct args *a, const char *verb, const struct sb_config *config, struct sb_err *err)
{
    if (sb_streq(verb, "export"))
        return export_fleet(a, config, err);
    return sb_audit_fleet_verify(&(struct sb_audit_fleet){a->fleet, a->cosigners, NULL, a->logs, a->json}, NULL, err);
}

/* ---- checkpoint ---- */

static int checkpoint(struct sb_ledger *l, const struct args *a, struct sb_err *err)
{
    struct sb_str note;
    struct sb_checkpoint c;
    sb_str_init(&note);
    int rc = sb_ledger_sign(l, a->key, &note, err);
    if (rc == 0)
        rc = sb_checkpoint_parse(&c, note.p, note.len, NULL, "the checkpoint", err);
    if (rc == 0 && a->json)
        rc = sb_print_json(json_pack("{s:s,s:I,s:o,s:s}", "log", c.log, "size", (json_int_t)c.size, "root", sb_audit_hash_json(&c.root), "note", note.p));
    else if (rc == 0)
        rc = sb_print("%s", note.p);
    if (rc && err->code == SB_OK)
        sb_fail(err, SB_EIO, "cannot write");
    sb_str_release(&note);
    return rc ? -1 : 0;
}

/* ---- rebuild ---- */

/* The derived tables are also a witness: they note which leaf each entry had. Where an entry is bad they stay. */
static int rebuild(const struct args *a, struct sb_err *err)
{
    struct sb_origin origin;
    struct sb_verify v;
    if (sb_ledger_find(a->dir, err))
        return -1;
    sb_origin_system(&origin);
    struct sb_ledger *l = sb_ledger_open_witnessed(a->dir, a->witness, SB_LEDGER_OWN, &origin, err);
    if (!l)
        return -1;
    int rc = sb_ledger_verify_against(a->dir, a->witness, 0, NULL, NULL, &v, err);
    if (rc == 0 && v.bad)
        rc = sb_fail(err, SB_ENO, "entry %" PRId64 " is bad: %s; the derived tables are left as they are, for they may tell what it was", v.bad, v.what);
    if (rc == 0)
        rc = sb_ledger_rebuild(l, err);
    sb_ledger_close(l);
    if (rc || sb_ledger_verify_against(a->dir, a->witness, 0, NULL, NULL, &v, err))
        return -1;
    if (!v.ok || v.derived != v.entries)
        return sb_fail(err, SB_ENO, "the derived tables could not be made anew: %s", v.ok ? "they cannot be written" : v.what);
    if (a->json)
        rc = sb_print_json(json_pack("{s:b,s:I}", "ok", 1, "entries", (json_int_t)v.entries));
    else
        rc = sb_print("the derived tables were made anew from %" PRId64 " entries, and agree with them\n", v.entries);
    return rc ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

/* ---- the command ---- */

/* What only reads. An error of the ledger is an answer here: the record is broken, or of another program. */
static int read_only(const struct args *a, const char *verb, const char *first, const char *second, struct sb_err *err)
{
    int rc = sb_ledger_find(a->dir, err);
    struct sb_ledger *l = rc ? NULL : sb_ledger_open_witnessed(a->dir, a->witness, SB_LEDGER_READ, NULL, err);
    if (!l)
        rc = -1;
    else if (sb_streq(verb, "show"))
        rc = sb_audit_show(l, first, a->json, err);
    else if (sb_streq(verb, "tail"))
        rc = tail(l, a, err);
    else if (sb_streq(verb, "prove"))
        rc = sb_audit_prove(l, first, second, err);
    else
        rc = sb_streq(verb, "checkpoint") ? checkpoint(l, a, err) : export_entries(l, a, err);
    sb_ledger_close(l);
    if (rc && err->code == SB_ELEDGER)
        err->code = SB_ENO;
    return rc;
}

static int run(const struct args *a, const struct sb_config *config, const char *verb, const char *first, const char *second, struct sb_err *err)
{
    if (sb_streq(verb, "rebuild"))
        return rebuild(a, err);
    if (a->check)
        return sb_audit_check_proof(a->check, a->json, err);
    sb_audit_hold_stops();
    if (a->fleet)
        return fleet(a, verb, config, err);
    if (sb_streq(verb, "witness")) {
        int rc = sb_audit_witness(&(struct sb_audit_witness){a->dir, a->witness, a->logs, a->cosigners, a->old, a->name, a->json}, first, second, err);
        if (rc < 0 && err->code == SB_ELEDGER)
            err->code = SB_ENO;
        return rc;
    }
    if (sb_streq(verb, "export") && sb_streq(a->format, "evidence"))
        return export_evidence(a, err);
    if (!sb_streq(verb, "verify"))
        return read_only(a, verb, first, second, err);
    int rc = sb_audit_verify(&(struct sb_audit_verify){a->dir, a->witness, a->signers, a->cosigners, a->cosigned, a->full, a->quiet, a->json}, err);
    if (rc < 0 && err->code == SB_ELEDGER)
        err->code = SB_ENO;
    return rc;
}

static bool fits(const char *verb, int words, const struct args *a)
{
    static const struct {
        const char *name;
        int least, most; /* words, its own among them */
    } verbs[] = {{"verify", 1, 1}, {"show", 2, 2}, {"tail", 1, 1}, {"export", 1, 1 + LEDGERS_MAX}, {"rebuild", 1, 1}, {"checkpoint", 1, 1}, {"prove", 2, 3}, {"witness", 2, 3}};
    bool known = false, evidence = sb_streq(verb, "export") && sb_streq(a->format, "evidence");
    if (a->fleet) { /* it is about all of them, and has a form of its own */
        bool export = sb_streq(verb, "export");
        return words == 1 && (export || sb_streq(verb, "verify")) && !(a->full || a->signers || a->format || a->since || a->until || a->case_id || a->ledger || a->witness) && !(export && a->logs) &&
               !(!export && a->cosigned);
    }
    for (size_t i = 0; verb && i < SB_COUNT(verbs); i++)
        known |= sb_streq(verbs[i].name, verb) && ((words >= verbs[i].least && words <= verbs[i].most) || (a->check && sb_streq(verb, "prove") && words == 1));
    return known && (!(a->full || a->signers) || sb_streq(verb, "verify")) && (!(a->follow || a->count) || sb_streq(verb, "tail")) &&
           (!(a->format || a->since || a->until || a->case_id) || sb_streq(verb, "export")) && (!a->key || sb_streq(verb, "checkpoint")) &&
           (!a->check || (sb_streq(verb, "prove") && words == 1)) && (!(a->logs || a->old || a->name) || sb_streq(verb, "witness")) &&
           (!a->cosigners || sb_streq(verb, "witness") || sb_streq(verb, "verify") || evidence) && (!a->cosigned || sb_streq(verb, "verify") || evidence) &&
           (!sb_streq(verb, "export") || words == 1 || (evidence && !a->ledger));
}

/* The witness, the signers and the shared folder of the config count for the ledger of the state folder only. */
static int find_witness(struct args *a, struct sb_config *config, struct sb_err *err)
{
    memset(config, 0, sizeof *config);
    if (a->ledger)
        return 0;
    int rc = sb_config_use(config, NULL, err);
    a->witness = a->witness ? a->witness : config->witness;
    a->signers = a->signers ? a->signers : config->approval_signers;
    a->cosigned = a->cosigned || a->more_n ? a->cosigned : config->cosigned;
    return rc;
}

int sb_cmd_audit(int argc, char **argv)
{
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL},   {"--full", &a.full, NULL}, {"--follow", &a.follow, NULL}, {"--quiet", &a.quiet, NULL},
                                        {"-n", NULL, &a.count},        {"--ledger", NULL, &a.ledger}, {"--format", NULL, &a.format},  {"--since", NULL, &a.since},
                                        {"--until", NULL, &a.until},   {"--case", NULL, &a.case_id},  {"--key", NULL, &a.key},        {"--check", NULL, &a.check},
                                        {"--witness", NULL, &a.witness}, {"--signers", NULL, &a.signers}, {"--logs", NULL, &a.logs},      {"--cosigners", NULL, &a.cosigners},
                                        {"--cosigned", NULL, &a.cosigned}, {"--old", NULL, &a.old},   {"--name", NULL, &a.name}, {"--fleet", NULL, &a.fleet}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (!fits(words > 0 ? argv[1] : NULL, words, &a))
        return sb_usage_error("audit takes one of: verify [--full], show CASE|CARD|ANOMALY, tail [-n N] [--follow], export, checkpoint, prove N [M], prove --check FILE, witness VERB, rebuild "
                              "(see: signalbox help audit)");
    struct sb_err err = SB_ERR_INIT;
    struct sb_config config;
    struct sb_str dir;
    sb_str_init(&dir);
    a.more = argv + 2;
    a.more_n = words - 1;
    int rc = find_witness(&a, &config, &err);
    if (rc == 0 && !a.ledger && (rc = sb_path_state_seen(&dir, &err)) && sb_streq(argv[1], "rebuild") && err.code != SB_EUSAGE)
        err.code = SB_ELEDGER; /* the others only read there */
    a.dir = a.ledger ? a.ledger : dir.p;
    const char *second = words > 2 ? argv[3] : words > 1 && sb_streq(argv[1], "witness") && sb_streq(argv[2], "sync") ? config.cosigned : NULL;
    if (rc == 0)
        rc = run(&a, &config, argv[1], words > 1 ? argv[2] : NULL, second, &err);
    sb_config_release(&config);
    sb_str_release(&dir);
    return rc < 0 ? sb_complain(&err) : rc;
}
