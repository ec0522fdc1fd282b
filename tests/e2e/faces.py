#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The faces of the console on a pseudo-terminal: the meeting with its pseudonyms and minutes on five kinds of terminal, and what
one whole approval costs in bytes on the face for a slow line and on the usual one."""
import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import xml.dom.minidom

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import CLOCK, DRIVER, RECORDED, Terminal, check, console

QUESTION = b"\x1b[c"
SECRETS = (b"shop", b"status_1", b"db1", b"27017", b"alice")


def shows(data, secret):
    """Whether the bytes show the secret, not merely a hash that has its letters by chance: db1 and 27017 are hex digits too.
    A hash that is redrawn in part leaves a run of any length, and a name ends where no hex digit follows."""
    return re.search(rb"(?<![0-9a-f])" + re.escape(secret) + rb"(?![0-9a-f])", data) is not None


def meeting(term):
    with tempfile.TemporaryDirectory() as state:
        t = console(80, 24, RECORDED + ["11-more"], options=("--face", "presenter", "--state", state), term=term)
        t.wait("card 1 of")
        t.send("d")
        t.wait("was approved by")
        t.send("Ann, Ben: tried out on staging\r")
        t.wait("approved by Ann, Ben: tried out on staging")
        t.wait("1 decided")
        for keys in (b"\x1b[C", b"\x1b[C", b"\r", b"2", b"3", b"4", b"7"):  # through the agenda, and through a card's tabs
            t.send(keys)
        t.wait("[7 history")
        t.send("\x1b")
        t.wait("Meeting")
        t.send("\x1b")
        t.wait("Approvals")
        t.send("q")
        check(t.end() == 0, "q does not leave the meeting")
        files = glob.glob(state + "/screen-*.md")
        check(len(files) == 1, "%s: leaving wrote %d minutes" % (term, len(files)))
        text = open(files[0]).read()
        body, _, rest = text.rpartition("\nSHA-256")
        check(hashlib.sha256(body.encode()).hexdigest() in rest, "the minutes' own hash is another")
        check(re.search(r"- By: Ann, Ben\n- Reason: tried out on staging\n- Revision: 1\n- Hash: [0-9a-f]{64}\n", text), "the decision is not in the minutes:\n" + text)
        for secret in SECRETS:
            check(not shows(bytes(t.bytes), secret), "%s: %r was sent to the shown screen" % (term, secret))
            check(not shows(text.encode(), secret), "%r is in the minutes" % secret)
        t.close()


def approval(face):
    """Bytes from an idle console over reading and approving a card to its verdict, and the keys it takes."""
    t = console(80, 24, RECORDED, options=("--face", face), term="xterm-256color")
    t.wait("C-000001" if face == "none" else "Anomalies")
    start, keys = len(t.bytes), 0
    for key, then in ((b"3", "Approvals"), (b"\r", "[1 summary"), (b"\x1b[6~", "Hash"), (b"2", "[2 commands]"), (b"A", "Approve")):
        t.send(key)
        t.wait(then)
        keys += 1
    t.send("shop.orders")
    t.wait("> shop.orders")
    t.send("\r")
    t.wait("PASS")
    cost = len(t.bytes) - start
    t.close()
    return cost, keys + len("shop.orders") + 1


def incident():
    """A scripted incident, from the alarm on the screen to the decision: each key, and the screens passed."""
    t = console(80, 24, RECORDED, term="xterm-256color")
    t.wait("A-000001" if "A-000001" in t.flat() else "Anomalies")
    keys = screens = 0
    for key, then, screen in ((b"1", "Anomalies", 0), (b"a", "Anomalies", 0), (b"\r", "Anomaly A-000001", 1), (b"c", "Case K-", 1), (b"\r", "[1 summary", 1), (b"\x1b[6~", "Hash", 1),
                              (b"2", "[2 commands]", 1), (b"A", "Approve", 1)):
        t.send(key)
        t.wait(then)
        keys += 1
        screens += screen
    t.send("shop.orders")
    t.wait("> shop.orders")
    t.send("\r")
    t.gone("> shop.orders")
    print("an incident from alarm to decision: %d keys, and %d more for the name that prod wants typed; %d screens" % (keys + 1, len("shop.orders"), screens + 1))
    t.close()


class Late(Terminal):
    """A terminal that says who it is `after` seconds behind each question; None: never."""
    after = None

    def pump(self, seconds):
        start = len(self.bytes)
        there = super().pump(seconds)
        for _ in range(bytes(self.bytes[start:]).count(QUESTION) if self.after is not None else 0):
            time.sleep(self.after)
            self.send(b"\x1b[?62;22c")
        return there


def late(after, term="xterm-256color", options=()):
    Late.after = after
    return Late([DRIVER, "--clock", CLOCK, *options, *RECORDED], 80, 24, term=term)


def line_by_itself():
    """A terminal that answers late gets the face for a slow line, is told, and has a key against it. Its answers are no keys."""
    with tempfile.TemporaryDirectory() as state:
        t = late(0.3, options=("--log", state + "/log"))
        t.wait("ms to answer: this is the face for a slow line. F8 takes it back.")
        t.send("\x1b")
        t.wait("slow line: ")
        check("Approvals" not in t.flat(), "four panes on the face for a slow line")
        check(bytes(t.bytes).count(QUESTION) == 3, "%d questions" % bytes(t.bytes).count(QUESTION))
        start = len(t.bytes)
        t.send("\x1b[19~")
        t.wait("Approvals")
        t.wait("The usual face.")
        check(re.search(rb"\x1b\[[0-9;]*[34]8;5;", bytes(t.bytes[start:])), "the colours did not come back")
        check("slow line: " not in t.flat(), "the usual face speaks of a slow line")
        t.send("q")
        check(t.end() == 0, "q does not leave")
        t.put_back("a face for a slow line")
        asked = open(state + "/log").read()
        check(set(re.findall(r'"type": ?"([a-z_]+)"', asked)) <= {"hello", "get_audit", "leave"}, "something was asked: " + asked)
        t.close()


def no_answer():
    """Where none comes, everything is as ever; who is not known to answer, or has the face already, is not asked. Leaving at once waits
    for the answer under way, so that the shell does not get it."""
    for term, options, questions in (("xterm-256color", (), 1), ("vt100", (), 0), ("screen-256color", (), 0), ("xterm-256color", ("--face", "line"), 0)):
        t = late(None, term, options)
        t.wait("Anomalies")
        t.send("?")
        t.wait("Keys in")
        check("slow line: " not in t.flat(), "a face for no answer")
        check(bytes(t.bytes).count(QUESTION) == questions, "%s was asked %d times" % (term, bytes(t.bytes).count(QUESTION)))
        t.send("q")
        check(t.end() == 0, "q does not leave")
        if term != "vt100":  # which has no other screen to come back from
            t.put_back("no answer")
        t.close()
    t = late(None)
    t.until(lambda: QUESTION in t.bytes, "the question")
    t.send("q\x1b[?62;22c")
    check(t.end() == 0, "q does not leave")
    t.put_back("an answer under way")
    t.close()


def within_screen():
    """GNU screen itself, which draws its own picture of the console's: through a card and what runs now, and back to the shell."""
    program = shutil.which("screen")
    if not program:
        print("SKIP: GNU screen is not installed")
        return
    with tempfile.TemporaryDirectory() as place:
        sockets = os.path.join(place, "s")
        os.mkdir(sockets, 0o700)
        with open(os.path.join(place, "rc"), "w") as f:
            f.write("startup_message off\ndefutf8 on\n")
        t = Terminal([program, "-U", "-c", os.path.join(place, "rc"), "-S", "faces", DRIVER, "--clock", CLOCK, *RECORDED], 80, 24, term="xterm-256color", env={"SCREENDIR": sockets})
        t.wait("Approvals")
        for keys, then in ((b"3", "Approvals"), (b"\r", "[1 summary"), (b"\x1b[6~", "Hash"), (b"2", "[2 commands"), (b"\x1b[15~", "What runs now"), (b"!", "Doctor: 0 wrong")):
            t.send(keys)
            t.wait(then)
        check(QUESTION not in bytes(t.bytes), "screen was asked who it is")
        t.send("q")
        t.wait("[screen is terminating]")
        t.end()
        t.close()


