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
    copy; sed -i '2s/.*/9/' "$work/copy/checkpoint"; located 'a checkpoint of another size' null 'does not belong to this text'
    copy; sed -i '4,$d' "$work/copy/checkpoint"; located 'a checkpoint without its signature' null 'not signed'
    copy; rm "$work/copy/checkpoint"; located 'the checkpoint is gone' null 'is gone; it covered 346 entries'
    copy; mkdir "$work/other" && "$make_ledger" "$work/other"; cp "$work/other/checkpoint" "$work/copy/checkpoint"; located 'the checkpoint of another ledger' null 'not signed with this'
    # another line of the table of references is found without --full
    copy; sqlite3 "$work/copy/ledger.db" "DROP TRIGGER ref_update; UPDATE ref SET id = 'C-000002' WHERE id = 'C-000001' AND seq = 14;"
    sqlite3 "$ledger/ledger.db" "SELECT sql FROM sqlite_schema WHERE name = 'ref_update'" | sqlite3 "$work/copy/ledger.db"; located 'a reference is another' 14 C-000001
    copy; printf 'x\n' >"$work/copy/checkpoint"; located 'a checkpoint that is none' null checkpoint
    copy; rm "$work/copy/ledger.db"; located 'the file is gone' 1 gone
    copy; dd if=/dev/urandom of="$work/copy/ledger.db" bs=4096 seek=3 count=4 conv=notrunc 2>/dev/null
    audit --json verify --ledger "$work/copy"; want_rc 1 'pages of noise'; want "$(jq .ok "$work/out")" false 'pages of noise'
    head -c 20000 /dev/urandom >"$work/copy/ledger.db"; located 'a file of noise' null
    # SQLite's own check sees nothing of a changed entry
    copy; sql "UPDATE entry SET json = replace(json, 'alice', 'mallo') WHERE seq = 14;"; heal
    want "$(sqlite3 "$work/copy/ledger.db" 'PRAGMA integrity_check')" ok 'integrity_check'
    # and nobody who only reads takes it for what was recorded
    audit export --ledger "$work/copy"; want_rc 1 'the export of a changed ledger'; want_err 'entry 14' 'the export of a changed ledger'
    want "$(wc -l <"$work/out")" 13 'the export of a changed ledger stops before it'
    for say in 'show K-000001' 'prove 14'; do
        audit $say --ledger "$work/copy"; want_rc 1 "$say of a changed ledger"; want_err 'entry 14' "$say of a changed ledger"
    done
    audit export --ledger "$ledger"; sed '14s/alice/mallo/' "$work/out" >"$work/forged"
    python3 tests/e2e/verify_export.py "$work/forged" >"$work/theirs.json"
    want "$(jq -c .first_bad.index "$work/theirs.json")" 15 'the script sees a changed export'
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
    for bad in '' 'prove' 'prove x' 'prove 0' 'prove 1 2 3' 'prove 9 3' 'prove 3 --check f' 'checkpoint now' 'verify --key f' 'tail --format syslog' 'export --since soon' 'export --format xml' 'verify now' 'show' 'show a b' 'tail --full' 'export --follow' '--nope verify' 'tail -n x' 'tail -n -1'; do
        # shellcheck disable=SC2086
        audit $bad; want_rc 2 "audit $bad"; one_sentence "audit $bad"
    done
    audit prove; want_err 'verify' 'what there is'
    audit prove 347; want_rc 2 'an entry that is not there'; want_err '346 entries' 'an entry that is not there'; one_sentence 'an entry that is not there'
    for verb in verify 'show K-000001' tail export rebuild checkpoint 'prove 1'; do
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
    audit verify --full; want_rc 0 'a full check beside an owner'
    audit checkpoint; want_rc 0 'a checkpoint beside an owner'; want "$(sed -n 2p "$work/out")" 347 'a checkpoint beside an owner'
    # readers that are stopped, wherever that is, stop nobody; one that goes on has read what was
    "$SIGNALBOX" audit --json tail -n 1 --follow >/dev/null 2>&1 & stopped=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$SIGNALBOX" audit verify >/dev/null 2>&1 & stopped="$stopped $!"
        kill -STOP $!
        append
    done
    for pid in $stopped; do kill -KILL "$pid"; kill -CONT "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
    want "$head" 357 'appends beside stopped readers'
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
    want "$head" $((357 + appended)) 'appends beside readers'; [ ! -s "$work/readers" ] || fail "readers beside appends: $(sort "$work/readers" | uniq -c)"
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

