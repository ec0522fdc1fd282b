/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of a stored entry, checked and found in one pass. */
#include "scan.h"

#include <signalbox/ledger/checkpoint.h>
#include <signalbox/ledger/entry_code.h>

#define MEMBERS "the members of an entry are not those of version 1"

/* The text between two values: ,"key": Always in line: with a constant length the comparison is a few instructions. */
static inline __attribute__((always_inline)) const char *expect(struct sb_scan *c, const char *p, const char *text, size_t n)
{
    return (size_t)(c->end - p) >= n && memcmp(p, text, n) == 0 ? p + n : sb_scan_flaw(c, p, MEMBERS);
}
#define EXPECT(text) (p = expect(&c, p, text, sizeof(text) - 1))

static inline const char *take_string(struct sb_scan *c, const char *p, struct sb_span *out)
{
    unsigned made_of = 0;
    if (p == c->end || *p != '"')
        return sb_scan_flaw(c, p, "a string is missing");
    const char *end = sb_scan_string(c, p + 1, &made_of);
    if (end)
        *out = (struct sb_span){p, (size_t)(end - p)};
    return end;
}

static inline const char *take_nullable(struct sb_scan *c, const char *p, struct sb_span *out)
{
    if (c->end - p < 4 || memcmp(p, "null", 4) != 0)
        return take_string(c, p, out);
    *out = (struct sb_span){p, 4};
    return p + 4;
}

static inline const char *take_int(struct sb_scan *c, const char *p, struct sb_span *out)
{
    const char *end = sb_scan_number(c, p);
    if (end)
        *out = (struct sb_span){p, (size_t)(end - p)};
    return end;
}

static inline const char *take_hex(struct sb_scan *c, const char *p, struct sb_span *out, size_t digits)
{
    const char *end = take_string(c, p, out);
    return !end || out->n == digits + 2 ? end : sb_scan_flaw(c, p, "a hash or id of another length");
}

static const char *take_members(struct sb_scan *c, const char *p, const struct sb_want *wants, size_t n, struct sb_span *slots, struct sb_span *out)
{
    if (p == c->end || *p != '{')
        return sb_scan_flaw(c, p, "an object is missing");
    c->slots = slots;
    const char *end = sb_scan_object(c, p, 1, wants, n);
    if (end)
        *out = (struct sb_span){p, (size_t)(end - p)};
    return end;
}

static const char *take_object(struct sb_scan *c, const char *p, struct sb_span *out)
{
    return take_members(c, p, NULL, 0, NULL, out);
}

/* ---- what is as it was in the entry before ---- */

/* In line, and mostly two comparisons: this is done for eight values of each entry. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
#if defined(__SSE2__)
    if (n >= 16) {
        __m128i same = _mm_set1_epi8(-1);
        for (size_t i = 0;; i = i + 32 < n ? i + 16 : n - 16) { /* the last one may overlap the one before */
            __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + i)), y = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
            same = _mm_and_si128(same, _mm_cmpeq_epi8(x, y));
            if (i + 16 == n)
                return _mm_movemask_epi8(same) == 0xffff;
        }
    }
#endif
    return memcmp(a, b, n) == 0;
}

/* Behind the remembered value when the text goes on with it. Values end by themselves: a comma follows in both. */
static inline const char *same(const struct sb_scan *c, const char *p, const char *bytes, size_t n, struct sb_span *out)
{
    if (n == 0 || (size_t)(c->end - p) <= n || p[n] != ',' || !same_bytes(p, bytes, n))
        return NULL;
    *out = (struct sb_span){p, n};
    return p + n;
}

static void remember(char *bytes, size_t cap, uint16_t *n, struct sb_span value)
{
    *n = value.n <= cap ? (uint16_t)value.n : 0;
    memcpy(bytes, value.p, *n);
}

static const char *take_log(struct sb_scan *c, const char *p, struct sb_span *out)
{
    return take_hex(c, p, out, SB_LOG_ID_LEN);
}

static inline const char *take_prev(struct sb_scan *c, const char *p, const struct sb_entry_memory *m, struct sb_span *out)
{
    const char *end = m && m->prev[0] ? same(c, p, m->prev, SB_HEX_LEN + 2, out) : NULL;
    return end ? end : take_hex(c, p, out, SB_HEX_LEN);
}

/* how: one of the take functions, for a value that is another than before */
#define TAKE_AGAIN(member, how)                                                                       \
    do {                                                                                              \
        const char *again = m ? same(&c, p, m->member.bytes, m->member.n, &out->member) : NULL;       \
        if (!again) {                                                                                 \
            again = how(&c, p, &out->member);                                                         \
            if (again && m)                                                                           \
                remember(m->member.bytes, sizeof m->member.bytes, &m->member.n, out->member);         \
        }                                                                                             \
        if (!(p = again))                                                                             \
            goto bad;                                                                                 \
    } while (0)

static const char *take_body(struct sb_scan *c, const char *p, struct sb_entry_view *out)
{
    static const struct sb_want of_anomaly[] = {SB_WANT("to", SB_BODY_ANOMALY_TO)};
    static const struct sb_want of_card[] = {SB_WANT("closed", SB_BODY_CARD_CLOSED), SB_WANT("state", SB_BODY_CARD_STATE)};
    static const struct sb_want wants[] = {
        SB_WANT_INSIDE("anomaly", -1, of_anomaly), SB_WANT_INSIDE("card", -1, of_card),
        SB_WANT("event", SB_BODY_EVENT), SB_WANT("nonce", SB_BODY_NONCE), SB_WANT("to", SB_BODY_TO),
    };
    return take_members(c, p, wants, SB_COUNT(wants), out->body_part, &out->body);
}

