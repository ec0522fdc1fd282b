/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include "descriptors.h"
#include "sim_fleet.h"
#include "simulator.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/embed.h>
#include <signalbox/sim/accounts.h>
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/server.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SCENARIO (1 << 20)
#define MAX_SPEED 1000
#define MAX_ACCOUNTS (1 << 16)
#define FOLDER "tests/scenarios/"
#define ENDING ".scenario"

const char *sb_scenario_built_in(const char *name, char path[256], size_t *len)
{
    snprintf(path, 256, FOLDER "%s" ENDING, name);
    return strchr(name, '/') ? NULL : sb_embedded(path, len);
}

bool sb_scenario_next(size_t *i, char name[128])
{
    const char *path;
    while ((path = sb_embedded_name((*i)++))) {
        if (!sb_starts_with(path, FOLDER))
            continue;
        snprintf(name, 128, "%.*s", (int)(strlen(path) - strlen(FOLDER) - strlen(ENDING)), path + strlen(FOLDER));
        return true;
    }
    return false;
}

/* A built-in scenario by name, or a file by a path with a slash in it. */
static struct sim_scenario *read_scenario(const char *name, struct sb_err *err)
{
    struct sim_scenario *sc = NULL;
    struct sb_str text;
    char built_in[256];
    size_t len;
    sb_str_init(&text);
    const char *bytes = sb_scenario_built_in(name, built_in, &len);
    if (bytes) {
        sc = sim_scenario_parse(bytes, len, built_in, name, err);
    } else if (!strchr(name, '/')) {
        sb_fail(err, SB_EUSAGE, "there is no scenario \"%s\" (see: signalbox sim --list; a file is named by a path, as ./%s)", name, name);
    } else if (sb_file_read_named(name, MAX_SCENARIO, &text, err) == 0) {
        const char *base = strrchr(name, '/') + 1;
        sc = sim_scenario_parse(text.p, text.len, name, base, err);
    }
    sb_str_release(&text);
    return sc;
}

static int list_scenarios(struct sb_err *err)
{
    char name[128];
    for (size_t i = 0; sb_scenario_next(&i, name);) {
        struct sim_scenario *sc = read_scenario(name, err);
        if (!sc)
            return -1;
        sb_print("  %-20s %s\n", name, sc->title ? sc->title : "");
        sim_scenario_free(sc);
    }
    return 0;
}

static json_t *members_of(const struct sim *s)
{
    json_t *members = json_array();
    for (int i = 0; members && i < s->members; i++)
        json_array_append_new(members, json_string(s->member[i].name));
    return members;
}

/* The one line that tells a program where to connect. */
static int tell_ready(struct sim_server *v, const struct sim_server_options *o, struct sb_err *err)
{
    struct sim *s = sim_server_set(v);
    struct sb_str uri;
    sb_str_init(&uri);
    sim_server_uri(v, &uri);
    const struct sim_cluster *c = sim_server_cluster(v);
    json_t *line = json_pack("{s:s, s:s, s:o, s:s, s:I, s:f, s:i}", "uri", uri.p, "set", c ? "" : SIM_SET_NAME, "members", members_of(s), "scenario", s->scenario, "seed",
                             (json_int_t)o->seed, "speed", o->speed, "pid", (int)getpid());
    json_t *shards = c ? json_object() : NULL;
    for (int i = 0; shards && i < c->shards; i++)
        json_object_set_new(shards, c->shard[i]->set_name, members_of(c->shard[i]));
    if (shards)
        json_object_set_new(line, "shards", shards);
    int rc = sb_str_ok(&uri) && sb_print_json(line) == 0 && fflush(stdout) == 0 ? 0 : -1;
    sb_str_release(&uri);
    return rc ? sb_fail(err, SB_EIO, "cannot say where the simulator listens: standard output is closed") : 0;
}

int sb_sim_begin(struct sb_err *err)
{
    sb_want_descriptors();
    signal(SIGPIPE, SIG_IGN); /* libssl writes to sockets whose client may have gone */
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    int stop = signalfd(-1, &wanted, SFD_CLOEXEC);
    return stop < 0 ? sb_fail(err, SB_EIO, "cannot receive signals") : stop;
}

static int run(const struct sim_server_options *o, struct sb_err *err)
{
    int stop = sb_sim_begin(err);
    if (stop < 0)
        return -1;
    struct sim_server *v = sim_server_new(o, err);
    int rc = v && tell_ready(v, o, err) == 0 && sim_server_run(v, stop, err) == 0 ? 0 : -1;
    sim_server_free(v);
    close(stop);
    return rc;
}

/* ---- who may connect ---- */

struct guards {
    const char *certificate, *ca, *accounts_file;
    struct sim_tls *tls;
    struct sim_accounts *accounts;
};

