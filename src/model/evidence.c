/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/evidence.h>

static const struct sb_member members[] = {
    SB_MEMBER(struct sb_evidence, source, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_evidence, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_evidence, what, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_evidence, value, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_evidence, coverage, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_evidence, taken_at, SB_TIME, SB_ALWAYS, NULL),
};

const struct sb_schema sb_evidence_schema = SB_SCHEMA("evidence", struct sb_evidence, members);

int sb_evidence_add(struct sb_evidence **list, size_t *n, const char *source, const char *ns, const char *what,
                    const char *value, const char *coverage, int64_t taken_at)
{
    struct sb_evidence *e = sb_list_push((void **)list, n, sizeof **list);
    if (!e)
        return -1;
    e->taken_at = taken_at;
    if (sb_str_set(&e->source, source) || sb_str_set(&e->ns, ns) || sb_str_set(&e->what, what) ||
        sb_str_set(&e->value, value) || sb_str_set(&e->coverage, coverage))
        return -1;
    return 0;
}
