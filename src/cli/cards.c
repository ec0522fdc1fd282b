/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/cli/approval.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/link.h>
#include <signalbox/ledger/ledger.h>

#include <stdio.h>
#include <string.h>

#define ANSWER_MS 60000

struct args {
    bool json, canonical;
    const char *hash, *target, *reason, *sign, *as, *ticket, *minutes;
    const char *state_dir;
    const char *sets[SB_OPTION_TIMES + 1]; /* KEY=VALUE, NULL behind the last */
};

/* ---- what is shown ---- */

static int show_card(const struct sb_card *c, const struct args *a, struct sb_err *err)
{
    if (a->canonical) { /* exactly the bytes that are hashed and approved: not sanitized, and no newline */
        struct sb_str bytes;
        sb_str_init(&bytes);
        int rc = sb_card_canonical(c, &bytes, err);
        if (rc == 0 && fwrite(bytes.p, 1, bytes.len, stdout) != bytes.len)
            rc = sb_fail(err, SB_EIO, "cannot write");
        sb_str_release(&bytes);
        return rc;
    }
    if (a->json)
        return sb_print_json(sb_card_json(c)) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    sb_card_print(c);
    return 0;
}

static int list_card(json_t *list, const struct sb_card *c, bool json)
{
    if (!json) {
        sb_card_print_line(c);
        return 0;
    }
    return json_array_append_new(list, sb_card_json(c));
}

/* ---- with an owner ---- */

static struct sb_message *next(struct sb_queue *news, int timeout_ms)
{
    struct sb_mail mail;
    return sb_queue_wait(news, &mail, timeout_ms) ? mail.payload : NULL;
}

static void say_empty(bool json, size_t listed)
{
    if (!json && listed == 0)
        sb_print("no open cards\n");
}

/* Asks the owner for a card; the message it comes in, or NULL. */
static struct sb_message *fetch_card(struct sb_link *l, struct sb_queue *news, const char *id, struct sb_err *err)
{
    sb_link_ask(l, sb_message_text(SB_ASK_CARD, 2, id));
    for (;;) {
        struct sb_message *m = next(news, ANSWER_MS);
        if (!m || m->type == SB_NEWS_BYE) {
            sb_message_free(m);
            sb_fail(err, SB_EIO, "the owner of the ledger did not answer");
            return NULL;
        }
        if (m->seq == 2 && m->type == SB_NEWS_CARD)
            return m;
        bool refused = m->seq == 2 && m->type == SB_NEWS_ANSWER;
        if (refused)
            sb_fail(err, SB_EINPUT, "%s", ((const struct sb_answer *)m->body)->text);
        sb_message_free(m);
        if (refused)
            return NULL;
    }
}

/* Of cards that only wait the owner told a row each: those are asked for one by one. */
static int list_resting(struct sb_link *l, struct sb_queue *news, char *const *ids, size_t n, json_t *list, bool json, struct sb_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct sb_message *m = fetch_card(l, news, ids[i], err);
        if (!m)
            return -1;
        list_card(list, m->body, json);
        sb_message_free(m);
    }
    return 0;
}

static int note_rows(const struct sb_card_rows *rows, char ***ids, size_t *n)
{
    int rc = 0;
    for (size_t i = 0; i < rows->rows_n && rc == 0; i++)
        if (sb_card_row_open(&rows->rows[i]))
            rc = sb_strs_push(ids, n, rows->rows[i].id);
    return rc;
}

/* After hello the owner tells every card it holds (those that came to an end meanwhile too), then the strip. Those that rest come
 * first, being the older ones. */
