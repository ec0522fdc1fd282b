#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of six sets of five: members that refuse, hang and lie about their set's name at once are said once each and the others
stay well; what happens to a deployment is one incident, on record with who took it; the page shows the worst first, filters and groups, by the
keys of any keymap; what is wrong in the config keeps nobody from watching the rest. Then the same with a hundred members at fault at once."""
import getpass
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.environ["SIGNALBOX"]
KINDS = {"refuses": "silent", "hangs": "silent", "lies": "stranger"}
failures = []


def fail(what):
    failures.append(what)
    print("FAIL: " + what)


class Page:
    """The program in a tmux of its own: a real terminal's idea of what it draws."""

    def __init__(self, work, env, width, height):
        self.tmux = ["tmux", "-f", "/dev/null", "-S", "%s/tmux-%d" % (work, width)]
        self.env = {k: v for k, v in env.items() if k != "TMUX"}
        self.call("new-session", "-d", "-x", str(width), "-y", str(height), "%s fleet; echo left $?; sleep 60" % PROGRAM)

    def call(self, *words):
        return subprocess.run(self.tmux + list(words), capture_output=True, text=True, env=self.env, timeout=30).stdout

    def until(self, pattern, what):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            text = self.call("capture-pane", "-p")
            if re.search(pattern, text, re.S):
                return
            time.sleep(0.05)
        fail("%s; the page:\n%s" % (what, text))

    def keys(self, *keys):
        self.call("send-keys", *keys)

    def leave(self):
        self.keys("q")
        self.until(r"left 0", "the page, left by q")
        self.call("kill-server")


def follow(env, faults, sets, members):
    """Each member at fault once, with what is wrong with it, and nobody else; an incident for each set with a silent one."""
    run = subprocess.Popen([PROGRAM, "fleet", "--follow", "--json"], stdout=subprocess.PIPE, text=True, env=env)
    watchdog = threading.Timer(90, run.kill)
    watchdog.start()
    want = {m: KINDS[kind] for kind in KINDS for m in faults[kind]}
    told, missing = [], {("change", m) for m in want} | {("incident", m) for m in want if want[m] == "silent"}
    while missing:
        line = run.stdout.readline()
        if not line:
            break
        told.append(json.loads(line))
        e = told[-1]
        missing -= {(e["event"], m) for m in ([e["member"]] if e["event"] == "change" else e["anomaly"]["members"])}
    time.sleep(1.5)  # more looks: nothing is said again
    run.send_signal(signal.SIGTERM)
    told += [json.loads(line) for line in run.stdout.read().splitlines()]
    watchdog.cancel()
    if run.wait() != 0:
        fail("--follow, ended by a signal: %d" % run.returncode)
    changes = [e for e in told if e["event"] == "change"]
    for member, health in want.items():
        mine = [e for e in changes if e["member"] == member]
        if len(mine) != 1 or mine[0]["health"] != health or not mine[0]["why"]:
            fail("%s should be told once, as %s: %s" % (member, health, mine))
    others = [e for e in changes if e["member"] not in want]
    if others:
        fail("members without a fault: %s" % others)
    end = told[-1] if told else {}
    if end.get("event") != "end" or end.get("members") != members or end.get("asked") != members:
        fail("the end: %s" % end)
    liars = [e["why"] for e in changes if e["member"] in faults["lies"]]
    if not all(re.fullmatch(r"says that it is of the set not-(fleet\d+), not of \1", why) for why in liars):
        fail("liars: %s" % liars)
    incidents(told, {m for m in want if want[m] == "silent"}, sets)


def incidents(told, silent, sets):
    """One open incident for each set with a silent member, which names all of them; and none for who lies."""
    newest = {}
    for e in told:
        if e["event"] == "incident":
            if (e["what"] == "open") != (e["deployment"] not in newest):
                fail("opened twice, or changed before it was opened: %s" % e)
            newest[e["deployment"]] = e["anomaly"]
    hurt = {s["set"]: {m for m in silent if m + "," in s["uri"].replace("/", ",") + ","} for s in sets}
    hurt = {name: members for name, members in hurt.items() if members}
    if set(newest) != set(hurt):
        fail("incidents of %s, silent members in %s" % (sorted(newest), sorted(hurt)))
    for name, a in newest.items():
        if set(a["members"]) != hurt[name] or a["class"] != "infrastructure" or "has not answered" not in a["class_reason"] or a["severity"] != "high" or a.get("to"):
            fail("the incident of %s, where %s are silent: %s" % (name, hurt[name], a))


