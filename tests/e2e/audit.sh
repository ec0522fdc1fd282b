#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox audit` from outside: a ledger of real entries is verified by the program and, from its export, by a script that
# shares no line with it; copies are tampered with by the sqlite3 command, and each break must be located; a ledger in use,
# missing, of another version, read-only.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
: "${SIGNALBOX_BUILD:=$PWD/build/gcc}"
make_ledger="$SIGNALBOX_BUILD/tests/e2e/make_ledger"
work=$(mktemp -d) || exit 1
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
# libmongoc says so on stderr when a killed process of the same pid has left its counters in /dev/shm
export MONGOC_DISABLE_SHM=1
owner=''
trap 'exec 8>&- 9<&-; [ -z "$owner" ] || kill -CONT "$owner" 2>/dev/null; rm -rf "$work"' EXIT
fails=0
fail() { printf 'FAIL: %s\n' "$*"; fails=$((fails + 1)); }
# audit ARG...: stdout in $work/out, stderr in $work/err, exit status in $rc
audit() { "$SIGNALBOX" audit "$@" >"$work/out" 2>"$work/err"; rc=$?; }
want_rc() { [ "$rc" -eq "$1" ] || { fail "$2: exit $rc, not $1"; sed 's/^/    /' "$work/err" "$work/out"; }; }
want_err() { grep -qF -- "$1" "$work/err" || { fail "$2: stderr does not say \"$1\""; sed 's/^/    /' "$work/err"; }; }
want_out() { grep -qF -- "$1" "$work/out" || fail "$2: stdout does not say \"$1\""; }
one_sentence() { [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -s "$work/out" ] || { fail "$1: not one sentence on stderr"; cat "$work/err" "$work/out"; }; }
want() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }

ledger="$XDG_STATE_HOME/signalbox"
mkdir -p "$XDG_STATE_HOME" && "$make_ledger" "$ledger" || { echo 'FAIL: no ledger was made'; exit 1; }

# ---- verify, and the export under other eyes ----

same_root() { # what
    audit --json verify; want_rc 0 "$1: verify"
    jq -cS '{entries, root, head}' "$work/out" >"$work/ours"
    "$SIGNALBOX" audit export >"$work/export.jsonl" || fail "$1: export"
    python3 tests/e2e/verify_export.py "$work/export.jsonl" >"$work/theirs.json" || fail "$1: the script"
    want "$(jq -c .first_bad "$work/theirs.json")" null "$1: the script"
    want "$(jq -cS '{entries, root, head}' "$work/theirs.json")" "$(cat "$work/ours")" "$1: root and head"
}

verify_checks() {
    audit verify
    want_rc 0 verify; want_out 'ok: 46 entries' verify
    audit --json verify
    want "$(jq -c '[.ok, .entries, .first_bad, .checkpoint, .derived, .owner, (.root | length), (.head | length)]' "$work/out")" '[true,46,null,46,46,null,64,64]' 'verify --json'
    want "$(wc -l <"$work/out")" 1 'verify --json: lines'
    audit verify --full; want_rc 0 'verify --full'
    same_root 'the first ledger'
    # what was exported is what is stored, byte for byte
    sqlite3 "$ledger/ledger.db" 'SELECT json FROM entry ORDER BY seq' | cmp -s - "$work/export.jsonl" || fail 'the export is not what is stored'
    # over the edge of a tile, and one entry of an empty ledger
    "$make_ledger" "$ledger" many 300 || fail 'more entries'
    same_root 'a ledger of two tiles'
    want "$(jq .entries "$work/ours")" 346 'entries'
    for n in 0 1 2; do
        "$make_ledger" "$work/few$n/signalbox" many "$n" || fail "a ledger of $n"
        XDG_STATE_HOME="$work/few$n" same_root "a ledger of $n"
    done
    # the script can fail: one byte
    "$SIGNALBOX" audit export | sed '7s/primary/Primary/' >"$work/forged.jsonl"
    python3 tests/e2e/verify_export.py "$work/forged.jsonl" >"$work/theirs.json"
    want "$(jq -c .first_bad "$work/theirs.json")" '{"index":8,"what":"prev"}' 'the script on a forged export'
}

