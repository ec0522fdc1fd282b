#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox schema` from outside: every probability against the npm package mongodb-schema on generated collections and on real
dumps; the same documents as BSON and in every form of JSON; damaged files; bounds; drift; a live collection of the simulator."""
import datetime
import gzip
import json
import os
import random
import resource
import struct
import subprocess
import sys

import bson
from bson import json_util
import pymongo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outside import PROGRAM, SANITIZED, Place, check, finish, npm_package, one_sentence, simulator, skip, wait_until

ORACLE = os.path.join(os.getcwd(), "tests/support/schema_oracle.js")
DATA = os.environ.get("SIGNALBOX_TEST_DATA", os.path.join(os.getcwd(), "../shared/data"))
CANONICAL = json_util.CANONICAL_JSON_OPTIONS
RELAXED = json_util.RELAXED_JSON_OPTIONS


# ---- generated collections ----

def leaf(r):
    return r.choice([
        lambda: r.randrange(-5, 5), lambda: bson.Int64(r.randrange(1 << 40)), lambda: r.randrange(40) / 4, lambda: r.choice(["", "a", "ä€", "x" * 40, str(r.random())]),
        lambda: None, lambda: r.random() < 0.5, lambda: bson.ObjectId(bytes(r.randrange(256) for _ in range(12))),
        lambda: datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=r.randrange(50)), lambda: bson.Binary(bytes(r.randrange(128) for _ in range(3)), 0),
        lambda: bson.Decimal128(str(r.randrange(9))), lambda: bson.Timestamp(r.randrange(1, 9), 1), lambda: bson.Regex("a+%d" % r.randrange(3), "i"),
        lambda: bson.Code("f(%d)" % r.randrange(3)), lambda: bson.Code("g()", {"x": 1}), lambda: bson.MinKey(), lambda: bson.MaxKey(),
    ])()


def value(r, depth):
    n = r.random()
    if depth < 4 and n < 0.2:
        return {name: value(r, depth + 1) for name in r.sample(["a", "b", "c", "x.y", "$v", "", "ä", "A", "0"], r.randrange(4))}
    if depth < 4 and n < 0.4:
        return [value(r, depth + 1) for _ in range(r.randrange(4))]
    return leaf(r)


def collection(seed, n):
    r = random.Random(seed)
    names = ["a", "b", "B", "deep", "list", "n.m", "$t", "", "weird name", "été", "k%d" % seed]
    documents = []
    for i in range(n):
        d = {"_id": bson.ObjectId(bytes([seed % 256]) * 8 + struct.pack(">I", i))}
        for name in names:
            if r.random() < 0.7:
                d[name] = value(r, 0)
        d["steady"] = {"x": r.randrange(3), "y": [{"z": r.random()} for _ in range(r.randrange(3))]}
        documents.append(d)
    return documents


def as_bson(documents):
    return b"".join(bson.encode(d) for d in documents)


# ---- our answer, and the package's ----

def schema(place, *words, status=0, stdin=None):
    r = place.run("schema", "--json", *words, **({"input": stdin, "stdin": None} if stdin is not None else {}))
    if not check(r.returncode == status, "schema %s: exit %d, not %d: %s" % (" ".join(words), r.returncode, status, r.stderr.decode(errors="replace")[:300])):
        return {"fields": [], "documents": None, "sampled": None, "coverage": {}, "warnings": [], "sensitive": []}
    return json.loads(r.stdout)


def types_of(types):
    return sorted((t["type"], round(t["probability"], 12), types_of(t.get("types", []))) for t in types)


def fields_of(answer):
    return {"%d %s" % (f.get("arrays", 0), json.dumps(f["names"], ensure_ascii=False, separators=(",", ":"))): f for f in answer["fields"]}


def against_oracle(modules, place, path, duplicates, what):
    r = subprocess.run(["node", ORACLE, modules, path], capture_output=True, timeout=120)
    if not check(r.returncode == 0, "%s: the oracle failed: %s" % (what, r.stderr.decode()[-500:])):
        return
    theirs, ours = json.loads(r.stdout), schema(place, path)
    check(ours["documents"] == theirs["count"], "%s: %s documents, not %s" % (what, ours["documents"], theirs["count"]))
    mine = fields_of(ours)
    check(sorted(mine) == sorted(theirs["fields"]), "%s: other fields: %s" % (what, sorted(set(mine) ^ set(theirs["fields"]))[:5]))
    for key, t in theirs["fields"].items():
        f = mine.get(key)
        if not f:
            continue
        check(abs(f["probability"] - t["probability"]) < 1e-9, "%s: %s: probability %r, not %r" % (what, key, f["probability"], t["probability"]))
        check(types_of(f["types"]) == types_of(t["types"]), "%s: %s: types %r, not %r" % (what, key, types_of(f["types"]), types_of(t["types"])))
        if duplicates:
            check(f["has_duplicates"] == t["has_duplicates"], "%s: %s: has_duplicates is %r" % (what, key, f["has_duplicates"]))


def oracle(place):
    modules = npm_package("mongodb-schema", "mongodb-schema@12.7")
    if not modules:
        return
    for seed, n in ((1, 60), (2, 80), (3, 700)):
        # of more than 100 texts the package compares 100, drawn by lot
        against_oracle(modules, place, place.write("seed%d.bson" % seed, as_bson(collection(seed, n))), n <= 80, "seed %d" % seed)
    dumps = [os.path.join(folder, f) for folder, _, files in os.walk(os.path.join(DATA, "backups")) for f in files if f.endswith(".bson")]
    if not dumps:
        skip("schema of real dumps: %s is not here" % os.path.join(DATA, "backups"))
    for path in dumps:
        against_oracle(modules, place, path, True, os.path.basename(path))


# ---- the same documents in every form ----

def forms(place):
    documents = collection(4, 120)
    want = schema(place, place.write("all/forms.bson", as_bson(documents)))
    check(want["ns"] == "all.forms", "the name of a dump's collection is %s" % want["ns"])
    lines = [json_util.dumps(d, json_options=CANONICAL) for d in documents]
    texts = {
        "lines.json": "\n".join(lines), "lines-crlf.json": "\r\n".join(lines) + "\r\n", "bom.json": "\ufeff" + "\n".join(lines), "array.json": "[" + ",\n".join(lines) + "]",
        "pretty.json": "\n".join(json.dumps(json.loads(x), indent=4) for x in lines), "joined.json": "".join(lines),
        "pretty-array.json": json.dumps([json.loads(x) for x in lines], indent=2), "arrays.json": "[%s]\n[%s]" % (",".join(lines[:50]), ",".join(lines[50:])),
    }
    for name, text in texts.items():
        got = schema(place, place.write(name, text))
        check(got["fields"] == want["fields"], "%s: other fields than of BSON" % name)
    for name, data in (("forms.bson.gz", as_bson(documents)), ("forms.json.gz", "\n".join(lines).encode())):
        check(schema(place, place.write(name, gzip.compress(data)))["fields"] == want["fields"], "%s: other fields than of BSON" % name)
    check(schema(place, "-", stdin="\n".join(lines).encode())["fields"] == want["fields"], "standard input: other fields than of BSON")
    relaxed = fields_of(schema(place, place.write("relaxed.json", "\n".join(json_util.dumps(d, json_options=RELAXED) for d in documents))))
    for key, f in fields_of(want).items():
        check(relaxed.get(key, {}).get("count") == f["count"], "relaxed JSON: %s is there %s times, not %d" % (key, relaxed.get(key, {}).get("count"), f["count"]))
    several = place.run("schema", "--json", "all/forms.bson", "lines.json")
    check([json.loads(x)["ns"] for x in several.stdout.splitlines()] == ["all.forms", "lines"], "two files are not two answers: %s" % several.stdout[:200])


# ---- damage ----

def damage(place):
    documents = [bson.encode({"_id": i, "a": "x"}) for i in range(10)]
    bad = bytearray(documents[4])
    bad[4] = 0x55
    r = place.run("schema", "--json", place.write("bad.bson", b"".join(documents[:4]) + bytes(bad) + b"".join(documents[5:])))
    one_sentence(r, 0, "bad.bson: byte %d" % (sum(map(len, documents[:4])) + 4), "1 damaged document was left out")
    answer = json.loads(r.stdout)
    check((answer["documents"], answer["coverage"]["damaged"]) == (9, 1), "bad.bson: %r" % answer["coverage"])
    for name, data, parts, told in (
            ("cut.bson", b"".join(documents)[:-3], ("cut.bson: byte %d" % sum(map(len, documents[:9])), "ends within"), 9),
            ("length.bson", documents[0] + b"\x02\x00\x00\x00" + documents[1], ("byte %d" % len(documents[0]), "length is impossible"), 1),
            ("cut.bson.gz", gzip.compress(os.urandom(0) + as_bson(collection(5, 400)))[:-2000], ("damaged or cut off",), None),
            ("cut.json", '{"a":1}\n{"a":2}\n{"a": [1, 2', ("cut.json:3:1", "ends within"), 2),
            ("array.json", '[{"a":1},\n{"a":2},\n', ("array.json:3:1", "ends within an array"), 2)):
        r = place.run("schema", "--json", place.write(name, data))
        one_sentence(r, 2, *parts)
        if told is not None:
            answer = json.loads(r.stdout)
            check((answer["documents"], answer["coverage"]["how"], answer["coverage"]["cut"]) == (told, "part", True), "%s: %r told" % (name, answer["coverage"]))
            check(b"cannot be read" in place.run("schema", name).stdout, "%s: the text does not say that it is a part" % name)
    for name, text, where, left, damaged in (
            ("value.json", '{"a":1}\n{"a": tru}\n{"a":3}\n', "value.json:2:7", 2, 1),
            ("number.json", '{"a":1}\n  {"a": 01}\n{"a":3}', "number.json:2:9", 2, 1),
            ("brace.json", '{"a":1}\n{"a":{"b":2}\n{"a":3}\n{"a":4}', "brace.json:3:1", 3, 1),
            ("string.json", '{"a":1}\n{"a":"x\ny"}\n{"a":3}', "string.json:2:6", 2, 1),
            ("wrapper.json", '{"a":1}\n{"a":{"$oid":"xyz"}}\n{"a":3}', "wrapper.json:2", 2, 1),
            ("between.json", '{"a":1}\nnonsense\n{"a":3}', "between.json:2:1", 2, 1),
            ("pretty.json", '{\n  "a": 1\n}\n{\n  "a": ]\n}\n{\n  "a": 3\n}\n', "pretty.json:5:8", 2, 1),
            ("indented.json", '[\n  {\n    "a": 1\n  },\n  {\n    "a": }\n  },\n  {\n    "a": 3\n  }\n]\n', "indented.json:6:10", 2, 1),
            ("utf8.json", b'{"a":1}\n{"\xff":2}\n{"a":3}', "utf8.json:2:2", 2, 1),
            ("deep.json", '{"a":1}\n' + '{"a":' * 300 + "1" + "}" * 300 + '\n{"a":3}', "deep.json:2", 2, 1)):
        r = place.run("schema", "--json", place.write(name, text))
        one_sentence(r, 0, where, "left out")
        answer = json.loads(r.stdout)
        check(answer["documents"] == left, "%s: %d documents, not %d" % (name, answer["documents"], left))
        check(answer["coverage"]["damaged"] == damaged, "%s: %d damaged, not %d" % (name, answer["coverage"]["damaged"], damaged))
    for name, data, part in (("log.txt", "hello\n", "neither BSON documents nor JSON"), ("dump.archive", b"\x6d\xe2\x99\x81" + b"\0" * 50, "archive of mongodump")):
        one_sentence(place.run("schema", place.write(name, data)), 2, name, part)
    one_sentence(place.run("schema", "nowhere.bson"), 2, "nowhere.bson")
    one_sentence(place.run("schema", "shop.orders"), 2, "no file shop.orders", "nothing to connect to")
    one_sentence(place.run("schema", "."), 2, "folder")
    one_sentence(place.run("schema"), 2, "collection or files")
    check(schema(place, place.write("empty.json", ""))["documents"] == 0, "an empty file has documents")


# ---- bounds ----

def limited(place, path):
    """The answer, and the peak of memory in MiB."""
    p = subprocess.Popen([PROGRAM, "schema", "--json", path], stdout=subprocess.PIPE, env=place.env)
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    check(status == 0, "%s: ended with %d" % (path, status))
    return json.loads(out), usage.ru_maxrss / 1024


def bounds(place):
    strangers = b"".join(bson.encode({"_id": i, "kept": 1, "by_user": {"u%x" % (i * 20 + k): k for k in range(20)}}) for i in range(5000))
    answer, _ = limited(place, place.write("map.bson", strangers))
    check(sorted(f["path"] for f in answer["fields"]) == ["_id", "by_user", "by_user.*", "kept"], "100,000 names are not folded: %d fields" % len(answer["fields"]))
    star = fields_of(answer)['0 ["by_user","*"]']
    check(star["count"] == 100000 and star["probability"] == 1 and star["types"][0]["type"] == "int", "the folded field: %r" % star)
    # names that are words, in every document, and all different: nothing to fold, more than is kept
    groups = {"g%s" % chr(97 + g): {"w%s" % "".join(chr(97 + (n // 26 ** p) % 26) for p in range(4)): n % 7 for n in range(g * 4000, g * 4000 + 4000)} for g in range(25)}
    mixed = {g: {k: (v if v % 3 else str(v) if v % 2 else [v]) for k, v in names.items()} for g, names in groups.items()}
    answer, peak = limited(place, place.write("wide.bson", bson.encode(mixed) * 3))
    check(any(w["code"] == "too_many_fields" for w in answer["warnings"]), "100,000 fields: %d are told, and nothing is said" % len(answer["fields"]))
    check(len(answer["fields"]) <= 40000, "100,000 fields: %d are told" % len(answer["fields"]))
    if not SANITIZED:
        check(peak < 400, "100,000 fields took %d MiB" % peak)
    text = '{"a":' * 200 + "1" + "}" * 200
    for name, data in (("deep.bson", nested_bson(200)), ("deep.json", text)):
        answer, _ = limited(place, place.write(name, data))
        check(len(answer["fields"]) == 200, "%s: %d fields, not 200" % (name, len(answer["fields"])))
        check(any(w["code"] == "deep_nesting" for w in answer["warnings"]), "%s: nothing is said of 200 levels" % name)
    long_names = as_bson([{"_id": i, "n" * 10240 + str(i % 2): i} for i in range(4)])
    answer, _ = limited(place, place.write("names.bson", long_names))
    check(sorted(f["count"] for f in answer["fields"]) == [2, 2, 4], "names of 10 KiB that differ at their end: %r" % [f["count"] for f in answer["fields"]])
    big = bson.encode({"_id": 1, "blob": "x" * (16 << 20)})
    answer, peak = limited(place, place.write("big.bson", big * 3))
    check(answer["documents"] == 3 and any(w["code"] == "large_documents" for w in answer["warnings"]), "documents of 16 MiB: %r" % answer["warnings"])
    if not SANITIZED:
        check(peak < 200, "three documents of 16 MiB took %d MiB" % peak)
    twice = b"\x15\x00\x00\x00\x10a\x00\x01\x00\x00\x00\x10a\x00\x02\x00\x00\x00\x00"
    twice = struct.pack("<i", len(twice)) + twice[4:]
    answer, _ = limited(place, place.write("twice.bson", twice))
    check(answer["fields"][0]["probability"] == 1 and answer["warnings"][0]["code"] == "repeated_names", "a name that is there twice: %r" % answer)


def nested_bson(levels):
    inner = b"\x10a\x00\x01\x00\x00\x00"
    for _ in range(levels - 1):
        inner = b"\x03a\x00" + struct.pack("<i", len(inner) + 5) + inner + b"\x00"
    return struct.pack("<i", len(inner) + 5) + inner + b"\x00"


# ---- what is said about them ----

def findings(place):
    r = random.Random(6)
    documents = []
    for i in range(300):
        d = {"_id": i, "mail": "u%d@example.org" % i, "tel": "+49 30 %07d" % r.randrange(10 ** 7), "pan": r.choice(["4111 1111 1111 1111", "5500-0000-0000-0004"]),
             "pan_number": bson.Int64(4111111111111111), "account": "DE89370400440532013000", "from": "10.0.%d.%d" % (i % 256, i % 7), "ssn": "123-45-%04d" % i,
             "nothing": "plain %d" % i, "customer_name": "Ann", "when": "2026-%02d-11T10:00:00Z" % (i % 12 + 1), "amount": "%d.50" % i, "zip": "01%03d" % i,
             "mixed": i if i % 10 else str(i), "number": i if i % 2 else i / 2, "tags": ["a"] if i % 2 else "a", "many": list(range(1500 if i == 7 else 2)),
             "days": {"2026-11-%02d" % (k % 28 + 1): k for k in range(i, i + 3)}, "lastName": "B", "ref": "%024x" % i}
        d["shop"] = {"name": "S%d" % (i % 4), "city": "C%d" % (i % 4), "open": i % 4 > 1}
        d["own"] = {"name": "S%d" % i, "city": "C%d" % (i % 4), "open": i % 4 > 1}
        if i % 3 == 0:
            d["customerName"] = "Bob"
        if i % 4 == 0:
            d["maybe"] = None if i % 8 else 5
        documents.append(d)
    answer = schema(place, place.write("find.bson", as_bson(documents)))
    codes = {(f["path"], w["code"]) for f in answer["fields"] for w in f["warnings"]}
    for want in (("mixed", "mixed_types"), ("number", "mixed_numbers"), ("tags", "array_or_single"), ("many", "unbounded_array"), ("when", "dates_in_strings"),
                 ("amount", "numbers_in_strings"), ("ref", "ids_in_strings"), ("customerName", "naming_twins"), ("maybe", "null_and_missing"), ("days.*", "keys_as_data"), ("shop", "repeated_objects")):
        check(want in codes, "%s: no %s is found" % want)
    for path in ("nothing", "zip", "customer_name", "_id", "own"):
        check(not [c for p, c in codes if p == path], "%s: %s is found" % (path, [c for p, c in codes if p == path]))
    kinds = {s["path"]: s["kind"] for s in answer["sensitive"]}
    want = {"mail": "email", "tel": "phone", "pan": "card number", "pan_number": "card number", "account": "iban", "from": "ip address", "ssn": "national id", "lastName": "name"}
    check(kinds == want, "personal data: %r, not %r" % (kinds, want))
    text = place.run("schema", "find.bson").stdout.decode()
    for secret in ("4111", "DE8937", "example.org", '"B"'):
        check(secret not in text and secret not in json.dumps(answer), "the value %s of personal data is shown" % secret)
    check(max(map(len, text.splitlines())) <= 80, "a line of %d cells" % max(map(len, text.splitlines())))
    hostile = place.write("hostile.bson", bson.encode({"_id": 1, "\x1b[2J\u202eevil": "\x1b]0;x\x07", "k": "\x1b[31m"}) * 9)
    for words in (("schema", hostile), ("schema", "--json", hostile)):
        out = place.run(*words).stdout.decode()
        check(all(c.isprintable() or c == "\n" for c in out) and "\u202e" not in out, "control characters in %s" % " ".join(words[:-1]))


def drift(place):
    before = [{"_id": i, "a": 1, "b": "x", "gone": 1, "c": 1} for i in range(200)]
    now = [dict({"_id": i, "a": 1 if i % 2 else "1", "b": "x", "new": {"x": 1}}, **({"c": 1} if i % 2 else {})) for i in range(200)]
    place.write("before.bson", as_bson(before))
    place.write("now.bson", as_bson(now))
    place.write("before.json.answer", place.run("schema", "--json", "before.bson").stdout)
    r = place.run("schema", "--json", "--against", "before.json.answer", "now.bson")
    check(r.returncode == 1, "drift: exit %d, not 1" % r.returncode)
    d = json.loads(r.stdout)["drift"]
    check([(e["path"], e["sure"]) for e in d["appeared"]] == [("new", True)], "appeared: %r" % d["appeared"])
    check([e["path"] for e in d["vanished"]] == ["gone"], "vanished: %r" % d["vanished"])
    check([(e["path"], e["appeared"], e["vanished"]) for e in d["types"]] == [("a", ["string"], [])], "types: %r" % d["types"])
    check([(e["path"], e["before"], e["now"]) for e in d["presence"]] == [("c", 1.0, 0.5)], "presence: %r" % d["presence"])
    check(place.run("schema", "--against", "before.json.answer", "before.bson").returncode == 0, "a file drifts from itself")
    one_sentence(place.run("schema", "--against", place.write("other.json", "{}"), "now.bson"), 2, "other.json")
    one_sentence(place.run("schema", "--against", place.write("broken.json", "{"), "now.bson"), 2, "broken.json:1")


# ---- indexes ----

def indexes_of(answer):
    return sorted((w["code"], w["message"].split()[1].rstrip(":")) for w in answer["warnings"] if "index" in w["code"] or w["code"] == "ttl_without_date")


SPECS = [[("here", 1)], [("there.not", 1)], [("many.x", 1)], [("few.x", -1)], [("when", 1)], [("days.2026-11-01", 1)], [("old", 1)]]
WANTED = sorted([("index_on_missing_field", "there.not_1"), ("index_on_long_array", "many.x_1"), ("ttl_without_date", "old_1")])


def indexed():
    return [{"_id": i, "here": i, "there": {"is": 1}, "many": [{"x": k} for k in range(300 if i == 9 else 1)], "few": [{"x": 1}] if i % 2 else {"x": 1},
             "when": datetime.datetime(2026, 1, 1), "old": "2026-01-01" if i % 3 else datetime.datetime(2026, 1, 1),
             "days": {"2026-11-%02d" % (k + 1): 1 for k in range(i % 28, i % 28 + 1)}} for i in range(100)]


def indexes(place):
    place.write("dump/shop/idx.bson", as_bson(indexed()))
    specs = [{"v": 2, "key": dict(keys), "name": "%s_%d" % keys[0], **({"expireAfterSeconds": 60} if keys[0][0] in ("when", "old") else {})} for keys in [[("_id", 1)]] + SPECS]
    place.write("dump/shop/idx.metadata.json", json_util.dumps({"options": {}, "indexes": specs, "collectionName": "idx"}))
    check(indexes_of(schema(place, "dump/shop/idx.bson")) == WANTED, "the indexes of a dump: %r" % indexes_of(schema(place, "dump/shop/idx.bson")))


def live_indexes(place, client, uri):
    coll = client.lab.get_collection("idx", write_concern=pymongo.WriteConcern(w=3))
    coll.insert_many(indexed())
    for keys in SPECS:
        coll.create_index(keys, **({"expireAfterSeconds": 10 ** 9} if keys[0][0] in ("when", "old") else {}))
    wait_until("the indexes on every member", lambda: all(len(pymongo.MongoClient(*m, directConnection=True).lab.idx.index_information()) == 8 for m in client.nodes))
    got = indexes_of(schema(place, "lab.idx", "--uri-file", uri, "--sample", "0"))
    check(got == WANTED, "the indexes of a collection: %r" % got)


def live_crowd(place, client, uri):
    """A collection a day is told, once there are a thousand; without its databases' figures nothing is."""
    def told():
        return [w["message"] for w in schema(place, "lab.idx", "--uri-file", uri)["warnings"] if w["code"] == "many_collections"]
    for i in range(999):
        client.days.create_collection("log_%d" % i)
    check(told() == [], "fewer than a thousand collections are told: %r" % told())
    client.days.create_collection("log_999")
    client.days.create_collection("view", viewOn="log_1", pipeline=[])
    wait_until("the collections on every member", lambda: all(len(pymongo.MongoClient(*m, directConnection=True).days.list_collection_names()) >= 1001 for m in client.nodes))
    check(len(told()) == 1 and "1000 of days differ" in told()[0] and "(log_#)" in told()[0] and "with 10" in told()[0], "a crowd of collections: %r" % told())


