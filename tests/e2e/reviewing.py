#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ask "review the indexes of DATABASE"` on the simulator: a card for each index in order of what it gains, weighted as the config
says, a word for every shape, and what a person declined stays declined, over a kill and a restart, until the workload has changed."""
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from outside import Place, check, finish, simulator  # noqa: E402


def ask(lab, text):
    return json.loads(lab.run("ask", "--json", text).stdout)


def open_cards(lab):
    return {c["index_name"]: c for c in (lab.card(id) for id in lab.ids()) if c["state"] != "rejected"}


def set_of_cards(lab):
    """One request gives the set; asked again it names what is there, in order of what it gains."""
    def all_there():
        told = ask(lab, "review the indexes of shop")
        return told if len(open_cards(lab)) >= 3 else None
    lab.until("a connection", lambda: lab.run("ask", "how is the cluster?", check=False).returncode == 0)
    lab.until("slow operations of every kind", all_there)
    cards = open_cards(lab)
    # a customer has two hundred orders, a third of them open: one index for the sort, one for the status
    L.require(sorted((c["target"], n) for n, c in cards.items()) ==
              [("shop.carts", "owner_1"), ("shop.orders", "customer_id_1_created_at_-1"), ("shop.orders", "customer_id_1_status_1")], "the set: %s" % sorted(cards))
    for c in cards.values():
        L.require(c["id"] in json.dumps(c["steps"]) and c["state"] == "awaiting_approval", "a card without its number: %s" % c["id"])
    again = ask(lab, "review the indexes of shop")["answer"]
    L.require(len(open_cards(lab)) == 3 and again.count("already (awaiting_approval)") == 3, "they are there already: %s" % again)
    L.require(again.index("of shop.carts already") < again.index("of shop.orders already"), "the carts weigh fifty times: %s" % again)
    for words in ("fixed beginning", "which is proposed here"):
        L.require(words in again, "%s is not said: %s" % (words, again))
    L.require("running on " in again and "shop.products update (its filter is not told)" in again, "what is running and in no log is not said: %s" % again)
    return cards


def declined(lab):
    """Rejected with a reason: named as that, by whom and when, and by what it would come back; also after a kill."""
    seen = []

    def reject_all():
        for c in open_cards(lab).values():
            lab.run("cards", "reject", c["id"], "--reason", "writes matter more here")

    def says(when):
        def all_declined():
            answer = ask(lab, "review the indexes of shop")["answer"]
            seen.append(answer)
            reject_all()  # of the first seconds' few operations a rate is not well known: it may look doubled once
            L.require(len(lab.ids()) <= 9, "%s: what was declined is proposed again and again: %s" % (when, answer))
            return answer if answer.count("stays declined: ") == 3 else None
        answer = lab.until("all that was declined", all_declined)
        for words in (" declined it on 20", "): writes matter more here. It is proposed again when", "2 times the documents and the time of then", "serves a shape that it did not"):
            L.require(words in answer, "%s: %s is not said: %s" % (when, words, answer))
    reject_all()
    says("at once")
    time.sleep(16)  # a whole window of evidence: what was declined of the first few operations may have doubled until then
    says("when the workload is known well")
    declined_n = len(lab.ids())
    lab.kill()
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "how is the cluster?", check=False).returncode == 0)
    says("after a kill and a restart")
    # one whose few operations of then have doubled since may be asked about again; what a restart forgot would bring back all
    L.require(len(lab.ids()) <= declined_n + 1, "a restart brings back what was declined: " + "\n".join(seen))
    asked = ask(lab, "create an index on shop.carts {owner: 1}")
    L.require(len(asked["cards"]) == 1, "a person who names the key gets it: %s" % asked["answer"])
    lab.run("cards", "reject", asked["cards"][0]["id"], "--reason", "no")


def wrong_lines(lab):
    """A weight that is none, or said twice, is told with its line, and the rest goes on."""
    path = lab.dir + "/config/signalbox/config"
    with open(path, "a") as f:
        f.write("criticality shop.orders 0\ncriticality shop.carts 3\n")
    told = lab.run("policy", "lint").stderr
    for words in ('criticality is a whole number from 1 to 100, not "0"', "the criticality of this place was said before"):
        L.require(path in told and words in told, "%s is not said: %s" % (words, told))


def never_there(lab):
    for ns in ("local.oplog.rs", "admin.system.users", "config.transactions"):
        told = json.loads(lab.run("ask", "--json", "review the indexes of " + ns, check=False).stdout)
        L.require(told["cards"] == [], "a card on %s: %s" % (ns, told))


def a_server_that_counts():
    """A 7.0 of one's own has $queryStats and does not let it be asked: said once; a 5.0 has none, and nothing is missed."""
    for version, told in (("7.0", True), ("5.0", False)):
        with Place() as p, simulator("--server-version", version, "--scenario", os.path.join(HERE, "review.scenario"), "--speed", "20") as (line, _):
            r = p.run("ask", "--uri-file", p.write("uri", line["uri"] + "\n"), "review the indexes of shop")
            said = (r.stdout + r.stderr).decode()
            check(r.returncode == 0 and ("$queryStats cannot be asked on" in said) == told, "%s: exit %d: %s" % (version, r.returncode, said))


