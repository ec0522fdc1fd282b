/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.h - what can go wrong between the simulated set and clients on sockets, for tests of those clients.
 *
 *   cut          the connection ends in the middle of a reply
 *   half         half of a reply comes, and nothing more, while the connection stays
 *   delay        every reply comes five real seconds late
 *   wrong-id     replies answer a request that nobody made
 *   huge         a reply of 48,000,000 bytes, the most that a message may have
 *   garbage      a reply whose document has the right length and end, and no BSON between
 *   no-end       a reply whose document does not end where it says
 *   refuse-login every command is refused with AuthenticationFailed, as if the session's login were void
 *   not-primary  writes, createIndexes and the like are refused with NotWritablePrimary, though hello says primary
 *
 * The handshake (hello, isMaster) is spared, so that a client finds its server and then meets the fault; so is
 * configureFailPoint, by which a test may begin and end a fault at any moment:
 *   {configureFailPoint: "signalboxWire", mode: "alwaysOn" | "off" | {times: N}, data: {fault: NAME}}
 * Apps inside the simulator meet none of them. Thread: one.
 */
#ifndef SIGNALBOX_SIM_FAULT_H
#define SIGNALBOX_SIM_FAULT_H

#include <signalbox/base/str.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_member;
struct sim_conn;

enum sim_fault {
    SIM_FAULT_NONE, SIM_FAULT_CUT, SIM_FAULT_HALF, SIM_FAULT_DELAY, SIM_FAULT_WRONG_ID, SIM_FAULT_HUGE, SIM_FAULT_GARBAGE, SIM_FAULT_NO_END, SIM_FAULT_LOGIN,
    SIM_FAULT_NOT_PRIMARY, SIM_FAULTS
};

#define SIM_FAULT_HUGE_BYTES 48000000
#define SIM_FAULT_DELAY_US 5000000 /* real */

int sim_fault_of(const char *name); /* -1: there is no such fault */
const char *sim_fault_name(enum sim_fault f);
const char *sim_fault_names(void); /* "cut, half, ..." */

/* From now on clients of this member meet f, until to_us (INT64_MAX: for good), or until they have met it so many times
 * (-1: always), or until another one is set. */
void sim_fault_set(struct sim_member *m, enum sim_fault f, int64_t to_us, int64_t times);

/* The fault that this command of a client meets; counts it. body: the command. */
enum sim_fault sim_fault_meet(struct sim_member *m, const uint8_t *body);

/* Spoils the message that begins at `from` and ends out. False: the connection is to be ended behind it. */
bool sim_fault_spoil(enum sim_fault f, struct sb_str *out, size_t from);

/* Gives the reply to conn->answer later. -1 out of memory. */
int sim_fault_delay(struct sim_conn *conn, const uint8_t *reply);

#endif
