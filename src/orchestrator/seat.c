/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sits at which screen, and what they are told. */
#include "private.h"

#include <signalbox/base/file.h>

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_BUF 4096
#define MAX_LOOKERS 64

/* Who a process runs as, and what the kernel remembers of the login behind it (which survives su and sudo). A missing
 * loginuid is "unset": it is recorded, and proves nothing. pid 0 is this process. */
int sb_actor_of_process(struct sb_actor *a, uid_t uid, pid_t pid, struct sb_err *err)
{
    memset(a, 0, sizeof *a);
    struct passwd pw, *found = NULL;
    char buf[PASSWD_BUF], number[32], path[64], session[32], tty[128];
    snprintf(number, sizeof number, "uid %u", (unsigned)uid);
    const char *name = getpwuid_r(uid, &pw, buf, sizeof buf, &found) == 0 && found ? found->pw_name : number;
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/loginuid", (int)pid);
    else
        snprintf(path, sizeof path, "/proc/self/loginuid");
    struct sb_str login;
    sb_str_init(&login);
    bool unset = sb_file_read(path, 64, &login, NULL) != 0 || sb_streq(login.p, "4294967295") || login.len == 0;
    snprintf(session, sizeof session, "%d", (int)getsid(pid));
    int rc = sb_str_set(&a->principal, name) || sb_str_set(&a->loginuid, unset ? "unset" : login.p) || sb_str_set(&a->session, session);
    if (rc == 0 && pid == 0 && ttyname_r(STDIN_FILENO, tty, sizeof tty) == 0)
        rc = sb_str_set(&a->tty, tty);
    sb_str_release(&login);
    if (rc) {
        sb_record_release(&sb_actor_schema, a);
        return sb_fail_nomem(err);
    }
    return 0;
}

struct seat *sb_o_seat(struct sb_orchestrator *o, int64_t id)
{
    for (size_t i = 0; i < o->seats_n; i++)
        if (o->seats[i]->id == id)
            return o->seats[i];
    return NULL;
}

void sb_o_remove_seat(struct sb_orchestrator *o, int64_t id)
{
    struct seat *s = sb_o_seat(o, id);
    if (!s)
        return;
    for (size_t i = 0; i < o->seats_n; i++)
        if (o->seats[i] == s)
            o->seats[i] = o->seats[--o->seats_n];
    bool looked = s->looks_at != NULL;
    sb_record_release(&sb_actor_schema, &s->actor);
    free(s->how);
    free(s->signs_as);
    free(s->looks_at);
    free(s);
    if (looked)
        sb_o_tell_looks(o);
}

/* Consoles are told; a shell that passes by would not know what to do with it. */
void sb_o_tell_looks(struct sb_orchestrator *o)
{
    struct sb_looks looks = {.list = NULL};
    bool whole = true;
    for (size_t i = 0; whole && i < o->seats_n; i++) {
        const struct seat *s = o->seats[i];
        struct sb_look *l = s->looks_at ? SB_PUSH(looks.list) : NULL;
        whole = !s->looks_at || (l && !sb_str_set(&l->who, s->actor.principal) && !sb_str_set(&l->how, s->how) && !sb_str_set(&l->card, s->looks_at));
    }
    for (size_t i = 0; whole && i < o->seats_n; i++)
        if (sb_streq(o->seats[i]->how, "console"))
            sb_o_tell(o, o->seats[i]->id, sb_message_copy_of(SB_NEWS_LOOKS, 0, &looks));
    sb_record_release(sb_message_schema(SB_NEWS_LOOKS), &looks);
}

void sb_o_look(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    struct seat *s = sb_o_seat(o, seat);
    const char *card = ((const struct sb_text *)m->body)->text;
    if (!s || sb_streq(s->looks_at, card))
        return;
    if (sb_str_set(&s->looks_at, card && card[0] && strlen(card) < 32 ? card : NULL) == 0)
        sb_o_tell_looks(o);
}

static void free_message(void *m)
{
    sb_message_free(m);
}

void sb_o_tell(struct sb_orchestrator *o, int64_t seat, struct sb_message *m)
{
    struct seat *s = sb_o_seat(o, seat);
    if (!m || !s) {
        sb_message_free(m);
        return;
    }
    if (m->type == SB_NEWS_STRIP)
        sb_queue_post_telemetry(s->news, 1, m->type, m, free_message);
    else
        sb_queue_post(s->news, m->type, m, free_message);
}

void sb_o_tell_all(struct sb_orchestrator *o, int type, const void *body)
{
    for (size_t i = 0; i < o->seats_n; i++)
        if (o->seats[i]->said_hello)
            sb_o_tell(o, o->seats[i]->id, sb_message_copy_of(type, 0, body));
}

