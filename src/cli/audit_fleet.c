/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes every ledger out of the shared store. */
#include "audit_fleet.h"

#include "audit.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/copy.h>
#include <signalbox/ledger/merkle.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct taking {
    const struct sb_audit_fleet *a;
    struct sb_store *store;
    json_t *ledgers; /* of the manifest */
    struct sb_key_list witnesses;
    struct sb_store_odd odd;
    size_t odd_hashes; /* ledgers of which a copy has another hash than its bytes */
    bool nomem;
    /* of the ledger that is being taken */
    FILE *f;
    struct sb_hasher *hasher;
    int64_t next, holes, hash_odd; /* holes: entries that are not there; hash_odd: the first whose copy has another hash than its bytes */
    struct sb_err err;             /* of a callback */
};

/* ---- which ledgers ---- */

static json_t *ledger_of(struct taking *t, const char *log)
{
    size_t i;
    json_t *of;
    json_array_foreach(t->ledgers, i, of)
        if (sb_streq(sb_json_str(of, "log"), log))
            return of;
    of = json_pack("{s:s}", "log", log);
    if (!of || json_array_append_new(t->ledgers, of)) {
        t->nomem = true;
        return NULL;
    }
    return of;
}

static void put(struct taking *t, json_t *of, const char *key, const char *text)
{
    t->nomem |= of && text && json_object_set_new(of, key, json_string(text));
}

static bool on_host(void *ctx, const struct sb_store_host_row *h)
{
    struct taking *t = ctx;
    json_t *of = ledger_of(t, h->log);
    put(t, of, "host", h->host);
    put(t, of, "deployment", h->deployment);
    put(t, of, "deployment_id", h->deployment_id);
    put(t, of, "environment", h->environment);
    put(t, of, "team", h->team);
    put(t, of, "class", h->class_);
    put(t, of, "program", h->program);
    put(t, of, "key", h->key);
    return !t->nomem;
}

static bool on_checkpoint(void *ctx, const struct sb_store_checkpoint_row *c)
{
    struct taking *t = ctx;
    put(t, ledger_of(t, c->log), "note", c->note);
    return !t->nomem;
}

/* ---- one ledger ---- */