# ---- checkpoints, witness, proofs ----

prove() { "$SIGNALBOX" audit prove "$@" >"$work/proof" 2>"$work/err"; rc=$?; want_rc 0 "prove $*"; }
check_proof() { # what: both say it holds
    "$SIGNALBOX" audit prove --check "$work/proof" >"$work/out" 2>"$work/err"; rc=$?; want_rc 0 "$1"; want_out proven "$1"
    python3 tests/e2e/verify_proof.py "$work/proof" >/dev/null || fail "$1: the script"
}
refuse_proof() { # what: neither does
    "$SIGNALBOX" audit prove --check "$work/proof" >"$work/out" 2>"$work/err"; rc=$?; want_rc 1 "$1"; want_out 'NOT PROVEN' "$1"
    python3 tests/e2e/verify_proof.py "$work/proof" >/dev/null && fail "$1: the script"
}
forge() { jq -c "$1" "$work/proof" >"$work/forged" && mv "$work/forged" "$work/proof"; }

proof_checks() {
    root=$("$SIGNALBOX" audit --json verify | jq -r .root)
    for n in 1 2 46 255 256 257 346; do prove $n; check_proof "entry $n"; want "$(jq -r .root "$work/proof")" "$root" "the root of the proof of $n"; done
    for pair in '1 1' '1 346' '46 346' '256 346' '255 256' '345 346' '346 346' '100 300'; do
        # shellcheck disable=SC2086
        prove $pair; check_proof "$pair"
    done
    prove 46; forge '.entry |= sub("orchestrator"; "0rchestrator")'; refuse_proof 'another entry'
    prove 46; forge '.index = 46 | .seq = 47'; refuse_proof 'another place'
    # sizes whose tree has the same shape on the way are told apart by the root alone, which a checkpoint signs with the size
    prove 46; forge '.size = 600'; refuse_proof 'a larger size'
    prove 46; forge '.size = 256'; refuse_proof 'a smaller size'
    prove 46; forge '.path |= .[1:]'; refuse_proof 'a hash too few'
    prove 46; forge '.path += [.root]'; refuse_proof 'a hash too many'
    prove 100 300; forge '.size = 600'; refuse_proof 'a larger second size'
    prove 100 300; forge '.size = 256'; refuse_proof 'a smaller second size'
    prove 256 346; forge '.size = 600'; refuse_proof 'a larger second size, of a power of two'
    prove 256 346; forge '.size = 256'; refuse_proof 'the same second size'
    prove 100 300; forge '.old_size = 101'; refuse_proof 'another first size'
    prove 100 300; forge '.old_root = .root'; refuse_proof 'another first root'
    echo '{"type":"inclusion"}' >"$work/proof"
    "$SIGNALBOX" audit prove --check "$work/proof" >"$work/out" 2>"$work/err"; rc=$?; want_rc 2 'no proof'; one_sentence 'no proof'
}

