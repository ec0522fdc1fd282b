/* SPDX-License-Identifier: Apache-2.0
 *
 * Approvals of other hosts' cards: put there signed, taken by the ledger whose card it is, answered once. Nothing here checks a
 * signature: whoever owns the ledger does, as for any other approval. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/shared/view_read.h>

#include <inttypes.h>
#include <string.h>

#define SIGNATURE_MOST 16384
#define NONCE_MOST 64
#define ID_MOST 200
#define NAME_MOST 400

void sb_store_approval_release(struct sb_store_approval *a)
{
    char *const all[] = {a->nonce, a->log, a->card, a->sha256, a->what, a->statement, a->signature, a->by, a->reason, a->target, a->why};
    for (size_t i = 0; i < SB_COUNT(all); i++)
        free(all[i]);
    memset(a, 0, sizeof *a);
}

int sb_store_approval_take(const bson_t *doc, struct sb_store_approval *a)
{
    const struct {
        const char *key;
        size_t most;
        char **slot;
        bool needed;
    } texts[] = {
        {"_id", NONCE_MOST, &a->nonce, true},      {"l", SB_LOG_ID_LEN, &a->log, true},    {"card", ID_MOST, &a->card, true},
        {"sha256", SB_HEX_LEN, &a->sha256, true},  {"what", 16, &a->what, true},           {"statement", SB_STORE_STATEMENT_MOST, &a->statement, true},
        {"signature", SIGNATURE_MOST, &a->signature, true}, {"by", NAME_MOST, &a->by, true}, {"reason", SB_STORE_REASON_MOST, &a->reason, false},
        {"target", NAME_MOST, &a->target, false},  {"answer.why", SB_STORE_REASON_MOST * 2, &a->why, false},
    };
    bson_iter_t it;
    bool whole = true;
    for (size_t i = 0; i < SB_COUNT(texts); i++) {
        const char *text = sb_store_text(doc, texts[i].key, texts[i].most);
        whole = whole && (text || !texts[i].needed);
        if (text && sb_str_set(texts[i].slot, text))
            return -1;
    }
    a->revision = sb_store_number(doc, "revision");
    a->at = sb_store_number(doc, "at");
    a->answered = bson_iter_init_find(&it, doc, "answer") && BSON_ITER_HOLDS_DOCUMENT(&it);
    a->ok = a->answered && sb_store_yes(doc, "answer.ok");
    a->n = a->answered ? sb_store_number(doc, "answer.n") : 0;
    whole = whole && a->revision > 0 && (strcmp(a->what, "approve") == 0 || strcmp(a->what, "reject") == 0);
    return whole;
}

static int check(const struct sb_store_approval *a, struct sb_err *err)
{
    if (!a->nonce || !a->log || !a->card || !a->sha256 || !a->what || !a->statement || !a->signature || !a->by || a->revision < 1)
        return sb_fail(err, SB_EINPUT, "an approval that is not whole");
    if (strlen(a->statement) > SB_STORE_STATEMENT_MOST || strlen(a->signature) > SIGNATURE_MOST || strlen(a->nonce) > NONCE_MOST || (a->reason && strlen(a->reason) > SB_STORE_REASON_MOST))
        return sb_fail(err, SB_EINPUT, "an approval that is longer than the store takes");
    return 0;
}

static void put(bson_t *doc, const char *key, const char *text)
{
    if (text)
        BSON_APPEND_UTF8(doc, key, text);
}

int sb_store_approval_read(struct sb_store *s, const char *nonce, struct sb_store_approval *out, struct sb_err *err)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(nonce)), doc;
    memset(out, 0, sizeof *out);
    int found = sb_store_door_one(s->door, SB_STORE_APPROVALS, filter, &doc, err), rc = -1;
    bson_destroy(filter);
    if (found < 0)
        return sb_store_gone(s, err);
    if (found == 0)
        return sb_fail(err, SB_EINPUT, "there is no approval %s in the store", nonce);
    rc = sb_store_approval_take(&doc, out);
    bson_destroy(&doc);
    return rc < 0 ? sb_fail_nomem(err) : out->answered;
}

int sb_store_approve(struct sb_store *s, const struct sb_store_approval *a, struct sb_err *err)
{
    struct sb_store_approval there;
    struct sb_err told = SB_ERR_INIT;
    bson_t set = BSON_INITIALIZER;
    if (check(a, err) || sb_store_usable(s, err))
        return -1;
    put(&set, "l", a->log);
    put(&set, "card", a->card);
    BSON_APPEND_INT64(&set, "revision", a->revision);
    put(&set, "sha256", a->sha256);
    put(&set, "what", a->what);
    put(&set, "statement", a->statement);
    put(&set, "signature", a->signature);
    put(&set, "by", a->by);
    put(&set, "reason", a->reason);
    put(&set, "target", a->target);
    BSON_APPEND_NULL(&set, "answer");
    bson_t *query = BCON_NEW("_id", BCON_UTF8(a->nonce), "at", "{", "$exists", BCON_BOOL(false), "}");
    bson_t *update = BCON_NEW("$set", BCON_DOCUMENT(&set), "$currentDate", "{", "at", BCON_BOOL(true), "}");
    enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_APPROVALS, query, update, false, true, &told);
    bson_destroy(query);
    bson_destroy(update);
    bson_destroy(&set);
    if (wrote == SB_STORE_WROTE)
        return 0;
    if (wrote == SB_STORE_FAILED) {
        *err = told;
        return sb_store_gone(s, err);
    }
    int rc = sb_store_approval_read(s, a->nonce, &there, err); /* it was there before, or nobody knows */
    if (rc >= 0 && (!sb_streq(there.statement, a->statement) || !sb_streq(there.signature, a->signature) || !sb_streq(there.card, a->card) || !sb_streq(there.log, a->log)))
        rc = sb_fail(err, SB_ESTATE, "another approval has this nonce already: sign it again");
    else if (rc < 0 && err->code == SB_EINPUT)
        sb_fail(err, SB_ESERVER, "whether the store has the approval is not known: %.300s. Send it again: the same one is no second one", told.msg);
    sb_store_approval_release(&there);
    return rc < 0 ? -1 : 0;
}

