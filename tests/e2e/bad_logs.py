#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`digest` on what is no log, or no longer one: said with its place, what could be read is reported, and memory is bounded."""
import gzip
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outside import LIMIT, PROGRAM, SANITIZED, Place, check, finish, one_sentence

RSS_MAX = (400 if SANITIZED else 60) << 20
GOOD = (b'{"t":{"$date":"2026-11-23T09:00:%02d.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query","attr":{"type":"command","ns":"shop.orders",'
        b'"command":{"find":"orders","filter":{"a":%d}},"planSummary":"COLLSCAN","docsExamined":10,"nreturned":1,"durationMillis":%d}}\n')
LOG = b"".join(GOOD % (i % 60, i, 100 + i) for i in range(50))


# Between us and the program stands a small process: what is measured for a child begins with the size of who started it.
MEASURE = "import os, sys; p = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); _, s, u = os.wait4(p, 0); os.write(3, b'%d %d' % (os.waitstatus_to_exitcode(s), u.ru_maxrss * 1024))"


def measured(place, *words):
    """(status, stdout, stderr, largest RSS in bytes) of one digest."""
    read, write = os.pipe()
    with subprocess.Popen(["bash", "-c", 'exec "$@" 3>&%d' % write, "bash", sys.executable, "-S", "-c", MEASURE, PROGRAM, "digest", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.env, pass_fds=(write,)) as p:
        os.close(write)
        out, err = p.communicate(timeout=LIMIT)
    with os.fdopen(read) as r:
        status, rss = map(int, r.read().split())
    return status, out, err.decode(errors="replace"), rss


def digest(place, what, path, status, operations, *say):
    rc, out, err, rss = measured(place, "--json", path)
    check(rc == status, "%s: exit %d, not %d: %s" % (what, rc, status, err[:300]))
    for part in say:
        check(part in err, "%s: stderr does not say %r: %s" % (what, part, err[:300]))
    check(len(err.splitlines()) == (1 if say else 0), "%s: not one sentence: %s" % (what, err[:300]))
    check(all(c.isprintable() or c == "\n" for c in err), "%s: control characters: %r" % (what, err[:200]))
    check(rss < RSS_MAX, "%s: %d MB of memory" % (what, rss >> 20))
    got = json.loads(out)["operations"] if out else None
    check(got == operations, "%s: %r operations, not %r" % (what, got, operations))


def lines(p):
    """Between good lines one that is not."""
    deep = b'{"t":' + b'{"a":' * 100000 + b"1" + b"}" * 100000 + b"}"
    arrays = b'{"t":{"$date":"2026-11-23T09:00:00.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"c","msg":"Slow query","attr":{"type":"command","ns":"a.b","command":' + b"[" * 200000
    bad = {"a NUL byte": b'{"t":\0{"$date":"x"}}', "bytes that are not UTF-8": b'{"t":{"$date":"2026-11-23T09:00:00.000+00:00"},"msg":"\xff\xfe\xc0\x80"', "objects 100,000 deep": deep,
           "arrays 200,000 deep": arrays, "16 MiB": b'{"t":"' + b"x" * (16 << 20) + b'"}', "only noise": os.urandom(3000).replace(b"\n", b""), "half a line": LOG[:150],
           "a number beyond all": b'{"t":{"$date":"2026-11-23T09:00:00.000+00:00"},"s":"I","c":"COMMAND","id":1e999999,"durationMillis":' + b"9" * 5000}
    for what, line in bad.items():
        path = p.write("bad.log", LOG + line + b"\n" + LOG)
        digest(p, "a line with " + what, path, 0, 100, path + ":51: ", "1 such line")


def files(p):
    digest(p, "a log in which nothing was written yet", p.write("empty.log", ""), 0, 0)
    digest(p, "a log cut within a line", p.write("cut.log", LOG[:-40]), 0, 49, "cut.log:50: ")
    digest(p, "a file of zeros", p.write("zeros", b"\0" * 100000), 2, 0, "zeros")
    path = p.write("long", LOG)
    with open(path, "ab") as f:
        for _ in range(200):
            f.write(b"y" * (1 << 20))
    digest(p, "200 MB without a newline behind a log", path, 0, 50, path + ":51: ")
    with open(path, "wb") as f:
        f.truncate(200 << 20)
        f.write(b"{" * 100)
    digest(p, "200 MB without a newline", path, 2, 0, path)
    packed = gzip.compress(LOG * 100)
    for what, damaged in (("cut", packed[:-20]), ("with a wrong checksum", packed[:-8] + b"\0\0\0\0" + packed[-4:]), ("of the header alone", packed[:10])):
        rc, out, err, _ = measured(p, "--json", p.write("damaged.gz", damaged))
        check(rc == 2 and "damaged.gz" in err and "gzip" in err, "a gzip %s: %d %s" % (what, rc, err))
        check(json.loads(out)["operations"] <= 5000, "a gzip %s: more operations than there are" % what)
    with gzip.open(os.path.join(p.dir, "bomb.gz"), "wb", 9) as f:
        f.write(LOG)
        for _ in range(1024):
            f.write(b"\0" * (1 << 20))
    digest(p, "a gzip bomb of 1 GB in %d KB" % (os.path.getsize(os.path.join(p.dir, "bomb.gz")) >> 10), os.path.join(p.dir, "bomb.gz"), 0, 50, "bomb.gz:51: ")
    os.mkdir(os.path.join(p.dir, "folder"))
    one_sentence(p.run("digest", os.path.join(p.dir, "folder")), 2, "folder", "no file")
    p.write("folder/notes.txt", "nothing here\n")
    one_sentence(p.run("digest", os.path.join(p.dir, "folder")), 2, "none of the 1 files")
    for what, path in (("no file", "/nowhere/at/all"), ("a socket's name", "/dev/tcp"), ("a name with an escape", p.dir + "/\x1b[2J")):
        r = p.run("digest", path)
        one_sentence(r, 2, path.split("\x1b")[0], what="digest " + what)


def vanishing(p):
    """A file that is taken away while it is read, and one that is cut under the reader: no crash, and only what was there."""
    path = p.write("gone.log", LOG * 20000)
    with subprocess.Popen([PROGRAM, "digest", "--json", path], env=p.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as d:
        os.unlink(path)
        out, err = d.communicate(timeout=LIMIT)
    check(d.returncode in (0, 2), "a file that vanishes: %d %r" % (d.returncode, err))
    check(not out or json.loads(out)["operations"] in (0, 1000000), "a file that vanishes: %r" % out[:200])
    path = p.write("shrinks.log", LOG * 20000)
    with subprocess.Popen([PROGRAM, "digest", "--json", path], env=p.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as d:
        os.truncate(path, 1 << 20)
        out, err = d.communicate(timeout=LIMIT)
    check(d.returncode in (0, 2) and json.loads(out)["operations"] <= 1000000, "a file that shrinks: %d %r" % (d.returncode, err))


def outputs(p):
    path = p.write("a.log", LOG * 200)
    for words in (("--json",), ()):
        with open("/dev/full", "wb") as full:
            one_sentence(p.run("digest", *words, path, stdout=full), 1, "write", what="digest %s to a full disk" % " ".join(words))
        r = subprocess.run(["bash", "-c", 'exec "$0" digest "$@" >&-', PROGRAM, *words, path], env=p.env, stderr=subprocess.PIPE, timeout=LIMIT)
        one_sentence(r, 1, "write", what="digest %s with stdout closed" % " ".join(words))
        r = subprocess.run(["bash", "-c", '"$0" digest "$@" | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}', PROGRAM, *words, path], env=p.env, stderr=subprocess.PIPE, timeout=LIMIT)
        check(r.returncode in (0, 1, 141) and len(r.stderr.splitlines()) <= 1, "digest %s into head: %d %r" % (words, r.returncode, r.stderr))


def main():
    with Place() as p:
        for part in (lines, files, vanishing, outputs):
            part(p)
    finish()


if __name__ == "__main__":
    main()
