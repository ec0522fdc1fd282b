/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store keeps as leases, taken for what it is: bytes from outside. */
#include <signalbox/shared/lease.h>

#include <signalbox/base/json.h>
#include <signalbox/model/names.h>

#include <stdlib.h>
#include <string.h>

static void text(const bson_t *doc, const char *path, char *out, size_t cap)
{
    bson_iter_t it, at;
    out[0] = '\0';
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_UTF8(&at)) {
        uint32_t n;
        const char *s = bson_iter_utf8(&at, &n);
        if (strlen(s) == n && n < cap && bson_utf8_validate(s, n, false)) /* one that does not fit is none: a part of a name is another name */
            memcpy(out, s, n + 1);
    }
}

static int64_t whole(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at))
        return 0;
    return BSON_ITER_HOLDS_DATE_TIME(&at) ? bson_iter_date_time(&at) : BSON_ITER_HOLDS_INT(&at) ? bson_iter_as_int64(&at) : 0;
}

/* A number as it can stand in a statement or on the record. */
static int64_t count(const bson_t *doc, const char *path)
{
    int64_t n = whole(doc, path);
    return n < -SB_JSON_MAX_INT || n > SB_JSON_MAX_INT ? 0 : n;
}

/* A moment, which others subtract from another one: within the years of four digits. */
static int64_t moment(const bson_t *doc, const char *path)
{
    int64_t ms = whole(doc, path);
    return ms < 0 ? 0 : ms > SB_STORE_LAST_MS ? SB_STORE_LAST_MS : ms;
}

/* What is there and is no null. */
static bool there(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && !BSON_ITER_HOLDS_NULL(&it);
}

static void step(const bson_t *doc, const char *key, struct sb_lease_step *out)
{
    char path[64], class_[8];
    if (!there(doc, key))
        return;
    snprintf(path, sizeof path, "%s.card", key);
    text(doc, path, out->card, sizeof out->card);
    if (!out->card[0])
        memcpy(out->card, "?", 2);
    snprintf(path, sizeof path, "%s.step", key);
    out->step = count(doc, path);
    snprintf(path, sizeof path, "%s.epoch", key);
    out->epoch = count(doc, path);
    snprintf(path, sizeof path, "%s.class", key);
    text(doc, path, class_, sizeof class_);
    out->class_ = sb_name_find(&sb_step_classes, class_);
    if (out->class_ < 0)
        out->class_ = SB_STEP_IRREVERSIBLE;
}

int sb_lease_decode(const bson_t *doc, struct sb_lease *out)
{
    memset(out, 0, sizeof *out);
    text(doc, "_id", out->deployment, sizeof out->deployment);
    text(doc, "owner", out->owner, sizeof out->owner);
    text(doc, "name", out->name, sizeof out->name);
    text(doc, "host", out->host, sizeof out->host);
    text(doc, "boot", out->boot, sizeof out->boot);
    text(doc, "program", out->program, sizeof out->program);
    out->pid = count(doc, "pid");
    out->epoch = whole(doc, "epoch");
    out->until = moment(doc, "until");
    out->beat = moment(doc, "beat");
    step(doc, "open", &out->open);
    if (there(doc, "hold")) {
        out->hold.until = moment(doc, "hold.until");
        text(doc, "hold.by", out->hold.by, sizeof out->hold.by);
        text(doc, "hold.reason", out->hold.reason, sizeof out->hold.reason);
    }
    if (there(doc, "forced")) {
        out->forced.at = moment(doc, "forced.at");
        out->forced.epoch = count(doc, "forced.epoch");
        text(doc, "forced.by", out->forced.by, sizeof out->forced.by);
        text(doc, "forced.reason", out->forced.reason, sizeof out->forced.reason);
        text(doc, "forced.owner", out->forced.owner, sizeof out->forced.owner);
        text(doc, "forced.statement", out->forced.statement, sizeof out->forced.statement);
        text(doc, "forced.signature", out->forced.signature, sizeof out->forced.signature);
        bson_iter_t it, at;
        uint32_t n;
        const uint8_t *bytes;
        bson_t inner;
        if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "forced.step", &at) && BSON_ITER_HOLDS_DOCUMENT(&at)) {
            bson_iter_document(&at, &n, &bytes);
            bson_t wrap = BSON_INITIALIZER;
            if (bson_init_static(&inner, bytes, n) && BSON_APPEND_DOCUMENT(&wrap, "step", &inner))
                step(&wrap, "step", &out->forced.step);
            bson_destroy(&wrap);
        }
    }
    return out->deployment[0] && out->epoch >= 0 && out->epoch <= SB_JSON_MAX_INT && (!out->owner[0] || out->epoch > 0) ? 0 : -1;
}

struct reading {
    struct sb_lease *list;
    size_t n, cap;
    bool nomem;
};

static bool take(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    struct sb_lease one;
    if (sb_lease_decode(doc, &one))
        return true;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct sb_lease *more = realloc(r->list, cap * sizeof *more);
        if (!more) {
            r->nomem = true;
            return false;
        }
        r->list = more;
        r->cap = cap;
    }
    r->list[r->n++] = one;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct sb_lease *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->deployment, y->deployment);
}

int sb_lease_list(struct sb_store_door *d, size_t most, struct sb_lease **list, size_t *n, struct sb_err *err)
{
    struct reading r = {0};
    bson_t filter = BSON_INITIALIZER;
    int64_t given = sb_store_door_find(d, SB_LEASES, &filter, NULL, (int64_t)most, take, &r, err);
    bson_destroy(&filter);
    if (given < 0 || r.nomem) {
        free(r.list);
        *list = NULL;
        *n = 0;
        return given < 0 ? -1 : sb_fail_nomem(err);
    }
    if (r.n)
        qsort(r.list, r.n, sizeof *r.list, by_name);
    *list = r.list;
    *n = r.n;
    return 0;
}
