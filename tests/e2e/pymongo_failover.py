#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An unmodified pymongo on the simulated set while its primary steps down, is killed and hangs: retryable writes go through
by themselves and are done once, reads that prefer a secondary go on, and a killed member's port really is closed."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pymongo
from pymongo import ReadPreference
from pymongo.errors import AutoReconnect, ConnectionFailure, NotPrimaryError, OperationFailure, PyMongoError

PROGRAM = os.environ.get("SIGNALBOX", "build/gcc/signalbox")
DEADLINE = 60


def fail(text):
    print("FAIL:", text)
    sys.exit(1)


class Simulator:
    """`signalbox sim` on a scenario made of some lines."""

    def __init__(self, lines, speed=1):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".scenario")
        self.file.write('title "a test"\ncollection shop.a 100\n    field _id "seq(\'a\')"\n    field n "int(1, 9)"\n' + lines)
        self.file.flush()
        self.process = subprocess.Popen([PROGRAM, "sim", "--scenario", self.file.name, "--seed", "11", "--speed", str(speed)], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())

    def client(self, **options):
        return pymongo.MongoClient(self.ready["uri"], appname="failover", serverSelectionTimeoutMS=DEADLINE * 1000, **options)

    def direct(self, member, **options):
        host, port = self.ready["members"][member].split(":")
        return pymongo.MongoClient(host, int(port), directConnection=True, **options)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(DEADLINE) != 0:
            fail("the simulator ended with %d" % self.process.returncode)
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        else:
            self.close()


def wait_for(what, condition):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            if condition():
                return
        except PyMongoError:
            pass
        time.sleep(0.05)
    fail("%s did not happen within %d s" % (what, DEADLINE))


class Writer(threading.Thread):
    """Inserts numbers one after the other, with the driver's own retry and nothing else."""

    def __init__(self, client, coll="b"):
        super().__init__()
        self.coll = client.shop[coll]
        self.stop = False
        self.done, self.errors = [], []

    def run(self):
        n = 0
        while not self.stop:
            n += 1
            try:
                self.coll.insert_one({"_id": n})
                self.done.append(n)
            except PyMongoError as e:
                self.errors.append((n, e))

    def finish(self):
        self.stop = True
        self.join()


class Reader(threading.Thread):
    def __init__(self, client):
        super().__init__()
        self.coll = client.shop.get_collection("a", read_preference=ReadPreference.SECONDARY_PREFERRED)
        self.stop = False
        self.count, self.errors, self.longest = 0, [], 0.0

    def run(self):
        while not self.stop:
            began = time.monotonic()
            try:
                if self.coll.find_one({"_id": 5}) is None:
                    self.errors.append("nothing found")
                self.count += 1
            except PyMongoError as e:
                self.errors.append(e)
            self.longest = max(self.longest, time.monotonic() - began)

    def finish(self):
        self.stop = True
        self.join()


def primary_is(client, address):
    return "%s:%d" % client.primary == address if client.primary else False


def step_down():
    with Simulator("") as sim, sim.client() as client, sim.client() as other:
        writer, reader = Writer(client), Reader(other)
        writer.start()
        reader.start()
        wait_for("the first write", lambda: len(writer.done) > 20)
        old, began = client.primary, time.monotonic()
        client.admin.command("replSetStepDown", 30)
        wait_for("another primary", lambda: client.primary not in (None, old))
        found = time.monotonic() - began
        before = len(writer.done)
        wait_for("writes on it", lambda: len(writer.done) > before + 20)
        writer.finish()
        reader.finish()
        if writer.errors or reader.errors:
            fail("step-down: %s %s" % (writer.errors[:3], reader.errors[:3]))
        stored = [d["_id"] for d in client.shop.b.find().sort("_id", 1)]
        if stored != writer.done:
            fail("step-down: %d acknowledged, %d stored" % (len(writer.done), len(stored)))
        with sim.direct(sim.ready["members"].index("%s:%d" % old)) as direct:
            try:
                direct.shop.b.insert_one({"_id": -1})
                fail("the old primary took a write")
            except NotPrimaryError as e:
                if e.details["code"] != 10107:
                    fail("the old primary answered %s" % e.details)
            hello = direct.admin.command("hello")
            if hello["isWritablePrimary"] or not hello["secondary"] or "topologyVersion" not in hello:
                fail("hello of the old primary: %s" % hello)
        print("step-down: another primary known after %.2f s, %d writes, each once, %d reads" % (found, len(writer.done), reader.count))


