#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job's card on servers that nobody of this project wrote: asked for, approved under its hash, built, read back,
# watched, rolled back, and on the record. FerretDB (built from its Go module) has no executionStats, profiler or lag: its
# verdict must be INCONCLUSIVE with the read-back alone. A mongod on PATH, or SIGNALBOX_TEST_URI, is used as well.
set -u
work=$(mktemp -d); pids=''
trap 'kill $pids 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; [ -f "$work/serve.log" ] && sed 's/^/  serve: /' "$work/serve.log"; exit 1; }
skip() { echo "SKIP: $*"; }
python=build/venv/bin/python
. tests/live/common.sh

wait_for() { # what seconds command...
    what=$1 limit=$2; shift 2
    for _ in $(seq $((limit * 5))); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
    fail "$what did not happen within $limit s"
}
card() { "$SIGNALBOX" cards --json show "$1" 2>/dev/null | jq -r "$2"; }
state_is() { [ "$(card "$1" .state)" = "$2" ]; }

# one server, from request to roll back
job() { # name uri expected-verdict
    name=$1 uri=$2 expected=$3
    export XDG_STATE_HOME="$work/$name/state" XDG_CONFIG_HOME="$work/$name/config"
    mkdir -p "$XDG_STATE_HOME" "$XDG_CONFIG_HOME/signalbox"
    printf '%s\n' "$uri" >"$work/$name/uri"; chmod 600 "$work/$name/uri"
    printf 'deployment %s\nset uri_file %s\nset environment staging\n' "$name" "$work/$name/uri" >"$XDG_CONFIG_HOME/signalbox/config"
    $python - "$uri" <<'PY' || fail "$name: cannot be written to"
import sys, pymongo
c = pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=5000)
c.signalbox_live.drop_collection("orders")
c.signalbox_live.orders.insert_many([{"status": "s%d" % (i % 5), "created_at": i} for i in range(500)])
PY
    "$SIGNALBOX" serve 2>"$work/serve.log" & serve=$!; pids="$pids $serve"
    wait_for "the socket of $name" 20 test -S "$XDG_STATE_HOME/signalbox/socket"
    "$SIGNALBOX" ask --json 'create an index on signalbox_live.orders {status: 1, created_at: -1}' >"$work/answer" || fail "$name: ask: $(cat "$work/answer")"
    id=$(jq -r '.cards[0].id' "$work/answer")
    [ "$(jq -r '.cards[0].state' "$work/answer")" = awaiting_approval ] || fail "$name: the card is not waiting: $(cat "$work/answer")"
    first=$(card "$id" .hash)
    "$SIGNALBOX" cards edit "$id" --set watch_window_s=60 || fail "$name: edit"
    hash=$(card "$id" .hash)
    [ "$first" != "$hash" ] || fail "$name: an edit left the hash as it was"
    [ "$("$SIGNALBOX" cards --canonical show "$id" | sha256sum | cut -d' ' -f1)" = "$hash" ] || fail "$name: the hash is not that of the canonical bytes"
    "$SIGNALBOX" cards approve "$id" --hash "$first" 2>/dev/null && fail "$name: the old hash was approved"
    "$SIGNALBOX" cards approve "$id" --hash "$hash" || fail "$name: approve"
    wait_for "watching on $name" 60 state_is "$id" watching
    $python - "$uri" <<'PY' || fail "$name: the index is not there"
import sys, pymongo
c = pymongo.MongoClient(sys.argv[1])
assert c.signalbox_live.orders.index_information()["status_1_created_at_-1"]["key"] == [("status", 1), ("created_at", -1)]
PY
    wait_for "the verdict on $name" 150 state_is "$id" done
    [ "$(card "$id" .report.verdict)" = "$expected" ] || fail "$name: verdict $(card "$id" .report.verdict), expected $expected: $(card "$id" .report.reason)"
    echo "$name: verdict $(card "$id" .report.verdict): $(card "$id" .report.reason)"
    "$SIGNALBOX" cards rollback "$id" || fail "$name: rollback"
    wait_for "the roll back on $name" 60 state_is "$id" rolled_back
    $python - "$uri" <<'PY' || fail "$name: the index is still there"
import sys, pymongo
c = pymongo.MongoClient(sys.argv[1])
assert "status_1_created_at_-1" not in c.signalbox_live.orders.index_information()
PY
    kill -TERM "$serve"; wait "$serve" || fail "$name: serve ended with $?"
    "$SIGNALBOX" audit verify || fail "$name: the record is broken"
    case_id=$(card "$id" .case)
    "$SIGNALBOX" audit show "$case_id" | grep -q 'rolled_back' || fail "$name: audit show does not tell the roll back"
    $python -c 'import sys, pymongo; pymongo.MongoClient(sys.argv[1]).drop_database("signalbox_live")' "$uri"
    echo "ok: $name"
}

ran=0
build_ferretdb
if [ -n "$ferretdb" ]; then
    port=$(free_port); mkdir -p "$work/ferretdb"
    "$ferretdb" "127.0.0.1:$port" "$work/ferretdb" >"$work/ferretdb.log" 2>&1 & pids="$pids $!"
    wait_for "FerretDB" 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    job ferretdb "mongodb://127.0.0.1:$port/" INCONCLUSIVE
    ran=1
else
    skip "$why"
fi
if [ -n "${SIGNALBOX_TEST_URI:-}" ]; then
    job given "$SIGNALBOX_TEST_URI" INCONCLUSIVE
    ran=1
elif command -v mongod >/dev/null; then
    port=$(free_port); mkdir -p "$work/mongod"
    mongod --dbpath "$work/mongod" --port "$port" --bind_ip 127.0.0.1 --replSet rs0 >"$work/mongod.log" 2>&1 & pids="$pids $!"
    wait_for "mongod" 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    $python -c "import pymongo; pymongo.MongoClient('mongodb://127.0.0.1:$port/?directConnection=true').admin.command('replSetInitiate', {'_id': 'rs0', 'members': [{'_id': 0, 'host': '127.0.0.1:$port'}]})"
    job mongod "mongodb://127.0.0.1:$port/?replicaSet=rs0" INCONCLUSIVE
    ran=1
else
    skip "no mongod on PATH and SIGNALBOX_TEST_URI is not set"
fi
[ $ran -eq 1 ] || exit 77
