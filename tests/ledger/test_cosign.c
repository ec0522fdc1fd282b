/* SPDX-License-Identifier: Apache-2.0
 *
 * Cosignatures and witnesses: vectors that were made with another library, every step from one tree to a larger one, every way to be
 * refused, and a witness that is killed around the moment it writes. */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/ledger/cosigner.h>
#include <signalbox/ledger/merkle.h>

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG "0123456789abcdef0123456789abcdef"
#define DASH "\xE2\x80\x94"
#define TREE 70

/* Made with Python's package cryptography from the seeds 0, 1, ... 31 and 100, 101, ... 131; the time is 1767603600. */
static const char log_secret[] = "PRIVATE+KEY+signalbox/" LOG "+6be1e2e7+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
static const char log_public[] = "signalbox/" LOG "+6be1e2e7+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
static const char witness_secret[] = "PRIVATE+KEY+beta+6e3910da+BGRlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKD";
static const char witness_public[] = "beta+6e3910da+BAu8NGpXZnw4ASC9nH/X5R0sX9/qN80vW/QFssa/by14";
static const char text[] = "signalbox/" LOG "\n3\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n";
static const char line[] = DASH " beta bjkQ2gAAAABpW32QSs1B/nQKt8wvMddhwOFmXSMSQNtmcWnxclAcBYK/bO5wBbhTuMCr7OZn49qvWVMg3hyEozDf9GjbrWzeNtb+DQ==\n";
#define AT INT64_C(1767603600)

static const char *kill_at;

void sb_hook(const char *point)
{
    if (kill_at && strcmp(point, kill_at) == 0)
        raise(SIGKILL);
}

static struct sb_log_key log_key(const char *from)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key k;
    sb_assert_ok(sb_log_key_parse(&k, from, strlen(from), "key", &err), err);
    return k;
}

static struct sb_log_key witness_key(const char *from)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key k;
    sb_assert_ok(sb_cosigner_key_parse(&k, from, strlen(from), "key", &err), err);
    return k;
}

static int cosigned(const char *note_text, const struct sb_log_key *w, int64_t *at)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_note note;
    sb_assert_ok(sb_note_parse(&note, note_text, strlen(note_text), "note", &err), err);
    int rc = sb_cosigned(&note, w, at, &err);
    sb_note_release(&note);
    return rc;
}

static void the_line_is_the_one_another_library_makes(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key secret = witness_key(witness_secret), public = witness_key(witness_public), k;
    struct sb_str s;
    int64_t at = 0;
    assert_memory_equal(secret.public_key, public.public_key, 32);
    sb_str_init(&s);
    sb_assert_ok(sb_cosign(&s, (struct sb_slice){text, strlen(text)}, AT, &secret, &err), err);
    assert_string_equal(s.p, line);
    sb_str_clear(&s);
    sb_log_key_format(&s, &public, false);
    assert_string_equal(s.p, witness_public);
    /* neither kind of key passes for the other */
    assert_int_equal(sb_log_key_parse(&k, witness_public, strlen(witness_public), "key", &err), -1);
    assert_int_equal(sb_cosigner_key_parse(&k, log_public, strlen(log_public), "key", &err), -1);
    sb_str_clear(&s);
    sb_str_addf(&s, "%s\n%s", text, line);
    assert_int_equal(cosigned(s.p, &public, &at), 1);
    assert_int_equal(at, AT);
    /* twice, at two times: once, and the newer; the time is signed, too */
    sb_assert_ok(sb_cosign(&s, (struct sb_slice){text, strlen(text)}, AT + 60, &secret, &err), err);
    sb_str_adds(&s, line);
    assert_int_equal(cosigned(s.p, &public, &at), 1);
    assert_int_equal(at, AT + 60);
    char *stamp = strstr(s.p, "bjkQ2gAAAABpW3");
    assert_non_null(stamp);
    stamp[13]++;
    assert_int_equal(cosigned(s.p, &public, &at), -1);
    sb_str_clear(&s);
    sb_str_addf(&s, "%s\n%s", text, line);
    s.p[strlen("signalbox/" LOG "\n")] = '4';
    assert_int_equal(cosigned(s.p, &public, &at), -1);
    struct sb_log_key other;
    sb_assert_ok(sb_cosigner_key_make(&other, "beta", &err), err);
    assert_int_equal(cosigned(s.p, &other, &at), 0); /* of the same name, and another key: unknown */
    assert_int_equal(sb_cosign(&s, (struct sb_slice){text, strlen(text)}, -1, &secret, &err), -1);
    assert_int_equal(sb_cosign(&s, (struct sb_slice){text, strlen(text)}, INT64_MAX, &secret, &err), -1);
    sb_str_release(&s);
}

