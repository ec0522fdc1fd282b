#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A console that owns the ledger, on a terminal that misbehaves while a plan is carried out: the orchestrator goes on,
nothing is lost or doubled, and the screen catches up. Against the simulated set, with the record read from outside.

SIGNALBOX_BLOCKED_S is how long the terminal's output is blocked, 5 when it is not said (30 is the long form)."""
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402

SLOW = HERE + "/crash-slow-build.scenario"
INDEX = "customer_id_1_created_at_-1"
BLOCKED = float(os.environ.get("SIGNALBOX_BLOCKED_S", "5"))
ASKED = "create an index on shop.orders {total: 1}"


class Console(L.Lab):
    """The laboratory, with a console on a pseudo-terminal as the owner instead of `serve`."""

    def __init__(self, width=120, height=40):
        super().__init__(SLOW)
        config = self.dir + "/config/signalbox/config"
        with open(config) as f:
            text = f.read()
        with open(config, "w") as f:
            f.write("set clipboard maybe\n" + text)
        self.terminal = Terminal([L.PROGRAM, "console"], width, height, env=self.env)
        self.terminal.wait("config:1: clipboard is on or off")  # what is passed over is told on the screen
        self.terminal.wait("PRIMARY")
        self.until("the owner's socket", self.listening)

    def until(self, what, fn, patience=L.PATIENCE):
        """As in the laboratory, with the terminal read meanwhile, unless it is blocked."""
        def and_read():
            if not self.blocked:
                self.terminal.pump(0)
            return fn()
        return super().until(what, and_read, patience)

    blocked = False

    def building(self, id):
        """Until a step of the card is open and nothing has come of it."""
        self.approve(id)
        self.until("an open intent", self.open_intents)

    def close(self):
        self.terminal.close()
        super().close()


def finish(lab, id, state):
    """The card's end, with one build and a record that is whole."""
    lab.until_state(id, state)
    lab.check_record(id)
    L.require(all(lab.sim.index("shop.orders", INDEX)), "the index is not on every member")
    n = lab.sim.builds_registered(INDEX)
    L.require(n == 1, "the index was built %d times" % n)


def a_console_without_a_terminal_says_so():
    for how in ("<&-", "</dev/null", ">&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", 'exec "$0" console %s' % how, L.PROGRAM], stderr=subprocess.PIPE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        L.require(done.returncode == 2, "console %s: exit %d" % (how, done.returncode))
        L.require(how.endswith("2>&-") or done.stderr == "signalbox: console needs a terminal; without one use: signalbox serve, ask and cards\n", "console %s: %r" % (how, done.stderr))


def output_that_is_blocked_holds_up_no_plan():
    """Nobody reads the terminal (Ctrl-S, a dead line) from before the approval until after the verdict of the build."""
    lab = Console()
    try:
        id = lab.propose()
        lab.blocked = True
        start = time.monotonic()
        for _ in range(201):  # every key makes a frame: the line is full soon
            lab.terminal.send("z\t")
        lab.terminal.send("n" + ASKED + "\r")  # and a request is typed blindly
        lab.building(id)
        lab.until_state(id, "watching", "done")
        lab.until("the request that was typed blindly", lambda: [e for e in lab.entries("request") if e["body"]["case"]["text"] == ASKED])
        while time.monotonic() - start < BLOCKED:
            time.sleep(0.05)
        L.require(lab.terminal.text().count("watching") == 0, "the screen was read although it was blocked")
        frozen, before = lab.terminal.text(), len(lab.terminal.bytes)
        lab.blocked = False
        # where it was blocked for long, the window that was open is over
        lab.terminal.until(lambda: any(w in lab.terminal.flat() for w in ("watching", "has left Plans", "is done")), "what has come meanwhile")
        L.require(lab.terminal.text() != frozen, "the screen did not catch up")
        caught_up = len(lab.terminal.bytes) - before
        finish(lab, id, "done")
        said = [e for e in lab.entries("request") if e["body"]["case"]["text"] == ASKED]
        L.require(len(said) == 1, "the request was taken %d times" % len(said))
        lab.terminal.send("4")
        newest = lab.entries()[-1]["seq"]
        lab.terminal.until(lambda: any(int(n.replace(",", "")) >= newest for n in re.findall(r"Audit #([0-9,]+)", lab.terminal.flat())), "entry %d on the screen" % newest)
        print("   blocked for %.1f s; %d bytes brought the screen up to date" % (time.monotonic() - start, caught_up))
        lab.terminal.send("q")
        status = lab.terminal.end()
        L.require(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, "the console ended with %x" % status)
        lab.verify()
    finally:
        lab.close()


def a_terminal_killed_in_mid_card_loses_and_doubles_nothing():
    """The terminal goes while the index is being built: the owner goes on to a safe point, and the next owner to the end."""
    lab = Console()
    try:
        id = lab.propose()
        lab.building(id)
        pid = lab.terminal.pid
        os.close(lab.terminal.fd)  # as when the window is closed: SIGHUP, and every read and write fails
        lab.terminal.fd = os.open("/dev/null", os.O_RDWR)
        lab.blocked = True
        found, status = 0, 0
        def gone():
            nonlocal found, status
            found, status = os.waitpid(pid, os.WNOHANG)
            return found
        lab.until("the end of the console", gone)
        lab.terminal.status = status
        L.require(os.WIFEXITED(status), "the console ended with status %x" % status)
        L.require(not lab.open_intents(), "the console ended in the middle of a step")
        lab.start()
        finish(lab, id, "done")
        lab.stop()
        lab.verify()
    finally:
        lab.close()


def a_stopped_console_goes_on_where_it_was():
    """SIGTSTP is refused while a plan is carried out; SIGSTOP cannot be: the owner stands still and goes on at SIGCONT."""
    lab = Console()
    try:
        id = lab.propose()
        lab.building(id)
        lab.terminal.wait("executing")
        lab.terminal.signal(signal.SIGTSTP)
        lab.terminal.wait("Not suspended: a plan is being carried out")
        lab.terminal.signal(signal.SIGSTOP)
        os.waitpid(lab.terminal.pid, os.WUNTRACED)
        n = len(lab.entries())
        for width in range(40, 200, 4):  # the window is resized all the while
            lab.terminal.resize(width, 20 + width // 10)
        L.require(len(lab.entries()) == n, "a stopped owner wrote to the ledger")
        lab.terminal.resize(100, 30)
        lab.terminal.screen.reset()
        lab.terminal.signal(signal.SIGCONT)
        lab.terminal.wait("Approvals")
        finish(lab, id, "done")
        lab.terminal.send("q")
        lab.terminal.end()
        lab.verify()
    finally:
        lab.close()


def main():
    tests = [v for v in globals().values() if callable(v) and getattr(v, "__module__", "") == "__main__" and not isinstance(v, type) and v not in (main, finish)]
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    for test in tests:
        if only in test.__name__:
            start = time.monotonic()
            test()
            print("ok %-60s %.1f s" % (test.__name__.replace("_", " "), time.monotonic() - start), flush=True)


main()
