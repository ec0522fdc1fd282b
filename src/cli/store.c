/* SPDX-License-Identifier: Apache-2.0
 *
 * `signalbox store`: how the shared store stands, what a person says about it, and a decision about another host's card. */
#include "store.h"
#include "store_lease.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/approval.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/link.h>
#include <signalbox/mongo/server.h>
#include <signalbox/shared/store.h>
#include <signalbox/shared/listener.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define ANSWER_MS 60000
#define LOOK_MS 250
#define WAIT_S 30

struct args {
    bool json;
    const char *hash, *log, *target, *reason, *sign, *as, *wait;
};

/* ---- the store, to look at ---- */

int sb_store_look(const struct sb_config *config, const char *state_dir, struct sb_ledger *reader, struct sb_store **out, struct sb_err *err)
{
    struct sb_str uri;
    sb_str_init(&uri);
    *out = NULL;
    if (!config->store || !config->store_uri_file)
        return sb_fail(err, SB_EUSAGE, "the config names no store (set store mongodb, set store_uri_file PATH; see: signalbox help store)");
    if (sb_uri_from_file(config->store_uri_file, &uri, err) == 0) {
        const struct sb_store_options o = {.uri = uri.p, .database = config->store_database, .state_dir = reader ? state_dir : NULL, .log = reader ? sb_ledger_id(reader) : NULL,
                                           .on_watched = config->store_on_watched, .look = true};
        *out = sb_store_open(&o, err);
    }
    if (uri.p)
        explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return *out ? 0 : -1;
}

static int print_status(struct sb_store *s, struct sb_ledger *reader, bool json, struct sb_err *err)
{
    const char *why;
    enum sb_store_state state = sb_store_check(s, reader, &why);
    int64_t head = reader ? sb_ledger_head(reader) : 0, acked = sb_store_acked(s);
    struct sb_err said = SB_ERR_INIT;
    int rc, tells = state == SB_STORE_WELL || state == SB_STORE_HELD ? sb_store_tells(s, &said) : -1;
    const char *live = tells > 0 ? "change streams" : tells == 0 ? "polling" : NULL;
    if (json) {
        rc = sb_print_json(json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:I,s:I}", "state", sb_name(&sb_store_states, (int)state), "why", why, "servers", sb_store_shown(s), "store", sb_store_id(s), "live", live, "ledger",
                                     reader ? sb_ledger_id(reader) : NULL, "entries", (json_int_t)head, "there", (json_int_t)acked));
    } else {
        rc = sb_print("store %s %s: %s%s%s\n", sb_store_shown(s), sb_store_id(s)[0] ? sb_store_id(s) : "(not known)", sb_name(&sb_store_states, (int)state), why[0] ? ": " : "", why);
        if (rc == 0 && live)
            rc = sb_print(tells ? "live: its change streams tell each host what is for it\n" : "live: polling, every host looks once a second: %s\n", said.msg);
        if (rc == 0 && reader)
            rc = sb_print("ledger %s: %" PRId64 " of %" PRId64 " entries are there\n", sb_ledger_id(reader), acked, head);
    }
    if (rc)
        return sb_fail(err, SB_EIO, "cannot write");
    return state == SB_STORE_WELL ? 0 : state == SB_STORE_AWAY ? 3 : 1;
}

/* ---- what a person says about it ---- */

