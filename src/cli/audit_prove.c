/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs that can be taken elsewhere: that an entry is in the record, and that a smaller record was only appended to. They are
 * made from the entries, and checked from themselves alone. */
#include "audit.h"

#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/ledger/proof.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROOF_MAX_BYTES (2 << 20)

/* ---- making ---- */

static int take_leaf(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct sb_audit_leaves *l = ctx;
    sb_audit_may_stop();
    if (seq != l->n + 1)
        return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is missing; run: signalbox audit verify", l->n + 1);
    if (sb_merkle_leaf(l->hasher, &l->item[l->n], bytes, n))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    l->n++;
    if (seq == l->wanted && !(l->text = sb_strdup_n(bytes, n)))
        return sb_fail_nomem(err);
    return 0;
}

int sb_audit_leaves_read(struct sb_audit_leaves *l, struct sb_ledger *ledger, struct sb_err *err)
{
    l->hasher = sb_hasher_new();
    l->item = malloc(((size_t)l->want + 1) * sizeof *l->item);
    if (!l->hasher || !l->item)
        return sb_fail_nomem(err);
    if (l->want && sb_ledger_bytes(ledger, 1, l->want, take_leaf, l, err))
        return -1;
    return l->n == l->want ? 0 : sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is missing; run: signalbox audit verify", l->n + 1);
}

void sb_audit_leaves_release(struct sb_audit_leaves *l)
{
    sb_hasher_free(l->hasher);
    free(l->item);
    free(l->text);
}

static json_t *hex(const struct sb_hash *hash)
{
    char text[SB_HEX_LEN + 1];
    sb_hex_encode(text, hash->bytes, SB_HASH_LEN);
    return json_string(text);
}

