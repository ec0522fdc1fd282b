#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that answers like pbm and restores by pymongo, for tests: no pbm, and not a part of one.

    pymongo_pbm.py STORE STATE HOW WORDS...

WORDS are pbm's: version; status, list, restore NAME [--replset-remapping=TO=FROM] and describe-restore NAME, each with --out=json. The
restore of a logical backup of STORE (not packed) is made while describe-restore is asked for the first time. STATE is a folder where
it keeps what was begun and each call. HOW is JSON by which a test has it go wrong: "status" and "list" change these answers, "end" is
the state in which the restore ends, "refuse" an error of restore, "then" Python that is run behind the restore with the client as c."""
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
STORE, STATE, HOW, WORDS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]


def held(name, rs):
    import dumps
    base = os.path.join(STORE, name, rs)
    with open(base + "/metadata.json") as f:
        spaces = json.load(f)["namespaces"]
    out = {}
    for s in spaces:
        path = "%s/%s.%s" % (base, s["db"], s["collection"])
        out["%s.%s" % (s["db"], s["collection"])] = (s["metadata"], list(dumps.documents_of(open(path, "rb").read())) if os.path.exists(path) else [])
    return out


def restore(client, begun):
    import bson  # loaded where they are needed only: pbm is asked often
    import dumps
    import pymongo_restore
    rs = next(iter(json.load(open("%s/%s.pbm.json" % (STORE, begun["snapshot"])))["replsets"]))["name"]
    pymongo_restore.restore(client, {"nsExclude": [], "nsInclude": []}, held(begun["snapshot"], rs))
    for path in sorted(glob.glob(os.path.join(STORE, begun["snapshot"], rs, "oplog", "*"))):
        for raw in dumps.documents_of(open(path, "rb").read()):
            pymongo_restore.apply(client, bson.decode(raw))


def answer():
    if WORDS == ["status", "--out=json"]:
        rs, host = re.search("replicaSet=([^&]+)", os.environ["PBM_MONGODB_URI"])[1], re.search("//(?:[^@]*@)?([^/]+)/", os.environ["PBM_MONGODB_URI"])[1]
        return dict({"backups": {"snapshot": []}, "cluster": [{"rs": rs, "nodes": [{"host": host, "agent": "v2.5.0", "role": "P", "ok": True}]}], "pitr": {"conf": False, "run": False}, "running": {}},
                    **HOW.get("status", {}))
    if WORDS == ["list", "--out=json"]:
        metas = [json.load(open(p)) for p in glob.glob(STORE + "/*.pbm.json")]
        return dict({"snapshots": [{"name": m["name"], "status": m["status"], "restoreTo": m["last_write_ts"]["T"], "pbmVersion": m["pbm_version"], "type": m["type"]} for m in metas], "pitr": {"on": False, "ranges": []}},
                    **HOW.get("list", {}))
    begun = os.path.join(STATE, "begun")
    if WORDS[0] == "restore" and "--out=json" in WORDS:
        if "refuse" in HOW:
            print(json.dumps({"Error": HOW["refuse"]}))
            sys.exit(1)
        with open(begun, "w") as f:
            json.dump({"name": "2026-11-26T20:00:00.000000001Z", "snapshot": WORDS[1], "asked": 0}, f)
        return {"name": "2026-11-26T20:00:00.000000001Z", "snapshot": WORDS[1]}
    if WORDS[0] == "describe-restore" and WORDS[2:] == ["--out=json"]:
        with open(begun) as f:
            it = json.load(f)
        if it["name"] != WORDS[1]:
            sys.exit(1)
        if it["asked"] == 0:
            import pymongo
            client = pymongo.MongoClient(os.environ["PBM_MONGODB_URI"], serverSelectionTimeoutMS=20000)
            restore(client, it)
            exec(HOW.get("then", ""), {"c": client})
        it["asked"] += 1
        with open(begun, "w") as f:
            json.dump(it, f)
        end = HOW.get("end", "done")
        return {"name": it["name"], "opid": "0" * 24, "backup": it["snapshot"], "type": "logical", "status": end if it["asked"] > 1 else "running", **({"error": "no space left"} if end == "error" and it["asked"] > 1 else {}), "replsets": []}
    raise SystemExit("words that are not pbm's here: %s" % WORDS)


with open(os.path.join(STATE, "calls"), "a") as f:
    f.write(json.dumps({"words": WORDS, "environment": sorted(os.environ)}) + "\n")
if WORDS == ["version"]:
    print("Version:   2.5.0, a stand-in of the tests")
else:
    print("a warning of its own", file=sys.stderr, flush=True)
    print(json.dumps(answer()))
