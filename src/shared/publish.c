/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy of this host's ledger, in its order and without gaps, and what follows from it. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>
#include <signalbox/base/record.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/merkle.h>

#include <inttypes.h>
#include <string.h>

#define BATCH 400
#define BATCHES 25                /* of one call: whoever wants more calls again */
#define CARD_MOST (2 << 20)

/* What a ledger may hold the store has to take, or execution would end at that entry for ever. */
_Static_assert(SB_ENTRY_MAX_BYTES + 4096 <= SB_STORE_DOCUMENT_BYTES, "the longest entry fits into a document");

/* ---- entries ---- */

struct batch {
    struct sb_store *s;
    struct sb_hasher *hasher;
    bson_t *doc[BATCH];
    size_t n, bytes;
    char hash[SB_HEX_LEN + 1]; /* of the last one */
};

static void empty(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        bson_destroy(b->doc[i]);
    b->n = b->bytes = 0;
}

static int add_entry(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct batch *b = ctx;
    struct sb_hash leaf;
    if (b->n == BATCH || (b->n && b->bytes + n > SB_STORE_BATCH_BYTES))
        return 1;
    if (n > SB_ENTRY_MAX_BYTES)
        return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger here has %zu bytes; %d are the limit: it is no entry", seq, n, SB_ENTRY_MAX_BYTES);
    if (sb_merkle_leaf(b->hasher, &leaf, bytes, n))
        return sb_fail_nomem(err);
    sb_hex_encode(b->hash, leaf.bytes, SB_HASH_LEN);
    bson_t *doc = bson_new(), id;
    BSON_APPEND_DOCUMENT_BEGIN(doc, "_id", &id);
    BSON_APPEND_UTF8(&id, "l", b->s->log);
    BSON_APPEND_INT64(&id, "n", seq);
    bson_append_document_end(doc, &id);
    BSON_APPEND_UTF8(doc, "h", b->hash);
    bson_append_utf8(doc, "b", 1, bytes, (int)n);
    b->doc[b->n++] = doc;
    b->bytes += n;
    return 0;
}

/* One batch from `from` on. How many are with a majority now by *to; what went wrong leaves it. */
static int send_batch(struct sb_store *s, struct sb_ledger *reader, int64_t from, int64_t upto, int64_t *to, struct sb_err *err)
{
    struct batch b = {.s = s, .hasher = sb_hasher_new()};
    size_t took = 0;
    int rc = b.hasher ? sb_ledger_bytes(reader, from, upto, add_entry, &b, err) : sb_fail_nomem(err);
    if (rc == 0 && b.n) {
        sb_hook("store.publish.before");
        enum sb_store_wrote wrote = sb_store_door_insert(s->door, SB_STORE_ENTRIES, (const bson_t *const *)b.doc, b.n, &took, err);
        sb_hook("store.publish.sent");
        if (wrote == SB_STORE_WROTE) {
            *to = from + (int64_t)b.n - 1;
            s->ack.n = *to;
            snprintf(s->ack.hash, sizeof s->ack.hash, "%s", b.hash);
        } else if (wrote == SB_STORE_NOT || wrote == SB_STORE_LOST) {
            /* somebody has put them there: we ourselves, as a rule, and the answer got lost. What is there decides. */
            if (wrote == SB_STORE_NOT)
                *err = (struct sb_err)SB_ERR_INIT;
            int64_t before = s->ack.n;
            struct sb_err again = SB_ERR_INIT;
            rc = sb_store_compare(s, reader, &again);
            *to = s->ack.n;
            if (rc)
                *err = again;
            else if (s->ack.n > before)
                *err = (struct sb_err)SB_ERR_INIT;
            else
                rc = err->code == SB_OK ? sb_fail(err, SB_ESTATE, "the store neither takes entry %" PRId64 " nor has it", from) : sb_store_gone(s, err);
        } else {
            rc = sb_store_gone(s, err);
        }
    }
    empty(&b);
    sb_hasher_free(b.hasher);
    return rc;
}

