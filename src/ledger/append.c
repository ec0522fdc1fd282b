/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that writes ledger.db, and the one place that makes a permit.
 *
 * An entry, its references and a used nonce are one transaction. After any failure of SQLite the file is closed and opened
 * again at once: an fsync that failed may have lost pages that the cache still shows, so only what a fresh connection
 * reads counts. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <inttypes.h>
#include <string.h>

/* The caller is told that it failed and what comes next; reading goes on where it can. */
static int failed(struct sb_ledger *l, struct sb_err *cause, struct sb_err *err)
{
    if (l->store_open && !sqlite3_get_autocommit(l->store.db))
        sb_store_run(&l->store, SB_STMT_ROLLBACK, "", NULL);
    if (l->health != SB_HEALTH_STUCK) {
        struct sb_err again = SB_ERR_INIT;
        l->health = SB_HEALTH_RETRY;
        snprintf(l->why, sizeof l->why, "%s", cause->msg);
        if (sb_ledger_reopen(l, &again) && l->health != SB_HEALTH_STUCK)
            snprintf(l->why, sizeof l->why, "%s", again.msg);
    }
    if (err) {
        *err = *cause;
        err->code = SB_ELEDGER;
    }
    return -1;
}

/* Before the first append after a failure: is the file there again, and does it take a lock? */
static int recover(struct sb_ledger *l, struct sb_err *err)
{
    struct sb_err cause = SB_ERR_INIT;
    if (sb_ledger_reopen(l, &cause) == 0) {
        if (sb_store_run(&l->store, SB_STMT_BEGIN, "the ledger cannot be written", &cause) == 0 &&
            sb_store_run(&l->store, SB_STMT_ROLLBACK, "the ledger cannot be written", &cause) == 0) {
            l->health = SB_HEALTH_GOOD;
            l->why[0] = '\0';
            return 0;
        }
    }
    if (l->health != SB_HEALTH_STUCK)
        snprintf(l->why, sizeof l->why, "%s", cause.msg);
    return sb_fail(err, SB_ELEDGER, "%s", l->why);
}

int sb_ledger_retry(struct sb_ledger *l, struct sb_err *err)
{
    if (l->mode != SB_LEDGER_OWN)
        return sb_fail(err, SB_ELEDGER, "the ledger is open for reading only");
    if (l->health == SB_HEALTH_STUCK)
        return sb_fail(err, SB_ELEDGER, "%s", l->why);
    return l->health == SB_HEALTH_GOOD ? 0 : recover(l, err);
}

static int insert_entry(struct sb_ledger *l, int64_t seq, const struct sb_hash *leaf, const struct sb_str *json, struct sb_err *err)
{
    sqlite3_stmt *q = l->store.stmt[SB_STMT_ADD_ENTRY];
    sqlite3_bind_int64(q, 1, seq);
    sqlite3_bind_blob(q, 2, leaf->bytes, SB_HASH_LEN, SQLITE_STATIC);
    sqlite3_bind_text(q, 3, json->p, (int)json->len, SQLITE_STATIC);
    int rc = sb_store_run(&l->store, SB_STMT_ADD_ENTRY, "the ledger cannot be written", err);
    sqlite3_clear_bindings(q);
    return rc;
}

static int insert_refs(struct sb_ledger *l, int64_t seq, const struct sb_str *json, struct sb_err *err)
{
    struct sb_entry_view view;
    struct sb_flaw flaw;
    struct sb_span refs[SB_ENTRY_REFS];
    if (!sb_entry_view(json->p, json->len, NULL, &view, &flaw)) /* what we made ourselves must pass our own checker */
        return sb_fail(err, SB_EINTERNAL, "an entry that was just made is not canonical at byte %zu: %s", flaw.at, flaw.what);
    size_t n = sb_entry_refs(&view, refs);
    sqlite3_stmt *q = l->store.stmt[SB_STMT_ADD_REF];
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        sqlite3_bind_text(q, 1, refs[i].p, (int)refs[i].n, SQLITE_STATIC);
        sqlite3_bind_int64(q, 2, seq);
        rc = sb_store_run(&l->store, SB_STMT_ADD_REF, "the ledger cannot be written", err);
    }
    sqlite3_clear_bindings(q);
    return rc;
}

/* 0, -1, or 1 when SQLite refused the nonce because it was used before. */
static int insert_started(struct sb_ledger *l, int64_t seq, const char *nonce, struct sb_err *err)
{
    sqlite3_stmt *q = l->store.stmt[SB_STMT_ADD_STARTED];
    sqlite3_bind_text(q, 1, nonce, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, seq);
    struct sb_err why = SB_ERR_INIT;
    int rc = sb_store_run(&l->store, SB_STMT_ADD_STARTED, "the ledger cannot be written", &why);
    sqlite3_clear_bindings(q);
    if (rc && why.detail == SQLITE_CONSTRAINT_PRIMARYKEY)
        return 1;
    if (rc && err)
        *err = why;
    return rc;
}

