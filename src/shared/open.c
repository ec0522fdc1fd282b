/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is there, and does it still have what it acknowledged? */
#include "private.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>

#include <inttypes.h>
#include <string.h>
#include <stdarg.h>

static const char *const states_text[] = {[SB_STORE_WELL] = "well", [SB_STORE_AWAY] = "away", [SB_STORE_HELD] = "held", [SB_STORE_REFUSED] = "refused"};
const struct sb_names sb_store_states = {"state of the store", states_text, SB_COUNT(states_text)};

struct sb_store *sb_store_open(const struct sb_store_options *o, struct sb_err *err)
{
    struct sb_err of_ack = SB_ERR_INIT;
    struct sb_store *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->state = SB_STORE_AWAY;
    s->on_watched = o->on_watched;
    s->look = o->look || !o->log;
    snprintf(s->why, sizeof s->why, "the store was not asked yet");
    if (sb_str_set(&s->state_dir, o->state_dir) || sb_str_set(&s->log, o->log) || sb_str_set(&s->watched_id, o->watched_id)) {
        sb_fail_nomem(err);
        goto fail;
    }
    if (!(s->door = sb_store_door_open(o->uri, o->database ? o->database : SB_STORE_DATABASE, err))) {
        sb_err_prefix(err, "the store");
        goto fail;
    }
    if (sb_store_ack_load(s, &of_ack)) {
        s->damaged = true;
        s->state = SB_STORE_HELD;
        snprintf(s->why, sizeof s->why, "what this host remembers of the store cannot be read: %s", of_ack.msg);
    }
    return s;
fail:
    sb_store_close(s);
    return NULL;
}

void sb_store_close(struct sb_store *s)
{
    if (!s)
        return;
    sb_store_door_close(s->door);
    sb_store_ack_release(&s->ack);
    free(s->state_dir);
    free(s->log);
    free(s->watched_id);
    free(s->team);
    free(s->class_);
    free(s);
}

const char *sb_store_id(const struct sb_store *s)
{
    return s->ack.store;
}

const char *sb_store_shown(const struct sb_store *s)
{
    return sb_store_door_shown(s->door);
}

int64_t sb_store_acked(const struct sb_store *s)
{
    return s->ack.n;
}

enum sb_store_state sb_store_find_fault(const struct sb_store *s, const char **why)
{
    if (why)
        *why = s->why;
    return s->state;
}

int sb_store_fault(struct sb_store *s, enum sb_store_state state, struct sb_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, ap);
    va_end(ap);
    s->why[sb_utf8_whole(s->why, strlen(s->why))] = '\0'; /* it may have been cut within a character */
    s->state = state;
    s->known = s->known && state == SB_STORE_WELL;
    return sb_fail(err, state == SB_STORE_AWAY ? SB_ESERVER : SB_ESTATE, "%s", s->why);
}

int sb_store_gone(struct sb_store *s, struct sb_err *err)
{
    char said[sizeof s->why];
    if (err->code == SB_ENOMEM)
        return -1;
    snprintf(said, sizeof said, "%s", err->msg);
    return sb_store_fault(s, SB_STORE_AWAY, err, "the store is away: %s", said);
}

int sb_store_usable(struct sb_store *s, struct sb_err *err)
{
    if (s->state == SB_STORE_WELL)
        return 0;
    return sb_fail(err, s->state == SB_STORE_AWAY ? SB_ESERVER : SB_ESTATE, "%s", s->why);
}

int sb_store_now(struct sb_store *s, int64_t *out, struct sb_err *err)
{
    return sb_store_usable(s, err) ? -1 : sb_store_door_now(s->door, out, err) ? sb_store_gone(s, err) : 0;
}

/* ---- what it has ---- */

struct newest {
    int64_t n;
    char hash[SB_HEX_LEN + 1];
    bool wrong;
};

static bool take_newest(void *ctx, const bson_t *doc)
{
    struct newest *x = ctx;
    const char *hash = sb_store_text(doc, "h", SB_HEX_LEN);
    x->n = sb_store_number(doc, "_id.n");
    x->wrong = !hash || strlen(hash) != SB_HEX_LEN || x->n < 1;
    snprintf(x->hash, sizeof x->hash, "%s", hash ? hash : "");
    return false;
}

