# SPDX-License-Identifier: Apache-2.0
"""A recording proxy for the MongoDB wire protocol, between the program and a simulated set.

One listener a member. In what the servers say, each member's address is replaced by that of its listener (both have the
same length), so that the driver comes back through the proxy. Every command is decoded. Whatever is not on the list of
reads below is a write: it is kept whole, and `on_write` is asked about it before it goes on. What `refuse` answers to a write
with (code, message) is said in the server's stead, which does not get to see it.
"""
import asyncio
import contextlib
import re
import socket
import struct
import threading
import time

import bson

READS = {
    "hello", "ismaster", "isMaster", "ping", "buildInfo", "buildinfo", "serverStatus", "replSetGetStatus", "find", "listIndexes", "listShards", "balancerStatus",
    "listCollections", "listDatabases", "collStats", "dbStats", "getLog", "currentOp", "explain", "getMore", "killCursors",
    "endSessions", "hostInfo", "getParameter", "getCmdLineOpts", "connectionStatus", "top", "replSetGetConfig", "count", "distinct",
    "getDefaultRWConcern", "saslStart", "saslContinue",
}


def is_read(name, doc):
    """True for a command that changes nothing on the server."""
    if name == "profile":
        return doc["profile"] == -1
    if name == "aggregate":
        return not any(stage in step for step in doc["pipeline"] for stage in ("$out", "$merge"))
    return name in READS


def extended_json(value):
    """Canonical Extended JSON as libbson writes it: this is what the program hashes and a person approves."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bson.int64.Int64):
        return '{ "$numberLong" : "%d" }' % value
    if isinstance(value, int):
        return '{ "$numberInt" : "%d" }' % value
    if isinstance(value, float):
        text = "%.20g" % value
        return '{ "$numberDouble" : "%s" }' % (text if "." in text or "e" in text else text + ".0")
    if isinstance(value, str):
        assert not re.search(r'["\\\x00-\x1f]', value), value
        return '"%s"' % value
    if isinstance(value, dict):
        return "{ %s }" % ", ".join('"%s" : %s' % (k, extended_json(v)) for k, v in value.items()) if value else "{  }"
    if isinstance(value, list):
        return "[ %s ]" % ", ".join(extended_json(v) for v in value) if value else "[  ]"
    raise TypeError(type(value))


def command_text(doc):
    """The command as it stood on the card: without what the driver adds, $db last."""
    own = {k: v for k, v in doc.items() if k not in ("$db", "lsid", "$clusterTime", "$readPreference", "txnNumber")}
    own["$db"] = doc["$db"]
    return extended_json(own)


class Write:
    """part_of: the comment of the command that it is a part of, where it is one of a transaction's; its documents are not kept then."""

    def __init__(self, conn, doc):
        self.at, self.conn, self.doc, self.name = time.time(), conn, doc, next(iter(doc))
        self.part_of = doc.get("comment") or conn.part_of if doc.get("autocommit") is False else None
        conn.part_of = self.part_of
        self.text = command_text(doc) if self.part_of is None else "%s, a part of %s" % (self.name, self.part_of)


class Connection:
    def __init__(self, member):
        self.member, self.app, self.open, self.part_of = member, None, True, None
        self.commands = {}


