#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup drill` into the simulator: what comes back is what an independent reader (pymongo's bson) says is in the backup, also
after its oplog; what may not be written to is not; whatever goes wrong is the drill's cause, and is cleared away, by the next
drill at the latest; a process that is killed leaves a whole ledger."""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import bson
import dumps
import pymongo
import wire
from bson.timestamp import Timestamp
from dumps import Collection
from outside import LIMIT, PROGRAM, Place, check, finish, skip, wait_until

CRASHER = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/e2e/crash_owner")
BEGIN = 1_700_000_000
SCENARIO = 'title "a spare set"\n\ncollection spare.one 1\n    field _id "seq(\'x\')"\n'


class Target:
    """A simulated set of its own, emptied unless told otherwise."""

    def __init__(self, place, name, empty=True, more=""):
        self.process = subprocess.Popen([PROGRAM, "sim", "--members", "1", "--scenario", place.write(name + ".scenario", (SCENARIO + more).encode())], stdout=subprocess.PIPE, env=place.env)
        said = json.loads(self.process.stdout.readline())
        self.uri, self.member, self.set_name = said["uri"], said["members"][0], said["set"]
        self.file = place.write(name + ".uri", self.uri.encode())
        os.chmod(self.file, 0o600)
        self.client = pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=20000)
        if empty:
            self.client.drop_database("spare")

    def held(self):
        return sorted("%s.%s" % (d, c) for d in self.client.list_database_names() if d not in ("admin", "config", "local") for c in self.client[d].list_collection_names() if c != "system.views")

    def close(self):
        self.client.close()
        self.process.kill()
        self.process.wait()


def shop():
    orders = [{"_id": i, "email": "a%d@example.org" % i, "lines": [{"sku": "x%d" % k, "n": k} for k in range(i % 4)], "at": bson.datetime_ms.DatetimeMS(i)} for i in range(200)]
    return [Collection("shop", "orders", orders, [{"v": 2, "key": {"email": 1, "at": -1}, "name": "email_1_at_-1", "unique": True}],
                       {"validator": {"email": {"$exists": True}}, "validationLevel": "moderate", "validationAction": "error"}),
            Collection("shop", "empty", []), Collection("shop", "by ünï", [{"_id": 1}]),
            Collection("shop", "recent", [], options={"viewOn": "orders", "pipeline": []}, kind="view"),
            Collection("crm", "people", [{"_id": bson.ObjectId(b"%012d" % i), "n": bson.int64.Int64(i), "f": i / 3} for i in range(30)])]


def entry(second, op, ns, o, o2=None):
    return bson.encode(dict({"ts": Timestamp(BEGIN + second, 1), "t": 1, "v": 2, "op": op, "ns": ns, "o": o}, **({"o2": o2} if o2 else {})))


OPLOG = [entry(0, "n", "", {"msg": "begin"}),
         entry(1, "i", "shop.orders", {"_id": 1000, "email": "new"}),
         entry(2, "u", "shop.orders", {"$v": 1, "$set": {"email": "changed"}}, {"_id": 0}),
         entry(3, "u", "shop.orders", {"$v": 2, "diff": {"u": {"email": "c2"}, "i": {"fresh": 1}, "d": {"at": False}}}, {"_id": 1}),
         entry(4, "u", "shop.orders", {"$v": 2, "diff": {"slines": {"a": True, "u0": {"sku": "y"}}}}, {"_id": 2}),
         entry(5, "u", "shop.orders", {"_id": 3, "email": "whole"}, {"_id": 3}),
         entry(6, "d", "shop.orders", {"_id": 4}),
         entry(7, "c", "admin.$cmd", {"applyOps": [{"op": "i", "ns": "crm.people", "o": {"_id": "t1"}}, {"op": "d", "ns": "crm.people", "o": {"_id": bson.ObjectId(b"%012d" % 0)}}]}),
         entry(8, "c", "crm.$cmd", {"create": "later", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}),
         entry(9, "i", "crm.later", {"_id": 1}),
         entry(10, "i", "shop.orders", {"_id": 1000, "email": "new"}),  # it may come twice
         entry(11, "c", "crm.$cmd", {"createIndexes": "people", "v": 2, "key": {"n": 1}, "name": "n_1"})]


def after(collections, until=99):
    """What is there at the end, by what OPLOG says in other words."""
    docs = {"%s.%s" % (c.db, c.name): {repr(bson.decode(d)["_id"]): bson.decode(d) for d in c.documents} for c in collections if c.kind != "view"}
    orders, people = docs["shop.orders"], docs["crm.people"]
    steps = [(1, lambda: orders.update({"1000": {"_id": 1000, "email": "new"}})), (2, lambda: orders["0"].update(email="changed")),
             (3, lambda: (orders["1"].update(email="c2", fresh=1), orders["1"].pop("at"))), (4, lambda: orders["2"]["lines"].__setitem__(0, {"sku": "y"})),
             (5, lambda: orders.update({"3": {"_id": 3, "email": "whole"}})), (6, lambda: orders.pop("4")),
             (7, lambda: (people.update({"'t1'": {"_id": "t1"}}), people.pop(repr(bson.ObjectId(b"%012d" % 0))))), (8, lambda: docs.update({"crm.later": {}})),
             (9, lambda: docs["crm.later"].update({"1": {"_id": 1}}))]
    for at, step in steps:
        if at <= until:
            step()
    return docs


def drill(place, target, path, *words, status=0, what="", program=(PROGRAM,), env=None):
    r = subprocess.run([*program, "backup", "--json", "--quiet", "drill", path, "--into", target.file, *words], env=dict(place.env, **(env or {})), capture_output=True, timeout=LIMIT)
    check(r.returncode == status, "%s: exit %d, not %d: %s%s" % (what, r.returncode, status, r.stderr.decode()[:300], r.stdout.decode()[:1500]))
    return json.loads(r.stdout) if r.stdout else {}


def passes(place, target, path, *words, what, level="L4"):
    got = drill(place, target, path, *words, what=what)
    check(got.get("ok") is True and got.get("level") == level and got.get("policy_level") == "L2" and got["cap"]["code"] == "simulated" and not got["left"],
          "%s: %s" % (what, {k: got.get(k) for k in ("ok", "level", "policy_level", "cap", "cause", "left")}))
    return got


def fails(place, target, path, stage, words, *more, status=1, what):
    got = drill(place, target, path, *more, status=status, what=what)
    check(got.get("ok") is False and got.get("stage") == stage and words in (got.get("cause") or ""), "%s: %s: %s" % (what, got.get("stage"), got.get("cause")))
    if stage != "guard":
        check(target.held() == [] and not got["left"], "%s: what it restored was not cleared away: %s (%s)" % (what, target.held(), got.get("left")))
    return got


def verify(place, what):
    r = subprocess.run([CRASHER, "--verify", place.state + "/drills/signalbox"], env=place.env, capture_output=True, timeout=LIMIT)
    check(r.returncode == 0, "%s: the drills' ledger is not whole: %s" % (what, r.stdout.decode()[:300]))


def entries(place):
    r = subprocess.run([PROGRAM, "audit", "export"], env=dict(place.env, XDG_STATE_HOME=place.state + "/drills"), capture_output=True, timeout=LIMIT)
    return [json.loads(line) for line in r.stdout.splitlines()]


def what_comes_back(place, target):
    collections = shop()
    archive = place.write("a.archive", b"".join(dumps.archive_blocks(collections, OPLOG)))
    for what, path in (("a folder", dumps.folder(place.dir + "/plain", collections, OPLOG)), ("a packed folder", dumps.folder(place.dir + "/packed", collections, OPLOG, packed=True)),
                       ("an archive", archive), ("a packed archive", place.write("b.archive.gz", dumps.gzip.compress(open(archive, "rb").read())))):
        got = passes(place, target, path, "--keep", what=what)
        restored = got["restored"]
        check((restored["collections"], restored["documents"], restored["views"], restored["indexes"], restored["oplog_entries"]) == (4, 231, 1, 1, 12), "%s: restored %s" % (what, restored))
        for ns, docs in after(collections).items():
            db, name = ns.split(".", 1)
            there = {repr(d["_id"]): d for d in target.client[db][name].find()}
            mine = {k: bson.decode(bson.encode(d)) for k, d in docs.items()}
            check(there == mine, "%s: %s holds other documents: %s" % (what, ns, [k for k in set(there) | set(mine) if there.get(k) != mine.get(k)][:5]))
        info = target.client.shop.command("listCollections", filter={"name": "orders"})["cursor"]["firstBatch"][0]
        check(info["options"].get("validator") == {"email": {"$exists": True}} and info["options"].get("validationLevel") == "moderate", "%s: options %s" % (what, info["options"]))
        index = target.client.shop.orders.index_information().get("email_1_at_-1", {})
        check(index.get("unique") is True and index.get("key") == [("email", 1), ("at", -1)], "%s: index %s" % (what, index))
        check("n_1" in target.client.crm.people.index_information() and target.client.shop.recent.count_documents({}) == 200, "%s: the oplog's index, or the view" % what)
    got = passes(place, target, archive, "--until", "2023-11-14T22:13:26", what="up to a moment")
    check(got["restored"]["oplog_entries"] == 7 and got["restored"]["oplog_entries_later"] == 5 and got["until"] == "%d:1" % (BEGIN + 6), "up to a moment: %s" % got["restored"])
    check(target.held() == [], "after a drill its target is empty again: %s" % target.held())


def real_ones(place, target):
    data = os.path.join(os.environ.get("SIGNALBOX_TEST_DATA", os.path.join(HERE, "../../../shared/data")), "backups/mongodump")
    if not os.path.isdir(data):
        skip("drills of real backups: %s is not there" % data)
        return
    for name, documents in (("foodump", 1), ("oplogdump", 5), ("dump-w-oplog.archive", 25), ("test.bar.archive", 1), ("indexmetadata", 100)):
        got = passes(place, target, os.path.join(data, name), what=name)
        check(got["restored"]["documents"] == documents, "%s: %s" % (name, got["restored"]))
    fails(place, target, os.path.join(data, "bad-format.archive"), "backup", "metadata_invalid", what="bad-format.archive")
    fails(place, target, os.path.join(data, "indextestdump"), "restore", "safe", what="an index that no server takes any more")


def broken(place, target):
    collections = shop()
    path = dumps.folder(place.dir + "/broken", collections)
    with open(path + "/shop/orders.bson", "ab") as f:
        f.write(b"\x10\0\0\0cut")
    fails(place, target, path, "backup", "truncated", what="a cut file")
    data = b"".join(dumps.archive_blocks(shop()))
    at = data.index(b"a77@example.org")
    fails(place, target, place.write("flipped.archive", data[:at] + b"b" + data[at + 1:]), "restore", "crc_mismatch", what="a flipped byte")
    twice = Collection("shop", "twice", [{"_id": i, "a": 1} for i in range(2)], [{"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True}])
    fails(place, target, dumps.folder(place.dir + "/twice", [twice]), "restore", "duplicate key", what="a unique index that the documents break")
    sound = dumps.folder(place.dir + "/sound", collections)
    for command, code, words in (("insert", 14031, "no space left on the disk"), ("createIndexes", 67, "an index of its own mind"), ("create", 13, "not allowed to create")):
        met = []  # the third insert: the first is the mark, so that the disk is full in mid-restore

        def refuse(write):
            met.append(write.name)
            return (code, words) if write.name == command and (command != "insert" or met.count("insert") >= 3) else None
        proxy = wire.Proxy([target.member], target.set_name, refuse=refuse)
        through = types.SimpleNamespace(file=place.write("through.uri", proxy.uri.encode()), held=target.held)
        try:
            got = fails(place, through, sound, "restore", words, what="a target that answers %d to %s" % (code, command))
            check(got["target"]["room_bytes"] > 0, "the room on its disk: %s" % got["target"])
            check(met.count("insert") >= 3 or command != "insert", "it was not refused in the middle: %s" % met)
        finally:
            proxy.close()
    full = Target(place, "full", more="cost disk_bytes 4000\ncost disk_other_bytes 3900\n")
    try:
        fails(place, full, sound, "guard", "bytes free, and the backup's files are of", status=4, what="a target whose disk has no room")
        check(full.held() == [], "something was written where there is no room: %s" % full.held())
    finally:
        full.close()
    series = Collection("m", "w", [{"_id": bson.ObjectId()}], options={"timeseries": {"timeField": "t"}}, kind="timeseries")
    fails(place, target, dumps.folder(place.dir + "/series", [series]), "restore", "time series", what="a time series")
    rename = dumps.folder(place.dir + "/rename", collections, [entry(0, "n", "", {}), entry(1, "c", "shop.$cmd", {"renameCollection": "shop.orders", "to": "shop.x"})])
    fails(place, target, rename, "restore", "renameCollection", what="an oplog that cannot be replayed")
    bare = dumps.folder(place.dir + "/bare", collections)
    passes(place, target, bare, what="before it is altered")
    file = bare + "/shop/orders.bson"
    times = {f: os.stat(f).st_mtime_ns for f in glob.glob(bare + "/**", recursive=True)}
    data = open(file, "rb").read()
    open(file, "wb").write(data.replace(b"a77@example.org", b"b77@example.org"))
    for f, ns in times.items():
        os.utime(f, ns=(ns, ns))
    fails(place, target, bare, "compare", "altered since", what="a value altered where the format has no checksum")


def guarded(place, target):
    path = dumps.folder(place.dir + "/small", [Collection("shop", "orders", [{"_id": 1}])])
    target.client.other.precious.insert_one({"_id": 1})
    fails(place, target, path, "guard", "not empty: it holds other.precious", status=4, what="a target that is not empty")
    check(target.held() == ["other.precious"], "refused, and yet something was written: %s" % target.held())
    target.client.shop.orders.insert_many([{"_id": i} for i in range(7)])
    target.client.signalbox.scratch.insert_one({"_id": "scratch", "by": "an operator"})
    got = passes(place, target, path, what="a target with the operator's mark")
    check(got["restored"]["documents"] == 1 and target.held() == ["other.precious", "signalbox.scratch"] and target.client.signalbox.scratch.count_documents({}) == 1,
          "with the mark: %s" % target.held())
    # the mark goes while it restores: nothing more is written, not even to clear away
    p = subprocess.Popen([CRASHER, "backup", "--json", "--quiet", "drill", path, "--into", target.file], env=dict(place.env, SIGNALBOX_CRASH_AT="drill.send.before:4", SIGNALBOX_CRASH_STOP="1", SIGNALBOX_CRASH_ARM="/"),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("the stop", lambda: open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1][0] == "T")
    target.client.signalbox.scratch.delete_one({"_id": "scratch"})
    before = target.held()
    p.send_signal(signal.SIGCONT)
    out = json.loads(p.communicate(timeout=LIMIT)[0])
    check(p.returncode == 1 and 'the mark {_id: "scratch"} is gone' in out["cause"] and "is gone" in out["left"] and target.held() == before and target.client.shop.orders.count_documents({}) == 0,
          "the mark went: %s, %s, %s" % (p.returncode, out["cause"], target.held()))
    for db in ("other", "shop", "signalbox"):
        target.client.drop_database(db)
    target.client.signalbox.scratch.insert_one({"_id": "drill", "drill": "D-0000000000", "nonce": "0" * 32})
    fails(place, target, path, "guard", "none of this ledger's", status=4, what="another ledger's drill")
    target.client.drop_database("signalbox")


def one_under_way(place, target):
    """The mark goes while the first documents are on their way: the next ones, which are ready by then, are not sent any more."""
    path = dumps.folder(place.dir + "/way", [Collection("shop", "c%d" % i, [{"_id": 1}]) for i in range(4)])

    def take_mark(write):
        if write.name == "insert" and write.doc["insert"] == "c0":
            target.client.signalbox.scratch.delete_one({"_id": "drill"})
    proxy = wire.Proxy([target.member], target.set_name, on_write=take_mark)
    before = len(entries(place))
    try:
        got = drill(place, types.SimpleNamespace(file=place.write("way.uri", proxy.uri.encode())), path, status=1, what="the mark goes under way")
        check("the mark of this drill is gone" in (got["cause"] or "") and got["restored"]["documents"] == 1 and "is gone" in (got["left"] or ""), "the mark goes under way: %s, %s" % (got["cause"], got["restored"]))
        sent = [w.doc["insert"] for w in proxy.writes if w.name == "insert"]
        check(sent == ["scratch", "c0"], "sent without the mark: %s" % sent)
    finally:
        proxy.close()
        for db in ("shop", "signalbox"):
            target.client.drop_database(db)
    ours = entries(place)[before:]
    steps, ends = [[e["body"]["step"] for e in ours if e["kind"] == k] for k in ("step.intent", "step.result")]
    said = [e["body"]["message"] or "" for e in ours if e["kind"] == "step.result"]
    check(sorted(steps) == sorted(ends) and any("not sent: the write before it failed" in m for m in said), "each write's outcome is on the record: %s, %s, %s" % (steps, ends, said))


def never_what_is_watched(place, target):
    path = place.dir + "/small"
    with open(place.config + "/config", "w") as f:
        f.write("deployment live\nset uri_file %s\nset environment dev\nbackup %s\n" % (target.file, path))
    fails(place, target, path, "guard", "is the deployment live", status=4, what="the config's own deployment")
    r = place.run("audit", "--json", "tail")
    check(b'"drill"' in r.stdout, "the refused drill of a backup of live is not on its record: %s" % r.stdout.decode()[:300])
    os.unlink(place.config + "/config")
    fails(place, target, path, "guard", "is the deployment live", status=4, what="one that was watched, by the record")
    check(target.held() == [], "something was written to what is watched: %s" % target.held())


def the_page(place):
    """What the console's page is told by the owner of the deployment, as a console asks for it."""
    with place.background("serve", "--deployment", "live"), socket.socket(socket.AF_UNIX) as s:
        wait_until("the socket of serve", lambda: os.path.exists(place.state + "/socket"))
        s.connect(place.state + "/socket")
        s.settimeout(LIMIT)
        for seq, (kind, body) in enumerate((("hello", {"how": "console"}), ("get_recovery", {"text": ""})), 1):
            s.sendall((json.dumps({"type": kind, "seq": seq, "body": body}) + "\n").encode())
        found = None
        for line in s.makefile("r"):
            m = json.loads(line)
            found = m["body"] if m["type"] == "recovery" else found
            if found and any(g["name"] == "oplog window" and g["state"] != "blind" for g in found["goals"]):
                return found
    return found


