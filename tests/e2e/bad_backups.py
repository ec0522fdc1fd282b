#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup check` on damaged backups: whatever changes what a restore would bring back is found, named and placed, unless the
format does not protect it; nothing crashes, hangs, leaves the backup's folder or takes memory with the size.

What a restore would bring back is decided by a reader of our own here, on pymongo's bson. SIGNALBOX_BACKUP_CASES: how many
damaged archives (default 600), SIGNALBOX_SEED: which.
"""
import gzip
import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
import dumps
from bson.timestamp import Timestamp
from dumps import Collection
from outside import LIMIT, PROGRAM, SANITIZED, Place, check, finish, skip

CASES = int(os.environ.get("SIGNALBOX_BACKUP_CASES", "600"))
SLICES = max(20, CASES // 20)  # damaged slices of the oplog, of each packing
SEED = int(os.environ.get("SIGNALBOX_SEED", "7"))
RSS_MAX = 100_000_000
BEGIN = 1_700_000_000
dice = random.Random(SEED)


def shop():
    return [Collection("shop", "orders", [{"_id": i, "a": "text %d" % i, "b": [True, None, 1.5]} for i in range(12)], [{"v": 2, "key": {"a": 1}, "name": "a_1"}]),
            Collection("shop", "carts", [{"_id": i, "n": bson.int64.Int64(i)} for i in range(5)]), Collection("crm", "empty", []),
            Collection("metrics", "weather", [{"_id": i} for i in range(2)], options={"timeseries": {"timeField": "t"}}, kind="timeseries"),
            Collection("shop", "recent", [], options={"viewOn": "orders", "pipeline": []}, kind="view")]


def many(place, paths, what):
    """One answer for each path."""
    r = place.run("backup", "--json", "check", *paths)
    check(r.returncode in (0, 1) and not r.stderr, "%s: exit %d: %s" % (what, r.returncode, r.stderr.decode(errors="replace")[:400]))
    got = json.loads(r.stdout or b"[]")
    check(len(got) == len(paths), "%s: %d answers for %d backups" % (what, len(got), len(paths)))
    for b in got:
        check(b["usable"] == (not b["problems"] and b["level"] != "L0"), "%s: usable, problems and level do not fit: %s" % (what, b["path"]))
        check(all(p["code"] and p["what"] for p in b["problems"]), "%s: a problem without a name" % what)
    return got


def damage(data, parts):
    """A damaged copy, and what was done."""
    how = dice.choice(("flip", "flip", "flip", "byte", "cut", "hole", "double", "remove block", "double block", "swap blocks", "insert"))
    at = dice.randrange(len(data))
    if how == "flip":
        return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:], "%s at %d" % (how, at)
    if how == "byte":
        return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:], "%s at %d" % (how, at)
    if how == "cut":
        return data[:at], "%s at %d" % (how, at)
    end = min(len(data), at + dice.randrange(1, 60))
    if how == "hole":
        return data[:at] + data[end:], "%s %d to %d" % (how, at, end)
    if how == "double":
        return data[:end] + data[at:], "%s %d to %d" % (how, at, end)
    if how == "insert":
        return data[:at] + dice.randbytes(dice.randrange(1, 9)) + data[at:], "%s at %d" % (how, at)
    blocks = list(parts)
    i, k = dice.randrange(1, len(blocks)), dice.randrange(1, len(blocks))
    if how == "remove block":
        del blocks[i]
    elif how == "double block":
        blocks.insert(i, blocks[i])
    else:
        blocks[i], blocks[k] = blocks[k], blocks[i]
    return b"".join(blocks), "%s %d %d" % (how, i, k)


def restored(data):
    try:
        return dumps.read_archive(data)
    except Exception as e:  # mongorestore would stop, or there is no telling
        return "refused: %s" % e


def archives(place):
    parts = dumps.archive_blocks(shop(), dumps.oplog(BEGIN, 6), per_block=3)
    good = b"".join(parts)
    there = dumps.read_archive(good)
    found = same = unprotected = 0
    for batch in range(0, CASES, 200):
        cases = []
        for i in range(min(200, CASES - batch)):
            data, how = damage(good, parts)
            packed = i % 10 == 9
            if packed:
                data, how = dice.choice([(gzip.compress(data), how + ", packed")] + [(lambda z: (z[0], "packed: " + z[1]))(damage(gzip.compress(good), parts)) for _ in range(2)])
            cases.append((place.write("bad/%d.archive" % i, data), how, data))
        for b, (path, how, data) in zip(many(place, [c[0] for c in cases], "archives"), cases):
            if data[:2] == b"\x1f\x8b":
                try:
                    data = gzip.decompress(data)
                except Exception:
                    data = b""
            now = restored(data)
            if not b["usable"]:
                found += 1
            elif now == there:
                same += 1
            elif isinstance(now, tuple) and now[0] == there[0] and len(now[1]) == len(there[1]):
                unprotected += 1  # the prelude has no checksum: another letter in a version, an option, an index
            else:
                check(False, "seed %d: an archive with %s passes at %s (%s)" % (SEED, how, b["level"], now if isinstance(now, str) else "other documents"))
            if b["kind"] == "unknown":
                check(b["problems"], "seed %d: %s: unknown without a word" % (SEED, how))
    print("archives: %d found, %d the same to a restore, %d in bytes of the prelude that nothing protects" % (found, same, unprotected))
    check(found > CASES // 2, "of %d damaged archives only %d were found" % (CASES, found))


def folder_of(place, name, packed=False):
    return dumps.folder(os.path.join(place.dir, "folders", name), shop(), dumps.oplog(BEGIN, 6), packed)


def files_of(path):
    return sorted(os.path.relpath(os.path.join(d, f), path) for d, _, files in os.walk(path) for f in files)


def folders(place):
    """Every file cut, flipped, emptied and deleted."""
    cases = []
    for packed in (False, True):
        for file in files_of(folder_of(place, "model", packed)):
            for how in ("cut", "cut", "flip", "flip", "flip", "empty", "delete"):
                path = folder_of(place, "%d" % len(cases), packed)
                target = os.path.join(path, file)
                data = open(target, "rb").read()
                at = dice.randrange(len(data)) if data else 0
                if how == "delete":
                    os.remove(target)
                elif data:
                    changed = {"cut": data[:at], "empty": b"", "flip": data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]}[how]
                    dumps.write(target, changed)
                cases.append((path, file, "%s at %d" % (how, at), data))
        shutil.rmtree(os.path.join(place.dir, "folders", "model"))
    for b, (path, file, how, before) in zip(many(place, [c[0] for c in cases], "folders"), cases):
        if not b["usable"]:
            check(b["level"] in ("L0", "L1"), "%s: %s shows %s with problems" % (file, how, b["level"]))
            continue
        if how.startswith("delete"):
            # mongodump's folders have no list of what they hold: an oplog, a prelude or a view that is gone was never there
            check(file.startswith(("oplog", "prelude", "shop/recent")), "%s was deleted, and that passes" % file)
            continue
        after = open(os.path.join(path, file), "rb").read()
        if file.endswith(".gz"):
            try:
                before, after = gzip.decompress(before), gzip.decompress(after)
            except Exception as e:
                check(False, "%s: %s passes, and gzip says %s" % (file, how, e))
                continue
            check(before == after, "%s: %s changes what is restored, and passes" % (file, how))
        elif ".bson" in file:
            try:  # a bare .bson has no checksum: what still is BSON passes
                list(dumps.documents_of(after))
            except Exception as e:
                check(False, "%s: %s passes, and pymongo says %s" % (file, how, e))
        else:
            try:
                json.loads(after)
            except ValueError as e:
                check(False, "%s: %s passes, and is no JSON: %s" % (file, how, e))


def expect(place, what, path, *codes, **facts):
    b = many(place, [path], what)[0]
    have = [p["code"] for p in b["problems"]]
    for code in codes:
        check(code in have, "%s: no %s among %s" % (what, code, b["problems"]))
    check(not b["usable"], "%s: usable" % what)
    for key, value in facts.items():
        check(b[key] == value, "%s: %s is %s" % (what, key, b[key]))
    check(all(p["where"] for p in b["problems"] if p["code"] not in ("no_backup", "chain_broken")), "%s: a problem without a place: %s" % (what, b["problems"]))
    return b


def with_file(place, name, file, data):
    path = folder_of(place, name)
    dumps.write(os.path.join(path, file), data)
    return path


def document(elements):
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


def nested(depth):
    d = document(b"")
    for _ in range(depth):
        d = document(b"\x03a\0" + d)
    return d


def by_hand(place):
    """What has a name: each kind of damage with the code it must have."""
    def data(name, raw):
        return with_file(place, name, "shop/orders.bson", raw)
    expect(place, "a text without an end", data("text", document(b"\x02a\0\x02\0\0\0xy")), "bson_invalid")
    expect(place, "a text that is too long", data("long", document(b"\x02a\0\xff\xff\0\0x\0")), "bson_invalid")
    expect(place, "a boolean of 2", data("bool", document(b"\x08a\0\x02")), "bson_invalid")
    expect(place, "an unknown type", data("type", document(b"\x20a\0")), "bson_invalid")
    expect(place, "a document of 16 MiB and more", data("huge", (17 << 20).to_bytes(4, "little") + b"\0" * 100), "bson_length")
    expect(place, "a negative length", data("negative", b"\xff\xff\xff\xff" + b"\0" * 100), "bson_length")
    expect(place, "documents within one another 100,000 times", data("deep", nested(20000)), "bson_invalid")
    b = expect(place, "the place of a fault", data("place", bson.encode({"_id": 1}) + document(b"\x10_id\0\1\0\0\0\x08a\0\x07")), "bson_invalid")
    check((b["problems"][0]["file"], b["problems"][0]["at"], b["problems"][0]["ns"]) == ("shop/orders.bson", 14 + 4 + 9 + 3, "shop.orders"), "the place: %s" % b["problems"][0])
    good = folder_of(place, "latin")
    dumps.write(good + "/shop/orders.bson", document(b"\x07_id\0" + b"o" * 12 + b"\x02a\0\x02\0\0\0\xe9\0"))
    b = many(place, [good], "text that is not UTF-8")[0]
    check(b["usable"] and b["level"] == "L2" and [n["code"] for n in b["notes"]] == ["text_not_utf8"], "text that is not UTF-8: %s %s" % (b["problems"], b["notes"]))

    expect(place, "metadata missing", (lambda p: (os.remove(p + "/shop/orders.metadata.json"), p)[1])(folder_of(place, "meta")), "metadata_missing", level="L0")
    expect(place, "documents missing", (lambda p: (os.remove(p + "/shop/orders.bson"), p)[1])(folder_of(place, "nodata")), "data_missing", level="L0")
    expect(place, "buckets missing", (lambda p: (os.remove(p + "/metrics/system.buckets.weather.bson"), p)[1])(folder_of(place, "buckets")), "data_missing")
    path = folder_of(place, "swapped")
    os.rename(path + "/shop/orders.metadata.json", path + "/x")
    os.rename(path + "/shop/carts.metadata.json", path + "/shop/orders.metadata.json")
    os.rename(path + "/x", path + "/shop/carts.metadata.json")
    expect(place, "metadata swapped", path, "metadata_mismatch")
    old = json.dumps({"options": {}, "indexes": [{"v": 2, "key": {"_id": 1}, "name": "_id_", "ns": "shop.other"}]})
    expect(place, "metadata of old tools swapped", with_file(place, "swapped-old", "shop/orders.metadata.json", old.encode()), "metadata_mismatch")
    for what, text in (("cut", b'{"indexes":[{"v":2,"key":{"_id":1},'), ("no object", b"[1]"), ("no indexes", b'{"options":{}}'), ("an index without a key", b'{"indexes":[{"name":"x"}]}'),
                       ("depth", b"[" * 200000), ("no UUID", b'{"indexes":[],"uuid":"xyz"}')):
        expect(place, "metadata, " + what, with_file(place, "m-" + what, "shop/orders.metadata.json", text), "metadata_invalid", level="L0")
    expect(place, "packed and not", with_file(place, "twice", "shop/orders.bson.gz", gzip.compress(b"")), "data_twice")
    expect(place, "called .gz", with_file(place, "called", "shop/more.bson.gz", b"not packed at all, and longer"), "packing_unexpected", "metadata_missing")
    expect(place, "trailing bytes", (lambda p: (open(p + "/shop/orders.bson.gz", "ab").write(b"junk"), p)[1])(folder_of(place, "trailing", True)), "trailing_bytes")
    expect(place, "a name escaped wrongly", with_file(place, "escape", "shop/%zz.bson", b""), "name_invalid")
    expect(place, "a name that leads out", with_file(place, "out", "shop/..%2F..%2Fetc%2Fpasswd.bson", b""), "name_invalid")
    expect(place, "a database that cannot be", with_file(place, "db", "sh$op/x.bson", b""), "name_invalid")

    entries = dumps.oplog(BEGIN, 6)
    for what, raw, code in (("order", [entries[0], entries[2], entries[1]], "oplog_order"), ("an entry twice", [entries[0], entries[0]], "oplog_order"), ("no entry", [], "oplog_empty"),
                            ("no times", [bson.encode({"op": "i", "ns": "a.b"})], "oplog_entry"), ("documents of a collection", shop()[0].documents, "oplog_entry"),
                            ("a hole", [entries[0], dumps.entry(BEGIN + 9, 1, prevOpTime={"ts": Timestamp(BEGIN + 5, 1), "t": bson.int64.Int64(1)})], "oplog_hole")):
        expect(place, "oplog: " + what, with_file(place, "o-" + what, "oplog.bson", b"".join(raw)), code)
    b = many(place, [with_file(place, "quiet", "oplog.bson", b"".join(dumps.oplog(BEGIN, 3, 200)))], "a quiet oplog")[0]
    check(b["usable"] and len(b["gaps"]) == 2 and "oplog_quiet" in [n["code"] for n in b["notes"]], "a quiet oplog: %s" % b["gaps"])

    def archive(name, change):
        return place.write("hand/%s.archive" % name, b"".join(change(dumps.archive_blocks(shop(), entries, per_block=3))))
    expect(place, "no magic", archive("magic", lambda p: [b"XXXX" + p[0][4:]] + p[1:]), "magic", kind="mongodump-archive", level="L0")
    expect(place, "only a magic", archive("alone", lambda p: [p[0][:4]]), "prelude_missing", level="L0")
    expect(place, "cut in the prelude", archive("prelude", lambda p: [p[0][:200]]), "truncated", level="L0")
    expect(place, "cut behind the prelude", archive("nothing", lambda p: p[:1]), "namespace_missing", level="L1")
    expect(place, "the end of a block missing", archive("end", lambda p: [*p[:3], p[3][:-4], *p[4:]]), level="L1")
    expect(place, "a block twice", archive("double", lambda p: [*p[:2], p[1], *p[2:]]), "crc_mismatch", level="L1")
    expect(place, "an end lost", archive("lost", lambda p: p[:-1]), "namespace_unfinished", level="L1")
    expect(place, "two ends of blocks", archive("ends", lambda p: [p[0], dumps.END, *p[1:]]), "block_broken")
    header = bson.encode({"db": "shop", "collection": "unknown", "EOF": True, "CRC": bson.int64.Int64(0)})
    expect(place, "nobody's namespace", archive("nobody", lambda p: [*p, header + dumps.END]), "namespace_unannounced")
    header = bson.encode({"db": "shop", "collection": "../../x", "EOF": True, "CRC": bson.int64.Int64(0)})
    expect(place, "a name that leads out of an archive", archive("out", lambda p: [*p, header + dumps.END]), "name_invalid")
    expect(place, "a namespace twice in the prelude", archive("twice", lambda p: [p[0][:-4] + bson.encode({"db": "crm", "collection": "empty", "metadata": shop()[2].metadata}) + dumps.END, *p[1:]]),
           "namespace_twice")
    expect(place, "no metadata", archive("nometa", lambda p: [p[0].replace(b"metadata", b"metaXata", 1), *p[1:]]), "metadata_missing", level="L0")
    expect(place, "a time series that is called none", archive("series", lambda p: [p[0].replace(b"\x02type\0\x0b\0\0\0timeseries", b"\x02uype\0\x0b\0\0\0timeseries"), *p[1:]]), "metadata_mismatch")
    expect(place, "a view that is called none", archive("view", lambda p: [p[0].replace(b"\x05\0\0\0view\0", b"\x05\0\0\0viex\0"), *p[1:]]), "metadata_mismatch")
    expect(place, "encrypted", place.write("hand/secret", b"Salted__" + dice.randbytes(200)), "encrypted", encrypted=True, kind="unknown", level="L0")
    expect(place, "empty", place.write("hand/empty", b""), "empty", kind="unknown", level="L0")
    expect(place, "a text", place.write("hand/text", b"hello"), "unknown_kind", kind="unknown", level="L0")
    os.mkdir(place.dir + "/hand/nothing")
    expect(place, "an empty folder", place.dir + "/hand/nothing", "no_backup", kind="unknown", level="L0")


def not_files(place):
    """Links, loops, pipes, folders where files should be, and files that may not be read."""
    secret = place.write("outside/secret.bson", shop()[0].data)
    for what, make in (("a link out of the backup", lambda t: os.symlink(secret, t)), ("a link to itself", lambda t: os.symlink(os.path.basename(t), t)), ("a pipe", os.mkfifo), ("a folder", os.mkdir)):
        path = folder_of(place, "n-" + what)
        os.remove(path + "/shop/orders.bson")
        make(path + "/shop/orders.bson")
        expect(place, what, path, "not_a_file")
    path = folder_of(place, "loop")
    os.symlink("..", path + "/shop/loop")
    os.symlink(path, path + "/again")
    b = many(place, [path], "links that lead in circles")[0]
    check(b["usable"] and [n["code"] for n in b["notes"]] == ["foreign", "foreign"], "links that lead in circles: %s" % b["notes"])
    path = folder_of(place, "foreign")
    dumps.write(path + "/shop/.DS_Store", b"x")
    dumps.write(path + "/notes.txt", b"x")
    b = many(place, [path], "foreign files")[0]
    check(b["usable"] and len(b["notes"]) == 2, "foreign files: %s %s" % (b["problems"], b["notes"]))
    path = folder_of(place, "locked")
    os.chmod(path + "/shop/orders.bson", 0)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    if nobody:
        subprocess.run(["chmod", "go+rx", place.dir, os.path.dirname(path), path, path + "/shop", path + "/crm", path + "/metrics"], check=True)
    try:
        r = place.run("backup", "--json", "check", path, **nobody)
    except PermissionError:
        skip("the program cannot be run by who may not read everything: files that may not be read are not tested")
        return
    codes = [p["code"] for b in json.loads(r.stdout or b"[]") for p in b["problems"] if p["file"] == "shop/orders.bson"]
    check(r.returncode == 1 and codes == ["unreadable"], "a file that may not be read: exit %d, %s" % (r.returncode, codes))


def store(place, name, packing="s2"):
    path = os.path.join(place.dir, "stores", name)
    dumps.pbm_logical(path, "A", {"rs0": shop()}, (BEGIN, 1), (BEGIN + 60, 3), packing)
    dumps.pbm_slice(path, "rs0", (BEGIN + 60, 3), (BEGIN + 120, 1), packing)
    return path


def edit(path, fn, file="A.pbm.json"):
    text = json.load(open(os.path.join(path, file)))
    fn(text)
    dumps.write(os.path.join(path, file), json.dumps(text).encode())
    return path


def stores(place):
    cases = []
    for packing in ("none", "snappy", "s2", "gzip"):
        for file in files_of(store(place, "model-" + packing, packing)):
            for how in ("cut", "flip", "flip", "delete"):
                path = store(place, "%d" % len(cases), packing)
                target = os.path.join(path, file)
                data = open(target, "rb").read()
                at = dice.randrange(len(data))
                if how == "delete":
                    os.remove(target)
                else:
                    dumps.write(target, data[:at] if how == "cut" else data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:])
                cases.append((path, packing, file, "%s at %d" % (how, at)))
    for b, (path, packing, file, how) in zip(many(place, [c[0] for c in cases], "stores"), cases):
        what = "%s, %s, %s (seed %d)" % (packing, file, how, SEED)
        if not b["usable"]:
            continue
        if file == ".pbm.init" or (file.endswith(".json") and how.startswith("flip")):
            continue  # nothing protects what stands in JSON
        if how.startswith("delete") and file.startswith("pbmPitr"):
            check(not b["pitr"], "%s: still restorable to any point" % what)
            continue
        if how.startswith("flip") and packing == "none" and "oplog" in file:
            continue  # a bare stream of BSON
        if how.startswith("flip") and packing in ("gzip", "snappy", "s2"):
            at = int(how.split()[-1])
            data = open(os.path.join(path, file), "rb").read()
            whole = open(os.path.join(place.dir, "stores", "model-" + packing, file), "rb").read()
            if packing == "gzip" and gzip.decompress(data) == gzip.decompress(whole) or packing != "gzip" and at >= len(data) - 9:
                continue  # a time in the header of gzip, bits that nobody reads; the padding
        check(False, "%s passes" % what)
    expect(place, "not done", edit(store(place, "status"), lambda m: m.update(status="error", error="oplog: lost")), "not_done")
    expect(place, "a set not done", edit(store(place, "set"), lambda m: m["replsets"][0].update(status="canceled")), "not_done")
    expect(place, "no times", edit(store(place, "times"), lambda m: m.pop("last_write_ts")), "metadata_invalid")
    expect(place, "no sets", edit(store(place, "sets"), lambda m: m.update(replsets=[])), "metadata_invalid")
    expect(place, "a compression that is none", edit(store(place, "codec"), lambda m: m.update(compression="rar")), "metadata_invalid")
    for name in ("/etc/passwd", "../../../etc/passwd", "A/../../x"):
        expect(place, "a path that leads out", edit(store(place, "path" + name.replace("/", "_")), lambda m, n=name: m["replsets"][0].update(backup_name=n, oplog_name=n)), "path_escapes")
    expect(place, "a wrong size", edit(store(place, "size"), lambda m: m["namespaces"][0].update(size=5), "A/rs0/metadata.json"), "size_mismatch")
    expect(place, "a wrong checksum", edit(store(place, "crc"), lambda m: m["namespaces"][0].update(crc=5), "A/rs0/metadata.json"), "crc_mismatch", level="L1")
    path = store(place, "swap")
    os.rename(path + "/A/rs0/shop.orders.s2", path + "/x")
    os.rename(path + "/A/rs0/shop.carts.s2", path + "/A/rs0/shop.orders.s2")
    os.rename(path + "/x", path + "/A/rs0/shop.carts.s2")
    expect(place, "files swapped", path, "size_mismatch")
    expect(place, "packed otherwise", edit(store(place, "packed", "gzip"), lambda m: m.update(compression="gzip")) and with_packing(place), "packing_unexpected")
    path = store(place, "range")
    dumps.pbm_slice(path, "rs0", (BEGIN + 120, 1), (BEGIN + 180, 1), "s2", [dumps.entry(BEGIN + 500, 1)])
    expect(place, "a slice of another time", path, "slice_bad")
    path = os.path.join(place.dir, "stores", "chain")
    wt = b"\x41\xd8\x01\x00" + bytes(5000)
    dumps.pbm_physical(path, "B", (BEGIN, 1), (BEGIN + 9, 1), [("x.wt", wt, -1, -1), ("y.wt", wt, 0, 0)], source="A")
    expect(place, "a chain without its base", path, "chain_broken")
    dumps.pbm_physical(path, "A", (BEGIN, 1), (BEGIN + 9, 1), [("x.wt", wt, 0, 0)], source="B")
    for b in many_of_store(place, path, 2):
        check("chain_broken" in [p["code"] for p in b["problems"]], "a chain in a circle: %s" % b["problems"])
    for what, change, code in (("cut", lambda p: open(p, "r+b").truncate(100), "size_mismatch"), ("gone", os.remove, "file_missing")):
        path = os.path.join(place.dir, "stores", "physical-" + what)
        dumps.pbm_physical(path, "A", (BEGIN, 1), (BEGIN + 9, 1), [("x.wt", wt, 0, 0)], packing="s2")
        change(path + "/A/rs0/x.wt.s2")
        expect(place, "a physical file " + what, path, code, level="L0")
    path = os.path.join(place.dir, "stores", "other")
    dumps.pbm_physical(path, "A", (BEGIN, 1), (BEGIN + 9, 1), [("x.wt", b"something else" * 100, 0, 0), ("../../y", b"", 0, 0)], packing="none")
    expect(place, "a physical file that is another thing", path, "path_escapes")
    os.makedirs(place.dir + "/stores/bare/pbmPitr/rs0")
    expect(place, "a store without a backup", place.dir + "/stores/bare", "no_backup", kind="pbm")


def slices(place):
    """Slices of the oplog, of many packed chunks each: cut anywhere, a chunk gone, doubled, in another's place, a flipped bit."""
    entries = [dumps.entry(BEGIN + 60 + i, 3, pad="x%d" % i * 200) for i in range(60)] + [dumps.entry(BEGIN + 120, 1)]
    cases, found, unprotected = [], 0, 0
    for packing in ("snappy", "s2"):
        tail, pack = dumps.PACKINGS[packing]
        parts = [pack(b"".join(entries[i:i + 4])) for i in range(0, len(entries), 4)]
        good = b"".join(parts)
        for k in range(SLICES):
            how = dice.choice(("cut", "cut", "flip", "gone", "doubled", "swapped"))
            at, i, j = dice.randrange(len(good)), dice.randrange(len(parts)), dice.randrange(len(parts) - 1)
            j += j >= i
            p = list(parts)
            if how == "gone":
                del p[i]
            elif how == "doubled":
                p.insert(i, p[i])
            elif how == "swapped":
                p[i], p[j] = p[j], p[i]
            data = good[:at] if how == "cut" else good[:at] + bytes([good[at] ^ 1 << dice.randrange(8)]) + good[at + 1:] if how == "flip" else b"".join(p)
            path = store(place, "slice-%s-%d" % (packing, k), packing)
            file, = [f for f in files_of(path) if f.startswith("pbmPitr")]
            dumps.write(os.path.join(path, file), data)
            cases.append((path, "%s, %s at %d, chunks %d and %d" % (packing, how, at, i, j), how, data, parts))
    for b, (path, what, how, data, parts) in zip(many(place, [c[0] for c in cases], "slices"), cases):
        bad = not b["usable"] or any(g["cause"] and "damaged" in g["cause"] for g in b["gaps"]) or not b["pitr"]
        found += bad
        # entries that are gone leave a slice that is right in itself: Percona's leave entries out, so that nobody can miss one
        good, now = dumps.unframed(b"".join(parts)), dumps.unframed(data)
        gone = not bad and now is not None and now != good and (how == "gone" or (how == "cut" and good.startswith(now)))
        unprotected += gone
        check(bad or gone or now == good, "seed %d: a slice with %s passes: %s %s" % (SEED, what, b["problems"], b["gaps"]))
    print("slices of the oplog: %d of %d found, %d in what nothing protects" % (found, len(cases), unprotected))


