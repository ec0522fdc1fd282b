#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A field that is added, and one that is removed, in batches: the owner dies at each boundary of a batch, and is stopped, paused
and rolled back between two of them, while an application writes. What every document says at the end is worked out here, from
what was there and what the application wrote; the oplog tells how often the plan has changed each of them.

  backfill_crash.py          one of them forward for each kind, and one on the way back
  backfill_crash.py --long   each of them
  backfill_crash.py added|removed|between_batches|at_once...
"""
import os
import random
import sys
import threading

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as S  # noqa: E402

OWNER = L.BUILD + "/tests/e2e/crash_owner"
DOCS = 2000        # so that what is left is always more than a batch
FORWARD = ("iterate.turn:2", "execute.intent.before:2", "ledger.append.committed:2", "execute.send.before:2", "execute.send.after:2", "execute.result.before:2",
           "execute.result.after:2", "iterate.verified:1", "record.moved:1")
BACK = ("undo.intent.before:2", "undo.intent.after:2", "execute.send.after:2", "undo.result.before:2", "undo.result.after:2", "iterate.verified:1", "undo.done:1")
LONG = "--long" in sys.argv


RUNNING = []


class Application:
    """Writes a counter of its own into documents, and knows what it has written."""

    def __init__(self, coll, seen=()):
        self.coll, self.seen, self.over = coll, dict(seen), threading.Event()
        RUNNING.append(self)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        rnd, n = random.Random(3), 0
        while not self.over.is_set():
            n, id = n + 1, rnd.randrange(DOCS)
            self.coll.update_one({"_id": id}, {"$set": {"seen": n}})
            self.seen[id] = n
            self.over.wait(0.01)

    def end(self):
        self.over.set()
        self.thread.join()


def check(coll, app, expected, what):
    """expected: _id -> document without the application's counter."""
    app.end()
    want = {id: dict(doc, seen=app.seen[id]) if id in app.seen else doc for id, doc in expected.items()}
    found = {d["_id"]: d for d in coll.find()}
    wrong = [id for id in set(want) | set(found) if want.get(id) != found.get(id)]
    L.require(not wrong, "%s: %d documents are not what they must be, such as %r: %r, not %r" %
              (what, len(wrong), wrong[:1], found.get(wrong[0]) if wrong else "", want.get(wrong[0]) if wrong else ""))


def changes(client, ns, field, how):
    """By _id, how often the oplog says that the field was set ("i", "u") or taken away ("d")."""
    counts = {}
    for e in client.local["oplog.rs"].find({"$or": [{"ns": ns, "op": "u"}, {"o.applyOps.ns": ns}]}):
        for op in e["o"].get("applyOps", [e]):  # of a batch that was a transaction
            if op["ns"] == ns and op["op"] == "u" and field in op["o"].get("diff", {}).get(how, {}):
                counts[op["o2"]["_id"]] = counts.get(op["o2"]["_id"], 0) + 1
    return counts


def die_at(lab, point):
    """An owner in the place of the present one dies there."""
    lab.stop()
    lab.start(program=OWNER, env={"SIGNALBOX_CRASH_AT": point}, wait=False)
    try:
        lab.owner.wait(L.PATIENCE)
    except Exception:
        raise L.Failure("%s was not come by in %g s\n%s" % (point, L.PATIENCE, lab.log()))
    L.require(lab.owner.returncode == -9, "at %s the owner ended with %d\n%s" % (point, lab.owner.returncode, lab.log()))


def slow_batches(lab, id):
    """Small ones, so that whatever comes next comes between two of them."""
    lab.until("a batch of %s" % id, lambda: S.batches(lab, id))
    lab.run("cards", "edit", id, "--set", "batch_docs=20", "--set", "batch_delay_ms=60")


def large_batches(lab, id, *ends):
    """So that the rest does not take long: as soon as a new owner has taken it up, unless it is over by then."""
    lab.until("%s taken up, or over" % id, lambda: lab.run("cards", "edit", id, "--set", "batch_docs=100", check=False).returncode == 0 or lab.state_of(id) in ends)


