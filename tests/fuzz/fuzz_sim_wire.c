/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the simulator's wire: a sequence of messages to a small set of three, with virtual time passing between them. Input:
 * messages back to back, each two bytes of length (little endian), one byte that says which member and how much time passes
 * after it, and what follows the header's length and ids - opcode and body. Whatever comes, an answer is a whole message with a
 * valid document, the set stays able to answer a ping, and the members end with the same data. */
#include "../../src/sim/query_stats.h"

#include <signalbox/sim/wire.h>

#include <stdlib.h>
#include <string.h>

static void check(bool fine)
{
    if (!fine)
        abort();
}

static void check_answer(const struct sb_str *out)
{
    const uint8_t *p = (const uint8_t *)out->p;
    if (!out->len)
        return;
    check(out->len >= 26 && sim_u32(p) == out->len);
    bool reply = sim_u32(p + 12) == 1;
    size_t at = reply ? 36 : 21;
    check(out->len > at && sim_valid(p + at, out->len - at));
}

static void later(struct sim_conn *conn, const uint8_t *reply)
{
    struct sb_str out;
    struct sim_wire_asked asked = {.request_id = 1};
    sb_str_init(&out);
    sim_wire_answer(conn, &asked, reply, &out);
    check_answer(&out);
    sb_str_release(&out);
}

static void send_text(struct sim_conn *conn, struct sim_w *scratch, struct sim_w *body, struct sb_str *out)
{
    const uint8_t *doc = sim_w_done(body);
    check(doc != NULL);
    struct sim_request rq = {.body = doc, .bytes = sim_doc_len(doc)};
    const uint8_t *reply = NULL;
    check(sim_dispatch(conn, &rq, scratch, &reply) == SIM_ANSWERED && reply && sim_truth(sim_find(reply, "ok")));
    sb_str_clear(out);
}

/* A collection with a few documents and indexes, so that questions find something. */
static void prepare(struct sim_conn *conn, struct sim_w *scratch, struct sb_str *out)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "createIndexes", "c");
    sim_w_array(&w, "indexes");
    static const char *const keys[] = {"a", "b.c"};
    for (size_t i = 0; i < SB_COUNT(keys); i++) {
        sim_w_doc(&w, NULL);
        sim_w_doc(&w, "key");
        sim_w_i32(&w, keys[i], 1);
        sim_w_end(&w);
        sim_w_text(&w, "name", keys[i]);
        sim_w_end(&w);
    }
    sim_w_end(&w);
    sim_w_text(&w, "$db", "t");
    send_text(conn, scratch, &w, out);
    sim_w_clear(&w);
    sim_w_text(&w, "insert", "c");
    sim_w_array(&w, "documents");
    for (int i = 0; i < 12; i++) {
        sim_w_doc(&w, NULL);
        sim_w_i32(&w, "_id", i);
        sim_w_i32(&w, "a", i % 4);
        sim_w_array(&w, "b");
        sim_w_doc(&w, NULL);
        sim_w_i32(&w, "c", i);
        sim_w_end(&w);
        sim_w_end(&w);
        sim_w_end(&w);
    }
    sim_w_end(&w);
    sim_w_text(&w, "$db", "t");
    send_text(conn, scratch, &w, out);
    sim_w_release(&w);
}

static void ping(struct sim_conn *conn, struct sim_w *scratch, struct sb_str *out)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i32(&w, "ping", 1);
    sim_w_text(&w, "$db", "admin");
    send_text(conn, scratch, &w, out);
    sim_w_release(&w);
}

static void check_members(const struct sim *s)
{
    const struct sim_coll *c = sim_coll_find(&s->member[0].cat, "t.c");
    for (int i = 1; i < s->members; i++) {
        const struct sim_coll *d = sim_coll_find(&s->member[i].cat, "t.c");
        check((c != NULL) == (d != NULL));
        if (c && !c->capped)
            check(c->records.count == d->records.count && c->records.bytes == d->records.bytes && c->indexes == d->indexes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sim_setup setup = {.seed = 1, .start_ms = 1700000000000, .speed = 1, .scenario_name = "fuzz", .port = {1, 2, 3}, .members = 3, .pid = 1};
    struct sb_err err = SB_ERR_INIT;
    struct sim *s = sim_new(&setup, &err);
    struct sim_conn *conn[SIM_MEMBERS];
    struct sim_w scratch;
    struct sb_str out;
    check(s != NULL);
    check((s->query_stats = sim_query_stats_new()) != NULL); /* every question's shape is written, too */
    sim_w_init(&scratch);
    sb_str_init(&out);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        conn[i] = sim_conn_open(&s->member[i], "127.0.0.1:1", false);
        check(conn[i] != NULL);
        conn[i]->answer = later;
    }
    prepare(conn[0], &scratch, &out);
    for (size_t at = 0; at + 3 <= size;) {
        size_t n = (size_t)data[at] | (size_t)data[at + 1] << 8;
        unsigned how = data[at + 2];
        at += 3;
        n = n < size - at ? n : size - at;
        uint8_t *message = malloc(12 + n); /* alone, so that every byte read behind it is seen */
        check(message != NULL);
        memset(message, 0, 12);
        uint32_t whole = (uint32_t)(12 + n);
        memcpy(message, &whole, 4);
        memcpy(message + 12, data + at, n);
        at += n;
        struct sim_conn *c = conn[how % SIM_MEMBERS];
        struct sim_wire_asked asked;
        if (sim_wire_length(message, 12 + n) == (int64_t)(12 + n) && !c->waiting_opid) {
            sb_str_clear(&out);
            if (sim_wire_handle(c, message, 12 + n, &scratch, &asked, &out) == SIM_WIRE_DONE)
                check_answer(&out);
        }
        free(message);
        sim_run_until(s, s->now + (int64_t)(how / SIM_MEMBERS) * 20000);
    }
    sim_run_until(s, s->now + 100000000);
    ping(conn[0], &scratch, &out);
    check_members(s);
    for (int i = 0; i < SIM_MEMBERS; i++)
        sim_conn_close(conn[i]);
    sim_w_release(&scratch);
    sb_str_release(&out);
    sim_free(s);
    return 0;
}
