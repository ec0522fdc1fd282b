/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_status.c - `signalbox backup status`: the stores that the config names for each deployment, as they are now.
 */
#include "backup_goals.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/mongo/server.h>

/* Entries of the ledger are about the backups that were drilled, and those that came while a signalbox watched. */
static const char gone[] = "cannot be known of backups that were never drilled and came while no signalbox watched: no record is kept of them";

/* What is there for a deployment. */
struct found {
    const struct sb_config_deployment *deployment;
    struct sb_backups list;
    const struct sb_backup *newest; /* usable, with the newest point to restore to that is known */
    int64_t point_ms;               /* that point */
    size_t usable;
    struct sb_goals goals;
    struct sb_seal_key key;
    struct sb_str unreadable; /* paths that could not be looked at, and why */
};

static void look(struct found *f, const struct sb_backup_options *options)
{
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&f->unreadable);
    for (size_t i = 0; i < f->deployment->backups_n; i++)
        if (sb_backups_check(&f->list, f->deployment->backups[i], options, &err))
            sb_str_addf(&f->unreadable, "%s%s", f->unreadable.len ? "\n" : "", err.msg);
    for (size_t i = 0; i < f->list.n; i++)
        f->usable += sb_backup_usable(&f->list.items[i]);
    f->newest = sb_backups_newest(&f->list, NULL);
    f->point_ms = f->newest ? sb_backup_point(f->newest) : 0;
}

/* ---- JSON ---- */

static json_t *restorable(const struct found *f)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < f->list.n; i++) {
        const struct sb_backup *b = &f->list.items[i];
        if (sb_backup_usable(b) &&
            json_array_append_new(out, json_pack("{s:o, s:o, s:o, s:o}", "from", sb_backup_ms_json(b->taken_at_ms), "to", sb_backup_ms_json(sb_backup_point(b)), "path",
                                                 sb_backup_text_json(b->path), "name", sb_backup_text_json(b->name)))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *found_json(const struct found *f, int64_t now_ms)
{
    json_t *last = f->newest ? sb_backup_json(f->newest) : json_null();
    if (json_is_object(last))
        json_object_del(last, "collections");
    json_t *more = sb_goals_json(&f->goals, now_ms);
    json_t *out = json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s}", "deployment", f->deployment->name, "backups", (int)f->list.n, "usable", (int)f->usable, "last_good", last, "rpo_s",
                     f->newest ? json_integer((now_ms - f->point_ms) / 1000) : json_null(), "rpo_by", sb_backup_text_json(f->newest ? f->newest->taken_from : NULL),
                     "restorable", restorable(f), "unreadable",
                     f->unreadable.len ? sb_backup_text_json(f->unreadable.p) : json_null(), "gone", gone);
    if (out && (!more || json_object_update(out, more))) {
        json_decref(out);
        out = NULL;
    }
    json_decref(more);
    return out;
}

/* ---- text ---- */

static void line(struct sb_str *out, const char *label, const char *text)
{
    sb_str_addf(out, "  %-14s", label);
    sb_backup_wrap(out, text, 16, 16);
    sb_str_addc(out, '\n');
}

static void tell_newest(struct sb_str *out, const struct found *f, int64_t now_ms)
{
    const struct sb_backup *b = f->newest;
    char age[64];
    struct sb_str text;
    sb_str_init(&text);
    sb_str_addf(&text, "%s%s%s, %s, L%d%s", b->path, b->name ? " " : "", b->name ? b->name : "", sb_backup_kind_name(b->kind), b->level, b->level < 2 ? ": its data were not read" : "");
    line(out, "last good", text.p);
    sb_str_clear(&text);
    sb_backup_moment(&text, b->taken_at_ms);
    if (f->point_ms > b->taken_at_ms) {
        sb_str_adds(&text, ", and any point to ");
        sb_backup_moment(&text, f->point_ms);
    }
    if (sb_streq(b->taken_from, "file time"))
        sb_str_adds(&text, " (only the time of its files says so)");
    line(out, "brings back", text.p);
    sb_duration_format(age, sizeof age, now_ms - f->point_ms);
    sb_str_clear(&text);
    sb_str_addf(&text, "%s: written since then, and in no backup", now_ms >= f->point_ms ? age : "nothing, its time is in the future");
    line(out, "would be lost", now_ms >= f->point_ms ? text.p : "its time is in the future: a clock is wrong");
    sb_str_release(&text);
}

