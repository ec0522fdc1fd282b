#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox digest` from outside: the known figures of a real log, every count and total against a computation of jq's,
# bad input of all kinds, folders, streams, several files.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fails=0
fail() { printf 'FAIL: %s\n' "$*"; fails=$((fails + 1)); }
# digest ARG...: stdout in $work/out, stderr in $work/err, exit status in $rc
digest() { "$SIGNALBOX" digest "$@" >"$work/out" 2>"$work/err"; rc=$?; }
want_rc() { [ "$rc" -eq "$1" ] || { fail "$2: exit $rc, not $1"; sed 's/^/    /' "$work/err"; }; }
want_err() { grep -qF -- "$1" "$work/err" || { fail "$2: stderr does not say \"$1\""; sed 's/^/    /' "$work/err"; }; }
want() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }
out() { jq -c "$1" "$work/out"; }

slow() { # ns type command ms second: a log line
    printf '{"t":{"$date":"2026-11-23T09:00:%02d.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query",' "$5"
    printf '"attr":{"type":"%s","ns":"%s","appName":"a","command":%s,"planSummary":"COLLSCAN","docsExamined":10,"nreturned":1,"durationMillis":%d}}\n' \
        "$2" "$1" "$3" "$4"
}

# ---- what jq makes of a log: ns, operation, count, total ms ----
# A write's envelope (COMMAND on db.$cmd) counts only where no write of the same connection, collection and kind ended
# while it ran.
cat >"$work/oracle.jq" <<'JQ'
def ms: .t["$date"] | (.[8:10] | tonumber) * 86400000 + (.[11:13] | tonumber) * 3600000 + (.[14:16] | tonumber) * 60000 + (.[17:19] | tonumber) * 1000 + (.[20:23] | tonumber);
def first_key: .attr.command | keys_unsorted[0] // "command";
def kind: {update: "update", delete: "remove"}[first_key];
def op: if .attr.type == "none" then (if first_key == "createIndexes" then "indexBuild" else "internal" end)
        elif .attr.type == "update" or .attr.type == "remove" then .attr.type
        elif kind then kind
        elif first_key == "getMore" then "getmore"
        else first_key end;
def envelope: .attr.type == "command" and kind != null;
def ns: if envelope then (.attr.ns | rtrimstr("$cmd")) + .attr.command[first_key] else .attr.ns end;
map(select(.id == 51803)) as $slow
| (reduce ($slow[] | select(.attr.type == "update" or .attr.type == "remove")) as $w ({};
     .[$w.ctx + "|" + $w.attr.type + "|" + $w.attr.ns] += [$w | ms])) as $writes
