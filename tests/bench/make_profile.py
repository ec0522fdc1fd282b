#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_profile.py FILE DOCUMENTS: documents of system.profile as BSON, of 60 shapes on 8 collections, a seeded mix."""
import datetime
import random
import sys

import bson

path, wanted = sys.argv[1], int(sys.argv[2])
rng = random.Random(60)
at = datetime.datetime(2026, 11, 23, 9, 0, 0)
shapes = []
for n in range(60):
    fields = rng.sample(range(9), 3)
    shapes.append((n % 8, fields, rng.random() < 0.4, rng.choice(["COLLSCAN", "COLLSCAN", "IXSCAN { f0: 1 }"])))
block = []
for i in range(20000):
    coll, fields, sort, plan = rng.choice(shapes)
    command = {"find": "c%d" % coll, "filter": {"f%d" % fields[0]: rng.getrandbits(40), "f%d" % fields[1]: {"$gt": at}}, "limit": 10, "lsid": {"id": bson.Binary(rng.randbytes(16), 4)}, "$db": "shop"}
    if sort:
        command["sort"] = {"f%d" % fields[2]: -1}
    block.append(bson.encode({
        "op": "query", "ns": "shop.c%d" % coll, "command": command, "keysExamined": 0, "docsExamined": rng.randrange(1000, 90000), "cursorExhausted": True, "numYield": 9,
        "nreturned": rng.randrange(10), "queryHash": "ABCD%04X" % coll, "planCacheKey": "0123ABCD", "queryFramework": "classic", "hasSortStage": sort,
        "locks": {"Global": {"acquireCount": {"r": bson.Int64(10)}}}, "flowControl": {}, "storage": {"data": {"bytesRead": bson.Int64(4096)}}, "responseLength": 1200, "protocol": "op_msg",
        "millis": rng.randrange(1, 400), "planSummary": plan, "ts": at + datetime.timedelta(milliseconds=i * 7), "client": "10.0.0.%d" % (i % 20), "appName": "app%d" % (i % 9), "allUsers": [], "user": ""}))
block = b"".join(block)
with open(path, "wb") as out:
    for _ in range(wanted // 20000):
        out.write(block)
