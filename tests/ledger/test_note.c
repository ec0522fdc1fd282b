/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed notes, checkpoints and proofs: published notes and keys, every proof of small trees, and an owner that never signs
 * what disagrees with what was signed before. */
#include "fill.h"

#include <signalbox/base/file.h>
#include <signalbox/ledger/checkpoint.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/ledger/note.h>
#include <signalbox/ledger/proof.h>
#include <signalbox/ledger/verify.h>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define DASH "\xE2\x80\x94"

/* ---- notes: the example that golang.org/x/mod/sumdb/note has published, keys and all ---- */

static const char go_text[] = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
static const char go_secret[] = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_public[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_line[] = DASH " PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct sb_log_key key_of(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key k;
    sb_assert_ok(sb_log_key_parse(&k, text, strlen(text), "key", &err), err);
    return k;
}

static int verdict(const char *note_text, const struct sb_log_key *k, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_note note;
    int rc = sb_note_parse(&note, note_text, strlen(note_text), "note", &err);
    if (rc == 0)
        rc = sb_note_verify(&note, k, n, &err);
    sb_note_release(&note);
    return rc;
}

static void the_published_note_is_made_and_verified(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key secret = key_of(go_secret), public = key_of(go_public);
    struct sb_str s;
    assert_true(secret.secret && !public.secret);
    assert_memory_equal(secret.public_key, public.public_key, 32);
    sb_str_init(&s);
    sb_log_key_format(&s, &secret, true);
    assert_string_equal(s.p, go_secret);
    sb_str_clear(&s);
    sb_log_key_format(&s, &secret, false);
    assert_string_equal(s.p, go_public);
    sb_str_clear(&s);
    sb_assert_ok(sb_note_sign(&s, go_text, strlen(go_text), &secret, &err), err); /* Ed25519 gives the same signature each time */
    assert_string_equal(s.p, go_line);
    sb_str_clear(&s);
    sb_str_addf(&s, "%s\n%s", go_text, go_line);
    assert_int_equal(verdict(s.p, &public, 1), 1);
    /* a signature of somebody unknown is ignored, also one of the same name; a wrong one of a known key spoils the note */
    struct sb_log_key other;
    sb_assert_ok(sb_log_key_make(&other, "EnochRoot", &err), err);
    assert_int_equal(verdict(s.p, &other, 1), 0);
    sb_assert_ok(sb_note_sign(&s, go_text, strlen(go_text), &other, &err), err);
    sb_str_addf(&s, DASH " PeterNeumann AAAAAHZ2\n");
    assert_int_equal(verdict(s.p, &public, 1), 1);
    struct sb_log_key both[] = {public, other};
    assert_int_equal(verdict(s.p, both, 2), 2);
    s.p[3] = 'Y';
    assert_int_equal(verdict(s.p, both, 2), -1);
    sb_str_release(&s);
}

static void the_specification_s_notes_are_read(void **state)
{
    (void)state;
    static const char poem[] = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \xC3\xA8 subito sera.\n\n" DASH
                               " quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    struct sb_err err = SB_ERR_INIT;
    struct sb_note note;
    sb_assert_ok(sb_note_parse(&note, poem, strlen(poem), "poem", &err), err); /* the text holds a blank line of its own */
    assert_int_equal(note.text.n, strstr(poem, "sera.\n") + 6 - poem);
    assert_int_equal(note.n, 1);
    assert_int_equal(note.signatures[0].bytes.len, 68);
    sb_note_release(&note);
    static const char *const wrong[] = {
        "", "\n", "text\n", "text\n\n", "text\n\nx y z\n", "text\n\n" DASH " name\n", "text\n\n" DASH " name \n", "text\n\n" DASH "  AAAAAAAA\n", "text\n\n" DASH " na+me AAAAAAAA\n",
        "text\n\n" DASH " name AAAA\n", "text\n\n" DASH " name AAAAAAA\n", "text\n\n" DASH " name AAAAAAAA", "te\txt\n\n" DASH " name AAAAAAAA\n", "\xff\n\n" DASH " name AAAAAAAA\n",
        "text\n\n- name AAAAAAAA\n", "text\n" DASH " name AAAAAAAA\n",
    };
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        if (sb_note_parse(&note, wrong[i], strlen(wrong[i]), "wrong", &err) == 0)
            fail_msg("%s", wrong[i]);
        assert_non_null(strstr(err.msg, "wrong:"));
        sb_note_release(&note);
    }
    static const char *const bad_keys[] = {"", "name", "name+c74f20a3", "name+c74f20a3+AAAA", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                           "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"};
    for (size_t i = 0; i < SB_COUNT(bad_keys); i++) {
        struct sb_log_key k;
        assert_int_equal(sb_log_key_parse(&k, bad_keys[i], strlen(bad_keys[i]), "key", &err), -1);
    }
}

