#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox detect` from outside: answers at once, bad input of all kinds, columns, and how good it is on real series.
#
# The score on the 34 series of the Numenta Anomaly Benchmark that are at hand is held at 80.4, what the best public detector
# reaches on them. One setting for all files; measured with it, standard profile: 82.02 at the best threshold, 81.93 at 0.5
# (63 of 67 windows, 84 false rows). At 0.5 for each group alone, and for all but it: no anomaly 0 (no false row) and 81.9,
# made-up anomalies 91.9 and 81.0, ad exchange 82.4 and 81.8, traffic 84.2 and 81.3, tweets 78.9 and 84.8.
#
# Cross-validation over the groups, 981 random settings of weights, lift, episode and line, the one that is best and flattest
# on four groups scored on the fifth: 77.9 (76.7 to 79.5 where only what is quiet in noise is chosen from), which is what to
# expect of series that nobody looked at. The loudest judge and a share of the sum of all, as it was before, by the same
# procedure (300 settings): 72.1. Every constant of the sum, the line and the memory changed by 30 % each way, one at a time:
# 77.8 to 82.4 at 0.5, 31 of 32 times above 79; the line itself from 3.4 to 4.2: 80.8, 82.0, 81.9, 81.6, 78.0.
#
# Only the line on the score chosen anew, on four groups for the fifth: 76.8. All of it is lost in one group, tweets, for which the
# other four choose 0.5073 where 0.5008 is best: an alarm is scored at the moment it crosses the line, mostly by little, so that a
# line drawn afterwards cuts alarms off by chance. The same with the detector's own line at 3.6, 3.7, 3.8, 3.9, 4.0: 80.9, 82.2,
# 76.8, 80.8, 80.7. To teach half of what an alarm's episode holds (so that the third anomaly of a kind is heard like the first)
# was tried: 82.9 at best, 80.9 at 0.5, and over the same lines 78.1 on the mean where it is 80.3 without: left out.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fails=0
fail() { printf 'FAIL: %s\n' "$*"; fails=$((fails + 1)); }
# detect ARG...: standard input from $work/in; stdout in $work/out, stderr in $work/err, exit status in $rc
detect() { "$SIGNALBOX" detect "$@" <"$work/in" >"$work/out" 2>"$work/err"; rc=$?; }
want_rc() { [ "$rc" -eq "$1" ] || { fail "$2: exit $rc, not $1"; sed 's/^/    /' "$work/err"; }; }
want_err() { grep -qF -- "$1" "$work/err" || { fail "$2: stderr does not say \"$1\""; sed 's/^/    /' "$work/err"; }; }
want() { [ "$1" = "$2" ] || fail "$3: \"$1\", not \"$2\""; }
lines() { wc -l <"$work/out" | tr -d ' '; }

# ---- every row has its answer ----
awk 'BEGIN { srand(7); print "timestamp,value"; for (i = 0; i < 1000; i++) printf "%d,%.3f\n", 1700000000 + i * 60, (i == 900 ? 500 : 10) + rand() }' >"$work/in"
detect
want_rc 0 'a plain series'
want "$(head -n 1 "$work/out")" 'timestamp,value,anomaly_score' 'the header'
want "$(lines)" 1001 'the rows of a plain series'
want "$(cut -d, -f1,2 "$work/out")" "$(cat "$work/in")" 'time and value as they came'
want "$(awk -F, 'NR > 1 && ($3 < 0 || $3 > 1 || $3 !~ /^[01]\.[0-9]+$/)' "$work/out")" '' 'scores from 0 to 1'
want "$(awk -F, 'NR == 902 { print ($3 >= 0.5) }' "$work/out")" 1 'the spike is an alarm'
cp "$work/out" "$work/whole"
sed 1d "$work/in" >"$work/bare" && cp "$work/bare" "$work/in"
detect
want "$(cat "$work/out")" "$(sed 1d "$work/whole")" 'without a header there is none in the answer'
head -n 500 "$work/bare" >"$work/in"
detect
want "$(cat "$work/out")" "$(sed 1d "$work/whole" | head -n 500)" 'what comes later changes no score'
cp "$work/bare" "$work/in"
detect --train 950
want "$(awk -F, 'NR <= 950 && $3 != 0' "$work/out")" '' 'rows to train on score 0'
detect --json
want_rc 0 '--json'
want "$(jq -c 'select(.line == 901) | [.timestamp, (.anomaly_score >= 0.5), (.value > 500)]' "$work/out")" '["2023-11-15T13:13:20.000Z",true,true]' '--json'
want "$(jq -r .anomaly_score "$work/out" | awk '{ printf "%.6f\n", $1 }')" "$(sed 1d "$work/whole" | cut -d, -f3)" '--json has the same scores'

