/* SPDX-License-Identifier: Apache-2.0
 *
 * members.h - three simulated members over real sockets, and a client for what somebody does to them behind our back. */
#ifndef SIGNALBOX_TESTS_SHARED_MEMBERS_H
#define SIGNALBOX_TESTS_SHARED_MEMBERS_H

#include "test.h"

#include <mongoc/mongoc.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/mongo/server.h>

#include <unistd.h>

struct members {
    struct sb_process sim;
    char uri[300];
    mongoc_client_t *client; /* NULL: SIGNALBOX does not name the program, whose simulator is wanted */
};

static inline int members_start(struct members *m)
{
    struct sb_err err = SB_ERR_INIT;
    const char *program = getenv("SIGNALBOX");
    char line[2000];
    size_t n = 0;
    sb_mongo_init();
    if (!program)
        return 0;
    const char *const argv[] = {program, "sim", "--scenario", "calm", "--seed", "3", NULL};
    sb_assert_ok(sb_process_spawn(&m->sim, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, &err), err);
    while (n + 1 < sizeof line && read(m->sim.out, line + n, 1) == 1 && line[n] != '\n')
        n++;
    json_t *ready = sb_json_parse(line, n, "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    snprintf(m->uri, sizeof m->uri, "%s", sb_json_str(ready, "uri"));
    json_decref(ready);
    m->client = mongoc_client_new(m->uri);
    return m->client ? 0 : -1;
}

static inline int members_end(struct members *m)
{
    if (m->client) {
        mongoc_client_destroy(m->client);
        sb_process_stop(&m->sim, 2000);
    }
    sb_mongo_cleanup();
    return 0;
}

#endif
