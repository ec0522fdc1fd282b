#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schema_file.py COUNT FILE.bson FILE.json: so many orders of a shop, the same ones at each run, as BSON and as lines of canonical
Extended JSON. Prints where the modules of the npm package mongodb-schema are, which it installs if need be; nothing without it."""
import datetime
import os
import random
import struct
import sys

import bson
from bson import json_util

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from outside import npm_package


def order(r, i):
    at = datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=i)
    d = {"_id": bson.ObjectId(struct.pack(">III", 1704067200 + i * 60, 7, i)), "number": "ORD-%08d" % i, "status": r.choice(["new", "paid", "sent", "void"]),
         "created_at": at, "customer": {"name": "Customer %d" % r.randrange(50000), "email": "c%d@example.org" % r.randrange(50000), "since": r.randrange(2001, 2026)},
         "total": bson.Decimal128("%d.%02d" % (r.randrange(1000), r.randrange(100))), "currency": r.choice(["EUR", "USD"]),
         "items": [{"sku": "A%05d" % r.randrange(9000), "quantity": r.randrange(1, 9), "price": r.random() * 100, "tags": ["t%d" % r.randrange(9)]} for _ in range(r.randrange(1, 6))]}
    if i % 3 == 0:
        d["note"] = "left at the door, " * r.randrange(1, 4)
    if i % 50 == 0:
        d["coupon"] = None if i % 100 else i
    return d


def main():
    count, as_bson, as_json = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    r = random.Random(1)
    with open(as_bson, "wb") as b, open(as_json, "w") as j:
        for i in range(count):
            d = order(r, i)
            b.write(bson.encode(d))
            j.write(json_util.dumps(d, json_options=json_util.CANONICAL_JSON_OPTIONS) + "\n")
    where = npm_package("mongodb-schema", "mongodb-schema@12.7")
    if where:
        print(where)


if __name__ == "__main__":
    main()
