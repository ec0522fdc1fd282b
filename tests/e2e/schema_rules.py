#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a server does with documents by itself, brought in by plans on a simulated set while others write.

A validator goes through warn, watch and enforce, with the owner killed on the way: applications that break it hold the watch back,
documents that break it hold the enforcing back, and the way back puts there what stood there. Documents begin to expire in steps of
which each says beforehand how many go; what is left at the end is what this test says.

  schema_rules.py [--long] [validator|expire]   --long: all four classes of documents that break the validator
"""
import datetime
import json
import os
import sys
import threading
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402

DAY = datetime.timedelta(days=1)
LONG = "--long" in sys.argv


class Writer:
    """Writes documents by a function that may be turned; what the server refuses is counted."""

    def __init__(self, coll, make):
        self.coll, self.make, self.n, self.refused, self.stop = coll, make, 0, 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            try:
                self.coll.insert_one(self.make(self.n))
            except pymongo.errors.WriteError as e:
                L.require(e.code == 121, "a write failed with %s" % e)
                self.refused += 1
            except pymongo.errors.PyMongoError:
                time.sleep(0.05)
            self.n += 1
            time.sleep(0.01)

    def end(self):
        self.stop = True
        self.thread.join()


def options(db, coll):
    o = db.command("listCollections", filter={"name": coll})["cursor"]["firstBatch"][0]["options"]
    return (o.get("validator") or {}, o.get("validationLevel"), o.get("validationAction"))


def kill(lab):
    lab.kill()
    lab.start()


def good(n):
    return {"_id": 10000 + n, "name": "w%d" % n, "total": n + 0.5, "status": "ok", "note": n}


def bad(n):
    return dict(good(n), total=str(n))


def fill_accounts(client):
    """Four ways to break a rule: totals that are texts and convert, one that does not, a status that is missing, a tier that the collection's own
    validator does not know."""
    db = client.shop
    db.create_collection("accounts", validator={"$jsonSchema": {"properties": {"name": {"bsonType": "string"}, "tier": {"enum": ["free", "paid"]}}}}, validationLevel="moderate", validationAction="warn")
    rows = [{"_id": i, "name": "n%d" % i, "total": i + 0.5, "status": "ok"} for i in range(600)]
    for i in range(1, 600, 2):
        rows[i]["note"] = i
    for i in range(0, 600, 3):
        rows[i]["tier"] = "paid"
    for i in (3, 4, 5):
        rows[i]["total"] = str(i)
    rows[9]["tier"] = "gold"
    if LONG:
        for i in (7, 8):
            del rows[i]["status"]
        rows[11]["note"] = "not a number"
    db.accounts.insert_many(rows)
    return {r["_id"]: r for r in rows}


def repaired(docs):
    """What the plan makes of them, worked out here."""
    out = {}
    for i, d in docs.items():
        d = dict(d, status=d.get("status", ""), total=float(d["total"]))
        if d.get("tier") not in (None, "free", "paid"):
            del d["tier"]
        if isinstance(d.get("note"), str):
            del d["note"]
        out[i] = d
    return out


def mine(db):
    return {d["_id"]: d for d in db.accounts.find({"_id": {"$lt": 10000}})}


def validator(lab, client):
    db, docs = client.shop, mine(client.shop)
    was = options(db, "accounts")
    asked = lab.ask("how many documents of shop.accounts would fail a validator?")
    L.require(not asked.get("cards") and "%d of 600 documents do not keep to it" % (6 if LONG else 3) in asked["answer"], "the dry run: %s" % asked["answer"])
    L.require('"convert total to double in shop.accounts"' in asked["answer"], "how it is mended is not said: %s" % asked["answer"])
    L.require(options(db, "accounts") == was, "a question has changed the validator")
    answer = lab.ask("propose a validator for shop.accounts")
    cards = [lab.card(c["id"]) for c in answer["cards"]]
    warn, watch, enforce = cards[0]["id"], cards[1]["id"], cards[-1]["id"]
    repairs = cards[2:-1]
    classes = ([("contract", "note", 1), ("backfill", "status", 2)] if LONG else []) + [("backfill", "total", 3), ("contract", "tier", 1)]
    L.require([(c["kind"], c["steps"][1]["work"]["field"]) for c in repairs] == [c[:2] for c in classes],
              "the repairs: %s; %s" % ([(c["kind"], c["title"]) for c in repairs], answer["answer"]))
    L.require([c.get("after") for c in cards] == [None] + [c["id"] for c in cards[:-1]], "the phases do not follow each other")
    for c, (_, _, n) in zip(repairs, classes):
        told = [e["value"] for e in c["evidence"] if e["what"] == "documents that are changed"]
        L.require(len(told) == 1 and told[0].startswith("%d documents, such as " % n), "%s: what it comes to: %s" % (c["title"], told))
        L.require(any(e["what"] == "what is kept for the way back" for e in c["evidence"]) and c["blast_radius"]["est_bytes"] > 0, "%s: how much is kept is not said" % c["title"])
        L.require([s["undo_label"] for s in c["steps"]] == ["lossless"] * 2 and c["needs_person"], "%s: its way back" % c["title"])
    if LONG:
        again = lab.ask("propose a validator for shop.accounts")
        L.require(warn in again["answer"] and "already" in again["answer"], "it is proposed twice: %s" % again["answer"])
    C.approved(lab, warn)
    kill(lab)
    lab.until_state(warn, "done")
    now = options(db, "accounts")
    L.require(now[1:] == ("moderate", "warn") and now[0]["$and"][0] == was[0], "it does not warn: %s" % (now,))
    writer = Writer(db.accounts, bad)
    try:
        # an application that breaks it holds the watch back
        lab.until("a look at the writes", lambda: "validator does not accept" in (lab.card(watch).get("progress", {}).get("phase") or ""))
        L.require(writer.refused == 0, "a write was refused while it only warns")
        kill(lab)
        writer.make = good
        lab.until_state(watch, "done")
        # the documents that break it are mended, class by class
        for c in repairs:
            C.approved(lab, c["id"])
        lab.until_state(repairs[0]["id"], "done", "executing", "watching")
        kill(lab)
        for c in repairs:
            lab.until_state(c["id"], "done")
        found, want = mine(db), repaired(docs)
        wrong = [i for i in want if found.get(i) != want[i]]
        L.require(not wrong and len(found) == len(want), "documents that were mended otherwise: %s" % [(found.get(i), want[i]) for i in wrong[:3]])
        # and one that breaks it again holds the enforcing back: its gate is measured anew
        db.accounts.update_one({"_id": 20}, {"$set": {"total": "again"}})
        C.approved(lab, enforce)
        lab.until_state(enforce, "stale")
        L.require("a document of shop.accounts fits" in lab.card(enforce)["note"], "why it does not begin: %s" % lab.card(enforce)["note"])
        L.require(options(db, "accounts") == now, "it was enforced though documents break it")
        db.accounts.update_many({"total": {"$type": "string"}}, {"$set": {"total": 20.5}})
        lab.run("cards", "refresh", enforce)
        C.approved(lab, enforce)
        lab.until("the validator", lambda: options(db, "accounts")[1:] == ("strict", "error"))
        kill(lab)
        lab.until_state(enforce, "done")
        before = writer.n
        writer.make = bad
        lab.until("a refusal", lambda: writer.refused)
        writer.make = good
        lab.until("writes that keep to it", lambda: writer.n > before + 20)
    finally:
        writer.end()
    L.require(db.accounts.count_documents({"_id": {"$lt": 10000}, "total": {"$type": "string"}}) == 0, "a write that breaks it went through")
    L.require("refuses writes already" in lab.ask("propose a validator for shop.accounts")["answer"], "one that is enforced would be made to warn")
    lab.run("cards", "rollback", enforce, "--target", "shop.accounts")
    lab.until_state(enforce, "rolled_back")
    L.require(options(db, "accounts") == now, "what was enforced is not taken back: %s" % (options(db, "accounts"),))
    for id in [c["id"] for c in reversed(repairs)] + [watch, warn]:
        lab.run("cards", "rollback", id, "--target", "shop.accounts")
        lab.until_state(id, "rolled_back")
    L.require(options(db, "accounts") == was, "the validator that was there has not come back: %s" % (options(db, "accounts"),))
    found = mine(db)
    wrong = [i for i in docs if found.get(i) != docs[i]]
    L.require(not wrong, "what was mended has not come back: %s" % [(found.get(i), docs[i]) for i in wrong[:3]])
    for c in cards:
        lab.check_record(c["id"])


AGES = {i: i % 100 + 0.5 for i in range(1500)}  # of sessions, in days: none near a whole one


def fill_sessions(client):
    db = client.shop
    now = client.admin.command("hello")["localTime"]
    db.sessions.insert_many([{"_id": i, "lastSeen": now - a * DAY} for i, a in AGES.items()] + [{"_id": "text", "lastSeen": "2001-01-01"}, {"_id": "none"}])
    db.kept.insert_one({"lastSeen": now})
    db.old.insert_one({"seen": datetime.datetime(1901, 1, 1)})


def expire(lab, client):
    db = client.shop
    now = client.admin.command("hello")["localTime"]
    for text, says in (("expire documents in shop.kept 30 days after lastSeen", "is kept for 3650 days"), ("expire documents in shop.sessions 99 years after lastSeen", "68 years at the latest"),
                       ("expire documents in shop.old 30 days after seen", "older than 68 years"), ("expire documents in shop.sessions 30 days after never", "no document")):
        refused = lab.run("ask", "--json", text, check=False)
        said = json.loads(refused.stdout) if refused.stdout else {"ok": True, "answer": refused.stderr}
        L.require(not said["ok"] and says in said["answer"] and not said.get("cards"), "%s: %s %s" % (text, said, refused.stderr))
    cards = [c["id"] for c in lab.ask("expire documents in shop.sessions 30 days after lastSeen")["cards"]]
    L.require(len(cards) == 4, "%d cards" % len(cards))
    told = [int(lab.card(c)["phase"].split(": ")[1].split()[0]) for c in cards[1:]]
    gone = sum(a > 30 for a in AGES.values())
    L.require(sum(told) == gone and max(told) < gone * 0.6, "the steps say %s, and %d are old" % (told, gone))
    L.require([s["undo_label"] for c in cards for s in lab.card(c)["steps"]] == ["lossless"] + ["impossible"] * 3, "the labels are others")
    writer = Writer(db.sessions, lambda n: {"_id": "w%d" % n, "lastSeen": now})
    left = len(AGES)
    try:
        for i, card in enumerate(cards):
            if i == 1:  # more than it says would go: it waits until that is no longer so
                db.sessions.insert_many([{"_id": "more%d" % k, "lastSeen": now - 300 * DAY} for k in range(600)])
            C.approved(lab, card)
            if i == 1:
                lab.until("why it waits", lambda: "would go at once" in (lab.card(card).get("note") or ""))
                L.require(lab.state_of(card) in ("approved", "scheduled"), "it is %s though more would go than it says" % lab.state_of(card))
                db.sessions.delete_many({"_id": {"$regex": "^more"}})
            if i in (1, 2):
                lab.until("a document that has gone", lambda: db.sessions.count_documents({"_id": {"$type": "number"}}) < left)
                kill(lab)
            lab.until_state(card, "done")
            left -= told[i - 1] if i else 0
            lab.until("%d left" % left, lambda: db.sessions.count_documents({"_id": {"$type": "number"}}) == left)
    finally:
        writer.end()
    L.require({d["_id"] for d in db.sessions.find({"_id": {"$type": "number"}})} == {i for i, a in AGES.items() if a < 30}, "others are left than those that are young")
    L.require(db.sessions.count_documents({"_id": {"$in": ["text", "none"]}}) == 2, "what holds no date has gone")
    again = lab.run("ask", "--json", "expire documents in shop.sessions 30 days after lastSeen", check=False)
    L.require("already" in again.stdout + again.stderr, "the same is planned again: %s" % again)
    lab.run("cards", "rollback", cards[3], "--target", "shop.sessions")
    lab.until_state(cards[3], "rolled_back")
    def seconds():
        return next((i["expireAfterSeconds"] for i in db.sessions.list_indexes() if i["name"] == "lastSeen_1"), None)
    stood = seconds()
    L.require(stood > 30 * 86400, "it was not taken back: %s" % stood)
    longer = [c["id"] for c in lab.ask("expire documents in shop.sessions 95 days after lastSeen")["cards"]]
    L.require(len(longer) == 1 and [s["undo_label"] for s in lab.card(longer[0])["steps"]] == ["lossy"], "a longer time takes more than one card")
    lab.run("cards", "reject", longer[0], "--reason", "only asked")
    for card in cards[2::-1]:  # and each phase before it
        lab.run("cards", "rollback", card, "--target", "shop.sessions")
        lab.until_state(card, "rolled_back")
        L.require(seconds() is None if card == cards[0] else seconds() > stood, "%s was not taken back: %s, before %s" % (card, seconds(), stood))
        stood = seconds()
    for id in cards:
        lab.check_record(id)


PARTS = (("validator", fill_accounts, validator, 120, "a validator: warn, watch, the documents that break it mended class by class, enforce, with crashes; and back"),
         ("expire", fill_sessions, expire, 60, "documents that expire in steps, each of the size that it says"))


def run(fill, part, speed, says):
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), speed=speed)
    client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
    try:
        with open(lab.dir + "/config/signalbox/config", "a") as f:
            f.write('retention shop.kept 3650d "tax law"\n')
        C.one_approval(lab)
        fill(client)
        lab.start()
        lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
        part(lab, client)
        lab.stop()
        lab.verify()
        print("ok: %s" % says)
        return True
    except L.Failure as e:
        print("FAIL: %s: %s" % (says, e))
        return False
    finally:
        client.close()
        lab.close()


def main():
    return 0 if all([run(fill, part, speed, says) for name, fill, part, speed, says in PARTS if name in sys.argv[1:] or not [a for a in sys.argv[1:] if a != "--long"]]) else 1


if __name__ == "__main__":
    sys.exit(main())
