/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/hush.h>

#include <signalbox/base/clock.h>

#include <string.h>

static const char *const kind_text[SB_HUSH_KINDS] = {
    [SB_HUSH_BLACKOUT] = "blackout", [SB_HUSH_NOISE] = "noise", [SB_HUSH_KNOWN] = "known", [SB_HUSH_USEFUL] = "useful"};
const struct sb_names sb_hush_kinds = {"kind of silence", kind_text, SB_HUSH_KINDS};

static const struct sb_member members[] = {
    SB_MEMBER(struct sb_hush, id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, kind, SB_ENUM, 0, &sb_hush_kinds),
    SB_MEMBER(struct sb_hush, by, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_hush, until, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_hush, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, member, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, like, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_hush, severity, SB_ENUM, 0, &sb_levels),
    SB_MEMBER(struct sb_hush, anomaly, SB_STR, 0, NULL),
};
const struct sb_schema sb_hush_schema = SB_SCHEMA("hush", struct sb_hush, members);

static const struct sb_member list_members[] = {SB_LIST(struct sb_hushes, list, SB_RECS, SB_ALWAYS, &sb_hush_schema)};
const struct sb_schema sb_hushes_schema = SB_SCHEMA("hushes", struct sb_hushes, list_members);

/* Not by its class: that is known only after a while, and it is to be quiet from the first moment. */
void sb_anomaly_likeness(const struct sb_anomaly *a, struct sb_str *out)
{
    const struct sb_signal *first = a->signals_n ? &a->signals[0] : NULL;
    const char *of = a->namespaces_n ? a->namespaces[0] : first && first->subject ? first->subject : "";
    sb_str_addf(out, "%s%s%s", first && first->metric ? first->metric : "", of[0] ? " of " : "", of);
}

const char *sb_anomaly_must_speak(const struct sb_anomaly *a, int64_t oplog_window_s)
{
    for (size_t i = 0; i < a->signals_n; i++) {
        const char *metric = a->signals[i].metric ? a->signals[i].metric : "";
        if (sb_starts_with(metric, "member.rollback"))
            return "data may be lost: a member takes back writes";
        if (sb_starts_with(metric, "backup."))
            return "backups fail";
        bool lag = strcmp(metric, "member.lag_s") == 0 || sb_starts_with(metric, "replication_lag");
        if (lag && oplog_window_s >= 0 && a->signals[i].value >= oplog_window_s)
            return "a member is further behind than the oplog reaches back";
    }
    return NULL;
}

/* "shop" covers "shop.orders". */
static bool covers_ns(const char *scope, const char *ns)
{
    size_t n = strlen(scope);
    return strncmp(ns, scope, n) == 0 && (ns[n] == '\0' || (ns[n] == '.' && !strchr(scope, '.')));
}

/* All that it is about lies in the scope: what goes beyond is not the work that was announced. */
static bool in_scope(const struct sb_hush *h, const struct sb_anomaly *a)
{
    if (h->ns && !a->namespaces_n)
        return false;
    for (size_t i = 0; h->ns && i < a->namespaces_n; i++)
        if (!covers_ns(h->ns, a->namespaces[i]))
            return false;
    return !h->member || (a->members_n == 1 && sb_streq(a->members[0], h->member));
}

const struct sb_hush *sb_hushed_by(const struct sb_hushes *h, const struct sb_anomaly *a, int64_t now, int64_t oplog_window_s)
{
    const struct sb_hush *by = NULL;
    struct sb_str like;
    if (h->list_n == 0 || sb_anomaly_must_speak(a, oplog_window_s))
        return NULL;
    sb_str_init(&like);
    sb_anomaly_likeness(a, &like);
    bool useful = false;
    for (size_t i = 0; i < h->list_n && sb_str_ok(&like); i++) {
        const struct sb_hush *k = &h->list[i];
        if (now < k->from || now >= k->until)
            continue;
        bool alike = k->kind != SB_HUSH_BLACKOUT && sb_streq(k->like, like.p);
        useful |= alike && k->kind == SB_HUSH_USEFUL;
        if ((k->kind == SB_HUSH_BLACKOUT && in_scope(k, a)) || (alike && k->kind != SB_HUSH_USEFUL && a->severity <= k->severity))
            by = !by || k->kind == SB_HUSH_BLACKOUT ? k : by;
    }
    sb_str_release(&like);
    return by && useful && by->kind != SB_HUSH_BLACKOUT ? NULL : by;
}

void sb_hush_text(const struct sb_hush *h, struct sb_str *out)
{
    char until[SB_TIME_LEN + 1];
    sb_time_format(until, h->until);
    sb_str_addf(out, "%s %s by %s until %s", h->id ? h->id : "?", sb_name(&sb_hush_kinds, h->kind), h->by ? h->by : "?", until);
    if (h->kind == SB_HUSH_BLACKOUT)
        sb_str_addf(out, ", of %s%s%s", h->ns ? h->ns : h->member ? "" : "everything", h->ns && h->member ? " on " : "", h->member ? h->member : "");
    else
        sb_str_addf(out, ", as %s (%s)", h->anomaly ? h->anomaly : "?", h->like ? h->like : "?");
    if (h->reason && h->reason[0])
        sb_str_addf(out, ": %s", h->reason);
}
