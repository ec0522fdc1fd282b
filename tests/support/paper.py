#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 deployments and 200 operators on one shared store, on paper: a seeded simulation of two days, event by event.

What a deployment's troubles write is measured (`--measure LEDGER` takes it from a ledger that `signalbox demo --tour` left, and
test and page hold it to that); how often there are troubles, how long people think and what a store can take are assumptions,
named below and printed with the table, because there is no such company to measure.

    paper.py            the table of src/shared/PLAN.md
    paper.py --measure  STATE/ledger.db     the two sizes below, measured
"""
import heapq
import json
import math
import random
import sqlite3
import sys

# Measured: the entries and bytes of canonical JSON of one anomaly, and of one case from its request to its verdict.
ANOMALY_ENTRIES, ANOMALY_BYTES = 3, 12_300
CASE_ENTRIES, CASE_BYTES = 35, 53_300
CARD_BYTES = 7_700  # the copy of a card that the view reads; it is replaced at each change of the card's state
CARD_CHANGES = 6
START_BYTES = 72_000 # what a ledger says when its program begins: most of it is the policy's text

# Of a document beside the entry's bytes: _id of two parts, the chain's hash, BSON's own; and its entry in the index on _id.
DOCUMENT_OVERHEAD, INDEX_BYTES, LEASE_BYTES = 170, 60, 120
COMPRESSION = 3.5    # assumed: WiredTiger's snappy on JSON text, in the files of data; the oplog's entries in memory are not

DEPLOYMENTS, OPERATORS, HOSTS = 10_000, 200, 50
SHIFTS = 3
DAYS = 2
TROUBLES_A_DAY = 1.0       # of a deployment, at its own
REGION_DOWN_A_DAY = 2      # something that many have in common
REGION_SIZE = 500          # deployments that it hits within two minutes
TO_A_CARD = 0.5            # of the anomalies; the others need nobody's word
THINK_S, THINK_SPREAD = 240, 0.8  # log-normal: median, sigma
LEASES_S = (30, 120, 600)   # the first is what the program does when nothing else is said
KEPT_IN_A_LIFE = 4          # shared/tenure.h
STORE_DOCUMENTS_S = (1_500, 3_000, 10_000)  # what the store takes with majority, in batches
ELECTION_S = 12            # the server's time-out of 10 s, and the vote
SYNC_MB_S = 40             # initial sync
SEED = 10


def daily(second):
    """Twice as much at two in the afternoon as at two in the morning."""
    return 1 + math.cos((second / 86400 - 14 / 24) * 2 * math.pi) / 3


class Company:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.horizon = DAYS * 86400
        self.documents = [0] * (self.horizon + 7200)  # entries and copies of cards, written in this second
        self.bytes = 0
        self.waits, self.done, self.anomalies = [], [], 0

    def wrote(self, second, documents, size):
        if second < len(self.documents):
            self.documents[int(second)] += documents
            if second < self.horizon:
                self.bytes += size + documents * (DOCUMENT_OVERHEAD + INDEX_BYTES)

    def anomaly(self, second):
        self.anomalies += 1
        for k in range(ANOMALY_ENTRIES):
            self.wrote(second + k * 300, 1, ANOMALY_BYTES / ANOMALY_ENTRIES)

    def case(self, proposed, decided):
        """A third of its entries come with the proposal, a third with the execution, the rest in the watch window."""
        for at, share in ((proposed, 1 / 3), (decided, 1 / 3), (decided + 600, 1 / 3)):
            self.wrote(at, round(CASE_ENTRIES * share), CASE_BYTES * share)
        for k in range(CARD_CHANGES):
            self.wrote(proposed if k < 2 else decided + (k - 2) * 200, 1, CARD_BYTES)

    def troubles(self):
        starts, rate = [], DEPLOYMENTS * TROUBLES_A_DAY / 86400
        t = 0.0
        while True:
            t += self.rng.expovariate(rate * 4 / 3)
            if t >= self.horizon:
                break
            if self.rng.random() < daily(t) * 3 / 4:
                starts.append(t)
        for _ in range(REGION_DOWN_A_DAY * DAYS):
            at = self.rng.uniform(0, self.horizon - 3600)
            starts += [at + self.rng.uniform(0, 120) for _ in range(REGION_SIZE)]
        return sorted(starts)

    def run(self):
        free = [0.0] * (OPERATORS // SHIFTS)  # when each of those on duty has time
        heapq.heapify(free)
        for at in self.troubles():
            self.anomaly(at)
            if self.rng.random() >= TO_A_CARD:
                continue
            proposed = at + 20
            begins = max(proposed, heapq.heappop(free))
            decided = begins + self.rng.lognormvariate(math.log(THINK_S), THINK_SPREAD)
            heapq.heappush(free, decided)
            self.waits.append(decided - proposed)
            self.done.append(decided)
            self.case(proposed, decided)


def at_share(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def drain(documents, beats, at, capacity):
    """The store takes nothing for ELECTION_S from `at` on: what is queued then, and how long until nothing is."""
    queue = sum(documents[at:at + ELECTION_S])  # beats are not made up for: the next one says all
    held, second = queue, at + ELECTION_S
    while queue > 0 and second < len(documents):
        queue = max(0, queue + documents[second] + beats - capacity)
        second += 1
    return held, second - at - ELECTION_S


def table():
    c = Company(SEED)
    c.run()
    day = c.horizon / 86400
    documents = c.documents[:c.horizon]
    minutes = [sum(documents[i:i + 60]) / 60 for i in range(0, c.horizon, 60)]
    worst = max(range(c.horizon - 600), key=lambda s: sum(documents[s:s + ELECTION_S]) if documents[s] else 0)
    each = DEPLOYMENTS * KEPT_IN_A_LIFE / LEASES_S[0]
    sent = c.bytes / day
    oplog = sent + each * 86400 * LEASE_BYTES
    year = c.bytes / day * 365
    rows = [
        ("anomalies, cards decided, a day", "%d, %d" % (c.anomalies / day, len(c.done) / day)),
        ("documents written a second: mean", "%.1f" % (sum(documents) / c.horizon)),
        ("the same: busiest minute, busiest second", "%.0f, %d" % (max(minutes), max(documents))),
        *(("leases kept: documents a second, where one lasts %d s" % lease, "%.0f" % (DEPLOYMENTS * KEPT_IN_A_LIFE / lease)) for lease in LEASES_S),
        ("bytes a day, as they are sent, without leases", "%.2f GB" % (sent / 1e9)),
        ("oplog a day: those, and a change of %d bytes for each lease kept" % LEASE_BYTES, "%.2f GB" % (oplog / 1e9)),
        ("a rolling upgrade of every console, once more", "%.2f GB" % (DEPLOYMENTS * START_BYTES / 1e9)),
        ("a year on disk, compressed %.1f times (assumed)" % COMPRESSION, "%.0f GB" % (year / COMPRESSION / 1e9)),
        ("a card waits for its decision: median, p95, longest", "%.0f, %.0f, %.0f min" % tuple(x / 60 for x in (at_share(c.waits, 0.5), at_share(c.waits, 0.95), max(c.waits)))),
        ("decisions put off by an election at the worst moment", "%d" % sum(worst <= d < worst + ELECTION_S for d in c.done)),
    ]
    rows.append(("leases that end in an election of %d s" % ELECTION_S, "none: %.1f s are left of each" % (LEASES_S[0] * (1 - 1 / KEPT_IN_A_LIFE))))
    for capacity in STORE_DOCUMENTS_S:
        held, took = drain(c.documents, each, worst, capacity)
        rows.append(("primary lost then, %d s without writes: documents queued; made up for where the store takes %d a second" % (ELECTION_S, capacity), "%d; %d s" % (held, took)))
    rows.append(("a member lost with its disk: initial sync of a year at %d MB/s" % SYNC_MB_S, "%.1f h" % (year / SYNC_MB_S / 1e6 / 3600)))
    rows.append(("oplog that this needs", "%.1f GB" % (year / SYNC_MB_S / 1e6 / 86400 * oplog / 1e9)))
    width = max(len(r[0]) for r in rows)
    return "\n".join("| %-*s | %s |" % (width, *r) for r in [("%d deployments, %d operators in %d shifts, %d hosts" % (DEPLOYMENTS, OPERATORS, SHIFTS, HOSTS), "")] + [("-" * width, "---")] + rows)


def measure(path):
    """(entries, bytes) of one anomaly, and of one case, in a ledger."""
    of = {"anomaly": {}, "case": {}}
    for (text,) in sqlite3.connect("file:%s?mode=ro" % path, uri=True).execute("select json from entry"):
        e = json.loads(text)
        about = "anomaly" if e["kind"] == "anomaly" else "case"
        key = e["plan"].get("anomaly") if about == "anomaly" else e["plan"].get("case")
        if key:
            n, size = of[about].get(key, (0, 0))
            of[about][key] = (n + 1, size + len(text.encode()))
    return tuple(max(of[about].values(), key=lambda x: x[1]) if of[about] else (0, 0) for about in ("anomaly", "case"))


if __name__ == "__main__":
    print("anomaly %s, case %s" % measure(sys.argv[2]) if sys.argv[1:2] == ["--measure"] else table())
