/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/record.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/model/names.h>
#include <signalbox/term/backend.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The config, and how many of the problems are ours: with the others a line could not even be split into words, and nobody
 * knows what it was about. */
struct reading {
    struct sb_config *c;
    size_t ours;
};

static void say(struct sb_problems *p, const struct sb_conf_row *row, struct reading *r, bool safety, const char *what)
{
    sb_problems_add(p, row->path, row->line, "%s", what);
    r->ours++;
    r->c->unsafe |= safety;
}

static void set_text(struct reading *r, char **slot, const struct sb_conf_row *row, struct sb_problems *problems)
{
    if (sb_str_set(slot, row->word[2]))
        say(problems, row, r, true, "out of memory");
}

static void set_switch(struct reading *r, bool *slot, const struct sb_conf_row *row, struct sb_problems *problems)
{
    if (strcmp(row->word[2], "on") == 0 || strcmp(row->word[2], "off") == 0)
        *slot = row->word[2][1] == 'n';
    else
        say(problems, row, r, false, strcmp(row->word[1], "mouse") == 0 ? "mouse is on or off" : strcmp(row->word[1], "clipboard") == 0 ? "clipboard is on or off" : "store_on_watched is on or off");
}

static void set_notice(struct reading *r, int *slot, const struct sb_conf_row *row, struct sb_problems *problems)
{
    static const char *const ways[] = {[SB_NOTICE_NONE] = "off", [SB_NOTICE_BELL] = "bell", [SB_NOTICE_OSC9] = "osc9", [SB_NOTICE_OSC777] = "osc777"};
    for (size_t i = 0; i < SB_COUNT(ways); i++)
        if (strcmp(row->word[2], ways[i]) == 0) {
            *slot = (int)i;
            return;
        }
    say(problems, row, r, false, "notify is off, bell, osc9 or osc777");
}

/* True when `left` characters put in, taken out or exchanged make the one of the other. */
static bool close_to(const char *a, const char *b, int left)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (!*a && !*b)
        return true;
    return left > 0 && ((*a && close_to(a + 1, b, left - 1)) || (*b && close_to(a, b + 1, left - 1)) || (*a && *b && close_to(a + 1, b + 1, left - 1)));
}

/* The setting that guards safety which this name may have been meant to be; NULL: none. */
static const char *guard_meant(const char *name)
{
    static const char *const guards[] = {"policy", "shadow_policy", "policy_signers", "approval_signers", "waivers", "witness", "environment", "uri_file", "executor_uri_file", "store", "store_uri_file", "store_database"};
    for (size_t i = 0; i < SB_COUNT(guards); i++)
        if (sb_starts_with(name, guards[i]) || close_to(name, guards[i], 2))
            return guards[i];
    return NULL;
}

/* A setting that does not exist here. One that was written wrong, or stands in the wrong section, may have been meant to guard
 * safety: to go on without it would be to go on unguarded. */
static void unknown(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems, const char *known)
{
    const char *name = row->word[1], *meant = guard_meant(name);
    char text[320];
    if (meant && strcmp(name, meant) == 0)
        snprintf(text, sizeof text, "%s has its place %s the deployment sections, and it guards safety", meant, r->c->deployments_n ? "before" : "in one of");
    else if (meant)
        snprintf(text, sizeof text, "there is no such setting; was %s meant? It guards safety", meant);
    else
        snprintf(text, sizeof text, "%s", known);
    say(problems, row, r, meant != NULL, text);
}

/* Where there is to be a store and none can be told, the program would go on without asking it. */
static void set_store(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    r->c->store = strcmp(row->word[2], "mongodb") == 0;
    if (!r->c->store)
        say(problems, row, r, true, "the store is mongodb");
}