| [$slow[] | select((envelope | not) or (ms as $t | .attr.durationMillis as $d | $writes[.ctx + "|" + kind + "|" + ns] // [] | any(. <= $t and . >= $t - $d - 1) | not))
   | {ns: ns, op: op, ms: .attr.durationMillis}]
| group_by([.ns, .op]) | map([.[0].ns, .[0].op, length, (map(.ms) | add)]) | .[] | @tsv
JQ
ours='[.shapes[] | {ns, op, count, total_ms}] | group_by([.ns, .op]) | map([.[0].ns, .[0].op, (map(.count) | add), (map(.total_ms) | add)]) | .[] | @tsv'

cross_check() { # gzipped log
    digest --json "$1"
    want_rc 0 "$1"
    jq -r "$ours" "$work/out" >"$work/ours"
    zcat "$1" | jq -rs -f "$work/oracle.jq" >"$work/theirs"
    [ -s "$work/theirs" ] || fail "$1: jq found nothing"
    if ! diff "$work/theirs" "$work/ours" >"$work/diff"; then
        fail "$1: counts or totals differ from jq's (< jq, > ours)"
        head -20 "$work/diff"
    fi
    want "$(out .operations)" "$(awk -F'\t' '{n += $3} END {print n}' "$work/theirs")" "$1: operations"
    want "$(out '.sources[0].lines')" "$(zcat "$1" | wc -l)" "$1: lines"
    want "$(out '.sources[0].bytes')" "$(zcat "$1" | wc -c)" "$1: bytes"
    want "$(out '[.shapes[].total_ms] | . == (sort | reverse)')" true "$1: shapes by total time falling"
    docs=$(zcat "$1" | jq -s 'map(select(.id == 51803) | .attr.docsExamined // 0) | add')
    want "$(out '[.shapes[].docs_examined] | add')" "$docs" "$1: documents examined"
}

sample_checks() {
    cross_check "$sample"
    row() { jq -c --arg op "$1" --arg shape "$2" '.shapes[] | select(.ns == "testdb.__examples" and .op == $op and .shape == $shape) | [.count, .total_ms]' "$work/out"; }
    want "$(row find '{"email":1}')" '[2988,371660]' 'sample: find'
    want "$(row remove '{"email":1}')" '[2988,371478]' 'sample: remove'
    want "$(row update '{"email":1}')" '[2988,371146]' 'sample: update'
    want "$(row insert '')" '[10175,1330364]' 'sample: insert'
    want "$(out '.sources[0] | [.kind, .lines, .bad_lines, .version]')" '["mongolog",27995,0,"6.0.11"]' 'sample: source'
    want "$(out '[.shapes[0] | has("ns","op","shape","app_names","count","total_ms","mean_ms","p50_ms","p95_ms","max_ms","docs_examined","keys_examined","returned","plan","in_memory_sort","fingerprint")] | all')" true 'the keys of a shape'
    want "$(out keys)" '["advice","connections","events","operations","shapes","sources"]' 'the keys of a digest'
    # the exact quantile of a shape, against ours: within a sixty-fourth
    exact=$(zcat "$sample" | jq -s 'map(select(.id == 51803 and .attr.ns == "testdb.__examples" and .attr.command.find) | .attr.durationMillis) | sort | .[((length * 95 + 99) / 100 | floor) - 1]')
    got=$(out '.shapes[] | select(.ns == "testdb.__examples" and .op == "find") | .p95_ms')
    [ $((got > exact ? got - exact : exact - got)) -le $((exact / 64 + 1)) ] || fail "p95: $got, exactly $exact"
}

recording_checks() {
    for log in "$data"/incidents-5.0.7/member-*/mongod.log.gz "$data"/replies-5.0.7/mongod-*.log.gz; do
        cross_check "$log"
    done
    digest --json "$data/incidents-5.0.7/member-0/mongod.log.gz"
    want "$(out '[.events[] | select(.kind == "index_drop" and (.message | contains("user_id_1_created_-1")))] | length')" 1 'incidents: the dropped index'
    want "$(out '[.events[] | select(.kind == "connection_storm")] | length')" 1 'incidents: one storm'
    want "$(out '.connections.clients | max_by(.count) | .app')" '"leaky-worker"' 'incidents: whose'
    # the indexes that were missing, by the labels of who recorded it, and no other
    # what the labels name stands first when the logs are cut to the incident, and nothing else is proposed
    jq -c '.incidents[] | select(.fix) | [.from, .to, .namespace, .fix]' "$data/incidents-5.0.7/labels.json" >"$work/labels"
    while read -r label; do
        digest --json --advice --since "$(echo "$label" | jq -r '.[0]')" --until "$(echo "$label" | jq -r '.[1]')" "$data"/incidents-5.0.7/member-*/mongod.log.gz
        want "$(out '[.advice[] | select(.kind != "no_index") | [.ns, .key]]')" "$(echo "$label" | jq -c '[.[2:]]')" "the index of $label"
    done <"$work/labels"
    digest --json --advice "$data/incidents-5.0.7/member-0/mongod.log.gz"
    want "$(out '[.advice[] | select(.kind == "create_index") | {namespace: .ns, fix: .key}] | sort_by(tojson)')" \
         "$(jq -c '[.. | objects | select(.fix) | {namespace, fix}] | sort_by(tojson)' "$data/incidents-5.0.7/labels.json")" 'incidents: the right indexes'
    # a recorded system.profile, as lines of Extended JSON
    zcat "$data/replies-5.0.7/profile.jsonl.gz" | jq -c '.reply.cursor.firstBatch // [] | .[] | select(.op)' >"$work/profile.json"
    digest --json "$work/profile.json"
    want_rc 0 profile
    want "$(out '[.sources[0].kind, .operations, .sources[0].bad_lines]')" "[\"profile-json\",$(wc -l <"$work/profile.json"),0]" profile
    want "$(out '.shapes[] | select(.shape == "{\"address.zip\":1}" and .op == "update") | [.docs_examined, .plan]')" '[60000,"COLLSCAN"]' 'profile: update'
    # diagnostic data: how much there is of it; damaged, what could be read and where it is damaged
    digest --json "$data"/ftdc/metrics.*
    want_rc 0 FTDC
    want "$(out '.sources[0] | [.kind, .samples, .metrics, .bad_lines, .from, .to, .version]')" \
        '["ftdc",19007,2326,0,"2024-04-16T11:34:43.000Z","2024-04-16T16:51:29.000Z","7.0.0-rc6"]' FTDC
    { head -c 1000000 "$data"/ftdc/metrics.*; printf 'xxxx'; tail -c +1000001 "$data"/ftdc/metrics.*; } >"$work/ftdc"
    digest --json "$work/ftdc"
    want_rc 0 'damaged FTDC'; want_err 'byte 967739' 'damaged FTDC'
    want "$(out '.sources[0].bad_lines')" 1 'damaged FTDC'
}

several_checks() {
    # a folder: its logs, and nothing else of it is complained about
    mkdir "$work/folder"; cp "$sample" "$data"/ftdc/metrics.* "$work/folder"; printf 'notes\n' >"$work/folder/notes.txt"
    digest --json "$work/folder"
    want_rc 0 folder
    want "$(out .operations)" 21369 folder
    want "$(wc -c <"$work/err")" 0 'folder: nothing on stderr'
    # members in folders of it, each with its diagnostic.data; a link back is not gone round
    mkdir -p "$work/set/m0/diagnostic.data"; cp "$sample" "$work/set/m0"; cp "$data"/ftdc/metrics.* "$work/set/m0/diagnostic.data"; ln -s .. "$work/set/m0/up"
    digest --json "$work/set"
    want_rc 0 'folders in a folder'
    want "$(out '[.operations, (.sources | map(.kind) | sort)] | tojson')" '"[21369,[\"ftdc\",\"mongolog\"]]"' 'folders in a folder'
    # two files on two cores and on one: the same answer, twice one file's
    zcat "$sample" >"$work/a.log"; cp "$work/a.log" "$work/b.log"
    digest --json "$work/a.log" "$work/b.log"; jq -S 'del(.sources)' "$work/out" >"$work/two"
    taskset -c 0 "$SIGNALBOX" digest --json "$work/a.log" "$work/b.log" | jq -S 'del(.sources)' | cmp -s - "$work/two" || fail 'one core and two differ'
    want "$(jq .operations "$work/two")" 42738 'two files'
    # standard input, packed and not
    "$SIGNALBOX" digest --json - <"$work/a.log" | jq -S 'del(.sources)' >"$work/x"
    "$SIGNALBOX" digest --json - <"$sample" | jq -S 'del(.sources)' | cmp -s - "$work/x" || fail 'standard input, packed'
    want "$(jq .operations "$work/x")" 21369 'standard input'
    # since and until cut by the time at which an operation ended
    digest --json --since 2023-09-23T20:26:30Z --until 2023-09-23T20:27:00Z "$work/a.log"
    want "$(out '[.shapes[] | select(.op == "find" and .ns == "testdb.__examples") | .count] | add')" \
         "$(jq -s '[.[] | select(.id == 51803 and .attr.command.find and .attr.ns == "testdb.__examples" and .t["$date"] >= "2023-09-23T16:26:30" and .t["$date"] < "2023-09-23T16:27:00")] | length' "$work/a.log")" 'since, until'
    # the table stays within 80 columns
    for log in "$sample" "$data/incidents-5.0.7/member-0/mongod.log.gz"; do
        (cd "$(dirname "$log")" && "$SIGNALBOX" digest "$(basename "$log")") >"$work/out" || fail 'table: exit status'
        [ "$(wc -L <"$work/out")" -le 80 ] || fail "table: $(wc -L <"$work/out") columns"
        grep -q 'NAMESPACE' "$work/out" || fail 'table: no heading'
    done
    # a file that ends in the middle
    head -c 1000000 "$work/a.log" >"$work/cut.log"
    digest --json "$work/cut.log"
    want_rc 0 'cut log'; want "$(out '.sources[0].bad_lines')" 1 'cut log'
    want_err "$work/cut.log:$(out '.sources[0].lines'):" 'cut log'
    gzip -c "$work/a.log" | head -c 200000 >"$work/cut.log.gz"
    digest --json "$work/cut.log.gz"
    want_rc 2 'cut gzip'; want_err gzip 'cut gzip'
    [ "$(out .operations)" -gt 1000 ] || fail 'cut gzip: what was read is lost'
}

bad_input_checks() {
    for bad in '--advice x' '--since yesterday x' '--nope x' ''; do
        # shellcheck disable=SC2086
        digest $bad
        want_rc 2 "digest $bad"
        [ -s "$work/out" ] && fail "digest $bad: something on stdout"
        [ "$(wc -l <"$work/err")" -eq 1 ] || fail "digest $bad: not one sentence"
    done
    digest "$work/nowhere"; want_rc 2 'no such file'; want_err "$work/nowhere" 'no such file'
    head -c 100000 /dev/urandom >"$work/binary"; digest "$work/binary"; want_rc 2 binary; want_err "$work/binary:1:" binary
    printf 'hello\nworld\n' >"$work/text"; digest "$work/text"; want_rc 2 text; want_err "$work/text:1:" text
    printf '{"level":"info"}\n' >"$work/json"; digest "$work/json"; want_rc 2 'other JSON'; want_err neither 'other JSON'
    printf '2019-01-01T00:00:00.000+0000 I COMMAND [conn1] x\n' >"$work/old"; digest "$work/old"; want_rc 2 'old log'; want_err 4.4 'old log'
    : >"$work/empty"; digest --json "$work/empty"; want_rc 0 empty; want "$(out '[.sources[0].kind, .operations]')" '["empty",0]' empty
    mkdir "$work/none"; digest "$work/none"; want_rc 2 'empty folder'
    mkdir "$work/odd"; printf 'x\n' >"$work/odd/x"; digest "$work/odd"; want_rc 2 'folder without logs'; want_err none 'folder without logs'
    digest /proc/self/mem; want_rc 1 'a file that cannot be read'
}

mixed_checks() {
    {
        slow a.b command '{"find":"b","filter":{"x":1}}' 10 1
        printf 'garbage\n\n'
        slow a.b command '{"find":"b","filter":{"x":2}}' 20 2 | sed 's/$/\r/'
        head -c 16777216 /dev/zero | tr '\0' 'x'; printf '\n'
        slow a.b command '{"find":"b","filter":{"x":3}}' 30 3 | tr 'C' '\0'
        printf '{"t":{"$date":"2026-11-23T09:00:40.000+00:00"},"s":"I","c":"'; head -c 16777216 /dev/zero | tr '\0' 'y'; printf '"}\n'
        slow a.b command '{"find":"b","filter":{"x":4}}' 40 4
        head -c 5000 /dev/urandom; printf '\n'
        slow a.b command '{"find":"b","filter":{"x":5}}' 50 5 | head -c 200
    } >"$work/mixed.log"
    digest --json "$work/mixed.log"
    want_rc 0 mixed
    want "$(out '[.operations, .shapes[0].count, .shapes[0].total_ms]')" '[3,3,70]' mixed
    want "$(out '.sources[0].bytes')" "$(wc -c <"$work/mixed.log")" 'mixed: bytes'
    [ "$(out '.sources[0].bad_lines')" -ge 6 ] || fail 'mixed: bad lines'
    want_err "$work/mixed.log:2:" mixed
    case ${SIGNALBOX_BUILD:-} in
    *asan | *tsan) ;; # their own memory is far larger
    *) (ulimit -v 120000; "$SIGNALBOX" digest --json --quiet "$work/mixed.log" >"$work/out" 2>"$work/err") || fail 'mixed: not within 120 MB'
       [ -s "$work/err" ] && fail 'quiet is not quiet' ;;
    esac
    # documents of system.profile as BSON, whole and damaged
    tail -c +2 tests/fuzz/corpus/mongolog/bson >"$work/profile.bson"
    digest --json "$work/profile.bson"
    want_rc 0 'BSON'; want "$(out '[.sources[0].kind, .operations, .shapes[0].sort]')" '["profile-bson",1,"{\"created\":-1}"]' 'BSON'
    { cat "$work/profile.bson"; head -c 50 "$work/profile.bson"; } >"$work/cut.bson"
    digest --json "$work/cut.bson"
    want_rc 2 'cut BSON'; want "$(out .operations)" 1 'cut BSON'; want_err 'ends within' 'cut BSON'
    # good files are reported beside bad ones
    slow a.b command '{"find":"b"}' 10 1 >"$work/good.log"
    digest --json "$work/binary" "$work/good.log" "$work/nowhere"
    want_rc 2 'good and bad'
    want "$(out '[.operations, (.sources | map(.kind))]')" '[1,["other","mongolog","unreadable"]]' 'good and bad'
}

