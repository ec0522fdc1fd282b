/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.c - `signalbox backup`: what is at a path, how far it is whole, in what two differ, and what there is for each
 * deployment.
 */
#include "backup.h"

#include <signalbox/cli/command.h>
#include <signalbox/orchestrator/drill.h>
#include <signalbox/orchestrator/drill_target.h>

void sb_backup_bar_begin(struct sb_backup_bar *bar, uint64_t all, bool wanted)
{
    *bar = (struct sb_backup_bar){.all = all};
    sb_bar_init(&bar->bar, !wanted);
}

void sb_backup_bar_read(void *ctx, uint64_t bytes)
{
    struct sb_backup_bar *bar = ctx;
    bar->read += bytes;
    sb_bar_show(&bar->bar, (int64_t)bar->read, (int64_t)bar->all, NULL);
}

void sb_backup_bar_end(struct sb_backup_bar *bar)
{
    sb_bar_clear(&bar->bar);
}

static int check(const struct sb_backup_words *words, int n, char **paths)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_backups list = {0};
    struct sb_backup_bar bar;
    int status = 0;
    uint64_t all = 0;
    for (int i = 0; i < n && !words->quick; i++)
        all += sb_backups_size(paths[i]);
    sb_backup_bar_begin(&bar, all, !words->quiet);
    struct sb_backup_options options = {.key = words->key, .quick = words->quick, .read = sb_backup_bar_read, .ctx = &bar};
    for (int i = 0; i < n; i++)
        if (sb_backups_check(&list, paths[i], &options, &err)) {
            sb_backup_bar_end(&bar);
            int failed = sb_complain(&err);
            status = failed > status ? failed : status;
        }
    sb_backup_bar_end(&bar);
    for (size_t i = 0; i < list.n; i++)
        if (!sb_backup_usable(&list.items[i]) && status == 0)
            status = 1;
    if (words->json) {
        json_t *out = json_array();
        for (size_t i = 0; out && i < list.n; i++)
            if (json_array_append_new(out, sb_backup_json(&list.items[i]))) {
                json_decref(out);
                out = NULL;
            }
        if (!out)
            status = sb_fail_nomem(&err) ? sb_complain(&err) : 1;
        else if (sb_print_json(out))
            status = 1;
    } else {
        struct sb_str out;
        sb_str_init(&out);
        for (size_t i = 0; i < list.n; i++) {
            if (i)
                sb_str_addc(&out, '\n');
            sb_backup_tell(&out, &list.items[i], true);
        }
        if (!sb_str_ok(&out))
            status = sb_fail_nomem(&err) ? sb_complain(&err) : 1;
        else if (sb_print("%s", out.p))
            status = 1;
        sb_str_release(&out);
    }
    sb_backups_release(&list);
    return status;
}

int sb_cmd_backup(int argc, char **argv)
{
    struct sb_backup_words words = {0};
    const struct sb_option known[] = {
        {"--json", &words.json, NULL}, {"--quiet", &words.quiet, NULL},           {"--quick", &words.quick, NULL},
        {"--full", &words.full, NULL}, {"--deployment", NULL, &words.deployment}, {"--keep", &words.keep, NULL},
        {"--into", NULL, &words.into}, {"--source", NULL, &words.source},         {"--until", NULL, &words.until},
        {"--checks", NULL, &words.checks},                                        {"--uri-file", NULL, &words.uri_file},
        {"--archive", &words.archive, NULL}, {"--gzip", &words.gzip, NULL},       {"--key-file", NULL, &words.key_file},
        {"--start", NULL, &words.start},     {"--restorer", NULL, &words.restorer}, {"--pbm", NULL, &words.pbm}, {"--limit", NULL, &words.limit},
    };
    int n = sb_options_read(argc, argv, known, SB_COUNT(known));
    if (n < 0)
        return 2;
    const char *what = n ? argv[1] : "";
    bool status = strcmp(what, "status") == 0, drill = strcmp(what, "drill") == 0, making = strcmp(what, "make") == 0;
    struct sb_err err = SB_ERR_INIT;
    struct sb_seal_key key;
    if (words.key_file && (status || strcmp(what, "compare") == 0))
        return sb_usage_error("--key-file belongs to backup check, make and drill");
    if ((words.archive || words.gzip) && !making)
        return sb_usage_error("--archive and --gzip belong to backup make");
    if (making && words.gzip && !words.archive)
        return sb_usage_error("--gzip wants --archive: one file is packed, not a folder");
    if (words.key_file && sb_seal_key_read(&key, words.key_file, &err))
        return sb_complain(&err);
    words.key = words.key_file ? &key : NULL;
    if (words.full && !status)
        return sb_usage_error("--full belongs to backup status");
    if (words.deployment && !status && !drill && !making)
        return sb_usage_error("--deployment belongs to backup status, drill and make");
    if (words.uri_file && !making)
        return sb_usage_error("--uri-file belongs to backup make");
    if ((words.keep || words.into || words.start || words.source || words.until || words.checks || words.restorer || words.pbm || words.limit) && !drill)
        return sb_usage_error("--into, --start, --restorer, --pbm, --limit, --source, --until, --checks and --keep belong to backup drill");
    int64_t limit = 0;
    if (words.limit && (sb_parse_i64(words.limit, &limit) || limit < 1 || limit > SB_DRILL_LIMIT_MAX_S))
        return sb_usage_error("--limit takes a number of seconds, of a week at most");
    words.limit_s = (int)limit;
    if (words.restorer && sb_drill_program_check(words.restorer, &err)) /* what was mistyped is no failed drill */
        return sb_usage_error("--restorer: %s", err.msg);
    if (words.pbm && sb_drill_program_check(words.pbm, &err))
        return sb_usage_error("--pbm: %s", err.msg);
    if (words.pbm && (words.restorer || words.start))
        return sb_usage_error("--pbm goes with --into: the pbm-agents of that deployment restore, and no other program");
    if (words.quick && strcmp(what, "check") != 0)
        return sb_usage_error("--quick belongs to backup check: a comparison reads everything, and status does only with --full");
    if (strcmp(what, "check") == 0)
        return n > 1 ? check(&words, n - 1, argv + 2) : sb_usage_error("backup check wants paths: signalbox backup [--json] check PATH...");
    if (strcmp(what, "compare") == 0)
        return n == 3 ? sb_backup_differ(&words, argv[2], argv[3]) : sb_usage_error("backup compare wants two backups: signalbox backup [--json] compare A B");
    if (drill)
        return n == 2 && !words.into != !words.start && !(words.start && words.keep) ? sb_backup_drill(&words, argv[2])
                                    : sb_usage_error("backup drill wants a backup and a file with the target's connection string: signalbox backup drill PATH --into FILE; or --start PROGRAM, without --keep");
    if (making)
        return n > 1 ? sb_backup_making(&words, argv[2], argv + 3, (size_t)n - 2) : sb_usage_error("backup make wants a path that is not there yet: signalbox backup make PATH [NS...]");
    if (status)
        return n == 1 ? sb_backup_status(&words) : sb_usage_error("backup status takes no more words: the paths come from the config");
    return sb_usage_error("backup: check, compare, status, drill or make? (see: signalbox help backup)");
}