# ---- tampering ----

copy() { rm -rf "$work/copy"; cp -r "$ledger" "$work/copy"; }
sql() { sqlite3 "$work/copy/ledger.db" "DROP TRIGGER entry_append; DROP TRIGGER entry_delete; DROP TRIGGER entry_update; $1" || fail "sqlite3: $1"; }
# The triggers come back, so that the break is found in the entries and not in the schema.
heal() { sqlite3 "$ledger/ledger.db" "SELECT sql || ';' FROM sqlite_schema WHERE name IN ('entry_append','entry_delete','entry_update')" | sqlite3 "$work/copy/ledger.db"; }
located() { # what index [text]
    audit --json verify --ledger "$work/copy"
    want_rc 1 "$1"
    want "$(jq -c '[.ok, .first_bad.index]' "$work/out")" "[false,$2]" "$1"
    [ -n "$(jq -r .first_bad.what "$work/out")" ] || fail "$1: no word about what"
    [ -z "${3:-}" ] || want_out "$3" "$1"
    audit verify --ledger "$work/copy"
    want_rc 1 "$1 in words"
    want_out BROKEN "$1 in words"
    [ "$2" = null ] || want_out "entry $2" "$1 in words"
}
tamper() { # what index sql
    copy; sql "$3"; heal; located "$1" "$2"
}

# leaf hash and chain made anew from entry $1 on, as root on the machine could
cat >"$work/rechain.py" <<'PY'
import hashlib, json, sqlite3, sys
db, start = sqlite3.connect(sys.argv[1]), int(sys.argv[2])
prev = None
for seq, text in db.execute("SELECT seq, json FROM entry WHERE seq >= ? ORDER BY seq", (start,)).fetchall():
    if prev is not None:
        at = text.rindex('"prev":"') + 8
        text = text[:at] + prev + text[at + 64:]
    leaf = hashlib.sha256(b"\0" + text.encode()).digest()
    db.execute("UPDATE entry SET json = ?, leaf = ? WHERE seq = ?", (text, leaf, seq))
    prev = leaf.hex()
db.commit()
PY

