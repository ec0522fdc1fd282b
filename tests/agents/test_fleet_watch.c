/* SPDX-License-Identifier: Apache-2.0
 *
 * The incidents of a fleet: what opens one, what its class is, what joins it, and when it is over. */
#include "test.h"

#include <signalbox/agents/fleet_watch.h>
#include <signalbox/base/array.h>

#include <math.h>
#include <string.h>

#define START 1700000000000
#define MEMBERS 6 /* three of each of two sets */

static struct sb_fleet_row rows[MEMBERS];
static struct sb_fleet_watch *watch;
static int64_t now;

static void all_well(void)
{
    sb_fleet_watch_free(watch);
    watch = sb_fleet_watch_new(2, NULL);
    assert_non_null(watch);
    now = START;
    for (size_t i = 0; i < MEMBERS; i++) {
        rows[i] = (struct sb_fleet_row){.deployment = i < 3 ? "shop" : "till", .deployment_i = i / 3, .since_ms = START, .read_ms = 1, .write_ms = NAN, .lag_s = NAN};
        snprintf(rows[i].name, sizeof rows[i].name, "m%zu:27017", i);
        snprintf(rows[i].role, sizeof rows[i].role, "%s", i % 3 ? "SECONDARY" : "PRIMARY");
        for (int k = 0; k < SB_FLEET_SERIES; k++)
            rows[i].out[k].value = rows[i].out[k].usual = NAN;
    }
}

static void is(size_t i, enum sb_fleet_health health, const char *why)
{
    rows[i].health = health;
    rows[i].since_ms = now;
    snprintf(rows[i].why, sizeof rows[i].why, "%s", why);
    if (health == SB_FLEET_SILENT)
        rows[i].role[0] = '\0';
}

static void out(size_t i, enum sb_fleet_series k, double value, double usual)
{
    rows[i].out[k].value = value;
    rows[i].out[k].usual = usual;
}

/* Looks once a second for so long: "shop+" opened, "shop~" changed, "shop-" is over. *last: the last one's anomaly, released before. */
static const char *look(int64_t seconds, struct sb_anomaly *last)
{
    static char said[400];
    struct sb_fleet_event e;
    said[0] = '\0';
    for (int64_t s = 0; s < seconds; s++, now += 1000) {
        assert_int_equal(sb_fleet_watch_look(watch, rows, MEMBERS, now, NULL), 0);
        while (sb_fleet_watch_take(watch, &e)) {
            size_t n = strlen(said);
            snprintf(said + n, sizeof said - n, "%s%s%s", n ? " " : "", e.deployment_i ? "till" : "shop", e.is_new ? "+" : e.anomaly.to ? "-" : "~");
            sb_anomaly_release(last);
            *last = e.anomaly;
        }
    }
    return said;
}

static void one_incident_of_a_deployment(void **state)
{
    struct sb_anomaly a = {0};
    (void)state;
    all_well();
    assert_string_equal(look(60, &a), "");
    is(1, SB_FLEET_SILENT, "out of reach");
    assert_string_equal(look(5, &a), "shop+");
    assert_int_equal(a.class_, SB_CLASS_INFRASTRUCTURE);
    assert_int_equal(a.severity, SB_HIGH);
    assert_string_equal(a.title, "m1:27017: out of reach");
    assert_int_equal(a.members_n, 1);
    is(2, SB_FLEET_LAGGING, "is 20 s behind its primary"); /* joins it */
    rows[2].lag_s = 20;
    assert_string_equal(look(5, &a), "shop~");
    assert_int_equal(a.members_n, 2);
    assert_int_equal(a.from, START + 60000);
    is(2, SB_FLEET_WELL, "");
    assert_string_equal(look(7200, &a), ""); /* two hours do not make it usual that somebody is silent */
    is(1, SB_FLEET_WELL, "");
    assert_string_equal(look(19, &a), "");
    assert_string_equal(look(30, &a), "shop-");
    assert_int_equal(a.from, START + 60000);
    assert_int_equal(a.to, START + 7269000); /* when it was wrong last */
    is(4, SB_FLEET_STRANGER, "says that it is of the set x, not of till");
    assert_string_equal(look(60, &a), "");
    sb_anomaly_release(&a);
}

static void the_class_follows_from_what_is_seen(void **state)
{
    struct sb_anomaly a = {0};
    (void)state;
    all_well();
    is(1, SB_FLEET_ODD, "read latency 20 ms, usually 1 ms"); /* it alone, of three */
    out(1, SB_FLEET_READ_MS, 20, 1);
    is(3, SB_FLEET_ODD, "operations a second 900, usually 300"); /* more work */
    out(3, SB_FLEET_OPS, 900, 300);
    assert_string_equal(look(1, &a), "shop+ till+");
    assert_int_equal(a.class_, SB_CLASS_LOAD);
    assert_int_equal(a.signals_n, 1);
    assert_string_equal(a.signals[0].metric, "ops_per_s");
    assert_int_equal(a.signals[0].baseline, 300);
    all_well();
    is(1, SB_FLEET_ODD, "read latency 20 ms, usually 1 ms");
    out(1, SB_FLEET_READ_MS, 20, 1);
    assert_string_equal(look(1, &a), "shop+");
    assert_int_equal(a.class_, SB_CLASS_INFRASTRUCTURE);
    assert_non_null(strstr(a.class_reason, "m1:27017 alone"));
    assert_int_equal(a.signals[0].value, 20000);
    is(2, SB_FLEET_ODD, "read latency 30 ms, usually 1 ms"); /* not alone any more: nothing decides */
    out(2, SB_FLEET_READ_MS, 30, 1);
    assert_string_equal(look(1, &a), "shop~");
    assert_int_equal(a.class_, SB_CLASS_UNKNOWN);
    all_well();
    is(4, SB_FLEET_IDLE, "is neither primary nor secondary now");
    assert_string_equal(look(1, &a), "till+");
    assert_int_equal(a.class_, SB_CLASS_INFRASTRUCTURE);
    assert_non_null(strstr(a.class_reason, "serves nobody"));
    sb_anomaly_release(&a);
}

static void a_set_without_a_primary(void **state)
{
    struct sb_anomaly a = {0};
    (void)state;
    all_well();
    look(5, &a);
    snprintf(rows[0].role, sizeof rows[0].role, "SECONDARY");
    assert_string_equal(look(10, &a), ""); /* an election takes less */
    assert_string_equal(look(2, &a), "shop+");
    assert_string_equal(a.title, "No member is primary");
    assert_int_equal(a.class_, SB_CLASS_INFRASTRUCTURE);
    snprintf(rows[1].role, sizeof rows[1].role, "PRIMARY");
    assert_string_equal(look(30, &a), "shop-");
    is(3, SB_FLEET_STRANGER, ""); /* the primary, perhaps: what it is to its set is not known */
    rows[3].role[0] = '\0';
    assert_string_equal(look(60, &a), "");
    sb_anomaly_release(&a);
    sb_fleet_watch_free(watch);
    watch = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_incident_of_a_deployment), cmocka_unit_test(the_class_follows_from_what_is_seen), cmocka_unit_test(a_set_without_a_primary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
