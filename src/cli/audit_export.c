/* SPDX-License-Identifier: Apache-2.0
 *
 * The record for other programs. JSON Lines are the truth: the bytes that were hashed, one entry a line. CloudEvents and syslog
 * wrap an entry for transports that may cut it short or lose it, so each carries number and leaf hash. */
#include "audit.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/canonical.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/term/vis.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of syslog: "log audit", informational and notice (RFC 5424, 6.2.1). */
#define FACILITY 13
#define SEVERITY_NOTICE 5
#define SEVERITY_INFO 6
#define SYSLOG_TEXT_MAX 1024

struct exporting {
    const struct sb_audit_export *o;
    struct sb_hasher *hasher;
    struct sb_str line;
    char leaf[SB_HEX_LEN + 1];
};

static bool wanted(const struct sb_audit_export *o, const struct sb_entry_view *v)
{
    int64_t ts = sb_span_int(v->ts);
    if ((o->since && ts < o->since) || (o->until && ts >= o->until))
        return false;
    return !o->case_id || (v->case_id.p && sb_span_is(v->case_id, o->case_id));
}

static int flawed(int64_t seq, const struct sb_flaw *flaw, struct sb_err *err)
{
    return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is not in canonical form at byte %zu: %s", seq, flaw->at, flaw->what);
}

int sb_audit_wanted(const struct sb_audit_export *o, int64_t seq, const char *bytes, size_t n, bool *out, struct sb_err *err)
{
    struct sb_entry_view v;
    struct sb_flaw flaw;
    if (!sb_entry_view(bytes, n, NULL, &v, &flaw))
        return flawed(seq, &flaw, err);
    *out = wanted(o, &v);
    return 0;
}

/* A string of the entry, without its quotes, for where only plain characters may stand: others become a question mark. */
static void add_plain(struct sb_str *out, struct sb_span value, size_t max, const char *absent)
{
    struct sb_span plain = sb_span_plain(value);
    if (!plain.p || plain.n == 0) {
        sb_str_adds(out, absent);
        return;
    }
    for (size_t i = 0; i < plain.n && i < max; i++)
        sb_str_addc(out, plain.p[i] > 0x20 && plain.p[i] < 0x7f ? plain.p[i] : '?');
}

/* ---- CloudEvents 1.0, JSON format: the entry itself is the data ---- */

static int cloudevent(struct exporting *x, const struct sb_entry_view *v, const char *bytes, size_t n, struct sb_err *err)
{
    struct sb_str *out = &x->line;
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, sb_span_int(v->ts));
    sb_str_addf(out, "{\"specversion\":\"1.0\",\"id\":\"%" PRId64 "\",\"source\":\"/signalbox/", v->seq);
    add_plain(out, v->log, SB_LOG_ID_LEN, "-");
    sb_str_adds(out, "\",\"type\":\"org.signalbox.entry.");
    add_plain(out, v->kind, 64, "unknown");
    sb_str_addf(out, "\",\"time\":\"%s\",\"datacontenttype\":\"application/json\",\"leafsha256\":\"%s\"", at, x->leaf);
    if (v->case_id.p) {
        sb_str_adds(out, ",\"subject\":");
        sb_str_add(out, v->case_id.p, v->case_id.n);
    }
    sb_str_adds(out, ",\"data\":");
    sb_str_add(out, bytes, n);
    sb_str_addc(out, '}');
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

/* ---- syslog, RFC 5424: a line for people, and structured data to find the entry by ---- */

static void add_parameter(struct sb_str *out, const char *name, struct sb_span value)
{
    struct sb_span plain = sb_span_plain(value);
    if (!plain.p)
        return;
    sb_str_addf(out, " %s=\"", name);
    for (size_t i = 0; i < plain.n; i++) {
        if (strchr("\"\\]", plain.p[i]))
            sb_str_addc(out, '\\');
        sb_str_addc(out, plain.p[i]);
    }
    sb_str_addc(out, '"');
}

