#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ask --classify and ask --dry-run: a line for each line and at once, whatever bytes come; the route in words; a file of intents
of one's own, and what is wrong in it by file and line."""
import json
import os
import subprocess

from outside import LIMIT, PROGRAM, Place, check, finish

HERE = os.path.dirname(os.path.abspath(__file__))

KEYS = {"intent", "confidence", "runner_up", "slots", "reason"}


def at_once(p):
    """Each answer is there before the next line is written: another program can talk with it."""
    with subprocess.Popen([PROGRAM, "ask", "--classify"], env=p.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as q:
        for text, intent in (("shop.orders is slow", "index.review"), ("", "none"), ("kill op 123", "ops.kill"), ("are our backups good?", "backup.check")):
            q.stdin.write((text + "\n").encode())
            q.stdin.flush()
            said = json.loads(q.stdout.readline())
            check(set(said) == KEYS and said["intent"] == intent and 0 < said["confidence"] <= 1, "%s is read as %s" % (text, said))
        q.stdin.write(b"status") # without a line's end
        q.stdin.close()
        check(json.loads(q.stdout.readline())["intent"] == "status" and q.stdout.read() == b"", "the last line")
        check(q.wait(LIMIT) == 0, "exit %d" % q.returncode)


def classify(p, data):
    r = p.run("ask", "--classify", input=data, stdin=None)
    return r, [json.loads(line) for line in r.stdout.splitlines()]


def hostile(p):
    """What is no text is answered in its own line, and told by its number; the others are read."""
    big = b"drop every index " * 650000
    lines = [b"status", big, b"nul \0 byte", b"\xff\xfe\xfd", b"slow\x1b[2J\x07", b"orders is slow\r", "\u30b5\u30fc\u30d0\u30fc\u304c\u9045\u3044".encode(), b"{" * 4096, b"report"]
    r, said = classify(p, b"\n".join(lines) + b"\n")
    check([s["intent"] for s in said] == ["status", "none", "none", "none", "none", "index.review", "none", "none", "report"], "hostile lines: %s" % said)
    check(r.returncode == 2, "exit %d" % r.returncode)
    for n, words in ((2, "longer than 4096 bytes"), (3, "NUL byte"), (4, "not UTF-8"), (5, "control character")):
        check("standard input:%d: " % n in r.stderr.decode() and words in said[n - 1]["reason"], "line %d: %s" % (n, said[n - 1]))
    check(r.stderr.count(b"\n") == 4 and b"\x1b" not in r.stdout + r.stderr, "told on stderr: %r" % r.stderr)
    check("another language" in said[6]["reason"], "another language: %s" % said[6])


def in_turn(p):
    r, said = classify(p, b"check the backups and then drop the unused indexes\njust drop everything\nrename a to a in shop.orders\n")
    check(r.returncode == 0 and said[0]["intent"] == "backup.check" and [t["intent"] for t in said[0]["then"]] == ["index.retire"], "two in one: %s" % said[0])
    check(said[1]["intent"] == "none" and "destroy" in said[1]["warning"], "drop everything: %s" % said[1])
    check("already" in said[2]["unclear"], "a contradiction: %s" % said[2])


def routes(p):
    for text, status, words in (("shop.orders is slow", 0, ("read as index.review (", "ns shop.orders", "1. index_optimizer", "; from the anomaly_detector, with what it has seen; risk: ", "(so it is)", "documents", "data_architect")),
                                ("why did latency jump at 14:05?", 0, ("read as anomaly.investigate", "time 14:05", "1. orchestrator, if the first suspect is a card of ours", "2. index_optimizer, if the anomaly that is going on is one of code")),
                                ("are our backups good?", 0, ("read as backup.check", "1. backup_guardian (so it is): ", "risk: ")), ("restore shop to 14:00", 0, ("read as backup.restore", "1. backup_guardian (so it is): the request is about bringing something back")),
                                ("find personal data in crm.users", 0, ("read as schema.review", "1. data_architect, if it names a collection (so it is)")), ("rename a to b in shop.orders", 0, ("read as schema.change", "1. data_architect", "in phases")),
                                ("write me a poem", 2, ("read as none", "conversation")), ("rename a to a in shop.orders", 2, ("not clear: ",)),
                                ("show the cluster status and then watch shop.orders", 0, ("read as status", "read as anomaly.watch", "1. anomaly_detector"))):
        r = p.run("ask", "--dry-run", text)
        out = r.stdout.decode()
        check(r.returncode == status and all(w in out for w in words) and not r.stderr, "--dry-run %s: exit %d, %s%s" % (text, r.returncode, out, r.stderr))
        told = json.loads(p.run("ask", "--dry-run", "--json", text).stdout)
        check(all(set(t) == {"reading", "route", "impact"} and KEYS <= set(t["reading"]) for t in told) and (status or told[0]["route"][0]["why"]), "--dry-run --json %s: %s" % (text, told))
    r = p.run("ask", "--dry-run", b"\xff")
    check(r.returncode == 2 and b"not UTF-8" in r.stderr, "no text: %s" % r.stderr)
    check(not p.run("ask", "--dry-run", "a", "b").returncode == 0 and p.run("ask", "--intents", "x", "status").returncode == 2, "options that do not go together")


def own_file(p):
    good = p.write("mine", "class FROB frobnicate frob\nintent report \"frobnicate\"\nterms 900 FROB\n")
    wrong = p.write("wrong", "intent report\nterms 900 NOWHERE\nmatch 5 (\n")
    r = p.run("ask", "--classify", "--intents", good, input=b"frobnicating\nstatus\n", stdin=None)
    check([json.loads(line)["intent"] for line in r.stdout.splitlines()] == ["report", "none"], "an own file: %s" % r.stdout)
    r = p.run("ask", "--dry-run", "status", "--intents", wrong)
    check(r.returncode == 2 and all(("%s:%d: " % (wrong, n)).encode() in r.stderr for n in (2, 3)) and not r.stdout, "a wrong file: %s" % r.stderr)
    check(not r.stderr.endswith(b"\n\n"), "a blank line behind what is wrong: %r" % r.stderr)
    with open(os.path.join(HERE, "..", "..", "src", "orchestrator", "intents.data"), "rb") as f:
        check(p.run("ask", "--print-intents").stdout == f.read(), "the built-in file as it is printed")
    check(p.run("ask", "--classify", "--intents", wrong + ".not").returncode == 2, "no such file")
    p.write("config/signalbox/config", "set intents %s\n" % good)
    r = p.run("ask", "--classify", input=b"frob\n", stdin=None)
    check(r.returncode == 0 and json.loads(r.stdout)["intent"] == "report", "set in the config: %s" % r.stderr)


def own_routes(p):
    p.write("config/signalbox/config", "")
    good = p.write("routes", 'route status to backup.check because "first things first" risk "none"\nforget index.review\ninstead index.review "ask Kim"\n')
    wrong = p.write("wrong-routes", "route status to nowhere\nthen status after trend to status because \"x\" risk \"y\"\nroute index.review to index.review because \"x\" risk \"y\"\n")
    r = p.run("ask", "--dry-run", "status", "--routes", good)
    check(r.returncode == 0 and b"1. backup_guardian (so it is): first things first" in r.stdout, "routes of one's own: %s%s" % (r.stdout, r.stderr))
    r = p.run("ask", "--dry-run", "shop.orders is slow", "--routes", good)
    check(r.returncode == 1 and b"no hand-off: ask Kim" in r.stdout, "what is forgotten: %s%s" % (r.stdout, r.stderr))
    r = p.run("ask", "--lint", "--routes", wrong)
    check(r.returncode == 2 and all(("%s:%d: " % (wrong, n)).encode() in r.stderr for n in (1, 3)) and not r.stdout, "wrong routes: %d %s" % (r.returncode, r.stderr))
    r = p.run("ask", "--lint", "--routes", good)
    check(r.returncode == 0 and b"nothing is wrong" in r.stdout, "good routes: %s%s" % (r.stdout, r.stderr))
    with open(os.path.join(HERE, "..", "..", "src", "orchestrator", "routes.data"), "rb") as f:
        check(p.run("ask", "--print-routes").stdout == f.read(), "the built-in routes as they are printed")
    said = p.run("ask", "--dry-run", "rename a to b in shop.orders").stdout.decode().splitlines()
    order = [next(i for i, line in enumerate(said) if w in line) for w in ("1. data_architect", "after schema.change: index_optimizer", "after index.review: backup_guardian", "after backup.check: anomaly_detector")]
    check(order == sorted(order), "the chain of a change: %s" % said)
    p.write("config/signalbox/config", 'deployment one\nset environment prod\ncriticality shop.orders 7\nretention shop 90d "a contract"\nretention shop.invoices 3650d "tax law"\n')
    out = p.run("ask", "--dry-run", "remove field total from shop.invoices").stdout.decode()
    check(all(w in out for w in ("one, prod", "3650 days: tax law", "no place where backups lie")), "what is at stake: %s" % out)
    told = json.loads(p.run("ask", "--dry-run", "--json", "--deployment", "one", "speed up shop.orders").stdout)[0]["impact"]
    said = {t["what"]: t["value"] for t in told}
    check(said.get("criticality") == "7" and said.get("regulated retention") == "90 days: a contract", "what is at stake: %s" % told)
    blind = [t for t in told if t.get("coverage") == "blind"]
    check(len(blind) == 2 and "traffic" in blind[-1]["what"], "what cannot be known without a server: %s" % told)
    check(p.run("ask", "--dry-run", "--deployment", "other", "status").returncode == 2, "no such deployment")
    p.write("config/signalbox/config", 'deployment one\nretention shop 0d "x"\nretention shop 9 "x"\nretention shop 9d ""\n')
    r = p.run("ask", "--dry-run", "status")
    check(all((":%d: " % n).encode() in r.stderr for n in (2, 3, 4)), "wrong retentions: %s" % r.stderr)
    p.write("config/signalbox/config", "set routes %s\n" % wrong)
    r = p.run("ask", "--dry-run", "status")
    check(r.returncode == 2 and b"nowhere" in r.stderr, "wrong routes in the config: %d %s" % (r.returncode, r.stderr))


with Place() as place:
    for part in (at_once, hostile, in_turn, routes, own_file, own_routes):
        print(part.__name__, flush=True)
        part(place)
finish()
