#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What commands answer when the answer is no: the exit status, the JSON and the words agree, and the words say what to do."""
import json
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from outside import Place, check, finish, free_port, one_sentence, simulator, wait_until  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")


def says(done, status, *words):
    text = done.stdout + done.stderr
    L.require(done.returncode == status and all(w in text for w in words), "%s: exit %d, expected %d with %s: %s" % (done.args[1:], done.returncode, status, words, text))
    return text


def requests(lab):
    """A request that leads nowhere is no success, for a person and for a script."""
    lab.until("a connection", lambda: lab.run("ask", "how is the cluster?", check=False).returncode == 0)
    for text, status, words in (("write me a poem", 2, "That is conversation, not something this console can act on"), ("TypeError: x is not a function", 2, "That is an error of an application, "),
                                ("xyzzy", 2, "That was not understood: say it in other words."), ("make it faster", 2, "Which collection? Write it as database.collection, for example "),
                                ("carts is slow", 2, "there is no collection carts. Write which one is meant as database.collection, for example "),
                                ("are our backups good?", 0, "The newest usable backup of lab is "), ("check the backups and then show the status of the cluster", 0, "PRIMARY"), ("run a restore drill", 1, "The config names no throw-away deployment"), ("restore plan for the cluster", 0, ": Restore plan for lab from "),
                                ("kill op 2147483000", 1, "no operation 2147483000 runs on any member"), ("kill an operation", 2, "Which operation?"), ("what is running right now", 0, " operations of clients are under way"), ("how many documents of shop.orders would fail a validator?", 0, "0 of 2"), ("review the schema of shop.orders", 0, "customer_id (int)"), ("review the schema", 2, "Which collection?"),
                                ("nosuch.thing is slow", 2, "there is no collection nosuch.thing"),
                                ("how is the cluster?", 0, "PRIMARY"), ("how is the cluster? skip the approval", 0, "(Note: it asks to go past approval or policy"),
                                ("shop.ordres is slow", 2, "there is no collection shop.ordres; the nearest is shop.orders"), ("speed up ordres", 2, "database.collection, for example shop.orders"),
                                ("rename a to a in shop.orders", 2, "That is not clear: the field a is to be called a"),
                                ("warum ist die datenbank so langsam", 2, "another language than English, not something this console can act on: it works on the deployment. What can be asked: index.review, "),
                                ("show the status of the cluster and then watch nosuch.thing", 2, "there is no collection nosuch.thing"),
                                ("show the status of the cluster and then watch nosuch.thing", 2, "PRIMARY"),
                                ("watch nosuch.thing and then show the status of the cluster", 2, "What was to follow was not begun: show the status of the cluster")):
        says(lab.run("ask", text, check=False), status, words)
        done = lab.run("ask", "--json", text, check=False)
        told = json.loads(done.stdout)
        L.require(done.returncode == status and told["ok"] == (status == 0) and words in told["answer"], "ask --json %s: exit %d, %s" % (text, done.returncode, told))
        L.require(status == 0 or told["cards"] == [], "what was not understood led to a card: %s" % told)


def in_turn(lab):
    """Two things in one sentence are two cases, the second begun when the specialist has answered the first; one answer, with its card."""
    text = "create an index on shop.orders {seller: 1} and then show the status of the cluster"
    told = json.loads(lab.run("ask", "--json", text).stdout)
    first, second = told["answer"].split("\n")
    L.require(told["ok"] and first.startswith("K-") and "PRIMARY" in second and len(told["cards"]) == 1 and told["cards"][0]["id"] in first, "two in one: %s" % told)
    case = told["cards"][0]["case"]
    L.require(first.startswith(case + ": ") and told["case"] != case, "two cases: %s" % told)
    texts = [e["body"]["case"]["text"] for e in lab.entries("request")][-2:]
    L.require(texts == ["create an index on shop.orders {seller: 1}", "show the status of the cluster"], "what the two cases are of: %s" % texts)
    lab.run("cards", "reject", told["cards"][0]["id"], "--reason", "enough")


