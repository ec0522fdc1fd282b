#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The digest's speed against wc -l and jq on the same bytes, and two files on two cores against one. The sample log is
# repeated to 1 GiB, written out and read once before anything is measured, so that the disk is out of it. What runs on one
# core is compared by processor time, what runs on two by the wall's clock. That one depends on who else is at work on the
# cores, so two rows stand beside it: what the same machine gives in the same minute to two processes that share nothing,
# and the processor time on two cores over that on one, which is over 1 by what the workers cost each other. jq gets 4 copies of the sample: on 1 GiB it
# takes minutes, and its time grows with the bytes.
set -u
. tests/bench/common.sh
data=${SIGNALBOX_TEST_DATA:-../shared/data}
sample=$data/mongod-logs/sample-mongod.log.gz
[ -f "$sample" ] || { skipped 'digest' "the sample log is not here ($sample)"; exit 0; }

zcat "$sample" >"$work/one.log"
copies=$((1073741824 / $(wc -c <"$work/one.log") + 1))
i=0
while [ $i -lt $copies ]; do cat "$work/one.log"; i=$((i + 1)); done >"$work/big.log" || { skipped 'digest of 1 GiB' "no room in $work"; exit 0; }
i=0
while [ $i -lt 4 ]; do cat "$work/one.log"; i=$((i + 1)); done >"$work/small.log"
half() { head -c "$(($(wc -c <"$work/big.log") / 2))" "$work/big.log"; }
half >"$work/left.log"; half >"$work/right.log"
sync # else the writing goes on beside what is measured
mib=$(($(wc -c <"$work/small.log") / 1048576))
export bench

pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" digest --json "$work/big.log"' '$bench/timed cpu taskset -c 0 wc -l "$work/big.log"' || exit 1
row 'digest of 1 GiB, times wc -l (one core, CPU)' "$ours" "$peer" s over '<= 8'
pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" digest --json "$work/small.log"' '$bench/timed cpu taskset -c 0 jq -c "select(.id==51803)" "$work/small.log"' || exit 1
row "digest of $mib MiB, faster than jq (one core, CPU)" "$ours" "$peer" s under '>= 25'
if [ "$(nproc)" -ge 2 ]; then
    pair '$bench/timed wall "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"' '$bench/timed wall taskset -c 0 "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"' || exit 1
    row 'digest of two files, two cores over one (wall)' "$ours" "$peer" s under '>= 1.7'
    apart='"$SIGNALBOX" digest --json "$work/left.log" >/dev/null & "$SIGNALBOX" digest --json "$work/right.log" >/dev/null; wait'
    pair '$bench/timed wall sh -c '"'$apart'" '$bench/timed wall taskset -c 0 sh -c '"'$apart'" || exit 1
    row 'two processes of one file each, two cores over one (wall)' "$ours" "$peer" s under 'what the machine gives'
    pair '$bench/timed cpu "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"' '$bench/timed cpu taskset -c 0 "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"' || exit 1
    row 'digest of two files, two cores over one (CPU)' "$ours" "$peer" s over 'near 1'
else
    skipped 'digest of two files, two cores over one' 'there is one core'
fi