/* ---- proofs ---- */

static struct sb_hash naive(struct sb_hasher *h, const struct sb_hash *leaves, size_t n)
{
    struct sb_hash out;
    if (n == 1)
        return leaves[0];
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    struct sb_hash left = naive(h, leaves, k), right = naive(h, leaves + k, n - k);
    assert_int_equal(sb_merkle_node(h, &out, &left, &right), 0);
    return out;
}

#define TREE 70

/* Every proof of every small tree holds, and none holds for another leaf, place, root, or with a hash more, less or changed. */
static void every_proof_of_small_trees_holds_and_no_other(void **state)
{
    (void)state;
    struct sb_hasher *h = sb_hasher_new();
    static struct sb_hash leaves[TREE], roots[TREE + 1];
    for (size_t i = 0; i < TREE; i++) {
        assert_int_equal(sb_merkle_leaf(h, &leaves[i], &i, sizeof i), 0);
        roots[i + 1] = naive(h, leaves, i + 1);
    }
    struct sb_proof p, q;
    assert_int_equal(sb_proof_inclusion(h, leaves, 5, 5, &p), -1);
    assert_int_equal(sb_proof_consistency(h, leaves, 0, 5, &p), -1);
    assert_int_equal(sb_proof_consistency(h, leaves, 6, 5, &p), -1);
    for (size_t n = 1; n <= TREE; n++) {
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(sb_proof_inclusion(h, leaves, n, i, &p), 0);
            assert_true(sb_proof_included(h, &leaves[i], i, n, &p, &roots[n]));
            assert_false(sb_proof_included(h, &leaves[(i + 1) % TREE], i, n, &p, &roots[n]));
            assert_false(sb_proof_included(h, &leaves[i], i, n, &p, &roots[n % TREE + 1 == n ? 1 : n % TREE + 1]));
            if (n > 1)
                assert_false(sb_proof_included(h, &leaves[i], (i + 1) % n, n, &p, &roots[n]));
            q = p;
            q.path[q.n++] = roots[n];
            assert_false(sb_proof_included(h, &leaves[i], i, n, &q, &roots[n]));
            assert_false(sb_proof_included(h, &leaves[i], i, 4 * n, &p, &roots[n])); /* the size must be used up */
            q = p;
            if (q.n) {
                q.path[q.n - 1].bytes[7] ^= 1;
                assert_false(sb_proof_included(h, &leaves[i], i, n, &q, &roots[n]));
                q.n--;
                assert_false(sb_proof_included(h, &leaves[i], i, n, &q, &roots[n]));
            }
        }
        for (size_t m = 1; m <= n; m++) {
            assert_int_equal(sb_proof_consistency(h, leaves, m, n, &p), 0);
            assert_true(sb_proof_consistent(h, m, n, &p, &roots[m], &roots[n]));
            assert_false(sb_proof_consistent(h, m, 4 * n, &p, &roots[m], &roots[n]));
            if (m == n)
                continue;
            assert_false(sb_proof_consistent(h, m, n, &p, &roots[n], &roots[n]));
            assert_false(sb_proof_consistent(h, m, n, &p, &roots[m], &roots[m]));
            q = p;
            q.path[q.n++] = roots[n];
            assert_false(sb_proof_consistent(h, m, n, &q, &roots[m], &roots[n]));
            q = p;
            q.n--;
            assert_false(sb_proof_consistent(h, m, n, &q, &roots[m], &roots[n]));
            q = p;
            q.path[q.n / 2].bytes[31] ^= 0x80;
            assert_false(sb_proof_consistent(h, m, n, &q, &roots[m], &roots[n]));
        }
    }
    sb_hasher_free(h);
}

/* ---- an owner ---- */

static struct sb_origin origin;

static void path_of(char out[200], const char *dir, const char *file)
{
    snprintf(out, 200, "%s/%s", dir, file);
}

static const char *why_of(struct sb_ledger *l)
{
    const char *why = NULL;
    return sb_ledger_writable(l, &why) ? "" : why;
}

