#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An unmodified pymongo as a store's client on the simulated set: watch() through the death of the primary, conditional writes
of many at once, reads and writes that want a majority while there is none."""
import datetime
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pymongo
from pymongo import ReadPreference, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError, ExecutionTimeout, NotPrimaryError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from outside import LIMIT, Place, check, finish, simulator, wait_until

WRITES = 400
TAKERS = 6


class Watcher(threading.Thread):
    """Everything that happens to a collection, by the driver's own resuming and nothing else."""

    def __init__(self, uri):
        super().__init__()
        self.uri, self.told, self.error, self.stop = uri, [], None, False
        self.open = threading.Event()

    def run(self):
        with pymongo.MongoClient(self.uri) as c:
            try:
                with c.shop.b.watch([{"$match": {"operationType": "insert"}}], max_await_time_ms=200) as stream:
                    self.open.set()
                    while not self.stop:
                        event = stream.try_next()
                        if event:
                            self.told.append(event["documentKey"]["_id"])
            except PyMongoError as e:
                self.error = e


def through_a_kill(uri):
    """Each acknowledged write is told once, in order, whoever is primary."""
    watcher = Watcher(uri)
    watcher.start()
    watcher.open.wait(LIMIT)
    with pymongo.MongoClient(uri, w="majority") as c:
        first, done, n = c.admin.command("hello")["me"], [], 0
        killed = False
        while len(done) < WRITES or not killed:
            n += 1
            try:
                c.shop.b.insert_one({"_id": n})
                done.append(n)
            except PyMongoError as e:
                check(False, "write %d: %s" % (n, e))
            killed = killed or (len(done) % 20 == 0 and c.admin.command("hello")["me"] != first)
            time.sleep(0.005)
        wait_until("the events", lambda: watcher.error or len(watcher.told) >= len(done))
    watcher.stop = True
    watcher.join(LIMIT)
    check(watcher.error is None, "the stream ended: %r" % watcher.error)
    check(watcher.told == done, "%d writes, %d events, first difference %r" % (len(done), len(watcher.told), [p for p in zip(done, watcher.told) if p[0] != p[1]][:1]))
    print("kill: %d writes on two primaries, each told once and in order" % len(done))


def take(leases, me, ms):
    """By the server's clock alone: {owner, epoch} of whoever has it now."""
    free = {"$or": [{"$lt": ["$until", "$$NOW"]}, {"$eq": ["$owner", me]}, {"$eq": [{"$type": "$until"}, "missing"]}]}
    leases.update_one({"_id": "d"}, {"$setOnInsert": {"epoch": 0}}, upsert=True)
    return leases.find_one_and_update({"_id": "d", "$expr": free},
                                      [{"$set": {"epoch": {"$cond": [{"$eq": ["$owner", me]}, "$epoch", {"$add": ["$epoch", 1]}]}}},
                                       {"$set": {"owner": me, "until": {"$add": ["$$NOW", ms]}}}], return_document=ReturnDocument.AFTER)


