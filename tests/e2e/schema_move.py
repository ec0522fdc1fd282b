#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents, and fields, that go to another collection, from the request to the end and back, on a simulated set, while others write.

What is old is archived; a field becomes a document of its own. The owner is killed in the middle of each, and on the way back. What
both collections hold at the end, and after it was taken back, is compared with what this test works out by itself; the oplog tells
how often a document was moved.

  schema_move.py [shard_key|archive|extract|embed]
"""
import datetime
import json
import os
import random
import sys
import threading
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402

DOCS = 300


def sent(lab, id, undo=False):
    """The batches of a card."""
    return [e["body"] for e in lab.entries("step.intent") if e["plan"]["card"] == id and e["body"].get("batch") and e["body"]["undo"] == undo and '"oplog.rs"' not in e["body"]["command"]]


def kill_after(lab, id, n, undo=False):
    """The owner is killed behind so many batches, and another begins."""
    lab.until("%d batches of %s" % (n, id), lambda: len(sent(lab, id, undo)) >= n)
    lab.kill()
    lab.start()


def small_batches(lab, id):
    lab.until("a batch of %s" % id, lambda: sent(lab, id))
    lab.run("cards", "edit", id, "--set", "batch_docs=60", "--set", "batch_delay_ms=20")


def same(found, expected, what):
    wrong = [i for i in set(found) | set(expected) if found.get(i) != expected.get(i)]
    L.require(not wrong, "%s: %d documents are wrong, such as %r: %r, expected %r" % (what, len(wrong), wrong[0] if wrong else "", found.get(wrong[0]) if wrong else "", expected.get(wrong[0]) if wrong else ""))


def refused(lab, pairs):
    for text, says in pairs:
        done = lab.run("ask", "--json", text, check=False)
        answer = json.loads(done.stdout) if done.stdout else {"ok": True, "answer": done.stderr}
        L.require(not answer["ok"] and says in answer["answer"] and not answer.get("cards"), "%s: expected \"%s\": %s" % (text, says, str(answer)[:600]))


class Writer:
    """Runs `write` again and again; one at a time with what else wants to know what has been written."""

    def __init__(self, write):
        self.write, self.stop, self.lock = write, False, threading.Lock()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        rnd, n = random.Random(11), 0
        while not self.stop:
            n += 1
            with self.lock:
                try:
                    self.write(rnd, n)
                except pymongo.errors.PyMongoError:
                    time.sleep(0.02)  # a conflict with a batch: nothing was written
            time.sleep(0.01)

    def end(self):
        self.stop = True
        self.thread.join()


# ---- what is old ----

class Events:
    """Documents of which two thirds are old, and what each must say."""

    def __init__(self, client):
        self.client, self.db = client, client.shop
        self.now = client.admin.command("hello")["localTime"]
        self.docs = {i: {"_id": i, "at": self.now - datetime.timedelta(days=300 - i % 3 * 140), "n": i} for i in range(DOCS)}
        self.docs["undated"], self.docs["text"] = {"_id": "undated", "n": 1}, {"_id": "text", "at": "2020-01-01"}
        self.db.events.insert_many(list(self.docs.values()))
        self.db.events.create_index("at")
        self.db.full.insert_one({"_id": 1})

    def write(self, rnd, n):
        """Counts in a document where it is; one in twenty becomes new, and has to stay."""
        id = rnd.randrange(DOCS)
        change = {"n": -n}
        if n % 20 == 0:
            change["at"] = self.now
        if self.db.events.update_one({"_id": id}, {"$set": change}).matched_count:
            self.docs[id] = dict(self.docs[id], **change)


def moved_once(client, ids):
    """Each of these went once, as the oplog says."""
    counts = dict.fromkeys(ids, 0)
    for e in client.local["oplog.rs"].find({"o.applyOps.ns": "shop.events"}):
        for op in e["o"]["applyOps"]:
            if op["ns"] == "shop.events" and op["op"] == "d":
                counts[op["o"]["_id"]] = counts.get(op["o"]["_id"], 0) + 1
    wrong = {i: n for i, n in counts.items() if n != 1}
    L.require(not wrong, "not moved exactly once: %s" % list(wrong.items())[:5])


def archive(lab, client):
    """What is old goes to an archive and comes back, while others write, with a crash on each way."""
    db, events = client.shop, lab.events
    refused(lab, (("archive documents of shop.events older than 90 days by n", "no index of shop.events begins with n"),
                  ("archive documents of shop.events older than 9000 days by at", "nothing to archive"),
                  ("archive documents of shop.events older than 90 days by at into shop.full", "holds documents already"),
                  ("archive documents of shop.events older than 90 days by at into other.events", "another database"),
                  ("archive documents of shop.events older than 90 days by at into shop.events", "already"),
                  ("archive shop.events", "by which date")))
    id = lab.ask("archive documents of shop.events older than 90 days by at")["cards"][0]["id"]
    card = lab.card(id)
    L.require("200 of 302 documents" in str(card["evidence"]) and card["steps"][0]["undo_label"] == "lossless" and "shop.events_archive" in card["blast_radius"]["namespaces"], "the card: %s" % card)
    writer = Writer(events.write)
    try:
        C.approved(lab, id)
        small_batches(lab, id)
        kill_after(lab, id, 2)
        lab.until_state(id, "watching", "done")
    finally:
        writer.end()
    cutoff = events.now - datetime.timedelta(days=89)
    old = {i: d for i, d in events.docs.items() if isinstance(d.get("at"), datetime.datetime) and d["at"] < cutoff}
    same({d["_id"]: d for d in db.events_archive.find()}, old, "in the archive")
    same({d["_id"]: d for d in db.events.find()}, {i: d for i, d in events.docs.items() if i not in old}, "what stays")
    moved_once(client, old)
    results = [json.loads(e["body"]["reply"]) for e in lab.entries("step.result") if e["plan"]["card"] == id and e["body"]["outcome"] == "ok"]
    L.require(sum(r["nModified"] for r in results) <= len(old) and all(len(r["sha256"]) == 64 for r in results if r["nModified"]), "the record does not tell what went: %s" % results[:3])
    refused(lab, (("archive documents of shop.events older than 80 days by at", "holds documents already"),))
    taken = min(i for i in old if isinstance(i, int))
    db.events.insert_one({"_id": taken, "mine": True})
    lab.run("cards", "rollback", id, "--target", "shop.events")
    kill_after(lab, id, 1, undo=True)
    lab.until_state(id, "rolled_back")
    same({d["_id"]: d for d in db.events.find()}, {**events.docs, taken: {"_id": taken, "mine": True}}, "taken back")
    same({d["_id"]: d for d in db.events_archive.find()}, {taken: old[taken]}, "left in the archive")
    lab.check_record(id)


# ---- a field that becomes a document ----

class Carts:
    """Documents with a customer in each, written as the phase of the plan wants it."""

    def __init__(self, db):
        self.db, self.mode = db, "old"
        self.says = {i: {"name": "c%d" % i, "tags": [i]} for i in range(DOCS) if i % 9}
        self.ids = set(range(DOCS))
        db.carts.insert_many([dict({"_id": i, "total": i}, **({"customer": self.says[i]} if i in self.says else {})) for i in range(DOCS)])
        db.carts.create_index("customer.name")

    def write(self, rnd, n):
        id, value, mode = rnd.randrange(DOCS - 30) if n % 3 else 10000 + n, {"name": "w%d" % n, "tags": [n, n]}, self.mode
        if n % 40 == 0 and mode != "old":  # one of those that only the writer knows
            gone = next((i for i in self.ids if i >= 10000), None)
            if gone is not None:
                self.db.carts.delete_one({"_id": gone})
                self.db.customers.delete_one({"_id": gone})
                self.ids.discard(gone)
                self.says.pop(gone, None)
            return
        if mode == "new":
            self.db.carts.update_one({"_id": id}, {"$set": {"total": n}}, upsert=True)
        else:
            self.db.carts.update_one({"_id": id}, {"$set": {"customer": value, "total": n}}, upsert=True)
        if mode != "old":
            self.db.customers.update_one({"_id": id}, {"$set": {"customer": value}}, upsert=True)
        self.ids.add(id)
        self.says[id] = value

    def own(self):
        return {d["_id"]: d.get("customer") for d in self.db.carts.find()}

    def beside(self):
        return {d["_id"]: {k: v for k, v in d.items() if k != "_id"} for d in self.db.customers.find()}


def turn(writer, carts, mode):
    with writer.lock:
        carts.mode = mode


def extract(lab, client):
    """A field becomes a document of its own, phase by phase, and comes back."""
    carts = lab.carts
    refused(lab, (("extract total from shop.carts into shop.full", "holds documents already"), ("extract nothing from shop.carts into shop.customers", "no document"),
                  ("extract customer.name from shop.carts into shop.customers", "moved to the top first"), ("extract customer from shop.carts into other.customers", "another database")))
    both, fill, read, contract = [c["id"] for c in lab.ask("extract customer from shop.carts into shop.customers")["cards"]]
    code = " ".join(line for n in lab.card(both)["notes"] for line in n["lines"])
    L.require("withTransaction" in code and "start_transaction" in code, "the card hands over no code: %s" % code)
    L.require("customer.name_1" in str(lab.card(fill)["notes"]) and "266 of 300 documents" in str(lab.card(fill)["evidence"]), "the card: %s" % lab.card(fill))
    writer = Writer(carts.write)
    try:
        lab.until("a look at the writes", lambda: "not made the same in shop.customers" in (lab.card(both).get("progress", {}).get("phase") or ""))
        L.require(lab.state_of(both) == "executing", "the first phase is over though one side is written alone")
        C.approved(lab, fill)
        turn(writer, carts, "both")
        small_batches(lab, fill)
        L.require(lab.state_of(both) == "done", "the backfill has begun before the phase in front of it was done")
        kill_after(lab, fill, 2)
        lab.until_state(fill, "done")
        with writer.lock:
            same(carts.beside(), {i: {"customer": v} for i, v in carts.says.items()}, "beside, behind the backfill")
        C.approved(lab, contract)
        turn(writer, carts, "new")
        kill_after(lab, contract, 1)
        lab.until_state(contract, "done")
    finally:
        writer.end()
    same(carts.beside(), {i: {"customer": v} for i, v in carts.says.items()}, "beside, at the end")
    same(carts.own(), dict.fromkeys(carts.ids), "the field, at the end")
    early = lab.run("cards", "rollback", fill, "--target", "shop.carts", check=False)
    L.require(early.returncode != 0 and "roll that back first" in early.stderr + early.stdout, "an earlier phase was taken back first: %s" % early)
    lab.run("cards", "rollback", contract, "--target", "shop.carts")
    kill_after(lab, contract, 1, undo=True)
    lab.until_state(contract, "rolled_back")
    same(carts.own(), {i: carts.says.get(i) for i in carts.ids}, "the field, taken back")
    other = min(carts.says)
    client.shop.customers.update_one({"_id": other}, {"$set": {"seen": 1}})
    for id in (read, fill, both):
        lab.run("cards", "rollback", id, "--target", "shop.carts")
        lab.until_state(id, "rolled_back")
    same(carts.own(), {i: carts.says.get(i) for i in carts.ids}, "the field, behind both ways back")
    same(carts.beside(), {other: {"customer": carts.says[other], "seen": 1}}, "what says more stays beside")
    for id in (both, fill, read, contract):
        lab.check_record(id)


# ---- what is referred to ----

class Orders:
    """Documents that refer to others, written as the phase of the plan wants it; and the others, which change too."""

    def __init__(self, db):
        self.db, self.copies = db, False
        self.people = {i: {"_id": i, "name": "p%d" % i} for i in range(20)}
        self.refers = {i: i % 22 for i in range(DOCS) if i % 11}  # two name nobody
        self.ids = set(range(DOCS))
        db.people.insert_many(list(self.people.values()))
        db.sales.insert_many([dict({"_id": i}, **({"person": self.refers[i]} if i in self.refers else {})) for i in range(DOCS)])
        db.flat.insert_many([{"_id": 1, "person": [1, 2]}, {"_id": 2, "taken": 1, "at": 1}])

    def write(self, rnd, n):
        if n % 5 == 0:  # the document itself, then all copies of it
            who = rnd.randrange(20)
            self.people[who] = {"_id": who, "name": "n%d" % n}
            self.db.people.update_one({"_id": who}, {"$set": {"name": "n%d" % n}})
            if self.copies:
                self.db.sales.update_many({"person": who}, {"$set": {"buyer": self.people[who]}})
            return
        id, who = rnd.randrange(DOCS - 30) if n % 3 else 10000 + n, rnd.randrange(20)
        self.db.sales.update_one({"_id": id}, {"$set": dict({"person": who}, **({"buyer": self.people[who]} if self.copies else {}))}, upsert=True)
        self.refers[id] = who
        self.ids.add(id)

    def holds(self, copies):
        def doc(i):
            who = self.refers.get(i)
            return dict({"_id": i}, **({} if who is None else {"person": who}), **({"buyer": self.people[who]} if copies and who in self.people else {}))
        return {i: doc(i) for i in self.ids}


def embed(lab, client):
    """What is referred to is taken in, while both sides are written, with a crash on each way."""
    orders = lab.orders
    refused(lab, (("embed shop.people into shop.sales by person = name as buyer", "no unique index of shop.people is on name alone"), ("embed shop.people into shop.flat by person as buyer", "is an array"),
                  ("embed shop.people into shop.flat by at as taken", "taken exists already"), ("embed shop.nobody into shop.sales by person as buyer", "no collection"), ("embed shop.people into shop.sales", "by FIELD as NAME")))
    both, fill, compare = [c["id"] for c in lab.ask("embed shop.people into shop.sales by person as buyer")["cards"]]
    L.require("updateMany" in str(lab.card(both)["notes"]) and "update_many" in str(lab.card(both)["notes"]) and lab.card(fill)["steps"][0]["undo_label"] == "lossy", "the cards: %s" % lab.card(fill)["steps"])
    writer = Writer(orders.write)
    try:
        lab.until("a look at the writes", lambda: "without buyer" in (lab.card(both).get("progress", {}).get("phase") or ""))
        C.approved(lab, fill)
        with writer.lock:
            orders.copies = True
        small_batches(lab, fill)
        L.require(lab.state_of(both) == "done", "the backfill has begun before the phase in front of it was done")
        kill_after(lab, fill, 2)
        lab.until_state(compare, "watching", "done")
    finally:
        writer.end()
    same({d["_id"]: d for d in client.shop.sales.find()}, orders.holds(True), "what refers, with its copies")
    lab.run("cards", "rollback", compare, "--target", "shop.sales")
    lab.until_state(compare, "rolled_back")
    lab.run("cards", "rollback", fill, "--target", "shop.sales")
    kill_after(lab, fill, 1, undo=True)
    lab.until_state(fill, "rolled_back")
    same({d["_id"]: d for d in client.shop.sales.find()}, orders.holds(False), "what refers, taken back")
    same({d["_id"]: d for d in client.shop.people.find()}, orders.people, "what is referred to")
    for id in (both, fill, compare):
        lab.check_record(id)


# ---- a shard key ----

class Keyed:
    """Documents whose fields are as different as keys can be."""

    def __init__(self, db):
        rnd = random.Random(5)
        uids = rnd.sample(range(100000), DOCS)
        self.docs = [dict({"_id": i, "uid": uids[i], "seq": i, "status": rnd.choice("aaaaaaaabc"), "tags": [1, 2] if i % 10 == 0 else 1}, **({"zone": i % 150} if i % 4 else {})) for i in range(DOCS)]
        db.keyed.insert_many(self.docs)
        db.keyed.create_index([("uid", 1), ("seq", 1)])
        db.keyed.create_index("status")
        db.keyed.create_index("seq", unique=True)


def shard_key(lab, client):
    """A shard key is judged by what the documents, the indexes and the operations say, and nothing is changed."""
    refused(lab, (("is shop.keyed ready for a shard key?", "Which key?"), ("is {uid: 2} a good shard key for shop.keyed?", "nothing else is one"), ("is {_id: 1} a good shard key for shop.full?", "fewest")))

    def judged(text):
        card = lab.ask(text)["cards"][0]
        L.require(card["state"] == "advisory" and not card["steps"], "it is no advice: %s" % card["state"])
        return card["title"], {n["title"]: " ".join(n["lines"]) for n in card["notes"]}, {e["what"]: e["value"] for e in card["evidence"]}
    docs = lab.keyed.docs
    title, notes, facts = judged("is {uid: 1} a good shard key for shop.keyed?")
    L.require("not as it stands" in title and "seq_1 does not begin with the key" in notes["What stands in the way"] and "No index begins" not in notes["What stands in the way"], "of uid: %s %s" % (title, notes))
    L.require(facts["different values"].startswith("%d in %d documents" % (DOCS, DOCS)) and facts["a supporting index"] == "uid_1_seq_1", "of uid: %s" % facts)
    most = max(sum(d["status"] == s for d in docs) for s in "abc")
    title, notes, facts = judged("would status be a good shard key for shop.keyed?")
    against = notes["What speaks against it"]
    L.require("Only 3 different values" in against and facts["the most common value"].startswith("%d of %d documents" % (most, DOCS)), "of status: %s %s" % (against, facts))
    title, notes, facts = judged("shard shop.keyed by seq")
    L.require("seq grows with time" in notes["What speaks against it"] and "What stands in the way" not in notes, "of seq: %s %s" % (title, notes))
    title, notes, facts = judged("is {tags: 1, zone: 'hashed'} a good shard key for shop.keyed?")
    L.require("tags is an array" in notes["What stands in the way"] and "No index begins" in notes["What stands in the way"], "of tags: %s" % notes)
    L.require(facts["zone"].startswith("missing in %d" % sum("zone" not in d for d in docs)), "of zone: %s" % facts)
    same({d["_id"]: d for d in client.shop.keyed.find()}, {d["_id"]: d for d in docs}, "what was judged")


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        C.one_approval(lab)
        lab.events, lab.carts, lab.keyed, lab.orders = Events(client), Carts(client.shop), Keyed(client.shop), Orders(client.shop)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        for part in (shard_key, archive, extract, embed):
            if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
                continue
            part(lab, client)
            print("ok: %s" % part.__doc__, flush=True)
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
