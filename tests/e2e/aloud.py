#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console as lines of text, and a meeting, on a real owner of a ledger: what happens is announced once, a line each; what a
meeting decides is on the record of its card, and the record stands."""
import os
import re
import subprocess
import sys
import threading
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402


class Aloud:
    def __init__(self, lab):
        self.lines = []
        self.p = subprocess.Popen([L.PROGRAM, "console", "--aloud", "--deployment", "lab"], env=dict(lab.env, TERM="dumb"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.p.stdout:
            self.lines.append(line.decode("utf-8").rstrip("\n"))

    def say(self, words):
        self.p.stdin.write(words if isinstance(words, bytes) else words.encode() + b"\n")
        self.p.stdin.flush()

    def heard(self, pattern):
        return any(re.search(pattern, line) for line in self.lines)


def announced(lab, card):
    a = Aloud(lab)
    hear = lambda what: lab.until("to hear %s in %s" % (what, a.lines), lambda: a.heard(what))
    hear(r"^Connected to lab, staging, SIMULATED\. You are ")
    hear(r"^Member \S+ is PRIMARY$")
    hear(r"^Card %s, awaiting approval, risk \w+: Create index" % card)
    a.say("show " + card)
    hear(r"createIndexes")
    before = len(a.lines)
    a.say("list")
    lab.until("the list", lambda: any(line.startswith("Card " + card) for line in a.lines[before:]))
    a.say("sing")
    hear(r"^list: what there is")
    a.say(b"x" * 9000 + b"\n")
    a.say(b"\xff\xfe\n")
    lab.until("two refusals", lambda: sum(1 for line in a.lines if line.startswith("Refused: that is no line of text")) == 2)
    a.say("take A-999999")
    hear(r"^Refused: ")
    lab.run("cards", "reject", card, "--reason", "only a test")
    hear(r"^Card %s, rejected" % card)
    L.require(sum(1 for line in a.lines if line.startswith("Card %s, rejected" % card)) == 1, "said twice: %s" % a.lines)
    L.require(not any(re.search("[\u2500-\u259f\x1b]", line) for line in a.lines), "something is drawn: %s" % a.lines)
    a.say("quit")
    L.require(a.p.wait(L.PATIENCE) == 0, "quit: exit %d" % a.p.returncode)


def met(lab, card):
    t = Terminal([L.PROGRAM, "console", "--deployment", "lab", "--presenter"], 100, 30, term="xterm-256color",
                 env={"XDG_STATE_HOME": lab.dir + "/state", "XDG_CONFIG_HOME": lab.dir + "/config"})
    t.wait("card 1 of 1")
    t.wait("Create index")
    t.send("d")
    t.wait("was approved by")
    t.send("Ann: tried out\r")
    t.wait("Noted on " + card)
    told = lab.until("the note on the record", lambda: lab.entries("remark"))[0]
    L.require(told["plan"]["card"] == card and told["body"]["remark"]["text"].startswith("meeting: approved by Ann: tried out; revision "), "the note: %s" % told)
    t.send("q")
    L.require(t.end() == 0, "q does not leave")
    L.require(b"shop" not in bytes(t.bytes) and b"customer_id" not in bytes(t.bytes), "a name was sent to the shown screen")
    t.close()
    L.require("meeting: approved by Ann" in lab.run("audit", "tail", "-n", "50").stdout, "the decision is not in the audit's tail")


def main():
    lab = L.Lab("calm")
    try:
        lab.start()
        card = lab.propose()
        met(lab, card)
        announced(lab, card)
        lab.stop()
        lab.verify()
    except (Exception, SystemExit):
        traceback.print_exc()
        print(lab.log())
        return 1
    finally:
        lab.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
