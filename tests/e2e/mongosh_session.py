#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mongosh, MongoDB's own shell, against the simulated replica set. It comes from npm into build/; without it: skipped."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outside import LIMIT, check, finish, npm_package, simulator

VERSION = "2.12"

SESSION = r"""
const out = {};
db = db.getSiblingDB("shell");
const hello = db.hello();
out.hello = [hello.isWritablePrimary, hello.setName, hello.hosts.length];
out.inserted = Object.keys(db.things.insertMany([...Array(200).keys()].map(i => ({_id: i, a: i % 10, b: -i}))).insertedIds).length;
out.found = db.things.find({a: 3}, {b: 1}).sort({b: 1}).limit(2).toArray();
out.count = db.things.countDocuments({a: {$lt: 5}});
out.before = db.things.find({a: 3}).explain("executionStats").executionStats.totalDocsExamined;
out.index = db.things.createIndex({a: 1});
const after = db.things.find({a: 3}).explain("executionStats");
out.after = [after.executionStats.totalDocsExamined, after.queryPlanner.winningPlan.inputStage.indexName];
out.indexes = db.things.getIndexes().map(i => i.name);
out.grouped = db.things.aggregate([{$group: {_id: "$a", n: {$sum: 1}}}, {$sort: {_id: 1}}, {$limit: 1}]).toArray();
out.updated = db.things.updateMany({a: 3}, {$set: {seen: true}}).modifiedCount;
try { db.things.insertOne({_id: 1}); out.duplicate = 0; } catch (e) { out.duplicate = e.code; }
out.members = rs.status().members.map(m => m.stateStr).sort();
out.dropped = db.dropDatabase().ok;
print("RESULT " + EJSON.stringify(out, {relaxed: true}));
"""

WANTED = {
    "hello": [True, "rs0", 3], "inserted": 200, "found": [{"_id": 193, "b": -193}, {"_id": 183, "b": -183}], "count": 100, "before": 200, "index": "a_1",
    "after": [20, "a_1"], "indexes": ["_id_", "a_1"], "grouped": [{"_id": 0, "n": 20}], "updated": 20, "duplicate": 11000,
    "members": ["PRIMARY", "SECONDARY", "SECONDARY"], "dropped": 1,
}


def mongosh():
    """The shell's path, or None after saying why."""
    modules = npm_package("mongosh", "mongosh@" + VERSION)
    return modules and os.path.join(modules, ".bin", "mongosh")


def main():
    shell = mongosh()
    if not shell:
        sys.exit(77)
    with simulator("--scenario", "calm", "--seed", "1", "--speed", "10") as (ready, _):
        r = subprocess.run([shell, ready["uri"], "--quiet", "--norc", "--eval", SESSION], capture_output=True, timeout=LIMIT,
                           env=dict(os.environ, MONGOSH_FORCE_DISABLE_TELEMETRY_FOR_TESTING="1"))
        line = next((x for x in r.stdout.decode().splitlines() if x.startswith("RESULT ")), None)
        if check(line, "mongosh ended with %d: %s%s" % (r.returncode, r.stdout.decode()[-1500:], r.stderr.decode()[-1500:])):
            got = json.loads(line[len("RESULT "):])
            for name, want in WANTED.items():
                check(got.get(name) == want, "%s: %r, not %r" % (name, got.get(name), want))
    finish()


if __name__ == "__main__":
    main()
