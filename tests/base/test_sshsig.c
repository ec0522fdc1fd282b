/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of SSH keys, with ssh-keygen on the other side: what it makes is verified here, what is made here it verifies,
 * and what one of the two refuses the other refuses too. */
#include "test.h"

#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>
#include <signalbox/base/process.h>
#include <signalbox/base/sshsig.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS "signalbox-test@example.org"
#define NOW INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */

static const char *dir;
static const char *const types[][3] = {{"ed25519", "256", "ed25519"}, {"ecdsa", "256", "ecdsa"}, {"rsa", "2048", "rsa"}};

static char *at(const char *name)
{
    char *path = sb_format("%s/%s", dir, name);
    assert_non_null(path);
    return path;
}

static int run(const char *const argv[], const char *input)
{
    struct sb_process p;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_process_spawn(&p, argv, SB_PROCESS_IN | SB_PROCESS_OUT | SB_PROCESS_QUIET, &err), err);
    if (input)
        assert_int_equal(sb_write_all(p.in, input, strlen(input)), 0);
    close(p.in);
    p.in = -1;
    char drop[4096];
    while (read(p.out, drop, sizeof drop) > 0)
        ;
    return sb_process_wait(&p);
}

static void put(const char *path, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_file_write(path, 0600, text, strlen(text), &err), err);
}

static char *get(const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str s;
    sb_str_init(&s);
    sb_assert_ok(sb_file_read(path, 1 << 20, &s, &err), err);
    return sb_str_take(&s);
}

static int make_keys(void **state)
{
    (void)state;
    dir = sb_test_dir();
    for (size_t i = 0; i < SB_COUNT(types); i++) {
        char *path = at(types[i][2]);
        const char *const argv[] = {"ssh-keygen", "-q", "-t", types[i][0], "-b", types[i][1], "-N", "", "-C", "alice", "-f", path, NULL};
        if (run(argv, NULL))
            return -1;
        free(path);
    }
    return 0;
}

/* What ssh-keygen says about a signature: 0 good. */
static int their_verdict(const char *signers, const char *signature, const char *ns, const char *who, const char *message, const char *option)
{
    char *allowed = at("allowed"), *sig = at("sig");
    put(allowed, signers);
    put(sig, signature);
    const char *argv[] = {"ssh-keygen", "-Y", "verify", "-f", allowed, "-I", who, "-n", ns, "-s", sig, "-O", option, NULL};
    if (!option)
        argv[11] = NULL;
    int rc = run(argv, message);
    free(allowed);
    free(sig);
    return rc;
}

static int our_verdict(const char *signers, const char *signature, const char *ns, const char *who, const char *message, int64_t now)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    struct sb_signers s;
    struct sb_sshsig sig;
    sb_problems_init(&problems);
    sb_assert_ok(sb_signers_parse(&s, signers, strlen(signers), "allowed", &problems, &err), err);
    int rc = sb_sshsig_parse(&sig, signature, strlen(signature), &err);
    if (rc == 0)
        rc = sb_sshsig_verify(&sig, ns, message, strlen(message), &err);
    if (rc == 0)
        rc = sb_signers_allow(&s, who, sig.key, ns, now, &err);
    sb_sshsig_release(&sig);
    sb_signers_release(&s);
    sb_problems_release(&problems);
    return rc;
}

static char *sign(const char *key, const char *ns, const char *message)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str out;
    char *path = at(key);
    sb_str_init(&out);
    sb_assert_ok(sb_sshsig_sign(path, ns, message, strlen(message), &out, &err), err);
    free(path);
    return sb_str_take(&out);
}

/* ---- tests ---- */

static void base64_is_the_published_one_and_has_one_spelling(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < SB_COUNT(vectors); i++) { /* RFC 4648, section 10 */
        sb_str_clear(&s);
        sb_base64_encode(&s, vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(s.p, vectors[i][1]);
        sb_str_clear(&s);
        assert_int_equal(sb_base64_decode(&s, vectors[i][1], strlen(vectors[i][1])), 0);
        assert_string_equal(s.p, vectors[i][0]);
    }
    static const char *const wrong[] = {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm 9v", "Zm9-", "=m9v"};
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        sb_str_clear(&s);
        assert_int_equal(sb_base64_decode(&s, wrong[i], strlen(wrong[i])), -1);
    }
    sb_str_release(&s);
}

