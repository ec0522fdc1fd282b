#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong words, wrong files, wrong terminals: one sentence that says what, where and what to do, and the right exit status."""
import os
import pty
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outside import LIMIT, PROGRAM, Place, check, finish, free_port, one_sentence

COMMANDS = ("demo", "console", "help", "ask", "cards", "serve", "digest", "sim", "version")


def words():
    with Place() as p:
        bad = lambda *w, say=(), status=2, **how: one_sentence(p.run(*w, **how), status, *say)
        bad(say=("signalbox help",))
        bad("frobnicate", say=('"frobnicate"', "signalbox help"))
        bad("", say=('""',))
        bad("\x1b]0;x\x07", say=("signalbox help",))
        for command in COMMANDS:
            bad(command, "--frob", say=("--frob", "signalbox help " + command))
            bad(command, "-x", say=("-x",))
        for command, option in (("ask", "--deployment"), ("console", "--uri-file"), ("serve", "--policy"), ("digest", "--since"), ("sim", "--seed"), ("demo", "--speed"), ("cards", "--hash")):
            bad(command, option, say=(option, "value"))
        bad("sim", "--list=yes", say=("--list", "no value"))
        for option, value in (("--seed", "x"), ("--seed", "-1"), ("--seed", "9" * 30), ("--speed", "0"), ("--speed", "1.5"), ("--members", "6"), ("--port", "0"), ("--port", "65535"),
                              ("--start", "yesterday"), ("--incarnation", "xyz"), ("--incarnation", "0" * 33)):
            bad("sim", option, value, say=(option, value))
        for option, value in (("--seed", "x"), ("--speed", "1001"), ("--speed", "")):
            bad("demo", "--tour", option, value, say=(option, value))
        for option in ("--since", "--until"):
            bad("digest", option, "noon", "x.log", say=(option, "noon", "2026-11-23"))
        bad("ask", say=("ask",))
        bad("ask", "a", "b", say=("ask", "quotes"))
        bad("cards", "frobnicate", "C-1", say=("frobnicate", "signalbox help cards"))
        bad("cards", "show", say=("signalbox help cards",))
        bad("cards", "edit", "C-1", say=("--set",))
        bad("cards", "approve", "C-1", say=("--hash",))
        bad("cards", "show", "C-999999", say=("there is no ledger", p.state))
        bad("cards", "approve", "C-1", "--hash", "0" * 64, status=1, say=("signalbox serve",))
        bad("version", "now", say=("version",))
        bad("help", "frobnicate", say=("frobnicate",))
        bad("help", "ask", "cards", say=("help",))
        for command in ("serve", "console", "demo", "sim"):
            bad(command, "word", say=("signalbox help " + command,))
        bad("console", say=("terminal", "signalbox serve"))
        bad("sim", "--scenario", "frob", say=("frob", "--list"))
        bad("ask", "what is slow?", say=("--deployment", "--uri-file", "SIGNALBOX_URI"))
        bad("serve", "--deployment", "shop", say=("shop", "config"))
        bad("demo", "--tour", "--policy", "frob", say=("frob", "default"))


def named_files():
    """Files that are named on the command line: every way of being no such file."""
    with Place() as p:
        uri = p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())
        paths = {"nothing": "./nothing", "a folder": p.dir, "binary": p.write("binary", b"\0\1\2\n" * 1000), "text": p.write("text", "hello there\n"), "10 MB": p.write("large", b"x\n" * (5 << 20)),
                 "empty": p.write("empty", ""), "a name that would clear the screen": p.dir + "/x\x1b[2J"}
        for words in (("sim", "--scenario"), ("serve", "--uri-file"), ("serve", "--uri-file", uri, "--policy")):
            for what, path in paths.items():
                if what == "empty" and words[0] == "sim":
                    continue  # a set without collections and clients
                one_sentence(p.run(*words, path), 2, path.split("\x1b")[0], what="%s %s" % (" ".join(words[:2]), what))
        check(not os.path.exists(os.path.join(p.state, "socket")), "a wrong file on the command line, and something was started")


