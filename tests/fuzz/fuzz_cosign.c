/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the readers of what hosts send to each other about their ledgers: requests to a witness, cosigned notes, lists of keys.
 * What is read lies within its bounds and is written again byte for byte, and nothing but a true signature is believed. */
#include "fuzz.h"

#include <signalbox/ledger/cosign.h>

static const char witness_text[] = "beta+6e3910da+BAu8NGpXZnw4ASC9nH/X5R0sX9/qN80vW/QFssa/by14";

static void as_request(const char *p, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_cosign_request r;
    struct sb_str again;
    if (sb_cosign_request_parse(&r, p, n, "fuzz", &err)) {
        check(err.msg[0]);
        return;
    }
    check(r.old >= 0 && r.proof.n <= SB_COSIGN_PROOF_MAX && r.note.n && (const char *)r.note.p > p && (const char *)r.note.p + r.note.n == p + n);
    sb_str_init(&again);
    sb_cosign_request_format(&again, r.old, &r.proof, r.note);
    check(again.len == n && memcmp(again.p, p, n) == 0);
    sb_str_release(&again);
}

static void as_cosigned(const char *p, size_t n, const struct sb_log_key *witness)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_note note;
    int64_t at = -1;
    if (sb_note_parse(&note, p, n, "fuzz", &err) == 0) {
        int found = sb_cosigned(&note, witness, &at, &err);
        check(found >= -1 && found <= 1 && (found != 1 || at >= 0));
    }
    sb_note_release(&note);
}

static void as_keys(const char *p, size_t n, uint8_t type)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_key_list keys;
    if (sb_key_list_parse(&keys, type, p, n, "fuzz", &err) == 0)
        for (size_t i = 0; i < keys.n; i++)
            check(keys.item[i].type == type && !keys.item[i].secret && (type == SB_KEY_LOG || sb_cosigner_name_ok(keys.item[i].name)));
    else
        check(err.msg[0]);
    sb_key_list_release(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_key witness;
    check(sb_cosigner_key_parse(&witness, witness_text, sizeof witness_text - 1, "key", &err) == 0);
    as_request((const char *)data, size);
    as_cosigned((const char *)data, size, &witness);
    as_keys((const char *)data, size, SB_KEY_LOG);
    as_keys((const char *)data, size, SB_KEY_COSIGNER);
    return 0;
}
