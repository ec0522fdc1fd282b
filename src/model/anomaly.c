/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/anomaly.h>

#include <string.h>

static const struct sb_member signal_members[] = {
    SB_MEMBER(struct sb_signal, metric, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_signal, subject, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_signal, shard, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_signal, unit, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_signal, baseline, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_signal, value, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_signal, score_ppm, SB_INT, SB_ALWAYS, NULL),
};
const struct sb_schema sb_signal_schema = SB_SCHEMA("signal", struct sb_signal, signal_members);

static const struct sb_member cause_members[] = {
    SB_MEMBER(struct sb_cause, rank, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_cause, what, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_cause, evidence, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_cause, confidence_ppm, SB_INT, SB_ALWAYS, NULL),
};
const struct sb_schema sb_cause_schema = SB_SCHEMA("cause", struct sb_cause, cause_members);

static const struct sb_member plot_members[] = {
    SB_MEMBER(struct sb_plot, metric, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_plot, subject, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plot, shard, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plot, unit, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plot, from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_plot, step_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_plot, low, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_plot, high, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_plot, began, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_plot, values, SB_STR, SB_ALWAYS, NULL),
};
const struct sb_schema sb_plot_schema = SB_SCHEMA("plot", struct sb_plot, plot_members);

static const struct sb_member happening_members[] = {
    SB_MEMBER(struct sb_happening, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_happening, kind, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_happening, what, SB_STR, SB_ALWAYS, NULL),
};
const struct sb_schema sb_happening_schema = SB_SCHEMA("happening", struct sb_happening, happening_members);

static const struct sb_member remark_members[] = {
    SB_MEMBER(struct sb_remark, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_remark, by, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_remark, text, SB_STR, SB_ALWAYS, NULL),
};
const struct sb_schema sb_remark_schema = SB_SCHEMA("remark", struct sb_remark, remark_members);

size_t sb_plot_values(const struct sb_plot *p, int64_t out[SB_PLOT_MOST])
{
    size_t n = 0;
    for (const char *at = p->values ? p->values : ""; *at && n < SB_PLOT_MOST; at += *at == ' ') {
        int64_t v = 0;
        bool any = false;
        for (; *at >= '0' && *at <= '9'; at++, any = true)
            v = v > (INT64_MAX - 9) / 10 ? INT64_MAX / 10 : v * 10 + (*at - '0');
        out[n++] = any ? v : -1;
        at += strcspn(at, " ");
    }
    return n;
}

static const struct sb_member members[] = {
    SB_MEMBER(struct sb_anomaly, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_anomaly, title, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_anomaly, from, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_anomaly, detected_at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_anomaly, to, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_anomaly, severity, SB_ENUM, 0, &sb_levels),
    SB_MEMBER_AS("class", struct sb_anomaly, class_, SB_ENUM, 0, &sb_anomaly_classes),
    SB_MEMBER(struct sb_anomaly, class_reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_anomaly, confidence_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, namespaces, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, apps, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, members, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, shapes, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, signals, SB_RECS, SB_ALWAYS, &sb_signal_schema),
    SB_LIST(struct sb_anomaly, causes, SB_RECS, SB_ALWAYS, &sb_cause_schema),
    SB_MEMBER(struct sb_anomaly, unexplained_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_anomaly, evidence, SB_RECS, SB_ALWAYS, &sb_evidence_schema),
    SB_MEMBER_AS("case", struct sb_anomaly, case_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_anomaly, acked_by, SB_STR, 0, NULL),
    SB_LIST(struct sb_anomaly, plots, SB_RECS, 0, &sb_plot_schema),
    SB_LIST(struct sb_anomaly, timeline, SB_RECS, 0, &sb_happening_schema),
    SB_LIST(struct sb_anomaly, remarks, SB_RECS, 0, &sb_remark_schema),
    SB_MEMBER(struct sb_anomaly, hushed, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_anomaly, trend, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_anomaly, limit_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_anomaly, limit_from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_anomaly, limit_to, SB_TIME, 0, NULL),
};
const struct sb_schema sb_anomaly_schema = SB_SCHEMA("anomaly", struct sb_anomaly, members);

void sb_anomaly_release(struct sb_anomaly *a)
{
    sb_record_release(&sb_anomaly_schema, a);
}

const char *sb_anomaly_rule(const struct sb_anomaly *a)
{
    return a->signals_n && a->signals[0].metric ? a->signals[0].metric : "";
}
