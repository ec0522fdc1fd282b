#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exercises, run to their right end by a scripted operator and to a named wrong end by a scripted bad one, in a real terminal.

Short: one that is a matter of a note, one with an obvious wrong answer, one that was left too soon, files that are broken. With
SIGNALBOX_EXERCISES=all every built-in exercise, both ways (make test-long); with names, those."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import terminal as T  # noqa: E402

PROGRAM = os.environ["SIGNALBOX"]
SPEED = 60
PATIENCE = 240
print_lock = threading.Lock()


def require(yes, what):
    if not yes:
        raise AssertionError(what)


class Exercise:
    def __init__(self, work, name, scenario=None):
        self.name = name
        self.dir = os.path.join(work, name.replace("/", "_"))
        os.makedirs(self.dir)
        self.debrief = os.path.join(self.dir, "debrief.md")
        self.env = {"XDG_STATE_HOME": self.dir + "/state", "XDG_CONFIG_HOME": self.dir + "/config", "XDG_RUNTIME_DIR": self.dir}
        self.begin(scenario or name)

    def begin(self, scenario):
        self.terminal = T.Terminal([PROGRAM, "demo", "--scenario", scenario, "--speed", str(SPEED), "--policy", "training", "--debrief", self.debrief], 200, 60, env=self.env)

    def run(self, *argv):
        return subprocess.run([PROGRAM, *argv], env={**os.environ, **self.env}, capture_output=True, text=True, timeout=120)

    def until(self, what, look):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.terminal.pump(0.2)
            found = look()
            if found:
                return found
        raise AssertionError("%s: %s did not come about; the screen:\n%s" % (self.name, what, self.terminal.text()))

    def card(self, kind, target):
        told = self.run("cards", "--json")
        cards = json.loads(told.stdout) if told.returncode == 0 and told.stdout else []
        return next((c for c in cards if c["kind"] == kind and c["target"] == target and c["state"] == "awaiting_approval"), None)

    def approve(self, kind, target):
        since = time.monotonic()

        def once():
            nonlocal since
            card = self.card(kind, target)
            if not card and time.monotonic() - since > 5:  # what the first look did not find is asked for
                since = time.monotonic()
                self.run("ask", "%s is slow" % target)
            return card and self.run("cards", "approve", card["id"], "--hash", card["hash"], "--target", target).returncode == 0
        self.until("approving %s on %s" % (kind, target), once)

    def reject(self, kind, target):
        def once():
            card = self.card(kind, target)
            return card and self.run("cards", "reject", card["id"], "--reason", "each insert would write ninety keys more").returncode == 0
        self.until("rejecting %s on %s" % (kind, target), once)

    def build(self, target, key):
        """The answer of who builds an index first and looks afterwards."""
        def asked():
            self.run("ask", "create an index on %s %s" % (target, key))
            return self.card("create_index", target)
        card = self.until("a card for %s %s" % (target, key), asked)
        self.until("approving it", lambda: self.run("cards", "approve", card["id"], "--hash", card["hash"], "--target", target).returncode == 0)
        return card["id"]

    def change(self, target, key):
        """And it is carried out."""
        id = self.build(target, key)

        def carried_out():
            cards = json.loads(self.run("cards", "--json").stdout or "[]")
            return next((c for c in cards if c["id"] == id and c["state"] not in ("awaiting_approval", "approved", "scheduled")), None)
        self.until("%s on its way" % id, carried_out)

    def mark(self, text):
        self.until("the mark", lambda: self.run("mark", text).returncode == 0)

    def anomaly(self):
        """Somebody who marks before anything is to be seen notices nothing."""
        self.until("an anomaly", lambda: re.search(r"Anomalies [1-9]", self.terminal.text()))

    def done(self):
        self.until("the word that it is done", lambda: "exercise %s is done" % self.name in self.terminal.flat())

    def leave(self):
        self.terminal.send("q")
        self.terminal.until(lambda: "yes, do it" in self.terminal.flat() or not self.terminal.pump(0.05), "the end, or a question before it")
        if "yes, do it" in self.terminal.flat():  # a watch goes on
            self.terminal.send("y")
        status = self.terminal.end()
        require(status == 0, "%s ended with %s; %s" % (self.name, status, bytes(self.terminal.bytes[-400:])))
        return bytes(self.terminal.bytes).decode("utf-8", "replace")

    def result(self):
        exported = self.run("audit", "export")
        entries = [json.loads(line) for line in exported.stdout.splitlines()]
        return [e for e in entries if e["kind"] == "exercise"]


