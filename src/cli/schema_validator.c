/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_validator.c - the validator that a schema suggests, and its dry run: `signalbox schema --validator`. */
#include "schema.h"

#include <signalbox/formats/docfile.h>

#include <inttypes.h>

/* ---- the dry run ---- */

static int hold_file(struct sb_schema_report *r, struct sb_err *err)
{
    struct sb_dry_run *dry = &r->dry.proposed;
    struct sb_err why = SB_ERR_INIT;
    struct sb_span doc;
    if (strcmp(r->file, "-") == 0) {
        snprintf(dry->note, sizeof dry->note, "not counted: standard input cannot be read a second time");
        return 0;
    }
    struct sb_docfile *file = sb_docfile_open(r->file, err);
    int rc = file ? 0 : -1;
    dry->offenders = 0;
    while (rc == 0 && sb_docfile_next(file, &doc, &why) == 1) /* why it ends too early was said when it was first read */
        if (!sb_validator_accepts(r->proposed.schema, (const uint8_t *)doc.p, doc.n) && sb_dry_run_add(dry, (const uint8_t *)doc.p, doc.n))
            rc = sb_fail_nomem(err);
    sb_docfile_close(file);
    return rc;
}

int sb_schema_validate(struct sb_schema_report *r, struct sb_err *err)
{
    r->dry.proposed.offenders = r->dry.existing.offenders = -1;
    if (sb_validator_propose(r->in, &r->proposed, err))
        return -1;
    r->validated = true;
    return r->live ? sb_validator_dry_run(r->server, r->ns, r->documents, r->proposed.schema, NULL, &r->dry, err) : hold_file(r, err);
}

void sb_schema_validator_release(struct sb_schema_report *r)
{
    if (!r->validated)
        return;
    sb_validator_release(&r->proposed);
    sb_validator_live_release(&r->dry);
}

/* ---- JSON ---- */

static json_t *bson_json(const bson_t *doc)
{
    char *text = bson_as_relaxed_extended_json(doc, NULL);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    bson_free(text);
    return value;
}

static json_t *dry_json(const struct sb_schema_report *r, const struct sb_dry_run *d)
{
    json_t *sample = json_array();
    for (size_t i = 0; i < d->sample_n; i++)
        json_array_append_new(sample, sb_schema_json_text(d->sample[i], strlen(d->sample[i])));
    return json_pack("{s:o, s:o, s:o, s:o}", "offenders", d->offenders < 0 ? json_null() : json_integer(d->offenders), "of",
                     r->documents < 0 ? json_null() : json_integer(r->documents), "sample", sample, "note", sb_schema_json_text(d->note, strlen(d->note)));
}

json_t *sb_schema_validator_json(const struct sb_schema_report *r)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < r->proposed.rules_n; i++) {
        const struct sb_validator_rule *rule = &r->proposed.rules[i];
        json_array_append_new(rules, json_pack("{s:o, s:s, s:I}", "path", sb_schema_json_text(rule->path, strlen(rule->path)), "rule", rule->rule, "offenders",
                                               (json_int_t)rule->offenders));
    }
    json_t *out = json_pack("{s:{s:o}, s:s, s:s, s:o, s:o}", "proposed", "$jsonSchema", bson_json(r->proposed.schema), "level", "moderate", "action", "warn", "rules", rules,
                            "dry_run", dry_json(r, &r->dry.proposed));
    if (out && r->dry.validator)
        json_object_set_new(out, "existing", json_pack("{s:o, s:s, s:s, s:o}", "validator", bson_json(r->dry.validator), "level", r->dry.level, "action", r->dry.action,
                                                       "dry_run", dry_json(r, &r->dry.existing)));
    return out;
}

/* ---- text ---- */

/* The command that would set it, as Extended JSON, warning first. Freed with free(). */
static char *command_text(const struct sb_schema_report *r)
{
    const char *dot = strchr(r->ns, '.');
    json_t *command = json_pack("{s:o, s:{s:o}, s:s, s:s}", "collMod", sb_schema_json_text(dot ? dot + 1 : r->ns, strlen(dot ? dot + 1 : r->ns)), "validator", "$jsonSchema",
                                bson_json(r->proposed.schema), "validationLevel", "moderate", "validationAction", "warn");
    char *text = command ? json_dumps(command, 0) : NULL;
    json_decref(command);
    return text;
}

static void draw_dry_run(const struct sb_schema_report *r, struct sb_page *p, const struct sb_dry_run *d)
{
    sb_page_line(p);
    if (d->offenders < 0) {
        sb_page_wrapf(p, SB_ROLE_MEDIUM, 2, "  %s", d->note);
        return;
    }
    if (r->documents < 0)
        sb_page_wrapf(p, SB_ROLE_TEXT, 2, "  Dry run: %" PRId64 " documents do not keep to it", d->offenders);
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, 2, "  Dry run: %" PRId64 " of %" PRId64 " documents do not keep to it", d->offenders, r->documents);
    for (size_t i = 0; i < d->sample_n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, 4, "%s%s", i ? ", " : ", such as ", d->sample[i]);
}

int sb_schema_validator_draw(const struct sb_schema_report *r, struct sb_page *p)
{
    char *command = command_text(r);
    if (!command)
        return -1;
    sb_page_line(p);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TITLE, "PROPOSED VALIDATOR: WHAT 99 % OF THE DOCUMENTS DO");
    sb_page_line(p);
    sb_page_tab(p, 2);
    sb_page_exact(p, SB_ROLE_COMMAND, 2, command);
    free(command);
    draw_dry_run(r, p, &r->dry.proposed);
    for (size_t i = 0; i < r->proposed.rules_n; i++) {
        const struct sb_validator_rule *rule = &r->proposed.rules[i];
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_TEXT, 6, "    %s: %s (%" PRIu64 " %s not)", rule->path, rule->rule, rule->offenders, rule->offenders == 1 ? "does" : "do");
    }
    sb_page_line(p);
    sb_page_wrap(p, SB_ROLE_DIM, 2, "  It only warns, and leaves alone updates of documents that break it already. When the log names no more offenders: strict, then error.");
    if (!r->dry.validator)
        return 0;
    sb_page_line(p);
    sb_page_line(p);
    sb_page_textf(p, SB_ROLE_TITLE, "THE VALIDATOR IT HAS (LEVEL %s, ACTION %s)", r->dry.level, r->dry.action);
    draw_dry_run(r, p, &r->dry.existing);
    return 0;
}
