/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_text.c - backups for people, within 80 columns.
 */
#include "backup.h"

#include "flat.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/glyph.h>

#include <inttypes.h>

#define WIDTH 80
#define COLLECTIONS_SHOWN 40
#define FINDINGS_SHOWN 20
#define RANGES_SHOWN 10

void sb_backup_moment(struct sb_str *out, int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, ms);
    sb_str_addf(out, "%.10s %.8s UTC", text, text + 11);
}

void sb_backup_size(struct sb_str *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < SB_COUNT(units); u++)
        v /= 1024;
    sb_str_addf(out, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static int columns_of(const char *text, size_t n)
{
    struct sb_clusters all;
    struct sb_cluster c;
    int columns = 0;
    sb_clusters_init(&all, text, n, 0);
    while (sb_clusters_next(&all, &c))
        columns += c.width;
    return columns;
}

void sb_backup_wrap(struct sb_str *out, const char *text, int indent, int at)
{
    char *flat = sb_flat_text(text, strlen(text));
    for (const char *p = flat; p && *p;) {
        size_t n = strcspn(p, " ");
        int columns = columns_of(p, n);
        if (at > indent && at + 1 + columns > WIDTH) {
            sb_str_addf(out, "\n%*s", indent, "");
            at = indent;
        } else if (p != flat) {
            sb_str_addc(out, ' ');
            at++;
        }
        for (; columns > WIDTH - at; columns = columns_of(p, n)) { /* a word that is longer than a line */
            size_t part = n;
            while (part > 1 && columns_of(p, part) > WIDTH - at)
                part = sb_utf8_whole(p, part - 1);
            sb_str_add(out, p, part);
            sb_str_addf(out, "\n%*s", indent, "");
            at = indent;
            p += part;
            n -= part;
        }
        sb_str_add(out, p, n);
        at += columns;
        p += n + (p[n] == ' ');
    }
    sb_str_adds(out, flat ? "" : "(out of memory)");
    free(flat);
}

/* A line "  label   text", wrapped. */
static void line(struct sb_str *out, const char *label, const char *text)
{
    sb_str_addf(out, "  %-11s", label);
    sb_backup_wrap(out, text, 13, 13);
    sb_str_addc(out, '\n');
}

static const char *level_text(const struct sb_backup *b)
{
    static const char *const shown[] = {"it exists", "metadata and sizes agree; the data were not read to their end", "every byte was read, every checksum and document checked"};
    return shown[b->level];
}

static void tell_verdict(struct sb_str *out, const struct sb_backup *b)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_addf(&text, "L%d of 5: %s", b->level, level_text(b));
    line(out, sb_backup_usable(b) ? "usable" : "NOT USABLE", text.p);
    sb_str_release(&text);
}

static void tell_what(struct sb_str *out, const struct sb_backup *b)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_adds(&text, sb_backup_kind_name(b->kind));
    if (b->type)
        sb_str_addf(&text, ", %s", b->type);
    if (b->packing && !sb_streq(b->packing, "none"))
        sb_str_addf(&text, ", packed with %s", b->packing);
    if (b->server_version)
        sb_str_addf(&text, ", MongoDB %s", b->server_version);
    if (b->fcv)
        sb_str_addf(&text, " (FCV %s)", b->fcv);
    if (b->encrypted == 1)
        sb_str_adds(&text, ", encrypted");
    line(out, "kind", text.p);
    if (b->name) {
        sb_str_clear(&text);
        sb_str_adds(&text, b->name);
        line(out, "name", text.p);
    }
    if (b->taken_at_ms) {
        sb_str_clear(&text);
        sb_backup_moment(&text, b->taken_at_ms);
        sb_str_addf(&text, " (%s%s)", sb_streq(b->taken_from, "file time") ? "only the time of its files says so" : "by its ", sb_streq(b->taken_from, "file time") ? "" : b->taken_from);
        line(out, "taken", text.p);
    }
    sb_str_clear(&text);
    sb_backup_size(&text, b->bytes);
    sb_str_addf(&text, " in %" PRIu64 " file%s", b->files, b->files == 1 ? "" : "s");
    if (b->files)
        line(out, "size", text.p);
    sb_str_release(&text);
}

static void tell_span(struct sb_str *out, const char *label, uint64_t from, uint64_t to, const char *more)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_backup_moment(&text, (int64_t)(from >> 32) * 1000);
    sb_str_adds(&text, " to ");
    sb_backup_moment(&text, (int64_t)(to >> 32) * 1000);
    sb_str_adds(&text, more);
    line(out, label, text.p);
    sb_str_release(&text);
}

