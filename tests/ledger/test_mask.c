/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/ledger/mask.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const patterns[] = {"email", "*ssn*", "card?"};

static struct sb_mask *mask_in(const char *dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_mask *m = sb_mask_open(dir, patterns, SB_COUNT(patterns), &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static json_t *body_of(const char *text)
{
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(body);
    return body;
}

static void digest_of(const struct sb_mask *m, const char *json, char out[SB_MASK_LEN + 1])
{
    struct sb_err err = SB_ERR_INIT;
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    sb_assert_ok(sb_mask_digest(m, value, out, &err), err);
    json_decref(value);
}

static void what_is_named_is_masked_wherever_it_stands(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_mask *m = mask_in(sb_test_dir());
    char ann[SB_MASK_LEN + 1], bob[SB_MASK_LEN + 1], number[SB_MASK_LEN + 1], oid[SB_MASK_LEN + 1];
    digest_of(m, "\"ann@example.org\"", ann);
    digest_of(m, "\"bob@example.org\"", bob);
    digest_of(m, "7", number);
    digest_of(m, "{\"$oid\":\"65a000000000000000000001\"}", oid);
    assert_string_not_equal(ann, bob);
    json_t *body = body_of("{\"member\":\"db1\",\"command\":\"{\\\"find\\\":\\\"users\\\",\\\"filter\\\":{\\\"z\\\":1,\\\"customer.EMail\\\":{\\\"$in\\\":[\\\"ann@example.org\\\",\\\"bob@example.org\\\"]},"
                           "\\\"a\\\":2.5}}\",\"reply\":{\"docs\":[{\"email\":\"ann@example.org\",\"name\":\"Ann\",\"cards\":{\"$oid\":\"65a000000000000000000001\"},\"my_ssn_2\":7,\"a/b\":{\"email\":null}}]},"
                           "\"note\":\"email ann@example.org\",\"said\":\"E11000 duplicate key error collection: a.b dup key: { n: 1, c.email: \\\"ann@example.org\\\" }: done\","
                           "\"cut\":\"E11000 dup key: { email: \\\"ann@exa\",\"plain\":\"E11000 dup key: { total: 7 }\"}");
    sb_assert_ok(sb_mask_body(m, body, &err), err);
    char *command = sb_format("{\"find\":\"users\",\"filter\":{\"z\":1,\"customer.EMail\":{\"$in\":[\"%s\",\"%s\"]},\"a\":2.5}}", ann, bob);
    assert_string_equal(json_string_value(json_object_get(body, "command")), command); /* in its order */
    json_t *doc = json_array_get(json_object_get(json_object_get(body, "reply"), "docs"), 0);
    assert_string_equal(json_string_value(json_object_get(doc, "email")), ann); /* equality stays provable */
    assert_string_equal(json_string_value(json_object_get(doc, "cards")), oid);
    assert_string_equal(json_string_value(json_object_get(doc, "my_ssn_2")), number);
    assert_string_equal(json_string_value(json_object_get(doc, "name")), "Ann");
    assert_string_equal(json_string_value(json_object_get(body, "note")), "email ann@example.org"); /* a text that is no JSON */
    const char *said = json_string_value(json_object_get(body, "said")), *cut = json_string_value(json_object_get(body, "cut"));
    assert_true(sb_starts_with(said, "E11000 duplicate key error collection: a.b dup key: { masked:") && strstr(said, " }: done") && !strstr(said, "ann"));
    assert_true(sb_starts_with(cut, "E11000 dup key: { masked:") && !strstr(cut, "ann"));
    assert_string_equal(json_string_value(json_object_get(body, "plain")), "E11000 dup key: { total: 7 }");
    static const char *const pointers[] = {"/command/filter/customer.EMail/$in/0", "/command/filter/customer.EMail/$in/1", "/reply/docs/0/email", "/reply/docs/0/cards", "/reply/docs/0/my_ssn_2", "/said", "/cut"};
    json_t *masked = json_object_get(body, "masked");
    assert_int_equal(json_array_size(masked), SB_COUNT(pointers));
    for (size_t i = 0; i < SB_COUNT(pointers); i++)
        assert_string_equal(json_string_value(json_array_get(masked, i)), pointers[i]);
    free(command);
    json_decref(body);
    /* nothing to mask: nothing is touched, also not the spelling of a text */
    body = body_of("{\"command\":\"{ \\\"ping\\\" : 1 }\",\"reply\":\"[1,\"}");
    json_t *before = json_deep_copy(body);
    sb_assert_ok(sb_mask_body(m, body, &err), err);
    assert_true(json_equal(body, before));
    sb_assert_ok(sb_mask_body(NULL, body, &err), err);
    json_decref(before);
    json_decref(body);
    struct sb_str out;
    sb_str_init(&out);
    sb_assert_ok(sb_mask_text(m, "{\"email\":\"ann@example.org\"}", &out, &err), err);
    assert_non_null(strstr(out.p, ann));
    assert_null(strstr(out.p, "example"));
    sb_str_release(&out);
    sb_mask_close(m);
}

static void the_salt_is_made_once_and_kept_private(void **state)
{
    (void)state;
    const char *dir = sb_test_dir(), *other = sb_test_dir();
    char path[200], a[SB_MASK_LEN + 1], b[SB_MASK_LEN + 1];
    struct stat st;
    struct sb_err err = SB_ERR_INIT;
    snprintf(path, sizeof path, "%s/mask-salt", dir);
    struct sb_mask *m = sb_mask_open(dir, NULL, 0, &err); /* nothing to mask: no salt */
    assert_non_null(m);
    sb_mask_close(m);
    assert_int_equal(access(path, F_OK), -1);
    m = mask_in(dir);
    digest_of(m, "\"x\"", a);
    sb_mask_close(m);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    m = mask_in(dir);
    digest_of(m, "\"x\"", b);
    assert_string_equal(a, b);
    sb_mask_close(m);
    m = mask_in(other); /* another salt, another digest */
    digest_of(m, "\"x\"", b);
    assert_string_not_equal(a, b);
    sb_mask_close(m);
    assert_int_equal(chmod(path, 0640), 0);
    assert_null(sb_mask_open(dir, patterns, 1, &err));
    assert_non_null(strstr(err.msg, "chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
    sb_assert_ok(sb_file_write(path, 0600, "00ff\n", 5, &err), err);
    assert_null(sb_mask_open(dir, patterns, 1, &err));
    assert_non_null(strstr(err.msg, "damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_is_masked_wherever_it_stands),
        cmocka_unit_test(the_salt_is_made_once_and_kept_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