def plots():
    """The series of an anomaly leave as a picture that others can read."""
    with tempfile.TemporaryDirectory() as state:
        t = console(80, 24, ["01-connect", "03-calm", "12-incident"], options=("--state", state), term="xterm-256color")
        t.wait("Anomalies")
        for keys, then in ((b"1", "Anomalies"), (b"\r", "Anomaly A-"), (b"W", "Export as"), (b"\x15plots\r", "Written to")):
            t.send(keys)
            t.wait(then)
        files = glob.glob(state + "/screen-*.svg")
        check(len(files) == 1, "%d pictures were written" % len(files))
        picture = xml.dom.minidom.parse(files[0])
        check(len(picture.getElementsByTagName("polyline")) > 0, "nothing is drawn in the picture")
        t.close()


def dumb():
    t = Terminal([os.environ["SIGNALBOX"], "demo"], 80, 24, term="dumb", env={"XDG_STATE_HOME": tempfile.mkdtemp(), "XDG_CONFIG_HOME": tempfile.mkdtemp()})
    t.end()
    check("TERM=dumb cannot place text" in t.flat(), "a dumb terminal is not told in words:\n" + t.text())
    t.close()


for kind in ("xterm-256color", "screen", "linux", "vt100"):
    meeting(kind)
dumb()
line_by_itself()
no_answer()
within_screen()
plots()
incident()
usual, keys = approval("none")
line, _ = approval("line")
print("one whole approval, %d keys: %d bytes on the line face, %d on the usual one (%.2f)" % (keys, line, usual, line / usual))
check(line < usual, "the face for a slow line sends %d bytes, the usual one %d" % (line, usual))