static int list_attached(struct sb_link *l, struct sb_queue *news, bool json, struct sb_err *err)
{
    json_t *list = json_array();
    char **resting = NULL;
    struct sb_message **whole = NULL;
    size_t whole_n = 0, resting_n = 0;
    int type = 0, rc = list ? 0 : sb_fail_nomem(err);
    while (rc == 0 && type != SB_NEWS_STRIP) {
        struct sb_message *m = next(news, ANSWER_MS);
        type = m ? m->type : SB_NEWS_BYE;
        if (type == SB_NEWS_BYE) {
            rc = sb_fail(err, SB_EIO, "the owner of the ledger did not answer");
        } else if (type == SB_NEWS_CARDS) {
            rc = note_rows(m->body, &resting, &resting_n) ? sb_fail_nomem(err) : 0;
        } else if (type == SB_NEWS_CARD && sb_card_open(m->body)) {
            struct sb_message **slot = SB_PUSH(whole);
            if (slot) {
                *slot = m;
                m = NULL;
            } else {
                rc = sb_fail_nomem(err);
            }
        }
        sb_message_free(m);
    }
    if (rc == 0)
        rc = list_resting(l, news, resting, resting_n, list, json, err);
    for (size_t i = 0; i < whole_n; i++) {
        if (rc == 0)
            list_card(list, whole[i]->body, json);
        sb_message_free(whole[i]);
    }
    free(whole);
    for (size_t i = 0; i < resting_n; i++)
        free(resting[i]);
    free(resting);
    if (rc) {
        json_decref(list);
        return -1;
    }
    say_empty(json, whole_n + resting_n);
    if (json)
        return sb_print_json(list) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    json_decref(list);
    return 0;
}

static int show_attached(struct sb_link *l, struct sb_queue *news, const char *id, const struct args *a, struct sb_err *err)
{
    struct sb_message *m = fetch_card(l, news, id, err);
    int rc = m ? show_card(m->body, a, err) : -1;
    sb_message_free(m);
    return rc;
}

static struct sb_message *decision(int type, const char *id, const struct args *a)
{
    struct sb_message *m = sb_message_new(type, 2);
    struct sb_decision_on *d = m ? m->body : NULL;
    if (d && (sb_str_set(&d->card, id) || sb_str_set(&d->hash, a->hash) || sb_str_set(&d->target, a->target) || sb_str_set(&d->reason, a->reason) || sb_str_set(&d->ticket, a->ticket))) {
        sb_message_free(m);
        return NULL;
    }
    if (d && a->minutes && sb_parse_i64(a->minutes, &d->minutes))
        d->minutes = -1; /* no number: refused as none */
    return m;
}

static int type_of(const char *verb);

/* An approval, the breaking of the glass or its review, with the person's signature under it. */
static struct sb_message *signed_decision(struct sb_link *l, struct sb_queue *news, const char *verb, const char *id, const struct args *a, struct sb_err *err)
{
    struct sb_message *card = fetch_card(l, news, id, err), *m = card ? decision(type_of(verb), id, a) : NULL;
    if (card && !m)
        sb_fail_nomem(err);
    if (m && sb_approval_sign(verb, card->body, a->state_dir, a->sign, a->as, m->body, err)) {
        sb_message_free(m);
        m = NULL;
    }
    if (m)
        m->seq = 3;
    sb_message_free(card);
    return m;
}

static int edit_set(struct sb_edit *e, const char *set)
{
    const char *eq = strchr(set, '=');
    struct sb_set *s = SB_PUSH(e->sets);
    char *key = s ? sb_strdup_n(set, (size_t)(eq - set)) : NULL;
    int rc = key && !sb_str_set(&s->key, key) && !sb_str_set(&s->value, eq + 1) ? 0 : -1;
    free(key);
    return rc;
}

static struct sb_message *edit(const char *id, const char *const *sets, struct sb_err *err)
{
    struct sb_message *m = sb_message_new(SB_ASK_EDIT, 2);
    struct sb_edit *e = m ? m->body : NULL;
    int rc = e ? sb_str_set(&e->card, id) : -1;
    for (; *sets && rc == 0; sets++)
        rc = edit_set(e, *sets);
    if (rc) {
        sb_fail_nomem(err);
        sb_message_free(m);
        m = NULL;
    }
    return m;
}

/* Sends one ask and prints its answer; the exit status. */
static int act(struct sb_link *l, struct sb_queue *news, struct sb_message *m, bool json, struct sb_err *err)
{
    if (!m)
        return -1;
    int64_t seq = m->seq;
    sb_link_ask(l, m);
    for (;;) {
        struct sb_message *answer = next(news, ANSWER_MS);
        if (!answer || answer->type == SB_NEWS_BYE) {
            sb_message_free(answer);
            return sb_fail(err, SB_EIO, "the owner of the ledger did not answer");
        }
        if (answer->type != SB_NEWS_ANSWER || answer->seq != seq) {
            sb_message_free(answer);
            continue;
        }
        const struct sb_answer *a = answer->body;
        int status = a->ok ? 0 : (int)a->status;
        if (json)
            sb_print_json(sb_record_to_json(sb_message_schema(SB_NEWS_ANSWER), a));
        else if (a->ok)
            sb_print("%s\n", a->text);
        else
            sb_usage_error("%s", a->text);
        sb_message_free(answer);
        return status;
    }
}

