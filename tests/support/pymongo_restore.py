#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that restores by pymongo, for tests: no mongorestore, and not a part of one. It takes the words of mongorestore's command
line that the program gives to a restorer, and does what they mean: --config=FILE with {"uri"}, --dir=DIR or --archive=FILE, --gzip,
--nsInclude=, --nsExclude= (DB.*), --stopOnError, --oplogReplay, --oplogLimit=SECONDS:ORDINAL. And one of its own, by which a test has it
go wrong: --then=PYTHON, run behind the restore with the client as c. Anything else is refused."""
import glob
import gzip
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
import dumps
import pymongo
from bson import json_util
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

KNOWN = ("config", "dir", "archive", "gzip", "nsInclude", "nsExclude", "stopOnError", "oplogReplay", "oplogLimit", "version", "then")


def words():
    out = {"nsExclude": [], "nsInclude": []}
    for word in sys.argv[1:]:
        name, _, value = word[2:].partition("=")
        if not word.startswith("--") or name not in KNOWN:
            raise SystemExit("unknown option %s" % word)
        if name in ("nsExclude", "nsInclude"):
            out[name].append(value[:-1])
        else:
            out[name] = value or True
    return out


def of_folder(path, packed):
    """{"db.collection": (metadata, documents)}"""
    end, read = (".gz", lambda p: gzip.decompress(open(p, "rb").read())) if packed else ("", lambda p: open(p, "rb").read())
    out = {}
    for file in sorted(glob.glob(os.path.join(path, "*", "*.metadata.json" + end))):
        name = urllib.parse.unquote(os.path.basename(file)[:-len(".metadata.json" + end)])
        data = file[:-len(".metadata.json" + end)] + ".bson" + end
        out["%s.%s" % (os.path.basename(os.path.dirname(file)), name)] = (read(file).decode(), list(dumps.documents_of(read(data))) if os.path.exists(data) else [])
    return out


def of_archive(path, packed):
    data = open(path, "rb").read()
    there, prelude = dumps.read_archive(gzip.decompress(data) if packed else data)
    spaces = [bson.decode(p) for p in prelude[1:]]
    return {"%s.%s" % (s["db"], s["collection"]): (s["metadata"], there.get("%s.%s" % (s["db"], s["collection"]), [])) for s in spaces if s["db"]}


def restore(client, given, held=None):
    held = held if held is not None else of_archive(given["archive"], given.get("gzip")) if "archive" in given else of_folder(given["dir"], given.get("gzip"))
    n = 0
    for ns, (text, documents) in sorted(held.items(), key=lambda h: '"viewOn"' in h[1][0]):
        if any(ns.startswith(x) for x in given["nsExclude"]) or (given["nsInclude"] and not any(ns.startswith(x) for x in given["nsInclude"])):
            continue
        db, name = ns.split(".", 1)
        about = json_util.loads(text)
        client[db].command("create", name, **about.get("options", {}))
        for i in range(0, len(documents), 1000):
            client[db].command("insert", name, documents=[RawBSONDocument(d) for d in documents[i:i + 1000]], bypassDocumentValidation=True)
        n += len(documents)
        indexes = [{k: v for k, v in i.items() if k not in ("v", "ns")} for i in about["indexes"] if i["name"] != "_id_"]
        if indexes:
            client[db].command("createIndexes", name, indexes=indexes)
    print("%d document(s) restored successfully. 0 document(s) failed to restore." % n, file=sys.stderr)


def apply(client, op):
    db, _, name = op["ns"].partition(".")
    o = op["o"]
    if op["op"] == "i":
        client[db][name].replace_one({"_id": o["_id"]}, o, upsert=True)
    elif op["op"] == "d":
        client[db][name].delete_one(o)
    elif op["op"] == "u" and o.get("$v") == 2:
        change = {}
        for key, how in (("u", "$set"), ("i", "$set"), ("d", "$unset")):
            for field, value in o["diff"].get(key, {}).items():
                change.setdefault(how, {})[field] = value
        client[db][name].update_one(op["o2"], change)
    elif op["op"] == "u":
        o.pop("$v", None)
        (client[db][name].update_one if any(k.startswith("$") for k in o) else client[db][name].replace_one)(op["o2"], o)
    elif op["op"] == "c" and "applyOps" in o:
        for inner in o["applyOps"]:
            apply(client, inner)
    elif op["op"] == "c" and "create" in o:
        client[db].create_collection(o["create"])
    elif op["op"] == "c" and "createIndexes" in o:
        client[db].command("createIndexes", o["createIndexes"], indexes=[{k: v for k, v in o.items() if k not in ("createIndexes", "v")}])
    elif op["op"] != "n":
        raise SystemExit("an entry that is not known here: %s" % op)


def replay(client, given):
    limit = given.get("oplogLimit")
    until = Timestamp(*map(int, limit.split(":"))) if limit else None
    n = 0
    for raw in dumps.documents_of(open(os.path.join(given["dir"], "oplog.bson"), "rb").read()):
        op = bson.decode(raw)
        if until and op["ts"] >= until:
            break
        apply(client, op)
        n += 1
    print("applied %d oplog entries" % n, file=sys.stderr)


def main():
    given = words()
    if given.get("version"):
        print("pymongo_restore, a stand-in of the tests, no mongorestore")
        return
    with open(given["config"]) as f:
        client = pymongo.MongoClient(json.load(f)["uri"], serverSelectionTimeoutMS=20000)
    (replay if given.get("oplogReplay") else restore)(client, given)
    exec(given.get("then", ""), {"c": client})


if __name__ == "__main__":
    main()
