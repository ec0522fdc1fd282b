/* SPDX-License-Identifier: Apache-2.0
 *
 * target.h - what a command is to connect to: a deployment of the config, a file with a connection string, SIGNALBOX_URI.
 *
 * Holds secrets: release wipes them. Thread: the main thread's.
 */
#ifndef SIGNALBOX_CLI_TARGET_H
#define SIGNALBOX_CLI_TARGET_H

#include <signalbox/base/str.h>
#include <signalbox/cli/config.h>

struct sb_target {
    char *name;                  /* the deployment's; "default" where nobody named one */
    struct sb_str uri, executor; /* executor: empty, the first login is the only one */
    const char *uri_from, *executor_from; /* what a complaint about them names; NULL: they are of our own making */
    const struct sb_config_deployment *described; /* in the config; NULL: it is not */
    int environment;             /* enum sb_environment */
    bool environment_said;       /* by the config */
};

void sb_target_init(struct sb_target *t);
void sb_target_release(struct sb_target *t);

/* deployment, uri_file: from the command line, NULL not said. The target borrows from both and from the config. */
int sb_target_find(struct sb_target *t, const struct sb_config *config, const char *deployment, const char *uri_file, struct sb_err *err);

#endif
