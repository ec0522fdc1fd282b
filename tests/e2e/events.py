#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A watch window that waits for something to happen in time: it comes, also across a restart, and the verdict follows; it does
not, and that is FAIL whatever the measures say."""
import json
import os
import shutil
import socket
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import dumps  # noqa: E402
import lab as L  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")


def watched(lab, id, events):
    """The card is carried out and watched, waiting for these events."""
    lab.run("cards", "edit", id, "--set", "watch_events=" + events)
    lab.approve(id)
    lab.until_state(id, "watching", "failed")
    return id


def report(lab, id):
    return lab.card(id)["report"]


def awaited(lab, id):
    """What is an event among the readings."""
    card = lab.card(id)
    at = [i for i, c in enumerate(card["watch"]["criteria"]) if c["metric"] == "event"]
    readings = card["report"].get("readings", [])
    return [readings[i] for i in at if i < len(readings)]


def it_comes(lab):
    lab.start()
    id = lab.propose()
    for text, word in (("lunch within 1h", "is no event"), ("request", "is no event"), ("request within 10s", "1m to 90d"), ("request within 1h,", "is missing"),
                       ("schedule:../x within 1h", "is no event")):
        done = lab.run("cards", "edit", id, "--set", "watch_events=" + text, check=False)
        L.require(done.returncode == 2 and word in done.stderr, "%s: exit %d: %s" % (text, done.returncode, done.stderr))
    watched(lab, id, "request within 24h")
    L.require("the next request comes, and is good" in lab.run("cards", "show", id).stdout, "the card does not say what it waits for")
    lab.until("the end of measuring", lambda: report(lab, id).get("measured"))
    L.require(lab.state_of(id) == "watching" and report(lab, id)["verdict"] == "none", "the verdict did not wait: %s" % report(lab, id))
    lab.kill()
    lab.start()
    L.require(lab.state_of(id) == "watching" and report(lab, id).get("measured"), "after a restart: %s" % report(lab, id))
    lab.run("ask", "status", check=False)
    lab.until_state(id, "done")
    asked = [e["seq"] for e in lab.entries("request")][-1]
    seen = awaited(lab, id)
    L.require(len(seen) == 1 and seen[0]["measured"] and not seen[0].get("breached") and seen[0]["note"] == "entry %d" % asked, "what was seen: %s" % seen)
    lab.stop()
    lab.check_record(id)
    lab.verify()


def it_does_not(lab):
    lab.start()
    id = watched(lab, lab.propose(), "request within 1m")
    lab.until_state(id, "failed")  # and stays so: the policy does not say that it is taken back
    said = report(lab, id)
    L.require(said["verdict"] == "FAIL" and "it has not come in time" in said["reason"], "the verdict: %s" % said)
    L.require(awaited(lab, id)[0]["breached"], "the reading: %s" % awaited(lab, id))
    L.require(not [e for e in lab.entries("state") if e["body"]["event"] == "rollback"], "it was rolled back, and nobody had asked")
    told = lab.until("the incident", lambda: [e["body"]["handoff"] for e in lab.entries("handoff") if e["body"]["handoff"]["why"].startswith(id + " failed its watch window")])
    L.require(len(told) == 1 and told[0]["to"] == "operator" and {"card", "request"} & {f["what"] for f in told[0]["evidence"]}, "the incident of who wrote the commands (somebody has edited them): %s" % told)
    L.require(any("the rollback of %s is prepared" % id in e["body"]["outcome"] for e in lab.entries("case.close")), "the incident does not say how it is taken back")
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    L.require(not any(lab.sim.index("shop.orders", "customer_id_1_created_at_-1")), "the index is still there")
    lab.stop()
    lab.check_record(id)


def it_is_taken_back(lab):
    """Where the policy grants L4 to rolling back, nobody has to ask for it: and one that died before it goes on with it."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="by-itself", tests=[], inputs={})
    bundle["autonomy"]["levels"].append({"kinds": ["rollback"], "env": "staging", "level": "L4", "until": "2099-12-31", "reason": "a test"})
    with open(lab.dir + "/by-itself.json", "w") as f:
        json.dump(bundle, f)
    with open(lab.dir + "/config/signalbox/config", "r+") as f:
        rest = f.read()
        f.seek(0)
        f.write("set policy %s/by-itself.json\n%s" % (lab.dir, rest))
    arm = lab.dir + "/arm"
    lab.start(program=os.path.join(L.BUILD, "tests/e2e/crash_owner"), env={"SIGNALBOX_CRASH_AT": "watch.take_back:1", "SIGNALBOX_CRASH_ARM": arm})
    id = lab.propose()
    open(arm, "w").close()
    watched(lab, id, "request within 1m")
    lab.until("the owner's death", lambda: lab.owner.poll() is not None)
    L.require([e["body"]["to"] for e in lab.entries("state")][-1] == "failed", "it died elsewhere")
    lab.start()
    lab.until_state(id, "rolled_back")
    moves = [e for e in lab.entries("state") if e["body"]["event"] == "rollback"]
    L.require(len(moves) == 1 and moves[0]["actor"]["principal"] == "orchestrator", "who rolled it back: %s" % moves)
    L.require(not any(lab.sim.index("shop.orders", "customer_id_1_created_at_-1")), "the index is still there")
    lab.stop()
    lab.check_record(id)
    lab.verify()


