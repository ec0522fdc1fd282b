#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Witnesses from outside: three hosts with ledgers vouch for each other over a folder and over pipes; a ledger that was put back
from an old copy, and one that was forked, are found; a log of this script's own, signed with the package cryptography, asks what
no honest one would; what is exported is checked by verify_evidence.py."""
import base64
import concurrent.futures
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PROGRAM = os.environ["SIGNALBOX"]
MAKE = os.environ["SIGNALBOX_BUILD"] + "/tests/e2e/make_ledger"
HERE = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)  # it is not about disks
os.environ.update(XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config", MONGOC_DISABLE_SHM="1")
fails = []


def check(good, what):
    if not good:
        fails.append(what)
        print("FAIL: " + what)


def run(*args, data=b""):
    p = subprocess.run([PROGRAM, "audit", *args], input=data, capture_output=True, timeout=300)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def want(got, rc, word, what):
    good = got[0] == rc and (word is None or word in got[1] + got[2])
    check(good, "%s: exit %d, not %d with %r: %s" % (what, got[0], rc, word, (got[1] + got[2])[:400]))
    return got[1]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data, mode="wb"):
    with open(path, mode) as f:
        f.write(data)


def more(host, n):
    subprocess.run([MAKE, host, "many", str(n)], check=True)


def verify(host, *args):
    rc, out, _ = run("--json", "verify", "--ledger", host, *args)
    said = json.loads(out)
    check(said["ok"] == (rc == 0), "verify: ok is %s with exit %d" % (said["ok"], rc))
    return said


hosts, logs, folder, early = {}, {}, work + "/shared", work + "/early"


def settle(rounds=2):
    for _ in range(rounds):
        for name in sorted(hosts):
            want(run("witness", "sync", folder, "--ledger", hosts[name]), 0, None, "sync of " + name)


def set_up():
    os.mkdir(folder)
    for name in ("alpha", "beta", "gamma"):
        hosts[name] = work + "/" + name
        subprocess.run([MAKE, hosts[name], "many", "5"], check=True)
        logs[name] = read(hosts[name] + "/checkpoint").decode().split("\n")[0].split("/")[1]
    keys = {n: want(run("witness", "key", "--name", n, "--ledger", d), 0, n + "+", "key of " + n) for n, d in hosts.items()}
    check(run("witness", "key", "--ledger", hosts["alpha"])[1] == keys["alpha"], "a key is made once")
    want(run("witness", "key", "--name", "other", "--ledger", hosts["alpha"]), 1, "has its name already: alpha", "another name")
    check(os.stat(hosts["alpha"] + "/witness/key").st_mode & 0o777 == 0o600, "the key is private")
    for name, d in hosts.items():
        others = [n for n in hosts if n != name]
        write(d + "/witness/logs", b"# the others\n" + b"".join(read(hosts[n] + "/checkpoint-key.pub") for n in others))
        write(d + "/cosigners", "".join(keys[n] for n in others).encode())
    return keys


def over_a_folder():
    check([v["state"] for v in verify(hosts["alpha"])["cosigned"]] == ["none", "none"], "nobody has vouched yet")
    settle()
    said = verify(hosts["alpha"], "--cosigned", folder)
    check(said["ok"] and [(v["witness"], v["state"], v["size"]) for v in said["cosigned"]] == [("beta", "agrees", 5), ("gamma", "agrees", 5)], "who vouched: %s" % said)
    want(run("verify", "--ledger", hosts["alpha"]), 0, "up to entry 5 by beta at", "in words")
    more(hosts["alpha"], 30)
    settle()
    said = verify(hosts["alpha"], "--cosigned", folder)
    check([v["size"] for v in said["cosigned"]] == [35, 35], "they went along: %s" % said)
    shutil.copytree(hosts["alpha"], early)
    # what alpha's ledger was asked to keep is enough without the folder
    check([v["size"] for v in verify(hosts["alpha"])["cosigned"]] == [35, 35], "kept beside the ledger")
    # beta did not see it for a while, and goes on from where it stood
    more(hosts["alpha"], 7)
    for name in ("alpha", "gamma", "alpha"):
        want(run("witness", "sync", folder, "--ledger", hosts[name]), 0, None, "sync without beta")
    check(sorted(v["size"] or 0 for v in verify(hosts["alpha"])["cosigned"]) == [35, 42], "one is behind")
    settle()
    check([v["size"] for v in verify(hosts["alpha"])["cosigned"]] == [42, 42], "and caught up")


def by_config():
    """The config's folder is that of the state folder's ledger; the doctor says who vouched, and until where."""
    state = work + "/state/signalbox"
    os.makedirs(work + "/config/signalbox", exist_ok=True)
    os.makedirs(work + "/state", mode=0o700, exist_ok=True)
    shutil.copytree(hosts["alpha"], state)
    os.chmod(state, 0o700)
    write(work + "/config/signalbox/config", b"set cosigned " + folder.encode() + b"\n")

    def doctor():
        said = json.loads(subprocess.run([PROGRAM, "doctor", "--json"], capture_output=True, timeout=120).stdout)["findings"]
        return [(f["found"], f["what"]) for f in said if f["area"] == "witnesses"]

    want(run("witness", "sync"), 0, None, "sync over the config's folder")
    found = doctor()
    check([f for f, _ in found] == ["ok", "ok"] and "beta vouched for the first 42 of 42 entries at" in found[0][1], "the doctor on witnesses: %s" % found)
    os.rename(state + "/cosigners", state + "/keys")
    check([f for f, _ in doctor()] == ["wrong"] and "whose word counts" in doctor()[0][1], "a folder and no keys: %s" % doctor())
    os.rename(state + "/keys", state + "/cosigners")
    shutil.rmtree(state)
    shutil.copytree(early, state)  # an old copy, with all that was beside it
    os.chmod(state, 0o700)
    want(run("verify"), 1, "rolled back", "the config's folder tells of an old copy")
    check(any(f == "wrong" and "rolled back" in what for f, what in doctor()), "the doctor on an old copy: %s" % doctor())
    write(work + "/config/signalbox/config", b"")
    shutil.rmtree(state)


def over_pipes():
    more(hosts["gamma"], 3)
    host, other = hosts["gamma"], hosts["alpha"]
    want(run("witness", "request", "--ledger", host), 2, "name one", "two witnesses, none named")
    request = want(run("witness", "request", "alpha", "--ledger", host), 0, "old 5\n", "a request").encode()
    lines = want(run("witness", "answer", "--ledger", other, data=request), 0, "\u2014 alpha ", "an answer").encode()
    want(run("witness", "take", "beta", "--ledger", host, data=lines), 2, "was not asked", "an answer to another")
    spoilt = bytearray(lines)
    spoilt[20] ^= 1
    check(run("witness", "take", "alpha", "--ledger", host, data=bytes(spoilt))[0] in (1, 2), "a spoilt answer is not taken")
    want(run("witness", "take", "alpha", "--ledger", host, data=b"\xe2\x80\x94 beta AAAAAAAA\n" + lines + lines), 0, "alpha vouched at", "an answer twice, with a stranger's")
    want(run("witness", "take", "alpha", "--ledger", host, data=lines), 2, "was not asked", "an answer is taken once")
    check(max(v["size"] or 0 for v in verify(host)["cosigned"]) == 8, "taken")
    # the size that was seen last is told to who asks from another one
    want(run("witness", "answer", "--ledger", other, data=want(run("witness", "request", "alpha", "--old", "0", "--ledger", host), 0, "old 0\n", "from nothing").encode()), 1, "8\n", "asked from nothing")
    # its request in the folder is older than what alpha saw by the pipe, until gamma writes the next one
    want(run("witness", "sync", folder, "--ledger", other), 1, "older, 5 entries", "an old request")
    want(run("witness", "sync", folder, "--ledger", host), 0, None, "sync of gamma")
    settle()
    # four at once wait for each other, and each is told the same; who waits too long is told to ask again
    request = want(run("witness", "request", "alpha", "--ledger", host), 0, "old 8", "again").encode()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: run("witness", "answer", "--ledger", other, data=request), range(4)))
    for rc, out, complaint in got:
        check((rc == 0 and out.startswith("\u2014 alpha ")) or (rc == 1 and "ask again" in complaint), "four at once: exit %d: %s" % (rc, complaint))
    check(any(rc == 0 for rc, _, _ in got), "four at once: nobody was answered")


def restored_and_forked():
    alpha, old = hosts["alpha"], work + "/old"
    shutil.copytree(alpha, old)
    more(alpha, 10)
    settle()
    said = verify(old, "--cosigned", folder)
    check(not said["ok"] and said["first_bad"]["index"] == 43 and "rolled back" in said["first_bad"]["what"], "an old copy: %s" % said["first_bad"])
    want(run("verify", "--ledger", old, "--cosigned", folder), 1, "BROKEN at entry 43", "an old copy in words")
    check(verify(old)["ok"], "by itself an old copy is whole")
    want(run("witness", "sync", folder, "--ledger", old), 1, "rolled back", "an old copy signs nothing")
    want(run("witness", "answer", "--ledger", hosts["beta"], data=run("witness", "request", "beta", "--ledger", old)[1].encode()), 1, "52 entries", "the witness refuses the old copy")
    # it went on from the old copy, as far and further
    for n, ask in ((10, ()), (20, ("--old", "52"))):
        more(old, n)
        said = verify(old, "--cosigned", folder)
        check(not said["ok"] and said["first_bad"]["index"] is None and "43 to 52" in said["first_bad"]["what"] and {v["state"] for v in said["cosigned"]} >= {"forked"}, "a fork: %s" % said)
        got = run("witness", "answer", "--ledger", hosts["beta"], data=run("witness", "request", "beta", *ask, "--ledger", old)[1].encode())
        want(got, 1, "forked", "the witness refuses the fork")
    check(b"signalbox/" + logs["alpha"].encode() in read(hosts["beta"] + "/witness/fork." + logs["alpha"]), "the fork is kept as proof")
    got = run("export", "--format", "evidence", old, "--cosigned", folder)
    want(got, 1, "not what was witnessed", "no evidence of a fork")
    check(verify(alpha, "--cosigned", folder)["ok"], "the true one is whole")
    # one entry behind the last that is vouched for: it is named
    one = work + "/one"
    shutil.copytree(alpha, one)
    more(alpha, 1)
    settle()
    more(one, 1)
    said = verify(one, "--cosigned", folder)
    check(said["first_bad"]["index"] == 53, "the entry is named: %s" % said["first_bad"])


def damaged_state():
    seen = hosts["beta"] + "/witness/seen." + logs["alpha"]
    good = read(seen)
    write(seen, good.replace(b"\n53\n", b"\n50\n"))
    more(hosts["alpha"], 1)
    got = run("witness", "answer", "--ledger", hosts["beta"], data=run("witness", "request", "beta", "--ledger", hosts["alpha"])[1].encode())
    want(got, 1, "is not what this witness wrote", "a state that somebody changed")
    write(seen, good)
    said = folder + "/%s.beta.cosigned" % logs["alpha"]
    good = read(said)
    for bad in (b"", b"x", good[:-30], good.replace(b"53", b"52"), b"\0" * 70000, good * 400):
        write(said, bad)
        check(verify(hosts["alpha"], "--cosigned", folder)["cosigned"][0]["state"] in ("agrees", "unreadable") and not verify(hosts["alpha"], "--cosigned", folder)["ok"], "a spoilt answer in the folder: %r" % bad[:20])
    os.unlink(said)
    os.mkfifo(said)
    check(not verify(hosts["alpha"], "--cosigned", folder)["ok"], "a pipe in place of an answer is not waited for")
    os.unlink(said)
    write(said, good)
    ask = folder + "/%s.beta.request" % logs["alpha"]
    os.unlink(ask)
    os.mkfifo(ask)
    want(run("witness", "sync", folder, "--ledger", hosts["beta"]), 1, "is no file", "a pipe in place of a request")
    os.unlink(ask)
    settle()


class Log:
    """A log of our own, with the tree as RFC 6962 writes it down."""

    def __init__(self, n):
        self.key, self.id = Ed25519PrivateKey.generate(), hashlib.sha256(str(n).encode()).hexdigest()[:32]
        self.name = "signalbox/" + self.id
        self.leaves = [hashlib.sha256(b"\0%d" % i).digest() for i in range(n)]
        raw = b"\1" + self.key.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        self.line = "%s+%s+%s\n" % (self.name, self.key_id.hex(), base64.b64encode(raw).decode())

    def root(self, a, b):
        if b - a == 0:
            return hashlib.sha256(b"").digest()
        if b - a == 1:
            return self.leaves[a]
        k = 1 << (b - a - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + self.root(a, a + k) + self.root(a + k, b)).digest()

    def proof(self, m, a, b, whole):
        if m == b - a:
            return [] if whole else [self.root(a, b)]
        k = 1 << (b - a - 1).bit_length() - 1
        if m <= k:
            return self.proof(m, a, a + k, whole) + [self.root(a + k, b)]
        return self.proof(m - k, a + k, b, False) + [self.root(a, a + k)]

    def text(self, size, root=None):
        return "%s\n%d\n%s\n" % (self.name, size, base64.b64encode(root or self.root(0, size)).decode())

    def note(self, text):
        value = base64.b64encode(self.key_id + self.key.sign(text.encode())).decode()
        return text + "\n\u2014 %s %s\n" % (self.name, value)

    def request(self, old, size, root=None, proof=None):
        proof = self.proof(old, 0, size, True) if proof is None and old else proof or []
        return ("old %d\n" % old + "".join(base64.b64encode(h).decode() + "\n" for h in proof) + "\n" + self.note(self.text(size, root))).encode()


def a_log_of_our_own(keys):
    log, stranger, host = Log(40), Log(41), hosts["gamma"]
    write(host + "/witness/logs", log.line.encode(), "ab")

    def ask(data, rc, word, what):
        return want(run("witness", "answer", "--ledger", host, data=data if isinstance(data, bytes) else data.encode()), rc, word, what)

    ask(stranger.request(0, 3), 1, "does not know the ledger", "an unknown log")
    before = int(time.time())
    line = ask(log.request(0, 7), 0, "\u2014 gamma ", "the first checkpoint")
    dash, name, value = line.strip().split(" ")
    value = base64.b64decode(value)
    at, = struct.unpack(">Q", value[4:12])
    check(before - 1 <= at <= int(time.time()) + 1, "the time of the cosignature")
    raw = base64.b64decode(keys["gamma"].strip().split("+", 2)[2])
    check(raw[0] == 4 and value[:4] == hashlib.sha256(b"gamma\n" + raw).digest()[:4], "type 0x04, and the key's id")
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(value[12:], b"cosignature/v1\ntime %d\n" % at + log.text(7).encode())
    ask(log.request(7, 40), 0, "\u2014 gamma ", "a proof")
    ask(log.request(40, 40), 0, "\u2014 gamma ", "the same again")
    for old, size, root, word in ((0, 40, None, "ask again from 40"), (7, 40, None, "ask again"), (7, 9, None, "rolled back"), (40, 40, b"x" * 32, "forked"), (0, 40, b"x" * 32, "forked")):
        check(ask(log.request(old, size, root), 1, word, "%d to %d" % (old, size)) == "40\n", "the size seen last is told")
    log.leaves += [bytes(32)] * 20
    proof = log.proof(40, 0, 60, True)
    for wrong in ([], proof[:-1], proof + [bytes(32)], proof[1:], [bytes(32)] + proof[1:]):
        check(ask(log.request(40, 60, proof=wrong), 1, "wrong proof", "a wrong proof") == "", "nothing on standard output")
    ask(log.request(40, 60, root=bytes(32)), 1, "wrong proof", "a root that was not proven")
    good = log.request(40, 60).decode()
    other = Log(40)
    ask(good.replace(log.note(log.text(60)), log.text(60) + "\n" + other.note(log.text(60)).split("\n\n")[1]), 1, "not signed with a key", "another key in its name")
    ask(good.replace("\n60\n", "\n61\n"), 1, "not signed with a key", "the size was changed")
    ask(good + "\u2014 %s AAAAAAAA\n" % log.name, 0, "\u2014 gamma ", "an unknown key of the same name is ignored")
    hostile = {
        "nothing": "", "no line": "old 40", "old is no number": good.replace("old 40", "old x"), "a leading zero": good.replace("old 40", "old 040"), "minus": good.replace("old 40", "old -1"),
        "plus": good.replace("old 40", "old +40"), "an old size that is larger": good.replace("old 40", "old 61"), "too large a number": good.replace("old 40", "old 99999999999999999999"),
        "a long first line": "old " + "1" * 60000 + "\n", "64 hashes": "old 40\n" + (base64.b64encode(bytes(32)).decode() + "\n") * 64 + "\n" + log.note(log.text(60)),
        "a short hash": "old 40\nAAAA\n\n" + log.note(log.text(60)), "no base64": "old 40\n" + "?" * 44 + "\n\n" + log.note(log.text(60)), "no checkpoint": "old 40\n\n", "only hashes": "old 0\n" + "A" * 44 + "\n",
        "a long line": "old 40\n" + "A" * 60000 + "\n\n", "no signature": "old 40\n\n" + log.text(60), "an origin of others": good.replace("signalbox/", "example.com/"), "a size of minus one": good.replace("\n60\n", "\n-1\n"),
        "carriage returns": good.replace("\n", "\r\n"), "an escape": good.replace("signalbox", "\x1b[2Jbox"), "65 signatures": good + "\u2014 a AAAAAAAA\n" * 64, "too much": good + "\u2014 a AAAAAAAA\n" * 9000,
    }
    for what, data in hostile.items():
        ask(data, 2, "signalbox: ", what)
    ask(b"\xff" * 100, 2, None, "bytes that are no text")
    ask(b"old 40\n\n" + log.note(log.text(60)).encode()[:-3] + b"\xff\n", 2, None, "a signature that is no text")
    # a cosigner's key is no log's key, and the other way round
    write(work + "/mixed", keys["alpha"].encode())
    want(run("witness", "answer", "--ledger", host, "--logs", work + "/mixed", data=good.encode()), 2, "is no key of a log", "a witness's key among the logs'")
    write(work + "/mixed", log.line.encode())
    want(run("verify", "--ledger", host, "--cosigners", work + "/mixed"), 2, "is no key of a witness", "a log's key among the witnesses'")


def cosignatures_of_our_own():
    """A witness of this script's own: what it says of the time and twice."""
    host, key = hosts["beta"], Ed25519PrivateKey.generate()
    raw = b"\4" + key.public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"delta\n" + raw).digest()[:4]
    cosigners = work + "/delta.pub"
    write(cosigners, ("delta+%s+%s\n" % (key_id.hex(), base64.b64encode(raw).decode())).encode())
    note = want(run("checkpoint", "--ledger", host), 0, None, "a checkpoint")
    text, size = note.rpartition("\n\n")[0] + "\n", int(note.split("\n")[1])
    path = folder + "/%s.delta.cosigned" % logs["beta"]

    def line(at, of=text):
        return "\u2014 delta %s\n" % base64.b64encode(key_id + struct.pack(">Q", at) + key.sign(b"cosignature/v1\ntime %d\n" % at + of.encode())).decode()

    def state(data):
        write(path, data.encode())
        said = verify(host, "--cosigners", cosigners, "--cosigned", folder)
        return said["cosigned"][0]["state"], said["ok"]

    now = int(time.time())
    check(state(note + line(now)) == ("agrees", True), "a cosignature by another program")
    check(state(note + line(now) * 3 + line(now - 50)) == ("agrees", True), "one that is there more than once counts once")
    check(state(note + line(now + 300)) == ("agrees", True), "clocks differ")
    check(state(note + line(now + 86400)) == ("ahead", True), "a time that is still to come is not counted")
    want(run("verify", "--ledger", host, "--cosigners", cosigners, "--cosigned", folder), 0, "still to come", "and that is said")
    for at in (2**63 - 1, 2**63, 2**64 - 1):
        check(state(note + line(at)) == ("unreadable", False), "a time that cannot be: %d" % at)
    check(state(note) == ("unreadable", False), "without its cosignature")
    check(state(note + line(now) + line(now, text.replace(str(size), str(size + 1), 1))) == ("unreadable", False), "one good and one wrong")
    check(state(note + line(now)[:-10] + "\n") == ("unreadable", False), "a short one")
    check(state(text + "\n" + line(now)) == ("unreadable", False), "not signed by the ledger")
    os.unlink(path)


