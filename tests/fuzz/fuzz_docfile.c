/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the readers of documents (BSON, JSON, Extended JSON, packed or not) and what is inferred from them. Every document
 * given out can be walked to its end; what was inferred adds up to what was given; what ends the reading is said. */
#include "fuzz.h"

#include <signalbox/agents/data_architect.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/formats/docfile.h>
#include <signalbox/formats/extjson.h>

#include <sys/mman.h>
#include <unistd.h>

/* Stops early: a packed file may unpack to more than is worth reading. */
#define ENOUGH (4u << 20)

static void check_object(const struct sb_seen_object *o);

static void check_types(const struct sb_seen_types *types, uint64_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        check(sb_bson_type_name(t->type));
        sum += t->count;
        if (t->type == SB_BSON_OBJECT && t->of.object) {
            check(t->of.object->count <= t->count);
            check_object(t->of.object);
        } else if (t->type == SB_BSON_ARRAY && t->of.array) {
            check(t->of.array->length.count <= t->count && t->of.array->length.sum == t->of.array->elements);
            check_types(&t->of.array->types, t->of.array->elements);
        }
    }
    check(sum == count);
}

static void check_object(const struct sb_seen_object *o)
{
    for (size_t i = 0; i < o->n; i++) {
        check(o->field[i]->count >= 1 && o->field[i]->count <= o->count);
        check_types(&o->field[i]->types, o->field[i]->count);
    }
    if (o->rest)
        check_types(&o->rest->types, o->rest->count);
}

/* A proposal can be made of anything, and held against anything; documents that are all alike keep to it. */
static void validator(const struct sb_infer *in, const uint8_t *last, size_t len)
{
    struct sb_validator v;
    struct sb_err err = SB_ERR_INIT;
    check(sb_validator_propose(in, &v, &err) == 0);
    check(bson_validate(v.schema, BSON_VALIDATE_UTF8, NULL));
    bool kept = sb_validator_accepts(v.schema, last, len);
    check(kept || v.rules_n || sb_infer_totals(in)->repeated);
    sb_validator_release(&v);
}

static void documents(struct sb_docfile *d)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_infer *in = sb_infer_new(&err);
    struct sb_schema_findings findings;
    struct sb_span doc;
    uint64_t n = 0;
    uint8_t *last = NULL;
    size_t last_n = 0;
    int rc = 1;
    check(in);
    while (sb_docfile_bytes(d) < ENOUGH && (rc = sb_docfile_next(d, &doc, &err)) == 1) {
        check(sb_bson_check((const uint8_t *)doc.p, doc.n, NULL));
        check(sb_infer_document(in, (const uint8_t *)doc.p, doc.n, &err) == 0);
        n++;
        free(last);
        last = malloc(last_n = doc.n);
        check(last);
        memcpy(last, doc.p, doc.n);
    }
    check(rc >= 0 || err.msg[0]);
    check(sb_docfile_documents(d) == n && (sb_docfile_damaged(d) == 0) == (sb_docfile_first_damage(d)[0] == '\0'));
    sb_infer_finish(in);
    check(sb_infer_root(in)->count == n);
    check_object(sb_infer_root(in));
    check(sb_schema_find(in, &findings, &err) == 0);
    for (size_t i = 0; i < findings.n; i++)
        check(findings.item[i].text[0] && findings.item[i].next <= findings.n);
    sb_schema_findings_release(&findings);
    if (last)
        validator(in, last, last_n);
    free(last);
    sb_infer_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct sb_err err = SB_ERR_INIT;
    struct sb_docfile *d = sb_docfile_open(path, &err);
    check(d || err.msg[0]);
    if (d)
        documents(d);
    sb_docfile_close(d);
    close(fd);
    if (size && data[0] == '{') {
        struct sb_extjson x = SB_EXTJSON_INIT;
        enum sb_extjson_status status = sb_extjson_read(&x, (const char *)data, size);
        check(status != SB_EXTJSON_OK || (x.at <= size && sb_bson_check(x.p, x.n, NULL)));
        check(status != SB_EXTJSON_BAD || (x.what && x.at <= size));
        sb_extjson_release(&x);
    }
    return 0;
}