terminal_checks() { # nothing in a log drives the terminal
    {
        slow 'a.\u001b[2Jb' command '{"find":"b","filter":{"\u001b]0;x\u0007":1}}' 10 1
        printf '{"t":{"$date":"2026-11-23T09:00:40.000+00:00"},"s":"E","c":"X","id":1,"ctx":"x","msg":"\\u001b[31m\\u0085\\u202e"}\n'
    } >"$work/evil.log"
    digest "$work/evil.log"; cat "$work/out" "$work/err" >"$work/shown"
    digest --json "$work/evil.log"; cat "$work/out" >>"$work/shown"
    want_rc 0 evil
    LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$work/shown" && fail 'a control character came through'
    want "$(jq -r '.shapes[0].ns' "$work/out")" "$(printf 'a.\033[2Jb')" 'JSON keeps the bytes, escaped'
}

# a bar on a terminal for what takes over a second, none with --quiet, none without a terminal; the file is a pipe that is
# kept open until the bar has been seen
bar_checks() {
    mkfifo "$work/pipe"
    slow a.b command '{"find":"b"}' 10 1 >"$work/one.log"
    TERM=xterm script -qfec "$SIGNALBOX digest $work/pipe" "$work/typescript" >/dev/null 2>&1 &
    timeout 30 sh -c 'exec 3>"$1/pipe"; cat "$1/one.log" >&3
        until grep -q " %  file 1 of 1" "$1/typescript"; do sleep 0.1; done' sh "$work"
    wait
    grep -q ' %  file 1 of 1' "$work/typescript" || fail 'no bar on a terminal'
    grep -q '1 slow operation of 1 shape' "$work/typescript" || fail 'no digest behind the bar'
}

