/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of SSH signatures, as armoured text and, so that the fuzzer gets past the base64, as the blob within it:
 * what is read lies within the blob, is the same when it is armoured and read again, and is verified without harm. */
#include "fuzz.h"

#include <signalbox/base/sshsig.h>

static void within(const struct sb_sshsig *sig, struct sb_slice part)
{
    const char *p = part.p;
    check(p >= sig->blob.p && p + part.n <= sig->blob.p + sig->blob.len);
}

static void look(const char *text, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_sshsig sig, again;
    struct sb_str armoured;
    sb_str_init(&armoured);
    if (sb_sshsig_parse(&sig, text, n, &err) == 0) {
        within(&sig, sig.key);
        within(&sig, sig.ns);
        within(&sig, sig.hash);
        within(&sig, sig.algorithm);
        within(&sig, sig.signature);
        sb_sshsig_armour(&armoured, sig.blob.p, sig.blob.len);
        check(sb_sshsig_parse(&again, armoured.p, armoured.len, &err) == 0);
        check(again.blob.len == sig.blob.len && memcmp(again.blob.p, sig.blob.p, sig.blob.len) == 0);
        sb_sshsig_release(&again);
        if (sb_sshsig_verify(&sig, "file", "hello\n", 6, &err))
            check(err.msg[0] && (err.code == SB_ENO || err.code == SB_EINPUT));
        char print[SB_SSHKEY_PRINT];
        check(sb_sshkey_print(sig.key, print, &err) == 0 && strlen(print) == 50);
    } else {
        check(err.msg[0] && err.code == SB_EINPUT);
    }
    sb_sshsig_release(&sig);
    sb_str_release(&armoured);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_str text;
    look((const char *)data, size);
    sb_str_init(&text);
    sb_sshsig_armour(&text, data, size);
    look(text.p, text.len);
    sb_str_release(&text);
    return 0;
}
