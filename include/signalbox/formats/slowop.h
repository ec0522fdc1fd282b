/* SPDX-License-Identifier: Apache-2.0
 *
 * slowop.h - one operation that a server wrote down: a slow-query line of its log or a document of system.profile.
 *
 * Both readers (mongolog.h, profile.h) fill the same struct, so that nobody behind them asks where an operation came
 * from. Every span points into the bytes that were read, or into the reader's own scratch memory, and is valid until the
 * reader's next call; spans hold plain text (JSON escapes are undone), not NUL-terminated. A span that was not there has
 * p == NULL; a number that was not there is SB_ABSENT. Nothing is ever guessed: a field that a cut took away, even in its
 * last digit, is absent. Thread: none of its own.
 */
#ifndef SIGNALBOX_FORMATS_SLOWOP_H
#define SIGNALBOX_FORMATS_SLOWOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_ABSENT INT64_C(-1)
#define SB_NO_TIME INT64_MIN

struct sb_span {
    const char *p;
    size_t n;
};

/* A literal as a span, and whether two spans hold the same bytes (absent equals only absent). */
#define SB_SPAN(literal) ((struct sb_span){(literal), sizeof(literal) - 1})
bool sb_span_equal(struct sb_span a, struct sb_span b);

/* A document as it was written: JSON text (an object, from `{`; cut: without its end) or BSON bytes. */
enum sb_doc_form { SB_DOC_NONE, SB_DOC_JSON, SB_DOC_BSON };

struct sb_doc {
    enum sb_doc_form form;
    bool cut; /* what follows the last byte was not written down */
    const char *p;
    size_t n;
};

enum sb_op_kind {
    SB_OP_FIND,
    SB_OP_AGGREGATE,
    SB_OP_COUNT,
    SB_OP_DISTINCT,
    SB_OP_UPDATE,
    SB_OP_REMOVE,
    SB_OP_INSERT,
    SB_OP_GETMORE,
    SB_OP_FIND_AND_MODIFY,
    SB_OP_COMMAND,  /* any other command: its name is in `name` */
    SB_OP_INTERNAL, /* work of the server's own threads, as of an index build: no client waited for this line */
    SB_OP_KINDS
};

struct sb_slow_op {
    int64_t at_ms; /* wall time of the server when it ended; SB_NO_TIME where it is not known */
    enum sb_op_kind kind;
    bool envelope; /* an update or delete command around its writes, which are written down themselves (envelope.h) */
    bool cut;      /* the line ends too early: what is absent may have been there */
    bool command_truncated; /* the server left out parts of the command */
    bool has_sort_stage, used_disk, from_multi_planner, replanned;
    bool on_view; /* the namespace is a view or a time-series collection, as the line says */
    struct sb_span ns;     /* "db.collection", as written: "db.$cmd" around an envelope */
    struct sb_span target; /* the collection that the command names; absent where it names none */
    struct sb_span name;   /* the command's own name: "find", "listIndexes"; "update" and "remove" for writes */
    struct sb_span app, ctx, remote, plan, query_hash;
    struct sb_doc command, originating; /* originating: what opened the cursor of a getMore */
    int64_t duration_ms, working_ms;    /* working_ms (8.0) leaves out waiting */
    int64_t keys_examined, docs_examined, returned, matched, modified, deleted, inserted;
    int64_t yields, response_bytes, write_conflicts, error_code;
};

/* Everything absent. */
void sb_slow_op_clear(struct sb_slow_op *op);

/* "find", "findAndModify", "command", ...; the name by which people know the kind. */
const char *sb_op_kind_name(enum sb_op_kind kind);

/* What a digest calls the operation: the kind's name, and for a command or internal work its own name. */
struct sb_span sb_slow_op_label(const struct sb_slow_op *op);

/* True for what the server calls a "view", "timeseries" or "timeseriesBuckets". */
bool sb_slow_op_type_is_view(struct sb_span collection_type);

/* Fills kind, envelope, name and target from the type that the server wrote ("command", "update", "query", ...), the
 * command's first key and its value where that is a string. */
void sb_slow_op_classify(struct sb_slow_op *op, struct sb_span type, struct sb_span first_key, struct sb_span first_value);

#endif
