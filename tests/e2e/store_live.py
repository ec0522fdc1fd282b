#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the store tells by itself: an approval is taken without anybody having looked for it, counted at the commands; a store that has no
change streams is looked at every second, and it is said."""
import os
import struct
import sys

import bson

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as L  # noqa: E402
import store as S  # noqa: E402
from wire import Proxy  # noqa: E402

NO_STREAMS = (40573, "The $changeStream stage is only supported on replica sets")


class Counted(Proxy):
    """Counts the looks for approvals and the beats; deaf: as a server that has no change streams."""

    def __init__(self, ready, deaf=False):
        self.looks = self.beats = self.streams = 0
        super().__init__(ready["members"], ready["set"], refuse=lambda what: NO_STREAMS if deaf and what == "stream" else None)

    def _look(self, op, raw, conn):
        if op == 2013 and raw[20] == 0:
            doc = bson.decode(raw[21:21 + struct.unpack_from("<i", raw, 21)[0]])
            self.looks += doc.get("find") == "approvals" and "answer" in doc["filter"]
            self.beats += doc.get("update") == "hosts"
            if "aggregate" in doc and "$changeStream" in doc["pipeline"][0]:
                self.streams += 1
                return "stream"
        return None  # what else is said to a store is no card's step


def ask(lab, store, name):
    """An approval that is none: its owner says so."""
    log = S.status(lab)["ledger"]
    store.db.approvals.insert_one({"_id": name, "l": log, "answer": None})
    answer = lab.until("an answer to " + name, lambda: store.db.approvals.find_one({"_id": name})["answer"])
    L.require("this is no approval" in answer["why"], answer)


def beats_of(lab, proxy, more):
    lab.until("%d beats" % more, lambda at=proxy.beats: proxy.beats >= at + more)


def an_approval_is_told(lab, store):
    proxy = Counted(store.ready)
    S.configure(lab, proxy.uri)
    lab.start()
    L.require(S.well(lab)["live"] == "change streams", "%s" % S.status(lab))
    lab.until("a stream of the owner's", lambda: proxy.streams >= 1)
    beats_of(lab, proxy, 1)
    at = proxy.looks
    beats_of(lab, proxy, 2)  # two of five seconds each
    L.require(proxy.looks - at <= 1, "%d looks in two beats, although the store tells" % (proxy.looks - at))
    at, beats = proxy.looks, proxy.beats
    for k in range(10):
        ask(lab, store, "told %d" % k)
    L.require(proxy.beats - beats < 10, "%d beats went by with 10 approvals: they were not told" % (proxy.beats - beats))
    L.require(10 <= proxy.looks - at <= 24, "%d looks for 10 approvals" % (proxy.looks - at))
    try:  # another member is primary from here on
        store.db.client.admin.command("replSetStepDown", 60, secondaryCatchUpPeriodSecs=5)
    except S.pymongo.errors.AutoReconnect:
        pass
    for k in range(3):
        ask(lab, store, "told after %d" % k)
    lab.until("changes that are told again", lambda: S.well(lab)["live"] == "change streams")
    says = lab.run("store", "status").stdout
    L.require("live: its change streams tell each host" in says, says)
    lab.stop()
    S.copied(lab, store)
    proxy.close()


def a_store_that_does_not_tell_is_looked_at(lab, store):
    proxy = Counted(store.ready, deaf=True)
    S.configure(lab, proxy.uri)
    lab.start()
    L.require(S.well(lab)["live"] == "polling", "%s" % S.status(lab))
    lab.until("an attempt to be told", lambda: proxy.streams >= 2)  # status has made one
    at, beats = proxy.looks, proxy.beats
    ask(lab, store, "looked for")
    beats_of(lab, proxy, 2)
    L.require(proxy.looks - at >= 4, "%d looks in %d beats" % (proxy.looks - at, proxy.beats - beats))
    says = lab.run("store", "status").stdout
    L.require("live: polling, every host looks once a second" in says and NO_STREAMS[1] in says, says)
    lab.stop()
    proxy.close()


if __name__ == "__main__":
    sys.exit(S.run(an_approval_is_told, a_store_that_does_not_tell_is_looked_at))
