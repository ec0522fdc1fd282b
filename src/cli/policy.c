/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy from a shell: a bundle looked at, tested, asked. */
#include "policy_explain.h"
#include "policy_levels.h"
#include "policy_replay.h"
#include "policy_restore.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/policy/lint.h>
#include <signalbox/policy/test.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_INPUT (1 << 20)

struct args {
    bool json;
    const char *policy, *ledger, *candidate, *since;
    struct sb_restore restore;
};

/* A bundle with the text it came from. */
struct bundle {
    struct sb_str text;
    char *path;
    struct sb_policy *policy;
};

static void bundle_release(struct bundle *b)
{
    sb_policy_free(b->policy);
    sb_str_release(&b->text);
    free(b->path);
}

/* The config's choice, where the command line has none. A wrong line about policy stops the program here as everywhere. */
static int bundle_name(const struct args *a, char **out, struct sb_err *err)
{
    struct sb_config config = {0};
    if (a->policy)
        return sb_str_set(out, a->policy) ? sb_fail_nomem(err) : 0;
    int rc = sb_config_use(&config, NULL, err);
    if (rc == 0 && sb_str_set(out, config.policy ? config.policy : "default"))
        rc = sb_fail_nomem(err);
    sb_config_release(&config);
    return rc;
}

static int bundle_load(struct bundle *b, const struct args *a, struct sb_err *err)
{
    const char *path;
    memset(b, 0, sizeof *b);
    sb_str_init(&b->text);
    if (bundle_name(a, &b->path, err) || sb_policy_text_of(b->path, &b->text, &path, err) ||
        !(b->policy = sb_policy_load(b->text.p, b->text.len, b->path, &sb_zones_of_system, err))) {
        if (err->code == SB_EIO)
            err->code = SB_EINPUT; /* the name on the command line, or in the config, is the mistake */
        bundle_release(b);
        return -1;
    }
    return 0;
}

