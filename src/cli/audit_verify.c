/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the record whole: computed anew, with a bar on a terminal, beside whoever goes on writing it. */
#include "audit.h"
#include "audit_vouch.h"

#include <signalbox/cli/bar.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/signers.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/ledger/verify.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int find_owner(const char *dir, struct sb_owner *owner, struct sb_err *err)
{
    char *path = sb_format("%s/lock", dir);
    int rc = path ? sb_lock_owner(path, owner, err) : sb_fail_nomem(err);
    free(path);
    return rc;
}

static void progress(void *ctx, int64_t done, int64_t total)
{
    sb_audit_may_stop();
    sb_bar_show(ctx, done, total, "entry");
}

static json_t *signatures_json(const struct sb_signature_report *s)
{
    json_t *bad = s->bad ? json_pack("{s:I,s:s%}", "index", (json_int_t)s->bad, "what", s->what, strlen(s->what)) : json_null();
    return json_pack("{s:I,s:I,s:o}", "signed", (json_int_t)s->is_signed, "unsigned", (json_int_t)s->unsigned_, "first_bad", bad);
}

/* What is wrong: the entries themselves, else that they are not those the witnesses saw. */
static const char *what_is_wrong(const struct sb_verify *v, const struct sb_vouches *vouches, int64_t *index)
{
    *index = v->ok && vouches->bad ? vouches->bad_index : v->bad;
    return !v->ok ? v->what : vouches->bad ? vouches->bad->what : NULL;
}

static json_t *verify_json(const struct sb_verify *v, const struct sb_owner *owner, const struct sb_vouches *vouches)
{
    int64_t index;
    const char *what = what_is_wrong(v, vouches, &index);
    json_t *bad = !what ? json_null() : json_pack("{s:o,s:s%}", "index", index ? json_integer(index) : json_null(), "what", what, strlen(what));
    json_t *out = json_pack("{s:b,s:I,s:o,s:o,s:o}", "ok", !what, "entries", (json_int_t)v->entries, "root", sb_audit_hash_json(&v->root), "head", sb_audit_hash_json(&v->head),
                            "first_bad", bad);
    int rc = !out || json_object_set_new(out, "log", json_string(v->log)) ||
             json_object_set_new(out, "checkpoint", v->checkpoint < 0 ? json_null() : json_integer(v->checkpoint)) ||
             json_object_set_new(out, "witness", v->witness < 0 ? json_null() : json_integer(v->witness)) ||
             json_object_set_new(out, "cosigned", sb_vouches_json(vouches)) ||
             json_object_set_new(out, "derived", v->derived < 0 ? json_null() : json_integer(v->derived)) ||
             json_object_set_new(out, "owner", owner->held ? json_integer(owner->pid) : json_null());
    if (rc) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static void print_stand(const char *what, int64_t entries)
{
    if (entries < 0)
        sb_print("  %-11s there is none\n", what);
    else
        sb_print("  %-11s up to entry %" PRId64 "\n", what, entries);
}

static void print_verify(const struct sb_verify *v, const struct sb_owner *owner, const struct sb_vouches *vouches)
{
    int64_t index;
    const char *what = what_is_wrong(v, vouches, &index);
    char root[SB_HEX_LEN + 1], head[SB_HEX_LEN + 1];
    sb_hex_encode(root, v->root.bytes, SB_HASH_LEN);
    sb_hex_encode(head, v->head.bytes, SB_HASH_LEN);
    if (v->ok && what && index)
        sb_print("BROKEN at entry %" PRId64 ": %s\n", index, what);
    else if (v->ok && what)
        sb_print("BROKEN: %s\n", what);
    else if (v->ok)
        sb_print("ok: %" PRId64 " %s, each as it was recorded\n", v->entries, v->entries == 1 ? "entry" : "entries");
    else if (v->bad)
        sb_print("BROKEN at entry %" PRId64 ": %s\n  the %" PRId64 " before it are good\n", v->bad, v->what, v->entries);
    else
        sb_print("BROKEN: %s\n  the %" PRId64 " entries are good\n", v->what, v->entries);
    sb_print("  %-11s %s\n  %-11s %s\n  %-11s %s\n", "log", v->log, "root", root, "head", head);
    print_stand("checkpoint", v->checkpoint);
    if (v->witness >= 0)
        print_stand("witness", v->witness);
    sb_vouches_print(vouches);
    print_stand("derived", v->derived);
    if (owner->held && owner->pid)
        sb_print("  process %" PRId64 " owns this ledger%s: this is how it stood just now\n", owner->pid, owner->state == 'T' ? " and is stopped" : " and goes on appending");
    else if (owner->held)
        sb_print("  another process owns this ledger and goes on appending: this is how it stood just now\n");
}

static void print_signatures(const struct sb_signature_report *s)
{
    if (s->bad)
        sb_print("BAD SIGNATURE: the approval in entry %" PRId64 " does not hold: %s\n", s->bad, s->what);
    else
        sb_print("  %-11s %" PRId64 " signed, each over its statement by somebody who may; %" PRId64 " not signed\n", "approvals", s->is_signed, s->unsigned_);
}

int sb_audit_verify(const struct sb_audit_verify *a, struct sb_err *err)
{
    struct sb_verify v;
    struct sb_owner owner;
    struct sb_bar bar;
    struct stat st;
    if (stat(a->dir, &st) ? errno == ENOTDIR : !S_ISDIR(st.st_mode)) /* nor anything that remembers one */
        return sb_fail(err, SB_EINPUT, "there is no ledger in %s", a->dir);
    if (find_owner(a->dir, &owner, err))
        return -1;
    struct sb_signature_report signatures = {0};
    struct sb_policy_signers keys;
    struct sb_vouches vouches;
    memset(&keys, 0, sizeof keys);
    memset(&vouches, 0, sizeof vouches);
    memset(&v, 0, sizeof v);
    sb_bar_init(&bar, a->quiet);
    int rc = a->signers ? sb_policy_signers_load(&keys, a->signers, err) : 0;
    if (rc == 0)
        rc = sb_ledger_verify_against(a->dir, a->witness, a->full ? SB_VERIFY_FULL : 0, progress, &bar, &v, err);
    sb_bar_clear(&bar);
    if (rc == 0 && a->signers)
        rc = sb_audit_signatures(a->dir, &keys.keys, v.entries, &signatures, err);
    if (rc == 0)
        rc = sb_vouches_of(&vouches, &(struct sb_audit_vouching){a->dir, a->cosigners, a->cosigned}, err);
    if (rc && v.what[0]) /* what is broken may keep even the rest from being read: that is the answer */
        rc = 0;
    sb_policy_signers_release(&keys);
    if (rc) {
        sb_vouches_release(&vouches);
        return -1;
    }
    if (a->json) {
        json_t *out = verify_json(&v, &owner, &vouches);
        if (out && json_object_set_new(out, "signatures", a->signers ? signatures_json(&signatures) : json_null())) {
            json_decref(out);
            out = NULL;
        }
        rc = sb_print_json(out);
    } else {
        print_verify(&v, &owner, &vouches);
        if (a->signers)
            print_signatures(&signatures);
    }
    bool whole = v.ok && !signatures.bad && !vouches.bad;
    sb_vouches_release(&vouches);
    return rc ? sb_fail(err, SB_EIO, "cannot write") : whole ? 0 : 1;
}
