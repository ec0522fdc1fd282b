#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job without a screen, on the simulated set: each scenario ends as it must, the controls propose nothing, and the
# record of each can be verified.
set -u
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { sed 's/^/    /' "$2"; echo "FAIL: $1"; exit 1; } # what is said last is shown in any case
has() { grep -qE -- "$2" "$1" || fail "$1 does not say \"$2\"" "$1"; }
hasnt() { grep -qE -- "$2" "$1" && fail "$1 says \"$2\"" "$1"; return 0; }

tour() { # scenario seed
    mkdir -p "$work/$1"
    XDG_STATE_HOME="$work/$1/state" XDG_CONFIG_HOME="$work/$1/config" timeout 400 \
        "$SIGNALBOX" demo --tour --scenario "$1" --seed "$2" >"$work/$1/out" 2>"$work/$1/err"
    echo $? >"$work/$1/rc"
}
verified() { # scenario
    [ "$(cat "$work/$1/rc")" = 0 ] || { cat "$work/$1/err"; fail "$1 ended with $(cat "$work/$1/rc")" "$work/$1/out"; }
    [ -s "$work/$1/err" ] && fail "$1 wrote on standard error" "$work/$1/err"
    has "$work/$1/out" '^ok: [0-9]+ entries, root [0-9a-f]{64}$'
}

# what one person may not approve, and a server that goes away: said, with the status of it
(XDG_STATE_HOME="$work/strict" timeout 200 "$SIGNALBOX" demo --tour --speed 100 --policy strict-prod >"$work/strict.out" 2>"$work/strict.err"; echo $? >"$work/strict.rc") &
(XDG_STATE_HOME="$work/gone" timeout 200 "$SIGNALBOX" demo --tour --seed 1234567 >"$work/gone.out" 2>"$work/gone.err"; echo $? >"$work/gone.rc") &
(XDG_STATE_HOME="$work/frozen" timeout 200 "$SIGNALBOX" demo --tour --seed 7654321 >"$work/frozen.out" 2>"$work/frozen.err"; echo $? >"$work/frozen.rc") &
for i in $(seq 300); do grep -q '^== Watching' "$work/gone.out" 2>/dev/null && break; sleep 0.1; done
pkill -9 -f -- "sim --scenario slow-orders --seed 1234567" || fail "there is no simulator to kill" "$work/gone.out"
# one that stands still holds the driver up, which cannot be waited for: why the tour ends is said all the same
for i in $(seq 1500); do grep -q '^== Approval' "$work/frozen.out" && break; sleep 0.1; done
pkill -STOP -f -- "sim --scenario slow-orders --seed 7654321"
wait
[ "$(cat "$work/frozen.rc")" = 3 ] || fail "with its server frozen a tour ended with $(cat "$work/frozen.rc")" "$work/frozen.err"
has "$work/frozen.err" '^signalbox: .*(no sample for 20 s|C-000001 failed): .*out of reach'
[ "$(cat "$work/strict.rc")" = 4 ] || fail "strict-prod ended with $(cat "$work/strict.rc")" "$work/strict.out"
has "$work/strict.err" '^signalbox: C-000001 still waits: policy wants other or more approvals'
[ "$(cat "$work/gone.rc")" = 3 ] || fail "without its server a tour ended with $(cat "$work/gone.rc")" "$work/gone.err"
has "$work/gone.err" '^signalbox: .*no sample for 20 s: .*out of reach'

tour slow-orders 7 & tour wrong-index 8 & wait
tour no-traffic 9 & tour slow-tickets 10 & wait
tour surge 11 & tour calm 12 & wait
tour killed-primary 13 & tour step-down 14 & wait

