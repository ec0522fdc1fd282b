/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the veil of a shown screen. The input is cut in two at its first line end: a collection, and a sentence. Whatever they
 * are, no word of the name is left in either once it is known, no address in numbers is left, and the same text veiled again
 * is the same. */
#include "fuzz.h"

#include "../../src/tui/veil.h"

#include <ctype.h>

static bool word_byte(unsigned char c)
{
    return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

/* A word of `name` that has a letter and is longer than any unit of a figure; written so that it must not be there again. */
static void check_words_gone(const char *name, const char *text)
{
    for (const char *p = name; *p;) {
        size_t n = 0, digits = 0;
        while (word_byte((unsigned char)p[n])) {
            digits += isdigit((unsigned char)p[n]) != 0;
            n++;
        }
        /* a pseudonym has eight letters: only what cannot be one is looked for */
        if (n > 8 && digits != n)
            for (const char *q = text; (q = memmem(q, strlen(q), p, n)); q++)
                check((q > text && word_byte((unsigned char)q[-1])) || word_byte((unsigned char)q[n]));
        p += n ? n : 1;
    }
}

/* No address in numbers is left: four of them with dots between. */
static void check_addresses_gone(const char *text)
{
    for (const char *p = text; *p; p++) {
        const char *q = p;
        int groups = 0;
        if (p > text && word_byte((unsigned char)p[-1]))
            continue;
        for (size_t n; groups < 4 && (n = strspn(q, "0123456789")) >= 1 && n <= 3; q += n + 1) {
            groups++;
            if (q[n] != '.')
                break;
        }
        check(groups < 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[VEIL_KEY] = "fuzz";
    const uint8_t *end = memchr(data, '\n', size);
    size_t n = end ? (size_t)(end - data) : size;
    char *name = sb_strdup_n((const char *)data, n), *text = sb_strdup_n(end ? (const char *)end + 1 : "", end ? size - n - 1 : 0), *first = NULL;
    struct veil *v = veil_new(key);
    check(name && text && v);
    for (int round = 0; round < 2; round++) {
        struct sb_message *m = sb_message_new(SB_NEWS_ANOMALY, 0);
        struct sb_anomaly *a = m->body;
        check(sb_strs_push(&a->namespaces, &a->namespaces_n, name) == 0 && sb_str_set(&a->title, text) == 0);
        check(veil_message(v, m, 2026) == 0);
        check_words_gone(name, a->title);
        check_words_gone(name, a->namespaces[0]);
        check_addresses_gone(a->title);
        check_addresses_gone(a->namespaces[0]);
        check(!first || strcmp(first, a->title) == 0);
        free(first);
        first = sb_strdup_n(a->title, strlen(a->title));
        check(first != NULL);
        sb_message_free(m);
    }
    free(first);
    free(name);
    free(text);
    veil_free(v);
    return 0;
}