static void both_sides_agree_about_every_kind_of_key(void **state)
{
    (void)state;
    static const char message[] = "createIndexes orders\n\xC3\xA9";
    for (size_t i = 0; i < SB_COUNT(types); i++) {
        char *pub_path = sb_format("%s/%s.pub", dir, types[i][2]), *pub = get(pub_path);
        char *made = sign(types[i][2], NS, message), *signers = sb_format("alice@example.org %s", pub);
        struct sb_sshsig sig;
        struct sb_err err = SB_ERR_INIT;
        assert_int_equal(their_verdict(signers, made, NS, "alice@example.org", message, NULL), 0);
        assert_int_equal(our_verdict(signers, made, NS, "alice@example.org", message, NOW), 0);
        /* another text, another purpose, somebody else, and nobody */
        assert_int_not_equal(their_verdict(signers, made, NS, "alice@example.org", "createIndexes orders\n", NULL), 0);
        assert_int_not_equal(our_verdict(signers, made, NS, "alice@example.org", "createIndexes orders\n", NOW), 0);
        assert_int_not_equal(their_verdict(signers, made, "file", "alice@example.org", message, NULL), 0);
        assert_int_not_equal(our_verdict(signers, made, "file", "alice@example.org", message, NOW), 0);
        assert_int_not_equal(our_verdict(signers, made, "", "alice@example.org", message, NOW), 0);
        assert_int_not_equal(their_verdict(signers, made, NS, "bob@example.org", message, NULL), 0);
        assert_int_not_equal(our_verdict(signers, made, NS, "bob@example.org", message, NOW), 0);
        assert_int_not_equal(our_verdict("# nobody\n", made, NS, "alice@example.org", message, NOW), 0);
        /* armoured again it is the same */
        struct sb_str again;
        sb_str_init(&again);
        sb_assert_ok(sb_sshsig_parse(&sig, made, strlen(made), &err), err);
        sb_sshsig_armour(&again, sig.blob.p, sig.blob.len);
        assert_string_equal(again.p, made);
        /* every bit of what was decoded counts */
        struct sb_str flipped;
        sb_str_init(&flipped);
        size_t step = sig.blob.len > 300 ? 5 : 1;
        for (size_t bit = 0; bit < sig.blob.len * 8; bit += step) {
            sig.blob.p[bit / 8] = (char)(sig.blob.p[bit / 8] ^ (1 << bit % 8));
            sb_str_clear(&flipped);
            sb_sshsig_armour(&flipped, sig.blob.p, sig.blob.len);
            if (our_verdict(signers, flipped.p, NS, "alice@example.org", message, NOW) == 0)
                fail_msg("%s: bit %zu of the signature does not count", types[i][0], bit);
            sig.blob.p[bit / 8] = (char)(sig.blob.p[bit / 8] ^ (1 << bit % 8));
        }
        sb_sshsig_release(&sig);
        sb_str_release(&again);
        sb_str_release(&flipped);
        free(signers);
        free(made);
        free(pub);
        free(pub_path);
    }
}

static void a_key_in_the_agent_signs_without_its_file(void **state)
{
    (void)state;
    char *sock = at("agent"), *key = at("ed25519"), *away = at("moved"), *pub_path = at("ed25519.pub"), *pub = get(pub_path);
    const char *const agent[] = {"ssh-agent", "-D", "-a", sock, NULL};
    struct sb_process p;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_process_spawn(&p, agent, SB_PROCESS_OUT | SB_PROCESS_QUIET, &err), err);
    for (int i = 0; i < 1000 && access(sock, F_OK); i++)
        usleep(10000);
    setenv("SSH_AUTH_SOCK", sock, 1);
    const char *const add[] = {"ssh-add", "-q", key, NULL};
    assert_int_equal(run(add, NULL), 0);
    assert_int_equal(rename(key, away), 0); /* only the public file is left */
    char *made = sign("ed25519.pub", NS, "hello"), *signers = sb_format("alice %s", pub);
    assert_int_equal(their_verdict(signers, made, NS, "alice", "hello", NULL), 0);
    assert_int_equal(our_verdict(signers, made, NS, "alice", "hello", NOW), 0);
    sb_process_stop(&p, 2000);
    struct sb_str out; /* without it: a sentence, not a signature */
    sb_str_init(&out);
    assert_int_equal(sb_sshsig_sign(pub_path, NS, "hello", 5, &out, &err), -1);
    assert_int_equal(out.len, 0);
    assert_non_null(strstr(err.msg, "ssh-keygen could not sign"));
    assert_int_equal(rename(away, key), 0);
    unsetenv("SSH_AUTH_SOCK");
    free(signers);
    free(made);
    free(pub);
    free(pub_path);
    free(sock);
    free(key);
    free(away);
}

