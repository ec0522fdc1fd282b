/* SPDX-License-Identifier: Apache-2.0
 *
 * How far an index build is, read from every member while it runs. It is shown and decides nothing. */
#include "private.h"

#include <string.h>

struct progress {
    struct sb_orchestrator *o;
    char *card_id, *ns, *index;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue builds;
    bool have;
};

static void free_progress(void *p)
{
    struct progress *g = p;
    for (size_t i = 0; i < g->members_n; i++)
        free(g->members[i]);
    free(g->members);
    free(g->primary);
    free(g->card_id);
    free(g->ns);
    free(g->index);
    if (g->have)
        sb_catalogue_release(&g->builds);
    free(g);
}

/* The slowest member tells how far the build is. */
static void progress_back(struct sb_orchestrator *o, void *p)
{
    struct progress *g = p;
    struct held_card *card = sb_o_card(o, g->card_id);
    const struct sb_build_info *slowest = NULL;
    for (size_t i = 0; g->have && i < g->builds.builds_n; i++) {
        const struct sb_build_info *b = &g->builds.builds[i];
        if (sb_streq(b->name, g->index) && b->total > 0 && (!slowest || b->done * slowest->total < slowest->done * b->total))
            slowest = b;
    }
    if (card) {
        card->run.polling = false;
        struct sb_progress *shown = &card->card.progress;
        if (slowest && (card->run.forward_away || card->run.unanswered)) {
            char phase[256];
            snprintf(phase, sizeof phase, "building on %zu members, slowest %.100s", g->members_n, slowest->member);
            shown->done = slowest->done;
            shown->total = slowest->total;
            shown->eta_ms = slowest->done > 0 ? slowest->running_ms * (slowest->total - slowest->done) / slowest->done : 0;
            if (sb_str_set(&shown->phase, phase) == 0)
                sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
        }
    }
    free_progress(g);
}

static void progress_work(void *p)
{
    struct progress *g = p;
    struct sb_members m = {(const char *const *)g->members, g->members_n, g->primary};
    g->have = sb_catalogue_read_builds(g->o->opt.server, &m, g->ns, &g->builds, NULL) == 0;
    sb_o_post_done(g->o, progress_back, g, free_progress);
}

void sb_o_poll_progress(struct sb_orchestrator *o, struct held_card *card)
{
    struct progress *g = calloc(1, sizeof *g);
    if (!g)
        return;
    g->o = o;
    if (sb_str_set(&g->card_id, card->card.id) || sb_str_set(&g->ns, card->card.target) || sb_str_set(&g->index, card->card.index_name) ||
        sb_o_members(o, &g->members, &g->members_n, &g->primary)) {
        free_progress(g);
        return;
    }
    card->run.polling = sb_o_work(o, progress_work, g, free_progress);
}