def leases(c):
    """Of many who want it at once one gets it; epochs rise; a unique nonce is used once."""
    db = c.get_database("store", write_concern=WriteConcern("majority", wtimeout=10000))
    got = []

    def want(me):
        for _ in range(20):
            try:
                d = take(db.leases, me, 20)
            except DuplicateKeyError:  # two upserts met: the other one made it
                continue
            if d:
                got.append((d["epoch"], me))
            time.sleep(0.04 if d else 0.005)  # whoever has it lets it run out

    threads = [threading.Thread(target=want, args=("h%d" % i,)) for i in range(TAKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(LIMIT)
    owners = {}
    for epoch, me in got:
        check(owners.setdefault(epoch, me) == me, "epoch %d has two owners: %s and %s" % (epoch, owners[epoch], me))
    check(len({e for e, _ in got}) >= 2, "the lease never changed hands: %r" % got[:5])
    started, refused = [], []

    def start(me):
        try:
            db.starts.insert_one({"_id": "nonce", "by": me})
            started.append(me)
        except DuplicateKeyError as e:
            refused.append(e.details["keyValue"]["_id"])

    threads = [threading.Thread(target=start, args=(i,)) for i in range(TAKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(LIMIT)
    check(len(started) == 1 and refused == ["nonce"] * (TAKERS - 1), "a nonce was used %d times, refused %r" % (len(started), refused))
    now = db.command("find", "leases", filter={"$expr": {"$lt": [{"$abs": {"$subtract": ["$$NOW", datetime.datetime.now(datetime.timezone.utc)]}}, 60000]}})
    check(now["cursor"]["firstBatch"], "$$NOW is not the present")
    print("leases: %d epochs, each with one owner; a nonce once" % len(owners))


def no_majority(c):
    """Both secondaries lag: nothing that only the primary has is told, or read by who wants a majority."""
    x = c.shop.m
    patient = x.with_options(write_concern=WriteConcern("majority"))
    patient.insert_one({"_id": 0})

    def lags():
        try:
            x.with_options(write_concern=WriteConcern("majority", wtimeout=200)).insert_one({})
        except OperationFailure as e:
            check(e.code == 64 and e.details["errInfo"]["wtimeout"] is True, "a concern out of time: %s" % e.details)
            return True
        return False

    with x.watch([{"$match": {"documentKey._id": 1}}], max_await_time_ms=200) as stream:
        wait_until("both lag", lags)
        x.with_options(write_concern=WriteConcern(1)).insert_one({"_id": 1})
        check(x.with_options(read_concern=ReadConcern("local")).find_one({"_id": 1}), "the primary has not got its own write")
        check(x.with_options(read_concern=ReadConcern("majority")).find_one({"_id": 1}) is None, "a majority read gave what the primary alone has")
        check(stream.try_next() is None, "a stream told what the primary alone has")
        try:
            list(x.with_options(read_concern=ReadConcern("linearizable")).find({"_id": 0}).max_time_ms(300))
            check(False, "a linearizable read was confirmed by nobody")
        except ExecutionTimeout:
            pass
        event = wait_until("the event", stream.try_next)
        check(event["documentKey"] == {"_id": 1}, "the event: %r" % event)
        check(x.with_options(read_concern=ReadConcern("majority")).find_one({"_id": 1}), "told by the stream, and not there for a majority read")
        check(x.with_options(read_concern=ReadConcern("linearizable")).find_one({"_id": 1}), "a linearizable read on a healthy set")
    try:
        x.with_options(read_concern=ReadConcern("linearizable"), read_preference=ReadPreference.SECONDARY).find_one({})
        check(False, "a secondary gave a linearizable read")
    except NotPrimaryError as e:
        check(e.details["code"] == 10107, "a linearizable read of a secondary: %s" % e.details)
    print("no majority: one write held back from streams and majority reads until the others had it")


SCENARIO = 'title "a test"\ncollection shop.a 10\n    field _id "seq(\'a\')"\n'

def stay(p):
    with simulator("--scenario", p.write("lag.scenario", SCENARIO + "at 4s lag 1 20s\nat 4s lag 2 20s\nat 11s lag 1 0s\nat 11s lag 2 0s\n"), "--seed", "5") as (ready, _):
        with pymongo.MongoClient(ready["uri"]) as c:
            no_majority(c)
            leases(c)


def change(p):
    with simulator("--scenario", p.write("kill.scenario", SCENARIO + "at 8s kill primary\n"), "--seed", "5", "--speed", "3") as (ready, _):
        through_a_kill(ready["uri"])


if __name__ == "__main__":
    with Place() as p:
        other = threading.Thread(target=change, args=(p,))
        other.start()
        stay(p)
        other.join(LIMIT)
        check(not other.is_alive(), "the watch through a kill does not end")
    finish()
