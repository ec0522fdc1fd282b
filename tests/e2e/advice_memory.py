#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Advice from a profile in which no two operations have one shape, with names and lists of any size: the memory stays within 200 MiB,
nothing is lost from the count, and there is an answer."""
import json
import os
import random
import resource
import subprocess
import sys
import tempfile

import bson

MOST_MIB = 200
DOCUMENTS = 30000
rng = random.Random(8)
program = os.environ["SIGNALBOX"]
SANITIZED = any(v in os.environ.get("SIGNALBOX_BUILD", "") for v in ("asan", "tsan"))


def name(i):
    return "%s%d" % (rng.choice(["f", "deep.er.", "x" * 200, "naïve", "a b"]), i)


def operation(i):
    fields = {name(i * 10 + k): rng.choice([1, "x", {"$gt": 5}, {"$in": list(range(rng.randrange(1, 30)))}, [[1], [[2]]], None]) for k in range(rng.randrange(1, 12))}
    command = {"find": "c", "filter": fields, "$db": "s"} if i % 50 else {"$truncated": "{ find: \"c\", filter: { f%d: 1" % i}
    return bson.encode({"op": "query", "ns": "s.c%d" % (i % 3000), "command": command, "docsExamined": 20000, "nreturned": 1, "millis": 300, "planSummary": "COLLSCAN"})


with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, "system.profile.bson")
    with open(path, "wb") as f:
        for i in range(DOCUMENTS):
            f.write(operation(i))
    size = os.path.getsize(path)
    done = subprocess.run([program, "digest", "--json", "--advice", path], stdout=subprocess.PIPE, check=False)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024

if done.returncode != 0:
    sys.exit("digest ended with %d" % done.returncode)
answer = json.loads(done.stdout)
if answer["operations"] != DOCUMENTS:
    sys.exit("%d of %d operations were counted" % (answer["operations"], DOCUMENTS))
if not answer["advice"]:
    sys.exit("there is no advice")
if SANITIZED:
    print("SKIP: a sanitizer multiplies the memory, %d MiB are not judged" % peak)
elif peak > MOST_MIB:
    sys.exit("%d MiB for %d shapes of a file of %d MiB" % (peak, DOCUMENTS, size >> 20))
print("%d shapes in %d MiB: %d MiB of memory" % (DOCUMENTS, size >> 20, peak))
