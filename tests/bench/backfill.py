#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a backfill at its default knobs costs those who work on the set meanwhile, and how fast it is when nobody does.

One simulated set under a steady foreground: a client of this program finds single documents and times each, first by itself
and then while a backfill runs, by turns; the row is the 95th percentile with it over that without. On another one, where nobody
works, the row is documents a second until the backfill has looked at all of them again."""
import os
import statistics
import sys
import tempfile
import time

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("SIGNALBOX_BUILD", os.path.join(os.getcwd(), "build", "gcc"))
os.environ.setdefault("SIGNALBOX", os.path.join(os.environ["SIGNALBOX_BUILD"], "signalbox"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_BACKFILL_SECONDS", "4")) # of one measurement
DOCUMENTS = int(os.environ.get("BENCH_BACKFILL_DOCUMENTS", "150000"))


def row(name, ours, peer, ratio, budget):
    print("\t".join((name, ours, peer, ratio, budget)), flush=True)


def p95(coll, seconds):
    taken, end, n = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        begun = time.perf_counter()
        coll.find_one({"_id": n * 7919 % DOCUMENTS})
        taken.append(time.perf_counter() - begun)
        n += 1
        time.sleep(0.004)
    return sorted(taken)[int(len(taken) * 0.95)]


def begin(lab, coll):
    """A backfill of the collection that has sent its first batch; the card's id."""
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
    card = lab.ask('add field state with default "new" to shop.people')["cards"][0]["id"]
    lab.until_state(card, "awaiting_approval")
    lab.approve(card)
    lab.until("the first batch", lambda: coll.find_one({"state": "new"}))
    return card


def scenario(folder, rest):
    """A set whose documents are there from the beginning: what fills them in is not in the oplog."""
    path = os.path.join(folder, "backfill.scenario")
    with open(path, "w") as f:
        f.write('%s\ncollection shop.people %d\n    field _id "seq(\'people\')"\n' % (rest, DOCUMENTS))
    return path


def beside_others(folder):
    with open(os.path.join(HERE, "..", "e2e", "crash.scenario")) as f:
        lab = L.Lab(scenario(folder, f.read()), speed=1, proxy=False)
    client = pymongo.MongoClient(lab.sim.uri)
    coll = client.shop.people
    try:
        card = begin(lab, coll)
        alone, beside = [], []
        for i in range(ROUNDS + 1):
            lab.run("cards", "pause", card)
            lab.until("the batch that was away", lambda: not lab.open_intents())
            a = p95(coll, SECONDS)
            lab.run("cards", "resume", card)
            b = p95(coll, SECONDS)
            L.require(lab.state_of(card) == "executing", "the backfill was over before it was measured")
            if i:  # the first round warms up
                alone.append(a)
                beside.append(b)
        ours, peer = statistics.median(beside), statistics.median(alone)
        row("p95 of a foreground find, a backfill at its default knobs beside it", "%.2f ms" % (ours * 1e3), "%.2f ms" % (peer * 1e3), "%.2f" % (ours / peer), "<= 1.10 x without")
    finally:
        client.close()
        lab.close()


def by_itself(folder):
    lab = L.Lab(scenario(folder, 'title "nobody does anything"'), speed=1, proxy=False)
    client = pymongo.MongoClient(lab.sim.uri)
    try:
        card = begin(lab, client.shop.people)
        begun = time.monotonic()
        lab.until_state(card, "watching", "done")
        row("documents a second that a backfill changes when nobody else works", "%d /s" % (DOCUMENTS / (time.monotonic() - begun)), "-", "-", "told")
    finally:
        client.close()
        lab.close()


def main():
    try:
        with tempfile.TemporaryDirectory() as folder:
            beside_others(folder)
            by_itself(folder)
    except L.Failure as e:
        print("backfill: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
