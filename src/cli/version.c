/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>

int sb_cmd_version(int argc, char **argv)
{
    bool json = false;
    const struct sb_option options[] = {{"--json", &json, NULL}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("version takes no other words");
    if (json)
        return sb_print_json(json_pack("{s:s}", "version", SIGNALBOX_VERSION));
    return sb_print("signalbox %s\n", SIGNALBOX_VERSION) ? 1 : 0;
}
