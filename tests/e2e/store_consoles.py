#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four consoles on two hosts share one store, while consoles are killed and stopped, hosts are cut off, and the store's members and those
of what is watched step down and are killed. What each asked and was told, and what the watched deployments saw, is judged
(support/history.py): nothing approved may be lost, nothing carried out twice.

A host is a network namespace with a clock of its own, ten minutes away from the other's; between it and the servers lies a pair of
virtual links that can be taken down. Where namespaces cannot be made (no root, no `ip`) that part is skipped, and it is said. SIGNALBOX_OPERATIONS=10000 is the long form."""
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pymongo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from history import judge  # noqa: E402

PROGRAM = os.environ.get("SIGNALBOX", "build/gcc/signalbox")
CLIENT = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/e2e/store_client")
OPERATIONS = int(os.environ.get("SIGNALBOX_OPERATIONS", "300"))
SEED = int(os.environ.get("SIGNALBOX_SEED", "1"))
LEASE_MS, DEPLOYMENTS, CONSOLES = 2000, 2, 4
SKEW = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*next)(clockid_t, struct timespec *);
    if (!next)
        next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int rc = next(id, t);
    if (id == CLOCK_REALTIME)
        t->tv_sec += atoi(getenv("SKEW"));
    return rc;
}
time_t time(time_t *at)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (at)
        *at = t.tv_sec;
    return t.tv_sec;
}
int gettimeofday(struct timeval *restrict v, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    v->tv_sec = t.tv_sec;
    v->tv_usec = t.tv_nsec / 1000;
    return 0;
}
"""


class Simulator:
    def __init__(self, work, name, lines):
        path = os.path.join(work, name + ".scenario")
        with open(path, "w") as f:
            f.write('title "a store"\ncollection shop.a 10\n    field _id "seq(\'a\')"\n' + lines)
        self.process = subprocess.Popen([PROGRAM, "sim", "--scenario", path, "--seed", str(SEED)], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())
        self.uri, self.ports = self.ready["uri"], [int(m.split(":")[1]) for m in self.ready["members"]]


# ---- hosts ----

async def relay(listen, to, ports):
    async def copy(a, b):
        try:
            while data := await a.read(65536):
                b.write(data)
                await b.drain()
        except OSError:
            pass
        b.close()

    async def serve(reader, writer, port):
        try:
            up_reader, up = await asyncio.open_connection(to, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, up), copy(up_reader, writer))

    for port in ports:
        await asyncio.start_server(lambda r, w, p=port: serve(r, w, p), listen, port)
    print("ready", flush=True)
    await asyncio.Event().wait()


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """A namespace that reaches the servers' ports on its own loopback, by relays at both ends of a pair of links."""

    def __init__(self, k, ports, skew, library):
        self.name, self.link, self.relays = "sbx%d-%d" % (os.getpid() % 10000, k), "sbx%d.%d" % (os.getpid() % 10000, k), []
        self.env = dict(os.environ, SKEW=str(skew), LD_PRELOAD=library)
        net = "10.213.%d." % (os.getpid() % 120 * 2 + k)
        ip("netns", "add", self.name)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "far", "netns", self.name)
        ip("addr", "add", net + "1/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        for words in (["link", "set", "lo", "up"], ["addr", "add", net + "2/24", "dev", "far"], ["link", "set", "far", "up"]):
            ip("-n", self.name, *words)
        for prefix, listen, to in (([], net + "1", "127.0.0.1"), (["ip", "netns", "exec", self.name], "127.0.0.1", net + "1")):
            p = subprocess.Popen(prefix + [sys.executable, __file__, "relay", listen, to, *map(str, ports)], stdout=subprocess.PIPE)
            assert p.stdout.readline() == b"ready\n"
            self.relays.append(p)

    def run(self, words):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *words], env=self.env)

    def cut(self, off):
        ip("link", "set", self.link, "down" if off else "up")

    def close(self):
        for p in self.relays:
            p.kill()
            p.wait()
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


