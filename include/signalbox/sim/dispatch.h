/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.h - from a command to its reply: the table of commands, and what all of them have in common.
 *
 * Common: admin-only, primary-only and secondary reads; unknown fields of strictly parsed commands; maxTimeMS;
 * readConcern and writeConcern; sessions and retryable writes; ok, errmsg, code, codeName, $clusterTime, operationTime;
 * and the accounting of the operation (op.h). Sockets and in-process clients enter here alike. Thread: one.
 */
#ifndef SIGNALBOX_SIM_DISPATCH_H
#define SIGNALBOX_SIM_DISPATCH_H

#include <signalbox/sim/op.h>

#define SIM_SEQUENCES 4

/* A command as it came off the wire. All of it is valid BSON. */
struct sim_request {
    const uint8_t *body;
    struct {
        const char *name;
        const uint8_t *p; /* documents back to back */
        size_t n;         /* bytes */
    } seq[SIM_SEQUENCES];
    size_t seq_n;
    size_t bytes; /* of the message */
    const char *db; /* of an OP_QUERY; NULL: the body's $db */
    int32_t opid;   /* of a command that has waited and is run again: it is the same operation; 0: it is a new one */
    int64_t since_us;
};

enum sim_outcome { SIM_ANSWERED, SIM_LATER /* conn->answer is called with the reply */ };

/* Runs the command. SIM_ANSWERED: *reply is a finished document of w, or NULL out of memory. */
enum sim_outcome sim_dispatch(struct sim_conn *conn, const struct sim_request *rq, struct sim_w *w, const uint8_t **reply);

/* ---- for the commands ---- */

enum sim_command_flags {
    SIM_ADMIN = 1,     /* only on the admin database */
    SIM_PRIMARY = 2,   /* only on the primary */
    SIM_OPT_IN = 4,    /* on a secondary only with a read preference */
    SIM_COUNTS_READ = 8,
    SIM_COUNTS_WRITE = 16,
    SIM_QUIET = 32,    /* costs next to nothing (hello, ping) */
    SIM_BEFORE_AUTH = 64,
    SIM_OWN_COUNTER = 128, /* counts itself in opcounters */
    SIM_READ_CONCERN = 256,
    SIM_WRITE_CONCERN = 512,
    SIM_NO_VIEW = 1024, /* only on collections */
    SIM_MIRRORED = 2048,
    SIM_SERIES = 4096, /* of the views it takes only time series */
};

struct sim_call;

struct sim_command {
    const char *name, *alias;
    unsigned flags;
    int (*run)(struct sim_call *c); /* writes its fields into c->reply; -1: c->fail */
    const char *strict; /* the name by which errors call its fields; NULL: unknown fields are ignored */
    const char *fields; /* allowed beside the common ones, blank separated; its own name is implied */
    const char *help;
};

extern const struct sim_command sim_commands[];
extern const size_t sim_commands_n;

const struct sim_command *sim_command_find(const char *name);

/* Does a server of the version that is played know it? */
bool sim_command_known(const struct sim *s, const struct sim_command *c);

/* Options that the server has and the simulator has not, blank separated: NotImplemented when given. */
/* In version 1 of the versioned API. */
bool sim_command_in_api(const struct sim *s, const struct sim_command *c);

const char *sim_command_refuses(const struct sim_command *c);

#define SIM_CALL_FIELDS 16

