#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A change of a field from the request to its end, on a simulated set, while others write.

A rename goes through its four phases; the owner is killed in the middle of the backfill and of the contract, the primary steps
down, batches are paused and turned. What the collection holds at the end is compared with what the writers of this test say it
must hold, and the oplog with how often each document may have been changed. Then it is taken back, phase by phase. What cannot
be carried out is refused before anything is planned; a collection that goes away under its backfill stops it.

  schema_change.py [rename|others]
"""
import json
import os
import random
import sys
import threading
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

SCENARIO = os.path.join(HERE, "crash.scenario")
QUIET = 3000       # documents that nobody writes but the plan
BUSY = 200         # documents that the writers change
NS = "shop.people"


def one_approval(lab):
    """The shipped policy, where one person may approve what has a high risk: there is only one person here. What is rolled back so often
    on purpose lowers no level."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="one", tests=[], inputs={})
    next(r for r in bundle["rules"] if r["id"] == "APP-03")["require"] = {"approvals": 1}
    bears = {"min_decisions": 20, "accepted_ppm": 0, "rolled_back_ppm": 1000000, "reversed_ppm": 1000000, "early_failures": 1000}
    bundle["autonomy"]["limits"] = {"L1": bears, "L2": bears}
    path, config = lab.dir + "/one.json", lab.dir + "/config/signalbox/config"
    with open(path, "w") as f:
        json.dump(bundle, f)
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set policy %s\n%s" % (path, rest))


class Writers:
    """Applications that write names, as the phase of the plan wants it; they know what each document must say."""

    def __init__(self, coll):
        self.coll, self.fields, self.stop = coll, ("customer_name",), False
        self.names = {i: "n%d" % i for i in range(QUIET)}
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.run)

    def write(self, rnd, n):
        with self.lock:
            fields = self.fields
            id = QUIET + rnd.randrange(BUSY) if rnd.random() < 0.7 else 10000 + n
            name = "w%d" % n
            values = {f: name for f in fields}
            self.coll.update_one({"_id": id}, {"$set": values}, upsert=True)
            self.names[id] = name

    def run(self):
        rnd, n = random.Random(7), 0
        while not self.stop:
            try:
                self.write(rnd, n)
            except pymongo.errors.PyMongoError:
                time.sleep(0.05)  # the primary has gone: the same number is not used again
            n += 1
            time.sleep(0.01)

    def turn(self, *fields):
        with self.lock:
            self.fields = fields

    def end(self):
        self.stop = True
        self.thread.join()


def batches(lab, id, undo=False):
    return [e["body"] for e in lab.entries("step.intent") if e["plan"]["card"] == id and e["body"].get("batch") and e["body"]["undo"] == undo and "update" in e["body"]["command"][:12]]


def kill_in_the_middle(lab, id, after):
    lab.until("%d batches of %s" % (after, id), lambda: len(batches(lab, id)) >= after)
    L.require(lab.state_of(id) == "executing", "%s was over before it could be killed" % id)
    lab.kill()
    lab.start()


def approved(lab, id):
    lab.until_state(id, "awaiting_approval")
    lab.approve(id)


def check_documents(coll, expected, what):
    found = {d["_id"]: d for d in coll.find()}
    L.require(set(found) == set(expected), "%s: %d documents, expected %d" % (what, len(found), len(expected)))
    for id, doc in expected.items():
        L.require(found[id] == doc, "%s: _id %r is %r, expected %r" % (what, id, found[id], doc))


def check_once(client, field, how, what):
    """Each quiet document was changed in this way exactly once."""
    counts = dict.fromkeys(range(QUIET), 0)
    for e in client.local["oplog.rs"].find({"ns": NS, "op": "u", "o2._id": {"$lt": QUIET}}):
        counts[e["o2"]["_id"]] += field in e["o"].get("diff", {}).get(how, {})
    wrong = {k: v for k, v in counts.items() if v != 1}
    L.require(not wrong, "%s: %d documents were not changed exactly once, such as %s" % (what, len(wrong), list(wrong.items())[:3]))