static int printed(int rc, struct sb_err *err)
{
    return rc ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

/* ---- lint ---- */

static int lint(const struct args *a, struct sb_err *err)
{
    struct bundle b;
    struct sb_lint found;
    struct sb_origin origin;
    char today[SB_TIME_LEN + 1];
    if (bundle_load(&b, a, err))
        return -1;
    sb_origin_system(&origin);
    sb_time_format(today, sb_origin_wall_ms(&origin));
    today[10] = '\0';
    int rc = sb_policy_lint(b.policy, b.text.p, b.text.len, today, &found, err);
    if (rc == 0 && a->json) {
        json_t *out = json_pack("{s:b,s:s,s:o}", "ok", found.findings_n == 0, "path", b.path, "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(b.policy)));
        if (!out || json_object_update_new(out, sb_record_to_json(&sb_lint_schema, &found))) {
            json_decref(out);
            out = NULL;
        }
        rc = printed(sb_print_json(out), err);
    } else if (rc == 0) {
        for (size_t i = 0; i < found.findings_n; i++) {
            const struct sb_lint_finding *f = &found.findings[i];
            sb_print("%s:%" PRId64 ":%" PRId64 ": %s%s%s\n", b.path, f->line, f->column, f->rule ? f->rule : "", f->rule ? ": " : "", f->what);
        }
        rc = printed(found.findings_n ? 0 : sb_print("%s: %s %s, nothing to say\n", b.path, sb_policy_id(b.policy)->bundle, sb_policy_id(b.policy)->version), err);
    }
    if (rc == 0 && found.findings_n)
        rc = 1;
    if (rc >= 0)
        sb_record_release(&sb_lint_schema, &found);
    bundle_release(&b);
    return rc;
}

/* ---- test ---- */

static void print_lines(const char *before, char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_print("%s%s\n", before, lines[i]);
}

static int print_report(const struct sb_policy *p, const struct sb_policy_report *r)
{
    const struct sb_bundle_id *id = sb_policy_id(p);
    print_lines("FAIL      ", r->failures, r->failures_n);
    print_lines("gap       ", r->gaps, r->gaps_n);
    print_lines("survivor  ", r->survivors, r->survivors_n);
    sb_print("%s %s (%.12s)\n  tests       %" PRId64 " of %" PRId64 " pass\n", id->bundle, id->version, id->sha256, r->tests - r->failed, r->tests);
    sb_print("  rules       %" PRId64 ": seen true %" PRId64 ", seen false %" PRId64 "\n", r->rules, r->rules_true, r->rules_false);
    sb_print("  conditions  %" PRId64 ": seen true %" PRId64 ", seen false %" PRId64 "\n", r->conditions, r->conditions_true, r->conditions_false);
    if (r->failed)
        return sb_print("  mutants     not tried while a test fails\n");
    return sb_print("  mutants     %" PRId64 " of %" PRId64 " are noticed\n", r->caught, r->mutants);
}

static int test(const struct args *a, struct sb_err *err)
{
    struct bundle b;
    struct sb_policy_report r;
    if (bundle_load(&b, a, err))
        return -1;
    int rc = sb_policy_test(b.policy, &r, err);
    if (rc == 0) {
        bool ok = sb_policy_report_ok(&r) && r.tests > 0;
        if (a->json) {
            json_t *out = json_pack("{s:b,s:o}", "ok", ok, "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(b.policy)));
            if (!out || json_object_update_new(out, sb_record_to_json(&sb_policy_report_schema, &r))) {
                json_decref(out);
                out = NULL;
            }
            rc = printed(sb_print_json(out), err);
        } else {
            rc = printed(print_report(b.policy, &r), err);
            if (r.tests == 0)
                sb_print("  no tests: nothing was shown\n");
        }
        sb_record_release(&sb_policy_report_schema, &r);
        if (rc == 0 && !ok)
            rc = 1;
    }
    bundle_release(&b);
    return rc;
}

/* ---- eval ---- */

static int read_stdin(struct sb_str *out, struct sb_err *err)
{
    char buf[16384];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sb_fail_errno(err, errno, "cannot read standard input");
        if (n == 0)
            return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
        if (out->len + (size_t)n > MAX_INPUT)
            return sb_fail(err, SB_EINPUT, "a decision input has at most %d bytes", MAX_INPUT);
        sb_str_add(out, buf, (size_t)n);
    }
}

static json_t *read_input(const char *path, struct sb_err *err)
{
    struct sb_str text;
    json_t *input = NULL;
    bool standard = sb_streq(path, "-");
    sb_str_init(&text);
    if ((standard ? read_stdin(&text, err) : sb_file_read(path, MAX_INPUT, &text, err)) == 0)
        input = sb_json_parse(text.p, text.len, standard ? "standard input" : path, SB_JSON_STRICT, err);
    else if (err->code == SB_EIO)
        err->code = SB_EINPUT;
    sb_str_release(&text);
    return input;
}

static int eval(const struct args *a, const char *path, struct sb_err *err)
{
    struct bundle b;
    struct sb_policy_verdict v;
    if (bundle_load(&b, a, err))
        return -1;
    json_t *input = read_input(path, err);
    if (input && !json_is_object(input)) {
        sb_fail(err, SB_EINPUT, "%s: a decision input is an object, as under \"inputs\" of a bundle", sb_streq(path, "-") ? "standard input" : path);
        json_decref(input);
        input = NULL;
    }
    int rc = input && sb_policy_freeze(b.policy, input, err) == 0 ? sb_policy_evaluate(b.policy, input, &v, err) : -1;
    if (rc == 0) {
        rc = printed(sb_print_json(sb_record_to_json(&sb_policy_verdict_schema, &v)), err);
        if (rc == 0 && v.decision == SB_DENY)
            rc = sb_exit_status(SB_EPOLICY);
        sb_policy_verdict_release(&v);
    }
    json_decref(input);
    bundle_release(&b);
    return rc;
}

/* ---- levels ---- */

static int levels(const struct args *a, struct sb_err *err)
{
    struct bundle b;
    struct sb_str dir;
    sb_str_init(&dir);
    if (bundle_load(&b, a, err))
        return -1;
    /* a folder that was named is expected to hold a ledger; in the state folder there need not be one yet */
    int rc = (a->ledger ? sb_ledger_find(a->ledger, err) : sb_path_state_seen(&dir, err)) == 0 ? sb_policy_levels_command(b.policy, a->policy != NULL, a->ledger ? a->ledger : dir.p, a->json, err) : -1;
    if (rc < 0 && err->code == SB_ELEDGER)
        err->code = SB_ENO; /* nothing was to be written: the record is broken, or of another program */
    sb_str_release(&dir);
    bundle_release(&b);
    return rc;
}

/* ---- restore ---- */

static int restore(const struct args *a, const char *kind, struct sb_err *err)
{
    struct bundle b;
    struct sb_restore r = a->restore;
    struct sb_str dir;
    sb_str_init(&dir);
    if (bundle_load(&b, a, err))
        return -1;
    r.what.kind = kind;
    r.json = a->json;
    int rc = sb_path_state_seen(&dir, err) ? -1 : sb_policy_restore_command(b.policy, a->policy != NULL, dir.p, &r, err);
    sb_str_release(&dir);
    bundle_release(&b);
    return rc;
}

/* ---- the command ---- */

int sb_cmd_policy(int argc, char **argv)
{
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL}, {"--policy", NULL, &a.policy}, {"--ledger", NULL, &a.ledger}, {"--candidate", NULL, &a.candidate},
                                        {"--since", NULL, &a.since}, {"--environment", NULL, &a.restore.what.environment}, {"--deployment", NULL, &a.restore.what.deployment},
                                        {"--reason", NULL, &a.restore.reason}, {"--sign", NULL, &a.restore.key}, {"--as", NULL, &a.restore.by}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    const char *verb = words > 0 ? argv[1] : "", *what = words > 1 ? argv[2] : NULL;
    struct sb_err err = SB_ERR_INIT;
    int rc;
    if (words == 1 && sb_streq(verb, "lint"))
        rc = lint(&a, &err);
    else if (words == 1 && sb_streq(verb, "test"))
        rc = test(&a, &err);
    else if (words == 1 && sb_streq(verb, "levels"))
        rc = levels(&a, &err);
    else if (words == 2 && sb_streq(verb, "restore"))
        rc = restore(&a, what, &err);
    else if (words == 2 && sb_streq(verb, "eval"))
        rc = eval(&a, what, &err);
    else if (words == 2 && sb_streq(verb, "explain"))
        rc = a.policy ? sb_fail(&err, SB_EUSAGE, "explain tells what was decided under the policy of that time; --policy has no say in it")
                      : sb_policy_explain_command(what, a.ledger, a.json, &err);
    else if (words == 1 && sb_streq(verb, "replay") && a.candidate)
        rc = sb_policy_replay_command(a.candidate, a.since, a.ledger, a.json, &err);
    else if (words == 1 && sb_streq(verb, "replay"))
        return sb_usage_error("policy replay wants --candidate NAME|PATH: the bundle to ask again");
    else if (words == 2 && (sb_streq(verb, "lint") || sb_streq(verb, "test")))
        return sb_usage_error("policy %s takes no further word; a bundle is named before it: signalbox policy --policy %s %s", verb, what, verb);
    else
        return sb_usage_error("policy takes one of: lint, test, eval INPUT, explain DECISION, levels, restore KIND, replay --candidate F (see: signalbox help policy)");
    return rc < 0 ? sb_complain(&err) : rc;
}
