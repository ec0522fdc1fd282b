#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The FTDC decoder against an independent one: slow, short, written from the format's description alone.

Every metric of every chunk of the real recordings is compared, by its path and the CRC-32 of its values; of the small ones
every value is compared with the JSON that came with them. SIGNALBOX_FTDC_EVERY=1 takes every chunk of the long recording
(make test-long); otherwise every fifth.
"""
import glob
import json
import os
import struct
import subprocess
import sys
import zlib

DUMP = os.environ["SIGNALBOX_BUILD"] + "/tests/e2e/ftdc_dump"
DATA = os.environ.get("SIGNALBOX_TEST_DATA", "../shared/data")
EVERY = int(os.environ.get("SIGNALBOX_FTDC_EVERY", "5"))
failures = []


def decimal(raw):  # only whole numbers with a plain exponent occur
    low, high = struct.unpack("<QQ", raw)
    if (high >> 58) & 0x1F >= 0x1E:
        return 0
    value = (((high & 0x1FFFFFFFFFFFF) << 64) | low) * 10 ** (((high >> 49) & 0x3FFF) - 6176)
    return int(-value if high >> 63 else value)


def fields(b, at):
    end = at + struct.unpack_from("<i", b, at)[0]
    at += 4
    while b[at]:
        kind = b[at]
        stop = b.index(0, at + 1)
        name, at = b[at + 1:stop].decode("utf-8", "replace"), stop + 1
        if kind in (1, 9, 17, 18):
            size = 8
        elif kind == 16:
            size = 4
        elif kind in (3, 4):
            size = struct.unpack_from("<i", b, at)[0]
        elif kind in (2, 13, 14):
            size = 4 + struct.unpack_from("<i", b, at)[0]
        elif kind == 5:
            size = 5 + struct.unpack_from("<i", b, at)[0]
        else:
            size = {6: 0, 7: 12, 8: 1, 10: 0, 19: 16, 127: 0, 255: 0}[kind]
        yield kind, name, at, size
        at += size
    assert at + 1 == end, "a document does not end where it says"


def whole(v):
    return 0 if v != v else max(-2**63, min(2**63 - 1, int(v)))


def metrics(b, at, path):
    for kind, name, at, size in fields(b, at):
        name = path + name
        if kind == 1:
            v = struct.unpack_from("<d", b, at)[0]
            yield name, (2**63 - 1 if v > 1e19 else -2**63 if v < -1e19 else whole(v))
        elif kind in (3, 4):
            yield from metrics(b, at, name + ".")
        elif kind == 8:
            yield name, b[at]
        elif kind in (9, 18):
            yield name, struct.unpack_from("<q", b, at)[0]
        elif kind == 16:
            yield name, struct.unpack_from("<i", b, at)[0]
        elif kind == 17:
            increment, seconds = struct.unpack_from("<II", b, at)
            yield name + ".t", seconds
            yield name + ".i", increment
        elif kind == 19:
            yield name, whole(decimal(b[at:at + 16]))


def columns(data):
    u = zlib.decompress(data[4:])
    assert len(u) == struct.unpack_from("<I", data, 0)[0]
    at = struct.unpack_from("<i", u, 0)[0]
    n, deltas = struct.unpack_from("<II", u, at)
    at += 8
    zeros = 0
    found = list(metrics(u, 0, ""))
    assert len(found) == n
    for path, value in found:
        column = [value]
        while len(column) <= deltas:
            if zeros:
                run = min(zeros, deltas + 1 - len(column))
                column += [value] * run
                zeros -= run
                continue
            delta = shift = 0
            while True:
                byte = u[at]
                at += 1
                delta |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            if delta == 0:
                shift = 0
                while True:
                    byte = u[at]
                    at += 1
                    zeros |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
            value = (value + delta + 2**63) % 2**64 - 2**63
            column.append(value)
        yield path, column


def chunks(path):
    b, at = open(path, "rb").read(), 0
    while at < len(b):
        kind = data = None
        for k, name, where, size in fields(b, at):
            if name == "type":
                kind = struct.unpack_from("<i", b, where)[0]
            elif name == "data":
                data = b[where + 5:where + size]
        if kind == 1:
            yield data
        at += struct.unpack_from("<i", b, at)[0]


def ours(path, *how):
    done = subprocess.run([DUMP, *how, path], capture_output=True, text=True)
    if done.returncode or done.stderr:
        failures.append("%s: exit %d, %s" % (path, done.returncode, done.stderr))
    said, current = [], None
    for line in done.stdout.split("\n"):
        if line.startswith("chunk "):
            current = [line, []]
            said.append(current)
        elif line and current and line not in ("metadata", "other"):
            current[1].append(line)
    return said


def compare(path, every):
    said = ours(path)
    theirs = list(chunks(path))
    if len(said) != len(theirs):
        failures.append("%s: %d chunks, not %d" % (path, len(said), len(theirs)))
        return 0
    values = 0
    for i in range(0, len(theirs), every):
        lines = []
        for name, column in columns(theirs[i]):
            lines.append("%s %08x" % (name, zlib.crc32(struct.pack("<%dq" % len(column), *column))))
            values += len(column)
        if lines != said[i][1]:
            wrong = [(a, b) for a, b in zip(lines, said[i][1]) if a != b]
            failures.append("%s, chunk %d: %d metrics, not %d; first differences %s" % (path, i, len(said[i][1]), len(lines), wrong[:3]))
    return values


def flat(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, path + key + ".")
    else:
        yield path[:-1], int(value)


def small(name):
    expected = [dict(flat(json.loads(line))) for line in open("%s/ftdc/small/json/%s" % (DATA, name)) if line.strip()]
    got = []
    for head, lines in ours("%s/ftdc/small/ftdc/%s" % (DATA, name), "--values"):
        rows = [line.split(" ") for line in lines]
        got += [{row[0]: int(row[i]) for row in rows} for i in range(1, len(rows[0]))]
    if got != expected:
        failures.append("%s: %d documents, not the %d expected" % (name, len(got), len(expected)))


def main():
    if not os.path.isdir(DATA + "/ftdc"):
        print("SKIP: the real recordings are not here (%s)" % DATA)
        return 0
    names = sorted(os.listdir(DATA + "/ftdc/small/ftdc"))
    for name in names:
        small(name)
    values = sum(compare(f, EVERY) for f in glob.glob(DATA + "/ftdc/metrics.*"))
    values += sum(compare(f, 1) for f in sorted(glob.glob(DATA + "/incidents-5.0.7/*/diagnostic.data/*")))
    for failure in failures:
        print("FAIL: " + failure)
    print("%d values of the real recordings and %d small files compared" % (values, len(names)))
    return 1 if failures or not values or len(names) != 4 else 0


sys.exit(main())
