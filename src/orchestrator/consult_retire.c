/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Index Optimizer look for indexes that nobody needs. A worker reads the catalogues, the telemetry thread gives the
 * advice beside its workload, and the orchestrator records what came of it. */
#include "private.h"

#include <signalbox/agents/index_retire.h>

#include <inttypes.h>
#include <string.h>

#define USUAL_MS 300000    /* how far back it is measured what is usual */
#define MOST_COLLECTIONS 50 /* that are read for one request */

struct retiring {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *card_id, *about, *wanted, *deployment, *deployment_id, *requested_by;
    char **names;
    size_t names_n;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue *catalogues;
    size_t catalogues_n;
    char **declined; /* collection and index in turn */
    size_t declined_n;
    struct sb_str declined_text;
    struct sb_retire_question q; /* its texts point at ours */
    struct sb_index_advice advice;
    struct sb_err err;
};

static void free_texts(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static void free_retiring(void *p)
{
    struct retiring *r = p;
    free(r->case_id);
    free(r->card_id);
    free(r->about);
    free(r->wanted);
    free(r->deployment);
    free(r->deployment_id);
    free(r->requested_by);
    free_texts(r->names, r->names_n);
    free_texts(r->members, r->members_n);
    free(r->primary);
    for (size_t i = 0; i < r->catalogues_n; i++)
        sb_catalogue_release(&r->catalogues[i]);
    free(r->catalogues);
    sb_index_advice_release(&r->advice);
    free_texts(r->declined, r->declined_n);
    sb_str_release(&r->declined_text);
    free(r);
}

/* ---- 3. back on the orchestrator's thread ---- */

static void record_reads(struct sb_orchestrator *o, struct held_case *held, const struct retiring *r)
{
    for (size_t i = 0; i < r->catalogues_n; i++)
        for (size_t k = 0; k < r->catalogues[i].commands_n; k++) {
            const char *line = r->catalogues[i].commands[k], *colon = strstr(line, ": ");
            char *member = sb_format("%.*s", colon ? (int)(colon - line) : 0, line);
            sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = held}, json_pack("{s:s?,s:s}", "member", member, "command", colon ? colon + 2 : line), NULL);
            free(member);
        }
}

static char *summary(const struct retiring *r)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_adds(&s, r->advice.summary);
    if (r->declined_text.len)
        sb_str_addf(&s, "; %s", r->declined_text.p);
    for (size_t i = 0; i < r->advice.findings_n && i < 10; i++)
        sb_str_addf(&s, "; %s %s", r->advice.findings[i].subject, r->advice.findings[i].text);
    return sb_str_take(&s);
}

static void advise(void *p, const struct sb_view *view);

/* What was proposed stays declined: 1, and the next one is looked for; 0: it does not; -1. */
static int pass_over(struct sb_orchestrator *o, struct retiring *r, struct sb_err *err)
{
    const struct sb_card *card = &r->advice.card;
    struct sb_str why;
    sb_str_init(&why);
    int rc = sb_o_declined_before(o, card, &why, err);
    if (rc > 0) {
        sb_str_addf(&r->declined_text, "%shiding %s of %s stays declined: %s", r->declined_text.len ? "; " : "", card->index_name, card->target, why.p);
        rc = sb_strs_push(&r->declined, &r->declined_n, card->target) || sb_strs_push(&r->declined, &r->declined_n, card->index_name) ? sb_fail_nomem(err) : 1;
    }
    sb_str_release(&why);
    if (rc > 0) {
        sb_index_advice_release(&r->advice);
        r->q.pass_over = r->declined;
        r->q.pass_over_n = r->declined_n;
        sb_o_view(o, &r->way, advise, r, free_retiring);
    }
    return rc;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct retiring *r = p;
    struct held_case *held = sb_o_case(o, r->case_id);
    char *text = NULL, *about = NULL;
    struct sb_err err = r->err;
    if (!held) {
        free_retiring(r);
        return;
    }
    if (!r->declined_n)
        record_reads(o, held, r);
    if (err.code == SB_OK && r->advice.proposes && !sb_o_twin(o, &r->advice.card) && pass_over(o, r, &err) > 0)
        return; /* it comes back with the next one */
    if (err.code == SB_OK && r->advice.proposes) {
        const struct held_card *same = sb_o_twin(o, &r->advice.card);
        struct sb_str failed;
        sb_str_init(&failed);
        if (same) {
            text = sb_format("%s proposes this already (%s)", same->card.id, sb_name(&sb_states, same->card.state));
            about = sb_format("%s", same->card.id);
        } else if (sb_o_heed_failure(o, &r->advice.card, &failed, &err)) {
            text = failed.len ? sb_str_take(&failed) : NULL;
        } else if (sb_o_propose(o, &r->advice.card, "proposed by the Index Optimizer", &err) == 0) {
            char *said = summary(r);
            text = said ? sb_format("%s: %s", r->card_id, said) : NULL;
            free(said);
        }
        sb_str_release(&failed);
    } else if (err.code == SB_OK) {
        text = summary(r);
    }
    sb_o_finish_consult(o, held, about, &err, text ? text : "out of memory");
    free(about);
    free(text);
    free_retiring(r);
}

