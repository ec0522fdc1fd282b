#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hooks of the config, end to end: commands that are told what happens and one that is asked before a step, among them one that
hangs with a child of its own, one that fails, one that is not there and one that says too much."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402


def script(lab, name, text):
    path = "%s/%s" % (lab.dir, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o700)
    return path


def configure(lab, *lines):
    with open(lab.dir + "/config/signalbox/config", "a") as f:
        f.write("".join(line + "\n" for line in lines))


def told(lab, name):
    """What the script was told, an object a call."""
    try:
        with open("%s/%s.told" % (lab.dir, name)) as f:
            return [json.loads(line) for line in f if line.strip()]
    except OSError:
        return []


def tries(lab, event, command):
    return [e for e in lab.entries("hook") if e["body"]["event"] == event and command in e["body"]["command"]]


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def wrong_lines(lab):
    path = lab.dir + "/config/signalbox/config"
    with open(path) as f:
        right = f.read()
    for line, words, stops in (("hook nothing /bin/true", 'there is no event "nothing"', False), ("hook approval true", "must be an absolute path", False),
                               ("hook approval within 1h /bin/true", "a duration from 100ms to 5min", False), ("hook hook /bin/true", 'there is no event "hook"', False),
                               ("hook before.step true", "must be an absolute path", True), ("hook before.stop /bin/true", "there is no event", True)):
        with open(path, "w") as f:
            f.write(right + line + "\n")
        said = lab.run("ask", "status", check=False).stderr
        L.require("config:%d: " % (right.count("\n") + 1) in said and words in said, "%s: %s" % (line, said))
        L.require(("wrong where it guards safety" in said) == stops, "%s: %s" % (line, said))
    with open(path, "w") as f:
        f.write(right)


def main():
    lab = L.Lab("tests/e2e/crash.scenario")
    try:
        real = script(lab, "real", 'cat >>"%s/real.told"; env >"%s/real.env"; head -c 100000 /dev/zero | tr "\\0" x\n' % (lab.dir, lab.dir))
        hangs = script(lab, "hangs", 'sleep 1000 & echo $! >"%s/child"; wait\n' % lab.dir)
        fails = script(lab, "fails", "echo no line to the pager >&2; exit 1\n")
        guard = script(lab, "guard", 'cat >>"%s/guard.told"; [ -e "%s/go" ] || { echo the ticket is not approved; exit 7; }\n' % (lab.dir, lab.dir))
        wrong_lines(lab)
        configure(lab, "hook state.executing %s" % real, "hook state.awaiting_approval within 300ms %s" % hangs, "hook recommendation %s" % fails, "hook request /not/there", "hook report %s" % script(lab, "reader", 'cat >"%s/report.told"\n' % lab.dir),
                  "hook approval shell \"read x; echo $x | tee '%s/shell.told' | wc -l\"" % lab.dir, "hook before.step %s" % guard)
        lab.start(env={"SECRET_TOKEN": "hunter2", "SIGNALBOX_URI": "mongodb://u:hunter2@nowhere"})
        id = lab.propose(window=0)

        # three tries each, on the record, and the console goes on meanwhile
        for event, command, outcome, status in (("state.awaiting_approval", hangs, "was killed after", -1), ("recommendation", fails, "ended with 1", 1), ("request", "/not/there", "could not be run", -1)):
            found = lab.until("three tries for " + event, lambda: (lambda t: t if len(t) >= 3 else None)(tries(lab, event, command)))
            L.require([e["body"]["try"] for e in found[:3]] == [1, 2, 3], "tries for %s: %s" % (event, found))
            L.require(all(outcome in e["body"]["outcome"] and e["body"]["status"] == status for e in found), "%s: %s" % (event, found[0]["body"]))
        L.require(tries(lab, "recommendation", fails)[0]["body"]["output"] == "no line to the pager\n", "what it said is not on the record")
        with open(lab.dir + "/child") as f:
            child = int(f.read())
        lab.until("the end of the child of what hung", lambda: gone(child))

        # before the step: held up with its reason, and let pass when it says yes; no write has gone out before
        lab.approve(id)
        lab.until("two refusals", lambda: len([e for e in tries(lab, "before.step", guard) if e["body"]["status"] == 7]) >= 2)
        card = lab.card(id)
        L.require(card["state"] == "scheduled" and "ended with 7: the ticket is not approved" in card["note"], "%s: %s" % (card["state"], card["note"]))
        L.require(not lab.entries("step.intent") and not lab.proxy.writes, "a step that a hook held up was sent")
        open(lab.dir + "/go", "w").close()
        lab.until_state(id, "watching", "done")
        asked = told(lab, "guard")[-1]
        L.require(asked["card"] == id and asked["step"] == 1 and "createIndexes" in asked["command"] and asked["hash"] == card["hash"], "%s" % asked)
        let = [e["seq"] for e in tries(lab, "before.step", guard) if e["body"]["status"] == 0]
        L.require(let and let[-1] < lab.entries("step.intent")[0]["seq"], "the step went out before it was let pass")

        said = lab.until("what was executed is told", lambda: told(lab, "real"))[0]
        L.require(said["event"] == "state.executing" and said["card"] == id and said["deployment"] == "lab" and said["state"] == "executing" and said["case"], "%s" % said)
        state = next(e for e in lab.entries("state") if e["body"]["to"] == "executing")
        L.require(said["seq"] == state["seq"], "told of entry %s, which is %s" % (said["seq"], state["seq"]))
        entry = lab.until("its try on the record", lambda: tries(lab, "state.executing", real))[0]
        L.require(entry["body"]["status"] == 0 and len(entry["body"]["output"]) == 2000, "%d bytes of output are kept" % len(entry["body"]["output"]))
        with open(lab.dir + "/real.env") as f:
            env = f.read()
        L.require("hunter2" not in env and "PATH=" in env, "the environment of a hook: %s" % env)
        shell = lab.until("the shell's line on the record", lambda: tries(lab, "approval", "tee"))[0]
        L.require(shell["body"]["output"].strip() == "1" and told(lab, "shell")[0]["event"] == "approval", "%s" % shell)
        shown = lab.run("audit", "show", entry["plan"]["case"]).stdout
        L.require("hook state.executing, try 1" in shown, "the case's chain does not tell of its hooks")

        # a report is written, and whoever wants it is told of it whole
        lab.run("ask", "morning report")
        report = lab.until("the report is told", lambda: told(lab, "report"))[0]
        with open(report["report"]["path"]) as f:
            text = f.read()
        L.require(report["event"] == "report" and report["report"]["text"] == text and id in text and "## The specialists" in text, "%s, not %s" % (report, text))
        lab.run("ask", "report since 2026-01-02")
        lab.until("the report since a day is told", lambda: [r for r in told(lab, "report") if "from 2026-01-02T00:00Z to " in r["report"]["text"]])
        for day, words in (("2099-01-01", "still to come"), ("2026-13-45", "no such day")):
            done = lab.run("ask", "report since " + day, check=False)
            L.require(done.returncode == 2 and words in done.stderr, "since %s: %d %s" % (day, done.returncode, done.stderr))
        lab.verify()
        entries = lab.entries()
        for kind in ("request", "intent", "handoff", "recommendation", "policy.load", "verdict", "approval"):
            try:
                L.trace([e for e in entries if e["kind"] != kind])
            except L.Failure:
                continue
            raise L.Failure("an action without its %s would not be found" % kind)
    finally:
        lab.close()


try:
    main()
except L.Failure as e:
    print("FAIL: %s" % e)
    sys.exit(1)
print("hooks: ok")
