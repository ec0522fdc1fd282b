/* SPDX-License-Identifier: Apache-2.0
 *
 * saslStart, saslContinue, logout, and the login that a driver puts into its hello. */
#include "login.h"

#include <signalbox/base/base64.h>
#include <signalbox/base/rng.h>

#include "commands.h"
#include "role_log.h"

#include <stdlib.h>
#include <string.h>

#define MECHANISM "SCRAM-SHA-256"
#define CONVERSATION 1 /* one at a time on a connection */
#define SERVER_NONCE 24 /* bytes */

enum { REFUSED = 18, PROTOCOL = 17, NO_MECHANISM = 334 };

void sim_login_free(struct sim_login *login)
{
    if (login)
        explicit_bzero(login, sizeof *login);
    free(login);
}

static struct sim_login *login_of(struct sim_conn *conn)
{
    if (!conn->login)
        conn->login = calloc(1, sizeof *conn->login);
    return conn->login;
}

/* ---- what the log says ---- */

static void tell(const struct sim_call *c, const struct sim_login *l, const char *user, const char *db, bool in)
{
    char ctx[32];
    snprintf(ctx, sizeof ctx, "conn%d", c->conn->id);
    if (sim_since(c->s, 7))
        sim_say(c->m, "ACCESS", in ? 5286306 : 5286307, ctx, in ? "Successfully authenticated" : "Failed to authenticate", "client:s mechanism:s user:s db:s result:i",
                c->conn->remote, MECHANISM, user, db, (int64_t)(in ? 0 : REFUSED));
    else if (in)
        sim_say(c->m, "ACCESS", 20250, ctx, "Authentication succeeded", "mechanism:s principalName:s authenticationDatabase:s remote:s", MECHANISM, user, db, c->conn->remote);
    else
        sim_say(c->m, "ACCESS", 20249, ctx, "Authentication failed", "mechanism:s principalName:s authenticationDatabase:s remote:s error:s", MECHANISM, user, db, c->conn->remote,
                l->trying ? "AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"
                          : "UserNotFound: Could not find user for db");
}

static int refuse(struct sim_call *c, struct sim_login *l, const char *db)
{
    tell(c, l, l->scram.user, db, false);
    l->trying = NULL;
    l->stage = SIM_LOGIN_IDLE;
    return sim_fail(&c->fail, REFUSED, "Authentication failed.");
}

/* ---- the conversation ---- */

static void put_answer(struct sim_w *w, bool done, const struct sb_str *payload)
{
    sim_w_i32(w, "conversationId", CONVERSATION);
    sim_w_bool(w, "done", done);
    sim_w_binary(w, "payload", 0, payload->p, payload->len);
}

/* The bytes of a payload: binary, or base64 in a string as old shells send it, which is not taken. */
static bool payload_of(const uint8_t *command, const uint8_t **p, size_t *n)
{
    struct sim_val v = sim_find(command, "payload");
    if (v.type != BSON_TYPE_BINARY || v.n < 5)
        return false;
    *p = v.p + 5;
    *n = v.n - 5;
    return true;
}

static void count(struct sim_call *c, bool speculative, bool in)
{
    struct sim_logins *n = speculative ? &c->m->n.speculative_logins : &c->m->n.logins;
    n->received += !in;
    n->successful += in;
}

/* The first step of `start`, for an account of db; the answer's fields go into the open document of w. */
static int begin_login(struct sim_call *c, const uint8_t *start, const char *db, bool speculative, struct sim_w *w)
{
    struct sim_val mechanism = sim_find(start, "mechanism");
    struct sim_login *l = login_of(c->conn);
    uint8_t random[SERVER_NONCE];
    struct sb_str nonce, out;
    const uint8_t *p;
    size_t n;
    if (!l)
        return sim_fail_nomem(&c->fail);
    l->stage = SIM_LOGIN_IDLE;
    l->trying = NULL;
    if (!c->s->accounts)
        return sim_fail(&c->fail, REFUSED, "Authentication failed."); /* there are no users */
    if (sim_text_is(mechanism, "SCRAM-SHA-1"))
        return sim_fail(&c->fail, REFUSED, "Authentication failed."); /* a server has it, and no account of ours has a key for it */
    if (!sim_text_is(mechanism, MECHANISM))
        return sim_fail(&c->fail, NO_MECHANISM, "Received authentication for mechanism %.60s which is unknown or not enabled",
                        sim_is_text(mechanism.type) ? sim_text(mechanism) : "?");
    count(c, speculative, false);
    l->speculative = speculative;
    struct sim_val options = sim_find(start, "options");
    l->skips_empty = options.type == BSON_TYPE_DOCUMENT && sim_truth(sim_find(options.p, "skipEmptyExchange"));
    if (!payload_of(start, &p, &n) || sim_scram_begin(&l->scram, p, n) || !(l->trying = sim_account_find(c->s->accounts, l->scram.user, db)))
        return refuse(c, l, db);
    sb_str_init(&nonce);
    sb_str_init(&out);
    int rc = sb_random_bytes(random, sizeof random, NULL);
    if (rc == 0) {
        sb_base64_encode(&nonce, random, sizeof random);
        rc = sb_str_ok(&nonce) ? sim_scram_challenge(&l->scram, &l->trying->keys, nonce.p, &out) : -1;
    }
    if (rc || !sb_str_ok(&out)) {
        rc = refuse(c, l, db);
    } else {
        l->stage = SIM_LOGIN_CHALLENGED;
        put_answer(w, false, &out);
    }
    sb_str_release(&nonce);
    sb_str_release(&out);
    return rc;
}

