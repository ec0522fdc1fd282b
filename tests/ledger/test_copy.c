/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of a ledger: whole, cut, changed at every byte of an entry, made anew behind what was signed, with notes of every kind. */
#include "fill.h"

#include <signalbox/base/file.h>
#include <signalbox/ledger/copy.h>
#include <signalbox/ledger/entry_code.h>

#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES 6

/* A ledger's entries, one a line, with where each begins. */
static struct {
    char dir[300], log[SB_LOG_ID_LEN + 1];
    struct sb_str all;
    size_t at[ENTRIES + 1];
    struct sb_hash root; /* of all */
    struct sb_log_key key;
    struct sb_log_keys keys;
    struct sb_key_list witnesses;
} its;

static int add_line(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    (void)ctx;
    (void)err;
    its.at[seq - 1] = its.all.len;
    sb_str_add(&its.all, bytes, n);
    sb_str_addc(&its.all, '\n');
    its.at[seq] = its.all.len;
    return 0;
}

static void write_to(const char *name, const char *bytes, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", its.dir, name);
    sb_assert_ok(sb_file_write(path, 0600, bytes, n, &err), err);
}

static struct sb_copy *verify(const struct sb_log_keys *keys)
{
    static struct sb_copy c;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_copy_verify(its.dir, its.log, keys, &its.witnesses, INT64_C(1800000000), &c, &err), err);
    assert_true(c.ok == (c.what[0] == '\0') && sb_utf8_valid(c.what, strlen(c.what)));
    return &c;
}

static void sign(const char *name, int64_t size, const struct sb_hash *root, const struct sb_log_key *key, const struct sb_log_key *witness, int64_t at_s)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_checkpoint c = {.size = size, .root = *root};
    struct sb_str note, body;
    sb_str_init(&note);
    sb_str_init(&body);
    snprintf(c.log, sizeof c.log, "%s", its.log);
    sb_assert_ok(sb_checkpoint_sign(&note, &c, key, &err), err);
    if (witness) {
        sb_checkpoint_format(&body, &c);
        sb_assert_ok(sb_cosign(&note, (struct sb_slice){body.p, body.len}, at_s, witness, &err), err);
    }
    write_to(name, note.p, note.len);
    sb_str_release(&note);
    sb_str_release(&body);
}

static struct sb_log_key witness;

static int start(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_origin origin;
    char own[300], name[80], path[400];
    struct sb_str line;
    sb_str_init(&its.all);
    sb_str_init(&line);
    snprintf(own, sizeof own, "%s/own", sb_test_dir());
    snprintf(its.dir, sizeof its.dir, "%s/copy", sb_test_dir());
    snprintf(path, sizeof path, "%s/" SB_COPY_COSIGNED, its.dir);
    assert_int_equal(mkdir(own, 0700) | mkdir(its.dir, 0700) | mkdir(path, 0700), 0);
    sb_origin_seeded(&origin, 11);
    struct sb_ledger *l = fill_own(own, &origin);
    for (int i = 0; i < ENTRIES; i++) {
        struct sb_entry e = fill_entry(SB_ENTRY_MARK, NULL, NULL, NULL, json_pack("{s:s}", "text", "a release"));
        sb_assert_ok(sb_ledger_append(l, &e, &err), err);
        sb_entry_release(&e);
    }
    snprintf(its.log, sizeof its.log, "%s", sb_ledger_id(l));
    sb_ledger_close(l);
    l = sb_ledger_open(own, SB_LEDGER_READ, NULL, &err);
    assert_non_null(l);
    sb_assert_ok(sb_ledger_bytes(l, 1, 0, add_line, NULL, &err), err);
    sb_ledger_close(l);
    snprintf(name, sizeof name, "signalbox/%s", its.log);
    sb_assert_ok(sb_log_key_make(&its.key, name, &err), err);
    its.keys = (struct sb_log_keys){.n = 1};
    its.keys.item[0] = its.key;
    sb_assert_ok(sb_cosigner_key_make(&witness, "beta", &err), err);
    sb_log_key_format(&line, &witness, false);
    sb_str_addc(&line, '\n');
    sb_assert_ok(sb_key_list_parse(&its.witnesses, SB_KEY_COSIGNER, line.p, line.len, "keys", &err), err);
    sb_str_release(&line);
    write_to(SB_COPY_ENTRIES, its.all.p, its.all.len);
    its.root = verify(&its.keys)->root;
    return 0;
}

