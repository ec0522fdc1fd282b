#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`signalbox incident` on kinds of incidents that are in no recording: into half a minute of the last calm stretch of a real one are
put what the metrics and the log of the primary would show of each. One incident each, called by its class, found within 20 s, with
its namespace and application where it has them, and nobody else's; what was recorded before stays as it was. Four kinds, or all of
them (SIGNALBOX_KINDS=all, minutes)."""
import gzip
import json
import os
import shutil
import sys
import tempfile
import time

from incident_altered import FROM, LATENCY, REAL, STATUS, TO, busy, grow, put, rewrite, run_on

METRICS = STATUS + "metrics."
READS, WRITES = LATENCY + "reads", LATENCY + "writes"


# ---- what a log says ----

def line(ms, component, number, msg, attr):
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + ".%03d+00:00" % (ms % 1000)
    return at[:23], json.dumps({"t": {"$date": at}, "s": "I", "c": component, "id": number, "ctx": "conn9001", "msg": msg, "attr": attr}, separators=(",", ":"))


def connects(app, times=1, after_ms=-1500, every_ms=10):
    lines = []
    for i in range(times):
        at, remote = FROM + after_ms + i * every_ms, "10.0.0.9:%d" % (10000 + i)
        lines.append(line(at, "NETWORK", 22943, "Connection accepted", {"remote": remote, "connectionId": 10000 + i, "connectionCount": 60}))
        lines.append(line(at + 1, "NETWORK", 51800, "client metadata", {"remote": remote, "client": "conn%d" % (10000 + i), "doc": {
            "driver": {"name": "PyMongo", "version": "4.20.0"}, "os": {"type": "Linux"}, "application": {"name": app}}}))
    return lines


def slow(app, ns, command, plan, examined, returned, ms, every_ms=500, after_ms=0, **more):
    db, attr = ns.split(".")[0], {"type": "command", "ns": ns, "appName": app}
    attr["command"] = dict(command, **{"$db": db})
    if plan:
        attr["planSummary"] = plan
    attr.update(keysExamined=0, docsExamined=examined, numYields=1, nreturned=returned, reslen=200, locks={}, remote="10.0.0.9:5", protocol="op_msg", durationMillis=ms, **more)
    return [line(FROM + t, "COMMAND", 51803, "Slow query", attr) for t in range(after_ms, TO - FROM, every_ms)]


def command(after_ms, number, msg, **attr):
    return [line(FROM + after_ms, "COMMAND", number, msg, attr)]


def build(ns, begins_ms, ends_ms, **properties):
    attr = {"buildUUID": {"uuid": {"$uuid": "b1"}}, "namespace": ns}
    return [line(FROM + begins_ms, "INDEX", 20384, "Index build: starting", dict(attr, properties=dict({"v": 2, "key": {"x": 1}, "name": "x_1"}, **properties))),
            line(FROM + ends_ms, "INDEX", 20663, "Index build: completed successfully", dict(attr, indexesBuilt=["x_1"]))]


def everybody_waits():
    return slow("checkout", "shop.orders", {"find": "orders", "filter": {"user_id": 5}}, "IXSCAN { user_id: 1, created: -1 }", 20, 20, 140, 1000) + \
        slow("orders", "shop.orders", {"insert": "orders"}, None, 0, 0, 180, 1000, 200, ninserted=1) + \
        slow("catalog", "shop.products", {"find": "products", "filter": {"sku": "a"}}, "IXSCAN { sku: 1 }", 1, 1, 120, 1000, 300)


# ---- what the metrics show ----

def latency(reads, writes, commands=1):
    return [grow(READS + ".latency", reads), grow(WRITES + ".latency", writes), grow(LATENCY + "commands.latency", commands)]


def scans(documents, collections=0):
    return [grow(METRICS + "queryExecutor.scannedObjects", more=documents), grow(METRICS + "queryExecutor.collectionScans.nonTailable", more=collections), busy()]


def changes(what, documents):
    return [grow(METRICS + "document." + what, more=documents), busy()]


def stays(path):
    def edit(names, cols):
        if path in names:
            col, times = cols[names[path]], cols[names["start"]]
            held = next((v for v, t in zip(col, times) if FROM <= t < TO), None)
            for j, t in enumerate(times):
                col[j] = held if FROM <= t < TO else col[j]
    return edit


def plus(path, much):
    def edit(names, cols):
        for j, t in enumerate(cols[names["start"]]):
            if path in names and FROM <= t < TO:
                cols[names[path]][j] += much
    return edit


def behind(member, others):
    """Every member sees this one apply nothing; others: further edits of one of them."""
    return {m: [stays("replSetGetStatus.members.%d.optimeDate" % member)] + others.get(m, []) for m in range(3)}


SLOW_DISK = [grow(STATUS + "wiredTiger.log.log sync time duration (usecs)", 6), grow("systemMetrics.cpu.iowait_ms", more=900)]
HOT = {"update": "products", "updates": [{"q": {"_id": 7}, "u": {"$inc": {"n": 1}}}]}
EXPIRED = latency(1.5, 3) + changes("deleted", 3000) + [grow(METRICS + "ttl.deletedDocuments", more=3000)]
OLD = {"delete": "carts", "deletes": [{"q": {"created": {"$lt": 1}}, "limit": 0}]}
RELEASE = connects("checkout-5.0", after_ms=-1000) + slow("checkout-5.0", "shop.orders", {"find": "orders", "filter": {"zip": "a"}}, "COLLSCAN", 60000, 1, 250, 400)

# name: class, application, namespace ("" it has none), edits by member, lines of the primary
KINDS = {
    "a hot document of a release": ("code", "loyalty-3.0", "shop.products", {0: latency(1.1, 3) + [grow(METRICS + "operation.writeConflicts", more=20)]},
                                    connects("loyalty-3.0", 2) + slow("loyalty-3.0", "shop.products", HOT, "IDHACK", 30, 0, 150, 700, writeConflicts=30, nModified=1)),
    "a hot document of who is there": ("code", "catalog", "shop.products", {0: latency(1.1, 3) + [grow(METRICS + "operation.writeConflicts", more=20)]},
                                       slow("catalog", "shop.products", HOT, "IDHACK", 30, 0, 150, 700, writeConflicts=30, nModified=1)),
    "a sort on disk": ("code", "reporting-2", "crm.users", {0: latency(2.5, 1.2) + scans(40000) + [grow(METRICS + "operation.scanAndOrder", more=2)]},
                       connects("reporting-2") + slow("reporting-2", "crm.users", {"find": "users", "filter": {}, "sort": {"name": 1}}, "COLLSCAN", 20000, 20000, 400, 600,
                                                      hasSortStage=True, usedDisk=True)),
    "reads without a limit": ("code", "bi-tool", "shop.orders", {0: latency(2.5, 1.3) + scans(60000) + [grow(METRICS + "document.returned", more=60000), grow(STATUS + "network.bytesOut", more=30000000)]},
                              connects("bi-tool") + slow("bi-tool", "shop.orders", {"find": "orders", "filter": {"status": {"$ne": "x"}}}, "COLLSCAN", 60000, 60000, 500, 900)),
    "a regex of who is there": ("code", "crm", "crm.users", {0: latency(3, 1.2) + scans(100000, 5)},
                                slow("crm", "crm.users", {"find": "users", "filter": {"name": {"$regex": "x"}}}, "COLLSCAN", 20000, 1, 150, 400)),
    "an index dropped elsewhere": ("code", "checkout-5.0", "shop.orders", {0: latency(3, 1.2) + scans(100000, 5)},
                                   command(-5000, 51806, "CMD: dropIndexes", namespace="shop.carts", indexes="\"old_1\"") + RELEASE),
    "an index dropped too late": ("code", "checkout-5.0", "shop.orders", {0: latency(3, 1.2) + scans(100000, 5)},
                                  command(4500, 51806, "CMD: dropIndexes", namespace="shop.orders", indexes="\"old_1\"") + RELEASE),
    "a long transaction": ("code", "inventory-sync", "", {0: latency(1.1, 2.6) + [put(STATUS + "transactions.currentInactive", 1), put(STATUS + "transactions.currentOpen", 1)]},
                           connects("inventory-sync") + [line(TO - 500, "TXN", 51802, "transaction", {"parameters": {"lsid": {}, "txnNumber": 1, "autocommit": False}, "terminationCause": "committed",
                                                                                                       "timeActiveMicros": 2000, "timeInactiveMicros": 29000000, "durationMillis": 29400})]),
    "cursors that are not closed": ("code", "exporter", "", {0: [plus(METRICS + "cursor.open.total", 400), plus(METRICS + "cursor.open.noTimeout", 400)]}, connects("exporter")),
    "errors of who came anew": ("code", "catalog", "", {0: [grow(STATUS + "asserts.user", more=6)]}, connects("catalog", 2)),
    "a dump of everything": ("maintenance", "mongodump", "shop.orders", {0: latency(2.2, 1.3) + scans(60000) + [grow(METRICS + "document.returned", more=60000)]},
                             connects("mongodump") + slow("mongodump", "shop.orders", {"getMore": 77, "collection": "orders"}, "COLLSCAN", 60000, 60000, 500, 900,
                                                          originatingCommand={"find": "orders", "filter": {}, "$db": "shop"})),
    "a job whose reads are quick": ("maintenance", "nightly-report", "", {0: [grow(READS + ".ops", 6), grow(READS + ".latency", 14), grow(METRICS + "queryExecutor.scannedObjects", 5), busy()]},
                                    connects("nightly-report", 8) + everybody_waits()),
    "a pass of expired documents": ("maintenance", "", "", {0: EXPIRED}, []),
    "documents that expire from now on": ("change", "", "shop.carts", {0: EXPIRED}, build("shop.carts", -15000, -14000, expireAfterSeconds=60)),
    "a shell that deletes, logged at its end": ("maintenance", "mongosh 1.10.1", "shop.carts", {0: latency(1.8, 3) + changes("deleted", 4000)},
                                                connects("mongosh 1.10.1") + slow("mongosh 1.10.1", "shop.carts", OLD, "COLLSCAN", 120000, 0, 28000, 30000, 28000, ndeleted=112000)),
    "a shell that updates": ("maintenance", "MongoDB Shell", "crm.users", {0: latency(1.3, 3) + changes("updated", 2000)},
                             connects("MongoDB Shell") + slow("MongoDB Shell", "crm.users", {"update": "users", "updates": [{"q": {}, "u": {"$set": {"f": 1}}, "multi": True}]}, "COLLSCAN", 20000, 0,
                                                              27000, 30000, 27000, nMatched=20000, nModified=20000)),
    "a collection compacted": ("maintenance", "", "shop.carts", {0: latency(1.5, 3) + [grow("systemMetrics.cpu.iowait_ms", more=700)]},
                               command(-500, 20284, "CMD: compact", namespace="shop.carts") + slow("", "shop.carts", {"compact": "carts"}, None, 0, 0, 29000, 30000, 29000)),
    "an index built": ("maintenance", "", "crm.users", {0: latency(1.5, 3) + [busy()]}, build("crm.users", -300, 29000)),
    "a locked server": ("maintenance", "", "", {0: [stays(WRITES + ".ops"), stays(WRITES + ".latency"), plus(STATUS + "globalLock.currentQueue.total", 12), plus(STATUS + "globalLock.activeClients.total", 12)]},
                        command(-300, 20462, "mongod is locked and no writes are allowed", lockCount=1) + command(30000, 20465, "command: unlock requested")),
    "an index dropped": ("change", "", "crm.users", {0: latency(3, 1.2) + scans(100000, 5)},
                         command(-800, 51806, "CMD: dropIndexes", namespace="crm.users", indexes="\"email_1\"") +
                         slow("crm", "crm.users", {"find": "users", "filter": {"email": "a"}}, "COLLSCAN", 20000, 1, 150, 400)),
    "an index hidden": ("change", "", "shop.products", {0: latency(3, 1.1) + scans(50000, 30)},
                        command(-900, 5324200, "CMD: collMod", cmdObj={"collMod": "products", "index": {"name": "sku_1", "hidden": True}, "$db": "shop"}) +
                        slow("catalog", "shop.products", {"find": "products", "filter": {"sku": "a"}}, "COLLSCAN", 900, 1, 110, 300)),
    "a validator": ("change", "", "shop.carts", {0: [grow(STATUS + "asserts.user", more=5)]},
                    command(-700, 5324200, "CMD: collMod", cmdObj={"collMod": "carts", "validator": {"n": {"$type": "int"}}, "$db": "shop"}) +
                    slow("checkout", "shop.carts", {"insert": "carts"}, None, 0, 0, 110, 1000, ninserted=0, ok=0, errCode=121, errName="DocumentValidationFailure", errMsg="x")),
    "fewer tickets": ("change", None, None, {0: latency(6, 6) + [plus(STATUS + "globalLock.currentQueue.total", 30)]},
                      command(-400, 23435, "Successfully set parameter to value", parameterName="wiredTigerConcurrentReadTransactions", newValue="1", oldValue="128") + everybody_waits()),
    "a smaller cache": ("change", None, None, {0: latency(3, 1.5) + [put(STATUS + "wiredTiger.cache.maximum bytes configured", 67108864), grow(STATUS + "wiredTiger.cache.pages read into cache", 20)]},
                        everybody_waits()),
    "a slow disk": ("infrastructure", "", "", {0: latency(1.3, 4) + SLOW_DISK}, everybody_waits()),
    "a slow disk after a setting of the log": ("infrastructure", "", "", {0: latency(1.3, 4) + SLOW_DISK},
                                               command(-4000, 23435, "Successfully set parameter to value", parameterName="logLevel", newValue="1", oldValue="0") + everybody_waits()),
    "a neighbour on the host": ("infrastructure", "", "", {0: latency(2.4, 2.4, 2) + [busy(), grow("systemMetrics.cpu.steal_ms", more=800)]}, everybody_waits()),
    "flow control": ("infrastructure", "", "", behind(2, {0: [grow(WRITES + ".latency", 5), grow(STATUS + "flowControl.isLaggedTimeMicros", more=900000),
                                                              grow(STATUS + "flowControl.timeAcquiringMicros", more=800000), put(STATUS + "flowControl.isLagged", 1)]}), []),
    "a slow disk of a secondary": ("infrastructure", "", "", behind(1, {1: [grow("systemMetrics.cpu.iowait_ms", more=900)]}), []),
    "a storm of connections": ("dependency", "mobile-gw", "", {0: [plus(STATUS + "connections.current", 300), grow(STATUS + "connections.totalCreated", more=10)]}, connects("mobile-gw", 300, 0, 50)),
    "clients without a pool": ("dependency", "lambda-api", "", {0: latency(1.1, 1.1, 2) + [grow(STATUS + "connections.totalCreated", more=60)]}, connects("lambda-api", 300, 0, 100)),
}
SOME = ("a hot document of who is there", "an index dropped too late", "a job whose reads are quick", "a slow disk after a setting of the log")


def make(work, edits, lines):
    shutil.rmtree(work, ignore_errors=True)
    for member in range(3):
        source, folder = "%s/member-%d" % (REAL, member), "%s/member-%d" % (work, member)
        os.makedirs(folder + "/diagnostic.data")
        if member == 0 and lines:
            old = [(text[15:38], text) for text in gzip.open(source + "/mongod.log.gz", "rt").read().splitlines()]
            with open(folder + "/mongod.log", "w") as out:  # what the server wrote keeps its order
                out.write("\n".join(text for _, text in sorted(old + lines, key=lambda one: one[0])) + "\n")
        else:
            os.symlink(os.path.abspath(source + "/mongod.log.gz"), folder + "/mongod.log.gz")
        for name in os.listdir(source + "/diagnostic.data"):
            b = open("%s/diagnostic.data/%s" % (source, name), "rb").read()
            if member in edits:
                b = rewrite(b, lambda names, cols: [e(names, cols) for e in edits[member]], lambda t: True)
            open("%s/diagnostic.data/%s" % (folder, name), "wb").write(b)


def told(i):
    return i["from"], i["class"], i["namespaces"], i["apps"], i["members"]


def named(wanted, got):
    return wanted is None or (wanted in got if wanted else not got)


def main():
    if not os.path.isdir(REAL):
        print("SKIP: the recorded incidents are not here (%s)" % REAL)
        return 0
    work, failed = tempfile.mkdtemp(), 0
    before = [told(i) for i in run_on(REAL) if i["from"] < "2026-11-23T09:24:30"]
    for name in KINDS if os.environ.get("SIGNALBOX_KINDS") == "all" else SOME:
        class_, app, ns, edits, lines = KINDS[name]
        make(work, edits, lines)
        found = run_on(work)
        new = [i for i in found if i["from"] >= "2026-11-23T09:24:30"]
        late = int(new[0]["detected_at"][14:16]) * 60 + float(new[0]["detected_at"][17:23]) - (24 * 60 + 45) if new else 0
        ok = [told(i) for i in found[:len(before)]] == before and len(new) == 1 and new[0]["class"] == class_ and 0 <= late <= 20
        ok = ok and named(app, new[0]["apps"]) and named(ns, new[0]["namespaces"])
        print("%-40s %s" % (name, ", ".join("%s, found after %.1f s" % (i["class"], late) for i in new)))
        if not ok:
            failed += 1
            print("FAIL: %s: %s" % (name, [(i["from"], i["class"], i["reason"], i["apps"], i["namespaces"]) for i in new]))
    shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
