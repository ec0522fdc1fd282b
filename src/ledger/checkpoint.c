/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/ledger/checkpoint.h>

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define ORIGIN "signalbox/"
#define ROOT_LEN 44 /* base64 of 32 bytes */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void root_text(char out[ROOT_LEN + 1], const struct sb_hash *root)
{
    uint8_t padded[33] = {0};
    memcpy(padded, root->bytes, SB_HASH_LEN);
    for (size_t i = 0; i < 11; i++) {
        const uint8_t *b = padded + 3 * i;
        uint32_t v = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
        for (size_t k = 0; k < 4; k++)
            out[4 * i + k] = base64[v >> (18 - 6 * k) & 63];
    }
    out[ROOT_LEN - 1] = '=';
    out[ROOT_LEN] = '\0';
}

/* 0 when text is exactly what root_text writes for some root. */
static int root_parse(struct sb_hash *root, const char *text)
{
    uint8_t padded[33];
    for (size_t i = 0; i < 11; i++) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            char c = text[4 * i + k];
            const char *found = c ? strchr(base64, c) : NULL;
            if (4 * i + k == ROOT_LEN - 1 && c == '=')
                found = base64;
            if (!found)
                return -1;
            v = v << 6 | (uint32_t)(found - base64);
        }
        padded[3 * i] = (uint8_t)(v >> 16);
        padded[3 * i + 1] = (uint8_t)(v >> 8);
        padded[3 * i + 2] = (uint8_t)v;
    }
    memcpy(root->bytes, padded, SB_HASH_LEN);
    char again[ROOT_LEN + 1];
    root_text(again, root);
    return memcmp(again, text, ROOT_LEN) == 0 ? 0 : -1;
}

void sb_checkpoint_format(struct sb_str *out, const struct sb_checkpoint *c)
{
    char root[ROOT_LEN + 1];
    root_text(root, &c->root);
    sb_str_addf(out, ORIGIN "%s\n%" PRId64 "\n%s\n", c->log, c->size, root);
}

/* The next line of a text, without its newline; false at the end or for a line that has none. */
static bool next_line(const char **p, const char *end, char *line, size_t cap)
{
    const char *newline = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
    if (!newline || (size_t)(newline - *p) >= cap)
        return false;
    memcpy(line, *p, (size_t)(newline - *p));
    line[newline - *p] = '\0';
    *p = newline + 1;
    return true;
}

static bool log_id_ok(const char *id)
{
    size_t n = strspn(id, "0123456789abcdef");
    return n == SB_LOG_ID_LEN && id[n] == '\0';
}

int sb_checkpoint_parse(struct sb_checkpoint *c, const char *text, size_t n, const char *path, struct sb_err *err)
{
    const char *p = text, *end = text + n;
    char line[128];
    if (memchr(text, '\0', n) || !next_line(&p, end, line, sizeof line) || !sb_starts_with(line, ORIGIN) || !log_id_ok(line + strlen(ORIGIN)))
        return sb_fail(err, SB_EINPUT, "%s:1: not a checkpoint: the first line must be %s and the log's id", path, ORIGIN);
    memcpy(c->log, line + strlen(ORIGIN), SB_LOG_ID_LEN + 1);
    bool size_ok = next_line(&p, end, line, sizeof line) && sb_parse_i64(line, &c->size) == 0 && c->size >= 0 && (line[0] != '0' || !line[1]);
    if (!size_ok || line[0] == '-')
        return sb_fail(err, SB_EINPUT, "%s:2: not a checkpoint: the second line must be the number of entries", path);
    if (!next_line(&p, end, line, sizeof line) || strlen(line) != ROOT_LEN || root_parse(&c->root, line))
        return sb_fail(err, SB_EINPUT, "%s:3: not a checkpoint: the third line must be the root, base64", path);
    if (p < end && *p != '\n')
        return sb_fail(err, SB_EINPUT, "%s:4: not a checkpoint: only a blank line and signatures may follow the root", path);
    return 0;
}

int sb_checkpoint_load(struct sb_checkpoint *c, const char *path, struct sb_err *err)
{
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_file_read(path, SB_CHECKPOINT_MAX, &text, err);
    if (rc == 0)
        rc = sb_checkpoint_parse(c, text.p, text.len, path, err);
    sb_str_release(&text);
    return rc == 0 ? 1 : -1;
}

int sb_checkpoint_save(const struct sb_checkpoint *c, const char *path, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_checkpoint_format(&text, c);
    int rc = sb_str_ok(&text) ? sb_file_write(path, 0600, text.p, text.len, err) : sb_fail_nomem(err);
    sb_str_release(&text);
    return rc;
}
