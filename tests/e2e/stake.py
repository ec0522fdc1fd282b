#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request would touch, told without asking it: by the owner that watches the deployment, by a short connection where nobody does, and what
nobody can know is said. No case and no card come of it, and nothing is written into the record but the commands that were sent."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402


def stake(lab, text):
    done = lab.run("ask", "--dry-run", "--json", text, check=False)
    L.require(done.returncode == 0, "%s: %s%s" % (text, done.stdout, done.stderr))
    facts = json.loads(done.stdout)[0]["impact"]
    L.require(len({f["what"] for f in facts}) == len(facts), "a fact is told twice: %s" % facts)
    return {f["what"]: f for f in facts}


def main():
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), proxy=False)
    try:
        # nobody watches: the size by a connection of its own, the rest is blind
        told = stake(lab, "speed up shop.orders")
        L.require(told["size"]["coverage"] == "measured" and " documents, " in told["size"]["value"], "%s" % told)
        L.require([f["coverage"] for w, f in told.items() if w.startswith("traffic")] == ["blind"], "%s" % told)
        L.require(not os.path.exists(lab.state + "/ledger.db"), "a dry run made a ledger")

        # an owner: all of it, from where it is known
        lab.start()
        told = lab.until("what the owner knows", lambda: (lambda t: t if t.get("traffic", {}).get("coverage") == "measured" else None)(stake(lab, "speed up shop.orders")))
        L.require({"environment", "size", "traffic", "applications", "sensitive fields", "other plans here", "change windows", "what could be brought back"} <= set(told), "%s" % told)
        L.require(told["other plans here"]["value"] == "none is open" and told["size"]["coverage"] == "measured", "%s" % told)
        id = lab.propose(window=None)
        told = stake(lab, "add an index on shop.orders {total: 1}")
        L.require(id in told["other plans here"]["value"] and "queued behind it" in told["other plans here"]["value"], "a plan that is open there: %s" % told)
        text = lab.run("ask", "--dry-run", "speed up shop.orders").stdout
        L.require("at stake:" in text and "traffic: " in text and "measured)" in text, text)
        L.require(json.loads(lab.run("ask", "--dry-run", "--json", "prove %s, please" % id).stdout)[0].get("try_out") == id, "a card that is to be tried out is read as an intent")
        L.require(len(lab.entries("request")) == 1 and len(lab.entries("recommendation")) == 1, "a dry run opened a case")
        lab.verify()
    finally:
        lab.close()


try:
    main()
except L.Failure as e:
    print("FAIL: %s" % e)
    sys.exit(1)
print("stake: ok")
