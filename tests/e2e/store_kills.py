#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of an owner at the points between its record and the shared store: an approval that came through it is answered once, and
carried out once."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import store as S  # noqa: E402

DEATHS = ("store.approval.taken:1", "decide.approval.recorded:1", "store.start.sent:1", "execute.intent.after:1", "store.publish.sent:3")


def killed_on_the_way(lab, store):
    """One card whose owner dies by kill -9 again and again: when it has taken the approval, when that is on the record and nothing that
    follows from it is, when its start is in the store, when its intent is on the record, and while it copies."""
    bob = S.key(lab.dir, "bob")
    with open(lab.dir + "/approvers", "w") as f:
        f.write("bob %s\n" % bob[1])
    S.configure(lab, store.uri, "set approval_signers %s/approvers" % lab.dir)
    there = S.Elsewhere(store)
    lab.start(program=L.BUILD + "/tests/e2e/crash_owner", env={"SIGNALBOX_CRASH_AT": DEATHS[0]})
    id = lab.propose()
    card = lab.card(id)
    lab.until("the card in the store", lambda: store.db.cards.find_one({"_id.card": id, "sha256": card["hash"], "state": "awaiting_approval"}))
    waits = subprocess.Popen([L.PROGRAM, "store", "approve", id, "--hash", card["hash"], "--target", card["target"], "--sign", bob[0], "--as", "bob", "--wait", "120"], env=there.env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for at, following in zip(DEATHS, DEATHS[1:] + (None,)):
        lab.until("death at %s" % at, lab.ran_out)
        L.require(lab.owner.returncode == -9, "%s: it ended with %d\n%s" % (at, lab.owner.returncode, lab.log()))
        if following:
            lab.start(program=L.BUILD + "/tests/e2e/crash_owner", env={"SIGNALBOX_CRASH_AT": following}, wait=False)
    lab.start()
    said = waits.communicate()[0]
    L.require(waits.returncode == 0 and "approved" in said, "exit %d: %s" % (waits.returncode, said))
    lab.until_state(id, "watching", "done")
    S.well(lab)
    starts = list(store.db.starts.find())
    L.require(len(starts) == 1 and store.db.approvals.count_documents({"answer.ok": True}) == 1, "the starts: %s" % starts)
    L.require(len(lab.entries("approval")) == 1, "the approval is on the record %d times" % len(lab.entries("approval")))
    lab.stop()
    S.copied(lab, store)
    lab.verify()
    lab.check_record(id)
    shutil.rmtree(there.dir)


if __name__ == "__main__":  # each a card of an L.Lab, whose wire is recorded
    sys.exit(S.run(killed_on_the_way))
