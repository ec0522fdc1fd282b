/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.c - `signalbox fleet`: the members of every deployment in the config. */
#include "fleet.h"

#include "descriptors.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY_LEAST_MS 100
#define EVERY_MOST_MS 60000
#define ONCE_MS 20000  /* a member that hangs takes two seconds, and a few are asked at once */
#define GRACE_MS 2500  /* a lane may be waiting for a silent member */

/* ---- what is shown ---- */

bool sb_fleet_look_wants(struct sb_fleet_look *l, const struct sb_fleet_row *row)
{
    char text[900];
    if (l->only_wrong && (row->health == SB_FLEET_WELL || row->health == SB_FLEET_UNASKED))
        return false;
    if (!l->filter)
        return true;
    int n = snprintf(text, sizeof text, "%s %s %s %s %s %s", row->deployment, sb_name(&sb_environments, row->environment), row->name,
                     sb_name(&sb_fleet_healths, (int)row->health), row->role, row->why);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return (sb_matcher_match(l->filter, text, len) == 1) != l->without;
}

bool sb_fleet_look_wants_incident(struct sb_fleet_look *l, const struct sb_fleet_incident *i)
{
    char text[1200];
    if (!l->filter)
        return true;
    int n = snprintf(text, sizeof text, "%s %s %s %s %s", i->anomaly.id, i->deployment, sb_name(&sb_environments, i->environment), i->anomaly.title, i->anomaly.class_reason);
    return (sb_matcher_match(l->filter, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) == 1) != l->without;
}

static bool wanted(void *ctx, const struct sb_fleet_row *row)
{
    return sb_fleet_look_wants(ctx, row);
}

int sb_fleet_look_filter(struct sb_fleet_look *l, const char *pattern, struct sb_err *err)
{
    bool without = pattern[0] == '!';
    pattern += without;
    struct sb_matcher *fresh = pattern[0] ? sb_matcher_new(pattern, SB_REGEX_CASELESS, err) : NULL;
    if (pattern[0] && !fresh)
        return -1;
    sb_matcher_free(l->filter);
    l->without = without;
    l->filter = fresh;
    return 0;
}

static int copy_incidents(struct sb_fleet_look *l)
{
    int64_t n = sb_fleet_record_copy(l->record, &l->incidents, l->incidents_n);
    l->incidents_n = 0;
    for (int64_t i = 0; i < n; i++) {
        struct sb_fleet_incident one = l->incidents[i];
        if (sb_fleet_look_wants_incident(l, &one))
            l->incidents[l->incidents_n++] = one;
        else
            sb_anomaly_release(&one.anomaly);
    }
    return n < 0 ? -1 : 0;
}

int sb_fleet_look_refresh(struct sb_fleet_look *l, struct sb_err *err)
{
    int64_t n = sb_fleet_rows(l->fleet, &l->rows, &l->rows_cap);
    if (n < 0)
        return sb_fail_nomem(err);
    l->rows_n = (size_t)n;
    if (l->record && copy_incidents(l))
        return sb_fail_nomem(err);
    return sb_fleet_list_make(&l->list, l->rows, l->rows_n, (enum sb_fleet_group)l->group, wanted, l) ? sb_fail_nomem(err) : 0;
}

/* ---- what is watched ---- */

/* One deployment that cannot be watched is said, and keeps nobody from watching the others. */
static int add_target(struct sb_fleet_look *l, const struct sb_config_deployment *d, struct sb_err *err)
{
    struct sb_str uri;
    struct sb_err why = SB_ERR_INIT;
    sb_str_init(&uri);
    int rc = d->uri_file ? sb_uri_from_file(d->uri_file, &uri, &why) : sb_fail(&why, SB_EUSAGE, "it has no uri_file");
    struct sb_server *server = rc ? NULL : sb_server_new(uri.p, true, &why);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    if (why.code == SB_ENOMEM) {
        *err = why;
        return -1;
    }
    if (!server) {
        sb_err_prefix(&why, "the deployment %s is not watched: ", d->name);
        sb_complain(&why);
        return 0;
    }
    if (sb_server_seeds(server) == 0) { /* behind an SRV name: its hosts are not known without asking DNS */
        sb_usage_error("the deployment %s is not watched: its connection string names no hosts (mongodb+srv); name them", d->name);
        sb_server_free(server);
        return 0;
    }
    l->servers[l->targets_n] = server;
    l->targets[l->targets_n++] = (struct sb_fleet_target){.name = d->name, .environment = d->environment, .server = server};
    return 0;
}

