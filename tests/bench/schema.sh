#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox schema` against the npm package mongodb-schema on the same BSON file, by processor time on one core: both read the
# file, infer, and write JSON. The package's own start (node, its modules) is in its figure; the file is so large that it is a
# small part of it. What Extended JSON costs over BSON of the same documents stands beside it.
set -u
. tests/bench/common.sh
modules=$(python3 tests/bench/schema_file.py 40000 "$work/orders.bson" "$work/orders.json" | grep -v '^SKIP') || { skipped 'schema' 'the documents could not be made'; exit 0; }
[ -n "$modules" ] || { skipped 'schema' 'no mongodb-schema from npm'; exit 0; }
mib=$(($(wc -c <"$work/orders.bson") / 1048576))
export bench modules
rounds=${BENCH_ROUNDS:-3} # one run of the peer takes seconds
pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" schema --json "$work/orders.bson"' '$bench/timed cpu taskset -c 0 node tests/support/schema_oracle.js "$modules" "$work/orders.bson"' || exit 1
row "schema of $mib MiB of BSON, faster than mongodb-schema (CPU)" "$ours" "$peer" s under '>= 5'
pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" schema --json "$work/orders.json"' '$bench/timed cpu taskset -c 0 "$SIGNALBOX" schema --json "$work/orders.bson"' || exit 1
row 'schema of Extended JSON, times BSON of the same documents (CPU)' "$ours" "$peer" s over 'none set'
