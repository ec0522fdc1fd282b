# SPDX-License-Identifier: Apache-2.0
"""What consoles did to a shared store, and whether it can have been right.

A history is a list of operations. Each has: c (the console), op, key, t0 and t1 (nanoseconds of one monotonic clock: asked and answered), res
("ok", "no" or "unknown": no answer came, it may have happened at any time after t0, or never) and what it was about:

  lease     key: a deployment. do "take" (epoch: the one it was given), "keep" and "leave" (epoch: the one it had).
  start     key: a nonce. ok: it is the first; no: somebody was.
  approve   key: a nonce. ok: the store has it.
  answer    key: a nonce. ok: the owner said what became of it (ran: true where it was carried out).
  effect    key: a nonce. What the watched deployment itself saw, in its order (n), with deployment, epoch and c. Never unknown.

A lease of a deployment and the start of a nonce are objects of their own, so each is judged alone: Wing and Gong's search for an order that keeps real
time, with Lowe's memory of what was tried (G. Lowe, "Testing for linearizability", 2017). What a history must not contain beyond that
are the rules in `judge`: an approval that was lost, one that was carried out twice, an effect of an owner that was fenced.
"""
import collections
import math


class Wrong(Exception):
    """A history that cannot have been right, and why."""


def linearize(operations, first, step, most=2_000_000):
    """Whether the operations on one object have an order in which each is what `step` says: step(state, operation) gives the states that
    it can lead to, [] none. Operations without an answer may be left out. Raises Wrong; OverflowError where the search got too large."""
    ops = sorted((o for o in operations if o["res"] != "unknown"), key=lambda o: o["t0"])
    maybe = sorted((o for o in operations if o["res"] == "unknown"), key=lambda o: o["t0"])
    n = len(ops)
    # Those with an answer: all before `low` are done, and of the others those in `done`, so that what is remembered is small where few
    # overlap. Those without one are open for ever: what is remembered of them is which were taken, and only where it changed something.
    seen, stack, deepest = set(), [(0, frozenset(), frozenset(), first)], (-1, 0, frozenset(), first)
    while stack:
        low, done, taken, state = stack.pop()
        if low == n:
            return
        if (low, done, taken, state) in seen:
            continue
        seen.add((low, done, taken, state))
        if len(seen) > most:
            raise OverflowError("more than %d states" % most)
        if low + len(done) > deepest[0]:
            deepest = (low + len(done), low, done, state)
        before, i = math.inf, low
        while i < n and ops[i]["t0"] <= before:  # until something had been answered before this was asked
            if i not in done:
                before = min(before, ops[i]["t1"])
            i += 1
        for k, o in enumerate(maybe):
            if o["t0"] > before:
                break
            if k not in taken:
                stack.extend((low, done, taken | {k}, after) for after in step(state, o) if after != state)
        for k in range(low, i):
            if k in done or ops[k]["t0"] > before:
                continue
            for after in step(state, ops[k]):
                reached, rest = low, set(done) | {k}
                while reached in rest:
                    rest.discard(reached)
                    reached += 1
                stack.append((reached, frozenset(rest), taken, after))
    stuck = [o for i, o in enumerate(ops) if i >= deepest[1] and i not in deepest[2]][:4]
    raise Wrong("no order fits: %d of %d placed, the state then was %r, and none of these can be next: %s" % (deepest[0], n, deepest[3], stuck))


def lease_step(state, o):
    """state: (owner or None, epoch, expired or left). That time passes may make a lease free at any moment, so a take by another is right
    whenever its epoch is the next one; that the owner's time was really over is the store's clock's to know, not the history's."""
    owner, epoch = state
    if o["do"] == "take":
        if o["res"] == "no":
            return [state]  # refused: held, or held up by an open step; says nothing of the epoch
        if o["res"] == "unknown":
            return [(o["c"], epoch + 1)] if owner != o["c"] else [(o["c"], epoch), (o["c"], epoch + 1)]
        return [(o["c"], o["epoch"])] if o["epoch"] == epoch + 1 or (owner == o["c"] and o["epoch"] == epoch) else []
    mine = owner == o["c"] and epoch == o["epoch"]
    if o["res"] == "no":
        return [state]  # lost, or expired and not yet taken by another
    if not mine:
        return [] if o["res"] == "ok" else [state]
    return [state] if o["do"] == "keep" else [(None, epoch)]