class Bare:
    """Where there are no namespaces: a clock of its own, and nothing that can be cut."""

    cut = None

    def __init__(self, skew, library):
        self.env = dict(os.environ, SKEW=str(skew), LD_PRELOAD=library)

    def run(self, words):
        return subprocess.Popen(words, env=self.env)

    def close(self):
        pass


def make_hosts(work, ports):
    source, library = os.path.join(work, "skew.c"), os.path.join(work, "skew.so")
    with open(source, "w") as f:
        f.write(SKEW)
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    hosts = []
    try:
        for k, skew in enumerate((-300, 300)):
            hosts.append(Host(k, ports, skew, library))
    except (OSError, subprocess.CalledProcessError) as e:
        for h in hosts:
            h.close()
        print("SKIP: hosts are not cut off: no network namespace can be made (%s)" % (getattr(e, "stderr", None) or e))
        hosts = [Bare(-300, library), Bare(300, library)]
    return hosts


# ---- consoles ----

class Console:
    made = 0

    def __init__(self, run, host, name=None):
        Console.made += 1
        self.host, self.name, self.lives, self.stopped = host, name or "console-%d" % Console.made, 0, False
        self.begin(run)

    def begin(self, run):
        self.lives += 1
        self.process = self.host.run([CLIENT, self.name, run.history(self.name, self.lives), run.store.uri, str(LEASE_MS), str(SEED * 1000 + Console.made * 10 + self.lives),
                                      "1000000000", *(d.uri for d in run.watched)])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Run:
    def __init__(self, work):
        self.work, self.files, self.rng = work, [], random.Random(SEED)
        chaos = "at 6s stepdown\nat 14s kill primary\nat 19s restart 0\nat 19s restart 1\nat 19s restart 2\nevery 31s from 31s stepdown\n"
        self.store = Simulator(work, "store", chaos)
        self.watched = [Simulator(work, "watched-%d" % k, "at %ds stepdown\nevery 41s from %ds stepdown\n" % (9 + 3 * k, 47 + k)) for k in range(DEPLOYMENTS)]
        self.hosts = make_hosts(work, self.store.ports + [p for d in self.watched for p in d.ports])
        self.done = dict.fromkeys(("killed and begun again", "killed and declared dead", "stopped for longer than a lease", "hosts cut off"), 0)

    def history(self, name, lives):
        self.files.append((name, os.path.join(self.work, "%s.%d.history" % (name, lives))))
        return self.files[-1][1]

    def asked(self):
        return sum(b'"t0"' in line and b'"lease"' not in line for _, path in self.files if os.path.exists(path) for line in open(path, "rb"))

    def helper(self, name, what, limit=120):
        words = [CLIENT, name, self.history(name, 1), self.store.uri, str(LEASE_MS), "1", what, *(d.uri for d in self.watched)]
        r = subprocess.run(words, timeout=limit)
        if r.returncode:
            raise SystemExit("FAIL: %s ended with %d" % (what, r.returncode))

    def trouble(self, consoles):
        """One thing goes wrong, and is over when this returns."""
        what = self.rng.choice(sorted(self.done))
        c = self.rng.choice(consoles)
        if what == "hosts cut off":
            if not c.host.cut:
                return
            c.host.cut(True)
            time.sleep(LEASE_MS / 1000 * self.rng.uniform(0.3, 1.5))
            c.host.cut(False)
        elif what == "stopped for longer than a lease":
            c.process.send_signal(signal.SIGSTOP)
            time.sleep(LEASE_MS / 1000 * self.rng.uniform(1.1, 2))
            c.process.send_signal(signal.SIGCONT)
        elif what == "killed and begun again":
            c.kill()
            time.sleep(self.rng.uniform(0, 1))
            c.begin(self)
        else:
            c.kill()
            self.helper("word-for-" + c.name, "dead:" + c.name)
            consoles[consoles.index(c)] = Console(self, c.host)
        self.done[what] += 1

    def whole(self):
        """What all asked and were told, and what the deployments saw."""
        asked, told = {}, {}
        for name, path in self.files:
            for line in open(path, "rb") if os.path.exists(path) else ():
                if not line.endswith(b"\n"):
                    continue  # killed while it was written
                o = json.loads(line)
                (asked if "t0" in o else told)[path, o["i"]] = o
        operations = []
        for key, o in asked.items():
            t = told.get(key, {"res": "unknown", "t1": None})
            if t["res"] == "ours":
                continue  # it was there, by its own doing; the record of its first start says the rest
            merged = dict(o, res=t["res"], t1=t["t1"], ran=t.get("ran"))
            if o["op"] == "lease" and o["do"] == "take":
                merged["epoch"] = t.get("epoch")
            operations.append(merged)
        for d in self.watched:
            with pymongo.MongoClient(d.uri, serverSelectionTimeoutMS=30000, readConcernLevel="majority") as client:
                for n, doc in enumerate(client.watched.effects.find().sort("$natural", 1)):
                    operations.append({"op": "effect", "key": doc["nonce"], "c": doc["c"], "epoch": doc["epoch"], "t0": doc["t0"], "t1": doc["t0"], "res": "ok", "deployment": d.uri, "n": n})
        with pymongo.MongoClient(self.store.uri, serverSelectionTimeoutMS=30000, readConcernLevel="majority") as client:
            for doc in client.signalbox.approvals.find({"answer": {"$ne": None}}):  # also those whose writer died before it heard of it
                operations.append({"op": "answer", "key": doc["_id"], "c": "the store", "ran": doc["answer"]["ok"], "t0": time.monotonic_ns(), "t1": time.monotonic_ns(), "res": "ok"})
        return operations

    def go(self):
        consoles = [Console(self, self.hosts[k * len(self.hosts) // CONSOLES]) for k in range(CONSOLES)]
        try:
            end = time.monotonic() + 1500
            while self.asked() < OPERATIONS or min(self.done[k] for k in self.done if k != "hosts cut off" or self.hosts[0].cut) < 1:
                if time.monotonic() > end:
                    raise SystemExit("FAIL: only %d operations" % self.asked())
                time.sleep(self.rng.uniform(0.2, 0.8))
                self.trouble(consoles)
                for c in consoles:
                    if c.process.poll() not in (None, 0):
                        raise SystemExit("FAIL: %s ended with %d" % (c.name, c.process.returncode))
            for c in consoles:
                c.process.send_signal(signal.SIGTERM)
            for c in consoles:
                c.process.wait(60)
            for c in consoles:
                self.helper("word-for-" + c.name, "dead:" + c.name)  # what it had to leave open; its process has ended
            self.helper("the-last", "settle", 900)
        finally:
            for c in consoles:
                c.process.kill()
        operations = self.whole()
        keep = os.environ.get("SIGNALBOX_HISTORY")
        if keep:
            with open(keep, "w") as f:
                json.dump(operations, f)
        counts = judge(operations)
        leases = sum(o["op"] == "lease" for o in operations)
        unknown = sum(o["res"] == "unknown" for o in operations)
        if not counts["carried_out"] or counts["left_over"]:
            raise SystemExit("FAIL: %s" % counts)
        print("%d operations (and leases were asked for or kept %d times), %d without an answer; %d approved: %d carried out, %d said not to be; 0 lost, 0 doubled; %s" %
              (counts["operations"] - leases, leases, unknown, counts["approved"], counts["carried_out"], counts["refused"], ", ".join("%s: %d" % x for x in self.done.items())))

    def close(self):
        for h in self.hosts:
            h.close()
        for s in (self.store, *self.watched):
            s.process.kill()
            s.process.wait()


def main():
    work = tempfile.mkdtemp()
    run = Run(work)
    try:
        run.go()
    finally:
        run.close()
        shutil.rmtree(work)


if sys.argv[1:2] == ["relay"]:
    asyncio.run(relay(sys.argv[2], sys.argv[3], [int(p) for p in sys.argv[4:]]))
else:
    main()