def on_request(place, target, source):
    """Asked for in words: the newest dump below the config's place, into the target that the config names."""
    made = dumps.folder(place.dir + "/store/newest", shop(), OPLOG)
    dumps.folder(place.dir + "/store/older", shop(), [entry(-9, "n", "", {})])
    begin = "deployment live\nset uri_file %s\nset environment dev\nbackup %s\n" % (source.file, place.dir + "/store")
    with open(place.config + "/config", "w") as f:
        f.write(begin)
    r = place.run("ask", "run a restore drill")
    check(r.returncode == 1 and b"set drill_uri_file" in r.stderr, "no target is named: %d %s" % (r.returncode, r.stderr.decode()[:300]))
    with open(place.config + "/config", "w") as f:
        f.write(begin + "set drill_uri_file %s\n" % target.file)
    r = place.run("ask", "run a restore drill")
    check(r.returncode == 0 and made.encode() in r.stdout and b"shown to L4" in r.stdout and target.held() == [], "on request: %d %s%s" % (r.returncode, r.stdout.decode()[:300], r.stderr.decode()[:300]))
    r = place.run("audit", "export")
    ends = [e for e in map(json.loads, r.stdout.splitlines()) if e["kind"] == "drill"]
    check(len(ends) == 1 and ends[0]["body"]["ok"] and ends[0]["plan"]["deployment"] == "live" and ends[0]["plan"]["simulated"] and ends[0]["body"]["ended_at"], "the record: %s" % ends)
    got = drill(place, target, made, what="from a shell, of a place of the config")
    check(got["recorded"] == "on the record of live", "from a shell: %s" % got["recorded"])
    told = json.loads(place.run("report", "--simulated", "--json").stdout)["drills"]
    check((told["made"], told["passed"], told["rate"], told["high"]) == (2, 2, 1.0, 1.0) and 0.3 < told["low"] < 0.4, "the report: %s" % told)
    # what status says now: the deployment's own oplog against a backup of 2023, the time that the two drills took, and the schedule
    source.client.spare.one.insert_one({"_id": "at risk"})
    os.rename(place.dir + "/store/older", place.dir + "/moved")
    with open(place.config + "/config", "a") as f:
        f.write("schedule weekly at 02:30 mon run \"run a restore drill\"\n")
    said = json.loads(place.run("backup", "--json", "status").stdout)[0]
    entries_of = list(source.client.local.oplog["rs"].find())
    writes = [e["ts"] for e in entries_of if e["op"] in "iudc"]
    check(said["live"]["unprotected_since"][:19] == writes[0].as_datetime().strftime("%Y-%m-%dT%H:%M:%S") and said["live"]["covers_newest"] is False and
          said["live"]["oplog_from"][:19] == entries_of[0]["ts"].as_datetime().strftime("%Y-%m-%dT%H:%M:%S"), "live: %s" % said["live"])
    took = sorted([ends[0]["body"]["restore_ms"], got["restore_ms"]])
    check(said["rto"]["drills"] == 2 and said["rto"]["least_ms"] == took[0] + 1 and said["rto"]["most_ms"] == took[1] + 1 and not said["rto"]["extrapolated"], "rto: %s, took %s" % (said["rto"], took))
    check(said["last_drill"]["ok"] and said["last_drill"]["level"] == 4 and said["schedules"] == [{"name": "weekly", "runs": 0, "completed_at": None}] and said["drilled_and_gone"] == [], "status: %s" % said)
    goals = {g["name"]: g for g in said["objectives"]}
    check(goals["loss now"]["state"] == "seen" and "since the newest backup" in goals["loss now"]["note"] and goals["oplog window"]["state"] == "missed" and goals["drill age"]["value"] and
          goals["schedule weekly"]["value"] == "never completed" and goals["version"]["state"] == "missed" and goals["kept"]["state"] == "seen" and goals["key"]["value"] == "not needed" and
          goals["target room"]["state"] == "met" and goals["FCV"]["state"] == "blind", "objectives: %s" % said["objectives"])
    check(len(said["environments"]) == 1 and said["environments"][0]["drills"] == said["environments"][0]["passed"] == 2 and said["environments"][0]["worst_ms"] == took[1] and
          said["environments"][0]["last_path"] == made and len(said["drills"]) == 2, "environments: %s" % said["environments"])
    page = the_page(place)
    check([b["path"] for b in page["backups"]] == [made] and page["backups"][0]["level"] == 4 and page["drills_all"] == 2 and page["drills"][0]["id"] == got["drill"] and
          {g["name"]: g["state"] for g in page["goals"]} == {n: g["state"] for n, g in goals.items()}, "the page: %s" % page)
    text = place.run("backup", "status").stdout.decode()
    flat = " ".join(text.split())
    check(all(w in flat for w in ("NEVER come to its end", "by the rates of 2 drills", "AFTER the newest backup")) and all(len(line) <= 80 for line in text.splitlines()), "status: %s" % text)
    r = place.run("ask", "restore plan for the cluster")
    check(r.returncode == 0 and b"by the rates of 2 drills" in r.stdout and b"--oplogReplay" in r.stdout and b"minutes of it by now" in r.stdout, "the plan: %s" % r.stdout.decode())
    source.client.spare.one.drop()
    with open(place.config + "/config", "w") as f:
        f.write(begin + "set drill_uri_file %s\n" % source.file)
    r = place.run("ask", "run a restore drill")
    check(r.returncode == 1 and b"is the deployment live" in r.stderr and source.held() == [], "into itself: %d %s" % (r.returncode, r.stderr.decode()[:300]))
    os.unlink(place.config + "/config")
    shutil.rmtree(place.state)


