#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that are not there, are something else, refuse the login or answer nonsense: said in one sentence that names the
server and never the password; exit status 3; and the record says nothing that did not happen."""
import concurrent.futures
import datetime
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
from outside import Listener, Place, check, finish, free_port, one_sentence, skip, wait_until

SECRET = "S3cr3tPassw0rd"
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def read_message(s):
    head = b""
    while len(head) < 16:
        more = s.recv(16 - len(head))
        if not more:
            raise OSError("gone")
        head += more
    length, request, _, opcode = struct.unpack("<iiii", head)
    body = b""
    while len(body) < length - 16:
        body += s.recv(length - 16 - len(body))
    if opcode == OP_MSG:
        return request, opcode, bson.decode(body[5:5 + struct.unpack("<i", body[5:9])[0]])
    at = body.index(b"\0", 4) + 9
    return request, opcode, bson.decode(body[at:])


def answer(s, request, opcode, doc):
    doc = bson.encode(doc)
    body = struct.pack("<iqii", 8, 0, 0, 1) + doc if opcode == OP_QUERY else b"\0\0\0\0\0" + doc
    s.sendall(struct.pack("<iiii", 16 + len(body), 1, request, OP_REPLY if opcode == OP_QUERY else OP_MSG) + body)


HELLO = {"isWritablePrimary": True, "ismaster": True, "helloOk": True, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
         "minWireVersion": 0, "maxWireVersion": 13, "readOnly": False, "ok": 1.0}
NO_SUCH = {"ok": 0.0, "errmsg": "no such command", "code": 59, "codeName": "CommandNotFound"}


def server(replies):
    """What a server says to a command (its first key): replies[name], a document or a function that makes one."""

    def talk(s):
        while True:
            request, opcode, command = read_message(s)
            reply = replies.get(next(iter(command)).lower(), NO_SUCH)
            answer(s, request, opcode, reply(command) if callable(reply) else reply)

    return talk


def hellos(**more):
    hello = dict(HELLO, **more)
    return {"hello": hello, "ismaster": hello}


def silent(s):
    while s.recv(65536):
        pass


def says(data, count=1):
    def talk(s):
        s.recv(16)
        for _ in range(count):
            s.sendall(data)
        silent(s)

    return talk


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>\x1b]0;owned\x07</html>"
REFUSES = {"ok": 0.0, "errmsg": "Authentication failed.\x1b[2J", "code": 18, "codeName": "AuthenticationFailed"}

# name -> (what is had with a client, or None where nobody listens; further words that the complaint must have)
SERVERS = {
    "a closed port": (None, ()),
    "a port that accepts and never answers": (silent, ()),
    "a port that closes at once": (lambda s: None, ()),
    "a port that answers HTTP": (says(HTTP), ()),
    "garbage": (says(os.urandom(4096), 100), ()),
    "a message that claims 2 GB": (says(struct.pack("<iiii", 0x7FFFFFFF, 1, 1, OP_MSG) + b"\0" * 4096, 1000), ()),
    "a message of negative length": (says(struct.pack("<iiii", -5, 1, 1, OP_MSG) + b"\0" * 64), ()),
    "a hello that is no document": (says(struct.pack("<iiii", 66, 1, 1, OP_REPLY) + b"\xff" * 50), ()),
    "a server that refuses the login": (server(dict(hellos(), saslstart=REFUSES)), ("login was refused",)),
    "a server of long ago": (server(hellos(maxWireVersion=2)), ("protocol",)),
    "a server of the far future": (server(hellos(minWireVersion=900, maxWireVersion=999)), ("protocol",)),
    "a server that knows no command": (server(dict(hellos(), saslstart=REFUSES)), ()),
    "a hello with control characters": (server(hellos(setName="rs\x1b[2J0", hosts=["a\x1b[2J:1"], me="a\x1b[2J:1", primary="\x07")), ()),
    "a mongos": (server(dict(hellos(msg="isdbgrid"), buildinfo={"version": "7.0.1", "versionArray": [7, 0, 1, 0], "ok": 1.0})), ("mongos",)),
}
AWAY = ("a closed port", "a port that accepts and never answers")
THERE = ("a server that refuses the login", "a server of long ago", "a mongos")
WITH_LOGIN = ("a closed port", "a port that accepts and never answers", "a port that answers HTTP", "a server that refuses the login")


def ask(name):
    """One server, asked by a program of its own: all of them at the same time, since most are waited for."""
    talk, say = SERVERS[name]
    login = "dba:%s@" % SECRET if name in WITH_LOGIN else ""
    with Place() as p:
        listener = Listener(talk) if talk else None
        port = listener.port if listener else free_port()
        path = p.write("uri", "mongodb://%s127.0.0.1:%d/\n" % (login, port))
        r = p.run("ask", "--uri-file", path, "what is slow?")
        one_sentence(r, 3, "127.0.0.1:%d" % port, *say, what=name)
        if name in AWAY or name in THERE:
            check((b"Look whether it runs" in r.stderr) == (name in AWAY), "%s: what to do about it: %r" % (name, r.stderr))
        for folder, _, files in os.walk(p.dir):
            for f in files:
                full = os.path.join(folder, f)
                if full != path and os.path.isfile(full):
                    with open(full, "rb") as opened:
                        check(SECRET.encode() not in opened.read(), "%s: the password stands in %s" % (name, f))
        if listener:
            listener.sock.close()


def serve_goes_on():
    """serve waits for a server that is not there, says so, and takes it when it comes; the password is nowhere."""
    with Place() as p:
        port = free_port()
        path = p.write("uri", "mongodb://dba:%s@127.0.0.1:%d/\n" % (SECRET, port))
        with p.background("serve", "--uri-file", path) as serve:
            wait_until("serve's word about a server that is not there", lambda: "127.0.0.1:%d" % port in serve.said())
            with open("/proc/%d/cmdline" % serve.pid, "rb") as f:
                check(SECRET.encode() not in f.read(), "the password is in the command line")
            time.sleep(3)  # it tries again meanwhile
            check(serve.said().count("out of reach") == 1, "a server that stays away is told again and again: %s" % serve.said())
            check(serve.poll() is None, "serve ended: " + serve.said())
            one_sentence(p.run("serve", "--uri-file", path), 5, "process %d owns this ledger" % serve.pid, what="a second serve")
            r = p.run("cards", "--json")
            check(r.returncode == 0 and r.stdout == b"[]\n", "cards beside it: %d %r %r" % (r.returncode, r.stdout, r.stderr))
        check(SECRET not in serve.said(), "the password was said")
        check(serve.returncode == 0, "serve ended with %d" % serve.returncode)
        for f in os.listdir(p.state):
            if os.path.isfile(os.path.join(p.state, f)):
                with open(os.path.join(p.state, f), "rb") as opened:
                    check(SECRET.encode() not in opened.read(), "the password stands in %s" % f)


def a_name_means_what_it_meant_first():
    """Another server behind a name that is bound: refused, also after a restart, and nothing was asked of it."""
    def standing(name):
        build = {"version": "7.0.1", "versionArray": [7, 0, 1, 0], "ok": 1.0}
        return Listener(server(dict(hellos(me=name), buildinfo=build, serverstatus={"host": name, "localTime": datetime.datetime.now(datetime.timezone.utc), "ok": 1.0})))

    with Place() as p:
        first, second = standing("one:1"), standing("two:2")
        uri = p.write("uri", "mongodb://127.0.0.1:%d/?directConnection=true\n" % first.port)
        p.write("config/signalbox/config", "deployment shop\nset uri_file %s\n" % uri)
        with p.background("serve", "--deployment", "shop") as serve:
            wait_until("the first server", lambda: "connected to shop" in serve.said())
        p.write("uri", "mongodb://127.0.0.1:%d/?directConnection=true\n" % second.port)
        one_sentence(p.run("ask", "--deployment", "shop", "status"), 3, "shop was bound to standalone:one:1", "standalone:two:2", what="another server behind the name")
        p.write("uri", "mongodb://127.0.0.1:%d/?directConnection=true\n" % first.port)
        with p.background("serve", "--deployment", "shop") as serve:
            wait_until("the first server again", lambda: "connected to shop" in serve.said())
        for listener in (first, second):
            listener.sock.close()


# of what FerretDB has not: what its operator must be told, once
BLIND = ("replication", "latency per collection", "running operations and index builds", "profiler", "$indexStats")


def another_make_of_server():
    """FerretDB speaks the protocol and is no MongoDB: which checks are blind is said once each, and the rest is done."""
    program = os.path.join("build", "live", "ferretdb")
    if not os.path.exists(program):
        skip("FerretDB is not built (tests/live/main_job.sh builds it)")
        return
    with Place() as p:
        port = free_port()
        os.mkdir(os.path.join(p.dir, "ferretdb"))
        with open(os.path.join(p.dir, "ferretdb.log"), "wb") as log, subprocess.Popen([program, "127.0.0.1:%d" % port, os.path.join(p.dir, "ferretdb")], stdout=log, stderr=log) as ferretdb:
            try:
                wait_until("FerretDB", lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
                with p.background("serve", "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % port)) as serve:
                    wait_until("what is blind on FerretDB", lambda: serve.said().count("Blind: ") >= len(BLIND))
                    time.sleep(3)  # long enough to say it twice
                    for what in BLIND:
                        lines = [x for x in serve.said().splitlines() if what in x.split(" (")[0]]
                        check(len(lines) == 1 and lines[0].startswith("signalbox: Blind: "), "FerretDB, %s: %r" % (what, lines))
                    r = p.run("ask", "what is running now?", timeout=120)
                    check(r.returncode in (0, 1) and r.stdout + r.stderr, "a request on FerretDB: %d %r %r" % (r.returncode, r.stdout, r.stderr))
            finally:
                ferretdb.terminate()


def main():
    with concurrent.futures.ThreadPoolExecutor(len(SERVERS)) as pool:
        for done in [pool.submit(ask, name) for name in SERVERS]:
            done.result()
    serve_goes_on()
    a_name_means_what_it_meant_first()
    another_make_of_server()
    finish()


if __name__ == "__main__":
    main()