static void set_general(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config *c = r->c;
    const char *name = row->word[1];
    if (strcmp(name, "theme") == 0)
        set_text(r, &c->theme, row, problems);
    else if (strcmp(name, "keymap") == 0)
        set_text(r, &c->keymap, row, problems);
    else if (strcmp(name, "policy") == 0)
        set_text(r, &c->policy, row, problems);
    else if (strcmp(name, "shadow_policy") == 0)
        set_text(r, &c->shadow_policy, row, problems);
    else if (strcmp(name, "policy_signers") == 0)
        set_text(r, &c->policy_signers, row, problems);
    else if (strcmp(name, "approval_signers") == 0)
        set_text(r, &c->approval_signers, row, problems);
    else if (strcmp(name, "signing_key") == 0)
        set_text(r, &c->signing_key, row, problems);
    else if (strcmp(name, "signing_name") == 0)
        set_text(r, &c->signing_name, row, problems);
    else if (strcmp(name, "waivers") == 0)
        set_text(r, &c->waivers, row, problems);
    else if (strcmp(name, "intents") == 0)
        set_text(r, &c->intents, row, problems);
    else if (strcmp(name, "routes") == 0)
        set_text(r, &c->routes, row, problems);
    else if (strcmp(name, "witness") == 0)
        set_text(r, &c->witness, row, problems);
    else if (strcmp(name, "store") == 0)
        set_store(r, row, problems);
    else if (strcmp(name, "store_uri_file") == 0)
        set_text(r, &c->store_uri_file, row, problems);
    else if (strcmp(name, "store_database") == 0)
        set_text(r, &c->store_database, row, problems);
    else if (strcmp(name, "store_on_watched") == 0)
        set_switch(r, &c->store_on_watched, row, problems);
    else if (strcmp(name, "group") == 0)
        set_text(r, &c->group, row, problems);
    else if (strcmp(name, "clipboard") == 0)
        set_switch(r, &c->clipboard, row, problems);
    else if (strcmp(name, "notify") == 0)
        set_notice(r, &c->notice, row, problems);
    else if (strcmp(name, "mouse") == 0)
        set_switch(r, &c->mouse, row, problems);
    else
        unknown(r, row, problems, "there is no such setting; known are theme, keymap, policy, shadow_policy, policy_signers, approval_signers, signing_key, signing_name, waivers, witness, group, intents, routes, clipboard, notify, mouse, store, store_uri_file, store_database, store_on_watched, and deployment sections");
}

static void set_environment(struct reading *r, int *environment, const struct sb_conf_row *row, struct sb_problems *problems)
{
    int found = sb_name_find(&sb_environments, row->word[2]);
    *environment = found < 0 ? SB_ENV_PROD : found;
    if (found < 0)
        say(problems, row, r, true, sb_streq(row->word[1], "environment") ? "environment must be prod, staging or dev" : "what_if_environment must be prod, staging or dev");
}

static void set_deployment(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config *c = r->c;
    struct sb_config_deployment *d = &c->deployments[c->deployments_n - 1];
    const char *name = row->word[1];
    if (strcmp(name, "environment") == 0) {
        set_environment(r, &d->environment, row, problems);
    } else if (strcmp(name, "uri_file") == 0) {
        set_text(r, &d->uri_file, row, problems);
    } else if (strcmp(name, "executor_uri_file") == 0) {
        set_text(r, &d->executor_uri_file, row, problems);
    } else if (strcmp(name, "drill_uri_file") == 0) {
        set_text(r, &d->drill_uri_file, row, problems);
    } else if (strcmp(name, "what_if_uri_file") == 0) {
        set_text(r, &d->what_if_uri_file, row, problems);
    } else if (strcmp(name, "what_if_environment") == 0) {
        set_environment(r, &d->what_if_environment, row, problems);
    } else if (strcmp(name, "drill_start") == 0) {
        set_text(r, &d->drill_start, row, problems);
    } else if (strcmp(name, "drill_restorer") == 0) {
        set_text(r, &d->drill_restorer, row, problems);
    } else if (strcmp(name, "backup_key_file") == 0) {
        set_text(r, &d->backup_key_file, row, problems);
    } else if (strcmp(name, "team") == 0) {
        set_text(r, &d->team, row, problems);
    } else if (strcmp(name, "class") == 0) {
        set_text(r, &d->class_, row, problems);
    } else if (strcmp(name, "uri") == 0) {
        say(problems, row, r, true, "a connection string may hold a password: put it into a file of mode 600 and write: set uri_file PATH");
    } else {
        unknown(r, row, problems, "a deployment has uri_file, executor_uri_file, drill_uri_file, drill_start, drill_restorer, what_if_uri_file, what_if_environment, backup_key_file, team, class and environment");
    }
}

