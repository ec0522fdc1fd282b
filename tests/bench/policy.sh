#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A policy decision under 200 rules, in microseconds of CPU time, beside jansson parsing the same input.
set -u
: "${SIGNALBOX_BUILD:=$PWD/build/gcc}"
"$SIGNALBOX_BUILD/tests/bench/policy" >"${TMPDIR:-/tmp}/bench-policy.$$" || { rm -f "${TMPDIR:-/tmp}/bench-policy.$$"; exit 1; }
awk '{printf "policy decision, 200 rules, %s, us\t%.1f\t%.1f\t%.2f\t<=50 us\n", $1, $2 / 1000, $3 / 1000, $2 / $3}' "${TMPDIR:-/tmp}/bench-policy.$$"
rm -f "${TMPDIR:-/tmp}/bench-policy.$$"
