#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A drill in which another program restores. Here that is no mongorestore but a program of the tests that takes its command line
(support/pymongo_restore.py) and really restores: folders and archives, packed or not, with an oplog, to a moment. What it leaves out
or alters is found by the comparison; how it ends, what it says, and that it takes too long is the drill's cause and is kept; the
target's marks are read while it runs; nothing of it is left, also when the one who drilled is killed. With a mongorestore on PATH that
one restores, too."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import bson
import dumps
import pymongo
from bson.timestamp import Timestamp
from dumps import Collection
from outside import LIMIT, PROGRAM, Place, check, finish, skip, wait_until

CRASHER = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/e2e/crash_owner")
STAND_IN = os.path.join(HERE, "..", "support", "pymongo_restore.py")
BEGIN = 1_700_000_000
SCENARIO = 'title "a spare set"\n\ncollection spare.one 1\n    field _id "seq(\'x\')"\n'
ACCOUNTS = "account dba\nset password s3cret@one\nset roles clusterMonitor readWriteAnyDatabase dbAdminAnyDatabase\n"


def entry(second, op, ns, o, o2=None):
    return bson.encode(dict({"ts": Timestamp(BEGIN + second, 1), "t": 1, "v": 2, "op": op, "ns": ns, "o": o}, **({"o2": o2} if o2 else {})))


OPLOG = [entry(0, "n", "", {"msg": "begin"}), entry(1, "i", "shop.orders", {"_id": 1000, "email": "new"}), entry(2, "d", "shop.orders", {"_id": 4}),
         entry(3, "u", "shop.orders", {"$v": 2, "diff": {"u": {"email": "c2"}}}, {"_id": 1}), entry(4, "c", "crm.$cmd", {"create": "later"}), entry(5, "i", "crm.later", {"_id": 1})]


def shop():
    return [Collection("shop", "orders", [{"_id": i, "email": "a%d@example.org" % i} for i in range(200)], [{"v": 2, "key": {"email": 1}, "name": "email_1", "unique": True}],
                       {"validator": {"email": {"$exists": True}}}),
            Collection("shop", "empty", []), Collection("shop", "by ünï", [{"_id": 1}]), Collection("shop", "recent", [], options={"viewOn": "orders", "pipeline": []}, kind="view"),
            Collection("crm", "people", [{"_id": bson.ObjectId(b"%012d" % i), "n": bson.int64.Int64(i)} for i in range(30)])]


class World:
    def __init__(self, place):
        self.place = place
        self.process = subprocess.Popen([PROGRAM, "sim", "--members", "1", "--scenario", place.write("spare.scenario", SCENARIO), "--auth-file", place.write("accounts", ACCOUNTS)], stdout=subprocess.PIPE, env=place.env)
        uri = json.loads(self.process.stdout.readline())["uri"].replace("://", "://dba:s3cret%40one@")
        self.file = place.write("target.uri", uri)
        self.client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000)
        self.client.drop_database("spare")
        self.targets = place.state + "/drills/signalbox/targets/"
        self.real = self.program("restorer", 'exec "%s" "%s" "$@"' % (sys.executable, STAND_IN))

    def program(self, name, text):
        return self.place.write(name, '#!/bin/sh\ncase "$*" in *--version*) echo "a stand-in of the tests, no mongorestore"; exit;; esac\n%s\n' % text, 0o700)

    def held(self):
        return sorted("%s.%s" % (d, c) for d in self.client.list_database_names() if d not in ("admin", "config", "local") for c in self.client[d].list_collection_names() if c != "system.views")

    def drill(self, path, restorer, *words, status=0, what="", program=(PROGRAM,), env=None):
        r = subprocess.run([*program, "backup", "--json", "--quiet", "drill", path, "--into", self.file, "--restorer", restorer, *words], env=dict(self.place.env, **(env or {})), capture_output=True, timeout=LIMIT)
        check(r.returncode == status, "%s: exit %d, not %d: %s%s" % (what, r.returncode, status, r.stderr.decode()[:300], r.stdout.decode()[:1500]))
        check(glob.glob(self.targets + "*") == [], "%s: its folder was left" % what)
        return json.loads(r.stdout) if r.stdout else {"cause": r.stderr.decode(), "restorer": None}

    def passes(self, path, *words, what, restorer=None):
        got = self.drill(path, restorer or self.real, *words, what=what)
        check(got.get("ok") is True and got["level"] == "L4" and not got["left"] and got["restorer"]["program"] == (restorer or self.real) and all(r["exit"] == 0 and not r["late"] for r in got["restorer"]["runs"]), "%s: %s" % (what, got))
        return got

    def fails(self, path, restorer, stage, words, *more, status=1, what):
        got = self.drill(path, restorer, *more, status=status, what=what)
        check(got.get("ok") is False and got["stage"] == stage and words in got["cause"], "%s: %s: %s" % (what, got.get("stage"), got.get("cause")))
        check(self.held() == [] and not got["left"], "%s: what it restored was not cleared away: %s (%s)" % (what, self.held(), got.get("left")))
        check(got["restored"]["documents"] == 0 or stage == "compare", "%s: what nobody compared counts as restored: %s" % (what, got["restored"]))
        return got


