/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_drill.c - `signalbox backup drill`: which deployments no drill may write to, the drill, and its end on the record of the
 * deployment whose backup it was.
 */
#include "backup.h"

#include <signalbox/base/file.h>
#include <signalbox/base/json.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/session.h>
#include <signalbox/cli/when.h>
#include <signalbox/orchestrator/drill.h>
#include <signalbox/orchestrator/drill_target.h>

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MS 30000
#define CONNECT_MS 5000
#define CHECKS_MAX (1 << 20)

/* ---- the target ---- */

static struct sb_server *server_of(const char *file, bool read_only, struct sb_err *err)
{
    struct sb_str uri;
    sb_str_init(&uri);
    struct sb_server *server = sb_uri_from_file(file, &uri, err) == 0 ? sb_server_new(uri.p, read_only, err) : NULL;
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return server;
}

/* Below which place of the config the backup lies: whose it is. NULL: of none, or of several. */
static const char *whose(const struct sb_config *config, const char *path)
{
    const char *found = NULL;
    char *real = realpath(path, NULL);
    for (size_t i = 0; real && i < config->deployments_n; i++)
        for (size_t k = 0; k < config->deployments[i].backups_n; k++) {
            char *place = realpath(config->deployments[i].backups[k], NULL);
            size_t n = place ? strlen(place) : 0;
            bool in = place && strncmp(real, place, n) == 0 && (real[n] == '/' || real[n] == '\0');
            free(place);
            if (in && found && strcmp(found, config->deployments[i].name) != 0) {
                free(real);
                return NULL;
            }
            if (in)
                found = config->deployments[i].name;
        }
    free(real);
    return found;
}

/* ---- the end ---- */

/* On the record of the deployment, by the signalbox that owns it, or by ourselves. */
static int tell_owner(const char *deployment, const char *drill, struct sb_err *err)
{
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.deployment = deployment, .attach = true}, err);
    if (!s)
        return -1;
    sb_session_ask(s, sb_message_hello(1, "cli", false));
    if (sb_session_owns(s))
        sb_session_connected(s, CONNECT_MS);
    struct sb_message *m = sb_message_new(SB_ASK_DRILL, 2);
    int rc = !m || sb_str_set(&((struct sb_text *)m->body)->text, drill) ? sb_fail_nomem(err) : 0;
    if (rc == 0) {
        sb_session_ask(s, m);
        m = sb_session_wait(s, SB_NEWS_ANSWER, 2, ANSWER_MS);
        const struct sb_answer *a = m ? m->body : NULL;
        rc = !a ? sb_fail(err, SB_EIO, "no answer came within %d s", ANSWER_MS / 1000) : a->ok ? 0 : sb_fail(err, SB_ELEDGER, "%s", a->text);
    }
    sb_message_free(m);
    sb_session_close(s, "the drill is on the record", 0);
    return rc;
}

static void line(struct sb_str *out, const char *label, const char *fmt, ...) SB_PRINTF(3, 4);
static void line(struct sb_str *out, const char *label, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    va_start(ap, fmt);
    sb_str_init(&text);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    sb_str_addf(out, "  %-12s", label);
    sb_backup_wrap(out, text.p, 14, 14);
    sb_str_addc(out, '\n');
    sb_str_release(&text);
}

static void tell_differences(struct sb_str *out, const json_t *list, const char *label)
{
    const json_t *d;
    size_t i;
    json_array_foreach(list, i, d) {
        const char *index = sb_json_str(d, "index"), *a = sb_json_str(d, "backup"), *b = sb_json_str(d, "there");
        line(out, i ? "" : label, "%s: %s%s%s: %s in the backup, %s there", sb_json_str(d, "ns"), sb_json_str(d, "what"), index ? " " : "", index ? index : "", a ? a : "none", b ? b : "none");
    }
}

/* By whom, and of what it said the last three lines. */
static void tell_restorer(struct sb_str *out, const json_t *by)
{
    const json_t *run;
    size_t i;
    const char *version = sb_json_str(by, "version");
    line(out, "restored by", "%s (%s)", sb_json_str(by, "program"), version ? version : "it does not tell its version");
    json_array_foreach(json_object_get(by, "runs"), i, run) {
        const char *said = sb_json_str(run, "output") ? sb_json_str(run, "output") : "", *p = said + strlen(said);
        char took[64];
        sb_duration_format(took, sizeof took, sb_json_int(run, "took_ms"));
        line(out, "", "it ended with %" PRId64 " after %s%s", sb_json_int(run, "exit"), took, json_is_true(json_object_get(run, "late")) ? ": it was ended, its time was over" : "");
        for (int lines = 0; p > said && lines < 4; p--)
            lines += p[-1] == '\n';
        for (p += *p == '\n' ? 1 : 0; *p; p += strcspn(p, "\n"), p += *p == '\n')
            line(out, "", "  %.*s", (int)strcspn(p, "\n"), p);
    }
}