/* ---- without one ---- */

static int list_found(struct sb_ledger *l, int64_t seq, json_t *list, bool json, size_t *listed, struct sb_err *err)
{
    struct sb_entry e;
    struct sb_card card;
    if (sb_ledger_entry(l, seq, &e, err))
        return -1;
    bool begins = e.kind == SB_ENTRY_RECOMMENDATION && e.plan.card;
    int rc = begins ? sb_ledger_card(l, e.plan.card, &card, err) : 0;
    if (begins && rc == 0) {
        bool open = sb_card_open(&card);
        if (open && list_card(list, &card, json))
            rc = sb_fail_nomem(err);
        *listed += open;
        sb_card_release(&card);
    }
    sb_entry_release(&e);
    return rc;
}

static int list_cards(struct sb_ledger *l, bool json, struct sb_err *err)
{
    int64_t *seqs = NULL; /* of recommendations: each begins a card */
    size_t seqs_n = 0, listed = 0;
    json_t *list = json_array();
    int rc = list ? sb_ledger_seqs_of(l, 1, 0, SB_ENTRY_RECOMMENDATION, &seqs, &seqs_n, err) : sb_fail_nomem(err);
    for (size_t i = 0; rc == 0 && i < seqs_n; i++)
        rc = list_found(l, seqs[i], list, json, &listed, err);
    if (rc == 0)
        say_empty(json, listed);
    if (rc == 0 && json)
        rc = sb_print_json(json_incref(list)) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    json_decref(list);
    free(seqs);
    return rc;
}

static int show_recorded(struct sb_ledger *l, const char *id, const struct args *a, struct sb_err *err)
{
    struct sb_card card;
    if (sb_ledger_card(l, id, &card, err))
        return -1;
    int rc = show_card(&card, a, err);
    sb_card_release(&card);
    return rc;
}

/* Without a lock, so that nobody who wants to own the ledger finds it taken. */
static int read_ledger(const char *dir, const char *id, const struct args *a, struct sb_err *err)
{
    if (sb_ledger_find(dir, err)) {
        sb_link_elsewhere(dir, err);
        return -1;
    }
    struct sb_ledger *l = sb_ledger_open(dir, SB_LEDGER_READ, NULL, err);
    int rc = !l ? -1 : id ? show_recorded(l, id, a, err) : list_cards(l, a->json, err);
    sb_ledger_close(l);
    if (rc && err->code == SB_ELEDGER)
        err->code = SB_ENO; /* nothing was to be written: the record is broken, or may not be read */
    return rc;
}

/* ---- the command ---- */

static const struct {
    const char *verb;
    int type;
} verbs[] = {
    {"approve", SB_ASK_APPROVE}, {"reject", SB_ASK_REJECT}, {"pause", SB_ASK_PAUSE},       {"resume", SB_ASK_RESUME},   {"stop", SB_ASK_STOP},
    {"rollback", SB_ASK_ROLLBACK}, {"close", SB_ASK_CLOSE}, {"refresh", SB_ASK_REFRESH},
    {"breakglass", SB_ASK_BREAKGLASS}, {"review", SB_ASK_REVIEW}, {"what-if", SB_ASK_WHAT_IF},
};

/* -1: it is no decision. */
static int type_of(const char *verb)
{
    for (size_t i = 0; i < SB_COUNT(verbs); i++)
        if (sb_streq(verbs[i].verb, verb))
            return verbs[i].type;
    return -1;
}

static bool known_verb(const char *verb)
{
    return type_of(verb) >= 0 || sb_streq(verb, "show") || sb_streq(verb, "edit");
}

/* Whoever writes a plan says as whom they sign, for nobody approves what is their own. */
static int set_signer(struct sb_seat *seat, const struct args *a)
{
    struct sb_config config;
    struct sb_problems problems;
    sb_problems_init(&problems);
    bool have = sb_config_load(&config, &problems, NULL) == 0; /* what is wrong with it is for those who go by it */
    int rc = sb_str_set(&seat->signs_as, a->as ? a->as : have && config.signing_key ? config.signing_name : NULL);
    if (have)
        sb_config_release(&config);
    sb_problems_release(&problems);
    return rc;
}

