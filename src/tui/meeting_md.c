/* SPDX-License-Identifier: Apache-2.0
 *
 * The minutes of a meeting as Markdown: every decision with who made it, why, and the hash of what it is about; the last line
 * is the hash of all lines above it. */
#include "state.h"

#include <signalbox/base/hash.h>

#include <inttypes.h>

static void clock_of(char out[TEXT_MAX], int64_t ms)
{
    int64_t s = ms / 1000;
    snprintf(out, TEXT_MAX, "%02" PRId64 ":%02" PRId64, s / 60, s % 60);
}

static void agenda(const struct sb_tui *t, struct sb_str *out)
{
    char spent[TEXT_MAX], limit[TEXT_MAX], state[TEXT_MAX];
    sb_str_adds(out, "\n## Agenda\n\n");
    for (size_t i = 0; i < t->meeting.items; i++) {
        const struct agenda_item *item = &t->meeting.item[i];
        const struct held_card *held = find_card(t, item->id);
        clock_of(spent, item->spent_ms);
        clock_of(limit, item->limit_ms);
        fmt_words(state, held ? sb_name(&sb_states, held->row.state) : "gone");
        sb_str_addf(out, "%zu. %s (%s of %s, now %s): ", i + 1, item->id, spent, limit, state);
        md(out, held ? held->row.title : NULL);
        sb_str_addc(out, '\n');
    }
    if (!t->meeting.items)
        sb_str_adds(out, "No card awaited approval.\n");
}

/* In prod, and where the policy says so, the approval wants the target's name. It is no word of a shown screen, and one that a shell
 * would read as something else is left to whoever types it. */
static void command(const struct sb_tui *t, const struct decision *d, const struct held_card *held, struct sb_str *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const struct sb_card *c = whole_card(t, d->card);
    const char *target = held ? held->row.target : NULL;
    bool typed = target && (held->row.environment == SB_ENV_PROD || t->welcome.environment == SB_ENV_PROD || (c && c->policy.requires.typed_target));
    bool told = typed && !t->veil && target[0] != '-' && target[0] && target[strspn(target, plain)] == '\0';
    sb_str_addf(out, "- To be done by those named: `signalbox cards approve %s --hash %s%s%s`%s\n", d->card, d->hash, typed ? " --target " : "", !typed ? "" : told ? target : "NAME",
                typed && !told ? ", with the name of the card's target for NAME" : "");
}

static void one(const struct sb_tui *t, const struct decision *d, struct sb_str *out)
{
    const struct held_card *held = find_card(t, d->card);
    sb_str_addf(out, "\n### %s: ", d->card);
    md(out, d->title);
    sb_str_addf(out, "\n\n- Decision: %s\n- By: ", d->what);
    md(out, d->names);
    sb_str_adds(out, "\n- Reason: ");
    md(out, d->reason);
    sb_str_addf(out, "\n- Revision: %" PRId64 "\n- Hash: %s\n- At: ", d->revision, d->hash);
    md_time(out, d->at);
    sb_str_addc(out, '\n');
    if (meeting_decision(t, d->card) != d)
        sb_str_adds(out, "- Decided again below: that one counts.\n");
    else if (held && held->row.revision != d->revision)
        sb_str_addf(out, "- It has changed since: it is revision %" PRId64 " now, and the decision is about another one.\n", held->row.revision);
    else if (sb_streq(d->what, "approved"))
        command(t, d, held, out);
}

static void undecided(const struct sb_tui *t, struct sb_str *out)
{
    size_t n = 0;
    sb_str_adds(out, "\n## Not decided\n\n");
    for (size_t i = 0; i < t->meeting.items; i++)
        if (!meeting_decision(t, t->meeting.item[i].id))
            sb_str_addf(out, "%s%s", n++ ? ", " : "", t->meeting.item[i].id);
    sb_str_adds(out, n ? "\n" : "Nothing.\n");
}

char *md_minutes(const struct sb_tui *t)
{
    struct sb_str out;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    sb_str_init(&out);
    sb_str_adds(&out, "# Minutes: ");
    md(&out, t->welcome.deployment);
    sb_str_addf(&out, " (%s%s)\n\nFrom ", sb_name(&sb_environments, t->welcome.environment), t->welcome.simulated ? ", SIMULATED" : "");
    md_time(&out, t->meeting.began);
    sb_str_adds(&out, " to ");
    md_time(&out, t->wall);
    sb_str_addf(&out, "; the ledger stood at entry %" PRId64 ".\n", t->audit.head > t->strip.ledger_head ? t->audit.head : t->strip.ledger_head);
    if (t->veil)
        sb_str_adds(&out, "Names and values of the deployment are pseudonyms of this meeting; the hashes are of the cards as they are.\n");
    agenda(t, &out);
    sb_str_adds(&out, "\n## Decisions\n");
    for (size_t i = 0; i < t->meeting.decisions; i++)
        one(t, &t->meeting.decision[i], &out);
    if (!t->meeting.decisions)
        sb_str_adds(&out, "\nNone.\n");
    undecided(t, &out);
    if (sb_str_ok(&out) && sb_hash_bytes(&hash, out.p, out.len, NULL) == 0) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        sb_str_addf(&out, "\nSHA-256 of all lines above, without the blank one: %s\n", hex);
    }
    return sb_str_take(&out);
}
