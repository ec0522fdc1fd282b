/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/cli/command.h>

int main(int argc, char **argv)
{
    return sb_cli_main(argc, argv);
}
