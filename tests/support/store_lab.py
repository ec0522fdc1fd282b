# SPDX-License-Identifier: Apache-2.0
"""A laboratory of several hosts on one machine: a store of three simulated members, deployments, and for each host a config and a state
folder of its own. Nothing here waits for a fixed time."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pymongo

import lab as L

PROGRAM = L.PROGRAM
SMALL = "title \"hardly anything\"\ncollection shop.orders 20\n    field _id \"seq('order')\"\n    field label \"int(1, 400)\"\n"
SKEW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long skew(void) { const char *s = getenv("SIGNALBOX_TEST_SKEW"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *at)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, at);
    if (rc == 0 && id == CLOCK_REALTIME) at->tv_sec += skew();
    return rc;
}
time_t time(time_t *t)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (t) *t = at.tv_sec;
    return at.tv_sec;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


def require(ok, what):
    L.require(ok, what)


class Sim:
    def __init__(self, *words):
        self.process = subprocess.Popen([PROGRAM, "sim", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        require(line, "the simulator did not start")
        ready = json.loads(line)
        self.uri, self.members = ready["uri"], ready["members"]
        self.client = pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=20000)

    def close(self):
        self.client.close()
        self.process.kill()
        self.process.wait()


class Host:
    """A config, a state folder, and what runs there."""

    def __init__(self, lab, name, skew=0):
        self.lab, self.name, self.process = lab, name, None
        self.dir = "%s/%s" % (lab.dir, name)
        self.env = dict(os.environ, XDG_CONFIG_HOME=self.dir + "/config", XDG_STATE_HOME=self.dir + "/state")
        os.makedirs(self.dir + "/config/signalbox")
        os.makedirs(self.dir + "/state")
        with open(self.dir + "/config/signalbox/config", "w") as f:
            f.write(lab.config)
        if skew:
            self.env.update(LD_PRELOAD=lab.skew(), SIGNALBOX_TEST_SKEW=str(skew))

    def start(self, *words, program=None, env=None):
        self.process = subprocess.Popen([program or PROGRAM, "serve", *words], env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.dir + "/log", "ab"))

    def run(self, *words, check=True):
        done = subprocess.run([PROGRAM, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        require(not check or done.returncode == 0, "%s: exit %d: %s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done

    def log(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def end(self):
        """As a signal asks for it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(L.PATIENCE)

    def children(self):
        """The serves that this host's supervisor has started: {deployment: pid}."""
        found = {}
        for pid in os.listdir("/proc"):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().decode(errors="replace").split("\0")
                with open("/proc/%s/environ" % pid, "rb") as f:
                    mine = ("XDG_CONFIG_HOME=%s/config" % self.dir).encode() in f.read().split(b"\0")
                with open("/proc/%s/stat" % pid) as f:
                    alive = f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
            except OSError:
                continue
            if mine and alive and "--of-fleet" in words and words[0] != "env":
                found[words[words.index("--deployment") + 1]] = int(pid)
        return found

    def kill(self):
        """Everything of this host at once, as when its power goes."""
        pids = [self.process.pid] + list(self.children().values())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # so that nobody hears of another's end
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def entries(self, *kinds, deployment=None):
        path = self.dir + "/state/signalbox/" + ("fleet/%s/signalbox/" % deployment if deployment else "") + "ledger.db"
        if not os.path.exists(path):
            return []
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10)
        try:
            rows = [json.loads(text) for text, in db.execute("SELECT json FROM entry ORDER BY seq")]
        finally:
            db.close()
        return [e for e in rows if not kinds or e["kind"] in kinds]

    def close(self):
        if not self.process:
            return
        for pid in [self.process.pid] * (self.process.poll() is None) + list(self.children().values()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()


class StoreLab:
    def __init__(self, deployments, members=1, scenario=None, lease_s=4, more="", speed=1):
        self.dir = tempfile.mkdtemp(prefix="store")
        self.hosts, self.deployments = [], {}
        with open(self.dir + "/small.scenario", "w") as f:
            f.write(SMALL)
        small = self.dir + "/small.scenario"
        self.store = Sim("--scenario", small, "--seed", "77")
        self.config = "set store mongodb\nset store_uri_file %s\nset store_lease %ds\n%s" % (self.uri_file("store", self.store.uri), lease_s, more)
        for i, name in enumerate(deployments):
            self.deployments[name] = sim = Sim("--scenario", scenario or small, "--members", str(members), "--seed", str(i + 1), "--speed", str(speed))
            self.config += "deployment %s\nset uri_file %s\nset environment staging\n" % (name, self.uri_file(name, sim.uri))
        self.db = self.store.client.signalbox

    def uri_file(self, name, uri):
        path = "%s/%s.uri" % (self.dir, name)
        with open(path, "w") as f:
            f.write(uri + "\n")
        os.chmod(path, 0o600)
        return path

    def skew(self):
        """A library that sets the wall clock of who loads it apart."""
        path = self.dir + "/skew"
        if not os.path.exists(path + ".so"):
            with open(path + ".c", "w") as f:
                f.write(SKEW)
            subprocess.run(["cc", "-shared", "-fPIC", "-o", path + ".so", path + ".c", "-ldl"], check=True)
        return path + ".so"

    def host(self, name, skew=0):
        self.hosts.append(Host(self, name, skew))
        return self.hosts[-1]

    def leases(self):
        """By the deployment's name, as the store has them."""
        return {d.get("name", d["_id"]): d for d in self.db.leases.find()}

    def now(self):
        return self.store.client.admin.command("hello")["localTime"]

    def until(self, what, fn, patience=L.PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            value = fn()
            if value:
                return value
            time.sleep(0.05)
        raise L.Failure("%s: not within %g s\n%s\n%s" % (what, patience, self.leases(), "".join("--- %s\n%s" % (h.name, h.log()) for h in self.hosts if h.process)))

    def close(self):
        for h in self.hosts:
            h.close()
        for s in [self.store, *self.deployments.values()]:
            s.close()
        shutil.rmtree(self.dir, ignore_errors=True)
