#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main case is solved on every server version that is simulated: found, proposed, built, verified.
set -u
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $1"; sed 's/^/    /' "$2"; exit 1; }
has() { grep -qE -- "$2" "$1" || fail "$1 does not say \"$2\"" "$1"; }

for v in 5.0 6.0 7.0 8.0; do
    mkdir -p "$work/$v"
    XDG_STATE_HOME="$work/$v/state" XDG_CONFIG_HOME="$work/$v/config" timeout 200 \
        "$SIGNALBOX" demo --tour --scenario slow-orders --seed 7 --speed 60 --server-version "$v" >"$work/$v/out" 2>"$work/$v/err"
    rc=$?
    out="$work/$v/out"
    [ $rc = 0 ] || { cat "$work/$v/err"; fail "$v ended with $rc" "$out"; }
    [ -s "$work/$v/err" ] && fail "$v wrote on standard error" "$work/$v/err"
    has "$out" "MongoDB ${v/./\\.}\\.[0-9]+, set rs0"
    has "$out" '^== Anomaly$'
    has "$out" 'Create index customer_id_1_created_at_-1 on shop.orders'
    has "$out" '^PASS: every criterion was met'
    has "$out" '^ok: [0-9]+ entries, root [0-9a-f]{64}$'
done
"$SIGNALBOX" sim --server-version 4.4 >"$work/out" 2>&1
[ $? = 2 ] || fail "another version is not refused" "$work/out"
has "$work/out" '--server-version is 5.0, 6.0, 7.0 or 8.0'
echo ok
