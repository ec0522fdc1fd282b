#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A state folder or a ledger that cannot be used: exit status 5 and the reason, nothing is executed, nothing is lost. Who only
reads is told 2 where there is no ledger and 1 where it cannot be read."""
import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outside import LIMIT, Place, check, finish, free_port, one_sentence, skip, wait_until

AS_ROOT = os.getuid() == 0


def uri_of(p):
    return p.write("uri", "mongodb://127.0.0.1:%d/\n" % free_port())


def serve(p, *say, what, **how):
    one_sentence(p.run("serve", "--uri-file", uri_of(p), **how), 5, *say, what=what)


def folders():
    with Place() as p:
        os.makedirs(os.path.dirname(p.state))
        for mode in (0o777, 0o770, 0o702):
            os.mkdir(p.state)
            os.chmod(p.state, mode)
            serve(p, p.state, "chmod 700", what="a state folder of mode %o" % mode)
            check(os.listdir(p.state) == [], "something was made in a state folder of mode %o" % mode)
            os.rmdir(p.state)
        p.write("state/signalbox", "a file")
        serve(p, p.state, what="a state folder that is a file")
        os.unlink(p.state)
        os.symlink("/nowhere/at/all", p.state)
        serve(p, p.state, what="a state folder that leads nowhere")
        os.unlink(p.state)
        serve(p, "/proc/signalbox", env={"XDG_STATE_HOME": "/proc"}, what="a state folder that cannot be made")
        serve(p, "/dev/null", env={"XDG_STATE_HOME": "/dev/null/x"}, what="a state folder below a file")
        deep = os.path.join(p.dir, *["d" * 40] * 4)
        one_sentence(p.run("serve", "--uri-file", uri_of(p), env={"XDG_STATE_HOME": deep}), 2, "too long", "XDG_STATE_HOME", what="a state folder whose path is too long for a socket")


def fill(p):
    """A ledger with something in it; its bytes' hash."""
    socket = os.path.join(p.state, "socket")
    if os.path.exists(socket):
        os.unlink(socket)  # of an owner that was killed
    with p.background("serve", "--uri-file", uri_of(p)) as s:
        wait_until("the socket", lambda: os.path.exists(socket) or s.poll() is not None)
        wait_until("an owner that answers", lambda: p.run("cards", "list").returncode == 0 or s.poll() is not None)
    check(s.returncode == 0, "serve ended with %d: %s" % (s.returncode, s.said()))
    return ledger_hash(p)