int sb_store_newest(struct sb_store *s, const char *log, int64_t *n, char hash[SB_HEX_LEN + 1], struct sb_err *err)
{
    struct newest x = {.n = 0};
    bson_t *filter = BCON_NEW("_id", "{", "$gt", "{", "l", BCON_UTF8(log), "n", BCON_INT64(0), "}", "$lte", "{", "l", BCON_UTF8(log), "n", BCON_INT64(INT64_MAX), "}", "}");
    bson_t *sort = BCON_NEW("_id", BCON_INT32(-1));
    int64_t given = sb_store_door_find(s->door, SB_STORE_ENTRIES, filter, sort, 1, take_newest, &x, err);
    bson_destroy(filter);
    bson_destroy(sort);
    if (given < 0)
        return -1;
    if (given && x.wrong)
        return sb_fail(err, SB_EINPUT, "the newest entry of %s in the store is none", log);
    *n = x.n;
    snprintf(hash, SB_HEX_LEN + 1, "%s", x.hash);
    return 0;
}

int sb_store_own_hash(struct sb_ledger *reader, int64_t seq, char hash[SB_HEX_LEN + 1], struct sb_err *err)
{
    struct sb_entry e;
    if (sb_ledger_entry(reader, seq, &e, err))
        return -1;
    snprintf(hash, SB_HEX_LEN + 1, "%s", e.hash);
    sb_entry_release(&e);
    return 0;
}

/* The copy of our own ledger: as long as what was acknowledged, and of this very chain. */
int sb_store_compare(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err)
{
    int64_t n, head = sb_ledger_head(reader);
    char there[SB_HEX_LEN + 1], here[SB_HEX_LEN + 1];
    if (sb_store_newest(s, s->log, &n, there, err))
        return sb_store_gone(s, err);
    if (n > head) {
        s->forked = true;
        return sb_store_fault(s, SB_STORE_HELD, err, "the store has %" PRId64 " entries of this ledger and the ledger itself only %" PRId64 ": the ledger here was put back to an older copy", n, head);
    }
    if (n && sb_store_own_hash(reader, n, here, err))
        return -1;
    if (n && strcmp(here, there) != 0) {
        s->forked = true;
        return sb_store_fault(s, SB_STORE_HELD, err, "entry %" PRId64 " of this ledger is another one in the store (%.12s there, %.12s here): one of them was forked", n, there, here);
    }
    if (n && s->forgot && !s->accepted) /* it is written before the first entry is copied */
        return sb_store_fault(s, SB_STORE_HELD, err,
                              "the store has %" PRId64 " entries of this ledger, but what it acknowledged is not remembered here any more (%s is gone): whether it has lost writes cannot be told. "
                              "Look whether it was restored from an old copy, put the file back or accept the store as it is",
                              n, SB_STORE_ACK);
    if (n < s->ack.n)
        return sb_store_fault(s, SB_STORE_HELD, err, "the store has acknowledged %" PRId64 " entries of this ledger and has %" PRId64 ": it was restored from an old copy, or has lost writes", s->ack.n, n);
    if (n > s->ack.n) {
        s->ack.n = n;
        snprintf(s->ack.hash, sizeof s->ack.hash, "%s", there);
    }
    return 0;
}

struct seeing {
    struct sb_store *s;
    size_t met;
    char log[SB_LOG_ID_LEN + 1];
    int rc; /* as sb_store_ack_see */
};

static bool see_checkpoint(void *ctx, const bson_t *doc)
{
    struct seeing *x = ctx;
    const char *log = sb_store_text(doc, "_id", SB_LOG_ID_LEN), *root = sb_store_text(doc, "root", SB_HEX_LEN);
    int64_t n = sb_store_number(doc, "n");
    if (!log || strlen(log) != SB_LOG_ID_LEN || strspn(log, "0123456789abcdef") != SB_LOG_ID_LEN || !root || strlen(root) != SB_HEX_LEN ||
        strspn(root, "0123456789abcdef") != SB_HEX_LEN || n < 1)
        return true; /* it is none: nothing is remembered of it, and one that was remembered is missed below */
    if (x->s->log && strcmp(log, x->s->log) == 0)
        return true; /* our own is compared by its entries */
    for (size_t i = 0; i < x->s->ack.others_n; i++)
        x->met += strcmp(x->s->ack.others[i].log, log) == 0;
    snprintf(x->log, sizeof x->log, "%s", log);
    x->rc = sb_store_ack_see(&x->s->ack, log, n, root);
    return x->rc == 0;
}