static int accept_restored(const char *dir, const struct args *a, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_queue *news = sb_queue_new(16, err);
    struct sb_link *l = news ? sb_link_open(dir, news, &why) : NULL;
    struct sb_message *m = l ? sb_message_new(SB_ASK_STORE, 2) : NULL;
    struct sb_remark_on *r = m ? m->body : NULL;
    struct sb_mail mail;
    int rc = -1;
    if (!l && news) {
        sb_fail(err, SB_ESTATE, "no signalbox owns the ledger now, and it is its owner who says so on the record; start: signalbox serve");
        sb_link_elsewhere(dir, err);
    } else if (r && sb_str_set(&r->id, "accept-restored") == 0 && sb_str_set(&r->text, a->reason) == 0) {
        sb_link_ask(l, sb_message_hello(1, "cli", false));
        sb_link_ask(l, m);
        m = NULL;
        while (rc < 0 && err->code == SB_OK) {
            struct sb_message *got = sb_queue_wait(news, &mail, ANSWER_MS) ? mail.payload : NULL;
            const struct sb_answer *answer = got && got->type == SB_NEWS_ANSWER && got->seq == 2 ? got->body : NULL;
            if (!got || got->type == SB_NEWS_BYE)
                sb_fail(err, SB_EIO, "the owner of the ledger did not answer");
            if (answer) {
                rc = answer->ok ? 0 : (int)answer->status;
                if (a->json)
                    sb_print_json(sb_record_to_json(sb_message_schema(SB_NEWS_ANSWER), answer));
                else if (answer->ok)
                    sb_print("%s\n", answer->text);
                else
                    sb_usage_error("%s", answer->text);
            }
            sb_message_free(got);
        }
    } else if (l) {
        sb_fail_nomem(err);
    }
    sb_message_free(m);
    sb_link_close(l);
    if (news)
        sb_queue_free(news);
    return rc;
}

/* ---- another host's card ---- */

/* Waits for the owner's answer. The exit status, or -1. */
static int await_answer(struct sb_store *s, const struct sb_store_approval *a, int64_t seconds, bool json, struct sb_err *err)
{
    struct sb_store_approval seen;
    int64_t until = sb_mono_ms() + seconds * 1000;
    int answered = sb_store_approval_read(s, a->nonce, &seen, err);
    while (answered == 0 && sb_mono_ms() < until) {
        const struct timespec pause = {0, LOOK_MS * 1000000};
        sb_store_approval_release(&seen);
        nanosleep(&pause, NULL);
        answered = sb_store_approval_read(s, a->nonce, &seen, err);
    }
    int rc = answered < 0 ? -1 : answered && !seen.ok ? 4 : 0;
    if (answered >= 0 && json)
        sb_print_json(json_pack("{s:b,s:b,s:s,s:s,s:s,s:I,s:s?}", "answered", answered, "ok", seen.ok, "card", a->card, "ledger", a->log, "nonce", a->nonce, "entry", (json_int_t)(answered ? seen.n : 0), "answer", seen.why));
    else if (answered == 0)
        sb_print("%s of the ledger %.12s: it is in the store, and its owner has not answered yet.\n", a->card, a->log);
    else if (answered > 0 && seen.ok)
        sb_print("%s of the ledger %.12s: %s.\n", a->card, a->log, seen.why ? seen.why : "done");
    else if (answered > 0)
        sb_usage_error("%s of the ledger %.12s: its owner refused: %s", a->card, a->log, seen.why ? seen.why : "no reason was given");
    sb_store_approval_release(&seen);
    return rc;
}

