#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents that would pass 16 MiB by a change, on a simulated set.

Those that would are counted and named before anything is planned, to the byte: a change by which one becomes exactly as large as a
document may be is carried out, while others write and the owner is killed on each way. One that grows behind the plan's back stops the
plan at its batch, with the reason and what was done; it is taken back from there.
"""
import os
import sys

import bson
import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

LARGEST, DOCS = 16 << 20, 300


def sized(id, size, **more):
    """A document of exactly so many bytes."""
    doc = dict({"_id": id}, **more, pad="")
    doc["pad"] = "p" * (size - len(bson.encode(doc)))
    return doc


def grows(field, value):
    """By how many bytes a document grows by a field."""
    return len(bson.encode({field: value})) - len(bson.encode({}))


def fill(db):
    plus = grows("status", "new")
    db.boxes.insert_many([{"_id": i, "n": i} for i in range(DOCS)])
    db.boxes.insert_one(sized("full", LARGEST - plus))
    db.crates.insert_one(sized("over", LARGEST - plus + 1, first="a", name="b" * 50))
    db.crates.insert_one(sized("fits", LARGEST - grows("title", "b" * 50), name="b" * 50))
    db.cards.insert_one({"_id": "k", "text": "t" * 1000})
    db.decks.insert_one(sized("edge", LARGEST - grows("card", {"_id": "k", "text": "t" * 1000}) + 1, of="k"))
    db.piles.insert_one(sized("edge", LARGEST - grows("card", {"_id": "k", "text": "t" * 1000}), of="k"))
    db.numbers.insert_many([sized("grows", LARGEST - 1, n=7), sized("fits", LARGEST - 2, n=8)])  # an int becomes a text of one byte: two bytes more
    db.shelves.insert_many([{"_id": i, "n": i} for i in range(DOCS)])
    db.shelves.insert_one({"_id": "late"})


def refusals(lab):
    """What would pass 16 MiB is counted and named, and nothing is proposed."""
    M.refused(lab, (('add field status with default "new" to shop.crates', '1 document of shop.crates would pass the 16 MiB'), ('add field status with default "new" to shop.crates', "over"),
                    ("rename name to title in shop.crates", "over"), ('add field label computed as {"$concat": ["$name", "$name"]} to shop.crates', "2 documents of shop.crates would pass"),
                    ("convert n from int to string in shop.numbers", '1 document of shop.numbers would pass the 16 MiB that the server allows, with what it gets: _id { "_id" : "grows" }'),
                    ("embed shop.cards into shop.decks by of as card", "edge")))


def carried(lab, client):
    """A change by which one becomes exactly as large as it may is carried out and taken back, with a crash on each way."""
    coll = client.shop.boxes
    docs = {d["_id"]: d for d in coll.find()}
    L.require(lab.ask("embed shop.cards into shop.piles by of as card")["cards"], "one that fits to the byte was refused")
    id = lab.ask('add field status with default "new" to shop.boxes')["cards"][0]["id"]
    L.require("none passes 16 MiB" in str(lab.card(id)["evidence"]), "the card: %s" % lab.card(id)["evidence"])

    def write(rnd, n):
        k = rnd.randrange(DOCS)
        coll.update_one({"_id": k}, {"$set": {"n": -n}})
        docs[k]["n"] = -n
    writer = M.Writer(write)
    try:
        C.approved(lab, id)
        M.small_batches(lab, id)
        M.kill_after(lab, id, 2)
        lab.until_state(id, "watching", "done")
    finally:
        writer.end()
    M.same({d["_id"]: d for d in coll.find()}, {i: dict(d, status="new") for i, d in docs.items()}, "with the field")
    L.require(len(bson.encode(coll.find_one({"_id": "full"}))) == LARGEST, "it is not as large as it may be")
    lab.run("cards", "rollback", id, "--target", "shop.boxes")
    M.kill_after(lab, id, 1, undo=True)
    lab.until_state(id, "rolled_back")
    M.same({d["_id"]: d for d in coll.find()}, docs, "taken back")
    lab.check_record(id)


def stopped(lab, client):
    """One that has grown since stops the plan at its batch, which says why and what was done; it is taken back."""
    coll = client.shop.shelves
    id = lab.ask('add field status with default "new" to shop.shelves')["cards"][0]["id"]
    coll.replace_one({"_id": "late"}, sized("late", LARGEST))
    docs = {d["_id"]: d for d in coll.find()}
    C.approved(lab, id)
    lab.until_state(id, "failed")
    told = str(lab.card(id))
    L.require("larger than" in told and "300 documents changed" in told, "why it stopped: %s" % told[-800:])
    M.same({d["_id"]: d for d in coll.find()}, {i: dict(d, **({} if i == "late" else {"status": "new"})) for i, d in docs.items()}, "where it stopped")
    lab.run("cards", "rollback", id, "--target", "shop.shelves")
    lab.until_state(id, "rolled_back")
    M.same({d["_id"]: d for d in coll.find()}, docs, "taken back from there")
    lab.check_record(id)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        C.one_approval(lab)
        fill(client.shop)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        refusals(lab)
        print("ok: %s" % refusals.__doc__, flush=True)
        for part in (carried, stopped):
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