class Proxy:
    """Listens for each of `members` ("host:port"); `uri` leads through it."""

    def __init__(self, members, set_name, on_write=None, on_app=None, refuse=None):
        self.on_write, self.on_app, self.refuse = on_write, on_app, refuse
        self.writes, self.connections, self.problems = [], [], []
        self.gone = threading.Event()  # while it is set, nobody is served: see leave
        self.held = threading.Event()  # while it is set, replies to writes are swallowed and their connections cut
        self.members, self.listeners, self.names = members, [], {}
        for member in members:
            while True:  # a port with as many digits
                s = socket.socket()
                s.bind(("127.0.0.1", 0))
                name = "127.0.0.1:%d" % s.getsockname()[1]
                if len(name) == len(member):
                    break
                s.close()
            s.listen(64)
            self.listeners.append(s)
            self.names[member.encode()] = name.encode()
        options = "replicaSet=" + set_name if set_name else "directConnection=false"  # a mongos is of no set
        self.uri = "mongodb://%s/?%s" % (",".join(n.decode() for n in self.names.values()), options)
        self._pattern = re.compile(b"|".join(re.escape(m) for m in self.names))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        for member, s in zip(self.members, self.listeners):
            self._loop.run_until_complete(asyncio.start_server(lambda r, w, m=member: self._serve(r, w, m), sock=s))
        self._loop.run_forever()

    def close(self):
        def end():
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.05, self._loop.stop)
        self._loop.call_soon_threadsafe(end)
        self._thread.join()
        for s in self.listeners:
            s.close()

    def leave(self):
        """As a server whose process has gone: all connections end, and new ones too, until come_back."""
        self.gone.set()
        self._loop.call_soon_threadsafe(lambda: [c.writer.close() for c in self.connections if c.open])

    def come_back(self):
        self.gone.clear()

    async def _serve(self, reader, writer, member):
        conn = Connection(member)
        conn.writer = writer
        self.connections.append(conn)
        up = None
        try:
            if self.gone.is_set():
                raise OSError("gone")
            host, port = member.split(":")
            up_reader, up = await asyncio.open_connection(host, int(port))
            tasks = [asyncio.ensure_future(self._up(reader, up, conn, writer)), asyncio.ensure_future(self._down(up_reader, writer, conn))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for t in tasks:
                t.cancel()
        except OSError:
            pass
        conn.open = False
        for w in (writer, up):
            if w:
                with contextlib.suppress(Exception):
                    w.close()

    @staticmethod
    async def _message(reader):
        head = await reader.readexactly(16)
        size, _, to, op = struct.unpack("<iiii", head)
        return op, to, head + await reader.readexactly(size - 16)

    @staticmethod
    def _refusal(raw, code, message):
        body = bson.encode({"ok": 0.0, "errmsg": message, "code": code})
        return struct.pack("<iiiiib", 21 + len(body), 1, struct.unpack_from("<i", raw, 4)[0], 2013, 0, 0) + body

    async def _up(self, reader, up, conn, writer):
        try:
            while True:
                op, _, raw = await self._message(reader)
                write = self._look(op, raw, conn)
                refused = self.refuse(write) if write and self.refuse else None
                if refused:
                    writer.write(self._refusal(raw, *refused))
                    await writer.drain()
                    continue
                if write:
                    conn.swallow = self.held.is_set()
                up.write(raw)
                await up.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass

    async def _down(self, reader, writer, conn):
        try:
            while True:
                _, _, raw = await self._message(reader)
                if getattr(conn, "swallow", False):
                    return  # applied, and the answer is lost
                writer.write(self._pattern.sub(lambda m: self.names[m.group()], raw))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass

    def _look(self, op, raw, conn):
        """The write that it is, or None."""
        if op == 2004:  # OP_QUERY: only the first handshake
            doc = bson.decode(raw[raw.index(b"\0", 20) + 9:])
        elif op == 2013 and raw[20] == 0:
            size = struct.unpack_from("<i", raw, 21)[0]
            doc = bson.decode(raw[21:21 + size])
        else:
            self.problems.append("a message that is not understood: opcode %d" % op)
            return None
        name = next(iter(doc))
        conn.commands[name] = conn.commands.get(name, 0) + 1
        app = doc.get("client", {}).get("application", {}).get("name")
        if app:
            conn.app = app
            if self.on_app:
                self.on_app(app)
        if is_read(name, doc):
            return None
        write = Write(conn, doc)
        if self.on_write:
            self.on_write(write)
        self.writes.append(write)
        return write
