/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>

int sb_cmd_version(int argc, char **argv)
{
    if (sb_options_read(argc, argv, NULL, 0) != 0)
        return 2;
    return sb_print("signalbox %s\n", SIGNALBOX_VERSION) ? 1 : 0;
}
