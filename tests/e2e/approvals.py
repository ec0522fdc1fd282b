#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Approvals by two of a group, each signed with an SSH key made by ssh-keygen, and judged again from the record."""
import json
import os
import shutil
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")


def policy_of_two(lab):
    """The shipped bundle, but in staging two of the group dba approve."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="two-of-dba", groups={"dba": ["alice", "bob"]}, tests=[], inputs={})
    rule = next(r for r in bundle["rules"] if r["id"] == "APP-02")
    rule["require"] = {"groups": ["dba"], "group_approvals": 2}
    path = lab.dir + "/two-of-dba.json"
    with open(path, "w") as f:
        json.dump(bundle, f)
    return path


def make_key(lab, name, kind="ed25519"):
    path = "%s/%s" % (lab.dir, name)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    with open(path + ".pub") as f:
        return path, f.read().strip()


def signers_file(lab, name, *lines):
    path = "%s/%s" % (lab.dir, name)
    with open(path, "w") as f:
        f.write("".join(line + "\n" for line in lines))
    return path


def set_up(lab):
    keys = {name: make_key(lab, name, kind) for name, kind in (("alice", "ed25519"), ("bob", "ecdsa"), ("mallory", "ed25519"))}
    who = {n: '%s namespaces="signalbox-approve" %s' % (n, k[1]) for n, k in keys.items()}
    both = signers_file(lab, "approvers", who["alice"], who["bob"])
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set approval_signers %s\nset policy %s\n%s" % (both, policy_of_two(lab), rest))
    return keys, who, both


def approve(lab, id, *more):
    card = lab.card(id)
    return lab.run("cards", "approve", id, "--hash", card["hash"], *more, check=False)


def says(done, status, words):
    text = done.stdout + done.stderr
    L.require(done.returncode == status and words in text, "exit %d, expected %d with \"%s\": %s" % (done.returncode, status, words, text))


def two_of_a_group_sign(lab):
    keys, who, both = set_up(lab)
    lab.start()
    id = lab.propose()
    says(approve(lab, id), 4, "approvals are signed here")
    says(approve(lab, id, "--sign", keys["mallory"][0], "--as", "mallory"), 4, "the signature does not count")
    says(approve(lab, id, "--sign", keys["mallory"][0], "--as", "alice"), 4, "the signature does not count")
    says(lab.run("cards", "approve", id, "--hash", "0" * 64, "--sign", keys["alice"][0], "--as", "alice", check=False), 1, "has changed since it was shown")
    L.require(not lab.entries("approval"), "an approval was recorded")

    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 0, "1 of 2")
    L.require(lab.state_of(id) == "awaiting_approval", "one approval was enough")
    shown = lab.run("cards", "show", id).stdout
    L.require("approvals: 1 of 2, from 2 of dba" in shown and "approved by alice with the key SHA256:" in shown, shown)
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 1, "alice has approved")
    says(approve(lab, id, "--sign", keys["bob"][0], "--as", "bob"), 0, "approved")
    lab.until_state(id, "watching", "done")
    lab.stop()

    approvals = lab.entries("approval")
    L.require([a["body"]["approval"]["by"] for a in approvals] == ["alice", "bob"], "who approved: %s" % approvals)
    L.require(all(a["actor"].get("ssh_fp", "").startswith("SHA256:") for a in approvals), "the key is not on the record")
    check_with_ssh_keygen(lab, approvals, both)
    says(lab.run("audit", "verify", check=False), 0, "2 signed, each over its statement by somebody who may")
    alone = signers_file(lab, "alone", who["alice"])
    says(lab.run("audit", "verify", "--signers", alone, check=False), 1, "BAD SIGNATURE: the approval in entry %d" % approvals[1]["seq"])
    swapped = signers_file(lab, "swapped", who["alice"].replace("alice", "bob", 1), who["bob"].replace("bob", "alice", 1))
    told = json.loads(lab.run("audit", "--json", "verify", "--signers", swapped, check=False).stdout)
    L.require(told["ok"] and told["signatures"]["first_bad"]["index"] == approvals[0]["seq"], "a key of another person: %s" % told)


def check_with_ssh_keygen(lab, approvals, signers):
    """An independent implementation says the same of each."""
    for a in approvals:
        path = lab.dir + "/signature"
        with open(path, "w") as f:
            f.write(a["body"]["signature"])
        statement = json.dumps(a["body"]["statement"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        argv = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", a["body"]["approval"]["by"], "-n", "signalbox-approve", "-s", path]
        done = subprocess.run(argv, input=statement, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        L.require(done.returncode == 0, "ssh-keygen refuses entry %d: %s" % (a["seq"], done.stdout.decode()))


def main():
    if not shutil.which("ssh-keygen"):
        print("SKIP: ssh-keygen is not installed")
        return 77
    failed = 0
    for test in (two_of_a_group_sign,):
        lab = L.Lab(QUICK, proxy=False)
        try:
            test(lab)
            print("ok", test.__name__)
        except Exception:
            failed += 1
            print("FAILED", test.__name__)
            traceback.print_exc()
        finally:
            lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
