/* SPDX-License-Identifier: Apache-2.0 */
#include "summarise.h"

#include <signalbox/base/process.h>
#include <signalbox/ledger/mask.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MOST 2000
#define SENT_MOST 20000 /* bytes; evidence beyond that is not sent */
#define AWAY_MOST 2     /* at a time: the workers have other things to do */
#define WAITING_MOST 16 /* cards */

struct summing {
    struct sb_orchestrator *o;
    struct errand way;
    const struct sb_event_hook *hook;
    char *card_id;
    int64_t revision;
    struct sb_str text; /* what it is told */
    struct sb_told told;
    struct sb_err err;
};

static void free_summing(void *p)
{
    struct summing *s = p;
    free(s->card_id);
    sb_str_release(&s->text);
    sb_str_release(&s->told.output);
    free(s);
}

static const struct sb_event_hook *summariser(const struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->opt.hooks_n; i++)
        if (sb_streq(o->opt.hooks[i].event, SB_HOOK_SUMMARISE))
            return &o->opt.hooks[i];
    return NULL;
}

static void record(struct sb_orchestrator *o, struct held_card *c, const struct sb_event_hook *hook, const struct sb_told *told, const char *outcome)
{
    sb_o_record(o, SB_ENTRY_HOOK, NULL, &(struct refs){.card = c},
                json_pack("{s:s,s:o,s:I,s:o,s:I,s:I,s:o}", "event", SB_HOOK_SUMMARISE, "command", sb_o_words(hook->argv[hook->shell ? hook->argv_n - 1 : 0]), "try", (json_int_t)1,
                          "outcome", sb_o_words(outcome), "status", (json_int_t)told->status, "millis", (json_int_t)told->ms, "output",
                          sb_json_of_bytes(told->output.p ? told->output.p : "", told->output.len)), NULL);
}

/* Beside the evidence, and marked. */
static int keep(struct sb_orchestrator *o, struct held_card *c, const struct summing *s, const char *words, struct sb_err *err)
{
    struct sb_evidence *list = NULL;
    size_t n = 0;
    char *what = sb_format("in other words, of revision %" PRId64, s->revision), *by = sb_format("an outside program, not the specialist: its numbers and names stand in the evidence, no more was checked");
    int rc = what && by && sb_evidence_add(&list, &n, by, c->card.target, what, words, SB_BADGE_ESTIMATED, sb_o_deployment_now(o)) == 0 ? 0 : sb_fail_nomem(err);
    json_t *facts = rc == 0 ? json_pack("[o]", sb_record_to_json(&sb_evidence_schema, &list[0])) : NULL;
    if (rc == 0)
        rc = sb_o_record(o, SB_ENTRY_SUMMARY, NULL, &(struct refs){.card = c}, facts ? json_pack("{s:I,s:o}", "of", (json_int_t)s->revision, "evidence", facts) : NULL, err);
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_evidence_schema, &list[i]);
    free(list);
    free(what);
    free(by);
    return rc;
}

static void begin_next(struct sb_orchestrator *o);

static void back(struct sb_orchestrator *o, void *p)
{
    struct summing *s = p;
    struct held_card *c = sb_o_card(o, s->card_id);
    char *words = NULL;
    o->summing--;
    if (s->err.code == SB_OK && s->told.late)
        sb_fail(&s->err, SB_EIO, "it was killed after %" PRId64 " ms", s->told.ms);
    else if (s->err.code == SB_OK && s->told.status != 0)
        sb_fail(&s->err, SB_EIO, "it ended with %d", s->told.status);
    if (s->err.code == SB_OK && s->told.output.len >= OUTPUT_MOST)
        sb_fail(&s->err, SB_EINPUT, "it said more than %d bytes", OUTPUT_MOST);
    if (s->err.code == SB_OK && (!c || c->card.revision != s->revision))
        sb_fail(&s->err, SB_ESTATE, "the card is another one by now");
    bool used = s->err.code == SB_OK && sb_summary_read(o->intake, s->text.p, s->told.output.p ? s->told.output.p : "", s->told.output.len, o->namespaces, o->namespaces_n, &words, &s->err) == 0 &&
                keep(o, c, s, words, &s->err) == 0;
    char *outcome = used ? sb_format("its words are shown beside the evidence") : sb_format("not used: %s", s->err.msg);
    if (c)
        record(o, c, s->hook, &s->told, outcome ? outcome : "out of memory");
    free(outcome);
    free(words);
    free_summing(s);
    begin_next(o);
}

