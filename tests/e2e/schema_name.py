#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A collection that gets another name, from the request to the end and back, on a simulated set.

What stands in the way is refused. The card waits while somebody writes; the owner is killed behind its command, and the command is not
sent twice. The collection is the same one under its new name, by its UUID, its documents and its indexes. Whoever still writes by the
old name is told, and the way back does not overwrite what was made of it.
"""
import json
import os
import sys
import threading
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

DOCS = {i: {"_id": i, "label": "l%d" % i} for i in range(200)}


def fill(db):
    db.tags.insert_many(list(DOCS.values()))
    db.tags.create_index("label", name="by_label")
    db.there.insert_one({"_id": 1})
    db.busy.insert_many([{"_id": i, "old": i} for i in range(20)])
    db.create_collection("seen", viewOn="tags", pipeline=[])
    db.create_collection("joined", viewOn="there", pipeline=[{"$lookup": {"from": "tags", "localField": "_id", "foreignField": "_id", "as": "t"}}])


def identity(db, name):
    return next((c["info"]["uuid"] for c in db.list_collections(filter={"name": name})), None)


def is_whole(db, name, uuid, what):
    L.require(identity(db, name) == uuid and {d["_id"]: d for d in db[name].find()} == DOCS and "by_label" in db[name].index_information(), "%s: %s is not the collection that it was" % (what, name))


def renames(client):
    return [(e["o"]["renameCollection"], e["o"]["to"]) for e in client.local["oplog.rs"].find({"op": "c", "o.renameCollection": {"$exists": True}})]


def refusals(lab):
    """What stands in the way of a name is told, and nothing is proposed."""
    M.refused(lab, (("rename collection shop.tags to shop.there", "nothing is dropped to make room"), ("rename collection shop.tags to shop.joined", "is there already"), ("rename collection shop.tags to crm.labels", "another database"),
                    ("rename collection shop.tags to shop.tags", "is called shop.tags already"), ("rename collection shop.seen to shop.saw", "neither a view"), ("rename collection shop.nowhere to shop.else", "no collection"),
                    ("rename collection shop.tags to shop.system.tags", "is a name that nothing is renamed"), ("rename collection shop.tags", "What is it to be called?")))
    id = lab.ask("remove field old from shop.busy")["cards"][0]["id"]
    M.refused(lab, (("rename collection shop.busy to shop.idle", id + " is about shop.busy"),))


class Counter:
    """An application that counts in one document; what it has written last is known."""

    def __init__(self, coll):
        self.coll, self.n, self.stop = coll, 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            self.n += self.coll.update_one({"_id": 0}, {"$set": {"n": self.n + 1}}).matched_count
            time.sleep(0.01)

    def end(self):
        self.stop = True
        self.thread.join()
        return self.n


def waited(client):
    """Before the first rename the counter had left the collection alone for a minute, as the oplog has it: on a slow machine it may have
    done so by itself."""
    log = client.local["oplog.rs"]
    end = log.find_one({"op": "c", "o.renameCollection": "shop.tags"})["ts"].time
    times = [e["ts"].time for e in log.find({"ns": "shop.tags", "op": "u"}) if e["ts"].time <= end] + [end]
    return max((b - a for a, b in zip(times, times[1:])), default=60) >= 59


def says(lab, id, text):
    return text in json.dumps(lab.card(id))


def forward(lab, client, uuid):
    """The card waits for whoever writes, and is carried out once, although its owner is killed."""
    db = client.shop
    name, after = [c["id"] for c in lab.ask("rename collection shop.tags to shop.labels")["cards"]]
    card = lab.card(name)
    notes = " ".join(line for n in card["notes"] for line in n["lines"])
    L.require("shop.seen" in notes and "shop.joined" in notes and "shop.there" not in notes, "the card does not name the views: %s" % notes)
    step = card["steps"][0]
    L.require(step["undo_label"] == "lossless" and "dropTarget" not in step["do"] and card["risk"] == "medium" and card["blast_radius"]["namespaces"] == ["shop.tags", "shop.labels"], "the card: %s" % card)
    M.refused(lab, (("rename collection shop.tags to shop.marks", name + " is about shop.tags"),))
    counter = Counter(db.tags)
    try:
        lab.until_state(name, "awaiting_approval")
        L.require(lab.run("cards", "approve", name, "--hash", card["hash"], check=False).returncode != 0, "it was approved without its target typed")
        lab.approve(name)
        lab.until("the card to wait", lambda: says(lab, name, "somebody has written to shop.tags") or renames(client))
    finally:
        DOCS[0]["n"] = counter.end()
    lab.until("the rename", lambda: renames(client))
    L.require(waited(client), "it was renamed while it was written")
    lab.kill()
    lab.start()
    lab.until_state(name, "done")
    is_whole(db, "labels", uuid, "renamed")
    return name, after


def still_written(lab, client, name, after, uuid):
    """Who still writes by the old name is told, and the way back does not overwrite what came of it."""
    db = client.shop
    lab.until("a look at the writes", lambda: lab.state_of(after) == "executing")

    def told():  # the look may not have begun with the first of them
        db.tags.update_one({"_id": "late"}, {"$inc": {"n": 1}}, upsert=True)
        return says(lab, after, "one to shop.tags")
    lab.until("the late writer to be told", told)
    lab.run("cards", "stop", after)
    lab.run("cards", "rollback", after, "--target", "shop.labels", check=False)
    lab.until_state(after, "rolled_back")
    lab.run("cards", "rollback", name, "--target", "shop.tags")
    lab.until_state(name, "failed")
    is_whole(db, "labels", uuid, "not taken back")
    L.require([d["_id"] for d in db.tags.find()] == ["late"] and says(lab, name, "target namespace exists"), "what was made of the old name: %s" % lab.card(name))
    db.tags.drop()
    lab.run("cards", "rollback", name, "--target", "shop.tags")
    lab.until_state(name, "rolled_back")
    is_whole(db, "tags", uuid, "taken back")
    L.require(renames(client) == [("shop.tags", "shop.labels"), ("shop.labels", "shop.tags")], "the renames: %s" % renames(client))


def at_once(lab, client, uuid):
    """Asked for while it is written, it waits for nobody; it is a high risk, and the later phase ends when nobody writes by the old name."""
    db, before = client.shop, len(renames(client))
    name, after = [c["id"] for c in lab.ask("rename shop.tags to labels while it is written")["cards"]]
    L.require(lab.card(name)["risk"] == "high" and "no_writes" not in json.dumps(lab.card(name)["steps"]), "the card: %s" % lab.card(name))
    counter = Counter(db.tags)
    try:
        C.approved(lab, name)
        lab.until("the rename", lambda: len(renames(client)) > before)
    finally:
        counter.end()
    counter = Counter(db.labels)
    try:
        lab.until_state(after, "watching", "done")
    finally:
        counter.end()
    L.require(identity(db, "labels") == uuid, "it is another collection")
    return name, after


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        C.one_approval(lab)
        fill(client.shop)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        uuid = identity(client.shop, "tags")
        refusals(lab)
        print("ok: %s" % refusals.__doc__, flush=True)
        name, after = forward(lab, client, uuid)
        print("ok: %s" % forward.__doc__, flush=True)
        still_written(lab, client, name, after, uuid)
        print("ok: %s" % still_written.__doc__, flush=True)
        for id in (name, after) + at_once(lab, client, uuid):
            lab.check_record(id)
        print("ok: %s" % at_once.__doc__, flush=True)
        lab.stop()
        lab.verify()
        return 0
    except L.Failure as e:
        print("FAIL: %s" % e)
        return 1
    finally:
        client.close()
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
