/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/classify.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/routes.h>
#include <signalbox/cli/session.h>

#include <stdio.h>
#include <string.h>

#define CONNECT_MS 15000
#define FIRST_SAMPLES 3 /* of an orchestrator of our own, before it is asked anything */
#define ANSWER_MS 120000

/* Waits until the deployment is known and has been sampled; the last reason why not is kept for the error. */
static int wait_connected(struct sb_session *s, struct sb_err *err)
{
    char note[400] = "no answer";
    bool away = true; /* rather than there, and refusing */
    int64_t until = sb_mono_ms() + CONNECT_MS;
    for (;;) {
        int64_t left = until - sb_mono_ms();
        struct sb_message *m = left > 0 ? sb_session_wait(s, SB_NEWS_STRIP, -1, (int)left) : NULL;
        if (!m)
            return sb_fail(err, SB_ESERVER, "%s: %s%s%s", sb_session_target(s), note, away ? ". Look whether it runs" : "",
                           away && sb_session_owns(s) ? ", and whether the connection string names it, with its set's name (--uri-file, uri_file in the config, or SIGNALBOX_URI)" : "");
        const struct sb_strip *strip = m->body;
        bool ready = strip->samples >= FIRST_SAMPLES, ledger_ok = strip->ledger_ok;
        if (!ledger_ok)
            sb_fail(err, SB_ELEDGER, "no request is taken: %s", strip->ledger_note ? strip->ledger_note : "the ledger cannot be written");
        if (strip->note)
            snprintf(note, sizeof note, "%s", strip->note);
        away = strip->obstacle != SB_OBSTACLE_REFUSES && strip->obstacle != SB_OBSTACLE_BOUND;
        sb_message_free(m);
        if (!ledger_ok)
            return -1;
        if (ready)
            return 0;
    }
}

static struct sb_message *request(struct sb_session *s, const char *text, struct sb_err *err)
{
    sb_session_ask(s, sb_message_text(SB_ASK_REQUEST, 2, text));
    struct sb_message *m = sb_session_wait(s, SB_NEWS_ANSWER, 2, ANSWER_MS);
    if (!m)
        sb_session_unanswered(s, ANSWER_MS, err);
    return m;
}

/* The cards an answer names, whole. New list or NULL. */
static json_t *fetch_cards(struct sb_session *s, const struct sb_answer *a, bool print)
{
    json_t *list = json_array();
    size_t n = a->cards_n ? a->cards_n : a->card && a->card[0]; /* of this case, or the one that is there already */
    for (size_t i = 0; list && i < n; i++) {
        sb_session_ask(s, sb_message_text(SB_ASK_CARD, 10 + (int64_t)i, a->cards_n ? a->cards[i] : a->card));
        struct sb_message *m = sb_session_wait(s, SB_NEWS_CARD, 10 + (int64_t)i, 10000);
        if (!m)
            continue;
        if (print)
            sb_card_print(m->body);
        json_array_append_new(list, sb_card_json(m->body));
        sb_message_free(m);
    }
    return list;
}

int sb_cmd_ask(int argc, char **argv)
{
    bool json = false, only_classify = false, dry_run = false, print_intents = false, print_routes = false, lint = false, read_only = false;
    const char *deployment = NULL, *uri_file = NULL, *intents = NULL, *routes = NULL;
    const struct sb_option options[] = {{"--json", &json, NULL}, {"--classify", &only_classify, NULL}, {"--dry-run", &dry_run, NULL}, {"--intents", NULL, &intents}, {"--print-intents", &print_intents, NULL},
                                        {"--routes", NULL, &routes}, {"--print-routes", &print_routes, NULL}, {"--lint", &lint, NULL},
                                        {"--deployment", NULL, &deployment}, {"--uri-file", NULL, &uri_file}, {"--read-only", &read_only, NULL}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (print_intents)
        return words == 0 && argc == 2 ? sb_print_intents() : sb_usage_error("ask --print-intents stands alone");
    if (print_routes)
        return words == 0 && argc == 2 ? sb_print_routes() : sb_usage_error("ask --print-routes stands alone");
    if (lint)
        return words == 0 && !only_classify && !dry_run ? sb_lint_requests(intents, routes) : sb_usage_error("ask --lint takes no request");
    if (only_classify)
        return words == 0 && !dry_run && !routes ? sb_classify(intents) : sb_usage_error("ask --classify reads one request a line on its standard input");
    if (words != 1)
        return sb_usage_error("ask takes one request in quotes (see: signalbox help ask)");
    if (dry_run)
        return sb_dry_run(intents, routes, deployment, argv[1], json);
    if (intents || routes)
        return sb_usage_error("ask: --intents and --routes go with --dry-run or --lint, --intents also with --classify; for requests it is set in the config");
    struct sb_err err = SB_ERR_INIT;
    struct sb_session *s = sb_session_open(&(struct sb_session_options){.deployment = deployment, .uri_file = uri_file, .read_only = read_only, .attach = true}, &err);
    if (!s)
        return sb_complain(&err);
    sb_session_ask(s, sb_message_hello(1, "cli", read_only));
    struct sb_message *m = wait_connected(s, &err) ? NULL : request(s, argv[1], &err);
    int status = m ? 0 : sb_exit_status(err.code);
    if (m) {
        const struct sb_answer *a = m->body;
        status = a->ok ? 0 : (int)a->status;
        if (!json && a->ok)
            sb_print("%s\n", a->text);
        else if (!json)
            sb_usage_error("%s", a->text);
        json_t *cards = fetch_cards(s, a, !json);
        if (json)
            sb_print_json(json_pack("{s:b,s:s,s:s?,s:o}", "ok", a->ok, "answer", a->text, "case", a->case_id, "cards", cards));
        else
            json_decref(cards);
        sb_message_free(m);
    } else {
        sb_complain(&err);
    }
    sb_session_close(s, "the request was answered", status);
    return status;
}