def uri_files():
    with Place() as p:
        uri = "mongodb://shop:S3cr3tPassw0rd@127.0.0.1:%d/\n" % free_port()
        for mode in (0o644, 0o640, 0o604, 0o660):
            one_sentence(p.run("serve", "--uri-file", p.write("uri-%o" % mode, uri, mode)), 2, "uri-%o" % mode, "chmod 600")
        for what in ("mongodb://", "mongodb://u:S3cr3tPassw0rd@", "http://127.0.0.1/", "mongodb://127.0.0.1:99999/", "mongodb://u:S3cr3t/Passw0rd@h/", "localhost:27017", "mongodb://h/?readPreference=S3cr3tPassw0rd",
                     "mongodb://h/?nonsense", "mongodb://u:S3cr3tPassw0rd%ZZ@h/", "\xff\xfe"):
            r = p.run("serve", "--uri-file", p.write("uri", what.encode("latin-1") if what == "\xff\xfe" else what))
            one_sentence(r, 2, "connection string", "uri", what="the connection string %.40r" % what)
            check(b"S3cr3t" not in r.stderr + r.stdout and b"Passw0rd" not in r.stderr + r.stdout, "a wrong connection string is repeated with its password: %r" % r.stderr)
        r = p.run("ask", "x", env={"SIGNALBOX_URI": "mongodb://u:S3cr3tPassw0rd@"})
        one_sentence(r, 2, "SIGNALBOX_URI")
        check(b"S3cr3t" not in r.stderr, "SIGNALBOX_URI is repeated")


def configs():
    with Place() as p:
        uri = p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())
        config = os.path.join("config", "signalbox", "config")
        path = os.path.join(p.config, "config")

        def ask(text, status, *say):
            p.write(config, text)
            r = p.run("ask", "x", timeout=LIMIT)
            err = r.stderr.decode(errors="replace")
            check(r.returncode == status, "config %.60r: exit %d: %s" % (text, r.returncode, err))
            for part in say:
                check(part in err, "config %.60r: does not say %r: %s" % (text, part, err))
            return err

        good = "deployment shop\nset uri_file %s\nset environment staging\n" % uri
        # harmless: said, with its place, and the program goes on (to find that nobody listens)
        ask("set mouse maybe\n" + good, 3, ":1: mouse is on or off", "127.0.0.1")
        ask("set frob 1\n" + good, 3, path + ":1: ", "theme, keymap, policy", "127.0.0.1")
        ask(good + "set colour red\n", 3, path + ":4: ", "uri_file")
        # what guards safety stops it, and nothing was connected to
        for text, say in ((good.replace("staging", "stagign"), ":3: environment must be"), (good + "set uri mongodb://u:S3cr3tPassw0rd@h/\n", ":4: a connection string may hold a password"),
                          (good + "deployment shop\n", ":4: "), ("polcy strict\n" + good, ":1: "), ("set policy\n" + good, ":1: "), ('set policy "default\n' + good, ":1: "),
                          (b"set policy d\xff\n" + good.encode(), ":1: "), (b"set policy d\0\n" + good.encode(), ":1: "), ("set policy frob\n" + good, "frob"),
                          (good.replace("set uri_file", "set url_file"), "uri_file"),
                          ("set polcy strict-prod\n" + good, ":1: there is no such setting; was policy meant? It guards safety"), ("set wavers x\n" + good, "was waivers meant?"),
                          (good + "set enviroment prod\n", ":4: there is no such setting; was environment meant?"),
                          (good + "set policy strict-prod\n", ":4: policy has its place before the deployment sections"),
                          ("set environment staging\n" + good, ":1: environment has its place in one of the deployment sections")):
            err = ask(text, 2, say)
            check("S3cr3t" not in err, "the config's password is repeated")
        ask("x" * (2 << 20), 2, path)
        os.unlink(path)
        os.mkdir(path)
        one_sentence(p.run("ask", "x"), 2, path)
        os.rmdir(path)
        if os.getuid():
            p.write(config, good, 0)
            one_sentence(p.run("ask", "x"), 2, path)


POLICY_TYPOS = {
    "a comma too many": ('"rules": [', '"rules": [,'),
    "a quote too few": ('"bundle"', '"bundle'),
    "a key twice": ('"bundle"', '"bundle": "x", "bundle"'),
    "an unknown key": ('"bundle"', '"bundel"'),
}


def policies():
    with Place() as p:
        uri = p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())
        with open("policy/default.json") as f:
            good = f.read()
        for what, (old, new) in POLICY_TYPOS.items():
            check(old in good, "the policy has no " + old)
            path = p.write("typo.json", good.replace(old, new, 1))
            r = p.run("serve", "--uri-file", uri, "--policy", path)
            one_sentence(r, 2, path, what="a policy with " + what)
            place = r.stderr.decode().split(path + ":")[-1].split(":")
            check(len(place) > 2 and place[0].isdigit() and place[1].isdigit(), "a policy with %s: no line and column: %s" % (what, r.stderr.decode()))
            check(not os.path.exists(os.path.join(p.state, "socket")), "a policy with %s, and something was started" % what)


