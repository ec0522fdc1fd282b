#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page about a store for 10,000 deployments says what its simulation says, and the sizes that go in are those of a ledger made now."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import paper  # noqa: E402

PROGRAM = os.environ.get("SIGNALBOX", "build/gcc/signalbox")

with open(os.path.join(HERE, "..", "..", "src", "shared", "PLAN.md")) as f:
    page = f.read()
if paper.table() not in page:
    raise SystemExit("FAIL: src/shared/PLAN.md does not hold the table that tests/support/paper.py prints")
with tempfile.TemporaryDirectory() as state:
    r = subprocess.run([PROGRAM, "demo", "--tour", "--seed", "3"], env=dict(os.environ, XDG_STATE_HOME=state), capture_output=True, text=True, timeout=280)
    if r.returncode:
        raise SystemExit("FAIL: the tour ended with %d:\n%s" % (r.returncode, r.stdout[-800:] + r.stderr[-800:]))
    measured = paper.measure(os.path.join(state, "signalbox", "ledger.db"))
used = ((paper.ANOMALY_ENTRIES, paper.ANOMALY_BYTES), (paper.CASE_ENTRIES, paper.CASE_BYTES))
for name, is_, used_ in zip(("anomaly", "case"), measured, used):
    for what, a, b in zip(("entries", "bytes"), is_, used_):
        print("%s: %s measured %d, used %d" % (name, what, a, b))
        if not b / 2.5 <= a <= b * 2.5: # how often an anomaly is told anew differs from run to run
            raise SystemExit("FAIL: the paper reckons with %s that are not there any more" % what)