# ---- at once: the next row is only written when the answer to the last one is there ----
mkfifo "$work/to" "$work/from"
"$SIGNALBOX" detect <"$work/to" >"$work/from" 2>"$work/err" &
pid=$!
exec 8>"$work/to" 9<"$work/from"
for i in 1 2 3; do
    printf '2026-11-23 09:0%d:00,%d\n' $i $i >&8
    IFS= read -r answer <&9 # a detector that waits for more is ended by the runner's limit
    want "$answer" "2026-11-23 09:0$i:00,$i,0.000000" "row $i is answered before row $((i + 1)) is written"
done
exec 8>&-
wait $pid; want $? 0 'the end of a stream'
exec 9<&-

# ---- bad input: each row is answered, each place is named ----
printf '\357\273\277timestamp,value\r\n2014-01-01 00:00:00,1\r\n2014-01-01 00:05:00,\r\n2014-01-01 00:10:00,x\033[2J\r\nnever,3\r\n"2014-01-01 00:15","4"\r\n2013-01-01,nan\n\n2014-01-01 00:15,5\n2014-01-01 00:20\n2014-01-01 00:25,1,2\n2014-01-01 00:30,"6\n2014-01-01 00:35,-inf\n2014-01-01 00:40,7' >"$work/in"
detect
want_rc 2 'bad input'
want "$(lines)" 13 'bad rows are answered as well'
for place in '3:21: the value is missing' '4:21: the value is not a number: "x^[[2J"' '5:1: not a time: "never"' '7:1: the time is before' \
    '7:12: the value is missing ("nan")' '10:1: the row has no value' '11:20: the row has more than two cells' \
    '12:18: a quote is not closed' '13:18: the value is missing ("-inf")'; do
    want_err "standard input:$place" 'bad input'
done
want "$(tail -n 1 "$work/out" | cut -d, -f1,2)" '2014-01-01 00:40,7' 'a last row without a newline'
want "$(grep -c "$(printf '\033')" "$work/out" "$work/err" | cut -d: -f2 | sort -u)" 0 'no escape comes through'
awk 'BEGIN { print "timestamp,value"; for (i = 0; i < 200000; i++) printf "x"; print ",5"; for (i = 0; i < 50; i++) print "?,1" }' >"$work/in"
detect
want_rc 2 'a huge line'
want_err '2:65537: the line is longer than 64 KiB' 'a huge line'
want_err 'more places were wrong' 'many bad rows'
want "$(lines)" 52 'the rows with and after a huge line'
: >"$work/in"; detect; want_rc 2 'empty input'; want_err 'no row' 'empty input'
echo 'timestamp,value' >"$work/in"; detect; want_rc 2 'only a header'
detect --train x; want_rc 2 'a bad option'
detect FILE; want_rc 2 'a word too many'
head -c 300000 /dev/urandom >"$work/in"; detect; want_rc 2 'random bytes'

# ---- columns: one incident of what goes out of the usual together ----
columns() { awk 'BEGIN { srand(5); print "time,cpu,latency_ms,idle"; for (i = 0; i < 1500; i++) { b = i >= 1200 && i < 1240; printf "%d,%.3f,%.3f,%.3f\n", 1700000000 + i * 60, 20 + rand() + (b ? 40 : 0), 5 + rand() + (b ? 30 : 0), rand() } }'; }
columns >"$work/in"
detect --json
want_rc 0 'columns'
want "$(jq -c '[.[] | select(.from >= "2023-11-15T18:10" and .from <= "2023-11-15T18:20")] | length' "$work/out")" 1 'one incident of two columns'
want "$(jq -c '[.[] | .confidence as $sure | .causes[] | select(.confidence > $sure)] | length' "$work/out")" 0 'no cause is surer than the class'
want "$(jq -c '.[] | select(.from >= "2023-11-15T18:10" and .from <= "2023-11-15T18:20") | [.from, .class, ([.signals[].metric] | contains(["cpu", "latency_ms"])), (.causes | length > 0), (.unexplained >= 0)]' "$work/out")" \
    '["2023-11-15T18:13:20.000Z","infrastructure",true,true,true]' 'what the incident says'
