#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two hosts and one store: three simulated members, twenty minutes ahead of both. A card of the one is approved by a person on the other,
by signature, and carried out once; and nothing is carried out while the store is away, has lost what it had, or is no store at all."""
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")
AHEAD = datetime.timedelta(minutes=20)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def three_ports():
    """The first of three that are free, one behind the other: they are taken again later."""
    for _ in range(100):
        first, held = free_port(), []
        try:
            for port in range(first, first + 3):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue
        finally:
            for s in held:
                s.close()
    raise L.Failure("no three free ports")


class Store:
    """The operators' replica set. Its clock is not that of the hosts."""

    def __init__(self, port=None):
        argv = [L.PROGRAM, "sim", "--scenario", "calm", "--start", (datetime.datetime.utcnow() + AHEAD).strftime("%Y-%m-%dT%H:%M:%SZ"), "--incarnation", "%032x" % 7]
        self.port = port or three_ports()
        self.process = subprocess.Popen(argv + ["--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ready = json.loads(self.process.stdout.readline())
        self.uri = self.ready["uri"]
        self.db = pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=20000).signalbox

    def kill(self):
        self.process.kill()
        self.process.wait()


def key(where, name):
    path = "%s/%s" % (where, name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    with open(path + ".pub") as f:
        return path, f.read().strip()


def configure(lab, uri, *lines):
    lab.write_uri("store", uri)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set store mongodb\nset store_uri_file %s/store\n%s%s" % (lab.dir, "".join(line + "\n" for line in lines), rest))


def copied(lab, store):
    """What the store has of this host's record is the record."""
    log = status(lab)["ledger"]
    there = [d["b"] for d in store.db.entries.find({"_id.l": log}).sort("_id", 1)]
    mine = [e["seq"] for e in lab.entries()]
    L.require([json.loads(b)["seq"] for b in there] == list(range(1, len(there) + 1)), "the copy has gaps")
    L.require(abs(len(there) - len(mine)) < 5, "%d entries there, %d here" % (len(there), len(mine)))
    return log


def status(lab):
    return json.loads(lab.run("store", "--json", "status", check=False).stdout)


def well(lab):
    return lab.until("a store that has all", lambda: (lambda s: s["state"] == "well" and s["there"] == s["entries"] and s)(status(lab)))


class Elsewhere:
    """A person at another machine: a config, keys, and no ledger."""

    def __init__(self, store):
        self.dir = tempfile.mkdtemp(prefix="elsewhere")
        os.makedirs(self.dir + "/config/signalbox")
        with open(self.dir + "/store", "w") as f:
            f.write(store.uri + "\n")
        os.chmod(self.dir + "/store", 0o600)
        with open(self.dir + "/config/signalbox/config", "w") as f:
            f.write("set store mongodb\nset store_uri_file %s/store\n" % self.dir)
        self.env = dict(os.environ, XDG_STATE_HOME=self.dir + "/state", XDG_CONFIG_HOME=self.dir + "/config")

    def store(self, *argv):
        return subprocess.run([L.PROGRAM, "store", *argv], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def says(done, status, words):
    text = done.stdout + (done.stderr or "")
    L.require(done.returncode == status and words in text, "exit %d, expected %d with \"%s\": %s" % (done.returncode, status, words, text))


def approved_by_another_host(lab, store):
    alice, bob, carol, mallory = (key(lab.dir, n) for n in ("alice", "bob", "carol", "mallory"))
    with open(lab.dir + "/approvers", "w") as f:
        f.write("alice %s\nbob %s\n" % (alice[1], bob[1]))
        f.write('carol valid-before="20200101" %s\n' % carol[1])  # she has left
    configure(lab, store.uri, "set approval_signers %s/approvers" % lab.dir)
    there = Elsewhere(store)
    lab.start()
    id = lab.propose()
    well(lab)
    card = lab.card(id)
    row = lab.until("the card in the store", lambda: store.db.cards.find_one({"_id.card": id, "sha256": card["hash"], "state": "awaiting_approval"}))
    L.require(row["title"] == card["title"] and row["needs"] == 1 and row["environment"] == "staging", "the copy of the card: %s" % row)
    with_hash = ("--hash", card["hash"], "--target", card["target"])
    primary = store.db.client.primary
    try:  # another member of the store is its primary from here on
        store.db.client.admin.command("replSetStepDown", 60, secondaryCatchUpPeriodSecs=5)
    except pymongo.errors.AutoReconnect:
        pass
    lab.until("another primary of the store", lambda: store.db.client.primary not in (None, primary))
    well(lab)
    says(there.store("approve", id, "--hash", "0" * 64, "--sign", bob[0], "--as", "bob"), 1, "is not the hash of")
    says(there.store("approve", id, *with_hash, "--sign", mallory[0], "--as", "bob"), 4, "the signature does not count")
    says(there.store("approve", id, *with_hash, "--sign", carol[0], "--as", "carol"), 4, "the signature does not count")
    taken = store.db.approvals.find_one({"by": "carol"})
    L.require(taken["answer"]["ok"] is False and len(lab.entries("refused")) == 2 and not lab.entries("approval"), "what was refused: %s" % taken)
    again = dict(store.db.approvals.find_one({"by": "carol"}), _id="another nonce", answer=None)
    store.db.approvals.insert_one(again)  # the same statement under a nonce that was not signed
    lab.until("its answer", lambda: store.db.approvals.find_one({"_id": "another nonce"})["answer"])
    L.require("another nonce than was signed" in store.db.approvals.find_one({"_id": "another nonce"})["answer"]["why"], "a nonce that was not signed")
    says(there.store("approve", id, *with_hash, "--sign", bob[0], "--as", "bob"), 0, "approved")
    lab.until_state(id, "watching", "done")
    says(there.store("approve", id, *with_hash, "--sign", alice[0], "--as", "alice"), 4, id)
    approval = lab.entries("approval")
    L.require(len(approval) == 1 and approval[0]["body"]["approval"]["by"] == "bob" and approval[0]["body"]["approval"]["how"] == "store", "the record: %s" % approval)
    nonce = approval[0]["body"]["approval"]["nonce"]
    starts = list(store.db.starts.find())
    L.require(len(starts) == 1 and starts[0]["_id"] == nonce and starts[0]["card"] == id, "the starts: %s" % starts)
    lease = store.db.leases.find_one()
    L.require(lease["epoch"] >= 1 and starts[0]["epoch"] == lease["epoch"], "the epoch of the start: %s, %s" % (starts, lease))
    L.require(store.db.hosts.find_one()["draining"] is False, "a host that works is draining")
    intent = lab.entries("step.intent")[0]["seq"]
    L.require(starts[0]["n"] < intent, "entry %d was to be there before the intent %d" % (starts[0]["n"], intent))
    lab.stop()
    copied(lab, store)
    lab.check_record(id)
    says(subprocess.run([L.PROGRAM, "audit", "verify"], env=lab.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True), 0, "1 signed")
    row = store.db.hosts.find_one()
    L.require(row["draining"] is True, "a console that has ended does not say so: %s" % row)
    L.require(row["deployment"]["name"] == "lab" and abs(row["beat"] - datetime.datetime.utcnow() - AHEAD) < datetime.timedelta(minutes=5), "the host's row: %s" % row)
    shutil.rmtree(there.dir)


def nothing_without_the_store(lab, store):
    configure(lab, store.uri)
    lab.start()
    first, = (lab.propose(),)
    before = well(lab)
    store.kill()
    lab.until("that it is away is on the record", lambda: any(e["body"]["event"] == "away" for e in lab.entries("store")))
    lab.approve(first)
    lab.until("a card that waits", lambda: "store away: nothing is executed" in (lab.card(first) or {}).get("note", ""))
    L.require(not lab.entries("step.intent"), "a step was sent while the store was away")
    store.__init__(store.port)  # empty, in the same place
    lab.until("that it is held is on the record", lambda: any(e["body"]["event"] == "held" for e in lab.entries("store")))
    L.require(status(lab)["state"] == "held" and "has lost all" in status(lab)["why"], "%s" % status(lab))
    L.require(not lab.entries("step.intent"), "a step was sent while the store was held")
    says(lab.run("doctor", check=False), 1, "held, nothing is executed: the store")
    says(subprocess.run([L.PROGRAM, "store", "accept-restored", "--reason", "its disks are gone"], env=lab.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True), 0, "filled up again")
    lab.until_state(first, "watching", "done")
    L.require(well(lab)["store"] == before["store"], "the store is another one")
    accepted = [e for e in lab.entries("store") if e["body"]["event"] == "accepted"]
    L.require(len(accepted) == 1 and accepted[0]["body"]["reason"] == "its disks are gone", "the record: %s" % accepted)
    lab.stop()
    copied(lab, store)
    lab.check_record(first)


def another_make_of_server_is_refused(lab, store):
    program = os.path.join("build", "live", "ferretdb")
    if not os.path.exists(program):
        print("SKIP: FerretDB is not built (tests/live/main_job.sh builds it)")
        return
    port = free_port()
    os.mkdir(lab.dir + "/ferretdb")
    ferretdb = subprocess.Popen([program, "127.0.0.1:%d" % port, lab.dir + "/ferretdb"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        configure(lab, "mongodb://127.0.0.1:%d/" % port)
        lab.until("FerretDB", lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        lab.start()
        lab.until("its refusal on the record", lambda: any(e["body"]["event"] == "refused" for e in lab.entries("store")))
        why = [e["body"]["why"] for e in lab.entries("store") if e["body"]["event"] == "refused"][0]
        L.require("says ok to a write that 49 members were to have" in why, why)
        id = lab.propose(window=0)
        lab.approve(id)
        lab.until("a card that waits", lambda: "store refused: nothing is executed" in (lab.card(id) or {}).get("note", ""))
        L.require(not lab.entries("step.intent"), "a step was sent without a store")
        lab.stop()
    finally:
        ferretdb.kill()
        ferretdb.wait()


def run(*tests):
    failed = 0
    if not shutil.which("ssh-keygen"):
        print("SKIP: ssh-keygen is not installed")
        return 77
    for test in [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]:
        lab, store, began = L.Lab(QUICK), Store(), time.monotonic()
        try:
            test(lab, store)
            print("ok %s (%.0f s)" % (test.__name__, time.monotonic() - began))
        except Exception:
            failed += 1
            print("FAILED", test.__name__)
            traceback.print_exc()
            print(lab.log())
        finally:
            lab.close()
            store.kill()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(approved_by_another_host, nothing_without_the_store, another_make_of_server_is_refused))