def carried_out(lab, id, points):
    S.approved(lab, id)
    slow_batches(lab, id)
    for point in points:
        die_at(lab, point)
    lab.start()
    large_batches(lab, id, "watching", "done")
    lab.until_state(id, "watching", "done")


def added(lab, client):
    """Added under crashes, and rolled back under crashes."""
    coll = client.shop.added
    docs = {d["_id"]: d for d in coll.find()}
    app = Application(coll)
    id = lab.ask('add field state with default "new" to shop.added')["cards"][0]["id"]
    carried_out(lab, id, FORWARD if LONG else FORWARD[4:5])
    check(coll, app, {i: dict({"_id": i, "state": "new"}, **d) for i, d in docs.items()}, "added")
    once = changes(client, "shop.added", "state", "i")
    wrong = {i: once.get(i, 0) for i, d in docs.items() if once.get(i, 0) != ("state" not in d)}
    L.require(not wrong, "not added exactly once: %s" % list(wrong.items())[:5])
    app = Application(coll, app.seen)
    lab.run("cards", "rollback", id, "--target", "shop.added")
    lab.until("a batch of the way back", lambda: S.batches(lab, id, undo=True))
    for point in BACK if LONG else BACK[1:2]:
        die_at(lab, point)
    lab.start()
    lab.until_state(id, "rolled_back")
    check(coll, app, docs, "rolled back")
    lab.check_record(id)


def removed(lab, client):
    """A field that nobody writes any more, taken away under crashes."""
    coll = client.shop.removed
    app = Application(coll)
    looking, contract = [c["id"] for c in lab.ask("remove field legacy from shop.removed")["cards"]]
    carried_out(lab, contract, FORWARD if LONG else FORWARD[5:6])
    check(coll, app, {i: {"_id": i, "kept": -i} for i in range(DOCS)}, "removed")
    once = changes(client, "shop.removed", "legacy", "d")
    wrong = {i: once.get(i, 0) for i in range(DOCS) if once.get(i, 0) != (i % 3 > 0)}
    L.require(not wrong, "not removed exactly once: %s" % list(wrong.items())[:5])
    lab.check_record(looking)
    lab.check_record(contract)


def at_once(lab, client):
    """Four batches away at once: killed between two answers of one turn, and at moments that nobody chose; rolled back the same way."""
    coll = client.shop.crowd
    docs = {d["_id"]: d for d in coll.find()}
    app = Application(coll)
    id = lab.ask('add field state with default "new" to shop.crowd')["cards"][0]["id"]
    S.approved(lab, id)
    lab.until("a batch of %s" % id, lambda: S.batches(lab, id))
    refused = lab.run("cards", "edit", id, "--set", "batches_at_once=9", check=False)
    L.require(refused.returncode == 2 and "between 1 and 8" in refused.stderr, "nine at once: %d %s" % (refused.returncode, refused.stderr))
    lab.run("cards", "edit", id, "--set", "batch_docs=5", "--set", "batches_at_once=4")
    lab.until("four batches of one turn", lambda: any(b.get("beside") == 3 for b in S.batches(lab, id)))
    seed = random.randrange(1 << 30)
    moments = random.Random(seed)
    print("at_once: the moments of seed %d" % seed, flush=True)
    die_at(lab, "execute.result.after:2")
    for _ in range(6 if LONG else 1):
        stands = len(S.batches(lab, id))
        lab.start()
        lab.until("more batches, or the end", lambda: len(S.batches(lab, id)) > stands or lab.state_of(id) != "executing")
        app.over.wait(moments.random() * 0.4)
        lab.kill()
    lab.start()
    large_batches(lab, id, "watching", "done")
    lab.until_state(id, "watching", "done")
    check(coll, app, {i: dict({"_id": i, "state": "new"}, **d) for i, d in docs.items()}, "four at once, seed %d" % seed)
    once = changes(client, "shop.crowd", "state", "i")
    wrong = {i: once.get(i, 0) for i, d in docs.items() if once.get(i, 0) != ("state" not in d)}
    L.require(not wrong, "seed %d: not changed exactly once: %s" % (seed, list(wrong.items())[:5]))
    app = Application(coll, app.seen)
    lab.run("cards", "rollback", id, "--target", "shop.crowd")
    lab.until("a batch of the way back", lambda: S.batches(lab, id, undo=True) or lab.state_of(id) == "rolled_back")
    lab.run("cards", "edit", id, "--set", "batch_docs=10", "--set", "batches_at_once=8" if LONG else "batches_at_once=4", check=False)
    die_at(lab, "undo.result.after:3")
    lab.start()
    large_batches(lab, id, "rolled_back")
    lab.until_state(id, "rolled_back")
    check(coll, app, docs, "rolled back, seed %d" % seed)
    lab.check_record(id)


