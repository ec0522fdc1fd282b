#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup` on whole backups: what it counts is what an independent reader (pymongo's bson) counts; levels, times, ranges, gaps,
comparison, status. The backups are real ones, and ones written here in mongodump's and pbm's formats."""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
import dumps
from dumps import Collection
from outside import Place, check, finish, one_sentence, skip

BEGIN = 1_700_000_000


def shop(n=50, extra=()):
    orders = [{"_id": i, "email": "a%d@example.org" % i, "lines": [{"sku": "x%d" % k, "n": k} for k in range(i % 4)], "at": bson.datetime_ms.DatetimeMS(i)} for i in range(n)]
    return [Collection("shop", "orders", orders, [{"v": 2, "key": {"email": 1, "at": -1}, "name": "email_1_at_-1", "unique": True}],
                       {"validator": {"$jsonSchema": {"required": ["email"]}}, "validationLevel": "moderate"}),
            Collection("shop", "empty", []),
            Collection("shop", "by/slash and ünï\n..", [{"_id": 1}]),
            Collection("shop", "recent", [], options={"viewOn": "orders", "pipeline": []}, kind="view"),
            Collection("metrics", "weather", [{"_id": bson.ObjectId(b"%012d" % i), "control": {"version": 1}, "data": {}} for i in range(3)],
                       options={"timeseries": {"timeField": "t"}}, kind="timeseries"), *extra]


def backup(place, *words, status=0, what=""):
    r = place.run("backup", "--json", *words)
    check(r.returncode == status, "%s %s: exit %d, not %d: %s%s" % (what, words, r.returncode, status, r.stderr.decode()[:300], r.stdout.decode()[:600]))
    try:
        return json.loads(r.stdout or b"null")
    except ValueError:
        check(False, "%s: no JSON: %r" % (words, r.stdout[:200]))
        return []


def whole(place, path, what, kind, n=1, level="L2"):
    got = backup(place, "check", path, what=what)
    check(len(got) == n, "%s: %d backups, not %d" % (what, len(got), n))
    for b in got:
        check(b["kind"] == kind and b["level"] == level and b["usable"] and not b["problems"], "%s: %s" % (what, json.dumps({k: b[k] for k in ("kind", "level", "usable", "problems")})))
    return got


def counts(b):
    return {c["ns"]: (c["documents"], c["bytes"]) for c in b["collections"]}


def expected(collections):
    return {"%s.%s" % (c.db, c.name): (len(c.documents), len(c.data)) for c in collections}


def dumps_written_here(place):
    collections, entries = shop(), dumps.oplog(BEGIN, 20)
    archive = b"".join(dumps.archive_blocks(collections, entries))
    for what, path, kind in (("a folder", dumps.folder(place.dir + "/plain", collections, entries), "mongodump-directory"),
                             ("a packed folder", dumps.folder(place.dir + "/packed", collections, entries, packed=True), "mongodump-directory"),
                             ("an archive", place.write("a.archive", archive), "mongodump-archive"),
                             ("a packed archive", place.write("b.archive.gz", dumps.gzip.compress(archive)), "mongodump-archive"),
                             ("an archive by another name", place.write("c", archive), "mongodump-archive")):
        b = whole(place, path, what, kind)[0]
        check(counts(b) == expected(collections), "%s: counts %s" % (what, counts(b)))
        check(b["oplog"]["from_ts"] == "%d:1" % BEGIN and b["oplog"]["to_ts"] == "%d:1" % (BEGIN + 19) and b["oplog"]["entries"] == 20, "%s: oplog %s" % (what, b["oplog"]))
        check(b["taken_at"] == "2023-11-14T22:13:39.000Z" and b["encrypted"] is False and b["mongodb_version"] == "7.0.14", "%s: %s" % (what, [b["taken_at"], b["encrypted"]]))
        check({c["ns"]: c.get("type") for c in b["collections"]}["metrics.weather"] == "timeseries", "%s: the time series" % what)
        check(backup(place, "check", "--quick", path)[0]["level"] == "L1", "%s: --quick shows more than L1" % what)
    check(counts(whole(place, place.dir + "/plain/shop/orders.bson", "one file", "mongodump-directory")[0]) == {"shop.orders": expected(collections)["shop.orders"]}, "one file")
    check(len(counts(whole(place, place.dir + "/plain/shop", "one database", "mongodump-directory")[0])) == 4, "one database")
    b = whole(place, dumps.write(place.dir + "/bare/orders.bson", collections[0].data), "one file alone", "mongodump-directory")[0]
    check([n["code"] for n in b["notes"]] == ["metadata_missing"] and counts(b)["bare.orders"] == expected(collections)["shop.orders"], "one file alone: %s" % b["notes"])
    long_name = "x" * 300
    named = dumps.Collection("shop", long_name, [{"_id": 1}])
    short = dumps.write(place.dir + "/long/shop/" + "x" * 208 + "%24" + "A" * 27 + ".bson", named.data)
    dumps.write(short[:-5] + ".metadata.json", named.metadata.encode())
    check(counts(whole(place, place.dir + "/long", "a name cut short", "mongodump-directory")[0]) == {"shop." + long_name: (1, len(named.data))}, "a name cut short")
    big = dumps.Collection("shop", "big", [{"_id": 1, "x": b"\0" * (16 * 1024 * 1024 - 100)}, {"_id": 2, "x": "y" * (559_903 - 22)}])
    check(len(big.documents[1]) == 559_903, "the document whose length looks like gzip")
    big.documents.reverse()
    whole(place, dumps.folder(place.dir + "/big", [big]), "a document of 16 MiB, and one that begins like gzip", "mongodump-directory")
    dumps.folder(place.dir + "/all/one", collections[:1])
    dumps.write(place.dir + "/all/two.archive", archive)
    dumps.write(place.dir + "/all/readme.txt", b"not ours")
    check(len(backup(place, "check", place.dir + "/all")) == 2, "a folder of backups")


def stores_written_here(place):
    collections, first, last = shop(), (BEGIN, 1), (BEGIN + 60, 3)
    for packing in ("none", "gzip", "pgzip", "snappy", "s2", "python-snappy", "zstd"):
        if packing not in dumps.PACKINGS:
            skip("a store with %s: Python's package for it is not installed" % packing)
            continue
        store = place.dir + "/pbm-" + packing
        dumps.pbm_logical(store, "2023-11-14T22:13:20Z", {"rs0": collections, "rs1": collections}, first, last, packing)
        for rs, far in (("rs0", 300), ("rs1", 240)):
            dumps.pbm_slice(store, rs, last, (BEGIN + 120, 1), packing)
            dumps.pbm_slice(store, rs, (BEGIN + 120, 1), (BEGIN + far, 2), packing)
        b = whole(place, store, "a store with " + packing, "pbm")[0]
        check(counts(b) == {ns: (2 * n, 2 * size) for ns, (n, size) in expected(collections).items()}, "%s: counts %s" % (packing, counts(b)))
        check([(r["from_ts"], r["to_ts"]) for r in b["pitr"]] == [("%d:3" % last[0], "%d:2" % (BEGIN + 240))] and not b["gaps"], "%s: %s %s" % (packing, b["pitr"], b["gaps"]))
        check(b["type"] == "logical" and b["compression"] == packing.replace("python-", "") and b["encrypted"] is False and b["taken_at"] == "2023-11-14T22:14:20.000Z", "%s: %s" % (packing, b["taken_at"]))
    store = place.dir + "/pbm-2.0"
    dumps.pbm_logical(store, "A", {"rs0": collections}, first, last, "s2")
    os.rename(glob.glob(store + "/A/rs0/oplog/*")[0], store + "/A/rs0/local.oplog.rs.bson.s2")
    os.rmdir(store + "/A/rs0/oplog")
    meta = json.load(open(store + "/A.pbm.json"))
    meta["replsets"][0]["oplog_name"] = "A/rs0/local.oplog.rs.bson.s2"
    dumps.write(store + "/A.pbm.json", json.dumps(meta).encode())
    check(whole(place, store, "an oplog in one file", "pbm")[0]["oplog"]["entries"] == 2, "an oplog in one file")
    store = place.dir + "/pbm-specs"
    dumps.pbm_logical(store, "A", {"rs0": collections}, first, last, "gzip")
    dumps.pbm_specs(store, "A", "rs0", collections)
    b = whole(place, store, "a meta.pbm", "pbm")[0]
    check(counts(b) == expected(collections) and {c["ns"] for c in b["collections"] if c.get("type") == "view"} == {"shop.recent"}, "a meta.pbm: %s" % counts(b))
    dumps.write(store + "/.pbm.restore/A.json", b"{}")
    dumps.write(store + "/.pbm.restore/A/rs.rs0/node.db1.done", b"1700000000")
    whole(place, store, "a store with traces of a restore", "pbm")
    good = open(store + "/A/rs0/meta.pbm", "rb").read()
    for what, data in (("cut", good[:-9]), ("changed", good.replace(b"specifications", b"specificatioms")), ("empty", b""), ("another document", bson.encode({"specifications": [{"db": "d"}]})), ("a checksum", good.replace(b"crc\0", b"cr\0\0"))):
        dumps.write(store + "/A/rs0/meta.pbm", data)
        got = backup(place, "check", store, status=1)[0]
        check(not got["usable"] and got["problems"], "a meta.pbm, %s: passes" % what)
    store = place.dir + "/pbm-states"
    for name, more in (("A", {"status": "canceled"}), ("B", {"status": "error", "error": "node db1 lost"}), ("C", {"status": "running"}), ("D", {"nss": ["shop.*"]}), ("E", {"balancer": "off", "shardRemap": {"rs0": "shard0"}, "later": 1})):
        dumps.pbm_logical(store, name, {"rs0": collections}, first, last, "none", **more)
    got = {b["name"]: b for b in backup(place, "check", store, status=1)}
    check({n: b["usable"] for n, b in got.items()} == {"A": False, "B": False, "C": False, "D": True, "E": True} and all("not_done" in [p["code"] for p in got[n]["problems"]] for n in "ABC") and
          "node db1 lost" in json.dumps(got["B"]["problems"]) and "selective" in [n["code"] for n in got["D"]["notes"]], "states: %s" % {n: (b["usable"], b["problems"]) for n, b in got.items()})
    store = place.dir + "/pbm-lz4"
    dumps.pbm_logical(store, "2023-11-14T22:13:20Z", {"rs0": collections}, first, last, "lz4")
    b = whole(place, store, "a store with lz4", "pbm", level="L1")[0]
    check([n["code"] for n in b["notes"]] == ["codec_missing"] and "lz4, which cannot be unpacked here" in b["notes"][0]["what"], "lz4 is not said to be unreadable: %s" % b["notes"])
    if "zstd" in dumps.PACKINGS:
        import zstandard
        store = place.dir + "/pbm-wide"
        dumps.PACKINGS["wide"] = (".zst", lambda d: (lambda c: c.compress(d) + c.flush())(zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27)).compressobj()))
        dumps.pbm_logical(store, "A", {"rs0": collections}, first, last, "wide")
        meta = open(store + "/A.pbm.json", "rb").read()
        dumps.write(store + "/A.pbm.json", meta.replace(b'"wide"', b'"zstd"'))
        b = whole(place, store, "a store with zstd of a window of 128 MiB", "pbm", level="L1")[0]
        check([n["code"] for n in b["notes"]] == ["codec_missing"] and "more than 32 MiB" in b["notes"][0]["what"], "a wide window: %s" % b["notes"])
    store = place.dir + "/pbm-gap"
    dumps.pbm_logical(store, "2023-11-14T22:13:20Z", {"rs0": collections}, first, last)
    dumps.pbm_slice(store, "rs0", last, (BEGIN + 120, 1))
    dumps.pbm_slice(store, "rs0", (BEGIN + 180, 1), (BEGIN + 240, 1))
    b = whole(place, store, "a hole between slices", "pbm")[0]
    check([(g["from_ts"], g["to_ts"], g["set"]) for g in b["gaps"]] == [("%d:1" % (BEGIN + 120), "%d:1" % (BEGIN + 180), "rs0")] and b["pitr"][0]["to_ts"] == "%d:1" % (BEGIN + 120), "gap %s" % b["gaps"])
    store = place.dir + "/pbm-physical"
    wt = b"\x41\xd8\x01\x00" + bytes(range(256)) * 64
    files = [("collection-0.wt", wt, 0, 0), ("journal/WiredTigerLog.1", b"log" * 1000, 0, 0), ("empty", b"", 0, 0)]
    dumps.pbm_physical(store, "2023-11-14T22:13:20Z", first, last, files, "s2", source="", encrypted=True)
    dumps.pbm_physical(store, "2023-11-14T23:13:20Z", (BEGIN + 3600, 1), (BEGIN + 3660, 1), [("collection-0.wt", wt, -1, -1), ("collection-1.wt", wt[4:4100], 4096, 4096)], "s2",
                       source="2023-11-14T22:13:20Z", listed=False)
    got = whole(place, store, "an incremental chain", "pbm", n=2)
    check([b["type"] for b in got] == ["incremental"] * 2 and got[0]["encrypted"] is True and got[1]["encrypted"] is None, "the chain: %s" % [b["encrypted"] for b in got])
    check(len(backup(place, "check", glob.glob(store + "/*T23*.pbm.json")[0])) == 1, "one backup of a store")


def snapshots(place):
    manifest = {"signalbox_snapshot": 1, "provider": "ebs", "deployment": "shop", "created_at": "2026-11-23T02:00:00Z", "completed_at": "2026-11-23T02:04:10Z", "status": "completed",
                "atomic": True, "encrypted": True, "volumes": [{"id": "snap-%d" % i, "member": "db1:27017", "holds": ["data"], "size_bytes": 1 << 30, "status": "completed"} for i in range(2)]}
    b = whole(place, place.write("snap.json", json.dumps(manifest)), "a manifest", "snapshot", level="L1")[0]
    check(b["taken_at"] == "2026-11-23T02:00:00.000Z" and b["encrypted"] is True, "the manifest's facts: %s" % b)
    volume = manifest["volumes"][0]
    for what, change, code in (("status", {"status": "pending"}, "not_done"), ("no volumes", {"volumes": []}, "manifest_invalid"), ("times", {"completed_at": "2026-11-22T00:00:00Z"}, "manifest_invalid"),
                               ("moments", {"atomic": False}, "not_consistent"), ("twice", {"volumes": [volume, volume]}, "manifest_invalid"), ("version", {"signalbox_snapshot": 2}, "manifest_invalid"),
                               ("a volume in the clear", {"volumes": [dict(volume, encrypted=False)]}, "manifest_invalid")):
        b = backup(place, "check", place.write("snap.json", json.dumps(dict(manifest, **change))), status=1, what=what)[0]
        check(b["kind"] == "snapshot" and b["level"] == "L0" and code in [p["code"] for p in b["problems"]], "manifest, %s: %s" % (what, b["problems"]))


def real_ones(place):
    data = os.path.join(os.environ.get("SIGNALBOX_TEST_DATA", "../shared/data"), "backups")
    if not os.path.isdir(data):
        skip("the recordings are not here")
        return
    data = os.path.abspath(data)
    for name in ("dump-w-oplog.archive", "test.bar.archive"):
        path = os.path.join(data, "mongodump", name)
        there, _ = dumps.read_archive(open(path, "rb").read())
        b = whole(place, path, name, "mongodump-archive")[0]
        want = {ns: (len(d), sum(map(len, d))) for ns, d in there.items() if ns != ".oplog"}
        check(counts(b) == want, "%s: %s, not %s" % (name, counts(b), want))
        if ".oplog" in there:
            ts = [bson.decode(d)["ts"] for d in there[".oplog"]]
            check(b["oplog"]["from_ts"] == "%d:%d" % (ts[0].time, ts[0].inc) and b["oplog"]["to_ts"] == "%d:%d" % (ts[-1].time, ts[-1].inc) and b["oplog"]["entries"] == len(ts), name)
    for name in ("foodump", "indexmetadata", "indextestdump", "oplogdump", "hashedIndexes.bson"):
        b = whole(place, os.path.join(data, "mongodump", name), name, "mongodump-directory")[0]
        for c in b["collections"]:
            file = glob.glob(os.path.join(data, "mongodump", "**", c["ns"].split(".", 1)[1] + ".bson"), recursive=True)[0]
            raw = open(file, "rb").read()
            check((c["documents"], c["bytes"]) == (len(list(dumps.documents_of(raw))), len(raw)), "%s: %s" % (name, c))
    b = backup(place, "check", os.path.join(data, "mongodump", "bad-format.archive"), status=1)[0]
    check([(p["code"], p["at"], p["ns"]) for p in b["problems"]] == [("metadata_invalid", 106, "test.ixtest")] and b["level"] == "L0", "bad-format.archive: %s" % b["problems"])
    b = whole(place, os.path.join(data, "pbm_disttxn_50"), "a real store", "pbm")[0]
    check(b["pitr"] == [{"from": "2022-02-07T14:06:05.000Z", "to": "2022-02-07T14:17:23.000Z", "from_ts": "1644242765:18", "to_ts": "1644243443:1"}], "the real store: %s" % b["pitr"])
    check(b["compression"] == "s2" and b["mongodb_version"] == "5.0.5-4" and sum(c["documents"] for c in b["collections"]) == 16076, "the real store: %s" % b["compression"])


def comparing(place):
    a = dumps.folder(place.dir + "/a", shop())
    turned = shop()
    turned[0].documents.reverse()
    same = place.write("same.archive", b"".join(dumps.archive_blocks(turned)))
    check(backup(place, "compare", a, same)["same"] is True, "the same in another order, in another form")
    other = shop(extra=[Collection("shop", "more", [{"_id": 1}])])
    other[0].documents[3] = bson.encode(dict(bson.decode(other[0].documents[3]), email="b3@example.org"))
    del other[2]
    other[1] = Collection("shop", "empty", [{"_id": 1}], [{"v": 2, "key": {"b": 1, "a": 1}, "name": "a"}], {"capped": True})
    got = backup(place, "compare", a, dumps.folder(place.dir + "/b", other), status=1)
    want = {("content", "shop.orders"), ("missing", "shop.by/slash and ünï\n.."), ("extra", "shop.more"), ("documents", "shop.empty"), ("bytes", "shop.empty"), ("indexes", "shop.empty"),
            ("options", "shop.empty")}
    check(not got["same"] and {(d["what"], d["ns"]) for d in got["differences"]} == want, "differences: %s" % got["differences"])
    swapped = shop()
    swapped[0].metadata = swapped[0].metadata.replace('{"email":1,"at":-1}', '{"at":-1,"email":1}')
    got = backup(place, "compare", a, dumps.folder(place.dir + "/turned", swapped), status=1)
    check([(d["what"], d["index"]) for d in got["differences"]] == [("indexes", "email_1_at_-1")], "the order of an index's fields: %s" % got["differences"])
    old_way = shop()
    old_way[0].metadata = old_way[0].metadata.replace('"email":1,"at":-1', '"email":{"$numberDouble":"1.0"},"at":{"$numberInt":"-1"}')
    check(backup(place, "compare", a, dumps.folder(place.dir + "/old", old_way))["same"], "numbers that are written otherwise")
    torn = dumps.folder(place.dir + "/torn", shop())
    with open(torn + "/shop/orders.bson", "r+b") as f:
        f.truncate(100)
    check(backup(place, "compare", torn, torn, status=1)["same"] is False, "a torn backup is the same as itself")


def status_and_usage(place):
    good = dumps.folder(place.dir + "/store/good", shop(), dumps.oplog(BEGIN, 3))
    dumps.write(place.config + "/config", ("deployment shop\nset environment dev\nbackup %s\ndeployment other\nbackup %s/missing\ndeployment none\n" % (good, place.dir)).encode())
    got = {d["deployment"]: d for d in backup(place, "status", status=1)}
    check(set(got) == {"shop", "other"} and got["shop"]["last_good"]["path"] == good and got["shop"]["last_good"]["level"] == "L1", "status: %s" % got)
    check(got["shop"]["rpo_s"] > 86400 and got["other"]["last_good"] is None and got["other"]["unreadable"] and "cannot be known" in got["shop"]["gone"], "status: %s" % got)
    check(backup(place, "status", "--full", "--deployment", "shop")[0]["last_good"]["level"] == "L2", "status --full")
    one_sentence(place.run("backup", "status", "--deployment", "nobody"), 2, "nobody")
    one_sentence(place.run("backup", "check"), 2, "PATH")
    one_sentence(place.run("backup", "compare", "x"), 2, "two backups")
    one_sentence(place.run("backup", "look"), 2, "check, compare, status, drill or make")
    one_sentence(place.run("backup", "check", place.dir + "/nowhere"), 2, "nowhere")
    one_sentence(place.run("backup", "compare", place.dir + "/store", place.dir + "/nowhere"), 2, "nowhere")
    dumps.write(place.config + "/config", ("deployment shop\nset environment dev\nbackup %s\nbackup %s\n" % (dumps.folder(place.dir + "/store/copied", shop()), good)).encode())
    got = backup(place, "status")[0]
    check(got["last_good"]["path"] == good and got["rpo_by"] == "oplog" and got["usable"] == 2, "a copy with a new file time: %s" % got["last_good"]["path"])
    wide = dumps.folder(place.dir + "/store/wide", shop(extra=[Collection("shop", "w" * 120, [{"_id": 1}])]))
    dumps.write(wide + "/shop/" + "bad" * 30 + ".bson", b"\5")
    r = place.run("backup", "check", good, place.dir + "/plain", wide)
    r.stdout += place.run("backup", "compare", good, wide).stdout + place.run("backup", "status").stdout
    for line in r.stdout.decode().splitlines():
        check(len(line) <= 80, "wider than 80 columns: %s" % line)


with Place() as place:
    dumps_written_here(place)
    stores_written_here(place)
    snapshots(place)
    real_ones(place)
    comparing(place)
    status_and_usage(place)
finish()
