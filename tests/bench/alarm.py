#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a log line to the alarm it makes: `incident --follow` on a log that is written line by line, beside `tail -F`, which only
repeats a line. Wall time between the write and the answer, medians of the rounds."""
import os
import select
import statistics
import subprocess
import tempfile
import time

PROGRAM = os.environ["SIGNALBOX"]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
BEGIN = 1795424400


def line(second, rest):
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGIN + second)) + ".500+00:00"
    return ('{"t":{"$date":"%s"},"s":"I","c":"COMMAND",%s}\n' % (at, rest)).encode()


def calm(second):
    return line(second, '"id":22943,"ctx":"listener","msg":"Connection accepted","attr":{"remote":"10.0.0.1:1","connectionId":%d,"connectionCount":9}' % (second + 1))


def slow(second):
    return line(second, '"id":51803,"ctx":"conn1","msg":"Slow query","attr":{"type":"command","ns":"shop.orders","appName":"checkout",'
                        '"command":{"find":"orders","filter":{"zip":"1"}},"planSummary":"COLLSCAN","docsExamined":60000,"nreturned":1,"durationMillis":900}')


def answer_after(out, program, text, waits):
    """Milliseconds until the program says something, None: nothing in time."""
    began = time.perf_counter()
    out.write(text)
    out.flush()
    if not select.select([program.stdout], [], [], waits)[0]:
        return None
    took = (time.perf_counter() - began) * 1000
    os.read(program.stdout.fileno(), 65536)
    return took


def one_round(work, n):
    path = "%s/%d.log" % (work, n)
    with open(path, "wb") as out:
        out.writelines(calm(second) for second in range(120))
        out.flush()
        ours = subprocess.Popen([PROGRAM, "incident", "--follow", "--json", path], stdout=subprocess.PIPE)
        peer = subprocess.Popen(["tail", "-n", "0", "-F", path], stdout=subprocess.PIPE)
        try:
            time.sleep(1)
            took = None
            for second in range(120, 140):
                took = answer_after(out, ours, slow(second), 0.3)
                if took is not None:
                    break
            os.read(peer.stdout.fileno(), 1 << 20)
            repeated = answer_after(out, peer, calm(141), 5)
        finally:
            for program in (ours, peer):
                program.kill()
                program.wait()
    return took, repeated


def main():
    with tempfile.TemporaryDirectory() as work:
        rounds = [one_round(work, n) for n in range(ROUNDS)]
    if any(took is None or repeated is None for took, repeated in rounds):
        raise SystemExit("alarm: no answer came")
    ours, peer = (statistics.median(one) for one in zip(*rounds))
    print("log line to alarm, incident --follow (wall; peer: tail -F repeating it)\t%.1f ms\t%.1f ms\t-\t< 100 ms" % (ours, peer))


main()
