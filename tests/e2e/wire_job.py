#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes over the wire: no write without an intent that was durable before it, no other write at all, the executor's
login only while a step is open, and an answer that was lost on the way doubles nothing."""
import hashlib
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402
import pymongo  # noqa: E402

INDEX = "customer_id_1_created_at_-1"


def every_write(lab):
    """Create, hide; create, drop; profile on, and off by itself. The wire and the record tell the same, in one order."""
    lab.start()
    hidden = lab.propose()
    lab.approve(hidden)
    lab.until_state(hidden, "failed")
    L.require(lab.card(hidden)["report"]["remedy"] == "hide", "the verdict's remedy: %s" % lab.card(hidden)["report"])
    lab.run("cards", "rollback", hidden)
    lab.until_state(hidden, "rolled_back")
    L.require(all(i and i.get("hidden") for i in lab.sim.index("shop.orders", INDEX)), "the index is not hidden on every member")

    answer = lab.ask("create an index on shop.orders {total: 1}")
    dropped = answer["cards"][0]["id"]
    lab.until_state(dropped, "awaiting_approval")
    lab.approve(dropped)
    lab.until_state(dropped, "watching")
    lab.run("cards", "rollback", dropped)
    lab.until_state(dropped, "rolled_back")
    L.require(not any(lab.sim.index("shop.orders", "total_1")), "the index is still there")

    profile = lab.ask("watch shop.orders closely")["cards"][0]["id"]
    lab.until_state(profile, "awaiting_approval")
    before = lab.sim.direct().shop.command({"profile": -1})
    lab.approve(profile)
    lab.until_state(profile, "watching")
    L.require(lab.sim.direct().shop.command({"profile": -1})["was"] == 1, "the profiler was not switched on")
    lab.until_state(profile, "rolled_back")
    after = lab.sim.direct().shop.command({"profile": -1})
    L.require((before["was"], before["slowms"]) == (after["was"], after["slowms"]), "the profiler stands at %s, it stood at %s" % (after, before))

    L.require([w.name for w in lab.proxy.writes] == ["createIndexes", "collMod", "createIndexes", "dropIndexes", "profile", "profile"],
              "sent: %s" % [w.name for w in lab.proxy.writes])
    for w in lab.proxy.writes:  # a time limit says nothing about a build, and must be there for what waits for a lock
        limited = '"maxTimeMS"' in w.text
        L.require(w.name == "profile" or limited == (w.name in ("dropIndexes", "collMod")), "%s %s a time limit: %s" % (w.name, "has" if limited else "has not", w.text))
    sent = [hashlib.sha256(w.text.encode()).hexdigest() for w in lab.proxy.writes]
    intents = [e["body"]["sha256"] for e in lab.entries("step.intent")]
    L.require(sent == intents, "the wire and the record differ:\n  %s\n  %s" % (sent, intents))
    for e in lab.entries("step.intent"):
        L.require(hashlib.sha256(e["body"]["command"].encode()).hexdigest() == e["body"]["sha256"], "entry %d's hash is not its command's" % e["seq"])
    lab.until("the executor's connections closed", lambda: not [c for c in lab.proxy.connections if c.app == "executor" and c.open])
    apps = {w.conn.app for w in lab.proxy.writes}
    L.require(apps == {"executor"}, "writes came from %s" % apps)
    other = {c for conn in lab.proxy.connections if conn.app == "executor" for c in conn.commands}
    allowed = {"hello", "isMaster", "ismaster", "endSessions", "createIndexes", "dropIndexes", "collMod", "profile"}
    L.require(other <= allowed, "the executor's login also sent %s" % (other - allowed))
    lab.stop()
    lab.verify()
    for id in (hidden, dropped, profile):
        lab.check_record(id)


def a_lost_answer(lab):
    """The server does it and the answer is lost: said to be in doubt, looked at, not sent again."""
    lab.start()
    id = lab.propose()
    lab.proxy.held.set()
    lab.approve(id)
    lab.until("doubt", lambda: [e for e in lab.entries("state") if e["body"]["to"] == "in_doubt"])
    lab.proxy.held.clear()
    lab.until_state(id, "watching", "failed")
    outcomes = [e["body"]["outcome"] for e in lab.entries("step.result")]
    L.require(outcomes == ["unknown", "ok"], "outcomes: %s" % outcomes)
    L.require(len(lab.proxy.writes) == 1, "it was sent %d times" % len(lab.proxy.writes))
    lab.proxy.held.set()
    lab.run("cards", "rollback", id)
    lab.until("doubt about the undo", lambda: len([e for e in lab.entries("state") if e["body"]["to"] == "in_doubt"]) == 2)
    lab.proxy.held.clear()
    lab.until_state(id, "rolled_back")
    L.require(len(lab.proxy.writes) == 2, "the undo was sent again: %s" % [w.name for w in lab.proxy.writes])
    lab.stop()
    lab.verify()
    lab.check_record(id)


class Meant(list):
    """Problems that are none."""

    def append(self, what):
        pass


def the_proxy_notices(lab):
    """A write that no intent stands for is noticed: the rest of this test rests on that."""
    stranger = pymongo.MongoClient(lab.proxy.uri, appName="stranger", serverSelectionTimeoutMS=20000)
    stranger.shop.orders.create_index("total")
    L.require(len(lab.wire_problems) == 2, "noticed: %s" % lab.wire_problems)
    executor = pymongo.MongoClient(lab.proxy.uri, appName="executor", serverSelectionTimeoutMS=20000)
    executor.admin.command("ping")
    L.require(len(lab.wire_problems) > 2, "the executor's login was not noticed")
    lab.wire_problems = Meant()  # also what is noticed of the two while they leave
    stranger.close()
    executor.close()


failed = 0
for case, scenario, speed in ((every_write, "crash-no-gain", 20), (a_lost_answer, "crash", 20), (the_proxy_notices, "crash", 20)):
    lab = L.Lab("%s/%s.scenario" % (HERE, scenario), speed=speed)
    try:
        case(lab)
        print("ok    %s" % case.__name__, flush=True)
    except Exception as e:
        failed += 1
        print("FAIL  %s: %s\n%s" % (case.__name__, e if isinstance(e, L.Failure) else traceback.format_exc(), lab.log()), flush=True)
    finally:
        lab.close()
sys.exit(1 if failed else 0)
