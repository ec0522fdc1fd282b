/* SPDX-License-Identifier: Apache-2.0 */
#include "dumplist.h"
#include "dumpmeta.h"

#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/dumpwrite.h>

#include <errno.h>
#include <unistd.h>

static void check_digest(struct sb_backup *b, int dir, const char *path, const char *sha256)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1], *chunk = malloc(1 << 16);
    struct sb_digest *digest = sb_digest_new();
    struct sb_source *source = sb_folder_source(dir, path, path, SB_SOURCE_RAW, NULL, &err);
    int64_t n = 0;
    while (chunk && digest && source && (n = sb_source_read(source, chunk, 1 << 16, &err)) > 0)
        if (sb_digest_add(digest, chunk, (size_t)n))
            b->nomem = true;
    b->nomem |= !chunk || !digest || (digest && sb_digest_end(digest, &hash));
    if (!source || n < 0)
        sb_backup_problem(b, "unreadable", path, NULL, -1, "%s", err.msg);
    else if (!b->nomem) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        if (strcmp(hex, sha256) != 0)
            sb_backup_problem(b, "sha256_mismatch", path, NULL, -1, "its bytes are not those that were written: the manifest has another SHA-256");
    }
    sb_source_close(source);
    sb_digest_free(digest);
    free(chunk);
}

static void check_listed(struct sb_dump_list *list, struct sb_backup *b, int dir, const json_t *file)
{
    struct sb_err err = SB_ERR_INIT;
    struct stat st;
    const char *path = json_string_value(json_object_get(file, "path")), *sha256 = json_string_value(json_object_get(file, "sha256"));
    const json_t *bytes = json_object_get(file, "bytes");
    if (!path || !sha256 || !json_is_integer(bytes)) {
        sb_backup_problem(b, "manifest_invalid", SB_DUMP_MANIFEST, NULL, -1, "a file in its list has no path, size or SHA-256");
        return;
    }
    b->nomem |= sb_strs_push(&list->paths, &list->n, path) != 0;
    int fd = sb_folder_file(dir, path, &st, &err);
    if (fd < 0) {
        sb_backup_problem(b, "file_missing", path, NULL, -1, "the manifest lists it: %s", err.msg);
        return;
    }
    bool plain = list->sealed && !sb_folder_sealed(fd);
    close(fd);
    if (plain)
        sb_backup_problem(b, "not_sealed", path, NULL, -1, "the dump is sealed, and this file is not: it is none that was written then");
    else if (st.st_size != json_integer_value(bytes))
        sb_backup_problem(b, "size_mismatch", path, NULL, -1, "it has %lld bytes, and the manifest says %lld", (long long)st.st_size, (long long)json_integer_value(bytes));
    else if (!b->options.quick)
        check_digest(b, dir, path, sha256);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void take(struct sb_dump_list *list, struct sb_backup *b, int dir, const json_t *json)
{
    const json_t *file;
    size_t i;
    if (!json_is_array(json_object_get(json, "files")))
        sb_backup_problem(b, "manifest_invalid", SB_DUMP_MANIFEST, NULL, -1, "it lists no files");
    json_array_foreach(json_object_get(json, "files"), i, file)
        check_listed(list, b, dir, file);
    if (list->n)
        qsort(list->paths, list->n, sizeof *list->paths, by_text);
    if (json_is_false(json_object_get(json, "consistent")))
        sb_backup_note(b, "not_one_moment", SB_DUMP_MANIFEST, NULL, -1, "its collections are of different moments: %s",
                       json_string_value(json_object_get(json, "how")) ? json_string_value(json_object_get(json, "how")) : "there was no oplog");
}

static bool has_one(const struct sb_entries *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        if (strcmp(entries->items[i].name, SB_DUMP_MANIFEST) == 0)
            return S_ISREG(entries->items[i].mode);
    return false;
}

bool sb_dump_list_read(struct sb_dump_list *list, struct sb_backup *b, int dir, const struct sb_entries *entries)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    json_t *json = NULL;
    int fd = -1;
    if (!has_one(entries))
        return true;
    if ((fd = sb_folder_file(dir, SB_DUMP_MANIFEST, NULL, &err)) < 0) {
        sb_backup_problem(b, "manifest_invalid", SB_DUMP_MANIFEST, NULL, -1, "%s", err.msg);
        return true;
    }
    list->sealed = sb_folder_sealed(fd);
    close(fd);
    if (list->sealed)
        b->encrypted = 1;
    sb_str_init(&text);
    int rc = sb_folder_text(b, dir, SB_DUMP_MANIFEST, SB_DUMP_MANIFEST, SB_STORE_METADATA_MAX, &text, &err);
    if (rc)
        sb_backup_problem(b, list->sealed && err.detail == EACCES ? "key_missing" : list->sealed && err.detail == EKEYREJECTED ? "key_wrong" : "manifest_invalid", SB_DUMP_MANIFEST, NULL, -1, "%s", err.msg);
    else if ((json = sb_dump_json(b, "manifest_invalid", SB_DUMP_MANIFEST, NULL, -1, text.p, text.len)))
        take(list, b, dir, json);
    json_decref(json);
    sb_str_release(&text);
    return !(rc && list->sealed);
}

void sb_dump_list_release(struct sb_dump_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct sb_dump_list){.sealed = false};
}

void sb_dump_list_want(const struct sb_dump_list *list, struct sb_backup *b, const char *path)
{
    if (list->sealed && (list->n == 0 || !bsearch(&path, list->paths, list->n, sizeof *list->paths, by_text)))
        sb_backup_problem(b, "not_listed", path, NULL, -1, "the manifest of this sealed dump does not list it: it was put here later");
}
