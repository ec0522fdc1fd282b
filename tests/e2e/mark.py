#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What somebody marks, and what the program itself did, is among the suspects of what deviates next."""
import json
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402


def refused(lab, status, words, *argv):
    done = lab.run("mark", *argv, check=False)
    L.require(done.returncode == status and words in done.stderr and not done.stdout, "mark %s: exit %d, %s" % (argv, done.returncode, done.stderr))


def suspects(lab):
    told = [e for e in lab.entries("anomaly") if "shop.orders" in e["body"]["anomaly"]["namespaces"]]
    return [c["what"] for c in told[-1]["body"]["anomaly"]["causes"]] if told else []


def bad_input(lab):
    refused(lab, 2, "mark takes one text in quotes")
    refused(lab, 2, "a mark says what was changed", "  ")
    refused(lab, 2, "at most 400 bytes", "x" * 401)
    refused(lab, 2, "neither a database nor a collection", "release", "--ns", "shop orders")
    refused(lab, 2, "a blackout lasts 30m, 2h or 1d", "--blackout", "8d", "too long")
    refused(lab, 2, "a blackout lasts 30m, 2h or 1d", "--blackout", "30", "no unit")
    refused(lab, 2, "a blackout has a reason", "--blackout", "30m", " ")
    refused(lab, 2, "one of --blackout, --lift and --silenced", "--blackout", "30m", "--silenced", "x")
    refused(lab, 2, "there is no blackout and no judgement", "--lift", "H-99999", "x")
    L.require(not lab.entries("mark") and not lab.entries("hush"), "what was refused is on the record")


def a_release(lab):
    """The scenario ships its release some time after the start: by then both marks are told."""
    lab.until("a level", lambda: any(s["body"].get("samples", 0) for s in lab.entries("sampler")) or "PRIMARY" in lab.run("ask", "status", check=False).stdout)
    lab.run("mark", "account page 7.1", "--ns", "shop", "--app", "account-page")
    lab.run("mark", "users reorganised\x1b[2J", "--ns", "crm.users")
    told = json.loads(lab.run("mark", "--json", "new firewall rules").stdout)
    L.require(told == {"ok": True, "answer": "Marked (the deployment): new firewall rules"}, "mark --json: %s" % told)
    entries = lab.entries("mark")
    L.require([e["body"]["about"] for e in entries] == ["shop, account-page", "crm.users", "the deployment"], "the marks on the record: %s" % entries)
    L.require(all(e["actor"]["principal"] and e["plan"]["deployment"] for e in entries), "a mark without its author or its deployment")
    lab.until("the suspects of the anomaly", lambda: any(w.startswith("account page 7.1 (marked by ") for w in suspects(lab)))
    named = suspects(lab)
    L.require(any(w.startswith("new firewall rules") for w in named) and not any("users reorg" in w for w in named), "suspects: %s" % named)
    tail = lab.run("audit", "tail", "-n", "200").stdout
    L.require("marked, crm.users: users reorganised\\x1b[2J" in tail or "marked, crm.users: users reorganised" in tail and "\x1b" not in tail, "audit tail: %s" % tail)


def a_blackout(lab):
    """It is on the record, listed, in the note for the next shift, and ends when it is lifted."""
    L.require(lab.run("mark", "--silenced").stdout == "Nothing is silenced.\n", "something is silenced before anything was said")
    said = lab.run("mark", "--blackout", "30m", "--ns", "crm.users", "nightly | load\x1b[2J").stdout
    L.require("crm.users" in said, "blackout: %s" % said)
    silenced = json.loads(lab.run("mark", "--silenced", "--json").stdout)["silenced"]
    L.require(len(silenced) == 1 and silenced[0]["kind"] == "blackout" and silenced[0]["ns"] == "crm.users" and silenced[0]["by"], "silenced: %s" % silenced)
    note = lab.run("report", "--handover").stdout
    for part in ("# Hand-over: ", "## Going on", "Reads of shop.orders", "## Coming", "## Open plans", "## Not announced", "nightly \\| load"):
        L.require(part in note, "the hand-over lacks %s: %s" % (part, note))
    L.require("\x1b" not in note, "the hand-over moves the cursor")
    lab.run("mark", "--lift", silenced[0]["id"], "done early")
    L.require(lab.run("mark", "--silenced").stdout == "Nothing is silenced.\n", "a lifted blackout is in force")
    L.require([e["kind"] for e in lab.entries("hush") + lab.entries("hush.end")] == ["hush", "hush.end"], "the record of the blackout")


def without_an_owner(lab):
    lab.stop()
    lab.run("mark", "while nobody watched")
    L.require(lab.entries("mark")[-1]["body"]["text"] == "while nobody watched", "a mark without an owner is not on the record")
    lab.verify()


def main():
    lab = L.Lab("slow-orders", proxy=False)
    try:
        lab.start()
        for part in (bad_input, a_release, a_blackout, without_an_owner):
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
