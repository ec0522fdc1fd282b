#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `signalbox policy` from outside: verdicts and their exit statuses, mistakes with their place, what lint finds and what it
# leaves alone, tests that pass, fail and look away, decisions of a real ledger that come out the same again or are asked again
# of another bundle, and which bundle comes into force: signed, newer, whole, or else the last good one.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
: "${SIGNALBOX_BUILD:=$PWD/build/gcc}"
make_ledger="$SIGNALBOX_BUILD/tests/e2e/make_ledger"
work=$(mktemp -d) || exit 1
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
# libmongoc says so on stderr when a killed process of the same pid has left its counters in /dev/shm
export MONGOC_DISABLE_SHM=1
trap 'rm -rf "$work"' EXIT
fails=0
fail() { printf 'FAIL: %s\n' "$*"; fails=$((fails + 1)); }
policy() { "$SIGNALBOX" policy "$@" >"$work/out" 2>"$work/err"; rc=$?; }
want_rc() { [ "$rc" -eq "$1" ] || { fail "$2: exit $rc, not $1"; sed 's/^/    /' "$work/err" "$work/out"; }; }
want_err() { grep -qF -- "$1" "$work/err" || { fail "$2: stderr does not say \"$1\""; sed 's/^/    /' "$work/err"; }; }
want_out() { grep -qF -- "$1" "$work/out" || { fail "$2: stdout does not say \"$1\""; sed 's/^/    /' "$work/out"; }; }
one_sentence() { [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -s "$work/out" ] || { fail "$1: not one sentence on stderr"; cat "$work/err" "$work/out"; }; }
want() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }
out() { jq -c "$1" "$work/out"; }
input() { jq -c ".inputs.$1 * $2" policy/default.json >"$work/input.json"; } # base change

# ---- eval ----

eval_checks() {
    input run '{}'
    policy eval "$work/input.json"
    want_rc 0 allow; want "$(out '[.decision, .requires.approvals, .would_flip, [.rules[] | select(.decides) | .id]]')" '["allow",1,[],["ALW-02"]]' allow
    want "$(out '[.policy.bundle, .policy.version, (.policy.sha256 | length)]')" '["default","2026.11.6",64]' 'the bundle'
    want "$(out '.rules | map(select(.id == "HLT-02"))[0] | [.level, .result, .values]')" '["hard","false",{"health.lag_s":0}]' 'a rule'
    want "$(wc -l <"$work/out")" 1 'one line'
    input build '{}'
    policy --json eval - <"$work/input.json"
    want_rc 0 require; want "$(out '[.decision, .requires.approvals, .requires.not_author, (.would_flip | length)]')" '["require",1,true,1]' require
    input run '{"health":{"lag_s":60}}'
    policy eval "$work/input.json"
    want_rc 4 deny; want "$(out '[.decision, [.rules[] | select(.decides) | .id]]')" '["deny",["HLT-02"]]' deny
    want "$(out '.would_flip[0]')" '"wait until health.lag_s is below 10 (it is 60) (rule HLT-02)"' 'what would flip it'
    # a fact that is not there is an error, and in prod that denies
    input run '{"health":{"lag_s":null}}'
    policy eval "$work/input.json"
    want_rc 4 'a missing fact'; want "$(out '[.decision, (.rules[] | select(.id == "HLT-02") | .result)]')" '["deny","error"]' 'a missing fact'
    printf '[]' | "$SIGNALBOX" policy eval - >"$work/out" 2>"$work/err"; rc=$?
    want_rc 2 'no object'; grep -q 'is an object' "$work/err" || fail 'no object: not said'
    # the same anywhere: time zones, locales, folders
    input build '{}'
    policy eval "$work/input.json"; cp "$work/out" "$work/here"
    for zone in Pacific/Kiritimati America/Lima; do
        (cd / && TZ=$zone LC_ALL=C "$SIGNALBOX" policy eval "$work/input.json") | cmp -s - "$work/here" || fail "another verdict in $zone"
    done
    jq -S . "$work/input.json" | "$SIGNALBOX" policy eval - | cmp -s - "$work/here" || fail 'another verdict for another order of keys'
    # wrong input
    printf '{"stage":\n "gate",}' >"$work/bad.json"
    policy eval "$work/bad.json"; want_rc 2 'bad input'; want_err "$work/bad.json:2:" 'bad input'; one_sentence 'bad input'
    printf '{"health":{"lag_s":1.5}}' >"$work/bad.json"; policy eval "$work/bad.json"; want_rc 2 'a real number'; one_sentence 'a real number'
    printf '{"a":1,"a":2}' >"$work/bad.json"; policy eval "$work/bad.json"; want_rc 2 'a key twice'; one_sentence 'a key twice'
    policy eval "$work/nowhere"; want_rc 2 'no such input'; want_err "$work/nowhere" 'no such input'; one_sentence 'no such input'
    head -c 2000000 /dev/zero | tr '\0' ' ' | "$SIGNALBOX" policy eval - >"$work/out" 2>"$work/err"; rc=$?; want_rc 2 'a large input'; one_sentence 'a large input'
    "$SIGNALBOX" policy eval "$work/input.json" >/dev/full 2>"$work/err"; rc=$?; want_rc 1 'a full disk'
}

