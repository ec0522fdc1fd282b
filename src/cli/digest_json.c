/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_json.c - the digest as one JSON document, keys as in the program's interface.
 */
#include "digest.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

const char *sb_digest_plan(const struct sb_work *work)
{
    const char *top = sb_shares_top(&work->plans);
    return top ? top : "";
}

/* Bytes of outside as a JSON string: what is no UTF-8 becomes U+FFFD. */
static json_t *text(const char *p)
{
    size_t n = strlen(p);
    if (sb_utf8_valid(p, n))
        return json_stringn_nocheck(p, n);
    struct sb_str out;
    sb_str_init(&out);
    for (size_t i = 0; i < n;) {
        uint32_t point;
        size_t len = sb_utf8_decode(p + i, n - i, &point);
        sb_str_add(&out, len ? p + i : "\xEF\xBF\xBD", len ? len : 3);
        i += len ? len : 1;
    }
    json_t *value = sb_str_ok(&out) ? json_stringn_nocheck(out.p, out.len) : NULL;
    sb_str_release(&out);
    return value;
}

static json_t *time_or_null(int64_t at_ms)
{
    char out[SB_TIME_LEN + 1];
    if (at_ms == SB_NO_TIME)
        return json_null();
    sb_time_format(out, at_ms);
    return json_string(out);
}

static json_t *number(uint64_t v)
{
    return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* Takes the value; remembers in *ok that something ran out of memory. */
static void set(json_t *object, const char *key, json_t *value, bool *ok)
{
    if (!value || json_object_set_new_nocheck(object, key, value))
        *ok = false;
}

static void append(json_t *array, json_t *value, bool *ok)
{
    if (!value || json_array_append_new(array, value))
        *ok = false;
}

static json_t *source(const struct sb_digest_part *part, bool *ok)
{
    json_t *o = json_object();
    set(o, "path", text(part->path), ok);
    set(o, "kind", json_string(part->opened ? sb_infile_kind_name(part->kind) : "unreadable"), ok);
    set(o, "lines", number(part->lines), ok);
    set(o, "bytes", number(part->bytes), ok);
    set(o, "bad_lines", number(part->bad_lines), ok);
    if (part->kind == SB_INFILE_FTDC) {
        set(o, "samples", number(part->samples), ok);
        set(o, "metrics", number(part->metrics), ok);
    }
    set(o, "from", time_or_null(part->from_ms), ok);
    set(o, "to", time_or_null(part->to_ms), ok);
    set(o, "version", part->version[0] ? text(part->version) : json_null(), ok);
    if (part->error.code)
        set(o, "error", text(part->error.msg), ok);
    return o;
}

static json_t *names(const struct sb_shares *shares, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < shares->n; i++)
        append(a, text(shares->item[i].name), ok);
    return a;
}

static json_t *shares_of(const struct sb_shares *shares, const char *key, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < shares->n; i++) {
        json_t *o = json_object();
        set(o, key, text(shares->item[i].name), ok);
        set(o, "count", number(shares->item[i].count), ok);
        append(a, o, ok);
    }
    return a;
}

static void set_if(json_t *o, const char *key, const char *value, bool *ok)
{
    if (value[0])
        set(o, key, text(value), ok);
}

/* What makes the shape beyond its filter. */
static void add_shape(json_t *o, const struct sb_shape *shape, bool *ok)
{
    set(o, "fingerprint", text(shape->fingerprint), ok);
    set_if(o, "sort", shape->sort, ok);
    set_if(o, "projection", shape->projection, ok);
    set_if(o, "collation", shape->collation, ok);
    set_if(o, "hint", shape->hint, ok);
    set_if(o, "stages", shape->stages, ok);
    set_if(o, "distinct", shape->distinct, ok);
    if (shape->limited)
        set(o, "limited", json_true(), ok);
    if (shape->multi)
        set(o, "multi", json_true(), ok);
    if (shape->unknown || shape->partial)
        set(o, "partial", json_true(), ok);
}

