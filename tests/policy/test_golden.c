/* SPDX-License-Identifier: Apache-2.0
 *
 * The same input and policy, the same verdict, byte for byte: a corpus of frozen decisions (golden/) asked again under three
 * time zones and two locales, with the data of time zones and without, and compared with what was said when it was made. A
 * verdict that changes on purpose is taken with SIGNALBOX_ACCEPT=1 in the environment. */
#include "kit.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>

#include <locale.h>
#include <time.h>

#define FOLDER "tests/policy/golden/"

static void read_file(const char *path, struct sb_str *out)
{
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(out);
    sb_assert_ok(sb_file_read(path, 4 << 20, out, &err), err);
}

/* One line a decision: what it is, and the SHA-256 of its canonical bytes; the bytes themselves into `all`. */
static size_t ask_all(const struct sb_policy *p, const char *lines, struct sb_str *out, struct sb_str *all)
{
    struct sb_err err = SB_ERR_INIT;
    size_t n = 0;
    for (const char *line = lines, *end; *line; line = end + 1, n++) {
        struct sb_policy_verdict v;
        struct sb_hash hash;
        char hex[SB_HEX_LEN + 1];
        size_t start = all->len;
        end = strchr(line, '\n');
        assert_non_null(end);
        json_t *input = sb_json_parse(line, (size_t)(end - line), "inputs", SB_JSON_STRICT, &err);
        if (!input)
            fail_msg("%s", err.msg);
        sb_assert_ok(sb_policy_evaluate(p, input, &v, &err), err);
        sb_assert_ok(sb_record_canonical(&sb_policy_verdict_schema, &v, all, &err), err);
        sb_policy_explain(input, &v, all);
        sb_assert_ok(sb_hash_bytes(&hash, all->p + start, all->len - start, &err), err);
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        sb_str_addf(out, "%s %s\n", sb_name(&sb_decisions, v.decision), hex);
        sb_policy_verdict_release(&v);
        json_decref(input);
    }
    return n;
}

static void a_corpus_of_decisions_is_the_same_anywhere(void **state)
{
    (void)state;
    static const char *const zones[] = {"Pacific/Kiritimati", "America/St_Johns", "UTC"}, *const locales[] = {"C", "C.UTF-8"};
    struct sb_err err = SB_ERR_INIT;
    struct sb_str bundle, inputs, expected, first;
    const char *before = getenv("TZ");
    char *zone = before ? sb_format("%s", before) : NULL;
    read_file(FOLDER "bundle.json", &bundle);
    read_file(FOLDER "inputs.jsonl", &inputs);
    read_file(FOLDER "verdicts.txt", &expected);
    sb_str_init(&first);
    for (size_t i = 0; i < 2 * SB_COUNT(zones) * SB_COUNT(locales); i++) {
        struct sb_str verdicts, all;
        sb_str_init(&verdicts);
        sb_str_init(&all);
        assert_int_equal(setenv("TZ", zones[i % 3], 1), 0);
        tzset();
        assert_non_null(setlocale(LC_ALL, locales[i / 3 % 2]));
        struct sb_policy *p = sb_policy_load(bundle.p, bundle.len, "golden", i < 6 ? &sb_zones_of_system : NULL, &err);
        if (!p)
            fail_msg("%s", err.msg);
        assert_true(ask_all(p, inputs.p, &verdicts, &all) >= 50);
        if (i == 0)
            sb_str_add(&first, all.p, all.len);
        assert_int_equal(all.len, first.len);
        assert_memory_equal(all.p, first.p, all.len);
        if (i == 0 && getenv("SIGNALBOX_ACCEPT"))
            sb_assert_ok(sb_file_write(FOLDER "verdicts.txt", 0644, verdicts.p, verdicts.len, &err), err);
        else if (!getenv("SIGNALBOX_ACCEPT") && strcmp(verdicts.p, expected.p) != 0)
            fail_msg("another verdict than when the corpus was made, under TZ=%s LC_ALL=%s", zones[i % 3], locales[i / 3 % 2]);
        sb_policy_free(p);
        sb_str_release(&verdicts);
        sb_str_release(&all);
    }
    setlocale(LC_ALL, "C");
    if (zone)
        setenv("TZ", zone, 1);
    else
        unsetenv("TZ");
    free(zone);
    sb_str_release(&bundle);
    sb_str_release(&inputs);
    sb_str_release(&expected);
    sb_str_release(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_corpus_of_decisions_is_the_same_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
