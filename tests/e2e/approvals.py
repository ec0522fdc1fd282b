#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Approvals by two of a group, each signed with an SSH key made by ssh-keygen, and judged again from the record; and the glass
that is broken for one plan, with the review that is due afterwards. In the console the key is asked for by ssh-keygen itself."""
import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
from terminal import Terminal  # noqa: E402

OTHER, GROUP = "nobody", "operator"
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


def make_key(lab, name, kind="ed25519", passphrase=""):
    path = "%s/%s" % (lab.dir, name)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path], check=True)
    with open(path + ".pub") as f:
        return path, f.read().strip()


def signers_file(lab, name, *lines):
    path = "%s/%s" % (lab.dir, name)
    with open(path, "w") as f:
        f.write("".join(line + "\n" for line in lines))
    return path


def set_up(lab, policy=policy_of_two):
    keys = {name: make_key(lab, name, kind) for name, kind in (("alice", "ed25519"), ("bob", "ecdsa"), ("mallory", "ed25519"))}
    who = {n: '%s namespaces="signalbox-approve,signalbox-breakglass" %s' % (n, k[1]) for n, k in keys.items()}
    both = signers_file(lab, "approvers", who["alice"].replace("alice ", "alice,alice.too ", 1), who["bob"])
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set approval_signers %s\nset policy %s\n%s" % (both, policy(lab), rest))
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
    says(approve(lab, id), 4, "this is signed here")
    says(approve(lab, id, "--sign", keys["mallory"][0], "--as", "mallory"), 4, "the signature does not count")
    says(approve(lab, id, "--sign", keys["mallory"][0], "--as", "alice"), 4, "the signature does not count")
    says(lab.run("cards", "approve", id, "--hash", "0" * 64, "--sign", keys["alice"][0], "--as", "alice", check=False), 1, "is not the hash of %s as it stands (revision 2" % id)
    L.require(not lab.entries("approval"), "an approval was recorded")

    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 0, "1 of 2")
    L.require(lab.state_of(id) == "awaiting_approval", "one approval was enough")
    shown = lab.run("cards", "show", id).stdout
    L.require("approvals: 1 of 2, from 2 of dba" in shown and "approved by alice with the key SHA256:" in shown, shown)
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 1, "alice has approved")
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice.too"), 1, "has approved")
    says(approve(lab, id, "--sign", keys["bob"][0], "--as", "bob"), 0, "approved")
    lab.until_state(id, "watching", "done")
    shown = lab.run("cards", "show", id).stdout
    L.require("approved by bob with the key SHA256:" in shown and "approve by" not in shown and "approvals:" not in shown, "a card that was carried out: " + shown)
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


def policy_with_a_shut_window(lab):
    """The shipped bundle in prod, but builds wait for a window that is shut now; alice may break the glass, and after that a
    second plan waits for the review. FRZ-9 is hard: nothing lifts it."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="shut", groups={"dba": ["alice"]}, tests=[], inputs={}, breakglass={"group": "dba", "max_min": 30},
                  checks={"reviewed": {"title": "The glass was reviewed", "when": {"history.unreviewed": {"eq": 0}}}})
    bundle["windows"]["never"] = {"title": "Long ago", "kind": "allow", "tz": "UTC", "from": "2020-01-01T00:00", "to": "2020-01-02T00:00"}
    builds = {"action.kind": {"eq": "index.create"}}
    bundle["rules"] += [
        {"id": "WIN-9", "level": "soft", "effect": "require", "title": "In the window", "match": builds, "require": {"windows": ["never"]}, "owner": "dba"},
        {"id": "BRK-9", "level": "hard", "effect": "require", "title": "Reviewed", "match": builds, "require": {"checks": ["reviewed"]}, "owner": "dba"},
        {"id": "FRZ-9", "level": "hard", "effect": "deny", "title": "Not there", "match": {"stage": {"eq": "execute"}},
         "when": {"action.ns": {"any": {"eq": "shop.frozen"}}}, "owner": "dba"},
        {"id": "SFT-9", "level": "soft", "effect": "deny", "title": "Not now", "match": builds, "when": {"action.index.name": {"in": ["calm_1", "never_1"]}}, "owner": "dba"},
        {"id": "HRD-9", "level": "hard", "effect": "deny", "title": "Never", "match": builds, "when": {"action.index.name": {"eq": "never_1"}}, "owner": "dba"}]
    path = lab.dir + "/shut.json"
    with open(path, "w") as f:
        json.dump(bundle, f)
    return path


