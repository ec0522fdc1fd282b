#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verify_evidence.py FILE KEYS...: checks what `signalbox audit export --format evidence` wrote with nothing of the program:
signatures with the package cryptography, trees as RFC 6962 writes them down. KEYS are files with the verifiers' keys of ledgers
and witnesses, one a line; nothing in FILE is believed without them. Prints {"ledgers": [{"log", "size", "entries", "whole",
"cosigned": {witness: size}}]}; exit 1 with a sentence where something does not hold."""
import base64
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    pass


def need(good, what):
    if not good:
        raise Wrong(what)


def read_keys(paths):
    """{(name, key id): (type, public key)}"""
    keys = {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                if not line.strip() or line.startswith("#"):
                    continue
                name, key_id, raw = line.strip().split("+", 2)
                raw = base64.b64decode(raw, validate=True)
                need(len(raw) == 33 and raw[0] in (1, 4), path + ": no Ed25519 key")
                need(hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == key_id, path + ": a key's id is not its own")
                keys[name, bytes.fromhex(key_id)] = raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])
    return keys


def read_note(note, keys):
    """Log, size, root, and the times at which witnesses signed; the log must have signed, and no known key wrongly."""
    text, gap, lines = note.rpartition("\n\n")
    need(gap, "a note without signatures")
    text += "\n"
    origin, size, root = text.splitlines()
    need(origin.startswith("signalbox/") and str(int(size)) == size, "no checkpoint")
    signed, times = False, {}
    for line in lines.splitlines():
        dash, name, value = line.split(" ")
        need(dash == "\u2014", "no signature line")
        value = base64.b64decode(value, validate=True)
        kind, key = keys.get((name, value[:4]), (None, None))
        try:
            if kind == 1 and name == origin:
                key.verify(value[4:], text.encode())
                signed = True
            elif kind == 4:
                need(len(value) == 76, "a cosignature of another length")
                at, = struct.unpack(">Q", value[4:12])
                key.verify(value[12:], b"cosignature/v1\ntime %d\n" % at + text.encode())
                times[name] = at
        except InvalidSignature:
            raise Wrong("the signature of %s is wrong" % name) from None
    need(signed, "a checkpoint that its log has not signed")
    return origin[len("signalbox/"):], int(size), base64.b64decode(root, validate=True), times


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n):
    return 1 << (n - 1).bit_length() - 1


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


class Ledger:
    def __init__(self, line, keys):
        self.log, self.size, self.root, _ = read_note(line["checkpoint"], keys)
        need(self.log == line["log"] and self.size == line["size"], "the checkpoint is another one than is said")
        self.entries, self.last, self.prev, self.whole, self.cosigned = 0, 0, bytes(32), True, {}
        for said in line["cosigned"]:
            log, size, root, times = read_note(said["note"], keys)
            need(log == self.log and said["witness"] in times, "not cosigned by " + said["witness"])
            need(0 <= size <= self.size and size == said["size"], "cosigned for more than there is")
            path = [bytes.fromhex(h) for h in said["path"]]
            if size:
                need(consistency(size, self.size, True, root, path) == (root, self.root), "the checkpoint does not continue what %s saw" % said["witness"])
            else:
                need(root == hashlib.sha256(b"").digest(), "nothing has another root")
            need(not path, "a proof that is too long")
            self.cosigned[said["witness"]] = size

    def entry(self, line):
        seq, data = line["seq"], line["entry"].encode()
        need(line["log"] == self.log and self.last < seq <= self.size, "entry %r is out of its place" % seq)
        leaf, path = hashlib.sha256(b"\0" + data).digest(), [bytes.fromhex(h) for h in line["path"]]
        need(inclusion(seq - 1, self.size, leaf, path) == self.root and not path, "entry %d is not in the checkpoint" % seq)
        entry = json.loads(data)
        need(entry["seq"] == seq and entry["log"] == self.log, "entry %d calls itself another" % seq)
        if seq == self.last + 1:
            need(entry["prev"] == self.prev.hex(), "entry %d does not follow the one before" % seq)
        else:
            self.whole = False
        self.entries, self.last, self.prev = self.entries + 1, seq, leaf


def main():
    keys, done, ledger = read_keys(sys.argv[2:]), [], None
    with open(sys.argv[1], encoding="utf-8") as f:
        for line in map(json.loads, f):
            if line["type"] == "ledger":
                need(ledger is None, "a ledger without its end")
                ledger = Ledger(line, keys)
                continue
            need(ledger is not None, "something outside of a ledger")
            if line["type"] == "entry":
                ledger.entry(line)
                continue
            need(line["type"] == "end" and line["log"] == ledger.log and line["entries"] == ledger.entries, "the end of another ledger, or entries are missing")
            done.append({"log": ledger.log, "size": ledger.size, "entries": ledger.entries, "whole": ledger.whole and ledger.last == ledger.size, "cosigned": ledger.cosigned})
            ledger = None
    need(ledger is None, "the last ledger has no end")
    print(json.dumps({"ledgers": done}))


try:
    main()
except (Wrong, ValueError, KeyError, IndexError, TypeError, OSError) as e:
    sys.exit("does not hold: %s" % (e or type(e).__name__))
