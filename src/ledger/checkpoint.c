/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>
#include <signalbox/ledger/checkpoint.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define ORIGIN SB_CHECKPOINT_ORIGIN

void sb_checkpoint_format(struct sb_str *out, const struct sb_checkpoint *c)
{
    sb_str_addf(out, ORIGIN "%s\n%" PRId64 "\n", c->log, c->size);
    sb_base64_encode(out, c->root.bytes, SB_HASH_LEN);
    sb_str_addc(out, '\n');
}

int sb_checkpoint_sign(struct sb_str *out, const struct sb_checkpoint *c, const struct sb_log_key *key, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_checkpoint_format(&text, c);
    sb_str_add(out, text.p, text.len);
    sb_str_addc(out, '\n');
    int rc = sb_str_ok(&text) ? sb_note_sign(out, text.p, text.len, key, err) : sb_fail_nomem(err);
    sb_str_release(&text);
    return rc;
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

static bool root_ok(struct sb_hash *root, const char *line)
{
    struct sb_str bytes;
    sb_str_init(&bytes);
    bool good = sb_base64_decode(&bytes, line, strlen(line)) == 0 && bytes.len == SB_HASH_LEN;
    if (good)
        memcpy(root->bytes, bytes.p, SB_HASH_LEN);
    sb_str_release(&bytes);
    return good;
}

static int check_signatures(const char *text, size_t n, const struct sb_log_keys *keys, const char *path, struct sb_err *err)
{
    struct sb_note note;
    int rc = sb_note_parse(&note, text, n, path, err);
    if (rc == 0 && keys && keys->n) {
        int found = sb_note_verify(&note, keys->item, keys->n, err);
        if (found < 0)
            sb_err_prefix(err, "%s", path);
        rc = found > 0 ? 0 : found < 0 ? -1 : sb_fail(err, SB_ENO, "%s is not signed with this ledger's key", path);
    }
    sb_note_release(&note);
    return rc;
}

int sb_checkpoint_parse(struct sb_checkpoint *c, const char *text, size_t n, const struct sb_log_keys *keys, const char *path, struct sb_err *err)
{
    const char *p = text, *end = text + n;
    char line[128];
    if (memchr(text, '\0', n) || !next_line(&p, end, line, sizeof line) || !sb_starts_with(line, ORIGIN) || !log_id_ok(line + strlen(ORIGIN)))
        return sb_fail(err, SB_EINPUT, "%s:1: not a checkpoint: the first line must be %s and the log's id", path, ORIGIN);
    memcpy(c->log, line + strlen(ORIGIN), SB_LOG_ID_LEN + 1);
    bool size_ok = next_line(&p, end, line, sizeof line) && sb_parse_i64(line, &c->size) == 0 && c->size >= 0 && (line[0] != '0' || !line[1]);
    if (!size_ok || line[0] == '-')
        return sb_fail(err, SB_EINPUT, "%s:2: not a checkpoint: the second line must be the number of entries", path);
    if (!next_line(&p, end, line, sizeof line) || !root_ok(&c->root, line))
        return sb_fail(err, SB_EINPUT, "%s:3: not a checkpoint: the third line must be the root, base64", path);
    if (p < end)
        return *p == '\n' ? check_signatures(text, n, keys, path, err)
                          : sb_fail(err, SB_EINPUT, "%s:4: not a checkpoint: only a blank line and signatures may follow the root", path);
    return keys && keys->n ? sb_fail(err, SB_ENO, "%s is not signed", path) : 0;
}

int sb_checkpoint_load(struct sb_checkpoint *c, const struct sb_log_keys *keys, const char *path, struct sb_err *err)
{
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_file_read(path, SB_CHECKPOINT_MAX, &text, err);
    if (rc == 0)
        rc = sb_checkpoint_parse(c, text.p, text.len, keys, path, err);
    sb_str_release(&text);
    return rc == 0 ? 1 : -1;
}

int sb_checkpoint_save(const struct sb_checkpoint *c, const struct sb_log_key *key, const char *path, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    int rc = sb_checkpoint_sign(&text, c, key, err);
    if (rc == 0)
        rc = sb_str_ok(&text) ? sb_file_write(path, 0600, text.p, text.len, err) : sb_fail_nomem(err);
    sb_str_release(&text);
    return rc;
}

const char *sb_checkpoint_text(const struct sb_checkpoint *c, char buf[SB_CHECKPOINT_TEXT])
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, c->root.bytes, SB_HASH_LEN);
    snprintf(buf, SB_CHECKPOINT_TEXT, "%" PRId64 " entries with the root %s", c->size, hex);
    return buf;
}
