/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Data Architect look at a collection. The telemetry thread says what was heard of its operations, a worker reads a bounded sample of it, on a secondary where there is one, and
 * what was read, what was found and how much of the collection it rests on go on the record. One such read at a time. */
#include "private.h"

#include <signalbox/agents/schema_heard.h>
#include <signalbox/agents/schema_look.h>
#include <signalbox/agents/schema_review.h>

#include <inttypes.h>
#include <string.h>

struct review {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *ns;
    int64_t taken_at; /* deployment time */
    struct sb_schema_said said;
    struct sb_schema_heard heard;
    struct sb_err err;
};

static void free_review(void *p)
{
    struct review *r = p;
    free(r->case_id);
    free(r->ns);
    sb_schema_said_release(&r->said);
    sb_schema_heard_release(&r->heard);
    free(r);
}

static void record_read(struct sb_orchestrator *o, struct held_case *held, const char *line)
{
    const char *colon = strstr(line, ": ");
    char *member = sb_format("%.*s", colon ? (int)(colon - line) : 0, line);
    sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = held}, json_pack("{s:s?,s:o}", "member", member, "command", sb_o_words(colon ? colon + 2 : line)), NULL);
    free(member);
}

void sb_o_record_reads(struct sb_orchestrator *o, struct held_case *held, const struct sb_reads *reads)
{
    for (size_t i = 0; i < reads->line_n; i++)
        record_read(o, held, reads->line[i]);
    char *more = reads->left_out ? sb_format("{\"$more\": %" PRIu64 "}", reads->left_out) : NULL;
    if (reads->left_out)
        record_read(o, held, more ? more : "{}");
    free(more);
}

/* Compares it with the look before and tells all screens. Kept for the next one; what cannot be kept is only not compared. */
static void show(struct sb_orchestrator *o, struct sb_schema_look *look)
{
    struct sb_schema_look *place = NULL;
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < o->looks_n; i++)
        if (sb_streq(o->looks[i].ns, look->ns))
            place = &o->looks[i];
    if (place && sb_schema_look_compare(place, look, &err))
        sb_o_notice(o, SB_MEDIUM, "%s: what has changed cannot be told: %s", look->ns, err.msg);
    sb_o_tell_all(o, SB_NEWS_SCHEMA, look);
    if (!place && o->looks_n == LOOKS_KEPT) {
        sb_record_release(&sb_schema_look_schema, &o->looks[0]);
        memmove(&o->looks[0], &o->looks[1], (o->looks_n - 1) * sizeof o->looks[0]);
        place = &o->looks[o->looks_n - 1];
    } else if (!place) {
        place = &o->looks[o->looks_n++];
    } else {
        sb_record_release(&sb_schema_look_schema, place);
    }
    *place = *look;
    *look = (struct sb_schema_look){.ns = NULL};
}

/* What the operations say stands behind what the documents do. */
static int add_heard(struct review *r)
{
    char *text = r->heard.text ? sb_format("%s %s", r->said.text, r->heard.text) : NULL;
    if (!r->heard.text)
        return 0;
    if (!text)
        return sb_fail_nomem(&r->err);
    free(r->said.text);
    r->said.text = text;
    for (size_t i = 0; i < r->heard.evidence_n; i++) {
        const struct sb_evidence *e = &r->heard.evidence[i];
        if (sb_evidence_add(&r->said.evidence, &r->said.evidence_n, e->source, e->ns, e->what, e->value, e->coverage, e->taken_at))
            return sb_fail_nomem(&r->err);
    }
    return 0;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct review *r = p;
    struct held_case *held = sb_o_case(o, r->case_id);
    o->reviewing = false;
    if (held)
        sb_o_record_reads(o, held, &r->said.reads);
    if (r->err.code == SB_OK && r->said.look.ns)
        show(o, &r->said.look);
    if (held && (r->err.code != SB_OK || add_heard(r) ||
                 sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_DATA_ARCHITECT, .to = SB_BY_ORCHESTRATOR, .back = true, .why = "the documents were looked at; what was found is the answer",
                                                           .risk = "none: nothing is proposed", .evidence = r->said.evidence, .n = r->said.evidence_n}, &r->err)))
        sb_o_finish_consult(o, held, NULL, &r->err, "");
    else if (held)
        sb_o_finish_look(o, held, true, r->said.text);
    free_review(r);
}

static void look(void *p)
{
    struct review *r = p;
    if (r->err.code == SB_OK)
        sb_schema_review(r->o->opt.server, r->ns, r->taken_at, &r->said, &r->err);
    sb_o_post_done(r->o, &r->way, back, r, free_review);
}

static void listen(void *p, const struct sb_view *view)
{
    struct review *r = p;
    sb_schema_heard(sb_view_workload(view), r->ns, sb_view_now(view), &r->heard, &r->err);
    sb_o_work(r->o, &r->way, look, r, free_review);
}

int sb_o_consult_schema(struct sb_orchestrator *o, struct held_case *held, const char *ns, struct sb_err *err)
{
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    if (o->reviewing)
        return sb_fail(err, SB_ESTATE, "A collection is being read for another request, and one is read at a time: ask again when that is answered.");
    if (sb_o_asks_what_depends(held))
        return sb_o_consult_depends(o, held, ns, err);
    struct review *r = calloc(1, sizeof *r);
    if (!r)
        return sb_fail_nomem(err);
    r->o = o;
    r->taken_at = sb_o_deployment_now(o);
    if (sb_str_set(&r->case_id, held->case_.id) || sb_str_set(&r->ns, ns)) {
        free_review(r);
        return sb_fail_nomem(err);
    }
    held->consulting = o->reviewing = true;
    sb_o_view(o, &r->way, listen, r, free_review);
    return 0;
}
