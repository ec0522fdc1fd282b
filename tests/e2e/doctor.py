#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds: nothing on a sound place, and each thing that is broken, with its mend and within 80 columns."""
import datetime
import json
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from bad_servers import Listener, hellos, server  # noqa: E402
from outside import PROGRAM, Place, check, finish, free_port, one_sentence, simulator  # noqa: E402
from terminal import Terminal  # noqa: E402

UNAUTHORIZED = {"ok": 0.0, "errmsg": "not authorized on admin to execute command", "code": 13, "codeName": "Unauthorized"}


def doctor(p, status, *words, env=None):
    r = p.run("doctor", "--json", *words, env=env)
    check(r.returncode == status, "doctor %s: exit %d, not %d: %s%s" % (words, r.returncode, status, r.stdout.decode()[:2000], r.stderr.decode()[:300]))
    told = json.loads(r.stdout)
    check(told["ok"] == (status == 0), "ok says something else than the exit status")
    text = p.run("doctor", *words, env=env).stdout.decode()
    check(max(map(len, text.splitlines())) <= 80 or any(" " not in x.strip() for x in text.splitlines() if len(x) > 80), "wider than 80 columns: " + text)
    return told["findings"]


def finds(findings, found, area, *parts):
    return check(any(f["found"] == found and f["area"] == area and all(part in f["what"] + " -> " + str(f["mend"]) for part in parts) for f in findings),
                 "no %s about %s with %s: %s" % (found, area, parts, findings))


def sound(uri):
    with Place() as p:
        findings = doctor(p, 0, env={"SIGNALBOX_URI": uri})
        finds(findings, "ok", "deployment", "replica set rs0 (SIMULATED)")
        finds(findings, "ok", "deployment", "10 of 10 kinds of reads are answered by every member")
        finds(findings, "note", "deployment", "nobody is logged in")
        check(not os.path.exists(p.state), "it made the state folder")
        finds(doctor(p, 0), "note", "deployment", "nothing to connect to")
        one_sentence(p.run("doctor", "--deployment", "nosuch"), 2, "no deployment named nosuch")
        one_sentence(p.run("doctor", "words"), 2, "signalbox help doctor")


