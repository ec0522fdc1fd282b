#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An index build that takes longer than any time-out of a client: the connection string asks for a second on the socket, the
program's own limits are five and fifteen seconds, the driver's is five minutes. A client's time-out says nothing about a
build, so none may end the waiting: one command is sent, its reply comes, and the card goes on.

SIGNALBOX_LONG_BUILD_S says how many real seconds the build takes at least (6 when not said; `make test-long`: 310)."""
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

SECONDS = int(os.environ.get("SIGNALBOX_LONG_BUILD_S", "6"))
SPEED = 20 if SECONDS < 60 else 1
DOCUMENTS = 2000


def scenario(dir):
    """The small shop with a build that is slow enough."""
    with open(os.path.join(HERE, "crash-slow-build.scenario")) as f:
        text = f.read()
    us = int(SECONDS * SPEED * 1.1 * 1e6 / DOCUMENTS)
    path = dir + "/long.scenario"
    with open(path, "w") as f:
        f.write(re.sub(r"cost build_doc_us \d+", "cost build_doc_us %d" % us, text))
    return path


def waits_for_the_reply(lab):
    lab.write_uri("executor", lab.proxy.uri + "&appName=executor&socketTimeoutMS=1000")
    lab.start()
    id = lab.propose()
    lab.approve(id)
    begun = lab.until("a build", lambda: [w.name for w in lab.proxy.writes] == ["createIndexes"] and time.monotonic())
    lab.until("the end of the build", lambda: lab.state_of(id) != "executing", patience=2 * SECONDS + L.PATIENCE)
    took = time.monotonic() - begun
    L.require(took >= SECONDS, "the build took %.1f s only" % took)
    lab.until_state(id, "watching", "done")
    results = [e["body"] for e in lab.entries("step.result")]
    L.require([r["outcome"] for r in results] == ["ok"], "the results: %s" % results)
    L.require(not lab.entries("step.probe"), "it was probed: the client had given up")
    L.require([w.name for w in lab.proxy.writes] == ["createIndexes"], "sent: %s" % [w.name for w in lab.proxy.writes])
    lab.stop()
    lab.verify()
    lab.check_record(id)
    print("a build of %.0f s was waited for" % took)


def main():
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), speed=SPEED)
    try:
        lab.sim.close()
        lab.sim = L.Sim(scenario(lab.dir), SPEED)
        lab.proxy.close()
        lab.proxy = L.wire.Proxy(lab.sim.members, lab.sim.ready["set"], lab.on_write, lab.on_app)
        lab.write_uri("monitor", lab.proxy.uri + "&appName=monitor")
        waits_for_the_reply(lab)
        return 0
    except L.Failure as e:
        print("FAILED: %s\n%s" % (e, lab.log()))
        return 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
