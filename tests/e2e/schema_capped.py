#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A collection that becomes capped, from the request to the end and back, on a simulated set, while others write.

What speaks against it is refused. The owner is killed in the middle of the copy, with the second rename on its way, and with the first
on the way back. What the
capped collection holds, and in which order, and what stands aside, is compared with what this test works out by itself.
"""
import datetime
import json
import os
import sys
import threading
import time

import bson
import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402
from schema_name import identity, renames  # noqa: E402

DOCS, CAP = 600, 64 * 1024


def line(n):
    return {"_id": n, "level": n % 4, "text": "x" * 150}


SIZE = len(bson.encode(line(1)))


def fill(db):
    db.log.insert_many([line(n) for n in range(DOCS)])
    db.log.create_index("level", name="by_level")
    db.create_collection("ring", capped=True, size=100000)
    db.create_collection("seen", viewOn="log", pipeline=[])
    db.gone.insert_many([line(n) for n in range(10)])
    db.gone.delete_one({"_id": 3})
    db.changed.insert_many([line(n) for n in range(10)])
    db.changed.update_one({"_id": 3}, {"$set": {"level": 9}})
    db.named.insert_many([{"_id": "n%d" % n} for n in range(10)])
    db.mixed.insert_many([line(n) for n in range(50, 0, -1)])
    db.late.insert_many([line(n) for n in range(1500)] + [line(n) for n in range(3000, 2400, -1)])  # out of order at its newest end
    db.expiring.insert_one({"_id": 1, "at": datetime.datetime(2020, 1, 1)})
    db.expiring.create_index("at", expireAfterSeconds=10**9)
    db.taxes.insert_one(line(1))
    db.kept.insert_many([line(n) for n in range(10)])
    db.kept_uncapped.insert_one({"_id": 1})


def refusals(lab):
    """What speaks against a capped collection is told, and nothing is proposed."""
    M.refused(lab, (("make shop.log capped", "How large may it become?"), ("cap shop.log at 1 KB", "between 4096 bytes"), ("rename the field capped to cap in shop.log", "no document of shop.log holds capped"), ("make shop.log capped at 10 bytes", "between 4096 bytes"), ("make shop.ring capped at 1 MB", "capped already"),
                    ("make shop.seen capped at 1 MB", "neither a view"), ("make shop.nowhere capped at 1 MB", "no collection"), ("make shop.gone capped at 1 MB", "1 deletes and 0 updates"),
                    ("make shop.changed capped at 1 MB", "0 deletes and 1 updates"), ("make shop.named capped at 1 MB", "does not follow the order of insertion"),
                    ("make shop.mixed capped at 1 MB", "does not follow the order of insertion"), ("make shop.late capped at 1 MB", "does not follow the order of insertion"), ("make shop.expiring capped at 1 MB", "expire by its index at_1"), ("make shop.kept capped at 1 MB", "kept_uncapped is there already"),
                    ("make shop.taxes capped at 1 MB", "is kept for 3650 days")))


def kill_with(lab, to):
    """The owner is killed as soon as a rename to this collection is on its way; it is not known whether it arrived. Another begins."""
    seen, looks = threading.Event(), lab.proxy.on_write

    def look(write):
        looks(write)
        if not seen.is_set() and write.name == "renameCollection" and '"to" : "shop.%s"' % to in write.text:
            lab.owner.kill()
            seen.set()
    lab.proxy.on_write = look

    def over():
        lab.until("a rename to %s" % to, seen.is_set)
        lab.kill()
        lab.start()
    return over


class Writer:
    """Inserts one document behind the other; two in thirty change places."""

    def __init__(self, coll, begin):
        self.coll, self.ids, self.stop, self.next = coll, list(range(begin)), False, begin
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def insert(self, n):
        self.coll.insert_one(line(n))
        self.ids.append(n)

    def run(self):
        while not self.stop:
            two = (self.next + 1, self.next) if self.next % 30 == 0 else (self.next, self.next + 1)
            for n in two:
                self.insert(n)
            self.next += 2
            time.sleep(0.02)

    def end(self):
        self.stop = True
        self.thread.join()


def holds_the_newest(coll, written, what):
    """As many as fit, the newest, in the order of insertion but for those that changed places."""
    found = [d["_id"] for d in coll.find().sort("$natural", 1)]
    newest = sorted(written)[-(CAP // SIZE):]
    L.require(len(found) == len(newest) == len(set(found)) and set(newest[2:]) <= set(found), "%s: %d documents from %s, expected %d from %s" % (what, len(found), min(found), len(newest), newest[0]))
    behind = sum(b < a for a, b in zip(found, found[1:]))
    L.require(behind <= len(found) / 10, "%s: %d of %d documents are out of order" % (what, behind, len(found)))
    for d in coll.find():
        L.require(d == line(d["_id"]), "%s: %s" % (what, d))


def made(db):
    return [n for n in db.list_collection_names() if n.startswith("signalbox_made_")]


def made_of(lab, copy):
    """The name of the collection that the first step makes."""
    return json.loads(lab.card(copy)["steps"][0]["do"])["create"]


def forward(lab, client, uuid):
    """It is copied while it is written, and takes the name once nobody writes."""
    db = client.shop
    lab.ask("create an index on shop.kept {level: 1}")  # a card about something else is in nobody's way
    copy, switch = [c["id"] for c in lab.ask("make shop.log capped at 64 KB")["cards"]]
    M.refused(lab, (("make shop.log capped at 128 KB", "%s is about shop.log" % copy),))
    card = lab.card(copy)
    lost = DOCS - CAP // SIZE
    facts = {e["what"]: e["value"] for e in card["evidence"]}
    L.require(facts["what does not fit"].startswith("%d of %d documents, the oldest" % (lost, DOCS)), "what is lost: %s, expected %d" % (facts, lost))
    L.require(facts["deletes and updates in the oplog"].startswith("none") and any("shop.seen" in str(e) for e in card["evidence"]), "the evidence: %s" % facts)
    steps = lab.card(switch)["steps"]
    L.require([s["undo_label"] for s in steps] == ["lossy", "lossless", "lossless"] and lab.card(switch)["risk"] == "high" and not any("dropTarget" in s["do"] for s in steps), "the switch: %s" % steps)
    M.refused(lab, (("make shop.log capped at 1 MB", copy + " is about shop.log"),))
    writer = Writer(db.log, DOCS)
    try:
        C.approved(lab, copy)
        M.small_batches(lab, copy)
        M.kill_after(lab, copy, 3)
        lab.until_state(copy, "watching", "done")
        L.require(identity(db, "log") == uuid and len(made(db)) == 1, "the copy changed the collection")
        C.approved(lab, switch)
        lab.until("the switch to wait", lambda: switch + " waits: somebody has written to shop.log" in lab.log())
        L.require(not renames(client), "it was renamed while it was written")
        killed = kill_with(lab, "log")
    finally:
        writer.end()
    killed()
    lab.until_state(switch, "done")
    L.require(len(renames(client)) == 2, "the renames: %s" % renames(client))
    options = next(c["options"] for c in db.list_collections(filter={"name": "log"}))
    L.require(options["capped"] and options["size"] == CAP and "by_level" in db.log.index_information(), "the collection is %s" % options)
    holds_the_newest(db.log, writer.ids, "capped")
    L.require(identity(db, "log_uncapped") == uuid and sorted(d["_id"] for d in db.log_uncapped.find()) == sorted(writer.ids) and not made(db), "what stands aside is not what there was")
    return copy, switch, writer.ids


def back(lab, client, uuid, copy, switch, written):
    """The old collection gets its name again, and what was written since; the copy goes."""
    db = client.shop
    later = [written[-1] + 10 + n for n in range(250)]
    db.log.insert_many([line(n) for n in later])
    early = lab.run("cards", "rollback", copy, "--target", "shop.log", check=False)
    L.require(early.returncode != 0 and "roll that back first" in early.stderr + early.stdout, "the copy was taken back first: %s" % early)
    killed = kill_with(lab, made_of(lab, copy))
    lab.run("cards", "rollback", switch, "--target", "shop.log")
    killed()
    lab.until_state(switch, "rolled_back")
    L.require(len(renames(client)) == 4, "the renames: %s" % renames(client))
    L.require(identity(db, "log") == uuid and sorted(d["_id"] for d in db.log.find()) == sorted(written + later), "what was taken back is not what there was and came since")
    lab.run("cards", "rollback", copy, "--target", "shop.log")
    lab.until_state(copy, "rolled_back")
    L.require(not made(db) and "by_level" in db.log.index_information(), "the copy is still there: %s" % made(db))
    for id in (copy, switch):
        lab.check_record(id)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        with open(lab.dir + "/config/signalbox/config", "a") as f:
            f.write('retention shop.taxes 3650d "tax law"\n')
        C.one_approval(lab)
        fill(client.shop)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        uuid = identity(client.shop, "log")
        refusals(lab)
        print("ok: %s" % refusals.__doc__, flush=True)
        copy, switch, written = forward(lab, client, uuid)
        print("ok: %s" % forward.__doc__, flush=True)
        back(lab, client, uuid, copy, switch, written)
        print("ok: %s" % back.__doc__, flush=True)
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
