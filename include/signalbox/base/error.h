/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h - how a function says what went wrong.
 *
 * Contract: a function that can fail takes `struct sb_err *err` as its last parameter and returns 0 or -1 (or a pointer
 * or NULL). The caller owns the struct; it is untouched on success and may be NULL where the caller does not care. The
 * message is one sentence that says what, where and, where we know it, what to do; it may hold bytes from outside and
 * passes the sanitizer (term/vis.h) before anybody sees it. Errors of other libraries are translated at the edge of the
 * room that uses them. Thread: any; no hidden state.
 */
#ifndef SIGNALBOX_BASE_ERROR_H
#define SIGNALBOX_BASE_ERROR_H

#include <signalbox/base/compiler.h>
#include <stdarg.h>
#include <stdint.h>

enum sb_code {
    SB_OK = 0,
    SB_ENO,       /* the answer is "no": a broken audit, a failed policy test */
    SB_EUSAGE,    /* the command line is wrong */
    SB_EINPUT,    /* a file or a value is wrong; the message has its place */
    SB_ESERVER,   /* a server could not be reached (detail EHOSTUNREACH), or refused the login */
    SB_ECOMMAND,  /* a server answered a command with an error; detail is its code */
    SB_EPOLICY,   /* policy refused */
    SB_ELEDGER,   /* the ledger cannot be written or read */
    SB_ENOMEM,    /* memory ran out */
    SB_EIO,       /* reading or writing failed; detail is errno */
    SB_ESTATE,    /* the thing asked for is not possible in this state */
    SB_EINTERNAL, /* a rule of our own was broken: a bug */
};

struct sb_err {
    enum sb_code code;
    int64_t detail; /* errno or a server's error code; 0 where there is none */
    char msg[512];
};

#define SB_ERR_INIT {SB_OK, 0, ""}

/* Fills err (when not NULL), cutting an over-long message at a character boundary. Always returns -1, so that
 * `return sb_fail(err, ...)` is one line. */
int sb_fail(struct sb_err *err, enum sb_code code, const char *fmt, ...) SB_PRINTF(3, 4);

/* As sb_fail with SB_EIO, appending the text of errnum and keeping it as detail. */
int sb_fail_errno(struct sb_err *err, int errnum, const char *fmt, ...) SB_PRINTF(3, 4);

/* As sb_fail with SB_ENOMEM and the one sentence for it. */
int sb_fail_nomem(struct sb_err *err);

/* Puts "text: " in front of an error that is already set. */
void sb_err_prefix(struct sb_err *err, const char *fmt, ...) SB_PRINTF(2, 3);

/* The process exit status of INTERFACE for a code: 0, 1, 2, 3, 4 or 5. */
int sb_exit_status(enum sb_code code);

#endif
