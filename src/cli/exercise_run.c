/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise_run.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/bus/pool.h>
#include <signalbox/cli/command.h>
#include <signalbox/model/names.h>

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS 2000

/* ---- what the record says so far ---- */

/* The entry with which this run began; 0: there is none yet. */
static int64_t first_entry(const struct exercise_run *run, struct sb_ledger *l)
{
    int64_t *seqs = NULL, found = 0;
    size_t n = 0;
    if (sb_ledger_seqs_of(l, 1, 0, SB_ENTRY_START, &seqs, &n, NULL))
        n = 0;
    for (size_t i = n; i-- > 0 && !found;) {
        struct sb_entry e;
        if (sb_ledger_entry(l, seqs[i], &e, NULL))
            continue;
        if (e.kind == SB_ENTRY_START)
            found = e.ts >= run->started_at - 1000 ? e.seq : -1;
        sb_entry_release(&e);
    }
    free(seqs);
    return found > 0 ? found : 0;
}

/* 1: measured; 0: nothing is on record yet; -1 with err. */
static int measure(struct exercise_run *run, struct sb_ledger *l, struct exercise_result *r, struct sb_err *err)
{
    if (!run->first)
        run->first = first_entry(run, l); /* goes through the whole ledger, so once */
    if (!run->first)
        return 0;
    if (sb_exercise_score(l, run->first, &run->x, run->begun_at, sb_origin_wall_ms(sb_session_origin(run->session)), r, err))
        return -1;
    r->speed = run->speed;
    return 1;
}

/* ---- beside the console ---- */

static void tell(struct exercise_run *run, int level, char *text)
{
    struct sb_message *m = text ? sb_message_new(SB_NEWS_NOTICE, 0) : NULL;
    if (m) {
        struct sb_notice *n = m->body;
        n->severity = level;
        n->text = text;
        sb_queue_post(sb_session_news(run->session), SB_NEWS_NOTICE, m, (sb_free_fn)sb_message_free);
    } else {
        free(text);
    }
}

/* True when it is to be looked at again. */
static bool wait_a_while(struct exercise_run *run)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_MS / 1000;
    pthread_mutex_lock(&run->lock);
    while (!run->leaving && pthread_cond_timedwait(&run->bell, &run->lock, &until) == 0)
        ;
    bool go_on = !run->leaving;
    pthread_mutex_unlock(&run->lock);
    return go_on;
}

static bool all_done(struct exercise_run *run)
{
    struct exercise_result r;
    struct sb_ledger *l = sb_ledger_open(sb_session_state_dir(run->session), SB_LEDGER_READ, NULL, NULL);
    bool done = l && measure(run, l, &r, NULL) > 0;
    if (done) {
        done = r.right && r.decided_ms >= 0 && r.recovered_ms >= 0 && !r.unfinished;
        sb_record_release(&sb_exercise_result_schema, &r);
    }
    sb_ledger_close(l);
    return done;
}

static void *watch(void *arg)
{
    struct exercise_run *run = arg;
    size_t hint = 0;
    bool done = false;
    tell(run, SB_LOW, sb_format("exercise %s, level %" PRId64 ": %s", run->x.name, run->x.level, run->x.brief));
    while (wait_a_while(run) && !done) {
        int64_t now = sb_origin_wall_ms(sb_session_origin(run->session));
        if (now < run->begun_at)
            continue;
        if ((done = all_done(run)))
            tell(run, SB_LOW, sb_format("exercise %s is done: leave, and the debrief is told", run->x.name));
        else if (hint < run->x.hints_n && (now - run->begun_at) * run->speed >= run->x.hints[hint].after_ms)
            tell(run, SB_LOW, sb_format("hint %zu of %zu: %s", hint + 1, run->x.hints_n, run->x.hints[hint].text)), hint++;
    }
    return NULL;
}

/* ---- its end ---- */

static int record(struct sb_ledger *l, const struct exercise_result *r, struct sb_err *err)
{
    struct passwd *pw = getpwuid(getuid());
    struct sb_entry e = {.kind = SB_ENTRY_EXERCISE, .plan = {.simulated = true, .deployment = (char *)(uintptr_t)"demo"}};
    e.actor.principal = pw ? pw->pw_name : (char *)(uintptr_t)"unknown";
    e.body = json_pack("{s:o}", "result", sb_record_to_json(&sb_exercise_result_schema, r));
    int rc = e.body ? sb_ledger_append(l, &e, err) : sb_fail_nomem(err);
    json_decref(e.body);
    return rc;
}

static int tell_end(struct exercise_run *run, const struct exercise_result *r, const struct exercise_result *best, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_exercise_debrief(&run->x, r, best, false, &text) ? sb_fail_nomem(err) : 0;
    if (rc == 0)
        sb_print("%s", text.p);
    sb_str_clear(&text);
    if (rc == 0 && run->debrief) {
        rc = sb_exercise_debrief(&run->x, r, best, true, &text) ? sb_fail_nomem(err) : sb_file_write(run->debrief, 0644, text.p, text.len, err);
        if (rc == 0)
            sb_print("\nThe same as Markdown: %s\n", run->debrief);
    }
    sb_str_release(&text);
    return rc;
}

static int last_word(void *ctx, int status)
{
    struct exercise_run *run = ctx;
    struct sb_err err = SB_ERR_INIT;
    struct exercise_result r, best;
    if (run->watching) {
        pthread_mutex_lock(&run->lock);
        run->leaving = true;
        pthread_cond_signal(&run->bell);
        pthread_mutex_unlock(&run->lock);
        pthread_join(run->thread, NULL);
        run->watching = false;
    }
    const struct sb_config *config = sb_session_config(run->session);
    struct sb_ledger *l = sb_ledger_open_witnessed(sb_session_state_dir(run->session), config->witness, SB_LEDGER_OWN, (struct sb_origin *)(uintptr_t)sb_session_origin(run->session), &err);
    int rc = l ? measure(run, l, &r, &err) : -1;
    if (rc > 0) {
        bool earlier = sb_exercise_best(l, run->x.name, sb_ledger_head(l), &best);
        rc = r.begun_at ? record(l, &r, &err) : 0;
        rc = tell_end(run, &r, earlier ? &best : NULL, &err) || rc ? -1 : 0;
        if (earlier)
            sb_record_release(&sb_exercise_result_schema, &best);
        sb_record_release(&sb_exercise_result_schema, &r);
    }
    sb_ledger_close(l);
    return rc < 0 && status == 0 ? sb_complain(&err) : status;
}

void sb_exercise_begun(void *ctx, struct sb_session *s)
{
    struct exercise_run *run = ctx;
    struct sb_err err = SB_ERR_INIT;
    pthread_condattr_t mono;
    run->session = s;
    run->started_at = sb_origin_wall_ms(sb_session_origin(s));
    run->begun_at = run->started_at + run->x.begins_ms / run->speed;
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&run->bell, &mono);
    pthread_condattr_destroy(&mono);
    run->watching = sb_thread_start(&run->thread, watch, run, "sb-exercise", &err) == 0; /* without it nothing is told on the way; the end is */
    sb_session_last_word(s, last_word, run);
}
