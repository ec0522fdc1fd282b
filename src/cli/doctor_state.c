/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/session.h>
#include <signalbox/cli/signers.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/ledger/verify.h>
#include <signalbox/mongo/server.h>
#include <signalbox/policy/lint.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define LEAST_FREE (INT64_C(256) << 20) /* a busy year of entries */

/* ---- the config ---- */

static void look_at_signers(struct doctor *d, const char *setting, const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy_signers s;
    memset(&s, 0, sizeof s);
    if (!path)
        return;
    if (sb_policy_signers_load(&s, path, &err))
        sb_found(d, SB_FOUND_WRONG, "config", "every line has to be: NAME ssh-ed25519 KEY (see: man ssh-keygen, ALLOWED SIGNERS)", "%s: %s", setting, err.msg);
    else
        sb_found(d, SB_FOUND_GOOD, "config", "", "%s: %s", setting, path);
    sb_policy_signers_release(&s);
}

static void look_at_login(struct doctor *d, const char *deployment, const char *setting, const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str uri;
    sb_str_init(&uri);
    if (path && sb_uri_from_file(path, &uri, &err))
        sb_found(d, SB_FOUND_WRONG, "config", "one line, mode 600: mongodb://user:password@host,host/?replicaSet=NAME", "%s of %s: %s", setting, deployment, err.msg);
    if (uri.p)
        explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
}

void sb_doctor_config(struct doctor *d, const struct sb_config *c, const char *problems)
{
    for (const char *p = problems; p && *p;) {
        size_t n = strcspn(p, "\n");
        sb_found(d, SB_FOUND_WRONG, "config", "", "%.*s", (int)n, p);
        p += n + (p[n] == '\n');
    }
    if (!problems || !*problems)
        sb_found(d, SB_FOUND_GOOD, "config", "", c->deployments_n == 1 ? "%zu deployment is described" : "%zu deployments are described", c->deployments_n);
    for (size_t i = 0; i < c->deployments_n; i++) {
        const struct sb_config_deployment *of = &c->deployments[i];
        look_at_login(d, of->name, "uri_file", of->uri_file);
        look_at_login(d, of->name, "executor_uri_file", of->executor_uri_file);
        look_at_login(d, of->name, "drill_uri_file", of->drill_uri_file);
        look_at_login(d, of->name, "what_if_uri_file", of->what_if_uri_file);
        if (!of->executor_uri_file)
            sb_found(d, SB_FOUND_NOTE, "config", "set executor_uri_file PATH in its section", "%s has one login for reading and for what is executed", of->name);
    }
    look_at_signers(d, "policy_signers", c->policy_signers);
    look_at_signers(d, "approval_signers", c->approval_signers);
    if (c->signing_key && access(c->signing_key, R_OK))
        sb_found(d, SB_FOUND_WRONG, "config", "", "signing_key: %s: %s", c->signing_key, strerror(errno));
    if (!c->witness)
        sb_found(d, SB_FOUND_NOTE, "config", "set witness PATH, on another host or a medium that nobody here can change",
                 "no witness: who may write the state folder could replace the whole record, and nothing here would tell");
}

/* ---- the state folder and the ledger ---- */

