#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulator behind its sockets: finds by an index through a driver's pool, as commands and by its cursor, beside pings
through the same pool, and the time from the start of the program to the first answer to a hello."""
import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bson
from pty_program import SIGNALBOX, median, row

SCENARIO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pool.scenario")
POOL = os.path.join(os.environ.get("SIGNALBOX_BUILD", "build/gcc"), "tests/bench/sim_pool")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_POOL_SECONDS", "12"))


MEMBERS = 3


def free_port():
    """The first of as many as there are members."""
    while True:
        try:
            held = [socket.socket()]
            held[0].bind(("127.0.0.1", 0))
            port = held[0].getsockname()[1]
            for i in range(1, MEMBERS):
                held.append(socket.socket())
                held[i].bind(("127.0.0.1", port + i))
            return port
        except (OSError, OverflowError):
            pass
        finally:
            for s in held:
                s.close()


def hello(port, until):
    """Asks until somebody answers."""
    body = bson.encode({"hello": 1, "$db": "admin"})
    message = struct.pack("<iiiiIB", 21 + len(body), 1, 0, 2013, 0, 0) + body
    while time.perf_counter() < until:
        try:
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(message)
                head = s.recv(4, socket.MSG_WAITALL)
                reply = s.recv(struct.unpack("<i", head)[0] - 4, socket.MSG_WAITALL)
                return bson.decode(reply[17:])
        except OSError:
            time.sleep(0.0005)
    sys.exit("no hello within the time")


def first_hello():
    port = free_port()
    start = time.perf_counter()
    p = subprocess.Popen([SIGNALBOX, "sim", "--scenario", "no-traffic", "--seed", "1", "--members", str(MEMBERS), "--port", str(port)],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not hello(port, start + 30)["isWritablePrimary"]:
            sys.exit("the hello is not of a primary")
        return time.perf_counter() - start
    finally:
        p.kill()
        p.wait()


def bare_start():
    """The same program doing nothing: what starting a process costs on this machine today."""
    start = time.perf_counter()
    subprocess.run([SIGNALBOX, "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def pool():
    p = subprocess.Popen([SIGNALBOX, "sim", "--scenario", SCENARIO, "--seed", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        uri = json.loads(p.stdout.readline())["uri"]
        out = subprocess.run([POOL, uri, "shop", "orders", "user_id", "1", "4000", str(SECONDS)], stdout=subprocess.PIPE, check=True).stdout.split()
        return [float(x) for x in out]
    finally:
        p.kill()
        p.wait()


def main():
    finds, pings, cursors, as_command, by_cursor = pool()
    row("simulator: finds by an index, beside pings through the same pool", "%.0f /s" % finds, "%.0f /s" % pings, as_command, ">= 0.7")
    row("simulator: the same finds by the driver's cursor", "%.0f /s" % cursors, "%.0f /s" % pings, by_cursor, "-")
    times = [(first_hello(), bare_start()) for _ in range(ROUNDS)]
    ours, peer = median([t[0] for t in times]) * 1000, median([t[1] for t in times]) * 1000
    row("simulator: start to first hello, beside a start of the program", "%.1f ms" % ours, "%.1f ms" % peer, ours / peer, "< 100 ms")


main()
