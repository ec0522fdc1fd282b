/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a folder of ledgers whole, by itself: no store, no host, no network. */
#include "audit_fleet.h"

#include "audit.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/copy.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST_MOST (16 << 20)

struct verifying {
    const struct sb_audit_fleet *a;
    struct sb_key_list logs, witnesses;
    json_t *manifest;
    json_t *ledgers; /* of the report */
    size_t broken, unsigned_, uncosigned;
};

static bool is_log(const char *text)
{
    return text && strlen(text) == SB_LOG_ID_LEN && strspn(text, "0123456789abcdef") == SB_LOG_ID_LEN;
}

static int load_keys(struct verifying *v, struct sb_err *err)
{
    const struct sb_audit_fleet *a = v->a;
    char *own = sb_format("%s/cosigners", a->dir);
    int rc = own ? 0 : sb_fail_nomem(err);
    if (rc == 0 && a->logs)
        rc = sb_key_list_load(&v->logs, SB_KEY_LOG, a->logs, err);
    if (rc == 0 && (a->cosigners || access(own, F_OK) == 0))
        rc = sb_key_list_load(&v->witnesses, SB_KEY_COSIGNER, a->cosigners ? a->cosigners : own, err);
    free(own);
    return rc;
}

static int keys_of(const struct verifying *v, const char *dir, const char *log, struct sb_log_keys *keys, struct sb_err *err)
{
    struct sb_key_list list = {.n = 0};
    memset(keys, 0, sizeof *keys);
    if (v->a->logs) {
        sb_key_list_of(&v->logs, log, keys);
        return 0;
    }
    char *path = sb_format("%s/" SB_COPY_KEY, dir);
    int rc = !path ? sb_fail_nomem(err) : access(path, F_OK) ? 0 : sb_key_list_load(&list, SB_KEY_LOG, path, err);
    if (rc == 0)
        sb_key_list_of(&list, log, keys);
    sb_key_list_release(&list);
    free(path);
    return rc;
}