def break_glass(lab, id, key, who, *more, minutes="30"):
    card = lab.card(id)
    return lab.run("cards", "breakglass", id, "--hash", card["hash"], "--target", card["target"], "--reason", "checkout is down", "--ticket", "OPS-7", "--minutes", minutes,
                   "--sign", key, "--as", who, *more, check=False)


def review(lab, id, key, who):
    return lab.run("cards", "review", id, "--hash", lab.card(id)["hash"], "--reason", "it was right, and the window was moved", "--sign", key, "--as", who, check=False)


def the_glass_is_broken(lab):
    keys, who, both = set_up(lab, policy_with_a_shut_window)
    lab.start()
    id = lab.propose()
    says(approve(lab, id, "--sign", keys["bob"][0], "--as", "bob"), 0, "approved")
    lab.until_state(id, "scheduled")
    L.require("it waits for the window never" in lab.card(id)["note"], lab.card(id)["note"])
    says(lab.run("cards", "breakglass", id, "--hash", "x", "--reason", "r", check=False), 2, "--ticket")
    says(break_glass(lab, id, keys["bob"][0], "bob"), 4, "does not let bob break the glass")
    says(break_glass(lab, id, keys["alice"][0], "alice", minutes="31"), 4, "for 1 to 30 minutes")
    says(break_glass(lab, id, keys["mallory"][0], "alice"), 4, "the signature does not count")
    L.require(not lab.entries("breakglass", "step.intent"), "the glass is broken, or something was sent")
    says(break_glass(lab, id, keys["alice"][0], "alice"), 0, "soft rules lifted")
    L.require("!! BREAK-GLASS until" in lab.run("cards", "show", id).stdout and "!! %s: BREAK-GLASS" % id in lab.run("cards", "list").stdout, "there is no banner")
    L.require("BREAK-GLASS: alice has lifted every soft rule from %s" % id in lab.log(), "nobody was told")
    lab.until_state(id, "watching", "done")
    verdict = [e for e in lab.entries("verdict") if e["body"]["stage"] == "execute"][-1]["body"]["verdict"]
    L.require(verdict["waivers"] == [lab.entries("breakglass")[0]["body"]["breakglass"]["id"]], "the verdict does not count it as an exception: %s" % verdict)

    # the next plan: alice breaks no other glass, and a hard rule makes it wait for the review
    lab.run("ask", "--json", "create an index on shop.orders {total: 1}")
    other = lab.until("a second card", lambda: [i for i in lab.ids() if i != id] or None)[0]
    lab.until_state(other, "awaiting_approval")
    says(break_glass(lab, other, keys["alice"][0], "alice"), 4, "nobody has reviewed it yet")
    lab.until_state(id, "done")
    says(approve(lab, other, "--sign", keys["bob"][0], "--as", "bob"), 0, "approved")
    lab.until("the wait for the review", lambda: "the check reviewed must be found true" in lab.card(other)["note"])
    says(lab.run("cards", "review", id, "--reason", "it was right", check=False), 4, "this is signed here")
    says(review(lab, id, keys["alice"][0], "alice"), 4, "alice broke the glass and cannot review it")
    says(review(lab, id, keys["alice"][0], "alice.too"), 4, "alice broke the glass and cannot review it")
    says(review(lab, id, keys["mallory"][0], "bob"), 4, "the signature does not count")
    says(review(lab, id, keys["bob"][0], "bob"), 0, "is reviewed")
    says(review(lab, id, keys["bob"][0], "bob"), 1, "reviewed by")
    says(break_glass(lab, other, keys["alice"][0], "alice"), 0, "soft rules lifted")
    lab.until_state(other, "watching", "done")
    lab.stop()
    says(lab.run("audit", "verify", "--signers", both, check=False), 0, "5 signed, each over its statement by somebody who may")
    L.require("break-glass reviewed by" in lab.run("audit", "show", id).stdout, "the review is not told")


def denied(lab, field):
    """A request whose card policy denies; its id."""
    lab.run("ask", "--json", "create an index on shop.orders {%s: 1}" % field, check=False)
    return lab.until("a denied card", lambda: [e["plan"]["card"] for e in lab.entries("state") if e["body"]["to"] == "denied"] or None)[-1]