static struct sb_span within(struct sb_span whole, uint16_t at, uint16_t n)
{
    return n ? (struct sb_span){whole.p + at, n} : (struct sb_span){NULL, 0};
}

static const char *take_plan(struct sb_scan *c, const char *p, struct sb_entry_memory *m, struct sb_entry_view *out)
{
    static const struct sb_want wants[] = {SB_WANT("anomaly", 0), SB_WANT("card", 1), SB_WANT("case", 2)};
    const char *end = m ? same(c, p, m->plan.bytes, m->plan.n, &out->plan) : NULL;
    if (end) {
        out->anomaly = within(out->plan, m->at.anomaly_at, m->at.anomaly_n);
        out->card = within(out->plan, m->at.card_at, m->at.card_n);
        out->case_id = within(out->plan, m->at.case_at, m->at.case_n);
        return end;
    }
    struct sb_span found[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    end = take_members(c, p, wants, SB_COUNT(wants), found, &out->plan);
    if (!end)
        return NULL;
    out->anomaly = found[0];
    out->card = found[1];
    out->case_id = found[2];
    if (!m)
        return end;
    remember(m->plan.bytes, sizeof m->plan.bytes, &m->plan.n, out->plan);
    uint16_t at[3] = {0};
    for (size_t i = 0; i < 3 && m->plan.n; i++)
        at[i] = found[i].p ? (uint16_t)(found[i].p - out->plan.p) : 0;
    if (m->plan.n)
        m->at = (struct sb_entry_plan){at[2], (uint16_t)found[2].n, at[1], (uint16_t)found[1].n, at[0], (uint16_t)found[0].n};
    return end;
}

bool sb_entry_view(const char *bytes, size_t n, struct sb_entry_memory *m, struct sb_entry_view *out, struct sb_flaw *flaw)
{
    struct sb_scan c;
    struct sb_span seq, version;
    const char *p = bytes;
    sb_scan_begin(&c, bytes, n);
    /* what may be absent; all else is filled in, or nothing may be looked at */
    memset(out->body_part, 0, sizeof out->body_part);
    out->case_id = out->card = out->anomaly = (struct sb_span){NULL, 0};
    if (!EXPECT("{\"actor\":"))
        goto bad;
    TAKE_AGAIN(actor, take_object);
    if (!EXPECT(",\"body\":") || !(p = take_body(&c, p, out)) || !EXPECT(",\"boot\":"))
        goto bad;
    TAKE_AGAIN(boot, take_string);
    if (!EXPECT(",\"decision\":") || !(p = take_nullable(&c, p, &out->decision)) || !EXPECT(",\"host\":"))
        goto bad;
    TAKE_AGAIN(host, take_string);
    if (!EXPECT(",\"kind\":") || !(p = take_string(&c, p, &out->kind)) || !EXPECT(",\"log\":"))
        goto bad;
    TAKE_AGAIN(log, take_log);
    if (!EXPECT(",\"mono\":") || !(p = take_int(&c, p, &out->mono)) || !EXPECT(",\"pid\":"))
        goto bad;
    TAKE_AGAIN(pid, take_int);
    if (!EXPECT(",\"plan\":") || !(p = take_plan(&c, p, m, out)) || !EXPECT(",\"policy\":"))
        goto bad;
    TAKE_AGAIN(policy, take_nullable);
    if (!EXPECT(",\"prev\":") || !(p = take_prev(&c, p, m, &out->prev)) ||
        !EXPECT(",\"seq\":") || !(p = take_int(&c, p, &seq)) ||
        !EXPECT(",\"ts\":") || !(p = take_int(&c, p, &out->ts)) ||
        !EXPECT(",\"v\":") || !(p = take_int(&c, p, &version)) || !EXPECT("}"))
        goto bad;
    if (version.n != 1 || *version.p != '0' + SB_ENTRY_VERSION) {
        sb_scan_flaw(&c, version.p, "the version of an entry is not 1");
        goto bad;
    }
    if (p != c.end) {
        sb_scan_flaw(&c, p, "bytes behind the end");
        goto bad;
    }
    out->seq = sb_span_int(seq);
    return true;
bad:
    *flaw = (struct sb_flaw){(size_t)(c.bad - bytes), c.what};
    return false;
}

/* Adds an id to those of an entry; one that is there already, or that needs an escape (nobody writes one), is no reference. */
static inline size_t add_ref(struct sb_span refs[SB_ENTRY_REFS], size_t n, struct sb_span value)
{
    if (!value.p || *value.p != '"' || value.n < 3 || memchr(value.p, '\\', value.n))
        return n;
    struct sb_span id = {value.p + 1, value.n - 2};
    for (size_t k = 0; k < n; k++)
        if (refs[k].n == id.n && memcmp(refs[k].p, id.p, id.n) == 0)
            return n;
    refs[n] = id;
    return n + 1;
}

size_t sb_entry_refs(const struct sb_entry_view *v, struct sb_span refs[SB_ENTRY_REFS])
{
    size_t n = add_ref(refs, 0, v->case_id);
    n = add_ref(refs, n, v->card);
    n = add_ref(refs, n, v->anomaly);
    if (sb_span_is(v->kind, "verdict"))
        n = add_ref(refs, n, v->decision);
    else if (sb_span_is(v->kind, "policy.load"))
        n = add_ref(refs, n, v->policy);
    else if (sb_span_is(v->kind, "request")) /* of a schedule: what it is a run of */
        n = add_ref(refs, n, v->body_part[SB_BODY_EVENT]);
    else if (sb_span_is(v->kind, "schedule"))
        n = add_ref(refs, n, v->kind);
    return n;
}
