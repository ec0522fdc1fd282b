/* SPDX-License-Identifier: Apache-2.0 */
#include "pbm.h"
#include "dumpmeta.h"

#include <signalbox/base/array.h>
#include <signalbox/base/json.h>
#include <signalbox/base/str.h>

#include <unistd.h>

#define ENDING ".pbm.json"
#define PITR "pbmPitr"
#define CHAIN_MAX 1000

bool sb_pbm_packing(const char *name, enum sb_packing *packing, const char **suffix)
{
    static const struct {
        const char *name;
        enum sb_packing packing;
        const char *suffix;
    } known[] = {
        {"none", SB_PACKING_NONE, ""},          {"gzip", SB_PACKING_GZIP, ".gz"},   {"pgzip", SB_PACKING_GZIP, ".gz"}, {"snappy", SB_PACKING_FRAMED, ".snappy"},
        {"s2", SB_PACKING_FRAMED, ".s2"},       {"lz4", SB_PACKING_LZ4, ".lz4"},    {"zstd", SB_PACKING_ZSTD, ".zst"},
    };
    for (size_t i = 0; name && i < SB_COUNT(known); i++)
        if (strcmp(name, known[i].name) == 0) {
            *packing = known[i].packing;
            *suffix = known[i].suffix;
            return true;
        }
    return false;
}

uint64_t sb_pbm_time(const json_t *object, const char *key)
{
    const json_t *ts = json_object_get(object, key);
    int64_t t = sb_json_int(ts, "T"), i = sb_json_int(ts, "I");
    return t > 0 && t <= UINT32_MAX && i >= 0 && i <= UINT32_MAX ? (uint64_t)t << 32 | (uint64_t)i : 0;
}

static bool is_metadata(const char *name)
{
    size_t n = strlen(name);
    return n > strlen(ENDING) && strcmp(name + n - strlen(ENDING), ENDING) == 0;
}

bool sb_pbm_folder_look(int dir)
{
    struct sb_entries list;
    bool found = false;
    if (sb_entries_read(&list, dir, NULL) == 0)
        for (size_t i = 0; i < list.n && !found; i++)
            found = strcmp(list.items[i].name, ".pbm.init") == 0 || strcmp(list.items[i].name, PITR) == 0 || is_metadata(list.items[i].name);
    sb_entries_release(&list);
    return found;
}

/* ---- the store ---- */

/* Metadata that are broken are kept with the reason: they are a backup that once was one. */
static int add_meta(struct sb_pbm *s, const char *file, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_backup scratch;
    struct sb_backup_options none = {0};
    struct sb_str text;
    struct sb_pbm_meta m = {.file = sb_format("%s", file)};
    sb_str_init(&text);
    if (!m.file || SB_GROW(s->metas, s->cap, s->n + 1) || sb_backup_init(&scratch, file, &none, err)) {
        free(m.file);
        return sb_fail_nomem(err);
    }
    if (sb_folder_text(&scratch, s->dir, file, file, SB_STORE_METADATA_MAX, &text, &why) == 0)
        m.json = sb_dump_json(&scratch, "metadata_invalid", file, NULL, -1, text.p, text.len);
    if (!m.json)
        m.what = sb_format("%s", scratch.problems.n ? scratch.problems.items[0].what : why.msg);
    const char *name = sb_json_str(m.json, "name");
    m.name = name && name[0] ? sb_format("%s", name) : sb_strdup_n(file, strlen(file) - strlen(ENDING));
    int rc = m.name && (m.json || m.what) ? 0 : sb_fail_nomem(err);
    s->metas[s->n++] = m;
    sb_str_release(&text);
    sb_backup_release(&scratch);
    return rc;
}

