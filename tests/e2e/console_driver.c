/* SPDX-License-Identifier: Apache-2.0
 *
 * console_driver: the real main loop of the console on the real terminal, with recorded news instead of an orchestrator.
 * A test program, no part of the product.
 *
 *   console_driver [--theme T] [--keymap K] [--clock TIME] [--log FILE] [--entries N] [--state DIR] [--face line|presenter] [NAME...]
 *
 * After `hello` the recordings NAME of tests/screen/fixture are posted. `approve` is followed by 06 to 09. With --entries
 * the ledger has that many entries, made up when they are asked for. A request "crash SEGV" raises that signal, "bye" ends
 * the orchestrator, "storm N" posts N entries, "exit" ends the process with exit(3). Every ask is appended to the log as a
 * line of JSON. */
#include "../screen/fixture.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/regex.h>
#include <signalbox/bus/pool.h>
#include <signalbox/cli/embed.h>
#include <signalbox/cli/screen.h>
#include <signalbox/tui/tui.h>

#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

struct driver {
    struct sb_queue *news;
    char **names;
    int names_n;
    FILE *log;
    int64_t entries, base_ts;
};

static void free_message(void *m)
{
    sb_message_free(m);
}

static void post(void *ctx, struct sb_message *m)
{
    struct driver *d = ctx;
    if (m->type == SB_NEWS_STRIP)
        sb_queue_post_telemetry(d->news, 1, m->type, m, free_message);
    else
        sb_queue_post(d->news, m->type, m, free_message);
}

static void play(struct driver *d, const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    if (fixture_read(name, post, d, &err))
        fprintf(stderr, "%s\n", err.msg);
}

static void answer(struct driver *d, int64_t seq, bool ok, const char *text)
{
    struct sb_message *m = sb_message_new(SB_NEWS_ANSWER, seq);
    struct sb_answer *a = m->body;
    a->ok = ok;
    if (sb_str_set(&a->text, text) == 0)
        post(d, m);
}

static int fill_row(const struct driver *d, struct sb_audit_row *row, int64_t seq)
{
    char text[80];
    snprintf(text, sizeof text, "entry number %" PRId64 " of a long ledger", seq);
    row->seq = seq;
    row->ts = d->base_ts + seq * 1000;
    return sb_str_set(&row->kind, "sampler") || sb_str_set(&row->actor, "orchestrator") || sb_str_set(&row->text, text) ? -1 : 0;
}

static void audit(struct driver *d, const struct sb_message *ask)
{
    const struct sb_audit_ask *a = ask->body;
    struct sb_message *m = sb_message_new(SB_NEWS_AUDIT, ask->seq);
    struct sb_audit_page *page = m->body;
    page->before = a->before;
    page->head = d->entries;
    struct sb_matcher *matcher = a->match ? sb_matcher_new(a->match, (a->plain ? SB_REGEX_PLAIN : 0u) | (a->caseless ? SB_REGEX_CASELESS : 0u), NULL) : NULL;
    int64_t step = a->upward ? 1 : -1, seq = a->before && a->before <= d->entries ? a->before + step : a->upward ? 1 : d->entries;
    for (int64_t i = 0; i < (matcher ? 2000 : a->limit) && (int64_t)page->rows_n < a->limit && seq > 0 && seq <= d->entries; i++, seq += step) {
        struct sb_audit_row *row = SB_PUSH(page->rows);
        if (!row || fill_row(d, row, seq))
            break;
        if (!matcher)
            continue;
        page->searched_from = page->searched_from ? page->searched_from : seq;
        page->searched_to = seq;
        if ((sb_matcher_match(matcher, row->text, strlen(row->text)) == 1) == a->without) {
            sb_record_release(&sb_audit_row_schema, row);
            page->rows_n--;
        }
    }
    sb_matcher_free(matcher);
    page->at_start = seq <= 0 || seq > d->entries;
    post(d, m);
}

static void storm(struct driver *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        struct sb_message *m = sb_message_new(SB_NEWS_ENTRY, 0);
        if (m && fill_row(d, m->body, ++d->entries) == 0)
            post(d, m);
    }
}

static void request(struct driver *d, const struct sb_message *m)
{
    const char *text = ((const struct sb_text *)m->body)->text;
    int64_t n;
    if (sb_streq(text, "crash SEGV"))
        raise(SIGSEGV);
    else if (sb_streq(text, "crash ABRT"))
        abort();
    else if (sb_streq(text, "exit"))
        exit(7);
    else if (sb_streq(text, "bye"))
        play(d, "ended");
    else if (sb_starts_with(text, "storm ") && sb_parse_i64(text + 6, &n) == 0)
        storm(d, n);
    answer(d, m->seq, true, "It was read as index.review of shop.orders; a card will follow.");
}