static int read_accounts(struct guards *g, struct sb_err *err)
{
    struct stat st;
    struct sb_str text;
    if (stat(g->accounts_file, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
        return sb_fail(err, SB_EUSAGE, "%s holds passwords and others may read it; run: chmod 600 %s", g->accounts_file, g->accounts_file);
    sb_str_init(&text);
    if (sb_file_read_named(g->accounts_file, MAX_ACCOUNTS, &text, err) == 0)
        g->accounts = sim_accounts_parse(text.p, text.len, g->accounts_file, err);
    explicit_bzero(text.p, text.len);
    sb_str_release(&text);
    return g->accounts ? 0 : -1;
}

static int guard(struct guards *g, struct sim_server_options *o, struct sb_err *err)
{
    if (g->ca && !g->certificate)
        return sb_fail(err, SB_EUSAGE, "sim: --tls-ca goes with --tls-certificate");
    if (g->certificate && !(g->tls = sim_tls_new(g->certificate, g->ca, err)))
        return -1;
    if (g->accounts_file && read_accounts(g, err))
        return -1;
    o->tls = g->tls;
    o->accounts = g->accounts;
    return 0;
}

static void release_guards(struct guards *g)
{
    sim_tls_free(g->tls);
    sim_accounts_free(g->accounts);
}

int sb_simulation_check(const struct sb_simulation *s, struct sb_err *err)
{
    int release[3];
    if (s->version && !sim_version(s->version, release))
        return sb_fail(err, SB_EUSAGE, "--server-version is 5.0, 6.0, 7.0 or 8.0, not \"%s\"", s->version);
    struct sim_scenario *sc = s->scenario ? read_scenario(s->scenario, err) : NULL;
    bool wrong = s->scenario && !sc;
    sim_scenario_free(sc);
    return wrong ? -1 : 0;
}

int sb_cmd_sim(int argc, char **argv)
{
    const char *scenario = "slow-orders", *seed = NULL, *speed = NULL, *members = NULL, *port = NULL, *start = NULL, *incarnation = NULL, *version = "5.0", *shards = NULL;
    struct guards guards = {0};
    struct sb_sim_fleet fleet = {0};
    bool list = false;
    const struct sb_option options[] = {{"--scenario", NULL, &scenario}, {"--seed", NULL, &seed},   {"--speed", NULL, &speed}, {"--members", NULL, &members},
                                        {"--port", NULL, &port},         {"--start", NULL, &start}, {"--incarnation", NULL, &incarnation}, {"--list", &list, NULL},
                                        {"--server-version", NULL, &version}, {"--tls-certificate", NULL, &guards.certificate},
                                        {"--tls-ca", NULL, &guards.ca}, {"--shards", NULL, &shards}, {"--auth-file", NULL, &guards.accounts_file},
                                        {"--fleet", NULL, &fleet.sets}, {"--refuse", NULL, &fleet.refuse}, {"--hang", NULL, &fleet.hang}, {"--lie", NULL, &fleet.lie},
                                        {"--slow", NULL, &fleet.slow}, {"--faults-after", NULL, &fleet.faults_after}, {"--write-config", NULL, &fleet.write_config}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("sim takes no other words (see: signalbox help sim)");
    struct sb_err err = SB_ERR_INIT;
    if (list)
        return list_scenarios(&err) ? sb_complain(&err) : 0;
    fleet.members = members;
    fleet.seed = seed;
    if (fleet.sets && (speed || port || start || incarnation || shards || guards.certificate || guards.ca || guards.accounts_file))
        return sb_usage_error("sim: with --fleet go --members, --seed, --refuse, --hang, --lie, --slow, --faults-after and --write-config, and nothing else");
    if (fleet.sets)
        return sb_sim_fleet(&fleet);
    if (fleet.refuse || fleet.hang || fleet.lie || fleet.slow || fleet.faults_after || fleet.write_config)
        return sb_usage_error("sim: --refuse, --hang, --lie, --slow, --faults-after and --write-config go with --fleet");
    struct sb_origin origin;
    sb_origin_system(&origin);
    int64_t seed_n = 1, speed_n = 1, members_n = 0, shards_n = 0, port_n = 0, start_ms = sb_origin_wall_ms(&origin);
    if (sb_option_number("sim", "--seed", seed, 0, INT64_MAX, &seed_n) || sb_option_number("sim", "--speed", speed, 1, MAX_SPEED, &speed_n) ||
        sb_option_number("sim", "--members", members, 1, SIM_MEMBERS_MAX, &members_n) || sb_option_number("sim", "--port", port, 1, 65536 - SIM_CLUSTER_PORTS, &port_n) ||
        sb_option_number("sim", "--shards", shards, 1, SIM_SHARDS_MAX, &shards_n))
        return 2;
    if (start && sb_time_parse(start, strlen(start), &start_ms))
        return sb_usage_error("sim: --start takes a time, as 2026-01-05T09:00:00Z, not \"%s\"", start);
    int release[3];
    if (!sim_version(version, release))
        return sb_usage_error("sim: --server-version is 5.0, 6.0, 7.0 or 8.0, not \"%s\"", version);
    char nonce[33]; /* each start is a deployment of its own, unless the caller knows better */
    if (incarnation && (strspn(incarnation, "0123456789abcdef") != 32 || incarnation[32]))
        return sb_usage_error("sim: --incarnation takes 32 hexadecimal digits, not \"%s\"", incarnation);
    if (!incarnation && sb_origin_nonce(&origin, nonce, &err))
        return sb_complain(&err);
    struct sim_scenario *sc = read_scenario(scenario, &err);
    if (!sc)
        return sb_complain(&err);
    if (!members_n)
        members_n = sc->members ? sc->members : SIM_MEMBERS;
    if (!shards_n)
        shards_n = sc->shards;
    if (shards_n && guards.accounts_file) {
        sim_scenario_free(sc);
        return sb_usage_error("sim: --auth-file goes with a replica set: a cluster that is simulated asks for no login");
    }
    struct sim_server_options o = {.scenario = sc, .seed = (uint64_t)seed_n, .speed = (double)speed_n, .start_ms = start_ms, .members = (int)members_n, .shards = (int)shards_n,
                                   .port = (int)port_n, .incarnation = incarnation ? incarnation : nonce};
    memcpy(o.version, release, sizeof release);
    int rc = guard(&guards, &o, &err) || run(&o, &err) ? -1 : 0;
    release_guards(&guards);
    sim_scenario_free(sc);
    return rc ? sb_complain(&err) : 0;
}
