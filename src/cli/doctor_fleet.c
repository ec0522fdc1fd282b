/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shared store tells of every host: who beats, who owns what, whose copy is behind, whose record went back, for whom
 * nobody vouches. */
#include "doctor.h"
#include "store_look.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/ledger/cosign.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_LATE_MS 60000 /* a host beats every few seconds */
#define LAG_MOST 500       /* entries: as many as a busy minute makes */
#define VOUCHED_MS (INT64_C(7) * 86400000)
#define VERSIONS_TOLD 3

/* A ledger as the store has it. */
struct ledger_row {
    char log[SB_LOG_ID_LEN + 1], host[80], deployment[80], program[32], root[SB_HEX_LEN + 1];
    char *key;
    int64_t version, beat, head, in_store, checkpoint; /* checkpoint -1: there is none; in_store -1: it cannot be told */
    bool host_row, draining;
};

struct fleet_look {
    struct doctor *d;
    struct sb_store *s;
    struct ledger_row *row;
    size_t n, cap;
    struct sb_lease *leases;
    size_t leases_n;
    struct sb_err leases_err;
    int64_t now;
    struct sb_store_odd odd;
    bool nomem;
};

static struct ledger_row *row_of(struct fleet_look *f, const char *log)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->row[i].log, log) == 0)
            return &f->row[i];
    if (SB_GROW(f->row, f->cap, f->n + 1)) {
        f->nomem = true;
        return NULL;
    }
    struct ledger_row *r = &f->row[f->n++];
    *r = (struct ledger_row){.checkpoint = -1};
    snprintf(r->log, sizeof r->log, "%s", log);
    snprintf(r->host, sizeof r->host, "a host without a row");
    snprintf(r->deployment, sizeof r->deployment, "?");
    return r;
}

static bool on_host(void *ctx, const struct sb_store_host_row *h)
{
    struct fleet_look *f = ctx;
    struct ledger_row *r = row_of(f, h->log);
    if (!r)
        return false;
    r->host_row = true;
    r->version = h->version;
    r->beat = h->beat;
    r->head = h->head;
    r->draining = h->draining;
    snprintf(r->host, sizeof r->host, "%s", h->host ? h->host : "?");
    snprintf(r->deployment, sizeof r->deployment, "%s", h->deployment ? h->deployment : "?");
    snprintf(r->program, sizeof r->program, "%s", h->program ? h->program : "?");
    f->nomem |= sb_str_set(&r->key, h->key);
    return !f->nomem;
}

static bool on_checkpoint(void *ctx, const struct sb_store_checkpoint_row *c)
{
    struct fleet_look *f = ctx;
    struct ledger_row *r = row_of(f, c->log);
    if (!r)
        return false;
    r->checkpoint = c->n;
    snprintf(r->root, sizeof r->root, "%s", c->root);
    return true;
}

/* ---- hosts ---- */

/* A ledger that gave its lease back, or whose deployment another one has taken over, need not beat any more. */
static bool owns(const struct fleet_look *f, const struct ledger_row *r)
{
    bool owns = false;
    for (size_t i = 0; i < f->leases_n; i++)
        owns |= strcmp(f->leases[i].owner, r->log) == 0;
    return owns;
}

static void look_at_host(struct fleet_look *f, const struct ledger_row *r)
{
    int64_t age = f->now > r->beat ? f->now - r->beat : 0, lag = r->in_store < 0 ? 0 : r->head - r->in_store;
    bool late = age > BEAT_LATE_MS;
    if (!r->host_row)
        sb_found(f->d, SB_FOUND_NOTE, "hosts", "", "the ledger %.12s has copies in the store, and no host says that it owns it", r->log);
    else if (late && r->draining)
        sb_found(f->d, SB_FOUND_NOTE, "hosts", "", "%s (%s) was draining, and its last beat was %" PRId64 " s ago: it has left", r->host, r->deployment, age / 1000);
    else if (late && f->leases_n && !owns(f, r))
        sb_found(f->d, SB_FOUND_NOTE, "hosts", "if one ought to run there, see whether it does", "%s (%s) has not beaten for %" PRId64 " s and owns no deployment now: it has ended; ledger %.12s", r->host,
                 r->deployment, age / 1000, r->log);
    else if (late)
        sb_found(f->d, SB_FOUND_WRONG, "hosts", "see whether its process runs and reaches the store", "%s (%s) has not beaten for %" PRId64 " s: its copies are as old; ledger %.12s", r->host, r->deployment, age / 1000,
                 r->log);
    else
        sb_found(f->d, r->draining ? SB_FOUND_NOTE : SB_FOUND_GOOD, "hosts", "", "%s (%s), program %s, beat %" PRId64 " s ago, entry %" PRId64 ", ledger %.12s%s", r->host, r->deployment, r->program,
                 age / 1000, r->head, r->log, r->draining ? "; it is draining" : "");
    if (r->host_row && lag > 0)
        sb_found(f->d, lag > LAG_MOST ? SB_FOUND_WRONG : SB_FOUND_NOTE, "publish", lag > LAG_MOST ? "see what keeps it from the store: signalbox doctor on that host" : "",
                 "%s (%s): %" PRId64 " of its %" PRId64 " entries are not in the store", r->host, r->deployment, lag, r->head);
    if (r->version > SB_STORE_VERSION)
        sb_found(f->d, SB_FOUND_NOTE, "hosts", "", "%s writes version %" PRId64 " of the store's form, and this program knows %d", r->host, r->version, SB_STORE_VERSION);
}

