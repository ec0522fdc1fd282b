/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_json.c - backups as JSON.
 */
#include "backup.h"

#include "flat.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>

json_t *sb_backup_text_json(const char *text)
{
    if (!text)
        return json_null();
    if (sb_utf8_valid(text, strlen(text)))
        return json_string(text);
    char *flat = sb_flat_text(text, strlen(text));
    json_t *v = flat ? json_string(flat) : NULL;
    free(flat);
    return v;
}

json_t *sb_backup_ms_json(int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    if (!ms)
        return json_null();
    sb_time_format(text, ms);
    return json_string(text);
}

json_t *sb_backup_ts_json(uint64_t ts)
{
    return sb_backup_ms_json((int64_t)(ts >> 32) * 1000);
}

/* The ordinal within the second, which a time does not show. */
static json_t *exact(uint64_t ts)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64 ":%" PRIu64, ts >> 32, ts & UINT32_MAX);
    return json_string(text);
}

static json_t *finding(const struct sb_backup_finding *f)
{
    struct sb_str where;
    sb_str_init(&where);
    sb_str_adds(&where, f->file);
    if (f->at >= 0)
        sb_str_addf(&where, "%sbyte %" PRId64, where.len ? ", " : "", f->at);
    if (f->ns)
        sb_str_addf(&where, "%s%s", where.len ? ", " : "", f->ns);
    json_t *v = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "code", f->code, "where", sb_backup_text_json(where.p), "what", sb_backup_text_json(f->what), "file",
                          sb_backup_text_json(f->file), "at", f->at >= 0 ? json_integer(f->at) : json_null(), "ns", sb_backup_text_json(f->ns));
    sb_str_release(&where);
    return v;
}

static json_t *findings(const struct sb_backup_findings *list)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < list->n; i++)
        if (json_array_append_new(out, finding(&list->items[i]))) {
            json_decref(out);
            return NULL;
        }
    return out;
}

static json_t *ranges(const struct sb_backup_ranges *list, bool causes)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < list->n; i++) {
        const struct sb_backup_range *r = &list->items[i];
        json_t *v = json_pack("{s:o, s:o, s:o, s:o}", "from", sb_backup_ts_json(r->from), "to", sb_backup_ts_json(r->to), "from_ts", exact(r->from), "to_ts", exact(r->to));
        if (v && causes && (json_object_set_new(v, "set", sb_backup_text_json(r->set)) || json_object_set_new(v, "cause", sb_backup_text_json(r->cause)))) {
            json_decref(v);
            v = NULL;
        }
        if (json_array_append_new(out, v)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *collection(const struct sb_backup_collection *c)
{
    json_t *v = json_pack("{s:o, s:I, s:I, s:i}", "ns", sb_backup_text_json(c->ns), "documents", (json_int_t)c->documents, "bytes", (json_int_t)c->bytes, "indexes",
                          (int)c->indexes_n);
    if (v && (c->view || c->series) && json_object_set_new(v, "type", json_string(c->view ? "view" : "timeseries"))) {
        json_decref(v);
        return NULL;
    }
    return v;
}

static json_t *collections(const struct sb_backup *b)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < b->collections_n; i++)
        if (json_array_append_new(out, collection(&b->collections[i]))) {
            json_decref(out);
            return NULL;
        }
    return out;
}

static json_t *oplog(const struct sb_backup *b)
{
    if (!b->oplog_from && !b->oplog_to)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:I}", "from", sb_backup_ts_json(b->oplog_from), "to", sb_backup_ts_json(b->oplog_to), "from_ts", exact(b->oplog_from), "to_ts",
                     exact(b->oplog_to), "entries", (json_int_t)b->oplog_entries);
}

json_t *sb_backup_json(const struct sb_backup *b)
{
    char level[] = {'L', (char)('0' + b->level), '\0'};
    json_t *encrypted = b->encrypted < 0 ? json_null() : json_boolean(b->encrypted);
    json_t *v = json_pack("{s:o, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "path", sb_backup_text_json(b->path), "kind", sb_backup_kind_name(b->kind), "level", level, "usable",
                          (int)sb_backup_usable(b), "problems", findings(&b->problems), "collections", collections(b), "oplog", oplog(b), "pitr", ranges(&b->pitr, false), "gaps",
                          ranges(&b->gaps, true), "taken_at", sb_backup_ms_json(b->taken_at_ms), "encrypted", encrypted);
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "name", sb_backup_text_json(b->name), "type", sb_backup_text_json(b->type), "compression",
                             sb_backup_text_json(b->packing), "mongodb_version", sb_backup_text_json(b->server_version), "fcv", sb_backup_text_json(b->fcv), "tool_version", sb_backup_text_json(b->tool_version), "taken_at_from",
                             sb_backup_text_json(b->taken_from), "notes", findings(&b->notes), "problems_found", (json_int_t)b->problems.all, "files", (json_int_t)b->files, "bytes",
                             (json_int_t)b->bytes);
    if (!v || !more || json_object_update(v, more)) {
        json_decref(v);
        v = NULL;
    }
    json_decref(more);
    return v;
}