checkpoint_checks() {
    audit verify; want "$(sed -n 2p "$ledger/checkpoint")" 346 'the checkpoint'
    want "$(stat -c %a "$ledger/checkpoint-key")" 600 'the mode of the key'
    audit checkpoint; want_rc 0 checkpoint
    cmp -s "$work/out" "$ledger/checkpoint.signed" || fail 'the printed checkpoint is not the one that was kept'
    python3 tests/e2e/verify_note.py "$work/out" "$ledger/checkpoint-key.pub" >"$work/theirs" || fail 'the script does not accept the checkpoint'
    python3 tests/e2e/verify_note.py "$ledger/checkpoint" "$ledger/checkpoint-key.pub" >/dev/null || fail "the script does not accept the owner's checkpoint"
    want "$(sed -n 2,3p "$work/out" | tr '\n' ' ')" "346 $("$SIGNALBOX" audit --json verify | python3 -c 'import base64, json, sys; print(base64.b64encode(bytes.fromhex(json.load(sys.stdin)["root"])).decode())') " 'size and root'
    sed 's/^346$/345/' "$work/out" >"$work/forged"
    python3 tests/e2e/verify_note.py "$work/forged" "$ledger/checkpoint-key.pub" >/dev/null 2>&1 && fail 'the script accepts a forged checkpoint'
    # with the operator's key: one line more, which ssh-keygen verifies; who does not know it ignores it
    ssh-keygen -q -t ed25519 -N '' -C alice -f "$work/alice" || fail ssh-keygen
    audit checkpoint --key "$work/alice"; want_rc 0 'checkpoint --key'
    want "$(grep -c '^— ' "$work/out")" 2 'signatures'
    python3 tests/e2e/verify_note.py "$work/out" "$ledger/checkpoint-key.pub" >/dev/null || fail 'the script does not ignore the second signature'
    { echo '-----BEGIN SSH SIGNATURE-----'; grep '^— ssh/' "$work/out" | cut -d' ' -f3 | base64 -d | tail -c +5 | base64 -w 70; echo '-----END SSH SIGNATURE-----'; } >"$work/note.sig"
    printf 'alice %s\n' "$(cat "$work/alice.pub")" >"$work/allowed"
    head -3 "$work/out" | ssh-keygen -q -Y verify -f "$work/allowed" -I alice -n signalbox-checkpoint@signalbox -s "$work/note.sig" >/dev/null || fail 'ssh-keygen does not verify it'
    audit verify; want_rc 0 'with a signed checkpoint'
    audit checkpoint --key "$work/nobody"; want_rc 1 'a key that is not there'
    # a ledger that was rewritten is not signed, whatever is asked
    copy; sql "UPDATE entry SET json = replace(json, 'alice', 'mallo') WHERE seq = 14;"; python3 "$work/rechain.py" "$work/copy/ledger.db" 14; heal; rm "$work/copy/derived.db"
    cp "$work/copy/checkpoint.signed" "$work/before"
    audit checkpoint --ledger "$work/copy"; want_rc 1 'a checkpoint of a rewritten ledger'; want_err 'was rewritten' 'a checkpoint of a rewritten ledger'
    cmp -s "$work/copy/checkpoint.signed" "$work/before" || fail 'a rewritten ledger was signed'
    # signed again with another key
    copy; rm "$work/copy/checkpoint-key"; sed -i 's/^— signalbox\/[^ ]* .*/— signalbox\/x AAAAAAAAAAAAAAAAAAAA/' "$work/copy/checkpoint"; located 'signed with another key' null 'not signed with this'
}

# The copy elsewhere tells what nothing beside the ledger can tell: all of it is replaced.
witness_checks() {
    audit verify --witness "$work/elsewhere"; want_rc 0 'a witness that is still to be'
    audit checkpoint --witness "$work/elsewhere"; want_rc 0 'the witness is made'
    audit --json verify --witness "$work/elsewhere"; want_rc 0 'a witness that agrees'; want "$(jq .witness "$work/out")" 346 'the witness'
    cp -r "$ledger" "$work/longer"; "$make_ledger" "$work/longer" many 10
    audit checkpoint --ledger "$work/longer" --witness "$work/newest"; want_rc 0 'a newer witness'
    audit verify --witness "$work/newest"; want_rc 1 'a shorter ledger'; want_out 'entry 347' 'a shorter ledger'; want_out '356 entries with the root' 'a shorter ledger'
    audit checkpoint --witness "$work/newest"; want_rc 1 'a shorter ledger is not signed'; want_err 'cut off' 'a shorter ledger is not signed'
    # forked: the same log, other entries from 347 on
    cp -r "$ledger" "$work/forked"; "$make_ledger" "$work/forked" many 12
    audit --ledger "$work/forked" verify; want_rc 0 'a fork by itself'
    audit --ledger "$work/forked" verify --witness "$work/newest"; want_rc 1 'a fork'; want "$(grep -o 'with the root' "$work/out" | wc -l)" 2 'both checkpoints are shown'
    # the owner refuses to write to it, and says the same
    SIGNALBOX_WITNESS="$work/newest" "$make_ledger" "$work/forked" many 1 2>"$work/err"; rc=$?; want_rc 1 'an owner of a fork'; want_err 'was rewritten' 'an owner of a fork'
    SIGNALBOX_WITNESS="$work/newest" "$make_ledger" "$work/longer" many 1 2>"$work/err"; rc=$?; want_rc 0 'an owner of the real one'
    want "$(sed -n 2p "$work/newest")" 357 'the witness is brought up'
    rm "$work/newest"
    SIGNALBOX_WITNESS="$work/newest" "$make_ledger" "$work/longer" many 1 2>"$work/err"; rc=$?; want_rc 1 'an owner whose witness is gone'; want_err 'is gone' 'an owner whose witness is gone'
    # from the config
    mkdir -p "$work/config/signalbox"; printf 'set witness %s\n' "$work/elsewhere" >"$work/config/signalbox/config"
    audit --json verify; want "$(jq .witness "$work/out")" 346 'the witness of the config'
    rm "$work/config/signalbox/config"
}

