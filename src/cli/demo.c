/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise_run.h"
#include "simulator.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/console.h>
#include <signalbox/cli/tour.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/ledger/verify.h>

#include <inttypes.h>
#include <unistd.h>

#define SPEED 20
#define MAX_SPEED 100 /* beyond it a case is over between two samples */

/* What the record says of itself after the tour. */
static int tell_audit(const char *case_id, struct sb_err *err)
{
    struct sb_str dir;
    struct sb_verify v;
    char root[SB_HEX_LEN + 1];
    sb_str_init(&dir);
    int rc = sb_path_state(&dir, err) || sb_ledger_verify(dir.p, 0, NULL, NULL, &v, err) ? -1 : 0;
    sb_str_release(&dir);
    if (rc)
        return -1;
    sb_hex_encode(root, v.root.bytes, SB_HASH_LEN);
    sb_print("\n== Audit\n%s: %" PRId64 " entries, root %s\n", v.ok ? "ok" : v.what, v.entries, root);
    if (case_id)
        sb_print("The whole case: %s audit show %s\n", sb_program(), case_id);
    sb_print("The check again: %s audit verify\n", sb_program());
    return v.ok ? 0 : sb_fail(err, SB_ENO, "the ledger is broken: %s", v.what);
}

struct ending {
    struct sb_err err;
    char *case_id;
};

/* The ledger is closed: what it holds can be told, or why there is no case. */
static int tell_end(void *ctx, int status)
{
    struct ending *e = ctx;
    if (e->err.code == SB_OK && tell_audit(e->case_id, &e->err) == 0)
        return status;
    return sb_complain(&e->err);
}

/* A demo writes into the same ledger as everything else (its entries say that they are simulated), so it has to own it. */
static int ledger_is_free(struct sb_err *err)
{
    struct sb_str lock;
    struct sb_owner owner;
    sb_str_init(&lock);
    int rc = 0;
    bool named = sb_path_state_seen(&lock, NULL) == 0; /* where it cannot be used, the session says so */
    sb_str_adds(&lock, "/lock");
    if (named && sb_str_ok(&lock) && sb_lock_owner(lock.p, &owner, NULL) == 0 && owner.held)
        rc = sb_fail(err, SB_ELEDGER, "process %" PRId64 " owns this ledger (%s), and a demo wants one for itself. Beside it: XDG_STATE_HOME=$(mktemp -d) %s demo", owner.pid, lock.p,
                     sb_program());
    sb_str_release(&lock);
    return rc;
}

/* Of a scenario that was asked for by name: who only opens the demo is looking around. */
static int exercise_of(const struct sb_simulation *sim, struct exercise_run *run, struct sb_err *err)
{
    run->speed = sim->speed;
    return sim->scenario ? sb_exercise_load(sim->scenario, &run->x, err) : 0;
}

static int check_only(const struct exercise *x)
{
    if (!x->name)
        return sb_usage_error("demo: --check wants a --scenario");
    if (!x->level)
        return sb_usage_error("%s is a scenario and no exercise: it has no row that begins with exercise", x->name);
    return sb_exercise_print(x) ? 1 : 0;
}

int sb_cmd_demo(int argc, char **argv)
{
    bool tour = false, list = false, check = false, presenter = false, line = false;
    struct exercise_run run = {.speed = 1};
    const char *scenario = NULL, *seed = NULL, *speed = NULL, *policy = NULL, *theme = NULL, *keymap = NULL, *version = NULL;
    const struct sb_option options[] = {{"--tour", &tour, NULL}, {"--presenter", &presenter, NULL}, {"--line", &line, NULL}, {"--scenario", NULL, &scenario}, {"--seed", NULL, &seed}, {"--speed", NULL, &speed},
                                        {"--policy", NULL, &policy}, {"--theme", NULL, &theme},       {"--keymap", NULL, &keymap},
                                        {"--server-version", NULL, &version}, {"--list", &list, NULL}, {"--check", &check, NULL},
                                        {"--debrief", NULL, &run.debrief}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("demo takes no other words (see: signalbox help demo)");
    struct sb_simulation sim = {.scenario = scenario, .seed = 1, .speed = SPEED, .seeded = seed != NULL, .version = version};
    if (sb_option_number("demo", "--seed", seed, 0, INT64_MAX, &sim.seed) || sb_option_number("demo", "--speed", speed, 1, MAX_SPEED, &sim.speed))
        return 2;
    struct sb_err err = SB_ERR_INIT;
    if (list)
        return sb_exercise_list(&err) ? sb_complain(&err) : 0;
    if (sb_simulation_check(&sim, &err) || exercise_of(&sim, &run, &err))
        return sb_complain(&err);
    if (check || ledger_is_free(&err)) {
        int status = check ? check_only(&run.x) : sb_complain(&err);
        sb_exercise_release(&run.x);
        return status;
    }
    struct sb_session_options o = {.simulation = &sim, .policy = policy};
    if (!tour && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        int status = sb_console_run(&(struct sb_console_options){.session = o, .presenter = presenter, .line = line, .theme = theme, .keymap = keymap, .begun = run.x.level ? sb_exercise_begun : NULL, .ctx = &run});
        sb_exercise_release(&run.x);
        return status;
    }
    sb_exercise_release(&run.x); /* a tour is nobody's exercise */
    if (run.debrief)
        return sb_usage_error("demo: --debrief is of an exercise, which wants a terminal and a person at it");
    struct sb_session *s = sb_session_open(&o, &err);
    if (!s)
        return sb_complain(&err);
    struct ending end = {.err = SB_ERR_INIT};
    sb_tour_run(s, &end.case_id, &end.err);
    sb_session_last_word(s, tell_end, &end);
    sb_session_close(s, "the tour is over", 0);
    free(end.case_id);
    return sb_exit_status(end.err.code);
}
