/* SPDX-License-Identifier: Apache-2.0
 *
 * process_mark.h (private) - what a marked process has in its environment. */
#ifndef SIGNALBOX_SRC_BASE_PROCESS_MARK_H
#define SIGNALBOX_SRC_BASE_PROCESS_MARK_H

#define SB_PROCESS_MARK "SIGNALBOX_MARK="

#endif