def quick_look(place):
    """The first look reads no data; that a .bson was cut within a document it sees at its end, and of no whole one it says so."""
    wide = [bson.encode({"_id": i, "d": b"x" * (20000 + 997 * i), "in": {"e": {}, "n": i}}) for i in range(12)]
    tall = [bson.encode({"_id": 1}), bson.encode({"_id": 2, "d": b"\1" * 200000})]
    for name, documents in (("small", shop()[0].documents), ("wide", wide), ("tall", tall), ("one", tall[1:]), ("none", [])):
        data = b"".join(documents)
        ends, cases = {0}, []
        for d in documents:
            ends.add(max(ends) + len(d))
        for at in sorted({dice.randrange(len(data)) for _ in range(30)} | {len(data) - 1, len(data) - 5} if data else set()) + [len(data)]:
            cases.append((with_file(place, "end-%s-%d" % (name, at), "shop/orders.bson", data[:at]), at in ends))
        if data:
            cases.append((with_file(place, "end-%s-more" % name, "shop/orders.bson", data + b"\0" * 7), False))
        r = place.run("backup", "--json", "check", "--quick", *[c[0] for c in cases])
        for b, (path, whole) in zip(json.loads(r.stdout), cases):
            codes = [p["code"] for p in b["problems"] if p["code"] != "size_impossible"]  # that is said, too, where less is left than any document has
            check((b["level"] == "L1" or len(codes) < len(b["problems"])) and b["usable"] == whole and codes == ([] if whole else ["truncated"]), "%s: %s %s" % (path, b["usable"], b["problems"]))


