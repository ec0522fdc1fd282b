#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox incident` on real recordings: what happened is found in time and called by its class, nothing else is; and on
what is damaged, cut, mixed, rotated or missing.

The rules' limits come from what they are for (src/agents/incidents_watch.c), not from these recordings. To show that they do
not hang on single incidents, the figures of the odd and of the even ones are printed apart.
"""
import datetime
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

PROGRAM = os.environ["SIGNALBOX"]
DATA = os.environ.get("SIGNALBOX_TEST_DATA", "../shared/data")
REAL = DATA + "/incidents-5.0.7"
failures = []


def fail(what):
    failures.append(what)
    print("FAIL: " + what)


def run(*args, status=0):
    done = subprocess.run([PROGRAM, "incident", *args], capture_output=True, text=True, timeout=120)
    if done.returncode != status:
        fail("%s: exit %d, not %d: %s" % (" ".join(args), done.returncode, status, done.stderr[:300]))
    return done


def incidents(*args, status=0):
    done = run("--json", *args, status=status)
    try:
        return json.loads(done.stdout), done.stderr
    except ValueError:
        fail("%s: no JSON: %s" % (" ".join(args), done.stdout[:200]))
        return [], done.stderr


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def labels():
    return json.load(open(REAL + "/labels.json"))


def hits(found, label):
    """Incidents that began in the labelled stretch."""
    return [i for i in found if at(label["from"]) - 10 <= at(i["from"]) <= at(label["to"])]


def strangers(found, label_list):
    """Incidents that began in none."""
    return [i for i in found if not any(hits([i], label) for label in label_list)]


def logged(label, name):
    """Whether any log says the name during the stretch: what is nowhere cannot be named."""
    low, high = label["from"][:19], label["to"][:19]
    for member in sorted(os.listdir(REAL)):
        path = "%s/%s/mongod.log.gz" % (REAL, member)
        if not os.path.exists(path):
            continue
        with gzip.open(path, "rt", errors="replace") as lines:
            if any(low <= line[15:34] <= high and name in line for line in lines):
                return True
    return False


def shape_is_right(i):
    for key in ("from", "to", "detected_at", "severity", "class", "confidence", "namespaces", "apps", "members", "signals", "causes", "unexplained"):
        if key not in i:
            fail("an incident without " + key)
    if not 0 <= i["unexplained"] <= 1 or not 0 < i["confidence"] <= 1 or not i["signals"] or not i["causes"]:
        fail("an incident without evidence: %s" % i["title"])
    if [c["rank"] for c in i["causes"]] != list(range(1, len(i["causes"]) + 1)):
        fail("causes out of order")
    for s in i["signals"]:
        if not {"metric", "baseline", "value", "score"} <= set(s) or not 0 <= s["score"] <= 1:
            fail("a signal without its numbers: %s" % s)


def the_recording():
    found, said = incidents(REAL)
    every = labels()["incidents"]
    real = [label for label in every if label["class"] != "benign"]
    classes = [0, 0]
    for n, label in enumerate(real):
        got = hits(found, label)
        if len(got) != 1:
            fail("%s: %d incidents" % (label["name"], len(got)))
            continue
        i = got[0]
        shape_is_right(i)
        late = at(i["detected_at"]) - at(label["from"])
        if late > 20 or late < -1:
            fail("%s: found %.1f s after it began" % (label["name"], late))
        classes[n % 2] += i["class"] == label["class"]
        if i["class"] != label["class"]:
            print("%s: called %s, is %s" % (label["name"], i["class"], label["class"]))
        if "namespace" in label and logged(label, label["namespace"]) and label["namespace"] not in i["namespaces"]:
            fail("%s: names %s" % (label["name"], i["namespaces"]))
        if "app" in label and label["app"] not in i["apps"]:
            fail("%s: names %s" % (label["name"], i["apps"]))
        if "member" in label and i["members"] != ["member-%d" % label["member"]]:
            fail("%s: names %s" % (label["name"], i["members"]))
        print("%-12s found after %4.1f s as %s, confidence %.2f" % (label["name"], late, i["class"], i["confidence"]))
    print("classes right: %d of %d, and of the other half %d of %d" % (classes[0], (len(real) + 1) // 2, classes[1], len(real) // 2))
    if sum(classes) < 0.9 * len(real):
        fail("only %d of %d classes are right" % (sum(classes), len(real)))
    for i in strangers(found, real):
        fail("nothing happened at %s: %s" % (i["from"], i["title"]))
    if said:
        fail("something was said of whole files: " + said)
    return real


def a_quiet_day():
    found, _ = incidents(DATA + "/ftdc")
    hours = 19007 / 3600
    print("%d incidents in %.1f quiet hours" % (len(found), hours))
    if len(found) > hours:
        fail("more than one an hour on a recording without labels")


def whichever_way_it_is_given(real, work):
    whole, _ = incidents(REAL)
    parts, _ = incidents(*["%s/member-%d" % (REAL, i) for i in (2, 0, 1)])
    if [(i["class"], i["members"], i["apps"]) for i in whole] != [(i["class"], i["members"], i["apps"]) for i in parts]:
        fail("members in another order give other incidents")
    metrics, _ = incidents(*["%s/member-%d/diagnostic.data" % (REAL, i) for i in range(3)])
    for label in real:
        if len(hits(metrics, label)) != 1:
            fail("%s is not found from metrics alone" % label["name"])
    ended = at(labels()["ended"])
    for i in strangers([i for i in metrics if at(i["from"]) < ended], real):  # then the set is shut down, and only logs say so
        fail("metrics alone: nothing happened at %s" % i["from"])
    # a rotated log is the same log
    folder = work + "/rotated/member-0"
    shutil.copytree(REAL + "/member-0/diagnostic.data", folder + "/diagnostic.data")
    lines = gzip.open(REAL + "/member-0/mongod.log.gz", "rb").read().split(b"\n")
    open(folder + "/mongod.log.2026-11-23T09-10-00", "wb").write(b"\n".join(lines[:9000]) + b"\n")
    open(folder + "/mongod.log", "wb").write(b"\n".join(lines[9000:]))
    rotated, _ = incidents(folder, REAL + "/member-1", REAL + "/member-2")
    if [i["class"] for i in rotated] != [i["class"] for i in whole]:
        fail("a rotated log gives other incidents")
    # text for people names the same
    text = run(REAL).stdout
    for label in real:
        if label.get("app") and label["app"] not in text:
            fail("the text does not name " + label["app"])


def copy(work, name):
    folder = "%s/%s" % (work, name)
    shutil.copytree(REAL, folder)
    for root, folders, files in os.walk(folder):
        for entry in folders + files:
            os.chmod(os.path.join(root, entry), 0o700)
    return folder


def metric_files(folder):
    return sorted(os.path.join(root, f) for root, _, files in os.walk(folder) for f in files if f.startswith("metrics."))


def damaged(real, work):
    dice = random.Random(20261123)
    for turn in range(3):
        folder = copy(work, "flipped%d" % turn)
        for path in metric_files(folder):
            data = bytearray(open(path, "rb").read())
            for _ in range(2):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            open(path, "wb").write(data)
        found, said = incidents(folder)
        if "byte " not in said:
            fail("damage is not said: " + said)
        for i in strangers(found, real):
            fail("flipped bits make an incident at %s: %s" % (i["from"], i["title"]))
        shutil.rmtree(folder)
    folder = copy(work, "cut")
    for path in metric_files(folder):
        os.truncate(path, dice.randrange(os.path.getsize(path)))
    for i in strangers(incidents(folder)[0], real):
        fail("cut files make an incident at %s: %s" % (i["from"], i["title"]))
    shutil.rmtree(folder)
    # a log that is cut within its gzip data: what could be read counts, and it is said
    folder = copy(work, "cutlog")
    os.truncate(folder + "/member-0/mongod.log.gz", 400000)
    found, said = incidents(folder, status=2)
    if "mongod.log.gz" not in said or len(found) < 8:
        fail("a cut log: %d incidents, said: %s" % (len(found), said))
    shutil.rmtree(folder)


def missing_and_mixed(real, work):
    # one member's data ends early: the others go on, and it is said once
    folder = copy(work, "gone")
    path = folder + "/member-2/diagnostic.data/metrics.2026-11-23T08-57-44Z-00000"
    os.truncate(path, os.path.getsize(path) // 2)
    os.unlink(folder + "/member-2/mongod.log.gz")
    found, said = incidents(folder)
    if said.count("member-2: its samples end") != 1:
        fail("a member that ends early: " + said)
    if len(found) != len(real) or strangers(found, real):
        fail("a member that ends early makes %d incidents" % len(found))
    # the logs of two servers in one, by time
    lines = []
    for i in (0, 1):
        lines += gzip.open("%s/member-%d/mongod.log.gz" % (REAL, i), "rb").read().splitlines()
    lines.sort(key=lambda line: line[15:38])
    with gzip.open(folder + "/member-0/mongod.log.gz", "wb", compresslevel=1) as out:
        out.write(b"\n".join(lines + [b"not a line", b'{"t":{"$date":"2026-1']))
    found, said = incidents(folder)
    if strangers(found, real) or "2 lines could not be read" not in said or said.count("more than one server") != 1:
        fail("mixed logs make %d incidents, said: %s" % (len(found), said))
    # a clock that is set back in the middle of a log, and forward again: said once, and no incident of it
    lines = gzip.open(REAL + "/member-0/mongod.log.gz", "rb").read().splitlines()
    lines[4000:4400] = [line.replace(b"2026-11-23T09:", b"2026-11-23T07:") for line in lines[4000:4400]]
    with gzip.open(folder + "/member-0/mongod.log.gz", "wb", compresslevel=1) as out:
        out.write(b"\n".join(lines))
    found, said = incidents(folder)
    if strangers(found, real) or said.count("times go back by 7") != 1 or "more than one server" in said:
        fail("a clock that jumps makes %d incidents, said: %s" % (len(found), said))
    shutil.rmtree(folder)


def nanos(seconds):
    return "%d" % round(seconds * 1e9)


def attributes(**pairs):
    return [{"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in pairs.items()]


def span_line(service, version, spans):
    return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes(service_name=service, service_version=version)}, "scopeSpans": [{"spans": spans}]}]})


def spans_of_clients(real, work):
    """The operations that the primary logged as their clients' tracing saw them: which service each was is written nowhere else.
    Once with the traceparent in the command's comment, and once without, and the applications have no names."""
    services = {"checkout-4.2": "storefront", "reporting": "figures", "checkout": "basket", "orders": "desk", "nightly-import": "loader"}
    for traced in (True, False):
        folder = copy(work, "spans%d" % traced)
        lines, told = [], []
        for line in gzip.open(folder + "/member-0/mongod.log.gz", "rt"):
            one = json.loads(line) if '"Slow query"' in line else None
            if one and one["attr"].get("appName") in services:
                attr, command = one["attr"], one["attr"].get("command", {})
                service, trace = services[attr.pop("appName")], "%032x" % (len(told) + 1)
                end = at(one["t"]["$date"])
                if traced:
                    command["comment"] = "00-%s-00f067aa0ba902b7-01" % trace
                span = {"traceId": trace, "kind": 3, "startTimeUnixNano": nanos(end - attr["durationMillis"] / 1e3), "endTimeUnixNano": nanos(end + 0.002),
                        "attributes": attributes(db_system="mongodb", db_name=attr["ns"].split(".")[0], db_mongodb_collection=attr["ns"].split(".", 1)[1])}
                told.append((end, span_line(service, "7", [span, {"name": "GET /", "kind": 2}])))
                line = json.dumps(one) + "\n"
            lines.append(line)
        with gzip.open(folder + "/member-0/mongod.log.gz", "wt", compresslevel=1) as out:
            out.writelines(lines)
        with open(folder + "/spans.jsonl", "w") as out:
            out.write("\n".join(line for _, line in sorted(told)) + "\nnot a line of spans\n")
        found, said = incidents(folder)
        if said.count("1 line could not be read") != 1 or len(found) != len(real) or strangers(found, real):
            fail("with spans: %d incidents, said: %s" % (len(found), said))
        for name, service in (("collscan", "storefront"), ("bulk", "loader")):
            got = hits(found, next(label for label in real if label["name"] == name))
            cause = next((c for c in got[0]["causes"] if c["what"] == "service %s 7" % service), None) if got else None
            if not cause or (traced and service not in got[0]["apps"]) or ("traceparent" in cause["evidence"]) != traced:
                fail("%s: the service is not named%s: %s" % (name, " by the traceparent" if traced else "", [c["what"] for c in got[0]["causes"]] if got else got))
        shutil.rmtree(folder)


