#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox incident --follow`: a real log that is written again, in pieces that end within lines, rotated underneath and cut:
each incident is told when it begins and when it is over, the same as of the whole log; what happened to the file is said."""
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

PROGRAM = os.environ["SIGNALBOX"]
DATA = os.environ.get("SIGNALBOX_TEST_DATA", "../shared/data")
REAL = DATA + "/incidents-5.0.7/member-0/mongod.log.gz"
UNTIL = b"2026-11-23T09:05:00"
failures = []


def fail(what):
    failures.append(what)
    print("FAIL: " + what)


def lines_of(stream, n):
    """So many lines, or as many as come before the program is ended."""
    got = []
    while len(got) < n:
        line = stream.readline()
        if not line:
            break
        got.append(line)
    return got


def main():
    if not os.path.exists(REAL):
        print("SKIP: the recorded incidents are not here (%s)" % REAL)
        return 0
    work = tempfile.mkdtemp()
    log = work + "/mongod.log"
    lines = [line for line in gzip.open(REAL).read().splitlines(True) if line[15:34] < UNTIL]
    whole = work + "/whole.log"
    open(whole, "wb").write(b"".join(lines))
    expected = json.loads(subprocess.run([PROGRAM, "incident", "--json", whole], capture_output=True, text=True, timeout=60).stdout)
    open(log, "wb").write(b"".join(lines[:200]) + b"no line of a log\n")
    run = subprocess.Popen([PROGRAM, "incident", "--follow", "--json", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    watchdog = threading.Timer(90, run.kill)  # whoever waits for a line that does not come gets the end of the stream
    watchdog.start()
    try:
        if [w for w in lines_of(run.stderr, 1) if "could not be read" in w] == []:
            fail("a line that is none is not said")
        third = len(lines) // 3
        text = b"".join(lines[200:third])
        with open(log, "ab") as out:
            for i in range(0, len(text), 7001):
                out.write(text[i:i + 7001])
                out.flush()
        os.rename(log, log + ".1")
        with open(log + ".1", "ab") as late, open(log, "ab") as new:  # who writes still holds the old one for a moment
            late.write(b"".join(lines[third:third + 5]))
            late.flush()
            new.write(b"".join(lines[third + 5:]))
        if [w for w in lines_of(run.stderr, 1) if "another file has this name" in w] == []:
            fail("the rotation is not said")
        events = [json.loads(line) for line in lines_of(run.stdout, 2 * len(expected))]
        opened, over = [e for e in events if e["event"] == "open"], [e for e in events if e["event"] == "over"]
        if [(e["from"], e["class"], e["detected_at"]) for e in over] != [(e["from"], e["class"], e["detected_at"]) for e in expected] or not expected:
            fail("followed: %s, whole: %s" % ([(e["from"], e["class"]) for e in over], [(e["from"], e["class"]) for e in expected]))
        if [e["detected_at"] for e in opened] != [e["detected_at"] for e in over] or any(e["to"] for e in opened) or not all(e["to"] for e in over):
            fail("each is told twice, open and over: %s" % events)
        print("%d incidents told when they began and when they were over" % len(over))
        open(log, "wb").write(lines[-1])
        if [w for w in lines_of(run.stderr, 1) if "became shorter" in w] == []:
            fail("a file that is cut is not said")
    finally:
        watchdog.cancel()
        run.terminate()
        run.wait()
    for words, status in (([], 2), ([work], 2), ([work + "/nowhere"], 2)):
        done = subprocess.run([PROGRAM, "incident", "--follow", *words], capture_output=True, text=True, timeout=20)
        if done.returncode != status or done.stdout or not done.stderr:
            fail("--follow %s: %d %s" % (words, done.returncode, done.stderr))
    shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 0


sys.exit(main())
