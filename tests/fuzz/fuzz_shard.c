/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the address of a shard, which comes out of the config database: whatever is taken as a host can stand in a connection string
 * as one host and its port, and there are no more of them than are watched. */
#include "fuzz.h"

#include <signalbox/mongo/server.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_shard s = {0};
    char text[4096];
    int rc;
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    bool good = sb_shard_parse(text, &s, &rc);
    check(rc == 0);
    check(!good || (s.set && s.set[0] && s.hosts_n));
    check(s.hosts_n <= SB_SHARD_HOSTS_MOST);
    for (size_t i = 0; i < s.hosts_n; i++)
        check(strchr(s.hosts[i], ':') && !strpbrk(s.hosts[i], "/@?, %\"\\") && strlen(s.hosts[i]) < 256);
    sb_shard_release(&s);
    return 0;
}
