#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# 300,000 series at 1 Hz: the cheap look at all and at most 2,000 full detectors, on one core, beside a mean and a spread of
# each and nothing more. A thousand of them step up a minute before the end; how many were found is a row as well. CPU time.
set -u
. tests/bench/common.sh
series=300000 seconds=260
export series seconds bench
set -- $(taskset -c 0 "$bench/screen" watch $series $seconds) || exit 1
set -- "$@" $(taskset -c 0 "$bench/screen" mean $series $seconds) || exit 1
row "$series series at 1 Hz, times a mean and a spread of each (one core, CPU)" "$1" "$6" s over '<= 100'
row "$series series at 1 Hz, times real time (one core, CPU)" "$(awk -v c="$1" -v s=$seconds 'BEGIN { printf "%.1f", s / c }')" '' x none '>= 4'
row "$series series at 1 Hz, share of one core" "$(awk -v c="$1" -v s=$seconds 'BEGIN { printf "%.1f", 100 * c / s }')" '' % none '<= 25'
row "$series series, 2,000 full detectors, peak RSS" "$(awk -v b="$2" 'BEGIN { printf "%.0f", b / 1e6 }')" '' MB none '< 500'
row "$series series: of 1,000 that step up, alarmed within a minute" "$4" '' '' none '>= 900'