static void tell(struct sb_str *out, const json_t *r)
{
    const json_t *restored = json_object_get(r, "restored"), *target = json_object_get(r, "target"), *cap = json_object_get(r, "cap"), *sample = json_object_get(r, "sample"), *by = json_object_get(r, "restorer"), *check;
    const char *left = sb_json_str(r, "left"), *version = sb_json_str(target, "version");
    bool ok = json_is_true(json_object_get(r, "ok"));
    char restoring[64], comparing[64];
    size_t i;
    sb_duration_format(restoring, sizeof restoring, sb_json_int(r, "restore_ms"));
    sb_duration_format(comparing, sizeof comparing, sb_json_int(r, "compare_ms"));
    sb_str_addf(out, "%s: drill %s of ", ok ? "PASSED" : "FAILED", sb_json_str(r, "drill"));
    sb_backup_wrap(out, sb_json_str(json_object_get(r, "backup"), "path"), 2, 30);
    sb_str_addc(out, '\n');
    if (!ok)
        line(out, "cause", "%s (%s)", sb_json_str(r, "cause"), sb_json_str(r, "stage"));
    line(out, "shown", "%s of 5%s%s", sb_json_str(r, "level"), cap && json_is_object(cap) ? ", and no more than L2 for a policy: " : "", json_is_object(cap) ? sb_json_str(cap, "why") : "");
    if (sb_json_str(target, "id") && sb_json_str(target, "id")[0])
        line(out, "target", "%s, %s, version %s%s", sb_json_str(target, "server"), sb_json_str(target, "id"), version && version[0] ? version : "unknown",
             json_is_true(json_object_get(target, "simulated")) ? ", SIMULATED" : "");
    if (json_is_object(by))
        tell_restorer(out, by);
    if (sb_json_int(restored, "collections")) {
        line(out, "restored", "%" PRId64 " collections, %" PRId64 " documents, %" PRId64 " bytes, %" PRId64 " indexes, %" PRId64 " views, %" PRId64 " entries of the oplog; left out: %" PRId64,
             sb_json_int(restored, "collections"), sb_json_int(restored, "documents"), sb_json_int(restored, "bytes"), sb_json_int(restored, "indexes"), sb_json_int(restored, "views"),
             sb_json_int(restored, "oplog_entries"), sb_json_int(restored, "skipped"));
        line(out, "took", "%s to restore (%" PRId64 ".%" PRId64 " MB/s), %s to compare", restoring, sb_json_int(r, "bytes_per_s") / 1000000, sb_json_int(r, "bytes_per_s") / 100000 % 10, comparing);
        line(out, "sample", "%" PRId64 " of %" PRId64 " documents found by their _id as they were", sb_json_int(sample, "same"), sb_json_int(sample, "looked_up"));
    }
    json_array_foreach(json_object_get(r, "not_compared"), i, check)
        line(out, i ? "" : "not compared", "%s: the backup's own oplog changes its documents", json_string_value(check));
    json_array_foreach(json_object_get(r, "checks"), i, check)
        line(out, i ? "" : "checks", "%s %s %s", sb_json_str(check, "kind"), sb_json_str(check, "name") ? sb_json_str(check, "name") : sb_json_str(check, "ns"),
             json_is_true(json_object_get(check, "ok")) ? "passed" : "FAILED");
    tell_differences(out, json_object_get(r, "differences"), "differences");
    if (json_object_get(r, "source")) {
        const json_t *source = json_object_get(r, "source");
        const char *blind = sb_json_str(source, "blind");
        if (blind)
            line(out, "source", "could not be compared: %s", blind);
        else
            line(out, "source", "%" PRId64 " differences in indexes and options by now; of the sample %" PRId64 " of %" PRId64 " are as they were", sb_json_int(source, "differences_found"),
                 sb_json_int(json_object_get(source, "sample"), "same"), sb_json_int(json_object_get(source, "sample"), "looked_up"));
        tell_differences(out, json_object_get(source, "differences"), "");
    }
    if (left)
        line(out, "NOT CLEARED", "%s. The next drill into this target does it", left);
    else if (json_is_true(json_object_get(r, "kept")))
        line(out, "kept", "what was restored is still there");
    line(out, "recorded", "%s", sb_json_str(r, "recorded"));
}

static int answer(const struct sb_backup_words *words, json_t *report)
{
    bool ok = json_is_true(json_object_get(report, "ok"));
    bool guarded = !ok && sb_streq(sb_json_str(report, "stage"), "guard"), known = sb_json_str(json_object_get(report, "target"), "id")[0] != '\0';
    int status = ok ? 0 : !guarded ? 1 : known ? 4 : 3; /* who never answered is nobody yet */
    if (words->json)
        return sb_print_json(json_incref(report)) ? 1 : status;
    struct sb_str out;
    sb_str_init(&out);
    tell(&out, report);
    if (!sb_str_ok(&out) || sb_print("%s", out.p))
        status = 1;
    sb_str_release(&out);
    return status;
}

/* ---- the command ---- */

