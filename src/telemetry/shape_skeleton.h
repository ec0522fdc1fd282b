/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_skeleton.h - the tokens between the reducer and the parser of shapes.
 *
 * A skeleton is a byte of flags ('0' + FLAG_...), T_KIND + kind, for a getMore followed by T_KIND + the kind that opened
 * the cursor, for other commands by T_STRING with their name; then sections, each a letter and a value. When it did not
 * fit, the last 8 bytes are a hash of the rest, and the tokens before them may end anywhere. Values are nested tokens. A
 * text is a length in 7-bit groups, low first, and the bytes.
 */
#ifndef SB_TELEMETRY_SHAPE_SKELETON_H
#define SB_TELEMETRY_SHAPE_SKELETON_H

/* A list longer than this is a range to the planner (MongoDB's guideline on equality, sort and range). */
#define BIG_LIST 200

enum token {
    T_KIND = 'a', /* + enum sb_op_kind */
    T_OBJECT = '{',
    T_ARRAY = '[', /* a list, in which repetition means nothing */
    T_TUPLE = '(', /* the arguments of an expression, in which it does */
    T_END = '}',   /* of each */
    T_KEY = 'K', /* text */
    T_LITERAL = '1',
    T_FEW = '2',  /* literals in a list, up to BIG_LIST */
    T_MANY = '3', /* more */
    T_REGEX = '/',
    T_REGEX_PREFIX = '^',
    T_TRUE = '!',
    T_FALSE = '~',
    T_UP = '+',
    T_DOWN = '-',
    T_OTHER = '*',
    T_PATH = '$',   /* text: a field or variable of an expression */
    T_STRING = '"', /* text that is part of the shape */
    T_NUMBER = '#', /* text of a number that is part of the shape */

    S_FILTER = 'F',
    S_SORT = 'S',
    S_PROJECTION = 'P',
    S_COLLATION = 'C',
    S_HINT = 'H',
    S_DISTINCT = 'D',
    S_PIPELINE = 'A', /* an object: stage names as keys, in order */
    S_LIMIT = 'L',
    S_MULTI = 'M',
    S_UNKNOWN = 'U',
};

enum skeleton_flags { FLAG_PARTIAL = 1, FLAG_SPILLED = 2 };

#endif