def counted(version):
    """What is said of a page that is too fast for the log, where $queryStats may be asked."""
    with open(os.path.join(HERE, "..", "orchestrator", "again.scenario")) as f:
        scenario = "query-stats\n" + f.read()
    with Place() as p, simulator("--server-version", version, "--scenario", p.write("counts.scenario", scenario), "--speed", "20") as (line, _):
        uri = p.write("uri", line["uri"] + "\n")
        until = time.monotonic() + L.PATIENCE
        while True:  # ten executions of it, at least
            said = (lambda r: (r.stdout + r.stderr).decode())(p.run("ask", "--uri-file", uri, "review the indexes of shop"))
            if "ounted by the servers" in said or "(8.0 does)" in said or time.monotonic() > until:
                cards = p.run("cards", "--json", "show", "C-000001")
                return said, json.loads(cards.stdout) if cards.returncode == 0 else None


def a_server_that_lets_itself_be_asked():
    said, card = counted("8.0")
    for words in ('C-000001: an index on {customer_id: 1, created_at: -1} of shop.orders would serve find {"customer_id":1} sort {"created_at":-1}',
                  'find {"customer_id":1} sort {"created_at":-1} (counted by the servers: ', " documents examined and ", "no log or profile has it)"):
        check(words in said, "8.0: %s is not said: %s" % (words, said))
    check("cannot be asked" not in said, "8.0: it may be asked: %s" % said)
    card = card or {"why": "no card", "evidence": [], "watch": {"criteria": []}}
    check(card["why"].startswith("Too quick for a log or profile, and counted by the servers: find"), "8.0: why: %s" % card["why"])
    facts = [(e["source"], e["coverage"]) for e in card["evidence"]]
    for fact in (("$queryStats of every member", "measured"), ("$queryStats of every member", "estimated"), ("$queryStats of every member", "blind")):
        check(fact in facts, "8.0: no evidence that is %s: %s" % (fact, facts))
    metrics = [c["metric"] for c in card["watch"]["criteria"]]
    check("index_uses" in metrics and "shape_docs_per_returned" not in metrics, "8.0: what cannot be measured is not watched: %s" % metrics)
    said, card = counted("7.0")
    check("does not tell the documents that were examined" in said and "ounted by the servers" not in said and not card, "7.0: %s" % said)


def main():
    a_server_that_counts()
    a_server_that_lets_itself_be_asked()
    finish()
    lab = L.Lab(os.path.join(HERE, "review.scenario"), environment="prod", proxy=False)
    try:
        with open(lab.dir + "/config/signalbox/config", "a") as f:
            f.write("criticality shop.carts 50\n")
        lab.start()
        cards = set_of_cards(lab)
        declined(lab)
        never_there(lab)
        wrong_lines(lab)
        lab.check_record(cards["owner_1"]["id"])
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