def once(env, faults):
    run = subprocess.run([PROGRAM, "fleet", "--once", "--json"], capture_output=True, text=True, env=env, timeout=60)
    answer = json.loads(run.stdout or "{}")
    if run.returncode != 1 or answer.get("health") != {"well": 21, "unasked": 0, "lagging": 0, "odd": 0, "not serving": 0, "stranger": 3, "silent": 6}:
        fail("--once: %d %s" % (run.returncode, answer.get("health")))
    well = [r for r in answer.get("rows", []) if r["health"] == "well"]
    if any(r["role"] not in ("PRIMARY", "SECONDARY") or not isinstance(r["connections"], float) for r in well):
        fail("the well ones: %s" % well)
    run = subprocess.run([PROGRAM, "fleet", "--once", "--group", "none", "--filter", "not-fleet"], capture_output=True, text=True, env=env, timeout=60)
    lines = run.stdout.splitlines()
    if len(lines) != 4 or not all(line.startswith("  stranger ") for line in lines[:3]) or not lines[3].startswith("30 members of 6 deployments: 6 silent, 3 stranger,"):
        fail("--once with a filter: %s" % lines)


def page(work, env, width, height):
    size = " at %dx%d" % (width, height)
    p = Page(work, env, width, height)
    p.until(r"30 members of 6 deployments, 30 asked.* 6 silent .* 3 stranger .* 21 well", "the counts" + size)
    p.until(r"\n> A-\d+  open  +fleet00\d +\[ \w+ \] +infrastructure  127.0.0.1:\d+", "the incidents" + size)
    p.keys("Tab", "Tab", "Tab")  # all in one list
    p.until(r"\n  A-[^\n]*\n  silent ", "the worst first" + size)
    p.until(r"Tab group +w not well .*\? help  q quit", "the footer" + size)
    if width > 80:
        p.leave()
        return
    p.keys("w")
    p.until(r"21 well .*only what is not well", "only what is not well" + size)
    taken(p, env)
    p.keys("&", "!silent|answer", "Enter")
    p.until(r"only !silent.*why[^\n]*\n. stranger ", "a filter of what is not to match" + size)
    p.keys("&", "C-u", "stranger", "Enter")
    p.until(r"only stranger .*why[^\n]*\n. stranger ", "a filter" + size)
    p.keys("&", "[")
    p.until(r" Filter: stranger\[ .*is wrong", "a filter that is none" + size)
    p.keys("Escape")
    p.until(r"only stranger .*why[^\n]*\n. stranger ", "the filter as it was" + size)
    p.keys("Escape")
    p.until(r"why[^\n]*\n. A-.*\n. silent ", "no filter any more" + size)
    p.keys("Tab")
    p.until(r"\n. fleet00\d +\[ (PROD|staging|dev) \].* not well", "headings" + size)
    p.keys("/", "stranger", "Enter")
    p.until(r"> stranger ", "a search" + size)
    p.keys("?")
    p.until(r"Keymap default.*Keys in the page of a fleet.*Tab +the rows under other headings", "help" + size)
    p.keys("Escape")
    p.until(r"> stranger ", "the list again" + size)
    p.keys(":", "onlywrong")
    p.until(r"> only-wrong +w +only the members", "the palette" + size)
    p.keys("Enter")
    p.until(r"21 well\s(?!.*only what is not well)", "the palette's action" + size)
    p.keys("x")
    p.until(r"x does nothing here", "a key that is not bound" + size)
    p.leave()


def signalbox(env, *words):
    return subprocess.run([PROGRAM] + list(words), capture_output=True, text=True, env=env, timeout=60)


def taken(p, env):
    """The newest incident, opened and taken: on the page, and on a record that holds."""
    p.keys("Enter")
    p.until(r"Class +infrastructure, sure to 90 %: .*Taken by +nobody.*Record +entry \d+ .*member_answers of", "an opened incident")
    p.keys("a")
    p.until(r"Taken by +%s" % re.escape(getpass.getuser()), "an incident that was taken")
    p.keys("Escape")
    p.until(r"> (A-\d+)  acknowledged", "the incident in the list")
    mine = re.search(r"> (A-\d+)", p.call("capture-pane", "-p")).group(1)
    ledger = env["XDG_STATE_HOME"] + "/signalbox/fleet"
    listed = json.loads(signalbox(env, "incident", "--fleet", "--json").stdout)
    one = [a for a in listed if a["id"] == mine]
    if len(one) != 1 or one[0].get("acked_by") != getpass.getuser() or not one[0]["simulated"] or one[0]["class"] != "infrastructure" or one[0].get("to"):
        fail("incident --fleet: %s" % one)
    if not all(a["to"] == a["detected_at"] for a in listed if a["entry"] < one[0]["entry"] and a["id"] not in running(p)):
        fail("what the run before left open: %s" % listed)
    shown = signalbox(env, "audit", "show", mine, "--ledger", ledger).stdout
    if "out of reach" not in shown or "taken by %s" % getpass.getuser() not in shown:
        fail("audit show %s: %s" % (mine, shown))
    verified = signalbox(env, "audit", "verify", "--json", "--ledger", ledger)
    if verified.returncode or not json.loads(verified.stdout)["ok"]:
        fail("audit verify: %s" % verified.stdout)
    second = signalbox(env, "fleet", "--follow", "--json", "--for", "1")
    if second.returncode or "on no record" not in second.stderr:
        fail("a second fleet: %d %s" % (second.returncode, second.stderr))


