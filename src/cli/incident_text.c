/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_text.c - incidents for people. */
#include <signalbox/cli/incident_report.h>

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#define SIGNALS_SHOWN 6

/* 2026-11-23 09:05:10 */
static const char *moment(char out[32], int64_t at_ms)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, at_ms);
    snprintf(out, 32, "%.10s %.8s", text, text + 11);
    return out;
}

/* Four digits, or all there are before the point. */
static const char *amount(char out[40], double v)
{
    snprintf(out, 40, v >= 1000 || v <= -1000 ? "%.0f" : "%.4g", v);
    return out;
}

static void add_names(struct sb_str *out, const char *head, char *const *names, size_t n)
{
    if (!n)
        return;
    sb_str_addf(out, "  %-12s ", head);
    for (size_t i = 0; i < n; i++)
        sb_str_addf(out, "%s%s", i ? ", " : "", names[i]);
    sb_str_addc(out, '\n');
}

static void add_signals(struct sb_str *out, const struct sb_incident *in)
{
    for (size_t i = 0; i < in->signals_n && i < SIGNALS_SHOWN; i++) {
        const struct sb_incident_signal *s = &in->signals[i];
        char value[40], usual[40];
        sb_str_addf(out, "  %-12s %s%s%s: %s, usually %s\n", i ? "" : "signals", s->subject ? s->subject : "", s->subject ? " " : "",
                    s->metric, amount(value, s->value), amount(usual, s->baseline));
    }
    if (in->signals_n > SIGNALS_SHOWN)
        sb_str_addf(out, "  %-12s and %zu more\n", "", in->signals_n - SIGNALS_SHOWN);
}

static void add_incident(struct sb_str *out, const struct sb_incident *in)
{
    char from[32], to[32], length[64], found[64];
    moment(from, in->from_ms);
    sb_duration_format(found, sizeof found, in->detected_ms - in->from_ms);
    if (in->to_ms) {
        sb_duration_format(length, sizeof length, in->to_ms - in->from_ms);
        sb_str_addf(out, "%s to %s (%s), found after %s\n", from, moment(to, in->to_ms) + 11, length, found);
    } else {
        sb_str_addf(out, "%s, not over when the data ends, found after %s\n", from, found);
    }
    sb_str_addf(out, "  %s\n", in->title ? in->title : "");
    sb_str_addf(out, "  %-12s %s, severity %s, confidence %.0f %%\n", "class", sb_name(&sb_anomaly_classes, in->class_),
                sb_name(&sb_levels, in->severity), in->confidence * 100);
    if (in->reason)
        sb_str_addf(out, "  %-12s %s\n", "because", in->reason);
    add_names(out, "members", in->members, in->members_n);
    add_names(out, "namespaces", in->namespaces, in->namespaces_n);
    add_names(out, "applications", in->apps, in->apps_n);
    add_signals(out, in);
    for (size_t i = 0; i < in->causes_n; i++)
        sb_str_addf(out, "  %-12s %zu. %s (%.0f %%%s)\n%18s%s\n", i ? "" : "causes", i + 1, in->causes[i].what, in->causes[i].confidence * 100, in->causes[i].beside ? ", beside the first" : "", "",
                    in->causes[i].evidence);
    sb_str_addf(out, "  %-12s %.0f %%\n\n", "unexplained", in->unexplained * 100);
}

int sb_incidents_print_text(const struct sb_incident *incidents, size_t n, struct sb_err *err)
{
    struct sb_str out;
    sb_str_init(&out);
    for (size_t i = 0; i < n; i++)
        add_incident(&out, &incidents[i]);
    sb_str_addf(&out, "%zu incident%s\n", n, n == 1 ? "" : "s");
    int rc = !sb_str_ok(&out) ? sb_fail_nomem(err) : sb_print("%s", out.p) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
    sb_str_release(&out);
    return rc;
}

int sb_incident_print_text(const struct sb_incident *incident, struct sb_err *err)
{
    struct sb_str out;
    sb_str_init(&out);
    add_incident(&out, incident);
    int rc = !sb_str_ok(&out) ? sb_fail_nomem(err) : sb_print("%s", out.p) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
    sb_str_release(&out);
    return rc;
}