/* Options that are the same to both, with the time of signing given to both. */
static void namespaces_times_and_patterns_mean_what_they_mean_to_openssh(void **state)
{
    (void)state;
    static const struct {
        const char *before_key, *who;
    } lines[] = {
        {"alice", "alice"}, {"alice", "alic"}, {"alice", "alicee"}, {"ali*", "alice"}, {"a?ice", "alice"}, {"*", "anybody"}, {"bob,alice", "alice"},
        {"*,!alice", "alice"}, {"!alice,*", "alice"}, {"*,!bob", "alice"}, {"\"alice,bob\"", "bob"}, {"*@example.org", "alice@example.org"}, {"*@example.org", "alice@example.com"},
        {"alice namespaces=\"" NS "\"", "alice"}, {"alice namespaces=\"file,git\"", "alice"}, {"alice namespaces=\"signalbox-*\"", "alice"}, {"alice namespaces=\"*,!" NS "\"", "alice"},
        {"alice valid-after=\"20260105Z\"", "alice"}, {"alice valid-after=\"20260106Z\"", "alice"}, {"alice valid-before=\"20260105Z\"", "alice"},
        {"alice valid-before=\"202601050900Z\"", "alice"}, {"alice valid-before=\"20260105085959Z\"", "alice"}, {"alice valid-after=\"20260105090000Z\"", "alice"},
        {"alice valid-after=\"20260105090001Z\"", "alice"}, {"alice valid-after=\"20250101Z\",valid-before=\"20270101Z\",namespaces=\"" NS "\"", "alice"},
        {"alice valid-before=\"20260105090000\"", "alice"}, {"alice valid-after=\"20260105103000\"", "alice"},
    };
    char *pub_path = at("ed25519.pub"), *pub = get(pub_path), *made = sign("ed25519", NS, "m");
    int yes = 0;
    setenv("TZ", "Europe/Amsterdam", 1); /* without a Z the machine's zone counts: an hour ahead */
    tzset();
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        char *signers = sb_format("# a comment\n\n%s %s", lines[i].before_key, pub);
        int theirs = their_verdict(signers, made, NS, lines[i].who, "m", "verify-time=20260105090000Z"), ours = our_verdict(signers, made, NS, lines[i].who, "m", NOW);
        if ((theirs == 0) != (ours == 0))
            fail_msg("%s for %s: ssh-keygen says %d, we say %d", lines[i].before_key, lines[i].who, theirs, ours);
        yes += ours == 0;
        free(signers);
    }
    unsetenv("TZ");
    tzset();
    assert_int_equal(yes, 14);
    free(made);
    free(pub);
    free(pub_path);
}

