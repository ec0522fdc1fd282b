#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup make --archive`, and `make --key-file`: one file in mongodump's format, which an independent reader reads as what the server holds; packed with
gzip; sealed with a key, which pyca/cryptography opens by the description in base/seal.h; checked and drilled with the key, refused
without it and with another one; every chunk that is changed, cut, moved or doubled is found. A folder of sealed files: each opened
in the same way, and whatever is put in another's place, taken away, added, or left unsealed is found."""
import gzip
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import bson
import dumps
import pymongo
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from outside import PROGRAM, Place, check, finish

SCENARIO = """title "a shop"

collection shop.orders 300
    field _id "seq('order')"
    field n "int(1, 9)"
"""
TAG = 16


def made(place, path, *words, status=0):
    r = place.run("backup", "--json", "--quiet", "make", path, "--uri-file", place.dir + "/uri", *words)
    check(r.returncode == status, "make %s: exit %d: %s" % (" ".join(words), r.returncode, r.stderr.decode()[:300]))
    return r.stderr.decode()


def checked(place, path, *words):
    return json.loads(place.run("backup", "--json", "check", path, *words).stdout)[0]


def opened(data, key):
    """By the words of base/seal.h alone."""
    header, at, number, out = data[:52], 52, 0, b""
    check(header[:8] == b"SBSEAL1\n" and header[12:20] == hashlib.sha256(b"signalbox key id" + key).digest()[:8], "the header")
    chunk = int.from_bytes(header[8:12], "little") + TAG
    cipher = AESGCM(hmac.new(key, b"signalbox seal 1" + header[20:52], "sha256").digest())
    while at < len(data):
        last = at + chunk >= len(data)
        out += cipher.decrypt(bytes(4) + number.to_bytes(7, "big") + bytes([last]), data[at:at + chunk], header)
        at, number = at + chunk, number + 1
    return out


def same(client, data, what):
    got, _ = dumps.read_archive(data)[:2]
    for db, coll in (("shop", "orders"), ("still", "text"), ("still", "plain")):
        there = sorted(bson.encode(d) for d in client[db][coll].find())
        mine = sorted(got["%s.%s" % (db, coll)])
        check(mine == there, "%s: %s.%s: %d documents, and %d there" % (what, db, coll, len(mine), len(there)))