# ---- a validator ----

def offenders():
    """Documents of which 9 do not do what the others do, and which they are."""
    documents = [{"_id": i, "s": "x", "n": i if i % 2 else i / 4, "o": {"a": 1, "b": [{"c": "y"}]}, "null": None, "mixed": 1 if i % 2 else "1", "d.e": 1} for i in range(1000)]
    documents[3]["s"] = 5
    documents[4]["n"] = "4"
    del documents[5]["s"]
    documents[6]["o"]["b"][0]["c"] = 7
    documents[7]["o"]["b"] = "no array"
    documents[8]["o"] = None
    del documents[9]["o"]["a"]
    documents[10]["mixed"] = True
    documents[11]["o"]["b"].append("no object")
    documents[12]["rare"] = 1
    documents[13]["null"] = 5
    return documents, set(range(3, 12))


def validator(place):
    documents, wrong = offenders()
    answer = schema(place, place.write("valid.bson", as_bson(documents)), "--validator")["validator"]
    check(answer["dry_run"]["offenders"] == len(wrong), "a dry run finds %s offenders, not %d: %r" % (answer["dry_run"]["offenders"], len(wrong), answer["rules"]))
    check({json.loads(x)["_id"] for x in answer["dry_run"]["sample"]} <= wrong, "a dry run names others: %r" % answer["dry_run"]["sample"])
    check(sum(x["offenders"] for x in answer["rules"]) == len(wrong), "the rules' offenders: %r" % answer["rules"])
    proposed = answer["proposed"]["$jsonSchema"]
    check("required" in proposed and "_id" not in proposed["required"] and "d.e" not in json.dumps(proposed), "proposed: %r" % proposed)
    check(not proposed["properties"].get("null") and "rare" not in proposed["properties"], "proposed on thin evidence: %r" % proposed["properties"])
    text = place.run("schema", "--validator", "valid.bson").stdout.decode()
    check("9 of 1000 documents" in text and "warn" in text, "the text of a dry run: %s" % text[-600:])


