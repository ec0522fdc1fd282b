/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/wire.h>

#include <string.h>

enum { OP_REPLY = 1, OP_QUERY = 2004, OP_MSG = 2013 };

enum { CHECKSUM = 1, MORE_TO_COME = 2, REQUIRED_BITS = 0xffff };

enum { QUERY_FAILURE = 2, AWAIT_CAPABLE = 8 };

int64_t sim_wire_length(const uint8_t *bytes, size_t n)
{
    if (n < 4)
        return 0;
    int32_t length = sim_i32(bytes), opcode = n < SIM_WIRE_HEADER ? OP_MSG : sim_i32(bytes + 12);
    bool taken = opcode == OP_MSG || opcode == OP_QUERY; /* known before the rest has come: TLS and noise are not waited for */
    return length < SIM_WIRE_HEADER || length > SIM_WIRE_MAX || !taken ? -1 : length;
}

uint32_t sim_crc32c(const uint8_t *bytes, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* ---- out ---- */

static void put_i32(struct sb_str *out, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    sb_str_add(out, b, sizeof b);
}

static void put_header(struct sim_conn *conn, struct sb_str *out, size_t body, const struct sim_wire_asked *asked, uint32_t opcode)
{
    put_i32(out, (uint32_t)(SIM_WIRE_HEADER + body));
    put_i32(out, (uint32_t)++conn->last_request);
    put_i32(out, (uint32_t)asked->request_id);
    put_i32(out, opcode);
}

static void put_reply(struct sim_conn *conn, const struct sim_wire_asked *asked, const uint8_t *reply, uint32_t flags, struct sb_str *out)
{
    size_t n = sim_doc_len(reply);
    put_header(conn, out, 20 + n, asked, OP_REPLY);
    put_i32(out, flags);
    put_i32(out, 0); /* cursor id */
    put_i32(out, 0);
    put_i32(out, 0); /* starting from */
    put_i32(out, 1); /* documents */
    sb_str_add(out, reply, n);
}

void sim_wire_answer(struct sim_conn *conn, struct sim_wire_asked *asked, const uint8_t *reply, struct sb_str *out)
{
    size_t from = out->len;
    if (asked->silent)
        return;
    if (asked->op_query) {
        put_reply(conn, asked, reply, AWAIT_CAPABLE, out);
        return;
    }
    put_header(conn, out, 5 + sim_doc_len(reply), asked, OP_MSG);
    put_i32(out, 0);
    sb_str_addc(out, 0);
    sb_str_add(out, reply, sim_doc_len(reply));
    asked->ends = !sim_fault_spoil(asked->fault, out, from);
}

/* ---- in ---- */

struct message {
    struct sim_conn *conn;
    struct sim_w *scratch;
    struct sim_wire_asked *asked;
    struct sb_str *out;
    struct sim_request rq;
    struct sim_fail f;
};

static enum sim_wire_result refuse(struct message *m)
{
    sim_w_clear(m->scratch);
    m->conn->m->n.asserts_user++;
    const uint8_t *reply = sim_reply_fail(m->conn->m->sim, m->conn->m, m->scratch, &m->f);
    if (!reply)
        return SIM_WIRE_CLOSE;
    sim_wire_answer(m->conn, m->asked, reply, m->out);
    return SIM_WIRE_DONE;
}

static enum sim_wire_result run(struct message *m)
{
    const uint8_t *reply;
    m->asked->fault = sim_fault_meet(m->conn->m, m->rq.body);
    if (m->asked->fault == SIM_FAULT_LOGIN || m->asked->fault == SIM_FAULT_NOT_PRIMARY) {
        bool login = m->asked->fault == SIM_FAULT_LOGIN;
        sim_fail(&m->f, login ? 18 : SIM_NOT_PRIMARY, login ? "Authentication failed." : "not primary");
        return refuse(m);
    }
    if (sim_dispatch(m->conn, &m->rq, m->scratch, &reply) == SIM_LATER)
        return SIM_WIRE_LATER;
    if (!reply)
        return SIM_WIRE_CLOSE; /* out of memory */
    if (m->asked->fault == SIM_FAULT_DELAY && sim_fault_delay(m->conn, reply) == 0)
        return SIM_WIRE_LATER;
    sim_wire_answer(m->conn, m->asked, reply, m->out);
    return m->asked->ends ? SIM_WIRE_CLOSE : SIM_WIRE_DONE;
}

/* A document at p, or 0 with the server's error. Gives its length. */
static size_t document(struct message *m, const uint8_t *p, const uint8_t *end)
{
    size_t room = (size_t)(end - p), n = room < 5 ? 0 : sim_doc_len(p);
    if (n < 5 || n > room) {
        sim_fail(&m->f, SIM_INVALID_BSON, "bson length doesn't match what we found");
        return 0;
    }
    if (n > SIM_MAX_DOC + 16384) {
        sim_fail(&m->f, SIM_BSON_TOO_LARGE, "BSONObj size: %zu (0x%zX) is invalid. Size must be between 0 and 16793600(16MB)", n, n);
        return 0;
    }
    if (!sim_valid(p, n)) {
        sim_fail(&m->f, SIM_INVALID_BSON, "invalid bson in a message");
        return 0;
    }
    return n;
}

/* One section behind its kind byte; returns its length, 0 after a failure. */
static size_t sequence(struct message *m, const uint8_t *p, const uint8_t *end)
{
    size_t n = end - p < 5 ? 0 : sim_u32(p);
    const uint8_t *stop = p + n, *name = p + 4;
    if (n < 5 || n > (size_t)(end - p) || !memchr(name, 0, n - 4)) {
        sim_fail(&m->f, SIM_INVALID_BSON, "a document sequence does not fit its message");
        return 0;
    }
    struct sim_request *rq = &m->rq;
    for (size_t i = 0; i < rq->seq_n; i++)
        if (strcmp(rq->seq[i].name, (const char *)name) == 0) {
            sim_fail(&m->f, 40431, "Duplicate document sequence: %.100s", (const char *)name);
            return 0;
        }
    if (rq->seq_n == SIM_SEQUENCES) {
        sim_fail(&m->f, 237, "Too many document sequences in OP_MSG");
        return 0;
    }
    const uint8_t *docs = name + strlen((const char *)name) + 1;
    for (const uint8_t *d = docs; d < stop;) {
        size_t one = document(m, d, stop);
        if (!one)
            return 0;
        d += one;
    }
    rq->seq[rq->seq_n].name = (const char *)name;
    rq->seq[rq->seq_n].p = docs;
    rq->seq[rq->seq_n++].n = (size_t)(stop - docs);
    return n;
}

static int sections(struct message *m, const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        uint8_t kind = *p++;
        size_t n;
        if (kind > 1)
            return sim_fail(&m->f, 40432, "Unknown section kind %d", kind);
        if (kind == 0 && m->rq.body)
            return sim_fail(&m->f, 40430, "Multiple body sections in message");
        n = kind ? sequence(m, p, end) : document(m, p, end);
        if (!n)
            return -1;
        if (kind == 0)
            m->rq.body = p;
        p += n;
    }
    if (!m->rq.body)
        return sim_fail(&m->f, 40587, "OP_MSG messages must have a body");
    for (size_t i = 0; i < m->rq.seq_n; i++)
        if (sim_find(m->rq.body, m->rq.seq[i].name).type)
            return sim_fail(&m->f, 40433, "Duplicate field between body and document sequence %.100s", m->rq.seq[i].name);
    return 0;
}