static void tell_times(struct sb_str *out, const struct sb_backup *b)
{
    char more[64];
    snprintf(more, sizeof more, ", %" PRIu64 " entries", b->oplog_entries);
    if (b->oplog_to)
        tell_span(out, "oplog", b->oplog_from, b->oplog_to, b->oplog_entries ? more : "");
    for (size_t i = 0; i < b->pitr.n && i < RANGES_SHOWN; i++)
        tell_span(out, i ? "" : "any point", b->pitr.items[i].from, b->pitr.items[i].to, "");
    for (size_t i = 0; i < b->gaps.n && i < RANGES_SHOWN; i++) {
        const struct sb_backup_range *g = &b->gaps.items[i];
        char *cause = sb_format("%s%s: %s", g->set ? " of " : "", g->set ? g->set : "", g->cause ? g->cause : "");
        tell_span(out, i ? "" : "gap", g->from, g->to, cause ? cause : "");
        free(cause);
    }
    if (b->gaps.n > RANGES_SHOWN)
        sb_str_addf(out, "             and %zu more gaps (--json has all)\n", b->gaps.n - RANGES_SHOWN);
}

static void tell_collections(struct sb_str *out, const struct sb_backup *b)
{
    uint64_t documents = 0, bytes = 0;
    bool counted = b->level == 2 || !b->options.quick;
    for (size_t i = 0; i < b->collections_n; i++) {
        documents += b->collections[i].documents;
        bytes += b->collections[i].bytes;
    }
    if (!b->collections_n)
        return;
    struct sb_str text;
    sb_str_init(&text);
    sb_str_addf(&text, "%zu collection%s", b->collections_n, b->collections_n == 1 ? "" : "s");
    if (counted) {
        sb_str_addf(&text, ", %" PRIu64 " document%s, ", documents, documents == 1 ? "" : "s");
        sb_backup_size(&text, bytes);
    }
    line(out, "holds", text.p);
    for (size_t i = 0; i < b->collections_n && i < COLLECTIONS_SHOWN; i++) {
        const struct sb_backup_collection *c = &b->collections[i];
        char *flat = sb_flat_text(c->ns, strlen(c->ns));
        int columns = flat ? columns_of(flat, strlen(flat)) : 0;
        sb_str_adds(out, "    ");
        sb_backup_wrap(out, flat ? flat : "?", 6, 4);
        sb_str_addf(out, columns > 42 ? "\n%*s" : "%*s", columns > 42 ? 46 : 42 - columns, "");
        sb_str_clear(&text);
        sb_backup_size(&text, c->bytes);
        if (c->view)
            sb_str_addf(out, " %14s", "view");
        else if (counted)
            sb_str_addf(out, " %14" PRIu64 "  %11s", c->documents, text.p);
        sb_str_addc(out, '\n');
        free(flat);
    }
    if (b->collections_n > COLLECTIONS_SHOWN)
        sb_str_addf(out, "    and %zu more (--json has all)\n", b->collections_n - COLLECTIONS_SHOWN);
    sb_str_release(&text);
}

static void tell_findings(struct sb_str *out, const char *heading, const struct sb_backup_findings *list)
{
    if (!list->all)
        return;
    sb_str_addf(out, "  %s\n", heading);
    for (size_t i = 0; i < list->n && i < FINDINGS_SHOWN; i++) {
        const struct sb_backup_finding *f = &list->items[i];
        struct sb_str text;
        sb_str_init(&text);
        sb_str_addf(&text, "%s: ", f->code);
        if (f->file)
            sb_str_addf(&text, "%s", f->file);
        if (f->at >= 0)
            sb_str_addf(&text, "%sbyte %" PRId64, f->file ? ", " : "", f->at);
        if (f->ns)
            sb_str_addf(&text, "%s%s", f->file || f->at >= 0 ? ", " : "", f->ns);
        sb_str_addf(&text, "%s%s", f->file || f->at >= 0 || f->ns ? ": " : "", f->what);
        sb_str_adds(out, "    ");
        sb_backup_wrap(out, text.p, 6, 4);
        sb_str_addc(out, '\n');
        sb_str_release(&text);
    }
    uint64_t shown = list->n < FINDINGS_SHOWN ? list->n : FINDINGS_SHOWN;
    if (list->all > shown)
        sb_str_addf(out, "    and %" PRIu64 " more\n", list->all - shown);
}

void sb_backup_tell(struct sb_str *out, const struct sb_backup *b, bool everything)
{
    sb_backup_wrap(out, b->path, 2, 0);
    sb_str_addc(out, '\n');
    tell_verdict(out, b);
    tell_what(out, b);
    tell_times(out, b);
    if (everything)
        tell_collections(out, b);
    tell_findings(out, "problems", &b->problems);
    if (everything)
        tell_findings(out, "to know", &b->notes);
}