struct taking {
    struct sb_store_approval **list;
    size_t *n;
    char **bad; /* nonces of documents that are no approvals */
    size_t bad_n;
    int rc;
};

static bool take_one(void *ctx, const bson_t *doc)
{
    struct taking *t = ctx;
    struct sb_store_approval a = {.nonce = NULL}, *slot;
    int whole = sb_store_approval_take(doc, &a);
    const char *nonce = sb_store_text(doc, "_id", NONCE_MOST);
    if (whole < 0) {
        t->rc = -1;
    } else if (!whole) {
        t->rc = nonce ? sb_strs_push(&t->bad, &t->bad_n, nonce) : 0;
    } else {
        struct sb_store_approval *more = realloc(*t->list, (*t->n + 1) * sizeof *more);
        t->rc = more ? 0 : -1;
        if (more) {
            *t->list = more;
            slot = &more[(*t->n)++];
            *slot = a;
            return true;
        }
    }
    sb_store_approval_release(&a);
    return t->rc == 0;
}

int sb_store_approvals_wanted(struct sb_store *s, size_t most, struct sb_store_approval **list, size_t *n, struct sb_err *err)
{
    struct taking t = {list, n, NULL, 0, 0};
    *list = NULL;
    *n = 0;
    if (sb_store_usable(s, err))
        return -1;
    bson_t *filter = BCON_NEW("l", BCON_UTF8(s->log), "answer", BCON_NULL), *sort = BCON_NEW("at", BCON_INT32(1));
    int64_t given = sb_store_door_find(s->door, SB_STORE_APPROVALS, filter, sort, (int64_t)most, take_one, &t, err);
    bson_destroy(filter);
    bson_destroy(sort);
    int rc = given < 0 ? sb_store_gone(s, err) : t.rc ? sb_fail_nomem(err) : 0;
    for (size_t i = 0; i < t.bad_n; i++) {
        if (rc == 0)
            rc = sb_store_answer(s, t.bad[i], false, 0, "this is no approval: something that it has to say is missing, or too long", err);
        free(t.bad[i]);
    }
    free(t.bad);
    return rc;
}

int sb_store_answer(struct sb_store *s, const char *nonce, bool ok, int64_t n, const char *why, struct sb_err *err)
{
    struct sb_err told = SB_ERR_INIT;
    char text[SB_STORE_REASON_MOST * 2];
    snprintf(text, sizeof text, "%s", why);
    text[sb_utf8_whole(text, strlen(text))] = '\0';
    if (sb_store_usable(s, err))
        return -1;
    bson_t *query = BCON_NEW("_id", BCON_UTF8(nonce), "l", BCON_UTF8(s->log), "answer", BCON_NULL);
    bson_t *update = BCON_NEW("$set", "{", "answer", "{", "n", BCON_INT64(n), "ok", BCON_BOOL(ok), "why", BCON_UTF8(text), "}", "}");
    enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_APPROVALS, query, update, false, false, &told);
    bson_destroy(query);
    bson_destroy(update);
    if (wrote == SB_STORE_WROTE || wrote == SB_STORE_NOT)
        return 0;
    if (err)
        *err = told;
    return sb_store_gone(s, err ? err : &told); /* it still wants one, and gets the same again */
}