static int read_until(const char *word, uint64_t *until, struct sb_err *err)
{
    int64_t ms;
    *until = 0;
    if (!word)
        return 0;
    if (sb_when(word, &ms) || ms <= 0)
        return sb_fail(err, SB_EUSAGE, "--until takes a moment (2026-11-23T09:05:10), not \"%s\"", word);
    *until = (uint64_t)(ms / 1000) << 32 | UINT32_MAX;
    return 0;
}

static int prepare(struct sb_drill_options *o, const struct sb_backup_words *words, const struct sb_config *config, struct sb_drill_watched *w, struct sb_drill_known *known, const char *state_dir, struct sb_err *err)
{
    for (size_t i = 0; i < config->deployments_n; i++)
        if (sb_drill_know(known, config->deployments[i].name, config->deployments[i].uri_file, err))
            return -1;
    if (read_until(words->until, &o->until, err) || sb_drill_watched_find(w, state_dir, known, err))
        return -1;
    if (words->deployment && !sb_config_deployment(config, words->deployment))
        return sb_fail(err, SB_EUSAGE, "there is no deployment \"%s\" in the config", words->deployment);
    o->deployment = words->deployment ? words->deployment : whose(config, o->path);
    if (words->checks && !(o->checks = sb_json_load(words->checks, CHECKS_MAX, SB_JSON_ALLOW_REAL, err)))
        return -1;
    if (words->checks && !json_is_object(o->checks))
        return sb_fail(err, SB_EINPUT, "%s is JSON, but no object", words->checks);
    o->watched = w;
    o->target = server_of(o->target_file, false, err);
    o->source = o->target && words->source ? server_of(words->source, true, err) : NULL;
    return o->target && (o->source || !words->source) ? 0 : -1;
}

static void put_record(json_t *report, const struct sb_drill_options *o)
{
    struct sb_err err = SB_ERR_INIT;
    char *text;
    if (!o->deployment)
        text = sb_format("in the drills' ledger only (%s): no place of backups in the config holds it, and --deployment was not said, so that it counts for nobody's", o->dir);
    else if (tell_owner(o->deployment, sb_json_str(report, "drill"), &err))
        text = sb_format("in the drills' ledger only (%s): %s", o->dir, err.msg);
    else
        text = sb_format("on the record of %s", o->deployment);
    if (text)
        json_object_set_new(report, "recorded", sb_json_of_bytes(text, strlen(text)));
    free(text);
}

int sb_backup_drill(const struct sb_backup_words *words, const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_config config;
    struct sb_drill_watched w = {NULL, NULL, 0, 0};
    struct sb_drill_known known = {NULL, NULL, 0};
    struct sb_origin origin;
    struct sb_backup_bar bar;
    struct sb_str state;
    struct sb_drill_target started = {.lock = {-1}};
    struct sb_err why = SB_ERR_INIT;
    json_t *report = NULL;
    const struct passwd *user = getpwuid(getuid());
    struct sb_drill_options o = {.path = path, .by = user ? user->pw_name : "?", .origin = &origin, .target_file = words->into, .restorer = words->restorer, .pbm = words->pbm, .limit_s = words->limit_s, .keep = words->keep, .key = words->key, .read = sb_backup_bar_read, .ctx = &bar};
    int status;
    struct stat st;
    sb_str_init(&state);
    sb_origin_system(&origin);
    sb_mongo_init();
    int rc = sb_config_use(&config, NULL, &err);
    if (rc == 0 && stat(path, &st)) {
        rc = sb_fail_errno(&err, errno, "cannot look at %s", path);
        err.code = SB_EINPUT;
    }
    char *dir = rc == 0 && sb_path_state(&state, &err) == 0 ? sb_drill_folder(state.p) : NULL;
    o.dir = dir;
    if (dir && words->start) {
        if (sb_drill_target_start(&started, dir, words->start, words->limit_s, &err)) {
            free(dir);
            dir = NULL;
        } else {
            o.target_file = started.uri_file;
            o.started_by = words->start;
        }
    }
    rc = dir ? prepare(&o, words, &config, &w, &known, state.p, &err) : -1;
    sb_backup_bar_begin(&bar, rc == 0 ? sb_backups_size(path) : 0, rc == 0 && !words->quiet);
    if (rc == 0)
        rc = sb_drill(&o, &report, &err);
    sb_backup_bar_end(&bar);
    if (rc == 0) {
        put_record(report, &o);
        status = answer(words, report);
    } else {
        status = err.code == SB_OK ? (sb_fail_nomem(&err), sb_complain(&err)) : sb_complain(&err);
    }
    json_decref(report);
    json_decref((json_t *)(uintptr_t)o.checks);
    if (sb_drill_target_stop(&started, &why)) { /* it is on disk what is to be ended: the next drill tries again */
        int failed = sb_complain(&why);
        status = status ? status : failed;
    }
    sb_server_free((struct sb_server *)(uintptr_t)o.target);
    sb_server_free((struct sb_server *)(uintptr_t)o.source);
    sb_mongo_cleanup();
    sb_drill_watched_release(&w);
    sb_drill_known_release(&known);
    sb_config_release(&config);
    sb_str_release(&state);
    free(dir);
    return status;
}
