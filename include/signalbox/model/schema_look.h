/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_look.h - what the documents of a collection looked like at one moment, as a screen shows it: names, types and shares, and
 * no value of a document. Pure. */
#ifndef SIGNALBOX_MODEL_SCHEMA_LOOK_H
#define SIGNALBOX_MODEL_SCHEMA_LOOK_H

#include <signalbox/base/record.h>

#define SB_LOOK_FIELDS_MOST 400

struct sb_look_type {
    char *type;  /* as BSON names it */
    int64_t ppm; /* of the objects that could have the field */
};
extern const struct sb_schema sb_look_type_schema;

struct sb_look_field {
    char *field;   /* its whole path */
    char *name;    /* the last part of it */
    int64_t depth; /* 0: of the document itself */
    int64_t ppm;   /* of the objects that could have it: how many do */
    struct sb_look_type *types;
    size_t types_n;
    char *note;  /* what is worth a word about it; NULL: nothing */
    char *drift; /* what is different from the look before; NULL: nothing, or there was none */
};
extern const struct sb_schema sb_look_field_schema;

struct sb_schema_look {
    char *ns;
    int64_t at;        /* deployment time */
    int64_t before_at; /* of the look that it was compared with; 0: there was none */
    int64_t documents; /* in the collection; -1: not told */
    int64_t sampled;
    char *coverage;    /* how much was seen, and how, in words */
    char *note;        /* what is worth a word about the collection; NULL: nothing */
    struct sb_look_field *fields; /* a parent before its children */
    size_t fields_n;
    int64_t left_out;  /* fields beyond SB_LOOK_FIELDS_MOST */
    char **gone;       /* paths that the look before had */
    size_t gone_n;
};
extern const struct sb_schema sb_schema_look_schema;

#endif
