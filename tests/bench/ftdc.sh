#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Diagnostic data: decoding every value of a real recording beside zlib's inflating the same chunks and nothing more, CPU
# time of one core, ten passes; and how many values a second that is.
set -u
. tests/bench/common.sh
file=$(ls "${SIGNALBOX_TEST_DATA:-../shared/data}"/ftdc/metrics.* 2>/dev/null | head -n 1)
[ -f "$file" ] || { skipped 'FTDC' 'the real recording is not here'; exit 0; }
export file bench
pair '"$bench/ftdc" decode "$file" | cut -d" " -f1' '"$bench/ftdc" inflate "$file" | cut -d" " -f1' || exit 1
row 'FTDC decoded, times inflating alone (one core, CPU, 10 passes)' "$ours" "$peer" s over '<= 5'
values=$("$bench/ftdc" decode "$file" | cut -d' ' -f2)
row 'FTDC, millions of values a second (one core, CPU)' "$(awk -v n="$values" -v s="$ours" 'BEGIN {printf "%.0f", n * 10 / s / 1e6}')" '' 'M/s' none '>= 50'
