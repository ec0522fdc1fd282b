#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two processes that approve the same card in the same moment, many times: one approval, at most one execution. And an owner
that stands still between its intent and what it sends: it is named and never overtaken; a dead one is.

SIGNALBOX_RACES says how many races (200 when not said; `make race-long` runs 10,000)."""
import concurrent.futures
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")
QUIET = os.path.join(HERE, "race.scenario")
OWNER = os.path.join(L.BUILD, "tests/e2e/crash_owner")
INDEX = "customer_id_1_created_at_-1"
RACES = int(os.environ.get("SIGNALBOX_RACES", "200"))
WIDTH = 100  # collections of one round: one plan at a time moves on each
BURST = 10  # cards that both go for between two barriers
PROPOSERS = 3
IN_ONE_LEDGER = 1000
ROUND = multiprocessing.get_context("fork")


class Seat:
    """A console's connection to the owner. It says no hello, so that it is told nothing but what it asks for: with thousands of
    cards most of the time would go into news that nobody looks at."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        self.seq = 0

    def send(self, type, body):
        self.seq += 1
        self.socket.sendall(json.dumps({"type": type, "seq": self.seq, "body": body}).encode() + b"\n")
        return self.seq

    def answer(self, seq, type="answer"):
        for line in self.lines:
            m = json.loads(line)
            if m["seq"] == seq and m["type"] == type:
                return m["body"]
        raise L.Failure("the owner went away")

    def ask(self, type, body, answer="answer"):
        return self.answer(self.send(type, body), answer)


def racer(path, rounds, start, answers):
    try:
        go_through(path, rounds, start, answers)
    except Exception as e:  # whoever waits for its answers, and the other one, shall not wait for ever
        start.abort()
        answers.put((None, False, "a racer failed: %s" % e))


def go_through(path, rounds, start, answers):
    seat = Seat(path)
    for cards in iter(rounds.get, None):
        for at in range(0, len(cards), BURST):
            start.wait()
            sent = [(id, seat.send("approve", {"card": id, "hash": hash})) for id, hash in cards[at:at + BURST]]
            for id, seq in sent:
                body = seat.answer(seq)
                answers.put((id, body["ok"], body["text"]))
    seat.socket.close()


class Racers:
    """Two processes that go through the cards of each round in step. Begun before there is any thread here."""

    def __init__(self, lab):
        start, self.answers, self.rounds = ROUND.Barrier(2), ROUND.SimpleQueue(), [ROUND.SimpleQueue() for _ in range(2)]
        self.both = [ROUND.Process(target=racer, args=(lab.state + "/socket", q, start, self.answers), daemon=True) for q in self.rounds]
        for p in self.both:
            p.start()

    def race(self, cards):
        for q in self.rounds:
            q.put(cards)
        told = []
        while len(told) < 2 * len(cards):
            told.append(self.answers.get())
            L.require(told[-1][0], told[-1][2])
        for id, _ in cards:
            mine = [ok for card, ok, _ in told if card == id]
            L.require(len(mine) == 2 and mine.count(True) == 1, "%s: %s" % (id, [t for t in told if t[0] == id]))

    def end(self):
        for q in self.rounds:
            q.put(None)
        for p in self.both:
            p.join()
            L.require(p.exitcode == 0, "a racer ended with %d" % p.exitcode)


def propose(seat, number, round):
    for _ in range(3):
        body = seat.ask("request", {"text": "create a unique index on race.c%d {a%d: 1}" % (number, round + 1)})
        if body["ok"] and body.get("cards"):
            card = seat.ask("get_card", {"text": body["cards"][-1]}, "card")
            if card["state"] == "awaiting_approval":
                return card["id"], card["hash"]
    raise L.Failure("no card: %s" % body)


