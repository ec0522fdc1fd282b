/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program says that a drill had run: without the target's password, without what drives a terminal, and not all of it. */
#include "drill.h"

#include <signalbox/base/json.h>

#include <string.h>

#define KEPT_MAX ((size_t)4 << 10) /* from its beginning and from its end each */

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The password of a connection string as it stands there, and as it is meant. */
static void password_of(const char *uri, struct sb_str *raw, struct sb_str *meant)
{
    const char *from = strstr(uri, "://"), *end = from ? from + 3 + strcspn(from + 3, "/?") : NULL, *at = NULL;
    for (const char *p = from; p && p < end; p++)
        at = *p == '@' ? p : at;
    const char *colon = at ? memchr(from + 3, ':', (size_t)(at - from - 3)) : NULL;
    if (!colon)
        return;
    sb_str_add(raw, colon + 1, (size_t)(at - colon - 1));
    for (const char *p = colon + 1; p < at; p++) {
        int high = p[0] == '%' && at - p > 2 ? hex_of(p[1]) : -1, low = high >= 0 ? hex_of(p[2]) : -1;
        sb_str_addc(meant, low >= 0 ? (char)(high << 4 | low) : *p);
        p += low >= 0 ? 2 : 0;
    }
}

static void mask(struct sb_str *text, const struct sb_str *secret)
{
    struct sb_str out;
    const char *from = text->p, *p;
    if (secret->len == 0)
        return;
    sb_str_init(&out);
    while ((p = memmem(from, text->len - (size_t)(from - text->p), secret->p, secret->len))) {
        sb_str_add(&out, from, (size_t)(p - from));
        sb_str_adds(&out, "***");
        from = p + secret->len;
    }
    sb_str_add(&out, from, text->len - (size_t)(from - text->p));
    sb_str_release(text);
    *text = out;
}

void sb_drill_make_harmless(struct drill *d, struct sb_str *text)
{
    struct sb_str raw, meant;
    sb_str_init(&raw);
    sb_str_init(&meant);
    password_of(d->uri.p, &raw, &meant);
    mask(text, &raw);
    mask(text, &meant);
    for (size_t i = 0; i < text->len; i++)
        if (((unsigned char)text->p[i] < ' ' && text->p[i] != '\n' && text->p[i] != '\t') || text->p[i] == 127)
            text->p[i] = '?';
    explicit_bzero(raw.p, raw.len);
    explicit_bzero(meant.p, meant.len);
    sb_str_release(&raw);
    sb_str_release(&meant);
}

json_t *sb_drill_kept(const struct sb_str *text)
{
    struct sb_str out;
    if (text->len <= 2 * KEPT_MAX)
        return sb_json_of_bytes(text->p, text->len);
    sb_str_init(&out);
    sb_str_add(&out, text->p, KEPT_MAX);
    sb_str_addf(&out, "\n[%zu bytes are left out here]\n", text->len - 2 * KEPT_MAX);
    sb_str_add(&out, text->p + text->len - KEPT_MAX, KEPT_MAX);
    json_t *v = sb_json_of_bytes(out.p, out.len);
    sb_str_release(&out);
    return v;
}

void sb_drill_last_line(const struct sb_str *text, char *out, size_t cap)
{
    size_t end = text->len;
    while (end && (text->p[end - 1] == '\n' || text->p[end - 1] == ' '))
        end--;
    size_t from = end;
    while (from && text->p[from - 1] != '\n')
        from--;
    snprintf(out, cap, "%.*s", (int)sb_utf8_whole(text->p + from, end - from < cap - 1 ? end - from : cap - 1), text->p + from);
}
