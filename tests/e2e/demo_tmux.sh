#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox demo` on a terminal, as a new user has it: from the first screen to a PASS by keys alone, in a tmux of its own at
# 80x24. No fixed waits: wait_for looks until the text is there, or fails after DEADLINE seconds.
set -u
work=$(mktemp -d)
DEADLINE=120
TMUX_TMPDIR=$work; export TMUX_TMPDIR; unset TMUX
t() { tmux -L demo -f /dev/null -u "$@"; }
trap 't kill-server 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'FAIL: %s\n' "$*"; t capture-pane -p; cat "$work/err"; exit 1; }
shown() { t capture-pane -p | tr -s ' \n│' ' '; }
wait_for() { # TEXT
    end=$(( $(date +%s) + DEADLINE ))
    until shown | grep -qF -- "$1"; do [ "$(date +%s)" -lt $end ] || fail "\"$1\" did not appear"; sleep 0.1; done
}
keys() { t send-keys "$@"; }

t new-session -d -x 80 -y 24 "env LC_ALL=C.UTF-8 XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config $SIGNALBOX demo --seed 5 2>$work/err; echo ended with \$?; exec cat"
t set -g escape-time 0
t set -g status off
for text in "[ PROD ]" SIMULATED "learning what is normal" PRIMARY; do wait_for "$text"; done

# the anomaly comes by itself, and with it one card
wait_for "Anomalies 1"
wait_for "Reads of shop.orders take"
wait_for "Approvals 1"
keys 3 Enter; wait_for "[1 summary"
keys A; wait_for "Not yet:"
# what was on the screen counts, not what was scrolled over: the tab's mark tells when it has been
keys End; wait_for "[1 summary]"; keys 2; wait_for '"createIndexes" : "orders"'
keys End; wait_for "[2 commands]"; keys A; wait_for "Type shop.orders exactly, then Enter."
keys Enter; wait_for "nothing was sent"
keys -l "shop.orders"; wait_for "> shop.orders"; keys Enter
wait_for "watching"
keys 6; wait_for "mean read latency of the collection"

# the verdict, with numbers
wait_for "PASS every criterion "
wait_for "at the verdict 1 doc "

# a request in words joins in; the answer is a reason, not a second index
keys n; keys -l "create an index on shop.orders {customer_id: 1, created_at: -1}"; keys Enter
wait_for "already has an index on"

# and it is taken back with one key and the target's name
keys u; wait_for "Type shop.orders exactly"
keys -l "shop.orders"; wait_for "> shop.orders"; keys Enter
wait_for "C-000001 rev 1 rolled back"
keys Escape Escape; wait_for "Audit #"
keys q; wait_for "ended with 0"
printf 'ok\n'
