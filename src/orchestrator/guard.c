/* SPDX-License-Identifier: Apache-2.0
 *
 * While an index is being built: policy's rules about health are asked again and again, and the room on the disks is looked at.
 * What passes its limit stands on the card, with the abort that ends it; where policy grants L4 to aborting, that is done. */
#include "private.h"

#include <inttypes.h>
#include <string.h>

#define LOOK_EVERY_MS 1000
#define IN_A_ROW 2   /* looks at which a limit was passed: one alone may be a hiccup */
#define BY_ITSELF 4  /* the level from which an abort is not asked for */

/* A build that runs into a full disk takes the member with it: what the index still needs must be there. */
static bool disk_is_short(const struct sb_orchestrator *o, const struct sb_card *c, char *why, size_t cap)
{
    const struct survey *s = sb_o_survey(o);
    for (size_t i = 0; s && i < o->strip.members_n && i < SURVEY_MEMBERS; i++)
        if (s->free_bytes[i] >= 0 && s->free_bytes[i] < c->blast_radius.est_bytes) {
            snprintf(why, cap, "a member has %" PRId64 " bytes free on its disk, and the index takes about %" PRId64, s->free_bytes[i], c->blast_radius.est_bytes);
            return true;
        }
    return false;
}

static void clear(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.over = 0;
    if (!card->card.progress.alarm)
        return;
    free(card->card.progress.alarm);
    card->card.progress.alarm = NULL;
    sb_o_notice(o, SB_MEDIUM, "%s: while its index is being built everything is within its limits again", card->card.id);
    sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
}

/* The abort by itself, where it is granted. False: a person has to. */
static bool abort_it(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_card *c = &card->card;
    char note[400];
    if (sb_autonomy_level(o->policy, "abort", c->environment, sb_origin_wall_ms(o->opt.origin)) < BY_ITSELF || !sb_o_may_send(o, card) || !sb_o_gate_abort(o, card, &err))
        return false;
    snprintf(note, sizeof note, "its build is aborted with dropIndexes, as policy grants L4 to aborting: %.250s", why);
    sb_o_notice(o, SB_HIGH, "%s: %s", c->id, note);
    return sb_o_move(o, card, SB_EV_STOP, NULL, note, NULL) == 0;
}

static void raise_alarm(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    char again[300], text[480];
    bool told = card->card.progress.alarm != NULL;
    snprintf(text, sizeof text, "%s: stop aborts the build with dropIndexes and leaves nothing of it", why);
    if (sb_str_set(&card->card.progress.alarm, text))
        return;
    if (!told) {
        sb_o_gate_running(o, card, true, again, sizeof again); /* on the record: the facts, and the rule that says so */
        if (abort_it(o, card, why))
            return;
        sb_o_notice(o, SB_HIGH, "%s: while its index is being built, %s", card->card.id, text);
    }
    sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
}

void sb_o_guard_build(struct sb_orchestrator *o, struct held_card *card)
{
    char why[300] = "";
    int64_t now = sb_mono_ms();
    if (card->card.state != SB_EXECUTING || card->run.undoing || now < card->run.guard_ms)
        return;
    card->run.guard_ms = now + LOOK_EVERY_MS;
    int denied = sb_o_gate_running(o, card, false, why, sizeof why);
    bool over = denied > 0 || disk_is_short(o, &card->card, why, sizeof why);
    if (denied < 0 && !over)
        return; /* not known this time */
    if (!over)
        clear(o, card);
    else if (++card->run.over >= IN_A_ROW)
        raise_alarm(o, card, why);
}
