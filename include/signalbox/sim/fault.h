/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.h - what can go wrong between the simulated set and clients on sockets, for tests of those clients.
 *
 *   cut          the connection ends in the middle of a reply
 *   half         half of a reply comes, and nothing more, while the connection stays
 *   delay        every reply comes five seconds late
 *   wrong-id     replies answer a request that nobody made
 *   huge         a reply claims 48 MB, and that many bytes come
 *   garbage      a reply whose document is no BSON
 *   refuse-login every command but the handshake is refused with AuthenticationFailed
 *   not-primary  writes and createIndexes are refused with NotWritablePrimary, though hello says primary
 *
 * The handshake (hello, isMaster) is spared by cut, half, wrong-id, huge and garbage, so that a client finds its server and
 * then meets the fault. Apps inside the simulator meet none of them. Thread: one.
 */
#ifndef SIGNALBOX_SIM_FAULT_H
#define SIGNALBOX_SIM_FAULT_H

#include <stdint.h>

struct sim_member;

enum sim_fault {
    SIM_FAULT_NONE, SIM_FAULT_CUT, SIM_FAULT_HALF, SIM_FAULT_DELAY, SIM_FAULT_WRONG_ID, SIM_FAULT_HUGE, SIM_FAULT_GARBAGE, SIM_FAULT_LOGIN,
    SIM_FAULT_NOT_PRIMARY, SIM_FAULTS
};

#define SIM_FAULT_HUGE_BYTES 48000000
#define SIM_FAULT_DELAY_US INT64_C(5000000)

int sim_fault_of(const char *name); /* -1: there is no such fault */
const char *sim_fault_name(enum sim_fault f);
const char *sim_fault_names(void); /* "cut, half, ..." */

/* From now on clients of this member meet f, until to_us (INT64_MAX: for good) or another one. */
void sim_fault_set(struct sim_member *m, enum sim_fault f, int64_t to_us);

/* The fault that a client of this member meets now. */
enum sim_fault sim_fault_now(const struct sim_member *m);

#endif
