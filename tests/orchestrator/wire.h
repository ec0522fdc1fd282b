/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - a recording proxy between an orchestrator and a simulated set: every lab of lab.h has one.
 *
 * One listener a member. In what the servers say, each member's address is replaced by that of its listener (both have the same
 * length), so that the driver comes back through the proxy. Whatever is not on the list of reads is a write: before it goes on,
 * the record is looked at by an SQLite handle of the proxy's own, and has to hold one intent more for exactly these bytes than
 * were sent until then. What does not fit is kept as a problem, which fails the lab at its end. */
#ifndef SIGNALBOX_TEST_WIRE_H
#define SIGNALBOX_TEST_WIRE_H

#include "test.h"

#include <signalbox/base/hash.h>
#include <signalbox/base/record.h>
#include <signalbox/base/str.h>

#include <arpa/inet.h>
#include <bson/bson.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_MEMBERS 8
#define WIRE_NAME 32
#define WIRE_MESSAGE_MAX (64 << 20)
#define WIRE_QUERY 2004 /* OP_QUERY: the first handshake */
#define WIRE_MSG 2013   /* OP_MSG */

struct wire;

struct wire_conn {
    struct wire *wire;
    int down, up; /* the driver's socket, the server's */
    pthread_t threads[2];
    atomic_int ended; /* of the two */
    struct wire_conn *next;
};

struct wire {
    char member[WIRE_MEMBERS][WIRE_NAME], name[WIRE_MEMBERS][WIRE_NAME];
    int listener[WIRE_MEMBERS];
    size_t n;
    int stop; /* an eventfd */
    pthread_t acceptor;
    struct wire_conn *conns; /* the acceptor's */
    char dir[160];           /* where the record is */
    char uri[512];
    pthread_mutex_t lock; /* guards what follows */
    struct sb_hash *sent; /* each write that has gone on */
    size_t sent_n;
    struct sb_str problems;
};

/* ---- what is told apart ---- */

static inline bool wire_is_read(const bson_t *command)
{
    static const char *const reads[] = {"analyzeShardKey", "hello", "ismaster", "isMaster", "ping", "buildInfo", "buildinfo", "serverStatus", "replSetGetStatus", "find", "listIndexes", "listShards", "balancerStatus", "listCollections",
                                        "listDatabases", "collStats", "dbStats", "getLog", "currentOp", "explain", "getMore", "killCursors", "endSessions", "hostInfo", "getParameter",
                                        "getCmdLineOpts", "connectionStatus", "top", "replSetGetConfig", "count", "distinct", "getDefaultRWConcern"};
    bson_iter_t it, stages, stage;
    if (!bson_iter_init(&it, command) || !bson_iter_next(&it))
        return false;
    const char *name = bson_iter_key(&it);
    if (strcmp(name, "profile") == 0)
        return BSON_ITER_HOLDS_INT(&it) && bson_iter_as_int64(&it) == -1;
    if (strcmp(name, "aggregate") == 0) {
        if (!bson_iter_init_find(&it, command, "pipeline") || !bson_iter_recurse(&it, &stages))
            return false;
        while (bson_iter_next(&stages))
            if (!bson_iter_recurse(&stages, &stage) || !bson_iter_next(&stage) || strcmp(bson_iter_key(&stage), "$out") == 0 || strcmp(bson_iter_key(&stage), "$merge") == 0)
                return false;
        return true;
    }
    for (size_t i = 0; i < SB_COUNT(reads); i++)
        if (strcmp(name, reads[i]) == 0)
            return true;
    return false;
}

/* The command as it stood on the card: without what the driver adds, $db last. What it hashes to is in *hash; free it with bson_free. */
static inline char *wire_text(const bson_t *command, struct sb_hash *hash)
{
    bson_t *own = bson_new();
    bson_iter_t it;
    bson_copy_to_excluding_noinit(command, own, "$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", NULL);
    if (bson_iter_init_find(&it, command, "$db"))
        bson_append_iter(own, NULL, 0, &it);
    char *text = bson_as_canonical_extended_json(own, NULL);
    bson_destroy(own);
    struct sb_err err = SB_ERR_INIT;
    if (sb_hash_bytes(hash, text, strlen(text), &err))
        abort();
    return text;
}

/* ---- what the record says ---- */

/* How many intents it holds for a command; -1: it cannot be read. */
static inline int64_t wire_intents(const struct wire *w, const char *hex)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char path[200];
    int64_t n = -1;
    snprintf(path, sizeof path, "%s/ledger.db", w->dir);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK && sqlite3_busy_timeout(db, 60000) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM entry WHERE instr(json, ?1) AND json_extract(json, '$.kind') = 'step.intent' AND json_extract(json, '$.body.sha256') = ?1", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_bind_text(q, 1, hex, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

