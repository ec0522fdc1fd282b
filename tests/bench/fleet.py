#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of 200 sets of five at one look a second: processor time of our process alone (the simulator's beside it), its memory, and how long
a key takes to be answered on the page. How soon 20 members whose reads slow down, and 20 that go away, are told, in looks, is measured
on 100 members that are asked ten times as often: the detector counts readings, not seconds."""
import calendar
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pty_program import SIGNALBOX, Program, row

SECONDS = int(os.environ.get("BENCH_FLEET_SECONDS", "30"))
EVERY_MS = 100
LEARN_S = 25  # 200 readings, and some


def simulator(folder, *options):
    sim = subprocess.Popen([SIGNALBOX, "sim", "--write-config", folder] + list(options), stdout=subprocess.PIPE, text=True)
    return sim, json.loads(sim.stdout.readline())


def ticks(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost():
    with tempfile.TemporaryDirectory() as folder:
        sim, _ = simulator(folder, "--fleet", "200", "--members", "5")
        page = Program([SIGNALBOX, "fleet"], 200, 60, {"XDG_CONFIG_HOME": folder})
        try:
            page.until(b"1000 asked")
            rest = time.monotonic() + 5
            while time.monotonic() < rest:
                page.read(0.05)
            before, sims, start = ticks(page.pid), ticks(sim.pid), time.monotonic()
            while time.monotonic() < start + SECONDS:
                page.read(0.05)
            took = time.monotonic() - start
            ours, theirs = (ticks(page.pid) - before) / took * 100, (ticks(sim.pid) - sims) / took * 100
            memory = page.status_mb("VmRSS")
            waits = []
            for i in range(60):
                page.read(0.02)
                begin = time.perf_counter()
                os.write(page.fd, b"j")
                while not page.read(0.5):
                    pass
                waits.append((time.perf_counter() - begin) * 1000)
        finally:
            page.close()
            sim.terminate()
            sim.wait()
    waits.sort()
    row("fleet of 1,000 at 1 Hz: CPU of one core, beside the simulator's", "%.1f %%" % ours, "%.1f %%" % theirs, ours / theirs if theirs else None, "< 100 %")
    row("fleet of 1,000 at 1 Hz: resident memory", "%.1f MB" % memory, None, None, "-")
    row("fleet of 1,000 at 1 Hz: key to the first byte of its paint, median", "%.2f ms" % waits[len(waits) // 2], None, None, "-")


def delay():
    with tempfile.TemporaryDirectory() as folder:
        sim, ready = simulator(folder, "--fleet", "20", "--members", "5", "--refuse", "20", "--slow", "20", "--faults-after", str(LEARN_S))
        begun = time.time() + LEARN_S
        run = subprocess.run([SIGNALBOX, "fleet", "--follow", "--json", "--every", str(EVERY_MS), "--for", str(LEARN_S + 5)], capture_output=True, text=True,
                             env={**os.environ, "XDG_CONFIG_HOME": folder})
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


cost()
delay()
