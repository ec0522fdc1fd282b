/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>

int sb_cmd_version(int argc, char **argv)
{
    int words = sb_options_read(argc, argv, NULL, 0);
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("version takes no other words");
    return sb_print("signalbox %s\n", SIGNALBOX_VERSION) ? 1 : 0;
}
