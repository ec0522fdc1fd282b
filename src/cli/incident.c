/* SPDX-License-Identifier: Apache-2.0
 *
 * incident.c - `signalbox incident`: diagnostic data and logs of members in, incidents out. */
#include "incident.h"

#include <signalbox/base/array.h>
#include <signalbox/cli/bar.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/incident_report.h>

#define BAR_EVERY 512 /* samples and lines */

struct found {
    struct sb_incident *item;
    size_t n, cap;
};

static int take(struct sb_incidents *in, struct found *found, struct sb_err *err)
{
    struct sb_incident one;
    while (sb_incidents_take(in, &one)) {
        if (SB_GROW(found->item, found->cap, found->n + 1)) {
            sb_incident_release(&one);
            return sb_fail_nomem(err);
        }
        found->item[found->n++] = one;
    }
    return 0;
}

static int read_all(struct sb_feed *f, struct sb_incidents *in, struct found *found, bool quiet, struct sb_err *err)
{
    struct sb_bar bar;
    int rc;
    sb_bar_init(&bar, quiet);
    for (uint64_t steps = 1; (rc = sb_feed_step(f, err)) > 0; steps++)
        if (steps % BAR_EVERY == 0)
            sb_bar_show(&bar, sb_feed_permille(f), 1000, NULL);
    sb_bar_clear(&bar);
    return rc < 0 || sb_incidents_finish(in, err) || take(in, found, err) ? -1 : 0;
}

static void say_notes(const struct sb_feed *f, const struct sb_incidents *in, bool quiet)
{
    struct sb_err err = SB_ERR_INIT;
    const char *text;
    bool failure;
    for (size_t i = 0; (text = sb_feed_note(f, i, &failure)) != NULL; i++) {
        if (quiet && !failure)
            continue;
        sb_fail(&err, SB_EINPUT, "%s", text);
        sb_complain(&err);
    }
    for (size_t i = 0; !quiet && sb_incidents_note(in, i); i++) {
        sb_fail(&err, SB_EINPUT, "%s", sb_incidents_note(in, i));
        sb_complain(&err);
    }
}

int sb_cmd_incident(int argc, char **argv)
{
    bool json = false, quiet = false, follow = false, fleet = false;
    const char *deployment = NULL, *uri_file = NULL;
    const struct sb_option known[] = {{"--json", &json, NULL}, {"--quiet", &quiet, NULL}, {"--follow", &follow, NULL}, {"--fleet", &fleet, NULL},
                                      {"--deployment", NULL, &deployment}, {"--uri-file", NULL, &uri_file}};
    struct sb_err err = SB_ERR_INIT;
    int n = sb_options_read(argc, argv, known, SB_COUNT(known));
    if (n < 0)
        return 2;
    if (fleet && (n > 0 || follow || deployment || uri_file))
        return sb_usage_error("incident --fleet lists what is on the fleet's record, and takes no more than --json");
    if (fleet)
        return sb_incident_fleet(json, &err) ? sb_complain(&err) : 0;
    if ((deployment || uri_file) && (n > 0 || !follow))
        return sb_usage_error("a running set is followed: signalbox incident --follow (--deployment NAME | --uri-file FILE), and no paths");
    if (deployment || uri_file)
        return sb_incident_remote(deployment, uri_file, json, &err) ? sb_complain(&err) : 0;
    if (n == 0)
        return sb_usage_error("incident wants folders: signalbox incident [--json] DIR...");
    if (follow)
        return sb_incident_follow(argv + 1, (size_t)n, json, &err) ? sb_complain(&err) : 0;
    struct found found = {NULL, 0, 0};
    struct sb_incidents *in = sb_incidents_new(&err);
    struct sb_feed *f = in ? sb_feed_open(argv + 1, (size_t)n, in, &err) : NULL;
    int rc = f ? read_all(f, in, &found, quiet, &err) : -1, status = 0;
    if (f)
        say_notes(f, in, quiet);
    if (rc == 0)
        rc = json ? sb_incidents_print_json(found.item, found.n, &err) : sb_incidents_print_text(found.item, found.n, &err);
    if (rc)
        status = sb_complain(&err);
    else if (sb_feed_failed(f))
        status = 2;
    for (size_t i = 0; i < found.n; i++)
        sb_incident_release(&found.item[i]);
    free(found.item);
    sb_feed_close(f);
    sb_incidents_free(in);
    return status;
}
