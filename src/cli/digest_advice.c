/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_advice.c - the indexes that a log asks for, as INTERFACE's ADVICE and as text. What was not told (a size, a
 * number of writes) is null there, and never a number.
 */
#include "digest.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/term/vis.h>

#include <stdarg.h>

#define MILLION 1000000.0

static json_t *shapes(const struct sb_log_advice *a)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < a->shapes_n; i++)
        json_array_append_new(list, json_string(a->shapes[i]));
    return list;
}

static json_t *rejected(const struct sb_log_advice *a)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < a->rejected_n; i++)
        json_array_append_new(list, json_pack("{s:o,s:s}", "key", sb_key_json(a->rejected[i].key), "reason", a->rejected[i].reason));
    return list;
}

static json_t *evidence(const struct sb_log_advice *a)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < a->evidence_n; i++)
        json_array_append_new(list, sb_record_to_json(&sb_evidence_schema, &a->evidence[i]));
    return list;
}

static bool proposes(const struct sb_log_advice *a)
{
    return a->kind == SB_ADVICE_CREATE || a->kind == SB_ADVICE_REPLACE;
}

static json_t *or_null(int64_t v)
{
    return v == SB_ABSENT ? json_null() : json_integer((json_int_t)v);
}

static json_t *one(const struct sb_digest *d, const struct sb_log_advice *a)
{
    bool rate = proposes(a) && d->span_ms > 0, judged = a->kind != SB_ADVICE_NONE;
    return json_pack("{s:s,s:s,s:o,s:o,s:s,s:o,s:s,s:o,s:{s:o,s:I,s:o},s:{s:o,s:o},s:o,s:o}", "kind", sb_advice_kind_name(a->kind), "ns", a->ns, "key",
                     a->key ? sb_plain_json(a->key) : json_object(), "options", a->options ? sb_plain_json(a->options) : json_object(), "name", a->name ? a->name : "", "shapes", shapes(a),
                     "reason", a->reason, "rejected", rejected(a), "impact", "score", proposes(a) ? json_real((double)a->score_ppm / MILLION) : json_null(), "time_ms",
                     (json_int_t)a->time_ms, "docs_saved", rate ? json_real((double)a->docs_saved * 1000 / (double)d->span_ms) : json_null(), "cost", "bytes", or_null(a->bytes),
                     "writes_per_s", a->writes_per_s_milli == SB_ABSENT ? json_null() : json_real((double)a->writes_per_s_milli / 1000), "confidence",
                     judged ? json_real((double)a->confidence_ppm / MILLION) : json_null(), "evidence", evidence(a));
}

json_t *sb_digest_advice_json(const struct sb_digest *d)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->advice_n; i++)
        if (json_array_append_new(list, one(d, &d->advice[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* One line, whatever a name in the log holds. */
static void SB_PRINTF(2, 3) line(struct sb_str *out, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    sb_vis(out, text.p, text.len, 0);
    sb_str_addc(out, '\n');
    sb_str_release(&text);
}

static int describe(struct sb_str *out, const struct sb_log_advice *a)
{
    char *shown = a->key ? sb_index_key_shown(a->key) : NULL;
    if (a->key && !shown)
        return -1;
    switch (a->kind) {
    case SB_ADVICE_CREATE:
    case SB_ADVICE_REPLACE:
        line(out, "%s: create index %s, if it does not exist (confidence %.0f %%)", a->ns, shown, (double)a->confidence_ppm / 1e4);
        line(out, "  %s", a->reason);
        break;
    case SB_ADVICE_DROP:
    case SB_ADVICE_HIDE:
        line(out, "%s: hide index %s, and drop it later (confidence %.0f %%)", a->ns, shown ? shown : a->name, (double)a->confidence_ppm / 1e4);
        line(out, "  %s", a->reason);
        break;
    case SB_ADVICE_NONE:
        line(out, "%s: %s%s", a->ns, a->key ? "" : "no index. ", a->reason);
        break;
    }
    free(shown);
    if (a->kind == SB_ADVICE_NONE)
        return 0;
    for (size_t i = 0; i < a->shapes_n; i++)
        line(out, "  serves %s", a->shapes[i]);
    for (size_t i = 0; i < a->rejected_n; i++)
        line(out, "  not %s: %s", a->rejected[i].key, a->rejected[i].reason);
    for (size_t i = 0; i < a->evidence_n; i++)
        line(out, "  [%s] %s: %s", a->evidence[i].coverage, a->evidence[i].what, a->evidence[i].value);
    return 0;
}

int sb_digest_advice_text(const struct sb_digest *d, struct sb_str *out)
{
    if (!d->advised)
        return 0;
    sb_str_adds(out, "\nADVICE\n");
    for (size_t i = 0; i < d->advice_n; i++)
        if (describe(out, &d->advice[i]))
            return -1;
    if (!d->advice_n)
        sb_str_adds(out, "none: no collection of which a slow operation was logged may be given an index\n");
    return 0;
}
