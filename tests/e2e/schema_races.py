#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an application does at the wrong moment of a plan, on a simulated set.

A part of a field is written where the whole should be, while it is looked whether both are written.

  schema_races.py [parts]
"""
import os
import sys

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

HOMES = 120


def phase(lab, id):
    return lab.card(id).get("progress", {}).get("phase") or ""


def held_back(lab, id, says):
    """The look says so and is not over."""
    lab.until("\"%s\"" % says, lambda: says in phase(lab, id) or lab.state_of(id) != "executing")
    L.require(lab.state_of(id) == "executing", "%s is %s, though an application breaks its rule: \"%s\" was never said" % (id, lab.state_of(id), says))


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


PARTS = (parts,)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        C.one_approval(lab)
        lab.homes = Homes(client.shop)
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