tamper_checks() {
    copy; audit verify --ledger "$work/copy"; want_rc 0 'an honest copy'
    for at in 1 2 22 255 256 257 345 346; do
        tamper "a bit of the body of $at" "$at" "UPDATE entry SET json = replace(json, '\"v\":1}', '\"v\":2}') WHERE seq = $at;"
        tamper "the time of $at" "$at" "UPDATE entry SET json = substr(json, 1, instr(json, '\"ts\":') + 4) || '9' || substr(json, instr(json, '\"ts\":') + 6) WHERE seq = $at;"
        tamper "the leaf of $at" "$at" "UPDATE entry SET leaf = zeroblob(32) WHERE seq = $at;"
        tamper "$at deleted" "$at" "DELETE FROM entry WHERE seq = $at;"
    done
    tamper 'two swapped' 17 "UPDATE entry SET seq = -1 WHERE seq = 17; UPDATE entry SET seq = 17 WHERE seq = 23; UPDATE entry SET seq = 23 WHERE seq = -1;"
    tamper 'one twice' 11 "UPDATE entry SET json = (SELECT json FROM entry WHERE seq = 10), leaf = (SELECT leaf FROM entry WHERE seq = 10) WHERE seq = 11;"
    tamper 'one put in between' 21 "UPDATE entry SET seq = -seq WHERE seq > 20; UPDATE entry SET seq = 1 - seq WHERE seq < 0; INSERT INTO entry SELECT 21, leaf, json FROM entry WHERE seq = 20;"
    tamper 'one put behind the end' 347 "INSERT INTO entry SELECT 347, leaf, json FROM entry WHERE seq = 346;"
    tamper 'one put before the first' null "INSERT INTO entry SELECT 0, leaf, json FROM entry WHERE seq = 20;"
    tamper 'the tail cut off' 340 "DELETE FROM entry WHERE seq >= 340;"
    tamper 'all of it' 1 "DELETE FROM entry;"
    # a forged entry whose chain was made anew: the checkpoint and the tiles tell
    copy; sql "UPDATE entry SET json = replace(json, '\"seq\":14', '\"seq\":14') WHERE seq = 14; UPDATE entry SET json = replace(json, 'alice', 'mallo') WHERE seq = 14;"
    python3 "$work/rechain.py" "$work/copy/ledger.db" 14; heal
    located 'a forged chain' 14 'not the entry that was recorded'
    # the same without derived tables: the checkpoint's root tells that, not where
    rm "$work/copy/derived.db"; located 'a forged chain, no witness' 1 root
    # rebuild would make the witness forget
    copy; sql "UPDATE entry SET json = replace(json, 'alice', 'mallo') WHERE seq = 14;"; python3 "$work/rechain.py" "$work/copy/ledger.db" 14; heal
    sum=$(sha256sum <"$work/copy/derived.db")
    audit rebuild --ledger "$work/copy"; want_rc 1 'rebuild of a forged ledger'; want_err 'entry 14' 'rebuild of a forged ledger'; one_sentence 'rebuild of a forged ledger'
    want "$(sha256sum <"$work/copy/derived.db")" "$sum" 'the witness'
    # what is beside the entries
    copy; sqlite3 "$work/copy/ledger.db" 'DROP TRIGGER entry_update'; located 'a trigger is gone' null entry_update
    copy; sqlite3 "$work/copy/ledger.db" "DROP TRIGGER ref_delete; DELETE FROM ref WHERE id = 'C-000001' AND seq = 14;"
    sqlite3 "$ledger/ledger.db" "SELECT sql FROM sqlite_schema WHERE name = 'ref_delete'" | sqlite3 "$work/copy/ledger.db"; located 'a reference is gone' 14 C-000001
    copy; sqlite3 "$work/copy/ledger.db" "DROP TRIGGER started_delete; DELETE FROM started;"
    sqlite3 "$ledger/ledger.db" "SELECT sql FROM sqlite_schema WHERE name = 'started_delete'" | sqlite3 "$work/copy/ledger.db"; located 'a used nonce is gone' 18 0f1e2d3c
    copy; sqlite3 "$work/copy/derived.db" "DELETE FROM item WHERE id = 'C-000003'"; located 'an open card is not in the derived tables' null rebuild
    audit rebuild --ledger "$work/copy"; want_rc 0 rebuild; want_out '346 entries' rebuild
    audit verify --ledger "$work/copy"; want_rc 0 'after the rebuild'
    copy; head -c 3000 /dev/urandom >"$work/copy/derived.db"; located 'derived tables that are none' null rebuild
    audit --json rebuild --ledger "$work/copy"; want_rc 0 'rebuild of a damaged file'; want "$(jq -c . "$work/out")" '{"ok":true,"entries":346}' 'rebuild --json'
    copy; sed -i '2s/.*/9/' "$work/copy/checkpoint"; located 'a checkpoint of another size' 1 root
    copy; printf 'x\n' >"$work/copy/checkpoint"; located 'a checkpoint that is none' null checkpoint
    copy; rm "$work/copy/ledger.db"; located 'the file is gone' 1 gone
    copy; dd if=/dev/urandom of="$work/copy/ledger.db" bs=4096 seek=3 count=4 conv=notrunc 2>/dev/null
    audit --json verify --ledger "$work/copy"; want_rc 1 'pages of noise'; want "$(jq .ok "$work/out")" false 'pages of noise'
    head -c 20000 /dev/urandom >"$work/copy/ledger.db"; located 'a file of noise' null
    # SQLite's own check sees nothing of a changed entry
    copy; sql "UPDATE entry SET json = replace(json, 'alice', 'mallo') WHERE seq = 14;"; heal
    want "$(sqlite3 "$work/copy/ledger.db" 'PRAGMA integrity_check')" ok 'integrity_check'
    audit export --ledger "$work/copy"; want_rc 0 'the export of a changed ledger'
    python3 tests/e2e/verify_export.py "$work/out" >"$work/theirs.json"
    want "$(jq -c .first_bad.index "$work/theirs.json")" 15 'the script sees it too'
    copy; sql "UPDATE entry SET json = '{' WHERE seq = 9;"; heal
    audit export --ledger "$work/copy"; want_rc 1 'the export of what is no entry'; want_err 'entry 9' 'the export of what is no entry'; want "$(wc -l <"$work/out")" 8 'the export stops before it'
}