static void ask(void *p)
{
    struct summing *s = p;
    sb_process_tell((const char *const *)s->hook->argv, s->text.p, s->text.len, OUTPUT_MOST, (int)s->hook->within_ms, &s->o->hooks_give_up, &s->told, &s->err);
    sb_o_post_done(s->o, &s->way, back, s, free_summing);
}

/* Without what policy calls sensitive; NULL: it cannot be masked, so it is not sent. */
static json_t *masked(const struct sb_orchestrator *o, const char *text)
{
    struct sb_str out;
    json_t *words = sb_o_words(text);
    if (!json_is_string(words))
        return words;
    sb_str_init(&out);
    json_t *clean = sb_mask_text(o->mask, json_string_value(words), &out, NULL) == 0 ? json_string(out.p ? out.p : "") : NULL;
    sb_str_release(&out);
    json_decref(words);
    return clean;
}

static int compose(const struct sb_orchestrator *o, const struct sb_card *c, struct sb_str *out, struct sb_err *err)
{
    json_t *list = json_array();
    size_t bytes = 0;
    int rc = list ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < c->evidence_n; i++) {
        const struct sb_evidence *e = &c->evidence[i];
        bytes += (e->value ? strlen(e->value) : 0) + (e->what ? strlen(e->what) : 0);
        if (bytes > SENT_MOST)
            break;
        rc = json_array_append_new(list, json_pack("{s:o,s:o,s:o,s:o,s:o}", "source", masked(o, e->source), "ns", masked(o, e->ns), "what", masked(o, e->what), "value", masked(o, e->value), "coverage",
                                                   masked(o, e->coverage)));
    }
    json_t *body = rc == 0 ? json_pack("{s:s,s:s,s:O}", "ask", SB_HOOK_SUMMARISE, "card", c->id, "evidence", list) : NULL;
    rc = body ? sb_json_canonical(out, body, err) : sb_fail_nomem(err);
    sb_str_addc(out, '\n');
    json_decref(body);
    json_decref(list);
    return rc || sb_str_ok(out) ? rc : sb_fail_nomem(err);
}

static void begin(struct sb_orchestrator *o, const struct sb_event_hook *hook, const struct held_card *c)
{
    struct sb_err err = SB_ERR_INIT;
    struct summing *s = calloc(1, sizeof *s);
    if (!s) {
        sb_o_notice(o, SB_LOW, "The evidence of %s is not summed up: out of memory", c->card.id);
        return;
    }
    s->o = o;
    s->hook = hook;
    s->revision = c->card.revision;
    sb_str_init(&s->text);
    sb_str_init(&s->told.output);
    if (sb_str_set(&s->card_id, c->card.id) || compose(o, &c->card, &s->text, &err)) {
        sb_o_notice(o, SB_LOW, "The evidence of %s is not summed up: %s", c->card.id, err.code != SB_OK ? err.msg : "out of memory");
        free_summing(s);
        return;
    }
    if (sb_o_work(o, &s->way, ask, s, free_summing))
        o->summing++;
}

/* As the card is by now, whatever it was when its turn was asked for. */
static void begin_next(struct sb_orchestrator *o)
{
    const struct sb_event_hook *hook = summariser(o);
    while (hook && !o->stopping && o->to_sum_n && o->summing < AWAY_MOST) {
        char *id = o->to_sum[0];
        struct held_card *c = sb_o_card(o, id);
        memmove(o->to_sum, o->to_sum + 1, --o->to_sum_n * sizeof *o->to_sum);
        if (c)
            begin(o, hook, c);
        free(id);
    }
}

void sb_o_summarise(struct sb_orchestrator *o, const char *card_id)
{
    const struct sb_event_hook *hook = summariser(o);
    struct held_card *c = hook && card_id ? sb_o_card(o, card_id) : NULL;
    if (!c || !c->card.evidence_n || sb_strs_has(o->to_sum, o->to_sum_n, card_id))
        return;
    if (o->to_sum_n == WAITING_MOST || sb_strs_push(&o->to_sum, &o->to_sum_n, card_id)) {
        struct sb_told none = {0};
        char *outcome = o->to_sum_n == WAITING_MOST ? sb_format("not made: the evidence of %d other cards waits for its turn", WAITING_MOST) : NULL;
        record(o, c, hook, &none, outcome ? outcome : "not made: out of memory");
        free(outcome);
        return;
    }
    begin_next(o);
}
