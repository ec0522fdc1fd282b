#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a time series is measured, and leads to a card of advice; nothing is changed. The figures are compared with
what this test works out by itself."""
import datetime
import os
import sys

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

DOCS, SENSORS = 400, 4


def fill(db):
    begin = datetime.datetime(2026, 1, 1)
    good = [{"_id": i, "ts": begin + datetime.timedelta(minutes=10 * (i // SENSORS)), "sensor": i % SENSORS, "v": i} for i in range(DOCS)]
    bad = [dict(d) for d in good]
    bad[7]["ts"], bad[8]["ts"] = "2026-01-01", [begin, begin]
    del bad[9]["ts"], bad[10]["sensor"]
    db.readings.insert_many(good)
    db.mixed.insert_many(bad)
    db.mixed.create_index("v", unique=True, name="one_v")
    db.mixed.update_one({"_id": 1}, {"$set": {"v": -1}})
    db.mixed.delete_one({"_id": 2})
    db.create_collection("seen", viewOn="readings", pipeline=[])
    return {"readings": {d["_id"]: d for d in good}, "mixed": {d["_id"]: d for d in db.mixed.find()}}


def judged(lab, text):
    card = lab.ask(text)["cards"][0]
    L.require(card["state"] == "advisory" and not card["steps"], "it is no advice: %s" % card["state"])
    return card["title"], {e["what"]: e["value"] for e in card["evidence"]}, {n["title"]: " ".join(n["lines"]) for n in card["notes"]}


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    db = client.shop
    try:
        docs = fill(db)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        M.refused(lab, (("turn shop.readings into a time series", "By which date?"), ("turn shop.nowhere into a time series on ts", "no collection"), ("turn shop.seen into a time series on ts", "is a view"),
                        ("turn shop.readings into a time series on nothing", "no document"), ("turn shop.readings into a time series on ts, meta ts", "neither is _id")))
        title, facts, notes = judged(lab, "turn shop.readings into a time series on ts, meta sensor")
        span = 600 * ((DOCS - 1) // SENSORS)
        L.require(title.endswith("it fits") and "What stands in the way" not in notes and facts["without one date in it"] == "0 of %d documents" % DOCS, "what fits: %s %s" % (title, facts))
        L.require(facts["measurements"] == "about %d s between two of one source: %d sources seen in %d documents, which span %d s" % (span * SENSORS // DOCS, SENSORS, DOCS, span), "the measurements: %s" % facts["measurements"])
        hand = notes["By hand, in this order"]
        L.require('timeField: "ts", metaField: "sensor", granularity: "minutes"' in hand and "rename collection shop.readings" in hand, "by hand: %s" % hand)
        title, facts, notes = judged(lab, "turn shop.mixed into a time series on ts, meta sensor")
        bad = [i for i, d in docs["mixed"].items() if not isinstance(d.get("ts"), datetime.datetime)]
        barred = notes["What stands in the way"]
        L.require("not as it stands" in title and facts["without one date in it"].startswith("%d of %d documents, such as " % (len(bad), DOCS - 1)) and all(str(i) in facts["without one date in it"] for i in bad), "the offenders: %s" % facts)
        dated = [d for i, d in docs["mixed"].items() if i not in bad]
        span = (max(d["ts"] for d in dated) - min(d["ts"] for d in dated)).total_seconds()
        L.require("%d documents, which span %d s" % (len(dated), span) in facts["measurements"], "the measurements: %s" % facts["measurements"])
        L.require("%d documents have no one date in ts" % len(bad) in barred and "one_v" in barred and "updated or deleted" in barred, "what stands in the way: %s" % barred)
        L.require(facts["deletes and updates in the oplog"] == "1 deletes and 1 updates" and facts["without the meta field"].startswith("1 documents"), "the rest: %s" % facts)
        for name, expected in docs.items():
            M.same({d["_id"]: d for d in db[name].find()}, expected, name)
        print("ok: what stands in the way of a time series is measured, and nothing is changed")
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
