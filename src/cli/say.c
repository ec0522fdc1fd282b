/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands print: everything passes the sanitizer, whatever the sink. */
#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>
#include <signalbox/term/vis.h>

#include <stdio.h>
#include <string.h>

static int put(FILE *to, const char *before, const char *text, size_t n, const char *after)
{
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, text, n, SB_VIS_NEWLINE | SB_VIS_TAB);
    int rc = fputs(before, to) < 0 || fwrite(out.p, 1, out.len, to) != out.len || fputs(after, to) < 0 ? -1 : 0;
    sb_str_release(&out);
    return rc;
}

static bool complained;

bool sb_complained(void)
{
    return complained;
}

int sb_complain(const struct sb_err *err)
{
    complained = true;
    fflush(stdout);
    put(stderr, "signalbox: ", err->msg, strlen(err->msg), "\n");
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
    complained = true;
    fflush(stdout);
    put(stderr, "signalbox: ", text.p, text.len, "\n");
    sb_str_release(&text);
    return 2;
}

int sb_print(const char *fmt, ...)
{
    struct sb_str text;
    sb_str_init(&text);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    int rc = put(stdout, "", text.p, text.len, "");
    sb_str_release(&text);
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
