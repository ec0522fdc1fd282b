/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may sign: OpenSSH's allowed_signers file, and lists of revoked keys. */
#include <signalbox/base/array.h>
#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>
#include <signalbox/base/sshsig.h>

#include "sshwire.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- patterns ---- */

static bool fits(const char *p, size_t p_n, const char *s)
{
    const char *end = p + p_n, *star = NULL, *resume = NULL;
    while (*s) {
        if (p < end && *p == '*') {
            star = ++p;
            resume = s;
        } else if (p < end && (*p == '?' || *p == *s)) {
            p++;
            s++;
        } else if (star) {
            p = star;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (p < end && *p == '*')
        p++;
    return p == end;
}

/* A list with commas; what a pattern behind ! fits is out, whatever the others say. */
static bool listed(const char *list, const char *text)
{
    bool yes = false;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        bool negated = *p == '!';
        if (n > negated && fits(p + negated, n - negated, text)) {
            if (negated)
                return false;
            yes = true;
        }
        p += n + (p[n] == ',');
    }
    return yes;
}

/* ---- a line ---- */

struct reader {
    const char *path;
    unsigned line;
    struct sb_problems *problems; /* NULL: the first problem is kept in err */
    struct sb_err *err;
};

static int problem(const struct reader *r, const char *what)
{
    if (r->problems) {
        sb_problems_add(r->problems, r->path, r->line, "%s", what);
        return 1;
    }
    return sb_fail(r->err, SB_EINPUT, "%s:%u: %s", r->path, r->line, what);
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* The end of a word; blanks within double quotes belong to it. NULL when a quote is not closed. */
static const char *word_end(const char *p, const char *end)
{
    bool quoted = false;
    for (; p < end && (quoted || (*p != ' ' && *p != '\t')); p++)
        if (*p == '"')
            quoted = !quoted;
    return quoted ? NULL : p;
}

static bool key_type_like(const char *p, size_t n)
{
    static const char *const beginnings[] = {"ssh-", "ecdsa-", "sk-"};
    for (size_t i = 0; i < SB_COUNT(beginnings); i++)
        if (n > strlen(beginnings[i]) && memcmp(p, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* "TYPE BASE64 [COMMENT]": the blob must be of the type that stands before it. 0, 1 a problem, -1 error. */
static int take_key(const struct reader *r, const char *p, const char *end, struct sb_str *key)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"};
    const char *type = p;
    while (p < end && *p != ' ' && *p != '\t')
        p++;
    size_t type_n = (size_t)(p - type);
    bool known = false;
    for (size_t i = 0; i < SB_COUNT(types); i++)
        known |= type_n == strlen(types[i]) && memcmp(type, types[i], type_n) == 0;
    if (!known)
        return problem(r, "a key of this type is not supported: ssh-ed25519, ecdsa-sha2-nistp256 and ssh-rsa are");
    const char *text = p = skip_blanks(p, end);
    while (p < end && *p != ' ' && *p != '\t')
        p++;
    if (sb_base64_decode(key, text, (size_t)(p - text)))
        return sb_str_ok(key) ? problem(r, "the key is not base64") : sb_fail_nomem(r->err);
    struct sb_slice blob = {key->p, key->len}, inside;
    if (sb_wire_string(&blob, &inside) || inside.n != type_n || memcmp(inside.p, type, type_n) != 0)
        return problem(r, "the key is not of the type that stands before it");
    return 0;
}

/* YYYYMMDD[HHMM[SS]][Z] */
static bool take_time(const char *text, size_t n, int64_t *out)
{
    bool utc = n && text[n - 1] == 'Z';
    size_t digits = n - utc;
    if ((digits != 8 && digits != 12 && digits != 14) || digits != strspn(text, "0123456789"))
        return false;
    int part[6] = {0};
    static const size_t width[6] = {4, 2, 2, 2, 2, 2};
    const char *p = text;
    for (size_t i = 0; i < 6 && p < text + digits; i++)
        for (size_t k = 0; k < width[i]; k++)
            part[i] = part[i] * 10 + (*p++ - '0');
    struct tm tm = {.tm_year = part[0] - 1900, .tm_mon = part[1] - 1, .tm_mday = part[2], .tm_hour = part[3], .tm_min = part[4], .tm_sec = part[5], .tm_isdst = -1};
    if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 59)
        return false;
    time_t t = utc ? timegm(&tm) : mktime(&tm);
    *out = (int64_t)t * 1000;
    return t > 0 && tm.tm_mday == part[2]; /* not the 31st of a month of 30 days */
}

/* One option, NAME or NAME="VALUE". */
static int take_option(const struct reader *r, const char *p, size_t n, struct sb_signer *s)
{
    const char *equals = memchr(p, '=', n);
    size_t name_n = equals ? (size_t)(equals - p) : n;
    char name[24] = "", value[512] = "";
    if (equals) {
        size_t value_n = n - name_n - 1;
        if (value_n < 2 || equals[1] != '"' || p[n - 1] != '"' || value_n - 2 >= sizeof value)
            return problem(r, "an option's value must stand in double quotes");
        memcpy(value, equals + 2, value_n - 2);
        value[value_n - 2] = '\0';
    }
    if (name_n < sizeof name)
        memcpy(name, p, name_n);
    for (char *c = name; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    if (strcmp(name, "cert-authority") == 0)
        return problem(r, "cert-authority is not supported: certificates are not accepted, name each key");
    if (strcmp(name, "namespaces") == 0 && equals)
        return s->namespaces ? problem(r, "namespaces is given twice") : sb_str_set(&s->namespaces, value) ? sb_fail_nomem(r->err) : 0;
    if (strcmp(name, "valid-after") == 0 && equals)
        return take_time(value, strlen(value), &s->after) ? 0 : problem(r, "valid-after must be YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without a Z");
    if (strcmp(name, "valid-before") == 0 && equals)
        return take_time(value, strlen(value), &s->before) ? 0 : problem(r, "valid-before must be YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without a Z");
    return problem(r, "an option that is not known: namespaces, valid-after and valid-before are");
}

static int take_options(const struct reader *r, const char *p, const char *end, struct sb_signer *s)
{
    while (p < end) {
        const char *q = p;
        for (bool quoted = false; q < end && (quoted || *q != ','); q++)
            if (*q == '"')
                quoted = !quoted;
        int rc = take_option(r, p, (size_t)(q - p), s);
        if (rc)
            return rc;
        p = q + (q < end);
    }
    return s->after && s->before && s->before <= s->after ? problem(r, "valid-before is not after valid-after") : 0;
}

static int take_principals(const struct reader *r, const char *p, size_t n, struct sb_signer *s)
{
    bool quoted = n >= 2 && p[0] == '"' && p[n - 1] == '"';
    s->principals = quoted ? sb_strdup_n(p + 1, n - 2) : sb_strdup_n(p, n);
    if (!s->principals)
        return sb_fail_nomem(r->err);
    return !s->principals[0] || strchr(s->principals, '"') ? problem(r, "the principals must be a list of names with commas") : 0;
}

static int take_line(const struct reader *r, const char *p, const char *end, bool with_principals, struct sb_signer *s)
{
    s->line = r->line;
    if (with_principals) {
        const char *q = word_end(p, end);
        int rc = q ? take_principals(r, p, (size_t)(q - p), s) : problem(r, "a quote is opened and not closed");
        if (rc)
            return rc;
        p = skip_blanks(q, end);
        q = word_end(p, end);
        if (q && !key_type_like(p, (size_t)(q - p))) {
            rc = take_options(r, p, q, s);
            if (rc)
                return rc;
            p = skip_blanks(q, end);
        }
    }
    return take_key(r, p, end, &s->key);
}

static void release_one(struct sb_signer *s)
{
    free(s->principals);
    free(s->namespaces);
    sb_str_release(&s->key);
}

static int parse(struct sb_signers *out, const char *text, size_t n, const char *path, bool with_principals, struct sb_problems *problems, struct sb_err *err)
{
    struct reader r = {path, 0, problems, err};
    memset(out, 0, sizeof *out);
    for (const char *p = text, *end = text + n; p < end;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p)), *stop = eol ? eol : end;
        const char *next = stop + (eol != NULL);
        r.line++;
        while (stop > p && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        p = skip_blanks(p, stop);
        if (p < stop && *p != '#') {
            struct sb_signer s = {.line = 0};
            sb_str_init(&s.key);
            bool text_ok = sb_utf8_valid(p, (size_t)(stop - p)) && !memchr(p, '\0', (size_t)(stop - p));
            int rc = text_ok ? take_line(&r, p, stop, with_principals, &s) : problem(&r, "bytes that are not text in UTF-8");
            if (rc == 0 && SB_GROW(out->items, out->cap, out->n + 1))
                rc = sb_fail_nomem(err);
            if (rc == 0)
                out->items[out->n++] = s;
            else
                release_one(&s);
            if (rc < 0) {
                sb_signers_release(out);
                return -1;
            }
        }
        p = next;
    }
    return 0;
}

int sb_signers_parse(struct sb_signers *s, const char *text, size_t n, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    return parse(s, text, n, path, true, problems, err);
}

int sb_signers_load(struct sb_signers *s, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_str text;
    memset(s, 0, sizeof *s);
    sb_str_init(&text);
    int rc = sb_file_read(path, SB_SIGNERS_MAX, &text, err);
    if (rc == 0)
        rc = sb_signers_parse(s, text.p, text.len, path, problems, err);
    sb_str_release(&text);
    return rc;
}

void sb_signers_release(struct sb_signers *s)
{
    for (size_t i = 0; i < s->n; i++)
        release_one(&s->items[i]);
    free(s->items);
    memset(s, 0, sizeof *s);
}

/* ---- asking ---- */

static bool same_key(const struct sb_signer *s, struct sb_slice key)
{
    return s->key.len == key.n && memcmp(s->key.p, key.p, key.n) == 0;
}

/* Why a line that is about this key does not allow it; NULL: it does. */
static const char *objection(const struct sb_signer *s, const char *ns, int64_t at_ms)
{
    if (s->namespaces && !listed(s->namespaces, ns))
        return "it may not be used for this purpose";
    if (s->after && at_ms < s->after)
        return "it was not valid yet";
    if (s->before && at_ms > s->before) /* as OpenSSH: that second still counts */
        return "it was not valid any more";
    return NULL;
}

int sb_signers_allow(const struct sb_signers *s, const char *principal, struct sb_slice key, const char *ns, int64_t at_ms, struct sb_err *err)
{
    const char *why = "it is not among the allowed signers";
    for (size_t i = 0; i < s->n; i++) {
        if (!same_key(&s->items[i], key))
            continue;
        const char *no = listed(s->items[i].principals, principal) ? objection(&s->items[i], ns, at_ms) : "it belongs to somebody else";
        if (!no)
            return 0;
        why = no;
    }
    char print[SB_SSHKEY_PRINT];
    return sb_sshkey_print(key, print, err) ? -1 : sb_fail(err, SB_ENO, "the key %s does not count for %s: %s", print, principal, why);
}

const char *sb_signers_find(const struct sb_signers *s, struct sb_slice key, const char *ns, int64_t at_ms)
{
    for (size_t i = 0; i < s->n; i++)
        if (same_key(&s->items[i], key) && !objection(&s->items[i], ns, at_ms))
            return s->items[i].principals;
    return NULL;
}

/* ---- revoked keys ---- */

int sb_revoked_parse(struct sb_signers *s, const char *text, size_t n, const char *path, struct sb_err *err)
{
    memset(s, 0, sizeof *s);
    if (n >= 6 && memcmp(text, "SSHKRL", 6) == 0)
        return sb_fail(err, SB_EINPUT, "%s is a binary key revocation list, which is not supported: give a file with a public key a line", path);
    return parse(s, text, n, path, false, NULL, err);
}

int sb_revoked_load(struct sb_signers *s, const char *path, struct sb_err *err)
{
    struct sb_str text;
    memset(s, 0, sizeof *s);
    sb_str_init(&text);
    int rc = sb_file_read(path, SB_SIGNERS_MAX, &text, err);
    if (rc == 0)
        rc = sb_revoked_parse(s, text.p, text.len, path, err);
    sb_str_release(&text);
    return rc;
}

bool sb_revoked_has(const struct sb_signers *s, struct sb_slice key)
{
    for (size_t i = 0; i < s->n; i++)
        if (same_key(&s->items[i], key))
            return true;
    return false;
}
