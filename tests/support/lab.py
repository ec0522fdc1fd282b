# SPDX-License-Identifier: Apache-2.0
"""A laboratory for end-to-end tests: a simulated set, the proxy before it, an owner of a ledger, and the record.

Nothing here waits for a fixed time: everything is polled until it is so, or a limit of patience is over.
"""
import atexit
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import pymongo

import wire

PROGRAM = os.environ["SIGNALBOX"]
BUILD = os.environ["SIGNALBOX_BUILD"]
PATIENCE = float(os.environ.get("SIGNALBOX_TEST_PATIENCE", "90"))
ENDS = ("done", "rolled_back", "failed", "rejected", "denied", "expired", "superseded")


class Failure(Exception):
    pass


def require(ok, what):
    if not ok:
        raise Failure(what)


class Sim:
    def __init__(self, scenario, speed, seed=1, incarnation=None, port=None, version=None):
        argv = [PROGRAM, "sim", "--scenario", scenario, "--speed", str(speed), "--seed", str(seed)]
        argv += ["--incarnation", incarnation] if incarnation else []
        argv += ["--port", str(port)] if port else []
        argv += ["--server-version", version] if version else []
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        require(line, "the simulator did not start")
        self.ready = json.loads(line)
        self.members, self.uri = self.ready["members"], self.ready["uri"]
        self._direct = None

    def direct(self):
        if not self._direct:
            self._direct = pymongo.MongoClient("mongodb://%s/?directConnection=true" % self.members[0], serverSelectionTimeoutMS=20000)
        return self._direct

    def index(self, ns, name):
        """Of every member: None, or the index as it is listed."""
        found = []
        for member in self.members:
            client = pymongo.MongoClient("mongodb://%s/?directConnection=true" % member, serverSelectionTimeoutMS=20000)
            db, coll = ns.split(".", 1)
            batch = client[db].command({"listIndexes": coll, "includeBuildUUIDs": True})["cursor"]["firstBatch"]
            found.append(next((i for i in batch if (i.get("spec") or i)["name"] == name), None))
            client.close()
        return found

    def builds_registered(self, name):
        log = self.direct().admin.command({"getLog": "global"})["log"]
        return sum(1 for line in log if '"id":20438,' in line and '"firstIndex":{"name":"%s"}' % name in line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self._direct:
            self._direct.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def trace(entries):
    """No action without what it goes back to: each command that was sent to change something has, before it on the record, a request
    (a person's, a schedule's or an anomaly's), a hand-off, a card with evidence, the policy that is named, its verdict, and a decision:
    approvals of exactly these bytes as many as the verdict wants, or a verdict that wants none."""
    seen = {}
    for e in entries:
        seen.setdefault(e["kind"], []).append(e)
        if e["kind"] != "step.intent":
            continue
        case, card, hash, where = e["plan"].get("case"), e["plan"].get("card"), e["plan"].get("hash"), "entry %d (%s)" % (e["seq"], e["body"]["command"][:60])

        def before(kind, test):
            return [x for x in seen.get(kind, []) if test(x)]
        require(before("request", lambda x: x["body"]["case"]["id"] == case), "%s goes back to no request" % where)
        require(before("intent", lambda x: x["plan"].get("case") == case), "%s: nothing says how its request was read" % where)
        require(before("handoff", lambda x: x["plan"].get("case") == case), "%s: nobody was called for its case" % where)
        made = [x for x in seen.get("recommendation", []) + seen.get("edit", []) if x["plan"].get("card") == card]
        require(made and made[0]["body"]["card"]["evidence"], "%s rests on no evidence" % where)
        policies = [x["body"]["policy"]["sha256"] for x in seen.get("policy.load", [])]
        require(e["policy"] in policies, "%s names a policy that never came into force" % where)
        verdicts = before("verdict", lambda x: x["plan"].get("card") == card)
        require(verdicts and all(v["policy"] in policies for v in verdicts), "%s was not asked of policy" % where)
        if e["body"]["undo"]:
            require(before("state", lambda x: x["plan"].get("card") == card and x["body"]["to"] == "rolling_back") or
                    before("state", lambda x: x["plan"].get("card") == card and x["body"]["event"] == "stop"), "%s: nobody wanted it taken back" % where)
            continue
        last = [v for v in verdicts if v["body"]["stage"] == "execute"]
        require(last and last[-1]["body"]["verdict"]["decision"] == "allow", "%s: the last verdict before it is not to go on" % where)
        given = before("approval", lambda x: x["plan"].get("card") == card and x["body"]["approval"]["hash"] == hash)
        wanted = max([v["body"]["verdict"]["requires"]["approvals"] for v in verdicts if v["plan"].get("hash") == hash] or [0])
        require(len(given) >= wanted and (given or before("state", lambda x: x["plan"].get("card") == card and x["body"]["event"] == "allow")),
                "%s: %d approvals of these bytes, policy wanted %d" % (where, len(given), wanted))


class Lab:
    """A state folder of its own, a simulator behind the proxy, and commands that talk to the owner."""

    def __init__(self, scenario, speed=20, environment="staging", proxy=True, version=None):
        self.dir = tempfile.mkdtemp(prefix="lab")
        self.env = dict(os.environ, XDG_STATE_HOME=self.dir + "/state", XDG_CONFIG_HOME=self.dir + "/config")
        self.state = self.dir + "/state/signalbox"
        self.owner, self.crashes = None, 0
        self.wire_problems, self.unmatched = [], []
        os.makedirs(self.dir + "/config/signalbox")
        os.makedirs(self.dir + "/state")
        self.sim = Sim(scenario, speed, version=version)
        self.proxy = wire.Proxy(self.sim.members, self.sim.ready["set"], self.on_write, self.on_app) if proxy else None
        uri = self.proxy.uri if proxy else self.sim.uri
        self.write_uri("monitor", uri + "&appName=monitor")
        self.write_uri("executor", uri + "&appName=executor")
        with open(self.dir + "/config/signalbox/config", "w") as f:
            f.write("deployment lab\nset uri_file %s/monitor\nset executor_uri_file %s/executor\nset environment %s\n" % (self.dir, self.dir, environment))

    def write_uri(self, name, uri):
        path = "%s/%s" % (self.dir, name)
        with open(path, "w") as f:
            f.write(uri + "\n")
        os.chmod(path, 0o600)

    # ---- what the proxy asks ----

    def on_write(self, write):
        """Before a write reaches the server: is its intent on the record, and durable? The fence of who owns the deployment is the program's
        own; it is one document, of which only its epoch, its owner and a count are set."""
        if write.name == "update" and write.doc.get("$db") == "signalbox_fence" and write.doc["update"] == "epoch":
            sets = {key for s in write.doc["updates"] for of in s["u"].values() for key in of}
            if not sets <= {"epoch", "owner", "confirmed"}:
                self.wire_problems.append("%s was sent to the fence" % write.text)
            return
        if write.part_of is not None:  # of the one command whose parts these are
            if not any('"%s"' % write.part_of in e["body"]["command"] and e["body"]["command"].startswith(('{ "delete"', '{ "update"')) for e in self.open_intents()):
                self.wire_problems.append("%s was sent while no intent for it was open" % write.text)
            return
        sha = hashlib.sha256(write.text.encode()).hexdigest()
        intents = [e for e in self.entries("step.intent") if e["body"]["sha256"] == sha]
        sent = sum(1 for w in self.proxy.writes if w.text == write.text)
        if len(intents) <= sent:
            self.wire_problems.append("%s was sent, and the record holds %d intents for it: %s" % (write.name, len(intents), write.text))
        if write.conn.app != "executor":
            self.wire_problems.append("%s came on a connection of %s" % (write.name, write.conn.app))

    def on_app(self, app):
        """A connection of the executor's login: only while a step is open."""
        if app == "executor" and not self.open_intents():
            self.wire_problems.append("the executor's login was used while no intent was open")

    # ---- the owner ----

    def start(self, *more, program=None, env=None, wait=True):
        self.owner = subprocess.Popen([program or PROGRAM, "serve", *more], env=dict(self.env, **(env or {})), stdout=subprocess.DEVNULL,
                                      stderr=open(self.dir + "/serve.log", "ab"))
        if wait:
            self.until("the owner's socket", lambda: self.ran_out() or self.listening())
        return self.owner

    def listening(self):
        """Somebody answers on the owner's socket. (`cards` would own the ledger itself for a moment when there is nobody.)"""
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.state + "/socket")
                return True
            except OSError:
                return False

    def ran_out(self):
        return self.owner.poll() is not None

    def stop(self):
        if self.owner and self.owner.poll() is None:
            self.owner.send_signal(signal.SIGTERM)
            self.owner.wait(PATIENCE)

    def kill(self):
        self.owner.kill()
        self.owner.wait()

    def log(self):
        try:
            with open(self.dir + "/serve.log", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def run(self, *argv, check=True):
        done = subprocess.run([PROGRAM, *argv], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        require(not check or done.returncode == 0, "%s: exit %d: %s%s" % (" ".join(argv), done.returncode, done.stdout, done.stderr))
        return done

    def ask(self, text):
        return json.loads(self.run("ask", "--json", text).stdout)

    def card(self, id):
        done = self.run("cards", "--json", "show", id, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def state_of(self, id):
        card = self.card(id)
        return card["state"] if card else None

    def until(self, what, fn, patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            value = fn()
            if value:
                return value
            time.sleep(0.05)
        raise Failure("%s: not within %g s\n%s" % (what, patience, self.log()))

    def until_state(self, id, *states):
        def there():
            now = self.state_of(id)
            return now if now in states else None
        try:
            return self.until("%s in %s" % (id, "/".join(states)), there)
        except Failure as e:
            card = self.card(id) or {}
            raise Failure("%s\n  it is %s: %s" % (e, card.get("state"), card.get("note")))

    def propose(self, ns="shop.orders", key="{customer_id: 1, created_at: -1}", window=60):
        """A card that creates an index, with a short watch window; its id."""
        self.until("a connection", lambda: self.run("ask", "--json", "create an index on %s %s" % (ns, key), check=False).returncode == 0
                   if not self.ids("create_index") else True)
        id = self.ids("create_index")[-1]
        self.until_state(id, "awaiting_approval")
        if window:
            self.run("cards", "edit", id, "--set", "watch_window_s=%d" % window)
        return id

    def ids(self, kind=None):
        """Of the cards that were proposed, or of those of one kind."""
        cards = [e["body"]["card"] for e in self.entries("recommendation")]
        return [c["id"] for c in cards if kind in (None, c["kind"])]

    def approve(self, id, check=True):
        card = self.card(id)
        if not card and not check:
            return None  # the owner has just died
        return self.run("cards", "approve", id, "--hash", card["hash"], "--target", card["target"], check=check)

    # ---- the record ----

    def entries(self, *kinds):
        """Entries of these kinds (all when none is named) as the file holds them now."""
        if not os.path.exists(self.state + "/ledger.db"):
            return []
        db = sqlite3.connect("file:%s/ledger.db?mode=ro" % self.state, uri=True, timeout=10)
        try:
            marks = ['"kind":"%s"' % k for k in kinds] or [""]  # most of a large record need not be parsed
            rows = [json.loads(text) for text, in db.execute("SELECT json FROM entry ORDER BY seq") if any(m in text for m in marks)]
        finally:
            db.close()
        return [e for e in rows if not kinds or e["kind"] in kinds]

    def open_intents(self, known=("ok", "failed", "unknown")):
        """Intents without a result."""
        left = {}
        for e in self.entries("step.intent", "step.result"):
            b = e["body"]
            key = (e["plan"]["card"], b["step"], b["try"], b["undo"])
            if e["kind"] == "step.intent":
                left[key] = e
            elif b["outcome"] in known:
                left.pop(key, None)
        return list(left.values())

    def verify(self):
        """The chain, by the ledger's own verifier in a process of its own."""
        done = subprocess.run([BUILD + "/tests/e2e/crash_owner", "--verify", self.state], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        require(done.returncode == 0, "the record is broken: " + done.stdout)
        trace(self.entries())

    def check_record(self, id):
        """What must be true of a card's record once it has come to an end."""
        mine = [e for e in self.entries() if e["plan"].get("card") == id]
        starts = [e for e in mine if e["kind"] == "state" and e["body"]["event"] == "start"]
        intents = [e for e in mine if e["kind"] == "step.intent"]
        nonces = [e["body"]["nonce"] for e in intents if e["body"]["nonce"]]
        require(len(starts) <= 1, "%s was started %d times" % (id, len(starts)))
        require(len(nonces) <= 1, "the approval of %s was used %d times" % (id, len(nonces)))
        require(not intents or nonces, "%s was carried out without its approval's nonce" % id)
        require(not intents or starts and starts[0]["seq"] < intents[0]["seq"], "%s: an intent before the start" % id)
        for e in self.open_intents():
            raise Failure("entry %d, an intent (%s), has no outcome" % (e["seq"], e["body"]["command"]))
        for e in [e for e in self.open_intents(known=("ok", "failed")) if e["plan"]["card"] == id]:
            later = [x for x in mine if x["seq"] > e["seq"] and x["kind"] in ("step.verified", "step.intent")]
            require(later, "entry %d, an intent, is in doubt to the end" % e["seq"])
        keys = [(e["body"]["step"], e["body"]["try"], e["body"]["undo"]) for e in intents]
        require(len(keys) == len(set(keys)), "an attempt was numbered twice: %s" % keys)
        for before, after in zip(intents, intents[1:]):  # nothing is sent again before it is known what became of the last
            between = [x for x in mine if before["seq"] < x["seq"] < after["seq"]]
            with_it = after["body"].get("beside", 0) > 0  # of one turn, over ranges that share no document
            require(with_it or before["body"]["undo"] != after["body"]["undo"] or any(x["kind"] in ("step.result", "step.probe") for x in between),
                    "entry %d was sent again by entry %d without a look" % (before["seq"], after["seq"]))
        require(not self.wire_problems, "; ".join(self.wire_problems))
        if self.proxy:
            require(not self.proxy.problems, "; ".join(self.proxy.problems))
            for w in self.proxy.writes:
                kept = (w.name == "drop" and '"signalbox_before_' in w.text) or (w.name == "aggregate" and '"$merge"' in w.text)  # what fields say, beside
                kept = kept or (w.name in ("create", "drop") and '"signalbox_made_' in w.text)  # what takes a collection's place
                renamed = w.name == "renameCollection" and "dropTarget" not in w.text
                require(kept or renamed or w.part_of is not None or w.name in ("createIndexes", "dropIndexes", "collMod", "profile", "update"), "%s was sent" % w.text)

    def close(self):
        """Also of a test that never looked at the wire: each write had its intent before it, or the program ends with 1; and what is on
        the record that is left is held against trace, unless something else has failed already."""
        try:
            if self.owner and self.owner.poll() is None:
                self.kill()
            if not sys.exc_info()[0]:
                trace(self.entries())
        finally:
            self.sim.close()
            if self.proxy:
                self.proxy.close()
            shutil.rmtree(self.dir, ignore_errors=True)
        wrong = self.wire_problems + (self.proxy.problems if self.proxy else [])
        if wrong:
            print("FAIL  on the wire: %s" % "; ".join(wrong), flush=True)
            atexit.register(lambda: (sys.stdout.flush(), os._exit(1)))
