#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`backup check` on archives and folders that are odd and legal, and on some that look legal and are not.

All are written here, byte by byte, on pymongo's bson: what tools of other versions write, and what the format allows though no
tool writes it. A good one that is called bad is as wrong as the other way round.
"""
import gzip
import json
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
import dumps
from bson.int64 import Int64
from bson.timestamp import Timestamp
from dumps import CRC64, END, MAGIC, Collection, crc64, signed
from outside import Place, check, finish

BEGIN = 1_700_000_000
ID = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


def prelude(spaces, **header):
    head = {"concurrent_collections": 4, "version": "0.1", "server_version": "7.0.14", "tool_version": "100.12.0", **header}
    return MAGIC + bson.encode(head) + b"".join(bson.encode(s) for s in spaces) + END


def space(db, name, metadata=None, **more):
    return dict({"db": db, "collection": name, "metadata": json.dumps({"indexes": [ID], "uuid": "ab" * 16, "collectionName": name} if metadata is None else metadata), "size": 0, "type": "collection"}, **more)


def block(db, name, documents=()):
    return bson.encode({"db": db, "collection": name, "EOF": False, "CRC": Int64(0)}) + b"".join(documents) + END


def close(db, name, documents=()):
    return bson.encode({"db": db, "collection": name, "EOF": True, "CRC": Int64(signed(crc_of(b"".join(documents))))}) + END


def through(columns, v):
    out = 0
    for i in range(64):
        if v >> i & 1:
            out ^= columns[i]
    return out


def crc_of(data):
    """crc64, where a long run of zeros is one product of matrices."""
    ones, run = (1 << 64) - 1, b"\0" * (1 << 20)
    at, end = data.find(run), data.rfind(run) + len(run)
    if at < 0:
        return crc64(data)
    crc, n, step = crc64(data[:at]) ^ ones, end - at, [(1 << i) >> 8 ^ CRC64[1 << i & 255] for i in range(64)]
    assert not data[at:end].strip(b"\0")
    while n:
        crc = through(step, crc) if n & 1 else crc
        step, n = [through(step, c) for c in step], n >> 1
    return crc64(data[end:], crc ^ ones)


def element(kind, value, name=b"x"):
    body = b"\x07_id\0" + b"o" * 12 + bytes([kind]) + name + b"\0" + value
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def text(value):
    return struct.pack("<i", len(value) + 1) + value + b"\0"


# Every type that BSON has or had, each as mongod stores it.
TYPES = [element(0x06, b""), element(0x0C, text(b"db.c") + b"r" * 12), element(0x0E, text(b"symbol")), element(0x0D, text(b"f()")), element(0xFF, b""), element(0x7F, b""), element(0x0A, b""),
         element(0x0F, struct.pack("<i", 4 + 8 + 5) + text(b"f()") + b"\5\0\0\0\0"), element(0x0B, b"^a\0im\0"), element(0x11, b"\1\0\0\0\2\0\0\0"), element(0x13, b"\0" * 16),
         element(0x05, struct.pack("<i", 7) + b"\2" + struct.pack("<i", 3) + b"old"), element(0x05, struct.pack("<i", 3) + b"\x80own"), element(0x05, b"\0\0\0\0\0"),
         element(0x04, b"\x0c\0\0\0\x10" + b"7\0" + b"\1\0\0\0" + b"\0"), element(0x02, text(b"")), element(0x02, text(b"a\0b")), element(0x01, b"\0\0\0\0\0\0\xf8\x7f"),
         element(0x09, b"\xff" * 8), element(0x10, b"\1\0\0\0", b""), element(0x10, b"\1\0\0\0", b"a.b"), element(0x10, b"\1\0\0\0", b"$a"), element(0x10, b"\1\0\0\0", b"_id"),
         element(0x02, text("日本語 ünï".encode())), bson.encode({}), bson.encode({"_id": {"a": 1, "b": 2}}), bson.encode({"no": "id"})]


def legal():
    """{name: (bytes, {namespace: documents} or None)}"""
    a, b = [bson.encode({"_id": i, "a": "x" * (i % 50)}) for i in range(400)], [bson.encode({"_id": i}) for i in range(300)]
    out = {}
    out["nothing in it"] = (prelude([]), {})
    out["one collection without documents, no block but the last"] = (prelude([space("d", "c")]) + close("d", "c"), {"d.c": 0})
    out["blocks without documents"] = (prelude([space("d", "c")]) + block("d", "c") * 3 + block("d", "c", b[:2]) + block("d", "c") + close("d", "c", b[:2]), {"d.c": 2})
    blocks = b"".join(block("d", "a", [x]) + (block("d", "b", [b[i]]) if i < len(b) else b"") for i, x in enumerate(a))
    out["two namespaces by turns, a document a block"] = (prelude([space("d", "a"), space("d", "b")]) + blocks + close("d", "b", b) + close("d", "a", a), {"d.a": 400, "d.b": 300})
    many = ["c%d" % i for i in range(900)]
    out["900 namespaces, all open at once"] = (prelude([space("d", n) for n in many]) + b"".join(block("d", n, b[:1]) for n in many) * 2 + b"".join(close("d", n, b[:1] * 2) for n in reversed(many)),
                                               {"d." + n: 2 for n in many})
    entries = dumps.oplog(BEGIN, 5)
    log = {"db": "", "collection": "oplog", "metadata": "", "size": 0, "type": ""}
    out["an oplog and nothing else"] = (prelude([log]) + block("", "oplog", entries) + close("", "oplog", entries), {})
    noop = [bson.encode({"ts": Timestamp(BEGIN, 1), "t": Int64(1), "h": Int64(0), "v": 2, "op": "n", "ns": "", "o": {"msg": "periodic noop"}})]
    out["an oplog of one entry that does nothing"] = (prelude([log, space("d", "c")]) + block("", "oplog", noop) + close("d", "c") + close("", "oplog", noop), {"d.c": 0})
    out["every type of BSON"] = (prelude([space("d", "c")]) + block("d", "c", TYPES) + close("d", "c", TYPES), {"d.c": len(TYPES)})
    view = space("d", "v", {"options": {"viewOn": "c", "pipeline": [{"$match": {"a": {"$gt": 1}}}]}, "indexes": [], "uuid": "", "collectionName": "v", "type": "view"}, type="view")
    out["a view of a collection"] = (prelude([view, space("d", "c")]) + close("d", "v") + close("d", "c"), {"d.c": 0, "d.v": 0})
    series = space("d", "s", {"options": {"timeseries": {"timeField": "t", "granularity": "seconds", "bucketMaxSpanSeconds": {"$numberInt": "3600"}}}, "indexes": [], "uuid": "", "collectionName": "s", "type": "timeseries"},
                   type="timeseries")
    out["a time series"] = (prelude([series]) + block("d", "system.buckets.s", b[:3]) + close("d", "system.buckets.s", b[:3]), {"d.s": 3})
    out["a time series without buckets"] = (prelude([series]) + close("d", "system.buckets.s"), {"d.s": 0})
    capped = space("d", "c", {"options": {"capped": True, "size": {"$numberInt": "1048576"}, "max": {"$numberLong": "5"}}, "indexes": [ID], "uuid": "ab" * 16, "collectionName": "c", "type": "collection"})
    out["a capped collection"] = (prelude([capped]) + close("d", "c"), {"d.c": 0})
    clustered = space("d", "c", {"options": {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_", "unique": True}}, "indexes": [dict(ID, clustered=True, unique=True)], "collectionName": "c"})
    out["a clustered collection"] = (prelude([clustered]) + close("d", "c"), {"d.c": 0})
    validator = space("d", "c", {"options": {"validator": {"$jsonSchema": {"required": ["a"]}}, "validationLevel": "moderate", "collation": {"locale": "de", "strength": 2}}, "indexes": [ID]})
    out["a validator and a collation"] = (prelude([validator]) + close("d", "c"), {"d.c": 0})
    old = {"options": {"create": "c"}, "indexes": [{"v": 1, "key": {"_id": 1}, "name": "_id_", "ns": "d.c"}, {"v": 1, "key": {"a": 1.0, "b": -1.0}, "name": "a_1_b_-1", "ns": "d.c", "background": True}]}
    bare = {"db": "d", "collection": "c", "metadata": json.dumps(old), "size": 0}
    out["metadata of index version 1, no type, of old tools"] = (prelude([bare], server_version="3.2.22", tool_version="r3.2.22") + close("d", "c"), {"d.c": 0})
    kinds = {"options": {}, "indexes": [ID, {"v": {"$numberInt": "2"}, "key": {"_fts": "text", "_ftsx": {"$numberInt": "1"}}, "name": "t", "weights": {"a": 1}, "textIndexVersion": 3, "default_language": "english"},
                                        {"v": 2, "key": {"a": "2dsphere"}, "name": "g", "2dsphereIndexVersion": 3}, {"v": 2, "key": {"a": "hashed"}, "name": "h"}, {"v": 2, "key": {"$**": 1}, "name": "w", "wildcardProjection": {"a": 0}},
                                        {"v": 2, "key": {"a": 1}, "name": "p", "partialFilterExpression": {"b": {"$exists": True}}, "expireAfterSeconds": {"$numberLong": "3600"}, "hidden": True, "sparse": True},
                                        {"v": 1, "key": {"a": True}, "name": "a_true"}, {"v": 1, "key": {"a": {"$numberLong": "1"}}, "name": "l"}]}
    out["every kind of index"] = (prelude([space("d", "c", kinds)]) + close("d", "c"), {"d.c": 0})
    out["no options, no UUID, no indexes"] = (prelude([space("d", "c", {"indexes": []})]) + close("d", "c"), {"d.c": 0})
    out["null for no indexes"] = (prelude([space("d", "c", {"options": {}, "indexes": None})]) + close("d", "c"), {"d.c": 0})
    out["one that was dropped while it was dumped"] = (prelude([space("d", "gone") | {"metadata": ""}, space("d", "c")]) + close("d", "gone") + close("d", "c"), {"d.c": 0, "d.gone": 0})
    out["a time series of the newest servers, without buckets of their own"] = (prelude([series]) + block("d", "s", b[:3]) + close("d", "s", b[:3]), {"d.s": 3})
    users = [{"db": "d", "collection": "$admin.system." + n, "metadata": "", "size": 0, "type": ""} for n in ("users", "roles", "version")]
    out["users and roles of one database"] = (prelude(users + [space("d", "c")]) + b"".join(close("d", "$admin.system." + n) for n in ("users", "roles", "version")) + close("d", "c"), None)
    names = ["a.b.c", "with space", "x" * 200, "ünï", "system.js", "new\nline", "a/b", "a$b", "tab\there", "a..b", "a."]
    out["names of every kind"] = (prelude([space("d", n) for n in names]) + b"".join(close("d", n) for n in names), {"d." + n: 0 for n in names})
    out["the same name in two databases"] = (prelude([space("d", "c"), space("e", "c")]) + block("e", "c", b[:1]) + close("d", "c") + close("e", "c", b[:1]), {"d.c": 0, "e.c": 1})
    out["a prelude with more to it"] = (prelude([space("d", "c", unknown=1, size=Int64(1 << 40))], later={"a": 1}, concurrent_collections=Int64(4)) + close("d", "c"), {"d.c": 0})
    huge = [bson.encode({"_id": 1, "x": b"\0" * (16 * 1024 * 1024 - 33)})]
    out["a document of 16 MiB"] = (prelude([space("d", "c")]) + block("d", "c", huge) + close("d", "c", huge), {"d.c": 1})
    entry = [bson.encode({"ts": Timestamp(BEGIN, 1), "t": Int64(1), "v": 2, "op": "i", "ns": "d.c", "o": {"_id": 1, "x": b"\0" * (16 * 1024 * 1024 - 40)}})]
    out["an entry of the oplog a little over 16 MiB"] = (prelude([log]) + block("", "oplog", entry) + close("", "oplog", entry), {})
    whole = out["two namespaces by turns, a document a block"]
    cuts = sorted(random.Random(3).sample(range(1, len(whole[0])), 20))
    members = b"".join(gzip.compress(whole[0][i:k]) for i, k in zip([0] + cuts, cuts + [len(whole[0])]))
    out["gzip of 21 members"] = (members, whole[1])
    out["gzip with empty members in it"] = (gzip.compress(b"") + gzip.compress(whole[0]) + gzip.compress(b""), whole[1])
    named = b"\x1f\x8b\x08\x1c" + b"\0" * 6 + b"\3\0xyz" + b"name\0" + b"a word\0" + gzip.compress(whole[0])[10:]
    out["gzip with a name, a comment and a field of its own"] = (named, whole[1])
    out["gzip that does not compress"] = (gzip.compress(whole[0], 0), whole[1])
    return out


def illegal():
    """What a lenient reader would let pass: {name: bytes}."""
    b = [bson.encode({"_id": i}) for i in range(30)]
    good = prelude([space("d", "c")]) + block("d", "c", b) + close("d", "c", b)
    out = {}
    out["nothing behind the magic"] = MAGIC
    out["an empty file called .archive"] = b""
    out["zeros behind it"] = good + b"\0" * 512
    out["zeros behind the gzip"] = gzip.compress(good) + b"\0" * 512
    out["a second archive behind it"] = good + good
    out["a second archive as a second member"] = gzip.compress(good) + gzip.compress(good)
    out["half a member"] = gzip.compress(good[:60]) + gzip.compress(good[60:])[:-9]
    out["gzip whose length is another"] = gzip.compress(good)[:-4] + struct.pack("<I", len(good) + 1)
    out["gzip whose CRC is another"] = gzip.compress(good)[:-8] + b"\0\0\0\0" + gzip.compress(good)[-4:]
    out["one document less, its checksum left"] = prelude([space("d", "c")]) + block("d", "c", b[:-1]) + close("d", "c", b)
    out["two documents in each other's place"] = prelude([space("d", "c")]) + block("d", "c", b[1::-1] + b[2:]) + close("d", "c", b)
    out["documents of another namespace"] = prelude([space("d", "c"), space("d", "e")]) + block("d", "e", b) + close("d", "c", b) + close("d", "e")
    out["no last block"] = prelude([space("d", "c")]) + block("d", "c", b)
    out["closed twice"] = good + close("d", "c", b)
    out["not in the prelude"] = prelude([]) + block("d", "c", b) + close("d", "c", b)
    out["in the prelude and not behind it"] = prelude([space("d", "c"), space("d", "lost")]) + block("d", "c", b) + close("d", "c", b)
    out["an end without a checksum"] = prelude([space("d", "c")]) + block("d", "c", b) + bson.encode({"db": "d", "collection": "c", "EOF": True}) + END
    out["a checksum of 0"] = prelude([space("d", "c")]) + block("d", "c", b) + bson.encode({"db": "d", "collection": "c", "EOF": True, "CRC": Int64(0)}) + END
    out["an end that is no boolean"] = prelude([space("d", "c")]) + block("d", "c", b) + bson.encode({"db": "d", "collection": "c", "EOF": 1, "CRC": Int64(signed(crc64(b"".join(b))))}) + END
    out["format 0.2"] = prelude([space("d", "c")], version="0.2") + close("d", "c")
    out["metadata that are no JSON"] = prelude([space("d", "c", metadata=None) | {"metadata": "{indexes: []}"}]) + close("d", "c")
    out["an index without a key"] = prelude([space("d", "c", {"indexes": [{"v": 2, "key": {}, "name": "a_1"}]})]) + close("d", "c")
    out["documents without metadata"] = prelude([space("d", "c") | {"metadata": ""}]) + block("d", "c", b) + close("d", "c", b)
    out["an index list of another name"] = prelude([space("d", "c", {"options": {}, "inexes": [ID]})]) + close("d", "c")
    out["two indexes of one name"] = prelude([space("d", "c", {"indexes": [ID, {"v": 2, "key": {"a": 1}, "name": "x"}, {"v": 2, "key": {"b": 1}, "name": "x"}]})]) + close("d", "c")
    out["a namespace twice in the prelude"] = prelude([space("d", "c"), space("d", "c")]) + close("d", "c")
    out["a database that leads out"] = prelude([space("..", "c")]) + close("..", "c")
    out["a database with a slash"] = prelude([space("a/b", "c")]) + close("a/b", "c")
    out["a collection without a name"] = prelude([space("d", "")]) + close("d", "")
    out["an oplog that goes back"] = prelude([{"db": "", "collection": "oplog", "metadata": "", "size": 0, "type": ""}]) + block("", "oplog", [dumps.entry(BEGIN + 1, 1), dumps.entry(BEGIN, 1)]) + close(
        "", "oplog", [dumps.entry(BEGIN + 1, 1), dumps.entry(BEGIN, 1)])
    too_long = b"\x05x\0" + struct.pack("<i", 17 << 20) + b"\0" + b"\0" * (17 << 20)
    long_one = [struct.pack("<i", len(too_long) + 5) + too_long + b"\0"]
    out["a document of 17 MiB"] = prelude([space("d", "c")]) + block("d", "c", long_one) + close("d", "c", long_one)
    return out


def ask(place, paths):
    r = place.run("backup", "--json", "check", *paths)
    check(r.returncode in (0, 1) and not r.stderr, "exit %d: %s" % (r.returncode, r.stderr.decode(errors="replace")[:400]))
    got = json.loads(r.stdout or b"[]")
    check(len(got) == len(paths), "%d answers for %d backups" % (len(got), len(paths)))
    return got


def folders(place):
    """Folders as tools of other times write them: {what: path}."""
    out = {}

    def folder(what, **files):
        path = os.path.join(place.dir, "folder %d" % len(out))
        for name, data in files.pop("of").items():
            dumps.write(os.path.join(path, name), data)
        out[what] = path
    meta = json.dumps({"options": {}, "indexes": [ID]}).encode()
    folder("an empty collection", of={"d/c.bson": b"", "d/c.metadata.json": meta})
    folder("a view", of={"d/v.metadata.json": Collection("d", "v", options={"viewOn": "c", "pipeline": []}, kind="view").metadata.encode()})
    folder("every type of BSON", of={"d/c.bson": b"".join(TYPES), "d/c.metadata.json": meta})
    folder("system collections of old servers", of={"d/system.js.bson": bson.encode({"_id": "f", "value": 1}), "d/system.js.metadata.json": meta, "d/c.bson": b"", "d/c.metadata.json": meta,
                                                    "admin/system.users.bson": b"", "admin/system.users.metadata.json": meta, "admin/system.version.bson": bson.encode({"_id": "authSchema", "currentVersion": 5}),
                                                    "admin/system.version.metadata.json": meta})
    folder("users and roles of one database", of={"d/$admin.system.users.bson": b"", "d/$admin.system.roles.bson": b"", "d/c.bson": b"", "d/c.metadata.json": meta})
    folder("packed of many members", of={"d/c.bson.gz": gzip.compress(TYPES[0][:9]) + gzip.compress(TYPES[0][9:]) + gzip.compress(TYPES[1]), "d/c.metadata.json.gz": gzip.compress(meta)})
    folder("of old tools, without a prelude", of={"d/c.bson": TYPES[0], "d/c.metadata.json": json.dumps({"options": {"create": "c"}, "indexes": [{"v": 1, "key": {"_id": 1}, "name": "_id_", "ns": "d.c"}]}).encode()})
    packed = {"d/c.bson.gz": gzip.compress(TYPES[0]), "d/c.metadata.json.gz": gzip.compress(meta), "prelude.json.gz": gzip.compress(b'{"ServerVersion":"8.0.4","ToolVersion":"100.12.0"}')}
    folder("packed with an oplog, as mongodump calls it", of=dict(packed, **{"oplog.bson": gzip.compress(b"".join(dumps.oplog(BEGIN, 3)), mtime=0)}))
    folder("the same, by another gzip", of=dict(packed, **{"oplog.bson": gzip.compress(b"".join(dumps.oplog(BEGIN, 3)), mtime=1234567)}))
    folder("a time series", of={"d/s.metadata.json": Collection("d", "s", options={"timeseries": {"timeField": "t"}}, kind="timeseries").metadata.encode(), "d/system.buckets.s.bson": TYPES[0]})
    folder("views as collections", of={"d/v.bson": TYPES[0], "d/v.metadata.json": json.dumps({"options": {}, "indexes": [], "uuid": "", "collectionName": "v", "type": "view"}).encode()})
    folder("users, roles and settings", of={"admin/system.users.bson": TYPES[0], "admin/system.users.metadata.json": meta, "admin/system.roles.bson": b"", "admin/system.roles.metadata.json": meta,
                                            "admin/system.version.bson": TYPES[0], "admin/system.version.metadata.json": meta, "config/settings.bson": b"", "config/settings.metadata.json": meta, "d/c.bson": b"", "d/c.metadata.json": meta})
    folder("packed users of one database", of={"d/$admin.system.%s.bson.gz" % n: gzip.compress(TYPES[0]) for n in ("users", "roles", "version")} | {"d/c.bson.gz": gzip.compress(b""), "d/c.metadata.json.gz": gzip.compress(meta)})
    many = ["c%d" % i for i in range(300)]
    folder("300 collections", of={"d/%s.bson" % n: TYPES[0] for n in many} | {"d/%s.metadata.json" % n: meta for n in many})
    folder("of tools before 2.2", of={"d/system.indexes.bson": bson.encode({"v": 1, "key": {"_id": 1}, "ns": "d.c", "name": "_id_"}), "d/c.bson": TYPES[0]})
    folder("options alone, of tools before 3.0", of={"d/c.bson": b"", "d/c.metadata.json": b'{ "options" : { "create" : "c", "capped" : true, "size" : 4096 } }'})
    folder("the local database", of={"local/oplog.rs.bson": b"".join(dumps.oplog(BEGIN, 3)), "local/oplog.rs.metadata.json": b'{"options":{"capped":true,"size":{"$numberLong":"990"}},"indexes":[],"uuid":"","collectionName":"oplog.rs"}'})
    chain, lsid = [], {"id": bson.Binary(b"1" * 16, 4)}
    for i, o in enumerate(({"applyOps": [{"op": "i", "ns": "d.c", "o": {"_id": 1}}], "partialTxn": True}, {"applyOps": [{"op": "i", "ns": "d.c", "o": {"_id": 2}}], "prepare": True}, {"commitTransaction": 1, "commitTimestamp": Timestamp(BEGIN, 2)})):
        chain.append(bson.encode({"ts": Timestamp(BEGIN, i + 1), "t": Int64(1), "v": 2, "op": "c", "ns": "admin.$cmd", "o": o, "lsid": lsid, "txnNumber": Int64(1), "prevOpTime": {"ts": Timestamp(BEGIN if i else 0, i), "t": Int64(1 if i else -1)}}))
    folder("an oplog with a transaction in three entries", of={"d/c.bson": b"", "d/c.metadata.json": meta, "oplog.bson": b"".join(chain)})
    folder("a retried write that began before the oplog", of={"oplog.bson": bson.encode({"ts": Timestamp(BEGIN, 1), "op": "i", "ns": "d.c", "o": {"_id": 1}, "lsid": lsid, "txnNumber": Int64(2), "stmtId": 1, "prevOpTime": {"ts": Timestamp(BEGIN - 9, 2), "t": Int64(1)}})})
    folder("names with escapes, and without", of={"d/caf%C3%A9s%2Fx%25.bson": b"", "d/caf%C3%A9s%2Fx%25.metadata.json": json.dumps({"indexes": [ID], "collectionName": "cafés/x%"}).encode(), "d/b c.bson": b"", "d/b c.metadata.json": meta})
    folder("an oplog alone", of={"oplog.bson": b"".join(dumps.oplog(BEGIN, 3))})
    return out


with Place() as place:
    good, bad, lying = legal(), illegal(), folders(place)
    paths = [place.write("good/%d" % i, data) for i, (data, _) in enumerate(good.values())]
    for (what, (_, counts)), b in zip(good.items(), ask(place, paths)):
        check(b["usable"] and b["level"] == "L2" and b["kind"] == "mongodump-archive", "%s: called bad: %s %s" % (what, b["level"], b["problems"]))
        have = {c["ns"]: c["documents"] for c in b["collections"]}
        check(counts is None or have == counts, "%s: it holds %s" % (what, have))
    for what, b in zip(lying, ask(place, list(lying.values()))):
        check(b["usable"] and b["level"] == "L2" and b["kind"] == "mongodump-directory", "a folder, %s: called bad: %s %s" % (what, b["level"], b["problems"]))
    paths = [place.write("bad/%d.archive" % i, data) for i, data in enumerate(bad.values())]
    for what, b in zip(bad, ask(place, paths)):
        check(not b["usable"] and b["problems"], "%s: called good, %s" % (what, b["level"]))
    print("%d good ones and %d bad ones" % (len(good) + len(lying), len(bad)))
finish()
