#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A collection that becomes a time series, from the request to the end and back, on a simulated set, while applications write.

What stands in the way is measured, and leads to a card of advice. Where nothing does there are four phases: both are written, all is
copied, only the new one is written, the old one goes aside. What is written to one alone, is there twice, or says something else is told; the code on the cards is
run as it stands there, ended in its middle, and run again. The owner is killed in the look at the writes, in that at what was copied,
and with the rename on its way. The figures and both collections are compared with what this test works out by itself.
"""
import datetime
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
from schema_capped import kill_with  # noqa: E402
from schema_name import identity, renames  # noqa: E402

DOCS, SENSORS = 1200, 4
LONG = "n" * 180


def fill(db):
    begin = datetime.datetime(2026, 1, 1)
    good = [{"_id": i, "ts": begin + datetime.timedelta(minutes=10 * (i // SENSORS)), "sensor": i % SENSORS, "v": i} for i in range(DOCS)]
    bad = [dict(d) for d in good]
    bad[7]["ts"], bad[8]["ts"] = "2026-01-01", [begin, begin]
    del bad[9]["ts"], bad[10]["sensor"]
    db.readings.insert_many(good)
    db.mixed.insert_many(bad)
    for name in ("taxes", LONG):
        db[name].insert_one(good[0])
    db.mixed.create_index("v", unique=True, name="one_v")
    db.mixed.update_one({"_id": 1}, {"$set": {"v": -1}})
    db.mixed.delete_one({"_id": 2})
    db.create_collection("seen", viewOn="readings", pipeline=[])
    return {"readings": {d["_id"]: d for d in good}, "mixed": {d["_id"]: d for d in db.mixed.find()}}


def judged(lab, text):
    card = lab.ask(text)["cards"][0]
    L.require(card["state"] == "advisory" and not card["steps"], "it is no advice: %s" % card["state"])
    return card["title"], {e["what"]: e["value"] for e in card["evidence"]}, {n["title"]: " ".join(n["lines"]) for n in card["notes"]}


def advice(lab, docs):
    """What stands in the way is measured and leads to advice; what is wrong is refused."""
    M.refused(lab, (("turn shop.readings into a time series", "By which date?"), ("turn shop.nowhere into a time series on ts", "no collection"), ("turn shop.seen into a time series on ts", "is a view"),
                    ("turn shop.readings into a time series on nothing", "no document"), ("turn shop.readings into a time series on ts, meta ts", "neither is _id"),
                    ("turn shop.taxes into a time series on ts", "shop.taxes_series would not be"), ("turn shop.%s into a time series on ts" % LONG, "name too long")))
    title, facts, notes = judged(lab, "turn shop.mixed into a time series on ts, meta sensor")
    bad = [i for i, d in docs.items() if not isinstance(d.get("ts"), datetime.datetime)]
    barred = notes["What stands in the way"]
    L.require("not as it stands" in title and facts["without one date in it"].startswith("%d of %d documents, such as " % (len(bad), DOCS - 1)) and all(str(i) in facts["without one date in it"] for i in bad), "the offenders: %s" % facts)
    dated = [d for i, d in docs.items() if i not in bad]
    span = (max(d["ts"] for d in dated) - min(d["ts"] for d in dated)).total_seconds()
    L.require("%d documents, which span %d s" % (len(dated), span) in facts["measurements"], "the measurements: %s" % facts["measurements"])
    L.require("%d documents have no one date in ts" % len(bad) in barred and "one_v" in barred and "updated or deleted" in barred, "what stands in the way: %s" % barred)
    L.require(facts["deletes and updates in the oplog"] == "1 deletes and 1 updates" and facts["without the meta field"].startswith("1 documents"), "the rest: %s" % facts)
    hand = notes["By hand, in this order"]
    L.require('timeField: "ts", metaField: "sensor", granularity: "minutes"' in hand and "rename collection shop.mixed" in hand, "by hand: %s" % hand)


class Sensors:
    """Applications that insert measurements, as the phase of the plan wants it; they know what has to be where."""

    def __init__(self, db, docs):
        self.old, self.new, self.mode, self.stop = db.readings, db.readings_series, "old", False
        self.in_old, self.in_new, self.lock = dict(docs), dict(docs), threading.Lock()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        n = 10000
        while not self.stop:
            with self.lock:
                n += 1
                doc = {"_id": n if n % 2 else -n, "ts": datetime.datetime(2026, 2, 1) + datetime.timedelta(seconds=n), "sensor": n % SENSORS, "v": n}  # its _id is in no order
                if self.mode != "old":
                    self.new.insert_one(doc)
                if self.mode != "new":
                    self.old.insert_one(doc)
                    self.in_old[doc["_id"]] = doc
                self.in_new[doc["_id"]] = doc
            time.sleep(0.02)

    def turn(self, mode):
        with self.lock:
            self.mode = mode

    def end(self):
        self.stop = True
        self.thread.join()


def phase(lab, id):
    return lab.card(id).get("progress", {}).get("phase") or ""


def notes_of(lab, id):
    return {n["title"]: "\n".join(n["lines"]) for n in lab.card(id)["notes"]}


class Broken(Exception):
    pass


class Cut:
    """A time series of which the answer to the second insert is lost."""

    def __init__(self, coll):
        self.coll, self.find, self.n = coll, coll.find, 0

    def insert_many(self, docs):
        self.coll.insert_many(docs)
        self.n += 1
        if self.n == 2:
            raise Broken


def once(found, expected, what):
    """Each measurement is there, and once."""
    docs = list(found)
    M.same({d["_id"]: d for d in docs}, expected, what)
    L.require(len(docs) == len(expected), "%s: %d measurements, expected %d" % (what, len(docs), len(expected)))


def write_both(lab, db, id, sensors):
    """Written to one alone, or changed, it is not done; inserted into both it is, also when its owner is killed."""
    lab.until("the time series to be asked for", lambda: "shop.readings_series is no time series on ts" in phase(lab, id))
    make = next(iter(v for k, v in notes_of(lab, id).items() if k.startswith("By hand")))
    options = {"timeField": "ts", "metaField": "sensor", "granularity": "minutes"}
    L.require(" ".join(make.split()) == 'db.getSiblingDB("shop").createCollection("readings_series", {timeseries: {timeField: "ts", metaField: "sensor", granularity: "minutes"}})', "how it is made: %s" % make)
    db.create_collection("readings_series", timeseries=options)
    lab.until("what is written to one alone to be told", lambda: "is not in shop.readings_series" in phase(lab, id))
    L.require(lab.state_of(id) == "executing", "it is over though one is written alone")
    sensors.turn("both")

    def changed():  # in two steps, which leave it as it was
        db.readings.update_one({"_id": 5}, {"$set": {"seen": True}})
        db.readings.update_one({"_id": 5}, {"$unset": {"seen": ""}})
        return "a document was updated or deleted" in phase(lab, id)
    lab.until("a change of a document to be told", changed)
    lab.until("some inserts", lambda: "inserts seen" in phase(lab, id) and not phase(lab, id).startswith("0 of"))
    lab.kill()
    lab.start()
    lab.until_state(id, "done")


def copied(lab, db, id, sensors):
    """The code of the card copies what is not there, once, although it is ended in its middle; what is there twice, or says something else, is told."""
    lab.until("what is missing to be told", lambda: "is not in shop.readings_series" in phase(lab, id))
    code = next(v for k, v in notes_of(lab, id).items() if k.startswith("Python"))
    try:
        exec(code, {"bson": bson, "db": {"readings": db.readings, "readings_series": Cut(db.readings_series)}})
        L.require(False, "the copy was not ended in its middle")
    except Broken:
        pass
    L.require(lab.state_of(id) == "executing", "it is over though not all is there")
    lab.kill()
    odd = {"_id": "odd", "ts": datetime.datetime(2026, 3, 1), "sensor": "odd", "v": 1}
    with sensors.lock:
        for coll in (db.readings_series, db.readings_series, db.readings):
            coll.insert_one(odd)
        sensors.in_old["odd"] = sensors.in_new["odd"] = odd
    exec(code, {"bson": bson, "db": db})
    lab.start()
    lab.until("what is there twice to be told", lambda: '"odd" } is in shop.readings_series more than once' in phase(lab, id))
    db.readings_series.delete_many({"sensor": "odd"})
    db.readings_series.insert_one(dict(odd, v=2))
    lab.until("what says something else to be told", lambda: '"odd" } says something else' in phase(lab, id))
    db.readings_series.delete_many({"sensor": "odd"})
    exec(code.replace('old.find({} if last is None else', 'old.find({"_id": "odd"} if last is None else'), {"bson": bson, "db": db})
    lab.until_state(id, "done")
    with sensors.lock:
        once(db.readings_series.find(), sensors.in_new, "copied")


def contract(lab, client, read, id, sensors, uuid):
    """Both wait for whoever writes the old one, which gets another name, once, although the owner is killed with that on its way."""
    db = client.shop
    steps = lab.card(id)["steps"]
    L.require(lab.card(id)["risk"] == "high" and steps[0]["undo_label"] == "lossless" and "dropTarget" not in steps[0]["do"], "the card: %s" % lab.card(id))
    C.approved(lab, id)
    lab.until("the look to wait", lambda: read + " waits: somebody has written to shop.readings" in lab.log())
    L.require(not renames(client), "it was renamed while it was written")
    killed = kill_with(lab, "readings_before_series")
    sensors.turn("new")
    killed()
    lab.until_state(id, "done")
    L.require(renames(client) == [("shop.readings", "shop.readings_before_series")] and identity(db, "readings_before_series") == uuid, "the renames: %s" % renames(client))
    once(db.readings_before_series.find(), sensors.in_old, "aside")
    with sensors.lock:
        once(db.readings_series.find(), sensors.in_new, "the time series")


def back(lab, client, ids, sensors, uuid):
    """Each phase is taken back; nothing is lost of either."""
    db = client.shop
    early = lab.run("cards", "rollback", ids[1], "--target", "shop.readings", check=False)
    L.require(early.returncode != 0 and "roll that back first" in early.stderr + early.stdout, "an earlier phase was taken back first: %s" % early)
    for id in reversed(ids):
        lab.run("cards", "rollback", id, "--target", "shop.readings")
        lab.until_state(id, "rolled_back")
    L.require(identity(db, "readings") == uuid and identity(db, "readings_before_series") is None, "the old collection has not its name again")
    once(db.readings.find(), sensors.in_old, "taken back")
    with sensors.lock:
        once(db.readings_series.find(), sensors.in_new, "the time series, taken back")
    for id in ids:
        lab.check_record(id)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    db, sensors = client.shop, None
    try:
        with open(lab.dir + "/config/signalbox/config", "a") as f:
            f.write('retention shop.taxes 3650d "tax law"\n')
        C.one_approval(lab)
        docs = fill(db)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        advice(lab, docs["mixed"])
        M.same({d["_id"]: d for d in db.mixed.find()}, docs["mixed"], "advice")
        print("ok: %s" % advice.__doc__, flush=True)
        uuid = identity(db, "readings")
        ids = [c["id"] for c in lab.ask("turn shop.readings into a time series on ts, meta sensor")["cards"]]
        facts, span = {e["what"]: e["value"] for e in lab.card(ids[0])["evidence"]}, 600 * ((DOCS - 1) // SENSORS)
        L.require(len(ids) == 4 and facts["without one date in it"] == "0 of %d documents" % DOCS, "what fits: %s" % facts)
        L.require(facts["measurements"] == "about %d s between two of one source: %d sources seen in %d documents, which span %d s" % (span * SENSORS // DOCS, SENSORS, DOCS, span), "the measurements: %s" % facts["measurements"])
        M.refused(lab, (("turn shop.readings into a time series on ts", ids[0] + " is about shop.readings"), ("rename collection shop.readings to shop.values", ids[0] + " is about shop.readings")))
        sensors = Sensors(db, docs["readings"])
        write_both(lab, db, ids[0], sensors)
        print("ok: %s" % write_both.__doc__, flush=True)
        copied(lab, db, ids[1], sensors)
        print("ok: %s" % copied.__doc__, flush=True)
        contract(lab, client, ids[2], ids[3], sensors, uuid)
        print("ok: %s" % contract.__doc__, flush=True)
        back(lab, client, ids, sensors, uuid)
        print("ok: %s" % back.__doc__, flush=True)
        lab.stop()
        lab.verify()
        return 0
    except L.Failure as e:
        print("FAIL: %s" % e)
        return 1
    finally:
        if sensors:
            sensors.end()
        client.close()
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