MIXED = [1, 2, 2.5, "a", "b", True, None, {"k": 1}] + list(range(10, 400))


def fill(db, names):
    db.people.insert_many([{"_id": i, "customer_name": n} for i, n in names.items()])
    db.tags.insert_many([{"_id": 1, "a": 1, "list": [{"x": 1}]}, {"_id": 2, "a": 1, "b": 2, "plain": "text"}])
    db.own.insert_many([{"_id": i, "code": i} for i in range(3)])
    db.own.create_index("code", unique=True)
    db.renamed.insert_many([{"_id": i} for i in range(2000)])
    db.create_collection("ring", capped=True, size=100000)
    db.ring.insert_one({"a": 1})
    db.create_collection("seen", viewOn="tags", pipeline=[])
    db.twice.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
    db.twice.create_index("fresh", unique=True, partialFilterExpression={"fresh": {"$exists": True}})
    db.create_collection("strict", validator={"$jsonSchema": {"properties": {"_id": {}, "a": {}}, "additionalProperties": False}})
    db.strict.insert_one({"_id": 1, "a": 1})
    db.mixed.insert_many([{"_id": i, "legacy": str(i)} if i is not None else {"_id": i} for i in MIXED] + [{"_id": "kept", "state": "old"}])
    db.maps.insert_many([{"_id": i, "prices": {"2024-01-%02d" % (k + 1): k * i for k in range(i % 4)}} for i in range(50)])
    db.gone.insert_many([{"_id": i} for i in range(2000)])


def refusals(lab):
    """What is found before execution."""
    for text, says in (
            ("rename a to b in shop.tags", "exists already"),
            ("rename a to _id in shop.tags", "_id cannot be changed"),
            ("rename _id to key in shop.tags", "_id cannot be changed"),
            ("rename the field list.x to list.y in shop.tags", "holds an array"),
            ("rename a to a.b in shop.tags", "lies within"),
            ('rename a to "" in shop.tags', "To which name?"),
            ("rename zip to postcode in shop.tags", "no document"),
            ("rename a to b in shop.ring", "capped"),
            ("rename a to b in shop.seen", "is a view"),
            ("rename a to fresh in shop.twice", "holds a value twice"),
            ("rename a to b in shop.strict", "additionalProperties"),
            ("rename a to list.y in shop.tags", "holds an array"),
            ("rename a to plain.x in shop.tags", "holds a value of its own"),
            ("add field plain.x with default 1 to shop.tags", "holds a value of its own"),
            ("rename a to $b in shop.tags", "holds a $"),
            ("rename a to x..y in shop.tags", "no part of a path may be empty"),
            ("rename a to list.0 in shop.tags", "names a position"),
            ("rename code to number in shop.own", "unique index code_1 is on code"),
            ("remove field code from shop.own", "unique index code_1 is on code"),
            ("rename a to b in shop.nowhere", "no collection"),
            ("make shop.tags capped", "expire documents in shop.tags 30 days"),
            ("convert shop.tags to a time series", "By which date?"),
            ("embed shop.tags into shop.mixed", "by FIELD as NAME"),
            ("convert the map field a to an array in shop.tags", "$objectToArray"),
            ("replace the field a by the field c in shop.tags", "Is the new field to say what the old one says?"),
    ):
        done = lab.run("ask", "--json", text, check=False)
        answer = json.loads(done.stdout) if done.stdout else {"ok": True, "answer": done.stderr}
        L.require(not answer["ok"] and says in answer["answer"] and not answer.get("cards"), "%s: expected \"%s\": %s %s" % (text, says, answer, done.stderr))