/* "schedule NAME ...": of the deployment whose section this is. A wrong one is passed over: then it does not run, which guards
 * nothing. */
static void add_schedule(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config_deployment *d = r->c->deployments_n ? &r->c->deployments[r->c->deployments_n - 1] : NULL;
    struct sb_schedule fresh, *slot;
    struct sb_err err = SB_ERR_INIT;
    if (!d) {
        say(problems, row, r, false, "a schedule has its place in the section of a deployment");
    } else if (sb_schedule_read(&fresh, row->word + 1, row->n - 1, &sb_zones_of_system, &err)) {
        say(problems, row, r, false, err.msg);
    } else if (!sb_schedule_find(d->schedules, d->schedules_n, fresh.name) && d->schedules_n < SB_SCHEDULES_MAX && (slot = SB_PUSH(d->schedules))) {
        *slot = fresh;
    } else {
        say(problems, row, r, false, sb_schedule_find(d->schedules, d->schedules_n, fresh.name) ? "this deployment has a schedule of this name already"
                                     : d->schedules_n < SB_SCHEDULES_MAX                        ? "out of memory"
                                                                                                : "there are more than 50 schedules for one deployment");
        sb_schedule_release(&fresh);
    }
}

/* "backup PATH": where backups of the deployment lie. */
static void add_backup(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config_deployment *d = r->c->deployments_n ? &r->c->deployments[r->c->deployments_n - 1] : NULL;
    if (!d)
        say(problems, row, r, false, "backup PATH has its place in the section of a deployment");
    else if (sb_strs_push(&d->backups, &d->backups_n, row->word[1]))
        say(problems, row, r, false, "out of memory");
}

/* "criticality PLACE WEIGHT": how much a collection, or each of a database, matters beside the others. */
static void add_criticality(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config_deployment *d = r->c->deployments_n ? &r->c->deployments[r->c->deployments_n - 1] : NULL;
    struct sb_criticality fresh, *slot = NULL;
    struct sb_err err = SB_ERR_INIT;
    if (!d) {
        say(problems, row, r, false, "criticality PLACE WEIGHT has its place in the section of a deployment");
        return;
    }
    for (size_t i = 0; i < d->criticality_n; i++)
        if (sb_streq(d->criticality[i].place, row->word[1])) {
            say(problems, row, r, false, "the criticality of this place was said before");
            return;
        }
    if (d->criticality_n >= SB_CRITICALITIES_MAX)
        say(problems, row, r, false, "there are more than 200 criticality lines for one deployment");
    else if (sb_criticality_read(&fresh, row->word[1], row->word[2], &err))
        say(problems, row, r, false, err.msg);
    else if ((slot = SB_PUSH(d->criticality)))
        *slot = fresh;
    else
        say(problems, row, r, false, "out of memory");
    if (err.code == SB_OK && !slot && d->criticality_n < SB_CRITICALITIES_MAX)
        sb_criticality_release(&fresh);
}