def live_validator(place, client, uri):
    """The server's own reading of the proposal finds the same documents as ours."""
    documents, wrong = offenders()
    documents = [{k: v for k, v in d.items() if "." not in k} for d in documents]
    client.lab.get_collection("valid", write_concern=pymongo.WriteConcern(w=3)).insert_many(documents)
    answer = schema(place, "lab.valid", "--uri-file", uri, "--sample", "0", "--validator")["validator"]
    check(answer["dry_run"]["offenders"] == len(wrong), "live, a dry run finds %r, not %d" % (answer["dry_run"], len(wrong)))
    check({json.loads(x)["_id"] for x in answer["dry_run"]["sample"]} <= wrong, "live, a dry run names others: %r" % answer["dry_run"]["sample"])
    check("existing" not in answer, "a validator that is not there: %r" % answer.get("existing"))
    client.lab.command("collMod", "valid", validator={"$jsonSchema": {"required": ["rare"]}}, validationLevel="moderate", validationAction="warn")
    wait_until("the validator on every member", lambda: all(
        "validator" in pymongo.MongoClient(*m, directConnection=True).lab.valid.options() for m in client.nodes))
    answer = schema(place, "lab.valid", "--uri-file", uri, "--validator")["validator"]
    check((answer["existing"]["level"], answer["existing"]["action"], answer["existing"]["dry_run"]["offenders"]) == ("moderate", "warn", 999), "its own: %r" % answer["existing"])