/* Everything between BEGIN and COMMIT. */
static int transact(struct sb_ledger *l, int64_t seq, const struct sb_hash *leaf, const struct sb_str *json, const char *nonce, struct sb_err *err)
{
    if (sb_store_run(&l->store, SB_STMT_BEGIN, "the ledger cannot be written", err))
        return -1;
    sb_hook("ledger.append.begun");
    int64_t version = sb_store_data_version(&l->store, err);
    if (version < 0)
        return -1;
    if (version != l->data_version)
        return sb_ledger_sicken(l, SB_HEALTH_STUCK, err, "another program has written to %s; close it, run: signalbox audit verify, and open it again",
                                l->db_path);
    if (insert_entry(l, seq, leaf, json, err))
        return -1;
    sb_hook("ledger.append.inserted");
    if (insert_refs(l, seq, json, err))
        return -1;
    sb_hook("ledger.append.referenced");
    int started = nonce ? insert_started(l, seq, nonce, err) : 0;
    if (started)
        return started;
    sb_hook("ledger.append.commit");
    if (sb_store_run(&l->store, SB_STMT_COMMIT, "the ledger cannot be written", err))
        return -1;
    sb_hook("ledger.append.committed");
    return 0;
}

static int already_started(struct sb_ledger *l, const char *nonce, struct sb_err *err)
{
    sb_store_run(&l->store, SB_STMT_ROLLBACK, "", NULL);
    int64_t seq = sb_store_started(&l->store, nonce, err);
    return seq < 0 ? -1 : sb_fail(err, SB_ESTATE, "already started by entry %" PRId64, seq);
}

static int append(struct sb_ledger *l, struct sb_entry *e, const char *nonce, struct sb_err *err)
{
    if (l->mode != SB_LEDGER_OWN || l->health != SB_HEALTH_GOOD)
        if (sb_ledger_retry(l, err))
            return -1;
    sb_hook("ledger.append.begin");
    struct sb_entry_place where = {
        .log = l->log, .prev = l->head ? &l->leaf : NULL, .seq = l->head + 1, .ts = sb_origin_wall_ms(l->origin),
        .mono = sb_origin_mono_ms(l->origin), .origin = l->origin,
    };
    struct sb_str json;
    struct sb_hash leaf;
    struct sb_err why = SB_ERR_INIT;
    sb_str_init(&json);
    int rc = sb_entry_encode(e, &where, &json, err);
    if (rc)
        goto out;
    if (sb_merkle_leaf(l->hasher, &leaf, json.p, json.len)) {
        rc = sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
        goto out;
    }
    rc = transact(l, where.seq, &leaf, &json, nonce, &why);
    if (rc > 0)
        rc = already_started(l, nonce, err);
    else if (rc < 0)
        rc = failed(l, &why, err);
    else {
        l->head = where.seq;
        l->leaf = leaf;
        e->seq = where.seq;
        e->ts = where.ts;
        sb_hex_encode(e->hash, leaf.bytes, SB_HASH_LEN);
    }
out:
    sb_str_release(&json);
    return rc;
}

/* The derived tables follow; that they cannot is no failure of the append. */
static void follow(struct sb_ledger *l)
{
    if (++l->unsettled >= SB_SETTLE_EVERY)
        sb_ledger_settle(l, NULL);
    sb_hook("ledger.append.derived");
}

int sb_ledger_append(struct sb_ledger *l, struct sb_entry *e, struct sb_err *err)
{
    if (e->kind == SB_ENTRY_STEP_INTENT)
        return sb_fail(err, SB_EINTERNAL, "a step's intent is appended with its permit, not by itself");
    if (append(l, e, NULL, err))
        return -1;
    follow(l);
    return 0;
}

/* Sets what the permit binds, so that entry and permit cannot differ. */
static int complete_intent(struct sb_entry *e, const char *command, const struct sb_hash *hash, const char *nonce)
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, hash->bytes, SB_HASH_LEN);
    if (!e->body)
        e->body = json_object();
    if (!e->body || json_object_set_new(e->body, "command", json_string(command)) || json_object_set_new(e->body, "sha256", json_string(hex)))
        return -1;
    return json_object_set_new(e->body, "nonce", nonce ? json_string(nonce) : json_null());
}

int sb_ledger_intent(struct sb_ledger *l, struct sb_entry *e, const char *command, const char *deployment_id, const char *nonce,
                     struct sb_permit *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct sb_hash hash;
    if (e->kind != SB_ENTRY_STEP_INTENT)
        return sb_fail(err, SB_EINTERNAL, "only a step's intent has a permit");
    if (!deployment_id || !deployment_id[0] || strlen(deployment_id) >= sizeof out->deployment_id)
        return sb_fail(err, SB_EINPUT, "a permit needs the id of a deployment, of at most %zu bytes", sizeof out->deployment_id - 1);
    if (nonce && (!nonce[0] || strlen(nonce) > SB_HEX_LEN))
        return sb_fail(err, SB_EINPUT, "an approval's nonce must have 1 to %d characters", SB_HEX_LEN);
    if (!sb_utf8_valid(command, strlen(command)) || !command[0])
        return sb_fail(err, SB_EINPUT, "a command must be text in UTF-8");
    if (e->body && !json_is_object(e->body))
        return sb_fail(err, SB_EINPUT, "the body of an entry (step.intent) must be an object");
    if (sb_hash_bytes(&hash, command, strlen(command), err))
        return -1;
    if (complete_intent(e, command, &hash, nonce))
        return sb_fail_nomem(err);
    sb_hook("ledger.intent.begin");
    if (append(l, e, nonce, err))
        return -1;
    sb_hook("ledger.intent.durable");
    out->seq = e->seq;
    out->command = hash;
    snprintf(out->deployment_id, sizeof out->deployment_id, "%s", deployment_id);
    sb_hook("ledger.intent.permit");
    follow(l);
    return 0;
}
