/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that asks for several things becomes several cases, one after the other: the next begins when the one before it
 * has been answered, and does not begin when that one could not be done. The asker gets one answer, at the end. */
#include "prove.h"

#include <string.h>

void sb_o_free_sequel(struct sequel *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->cards_n; i++)
        free(s->cards[i]);
    free(s->cards);
    free(s->rest);
    free(s->said);
    free(s->ns);
    free(s);
}

/* What the next case is to know of this one. NULL: out of memory. */
static struct sequel *handed_on(const struct held_case *c, const char *text)
{
    struct sequel *next = calloc(1, sizeof *next);
    const struct sequel *s = c->sequel;
    if (!next)
        return NULL;
    int rc = sb_str_set(&next->ns, c->case_.reading.slots.ns ? c->case_.reading.slots.ns : s->ns);
    next->said = sb_format("%s%s: %s\n", s->said ? s->said : "", c->case_.id, text);
    for (size_t i = 0; rc == 0 && i < s->cards_n; i++)
        rc = sb_strs_push(&next->cards, &next->cards_n, s->cards[i]);
    for (size_t i = 0; rc == 0 && i < c->case_.cards_n; i++)
        rc = sb_strs_push(&next->cards, &next->cards_n, c->case_.cards[i]);
    if (rc || !next->said) {
        sb_o_free_sequel(next);
        return NULL;
    }
    return next;
}

/* Takes s; it may be NULL: the first part. */
static void begin(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *text, struct sequel *s)
{
    struct sb_err err = SB_ERR_INIT;
    struct seat *sits = sb_o_seat(o, seat);
    struct sb_match part[SB_INTAKE_PARTS_MAX];
    struct held_case *c = NULL;
    size_t n = sb_intake_parts(o->intake, text, part, SB_COUNT(part));
    char *first = n > 1 ? sb_strdup_n(text + part[0].from, part[0].to - part[0].from) : NULL, *answer = NULL;
    if (n > 1 && !s && !(s = calloc(1, sizeof *s)))
        sb_fail_nomem(&err);
    if (n > 1 && (!first || !s || sb_str_set(&s->rest, text + part[1].from)))
        sb_fail_nomem(&err);
    char *agent = sits && sb_streq(sits->how, "mcp") ? sb_format("agent of %s", sits->actor.principal) : NULL; /* a program asks, in somebody's name */
    if (sits && err.code == SB_OK)
        answer = sb_o_take_request(o, first ? first : text, agent ? agent : sits->actor.principal, &sits->actor, sits->read_only, NULL, s ? s->ns : NULL, &c, &err);
    if (c) {
        c->sequel = s;
        s = NULL;
    }
    if (err.code == SB_OK && !answer && c) { /* a specialist is at work */
        c->reply_seat = seat;
        c->reply_seq = seq;
    } else {
        if (c)
            sb_o_close_case(o, c, err.code != SB_OK ? err.msg : answer ? answer : "");
        if (c || !s)
            sb_o_answer_request(o, seat, seq, c, NULL, &err, answer ? answer : "");
        else
            sb_o_answer(o, seat, seq, &err, NULL, NULL, " ");
    }
    sb_o_free_sequel(s);
    free(agent);
    free(first);
    free(answer);
}

void sb_o_request(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *text)
{
    if (!sb_o_prove(o, seat, seq, text ? text : ""))
        begin(o, seat, seq, text ? text : "", NULL);
}

void sb_o_answer_request(struct sb_orchestrator *o, int64_t seat, int64_t seq, struct held_case *c, const char *about, const struct sb_err *err, const char *text)
{
    struct sequel *s = c ? c->sequel : NULL;
    const char *answer = err->code != SB_OK ? err->msg : text, *warning = c ? c->case_.reading.warning : NULL;
    if (warning && strstr(answer, warning)) /* it says so already */
        warning = NULL;
    char *said = warning || (c && c->advised) ? sb_format("%s%s%s%s%s", text, c->advised ? ". This is advice: what it would do stands at L0, and nobody can approve it" : "", warning ? ". (Note: " : "",
                                                          warning ? warning : "", warning ? ".)" : "")
                                              : NULL;
    struct sb_err failed = *err;
    text = said ? said : text;
    if (failed.code == SB_OK && s && s->rest) {
        char *rest = s->rest;
        struct sequel *next = handed_on(c, text);
        s->rest = NULL;
        if (next) {
            begin(o, seat, seq, rest, next); /* c may be gone from here on */
            free(rest);
            free(said);
            return;
        }
        sb_fail_nomem(&failed);
        s->rest = rest;
    }
    if (failed.code != SB_OK && (warning || (s && (s->rest || s->said))))
        sb_fail(&failed, failed.code, "%s%s%s%s%s%s%s", s && s->said ? s->said : "", err->code != SB_OK ? answer : failed.msg, warning ? " (Note: " : "", warning ? warning : "",
                warning ? ".)" : "", s && s->rest ? " What was to follow was not begun: " : "", s && s->rest ? s->rest : "");
    const char *card = c && c->case_.cards_n ? c->case_.cards[0] : about;
    sb_o_answer(o, seat, seq, &failed, card, c ? c->case_.id : NULL, "%s%s", s && s->said ? s->said : "", text);
    free(said);
}