/* Before a write reaches the server: is its intent on the record, and durable? */
static inline void wire_take_write(struct wire *w, const bson_t *command)
{
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    char *text = wire_text(command, &hash);
    int64_t before = 0;
    sb_hex_encode(hex, hash.bytes, sizeof hash.bytes);
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->sent_n; i++)
        before += memcmp(&w->sent[i], &hash, sizeof hash) == 0;
    struct sb_hash *slot = sb_list_push((void **)&w->sent, &w->sent_n, sizeof *w->sent);
    if (slot)
        *slot = hash;
    int64_t intents = wire_intents(w, hex);
    if (!slot || intents <= before)
        sb_str_addf(&w->problems, "sent for the %" PRId64 ". time, and the record holds %" PRId64 " intents for it: %.300s\n", before + 1, intents, text);
    pthread_mutex_unlock(&w->lock);
    bson_free(text);
}

static inline void wire_problem(struct wire *w, const char *what, int op)
{
    pthread_mutex_lock(&w->lock);
    sb_str_addf(&w->problems, "%s (opcode %d)\n", what, op);
    pthread_mutex_unlock(&w->lock);
}

/* Looks into one message of the driver's, its head included. */
static inline void wire_look(struct wire *w, const uint8_t *p, size_t n)
{
    int32_t op, size = 0;
    bson_t command;
    size_t at = 21; /* OP_MSG: flags, and one section of kind 0 */
    memcpy(&op, p + 12, 4);
    if (op == WIRE_QUERY) { /* flags, a name, two numbers */
        size_t name = n > 20 ? strnlen((const char *)p + 20, n - 20) : 0;
        at = 20 + name + 1 + 8;
    }
    bool known = (op == WIRE_QUERY || (op == WIRE_MSG && n > 20 && p[20] == 0)) && at + 4 <= n;
    if (known)
        memcpy(&size, p + at, 4);
    if (!known || size < 5 || (size_t)size > n - at || !bson_init_static(&command, p + at, (size_t)size)) {
        wire_problem(w, "a message that is not understood", op);
        return;
    }
    /* a checksum may follow; another section would be part of the command */
    if (op == WIRE_MSG && n - at - (size_t)size > 4)
        wire_problem(w, "a message of more sections than one", op);
    else if (!wire_is_read(&command))
        wire_take_write(w, &command);
}

/* ---- the bytes ---- */

static inline bool wire_read_all(int fd, uint8_t *p, size_t n)
{
    while (n) {
        ssize_t got = recv(fd, p, n, 0);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static inline bool wire_write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

static inline void wire_replace(const struct wire *w, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < w->n; i++) {
        size_t len = strlen(w->member[i]);
        uint8_t *end = p + n;
        for (uint8_t *at = p; (at = memmem(at, (size_t)(end - at), w->member[i], len)); at += len)
            memcpy(at, w->name[i], len);
    }
}

/* One direction of one connection, message by message, until either side ends it. */
static inline void wire_carry(struct wire_conn *c, int from, int to, bool up)
{
    uint8_t head[16], *message = NULL;
    int32_t size;
    while (wire_read_all(from, head, sizeof head)) {
        memcpy(&size, head, 4);
        uint8_t *grown = size >= 16 && size <= WIRE_MESSAGE_MAX ? realloc(message, (size_t)size) : NULL;
        if (!grown)
            break;
        message = grown;
        memcpy(message, head, sizeof head);
        if (!wire_read_all(from, message + 16, (size_t)size - 16))
            break;
        if (up)
            wire_look(c->wire, message, (size_t)size);
        else
            wire_replace(c->wire, message + 16, (size_t)size - 16);
        if (!wire_write_all(to, message, (size_t)size))
            break;
    }
    free(message);
    shutdown(c->down, SHUT_RDWR);
    shutdown(c->up, SHUT_RDWR);
    atomic_fetch_add(&c->ended, 1);
}

static inline void *wire_up(void *arg)
{
    struct wire_conn *c = arg;
    wire_carry(c, c->down, c->up, true);
    return NULL;
}

static inline void *wire_down(void *arg)
{
    struct wire_conn *c = arg;
    wire_carry(c, c->up, c->down, false);
    return NULL;
}

/* ---- its connections ---- */

static inline int wire_socket(const char *name, bool listens)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[WIRE_NAME];
    snprintf(host, sizeof host, "%s", name);
    char *colon = strchr(host, ':');
    if (!colon)
        return -1;
    *colon = '\0';
    a.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int fd = inet_pton(AF_INET, host, &a.sin_addr) == 1 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0 && (listens ? bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64) : connect(fd, (struct sockaddr *)&a, sizeof a))) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void wire_end_conn(struct wire_conn *c)
{
    pthread_join(c->threads[0], NULL);
    pthread_join(c->threads[1], NULL);
    close(c->down);
    close(c->up);
    free(c);
}

