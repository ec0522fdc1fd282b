/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_held.c - transactions that are left open, and whose they are.
 *
 * The metrics count them and name nobody. While one is open $currentOp tells its application; when it has ended the log has a
 * line of it, with the connection, and who sits at that was said when it connected. */
#include "incidents_private.h"

#include <string.h>

#define LONG_MS 5000 /* idle for less than this is between two statements */

static void put_span(char *out, size_t cap, struct sb_span s)
{
    size_t n = s.p && s.n < cap ? s.n : 0;
    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

void sb_held_connected(struct sb_incidents *in, int member, const struct sb_log_line *line, struct sb_span app)
{
    struct held *h = &in->log.held;
    struct seat *s = &h->seat[h->seats_n++ % SEATS];
    s->member = member;
    put_span(s->ctx, sizeof s->ctx, line->ctx);
    put_span(s->app, sizeof s->app, app);
}

/* The newest who sits there: numbers of connections are used once in the life of a process. */
static const char *who_sits(const struct held *h, int member, struct sb_span ctx)
{
    for (uint64_t i = h->seats_n; i > 0 && h->seats_n - i < SEATS; i--) {
        const struct seat *s = &h->seat[(i - 1) % SEATS];
        if (s->member == member && strlen(s->ctx) == ctx.n && ctx.n && memcmp(s->ctx, ctx.p, ctx.n) == 0)
            return s->app;
    }
    return "";
}

/* The same one told again is one. */
static struct holder *place_for(struct held *h, int member, const char *client, int64_t since_ms)
{
    for (uint64_t i = h->holders_n; i > 0 && h->holders_n - i < HOLDERS; i--) {
        struct holder *o = &h->holder[(i - 1) % HOLDERS];
        if (o->member == member && !o->logged && strcmp(o->client, client) == 0 && since_ms - o->since_ms < 2000 && o->since_ms - since_ms < 2000)
            return o;
    }
    return &h->holder[h->holders_n++ % HOLDERS];
}

void sb_incidents_transaction(struct sb_incidents *in, int member, const struct sb_open_transaction *t, int64_t at_ms)
{
    if (t->open_ms < 0 || t->idle_ms < 0 || t->idle_ms > t->open_ms)
        return;
    struct holder *o = place_for(&in->log.held, member, t->client, at_ms - t->open_ms);
    *o = (struct holder){.member = member, .since_ms = at_ms - t->open_ms, .seen_ms = at_ms, .idle_ms = t->idle_ms};
    snprintf(o->app, sizeof o->app, "%s", t->app);
    snprintf(o->client, sizeof o->client, "%s", t->client);
}

static int64_t number_at(const struct sb_log_line *line, const char *path)
{
    struct sb_span raw;
    char text[24];
    if (!line->attr.p || !sb_jt_find(line->attr, path, &raw) || raw.n >= sizeof text)
        return -1;
    put_span(text, sizeof text, raw);
    char *end;
    long long v = strtoll(text, &end, 10);
    return end != text && *end == '\0' ? v : -1;
}

bool sb_held_line(struct sb_incidents *in, int member, const struct sb_log_line *line)
{
    if (!SB_SPAN_IS(line->component, "TXN") || !SB_SPAN_IS(line->msg, "transaction"))
        return false;
    int64_t idle_us = number_at(line, "timeInactiveMicros"), open_ms = number_at(line, "durationMillis");
    if (idle_us < LONG_MS * 1000 || open_ms < 0)
        return true;
    struct held *h = &in->log.held;
    struct holder *o = &h->holder[h->holders_n++ % HOLDERS];
    *o = (struct holder){.member = member, .logged = true, .since_ms = line->at_ms - open_ms, .seen_ms = line->at_ms, .idle_ms = idle_us / 1000};
    snprintf(o->app, sizeof o->app, "%s", who_sits(h, member, line->ctx));
    return true;
}

const struct holder *sb_held_longest(const struct sb_incidents *in)
{
    const struct held *h = &in->log.held;
    const struct holder *found = NULL;
    for (uint64_t i = h->holders_n; i > 0 && h->holders_n - i < HOLDERS; i--) {
        const struct holder *o = &h->holder[(i - 1) % HOLDERS];
        bool then = o->seen_ms >= in->open.from_ms && o->since_ms <= in->open.last_ms && o->idle_ms >= LONG_MS;
        bool better = !found || (o->app[0] && !found->app[0]) || (!o->app[0] == !found->app[0] && o->idle_ms > found->idle_ms);
        if (then && better)
            found = o;
    }
    return found;
}
