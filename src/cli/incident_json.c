/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_json.c - incidents as JSON, keys as in the program's interface. */
#include <signalbox/cli/incident_report.h>

#include "json_put.h"

#include <signalbox/cli/command.h>

#include <math.h>

/* Six significant digits are more than any of these is worth; what is no number is null. */
static json_t *number(double v)
{
    char digits[40];
    if (!isfinite(v))
        return json_null();
    snprintf(digits, sizeof digits, "%.6g", v);
    double shown = strtod(digits, NULL);
    if (fabs(shown) < 1e15 && shown == floor(shown))
        return json_integer((json_int_t)shown);
    return json_real(shown);
}

static json_t *names(char *const *items, size_t n, bool *ok)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++)
        sb_put_last(a, sb_json_of(items[i]), ok);
    return a;
}

static json_t *one(const struct sb_incident *in, const char *event, bool *ok)
{
    json_t *o = json_object(), *signals = json_array(), *causes = json_array();
    if (event)
        sb_put(o, "event", json_string(event), ok);
    sb_put(o, "from", sb_json_time(in->from_ms, 0), ok);
    sb_put(o, "to", sb_json_time(in->to_ms, 0), ok);
    sb_put(o, "detected_at", sb_json_time(in->detected_ms, 0), ok);
    sb_put(o, "severity", json_string(sb_name(&sb_levels, in->severity)), ok);
    sb_put(o, "class", json_string(sb_name(&sb_anomaly_classes, in->class_)), ok);
    sb_put(o, "confidence", number(in->confidence), ok);
    sb_put(o, "title", sb_json_of(in->title), ok);
    sb_put(o, "reason", sb_json_of(in->reason), ok);
    sb_put(o, "namespaces", names(in->namespaces, in->namespaces_n, ok), ok);
    sb_put(o, "apps", names(in->apps, in->apps_n, ok), ok);
    sb_put(o, "members", names(in->members, in->members_n, ok), ok);
    for (size_t i = 0; i < in->signals_n; i++) {
        const struct sb_incident_signal *s = &in->signals[i];
        json_t *g = json_object();
        sb_put(g, "metric", sb_json_of(s->metric), ok);
        if (s->subject)
            sb_put(g, "member", sb_json_of(s->subject), ok);
        sb_put(g, "baseline", number(s->baseline), ok);
        sb_put(g, "value", number(s->value), ok);
        sb_put(g, "score", number(s->score), ok);
        sb_put_last(signals, g, ok);
    }
    sb_put(o, "signals", signals, ok);
    for (size_t i = 0; i < in->causes_n; i++) {
        json_t *c = json_object();
        sb_put(c, "rank", json_integer((json_int_t)i + 1), ok);
        sb_put(c, "what", sb_json_of(in->causes[i].what), ok);
        sb_put(c, "evidence", sb_json_of(in->causes[i].evidence), ok);
        sb_put(c, "confidence", number(in->causes[i].confidence), ok);
        if (in->causes[i].beside) /* another one than the first, at the same time */
            sb_put(c, "beside", json_true(), ok);
        sb_put_last(causes, c, ok);
    }
    sb_put(o, "causes", causes, ok);
    sb_put(o, "unexplained", number(in->unexplained), ok);
    return o;
}

int sb_incidents_print_json(const struct sb_incident *incidents, size_t n, struct sb_err *err)
{
    bool ok = true;
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        sb_put_last(all, one(&incidents[i], NULL, &ok), &ok);
    if (!all || !ok) {
        json_decref(all);
        return sb_fail_nomem(err);
    }
    return sb_print_json(all) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}

int sb_incident_print_event(const char *event, const struct sb_incident *incident, struct sb_err *err)
{
    bool ok = true;
    json_t *o = one(incident, event, &ok);
    if (!ok) {
        json_decref(o);
        return sb_fail_nomem(err);
    }
    return sb_print_json(o) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}
