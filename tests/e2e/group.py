#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another user of the same host joins the owner's socket where the config names a group, and only then: who he is is what the
kernel says, policy decides about him, and nothing else of the state folder is open to him. Needs root, to become another."""
import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

OTHER = "nobody"
GROUP = "operator"


def become(lab, groups, *argv):
    """Runs the program as OTHER, who has the owner's XDG_STATE_HOME and a config folder of his own."""
    uid, gid = pwd.getpwnam(OTHER)[2:4]
    env = dict(lab.env, XDG_CONFIG_HOME=lab.dir + "/his")
    how = ["setpriv", "--reuid=%d" % uid, "--regid=%d" % gid] + (["--groups=%d" % g for g in groups] or ["--clear-groups"])
    return subprocess.run([*how, *argv], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def configure(lab, *lines):
    with open(lab.section) as f:
        section = f.read()
    with open(lab.dir + "/config/signalbox/config", "w") as f:
        f.write("".join(line + "\n" for line in lines) + section)


def policy_of_dba(lab):
    """The shipped bundle, but a build needs one of the group dba, in which is only root."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="dba-only", groups={"dba": ["root"]}, tests=[], inputs={})
    bundle["rules"].append({"id": "GRP-9", "level": "hard", "effect": "require", "title": "A dba decides", "match": {"action.kind": {"eq": "index.create"}},
                            "require": {"approvals": 1, "groups": ["dba"]}, "owner": "dba"})
    with open(lab.dir + "/dba.json", "w") as f:
        json.dump(bundle, f)
    return lab.dir + "/dba.json"


def main_case(lab):
    gid = grp.getgrnam(GROUP)[2]
    configure(lab)
    lab.start()
    L.require(mode(lab.state) == 0o700 and mode(lab.state + "/socket") == 0o600, "open without a group: %o, %o" % (mode(lab.state), mode(lab.state + "/socket")))
    L.require(become(lab, [gid], L.PROGRAM, "cards").returncode != 0, "he joined without a group")
    lab.stop()

    configure(lab, "set group %s" % GROUP, "set policy %s" % policy_of_dba(lab))
    lab.start()
    L.require(mode(lab.state) == 0o710 and os.stat(lab.state).st_gid == gid, "the folder: %o" % mode(lab.state))
    L.require(mode(lab.state + "/socket") == 0o660 and os.stat(lab.state + "/socket").st_gid == gid, "the socket: %o" % mode(lab.state + "/socket"))
    id = lab.propose()
    card = lab.card(id)
    for path in ("ledger.db", "checkpoint-key", "lock"):
        L.require(become(lab, [gid], "cat", lab.state + "/" + path).returncode != 0, "he reads %s" % path)
    L.require(become(lab, [gid], "ls", lab.state).returncode != 0, "he lists the folder")
    L.require(become(lab, [], L.PROGRAM, "cards").returncode != 0, "he joined without being in the group")
    seen = become(lab, [gid], L.PROGRAM, "cards")
    L.require(seen.returncode == 0 and id in seen.stdout, "exit %d: %s" % (seen.returncode, seen.stdout))

    done = become(lab, [gid], L.PROGRAM, "cards", "approve", id, "--hash", card["hash"])
    L.require(lab.state_of(id) == "awaiting_approval" and not lab.entries("step.intent"), "his approval was enough: %s" % done.stdout)
    L.require("a member of dba" in done.stdout or "dba" in json.dumps(lab.card(id)["policy"]["would_flip"]), done.stdout)
    his = [e for e in lab.entries("approval", "refused") if e["actor"]["principal"] == OTHER]
    L.require(his, "what he decided is not on the record as his")
    said = become(lab, [gid], L.PROGRAM, "cards", "reject", id, "--reason", "not tonight")
    L.require(said.returncode == 0, "exit %d: %s" % (said.returncode, said.stdout))
    last = [e for e in lab.entries("state") if e["body"]["to"] == "rejected"]
    L.require(len(last) == 1 and last[0]["actor"]["principal"] == OTHER and "rejected by nobody: not tonight" in last[0]["body"]["note"], "%s" % last)
    lab.stop()

    configure(lab)
    lab.start()
    L.require(mode(lab.state) == 0o700 and mode(lab.state + "/socket") == 0o600, "still open: %o, %o" % (mode(lab.state), mode(lab.state + "/socket")))
    lab.stop()
    configure(lab, "set group no-such-group")
    done = lab.run("serve", check=False)
    L.require(done.returncode == 2 and "set group no-such-group: there is no such group" in done.stderr, "exit %d: %s" % (done.returncode, done.stderr))


def main():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        print("SKIP: to become another user wants root and setpriv")
        return 0
    lab = L.Lab(HERE + "/crash.scenario")
    try:
        lab.section = lab.dir + "/section"
        shutil.copy(lab.dir + "/config/signalbox/config", lab.section)
        for path, bits in ((lab.dir, 0o711), (lab.dir + "/state", 0o711), (lab.dir + "/config", 0o700)):
            os.chmod(path, bits)
        if become(lab, [], L.PROGRAM, "version").returncode != 0:
            print("SKIP: %s cannot be run by %s where it stands" % (L.PROGRAM, OTHER))
            return 0
        main_case(lab)
    except L.Failure as e:
        print("FAIL  %s\n%s" % (e, lab.log()))
        return 1
    finally:
        lab.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
