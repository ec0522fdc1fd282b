/* SPDX-License-Identifier: Apache-2.0 */
#include "chatter.h"

#include <signalbox/sim/contend.h>
#include <signalbox/sim/dispatch.h>

#include "commands.h"

#define AWAIT_US 5000000    /* how long a member waits for entries before it asks again */
#define CHEAP 0.75          /* of what a client's command costs: nothing is planned */
#define GETMORE_BYTES 330
#define EMPTY_BYTES 480     /* an answer without entries, its times included */
#define POSITION_BYTES 720  /* three members' optimes */
#define HEARTBEAT_BYTES 420
#define HEARTBEAT_ANSWER 790
#define HELLO_BYTES 350
#define HELLO_ANSWER 780

static double cost_of(const struct sim_member *m)
{
    return m->sim->costs.command_us * CHEAP * sim_crowd(m);
}

static void count_bytes(struct sim_member *m, int64_t in, int64_t out)
{
    m->n.bytes_in += in;
    m->n.bytes_out += out;
    m->n.member_in += in;
    m->n.member_out += out;
}

static void count_commands(struct sim_member *m, int64_t n)
{
    m->n.op[SIM_OP_COMMAND] += n;
    m->n.latency[SIM_LAT_COMMANDS].count += n;
    m->n.latency[SIM_LAT_COMMANDS].us += n * (int64_t)cost_of(m);
    m->n.requests += n;
}

/* Each batch is asked for twice: with its entries, and again with none, only because the commit point has moved. Of each
 * the member tells when it is written and when it is durable. */
static void serve(struct sim_member *from, int64_t entries, int64_t bytes)
{
    const struct sim_costs *k = &from->sim->costs;
    from->n.served_getmores += 2;
    from->n.served_us += (int64_t)(cost_of(from) + (double)entries * k->doc_us + (double)bytes * k->return_byte_us);
    from->n.requests += 2;
    count_bytes(from, 2 * GETMORE_BYTES, 2 * EMPTY_BYTES + bytes);
    count_commands(from, 2);
    count_bytes(from, 2 * POSITION_BYTES, 2 * EMPTY_BYTES);
}

/* What a member asks itself before it applies a batch: whether a session has got so far already. */
static void ask_itself(struct sim_member *m)
{
    sim_count_operator(m, "$eq");
    sim_count_operator(m, "$or");
    sim_count_operator(m, "$lt");
    sim_count_operator(m, "$lt");
}

void sim_chatter_batch(struct sim_member *m, struct sim_member *from, int64_t entries, int64_t bytes)
{
    int64_t now = m->sim->now, waited = m->fetched_us ? now - m->fetched_us : 0;
    m->n.fetch_getmores += 2;
    m->n.fetch_us += waited < AWAIT_US ? waited : AWAIT_US; /* it waits for the next one all the time */
    m->fetched_us = now;
    ask_itself(m);
    if (!from)
        return;
    m->n.asked_out += 2 * (GETMORE_BYTES + POSITION_BYTES);
    m->n.asked_in += 4 * EMPTY_BYTES + bytes;
    serve(from, entries, bytes);
}

void sim_chatter_heartbeat(struct sim_member *m)
{
    m->n.heartbeats++;
    count_commands(m, 1);
    count_bytes(m, HEARTBEAT_BYTES, HEARTBEAT_ANSWER);
}

void sim_chatter_hellos(struct sim_member *m, int64_t n)
{
    m->n.command_total[sim_command_find("hello") - sim_commands] += n;
    count_commands(m, n);
    m->n.bytes_in += n * HELLO_BYTES;
    m->n.bytes_out += n * HELLO_ANSWER;
}
