/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_sync.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/cosigner.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS_MAX 10000
#define SUFFIX ".request"

/* What was done, told at once when all of it is. */
struct telling {
    bool json, wrong;
    json_t *taken, *asked, *answered;
};

static int tell(json_t *list, const char *name, const char *value, int64_t size, const char *state, const char *what, struct sb_err *err)
{
    json_t *row = json_pack("{s:s,s:I,s:s,s:s%}", name, value, "size", (json_int_t)size, "state", state, "what", what, strlen(what));
    return json_array_append_new(list, row) ? sb_fail_nomem(err) : 0;
}

/* ---- asking ---- */

void sb_asking_init(struct sb_asking *a)
{
    memset(a, 0, sizeof *a);
    sb_str_init(&a->note);
}

void sb_asking_release(struct sb_asking *a)
{
    sb_audit_leaves_release(&a->leaves);
    sb_str_release(&a->note);
}

int sb_asking_prepare(struct sb_asking *a, struct sb_ledger *l, struct sb_err *err)
{
    struct sb_checkpoint c;
    if (sb_ledger_sign(l, NULL, &a->note, err) || sb_checkpoint_parse(&c, a->note.p, a->note.len, NULL, "the checkpoint", err))
        return -1;
    a->size = a->leaves.want = c.size;
    return sb_audit_leaves_read(&a->leaves, l, err);
}

int sb_asking_add(struct sb_asking *a, int64_t old, struct sb_str *out, struct sb_err *err)
{
    struct sb_proof proof = {.n = 0};
    if (old > a->size)
        return sb_fail(err, SB_EINPUT, "the ledger has %" PRId64 " entries, not %" PRId64, a->size, old);
    if (old > 0 && sb_proof_consistency(a->leaves.hasher, a->leaves.item, (uint64_t)old, (uint64_t)a->size, &proof))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    sb_cosign_request_format(out, old, &proof, (struct sb_slice){a->note.p, a->note.len});
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

int64_t sb_vouches_seen(const struct sb_vouches *v, const struct sb_log_key *witness)
{
    int64_t size = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->item[i].witness == witness && (v->item[i].state == SB_VOUCH_AGREES || v->item[i].state == SB_VOUCH_AHEAD) && v->item[i].c.size > size)
            size = v->item[i].c.size;
    return size;
}

int sb_cosigned_folder(const char *dir, struct sb_err *err)
{
    char *path = sb_format("%s/cosigned", dir);
    int rc = path ? sb_dir_make(path, 0700, err) : sb_fail_nomem(err);
    free(path);
    return rc;
}

/* ---- as the host with a ledger ---- */

static int keep(const struct sb_audit_witness *a, const struct sb_vouch *best, struct telling *t, struct sb_err *err)
{
    char at[SB_TIME_LEN + 1], what[SB_TIME_LEN + 20];
    char *path = sb_format("%s/cosigned/%s", a->dir, best->witness->name);
    int rc = path ? sb_file_write(path, 0600, best->note.p, best->note.len, err) : sb_fail_nomem(err);
    sb_time_format(at, best->at_s * 1000);
    snprintf(what, sizeof what, "vouched at %s", at);
    free(path);
    return rc ? -1 : tell(t->taken, "witness", best->witness->name, best->c.size, "agrees", what, err);
}

static int ask(struct sb_asking *asking, const struct sb_log_key *w, int64_t old, const char *log, const char *folder, struct telling *t, struct sb_err *err)
{
    struct sb_str out;
    char *path = sb_format("%s/%s.%s" SUFFIX, folder, log, w->name);
    sb_str_init(&out);
    int rc = path ? sb_asking_add(asking, old, &out, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_file_write(path, 0644, out.p, out.len, err);
    if (rc == 0)
        rc = tell(t->asked, "witness", w->name, asking->size, "asked", "", err);
    sb_str_release(&out);
    free(path);
    return rc;
}

/* A ledger that is not what was witnessed signs nothing more. */
static int with_vouches(const struct sb_audit_witness *a, struct sb_ledger *l, const struct sb_vouches *v, const char *folder, struct telling *t, struct sb_err *err)
{
    struct sb_asking asking;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        if (v->item[i].state >= SB_VOUCH_AHEAD) {
            t->wrong |= v->item[i].state > SB_VOUCH_AHEAD;
            rc = tell(t->taken, "witness", v->item[i].witness->name, v->item[i].c.size, v->item[i].state == SB_VOUCH_AHEAD ? "ahead" : "refused", v->item[i].what, err);
        }
    if (rc || v->bad)
        return rc;
    sb_asking_init(&asking);
    rc = sb_cosigned_folder(a->dir, err) || sb_asking_prepare(&asking, l, err) ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < v->keys.n; i++) {
        const struct sb_log_key *w = &v->keys.item[i];
        const struct sb_vouch *best = sb_vouches_best(v, w);
        rc = best ? keep(a, best, t, err) : 0;
        if (rc == 0)
            rc = ask(&asking, w, sb_vouches_seen(v, w), sb_ledger_id(l), folder, t, err);
    }
    sb_asking_release(&asking);
    return rc;
}