def look_at_backups(lab):
    """As a screen asks for it that shows what could be brought back."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(lab.state + "/socket")
        s.sendall(b'{"type":"hello","seq":1,"body":{"how":"cli"}}\n{"type":"get_recovery","seq":2,"body":{"text":""}}\n')
        for line in s.makefile("rb"):
            m = json.loads(line)
            if m["seq"] == 2 and m["type"] == "answer":
                return L.require(m["body"]["ok"], "the backups are not looked at: %s" % m)


def dump(path, broken=False):
    """Made by another tool, now."""
    dumps.folder(path, [dumps.Collection("shop", "orders", [{"_id": i} for i in range(20)])])
    if broken:
        os.remove(path + "/shop/orders.bson")


def with_backups(lab, path):
    with open(lab.dir + "/config/signalbox/config", "a") as f:
        f.write("backup %s\n" % path)


def a_backup_comes(lab):
    """By another tool: it is seen where the config says that backups lie. What lay there before, and what is broken, is not it."""
    place = lab.dir + "/dumps"
    lab.start()
    id = lab.propose()
    done = lab.run("cards", "edit", id, "--set", "watch_events=backup within 24h", check=False)
    L.require(done.returncode == 2 and "names no place where backups lie" in done.stderr, "exit %d: %s" % (done.returncode, done.stderr))
    lab.stop()
    dump(place + "/monday")
    with_backups(lab, place)
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "--json", "status", check=False).returncode == 0)
    watched(lab, id, "backup within 24h")
    L.require("the next backup lies there, and is usable" in lab.run("cards", "show", id).stdout, "the card does not say what it waits for")
    dump(place + "/broken", broken=True)
    look_at_backups(lab)
    lab.until("the end of measuring", lambda: report(lab, id).get("measured"))
    L.require(lab.state_of(id) == "watching", "it did not wait: %s" % report(lab, id))
    lab.kill()
    before = time.time()
    dump(place + "/tuesday")
    lab.start()
    lab.until("the verdict", lambda: look_at_backups(lab) or lab.state_of(id) == "done")  # while it may still be written it is none
    seen = awaited(lab, id)
    L.require(len(seen) == 1 and seen[0]["measured"] and not seen[0].get("breached") and seen[0]["note"].startswith("a backup of 2"), "what was seen: %s" % seen)
    made = seen[0]["note"][len("a backup of "):]
    L.require(abs(time.mktime(time.strptime(made[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - before) < 3600, "not that of now: %s" % made)
    lab.stop()
    lab.check_record(id)
    lab.verify()


def a_backup_does_not(lab):
    """Its time is over: what lies there is looked at once more. A broken one is none, and is named; a place that cannot be
    looked at proves nothing."""
    place = lab.dir + "/dumps"
    dump(place + "/monday")
    with_backups(lab, place)
    lab.start()
    blind = lab.propose()
    shutil.move(place, place + ".away")
    watched(lab, blind, "backup within 1m")
    lab.until_state(blind, "done")
    said = report(lab, blind)
    L.require(said["verdict"] == "INCONCLUSIVE", "the verdict: %s" % said)
    L.require(awaited(lab, blind)[0]["note"] == "not every place where backups lie could be looked at", "the reading: %s" % awaited(lab, blind))
    shutil.move(place + ".away", place)
    missed = lab.ask("create an index on shop.orders {total: 1}")["cards"][0]["id"]
    lab.until_state(missed, "awaiting_approval")
    lab.run("cards", "edit", missed, "--set", "watch_window_s=60")
    watched(lab, missed, "backup within 1m")
    dump(place + "/broken", broken=True)
    lab.until_state(missed, "failed")  # whatever the measures say
    said = report(lab, missed)
    L.require(said["verdict"] == "FAIL" and "it has not come in time; what came cannot be used" in said["reason"], "the verdict: %s" % said)
    lab.stop()
    for card in (blind, missed):
        lab.check_record(card)


def main():
    failed = 0
    tests = (it_comes, it_does_not, it_is_taken_back, a_backup_comes, a_backup_does_not)
    for test in tests if len(sys.argv) < 2 else [t for t in tests if t.__name__ in sys.argv[1:]]:
        lab = L.Lab(QUICK)
        try:
            test(lab)
            print("ok", test.__name__)
        except Exception:
            failed += 1
            print("FAILED", test.__name__)
            traceback.print_exc()
        finally:
            lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
