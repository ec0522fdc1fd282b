/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/compiler.h>
#include <signalbox/base/hook.h>

SB_WEAK void sb_hook(const char *point)
{
    (void)point;
}