def the_glass_is_broken_for_what_soft_rules_denied(lab):
    """A soft rule may deny at once: the glass lifts that as well, and nothing that a hard rule or no rule says."""
    keys, who, both = set_up(lab, policy_with_a_shut_window)
    lab.start()
    lab.until("a connection", lambda: lab.run("ask", "--json", "status", check=False).returncode == 0)
    never = denied(lab, "never")
    says(break_glass(lab, never, keys["alice"][0], "alice"), 4, "which is no soft rule: no glass lifts it")
    L.require(lab.state_of(never) == "denied" and not lab.entries("breakglass"), "the glass was broken for what a hard rule denied")
    id = denied(lab, "calm")
    L.require(id != never, "no second card")
    says(lab.run("cards", "breakglass", id, "--hash", "0" * 64, "--reason", "r", "--ticket", "t", check=False), 1, "is the hash of no revision")
    says(break_glass(lab, id, keys["bob"][0], "bob"), 4, "does not let bob break the glass")
    says(break_glass(lab, id, keys["alice"][0], "alice"), 0, "soft rules lifted")
    lab.until_state(id, "awaiting_approval")
    lab.stop()
    lab.start()  # an end that was opened again is found open
    L.require(lab.state_of(id) == "awaiting_approval" and id in lab.run("cards", "list").stdout, "after a restart: %s" % lab.card(id))
    lab.until("a connection", lambda: "there is no connection yet" not in approve(lab, id, "--sign", keys["bob"][0], "--as", "bob").stderr)
    lab.until_state(id, "watching", "done")
    lab.stop()
    lab.verify()
    says(lab.run("audit", "verify", "--signers", both, check=False), 0, "each over its statement by somebody who may")


def policy_not_author(lab):
    """The shipped bundle, but in staging, too, somebody else than the author approves."""
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="not-author", tests=[], inputs={})
    next(r for r in bundle["rules"] if r["id"] == "APP-02")["require"] = {"approvals": 1, "not_author": True}
    with open(lab.dir + "/not-author.json", "w") as f:
        json.dump(bundle, f)
    return lab.dir + "/not-author.json"


def as_other(lab, *argv):
    """Runs the program as another user of this host, whom the config's group lets in, with the keys of all at hand."""
    uid, gid = pwd.getpwnam(OTHER)[2], grp.getgrnam(GROUP)[2]
    env = dict(lab.env, XDG_CONFIG_HOME=lab.dir + "/his")
    done = subprocess.run(["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--groups=%d" % gid, L.PROGRAM, *argv], env=env, cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done


def other_approves(lab, id, key, who):
    return as_other(lab, "cards", "approve", id, "--hash", lab.card(id)["hash"], "--sign", key, "--as", who)


def written_anew(lab, id, seconds, run, *more):
    """A new revision of the card, so that its author is who runs this."""
    done = run("cards", "edit", id, "--set", "watch_window_s=%d" % seconds, *more)
    L.require(done.returncode == 0, done.stdout + done.stderr)


def nobody_approves_his_own_by_any_name(lab):
    """An author is an account, a signer a name in a file: one person must not be two."""
    if os.geteuid() != 0:
        print("SKIP: only root can become another user")
        return
    keys, who, both = set_up(lab, policy_not_author)
    for name in ("alice", "bob"):  # the other user signs with copies of his own
        copy = "%s/his-%s" % (lab.dir, name)
        shutil.copy(keys[name][0], copy)
        shutil.copy(keys[name][0] + ".pub", copy + ".pub")
        os.chown(copy, pwd.getpwnam(OTHER)[2], -1)
        keys["his-" + name] = (copy,)
    os.chmod(lab.dir, 0o755)
    os.chmod(lab.dir + "/state", 0o755)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set group %s\n%s" % (GROUP, rest))
    lab.start()
    id = lab.propose()  # whose edit makes root its author
    mine = lambda *argv: lab.run(*argv, check=False)
    his = lambda *argv: as_other(lab, *argv)
    says(approve(lab, id, "--sign", keys["bob"][0], "--as", "bob"), 4, "and this comes from the same account, and cannot approve it")
    L.require(not lab.entries("approval"), "the author approved")

    written_anew(lab, id, 61, his, "--as", "alice")
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 4, "%s wrote this revision of %s, who signs under that name, and cannot approve it" % (OTHER, id))
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice.too"), 4, "%s wrote this revision of %s, whose key this is, and cannot approve it" % (OTHER, id))

    written_anew(lab, id, 62, his)
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 0, "approved")  # nothing says that these are one
    L.require("own" not in lab.entries("approval")[-1]["body"]["approval"], "the approval counts as the author's")

    lab.until_state(id, "done")
    lab.run("ask", "--json", "create an index on shop.orders {total: 1}")
    other = lab.until("a second card", lambda: [i for i in lab.ids() if i != id] or None)[0]
    lab.until_state(other, "awaiting_approval")
    written_anew(lab, other, 60, mine)  # root, from whose account alice has signed
    says(other_approves(lab, other, keys["his-alice"][0], "alice"), 4, "from whose account this person has signed before")
    says(other_approves(lab, other, keys["his-alice"][0], "alice.too"), 4, "from whose account this person has signed before")
    lab.stop()
    lab.start()  # the record knows it still
    lab.until("a connection", lambda: "there is no connection yet" not in other_approves(lab, other, keys["his-alice"][0], "alice").stderr)
    says(other_approves(lab, other, keys["his-alice"][0], "alice"), 4, "from whose account this person has signed before")
    L.require(len(lab.entries("approval")) == 1, "an author approved")
    says(other_approves(lab, other, keys["his-bob"][0], "bob"), 0, "approved")
    lab.until_state(other, "watching", "done")
    lab.stop()


