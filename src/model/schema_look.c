/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/schema_look.h>

static const struct sb_member type_members[] = {
    SB_MEMBER(struct sb_look_type, type, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_look_type, ppm, SB_INT, SB_ALWAYS, NULL),
};
const struct sb_schema sb_look_type_schema = SB_SCHEMA("type of a field", struct sb_look_type, type_members);

static const struct sb_member field_members[] = {
    SB_MEMBER(struct sb_look_field, field, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_look_field, name, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_look_field, depth, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_look_field, ppm, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_look_field, types, SB_RECS, SB_ALWAYS, &sb_look_type_schema),
    SB_MEMBER(struct sb_look_field, note, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_look_field, drift, SB_STR, 0, NULL),
};
const struct sb_schema sb_look_field_schema = SB_SCHEMA("field", struct sb_look_field, field_members);

static const struct sb_member look_members[] = {
    SB_MEMBER(struct sb_schema_look, ns, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_schema_look, at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_schema_look, before_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_schema_look, documents, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_schema_look, sampled, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_schema_look, coverage, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_schema_look, note, SB_STR, 0, NULL),
    SB_LIST(struct sb_schema_look, fields, SB_RECS, SB_ALWAYS, &sb_look_field_schema),
    SB_MEMBER(struct sb_schema_look, left_out, SB_INT, 0, NULL),
    SB_LIST(struct sb_schema_look, gone, SB_STRS, 0, NULL),
};
const struct sb_schema sb_schema_look_schema = SB_SCHEMA("look at a schema", struct sb_schema_look, look_members);
