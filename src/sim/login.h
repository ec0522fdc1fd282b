/* SPDX-License-Identifier: Apache-2.0
 *
 * login.h - what a connection keeps of its login: who it is, and a conversation that is not over. */
#ifndef SIM_LOGIN_H
#define SIM_LOGIN_H

#include <signalbox/sim/accounts.h>

enum sim_login_stage { SIM_LOGIN_IDLE, SIM_LOGIN_CHALLENGED, SIM_LOGIN_PROVED /* the client's empty last message is to come */ };

struct sim_login {
    const struct sim_account *who, *trying; /* NULL nobody */
    enum sim_login_stage stage;
    bool skips_empty, speculative;
    struct sim_scram scram;
};

#endif