static void lists_of_keys_are_strict(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_key_list keys;
    struct sb_str s;
    sb_str_init(&s);
    sb_str_addf(&s, "# who\n\n%s\n%s", witness_public, witness_public);
    sb_assert_ok(sb_key_list_parse(&keys, SB_KEY_COSIGNER, s.p, s.len, "keys", &err), err);
    assert_int_equal(keys.n, 1);
    sb_key_list_release(&keys);
    struct sb_log_key other;
    sb_assert_ok(sb_cosigner_key_make(&other, "beta", &err), err);
    sb_str_addc(&s, '\n');
    sb_log_key_format(&s, &other, false);
    assert_int_equal(sb_key_list_parse(&keys, SB_KEY_COSIGNER, s.p, s.len, "keys", &err), -1);
    assert_non_null(strstr(err.msg, "keys:5"));
    sb_key_list_release(&keys);
    static const char *const names[] = {"a/b", "../x", ".hidden", "a b", "\xC3\xA9"};
    for (size_t i = 0; i < SB_COUNT(names); i++)
        assert_false(sb_cosigner_name_ok(names[i]));
    assert_int_equal(sb_key_list_parse(&keys, SB_KEY_COSIGNER, witness_secret, strlen(witness_secret), "keys", &err), -1);
    assert_non_null(strstr(err.msg, "secret"));
    sb_key_list_release(&keys);
    static const char stranger[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_int_equal(sb_key_list_parse(&keys, SB_KEY_LOG, stranger, strlen(stranger), "keys", &err), -1);
    sb_key_list_release(&keys);
    sb_str_release(&s);
}

/* ---- a witness ---- */

static struct sb_hasher *hasher;
static struct sb_hash leaves[TREE], roots[TREE + 1];

static int set_up(void **state)
{
    (void)state;
    struct sb_hasher *h = hasher = sb_hasher_new();
    struct sb_merkle m = {.size = 0};
    assert_int_equal(sb_merkle_root(&m, h, &roots[0]), 0);
    for (size_t i = 0; i < TREE; i++) {
        assert_int_equal(sb_merkle_leaf(h, &leaves[i], &i, sizeof i), 0);
        assert_int_equal(sb_merkle_push(&m, h, &leaves[i]), 0);
        assert_int_equal(sb_merkle_root(&m, h, &roots[i + 1]), 0);
    }
    return 0;
}

static int clear(void **state)
{
    (void)state;
    sb_hasher_free(hasher);
    return 0;
}

static void put(const char *dir, const char *file, const char *content)
{
    struct sb_err err = SB_ERR_INIT;
    char *path = sb_format("%s/%s", dir, file);
    sb_assert_ok(sb_file_write(path, 0600, content, strlen(content), &err), err);
    free(path);
}

static const char *witness_dir(void)
{
    const char *dir = sb_test_dir();
    put(dir, "key", witness_secret);
    put(dir, "logs", log_public);
    return dir;
}

static void request(struct sb_str *out, int64_t old, int64_t size, const struct sb_hash *root)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key k = log_key(log_secret);
    struct sb_checkpoint c = {.log = LOG, .size = size, .root = root ? *root : roots[size]};
    struct sb_proof proof = {.n = 0};
    struct sb_str note;
    sb_str_init(&note);
    sb_assert_ok(sb_checkpoint_sign(&note, &c, &k, &err), err);
    if (old > 0)
        assert_int_equal(sb_proof_consistency(hasher, leaves, (uint64_t)old, (uint64_t)size, &proof), 0);
    sb_cosign_request_format(out, old, &proof, (struct sb_slice){note.p, note.len});
    sb_str_release(&note);
}

/* The kind of answer; -1 with its code in *code for an error. Opened anew each time, as each answer is a process of its own. */
static int ask(const char *dir, const struct sb_str *req, int64_t *size, enum sb_code *code)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_cosigner w;
    struct sb_cosign_answer a = {.size = 0};
    sb_str_init(&a.line);
    int rc = sb_cosigner_open(&w, dir, NULL, &err);
    if (rc == 0)
        rc = sb_cosigner_answer(&w, req->p, req->len, "request", AT, &a, &err);
    if (rc == 0) {
        assert_int_equal(a.line.len > 0, a.kind == SB_COSIGN_COSIGNED);
        assert_int_equal(a.why[0] != '\0', a.kind != SB_COSIGN_COSIGNED);
    }
    if (size)
        *size = a.size;
    if (code)
        *code = err.code;
    sb_cosign_answer_release(&a);
    sb_cosigner_release(&w);
    return rc ? -1 : (int)a.kind;
}

static int asked(const char *dir, int64_t old, int64_t size, const struct sb_hash *root, int64_t *seen)
{
    struct sb_str req;
    sb_str_init(&req);
    request(&req, old, size, root);
    int kind = ask(dir, &req, seen, NULL);
    sb_str_release(&req);
    return kind;
}