static void what_cannot_be_used_is_a_problem_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } lines[] = {
        {"alice cert-authority %s", "cert-authority is not supported"}, {"alice ssh-dss AAAA", "not supported"},
        {"alice sk-ssh-ed25519@openssh.com AAAA", "not supported"}, {"alice ssh-ed25519 AAAA*", "not base64"}, {"alice ssh-rsa AAAAC3NzaC1lZDI1NTE5", "not of the type"},
        {"alice no-touch %s", "an option that is not known"}, {"alice namespaces=git %s", "double quotes"}, {"alice valid-after=\"soon\" %s", "valid-after must be"},
        {"alice valid-before=\"20260231Z\" %s", "valid-before must be"}, {"\"alice %s", "a quote is opened"}, {"alice", "not supported"}, {"\xff\xfe %s", "UTF-8"},
        {"alice valid-after=\"20270101Z\",valid-before=\"20260101Z\" %s", "not after"},
    };
    char *pub_path = at("ed25519.pub"), *pub = get(pub_path);
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        struct sb_problems problems;
        struct sb_signers s;
        struct sb_str text;
        sb_problems_init(&problems);
        sb_str_init(&text);
        sb_str_addf(&text, "carol %s", pub);
        const char *hole = strstr(lines[i].line, "%s");
        sb_str_add(&text, lines[i].line, hole ? (size_t)(hole - lines[i].line) : strlen(lines[i].line));
        if (hole)
            sb_str_adds(&text, pub);
        sb_assert_ok(sb_signers_parse(&s, text.p, text.len, "allowed", &problems, &err), err);
        if (problems.count != 1 || !strstr(problems.text.p, "allowed:2: ") || !strstr(problems.text.p, lines[i].says) || s.n != 1)
            fail_msg("%s: %zu problems, %zu signers: %s", lines[i].line, problems.count, s.n, problems.text.p);
        sb_signers_release(&s);
        sb_problems_release(&problems);
        sb_str_release(&text);
    }
    free(pub);
    free(pub_path);
}

static void a_revoked_key_is_found_and_a_binary_list_refused(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_signers revoked;
    struct sb_sshsig sig;
    char *rsa_path = at("rsa.pub"), *rsa = get(rsa_path), *pub_path = at("ed25519.pub"), *pub = get(pub_path), *made = sign("ed25519", NS, "m"), *krl = at("krl");
    sb_assert_ok(sb_sshsig_parse(&sig, made, strlen(made), &err), err);
    sb_assert_ok(sb_revoked_parse(&revoked, rsa, strlen(rsa), "revoked", &err), err);
    assert_false(sb_revoked_has(&revoked, sig.key));
    sb_signers_release(&revoked);
    char *both = sb_format("# lost\n%s%s", rsa, pub);
    sb_assert_ok(sb_revoked_parse(&revoked, both, strlen(both), "revoked", &err), err);
    assert_true(sb_revoked_has(&revoked, sig.key));
    sb_signers_release(&revoked);
    assert_int_equal(sb_revoked_parse(&revoked, "what is this", 12, "revoked", &err), -1);
    assert_non_null(strstr(err.msg, "revoked:1: "));
    const char *const make[] = {"ssh-keygen", "-q", "-k", "-f", krl, pub_path, NULL};
    assert_int_equal(run(make, NULL), 0);
    assert_int_equal(sb_revoked_load(&revoked, krl, &err), -1);
    assert_non_null(strstr(err.msg, "binary"));
    /* and the key is called what ssh-keygen calls it */
    char print[SB_SSHKEY_PRINT];
    sb_assert_ok(sb_sshkey_print(sig.key, print, &err), err);
    char *command = sb_format("test \"$(ssh-keygen -lf %s | cut -d' ' -f2)\" = %s", pub_path, print);
    assert_int_equal(system(command), 0);
    free(command);
    sb_sshsig_release(&sig);
    free(both);
    free(krl);
    free(made);
    free(pub);
    free(pub_path);
    free(rsa);
    free(rsa_path);
}

static void what_is_no_signature_is_refused_in_words(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "hello", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NI!\n-----END SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\nmore",
    };
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_sshsig sig;
        assert_int_equal(sb_sshsig_parse(&sig, wrong[i], strlen(wrong[i]), &err), -1);
        assert_int_equal(err.code, SB_EINPUT);
        assert_true(strlen(err.msg) > 10);
        sb_sshsig_release(&sig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_the_published_one_and_has_one_spelling),
        cmocka_unit_test(both_sides_agree_about_every_kind_of_key),
        cmocka_unit_test(a_key_in_the_agent_signs_without_its_file),
        cmocka_unit_test(namespaces_times_and_patterns_mean_what_they_mean_to_openssh),
        cmocka_unit_test(what_cannot_be_used_is_a_problem_with_its_line),
        cmocka_unit_test(a_revoked_key_is_found_and_a_binary_list_refused),
        cmocka_unit_test(what_is_no_signature_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