/* "retention PLACE DAYS REASON": what has to be kept. */
static void add_retention(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config_deployment *d = r->c->deployments_n ? &r->c->deployments[r->c->deployments_n - 1] : NULL;
    struct sb_retention fresh, *slot;
    struct sb_err err = SB_ERR_INIT;
    if (!d) {
        say(problems, row, r, false, "retention PLACE DAYS REASON has its place in the section of a deployment");
        return;
    }
    for (size_t i = 0; i < d->retentions_n; i++)
        if (sb_streq(d->retentions[i].place, row->word[1])) {
            say(problems, row, r, false, "the retention of this place was said before");
            return;
        }
    if (d->retentions_n >= SB_RETENTIONS_MAX) {
        say(problems, row, r, false, "there are more than 200 retention lines for one deployment");
    } else if (sb_retention_read(&fresh, row->word[1], row->word[2], row->word[3], &err)) {
        say(problems, row, r, false, err.msg);
    } else if ((slot = SB_PUSH(d->retentions))) {
        *slot = fresh;
    } else {
        say(problems, row, r, false, "out of memory");
        sb_retention_release(&fresh);
    }
}

/* "hook EVENT COMMAND...": one that holds up steps guards safety. */
static void add_hook(struct reading *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_config_deployment *d = r->c->deployments_n ? &r->c->deployments[r->c->deployments_n - 1] : NULL;
    bool guards = row->n > 1 && sb_event_hook_guards(row->word[1]);
    struct sb_event_hook fresh, *slot;
    struct sb_err err = SB_ERR_INIT;
    if (!d) {
        say(problems, row, r, guards, "a hook has its place in the section of a deployment");
    } else if (sb_event_hook_read(&fresh, row->word + 1, row->n - 1, &err)) {
        say(problems, row, r, guards, err.msg);
    } else if (d->hooks_n < SB_HOOKS_MAX && (slot = SB_PUSH(d->hooks))) {
        *slot = fresh;
    } else {
        say(problems, row, r, guards, d->hooks_n < SB_HOOKS_MAX ? "out of memory" : "there are more than 40 hooks for one deployment");
        sb_event_hook_release(&fresh);
    }
}

/* A line that is neither a setting nor a section. One that may have been meant to begin a section, or to set what guards safety,
 * is no mere slip. */
static bool may_guard(const struct sb_conf_row *row)
{
    return close_to(row->word[0], "deployment", 2) || guard_meant(row->word[0]) || (row->n > 1 && guard_meant(row->word[1]));
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *r = ctx;
    struct sb_config *c = r->c;
    if (row->n == 2 && strcmp(row->word[0], "deployment") == 0) {
        if (sb_config_deployment(c, row->word[1])) {
            say(problems, row, r, true, "this deployment was described before");
            return;
        }
        struct sb_config_deployment *d = SB_PUSH(c->deployments);
        if (!d || sb_str_set(&d->name, row->word[1]))
            say(problems, row, r, true, "out of memory");
    } else if (row->n == 3 && strcmp(row->word[0], "set") == 0) {
        if (c->deployments_n)
            set_deployment(r, row, problems);
        else
            set_general(r, row, problems);
    } else if (strcmp(row->word[0], "schedule") == 0) {
        add_schedule(r, row, problems);
    } else if (strcmp(row->word[0], "hook") == 0) {
        add_hook(r, row, problems);
    } else if (row->n == 2 && strcmp(row->word[0], "backup") == 0) {
        add_backup(r, row, problems);
    } else if (row->n == 3 && strcmp(row->word[0], "criticality") == 0) {
        add_criticality(r, row, problems);
    } else if (row->n == 4 && strcmp(row->word[0], "retention") == 0) {
        add_retention(r, row, problems);
    } else {
        say(problems, row, r, may_guard(row), "must be: set NAME VALUE, or: deployment NAME, or in one: schedule NAME ..., hook EVENT COMMAND, backup PATH, "
                                              "criticality PLACE WEIGHT, retention PLACE DAYS REASON");
    }
}

int sb_config_parse(struct sb_config *c, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    memset(c, 0, sizeof *c);
    struct reading r = {c, 0};
    int rc = sb_conf_parse(text, len, path, read_row, &r, problems, err);
    c->unsafe |= problems->count > r.ours;
    if (rc == 0 && (c->store || c->store_uri_file || c->store_database) && !(c->store && c->store_uri_file)) {
        sb_problems_add(problems, path, 0, "a store wants both: set store mongodb, and set store_uri_file PATH");
        c->unsafe = true;
    }
    return rc;
}

