#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulator's sockets, by hand: whatever bytes come, it answers hello afterwards and keeps within its memory."""
import contextlib
import os
import random
import resource
import socket
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
from outside import SANITIZED, check, finish, rss_kb, simulator

MESSAGE_MAX = 48000000
OP_REPLY, OP_UPDATE, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2001, 2004, 2012, 2013
CHECKSUM, MORE_TO_COME, EXHAUST = 1, 2, 1 << 16


def header(length, opcode, request=7):
    return struct.pack("<iiii", length, request, 0, opcode)


def frame(opcode, body, request=7):
    return header(16 + len(body), opcode, request) + body


def message(command, db="admin", flags=0, request=7, sequences=()):
    body = struct.pack("<I", flags) + b"\0" + bson.encode(dict(command, **{"$db": db}))
    for name, docs in sequences:
        section = name.encode() + b"\0" + b"".join(docs)
        body += b"\1" + struct.pack("<i", 4 + len(section)) + section
    return frame(OP_MSG, body, request)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Client:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=60)

    def send(self, data):
        self.s.sendall(data)
        return self

    def read(self, n):
        data = bytearray()
        while len(data) < n:
            more = self.s.recv(min(n - len(data), 1 << 20))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def answer(self):
        """(response-to, opcode, document)"""
        length, _, to, opcode = struct.unpack("<iiii", self.read(16))
        body = self.read(length - 16)
        return to, opcode, bson.decode(body[20:] if opcode == OP_REPLY else body[5:])

    def closed(self):
        """True when the other side ends the connection without a word."""
        try:
            return self.s.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.s.close()


def alive(port, after):
    with Client(port) as c:
        check(c.send(message({"hello": 1})).answer()[2].get("ok") == 1, "no hello after " + after)


def garbage(kind):
    """What ends a connection, each by the name it has in a complaint."""
    hello = message({"hello": 1})
    bad_crc = bytearray(message({"hello": 1}, flags=CHECKSUM) + b"\0\0\0\0")
    bad_crc[0:4] = struct.pack("<i", len(bad_crc))
    return {
        "a negative length": header(-1, OP_MSG) + b"\0" * 64,
        "a length of zero": header(0, OP_MSG) + b"\0" * 64,
        "a length below the header's": header(15, OP_MSG) + b"\0" * 64,
        "a length beyond the limit": header(MESSAGE_MAX + 1, OP_MSG) + b"\0" * 64,
        "the largest length there is": header(0x7FFFFFFF, OP_MSG) + b"\0" * 64,
        "an unknown opcode": frame(4242, b"\0" * 32),
        "an operation of old": frame(OP_UPDATE, b"\0" * 64),
        "a compressed message": frame(OP_COMPRESSED, struct.pack("<iiB", OP_MSG, len(hello) - 16, 2) + zlib.compress(hello[16:])),
        "a required flag nobody knows": message({"hello": 1}, flags=4),
        "a wrong checksum": bytes(bad_crc),
        "an empty OP_MSG": frame(OP_MSG, b""),
        "an OP_MSG of three bytes": frame(OP_MSG, b"\0\0\0"),
        "an OP_QUERY without a name's end": frame(OP_QUERY, b"\0\0\0\0" + b"x" * 40),
        "an OP_QUERY that ends behind the name": frame(OP_QUERY, b"\0\0\0\0admin.$cmd\0" + b"\0" * 4),
        "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "a TLS greeting": bytes.fromhex("1603010200010001fc0303") + b"\x55" * 600,
    }[kind]


GARBAGE = ["a negative length", "a length of zero", "a length below the header's", "a length beyond the limit", "the largest length there is",
           "an unknown opcode", "an operation of old", "a compressed message", "a required flag nobody knows", "a wrong checksum",
           "an empty OP_MSG", "an OP_MSG of three bytes", "an OP_QUERY without a name's end", "an OP_QUERY that ends behind the name", "HTTP", "a TLS greeting"]


def garbage_ends_the_connection(port):
    for kind in GARBAGE:
        with Client(port) as c:
            check(c.send(garbage(kind)).closed(), kind + " does not end the connection")
        alive(port, kind)