struct sb_pbm *sb_pbm_open(int dir, struct sb_err *err)
{
    struct sb_pbm *s = calloc(1, sizeof *s);
    struct sb_entries list, sets;
    int rc = 0, pitr;
    if (!s) {
        close(dir);
        sb_fail_nomem(err);
        return NULL;
    }
    s->dir = dir;
    rc = sb_entries_read(&list, dir, err);
    for (size_t i = 0; rc == 0 && i < list.n; i++)
        if (is_metadata(list.items[i].name))
            rc = add_meta(s, list.items[i].name, err);
    sb_entries_release(&list);
    if (rc == 0 && (pitr = sb_folder_open(dir, PITR, NULL)) >= 0) {
        if (sb_entries_read(&sets, pitr, NULL) == 0)
            for (size_t i = 0; i < sets.n; i++) {
                char *folder = S_ISDIR(sets.items[i].mode) ? sb_format(PITR "/%s", sets.items[i].name) : NULL;
                int fd = folder ? sb_folder_open(pitr, sets.items[i].name, NULL) : -1;
                if (fd >= 0) {
                    sb_slices_read(&s->slices, fd, folder, sets.items[i].name, &s->foreign_slices);
                    close(fd);
                }
                free(folder);
            }
        sb_entries_release(&sets);
        close(pitr);
        sb_slices_sort(&s->slices);
    }
    if (rc == 0)
        return s;
    sb_pbm_close(s);
    return NULL;
}

void sb_pbm_close(struct sb_pbm *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->metas[i].file);
        free(s->metas[i].name);
        free(s->metas[i].what);
        json_decref(s->metas[i].json);
    }
    free(s->metas);
    sb_slices_release(&s->slices);
    close(s->dir);
    free(s);
}

size_t sb_pbm_backups(const struct sb_pbm *s)
{
    return s->n;
}

int sb_pbm_find(const struct sb_pbm *s, const char *file)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->metas[i].file, file) == 0)
            return (int)i;
    return -1;
}

/* ---- one backup ---- */

static void check_status(struct sb_backup *b, const char *file, const json_t *m, const char *of)
{
    const char *status = sb_json_str(m, "status"), *error = sb_json_str(m, "error");
    if (!sb_streq(status, "done"))
        sb_backup_problem(b, "not_done", file, NULL, -1, "%s is in the state %s, not done%s%s", of, status ? status : "?", error ? ": " : "", error ? error : "");
}

static void read_facts(struct sb_backup *b, const struct sb_pbm_meta *m)
{
    const json_t *j = m->json;
    uint64_t first = sb_pbm_time(j, "first_write_ts"), last = sb_pbm_time(j, "last_write_ts");
    enum sb_packing packing;
    const char *suffix, *type = sb_json_str(j, "type");
    sb_backup_say(b, &b->type, type ? type : "logical");
    sb_backup_say(b, &b->packing, sb_json_str(j, "compression"));
    sb_backup_say(b, &b->server_version, sb_json_str(j, "mongodb_version"));
    sb_backup_say(b, &b->tool_version, sb_json_str(j, "pbm_version"));
    sb_backup_say(b, &b->fcv, sb_json_str(j, "fcv"));
    b->taken_at_ms = (int64_t)(last >> 32) * 1000;
    b->taken_from = "metadata";
    if (!last || first > last)
        sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "the times of its first and last write (first_write_ts, last_write_ts) %s", last ? "are the wrong way round" : "are missing");
    if (!sb_pbm_packing(b->packing, &packing, &suffix))
        sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "its compression is given as %s, which does not exist", b->packing ? b->packing : "nothing");
    const char *name = sb_json_str(j, "name");
    if (!name || !name[0])
        sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "the metadata do not name the backup: its files cannot be found");
    check_status(b, m->file, j, "the backup");
    if (json_array_size(json_object_get(j, "nss")))
        sb_backup_note(b, "selective", m->file, NULL, -1, "only chosen namespaces were backed up");
}

static void read_encryption(struct sb_backup *b, const json_t *set, bool physical)
{
    const json_t *options = json_object_get(set, "mongod_opts");
    const json_t *on = json_object_get(json_object_get(options, "security"), "enableEncryption");
    if (!physical)
        b->encrypted = 0; /* its documents are read as they are */
    else if (options && b->encrypted != 1)
        b->encrypted = json_is_true(on);
}