def evidence():
    keyfile, out = work + "/all.keys", work + "/evidence.jsonl"
    write(keyfile, b"".join(read(d + "/checkpoint-key.pub") + read(d + "/witness/key.pub") for d in hosts.values()))

    def export(*args):
        with open(out, "wb") as f:
            return subprocess.run([PROGRAM, "audit", "export", "--format", "evidence", *args], stdout=f, stderr=subprocess.PIPE, timeout=300).returncode

    def judge(path=out, keys=keyfile):
        return subprocess.run([sys.executable, HERE + "/verify_evidence.py", path, keys], capture_output=True, text=True, timeout=300)

    check(export(*hosts.values(), "--cosigned", folder) == 0, "the export")
    got = judge()
    check(got.returncode == 0, "the export under other eyes: " + got.stderr)
    said = json.loads(got.stdout or '{"ledgers":[]}')["ledgers"]
    check([x["log"] for x in said] == [logs[n] for n in hosts] and all(x["whole"] and x["entries"] == x["size"] for x in said), "every entry of every ledger: %s" % said)
    check(all(sorted(x["cosigned"]) == sorted(n for n in hosts if logs[n] != x["log"]) for x in said), "and who vouched")
    lines = read(out).decode().splitlines(True)
    # the judge can say no: to each kind of line changed, left out, or put elsewhere, and to missing keys
    entry = next(i for i, l in enumerate(lines) if '"type":"entry"' in l)
    changed = {
        "an entry": lines[:entry] + [lines[entry].replace("sampler", "samplex")] + lines[entry + 1:],
        "an entry left out": lines[:entry + 3] + lines[entry + 4:],
        "two exchanged": lines[:entry] + [lines[entry + 1], lines[entry]] + lines[entry + 2:],
        "the size": [lines[0].replace('"size":%d' % said[0]["size"], '"size":%d' % (said[0]["size"] - 1))] + lines[1:],
        "a checkpoint of another": [lines[0].replace(logs["alpha"], logs["beta"])] + lines[1:],
        "no end": lines[:-1],
        "a proof": lines[:entry] + [lines[entry].replace('"path":["', '"path":["00')] + lines[entry + 1:],
    }
    for what, text in changed.items():
        check("".join(text) != "".join(lines), "the test changes " + what)
        write(work + "/changed", "".join(text).encode())
        check(judge(work + "/changed").returncode == 1, "the judge lets pass: " + what)
    write(work + "/few.keys", read(hosts["alpha"] + "/checkpoint-key.pub"))
    check(judge(keys=work + "/few.keys").returncode == 1, "the judge believes keys it was not given")
    # a part of one ledger, and hosts' exports put one behind the other
    check(export("--ledger", hosts["beta"], "--since", "2000-01-01", "--until", "2000-01-02") == 0 and json.loads(judge().stdout)["ledgers"][0]["entries"] == 0, "no entries of that time")
    check(export("--ledger", hosts["beta"]) == 0, "one ledger")
    one = read(out)
    check(export("--ledger", hosts["gamma"]) == 0, "another")
    write(work + "/both", one + read(out))
    check(len(json.loads(judge(work + "/both").stdout)["ledgers"]) == 2, "one behind the other")
    want(run("export", hosts["beta"]), 2, "audit takes", "ledgers named without the format")
    want(run("export", "--format", "evidence", work + "/nowhere"), 2, "no ledger", "a ledger that is not there")


def usage():
    for args, word in ((("witness",), "audit takes"), (("witness", "dance"), "audit witness takes"), (("witness", "sync"), "audit witness takes"), (("witness", "key", "x"), "audit witness takes"),
                       (("tail", "--logs", "x"), "audit takes"), (("witness", "sync", folder, "--ledger", work + "/none"), "nothing to do"),
                       (("verify", "--ledger", hosts["alpha"], "--cosigners", work + "/none"), "none"), (("verify", "--ledger", hosts["alpha"], "--cosigned", work + "/none"), "cannot read"),
                       (("witness", "key", "--name", "a/b", "--ledger", work + "/new"), "letters"), (("witness", "answer", "--ledger", work + "/none"), "no witness in")):
        want(run(*args), 2, word, " ".join(args))


try:
    keys = set_up()
    over_a_folder()
    by_config()
    over_pipes()
    restored_and_forked()
    damaged_state()
    a_log_of_our_own(keys)
    cosignatures_of_our_own()
    evidence()
    usage()
finally:
    shutil.rmtree(work, ignore_errors=True)
print("%d failed" % len(fails) if fails else "ok")
sys.exit(bool(fails))