def malformed_bson_is_answered(port):
    """A whole message with a broken document in it: an error with a code, and the connection goes on."""
    good = bson.encode({"ping": 1, "$db": "admin"})
    cut = good[:-1]
    deep = b""
    for _ in range(5000):
        deep = struct.pack("<i", 4 + 1 + 2 + len(deep) + 1 if deep else 5) + (b"\x03a\0" + deep if deep else b"") + b"\0"
    nested = bson.encode({"ping": 1})[:-1] + b"\x03d\0" + deep + b"\0"
    nested = struct.pack("<i", len(nested)) + nested[4:]
    bad = {
        "a document that claims more": struct.pack("<i", len(good) + 50) + good[4:],
        "a document that claims less": struct.pack("<i", 4) + good[4:],
        "a document without its end": struct.pack("<i", len(cut)) + cut[4:],
        "an element of an unknown type": b"\x0c\0\0\0\x66a\0\1\0\0\0\0",
        "a text that claims to be longer than all": b"\x10\0\0\0\x02a\0\xff\xff\xff\x7fb\0\0\0",
        "documents in documents, 5,000 deep": nested,
    }
    for what, doc in bad.items():
        with Client(port) as c:
            try:
                reply = c.send(frame(OP_MSG, b"\0\0\0\0\0" + doc)).answer()[2]
                check(reply.get("ok") == 0 and reply.get("code"), "%s is answered by %r" % (what, reply))
                check(c.send(message({"ping": 1})).answer()[2].get("ok") == 1, "no ping after " + what)
            except EOFError:
                check(False, what + " ends the connection")
    for what, body in (("no body", b"\0\0\0\0"), ("two bodies", b"\0\0\0\0\0" + good + b"\0" + good), ("an unknown section", b"\0\0\0\0\x05" + good),
                       ("a sequence that claims more", b"\0\0\0\0\0" + good + b"\1\xff\xff\xff\x7fa\0"),
                       ("a sequence that claims nothing", b"\0\0\0\0\0" + good + b"\1\0\0\0\0a\0")):
        with Client(port) as c:
            reply = c.send(frame(OP_MSG, body)).answer()[2]
            check(reply.get("ok") == 0 and reply.get("code"), "%s: answered by %r" % (what, reply))


def the_protocol_as_it_should_be(port):
    with Client(port) as c:
        c.send(b"".join(message({"ping": 1}, request=i) for i in range(2000)))
        check([c.answer()[0] for _ in range(2000)] == list(range(2000)), "pipelined requests are not answered in order")
        for byte in message({"hello": 1}, request=99):
            c.send(bytes([byte]))
        check(c.answer()[0] == 99, "a message that comes byte by byte is not answered")
        query = struct.pack("<I", 4) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + bson.encode({"isMaster": 1, "helloOk": True})
        to, opcode, doc = c.send(frame(OP_QUERY, query, 41)).answer()
        check((to, opcode, doc.get("helloOk"), doc.get("ok")) == (41, OP_REPLY, True, 1), "OP_QUERY isMaster: %r" % doc)
        checked = bytearray(message({"ping": 1}, flags=CHECKSUM))
        checked[0:4] = struct.pack("<i", len(checked) + 4)
        checked += struct.pack("<I", crc32c(checked))
        check(c.send(bytes(checked)).answer()[2].get("ok") == 1, "a message with its checksum is refused")
        check(c.send(message({"hello": 1}, flags=EXHAUST)).answer()[2].get("ok") == 1, "an optional flag is not ignored")
        docs = [bson.encode({"_id": i, "how": "moreToCome"}) for i in range(5)]
        c.send(message({"insert": "wire", "ordered": True}, "e2e", MORE_TO_COME, 50, [("documents", docs)]) + message({"ping": 1}, request=51))
        check(c.answer()[0] == 51, "a message that wants no answer got one")
        n = c.send(message({"count": "wire"}, "e2e")).answer()[2].get("n")
        check(n == 5, "an unacknowledged insert left %r documents" % n)


def a_message_of_48_mb(port):
    """The largest one, in document sequences; and the same with one byte more is refused (above)."""
    docs, size = [], 0
    fixed = len(message({"insert": "large", "ordered": True}, "e2e")) + 1 + 4 + len("documents") + 1
    one = bson.encode({"_id": 0, "x": b""})
    for i, length in enumerate([16000000, 16000000, MESSAGE_MAX - fixed - 32000000]):
        docs.append(bson.encode({"_id": i, "x": b"y" * (length - len(one))}))
        size += len(docs[-1])
    whole = message({"insert": "large", "ordered": True}, "e2e", sequences=[("documents", docs)])
    check(len(whole) == MESSAGE_MAX, "the test's message is of %d bytes" % len(whole))
    with Client(port) as c:
        reply = c.send(whole).answer()[2]
        check(reply.get("ok") == 1 and reply.get("n") == 3, "48 MB: %r" % reply)
        check(c.send(message({"drop": "large"}, "e2e")).answer()[2].get("ok") == 1, "drop")


def a_thousand_connections(port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(1000)]
        for c in clients:
            c.send(message({"hello": 1}))
        check(all(c.answer()[2].get("ok") == 1 for c in clients), "1,000 connections: not all were answered")