# ---- exports in other forms ----

export_checks() {
    "$SIGNALBOX" audit export >"$work/lines"
    "$SIGNALBOX" audit export --format cloudevents >"$work/events" || fail 'cloudevents'
    want "$(jq -s 'length' "$work/events")" 346 'cloudevents'
    jq -c .data "$work/events" | jq -S -c . >"$work/a"; jq -S -c . "$work/lines" >"$work/b"; cmp -s "$work/a" "$work/b" || fail 'the data of the events are not the entries'
    want "$(jq -s -c 'map(select((.specversion == "1.0") and (.id | test("^[0-9]+$")) and (.source | startswith("/signalbox/")) and (.type | startswith("org.signalbox.entry.")) and (.leafsha256 | length == 64))) | length' "$work/events")" 346 'what CloudEvents 1.0 wants'
    want "$(jq -s -c '.[1:] | map(.data.prev)' "$work/events")" "$(jq -s -c '.[:-1] | map(.leafsha256)' "$work/events")" 'the leaf hashes'
    want "$(jq -r 'keys_unsorted[]' "$work/events" | sort -u | grep -cv '^[a-z0-9]*$')" 0 'attribute names'
    "$SIGNALBOX" audit export --format syslog >"$work/syslog" || fail 'syslog'
    want "$(grep -cE '^<1(09|10)>1 [0-9T:.-]+Z [!-~]+ signalbox [0-9]+ [a-z._]+ \[signalbox@32473 seq="[0-9]+" leaf="[0-9a-f]{64}" log="[0-9a-f]{32}"( case="[^"]*")?( card="[^"]*")?\]( .*)?$' "$work/syslog")" 346 'RFC 5424'
    want "$(sed 's/.* leaf="\([0-9a-f]*\)".*/\1/' "$work/syslog")" "$(jq -r .leafsha256 "$work/events")" 'the leaf hashes of syslog'
    LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$work/syslog" && fail 'a control character in syslog'
    # what is wanted of it
    "$SIGNALBOX" audit export --case K-000001 >"$work/a"; jq -c 'select(.plan.case == "K-000001")' "$work/lines" | wc -l >"$work/b"; want "$(wc -l <"$work/a")" "$(cat "$work/b")" '--case'
    middle=$(jq -r 'select(.seq == 100) | .ts / 1000 | todate' "$work/lines")
    a=$("$SIGNALBOX" audit export --until "$middle" | wc -l); b=$("$SIGNALBOX" audit export --since "$middle" | wc -l)
    want $((a + b)) 346 '--since and --until'
    want "$("$SIGNALBOX" audit export --since 2099-01-01 | wc -l)" 0 '--since the future'
}

verify_checks
tamper_checks
show_checks
checkpoint_checks
witness_checks
proof_checks
export_checks
wrong_checks
use_checks

[ $fails -eq 0 ] || { printf '%d failed\n' $fails; exit 1; }
echo 'audit: all as expected'
