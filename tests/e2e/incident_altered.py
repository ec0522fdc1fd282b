#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox incident` on a real recording in which one thing was altered for half a minute of its last calm stretch: the
noise is real, the disturbance is known. Each must be found within 20 s and called by its class; unaltered, nothing is told
there.

Chunks are decoded with the oracle's own decoder and written anew, for the members and the time that are altered.
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

from ftdc_oracle import DATA, columns, fields

PROGRAM = os.environ["SIGNALBOX"]
REAL = DATA + "/incidents-5.0.7"
FROM, TO = 1795425885000, 1795425915000  # 09:24:45 to 09:25:15
STATUS = "serverStatus."
LATENCY = STATUS + "opLatencies."


def places(b, at, path=""):
    """Where the numbers of the reference document stand, in the order of the metrics."""
    for kind, name, where, _ in fields(b, at):
        if kind in (3, 4):
            yield from places(b, where, path + name + ".")
        elif kind == 17:
            yield "<I", where + 4
            yield "<I", where
        elif kind in (1, 8, 9, 16, 18):
            yield {1: "<d", 8: "<B", 9: "<q", 16: "<i", 18: "<q"}[kind], where


def varint(out, v):
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)


def document(data, names, cols, first, last):
    """A metrics document of the samples [first, last)."""
    unpacked = zlib.decompress(data[4:])
    ref = bytearray(unpacked[:struct.unpack_from("<i", unpacked, 0)[0]])
    deltas, zeros = bytearray(), 0
    for (form, where), col in zip(places(bytes(ref), 0), cols):
        v = col[first]
        if form == "<i":  # a server counts on beyond the type that the first sample had
            v = max(-2**31, min(2**31 - 1, v))
        struct.pack_into(form, ref, where, float(v) if form == "<d" else v & 0xFFFFFFFF if form == "<I" else v & 255 if form == "<B" else v)
        for j in range(first + 1, last):
            delta = (col[j] - col[j - 1]) % 2**64
            if delta == 0:
                zeros += 1
                continue
            if zeros:
                deltas.append(0)
                varint(deltas, zeros - 1)
                zeros = 0
            varint(deltas, delta)
    if zeros:
        deltas.append(0)
        varint(deltas, zeros - 1)
    inner = bytes(ref) + struct.pack("<II", len(cols), last - first - 1) + bytes(deltas)
    packed = struct.pack("<I", len(inner)) + zlib.compress(inner, 1)
    body = b"\x09_id\0" + struct.pack("<q", cols[names["start"]][first]) + b"\x10type\0" + struct.pack("<i", 1)
    body += b"\x05data\0" + struct.pack("<i", len(packed)) + b"\0" + packed
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def rewrite(b, edit, keep):
    out, at = b"", 0
    while at < len(b):
        n = struct.unpack_from("<i", b, at)[0]
        doc, at = b[at:at + n], at + n
        data = next((doc[where + 5:where + size] for _, name, where, size in fields(doc, 0) if name == "data"), None)
        found = list(columns(data)) if data else []
        names = {path: i for i, (path, _) in reversed(list(enumerate(found)))}
        if not found or found[names["start"]][1][-1] < FROM:
            out += doc
            continue
        cols = [col for _, col in found]
        edit(names, cols)
        times, j = cols[names["start"]], 0
        while j < len(times):
            end = j
            while end < len(times) and keep(times[end]):
                end += 1
            if end > j:
                out += document(data, names, cols, j, end)
            j = max(end, j + 1)
    return out


def grow(path, factor=1.0, more=0):
    """A counter grows `factor` times as fast and by `more` a sample beyond that."""
    state = [0]

    def edit(names, cols):
        if path not in names:
            return
        times, col = cols[names["start"]], cols[names[path]]
        old = list(col)
        for j in range(len(col)):
            if j and FROM <= times[j] < TO:
                state[0] += int((old[j] - old[j - 1]) * (factor - 1)) + more
            col[j] = old[j] + state[0]
    return edit


