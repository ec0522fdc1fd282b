/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/console.h>
#include <signalbox/cli/tour.h>
#include <signalbox/ledger/verify.h>

#include <inttypes.h>
#include <unistd.h>

#define SPEED 20
#define MAX_SPEED 1000

/* What the record says of itself after the tour. */
static int tell_audit(struct sb_err *err)
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
    sb_print("\n== Audit\n%s: %" PRId64 " entries, root %s\nThe whole case: signalbox audit show CASE; the check again: signalbox audit verify\n",
             v.ok ? "ok" : v.what, v.entries, root);
    return v.ok ? 0 : sb_fail(err, SB_ENO, "the ledger is broken: %s", v.what);
}

int sb_cmd_demo(int argc, char **argv)
{
    bool tour = false;
    const char *scenario = NULL, *seed = NULL, *speed = NULL, *policy = NULL, *theme = NULL, *keymap = NULL, *version = NULL;
    const struct sb_option options[] = {{"--tour", &tour, NULL},     {"--scenario", NULL, &scenario}, {"--seed", NULL, &seed}, {"--speed", NULL, &speed},
                                        {"--policy", NULL, &policy}, {"--theme", NULL, &theme},       {"--keymap", NULL, &keymap},
                                        {"--server-version", NULL, &version}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("demo takes no other words (see: signalbox help demo)");
    struct sb_simulation sim = {.scenario = scenario, .seed = 1, .speed = SPEED, .seeded = seed != NULL, .version = version};
    if (sb_option_number("demo", "--seed", seed, 0, INT64_MAX, &sim.seed) || sb_option_number("demo", "--speed", speed, 1, MAX_SPEED, &sim.speed))
        return 2;
    struct sb_err err = SB_ERR_INIT;
    struct sb_session_options o = {.simulation = &sim, .policy = policy};
    if (!tour && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return sb_console_run(&(struct sb_console_options){.session = o, .theme = theme, .keymap = keymap});
    struct sb_session *s = sb_session_open(&o, &err);
    if (!s)
        return sb_complain(&err);
    int rc = sb_tour_run(s, &err);
    sb_session_close(s, "the tour is over", rc ? sb_exit_status(err.code) : 0);
    if (rc == 0)
        rc = tell_audit(&err);
    return rc ? sb_complain(&err) : 0;
}
