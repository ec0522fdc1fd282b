#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In doubt through a mongos: the owner dies between the intent and its result, the answer is lost, the mongos goes away when only one
shard has been asked. Each shard is looked at; what only one of them did is found, said, and finished or taken back.

  shard_doubt.py            all cases
  shard_doubt.py WORD       those whose name holds WORD"""
import concurrent.futures
import os
import sys
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import lab as L  # noqa: E402

OWNER = L.BUILD + "/tests/e2e/crash_owner"
NAME = "sku_1"


class Job(L.Lab):
    """A card on a cluster, and each shard's primary asked directly."""

    def __init__(self, **more):
        super().__init__("tests/e2e/cluster.scenario", **more)
        self.shards = {name: pymongo.MongoClient("mongodb://%s/?replicaSet=%s" % (",".join(members), name), serverSelectionTimeoutMS=20000)
                       for name, members in self.sim.ready["shards"].items()}
        self.look, self.then = self.proxy.on_write, {}
        self.proxy.on_write = self.before

    def before(self, write):
        self.look(write)
        act = self.then.pop(write.name, None)
        if act:
            act()

    def on_shards(self, name=NAME):
        return sorted(s for s, c in self.shards.items() if name in c.shop.orders.index_information())

    def here(self, shard):
        return self.shards[shard].shop.orders

    def probes(self):
        return [(e["body"]["found"], e["body"]["detail"]) for e in self.entries("step.probe")]

    def taken_back(self, id):
        self.run("cards", "rollback", id)
        self.until_state(id, "rolled_back")
        L.require(self.on_shards() == [], "after the roll back the index is on %s" % self.on_shards())
        self.check_record(id)
        self.stop()
        self.verify()

    def close(self):
        for c in self.shards.values():
            c.close()
        super().close()


BOTH = ["shard0", "shard1"]


def killed(at, probes):
    """kill -9 before or behind the command; the next owner looks at every shard."""
    job = Job()
    try:
        job.start(program=OWNER, env={"SIGNALBOX_CRASH_AT": at})
        id = job.propose(key="{sku: 1}", window=3600)
        job.approve(id, check=False)
        job.until("the owner's death", job.ran_out)
        job.start()
        job.until_state(id, "watching", "done")
        L.require([p[0] for p in job.probes()] in probes, "probes: %r" % job.probes())
        L.require(any("2 shards" in p[1] for p in job.probes() if p[0] == "done") or job.probes()[-1][0] != "done", "what was found: %r" % job.probes())
        L.require(job.on_shards() == BOTH, "the index is on %s" % job.on_shards())
        job.taken_back(id)
    finally:
        job.close()


def killed_before():
    killed("execute.send.before:1", (["not_done"],))


def killed_behind():
    killed("execute.send.after:1", (["done"],))


def half_done():
    """The mongos goes away when one shard has it: said with the shards' names; sent again, the other one gets it too."""
    job = Job()
    try:
        job.start()
        id = job.propose(key="{sku: 1}", window=3600)

        def one_only():
            job.here("shard0").create_index([("sku", 1)], name=NAME)
            job.proxy.leave()
            raise ConnectionResetError("the mongos has gone")
        job.then["createIndexes"] = one_only
        job.approve(id)
        job.until_state(id, "in_doubt")
        time.sleep(1)  # it looks, and there is nobody
        L.require(job.state_of(id) == "in_doubt", "with nobody to ask it is %s" % job.state_of(id))
        job.proxy.come_back()
        job.until_state(id, "watching", "failed", "done")
        told = job.probes()[-1]
        L.require(told == ("not_done", "1 of 2 shards have it: %s is on other shards and not on shard shard1" % NAME), "the probe: %r" % (told,))
        L.require(job.state_of(id) == "failed" and "on 1 of its 2 shards" in job.card(id)["note"], "it says: %s" % job.card(id)["note"])
        job.taken_back(id)
    finally:
        job.close()


def lost_answer():
    """Done on both, and the answer never came: found done, and not sent twice."""
    job = Job()
    try:
        job.start()
        id = job.propose(key="{sku: 1}", window=3600)
        job.then["createIndexes"] = job.proxy.held.set
        job.approve(id)
        job.until("both shards' index", lambda: job.on_shards() == BOTH)
        job.proxy.held.clear()
        job.until_state(id, "watching", "done")
        L.require(len([w for w in job.proxy.writes if w.name == "createIndexes"]) == 1, "it was sent twice")
        L.require(job.on_shards() == BOTH, "the index is on %s" % job.on_shards())
        job.taken_back(id)
    finally:
        job.close()


def watching(job):
    job.start()
    id = job.propose(key="{sku: 1}", window=3600)
    job.approve(id)
    job.until_state(id, "watching")
    return id


def missing_on_one():
    """Somebody dropped it on one shard: the roll back takes it away where it is."""
    job = Job()
    try:
        id = watching(job)
        job.here("shard1").drop_index(NAME)
        job.taken_back(id)
    finally:
        job.close()


def another_on_one():
    """On one shard the name is another index now: a drop by name would take that too."""
    job = Job()
    try:
        id = watching(job)
        job.here("shard1").drop_index(NAME)
        job.here("shard1").create_index([("sku", 1), ("total", 1)], name=NAME)
        job.run("cards", "rollback", id)
        job.until_state(id, "failed")
        L.require("%s has another key on shard shard1 than on shard shard0" % NAME in job.card(id)["note"], "it says: %s" % job.card(id)["note"])
        L.require(job.on_shards() == BOTH and not [w for w in job.proxy.writes if w.name == "dropIndexes"], "a drop was sent")
        job.here("shard1").drop_index(NAME)
        job.taken_back(id)
    finally:
        job.close()


def another_on_a_set():
    """The same on a replica set."""
    job = L.Lab("tests/e2e/crash.scenario")
    try:
        job.start()
        id = job.propose(window=3600)
        job.approve(id)
        job.until_state(id, "watching")
        orders = pymongo.MongoClient(job.sim.uri).shop.orders
        name = job.card(id)["index_name"]
        orders.drop_index(name)
        orders.create_index([("status", 1)], name=name)
        job.run("cards", "rollback", id)
        job.until_state(id, "failed")
        L.require("%s is another index now" % name in job.card(id)["note"], "it says: %s" % job.card(id)["note"])
        L.require(name in orders.index_information(), "it was dropped")
        orders.drop_index(name)
        job.run("cards", "rollback", id)
        job.until_state(id, "rolled_back")
        job.check_record(id)
        job.stop()
        job.verify()
    finally:
        job.close()


CASES = [killed_before, killed_behind, half_done, lost_answer, missing_on_one, another_on_one, another_on_a_set]


def one(case):
    began = time.monotonic()
    try:
        case()
        print("ok %-18s %4.1f s" % (case.__name__, time.monotonic() - began), flush=True)
        return True
    except Exception as e:  # told with its case; the others go on
        print("FAILED %s: %s: %s" % (case.__name__, type(e).__name__, e), flush=True)
        return False


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        good = list(pool.map(one, [c for c in CASES if word in c.__name__]))
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()
