/* SPDX-License-Identifier: Apache-2.0 */
#include "rephrase.h"

#include <signalbox/base/process.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MOST 2000
#define SURE_PPM 850000 /* so sure the reading of its words has to be */

/* ---- what it said ---- */

static bool within(const char *request, const char *value)
{
    return strcasestr(request, value) != NULL;
}

/* What the words name is named in the request, or is the whole name of what is named there in short. */
static int check_slots(const struct sb_slots *slots, const char *request, char *const *namespaces, size_t namespaces_n, struct sb_err *err)
{
    for (size_t i = 0; i < sb_slots_schema.n; i++) {
        const char *value = *(char *const *)(const void *)((const char *)slots + sb_slots_schema.member[i].offset), *dot = value ? strchr(value, '.') : NULL;
        bool known = value == slots->ns && value && dot && sb_strs_has(namespaces, namespaces_n, value) && within(request, dot + 1);
        if (value && !known && !within(request, value))
            return sb_fail(err, SB_EINPUT, "it names %.100s, which the request does not", value);
    }
    return 0;
}

static int check_reading(const struct sb_reading_of *r, const char *request, char *const *namespaces, size_t namespaces_n, struct sb_err *err)
{
    if (r->intent == SB_INTENT_NONE)
        return sb_fail(err, SB_EINPUT, "its words are not understood either");
    if (r->unclear)
        return sb_fail(err, SB_EINPUT, "its words are not clear: %s", r->unclear);
    if (r->warning)
        return sb_fail(err, SB_EINPUT, "its words wish for what is not granted: %s", r->warning);
    if (r->confidence_ppm < SURE_PPM)
        return sb_fail(err, SB_EINPUT, "its words can be read in more than one way");
    return check_slots(&r->slots, request, namespaces, namespaces_n, err);
}

int sb_rephrased_read(const struct sb_intake *in, const char *request, const char *said, size_t len, char *const *namespaces, size_t namespaces_n, struct sb_reading_of *out, struct sb_err *err)
{
    json_t *json = sb_json_parse(said, len, "its answer", SB_JSON_STRICT, err);
    const char *words = sb_json_str(json, "request");
    struct sb_match part[SB_INTAKE_PARTS_MAX];
    int rc = json ? 0 : -1;
    memset(out, 0, sizeof *out);
    if (rc == 0 && (!words || !words[0] || strlen(words) > SB_REPHRASED_MAX))
        rc = sb_fail(err, SB_EINPUT, "its answer must be {\"request\": \"...\"}, of at most %d bytes", SB_REPHRASED_MAX);
    if (rc == 0 && sb_intake_parts(in, words, part, SB_COUNT(part)) != 1)
        rc = sb_fail(err, SB_EINPUT, "its words ask for more than one thing, or for none");
    if (rc == 0)
        rc = sb_intake_read(in, words, namespaces, namespaces_n, out, err);
    if (rc == 0)
        rc = check_reading(out, request, namespaces, namespaces_n, err);
    if (rc == 0 && !(out->warning = sb_format("the request was put in other words by an outside program: \"%s\"", words)))
        rc = sb_fail_nomem(err);
    if (rc) {
        sb_record_release(&sb_reading_of_schema, out);
        memset(out, 0, sizeof *out);
    }
    json_decref(json);
    return rc;
}

/* ---- there and back ---- */

struct rephrasing {
    struct sb_orchestrator *o;
    struct errand way;
    const struct sb_event_hook *hook;
    char *case_id;
    struct sb_str text; /* what it is told */
    struct sb_told told;
    struct sb_err err;
};

static void free_rephrasing(void *p)
{
    struct rephrasing *r = p;
    free(r->case_id);
    sb_str_release(&r->text);
    sb_str_release(&r->told.output);
    free(r);
}

static const struct sb_event_hook *rephraser(const struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->opt.hooks_n; i++)
        if (sb_streq(o->opt.hooks[i].event, SB_HOOK_REPHRASE))
            return &o->opt.hooks[i];
    return NULL;
}

