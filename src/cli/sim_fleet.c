/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_fleet.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/sim/fleet.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_SECONDS 1000000

static const char *const fault_names[SIM_FLEET_FAULTS] = {"refuses", "hangs", "lies", "slow"};

static void uri_of(const struct sim_fleet *f, int set, struct sb_str *out)
{
    char name[32];
    sim_fleet_set_name(name, set);
    sb_str_adds(out, "mongodb://");
    for (int i = 0; i < f->setup.members; i++)
        sb_str_addf(out, "%s127.0.0.1:%d", i ? "," : "", f->member[set * f->setup.members + i].port);
    sb_str_addf(out, "/?replicaSet=%s", name);
}

static json_t *sets_of(const struct sim_fleet *f)
{
    json_t *sets = json_array();
    for (int i = 0; sets && i < f->setup.sets; i++) {
        char name[32];
        struct sb_str uri;
        sim_fleet_set_name(name, i);
        sb_str_init(&uri);
        uri_of(f, i, &uri);
        json_array_append_new(sets, json_pack("{s:s, s:s}", "set", name, "uri", uri.p));
        sb_str_release(&uri);
    }
    return sets;
}

static json_t *faults_of(const struct sim_fleet *f)
{
    json_t *faults = json_object();
    for (int kind = 0; kind < SIM_FLEET_FAULTS; kind++) {
        json_t *list = json_array();
        for (int i = 0; i < f->n; i++)
            if ((int)f->member[i].fault == kind) {
                char host[32];
                snprintf(host, sizeof host, "127.0.0.1:%d", f->member[i].port);
                json_array_append_new(list, json_string(host));
            }
        json_object_set_new(faults, fault_names[kind], list);
    }
    return faults;
}

/* ---- a config that watches it ---- */

/* Never over a file that is there: it may be somebody's config. */
static int write_new(const char *path, const struct sb_str *text, struct sb_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sb_fail(err, SB_EUSAGE, "cannot make %s: %s", path, strerrordesc_np(errno));
    ssize_t n = sb_str_ok(text) ? write(fd, text->p, text->len) : -1;
    if (close(fd) || n != (ssize_t)text->len)
        return sb_fail_errno(err, errno, "cannot write %s", path);
    return 0;
}

static int write_set(const struct sim_fleet *f, int set, const char *folder, struct sb_str *config, struct sb_err *err)
{
    static const char *const environments[] = {"prod", "staging", "dev"};
    char name[32];
    struct sb_str uri;
    sim_fleet_set_name(name, set);
    char *path = sb_format("%s/%s.uri", folder, name);
    sb_str_init(&uri);
    uri_of(f, set, &uri);
    sb_str_addc(&uri, '\n');
    sb_str_addf(config, "deployment %s\nset uri_file \"%s\"\nset environment %s\n", name, path ? path : "", environments[set % 3]);
    int rc = path ? write_new(path, &uri, err) : sb_fail_nomem(err);
    free(path);
    sb_str_release(&uri);
    return rc;
}

static int write_config(const struct sim_fleet *f, const char *dir, struct sb_err *err)
{
    struct sb_str config;
    char *whole = realpath(dir, NULL), *folder = whole ? sb_format("%s/signalbox", whole) : NULL, *path = folder ? sb_format("%s/config", folder) : NULL;
    int rc = !whole ? sb_fail(err, SB_EUSAGE, "sim: --write-config %s: %s", dir, strerrordesc_np(errno)) : !path ? sb_fail_nomem(err) : 0;
    sb_str_init(&config);
    if (rc == 0 && mkdir(folder, 0700))
        rc = sb_fail(err, SB_EUSAGE, "cannot make %s: %s", folder, strerrordesc_np(errno));
    for (int i = 0; i < f->setup.sets && rc == 0; i++)
        rc = write_set(f, i, folder, &config, err);
    if (rc == 0)
        rc = write_new(path, &config, err);
    sb_str_release(&config);
    free(path);
    free(folder);
    free(whole);
    return rc;
}

/* ---- the command ---- */

static int tell_ready(const struct sim_fleet *f, struct sb_err *err)
{
    json_t *line = json_pack("{s:i, s:o, s:o, s:I, s:i}", "members", f->n, "sets", sets_of(f), "faults", faults_of(f), "seed", (json_int_t)f->setup.seed, "pid", (int)getpid());
    return line && sb_print_json(line) == 0 && fflush(stdout) == 0 ? 0 : sb_fail(err, SB_EIO, "cannot say where the simulator listens: standard output is closed");
}

static int run(const struct sim_fleet_setup *setup, int64_t faults_after_s, const char *dir, struct sb_err *err)
{
    int stop = sb_sim_begin(err);
    struct sim_fleet *f = stop < 0 ? NULL : sim_fleet_new(setup, err);
    struct sim_fleet_server *v = f ? sim_fleet_server_new(f, faults_after_s * 1000, err) : NULL;
    int rc = v && (!dir || write_config(f, dir, err) == 0) && tell_ready(f, err) == 0 && sim_fleet_server_run(v, stop, err) == 0 ? 0 : -1;
    sim_fleet_server_free(v);
    sim_fleet_free(f);
    if (stop >= 0)
        close(stop);
    return rc;
}

int sb_sim_fleet(const struct sb_sim_fleet *o)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t sets = 0, members = 5, seed = 1, after = 0, fault[SIM_FLEET_FAULTS] = {0};
    if (sb_option_number("sim", "--fleet", o->sets, 1, SIM_FLEET_SETS_MAX, &sets) || sb_option_number("sim", "--members", o->members, 1, SIM_FLEET_MEMBERS_MAX, &members) ||
        sb_option_number("sim", "--seed", o->seed, 0, INT64_MAX, &seed) || sb_option_number("sim", "--faults-after", o->faults_after, 0, MOST_SECONDS, &after))
        return 2;
    const char *const words[SIM_FLEET_FAULTS] = {o->refuse, o->hang, o->lie, o->slow}, *const names[SIM_FLEET_FAULTS] = {"--refuse", "--hang", "--lie", "--slow"};
    struct sim_fleet_setup setup = {.sets = (int)sets, .members = (int)members, .seed = (uint64_t)seed, .start_ms = sb_wall_ms()};
    int64_t all = 0;
    for (int i = 0; i < SIM_FLEET_FAULTS; i++) {
        if (sb_option_number("sim", names[i], words[i], 0, sets * members, &fault[i]))
            return 2;
        setup.faults[i] = (int)fault[i];
        all += fault[i];
    }
    if (all > sets * members)
        return sb_usage_error("sim: there are %d members, and a fault for each is the most", (int)(sets * members));
    return run(&setup, after, o->write_config, &err) ? sb_complain(&err) : 0;
}