# ---- show, tail ----

show_checks() {
    "$SIGNALBOX" audit export >"$work/export.jsonl"
    audit show K-000001
    want_rc 0 show
    for text in 'orders is slow since 14:05' 'alice' 'suspect\|class     code' 'ALW-02' 'APP-01' 'd-000002' 'confidence 91 %' 'documents examined per returned: 20000 to 1' \
                '{"createIndexes":"orders","indexes":\[{"key":{"status":{"$numberInt":"1"},"created_at":{"$numberInt":"-1"}},"name":"status_1_created_at_-1"}\],"$db":"shop"}' \
                '{"dropIndexes":"orders","index":"status_1_created_at_-1","$db":"shop"}' 'sha256    a28fd5635d626daea67159fd7fc38ec35ff59b2eaa43123149792f619004619e' \
                'index_built: true, on 3 of 3 members' 'before 15600, after 16100, limit 4000 us' 'verdict FAIL' 'alice wants it undone' 'rolled_back'; do
        grep -q -- "$text" "$work/out" || fail "show does not tell: $text"
    done
    want "$(tail -1 "$work/out")" 'outcome: C-000001 rolled_back: undone and read back; case closed: C-000001 was rolled back' 'the last line'
    # the hash that is shown is the one that was approved
    want "$(grep -c "hash      $(jq -r 'select(.kind == "approval") | .body.approval.hash' "$work/export.jsonl")" "$work/out")" 2 'hash'
    grep -q SIMULATED "$work/out" && fail 'a real case is called simulated'
    grep -q K-000002 "$work/out" && fail 'another case is told'
    cp "$work/out" "$work/case"
    audit show C-000001; cmp -s "$work/out" "$work/case" || fail 'the card tells another story than its case'
    audit show A-000001; cmp -s "$work/out" "$work/case" || fail 'the anomaly tells another story than the case it led to'
    audit show K-000002; want_out 'denied' denied; want_out 'SCOPE-01' denied
    audit show K-000003; want_out SIMULATED simulated; want "$(tail -1 "$work/out")" 'outcome: C-000003 awaiting_approval: policy wants it approved; the case is open (SIMULATED)' open
    want "$(grep -c '^20.*Z  #.*\[simulated\]' "$work/out")" "$(grep -c '^20.*Z  #[0-9]' "$work/out")" 'every simulated entry says so'
    audit --json show K-000001
    want "$(jq -c '[.id, .simulated, .case.outcome, .anomaly.id, .cards[0].state, (.entries | length), (.entries | map(.seq) | . == sort)]' "$work/out")" \
         '["K-000001",false,"C-000001 was rolled back","A-000001","rolled_back",28,true]' 'show --json'
    want "$(jq -c '.entries[] | select(.kind == "step.intent") | .entry' "$work/out" | head -1)" "$(jq -c 'select(.kind == "step.intent")' "$work/export.jsonl" | head -1)" 'the entry itself'
    want "$(jq -r '.entries[0].leaf' "$work/out")" "$(jq -r 'select(.seq == 4) | .prev' "$work/export.jsonl")" 'its leaf'
    audit tail; want_rc 0 tail; want "$(wc -l <"$work/out")" 20 tail
    audit tail -n 3; want "$(wc -l <"$work/out")" 3 'tail -n 3'; grep -q '#346 ' "$work/out" || fail 'tail does not end with the newest'
    audit tail -n 0; want_rc 0 'tail -n 0'; want "$(wc -c <"$work/out")" 0 'tail -n 0'
    audit --json tail -n 400; want "$(jq -s -c '[length, .[0].seq, .[345].seq, .[2].kind, .[45].text]' "$work/out")" '[346,1,346,"anomaly","stopped: done"]' 'tail --json'
    # texts from outside neither drive the terminal nor make lines
    audit show K-000001; cat "$work/out" >"$work/shown"; audit tail -n 400; cat "$work/out" >>"$work/shown"
    LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$work/shown" && fail 'a control character came through'
    grep -q "$(printf '\342\200\256')" "$work/shown" && fail 'a bidi override came through'
    grep -q '^2099' "$work/shown" && fail 'a text from outside made a line of its own'
    grep -qF '\n2099-01-01T00:00:00.000Z' "$work/shown" || fail 'the text that tries to is not there'
}

