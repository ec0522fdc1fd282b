#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same seed twice: the two ledgers tell the same case in the same words. Identities that come from the seed (the log, the
boot, the host, the nonce of the approval, the replica set) are equal as they stand. Masked are times, ports, ids of processes
and operations, hashes over any of them, and measured figures: the program reads the simulator by the real clock, so that two
runs meet it at moments that lie some milliseconds apart. For the same reason it is left out how often something was measured
(anomalies as they are corrected, readings of the watch, the sampler's own account, which evidence had come by the hand-off).
What the simulator itself does is compared to the last bit by test_determinism."""
import json
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("SIGNALBOX", os.path.join(os.getcwd(), "build/gcc/signalbox"))
MEASURED = ("anomaly", "watch", "sampler")
FROM_SEED = ("log", "boot", "host")
LIMIT = 300  # seconds after which something hangs


def fail(what):
    print("FAIL: " + what)
    sys.exit(1)


def environment(state):
    env = dict(os.environ, XDG_STATE_HOME=state + "/state", XDG_CONFIG_HOME=state + "/config")
    env.pop("SIGNALBOX_URI", None)
    return env


def begin(state, seed):
    words = [PROGRAM, "demo", "--tour", "--scenario", "slow-orders", "--seed", str(seed)]
    return subprocess.Popen(words, env=environment(state), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ledger(run, state):
    said = run.communicate(timeout=LIMIT)[0].decode(errors="replace")
    if run.returncode:
        fail("the tour ended with %d:\n%s" % (run.returncode, said))
    r = subprocess.run([PROGRAM, "audit", "export"], env=environment(state), stdout=subprocess.PIPE, timeout=LIMIT, check=True)
    return [json.loads(line) for line in r.stdout.splitlines()]


def masked(v, key=""):
    if key == "evidence":
        return None
    if isinstance(v, dict):
        return {k: masked(x, k) for k, x in v.items()}
    if isinstance(v, list):
        return [masked(x) for x in v]
    if isinstance(v, str):
        return re.sub(r"\d+([.,:]\d+)*", "0", re.sub(r"[0-9a-f]{32,}", "H", v))
    return v if v is None or isinstance(v, bool) else 0


def told(entries):
    return [e for e in entries if e["kind"] not in MEASURED]


def nonces(entries):
    return [e["body"]["statement"]["nonce"] for e in entries if e["kind"] == "approval"]


def main():
    with tempfile.TemporaryDirectory(prefix="signalbox-test-") as a, tempfile.TemporaryDirectory(prefix="signalbox-test-") as b:
        runs = begin(a, 7), begin(b, 7)
        try:
            one, two = ledger(runs[0], a), ledger(runs[1], b)
        finally:
            for r in runs:
                r.poll() is None and r.kill()
    for name in FROM_SEED:
        if {e[name] for e in one} != {e[name] for e in two}:
            fail("%s is not from the seed" % name)
    if len(nonces(one)) != 1 or nonces(one) != nonces(two):
        fail("the nonces of the approvals are %s and %s" % (nonces(one), nonces(two)))
    x, y = told(one), told(two)
    for i in range(max(len(x), len(y))):
        if i >= len(x) or i >= len(y) or masked(x[i]) != masked(y[i]):
            fail("entry %d of the case differs:\n  %s\n  %s" % (i, x[i] if i < len(x) else "none", y[i] if i < len(y) else "none"))
    kinds = [e["kind"] for e in x]
    for kind in ("request", "intent", "handoff", "recommendation", "approval", "step.intent", "step.result", "step.verified", "case.close"):
        if kind not in kinds:
            fail("the case has no %s" % kind)
    print("the same %d entries twice, of %d and %d" % (len(x), len(one), len(two)))


main()
