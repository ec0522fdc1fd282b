#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of 200 sets of five at one look a second: processor time of our process alone (the simulator's beside it), its memory, how long
a key takes to be answered on the page, and what a console costs that runs beside it. How soon members whose reads slow down, and members that go
away, are told, is measured twice, on 100 members: in looks at ten a second (the detector counts readings, not seconds), and in seconds
at one a second, from the fault to the incident's line on the page."""
import calendar
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import pyte

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pty_program import SIGNALBOX, Program, Simulator, median, p99, row

SECONDS = int(os.environ.get("BENCH_FLEET_SECONDS", "30"))
EVERY_MS = 100
LEARN_S = 25  # 200 readings, and some
SLOWLY_S = 215  # the same at one a second
SETTLE_S = 10
KEYS = 200
FAULTS = 10  # of each kind, at one look a second


def simulator(folder, *options):
    sim = subprocess.Popen([SIGNALBOX, "sim", "--write-config", folder] + list(options), stdout=subprocess.PIPE, text=True)
    return sim, json.loads(sim.stdout.readline())


def all_asked(page):
    """Frames are differences: the whole line comes where the whole screen is painted anew."""
    while b"1000 asked" not in page.seen:
        os.write(page.fd, b"\x0c")
        page.quiet(0.3)


def rest(programs, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for p in programs:
            p.read(0.02)


def keys_of(p, keys):
    """(p99 of the main thread's processor time, of the wall clock) in milliseconds; a page that repaints itself at times counts as it comes."""
    took = [p.cpu_of(keys[i % len(keys)]) for i in range(KEYS)]
    took = [t for t in took if t[0] is not None]
    return (p99([t[0] for t in took]), p99([t[1] for t in took])) if took else (0, 0)


def cost():
    with tempfile.TemporaryDirectory() as folder:
        sim, _ = simulator(folder, "--fleet", "200", "--members", "5")
        page = Program([SIGNALBOX, "fleet"], 200, 60, {"XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder + "/state"})
        one = Simulator(folder, "--scenario", "calm", "--seed", "1")
        os.mkdir(folder + "/console", 0o700)
        console = Program([SIGNALBOX, "console", "--uri-file", one.uri_file], 80, 24, {"XDG_STATE_HOME": folder + "/console", "XDG_CONFIG_HOME": folder + "/console"})
        both = [page, console]
        try:
            all_asked(page)
            console.until(b"PRIMARY")
            rest(both, SETTLE_S)
            before, sims, start = [p.ticks() for p in both], ticks(sim.pid), time.monotonic()
            rest(both, SECONDS)
            took = time.monotonic() - start
            ours, beside = [(p.ticks() - b) / took * 100 for p, b in zip(both, before)]
            theirs = (ticks(sim.pid) - sims) / took * 100
            memory = [p.status_mb("VmRSS") for p in both]
            cpu, wall = keys_of(page, [b"j", b"j", b"k"])
            console.quiet()
            console_cpu, console_wall = keys_of(console, [b"\t", b"z"])
        finally:
            page.close()
            console.close()
            one.close()
            sim.terminate()
            sim.wait()
    name = "fleet of 1,000 at 1 Hz: "
    row(name + "CPU of one core, beside the simulator's", "%.1f %%" % ours, "%.1f %%" % theirs, ours / theirs if theirs else None, "< 100 %")
    row(name + "CPU a member", "%.3f %%" % (ours / 1000), None, None, "< 0.1 %")
    row(name + "resident memory", "%.1f MB" % memory[0], None, None, "-")
    row(name + "key to paint on its page, main thread's CPU, p99", "%.2f ms" % cpu, None, None, "< 5 ms")
    row(name + "key to paint on its page, wall, p99", "%.2f ms" % wall, None, None, "-")
    row(name + "a console beside it, idle, CPU", "%.3f %%" % beside, None, None, "< 0.5 %")
    row(name + "a console beside it, resident memory", "%.1f MB" % memory[1], None, None, "< 40 MB")
    row(name + "a console beside it, key to paint, main thread's CPU, p99", "%.2f ms" % console_cpu, None, None, "< 5 ms")
    row(name + "a console beside it, key to paint, wall, p99", "%.2f ms" % console_wall, None, None, "-")


def ticks(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Seconds:
    """At one look a second: it learns while the others are measured."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.sim, self.ready = simulator(self.folder.name, "--fleet", "20", "--members", "5", "--refuse", str(FAULTS), "--slow", str(FAULTS), "--faults-after", str(SLOWLY_S))
        self.begun = time.time() + SLOWLY_S
        self.page = Program([SIGNALBOX, "fleet"], 200, 60, {"XDG_CONFIG_HOME": self.folder.name, "XDG_STATE_HOME": self.folder.name + "/state"})
        self.seen, self.ends = {}, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        screen = pyte.Screen(200, 60)
        stream = pyte.ByteStream(screen)
        while time.time() < self.begun + 25:
            data = self.page.read(0.05)
            if not data:
                continue
            stream.feed(data)
            for line in screen.display[3:]:
                incident = re.match(r". A-\d+ +\w+ +(fleet\d+) ", line)
                if incident:
                    self.seen.setdefault(incident.group(1), time.time())

    def end(self):
        self.thread.join()
        self.page.close()
        self.sim.terminate()
        self.sim.wait()
        set_of = {host: s["set"] for s in self.ready["sets"] for host in re.findall(r"127\.0\.0\.1:\d+", s["uri"])}
        gone = {set_of[m] for m in self.ready["faults"]["refuses"]}
        slow = {set_of[m] for m in self.ready["faults"]["slow"]} - gone
        early = {name for name, at in self.seen.items() if at < self.begun}
        for name, sets in (("goes away", gone), ("answers slowly", slow)):
            late = [self.seen[s] - self.begun for s in sets - early if s in self.seen]
            row("fleet at 1 Hz: a member %s: its incident is on the page after (median; worst)" % name,
                "%.1f s; %.1f s; %d of %d sets" % (median(late), max(late), len(late), len(sets - early)) if late else "never", None, None, "-")
        row("fleet at 1 Hz: incidents of sets without a fault, of 100 members in %d s" % (SLOWLY_S + 25), "%d" % len(early | (set(self.seen) - gone - slow)), None, None, "-")
        self.folder.cleanup()


def delay():
    with tempfile.TemporaryDirectory() as folder:
        sim, ready = simulator(folder, "--fleet", "20", "--members", "5", "--refuse", "20", "--slow", "20", "--faults-after", str(LEARN_S))
        begun = time.time() + LEARN_S
        run = subprocess.run([SIGNALBOX, "fleet", "--follow", "--json", "--every", str(EVERY_MS), "--for", str(LEARN_S + 5)], capture_output=True, text=True,
                             env={**os.environ, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder + "/state"})
        sim.terminate()
        sim.wait()
    kind_of = {m: kind for kind, members in ready["faults"].items() for m in members}
    late, false_alarms, seen = {"refuses": [], "slow": []}, 0, set()
    for line in run.stdout.splitlines():
        event = json.loads(line)
        if event["event"] != "change" or event["health"] not in ("silent", "odd"):
            continue
        kind = kind_of.get(event["member"])
        at = time.strptime(event["at"][:19], "%Y-%m-%dT%H:%M:%S")
        at = calendar.timegm(at) + int(event["at"][20:23]) / 1000
        if kind not in late or at < begun - 0.2:
            false_alarms += 1
        elif event["member"] not in seen:
            seen.add(event["member"])
            late[kind].append((at - begun) * 1000 / EVERY_MS)
    for kind, name in (("refuses", "go away"), ("slow", "answer slowly")):
        found = sorted(late[kind])
        row("fleet: members that %s, told after (median, of 20)" % name, "%.1f looks, %d" % (found[len(found) // 2] if found else 0, len(found)), None, None, "-")
    row("fleet: other members that were called silent or odd, of 60", "%d" % false_alarms, None, None, "-")


seconds = Seconds()
cost()
delay()
seconds.end()
