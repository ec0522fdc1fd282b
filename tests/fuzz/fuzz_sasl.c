/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes a login. Input: steps, each one byte of what to do (start, continue, hello with a login in it, a ping, logout), one of length,
 * and that many bytes of payload. Whatever comes, each reply is a valid document, nobody is logged in without the password, and before
 * that no command but the handshake is answered. A proof cannot be guessed, so ok from saslContinue would be a break-in. */
#include "fuzz.h"

#include <signalbox/sim/accounts.h>

static const char file[] = "account dba\nset password never-guessed\nset roles root\n";

static const uint8_t *ask(struct sim_conn *conn, struct sim_w *body, struct sim_w *scratch, const char *db)
{
    sim_w_text(body, "$db", db);
    const uint8_t *doc = sim_w_done(body), *reply = NULL;
    check(doc != NULL);
    struct sim_request rq = {.body = doc, .bytes = sim_doc_len(doc)};
    check(sim_dispatch(conn, &rq, scratch, &reply) == SIM_ANSWERED && reply);
    check(sim_valid(reply, sim_doc_len(reply)));
    return reply;
}

static void put_start(struct sim_w *w, const uint8_t *p, size_t n)
{
    sim_w_i32(w, "saslStart", 1);
    sim_w_text(w, "mechanism", "SCRAM-SHA-256");
    sim_w_binary(w, "payload", 0, p, n);
}

static void step(struct sim_conn *conn, struct sim_w *scratch, unsigned what, const uint8_t *p, size_t n)
{
    struct sim_w w;
    sim_w_init(&w);
    switch (what % 5) {
    case 0:
        put_start(&w, p, n);
        ask(conn, &w, scratch, "admin");
        break;
    case 1:
        sim_w_i32(&w, "saslContinue", 1);
        sim_w_i32(&w, "conversationId", 1);
        sim_w_binary(&w, "payload", 0, p, n);
        check(!sim_truth(sim_find(ask(conn, &w, scratch, "admin"), "ok")));
        break;
    case 2:
        sim_w_i32(&w, "hello", 1);
        sim_w_text_n(&w, "saslSupportedMechs", (const char *)p, strnlen((const char *)p, n));
        sim_w_doc(&w, "speculativeAuthenticate");
        put_start(&w, p, n);
        sim_w_text(&w, "db", "admin");
        sim_w_end(&w);
        check(sim_truth(sim_find(ask(conn, &w, scratch, "admin"), "ok")));
        break;
    case 3:
        sim_w_text(&w, "find", "c");
        check(sim_int(sim_find(ask(conn, &w, scratch, "t"), "code"), 0) == SIM_UNAUTHORIZED);
        break;
    default:
        sim_w_i32(&w, "logout", 1);
        ask(conn, &w, scratch, "admin");
        break;
    }
    sim_w_release(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_accounts *accounts;
    struct sb_err err = SB_ERR_INIT;
    if (!accounts)
        accounts = sim_accounts_parse(file, strlen(file), "accounts", &err);
    check(accounts != NULL);
    struct sim_setup setup = {.seed = 1, .start_ms = 1700000000000, .speed = 1, .scenario_name = "fuzz", .port = {1}, .members = 1, .pid = 1, .accounts = accounts};
    struct sim *s = sim_new(&setup, &err);
    check(s != NULL);
    struct sim_conn *conn = sim_conn_open(&s->member[0], "127.0.0.1:1", false);
    struct sim_w scratch;
    check(conn != NULL);
    sim_w_init(&scratch);
    for (size_t at = 0; at + 2 <= size;) {
        unsigned what = data[at];
        size_t n = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
        uint8_t *payload = malloc(n + 1); /* alone, so that every byte read behind it is seen */
        check(payload != NULL);
        memcpy(payload, data + at + 2, n);
        payload[n] = 0;
        step(conn, &scratch, what, payload, n);
        free(payload);
        at += 2 + n;
    }
    sim_conn_close(conn);
    sim_w_release(&scratch);
    sim_free(s);
    return 0;
}
