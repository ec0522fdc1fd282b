/* SPDX-License-Identifier: Apache-2.0
 *
 * put_store DIR URI HOST DEPLOYMENT ENVIRONMENT TEAM CLASS: what an owner of the ledger in DIR puts into the shared store, once: its
 * host's row, the copies of its entries, cards and incidents, its checkpoint. Prints how many entries a majority has. */
#include <signalbox/ledger/ledger.h>
#include <signalbox/mongo/server.h>
#include <signalbox/shared/store.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sb_err err = SB_ERR_INIT;
    const char *why;
    int64_t acked = 0;
    int rc = 1;
    if (argc != 8)
        return 2;
    sb_mongo_init();
    struct sb_ledger *reader = sb_ledger_open(argv[1], SB_LEDGER_READ, NULL, &err);
    struct sb_store *s = reader ? sb_store_open(&(struct sb_store_options){.uri = argv[2], .state_dir = argv[1], .log = sb_ledger_id(reader)}, &err) : NULL;
    struct sb_store_host host = {.host = argv[3], .boot = "boot", .program = SIGNALBOX_VERSION, .pid = getpid(), .deployment_id = argv[4], .deployment = argv[4], .environment = argv[5],
                                 .team = argv[6], .class_ = argv[7], .head = reader ? sb_ledger_head(reader) : 0};
    if (s && sb_store_check(s, reader, &why) != SB_STORE_WELL)
        sb_fail(&err, SB_ESTATE, "%s", why);
    else if (s && sb_store_host_beat(s, &host, &err) == 0)
        for (rc = 0; rc == 0 && acked < sb_ledger_head(reader);)
            rc = sb_store_publish(s, reader, 0, &acked, &err);
    if (rc)
        fprintf(stderr, "put_store: %s\n", err.msg);
    else
        printf("%" PRId64 "\n", acked);
    sb_store_close(s);
    sb_ledger_close(reader);
    sb_mongo_cleanup();
    return rc != 0;
}