def scenarios():
    with Place() as p:
        for text, line in (("collection shop.x 10\n    field _id \"frob(1)\"\n", 2), ("app a clients 0\n", 1), ("collection shop.x -5\n", 1), ("title x\n\nat noon start x\n", 3),
                           ("app a clients 1\n    find shop.x rate x\n", 2), ("frobnicate\n", 1), ('title "no end\n', 1), ("collection shop.x 99999999999\n", 1)):
            path = p.write("bad.scenario", text)
            r = p.run("sim", "--scenario", path)
            one_sentence(r, 2, "%s:%d: " % (path, line), what="the scenario %.40r" % text)
            check(not r.stdout, "the scenario %.40r: something is printed" % text)


def lost_output():
    """Who reads the results goes away, or the disk is full: a failure, said where there is somebody to hear it; no signal."""
    with Place() as p:
        for words in (("help",), ("help", "--man"), ("version",), ("version", "--json"), ("sim", "--list"), ("help", "keys")):
            for what, stdout in (("a full disk", "/dev/full"), ("a closed pipe", None)):
                if stdout:
                    with open(stdout, "wb") as f:
                        r = p.run(*words, stdout=f)
                else:
                    r = subprocess.run(["bash", "-c", '"$0" "$@" | true; exit ${PIPESTATUS[0]}', PROGRAM, *words], env=p.env, stderr=subprocess.PIPE, timeout=LIMIT)
                if what == "a full disk":
                    one_sentence(r, 1, "cannot write", what="%s to %s" % (" ".join(words), what))
                else:
                    check(r.returncode in (0, 1, 141) and b"\n" not in r.stderr.strip(), "%s to %s: %d %r" % (" ".join(words), what, r.returncode, r.stderr))
            r = subprocess.run(["bash", "-c", 'exec "$0" "$@" >&-', PROGRAM, *words], env=p.env, stderr=subprocess.PIPE, timeout=LIMIT)
            one_sentence(r, 1, "cannot write", what=" ".join(words) + " with stdout closed")
        # a remark on the input, said before, does not stand for the loss
        log = p.write("half.log", '{"t":{"$date":"2026-01-01T00:00:00.000+00:00"},"s":"I","c":"NETWORK","id":22943,"ctx":"listener","msg":"Connection accepted","attr":{}}\n{"t":\n')
        for words in (("incident", log), ("incident", "--json", log), ("digest", log)):
            with open("/dev/full", "wb") as f:
                r = p.run(*words, stdout=f)
            check(r.returncode == 1 and b"half.log" in r.stderr and r.stderr.count(b"cannot write") == 1, "%s to a full disk, after a remark: %d %r" % (words[0], r.returncode, r.stderr))
        r = subprocess.run(["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-', PROGRAM, "ask", "x"], env=p.env, timeout=LIMIT)
        check(r.returncode == 2, "all three closed: exit %d" % r.returncode)


def places_to_run():
    """No locale, no TERM, no HOME: it works, or says what is missing."""
    with Place() as p:
        for env in ({"LANG": "C", "LC_ALL": ""}, {"LC_ALL": "POSIX"}, {"LC_ALL": "xx_XX.UTF-8"}):
            check(p.run("help", "keys", env=env).returncode == 0, "help with %r" % env)
        bare = {"PATH": "/usr/bin:/bin", "MONGOC_DISABLE_SHM": "1"}
        r = subprocess.run([PROGRAM, "cards"], env=bare, capture_output=True, timeout=LIMIT)
        one_sentence(r, 2, "XDG_STATE_HOME", "HOME")
        for term in (None, "frobnicate", "dumb"):
            env = {k: v for k, v in p.env.items() if k != "TERM"}
            if term:
                env["TERM"] = term
            main, side = pty.openpty()
            r = subprocess.run([PROGRAM, "console", "--uri-file", p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())], env=env, stdin=side, stdout=side, stderr=subprocess.PIPE,
                               input=None, timeout=LIMIT)
            os.close(side)
            os.close(main)
            one_sentence(r, 2, "TERM", what="console with TERM %s" % term)


def main():
    for part in (words, named_files, uri_files, configs, policies, scenarios, lost_output, places_to_run):
        part()
    finish()


if __name__ == "__main__":
    main()
