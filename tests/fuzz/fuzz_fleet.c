/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what a fleet reads. Input: a byte that chooses, then either a message to a simulated member (whatever follows the header's
 * ids), whose answer must be whole; or a document as a server's serverStatus, of which no more is read than there is room for. */
#include "fuzz.h"

#include <signalbox/sim/fleet.h>
#include <signalbox/sim/value.h>
#include <signalbox/sim/wire.h>
#include <signalbox/telemetry/fleet.h>

static void message(const uint8_t *data, size_t n)
{
    struct sim_fleet_setup setup = {.sets = 1, .members = 3, .seed = 1};
    struct sim_fleet *f = sim_fleet_new(&setup, NULL);
    struct sb_str out;
    uint8_t *bytes = malloc(n + 12);
    check(f && bytes);
    uint32_t head[3] = {(uint32_t)n + 12, 1, 0};
    memcpy(bytes, head, sizeof head);
    memcpy(bytes + 12, data, n);
    sb_str_init(&out);
    if (sim_wire_length(bytes, n + 12) == (int64_t)n + 12 && sim_fleet_handle(f, &f->member[0], bytes, n + 12, 1000, &out)) {
        size_t at = sim_u32((const uint8_t *)out.p + 12) == 1 ? 36 : 21;
        check(sim_u32((const uint8_t *)out.p) == out.len && sim_valid((const uint8_t *)out.p + at, out.len - at));
    }
    sb_str_release(&out);
    free(bytes);
    sim_fleet_free(f);
}

static void status(const uint8_t *data, size_t n)
{
    bson_t doc;
    struct sb_fleet_reading r = {.hosts = calloc(SB_FLEET_HOSTS_MOST, sizeof *r.hosts)};
    check(r.hosts != NULL);
    if (bson_init_static(&doc, data, n) && bson_validate(&doc, BSON_VALIDATE_NONE, NULL)) {
        sb_fleet_read(&r, &doc);
        check(r.hosts_n <= SB_FLEET_HOSTS_MOST && strlen(r.set) < sizeof r.set && !(r.ops < 0) && !(r.connections < 0));
    }
    free(r.hosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 4)
        (data[0] & 1 ? status : message)(data + 1, n - 1);
    return 0;
}
