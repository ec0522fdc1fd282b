/* SPDX-License-Identifier: Apache-2.0
 *
 * store_lease.h - signalbox store: who owns which deployment, maintenance, and a person's word that an owner is dead. */
#ifndef SIGNALBOX_CLI_STORE_LEASE_H
#define SIGNALBOX_CLI_STORE_LEASE_H

/* As commands: argv[0] is "leases", "take-over" or "maintenance". Return the exit status. */
int sb_store_leases(int argc, char **argv);
int sb_store_take_over(int argc, char **argv);
int sb_store_maintenance(int argc, char **argv);

#endif
