/* SPDX-License-Identifier: Apache-2.0
 *
 * How far an index build is, read from every member while it runs. It is shown and decides nothing. */
#include "private.h"

#include <string.h>

struct progress {
    struct sb_orchestrator *o;
    struct errand way;
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

/* What a build does one after the other, as the server's own messages name it. */
static const struct {
    const char *word, *shown;
} phases[] = {{"scanning", "scanning the collection"}, {"inserting", "inserting keys"}, {"draining", "draining writes"}};

static int phase_of(const char *text)
{
    for (size_t i = SB_COUNT(phases); text && i-- > 0;)
        if (strstr(text, phases[i].word))
            return (int)i;
    return -1;
}

static double share(int64_t done, int64_t total)
{
    return total > 0 ? (double)done / (double)total : 0;
}

/* The slowest member tells how far the build is: the one in the earliest phase, and there the one that has done least. */
static const struct sb_build_info *slowest_of(const struct sb_catalogue *c, const char *index)
{
    const struct sb_build_info *slowest = NULL;
    for (size_t i = 0; i < c->builds_n; i++) {
        const struct sb_build_info *b = &c->builds[i];
        if (!sb_streq(b->name, index) || b->total <= 0 || b->done < 0)
            continue;
        int here = phase_of(b->msg), there = slowest ? phase_of(slowest->msg) : 0;
        if (!slowest || here < there || (here == there && share(b->done, b->total) < share(slowest->done, slowest->total)))
            slowest = b;
    }
    return slowest;
}

bool sb_o_show_progress(struct sb_progress *shown, const struct sb_catalogue *builds, const char *index, size_t members)
{
    const struct sb_build_info *b = slowest_of(builds, index);
    if (!b)
        return false;
    int phase = phase_of(b->msg), before = shown->total > 0 ? phase_of(shown->phase) : -1;
    if (phase < before || (shown->total > 0 && phase == before && share(b->done, b->total) < share(shown->done, shown->total)))
        return false; /* a member that tells late, or another one's scale: the build has not gone back */
    char text[256];
    snprintf(text, sizeof text, "%s on %zu members, slowest %.100s", phase < 0 ? "building" : phases[phase].shown, members, b->member);
    if (sb_str_set(&shown->phase, text))
        return false;
    shown->done = b->done;
    shown->total = b->total;
    /* the running time is the whole build's: behind its first phase it tells nothing of the present one */
    double left = phase <= 0 && b->done > 0 ? (double)b->running_ms * (1 / share(b->done, b->total) - 1) : 0;
    shown->eta_ms = left > 0 && left < 1e15 ? (int64_t)left : 0;
    return true;
}

/* Behind the first phase, whose pace the server tells: what was done since the present one was first seen tells its pace. */
static void estimate(const struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_progress *g = &card->card.progress;
    int phase = phase_of(g->phase);
    int64_t now = sb_mono_ms();
    if (phase != card->run.build_phase || g->done < card->run.phase_done) {
        card->run.build_phase = phase;
        card->run.phase_ms = now;
        card->run.phase_done = g->done;
    } else if (phase > 0 && g->done > card->run.phase_done && g->total > g->done) {
        double left = (double)(now - card->run.phase_ms) / (double)(g->done - card->run.phase_done) * (double)(g->total - g->done) * (double)o->facts.speed;
        g->eta_ms = left < 1e15 ? (int64_t)left : 0;
    }
}

/* Who must have the index ready before the primary commits it, as the step's command says. */
static void name_quorum(struct sb_card *c)
{
    int64_t step = c->progress.step;
    if (c->progress.quorum || step < 1 || (size_t)step > c->steps_n)
        return;
    bson_t *command = bson_new_from_json((const uint8_t *)c->steps[step - 1].action, -1, NULL);
    bson_iter_t it;
    char number[24] = "";
    if (command && bson_iter_init_find(&it, command, "commitQuorum")) {
        if (BSON_ITER_HOLDS_INT(&it))
            snprintf(number, sizeof number, "%lld", (long long)bson_iter_as_int64(&it));
        int ignored = sb_str_set(&c->progress.quorum, BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : number); /* out of memory: it is named at the next look */
        (void)ignored;
    }
    if (command)
        bson_destroy(command);
}

static void progress_back(struct sb_orchestrator *o, void *p)
{
    struct progress *g = p;
    struct held_card *card = sb_o_card(o, g->card_id);
    if (card) {
        card->run.polling = false;
        if (g->have && (card->run.forward_away || card->run.unanswered) && sb_o_show_progress(&card->card.progress, &g->builds, g->index, g->members_n)) {
            estimate(o, card);
            name_quorum(&card->card);
            sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
        }
        sb_o_guard_build(o, card);
    }
    free_progress(g);
}

static void progress_work(void *p)
{
    struct progress *g = p;
    struct sb_members m = {(const char *const *)g->members, g->members_n, g->primary};
    g->have = sb_catalogue_read_builds(g->o->opt.server, &m, g->ns, &g->builds, NULL) == 0;
    sb_o_post_done(g->o, &g->way, progress_back, g, free_progress);
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
    card->run.polling = sb_o_work(o, &g->way, progress_work, g, free_progress);
}