def with_packing(place):
    path = store(place, "packed", "gzip")
    for file in files_of(path):
        if file.endswith("orders.gz"):
            dumps.write(os.path.join(path, file), b"\xff\x06\0\0sNaPpY")
    return path


def many_of_store(place, path, n):
    r = place.run("backup", "--json", "check", path)
    got = json.loads(r.stdout)
    check(len(got) == n and not r.stderr, "%s: %d backups" % (path, len(got)))
    return got


# Between us and the program stands a small process: what is measured for a child begins with the size of who started it.
MEASURE = "import os, sys; p = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); _, s, u = os.wait4(p, 0); os.write(3, b'%d %d' % (os.waitstatus_to_exitcode(s), u.ru_maxrss * 1024))"


def measured(place, path):
    read, write = os.pipe()
    with subprocess.Popen(["bash", "-c", 'exec "$@" 3>&%d' % write, "bash", sys.executable, "-S", "-c", MEASURE, PROGRAM, "backup", "--json", "check", path], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.env, pass_fds=(write,)) as p:
        os.close(write)
        out, err = p.communicate(timeout=LIMIT)
    with os.fdopen(read) as r:
        status, rss = map(int, r.read().split())
    return status, json.loads(out or b"[]"), rss


def memory(place):
    """What unpacks to far more than it is, and what is far larger than it has bytes."""
    zeros = gzip.compress(bytes(16 << 20)) * 64
    text = gzip.compress(b" " * (16 << 20)) * 64
    large = document(b"\x10_id\0\1\0\0\0\x05d\0" + (15 << 20).to_bytes(4, "little") + b"\0" + bytes(15 << 20))
    sparse = folder_of(place, "sparse")
    os.truncate(sparse + "/shop/orders.bson", 2 << 30)
    hollow = place.write("hollow.archive", dumps.MAGIC)
    os.truncate(hollow, 2 << 30)
    bombs = [("documents of zeros", (lambda p: (dumps.write(p + "/shop/orders.bson.gz", zeros), p)[1])(folder_of(place, "zeros", True)), False),
             ("metadata of a GiB", (lambda p: (dumps.write(p + "/shop/orders.metadata.json.gz", text), p)[1])(folder_of(place, "text", True)), False),
             ("an archive of zeros", place.write("zeros.archive.gz", zeros), False), ("a file of 2 GiB with nothing in it", sparse, False), ("such an archive", hollow, False),
             ("many large documents", (lambda p: (dumps.write(p + "/shop/orders.bson.gz", gzip.compress(large) * 12), p)[1])(folder_of(place, "large", True)), True)]
    dense = b'{"indexes":[],"options":{"x":[' + b"1," * 500000 + b"1]}}"
    bombs.append(("dense metadata", with_file(place, "dense", "shop/orders.metadata.json", dense), True))
    for what, path, usable in bombs:
        status, got, rss = measured(place, path)
        check(status == (0 if usable else 1) and len(got) == 1 and got[0]["usable"] == usable, "%s: exit %d, %s" % (what, status, [b["problems"][:2] for b in got]))
        if not SANITIZED:
            check(rss < RSS_MAX, "%s takes %d MB" % (what, rss // 1000000))


with Place() as place:
    archives(place)
    folders(place)
    by_hand(place)
    not_files(place)
    stores(place)
    slices(place)
    quick_look(place)
    memory(place)
finish()
