/* SPDX-License-Identifier: Apache-2.0
 *
 * tls.h - TLS 1.2 and newer on a client's socket, as a member of a set in requireTLS mode speaks it.
 *
 * The socket does not block: what would is -1 with EAGAIN, as of recv and send. A client that speaks anything but TLS, or whose
 * certificate is none of the CA's when one is wanted, is -1 with EPROTO, and sim_tls_why says what it was. The process must ignore
 * SIGPIPE. Thread: one.
 */
#ifndef SIGNALBOX_SIM_TLS_H
#define SIGNALBOX_SIM_TLS_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sim_tls;
struct sim_tls_conn;

/* certificate: a PEM file with the server's certificate and its key. ca: a PEM file; clients must then show a certificate that it
 * signed, as mongod asks for one whose tlsCAFile is set; NULL: none is asked for. NULL after a failure, which names the file. */
struct sim_tls *sim_tls_new(const char *certificate, const char *ca, struct sb_err *err);
void sim_tls_free(struct sim_tls *t);

/* When the server's certificate ends, in milliseconds since 1970; at least 1. */
int64_t sim_tls_ends_ms(const struct sim_tls *t);

/* NULL out of memory. The descriptor stays the caller's. */
struct sim_tls_conn *sim_tls_accept(struct sim_tls *t, int fd);
void sim_tls_conn_free(struct sim_tls_conn *c); /* NULL is fine */

ssize_t sim_tls_recv(struct sim_tls_conn *c, void *buf, size_t n);
ssize_t sim_tls_send(struct sim_tls_conn *c, const void *bytes, size_t n);

/* The handshake waits for room in the socket. */
bool sim_tls_wants_write(const struct sim_tls_conn *c);

/* What broke the connection; "" nothing did. */
const char *sim_tls_why(const struct sim_tls_conn *c);

#endif