def running(p):
    return re.findall(r"A-\d+", p.call("capture-pane", "-p"))


def other_keymap(work, env):
    """vi's keys and a theme of one's own choice, as for the console."""
    with open(work + "/signalbox/config") as config:
        text = config.read()
    with open(work + "/signalbox/config", "w") as config:
        config.write("set keymap vi\nset theme light\n" + text)
    p = Page(work, env, 100, 30)
    p.until(r"30 members of 6 deployments, 30 asked", "the page with other keys")
    p.keys("G")
    p.until(r"\n> [^\n]*\n[^\n]*\n[^\n]*q quit", "the last line")
    p.keys("g", "g")
    p.until(r"why[^\n]*\n> ", "the first line, by vi's keys")
    p.keys("?")
    p.until(r"Keymap vi.*Keys in the page of a fleet", "help with vi's keys")
    p.keys("Z", "Z")
    p.until(r"left 0", "the page, left as vi is")
    p.call("kill-server")


def bad_config(work, env, uris):
    """One deployment whose file is not there, one without any: said, and the third is watched."""
    home = work + "/bad"
    os.makedirs(home + "/signalbox")
    path = home + "/signalbox/one.uri"
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write(uris[0] + "\n")
    with open(home + "/signalbox/config", "w") as out:
        out.write("deployment gone\nset uri_file %s/none\ndeployment bare\ndeployment one\nset uri_file %s\n" % (home, path))
    run = subprocess.run([PROGRAM, "fleet", "--once", "--json"], capture_output=True, text=True, env={**env, "XDG_CONFIG_HOME": home}, timeout=60)
    said = run.stderr.splitlines()
    if len(said) != 2 or "the deployment gone is not watched" not in said[0] or "the deployment bare is not watched" not in said[1]:
        fail("what is wrong in the config: %s" % said)
    if json.loads(run.stdout or "{}").get("members") != 5:
        fail("the one that can be watched: %s" % run.stdout[:300])
    for words, status in ((["--group", "colour", "--once"], 2), (["--filter", "[", "--once"], 2), (["--once", "--follow"], 2), (["--every", "5", "--once"], 2), ([], 2)):
        run = subprocess.run([PROGRAM, "fleet"] + words, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=60)
        if run.returncode != status or not run.stderr.startswith("signalbox: ") or run.stdout:
            fail("fleet %s: %d %s" % (words, run.returncode, run.stderr))
    run = subprocess.run([PROGRAM, "fleet", "--once"], capture_output=True, text=True, env={**env, "XDG_CONFIG_HOME": work + "/nowhere"}, timeout=60)
    if run.returncode != 2 or "nothing to watch" not in run.stderr:
        fail("no config: %d %s" % (run.returncode, run.stderr))


def with_sim(work, words, what):
    home = "%s/%s" % (work, words[1])
    os.makedirs(home)
    env = {**os.environ, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home + "/state"}
    sim = subprocess.Popen([PROGRAM, "sim", "--write-config", home] + words, stdout=subprocess.PIPE, text=True, env=env)
    try:
        what(home, env, json.loads(sim.stdout.readline()))
    finally:
        sim.terminate()
        if sim.wait(20) != 0:
            fail("the simulator ended with %s" % sim.returncode)


def few(work, env, ready):
    follow(env, ready["faults"], ready["sets"], 30)
    once(env, ready["faults"])
    page(work, env, 80, 24)
    page(work, env, 200, 60)
    other_keymap(work, env)
    bad_config(work, env, [s["uri"] for s in ready["sets"]])


def many(work, env, ready):
    follow(env, ready["faults"], ready["sets"], 200)


def main():
    work = tempfile.mkdtemp()
    with_sim(work, ["--fleet", "6", "--refuse", "3", "--hang", "3", "--lie", "3"], few)
    with_sim(work, ["--fleet", "40", "--refuse", "34", "--hang", "33", "--lie", "33"], many)
    return 1 if failures else 0


sys.exit(main())
