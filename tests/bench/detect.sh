#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Anomaly scores: a series of 500,000 values judged, beside awk that reads the same CSV and answers each row by a running
# mean over the last 48 values; CPU time of one core. And how many values a second that is.
set -u
. tests/bench/common.sh
rows=500000
awk -v n=$rows 'BEGIN { srand(1); print "timestamp,value"; for (i = 0; i < n; i++) printf "%d,%.4f\n", 1700000000 + i * 60, 100 + 40 * sin(i * 6.2831853 / 1440) + rand() * 5 }' >"$work/series.csv"
export bench
peer='$bench/timed cpu taskset -c 0 awk -F, '"'"'{ sum += $2 - last[NR % 48]; last[NR % 48] = $2; print $0 "," sum / 48 }'"'"' "$work/series.csv"'
pair '$bench/timed cpu taskset -c 0 sh -c "exec \"$SIGNALBOX\" detect <\"$work/series.csv\""' "$peer" || exit 1
row "detect on $rows values, times awk's running mean (one core, CPU)" "$ours" "$peer" s over '<= 40'
row 'detect, values a second (one core, CPU)' "$(awk -v n=$rows -v s="$ours" 'BEGIN { printf "%.0f", n / s }')" '' '1/s' none '>= 50000'