void sb_o_answer(struct sb_orchestrator *o, int64_t seat, int64_t seq, const struct sb_err *err, const char *card, const char *case_id,
                 const char *fmt, ...)
{
    struct sb_message *m = sb_message_new(SB_NEWS_ANSWER, seq);
    if (!m)
        return;
    struct sb_answer *a = m->body;
    bool failed = err && err->code != SB_OK;
    a->ok = !failed;
    a->status = failed ? sb_exit_status(err->code) : 0;
    struct sb_str text;
    sb_str_init(&text);
    if (failed) {
        sb_str_adds(&text, err->msg);
    } else {
        va_list ap;
        va_start(ap, fmt);
        sb_str_vaddf(&text, fmt, ap);
        va_end(ap);
    }
    a->text = sb_str_take(&text);
    const struct held_case *c = case_id ? sb_o_case(o, case_id) : NULL;
    int rc = sb_str_set(&a->card, card) || sb_str_set(&a->case_id, case_id);
    for (size_t i = 0; c && c->sequel && rc == 0 && i < c->sequel->cards_n; i++)
        rc = sb_strs_push(&a->cards, &a->cards_n, c->sequel->cards[i]);
    for (size_t i = 0; c && rc == 0 && i < c->case_.cards_n; i++)
        rc = sb_strs_push(&a->cards, &a->cards_n, c->case_.cards[i]);
    sb_o_tell(o, seat, m); /* even half an answer is better than none */
}

void sb_o_notice(struct sb_orchestrator *o, int severity, const char *fmt, ...)
{
    struct sb_str text;
    sb_str_init(&text);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    struct sb_notice n = {severity, text.p};
    sb_o_tell_all(o, SB_NEWS_NOTICE, &n);
    sb_str_release(&text);
}

static int fill_strip(struct sb_orchestrator *o, struct sb_strip *s)
{
    const struct sb_schema *schema = sb_message_schema(SB_NEWS_STRIP);
    if (o->have_strip ? sb_record_copy(schema, s, &o->strip) : (memset(s, 0, sizeof *s), 0))
        return -1;
    const char *why = NULL;
    char store[400];
    s->ledger_head = sb_ledger_head(o->ledger);
    s->ledger_ok = sb_ledger_writable(o->ledger, &why);
    s->wall = sb_origin_wall_ms(o->opt.origin);
    s->obstacle = o->target_error ? SB_OBSTACLE_BOUND : o->connected ? s->obstacle : o->obstacle;
    s->cluster_ill = o->cluster.ill;
    bool stops = o->connected && !o->target_error && (sb_o_store_stops(o, store, sizeof store) || sb_o_not_ours(o, false, store, sizeof store));
    if (stops)
        s->obstacle = SB_OBSTACLE_STORE;
    if (sb_str_set(&s->cluster, o->cluster.said) || (!s->ledger_ok && sb_str_set(&s->ledger_note, why)) || (!o->connected && sb_str_set(&s->note, o->connect_note)) ||
        (o->target_error && sb_str_set(&s->note, o->target_error)) || (stops && sb_str_set(&s->note, store))) {
        sb_record_release(schema, s);
        return -1;
    }
    return 0;
}

void sb_o_tell_strip(struct sb_orchestrator *o)
{
    struct sb_strip s;
    if (fill_strip(o, &s))
        return;
    sb_o_tell_all(o, SB_NEWS_STRIP, &s);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &s);
}

static struct sb_message *welcome(struct sb_orchestrator *o, const struct seat *s, int64_t seq)
{
    struct sb_message *m = sb_message_new(SB_NEWS_WELCOME, seq);
    if (!m)
        return NULL;
    struct sb_welcome *w = m->body;
    const struct sb_bundle_id *id = sb_policy_id(o->policy);
    w->environment = o->opt.environment;
    w->simulated = o->facts.simulated;
    w->read_only = s->read_only || sb_server_read_only(o->opt.server);
    w->speed = o->connected ? o->facts.speed : 1;
    w->groups_known = true;
    w->policy = sb_format("%s %s (%.8s)", id->bundle, id->version, id->sha256);
    if (!w->policy || sb_str_set(&w->version, SIGNALBOX_VERSION) || sb_str_set(&w->deployment, o->deployment) ||
        sb_str_set(&w->deployment_id, o->facts.id) || sb_str_set(&w->set_name, sb_o_set_name(o)) ||
        sb_str_set(&w->server_version, o->facts.version) || sb_str_set(&w->actor, s->actor.principal) ||
        sb_policy_groups_of(o->policy, s->actor.principal, &w->groups, &w->groups_n)) {
        sb_message_free(m);
        return NULL;
    }
    return m;
}

void sb_o_welcome(struct sb_orchestrator *o, int64_t seat, int64_t seq)
{
    const struct seat *s = sb_o_seat(o, seat);
    if (s)
        sb_o_tell(o, seat, welcome(o, s, seq));
}

