#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pymongo, unmodified, against the simulated replica set: what a program that knows nothing of us sees."""
import datetime
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pymongo
from bson import Decimal128, Int64, ObjectId
from pymongo import DeleteOne, InsertOne, ReadPreference, ReplaceOne, UpdateMany, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, NotPrimaryError, OperationFailure, WriteConcernError
from outside import LIMIT, check, finish, simulator, wait_until

SECONDS = 3  # of the parallel part


def fails(what, code, fn, kind=OperationFailure):
    try:
        got = fn()
        check(False, "%s: no error but %r" % (what, got))
    except kind as e:
        got = e.details.get("code")
        check(got == code, "%s: code %s (%s), not %s" % (what, got, e, code))
        check(e.details.get("errmsg"), "%s: no text" % what)


def topology(c):
    wait_until("a primary and two secondaries", lambda: c.primary and len(c.secondaries) == 2)
    check(c.topology_description.topology_type_name == "ReplicaSetWithPrimary", "topology: %s" % c.topology_description.topology_type_name)
    hello = c.admin.command("hello")
    check(hello["isWritablePrimary"] and hello["setName"] == "rs0" and len(hello["hosts"]) == 3, "hello: %r" % hello)
    check(c.server_info()["version"].startswith("5.0"), "version %s" % c.server_info()["version"])
    states = sorted(m["stateStr"] for m in c.admin.command("replSetGetStatus")["members"])
    check(states == ["PRIMARY", "SECONDARY", "SECONDARY"], "replSetGetStatus: %r" % states)


def crud(db):
    x = db.crud
    types = {"_id": ObjectId(), "s": "\u00fc\u4e2d\U0001f600", "i": 1, "l": Int64(1 << 40), "f": 1.5, "d": Decimal128("1.10"), "n": None, "b": True, "a": [1, [2]], "o": {"z": 1, "a": 2}, "y": b"\0\1"}
    x.insert_one(types)
    back = x.find_one({"_id": types["_id"]})
    check(back == types and list(back["o"]) == ["z", "a"], "what was inserted does not come back: %r" % back)
    x.drop()
    check(len(x.insert_many([{"_id": i, "v": i % 7, "w": [i, i + 1], "t": {"u": i}} for i in range(1000)]).inserted_ids) == 1000, "insert_many")
    check(x.count_documents({}) == 1000 and x.estimated_document_count() == 1000, "count")
    check(x.count_documents({"v": {"$gte": 5}, "w": {"$elemMatch": {"$lt": 50}}}) == len([i for i in range(50) if i % 7 >= 5]), "a count with a filter")
    r = x.update_one({"_id": 1}, {"$set": {"v": 100}, "$push": {"w": "x"}, "$inc": {"t.u": 5}})
    check((r.matched_count, r.modified_count) == (1, 1), "update_one: %r" % r.raw_result)
    check(x.find_one({"_id": 1}) == {"_id": 1, "v": 100, "w": [1, 2, "x"], "t": {"u": 6}}, "an updated document: %r" % x.find_one({"_id": 1}))
    check(x.update_one({"_id": 1}, {"$set": {"v": 100}}).modified_count == 0, "an update that changes nothing counts as a change")
    check(x.update_many({"v": 3}, {"$unset": {"w": ""}}).modified_count == len([i for i in range(1000) if i % 7 == 3]), "update_many")
    check(x.update_one({"_id": "new"}, {"$setOnInsert": {"v": 1}}, upsert=True).upserted_id == "new", "upsert")
    check(x.replace_one({"_id": 2}, {"only": 1}).modified_count == 1 and x.find_one({"_id": 2}) == {"_id": 2, "only": 1}, "replace_one")
    check(x.find_one_and_update({"_id": 3}, {"$set": {"v": -1}}, return_document=True)["v"] == -1, "find_one_and_update")
    check(x.find_one_and_delete({"_id": 4})["_id"] == 4 and x.find_one({"_id": 4}) is None, "find_one_and_delete")
    check(sorted(x.distinct("v", {"_id": {"$gte": 3, "$lt": 10}})) == [-1, 0, 1, 2, 5, 6], "distinct: %r" % x.distinct("v", {"_id": {"$gte": 3, "$lt": 10}}))
    check(x.delete_one({"_id": 5}).deleted_count == 1 and x.delete_many({"v": 6}).deleted_count == len([i for i in range(1000) if i % 7 == 6]), "delete")


