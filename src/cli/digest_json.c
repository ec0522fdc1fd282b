/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_json.c - the digest as one JSON document, keys as in the program's interface.
 */
#include "digest.h"
#include "json_put.h"

#include <signalbox/cli/command.h>

const char *sb_digest_plan(const struct sb_work *work)
{
    const char *top = sb_shares_top(&work->plans);
    return top ? top : "";
}

static json_t *number(uint64_t v)
{
    return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *source(const struct sb_digest_part *part, bool *ok)
{
    json_t *o = json_object();
    sb_put(o, "path", sb_json_of(part->path), ok);
    sb_put(o, "kind", json_string(part->opened ? sb_infile_kind_name(part->kind) : "unreadable"), ok);
    sb_put(o, "lines", number(part->lines), ok);
    sb_put(o, "bytes", number(part->bytes), ok);
    sb_put(o, "bad_lines", number(part->bad_lines), ok);
    if (part->kind == SB_INFILE_FTDC) {
        sb_put(o, "samples", number(part->samples), ok);
        sb_put(o, "metrics", number(part->metrics), ok);
    }
    sb_put(o, "from", sb_json_time(part->from_ms, SB_NO_TIME), ok);
    sb_put(o, "to", sb_json_time(part->to_ms, SB_NO_TIME), ok);
    sb_put(o, "version", part->version[0] ? sb_json_of(part->version) : json_null(), ok);
    if (part->error.code)
        sb_put(o, "error", sb_json_of(part->error.msg), ok);
    return o;
}

static json_t *names(const struct sb_shares *shares, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < shares->n; i++)
        sb_put_last(a, sb_json_of(shares->item[i].name), ok);
    return a;
}

static json_t *shares_of(const struct sb_shares *shares, const char *key, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < shares->n; i++) {
        json_t *o = json_object();
        sb_put(o, key, sb_json_of(shares->item[i].name), ok);
        sb_put(o, "count", number(shares->item[i].count), ok);
        sb_put_last(a, o, ok);
    }
    return a;
}

static void set_if(json_t *o, const char *key, const char *value, bool *ok)
{
    if (value[0])
        sb_put(o, key, sb_json_of(value), ok);
}

/* What makes the shape beyond its filter. */
static void add_shape(json_t *o, const struct sb_shape *shape, bool *ok)
{
    sb_put(o, "fingerprint", sb_json_of(shape->fingerprint), ok);
    set_if(o, "sort", shape->sort, ok);
    set_if(o, "projection", shape->projection, ok);
    set_if(o, "collation", shape->collation, ok);
    set_if(o, "hint", shape->hint, ok);
    set_if(o, "stages", shape->stages, ok);
    set_if(o, "distinct", shape->distinct, ok);
    if (shape->limited)
        sb_put(o, "limited", json_true(), ok);
    if (shape->multi)
        sb_put(o, "multi", json_true(), ok);
    if (shape->unknown || shape->partial)
        sb_put(o, "partial", json_true(), ok);
}

static json_t *entry(const struct sb_work *w, bool *ok)
{
    const struct sb_work_sums *s = &w->sums;
    json_t *o = json_object();
    sb_put(o, "ns", sb_json_of(w->ns), ok);
    sb_put(o, "op", sb_json_of(w->shape->op), ok);
    sb_put(o, "shape", sb_json_of(w->shape->text), ok);
    sb_put(o, "app_names", names(&w->apps, ok), ok);
    sb_put(o, "count", number(s->count), ok);
    sb_put(o, "total_ms", number(s->total_ms), ok);
    sb_put(o, "mean_ms", json_real(s->timed ? (double)s->total_ms / (double)s->timed : 0), ok);
    sb_put(o, "p50_ms", number(sb_work_quantile(w, 0.50)), ok);
    sb_put(o, "p95_ms", number(sb_work_quantile(w, 0.95)), ok);
    sb_put(o, "max_ms", number(s->max_ms), ok);
    sb_put(o, "docs_examined", number(s->docs_examined), ok);
    sb_put(o, "keys_examined", number(s->keys_examined), ok);
    sb_put(o, "returned", number(s->returned), ok);
    sb_put(o, "plan", sb_json_of(sb_digest_plan(w)), ok);
    sb_put(o, "in_memory_sort", json_boolean(s->sorted > 0), ok);
    add_shape(o, w->shape, ok);
    sb_put(o, "plans", shares_of(&w->plans, "plan", ok), ok);
    sb_put(o, "apps", shares_of(&w->apps, "app", ok), ok);
    if (w->plans.other)
        sb_put(o, "plans_other", number(w->plans.other), ok);
    if (w->apps.other)
        sb_put(o, "apps_other", number(w->apps.other), ok);
    sb_put(o, "written", number(s->written), ok);
    sb_put(o, "sorted", number(s->sorted), ok);
    sb_put(o, "spilled", number(s->spilled), ok);
    sb_put(o, "errors", number(s->errors), ok);
    sb_put(o, "first", sb_json_time(w->first_ms, SB_NO_TIME), ok);
    sb_put(o, "last", sb_json_time(w->last_ms, SB_NO_TIME), ok);
    if (w->query_hash)
        sb_put(o, "query_hash", sb_json_of(w->query_hash), ok);
    return o;
}

