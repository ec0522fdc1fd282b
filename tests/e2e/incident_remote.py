#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox incident --follow` on a running set: what its members have as diagnostic data and log is asked for, a primary that is
killed is told while it is away, with its name, and that it does not answer is said once."""
import json
import os
import subprocess
import sys
import tempfile
import threading

import pymongo

PROGRAM = os.environ["SIGNALBOX"]
failures = []


def fail(what):
    failures.append(what)
    print("FAIL: " + what)


def check_diagnostic_data(info):
    """What the follower decodes is there, of every member, in the shape of a real server's."""
    for member in info["members"]:
        client = pymongo.MongoClient("mongodb://%s/?directConnection=true" % member, serverSelectionTimeoutMS=20000)
        data = client.admin.command("getDiagnosticData")["data"]
        members = [m["name"] for m in data.get("replSetGetStatus", {}).get("members", [])]
        if list(data) != ["start", "serverStatus", "replSetGetStatus", "end"] or data["serverStatus"]["opLatencies"]["reads"]["ops"] < 0 or members != info["members"]:
            fail("the diagnostic data of %s: %s" % (member, list(data)))
        client.close()


def follow_a_transaction(work, env):
    """A transaction that is left open has its application named while it is open."""
    scenario = open("tests/scenarios/long-transaction.scenario").read()
    if "at 240s snapshot report" not in scenario:
        fail("the scenario of a transaction is another one now")
    path, uri = work + "/open.scenario", work + "/open-uri"
    open(path, "w").write(scenario.replace("at 240s snapshot report", "at 40s snapshot report"))
    sim = subprocess.Popen([PROGRAM, "sim", "--scenario", path, "--speed", "20"], stdout=subprocess.PIPE, text=True, env=env)
    with open(os.open(uri, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write(json.loads(sim.stdout.readline())["uri"] + "\n")
    run = subprocess.Popen([PROGRAM, "incident", "--follow", "--json", "--uri-file", uri], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
    watchdog = threading.Timer(90, run.kill)
    watchdog.start()
    try:
        opened = json.loads(run.stdout.readline() or "{}")
        if opened.get("class") != "code" or opened.get("apps") != ["report"] or "$currentOp of " not in opened["causes"][0]["evidence"]:
            fail("a transaction that is left open: %s" % opened)
    finally:
        watchdog.cancel()
        run.terminate()
        run.communicate()
        sim.terminate()
        sim.wait()


def follow_a_cluster(work, env, killed):
    """Each shard is a set of its own: two primaries are no election, and the one that is killed is the first that is told."""
    uri = work + "/cluster-uri"
    sim = subprocess.Popen([PROGRAM, "sim", "--shards", "2", "--scenario", killed, "--speed", "20"], stdout=subprocess.PIPE, text=True, env=env)
    info = json.loads(sim.stdout.readline())
    with open(os.open(uri, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write(info["uri"] + "\n")
    run = subprocess.Popen([PROGRAM, "incident", "--follow", "--json", "--uri-file", uri], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
    watchdog = threading.Timer(90, run.kill)
    watchdog.start()
    try:
        opened = json.loads(run.stdout.readline() or "{}")
        if opened.get("members") != info["shards"]["shard0"][:1] or "another member became primary" in opened.get("reason", "another member became primary"):
            fail("a killed primary of a shard: %s" % opened)
    finally:
        watchdog.cancel()
        run.terminate()
        run.communicate()
        sim.terminate()
        sim.wait()


def main():
    work = tempfile.mkdtemp()
    env = dict(os.environ, HOME=work, XDG_STATE_HOME=work, XDG_CONFIG_HOME=work)
    env.pop("SIGNALBOX_URI", None)
    scenario = open("tests/scenarios/killed-primary.scenario").read()
    if "at 300s kill 0" not in scenario or "at 390s restart 0" not in scenario:
        fail("the scenario is another one now")
    path, uri = work + "/killed.scenario", work + "/uri"
    open(path, "w").write(scenario.replace("at 300s kill 0", "at 40s kill 0").replace("at 390s restart 0", "at 80s restart 0"))
    sim = subprocess.Popen([PROGRAM, "sim", "--scenario", path, "--speed", "20"], stdout=subprocess.PIPE, text=True, env=env)
    info = json.loads(sim.stdout.readline())
    with open(os.open(uri, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write(info["uri"] + "\n")
    check_diagnostic_data(info)
    run = subprocess.Popen([PROGRAM, "incident", "--follow", "--json", "--uri-file", uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    watchdog = threading.Timer(90, run.kill)  # whoever waits for a line that does not come gets the end of the stream
    watchdog.start()
    try:
        opened = json.loads(run.stdout.readline() or "{}")
        over = json.loads(run.stdout.readline() or "{}")
        for event, got in (("open", opened), ("over", over)):
            if got.get("event") != event or got.get("class") != "infrastructure" or got.get("members") != info["members"][:1]:
                fail("%s: %s" % (event, got))
        print("a killed primary is told while it is away, and when it is back: %s" % over.get("reason"))
    finally:
        watchdog.cancel()
        run.terminate()
        said = run.communicate()[1]
        sim.terminate()
        sim.wait()
    if said.count("it answers again") != 1 or said.count("signalbox: " + info["members"][0] + ": ") != 2:
        fail("a member that does not answer, and does again, is said once each: " + said)
    follow_a_transaction(work, env)
    follow_a_cluster(work, env, path)
    for words, status in ((["--follow", "--uri-file", uri], 3), (["--uri-file", uri], 2), (["--follow", "--uri-file", uri, work], 2), (["--follow", "--uri-file", work + "/none"], 2)):
        done = subprocess.run([PROGRAM, "incident", *words], capture_output=True, text=True, env=env, timeout=60)
        if done.returncode != status or done.stdout or not done.stderr:
            fail("%s: exit %d, not %d: %s" % (" ".join(words), done.returncode, status, done.stderr))
    return 1 if failures else 0


sys.exit(main())