static int end(void **state)
{
    (void)state;
    sb_key_list_release(&its.witnesses);
    sb_str_release(&its.all);
    return 0;
}

/* The whole copy, with nothing that was signed. */
static int fresh(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/" SB_COPY_CHECKPOINT, its.dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/" SB_COPY_COSIGNED "/beta", its.dir);
    unlink(path);
    write_to(SB_COPY_ENTRIES, its.all.p, its.all.len);
    return 0;
}

static void a_whole_one_is_sure_up_to_what_was_signed(void **state)
{
    (void)state;
    struct sb_copy *c = verify(&its.keys);
    assert_true(c->ok && c->entries == ENTRIES && c->sure == 0 && c->by_n == 2 && c->by[0].state == SB_COPY_NONE && c->by[1].state == SB_COPY_NONE);
    sign(SB_COPY_CHECKPOINT, ENTRIES, &its.root, &its.key, NULL, 0);
    sign(SB_COPY_COSIGNED "/beta", ENTRIES, &its.root, &its.key, &witness, 1767603600);
    c = verify(&its.keys);
    assert_true(c->ok && c->sure == ENTRIES && c->by[0].state == SB_COPY_AGREES && c->by[1].state == SB_COPY_AGREES && c->by[1].at_s == 1767603600);
    sign(SB_COPY_COSIGNED "/beta", ENTRIES, &its.root, &its.key, &witness, INT64_C(253402300799)); /* by a clock of the far future */
    assert_int_equal(verify(&its.keys)->by[1].state, SB_COPY_AHEAD);
}

static void every_byte_counts(void **state)
{
    (void)state;
    char *bytes = malloc(its.all.len);
    sign(SB_COPY_CHECKPOINT, ENTRIES, &its.root, &its.key, NULL, 0);
    for (size_t i = its.at[2]; i < its.at[3]; i++) {
        memcpy(bytes, its.all.p, its.all.len);
        bytes[i] ^= 1;
        write_to(SB_COPY_ENTRIES, bytes, its.all.len);
        struct sb_copy *c = verify(&its.keys);
        if (c->ok || (c->bad != 3 && c->bad != 4))
            fail_msg("byte %zu of entry 3: bad %lld: %s", i - its.at[2], (long long)c->bad, c->what);
    }
    free(bytes);
}

static void every_cut_is_seen(void **state)
{
    (void)state;
    sign(SB_COPY_CHECKPOINT, ENTRIES, &its.root, &its.key, NULL, 0);
    for (size_t n = 0; n < its.all.len; n += 1 + n % 5) {
        write_to(SB_COPY_ENTRIES, its.all.p, n);
        struct sb_copy *c = verify(&its.keys);
        assert_false(c->ok);
        assert_true(c->entries < ENTRIES && n >= its.at[c->entries] && n < its.at[c->entries + 1]);
        assert_int_equal(c->bad, n == its.at[c->entries] ? 0 : c->entries + 1);
        assert_int_equal(c->by[0].state, SB_COPY_SHORT);
    }
}

static void another_root_is_a_fork(void **state)
{
    (void)state;
    struct sb_hash other = its.root;
    other.bytes[7] ^= 16;
    sign(SB_COPY_CHECKPOINT, ENTRIES, &other, &its.key, NULL, 0);
    struct sb_copy *c = verify(&its.keys);
    assert_true(!c->ok && c->bad == 0 && c->by[0].state == SB_COPY_FORKED && c->sure == 0 && strstr(c->what, "the ledger signed"));
    sign(SB_COPY_CHECKPOINT, ENTRIES + 9, &its.root, &its.key, NULL, 0);
    assert_int_equal(verify(&its.keys)->by[0].state, SB_COPY_SHORT);
}