def checked(place, target):
    path = dumps.folder(place.dir + "/checked", [Collection("shop", "orders", [{"_id": i, "a": i % 5} for i in range(50)])])
    health = place.write("health", b"#!/bin/sh\nexec grep -q mongodb:// \"$SIGNALBOX_DRILL_URI_FILE\"\n")
    os.chmod(health, 0o755)
    late = place.write("late", ("#!/bin/sh\nsleep 1000 &\necho $! $$ >%s/pids\nexec sleep 1000\n" % place.dir).encode())
    said = place.write("said", ("#!/bin/sh\nenv >%s/env\necho \"no checkout at $(cat \"$SIGNALBOX_DRILL_URI_FILE\")\" >&2\nexit 3\n" % place.dir).encode())
    os.chmod(late, 0o755)
    os.chmod(said, 0o755)
    place.env["A_SECRET"] = "x"
    good = {"sentinels": [{"ns": "shop.orders", "filter": {"_id": 7}}], "queries": [{"name": "ones", "ns": "shop.orders", "filter": {"a": 1}, "at_least": 10, "at_most": 10}], "health": [health]}
    got = passes(place, target, path, "--checks", place.write("good.json", json.dumps(good).encode()), "--source", target.file + ".source", what="the operator's checks", level="L5")
    check([c["ok"] for c in got["checks"]] == [True] * 3, "checks: %s" % got["checks"])
    check(got["source"]["differences_found"] == 1 and got["source"]["differences"][0]["what"] == "missing" and got["source"]["sample"] == {"looked_up": 50, "same": 0}, "the source: %s" % got["source"])
    for what, bad, words in (("a sentinel that is not there", dict(good, sentinels=[{"ns": "shop.orders", "filter": {"_id": 70}}]), "the sentinel"),
                             ("a query beyond its limits", dict(good, queries=[dict(good["queries"][0], at_most=9)]), "the query ones"),
                             ("a health command that fails", dict(good, health=["/bin/false"]), "/bin/false ended with 1"), ("a check that is none", {"queries": [{"ns": "x"}]}, "wants"),
                             ("a health command that never ends", dict(good, health=[late], health_within_s=1), "late took longer than 1 s and was ended"), ("a time that is none", dict(good, health_within_s=0), "from 1 to 86400"),
                             ("a health command that says why", dict(good, health=[said]), "said ended with 3: no checkout at mongodb:")):
        fails(place, target, path, "checks", words, "--checks", place.write("bad.json", json.dumps(bad).encode()), what=what)
    pids = [int(p) for p in open(place.dir + "/pids").read().split()]
    check(len(pids) == 2 and not any(os.path.exists("/proc/%d" % p) and " Z " not in open("/proc/%d/stat" % p).read() for p in pids), "what never ends was left running: %s" % pids)
    check("SIGNALBOX_DRILL_URI_FILE" in open(place.dir + "/env").read() and "A_SECRET" not in open(place.dir + "/env").read(), "the environment: %s" % open(place.dir + "/env").read())


