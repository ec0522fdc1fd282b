#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup make`: what it writes is what an independent reader (pymongo's bson) finds on the server, of one moment also while
somebody writes; it can be checked, and restored by a drill; each changed byte is found; one that was stopped looks like no dump."""
import glob
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import bson
import pymongo
from outside import LIMIT, PROGRAM, Place, check, finish

CRASHER = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/e2e/crash_owner")
SCENARIO = """title "a shop"

collection shop.orders 500
    field _id "seq('order')"
    field n "int(1, 9)"

app checkout clients 3
    insert shop.orders rate 40 document "{_id: seq('order'), n: int(1, 9)}"
    update shop.orders rate 40 filter "{_id: int(1, 500)}" update "{$set: {n: int(1, 9)}}"
"""
NAMES = ["plain", "by/slash", "two\nlines", "do.ts", "ünï", "%24", "x" * 190 + "ü" * 20]


def made(place, path, *places, status=0, what="", words=()):
    r = place.run("backup", "--json", "--quiet", "make", path, *places, "--uri-file", place.dir + "/uri", *words)
    check(r.returncode == status, "%s: exit %d, not %d: %s" % (what, r.returncode, status, r.stderr.decode()[:300]))
    check(glob.glob(path + ".partial-*") == [], "%s: an unfinished one was left" % what)
    return json.loads(r.stdout) if r.stdout else r.stderr.decode()


def checked(place, path, what, *codes, quick=()):
    r = place.run("backup", "--json", "check", *quick, path)
    found = json.loads(r.stdout)[0]
    check([p["code"] for p in found["problems"]] == list(codes) and r.returncode == (1 if codes else 0), "%s: %s" % (what, found["problems"]))
    return found


def read(path):
    with open(path, "rb") as f:
        return {repr(d["_id"]): d for d in bson.decode_file_iter(f)}


def replay(docs, path):
    """An oplog of inserts, replacements and differences of version 2 as the simulator and a server write them; ours to say."""
    with open(path, "rb") as f:
        for e in bson.decode_file_iter(f):
            key = repr((e.get("o2") or e["o"]).get("_id"))
            if e["op"] == "i":
                docs[key] = e["o"]
            elif e["op"] == "d":
                docs.pop(key, None)
            elif e["op"] == "u" and key in docs:
                diff = e["o"].get("diff")
                docs[key].update(dict((diff or {}).get("u", {}), **(diff or {}).get("i", {})) if diff else e["o"].get("$set", {}))
    return docs


def same_oplog(client, path, namespaces, what):
    """Its oplog is the member's own of that stretch, but for what was not asked for."""
    with open(path + "/oplog.bson", "rb") as f:
        there = list(bson.decode_file_iter(f))
    stretch = {"$gte": there[0]["ts"], "$lte": there[-1]["ts"]}
    mine = [e for e in client.local["oplog.rs"].find({"ts": stretch}) if e["op"] == "n" or e["ns"] in namespaces]
    check([(e["ts"], e["op"], e["o"]) for e in there] == [(e["ts"], e["op"], e["o"]) for e in mine], "%s: %d entries of the oplog, and %d there" % (what, len(there), len(mine)))