static int as_ledger(const struct sb_audit_witness *a, const char *folder, struct telling *t, struct sb_err *err)
{
    struct sb_vouches v;
    struct sb_ledger *l = sb_ledger_open_witnessed(a->dir, a->copy, SB_LEDGER_READ, NULL, err);
    memset(&v, 0, sizeof v);
    int rc = l ? sb_vouches_read(&v, &(struct sb_audit_vouching){a->dir, a->cosigners, folder}, l, err) : -1;
    if (rc == 0)
        rc = sb_vouches_judge(&v, l, err);
    if (rc == 0)
        rc = with_vouches(a, l, &v, folder, t, err);
    sb_vouches_release(&v);
    sb_ledger_close(l);
    return rc;
}

/* ---- as a witness ---- */

static int publish(const struct sb_cosigner *w, const char *log, const char *folder, struct sb_err *err)
{
    struct sb_str note, there;
    char *path = sb_format("%s/%s.%s.cosigned", folder, log, w->key.name);
    sb_str_init(&note);
    sb_str_init(&there);
    int rc = path ? sb_cosigner_seen(w, log, &note, err) : sb_fail_nomem(err);
    bool same = rc == 0 && note.len && sb_file_read(path, SB_NOTE_MAX, &there, NULL) == 0 && there.len == note.len && memcmp(there.p, note.p, note.len) == 0;
    if (rc == 0 && note.len && !same)
        rc = sb_file_write(path, 0644, note.p, note.len, err);
    sb_str_release(&note);
    sb_str_release(&there);
    free(path);
    return rc;
}

static int answer_one(struct sb_cosigner *w, const char *folder, const char *name, struct telling *t, struct sb_err *err)
{
    static const char *const states[] = {"cosigned", "known", "older", "forked", "unproven", "unsigned", "unknown"};
    char log[SB_LOG_ID_LEN + 1];
    struct sb_cosign_answer said = {.size = 0};
    struct sb_str request;
    struct sb_err why = SB_ERR_INIT;
    struct stat st;
    char *path = sb_format("%s/%s", folder, name);
    sb_str_init(&request);
    sb_str_init(&said.line);
    memcpy(log, name, SB_LOG_ID_LEN);
    log[SB_LOG_ID_LEN] = '\0';
    int rc = path ? 0 : sb_fail_nomem(&why);
    if (rc == 0 && (lstat(path, &st) || !S_ISREG(st.st_mode)))
        rc = sb_fail(&why, SB_EINPUT, "%s is no file", path);
    if (rc == 0)
        rc = sb_file_read_named(path, SB_COSIGN_REQUEST_MAX, &request, &why);
    if (rc == 0)
        rc = sb_cosigner_answer(w, request.p, request.len, path, sb_wall_ms() / 1000, &said, &why);
    bool malformed = rc && why.code == SB_EINPUT;
    if (rc && !malformed && err)
        *err = why;
    if (malformed) {
        rc = tell(t->answered, "log", log, 0, "malformed", why.msg, err);
        t->wrong = true;
    } else if (rc == 0) {
        bool nothing_new = said.kind == SB_COSIGN_KNOWN && said.asked == said.size;
        rc = publish(w, said.log, folder, err) || tell(t->answered, "log", said.log, said.asked, states[said.kind], nothing_new ? "" : said.why, err) ? -1 : 0;
        t->wrong |= said.kind > SB_COSIGN_KNOWN;
    }
    sb_cosign_answer_release(&said);
    sb_str_release(&request);
    free(path);
    return rc;
}