/* Several programs at once are a rolling upgrade, or one that was left halfway. */
static void look_at_versions(struct fleet_look *f)
{
    struct sb_str text;
    const char *told[VERSIONS_TOLD];
    size_t kinds = 0;
    sb_str_init(&text);
    for (size_t i = 0; i < f->n; i++) {
        size_t k = 0, as_many = 0;
        while (k < kinds && k < VERSIONS_TOLD && strcmp(told[k], f->row[i].program) != 0)
            k++;
        if (!f->row[i].host_row || k < kinds)
            continue;
        for (size_t j = 0; j < f->n; j++)
            as_many += f->row[j].host_row && strcmp(f->row[j].program, f->row[i].program) == 0;
        if (kinds < VERSIONS_TOLD) {
            told[kinds++] = f->row[i].program;
            sb_str_addf(&text, "%s%s on %zu", text.len ? ", " : "", f->row[i].program, as_many);
        }
    }
    if (kinds > 1)
        sb_found(f->d, SB_FOUND_NOTE, "versions", "bring the rest to the newest one", "hosts run different programs: %s", text.p ? text.p : "?");
    sb_str_release(&text);
}

/* ---- leases ---- */

static void look_at_lease(struct fleet_look *f, const struct sb_lease *l)
{
    const char *name = l->name[0] ? l->name : l->deployment;
    int64_t over = f->now - l->until;
    if (l->hold.until > f->now)
        sb_found(f->d, SB_FOUND_NOTE, "leases", "when it is over before: signalbox store maintenance DEPLOYMENT off", "%s is held in maintenance by %s for %" PRId64 " s more: %s", name, l->hold.by, (l->hold.until - f->now) / 1000, l->hold.reason);
    if (!l->owner[0])
        sb_found(f->d, SB_FOUND_WRONG, "leases", "start signalbox serve --fleet on a host that describes it", "nobody owns %s", name);
    else if (over > 0 && l->open.card[0])
        sb_found(f->d, SB_FOUND_WRONG, "leases", "when it is proven dead: signalbox store take-over DEPLOYMENT --proven-dead REASON",
                 "the lease of %s is over since %" PRId64 " s with step %" PRId64 " of %s under way (class %s), by %s: nobody takes it by itself", name, over / 1000, l->open.step, l->open.card,
                 sb_name(&sb_step_classes, l->open.class_), l->host);
    else if (over > 0)
        sb_found(f->d, SB_FOUND_WRONG, "leases", "see whether the host runs; another one takes it over by itself", "the lease of %s is over since %" PRId64 " s; it was %s's", name, over / 1000, l->host);
    else
        sb_found(f->d, SB_FOUND_GOOD, "leases", "", "%s: %s (process %" PRId64 ") for %" PRId64 " s more, epoch %" PRId64, name, l->host, l->pid, -over / 1000, l->epoch);
}

static void look_at_leases(struct fleet_look *f)
{
    if (f->leases_err.code != SB_OK)
        sb_found(f->d, SB_FOUND_WRONG, "leases", "", "%s", f->leases_err.msg);
    else if (f->leases_n == 0)
        sb_found(f->d, SB_FOUND_NOTE, "leases", "", "there are no leases: each deployment is owned by whoever is started for it");
    for (size_t i = 0; i < f->leases_n; i++)
        look_at_lease(f, &f->leases[i]);
}

/* ---- records ---- */

