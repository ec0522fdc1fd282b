#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox schema` on a server that has no $sample (FerretDB, built from its Go module): it says so and reads by ranges of _id,
# from both ends where _id has no order to divide, or all; and what it sees is what a file of the same documents has.
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

$python - "$port" "$work" <<'PY' || fail "FerretDB cannot be written to"
import bson, pymongo, struct, sys
db = pymongo.MongoClient("mongodb://127.0.0.1:%s/" % sys.argv[1], serverSelectionTimeoutMS=20000).lab
docs = [{"_id": bson.ObjectId(struct.pack(">III", 1700000000 + i * 60, 1, i)), "n": i, "name": "n%d" % (i % 5), "in": {"a": i % 2 == 0}} for i in range(1500)]
for i in range(0, 1500, 3):
    docs[i]["third"] = 1.5
db.ids.insert_many(docs)
db.words.insert_many([{"_id": "w%04d" % i, "n": i} for i in range(300)])
open(sys.argv[2] + "/ids.bson", "wb").write(b"".join(bson.encode(d) for d in docs))
PY

schema() { "$SIGNALBOX" schema --json --uri-file "$work/uri" "$@" >"$work/out" 2>"$work/err" || fail "schema $*: exit $?: $(cat "$work/err")"; }
is() { [ "$(jq -r "$1" "$work/out")" = "$2" ] || fail "$1 is $(jq -r "$1" "$work/out"), not $2"; }

schema lab.ids --sample 300
is .documents 1500; is .sampled 300; is .coverage.how ranges
jq -e '.coverage.note | startswith("no $sample")' "$work/out" >/dev/null || fail "it does not say why not by \$sample: $(jq -c .coverage "$work/out")"
# drawn over the whole range, not from its beginning
jq -e '.fields[] | select(.path == "n") | .types[0] | .min < 50 and .max > 1300' "$work/out" >/dev/null || fail "the sample is not spread over the ids"
schema lab.ids --sample 0
is .coverage.how all; is .sampled 1500
jq -S .fields "$work/out" >"$work/live"
"$SIGNALBOX" schema --json "$work/ids.bson" | jq -S .fields >"$work/file"
cmp -s "$work/live" "$work/file" || fail "live, other fields are seen than in a file of the same documents: $(diff "$work/live" "$work/file" | head -5)"
schema lab.words --sample 100
is .coverage.how ends; is .sampled 100
echo "ok: by ranges, from both ends, and all"
