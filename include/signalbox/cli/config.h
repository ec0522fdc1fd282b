/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the operator's file: $XDG_CONFIG_HOME/signalbox/config, in the conf line format.
 *
 *   set theme dark                    # a built-in name or a path
 *   set keymap default
 *   set policy default                # a built-in bundle or a path
 *   set policy_signers PATH           # allowed_signers: a bundle from a file must be signed by one of these, in FILE.sig
 *   set approval_signers PATH         # allowed_signers: every approval must be signed by one of these
 *   set signing_key PATH              # with approval_signers: the console signs approvals with it (a .pub: of a key in the agent)
 *   set signing_name NAME             # who you are in that file; without it the operating system's name
 *   set shadow_policy strict-prod     # is asked beside it and recorded, and decides nothing
 *   set intents PATH                  # how requests are understood, in place of the built-in file (orchestrator/intents.data)
 *   set routes PATH                   # who is asked about what, before the built-in file (orchestrator/routes.data)
 *   set waivers PATH                  # exceptions from rules, read each time a card is asked about
 *   set witness /mnt/other-host/signalbox.checkpoint   # a copy of the ledger's newest checkpoint, kept elsewhere
 *   set clipboard on                  # copying also sets the terminal's clipboard (OSC 52); off when not said
 *   set notify bell                   # or osc9, osc777: a card that awaits approval, a new anomaly, a failure; off when not said
 *   set group dba                     # members of this group of the system may join too; without it, only this user
 *   set mouse on                      # a click selects, the wheel scrolls; off when not said
 *   set store mongodb                 # the operators' own shared store (shared/store.h, help store)
 *   set store_uri_file PATH           # its connection string: a replica set of their own, mode 600
 *   set store_database NAME           # signalbox when not said
 *   set store_on_watched on           # it may be the deployment that is watched; refused when not said
 *   deployment shop                   # from here on, `set` is about this deployment
 *   set uri_file /home/dba/shop.uri   # mode 600, first line a mongodb:// string
 *   set executor_uri_file PATH        # the login that may change things; without it, the first one
 *   set drill_uri_file PATH           # the throw-away deployment that `ask "run a restore drill"` restores into (help backup)
 *   set what_if_uri_file PATH         # where an index is tried out when policy denies it here: staging, or a drill's copy (help cards)
 *   set what_if_environment staging   # what that one is to policy: prod, staging, dev; prod when it is missing or unknown
 *   set drill_start PROGRAM           # or: what starts one for each drill and ends it afterwards (help backup)
 *   set drill_restorer PROGRAM        # the operator's own mongorestore, which restores in drills in this program's place (help backup)
 *   set environment prod              # prod, staging, dev; prod when it is missing or unknown
 *   set team payments                 # free words, by which the fleet is filtered
 *   set class gold
 *   schedule nightly at 02:30 mon tue zone Europe/Berlin run "shop.orders is slow"   # recurring requests (orchestrator/schedule.h)
 *   backup /backups/shop                               # where its backups lie, for `backup status` and requests about backups; a line a place
 *   set backup_key_file PATH          # the key of those that `backup make --key-file` sealed, mode 600: for status, requests and drills
 *   criticality shop.orders 5                          # weighs five times in what specialists rank; of a database: criticality shop 2
 *   retention shop.invoices 3650d "tax law"            # what has to be kept, and why; of a database: retention shop 90d "contract"
 *   hook state.failed /usr/local/bin/page              # a command that is told of it (orchestrator/hooks.h); `hook before.step` is asked first
 *   schedule often every 6h run status                 # at the multiples of it since 1970-01-01T00:00Z
 *
 * A wrong line is a problem with file and line, and the rest is used; a wrong line that guards safety (environment, what_if_environment, policy,
 * uri_file, store, hook before.step) makes the program stop. Thread: read once, then constant.
 */
#ifndef SIGNALBOX_CLI_CONFIG_H
#define SIGNALBOX_CLI_CONFIG_H

#include <signalbox/base/conf.h>
#include <signalbox/orchestrator/criticality.h>
#include <signalbox/orchestrator/hooks.h>
#include <signalbox/orchestrator/retention.h>
#include <signalbox/orchestrator/schedule.h>

struct sb_config_deployment {
    char *name, *uri_file, *executor_uri_file, *drill_uri_file, *drill_start, *drill_restorer, *what_if_uri_file, *backup_key_file, *team, *class_;
    int environment; /* enum sb_environment; 0 is prod */
    int what_if_environment; /* the same, of the deployment that what_if_uri_file names */
    struct sb_schedule *schedules; /* each name once */
    size_t schedules_n;
    char **backups; /* paths */
    size_t backups_n;
    struct sb_criticality *criticality; /* each place once */
    size_t criticality_n;
    struct sb_retention *retentions; /* each place once */
    size_t retentions_n;
    struct sb_event_hook *hooks;
    size_t hooks_n;
};

struct sb_config {
    char *theme, *keymap, *policy, *shadow_policy, *policy_signers, *approval_signers, *signing_key, *signing_name, *waivers, *witness, *group, *intents, *routes, *store_uri_file, *store_database; /* NULL: not said */
    bool clipboard;
    int notice; /* enum sb_notice_by of the terminal: 0 none */
    struct sb_config_deployment *deployments;
    size_t deployments_n;
    bool mouse;
    bool store;            /* there is a shared store */
    bool store_on_watched; /* it may be the deployment that is watched */
    bool unsafe; /* a line that guards safety is wrong: the program must not act on this config */
};

/* Reads the file; one that does not exist is an empty config. Problems are added. */
int sb_config_load(struct sb_config *c, struct sb_problems *problems, struct sb_err *err);

/* The same for a command: what is passed over is told on stderr, a line each, and where a line that guards safety is wrong it
 * fails with SB_EINPUT. *told (NULL: not wanted): what was told, the caller's to free; NULL when it was nothing. */
int sb_config_use(struct sb_config *c, char **told, struct sb_err *err);

/* The same from a text, for tests. */
int sb_config_parse(struct sb_config *c, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err);
void sb_config_release(struct sb_config *c);

const struct sb_config_deployment *sb_config_deployment(const struct sb_config *c, const char *name);

#endif
