#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A filter over the ledger pane of the real console, with a million entries: from the key to the first word about it, and
how fast it goes through all of them, beside grep -P over the same entries as lines. The screen is read with pyte, whose
own time is in the figures."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "e2e")]
from pty_program import BIG_ENTRIES as ENTRIES, SIGNALBOX, Simulator, big_state, median, row, skipped
import terminal
from terminal import Terminal

terminal.DEADLINE = 600  # for all entries
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
NEVER = "q[0-9]+[^ -~]q"  # in no row: every one is gone through,
WORD = "zebra-crossing"   # and so is a word, which need not be looked for in what a row says
SEARCHED = re.compile(r"found; searched ([\d,]+) of ([\d,]+)")


def searched(t):
    found = SEARCHED.search(t.flat())
    return tuple(int(n.replace(",", "")) for n in found.groups()) if found else None


def ours(state, uri_file):
    t = Terminal([SIGNALBOX, "console", "--uri-file", uri_file], 120, 40, env={"XDG_STATE_HOME": state})
    t.wait("PRIMARY")
    t.send(b"4z")
    t.wait(" at #")
    first, rate = [], {NEVER: [], WORD: []}
    for _ in range(ROUNDS):
        t.send(b"&\x15")
        t.wait("Filter Audit:")
        start = time.perf_counter()
        t.send(b"x")
        t.until(lambda: searched(t), "the first word about the filter")
        first.append((time.perf_counter() - start) * 1000)
        t.send(b"\x15")
        t.until(lambda: not searched(t), "the rows without a filter")
        for what in rate:
            start = time.perf_counter()
            t.send(what.encode())
            t.until(lambda: searched(t) and searched(t)[0] >= ENTRIES and searched(t)[0] == searched(t)[1], "the whole ledger searched")
            rate[what].append(ENTRIES / (time.perf_counter() - start))
            t.send(b"\x15")
            t.until(lambda: not searched(t), "the rows without a filter")
        t.send(b"\r")
        t.gone("Filter Audit:")
    t.close()
    return median(first), {what: median(took) for what, took in rate.items()}


def grep(ledger, folder):
    lines = os.path.join(folder, "lines")
    with open(lines, "w", encoding="utf-8") as f:
        for (entry,) in sqlite3.connect("file:%s?mode=ro" % os.path.join(ledger, "ledger.db"), uri=True).execute("SELECT json FROM entry ORDER BY seq"):
            f.write(entry + "\n")
    rate = {NEVER: [], WORD: []}
    for _ in range(ROUNDS):
        for what in rate:
            start = time.perf_counter()
            subprocess.run(["grep", "-c", "-P", "-i", what, lines], stdout=subprocess.DEVNULL, env={"LC_ALL": "C.UTF-8"}, check=False)
            rate[what].append(ENTRIES / (time.perf_counter() - start))
    return {what: median(took) for what, took in rate.items()}


def main():
    name = "filter, %d ledger entries" % ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        state = big_state()
        ledger = os.path.join(state, "signalbox")
        sim = Simulator(folder, "--seed", "1")
        if not sim.uri_file:
            skipped(name, "there is no simulator")
            return
        first, rate = ours(state, sim.uri_file)
        sim.close()
        row(name + ": key to its first word (wall, median)", "%.1f ms" % first, None, None, "< 50 ms")
        if not shutil.which("grep"):
            skipped(name + ": rows a second", "grep is not installed")
            return
        peer = grep(ledger, folder)
        for what, text in ((NEVER, "of an expression"), (WORD, "of a word")):
            row(name + ": rows a second %s, beside grep -P" % text, "%.0f/s" % rate[what], "%.0f/s" % peer[what], rate[what] / peer[what], "reported")


main()
