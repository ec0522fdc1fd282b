#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An owner that stands still or dies between a step's intent and its command.

A step that is checked and then done (class C) keeps the deployment with its owner until a person says that it is dead; when the owner wakes up,
the fence stops what it was about to send. In maintenance a card waits. One whose step is idempotent (class I) is taken over by itself, behind
the fence."""
import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402
import store_lab as S  # noqa: E402

OWNER = L.BUILD + "/tests/e2e/crash_owner"


def stands_still(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def ask(lab, host, text):
    """The one card that comes of it."""
    def answered():
        done = host.run("ask", "--json", text, check=False)
        return json.loads(done.stdout)["cards"] if done.returncode == 0 else None
    return lab.until("an answer to: " + text, answered)[0]["id"]


def card(host, id):
    done = host.run("cards", "--json", "show", id, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def approve(lab, host, id):
    c = lab.until("%s to await its approval" % id, lambda: (lambda x: x if x.get("state") == "awaiting_approval" else None)(card(host, id)))
    host.run("cards", "approve", id, "--hash", c["hash"], "--target", c["target"])


def lease(lab):
    return lab.leases().get("shop", {})


def fence(client):
    return (client.signalbox_fence.epoch.find_one({"_id": "epoch"}) or {}).get("epoch")


def names(client):
    return set(client.shop.list_collection_names())


def paused(lab, client, one, two):
    """A stopped owner is not overtaken in a step of class C without a person's word, and is fenced when it wakes up."""
    mine = lease(lab)["owner"]
    dead = ("store", "take-over", "shop", "--proven-dead", "its host is switched off")
    L.require(two.run(*dead, check=False).returncode == 1, "one that lives was said to be dead")
    approve(lab, one, ask(lab, one, "rename collection shop.tags to shop.labels"))
    lab.until("the owner to stand still", lambda: stands_still(one.process.pid))
    L.require(lease(lab)["open"]["class"] == "C" and lease(lab)["owner"] == mine and fence(client) is None, "%s" % lease(lab))
    over = lease(lab)["until"]
    lab.until("two leases' time by the store's clock", lambda: (lab.now() - over).total_seconds() > 6)
    L.require(lease(lab)["owner"] == mine and lease(lab)["epoch"] == 1, "it was overtaken: %s" % lease(lab))
    L.require("only a person may say" in two.run("store", "leases").stdout, two.run("store", "leases").stdout)
    said = two.run(*dead).stdout
    L.require("may be taken over" in said and "may still arrive" in said, said)
    lab.until("the second to own it", lambda: lease(lab)["epoch"] == 2 and lease(lab)["owner"] not in ("", mine))
    lab.until("the fence", lambda: fence(client) == 2)
    taken = [e["body"] for e in two.entries("lease") if e["body"]["event"] == "taken"][-1]
    L.require(taken["epoch"] == 2 and taken["forced"]["reason"] == "its host is switched off" and taken["forced"]["owner"] == mine and taken["forced"]["step"] == 1, "%s" % taken)
    os.kill(one.process.pid, signal.SIGCONT)
    result = lab.until("what became of the step", lambda: one.entries("step.result"))[0]["body"]
    L.require(result["outcome"] == "failed" and "fenced: another console holds epoch 2" in result["message"], "%s" % result)
    lab.until("the first to know", lambda: [e for e in one.entries("lease") if e["body"]["event"] == "lost"])
    L.require("tags" in names(client) and "labels" not in names(client), "it was sent: %s" % names(client))


def maintained(lab, client, two):
    """In maintenance a card waits with the reason, and goes on afterwards."""
    two.run("store", "maintenance", "shop", "on", "--until", "1h", "--reason", "disks are exchanged")
    L.require("disks are exchanged" in two.run("store", "leases").stdout, "it is not listed")
    id = ask(lab, two, "create an index on shop.orders {customer_id: 1, created_at: -1}")
    approve(lab, two, id)
    lab.until("the card to wait", lambda: "disks are exchanged" in (card(two, id).get("note") or ""))
    L.require(not two.entries("step.intent"), "a step was begun in maintenance")
    two.run("store", "maintenance", "shop", "off")
    lab.until("the index", lambda: "customer_id_1_created_at_-1" in client.shop.orders.index_information())
    lab.until("the step to be closed", lambda: lease(lab)["open"] is None)


def dead(lab, client, one, two):
    """One that dies in a step of class I is taken over by itself, behind the fence."""
    open(two.dir + "/arm", "w").close()
    approve(lab, two, ask(lab, two, "create an index on shop.orders {total: 1}"))
    two.process.wait(L.PATIENCE)
    L.require(lease(lab)["open"]["class"] == "I" and lease(lab)["epoch"] == 2, "%s" % lease(lab))
    lab.until("the first to own it again", lambda: lease(lab)["epoch"] == 3 and lease(lab)["owner"])
    lab.until("the fence", lambda: fence(client) == 3)
    lab.until("the step to be closed", lambda: lease(lab)["open"] is None)
    L.require("total_1" not in client.shop.orders.index_information(), "it was sent by nobody, and is there")
    L.require(one.end() == 0 and lease(lab)["owner"] == "", "it was not given back: %s" % lease(lab))


def main():
    lab = S.StoreLab(["shop"], members=3, scenario=os.path.join(HERE, "crash.scenario"), lease_s=3, speed=20)
    client = lab.deployments["shop"].client
    try:
        client.shop.tags.insert_many([{"_id": i, "label": "l%d" % i} for i in range(50)])
        one, two = lab.host("one"), lab.host("two")
        one.start("--deployment", "shop", program=OWNER, env={"SIGNALBOX_CRASH_AT": "tenure.fence.before:1", "SIGNALBOX_CRASH_STOP": "1"})
        lab.until("the first to own it", lambda: lease(lab).get("epoch") == 1)
        two.start("--deployment", "shop", program=OWNER, env={"SIGNALBOX_CRASH_AT": "execute.send.fenced:1", "SIGNALBOX_CRASH_ARM": two.dir + "/arm"})
        lab.until("the second to know that it does not", lambda: "owns the deployment: nothing is executed from here" in two.log())
        for part, more in ((paused, (one, two)), (maintained, (two,)), (dead, (one, two))):
            began = time.monotonic()
            part(lab, client, *more)
            print("ok: %s (%.1f s)" % (part.__doc__, time.monotonic() - began), flush=True)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