/* Called by the main loop; everything is answered at once. */
static void ask(void *ctx, struct sb_message *m)
{
    struct driver *d = ctx;
    json_t *json = sb_message_to_json(m);
    if (json && d->log) {
        json_dumpf(json, d->log, JSON_COMPACT);
        fputc('\n', d->log);
        fflush(d->log);
    }
    json_decref(json);
    if (m->type == SB_ASK_HELLO)
        for (int i = 0; i < d->names_n; i++)
            play(d, d->names[i]);
    else if (m->type == SB_ASK_AUDIT && d->entries)
        audit(d, m);
    else if (m->type == SB_ASK_REQUEST)
        request(d, m);
    else if (m->type == SB_ASK_APPROVE) {
        static const char *const then[] = {"06-approved", "07-executing", "08-watching", "09-pass"};
        for (size_t i = 0; i < SB_COUNT(then); i++)
            play(d, then[i]);
    } else if (m->type != SB_ASK_BYE && m->type != SB_ASK_CASE && m->type != SB_ASK_AUDIT)
        answer(d, m->seq, true, sb_message_name(m->type));
    sb_message_free(m);
}

/* What a doctor would find of the terminal, and that he is done. */
static void doctor(void *ctx, const struct sb_screen_size *terminal)
{
    struct sb_message *m = sb_message_new(SB_NEWS_DOCTOR, 0);
    struct sb_doctor *found = m ? m->body : NULL;
    struct sb_doctor_finding *f = found ? SB_PUSH(found->findings) : NULL;
    if (f && sb_str_set(&f->area, "terminal") == 0 && (f->what = sb_format("%dx%d, %d colours", terminal->w, terminal->h, terminal->colors))) {
        found->done = true;
        post(ctx, m);
    } else {
        sb_message_free(m);
    }
}

static struct sb_screen_file built_in(const char *folder, const char *name, const char *suffix)
{
    static char paths[4][64];
    static int used;
    char *path = paths[used++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.%s", folder, name, suffix);
    struct sb_screen_file f = {.path = path};
    f.text = sb_embedded(path, &f.len);
    if (!f.text)
        fprintf(stderr, "there is no %s\n", path);
    return f;
}

int main(int argc, char **argv)
{
    const char *theme = "dark", *keymap = "default", *clock = NULL, *log = NULL, *entries = NULL, *state = NULL, *face = NULL;
    const struct {
        const char *name, **value;
    } options[] = {{"--theme", &theme}, {"--keymap", &keymap}, {"--clock", &clock}, {"--log", &log}, {"--entries", &entries}, {"--state", &state}, {"--face", &face}};
    int first = 1;
    for (bool found = true; found && first + 1 < argc;) {
        found = false;
        for (size_t i = 0; i < SB_COUNT(options) && !found; i++)
            if (sb_streq(argv[first], options[i].name)) {
                *options[i].value = argv[first + 1];
                first += 2;
                found = true;
            }
    }
    struct sb_err err = SB_ERR_INIT;
    struct driver d = {.names = argv + first, .names_n = argc - first, .base_ts = INT64_C(1767225600000)};
    struct sb_origin origin;
    sb_origin_seeded(&origin, 1);
    if (clock && sb_time_parse(clock, strlen(clock), &origin.start_wall_ms))
        return 2;
    if (entries && sb_parse_i64(entries, &d.entries))
        return 2;
    d.log = log ? fopen(log, "ae") : NULL;
    d.news = sb_queue_new(64, &err);
    if (!d.news)
        return 2;
    struct sb_screen_options o = {
        .news = d.news, .ask = ask, .doctor = doctor, .ctx = &d, .seat = {.who = (char *)"alice", .how = (char *)"console"}, .connecting = "shop (recorded)",
        .theme = built_in("themes", theme, "theme"), .mono = built_in("themes", "mono", "theme"), .keymap = {built_in("keymaps", keymap, "keys")},
        .state_dir = state, .osc52 = state != NULL, .origin = clock ? &origin : NULL,
    };
    static const unsigned char veil[SB_TUI_VEIL] = "not a random one";
    o.line = sb_streq(face, "line");
    o.veil = sb_streq(face, "presenter") ? veil : NULL;
    int end = sb_screen_run(&o, &err);
    static const char *const ends[] = {"left", "gone", "stopped"};
    if (d.log) {
        fprintf(d.log, "{\"end\":\"%s\"}\n", end < 0 ? "error" : ends[end]);
        fclose(d.log);
    }
    sb_queue_free(d.news);
    if (end < 0) {
        fprintf(stderr, "signalbox: %s\n", err.msg);
        return sb_exit_status(err.code);
    }
    printf("end: %s\n", ends[end]);
    return end == SB_SCREEN_LEFT ? 0 : 10 + end;
}
