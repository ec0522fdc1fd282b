#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An index that is asked for in words, and tried out, on an independent server (FerretDB, built from its Go module): what is said of it
# is in its command, and a server that gives no sample is told from one before anything is written.
set -u
work=$(mktemp -d); pids=''
trap 'kill $pids 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
python=build/venv/bin/python
. tests/live/common.sh
build_ferretdb
[ -n "$ferretdb" ] || { echo "SKIP: $why"; exit 77; }
port=$(free_port); mkdir -p "$work/data" "$work/config/signalbox" "$work/state"
"$ferretdb" "127.0.0.1:$port" "$work/data" >"$work/ferretdb.log" 2>&1 & pids=$!
for _ in $(seq 100); do bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null && break; sleep 0.2; done
printf 'mongodb://127.0.0.1:%s/\n' "$port" >"$work/uri"; chmod 600 "$work/uri"
printf 'deployment f\nset uri_file %s\nset environment staging\n' "$work/uri" >"$work/config/signalbox/config"
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
$python - "$port" <<'END' || fail "no documents"
import pymongo, sys
pymongo.MongoClient("127.0.0.1", int(sys.argv[1])).shop.orders.insert_many([{"_id": i, "a": i % 50} for i in range(300)])
END
"$SIGNALBOX" ask --deployment f "create a unique index on shop.orders {a: 1}" >"$work/card" 2>&1 || fail "$(cat "$work/card")"
grep -q '"unique" : true' "$work/card" || fail "it is not unique: $(cat "$work/card")"
grep -q 'values of a repeat in the sample (16.7 % are distinct)' "$work/card" || fail "no word of the duplicates: $(cat "$work/card")"
"$SIGNALBOX" ask --deployment f "prove C-000001" >"$work/proof" 2>&1 && fail "it was tried out: $(cat "$work/proof")"
grep -q 'gives no sample of its documents' "$work/proof" || fail "the reason is not told: $(cat "$work/proof")"
$python - "$port" <<'END' || fail "something was written"
import pymongo, sys
sys.exit(pymongo.MongoClient("127.0.0.1", int(sys.argv[1])).shop.list_collection_names() != ["orders"])
END
echo ok
