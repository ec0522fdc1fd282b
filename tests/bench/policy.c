/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy decision costs: a bundle of 200 rules (strict-prod's, repeated with ids of their own) asked about an input
 * that it allows and one that it denies, each frozen as the orchestrator freezes it. The peer, in the same run: jansson
 * parsing the very input. Prints "WHAT OURS PEER", nanoseconds of CPU time, medians of rounds by turns.
 */
#include <signalbox/base/file.h>
#include <signalbox/policy/policy.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RULES 200
#define ROUNDS 31
#define EACH 400 /* decisions a round */

static SB_NORETURN void die(const char *what)
{
    fprintf(stderr, "bench policy: %s\n", what);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static json_t *strict(void)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *tree = sb_json_load("policy/strict-prod.json", SB_POLICY_MAX_BYTES, SB_JSON_STRICT, &err);
    if (!tree)
        die(err.msg);
    return tree;
}

static struct sb_policy *repeated(const json_t *tree)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *copy = json_deep_copy(tree), *rules = json_object_get(copy, "rules");
    size_t n = json_array_size(rules);
    json_object_del(copy, "tests");
    for (size_t i = n; i < RULES; i++) {
        char id[80];
        json_t *rule = json_deep_copy(json_array_get(rules, i % n));
        snprintf(id, sizeof id, "%s-%zu", sb_json_str(rule, "id"), i);
        json_object_set_new(rule, "id", json_string(id));
        json_array_append_new(rules, rule);
    }
    char *text = json_dumps(copy, JSON_COMPACT);
    struct sb_policy *p = text && json_array_size(rules) == RULES ? sb_policy_load(text, strlen(text), "200 rules", &sb_zones_of_system, &err) : NULL;
    if (!p)
        die(err.msg);
    free(text);
    json_decref(copy);
    return p;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const struct sb_policy *p, const char *what, const json_t *input, int expected)
{
    int64_t ours[ROUNDS], peer[ROUNDS];
    char *text = json_dumps(input, JSON_COMPACT);
    json_t *frozen = json_deep_copy(input);
    if (!text || !frozen || sb_policy_freeze(p, frozen, NULL))
        die("memory ran out");
    for (int r = -3; r < ROUNDS; r++) { /* the first three warm up */
        int64_t start = cpu_ns();
        for (int i = 0; i < EACH; i++) {
            struct sb_policy_verdict v;
            if (sb_policy_evaluate(p, frozen, &v, NULL) || v.decision != expected)
                die("another decision than expected");
            sb_policy_verdict_release(&v);
        }
        int64_t between = cpu_ns();
        for (int i = 0; i < EACH; i++) {
            json_t *parsed = json_loads(text, 0, NULL);
            if (!parsed)
                die("jansson");
            json_decref(parsed);
        }
        if (r >= 0) {
            ours[r] = (between - start) / EACH;
            peer[r] = (cpu_ns() - between) / EACH;
        }
    }
    qsort(ours, ROUNDS, sizeof *ours, by_size);
    qsort(peer, ROUNDS, sizeof *peer, by_size);
    printf("%s %" PRId64 " %" PRId64 "\n", what, ours[ROUNDS / 2], peer[ROUNDS / 2]);
    json_decref(frozen);
    free(text);
}

int main(void)
{
    json_t *tree = strict(), *run = json_object_get(json_object_get(tree, "inputs"), "run"), *lagging = json_deep_copy(run);
    struct sb_policy *p = repeated(tree);
    json_object_set_new(json_object_get(lagging, "health"), "lag_s", json_integer(60));
    measure(p, "allowed", run, SB_ALLOW);
    measure(p, "denied", lagging, SB_DENY);
    sb_policy_free(p);
    json_decref(lagging);
    json_decref(tree);
    return 0;
}
