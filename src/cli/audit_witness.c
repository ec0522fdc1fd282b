/* SPDX-License-Identifier: Apache-2.0
 *
 * `audit witness`: this host as a witness for the ledgers of others, and this ledger's questions to the witnesses elsewhere. Single
 * questions go over standard input and output, so that ssh carries them; audit_sync.c does all of them over a folder. */
#include "audit.h"
#include "audit_sync.h"
#include "audit_vouch.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/cosigner.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DASH "\xE2\x80\x94 "

/* ---- the witness ---- */

static int key(const struct sb_audit_witness *a, const char *dir, struct sb_err *err)
{
    struct sb_str line;
    char host[SB_COSIGNER_NAME_MAX + 1] = "", path[] = "key";
    char *there = sb_format("%s/%s", dir, path);
    const char *name = a->name;
    sb_str_init(&line);
    int rc = there ? 0 : sb_fail_nomem(err);
    if (rc == 0 && !name && access(there, F_OK) && gethostname(host, sizeof host - 1) == 0)
        name = host;
    if (rc == 0)
        rc = sb_cosigner_make(dir, name, &line, err);
    if (rc == 0 && sb_print("%s\n", line.p))
        rc = sb_fail(err, SB_EIO, "cannot write");
    sb_str_release(&line);
    free(there);
    return rc;
}

static int read_input(struct sb_str *out, size_t max, const char *what, struct sb_err *err)
{
    char block[4096];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sb_fail_errno(err, errno, "cannot read %s", what);
        if (n == 0)
            return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
        if (out->len + (size_t)n > max)
            return sb_fail(err, SB_EINPUT, "%s is larger than %zu bytes", what, max);
        sb_str_add(out, block, (size_t)n);
    }
}

/* As tlog-witness has it: the line, or where it is the size that does not fit, the size that was seen last. */
static int answer(const struct sb_audit_witness *a, const char *dir, struct sb_err *err)
{
    struct sb_cosigner w;
    struct sb_cosign_answer said = {.size = 0};
    struct sb_str request;
    sb_str_init(&request);
    sb_str_init(&said.line);
    int rc = read_input(&request, SB_COSIGN_REQUEST_MAX, "the request", err);
    memset(&w, 0, sizeof w);
    w.lock.fd = -1;
    if (rc == 0)
        rc = sb_cosigner_open(&w, dir, a->logs, err);
    if (rc == 0)
        rc = sb_cosigner_answer(&w, request.p, request.len, "the request", sb_wall_ms() / 1000, &said, err);
    if (rc == 0 && said.kind == SB_COSIGN_COSIGNED)
        rc = sb_print("%s", said.line.p) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    else if (rc == 0 && said.kind <= SB_COSIGN_FORKED && sb_print("%" PRId64 "\n", said.size))
        rc = sb_fail(err, SB_EIO, "cannot write");
    if (rc == 0 && said.kind != SB_COSIGN_COSIGNED)
        rc = sb_fail(err, SB_ENO, "%s", said.why);
    sb_cosigner_release(&w);
    sb_cosign_answer_release(&said);
    sb_str_release(&request);
    return rc;
}

/* ---- the ledger ---- */

static const struct sb_log_key *pick(const struct sb_vouches *v, const char *name, struct sb_err *err)
{
    for (size_t i = 0; i < v->keys.n; i++)
        if (name ? sb_streq(v->keys.item[i].name, name) : v->keys.n == 1)
            return &v->keys.item[i];
    if (name)
        sb_fail(err, SB_EINPUT, "there is no witness %s in the file of witnesses", name);
    else
        sb_fail(err, SB_EUSAGE, v->keys.n ? "there are %zu witnesses: name one" : "no witness is known (%zu in the file): put the key of one into the file cosigners beside the ledger", v->keys.n);
    return NULL;
}

static char *asked_path(const struct sb_audit_witness *a, const struct sb_log_key *w)
{
    return sb_format("%s/cosigned/.asked.%s", a->dir, w->name);
}

static int request(const struct sb_audit_witness *a, struct sb_ledger *l, const char *name, struct sb_err *err)
{
    struct sb_vouches v;
    struct sb_asking asking = {.size = 0};
    struct sb_str out;
    int64_t old = -1;
    char *path = NULL;
    sb_str_init(&out);
    sb_asking_init(&asking);
    int rc = sb_vouches_read(&v, &(struct sb_audit_vouching){a->dir, a->cosigners, NULL}, l, err);
    const struct sb_log_key *w = rc ? NULL : pick(&v, name, err);
    if (rc == 0)
        rc = w ? sb_vouches_judge(&v, l, err) : -1;
    if (rc == 0 && a->old && (sb_parse_i64(a->old, &old) || old < 0))
        rc = sb_fail(err, SB_EUSAGE, "--old takes the size the witness saw last, not \"%s\"", a->old);
    if (rc == 0 && v.bad)
        rc = sb_fail(err, SB_ENO, "nothing is signed, for this is not what was witnessed: %s", v.bad->what);
    if (rc == 0)
        rc = sb_asking_prepare(&asking, l, err);
    if (rc == 0)
        rc = sb_asking_add(&asking, old >= 0 ? old : sb_vouches_seen(&v, w), &out, err);
    if (rc == 0 && !(path = asked_path(a, w)))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_cosigned_folder(a->dir, err) || sb_file_write(path, 0600, asking.note.p, asking.note.len, err) ? -1 : 0;
    if (rc == 0 && sb_print("%s", out.p))
        rc = sb_fail(err, SB_EIO, "cannot write");
    free(path);
    sb_asking_release(&asking);
    sb_vouches_release(&v);
    sb_str_release(&out);
    return rc;
}