write_checks() { # a pair, an envelope without its write, a write without its envelope
    {
        slow a.b update '{"q":{"x":1},"u":{}}' 10 1
        slow 'a.$cmd' command '{"update":"b"}' 11 1
        slow 'a.$cmd' command '{"update":"b"}' 500 30
        slow a.b remove '{"q":{"y":1},"limit":1}' 7 31
    } >"$work/writes.log"
    digest --json "$work/writes.log"
    want "$(out '[.shapes[] | [.ns, .op, .shape, .count, .total_ms]] | sort')" \
         '[["a.b","remove","{\"y\":1}",1,7],["a.b","update","?",1,500],["a.b","update","{\"x\":1}",1,10]]' writes
    { slow a.b update '{"q":{"x":1},"u":{}}' 10 1 | sed 's/01\.000/01.999/'; slow 'a.$cmd' command '{"update":"b"}' 11 2; } >"$work/writes.log"
    digest --json --since 2026-11-23T09:00:02Z "$work/writes.log"
    want "$(out .operations)" 0 'a write that ended before the range, with its command in it'
}

many_checks() { # what is rare and comes first pushes nothing out
    for i in $(seq 40); do
        slow a.b command '{"find":"b"}' 1 1 | sed "s/COLLSCAN/IXSCAN { a$i: 1 }/; s/\"appName\":\"a\"/\"appName\":\"q\\\\\"$i\"/"
    done >"$work/many.log"
    for i in $(seq 200); do slow a.b command '{"find":"b"}' 1 2; done >>"$work/many.log"
    for i in $(seq 2100); do printf '{"t":{"$date":"2026-11-23T09:00:00.000Z"},"s":"W","c":"X","id":1,"ctx":"x","msg":"warning %d"}\n' "$i"; done >>"$work/many.log"
    {
        printf '{"t":{"$date":"2026-11-23T09:00:01.000Z"},"s":"I","c":"ELECTION","id":21450,"ctx":"x","msg":"Election succeeded, assuming primary role"}\n'
        printf '{"t":{"$date":"2026-11-23T09:00:01.000Z"},"s":"I","c":"ACCESS","id":5286307,"ctx":"x","msg":"Failed to authenticate","attr":{"user":"u","db":"admin","isSpeculative":true}}\n'
        printf '{"t":{"$date":"2026-11-23T09:00:01.000Z"},"s":"I","c":"NETWORK","id":51800,"ctx":"x","msg":"client metadata","attr":{"remote":"1.2.3.4:5","doc":{"application":{"name":"q\\"\\u00f6"}}}}\n'
    } >>"$work/many.log"
    printf '\357\273\277' | cat - "$work/many.log" >"$work/marked.log"
    digest --json "$work/marked.log"
    want "$(out '.shapes[0] | [.count, .plan, (.plans | max_by(.count) | .count), (.plans | map(.count) | add) + .plans_other]')" '[240,"COLLSCAN",200,240]' 'many plans'
    want "$(out '.shapes[0].app_names | [length, .[0]]')" '[41,"q\"1"]' 'many applications'
    want "$(out '[(.events | map(select(.kind != "warning") | .kind)), .events_left_out, .sources[0].bad_lines]')" '[["election"],100,0]' 'many warnings'
    want "$(out '.connections.clients')" '[{"app":"q\"ö","count":1}]' 'the name of a client'
    # a checksum that is wrong at the end: everything before it was read
    gzip -c "$work/many.log" >"$work/sum.log.gz"
    printf 'xxxx' | dd of="$work/sum.log.gz" bs=1 seek=$(($(wc -c <"$work/sum.log.gz") - 8)) conv=notrunc 2>/dev/null
    digest --json "$work/sum.log.gz"
    want_rc 2 'a wrong checksum'
    want "$(out '[.operations, .sources[0].lines]')" "[240,$(wc -l <"$work/many.log")]" 'a wrong checksum'
    # connections on both sides of a round ten seconds
    for i in $(seq 120); do
        printf '{"t":{"$date":"2026-11-23T09:%02d:%02d.000Z"},"s":"I","c":"NETWORK","id":22943,"ctx":"x","msg":"Connection accepted","attr":{"connectionCount":%d}}\n' \
            10 $((i <= 60 ? 9 : 10)) "$i"
    done >"$work/storm.log"
    printf '{"t":{"$date":"2026-11-23T10:00:00.000Z"},"s":"I","c":"X","id":1,"ctx":"x","msg":"end"}\n' >>"$work/storm.log"
    digest --json "$work/storm.log"
    want "$(out '[.events[] | [.kind, .message]]')" '[["connection_storm","120 connections opened within 2 s"]]' 'a storm'
}