def sign_on_screen(t, passphrase, outcome):
    t.send("A")
    t.wait("Edited since it was proposed:")
    t.wait("watch window by ")
    t.wait("y does it")
    t.send("y")
    t.wait("Enter passphrase")
    t.send(passphrase + "\r")
    t.wait(outcome)


def edit_on_screen(lab, seconds):
    """The window of the only card, from a console of its own. Its value stands in the page's last rows."""
    t = Terminal([L.PROGRAM, "console"], 80, 24, env=lab.env)
    try:
        t.wait("0/2, ")
        t.send("3\r")
        t.wait("[1 summary")
        t.send("e")
        t.wait("> name")
        t.send("\x1b[B" * 7)
        t.wait("> watch_window_s")
        t.send("\r\x15%d\r" % seconds)
        t.wait("\u2192 %d" % seconds)
        t.send("S")
        t.wait("+ %d" % seconds)
        t.send("y")
        t.wait("rev 3")
        t.send("q")
        L.require(t.end() == 0, "the console that edited did not end well")
    finally:
        t.close()


def the_console_signs(lab):
    """What somebody changed on another console is shown as that, where it is read and where it is signed. As bob, whose key wants a passphrase: with a wrong one nothing is approved, and the console is there again."""
    keys, who, both = set_up(lab)
    os.unlink(keys["bob"][0])
    path, public = make_key(lab, "bob", passphrase="sesame")
    approvers = signers_file(lab, "approvers", who["alice"], 'bob namespaces="signalbox-approve" ' + public)
    config = lab.dir + "/config/signalbox/config"
    with open(config) as f:
        rest = f.read()
    with open(config, "w") as f:
        f.write("set signing_key %s\nset signing_name bob\n%s" % (path, rest))
    lab.start()
    id = lab.propose()
    edit_on_screen(lab, 65)
    shown = lab.run("cards", "show", id).stdout
    L.require(" in revision 3\n  - 300 s\n  + 65 s\n" in shown, "the edit is not told:\n" + shown)
    says(approve(lab, id, "--sign", keys["alice"][0], "--as", "alice"), 0, "1 of 2")
    t = Terminal([L.PROGRAM, "console"], 120, 40, env=lab.env)
    try:
        t.wait("1 of 2 approved")
        t.send("3\r")
        t.wait("[1 summary")
        t.wait("Edited watch window by ")
        t.wait("- 300 s + 65 s")
        t.send("\x1b[6~" * 4)
        t.wait("[1 summary]")
        t.send("2")
        t.wait("[2 commands")
        t.send("\x1b[6~" * 4)
        t.wait("[2 commands]")
        sign_on_screen(t, "open", "Not approved: ssh-keygen could not sign with " + path)
        L.require(len(lab.entries("approval")) == 1, "an approval without its signature was recorded")
        sign_on_screen(t, "sesame", "executing")
        lab.until_state(id, "done")
        t.wait("is done")
        approvals = lab.entries("approval")
        L.require([a["body"]["approval"]["by"] for a in approvals] == ["alice", "bob"], "who approved: %s" % approvals)
        check_with_ssh_keygen(lab, approvals, approvers)
        t.send("q")
        L.require(t.end() == 0, "the console did not end well")
        t.put_back("a console that signed")
    finally:
        t.close()
    lab.stop()


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
    for test in (two_of_a_group_sign, the_console_signs, the_glass_is_broken, the_glass_is_broken_for_what_soft_rules_denied, nobody_approves_his_own_by_any_name):
        lab = L.Lab(QUICK)
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
