#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two supervisors share six deployments by a store, their clocks ten minutes apart: each is watched by exactly one; who joins gets a
share; what kill -9 leaves is taken over when its leases are over, with nothing owned twice; SIGTERM gives everything back; what a newer
program has put into the store stays."""
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402
import store_lab as S  # noqa: E402

SIGNER = "carol"
NAMES = ["d%d" % i for i in range(int(os.environ.get("SIGNALBOX_DEPLOYMENTS", "6")))]


def owned_by(lab, *hosts):
    """Every deployment has a lease that is not over, in the name of a ledger of these hosts, whose child runs; {host: [names]}, or None."""
    leases, now = lab.leases(), lab.now()
    shares = {h.name: sorted(h.children()) for h in hosts}
    all_names = sorted(n for names in shares.values() for n in names)
    if all_names != sorted(NAMES) or any(n not in leases or not leases[n]["owner"] or leases[n]["until"] <= now for n in NAMES):
        return None
    for h in hosts:
        for name, pid in h.children().items():
            if leases[name]["pid"] != pid:
                return None
    return shares


def epochs(lab, *hosts):
    """What the ledgers say of who began which epoch of which deployment."""
    found = {}
    for h in hosts:
        for name in NAMES:
            for e in h.entries("lease", deployment=name):
                if e["body"]["event"] == "taken":
                    found.setdefault((name, e["body"]["epoch"]), set()).add(e["body"]["owner"])
    return found


def nothing_doubled(lab, *hosts):
    for (name, epoch), owners in epochs(lab, *hosts).items():
        L.require(len(owners) == 1, "epoch %d of %s has %d owners" % (epoch, name, len(owners)))
    for name, lease in lab.leases().items():
        if name in NAMES:
            begun = [epoch for n, epoch in epochs(lab, *hosts) if n == name]
            L.require(max(begun, default=0) <= lease["epoch"], "%s: epoch %d was begun, and the store has %d" % (name, max(begun, default=0), lease["epoch"]))


def key(where):
    """A person's, and the file of who may sign."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", where + "/carol"], check=True)
    with open(where + "/carol.pub") as f, open(where + "/signers", "w") as out:
        out.write("%s %s" % (SIGNER, f.read()))


def left_open(lab, one, name):
    """What went with a step of class X open waits for a person's signed word, and the supervisor says so."""
    lab.until("the supervisor to say that it waits for a person", lambda: "%s: ledger " % name in one.log() and "store take-over %s --proven-dead" % name in one.log())
    before = lab.leases()[name]
    L.require(name not in one.children(), "%s is watched though its owner left a step open" % name)
    word = ("store", "take-over", name, "--proven-dead", "its power is off", "--as", SIGNER)
    L.require(one.run(*word, check=False).returncode == 4, "an unsigned word was taken")
    one.run(*word, "--sign", lab.dir + "/carol")
    # a word that somebody has changed in the store is none
    word = lab.leases()[name]["forced"]
    lab.db.leases.update_one({"_id": before["_id"]}, {"$set": {"forced.statement": word["statement"].replace("its power is off", "its power is on"), "forced.reason": "its power is on"}})
    over = lab.now()
    lab.until("a lease's time by the store's clock", lambda: (lab.now() - over).total_seconds() > 5)
    L.require(lab.leases()[name]["epoch"] == before["epoch"] and name not in one.children(), "a word that was changed was believed: %s" % lab.leases()[name])
    lab.db.leases.update_one({"_id": before["_id"]}, {"$set": {"forced": word}})


