#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program while replies are cut, halved, late, misaddressed, huge, garbage or refused: it neither crashes nor hangs, says
each time one sentence, does nothing twice, and goes on when the fault ends. The faults are the simulator's own (sim/fault.h),
begun and ended by configureFailPoint; each has a simulator and a program of its own."""
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import bson
import pymongo

PROGRAM = os.environ.get("SIGNALBOX", os.path.join(os.getcwd(), "build/gcc/signalbox"))
LIMIT = 150  # seconds after which something hangs; nothing here is about speed
INDEX = "customer_id_1_created_at_-1"
ENDED = ("watching", "done", "failed", "rolled_back", "stale", "in_doubt", "expired")
failures = []


def check(ok, what):
    if not ok:
        failures.append(what)
        print("FAIL: " + what, flush=True)
    return ok


def wait_until(what, fn, seconds=LIMIT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = fn()
        if found:
            return found
        time.sleep(0.1)
    raise RuntimeError("%s did not happen within %d s" % (what, seconds))


class Place:
    """A simulator, the program that watches it, and the shell beside them."""

    def __init__(self, fault):
        self.fault = fault
        self.dir = tempfile.mkdtemp(prefix="signalbox-test-")
        self.env = dict(os.environ, XDG_STATE_HOME=self.dir + "/state", XDG_CONFIG_HOME=self.dir + "/config")
        self.env.pop("SIGNALBOX_URI", None)
        self.sim = subprocess.Popen([PROGRAM, "sim", "--scenario", "calm", "--seed", "5", "--speed", "5"], stdout=subprocess.PIPE, env=self.env)
        ready = json.loads(self.sim.stdout.readline())
        self.members = [pymongo.MongoClient("mongodb://%s/?directConnection=true" % m, serverSelectionTimeoutMS=20000) for m in ready["members"]]
        os.makedirs(self.dir + "/config/signalbox")
        os.makedirs(self.dir + "/state")
        self.write("uri", ready["uri"] + "\n")
        self.write("config/signalbox/config", "deployment sim\nset uri_file %s/uri\nset environment staging\n" % self.dir)
        self.err = open(self.dir + "/serve.err", "wb+")
        self.serve = subprocess.Popen([PROGRAM, "serve"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.err, env=self.env)

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)
        os.chmod(f.name, 0o600)

    def said(self):
        with open(self.err.name, "rb") as f:
            return f.read().decode(errors="replace")

    def run(self, *words):
        """Every run of the program ends by itself, with a known status, and complains in one printable line at most."""
        try:
            r = subprocess.run([PROGRAM, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise RuntimeError("%s: %s hangs" % (self.fault, " ".join(words)))
        err = r.stderr.decode(errors="replace")
        check(0 <= r.returncode <= 5, "%s: %s ended with %d: %s" % (self.fault, words, r.returncode, err[:300]))
        check(err.count("\n") <= 1, "%s: %s complains in more than one line: %s" % (self.fault, words, err[:600]))
        check(all(c.isprintable() or c == "\n" for c in err), "%s: control characters: %r" % (self.fault, err[:300]))
        return r

    def set_fault(self, on, times=None):
        mode = {"times": times} if times else "alwaysOn" if on else "off"
        for m in self.members:
            m.admin.command({"configureFailPoint": "signalboxWire", "mode": mode, "data": {"fault": self.fault}})

    def ask(self, text):
        r = self.run("ask", "--json", text)
        return json.loads(r.stdout) if r.stdout.strip() else None, r

    def card(self, ident):
        r = self.run("cards", "--json", "show", ident)
        return json.loads(r.stdout) if r.returncode == 0 else {}

    def indexes(self):
        """How often each member has the index."""
        return [[i["name"] for i in m.shop.orders.list_indexes()].count(INDEX) for m in self.members]

    def builds(self):
        return self.members[0].admin.command("serverStatus")["metrics"]["commands"]["createIndexes"]["total"]

    def close(self):
        for m in self.members:  # while there is still somebody to end their sessions with
            m.close()
        for p in (self.serve, self.sim):
            if p.poll() is None:
                p.terminate()
            try:
                p.wait(LIMIT)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                failures.append("%s: hangs at its end" % self.fault)
        self.sim.stdout.close()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def new_card(p):
    def made():
        answer, _ = p.ask("create an index on shop.orders {customer_id: 1, created_at: -1}")
        return answer and answer.get("cards") and answer["cards"][0]
    return wait_until("%s: a card" % p.fault, made)


def approve(p, ident):
    return p.run("cards", "approve", ident, "--hash", p.card(ident)["hash"])


def under(fault):
    p = Place(fault)
    try:
        wait_until("%s: the socket" % fault, lambda: os.path.exists(p.dir + "/state/signalbox/socket"))
        card = new_card(p)
        check(card["state"] == "awaiting_approval", "%s: the card is %s" % (fault, card["state"]))
        p.set_fault(True)
        check(p.run("cards", "list").returncode == 0, "%s: the queue cannot be read" % fault)
        p.ask("which indexes does shop.orders need?")
        check(approve(p, card["id"]).returncode in (0, 1, 3, 4), "%s: the approval" % fault)
        time.sleep(12)  # it meets the fault for a while; no state is waited for, since none is right while nothing can be seen
        p.ask("which indexes does shop.orders need?")
        check(p.serve.poll() is None, "%s: serve ended: %s" % (fault, p.said()))
        with open("/proc/%d/status" % p.serve.pid) as f:
            rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        check(rss < 700000, "%s: serve takes %d kB" % (fault, rss))
        p.set_fault(False)
        state = wait_until("%s: an end of the card, which is %s" % (fault, p.card(card["id"]).get("state")),
                           lambda: p.card(card["id"]).get("state") in ENDED and p.card(card["id"])["state"])
        there = p.indexes()
        print("%-12s card %s; index on members %s; createIndexes %d; rss %d kB" % (fault, state, there, p.builds(), rss), flush=True)
        check(max(there) <= 1, "%s: the index is there more than once: %s" % (fault, there))
        check(state not in ("watching", "done") or there == [1, 1, 1], "%s: %s, and the index is on %s" % (fault, state, there))
        if max(there) == 0:  # nothing was done: the same again now works
            check(p.run("cards", "reject", card["id"], "--reason", "the server could not be asked").returncode == 0, "%s: the first card cannot be rejected" % fault)
            again = new_card(p)
            check(approve(p, again["id"]).returncode == 0, "%s: the second approval" % fault)
            wait_until("%s: the second card watching" % fault, lambda: p.card(again["id"]).get("state") in ("watching", "done"))
            check(p.indexes() == [1, 1, 1], "%s: after the second card the index is on %s" % (fault, p.indexes()))
        said = p.said()
        check(all(c.isprintable() or c == "\n" for c in said), "%s: serve said %r" % (fault, said[:300]))
        check(said.count("\n") < 40, "%s: serve says too much:\n%s" % (fault, said[:2000]))
        p.serve.send_signal(signal.SIGTERM)
        check(p.serve.wait(LIMIT) == 0, "%s: serve ended with %s" % (fault, p.serve.returncode))
        r = p.run("audit", "verify")
        check(r.returncode == 0, "%s: the record: %s %s" % (fault, r.stdout.decode(), r.stderr.decode()))
    except (RuntimeError, OSError) as e:
        check(False, "%s (serve said: %s)" % (e, p.said()[-600:]))
    finally:
        p.close()


def a_mongos_that_tells_nothing_is_refused():
    """What says that it is a mongos and tells of no cluster is neither watched nor written to: one sentence, exit status 3."""
    hello = {"ismaster": True, "isWritablePrimary": True, "msg": "isdbgrid", "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
             "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 21, "ok": 1.0}
    build = {"version": "7.0.12", "versionArray": [7, 0, 12, 0], "ok": 1.0}
    asked = []

    def read(s, n):
        got = b""
        while len(got) < n:
            more = s.recv(n - len(got))
            if not more:
                raise OSError
            got += more
        return got

    def talk(s):
        try:
            while True:
                length, request, _, opcode = struct.unpack("<iiii", read(s, 16))
                body = read(s, length - 16)
                doc = bson.decode(body[5:5 + struct.unpack("<i", body[5:9])[0]] if opcode == 2013 else body[body.index(b"\0", 4) + 9:])
                name = next(iter(doc))
                asked.append(name)
                reply = bson.encode(hello if name.lower() in ("hello", "ismaster") else build if name == "buildInfo" else {"ok": 1.0})
                out = b"\0\0\0\0\0" + reply if opcode == 2013 else struct.pack("<iqii", 8, 0, 0, 1) + reply
                s.sendall(struct.pack("<iiii", 16 + len(out), 1, request, 2013 if opcode == 2013 else 1) + out)
        except OSError:
            s.close()

    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        try:
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/uri", "w") as f:
            f.write("mongodb://127.0.0.1:%d/\n" % listener.getsockname()[1])
        os.chmod(f.name, 0o600)
        env = dict(os.environ, XDG_STATE_HOME=d + "/state", XDG_CONFIG_HOME=d + "/config")
        r = subprocess.run([PROGRAM, "ask", "--uri-file", f.name, "create an index on shop.orders {a: 1}"], env=env, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=LIMIT)
    listener.close()
    err = r.stderr.decode(errors="replace")
    check(r.returncode == 3, "a mongos: exit %d: %s" % (r.returncode, err))
    check("a mongos whose cluster cannot be told: " in err and err.count("\n") == 1, "a mongos: %r" % err)
    check("createIndexes" not in asked, "a mongos was written to")


def main():
    only = sys.argv[1:]
    faults = ["cut", "half", "delay", "wrong-id", "huge", "garbage", "no-end", "refuse-login", "not-primary"]
    a_mongos_that_tells_nothing_is_refused()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(under, f) for f in only or faults]:
            done.result()
    if failures:
        raise SystemExit("%d failed" % len(failures))


if __name__ == "__main__":
    main()