def start_step(state, o):
    if o["res"] == "unknown":
        return [True]
    return [True] if (o["res"] == "ok") != state else []


def by_key(history, op):
    of = collections.defaultdict(list)
    for o in history:
        if o["op"] == op:
            of[o["key"]].append(o)
    return of


def judge(history, ended=True):
    """Raises Wrong with the first thing that cannot be. ended: everybody was given time to finish, so nothing may be left over.
    Returns what was counted."""
    leases, starts, approvals, answers, effects = (by_key(history, op) for op in ("lease", "start", "approve", "answer", "effect"))
    for key, ops in leases.items():
        try:
            linearize(ops, (None, 0), lease_step)
        except Wrong as w:
            raise Wrong("lease of %s: %s" % (key, w))
        taken = [o for o in ops if o["do"] == "take" and o["res"] == "ok"]
        for epoch, owners in _group(taken, "epoch").items():
            if len({o["c"] for o in owners}) > 1:
                raise Wrong("lease of %s: epoch %d was given to %s" % (key, epoch, sorted({o["c"] for o in owners})))
    for key, ops in starts.items():
        try:
            linearize(ops, False, start_step)
        except Wrong as w:
            raise Wrong("start of %s: %s" % (key, w))
    doubled = [key for key, seen in effects.items() if len(seen) > 1]
    if doubled:
        raise Wrong("carried out twice: %s" % ", ".join(sorted(doubled)[:5]))
    for key, (effect,) in effects.items():
        if not any(o["res"] in ("ok", "unknown") for o in approvals.get(key, [])):
            raise Wrong("%s was carried out and never approved" % key)
        mine = [o for o in starts.get(key, []) if o["c"] == effect["c"] and o["res"] != "no"]
        if not mine:
            raise Wrong("%s was carried out by %s, which never started it" % (key, effect["c"]))
        if min(o["t0"] for o in mine) > effect["t1"]:
            raise Wrong("%s was carried out before it was started" % key)
    for deployment, seen in _group([e[0] for e in effects.values()], "deployment").items():
        seen.sort(key=lambda e: e["n"])
        for a, b in zip(seen, seen[1:]):
            if b["epoch"] < a["epoch"]:
                raise Wrong("%s saw %s of epoch %d after %s of epoch %d: its owner had been fenced" % (deployment, b["key"], b["epoch"], a["key"], a["epoch"]))
    counts = {"operations": len(history), "approved": 0, "carried_out": len(effects), "refused": 0, "left_over": 0}
    for key, ops in approvals.items():
        if not any(o["res"] == "ok" for o in ops):
            continue
        counts["approved"] += 1
        said = [o for o in answers.get(key, []) if o["res"] == "ok"]
        if len({bool(o.get("ran")) for o in said}) > 1:
            raise Wrong("%s was answered in two ways" % key)
        if any(o.get("ran") for o in said) and key not in effects:
            raise Wrong("%s is said to be carried out, and the deployment has not seen it" % key)
        if said and not said[0].get("ran") and key in effects:
            raise Wrong("%s is said not to be carried out, and the deployment has seen it" % key)
        if not said:
            counts["left_over"] += 1
        elif not said[0].get("ran"):
            counts["refused"] += 1
        if not said and ended:
            raise Wrong("%s was approved and nobody answered: lost" % key)
    return counts


def _group(operations, name):
    of = collections.defaultdict(list)
    for o in operations:
        of[o[name]].append(o)
    return of
