#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the console costs while nobody does anything: attached for 60 s to a simulator of its own process on an ordinary
day, processor time of the console's process alone, and the memory it holds then. htop, refreshing as often as the console
polls, runs beside it."""
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pty_program import SIGNALBOX, Program, Simulator, row, skipped

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
        if shutil.which("htop"):
            programs.append(Program(["htop", "-d", "20"], 80, 24, {"HOME": folder}))
        try:
            programs[0].until(b"PRIMARY")
            rest(programs, SETTLE)
            before, start = [p.ticks() for p in programs], time.monotonic()
            rest(programs, SECONDS)
            took = time.monotonic() - start
            share = [(p.ticks() - b) / took * 100 for p, b in zip(programs, before)]
            memory = [p.status_mb("VmRSS") for p in programs]
        finally:
            for p in programs:
                p.close()
            sim.close()
    peer = len(programs) > 1
    row("idle for %d s, CPU of the console, beside htop" % SECONDS, "%.3f %%" % share[0], "%.3f %%" % share[1] if peer else None,
        share[0] / share[1] if peer and share[1] else None, "< 0.5 %")
    row("idle, resident memory, beside htop", "%.1f MB" % memory[0], "%.1f MB" % memory[1] if peer else None, memory[0] / memory[1] if peer else None, "< 40 MB")


main()
