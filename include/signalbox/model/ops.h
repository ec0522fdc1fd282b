/* SPDX-License-Identifier: Apache-2.0
 *
 * ops.h - what clients have a deployment do at this moment, as $currentOp of each member tells it.
 *
 * The longest-running ones come first, SB_OPS_MOST at most; the others are counted. A server names nobody who holds what an
 * operation waits for: `holder` is worked out from the locks that are held on the same collection, or is unknown. Times are wall
 * milliseconds, durations milliseconds, -1 where they are not told. Holds text from outside. Pure. Thread: none of its own.
 */
#ifndef SIGNALBOX_MODEL_OPS_H
#define SIGNALBOX_MODEL_OPS_H

#include <signalbox/base/record.h>

#define SB_OPS_MOST 200

struct sb_op {
    char *member;      /* host:port */
    char *opid;        /* its number there; NULL: a transaction that is open and does nothing, or the server tells none */
    char *op;          /* "find", "update", "createIndexes", ...; "transaction" of one that does nothing */
    char *ns;
    char *app, *client;
    char *connection;  /* "conn12" */
    char *session;     /* its id in hexadecimal digits */
    char *plan;
    char *text;        /* what it says it does ("Index Build: scanning collection"); NULL: nothing */
    int64_t running_ms;
    char *waits;       /* "for a lock", "for another's write", "for flow control"; NULL: it works */
    int64_t holder;    /* place in the list, from 1, of what most likely holds what it waits for; 0: none, or not to be seen */
    char *barred;      /* why it is not ended from here; NULL: a card may propose it */
};
extern const struct sb_schema sb_op_schema;

struct sb_ops {
    int64_t at;        /* wall: when it was read */
    struct sb_op *list;
    size_t list_n;
    int64_t more;      /* further ones that were told */
    char *blind;       /* members that cannot be asked, and why; NULL: all told */
};
extern const struct sb_schema sb_ops_schema;

#endif
