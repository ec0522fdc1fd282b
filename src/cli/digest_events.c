/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_events.c - events and connections of a digest, bounded and mergeable.
 */
#include "digest.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <inttypes.h>

#define MAX_MESSAGE 240
#define MAX_CLIENT 128
#define BURST_LEAST 100 /* connections in ten seconds, below which it is no storm */
#define BURST_FACTOR 5  /* times the mean of the whole time */

/* ---- events ---- */

/* The JSON text with its escapes undone, cut to `most` bytes. */
static size_t plain_text(char *out, size_t most, struct sb_span raw)
{
    char plain[6 * MAX_MESSAGE]; /* an escape is six bytes at most */
    size_t n = raw.n < sizeof plain ? raw.n : sizeof plain;
    n = sb_jt_unescape(plain, (struct sb_span){raw.p, n});
    n = sb_utf8_whole(plain, n < most ? n : most);
    memcpy(out, plain, n);
    return n;
}

/* A detail as a word: quotes and brackets of JSON away, escapes undone, bounded. */
static void add_detail(struct sb_str *out, struct sb_span raw)
{
    char plain[MAX_MESSAGE];
    if (!raw.n || out->len >= MAX_MESSAGE)
        return;
    size_t n = plain_text(plain, sizeof plain, raw);
    sb_str_addc(out, ' ');
    for (size_t i = 0; i < n && out->len < MAX_MESSAGE; i++)
        if (plain[i] != '"' && plain[i] != '[' && plain[i] != ']')
            sb_str_addc(out, plain[i]);
}

static void trim_text(struct sb_str *text)
{
    size_t n = sb_utf8_whole(text->p, text->len < MAX_MESSAGE ? text->len : MAX_MESSAGE);
    while (n && text->p[n - 1] == ' ')
        n--;
    sb_str_truncate(text, n);
}

/* A flood of one rank pushes out none of another. */
static unsigned rank_of(const struct sb_digest_event *e)
{
    return e->kind == SB_EVENT_WARNING ? 2 : e->kind == SB_EVENT_ERROR ? 1 : 0;
}

static struct sb_digest_event *find_event(struct sb_digest_events *events, const struct sb_digest_event *like, uint64_t hash, uint32_t **slot)
{
    for (size_t i = hash;; i++) {
        *slot = &events->index[i % SB_COUNT(events->index)];
        if (!**slot)
            return NULL;
        struct sb_digest_event *e = &events->items[**slot - 1];
        if (e->hash == hash && e->kind == like->kind && e->id == like->id && strcmp(e->message, like->message) == 0)
            return e;
    }
}