static void look_at_record(struct fleet_look *f, const struct ledger_row *r)
{
    if (r->checkpoint < 0)
        sb_found(f->d, SB_FOUND_NOTE, "ledgers", "signalbox audit checkpoint, there", "%s (%s) has put no checkpoint into the store; ledger %.12s", r->host, r->deployment, r->log);
    else if (r->in_store >= 0 && r->checkpoint > r->in_store)
        sb_found(f->d, SB_FOUND_WRONG, "ledgers", "the store lost entries, or was restored: see signalbox help store",
                 "the checkpoint of %s (%s) covers %" PRId64 " entries, and the store has %" PRId64 " of them", r->host, r->deployment, r->checkpoint, r->in_store);
}

/* What a witness vouched for, out of the folder that the hosts share, held against the store's checkpoint. 1 it has vouched. */
static int look_at_vouch(struct fleet_look *f, const struct ledger_row *r, const char *folder, const struct sb_log_key *witness)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_key_list list = {.n = 0};
    struct sb_log_keys keys = {.n = 0};
    struct sb_checkpoint c;
    struct sb_note note = {.n = 0};
    struct sb_str text;
    char root[SB_HEX_LEN + 1], at[SB_TIME_LEN + 1];
    int64_t at_s = 0;
    int vouched = 0;
    char *path = sb_format("%s/%s.%s.cosigned", folder, r->log, witness->name);
    sb_str_init(&text);
    if (!path || access(path, F_OK))
        goto out;
    int rc = r->key ? sb_key_list_parse(&list, SB_KEY_LOG, r->key, strlen(r->key), "the key in the store", &why) : sb_fail(&why, SB_ENO, "the store names no key of it");
    if (rc == 0)
        sb_key_list_of(&list, r->log, &keys);
    if (rc == 0)
        rc = sb_file_read(path, SB_NOTE_MAX, &text, &why);
    if (rc == 0)
        rc = sb_checkpoint_parse(&c, text.p, text.len, &keys, path, &why);
    if (rc == 0)
        rc = sb_note_parse(&note, text.p, text.len, path, &why);
    if (rc == 0 && strcmp(c.log, r->log) != 0)
        rc = sb_fail(&why, SB_ENO, "%s is of another ledger", path);
    if (rc == 0 && (vouched = sb_cosigned(&note, witness, &at_s, &why)) <= 0)
        rc = vouched < 0 ? -1 : sb_fail(&why, SB_ENO, "%s is not cosigned by %s", path, witness->name);
    if (rc) {
        vouched = 0;
        sb_found(f->d, SB_FOUND_WRONG, "witnesses", "", "%s (%s): %s", r->host, r->deployment, why.msg);
        goto out;
    }
    sb_hex_encode(root, c.root.bytes, SB_HASH_LEN);
    sb_time_format(at, at_s * 1000);
    int64_t age = sb_wall_ms() - at_s * 1000;
    if (r->checkpoint >= 0 && c.size > r->checkpoint)
        sb_found(f->d, SB_FOUND_WRONG, "ledgers", "keep a copy of both, and see signalbox audit verify on that host",
                 "the checkpoint of %s (%s) went back: the store says %" PRId64 " entries, and %s vouched at %s for %" PRId64, r->host, r->deployment, r->checkpoint, witness->name, at, c.size);
    else if (c.size == r->checkpoint && strcmp(root, r->root) != 0)
        sb_found(f->d, SB_FOUND_WRONG, "ledgers", "keep a copy of both, and see signalbox audit verify on that host",
                 "the ledger of %s (%s) was forked: %s vouched at %s for another root of %" PRId64 " entries", r->host, r->deployment, witness->name, at, c.size);
    else
        sb_found(f->d, age > VOUCHED_MS ? SB_FOUND_NOTE : SB_FOUND_GOOD, "witnesses", age > VOUCHED_MS ? "signalbox audit witness sync, on both hosts, from cron" : "",
                 "%s (%s): %s vouched for the first %" PRId64 " entries %" PRId64 " h ago", r->host, r->deployment, witness->name, c.size, age > 0 ? age / 3600000 : 0);
out:
    sb_note_release(&note);
    sb_key_list_release(&list);
    sb_str_release(&text);
    free(path);
    return vouched > 0;
}