# ---- mistakes and their places ----

bundle() { # rules [tests]: on lines of their own
    printf '{"format": "signalbox.policy/1", "bundle": "t", "version": "1", "default": "deny",\n "rules": [\n%s\n ],\n "tests": [%s]}\n' "$1" "${2:-}" >"$work/bundle.json"
}
allow='  {"id": "A", "level": "hard", "effect": "allow", "title": "t", "match": {"stage": {"eq": "gate"}}}'
a_test='{"name": "n", "input": {"stage": "gate"}, "expect": {"decision": "allow"}}, {"name": "m", "input": {"stage": "intake"}, "expect": {"decision": "deny"}}'

typo_checks() {
    wrong() { # what line:column says
        for verb in lint test "eval $work/input.json"; do
            # shellcheck disable=SC2086
            policy --policy "$work/bundle.json" $verb; want_rc 2 "$1, $verb"; want_err "$work/bundle.json:$2: " "$1, $verb"; want_err "$3" "$1, $verb"; one_sentence "$1, $verb"
        done
    }
    bundle "$allow,
  {\"id\": \"B\", \"level\": \"hard\", \"efect\": \"deny\", \"title\": \"t\", \"match\": {\"stage\": {\"eq\": \"gate\"}}}"
    wrong 'a key with a typo' 4:32 '/rules/1/efect: unknown key "efect"'
    bundle "$allow,
  {\"id\": \"B\", \"level\": \"hard\", \"effect\": \"deny\", \"title\": \"é é\", \"match\": {\"stage\": {\"equals\": \"gate\"}}}"
    wrong 'an operator with a typo' 4:86 'unknown operator "equals"'
    bundle "$allow,
  {\"id\": \"A\", \"level\": \"hard\", \"effect\": \"deny\", \"title\": \"t\", \"match\": {\"stage\": {\"eq\": \"gate\"}}}"
    wrong 'an id twice' 4:3 'a second rule with the id "A"'
    bundle "$allow" '{"name": "n", "input": {}, "expect": {"decision": "alow"}}'
    wrong 'a decision with a typo' 5:39 'unknown decision "alow"'
    bundle "$allow,,"
    wrong 'no JSON' 3:101 'unexpected token'
    policy --policy "$work/nowhere" test; want_rc 2 'no such bundle'; want_err nowhere 'no such bundle'; one_sentence 'no such bundle'
    policy --policy defualt test; want_rc 2 'a name with a typo'; want_err defualt 'a name with a typo'
    mkdir -p "$XDG_CONFIG_HOME/signalbox"; printf 'set policy training\n' >"$XDG_CONFIG_HOME/signalbox/config"
    policy --json test; want_rc 0 "the config's bundle"; want "$(out .policy.bundle)" '"training"' "the config's bundle"
    rm "$XDG_CONFIG_HOME/signalbox/config"
}

# ---- lint ----

finds() { # what line:column says, of the one rule in $1
    bundle "$allow,
$4" "$a_test"
    policy --policy "$work/bundle.json" lint
    want_rc 1 "lint: $1"; want_out "$work/bundle.json:$2: B: " "lint: $1"; want_out "$3" "lint: $1"
    want "$(wc -l <"$work/out")" 1 "lint: findings of $1"
}
deny() { printf '  {"id": "B", "level": "hard", "effect": "deny", "title": "t", %s}' "$1"; }

lint_checks() {
    for name in default training strict-prod; do
        policy --policy $name lint; want_rc 0 "lint of $name"
        policy --policy $name --json lint; want "$(out '[.ok, .findings, .policy.bundle]')" "[true,[],\"$name\"]" "lint --json of $name"
    done
    finds 'an unknown fact' 4:74 'no decision input has a fact health.lags' "$(deny '"match": {"health.lags": {"gt": 1}}')"
    finds 'a text for an integer' 4:91 'health.lag_s is an integer' "$(deny '"match": {"health.lag_s": {"eq": "10"}}')"
    finds 'a value that never is' 4:89 'target.env is never "production"; it is one of: prod staging dev' "$(deny '"match": {"target.env": {"eq": "production"}}')"
    finds 'an order of texts' 4:90 'is always an error' "$(deny '"match": {"action.kind": {"lt": 3}}')"
    finds 'a list as a scalar' 4:88 'action.ns is a list' "$(deny '"match": {"action.ns": {"eq": "a.b"}}')"
    finds 'a scalar as a list' 4:90 'not a list' "$(deny '"match": {"action.kind": {"any": {"eq": "x"}}}')"
    finds 'an empty range' 4:74 'never true' "$(deny '"match": {"health.lag_s": {"gt": 9, "lt": 10}}')"
    finds 'an unknown fact beside another' 4:91 'a fact health.lagg' "$(deny '"match": {"health.lag_s": {"gt": {"fact": "health.lagg"}}}')"
    finds 'a fact of a message' 4:64 'a fact health.lagg' "$(deny '"message": "lag {health.lag_s}, {health.lagg}", "match": {"health.lag_s": {"gt": 1}}')"
    finds 'an overdue review' 4:64 'its review was due on 2020-01-01' "$(deny '"review_by": "2020-01-01", "match": {"health.lag_s": {"gt": 1}}')"
    finds 'a review on no day' 4:64 'no day' "$(deny '"review_by": "2020-13-01", "match": {"health.lag_s": {"gt": 1}}')"
    finds 'a requirement of nothing' 4:3 'requires nothing' '  {"id": "B", "level": "hard", "effect": "require", "title": "t", "match": {"health.lag_s": {"gt": 1}}, "require": {}}'
    bundle "$allow,
$(deny '"match": {"health.lag_s": {"gt": 9}}'),
  {\"id\": \"C\", \"level\": \"hard\", \"effect\": \"allow\", \"title\": \"t\", \"match\": {\"target.env\": {\"eq\": \"dev\"}}, \"when\": {\"health.lag_s\": {\"gt\": 9}}}" "$a_test"
    policy --policy "$work/bundle.json" lint; want_rc 1 'a rule under a deny'; want_out 'bundle.json:5:3: C: it never decides anything: wherever it is true, B denies' 'a rule under a deny'
    want "$(wc -l <"$work/out")" 1 'a rule under a deny'
    policy --policy "$work/bundle.json" --json lint; want_rc 1 'lint --json'
    want "$(out '[.ok, (.findings[0] | [.line, .column, .at, .rule])]')" '[false,[5,3,"/rules/2","C"]]' 'lint --json'
    bundle "$(deny '"match": {"stage": {"eq": "gate"}}')"
    policy --policy "$work/bundle.json" lint; want_rc 1 'nothing allowed'; want_out 'no rule allows anything' 'nothing allowed'; want_out 'it has no tests' 'nothing allowed'
}

# ---- test ----

test_checks() {
    for name in default training strict-prod; do
        policy --policy $name test; want_rc 0 "test of $name"
        policy --policy $name --json test
        want "$(out '[.ok, .failed, .rules == .rules_true, .rules == .rules_false, .conditions == .conditions_true, .conditions == .conditions_false, .mutants == .caught]')" \
             '[true,0,true,true,true,true,true]' "test --json of $name"
    done
    bundle "$allow" "$a_test"
    policy --policy "$work/bundle.json" test; want_rc 0 'two tests'; want_out '2 of 2 pass' 'two tests'
    bundle "$allow" '{"name": "n", "input": {"stage": "gate"}, "expect": {"decision": "deny"}}'
    policy --policy "$work/bundle.json" test; want_rc 1 'a failing test'; want_out 'FAIL      n: decision allow, expected deny' 'a failing test'
    policy --policy "$work/bundle.json" --json test; want_rc 1 'a failing test'; want "$(out '[.ok, .tests, .failed, .mutants]')" '[false,1,1,0]' 'a failing test'
    bundle "$allow" '{"name": "n", "input": {"stage": "gate"}, "expect": {"decision": "allow"}}, {"name": "m", "input": {"stage": "gate"}, "expect": {"decision": "allow", "rules": ["A"]}}'
    policy --policy "$work/bundle.json" test; want_rc 0 'a gap'; want_out 'gap       A: never false' 'a gap'
    bundle "$allow,
$(deny '"match": {"health.lag_s": {"gt": 9}}')" '{"name": "n", "input": {"stage": "gate", "health": {"lag_s": 1}}, "expect": {"decision": "allow"}}'
    policy --policy "$work/bundle.json" test; want_rc 1 'a survivor'; want_out 'survivor  B: left out' 'a survivor'
    bundle "$allow"
    policy --policy "$work/bundle.json" test; want_rc 1 'no tests'; want_out 'no tests' 'no tests'
    policy --policy "$work/bundle.json" --json test; want_rc 1 'no tests'; want "$(out .ok)" false 'no tests'
}

# ---- explain ----

explain_checks() {
    mkdir -p "$XDG_STATE_HOME"; "$make_ledger" "$XDG_STATE_HOME/signalbox" || { fail 'no ledger was made'; return; }
    policy explain d-000002
    want_rc 0 explain
    for text in 'decision d-000002, entry 11 of 20' ', at gate, for C-000001' 'REQUIRE   index.create on shop.orders in prod, at gate   policy default 2026.11.6' 'APP-01  In prod somebody other' '<- decides' \
                'target.env = "prod"' 'To pass: one approval by somebody other than index_optimizer' 'gives the same verdict on the same input'; do
        want_out "$text" explain
    done
    policy --json explain d-000002
    want "$(out '[.decision, .decision_id, .stage, .entry, .card, .case, .simulated, .same_again, .input.stage, (.would_flip | length)]')" \
         '["require","d-000002","gate",11,"C-000001","K-000001",false,true,"gate",1]' 'explain --json'
    policy explain d-000006; want_rc 0 'a denial'; want_out DENY 'a denial'; want_out SCOPE-01 'a denial'
    policy explain d-000008; want_out SIMULATED 'a simulated decision'
    # every decision of the ledger comes out the same again
    n=0
    for id in $("$SIGNALBOX" audit export | jq -r 'select(.kind == "verdict") | .decision'); do
        policy --json explain "$id"; want_rc 0 "$id again"; want "$(out .same_again)" true "$id again"; n=$((n + 1))
    done
    want "$n" 8 decisions
    # a recorded verdict that the bundle does not give
    cp -r "$XDG_STATE_HOME/signalbox" "$work/copy"
    sqlite3 "$work/copy/ledger.db" "DROP TRIGGER entry_update; UPDATE entry SET json = replace(json, '\"decision\":\"require\"', '\"decision\":\"allow\"') WHERE seq = 11"
    policy --ledger "$work/copy" explain d-000002; want_rc 1 'a changed verdict'; want_err 'entry 11' 'a changed verdict'
    python3 - "$work/copy/ledger.db" <<'PY' # by somebody who makes its hash anew
import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
text = db.execute("SELECT json FROM entry WHERE seq = 11").fetchone()[0]
db.execute("UPDATE entry SET leaf = ? WHERE seq = 11", (hashlib.sha256(b"\0" + text.encode()).digest(),))
db.commit()
PY
    policy --ledger "$work/copy" explain d-000002; want_rc 1 'a forged verdict'; want_out ANOTHER 'a forged verdict'
    # the bundle is not on the record
    sqlite3 "$work/copy/ledger.db" "DROP TRIGGER ref_delete; DELETE FROM ref WHERE seq = 2"
    policy --ledger "$work/copy" explain d-000003; want_rc 0 'no bundle'; want_out 'Not asked again' 'no bundle'
    policy explain d-999999; want_rc 2 'no such decision'; want_err d-999999 'no such decision'; one_sentence 'no such decision'
    policy explain K-000001; want_rc 2 'a case'; one_sentence 'a case'
    policy --ledger "$work/nowhere" explain d-000001; want_rc 2 'no ledger'; one_sentence 'no ledger'
    policy --policy training explain d-000001; want_rc 2 'explain --policy'; one_sentence 'explain --policy'
}

# ---- replay ----

replay_checks() {
    policy replay --candidate default; want_rc 0 'replay of itself'; want_out '8 recorded decisions under default 2026.11.6' 'replay of itself'; want_out 'unchanged        8' 'replay of itself'
    policy --json replay --candidate training; want_rc 0 'replay of training'; want "$(out '[.candidate.bundle, .decisions, .unchanged, .newly_permitted, .error]')" '["training",8,8,[],[]]' 'replay of training'
    # a candidate that asks for nothing, and one that asks for more
    jq -c '.rules |= map(select(.id | startswith("APP") | not)) | .tests = [] | .version = "2026.11.7"' policy/default.json >"$work/loose.json"
    policy --json replay --candidate "$work/loose.json"; want_rc 1 'a loose candidate'
    want "$(out '[(.newly_permitted | length), (.newly_permitted[] | select(.decision == "d-000002") | [.before, .after, .rules, .card, .entry, .stage])]')" '[4,["require","allow","ALW-02","C-000001",11,"gate"]]' 'a loose candidate'
    policy replay --candidate "$work/loose.json"; want_rc 1 'a loose candidate'; want_out 'newly permitted  4' 'a loose candidate'; want_out 'd-000002  C-000001  index.create on shop.orders, at gate: allow, was require (ALW-02)' 'a loose candidate'
    want "$(grep -c '^  d-' "$work/out")" 4 'every newly permitted one'
    jq -c '.rules |= map(if .id == "APP-01" then .require.approvals = 2 else . end) | .tests = []' policy/default.json >"$work/more.json"
    policy --json replay --candidate "$work/more.json"; want_rc 1 'a stricter candidate'; want "$(out '[(.more_approvals | length), .newly_permitted, (.more_approvals[0] | [.approvals_before, .approvals_after])]')" '[4,[],[1,2]]' 'a stricter candidate'
    jq -c '.rules |= map(if .id == "ALW-02" then .match["action.kind"].eq = "nothing" else . end) | .tests = []' policy/default.json >"$work/none.json"
    policy replay --candidate "$work/none.json"; want_rc 1 'a candidate that denies'; want_out 'newly denied     4' 'a candidate that denies'; want_out 'deny, was require (no rule allows it)' 'a candidate that denies'
    jq -c '.rules += [{"id": "X-1", "level": "hard", "effect": "deny", "title": "t", "match": {"action.kind": {"eq": "index.create"}}, "when": {"health.disk_free_ppm": {"lt": 5}}}] | .tests = []' policy/default.json >"$work/error.json"
    policy --json replay --candidate "$work/error.json"; want_rc 1 'a candidate that cannot decide'; want "$(out '[(.error | length), (.error[0].rules)]')" '[4,"X-1"]' 'a candidate that cannot decide'
    policy --since 0h --json replay --candidate default; want_rc 0 'since now'; want "$(out .decisions)" 0 'since now'
    policy --since 2000-01-01 --json replay --candidate default; want "$(out .decisions)" 8 'since long ago'
    policy --since yesterday replay --candidate default; want_rc 2 'a time that is none'; one_sentence 'a time that is none'
    policy replay --candidate "$work/bad.json"; want_rc 2 'a candidate that is none'; one_sentence 'a candidate that is none'
    policy --ledger "$work/nowhere" replay --candidate default; want_rc 2 'replay without a ledger'; one_sentence 'replay without a ledger'
    "$SIGNALBOX" policy replay --candidate default >/dev/full 2>"$work/err"; rc=$?; want_rc 1 'replay onto a full disk'
}

# ---- what comes into force ----

# serves for a moment with a config of these lines, on a deployment that is not there: the record says what was in force
serve_with() {
    mkdir -p "$work/s/config/signalbox" "$work/s/state"
    printf '%s\n' "$@" >"$work/s/config/signalbox/config"
    XDG_CONFIG_HOME="$work/s/config" XDG_STATE_HOME="$work/s/state" SIGNALBOX_URI=mongodb://127.0.0.1:1/ timeout -s TERM 60 "$SIGNALBOX" serve >"$work/out" 2>"$work/err" &
    pid=$!
    for _ in $(seq 600); do
        [ -S "$work/s/state/signalbox/socket" ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid; rc=$?
    rm -f "$work/s/state/signalbox/socket"
    "$SIGNALBOX" audit --ledger "$work/s/state/signalbox" export >"$work/entries" 2>/dev/null || : >"$work/entries"
}
in_force() { jq -rs '[.[] | select(.kind == "policy.load")] | last | "\(.body.policy.bundle) \(.body.policy.version) \(.body.signer // "-")"' "$work/entries"; }
refused() { jq -rs '[.[] | select(.kind == "refused")] | length' "$work/entries"; }
version_of() { jq -c ".version = \"$1\" | .bundle = \"site\" | .tests = []" policy/default.json >"$work/site.json"; }
sign() { rm -f "$work/site.json.sig"; ssh-keygen -q -Y sign -n "$1" -f "$work/$2" "$work/site.json" 2>"$work/err" || fail "ssh-keygen: $(cat "$work/err")"; }

force_checks() {
    version_of 2026.11.1
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'site 2026.11.1 - 0' 'a first bundle'
    version_of 2026.11.3
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'site 2026.11.3 - 0' 'a newer one'
    version_of 2026.11.2
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'site 2026.11.3 - 1' 'an older one'
    want "$(jq -rs '[.[] | select(.kind == "refused")] | last | .body.ask' "$work/entries")" policy.load 'an older one'
    jq -rs '[.[] | select(.kind == "refused")] | last | .body.why' "$work/entries" | grep -q 'a policy does not go back' || fail 'an older one: no reason on the record'
    printf '{' >"$work/site.json"
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'site 2026.11.3 - 2' 'a broken one'
    serve_with 'set policy default'; want "$(in_force)" 'default 2026.11.6 -' 'the built-in one'
    version_of 2026.11.2
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'default 2026.11.6 - 3' 'an older one after another bundle'
    version_of 2026.11.4; jq -c '.windows.quiet.tz = "Mars/Olympus"' "$work/site.json" >"$work/t" && mv "$work/t" "$work/site.json"
    serve_with "set policy $work/site.json"; want "$(in_force) $(refused)" 'default 2026.11.6 - 4' 'a missing zone'
    # signed ones
    ssh-keygen -q -t ed25519 -N '' -C alice -f "$work/alice" && ssh-keygen -q -t ed25519 -N '' -C mallory -f "$work/mallory" || fail 'ssh-keygen'
    printf 'alice namespaces="signalbox-policy" %s\n' "$(cut -d' ' -f1,2 "$work/alice.pub")" >"$work/signers"
    version_of 2026.11.5
    serve_with "set policy $work/site.json" "set policy_signers $work/signers"; want "$(in_force) $(refused)" 'default 2026.11.6 - 5' 'one that is not signed'
    sign signalbox-policy mallory; serve_with "set policy $work/site.json" "set policy_signers $work/signers"; want "$(in_force) $(refused)" 'default 2026.11.6 - 6' 'one signed by somebody else'
    sign file alice; serve_with "set policy $work/site.json" "set policy_signers $work/signers"; want "$(in_force) $(refused)" 'default 2026.11.6 - 7' 'one signed for something else'
    sign signalbox-policy alice; serve_with "set policy $work/site.json" "set policy_signers $work/signers"; want "$(in_force) $(refused)" 'site 2026.11.5 alice 7' 'one signed by who may'
    printf ' ' >>"$work/site.json"; serve_with "set policy $work/site.json" "set policy_signers $work/signers"; want "$(refused)" 8 'one changed after it was signed'; want "$(in_force | cut -d' ' -f1,2)" 'site 2026.11.5' 'one changed after it was signed'
    serve_with 'set policy default' "set policy_signers $work/nobody"; [ $rc -ne 0 ] || fail 'signers that are not there: it started'
    # nothing good before: nothing starts
    rm -rf "$work/s/state"; printf '{' >"$work/site.json"
    serve_with "set policy $work/site.json"; want_rc 2 'a broken one and nothing before it'; want_err "$work/site.json:1:" 'a broken one and nothing before it'
    # a shadow that is broken is said, and stops nothing
    serve_with "set shadow_policy $work/site.json"; want "$(in_force) $(refused)" 'default 2026.11.6 - 1' 'a broken shadow'
    jq -rs '[.[] | select(.kind == "refused")] | last | .body.why' "$work/entries" | grep -q 'the shadow policy is not asked' || fail 'a broken shadow: no reason on the record'
}

usage_checks() {
    for bad in '' 'replay' 'replay --candidate x' 'eval' 'eval a b' 'lint x' 'explain' 'restore' 'restore index.create --reason x' 'restore index.create --sign k' '--nope lint' 'nothing'; do
        # shellcheck disable=SC2086
        policy $bad; want_rc 2 "policy $bad"; one_sentence "policy $bad"
    done
    policy nothing; want_err 'lint, test, eval INPUT, explain DECISION, levels, restore KIND, replay --candidate F' 'what there is'
}

eval_checks
typo_checks
lint_checks
test_checks
explain_checks
replay_checks
force_checks
usage_checks

[ $fails -eq 0 ] || { printf '%d failed\n' $fails; exit 1; }
echo 'policy: all as expected'