def cursors(db):
    x = db.cursors
    x.insert_many([{"_id": i, "k": -i, "g": i % 3, "pad": "p" * 50} for i in range(500)])
    check([d["_id"] for d in x.find(batch_size=7)] == list(range(500)), "a cursor of many batches in the order of insertion")
    check([d["_id"] for d in x.find().sort("k", 1).skip(10).limit(5)] == [489, 488, 487, 486, 485], "sort, skip, limit")
    check([d["_id"] for d in x.find().sort([("g", -1), ("k", 1)]).limit(3)] == [497, 494, 491], "sort by two fields")
    check(x.find_one({"_id": 3}, {"k": 1, "_id": 0}) == {"k": -3}, "projection")
    check(x.find_one({"_id": 3}, {"pad": 0, "g": 0}) == {"_id": 3, "k": -3}, "projection that leaves out")
    cursor = x.find(batch_size=10)
    next(cursor)
    killed = x.database.command("killCursors", "cursors", cursors=[cursor.cursor_id])
    check(killed["cursorsKilled"] == [cursor.cursor_id], "killCursors: %r" % killed)
    fails("getMore on a cursor that was killed", 43, lambda: db.command("getMore", Int64(cursor.cursor_id), collection="cursors"))
    got = list(x.aggregate([{"$match": {"g": {"$in": [0, 1]}}}, {"$group": {"_id": "$g", "n": {"$sum": 1}, "least": {"$min": "$k"}, "mean": {"$avg": "$k"}}},
                            {"$sort": {"_id": 1}}]))
    check(got == [{"_id": 0, "n": 167, "least": -498, "mean": -249.0}, {"_id": 1, "n": 167, "least": -499, "mean": -250.0}], "$group: %r" % got)
    got = list(x.aggregate([{"$match": {"_id": {"$lt": 4}}}, {"$set": {"twice": {"$add": ["$k", "$k"]}}}, {"$project": {"twice": 1}}, {"$skip": 1}, {"$limit": 2}]))
    check(got == [{"_id": 1, "twice": -2}, {"_id": 2, "twice": -4}], "$set, $project, $skip, $limit: %r" % got)
    check(list(x.aggregate([{"$count": "n"}])) == [{"n": 500}], "$count")
    check(len(list(x.aggregate([{"$sample": {"size": 20}}]))) == 20, "$sample")


def tails(uri, db):
    """A cursor on a capped collection tells each new document, and waits for it at the server."""
    x = db.create_collection("tail", capped=True, size=1 << 20)
    x.insert_one({"_id": 0})
    told, asked = [], []

    class Asked(pymongo.monitoring.CommandListener):
        def started(self, event):
            asked.append(event.command_name)

        def succeeded(self, event):
            pass

        def failed(self, event):
            pass

    def follow():
        with pymongo.MongoClient(uri, event_listeners=[Asked()]) as c:
            cursor = c[db.name].tail.find(cursor_type=pymongo.CursorType.TAILABLE_AWAIT)
            while len(told) < 21:
                for d in cursor:
                    told.append(d["_id"])
                if not cursor.alive:
                    break

    t = threading.Thread(target=follow)
    t.start()
    wait_until("the first document", lambda: told == [0])
    time.sleep(1.2)
    for i in range(1, 21):
        x.insert_one({"_id": i})
    t.join(LIMIT)
    check(not t.is_alive() and told == list(range(21)), "a tailed collection: %r" % told)
    check(asked.count("getMore") < 40, "a cursor that should wait asked %d times" % asked.count("getMore"))