/* ---- what follows from them ---- */

struct touched {
    struct touched_item {
        char *id;
        int64_t n;
        bool card;
    } *item;
    size_t item_n;
};

static int touch(struct touched *t, const char *id, bool card, int64_t n)
{
    for (size_t i = t->item_n; i-- > 0;)
        if (t->item[i].card == card && strcmp(t->item[i].id, id) == 0) {
            t->item[i].n = n;
            return 0;
        }
    char *copy = sb_strdup_n(id, strlen(id));
    struct touched_item *slot = copy ? SB_PUSH(t->item) : NULL;
    if (!slot) {
        free(copy);
        return -1;
    }
    *slot = (struct touched_item){copy, n, card};
    return 0;
}

static int look_at_entry(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct touched *t = ctx;
    json_t *e = sb_json_parse(bytes, n, "an entry", SB_JSON_STRICT, err);
    if (!e)
        return -1;
    json_t *plan = json_object_get(e, "plan");
    const char *card = sb_json_str(plan, "card"), *anomaly = sb_json_str(plan, "anomaly");
    int rc = (card && touch(t, card, true, seq)) || (anomaly && touch(t, anomaly, false, seq)) ? sb_fail_nomem(err) : 0;
    json_decref(e);
    return rc;
}

/* The canonical JSON of a record; an empty text where it is longer than a copy may be. */
static int text_of(const struct sb_schema *schema, const void *record, struct sb_str *out, struct sb_err *err)
{
    json_t *j = sb_record_to_json(schema, record);
    int rc = j ? sb_json_canonical(out, j, err) : sb_fail_nomem(err);
    json_decref(j);
    if (rc == 0 && out->len > CARD_MOST)
        sb_str_truncate(out, 0);
    return rc;
}

static void put(bson_t *doc, const char *key, const char *text)
{
    if (text)
        BSON_APPEND_UTF8(doc, key, text);
}

static int put_copy(struct sb_store *s, const char *coll, const char *key, const char *id, int64_t n, const bson_t *fields, struct sb_err *err)
{
    bson_t *query = BCON_NEW("_id", "{", "l", BCON_UTF8(s->log), key, BCON_UTF8(id), "}", "n", "{", "$lt", BCON_INT64(n), "}"), *update = BCON_NEW("$set", BCON_DOCUMENT(fields));
    enum sb_store_wrote wrote = sb_store_door_update(s->door, coll, query, update, false, true, err);
    bson_destroy(query);
    bson_destroy(update);
    if (wrote == SB_STORE_NOT)
        *err = (struct sb_err)SB_ERR_INIT; /* a later one is there */
    return wrote == SB_STORE_WROTE || wrote == SB_STORE_NOT ? 0 : sb_store_gone(s, err);
}

static int copy_card(struct sb_store *s, struct sb_ledger *reader, const char *id, int64_t n, struct sb_err *err)
{
    struct sb_card c;
    struct sb_str text;
    bson_t f = BSON_INITIALIZER;
    if (sb_ledger_card(reader, id, &c, err)) {
        bool none = err->code == SB_EINPUT;
        *err = none ? (struct sb_err)SB_ERR_INIT : *err;
        return none ? 0 : -1;
    }
    sb_str_init(&text);
    int rc = text_of(&sb_card_schema, &c, &text, err);
    int64_t wants = sb_card_approvals_wanted(&c), has = (int64_t)sb_card_approvals(&c);
    BSON_APPEND_INT64(&f, "n", n);
    put(&f, "state", sb_name(&sb_states, c.state));
    put(&f, "environment", sb_name(&sb_environments, c.environment));
    put(&f, "deployment", c.deployment);
    put(&f, "deployment_id", c.deployment_id);
    put(&f, "team", s->team);
    put(&f, "class", s->class_);
    put(&f, "risk", sb_name(&sb_levels, c.risk));
    put(&f, "title", c.title);
    put(&f, "target", c.target);
    BSON_APPEND_DATE_TIME(&f, "expires", c.approve_by);
    BSON_APPEND_INT64(&f, "revision", c.revision);
    put(&f, "sha256", c.hash);
    BSON_APPEND_INT64(&f, "needs", c.state == SB_AWAITING_APPROVAL && wants > has ? wants - has : 0);
    bson_append_utf8(&f, "bytes", 5, text.p ? text.p : "", (int)text.len);
    if (rc == 0)
        rc = put_copy(s, SB_STORE_CARDS, "card", id, n, &f, err);
    bson_destroy(&f);
    sb_str_release(&text);
    sb_card_release(&c);
    return rc;
}

