#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A level that the program lowers by itself: one proposal that had to be taken back, where policy bears none."""
import json
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402


def set_up(lab):
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(tests=[], inputs={})
    bundle["autonomy"]["limits"] = {"L2": {"min_decisions": 10, "accepted_ppm": 600000, "rolled_back_ppm": 200000, "reversed_ppm": 200000, "early_failures": 1}}
    path = lab.dir + "/bundle.json"
    with open(path, "w") as f:
        json.dump(bundle, f)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set policy %s\n%s" % (path, rest))


def lowered(lab):
    return json.loads(lab.run("policy", "--json", "levels").stdout)["lowered"]


def a_level_is_lowered(lab):
    set_up(lab)
    lab.start()
    id = lab.propose(window=None)
    lab.approve(id)
    lab.until_state(id, "watching")
    L.require(not lowered(lab), "lowered without a failure")
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    lab.until("the level", lambda: lowered(lab))
    told = lowered(lab)
    L.require([(t["kind"], t["environment"], t["level"], t["lowered_to"], t["simulated"]) for t in told] == [("index.create", "staging", 2, 1, True)], told)
    L.require("index.create in staging is lowered from L2 to L1 until the policy is changed" in lab.log(), lab.log())
    L.require("lowered to L1 by the record of lab (SIMULATED)" in lab.run("policy", "levels").stdout, "the levels do not say so")

    # the next one is proposed and may be approved, and is not carried out: also by the next process
    lab.run("ask", "--json", "create an index on shop.orders {total: 1}")
    other = lab.until("a second card", lambda: [i for i in lab.ids() if i != id] or None)[0]
    lab.until_state(other, "awaiting_approval")
    lab.stop()
    lab.start()
    lab.until_state(other, "awaiting_approval")
    lab.approve(other)
    lab.until("the denial", lambda: "is at level 1 in staging" in lab.card(other)["note"])
    L.require(lab.state_of(other) == "scheduled" and len(lowered(lab)) == 1, "%s, %s" % (lab.state_of(other), lowered(lab)))
    L.require(len(lab.entries("step.intent")) == 2, "something was sent")  # the first card's step and its undo
    lab.stop()


def main():
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), proxy=False)
    try:
        a_level_is_lowered(lab)
        print("ok a_level_is_lowered")
        return 0
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
