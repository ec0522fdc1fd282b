/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts.h - who may log in to a simulated set, and what each of them may do there.
 *
 * A file of accounts has the line format of the config:
 *
 *     account monitor          # of the database admin; account NAME DB: of another
 *     set password "s3cret"
 *     set roles clusterMonitor readAnyDatabase
 *
 * Roles are MongoDB's: clusterMonitor, readAnyDatabase, readWriteAnyDatabase, dbAdminAnyDatabase, root. Of what they grant the part is
 * simulated that the simulated commands need; a command that is in none of the others is root's. Passwords are printable ASCII and
 * are not kept. While a set has accounts, a client that has not logged in is answered 13 to all but the handshake. The simulator's
 * own apps are not asked. Thread: as the simulation; the accounts themselves are never changed.
 */
#ifndef SIGNALBOX_SIM_ACCOUNTS_H
#define SIGNALBOX_SIM_ACCOUNTS_H

#include <signalbox/base/error.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/scram.h>

#define SIM_ACCOUNTS_MAX 64

struct sim_account {
    char user[SIM_SCRAM_USER], db[64];
    unsigned roles; /* bits, in the order of the roles above */
    struct sim_scram_keys keys;
};

struct sim_accounts {
    size_t n;
    struct sim_account account[SIM_ACCOUNTS_MAX];
};

/* NULL after a failure: the first problem of the file, as file:line. */
struct sim_accounts *sim_accounts_parse(const char *text, size_t len, const char *path, struct sb_err *err);
void sim_accounts_free(struct sim_accounts *a);

/* NULL: there is none of this name. */
const struct sim_account *sim_account_find(const struct sim_accounts *a, const char *user, const char *db);

/* 0, or -1 with what the server says to a client that may not. */
int sim_authorize(struct sim_call *c);

/* The arrays of connectionStatus; privileges: the third one as well. */
void sim_put_login(struct sim_w *w, const struct sim_conn *conn, bool privileges);

/* saslSupportedMechs and speculativeAuthenticate of a hello, in its reply. -1: c->fail. */
int sim_hello_login(struct sim_call *c);

/* What a connection keeps of its login; NULL is fine. */
void sim_login_free(struct sim_login *login);

#endif