static char *file_of(const char *dir, const char *file)
{
    char path[200];
    struct sb_err err = SB_ERR_INIT;
    struct sb_str s;
    path_of(path, dir, file);
    sb_str_init(&s);
    sb_assert_ok(sb_file_read(path, 1 << 20, &s, &err), err);
    return sb_str_take(&s);
}

static void put(const char *dir, const char *file, const char *text)
{
    char path[200];
    struct sb_err err = SB_ERR_INIT;
    path_of(path, dir, file);
    sb_assert_ok(sb_file_write(path, 0600, text, strlen(text), &err), err);
}

static struct sb_verify check(const char *dir)
{
    struct sb_verify v;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_ledger_verify(dir, 0, NULL, NULL, &v, &err), err);
    return v;
}

static void a_checkpoint_that_was_exchanged_is_not_signed_over(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    char *good = file_of(dir, "checkpoint"), *secret = file_of(dir, "checkpoint-key");
    struct sb_log_key k = key_of(secret);
    struct sb_checkpoint c;
    sb_assert_ok(sb_checkpoint_parse(&c, good, strlen(good), NULL, "checkpoint", &err), err);
    /* signed with the right key, of the right size, with another root: what a fork would have signed */
    struct sb_checkpoint fork = c;
    struct sb_str forged;
    sb_str_init(&forged);
    fork.root.bytes[0] ^= 1;
    sb_assert_ok(sb_checkpoint_sign(&forged, &fork, &k, &err), err);
    l = fill_own(dir, &origin);
    assert_string_equal(why_of(l), "");
    put(dir, "checkpoint", forged.p);
    for (int i = 2; i <= 20 && !why_of(l)[0]; i++) { /* until the next checkpoint is due */
        struct sb_entry e = {.kind = SB_ENTRY_STOP, .body = json_object()};
        for (int k2 = 0; k2 < 64; k2++)
            if (sb_ledger_append(l, &e, &err))
                break;
        sb_entry_release(&e);
    }
    assert_non_null(strstr(why_of(l), "was rewritten"));
    sb_ledger_close(l);
    char *after = file_of(dir, "checkpoint");
    assert_string_equal(after, forged.p);
    free(after);
    struct sb_verify v = check(dir);
    assert_false(v.ok);
    l = fill_own(dir, &origin); /* nor when it is opened */
    assert_non_null(strstr(why_of(l), "was rewritten"));
    sb_ledger_close(l);
    /* the right root, signed with a key that the ledger does not name */
    struct sb_log_key other;
    sb_assert_ok(sb_log_key_make(&other, k.name, &err), err);
    sb_str_clear(&forged);
    sb_assert_ok(sb_checkpoint_sign(&forged, &c, &other, &err), err);
    put(dir, "checkpoint", forged.p);
    v = check(dir);
    assert_false(v.ok);
    assert_non_null(strstr(v.what, "not signed with this ledger's key"));
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "not signed with this ledger's key"));
    sb_ledger_close(l);
    /* one of a larger ledger: the tail is gone */
    fork = c;
    fork.size = 100000;
    sb_str_clear(&forged);
    sb_assert_ok(sb_checkpoint_sign(&forged, &fork, &k, &err), err);
    put(dir, "checkpoint.signed", forged.p);
    put(dir, "checkpoint", good);
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "100000 entries with the root"));
    sb_ledger_close(l);
    sb_str_release(&forged);
    free(good);
    free(secret);
}

static void a_key_is_made_once_kept_private_and_replaced_openly(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    char path[200];
    struct stat st;
    struct sb_ledger *l = fill_own(dir, &origin);
    sb_ledger_close(l);
    char *first = file_of(dir, "checkpoint-key");
    path_of(path, dir, "checkpoint-key");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    char *again = file_of(dir, "checkpoint-key");
    assert_string_equal(first, again);
    free(again);
    assert_int_equal(chmod(path, 0644), 0); /* who else has read it? */
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "chmod 600"));
    sb_ledger_close(l);
    assert_int_equal(unlink(path), 0); /* lost: another is made, and both are known */
    l = fill_own(dir, &origin);
    assert_string_equal(why_of(l), "");
    fill_case(l, 2);
    sb_ledger_close(l);
    again = file_of(dir, "checkpoint-key");
    assert_string_not_equal(first, again);
    free(again);
    struct sb_verify v = check(dir);
    assert_string_equal(v.what, "");
    put(dir, "checkpoint-key", "PRIVATE+KEY+what\n");
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "no key of a log"));
    sb_ledger_close(l);
    free(first);
}

