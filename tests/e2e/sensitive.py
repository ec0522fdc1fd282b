#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A field that policy calls sensitive, from the request to the verified execution: its values stand in what the server does, logs and
answers, and nowhere in what is kept, exported, told to hooks and scrapers, or shown. What was masked is equal where the values were."""
import glob
import json
import os
import re
import socket
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402

SECRET = re.compile(rb"@example", re.I)  # every address of the scenario, and of this test
TWICE = "anna.token@example.net"
EVENTS = ("request", "intent", "command", "handoff", "verdict", "recommendation", "approval", "step.intent", "step.result", "step.verified", "watch", "case.close", "anomaly.began", "state.failed")


def set_up(lab):
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="sensitive", tests=[], inputs={}, sensitive=["email"], rules=[r for r in bundle["rules"] if not r["id"].startswith("AUT-")])
    with open(lab.dir + "/bundle.json", "w") as f:
        json.dump(bundle, f)
    hook = lab.dir + "/hook"
    with open(hook, "w") as f:
        f.write('#!/bin/sh\ncat >>"%s/hook.told"\n' % lab.dir)
    os.chmod(hook, 0o700)
    with open(lab.dir + "/config/signalbox/config", "r+") as f:
        rest = f.read()
        f.seek(0)
        f.write("set policy %s/bundle.json\n%s%s" % (lab.dir, rest, "".join("hook %s %s\n" % (e, hook) for e in EVENTS)))


def clean(what, data):
    found = SECRET.search(data)
    L.require(not found, "%s shows a value: %r" % (what, found and bytes(data[max(0, found.start() - 200):found.end() + 60])))


def scraped(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        return b"".join(iter(lambda: s.recv(65536), b""))


def carried_out(lab):
    """An index for the login page, by what the server tells of its shapes."""
    def proposed():
        done = lab.run("ask", "--json", "speed up shop.people", check=False)
        clean("the answer", (done.stdout + done.stderr).encode())
        return done.returncode == 0 and json.loads(done.stdout)["cards"]
    id = lab.until("a card for the login page", proposed)[0]["id"]
    lab.until_state(id, "awaiting_approval")
    lab.run("cards", "edit", id, "--set", "watch_window_s=60")
    lab.approve(id)
    lab.until_state(id, "watching", "done")
    lab.until_state(id, "done", "failed")
    return id


def refused_by_the_server(lab):
    """Two builds that fail on the same address, which came once they were proposed: the server names it, the record has its digest."""
    ids = [lab.ask("create a unique index on shop.pairs " + key)["cards"][0]["id"] for key in ("{email: 1}", "{email: 1, n: 1}")]
    lab.sim.direct().shop.pairs.insert_one({"email": TWICE, "n": 1})
    for id in ids:
        lab.until_state(id, "awaiting_approval")
        lab.approve(id)
        lab.until_state(id, "failed")
        lab.run("cards", "close", id, "--reason", "the addresses are not unique", check=False)
    failed = [e["body"] for e in lab.entries("step.result") if e["body"]["outcome"] == "failed"]
    L.require(len(failed) == 2 and all("dup key" in b["message"] for b in failed), "the builds: %s" % failed)
    digests = [set(re.findall(r"masked:[0-9a-f]{32}", json.dumps(b))) for b in failed]
    L.require(digests[0] and digests[0] & digests[1], "the same address has no digest in common: %s" % digests)


def leave(t):
    t.send("q")
    L.require(t.end() == 0, "q does not leave")
    t.close()


def looked_at(lab, id, waiting):
    for size in ((80, 24), (200, 60)):
        t = Terminal([L.PROGRAM, "console"], *size, env=lab.env)
        t.wait(waiting)
        t.send("3\r")
        t.wait("[1 summary")
        for tab in ("2commands", "3evidence", "4policy", "5rollback", "6watch", "7history"):
            t.send(tab[0])
            t.wait("[%s %s" % (tab[0], tab[1:]))
        t.send("\x1b")
        t.wait("Anomalies")  # Escape and a letter in one read are another key
        leave(t)
        clean("the screen", t.bytes)
    t = Terminal([L.PROGRAM, "console", "--presenter"], 80, 24, env=lab.env)
    t.wait("card 1 of")
    t.send("d")
    t.wait("was approved by")
    t.send("Ann, Ben: tried out on staging\r")
    t.wait("1 decided")
    leave(t)
    clean("the meeting's screen", t.bytes)
    for words in (("cards", "show", id), ("cards", "--json", "show", id), ("cards", "list"), ("report",), ("audit", "tail"), ("audit", "show", lab.card(id)["case"]), ("ask", "review the schema of shop.people"),
                  ("audit", "export"), ("audit", "export", "--format", "cloudevents"), ("audit", "export", "--format", "syslog")):
        done = lab.run(*words, check=False)
        L.require(done.stdout or done.stderr, "%s says nothing" % " ".join(words))
        clean(" ".join(words), (done.stdout + done.stderr).encode())


def main():
    lab = L.Lab(os.path.join(HERE, "sensitive.scenario"))
    try:
        lab.sim.direct().shop.pairs.insert_one({"email": TWICE, "n": 1})
        set_up(lab)
        lab.start("--metrics", "unix:" + lab.dir + "/metrics")
        id = carried_out(lab)
        refused_by_the_server(lab)
        clean("what is scraped", scraped(lab.dir + "/metrics"))
        waiting = lab.ask("create an index on shop.people {email: 1, age: 1}")["cards"][0]["id"]
        lab.until_state(waiting, "awaiting_approval")
        looked_at(lab, id, waiting)
        lab.stop()
        clean("what serve said", lab.log().encode())
        files = [f for f in glob.glob(lab.dir + "/**", recursive=True) if os.path.isfile(f)]
        L.require({"ledger.db", "derived.db", "hook.told", "serve.log"} <= {os.path.basename(f) for f in files} and any(f.endswith(".md") for f in files), "files: %s" % files)
        for path in files:
            with open(path, "rb") as f:
                clean(os.path.relpath(path, lab.dir), f.read())
        with open(lab.dir + "/hook.told", "rb") as f:
            L.require(len(f.read().splitlines()) > 20, "the hook was told next to nothing")
        L.require(any(b"@example" in line.encode() for line in lab.sim.direct().admin.command({"getLog": "global"})["log"]), "the server's own log does not hold one either")
        lab.verify()
        lab.check_record(id)
        print("ok    a sensitive field stays where it is")
        return 0
    except Exception:
        traceback.print_exc()
        print("FAIL\n%s" % lab.log()[-2000:])
        return 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