out="$work/slow-orders/out"; verified slow-orders
case=$(sed -n 's/^The whole case: .* audit show \(K-[0-9]*\)$/\1/p' "$out")
has "$out" "^The whole case: $SIGNALBOX audit show K-[0-9]+\$"
XDG_STATE_HOME="$work/slow-orders/state" "$SIGNALBOX" audit show "$case" >"$work/show" || fail "audit show $case, as the tour says" "$out"
for part in Watching Anomaly Hand-off Card Policy Approval Verdict Audit; do has "$out" "^== $part\$"; done
# what was found out while it lasted: a busy machine hears of it later
XDG_STATE_HOME="$work/slow-orders/state" "$SIGNALBOX" audit export | jq -r 'select(.kind == "anomaly") | .body.anomaly | "class \(.class): \(.class_reason)", (.causes[0].what // "nobody")' >"$work/suspects"
has "$work/suspects" '^class code: '
has "$work/suspects" '^new shape \{"customer_id":1\} on shop.orders sorted by \{"created_at":-1\} from account-page$'
has "$out" 'Create index customer_id_1_created_at_-1 on shop.orders'
has "$out" 'not proposed: \{customer_id: 1\}'
has "$out" 'APP-01'
has "$out" '^PASS: every criterion (that decides )?was met'
has "$out" 'documents examined per document returned, by explain +before [0-9]{3,}, after [0-9], limit'
# what the card said would be, held against what was measured: on the card, in the verdict and in the report
has "$out" '^PASS: .*; [1-9] of [4-9] predictions came true'
has "$out" 'documents examined per document returned, by explain +said 1 \(measured\), is 1 docs, kept: factor 1.00'
has "$out" 'size of the index +said [0-9]+ \([a-z]+.*\), is [0-9]+ bytes, kept'
XDG_STATE_HOME="$work/slow-orders/state" "$SIGNALBOX" report --simulated --json >"$work/report" || fail "report" "$work/report"
[ "$(jq -c '.specialists[] | select(.kind == "create_index") | [.calibration.n, (.predictions[] | select(.metric == "index_bytes") | [.kept, .missed, .broken])]' "$work/report")" = '[1,[1,0,0]]' ] || fail "the report's predictions" "$work/report"

XDG_STATE_HOME="$work/slow-orders/state" "$SIGNALBOX" cards --json show C-000001 >"$work/card"
[ "$(jq -c '.advice | [.kind, .ns, .key, .name, .rejected[0].key, (.impact.score > 0 and .confidence > 0 and .cost.bytes > 0)]' "$work/card")" = \
  '["create_index","shop.orders",{"customer_id":1,"created_at":-1},"customer_id_1_created_at_-1",{"customer_id":1},true]' ] || fail "the card's advice" "$work/card"

out="$work/wrong-index/out"; verified wrong-index
has "$out" '^FAIL: .*mean write latency of the collection is [0-9]+ us, limit [0-9]+'
has "$out" 'is rolled_back: read back'

out="$work/no-traffic/out"; verified no-traffic
has "$out" '^INCONCLUSIVE: '
hasnt "$out" '^PASS'

out="$work/slow-tickets/out"; verified slow-tickets
has "$out" 'Create index assignee_1_priority_1 on support.tickets'
has "$out" '^PASS: every criterion (that decides )?was met'

out="$work/surge/out"; verified surge
has "$out" 'class load: operations came at [0-9.]+ times the rate'
hasnt "$out" '^== Card'
[ "$(grep -c '^== Anomaly' "$out")" = 1 ] || fail "surge is not one anomaly" "$out"

out="$work/killed-primary/out"; verified killed-primary
has "$out" '^[0-9:]+  A-000001 .* (does not answer|took over as primary from |another member became primary)' # which of the two a slow machine is told of first
hasnt "$out" '^== Card'

out="$work/step-down/out"; verified step-down
has "$out" '^[0-9:]+  A-000001 .* (took over as primary from |another member became primary)' # which of the two is seen first
hasnt "$out" '^== Card'

out="$work/calm/out"; verified calm
has "$out" '^No anomaly in 15 minutes'
hasnt "$out" '^== (Anomaly|Card)'
echo ok