# ---- a live collection ----

def live(place):
    documents = collection(7, 1500)
    plain = [{"_id": d["_id"], "steady": d["steady"], "i": i, "text": "t%d" % (i % 9)} for i, d in enumerate(documents)]
    want = schema(place, place.write("live.bson", as_bson(plain)))
    with simulator("--scenario", "calm", "--seed", "3") as (ready, _):
        client = pymongo.MongoClient(ready["uri"])
        client.lab.get_collection("plain", write_concern=pymongo.WriteConcern(w=3)).insert_many(plain)
        client.lab.get_collection("strings", write_concern=pymongo.WriteConcern(w=3)).insert_many([{"_id": "s%04d" % i, "v": i} for i in range(1200)])
        uri = place.write("uri", ready["uri"] + "\n")
        whole = schema(place, "lab.plain", "--uri-file", uri, "--sample", "0")
        check((whole["documents"], whole["sampled"], whole["coverage"]["how"]) == (1500, 1500, "all"), "all of it: %r" % whole["coverage"])
        check(whole["fields"] == want["fields"], "a walk through all of it sees other fields than the file has")
        check(whole["coverage"]["member"] in ready["members"][1:], "a secondary was there, and %s was read" % whole["coverage"]["member"])
        some = schema(place, "lab.plain", "--sample", "200", "--uri-file", uri)
        check((some["documents"], some["sampled"], some["coverage"]["how"]) == (1500, 200, "sample"), "a sample: %r" % some["coverage"])
        check(all(f["interval"][0] <= f["probability"] <= f["interval"][1] for f in some["fields"]), "a share outside its interval")
        strings = schema(place, "lab.strings", "--sample", "0", "--uri-file", uri)
        check(strings["sampled"] == 1200, "ids that are strings: %d of 1200 were walked" % strings["sampled"])
        text = place.run("schema", "lab.plain", env={"SIGNALBOX_URI": ready["uri"]})
        check(text.returncode == 0 and b"1,000 of 1,500 documents" in text.stdout, "by SIGNALBOX_URI: %s %s" % (text.stdout[:200], text.stderr[:200]))
        live_validator(place, client, uri)
        live_indexes(place, client, uri)
        live_crowd(place, client, uri)
        one_sentence(place.run("schema", "lab.nothing", "--uri-file", uri), 2, "no collection lab.nothing")
        one_sentence(place.run("schema", "nodot", "--uri-file", uri), 2, "database.collection")
        client.close()
    gone = place.write("gone", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300\n")
    r = place.run("schema", "lab.plain", "--uri-file", gone)
    check(r.returncode == 3, "a server out of reach: exit %d: %s" % (r.returncode, r.stderr[:200]))


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Place() as place:
        for part in (oracle, forms, damage, bounds, findings, drift, indexes, validator, live):
            part(place)
    finish()


if __name__ == "__main__":
    main()