def joins_and_views(db):
    db.people.insert_many([{"_id": i, "city": i % 4} for i in range(40)])
    db.cities.insert_many([{"_id": 100 + i, "no": i, "name": "c%d" % i} for i in range(3)])
    join = [{"$match": {"_id": {"$in": [1, 3]}}}, {"$lookup": {"from": "cities", "localField": "city", "foreignField": "no", "as": "where"}}, {"$sort": {"_id": 1}}]
    got = list(db.people.aggregate(join))
    check(got == [{"_id": 1, "city": 1, "where": [{"_id": 101, "no": 1, "name": "c1"}]}, {"_id": 3, "city": 3, "where": []}], "$lookup: %r" % got)
    examined = {}
    for index in (None, "no"):
        if index:
            db.cities.create_index(index)
        stage = db.command("explain", {"aggregate": "people", "pipeline": join, "cursor": {}}, verbosity="executionStats")["stages"][-2]
        examined[index] = stage["totalDocsExamined"]
    check(examined == {None: 6, "no": 1}, "an index on the inner side: %r" % examined)
    byname = [{"$match": {"_id": 1}}, {"$lookup": {"from": "cities", "let": {"c": "$city"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$no", "$$c"]}}}, {"$project": {"name": 1, "_id": 0}}], "as": "where"}}]
    got = list(db.people.aggregate(byname))
    check(got == [{"_id": 1, "city": 1, "where": [{"name": "c1"}]}], "$lookup by a pipeline: %r" % got)
    got = list(db.people.aggregate([{"$facet": {"n": [{"$count": "n"}], "by": [{"$sortByCount": "$city"}, {"$sort": {"_id": 1}}, {"$limit": 1}]}}]))
    check(got == [{"n": [{"n": 40}], "by": [{"_id": 0, "count": 10}]}], "$facet: %r" % got)
    got = list(db.people.aggregate([{"$match": {"$expr": {"$eq": ["$_id", "$$who"]}}}, {"$set": {"s": {"$map": {"input": [1, 2], "as": "n", "in": {"$add": ["$$n", "$city"]}}}}}], let={"who": 6}))
    check(got == [{"_id": 6, "city": 2, "s": [3, 4]}], "let and $map: %r" % got)
    check(db.people.count_documents({"city": 1}, collation={"locale": "simple"}) == 10, "the simple collation")
    v = db.create_collection("downtown", viewOn="people", pipeline=[{"$match": {"city": 0}}, {"$project": {"city": 0}}])
    check(v.count_documents({}) == 10 and v.find_one({"_id": 4}) == {"_id": 4} and v.find_one({"_id": 5}) is None, "a view")
    check([d["_id"] for d in v.find({"_id": {"$gt": 20}}).sort("_id", -1).limit(2)] == [36, 32] and v.distinct("_id", {"_id": {"$lt": 9}}) == [0, 4, 8], "questions to a view")
    check([c["name"] for c in db.list_collections(filter={"type": "view"})] == ["downtown"], "views in listCollections")
    check(db["downtown"].options() == {"viewOn": "people", "pipeline": [{"$match": {"city": 0}}, {"$project": {"city": 0}}]}, "a view's options: %r" % v.options())
    fails("a write to a view", 166, lambda: v.insert_one({"_id": 1}))
    fails("an index on a view", 166, lambda: v.create_index("city"))
    db.command("collMod", "downtown", viewOn="people", pipeline=[{"$match": {"city": {"$in": [0, 1]}}}])
    check(v.count_documents({}) == 20, "a view that was changed")
    v.drop()
    check("downtown" not in db.list_collection_names() and db.people.estimated_document_count() == 40, "a dropped view")


def bulk_and_retries(uri, db):
    x = db.bulk
    r = x.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2}), UpdateOne({"_id": 1}, {"$set": {"a": 1}}), ReplaceOne({"_id": 3}, {"b": 1}, upsert=True),
                      UpdateMany({}, {"$set": {"c": 1}}), DeleteOne({"_id": 2})])
    check((r.inserted_count, r.modified_count, r.upserted_count, r.deleted_count) == (2, 4, 1, 1), "bulk_write: %r" % r.bulk_api_result)
    for ordered, left in ((True, 1), (False, 2)):
        x.drop()
        try:
            x.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 1}), InsertOne({"_id": 2})], ordered=ordered)
            check(False, "a bulk write with a duplicate has no error")
        except BulkWriteError as e:
            check([w["code"] for w in e.details["writeErrors"]] == [11000] and e.details["writeErrors"][0]["index"] == 1, "bulk errors: %r" % e.details)
        check(x.count_documents({}) == left, "ordered %s left %d" % (ordered, x.count_documents({})))
    with pymongo.MongoClient(uri) as other, other.start_session() as s:  # its session is used for nothing else afterwards
        sent = {"update": "bulk", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}], "txnNumber": Int64(900)}
        first, again = (other.e2e.command(dict(sent), session=s) for _ in range(2))
        check(first["nModified"] == again["nModified"] == 1, "a retried write answers %r, then %r" % (first, again))
        fails("a write older than the newest of its session", 225, lambda: other.e2e.command(dict(sent, txnNumber=Int64(899)), session=s))
    check(x.find_one({"_id": 1})["n"] == 1, "a write that was retried happened %d times" % x.find_one({"_id": 1})["n"])


