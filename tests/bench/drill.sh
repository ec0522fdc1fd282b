#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A restore drill into the simulator, 128 MiB, beside a bare loop of libmongoc's insert_many over the same documents into the same
# server in the same run; and the most memory that a drill takes.
set -u
. tests/bench/common.sh
PYTHONPATH=tests/support python3 - "$work" <<'PY' || { skipped 'restore drill' 'the backup could not be written'; exit 0; }
import sys
import bson, dumps
for k in range(4):
    documents = [{"_id": i, "email": "user%d@example.org" % i, "total": i * 1.5, "at": bson.datetime_ms.DatetimeMS(i * 1000), "k": k, "note": "lorem ipsum dolor sit amet " * (i % 40)} for i in range(52000)]
    c = dumps.Collection("shop", "orders%d" % k, documents)
    dumps.folder(sys.argv[1] + "/dump", [c])
PY
printf 'title "spare"\n\ncollection spare.one 1\n    field _id "seq('"'x'"')"\n' >"$work/spare.scenario"
"$SIGNALBOX" sim --members 1 --scenario "$work/spare.scenario" >"$work/sim" & sim=$!
trap 'kill $sim; rm -rf "$work"' EXIT
until [ -s "$work/sim" ]; do sleep 0.1; done
uri=$(jq -r .uri "$work/sim"); printf '%s\n' "$uri" >"$work/uri"; chmod 600 "$work/uri"
export uri bench XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
python3 -c 'import pymongo, sys; pymongo.MongoClient(sys.argv[1]).signalbox.scratch.insert_one({"_id": "scratch"})' "$uri" || { skipped 'restore drill' 'the simulator could not be marked'; exit 0; }
mib=$(($(cat "$work"/dump/shop/*.bson | wc -c) / 1048576))
pair '"$SIGNALBOX" backup --json --quiet drill "$work/dump" --into "$work/uri" | jq .restore_ms' '$bench/insert_loop "$uri" "$work"/dump/shop/*.bson' || exit 1
row "restore of a drill, $mib MiB, rate over that of a bare insert loop" "$ours" "$peer" ms under '>= 0.8'
row 'the same, MB a second' "$(awk -v b="$(cat "$work"/dump/shop/*.bson | wc -c)" -v ms="$ours" 'BEGIN { printf "%.0f", b / ms / 1000 }')" "$(awk -v b="$(cat "$work"/dump/shop/*.bson | wc -c)" -v ms="$peer" 'BEGIN { printf "%.0f", b / ms / 1000 }')" MB/s none '-'
/usr/bin/env python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' "$SIGNALBOX" backup --quiet drill "$work/dump" --into "$work/uri" >"$work/rss" || exit 1
row 'memory of a drill at most' "$(cat "$work/rss")" '' MiB none '< 100'
