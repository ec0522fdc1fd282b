/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/mongo/reply_check.h>

#include <bson/bson.h>

enum { OP_REPLY = 1, OP_MSG = 2013, OP_COMPRESSED = 2012 };
enum { MSG_CHECKSUM = 1, MSG_MORE_TO_COME = 2, MSG_MUST_KNOW = 0xffff };
#define SMALLEST_DOC 5

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const char *sb_reply_check_head(const uint8_t head[SB_REPLY_HEAD], size_t *total)
{
    uint32_t n = le32(head), op = le32(head + 12);
    if (n < SB_REPLY_HEAD + SMALLEST_DOC || n > SB_REPLY_MAX)
        return "its length cannot be";
    if (op == OP_COMPRESSED)
        return "it is compressed, which was not agreed upon";
    if (op != OP_MSG && op != OP_REPLY)
        return "it is of no kind that a server answers with";
    *total = n;
    return NULL;
}

/* Walks every element. bson_iter_next checks lengths, ends of strings and types against the end of the document it is in;
 * what it finds corrupt leaves err_off behind. libbson's own bson_validate has no limit of depth in this version. */
static const char *look(bson_iter_t *it, int depth)
{
    if (depth > SB_REPLY_DEPTH)
        return "its documents are nested too deep";
    while (bson_iter_next(it)) {
        bson_iter_t inner;
        const char *wrong = NULL;
        if (BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it))
            wrong = bson_iter_recurse(it, &inner) ? look(&inner, depth + 1) : "a document in it has no end";
        else if (BSON_ITER_HOLDS_CODEWSCOPE(it)) {
            uint32_t len = 0, scope_len = 0;
            const uint8_t *scope = NULL;
            bson_iter_codewscope(it, &len, &scope_len, &scope);
            wrong = bson_iter_init_from_data(&inner, scope, scope_len) ? look(&inner, depth + 1) : "a scope in it has no end";
        }
        if (wrong)
            return wrong;
    }
    return it->err_off ? "it holds what is not BSON" : NULL;
}

/* One document at p, of at most n bytes; *len becomes its length. */
static const char *look_at_document(const uint8_t *p, size_t n, size_t *len)
{
    bson_iter_t it;
    if (n < SMALLEST_DOC || (*len = le32(p)) < SMALLEST_DOC || *len > n)
        return "the length of its document cannot be";
    if (p[*len - 1] != 0 || !bson_iter_init_from_data(&it, p, *len))
        return "its document does not end where it says";
    return look(&it, 1);
}

static const char *look_at_msg(const uint8_t *p, size_t n)
{
    size_t len;
    if (n < 5 + SMALLEST_DOC)
        return "it is too short";
    uint32_t flags = le32(p);
    if (flags & MSG_MUST_KNOW & ~(uint32_t)MSG_CHECKSUM)
        return flags & MSG_MORE_TO_COME ? "more is to come, which was not asked for" : "it has flags that nobody knows";
    if (p[4] != 0)
        return "it does not begin with a document";
    size_t room = n - 5 - (flags & MSG_CHECKSUM ? 4 : 0); /* for the document */
    const char *wrong = look_at_document(p + 5, room, &len);
    return wrong ? wrong : len == room ? NULL : "there is something behind its document";
}

static const char *look_at_reply(const uint8_t *p, size_t n)
{
    if (n < 20)
        return "it is too short";
    uint32_t documents = le32(p + 16);
    for (p += 20, n -= 20; documents; documents--) {
        size_t len;
        const char *wrong = look_at_document(p, n, &len);
        if (wrong)
            return wrong;
        p += len;
        n -= len;
    }
    return n ? "there is something behind its documents" : NULL;
}

const char *sb_reply_check(const uint8_t *msg, size_t n)
{
    size_t total;
    if (n < SB_REPLY_HEAD)
        return "it is too short";
    const char *wrong = sb_reply_check_head(msg, &total);
    if (wrong)
        return wrong;
    if (total != n)
        return "its length is not what it says";
    return le32(msg + 12) == OP_MSG ? look_at_msg(msg + SB_REPLY_HEAD, n - SB_REPLY_HEAD) : look_at_reply(msg + SB_REPLY_HEAD, n - SB_REPLY_HEAD);
}