def between_batches(lab, client):
    """Paused: nothing is sent. Stopped: what was done is told and stays. Rolled back in the middle: all is as before."""
    coll = client.shop.between
    id = lab.ask('add field state with default "new" to shop.between')["cards"][0]["id"]
    S.approved(lab, id)
    slow_batches(lab, id)
    lab.run("cards", "pause", id)
    lab.until("the answer to the batch that was away", lambda: not lab.open_intents())
    stands, changed = len(S.batches(lab, id)), coll.count_documents({"state": "new"})
    lab.stop()  # and a new owner does not go on by itself
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
    L.require(lab.state_of(id) == "paused" and len(S.batches(lab, id)) == stands, "a batch was sent while it was paused")
    lab.run("cards", "resume", id)
    lab.until("more batches", lambda: len(S.batches(lab, id)) > stands + 2)
    lab.run("cards", "stop", id, "--reason", "a test stops it")
    lab.until_state(id, "failed")
    lab.until("the answer to the last batch", lambda: not lab.open_intents())
    stands = len(S.batches(lab, id))
    done = coll.count_documents({"state": "new"})
    L.require(changed < done < DOCS, "%d documents were changed when it was stopped, %d when it was paused" % (done, changed))
    lab.run("cards", "rollback", id, "--target", "shop.between")
    lab.until_state(id, "rolled_back")
    L.require(len(S.batches(lab, id)) == stands, "a batch was sent after the stop")
    L.require(coll.count_documents({"state": {"$exists": True}}) == 0, "what was stopped was not taken back")
    L.require(set(changes(client, "shop.between", "state", "i").values()) == {1}, "a document was changed twice")
    lab.check_record(id)
    id = lab.ask('add field state with default "newer" to shop.between')["cards"][0]["id"]
    S.approved(lab, id)
    slow_batches(lab, id)
    lab.run("cards", "rollback", id, "--target", "shop.between")  # while it runs
    lab.until_state(id, "rolled_back")
    L.require(coll.count_documents({"state": {"$exists": True}}) == 0, "what was rolled back in the middle was not taken back")
    lab.check_record(id)


def fill(db):
    """Before the owner looks: it plans nothing for a collection that it has not seen."""
    db.added.insert_many([{"_id": i, "state": "old"} if i % 50 == 7 else {"_id": i} for i in range(DOCS)])
    db.removed.insert_many([{"_id": i, "legacy": i, "kept": -i} if i % 3 else {"_id": i, "kept": -i} for i in range(DOCS)])
    db.between.insert_many([{"_id": i} for i in range(DOCS)])
    db.crowd.insert_many([{"_id": i, "state": "old"} if i % 50 == 7 else {"_id": i} for i in range(800)])


def main():
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), speed=40)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        S.one_approval(lab)
        fill(client.shop)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        words = [w for w in sys.argv[1:] if w != "--long"]
        for part in (added, removed, between_batches, at_once):
            if words and part.__name__ not in words:
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
        for app in RUNNING:
            app.end()
        client.close()
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