# ---- what is wrong ----

wrong_checks() {
    for bad in '' 'prove 3' 'checkpoint' 'verify now' 'show' 'show a b' 'tail --full' 'export --follow' '--nope verify' 'tail -n x' 'tail -n -1'; do
        # shellcheck disable=SC2086
        audit $bad; want_rc 2 "audit $bad"; one_sentence "audit $bad"
    done
    audit checkpoint; want_err 'verify' 'what there is'
    for verb in verify 'show K-000001' tail export rebuild; do
        # shellcheck disable=SC2086
        audit --ledger "$work/nowhere" $verb; want_rc 2 "$verb without a ledger"; want_err 'there is no ledger' "$verb without a ledger"; one_sentence "$verb without a ledger"
    done
    [ -e "$work/nowhere" ] && fail 'something was made where no ledger was'
    audit show K-999999; want_rc 2 'no such case'; want_err K-999999 'no such case'; one_sentence 'no such case'
    audit show d-000001; want_rc 2 'a decision'; want_err 'policy explain' 'a decision'
    copy; sqlite3 "$work/copy/ledger.db" 'PRAGMA user_version = 2'
    located 'a newer ledger' null 'newer signalbox'
    for verb in 'show K-000001' tail export; do
        # shellcheck disable=SC2086
        audit --ledger "$work/copy" $verb; want_rc 1 "$verb of a newer ledger"; want_err 'newer signalbox' "$verb of a newer ledger"; one_sentence "$verb of a newer ledger"
    done
    audit --ledger "$work/copy" rebuild; want_rc 5 'rebuild of a newer ledger'; one_sentence 'rebuild of a newer ledger'
    "$SIGNALBOX" audit export >/dev/full 2>"$work/err"; rc=$?; want_rc 1 'export to a full disk'
    # read-only: all that only reads goes on. Root may write anything, so somebody else looks.
    copy; chmod 555 "$work/copy"; chmod 444 "$work/copy"/*; chmod 755 "$work"
    if [ "$(id -u)" -ne 0 ]; then as=''
    elif setpriv --reuid 65534 --regid 65534 --clear-groups "$SIGNALBOX" version >/dev/null 2>&1; then as='setpriv --reuid 65534 --regid 65534 --clear-groups'
    else echo 'SKIP: nobody else may run the program here, so a read-only ledger cannot be tried'; chmod -R u+w "$work/copy"; return; fi
    for verb in verify 'show K-000001' 'tail -n 1' export; do
        # shellcheck disable=SC2086
        $as "$SIGNALBOX" audit --ledger "$work/copy" $verb >"$work/out" 2>"$work/err"; rc=$?; want_rc 0 "$verb of a read-only ledger"
    done
    $as "$SIGNALBOX" audit --ledger "$work/copy" rebuild >"$work/out" 2>"$work/err"; rc=$?
    want_rc 5 'rebuild of a read-only ledger'; one_sentence 'rebuild of a read-only ledger'
    # what may not be read is not called broken
    chmod 000 "$work/copy/ledger.db"
    $as "$SIGNALBOX" audit --ledger "$work/copy" verify >"$work/out" 2>"$work/err"; rc=$?
    want_rc 1 'verify of what may not be read'; one_sentence 'verify of what may not be read'; want_err 'Permission denied' 'verify of what may not be read'
    chmod -R u+rwX "$work/copy"
}

# ---- in use ----

append() { echo >&8; read -r head <&9; }
use_checks() {
    mkfifo "$work/to" "$work/from"
    "$make_ledger" "$ledger" own <"$work/to" >"$work/from" & owner=$!
    exec 8>"$work/to" 9<"$work/from"
    read -r said <&9; want "$said" owned 'the owner'
    append; want "$head" 347 'the owner appends'
    audit --json verify; want_rc 0 'verify beside an owner'; want "$(jq -c '[.entries, .owner]' "$work/out")" "[347,$owner]" 'verify beside an owner'
    audit verify; want_out "process $owner owns this ledger" 'verify beside an owner'
    audit show K-000001; want_rc 0 'show beside an owner'
    audit rebuild; want_rc 5 'rebuild beside an owner'; want_err "process $owner owns this ledger" 'rebuild beside an owner'; one_sentence 'rebuild beside an owner'
    audit verify --full; want_rc 1 'a full check beside an owner'; want_err 'under one lock' 'a full check beside an owner'
    # readers all the time, and the owner goes on appending; every append is answered
    : >"$work/rounds"
    (while [ ! -e "$work/enough" ]; do
        "$SIGNALBOX" audit verify >/dev/null || echo broken
        "$SIGNALBOX" audit export >/dev/null || echo broken
        echo >>"$work/rounds"
    done) >"$work/readers" 2>&1 & readers=$!
    appended=0
    while [ "$appended" -lt 50 ] || [ "$(wc -l <"$work/rounds")" -lt 20 ]; do append; appended=$((appended + 1)); done
    : >"$work/enough"; wait $readers
    want "$head" $((347 + appended)) 'appends beside readers'; [ ! -s "$work/readers" ] || fail "readers beside appends: $(sort "$work/readers" | uniq -c)"
    # what comes is followed
    "$SIGNALBOX" audit --json tail -n 1 --follow >"$work/followed" 2>&1 & follower=$!
    for _ in $(seq 100); do [ "$(wc -l <"$work/followed")" -ge 1 ] && break; sleep 0.1; done
    append
    for _ in $(seq 100); do [ "$(wc -l <"$work/followed")" -ge 2 ] && break; sleep 0.1; done
    kill $follower; wait $follower 2>/dev/null
    want "$(jq -s -c 'map(.seq)' "$work/followed")" "[$((head - 1)),$head]" 'tail --follow'
    # a stopped owner is said to be stopped
    kill -STOP "$owner"
    for _ in $(seq 100); do [ "$(cut -d' ' -f3 "/proc/$owner/stat")" = T ] && break; sleep 0.05; done
    audit verify; want_rc 0 'verify beside a stopped owner'; want_out 'is stopped' 'verify beside a stopped owner'
    audit rebuild; want_rc 5 'rebuild beside a stopped owner'; want_err SIGCONT 'rebuild beside a stopped owner'
    kill -CONT "$owner"
    exec 8>&-; wait "$owner" || fail 'the owner failed'
    owner=''
    exec 9<&-
    audit verify --full; want_rc 0 'after the owner'; want_out "ok: $head entries" 'after the owner'
    audit rebuild; want_rc 0 'rebuild after the owner'
}

verify_checks
tamper_checks
show_checks
wrong_checks
use_checks

[ $fails -eq 0 ] || { printf '%d failed\n' $fails; exit 1; }
echo 'audit: all as expected'