def propose_all(seats, n, round):
    """As many at once as there are seats: a proposal waits for its specialist more than it works. Each second round has collections
    of its own, for while one is proposed the last one is still being raced for."""
    def share(k):
        return [propose(seats[k], i + round % 2 * WIDTH, round // 2) for i in range(k, n, len(seats))]
    with concurrent.futures.ThreadPoolExecutor(len(seats)) as threads:
        return [card for some in threads.map(share, range(len(seats))) for card in some]


def end(lab, seat, cards):
    for id, _ in cards:
        lab.until("the end of %s" % id, lambda: seat.ask("get_card", {"text": id}, "card")["state"] == "failed")
        seat.ask("close", {"card": id, "reason": "the race is over"})


def without_levels(lab):
    """The shipped bundle, but no level is needed: that every proposal fails here would lower it."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="race", tests=[], inputs={}, rules=[r for r in bundle["rules"] if not r["id"].startswith("AUT-")])
    with open(lab.dir + "/race.json", "w") as f:
        json.dump(bundle, f)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set policy %s/race.json\n%s" % (lab.dir, rest))


def two_processes_race(lab, races):
    without_levels(lab)
    db = lab.sim.direct().race
    for i in range(2 * WIDTH):
        db["c%d" % i].insert_many([dict({"a%d" % k: k * sign for k in range(1, races // WIDTH // 2 + 2)}, _id=sign) for sign in (1, -1)])
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "--json", "create an index on race.c0 {b: 1}", check=False).returncode == 0)
    # each build fails soon, for two documents say the same once it has been proposed: what counts here is how often one is sent
    seats, seat, raced, before = [Seat(lab.state + "/socket") for _ in range(PROPOSERS)], Seat(lab.state + "/socket"), [], []
    racers = Racers(lab)
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:
        sizes = [min(WIDTH, races - at) for at in range(0, races, WIDTH)]
        proposed = ahead.submit(propose_all, seats, sizes[0], 0)
        for round in range(len(sizes)):
            cards = proposed.result()
            for i in range(sizes[round]):
                db["c%d" % (i + round % 2 * WIDTH)].update_one({"_id": -1}, {"$set": {"a%d" % (round // 2 + 1): round // 2 + 1}})
            if round + 1 < len(sizes):
                proposed = ahead.submit(propose_all, seats, sizes[round + 1], round + 1)
            racers.race(cards)
            end(lab, seat, before)
            raced, before = raced + [id for id, _ in cards], cards
    end(lab, seat, before)
    racers.end()
    for s in seats + [seat]:
        s.socket.close()
    lab.stop()

    count, ours = {}, set(raced)
    L.require(len(ours) == races, "%d cards for %d races" % (len(ours), races))
    for e in lab.entries("approval", "state", "step.intent"):
        id = e["plan"]["card"]
        kind = e["kind"] if e["kind"] != "state" else "start" if e["body"]["event"] == "start" else None
        if id in ours and kind:
            count.setdefault(id, []).append(kind)
    wrong = {id: count.get(id) for id in ours if sorted(count.get(id, [])) != ["approval", "start", "step.intent"]}
    L.require(not wrong, "not one approval, one start and one intent each: %s" % wrong)
    lab.verify()


def a_stopped_owner_is_not_overtaken(lab):
    """Between the durable intent and the command."""
    arm = lab.dir + "/arm"
    lab.start(program=OWNER, env={"SIGNALBOX_CRASH_AT": "execute.intent.after:1", "SIGNALBOX_CRASH_ARM": arm, "SIGNALBOX_CRASH_STOP": "1"})
    id = lab.propose()
    open(arm, "w").close()
    approving = subprocess.Popen([L.PROGRAM, "cards", "approve", id, "--hash", lab.card(id)["hash"]], env=lab.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.until("the owner's standing still", lambda: open("/proc/%d/stat" % lab.owner.pid).read().rsplit(") ", 1)[1][0] == "T")
    L.require(len(lab.entries("step.intent")) == 1 and not lab.entries("step.result") and not lab.proxy.writes, "it did not stop between intent and sending")
    before = len(lab.entries())
    named = "process %d owns" % lab.owner.pid
    for words in (("cards", "reject", id, "--reason", "r"), ("serve",)):
        done = lab.run(*words, check=False)
        L.require(done.returncode and named in done.stderr and "stopped" in done.stderr, "%s: exit %d %s" % (words[0], done.returncode, done.stderr))
    L.require(json.loads(lab.run("cards", "--json", "show", id).stdout)["state"] == "executing", "the card cannot be looked at")
    L.require("and is stopped" in lab.run("audit", "verify").stdout, "audit verify does not say that the owner is stopped")
    L.require(len(lab.entries()) == before and not lab.proxy.writes, "somebody went on in its place")
    os.kill(lab.owner.pid, signal.SIGCONT)
    lab.until_state(id, "watching", "done")
    L.require([w.name for w in lab.proxy.writes] == ["createIndexes"], "sent: %s" % [w.name for w in lab.proxy.writes])
    approving.wait()
    lab.stop()
    lab.check_record(id)


def a_dead_owner_is(lab):
    """The same point, and it is killed there: the next one finds that nothing was sent, and sends it."""
    arm = lab.dir + "/arm"
    lab.start(program=OWNER, env={"SIGNALBOX_CRASH_AT": "execute.intent.after:1", "SIGNALBOX_CRASH_ARM": arm, "SIGNALBOX_CRASH_STOP": "1"})
    id = lab.propose()
    open(arm, "w").close()
    approving = subprocess.Popen([L.PROGRAM, "cards", "approve", id, "--hash", lab.card(id)["hash"]], env=lab.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.until("the owner's standing still", lambda: open("/proc/%d/stat" % lab.owner.pid).read().rsplit(") ", 1)[1][0] == "T")
    lab.kill()
    approving.wait()
    lab.start()
    lab.until_state(id, "watching", "done")
    L.require([w.name for w in lab.proxy.writes] == ["createIndexes"], "sent: %s" % [w.name for w in lab.proxy.writes])
    L.require([e["body"]["found"] for e in lab.entries("step.probe")] == ["not_done"], "it was not probed: %s" % lab.entries("step.probe"))
    lab.stop()
    lab.check_record(id)


def all_races():
    """Who wins, and how often, is what counts, and not whether it outlives a power loss: the ledgers lie in memory where there
    is such a place, and each takes so many races."""
    tempfile.tempdir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begun = time.monotonic()
    try:
        for done in range(0, RACES, IN_ONE_LEDGER):
            lab = L.Lab(QUIET, proxy=False)
            try:
                two_processes_race(lab, min(IN_ONE_LEDGER, RACES - done))
            finally:
                lab.close()
            races = min(done + IN_ONE_LEDGER, RACES)
            print("%d races, %.1f a second" % (races, races / (time.monotonic() - begun)), flush=True)
    finally:
        tempfile.tempdir = None


def attempt(test):
    lab = None
    try:
        if test is all_races:
            test()
        else:
            lab = L.Lab(QUICK)
            test(lab)
        print("ok", test.__name__, flush=True)
        return 0
    except Exception:
        print("FAILED", test.__name__)
        traceback.print_exc()
        return 1
    finally:
        if lab and lab.owner and lab.owner.poll() is None:
            lab.owner.send_signal(signal.SIGCONT)
        if lab:
            lab.close()


def main():
    return 1 if sum(attempt(t) for t in (all_races, a_stopped_owner_is_not_overtaken, a_dead_owner_is)) else 0


if __name__ == "__main__":
    sys.exit(main())
