#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The console in a tmux of its own, driven by keys, read from its screen: one case from the anomaly to the verdict.
# Nothing here sleeps for a result: wait_for looks until the text is there, or fails after DEADLINE seconds.
set -u
build=${SIGNALBOX_BUILD:-$PWD/build/gcc}
work=$(mktemp -d)
log=$work/asks
DEADLINE=30
TMUX_TMPDIR=$work; export TMUX_TMPDIR; unset TMUX
t() { tmux -L console -f /dev/null -u "$@"; }
trap 't kill-server 2>/dev/null; rm -rf "$work"' EXIT

fail() { printf 'FAIL: %s\n' "$*"; t capture-pane -p; [ -f "$log" ] && cat "$log"; exit 1; }
shown() { t capture-pane -p | tr -s ' \n│' ' '; }
wait_for() { # TEXT
    end=$(( $(date +%s) + DEADLINE ))
    until shown | grep -qF -- "$1"; do [ "$(date +%s)" -lt $end ] || fail "\"$1\" did not appear"; done
}
wait_not() {
    end=$(( $(date +%s) + DEADLINE ))
    while shown | grep -qF -- "$1"; do [ "$(date +%s)" -lt $end ] || fail "\"$1\" did not go away"; done
}
wait_log() { # a pattern in what was posted
    end=$(( $(date +%s) + DEADLINE ))
    until grep -q -- "$1" "$log"; do [ "$(date +%s)" -lt $end ] || fail "$1 was not posted"; done
}
keys() { t send-keys "$@"; }
erase_line() { # what comes right behind a paste still belongs to it, so C-u is pressed until it is heard
    end=$(( $(date +%s) + DEADLINE ))
    until shown | grep -q 'Request: Enter takes'; do
        [ "$(date +%s)" -lt $end ] || fail "C-u does not erase the line"
        keys C-u; sleep 0.1
    done
}
posted() { grep -c "\"type\":\"$1\"" "$log"; }

t new-session -d -x 80 -y 24 "env LC_ALL=C.UTF-8 $build/tests/e2e/console_driver --clock 2026-11-24T14:05:12.000Z --log $log --state $work 01-connect 03-calm 04-anomaly 05-card; exec cat"
t set -g escape-time 0
t set -g status off
t set -g set-clipboard on

# the screen: four panes, prod and simulated in words, the anomaly
wait_for "Reads of shop.orders take 38 times as long"
for word in Anomalies Plans Approvals Audit "[ PROD ]" "[ SIMULATED ]" "Request:"; do wait_for "$word"; done
t capture-pane -e -p | grep -q '48;5;124m\[ PROD \]' || fail "PROD has not the colours of the theme"

# read the card, be refused while it is unread, approve it with the typed name
keys 3 Enter; wait_for "[1 summary"
keys A; wait_for "Not yet: the summary (tab 1) and the commands (tab 2)"
keys Escape PageDown; wait_for "7f2ce88790f277b1"
keys 2; wait_for '"commitQuorum":"votingMembers"'
keys Enter Space Enter; wait_for "Enter does nothing here"
keys A; wait_for "What is signed, SHA-256:"
keys Enter; wait_for "That is not shop.orders: nothing was sent."
[ "$(posted approve)" -eq 0 ] || fail "Enter alone approved"
keys -l "shop.orders"; wait_for "> shop.orders"
keys Enter; wait_log '"type":"approve"'
wait_for "C-000001 is done: PASS"
[ "$(posted approve)" -eq 1 ] || fail "approved $(posted approve) times"
keys 6; wait_for "PASS every decisive criterion was kept"

# a request in plain language, and a paste that does not send itself
keys n; t set-buffer 'orders is slow
crash ABRT
'
t paste-buffer -p; wait_for "Request: orders is slow crash ABRT"
[ "$(posted request)" -eq 0 ] || fail "a paste sent a request"
erase_line; keys -l "orders is slow"; keys Enter; wait_log '"text":"orders is slow"'
wait_for "It was read as index.review"

# copying: a file of the person's own
keys 2; wait_for "[2 commands]"; keys y; wait_for "Copied to"
grep -q '^{"createIndexes":"orders"' "$work/copy" || fail "the copy is not the exact command"
[ "$(stat -c %a "$work/copy")" = 600 ] || fail "the copy can be read by others"
end=$(( $(date +%s) + DEADLINE )) # and the clipboard of tmux, which takes OSC 52 where set-clipboard is on
until t show-buffer 2>/dev/null | cmp -s - "$work/copy"; do [ "$(date +%s)" -lt $end ] || fail "tmux did not get the copy: $(t show-buffer)"; done

# resizing live, too small, and back
t resize-window -x 20 -y 5; wait_for "20x5 is too small"
t resize-window -x 200 -y 60; wait_for "[2 commands]"
t resize-window -x 80 -y 24; wait_for "[2 commands]"
keys Escape Escape; wait_for "Approvals 0"

# the help is for where it is asked, and Escape backs out
keys 4 '?'; wait_for "Keys in the pane Audit"
keys Escape; wait_not "Keys in the pane Audit"
keys q; wait_for "end: left"
printf 'ok\n'