static struct sb_message *say_who(const char *verb, const struct args *a)
{
    struct sb_message *hello = sb_message_hello(1, "cli", false);
    if (hello && sb_streq(verb, "edit") && set_signer(hello->body, a)) {
        sb_message_free(hello);
        return NULL;
    }
    return hello;
}

/* The verb is a known one. */
static int run_attached(struct sb_link *l, struct sb_queue *news, const char *verb, const char *id, const struct args *a, struct sb_err *err)
{
    struct sb_message *hello = say_who(verb, a);
    if (!hello)
        return sb_fail_nomem(err);
    sb_link_ask(l, hello);
    if (!id)
        return list_attached(l, news, a->json, err);
    if (sb_streq(verb, "show"))
        return show_attached(l, news, id, a, err);
    if (sb_streq(verb, "edit"))
        return act(l, news, edit(id, a->sets, err), a->json, err);
    if (a->sign)
        return act(l, news, signed_decision(l, news, verb, id, a, err), a->json, err);
    return act(l, news, decision(type_of(verb), id, a), a->json, err);
}

int sb_cmd_cards(int argc, char **argv)
{
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL},    {"--canonical", &a.canonical, NULL}, {"--hash", NULL, &a.hash},
                                        {"--target", NULL, &a.target}, {"--reason", NULL, &a.reason},       {"--set+", NULL, a.sets},
                                        {"--sign", NULL, &a.sign},     {"--as", NULL, &a.as},
                                        {"--ticket", NULL, &a.ticket}, {"--minutes", NULL, &a.minutes}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    const char *verb = words > 0 ? argv[1] : "list", *id = words > 1 ? argv[2] : NULL;
    bool list = sb_streq(verb, "list");
    if (!list && !known_verb(verb))
        return sb_usage_error("cards cannot \"%s\" (see: signalbox help cards)", verb);
    if (words > 2 || list != (id == NULL))
        return sb_usage_error("cards takes: list, or VERB ID (see: signalbox help cards)");
    bool sets = a.sets[0] != NULL;
    for (const char **set = a.sets; *set; set++)
        sets &= strchr(*set, '=') != NULL;
    if (sb_streq(verb, "edit") && !sets)
        return sb_usage_error("cards edit needs --set KEY=VALUE (see: signalbox help edit)");
    if (sb_streq(verb, "approve") && !a.hash)
        return sb_usage_error("cards approve needs --hash: what is approved is what cards show told, under its hash");
    bool glass = sb_streq(verb, "breakglass");
    if (glass && (!a.hash || !a.reason || !a.ticket))
        return sb_usage_error("cards breakglass needs --hash H, --reason TEXT and --ticket T (see: signalbox help cards)");
    if ((a.ticket || a.minutes) && !glass)
        return sb_usage_error("--ticket and --minutes go with breakglass (see: signalbox help cards)");
    bool review = sb_streq(verb, "review");
    if (a.sign && review && (!a.hash || !a.reason))
        return sb_usage_error("cards review, when it is signed, needs --hash H and --reason TEXT (see: signalbox help cards)");
    if ((a.sign && !sb_streq(verb, "approve") && !glass && !review) || (a.as && !a.sign && !sb_streq(verb, "edit")))
        return sb_usage_error("--sign KEY goes with approve, breakglass and review, and --as NAME with --sign or edit (see: signalbox help cards)");
    struct sb_err err = SB_ERR_INIT;
    struct sb_str dir;
    sb_str_init(&dir);
    struct sb_queue *news = sb_queue_new(16, &err);
    int rc = -1;
    if (news && sb_path_state_seen(&dir, &err) == 0) {
        a.state_dir = dir.p;
        struct sb_err why = SB_ERR_INIT;
        struct sb_link *l = sb_link_open(dir.p, news, &why);
        if (l)
            rc = run_attached(l, news, verb, id, &a, &err);
        else if (list || sb_streq(verb, "show"))
            rc = read_ledger(dir.p, id, &a, &err);
        else if (why.code == SB_ESTATE)
            err = why;
        else {
            sb_fail(&err, SB_ESTATE, "no signalbox owns the ledger now, so nothing can be decided; start: signalbox serve");
            sb_link_elsewhere(dir.p, &err);
        }
        sb_link_close(l);
    }
    sb_str_release(&dir);
    if (news)
        sb_queue_free(news);
    return rc < 0 ? sb_complain(&err) : rc;
}