static enum sim_wire_result op_msg(struct message *m, const uint8_t *bytes, size_t n)
{
    if (n < SIM_WIRE_HEADER + 4)
        return SIM_WIRE_CLOSE;
    uint32_t flags = sim_u32(bytes + SIM_WIRE_HEADER);
    if (flags & REQUIRED_BITS & ~(uint32_t)(CHECKSUM | MORE_TO_COME))
        return SIM_WIRE_CLOSE;
    if (flags & CHECKSUM) {
        if (n < SIM_WIRE_HEADER + 8 || sim_crc32c(bytes, n - 4) != sim_u32(bytes + n - 4))
            return SIM_WIRE_CLOSE;
        n -= 4;
    }
    m->asked->silent = (flags & MORE_TO_COME) != 0;
    return sections(m, bytes + SIM_WIRE_HEADER + 4, bytes + n) ? refuse(m) : run(m);
}

/* A failure of the old protocol: a document with $err in an OP_REPLY that says so. */
static enum sim_wire_result refuse_query(struct message *m)
{
    sim_w_clear(m->scratch);
    sim_w_text(m->scratch, "$err", m->f.msg);
    sim_w_i32(m->scratch, "code", m->f.code);
    sim_w_f64(m->scratch, "ok", 0);
    const uint8_t *reply = sim_w_done(m->scratch);
    if (!reply)
        return SIM_WIRE_CLOSE;
    put_reply(m->conn, m->asked, reply, QUERY_FAILURE | AWAIT_CAPABLE, m->out);
    return SIM_WIRE_DONE;
}

static enum sim_wire_result op_query(struct message *m, const uint8_t *bytes, size_t n)
{
    const uint8_t *p = bytes + SIM_WIRE_HEADER + 4, *end = bytes + n;
    const char *ns = (const char *)p, *dot;
    char db[128];
    m->asked->op_query = true;
    const uint8_t *nul = n > SIM_WIRE_HEADER + 4 ? memchr(p, 0, (size_t)(end - p)) : NULL;
    if (!nul || end - nul < 1 + 8 + 5)
        return SIM_WIRE_CLOSE;
    const uint8_t *doc = nul + 9;
    if (!document(m, doc, end))
        return refuse_query(m);
    dot = strchr(ns, '.');
    if (!dot || strcmp(dot, ".$cmd") != 0 || (size_t)(dot - ns) >= sizeof db) {
        sim_fail(&m->f, SIM_NOT_IMPLEMENTED, "OP_QUERY is simulated for commands only; the client has to speak OP_MSG");
        return refuse_query(m);
    }
    snprintf(db, sizeof db, "%.*s", (int)(dot - ns), ns);
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem first;
    bool wrapped = sim_next(&it, &first) && first.v.type == BSON_TYPE_DOCUMENT && (strcmp(first.key, "$query") == 0 || strcmp(first.key, "query") == 0);
    m->rq.body = wrapped ? first.v.p : doc;
    m->rq.db = db;
    return run(m);
}

enum sim_wire_result sim_wire_handle(struct sim_conn *conn, const uint8_t *bytes, size_t n, struct sim_w *scratch, struct sim_wire_asked *asked,
                                     struct sb_str *out)
{
    struct message m = {.conn = conn, .scratch = scratch, .asked = asked, .out = out, .rq = {.bytes = n}, .f = SIM_FAIL_INIT};
    enum sim_wire_result r = SIM_WIRE_CLOSE;
    *asked = (struct sim_wire_asked){.request_id = sim_i32(bytes + 4)};
    switch (sim_i32(bytes + 12)) {
    case OP_MSG:
        r = op_msg(&m, bytes, n);
        break;
    case OP_QUERY:
        r = op_query(&m, bytes, n);
        break;
    default:
        break; /* sim_wire_length would have said so */
    }
    sim_fail_release(&m.f);
    return sb_str_ok(out) ? r : SIM_WIRE_CLOSE;
}
