/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that the program needs, looked at once, with the mend beside what is wrong. */
#include "doctor.h"

#include <signalbox/base/record.h>
#include <signalbox/cli/command.h>
#include <signalbox/mongo/server.h>
#include <signalbox/term/glyph.h>
#include <signalbox/term/vis.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 80
#define INDENT 19

static const char *const found_names[] = {"ok", "note", "WRONG"};

void sb_found(struct findings *f, enum found found, const char *area, const char *mend, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    struct finding *one = sb_str_ok(&text) ? SB_PUSH(f->list) : NULL;
    if (!one) {
        f->nomem = true;
        sb_str_release(&text);
        return;
    }
    *one = (struct finding){.found = found, .area = area, .what = sb_str_take(&text)};
    f->nomem |= !one->what || (mend[0] && sb_str_set(&one->mend, mend));
}

void sb_findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->list_n; i++) {
        free(f->list[i].what);
        free(f->list[i].mend);
    }
    free(f->list);
    memset(f, 0, sizeof *f);
}

static int cells(const char *text, size_t n)
{
    struct sb_clusters all;
    struct sb_cluster c;
    int total = 0;
    sb_clusters_init(&all, text, n, 0);
    while (sb_clusters_next(&all, &c))
        total += c.width;
    return total;
}

/* Word by word, within COLUMNS, each further line indented. What is outside's is sanitized first: its width is then known. */
static void print_wrapped(const char *raw)
{
    struct sb_str clean, line;
    int used = INDENT;
    sb_str_init(&clean);
    sb_str_init(&line);
    sb_vis(&clean, raw, strlen(raw), 0);
    for (const char *p = clean.p ? clean.p : ""; *p;) {
        size_t n = strcspn(p, " ");
        int w = cells(p, n);
        if (used > INDENT && used + 1 + w > COLUMNS) {
            sb_str_addf(&line, "\n%*s", INDENT, "");
            used = INDENT;
        } else if (used > INDENT) {
            sb_str_addc(&line, ' ');
            used++;
        }
        sb_str_add(&line, p, n);
        used += w;
        p += n + strspn(p + n, " ");
    }
    sb_print("%s\n", line.p ? line.p : "");
    sb_str_release(&clean);
    sb_str_release(&line);
}

void sb_findings_tell(const struct findings *f)
{
    for (size_t i = 0; i < f->list_n; i++) {
        sb_print("  %-5s %-10s ", found_names[f->list[i].found], f->list[i].area);
        print_wrapped(f->list[i].what);
        if (f->list[i].mend) {
            sb_print("%*s", INDENT, "");
            char *mend = sb_format("-> %s", f->list[i].mend);
            print_wrapped(mend ? mend : f->list[i].mend);
            free(mend);
        }
    }
}

static int print_text(const struct findings *f, size_t wrong, size_t notes)
{
    sb_findings_tell(f);
    if (wrong)
        return sb_print("%zu to mend, %zu to know\n", wrong, notes);
    return sb_print(notes ? "nothing is wrong, %zu to know\n" : "nothing is wrong\n", notes);
}

/* JSON holds no bytes that are no UTF-8; what the sanitizer makes of them is. */
static json_t *clean(const char *raw)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_vis(&text, raw, strlen(raw), 0);
    json_t *json = sb_str_ok(&text) ? json_string(text.p) : NULL;
    sb_str_release(&text);
    return json;
}

static int print_json(const struct findings *f, size_t wrong)
{
    static const char *const names[] = {"ok", "note", "wrong"};
    json_t *list = json_array();
    int rc = list ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < f->list_n; i++) {
        const struct finding *o = &f->list[i];
        rc = json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:s?}", "found", names[o->found], "area", o->area, "what", clean(o->what), "mend", o->mend));
    }
    if (rc == 0)
        return sb_print_json(json_pack("{s:b,s:o}", "ok", wrong == 0, "findings", list));
    json_decref(list);
    return -1;
}

/* What is wrong in the config is what was asked for: it does not stop us. */
static int look(struct findings *f, const char *deployment, const char *uri_file, struct sb_err *err)
{
    struct sb_config config = {0};
    struct sb_problems problems;
    struct sb_target target;
    struct sb_err why = SB_ERR_INIT;
    sb_problems_init(&problems);
    sb_target_init(&target);
    int rc = sb_config_load(&config, &problems, err);
    if (rc == 0) {
        sb_doctor_host(f);
        sb_doctor_config(f, &config, problems.text.p);
        sb_doctor_state(f, &config);
        if (sb_target_find(&target, &config, deployment, uri_file, &why) == 0) {
            sb_mongo_init();
            sb_doctor_server(f, &target);
            sb_mongo_cleanup();
        } else if (deployment || uri_file) {
            rc = (*err = why, -1);
        } else {
            sb_found(f, FOUND_NOTE, "deployment", "signalbox doctor --deployment NAME", "%s", config.deployments_n > 1 ? "the config describes several: none was looked at" : why.msg);
        }
    }
    if (rc == 0 && f->nomem)
        rc = sb_fail_nomem(err);
    sb_target_release(&target);
    sb_problems_release(&problems);
    sb_config_release(&config);
    return rc;
}

int sb_cmd_doctor(int argc, char **argv)
{
    bool json = false;
    const char *deployment = NULL, *uri_file = NULL;
    const struct sb_option options[] = {{"--json", &json, NULL}, {"--deployment", NULL, &deployment}, {"--uri-file", NULL, &uri_file}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("doctor takes no other words (see: signalbox help doctor)");
    struct findings f = {0};
    struct sb_err err = SB_ERR_INIT;
    size_t wrong = 0, notes = 0;
    int rc = look(&f, deployment, uri_file, &err);
    for (size_t i = 0; i < f.list_n; i++) {
        wrong += f.list[i].found == FOUND_WRONG;
        notes += f.list[i].found == FOUND_NOTE;
    }
    int status = rc ? sb_complain(&err) : wrong ? 1 : 0;
    if (rc == 0 && (json ? print_json(&f, wrong) : print_text(&f, wrong, notes)) < 0)
        status = 1;
    sb_findings_release(&f);
    return status;
}