int sb_config_load(struct sb_config *c, struct sb_problems *problems, struct sb_err *err)
{
    memset(c, 0, sizeof *c);
    struct sb_str path, text;
    sb_str_init(&path);
    sb_str_init(&text);
    bool named = sb_path_config(&path, NULL) == 0; /* where no variable names a folder there is no config: a unit, a cron job */
    int rc = 0;
    sb_str_adds(&path, "/config");
    if (named && access(path.p, F_OK) == 0)
        rc = sb_file_read_named(path.p, SB_CONF_MAX_BYTES, &text, err) || sb_config_parse(c, text.p, text.len, path.p, problems, err) ? -1 : 0;
    sb_str_release(&path);
    sb_str_release(&text);
    return rc;
}

int sb_config_use(struct sb_config *c, char **told, struct sb_err *err)
{
    struct sb_problems problems;
    sb_problems_init(&problems);
    int rc = sb_config_load(c, &problems, err);
    if (problems.text.len)
        sb_str_truncate(&problems.text, problems.text.len - 1); /* the last newline */
    if (rc == 0 && c->unsafe)
        rc = sb_fail(err, SB_EINPUT, "the config is wrong where it guards safety: %s", problems.text.p);
    else if (rc == 0 && problems.count)
        sb_usage_error("%s", problems.text.p); /* the rest is used */
    if (rc == 0 && problems.count && told && sb_str_set(told, problems.text.p))
        rc = sb_fail_nomem(err);
    sb_problems_release(&problems);
    return rc;
}

void sb_config_release(struct sb_config *c)
{
    free(c->theme);
    free(c->keymap);
    free(c->policy);
    free(c->shadow_policy);
    free(c->policy_signers);
    free(c->approval_signers);
    free(c->signing_key);
    free(c->signing_name);
    free(c->waivers);
    free(c->witness);
    free(c->group);
    free(c->intents);
    free(c->routes);
    free(c->store_uri_file);
    free(c->store_database);
    for (size_t i = 0; i < c->deployments_n; i++) {
        free(c->deployments[i].name);
        free(c->deployments[i].uri_file);
        free(c->deployments[i].executor_uri_file);
        for (size_t k = 0; k < c->deployments[i].schedules_n; k++)
            sb_schedule_release(&c->deployments[i].schedules[k]);
        free(c->deployments[i].schedules);
        for (size_t k = 0; k < c->deployments[i].hooks_n; k++)
            sb_event_hook_release(&c->deployments[i].hooks[k]);
        free(c->deployments[i].hooks);
        for (size_t k = 0; k < c->deployments[i].backups_n; k++)
            free(c->deployments[i].backups[k]);
        free(c->deployments[i].backups);
        for (size_t k = 0; k < c->deployments[i].criticality_n; k++)
            sb_criticality_release(&c->deployments[i].criticality[k]);
        free(c->deployments[i].criticality);
        for (size_t k = 0; k < c->deployments[i].retentions_n; k++)
            sb_retention_release(&c->deployments[i].retentions[k]);
        free(c->deployments[i].retentions);
        free(c->deployments[i].drill_uri_file);
        free(c->deployments[i].what_if_uri_file);
        free(c->deployments[i].drill_start);
        free(c->deployments[i].drill_restorer);
        free(c->deployments[i].backup_key_file);
        free(c->deployments[i].team);
        free(c->deployments[i].class_);
    }
    free(c->deployments);
    memset(c, 0, sizeof *c);
}

const struct sb_config_deployment *sb_config_deployment(const struct sb_config *c, const char *name)
{
    for (size_t i = 0; i < c->deployments_n; i++)
        if (sb_streq(c->deployments[i].name, name))
            return &c->deployments[i];
    return NULL;
}
