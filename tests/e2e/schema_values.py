#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes of what fields say, from the request to the end and back, on a simulated set, while others write.

Texts become dates, decimals and longs, and dates texts; values that do not convert are counted and named first, stay or are repaired. A field is
computed from others. The owner is killed in the middle of a conversion. What each collection holds at the end, and after it was
taken back, is compared with what this test computes by itself.

  schema_values.py [PART...]    without one: retype and computed; repaired and large are for the long tests
"""
import datetime
import json
import os
import random
import sys
import threading
import time

import pymongo
from bson.decimal128 import Decimal128
from bson.int64 import Int64

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402

QUIET = 400  # documents that nobody writes but the plan
BUSY = 60    # documents that the writers change
BIG = 250    # the _id of a document that cannot hold its text twice


def day(n):
    return datetime.datetime(2024, 1, 1) + datetime.timedelta(days=n)


class Kind:
    """A collection, its field, and what a value is before and after."""

    def __init__(self, coll, field, text, old, new, bad):
        self.coll, self.field, self.text, self.old, self.new, self.bad = coll, field, text, old, new, bad
        self.ns = "shop." + coll

    def value(self, n):
        return self.bad if self.bad is not None and n % 50 == 7 else self.old(n)

    def becomes(self, n):
        return self.bad if self.bad is not None and n % 50 == 7 else self.new(n)


KINDS = (Kind("visits", "at", "convert at from string to date in shop.visits", lambda n: day(n).strftime("%Y-%m-%d"), day, "soon"),
         Kind("prices", "price", "retype price to decimal in shop.prices", lambda n: "%d.50" % n, lambda n: Decimal128("%d.50" % n), "12,50"),
         Kind("stocks", "qty", "convert qty from int to long in shop.stocks", lambda n: n, Int64, None),
         Kind("moves", "at", "convert at from date to string in shop.moves", day, lambda n: day(n).strftime("%Y-%m-%dT00:00:00.000Z"), None))


class Writers:
    """Write old values, then new ones; they know what each document says since."""

    def __init__(self, db):
        self.db, self.fresh, self.stop, self.lock = db, False, False, threading.Lock()
        self.said = {k.coll: {} for k in KINDS}
        self.thread = threading.Thread(target=self.run)

    def run(self):
        rnd, n = random.Random(3), 1000
        while not self.stop:
            for k in KINDS:
                with self.lock:
                    id = QUIET + rnd.randrange(BUSY)
                    value = k.new(n) if self.fresh else k.old(n)
                    try:
                        self.db[k.coll].update_one({"_id": id}, {"$set": {k.field: value}}, upsert=True)
                        self.said[k.coll][id] = (n, self.fresh)
                    except pymongo.errors.PyMongoError:
                        time.sleep(0.05)
            n += 1
            time.sleep(0.02)

    def turn(self):
        with self.lock:
            self.fresh = True

    def end(self):
        self.stop = True
        self.thread.join()

    def expected(self, k, converted):
        """What the collection holds, before or after the conversion."""
        value = k.becomes if converted else k.value
        out = {i: value(i) for i in range(QUIET)}
        for id, (n, fresh) in self.said[k.coll].items():
            out[id] = k.new(n) if fresh or converted else k.old(n)
        return out


def check(db, k, expected, what):
    found = {d["_id"]: d[k.field] for d in db[k.coll].find()}
    wrong = [(i, found.get(i), v) for i, v in expected.items() if found.get(i) != v or type(found.get(i)) is not type(v)]
    L.require(not wrong and len(found) == len(expected), "%s, %s: %d documents, %d expected; wrong: %s" % (k.ns, what, len(found), len(expected), wrong[:3]))


def kept(db):
    return [n for n in db.list_collection_names() if n.startswith("signalbox_before_")]


def evidence(lab, id, what):
    return next(e["value"] for e in lab.card(id)["evidence"] if e["what"] == what)


def refused_collections(db):
    db.logs.insert_one({"_id": 1, "at": "2024-01-01", "tags": ["1"], "mixed": "1"})
    db.logs.insert_one({"_id": 2, "mixed": 1, "word": "a"})
    db.logs.create_index("at", expireAfterSeconds=3600)
    db.create_collection("recent", viewOn="logs", pipeline=[{"$match": {"at": {"$exists": True}}}])
    db.codes.insert_one({"_id": 1, "code": "1.0"})
    db.codes.create_index("code", unique=True)
    db.create_collection("strict", validator={"$jsonSchema": {"properties": {"n": {"bsonType": "string"}}}})
    db.strict.insert_one({"_id": 1, "n": "1"})


def refusals(lab):
    for text, says in (
            ("convert at from string to date in shop.logs", "time-to-live"),
            ("convert tags from string to int in shop.logs", "is an array"),
            ("convert mixed to decimal in shop.logs", "say from which"),
            ("convert word from int to long in shop.logs", "no value"),
            ("convert word from string to date in shop.logs", "no value of word converts"),
            ("convert code from string to decimal in shop.codes", "unique index"),
            ("convert n from string to int in shop.strict", "does not allow"),
            ("split word into a and b and c in shop.logs", "into two here"),
            ("split nothing into a and b in shop.logs", "for none of the 2 documents"),
            ('add field x computed as {"$multiply": ["$word", 2]} to shop.logs', "cannot compute"),
            ('add field x computed as {"$function": {"args": ["$word"]}} to shop.logs', "not on the list"),
            ('add field x computed as {"$add": ["$word", 2} to shop.logs', "a brace or a quote is missing"),
    ):
        done = lab.run("ask", "--json", text, check=False)
        answer = json.loads(done.stdout) if done.stdout else {"ok": True, "answer": done.stderr}
        L.require(not answer["ok"] and says in answer["answer"] and not answer.get("cards"), "%s: expected \"%s\": %s %s" % (text, says, answer, done.stderr))


def retype(lab, db, writers):
    plans = {k.coll: [c["id"] for c in lab.ask(k.text)["cards"]] for k in KINDS}
    look, convert = plans["visits"]
    L.require(evidence(lab, convert, "values that do not convert").startswith("8 documents, such as {"), "what does not convert is not counted: %s" % evidence(lab, convert, "values that do not convert"))
    card = lab.card(convert)
    L.require(card["blast_radius"]["est_bytes"] > 0 and [s["undo_label"] for s in card["steps"]] == ["lossless"] * 2, "the card does not say what is kept: %s" % card["steps"])
    lab.until("a look at the writes", lambda: "was written as string" in (lab.card(look).get("progress", {}).get("phase") or ""))
    writers.turn()
    for k in KINDS:
        C.approved(lab, plans[k.coll][1])
    lab.until("a batch of the conversion", lambda: any(b["step"] == 2 for b in updates(lab, convert)))
    lab.kill()
    lab.start()
    for k in KINDS:
        lab.until_state(plans[k.coll][1], "done")
    writers.end()
    for k in KINDS:
        check(db, k, writers.expected(k, True), "converted")
    L.require(len(kept(db)) == len(KINDS), "what was kept: %s" % kept(db))
    for k in KINDS:
        lab.run("cards", "rollback", plans[k.coll][1], "--target", k.ns)
    lab.until("a batch on the way back", lambda: any(e["body"]["undo"] for e in lab.entries("step.intent") if e["plan"]["card"] == convert))
    lab.kill()
    lab.start()
    for k in KINDS:
        lab.until_state(plans[k.coll][1], "rolled_back")
        check(db, k, writers.expected(k, False), "taken back")
    for k in KINDS:
        lab.check_record(plans[k.coll][1])
    L.require(not kept(db), "what was kept has been left behind: %s" % kept(db))


def depends(lab):
    """What depends on a field, by what the servers hold and by who is connected; and of what the applications were heard to do."""
    answer = lab.ask("what depends on shop.logs.at?")["answer"]
    for says in ("index: at_1 (at), deletes by time", "view: shop.recent, of this collection; its pipeline names the field", "connected: counter 4.2, by the driver PyMongo"):
        L.require(says in answer, "\"%s\" is not in: %s" % (says, answer))
    L.require("word" not in answer and "validator" not in answer, "what does not depend on it is told: %s" % answer)
    answer = lab.ask("what depends on shop.strict.n?")["answer"]
    L.require("validator: it names the field" in answer and "index:" not in answer and "view:" not in answer, "of the validator: %s" % answer)


def updates(lab, id):
    return [e["body"] for e in lab.entries("step.intent") if e["plan"]["card"] == id and not e["body"]["undo"]]


def repaired(lab, db):
    """What does not convert is repaired; then what was kept is dropped. Somebody has to write meanwhile, or nothing is known of it."""
    k, over, said = KINDS[0], threading.Event(), [0]

    def write():
        while not over.is_set():
            said[0] += 1
            db[k.coll].update_one({"_id": QUIET}, {"$set": {k.field: k.new(said[0])}}, upsert=True)
            time.sleep(0.02)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        look, convert = [c["id"] for c in lab.ask(k.text + ", replacing what does not parse with null")["cards"]]
        C.approved(lab, convert)
        lab.until_state(convert, "done")
    finally:
        over.set()
        writer.join()
    expected = {i: None if k.becomes(i) == k.bad else k.becomes(i) for i in range(QUIET)}
    expected[QUIET] = k.new(said[0])
    check(db, k, expected, "repaired")
    L.require(kept(db)[0] in " ".join(line for n in lab.card(convert)["notes"] for line in n["lines"]), "the card does not name what is kept: %s" % lab.card(convert)["notes"])
    db[kept(db)[0]].drop()
    lab.run("cards", "rollback", convert, "--target", k.ns)
    lab.until_state(convert, "failed")
    L.require("signalbox_before_" in lab.card(convert)["note"] and "does not exist" in lab.card(convert)["note"], "it does not say why there is no way back: %s" % lab.card(convert)["note"])
    check(db, k, expected, "with no way back")


def computed(lab, db):
    """A total from price and amount; who lacks one of them stays without, who has a total keeps it."""
    refusals(lab)
    depends(lab)
    coll, over, wrote = db["lines"], threading.Event(), {}

    def write():
        n = 0
        while not over.is_set():
            doc = {"_id": 10000 + n, "price": n, "qty": 2}
            coll.insert_one(doc if n % 2 else dict(doc, total=n * 2))
            wrote[10000 + n] = n
            n += 1
            time.sleep(0.02)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        card = lab.ask('add field total computed as {"$multiply": ["$price", "$qty"]} to shop.lines')["cards"][0]["id"]
        L.require(evidence(lab, card, "documents it cannot be computed for").startswith("10 documents"), "they are not counted: %s" % lab.card(card)["evidence"])
        C.approved(lab, card)
        lab.until("a batch", lambda: C.batches(lab, card))
    finally:
        over.set()
        writer.join()
    lab.until_state(card, "done")
    want = {i: i * 3 if i % 40 else None for i in range(QUIET)}
    want.update({i: n * 2 for i, n in wrote.items()}, own=99)
    found = {d["_id"]: d.get("total") for d in coll.find()}
    L.require(found == want, "totals are wrong: %s" % [(i, found.get(i), want[i]) for i in want if found.get(i) != want[i]][:5])
    lab.run("cards", "rollback", card, "--target", "shop.lines")
    lab.until_state(card, "rolled_back")
    L.require({d["_id"]: d["total"] for d in coll.find({"total": {"$exists": True}})} == {"own": 99}, "what was computed has not been taken back")
    lab.check_record(card)
    parts(lab, db)


def too_large(lab, db):
    """A document that would pass 16 MiB is not seen before, where the server cannot tell: the plan stops at its batch, and says why."""
    card = lab.ask('add field copy computed as "$text" to shop.big')["cards"][0]["id"]
    C.approved(lab, card)
    lab.until_state(card, "failed")
    note, left = lab.card(card)["note"], sorted(d["_id"] for d in db["big"].find({"copy": {"$exists": False}}, {"_id": 1}))
    L.require("larger" in note and "batches" in note, "it does not say why it stopped, and where: %s" % note)
    L.require(BIG in left and left[0] >= 200, "what was done is not what was to be done before: %s" % left[:3])


def parts(lab, db):
    """A field that is split, and two that are merged: what does not have exactly two words is left, and counted."""
    coll = db["people"]
    names = {d["_id"]: d["full"].split(" ") for d in coll.find()}
    first, second = [c["id"] for c in lab.ask("split full into given and family in shop.people")["cards"]]
    L.require(evidence(lab, first, "documents it cannot be computed for").startswith("20 documents"), "what cannot be split is not counted")
    C.approved(lab, first)
    C.approved(lab, second)
    lab.until_state(second, "done")
    found = {d["_id"]: (d.get("given"), d.get("family")) for d in coll.find()}
    L.require(found == {i: tuple(n) if len(n) == 2 else (None, None) for i, n in names.items()}, "they are split otherwise")
    merged = lab.ask("merge family and given into sorted in shop.people")["cards"][0]["id"]
    C.approved(lab, merged)
    lab.until_state(merged, "done")
    found = {d["_id"]: d.get("sorted") for d in coll.find()}
    L.require(found == {i: n[1] + " " + n[0] if len(n) == 2 else None for i, n in names.items()}, "they are merged otherwise")
    for id in (merged, second, first):
        lab.run("cards", "rollback", id, "--target", "shop.people")
        lab.until_state(id, "rolled_back")
    L.require({frozenset(d) for d in coll.find()} == {frozenset(("_id", "full"))}, "something is left of it")


def run(part):
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000, appname="counter 4.2")
    db, writers = client.shop, Writers(client.shop)
    says = {"retype": "texts become dates, decimals and longs, and dates texts, with a crash, and back", "repaired": "what does not convert is repaired, and without what was kept there is no way back",
            "computed": "fields that are computed, split and merged, what depends on one, and what is refused", "large": "a document that would pass 16 MiB stops the plan at its batch"}[part]
    try:
        C.one_approval(lab)
        if part == "large":
            db["big"].insert_many([{"_id": i, "text": "x" * (9000000 if i == BIG else 1)} for i in range(300)])
        elif part != "computed":
            for k in KINDS:
                db[k.coll].insert_many([{"_id": i, k.field: k.value(i)} for i in range(QUIET)])
        else:
            refused_collections(db)
            db["people"].insert_many([{"_id": i, "full": "G%d F%d" % (i, i) if i % 10 else "Single%d" % i} for i in range(200)])
            db["lines"].insert_many([{"_id": i, "price": i, "qty": 3} if i % 40 else {"_id": i, "price": i} for i in range(QUIET)] + [{"_id": "own", "price": 1, "qty": 1, "total": 99}])
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        if part == "retype":
            writers.thread.start()
            retype(lab, db, writers)
        else:
            {"repaired": repaired, "computed": computed, "large": too_large}[part](lab, db)
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
    return 0 if all([run(part) for part in sys.argv[1:] or ("retype", "computed")]) else 1


if __name__ == "__main__":
    sys.exit(main())
