#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No audit, no action; no server, no guess."""
import os
import resource
import socket
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

INDEX = "customer_id_1_created_at_-1"


def start_ignoring_xfsz(lab):
    """An owner to whom a full disk is an error of write(2), not a signal. (Python ignores SIGXFSZ; the child inherits it.)"""
    lab.owner = subprocess.Popen([L.PROGRAM, "serve"], env=lab.env, stdout=subprocess.DEVNULL, stderr=open(lab.dir + "/serve.log", "ab"), restore_signals=False)
    lab.until("the owner's socket", lab.listening)


def fill_disk(lab):
    size = os.path.getsize(lab.state + "/ledger.db")
    resource.prlimit(lab.owner.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def make_room(lab):
    resource.prlimit(lab.owner.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def a_full_disk(lab):
    """Nothing is decided or sent; what runs is not stopped by it, and its answer is kept until it can be recorded."""
    start_ignoring_xfsz(lab)
    id = lab.propose()
    fill_disk(lab)
    lab.until("a ledger that cannot be written", lambda: lab.run("ask", "status", check=False) and "cannot be written" in lab.log())
    done = lab.approve(id, check=False)
    L.require(done.returncode == 5 and "ledger cannot be written" in done.stderr, "approve: exit %d %s" % (done.returncode, done.stderr))
    L.require(not lab.proxy.writes and not lab.entries("step.intent"), "something was sent")
    make_room(lab)
    lab.until("a ledger that can be written", lambda: "can be written again" in lab.log())
    lab.approve(id)
    lab.until("a build", lambda: any(lab.sim.index("shop.orders", INDEX)))
    fill_disk(lab)
    lab.until("the commands to take it back by hand", lambda: lab.run("ask", "status", check=False) and 'db.getSiblingDB("shop").runCommand({' in lab.log())
    L.require('"dropIndexes"' in lab.log() and INDEX in lab.log(), "the notice does not say how: " + lab.log())
    lab.until("the end of the build", lambda: all(i and "buildUUID" not in i for i in lab.sim.index("shop.orders", INDEX)))
    lab.until("the answer that cannot be recorded", lambda: "the answer cannot be recorded yet" in lab.log())
    done = lab.run("cards", "rollback", id, check=False)
    L.require(done.returncode == 5 and '"dropIndexes"' in done.stderr, "rollback: exit %d %s" % (done.returncode, done.stderr))
    L.require(lab.state_of(id) == "executing", "it went on without a record: %s" % lab.state_of(id))
    L.require(len(lab.proxy.writes) == 1, "something was sent without a record")
    make_room(lab)
    lab.until_state(id, "watching", "done")
    L.require([e["body"]["outcome"] for e in lab.entries("step.result")] == ["ok"], "the answer was lost")
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    lab.stop()
    lab.verify()
    lab.check_record(id)
    seqs = [e["seq"] for e in lab.entries()]
    L.require(seqs == list(range(1, len(seqs) + 1)), "the numbers have a gap")


def free_ports(n):
    """A row of n free ports, below the range from which others are drawn."""
    for base in range(20000 + os.getpid() % 5000, 32000, n):
        taken = []
        try:
            for i in range(n):
                s = socket.socket()
                taken.append(s)
                s.bind(("127.0.0.1", base + i))
            return base
        except OSError:
            continue
        finally:
            for s in taken:
                s.close()
    raise L.Failure("no row of free ports")


def the_server_goes(lab):
    """The server dies in mid-build: in doubt is said and stays. What comes back behind its addresses is another deployment,
    and what that says is no fact about this one."""
    port = free_ports(3)
    lab.sim.close()
    lab.sim = L.Sim(HERE + "/crash-slow-build.scenario", 20, port=port)
    lab.write_uri("monitor", lab.sim.uri)
    lab.write_uri("executor", lab.sim.uri)
    lab.start()
    id = lab.propose()
    lab.approve(id)
    lab.until("a build", lambda: any(lab.sim.index("shop.orders", INDEX)))
    lab.sim.kill()
    lab.until_state(id, "in_doubt")
    lab.sim = L.Sim(HERE + "/crash-slow-build.scenario", 20, port=port)
    probes = len(lab.entries("step.probe"))
    lab.until("that it is another one", lambda: "stays in doubt: " in lab.log() and "this is rs:" in lab.log())
    L.require(lab.state_of(id) == "in_doubt", "it is %s: %s" % (lab.state_of(id), lab.card(id)["note"]))
    L.require(len(lab.entries("step.probe")) == probes, "the other deployment was believed")
    L.require(not any(lab.sim.index("shop.orders", INDEX)), "it was sent to the other deployment")
    lab.stop()
    lab.start()
    lab.until("the card's end", lambda: lab.state_of(id) == "failed" and lab.card(id).get("closed"))
    lab.stop()
    lab.verify()
    L.require(not lab.open_intents(), "an intent without an outcome")


failed = 0
for case, scenario in ((a_full_disk, "crash-slow-build"), (the_server_goes, "crash-slow-build")):
    lab = L.Lab("%s/%s.scenario" % (HERE, scenario))
    try:
        case(lab)
        print("ok    %s" % case.__name__, flush=True)
    except Exception as e:
        failed += 1
        print("FAIL  %s: %s\n%s" % (case.__name__, e if isinstance(e, L.Failure) else traceback.format_exc(), lab.log()), flush=True)
    finally:
        lab.close()
sys.exit(1 if failed else 0)
