#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sharded cluster through its mongos: what another client finds there, what the program sees of it, and a card whose index one shard
refuses: the step fails, and says on which shard it was done and on which not; the rollback takes it away where it was."""
import os
import sys

import pymongo
import pymongo.errors

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402

NS = "shop.orders"


def shards_of(sim):
    """Each shard's primary, asked directly."""
    return {name: pymongo.MongoClient("mongodb://%s/?replicaSet=%s" % (",".join(members), name), serverSelectionTimeoutMS=20000)
            for name, members in sim.ready["shards"].items()}


def indexes(shards):
    return {name: set(client.shop.orders.index_information()) for name, client in shards.items()}


def refused(fn, code):
    try:
        fn()
    except pymongo.errors.OperationFailure as e:
        L.require(e.code == code, "code %s, not %d: %s" % (e.code, code, e))
        return e.details
    raise L.Failure("it was not refused")


def another_client_finds_a_cluster():
    sim = L.Sim("two-shards", 1, seed=3)
    shards = shards_of(sim)
    c = pymongo.MongoClient(sim.uri, serverSelectionTimeoutMS=20000)
    try:
        L.require(c.is_mongos and c.admin.command("hello")["msg"] == "isdbgrid", "it does not say that it is a mongos")
        L.require([s["_id"] for s in c.admin.command("listShards")["shards"]] == ["shard0", "shard1"], "listShards")
        L.require(c.admin.command("balancerStatus")["mode"] == "full", "the balancer is off")
        L.require(c.config.version.find_one()["clusterId"], "no clusterId")
        key = c.config.collections.find_one({"_id": NS})["key"]
        L.require(list(key) == ["customer_id"], "the shard key is %r" % key)
        orders = c.shop.orders
        for name, client in shards.items():  # each document lies where its chunk is
            for k in c.config.chunks.find({"shard": name}):
                low = k["min"]["customer_id"]
                if isinstance(low, int):
                    q = {"customer_id": low, "status": "delivered"}  # which nobody changes
                    there = client.shop.orders.count_documents(q)
                    L.require(there and there == orders.count_documents(q), "%d of %s is not all on %s" % (low, NS, name))
        apart = [client.shop.orders.count_documents({"status": "returned"}) for client in shards.values()]
        L.require(all(apart) and sum(apart) == orders.count_documents({"status": "returned"}), "counts of the shards: %r" % apart)
        ids = [d["_id"] for d in orders.find({"status": "returned"}, {"_id": 1}).sort("created_at", -1).limit(30)]
        both = sorted((d for client in shards.values() for d in client.shop.orders.find({"status": "returned"})), key=lambda d: d["created_at"], reverse=True)
        L.require(ids == [d["_id"] for d in both[:30]], "the sorted merge is another one")
        groups = {d["_id"]: d["n"] for d in orders.aggregate([{"$match": {"status": "returned"}}, {"$group": {"_id": "$status", "n": {"$sum": 1}}}])}
        L.require(groups == {"returned": sum(apart)}, "the group over both: %r" % groups)

        def stage(q):
            return c.shop.command({"explain": {"find": "orders", "filter": q}})["queryPlanner"]["winningPlan"]
        L.require(stage({"customer_id": 7})["stage"] == "SINGLE_SHARD" and stage({"sku": "S1"})["stage"] == "SHARD_MERGE", "explain does not tell one shard from all")
        stats = {(s["name"], s["shard"]) for s in orders.aggregate([{"$indexStats": {}}])}
        L.require(("status_1_created_at_-1", "shard0") in stats and ("status_1_created_at_-1", "shard1") not in stats, "$indexStats: %r" % stats)
        L.require(c.shop.command("collStats", "orders")["sharded"] and not c.shop.command("collStats", "products")["sharded"], "collStats says of both the same")
        orders.insert_many([{"_id": "c%d" % i, "customer_id": i * 500, "status": "mine"} for i in range(8)])
        L.require(all(client.shop.orders.count_documents({"status": "mine"}) == 4 for client in shards.values()), "eight documents did not go four and four")
        L.require(orders.update_many({"status": "mine"}, {"$set": {"seen": 1}}).modified_count == 8, "an update of all shards")
        L.require(orders.update_one({"customer_id": 500, "_id": "c1"}, {"$set": {"seen": 2}}).modified_count == 1, "an update of one")
        refused(lambda: orders.update_one({"status": "mine"}, {"$set": {"seen": 3}}), 72)
        L.require(orders.delete_many({"status": "mine"}).deleted_count == 8 and not orders.count_documents({"status": "mine"}), "a delete of all shards")
        raw = refused(lambda: c.shop.command({"collMod": "orders", "index": {"name": "status_1_created_at_-1", "hidden": True}}), 27)["raw"]
        L.require({k.split("/")[0]: v["ok"] for k, v in raw.items()} == {"shard0": 1, "shard1": 0}, "raw: %r" % raw)
        refused(lambda: orders.create_index([("sku", 1)], unique=True), 67)
        refused(lambda: c.admin.command("replSetGetStatus"), 125)
        op = next(c.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": True}}]))
        L.require(op["shard"] in shards and op["opid"].startswith(op["shard"] + ":") if "opid" in op else op["shard"] in shards, "$currentOp: %r" % op)
    finally:
        for client in [c, *shards.values()]:
            client.close()
        sim.close()


class Rival:
    """Puts an index of another name on the same key onto the second shard, right before the program's command reaches the mongos."""

    def __init__(self, lab):
        self.lab, self.look, self.done = lab, lab.on_write, False
        lab.proxy.on_write = self.on_write

    def on_write(self, write):
        self.look(write)
        if write.name == "createIndexes" and not self.done:
            self.done = True
            self.lab.shards["shard1"].shop.orders.create_index([("sku", 1)], name="theirs")


def one_shard_refuses(lab):
    id = lab.propose(key="{sku: 1}")
    L.require(lab.card(id)["blast_radius"]["members"] == 6, "it touches %r" % lab.card(id)["blast_radius"])
    rival = Rival(lab)
    lab.approve(id)
    lab.until_state(id, "failed")
    note = lab.card(id)["note"]
    L.require(rival.done and "it was done on shard shard0 and failed on shard shard1: " in note, "the card says: %s" % note)
    found = indexes(lab.shards)
    L.require("sku_1" in found["shard0"] and "sku_1" not in found["shard1"] and "theirs" in found["shard1"], "%r" % found)
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    found = indexes(lab.shards)
    L.require("sku_1" not in found["shard0"] and "theirs" in found["shard1"], "after the rollback: %r" % found)
    lab.check_record(id)
    lab.shards["shard1"].shop.orders.drop_index("theirs")


def the_uneven_index_is_told(lab):
    def told():  # once an operation was slow enough to be written down
        said = lab.run("ask", "review the indexes of " + NS, check=False).stdout
        L.require("indexes of the shards: status_1_created_at_-1 is on other shards and not on shard shard1" in said, said)
        return "it does not name the shard key {customer_id: 1}, so that every shard is asked" in said
    lab.until("what is said of a scattered operation", told)
    done = lab.run("ask", "retire unused indexes of " + NS, check=False)
    L.require("what reads secondaries is not seen" in done.stdout + done.stderr and not lab.ids("hide_index"), "an index is to go: %s%s" % (done.stdout, done.stderr))
    done = lab.run("ask", "create a unique index on shop.orders {sku: 1}", check=False)
    L.require("shard key" in done.stdout + done.stderr, "a unique index without the shard key: %s%s" % (done.stdout, done.stderr))


def a_moved_chunk_is_on_the_record(lab):
    mark = lab.until("a mark", lambda: [e for e in lab.entries("mark") if "moved a chunk of shop.orders from shard0 to shard1" in e["body"]["text"]])
    L.require(mark[0]["body"]["ns"] == NS, "%r" % mark[0]["body"])


def the_console_shows_it(lab):
    for width, height, members in ((80, 24, False), (200, 60, True)):
        t = Terminal([L.PROGRAM, "console", "--deployment", "lab"], width, height, env=lab.env)
        try:
            t.wait("balancer on")
            t.wait("shard0 3 members, all healthy")
            t.wait("shard1 3 members, all healthy")
            t.wait(lab.sim.ready["shards"]["shard1"][2]) if members else None
        finally:
            t.close()


def main():
    another_client_finds_a_cluster()
    lab = L.Lab("tests/e2e/cluster.scenario")
    lab.shards = shards_of(lab.sim)
    try:
        lab.start()
        one_shard_refuses(lab)
        the_uneven_index_is_told(lab)
        a_moved_chunk_is_on_the_record(lab)
        the_console_shows_it(lab)
        bound = lab.entries("deployment.bound")[-1]["body"]
        L.require(bound["id"].startswith("cluster:"), "it is bound to %s" % bound["id"])
        lab.stop()
        lab.verify()
    finally:
        for client in lab.shards.values():
            client.close()
        lab.close()
    print("ok: a sharded cluster through its mongos")


if __name__ == "__main__":
    main()
