#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# 300,000 series with a value a second: processor time of one such second behind the cheap screen with its 2,000 detectors,
# beside a loop that makes the same values and only keeps the last 200 of each; and what is resident at most.
set -u
. tests/bench/common.sh
rounds=1 # each is a mean of thirty seconds, after 210 of learning
export bench
pair '"$bench/series" screen | tee "$work/said" | cut -d" " -f1' '"$bench/series" copy | cut -d" " -f1' || exit 1
row "300,000 series, CPU of a second of theirs, times keeping the values (one core)" "$ours" "$peer" s over '<= 30'
row '300,000 series at 1 Hz, share of one core' "$(awk -v s="$ours" 'BEGIN { printf "%.0f", s * 100 }')" '' '%' none '< 100 %'
row "300,000 series, most memory resident ($(cut -d' ' -f3 "$work/said") with a full detector)" "$(cut -d' ' -f2 "$work/said")" '' MB none '< 500 MB'