/* Where locks are not what they are on a disk of this host, two owners could write. */
static const char *remote_file_system(const struct statfs *s)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {{0x6969, "NFS"}, {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB"}, {0x517B, "SMB"}, {0x01021997, "9p"}, {0x00C36400, "Ceph"}, {0x65735546, "FUSE"}};
    for (size_t i = 0; i < SB_COUNT(remote); i++)
        if ((unsigned long)s->f_type == remote[i].magic)
            return remote[i].name;
    return NULL;
}

static void look_at_disk(struct doctor *d, const char *dir)
{
    struct statfs s;
    if (statfs(dir, &s)) {
        sb_found(d, SB_FOUND_WRONG, "state", "", "%s: %s", dir, strerror(errno));
        return;
    }
    const char *remote = remote_file_system(&s);
    int64_t left = (int64_t)s.f_bavail * (int64_t)s.f_bsize;
    if (remote)
        sb_found(d, SB_FOUND_WRONG, "state", "set XDG_STATE_HOME to a disk of this host", "%s is on %s: its locks do not keep a second owner out as a disk's do", dir, remote);
    if (access(dir, W_OK))
        sb_found(d, SB_FOUND_WRONG, "state", "", "%s cannot be written: %s. Without a ledger nothing is executed", dir, strerror(errno));
    else if (left < LEAST_FREE)
        sb_found(d, SB_FOUND_WRONG, "state", "make room", "%s has %" PRId64 " MB left; when the disk is full nothing is executed", dir, left >> 20);
    else if (!remote)
        sb_found(d, SB_FOUND_GOOD, "state", "", "%s, %" PRId64 " MB free", dir, left >> 20);
}

static void how_far(void *ctx, int64_t done, int64_t total)
{
    sb_doctor_doing(ctx, "the ledger: entry %" PRId64 " of %" PRId64, done, total);
}

static void look_at_ledger(struct doctor *d, const struct sb_config *c, const char *dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_verify v;
    struct sb_owner owner = {0};
    char *lock = sb_format("%s/lock", dir);
    if (sb_ledger_find(dir, &err)) {
        sb_found(d, SB_FOUND_NOTE, "ledger", "", "none yet: it begins with the first console, serve or ask");
    } else if (sb_ledger_verify_against(dir, c->witness, 0, how_far, d, &v, &err)) {
        sb_found(d, SB_FOUND_WRONG, "ledger", "", "%s", err.msg);
    } else if (!v.ok) {
        sb_found(d, SB_FOUND_WRONG, "ledger", "see signalbox audit verify --full, and keep a copy of the folder as it is", "BROKEN: %s", v.what);
    } else {
        sb_found(d, SB_FOUND_GOOD, "ledger", "", "%" PRId64 " entries, each as it was recorded", v.entries);
    }
    if (lock && sb_lock_owner(lock, &owner, &err) == 0 && owner.held && owner.state == 'T')
        sb_found(d, SB_FOUND_WRONG, "ledger", "continue it (kill -CONT), or end it", "its owner, process %" PRId64 ", is stopped: nobody watches or executes", owner.pid);
    else if (owner.held)
        sb_found(d, SB_FOUND_GOOD, "ledger", "", "process %" PRId64 " owns it", owner.pid);
    free(lock);
}

void sb_doctor_state(struct doctor *d, const struct sb_config *c)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str dir;
    sb_str_init(&dir);
    bool there = false;
    if (!sb_doctor_step(d, "the state folder"))
        return;
    if (sb_path_state_seen(&dir, &err))
        sb_found(d, SB_FOUND_WRONG, "state", "it has to be a folder of yours, mode 700", "%s", err.msg);
    else if (access(dir.p, F_OK))
        sb_found(d, SB_FOUND_NOTE, "state", "", "%s is not there yet: it is made when it is needed", dir.p);
    else
        there = true;
    if (there)
        look_at_disk(d, dir.p);
    if (sb_doctor_step(d, "the ledger") && there)
        look_at_ledger(d, c, dir.p);
    if (there)
        sb_doctor_store(d, c, dir.p);
    sb_str_release(&dir);
}

/* ---- the policy ---- */

void sb_doctor_policy(struct doctor *d, const struct sb_config *c)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    struct sb_lint lint = {0};
    const char *name = c->policy ? c->policy : "default", *path;
    char today[SB_TIME_LEN + 1];
    sb_str_init(&text);
    sb_time_format(today, sb_wall_ms());
    today[10] = '\0';
    struct sb_policy *p = sb_policy_text_of(name, &text, &path, &err) ? NULL : sb_policy_load(text.p, text.len, path, &sb_zones_of_system, &err);
    if (!p || sb_policy_lint(p, text.p, text.len, today, &lint, &err))
        sb_found(d, SB_FOUND_WRONG, "policy", "see signalbox policy lint; the last good one stays in force", "%s", err.msg);
    else if (lint.findings_n)
        sb_found(d, SB_FOUND_NOTE, "policy", "see signalbox policy lint", lint.findings_n == 1 ? "%s: %zu remark" : "%s: %zu remarks", name, lint.findings_n);
    else
        sb_found(d, SB_FOUND_GOOD, "policy", "", "%s loads, and has no remark of lint", name);
    sb_record_release(&sb_lint_schema, &lint);
    sb_policy_free(p);
    sb_str_release(&text);
}
