/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the wire of a simulated mongos with two shards behind it: messages as in fuzz_sim_wire.c, each two bytes of length, one byte
 * that says how much time passes after it, and what follows the header's length and ids. Whatever comes, an answer is a whole
 * message with a valid document, and the mongos stays able to answer. */
#include "fuzz.h"

#include <signalbox/sim/cluster.h>
#include <signalbox/sim/wire.h>

static const char scenario[] = "shards 2\ncollection t.c 12\n field _id \"seq('c')\"\n field a \"int(0, 3)\"\n index a \"{a: 1}\"\n index b \"{b: 1}\" shard 0\n"
                               " sharded \"{a: 1}\" \"[1, 2]\"\ncollection t.d 2\n field _id \"seq('d')\"\n";

static void check_answer(const struct sb_str *out)
{
    const uint8_t *p = (const uint8_t *)out->p;
    if (!out->len)
        return;
    check(out->len >= 26 && sim_u32(p) == out->len);
    size_t at = sim_u32(p + 12) == 1 ? 36 : 21;
    check(out->len > at && sim_valid(p + at, out->len - at));
}

static void later(struct sim_conn *conn, const uint8_t *reply)
{
    struct sb_str out;
    struct sim_wire_asked asked = {.request_id = 1};
    bool *waiting = conn->owner;
    sb_str_init(&out);
    sim_wire_answer(conn, &asked, reply, &out);
    check_answer(&out);
    sb_str_release(&out);
    *waiting = false;
}

static void ping(struct sim_conn *conn, struct sim_w *scratch)
{
    struct sim_w w;
    const uint8_t *reply = NULL;
    sim_w_init(&w);
    sim_w_i32(&w, "ping", 1);
    sim_w_text(&w, "$db", "admin");
    struct sim_request rq = {.body = sim_w_done(&w)};
    check(rq.body && sim_dispatch(conn, &rq, scratch, &reply) == SIM_ANSWERED && reply && sim_truth(sim_find(reply, "ok")));
    sim_w_release(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sim_setup setup = {.seed = 1, .start_ms = 1700000000000, .speed = 1, .scenario_name = "fuzz", .members = 1, .pid = 1};
    int port[SIM_CLUSTER_PORTS];
    struct sb_err err = SB_ERR_INIT;
    struct sim_w scratch;
    struct sb_str out;
    bool waiting = false;
    for (int i = 0; i < SIM_CLUSTER_PORTS; i++)
        port[i] = i + 1;
    struct sim_scenario *sc = sim_scenario_parse(scenario, sizeof scenario - 1, "fuzz", "fuzz", &err);
    struct sim_cluster *c = sc ? sim_cluster_new(&setup, sc, 2, port, &err) : NULL;
    check(c != NULL);
    sim_w_init(&scratch);
    sb_str_init(&out);
    struct sim_conn *conn = sim_conn_open(&c->router->member[0], "127.0.0.1:1", false);
    check(conn != NULL);
    conn->answer = later;
    conn->owner = &waiting;
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
        struct sim_wire_asked asked;
        if (sim_wire_length(message, 12 + n) == (int64_t)(12 + n) && !waiting) {
            sb_str_clear(&out);
            enum sim_wire_result r = sim_wire_handle(conn, message, 12 + n, &scratch, &asked, &out);
            waiting = r == SIM_WIRE_LATER;
            if (r == SIM_WIRE_DONE)
                check_answer(&out);
        }
        free(message);
        sim_cluster_run_until(c, c->router->now + (int64_t)how * 10000);
    }
    sim_cluster_run_until(c, c->router->now + 100000000);
    ping(conn, &scratch);
    sim_conn_close(conn);
    sim_w_release(&scratch);
    sb_str_release(&out);
    sim_cluster_free(c);
    sim_scenario_free(sc);
    return 0;
}
