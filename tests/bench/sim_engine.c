/* SPDX-License-Identifier: Apache-2.0
 *
 * What the simulator's engine is measured with.
 *
 *   finds N       N finds by an index through the dispatcher, with one connection; prints finds a second of CPU time
 *   memory N      N documents of 500 bytes on three members, with one index; prints the peak resident set in KiB
 *   virtual H R   H hours of virtual time of a shop with about R operations a second; prints seconds of CPU time
 */
#include <signalbox/base/error.h>
#include <signalbox/sim/clients.h>
#include <signalbox/sim/dispatch.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "bench sim_engine: %s\n", what);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct sim *start(const char *text, struct sim_scenario **sc)
{
    struct sim_setup setup = {.seed = 1, .start_ms = 1700000000000, .speed = 1, .scenario_name = "bench", .port = {1, 2, 3}, .members = 3, .pid = 1};
    struct sb_err err = SB_ERR_INIT;
    struct sim *s = sim_new(&setup, &err);
    if (!s || !(*sc = sim_scenario_parse(text, strlen(text), "bench", "bench", &err)) || sim_clients_load(s, *sc, &err))
        die(err.msg);
    return s;
}

static void finds(long n)
{
    static const char data[] = "title \"finds\"\n"
                               "collection shop.orders 100000\n"
                               "    field _id \"seq('id')\"\n"
                               "    field user_id \"int(1, 50000)\"\n"
                               "    field total \"decimal(5, 900)\"\n"
                               "    index user_id_1 \"{user_id: 1}\"\n";
    struct sim_scenario *sc = NULL;
    struct sim *s = start(data, &sc);
    struct sim_conn *conn = sim_conn_open(&s->member[0], "127.0.0.1:1", false);
    struct sim_w body, out;
    int64_t returned = 0, from = cpu_ns();
    sim_w_init(&body);
    sim_w_init(&out);
    for (long i = 0; i < n; i++) {
        const uint8_t *reply = NULL;
        sim_w_clear(&body);
        sim_w_text(&body, "find", "orders");
        sim_w_doc(&body, "filter");
        sim_w_i32(&body, "user_id", 1 + i * 7919 % 50000);
        sim_w_end(&body);
        sim_w_text(&body, "$db", "shop");
        struct sim_request rq = {.body = sim_w_done(&body), .bytes = 100};
        if (!rq.body || sim_dispatch(conn, &rq, &out, &reply) != SIM_ANSWERED || !reply || !sim_truth(sim_find(reply, "ok")))
            die("a find failed");
        returned += (int64_t)sim_count(sim_path(reply, "cursor.firstBatch").p);
    }
    double seconds = (double)(cpu_ns() - from) / 1e9;
    printf("%.0f finds a second, %.2f documents each\n", (double)n / seconds, (double)returned / (double)n);
    sim_w_release(&body);
    sim_w_release(&out);
    sim_conn_close(conn);
    sim_free(s);
    sim_scenario_free(sc);
}

static void memory(long n)
{
    char text[400];
    struct sim_scenario *sc = NULL;
    struct rusage usage;
    snprintf(text, sizeof text,
             "title \"memory\"\n"
             "collection shop.orders %ld\n"
             "    field user_id \"int(1, 50000)\"\n"
             "    field pad \"text(462)\"\n"
             "    index user_id_1 \"{user_id: 1}\"\n", n);
    struct sim *s = start(text, &sc);
    const struct sim_coll *c = sim_coll_find(&s->member[2].cat, "shop.orders");
    getrusage(RUSAGE_SELF, &usage);
    printf("%ld KiB, %.0f bytes a document\n", usage.ru_maxrss, (double)c->records.bytes / (double)c->records.count);
    sim_free(s);
    sim_scenario_free(sc);
}

static void virtual_hours(double hours, double rate)
{
    char text[2400];
    struct sim_scenario *sc = NULL;
    snprintf(text, sizeof text,
             "title \"a shop\"\n"
             "collection shop.orders 60000\n"
             "    field _id \"seq('order')\"\n"
             "    field user_id \"int(1, 4000)\"\n"
             "    field status \"weighted('new', 1, 'paid', 2, 'sent', 6)\"\n"
             "    field created \"ago(30d)\"\n"
             "    field total \"decimal(5, 900)\"\n"
             "    index user_id_1_created_-1 \"{user_id: 1, created: -1}\"\n"
             "    index status_1 \"{status: 1}\"\n"
             "app shop clients 20\n"
             "    find shop.orders rate %.1f filter \"{user_id: int(1, 4000)}\" sort \"{created: -1}\" limit 10\n"
             "    find shop.orders rate %.1f filter \"{_id: recent('order', 1000)}\" limit 1\n"
             "    insert shop.orders rate %.1f document \"{_id: seq('order'), user_id: int(1, 4000), status: 'new', created: now(), total: decimal(5, 900)}\"\n"
             "    update shop.orders rate %.1f filter \"{_id: recent('order', 100)}\" update \"{$set: {status: 'paid'}}\"\n"
             "    delete shop.orders rate %.1f filter \"{_id: oldest('order', 60000)}\"\n",
             rate * 0.4, rate * 0.3, rate * 0.1, rate * 0.1, rate * 0.1);
    struct sim *s = start(text, &sc);
    int64_t from = cpu_ns();
    sim_run_until(s, s->now + (int64_t)(hours * 3600e6));
    printf("%.2f seconds, %" PRIu64 " operations, %" PRIu64 " documents\n", (double)(cpu_ns() - from) / 1e9, s->operations,
           sim_coll_find(&s->member[0].cat, "shop.orders")->records.count);
    sim_free(s);
    sim_scenario_free(sc);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "finds") == 0)
        finds(strtol(argv[2], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "memory") == 0)
        memory(strtol(argv[2], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "virtual") == 0)
        virtual_hours(strtod(argv[2], NULL), strtod(argv[3], NULL));
    else
        die("finds N | memory N | virtual HOURS RATE");
    return 0;
}
