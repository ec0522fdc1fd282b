#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A step of many commands goes on behind a store that stood still in the middle of it: what was not sent is sent later, and nothing twice."""
import json
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import leases_paused as P  # noqa: E402
import store_lab as S  # noqa: E402

DOCS = 3000


def batches(host, kind="step.intent"):
    return [e["body"] for e in host.entries(kind) if e["body"].get("batch")]


def main():
    lab = S.StoreLab(["shop"], members=3, scenario=os.path.join(HERE, "crash.scenario"), lease_s=30, speed=20)
    client = lab.deployments["shop"].client
    try:
        client.shop.people.insert_many([{"_id": i} for i in range(DOCS)])
        one = lab.host("one")
        one.start("--deployment", "shop")
        lab.until("an owner", lambda: P.lease(lab).get("epoch") == 1)
        cards = lab.until("the cards", lambda: (lambda d: json.loads(d.stdout)["cards"] if d.returncode == 0 else None)(one.run("ask", "--json", "add field state with default 1 to shop.people", check=False)))
        fill = next(c["id"] for c in cards if any((s.get("work") or {}).get("how") == "batches" for s in P.card(one, c["id"])["steps"]))
        for c in cards:
            if P.card(one, c["id"]).get("state") != "done" and c["id"] <= fill:
                lab.until("%s to be asked about, or to run" % c["id"], lambda: P.card(one, c["id"]).get("state") in ("awaiting_approval", "executing", "watching", "done"))
                if P.card(one, c["id"])["state"] == "awaiting_approval":
                    P.approve(lab, one, c["id"])
        lab.until("a batch", lambda: batches(one))
        one.run("cards", "edit", fill, "--set", "batch_docs=20", "--set", "batch_delay_ms=20")
        lab.until("a few more", lambda: len(batches(one)) > 5)
        os.kill(lab.store.process.pid, signal.SIGSTOP)
        try:
            held = lab.until("a batch that could not be sent", lambda: [r for r in batches(one, "step.result") if r["outcome"] == "failed"])
        finally:
            os.kill(lab.store.process.pid, signal.SIGCONT)
        one.run("cards", "edit", fill, "--set", "batch_docs=1000", "--set", "batch_delay_ms=1")
        L.require("store away" in held[0]["message"], "%s" % held)
        lab.until("the change to be over", lambda: P.card(one, fill).get("state") in ("watching", "done", "failed"))
        L.require(P.card(one, fill)["state"] != "failed", "it failed: %s" % P.card(one, fill).get("note"))
        L.require(client.shop.people.count_documents({"state": 1}) == DOCS, "not every document has the field")
        print("ok: %d batches, %d of them not sent at first" % (len(batches(one)), len(held)), flush=True)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