/* Of an answer only the lines in the witness's name count. */
static void add_lines(struct sb_str *note, const struct sb_str *said, const char *name)
{
    char begin[SB_COSIGNER_NAME_MAX + 8];
    int n = snprintf(begin, sizeof begin, DASH "%s ", name);
    for (const char *p = said->p, *end = said->p + said->len; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
        if (next - p > n && memcmp(p, begin, (size_t)n) == 0)
            sb_str_add(note, p, (size_t)(next - p));
        p = next;
    }
}

static int take(const struct sb_audit_witness *a, struct sb_ledger *l, const char *name, struct sb_err *err)
{
    struct sb_vouches v;
    struct sb_str note, said;
    struct sb_note parsed = {.n = 0};
    struct sb_checkpoint c;
    struct sb_log_keys keys;
    int64_t at = 0;
    char when[SB_TIME_LEN + 1];
    char *from = NULL, *to = NULL;
    sb_str_init(&note);
    sb_str_init(&said);
    int rc = sb_vouches_read(&v, &(struct sb_audit_vouching){a->dir, a->cosigners, NULL}, l, err);
    const struct sb_log_key *w = rc ? NULL : pick(&v, name, err);
    if (rc == 0)
        rc = w ? read_input(&said, SB_NOTE_MAX, "the answer", err) : -1;
    if (rc == 0 && (!(from = asked_path(a, w)) || !(to = sb_format("%s/cosigned/%s", a->dir, w->name))))
        rc = sb_fail_nomem(err);
    if (rc == 0 && access(from, F_OK))
        rc = sb_fail(err, SB_EINPUT, "%s was not asked anything: signalbox audit witness request", w->name);
    if (rc == 0)
        rc = sb_ledger_keys(l, &keys, err) || sb_file_read(from, SB_NOTE_MAX, &note, err) ? -1 : 0;
    if (rc == 0) {
        add_lines(&note, &said, w->name);
        rc = sb_str_ok(&note) ? sb_checkpoint_parse(&c, note.p, note.len, &keys, "the answer", err) : sb_fail_nomem(err);
    }
    if (rc == 0)
        rc = sb_note_parse(&parsed, note.p, note.len, "the answer", err);
    int found = rc ? -1 : sb_cosigned(&parsed, w, &at, err);
    if (rc == 0 && found <= 0)
        rc = found < 0 ? -1 : sb_fail(err, SB_ENO, "the answer holds no cosignature of %s", w->name);
    sb_time_format(when, at * 1000);
    if (rc == 0 && at > sb_wall_ms() / 1000 + SB_COSIGN_AHEAD_S)
        rc = sb_fail(err, SB_ENO, "%s says it is %s, which is still to come by this machine's clock", w->name, when);
    if (rc == 0)
        rc = sb_file_write(to, 0600, note.p, note.len, err);
    if (rc == 0) {
        unlink(from); /* answered; one that stays does no harm */
        rc = sb_print("%s vouched at %s for %" PRId64 " entries\n", w->name, when, c.size) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    }
    sb_note_release(&parsed);
    free(from);
    free(to);
    sb_vouches_release(&v);
    sb_str_release(&note);
    sb_str_release(&said);
    return rc;
}

/* ---- the command ---- */

int sb_audit_witness(const struct sb_audit_witness *a, const char *verb, const char *word, struct sb_err *err)
{
    bool plain = !word, is_request = sb_streq(verb, "request"), is_take = sb_streq(verb, "take");
    char *dir = sb_format("%s/witness", a->dir);
    struct sb_ledger *l = NULL;
    int rc = dir ? 0 : sb_fail_nomem(err);
    if (rc == 0 && sb_streq(verb, "key") && plain) {
        rc = key(a, dir, err);
    } else if (rc == 0 && sb_streq(verb, "answer") && plain) {
        rc = answer(a, dir, err);
    } else if (rc == 0 && sb_streq(verb, "sync") && word) {
        rc = sb_audit_sync(a, dir, word, err);
    } else if (rc == 0 && (is_request || is_take)) {
        rc = sb_ledger_find(a->dir, err);
        l = rc ? NULL : sb_ledger_open_witnessed(a->dir, a->copy, SB_LEDGER_READ, NULL, err);
        rc = !l ? -1 : is_request ? request(a, l, word, err) : take(a, l, word, err);
    } else if (rc == 0) {
        rc = sb_fail(err, SB_EUSAGE, "audit witness takes one of: key [--name NAME], answer, request [NAME] [--old N], take [NAME], sync FOLDER (or set cosigned FOLDER in the config)");
    }
    sb_ledger_close(l);
    free(dir);
    return rc;
}
