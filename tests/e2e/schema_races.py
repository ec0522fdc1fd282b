#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an application does at the wrong moment of a plan, on a simulated set.

A part of a field is written where the whole should be, while it is looked whether both are written. Documents are deleted while a
field of theirs is copied beside. Documents are written between being kept and being changed. One of several batches that are away
at once is not done, and the program is killed.

  schema_races.py [parts|orphans|preimage|gap]
"""
import datetime
import json
import os
import sys

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

HOMES = 120
CARTS = 120
GAP_DOCS = 60
KEPT = 120  # documents of which something is kept
DAY = datetime.datetime(2024, 3, 3)


def original(ns, id):
    """Every third note has none; every tenth visit does not parse."""
    if ns == "shop.notes":
        return {"_id": id, "legacy": "l%d" % id} if id % 3 else {"_id": id}
    return {"_id": id, "at": "2024-01-%02d" % (1 + id % 28) if id % 10 else "soon"}


def phase(lab, id):
    return lab.card(id).get("progress", {}).get("phase") or ""


def held_back(lab, id, says):
    """The look says so and is not over."""
    lab.until("\"%s\"" % says, lambda: says in phase(lab, id) or lab.state_of(id) != "executing")
    L.require(lab.state_of(id) == "executing", "%s is %s, though an application breaks its rule: \"%s\" was never said" % (id, lab.state_of(id), says))


class Gate:
    """Keeps a write back, as a conflict (112) or a primary that steps down (189) would: until it is opened it is refused, and sent again later."""

    def __init__(self, lab, test, code=112):
        self.test, self.code, self.shut, self.came = test, code, True, []
        lab.proxy.refuse = self.refuse

    def refuse(self, write):
        if self.shut and self.test(write):
            self.came.append(write)
            return self.code, "it is kept back"
        return None

    def open(self):
        self.shut = False


class Homes:
    """Documents with an address, of which the writers change a city, as the moment wants it."""

    def __init__(self, db):
        self.coll, self.how = db.homes, self.alone
        self.cities = {i: "c%d" % i for i in range(HOMES)}
        self.coll.insert_many([{"_id": i, "address": {"city": c, "zip": i}} for i, c in self.cities.items()])

    def alone(self, id, city):
        return {"$set": {"address.city": city}}

    def beside(self, id, city):  # where there is no location yet it is one without a zip
        return {"$set": {"address.city": city, "location.city": city}}

    def both(self, id, city):  # the oplog tells a part of the one, and mostly of the other the whole
        return {"$set": {"address.city": city, "location": {"city": city, "zip": id}}}

    def write(self, rnd, n):
        id, city = rnd.randrange(HOMES // 2), "w%d" % n
        if self.how != self.both and n % 2:  # some do as they should
            self.coll.update_one({"_id": id}, self.both(id, city))
        else:
            self.coll.update_one({"_id": id}, self.how(id, city))
        self.cities[id] = city


def parts(lab, client):
    """An application that changes a part of a field, and not of the one beside it, holds the plan back; one that makes the same of both does not."""
    homes = lab.homes
    both, fill = [c["id"] for c in lab.ask("rename address to location in shop.homes")["cards"]][:2]
    writer = M.Writer(homes.write)
    try:
        held_back(lab, both, "address without location")
        with writer.lock:
            homes.how = homes.beside
            homes.coll.update_many({}, {"$unset": {"location": ""}})
        held_back(lab, both, "a part of address was written, and location says something else")
        with writer.lock:
            homes.how = homes.both
            homes.coll.update_many({}, {"$unset": {"location": ""}})
        C.approved(lab, fill)
        lab.until_state(fill, "done")
    finally:
        writer.end()
    want = {i: {"city": c, "zip": i} for i, c in homes.cities.items()}
    M.same({d["_id"]: d for d in homes.coll.find()}, {i: {"_id": i, "address": a, "location": a} for i, a in want.items()}, "both, behind the backfill")
    lab.check_record(both)
    lab.check_record(fill)


class Carts:
    """Documents with a customer in each, of which the writer makes some and deletes others, as code that was handed over does."""

    def __init__(self, client):
        self.client, self.db = client, client.shop
        self.says = {i: {"name": "c%d" % i} for i in range(CARTS)}
        self.db.carts.insert_many([{"_id": i, "customer": v} for i, v in self.says.items()])

    def both(self, id, value):
        with self.client.start_session() as s, s.start_transaction():
            if value:
                for coll in (self.db.carts, self.db.customers):
                    coll.update_one({"_id": id}, {"$set": {"customer": value}}, upsert=True, session=s)
            else:
                for coll in (self.db.carts, self.db.customers):
                    coll.delete_one({"_id": id}, session=s)

    def write(self, rnd, n):
        id = rnd.choice(sorted(self.says)) if n % 3 else 10000 + n
        value = {"name": "w%d" % n} if n % 3 != 1 else None
        self.both(id, value)
        if value:
            self.says[id] = value
        else:
            self.says.pop(id)

    def too_late(self, id):
        """What is left where a document is read to be copied, then deleted in both collections, then put beside."""
        copy = dict(self.db.carts.find_one({"_id": id}))
        self.both(id, None)
        self.says.pop(id)
        self.db.customers.insert_one(copy)

    def bare(self, id):
        """The same of a document that only loses the field."""
        copy = dict(self.db.carts.find_one({"_id": id}))
        self.db.carts.update_one({"_id": id}, {"$unset": {"customer": ""}})
        self.db.customers.delete_one({"_id": id})
        self.says.pop(id)
        self.db.customers.insert_one(copy)


def orphans(lab, client):
    """Documents that are deleted while they are copied leave nothing beside, on the way there and back, with a crash behind it."""
    carts = lab.carts
    both, fill = [c["id"] for c in lab.ask("extract customer from shop.carts into shop.customers")["cards"]][:2]
    gate = Gate(lab, lambda w: w.name == "aggregate" and '"$merge"' in w.text)
    writer = M.Writer(carts.write)
    bare = []
    try:
        C.approved(lab, fill)
        lab.until("a batch that is kept back", lambda: gate.came)
        with writer.lock:
            for id in sorted(carts.says)[:20:2]:
                carts.too_late(id)
            bare = sorted(carts.says)[:20:4]
            for id in bare:
                carts.bare(id)
        gate.open()
        lab.until("the copies that came too late to be looked for", lambda: any(b["step"] == 2 for b in M.sent(lab, fill)) or lab.state_of(fill) != "executing")
        lab.kill()
        lab.start()
        lab.until_state(fill, "done")
    finally:
        writer.end()
    M.same({d["_id"]: d for d in client.shop.customers.find()}, {i: {"_id": i, "customer": v} for i, v in carts.says.items()}, "beside")
    M.same({d["_id"]: d.get("customer") for d in client.shop.carts.find()}, {**carts.says, **dict.fromkeys(bare)}, "the field")
    id = sorted(carts.says)[20]
    carts.too_late(id)
    lab.run("cards", "rollback", fill, "--target", "shop.carts")
    lab.until_state(fill, "rolled_back")
    L.require(client.shop.customers.count_documents({}) == 0, "left beside: %s" % list(client.shop.customers.find().limit(3)))
    lab.check_record(both)
    lab.check_record(fill)


def preimage(lab, client):
    """What is written between being kept and being changed is what comes back."""
    db = client.shop
    plans = {"shop.notes": [c["id"] for c in lab.ask("remove field legacy from shop.notes")["cards"]],
             "shop.visits": [c["id"] for c in lab.ask("convert at from string to date in shop.visits, replacing what does not parse with null")["cards"]]}

    def write(rnd, n):
        db.notes.update_one({"_id": n % 20}, {"$set": {"seen": n}})
        db.visits.update_one({"_id": 1000 + n % 50}, {"$set": {"at": DAY}}, upsert=True)
    gate = Gate(lab, lambda w: w.name == "update" and (w.part_of or "").endswith("/2"))
    writer = M.Writer(write)
    cards = {ns: ids[1] for ns, ids in plans.items()}
    try:
        for id in cards.values():
            C.approved(lab, id)
        lab.until("what changes to be kept back", lambda: len({w.part_of for w in gate.came}) == len(cards))
        db.notes.update_many({"_id": {"$gte": KEPT - 40}}, {"$set": {"legacy": "late"}})
        db.visits.update_many({"_id": {"$gte": KEPT - 40, "$lt": KEPT - 20}}, {"$set": {"at": "later"}})
        db.visits.update_many({"_id": {"$gte": KEPT - 20, "$lt": KEPT}}, {"$set": {"at": "2024-05-05"}})
        said = {ns: {d["_id"]: d for d in db[ns[5:]].find({"_id": {"$gte": 20, "$lt": KEPT}})} for ns in cards}
        gate.open()
        for id in cards.values():
            lab.until_state(id, "done")
    finally:
        writer.end()
    L.require(not db.notes.count_documents({"legacy": {"$exists": True}}) and not db.visits.count_documents({"at": {"$type": "string"}}), "not all were changed")
    anew = [json.loads(e["body"]["reply"])["kept_anew"] for e in lab.entries("step.result") if e["plan"]["card"] == cards["shop.notes"] and "kept_anew" in (e["body"]["reply"] or "")]
    L.require(sum(anew) >= 40, "the record does not tell what was kept anew: %s" % anew)
    for ns, id in cards.items():
        lab.run("cards", "rollback", id, "--target", ns)
        lab.until_state(id, "rolled_back")
        M.same({d["_id"]: d for d in db[ns[5:]].find({"_id": {"$gte": 20, "$lt": KEPT}})}, said[ns], "%s, taken back" % ns)
        lab.check_record(id)


AT_ONCE = (1, 2, 3, 5, 8)
HOLE = 10  # the _id of a document whose batch is not done


def range_of(write):
    """Of a batch of a way back."""
    if write.name != "update" or " undo" not in str(write.doc.get("comment")):
        return None
    id = write.doc["updates"][0]["q"]["_id"]
    return id.get("$gt", -1), id["$lte"]


def gap(lab, client):
    """With so many batches away at once, the place moves up to the first that is not done, and not over it: in one walk without a second look."""
    db = client.shop
    ids = {n: lab.ask("add field state with default 1 to shop.gap%d" % n)["cards"][0]["id"] for n in AT_ONCE}
    for id in ids.values():
        C.approved(lab, id)
    for id in ids.values():
        lab.until_state(id, "done")
    gate = Gate(lab, range_of, 189)
    for n, id in ids.items():
        lab.run("cards", "rollback", id, "--target", "shop.gap%d" % n)
    lab.until("each way back to be kept back", lambda: len({w.doc["update"] for w in gate.came}) == len(ids))
    for n, id in ids.items():
        lab.run("cards", "edit", id, "--set", "batch_docs=4", "--set", "batches_at_once=%d" % n)
    gate.test, gate.came = lambda w: range_of(w) and range_of(w)[0] < HOLE <= range_of(w)[1], []

    def left(n, first):
        return db["gap%d" % n].count_documents({"_id": {"$gte": first}, "state": 1})
    lab.until("each turn with a batch that is not done, and one behind it that is",
              lambda: all(any(w.doc["update"] == "gap%d" % n for w in gate.came) and (n == 1 or left(n, HOLE + 4) < GAP_DOCS - HOLE - 4) for n in AT_ONCE))
    lab.kill()
    gate.open()
    lab.start()
    for n, id in ids.items():
        lab.until_state(id, "rolled_back")
        L.require(left(n, 0) == 0, "%d at once: %d documents were passed over" % (n, left(n, 0)))
        lab.check_record(id)


PARTS = (parts, orphans, preimage, gap)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        C.one_approval(lab)
        lab.homes, lab.carts = Homes(client.shop), Carts(client)
        for ns in ("shop.notes", "shop.visits"):
            client.shop[ns[5:]].insert_many([original(ns, i) for i in range(KEPT)])
        for n in AT_ONCE:
            client.shop["gap%d" % n].insert_many([{"_id": i} for i in range(GAP_DOCS)])
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        for part in PARTS:
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