scan() { # ns command docs returned ms plan times
    i=0
    while [ $i -lt "$7" ]; do
        printf '{"t":{"$date":"2026-11-23T09:00:%02d.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query","attr":{"type":"command","ns":"%s","appName":"a",' $i "$1"
        printf '"command":%s,"planSummary":"%s","docsExamined":%d,"nreturned":%d,"durationMillis":%d}}\n' "$2" "$6" "$3" "$4" "$5"
        i=$((i + 1))
    done
}

advice_checks() { # the indexes that shapes ask for, and no others; what a log cannot tell is not made up
    {
        scan s.a '{"find":"a","filter":{"u":1},"sort":{"t":-1},"$db":"s"}' 9000 3 200 COLLSCAN 12
        scan s.a '{"find":"a","filter":{"u":1},"$db":"s"}' 9000 3 100 COLLSCAN 12
        scan s.a '{"find":"a","filter":{"z":1},"$db":"s"}' 9000 3 90 COLLSCAN 5
        scan s.a '{"find":"a","filter":{"k":1},"$db":"s"}' 4 4 50 'IXSCAN { k: 1, v: -1 }' 3
        scan s.a '{"find":"a","filter":{"k":1,"v":{"$gt":2}},"$db":"s"}' 9000 3 95 COLLSCAN 4
        scan s.b '{"find":"b","filter":{"k":1},"$db":"s"}' 4 4 50 'IXSCAN { k: 1 }' 3
        scan s.c '{"insert":"c","$db":"s"}' 0 0 50 '' 3
        scan local.d '{"find":"d","filter":{"k":1},"$db":"local"}' 9000 3 200 COLLSCAN 12
    } >"$work/advice.log"
    digest --json "$work/advice.log"; want "$(out .advice)" '[]' 'no advice unless it is asked for'
    digest --json --advice "$work/advice.log"; want_rc 0 advice
    want "$(out '[.advice[] | [.kind, .ns, (.key | tojson), .name, (.shapes | length)]]')" \
        '[["create_index","s.a","{\"u\":1,\"t\":-1}","u_1_t_-1",2],["create_index","s.a","{\"z\":1}","z_1",1],["no_index","local.d","{}","",1],["no_index","s.a","{}","",1],["no_index","s.a","{}","",1],["no_index","s.b","{}","",1]]' advice
    want "$(out '.advice[0] | [.options, .cost, .impact.time_ms, .confidence, .rejected]')" \
        '[{},{"bytes":252000,"writes_per_s":null},3600,0.7,[{"key":{"u":1},"reason":"would find the documents but leave the sort to memory"}]]' 'what advice says'
    want "$(out '[.advice[1].confidence, (.advice[0].impact.score * 1000 | round), (.advice[0].evidence | map(.coverage) | unique)]')" '[0.5,786,["blind","estimated","measured"]]' 'confidence, score, coverage'
    want "$(out '.advice[0].evidence[] | select(.what == "existing indexes") | .value')" '"not in a log: make it only if it does not exist. Plans name { k: 1, v: -1 }"' 'what a log cannot know'
    want "$(out '[.advice[2:][].reason | if test("own databases") then 1 elif test("already serve") then 2 else 0 end]')" '[1,2,2,2]' 'why there is none'
    {
        echo '{"db":"s","command":{"listIndexes":"a"},"reply":{"cursor":{"ns":"s.a","firstBatch":[{"v":2,"key":{"_id":1},"name":"_id_"},{"v":2,"key":{"z":1},"name":"z"},{"v":2,"key":{"u":1},"name":"by_u"},{"v":2,"key":{"z":1,"y":1},"name":"zy"},{"v":2,"key":{"k":1,"v":-1},"name":"kv"}]}}}'
        echo '{"ns":"s.a","count":9000,"size":900000,"indexSizes":{"_id_":90000,"z":90000,"by_u":90000}}'
    } >"$work/catalogue.json"
    digest --json --advice --catalogue "$work/catalogue.json" "$work/advice.log"; want_rc 0 'advice with a catalogue'
    want "$(out '[.advice[] | select(.kind != "no_index") | [.kind, .name, .cost.bytes]]')" '[["replace_index","u_1_t_-1",180000],["drop_index","z",90000]]' 'advice with a catalogue'
    want "$(out '[.advice[].evidence[] | select(.value | test("createIndexes.*\"z\"")) | .what]')" '["to make it anew"]' 'how to make a dropped index anew'
    digest --json --advice --catalogue "$work/advice.log" "$work/advice.log"; want_rc 2 'a log is no catalogue'
    digest --json --advice --catalogue "$work/none" "$work/advice.log"; want_rc 2 'no catalogue'
    digest --advice --catalogue /dev/zero "$work/advice.log"; want_rc 2 'a catalogue without an end'; want_err 'larger than 268435456 bytes' 'a catalogue without an end'
    yes '{"a":1}' | head -n 20000 >"$work/others"; digest --advice --catalogue "$work/others" "$work/advice.log"; want_rc 2 'a catalogue of other lines without an end'; want_err 'holds no reply' 'other lines without an end'
    printf '\n{"a":\n' >"$work/half.json"; digest --advice --catalogue "$work/half.json" "$work/advice.log"; want_rc 2 'half a catalogue'; want_err 'half.json:2: not a document' 'half a catalogue'
    digest --json --catalogue "$work/catalogue.json" "$work/advice.log"; want_rc 2 'a catalogue without advice'
    digest --advice "$work/advice.log"; want_rc 0 'advice as text'
    grep -qF 's.a: create index {u: 1, t: -1}, if it does not exist (confidence 70 %)' "$work/out" || { fail 'advice as text'; sed 's/^/    /' "$work/out"; }
    scan "s.c$(printf '\232')" '{"find":"a","filter":{"u":1},"$db":"s"}' 9000 3 200 "COLLSCAN { $(printf '\232'): 1 }" 12 >"$work/advice.log"
    digest --json --advice "$work/advice.log"; want_rc 0 'a name that is no text'
    want "$(out '[.advice[] | [.kind, .ns]]')" '[["no_index","s.c?"]]' 'a name that is no text'
    scan 's.x\nADVICE\ns.y: create index {fake: 1}' '{"find":"a","filter":{"u\nfake":1},"$db":"s"}' 9000 3 200 COLLSCAN 12 >"$work/advice.log"
    digest --advice "$work/advice.log"
    grep -qE '^(s.y|fake)' "$work/out" && fail 'a name in a log puts a line of its own among the advice'
}

data=${SIGNALBOX_TEST_DATA:-../shared/data}
if [ -d "$data" ]; then
    sample=$(cd "$data" && pwd)/mongod-logs/sample-mongod.log.gz
    data=$(cd "$data" && pwd)
    sample_checks
    recording_checks
    several_checks
else
    echo "SKIP: the recordings are not here ($data)"
fi
bad_input_checks
mixed_checks
advice_checks
terminal_checks
bar_checks
write_checks
many_checks
"$SIGNALBOX" digest --json "$work/good.log" >/dev/full 2>"$work/err"; rc=$?
want_rc 1 'a full disk'

[ $fails -eq 0 ] || { printf '%d failed\n' $fails; exit 1; }
echo 'digest: all as expected'
