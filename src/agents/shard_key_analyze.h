/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to shard_key.c: the server's own analysis of a shard key (analyzeShardKey, from 7.0 on), as evidence. */
#ifndef SB_AGENTS_SHARD_KEY_ANALYZE_H
#define SB_AGENTS_SHARD_KEY_ANALYZE_H

#include <signalbox/agents/shard_key.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/server.h>

struct sb_key_asked {
    struct sb_conn *conn;
    const char *ns;
    const struct sb_shard_key *key;
    struct sb_card *card; /* gets the evidence */
    struct sb_str *weak;  /* what speaks against the key, a line each */
    int64_t now;
};

/* Adds nothing where a server does not know the command. -1: the server is gone, or memory is short. Blocks for some seconds. */
int sb_shard_key_analyze(const struct sb_key_asked *a, struct sb_err *err);

#endif
