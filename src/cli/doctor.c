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
#define STEPS 8 /* as many as sb_doctor_look makes */

void sb_found(struct doctor *d, enum sb_found found, const char *area, const char *mend, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    struct sb_doctor_finding *one = sb_str_ok(&text) ? SB_PUSH(d->found.findings) : NULL;
    if (!one) {
        d->nomem = true;
        sb_str_release(&text);
        return;
    }
    one->found = (int)found;
    one->what = sb_str_take(&text);
    d->nomem |= !one->what || sb_str_set(&one->area, area) || (mend[0] && sb_str_set(&one->mend, mend));
}

void sb_doctor_release(struct doctor *d)
{
    sb_record_release(&sb_doctor_schema, &d->found);
}

bool sb_doctor_doing(struct doctor *d, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    if (d->stopped || !d->told)
        return !d->stopped;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    free(d->found.doing);
    d->found.doing = sb_str_take(&text); /* without memory for it the step is told by its number */
    d->stopped = !d->told(d->ctx, &d->found);
    return !d->stopped;
}

bool sb_doctor_step(struct doctor *d, const char *doing)
{
    d->found.step++;
    d->found.steps = STEPS;
    return sb_doctor_doing(d, "%s", doing);
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

void sb_doctor_print(const struct sb_doctor *found)
{
    for (size_t i = 0; i < found->findings_n; i++) {
        const struct sb_doctor_finding *f = &found->findings[i];
        sb_print("  %-5s %-10s ", f->found == SB_FOUND_WRONG ? "WRONG" : sb_name(&sb_founds, f->found), f->area);
        print_wrapped(f->what);
        if (f->mend) {
            sb_print("%*s", INDENT, "");
            char *mend = sb_format("-> %s", f->mend);
            print_wrapped(mend ? mend : f->mend);
            free(mend);
        }
    }
}

static int print_text(const struct sb_doctor *found)
{
    size_t wrong = sb_doctor_count(found, SB_FOUND_WRONG), notes = sb_doctor_count(found, SB_FOUND_NOTE);
    sb_doctor_print(found);
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

static int print_json(const struct sb_doctor *found)
{
    json_t *list = json_array();
    int rc = list ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < found->findings_n; i++) {
        const struct sb_doctor_finding *o = &found->findings[i];
        rc = json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:s?}", "found", sb_name(&sb_founds, o->found), "area", o->area, "what", clean(o->what), "mend", o->mend));
    }
    if (rc == 0)
        return sb_print_json(json_pack("{s:b,s:o}", "ok", sb_doctor_count(found, SB_FOUND_WRONG) == 0, "findings", list));
    json_decref(list);
    return -1;
}

static int look_at_deployment(struct doctor *d, const struct doctor_asked *asked, const struct sb_config *c, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_target target;
    int rc = 0;
    if (asked->target || asked->unknown) {
        if (asked->target)
            sb_doctor_server(d, asked->target);
        else
            sb_found(d, SB_FOUND_NOTE, "deployment", "", "%s", asked->unknown);
        return 0;
    }
    sb_target_init(&target);
    if (sb_target_find(&target, c, asked->deployment, asked->uri_file, &why) == 0)
        sb_doctor_server(d, &target);
    else if (asked->deployment || asked->uri_file)
        rc = (*err = why, -1);
    else
        sb_found(d, SB_FOUND_NOTE, "deployment", "signalbox doctor --deployment NAME", "%s", c->deployments_n > 1 ? "the config describes several: none was looked at" : why.msg);
    sb_target_release(&target);
    return rc;
}

int sb_doctor_look(struct doctor *d, const struct doctor_asked *asked, struct sb_err *err)
{
    struct sb_config config = {0};
    struct sb_problems problems;
    sb_problems_init(&problems);
    int rc = sb_config_load(&config, &problems, err);
    if (rc == 0 && sb_doctor_step(d, "this host"))
        sb_doctor_host(d, asked->terminal);
    if (rc == 0 && sb_doctor_step(d, "the config"))
        sb_doctor_config(d, &config, problems.text.p);
    if (rc == 0)
        sb_doctor_state(d, &config); /* two steps */
    if (rc == 0 && sb_doctor_step(d, "the policy"))
        sb_doctor_policy(d, &config);
    if (rc == 0 && sb_doctor_step(d, "where backups lie"))
        sb_doctor_backups(d, &config);
    if (rc == 0 && sb_doctor_step(d, "the deployment"))
        rc = look_at_deployment(d, asked, &config, err); /* two steps */
    if (rc == 0 && d->nomem)
        rc = sb_fail_nomem(err);
    sb_problems_release(&problems);
    sb_config_release(&config);
    return rc;
}

int sb_cmd_doctor(int argc, char **argv)
{
    bool json = false, fleet = false;
    struct doctor_asked asked = {.deployment = NULL};
    const struct sb_option options[] = {{"--json", &json, NULL}, {"--deployment", NULL, &asked.deployment}, {"--uri-file", NULL, &asked.uri_file}, {"--fleet", &fleet, NULL}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("doctor takes no other words (see: signalbox help doctor)");
    if (fleet && (asked.deployment || asked.uri_file))
        return sb_usage_error("doctor --fleet is about every host: it goes with no deployment");
    struct doctor d = {.told = NULL};
    struct sb_err err = SB_ERR_INIT;
    sb_mongo_init();
    int rc = fleet ? sb_doctor_fleet(&d, &err) : sb_doctor_look(&d, &asked, &err);
    sb_mongo_cleanup();
    int status = rc ? sb_complain(&err) : sb_doctor_count(&d.found, SB_FOUND_WRONG) ? 1 : 0;
    if (rc == 0 && (json ? print_json(&d.found) : print_text(&d.found)) < 0)
        status = 1;
    sb_doctor_release(&d);
    return status;
}