def killed_primary():
    with Simulator("at 6s kill primary\nat 26s restart 0\n") as sim, sim.client() as client, sim.client() as other:
        writer, reader = Writer(client), Reader(other)
        writer.start()
        reader.start()
        wait_for("the first write", lambda: len(writer.done) > 20)
        old = "%s:%d" % client.primary
        host, port = old.split(":")
        with sim.direct(0) as direct:
            pid = direct.admin.command("serverStatus")["pid"]
        wait_for("the end of the primary", lambda: not primary_is(client, old))
        with socket.socket() as s:
            if s.connect_ex((host, int(port))) == 0:
                fail("the port of a killed member takes connections")
        began = time.monotonic()
        wait_for("another primary", lambda: client.primary is not None and not primary_is(client, old))
        took = time.monotonic() - began
        before = len(writer.done)
        wait_for("writes on it", lambda: len(writer.done) > before + 20)
        status = client.admin.command("replSetGetStatus")
        down = status["members"][0]
        if down["health"] != 0 or down["stateStr"] != "(not reachable/healthy)" or "Connection refused" not in down["lastHeartbeatMessage"]:
            fail("the killed member as the others see it: %s" % down)
        wait_for("its return", lambda: client.admin.command("replSetGetStatus")["members"][0]["stateStr"] == "SECONDARY")
        with sim.direct(0) as direct:
            again = direct.admin.command("serverStatus")
            if again["pid"] == pid or again["uptime"] > 30:
                fail("it is the old process: pid %s, uptime %s" % (again["pid"], again["uptime"]))
        wait_for("its taking over again", lambda: primary_is(client, old))
        before = len(writer.done)
        wait_for("writes on it", lambda: len(writer.done) > before + 20)
        writer.finish()
        reader.finish()
        if writer.errors or reader.errors:
            fail("kill: %s %s" % (writer.errors[:3], reader.errors[:3]))
        stored = [d["_id"] for d in client.shop.b.find().sort("_id", 1)]
        if stored != writer.done:
            fail("kill: %d acknowledged, %d stored" % (len(writer.done), len(stored)))
        print("kill: another primary after %.1f s, %d writes, each once, %d reads, the longest %.2f s" % (took, len(writer.done), reader.count, reader.longest))


def hung_primary():
    # the set's clock runs three times as fast: the election is over before the driver's own time-outs are
    with Simulator("at 12s hang primary for 60s\n", 3) as sim, sim.client(socketTimeoutMS=3000) as client:
        client.shop.b.insert_one({"_id": 1})
        old = "%s:%d" % client.primary
        deadline = time.monotonic() + DEADLINE
        n = 1
        while primary_is(client, old):
            if time.monotonic() > deadline:
                fail("the primary that hangs was never given up")
            n += 1
            try:
                client.shop.b.insert_one({"_id": n})
            except PyMongoError as e:
                if not isinstance(e, (AutoReconnect, ConnectionFailure)):
                    fail("a member that hangs answered: %r" % e)
        client.shop.b.insert_one({"_id": 0})
        host, port = old.split(":")
        with socket.create_connection((host, int(port)), 2):
            pass # it accepts, and answers nothing
        with sim.direct(0, socketTimeoutMS=60000, serverSelectionTimeoutMS=60000) as direct:
            wait_for("its going on", lambda: direct.admin.command("hello")["isWritablePrimary"] is False)
        print("hang: given up, and back as a secondary; %d writes" % n)


def write_concern():
    with Simulator("at 4s kill 1\nat 4s kill 2\n") as sim, sim.client() as client:
        client.shop.b.insert_one({"_id": 1})
        wait_for("the end of the others", lambda: [m["health"] for m in client.admin.command("replSetGetStatus")["members"]] == [1, 0, 0])
        try:
            client.shop.get_collection("b", write_concern=pymongo.WriteConcern("majority", wtimeout=1000)).insert_one({"_id": 2})
            fail("a majority of one acknowledged a write")
        except OperationFailure as e:
            if e.code != 64:
                fail("the concern failed with %s" % e.details)
        wait_for("its stepping down", lambda: client.primary is None)
        print("no majority: writes wait, and the primary steps down")


def step_down_in_a_build():
    """The command is interrupted; the build goes on under the next primary and is committed by it on every member."""
    with Simulator("cost build_doc_us 60000\n") as sim, sim.client() as client:
        failure = []

        def build():
            try:
                client.shop.a.create_index([("n", 1)], name="n_1")
            except PyMongoError as e:
                failure.append(e)

        def operations(c):
            return [o for o in c.admin.aggregate([{"$currentOp": {"allUsers": True}}]) if str(o.get("msg", "")).startswith("Index Build")]

        builder = threading.Thread(target=build)
        builder.start()
        members = [sim.direct(i) for i in range(3)]
        wait_for("the build on every member", lambda: all(operations(d) for d in members))
        old = client.primary
        client.admin.command("replSetStepDown", 60)
        wait_for("another primary", lambda: client.primary not in (None, old))
        builder.join(DEADLINE)
        if builder.is_alive() or len(failure) != 1 or not isinstance(failure[0], (AutoReconnect, OperationFailure)):
            fail("the client of an interrupted build: %s" % failure)
        unfinished = [i for i in client.shop.a.aggregate([{"$indexStats": {}}]) if i["name"] == "n_1"]
        if len(unfinished) != 1 or not unfinished[0].get("building"):
            fail("after the step-down the build does not go on: %s" % unfinished)
        wait_for("its end on every member", lambda: all(is_built(d) for d in members))
        for d in members:
            d.close()
        with sim.direct(sim.ready["members"].index("%s:%d" % old)) as direct:
            lines = direct.admin.command("getLog", "global")["log"]  # long ones are cut, and no JSON
            if not any('"id":4760400' in line and "continuing in background" in line for line in lines):
                fail("the old primary does not say that the build goes on: %s" % [line for line in lines if '"INDEX"' in line])
        plan = client.shop.command("explain", {"find": "a", "filter": {"n": 5}}, verbosity="queryPlanner")["queryPlanner"]["winningPlan"]
        if plan.get("inputStage", {}).get("indexName") != "n_1":
            fail("the index is not used: %s" % plan)
        print("step-down in a build: the client got %s; built on every member under the next primary" % type(failure[0]).__name__)


def is_built(direct):
    stats = list(direct.shop.get_collection("a", read_preference=ReadPreference.SECONDARY_PREFERRED).aggregate([{"$indexStats": {}}, {"$match": {"name": "n_1"}}]))
    return len(stats) == 1 and "building" not in stats[0]


step_down()
step_down_in_a_build()
killed_primary()
hung_primary()
write_concern()
