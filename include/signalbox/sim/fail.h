/* SPDX-License-Identifier: Apache-2.0
 *
 * fail.h - an error as the server tells it to a client: code, name, sentence, and sometimes more fields.
 *
 * Codes and names are those of MongoDB 5.0 (src/mongo/base/error_codes.yml); a code without a name is told as
 * LocationN. Functions that may fail so take `struct sim_fail *` last and return -1. Thread: any.
 */
#ifndef SIGNALBOX_SIM_FAIL_H
#define SIGNALBOX_SIM_FAIL_H

#include <signalbox/base/compiler.h>
#include <stddef.h>
#include <stdint.h>

enum sim_code {
    SIM_BAD_VALUE = 2,
    SIM_NO_SUCH_KEY = 4,
    SIM_FAILED_TO_PARSE = 9,
    SIM_UNAUTHORIZED = 13,
    SIM_TYPE_MISMATCH = 14,
    SIM_ILLEGAL_OPERATION = 20,
    SIM_NAMESPACE_NOT_FOUND = 26,
    SIM_INDEX_NOT_FOUND = 27,
    SIM_PATH_NOT_VIABLE = 28,
    SIM_CONFLICTING_UPDATE = 40,
    SIM_CURSOR_NOT_FOUND = 43,
    SIM_NAMESPACE_EXISTS = 48,
    SIM_MAX_TIME = 50,
    SIM_DOLLAR_PREFIXED = 52,
    SIM_COMMAND_NOT_FOUND = 59,
    SIM_IMMUTABLE_FIELD = 66,
    SIM_CANNOT_CREATE_INDEX = 67,
    SIM_INVALID_OPTIONS = 72,
    SIM_INVALID_NAMESPACE = 73,
    SIM_INDEX_OPTIONS_CONFLICT = 85,
    SIM_INDEX_KEY_CONFLICT = 86,
    SIM_UNSATISFIABLE_WC = 100,
    SIM_BAD_CONFIG = 103,
    SIM_WRITE_CONFLICT = 112,
    SIM_VALIDATION = 121,
    SIM_CANNOT_INDEX_PARALLEL = 171,
    SIM_INVALID_INDEX_SPEC = 197,
    SIM_QUERY_PLAN_KILLED = 175,
    SIM_QUERY_FEATURE = 224,
    SIM_TXN_TOO_OLD = 225,
    SIM_NOT_IMPLEMENTED = 238,
    SIM_SNAPSHOT_TOO_OLD = 239,
    SIM_SNAPSHOT_UNAVAILABLE = 246,
    SIM_NO_SUCH_TXN = 251,
    SIM_TXN_COMMITTED = 256,
    SIM_TXN_TOO_LARGE = 257,
    SIM_NOT_IN_TXN = 263,
    SIM_INDEX_BUILD_ABORTED = 276,
    SIM_MEMORY_LIMIT = 292,
    SIM_CAPPED_POSITION_LOST = 136,
    SIM_OUT_OF_MEMORY = 146,
    SIM_INVALID_RESUME_TOKEN = 260,
    SIM_CHANGE_STREAM_FATAL = 280,
    SIM_HISTORY_LOST = 286,
    SIM_INVALID_DOLLAR_STAGE = 40324,
    SIM_UNKNOWN_FIELD = 40415,
    SIM_DUPLICATE_FIELD = 40413,
    SIM_MISSING_FIELD = 40414,
    SIM_BSON_TOO_LARGE = 10334,
    SIM_NOT_PRIMARY = 10107,
    SIM_DUPLICATE_KEY = 11000,
    SIM_INTERRUPTED = 11601,
    SIM_STATE_CHANGE = 11602,
    SIM_NOT_READABLE = 13435,
    SIM_RECOVERS = 13436,
    SIM_STEPPED_DOWN = 189,
    SIM_TOO_LATE = 262,
    SIM_INVALID_BSON = 22,
};

struct sim_fail {
    int32_t code; /* 0: nothing failed; -1: failed without a code, as a few commands do */
    char msg[1024];
    uint8_t *extra; /* a document whose fields follow codeName (keyPattern, keyValue), owned; NULL none */
};

#define SIM_FAIL_INIT {0, "", NULL}

/* The same as that, without writing all of the message's room. */
static inline void sim_fail_init(struct sim_fail *f)
{
    f->code = 0;
    f->msg[0] = '\0';
    f->extra = NULL;
}

/* Fills f (never NULL), cutting a long message, and returns -1. */
int sim_fail(struct sim_fail *f, int32_t code, const char *fmt, ...) SB_PRINTF(3, 4);
int sim_fail_nomem(struct sim_fail *f);

/* Puts text in front of the message. */
void sim_fail_prefix(struct sim_fail *f, const char *fmt, ...) SB_PRINTF(2, 3);
void sim_fail_release(struct sim_fail *f);

/* "DuplicateKey", or "Location40415" in buf. */
const char *sim_code_name(int32_t code, char buf[32]);

#endif