static json_t *path_json(const struct sb_proof *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->n; i++)
        if (json_array_append_new(list, hex(&p->path[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static int print_proof(const struct sb_audit_leaves *l, const char *log, int64_t first, const struct sb_proof *p, struct sb_err *err)
{
    struct sb_hash root, old;
    if (sb_proof_root(l->hasher, l->item, (uint64_t)l->want, &root) || (!l->wanted && sb_proof_root(l->hasher, l->item, (uint64_t)first, &old)))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    json_t *out = l->wanted ? json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:o,s:o,s:o}", "type", "inclusion", "log", log, "seq", (json_int_t)first, "index", (json_int_t)(first - 1), "size",
                                        (json_int_t)l->want, "entry", l->text, "leaf", hex(&l->item[first - 1]), "path", path_json(p), "root", hex(&root))
                            : json_pack("{s:s,s:s,s:I,s:I,s:o,s:o,s:o}", "type", "consistency", "log", log, "old_size", (json_int_t)first, "size", (json_int_t)l->want, "old_root",
                                        hex(&old), "path", path_json(p), "root", hex(&root));
    if (!out)
        return sb_fail_nomem(err);
    return sb_print_json(out) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

static int number(const char *text, int64_t head, int64_t *out, struct sb_err *err)
{
    if (sb_parse_i64(text, out) || *out < 1)
        return sb_fail(err, SB_EUSAGE, "prove takes numbers of entries from 1 on, not \"%s\"", text);
    return *out > head ? sb_fail(err, SB_EINPUT, "the ledger has %" PRId64 " entries, not %" PRId64, head, *out) : 0;
}

int sb_audit_prove(struct sb_ledger *ledger, const char *first, const char *second, struct sb_err *err)
{
    struct sb_audit_leaves l = {.want = sb_ledger_head(ledger)};
    int64_t n, m = 0;
    if (number(first, l.want, &n, err) || (second && number(second, l.want, &m, err)))
        return -1;
    if (second && m < n)
        return sb_fail(err, SB_EUSAGE, "the second size must not be smaller than the first");
    if (second)
        l.want = m;
    else
        l.wanted = n;
    struct sb_proof proof = {.n = 0};
    int rc = sb_audit_leaves_read(&l, ledger, err);
    if (rc == 0) {
        rc = second ? sb_proof_consistency(l.hasher, l.item, (uint64_t)n, (uint64_t)m, &proof) : sb_proof_inclusion(l.hasher, l.item, (uint64_t)l.want, (uint64_t)n - 1, &proof);
        rc = rc ? sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest") : print_proof(&l, sb_ledger_id(ledger), n, &proof, err);
    }
    sb_audit_leaves_release(&l);
    return rc;
}

/* ---- checking ---- */

static int take_hash(const json_t *value, struct sb_hash *out)
{
    const char *text = json_string_value(value);
    return text && strspn(text, "0123456789abcdef") == SB_HEX_LEN && sb_hex_decode(out->bytes, SB_HASH_LEN, text) == 0 ? 0 : -1;
}

static int take_path(const json_t *list, struct sb_proof *out)
{
    out->n = 0;
    if (!json_is_array(list) || json_array_size(list) > SB_PROOF_MAX)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (take_hash(json_array_get(list, i), &out->path[out->n++]))
            return -1;
    return 0;
}

/* 1 it holds, 0 it does not, -1 it is no proof. */
static int check_inclusion(struct sb_hasher *h, const json_t *proof, const struct sb_proof *path, const struct sb_hash *root)
{
    const char *entry = sb_json_str(proof, "entry");
    int64_t index = sb_json_int(proof, "index"), size = sb_json_int(proof, "size");
    struct sb_hash leaf, said;
    if (!entry || take_hash(json_object_get(proof, "leaf"), &said) || !json_is_integer(json_object_get(proof, "index")) || index < 0 || size < 1)
        return -1;
    if (sb_merkle_leaf(h, &leaf, entry, strlen(entry)) || memcmp(&leaf, &said, sizeof leaf) != 0 || sb_json_int(proof, "seq") != index + 1)
        return 0;
    return sb_proof_included(h, &leaf, (uint64_t)index, (uint64_t)size, path, root);
}

static int check_consistency(struct sb_hasher *h, const json_t *proof, const struct sb_proof *path, const struct sb_hash *root)
{
    struct sb_hash old;
    int64_t first = sb_json_int(proof, "old_size"), size = sb_json_int(proof, "size");
    if (take_hash(json_object_get(proof, "old_root"), &old) || first < 1 || size < 1)
        return -1;
    return sb_proof_consistent(h, (uint64_t)first, (uint64_t)size, path, &old, root);
}

int sb_audit_check_proof(const char *file, bool json, struct sb_err *err)
{
    json_t *proof = sb_json_load(file, PROOF_MAX_BYTES, SB_JSON_STRICT, err);
    if (!proof)
        return -1;
    struct sb_hasher *h = sb_hasher_new();
    struct sb_proof path;
    struct sb_hash root;
    const char *type = sb_json_str(proof, "type"), *text = sb_json_str(proof, "root");
    bool inclusion = sb_streq(type, "inclusion");
    int holds = -1;
    if (h && (inclusion || sb_streq(type, "consistency")) && take_path(json_object_get(proof, "path"), &path) == 0 && take_hash(json_object_get(proof, "root"), &root) == 0)
        holds = inclusion ? check_inclusion(h, proof, &path, &root) : check_consistency(h, proof, &path, &root);
    int rc;
    if (!h)
        rc = sb_fail_nomem(err);
    else if (holds < 0)
        rc = sb_fail(err, SB_EINPUT, "%s is no proof: it must be what audit prove prints", file);
    else if (json)
        rc = sb_print_json(json_pack("{s:b,s:s,s:I,s:s}", "ok", holds, "type", type, "size", (json_int_t)sb_json_int(proof, "size"), "root", text));
    else if (!holds)
        rc = sb_print("NOT PROVEN: the %s proof does not hold\n", type);
    else if (inclusion)
        rc = sb_print("proven: entry %" PRId64 " is in the record of %" PRId64 " entries with the root %s\n  compare the root with a signed checkpoint of that size\n",
                      sb_json_int(proof, "seq"), sb_json_int(proof, "size"), text);
    else
        rc = sb_print("proven: the record of %" PRId64 " entries with the root %s was only appended to since it had %" PRId64 " with the root %s\n"
                      "  compare both roots with signed checkpoints of those sizes\n", sb_json_int(proof, "size"), text, sb_json_int(proof, "old_size"), sb_json_str(proof, "old_root"));
    if (holds >= 0 && rc)
        sb_fail(err, SB_EIO, "cannot write");
    sb_hasher_free(h);
    json_decref(proof);
    return rc ? -1 : !holds;
}
