#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serve --metrics`: read by the Prometheus project's own parser, over TCP and a Unix socket; hostile clients hold up nobody."""
import json
import os
import socket
import sys
import traceback

from prometheus_client.parser import text_string_to_metric_families

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402


def connect(where):
    s = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    s.settimeout(20)
    s.connect(where)
    return s


def ask(where, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    s = connect(where)
    s.sendall(request)
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            break
        got += more
    s.close()
    head, _, body = got.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


def scrape(where):
    head, body = ask(where)
    L.require(head.startswith("HTTP/1.1 200 OK\r\n") and "version=0.0.4" in head and "Content-Length: %d" % len(body) in head, head)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in text_string_to_metric_families(body) for s in f.samples}


def value(found, name, **labels):
    return next((v for (n, l), v in found.items() if n == name and all((k, str(x)) in l for k, x in labels.items())), None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def refused(lab):
    for address in ("0.0.0.0:9216", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:9216x", "localhost:9216", "unix:relative", "192.168.1.1:9216", ""):
        done = lab.run("serve", "--metrics", address, check=False)
        L.require(done.returncode == 2 and "not for other hosts" in done.stderr, "%s: exit %d, %s" % (address, done.returncode, done.stderr))


def what_is_told(lab, where):
    lab.until("a sample", lambda: (value(scrape(where), "signalbox_samples_total") or 0) > 2)
    found = scrape(where)
    L.require(value(found, "signalbox_info", environment="staging", simulated="true", deployment="lab") == 1, sorted(found))
    for member in lab.sim.members:
        told = [l for (n, l) in found if n == "signalbox_member_healthy"]
        L.require(told, "no member is told")
    L.require(value(found, "signalbox_connected") == 1 and value(found, "signalbox_ledger_writable") == 1, found)
    L.require(len([1 for (n, _) in found if n == "signalbox_member_healthy"]) == 3, "members: %s" % found)
    L.require(0 <= value(found, "signalbox_sample_age_seconds") < 60 and value(found, "process_open_fds") > 5, found)
    lab.until("a card that waits", lambda: value(scrape(where), "signalbox_cards", state="awaiting_approval") == 1)
    found = scrape(where)
    L.require(value(found, "signalbox_card_oldest_seconds", state="awaiting_approval") >= 0, found)
    for name in ("reads_per_second", "writes_per_second", "read_latency_seconds"):
        L.require(any(n == "signalbox_member_" + name and v >= 0 for (n, _), v in found.items()), "%s: %s" % (name, sorted(found)))
    L.require(sum(v for (n, _), v in found.items() if n == "signalbox_anomalies") >= 1, found)
    card = next(c["id"] for c in json.loads(lab.run("cards", "--json").stdout) if c["state"] == "awaiting_approval")
    lab.run("cards", "reject", card, "--reason", "only looking")
    lab.until("the card's end", lambda: value(scrape(where), "signalbox_cards", state="awaiting_approval") == 0)


def hostile(lab, where):
    head, _ = ask(where, b"GET /other HTTP/1.1\r\n\r\n")
    L.require(head.startswith("HTTP/1.1 404"), head)
    head, _ = ask(where, b"POST /metrics HTTP/1.1\r\n\r\n")
    L.require(head.startswith("HTTP/1.1 405"), head)
    for junk in (b"\0" * 100, b"A" * 20000, b"GET /metrics\r\n" + b"x: y\r\n" * 3000):
        head, _ = ask(where, junk)
        L.require(not head, "%r was answered: %s" % (junk[:20], head))
    idle = [connect(where) for _ in range(20)]  # more than it takes at once, and none of them says anything
    for s in idle[:10]:
        s.sendall(b"GET /met")
    L.require(value(scrape(where), "signalbox_samples_total") > 0, "those who say nothing keep others out for good")
    for s in idle:
        s.close()
    L.require(lab.run("cards", "--json").returncode == 0, "the console's own socket does not answer")


def main():
    lab = L.Lab("slow-orders", speed=20, proxy=False)
    try:
        refused(lab)
        port = free_port()
        lab.start("--metrics", "127.0.0.1:%d" % port)
        what_is_told(lab, ("127.0.0.1", port))
        hostile(lab, ("127.0.0.1", port))
        lab.stop()
        path = lab.dir + "/metrics.socket"
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)  # left by one that was killed
        s.close()
        lab.start("--metrics", "unix:" + path)
        L.require(os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode))
        lab.until("the socket", lambda: scrape(path) is not None)
        lab.stop()
        L.require(not os.path.exists(path), "the socket stays behind")
        open(path, "w").write("a file of somebody's")
        done = lab.run("serve", "--metrics", "unix:" + path, check=False)
        L.require(done.returncode != 0 and open(path).read() == "a file of somebody's", "a file that is no socket was touched")
        print("ok")
        return 0
    except Exception:
        traceback.print_exc()
        print(open(lab.dir + "/serve.log").read()[-2000:])
        return 1
    finally:
        lab.close()


sys.exit(main())
