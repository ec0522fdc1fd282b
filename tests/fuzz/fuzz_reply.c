/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what a server answers to the sampler: BSON that a hostile or broken server has written. The first byte says to
 * which command; several replies may follow one another. Names end within their arrays, the peers' table is not overrun,
 * and the log's lines are counted as they are taken. */
#include "fuzz.h"

#include <signalbox/telemetry/sample.h>

static void ends(const char *text, size_t cap)
{
    check(memchr(text, '\0', cap) != NULL);
}

static void check_sample(const struct sb_sample *s)
{
    ends(s->member, sizeof s->member);
    ends(s->error, sizeof s->error);
    ends(s->state, sizeof s->state);
    check(s->peers_n <= SB_COUNT(s->peers));
    for (size_t i = 0; i < s->peers_n; i++) {
        ends(s->peers[i].name, sizeof s->peers[i].name);
        ends(s->peers[i].state, sizeof s->peers[i].state);
    }
    check(s->idle_n <= SB_COUNT(s->idle));
    for (size_t i = 0; i < s->idle_n; i++) {
        ends(s->idle[i].app, sizeof s->idle[i].app);
        ends(s->idle[i].client, sizeof s->idle[i].client);
        check(s->idle[i].open_ms >= 0 && s->idle[i].idle_ms >= 0);
    }
    for (size_t i = 0; i < s->ns_n; i++)
        check(s->ns[i].ns != NULL);
    size_t lines = 0;
    for (size_t i = 0; i < s->log.len; i++)
        lines += s->log.p[i] == '\n';
    check(s->log_lines == (int64_t)lines && s->log_gap >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct sb_sample *s = sb_sample_new("db1.example.net:27017", 1);
    check(s != NULL);
    int64_t seen = data[0] & 64 ? -1 : 3;
    for (const uint8_t *p = data + 1, *end = data + size; end - p >= 5;) {
        bson_t reply;
        uint32_t n = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        if (n < 5 || n > (size_t)(end - p) || !bson_init_static(&reply, p, n))
            break;
        if (data[0] & 128) {
            check(sb_sample_transaction(s, &reply) || s->idle_n == SB_COUNT(s->idle));
            check_sample(s);
            p += n;
            continue;
        }
        switch (data[0] % 4) {
        case 0: sb_sample_server_status(s, &reply); break;
        case 1: sb_sample_repl_status(s, &reply); break;
        case 2: check(sb_sample_top(s, &reply) == 0); break;
        default: check(sb_sample_log(s, &reply, &seen) == 0);
        }
        check_sample(s);
        p += n;
    }
    sb_sample_free(s);
    return 0;
}
