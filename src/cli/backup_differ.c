/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_differ.c - `signalbox backup compare`.
 */
#include "backup.h"

#include <signalbox/cli/command.h>

struct differing {
    const struct sb_backup_words *words;
    json_t *list;
    struct sb_str text;
    bool nomem;
};

static void take(void *ctx, const char *ns, enum sb_backup_difference d, const char *index, const char *a, const char *b)
{
    struct differing *to = ctx;
    const char *name = sb_backup_difference_name(d);
    if (to->words->json) {
        to->nomem |= json_array_append_new(to->list, json_pack("{s:o, s:s, s:o, s:o, s:o}", "ns", sb_backup_text_json(ns), "what", name, "index", sb_backup_text_json(index), "a",
                                                               sb_backup_text_json(a), "b", sb_backup_text_json(b))) != 0;
        return;
    }
    struct sb_str line;
    sb_str_init(&line);
    sb_str_addf(&line, "%-9s %s", name, ns);
    if (d == SB_DIFFERENT_MISSING)
        sb_str_addf(&line, ": %s documents in A, and not in B", a);
    else if (d == SB_DIFFERENT_EXTRA)
        sb_str_addf(&line, ": %s documents in B, and not in A", b);
    else if (d == SB_DIFFERENT_CONTENT)
        sb_str_adds(&line, ": as many documents, and not the same ones");
    else
        sb_str_addf(&line, "%s%s: A has %s, B has %s", index ? ", " : "", index ? index : "", a ? a : "nothing", b ? b : "nothing");
    sb_str_adds(&to->text, "  ");
    sb_backup_wrap(&to->text, line.p, 12, 2);
    sb_str_addc(&to->text, '\n');
    to->nomem |= !sb_str_ok(&line);
    sb_str_release(&line);
}

/* Exactly one backup at the path, read with sums. */
static int read_one(struct sb_backups *list, const char *path, const struct sb_backup_options *options, struct sb_err *err)
{
    if (sb_backups_check(list, path, options, err))
        return -1;
    if (list->n == 1 && (list->items[0].kind == SB_BACKUP_UNKNOWN || list->items[0].kind == SB_BACKUP_SNAPSHOT))
        return sb_fail(err, SB_EINPUT, "%s cannot be compared: %s", path,
                       list->items[0].kind == SB_BACKUP_SNAPSHOT ? "a manifest does not hold the data" : list->items[0].problems.n ? list->items[0].problems.items[0].what : "it is no backup");
    if (list->n == 1)
        return 0;
    return sb_fail(err, SB_EINPUT, "%s holds %zu backups: name one of them (in a store of Percona's, its .pbm.json file)", path, list->n);
}

static json_t *side(const struct sb_backup *b)
{
    json_t *v = sb_backup_json(b);
    if (v)
        json_object_del(v, "collections");
    return v;
}

static int answer_json(struct differing *d, struct sb_backup *a, struct sb_backup *b, bool same)
{
    json_t *v = json_pack("{s:b, s:o, s:o, s:O}", "same", (int)same, "a", side(a), "b", side(b), "differences", d->list);
    if (!v || d->nomem) {
        json_decref(v);
        return -1;
    }
    return sb_print_json(v);
}

static int answer_text(struct differing *d, struct sb_backup *a, struct sb_backup *b, size_t differences)
{
    struct sb_str out;
    sb_str_init(&out);
    const struct sb_backup *both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        sb_str_addf(&out, "%c  ", 'A' + i);
        sb_backup_wrap(&out, both[i]->path, 3, 3);
        sb_str_addc(&out, '\n');
        if (!sb_backup_usable(both[i])) {
            char *why = sb_format("not whole: %s", both[i]->problems.n ? both[i]->problems.items[0].what : "it could not be read");
            sb_str_adds(&out, "   ");
            sb_backup_wrap(&out, why ? why : "not whole", 3, 3);
            sb_str_addc(&out, '\n');
            free(why);
        }
    }
    if (differences)
        sb_str_addf(&out, "%zu difference%s\n%s", differences, differences == 1 ? "" : "s", d->text.p);
    else
        sb_str_addf(&out, "The same: %zu collection%s with all documents, indexes and options\n", a->collections_n, a->collections_n == 1 ? "" : "s");
    int rc = sb_str_ok(&out) && sb_str_ok(&d->text) ? sb_print("%s", out.p) : -1;
    sb_str_release(&out);
    return rc;
}

int sb_backup_differ(const struct sb_backup_words *words, const char *a, const char *b)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_backups left = {0}, right = {0};
    struct differing d = {.words = words, .list = json_array()};
    struct sb_backup_bar bar;
    int status = 0;
    sb_str_init(&d.text);
    sb_backup_bar_begin(&bar, sb_backups_size(a) + sb_backups_size(b), !words->quiet);
    struct sb_backup_options options = {.sums = true, .read = sb_backup_bar_read, .ctx = &bar};
    int rc = d.list ? read_one(&left, a, &options, &err) || read_one(&right, b, &options, &err) ? -1 : 0 : sb_fail_nomem(&err);
    sb_backup_bar_end(&bar);
    if (rc == 0) {
        size_t n = sb_backups_compare(&left.items[0], &right.items[0], take, &d);
        bool whole = sb_backup_usable(&left.items[0]) && left.items[0].level == 2 && sb_backup_usable(&right.items[0]) && right.items[0].level == 2;
        status = n || !whole ? 1 : 0;
        rc = words->json ? answer_json(&d, &left.items[0], &right.items[0], status == 0) : answer_text(&d, &left.items[0], &right.items[0], n);
        if (rc)
            sb_fail_nomem(&err);
    }
    if (rc)
        status = sb_complain(&err);
    json_decref(d.list);
    sb_str_release(&d.text);
    sb_backups_release(&left);
    sb_backups_release(&right);
    return status;
}
