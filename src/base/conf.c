/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/conf.h>
#include <signalbox/base/file.h>

#include <stdlib.h>
#include <string.h>

void sb_problems_init(struct sb_problems *p)
{
    sb_str_init(&p->text);
    p->count = 0;
}

void sb_problems_release(struct sb_problems *p)
{
    sb_str_release(&p->text);
    p->count = 0;
}

void sb_problems_add(struct sb_problems *p, const char *path, unsigned line, const char *fmt, ...)
{
    if (p->count++ >= SB_PROBLEMS_MAX) {
        if (p->count == SB_PROBLEMS_MAX + 1)
            sb_str_addf(&p->text, "%s:%u: and more\n", path, line);
        return;
    }
    sb_str_addf(&p->text, "%s:%u: ", path, line);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&p->text, fmt, ap);
    va_end(ap);
    sb_str_addc(&p->text, '\n');
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes one quoted word at *p (behind the opening quote), unescaping in place. NULL when the quote does not end. */
static char *take_quoted(char **p)
{
    char *start = *p, *out = *p, *in = *p;
    while (*in && *in != '"') {
        if (*in == '\\' && in[1] && strchr("\"\\nt", in[1])) {
            in++;
            *out++ = *in == 'n' ? '\n' : *in == 't' ? '\t' : *in;
            in++;
        } else { /* any other backslash stands for itself, as in a regular expression */
            *out++ = *in++;
        }
    }
    if (*in != '"')
        return NULL;
    *p = in + 1;
    *out = '\0';
    return start;
}

/* Splits one NUL-terminated line in place. False when the line is malformed; the problem is noted. */
static bool split(char *line, struct sb_conf_row *row, struct sb_problems *problems)
{
    row->n = 0;
    char *p = line;
    for (;;) {
        while (blank(*p))
            p++;
        if (*p == '\0' || *p == '#')
            return true;
        if (row->n == SB_CONF_MAX_WORDS) {
            sb_problems_add(problems, row->path, row->line, "more than %d words on a line", SB_CONF_MAX_WORDS);
            return false;
        }
        if (*p == '"') {
            p++;
            char *word = take_quoted(&p);
            if (!word) {
                sb_problems_add(problems, row->path, row->line, "a quote is opened and not closed");
                return false;
            }
            if (*p && !blank(*p)) {
                sb_problems_add(problems, row->path, row->line, "a blank is missing behind a closing quote");
                return false;
            }
            row->word[row->n++] = word;
        } else {
            row->word[row->n++] = p;
            while (*p && !blank(*p))
                p++;
            if (*p)
                *p++ = '\0';
        }
    }
}

int sb_conf_parse(const char *text, size_t len, const char *path, sb_conf_fn fn, void *ctx, struct sb_problems *problems,
                  struct sb_err *err)
{
    char *copy = sb_strdup_n(text, len);
    if (!copy)
        return sb_fail_nomem(err);
    struct sb_conf_row row = {.path = path};
    char *line = copy, *end = copy + len;
    while (line < end) {
        char *eol = memchr(line, '\n', (size_t)(end - line));
        if (!eol)
            eol = end;
        *eol = '\0';
        row.line++;
        if (memchr(line, '\0', (size_t)(eol - line))) {
            sb_problems_add(problems, path, row.line, "a NUL byte; this is not a text file");
            break;
        }
        if (!sb_utf8_valid(line, (size_t)(eol - line)))
            sb_problems_add(problems, path, row.line, "bytes that are not UTF-8");
        else if (split(line, &row, problems) && row.n)
            fn(ctx, &row, problems);
        line = eol + 1;
    }
    free(copy);
    return sb_str_ok(&problems->text) ? 0 : sb_fail_nomem(err);
}

int sb_conf_load(const char *path, sb_conf_fn fn, void *ctx, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_file_read_named(path, SB_CONF_MAX_BYTES, &text, err);
    if (rc == 0)
        rc = sb_conf_parse(text.p, text.len, path, fn, ctx, problems, err);
    sb_str_release(&text);
    return rc;
}
