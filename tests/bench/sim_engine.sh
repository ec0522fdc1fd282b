#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The simulator's engine: how fast it answers, how much it holds, and how far ahead of the clock it can run. CPU time, so that
# a busy machine shows little; there is no peer to divide by.
set -u
. tests/bench/common.sh
engine="$SIGNALBOX_BUILD/tests/bench/sim_engine"

best=0
for round in 1 2 3; do
    n=$("$engine" finds 300000 | awk '{print $1}') || exit 1
    [ "$n" -gt "$best" ] && best=$n
done
row 'simulator: finds by an index, a second of CPU (best of three)' "$best" '' '/s' none '>= 200000'
row 'simulator: 200,000 documents of 500 bytes on three members, peak RSS' "$("$engine" memory 200000 | awk '{print $1}')" '' KiB none '<= 307200'
row 'simulator: three virtual hours of 200 operations a second (CPU)' "$("$engine" virtual 3 200 | awk '{print $1}')" '' s none '< 60'
