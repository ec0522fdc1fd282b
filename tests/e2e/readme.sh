#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The README tells the truth: its key table, commands, scenarios, targets, rooms and pictures are those of the program.
set -u
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { printf 'FAIL: README.md: %s\n' "$*"; exit 1; }
"$SIGNALBOX" help keys >"$work/keys" || fail "help keys"
"$SIGNALBOX" help >"$work/help" || fail "help"
"$SIGNALBOX" sim --list >"$work/scenarios" || fail "sim --list"
make -s help >"$work/targets" || fail "make help"

sed -n '/^## Keys/,/^## How/p' README.md | grep -E '^\| [a-z]' | grep -v '^| what it does' >"$work/rows"
[ "$(wc -l <"$work/rows")" -ge 12 ] || fail "the key table has hardly a row"
while IFS= read -r row; do
    grep -qxF -- "$row" "$work/keys" || fail "this row is not in 'help keys': $row"
done <"$work/rows"

sed -n '/^## Commands/,/^## Keys/p' README.md | grep -oE '^\| `signalbox [a-z]+' | awk '{print $3}' >"$work/told"
awk '/^  [a-z]/ {print $1}' "$work/help" | grep -vxE 'help|version' | sort >"$work/commands"
sort "$work/told" | diff - "$work/commands" >"$work/diff" || fail "the commands differ from 'signalbox help': $(cat "$work/diff")"

for name in $(grep -oE -- '--scenario [a-z-]+' README.md | awk '{print $2}') slow-tickets surge calm no-traffic; do
    grep -qE "^  $name " "$work/scenarios" || fail "there is no scenario $name"
done
grep -oE '`make [a-z ]+`' README.md | tr -d '`' | sed 's/^make //' | tr ' ' '\n' | sort -u | while read -r target; do
    [ -z "$target" ] || [ "$target" = help ] || [ "$target" = install ] || grep -qw -- "$target" "$work/targets" || { echo "$target"; break; }
done >"$work/unknown"
[ -s "$work/unknown" ] && fail "make help does not know: $(cat "$work/unknown")"
for picture in $(grep -oE '\(screenshots/[^)]+\)' README.md | tr -d '()'); do
    [ -s "$picture" ] || fail "$picture is not there (make screenshots)"
done
for room in src/*/; do
    grep -qF "| \`$(basename "$room")/\` |" README.md || fail "it does not tell of the room $room"
done
echo ok
