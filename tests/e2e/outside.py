# SPDX-License-Identifier: Apache-2.0
"""What the tests of bad input and of independent clients share: the program as a process, the simulator, small servers."""
import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

PROGRAM = os.environ.get("SIGNALBOX", os.path.join(os.getcwd(), "build/gcc/signalbox"))
SANITIZED = any(v in os.environ.get("SIGNALBOX_BUILD", "") for v in ("asan", "tsan"))
LIMIT = 120  # seconds after which a program hangs; nothing here is about speed

failures = []


def check(ok, what):
    """Notes a failure and goes on: one run shows all of them."""
    if not ok:
        failures.append(what)
        print("FAIL: " + what, flush=True)
    return bool(ok)


def finish():
    if failures:
        raise SystemExit("%d failed" % len(failures))


def skip(why):
    print("SKIP: " + why, flush=True)


def npm_package(folder, package, limit=300):
    """Where the modules of a package from npm are, installed into build/FOLDER if they are not; or None after saying why."""
    where = os.path.join(os.getcwd(), "build", folder)
    modules = os.path.join(where, "node_modules")
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, "lock"), "w") as lock:  # two tests may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        return installed(where, modules, package, limit)


def installed(where, modules, package, limit):
    if os.path.isdir(os.path.join(modules, package.split("@")[0])):
        return modules
    if not shutil.which("npm"):
        skip("%s: there is no npm to install it with" % package)
        return None
    try:
        r = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", where, package], capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        skip("%s: npm install took longer than %d s" % (package, limit))
        return None
    if r.returncode:
        skip("%s: npm install failed: %s" % (package, r.stderr.decode(errors="replace").strip().split("\n")[-1]))
        return None
    return modules


def wait_until(what, fn, seconds=LIMIT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = fn()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit("FAIL: %s did not happen within %d s" % (what, seconds))


class Place:
    """A folder of its own, with state and config in it, and the environment that says so."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="signalbox-test-")
        self.state = os.path.join(self.dir, "state", "signalbox")
        self.config = os.path.join(self.dir, "config", "signalbox")
        os.makedirs(self.config)
        self.env = dict(os.environ, XDG_STATE_HOME=os.path.dirname(self.state), XDG_CONFIG_HOME=os.path.dirname(self.config))
        self.env.pop("SIGNALBOX_URI", None)
        self.env["MONGOC_DISABLE_SHM"] = "1"  # what other programs left of the driver's counters when they were killed is not our subject

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        subprocess.run(["chmod", "-R", "u+rwx", self.dir])
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, content, mode=0o600):
        """A file below the folder; its path."""
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def run(self, *words, env=None, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        how.setdefault("stderr", subprocess.PIPE)
        how.setdefault("timeout", LIMIT)
        return subprocess.run([PROGRAM, *words], env=dict(self.env, **(env or {})), cwd=self.dir, **how)

    @contextlib.contextmanager
    def background(self, *words, env=None):
        """The program while the block runs; its stderr in .err, read by then."""
        err = open(os.path.join(self.dir, "background.err"), "wb+")
        p = subprocess.Popen([PROGRAM, *words], env=dict(self.env, **(env or {})), cwd=self.dir, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=err)
        p.said = lambda: open(err.name, "rb").read().decode(errors="replace")
        try:
            yield p
        finally:
            if p.poll() is None:
                p.terminate()
            try:
                p.wait(LIMIT)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                failures.append("hangs at its end: " + " ".join(words))
            p.stdout.close()
            err.close()


def one_sentence(r, status, *parts, what=""):
    """Exit status, and exactly one line of complaint that has all these parts in it."""
    err = r.stderr.decode(errors="replace")
    what = what or " ".join(map(str, r.args[1:]))[:120]
    check(r.returncode == status, "%s: exit %d, not %d: %s" % (what, r.returncode, status, err[:400]))
    lines = err.splitlines()
    check(len(lines) == 1, "%s: not one line of complaint but %d: %s" % (what, len(lines), err[:400]))
    check(err.startswith("signalbox: "), "%s: the complaint does not say who complains: %s" % (what, err[:200]))
    for part in parts:
        check(part in err, "%s: the complaint does not say \"%s\": %s" % (what, part, err[:400]))
    check(all(c.isprintable() or c in "\n\t" for c in err), "%s: control characters in the complaint: %r" % (what, err[:200]))


def rss_kb(pid, field="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field + ":"))


@contextlib.contextmanager
def simulator(*words):
    """The simulated set as a process: (its first line, the process)."""
    with Place() as place, place.background("sim", *words) as p:
        line = p.stdout.readline()
        if not line:
            raise SystemExit("FAIL: the simulator did not start: " + p.said())
        yield json.loads(line), p
        check(p.poll() is None, "the simulator ended by itself: %s" % p.said()[-2000:])
        p.terminate()
        p.wait(LIMIT)
        check(p.returncode == 0, "the simulator ended with %d: %s" % (p.returncode, p.said()[-2000:]))


class Listener:
    """A TCP port on which `talk(socket)` is had with each who connects, in a thread."""

    def __init__(self, talk):
        self.talk = talk
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s, contextlib.suppress(OSError):
            self.talk(s)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.sock.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