/* No other host's ledger is shorter than it was seen before. */
static int compare_others(struct sb_store *s, struct sb_err *err)
{
    struct seeing x = {.s = s};
    size_t remembered = s->ack.others_n;
    bson_t all = BSON_INITIALIZER;
    int64_t given = sb_store_door_find(s->door, SB_STORE_CHECKPOINTS, &all, NULL, SB_STORE_OTHERS_MOST + 1, see_checkpoint, &x, err);
    bson_destroy(&all);
    if (given < 0)
        return sb_store_gone(s, err);
    if (x.rc < 0)
        return sb_fail_nomem(err);
    if (x.rc > 0)
        return sb_store_fault(s, SB_STORE_HELD, err, "the checkpoint of the ledger %.12s in the store has gone back, or is another one: the store was restored from an old copy", x.log);
    if (x.met < remembered)
        return sb_store_fault(s, SB_STORE_HELD, err, "the store has lost the checkpoints of %zu ledgers that this host has seen there", remembered - x.met);
    return 0;
}

/* ---- who is there ---- */

static int make_meta(struct sb_store *s, struct sb_err *err)
{
    struct sb_origin origin;
    char id[33];
    sb_origin_system(&origin);
    snprintf(id, sizeof id, "%s", s->ack.store);
    if (!id[0] && sb_origin_nonce(&origin, id, err))
        return -1;
    bson_t *query = BCON_NEW("_id", BCON_UTF8("store"), "id", "{", "$exists", BCON_BOOL(false), "}");
    bson_t *update = BCON_NEW("$set", "{", "version", BCON_INT32(SB_STORE_VERSION), "id", BCON_UTF8(id), "}", "$currentDate", "{", "made_at", BCON_BOOL(true), "}");
    enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_META, query, update, false, true, err);
    bson_destroy(query);
    bson_destroy(update);
    return wrote == SB_STORE_FAILED ? -1 : 0; /* whatever came of it is read back */
}

static int take_meta(struct sb_store *s, const bson_t *meta, struct sb_err *err)
{
    const char *id = sb_store_text(meta, "id", SB_STORE_ID_LEN);
    int64_t version = sb_store_number(meta, "version"), least = sb_store_number(meta, "min_version");
    if (version < 1 || !id || strlen(id) != SB_STORE_ID_LEN || strspn(id, "0123456789abcdef") != SB_STORE_ID_LEN)
        return sb_store_fault(s, SB_STORE_REFUSED, err, "%s holds something else than a store: its \"meta\" has no version and no id", sb_store_shown(s));
    if ((least > 0 ? least : version) > SB_STORE_VERSION)
        return sb_store_fault(s, SB_STORE_REFUSED, err, "the store is of version %" PRId64 ", for programs of version %" PRId64 " and newer, and this program knows version %d", version,
                              least > 0 ? least : version, SB_STORE_VERSION);
    if (s->ack.store[0] && strcmp(s->ack.store, id) != 0)
        return sb_store_fault(s, SB_STORE_REFUSED, err, "this is the store %.12s, and this ledger is bound to the store %.12s", id, s->ack.store);
    snprintf(s->ack.store, sizeof s->ack.store, "%s", id);
    return 0;
}

