/* SPDX-License-Identifier: Apache-2.0 */
#include "prove.h"

#include <signalbox/orchestrator/intake.h>

#include <string.h>
#include <strings.h>

#define MOST_WORDS 12

static bool is(const char *p, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

/* C-000012 */
static bool is_card(const char *p, size_t n)
{
    if (n < 3 || n > 22 || (p[0] != 'C' && p[0] != 'c') || p[1] != '-')
        return false;
    for (size_t i = 2; i < n; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    return true;
}

char *sb_intake_card_to_try(const char *text)
{
    static const char *const verbs[] = {"prove", "proof", "try", "test", "trial", "what-if", "whatif", "if", "bring", "rehearse", "rehearsal"};
    static const char *const filling[] = {"please", "can", "could", "you", "out", "the", "index", "card", "of", "on", "a", "sample", "what", "would", "for", "its", "change", "plan"};
    const char *card = NULL;
    size_t card_n = 0, words = 0;
    bool asks = false;
    for (const char *p = text + strspn(text, " \t"); *p; words++) {
        size_t n = strcspn(p, " \t"), bare = n;
        while (bare && strchr(".,!?:", p[bare - 1]))
            bare--;
        bool known = bare == 0 || is_card(p, bare);
        if (known && bare) {
            if (card)
                return NULL;
            card = p;
            card_n = bare;
        }
        for (size_t i = 0; i < SB_COUNT(verbs) && !known; i++)
            if (is(p, bare, verbs[i]))
                asks = known = true;
        for (size_t i = 0; i < SB_COUNT(filling) && !known; i++)
            known = is(p, bare, filling[i]);
        if (!known || words >= MOST_WORDS)
            return NULL;
        p += n;
        p += strspn(p, " \t");
    }
    return card && asks ? sb_format("C%.*s", (int)card_n - 1, card + 1) : NULL;
}

bool sb_o_prove(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *text)
{
    char *id = sb_intake_card_to_try(text);
    struct seat *s = id ? sb_o_seat(o, seat) : NULL;
    struct sb_message *m = s ? sb_message_new(SB_ASK_WHAT_IF, seq) : NULL;
    if (m && sb_streq(s->how, "mcp")) { /* it writes, if only to a collection of its own */
        struct sb_err err = SB_ERR_INIT;
        sb_fail(&err, SB_EPOLICY, "a program proposes and does not start a trial: a person asks to prove %s", id);
        sb_o_answer(o, seat, seq, &err, id, NULL, " ");
    } else if (m && sb_str_set(&((struct sb_decision_on *)m->body)->card, id) == 0) {
        sb_o_decide(o, seat, m);
    }
    bool taken = m != NULL;
    sb_message_free(m);
    free(id);
    return taken;
}
