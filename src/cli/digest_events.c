/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_events.c - events and connections of a digest, bounded and mergeable.
 */
#include "digest.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <inttypes.h>

#define MAX_MESSAGE 240
#define BURST_MS 10000
#define BURST_LEAST 100 /* connections in ten seconds, below which it is no storm */
#define BURST_FACTOR 5  /* times the mean of the whole time */

/* ---- events ---- */

/* A detail as a word: quotes and brackets of JSON away, escapes undone, bounded. */
static void add_detail(struct sb_str *out, struct sb_span raw)
{
    if (!raw.n || out->len >= MAX_MESSAGE)
        return;
    char plain[MAX_MESSAGE];
    size_t n = raw.n < sizeof plain ? raw.n : sizeof plain;
    n = sb_jt_unescape(plain, (struct sb_span){raw.p, n});
    sb_str_addc(out, ' ');
    for (size_t i = 0; i < n && out->len < MAX_MESSAGE; i++)
        if (plain[i] != '"' && plain[i] != '[' && plain[i] != ']')
            sb_str_addc(out, plain[i]);
}

static void trim_text(struct sb_str *text)
{
    size_t n = text->len < MAX_MESSAGE ? text->len : MAX_MESSAGE;
    while (n && (text->p[n - 1] == ' ' || ((unsigned char)text->p[n] & 0xC0) == 0x80))
        n--;
    sb_str_truncate(text, n);
}

static struct sb_digest_event *find_event(struct sb_digest_events *events, enum sb_log_event_kind kind, const char *message,
                                          uint64_t hash, uint32_t **slot)
{
    for (size_t i = hash;; i++) {
        *slot = &events->index[i % SB_COUNT(events->index)];
        if (!**slot)
            return NULL;
        struct sb_digest_event *e = &events->items[**slot - 1];
        if (e->hash == hash && e->kind == kind && strcmp(e->message, message) == 0)
            return e;
    }
}

/* Adds `count` equal events; the message is copied. */
static int put_event(struct sb_digest_events *events, const struct sb_digest_event *event)
{
    uint64_t hash = sb_fnv1a(SB_FNV_START + (uint64_t)event->kind, event->message, strlen(event->message));
    uint32_t *slot;
    struct sb_digest_event *e = find_event(events, event->kind, event->message, hash, &slot);
    if (e) {
        e->count += event->count;
        e->at_ms = event->at_ms < e->at_ms ? event->at_ms : e->at_ms;
        e->until_ms = event->until_ms > e->until_ms ? event->until_ms : e->until_ms;
        return 0;
    }
    if (events->n >= SB_DIGEST_MAX_EVENTS) {
        events->left_out += event->count;
        return 0;
    }
    char *copy = NULL;
    if (SB_GROW(events->items, events->cap, events->n + 1) || sb_str_set(&copy, event->message))
        return -1;
    e = &events->items[events->n++];
    *e = *event;
    e->message = copy;
    e->hash = hash;
    *slot = (uint32_t)events->n;
    return 0;
}

int sb_digest_event_add(struct sb_digest_events *events, const struct sb_log_line *line, const struct sb_log_event *event)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_add(&text, event->text.p, event->text.n < MAX_MESSAGE ? event->text.n : MAX_MESSAGE);
    if (event->detail[0].n)
        sb_str_addc(&text, ':');
    for (size_t i = 0; i < SB_COUNT(event->detail); i++)
        add_detail(&text, event->detail[i]);
    trim_text(&text);
    struct sb_digest_event e = {.at_ms = line->at_ms, .until_ms = line->at_ms, .kind = event->kind, .id = line->id, .count = 1};
    snprintf(e.severity, sizeof e.severity, "%.*s", (int)line->severity.n, line->severity.n ? line->severity.p : "");
    e.message = text.p;
    int rc = sb_str_ok(&text) ? put_event(events, &e) : -1;
    sb_str_release(&text);
    return rc;
}

int sb_digest_events_merge(struct sb_digest_events *into, const struct sb_digest_events *from)
{
    into->left_out += from->left_out;
    for (size_t i = 0; i < from->n; i++)
        if (put_event(into, &from->items[i]))
            return -1;
    return 0;
}

void sb_digest_events_release(struct sb_digest_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        free(events->items[i].message);
    free(events->items);
    memset(events, 0, sizeof *events);
}

/* ---- connections ---- */

static int count_client(struct sb_digest_connections *c, struct sb_span app, uint64_t count)
{
    char name[129];
    snprintf(name, sizeof name, "%.*s", (int)(app.n < 128 ? app.n : 128), app.n ? app.p : "");
    for (size_t i = 0; i < c->clients_n; i++) {
        if (strcmp(c->clients[i].app, name) == 0) {
            c->clients[i].count += count;
            return 0;
        }
    }
    if (c->clients_n == SB_DIGEST_MAX_CLIENTS) {
        c->clients_other += count;
        return 0;
    }
    char *copy = NULL;
    if (sb_str_set(&copy, name))
        return -1;
    c->clients[c->clients_n++] = (struct sb_digest_client){copy, count};
    return 0;
}