static json_t *shapes(const struct sb_workload *work, bool *ok)
{
    size_t n = sb_workload_size(work);
    const struct sb_work **ranked = calloc(n + 1, sizeof *ranked);
    json_t *a = json_array();
    if (!ranked) {
        *ok = false;
        return a;
    }
    sb_workload_rank(work, ranked);
    const struct sb_work *other = sb_workload_other(work); /* what did not fit has its place among the rest */
    for (size_t i = 0; i < n; i++) {
        if (other && other->sums.total_ms > ranked[i]->sums.total_ms) {
            sb_put_last(a, entry(other, ok), ok);
            other = NULL;
        }
        sb_put_last(a, entry(ranked[i], ok), ok);
    }
    if (other)
        sb_put_last(a, entry(other, ok), ok);
    free(ranked);
    return a;
}

static json_t *events_of(const struct sb_digest_events *events, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < events->n; i++) {
        const struct sb_digest_event *e = &events->items[i];
        json_t *o = json_object();
        sb_put(o, "at", sb_json_time(e->at_ms, SB_NO_TIME), ok);
        sb_put(o, "kind", json_string(sb_log_event_name(e->kind)), ok);
        sb_put(o, "severity", sb_json_of(e->severity), ok);
        sb_put(o, "message", sb_json_of(e->message), ok);
        sb_put(o, "count", number(e->count), ok);
        sb_put(o, "until", sb_json_time(e->until_ms, SB_NO_TIME), ok);
        sb_put(o, "id", e->id == SB_ABSENT ? json_null() : json_integer(e->id), ok);
        sb_put_last(a, o, ok);
    }
    return a;
}

static json_t *connections_of(const struct sb_digest_connections *c, bool *ok)
{
    json_t *o = json_object();
    sb_put(o, "opened", number(c->opened), ok);
    sb_put(o, "closed", number(c->closed), ok);
    sb_put(o, "peak", c->peak == SB_ABSENT ? json_null() : json_integer(c->peak), ok);
    sb_put(o, "clients", shares_of(&c->clients, "app", ok), ok);
    if (c->clients.other)
        sb_put(o, "clients_other", number(c->clients.other), ok);
    return o;
}

int sb_digest_json(const struct sb_digest *d, struct sb_err *err)
{
    bool ok = true;
    json_t *o = json_object(), *sources = json_array();
    for (size_t i = 0; i < d->parts_n; i++)
        sb_put_last(sources, source(d->parts[i], &ok), &ok);
    sb_put(o, "sources", sources, &ok);
    sb_put(o, "operations", number(sb_workload_totals(d->work).count), &ok);
    sb_put(o, "shapes", shapes(d->work, &ok), &ok);
    sb_put(o, "events", events_of(&d->events, &ok), &ok);
    sb_put(o, "connections", connections_of(&d->connections, &ok), &ok);
    sb_put(o, "advice", sb_digest_advice_json(d), &ok);
    if (d->events.left_out)
        sb_put(o, "events_left_out", number(d->events.left_out), &ok);
    if (!ok) {
        json_decref(o);
        return sb_fail_nomem(err);
    }
    return sb_print_json(o) ? sb_fail(err, SB_EIO, "the digest could not be written to standard output") : 0;
}