def rename(lab, client, writers):
    coll, db = client.shop.people, client.shop
    answer = lab.ask("rename customer_name to name in %s" % NS)
    both, fill, read, contract = [c["id"] for c in answer["cards"]]
    code = " ".join(line for n in lab.card(both)["notes"] for line in n["lines"])
    L.require("updateOne" in code and "update_one" in code, "the card hands over no code: %s" % code)
    # an application that does not follow holds the plan back, however many writes it makes
    lab.until("a look at the writes", lambda: "without name" in (lab.card(both).get("progress", {}).get("phase") or ""))
    L.require(lab.state_of(both) == "executing", "the first phase is over though one field is written alone")
    approved(lab, fill)
    writers.turn("customer_name", "name")
    # the backfill, paused, turned, killed, and its primary gone
    lab.until("a batch", lambda: batches(lab, fill))
    L.require(lab.state_of(both) == "done", "the backfill has begun before the phase in front of it was done")
    lab.run("cards", "pause", fill)
    lab.until("the answer to the batch that was away", lambda: not lab.open_intents())
    stands = len(batches(lab, fill))
    lab.run("cards", "edit", fill, "--set", "batch_docs=50", "--set", "batch_delay_ms=40")
    L.require(len(batches(lab, fill)) == stands, "a batch was sent while it was paused")
    lab.run("cards", "resume", fill)
    kill_in_the_middle(lab, fill, stands + 2)
    lab.until("a batch behind the crash", lambda: len(batches(lab, fill)) >= stands + 3)
    client.admin.command({"replSetStepDown": 20, "force": True})
    lab.until_state(fill, "watching", "done")
    sizes = [json.loads(b["command"])["updates"][0]["q"] for b in batches(lab, fill)]
    L.require(any(q["_id"]["$lte"] for q in sizes), "no batch has a range")
    lab.until_state(fill, "done")
    L.require(coll.count_documents({"name": {"$exists": False}}) == 0, "documents without the new field")
    check_once(client, "name", "i", "the backfill")
    # nobody writes the old one any more, and it is removed
    approved(lab, contract)
    writers.turn("name")
    kill_in_the_middle(lab, contract, 2)
    lab.until_state(contract, "done")
    writers.end()
    check_documents(coll, {id: {"_id": id, "name": name} for id, name in writers.names.items()}, "at the end")
    check_once(client, "customer_name", "d", "the contract")
    # and back, phase by phase
    refused = lab.run("cards", "rollback", fill, "--target", NS, check=False)
    L.require(refused.returncode != 0 and "roll that back first" in refused.stderr + refused.stdout, "an earlier phase was taken back first: %s" % refused)
    lab.run("cards", "rollback", contract, "--target", NS)
    lab.until_state(contract, "rolled_back")
    check_documents(coll, {id: {"_id": id, "name": name, "customer_name": name} for id, name in writers.names.items()}, "the contract taken back")
    for id in (read, fill, both):
        lab.run("cards", "rollback", id, "--target", NS)
        lab.until_state(id, "rolled_back")
    check_documents(coll, {id: {"_id": id, "customer_name": name} for id, name in writers.names.items()}, "all taken back")
    for id in (both, fill, read, contract):
        lab.check_record(id)