static void notes_of_every_kind(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key stranger;
    const struct sb_log_keys none = {.n = 0};
    sb_assert_ok(sb_cosigner_key_make(&stranger, "beta", &err), err);
    sign(SB_COPY_CHECKPOINT, ENTRIES, &its.root, &its.key, NULL, 0);
    assert_int_equal(verify(&none)->by[0].state, SB_COPY_UNREADABLE); /* no key is known: nothing counts */
    sign(SB_COPY_COSIGNED "/beta", ENTRIES, &its.root, &its.key, &stranger, 1767603600);
    struct sb_copy *c = verify(&its.keys);
    assert_true(!c->ok && c->by[1].state == SB_COPY_UNREADABLE && strstr(c->by[1].what, "not cosigned by beta") && c->sure == ENTRIES);
    static const struct { const char *bytes; size_t n; } odd[] = {{"", 0}, {"\n\n\n", 3}, {"\xFF\xFE\0\1", 4}, {"signalbox/x\n1\n\n", 15}};
    for (size_t i = 0; i < SB_COUNT(odd); i++) {
        write_to(SB_COPY_CHECKPOINT, odd[i].bytes, odd[i].n);
        c = verify(&its.keys);
        assert_true(!c->ok && c->by[0].state == SB_COPY_UNREADABLE && c->entries == ENTRIES && sb_utf8_valid(c->by[0].what, strlen(c->by[0].what)));
    }
}

static void lines_of_every_kind(void **state)
{
    (void)state;
    char *bytes = calloc(1, SB_ENTRY_MAX_BYTES + 10 + its.all.len);
    memcpy(bytes, its.all.p, its.at[1]);
    memset(bytes + its.at[1], 'a', SB_ENTRY_MAX_BYTES + 5); /* without an end in sight */
    write_to(SB_COPY_ENTRIES, bytes, its.at[1] + SB_ENTRY_MAX_BYTES + 5);
    struct sb_copy *c = verify(&its.keys);
    assert_true(!c->ok && c->bad == 2 && c->entries == 1 && strstr(c->what, "longer than an entry"));
    write_to(SB_COPY_ENTRIES, "\n", 1);
    c = verify(&its.keys);
    assert_true(!c->ok && c->bad == 1 && c->entries == 0);
    write_to(SB_COPY_ENTRIES, "\0\n", 2);
    assert_int_equal(verify(&its.keys)->bad, 1);
    write_to(SB_COPY_ENTRIES, its.all.p + its.at[1], its.at[3] - its.at[1]); /* from its second entry on */
    c = verify(&its.keys);
    assert_true(c->bad == 1 && strstr(c->what, "it says that it is entry 2"));
    char log[SB_LOG_ID_LEN + 1];
    memcpy(log, its.log, sizeof log);
    write_to(SB_COPY_ENTRIES, its.all.p, its.all.len);
    memset(its.log, '0', SB_LOG_ID_LEN);
    c = verify(&its.keys);
    assert_true(c->bad == 1 && strstr(c->what, "another ledger"));
    memcpy(its.log, log, sizeof log);
    free(bytes);
    struct sb_err err = SB_ERR_INIT;
    struct sb_copy none;
    assert_int_equal(sb_copy_verify("/nonexistent", its.log, &its.keys, NULL, 0, &none, &err), -1);
    assert_int_equal(err.code, SB_EINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_whole_one_is_sure_up_to_what_was_signed, fresh), cmocka_unit_test_setup(every_byte_counts, fresh), cmocka_unit_test_setup(every_cut_is_seen, fresh),
        cmocka_unit_test_setup(another_root_is_a_fork, fresh), cmocka_unit_test_setup(notes_of_every_kind, fresh), cmocka_unit_test_setup(lines_of_every_kind, fresh),
    };
    return cmocka_run_group_tests(tests, start, end);
}