static json_t *signed_json(const struct sb_copy_signed *s)
{
    char at[SB_TIME_LEN + 1];
    bool said = s->state != SB_COPY_NONE && s->state != SB_COPY_UNREADABLE;
    sb_time_format(at, s->at_s * 1000);
    json_t *o = json_pack("{s:s,s:o,s:s%}", "state", sb_name(&sb_copy_states, (int)s->state), "size", said ? json_integer(s->c.size) : json_null(), "what", s->what, strlen(s->what));
    if (o && s->by[0] && (json_object_set_new(o, "witness", json_string(s->by)) || json_object_set_new(o, "at", said ? json_string(at) : json_null()))) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

static json_t *copy_json(const struct sb_copy *c, const json_t *of, const char *log)
{
    json_t *cosigned = json_array();
    for (size_t i = 1; i < c->by_n; i++)
        json_array_append_new(cosigned, signed_json(&c->by[i]));
    json_t *bad = c->ok ? json_null() : json_pack("{s:o,s:s%}", "index", c->bad ? json_integer(c->bad) : json_null(), "what", c->what, strlen(c->what));
    return json_pack("{s:s,s:s?,s:s?,s:s?,s:b,s:I,s:o,s:I,s:o,s:o,s:o}", "log", log, "host", sb_json_str(of, "host"), "deployment", sb_json_str(of, "deployment"), "environment",
                     sb_json_str(of, "environment"), "ok", c->ok, "entries", (json_int_t)c->entries, "root", sb_audit_hash_json(&c->root), "sure", (json_int_t)c->sure, "first_bad", bad,
                     "checkpoint", signed_json(&c->by[0]), "cosigned", cosigned);
}

static void print_copy(const struct sb_copy *c, const json_t *of, const char *log)
{
    const char *host = sb_json_str(of, "host"), *deployment = sb_json_str(of, "deployment");
    struct sb_str line;
    sb_str_init(&line);
    sb_str_addf(&line, "%s %.12s  %s on %s: %" PRId64 " %s", c->ok ? "ok    " : "BROKEN", log, deployment ? deployment : "?", host ? host : "?", c->entries, c->entries == 1 ? "entry" : "entries");
    if (c->ok)
        sb_str_addf(&line, ", signed up to entry %" PRId64, c->sure);
    else if (c->bad)
        sb_str_addf(&line, " good, then entry %" PRId64 ": %s", c->bad, c->what);
    else
        sb_str_addf(&line, ": %s", c->what);
    sb_print_line("%s", line.p ? line.p : "");
    sb_str_release(&line);
    for (size_t i = 0; i < c->by_n; i++) {
        const struct sb_copy_signed *s = &c->by[i];
        const char *by = s->by[0] ? s->by : "the ledger";
        char at[SB_TIME_LEN + 1];
        sb_time_format(at, s->at_s * 1000);
        if (s->state == SB_COPY_NONE)
            sb_print_line("         %s has signed nothing of it", by);
        else if (s->state == SB_COPY_AGREES && s->by[0])
            sb_print_line("         %s vouched up to entry %" PRId64 " at %s", by, s->c.size, at);
        else if (s->state != SB_COPY_AGREES && (c->bad || strcmp(s->what, c->what) != 0))
            sb_print_line("         %s: %s", by, s->what);
    }
}

static int verify_one(struct verifying *v, const json_t *of, struct sb_err *err)
{
    const char *log = sb_json_str(of, "log");
    struct sb_log_keys keys;
    struct sb_copy *copy = calloc(1, sizeof *copy);
    char *dir = sb_format("%s/%s", v->a->dir, log);
    int rc = dir && copy ? keys_of(v, dir, log, &keys, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_copy_verify(dir, log, &keys, &v->witnesses, sb_wall_ms() / 1000, copy, err);
    if (rc == 0) {
        bool vouched = false;
        for (size_t i = 1; i < copy->by_n; i++)
            vouched |= copy->by[i].state == SB_COPY_AGREES;
        v->broken += !copy->ok;
        v->unsigned_ += copy->by[0].state == SB_COPY_NONE;
        v->uncosigned += !vouched;
        if (!v->a->json)
            print_copy(copy, of, log);
        if (json_array_append_new(v->ledgers, copy_json(copy, of, log)))
            rc = sb_fail_nomem(err);
    }
    free(copy);
    free(dir);
    return rc;
}

/* A folder that nobody speaks of may be a ledger that was taken out of the manifest. */
static int unlisted(const struct verifying *v, struct sb_err *err)
{
    DIR *d = opendir(v->a->dir);
    if (!d)
        return sb_fail(err, SB_EINPUT, "cannot read the folder %s", v->a->dir);
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        bool listed = !is_log(e->d_name);
        size_t i;
        json_t *of;
        json_array_foreach(json_object_get(v->manifest, "ledgers"), i, of)
            listed |= sb_streq(sb_json_str(of, "log"), e->d_name);
        if (!listed)
            rc = sb_fail(err, SB_ENO, "%s holds the ledger %s, of which its manifest says nothing", v->a->dir, e->d_name);
    }
    closedir(d);
    return rc;
}

static int load_manifest(struct verifying *v, struct sb_err *err)
{
    struct sb_str text;
    size_t i;
    json_t *of;
    char *path = sb_format("%s/manifest.json", v->a->dir);
    sb_str_init(&text);
    int rc = path ? sb_file_read_named(path, MANIFEST_MOST, &text, err) : sb_fail_nomem(err);
    if (rc == 0 && !(v->manifest = sb_json_parse(text.p, text.len, path, SB_JSON_STRICT, err)))
        rc = -1;
    if (rc == 0 && (!sb_streq(sb_json_str(v->manifest, "format"), "signalbox.fleet/1") || !json_is_array(json_object_get(v->manifest, "ledgers"))))
        rc = sb_fail(err, SB_EINPUT, "%s is no manifest of such an export", path);
    if (rc == 0)
        json_array_foreach(json_object_get(v->manifest, "ledgers"), i, of)
            if (!is_log(sb_json_str(of, "log"))) /* it becomes a path */
                rc = sb_fail(err, SB_EINPUT, "%s names a ledger that is none", path);
    sb_str_release(&text);
    free(path);
    return rc;
}

static json_t *report_of(struct verifying *v)
{
    return json_pack("{s:b,s:s,s:I,s:I,s:I,s:O}", "ok", v->broken == 0, "keys", v->a->logs ? "given" : "of the export", "broken", (json_int_t)v->broken, "without_checkpoint",
                     (json_int_t)v->unsigned_, "without_cosignature", (json_int_t)v->uncosigned, "ledgers", v->ledgers);
}

int sb_audit_fleet_verify(const struct sb_audit_fleet *a, json_t **report, struct sb_err *err)
{
    struct verifying v = {.a = a, .ledgers = json_array()};
    size_t i;
    json_t *of;
    int rc = v.ledgers ? load_manifest(&v, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = unlisted(&v, err);
    if (rc == 0)
        rc = load_keys(&v, err);
    if (rc == 0)
        json_array_foreach(json_object_get(v.manifest, "ledgers"), i, of)
            if ((rc = verify_one(&v, of, err)))
                break;
    json_t *told = rc == 0 ? report_of(&v) : NULL;
    if (rc == 0 && !told)
        rc = sb_fail_nomem(err);
    if (rc == 0 && a->json)
        rc = sb_print_json(json_incref(told)) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    else if (rc == 0)
        rc = sb_print("%zu ledgers, %zu broken, %zu without a checkpoint, %zu that no witness vouched for; keys: %s\n", json_array_size(v.ledgers), v.broken, v.unsigned_, v.uncosigned,
                      a->logs ? "those that were given" : "those of the export itself (bring your own: --logs FILE)")
                 ? sb_fail(err, SB_EIO, "cannot write")
                 : 0;
    if (report && rc == 0)
        *report = json_incref(told);
    json_decref(told);
    json_decref(v.ledgers);
    json_decref(v.manifest);
    sb_key_list_release(&v.logs);
    sb_key_list_release(&v.witnesses);
    return rc ? -1 : v.broken ? 1 : 0;
}
