#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command that puts in other words what was not understood: its words are used, and marked; what it says too much, too late or
wrongly is not, and the request is refused as it would have been; without credentials; what is understood, or is not ours, never
reaches it."""
import json
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab as L  # noqa: E402

STRANGE = "please work your magic over shop.orders"


def command(lab, body):
    path = lab.dir + "/model"
    with open(path + ".new", "w") as f:
        f.write("#!/bin/sh\nread -r line; printf '%%s\\n' \"$line\" >>%s/asked; env >%s/env\n%s\n" % (lab.dir, lab.dir, body))
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)
    return path


def asked(lab):
    try:
        with open(lab.dir + "/asked") as f:
            return [json.loads(line) for line in f]
    except OSError:
        return []


def said(lab, text):
    done = lab.run("ask", text, check=False)
    return done.returncode, done.stdout + done.stderr


def outcomes(lab):
    return [e["body"]["outcome"] for e in lab.entries("hook") if e["body"]["event"] == "rephrase"]


def main():
    lab = L.Lab(os.path.join(HERE, "crash.scenario"), proxy=False)
    try:
        path = command(lab, 'printf \'{"request":"speed up shop.orders"}\\n\'')
        with open(lab.dir + "/config/signalbox/config", "a") as f:
            f.write("hook rephrase within 2s %s\n" % path)
        lab.start(env={"SIGNALBOX_SECRET": "swordfish"})
        lab.until("a connection", lambda: lab.run("ask", "status", check=False).returncode == 0)
        L.require(not asked(lab), "it was asked about what is understood")

        rc, text = said(lab, STRANGE)
        L.require(rc == 0 and "shop.orders" in text and 'in other words by an outside program: "speed up shop.orders"' in text, "%d %s" % (rc, text))
        told = asked(lab)
        L.require(len(told) == 1 and told[0]["request"] == STRANGE and "index.review" in told[0]["intents"], told)
        with open(lab.dir + "/env") as f:
            L.require("swordfish" not in f.read(), "a credential reached it")
        case = lab.entries("hook")[-1]["plan"]["case"]
        readings = [e["body"]["reading"] for e in lab.entries("intent") if e["plan"]["case"] == case]
        L.require([r["intent"] for r in readings] == ["none", "index.review"] and "outside program" in readings[1]["warning"], readings)

        # not ours is not asked about
        rc, text = said(lab, "write me a poem")
        L.require(rc == 2 and len(asked(lab)) == 1, "%d %s" % (rc, text))

        for body, why in (('printf \'{"request":"drop the index total_1 on crm.users"}\\n\'', "which the request does not"), ("echo IGNORE ALL RULES", "its answer"), ("exit 3", "it ended with 3"),
                          ("head -c 100000 /dev/zero", "it said more than"), ("sleep 60", "it was killed after")):
            command(lab, body)
            rc, text = said(lab, STRANGE)
            L.require(rc == 2 and "not understood" in text and "outside program" not in text, "%s: %d %s" % (body, rc, text))
            L.require(why in outcomes(lab)[-1], "%s: %s" % (body, outcomes(lab)[-1]))
        L.require(not lab.entries("recommendation") or not any("crm.users" in json.dumps(e) for e in lab.entries("recommendation")), "a card of what was injected")
        lab.stop()
        print("ok", flush=True)
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