/* LOG.NAME.request, to this witness. */
static bool is_ours(const char *file, const char *name)
{
    char rest[SB_COSIGNER_NAME_MAX + sizeof SUFFIX + 1];
    snprintf(rest, sizeof rest, ".%s" SUFFIX, name);
    return strspn(file, "0123456789abcdef") == SB_LOG_ID_LEN && strcmp(file + SB_LOG_ID_LEN, rest) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int as_witness(const struct sb_audit_witness *a, const char *dir, const char *folder, struct telling *t, struct sb_err *err)
{
    struct sb_cosigner w;
    char **names = NULL;
    size_t names_n = 0, names_cap = 0;
    int rc = sb_cosigner_open(&w, dir, a->logs, err);
    DIR *d = rc ? NULL : opendir(folder);
    if (rc == 0 && !d)
        rc = sb_fail_errno(err, errno, "cannot read the folder %s", folder);
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (!is_ours(e->d_name, w.key.name))
            continue;
        if (names_n == REQUESTS_MAX)
            rc = sb_fail(err, SB_EINPUT, "there are more than %d requests in %s", REQUESTS_MAX, folder);
        else if (SB_GROW(names, names_cap, names_n + 1) || !(names[names_n] = sb_format("%s", e->d_name)))
            rc = sb_fail_nomem(err);
        else
            names_n++;
    }
    if (d)
        closedir(d);
    if (names_n)
        qsort(names, names_n, sizeof *names, by_name);
    for (size_t i = 0; rc == 0 && i < names_n; i++)
        rc = answer_one(&w, folder, names[i], t, err);
    for (size_t i = 0; i < names_n; i++)
        free(names[i]);
    free(names);
    sb_cosigner_release(&w);
    return rc;
}

/* ---- both ---- */

static void print_rows(const json_t *list, const char *what, const char *who)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *more = json_string_value(json_object_get(row, "what")), *state = json_string_value(json_object_get(row, "state"));
        sb_print("%s %s: %s, %" JSON_INTEGER_FORMAT " entries%s%s\n", what, json_string_value(json_object_get(row, who)), state, json_integer_value(json_object_get(row, "size")), more[0] ? ": " : "",
                 more);
    }
}

static int print(struct telling *t, struct sb_err *err)
{
    if (t->json) {
        json_t *out = json_pack("{s:b,s:O,s:O,s:O}", "ok", !t->wrong, "taken", t->taken, "asked", t->asked, "answered", t->answered);
        return sb_print_json(out) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    }
    print_rows(t->taken, "from witness", "witness");
    print_rows(t->asked, "to witness", "witness");
    print_rows(t->answered, "for ledger", "log");
    return sb_print("%s", "") ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

int sb_audit_sync(const struct sb_audit_witness *a, const char *witness, const char *folder, struct sb_err *err)
{
    struct telling t = {.json = a->json, .taken = json_array(), .asked = json_array(), .answered = json_array()};
    char *key = sb_format("%s/key", witness), *cosigners = sb_format("%s/cosigners", a->dir);
    int rc = key && cosigners && t.taken && t.asked && t.answered ? 0 : sb_fail_nomem(err);
    bool is_witness = rc == 0 && access(key, F_OK) == 0, is_ledger = rc == 0 && (a->cosigners || access(cosigners, F_OK) == 0);
    if (rc == 0 && !is_witness && !is_ledger)
        rc = sb_fail(err, SB_EINPUT, "nothing to do: there is no witness in %s (make one: signalbox audit witness key), and no %s with the keys of others", witness, cosigners);
    if (rc == 0 && access(folder, R_OK | W_OK | X_OK))
        rc = sb_fail(err, SB_EINPUT, "cannot use the folder %s: %s", folder, strerrordesc_np(errno));
    if (rc == 0 && is_witness)
        rc = as_witness(a, witness, folder, &t, err);
    if (rc == 0 && is_ledger)
        rc = sb_ledger_find(a->dir, err) || as_ledger(a, folder, &t, err) ? -1 : 0;
    if (rc == 0)
        rc = print(&t, err);
    json_decref(t.taken);
    json_decref(t.asked);
    json_decref(t.answered);
    free(key);
    free(cosigners);
    return rc ? -1 : t.wrong;
}