def main():
    with Place() as place:
        sim = subprocess.Popen([PROGRAM, "sim", "--scenario", place.write("shop.scenario", SCENARIO)], stdout=subprocess.PIPE, env=place.env)
        spare = subprocess.Popen([PROGRAM, "sim", "--members", "1", "--scenario", place.write("spare.scenario", SCENARIO[:SCENARIO.index("app")])], stdout=subprocess.PIPE, env=place.env)
        try:
            uri, spare_uri = [json.loads(p.stdout.readline())["uri"] for p in (sim, spare)]
            place.write("uri", uri)
            place.write("spare", spare_uri)
            shop = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000)
            target = pymongo.MongoClient(spare_uri, serverSelectionTimeoutMS=20000)
            target.signalbox.scratch.insert_one({"_id": "scratch"})
            for i, name in enumerate(NAMES):
                shop.still[name].insert_many([{"_id": k, "name": name, "l": bson.int64.Int64(k), "f": k / 3} for k in range(20 + i)])
            shop.still.plain.create_index([("name", 1), ("l", -1)], name="both", unique=True)
            shop.still.create_collection("checked", validator={"a": {"$type": "int"}}, validationLevel="moderate")
            shop.still.create_collection("view", viewOn="plain", pipeline=[])

            everything = place.dir + "/all"
            got = made(place, everything, what="everything")
            check(got["consistent"] is True and got["collections"] == len(NAMES) + 3 and ", to " in got["how"], "everything: %s" % got)
            found = checked(place, everything, "everything")
            check(found["level"] == "L2" and found["taken_at"] and {c["ns"] for c in found["collections"]} == {"shop.orders", "still.checked", "still.view"} | {"still." + n for n in NAMES}, "%s" % found)
            for path in glob.glob(everything + "/still/*.metadata.json"):
                with open(path) as f:
                    meta = json.load(f)
                if meta["type"] != "view":
                    check(read(path[:-len(".metadata.json")] + ".bson") == {repr(d["_id"]): d for d in shop.still[meta["collectionName"]].find()}, "%r holds other documents" % meta["collectionName"])
            same_oplog(shop, everything, ["shop.orders"], "everything")
            check(os.stat(everything).st_mode & 0o777 == 0o700 and os.stat(everything + "/shop/orders.bson").st_mode & 0o777 == 0o600, "others may read it")

            # while somebody writes: the copy and its oplog give what was there at the oplog's last moment, which a drill gives too
            r = place.run("backup", "--json", "--quiet", "drill", everything, "--into", place.dir + "/spare", "--keep")
            drilled = json.loads(r.stdout)
            check(r.returncode == 0 and drilled["level"] == "L4", "a drill of it: %s" % drilled)
            mine = replay(read(everything + "/shop/orders.bson"), everything + "/oplog.bson")
            check({repr(d["_id"]): d for d in target.shop.orders.find()} == mine, "after the oplog the orders are others")
            check(target.still.plain.index_information()["both"].get("unique") is True and target.still.view.count_documents({}) == 20, "indexes or the view")

            got = made(place, place.dir + "/some", "still.plain", "shop", what="some")
            check({c["ns"] for c in checked(place, place.dir + "/some", "some")["collections"]} == {"still.plain", "shop.orders"}, "some: others were taken")
            same_oplog(shop, place.dir + "/some", ["shop.orders", "still.plain"], "some")
            namespaces = {e["ns"] for e in bson.decode_file_iter(open(place.dir + "/some/oplog.bson", "rb"))}
            check(namespaces <= {"", "shop.orders", "still.plain"}, "some: the oplog has what was not asked for: %s" % namespaces)
            check("nothing of still.nowhere" in made(place, place.dir + "/none", "still.nowhere", status=2, what="of nothing") and not os.path.exists(place.dir + "/none"), "of nothing: it is there")
            check("is there already" in made(place, everything, status=2, what="twice"), "twice: it was written over")

            # stopped before its end
            path = place.dir + "/stopped"
            r = subprocess.run([CRASHER, "backup", "make", "--quiet", path, "--uri-file", place.dir + "/uri"], env=dict(place.env, SIGNALBOX_CRASH_AT="dump.finish.before:1", SIGNALBOX_CRASH_ARM="/"), capture_output=True, timeout=LIMIT)
            left = glob.glob(path + "*")
            check(r.returncode == -signal.SIGKILL and len(left) == 1 and ".partial-" in left[0], "stopped: %d, %s" % (r.returncode, left))
            checked(place, left[0], "stopped", "unfinished")

            # changed afterwards, also where BSON has no checksum
            file = place.dir + "/some/shop/orders.bson"
            data = open(file, "rb").read()
            for what, fresh, code in (("a flipped value", data[:-2] + bytes([data[-2] ^ 1]) + data[-1:], "sha256_mismatch"), ("two documents changed places", data[35:], "size_mismatch")):
                open(file, "wb").write(fresh)
                codes = [p["code"] for p in json.loads(place.run("backup", "--json", "check", place.dir + "/some").stdout)[0]["problems"]]
                check(code in codes, "%s: %s" % (what, codes))
            os.unlink(file)
            os.unlink(file[:-5] + ".metadata.json")
            checked(place, place.dir + "/some", "a collection that was deleted", "file_missing", "file_missing", quick=["--quick"])
        finally:
            for p in (sim, spare):
                p.kill()
                p.wait()
    finish()


main()