static bool on_entry(void *ctx, const struct sb_store_entry_row *e)
{
    struct taking *t = ctx;
    struct sb_hash leaf;
    char hex[SB_HEX_LEN + 1];
    if (e->n % 512 == 0)
        sb_audit_may_stop();
    if (e->n < t->next) {
        sb_fail(&t->err, SB_EINPUT, "the store gives entry %" PRId64 " behind entry %" PRId64, e->n, t->next - 1);
        return false;
    }
    t->holes += e->n - t->next;
    t->next = e->n + 1;
    if (sb_merkle_leaf(t->hasher, &leaf, e->bytes, e->len)) {
        sb_fail(&t->err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
        return false;
    }
    sb_hex_encode(hex, leaf.bytes, SB_HASH_LEN);
    if (strcmp(hex, e->hash) != 0 && !t->hash_odd)
        t->hash_odd = e->n;
    if (fwrite(e->bytes, 1, e->len, t->f) != e->len || fputc('\n', t->f) == EOF)
        sb_fail_errno(&t->err, errno, "cannot write");
    return t->err.code == SB_OK;
}

static int take_entries(struct taking *t, const char *dir, const char *log, struct sb_err *err)
{
    char *path = sb_format("%s/" SB_COPY_ENTRIES, dir);
    t->next = 1;
    t->holes = t->hash_odd = 0;
    t->err = (struct sb_err)SB_ERR_INIT;
    t->f = path ? fopen(path, "wxe") : NULL;
    int rc = !path ? sb_fail_nomem(err) : t->f ? 0 : sb_fail_errno(err, errno, "cannot write %s", path);
    if (rc == 0 && sb_store_entries(t->store, log, 1, 0, on_entry, t, &t->odd, err) < 0)
        rc = -1;
    if (rc == 0 && t->err.code != SB_OK) {
        *err = t->err;
        rc = -1;
    }
    if (t->f && (fflush(t->f) || fsync(fileno(t->f))) && rc == 0)
        rc = sb_fail_errno(err, errno, "cannot write %s", path);
    if (t->f)
        fclose(t->f);
    free(path);
    return rc;
}

static int write_text(const char *dir, const char *name, const char *text, struct sb_err *err)
{
    char *path = text ? sb_format("%s/%s", dir, name) : NULL;
    int rc = !text ? 0 : path ? sb_file_write(path, 0600, text, strlen(text), err) : sb_fail_nomem(err);
    free(path);
    return rc;
}

/* What a witness vouched for, out of the folder that the hosts share. */
static int take_cosigned(struct taking *t, const char *dir, const char *log, struct sb_err *err)
{
    char *into = sb_format("%s/" SB_COPY_COSIGNED, dir);
    int rc = into ? sb_dir_make(into, 0700, err) : sb_fail_nomem(err);
    for (size_t i = 0; rc == 0 && t->a->cosigned && i < t->witnesses.n; i++) {
        const char *name = t->witnesses.item[i].name;
        char *from = sb_format("%s/%s.%s.cosigned", t->a->cosigned, log, name);
        struct sb_str note;
        struct stat st;
        sb_str_init(&note);
        if (!from)
            rc = sb_fail_nomem(err);
        else if (lstat(from, &st) == 0 && S_ISREG(st.st_mode) && (rc = sb_file_read(from, SB_NOTE_MAX, &note, err)) == 0) {
            char *to = sb_format("%s/%s", into, name);
            rc = to ? sb_file_write(to, 0600, note.p ? note.p : "", note.len, err) : sb_fail_nomem(err);
            free(to);
        }
        sb_str_release(&note);
        free(from);
    }
    free(into);
    return rc;
}

static int take_ledger(struct taking *t, json_t *of, struct sb_err *err)
{
    const char *log = sb_json_str(of, "log"), *key = sb_json_str(of, "key");
    char *dir = sb_format("%s/%s", t->a->dir, log), *line = key ? sb_format("%s%s", key, strchr(key, '\n') ? "" : "\n") : NULL;
    int rc = dir && (line || !key) ? sb_dir_make(dir, 0700, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = take_entries(t, dir, log, err);
    if (rc == 0)
        rc = write_text(dir, SB_COPY_CHECKPOINT, sb_json_str(of, "note"), err);
    if (rc == 0)
        rc = write_text(dir, SB_COPY_KEY, line, err);
    if (rc == 0)
        rc = take_cosigned(t, dir, log, err);
    if (rc == 0 && (json_object_set_new(of, "entries", json_integer(t->next - 1 - t->holes)) || json_object_set_new(of, "missing", json_integer(t->holes)) ||
                    json_object_set_new(of, "other_hash", t->hash_odd ? json_integer(t->hash_odd) : json_null())))
        rc = sb_fail_nomem(err);
    t->odd_hashes += t->hash_odd != 0;
    if (t->hash_odd && !t->a->json)
        sb_print("BROKEN %.12s: the store says another hash of entry %" PRId64 " than its bytes have\n", log, t->hash_odd);
    json_object_del(of, "note"); /* each stands in a file of its own */
    json_object_del(of, "key");
    free(dir);
    free(line);
    return rc;
}

/* ---- all of them ---- */

static int make_folder(const char *dir, struct sb_err *err)
{
    DIR *d = opendir(dir);
    if (!d && errno == ENOENT)
        return sb_dir_make(dir, 0700, err);
    if (!d)
        return sb_fail(err, SB_EINPUT, "cannot use %s: %s", dir, strerrordesc_np(errno));
    bool empty = true;
    for (const struct dirent *e; (e = readdir(d));)
        empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(d);
    return empty ? 0 : sb_fail(err, SB_EINPUT, "%s is not empty: an export begins in a folder of its own", dir);
}

static int take_witnesses(struct taking *t, struct sb_err *err)
{
    struct sb_str text;
    if (!t->a->cosigners)
        return 0;
    sb_str_init(&text);
    int rc = sb_key_list_load(&t->witnesses, SB_KEY_COSIGNER, t->a->cosigners, err);
    if (rc == 0)
        rc = sb_file_read_named(t->a->cosigners, 1 << 20, &text, err);
    if (rc == 0)
        rc = write_text(t->a->dir, "cosigners", text.p, err);
    sb_str_release(&text);
    return rc;
}

static int write_json(const char *dir, const char *name, json_t *value, struct sb_err *err)
{
    char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    int rc = text ? write_text(dir, name, text, err) : sb_fail_nomem(err);
    free(text);
    return rc;
}

static int by_log(const void *a, const void *b)
{
    return strcmp(sb_json_str(*(json_t *const *)a, "log"), sb_json_str(*(json_t *const *)b, "log"));
}

static int take_all(struct taking *t, struct sb_err *err)
{
    if (sb_store_hosts(t->store, on_host, t, &t->odd, err) < 0 || sb_store_checkpoints(t->store, on_checkpoint, t, &t->odd, err) < 0)
        return -1;
    if (t->nomem)
        return sb_fail_nomem(err);
    size_t n = json_array_size(t->ledgers);
    json_t **order = calloc(n + 1, sizeof(json_t *));
    int rc = order ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        order[i] = json_array_get(t->ledgers, i);
    if (rc == 0)
        qsort(order, n, sizeof(json_t *), by_log);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_ledger(t, order[i], err);
    free(order);
    return rc;
}

int sb_audit_fleet_export(struct sb_store *s, const struct sb_audit_fleet *a, struct sb_err *err)
{
    struct taking t = {.a = a, .store = s, .ledgers = json_array(), .hasher = sb_hasher_new(), .err = SB_ERR_INIT};
    json_t *manifest = NULL, *report = NULL;
    char at[SB_TIME_LEN + 1];
    int whole = -1, rc = t.ledgers && t.hasher ? make_folder(a->dir, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = take_witnesses(&t, err);
    if (rc == 0)
        rc = take_all(&t, err);
    sb_time_format(at, sb_wall_ms());
    if (rc == 0)
        manifest = json_pack("{s:s,s:s,s:s,s:s,s:o,s:O}", "format", "signalbox.fleet/1", "program", SIGNALBOX_VERSION, "store", sb_store_id(s), "made_at", at, "odd",
                             t.odd.n ? json_pack("{s:I,s:s}", "documents", (json_int_t)t.odd.n, "first", t.odd.what) : json_null(), "ledgers", t.ledgers);
    if (rc == 0)
        rc = write_json(a->dir, "manifest.json", manifest, err);
    if (rc == 0)
        whole = sb_audit_fleet_verify(a, &report, err);
    if (rc == 0 && whole >= 0)
        rc = write_json(a->dir, "report.json", report, err);
    if (rc == 0 && t.odd.n && !a->json)
        sb_print_line("%" PRId64 " documents of the store are not what may stand there, and were left out; the first: %s", t.odd.n, t.odd.what);
    json_decref(manifest);
    json_decref(report);
    json_decref(t.ledgers);
    sb_hasher_free(t.hasher);
    sb_key_list_release(&t.witnesses);
    return rc || whole < 0 ? -1 : whole || t.odd.n || t.odd_hashes ? 1 : 0;
}
