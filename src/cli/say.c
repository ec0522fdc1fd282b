/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands print: everything passes the sanitizer, whatever the sink. */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>
#include <signalbox/term/vis.h>

#include <stdio.h>
#include <string.h>

static int put(FILE *to, const char *before, const char *text, size_t n, unsigned flags, const char *after)
{
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, text, n, flags);
    int rc = fputs(before, to) < 0 || fwrite(out.p, 1, out.len, to) != out.len || fputs(after, to) < 0 ? -1 : 0;
    sb_str_release(&out);
    return rc;
}

static bool told;

bool sb_told_unwritten(void)
{
    return told;
}

static void complain(const char *text, size_t n)
{
    while (n > 0 && text[n - 1] == '\n') /* a list of problems ends with one of its own */
        n--;
    told |= ferror(stdout) != 0; /* asked before the flush: a remark on something else is no word about what is lost in it */
    fflush(stdout);
    put(stderr, "signalbox: ", text, n, SB_VIS_NEWLINE | SB_VIS_TAB, "\n");
}

int sb_complain(const struct sb_err *err)
{
    complain(err->msg, strlen(err->msg));
    return sb_exit_status(err->code);
}

int sb_usage_error(const char *fmt, ...)
{
    struct sb_str text;
    sb_str_init(&text);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    complain(text.p, text.len);
    sb_str_release(&text);
    return 2;
}

static int say(const char *fmt, va_list ap, unsigned flags, const char *after)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_vaddf(&text, fmt, ap);
    int rc = put(stdout, "", text.p, text.len, flags, after);
    sb_str_release(&text);
    return rc;
}

int sb_print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = say(fmt, ap, SB_VIS_NEWLINE | SB_VIS_TAB, "");
    va_end(ap);
    return rc;
}

int sb_print_line(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = say(fmt, ap, 0, "\n");
    va_end(ap);
    return rc;
}

int sb_print_json(json_t *value)
{
    if (!value)
        return -1;
    /* ASCII only: a JSON reader gets every character back, and no terminal is driven by one */
    int rc = json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) || putchar('\n') == EOF ? -1 : 0;
    json_decref(value);
    return rc;
}
