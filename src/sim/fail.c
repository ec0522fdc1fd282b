/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/fail.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int32_t code;
    const char *name;
} names[] = {
    {1, "InternalError"},
    {SIM_BAD_VALUE, "BadValue"},
    {SIM_NO_SUCH_KEY, "NoSuchKey"},
    {SIM_FAILED_TO_PARSE, "FailedToParse"},
    {SIM_UNAUTHORIZED, "Unauthorized"},
    {SIM_TYPE_MISMATCH, "TypeMismatch"},
    {15, "Overflow"},
    {16, "InvalidLength"},
    {17, "ProtocolError"},
    {18, "AuthenticationFailed"},
    {322, "APIVersionError"},
    {323, "APIStrictError"},
    {SIM_ILLEGAL_OPERATION, "IllegalOperation"},
    {SIM_INVALID_BSON, "InvalidBSON"},
    {SIM_NAMESPACE_NOT_FOUND, "NamespaceNotFound"},
    {SIM_INDEX_NOT_FOUND, "IndexNotFound"},
    {SIM_PATH_NOT_VIABLE, "PathNotViable"},
    {SIM_CONFLICTING_UPDATE, "ConflictingUpdateOperators"},
    {SIM_CURSOR_NOT_FOUND, "CursorNotFound"},
    {SIM_NAMESPACE_EXISTS, "NamespaceExists"},
    {SIM_MAX_TIME, "MaxTimeMSExpired"},
    {SIM_DOLLAR_PREFIXED, "DollarPrefixedFieldName"},
    {53, "InvalidIdField"},
    {54, "NotSingleValueField"},
    {56, "EmptyFieldName"},
    {57, "DottedFieldName"},
    {SIM_COMMAND_NOT_FOUND, "CommandNotFound"},
    {64, "WriteConcernFailed"},
    {SIM_IMMUTABLE_FIELD, "ImmutableField"},
    {SIM_CANNOT_CREATE_INDEX, "CannotCreateIndex"},
    {68, "IndexAlreadyExists"},
    {SIM_INVALID_OPTIONS, "InvalidOptions"},
    {SIM_INVALID_NAMESPACE, "InvalidNamespace"},
    {79, "UnknownReplWriteConcern"},
    {95, "NotSecondary"},
    {SIM_INDEX_OPTIONS_CONFLICT, "IndexOptionsConflict"},
    {SIM_INDEX_KEY_CONFLICT, "IndexKeySpecsConflict"},
    {SIM_UNSATISFIABLE_WC, "UnsatisfiableWriteConcern"},
    {SIM_BAD_CONFIG, "NewReplicaSetConfigurationIncompatible"},
    {SIM_WRITE_CONFLICT, "WriteConflict"},
    {125, "CommandFailed"},
    {SIM_VALIDATION, "DocumentValidationFailure"},
    {SIM_CAPPED_POSITION_LOST, "CappedPositionLost"},
    {SIM_OUT_OF_MEMORY, "ExceededMemoryLimit"},
    {SIM_INVALID_RESUME_TOKEN, "InvalidResumeToken"},
    {SIM_CHANGE_STREAM_FATAL, "ChangeStreamFatalError"},
    {SIM_QUERY_FEATURE, "QueryFeatureNotAllowed"},
    {SIM_HISTORY_LOST, "ChangeStreamHistoryLost"},
    {166, "CommandNotSupportedOnView"},
    {167, "OptionNotSupportedOnView"},
    {SIM_CANNOT_INDEX_PARALLEL, "CannotIndexParallelArrays"},
    {SIM_QUERY_PLAN_KILLED, "QueryPlanKilled"},
    {SIM_INVALID_INDEX_SPEC, "InvalidIndexSpecificationOption"},
    {SIM_STEPPED_DOWN, "PrimarySteppedDown"},
    {SIM_TXN_TOO_OLD, "TransactionTooOld"},
    {SIM_NOT_IMPLEMENTED, "NotImplemented"},
    {SIM_SNAPSHOT_TOO_OLD, "SnapshotTooOld"},
    {SIM_SNAPSHOT_UNAVAILABLE, "SnapshotUnavailable"},
    {SIM_NO_SUCH_TXN, "NoSuchTransaction"},
    {SIM_TXN_COMMITTED, "TransactionCommitted"},
    {SIM_TXN_TOO_LARGE, "TransactionTooLarge"},
    {SIM_TOO_LATE, "ExceededTimeLimit"},
    {SIM_NOT_IN_TXN, "OperationNotSupportedInTransaction"},
    {SIM_INDEX_BUILD_ABORTED, "IndexBuildAborted"},
    {SIM_MEMORY_LIMIT, "QueryExceededMemoryLimitNoDiskUseAllowed"},
    {SIM_NOT_PRIMARY, "NotWritablePrimary"},
    {SIM_BSON_TOO_LARGE, "BSONObjectTooLarge"},
    {SIM_DUPLICATE_KEY, "DuplicateKey"},
    {SIM_INTERRUPTED, "Interrupted"},
    {SIM_STATE_CHANGE, "InterruptedDueToReplStateChange"},
    {12587, "BackgroundOperationInProgressForNamespace"},
    {13388, "StaleConfig"},
    {SIM_NOT_READABLE, "NotPrimaryNoSecondaryOk"},
    {SIM_RECOVERS, "NotPrimaryOrSecondary"},
};

const char *sim_code_name(int32_t code, char buf[32])
{
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (names[i].code == code)
            return names[i].name;
    snprintf(buf, 32, "Location%d", code);
    return buf;
}

int sim_fail(struct sim_fail *f, int32_t code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->msg, sizeof f->msg, fmt, ap);
    va_end(ap);
    f->code = code;
    return -1;
}

int sim_fail_nomem(struct sim_fail *f)
{
    return sim_fail(f, SIM_OUT_OF_MEMORY, "the simulator is out of memory");
}

void sim_fail_prefix(struct sim_fail *f, const char *fmt, ...)
{
    char old[sizeof f->msg];
    memcpy(old, f->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(f->msg, sizeof f->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof f->msg)
        snprintf(f->msg + n, sizeof f->msg - (size_t)n, "%s", old);
}

void sim_fail_release(struct sim_fail *f)
{
    free(f->extra);
    f->extra = NULL;
    f->code = 0;
}
