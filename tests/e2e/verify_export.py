#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies an export of `signalbox audit export` with nothing but the standard library: canonical form, leaf hashes, the
links between the entries, and the Merkle root of RFC 6962. Prints {"entries", "root", "head", "first_bad"}."""
import hashlib
import json
import sys


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def root(leaves):
    """Recursive, as the RFC writes it down, split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def no_float(text):
    raise ValueError("a real number: " + text)


def pairs(items):
    if len({k for k, _ in items}) != len(items):
        raise ValueError("a key twice")
    return dict(items)


def canonical(value):
    # RFC 8785 sorts keys by UTF-16 code units
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + canonical(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def why_bad(line, seq, prev, log):
    try:
        entry = json.loads(line.decode("utf-8"), parse_float=no_float, object_pairs_hook=pairs)
    except ValueError as e:
        return str(e)
    if canonical(entry).encode("utf-8") != line:
        return "not canonical"
    if entry["seq"] != seq:
        return "number %r" % entry["seq"]
    if entry["prev"] != prev.hex():
        return "prev"
    if log is not None and entry["log"] != log:
        return "log"
    return None


def main():
    leaves, prev, log, bad = [], bytes(32), None, None
    with open(sys.argv[1], "rb") as f:
        for line in f:
            if not line.endswith(b"\n"):
                sys.exit("the last line has no end")
            line = line[:-1]
            bad = why_bad(line, len(leaves) + 1, prev, log)
            if bad:
                bad = {"index": len(leaves) + 1, "what": bad}
                break
            log = json.loads(line)["log"]
            prev = leaf(line)
            leaves.append(prev)
    # the ledger holds zeros as the head of nothing
    print(json.dumps({"entries": len(leaves), "root": root(leaves).hex(), "head": prev.hex(), "first_bad": bad}))


main()
