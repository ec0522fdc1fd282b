/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/claim.h>
#include <signalbox/model/card.h>

#include <inttypes.h>
#include <stdlib.h>

#define WHOLE INT64_C(1000000)

static const struct sb_member claim_members[] = {
    SB_MEMBER(struct sb_claim, metric, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_claim, label, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_claim, unit, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_claim, predicted, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_claim, measured, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_claim, ratio_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_claim, tolerated_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_claim, badge, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_claim, kept, SB_BOOL, SB_ALWAYS, NULL),
};
const struct sb_schema sb_claim_schema = SB_SCHEMA("claim", struct sb_claim, claim_members);

int64_t sb_claim_ratio(int64_t predicted, int64_t measured)
{
    int64_t scaled;
    if (predicted <= 0 || measured < 0) { /* nothing was to be: one more of both */
        predicted = predicted < 0 || predicted == INT64_MAX ? 1 : predicted + 1;
        measured = measured < 0 ? 0 : measured == INT64_MAX ? measured : measured + 1;
    }
    if (!__builtin_mul_overflow(measured, WHOLE, &scaled))
        return scaled / predicted;
    int64_t whole = measured / predicted;
    return whole > INT64_MAX / WHOLE ? INT64_MAX : whole * WHOLE;
}

int64_t sb_claim_tolerated(const char *metric)
{
    return sb_streq(metric, "shape_docs_per_returned") ? 1200000 : sb_streq(metric, "index_bytes") ? 1250000 : 1500000;
}

bool sb_claim_within(int64_t ratio_ppm, int64_t tolerated_ppm)
{
    return ratio_ppm <= tolerated_ppm && ratio_ppm >= WHOLE * WHOLE / tolerated_ppm;
}

const char *sb_claim_word(const struct sb_claim *c)
{
    return c->kept ? "kept" : sb_streq(c->badge, SB_BADGE_ESTIMATED) ? "missed" : "broken";
}

static int take(const struct sb_criterion *k, const struct sb_watch_reading *r, struct sb_claim *c)
{
    c->predicted = k->predicted;
    c->measured = r->value;
    c->ratio_ppm = sb_claim_ratio(k->predicted, r->value);
    c->tolerated_ppm = sb_claim_tolerated(k->metric);
    c->kept = sb_claim_within(c->ratio_ppm, c->tolerated_ppm);
    return sb_str_set(&c->metric, k->metric) || sb_str_set(&c->label, k->label) || sb_str_set(&c->unit, k->unit) ||
                   sb_str_set(&c->badge, k->badge && k->badge[0] ? k->badge : SB_BADGE_ESTIMATED)
               ? -1
               : 0;
}

static void release(struct sb_claim *claims, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_claim_schema, &claims[i]);
    free(claims);
}

int sb_claims_take(const struct sb_watch *w, const struct sb_watch_reading *readings, size_t n, struct sb_claim **claims, size_t *claims_n)
{
    struct sb_claim *fresh = NULL;
    size_t fresh_n = 0;
    for (size_t i = 0; i < w->criteria_n && i < n; i++) {
        if (!w->criteria[i].has_predicted || !readings[i].measured)
            continue;
        struct sb_claim *c = SB_PUSH(fresh);
        if (!c || take(&w->criteria[i], &readings[i], c)) {
            release(fresh, fresh_n);
            return -1;
        }
    }
    release(*claims, *claims_n);
    *claims = fresh;
    *claims_n = fresh_n;
    return 0;
}

void sb_claims_text(const struct sb_claim *claims, size_t n, struct sb_str *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += claims[i].kept;
    if (n)
        sb_str_addf(out, "%zu of %zu predictions came true", kept, n);
    for (size_t i = 0; i < n; i++)
        if (!claims[i].kept)
            sb_str_addf(out, "; %s: %s %" PRId64 "%s%s, measured %" PRId64, claims[i].label ? claims[i].label : claims[i].metric,
                        sb_streq(claims[i].badge, SB_BADGE_ESTIMATED) ? "estimated" : "predicted", claims[i].predicted, claims[i].unit && claims[i].unit[0] ? " " : "",
                        claims[i].unit ? claims[i].unit : "", claims[i].measured);
}
