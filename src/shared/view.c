/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what every host has put there. */
#include "private.h"

#include <signalbox/model/names.h>
#include <signalbox/shared/view.h>
#include <signalbox/shared/view_read.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASES_MOST 10000

/* One reading: whose rows, and what was passed over. */
struct looking {
    const char *coll;
    struct sb_store_odd *odd;
    void *ctx;
    int64_t given;
    union {
        sb_store_host_fn host;
        sb_store_checkpoint_fn checkpoint;
        sb_store_item_fn item;
        sb_store_entry_fn entry;
    } fn;
};

static bool pass_over(struct looking *l, const bson_t *doc, const char *what)
{
    sb_store_odd_add(l->odd, l->coll, doc, what);
    return true;
}

static bool on_host(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    struct sb_store_host_row row;
    const char *wrong = sb_store_host_read(doc, &row);
    if (wrong)
        return pass_over(l, doc, wrong);
    l->given++;
    return l->fn.host(l->ctx, &row);
}

static bool on_checkpoint(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    struct sb_store_checkpoint_row row;
    const char *wrong = sb_store_checkpoint_read(doc, &row);
    if (wrong)
        return pass_over(l, doc, wrong);
    l->given++;
    return l->fn.checkpoint(l->ctx, &row);
}

static bool on_item(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    struct sb_store_item_row row;
    const char *wrong = sb_store_item_read(doc, strcmp(l->coll, SB_STORE_CARDS) == 0, &row);
    if (wrong)
        return pass_over(l, doc, wrong);
    l->given++;
    return l->fn.item(l->ctx, &row);
}

static bool on_entry(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    struct sb_store_entry_row row;
    const char *wrong = sb_store_entry_read(doc, &row);
    if (wrong)
        return pass_over(l, doc, wrong);
    l->given++;
    return l->fn.entry(l->ctx, &row);
}

static int64_t look(struct sb_store *s, struct looking *l, const bson_t *filter, const bson_t *sort, int64_t most, sb_doc_fn fn, struct sb_err *err)
{
    if (sb_store_usable(s, err))
        return -1;
    if (sb_store_door_find(s->door, l->coll, filter, sort, most, fn, l, err) < 0)
        return sb_store_gone(s, err);
    return l->given;
}

int64_t sb_store_hosts(struct sb_store *s, sb_store_host_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    bson_t all = BSON_INITIALIZER, sort = BSON_INITIALIZER;
    struct looking l = {.coll = SB_STORE_HOSTS, .odd = odd, .ctx = ctx, .fn.host = fn};
    BSON_APPEND_INT32(&sort, "_id", 1);
    int64_t n = look(s, &l, &all, &sort, SB_STORE_HOSTS_MOST, on_host, err);
    bson_destroy(&all);
    bson_destroy(&sort);
    return n;
}

int64_t sb_store_checkpoints(struct sb_store *s, sb_store_checkpoint_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    bson_t all = BSON_INITIALIZER, sort = BSON_INITIALIZER;
    struct looking l = {.coll = SB_STORE_CHECKPOINTS, .odd = odd, .ctx = ctx, .fn.checkpoint = fn};
    BSON_APPEND_INT32(&sort, "_id", 1);
    int64_t n = look(s, &l, &all, &sort, SB_STORE_HOSTS_MOST, on_checkpoint, err);
    bson_destroy(&all);
    bson_destroy(&sort);
    return n;
}

static int64_t items(struct sb_store *s, const char *coll, const char *log, const bson_t *state, sb_store_item_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    bson_t filter = BSON_INITIALIZER;
    struct looking l = {.coll = coll, .odd = odd, .ctx = ctx, .fn.item = fn};
    bool made = (!log || BSON_APPEND_UTF8(&filter, "_id.l", log)) && (!state || BSON_APPEND_DOCUMENT(&filter, "state", state));
    int64_t n = made ? look(s, &l, &filter, NULL, SB_STORE_ROWS_MOST, on_item, err) : sb_fail_nomem(err);
    bson_destroy(&filter);
    return n;
}

int64_t sb_store_cards(struct sb_store *s, const char *log, bool open, sb_store_item_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    /* A failed card is open until somebody has left it: that its bytes tell. */
    static const int over[] = {SB_DENIED, SB_ADVISORY, SB_DONE, SB_ROLLED_BACK, SB_REJECTED, SB_EXPIRED, SB_SUPERSEDED};
    bson_t none = BSON_INITIALIZER, list;
    char key[16];
    BSON_APPEND_ARRAY_BEGIN(&none, "$nin", &list);
    for (size_t i = 0; i < SB_COUNT(over); i++) {
        snprintf(key, sizeof key, "%zu", i);
        BSON_APPEND_UTF8(&list, key, sb_name(&sb_states, over[i]));
    }
    bson_append_array_end(&none, &list);
    int64_t n = items(s, SB_STORE_CARDS, log, open ? &none : NULL, fn, ctx, odd, err);
    bson_destroy(&none);
    return n;
}

int64_t sb_store_incidents(struct sb_store *s, const char *log, bool open, sb_store_item_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    bson_t going = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&going, "$ne", "closed");
    int64_t n = items(s, SB_STORE_INCIDENTS, log, open ? &going : NULL, fn, ctx, odd, err);
    bson_destroy(&going);
    return n;
}

int64_t sb_store_entries(struct sb_store *s, const char *log, int64_t from, int64_t to, sb_store_entry_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err)
{
    bson_t filter = BSON_INITIALIZER, sort = BSON_INITIALIZER, range, bound;
    struct looking l = {.coll = SB_STORE_ENTRIES, .odd = odd, .ctx = ctx, .fn.entry = fn};
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &range); /* of whole _ids: their index serves it */
    BSON_APPEND_DOCUMENT_BEGIN(&range, "$gte", &bound);
    BSON_APPEND_UTF8(&bound, "l", log);
    BSON_APPEND_INT64(&bound, "n", from);
    bson_append_document_end(&range, &bound);
    BSON_APPEND_DOCUMENT_BEGIN(&range, "$lte", &bound);
    BSON_APPEND_UTF8(&bound, "l", log);
    BSON_APPEND_INT64(&bound, "n", to ? to : INT64_MAX);
    bson_append_document_end(&range, &bound);
    bson_append_document_end(&filter, &range);
    BSON_APPEND_INT32(&sort, "_id", 1);
    int64_t n = look(s, &l, &filter, &sort, INT64_MAX, on_entry, err);
    bson_destroy(&filter);
    bson_destroy(&sort);
    return n;
}

int sb_store_head(struct sb_store *s, const char *log, int64_t *n, struct sb_err *err)
{
    char hash[SB_HEX_LEN + 1];
    return sb_store_usable(s, err) ? -1 : sb_store_newest(s, log, n, hash, err);
}

int sb_store_lease_rows(struct sb_store *s, struct sb_lease **list, size_t *n, struct sb_err *err)
{
    if (sb_store_usable(s, err))
        return -1;
    return sb_lease_list(s->door, LEASES_MOST, list, n, err) ? sb_store_gone(s, err) : 0;
}
