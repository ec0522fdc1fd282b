/* SPDX-License-Identifier: Apache-2.0
 *
 * descriptors.h - as many descriptors as this process may have: a client is one, and the usual limit of 1,024 is a relic of
 * select(2). Where it cannot be raised, fewer fit. */
#ifndef SIGNALBOX_SRC_CLI_DESCRIPTORS_H
#define SIGNALBOX_SRC_CLI_DESCRIPTORS_H

void sb_want_descriptors(void);

#endif