static json_t *entry(const struct sb_work *w, bool *ok)
{
    const struct sb_work_sums *s = &w->sums;
    json_t *o = json_object();
    set(o, "ns", text(w->ns), ok);
    set(o, "op", text(w->shape->op), ok);
    set(o, "shape", text(w->shape->text), ok);
    set(o, "app_names", names(&w->apps, ok), ok);
    set(o, "count", number(s->count), ok);
    set(o, "total_ms", number(s->total_ms), ok);
    set(o, "mean_ms", json_real(s->timed ? (double)s->total_ms / (double)s->timed : 0), ok);
    set(o, "p50_ms", number(sb_work_quantile(w, 0.50)), ok);
    set(o, "p95_ms", number(sb_work_quantile(w, 0.95)), ok);
    set(o, "max_ms", number(s->max_ms), ok);
    set(o, "docs_examined", number(s->docs_examined), ok);
    set(o, "keys_examined", number(s->keys_examined), ok);
    set(o, "returned", number(s->returned), ok);
    set(o, "plan", text(sb_digest_plan(w)), ok);
    set(o, "in_memory_sort", json_boolean(s->sorted > 0), ok);
    add_shape(o, w->shape, ok);
    set(o, "plans", shares_of(&w->plans, "plan", ok), ok);
    set(o, "apps", shares_of(&w->apps, "app", ok), ok);
    if (w->plans.other)
        set(o, "plans_other", number(w->plans.other), ok);
    if (w->apps.other)
        set(o, "apps_other", number(w->apps.other), ok);
    set(o, "written", number(s->written), ok);
    set(o, "sorted", number(s->sorted), ok);
    set(o, "spilled", number(s->spilled), ok);
    set(o, "errors", number(s->errors), ok);
    set(o, "first", time_or_null(w->first_ms), ok);
    set(o, "last", time_or_null(w->last_ms), ok);
    if (w->query_hash)
        set(o, "query_hash", text(w->query_hash), ok);
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
            append(a, entry(other, ok), ok);
            other = NULL;
        }
        append(a, entry(ranked[i], ok), ok);
    }
    if (other)
        append(a, entry(other, ok), ok);
    free(ranked);
    return a;
}

static json_t *events_of(const struct sb_digest_events *events, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < events->n; i++) {
        const struct sb_digest_event *e = &events->items[i];
        json_t *o = json_object();
        set(o, "at", time_or_null(e->at_ms), ok);
        set(o, "kind", json_string(sb_log_event_name(e->kind)), ok);
        set(o, "severity", text(e->severity), ok);
        set(o, "message", text(e->message), ok);
        set(o, "count", number(e->count), ok);
        set(o, "until", time_or_null(e->until_ms), ok);
        set(o, "id", e->id == SB_ABSENT ? json_null() : json_integer(e->id), ok);
        append(a, o, ok);
    }
    return a;
}

static json_t *connections_of(const struct sb_digest_connections *c, bool *ok)
{
    json_t *o = json_object();
    set(o, "opened", number(c->opened), ok);
    set(o, "closed", number(c->closed), ok);
    set(o, "peak", c->peak == SB_ABSENT ? json_null() : json_integer(c->peak), ok);
    set(o, "clients", shares_of(&c->clients, "app", ok), ok);
    if (c->clients.other)
        set(o, "clients_other", number(c->clients.other), ok);
    return o;
}

int sb_digest_json(const struct sb_digest *d, struct sb_err *err)
{
    bool ok = true;
    json_t *o = json_object(), *sources = json_array();
    for (size_t i = 0; i < d->parts_n; i++)
        append(sources, source(d->parts[i], &ok), &ok);
    set(o, "sources", sources, &ok);
    set(o, "operations", number(sb_workload_totals(d->work).count), &ok);
    set(o, "shapes", shapes(d->work, &ok), &ok);
    set(o, "events", events_of(&d->events, &ok), &ok);
    set(o, "connections", connections_of(&d->connections, &ok), &ok);
    set(o, "advice", sb_digest_advice_json(d), &ok);
    if (d->events.left_out)
        set(o, "events_left_out", number(d->events.left_out), &ok);
    if (!ok) {
        json_decref(o);
        return sb_fail_nomem(err);
    }
    return sb_print_json(o) ? sb_fail(err, SB_EIO, "the digest could not be written to standard output") : 0;
}