def damages(place, data, key_file):
    chunk = 65536 + TAG
    parts = [data[:52]] + [data[i:i + chunk] for i in range(52, len(data), chunk)]
    check(len(parts) >= 4, "too few chunks to move any: %d" % len(parts))
    cases = {"the last chunk is gone": parts[:-1], "a chunk is gone": parts[:1] + parts[2:], "two changed places": [parts[0], parts[2], parts[1]] + parts[3:],
             "one is doubled": parts[:2] + [parts[1]] + parts[2:], "a byte behind the end": parts + [b"\0"], "cut in a chunk": parts[:-1] + [parts[-1][:-1]],
             "nothing but the header": parts[:1], "half a header": [data[:30]]}
    for at in range(20, len(data), len(data) // 25):
        cases["byte %d" % at] = [data[:at], bytes([data[at] ^ 0x40]), data[at + 1:]]
    for what, p in cases.items():
        found = checked(place, place.write("damaged", b"".join(p)), "--key-file", key_file)
        check(not found["usable"] and found["problems"], "%s was not found" % what)


def files_of(path):
    return sorted(os.path.relpath(os.path.join(d, f), path) for d, _, files in os.walk(path) for f in files)


def folder(place, client, key, key_file):
    path = place.dir + "/folder/sealed"
    os.mkdir(place.dir + "/folder")
    made(place, path, "--key-file", key_file)
    files = files_of(path)
    raw = {f: open(os.path.join(path, f), "rb").read() for f in files}
    data = {f: opened(raw[f], key) for f in files}
    check({"shop/orders.bson", "still/plain.metadata.json", "oplog.bson", "prelude.json", "signalbox-manifest.json"} <= set(files) and all(os.stat(os.path.join(path, f)).st_mode & 0o777 == 0o600 for f in files), "its files: %s" % files)
    for ns, docs in (("shop/orders", client.shop.orders), ("still/text", client.still.text), ("still/plain", client.still.plain)):
        check(sorted(dumps.documents_of(data[ns + ".bson"])) == sorted(bson.encode(d) for d in docs.find()), "%s is not what is there" % ns)
        check(json.loads(data[ns + ".metadata.json"])["collectionName"] == ns.split("/")[1], "the metadata of %s" % ns)
    manifest = json.loads(data["signalbox-manifest.json"])
    check({f["path"]: (f["bytes"], f["sha256"]) for f in manifest["files"]} == {f: (len(raw[f]), hashlib.sha256(raw[f]).hexdigest()) for f in files if f != "signalbox-manifest.json"}, "the manifest: %s" % manifest)
    found = checked(place, path, "--key-file", key_file)
    check(found["usable"] and found["level"] == "L2" and found["encrypted"] is True and found["kind"] == "mongodump-directory" and {c["ns"]: c["documents"] for c in found["collections"]} ==
          {"shop.orders": 300, "still.text": 400, "still.plain": 20, "still.view": 0} and found["oplog"] and found["taken_at_from"] == "oplog", "the folder: %s" % found)
    found = checked(place, path, "--quick", "--key-file", key_file)
    check(found["usable"] and found["level"] == "L1", "quickly: %s" % found)
    found, = json.loads(place.run("backup", "--json", "check", place.dir + "/folder", "--key-file", key_file).stdout)
    check(found["usable"] and found["path"] == path, "found in a folder of backups: %s" % found)
    for words, code in (((), "key_missing"), (("--key-file", place.dir + "/other"), "key_wrong")):
        found = checked(place, path, *words)
        check(found["encrypted"] is True and not found["usable"] and [p["code"] for p in found["problems"]] == [code], "%s: %s" % (code, found))
    r = place.run("backup", "--json", "--quiet", "drill", path, "--into", place.dir + "/spare", "--key-file", key_file)
    got = json.loads(r.stdout)
    check(r.returncode == 0 and got["level"] == "L4" and got["restored"]["documents"] == 720, "a drill of it: %s %s" % (r.stdout[:600], r.stderr[:300]))
    r = place.run("backup", "--json", "--quiet", "drill", path, "--into", place.dir + "/spare")
    check(r.returncode == 1 and "key" in json.loads(r.stdout)["cause"], "a drill without the key: %s" % r.stdout[:300])

    def altered(what, *codes, quick=True, **files):
        copy = place.dir + "/altered"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        for f, bytes_ in files["of"].items():
            if bytes_ is None:
                os.unlink(os.path.join(copy, f))
            else:
                dumps.write(os.path.join(copy, f), bytes_)
        for words in ((), ("--quick",)) if quick else ((),):
            found = checked(place, copy, "--key-file", key_file, *words)
            check(not found["usable"] and {p["code"] for p in found["problems"]} >= set(codes), "%s%s: %s" % (what, words, found["problems"]))
    o, t = "shop/orders", "still/text"
    altered("two files in each other's place", "size_mismatch", of={o + ".metadata.json": raw[t + ".metadata.json"], t + ".metadata.json": raw[o + ".metadata.json"]})
    altered("a collection in another's place", "size_mismatch", of={o + ".bson": raw[t + ".bson"]})
    altered("a file that is not sealed", "not_sealed", of={o + ".bson": data[o + ".bson"]})
    altered("a file that is gone", "file_missing", of={o + ".bson": None})
    altered("a collection that is gone", "file_missing", of={o + ".bson": None, o + ".metadata.json": None})
    altered("a collection that came", "not_listed", of={"shop/new.bson": raw[o + ".bson"], "shop/new.metadata.json": raw[o + ".metadata.json"]})
    altered("one that came unsealed", "not_listed", of={"shop/new.bson": data[o + ".bson"], "shop/new.metadata.json": data[o + ".metadata.json"].replace(b"orders", b"new")})
    altered("the manifest gone", "manifest_missing", of={"signalbox-manifest.json": None})
    altered("the manifest not sealed", "manifest_missing", of={"signalbox-manifest.json": data["signalbox-manifest.json"]})
    altered("the manifest of another kind", "manifest_invalid", of={"signalbox-manifest.json": raw["prelude.json"]})
    altered("a flipped bit", "sha256_mismatch", quick=False, of={o + ".bson": raw[o + ".bson"][:100] + bytes([raw[o + ".bson"][100] ^ 1]) + raw[o + ".bson"][101:]})
    altered("cut", "size_mismatch", of={o + ".bson": raw[o + ".bson"][:-1]})


def main():
    with Place() as place:
        start = [PROGRAM, "sim", "--members", "1", "--scenario", place.write("shop.scenario", SCENARIO)]
        sims = [subprocess.Popen(start, stdout=subprocess.PIPE, env=place.env) for _ in range(2)]
        try:
            uri, spare = [json.loads(p.stdout.readline())["uri"] for p in sims]
            place.write("uri", uri)
            place.write("spare", spare)
            shop = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000)
            pymongo.MongoClient(spare, serverSelectionTimeoutMS=20000).signalbox.scratch.insert_one({"_id": "scratch"})
            shop.still.text.insert_many([{"_id": i, "t": os.urandom(600)} for i in range(400)])
            shop.still.plain.insert_many([{"_id": i, "l": bson.int64.Int64(i)} for i in range(20)])
            shop.still.plain.create_index([("l", -1)], name="by_l", unique=True)
            shop.still.create_collection("view", viewOn="plain", pipeline=[])
            key, other = os.urandom(32), os.urandom(32)
            for name, text in (("key", key), ("hex", key.hex().encode() + b"\n"), ("other", other)):
                os.chmod(place.write(name, text), 0o600)
            key_file = place.dir + "/key"

            plain, packed, sealed, both = [place.dir + "/" + n for n in ("plain.archive", "packed.archive.gz", "sealed", "both")]
            made(place, plain, "--archive")
            made(place, packed, "--archive", "--gzip")
            made(place, sealed, "--archive", "--key-file", key_file)
            made(place, both, "--archive", "--gzip", "--key-file", place.dir + "/hex")
            data = {p: open(p, "rb").read() for p in (plain, packed, sealed, both)}
            same(shop, data[plain], "plain")
            same(shop, gzip.decompress(data[packed]), "packed")
            same(shop, opened(data[sealed], key), "sealed")
            same(shop, gzip.decompress(opened(data[both], key)), "packed and sealed")
            check(all(os.stat(p).st_mode & 0o777 == 0o600 for p in data), "others may read it")
            check(b"order" not in data[sealed], "it can be read without the key")

            for path, words in ((plain, ()), (packed, ()), (sealed, ("--key-file", key_file)), (both, ("--key-file", key_file))):
                found = checked(place, path, *words)
                check(found["usable"] and found["level"] == "L2" and found["kind"] == "mongodump-archive" and found["encrypted"] == (path in (sealed, both)), "%s: %s" % (path, found))
                check({c["ns"]: c["documents"] for c in found["collections"]} == {"shop.orders": 300, "still.text": 400, "still.plain": 20, "still.view": 0}, "%s: %s" % (path, found["collections"]))
            for words, code in (((), "key_missing"), (("--key-file", place.dir + "/other"), "key_wrong")):
                found = checked(place, sealed, *words)
                check(found["encrypted"] is True and [p["code"] for p in found["problems"]] == [code], "%s: %s" % (code, found))

            r = place.run("backup", "--json", "--quiet", "drill", both, "--into", place.dir + "/spare", "--key-file", key_file)
            check(r.returncode == 0 and json.loads(r.stdout)["level"] == "L4", "a drill of it: %s %s" % (r.stdout[:600], r.stderr[:300]))
            r = place.run("backup", "--json", "--quiet", "drill", sealed, "--into", place.dir + "/spare")
            check(r.returncode == 1 and "key" in json.loads(r.stdout)["cause"], "a drill without the key: %s" % r.stdout[:300])

            os.mkdir(place.dir + "/store")
            shutil.copy(both, place.dir + "/store/both")
            for key_line, value, state in (("", "missing", "missed"), ("set backup_key_file %s\n" % key_file, "there", "met"), ("set backup_key_file %s/other\n" % place.dir, "missing", "missed"),
                                           ("set backup_key_file %s/nowhere\n" % place.dir, "not readable", "missed")):
                place.write("config/signalbox/config", ("deployment shop\nset environment dev\nbackup %s/store\n" % place.dir + key_line).encode())
                said = json.loads(place.run("backup", "--json", "status").stdout)[0]
                goal = {g["name"]: g for g in said["objectives"]}["key"]
                check((goal["value"], goal["state"]) == (value, state) and (said["last_good"] is not None) == (value == "there"), "status with %r: %s" % (key_line, goal))
            os.unlink(place.config + "/config")

            damages(place, data[sealed], key_file)
            folder(place, shop, key, key_file)
            os.chmod(key_file, 0o644)
            check("chmod 600" in made(place, place.dir + "/open", "--archive", "--key-file", key_file, status=2), "a key that all may read")
            check("is there already" in made(place, plain, "--archive", status=2), "it was written over")
            check("wants --archive" in made(place, place.dir + "/folder", "--gzip", status=2), "a folder is not packed")
            check(not [n for n in os.listdir(place.dir) if ".partial-" in n], "an unfinished one was left")
        finally:
            for p in sims:
                p.kill()
                p.wait()
    finish()


main()