def broken(uri):
    with Place() as p:
        p.write("config/signalbox/config", "set theme dark\nset nonsense 1\nset policy_signers %s\ndeployment shop\nset uri_file %s\n" %
                (p.write("signers", "alice not-a-key\n"), p.write("shop.uri", "mongodb://127.0.0.1:%d/\n" % free_port(), 0o644)))
        findings = doctor(p, 1)
        finds(findings, "wrong", "config", "config:2: there is no such setting")
        finds(findings, "wrong", "config", "policy_signers", "signers:1")
        finds(findings, "wrong", "config", "uri_file of shop", "mode 600")
    with Place() as p:
        finds(doctor(p, 1, "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())), "wrong", "deployment", "look whether it runs")
    with Place() as p:
        p.run("mark", "something", env={"SIGNALBOX_URI": uri})
        finds(doctor(p, 0), "ok", "ledger", "entries, each as it was recorded")
        db = sqlite3.connect(os.path.join(p.state, "ledger.db"))
        for trigger in [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            db.execute("DROP TRIGGER " + trigger)
        db.execute("UPDATE entry SET json = replace(json, 'something', 'somethinG')")
        db.commit()
        db.close()
        finds(doctor(p, 1), "wrong", "ledger", "BROKEN", "audit verify")
    with Place() as p:
        os.makedirs(os.path.dirname(p.state))
        os.mkdir(p.state, 0o777)
        os.chmod(p.state, 0o777)
        finds(doctor(p, 1), "wrong", "state", "mode 700")


def refused_reads():
    """A login that may log in and read nothing: each blind spot once, with the roles it wants."""
    replies = dict(hellos(), buildinfo={"version": "5.0.7", "versionArray": [5, 0, 7, 0], "ok": 1.0}, ping={"ok": 1.0},
                   connectionstatus={"authInfo": {"authenticatedUsers": [{"user": "mon\x1b[2Jitor", "db": "admin"}],
                                                  "authenticatedUserPrivileges": [{"resource": {"db": "shop", "collection": ""}, "actions": ["find", "createIndex", "dropIndex"]}]}, "ok": 1.0})
    for name in ("serverstatus", "getlog", "top", "dbstats", "listdatabases", "aggregate", "profile"):
        replies[name] = UNAUTHORIZED
    with Place() as p, Listener(server(replies)) as l:
        findings = doctor(p, 1, "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % l.port))
        for name, blind in (("serverStatus", "load"), ("getLog", "slow operations"), ("top", "latency"), ("$currentOp", "transactions")):
            finds(findings, "wrong", "deployment", name + " fails on 1 of 1 members", "Blind: ", blind, "clusterMonitor")
        finds(findings, "wrong", "deployment", "lacks collMod:", "(mon^[[2Jitor)")
        check(not any(c < " " for f in findings for c in f["what"]), "control characters: %s" % findings)


def soon():
    """A certificate that ends soon, or has ended, and a disk with little room: each with how much is left."""
    now = datetime.datetime.now(datetime.timezone.utc)
    for days, found, said, used, room, left in ((3.5, "wrong", "in 3 days", 999, "wrong", "1 GB free (0 %)"), (20.5, "note", "in 20 days", 900, "note", "100 GB free (10 %)"),
                                                (-5, "wrong", "ended on", 100, "ok", "900 GB free (90 %)"), (400, "ok", "certificates hold, the first of them until", 100, "ok", "900 GB free")):
        replies = dict(hellos(), buildinfo={"version": "5.0.7", "versionArray": [5, 0, 7, 0], "ok": 1.0}, ping={"ok": 1.0},
                       serverstatus={"localTime": now, "security": {"SSLServerCertificateExpirationDate": now + datetime.timedelta(days=days)}, "ok": 1.0},
                       dbstats={"fsTotalSize": 1000e9, "fsUsedSize": used * 1e9, "ok": 1.0})
        with Place() as p, Listener(server(replies)) as l:
            findings = doctor(p, 1, "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % l.port))
            finds(findings, found, "deployment", "certificate", said)
            finds(findings, room, "deployment", "disk of", left)


def terminals():
    for width, height, term, said in ((80, 24, "xterm-256color", "xterm-256color, 80x24, 256 colours"), (10, 3, "xterm", "make it larger"), (80, 24, "nosuch", "TERM=nosuch is not known")):
        with Place() as p:
            keep = dict(os.environ)
            os.environ.update(p.env)
            t = Terminal([PROGRAM, "doctor"], 80, 24, term) if width == 80 else Terminal([PROGRAM, "doctor"], width, height, term)
            os.environ.clear()
            os.environ.update(keep)
            while t.pump(20):
                pass
            text = " ".join(t.bytes.decode(errors="replace").split())
            check(said in text, "on %dx%d, TERM=%s: %s" % (width, height, term, text[:300]))
            check(b"\x1b" not in t.bytes, "it drives the terminal")
            t.close()


def silent(s):
    """Takes what comes, and never says a word."""
    while s.recv(4096):
        pass


def console(p, *words):
    keep = dict(os.environ)
    os.environ.update(p.env)
    t = Terminal([PROGRAM, "console", *words], 80, 24, "xterm-256color")
    os.environ.clear()
    os.environ.update(keep)
    t.wait("Approvals")
    return t


def on_a_page(uri):
    """The same in the console: the worst first, and anew with the same key. Nothing waits for it: neither the screen nor who leaves."""
    with Place() as p:
        p.write("config/signalbox/config", "deployment shop\nset uri_file %s\nset environment dev\nbackup %s\n" % (p.write("shop.uri", uri), os.path.join(p.dir, "backups")))
        t = console(p)
        t.send("!")
        t.wait("as of")
        text = t.flat()
        check("1 wrong" in text and "where backups of shop lie: No such file" in text, "a place that is not there: " + t.text())
        check(text.index("Wrong") < text.index("To know"), "the worst does not stand first: " + t.text())
        os.mkdir(os.path.join(p.dir, "backups"))
        open(os.path.join(p.dir, "backups", "a"), "w").close()
        t.send("!")
        t.wait("0 wrong")
        t.wait("Nothing is wrong.")
        t.send(b"\x1b[F")
        t.wait("kinds of reads are answered by every member")
        t.send("q")
        check(t.end() == 0, "q does not leave")
        t.close()
    with Place() as p, Listener(silent) as l:
        t = console(p, "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % l.port))
        t.send("!")
        t.wait("Looking at the deployment")  # it waits there, and the screen does not
        t.send("\x1b")
        t.wait("Approvals")
        t.send("q")
        check(t.end() == 0, "q does not leave a console whose doctor waits for a server")
        t.close()


def main():
    with simulator("--scenario", "calm") as (ready, _):
        sound(ready["uri"])
        broken(ready["uri"])
        on_a_page(ready["uri"])
    refused_reads()
    soon()
    terminals()
    finish()


if __name__ == "__main__":
    main()