/* Adds `count` equal events; the message is copied. */
static int put_event(struct sb_digest_events *events, const struct sb_digest_event *event)
{
    uint64_t hash = sb_fnv1a(SB_FNV_START + (uint64_t)event->kind + ((uint64_t)event->id << 8), event->message, strlen(event->message));
    uint32_t *slot;
    struct sb_digest_event *e = find_event(events, event, hash, &slot);
    unsigned rank = rank_of(event);
    if (e) {
        e->count += event->count;
        e->at_ms = event->at_ms < e->at_ms ? event->at_ms : e->at_ms;
        e->until_ms = event->until_ms > e->until_ms ? event->until_ms : e->until_ms;
        return 0;
    }
    if (events->of_rank[rank] >= SB_DIGEST_MAX_EVENTS) {
        events->left_out += event->count;
        return 0;
    }
    char *copy = NULL;
    if (SB_GROW(events->items, events->cap, events->n + 1) || sb_str_set(&copy, event->message))
        return -1;
    events->of_rank[rank]++;
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

/* Keeps the burst that has ended; of too many the largest. */
static void end_burst(struct sb_digest_connections *c)
{
    if (!c->now.opened)
        return;
    struct sb_digest_burst *to = &c->bursts[c->bursts_n];
    if (c->bursts_n == SB_DIGEST_MAX_STORMS) {
        to = &c->bursts[0];
        for (size_t i = 1; i < c->bursts_n; i++)
            if (c->bursts[i].most < to->most)
                to = &c->bursts[i];
        if (to->most < c->now.most)
            *to = c->now;
    } else {
        *to = c->now;
        c->bursts_n++;
    }
    c->now.opened = 0;
}

/* A connection opened in this second: one that the log tells late counts as of the newest. */
static void count_opened(struct sb_digest_connections *c, int64_t second)
{
    for (int i = 0; i < SB_DIGEST_BURST_S && c->second < second; i++)
        c->recent[++c->second % SB_DIGEST_BURST_S] = 0;
    c->second = second > c->second ? second : c->second;
    c->recent[c->second % SB_DIGEST_BURST_S]++;
    int64_t first = c->second;
    uint64_t in_ten = 0, beyond = 0; /* beyond: since the end of the burst that is being counted */
    for (int64_t s = c->second; s > c->second - SB_DIGEST_BURST_S && s >= 0; s--) {
        uint64_t n = c->recent[s % SB_DIGEST_BURST_S];
        in_ten += n;
        first = n ? s : first;
        beyond += s >= c->now.until_s ? n : 0;
    }
    bool goes_on = c->now.opened && first <= c->now.until_s;
    if (in_ten < BURST_LEAST)
        return;
    if (!goes_on) {
        end_burst(c);
        c->now = (struct sb_digest_burst){.from_s = first, .opened = in_ten};
    } else {
        c->now.opened += c->second < c->now.until_s ? 1 : beyond;
    }
    c->now.until_s = c->second + 1;
    c->now.most = in_ten > c->now.most ? in_ten : c->now.most;
}

int sb_digest_connection_add(struct sb_digest_connections *c, const struct sb_log_line *line)
{
    int64_t open;
    struct sb_span remote, app;
    char name[MAX_CLIENT];
    enum sb_connection_note note = sb_log_connection(line, &open, &remote, &app);
    if (open > c->peak)
        c->peak = open;
    if (note == SB_CONNECTION_CLIENT)
        return app.n ? sb_shares_add(&c->clients, SB_DIGEST_MAX_CLIENTS, (struct sb_span){name, plain_text(name, sizeof name, app)}, 1) : 0;
    c->closed += note == SB_CONNECTION_CLOSED;
    if (note != SB_CONNECTION_OPENED)
        return 0;
    c->opened++;
    if (line->at_ms != SB_NO_TIME && line->at_ms >= 0)
        count_opened(c, line->at_ms / 1000);
    return 0;
}

int sb_digest_connections_merge(struct sb_digest_connections *into, struct sb_digest_connections *from)
{
    end_burst(from);
    into->opened += from->opened;
    into->closed += from->closed;
    if (from->peak > into->peak)
        into->peak = from->peak;
    for (size_t i = 0; i < from->bursts_n; i++) {
        into->now = from->bursts[i];
        end_burst(into);
    }
    return sb_shares_merge(&into->clients, SB_DIGEST_MAX_CLIENTS, &from->clients);
}

void sb_digest_connections_release(struct sb_digest_connections *c)
{
    sb_shares_release(&c->clients);
    memset(c, 0, sizeof *c);
}

/* ---- the end ---- */

static int by_burst_time(const void *a, const void *b)
{
    const struct sb_digest_burst *x = a, *y = b;
    return x->from_s < y->from_s ? -1 : x->from_s > y->from_s;
}

static int by_event_time(const void *a, const void *b)
{
    const struct sb_digest_event *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->message, y->message);
}

static int put_storm(struct sb_digest_events *events, const struct sb_digest_burst *b)
{
    char message[96];
    snprintf(message, sizeof message, "%" PRIu64 " connections opened within %" PRId64 " s", b->opened, b->until_s - b->from_s);
    struct sb_digest_event e = {.at_ms = b->from_s * 1000, .until_ms = b->until_s * 1000, .kind = SB_EVENT_STORM, .id = SB_ABSENT,
                                .severity = "W", .message = message, .count = 1};
    return put_event(events, &e);
}

int sb_digest_events_finish(struct sb_digest *d, int64_t span_ms)
{
    struct sb_digest_connections *c = &d->connections;
    int64_t tens = span_ms / (SB_DIGEST_BURST_S * 1000);
    uint64_t usual = c->opened / (uint64_t)(tens > 1 ? tens : 1);
    qsort(c->bursts, c->bursts_n, sizeof *c->bursts, by_burst_time);
    for (size_t i = 0; i < c->bursts_n;) {
        struct sb_digest_burst b = c->bursts[i];
        while (++i < c->bursts_n && c->bursts[i].from_s <= b.until_s) { /* of several members at the same time */
            b.opened += c->bursts[i].opened;
            b.most = c->bursts[i].most > b.most ? c->bursts[i].most : b.most;
            b.until_s = c->bursts[i].until_s > b.until_s ? c->bursts[i].until_s : b.until_s;
        }
        /* when the whole time was like that, that is how it is */
        if ((b.most >= usual * BURST_FACTOR || tens <= 1) && put_storm(&d->events, &b))
            return -1;
    }
    if (d->events.n)
        qsort(d->events.items, d->events.n, sizeof *d->events.items, by_event_time);
    memset(d->events.index, 0, sizeof d->events.index); /* the order has changed: nothing is added any more */
    return 0;
}