def neither(work):
    os.makedirs(work + "/empty/inner")
    os.makedirs(work + "/odd")
    open(work + "/odd/notes.txt", "w").write("nothing of ours\n")
    open(work + "/odd/metrics.txt", "wb").write(os.urandom(100000))
    for folder, words in ((work + "/empty", "holds neither"), (work + "/nowhere", "no folder")):
        done = run(folder, status=2)
        if words not in done.stderr or done.stderr.count("\n") != 1 or done.stdout:
            fail("%s: %s" % (folder, done.stderr))
    done = run("--json", work + "/odd")
    if done.stdout.strip() != "[]" or "no document of diagnostic data" not in done.stderr:
        fail("garbage by a metrics name: %s %s" % (done.stdout, done.stderr))
    # of several, those that can be read are; what cannot is said even when nothing else may be
    os.makedirs(work + "/log")
    open(work + "/log/mongod.log", "w").write('{"t":{"$date":"2026-01-01T00:00:00.000+00:00"},"s":"I","c":"NETWORK","id":22943,"ctx":"listener","msg":"Connection accepted","attr":{}}\n{"t":\n')
    for words in ((work + "/log", work + "/nowhere"), (work + "/nowhere", "--quiet", work + "/log")):
        done = run("--json", *words, status=2)
        if done.stdout.strip() != "[]" or done.stderr.count("no folder") != 1 or ("--quiet" in words and done.stderr.count("\n") != 1):
            fail("%s: %s %s" % (words, done.stdout, done.stderr))
    # what is given twice is read once
    done = run("--json", work + "/log", work + "/log/mongod.log", work)
    if done.stderr.count("1 line could not be read") != 1:
        fail("a log given three times: %s" % done.stderr)
    run(status=2)
    if os.path.isdir(DATA + "/replies-5.0.7"):
        found, said = incidents(DATA + "/replies-5.0.7")
        if len(found) > 3 or not all(i["causes"] for i in found) or "no diagnostic data" not in said:
            fail("logs alone: %s %s" % (found, said))


def main():
    work = tempfile.mkdtemp()
    try:
        neither(work)
        if not os.path.isdir(REAL):
            print("SKIP: the recorded incidents are not here (%s)" % REAL)
            return 1 if failures else 0
        real = the_recording()
        a_quiet_day()
        whichever_way_it_is_given(real, work)
        damaged(real, work)
        missing_and_mixed(real, work)
        spans_of_clients(real, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 0


sys.exit(main())
