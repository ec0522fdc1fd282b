/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/mongolog.h>

#include <signalbox/base/clock.h>

void sb_mongolog_init(struct sb_mongolog *m)
{
    memset(m, 0, sizeof *m);
}

void sb_mongolog_release(struct sb_mongolog *m)
{
    sb_scratch_release(&m->scratch);
    sb_mongolog_init(m);
}

/* ---- time: 2023-09-23T16:24:35.756-04:00, 2023-09-23T20:24:35.756Z ---- */

#define MINUTE_LEN 16 /* 2023-09-23T16:24 */

static inline int two_digits(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + (p[1] - '0') : 100;
}

/* Reads the time through the reader's memory of the last minute; whatever is unusual goes the long way. */
static bool read_time(struct sb_mongolog *m, struct sb_span text, int64_t *at_ms)
{
    const char *p = text.p;
    if (text.n < MINUTE_LEN + 8 || text.n > MINUTE_LEN + 7 + sizeof m->offset || p[16] != ':' || p[19] != '.')
        return sb_time_parse(p, text.n, at_ms) == 0;
    int second = two_digits(p + 17), centi = two_digits(p + 20);
    if (second > 59 || centi > 99 || p[22] < '0' || p[22] > '9' || (p[23] != '+' && p[23] != '-' && p[23] != 'Z'))
        return sb_time_parse(p, text.n, at_ms) == 0;
    const char *offset = p + 23;
    size_t offset_n = text.n - 23;
    if (m->offset_n != offset_n || memcmp(m->offset, offset, offset_n) != 0 || memcmp(m->minute, p, MINUTE_LEN) != 0) {
        int64_t ms;
        if (sb_time_parse(p, text.n, &ms))
            return false;
        memcpy(m->minute, p, MINUTE_LEN);
        memcpy(m->offset, offset, offset_n);
        m->offset_n = offset_n;
        m->minute_ms = ms - second * 1000 - centi * 10 - (p[22] - '0');
    }
    *at_ms = m->minute_ms + second * 1000 + centi * 10 + (p[22] - '0');
    return true;
}

/* The value of "t": {"$date":"..."} and nothing else. */
static bool take_time(struct sb_mongolog *m, struct sb_jt *j, int64_t *at_ms)
{
    struct sb_span key, text;
    bool first = true, escaped;
    if (!sb_jt_open(j, '{') || !sb_jt_member(j, &first, &key, &escaped))
        return j->state == SB_JT_OK ? sb_jt_stop(j, SB_JT_BAD) : false;
    if (!SB_SPAN_IS(key, "$date"))
        return sb_jt_stop(j, SB_JT_BAD);
    if (!sb_jt_string(j, &text, &escaped))
        return false;
    if (!read_time(m, text, at_ms))
        return sb_jt_stop(j, SB_JT_BAD);
    if (sb_jt_member(j, &first, &key, &escaped))
        return sb_jt_stop(j, SB_JT_BAD);
    return j->state == SB_JT_OK;
}

/* ---- the line ---- */

struct state {
    struct sb_mongolog *m;
    struct sb_jt j;
    struct sb_log_line *line;
    struct sb_slow_op *op;
    bool nomem;
};

static bool take_text(struct state *s, struct sb_span *out)
{
    struct sb_span raw;
    bool escaped;
    if (!sb_jt_string(&s->j, &raw, &escaped))
        return false;
    if (escaped && !sb_scratch_unescape(&s->m->scratch, raw, &raw)) {
        s->nomem = true;
        return sb_jt_stop(&s->j, SB_JT_BAD);
    }
    *out = raw;
    return true;
}

static bool is_slow(const struct sb_log_line *line)
{
    return line->id == SB_MONGOLOG_SLOW || (line->id == SB_ABSENT && line->msg.p && SB_SPAN_IS(line->msg, "Slow query"));
}

/* Reads the slow operation where `attr` stands; the object's text is then known from where the walk ended. */
static bool take_slow_op(struct state *s)
{
    const char *from = s->j.p;
    s->line->slow = true;
    sb_slow_op_clear(s->op);
    if (!sb_slow_op_read_json(&s->j, &s->m->scratch, s->op, &s->nomem))
        return false;
    s->line->attr = (struct sb_span){from, (size_t)(s->j.p - from)};
    return true;
}