static int copy_incident(struct sb_store *s, struct sb_ledger *reader, const char *id, int64_t n, struct sb_err *err)
{
    struct sb_anomaly a;
    struct sb_str text;
    bson_t f = BSON_INITIALIZER;
    if (sb_ledger_anomaly(reader, id, &a, err)) {
        bool none = err->code == SB_EINPUT;
        *err = none ? (struct sb_err)SB_ERR_INIT : *err;
        return none ? 0 : -1;
    }
    sb_str_init(&text);
    int rc = text_of(&sb_anomaly_schema, &a, &text, err);
    BSON_APPEND_INT64(&f, "n", n);
    put(&f, "state", a.to ? "closed" : a.acked_by ? "acknowledged" : "open");
    put(&f, "severity", sb_name(&sb_levels, a.severity));
    put(&f, "title", a.title);
    put(&f, "team", s->team);
    put(&f, "class", s->class_);
    BSON_APPEND_DATE_TIME(&f, "from", a.from);
    put(&f, "acked_by", a.acked_by);
    bson_append_utf8(&f, "bytes", 5, text.p ? text.p : "", (int)text.len);
    if (rc == 0)
        rc = put_copy(s, SB_STORE_INCIDENTS, "incident", id, n, &f, err);
    bson_destroy(&f);
    sb_str_release(&text);
    sb_anomaly_release(&a);
    return rc;
}

/* The cards and incidents that the entries behind those that were copied speak of, as they are now. */
static int copy_what_follows(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err)
{
    struct touched t = {NULL, 0};
    int64_t to = s->ack.n;
    if (s->ack.copied >= to)
        return 0;
    if (to - s->ack.copied > (int64_t)BATCH * BATCHES)
        to = s->ack.copied + (int64_t)BATCH * BATCHES;
    int rc = sb_ledger_bytes(reader, s->ack.copied + 1, to, look_at_entry, &t, err);
    for (size_t i = 0; rc == 0 && i < t.item_n; i++)
        rc = t.item[i].card ? copy_card(s, reader, t.item[i].id, t.item[i].n, err) : copy_incident(s, reader, t.item[i].id, t.item[i].n, err);
    for (size_t i = 0; i < t.item_n; i++)
        free(t.item[i].id);
    free(t.item);
    if (rc == 0)
        s->ack.copied = to;
    return rc;
}

/* ---- the checkpoint ---- */

static int put_checkpoint(struct sb_store *s, struct sb_err *err)
{
    struct sb_checkpoint c;
    struct sb_str note;
    char root[SB_HEX_LEN + 1];
    char *path = sb_format("%s/checkpoint", s->state_dir);
    int rc = 0;
    sb_str_init(&note);
    if (!path)
        return sb_fail_nomem(err);
    if (sb_file_read(path, SB_CHECKPOINT_MAX, &note, NULL) == 0 && sb_checkpoint_parse(&c, note.p, note.len, NULL, path, NULL) == 0 && c.size > s->noted && c.size <= s->ack.n &&
        strcmp(c.log, s->log) == 0) {
        sb_hex_encode(root, c.root.bytes, SB_HASH_LEN);
        bson_t *query = BCON_NEW("_id", BCON_UTF8(s->log), "n", "{", "$lt", BCON_INT64(c.size), "}");
        bson_t *update = BCON_NEW("$set", "{", "n", BCON_INT64(c.size), "root", BCON_UTF8(root), "note", BCON_UTF8(note.p), "}");
        enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_CHECKPOINTS, query, update, false, true, err);
        bson_destroy(query);
        bson_destroy(update);
        if (wrote == SB_STORE_WROTE || wrote == SB_STORE_NOT) {
            s->noted = c.size;
            *err = (struct sb_err)SB_ERR_INIT;
        } else {
            rc = sb_store_gone(s, err);
        }
    }
    sb_str_release(&note);
    free(path);
    return rc;
}

