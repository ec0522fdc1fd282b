/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/schema_heard.h>

#include <bson/bson.h>

#include <inttypes.h>
#include <string.h>

#define TOGETHER_PERCENT 90 /* of the reads: as good as always */
#define HOT_PERCENT 20      /* of the time that was written down */
#define PARTNERS 8          /* collections that are looked up and told apart */

struct partner {
    const char *from;
    uint64_t count, total_ms;
};

struct hearing {
    const char *ns;
    int64_t now;
    uint64_t reads, total_ms;
    struct partner partner[PARTNERS];
    size_t partners;
    struct sb_str text;
    struct sb_schema_heard *out;
    bool failed;
};

static void find(struct hearing *h, const char *code, const char *fmt, ...) SB_PRINTF(3, 4);

static void find(struct hearing *h, const char *code, const char *fmt, ...)
{
    struct sb_str s;
    va_list ap;
    sb_str_init(&s);
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    h->failed = h->failed || !sb_str_ok(&s) || sb_evidence_add(&h->out->evidence, &h->out->evidence_n, "operations that were written down", h->ns, code, s.p, "measured", h->now);
    sb_str_addf(&h->text, "%s%s", h->text.len ? "; " : "By what was heard of the operations: ", s.p);
    sb_str_release(&s);
}

/* ---- $lookup ---- */

static void add_partner(struct hearing *h, const char *from, const struct sb_work_sums *s)
{
    size_t i = 0;
    while (i < h->partners && strcmp(h->partner[i].from, from) != 0)
        i++;
    if (i == PARTNERS)
        return;
    if (i == h->partners)
        h->partner[h->partners++] = (struct partner){.from = from};
    h->partner[i].count += s->count;
    h->partner[i].total_ms += s->total_ms;
}

static void add_work(struct hearing *h, const struct sb_work *w)
{
    const struct sb_shape *s = w->shape;
    bool read = s->kind == SB_OP_FIND || s->kind == SB_OP_AGGREGATE;
    h->total_ms += w->sums.total_ms;
    h->reads += read ? w->sums.count : 0;
    for (size_t i = 0; read && i < s->lookups_n; i++) {
        bool again = false; /* one operation may look into a collection twice */
        for (size_t k = 0; k < i && !again; k++)
            again = sb_streq(s->lookups[k].from, s->lookups[i].from);
        if (s->lookups[i].from && !again)
            add_partner(h, s->lookups[i].from, &w->sums);
    }
}

static void judge_partner(struct hearing *h, const struct partner *p)
{
    if (p->count < SB_HEARD_OPERATIONS)
        return;
    if (p->count * 100 >= h->reads * TOGETHER_PERCENT)
        find(h, "read_together",
             "%" PRIu64 " of %" PRIu64 " reads look up %.100s as well (%" PRIu64 " ms in all): what is always read together may stand together: embed the fields that are shown (extended reference), if they change seldom",
             p->count, h->reads, p->from, p->total_ms);
    else if (h->total_ms && p->total_ms * 100 >= h->total_ms * HOT_PERCENT)
        find(h, "lookup_on_hot_path",
             "a $lookup into %.100s stands in %" PRIu64 " operations and %" PRIu64 " of the %" PRIu64 " ms that were written down: an index on the field that it joins by, or a copy of the few fields it is for (extended reference)", p->from,
             p->count, p->total_ms, h->total_ms);
}

/* ---- regular expressions ---- */

/* Does some "options" or "$options" in the command hold an i? */
static bool without_case(const char *text, size_t n)
{
    static const char key[] = "options\"";
    const char *end = text + n;
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), key, sizeof key - 1));) {
        at += sizeof key - 1;
        while (at < end && (*at == ' ' || *at == ':'))
            at++;
        for (bool first = true; at < end && (first ? *at == '"' : *at != '"'); at++, first = false)
            if (*at == 'i')
                return true;
    }
    return false;
}

static bool example_without_case(const struct sb_work *w)
{
    const struct sb_doc *d = &w->example;
    bson_t doc;
    if (d->form == SB_DOC_JSON)
        return without_case(d->p, d->n);
    if (d->form != SB_DOC_BSON || !bson_init_static(&doc, (const uint8_t *)d->p, d->n))
        return false;
    char *json = bson_as_relaxed_extended_json(&doc, NULL);
    bool is = json && without_case(json, strlen(json));
    bson_free(json);
    return is;
}

static void judge_regex(struct hearing *h, const struct sb_work *w)
{
    const struct sb_shape *s = w->shape;
    const char *path = NULL;
    for (size_t i = 0; i < s->predicates_n && !path; i++)
        path = s->predicates[i].class_ == SB_PREDICATE_REGEX && s->predicates[i].path[0] ? s->predicates[i].path : NULL;
    if (path && w->sums.count >= SB_HEARD_OPERATIONS && example_without_case(w))
        find(h, "regex_without_case",
             "%" PRIu64 " operations search %.100s by a regular expression without regard to case (%" PRIu64 " ms): no index narrows that. An index with a collation of strength 2 serves equality so, a lower-cased copy of the field the "
             "beginnings of words",
             w->sums.count, path, w->sums.total_ms);
}

int sb_schema_heard(const struct sb_workload *w, const char *ns, int64_t now, struct sb_schema_heard *out, struct sb_err *err)
{
    struct hearing h = {.ns = ns, .now = now, .out = out};
    size_t n = w ? sb_workload_size(w) : 0;
    memset(out, 0, sizeof *out);
    sb_str_init(&h.text);
    for (size_t i = 0; i < n; i++)
        if (sb_streq(sb_workload_at(w, i)->ns, ns))
            add_work(&h, sb_workload_at(w, i));
    for (size_t i = 0; i < h.partners; i++)
        judge_partner(&h, &h.partner[i]);
    for (size_t i = 0; i < n; i++)
        if (sb_streq(sb_workload_at(w, i)->ns, ns))
            judge_regex(&h, sb_workload_at(w, i));
    if (h.text.len) {
        sb_str_addc(&h.text, '.');
        out->text = sb_str_take(&h.text);
        h.failed = h.failed || !out->text;
    }
    sb_str_release(&h.text);
    return h.failed ? sb_fail_nomem(err) : 0;
}

void sb_schema_heard_release(struct sb_schema_heard *h)
{
    free(h->text);
    for (size_t i = 0; i < h->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &h->evidence[i]);
    free(h->evidence);
    memset(h, 0, sizeof *h);
}