void sb_o_tell_owner(struct sb_orchestrator *o, int64_t seat, int64_t seq)
{
    struct sb_message *m = sb_message_new(SB_NEWS_OWNER, seq);
    if (!m)
        return;
    struct sb_watched *w = m->body;
    const struct sb_bundle_id *id = sb_policy_id(o->policy);
    w->environment = o->opt.environment;
    int rc = sb_str_set(&w->deployment, o->deployment) || sb_str_set(&w->policy.bundle, id->bundle) || sb_str_set(&w->policy.version, id->version) ||
             sb_str_set(&w->policy.sha256, id->sha256);
    for (size_t i = 0; rc == 0 && i < sb_server_seeds(o->opt.server); i++)
        rc = sb_strs_push(&w->hosts, &w->hosts_n, sb_server_seed(o->opt.server, i));
    for (size_t i = 0; rc == 0 && i < o->facts.hello.members_n; i++)
        if (!sb_strs_has(w->hosts, w->hosts_n, o->facts.hello.members[i]))
            rc = sb_strs_push(&w->hosts, &w->hosts_n, o->facts.hello.members[i]);
    for (size_t i = 0; rc == 0 && i < o->facts.shards_n; i++)
        for (size_t k = 0; rc == 0 && k < o->facts.shards[i].hosts_n; k++)
            rc = sb_strs_push(&w->hosts, &w->hosts_n, o->facts.shards[i].hosts[k]);
    if (rc) {
        sb_message_free(m);
        return;
    }
    sb_o_tell(o, seat, m);
}

static void record_login(struct sb_orchestrator *o, struct seat *s)
{
    s->unrecorded = false;
    sb_o_record(o, SB_ENTRY_LOGIN, &s->actor, NULL, json_pack("{s:{s:s?,s:s?,s:s?}}", "seat", "who", s->actor.principal, "how", s->how, "tty", s->actor.tty), NULL);
}

/* A script that looks at the queue every few seconds is one login a day for each person: what it looks at changes nothing, and
 * the record is to be read. */
static bool looked_today(struct sb_orchestrator *o, const char *who)
{
    int64_t day = sb_origin_wall_ms(o->opt.origin) / 86400000;
    if (day != o->lookers_day)
        sb_o_forget_lookers(o);
    o->lookers_day = day;
    if (sb_strs_has(o->lookers, o->lookers_n, who))
        return true;
    int forgotten = who && o->lookers_n < MAX_LOOKERS ? sb_strs_push(&o->lookers, &o->lookers_n, who) : 0;
    (void)forgotten; /* out of memory: one login more is recorded */
    return false;
}

void sb_o_forget_lookers(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->lookers_n; i++)
        free(o->lookers[i]);
    free(o->lookers);
    o->lookers = NULL;
    o->lookers_n = 0;
}

/* What is asked for, decided or taken has its login before it. */
void sb_o_seat_acts(struct sb_orchestrator *o, int64_t seat)
{
    struct seat *s = sb_o_seat(o, seat);
    if (s && s->unrecorded)
        record_login(o, s);
}

/* A seat that says hello is told everything as it stands, of cards that rest what a list shows; after that it is told what
 * changes. A later hello only repeats the welcome: the console asks for it when the deployment became known. */
void sb_o_hello(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    struct seat *s = sb_o_seat(o, seat);
    if (!s)
        return;
    const struct sb_seat *said = m->body;
    bool first = !s->said_hello, begins = !o->greeted && o->opt.origin->seeded;
    s->said_hello = o->greeted = true;
    s->read_only |= said->read_only;
    s->protocol = said->protocol;
    if (first && (sb_str_set(&s->how, said->how) || sb_str_set(&s->signs_as, said->signs_as) || (said->tty && sb_str_set(&s->actor.tty, said->tty))))
        return;
    sb_o_tell(o, seat, welcome(o, s, m->seq));
    if (!first)
        return;
    s->unrecorded = sb_streq(s->how, "cli") && looked_today(o, s->actor.principal);
    if (!s->unrecorded)
        record_login(o, s);
    if (begins)
        sb_o_start_connecting(o);
    for (size_t i = 0; i < o->anomalies_n; i++)
        sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_ANOMALY, 0, &o->anomalies[i]->anomaly));
    if (o->hushes.list_n)
        sb_o_tell_hushes(o, seat);
    for (size_t i = 0; i < o->cases_n; i++)
        sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_CASE, 0, &o->cases[i]->case_));
    sb_o_tell_resting(o, seat);
    for (size_t i = 0; i < o->cards_n; i++)
        sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_CARD, 0, &o->cards[i]->card));
    if (!o->ledger_was_ok)
        sb_o_tell_by_hand(o, seat);
    size_t consoles = 0;
    for (size_t i = 0; i < o->seats_n; i++)
        consoles += sb_streq(o->seats[i]->how, "console");
    if (consoles > 1) /* from now on they tell each other what they look at */
        sb_o_tell_looks(o);
    sb_o_tell_strip(o);
    if (o->policy_alarm)
        sb_o_notice(o, SB_HIGH, "Policy: %s", o->policy_alarm);
}
