/* SPDX-License-Identifier: Apache-2.0
 *
 * That a running step sends nothing more for now: what holds it back and since when, on the record and on the card. Between
 * its beginning and its end only another cause is an entry of its own; figures that change are shown. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <string.h>

static int record(struct sb_orchestrator *o, struct held_card *card, const char *event, const char *by, const char *why, int64_t since, int64_t for_ms)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, since);
    bool begins = for_ms < 0;
    return sb_o_record(o, SB_ENTRY_HELD, NULL, &(struct refs){.card = card},
                       json_pack("{s:s,s:I,s:b,s:s,s:o,s:s*,s:o*}", "event", event, "step", (json_int_t)card->run.step, "undo", card->run.undoing, "by", by, "why", sb_o_words(why),
                                 "since", begins ? at : NULL, "for_ms", begins ? NULL : json_integer((json_int_t)for_ms)), NULL);
}

void sb_o_hold_back(struct sb_orchestrator *o, struct held_card *card, const char *by, const char *why)
{
    struct run *r = &card->run;
    int64_t since = r->held_since ? r->held_since : sb_origin_wall_ms(o->opt.origin);
    if (!sb_streq(r->held_by, by)) {
        if (record(o, card, "held back", by, why, since, -1))
            return; /* nothing is sent meanwhile all the same, and it is tried again */
        snprintf(r->held_by, sizeof r->held_by, "%s", by);
        r->held_since = since;
        sb_hook("held.began");
    }
    char at[SB_TIME_LEN + 1], text[320];
    sb_time_format(at, since);
    snprintf(text, sizeof text, "held back since %.19sZ: %s", at, why);
    if (sb_streq(card->card.progress.phase, text) || sb_str_set(&card->card.progress.phase, text))
        return;
    sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
}

int sb_o_hold_over(struct sb_orchestrator *o, struct held_card *card)
{
    struct run *r = &card->run;
    if (!r->held_by[0])
        return 0;
    int64_t lasted = sb_origin_wall_ms(o->opt.origin) - r->held_since;
    char why[120], took[64];
    lasted = lasted > 0 ? lasted : 0; /* a clock that was set back */
    sb_duration_format(took, sizeof took, lasted);
    snprintf(why, sizeof why, "what held it back (%s) is over, after %s", r->held_by, took);
    if (record(o, card, "goes on", r->held_by, why, r->held_since, lasted))
        return -1;
    r->held_by[0] = '\0';
    r->held_since = 0;
    sb_hook("held.over");
    return 0;
}

void sb_o_hold_recall(struct held_card *card, const struct sb_entry *e)
{
    struct run *r = &card->run;
    const char *since = sb_json_str(e->body, "since");
    bool began = sb_streq(sb_json_str(e->body, "event"), "held back");
    r->held_since = 0;
    snprintf(r->held_by, sizeof r->held_by, "%s", began && sb_json_str(e->body, "by") ? sb_json_str(e->body, "by") : "");
    if (began && since && sb_time_parse(since, strlen(since), &r->held_since))
        r->held_since = 0;
}
