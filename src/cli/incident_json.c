/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_json.c - incidents as JSON, keys as in the program's interface. */
#include <signalbox/cli/incident_report.h>

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <math.h>

/* Takes the value; remembers in *ok that memory ran out. */
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

/* Bytes of outside: what is no UTF-8 becomes U+FFFD. */
static json_t *text(const char *p)
{
    size_t n = p ? strlen(p) : 0;
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
    if (at_ms == 0)
        return json_null();
    sb_time_format(out, at_ms);
    return json_string(out);
}

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
        append(a, text(items[i]), ok);
    return a;
}

static json_t *one(const struct sb_incident *in, bool *ok)
{
    json_t *o = json_object(), *signals = json_array(), *causes = json_array();
    set(o, "from", time_or_null(in->from_ms), ok);
    set(o, "to", time_or_null(in->to_ms), ok);
    set(o, "detected_at", time_or_null(in->detected_ms), ok);
    set(o, "severity", json_string(sb_name(&sb_levels, in->severity)), ok);
    set(o, "class", json_string(sb_name(&sb_anomaly_classes, in->class_)), ok);
    set(o, "confidence", number(in->confidence), ok);
    set(o, "title", text(in->title), ok);
    set(o, "reason", text(in->reason), ok);
    set(o, "namespaces", names(in->namespaces, in->namespaces_n, ok), ok);
    set(o, "apps", names(in->apps, in->apps_n, ok), ok);
    set(o, "members", names(in->members, in->members_n, ok), ok);
    for (size_t i = 0; i < in->signals_n; i++) {
        const struct sb_incident_signal *s = &in->signals[i];
        json_t *g = json_object();
        set(g, "metric", text(s->metric), ok);
        if (s->subject)
            set(g, "member", text(s->subject), ok);
        set(g, "baseline", number(s->baseline), ok);
        set(g, "value", number(s->value), ok);
        set(g, "score", number(s->score), ok);
        append(signals, g, ok);
    }
    set(o, "signals", signals, ok);
    for (size_t i = 0; i < in->causes_n; i++) {
        json_t *c = json_object();
        set(c, "rank", json_integer((json_int_t)i + 1), ok);
        set(c, "what", text(in->causes[i].what), ok);
        set(c, "evidence", text(in->causes[i].evidence), ok);
        set(c, "confidence", number(in->causes[i].confidence), ok);
        append(causes, c, ok);
    }
    set(o, "causes", causes, ok);
    set(o, "unexplained", number(in->unexplained), ok);
    return o;
}

int sb_incidents_print_json(const struct sb_incident *incidents, size_t n, struct sb_err *err)
{
    bool ok = true;
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        append(all, one(&incidents[i], &ok), &ok);
    if (!all || !ok) {
        json_decref(all);
        return sb_fail_nomem(err);
    }
    return sb_print_json(all) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}
