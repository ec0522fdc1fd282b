/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - the MongoDB wire protocol: bytes of a client in, a command through dispatch, bytes of the answer out.
 *
 * OP_MSG with one body and document sequences, checksums verified; OP_QUERY on "$cmd" for the handshake of older drivers.
 * Compression was never offered in hello, so a compressed message ends the connection, as do legacy operations, unknown
 * required flags, a wrong checksum and a length outside 16..48,000,000. Every document passes sim_valid here and nowhere
 * else. Formats: the MongoDB documentation, "Wire Protocol"; error codes as 5.0 answers. Thread: one.
 */
#ifndef SIGNALBOX_SIM_WIRE_H
#define SIGNALBOX_SIM_WIRE_H

#include <signalbox/sim/dispatch.h>

#define SIM_WIRE_HEADER 16
#define SIM_WIRE_MAX 48000000

enum sim_wire_result {
    SIM_WIRE_DONE,  /* the answer, if the client wants one, is in out */
    SIM_WIRE_LATER, /* conn->answer will be called; keep `asked` for sim_wire_answer */
    SIM_WIRE_CLOSE, /* end the connection, after sending what is in out */
};

/* What an answer has to refer to. */
struct sim_wire_asked {
    int32_t request_id;
    bool op_query; /* wants an OP_REPLY */
    bool silent;   /* moreToCome: wants none */
    bool ends;     /* the answer ends the connection (a fault) */
    enum sim_fault fault; /* that the answer meets */
};

/* Length of the message that begins here: 0 when more bytes are needed to know it, -1 when it is out of bounds or, once the
 * header has come, of a kind that ends the connection. */
int64_t sim_wire_length(const uint8_t *bytes, size_t n);

/* Handles one whole message of n bytes; n is what sim_wire_length told. scratch is where the reply is built. */
enum sim_wire_result sim_wire_handle(struct sim_conn *conn, const uint8_t *bytes, size_t n, struct sim_w *scratch, struct sim_wire_asked *asked,
                                     struct sb_str *out);

/* Appends the answer to an earlier command. */
void sim_wire_answer(struct sim_conn *conn, struct sim_wire_asked *asked, const uint8_t *reply, struct sb_str *out);

/* CRC-32C (Castagnoli), as OP_MSG's optional checksum. */
uint32_t sim_crc32c(const uint8_t *bytes, size_t n);

#endif
