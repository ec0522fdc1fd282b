/* SPDX-License-Identifier: Apache-2.0 */
#include "store_lease.h"

#include <signalbox/base/str.h>
#include <signalbox/cli/command.h>

int sb_cmd_store(int argc, char **argv)
{
    if (argc > 1 && sb_streq(argv[1], "leases"))
        return sb_store_leases(argc - 1, argv + 1);
    if (argc > 1 && sb_streq(argv[1], "take-over"))
        return sb_store_take_over(argc - 1, argv + 1);
    if (argc > 1 && sb_streq(argv[1], "maintenance"))
        return sb_store_maintenance(argc - 1, argv + 1);
    return sb_usage_error("store has leases, take-over and maintenance (see: signalbox help store)");
}
