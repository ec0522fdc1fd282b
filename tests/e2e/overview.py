#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three ledgers in a shared store: what is open in all of them on one page, the doctor on every host, and one export for an auditor that
is checked off line; and each of them with a store, a folder or a copy that somebody has changed."""
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import bson
import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from outside import check, finish  # noqa: E402

PROGRAM, BUILD = os.environ["SIGNALBOX"], os.environ["SIGNALBOX_BUILD"] + "/tests/e2e/"
HOSTS = {"alpha": ("shop", "prod", "payments", "gold"), "beta": ("crm", "staging", "crm", "silver"), "gamma": ("logs", "dev", "payments", "bronze")}


class Place:
    def __init__(self, sim):
        self.dir = tempfile.mkdtemp(prefix="overview")
        self.env = dict(os.environ, XDG_STATE_HOME=self.dir + "/state", XDG_CONFIG_HOME=self.dir + "/config")
        self.uri, self.folder, self.state = sim.uri, self.dir + "/shared", self.dir + "/state/signalbox"
        self.members = sim.members
        for d in ("/config/signalbox", "/shared", "/state/signalbox"):
            os.makedirs(self.dir + d, mode=0o700)
        self.write("store.uri", sim.uri, 0o600)
        self.write("key", "")
        self.config()
        self.logs, self.keys = {}, {}

    def write(self, name, text, mode=0o644):
        path = self.dir + "/" + name
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def config(self, more=""):
        self.write("config/signalbox/config", "set store mongodb\nset store_uri_file %s/store.uri\nset cosigned %s\n%s" % (self.dir, self.folder, more))

    def run(self, *argv):
        p = subprocess.run([PROGRAM, *argv], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return p.returncode, p.stdout, p.stderr

    def json(self, status, *argv):
        rc, out, complaint = self.run(*argv)
        check(rc == status, "%s: exit %d, not %d: %s%s" % (" ".join(argv), rc, status, out[:1500], complaint))
        return json.loads(out)

    def put(self, name):
        done = subprocess.run([BUILD + "put_store", self.dir + "/" + name, self.uri, name + ".example", *HOSTS[name]], capture_output=True, text=True, timeout=120)
        L.require(done.returncode == 0, "put_store: " + done.stderr)

    def make(self, name):
        d = self.dir + "/" + name
        subprocess.run([BUILD + "make_ledger", d], check=True, capture_output=True)
        subprocess.run([BUILD + "make_ledger", d, "many", "5"], check=True, capture_output=True)
        with open(d + "/checkpoint") as f:
            self.logs[name] = f.read().split("\n")[0].split("/")[1]
        self.keys[name] = self.run("audit", "witness", "key", "--name", name, "--ledger", d)[1]

    def meet(self):
        """They vouch for one another."""
        for name in HOSTS:
            others = [n for n in HOSTS if n != name]
            with open("%s/%s/witness/logs" % (self.dir, name), "w") as f:
                f.writelines(open("%s/%s/checkpoint-key.pub" % (self.dir, n)).read() for n in others)
            self.write(name + "/cosigners", "".join(self.keys[n] for n in others))
        for _ in range(2):
            for name in HOSTS:
                rc, out, complaint = self.run("audit", "witness", "sync", self.folder, "--ledger", self.dir + "/" + name)
                L.require(rc == 0, "sync: " + out + complaint)
        self.write("state/signalbox/cosigners", "".join(self.keys.values()))


def page(p, db):
    said = p.json(0, "console", "--fleet", "--json")
    rows = said["rows"]
    check(said["ledgers"] == 3 and said["odd"] is None and len(rows) == said["open"] > 0, "the page: %s" % said)
    check({r["deployment"] for r in rows} == {"shop", "crm", "logs"}, "whose: %s" % rows)
    card = next(r for r in rows if r["kind"] == "card" and r["deployment"] == "shop")
    check(card["owner"]["host"] == "alpha.example" and card["environment"] == "prod" and card["team"] == "payments" and card["class"] == "gold", card)
    check(0 <= card["owner"]["copy_age_ms"] < 60000 and card["log"] == p.logs["alpha"], card)
    waits = [r for r in rows if r["state"] == "awaiting_approval"]
    check(waits and all(r["you"]["may_approve"] == "no" and "signing_key" in r["you"]["why"] for r in waits), "no key, no approval: %s" % waits)
    order = [r["environment"] for r in waits if r["risk"] == waits[0]["risk"]]
    check(order == sorted(order, key=lambda e: e != "prod"), "prod first: %s" % order)
    for words, kept in ((("--environment", "staging"), {"crm"}), (("--team", "payments"), {"shop", "logs"}), (("--class", "bronze"), {"logs"}), (("--filter", "beta\\.exam"), {"crm"}),
                        (("--team", "payments", "--filter", "prod"), {"shop"}), (("--filter", "nosuch"), set())):
        got = {r["deployment"] for r in p.json(0, "console", "--fleet", "--json", *words)["rows"]}
        check(got == kept, "%s: %s" % (words, got))
    rc, text, _ = p.run("console", "--fleet", "--group", "team")
    check(rc == 0 and "payments: " in text and "crm: " in text and "on alpha.example, entry" in text and "you may not approve it" in text, text)
    for words, part in ((("--filter", "("), "regular expression"), (("--environment", "test"), "prod, staging or dev"), (("--group", "x"), "--group is"), (("--deployment", "shop"), "every deployment")):
        rc, _, complaint = p.run("console", "--fleet", *words)
        check(rc == 2 and part in complaint, "%s: exit %d: %s" % (words, rc, complaint))
    # with a key: by the same policy yes; what the policy here says of nobody's is for the owner
    p.config("set signing_key %s/key\nset signing_name alice\n" % p.dir)
    waits = [r for r in p.json(0, "console", "--fleet", "--json")["rows"] if r["state"] == "awaiting_approval"]
    check({r["you"]["may_approve"] for r in waits} == {"yes"}, "with a key, by the same policy: %s" % waits)
    p.config("set signing_key %s/key\nset policy strict-prod\n" % p.dir)
    waits = [r for r in p.json(0, "console", "--fleet", "--json")["rows"] if r["state"] == "awaiting_approval"]
    check({r["you"]["may_approve"] for r in waits} == {"perhaps"}, "by another policy: %s" % waits)
    p.config()
    # a copy that was changed is left out, and said
    one = db.cards.find_one({"state": "awaiting_approval"})
    db.cards.update_one({"_id": one["_id"]}, {"$set": {"bytes": one["bytes"].replace('"risk":"', '"risk":"low","risk_was":"', 1)}})
    said = p.json(1, "console", "--fleet", "--json")
    check(said["odd"]["documents"] == 1 and one["_id"]["card"] in said["odd"]["first"], said["odd"])
    title = json.loads(one["bytes"])["title"]
    db.cards.update_one({"_id": one["_id"]}, {"$set": {"bytes": one["bytes"].replace(title, title + " and more")}})
    said = p.json(1, "console", "--fleet", "--json")
    check(said["odd"]["documents"] == 1 and "do not have the hash" in said["odd"]["first"], said["odd"])
    db.cards.update_one({"_id": one["_id"]}, {"$set": {"bytes": one["bytes"], "state": 7}})
    check(p.json(0, "console", "--fleet", "--json")["odd"] is None, "the bytes are what counts")
    db.cards.update_one({"_id": one["_id"]}, {"$set": {"state": "awaiting_approval"}})


def doctor(p, db):
    def found(status):
        return [(f["found"], f["area"], f["what"]) for f in p.json(status, "doctor", "--fleet", "--json")["findings"]]

    def has(all, kind, area, *parts):
        return check(any(k == kind and a == area and all_in(parts, what) for k, a, what in all), "no %s about %s with %s: %s" % (kind, area, parts, all))

    def all_in(parts, what):
        return all(part in what for part in parts)

    said = found(0)
    has(said, "ok", "store", "3 ledgers")
    has(said, "ok", "hosts", "alpha.example (shop), program 0.1.0, beat")
    has(said, "note", "leases", "there are no leases")
    has(said, "ok", "witnesses", "alpha.example (shop): beta vouched for the first")
    hour = datetime.timedelta(hours=1)
    before = {h["_id"]: h for h in db.hosts.find()}
    db.hosts.update_one({"_id": p.logs["alpha"]}, {"$set": {"beat": before[p.logs["alpha"]]["beat"] - hour, "head": before[p.logs["alpha"]]["head"] + 3}})
    db.hosts.update_one({"_id": p.logs["beta"]}, {"$set": {"draining": True, "program": "0.2.0", "version": 2}})
    db.hosts.update_one({"_id": p.logs["gamma"]}, {"$set": {"beat": before[p.logs["gamma"]]["beat"] - hour}})
    db.hosts.insert_one({"_id": "no ledger"})
    db.leases.insert_many([
        {"_id": "rs:1", "name": "shop", "owner": p.logs["alpha"], "host": "alpha.example", "pid": 7, "epoch": 3, "until": before[p.logs["alpha"]]["beat"] - hour, "open": {"card": "C-000001", "step": 1, "class": "X"}},
        {"_id": "rs:2", "name": "crm", "owner": p.logs["beta"], "host": "beta.example", "pid": 8, "epoch": 1, "until": before[p.logs["beta"]]["beat"] + hour, "open": None,
         "hold": {"by": "alice", "reason": "a new rack", "until": before[p.logs["beta"]]["beat"] + hour}}])
    first = db.checkpoints.find_one({"_id": p.logs["gamma"]})
    db.checkpoints.update_one({"_id": p.logs["gamma"]}, {"$set": {"n": first["n"] - 2}})
    os.rename("%s/%s.beta.cosigned" % (p.folder, p.logs["alpha"]), p.dir + "/kept")
    os.rename("%s/%s.gamma.cosigned" % (p.folder, p.logs["alpha"]), p.dir + "/kept2")
    said = found(1)
    has(said, "wrong", "hosts", "alpha.example (shop) has not beaten for 36")
    has(said, "note", "hosts", "gamma.example (logs) has not beaten for 36", "owns no deployment now")
    has(said, "note", "hosts", "beta.example", "it is draining")
    has(said, "note", "hosts", "version 2")
    has(said, "note", "versions", "0.2.0 on 1", "0.1.0 on 2")
    has(said, "note", "publish", "alpha.example (shop): 3 of its")
    has(said, "wrong", "leases", "the lease of shop is over", "step 1 of C-000001", "class X")
    has(said, "ok", "leases", "crm: beta.example (process 8)")
    has(said, "note", "leases", "crm is held in maintenance by alice", "a new rack")
    has(said, "wrong", "ledgers", "the checkpoint of gamma.example (logs) went back", "vouched at")
    has(said, "note", "witnesses", "nobody known here has vouched for the ledger of alpha.example")
    has(said, "wrong", "store", "1 of its documents", "no ledger")
    os.rename(p.dir + "/kept", "%s/%s.beta.cosigned" % (p.folder, p.logs["alpha"]))
    os.rename(p.dir + "/kept2", "%s/%s.gamma.cosigned" % (p.folder, p.logs["alpha"]))
    db.checkpoints.update_one({"_id": p.logs["gamma"]}, {"$set": {"n": first["n"] + 1000}})
    has(found(1), "wrong", "ledgers", "covers %d entries, and the store has" % (first["n"] + 1000))
    db.checkpoints.replace_one({"_id": p.logs["gamma"]}, first)
    db.hosts.delete_one({"_id": "no ledger"})
    db.leases.delete_many({})
    for log, row in before.items():
        db.hosts.replace_one({"_id": log}, row)
    found(0)


def audit(p, db):
    where = p.dir + "/export"
    said = p.json(0, "audit", "export", "--fleet", where, "--json")
    check(said["ok"] and said["broken"] == said["without_checkpoint"] == said["without_cosignature"] == 0 and len(said["ledgers"]) == 3, "the export: %s" % said)
    report = json.load(open(where + "/report.json"))
    check(report == said, "the report in the folder is what was told")
    for name, log in p.logs.items():
        own = p.run("audit", "export", "--ledger", p.dir + "/" + name)[1]
        check(open("%s/%s/entries.jsonl" % (where, log)).read() == own, "the entries of %s are not its own export" % name)
        leaf = [hashlib.sha256(b"\0" + line.encode()).hexdigest() for line in own.splitlines()]
        check([e["h"] for e in db.entries.find({"_id.l": log}).sort("_id.n", 1)] == leaf, "the hashes of %s" % name)
        one = next(l for l in said["ledgers"] if l["log"] == log)
        root = json.loads(p.run("audit", "verify", "--json", "--ledger", p.dir + "/" + name)[1])["root"]
        check(one["root"] == root and one["sure"] == one["checkpoint"]["size"] == len(leaf) and one["checkpoint"]["state"] == "agrees", "%s: %s" % (name, one))
        check(sorted(c["state"] for c in one["cosigned"]) == ["agrees", "agrees", "none"], "who vouched for %s: %s" % (name, one["cosigned"]))
    rc, _, complaint = p.run("audit", "export", "--fleet", where)
    check(rc == 2 and "not empty" in complaint, "twice into one folder: %d %s" % (rc, complaint))
    keys = p.write("keys", "".join(open("%s/%s/checkpoint-key.pub" % (p.dir, n)).read() for n in HOSTS))
    os.rename(p.dir + "/config", p.dir + "/away")  # off line: no config, no store
    check(p.json(0, "audit", "verify", "--fleet", where, "--json", "--logs", keys)["keys"] == "given", "with the auditor's own keys")
    check("bring your own" in p.run("audit", "verify", "--fleet", where)[1], "with the keys of the export")
    damaged(p, where)
    os.rename(p.dir + "/away", p.dir + "/config")
    # what the store itself lacks or says otherwise
    log = p.logs["beta"]
    fifth = db.entries.find_one({"_id": {"l": log, "n": 5}})
    db.entries.update_one({"_id": fifth["_id"]}, {"$set": {"h": "0" * 64}})
    rc, text, _ = p.run("audit", "export", "--fleet", p.dir + "/export2")
    check(rc == 1 and "says another hash of entry 5" in text, "another hash: %d %s" % (rc, text))
    db.entries.delete_one({"_id": fifth["_id"]})
    said = p.json(1, "audit", "export", "--fleet", p.dir + "/export3", "--json")
    one = next(l for l in said["ledgers"] if l["log"] == log)
    check(not one["ok"] and one["entries"] == 4 and one["first_bad"]["index"] == 5, "an entry that is missing: %s" % one)
    check(next(l for l in json.load(open(p.dir + "/export3/manifest.json"))["ledgers"] if l["log"] == log)["missing"] == 1, "the manifest says so")
    db.entries.insert_one(fifth)


def damaged(p, where):
    log = p.logs["alpha"]
    path = "%s/%s/" % (where, log)

    def alpha(what, index, part):
        said = p.json(1, "audit", "verify", "--fleet", where, "--json")
        one = next(l for l in said["ledgers"] if l["log"] == log)
        check(said["broken"] == 1 and not one["ok"] and one["first_bad"]["index"] == index and part in one["first_bad"]["what"], "%s: %s" % (what, one))
        return one

    def change(name, fn):
        data = open(path + name, "rb").read()
        shutil.copy(path + name, p.dir + "/kept")
        with open(path + name, "wb") as f:
            f.write(fn(data))

    def back(name):
        shutil.copy(p.dir + "/kept", path + name)

    lines = open(path + "entries.jsonl", "rb").read().split(b"\n")[:-1]
    change("entries.jsonl", lambda d: d.replace(b'"tty"', b'"ttz"', 1) if b'"tty"' in d else d.replace(b"shop", b"shoq", 1))
    said = p.json(1, "audit", "verify", "--fleet", where, "--json")
    check(said["broken"] == 1, "one byte: %s" % said)
    back("entries.jsonl")
    change("entries.jsonl", lambda d: b"\n".join(lines[:3] + lines[4:]) + b"\n")
    alpha("an entry taken out", 4, "it says that it is entry 5")
    back("entries.jsonl")
    change("entries.jsonl", lambda d: b"\n".join(lines[:-2]) + b"\n")
    one = alpha("cut off", None, "in the copy are %d good ones" % (len(lines) - 2))
    check(one["checkpoint"]["state"] == "short" and {c["state"] for c in one["cosigned"]} == {"short", "none"}, "who says so: %s" % one)
    back("entries.jsonl")
    change("entries.jsonl", lambda d: d[:-1])
    alpha("without its last end", len(lines), "the file ends within it")
    back("entries.jsonl")
    # a chain made anew from the third entry on fits itself, and not what was signed
    forged, prev = lines[:2], hashlib.sha256(b"\0" + lines[1]).hexdigest()
    for i, line in enumerate(lines[2:]):
        e = json.loads(line)
        e["prev"] = prev
        if i == 0:
            e["actor"]["principal"] = "nobody"
        forged.append(json.dumps(e, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        prev = hashlib.sha256(b"\0" + forged[-1]).hexdigest()
    change("entries.jsonl", lambda d: b"\n".join(forged) + b"\n")
    one = alpha("a chain made anew", None, "have the root")
    check(one["checkpoint"]["state"] == "forked", one)
    back("entries.jsonl")
    change("checkpoint", lambda d: d[:-10] + b"AAAAAAAAA\n")
    one = alpha("a checkpoint that is not signed", None, "")
    check(one["checkpoint"]["state"] == "unreadable", one)
    back("checkpoint")
    rc, _, complaint = p.run("audit", "verify", "--fleet", where, "--logs", p.write("other", open("%s/beta/checkpoint-key.pub" % p.dir).read()))
    check(rc == 1, "with a key of another ledger only: %d %s" % (rc, complaint))
    manifest = where + "/manifest.json"
    shutil.copy(manifest, p.dir + "/kept")
    m = json.load(open(manifest))
    m["ledgers"] = [l for l in m["ledgers"] if l["log"] != log]
    json.dump(m, open(manifest, "w"))
    rc, _, complaint = p.run("audit", "verify", "--fleet", where)
    check(rc == 1 and log in complaint, "a ledger taken out of the manifest: %d %s" % (rc, complaint))
    m["ledgers"].append({"log": "../../etc"})
    json.dump(m, open(manifest, "w"))
    check(p.run("audit", "verify", "--fleet", where)[0] == 2, "a path in place of a ledger")
    shutil.copy(p.dir + "/kept", manifest)
    check(p.json(0, "audit", "verify", "--fleet", where, "--json")["ok"], "as it was")


def hostile(p, db):
    """Documents that somebody has put there to mislead whoever looks: each is left out and named, or shown in one line, and hides no other."""
    log, deep = p.logs["gamma"], {"a": 1}
    host = db.hosts.find_one({"_id": log})
    for _ in range(60):
        deep = {"a": deep}
    db.hosts.insert_many([{"_id": "z" + "\u00e9" * 100}, {"_id": deep}, {"_id": 2 ** 62, "host": "x" * 100000}])
    db.cards.insert_one({"_id": {"l": log, "card": "z" * 39 + "\u00e9"}, "n": 1, "state": "failed", "bytes": "[" * 5000})
    db.incidents.insert_one({"_id": {"l": log, "incident": "\u001b[2Jz"}, "n": 1, "state": "open", "bytes": "{}"})
    db.hosts.update_one({"_id": log}, {"$set": {"host": "gamma\nok     0123456789ab  shop on alpha.example: 9 entries, signed up to entry 9", "beat": 2 ** 62, "head": 2 ** 62}})
    db.leases.insert_one({"_id": "rs:9", "name": "x\n\u001b[2Jy", "owner": log, "host": "h", "epoch": bson.Int64(1), "until": bson.Int64(-(2 ** 63)), "hold": {"until": bson.Int64(2 ** 63 - 1), "by": 7}})
    db.entries.insert_one({"_id": {"l": log, "n": bson.Int64(2 ** 63 - 1)}, "h": "0" * 64, "b": "{}"})
    said = p.json(1, "console", "--fleet", "--json")
    check(said["odd"]["documents"] == 5 and {r["deployment"] for r in said["rows"]} == {"shop", "crm", "logs"}, "the page: %s" % said["odd"])
    rc, text, _ = p.run("console", "--fleet")
    check(rc == 1 and "\u001b" not in text and "\nok " not in text, "lines of the page: %d %s" % (rc, text))
    rc, text, complaint = p.run("store", "leases")
    check(rc == 0 and "\u001b" not in text and len(text.splitlines()) == 2, "lines of the leases: %d %s%s" % (rc, text, complaint))
    check(p.json(0, "store", "leases", "--json")["leases"][0]["until"] == "1970-01-01T00:00:00.000Z", "a moment")
    findings = p.json(1, "doctor", "--fleet", "--json")["findings"]
    check(any("alpha.example (shop), program" in f["what"] for f in findings), "the doctor tells of the others: %s" % findings)
    said = p.json(1, "audit", "export", "--fleet", p.dir + "/export4", "--json")
    check(len(said["ledgers"]) == 3 and said["broken"] == 0, "the export: %s" % said)
    rc, text, _ = p.run("audit", "verify", "--fleet", p.dir + "/export4")
    check(rc == 0 and sum(line.startswith("ok ") for line in text.splitlines()) == 3, "a name makes no line: %d %s" % (rc, text))
    db.entries.update_one({"_id": {"l": log, "n": bson.Int64(2 ** 63 - 1)}}, {"$set": {"h": 1}})
    db.entries.insert_one({"_id": {"l": log, "n": float(2 ** 62)}, "h": "0" * 64, "b": "{}"})
    db.entries.delete_one({"_id": {"l": log, "n": bson.Int64(2 ** 63 - 1)}})
    findings = p.json(1, "doctor", "--fleet", "--json")["findings"]
    check(any(f["area"] == "ledgers" and log in f["what"] for f in findings) and any("alpha.example (shop), program" in f["what"] for f in findings), "one bad entry: %s" % findings)
    db.entries.delete_one({"_id": {"l": log, "n": float(2 ** 62)}})
    db.hosts.delete_many({"_id": {"$in": ["z" + "\u00e9" * 100, deep, 2 ** 62]}})
    db.cards.delete_one({"_id.card": "z" * 39 + "\u00e9"})
    db.incidents.delete_one({"_id.incident": "\u001b[2Jz"})
    db.leases.delete_many({})
    db.hosts.replace_one({"_id": log}, host)
    p.json(0, "console", "--fleet", "--json")


def without_store(p):
    p.write("config/signalbox/config", "")
    for words in (("console", "--fleet", "--json"), ("doctor", "--fleet"), ("audit", "export", "--fleet", p.dir + "/none")):
        rc, _, complaint = p.run(*words)
        check(rc == 2 and "names no store" in complaint and not os.path.exists(p.dir + "/none"), "%s without a store: %d %s" % (words, rc, complaint))
    p.config()


def main():
    sim = L.Sim("calm", 1)
    try:
        p = Place(sim)
        rc, _, complaint = p.run("console", "--fleet", "--json")
        check(rc == 3 and "no host has made a store" in complaint, "before the first host: %d %s" % (rc, complaint))
        for name in HOSTS:
            p.make(name)
        p.meet()
        for name in HOSTS:
            p.put(name)
        db = pymongo.MongoClient(sim.uri)["signalbox"]
        page(p, db)
        doctor(p, db)
        audit(p, db)
        hostile(p, db)
        without_store(p)
    finally:
        sim.close()
    finish()
    print("ok")


main()
