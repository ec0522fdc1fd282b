/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the one-pass reader of canonical JSON against the tree of base/json: what the one accepts is exactly what the
 * other writes. Then the reader of ledger entries: what passes as an entry can be decoded, and its spans lie within it,
 * with and without the memory of the entry before. */
#include "fuzz.h"

#include <signalbox/base/json.h>
#include <signalbox/ledger/entry_code.h>

static bool written_the_same(const char *p, size_t n)
{
    json_t *tree = sb_json_parse(p, n, "fuzz", SB_JSON_STRICT, NULL);
    struct sb_str out;
    sb_str_init(&out);
    bool same = tree && sb_json_canonical(&out, tree, NULL) == 0 && out.len == n && memcmp(out.p, p, n) == 0;
    sb_str_release(&out);
    json_decref(tree);
    return same;
}

static void look_inside(const char *p, size_t n)
{
    static const char *const paths[] = {"body", "body.card.id", "plan.case", "a", "a.b.c", "seq"};
    struct sb_span whole = {p, n};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct sb_span found = *p == '{' ? sb_span_find(whole, paths[i]) : (struct sb_span){NULL, 0};
        if (!found.p)
            continue;
        check(found.p > p && found.p + found.n < p + n);
        struct sb_span plain = sb_span_plain(found);
        check(!plain.p || plain.n + 2 == found.n);
        sb_span_int(found);
        json_t *tree = sb_span_json(found, 0), *shallow = sb_span_json(found, 2);
        check(tree && shallow);
        json_decref(tree);
        json_decref(shallow);
    }
}

static void entry(const char *p, size_t n, struct sb_entry_memory *memory)
{
    struct sb_entry_view view, plain;
    struct sb_flaw flaw = {0, NULL};
    struct sb_entry e;
    bool fine = sb_entry_view(p, n, memory, &view, &flaw);
    if (!fine)
        check(flaw.what && flaw.at <= n);
    if (memory->prev[0] == '\0')
        check(sb_entry_view(p, n, NULL, &plain, &flaw) == fine);
    if (!fine)
        return;
    struct sb_span refs[SB_ENTRY_REFS];
    check(sb_entry_refs(&view, refs) <= SB_ENTRY_REFS);
    struct sb_err err = SB_ERR_INIT;
    if (sb_entry_decode(p, n, 0, &e, &err) == 0) {
        check(e.seq == view.seq);
        sb_entry_release(&e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_entry_memory memory = {.prev = ""};
    struct sb_flaw flaw = {0, NULL};
    const char *p = (const char *)data, *end = p + size;
    while (p < end) { /* one text a line; canonical JSON has no newline */
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        bool fine = sb_canonical_check(p, n, &flaw);
        check(fine == written_the_same(p, n));
        if (fine)
            look_inside(p, n);
        else
            check(flaw.what && flaw.at <= n);
        entry(p, n, &memory);
        p += n + 1;
    }
    return 0;
}