def killed(place, target):
    collections = shop()
    path = dumps.folder(place.dir + "/killed", collections, OPLOG)
    for at in ("drill.intent.before:1", "drill.send.before:1", "drill.send.after:1", "drill.send.before:6", "drill.send.after:7", "ledger.intent.durable:4", "drill.send.after:10", "drill.end.before:1"):
        r = subprocess.run([CRASHER, "backup", "drill", "--quiet", path, "--into", target.file], env=dict(place.env, SIGNALBOX_CRASH_AT=at, SIGNALBOX_CRASH_ARM="/"), capture_output=True, timeout=LIMIT)
        check(r.returncode == -signal.SIGKILL, "%s: exit %d, it was not come by: %s" % (at, r.returncode, r.stderr.decode()[:200]))
        verify(place, at)
        passes(place, target, path, what="after it was killed at " + at)
        check(target.held() == [], "%s: %s" % (at, target.held()))
        ended = [e["body"] for e in entries(place) if e["kind"] == "drill" and e["body"]["event"] == "ended"][-2:]
        check(ended[0]["stage"] == "killed" and ended[0]["ok"] is False and ended[1]["ok"], "%s: on the record: %s" % (at, ended))
    # each write had its intent before, and all but those of the killed have their outcome: one under way and one ready of each
    all_of = entries(place)
    intents, results = [sum(e["kind"] == k for e in all_of) for k in ("step.intent", "step.result")]
    check(0 < intents - results <= 16, "%d intents, %d results" % (intents, results))


def cut(place, target):
    p = subprocess.Popen([CRASHER, "backup", "--json", "--quiet", "drill", place.dir + "/killed", "--into", target.file],
                         env=dict(place.env, SIGNALBOX_CRASH_AT="drill.send.before:5", SIGNALBOX_CRASH_STOP="1", SIGNALBOX_CRASH_ARM="/"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("the stop", lambda: open("/proc/%d/stat" % p.pid).read().rsplit(") ", 1)[1][0] == "T")
    target.close()
    p.send_signal(signal.SIGCONT)
    out = json.loads(p.communicate(timeout=LIMIT)[0])
    check(p.returncode == 1 and out["ok"] is False and out["stage"] == "restore" and out["left"], "a target that goes away: %s" % out)


def main():
    with Place() as place:
        target, source = Target(place, "target"), Target(place, "source")
        shutil.copy(source.file, target.file + ".source")
        try:
            what_comes_back(place, target)
            real_ones(place, target)
            broken(place, target)
            guarded(place, target)
            one_under_way(place, target)
            checked(place, target)
            on_request(place, target, source)
            killed(place, target)
            verify(place, "at the end")
            never_what_is_watched(place, source)
            cut(place, target)
        finally:
            target.close()
            source.close()
    finish()


main()