static bool take_attr(struct state *s)
{
    if (s->j.p < s->j.end && *s->j.p != '{')
        return sb_jt_stop(&s->j, SB_JT_BAD);
    return is_slow(s->line) ? take_slow_op(s) : sb_jt_skip(&s->j, &s->line->attr);
}

/* "truncated":{"command":{...}}: what the server left out of attr because it was too long. */
static bool take_truncated(struct state *s)
{
    struct sb_span raw, part;
    if (!sb_jt_skip(&s->j, &raw))
        return false;
    if (s->line->slow && (sb_jt_find(raw, "command", &part) || sb_jt_find(raw, "originatingCommand", &part)))
        s->op->command_truncated = true;
    return true;
}

static bool take_root_member(struct state *s, struct sb_span key)
{
    struct sb_log_line *line = s->line;
    switch (key.n) {
    case 1:
        if (key.p[0] == 't')
            return take_time(s->m, &s->j, &line->at_ms);
        if (key.p[0] == 's')
            return take_text(s, &line->severity);
        if (key.p[0] == 'c')
            return take_text(s, &line->component);
        break;
    case 2:
        if (SB_SPAN_IS(key, "id"))
            return sb_jt_integer(&s->j, &line->id);
        break;
    case 3:
        if (SB_SPAN_IS(key, "ctx"))
            return take_text(s, &line->ctx);
        if (SB_SPAN_IS(key, "msg"))
            return take_text(s, &line->msg);
        if (SB_SPAN_IS(key, "svc"))
            return take_text(s, &line->service);
        break;
    case 4:
        if (SB_SPAN_IS(key, "attr"))
            return take_attr(s);
        break;
    case 9:
        if (SB_SPAN_IS(key, "truncated"))
            return take_truncated(s);
        break;
    default:
        break;
    }
    return sb_jt_skip(&s->j, NULL);
}

/* A slow operation whose id stands behind its attr: not written by any server, but legal. */
static bool late_slow_op(struct state *s)
{
    struct sb_jt j = s->j;
    s->j = sb_jt_make(s->line->attr.p, s->line->attr.n);
    bool ok = take_slow_op(s);
    s->j = j;
    return ok;
}

static bool read_line(struct state *s)
{
    struct sb_span key;
    bool first = true, escaped;
    if (!sb_jt_open(&s->j, '{'))
        return false;
    while (sb_jt_member(&s->j, &first, &key, &escaped))
        if (escaped ? !sb_jt_skip(&s->j, NULL) : !take_root_member(s, key))
            return false;
    if (s->j.state != SB_JT_OK)
        return false;
    sb_jt_blank(&s->j);
    if (s->j.p != s->j.end)
        return sb_jt_stop(&s->j, SB_JT_BAD);
    return true;
}

enum sb_log_status sb_mongolog_line(struct sb_mongolog *m, const char *p, size_t n, struct sb_log_line *line,
                                    struct sb_slow_op *op)
{
    static const struct sb_log_line absent = {.at_ms = SB_NO_TIME, .id = SB_ABSENT};
    *line = absent;
    sb_scratch_begin(&m->scratch, n);
    struct state s = {.m = m, .j = sb_jt_begin(p, n), .line = line, .op = op};
    bool whole = read_line(&s);
    if (whole && !line->slow && line->attr.p && is_slow(line))
        whole = late_slow_op(&s);
    if (s.nomem)
        return SB_LOG_NOMEM;
    /* what has no time, or neither id nor message nor component, is other JSON */
    if (line->at_ms == SB_NO_TIME || (!whole && s.j.state != SB_JT_CUT) ||
        (whole && (line->component.p == NULL || (line->id == SB_ABSENT && line->msg.p == NULL))))
        return SB_LOG_BAD;
    if (line->slow) {
        op->at_ms = line->at_ms;
        op->ctx = line->ctx;
        op->cut = !whole;
    }
    return whole ? SB_LOG_GOOD : SB_LOG_CUT;
}
