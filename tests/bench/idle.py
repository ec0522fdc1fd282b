#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the console costs while nobody does anything: attached for 60 s to a simulator of its own process on an ordinary
day, processor time of the console's process alone, and the memory it holds then. htop, refreshing as often as the console
polls, runs beside it, and so does a console with a large ledger and many cards."""
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pty_program import SIGNALBOX, Program, Simulator, big_name, big_state, row, skipped

SECONDS = int(os.environ.get("BENCH_IDLE_SECONDS", "60"))
SETTLE = 10


def rest(programs, seconds):
    """Takes what they draw, so that nobody is held up by a full terminal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for p in programs:
            p.read(0.05)


def main():
    with tempfile.TemporaryDirectory() as folder:
        sim = Simulator(folder, "--scenario", "calm", "--seed", "1")
        if not sim.uri_file:
            skipped("idle for %d s" % SECONDS, "there is no simulator")
            return
        programs = [Program([SIGNALBOX, "console", "--uri-file", sim.uri_file], 80, 24, {"XDG_STATE_HOME": folder})]
        programs.append(Program([SIGNALBOX, "console", "--uri-file", sim.uri_file], 80, 24, {"XDG_STATE_HOME": big_state()}))
        if shutil.which("htop"):
            programs.append(Program(["htop", "-d", "20"], 80, 24, {"HOME": folder}))
        try:
            programs[0].until(b"PRIMARY")
            programs[1].until(b"PRIMARY")
            rest(programs, SETTLE)
            before, sent, start = [p.ticks() for p in programs], [p.received for p in programs], time.monotonic()
            rest(programs, SECONDS)
            took = time.monotonic() - start
            share = [(p.ticks() - b) / took * 100 for p, b in zip(programs, before)]
            sent = [(p.received - s) / took for p, s in zip(programs, sent)]
            memory = [p.status_mb("VmRSS") for p in programs]
        finally:
            for p in programs:
                p.close()
            sim.close()
    big = big_name()
    for list_of in (share, sent, memory):
        list_of.append(list_of.pop(1))  # the large one behind the peer
    peer = len(programs) > 2
    row("idle for %d s, CPU of the console, beside htop" % SECONDS, "%.3f %%" % share[0], "%.3f %%" % share[1] if peer else None,
        share[0] / share[1] if peer and share[1] else None, "< 0.5 %")
    row("idle, resident memory, beside htop", "%.1f MB" % memory[0], "%.1f MB" % memory[1] if peer else None, memory[0] / memory[1] if peer else None, "< 40 MB")
    row("idle, bytes sent a second, beside htop", "%.0f" % sent[0], "%.0f" % sent[1] if peer else None, sent[0] / sent[1] if peer and sent[1] else None, "< 400")
    row("idle, %s: CPU of the console" % big, "%.3f %%" % share[-1], None, None, "< 0.5 %")
    row("idle, %s: bytes sent a second" % big, "%.0f" % sent[-1], None, None, "< 400")


main()
