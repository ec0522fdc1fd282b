/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>

#include <stdio.h>
#include <string.h>

static SB_PRINTF(3, 0) void fill(struct sb_err *err, enum sb_code code, const char *fmt, va_list ap)
{
    err->code = code;
    err->detail = 0;
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    if (n >= (int)sizeof err->msg)
        err->msg[sb_utf8_whole(err->msg, sizeof err->msg - 1)] = '\0'; /* it may have been cut within a character */
}

int sb_fail(struct sb_err *err, enum sb_code code, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int sb_fail_errno(struct sb_err *err, int errnum, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    fill(err, SB_EIO, fmt, ap);
    va_end(ap);
    err->detail = errnum;
    char text[128];
    size_t used = strlen(err->msg);
    /* the GNU strerror_r returns the text, in `text` or elsewhere */
    snprintf(err->msg + used, sizeof err->msg - used, ": %s", strerror_r(errnum, text, sizeof text));
    return -1;
}

int sb_fail_nomem(struct sb_err *err)
{
    return sb_fail(err, SB_ENOMEM, "out of memory");
}

void sb_err_prefix(struct sb_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof err->msg)
        return;
    size_t used = (size_t)n;
    if (snprintf(err->msg + used, sizeof err->msg - used, ": %s", old) >= (int)(sizeof err->msg - used))
        err->msg[sb_utf8_whole(err->msg, sizeof err->msg - 1)] = '\0';
}

int sb_exit_status(enum sb_code code)
{
    switch (code) {
    case SB_OK:
        return 0;
    case SB_EUSAGE:
    case SB_EINPUT:
        return 2;
    case SB_ESERVER:
        return 3;
    case SB_EPOLICY:
        return 4;
    case SB_ELEDGER:
        return 5;
    case SB_ENO:
    case SB_ECOMMAND:
    case SB_ENOMEM:
    case SB_EIO:
    case SB_ESTATE:
    case SB_EINTERNAL:
        return 1;
    }
    return 1;
}
