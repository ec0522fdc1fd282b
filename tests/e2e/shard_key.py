#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The server's own analysis of a shard key, as evidence of the card: a simulated 7.0 answers analyzeShardKey from its documents, an older
one knows no such command and the card is as it was. What is told is compared with what this test works out by itself."""
import collections
import os
import sys

import pymongo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import schema_change as C  # noqa: E402
import schema_move as M  # noqa: E402


def correlation(order):
    """Pearson's, of a place with what stands there."""
    n, mean = len(order), (len(order) - 1) / 2
    mid = sum(order) / n
    top = sum((i - mean) * (v - mid) for i, v in enumerate(order))
    return top / (sum((i - mean) ** 2 for i in range(n)) * sum((v - mid) ** 2 for v in order)) ** 0.5


def judged(lab, text):
    card = lab.ask(text)["cards"][0]
    L.require(card["state"] == "advisory" and not card["steps"], "it is no advice: %s" % card["state"])
    return {e["what"]: e for e in card["evidence"]}, {n["title"]: " ".join(n["lines"]) for n in card["notes"]}


def newer(lab, client, keyed):
    """A 7.0 is asked, and what it says stands on the card."""
    docs, admin = keyed.docs, client.admin
    reply = admin.command("analyzeShardKey", "shop.keyed", key={"status": 1})
    counts = collections.Counter(d["status"] for d in docs)
    found = {e["value"]["status"]: e["frequency"] for e in reply["keyCharacteristics"]["mostCommonValues"]}
    L.require(found == dict(counts) and reply["keyCharacteristics"]["numDistinctValues"] == 3 and not reply["keyCharacteristics"]["isUnique"], "of status: %s" % reply)
    by_uid = correlation([i for i, _ in sorted(enumerate(docs), key=lambda p: p[1]["uid"])])
    reply = admin.command("analyzeShardKey", "shop.keyed", key={"uid": 1}, readWriteDistribution=False)
    L.require(abs(reply["keyCharacteristics"]["monotonicity"]["recordIdCorrelationCoefficient"] - by_uid) < 1e-6 and "readDistribution" not in reply, "of uid: %s, expected %f" % (reply, by_uid))
    for ns, key, code in (("shop.nowhere", {"a": 1}, 26), ("shop.none", {"a": 1}, 20), ("shop.seen", {"a": 1}, 166)):
        try:
            admin.command("analyzeShardKey", ns, key=key)
            raise L.Failure("%s was analysed" % ns)
        except pymongo.errors.OperationFailure as e:
            L.require(e.code == code, "%s: %s" % (ns, e))
    facts, notes = judged(lab, "is {status: 1} a good shard key for shop.keyed?")
    L.require(facts["analyzeShardKey: values"]["value"].startswith("3 different ones in %d of %d documents; the most common one in %d" % (M.DOCS, M.DOCS, max(counts.values()))) and facts["analyzeShardKey: values"]["coverage"] == "measured",
              "of status: %s" % facts["analyzeShardKey: values"])
    L.require("configureQueryAnalyzer" in facts["analyzeShardKey: reads"]["value"] and facts["analyzeShardKey: writes"]["coverage"] == "unknown", "the operations: %s" % facts)
    L.require("The server finds one value in %d of %d documents" % (max(counts.values()), M.DOCS) in notes["What speaks against it"], "of status: %s" % notes)
    facts, notes = judged(lab, "shard shop.keyed by seq")
    L.require(facts["analyzeShardKey: growth"]["value"] == "monotonic: its order and that of insertion correlate by 1.00" and "each of them once" in facts["analyzeShardKey: values"]["value"], "of seq: %s" % facts)
    L.require("The server calls it monotonic" in notes["What speaks against it"], "of seq: %s" % notes)
    facts, notes = judged(lab, "is {uid: 1} a good shard key for shop.keyed?")
    L.require(facts["analyzeShardKey: growth"]["value"] == "not monotonic: its order and that of insertion correlate by %.2f" % by_uid, "of uid: %s, expected %f" % (facts["analyzeShardKey: growth"], by_uid))
    facts, notes = judged(lab, "is {zone: 1} a good shard key for shop.keyed?")
    L.require(facts["analyzeShardKey: values"]["coverage"] == "unknown", "without an index: %s" % facts)


def older(lab, client, keyed):
    """A 5.0 knows no such command, and the card is made from the rest."""
    try:
        client.admin.command("analyzeShardKey", "shop.keyed", key={"uid": 1})
        raise L.Failure("a 5.0 has analysed a key")
    except pymongo.errors.OperationFailure as e:
        L.require(e.code == 59 and "no such command" in str(e), "the refusal: %s" % e)
    facts, _ = judged(lab, "is {uid: 1} a good shard key for shop.keyed?")
    L.require("different values" in facts and not any("analyzeShardKey" in f for f in facts), "of a 5.0: %s" % list(facts))


def main():
    for version, part in (("7.0", newer), ("5.0", older)):
        lab = L.Lab(C.SCENARIO, speed=40, version=version)
        client = pymongo.MongoClient(lab.sim.uri, serverSelectionTimeoutMS=20000)
        try:
            keyed = M.Keyed(client.shop)
            client.shop.create_collection("none")
            client.shop.create_collection("seen", viewOn="keyed", pipeline=[])
            lab.start()
            lab.until("a connection", lambda: lab.run("ask", "what is the status of the cluster?", check=False).returncode == 0)
            part(lab, client, keyed)
            M.same({d["_id"]: d for d in client.shop.keyed.find()}, {d["_id"]: d for d in keyed.docs}, "what was judged")
            print("ok: %s" % part.__doc__, flush=True)
            lab.stop()
            lab.verify()
        except L.Failure as e:
            print("FAIL: %s" % e)
            return 1
        finally:
            client.close()
            lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
