/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h - named points at which a test may stop the process.
 *
 * The library's sb_hook does nothing and is weak; a test program links its own, which kills the process (or fails the
 * disk) at the n-th visit of a point. Names read room.module.point. Thread: any.
 */
#ifndef SIGNALBOX_BASE_HOOK_H
#define SIGNALBOX_BASE_HOOK_H

void sb_hook(const char *point);

#endif