def more_connections_than_descriptors(port, pid):
    """When it has no descriptor left the others are served and the new ones are turned away (left in the queue they would keep
    the loop awake)."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 4096))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Client(port))
        check(first.send(message({"hello": 1})).answer()[2].get("ok") == 1, "hello")
        others = [stack.enter_context(Client(port)) for _ in range(100)]
        check(others[-1].closed(), "no descriptor left: a new client is left waiting, for ever")
        check(first.send(message({"ping": 1})).answer()[2].get("ok") == 1, "no descriptor left: a client it has is not served")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4096, 4096))
    alive(port, "a shortage of descriptors")


def large_answers_in_a_row(port):
    """Requests behind one whose answer fills the limit are handled when it is out, without a further word from the client."""
    with Client(port) as c:
        docs = [bson.encode({"_id": i, "x": "z" * 100000}) for i in range(43)]
        check(c.send(message({"insert": "row", "ordered": True}, "e2e", sequences=[("documents", docs)])).answer()[2].get("n") == 43, "insert")
        ask = message({"find": "row", "batchSize": 100, "singleBatch": True}, "e2e")
        for turn in range(100):
            c.send(ask * 3)
            try:
                got = [len(c.answer()[2]["cursor"]["firstBatch"]) for _ in range(3)]
            except TimeoutError:
                check(False, "in turn %d a request behind a large answer is forgotten" % turn)
                return
            check(got == [43] * 3, "large answers: %r" % got)


def clients_that_do_not_read(port, pid):
    """Each asks for megabytes again and again and takes nothing: asked memory does not grow with the requests."""
    with Client(port) as c:
        docs = [bson.encode({"_id": i, "x": "z" * 100000}) for i in range(100)]
        check(c.send(message({"insert": "fat", "ordered": True}, "e2e", sequences=[("documents", docs)])).answer()[2].get("n") == 100, "insert")
    before = rss_kb(pid)
    ask = message({"find": "fat", "batchSize": 100, "singleBatch": True}, "e2e")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(8)]
        for c in clients:
            c.s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(20000):
                    c.s.send(ask)
        time.sleep(1)
        alive(port, "clients that do not read")
        grown = rss_kb(pid) - before
        limit = (600 if SANITIZED else 250) * 1024
        check(grown < limit, "8 clients that do not read take %d MB" % (grown // 1024))
        c = clients[0]
        c.s.setblocking(True)
        c.s.settimeout(120)
        got = [len(c.answer()[2]["cursor"]["firstBatch"]) for _ in range(30)]
        check(got == [100] * 30, "a client that begins to read gets %r" % got)


def half_messages(port, pid):
    """Many who promise 48 MB, send a part and stay: what they hold together is bounded, and the others are served."""
    before = rss_kb(pid)
    part = header(MESSAGE_MAX, OP_MSG) + b"\0" * (8 << 20)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            c = stack.enter_context(Client(port))
            with contextlib.suppress(ConnectionError):
                c.send(part)
        alive(port, "100 half messages")
        grown = rss_kb(pid) - before
        check(grown < (900 if SANITIZED else 400) * 1024, "100 half messages of 8 MB take %d MB" % (grown // 1024))


def noise(port):
    """Bytes at random, and valid messages with bytes changed at random; reproducible."""
    rng = random.Random(20261125)
    seeds = [message({"find": "orders", "filter": {"customer_id": 5, "a": {"$in": [1, "x", None]}}, "sort": {"created_at": -1}, "limit": 3}, "shop"),
             message({"aggregate": "orders", "pipeline": [{"$match": {"status": "paid"}}, {"$group": {"_id": "$status", "n": {"$sum": 1}}}], "cursor": {}}, "shop"),
             message({"update": "wire", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a.b": 1}}, "upsert": True}]}, "e2e"),
             message({"createIndexes": "wire", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}, "e2e"),
             message({"explain": {"find": "orders", "filter": {"customer_id": 5}}, "verbosity": "executionStats"}, "shop"),
             message({"insert": "wire", "ordered": False}, "e2e", sequences=[("documents", [bson.encode({"a": [1, {"b": 2.5}]})])])]
    for i in range(300 if SANITIZED else 1500):
        data = bytearray(rng.choice(seeds))
        if i % 5 == 0:
            data = bytearray(rng.randbytes(rng.randrange(1, 400)))
        else:
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(16, len(data))] = rng.randrange(256)
        with Client(port) as c, contextlib.suppress(OSError):
            c.send(bytes(data))
            if i % 3:
                c.s.settimeout(0.02)
                c.s.recv(65536)
    alive(port, "noise")


def main():
    with simulator("--scenario", "calm", "--seed", "1") as (ready, p):
        port = int(ready["members"][0].split(":")[1])
        alive(port, "the start")
        the_protocol_as_it_should_be(port)
        garbage_ends_the_connection(port)
        malformed_bson_is_answered(port)
        noise(port)
        a_thousand_connections(port)
        more_connections_than_descriptors(port, p.pid)
        start = rss_kb(p.pid)
        a_message_of_48_mb(port)
        large_answers_in_a_row(port)
        clients_that_do_not_read(port, p.pid)
        half_messages(port, p.pid)
        alive(port, "everything")
        peak, now = rss_kb(p.pid, "VmHWM"), rss_kb(p.pid)
        print("rss %d MB before the large things, %d MB at the end, peak %d MB" % (start // 1024, now // 1024, peak // 1024))
        check(peak < (4000 if SANITIZED else 1000) * 1024, "the peak was %d MB" % (peak // 1024))
    finish()


if __name__ == "__main__":
    main()
