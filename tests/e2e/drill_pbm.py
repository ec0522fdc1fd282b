#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A drill in which pbm restores. Here that is a program of the tests that answers like pbm and really restores from its store
(support/pymongo_pbm.py): which calls are made and what they are told; what it leaves out or alters is found; what its oplog changes is
said not to be compared; what is refused, and why; how a restore is treated that is not seen to its end."""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import bson
import dumps
import pymongo
from dumps import Collection
from outside import LIMIT, PROGRAM, Place, check, finish

STAND_IN = os.path.join(HERE, "..", "support", "pymongo_pbm.py")
BEGIN = 1_700_000_000
FIRST, LAST = (BEGIN, 1), (BEGIN + 60, 3)
SCENARIO = 'title "a spare set"\n\ncollection spare.one 1\n    field _id "seq(\'x\')"\n'
ACCOUNTS = "account dba\nset password s3cret@one\nset roles clusterMonitor readWriteAnyDatabase dbAdminAnyDatabase\n"


def shop():
    return [Collection("shop", "orders", [{"_id": i, "email": "a%d@example.org" % i} for i in range(200)], [{"v": 2, "key": {"email": 1}, "name": "email_1"}]),
            Collection("shop", "empty", []), Collection("shop", "recent", [], options={"viewOn": "orders", "pipeline": []}, kind="view"),
            Collection("crm", "people", [{"_id": bson.ObjectId(b"%012d" % i), "n": bson.int64.Int64(i)} for i in range(30)])]


class World:
    def __init__(self, place):
        self.place, self.n = place, 0
        self.process = subprocess.Popen([PROGRAM, "sim", "--members", "1", "--scenario", place.write("spare.scenario", SCENARIO), "--auth-file", place.write("accounts", ACCOUNTS)], stdout=subprocess.PIPE, env=place.env)
        uri = json.loads(self.process.stdout.readline())["uri"].replace("://", "://dba:s3cret%40one@")
        self.file = place.write("target.uri", uri)
        self.client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000)
        self.client.drop_database("spare")

    def store(self, entries=None, sets=("rs0",), **more):
        """A store with one backup; its oplog does nothing, or holds these entries."""
        self.n += 1
        path = "%s/store-%d" % (self.place.dir, self.n)
        dumps.pbm_logical(path, "A", {rs: shop() for rs in sets}, FIRST, LAST, **more)
        for slice in glob.glob(path + "/A/*/oplog/*"):
            dumps.write(slice, dumps.PACKINGS[more.get("packing", "none")][1](b"".join(entries or [dumps.entry(*FIRST, ns="", op="n"), dumps.entry(*LAST, ns="", op="n")])))
        return path

    def pbm(self, store, **how):
        self.state = "%s/state-%d" % (self.place.dir, self.n)
        os.makedirs(self.state, exist_ok=True)
        for old in glob.glob(self.state + "/*"):
            os.remove(old)
        return self.place.write("pbm", "#!/bin/sh\nexec '%s' '%s' '%s' '%s' '%s' \"$@\"\n" % (sys.executable, STAND_IN, store, self.state, json.dumps(how).replace("'", "'\\''")), 0o700)

    def held(self):
        return sorted("%s.%s" % (d, c) for d in self.client.list_database_names() if d not in ("admin", "config", "local") for c in self.client[d].list_collection_names() if c != "system.views")

    def calls(self):
        with open(self.state + "/calls") as f:
            return [json.loads(line) for line in f]

    def drill(self, path, *words, status=0, what="", pbm=None, **how):
        r = subprocess.run([PROGRAM, "backup", "--json", "--quiet", "drill", path, "--into", self.file, "--pbm", pbm or self.pbm(path, **how), *words], env=dict(self.place.env, A_SECRET="x"), capture_output=True, timeout=LIMIT)
        check(r.returncode == status, "%s: exit %d, not %d: %s%s" % (what, r.returncode, status, r.stderr.decode()[:300], r.stdout.decode()[:1500]))
        check(b"s3cret" not in r.stdout, "%s: the password is told" % what)
        return json.loads(r.stdout) if r.stdout else {"cause": r.stderr.decode()}

    def fails(self, path, stage, words, *more, status=1, what, **how):
        got = self.drill(path, *more, status=status, what=what, **how)
        check(got.get("ok") is False and got["stage"] == stage and words in (got["cause"] or ""), "%s: %s: %s" % (what, got.get("stage"), got.get("cause")))
        check(self.held() == [] and not got["left"], "%s: it was not cleared away: %s (%s)" % (what, self.held(), got.get("left")))
        return got


def what_comes_back(w):
    path = w.store()
    got = w.drill(path, "--keep", what="a store")
    check(got.get("ok") and got["level"] == "L4" and got["not_compared"] == [] and got["restored"]["documents"] == 230 and got["restored"]["indexes"] == 1 and got["restored"]["views"] == 1, "a store: %s" % got)
    check(w.client.shop.orders.count_documents({}) == 200 and w.client.crm.people.count_documents({}) == 30, "what is there: %s" % w.held())
    check(got["restorer"]["version"].startswith("Version:   2.5.0") and [r["arguments"][0] for r in got["restorer"]["runs"]] == ["status", "list", "restore"] and " restored by " in got["about"], "the restorer: %s" % got["restorer"])
    calls = w.calls()
    name = "2026-11-26T20:00:00.000000001Z"
    check([c["words"] for c in calls] == [["version"], ["status", "--out=json"], ["list", "--out=json"], ["restore", "A", "--out=json"]] + [["describe-restore", name, "--out=json"]] * 2, "the calls: %s" % [c["words"] for c in calls])
    told = set(calls[1]["environment"])
    check("PBM_MONGODB_URI" in told and told <= {"PBM_MONGODB_URI", "SIGNALBOX_MARK", "PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"}, "the environment: %s" % told)
    got = w.drill(w.store(sets=("rs7",)) + "/A.pbm.json", pbm=w.pbm("%s/store-%d" % (w.place.dir, w.n)), what="of a set with another name")
    check(got.get("ok") and got["level"] == "L4" and "--replset-remapping=rs0=rs7" in w.calls()[3]["words"] and w.held() == [], "of a set with another name: %s, %s" % (got.get("cause"), w.calls()))
    path = w.store(entries=[dumps.entry(*FIRST), dumps.entry(BEGIN + 1, 1, ns="admin.$cmd", op="c", o={"applyOps": [{"op": "i", "ns": "crm.people", "o": {"_id": 7}}]}), dumps.entry(*LAST)])
    got = w.drill(path, what="with an oplog that changes something")
    check(got.get("ok") and got["level"] == "L3" and sorted(got["not_compared"]) == ["crm.people", "shop.orders"], "with an oplog: %s" % got)
    r = w.place.run("backup", "--quiet", "drill", path, "--into", w.file, "--pbm", w.pbm(path))
    check(r.returncode == 0 and b"not compared" in r.stdout and b"crm.people: the backup's own oplog" in r.stdout, "in words: %s" % r.stdout.decode())


def what_is_found(w):
    path = w.store()
    for what, then, words in (("a document that it alters", "c.shop.orders.update_one({'_id': 7}, {'$set': {'email': 'x'}})", "content of shop.orders"), ("an index that it leaves out", "c.shop.orders.drop_index('email_1')", "indexes of shop.orders"),
                              ("a collection that it leaves out", "c.crm.people.drop()", "missing of crm.people")):
        w.fails(path, "compare", words, what=what, then=then)
    w.fails(path, "restore", "made shop.more, which the backup does not hold", what="a collection too many", then="c.shop.create_collection('more')")
    w.fails(path, "restore", "ended as error: no space left", what="one that fails", end="error")
    w.fails(path, "restore", "another operation in progress", what="one that is refused", refuse="another operation in progress")
    node = {"host": "db1", "role": "P", "ok": False, "errors": ["lost agent"]}
    for what, status, words in (("an agent that is not well", {"cluster": [{"rs": "rs0", "nodes": [node]}]}, "is not well: lost agent"), ("another set", {"cluster": [{"rs": "rs9", "nodes": []}]}, "rs9"), ("no agent", {"cluster": [{"rs": "rs0", "nodes": []}]}, "no agent"),
                                ("a cluster", {"cluster": [{"rs": "rs0", "nodes": []}, {"rs": "rs1", "nodes": []}]}, "2 replica sets"), ("something going on", {"running": {"type": "backup"}}, "a backup is going on"),
                                ("point-in-time recovery", {"pitr": {"conf": True, "run": True}}, "slices of its oplog")):
        got = w.drill(path, status=1, what=what, pbm=w.pbm(path, status=status))
        check(got["stage"] == "restore" and words in got["cause"] and w.held() == [] and w.calls()[-1]["words"][0] == "status", "%s: %s" % (what, got["cause"]))
    w.fails(path, "restore", "does not list the backup A", what="a backup that is not listed", list={"snapshots": []})


def what_is_refused(w):
    physical = w.place.dir + "/physical"
    dumps.pbm_physical(physical, "B", FIRST, LAST, [("x.wt", b"\x41\xd8\x01\x00" + bytes(5000), 0, 0)])
    dump = dumps.folder(w.place.dir + "/dump", shop())
    for what, path, words in (("a physical one", physical, "the backup is physical: to restore it pbm ends every mongod"), ("two sets", w.store(sets=("rs0", "rs1")), "of 2 replica sets"), ("a dump", dump, "is none of pbm's")):
        got = w.fails(path, "backup", words, what=what)
        check(not os.path.exists(w.state + "/calls") and got["steps"] == 0, "%s: pbm was asked: %s" % (what, got["steps"]))
    path = w.store()
    dumps.pbm_logical(path, "B", {"rs0": shop()}, FIRST, LAST)
    w.fails(path, "backup", "holds 2 backups", what="a store with two")
    r = w.place.run("backup", "--json", "--quiet", "drill", w.store(), "--into", w.file)
    check(r.returncode == 1 and "with --pbm pbm restores its own" in json.loads(r.stdout)["cause"], "without --pbm: %s" % r.stdout.decode()[:300])
    w.fails(w.store(packing="lz4"), "restore", "cannot be unpacked here", what="one that cannot be read")
    for words in (("--pbm", "pbm"), ("--pbm", w.pbm(path), "--restorer", w.pbm(path))):
        check(w.place.run("backup", "drill", path, "--into", w.file, *words).returncode == 2, "%s is taken" % (words,))
    w.client.other.precious.insert_one({"_id": 1})
    got = w.drill(w.store(), status=4, what="a target that is not empty")
    check(got["stage"] == "guard" and w.held() == ["other.precious"], "a target that is not empty: %s" % got)
    w.client.drop_database("other")


def not_seen_to_its_end(w):
    path = w.store()
    got = w.drill(path, "--limit", "1", status=1, what="one that never ends", end="running")
    check("took longer than 1 s, and cannot be ended" in got["cause"] and "may be going on" in (got["left"] or "") and "shop.orders" in w.held(), "one that never ends: %s, %s" % (got["cause"], got["left"]))
    got = w.drill(path, what="the next one")
    check(got.get("ok") and w.held() == [], "the next one clears it away: %s" % w.held())
    got = w.drill(path, status=1, what="a mark that goes", end="running", then="c.signalbox.scratch.delete_one({'_id': 'drill'})")
    check("the mark of this drill is gone" in got["cause"] and "may be going on" in (got["left"] or ""), "a mark that goes: %s" % got["cause"])
    for db in ("shop", "crm", "signalbox"):
        w.client.drop_database(db)


def main():
    with Place() as place:
        w = World(place)
        try:
            what_comes_back(w)
            what_is_found(w)
            what_is_refused(w)
            not_seen_to_its_end(w)
        finally:
            w.process.kill()
            w.process.wait()
    finish()


main()