static int begin(struct sb_fleet_look *l, int64_t every_ms, bool recorded, struct sb_err *err)
{
    if (sb_config_use(&l->config, NULL, err))
        return -1;
    size_t n = l->config.deployments_n;
    l->servers = calloc(n + 1, sizeof *l->servers);
    l->targets = calloc(n + 1, sizeof *l->targets);
    if (!l->servers || !l->targets)
        return sb_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        if (add_target(l, &l->config.deployments[i], err))
            return -1;
    if (!l->targets_n)
        return sb_fail(err, SB_EUSAGE, "nothing to watch: the config describes no deployment that can be (try: signalbox sim --fleet 20 --write-config DIR)");
    l->fleet = sb_fleet_start(l->targets, l->targets_n, every_ms, err);
    if (l->fleet && recorded)
        l->record = sb_fleet_record_begin(l->fleet, l->targets, l->targets_n, err);
    return l->fleet && (l->record || !recorded) ? 0 : -1;
}

/* False: a lane hangs in the driver, and what it uses stays. */
static bool end(struct sb_fleet_look *l)
{
    sb_fleet_incidents_release(&l->incidents, l->incidents_n);
    sb_fleet_record_end(l->record); /* it looks at the fleet */
    bool all = sb_fleet_stop(l->fleet, GRACE_MS);
    if (all) {
        for (size_t i = 0; i < l->targets_n; i++)
            sb_server_free(l->servers[i]);
        free(l->servers);
        free(l->targets);
        sb_config_release(&l->config);
    }
    sb_matcher_free(l->filter);
    sb_fleet_list_release(&l->list);
    free(l->rows);
    return all;
}

/* ---- the command ---- */

/* Waits until each was asked. */
static int once(struct sb_fleet_look *l, bool json, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + ONCE_MS;
    size_t of[SB_FLEET_HEALTHS];
    do {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        if (sb_fleet_look_refresh(l, err))
            return -1;
        sb_fleet_count(l->rows, l->rows_n, of);
    } while (of[SB_FLEET_UNASKED] && sb_mono_ms() < until);
    if (sb_fleet_print_once(l, json, err))
        return -1;
    if (of[SB_FLEET_SILENT] == l->rows_n)
        return 3;
    return of[SB_FLEET_WELL] == l->rows_n ? 0 : 1;
}

int sb_cmd_fleet(int argc, char **argv)
{
    bool json = false, one = false, all = false, follow = false;
    const char *filter = NULL, *group = NULL, *every = NULL, *seconds = NULL;
    const struct sb_option options[] = {{"--json", &json, NULL},     {"--once", &one, NULL},     {"--all", &all, NULL},     {"--follow", &follow, NULL},
                                        {"--filter", NULL, &filter}, {"--group", NULL, &group}, {"--every", NULL, &every}, {"--for", NULL, &seconds}};
    struct sb_fleet_look l = {.group = SB_FLEET_BY_DEPLOYMENT};
    struct sb_err err = SB_ERR_INIT;
    int64_t every_ms = 1000, for_s = 0;
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("fleet takes no other words (see: signalbox help fleet)");
    if (sb_option_number("fleet", "--every", every, EVERY_LEAST_MS, EVERY_MOST_MS, &every_ms) || sb_option_number("fleet", "--for", seconds, 1, INT32_MAX, &for_s))
        return 2;
    if (one && follow)
        return sb_usage_error("fleet: --once or --follow, not both");
    if ((seconds && !follow) || (all && !one) || (json && !one && !follow))
        return sb_usage_error("fleet: --for goes with --follow, --all with --once, --json with either");
    if (group && (l.group = sb_name_find(&sb_fleet_groups, group)) < 0)
        return sb_usage_error("fleet: --group is deployment, environment, health or none, not \"%s\"", group);
    if (sb_fleet_look_filter(&l, filter ? filter : "", &err))
        return sb_complain(&err);
    if (!one && !follow && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        sb_matcher_free(l.filter);
        return sb_usage_error("fleet needs a terminal; without one use --once or --follow");
    }
    l.only_wrong = one && !all && !json;
    sigset_t ending, old;
    sigemptyset(&ending);
    for (size_t i = 0; i < 3; i++)
        sigaddset(&ending, (int[]){SIGTERM, SIGINT, SIGHUP}[i]);
    if (!one) /* before any thread: the one that waits reads them */
        pthread_sigmask(SIG_BLOCK, &ending, &old);
    sb_want_descriptors();
    sb_mongo_init();
    int rc = begin(&l, every_ms, !one, &err);
    if (rc == 0)
        rc = one ? once(&l, json, &err) : follow ? sb_fleet_print_changes(&l, json, for_s, &err) : sb_fleet_screen(&l, filter ? filter : "", &err);
    if (end(&l))
        sb_mongo_cleanup();
    if (!one)
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc < 0 ? sb_complain(&err) : rc;
}