def remove(lab, coll):
    """A field that nobody writes any more, while others are written; what it said is kept, and comes back."""
    looking, contract = [c["id"] for c in lab.ask("remove field legacy from shop.mixed")["cards"]]
    card = lab.card(contract)
    L.require([s["undo_label"] for s in card["steps"]] == ["lossless"] * 2 and card["blast_radius"]["est_bytes"] > 0, "the card does not say what it keeps: %s" % card["steps"])
    said = {repr(d["_id"]): d["legacy"] for d in coll.find({"legacy": {"$exists": True}})}
    approved(lab, contract)
    over = threading.Event()

    def write():
        n = 0
        while not over.is_set():
            coll.update_one({"_id": 10 + n % 300}, {"$set": {"seen": n}})
            n += 1
            time.sleep(0.02)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        lab.until_state(contract, "done")
    finally:
        over.set()
        writer.join()
    L.require(coll.count_documents({"legacy": {"$exists": True}}) == 0, "documents still have the field")
    coll.update_one({"_id": 10}, {"$set": {"legacy": "own"}})
    said["10"] = "own"  # whoever has written it since knows better
    lab.run("cards", "rollback", contract, "--target", "shop.mixed")
    lab.until_state(contract, "rolled_back")
    back = {repr(d["_id"]): d["legacy"] for d in coll.find({"legacy": {"$exists": True}})}
    L.require(back == said, "what came back is not what it said: %s" % [k for k in said if back.get(k) != said[k]][:5])
    L.require(not [n for n in coll.database.list_collection_names() if n.startswith("signalbox_before_")], "what was kept has been left behind")
    lab.check_record(looking)
    lab.check_record(contract)


def add_and_lose(lab, client):
    """A field with one value, for ids of several types; and a collection that goes away under it."""
    db = client.shop
    card = lab.ask('add field state with default "new" to shop.mixed')["cards"][0]["id"]
    approved(lab, card)
    lab.until_state(card, "done")
    L.require(db.mixed.count_documents({"state": "new"}) == len(MIXED) and db.mixed.find_one({"_id": "kept"})["state"] == "old", "the value is not where it has to be: %d of %d" %
              (db.mixed.count_documents({"state": "new"}), len(MIXED)))
    lab.run("cards", "rollback", card, "--target", "shop.mixed")
    lab.until_state(card, "rolled_back")
    L.require(db.mixed.count_documents({"state": {"$exists": True}}) == 1, "what was added has not been taken back")
    # a map whose keys are data, as an array beside it: computed by the server, as the refusal of the other way says
    card = lab.ask('add field list computed as {"$objectToArray": "$prices"} to shop.maps')["cards"][0]["id"]
    approved(lab, card)
    lab.until_state(card, "done")
    for d in db.maps.find():
        L.require(d["list"] == [{"k": k, "v": v} for k, v in d["prices"].items()], "the array is not what the map says: %s" % d)
    remove(lab, db.mixed)
    lost = {lab.ask("add field state with default 1 to shop.%s" % name)["cards"][0]["id"]: name for name in ("gone", "renamed")}
    for card, name in lost.items():
        approved(lab, card)
        lab.until("two batches", lambda: len(batches(lab, card)) >= 2)
        if name == "gone":
            db.gone.drop()
        else:
            db.renamed.rename("other")
        lab.until_state(card, "failed")
        note = lab.card(card)["note"]
        L.require("dropped or renamed" in note and "batches" in note, "the card does not say why it stopped, and where: %s" % note)
        lab.check_record(card)
    L.require("renamed" not in db.list_collection_names(), "it was made anew under its old name")


def others(lab, client, writers):
    refusals(lab)
    add_and_lose(lab, client)


PARTS = (("rename", rename, 40, "a rename in four phases with two crashes and a step-down, and back"),
         ("others", others, 60, "a field that is added, one that is removed, a collection that goes away, and what is refused"))


def run(part, speed, says):
    lab = L.Lab(SCENARIO, speed=speed)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    writers = Writers(client.shop.people)
    try:
        one_approval(lab)
        fill(client.shop, writers.names)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        if part == rename:
            writers.thread.start()
        part(lab, client, writers)
        lab.stop()
        lab.verify()
        print("ok: %s" % says)
        return True
    except L.Failure as e:
        print("FAIL: %s: %s" % (says, e))
        return False
    finally:
        if writers.thread.is_alive():
            writers.end()
        client.close()
        lab.close()


def main():
    return 0 if all([run(part, speed, says) for name, part, speed, says in PARTS if len(sys.argv) < 2 or sys.argv[1] == name]) else 1


if __name__ == "__main__":
    sys.exit(main())