static inline void wire_reap(struct wire *w)
{
    struct wire_conn **at = &w->conns;
    while (*at) {
        struct wire_conn *c = *at;
        if (atomic_load(&c->ended) < 2) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        wire_end_conn(c);
    }
}

static inline void wire_accept(struct wire *w, size_t i)
{
    int down = accept4(w->listener[i], NULL, NULL, SOCK_CLOEXEC);
    int up = down >= 0 ? wire_socket(w->member[i], false) : -1;
    struct wire_conn *c = up >= 0 ? calloc(1, sizeof *c) : NULL;
    if (!c) { /* the server is not there: the driver sees the same */
        if (down >= 0)
            close(down);
        if (up >= 0)
            close(up);
        return;
    }
    c->wire = w;
    c->down = down;
    c->up = up;
    if (pthread_create(&c->threads[0], NULL, wire_up, c) || pthread_create(&c->threads[1], NULL, wire_down, c))
        abort();
    c->next = w->conns;
    w->conns = c;
}

static inline void *wire_serve(void *arg)
{
    struct wire *w = arg;
    struct pollfd fds[WIRE_MEMBERS + 1];
    for (;;) {
        for (size_t i = 0; i < w->n; i++)
            fds[i] = (struct pollfd){.fd = w->listener[i], .events = POLLIN};
        fds[w->n] = (struct pollfd){.fd = w->stop, .events = POLLIN};
        if (poll(fds, w->n + 1, -1) < 0)
            continue;
        if (fds[w->n].revents)
            return NULL;
        wire_reap(w);
        for (size_t i = 0; i < w->n; i++)
            if (fds[i].revents)
                wire_accept(w, i);
    }
}

/* A listener whose port has as many digits as the member's. */
static inline void wire_listen(struct wire *w, const char *member)
{
    int tried[64];
    size_t tries = 0, i = w->n;
    assert_true(i < WIRE_MEMBERS && strlen(member) < WIRE_NAME);
    snprintf(w->member[i], WIRE_NAME, "%s", member);
    do {
        struct sockaddr_in a;
        socklen_t len = sizeof a;
        if (tries == SB_COUNT(tried))
            fail_msg("no port is as long as that of %s", member);
        w->listener[i] = tried[tries++] = wire_socket("127.0.0.1:0", true);
        assert_true(w->listener[i] >= 0 && getsockname(w->listener[i], (struct sockaddr *)&a, &len) == 0);
        snprintf(w->name[i], WIRE_NAME, "127.0.0.1:%d", ntohs(a.sin_port));
    } while (strlen(w->name[i]) != strlen(member));
    while (tries-- > 1) /* those that were too short stay taken until one fits */
        close(tried[tries - 1]);
    w->n++;
}

/* dir: where the record will be, of whoever comes through here. */
static inline void wire_open(struct wire *w, const char *const *members, size_t n, const char *set, const char *dir)
{
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    sb_str_init(&w->problems);
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    size_t len = (size_t)snprintf(w->uri, sizeof w->uri, "mongodb://");
    for (size_t i = 0; i < n; i++) {
        wire_listen(w, members[i]);
        len += (size_t)snprintf(w->uri + len, sizeof w->uri - len, "%s%s", i ? "," : "", w->name[i]);
    }
    snprintf(w->uri + len, sizeof w->uri - len, *set ? "/?replicaSet=%s" : "/?directConnection=false", set); /* a mongos is of no set */
    w->stop = eventfd(0, EFD_CLOEXEC);
    assert_true(w->stop >= 0);
    assert_int_equal(pthread_create(&w->acceptor, NULL, wire_serve, w), 0);
}

/* Ends it, and fails the test where a write had no intent before it. Returns how many writes there were. */
static inline size_t wire_close(struct wire *w)
{
    const uint64_t one = 1;
    if (write(w->stop, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(w->acceptor, NULL);
    while (w->conns) {
        struct wire_conn *c = w->conns;
        w->conns = c->next;
        shutdown(c->down, SHUT_RDWR);
        shutdown(c->up, SHUT_RDWR);
        wire_end_conn(c);
    }
    for (size_t i = 0; i < w->n; i++)
        close(w->listener[i]);
    close(w->stop);
    pthread_mutex_destroy(&w->lock);
    size_t sent = w->sent_n;
    free(w->sent);
    w->sent = NULL;
    if (w->problems.len)
        fail_msg("on the wire: %s", w->problems.p);
    sb_str_release(&w->problems);
    return sent;
}

#endif