def put(path, value, after_ms=0):
    def edit(names, cols):
        for j, t in enumerate(cols[names["start"]]):
            if path in names and FROM + after_ms <= t < TO:
                cols[names[path]][j] = value
    return edit


def both(suffixes, factor):
    return [grow(LATENCY + kind + suffix, factor) for kind in ("reads", "writes") for suffix in suffixes]


def busy():
    return grow("systemMetrics.cpu.idle_ms", 0.02)


GONE = [put("replSetGetStatus.members.2." + field, value, 11000) for field, value in (("state", 8), ("health", 0))]
# name, class, edits by member, members whose samples are missing, what must be named
CASES = (
    ("nothing", None, {}, (), None),
    ("a busy host", "infrastructure", {0: both([".latency"], 1.8) + [busy()]}, (), None),
    ("twice as slow", "infrastructure", {0: both([".latency"], 2.3)}, (), None),
    ("four times the work", "load", {0: both([".latency", ".ops"], 4) + [busy(), grow(STATUS + "metrics.queryExecutor.scannedObjects", 4)]}, (), None),
    ("write conflicts", "code", {0: [grow(STATUS + "metrics.operation.writeConflicts", more=15)]}, (), None),
    ("errors", "code", {0: [grow(STATUS + "asserts.user", more=4)]}, (), None),
    ("an idle transaction", "code", {0: [put(STATUS + "transactions.currentInactive", 1), put(STATUS + "transactions.currentOpen", 1)]}, (), None),
    ("connections that come and go", "dependency", {0: [grow(STATUS + "connections.totalCreated", more=20)]}, (), None),
    ("clients that wait elsewhere", "dependency", {0: both([".latency", ".ops"], 0.1)}, (), None),
    ("a frozen secondary", "infrastructure", {0: GONE, 1: GONE}, (2,), "member-2"),
    ("a primary that stands still", "infrastructure", {}, (0,), "member-0"),
)


def run_on(folder):
    done = subprocess.run([PROGRAM, "incident", "--json", folder], capture_output=True, text=True, timeout=120)
    if done.returncode or done.stderr:
        print("FAIL: exit %d: %s" % (done.returncode, done.stderr[:300]))
    return json.loads(done.stdout)


def incidents_of(case, work):
    _, _, edits, missing, _ = case
    shutil.rmtree(work, ignore_errors=True)
    for member in range(3):
        source, folder = "%s/member-%d" % (REAL, member), "%s/member-%d" % (work, member)
        os.makedirs(folder + "/diagnostic.data")
        os.symlink(os.path.abspath(source + "/mongod.log.gz"), folder + "/mongod.log.gz")
        for name in os.listdir(source + "/diagnostic.data"):
            b = open("%s/diagnostic.data/%s" % (source, name), "rb").read()
            if member in edits or member in missing:
                b = rewrite(b, lambda names, cols: [e(names, cols) for e in edits.get(member, ())],
                            lambda t: member not in missing or not FROM <= t < TO)
            open("%s/diagnostic.data/%s" % (folder, name), "wb").write(b)
    return run_on(work)


def main():
    if not os.path.isdir(REAL):
        print("SKIP: the recorded incidents are not here (%s)" % REAL)
        return 0
    work, failed, before = tempfile.mkdtemp(), 0, None
    for case in CASES:
        name, class_, _, _, named = case
        found = incidents_of(case, work)
        before = found if before is None else before  # the first one is as it was recorded
        new = [i for i in found if i["from"] >= "2026-11-23T09:24:30"]
        ok = found[:len(before)] == before and len(new) == (class_ is not None)
        if new:
            late = int(new[0]["detected_at"][14:16]) * 60 + float(new[0]["detected_at"][17:23]) - (24 * 60 + 45)
            ok = ok and new[0]["class"] == class_ and 0 <= late <= 20 and (not named or new[0]["members"] == [named])
            print("%-28s %s, found after %.1f s" % (name, new[0]["class"], late))
        if not ok:
            failed += 1
            print("FAIL: %s: %s" % (name, [(i["from"], i["class"], i["reason"], i["members"]) for i in new]))
    shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
