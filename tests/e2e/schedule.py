#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recurring requests of the config, end to end: an owner that dies between a planned time and its entry, and one that dies
right after the entry; owners that race for the ledger; lines that are wrong. Each planned time is run once."""
import datetime
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

OWNER = L.BUILD + "/tests/e2e/crash_owner"
REQUEST = "what is the state of the cluster?"


def config(lab, *lines):
    with open(lab.dir + "/config/signalbox/config", "a") as f:
        f.write("".join(line + "\n" for line in lines))


def runs(lab):
    """The planned times of the runs, in the order of the record."""
    found = [e for e in lab.entries("request") if e["body"].get("planned")]
    for e in found:
        L.require(e["actor"]["principal"] == "schedule:minute" and e["body"]["event"] == "schedule:minute", "a run by %s" % e["actor"])
        L.require(e["body"]["planned"].endswith(":00.000Z"), "planned for %s" % e["body"]["planned"])
    return [e["body"]["planned"] for e in found]


def die(lab, point):
    lab.start(program=OWNER, env={"SIGNALBOX_CRASH_AT": point + ":1"}, wait=False)
    lab.owner.wait(L.PATIENCE)
    L.require(lab.owner.returncode == -9, "the owner ended with %d instead of being killed\n%s" % (lab.owner.returncode, lab.log()))


def settled(lab):
    """The owner takes requests: what was due before has been run."""
    lab.until("an answer", lambda: lab.run("ask", REQUEST, check=False).returncode == 0)
    return lab.run("ask", REQUEST).stdout


def each_planned_time_once(lab):
    config(lab, 'schedule minute every 1m run "%s"' % REQUEST)
    die(lab, "schedule.run.before")  # at the first full minute
    L.require(not runs(lab), "the run is on the record before it was run: %s" % runs(lab))
    began = lab.entries("schedule")
    L.require(len(began) == 1 and began[0]["body"]["when"] == "every 1m", "%s" % began)
    die(lab, "schedule.run.recorded")  # at once: the run is caught up
    first = runs(lab)
    L.require(len(first) == 1, "caught up: %s" % first)

    # several race for the ledger; one gets it, and none repeats the run whose owner died
    racers = [subprocess.Popen([L.PROGRAM, "serve"], env=lab.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    lab.until("one owner", lambda: sum(r.poll() is None for r in racers) == 1 and lab.listening())
    for r in racers:
        if r.poll() is None:
            lab.owner = r
        else:
            L.require(r.returncode == 5, "exit %d: %s" % (r.returncode, r.stderr.read()))
    said = settled(lab)
    L.require("schedule minute (every 1m) runs \"%s\" next on " % REQUEST in said and "last as K-" in said, said)
    lab.stop()
    for _ in range(2):
        lab.start()
        settled(lab)
        lab.stop()
    all_runs = runs(lab)
    L.require(all_runs[0] == first[0] and len(all_runs) == len(set(all_runs)), "a planned time was run twice: %s" % all_runs)
    L.require(all_runs == sorted(all_runs), "out of order: %s" % all_runs)
    cut = [e for e in lab.entries("case.close") if "the console ended before" in e["body"]["outcome"]]
    L.require(len(cut) == 1, "the run whose owner died was not closed with its reason")
    lab.verify()

    # who only asks runs nothing and ends nothing; a line that is gone ends
    before = len(lab.entries("schedule"))
    lab.run("ask", "--deployment", "lab", REQUEST)
    L.require(len(lab.entries("schedule")) == before, "ask began or ended a schedule")


def wrong_lines_are_named(lab):
    path = lab.dir + "/config/signalbox/config"
    with open(path) as f:
        section = f.read()
    with open(path, "w") as f:
        f.write("schedule early every 1h run status\n" + section)
    config(lab, "schedule fast every 5s run status", "schedule day at 25:00 run status", "schedule x at 02:00 zone Mars/Base run status", "schedule y at 02:00 run",
           "schedule ok every 6h run status", "schedule ok every 7h run status")
    lines = section.count("\n") + 2
    lab.start()
    settled(lab)
    for line, words in ((1, "in the section of a deployment"), (lines, "a duration from 1m"), (lines + 1, "a time of day"), (lines + 2, "Mars/Base"),
                        (lines + 3, "behind run stands"), (lines + 5, "of this name already")):
        said = [x for x in lab.log().splitlines() if "%s:%d: " % (path, line) in x]
        L.require(said and words in said[0], "line %d, \"%s\": %s\n%s" % (line, words, said, lab.log()))
    began = [e["body"]["name"] for e in lab.entries("schedule")]
    L.require(began == ["ok"], "the rest of the config: %s" % began)
    lab.stop()


def a_card_waits_for_its_window(lab):
    """It is shown when it starts; an owner that is killed meanwhile leaves it waiting; policy is not asked again and again."""
    day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    with open(os.path.join(HERE, "..", "..", "policy", "default.json")) as f:
        bundle = json.load(f)
    bundle.update(bundle="late", tests=[], inputs={})
    bundle["windows"]["late"] = {"kind": "allow", "tz": "Asia/Tokyo", "from": day.strftime("%Y-%m-%dT21:30"), "to": day.strftime("%Y-%m-%dT23:00")}
    bundle["rules"].append({"id": "WIN-9", "level": "soft", "effect": "require", "title": "In the window", "match": {"action.kind": {"eq": "index.create"}},
                            "require": {"windows": ["late"]}, "owner": "dba"})
    with open(lab.dir + "/late.json", "w") as f:
        json.dump(bundle, f)
    lab.start("--policy", lab.dir + "/late.json")
    id = lab.propose()
    lab.approve(id)
    lab.until_state(id, "scheduled")
    starts = day.strftime("%a %Y-%m-%d 21:30 (Asia/Tokyo)")
    for owner in range(1, 3):
        line = lab.run("cards").stdout
        L.require(id in line and "scheduled" in line and "starts " + starts in line, line)
        shown = lab.run("cards", "show", id).stdout
        L.require("until %s; it expires before that" % starts in shown and "execute by" in shown, shown)
        L.require(lab.card(id)["policy"]["waits_until"] == day.strftime("%Y-%m-%dT12:30:00.000Z"), "%s" % lab.card(id)["policy"])
        settled(lab)
        lab.kill()
        lab.start("--policy", lab.dir + "/late.json")
        lab.until("the gate", lambda: len(asked(lab, id)) > owner)
    L.require(len(asked(lab, id)) == 3, "policy was asked %d times by three owners" % len(asked(lab, id)))
    waits = [e for e in lab.entries("state") if e["body"]["to"] == "scheduled"]
    L.require(len(waits) == 1, "the same reason was recorded %d times" % len(waits))
    L.require(not lab.entries("step.intent"), "something was sent")
    lab.stop()


def asked(lab, id):
    return [e for e in lab.entries("verdict") if e["plan"].get("card") == id and e["body"]["stage"] == "execute"]


def main():
    failed = 0
    for case in (each_planned_time_once, wrong_lines_are_named, a_card_waits_for_its_window):
        lab = L.Lab(HERE + "/crash.scenario")
        try:
            case(lab)
            print("ok    %s" % case.__name__)
        except L.Failure as e:
            failed += 1
            print("FAIL  %s: %s\n%s" % (case.__name__, e, lab.log()))
        finally:
            lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
