/* SPDX-License-Identifier: Apache-2.0
 *
 * A drill that somebody asks for, or a schedule: the newest of the deployment's dumps, into the throw-away deployment that the
 * config names. A worker makes it, however long it takes; one at a time. Where the program ends meanwhile, the next drill
 * clears away what this one left. */
#include "private.h"

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/base/json.h>
#include <signalbox/orchestrator/drill.h>
#include <signalbox/orchestrator/drill_target.h>

#include <string.h>

struct drilling {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *deployment, *uri_file, *dir, *by, *id;
    struct sb_evidence *evidence;
    size_t evidence_n;
    char *text;
    const struct sb_seal_key *key; /* the worker's; NULL: none */
    int64_t taken_at;
    struct sb_err err;
};

static void free_drilling(void *p)
{
    struct drilling *d = p;
    for (size_t i = 0; i < d->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &d->evidence[i]);
    free(d->evidence);
    free(d->case_id);
    free(d->deployment);
    free(d->uri_file);
    free(d->dir);
    free(d->by);
    free(d->id);
    free(d->text);
    free(d);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct drilling *d = p;
    struct held_case *held = sb_o_case(o, d->case_id);
    bool ok = false;
    o->drilling = false;
    if (d->id && sb_o_enter_drill(o, NULL, d->id, &ok, &d->err))
        ok = false;
    if (held && (d->err.code != SB_OK ||
                 sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_BACKUP_GUARDIAN, .to = SB_BY_ORCHESTRATOR, .back = true, .why = "the drill has ended; what came of it is the answer",
                                                           .risk = ok ? "it proves this backup, and no later one" : "what is lost may not come back from this backup", .evidence = d->evidence,
                                                           .n = d->evidence_n}, &d->err)))
        sb_o_finish_consult(o, held, NULL, &d->err, "");
    else if (held)
        sb_o_finish_look(o, held, ok, d->text ? d->text : "");
    free_drilling(d);
}

/* The newest usable dump among the deployment's backups, as a path: heap; NULL after err was filled. */
static char *choose(const struct drilling *d, struct sb_err *err)
{
    struct sb_backup_options options = {.quick = true, .key = d->key};
    struct sb_backups list = {NULL, 0, 0};
    const struct sb_backup *best = NULL;
    struct sb_err why = SB_ERR_INIT;
    for (size_t i = 0; i < d->o->opt.backups_n; i++)
        sb_backups_check(&list, d->o->opt.backups[i], &options, &why); /* what is not there cannot be restored */
    for (size_t i = 0; i < list.n; i++) {
        const struct sb_backup *b = &list.items[i];
        if (sb_backup_usable(b) && (b->kind == SB_BACKUP_DUMP_FOLDER || b->kind == SB_BACKUP_DUMP_ARCHIVE) && (!best || b->taken_at_ms > best->taken_at_ms))
            best = b;
    }
    char *path = best ? sb_format("%s", best->path) : NULL;
    if (!best)
        sb_fail(err, SB_ENO, "None of the %zu backups of %s is a usable folder or archive of mongodump's, which is what this program restores.", list.n, d->deployment);
    else if (!path)
        sb_fail_nomem(err);
    sb_backups_release(&list);
    return path;
}

static void keep(struct drilling *d, const json_t *report)
{
    const json_t *cap = json_object_get(report, "cap");
    const char *about = sb_json_str(report, "about"), *level = sb_json_str(report, "level");
    char *value = sb_format("%s; %s, for policy %s%s%s", about ? about : "?", level ? level : "?", sb_json_str(report, "policy_level"), json_is_object(cap) ? ": " : "",
                            json_is_object(cap) ? sb_json_str(cap, "why") : "");
    if (!value || sb_str_set(&d->id, sb_json_str(report, "drill")) || sb_str_set(&d->text, value) ||
        sb_evidence_add(&d->evidence, &d->evidence_n, "a restore into a throw-away deployment", NULL, "restore drill", value, "measured", d->taken_at))
        sb_fail_nomem(&d->err);
    free(value);
}

static void make(void *p)
{
    struct drilling *d = p;
    struct sb_drill_watched watched = {NULL, NULL, 0, 0};
    struct sb_origin origin;
    struct sb_str uri;
    json_t *report = NULL;
    sb_str_init(&uri);
    sb_origin_system(&origin);
    const char *program = d->o->opt.drill_start;
    struct sb_drill_target started = {.lock = {-1}};
    struct sb_err why = SB_ERR_INIT;
    struct sb_seal_key key = {{0}};
    d->key = sb_backups_key(&key, d->o->opt.backup_key_file, &why); /* where it cannot be read, what wants it cannot be used */
    char *path = choose(d, &d->err);
    if (path && program && (sb_drill_target_start(&started, d->dir, program, 0, &d->err) || sb_str_set(&d->uri_file, started.uri_file))) {
        free(path);
        path = NULL;
    }
    struct sb_server *target = path && sb_uri_from_file(d->uri_file, &uri, &d->err) == 0 ? sb_server_new(uri.p, false, &d->err) : NULL;
    if (target && sb_drill_watched_find(&watched, d->o->opt.state_dir, d->o->opt.known, &d->err) == 0) {
        struct sb_drill_options options = {.dir = d->dir, .origin = &origin, .by = d->by, .deployment = d->deployment, .path = path, .target = target, .target_file = d->uri_file, .started_by = program, .restorer = d->o->opt.drill_restorer, .key = d->key, .watched = &watched};
        if (sb_drill(&options, &report, &d->err) == 0)
            keep(d, report);
    }
    json_decref(report);
    sb_drill_watched_release(&watched);
    sb_server_free(target);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    sb_seal_key_forget(&key);
    why = (struct sb_err)SB_ERR_INIT;
    if (sb_drill_target_stop(&started, &why) && d->text) {
        char *text = sb_format("%s; what was started for it may be running: %s", d->text, why.msg);
        if (text) {
            free(d->text);
            d->text = text;
        }
    }
    free(path);
    sb_o_post_done(d->o, &d->way, back, d, free_drilling);
}

int sb_o_consult_drill(struct sb_orchestrator *o, struct held_case *held, struct sb_err *err)
{
    if (o->drilling)
        return sb_fail(err, SB_ESTATE, "A drill is going on: ask again when it has ended.");
    if (held->read_only || sb_server_read_only(o->opt.server))
        return sb_fail(err, SB_EPOLICY, "This console is read-only, and a drill writes, if only into a throw-away deployment: ask from one that is not.");
    if (!o->opt.drill_uri_file && !o->opt.drill_start)
        return sb_fail(err, SB_ENO, "The config names no throw-away deployment to restore into. Write \"set drill_uri_file FILE\" below \"deployment %s\" there and start signalbox again, or use "
                                    "`signalbox backup drill PATH --into FILE` at once.", o->deployment);
    struct drilling *d = calloc(1, sizeof *d);
    if (!d)
        return sb_fail_nomem(err);
    d->o = o;
    d->taken_at = sb_o_deployment_now(o);
    d->dir = sb_drill_folder(o->opt.state_dir);
    if (!d->dir || sb_str_set(&d->case_id, held->case_.id) || sb_str_set(&d->deployment, o->deployment) || sb_str_set(&d->uri_file, o->opt.drill_uri_file) ||
        sb_str_set(&d->by, o->self.principal ? o->self.principal : "orchestrator")) {
        free_drilling(d);
        return sb_fail_nomem(err);
    }
    held->consulting = o->drilling = true;
    if (!sb_o_work(o, &d->way, make, d, free_drilling)) {
        held->consulting = o->drilling = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
