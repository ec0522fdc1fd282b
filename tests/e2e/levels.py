#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A level that the program lowers by itself: one proposal that had to be taken back, where policy bears none; it comes back by a signed bundle. And a level at
which low risk goes by itself, which is not lent to who may only look."""
import json
import os
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402


FAILS_ONCE = {"L2": {"min_decisions": 10, "accepted_ppm": 600000, "rolled_back_ppm": 200000, "reversed_ppm": 200000, "early_failures": 1}}


def set_up(lab, *more, limits=FAILS_ONCE):
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(tests=[], inputs={})
    bundle["autonomy"]["limits"] = limits
    path = lab.dir + "/bundle.json"
    with open(path, "w") as f:
        json.dump(bundle, f)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set policy %s\n%s%s" % (path, "".join(line + "\n" for line in more), rest))
    return path


def lowered(lab):
    return json.loads(lab.run("policy", "--json", "levels").stdout)["lowered"]


def a_level_is_lowered(lab):
    set_up(lab)
    lab.start()
    id = lab.propose(window=None)
    lab.approve(id)
    lab.until_state(id, "watching")
    L.require(not lowered(lab), "lowered without a failure")
    watched = lab.until("the hand-off to the watch", lambda: [e["body"]["handoff"] for e in lab.entries("handoff") if e["body"]["handoff"]["to"] == "anomaly_detector"])
    L.require(len(watched) == 1 and watched[0]["why"].startswith(id + " is carried out") and all(f["value"].startswith("at ") for f in watched[0]["evidence"]) and watched[0]["evidence"], "the watch: %s" % watched)
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    lab.until("the level", lambda: lowered(lab))
    told = lowered(lab)
    L.require([(t["kind"], t["environment"], t["level"], t["lowered_to"], t["simulated"]) for t in told] == [("index.create", "staging", 2, 1, True)], told)
    L.require("index.create in staging is lowered from L2 to L1 until a signed decision brings it back" in lab.log(), lab.log())
    L.require("lowered to L1 by the record of lab (SIMULATED)" in lab.run("policy", "levels").stdout, "the levels do not say so")

    # the config names another one for the next start: what is told is of the one in force
    with open(lab.dir + "/config/signalbox/config", "r+") as f:
        config = f.read()
        f.seek(0)
        f.write(config.replace("bundle.json", "other.json"))
        f.truncate()
        with open(lab.dir + "/bundle.json") as was, open(lab.dir + "/other.json", "w") as other:
            json.dump(dict(json.load(was), bundle="another"), other)
        f.flush()
        said = lab.run("policy", "levels").stdout
        L.require("in force for lab since 2" in said and "; the config names another " in said and "lowered to L1 by the record of lab" in said, "another bundle for the next start: " + said)
        L.require("lowered" not in lab.run("policy", "--policy", lab.dir + "/other.json", "levels").stdout, "one that is named has its own record")
        f.seek(0)
        f.write(config)
        f.truncate()

    # whoever proposed it has an incident of its own, with what it rests on
    told = [e["body"]["handoff"] for e in lab.entries("handoff") if "is lowered from L2 to L1" in e["body"]["handoff"]["why"]]
    L.require(len(told) == 1 and (told[0]["from"], told[0]["to"]) == ("orchestrator", "index_optimizer"), told)
    L.require([f["value"] for f in told[0]["evidence"]][1:] == [id] and "taken back in their watch" in told[0]["evidence"][0]["value"], told)
    L.require(any("another bundle of policy" in e["body"]["outcome"] for e in lab.entries("case.close")), "the incident does not say what brings it back")

    # the next one is proposed and may be approved, and is not carried out: also by the next process
    lab.run("ask", "--json", "create an index on shop.orders {total: 1}")
    other = lab.until("a second card", lambda: [i for i in lab.ids() if i != id] or None)[0]
    lab.until_state(other, "awaiting_approval")
    lab.stop()
    lab.start()
    lab.until_state(other, "awaiting_approval")
    lab.approve(other)
    lab.until("the denial", lambda: "is at level 1 in staging" in lab.card(other)["note"])
    L.require(lab.state_of(other) == "scheduled" and len(lowered(lab)) == 1, "%s, %s" % (lab.state_of(other), lowered(lab)))
    L.require(len(lab.entries("step.intent")) == 2, "something was sent")  # the first card's step and its undo
    lab.stop()


def sign(path, key):
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "signalbox-policy", "-f", key, path], check=True, stderr=subprocess.DEVNULL)


def signer(lab, name):
    key = lab.dir + "/" + name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
    with open(key + ".pub") as f, open(lab.dir + "/signers", "w") as out:
        out.write('%s namespaces="signalbox-policy" %s\n' % (name, " ".join(f.read().split()[:2])))
    return key


def it_returns_by_a_signed_decision(lab):
    """Lowered by its record; an unsigned bundle changes nothing; one that is signed brings it back, and what waited is carried out."""
    key = signer(lab, "alice")
    path = set_up(lab, "set policy_signers " + lab.dir + "/signers")
    sign(path, key)
    lab.start()
    id = lab.propose(window=None)
    lab.approve(id)
    lab.until_state(id, "watching")
    lab.run("cards", "rollback", id)
    lab.until_state(id, "rolled_back")
    lab.until("the level", lambda: lowered(lab))
    lab.run("ask", "--json", "create an index on shop.orders {total: 1}")
    other = lab.until("a second card", lambda: [i for i in lab.ids() if i != id] or None)[0]
    lab.until_state(other, "awaiting_approval")
    lab.stop()
    with open(path) as f:
        bundle = json.load(f)
    bundle["version"] += ".1"
    with open(path, "w") as f:
        json.dump(bundle, f)
    lab.start()
    lab.until("the refusal", lambda: "the policy was not taken" in json.dumps(lab.entries("refused")))
    lab.until_state(other, "awaiting_approval")
    lab.approve(other)
    lab.until("the denial", lambda: "is at level 1 in staging" in lab.card(other)["note"])
    L.require(lab.state_of(other) == "scheduled" and len(lab.entries("step.intent")) == 2, "an unsigned bundle brought it back: %s" % lab.state_of(other))
    lab.stop()
    os.unlink(path + ".sig")
    sign(path, key)
    lab.start()
    lab.until_state(other, "watching", "done")
    L.require([e["body"].get("signer") for e in lab.entries("policy.load")][-1] == "alice", "who signed is not on the record")
    lab.stop()

    # the report tells both: what it was lowered to and why, and who brought it back
    told = json.loads(lab.run("report", "--simulated", "--json").stdout)
    L.require([(d["kind"], d["level"], d["lowered_to"], d["back_by"]) for d in told["lowered"]] == [("index.create", 2, 1, "alice")] and told["lowered"][0]["back_at"] > told["lowered"][0]["at"], told["lowered"])
    L.require("by another bundle signed by alice" in lab.run("report", "--simulated").stdout, "the text does not say who brought it back")


def one_kind_comes_back_alone(lab):
    """So many failures that it only advises any more; one kind comes back by a signed decision about it, and the bundle stays."""
    mallory, alice = signer(lab, "mallory"), signer(lab, "alice")  # the file holds alice
    path = set_up(lab, "set policy_signers " + lab.dir + "/signers", limits=dict(FAILS_ONCE, L1=dict(FAILS_ONCE["L2"])))
    sign(path, alice)
    lab.start()
    first = lab.propose(window=None)
    lab.approve(first)
    lab.until_state(first, "watching")
    lab.run("cards", "rollback", first)
    lab.until_state(first, "rolled_back")
    lab.until("the level", lambda: lowered(lab))
    L.require([(t["level"], t["lowered_to"]) for t in lowered(lab)] == [(2, 0)], lowered(lab))
    L.require(any("advice that nobody can approve" in e["body"]["outcome"] for e in lab.entries("case.close")), "the incident does not say that it is advice")

    said = lab.run("ask", "create an index on shop.orders {total: 1}").stdout
    other = lab.until("advice", lambda: [i for i in all_ids(lab) if i != first] or None)[0]
    L.require(lab.state_of(other) == "advisory" and "lowered to L0" in lab.card(other)["note"] and other in said and "This is advice" in said, "%s: %s; %s" % (other, lab.card(other), said))
    refused = lab.run("cards", "approve", other, "--hash", lab.card(other)["hash"], "--target", "shop.orders", check=False)
    L.require(refused.returncode == 1 and "advisory cannot be approved" in refused.stderr, "%s %s" % (refused.returncode, refused.stderr))

    def restore(*args, status=0, says="", kind="index.create"):
        done = lab.run("policy", "restore", kind, *args, check=False)
        L.require(done.returncode == status and says in done.stdout + done.stderr, "restore %s: %s %s %s" % (args, done.returncode, done.stdout, done.stderr))

    restore("--reason", "looked at", status=2, says="--sign KEY")
    restore("--reason", "looked at", "--sign", alice, "--as", "alice", kind="index.hide", status=1, says="does not stand lowered")
    restore("--reason", "looked at", "--sign", mallory, "--as", "alice", status=4, says="the signature does not count")
    restore("--reason", "looked at", "--sign", alice, "--as", "mallory", status=4, says="the signature does not count")
    L.require(lowered(lab), "a refused decision brought it back")
    restore("--reason", "the cause was found: OPS-12", "--sign", alice, "--as", "alice", says="index.create in staging is back at L2")
    L.require(not lowered(lab), lowered(lab))
    restore("--reason", "again", "--sign", alice, "--as", "alice", status=1, says="does not stand lowered")
    L.require("came back, signed by alice" in lab.run("policy", "levels").stdout, lab.run("policy", "levels").stdout)
    back = [e["body"] for e in lab.entries("autonomy") if "by" in e["body"]]
    L.require([(b["by"], b["reason"], b["statement"]["t"]) for b in back] == [("alice", "the cause was found: OPS-12", "restore")], back)

    # it stays so for the next process, and the old record counts no more; a new failure does, and wants a decision of its own
    lab.stop()
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "how is the cluster?", check=False).returncode == 0)
    third = asked_for(lab, (first, other), "create an index on shop.orders {created_at: 1}")
    lab.until_state(third, "awaiting_approval")
    lab.approve(third)
    lab.until_state(third, "watching")
    L.require(not lowered(lab), "what was before the decision was counted again")
    lab.run("cards", "rollback", third)
    lab.until_state(third, "rolled_back")
    lab.until("the level once more", lambda: lowered(lab))
    told = json.loads(lab.run("report", "--simulated", "--json").stdout)["lowered"]
    L.require([(d["back_by"], d["back_because"]) for d in told] == [("alice", "the cause was found: OPS-12"), (None, None)], told)
    lab.stop()


def all_ids(lab):
    return sorted({e["plan"]["card"] for e in lab.entries("recommendation")})


def asked_for(lab, known, text, *more):
    lab.run("ask", *more, text)
    return lab.until("a card for: " + text, lambda: [i for i in lab.ids() if i not in known] or None)[0]


def nothing_goes_by_itself_for_who_only_looks(lab):
    """Level 4 in staging: low risk is built without being asked about, but not what a read-only seat asked for; not after an
    edit, and not by the next process, until a person has approved it."""
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set policy training\n" + rest)
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "how is the cluster?", check=False).returncode == 0)
    first = asked_for(lab, (), "create an index on shop.orders {total: 1}")
    lab.until_state(first, "watching", "done")
    L.require(not lab.entries("approval"), "level 4 wanted an approval")
    L.require("approvals: none, policy let it go without" in lab.run("cards", "show", first).stdout, "the card does not say that nobody approved it")

    looked = asked_for(lab, (first,), "create an index on shop.orders {customer_id: 1}", "--read-only")
    lab.until_state(looked, "awaiting_approval")
    shown = lab.run("cards", "show", looked).stdout
    L.require("why: Asked for from a read-only console: only a person starts it." in shown and "approvals: 0 of 1\n" in shown and "read-only console: a person approves it" in shown, shown)
    L.require(lab.card(looked)["policy"]["decision"] == "allow", "policy would not let it go by itself, so nothing was tried: %s" % lab.card(looked)["policy"])
    lab.run("cards", "edit", looked, "--set", "watch_window_s=60")
    lab.until_state(looked, "awaiting_approval")
    lab.stop()
    lab.start()
    lab.until_state(looked, "awaiting_approval")
    other = asked_for(lab, (first, looked), "create an index on shop.orders {created_at: 1}")
    lab.until_state(other, "watching", "done")  # by then the other one would have gone, too
    L.require(lab.state_of(looked) == "awaiting_approval" and len(lab.entries("step.intent")) == 2, "a card from a read-only seat was carried out by policy")
    lab.approve(looked)
    lab.until_state(looked, "watching", "done")
    L.require(len(lab.entries("approval")) == 1, "it went without the approval")
    lab.stop()


def main():
    for case in (a_level_is_lowered, it_returns_by_a_signed_decision, one_kind_comes_back_alone, nothing_goes_by_itself_for_who_only_looks):
        lab = L.Lab(os.path.join(HERE, "crash.scenario"))
        try:
            case(lab)
            print("ok", case.__name__, flush=True)
        except Exception:
            traceback.print_exc()
            return 1
        finally:
            lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
