#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A store whose members hang, with all their data: nothing is executed meanwhile and it is said why, the record goes on here, and when they
answer again the card goes on by itself, and the copy has no gaps."""
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import store as S  # noqa: E402


def what_hangs_is_made_up_for(lab, store):
    S.configure(lab, store.uri)
    lab.start()
    first = lab.propose()
    S.well(lab)
    os.kill(store.process.pid, signal.SIGSTOP)
    try:
        lab.approve(first)
        lab.until("that it is away is on the record", lambda: any(e["body"]["event"] == "away" for e in lab.entries("store")))
        lab.until("a card that waits", lambda: "store away: nothing is executed" in (lab.card(first) or {}).get("note", ""))
        lab.run("ask", "--json", "create an index on shop.orders {status: 1}", check=False)
        lab.until("the record of another card", lambda: len(lab.ids()) == 2)  # it goes on here
        L.require(not lab.entries("step.intent"), "a step was sent while the store was away")
        L.require(S.status(lab)["state"] == "away", "%s" % S.status(lab))
    finally:
        os.kill(store.process.pid, signal.SIGCONT)
    lab.until_state(first, "watching", "done")
    lab.until("that it is well is on the record", lambda: [e["body"]["event"] for e in lab.entries("store")][-1] == "well")
    S.well(lab)
    lab.stop()
    S.copied(lab, store)
    starts = list(store.db.starts.find())
    L.require(len(starts) == 1 and starts[0]["card"] == first, "the starts: %s" % starts)
    L.require(not any(e["body"]["event"] in ("held", "refused") for e in lab.entries("store")), "an outage is no loss")
    lab.check_record(first)


if __name__ == "__main__":
    sys.exit(S.run(what_hangs_is_made_up_for))
