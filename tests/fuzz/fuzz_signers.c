/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the readers of allowed_signers files and of lists of revoked keys: a line is a signer or a problem, a signer has a
 * key and principals, what is asked of it is answered, and no list of revoked keys passes with a line that is no key. */
#include "fuzz.h"

#include <signalbox/base/sshsig.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    struct sb_signers s, revoked;
    sb_problems_init(&problems);
    check(sb_signers_parse(&s, text, size, "fuzz", &problems, &err) == 0);
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    check(s.n + problems.count <= lines);
    for (size_t i = 0; i < s.n; i++) {
        struct sb_slice key = {s.items[i].key.p, s.items[i].key.len};
        check(key.n > 11 && s.items[i].principals && s.items[i].principals[0] && s.items[i].line <= lines);
        int allowed = sb_signers_allow(&s, "alice@example.org", key, "file", INT64_C(1767603600000), &err);
        const char *who = sb_signers_find(&s, key, "file", INT64_C(1767603600000));
        check(allowed != 0 || who);
        check(sb_signers_allow(&s, "alice@example.org", (struct sb_slice){"x", 1}, "file", 0, &err) == -1);
    }
    sb_signers_release(&s);
    if (sb_revoked_parse(&revoked, text, size, "fuzz", &err) == 0) {
        for (size_t i = 0; i < revoked.n; i++)
            check(sb_revoked_has(&revoked, (struct sb_slice){revoked.items[i].key.p, revoked.items[i].key.len}));
        sb_signers_release(&revoked);
    } else {
        check(err.msg[0]);
    }
    sb_problems_release(&problems);
    return 0;
}
