#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report against an independent computation from the same record: durations, their bounds, shares, the report card."""
import json
import math
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402

QUICK = os.path.join(HERE, "crash.scenario")
KEYS = ["{customer_id: 1}", "{created_at: 1}", "{created_at: -1, customer_id: 1}", "{total: 1}", "{total: 1, created_at: 1}", "{customer_id: 1, total: 1}", "{customer_id: 1, created_at: -1}"]


def report(lab, *words):
    return json.loads(lab.run("report", "--json", *words).stdout)


def median(values):
    """With the bounds that hold the median with 95 %, by adding up the binomial distribution exactly."""
    v = sorted(values)
    n = len(v)
    k = 0
    while k < n // 2 and 2 * sum(math.comb(n, i) for i in range(k + 1)) <= 0.05 * 2 ** n:
        k += 1
    middle = v[n // 2] if n % 2 else v[n // 2 - 1] // 2 + v[n // 2] // 2
    return {"n": n, "median": middle, "low": v[k - 1] if k else None, "high": v[n - k] if k else None, "p90": v[math.ceil(n * 0.9) - 1]}


def wilson(hits, n):
    z = 1.959963984540054
    p = hits / n
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return max(middle - half, 0), min(middle + half, 1)


def some_work(lab):
    ids = []
    for key in KEYS:
        lab.until("a card for " + key, lambda: lab.run("ask", "--json", "create an index on shop.orders " + key, check=False).returncode == 0 and len(lab.ids()) > len(ids))
        ids = lab.ids()
    for id in ids[:4]:
        lab.run("cards", "reject", id, "--reason", "no need for %s" % id)
    for id in ids[5:]:
        lab.run("cards", "edit", id, "--set", "watch_window_s=60")
        lab.approve(id)
        lab.until_state(id, "done", "failed", "watching", "rolled_back")
    lab.until_state(ids[5], "done", "failed")
    lab.until_state(ids[6], "done", "failed", "watching")
    lab.run("cards", "rollback", ids[6], "--target", "shop.orders", check=False)
    lab.until_state(ids[6], "rolled_back", "failed", "done")
    return ids


def agrees(lab, ids):
    told = report(lab, "--simulated")
    asked = {e["plan"]["case"]: e["ts"] for e in lab.entries("request")}
    made = {e["plan"]["card"]: e for e in lab.entries("recommendation")}
    states = lab.entries("state")

    def first(card, event):
        return next((e["ts"] for e in states if e["plan"]["card"] == card and e["body"]["event"] == event), None)

    L.require(told["phases"]["request_to_card_ms"] == median([e["ts"] - asked[e["plan"]["case"]] for e in made.values()]), "request to card: %s" % told)
    for key, begin, end in (("card_to_approval_ms", None, "approved"), ("approval_to_start_ms", "approved", "start"), ("start_to_read_back_ms", "start", "steps_done")):
        values = [first(c, end) - (first(c, begin) if begin else made[c]["ts"]) for c in made if first(c, end)]
        L.require(told["phases"][key] == median(values), "%s: %s, not %s" % (key, told["phases"][key], median(values)))
    executed = [c for c in made if first(c, "start")]
    wrong = [c for c in executed if any(first(c, e) for e in ("watch_fail", "step_failed", "rollback"))]
    changes = told["changes"]
    L.require((changes["executed"], changes["gone_wrong"]) == (len(executed), len(wrong)) == (2, len(wrong)), "changes: %s" % changes)
    L.require(all(abs(a - b) < 2e-6 for a, b in zip((changes["low"], changes["high"]), wilson(len(wrong), len(executed)))), "the Wilson interval: %s" % changes)
    row = told["specialists"][0]
    L.require(len(told["specialists"]) == 1 and (row["proposed"], row["accepted"], row["edited"], row["rejected"]) == (7, 2, 2, 4), "the report card: %s" % told["specialists"])
    L.require(row["edits"] == {"watch_window_s": 2} and [r.split(": ", 1)[1] for r in row["rejected_because"]] == ["no need for %s" % i for i in ids[:4]], "what was edited, and why some were rejected: %s" % row)
    L.require(row["reversed"] == sum(first(c, "rollback") is not None for c in made) and row["passed"] + row["failed"] + row["inconclusive"] >= 1, "verdicts: %s" % row)
    last = {e["plan"]["card"]: e["body"]["report"] for e in lab.entries("watch") if e["body"]["report"].get("verdict", "NONE") not in ("NONE", "none")}
    claims = [c for r in last.values() for c in r.get("claims", [])]
    for p in row["predictions"]:
        of = [c for c in claims if c["metric"] == p["metric"]]
        far = [c for c in of if not c["kept"]]
        L.require((p["kept"], p["missed"], p["broken"]) == (len(of) - len(far), sum(c["badge"] == "estimated" for c in far), sum(c["badge"] != "estimated" for c in far)), "%s: %s" % (p, of))
        L.require(abs(p["median_ratio"] - median([c["ratio_ppm"] for c in of])["median"] / 1e6) < 1e-9, "%s: %s" % (p, of))
    L.require({p["metric"] for p in row["predictions"]} == {c["metric"] for c in claims}, "metrics: %s" % row["predictions"])
    for c in claims:
        factor = c["measured"] / c["predicted"] if c["predicted"] else c["measured"] + 1
        L.require(abs(factor * 1e6 - c["ratio_ppm"]) <= 1 and c["kept"] == (1e6 / c["tolerated_ppm"] <= factor <= c["tolerated_ppm"] / 1e6), "claim %s" % c)
    if row["passed"] + row["failed"]:
        L.require(row["calibration"]["n"] == row["passed"] + row["failed"] and 0 < row["calibration"]["said"] <= 1, "calibration: %s" % row)
    L.require(len(told["rejected_because"]) == 4 and all("no need for " + c in r for c, r in zip(ids, told["rejected_because"])), "reasons: %s" % told["rejected_because"])
    L.require(told["queued_ms"] > 0 and told["left_out"] == 0, "queue: %s" % told)


def spans(lab):
    whole, nothing = report(lab, "--simulated"), report(lab)
    L.require(nothing["left_out"] > 0 and not nothing["specialists"] and nothing["changes"]["executed"] == 0, "simulated entries count: %s" % nothing)
    middle = lab.entries("recommendation")[3]["ts"]
    from datetime import datetime, timezone
    at = datetime.fromtimestamp(middle / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sides = report(lab, "--simulated", "--split", at)
    counts = [sides[s]["specialists"][0]["proposed"] for s in ("before", "after")]
    L.require(counts == [3, 4] and sides["before"]["entries"] + sides["after"]["entries"] == whole["entries"], "two sides: %s" % counts)
    text = lab.run("report", "--simulated", "--split", at).stdout
    L.require("too few to compare" in text and max(map(len, text.splitlines())) <= 80, "the text: " + text)
    drawn = [line.split("|")[1] for line in text.splitlines() if line.count("|") == 2]
    L.require(len(drawn) > 6 and {len(row) for row in drawn} == {40} and any("o" in row for row in drawn) and all(row.rfind("o") <= row.find(">") for row in drawn if ">" in row and "[" not in row), "the plot: " + text)
    csv = lab.run("report", "--simulated", "--csv").stdout.splitlines()
    L.require(csv[0] == "side,measure,n,median,low,high,p90" and len(csv) == 14 and all(line.count(",") == 6 for line in csv), "CSV: %s" % csv)
    rate = next(line for line in csv if line.startswith("all,gone_wrong_ppm,")).split(",")
    L.require([int(x) for x in rate[2:6]] == [whole["changes"]["executed"]] + [round(whole["changes"][k] * 1e6) for k in ("rate", "low", "high")], "a share with its bounds: %s" % rate)
    L.require(sides["split"] == at and {line.split(",")[0] for line in lab.run("report", "--simulated", "--csv", "--split", at).stdout.splitlines()[1:]} == {"before", "after"}, "the sides of a date")
    L.require("divided at %s UTC: nothing that counts is before it" % "2026-01-02T00:00" in lab.run("report", "--simulated", "--split", "2026-01-02").stdout, "a date before the record")
    for words, said in ((("--since", "never"), "take a time"), (("--split", "2099-01-01"), "still to come"), (("--split", "2026-13-01"), "take a time"), (("--since", "2026-01-02", "--until", "2026-01-01"), "follow one another"), (("--json", "--csv"), "not both"), (("x",), "no other words"),
                        (("--ledger", "/nonexistent"), "no ledger")):
        done = lab.run("report", *words, check=False)
        L.require(done.returncode == 2 and said in done.stderr, "report %s: %d %s" % (words, done.returncode, done.stderr))


def main():
    lab = L.Lab(QUICK, environment="staging")
    try:
        lab.start()
        print("some_work", flush=True)
        ids = some_work(lab)
        lab.stop()
        for part in (lambda: agrees(lab, ids), lambda: spans(lab)):
            part()
    except Exception:
        traceback.print_exc()
        print(lab.log())
        return 1
    finally:
        lab.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
