#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A drill into a deployment that a program starts for it: it is ended afterwards, also when it could not be started, when it never
comes up, dies in the middle or leaves something running, and when the one who drilled was killed, by the next drill; what others may write is not run, and one that is watched is refused as ever."""
import glob
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import dumps
from dumps import Collection
from outside import LIMIT, PROGRAM, Place, check, finish, wait_until

CRASHER = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/e2e/crash_owner")
STARTER = """#!/bin/sh
set -eu
case $1 in
start)
    [ -e "%(dir)s/broken" ] && { echo "no room"; exit 7; }
    setsid "%(program)s" sim --members 1 --scenario "%(dir)s/spare.scenario" >"$2/said" 2>/dev/null </dev/null &
    echo $! >"$2/pid"; echo $! >>"%(dir)s/pids"
    while [ ! -s "$2/said" ]; do sleep 0.05; done
    uri=$(sed -n 's/.*"uri": *"\\([^"]*\\)".*/\\1/p' "$2/said")
    "%(python)s" -c 'import pymongo, sys; pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=20000).signalbox.scratch.insert_one({"_id": "scratch"})' "$uri"
    echo "$uri" ;;
stop)
    echo stop >>"%(dir)s/stops"
    if [ -e "$2/pid" ]; then kill "$(cat "$2/pid")" 2>/dev/null || :; fi ;;
esac
"""


def running(pid):
    """A child of the program that is gone is somebody else's to bury: what has ended does not run."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def ended(pid):
    for _ in range(200):
        if not running(pid):
            return True
        time.sleep(0.05)
    return False


def bad_ones(place, path, drill, state):
    """Each leaves a child of its own session, holds on to its output or not, and does nothing when it is to stop."""
    left = place.dir + "/left"
    for what, text, status, words, more in (
            ("one that never comes up", "echo mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=500", 3, "127.0.0.1:9", ()),
            ("one that dies at once", "exit 0", 2, "did not say a connection string", ()),
            ("one that says something else", "echo hello", 2, "did not say a connection string", ()),
            ("one that is killed", "kill -9 $$", 1, "failed with 137", ()),
            ("one that never ends", "trap '' TERM; while :; do sleep 1; done", 1, "took longer than 1 s and was ended", ("--limit", "1"))):
        child = 'sh -c "trap : TERM; while :; do sleep 1; done"' if more else "sleep 1000"  # one of them does not mind a SIGTERM
        program = place.write("bad", '#!/bin/sh\n[ "$1" = stop ] && exit 0\nsetsid %s & echo $! >>"%s"\n%s\n' % (child, left, text), 0o700)
        r = place.run("backup", "--json", "--quiet", "drill", path, "--start", program, *more)
        said = json.loads(r.stdout)["cause"] if r.stdout else r.stderr.decode()
        check(r.returncode == status and words in said, "%s: exit %d: %s" % (what, r.returncode, said[:400]))
        check(glob.glob(state + "*") == [], "%s: its folder was left" % what)
        pid = int(open(left).read().split()[-1])
        check(not running(pid), "%s: what it left was left running" % what)


def dies_in_the_middle(place, path, program, pids, state):
    p = subprocess.Popen([CRASHER, "backup", "--json", "--quiet", "drill", path, "--start", program], env=dict(place.env, SIGNALBOX_CRASH_AT="drill.send.before:3", SIGNALBOX_CRASH_STOP="1", SIGNALBOX_CRASH_ARM="/"),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("the stop", lambda: open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1][0] == "T")
    os.kill(pids()[-1], signal.SIGKILL)
    p.send_signal(signal.SIGCONT)
    got = json.loads(p.communicate(timeout=LIMIT)[0])
    check(p.returncode == 1 and got["ok"] is False and got["stage"] == "restore" and "127.0.0.1" in got["cause"] and got["left"] is None, "one that dies in the middle: exit %d: %s" % (p.returncode, got))
    check(not running(pids()[-1]) and glob.glob(state + "*") == [], "one that dies in the middle: %s" % glob.glob(state + "*"))


def main():
    with Place() as place:
        path = dumps.folder(place.dir + "/store/good", [Collection("shop", "orders", [{"_id": i, "n": i} for i in range(30)])])
        place.write("spare.scenario", 'title "nothing"\n\ncollection other.thing 0\n    field _id "seq(\'x\')"\n')
        program = place.write("starter", STARTER % {"dir": place.dir, "program": os.path.abspath(PROGRAM), "python": sys.executable}, 0o700)
        state = place.env["XDG_STATE_HOME"] + "/signalbox/drills/signalbox/targets/"

        def pids():
            return [int(line) for line in open(place.dir + "/pids")] if os.path.exists(place.dir + "/pids") else []

        def drill(status, what, starter=program):
            r = place.run("backup", "--json", "--quiet", "drill", path, "--start", starter)
            check(r.returncode == status, "%s: exit %d, not %d: %s %s" % (what, r.returncode, status, r.stdout.decode()[:400], r.stderr.decode()[:400]))
            return json.loads(r.stdout) if r.stdout else r.stderr.decode()

        try:
            got = drill(0, "into one that is started")
            check(got["level"] == "L4" and got["policy_level"] == "L2" and got["target"]["started_by"] == program, "it: %s" % got)
            check(len(pids()) == 1 and ended(pids()[0]), "it was left running")
            check(glob.glob(state + "*") == [], "its folder was left")

            r = subprocess.run([CRASHER, "backup", "drill", "--quiet", path, "--start", program], env=dict(place.env, SIGNALBOX_CRASH_AT="drill.send.after:3", SIGNALBOX_CRASH_ARM="/"),
                               capture_output=True, timeout=LIMIT)
            check(r.returncode == -signal.SIGKILL and len(pids()) == 2 and running(pids()[1]) and len(glob.glob(state + "*")) == 1, "killed: %d, %s" % (r.returncode, pids()))
            drill(0, "after one that was killed")
            check(all(ended(p) for p in pids()) and len(pids()) == 3 and glob.glob(state + "*") == [], "after a kill: %s, %s" % (pids(), glob.glob(state + "*")))

            place.write("broken", b"")
            check("no room" in drill(1, "one that cannot start"), "its words are not told")
            check(len(pids()) == 3 and glob.glob(state + "*") == [], "it left something")
            os.unlink(place.dir + "/broken")
            bad_ones(place, path, drill, state)
            dies_in_the_middle(place, path, program, pids, state)
            stops = open(place.dir + "/stops").read().count("stop")
            os.chmod(program, 0o722)
            check("chmod" in drill(2, "one that others may write"), "why it is not run is not told")
            os.chmod(program, 0o700)
            drill(2, "no absolute path", "starter")
            check(len(pids()) == 4 and open(place.dir + "/stops").read().count("stop") == stops, "it was run all the same")
            check(place.run("backup", "drill", path, "--start", program, "--into", program).returncode == 2, "both a program and a file")
        finally:
            for pid in pids():
                if running(pid):
                    os.kill(pid, signal.SIGKILL)
    finish()


main()