struct sim_call {
    struct sim *s;
    struct sim_member *m;
    struct sim_conn *conn;
    const struct sim_request *rq;
    const struct sim_command *cmd;
    const uint8_t *body;
    unsigned fields_n;
    uint64_t fields_named; /* a bit for each of their names: sim_name_bit */
    bool more_fields;
    struct sim_w *reply;
    bool later;        /* the reply comes by itself */
    struct sim_doc *so_far; /* the reply of a write that waits for its concern (wait.h owns it) */
    bool rolled_back;  /* nothing is to be counted */
    const uint8_t *lsid; /* NULL none */
    bool linear;  /* a read that waits until a majority has confirmed that this is the primary */
    bool has_txn; /* the number of a retryable write */
    int64_t txn_number;
    bool in_txn, starts_txn;
    struct sim_txn *txn; /* the transaction that the command is a part of; NULL none */
    bool blocked;        /* another transaction has to end first */
    size_t write_errors; /* of single statements, told in its reply */
    uint64_t before_ts;  /* of the newest entry when the command came */
    int64_t w_needs;   /* members a write must reach; 0 unacknowledged */
    bool w_majority;
    struct sim_val wc; /* writeConcern as given; missing: the default */
    /* the rest is not zeroed but begun */
    char db[128];
    char ns[272]; /* db.collection for commands on a collection */
    struct sim_elem field[SIM_CALL_FIELDS]; /* of the body, the first of them */
    struct sim_fail fail;
    struct sim_op op;
};

/* Most names that are asked for are not there: a bit of the first letter, the last one and the length tells. */
static inline uint64_t sim_name_bit(const char *name, size_t n)
{
    return UINT64_C(1) << ((n ? (unsigned char)name[0] * 5u + (unsigned char)name[n - 1] * 3u : 0) + n) % 64;
}

/* Value of a field of the command. The names were found once, when it came. */
static inline struct sim_val sim_arg(const struct sim_call *c, const char *name)
{
    size_t n = strlen(name);
    if (!c->more_fields && !(c->fields_named & sim_name_bit(name, n)))
        return sim_missing;
    for (unsigned i = 0; i < c->fields_n; i++)
        if (c->field[i].key_n == n && memcmp(c->field[i].key, name, n) == 0)
            return c->field[i].v;
    return c->more_fields ? sim_find(c->body, name) : sim_missing;
}

/* The same of a command that may stand inside an explain. */
static inline struct sim_val sim_arg_of(const struct sim_call *c, const uint8_t *cmd, const char *name)
{
    return cmd == c->body ? sim_arg(c, name) : sim_find(cmd, name);
}

/* Unknown and refused fields of a command, which may stand inside an explain. */
/* {locale: "simple"}: strings by their bytes, the only collation that is simulated. */
bool sim_is_simple_collation(struct sim_val v);

int sim_check_fields(struct sim_call *c, const struct sim_command *cmd, const uint8_t *body);

/* Fills c->ns from the command's own field; -1 when that is no name of a collection. */
int sim_call_ns(struct sim_call *c);

/* Type-checked arguments: 0, or -1 with the server's error. A missing one leaves *out as it was. */
int sim_arg_doc(struct sim_call *c, const char *name, const uint8_t **out);
int sim_arg_int(struct sim_call *c, const char *name, int64_t *out);
int sim_arg_bool(struct sim_call *c, const char *name, bool *out);

/* Documents of a batch, given as a sequence or as an array of the body. */
struct sim_batch {
    const uint8_t *at, *end;   /* a sequence */
    struct sim_iter it;        /* an array */
    bool is_array;
    size_t n;
};
int sim_call_batch(struct sim_call *c, const char *name, struct sim_batch *b);
const uint8_t *sim_batch_next(struct sim_batch *b); /* NULL at the end; an element that is no document counts as the end */

/* ok, $clusterTime, operationTime; or the failure. Closes the reply. */
const uint8_t *sim_reply_ok(struct sim *s, struct sim_member *m, struct sim_w *w);
const uint8_t *sim_reply_fail(struct sim *s, struct sim_member *m, struct sim_w *w, const struct sim_fail *f);

/* errorLabels: what tells a driver that it may send a write again. */
void sim_put_retry_label(struct sim_w *w);

/* After a write: electionId, opTime, and writeConcernError when the concern cannot be met. */
void sim_put_write_tail(struct sim_call *c);

#endif
