#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Joining the signalbox that owns the ledger: one that was started read-only decides nothing from its seat, and one that was
asked for another deployment or policy than the owner's does not join at all."""
import json
import os
import re
import socket
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")
DECIDING = ("approve", "reject", "pause", "resume", "stop", "rollback", "refresh", "close", "breakglass", "review")


def a_read_only_console_joins_as_one(lab):
    """The header says so, the key is refused, and nothing reaches the record."""
    id = lab.propose()
    t = Terminal([L.PROGRAM, "console", "--read-only"], 100, 30, env=lab.env)
    try:
        t.wait("READ-ONLY")
        t.wait("Approvals 1")
        t.send("3\r")
        t.wait("summary")
        t.send("A")
        t.wait("This console is read-only: approve is not available.")
    finally:
        t.close()
    L.require(lab.state_of(id) == "awaiting_approval" and not lab.entries("approval"), "a read-only console approved")


def the_owner_refuses_a_read_only_seat(lab):
    """Whatever the console's program would let through: every ask that decides, over the socket, as the console writes it."""
    id = lab.ids()[-1]
    card = lab.card(id)
    before = len(lab.entries("approval", "edit", "state"))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(lab.state + "/socket")
        s.settimeout(L.PATIENCE)
        lines = s.makefile("r")

        def send(type, seq, body):
            s.sendall((json.dumps({"type": type, "seq": seq, "body": body}) + "\n").encode())

        def answer(type, seq):
            for line in lines:
                m = json.loads(line)
                if m["type"] == type and m["seq"] == seq:
                    return m["body"]
            raise L.Failure("the owner closed the socket")

        send("hello", 1, {"how": "console", "read_only": True})
        w = answer("welcome", 1)
        L.require(w["read_only"], "the owner welcomes a read-only seat as another one")
        L.require(w["groups_known"] and not w.get("groups"), "the owner does not say that the seat is in no group of the policy: %s" % w)
        send("hello", 2, {"how": "console"})
        L.require(answer("welcome", 2)["read_only"], "a second hello takes the mark away")
        body = {"card": id, "revision": card["revision"], "hash": card["hash"], "target": card["target"], "reason": "because", "ticket": "T-1"}
        for n, ask in enumerate(DECIDING, 3):
            send(ask, n, body)
            a = answer("answer", n)
            L.require(not a["ok"] and a["status"] == 4 and "read-only" in a["text"], "%s from a read-only seat: %s" % (ask, a))
        send("edit", 50, {"card": id, "sets": [{"key": "watch_window_s", "value": "61"}]})
        a = answer("answer", 50)
        L.require(not a["ok"] and a["status"] == 4, "edit from a read-only seat: %s" % a)
    L.require(len(lab.entries("approval", "edit", "state")) == before, "a read-only seat changed something")
    L.require(len(lab.entries("refused")) >= len(DECIDING) + 1, "the refusals are not on the record")


def refused(lab, words, *say, env=None):
    logins = len(lab.entries("login"))
    lab.env.update(env or {})
    done = lab.run(*words, check=False)
    for name in env or {}:
        del lab.env[name]
    L.require(done.returncode == 2 and all(part in done.stderr for part in say), "%s: exit %d, expected 2 with %s: %s" % (words, done.returncode, say, done.stderr))
    L.require(len(lab.entries("login")) == logins, "%s: it has joined" % (words,))


def another_deployment_is_not_joined(lab):
    pid, ours = "(pid %d) watches lab (" % lab.owner.pid, "127.0.0.1:1"
    lab.write_uri("elsewhere", "mongodb://127.0.0.1:1/")
    with open(lab.dir + "/config/signalbox/config", "a") as f:
        f.write("deployment other\nset uri_file %s/elsewhere\nset environment dev\n" % lab.dir)
        f.write("deployment lenient\nset uri_file %s/monitor\nset environment dev\n" % lab.dir)
    status = ("ask", "how is the cluster?")
    refused(lab, status + ("--deployment", "nowhere"), "no deployment named nowhere")
    refused(lab, status + ("--uri-file", lab.dir + "/missing"), lab.dir + "/missing")
    refused(lab, status + ("--uri-file", lab.dir + "/elsewhere"), pid, "not " + ours)
    refused(lab, status + ("--deployment", "other"), pid, "not other (%s)" % ours)
    refused(lab, status + ("--deployment", "lenient"), pid, " as staging, not lenient (", " as dev")
    refused(lab, status, pid, "not " + ours, env={"SIGNALBOX_URI": "mongodb://user:secret@127.0.0.1:1/"})
    for words in (status, status + ("--deployment", "lab"), status + ("--uri-file", lab.dir + "/executor")):
        lab.run(*words)


def another_policy_is_not_joined(lab):
    """Only the console takes a policy and joins, so on a terminal."""
    for policy, status, words in (("strict-prod", 2, r"goes by the policy default \S+ \(\w{8}\), not strict-prod "), ("nothing-like-it", 2, "no policy named nothing-like-it")):
        t = Terminal([L.PROGRAM, "console", "--policy", policy], 100, 30, env=lab.env)
        try:
            t.end()
            text = re.sub(r"\s+", " ", t.bytes.decode(errors="replace"))
            L.require(os.waitstatus_to_exitcode(t.status) == status and re.search(words, text), "console --policy %s: exit %s: %s" % (policy, t.status, text[-400:]))
        finally:
            t.close()
    t = Terminal([L.PROGRAM, "console", "--policy", "default", "--deployment", "lab"], 100, 30, env=lab.env)
    try:
        t.wait("PRIMARY")
    finally:
        t.close()


def the_config_says_which_policy(lab):
    """As --policy would."""
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    for policy, say in (("strict-prod", ("goes by the policy default 2", ", not strict-prod 2")), ("nothing-like-it", ("no policy named nothing-like-it",)), ("default", None)):
        with open(config, "w") as f:
            f.write("set policy %s\n%s" % (policy, rest))
        if say:
            refused(lab, ("ask", "how is the cluster?"), *say)
        else:
            lab.run("ask", "how is the cluster?")
    with open(config, "w") as f:
        f.write(rest)


def main():
    lab = L.Lab(QUICK)
    try:
        lab.start()
        for case in (a_read_only_console_joins_as_one, the_owner_refuses_a_read_only_seat, another_deployment_is_not_joined, another_policy_is_not_joined, the_config_says_which_policy):
            print("%s" % case.__name__, flush=True)
            case(lab)
        L.require(not lab.ran_out(), "the owner has ended: " + lab.log())
        lab.stop()
        lab.run("audit", "verify")
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