# ---- how each is done right, and done wrong ----

GOOD = {
    "slow-orders": lambda x: x.approve("create_index", "shop.orders"),
    "slow-tickets": lambda x: x.approve("create_index", "support.tickets"),
    "dropped-index": lambda x: x.approve("create_index", "shop.orders"),
    "surge": lambda x: x.mark("only load: three times the traffic"),
    "error-burst": lambda x: x.mark("the owners of crm-2.1 were told"),
    "connection-storm": lambda x: x.mark("hook opens a connection for each call"),
    "write-conflicts": lambda x: x.mark("page-views writes two hot documents"),
    "killed-primary": lambda x: x.mark("the primary went down, an election was held"),
    "cache-pressure": lambda x: x.mark("the report reads an archive"),
    "backup-running": lambda x: x.mark("somebody's mongodump"),
    "frozen-member": lambda x: x.mark("a secondary hangs"),
    "long-transaction": lambda x: x.mark("a forgotten transaction of the report"),
    "wrong-index": lambda x: x.reject("create_index", "shop.parcels"),
    "release-plus-load": lambda x: (x.mark("the sale doubles the traffic"), x.approve("create_index", "shop.orders")),
    "release-with-errors": lambda x: (x.mark("the errors are of crm-2.1"), x.approve("create_index", "shop.orders")),
}
CHANGED = "WRONG and done: change the server by a card"
BUILT = "WRONG and done: approve the create_index card for "
# A wrong end: the word of the debrief that names it. Where the right answer is the obvious one, who does nothing has missed it.
BAD = {
    "surge": (lambda x: x.change("shop.orders", "{created_at: 1}"), CHANGED),
    "killed-primary": (lambda x: x.change("shop.orders", "{created_at: 1}"), CHANGED),
    "connection-storm": (lambda x: x.change("shop.orders", "{created_at: 1}"), CHANGED),
    "error-burst": (lambda x: x.change("shop.orders", "{created_at: 1}"), CHANGED),
    "backup-running": (lambda x: x.change("shop.orders", "{created_at: 1}"), CHANGED),
    "cache-pressure": (lambda x: x.build("shop.orders", "{created_at: 1}"), BUILT + "shop.orders"),
    "frozen-member": (lambda x: x.build("shop.orders", "{created_at: 1}"), BUILT + "*"),
    "long-transaction": (lambda x: x.build("shop.orders", "{created_at: 1}"), BUILT + "*"),
    "write-conflicts": (lambda x: x.build("shop.counters", "{views: 1}"), BUILT + "*"),
    "wrong-index": (lambda x: x.approve("create_index", "shop.parcels"), "WRONG and done: approve the create_index card for shop.parcels"),
    "release-plus-load": (lambda x: x.approve("create_index", "shop.orders"), "MISSED: name \"sale|load|traffic|storefront|checkout\""),
    "release-with-errors": (lambda x: x.mark("the errors are of crm-2.1"), "MISSED: approve the create_index card for shop.orders"),
}
GOES_ON = {"wrong-index", "surge"}  # what is right there repairs nothing: the trouble goes on and is left going on


def right_end(work, name):
    x = Exercise(work, name)
    x.terminal.wait("exercise %s, level" % name)
    x.anomaly()
    GOOD[name](x)
    if name not in GOES_ON:
        x.done()
    told = x.leave()
    require("Exercise %s (SIMULATED): right" % name in told, "%s: not called right:\n%s" % (name, told[-3000:]))
    results = x.result()
    require(len(results) == 1 and results[0]["plan"]["simulated"], "%s: on the record: %s" % (name, results))
    r = results[0]["body"]["result"]
    require(r["right"] and 0 <= r["noticed_ms"] <= r["decided_ms"] and (name in GOES_ON or r["recovered_ms"] >= 0), "%s: %s" % (name, r))
    markdown = open(x.debrief).read()
    require(markdown.startswith("# Exercise %s: right\n" % name) and "## Timeline" in markdown and "\x1b" not in markdown, markdown[:500])
    require(x.run("audit", "verify").returncode == 0, "%s: the record does not verify" % name)
    with print_lock:
        after = lambda key: "%5.1f s" % (r[key] / 1e3) if r[key] >= 0 else "  never"  # noqa: E731
        print("   %-20s right   noticed %s  decided %s  recovered %s" % (name, after("noticed_ms"), after("decided_ms"), after("recovered_ms")), flush=True)
    return x