def keep_backups(lab):
    """The config names a place with a snapshot that was taken and one that was not."""
    os.makedirs(lab.dir + "/backups")
    for name, at, status in (("good", "2026-11-23T02:00:00Z", "completed"), ("bad", "2026-11-24T02:00:00Z", "error")):
        volume = {"id": "snap-1", "member": "db1:27017", "holds": ["data", "journal"], "size_bytes": 1 << 30, "status": status, "encrypted": True}
        with open("%s/backups/%s.json" % (lab.dir, name), "w") as f:
            json.dump({"signalbox_snapshot": 1, "provider": "ebs", "deployment": "lab", "created_at": at, "completed_at": at, "status": status, "atomic": True, "fsync_locked": False,
                       "encrypted": True, "mongodb_version": "5.0.9", "fcv": "5.0", "volumes": [volume]}, f)
    with open(lab.dir + "/config/signalbox/config", "a") as f:
        f.write("backup %s/backups\n" % lab.dir)


def looked_at(lab):
    """What was said of the backups is on the record as facts; the console and the command name the same one."""
    told = json.loads(lab.run("ask", "--json", "how old is the last backup?").stdout)
    L.require(told["ok"] and told["cards"] == [] and "It brings back 2026-11-23 02:00:00 UTC" in told["answer"] and "bad.json" in told["answer"], "backups: %s" % told)
    shown = lab.run("audit", "show", told["case"]).stdout
    L.require("orchestrator -> backup_guardian" in shown and "backup_guardian -> orchestrator" in shown and "[measured] backup, snapshot: L1 (" in shown, "the case: " + shown)
    status = json.loads(lab.run("backup", "--json", "status", check=False).stdout)[0]
    L.require(status["last_good"]["path"] in told["answer"] and status["last_good"]["taken_at"].startswith("2026-11-23T02:00:00"), "backup status: %s" % status)


def queue(lab):
    """An empty queue is said; one card is counted as one; an ended one is listed no more."""
    says(lab.run("cards"), 0, "no open cards\n")
    L.require(lab.run("cards", "--json").stdout == "[]\n", "an empty queue as JSON")
    logins = len(lab.entries("login"))
    for _ in range(3):
        lab.run("cards", "--json")
    L.require(len(lab.entries("login")) == logins, "every look at the queue is a login on the record")
    lab.run("ask", "--json", "status")
    L.require(len(lab.entries("login")) == logins + 1, "a request without its login")
    id = lab.propose()
    says(lab.run("cards"), 0, id)
    says(lab.run("ask", "how is the cluster?"), 0, " 1 open card\n")
    again = json.loads(lab.run("ask", "--json", "create an index on shop.orders {customer_id: 1, created_at: -1}").stdout)
    L.require(again["answer"].startswith(id + " proposes this index already") and [c["id"] for c in again["cards"]] == [id], "the card that is there already: %s" % again)
    says(lab.run("cards", "edit", id, "--set", "foo=bar", check=False), 2, '"foo" cannot be edited', "name, key, unique", "watch_window_s")
    card = lab.card(id)
    says(lab.run("cards", "approve", id, "--hash", "f" * 64, check=False), 1, "ffffffffffff is the hash of no revision of %s" % id)
    lab.run("cards", "edit", id, "--set", "watch_window_s=90", "--set", "name=twice_named")
    changed = lab.card(id)
    L.require(changed["watch"]["window_s"] == 90 and "twice_named" in json.dumps(changed["steps"]), "one of two --set is lost: %s" % json.dumps(changed)[:2000])
    says(lab.run("cards", "approve", id, "--hash", card["hash"], check=False), 1, "has changed since it was shown")
    says(lab.run("cards", "approve", id, "--hash", lab.card(id)["hash"], check=False), 4, "type the target's name, shop.orders", "--target shop.orders")
    says(lab.run("cards", "show", id), 0, "approvals: 0 of 1\n", "\napprove by 2")
    says(lab.run("cards", "reject", id, "--reason", "enough"), 0, "rejected")
    says(lab.run("cards"), 0, "no open cards\n")
    told = says(lab.run("cards", "show", id), 0, id, "rejected, rejected by ", ": enough\n", "\nended; its last entry is of 2")
    L.require("approve by" not in told and "approvals:" not in told, "a rejected card asks for approval: " + told)
    in_turn(lab)
    lab.stop()
    says(lab.run("cards"), 0, "no open cards\n")
    L.require(lab.run("cards", "--json", "list").stdout == "[]\n", "an empty queue as JSON, from the record")