static int know_meta(struct sb_store *s, struct sb_err *err)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8("store")), meta;
    int found = sb_store_door_one(s->door, SB_STORE_META, filter, &meta, err), rc = -1;
    if (found == 0 && s->ack.store[0] && !s->accepted) {
        sb_store_fault(s, SB_STORE_HELD, err, "the store %.12s has lost all that it had, or another one stands in its place", s->ack.store);
        goto out;
    }
    if (found == 0 && s->look) {
        sb_store_fault(s, SB_STORE_AWAY, err, "no host has made a store at %s yet: the first serve or console with it does", sb_store_shown(s));
        goto out;
    }
    if (found == 0 && make_meta(s, err) == 0)
        found = sb_store_door_one(s->door, SB_STORE_META, filter, &meta, err);
    if (found == 1) {
        rc = take_meta(s, &meta, err);
        bson_destroy(&meta);
    } else {
        if (found == 0)
            sb_fail(err, SB_ESERVER, "the store could not be made: its \"meta\" was written and is not there");
        sb_store_gone(s, err);
    }
out:
    bson_destroy(filter);
    return rc;
}

static int make_indexes(struct sb_store *s, struct sb_err *err)
{
    bson_t *keys = BCON_NEW("l", BCON_INT32(1), "answer", BCON_INT32(1), "at", BCON_INT32(1));
    int rc = sb_store_door_index(s->door, SB_STORE_APPROVALS, "waiting", keys, err);
    bson_destroy(keys);
    return rc ? sb_store_gone(s, err) : 0;
}

static int know_server(struct sb_store *s, struct sb_err *err)
{
    struct sb_store_door_facts facts;
    if (sb_store_door_ask(s->door, &facts, err)) {
        if (err->code == SB_ESTATE)
            return sb_store_fault(s, SB_STORE_REFUSED, err, "%s is no store: %s", sb_store_shown(s), err->msg);
        return sb_store_gone(s, err);
    }
    if (s->watched_id && strcmp(s->watched_id, facts.id) == 0 && !s->on_watched)
        return sb_store_fault(s, SB_STORE_REFUSED, err, "the store is the deployment that is watched (%s): what is written there would be in what is looked at. Take another replica set, or: set store_on_watched on", facts.id);
    if (!s->look && sb_store_door_try(s->door, err)) {
        char said[400];
        snprintf(said, sizeof said, "%s", err->msg);
        if (err->code == SB_ESTATE || err->code == SB_ECOMMAND)
            return sb_store_fault(s, SB_STORE_REFUSED, err, "%s cannot be the store: %s", sb_store_shown(s), said);
        return sb_store_gone(s, err);
    }
    if (!facts.set_name[0])
        return sb_store_fault(s, SB_STORE_REFUSED, err, "%s is no member of a replica set: one server alone keeps nothing for certain", sb_store_shown(s));
    return 0;
}

static int know(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err)
{
    if (know_server(s, err) || know_meta(s, err) || (!s->look && make_indexes(s, err)) || (s->log && reader && sb_store_compare(s, reader, err)) || compare_others(s, err))
        return -1;
    if (!s->look && sb_store_ack_save(s, err))
        return sb_store_fault(s, SB_STORE_HELD, err, "what the store has acknowledged cannot be written down: %s", err->msg);
    s->known = true;
    s->accepted = false;
    s->state = SB_STORE_WELL;
    s->why[0] = '\0';
    return 0;
}

enum sb_store_state sb_store_check(struct sb_store *s, struct sb_ledger *reader, const char **why)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t now;
    if (s->damaged || s->forked)
        ; /* nothing that the store says changes that */
    else if (s->known && s->state == SB_STORE_WELL)
        sb_store_now(s, &now, &err);
    else if (know(s, reader, &err) && err.code == SB_ENOMEM)
        sb_store_fault(s, SB_STORE_AWAY, &err, "the store could not be asked: out of memory");
    return sb_store_find_fault(s, why);
}

int sb_store_accept(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err)
{
    char id[sizeof s->ack.store];
    if (s->state != SB_STORE_HELD)
        return sb_fail(err, SB_ESTATE, "the store is not held: there is nothing to accept");
    if (s->forked)
        return sb_fail(err, SB_ESTATE, "%s. That cannot be accepted: find out which of them is right (signalbox audit verify), and put the other aside", s->why);
    snprintf(id, sizeof id, "%s", s->ack.store);
    sb_store_ack_release(&s->ack);
    snprintf(s->ack.store, sizeof s->ack.store, "%s", id);
    s->damaged = false;
    s->known = false;
    s->accepted = true;
    s->noted = 0;
    return know(s, reader, err);
}
