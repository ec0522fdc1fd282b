#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of all deployments on a terminal: an owner with a card, a store of three members, and a person on another machine who opens
the card from the page, reads it, signs, and sees the owner's answer; who rejects another one; and whom policy does not want."""
import json
import os
import shutil
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from store import QUICK, Elsewhere, Store, configure, key, well  # noqa: E402
from terminal import Terminal  # noqa: E402


def sit(there, *lines):
    path = there.dir + "/config/signalbox/config"
    with open(path, "w") as f:
        f.write("set store mongodb\nset store_uri_file %s/store\n%s" % (there.dir, "".join(line + "\n" for line in lines)))


def console(there, width, height, *words):
    return Terminal([L.PROGRAM, "console", "--fleet", *words], width, height, env=there.env)


def leave(t):
    t.send("q")
    L.require(t.end() == 0, "the page did not end well")


def read_card(t, rows):
    t.wait("[1 summary")
    for _ in range(rows):
        t.send("\x1b[6~")
    t.wait("[1 summary]")
    t.send("2")
    t.wait("[2 commands")
    for _ in range(rows):
        t.send("\x1b[6~")
    t.wait("[2 commands]")


def main():
    if not shutil.which("ssh-keygen"):
        print("SKIP: ssh-keygen is not installed")
        return 0
    lab, store = L.Lab(QUICK, proxy=False), Store()
    try:
        bob, eve = key(lab.dir, "bob"), key(lab.dir, "eve")
        with open(lab.dir + "/approvers", "w") as f:
            f.write("bob %s\n" % bob[1])
        configure(lab, store.uri, "set approval_signers %s/approvers" % lab.dir)
        config = lab.dir + "/config/signalbox/config"
        with open(config) as f:
            text = f.read()
        with open(config, "w") as f:
            f.write(text + "set team payments\nset class gold\n")
        there = Elsewhere(store)
        lab.start()
        id = lab.propose()
        well(lab)
        card = lab.card(id)
        lab.until("the card in the store", lambda: store.db.cards.find_one({"_id.card": id, "sha256": card["hash"], "state": "awaiting_approval"}))

        # without a key it is said before that nothing can be decided
        sit(there)
        t = console(there, 80, 24)
        t.wait("Fleet: ")
        t.wait(id)
        t.wait("you may not approve it: no signing_key")
        t.wait(card["title"])  # whole, though its row has no room for it
        leave(t)

        # at 200x60 the host, the team and the age are columns; filter, group
        sit(there, "set signing_key " + eve[0], "set signing_name eve")
        t = console(there, 200, 60, "--filter", id)
        t.wait("owner's host")
        t.wait("payments")
        t.wait("you may approve it")
        t.send("t")
        t.wait("lab 1")  # the cursor stays on the row, and a heading opens nothing
        t.send("k\r")
        t.wait("That is a heading")
        t.send("j")
        t.wait("you may approve it")
        t.send("&\x7f" + "\x7f" * len(id) + "nosuch\r")
        t.wait("nothing that is open fits")
        t.send("\x1b")
        t.wait(id)
        # somebody who may not sign there: the owner refuses, and says so
        t.send("G\r")
        t.wait("A copy out of the store")
        t.wait("[1 summary")
        read_card(t, 3)
        t.send("7")
        t.wait("proposed -> awaiting_approval")
        t.send("A")
        t.wait("y does it")
        t.send("y")
        t.wait("its owner refused it: ")
        L.require(not lab.entries("approval"), "an approval by somebody who may not was recorded")
        t.send("q")
        t.wait("Fleet: ")
        leave(t)

        # who may: read, signed, taken, carried out
        sit(there, "set signing_key " + bob[0], "set signing_name bob")
        t = console(there, 80, 24, "--filter", id)
        t.wait("you may approve it")
        t.send("G\r")
        t.wait("A copy out of the store")
        t.send("A")
        t.wait("read")  # not before it was read to its end
        read_card(t, 8)
        t.send("A")
        t.wait("What is signed, SHA-256")
        t.send("\x1b[6~" * 2)
        t.wait("y does it")
        t.send("y")
        t.wait("its owner took it: ")
        lab.until_state(id, "watching", "done")
        approval = lab.entries("approval")
        L.require([a["body"]["approval"]["by"] for a in approval] == ["bob"] and approval[0]["body"]["approval"]["how"] == "store", "the record: %s" % approval)
        t.send("q")
        t.wait("Fleet: ")
        leave(t)

        # a rejection is signed, too
        second = lab.ask("create an index on shop.orders {total: 1}")["cards"][-1]["id"]
        lab.until_state(second, "awaiting_approval")
        lab.until("the second card in the store", lambda: store.db.cards.find_one({"_id.card": second, "state": "awaiting_approval"}))
        t = console(there, 120, 40, "--filter", second)
        t.wait("you may approve it")
        t.send("G\r")
        t.wait("[1 summary")
        t.send("r")
        t.wait("Reject %s, because" % second)
        t.send("not now\r")
        t.wait("rejected by bob, signed, through the store: not now")
        L.require(lab.state_of(second) == "rejected", lab.card(second))
        taken = store.db.approvals.find_one({"card": second})
        L.require(taken["what"] == "reject" and json.loads(taken["statement"])["reason"] == "not now" and taken["by"] == "bob", "%s" % taken)
        t.send("q")
        t.wait("Fleet: ")
        # the store goes away: what was read stays, and that is said
        store.kill()
        t.wait("Fleet: ")
        leave(t)
        lab.stop()
        lab.check_record(id)
        print("ok")
        return 0
    except Exception:
        traceback.print_exc()
        print(lab.log()[-2000:])
        return 1
    finally:
        store.process.poll() is None and store.kill()
        lab.close()


sys.exit(main())
