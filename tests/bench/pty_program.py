# SPDX-License-Identifier: Apache-2.0
"""Programs on pseudo-terminals for the benchmarks: raw bytes and times, nothing is interpreted. And the form of a row."""
import atexit
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

BUILD = os.environ.get("SIGNALBOX_BUILD", os.getcwd() + "/build/gcc")
SIGNALBOX = os.environ.get("SIGNALBOX", BUILD + "/signalbox")
DRIVER = BUILD + "/tests/e2e/console_driver"
QUIET = 0.004  # seconds without a byte: the answer is complete; news that come by themselves are mostly not in it
DEADLINE = 120  # a console with thousands of open cards reads them all before it is there
BIG_ENTRIES = int(os.environ.get("BENCH_BIG_ENTRIES", "1000000"))
BIG_CARDS = int(os.environ.get("BENCH_BIG_CARDS", "10000"))


def big_state():
    """A state folder with a large ledger and many cards that await approval. It is made once for all programs of a run
    (BENCH_CACHE); the consoles that used it have added a few entries."""
    cache = os.environ.get("BENCH_CACHE")
    if not cache:
        cache = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, cache, ignore_errors=True)
    state = os.path.join(cache, "state-%d-%d" % (BIG_ENTRIES, BIG_CARDS))
    if not os.path.exists(state):
        made = state + ".part"
        os.makedirs(os.path.join(made, "signalbox"), 0o700)
        os.chmod(made, 0o700)
        subprocess.run([BUILD + "/tests/bench/ledger", "fill", made + "/signalbox", str(BIG_ENTRIES), str(BIG_CARDS)], check=True, stdout=subprocess.DEVNULL)
        os.rename(made, state)
    return state


def big_name():
    return "{:,} ledger entries, {:,} cards".format(BIG_ENTRIES, BIG_CARDS)


class Program:
    def __init__(self, argv, width=80, height=24, env=None, cwd=None):
        self.fd, tty = pty.openpty()
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.started = time.perf_counter()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            os.login_tty(tty)
            for name in ("NO_COLOR", "LINES", "COLUMNS", "TMUX"):
                os.environ.pop(name, None)
            os.environ.update({"TERM": "screen-256color", "LC_ALL": "C.UTF-8", **(env or {})})
            if cwd:
                os.chdir(cwd)
            try:
                os.execvp(argv[0], argv)
            finally:
                os._exit(127)
        os.close(tty)
        self.seen = bytearray()
        self.received = 0

    def read(self, seconds):
        """What comes within this time, or nothing."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            sys.exit("the program ended: %r" % bytes(self.seen[-2000:]))
        self.seen += data
        self.received += len(data)
        return data

    def until(self, text):
        """Reads until these bytes have come; seconds since the start."""
        end = time.monotonic() + DEADLINE
        while text not in self.seen:
            if time.monotonic() > end:
                sys.exit("%r did not appear: %r" % (text, bytes(self.seen[-2000:])))
            self.read(0.1)
        return time.perf_counter() - self.started

    def answer(self, keys):
        """Sends keys and takes what comes until it is quiet: (seconds to its last byte, bytes). (None, 0): nothing came."""
        start = time.perf_counter()
        os.write(self.fd, keys)
        last, n = None, 0
        wait = 1.0
        while True:
            data = self.read(wait)
            if not data:
                return last, n
            last, n, wait = time.perf_counter() - start, n + len(data), QUIET

    def cpu_of(self, keys):
        """(milliseconds of the main thread's processor time, of the wall clock) for an answer; (None, None): nothing came."""
        before = self.main_thread_ns()
        seconds, _ = self.answer(keys)
        return (None, None) if seconds is None else ((self.main_thread_ns() - before) / 1e6, seconds * 1000)

    def quiet(self, seconds=0.1):
        while self.read(seconds):
            pass

    def main_thread_ns(self):
        """Processor time of the main thread so far; exact while it sleeps."""
        with open("/proc/%d/task/%d/schedstat" % (self.pid, self.pid)) as f:
            return int(f.read().split()[0])

    def ticks(self):
        """Processor time of all threads so far, in seconds."""
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status_mb(self, name):
        with open("/proc/%d/status" % self.pid) as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith(name + ":"))

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except OSError:
            pass
        os.close(self.fd)


class Simulator:
    """`signalbox sim`, and a file with its connection string."""

    def __init__(self, folder, *options):
        self.process = subprocess.Popen([SIGNALBOX, "sim", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        self.uri_file = None
        if not line.startswith(b"{"):
            self.close()
            return
        self.uri_file = os.path.join(folder, "uri")
        with open(os.open(self.uri_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
            f.write(json.loads(line)["uri"] + "\n")

    def close(self):
        self.process.kill()
        self.process.wait()


def median(values):
    return sorted(values)[len(values) // 2]


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def row(name, ours, peer, ratio, budget):
    print("%s\t%s\t%s\t%s\t%s" % (name, ours, peer or "-", "%.2f" % ratio if ratio is not None else "-", budget), flush=True)


def skipped(name, why):
    row(name, "skipped", None, None, why)
