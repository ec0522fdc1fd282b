#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first start of a console, at 80x24: what is wrong is told in a sentence and asked again, the connection string is never shown,
nothing is written before it is agreed to, and what is written is what the next start goes by."""
import os
import shutil
import stat
import sys
import tempfile
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from outside import free_port  # noqa: E402
from terminal import Terminal, check  # noqa: E402

SECRET = b"hunter2"


class Home:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="first")
        self.env = {"XDG_CONFIG_HOME": self.dir + "/config", "XDG_STATE_HOME": self.dir + "/state", "SIGNALBOX_URI": "", "EDITOR": "", "VISUAL": ""}
        self.config = self.dir + "/config/signalbox/config"

    def console(self, *words):
        return Terminal([L.PROGRAM, "console", *words], 80, 24, env=self.env)

    def file(self, name, text, mode):
        path = "%s/%s" % (self.dir, name)
        with open(path, "w") as f:
            f.write(text + "\n")
        os.chmod(path, mode)
        return path

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def private(path):
    return stat.S_IMODE(os.stat(path).st_mode) == 0o600


def leaving_writes_nothing():
    home = Home()
    t = home.console()
    t.wait("1. A short name for the deployment [main]:")
    t.send("no/good\r")
    t.wait("letters, digits, - and _")
    t.send("\r")
    t.wait("Enter to type the string:")
    t.send("\r")
    t.wait("typed unseen:")
    t.send(b"mongodb://u:" + SECRET)
    t.send(b"\x03")
    t.wait("Nothing was written.")
    check(t.end() == 0, "leaving is an error")
    check(SECRET not in t.bytes, "the connection string was shown")
    check(termios.tcgetattr(t.fd)[3] & termios.ECHO, "the terminal is left without its echo")
    check(not os.path.exists(home.config), "something was written")
    t.close()
    home.close()


def from_nothing_to_the_panes(sim):
    home = Home()
    t = home.console("--read-only")
    t.wait("1. A short name for the deployment [main]:")
    t.send("shop\r")
    for path, why in ((home.dir + "/nowhere", "cannot open the file"), (home.file("open.uri", sim.uri, 0o644), "others may read it"), (home.file("empty.uri", "", 0o600), "is empty"),
                      (home.file("bad.uri", "postgres://x", 0o600), "the connection string is not valid")):
        t.wait("Enter to type the string:")
        t.send(path + "\r")
        t.wait(why)
    t.until(lambda: t.flat().rstrip().endswith("Enter to type the string:"), "the question again")
    t.send(home.file("away.uri", "mongodb://127.0.0.1:%d/" % free_port(), 0o600) + "\r")
    t.wait("Keep it all the same?")
    t.send("\r")
    t.until(lambda: t.flat().rstrip().endswith("Enter to type the string:"), "the question again")
    t.send("\r")
    t.until(lambda: t.flat().rstrip().endswith("typed unseen:"), "the unseen line")
    t.send(b"mongodb:/" + SECRET + b"\r")
    t.wait("it is not shown, as it may hold a password")
    t.until(lambda: t.flat().rstrip().endswith("Enter to type the string:"), "the question again")
    t.send("\r")
    t.until(lambda: t.flat().rstrip().endswith("typed unseen:"), "the unseen line")
    t.send(sim.uri + "&appName=" + SECRET.decode() + "\r")
    t.wait("replica set rs0 (SIMULATED)")
    t.wait("nobody is logged in")
    t.wait("3. Is it prod, staging or dev?")
    t.send("production\r")
    t.wait("one of the three words")
    t.send("staging\r")
    t.wait("Write it? [y]:")
    check(not os.path.exists(home.config), "it was written before that was agreed to")
    t.send("\r")
    t.wait("The keys to begin with")
    t.wait("q leaves:")
    check(private(home.config) and private(home.dir + "/config/signalbox/shop.uri"), "others may read what was written")
    t.send("\r")
    t.wait("Approvals")
    t.wait("READ-ONLY")
    t.wait("staging")
    t.send("q")
    check(t.end() == 0, "q does not leave")
    check(SECRET not in t.bytes, "the connection string was shown")
    t.close()
    t = home.console()
    t.wait("Approvals")
    check("short name" not in t.flat(), "it asks again")
    t.send("q")
    check(t.end() == 0, "q does not leave")
    t.close()
    home.close()


def main():
    leaving_writes_nothing()
    sim = L.Sim("calm", 2)
    try:
        from_nothing_to_the_panes(sim)
    finally:
        sim.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
