#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An operation of a client is ended by a card, over real sockets: a pymongo client's update that waits for another client's
transaction. What is not ended from here, and what has ended by itself meanwhile."""
import os
import sys
import threading
import time

import pymongo
import pymongo.errors

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402


class Stuck:
    """A transaction that holds a document, and an update of another client that waits for it."""

    def __init__(self, lab, value):
        self.holder = pymongo.MongoClient(lab.sim.uri, appName="holder", serverSelectionTimeoutMS=20000)
        self.client = pymongo.MongoClient(lab.sim.uri, appName="stuck", serverSelectionTimeoutMS=20000, retryWrites=False)
        self.id = "kill-%d" % value
        self.holder.shop.orders.insert_one({"_id": self.id, "seen": 0})
        self.session = self.holder.start_session()
        self.session.start_transaction()
        self.holder.shop.orders.update_one({"_id": self.id}, {"$set": {"seen": value}}, session=self.session)
        self.error, self.done = None, False
        self.thread = threading.Thread(target=self.update)
        self.thread.start()
        self.op = lab.until("the update waits", lambda: self.find(lab) or self.ended())

    def update(self):
        try:
            self.client.shop.orders.update_one({"_id": self.id}, {"$set": {"seen": -1}})
            self.done = True
        except pymongo.errors.PyMongoError as e:
            self.error = e

    def ended(self):
        L.require(self.thread.is_alive(), "the update did not wait: %r" % (self.error or "it was done"))

    def find(self, lab):
        ops = lab.sim.direct().admin.command("currentOp", {"appName": "stuck", "active": True})["inprog"]
        return next((o for o in ops if "update" in o.get("command", {}) and o.get("writeConflicts")), None)

    def close(self):
        if self.session.in_transaction:
            self.session.abort_transaction()
        self.thread.join(L.PATIENCE)
        self.session.end_session()
        self.holder.close()
        self.client.close()


def asked(lab, text):
    done = lab.run("ask", text, check=False)
    return done.returncode, done.stdout + done.stderr


def propose(lab, stuck):
    before = lab.ids()
    text = "kill operation %d of conn%d on %s" % (stuck.op["opid"], stuck.op["connectionId"], lab.sim.members[0])
    code, said = asked(lab, text)
    L.require(code == 0 and len(lab.ids()) == len(before) + 1, "%s: exit %d: %s" % (text, code, said))
    id = lab.ids()[-1]
    lab.until_state(id, "awaiting_approval")
    return id


def killed(lab):
    stuck = Stuck(lab, 1)
    try:
        code, said = asked(lab, "what is running?")
        L.require(code == 0 and "update %d" % stuck.op["opid"] in said and "waits for another's write" in said, "it is not listed: " + said)
        id = propose(lab, stuck)
        card = lab.card(id)
        step = card["steps"][0]
        L.require(card["kind"] == "kill_op" and card["target"] == "shop.orders" and step["class"] == "X" and step["undo_label"] == "impossible" and step.get("undo") is None, card)
        L.require([c["check"] for c in step["check_before"]] == ["op_running"] and [c["check"] for c in step["check_after"]] == ["op_gone"], step)
        value = step["check_before"][0]["value"]
        session = stuck.op["lsid"]["id"].hex() if isinstance(stuck.op["lsid"]["id"], bytes) else stuck.op["lsid"]["id"].as_uuid().hex
        L.require('"conn%d"' % stuck.op["connectionId"] in value and session in value, value)
        lab.approve(id)
        lab.until_state(id, "done")
        stuck.thread.join(L.PATIENCE)
        L.require(isinstance(stuck.error, pymongo.errors.OperationFailure) and stuck.error.code == 11601 and not stuck.done, "its client was told %r" % stuck.error)
        mine = [e for e in lab.entries("step.intent", "step.result", "step.verified") if e["plan"]["card"] == id]
        L.require([e["kind"] for e in mine] == ["step.intent", "step.result", "step.verified"], [e["kind"] for e in mine])
        L.require('"$member":"%s"' % lab.sim.members[0] in mine[0]["body"]["command"].replace(" ", "") and mine[2]["body"]["ok"], mine)
        L.require("PASS" == lab.card(id)["report"]["verdict"], lab.card(id)["report"])
        refused = lab.run("cards", "rollback", id, "--target", "shop.orders", check=False)
        L.require(refused.returncode != 0 and "cannot be brought back" in refused.stderr + refused.stdout, refused.stderr)
        L.require(lab.state_of(id) == "done", "it is %s" % lab.state_of(id))
        lab.check_record(id)
    finally:
        stuck.close()


def ended_by_itself(lab):
    """What is on the card is read again: nothing is sent, and the card says why."""
    stuck = Stuck(lab, 2)
    try:
        id = propose(lab, stuck)
        stuck.session.commit_transaction()
        stuck.thread.join(L.PATIENCE)
        L.require(stuck.done, "the update failed: %r" % stuck.error)
        lab.approve(id)
        lab.until_state(id, "stale")
        L.require("does not run" in lab.card(id)["note"], lab.card(id)["note"])
        L.require(not [e for e in lab.entries("step.intent") if e["plan"]["card"] == id], "something was sent")
    finally:
        stuck.close()


def refused(lab):
    admin, member, before = lab.sim.direct().admin, lab.sim.members[0], len(lab.ids())
    code, said = asked(lab, "kill an operation")
    L.require(code and "Which operation?" in said, "%d %s" % (code, said))
    code, said = asked(lab, "kill operation 2147483000 on %s" % member)
    L.require(code and "no operation 2147483000 runs" in said, "%d %s" % (code, said))
    code, said = asked(lab, "kill operation 12 on db9.example.com:27017")
    L.require(code and "no member of this deployment" in said, "%d %s" % (code, said))
    for op, why in ((lambda o: o.get("desc") == "Checkpointer", "the server's own"), (lambda o: "hello" in o.get("command", {}) and o.get("appName") == "waiting", "neither a read nor a write")):
        client = pymongo.MongoClient(lab.sim.uri, appName="waiting", serverSelectionTimeoutMS=20000)
        client.admin.command("ping")
        found = lab.until(why, lambda: next((o for o in admin.command("currentOp", {"$all": True})["inprog"] if op(o)), None))
        code, said = asked(lab, "kill operation %d on %s" % (found["opid"], member))
        client.close()
        L.require(code and ("not ended from here" in said and why in said or "no operation" in said), "%d %s" % (code, said))
        L.require(why != "the server's own" or why in said, said)
    stuck = Stuck(lab, 3)
    try:
        code, said = asked(lab, "kill operation %d of conn999999 on %s" % (stuck.op["opid"], member))
        L.require(code and "not conn999999's" in said, "%d %s" % (code, said))
        code, said = asked(lab, "kill operation %d on %s" % (stuck.op["opid"], lab.sim.members[1]))
        L.require(code and "no operation" in said, "%d %s" % (code, said))
        L.require(stuck.find(lab) and not stuck.error, "it was ended all the same")
    finally:
        stuck.close()
    L.require(len(lab.ids()) == before, "a card came of what is refused: %s" % lab.ids())


def escape(t, text):
    """Leaves the page that says this; the first Escape may only dismiss a message. What is sent behind it comes late enough not to
    be Alt with a key."""
    for _ in range(100):
        if text not in t.flat():
            return
        t.send("\x1b")
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            t.pump(0.1)
    t.gone(text)


def on_a_screen(lab):
    """Two consoles join the owner, at both sizes: the update stands below the transaction that it waits for, X proposes, and each
    console says who else has the card open. The replay is of minutes that the owner has kept."""
    stuck = Stuck(lab, 4)
    screens = []
    try:
        before = len(lab.ids())
        for width, height in ((80, 24), (200, 60)):
            t = Terminal([L.PROGRAM, "console"], width, height, env=lab.env)
            screens.append(t)
            t.wait("Approvals")
            t.send(b"\x1b[15~")
            t.wait("What runs now")
            t.wait("update shop.orders %d" % stuck.op["opid"])
            rows = [line for line in t.text().split("\n") if "conn%d" % stuck.op["connectionId"] in line or " transaction " in line]
            L.require(len(rows) >= 2 and " transaction " in rows[0] and "\u2514 update" in rows[1], "\n".join(rows))
        t.send("X")
        t.wait("It is not ended from here: it is an open transaction")
        t.send("jX")
        t.wait("Asked: kill operation %d" % stuck.op["opid"])
        lab.until("the card", lambda: len(lab.ids()) == before + 1)
        id = lab.ids()[-1]
        lab.until_state(id, "awaiting_approval")
        for t in screens:
            escape(t, "What runs now")
            t.send("3\r")
            t.wait("%s rev 1" % id)
        for t in screens:
            t.wait("open too: ")
        t.send("<")
        t.wait("[ REPLAY ")
        t.send("=")
        t.gone("[ REPLAY ")
        escape(screens[0], "%s rev 1" % id)
        t.gone("open too: ")
        lab.run("cards", "reject", id, "--reason", "seen")
    finally:
        for t in screens:
            t.send("\x1bq")
            t.close()
        stuck.close()


def main():
    lab = L.Lab("calm", speed=2, proxy=False)
    try:
        lab.start()
        lab.until("a connection", lambda: asked(lab, "what is running?")[0] == 0)
        for part in (killed, ended_by_itself, refused, on_a_screen):
            part(lab)
            print("kill: %s" % part.__name__.replace("_", " "))
        lab.stop()
        lab.verify()
    finally:
        lab.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except L.Failure as e:
        print("kill: FAILED: %s" % e)
        sys.exit(1)
