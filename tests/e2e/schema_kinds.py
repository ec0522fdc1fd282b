#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of change of what documents say, side by side on a simulated set while applications write.

Each plan is killed twice on its way, at moments that are chosen by keeping its commands back: behind its first batch, and behind the
first batch of what changes or one batch later; before its last batch the primary steps down. What each collection holds at the end
is compared with what this test computes by itself; then it is taken back, asked for again, and taken back from its middle. How much
is kept for the way back is measured.

  schema_kinds.py
"""
import datetime
import os
import random
import re
import sys
import threading
import time

import pymongo
from bson.decimal128 import Decimal128
from bson.int64 import Int64

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402

DOCS = 450   # in batches of 200: two whole ones and a part
BUSY = 40    # the first ones, which applications write
WHOLE = 200
DAY = datetime.timedelta(days=1)


def day(n):
    return datetime.datetime(2024, 1, 1) + n * DAY


class Kind:
    """make: a document as it was; becomes: what the plan makes of it; write: what an application sets in one, given whether the plan's
    last card has been approved. cards: how many the plan has, of which the last `changes` change documents."""

    def __init__(self, name, text, make, becomes, write=lambda n: {"seen": n}, cards=1, changes=1, keeps=False):
        self.name, self.text, self.make, self.becomes, self.write = name, text % ("shop." + name), make, becomes, write
        self.cards, self.changes, self.keeps = cards, changes, keeps
        self.ns = "shop." + name


def typed(name, old, new, text):
    """A field v, of which applications write new values only."""
    return Kind(name, text, lambda i: {"_id": i, "v": old(i)}, lambda d: dict(d, v=new(d["v"])), lambda n: {"v": new(old(n))}, cards=2, keeps=True)


def fresh(value):
    return not isinstance(value, (str, int)) or isinstance(value, Int64)


KINDS = (
    Kind("preset", 'add field state with default "new" to %s', lambda i: {"_id": i, "state": "own"} if i % 50 == 7 else {"_id": i}, lambda d: dict({"state": "new"}, **d)),
    Kind("totals", 'add field total computed as {"$multiply": ["$price", "$qty"]} to %s', lambda i: {"_id": i, "price": i, "qty": 3} if i % 9 else {"_id": i, "price": i},
         lambda d: dict(d, total=d["price"] * d["qty"]) if "qty" in d else d),
    Kind("people", "split full into given and family in %s", lambda i: {"_id": i, "full": "G%d F%d" % (i, i) if i % 9 else "Single"},
         lambda d: dict(d, **dict(zip(("given", "family"), d["full"].split(" ")))) if " " in d["full"] else d, cards=2, changes=2),
    Kind("names", "merge family and given into full in %s", lambda i: {"_id": i, "given": "G%d" % i, "family": "F%d" % i} if i % 9 else {"_id": i, "given": "G"},
         lambda d: dict(d, full=d["family"] + " " + d["given"]) if "family" in d else d),
    typed("visits", lambda i: day(i).strftime("%Y-%m-%d"), lambda v: datetime.datetime.strptime(v, "%Y-%m-%d") if not fresh(v) else v, "convert v from string to date in %s"),
    typed("prices", lambda i: "%d.50" % i, lambda v: Decimal128(v) if not fresh(v) else v, "convert v from string to decimal in %s"),
    typed("stocks", lambda i: i, lambda v: Int64(v), "convert v from int to long in %s"),
    Kind("notes", "remove field legacy from %s", lambda i: {"_id": i, "legacy": "l%d" % i * 5} if i % 9 else {"_id": i}, lambda d: {k: v for k, v in d.items() if k != "legacy"}, cards=2, keeps=True),
)


def place(write):
    """The number of the step that a write is of, and the _id behind which it begins; None: it is no batch."""
    comment = write.part_of or write.doc.get("comment") or ""
    step = re.match(r"signalbox C-\d+/(\d+)", str(comment))
    if not step or write.name not in ("update", "aggregate"):
        return None
    id = write.doc["pipeline"][0].get("$match", {}).get("_id") if write.name == "aggregate" else write.doc["updates"][0]["q"]["_id"]
    if not isinstance(id, dict):
        return None
    return int(step.group(1)), id["$in"][0] - 1 if "$in" in id else id.get("$gt", -1)


class Gate:
    """Refuses what begins behind a place as a primary that steps down does: it is sent again. Which cards came to it."""

    def __init__(self, lab):
        self.shut, self.came = lambda card, step, at, undo: False, set()
        lab.proxy.refuse = self.refuse

    def refuse(self, write):
        where, comment = place(write), str(write.part_of or write.doc.get("comment"))
        if not where:
            return None
        card = comment.split("/")[0].split(" ")[1]
        if not self.shut(card, where[0], where[1], "undo" in comment):
            return None
        self.came.add(card)
        return 189, "PrimarySteppedDown"

    def keep_back(self, shut):
        self.shut, self.came = shut, set()


class Writers:
    """One application for each kind; they know what each document says besides what a plan makes of it."""

    def __init__(self, db):
        self.db, self.docs, self.stop, self.lock = db, {k.name: {i: k.make(i) for i in range(DOCS)} for k in KINDS}, False, threading.Lock()
        for k in KINDS:
            db[k.name].insert_many(list(self.docs[k.name].values()))
        self.rounds, self.reach = 0, BUSY
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        rnd, n = random.Random(5), 1000  # no value that a document had
        while not self.stop:
            n += 1
            for k in KINDS:
                with self.lock:
                    id, change = rnd.randrange(self.reach), k.write(n)
                    try:
                        self.db[k.name].update_one({"_id": id}, {"$set": change})
                        self.docs[k.name][id] = dict(self.docs[k.name][id], **change)
                    except pymongo.errors.PyMongoError:
                        pass  # a conflict with a batch: nothing was written
            self.rounds += 1
            time.sleep(0.02)

    def everywhere(self, lab):
        """For some rounds any document is written: what a plan has changed too."""
        stood, self.reach = self.rounds, DOCS
        lab.until("writes of what was changed", lambda: self.rounds > stood + 30)
        self.reach = BUSY

    def end(self):
        self.stop = True
        self.thread.join()


def check(db, writers, k, done, what):
    with writers.lock:
        want = {i: k.becomes(d) if done else d for i, d in writers.docs[k.name].items()}
        M.same({d["_id"]: d for d in db[k.name].find()}, want, "%s, %s" % (k.ns, what))


def ask(lab):
    plans = {k.name: [c["id"] for c in lab.ask(k.text)["cards"]] for k in KINDS}
    for k in KINDS:
        L.require(len(plans[k.name]) == k.cards, "%s: %d cards" % (k.text, len(plans[k.name])))
        for id in plans[k.name][-k.changes:]:
            C.approved(lab, id)
    return plans


def foretold(lab, db, k, id):
    """What is kept takes what the card says, within a fifth."""
    card = lab.card(id)
    name = next(n for n in card["blast_radius"]["namespaces"] if "signalbox_before_" in n).split(".", 1)[1]
    stats = db.command("collStats", name)
    took, says = stats["size"] + stats["count"] * 32, card["blast_radius"]["est_bytes"]
    L.require(0.8 * took <= says <= 1.25 * took, "%s: %d bytes are kept, %d were foretold" % (k.ns, took, says))
    print("%s: %d bytes kept, %d foretold" % (k.ns, took, says), flush=True)


def everyone(lab, gate, ids, what):
    lab.until(what, lambda: gate.came >= set(ids))
    lab.kill()


def there_and_back(lab, db, writers, gate):
    keeps = {}
    gate.keep_back(lambda card, step, at, undo: at >= WHOLE - 1 and not undo)
    plans = ask(lab)
    ids = {id: k for k in KINDS for id in plans[k.name][-k.changes:]}
    keeps.update({id: k for id, k in ids.items() if k.keeps})
    first = [plans[k.name][-k.changes] for k in KINDS]
    everyone(lab, gate, first, "every plan behind its first batch")
    gate.keep_back(lambda card, step, at, undo: at >= WHOLE - 1 and not undo and (step == 2 if card in keeps else at >= 2 * WHOLE - 1))
    lab.start()
    everyone(lab, gate, first, "every plan behind a second place")
    gate.keep_back(lambda card, step, at, undo: at >= 2 * WHOLE - 1 and not undo)
    lab.start()
    lab.until("every plan before its last batch", lambda: gate.came >= set(first))
    with writers.lock:
        db.client.admin.command({"replSetStepDown": 20, "force": True})
    gate.keep_back(lambda card, step, at, undo: False)
    for id in ids:
        lab.until_state(id, "done")
    for k in KINDS:
        check(db, writers, k, True, "at the end")
    for id, k in keeps.items():
        foretold(lab, db, k, id)
    writers.everywhere(lab)
    for id in reversed(list(ids)):
        lab.run("cards", "rollback", id, "--target", ids[id].ns)
        lab.until_state(id, "rolled_back")
    return plans


def from_the_middle(lab, db, writers, gate):
    keeps = set()
    gate.keep_back(lambda card, step, at, undo: at >= WHOLE - 1 and not undo and (step == 2 or card not in keeps))
    plans = ask(lab)
    keeps.update(id for k in KINDS if k.keeps for id in plans[k.name][-1:])
    first = {plans[k.name][-k.changes]: k for k in KINDS}
    lab.until("every plan in its middle", lambda: gate.came >= set(first))
    for id, k in first.items():
        lab.run("cards", "rollback", id, "--target", k.ns)
    gate.keep_back(lambda card, step, at, undo: False)
    for id in first:
        lab.until_state(id, "rolled_back")
    for k in KINDS:
        for id in plans[k.name][:-k.changes]:  # and the phase in front of it
            lab.run("cards", "rollback", id, "--target", k.ns)
            lab.until_state(id, "rolled_back")
    return plans


def settled(db, writers, what):
    """What was written in the old type stays, what in the new one too: nothing of a plan is left."""
    for k in KINDS:
        check(db, writers, k, False, what)
    left = [n for n in db.list_collection_names() if n.startswith("signalbox_")]
    L.require(not left, "left behind: %s" % left)


def main():
    lab = L.Lab(C.SCENARIO, speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    writers = Writers(client.shop)
    try:
        C.one_approval(lab)
        gate = Gate(lab)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        for part, says in ((there_and_back, "eight kinds of change, each killed twice, compared and taken back"), (from_the_middle, "each taken back from its middle, and from the phase before")):
            plans = part(lab, client.shop, writers, gate)
            settled(client.shop, writers, "taken back")
            for ids in plans.values():
                for id in ids:
                    lab.check_record(id)
            print("ok: %s" % says, flush=True)
        lab.stop()
        lab.verify()
        return 0
    except L.Failure as e:
        print("FAIL: %s" % e)
        return 1
    finally:
        writers.end()
        client.close()
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
