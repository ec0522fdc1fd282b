/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the readers of signed notes, checkpoints and keys of logs: what is read lies within the note and has text and
 * signatures, a checkpoint that is accepted is written again byte for byte, a key too, and nothing unsigned is accepted where a
 * key is known. */
#include "fuzz.h"

#include <signalbox/ledger/checkpoint.h>

static const char key_text[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static void as_note(const char *p, size_t n, const struct sb_log_keys *keys)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_note note;
    if (sb_note_parse(&note, p, n, "fuzz", &err) == 0) {
        check(note.n >= 1 && note.text.n >= 1 && ((const char *)note.text.p)[note.text.n - 1] == '\n' && (const char *)note.text.p == p && note.text.n < n);
        for (size_t i = 0; i < note.n; i++) {
            const char *name = note.signatures[i].name.p;
            check(note.signatures[i].name.n && name > p && name + note.signatures[i].name.n < p + n && note.signatures[i].bytes.len > 4);
            struct sb_sshsig sig;
            if (sb_note_ssh(&note, i, &sig, &err) == 1)
                sb_sshsig_release(&sig);
        }
        check(sb_note_verify(&note, keys->item, keys->n, &err) <= (int)note.n);
    } else {
        check(err.msg[0]);
    }
    sb_note_release(&note);
}

static void as_checkpoint(const char *p, size_t n, const struct sb_log_keys *keys)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_checkpoint c;
    struct sb_str again;
    sb_str_init(&again);
    if (sb_checkpoint_parse(&c, p, n, NULL, "fuzz", &err) == 0) {
        sb_checkpoint_format(&again, &c);
        check(again.len <= n && memcmp(again.p, p, again.len) == 0);
        check(sb_checkpoint_parse(&c, again.p, again.len, keys, "fuzz", &err) == -1); /* without its signatures */
    } else {
        check(err.msg[0]);
    }
    sb_str_release(&again);
}

static void as_key(const char *p, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key k;
    struct sb_str again;
    sb_str_init(&again);
    if (sb_log_key_parse(&k, p, n, "fuzz", &err) == 0) {
        sb_log_key_format(&again, &k, k.secret);
        check(again.len <= n && memcmp(again.p, p, again.len) == 0);
    }
    sb_str_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_keys keys = {.n = 1};
    check(sb_log_key_parse(&keys.item[0], key_text, sizeof key_text - 1, "key", &err) == 0);
    as_note((const char *)data, size, &keys);
    as_checkpoint((const char *)data, size, &keys);
    as_key((const char *)data, size);
    return 0;
}
