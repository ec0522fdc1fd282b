/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes that the detector is told of: those that somebody marks, those that this program makes, and those that it sees (altered.c).
 * A mark goes on the record first; what was executed is there already. */
#include "private.h"

#include <signalbox/agents/anomaly_detector.h>

#include <stdlib.h>
#include <string.h>

struct telling {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_change change;
    char *what, *ns, *app; /* its texts */
};

static void free_telling(void *p)
{
    struct telling *t = p;
    free(t->what);
    free(t->ns);
    free(t->app);
    free(t);
}

static void tell_detector(void *p, const struct sb_view *view)
{
    struct telling *t = p;
    int64_t now = sb_view_now(view);
    if (now) { /* before the first sample there is nothing that it could explain */
        t->change.at = t->change.at ? t->change.at : now;
        sb_detector_change(t->o->detector, &t->change);
    }
    free_telling(t);
}

void sb_o_changed(struct sb_orchestrator *o, const struct sb_change *change)
{
    struct telling *t = o->telemetry ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return;
    t->o = o;
    t->change = *change;
    if (sb_str_set(&t->what, change->what) || sb_str_set(&t->ns, change->ns) || sb_str_set(&t->app, change->app)) {
        free_telling(t);
        return;
    }
    t->change.what = t->what;
    t->change.ns = t->ns;
    t->change.app = t->app;
    sb_o_view(o, &t->way, tell_detector, t, free_telling);
}

/* One line that can be shown beside others. */
static int check_mark(const struct sb_marker *m, struct sb_err *err)
{
    if (!m->text[strspn(m->text, " \t\r\n")])
        return sb_fail(err, SB_EINPUT, "a mark says what was changed, as in \"release 4.2\"");
    if (strlen(m->text) > SB_MARK_MOST || (m->app && strlen(m->app) > SB_MARK_MOST))
        return sb_fail(err, SB_EINPUT, "a mark has at most %d bytes; what is longer belongs in the ticket that it names", SB_MARK_MOST);
    if (m->ns && (m->ns[0] == '.' || strlen(m->ns) > 255 || m->ns[strcspn(m->ns, " \"$")]))
        return sb_fail(err, SB_EINPUT, "\"%.80s\" is neither a database nor a collection: db, or db.collection", m->ns);
    return 0;
}

void sb_o_mark(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_marker *mark = m->body;
    const char *ns = mark->ns && mark->ns[0] ? mark->ns : NULL, *app = mark->app && mark->app[0] ? mark->app : NULL;
    struct sb_err err = SB_ERR_INIT;
    char *about = sb_format("%s%s%s", ns ? ns : app ? "" : "the deployment", ns && app ? ", " : "", app ? app : "");
    char *what = sb_format("%s (marked by %s)", mark->text, s->actor.principal);
    if (!about || !what)
        sb_fail_nomem(&err);
    else if (check_mark(mark, &err) == 0 &&
             sb_o_record(o, SB_ENTRY_MARK, &s->actor, NULL,
                         json_pack("{s:o,s:o,s:o,s:o}", "text", sb_o_words(mark->text), "ns", sb_o_words(ns), "app", sb_o_words(app), "about", sb_o_words(about)),
                         &err) == 0)
        sb_o_changed(o, &(struct sb_change){.what = what, .ns = ns, .app = app});
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "Marked (%s): %s", about ? about : "", mark->text);
    free(about);
    free(what);
}
