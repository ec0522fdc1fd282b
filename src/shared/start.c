/* SPDX-License-Identifier: Apache-2.0
 *
 * Before something is done: the record is where others can read it, and the approval is used up for all of them. */
#include "private.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/hook.h>
#include <signalbox/shared/lease.h>

#include <inttypes.h>
#include <string.h>

/* Who has started it, by what is there: 1 and the answer; 0 nobody has; -1. */
static int who_started(struct sb_store *s, const char *nonce, const char *card, enum sb_store_started *out, struct sb_err *err)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(nonce)), doc;
    int found = sb_store_door_one(s->door, SB_STORE_STARTS, filter, &doc, err);
    bson_destroy(filter);
    if (found < 0)
        return sb_store_gone(s, err);
    if (found == 0)
        return 0;
    const char *log = sb_store_text(&doc, "l", SB_LOG_ID_LEN), *of = sb_store_text(&doc, "card", 200);
    *out = log && of && strcmp(log, s->log) == 0 && strcmp(of, card) == 0 ? SB_STORE_OURS : SB_STORE_ALREADY;
    if (*out == SB_STORE_ALREADY)
        sb_fail(err, SB_ESTATE, "this approval was started already, for %.60s of the ledger %.12s", of ? of : "another card", log ? log : "of somebody else");
    bson_destroy(&doc);
    return 1;
}

enum sb_store_started sb_store_start(struct sb_store *s, const char *nonce, const char *card, int64_t n, int64_t epoch, struct sb_err *err)
{
    struct sb_err told = SB_ERR_INIT;
    enum sb_store_started out = SB_STORE_START_ERROR;
    if (sb_store_usable(s, err))
        return SB_STORE_START_ERROR;
    bson_t *query = BCON_NEW("_id", BCON_UTF8(nonce), "at", "{", "$exists", BCON_BOOL(false), "}");
    bson_t *update = BCON_NEW("$set", "{", "l", BCON_UTF8(s->log), "card", BCON_UTF8(card), "n", BCON_INT64(n), "epoch", BCON_INT64(epoch), "}", "$currentDate", "{", "at", BCON_BOOL(true), "}");
    sb_hook("store.start.before");
    enum sb_store_wrote wrote = sb_store_door_update(s->door, SB_STORE_STARTS, query, update, false, true, &told);
    sb_hook("store.start.sent");
    bson_destroy(query);
    bson_destroy(update);
    if (wrote == SB_STORE_WROTE)
        return SB_STORE_STARTED;
    if (wrote == SB_STORE_FAILED) {
        *err = told;
        sb_store_gone(s, err);
        return SB_STORE_START_ERROR;
    }
    int found = who_started(s, nonce, card, &out, err);
    if (found == 0)
        sb_fail(err, SB_ESERVER, "whether the store has the start of %s is not known: %.300s", card, told.msg);
    return found == 1 ? out : SB_STORE_START_ERROR;
}

/* Maintenance that somebody has just begun holds the step up before its approval is used up; the owner's tenure hears of it a moment later. */
static int not_held(struct sb_store *s, const char *deployment, struct sb_err *err)
{
    struct sb_lease l;
    char until[SB_TIME_LEN + 1];
    int there = deployment && *deployment ? sb_lease_read(s->door, deployment, &l, err) : 0;
    if (there < 0)
        return sb_store_gone(s, err);
    if (there == 0 || !sb_lease_held(&l))
        return 0;
    sb_time_format(until, l.hold.until);
    return sb_fail(err, SB_ESTATE, "maintenance until %.16sZ by %.60s (%.200s): watched, and nothing is executed", until, l.hold.by, l.hold.reason);
}

int sb_store_gate(struct sb_store *s, struct sb_ledger *reader, const struct sb_store_step *step, struct sb_err *err)
{
    int64_t acked = 0;
    if (sb_store_publish(s, reader, step->upto, &acked, err))
        return -1;
    if (acked < step->upto)
        return sb_fail(err, SB_ESERVER, "the store has %" PRId64 " of %" PRId64 " entries so far: what is decided has to be there first", acked, step->upto);
    if (not_held(s, step->deployment_id, err))
        return -1;
    if (!step->nonce)
        return 0;
    enum sb_store_started started = sb_store_start(s, step->nonce, step->card, step->upto, step->epoch, err);
    return started == SB_STORE_STARTED || started == SB_STORE_OURS ? 0 : -1;
}