detect; grep -q 'latency_ms' "$work/out" || fail 'columns as text name no column'
# the class: by what is out, which way, and what stayed calm; and why where it is not known
class_of() { awk -v names="$1" -v steps="$2" 'BEGIN { srand(9); n = split(steps, by, ","); print "time," names; for (i = 0; i < 1400; i++) { printf "%d", 1700000000 + i * 60
    for (k = 1; k <= n; k++) printf ",%.3f", 50 + rand() + (i >= 1200 && i < 1240 ? by[k] : 0); print "" } }' >"$work/in"; detect --json; jq -r '.[] | select(.from >= "2023-11-15T18:10" and .from <= "2023-11-15T18:20") | "\(.class): \(.reason)"' "$work/out"; }
class_is() { case $(class_of "$1" "$2") in "$3: "*"$4"*) ;; *) fail "columns $1 by $2 are called: $(class_of "$1" "$2"), not $3" ;; esac; }
class_is ops_per_s,cpu_percent,disk 20,20,20 load '"ops"'
class_is ops_per_s,docs_examined,latency 0,30,30 code '"examined"'
class_is ops_per_s,docs_examined,latency 0,0,40 infrastructure 'at no higher rate and the usual cost'
class_is requests,errors_per_s,x 0,40,0 code 'fail at the usual rate'
class_is requests,y,x -40,0,0 dependency 'less is asked'
class_is x,y,latency 0,0,40 unknown 'no column tells of the rate'
class_is x,y,z 0,0,40 unknown 'do not say what they measure'
# six columns in which nothing happens: noise is no incident, whichever two of them are a little out at the same time
noise() { awk 'function r() { x = x * 16807 % 2147483647; return x / 2147483647 } function g(  s, j) { s = 0; for (j = 0; j < 12; j++) s += r(); return s - 6 }
    BEGIN { x = '"$1"'; print "ts,a,b,c,d,e,f"; for (i = 0; i < 3000; i++) printf "%d,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f\n", 1700000000 + i * 60, 100 + 5 * g(), g(), 20 + g(), 7 + 2 * g(), 50 + g(), 3 + g() }'; }
for seed in 3 11; do noise $seed >"$work/in"; detect --json; want_rc 0 "noise $seed"; want "$(cat "$work/out")" '[]' "noise in columns, seed $seed"; done
printf 't,a,b\n1,1,\n2,x,3\n3,1\n' >"$work/in"; detect --json; want_rc 2 'bad cells in columns'
want "$(cat "$work/out")" '[]' 'no incident is an empty array'
want_err 'standard input:2:5: the value is missing' 'bad cells in columns'
want_err 'standard input:3:3: not a number: "x"' 'bad cells in columns'
want_err 'standard input:4:3: the row has 2 cells, not 3' 'bad cells in columns'

# ---- real series ----
nab=${SIGNALBOX_TEST_DATA:-../shared/data}/nab
score=${SIGNALBOX_TEST_DATA:-../shared/data}/../tools/nabscore.py
if [ -d "$nab/data" ] && [ -f "$score" ]; then
    for f in "$nab"/data/*/*.csv; do
        group=$(basename "$(dirname "$f")")
        mkdir -p "$work/nab/$group"
        "$SIGNALBOX" detect <"$f" >"$work/nab/$group/$(basename "$f")" 2>"$work/err" || grep -q 'the time is' "$work/err" || fail "detect on $(basename "$f")"
    done
    python3 "$score" "$work/nab" "$nab/windows.json" | tee "$work/score"
    awk '/^standard:/ { best = $3; sub(/.*at 0.5: /, ""); fixed = $1; exit !(best >= 80.4 && fixed >= 80.4) }' "$work/score" || fail 'the score is under 80.4'
    # how loud it is where nothing happens: 20,160 values
    awk -F, 'FNR > 1 { n += $3 >= 0.5 } END { print n + 0, "alarms in the series without an anomaly"; exit n > 5 }' "$work"/nab/artificialNoAnomaly/*.csv || fail 'too loud where nothing happens'
else
    printf 'SKIP: the series of the Numenta Anomaly Benchmark are not here (%s)\n' "$nab"
fi

[ $fails -eq 0 ] && echo 'detect: all as expected'
exit $((fails > 0))
