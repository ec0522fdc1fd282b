#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a proof of `signalbox audit prove` with nothing but the standard library. The verifier is another one than the
program's: it rebuilds both roots by walking the recursive definition of the tree (RFC 6962, section 2.1) and taking from the
path what it cannot compute. Exit 0: it holds."""
import hashlib
import json
import sys


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def inclusion(index, n, leaf, path):
    if n == 1:
        return leaf
    k = split(n)
    if index < k:
        left = inclusion(index, k, leaf, path)
        return node(left, path.pop(0))
    right = inclusion(index - k, n - k, leaf, path)
    return node(path.pop(0), right)


def consistency(m, n, whole, old_root, path):
    """The roots of the old part and of the whole of a subtree of n leaves whose first m are old."""
    if m == n:
        top = old_root if whole else path.pop(0)
        return top, top
    k = split(n)
    if m <= k:
        old, new = consistency(m, k, whole, old_root, path)
        return old, node(new, path.pop(0))
    old, new = consistency(m - k, n - k, False, old_root, path)
    left = path.pop(0)
    return node(left, old), node(left, new)


def holds(proof):
    path, root = [bytes.fromhex(h) for h in proof["path"]], bytes.fromhex(proof["root"])
    if proof["type"] == "inclusion":
        leaf = hashlib.sha256(b"\0" + proof["entry"].encode()).digest()
        if leaf.hex() != proof["leaf"] or not 0 <= proof["index"] < proof["size"] or json.loads(proof["entry"])["seq"] != proof["index"] + 1:
            return False
        return inclusion(proof["index"], proof["size"], leaf, path) == root and not path
    old_root = bytes.fromhex(proof["old_root"])
    if not 0 < proof["old_size"] <= proof["size"]:
        return False
    return consistency(proof["old_size"], proof["size"], True, old_root, path) == (old_root, root) and not path


try:
    with open(sys.argv[1], "rb") as f:
        good = holds(json.load(f))
except (IndexError, KeyError, ValueError):
    good = False
print("holds" if good else "does not hold")
sys.exit(not good)