static int add_text(struct sb_str *out, const char *bytes, size_t n)
{
    struct sb_entry e;
    struct sb_str text, flat;
    if (sb_entry_decode(bytes, n, 2, &e, NULL))
        return 0; /* of a newer program: number, hash and kind are told all the same */
    sb_str_init(&text);
    sb_str_init(&flat);
    sb_entry_text(&e, &text);
    sb_vis(&flat, text.p, text.len, 0);
    size_t cut = flat.len < SYSLOG_TEXT_MAX ? flat.len : sb_utf8_whole(flat.p, SYSLOG_TEXT_MAX);
    sb_str_adds(out, " \xEF\xBB\xBF"); /* what follows is UTF-8 */
    sb_str_add(out, flat.p, cut);
    int rc = sb_str_ok(&text) && sb_str_ok(&flat) ? 0 : -1;
    sb_str_release(&text);
    sb_str_release(&flat);
    sb_entry_release(&e);
    return rc;
}

static int syslog_line(struct exporting *x, const struct sb_entry_view *v, const char *bytes, size_t n, struct sb_err *err)
{
    static const char *const notable[] = {"approval", "state", "step.intent", "step.result", "policy.load", "refused", "edit"};
    struct sb_str *out = &x->line;
    char at[SB_TIME_LEN + 1];
    int severity = SEVERITY_INFO;
    for (size_t i = 0; i < SB_COUNT(notable); i++)
        if (sb_span_is(v->kind, notable[i]))
            severity = SEVERITY_NOTICE;
    sb_time_format(at, sb_span_int(v->ts));
    sb_str_addf(out, "<%d>1 %s ", FACILITY * 8 + severity, at);
    add_plain(out, v->host, 255, "-");
    sb_str_addf(out, " signalbox %" PRId64 " ", sb_span_int(v->pid));
    add_plain(out, v->kind, 32, "-");
    sb_str_addf(out, " [signalbox@32473 seq=\"%" PRId64 "\" leaf=\"%s\"", v->seq, x->leaf);
    add_parameter(out, "log", v->log);
    add_parameter(out, "case", v->case_id);
    add_parameter(out, "card", v->card);
    sb_str_addc(out, ']');
    return add_text(out, bytes, n) || !sb_str_ok(out) ? sb_fail_nomem(err) : 0;
}

/* ---- one entry ---- */

static int export_one(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct exporting *x = ctx;
    struct sb_entry_view v;
    struct sb_flaw flaw;
    struct sb_hash leaf;
    if (seq % 512 == 0)
        sb_audit_may_stop();
    if (!sb_entry_view(bytes, n, NULL, &v, &flaw))
        return flawed(seq, &flaw, err);
    if (!wanted(x->o, &v))
        return 0;
    sb_str_clear(&x->line);
    int rc = 0;
    if (x->o->format != SB_EXPORT_LINES) {
        if (sb_merkle_leaf(x->hasher, &leaf, bytes, n))
            return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
        sb_hex_encode(x->leaf, leaf.bytes, SB_HASH_LEN);
    }
    if (x->o->format == SB_EXPORT_CLOUDEVENTS)
        rc = cloudevent(x, &v, bytes, n, err);
    else if (x->o->format == SB_EXPORT_SYSLOG)
        rc = syslog_line(x, &v, bytes, n, err);
    const char *p = x->o->format == SB_EXPORT_LINES ? bytes : x->line.p;
    size_t size = x->o->format == SB_EXPORT_LINES ? n : x->line.len;
    if (rc == 0 && (fwrite(p, 1, size, stdout) != size || putchar('\n') == EOF))
        rc = sb_fail_errno(err, errno, "cannot write");
    return rc;
}

static int export_known(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    return export_one(ctx, e->seq, bytes, n, err);
}

/* The bytes are the ones that were hashed, so they cannot pass the sanitizer; a terminal does not get them. */
int sb_audit_export(struct sb_ledger *l, const struct sb_audit_export *o, struct sb_err *err)
{
    if (isatty(STDOUT_FILENO))
        return sb_fail(err, SB_EUSAGE, "an export is bytes as they were hashed, which a terminal should not be shown: write it to a file or a pipe");
    struct exporting x = {.o = o, .hasher = sb_hasher_new()};
    sb_str_init(&x.line);
    int rc = x.hasher ? 0 : sb_fail_nomem(err);
    if (rc == 0 && o->case_id)
        rc = sb_ledger_by_ref(l, o->case_id, export_known, &x, err);
    else if (rc == 0)
        rc = sb_ledger_bytes(l, 1, sb_ledger_head(l), export_one, &x, err);
    sb_hasher_free(x.hasher);
    sb_str_release(&x.line);
    if (rc)
        return -1;
    return fflush(stdout) ? sb_fail_errno(err, errno, "cannot write") : 0;
}
