/* SPDX-License-Identifier: Apache-2.0
 *
 * away.h - why no server was found, in a sentence: what the driver says of each host, made one, and what can be done about it.
 *
 * The driver's text is "reason: [host's reason] [host's reason]". The same reason of every host is said once. A certificate that is
 * refused is told apart from a server that is not there, since waiting does not mend it. A handshake that does not come about and a
 * connection that a server ends may be either: a server that goes down looks so for a moment. Thread: any; pure.
 */
#ifndef SIGNALBOX_MONGO_AWAY_H
#define SIGNALBOX_MONGO_AWAY_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the sentence. tls: the connection string asks for it; certificate: and shows one of the client's. True when the servers may be
 * out of reach, false when they are there and their certificate is refused. */
bool sb_away_sentence(char *out, size_t cap, const char *message, bool tls, bool certificate);

#endif
