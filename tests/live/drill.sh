#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox backup drill` into an independent server (FerretDB, built from its Go module): what comes back is what pymongo's bson
# reads in the backup; it counts for no more than L2; what that server refuses is the drill's cause, and is cleared away.
set -u
work=$(mktemp -d); pids=''
trap 'kill $pids 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
python=build/venv/bin/python
. tests/live/common.sh
build_ferretdb
[ -n "$ferretdb" ] || { echo "SKIP: $why"; exit 77; }
port=$(free_port); mkdir -p "$work/data"
"$ferretdb" "127.0.0.1:$port" "$work/data" >"$work/ferretdb.log" 2>&1 & pids=$!
for _ in $(seq 100); do bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null && break; sleep 0.2; done
printf 'mongodb://127.0.0.1:%s/\n' "$port" >"$work/uri"; chmod 600 "$work/uri"
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"

drill() { # expected exit, then words
    want=$1; shift
    "$SIGNALBOX" backup --json --quiet drill "$@" --into "$work/uri" >"$work/out" 2>"$work/err"; got=$?
    [ $got -eq "$want" ] || fail "drill $*: exit $got, not $want: $(cat "$work/err" "$work/out")"
}
is() { found=$(jq -r "$1" "$work/out"); [ "$found" = "$2" ] || fail "$1 is $found, not $2"; }
empty() { $python -c "
import pymongo, sys
c = pymongo.MongoClient('mongodb://127.0.0.1:$port/', serverSelectionTimeoutMS=20000)
held = [(d, n) for d in c.list_database_names() for n in c[d].list_collection_names()]
sys.exit('still there: %s' % held if held else 0)" || fail "$1: it was not cleared away"; }

$python - "$work" <<'PY' || fail "the backups cannot be written"
import sys
sys.path.insert(0, "tests/support")
import dumps
from bson.timestamp import Timestamp
import bson
from dumps import Collection
orders = [{"_id": i, "email": "a%d@example.org" % i, "n": bson.int64.Int64(i), "f": i / 7, "in": {"a": [i, None, True]}} for i in range(500)]
shop = [Collection("shop", "orders", orders, [{"v": 2, "key": {"email": 1}, "name": "email_1", "unique": True}]), Collection("shop", "empty", [])]
dumps.folder(sys.argv[1] + "/good", shop)
open(sys.argv[1] + "/good.archive", "wb").write(b"".join(dumps.archive_blocks(shop, dumps.oplog(1_700_000_000, 20), 100)))
dumps.folder(sys.argv[1] + "/validator", [Collection("shop", "orders", orders[:3], options={"validator": {"n": {"$gt": 1}}})])
PY
for path in good good.archive; do
    drill 0 "$work/$path"
    is .ok true; is .level L4; is .policy_level L2; is .cap.code no_mongod; is .restored.documents 500; is .restored.indexes 1; jq -e ".sample.same > 0 and .sample.same == .sample.looked_up" "$work/out" >/dev/null || fail "the sample: $(jq -c .sample "$work/out")"; is .left null
done
empty "good.archive"
is .restored.oplog_entries 20
drill 1 "$work/validator"
is .ok false; is .stage restore; is .left null
empty "what this server refuses"
"$SIGNALBOX" backup --quiet drill "$work/good" --keep --into "$work/uri" >"$work/out" || fail "a drill that is kept"
"$SIGNALBOX" backup --json --quiet make "$work/made" shop --uri-file "$work/uri" >"$work/out" 2>"$work/err" || fail "make: $(cat "$work/err")"
is .consistent false; is .documents 500
cmp -s "$work/good/shop/orders.bson" "$work/made/shop/orders.bson" || fail "the dump of what was restored is another one"
"$SIGNALBOX" backup --json check "$work/made" >"$work/out" || fail "the dump is not usable"
[ "$(jq -c '[.[0].notes[].code]' "$work/out")" = '["not_one_moment"]' ] || fail "it does not say that it is not of one moment"
drill 0 "$work/good"; is .level L4
echo "ok: a folder, an archive with its oplog, options that it refuses, and a dump of it"

data="${SIGNALBOX_TEST_DATA:-../shared/data}/backups/mongodump"
if [ ! -d "$data" ]; then
    echo "SKIP: drills of real backups: $data is not there"
    exit 0
fi
for pair in foodump:1 oplogdump:5 dump-w-oplog.archive:25 test.bar.archive:1; do
    drill 0 "$data/${pair%:*}"
    is .level L4; is .policy_level L2; is .left null; is .restored.documents "${pair#*:}"
done
drill 1 "$data/bad-format.archive"; is .stage backup
drill 1 "$data/indextestdump"; is .stage restore
empty "indextestdump"
echo "ok: real backups, good and bad"