bool sb_o_may_rephrase(const struct sb_orchestrator *o, const struct held_case *c)
{
    const struct sb_reading_of *r = &c->case_.reading;
    return rephraser(o) && !r->foreign && !r->warning && (r->intent == SB_INTENT_NONE || r->unclear);
}

static void record(struct sb_orchestrator *o, struct held_case *c, const struct rephrasing *r, const char *outcome)
{
    sb_o_record(o, SB_ENTRY_HOOK, NULL, &(struct refs){.case_ = c},
                json_pack("{s:s,s:o,s:I,s:o,s:I,s:I,s:o}", "event", SB_HOOK_REPHRASE, "command", sb_o_words(r->hook->argv[r->hook->shell ? r->hook->argv_n - 1 : 0]), "try", (json_int_t)1, "outcome",
                          sb_o_words(outcome), "status", (json_int_t)r->told.status, "millis", (json_int_t)r->told.ms, "output",
                          sb_json_of_bytes(r->told.output.p ? r->told.output.p : "", r->told.output.len)), NULL);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct rephrasing *r = p;
    struct held_case *c = sb_o_case(o, r->case_id);
    struct sb_reading_of fresh = {0};
    if (!c) {
        free_rephrasing(r);
        return;
    }
    if (r->err.code == SB_OK && r->told.late)
        sb_fail(&r->err, SB_EIO, "it was killed after %" PRId64 " ms", r->told.ms);
    else if (r->err.code == SB_OK && r->told.status != 0)
        sb_fail(&r->err, SB_EIO, "it ended with %d", r->told.status);
    if (r->err.code == SB_OK && r->told.output.len >= OUTPUT_MOST)
        sb_fail(&r->err, SB_EINPUT, "it said more than %d bytes", OUTPUT_MOST);
    bool used = r->err.code == SB_OK && sb_rephrased_read(o->intake, c->case_.text, r->told.output.p ? r->told.output.p : "", r->told.output.len, o->namespaces, o->namespaces_n, &fresh, &r->err) == 0;
    char *outcome = used ? sb_format("its words are used") : sb_format("not used: %s", r->err.msg);
    record(o, c, r, outcome ? outcome : "out of memory");
    free(outcome);
    sb_o_rephrased(o, c, used ? &fresh : NULL);
    if (used)
        sb_record_release(&sb_reading_of_schema, &fresh);
    free_rephrasing(r);
}

static void ask(void *p)
{
    struct rephrasing *r = p;
    sb_process_tell((const char *const *)r->hook->argv, r->text.p, r->text.len, OUTPUT_MOST, (int)r->hook->within_ms, &r->o->hooks_give_up, &r->told, &r->err);
    sb_o_post_done(r->o, &r->way, back, r, free_rephrasing);
}

/* What it is told: the words, and what can be asked. */
static int compose(const struct held_case *c, struct sb_str *out, struct sb_err *err)
{
    json_t *intents = json_array();
    for (int i = SB_INTENT_NONE + 1; intents && i <= SB_INTENT_STATUS; i++)
        json_array_append_new(intents, json_string(sb_name(&sb_intents, i)));
    json_t *body = json_pack("{s:s,s:s,s:s?,s:o}", "ask", "rephrase", "request", c->case_.text, "unclear", c->case_.reading.unclear, "intents", intents);
    int rc = body ? sb_json_canonical(out, body, err) : sb_fail_nomem(err);
    sb_str_addc(out, '\n');
    json_decref(body);
    return rc || sb_str_ok(out) ? rc : sb_fail_nomem(err);
}

int sb_o_rephrase(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err)
{
    struct rephrasing *r = calloc(1, sizeof *r);
    if (!r)
        return sb_fail_nomem(err);
    r->o = o;
    r->hook = rephraser(o);
    sb_str_init(&r->text);
    sb_str_init(&r->told.output);
    if (sb_str_set(&r->case_id, c->case_.id) || compose(c, &r->text, err)) {
        free_rephrasing(r);
        return err && err->code != SB_OK ? -1 : sb_fail_nomem(err);
    }
    c->consulting = true;
    if (!sb_o_work(o, &r->way, ask, r, free_rephrasing)) {
        c->consulting = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