int sb_store_publish(struct sb_store *s, struct sb_ledger *reader, int64_t upto, int64_t *acked, struct sb_err *err)
{
    struct sb_err local = SB_ERR_INIT, *e = err ? err : &local;
    int64_t head = sb_ledger_head(reader), to = upto && upto < head ? upto : head;
    int rc = 0;
    *acked = s->ack.n;
    if (sb_store_usable(s, e) || sb_store_compare(s, reader, e))
        return -1;
    int64_t before = s->ack.n;
    for (int i = 0; rc == 0 && s->ack.n < to && i < BATCHES; i++) {
        int64_t at = s->ack.n;
        rc = send_batch(s, reader, s->ack.n + 1, to, &at, e);
    }
    *acked = s->ack.n;
    int64_t copied = s->ack.copied;
    if (rc == 0)
        rc = copy_what_follows(s, reader, e) || put_checkpoint(s, e) ? -1 : 0;
    if ((s->ack.n != before || s->ack.copied != copied || s->ack.n != s->saved) && sb_store_ack_save(s, rc ? NULL : e) == 0)
        s->saved = s->ack.n;
    else if (s->ack.n != s->saved)
        rc = -1;
    sb_hook("store.publish.done");
    return rc;
}

/* ---- the host's row ---- */

int sb_store_host_beat(struct sb_store *s, const struct sb_store_host *h, struct sb_err *err)
{
    bson_t set = BSON_INITIALIZER, deployment;
    struct sb_str key;
    char *path = s->state_dir ? sb_format("%s/checkpoint-key.pub", s->state_dir) : NULL;
    sb_str_init(&key);
    if (sb_store_usable(s, err) || sb_str_set(&s->team, h->team) || sb_str_set(&s->class_, h->class_)) {
        free(path);
        bson_destroy(&set);
        return -1;
    }
    put(&set, "host", h->host);
    BSON_APPEND_INT64(&set, "pid", h->pid);
    put(&set, "boot", h->boot);
    put(&set, "program", h->program);
    BSON_APPEND_INT32(&set, "version", SB_STORE_VERSION);
    if (path && sb_file_read(path, 1024, &key, NULL) == 0 && key.len && bson_utf8_validate(key.p, key.len, false))
        put(&set, "key", key.p);
    BSON_APPEND_DOCUMENT_BEGIN(&set, "deployment", &deployment);
    put(&deployment, "id", h->deployment_id);
    put(&deployment, "name", h->deployment);
    put(&deployment, "environment", h->environment);
    put(&deployment, "team", h->team);
    put(&deployment, "class", h->class_);
    bson_append_document_end(&set, &deployment);
    BSON_APPEND_BOOL(&set, "draining", h->draining);
    BSON_APPEND_INT64(&set, "head", h->head);
    BSON_APPEND_INT64(&set, "published", s->ack.n);
    bson_t *query = BCON_NEW("_id", BCON_UTF8(s->log)), *update = BCON_NEW("$set", BCON_DOCUMENT(&set), "$currentDate", "{", "beat", BCON_BOOL(true), "}");
    enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_HOSTS, query, update, false, true, err);
    bson_destroy(query);
    bson_destroy(update);
    bson_destroy(&set);
    sb_str_release(&key);
    free(path);
    return wrote == SB_STORE_WROTE ? 0 : sb_store_gone(s, err);
}
