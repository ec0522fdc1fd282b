#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of histories: right ones made at random, with overlaps and lost answers, pass; each kind of wrong is found."""
import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from history import Wrong, judge, linearize, lease_step, start_step  # noqa: E402


def op(name, key, c, t0, t1, res="ok", **more):
    return dict(op=name, key=key, c=c, t0=t0, t1=t1, res=res, **more)


def right():
    return [op("lease", "shop", "a", 0, 1, do="take", epoch=1), op("approve", "n1", "p", 2, 3), op("lease", "shop", "a", 3, 4, do="keep", epoch=1), op("start", "n1", "a", 4, 5),
            op("effect", "n1", "a", 6, 6, deployment="shop", epoch=1, n=1), op("answer", "n1", "a", 7, 8, ran=True),
            op("lease", "shop", "b", 20, 21, do="take", epoch=2), op("lease", "shop", "a", 22, 23, "no", do="keep", epoch=1),
            op("approve", "n2", "p", 24, 25), op("start", "n2", "a", 26, 27, "unknown"), op("start", "n2", "b", 28, 29, "no"), op("answer", "n2", "b", 30, 31, ran=False)]


def changed(where, **what):
    h = right()
    h[where] = dict(h[where], **what)
    return h


WRONG = {
    "an epoch given twice": right() + [op("lease", "shop", "c", 40, 41, do="take", epoch=2)],
    "an epoch left out": changed(6, epoch=3),
    "kept by whom it was taken from": changed(7, res="ok"),
    "given back and then kept": right() + [op("lease", "shop", "b", 40, 41, do="leave", epoch=2), op("lease", "shop", "b", 42, 43, do="keep", epoch=2)],
    "started twice": changed(10, res="ok")[:9] + [op("start", "n2", "a", 26, 27), op("start", "n2", "b", 28, 29), op("answer", "n2", "b", 30, 31, ran=False)],
    "somebody was before, and nobody was": changed(3, res="no"),
    "carried out twice": right() + [op("effect", "n1", "b", 40, 40, deployment="shop", epoch=2, n=2)],
    "lost": right()[:-1],
    "said to be done and not done": changed(11, ran=True),
    "said not to be done and done": changed(5, ran=False),
    "never approved": right() + [op("start", "n3", "b", 40, 41), op("effect", "n3", "b", 42, 42, deployment="shop", epoch=2, n=2)],
    "never started": right()[:3] + right()[4:],
    "before it was started": changed(4, t0=1, t1=1),
    "of an owner that was fenced": right()[:9] + [op("start", "n2", "a", 26, 27), op("effect", "n2", "a", 32, 32, deployment="shop", epoch=1, n=3), op("answer", "n2", "a", 33, 34, ran=True),
                                                  op("approve", "n3", "p", 24, 25), op("start", "n3", "b", 26, 27), op("effect", "n3", "b", 28, 28, deployment="shop", epoch=2, n=2),
                                                  op("answer", "n3", "b", 30, 31, ran=True)],
}


def brute(ops, first, step):
    """The same question by trying every order."""
    must = [o for o in ops if o["res"] != "unknown"]
    free = [o for o in ops if o["res"] == "unknown"]
    for k in range(len(free) + 1):
        for some in itertools.combinations(free, k):
            for order in itertools.permutations(must + list(some)):
                if any(b["res"] != "unknown" and b["t1"] < a["t0"] for i, a in enumerate(order) for b in order[i + 1:]):
                    continue
                states = {first}
                for o in order:
                    states = {after for s in states for after in step(s, o)}
                if states:
                    return True
    return False


def some_history(rng, kind):
    ops = []
    for _ in range(rng.randint(1, 6)):
        t0 = rng.randint(0, 12)
        o = op(kind, "k", rng.choice("ab"), t0, t0 + rng.randint(0, 5), rng.choice(["ok", "ok", "no", "unknown"]))
        if kind == "lease":
            o.update(do=rng.choice(["take", "take", "keep", "leave"]), epoch=rng.randint(1, 3))
        ops.append(o)
    return ops


def searched(ops, first, step):
    try:
        linearize(ops, first, step)
        return True
    except Wrong:
        return False


def main():
    judge(right())
    for name, history in WRONG.items():
        try:
            judge(history)
        except Wrong as w:
            print("found: %s: %s" % (name, str(w)[:100]))
        else:
            raise SystemExit("not found: " + name)
    rng, yes = random.Random(7), [0, 0]
    for n in range(1500):
        kind, first, step = (("lease", (None, 0), lease_step), ("start", False, start_step))[n % 2]
        ops = some_history(rng, kind)
        got, want = searched(ops, first, step), brute(ops, first, step)
        if got != want:
            raise SystemExit("the search says %s, trying every order %s: %s" % (got, want, ops))
        yes[n % 2] += want
    print("1,500 small histories judged as by trying every order: %d and %d of 750 were right" % tuple(yes))


main()
