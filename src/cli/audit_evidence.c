/* SPDX-License-Identifier: Apache-2.0
 *
 * What an auditor takes along: of each ledger a signed checkpoint, what witnesses vouched for with the proof that the checkpoint
 * continues it, and every entry with the proof that it is in there. It is checked from the keys alone, without this program, and
 * the parts of several hosts may be put one behind the other. */
#include "audit_sync.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct evidence {
    const struct sb_audit_export *o;
    const char *log;
    struct sb_tree tree;
    int64_t entries; /* that were written */
};

static json_t *path_json(const struct sb_proof *p)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < p->n; i++)
        if (json_array_append_new(list, sb_audit_hash_json(&p->path[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static int print_line(json_t *line, struct sb_err *err)
{
    return sb_print_json(line) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

static json_t *vouch_json(const struct sb_vouch *v, const struct sb_asking *a)
{
    struct sb_proof proof = {.n = 0};
    char at[SB_TIME_LEN + 1];
    if (v->c.size > 0 && sb_proof_consistency(a->leaves.hasher, a->leaves.item, (uint64_t)v->c.size, (uint64_t)a->size, &proof))
        return NULL;
    sb_time_format(at, v->at_s * 1000);
    return json_pack("{s:s,s:I,s:s,s:s%,s:o}", "witness", v->witness->name, "size", (json_int_t)v->c.size, "at", at, "note", v->note.p, v->note.len, "path", path_json(&proof));
}

static int print_ledger(const struct sb_asking *a, const struct sb_vouches *v, const char *log, struct sb_err *err)
{
    json_t *cosigned = json_array();
    int rc = cosigned ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; rc == 0 && i < v->keys.n; i++) {
        const struct sb_vouch *best = sb_vouches_best(v, &v->keys.item[i]);
        if (best && json_array_append_new(cosigned, vouch_json(best, a)))
            rc = sb_fail_nomem(err);
    }
    if (rc == 0)
        rc = print_line(json_pack("{s:s,s:s,s:I,s:s%,s:O}", "type", "ledger", "log", log, "size", (json_int_t)a->size, "checkpoint", a->note.p, a->note.len, "cosigned", cosigned), err);
    json_decref(cosigned);
    return rc;
}

static int print_entry(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct evidence *e = ctx;
    struct sb_proof proof;
    bool wanted;
    sb_audit_may_stop();
    if (sb_audit_wanted(e->o, seq, bytes, n, &wanted, err))
        return -1;
    if (!wanted)
        return 0;
    e->entries++;
    sb_tree_inclusion(&e->tree, (uint64_t)seq - 1, &proof);
    return print_line(json_pack("{s:s,s:s,s:I,s:s%,s:o}", "type", "entry", "log", e->log, "seq", (json_int_t)seq, "entry", bytes, n, "path", path_json(&proof)), err);
}

static int print_all(struct sb_ledger *l, const struct sb_vouches *v, const struct sb_audit_export *o, struct sb_err *err)
{
    struct evidence e = {.o = o, .log = sb_ledger_id(l)};
    struct sb_asking a;
    sb_asking_init(&a);
    int rc = sb_asking_prepare(&a, l, err);
    if (rc == 0)
        rc = print_ledger(&a, v, e.log, err);
    if (rc == 0 && a.size && sb_tree_build(&e.tree, a.leaves.hasher, a.leaves.item, (uint64_t)a.size))
        rc = sb_fail_nomem(err);
    if (rc == 0 && a.size)
        rc = sb_ledger_bytes(l, 1, a.size, print_entry, &e, err);
    if (rc == 0)
        rc = print_line(json_pack("{s:s,s:s,s:I}", "type", "end", "log", e.log, "entries", (json_int_t)e.entries), err);
    sb_tree_release(&e.tree);
    sb_asking_release(&a);
    return rc;
}

int sb_audit_evidence(const struct sb_audit_vouching *from, const char *copy, const struct sb_audit_export *o, struct sb_err *err)
{
    struct sb_vouches v;
    if (isatty(STDOUT_FILENO))
        return sb_fail(err, SB_EUSAGE, "an export is for a file or a pipe, not for a terminal");
    if (sb_ledger_find(from->dir, err))
        return -1;
    struct sb_ledger *l = sb_ledger_open_witnessed(from->dir, copy, SB_LEDGER_READ, NULL, err);
    memset(&v, 0, sizeof v);
    int rc = l ? sb_vouches_read(&v, from, l, err) : -1;
    if (rc == 0)
        rc = sb_vouches_judge(&v, l, err);
    if (rc == 0 && v.bad)
        rc = sb_fail(err, SB_ENO, "nothing is signed, for %s is not what was witnessed: %s", from->dir, v.bad->what);
    if (rc == 0)
        rc = print_all(l, &v, o, err);
    sb_vouches_release(&v);
    sb_ledger_close(l);
    if (rc)
        return -1;
    return fflush(stdout) ? sb_fail_errno(err, errno, "cannot write") : 0;
}