int sim_cmd_sasl_start(struct sim_call *c)
{
    return begin_login(c, c->body, c->db, false, c->reply);
}

static int finish_login(struct sim_call *c, struct sim_login *l, const uint8_t *p, size_t n)
{
    struct sb_str out;
    sb_str_init(&out);
    int rc = sim_scram_finish(&l->scram, p, n, &out);
    if (rc) {
        refuse(c, l, l->trying->db);
    } else {
        l->who = l->trying;
        l->stage = l->skips_empty ? SIM_LOGIN_IDLE : SIM_LOGIN_PROVED;
        count(c, l->speculative, true);
        tell(c, l, l->who->user, l->who->db, true);
        put_answer(c->reply, l->skips_empty, &out);
    }
    sb_str_release(&out);
    return rc;
}

int sim_cmd_sasl_continue(struct sim_call *c)
{
    struct sim_login *l = c->conn->login;
    static const struct sb_str nothing = {.p = (char *)""};
    const uint8_t *p;
    size_t n;
    if (!l || l->stage == SIM_LOGIN_IDLE || sim_int(sim_arg(c, "conversationId"), 0) != CONVERSATION)
        return sim_fail(&c->fail, PROTOCOL, "No SASL session state found");
    if (!payload_of(c->body, &p, &n))
        return refuse(c, l, l->trying->db);
    if (l->stage == SIM_LOGIN_CHALLENGED)
        return finish_login(c, l, p, n);
    l->stage = SIM_LOGIN_IDLE;
    if (n)
        return sim_fail(&c->fail, PROTOCOL, "the last message of a login is empty");
    put_answer(c->reply, true, &nothing);
    return 0;
}

int sim_cmd_logout(struct sim_call *c)
{
    if (c->conn->login)
        c->conn->login->who = NULL;
    return 0;
}

/* ---- hello ---- */

/* "database.user" */
static void put_mechanisms(struct sim_call *c, struct sim_val name)
{
    char db[64];
    const char *text = sim_text(name), *dot = strchr(text, '.');
    size_t n = dot ? (size_t)(dot - text) : sizeof db;
    if (n >= sizeof db)
        return;
    memcpy(db, text, n);
    db[n] = '\0';
    if (!sim_account_find(c->s->accounts, dot + 1, db))
        return; /* a server does not say either that there is no such user */
    sim_w_array(c->reply, "saslSupportedMechs");
    sim_w_text(c->reply, NULL, MECHANISM);
    sim_w_end(c->reply);
}

int sim_hello_login(struct sim_call *c)
{
    struct sim_val asked = sim_arg(c, "saslSupportedMechs"), start = sim_arg(c, "speculativeAuthenticate");
    if (asked.type && !c->s->accounts) {
        sim_w_array(c->reply, "saslSupportedMechs");
        sim_w_end(c->reply);
    } else if (sim_is_text(asked.type)) {
        put_mechanisms(c, asked);
    }
    struct sim_val db = start.type == BSON_TYPE_DOCUMENT && c->s->accounts ? sim_find(start.p, "db") : sim_missing;
    if (!sim_is_text(db.type) || !sim_find(start.p, "saslStart").type)
        return 0;
    struct sim_w w;
    sim_w_init(&w);
    int rc = begin_login(c, start.p, sim_text(db), true, &w);
    const uint8_t *answer = sim_w_done(&w);
    if (rc == 0 && answer)
        sim_w_copy(c->reply, "speculativeAuthenticate", answer);
    sim_w_release(&w);
    if (rc && c->fail.code == SIM_OUT_OF_MEMORY)
        return -1;
    sim_fail_release(&c->fail); /* a login that does not succeed in passing is tried again in words of its own */
    sim_fail_init(&c->fail);
    return 0;
}