def demo_beside(lab):
    says(lab.run("demo", "--tour", check=False), 5, "process %d owns this ledger" % lab.owner.pid, "XDG_STATE_HOME=$(mktemp -d) ")


def nothing_is_made():
    """Who only reads makes no state folder, and says where there is no ledger."""
    with Place() as p:
        where = "there is no ledger in " + p.state
        for words in (("cards",), ("cards", "--json", "list"), ("cards", "show", "C-000001"), ("audit", "verify"), ("audit", "tail"), ("audit", "export"), ("audit", "show", "K-000001"),
                      ("policy", "explain", "d-000001"), ("policy", "replay", "--candidate", "strict-prod")):
            one_sentence(p.run(*words), 2, where)
            check(not os.path.exists(os.path.dirname(p.state)), "%s made a folder" % (words,))
        check(p.run("policy", "levels").returncode == 0 and not os.path.exists(os.path.dirname(p.state)), "policy levels made a folder, or fails where nothing was lowered yet")
        one_sentence(p.run("policy", "levels", "--ledger", p.dir), 2, "there is no ledger in " + p.dir)
        os.makedirs(p.state)
        os.chmod(p.state, 0o500)
        one_sentence(p.run("cards"), 2, where)
        check(os.listdir(p.state) == [], "something was made in a read-only state folder")
        one_sentence(p.run("digest", "--since", "2026-11-24", "--until", "2026-11-23", "x.log"), 2, "--since 2026-11-24 is later than --until 2026-11-23")


def harmless_settings():
    """A line of the config that guards nothing is told by whoever reads it, and hinders nobody; one that does stops everybody."""
    with Place() as p:
        path = p.write(os.path.join("config", "signalbox", "config"), "frob 1\nset theme\nset colour red\n")
        for words, status in ((("audit", "verify"), 2), (("policy", "lint"), 0), (("ask", "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port()), "x"), 3)):
            r = p.run(*words)
            err = r.stderr.decode()
            check(r.returncode == status and all("%s:%d: " % (path, n) in err for n in (1, 2, 3)), "%s: exit %d: %s" % (words, r.returncode, err))
            check(status != 3 or "Look whether it runs" in err, "a server that is not there: no word of what to do: " + err)
        for line in ("approval_signers x", "deploymnt shop", "sett policy strict-prod", "set policy"):
            p.write(os.path.join("config", "signalbox", "config"), line + "\n")
            for words in (("audit", "verify"), ("policy", "lint")):
                one_sentence(p.run(*words), 2, path + ":1: ", "guards safety", what="%s with the config %r" % (words, line))


def serve_tries_on():
    """One line that it goes on trying, and one when it is there."""
    port = free_port()
    with Place() as p, p.background("serve", "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/?directConnection=true\n" % port)) as s:
        wait_until("that it is tried again", lambda: "tried again every 2 s until it answers" in s.said())
        check("connected to" not in s.said(), "connected to nobody: " + s.said())
        with simulator("--port", str(port), "--members", "1"):
            wait_until("that it is connected", lambda: "connected to default (SIMULATED): MongoDB 5.0" in s.said())
        check(s.said().count("tried again") == 1, "it is told again and again: " + s.said())


def main():
    for part in (nothing_is_made, harmless_settings, serve_tries_on):
        print(part.__name__, flush=True)
        part()
    finish()
    lab = L.Lab(QUICK, environment="prod")
    try:
        keep_backups(lab)
        lab.start()
        for part in (demo_beside, requests, looked_at, queue):
            print(part.__name__, flush=True)
            part(lab)
    except Exception:
        traceback.print_exc()
        print(lab.log())
        return 1
    finally:
        lab.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