def what_comes_back(w):
    archive = w.place.write("a.archive", b"".join(dumps.archive_blocks(shop(), OPLOG)))
    for what, path in (("a packed folder", dumps.folder(w.place.dir + "/packed", shop(), OPLOG, packed=True)), ("an archive", archive)):
        got = w.passes(path, "--keep", what=what)
        r = got["restored"]
        check((r["collections"], r["documents"], r["views"], r["indexes"], r["oplog_entries"]) == (4, 231, 1, 1, 6), "%s: restored %s" % (what, r))
        check(w.client.shop.orders.count_documents({}) == 200 and w.client.shop.orders.find_one({"_id": 1})["email"] == "c2" and not w.client.shop.orders.find_one({"_id": 4}) and w.client.crm.later.count_documents({}) == 1
              and "email_1" in w.client.shop.orders.index_information() and w.client.shop.recent.count_documents({}) == 200, "%s: what is there" % what)
        by = got["restorer"]
        check(" restored by %s in " % w.real in got["about"], "%s: %s" % (what, got["about"]))
        check(len(by["runs"]) == 2 and "231 document(s) restored" in by["runs"][0]["output"] and "6 oplog entries" in by["runs"][1]["output"] and len(by["sha256"]) == 64 and
              by["version"].startswith("a stand-in") and by["limit_s"] == 14400 and len(by["runs"][0]["output_sha256"]) == 64, "%s: %s" % (what, by))
        check(not any("mongodb://" in a for run in by["runs"] for a in run["arguments"]) and any(a.startswith("--config=") for a in by["runs"][0]["arguments"]), "%s: %s" % (what, by["runs"]))
    got = w.passes(archive, "--until", "2023-11-14T22:13:22", what="up to a moment")
    check(got["restored"]["oplog_entries"] == 3 and got["restored"]["oplog_entries_later"] == 3 and "applied 3" in got["restorer"]["runs"][1]["output"], "up to a moment: %s" % got["restored"])
    got = w.passes(dumps.folder(w.place.dir + "/plain", shop(), OPLOG) + "/shop", what="the folder of one database")
    check(got["restored"]["documents"] == 201 and "--nsInclude=shop.*" in got["restorer"]["runs"][0]["arguments"] and w.held() == [], "one database: %s" % got["restored"])
    r = w.place.run("backup", "--quiet", "drill", w.place.write("b.archive.gz", dumps.gzip.compress(b"".join(dumps.archive_blocks(shop())))), "--into", w.file, "--restorer", w.real)
    said = r.stdout.decode()
    check(r.returncode == 0 and "restored by" in said and "it ended with 0 after" in said and "231 document(s) restored successfully" in said and all(len(line) <= 80 for line in said.splitlines()), "in words: %s" % said)


def what_is_found(w):
    path = dumps.folder(w.place.dir + "/small", shop())
    stand = '"%s" "%s" "$@"' % (sys.executable, STAND_IN)
    then = lambda line: '%s --then="%s"' % (stand, line)
    for what, line, words in (("one that it alters", "c.shop.orders.update_one({'_id': 7}, {'\\$set': {'email': 'b7@example.org'}})", "content of shop.orders"),
                              ("an index that it leaves out", "c.shop.orders.drop_index('email_1')", "indexes of shop.orders"),
                              ("a collection that it leaves out", "c.crm.people.drop()", "missing of crm.people")):
        w.fails(path, w.program("lies", then(line)), "compare", words, what=what)
    w.fails(path, w.program("lies", then("c.shop.create_collection('more')")), "restore", "made shop.more, which the backup does not hold", what="a collection too many")
    esc = w.program("fails", 'printf "connecting to %s\\nFailed: \\033[31mno space left\\033[0m\\n" "$(cat "${1#--config=}")" >&2; exit 3')
    got = w.fails(path, esc, "restore", "ended with 3: Failed: ?[31mno space left?[0m", what="one that fails")
    check(got["restorer"]["runs"][0]["exit"] == 3 and "://dba:***@" in got["restorer"]["runs"][0]["output"] and "s3cret" not in json.dumps(got) and "u001b" not in json.dumps(got), "what it said: %s" % got["restorer"])
    w.fails(path, w.program("silent", "exit 1"), "restore", "ended with 1: it said nothing", what="one that says nothing")
    w.fails(path, w.program("killed", "kill -9 $$"), "restore", "ended with 137", what="one that is killed")
    loud = w.program("loud", 'yes "0123456789 many words" | head -c 2000000; exec %s' % stand)
    got = w.passes(path, what="one that says 2 MB", restorer=loud)
    check(len(got["restorer"]["runs"][0]["output"]) < 10000 and "bytes are left out here" in got["restorer"]["runs"][0]["output"], "what is kept of it: %d" % len(got["restorer"]["runs"][0]["output"]))
    pids = w.place.dir + "/pids"
    late = w.program("late", 'setsid sleep 1000 & echo $! >>"%s"; echo $$ >>"%s"; exec sleep 1000' % (pids, pids))
    got = w.fails(path, late, "restore", "took longer than", "--limit", "1", what="one that never ends")
    check(got["restorer"]["runs"][0]["late"] is True and got["restorer"]["limit_s"] == 1, "late: %s" % got["restorer"])
    check(not [p for p in open(pids).read().split() if running(int(p))], "what never ends was left running")
    os.chmod(w.real, 0o722)
    for program, word, what in ((w.place.dir + "/nowhere", b"nowhere", "a program that is not there"), ("restore", b"no absolute path", "one without a path"), (w.real, b"chmod", "one that others may write")):
        r = w.place.run("backup", "drill", path, "--into", w.file, "--restorer", program)  # mistyped: no drill that failed
        check(r.returncode == 2 and word in r.stderr and w.held() == [], "%s: exit %d: %s" % (what, r.returncode, r.stderr.decode()))
    os.chmod(w.real, 0o700)
    key = w.place.write("key", os.urandom(32))
    sealed = w.place.dir + "/sealed"
    r = w.place.run("backup", "--quiet", "make", sealed, "--uri-file", w.file, "--key-file", key)
    check(r.returncode == 0, "make: %s" % r.stderr)
    w.fails(sealed, w.real, "restore", "which only this program opens", "--key-file", key, what="a sealed one")
    for words in (("--limit", "0"), ("--limit", "x"), ("--limit", "604801")):
        check(w.place.run("backup", "drill", path, "--into", w.file, *words).returncode == 2, "%s is taken" % (words,))


