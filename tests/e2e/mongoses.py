#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two mongos in the connection string: while one is away the other one is asked, written to and named; the screen says which does not
answer. Both are doors to one simulated mongos, which is all that the program can tell of two."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402


def host(proxy):
    return proxy.uri.split("/")[2]


def main():
    lab = L.Lab("tests/e2e/cluster.scenario")
    first, second = lab.proxy, L.wire.Proxy(lab.sim.members, lab.sim.ready["set"], lab.on_write, lab.on_app)
    uri = "mongodb://%s,%s/?directConnection=false" % (host(first), host(second))
    for name in ("monitor", "executor"):
        lab.write_uri(name, uri + "&appName=" + name)
    t = None
    try:
        lab.start()
        t = Terminal([L.PROGRAM, "console", "--deployment", "lab"], 200, 60, env=lab.env)
        t.wait("mongos %s of 2, 2 shards; balancer on" % host(first))
        first.leave()
        t.wait("mongos %s of 2, of which %s does not answer" % (host(second), host(first)))
        id = lab.propose(key="{sku: 1}", window=3600)
        lab.approve(id)
        lab.until_state(id, "watching")
        L.require([w.name for w in second.writes] == ["createIndexes"] and not first.writes, "written: %r, %r" % (first.writes, second.writes))
        first.come_back()
        t.wait("mongos %s of 2, 2 shards" % host(second))
        second.leave()
        t.wait("mongos %s of 2, of which %s does not answer" % (host(first), host(second)))
        lab.run("cards", "rollback", id)
        lab.until_state(id, "rolled_back")
        L.require([w.name for w in first.writes] == ["dropIndexes"], "taken back through: %r" % [w.name for w in first.writes])
        first.leave()
        t.wait("none of 2 mongos answers")
        lab.check_record(id)
        lab.stop()
        lab.verify()
    finally:
        if t:
            t.close()
        second.close()
        lab.close()
    print("ok: two mongos, each of them away for a while")


if __name__ == "__main__":
    main()