def members_of(ready):
    return [pymongo.MongoClient("mongodb://%s/?directConnection=true" % m) for m in ready["members"]]


def indexes(c, db, members):
    x = db.indexed
    for start in range(0, 30000, 10000):
        x.insert_many([{"_id": i, "a": i % 500, "b": i, "pad": "x" * 100} for i in range(start, start + 10000)])
    seen = {"op": False, "uuid": False}
    done = threading.Event()

    def look():
        while not done.is_set():
            ops = list(c.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": False}}]))
            seen["op"] |= any(o.get("command", {}).get("createIndexes") == "indexed" for o in ops)
            seen["uuid"] |= any("buildUUID" in i for i in db.command({"listIndexes": "indexed", "includeBuildUUIDs": True})["cursor"]["firstBatch"])

    watcher = threading.Thread(target=look)
    watcher.start()
    name = x.create_index([("a", 1), ("b", -1)])
    done.set()
    watcher.join()
    check(name == "a_1_b_-1", "create_index: %s" % name)
    check(seen["op"], "$currentOp never showed the build")
    check(seen["uuid"], "listIndexes {includeBuildUUIDs} never showed the build")
    check(all("buildUUID" not in i for i in db.command({"listIndexes": "indexed", "includeBuildUUIDs": True})["cursor"]["firstBatch"]), "a finished build still has its UUID")
    check(list(x.index_information()) == ["_id_", name] and list(x.index_information()[name]["key"]) == [("a", 1), ("b", -1)], "listIndexes: %r" % x.index_information())

    def built_everywhere():
        return all(any(s["name"] == name and not s.get("building") for s in m.e2e.indexed.aggregate([{"$indexStats": {}}])) for m in members)

    wait_until("the index on every member", built_everywhere)
    x.find_one({"a": 3})
    stats = {s["name"]: s for s in x.aggregate([{"$indexStats": {}}])}
    check(stats[name]["accesses"]["ops"] >= 1 and list(stats[name]["key"]) == ["a", "b"], "$indexStats: %r" % stats[name])
    check(x.create_index([("a", 1), ("b", -1)]) == name, "the same index once more is no error")
    fails("the same key under another name", 85, lambda: x.create_index([("a", 1), ("b", -1)], name="other"))
    fails("another key under the same name", 86, lambda: x.create_index([("b", 1)], name=name))
    db.command("collMod", "indexed", index={"name": name, "hidden": True})
    check(x.index_information()[name].get("hidden") is True, "hidden does not show")
    check(x.find({"a": 3}).explain()["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN", "a hidden index is used")
    db.command("collMod", "indexed", index={"name": name, "hidden": False})
    check(not x.index_information()[name].get("hidden"), "unhidden does not show")
    unique = x.create_index("b", unique=True)
    fails("a duplicate", 11000, lambda: x.insert_one({"_id": "dup", "b": 7}), DuplicateKeyError)
    fails("a unique index over duplicates", 11000, lambda: x.create_index([("pad", 1)], unique=True))
    check("pad_1" not in x.index_information(), "a build that failed left its index")
    x.drop_index(unique)
    x.insert_one({"_id": "dup", "b": 7})
    fails("dropping what is not there", 27, lambda: x.drop_index("nope"))
    fails("dropping _id_", 72, lambda: x.drop_index("_id_"))
    return name


def plans(db, index):
    ask = {"find": "indexed", "filter": {"a": 3}, "sort": {"b": -1}, "limit": 5}
    answers = {v: db.command("explain", ask, verbosity=v) for v in ("queryPlanner", "executionStats", "allPlansExecution")}
    check("executionStats" not in answers["queryPlanner"], "queryPlanner executes")
    for v in ("executionStats", "allPlansExecution"):
        s = answers[v]["executionStats"]
        check((s["nReturned"], s["totalKeysExamined"], s["totalDocsExamined"]) == (5, 5, 5), "explain %s: %r" % (v, {k: s[k] for k in ("nReturned", "totalKeysExamined", "totalDocsExamined")}))
    check("allPlansExecution" in answers["allPlansExecution"]["executionStats"], "allPlansExecution: not there")
    stages, plan = [], answers["queryPlanner"]["queryPlanner"]["winningPlan"]
    while plan:
        stages.append(plan["stage"])
        plan, last = plan.get("inputStage"), plan
    check(stages == ["LIMIT", "FETCH", "IXSCAN"] and last["indexName"] == index, "the plan: %r" % stages)
    fails("an unknown verbosity", 9, lambda: db.command("explain", ask, verbosity="all"))


def diagnostics(c, db):
    before = c.admin.command("serverStatus")["opcounters"]
    for i in range(50):
        db.crud.find_one({"_id": i})
    after = c.admin.command("serverStatus")["opcounters"]
    check(after["query"] - before["query"] >= 50, "opcounters.query moved by %d" % (after["query"] - before["query"]))
    check(db.command("profile", -1)["was"] == 0, "the profiler's level")
    db.command("profile", 2)
    list(db.crud.find({"v": 2}, comment="look here"))
    db.crud.update_one({"_id": 7}, {"$set": {"seen": 1}})
    db.command("profile", 0)
    profile = list(db["system.profile"].find({"ns": "e2e.crud"}).sort("ts", 1))
    check([p["op"] for p in profile] == ["query", "getmore", "update"], "system.profile: %r" % [p["op"] for p in profile])
    check(profile[0]["command"]["filter"] == {"v": 2} and profile[0]["planSummary"] == "COLLSCAN" and profile[0]["docsExamined"] > 500, "a profiled find: %r" % profile[0])
    check({i["name"] for i in db.list_collections()} >= {"crud", "bulk", "indexed", "system.profile"}, "listCollections")
    check(db.command("collStats", "crud")["count"] == db.crud.count_documents({}), "collStats")
    check(db.command("dbStats")["collections"] >= 4, "dbStats")
    check("e2e" in c.list_database_names(), "listDatabases")
    log = c.admin.command("getLog", "global")
    check(log["totalLinesWritten"] >= len(log["log"]) > 0 and log["log"][0].startswith('{"t":'), "getLog: %r" % log["log"][:1])
    check(c.admin.command("top")["totals"]["e2e.crud"]["total"]["count"] > 0, "top")


def secondaries_and_concerns(c, db, members):
    strict = db.get_collection("crud", write_concern=WriteConcern("majority", wtimeout=30000))
    check(strict.insert_one({"_id": "majority"}).acknowledged, "write concern majority")
    wait_until("the write on the secondaries", lambda: all(m.e2e.get_collection("crud", read_preference=ReadPreference.SECONDARY_PREFERRED).find_one({"_id": "majority"}) for m in members))
    check(db.get_collection("crud", read_preference=ReadPreference.SECONDARY).find_one({"_id": "majority"}), "a read from a secondary")
    secondary = next(m for m in members if not m.admin.command("hello")["isWritablePrimary"])
    fails("a write to a secondary", 10107, lambda: secondary.e2e.command("insert", "crud", documents=[{"a": 1}]), NotPrimaryError)
    loose = db.get_collection("crud", write_concern=WriteConcern(0))
    loose.insert_one({"_id": "loose"})
    wait_until("the unacknowledged write", lambda: db.crud.find_one({"_id": "loose"}))
    fails("a write concern of more members than there are", 100, lambda: db.get_collection("crud", write_concern=WriteConcern(5, wtimeout=1000)).insert_one({"_id": "five"}), WriteConcernError)


def errors(c, db):
    fails("an unknown command", 59, lambda: db.command("frobnicate"))
    fails("an unknown operator", 2, lambda: db.crud.find_one({"a": {"$frob": 1}}))
    fails("an unknown stage", 40324, lambda: list(db.crud.aggregate([{"$frob": {}}])))
    fails("a bad namespace", 73, lambda: db.command("create", ""))
    fails("a namespace with a NUL or a dollar", 73, lambda: db.command("insert", "$x", documents=[{"a": 1}]))
    fails("a duplicate _id", 11000, lambda: (db.crud.insert_one({"_id": "twice"}), db.crud.insert_one({"_id": "twice"})), DuplicateKeyError)
    fails("a limit of the wrong type", 14, lambda: db.command("find", "crud", limit="x"))
    fails("an admin command elsewhere", 13, lambda: db.command("replSetGetStatus"))
    fails("a collection that is there already", 48, lambda: db.create_collection("crud", check_exists=False))
    fails("a collation that is not simulated, and it says so", 238, lambda: db.crud.find_one({"a": 1}, collation={"locale": "en", "strength": 2}))
    with pymongo.MongoClient(host=["%s:%d" % c.address], username="u", password="p", directConnection=True) as stranger:
        fails("a login where there are no users", 18, lambda: stranger.e2e.crud.find_one())
    seen = db.create_collection("seen", timeseries={"timeField": "t"})
    seen.insert_one({"t": datetime.datetime(2026, 1, 1), "v": 1})
    fails("a measurement without a time", 2, lambda: seen.insert_one({"v": 1}))
    check([d["v"] for d in seen.find()] == [1], "a measurement")


def transactions(c, db):
    x = db.accounts
    x.insert_many([{"_id": "a", "n": 10}, {"_id": "b", "n": 10}])
    with c.start_session() as s:
        with s.start_transaction():
            x.update_one({"_id": "a"}, {"$inc": {"n": -3}}, session=s)
            x.update_one({"_id": "b"}, {"$inc": {"n": 3}}, session=s)
            check([d["n"] for d in x.find(session=s).sort("_id", 1)] == [7, 13], "a transaction does not see what it wrote")
            check([d["n"] for d in x.find().sort("_id", 1)] == [10, 10], "others see what is not committed")
        check([d["n"] for d in x.find().sort("_id", 1)] == [7, 13], "a committed transaction: %r" % list(x.find()))
        s.start_transaction()
        x.insert_one({"_id": "gone"}, session=s)
        check(x.find_one({"_id": "gone"}, session=s), "an insert inside")
        s.abort_transaction()
        check(x.find_one({"_id": "gone"}) is None, "an aborted transaction left its write")
    with c.start_session() as one, c.start_session() as two:
        one.start_transaction()
        two.start_transaction()
        x.update_one({"_id": "a"}, {"$set": {"by": 1}}, session=one)
        try:
            x.update_one({"_id": "a"}, {"$set": {"by": 2}}, session=two)
            check(False, "two transactions change one document")
        except OperationFailure as e:
            check(e.code == 112 and e.has_error_label("TransientTransactionError"), "a conflict: %s %r" % (e.code, e.details))
        fails("a commit of what was aborted", 251, two.commit_transaction)
        one.commit_transaction()
        check(x.find_one({"_id": "a"})["by"] == 1, "who came first")

    def add(n):
        with c.start_session() as s:
            for _ in range(20):
                s.with_transaction(lambda s: x.update_one({"_id": "a"}, {"$set": {"n": x.find_one({"_id": "a"}, session=s)["n"] + 1}}, session=s))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(x.find_one({"_id": "a"})["n"] == 87, "80 additions in transactions that were repeated: %r" % x.find_one({"_id": "a"}))
    numbers = c.admin.command("serverStatus")["transactions"]
    check(numbers["totalCommitted"] >= 82 and numbers["currentOpen"] == 0, "serverStatus.transactions: %r" % numbers)


def in_parallel(ready, db):
    """Twenty threads beside clients that die in mid-command and connections that send garbage."""
    end = time.monotonic() + SECONDS
    wrong, counts = [], [0] * 20
    port = int(ready["members"][0].split(":")[1])

    def work(n):
        x = db["parallel%d" % (n % 4)]
        try:
            while time.monotonic() < end or counts[n] == 0:
                i = counts[n]
                x.insert_one({"_id": "%d-%d" % (n, i), "n": n})
                assert x.find_one({"_id": "%d-%d" % (n, i)})["n"] == n
                x.update_one({"_id": "%d-%d" % (n, i)}, {"$inc": {"hits": 1}})
                if i % 10 == 0:
                    list(x.find({"n": n}, batch_size=5))
                counts[n] += 1
        except Exception as e:
            wrong.append("thread %d: %r" % (n, e))

    def disturb():
        while time.monotonic() < end:
            for data in (b"GET / HTTP/1.0\r\n\r\n", b"\x40\0\0\0\1\0\0\0\0\0\0\0\xdd\x07\0\0half a message", os.urandom(200)):
                with socket.create_connection(("127.0.0.1", port)) as s:
                    s.sendall(data)
            time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)] + [threading.Thread(target=disturb)]
    for t in threads:
        t.start()
    while time.monotonic() < end:
        code = "import pymongo, sys; c = pymongo.MongoClient(sys.argv[1]); print(1, flush=True)\nwhile True: list(c.e2e.indexed.find({'pad': {'$regex': 'y'}}).sort('b', 1))"
        p = subprocess.Popen([sys.executable, "-c", code, ready["uri"]], stdout=subprocess.PIPE)
        p.stdout.readline()
        time.sleep(0.2)
        p.send_signal(signal.SIGKILL)
        p.wait()
        p.stdout.close()
    for t in threads:
        t.join()
    check(not wrong, "in parallel: %s" % wrong[:3])
    total = sum(db["parallel%d" % i].count_documents({"hits": 1}) for i in range(4))
    check(total == sum(counts), "in parallel: %d documents of %d" % (total, sum(counts)))
    print("20 threads: %d rounds of insert, find and update in %d s" % (sum(counts), SECONDS))


def main():
    with simulator("--scenario", "calm", "--seed", "1", "--speed", "10") as (ready, _):
        c = pymongo.MongoClient(ready["uri"], serverSelectionTimeoutMS=LIMIT * 1000)
        members = members_of(ready)
        db = c.e2e
        topology(c)
        crud(db)
        cursors(db)
        joins_and_views(db)
        tails(ready["uri"], db)
        bulk_and_retries(ready["uri"], db)
        plans(db, indexes(c, db, members))
        diagnostics(c, db)
        secondaries_and_concerns(c, db, members)
        errors(c, db)
        transactions(c, db)
        in_parallel(ready, db)
        check(c.admin.command("ping")["ok"] == 1, "no ping at the end")
        c.drop_database("e2e")
        check("e2e" not in c.list_database_names(), "dropDatabase")
        for client in [c, *members]:
            client.close()
    finish()


if __name__ == "__main__":
    main()