/* ---- 2. on the telemetry thread ---- */

static void advise(void *p, const struct sb_view *view)
{
    struct retiring *r = p;
    r->q.workload = sb_view_workload(view);
    r->q.history = sb_view_history(view);
    r->q.catalogues = r->catalogues;
    r->q.catalogues_n = r->catalogues_n;
    r->q.now = sb_view_now(view);
    r->q.from = r->q.now - USUAL_MS;
    sb_index_retire(&r->q, &r->advice, &r->err);
    r->q.workload = NULL;
    r->q.history = NULL;
    sb_o_post_done(r->o, &r->way, back, r, free_retiring);
}

/* ---- 1. on a worker ---- */

static void read_catalogues(void *p)
{
    struct retiring *r = p;
    struct sb_members m = {(const char *const *)r->members, r->members_n, r->primary};
    int rc = 0;
    for (size_t i = 0; i < r->names_n && rc == 0; i++) {
        struct sb_catalogue *c = sb_list_push((void **)&r->catalogues, &r->catalogues_n, sizeof *r->catalogues);
        rc = c ? sb_catalogue_read(r->o->opt.server, &m, r->names[i], c, &r->err) : sb_fail_nomem(&r->err);
    }
    if (rc)
        sb_o_post_done(r->o, &r->way, back, r, free_retiring);
    else
        sb_o_view(r->o, &r->way, advise, r, free_retiring);
}

/* The collection itself, or those of the database. */
static int find_names(const struct sb_orchestrator *o, struct retiring *r)
{
    size_t n = strlen(r->about);
    if (strchr(r->about, '.'))
        return sb_strs_push(&r->names, &r->names_n, r->about);
    for (size_t i = 0; i < o->namespaces_n && r->names_n < MOST_COLLECTIONS; i++)
        if (strncmp(o->namespaces[i], r->about, n) == 0 && o->namespaces[i][n] == '.' && sb_strs_push(&r->names, &r->names_n, o->namespaces[i]))
            return -1;
    return 0;
}

int sb_o_consult_retire(struct sb_orchestrator *o, struct held_case *held, const char *ns, const char *index, struct sb_err *err)
{
    if (!o->telemetry)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    if (o->facts.hello.is_mongos) /* an index that only reads of secondaries use would look unused */
        return sb_fail(err, SB_ESTATE, "Whether an index of a sharded cluster is unused is not worked out: a mongos counts the uses on the primary of each shard, and what reads secondaries is not seen by it. Nothing is "
                                       "proposed to go.");
    struct retiring *r = calloc(1, sizeof *r);
    if (!r)
        return sb_fail_nomem(err);
    r->o = o;
    sb_str_init(&r->declined_text);
    r->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!r->card_id || sb_str_set(&r->case_id, held->case_.id) || sb_str_set(&r->about, ns) || (index && sb_str_set(&r->wanted, index)) || sb_str_set(&r->deployment, o->deployment) ||
        sb_str_set(&r->deployment_id, o->facts.id) || sb_str_set(&r->requested_by, held->case_.requested_by) ||
        sb_o_members(o, &r->members, &r->members_n, &r->primary) || find_names(o, r)) {
        free_retiring(r);
        return sb_fail_nomem(err);
    }
    r->q = (struct sb_retire_question){.about = r->about, .wanted = r->wanted, .can_hide = sb_hello_replicated(&o->facts.hello) && o->facts.version_number >= 40400, .card_id = r->card_id, .case_id = r->case_id,
                                       .deployment = r->deployment, .deployment_id = r->deployment_id, .requested_by = r->requested_by, .environment = o->opt.environment,
                                       .simulated = o->facts.simulated};
    o->last_card++;
    held->consulting = true;
    if (!sb_o_work(o, &r->way, read_catalogues, r, free_retiring)) {
        held->consulting = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