static void look_at_witnesses(struct fleet_look *f, const struct sb_config *c)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_key_list witnesses = {.n = 0};
    struct sb_str dir;
    sb_str_init(&dir);
    char *path = sb_path_state_seen(&dir, &err) == 0 ? sb_format("%s/cosigners", dir.p) : NULL;
    if (!c->cosigned)
        sb_found(f->d, SB_FOUND_NOTE, "witnesses", "set cosigned FOLDER, and see signalbox help audit, witness", "the config names no folder over which hosts vouch for each other: nothing is known of it");
    else if (!path || access(path, F_OK))
        sb_found(f->d, SB_FOUND_NOTE, "witnesses", "see signalbox help audit, witness", "whose word counts is not known: there is no file cosigners in the state folder");
    else if (sb_key_list_load(&witnesses, SB_KEY_COSIGNER, path, &err))
        sb_found(f->d, SB_FOUND_WRONG, "witnesses", "", "%s", err.msg);
    for (size_t i = 0; witnesses.n && i < f->n; i++) {
        int vouched = 0;
        for (size_t k = 0; k < witnesses.n; k++)
            vouched += look_at_vouch(f, &f->row[i], c->cosigned, &witnesses.item[k]);
        if (!vouched)
            sb_found(f->d, SB_FOUND_NOTE, "witnesses", "signalbox audit witness sync, on both hosts, from cron", "nobody known here has vouched for the ledger of %s (%s)", f->row[i].host, f->row[i].deployment);
    }
    sb_key_list_release(&witnesses);
    sb_str_release(&dir);
    free(path);
}

/* ---- all of it ---- */

static int by_host(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    int c = strcmp(x->host, y->host);
    return c ? c : strcmp(x->log, y->log);
}

static int read_rows(struct fleet_look *f, struct sb_err *err)
{
    if (sb_store_now(f->s, &f->now, err) || sb_store_hosts(f->s, on_host, f, &f->odd, err) < 0 || sb_store_checkpoints(f->s, on_checkpoint, f, &f->odd, err) < 0)
        return -1;
    for (size_t i = 0; i < f->n; i++)
        if (sb_store_head(f->s, f->row[i].log, &f->row[i].in_store, err)) {
            if (err->code != SB_EINPUT)
                return -1;
            f->row[i].in_store = -1; /* of this one alone nothing is known */
            sb_found(f->d, SB_FOUND_WRONG, "ledgers", "keep a copy of the store, and see signalbox audit verify on that host", "%s", err->msg);
            *err = (struct sb_err)SB_ERR_INIT;
        }
    return f->nomem ? sb_fail_nomem(err) : 0;
}

static void look_at_store(struct doctor *d, const struct sb_config *c, struct fleet_look *f)
{
    struct sb_err err = SB_ERR_INIT;
    const char *why;
    if (read_rows(f, &err)) {
        sb_found(d, SB_FOUND_WRONG, "store", "", "%s", err.msg);
        return;
    }
    if (sb_store_find_fault(f->s, &why) == SB_STORE_WELL)
        sb_found(d, SB_FOUND_GOOD, "store", "", "%s, %zu ledgers", sb_store_shown(f->s), f->n);
    else
        sb_found(d, SB_FOUND_WRONG, "store", "see signalbox help store", "%s", why);
    if (sb_store_lease_rows(f->s, &f->leases, &f->leases_n, &f->leases_err))
        f->leases_n = 0;
    qsort(f->row, f->n, sizeof *f->row, by_host);
    for (size_t i = 0; i < f->n; i++)
        look_at_host(f, &f->row[i]);
    look_at_versions(f);
    look_at_leases(f);
    for (size_t i = 0; i < f->n; i++)
        look_at_record(f, &f->row[i]);
    look_at_witnesses(f, c);
    if (f->odd.n)
        sb_found(d, SB_FOUND_WRONG, "store", "", "%" PRId64 " of its documents are not what may stand there; the first: %s", f->odd.n, f->odd.what);
}

int sb_doctor_fleet(struct doctor *d, struct sb_err *err)
{
    struct sb_config config = {0};
    struct sb_err why = SB_ERR_INIT;
    struct fleet_look f = {.d = d, .leases_err = SB_ERR_INIT};
    int rc = sb_config_use(&config, NULL, err);
    if (rc == 0 && !(f.s = sb_store_at_hand(&config, &why))) {
        if (why.code == SB_EUSAGE)
            rc = (*err = why, -1);
        else
            sb_found(d, SB_FOUND_WRONG, "store", "", "%s", why.msg);
    }
    if (f.s)
        look_at_store(d, &config, &f);
    if (rc == 0 && (d->nomem || f.nomem))
        rc = sb_fail_nomem(err);
    for (size_t i = 0; i < f.n; i++)
        free(f.row[i].key);
    free(f.row);
    free(f.leases);
    sb_store_close(f.s);
    sb_config_release(&config);
    return rc;
}
