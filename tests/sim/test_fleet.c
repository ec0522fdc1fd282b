/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated fleet's members: what they answer, what they do not, who is at fault, and counters that grow. */
#include "test.h"

#include <signalbox/sim/fleet.h>
#include <signalbox/sim/value.h>
#include <signalbox/sim/wire.h>

#include <string.h>

static struct sim_fleet *begin(int lie, int slow)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_fleet_setup setup = {.sets = 4, .members = 5, .seed = 7, .start_ms = 1700000000000, .faults = {[SIM_FLEET_REFUSES] = 2, [SIM_FLEET_LIES] = lie, [SIM_FLEET_SLOW] = slow}};
    struct sim_fleet *f = sim_fleet_new(&setup, &err);
    sb_assert_ok(f ? 0 : -1, err);
    for (int i = 0; i < f->n; i++)
        f->member[i].port = 27000 + i;
    return f;
}

/* An OP_MSG, or an OP_QUERY as the driver's first one. */
static size_t message(uint8_t *bytes, const char *command, bool query)
{
    struct sim_w w;
    size_t n = SIM_WIRE_HEADER;
    sim_w_init(&w);
    sim_w_i32(&w, command, 1);
    sim_w_text(&w, "$db", "admin");
    const uint8_t *doc = sim_w_done(&w);
    memset(bytes, 0, 64);
    n += 4;
    if (query) {
        memcpy(bytes + n, "admin.$cmd", 11);
        n += 11 + 8;
    } else {
        n += 1;
    }
    memcpy(bytes + n, doc, sim_doc_len(doc));
    n += sim_doc_len(doc);
    uint32_t head[4] = {(uint32_t)n, 42, 0, query ? 2004 : 2013};
    memcpy(bytes, head, sizeof head);
    sim_w_release(&w);
    return n;
}

static const uint8_t *ask(struct sim_fleet *f, int member, const char *command, bool query, int64_t now_us, struct sb_str *out)
{
    uint8_t bytes[512];
    size_t n = message(bytes, command, query);
    sb_str_clear(out);
    assert_true(sim_fleet_handle(f, &f->member[member], bytes, n, now_us, out));
    const uint8_t *p = (const uint8_t *)out->p;
    assert_int_equal(sim_u32(p), out->len);
    assert_int_equal(sim_u32(p + 8), 42); /* it refers to what was asked */
    size_t at = query ? 36 : 21;
    assert_true(sim_valid(p + at, out->len - at));
    return p + at;
}

static void answers(void **state)
{
    (void)state;
    struct sim_fleet *f = begin(0, 0);
    struct sb_str out;
    sb_str_init(&out);
    const uint8_t *hello = ask(f, 6, "isMaster", true, 0, &out);
    assert_string_equal(sim_text(sim_find(hello, "setName")), "fleet001");
    assert_string_equal(sim_text(sim_find(hello, "me")), "127.0.0.1:27006");
    assert_string_equal(sim_text(sim_find(hello, "primary")), "127.0.0.1:27005");
    assert_true(sim_truth(sim_find(hello, "secondary")));
    const uint8_t *status = ask(f, 5, "serverStatus", false, 1000000, &out);
    int64_t before = sim_int(sim_path(status, "opcounters.query"), -1);
    assert_true(sim_truth(sim_path(status, "repl.isWritablePrimary")));
    assert_true(before > 0);
    status = ask(f, 5, "serverStatus", false, 2000000, &out);
    assert_true(sim_int(sim_path(status, "opcounters.query"), -1) > before);
    const uint8_t *refused = ask(f, 0, "insert", false, 0, &out);
    assert_false(sim_truth(sim_find(refused, "ok")));
    assert_int_equal(sim_int(sim_find(refused, "code"), 0), 59);
    sb_str_release(&out);
    sim_fleet_free(f);
}

static void faults(void **state)
{
    (void)state;
    struct sim_fleet *f = begin(3, 1);
    struct sb_str out;
    int of[SIM_FLEET_FAULTS + 1] = {0}, liar = -1, slow = -1;
    sb_str_init(&out);
    for (int i = 0; i < f->n; i++) {
        assert_int_equal(sim_fleet_fault(f, &f->member[i]), SIM_FLEET_NONE); /* none has begun */
        of[f->member[i].fault]++;
        liar = f->member[i].fault == SIM_FLEET_LIES ? i : liar;
        slow = f->member[i].fault == SIM_FLEET_SLOW ? i : slow;
    }
    assert_int_equal(of[SIM_FLEET_REFUSES], 2);
    assert_int_equal(of[SIM_FLEET_LIES], 3);
    assert_int_equal(of[SIM_FLEET_SLOW], 1);
    assert_int_equal(of[SIM_FLEET_NONE], 14);
    const uint8_t *hello = ask(f, liar, "hello", false, 0, &out);
    assert_true(sb_starts_with(sim_text(sim_find(hello, "setName")), "fleet"));
    int64_t us[3], ops[3];
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            f->at_fault = true;
        const uint8_t *status = ask(f, slow, "serverStatus", false, (i + 1) * 10000000, &out);
        us[i] = sim_int(sim_path(status, "opLatencies.reads.latency"), 0);
        ops[i] = sim_int(sim_path(status, "opLatencies.reads.ops"), 0);
    }
    assert_true((us[2] - us[1]) / (ops[2] - ops[1]) > 5 * ((us[1] - us[0]) / (ops[1] - ops[0])));
    hello = ask(f, liar, "hello", false, 0, &out);
    assert_true(sb_starts_with(sim_text(sim_find(hello, "setName")), "not-fleet"));
    sb_str_release(&out);
    sim_fleet_free(f);
}

static void noise(void **state)
{
    (void)state;
    struct sim_fleet *f = begin(0, 0);
    struct sb_str out;
    uint8_t bytes[512];
    size_t n = message(bytes, "hello", false);
    sb_str_init(&out);
    for (size_t cut = SIM_WIRE_HEADER; cut < n; cut++) /* in a block of its own length, so that a byte too far is seen */
        for (int query = 0; query < 2; query++) {
            uint8_t *part = malloc(cut);
            memcpy(part, bytes, cut);
            uint32_t kind = query ? 2004 : 2013;
            memcpy(part + 12, &kind, 4);
            assert_false(sim_fleet_handle(f, &f->member[0], part, cut, 0, &out));
            free(part);
        }
    bytes[SIM_WIRE_HEADER] = 1; /* a checksum is none of what is answered */
    assert_false(sim_fleet_handle(f, &f->member[0], bytes, n, 0, &out));
    assert_int_equal(out.len, 0);
    sb_str_release(&out);
    sim_fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(faults), cmocka_unit_test(noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