def running(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def guarded(w):
    path = w.place.dir + "/small"
    w.client.other.precious.insert_one({"_id": 1})
    got = w.drill(path, w.real, status=4, what="a target that is not empty")
    check(got["stage"] == "guard" and w.held() == ["other.precious"] and got["restorer"]["runs"] == [], "a target that is not empty: %s" % got)
    # the operator's mark goes while it runs: it is ended, and nothing more is written, not even to clear away
    w.client.signalbox.scratch.insert_one({"_id": "scratch"})
    slow = w.program("slow", 'echo $$ >"%s/begun"; exec sleep 1000' % w.place.dir)
    p = subprocess.Popen([PROGRAM, "backup", "--json", "--quiet", "drill", path, "--into", w.file, "--restorer", slow], env=w.place.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("its start", lambda: os.path.exists(w.place.dir + "/begun"))
    w.client.signalbox.scratch.delete_one({"_id": "scratch"})
    got = json.loads(p.communicate(timeout=LIMIT)[0])
    check(p.returncode == 1 and 'was ended: the mark {_id: "scratch"} is gone' in got["cause"] and "is gone" in got["left"] and w.held() == ["other.precious", "signalbox.scratch"], "a mark that goes: %s" % got)
    w.client.signalbox.scratch.insert_one({"_id": "scratch"})
    w.passes(path, what="after it")
    check(w.held() == ["other.precious", "signalbox.scratch"], "with the mark: %s" % w.held())
    w.client.drop_database("other")
    w.client.drop_database("signalbox")


def killed(w):
    path, pids = w.place.dir + "/small", w.place.dir + "/left"
    slow = w.program("slow", 'setsid sleep 1000 & echo $! >"%s"; "%s" "%s" "$@"; exec sleep 1000' % (pids, sys.executable, STAND_IN))
    p = subprocess.Popen([PROGRAM, "backup", "--json", "--quiet", "drill", path, "--into", w.file, "--restorer", slow], env=w.place.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("its work", lambda: os.path.exists(pids) and "crm.people" in w.held() and "shop.recent" in w.held())
    p.send_signal(signal.SIGKILL)
    p.communicate(timeout=LIMIT)
    check(len(glob.glob(w.targets + "*")) == 1, "killed, and nothing was there to be left")
    w.passes(path, what="after one that was killed")
    check(w.held() == [] and not running(int(open(pids).read())), "after a kill: %s" % w.held())
    r = subprocess.run([CRASHER, "--verify", w.place.state + "/drills/signalbox"], env=w.place.env, capture_output=True, timeout=LIMIT)
    check(r.returncode == 0, "the drills' ledger is not whole: %s" % r.stdout.decode()[:300])


def main():
    with Place() as place:
        w = World(place)
        try:
            what_comes_back(w)
            what_is_found(w)
            guarded(w)
            killed(w)
            if shutil.which("mongorestore"):
                w.passes(place.dir + "/plain", what="mongorestore itself", restorer=os.path.realpath(shutil.which("mongorestore")))
            else:
                skip("mongorestore itself: there is none on PATH")
        finally:
            w.process.kill()
            w.process.wait()
    finish()


main()