def main():
    lab = S.StoreLab(NAMES, signers=True)
    key(lab.dir)
    skewed = not any(v in os.environ["SIGNALBOX_BUILD"] for v in ("asan", "tsan"))  # their runtime has to be loaded first
    if not skewed:
        print("SKIP: clocks that are apart: this build has to load its own library first")
    try:
        one, two = lab.host("one"), lab.host("two", skew=600 if skewed else 0)
        refused = one.run("serve", "--fleet", "--deployment", "d0", check=False)
        L.require(refused.returncode == 2, "serve --fleet with a deployment: %d" % refused.returncode)
        one.start("--fleet")
        lab.until("all are watched by the only supervisor", lambda: owned_by(lab, one))
        again = one.run("serve", "--fleet", check=False)
        L.require(again.returncode == 5, "a second supervisor on the same state folder: %d %s" % (again.returncode, again.stderr))
        # a newer program has been here
        lab.db.leases.update_many({}, {"$set": {"future": {"a": 1}}})
        lab.db.supervisors.insert_one({"_id": "newer", "version": 9, "program": "9.0", "beat": lab.now().replace(year=2000), "names": NAMES, "watches": 0, "lanes": [1]})

        # who joins gets a share, and nothing is owned twice meanwhile
        two.start("--fleet")
        shares = lab.until("even shares", lambda: (lambda s: s if s and abs(len(s["one"]) - len(s["two"])) <= 1 else None)(owned_by(lab, one, two)))
        listed = one.run("store", "leases").stdout
        L.require(all("%s  epoch " % n in listed for n in NAMES) and listed.count("for ") >= len(NAMES), listed)
        said = one.run("cards", check=False)
        L.require(said.returncode == 2 and "XDG_STATE_HOME=" in said.stderr and any(n in said.stderr for n in NAMES), "where the ledgers are: %d %s" % (said.returncode, said.stderr))
        said = one.run("store", "maintenance", NAMES[0], "off").stdout
        L.require("%s was not in maintenance" % NAMES[0] in said, said)
        nothing_doubled(lab, one, two)
        moved = sorted(n for n in NAMES if lab.leases()[n]["epoch"] > 1)
        L.require(moved == shares["two"], "what moved is %s, and the second has %s" % (moved, shares["two"]))
        if skewed:
            ahead = [h.entries("start", deployment=shares[h.name][0])[0]["ts"] for h in (two, one)]
            print("clocks, by the first entries of the two: %s and %s" % tuple(ahead))

        # the power goes
        before = {n: d["epoch"] for n, d in lab.leases().items()}
        gone = sorted(two.children())
        two.kill()
        killed = time.monotonic()
        lab.db.leases.update_one({"name": gone[0]}, {"$set": {"open": {"card": "K-000009", "step": 1, "class": "X", "epoch": before[gone[0]]}}})  # as if in the middle of a step
        left_open(lab, one, gone[0])
        lab.until("all are watched by who is left", lambda: owned_by(lab, one))
        print("taken over after kill -9, with a person's word about one of them: %.1f s; leases are of 4 s" % (time.monotonic() - killed))
        after = lab.leases()
        for n in NAMES:
            L.require(after[n]["epoch"] == before[n] + (n in gone), "%s: epoch %d after %d" % (n, after[n]["epoch"], before[n]))
            fenced = lab.deployments[n].client.signalbox_fence.epoch.find_one({"_id": "epoch"})
            L.require(fenced is None or fenced["epoch"] <= after[n]["epoch"], "%s: fence %s" % (n, fenced))
        lab.until("the fence of what was taken over", lambda: all((lab.deployments[n].client.signalbox_fence.epoch.find_one({"_id": "epoch"}) or {}).get("epoch") == after[n]["epoch"] for n in gone))
        nothing_doubled(lab, one, two)

        # a child that dies alone is started again, by the same ledger, in the same epoch
        name = NAMES[0]
        pid = one.children()[name]
        os.kill(pid, signal.SIGKILL)
        lab.until("the child is there again", lambda: (lambda s: s and one.children()[name] != pid)(owned_by(lab, one)))
        L.require(lab.leases()[name]["epoch"] == after[name]["epoch"] and lab.leases()[name]["owner"] == after[name]["owner"], "%s: %s" % (name, lab.leases()[name]))

        # SIGTERM: everything is given back
        L.require(one.end() == 0, "the supervisor's end")
        L.require(not one.children(), "children are left: %s" % one.children())
        L.require(all(not lab.leases()[n]["owner"] for n in NAMES), "leases are left: %s" % lab.leases())
        L.require(all(lab.leases()[n].get("future") == {"a": 1} for n in NAMES) and lab.db.supervisors.find_one({"_id": "newer"})["lanes"] == [1], "what a newer program had put there is gone")
        nothing_doubled(lab, one, two)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
