#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main case is solved on every server version that is simulated: sampled, read from its log, found, proposed, built,
# verified. At the tour's own speed: at sixty times the clock a tour has ended in another verdict on a busy machine.
set -u
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { sed 's/^/    /' "$2"; echo "FAIL: $1"; exit 1; } # what is said last is shown in any case
has() { grep -qE -- "$2" "$1" || fail "$1 does not say \"$2\"" "$1"; }

tour() { # version
    mkdir -p "$work/$1"
    XDG_STATE_HOME="$work/$1/state" XDG_CONFIG_HOME="$work/$1/config" timeout 400 \
        "$SIGNALBOX" demo --tour --scenario slow-orders --seed 7 --server-version "$1" >"$work/$1/out" 2>"$work/$1/err"
    echo $? >"$work/$1/rc"
}

tour 5.0 & tour 6.0 & wait
tour 7.0 & tour 8.0 & wait
for v in 5.0 6.0 7.0 8.0; do
    out="$work/$v/out"
    [ "$(cat "$work/$v/rc")" = 0 ] || { cat "$work/$v/err"; fail "$v ended with $(cat "$work/$v/rc")" "$out"; }
    [ -s "$work/$v/err" ] && fail "$v wrote on standard error" "$work/$v/err"
    has "$out" "MongoDB ${v/./\\.}\\.[0-9]+, set rs0"
    has "$out" '^== Anomaly$'
    # what was found out while it lasted: a busy machine hears of it later
    XDG_STATE_HOME="$work/$v/state" "$SIGNALBOX" audit export | jq -r 'select(.kind == "anomaly") | .body.anomaly | "class \(.class): \(.class_reason)", (.causes[0].what // "nobody")' >"$work/suspects"
    has "$work/suspects" '^class code: (each read examines [0-9.]+ times the documents it did|operations of an application examine more than before)'
    has "$work/suspects" '^new shape \{"customer_id":1\} on shop.orders sorted by \{"created_at":-1\} from account-page$'
    has "$out" '\[measured\] shop.orders operations of this shape: [0-9]+ in [0-9]+ s'
    has "$out" 'Create index customer_id_1_created_at_-1 on shop.orders'
    has "$out" '^PASS: every criterion (that decides )?was met'
    has "$out" '^ok: [0-9]+ entries, root [0-9a-f]{64}$'
done
"$SIGNALBOX" sim --server-version 4.4 >"$work/out" 2>&1
[ $? = 2 ] || fail "another version is not refused" "$work/out"
has "$work/out" '--server-version is 5.0, 6.0, 7.0 or 8.0'
echo ok