static int decide(struct sb_store *s, const char *verb, const char *id, const struct args *a, struct sb_err *err)
{
    struct sb_card card;
    struct sb_decision_on d = {.card = (char *)(uintptr_t)id, .hash = (char *)(uintptr_t)a->hash, .reason = (char *)(uintptr_t)a->reason};
    char of[SB_LOG_ID_LEN + 1];
    const char *why;
    int64_t now, seconds = WAIT_S;
    int rc = -1;
    if (sb_option_number("store", "--wait", a->wait, 0, 86400, &seconds))
        return 2;
    if (sb_store_check(s, NULL, &why) != SB_STORE_WELL)
        return sb_fail(err, sb_store_find_fault(s, NULL) == SB_STORE_AWAY ? SB_ESERVER : SB_ESTATE, "%s", why);
    if (sb_store_card(s, a->log, id, of, &card, err))
        return -1;
    if (sb_store_now(s, &now, err) == 0 && sb_approval_sign_at(verb, &card, NULL, a->sign, a->as, now, &d, err) == 0) {
        json_t *statement = sb_json_parse(d.statement, strlen(d.statement), "the statement", SB_JSON_STRICT, err);
        struct sb_store_approval x = {.nonce = (char *)(uintptr_t)sb_json_str(statement, "nonce"), .log = of, .card = card.id, .sha256 = card.hash, .revision = card.revision,
                                      .what = (char *)(uintptr_t)verb, .statement = d.statement, .signature = d.signature, .by = (char *)(uintptr_t)sb_json_str(statement, "by"),
                                      .reason = (char *)(uintptr_t)a->reason, .target = (char *)(uintptr_t)a->target};
        rc = statement && sb_store_approve(s, &x, err) == 0 ? await_answer(s, &x, seconds, a->json, err) : -1;
        json_decref(statement);
    }
    free(d.statement);
    free(d.signature);
    sb_card_release(&card);
    return rc;
}

static int with_store(const char *verb, const char *id, const struct args *a, const char *dir, struct sb_err *err)
{
    struct sb_config config;
    struct sb_store *s = NULL;
    struct sb_ledger *reader = NULL;
    int rc = sb_config_use(&config, NULL, err);
    if (rc)
        return -1;
    bool own = !id && sb_ledger_find(dir, NULL) == 0;
    sb_mongo_init();
    if (own && !(reader = sb_ledger_open(dir, SB_LEDGER_READ, NULL, err)))
        rc = -1;
    if (rc == 0 && (rc = sb_store_look(&config, dir, reader, &s, err)) == 0)
        rc = id ? decide(s, verb, id, a, err) : print_status(s, reader, a->json, err);
    sb_store_close(s);
    sb_ledger_close(reader);
    sb_mongo_cleanup();
    sb_config_release(&config);
    return rc;
}

int sb_cmd_store(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int (*run)(int argc, char **argv);
    } of_leases[] = {{"leases", sb_store_leases}, {"take-over", sb_store_take_over}, {"maintenance", sb_store_maintenance}};
    for (size_t i = 0; argc > 1 && i < SB_COUNT(of_leases); i++)
        if (sb_streq(argv[1], of_leases[i].verb))
            return of_leases[i].run(argc - 1, argv + 1);
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL}, {"--hash", NULL, &a.hash}, {"--log", NULL, &a.log}, {"--target", NULL, &a.target},
                                        {"--reason", NULL, &a.reason}, {"--sign", NULL, &a.sign}, {"--as", NULL, &a.as}, {"--wait", NULL, &a.wait}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    const char *verb = words > 0 ? argv[1] : "status", *id = words > 1 ? argv[2] : NULL;
    bool decides = sb_streq(verb, "approve") || sb_streq(verb, "reject"), accepts = sb_streq(verb, "accept-restored");
    if ((!decides && !accepts && !sb_streq(verb, "status")) || words > 2 || decides != (id != NULL))
        return sb_usage_error("store takes: status, accept-restored, approve ID, reject ID, leases, take-over or maintenance (see: signalbox help store)");
    if (decides && (!a.hash || !a.sign))
        return sb_usage_error("store %s needs --hash H, as it was shown, and --sign KEY (see: signalbox help store)", verb);
    if ((accepts || sb_streq(verb, "reject")) && !a.reason)
        return sb_usage_error("store %s needs --reason TEXT: it is what the next person reads", verb);
    struct sb_err err = SB_ERR_INIT;
    struct sb_str dir;
    sb_str_init(&dir);
    int rc = sb_path_state_seen(&dir, &err) ? -1 : accepts ? accept_restored(dir.p, &a, &err) : with_store(verb, id, &a, dir.p, &err);
    sb_str_release(&dir);
    return rc < 0 ? sb_complain(&err) : rc;
}