/* Keeps the ten seconds that have passed when they were busy; of too many the busiest. */
static void end_burst(struct sb_digest_connections *c)
{
    if (c->now.opened >= BURST_LEAST) {
        struct sb_digest_burst *to = &c->bursts[c->bursts_n];
        if (c->bursts_n == SB_DIGEST_MAX_STORMS) {
            to = &c->bursts[0];
            for (size_t i = 1; i < c->bursts_n; i++)
                if (c->bursts[i].opened < to->opened)
                    to = &c->bursts[i];
            if (to->opened < c->now.opened)
                *to = c->now;
        } else {
            *to = c->now;
            c->bursts_n++;
        }
    }
    c->now.opened = 0;
}

int sb_digest_connection_add(struct sb_digest_connections *c, const struct sb_log_line *line)
{
    int64_t open;
    struct sb_span remote, app;
    enum sb_connection_note note = sb_log_connection(line, &open, &remote, &app);
    if (open > c->peak)
        c->peak = open;
    if (note == SB_CONNECTION_CLIENT)
        return app.n ? count_client(c, app, 1) : 0;
    c->closed += note == SB_CONNECTION_CLOSED;
    if (note != SB_CONNECTION_OPENED)
        return 0;
    c->opened++;
    int64_t start = line->at_ms - line->at_ms % BURST_MS;
    if (start != c->now.at_ms)
        end_burst(c);
    c->now.at_ms = start;
    c->now.opened++;
    return 0;
}

int sb_digest_connections_merge(struct sb_digest_connections *into, struct sb_digest_connections *from)
{
    end_burst(from);
    into->opened += from->opened;
    into->closed += from->closed;
    into->clients_other += from->clients_other;
    if (from->peak > into->peak)
        into->peak = from->peak;
    for (size_t i = 0; i < from->clients_n; i++)
        if (count_client(into, (struct sb_span){from->clients[i].app, strlen(from->clients[i].app)}, from->clients[i].count))
            return -1;
    for (size_t i = 0; i < from->bursts_n; i++) {
        into->now = from->bursts[i];
        end_burst(into);
    }
    return 0;
}

void sb_digest_connections_release(struct sb_digest_connections *c)
{
    for (size_t i = 0; i < c->clients_n; i++)
        free(c->clients[i].app);
    memset(c, 0, sizeof *c);
}

/* ---- the end ---- */

static int by_burst_time(const void *a, const void *b)
{
    const struct sb_digest_burst *x = a, *y = b;
    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static int by_event_time(const void *a, const void *b)
{
    const struct sb_digest_event *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->message, y->message);
}

static int put_storm(struct sb_digest_events *events, const struct sb_digest_burst *first, int64_t until_ms, uint64_t opened)
{
    char message[96];
    int64_t seconds = (until_ms - first->at_ms) / 1000;
    snprintf(message, sizeof message, "%" PRIu64 " connections opened within %" PRId64 " s", opened, seconds);
    struct sb_digest_event e = {.at_ms = first->at_ms, .until_ms = until_ms, .kind = SB_EVENT_STORM, .id = SB_ABSENT,
                                .severity = "W", .message = message, .count = 1};
    return put_event(events, &e);
}

int sb_digest_events_finish(struct sb_digest *d, int64_t span_ms)
{
    struct sb_digest_connections *c = &d->connections;
    uint64_t slots = span_ms > BURST_MS ? (uint64_t)(span_ms / BURST_MS) : 1, usual = c->opened / slots;
    qsort(c->bursts, c->bursts_n, sizeof *c->bursts, by_burst_time);
    for (size_t i = 0; i < c->bursts_n;) {
        const struct sb_digest_burst *first = &c->bursts[i];
        uint64_t opened = 0, top = 0;
        int64_t until = first->at_ms;
        for (; i < c->bursts_n && c->bursts[i].at_ms <= until; i++) {
            opened += c->bursts[i].opened;
            top = c->bursts[i].opened > top ? c->bursts[i].opened : top;
            until = c->bursts[i].at_ms + BURST_MS;
        }
        /* when the whole time was like that, that is how it is */
        if ((top >= usual * BURST_FACTOR || slots == 1) && put_storm(&d->events, first, until, opened))
            return -1;
    }
    if (d->events.n)
        qsort(d->events.items, d->events.n, sizeof *d->events.items, by_event_time);
    memset(d->events.index, 0, sizeof d->events.index); /* the order has changed: nothing is added any more */
    return 0;
}
