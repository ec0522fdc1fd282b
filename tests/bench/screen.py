#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First paint, key to paint, and bytes sent, on a pseudo-terminal, beside tig and htop in the same run.

Key to paint runs in the audit pane of a console whose ledger has 1,000,000 entries, so that keys also bring in entries that
were not held, and in Approvals with 10,000 cards. The console is the real one on the simulator; the ledger is made by
tests/bench/ledger."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pty_program import DRIVER, QUIET, SIGNALBOX, Program, Simulator, big_name, big_state, median, p99, row, skipped

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5")) * 3
KEYS = 600
PAGES = 60
UP, DOWN, PAGE_UP, PAGE_DOWN = b"\x1b[A", b"\x1b[B", b"\x1b[5~", b"\x1b[6~"


def make_repository(folder):
    """A history for tig, as long as fits into a second of making it."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    commits = "".join("commit refs/heads/main\ncommitter a <a@example.net> %d +0000\ndata 20\ncommit number %06d\n" % (1600000000 + i * 60, i) for i in range(5000))
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=commits.encode(), check=True)
    subprocess.run(["git", "-C", folder, "symbolic-ref", "HEAD", "refs/heads/main"], check=True)


def first_paint(folder, repository):
    state = os.path.join(folder, "paint-state")
    os.mkdir(state, 0o700)
    uri = os.path.join(folder, "nobody")
    with open(os.open(uri, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write("mongodb://127.0.0.1:9/\n")
    subjects = {
        "ours": ([SIGNALBOX, "console", "--uri-file", uri], b"Approvals", None),
        "tig": (["tig"], b"commit number", repository),
        "htop": (["htop"], b"Tasks:", None),
    }
    took = {name: [] for name in subjects}
    for i in range(ROUNDS + 1):
        for name, (argv, text, cwd) in subjects.items():
            if not shutil.which(argv[0]):
                continue
            p = Program(argv, 80, 24, {"XDG_STATE_HOME": state, "HOME": folder}, cwd)
            seconds = p.until(text)
            p.close()
            if i:
                took[name].append(seconds * 1000)
    ours = median(took["ours"])
    for peer in ("tig", "htop"):
        if took[peer]:
            row("first paint, beside %s (wall)" % peer, "%.1f ms" % ours, "%.1f ms" % median(took[peer]), ours / median(took[peer]), "< 50 ms")
        else:
            skipped("first paint, beside %s (wall)" % peer, "%s is not installed" % peer)


def keys():
    """Down and up through the newest entries, and a page now and then."""
    for i in range(KEYS):
        yield PAGE_DOWN if i % 20 == 19 else DOWN if i % 3 else UP


def key_to_paint(folder, repository):
    state = big_state()
    sim = Simulator(folder, "--seed", "1")
    name = big_name() + ": key to paint"
    if not sim.uri_file:
        skipped(name, "there is no simulator")
        return
    console = Program([SIGNALBOX, "console", "--uri-file", sim.uri_file], 120, 40, {"XDG_STATE_HOME": state})
    tig = Program(["tig"], 120, 40, {"HOME": folder}, repository) if shutil.which("tig") else None
    try:
        console.until(b"PRIMARY")
        console.quiet(0.4)  # its clock ticks every second
        opened = [console.cpu_of(b"4"), console.cpu_of(b"z")]  # to the ledger, and it alone
        pages = [console.cpu_of(PAGE_DOWN)[0] for _ in range(PAGES)]
        console.answer(b"\x1b[H")
        console.answer(b"z")
        if tig:
            tig.until(b"commit number")
            tig.quiet()
        cpu, wall, peer = [], [], []
        cards = []
        for key in list(keys()):
            before = console.main_thread_ns()
            seconds, _ = console.answer(key)
            if seconds is not None:
                cpu.append((console.main_thread_ns() - before) / 1e6)
                wall.append(seconds * 1000)
            if tig:
                seconds, _ = tig.answer(key)
                if seconds is not None:
                    peer.append(seconds * 1000)
        console.answer(b"3")
        for key in keys():
            took = console.cpu_of(key)[0]
            if took is not None:
                cards.append(took)
        memory = console.status_mb("VmRSS")
    finally:
        console.close()
        sim.close()
        if tig:
            tig.close()
    if len(wall) < KEYS / 2:
        sys.exit("only %d of %d keys changed the screen" % (len(wall), KEYS))
    row(name + " in Audit, main thread's CPU, p99", "%.2f ms" % p99(cpu), None, None, "< 5 ms")
    row(name + " in Approvals, main thread's CPU, p99", "%.2f ms" % p99(cards), None, None, "< 5 ms")
    row(big_name() + ": Audit opens (wall; main thread's CPU %.2f ms)" % sum(c for c, _ in opened if c), "%.1f ms" % sum(s for _, s in opened if s), None, None, "< 100 ms")
    pages = [c for c in pages if c is not None]
    row(big_name() + ": a page of Audit, main thread's CPU, p99", "%.2f ms" % p99(pages), None, None, "< 5 ms")
    row(big_name() + ": resident memory", "%.1f MB" % memory, None, None, "< 40 MB + 200 B a row shown")
    row(name + " in Audit, wall, median", "%.2f ms" % median(wall), "%.2f ms" % median(peer) if peer else None, median(wall) / median(peer) if peer else None, "beside tig")
    row(name + " in Audit, wall, p99", "%.2f ms" % p99(wall), "%.2f ms" % p99(peer) if peer else None, p99(wall) / p99(peer) if peer else None, "beside tig")


def bytes_sent():
    """On recorded news, so that nothing but keys and the clock changes the screen. Where a page stands beside the panes it
    follows the selection when that has come to rest: the move and the page are frames of their own."""
    for width, height, pane in ((80, 24, None), (120, 40, None), (200, 60, 99)):
        p = Program([DRIVER, "--clock", "2026-11-24T14:05:12.000Z", "01-connect", "03-calm", "04-anomaly", "05-card", "11-more"], width, height)
        p.until(b"bob has opened")
        digit = re.compile(rb"\d")

        def next_tick():
            """Waits for the clock on the screen, so that what follows has most of a second to itself."""
            p.quiet(0.05)
            while not digit.search(p.read(2)):
                pass
            p.quiet(0.05)

        for _ in range(2):
            next_tick()
        p.answer(b"\x1b[H")  # the message has stood for a second: it goes with this key
        same, moves, pages = [], [], []
        for i in range(5):
            next_tick()
            os.write(p.fd, b"\x1b[H\x1b[H")  # at the top already: the frame is made, and is the same
            same.append(len(p.read(0.3)))
            for key in (DOWN, UP):
                next_tick()
                moves.append(p.answer(key)[1])
                before = p.received
                if p.read(0.5):
                    p.quiet(QUIET)
                pages.append(p.received - before)
        p.close()
        size = "%dx%d" % (width, height)
        row("bytes of an unchanged frame, %s (worst)" % size, str(max(same)), None, None, "0")
        row("bytes of a cursor move, %s (worst)" % size, str(max(moves)), None, None, "< %d" % (2 * pane + 64) if pane else "< 200")
        if pane:
            row("bytes of the page that follows the cursor, %s (worst)" % size, str(max(pages)), None, None, "sent when the cursor has rested")
        elif max(pages):
            sys.exit("%d bytes came after a cursor move at %s, where no page follows it" % (max(pages), size))


def main():
    with tempfile.TemporaryDirectory() as folder:
        repository = os.path.join(folder, "repository")
        make_repository(repository)
        first_paint(folder, repository)
        key_to_paint(folder, repository)
    bytes_sent()


main()