def ledger_hash(p):
    with open(os.path.join(p.state, "ledger.db"), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def ledgers():
    with Place() as p:
        whole = fill(p)
        path = os.path.join(p.state, "ledger.db")
        with open(path, "rb") as f:
            good = f.read()

        def with_bytes(data, what, *say):
            with open(path, "wb") as f:
                f.write(data)
            serve(p, path, *say, what=what)
            with open(path, "rb") as f:
                check(f.read() == data, what + ": the file was changed")

        with_bytes(os.urandom(20000), "a ledger of garbage")
        with_bytes(b"SQLite format 3\0" + os.urandom(20000), "a ledger of garbage that begins well")
        with_bytes(good[:len(good) // 2], "a ledger cut in half")
        with_bytes(b"hello\n", "a ledger that is a text")
        for number, (what, *say) in {"user_version=99": ("a newer ledger", "version 99", "newer signalbox"), "application_id=1": ("another program's database", "not a signalbox ledger")}.items():
            with open(path, "wb") as f:
                f.write(good)
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA " + number)
            db.close()
            with open(path, "rb") as f:
                with_bytes(f.read(), what, *say)
        with open(path, "wb") as f:
            f.write(good)
        check(ledger_hash(p) == whole, "the test put back another ledger")
        os.unlink(path)
        check(os.path.exists(os.path.join(p.state, "checkpoint")), "a run left no checkpoint")
        serve(p, path, "checkpoint", what="a ledger that is gone beside its checkpoint")
        with open(path, "wb") as f:
            f.write(good)
        os.chmod(path, 0o600)
        fill(p)  # it goes on where it stood
        with sqlite3.connect(path) as db:
            entries = db.execute("SELECT count(*) FROM entry").fetchone()[0]
        db.close()
        check(entries > 2, "the ledger has %d entries after two runs" % entries)
        os.unlink(path)
        os.mkdir(path)
        serve(p, path, what="a ledger that is a folder")


def without_permission():
    """As somebody who is not root, whom permissions do not bind."""
    with Place() as p:
        fill(p)
        uri = uri_of(p)
        who = {"user": 65534, "group": 65534, "extra_groups": []} if AS_ROOT else {}
        if AS_ROOT:
            subprocess.run(["chown", "-R", "65534:65534", p.dir], check=True)
        try:
            if p.run("version", **who).returncode:
                raise PermissionError
        except PermissionError:
            skip("a read-only ledger and folder: root may write everywhere, and nobody else may run the program where it lies")
            return
        path = os.path.join(p.state, "ledger.db")
        os.chmod(path, 0o400)
        one_sentence(p.run("serve", "--uri-file", uri, **who), 5, path, what="a read-only ledger")
        os.chmod(path, 0o000)
        one_sentence(p.run("serve", "--uri-file", uri, **who), 5, path, what="a ledger that cannot be read")
        os.chmod(path, 0o600)
        os.chmod(p.state, 0o500)
        one_sentence(p.run("serve", "--uri-file", uri, **who), 5, p.state, what="a state folder that cannot be written")
        os.chmod(p.state, 0o700)


READERS = (("audit", "verify"), ("audit", "show", "K-000001"), ("audit", "tail"), ("audit", "export"), ("audit", "prove", "1"), ("cards",), ("cards", "show", "C-000001"),
           ("policy", "explain", "d-000001"), ("policy", "replay", "--candidate", "strict-prod"), ("policy", "levels"))


def files_of(p):
    return [(root, sorted(dirs), sorted(files), oct(os.stat(root).st_mode)) for root, dirs, files in os.walk(p.dir)]


def readers():
    """Each command that only reads, on each state folder in which there is nothing to be read: one sentence, the right status,
    and the folder is as it was. What is granted is known without a ledger."""
    def read(p, status, *say, what, rebuild=None, **how):
        before = files_of(p)
        for words in READERS:
            if words == ("policy", "levels") and what in ("an empty state folder", "a state folder below a file"):
                check(p.run(*words, **how).returncode == 0, "policy levels with " + what)
            else:
                one_sentence(p.run(*words, **how), status, *say, what="%s with %s" % (" ".join(words), what))
        if rebuild:  # writes, so it is told what a writer is told
            one_sentence(p.run("audit", "rebuild", **how), rebuild, *say, what="audit rebuild with " + what)
        check(files_of(p) == before, "something was made or changed by reading " + what)

    with Place() as p:
        read(p, 2, "there is no ledger in /dev/null/x/signalbox", what="a state folder below a file", env={"XDG_STATE_HOME": "/dev/null/x"}, rebuild=2)
        os.makedirs(os.path.dirname(p.state))
        p.write("state/signalbox", "a file")
        read(p, 2, p.state, "is not a folder", what="a file for a state folder", rebuild=5)
        one_sentence(p.run("audit", "--ledger", p.state, "verify"), 2, "there is no ledger in " + p.state, what="audit verify of a file")
        os.unlink(p.state)
        os.mkdir(p.state, 0o700)
        read(p, 2, "there is no ledger in " + p.state, what="an empty state folder", rebuild=2)
        os.chmod(p.state, 0o777)
        read(p, 1, "may be written by others", "chmod 700", what="a state folder of mode 777", rebuild=5)
        os.chmod(p.state, 0o700)
        fill(p)
        one_sentence(p.run("audit", "export", "--since", "2026-11-24", "--until", "2026-11-23"), 2, "--since 2026-11-24 is later than --until 2026-11-23")
        check(p.run("audit", "export", "--since", "2026-11-23", "--until", "2026-11-23").returncode == 0, "an export of no time at all")
        if not AS_ROOT or not becomes_nobody(p):
            skip("a ledger of another owner: only root gives a file away")
            return
        shut, nobody = os.path.join(p.state, "ledger.db"), {"user": 65534, "group": 65534, "extra_groups": []}
        os.chmod(shut, 0o000)
        read(p, 1, shut, "Permission denied", what="a ledger that may not be read", rebuild=5, **nobody)
        subprocess.run(["chown", "-R", "0:0", p.state], check=True)
        read(p, 1, p.state, "Permission denied", what="the state folder of another user", rebuild=5, **nobody)
        os.chmod(p.state, 0o755)
        os.chmod(shut, 0o644)
        check(p.run("cards", **nobody).returncode == 0, "the ledger of another user, who lets it be read")


def becomes_nobody(p):
    """Gives the place to nobody, who is bound by permissions; false where he may not run the program."""
    subprocess.run(["chown", "-R", "65534:65534", p.dir], check=True)
    try:
        return p.run("version", user=65534, group=65534, extra_groups=[]).returncode == 0
    except PermissionError:
        return False


def owners():
    """One owner at a time; the second names the first, also when that one stands still; a dead one is no owner."""
    with Place() as p:
        del p.env["MONGOC_DISABLE_SHM"]
        with p.background("serve", "--uri-file", uri_of(p)) as first:
            wait_until("the socket", lambda: os.path.exists(os.path.join(p.state, "socket")))
            p.env["MONGOC_DISABLE_SHM"] = "1"
            serve(p, "process %d owns this ledger" % first.pid, what="a second owner")
            r = p.run("demo", "--tour")
            one_sentence(r, 5, "process %d" % first.pid, what="a demo beside an owner")
            first.send_signal(signal.SIGSTOP)
            serve(p, "process %d" % first.pid, "SIGCONT", what="a second owner beside one that stands still")
            first.send_signal(signal.SIGCONT)
            first.kill()
            first.wait()
            check(not os.path.exists("/dev/shm/mongoc-%d" % first.pid), "a killed owner leaves the driver's counters in shared memory")
        fill(p)


def no_room():
    """A disk that fills up: what was written stays, the reason is said, nothing is executed."""
    with Place() as p:
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        serve(p, "ledger", what="no file may be larger than 20,000 bytes", preexec_fn=limit)
    with Place() as p:
        disk = os.path.join(p.dir, "disk")
        os.mkdir(disk)
        if not AS_ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk], capture_output=True).returncode:
            skip("a full disk: a tmpfs cannot be mounted here")
            return
        try:
            p.env["XDG_STATE_HOME"], p.state = disk, os.path.join(disk, "signalbox")
            fill(p)
            with open(os.path.join(disk, "filler"), "wb", buffering=0) as f:
                try:
                    while True:
                        f.write(b"x" * 512)
                except OSError:
                    pass
            r = p.run("demo", "--tour", "--speed", "60", timeout=LIMIT)
            check(r.returncode == 5 and b"ledger" in r.stderr, "a demo on a full disk: %d %r %r" % (r.returncode, r.stdout, r.stderr))
            with p.background("serve", "--uri-file", uri_of(p)) as s:
                wait_until("serve's word about a full disk", lambda: "full" in s.said())
                r = p.run("ask", "create an index on shop.orders {a: 1}", timeout=LIMIT)
                check(r.returncode == 5, "a request on a full disk: %d %r %r" % (r.returncode, r.stdout, r.stderr))
                os.unlink(os.path.join(disk, "filler"))
                wait_until("serve's word that there is room again", lambda: "can be written again" in s.said())
            check(s.returncode == 0, "serve ended with %d" % s.returncode)
            fill(p)
        finally:
            subprocess.run(["umount", disk], check=True)


def main():
    for part in (folders, ledgers, readers, without_permission, owners, no_room):
        part()
    finish()


if __name__ == "__main__":
    main()