static void tell(struct sb_str *out, const struct found *f, int64_t now_ms)
{
    char text[96];
    sb_backup_wrap(out, f->deployment->name, 2, 0);
    sb_str_addc(out, '\n');
    snprintf(text, sizeof text, "%zu, of which %zu usable", f->list.n, f->usable);
    line(out, "backups", text);
    if (f->newest)
        tell_newest(out, f, now_ms);
    else
        line(out, "last good", "NONE");
    for (size_t i = 0; i < f->list.n; i++) {
        const struct sb_backup *b = &f->list.items[i];
        if (sb_backup_usable(b))
            continue;
        char *why = sb_format("%s%s%s: %s", b->path, b->name ? " " : "", b->name ? b->name : "", b->problems.n ? b->problems.items[0].what : "it could not be read");
        line(out, "not usable", why ? why : "?");
        free(why);
    }
    if (f->unreadable.len)
        line(out, "not there", f->unreadable.p);
    sb_goals_tell(out, &f->goals, f->newest, now_ms);
    line(out, f->goals.gone_n ? "" : "gone", gone);
}

static int answer(const struct sb_backup_words *words, const struct found *found, size_t n)
{
    int64_t now_ms = sb_wall_ms();
    int rc = 0;
    if (words->json) {
        json_t *out = json_array();
        for (size_t i = 0; out && i < n; i++)
            if (json_array_append_new(out, found_json(&found[i], now_ms))) {
                json_decref(out);
                out = NULL;
            }
        return out ? sb_print_json(out) : -1;
    }
    struct sb_str out;
    sb_str_init(&out);
    for (size_t i = 0; i < n; i++) {
        if (i)
            sb_str_addc(&out, '\n');
        tell(&out, &found[i], now_ms);
    }
    rc = sb_str_ok(&out) ? sb_print("%s", out.p) : -1;
    sb_str_release(&out);
    return rc;
}

int sb_backup_status(const struct sb_backup_words *words)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_config config;
    struct sb_backup_bar bar;
    struct sb_str state;
    struct found *found = NULL;
    size_t n = 0;
    int status = 0;
    if (sb_config_use(&config, NULL, &err)) {
        sb_config_release(&config);
        return sb_complain(&err);
    }
    sb_str_init(&state);
    sb_mongo_init();
    if (sb_path_state_seen(&state, &err)) {
        status = sb_complain(&err);
        goto out;
    }
    sb_backup_bar_begin(&bar, 0, false);
    struct sb_backup_options options = {.quick = !words->full, .read = sb_backup_bar_read, .ctx = &bar};
    if (words->deployment && !sb_config_deployment(&config, words->deployment)) {
        status = sb_usage_error("there is no deployment \"%s\" in the config", words->deployment);
        goto out;
    }
    uint64_t all = 0;
    for (size_t i = 0; i < config.deployments_n && words->full; i++)
        for (size_t k = 0; k < config.deployments[i].backups_n; k++)
            all += sb_backups_size(config.deployments[i].backups[k]);
    sb_backup_bar_begin(&bar, all, words->full && !words->quiet);
    found = calloc(config.deployments_n + 1, sizeof *found);
    for (size_t i = 0; found && i < config.deployments_n; i++) {
        const struct sb_config_deployment *d = &config.deployments[i];
        if (!d->backups_n || (words->deployment && strcmp(words->deployment, d->name) != 0))
            continue;
        found[n].deployment = d;
        struct sb_err why = SB_ERR_INIT;
        options.key = sb_backups_key(&found[n].key, d->backup_key_file, &why);
        look(&found[n], &options);
        found[n].goals.key_fault = why.code != SB_OK ? sb_format("%s", why.msg) : NULL;
        if (sb_goals_find(&found[n].goals, d, config.policy, state.p, &found[n].list, &err)) { /* what lies there is told all the same */
            sb_complain(&err);
            err = (struct sb_err)SB_ERR_INIT;
            status = 1;
        }
        status |= found[n].newest && !found[n].unreadable.len && found[n].usable == found[n].list.n ? 0 : 1;
        n++;
    }
    sb_backup_bar_end(&bar);
    if (n == 0)
        status = sb_usage_error("the config names no backups%s%s: write \"backup PATH\" into the section of a deployment", words->deployment ? " for " : "",
                                words->deployment ? words->deployment : "");
    else if (!found || answer(words, found, n))
        status = sb_fail_nomem(&err) ? sb_complain(&err) : 1;
out:
    for (size_t i = 0; i < n; i++) {
        sb_backups_release(&found[i].list);
        sb_str_release(&found[i].unreadable);
        sb_goals_release(&found[i].goals);
        sb_seal_key_forget(&found[i].key);
    }
    free(found);
    sb_config_release(&config);
    sb_str_release(&state);
    sb_mongo_cleanup();
    return status;
}
