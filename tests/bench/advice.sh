#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A million documents of system.profile to advice, against libbson's own walk over the same file, by processor time on one
# core; and the most memory that it took.
set -u
. tests/bench/common.sh
python3 tests/bench/make_profile.py "$work/profile.bson" 1000000 || { skipped 'advice from 1,000,000 profile documents' "no room in $work, or no bson for Python"; exit 0; }
cat "$work/profile.bson" >/dev/null
export bench
pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" digest --json --advice "$work/profile.bson"' '$bench/timed cpu taskset -c 0 $bench/bson_walk "$work/profile.bson"' || exit 1
row 'advice from 1,000,000 profile documents, times a walk by libbson (one core, CPU)' "$ours" "$peer" s over '< 10 s'
peak=$(python3 - "$SIGNALBOX" "$work/profile.bson" <<'EOF'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "digest", "--json", "--advice", sys.argv[2]], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
EOF
) || exit 1
row 'the most memory of it' "$peak" '' MiB none '< 200 MiB'