/* Files of before there were keys: the checkpoint is not signed, the ledger names no key. */
static void an_older_ledger_gets_its_key_when_it_is_opened(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    char path[200];
    sqlite3 *db = NULL;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    path_of(path, dir, "ledger.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER meta_delete; DELETE FROM meta WHERE key GLOB 'key*'; CREATE TRIGGER meta_delete BEFORE DELETE ON meta BEGIN SELECT raise(ABORT, 'never deleted'); END",
                                  NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char *note = file_of(dir, "checkpoint");
    strstr(note, "\n\n")[1] = '\0';
    put(dir, "checkpoint", note);
    path_of(path, dir, "checkpoint-key");
    assert_int_equal(unlink(path), 0);
    struct sb_verify v = check(dir);
    assert_string_equal(v.what, "");
    l = fill_own(dir, &origin);
    assert_string_equal(why_of(l), "");
    sb_ledger_close(l);
    v = check(dir);
    assert_string_equal(v.what, "");
    put(dir, "checkpoint", note); /* and from then on it must be signed */
    v = check(dir);
    assert_non_null(strstr(v.what, "not signed"));
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "not signed"));
    sb_ledger_close(l);
    free(note);
}

static void a_checkpoint_that_was_taken_away_is_missed(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    char path[200];
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    path_of(path, dir, "checkpoint");
    assert_int_equal(unlink(path), 0);
    struct sb_verify v = check(dir);
    assert_false(v.ok);
    assert_non_null(strstr(v.what, "is gone; it covered 21 entries"));
    l = fill_own(dir, &origin);
    assert_non_null(strstr(why_of(l), "is gone"));
    sb_assert_ok(sb_ledger_rebuild(l, &err), err); /* at somebody's word it is made anew */
    assert_string_equal(why_of(l), "");
    sb_ledger_close(l);
    v = check(dir);
    assert_string_equal(v.what, "");
}

/* A witness out of reach stops nothing; it is brought up when it is there again. */
static void a_witness_that_cannot_be_written_is_told_and_caught_up(void **state)
{
    (void)state;
    const char *dir = sb_test_dir(), *other = sb_test_dir();
    char at[200], away[200];
    const char *why;
    struct sb_err err = SB_ERR_INIT;
    snprintf(at, sizeof at, "%s/mount", other);
    snprintf(away, sizeof away, "%s/away", other);
    assert_int_equal(mkdir(at, 0700), 0);
    char *witness = sb_format("%s/checkpoint", at);
    struct sb_ledger *l = sb_ledger_open_witnessed(dir, witness, SB_LEDGER_OWN, &origin, &err);
    assert_non_null(l);
    assert_int_equal(sb_ledger_witnessed(l, &why), 0);
    assert_string_equal(why, "");
    assert_int_equal(rename(at, away), 0);
    for (int i = 1; i <= 13; i++)
        fill_case(l, i);
    assert_string_equal(why_of(l), "");
    assert_int_equal(sb_ledger_witnessed(l, &why), 0);
    assert_true(strlen(why) > 5);
    assert_int_equal(rename(away, at), 0);
    for (int i = 14; i <= 27; i++)
        fill_case(l, i);
    assert_true(sb_ledger_witnessed(l, &why) > 256);
    assert_string_equal(why, "");
    sb_ledger_close(l);
    struct sb_verify v;
    sb_assert_ok(sb_ledger_verify_against(dir, witness, 0, NULL, NULL, &v, &err), err);
    assert_string_equal(v.what, "");
    assert_int_equal(v.witness, 27 * FILL_CASE_ENTRIES);
    free(witness);
}

int main(void)
{
    sb_origin_system(&origin);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_note_is_made_and_verified),
        cmocka_unit_test(the_specification_s_notes_are_read),
        cmocka_unit_test(every_proof_of_small_trees_holds_and_no_other),
        cmocka_unit_test(a_checkpoint_that_was_exchanged_is_not_signed_over),
        cmocka_unit_test(a_key_is_made_once_kept_private_and_replaced_openly),
        cmocka_unit_test(an_older_ledger_gets_its_key_when_it_is_opened),
        cmocka_unit_test(a_checkpoint_that_was_taken_away_is_missed),
        cmocka_unit_test(a_witness_that_cannot_be_written_is_told_and_caught_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