/* The source of an incremental backup, and the sources of that. */
static void check_chain(struct sb_pbm *s, struct sb_backup *b, const struct sb_pbm_meta *m)
{
    const char *source = sb_json_str(m->json, "src_backup");
    size_t at = s->n;
    if (!source || !source[0])
        return;
    for (size_t i = 0; i < s->n; i++)
        at = strcmp(s->metas[i].name, source) == 0 ? i : at;
    if (at == s->n) {
        sb_backup_problem(b, "chain_broken", m->file, NULL, -1, "it builds upon the backup %s, which is not in the store", source);
        return;
    }
    struct sb_pbm_meta *other = &s->metas[at];
    struct sb_err err = SB_ERR_INIT;
    struct sb_backup scratch;
    if (other->state == 0 && s->depth < CHAIN_MAX && sb_backup_init(&scratch, b->path, &b->options, &err) == 0) {
        s->depth++;
        sb_pbm_check(s, at, &scratch);
        s->depth--;
        sb_backup_release(&scratch);
    }
    if (other->state == 1)
        sb_backup_problem(b, "chain_broken", m->file, NULL, -1, "it builds upon the backup %s, which builds upon it", source);
    else if (other->state == 0)
        sb_backup_problem(b, "chain_broken", m->file, NULL, -1, "more than %d backups build upon one another: they were not followed", CHAIN_MAX);
    else if (other->state != 2)
        sb_backup_problem(b, "chain_broken", m->file, NULL, -1, "it builds upon the backup %s, which is not usable", source);
}

static void look_at_sets(struct sb_pbm *s, struct sb_backup *b, const struct sb_pbm_meta *m, bool second_look)
{
    const json_t *sets = json_object_get(m->json, "replsets"), *set;
    bool external = sb_streq(b->type, "external"), physical = external || sb_streq(b->type, "physical") || sb_streq(b->type, "incremental");
    size_t i;
    if (!sb_json_str(m->json, "name"))
        return; /* told */
    if (!second_look && !json_array_size(sets))
        sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "the metadata list no replica set");
    json_array_foreach(sets, i, set) {
        const char *name = sb_json_str(set, "name");
        if (!name || !name[0]) {
            if (!second_look)
                sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "a replica set of the metadata has no name");
            continue;
        }
        if (!second_look) {
            b->sets++;
            sb_backup_say(b, &b->set, name);
            check_status(b, m->file, set, name);
            read_encryption(b, set, physical);
        }
        if (physical && !external)
            sb_pbm_physical(s, b, m->json, set, second_look);
        else if (!external)
            sb_pbm_logical(s, b, m->json, set, second_look);
    }
    if (external && !second_look)
        sb_backup_note(b, "external", m->file, NULL, -1, "its data were copied by other means and are not in the store: they were not looked at");
}

void sb_pbm_check(struct sb_pbm *s, size_t i, struct sb_backup *b)
{
    struct sb_pbm_meta *m = &s->metas[i];
    b->kind = SB_BACKUP_PBM;
    m->state = 1;
    sb_backup_say(b, &b->name, m->name);
    if (!m->json) {
        sb_backup_problem(b, "metadata_invalid", m->file, NULL, -1, "%s", m->what);
    } else {
        read_facts(b, m);
        look_at_sets(s, b, m, false);
        check_chain(s, b, m);
        sb_slices_follow(s, b, m->json, false);
        if (b->problems.all == 0)
            b->level = 1;
        if (!b->options.quick) {
            look_at_sets(s, b, m, true);
            sb_slices_follow(s, b, m->json, true);
            if (b->problems.all == 0 && !b->no_codec && !b->nomem && !sb_streq(b->type, "external"))
                b->level = 2;
        }
    }
    if (s->foreign_slices)
        sb_backup_note(b, "foreign", PITR, NULL, -1, "some file among the oplog slices is none, and was not looked at");
    m->state = sb_backup_usable(b) ? 2 : 3;
}

void sb_pbm_check_empty(struct sb_pbm *s, struct sb_backup *b)
{
    b->kind = SB_BACKUP_PBM;
    sb_backup_problem(b, "no_backup", NULL, NULL, -1, "there is no backup in this store%s", s->slices.n ? ": the oplog slices in it have no base to be applied to" : "");
}