/* From every size to every larger one, by steps of all lengths. */
static void it_goes_along_and_never_back(void **state)
{
    (void)state;
    const char *dir = witness_dir();
    int64_t seen = 0, at = 0;
    assert_int_equal(asked(dir, 0, 0, NULL, &seen), SB_COSIGN_COSIGNED); /* an empty ledger is one, too */
    for (int64_t step = 0; at + step <= TREE; at += step, step++) {
        assert_int_equal(asked(dir, at, at + step, NULL, &seen), SB_COSIGN_COSIGNED);
        assert_int_equal(seen, at + step);
        if (at + step > 1) {
            assert_int_equal(asked(dir, 1, at + step - 1, NULL, &seen), SB_COSIGN_OLDER);
            assert_int_equal(seen, at + step);
        }
        if (at + step > 0)
            assert_int_equal(asked(dir, at + step, at + step, &leaves[0], &seen), at + step == 1 ? SB_COSIGN_COSIGNED : SB_COSIGN_FORKED);
        if (at + step > 0)
            assert_int_equal(asked(dir, 0, at + step, NULL, &seen), SB_COSIGN_KNOWN);
    }
    assert_int_equal(seen, at);
    assert_int_equal(asked(dir, at, TREE, &roots[3], &seen), SB_COSIGN_UNPROVEN);
    assert_int_equal(seen, at);
    char *fork = sb_format("%s/fork." LOG, dir);
    assert_int_equal(access(fork, F_OK), 0);
    free(fork);
}

static void strangers_and_nonsense_are_refused(void **state)
{
    (void)state;
    const char *dir = witness_dir();
    struct sb_err err = SB_ERR_INIT;
    enum sb_code code;
    struct sb_str req;
    sb_str_init(&req);
    request(&req, 0, 5, NULL);
    char *sign = strstr(req.p, "\n\n" DASH);
    assert_non_null(sign);
    sign[-3] ^= 1; /* another root than was signed */
    int kind = ask(dir, &req, NULL, &code);
    assert_true(kind == SB_COSIGN_UNSIGNED || (kind == -1 && code == SB_EINPUT));
    sb_str_clear(&req);
    request(&req, 0, 5, NULL);
    struct sb_log_key other;
    sb_assert_ok(sb_log_key_make(&other, "signalbox/" LOG, &err), err);
    struct sb_str pub;
    sb_str_init(&pub);
    sb_log_key_format(&pub, &other, false);
    put(dir, "logs", pub.p);
    sb_str_release(&pub);
    assert_int_equal(ask(dir, &req, NULL, &code), SB_COSIGN_UNSIGNED);
    put(dir, "logs", "# none\n");
    assert_int_equal(ask(dir, &req, NULL, &code), SB_COSIGN_UNKNOWN);
    put(dir, "logs", log_public);
    for (size_t cut = 0; cut < req.len; cut++) { /* cut off anywhere */
        struct sb_str part;
        sb_str_init(&part);
        sb_str_add(&part, req.p, cut);
        assert_int_equal(ask(dir, &part, NULL, &code), -1);
        assert_int_equal(code, SB_EINPUT);
        sb_str_release(&part);
    }
    assert_int_equal(ask(dir, &req, NULL, &code), SB_COSIGN_COSIGNED);
    /* what it wrote itself must be what it reads */
    put(dir, "seen." LOG, "signalbox/" LOG "\n3\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n" DASH " x AAAAAAAA\n");
    assert_int_equal(ask(dir, &req, NULL, &code), -1);
    assert_int_equal(code, SB_ELEDGER);
    char *key = sb_format("%s/key", dir);
    assert_int_equal(chmod(key, 0644), 0);
    assert_int_equal(ask(dir, &req, NULL, &code), -1);
    assert_int_equal(code, SB_ELEDGER);
    free(key);
    sb_str_release(&req);
}

/* Killed before it has written, it has seen nothing; after, it answers again for the same. */
static void what_it_vouched_for_is_written_before_it_is_told(void **state)
{
    (void)state;
    static const char *const points[] = {"ledger.cosigner.begin", "ledger.cosigner.written"};
    for (size_t i = 0; i < SB_COUNT(points); i++) {
        const char *dir = witness_dir();
        int64_t seen = 0;
        assert_int_equal(asked(dir, 0, 5, NULL, NULL), SB_COSIGN_COSIGNED);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            kill_at = points[i];
            asked(dir, 5, 9, NULL, NULL);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(asked(dir, 0, 20, NULL, &seen), SB_COSIGN_KNOWN);
        assert_int_equal(seen, i == 0 ? 5 : 9);
        assert_int_equal(asked(dir, seen, 9, NULL, &seen), SB_COSIGN_COSIGNED);
    }
}

static void a_tree_gives_the_same_proofs(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= TREE; n++) {
        struct sb_tree t;
        assert_int_equal(sb_tree_build(&t, hasher, leaves, n), 0);
        for (uint64_t i = 0; i < n; i++) {
            struct sb_proof one, other;
            sb_tree_inclusion(&t, i, &one);
            assert_int_equal(sb_proof_inclusion(hasher, leaves, n, i, &other), 0);
            assert_int_equal(one.n, other.n);
            assert_memory_equal(one.path, other.path, one.n * sizeof *one.path);
        }
        sb_tree_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_the_one_another_library_makes),
        cmocka_unit_test(lists_of_keys_are_strict),
        cmocka_unit_test(it_goes_along_and_never_back),
        cmocka_unit_test(strangers_and_nonsense_are_refused),
        cmocka_unit_test(what_it_vouched_for_is_written_before_it_is_told),
        cmocka_unit_test(a_tree_gives_the_same_proofs),
    };
    return cmocka_run_group_tests(tests, set_up, clear);
}