def wrong_end(work, name):
    x = Exercise(work, name)
    x.terminal.wait("exercise %s, level" % name)
    x.anomaly()
    act, word = BAD.get(name, (lambda x: x.run("ask", "status"), "MISSED: "))
    act(x)
    x.terminal.pump(0.5)
    told = x.leave()
    require("Exercise %s (SIMULATED): not right" % name in told and word in told, "%s: %s is not told:\n%s" % (name, word, told[-3000:]))
    r = x.result()[0]["body"]["result"]
    require(not r["right"], "%s: %s" % (name, r))
    with print_lock:
        print("   %-20s wrong   %s" % (name, word), flush=True)


def left_too_soon(work):
    x = Exercise(work, "surge")
    x.terminal.wait("exercise surge, level")
    told = x.leave()
    require("left before it began" in told and not x.result(), "left too soon: %s %s" % (told[-800:], x.result()))


def best_run(work):
    """The second run in one ledger is told what the first one did."""
    x = right_end(work, "surge")
    x.begin("surge")
    x.terminal.wait("exercise surge, level")
    x.terminal.wait("hint 1 of 1: Compare")
    told = x.leave()
    require("not right" in told and "The best run so far" in told and "three times the traffic" in told.split("The best run so far")[1], told[-3000:])


def own_file(work):
    """What a team writes itself: told with file and line, or what counts in it."""
    env = {**os.environ, "XDG_STATE_HOME": work + "/own"}

    def check(text):
        path = work + "/own.scenario"
        with open(path, "w") as f:
            f.write('title "t"\ncollection a.b 10\n    field _id "seq(\'x\')"\n' + text)
        return subprocess.run([PROGRAM, "demo", "--scenario", path, "--check"], env=env, capture_output=True, text=True)

    whole = 'exercise level 1\nexercise brief "b"\nexercise begins 10s\nexercise right change "w"\nexercise story "s"\n'
    told = check(whole)
    require(told.returncode == 0 and "right: change the server by a card" in told.stdout, told)
    for broken, words in (
        (whole.replace("level 1", "level 9"), ":4: a level is 1 to 5"),
        (whole.replace("10s", "10"), ":6: a duration is a number with s, m or h"),
        (whole.replace("right change", "right cahnge"), ":7: after right comes approve, reject, name or change"),
        (whole.replace("right change", "right approve create_indx a.b"), ':7: there is no kind of card "create_indx"'),
        (whole.replace('change "w"', "change"), ":7: an aim ends with the reason"),
        (whole.replace("exercise level 1\n", ""), ":4: the exercise has no level"),
        (whole.replace("right", "wrong"), ":4: nothing counts as right"),
        (whole + 'exercise hint soon "h"\n', ":9: a duration is"),
        (whole + "exercise prize 3\n", ":9: an exercise has level N"),
        (whole + "".join('exercise right change "w"\n' for _ in range(80)), "more than 64 aims"),
    ):
        told = check(broken)
        require(told.returncode == 2 and words in told.stderr, "%s: exit %d, %s" % (words, told.returncode, told.stderr))
    told = check("")
    require(told.returncode == 2 and "no exercise" in told.stderr, told)
    listed = subprocess.run([PROGRAM, "demo", "--list"], env=env, capture_output=True, text=True)
    names = re.findall(r"^  (\d)  (\S+) ", listed.stdout, re.M)
    require(listed.returncode == 0 and len(names) >= 12 and [n[0] for n in names] == sorted(n[0] for n in names), listed.stdout)
    require({n[1] for n in names} == set(GOOD), "exercises without a scripted operator: %s" % ({n[1] for n in names} ^ set(GOOD)))


def main():
    with tempfile.TemporaryDirectory() as work:
        parts = [("files of a team's own", own_file), ("left too soon", left_too_soon), ("the best run", best_run)]
        wanted = os.environ.get("SIGNALBOX_EXERCISES", "")
        chosen = sorted(GOOD) if wanted == "all" else [n for n in wanted.split(",") if n]
        parts += [("%s done right" % n, lambda w, n=n: right_end(w, n)) for n in chosen if n != "surge"]
        parts += [("%s done wrong" % n, lambda w, n=n: wrong_end(w, n)) for n in (chosen or ["wrong-index"])]
        failed = []

        def one(i, label, part):
            folder = os.path.join(work, str(i))
            os.mkdir(folder)
            try:
                part(folder)
                print("ok %s" % label, flush=True)
            except (AssertionError, SystemExit, Exception) as e:  # noqa: B014
                failed.append(label)
                print("FAILED %s: %s" % (label, e), flush=True)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for i, (label, part) in enumerate(parts):
                pool.submit(one, i, label, part)
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
