/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/doctor.h>

static const char *const found_text[] = {[SB_FOUND_GOOD] = "ok", [SB_FOUND_NOTE] = "note", [SB_FOUND_WRONG] = "wrong"};
const struct sb_names sb_founds = {"finding", found_text, SB_FOUNDS};

static const struct sb_member finding_members[] = {
    SB_MEMBER(struct sb_doctor_finding, found, SB_ENUM, SB_ALWAYS, &sb_founds),
    SB_MEMBER(struct sb_doctor_finding, area, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_doctor_finding, what, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_doctor_finding, mend, SB_STR, SB_ALWAYS, NULL),
};
const struct sb_schema sb_doctor_finding_schema = SB_SCHEMA("finding", struct sb_doctor_finding, finding_members);

static const struct sb_member doctor_members[] = {
    SB_MEMBER(struct sb_doctor, done, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_doctor, step, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_doctor, steps, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_doctor, doing, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_doctor, failed, SB_STR, 0, NULL),
    SB_LIST(struct sb_doctor, findings, SB_RECS, SB_ALWAYS, &sb_doctor_finding_schema),
};
const struct sb_schema sb_doctor_schema = SB_SCHEMA("doctor", struct sb_doctor, doctor_members);

size_t sb_doctor_count(const struct sb_doctor *d, enum sb_found found)
{
    size_t n = 0;
    for (size_t i = 0; i < d->findings_n; i++)
        n += d->findings[i].found == (int)found;
    return n;
}
