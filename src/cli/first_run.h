/* SPDX-License-Identifier: Apache-2.0
 *
 * first_run.h - the first start of a console: what it needs is asked for, tried out and written down. Private to the room. */
#ifndef SIGNALBOX_CLI_FIRST_RUN_H
#define SIGNALBOX_CLI_FIRST_RUN_H

/* Does nothing where there is a config, a connection string in the environment, or a signalbox of this user to join. Else it asks
 * on the terminal and writes the config and, where it was typed, the file with the connection string (mode 600), and starts the program anew with
 * these words. -1: there was nothing to be done, and the console is to be opened; else the exit status. */
int sb_first_run(char **argv);

#endif
